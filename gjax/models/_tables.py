"""Interpolation in regular tables, inside compiled functions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["multilinear", "node_and_fraction", "safe_log"]

#: What a logarithm takes for zero, as Gammapy does.
_TINY = float(np.finfo(np.float64).tiny)


def safe_log(values: Any, tiny: float = _TINY) -> np.ndarray:
    """Return the logarithm of values that are not negative; that of a tiny number for zero (host)."""
    return np.log(np.maximum(np.asarray(values, float), tiny))


def node_and_fraction(nodes: Array, x: Array) -> tuple[Array, Array]:
    """Return the node below every x, and where x lies between it and the next: outside of 0 to 1 beyond the ends."""
    nodes = jnp.asarray(nodes, jnp.result_type(x))
    i = jnp.clip(jnp.searchsorted(nodes, x, side="right") - 1, 0, nodes.shape[0] - 2)
    return i, (x - nodes[i]) / (nodes[i + 1] - nodes[i])


def multilinear(table: Array, nodes: Sequence[Array], points: Sequence[Array]) -> Array:
    """Return a table between its nodes, linear in every coordinate, also beyond the ends.

    Parameters
    ----------
    table
        Values, one axis per coordinate.
    nodes
        Coordinates along every axis, increasing.
    points
        Where to interpolate, one array per axis; they broadcast.
    """
    places = [node_and_fraction(one, x) for one, x in zip(nodes, points)]
    table = jnp.asarray(table, jnp.result_type(*points))
    total: Any = 0.0
    for corner in itertools.product((0, 1), repeat=len(places)):
        weight: Any = 1.0
        for (_, fraction), side in zip(places, corner):
            weight = weight * (fraction if side else 1 - fraction)
        index = tuple(i + side for (i, _), side in zip(places, corner))
        total = total + weight * table[index]
    return total

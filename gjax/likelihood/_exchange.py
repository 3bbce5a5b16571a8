"""Other data in place of those of a likelihood: drawn, and put where the measured ones were."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.likelihood._expected import expected_counts, expected_off
from gjax.likelihood._problem import Problem

__all__ = ["draw_data", "with_data"]


def draw_data(problem: Problem, x: Array, key: Array) -> tuple[Any, ...]:
    """Return arrays of data in place of those of every bucket: counts, and off counts (None for others).

    Parameters
    ----------
    problem
        The likelihood, with every bin of cubes.
    x
        Free vector, in units of the scales.
    key
        Random key.
    """
    off = expected_off(problem, x)
    means, structure = jax.tree_util.tree_flatten(tuple(zip(expected_counts(problem, x, off), off)))
    # one call for all bins: every call compiles 1.5 s
    flat = jax.random.poisson(key, jnp.concatenate([mean.ravel() for mean in means])).astype(x.dtype)
    ends = np.cumsum([mean.size for mean in means])[:-1]
    parts = [part.reshape(mean.shape) for part, mean in zip(jnp.split(flat, ends), means)]
    return tuple(jax.tree_util.tree_unflatten(structure, parts))


def with_data(problem: Problem, drawn: Any) -> Problem:
    """Return a problem (or one of leaves that are None) with other data.

    Parameters
    ----------
    problem
        The likelihood.
    drawn
        Per bucket on counts and off counts (or None).
    """
    pairs = [
        (number, name, values)
        for number, both in enumerate(drawn)
        for name, values in zip(("counts", "counts_off"), both)
        if values is not None
    ]

    def leaves(p: Problem) -> list[Any]:
        return [getattr(p.buckets[number], name) for number, name, _ in pairs]

    made: Problem = eqx.tree_at(leaves, problem, [values for _, _, values in pairs], is_leaf=lambda leaf: leaf is None)
    return made

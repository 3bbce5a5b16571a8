"""Point spread functions of any width: transforms at a few widths, and a polynomial in between.

A PSF that is stretched by s has the transform of the original at s times the wave number. As a function of ln s that is
smooth, so few widths say all: between 0.7 and 1.4 transforms are within 2.3e-5.
"""

from __future__ import annotations

import operator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["PSF_WIDTHS", "of_width"]

#: Logarithms of the widths: Chebyshev nodes, which keep the error of the polynomial even.
_NODES = np.log(1.5) * np.cos(np.pi * (np.arange(7) + 0.5) / 7)
#: Factors on the width of a PSF that transforms are made for; those in between are interpolated.
PSF_WIDTHS = np.exp(_NODES)


def _lagrange(width: Array) -> Array:
    """Return the weights of the widths: polynomials that are 1 at one node and 0 at all others."""
    distance = jnp.log(width) - jnp.asarray(_NODES, width.dtype)
    away = _NODES[:, None] - _NODES + np.eye(len(_NODES))
    others = jnp.where(np.eye(len(_NODES), dtype=bool), 1.0, distance)
    return jnp.prod(others / jnp.asarray(away, width.dtype), axis=1)


def of_width(shape: Any, width: Array | None) -> Any:
    """Return a shape with the PSF of one width.

    Parameters
    ----------
    shape
        `RadialShape`, `PointShape` or `GridShape` with tables for every one of `PSF_WIDTHS`.
    width
        Factor on the width; None where the shape has one PSF.
    """
    if width is None:
        return shape
    weights = _lagrange(width)
    tables = [name for name in ("psf", "kernel") if getattr(shape, name, None) is not None]
    where = [operator.attrgetter(name) for name in tables]
    if getattr(shape, "corners", None) is not None:
        where.append(operator.attrgetter("corners.psf"))
    if not where:
        return shape
    made = [jnp.tensordot(weights, get(shape), axes=1) for get in where]
    return eqx.tree_at(lambda s: [get(s) for get in where], shape, made)

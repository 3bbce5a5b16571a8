"""Scales of an axis, and interpolation between nodes that continues outside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["SCALES", "interpolate", "interpolate_grid"]

TINY = np.finfo(float).tiny
Scale = Callable[[Any], Any]
SCALES: dict[str, tuple[Scale, Scale]] = {
    "lin": (lambda x: x, lambda y: y),
    "log": (lambda x: np.log(np.maximum(x, TINY)), np.exp),
    "sqrt": (lambda x: np.sign(x) * np.sqrt(np.abs(x)), lambda y: np.sign(y) * y**2),
}


def interpolate(x: np.ndarray, xp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Linear interpolation that continues the first and last segment outside the nodes.

    Parameters
    ----------
    x
        Where to interpolate.
    xp, fp
        Nodes (strictly increasing, at least two) and their values.

    Examples
    --------
    >>> interpolate(np.array([0.5, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 6.0]))
    array([ 1., 10.])
    """
    index = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)
    slope = (fp[index + 1] - fp[index]) / (xp[index + 1] - xp[index])
    return fp[index] + slope * (x - xp[index])


def interpolate_grid(values: np.ndarray, pix: Sequence[np.ndarray], nearest: bool = False) -> np.ndarray:
    """Multilinear interpolation on a regular grid at continuous pixel coordinates, continued outside the grid.

    Parameters
    ----------
    values
        Array on the grid.
    pix
        One array of pixel coordinates per dimension, of one shape; an axis of a single pixel is constant.
    nearest
        Take the nearest pixel instead.

    Examples
    --------
    >>> interpolate_grid(np.array([1.0, 3.0]), [np.array([0.25, 2.0])])
    array([1.5, 5. ])
    """
    result = np.zeros(pix[0].shape)
    lower, fractions = [], []
    for number, position in zip(values.shape, pix):
        start = np.clip(np.floor(position), 0, max(number - 2, 0)).astype(int)
        fraction = np.zeros_like(position) if number == 1 else position - start
        lower.append(start)
        fractions.append(np.clip(np.round(fraction), 0, 1) if nearest else fraction)
    for corner in np.ndindex(*(2,) * len(pix)):
        weight, index = np.ones(result.shape), []
        for offset, start, fraction, number in zip(corner, lower, fractions, values.shape):
            weight = weight * (fraction if offset else 1 - fraction)
            index.append(np.minimum(start + offset, number - 1))
        # A neighbour without weight may hold NaN.
        result += np.where(weight != 0, weight * values[tuple(index)], 0.0)
    return result

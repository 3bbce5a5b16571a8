"""Multilinear interpolation on a regular grid, in the scales that instrument responses use (pure NumPy)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

__all__ = ["LOG_FLOOR", "interpolate", "scaled"]

# Values are floored here before a logarithm is taken, and come back as 0: the smallest normal 32-bit number.
LOG_FLOOR = float(np.finfo(np.float32).tiny)


def scaled(values: np.ndarray, scale: str) -> np.ndarray:
    """Values in the scale in which an axis is interpolated.

    Parameters
    ----------
    values
        Coordinates along an axis.
    scale
        "lin", "log" or "sqrt".

    Examples
    --------
    >>> scaled(np.array([1.0, np.e]), "log")
    array([0., 1.])
    """
    if scale == "lin":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            return np.log(values)
        if scale == "sqrt":
            return np.sign(values) * np.sqrt(np.abs(values))
    raise ValueError(f"unknown interpolation scale {scale!r}: expected lin, log or sqrt")


def interpolate(
    nodes: Sequence[np.ndarray],
    values: np.ndarray,
    coords: Sequence[np.ndarray],
    *,
    method: str = "linear",
    log_values: bool = False,
) -> np.ndarray:
    """Interpolate a table, continuing the outermost segments outside the nodes.

    Parameters
    ----------
    nodes
        One increasing array per dimension of ``values``, in the scale of the interpolation. Dimensions with a
        single node are constant.
    values
        Table of finite values.
    coords
        One array of coordinates per dimension, in the same scale as the nodes; they are broadcast.
    method
        "linear" (multilinear) or "nearest".
    log_values
        Interpolate the logarithm of the values (floored at `LOG_FLOOR`, which comes back as 0).

    Returns
    -------
    values
        Interpolated values in the shape to which the coordinates broadcast, not clipped; NaN for coordinates that are
        not finite.

    Examples
    --------
    >>> interpolate([np.array([0.0, 1.0])], np.array([1.0, 3.0]), [np.array([0.5, 2.0])])
    array([2., 5.])
    """
    if method not in ("linear", "nearest"):
        raise ValueError(f"unknown interpolation method {method!r}: expected linear or nearest")
    shape = np.broadcast_shapes(*(np.shape(coord) for coord in coords))
    brackets = [_bracket(node, np.asarray(coord, dtype=float)) for node, coord in zip(nodes, coords, strict=True)]
    if method == "nearest":
        index = tuple(np.where(weight <= 0.5, low, high) for low, high, weight in brackets)
        return np.broadcast_to(values[index], shape).copy()
    table = np.log(np.maximum(values, LOG_FLOOR)) if log_values else values
    # A coordinate with a single value shrinks the table once, before the larger work on the others.
    for axis in reversed(range(len(brackets))):
        low, high, weight = brackets[axis]
        if np.size(weight) == 1:
            first = table.take(low.item(), axis=axis)
            if low.item() != high.item():
                first = (1.0 - weight.item()) * first + weight.item() * table.take(high.item(), axis=axis)
            table = first
            brackets.pop(axis)
    result = np.zeros(np.broadcast_shapes(*(np.shape(weight) for _, _, weight in brackets)))
    for corner in product((0, 1), repeat=len(brackets)):
        index = tuple(bracket[side] for bracket, side in zip(brackets, corner, strict=True))
        term = table[index]
        with np.errstate(invalid="ignore"):  # an infinite or NaN coordinate gives NaN
            for (_, _, weight), side in zip(brackets, corner, strict=True):
                term = term * (weight if side else 1.0 - weight)
            result = result + term
    if log_values:
        with np.errstate(over="ignore"):
            result = np.exp(result)
        result = np.where(result <= 2 * LOG_FLOOR, 0.0, result)
    return np.broadcast_to(result, shape).copy()


def _bracket(nodes: np.ndarray, coord: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index below, index above, and weight of the one above."""
    if len(nodes) == 1:
        zero = np.zeros((1,) * coord.ndim, dtype=int)
        return zero, zero, np.zeros(zero.shape)
    low = np.clip(np.searchsorted(nodes, coord, side="right") - 1, 0, len(nodes) - 2)
    with np.errstate(invalid="ignore"):
        weight = (coord - nodes[low]) / (nodes[low + 1] - nodes[low])
    return low, low + 1, weight

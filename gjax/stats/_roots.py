"""Where functions of one variable reach a value: all elements of arrays in one iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["find_rise", "find_root"]

TOLERANCE = 1e-10
MAX_DOUBLINGS = 200


def find_root(
    function: Callable[..., np.ndarray], low: Any, high: Any, *args: Any, tolerance: float = TOLERANCE
) -> np.ndarray:
    """Return where rising functions are zero between two places of opposite sign, by the Illinois rule.

    Parameters
    ----------
    function
        Takes positions (k,) and as many of each argument; called with the elements that are still open.
    low, high
        Places where the function is below (or at) and above zero; elements where it is not are NaN in the result.
    *args
        Arrays that the function takes beside the position.
    tolerance
        Largest error, relative to the larger of position and bracket.
    """
    low, high, *arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (low, high, *args)))
    shape = low.shape
    a, b, *rest = (np.array(x).ravel() for x in (low, high, *arrays))
    fa, fb = function(a, *rest), function(b, *rest)
    found = np.full(a.shape, np.nan)
    found[fa == 0] = a[fa == 0]
    found[fb == 0] = b[fb == 0]
    scale = np.abs(b - a)
    open_ = np.flatnonzero((fa < 0) & (fb > 0))
    side = np.zeros(a.shape, dtype=int)
    for step in range(200):
        if not open_.size:
            break
        x, y, fx, fy = a[open_], b[open_], fa[open_], fb[open_]
        # every fourth step halves the bracket, so that no shape of function is slow
        middle = 0.5 * (x + y) if step % 4 == 3 else (x * fy - y * fx) / (fy - fx)
        middle = np.clip(middle, np.minimum(x, y), np.maximum(x, y))
        value = function(middle, *(array[open_] for array in rest))
        below = value < 0
        moved, last = np.where(below, -1, 1), side[open_]
        a[open_], b[open_] = np.where(below, middle, x), np.where(below, y, middle)
        # the end that stays twice is given half its weight
        fa[open_] = np.where(below, value, np.where(last == 1, fx / 2, fx))
        fb[open_] = np.where(below, np.where(last == -1, fy / 2, fy), value)
        side[open_] = moved
        found[open_] = middle
        width = np.abs(b[open_] - a[open_])
        near = tolerance * (np.abs(middle) + scale[open_])
        slope = (fy - fx) / (y - x)
        with np.errstate(divide="ignore", invalid="ignore"):
            done = (width <= near) | (np.abs(value / slope) <= near) | (value == 0) | np.isnan(value)
        open_ = open_[~done]
    return found.reshape(shape)


def find_rise(function: Callable[..., np.ndarray], level: Any, step: Any, *args: Any) -> np.ndarray:
    """Return how far a function that rises from 0 at 0 like a parabola must go to reach ``level**2``.

    Parameters
    ----------
    function
        Takes distances (k,) and as many of each argument.
    level
        Square root of the rise.
    step
        Guess of the distance (positive); it is doubled where it is too small.
    *args
        Arrays that the function takes beside the distance.
    """
    level, step, *arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (level, step, *args)))
    high = np.array(step)

    def excess(distance: np.ndarray, level: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(function(distance, *rest), 0.0)) - level

    flat = high.ravel()
    columns = [array.ravel() for array in (level, *arrays)]
    short = np.arange(flat.size)
    for _ in range(MAX_DOUBLINGS):
        short = short[excess(flat[short], *(column[short] for column in columns)) < 0]
        if not short.size:
            break
        flat[short] *= 2
    return find_root(excess, 0.0, flat.reshape(high.shape), level, *arrays)

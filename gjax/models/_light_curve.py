"""Lines between the points of a light curve, and integrals of them, inside of compiled functions."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._integrate import expm1_ratio

__all__ = ["integrate_lines", "lines", "with_ends"]

#: How far a line goes on beyond a table [d].
_FAR = 1e6


def with_ends(nodes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a table that goes on along its first and last lines, down to zero and not below (host).

    Parameters
    ----------
    nodes
        Increasing times.
    values
        Values at the times.
    """
    out = []
    # a table of one direction is one of the other with the sign of time
    for x, y in ((-nodes[::-1], values[::-1]), (nodes, values)):
        slope = (y[-1] - y[-2]) / (x[-1] - x[-2])
        far = x[-1] + _FAR
        if slope < 0 and x[-1] - y[-1] / slope < far:
            zero = x[-1] - y[-1] / slope
            more = [(zero, 0.0), (far, 0.0)] if zero > x[-1] else [(far, 0.0)]
        else:
            more = [(far, y[-1] + slope * _FAR)]
        out.append(more)
    left, right = [(-x, y) for x, y in reversed(out[0])], out[1]
    ends = [np.array(part, dtype=float).T for part in (left, right)]
    return (np.concatenate([ends[0][k], own, ends[1][k]]) for k, own in ((0, nodes), (1, values)))  # type: ignore[return-value]


def _segment(nodes: Array, x: Array) -> Array:
    return jnp.clip(jnp.searchsorted(nodes, x, side="right") - 1, 0, nodes.shape[0] - 2)


def _at(nodes: Array, values: Array, i: Array, x: Array) -> Array:
    low, width = nodes[i], nodes[i + 1] - nodes[i]
    return values[i] + (values[i + 1] - values[i]) * ((x - low) / width)


def lines(nodes: Any, values: Array, x: Array) -> Array:
    """Return a table between its nodes, and along its first and last lines beyond.

    Parameters
    ----------
    nodes
        Increasing coordinates.
    values
        Values there.
    x
        Where to evaluate.
    """
    nodes = jnp.asarray(nodes, x.dtype)
    return _at(nodes, jnp.asarray(values, x.dtype), _segment(nodes, x), x)


def integrate_lines(nodes: Any, values: Array, low: Array, width: Array, *, is_log: bool = False) -> Array:
    """Integrate lines between nodes, exactly, without the digits that differences of long sums lose.

    Parameters
    ----------
    nodes
        Increasing coordinates.
    values
        Values there, or their logarithms.
    low, width
        Beginning and length of the intervals.
    is_log
        Whether ``values`` are logarithms, whose exponentials are integrated.
    """
    nodes, values = jnp.asarray(nodes, low.dtype), jnp.asarray(values, low.dtype)

    def part(i: Array, a: Array, length: Array) -> Array:
        if not is_log:
            return length * _at(nodes, values, i, a + 0.5 * length)
        first = _at(nodes, values, i, a)
        slope = (values[i + 1] - values[i]) / (nodes[i + 1] - nodes[i])
        # from the higher end, so that steep lines do not overflow
        top = jnp.where(slope < 0, first, first + slope * length)
        return jnp.exp(top) * length * expm1_ratio(-jnp.abs(slope) * length)

    i, j = _segment(nodes, low), _segment(nodes, low + width)
    every = jnp.arange(nodes.shape[0] - 1)
    whole = jnp.concatenate([jnp.zeros(1, low.dtype), jnp.cumsum(part(every, nodes[:-1], jnp.diff(nodes)))])
    is_one = i == j
    left = part(i, low, jnp.where(is_one, width, nodes[i + 1] - low))
    right = jnp.where(is_one, 0.0, part(j, nodes[j], low + width - nodes[j]))
    between = jnp.where(is_one, 0.0, whole[j] - whole[jnp.minimum(i + 1, j)])
    return left + between + right

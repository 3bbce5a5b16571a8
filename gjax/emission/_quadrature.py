"""Integrals of positive functions over intervals that move with the parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["log_integral", "safe_log", "softplus", "solve_product"]

#: Depth of an exponential, in e-foldings below the largest value of an integrand, at which an interval ends.
DEPTH = 60.0


def safe_log(value: Any) -> Array:
    """Return the logarithm, of a number that is not positive a very low one (with gradient 0)."""
    value = jnp.asarray(value)
    positive = value > 0
    return jnp.where(positive, jnp.log(jnp.where(positive, value, 1.0)), -80.0)


def softplus(x: Array) -> Array:
    """Return ``ln(1 + exp(x))``.

    Written out, because programs that are derived and vectorised in turn trace the function of JAX twice, which fails.
    """
    return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def solve_product(log_product: Array) -> Array:
    """Return ln y of the positive solution of ``y (1 + y) = p``, from ln p.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> float(jnp.exp(solve_product(jnp.log(6.0))).round(12))
    2.0
    """
    root = 0.5 * softplus(np.log(4.0) + log_product)
    return np.log(2.0) + log_product - softplus(root)


def log_integral(
    log_function: Callable[[Array], Array],
    low: Array,
    high: Array,
    nodes: int | Sequence[int],
    breaks: Sequence[Any] = (),
    ends: Sequence[float] = (),
) -> Array:
    """Return the logarithm of the integral of ``exp(log_function)`` from ``low`` to ``high``.

    The interval is cut where the integrand has kinks, and each piece is integrated by the rule of Gauss and Legendre.
    An empty interval (``high <= low``) gives a very low number.

    Parameters
    ----------
    log_function
        Logarithm of the integrand; takes an array of one more dimension than the limits.
    low, high
        Limits, shape (...).
    nodes
        Number of nodes of each piece; a sequence of one more than ``ends`` if there are any.
    breaks
        Kinks that move with the parameters, increasing; shapes that broadcast with the limits.
    ends
        Kinks that do not move; the nodes are in their order, so that the integrand knows the piece of a node.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> value = log_integral(lambda t: -t, jnp.array(0.0), jnp.array(1.0), nodes=12)
    >>> round(float(jnp.exp(value)), 6)
    0.632121
    """
    dtype = jnp.result_type(low, high)
    low, high = jnp.broadcast_arrays(low, high)
    is_empty = high <= low
    high = jnp.where(is_empty, low + 1.0, high)
    counts = (nodes,) if isinstance(nodes, int) else tuple(nodes)
    outer = [low, *(jnp.clip(jnp.asarray(at, dtype), low, high) for at in ends), high]
    place: list[Array] = []
    width: list[Array] = []
    for left, right, count in zip(outer[:-1], outer[1:], counts, strict=True):
        x, weight = np.polynomial.legendre.leggauss(count)
        edges = jnp.stack([left, *(jnp.clip(jnp.asarray(at, dtype), left, right) for at in breaks), right], axis=-1)
        start, half = edges[..., :-1, None], 0.5 * (edges[..., 1:, None] - edges[..., :-1, None])
        for out, nodes_of in ((place, start + half * (1 + x).astype(dtype)), (width, half * weight.astype(dtype))):
            out.append(nodes_of.reshape(*low.shape, -1))
    logs = log_function(jnp.concatenate(place, axis=-1))
    weights = jnp.concatenate(width, axis=-1)
    # pieces outside of the interval have no width; what the integrand is there must not count
    peak = jax.lax.stop_gradient(jnp.max(jnp.where(weights > 0, logs, -jnp.inf), axis=-1, keepdims=True))
    total = jnp.sum(weights * jnp.exp(jnp.where(weights > 0, logs - peak, 0.0)), axis=-1)
    return jnp.where(is_empty, -1e4, peak[..., 0] + safe_log(total))

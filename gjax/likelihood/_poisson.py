"""The Poisson statistic in deviance form, without clipping.

The first two derivatives are written down instead of derived: they are shorter and more accurate than what
automatic differentiation makes of the formula, and programs compile three times faster.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

__all__ = ["cash", "cash_weight", "log_ratio", "ratio_slope", "statistic_in_mu"]

#: Below this ratio of prediction to counts the logarithm goes on as a parabola (see `log_ratio`).
FLOOR = 1e-12


def log_ratio(mu: Array, n: Array) -> Array:
    """Return ``ln(mu / n)`` for n > 0, continued smoothly to zero and negative ``mu``.

    Below a ratio of 1e-12 the logarithm is replaced by its second-order expansion, so that a trial step to a
    negative prediction has a finite value, and a gradient that leads back. Near a ratio of 1 the rounding error
    of the division is put back, which is what ``log1p`` would do, with one logarithm for all cases.
    """
    has_counts = n > 0
    safe_n = jnp.where(has_counts, n, 1.0)
    ratio = jnp.where(has_counts, mu / safe_n, 1.0)
    is_low = ratio < FLOOR
    safe = jnp.where(is_low, FLOOR, ratio)
    lost = jnp.where(has_counts, (mu - safe_n) / safe_n, 0.0) - (ratio - 1.0)
    regular = jnp.log(safe) + jnp.where(jnp.abs(ratio - 1.0) < 0.5, lost / safe, 0.0)
    t = jnp.where(is_low, ratio / FLOOR - 1.0, 0.0)
    return jnp.where(is_low, regular + t - 0.5 * t * t, regular)


def ratio_slope(mu: Array, n: Array) -> tuple[Array, Array]:
    """Return the first and second derivative of ``n * log_ratio(mu, n)`` by ``mu``; 0 without counts."""
    has_counts = n > 0
    safe_n = jnp.where(has_counts, n, 1.0)
    ratio = jnp.where(has_counts, mu / safe_n, 1.0)
    is_low = ratio < FLOOR
    inverse = 1.0 / jnp.where(is_low, FLOOR, ratio)
    first = jnp.where(is_low, (2.0 - ratio / FLOOR) / FLOOR, inverse)
    second = -inverse * inverse / safe_n
    return jnp.where(has_counts, first, 0.0), jnp.where(has_counts, second, 0.0)


def statistic_in_mu(value: Any, slope: Any, curvature: Any) -> Any:
    """Return ``value(mu, *data)`` with the given first and second derivatives by ``mu``.

    Asking for a derivative by the data is an error, not a zero.
    """

    def rule(function: Any, derivative: Any) -> Any:
        function = jax.custom_jvp(function)

        def jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
            if not all(isinstance(tangent, SymbolicZero) for tangent in tangents[1:]):
                raise NotImplementedError("a statistic can be differentiated by the prediction, not by the data")
            out = function(*primals)
            if isinstance(tangents[0], SymbolicZero):
                return out, jnp.zeros_like(out)
            return out, derivative(*primals) * tangents[0]

        function.defjvp(jvp, symbolic_zeros=True)
        return function

    return rule(value, rule(slope, curvature))


def _cash(mu: Array, n: Array) -> Array:
    has_counts = n > 0
    x = jnp.where(has_counts, (mu - n) / jnp.where(has_counts, n, 1.0), 0.0)
    # an empty bin pushes a negative prediction back; at zero the slope is that of the physical side
    return 2 * jnp.where(has_counts, n * (x - log_ratio(mu, n)), jnp.where(mu < 0, -mu, mu))


def _cash_slope(mu: Array, n: Array) -> Array:
    return 2 * jnp.where(n > 0, 1.0 - ratio_slope(mu, n)[0], jnp.where(mu < 0, -1.0, 1.0))


def _cash_curvature(mu: Array, n: Array) -> Array:
    return -2 * ratio_slope(mu, n)[1]


_cash_in_mu = statistic_in_mu(_cash, _cash_slope, _cash_curvature)


def cash(mu: Array, n: Array) -> Array:
    r"""Return the deviance of each bin: :math:`2(\mu - n + n \ln(n/\mu))`.

    This is the Cash statistic plus :math:`2(n \ln n - n)`, a constant of the data, so that differences keep
    their digits in any precision (Cash 1979, doi:10.1086/156922).

    Parameters
    ----------
    mu
        Predicted counts; may be zero or negative on the way of a fit.
    n
        Observed counts.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> cash(jnp.array([3.0, 2.0]), jnp.array([3.0, 0.0])).tolist()
    [0.0, 4.0]
    """
    return _cash_in_mu(mu, n)


def cash_weight(mu: Array, n: Array) -> Array:
    """Return the Fisher information of ``mu`` in each bin: ``1 / mu``, with counts in place of a vanishing ``mu``."""
    floor = 1e-3 * jnp.maximum(n, 1e-3)
    return 1.0 / jnp.maximum(mu, floor)

"""The Poisson statistic in deviance form, without clipping."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

__all__ = ["cash", "cash_weight", "log_ratio"]

#: Below this ratio of prediction to counts the logarithm goes on as a parabola (see `log_ratio`).
FLOOR = 1e-12


def log_ratio(mu: Array, n: Array) -> Array:
    """Return ``ln(mu / n)`` for n > 0, continued smoothly to zero and negative ``mu``.

    Below a ratio of 1e-12 the logarithm is replaced by its second-order expansion, so that a trial step to a
    negative prediction has a finite value, and a gradient that leads back.
    """
    has_counts = n > 0
    safe_n = jnp.where(has_counts, n, 1.0)
    ratio = jnp.where(has_counts, mu / safe_n, 1.0)
    is_low = ratio < FLOOR
    x = (jnp.where(is_low, FLOOR, ratio) * safe_n - safe_n) / safe_n
    # log1p keeps the digits where mu is close to n; log where mu is far below
    regular = jnp.where(
        jnp.abs(x) < 0.5, jnp.log1p(jnp.where(jnp.abs(x) < 0.5, x, 0.0)), jnp.log(jnp.where(is_low, FLOOR, ratio))
    )
    t = jnp.where(is_low, ratio / FLOOR - 1.0, 0.0)
    return jnp.where(is_low, jnp.log(FLOOR) + t - 0.5 * t * t, regular)


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
    has_counts = n > 0
    x = jnp.where(has_counts, mu / jnp.where(has_counts, n, 1.0) - 1.0, 0.0)
    deviance = n * (x - log_ratio(mu, n))
    # an empty bin pushes a negative prediction back; at zero the slope is that of the physical side
    return 2 * jnp.where(has_counts, deviance, jnp.where(mu < 0, -mu, mu))


def cash_weight(mu: Array, n: Array) -> Array:
    """Return the Fisher information of ``mu`` in each bin: ``1 / mu``, with counts in place of a vanishing ``mu``."""
    floor = 1e-3 * jnp.maximum(n, 1e-3)
    return 1.0 / jnp.maximum(mu, floor)

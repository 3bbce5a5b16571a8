"""The on-off statistic (WStat): Poisson counts with a background that is profiled out in every bin."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from gjax.likelihood._poisson import log_ratio

__all__ = ["background_profile", "wstat", "wstat_weight"]


def background_profile(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    r"""Return the background in the off region that maximises the likelihood at a given signal.

    The root of :math:`\alpha(1+\alpha) b^2 - C b - n_\mathrm{off} \mu = 0` with
    :math:`C = \alpha (n_\mathrm{on} + n_\mathrm{off}) - (1+\alpha)\mu`. Its discriminant is written as a sum of
    squares, so it is never negative; the branches without on or off counts have closed forms.

    Parameters
    ----------
    mu
        Predicted signal counts in the on region; may be negative on the way of a fit.
    n_on, n_off
        Counts.
    alpha
        Ratio of on to off acceptance, > 0.
    """
    both = (n_on > 0) & (n_off > 0)
    on, off = jnp.where(both, n_on, 1.0), jnp.where(both, n_off, 1.0)
    centre = alpha * (on + off) - (1 + alpha) * mu
    root = jnp.sqrt(((1 + alpha) * mu - alpha * (on - off)) ** 2 + 4 * alpha**2 * on * off)
    is_high = centre < 0
    # two forms of the same root: each avoids the difference of two large numbers
    plain = (jnp.where(is_high, 0.0, centre) + root) / (2 * alpha * (1 + alpha))
    conjugate = 2 * off * mu / (root - jnp.where(is_high, centre, -1.0))
    general = jnp.where(is_high, conjugate, plain)
    only_on = jnp.maximum(n_on / (1 + alpha) - mu / alpha, 0.0)
    only_off = jnp.maximum(n_off / (1 + alpha), -mu / alpha)
    return jnp.where(both, general, jnp.where(n_off > 0, only_off, only_on))


def wstat(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    r"""Return the on-off deviance of each bin.

    .. math:: W = 2\left[\mu + (1+\alpha) b - n_\mathrm{on} - n_\mathrm{off}
        - n_\mathrm{on} \ln\frac{\mu + \alpha b}{n_\mathrm{on}} - n_\mathrm{off} \ln\frac{b}{n_\mathrm{off}}\right]

    with b from `background_profile` (XSPEC manual, appendix B, "W statistic"). Bins with ``alpha = 0`` see no
    background: there it is the deviance of ``n_on`` under ``mu``.

    Parameters
    ----------
    mu, n_on, n_off, alpha
        As in `background_profile`; ``alpha`` may be 0.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> mu, n_on, n_off = jnp.array([[2.0, 3.0, 3.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]])
    >>> values = wstat(mu, n_on, n_off, jnp.array([1.0, 0.5, 0.5]))
    >>> [round(v, 4) for v in values.tolist()]
    [4.0, 1.1083, 10.0547]
    """
    has_background = alpha > 0
    ratio = jnp.where(has_background, alpha, 1.0)
    off = jnp.where(has_background, n_off, 0.0)
    b = jnp.where(has_background, background_profile(mu, n_on, off, ratio), 0.0)
    on_rate = mu + alpha * b
    on_part = on_rate - n_on - jnp.where(n_on > 0, n_on * log_ratio(on_rate, n_on), 0.0)
    off_part = b - off - jnp.where(off > 0, off * log_ratio(b, off), 0.0)
    return 2 * (on_part + off_part)


def wstat_weight(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    """Return the Fisher information of ``mu`` with the background profiled: ``1 / (mu + alpha (1 + alpha) b)``."""
    ratio = jnp.where(alpha > 0, alpha, 1.0)
    b = jnp.where(alpha > 0, background_profile(mu, n_on, n_off, ratio), 0.0)
    floor = 1e-3 * jnp.maximum(n_on, 1e-3)
    return 1.0 / jnp.maximum(mu + alpha * (1 + alpha) * b, floor)

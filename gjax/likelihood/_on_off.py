"""The on-off statistic (WStat): Poisson counts with a background that is profiled out in every bin."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from gjax.likelihood._poisson import log_ratio, ratio_slope, statistic_in_mu

__all__ = ["background_profile", "wstat", "wstat_observed", "wstat_weight"]


def _root(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> tuple[Array, Array]:
    """Return the linear coefficient and the square root of the discriminant, for bins with on and off counts."""
    both = (n_on > 0) & (n_off > 0)
    on, off = jnp.where(both, n_on, 1.0), jnp.where(both, n_off, 1.0)
    centre = alpha * (on + off) - (1 + alpha) * mu
    return centre, jnp.sqrt(((1 + alpha) * mu - alpha * (on - off)) ** 2 + 4 * alpha**2 * on * off)


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
    centre, root = _root(mu, n_on, n_off, alpha)
    is_high = centre < 0
    # two forms of the same root: each avoids the difference of two large numbers
    top = jnp.where(is_high, 2 * n_off * mu, centre + root)
    general = top / jnp.where(is_high, root - centre, 2 * alpha * (1 + alpha))
    lone = jnp.maximum(n_off / (1 + alpha), -mu / alpha)
    only_on = jnp.maximum(n_on / (1 + alpha) - mu / alpha, 0.0)
    return jnp.where(both, general, jnp.where(n_off > 0, lone, only_on))


def _safe(mu: Array, n_off: Array, alpha: Array) -> tuple[Array, Array, Array]:
    has_background = alpha > 0
    return has_background, jnp.where(has_background, alpha, 1.0), jnp.where(has_background, n_off, 0.0)


def _profile(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> tuple[Array, Array]:
    """Return the profiled background and the off counts that count; both 0 where alpha is 0."""
    has_background, ratio, off = _safe(mu, n_off, alpha)
    return jnp.where(has_background, background_profile(mu, n_on, off, ratio), 0.0), off


def _wstat(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    b, off = _profile(mu, n_on, n_off, alpha)
    rate = mu + alpha * b
    # without on counts the rate is 0 or more by construction, where there is background; else as in an empty Cash bin
    on_part = rate - n_on - jnp.where(n_on > 0, n_on * log_ratio(rate, n_on), 0.0)
    on_part = jnp.where((n_on > 0) | (rate >= 0), on_part, -rate)
    # each part by itself: added to b, the first would lose its digits in single precision
    off_part = b - off - jnp.where(off > 0, off * log_ratio(b, off), 0.0)
    return 2 * (on_part + off_part)


def _wstat_slope(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    # b minimises the statistic, so it counts as a constant, except where it is pinned to keep the rate at 0
    has_background, ratio, off = _safe(mu, n_off, alpha)
    b, _ = _profile(mu, n_on, n_off, alpha)
    pinned = has_background & (n_on == 0) & (-mu / ratio > off / (1 + ratio))
    log_slope = ratio_slope(mu + alpha * b, n_on)[0]
    regular = jnp.where((n_on > 0) | (mu + alpha * b >= 0), 1.0 - log_slope, -1.0)
    return 2 * jnp.where(pinned, (off / jnp.where(pinned, b, 1.0) - 1.0) / ratio, regular)


def _wstat_curvature(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    has_background, ratio, off = _safe(mu, n_off, alpha)
    b, _ = _profile(mu, n_on, n_off, alpha)
    _, root = _root(mu, n_on, off, ratio)
    both = has_background & (n_on > 0) & (off > 0)
    along = jnp.where(both, ratio * (off - (1 + ratio) * b) / root, 0.0)
    follows = has_background & (n_on > 0) & (off == 0) & (b > 0)
    along = jnp.where(follows, -1.0, along)
    pinned = has_background & (n_on == 0) & (off > 0) & (-mu / ratio > off / (1 + ratio))
    at_zero = 2 * off / (jnp.where(pinned, b, 1.0) * ratio) ** 2
    return jnp.where(pinned, at_zero, -2 * ratio_slope(mu + alpha * b, n_on)[1] * (1 + along))


_wstat_in_mu = statistic_in_mu(_wstat, _wstat_slope, _wstat_curvature)


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
    return _wstat_in_mu(mu, n_on, n_off, alpha)


def wstat_weight(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    """Return the Fisher information of ``mu`` with the background profiled: ``1 / (mu + alpha (1 + alpha) b)``.

    An off region without counts does not make the background certain: there b is at least 1/2, the mean of the
    posterior under the Jeffreys prior. Without it one empty bin would outweigh all others at zero signal.

    Parameters
    ----------
    mu, n_on, n_off, alpha
        As in `wstat`.
    """
    b, off = _profile(mu, n_on, n_off, alpha)
    b = jnp.where(off > 0, b, jnp.maximum(b, 0.5))
    floor = 1e-3 * jnp.maximum(n_on, 1e-3)
    return 1.0 / jnp.maximum(mu + alpha * (1 + alpha) * b, floor)


def wstat_observed(mu: Array, n_on: Array, n_off: Array, alpha: Array) -> Array:
    """Return the observed information of ``mu`` with the background profiled: half the curvature of `wstat`.

    It is 0 without on counts, where the statistic is linear; steep walls, where the prediction is far below the
    counts, are limited.

    Parameters
    ----------
    mu, n_on, n_off, alpha
        As in `wstat`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> n_on, alpha = jnp.array([4.0, 0.0]), jnp.array([0.0, 0.5])
    >>> wstat_observed(jnp.array([2.0, 2.0]), n_on, jnp.array([0.0, 3.0]), alpha).tolist()
    [1.0, 0.0]
    """
    has_counts = n_on > 0
    largest = 1e6 / jnp.where(has_counts, n_on, 1.0)
    return jnp.where(has_counts, jnp.clip(0.5 * _wstat_curvature(mu, n_on, n_off, alpha), 0.0, largest), 0.0)

"""The counting experiment that a norm is equivalent to, and the limits that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

__all__ = ["EquivalentCounts", "discovery_reach", "equivalent_counts", "limit_quantile", "upper_limit"]


class EquivalentCounts(NamedTuple):
    r"""The counting experiment that tells as much about a norm: counts of signal and background.

    With the profiled variance :math:`\sigma^2(\theta)` of the norm, which grows with the norm itself,
    :math:`s = \theta^2 / (\sigma^2(\theta) - \sigma^2(0))` and
    :math:`b = \theta^2 \sigma^2(0) / (\sigma^2(\theta) - \sigma^2(0))^2`
    (Edwards & Weniger, arXiv 1704.05458).

    Parameters
    ----------
    signal, background
        Counts.
    """

    signal: float
    background: float


def equivalent_counts(theta: float, variance: float, before: float) -> EquivalentCounts:
    """Return the equivalent counts of a norm.

    Parameters
    ----------
    theta
        Value of the norm.
    variance, before
        Its profiled variance there, and without signal.

    Examples
    --------
    >>> s, b = equivalent_counts(1.0, (20 + 7) / 20**2, 7 / 20**2)
    >>> round(s, 6), round(b, 6)
    (20.0, 7.0)
    """
    more = variance - before
    if not more > 0:
        return EquivalentCounts(np.inf, np.inf)
    return EquivalentCounts(float(theta**2 / more), float(theta**2 * before / more**2))


def _solve(excess: Callable[[float], float], guess: float) -> float:
    """Return where an increasing function of the logarithm is 0, near a guess."""
    from scipy.optimize import brentq

    low = np.log(guess) - 1e-3
    while excess(low) > 0:
        low -= 1.0
    high = low + 1.0
    while excess(high) < 0:
        high += 1.0
    return float(np.exp(brentq(excess, low, high, xtol=1e-8)))


def limit_quantile(ratio: Any, q: Any, lattice: Any, z: Any, xp: ModuleType = np) -> Any:
    r"""Return how many of its own errors a norm is at the expected limit: Z and the next order in the counts.

    With :math:`\lambda = s + b` the limit of a Poisson experiment is where

    .. math:: \frac{s}{\sqrt\lambda} = Z - \frac{1}{\sqrt\lambda}\left(\frac{Z^2 - 1}{6} - \frac{D}{2}\right)
        - \frac{Z b}{8 \lambda (Z^2/4 + b)}.

    The first is the definition of Edwards & Weniger (arXiv 1704.05458). The second has the skewness of the Poisson
    distribution (Cornish & Fisher 1938) and what limits pay for counts being whole numbers, by how far they are that
    (`gjax.likelihood.lattice`); the third is the mean over data that scatter.

    Parameters
    ----------
    ratio
        Variance of the norm without signal over that with it, which is b/(s + b).
    q
        1/sqrt(s + b) with the equivalent counts.
    lattice
        D, between 0 and 1.
    z
        One-sided normal quantile.
    xp
        ``numpy`` or ``jax.numpy``.

    Examples
    --------
    >>> limit_quantile(1.0, 0.0, 1.0, 1.6448536).round(4)
    np.float64(1.6449)
    """
    mean = z * ratio * q**2 / (8 * (z**2 * q**2 / 4 + ratio))
    # at the limit it is three quarters of Z at least, but where less is expected there is no bound
    return xp.maximum(z - ((z**2 - 1) / 6 - lattice / 2) * q - mean, 0.5 * z)


def upper_limit(spread: Callable[[float], tuple[float, float]], before: float, z: float) -> float:
    """Return the upper limit on a norm that is expected without signal; see `limit_quantile`.

    Parameters
    ----------
    spread
        Profiled variance of the norm as a function of its value, and how far its counts are whole numbers.
    before
        Variance without signal.
    z
        One-sided normal quantile.

    Examples
    --------
    >>> round(upper_limit(lambda s: (s + 1.0, 1.0), 1.0, 1.6448536), 3)
    3.741
    """

    def excess(at: float) -> float:
        variance, lattice = spread(np.exp(at))
        q = max(variance - before, 0.0) / np.sqrt(variance) * np.exp(-at)
        return float(at - 0.5 * np.log(variance) - np.log(limit_quantile(before / variance, q, lattice, z)))

    return _solve(excess, z * np.sqrt(before))


def _gain(ratio: float) -> float:
    """Return ((1+r) ln(1+r) - r) / r^2, which is 1/2 at r = 0."""
    if ratio < 1e-3:
        return 0.5 - ratio / 6 + ratio**2 / 12
    return float(((1 + ratio) * np.log1p(ratio) - ratio) / ratio**2)


def discovery_reach(variance: Callable[[float], float], before: float, n_sigma: float) -> float:
    r"""Return the norm at which :math:`(s+b) \ln(1 + s/b) - s = Z^2/2` with its equivalent counts.

    Parameters
    ----------
    variance, before
        As in `upper_limit`.
    n_sigma
        Significance Z.

    Examples
    --------
    >>> round(discovery_reach(lambda s: s + 1.0, 1.0, 5.0), 3)
    8.327
    """

    def excess(at: float) -> float:
        # written with s/b, so that nothing cancels where the background is large
        ratio = max(variance(np.exp(at)) / before - 1, 0.0)
        return float(np.log(2 / before * _gain(ratio)) + 2 * at - 2 * np.log(n_sigma))

    return _solve(excess, n_sigma * np.sqrt(before))

"""The counting experiment that a norm is equivalent to, and the limits that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["EquivalentCounts", "discovery_reach", "equivalent_counts", "upper_limit"]


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


def upper_limit(variance: Callable[[float], float], before: float, z: float) -> float:
    r"""Return the norm at which :math:`s / \sqrt{s + b} = Z` with its equivalent counts.

    That is where the norm is Z times its own error.

    Parameters
    ----------
    variance
        Profiled variance of the norm as a function of its value.
    before
        The same without signal.
    z
        One-sided normal quantile.

    Examples
    --------
    >>> round(upper_limit(lambda s: s + 1.0, 1.0, 1.6448536), 3)
    3.482
    """
    return _solve(lambda at: float(2 * at - np.log(variance(np.exp(at))) - 2 * np.log(z)), z * np.sqrt(before))


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

"""What a test statistic means: its distribution where the null hypothesis is true."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

__all__ = ["asimov_significance", "p_value_to_sigma", "ts_p_value"]


def ts_p_value(ts: Any, dof: int = 1, n_boundary: int = 0) -> np.ndarray:
    r"""Probability that the test statistic is at least as large where the null hypothesis is true.

    Without boundaries a chi-square (Wilks 1938). Where b of the parameters that are tested lie at a bound under the
    null hypothesis, the mixture :math:`\sum_j \binom{b}{j} 2^{-b} \chi^2_{dof - b + j}` (Chernoff 1954,
    doi:10.1214/aoms/1177728725; Self & Liang 1987): half a chi-square for a single norm that cannot be negative. The
    mixture is exact for one parameter at a bound, and for more if their estimates are independent.

    Parameters
    ----------
    ts
        Test statistic: the difference of -2 ln L between the hypotheses.
    dof
        Number of parameters that are tested.
    n_boundary
        How many of them are at a bound under the null hypothesis.

    Raises
    ------
    ValueError
        If the numbers make no sense.

    Examples
    --------
    >>> ts_p_value(4.0).round(4), ts_p_value(4.0, n_boundary=1).round(4)
    (np.float64(0.0455), np.float64(0.0228))
    """
    from scipy.stats import chi2

    if not 0 <= n_boundary <= dof or dof < 1:
        raise ValueError(f"expected 0 <= n_boundary <= dof and dof >= 1, got {n_boundary} and {dof}")
    ts = np.asarray(ts, dtype=float)
    total = np.zeros(ts.shape)
    for j in range(n_boundary + 1):
        k = dof - n_boundary + j
        total += comb(n_boundary, j) / 2**n_boundary * (chi2.sf(ts, k) if k else np.where(ts > 0, 0.0, 1.0))
    return np.where(ts > 0, total, np.where(np.isnan(ts), np.nan, 1.0))[()]


def p_value_to_sigma(p_value: Any) -> np.ndarray:
    """Number of standard deviations that a normal variable exceeds with a probability (one-sided), at least 0.

    Parameters
    ----------
    p_value
        Probability.

    Examples
    --------
    >>> p_value_to_sigma(0.0227501319).round(6)
    np.float64(2.0)
    """
    from scipy.stats import norm

    return np.maximum(norm.isf(np.asarray(p_value, dtype=float)), 0.0)[()]


def asimov_significance(signal: Any, background: Any, alpha: Any = None) -> np.ndarray:
    """Median significance expected of a counting experiment (Cowan et al. 2011, arXiv 1007.1727).

    Parameters
    ----------
    signal, background
        Expected counts in the on region.
    alpha
        Ratio of the on acceptance to the off acceptance, where the background is measured; None where it is known.

    Examples
    --------
    >>> asimov_significance(10, 4).round(3), asimov_significance(10, 4, alpha=0.1).round(3)
    (np.float64(3.883), np.float64(3.6))
    """
    from gjax.stats._significance import cash_significance, li_ma_significance

    signal, background = np.asarray(signal, dtype=float), np.asarray(background, dtype=float)
    if alpha is None:
        return cash_significance(signal + background, background)[()]
    return li_ma_significance(signal + background, background / np.asarray(alpha, dtype=float), alpha)[()]

"""Differences of a statistic and the number of standard deviations they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["sigma_to_ts", "ts_to_sigma"]


def sigma_to_ts(n_sigma: Any, df: int = 1) -> np.ndarray:
    """Difference of the statistic that stands for a significance (Wilks 1938, doi:10.1214/aoms/1177732360).

    Parameters
    ----------
    n_sigma
        Two-sided significance in standard deviations.
    df
        Number of parameters that the hypotheses differ in.

    Examples
    --------
    >>> sigma_to_ts([1.0, 2.0])
    array([1., 4.])
    >>> round(float(sigma_to_ts(1.0, df=2)), 3)
    2.296
    """
    from scipy.stats import chi2, norm

    n_sigma = np.asarray(n_sigma, dtype=float)
    return n_sigma**2 if df == 1 else chi2.isf(2 * norm.sf(n_sigma), df)


def ts_to_sigma(ts: Any, df: int = 1) -> np.ndarray:
    """Significance that a difference of the statistic stands for; the inverse of `sigma_to_ts`.

    Parameters
    ----------
    ts
        Difference of the statistic; negative ones count as 0.
    df
        Number of parameters that the hypotheses differ in.

    Examples
    --------
    >>> ts_to_sigma([4.0, 9.0])
    array([2., 3.])
    """
    from scipy.stats import chi2, norm

    ts = np.maximum(np.asarray(ts, dtype=float), 0.0)
    return np.sqrt(ts) if df == 1 else norm.isf(chi2.sf(ts, df) / 2)

"""Counts statistics without a model: the WStat deviance and signed significances, as plain numpy functions."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "cash_significance",
    "correlated_significance",
    "disk",
    "li_ma_significance",
    "null_background",
    "null_wstat",
]


def _xlogy_ratio(n: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Return ``n log(n / mu)``, 0 where n is 0."""
    positive = n > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        value = n * np.log(np.where(positive, n, 1.0) / mu)
    return np.where(positive, value, 0.0)


def null_background(n_on: Any, n_off: Any, alpha: Any) -> np.ndarray:
    r"""Best background in the on region when there is no signal: :math:`\alpha (n_{on} + n_{off}) / (1 + \alpha)`.

    Parameters
    ----------
    n_on, n_off
        Counts in the on and off regions.
    alpha
        Ratio of the on acceptance to the off acceptance.

    Examples
    --------
    >>> float(null_background(6, 6, 0.5))
    4.0
    """
    n_on, n_off, alpha = (np.asarray(value, dtype=float) for value in (n_on, n_off, alpha))
    return alpha * (n_on + n_off) / (1.0 + alpha)


def null_wstat(n_on: Any, n_off: Any, alpha: Any) -> np.ndarray:
    r"""On-off deviance of the hypothesis of no signal, profiled over the background.

    .. math:: W = 2 \left[ n_{on} \log\frac{n_{on}}{b} + n_{off} \log\frac{\alpha n_{off}}{b} \right],
              \quad b = \alpha (n_{on} + n_{off}) / (1 + \alpha)

    This is -2 log of the likelihood ratio of Li & Ma 1983 (ApJ 272, 317), equation 17 squared.

    Parameters
    ----------
    n_on, n_off
        Counts in the on and off regions.
    alpha
        Ratio of the on acceptance to the off acceptance; where it is 0 or NaN the result is NaN if there are counts.

    Examples
    --------
    >>> float(null_wstat(4, 8, 0.5))
    0.0
    """
    n_on, n_off, alpha = (np.asarray(value, dtype=float) for value in (n_on, n_off, alpha))
    background = null_background(n_on, n_off, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 2.0 * (_xlogy_ratio(n_on, background) + _xlogy_ratio(n_off, background / alpha))
    return np.where((n_on + n_off > 0) & ~(alpha > 0), np.nan, value)


def li_ma_significance(n_on: Any, n_off: Any, alpha: Any) -> np.ndarray:
    """Significance of the excess in an on-off measurement with the sign of the excess.

    Li & Ma 1983, ApJ 272, 317 (doi:10.1086/161295), equation 17.

    Parameters
    ----------
    n_on, n_off
        Counts in the on and off regions.
    alpha
        Ratio of the on acceptance to the off acceptance.

    Returns
    -------
    significance
        In units of standard deviations; NaN where alpha is 0 or undefined and there are counts.

    Examples
    --------
    >>> round(float(li_ma_significance(149, 117, 1 / 12)), 4)
    20.4497
    """
    n_on, n_off, alpha = (np.asarray(value, dtype=float) for value in (n_on, n_off, alpha))
    deviance = null_wstat(n_on, n_off, alpha)
    return np.sign(n_on - alpha * n_off) * np.sqrt(np.maximum(deviance, 0.0))


def cash_significance(n_on: Any, background: Any) -> np.ndarray:
    r"""Significance of the excess over a known background, with the sign of the excess.

    .. math:: S = \pm\sqrt{2 \left[ n \log(n / b) - (n - b) \right]}

    Cash 1979, ApJ 228, 939 (doi:10.1086/156922). Infinite where counts are seen and none is expected.

    Parameters
    ----------
    n_on
        Counts.
    background
        Expected background counts.

    Examples
    --------
    >>> round(float(cash_significance(20, 10.0)), 4)
    2.7795
    """
    n_on, background = np.asarray(n_on, dtype=float), np.asarray(background, dtype=float)
    deviance = 2.0 * (_xlogy_ratio(n_on, background) - (n_on - background))
    return np.sign(n_on - background) * np.sqrt(np.maximum(deviance, 0.0))


def disk(radius: float) -> np.ndarray:
    """Pixels within a radius [pixel] of the one in the middle.

    Examples
    --------
    >>> disk(1.0).astype(int)
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]])
    """
    # 0.3 / 0.1 is less than 3
    radius = radius * (1 + 1e-9)
    reach = int(np.floor(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x**2 + y**2 <= radius**2


def correlated_significance(
    counts: np.ndarray, npred: np.ndarray, radius: float, seen: np.ndarray | None = None
) -> np.ndarray:
    """Significance of the counts in a disc around every pixel against a known expectation.

    See `cash_significance`; NaN where nothing is expected.

    Parameters
    ----------
    counts, npred
        Images (lat, lon).
    radius
        Radius of the disc [pixel].
    seen
        Pixels that are used; the others are NaN in the result.

    Examples
    --------
    >>> image = np.zeros((5, 5))
    >>> image[2, 2] = 9.0
    >>> correlated_significance(image, np.full((5, 5), 0.2), 1.0)[2, 2].round(3)
    np.float64(4.853)
    """
    from scipy.signal import fftconvolve

    kernel = disk(radius).astype(float)
    n = np.maximum(np.rint(fftconvolve(counts, kernel, mode="same")), 0.0)
    mu = fftconvolve(npred, kernel, mode="same")
    good = mu > 1e-9 * max(1.0, float(np.max(mu, initial=0.0)))
    if seen is not None:
        good &= seen
    return np.where(good, cash_significance(n, np.where(good, mu, 1.0)), np.nan)

"""The Poisson statistics of counts with known and with measured background, as plain numpy functions."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["cash", "cstat", "get_wstat_mu_bkg", "on_off_expectations", "poisson_deviance", "wstat"]


def _floats(*values: Any) -> list[np.ndarray]:
    return [np.asarray(value, dtype=float) for value in values]


def poisson_deviance(n: Any, mu: Any) -> np.ndarray:
    r"""Return :math:`2 [\mu - n + n \log(n / \mu)]`, free of cancellation where both are close.

    Parameters
    ----------
    n
        Counts.
    mu
        Expected counts; infinite deviance where 0 are expected and some are seen, NaN below 0.
    """
    n, mu = _floats(n, mu)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = mu / np.where(n > 0, n, 1.0) - 1.0
        value = np.where(n > 0, n * (x - np.log1p(x)), mu)
        return np.where(mu < 0, np.nan, 2 * value)


def cash(n_on: Any, mu_on: Any) -> np.ndarray:
    r"""Cash statistic :math:`2 (\mu - n \log \mu)`.

    Cash 1979, ApJ 228, 939 (doi:10.1086/156922). Infinite where counts are seen and none is expected.

    Parameters
    ----------
    n_on
        Counts.
    mu_on
        Expected counts.

    Examples
    --------
    >>> cash([0, 3], [2.0, 1.0])
    array([4., 2.])
    """
    n_on, mu_on = _floats(n_on, mu_on)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * (mu_on - np.where(n_on > 0, n_on * np.log(mu_on), 0.0))


def cstat(n_on: Any, mu_on: Any) -> np.ndarray:
    r"""Cash statistic as a deviance, :math:`2 [\mu - n + n \log(n / \mu)]`: 0 where as many are expected as seen.

    Parameters
    ----------
    n_on
        Counts.
    mu_on
        Expected counts.

    Examples
    --------
    >>> cstat([0, 3], [2.0, 3.0])
    array([4., 0.])
    """
    return poisson_deviance(n_on, mu_on)


def on_off_expectations(n_on: Any, n_off: Any, alpha: Any, mu_sig: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts expected in the on and the off region with the background that fits best.

    Both are the larger roots of quadratic equations, written so that neither cancels.

    Parameters
    ----------
    n_on, n_off, alpha, mu_sig
        See `wstat`.
    """
    n_on, n_off, alpha, mu_sig = _floats(n_on, n_off, alpha, mu_sig)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = alpha * (alpha + 1)
        both, signal = alpha * (n_on + n_off), (1 + alpha) * mu_sig
        root = np.sqrt(np.maximum((both - signal) ** 2 + 4 * scale * n_off * mu_sig, 0.0))

        def larger(b: np.ndarray, product: np.ndarray) -> np.ndarray:
            # of x with x^2 - b x - product = 0, where b^2 + 4 product = root^2
            return np.where(b >= 0, (b + root) / 2, 2 * product / np.where(root > b, root - b, np.nan))

        mu_bkg = larger(both - signal, scale * n_off * mu_sig) / scale
        mu_on = larger(both + signal, -scale * n_on * mu_sig) / (1 + alpha)
    good = alpha > 0
    return np.where(good, mu_on, np.nan), np.where(good, mu_bkg, np.nan)


def get_wstat_mu_bkg(n_on: Any, n_off: Any, alpha: Any, mu_sig: Any) -> np.ndarray:
    """Background in the off region that fits best to a given signal.

    Parameters
    ----------
    n_on, n_off, alpha, mu_sig
        See `wstat`.

    Examples
    --------
    >>> round(float(get_wstat_mu_bkg(10, 20, 0.5, 2.0)), 4)
    18.8321
    """
    return on_off_expectations(n_on, n_off, alpha, mu_sig)[1]


def wstat(n_on: Any, n_off: Any, alpha: Any, mu_sig: Any) -> np.ndarray:
    r"""On-off statistic: the Poisson deviance of both regions, profiled over the background.

    .. math:: W = D(n_{on}, \mu_s + \alpha \mu_b) + D(n_{off}, \mu_b), \quad D(n, \mu) = 2 [\mu - n + n \log(n / \mu)]

    Appendix B of the XSPEC manual; Li & Ma 1983, ApJ 272, 317 (doi:10.1086/161295).

    Parameters
    ----------
    n_on, n_off
        Counts in the on and off regions.
    alpha
        Ratio of the on acceptance to the off acceptance; NaN results where it is not positive.
    mu_sig
        Expected signal in the on region.

    Examples
    --------
    >>> wstat([0, 5, 0], [0, 0, 5], [1.0, 0.5, 0.5], [2.0, 3.0, 3.0]).round(4)
    array([ 4.    ,  1.1083, 10.0547])
    """
    mu_on, mu_bkg = on_off_expectations(n_on, n_off, alpha, mu_sig)
    return poisson_deviance(n_on, mu_on) + poisson_deviance(n_off, mu_bkg)

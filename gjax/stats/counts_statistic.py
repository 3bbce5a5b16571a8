"""Excess counts with known or measured background: significances, errors and limits of arrays at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gjax.stats._fit_statistics import cash, poisson_deviance, wstat
from gjax.stats._roots import find_rise, find_root
from gjax.stats._significance import li_ma_significance

__all__ = ["AbstractCountsStatistic", "CashCountsStatistic", "WStatCountsStatistic"]


def _checked(owner: Any, **fields: Any) -> None:
    arrays = {name: np.asarray(value, dtype=float) for name, value in fields.items()}
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{type(owner).__name__}: shapes do not fit together: {shapes}") from error
    for name, array in arrays.items():
        if name.startswith("n_") and np.any(array < 0):
            raise ValueError(f"{type(owner).__name__}: {name} holds negative counts")
    together = np.broadcast_arrays(*arrays.values())
    for name, array in zip(arrays, together):
        object.__setattr__(owner, name, array)


class AbstractCountsStatistic:
    """What counts with known and with measured background have in common."""

    n_on: np.ndarray

    @property
    def n_bkg(self) -> np.ndarray:
        """Background counts."""
        raise NotImplementedError

    @property
    def n_sig(self) -> np.ndarray:
        """Excess counts."""
        raise NotImplementedError

    @property
    def error(self) -> np.ndarray:
        """Error of the excess from the variances of the counts."""
        raise NotImplementedError

    @property
    def stat_null(self) -> np.ndarray:
        """Statistic without a signal."""
        raise NotImplementedError

    @property
    def stat_max(self) -> np.ndarray:
        """Statistic at the excess that fits best."""
        raise NotImplementedError

    @property
    def ts(self) -> np.ndarray:
        """How much the statistic falls from no signal to the best excess."""
        raise NotImplementedError

    @property
    def sqrt_ts(self) -> np.ndarray:
        """Significance of the excess in standard deviations, with its sign."""
        return np.sign(self.n_sig) * np.sqrt(self.ts)

    @property
    def p_value(self) -> np.ndarray:
        """Probability of so large a `ts` above zero if there is no signal: half of chi-square with one parameter."""
        from scipy.stats import chi2

        return 0.5 * chi2.sf(self.ts, 1)

    def compute_errn(self, n_sigma: float = 1.0) -> np.ndarray:
        """Distance below the excess at which the statistic has risen by ``n_sigma**2``."""
        raise NotImplementedError

    def compute_errp(self, n_sigma: float = 1.0) -> np.ndarray:
        """Distance above the excess at which the statistic has risen by ``n_sigma**2``."""
        raise NotImplementedError

    def compute_upper_limit(self, n_sigma: float = 3.0) -> np.ndarray:
        """Signal above the best excess at which the statistic has risen by ``n_sigma**2``."""
        return self.n_sig + self.compute_errp(n_sigma)

    def info_dict(self) -> dict[str, Any]:
        """Counts, background, excess, significance and p-value."""
        return {
            "n_on": self.n_on,
            "background": self.n_bkg,
            "excess": self.n_sig,
            "significance": self.sqrt_ts,
            "p_value": self.p_value,
        }

    def __len__(self) -> int:
        return len(self.n_on)

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.n_on.ndim:
            return f"{name}(shape {self.n_on.shape}, {self.n_on.sum():g} counts, excess {np.nansum(self.n_sig):.6g})"
        return f"{name}({self.n_on:g} counts, excess {self.n_sig:.6g}, {self.sqrt_ts:.4g} sigma)"


@dataclass(frozen=True, eq=False, repr=False)
class CashCountsStatistic(AbstractCountsStatistic):
    r"""Counts over a known background.

    Cash 1979, ApJ 228, 939 (doi:10.1086/156922): :math:`C(s) = 2 [s + b - n \log(s + b)]`, lowest at :math:`s = n - b`.

    Parameters
    ----------
    n_on
        Counts.
    mu_bkg
        Expected background counts.

    Raises
    ------
    ValueError
        If counts are negative or shapes do not fit together.

    Examples
    --------
    >>> stat = CashCountsStatistic([20, 0], [10.0, 1.0])
    >>> stat.n_sig, stat.sqrt_ts.round(3)
    (array([10., -1.]), array([ 2.78 , -1.414]))
    >>> stat.compute_upper_limit(2.0).round(3)
    array([20.324,  2.   ])
    """

    n_on: Any
    mu_bkg: Any

    def __post_init__(self) -> None:
        _checked(self, n_on=self.n_on, mu_bkg=self.mu_bkg)

    @property
    def n_bkg(self) -> np.ndarray:
        return self.mu_bkg

    @property
    def n_sig(self) -> np.ndarray:
        return self.n_on - self.mu_bkg

    @property
    def error(self) -> np.ndarray:
        return np.sqrt(self.n_on)

    @property
    def stat_null(self) -> np.ndarray:
        return cash(self.n_on, self.mu_bkg)

    @property
    def stat_max(self) -> np.ndarray:
        return cash(self.n_on, self.n_on)

    @property
    def ts(self) -> np.ndarray:
        return poisson_deviance(self.n_on, self.mu_bkg)

    def compute_errn(self, n_sigma: float = 1.0) -> np.ndarray:
        """Distance below the excess at which the statistic has risen by ``n_sigma**2``; 0 without counts.

        Parameters
        ----------
        n_sigma
            Square root of the rise.
        """
        # n (exp(y) - 1 - y) = n_sigma^2 / 2 at y < 0; Newton from below falls on the root from one side
        seen = self.n_on > 0
        rise = 0.5 * n_sigma**2 / np.where(seen, self.n_on, 1.0)
        y = -rise - np.sqrt(2 * rise)
        for _ in range(60):
            step = (np.expm1(y) - y - rise) / np.where(rise > 0, np.expm1(y), 1.0)
            y = y - step
            if np.all(np.abs(step) <= 1e-13 * np.abs(y)):
                break
        return np.where(seen, -self.n_on * np.expm1(y), 0.0)

    def compute_errp(self, n_sigma: float = 1.0) -> np.ndarray:
        """Distance above the excess at which the statistic has risen by ``n_sigma**2``.

        Parameters
        ----------
        n_sigma
            Square root of the rise.
        """
        seen = self.n_on > 0
        rise = 0.5 * n_sigma**2 / np.where(seen, self.n_on, 1.0)
        x = rise + np.sqrt(2 * rise)
        for _ in range(60):
            step = (x - np.log1p(x) - rise) * (1 + x) / np.where(x > 0, x, 1.0)
            x = x - step
            if np.all(np.abs(step) <= 1e-13 * np.abs(x)):
                break
        return np.where(seen, self.n_on * x, 0.5 * n_sigma**2)

    def compute_upper_limit(self, n_sigma: float = 3.0) -> np.ndarray:
        """Signal at which the statistic has risen by ``n_sigma**2`` above its lowest value.

        Without counts the statistic rises from a signal of zero, so the limit is ``n_sigma**2 / 2`` for any background.

        Parameters
        ----------
        n_sigma
            Square root of the rise.
        """
        return np.where(self.n_on > 0, self.n_sig, 0.0) + self.compute_errp(n_sigma)

    def n_sig_matching_significance(self, significance: float) -> np.ndarray:
        """Excess that has a given significance; NaN where there is none (no background, or less than no counts).

        Parameters
        ----------
        significance
            Significance in standard deviations; negative for a deficit.
        """
        background = np.where(self.mu_bkg > 0, self.mu_bkg, np.nan)
        n_sigma = abs(significance)

        def deviance(distance: np.ndarray, b: np.ndarray) -> np.ndarray:
            return poisson_deviance(b + distance if significance > 0 else np.maximum(b - distance, 0.0), b)

        if significance > 0:
            return find_rise(deviance, n_sigma, n_sigma * np.sqrt(background) + n_sigma**2 / 3, background)

        def root(distance: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.sqrt(deviance(distance, b)) - n_sigma

        return 0.0 - find_root(root, 0.0, background, background)

    def compute_feldman_cousins(self, confidence_level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of the unified interval of the signal; see `gjax.stats.feldman_cousins`."""
        from gjax.stats._feldman_cousins import feldman_cousins

        return feldman_cousins(self.n_on, self.mu_bkg, confidence_level)

    def sum(self, axis: Any = None) -> CashCountsStatistic:
        """Return the statistic of summed counts and backgrounds.

        Parameters
        ----------
        axis
            Axis or axes to sum over; None for all.
        """
        return CashCountsStatistic(self.n_on.sum(axis=axis), self.mu_bkg.sum(axis=axis))

    def __getitem__(self, key: Any) -> CashCountsStatistic:
        return CashCountsStatistic(self.n_on[key], self.mu_bkg[key])


@dataclass(frozen=True, eq=False, repr=False)
class WStatCountsStatistic(AbstractCountsStatistic):
    """Counts in an on region whose background is measured in an off region.

    Li & Ma 1983, ApJ 272, 317 (doi:10.1086/161295). Everything is NaN where ``alpha`` is not positive.

    Parameters
    ----------
    n_on, n_off
        Counts in the on and off regions.
    alpha
        Ratio of the on acceptance to the off acceptance.
    mu_sig
        Signal counts that are already known, such as those of another source; the excess is what comes on top.

    Raises
    ------
    ValueError
        If counts are negative or shapes do not fit together.

    Examples
    --------
    >>> stat = WStatCountsStatistic(149, 117, 1 / 12)
    >>> round(float(stat.sqrt_ts), 4)
    20.4497
    >>> round(float(stat.compute_errp()), 3)
    12.574
    """

    n_on: Any
    n_off: Any
    alpha: Any
    mu_sig: Any = 0.0

    def __post_init__(self) -> None:
        known = 0.0 if self.mu_sig is None else self.mu_sig
        _checked(self, n_on=self.n_on, n_off=self.n_off, alpha=self.alpha, mu_sig=known)

    @property
    def n_bkg(self) -> np.ndarray:
        return self.alpha * self.n_off

    @property
    def n_sig(self) -> np.ndarray:
        return self.n_on - self.n_bkg - self.mu_sig

    @property
    def error(self) -> np.ndarray:
        return np.sqrt(self.n_on + self.alpha**2 * self.n_off)

    @property
    def stat_null(self) -> np.ndarray:
        return wstat(self.n_on, self.n_off, self.alpha, self.mu_sig)

    @property
    def stat_max(self) -> np.ndarray:
        return np.where(self.alpha > 0, 0.0, np.nan)

    @property
    def ts(self) -> np.ndarray:
        return self.stat_null

    def _distance(self, n_sigma: float, direction: float) -> np.ndarray:
        def rise(distance: np.ndarray, *data: np.ndarray) -> np.ndarray:
            n_on, n_off, alpha = data
            return wstat(n_on, n_off, alpha, n_on - alpha * n_off + direction * distance)

        step = n_sigma * self.error + 0.25 * n_sigma**2 * (1 + self.alpha)
        return find_rise(rise, n_sigma, step, self.n_on, self.n_off, self.alpha)

    def compute_errn(self, n_sigma: float = 1.0) -> np.ndarray:
        """Distance below the excess at which the statistic has risen by ``n_sigma**2``.

        Parameters
        ----------
        n_sigma
            Square root of the rise.
        """
        return self._distance(n_sigma, -1.0)

    def compute_errp(self, n_sigma: float = 1.0) -> np.ndarray:
        """Distance above the excess at which the statistic has risen by ``n_sigma**2``.

        Parameters
        ----------
        n_sigma
            Square root of the rise.
        """
        return self._distance(n_sigma, 1.0)

    def n_sig_matching_significance(self, significance: float) -> np.ndarray:
        """Excess that has a given significance over the background; NaN where there is none.

        Parameters
        ----------
        significance
            Significance in standard deviations; negative for a deficit.
        """
        alpha = np.where(self.alpha > 0, self.alpha, np.nan)
        n_sigma = abs(significance)

        def deviance(distance: np.ndarray, n_off: np.ndarray, alpha: np.ndarray) -> np.ndarray:
            n_on = alpha * n_off + (distance if significance > 0 else -np.minimum(distance, alpha * n_off))
            return li_ma_significance(n_on, n_off, alpha) ** 2

        if significance > 0:
            step = n_sigma * np.sqrt((1 + alpha) * self.n_bkg) + n_sigma**2
            return find_rise(deviance, n_sigma, step, self.n_off, alpha)

        def root(distance: np.ndarray, n_off: np.ndarray, alpha: np.ndarray) -> np.ndarray:
            return np.sqrt(deviance(distance, n_off, alpha)) - n_sigma

        return 0.0 - find_root(root, 0.0, self.n_bkg, self.n_off, alpha)

    def sum(self, axis: Any = None) -> WStatCountsStatistic:
        """Return the statistic of summed counts; ``alpha`` becomes the one that keeps the background.

        Parameters
        ----------
        axis
            Axis or axes to sum over; None for all.
        """
        n_off, background = self.n_off.sum(axis=axis), self.n_bkg.sum(axis=axis)
        with np.errstate(divide="ignore", invalid="ignore"):
            alpha = np.where(n_off > 0, background / n_off, self.alpha.mean(axis=axis))
        return WStatCountsStatistic(self.n_on.sum(axis=axis), n_off, alpha, self.mu_sig.sum(axis=axis))

    def __getitem__(self, key: Any) -> WStatCountsStatistic:
        return WStatCountsStatistic(self.n_on[key], self.n_off[key], self.alpha[key], self.mu_sig[key])

"""The flux that would just be detected."""

from __future__ import annotations

import dataclasses
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from gjax.stats import WStatCountsStatistic

__all__ = ["SensitivityEstimator", "apply_threshold_sensitivity", "flux_time_slope"]


def apply_threshold_sensitivity(
    background: Any, excess: Any, gamma_min: float = 10.0, bkg_syst_fraction: float = 0.05
) -> np.ndarray:
    """Return the excess that is significant, of enough gammas, and more than the systematics of the background.

    Parameters
    ----------
    background
        Expected background counts.
    excess
        Excess that is significant.
    gamma_min
        Smallest number of gammas.
    bkg_syst_fraction
        Smallest fraction of the background.

    Examples
    --------
    >>> apply_threshold_sensitivity([1.0, 1.0, 1000.0], [5.0, 20.0, 30.0])
    array([10., 20., 50.])
    """
    background, excess = np.asarray(background, dtype=float), np.asarray(excess, dtype=float)
    return np.maximum(np.maximum(excess, gamma_min), bkg_syst_fraction * background)


def flux_time_slope(
    statistic: Any, significant: Any, excess: Any, n_sigma: float, gamma_min: float | None = None
) -> np.ndarray:
    r"""Return the logarithmic derivative of the smallest detected flux by observing time.

    Counts, off counts and background grow with time t, and with them the test statistic of an excess S that grows like
    them. At a fixed significance :math:`\sigma` therefore :math:`d \ln S / d \ln t = 1 - \sigma^2 / (S\, \partial TS /
    \partial S)`; the flux is S / t. It is -1/2 where the background dominates and -1 where there is none; -1 where a
    number of gammas is asked for, and 0 where a fraction of the background is.

    Parameters
    ----------
    statistic
        `~gjax.stats.CashCountsStatistic` or `~gjax.stats.WStatCountsStatistic` whose background is the expected one.
    significant
        Excess that is significant.
    excess
        Excess that is asked for.
    n_sigma
        Significance.
    gamma_min
        Smallest number of gammas; None for no other criteria than significance.

    Examples
    --------
    >>> from gjax.stats import CashCountsStatistic
    >>> stat = CashCountsStatistic([0.0, 0.0], [1e6, 1e-4])
    >>> least = stat.n_sig_matching_significance(5.0)
    >>> flux_time_slope(stat, least, least, 5.0).round(2)
    array([-0.5, -0.9])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        n_on = statistic.n_bkg + significant
        if isinstance(statistic, WStatCountsStatistic):
            alpha, n_off = statistic.alpha, statistic.n_off
            slope = 2 * np.log((1 + alpha) / alpha * n_on / (n_on + n_off))
        else:
            slope = 2 * np.log(n_on / statistic.n_bkg)
        steep = -(n_sigma**2) / (significant * slope)
    steep = np.where(np.isfinite(significant), steep, np.nan)
    if gamma_min is None:
        return steep
    return np.select([excess == significant, excess == gamma_min, excess > 0], [steep, -1.0, 0.0], np.nan)


@dataclasses.dataclass(frozen=True)
class SensitivityEstimator:
    """Computes the flux sensitivity of a spectrum, energy bin by energy bin.

    The excess that the background asks for (Li & Ma significance, number of gammas, background systematics) is turned
    into a flux with the exposure and energy dispersion of the dataset.

    Parameters
    ----------
    spectral_model
        Spectrum inside the bins; a power law of index 2 if None. Its amplitude does not matter.
    n_sigma
        Significance.
    gamma_min
        Smallest number of gammas.
    bkg_syst_fraction
        Smallest excess as a fraction of the background.

    Raises
    ------
    ValueError
        If a number is negative.

    Examples
    --------
    >>> SensitivityEstimator(gamma_min=5).n_sigma
    5.0
    """

    spectral_model: Any = None
    n_sigma: float = 5.0
    gamma_min: float = 10.0
    bkg_syst_fraction: float = 0.05

    def __post_init__(self) -> None:
        for name in ("n_sigma", "gamma_min", "bkg_syst_fraction"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected a number that is not negative, got {getattr(self, name)}")

    def estimate_min_excess(self, dataset: Any) -> np.ndarray:
        """Return the smallest excess counts that are detected, shape (energy,); see `run`.

        Parameters
        ----------
        dataset
            Spectrum with off counts.
        """
        significant, statistic = self._significant(dataset)
        return apply_threshold_sensitivity(statistic.n_bkg, significant, self.gamma_min, self.bkg_syst_fraction)

    def _significant(self, dataset: Any) -> tuple[np.ndarray, WStatCountsStatistic]:
        if getattr(dataset, "counts_off", None) is None:
            raise ValueError(f"dataset {getattr(dataset, 'name', dataset)!r}: sensitivity needs off counts")
        if dataset.counts_off.data.shape[-2:] != (1, 1):
            raise ValueError(f"dataset {dataset.name!r}: sensitivity needs a spectrum, not a map")
        n_off, alpha = (np.ravel(np.asarray(m.data, dtype=float)) for m in (dataset.counts_off, dataset.alpha))
        statistic = WStatCountsStatistic(np.round(alpha * n_off, 10), n_off, alpha)
        return statistic.n_sig_matching_significance(self.n_sigma), statistic

    def run(self, dataset: Any) -> QTable:
        """Estimate the sensitivity.

        Parameters
        ----------
        dataset
            `~gjax.datasets.SpectrumDatasetOnOff` with off counts and exposure.

        Returns
        -------
        table
            ``e_ref, e_min, e_max``, ``e2dnde`` [erg cm-2 s-1], ``excess``, ``background`` and ``criterion``: what
            asks for the largest excess ("significance", "gamma" or "bkg"), or why there is no value ("no background",
            "no exposure"); and ``time_slope``, the logarithmic derivative of the flux by observing time (see
            `flux_time_slope`).

        Raises
        ------
        ValueError
            If the dataset has no off counts or no exposure, or is a map.
        """
        from gjax.estimators._inputs import default_spectrum, estimate_exposure_reco_energy

        significant, statistic = self._significant(dataset)
        background = statistic.n_bkg
        excess = apply_threshold_sensitivity(background, significant, self.gamma_min, self.bkg_syst_fraction)
        spectrum = default_spectrum() if self.spectral_model is None else self.spectral_model
        counts = np.ravel(estimate_exposure_reco_energy(dataset, spectrum, normalize=False).data)
        axis = dataset.counts.geom.axes["energy"]
        with np.errstate(divide="ignore", invalid="ignore"):
            norm = np.where(counts > 0, excess / counts, np.nan)
        e_ref = axis.center
        e2dnde = (norm * spectrum(e_ref) * e_ref**2).to("erg cm-2 s-1")
        criterion = np.select(
            [~(counts > 0), np.isnan(excess), excess == significant, excess == self.gamma_min],
            ["no exposure", "no background", "significance", "gamma"],
            "bkg",
        )
        columns = {"e_ref": e_ref, "e_min": axis.edges_min, "e_max": axis.edges_max, "e2dnde": e2dnde}
        columns |= {"excess": excess * u.one, "background": background * u.one, "criterion": criterion}
        slope = flux_time_slope(statistic, significant, excess, self.n_sigma, self.gamma_min)
        columns["time_slope"] = np.where(np.isfinite(norm), slope, np.nan) * u.one
        meta = {"n_sigma": self.n_sigma, "gamma_min": self.gamma_min, "bkg_syst_fraction": self.bkg_syst_fraction}
        return QTable(columns, meta=meta)

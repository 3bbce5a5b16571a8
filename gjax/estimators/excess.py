"""Excess counts, significances and fluxes in discs around every pixel."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.datasets import MapDatasetOnOff
from gjax.estimators._flags import first_flag
from gjax.estimators._images import disc_sums
from gjax.estimators._inputs import (
    MapInput,
    band_axis,
    band_slices,
    default_spectrum,
    estimate_exposure_reco_energy,
    map_inputs,
)
from gjax.estimators._options import angle, selected
from gjax.estimators.flux_maps import FluxMaps
from gjax.estimators.sensitivity import apply_threshold_sensitivity, flux_time_slope
from gjax.stats import CashCountsStatistic, WStatCountsStatistic
from gjax.stats._significance import disk

__all__ = ["ExcessMapEstimator"]

OPTIONAL = ("errn-errp", "ul", "sensitivity", "alpha", "acceptance_on", "acceptance_off")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sums:
    """Sums over the bins of bands and discs, shape (band, lat, lon)."""

    n_on: np.ndarray
    statistic: Any
    background: np.ndarray
    extra: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ExcessMapEstimator:
    """Measures excess, significance and flux in a disc around every pixel, all pixels and bands at once.

    Known background: Cash statistic; off counts: Li & Ma. Models that are given count as background, so give all but
    the source that is looked for.

    Parameters
    ----------
    correlation_radius
        Radius of the disc (angle, or number in deg).
    n_sigma
        Significance of the errors.
    n_sigma_ul
        Significance of the upper limits.
    selection_optional
        What to add: "errn-errp", "ul", "sensitivity" (and its logarithmic derivative by observing time), and for
        on-off data "alpha", "acceptance_on" and "acceptance_off"; "all" for everything.
    energy_edges
        Edges of the bands, moved to the nearest edges of the data; None for one band of all energies.
    correlate_off
        Also sum the off counts over the disc; not wanted where they come from a ring already.
    spectral_model
        Spectrum for the flux; a power law of index 2 if None.
    n_sigma_sensitivity
        Significance of the sensitivity.
    gamma_min_sensitivity, bkg_syst_fraction_sensitivity
        Smallest number of gammas, and smallest fraction of the background, that the sensitivity asks for.
    apply_threshold_sensitivity
        Whether the sensitivity asks for them.

    Raises
    ------
    ValueError
        If an option is unknown or the radius is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.datasets import MapDataset
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    >>> dataset = MapDataset.create(WcsGeom.create(npix=5, binsz=0.1, axes=[axis]), name="run")
    >>> image = np.zeros((1, 5, 5))
    >>> image[0, 2, 2] = 9.0
    >>> dataset = dataset.copy(
    ...     counts=dataset.counts.copy(data=image), background=dataset.counts + 0.2, exposure=None, mask_safe=None
    ... )
    >>> maps = ExcessMapEstimator(0.1).run(dataset)
    >>> print(maps["npred_excess"].data[0, 2, 2], maps["sqrt_ts"].data[0, 2, 2].round(3))
    8.0 4.853
    """

    correlation_radius: Any = 0.1
    n_sigma: float = 1.0
    n_sigma_ul: float = 2.0
    selection_optional: Any = None
    energy_edges: Any = None
    correlate_off: bool = True
    spectral_model: Any = None
    n_sigma_sensitivity: float = 5.0
    gamma_min_sensitivity: float = 10.0
    bkg_syst_fraction_sensitivity: float = 0.05
    apply_threshold_sensitivity: bool = False

    def __post_init__(self) -> None:
        selected(self.selection_optional, OPTIONAL)
        if not angle(self.correlation_radius, "correlation_radius") > 0:
            raise ValueError(f"correlation_radius: expected a positive angle, got {self.correlation_radius}")

    def run(self, data: Any, models: Any = None) -> FluxMaps:
        """Estimate the maps.

        Parameters
        ----------
        data
            A map dataset with known or measured background, or a `~gjax.Likelihood` or result of a fit of one.
        models
            Models whose counts are background here.

        Returns
        -------
        maps
            "counts", "npred" (the same), "npred_excess", "ts", "sqrt_ts", "norm", "norm_err", "flag" and what was
            selected; NaN outside of the mask, and for the flux where there is no exposure: the flag says why, see
            `FluxMaps.reasons`. A dataset without exposure has norms that are excess counts.

        Raises
        ------
        ValueError
            If there are several datasets, or a dataset has no counts or no bins.
        """
        inputs = map_inputs(data, models)
        if len(inputs) != 1:
            raise ValueError(f"expected one dataset, got {len(inputs)}: stack them, or run the estimator on each")
        given = inputs[0]
        geom = given.dataset.counts.geom
        bands = band_axis(given.axis, self.energy_edges)
        scale = np.mean(geom.pixel_scales.to_value("deg"))
        kernel = disk(angle(self.correlation_radius, "correlation_radius") / scale).astype(float)
        slices = band_slices(given.axis, bands)
        mask = given.mask & known_background(given)
        seen = np.stack([mask[band].any(axis=0) for band in slices])
        sums = self._sums(given, mask, slices, kernel)
        maps = self._counts_maps(sums) | self._norms(given, mask, slices, kernel, sums)
        if "norm_sensitivity" in maps:
            maps["sensitivity_time_slope"] = self._time_slope(sums)
        flag = self._flags(given, maps, slices, seen)
        target = geom.to_image().to_cube([bands])
        new = type(given.dataset.counts).from_geom
        found = {name: new(target, data=np.where(seen, values, np.nan)) for name, values in maps.items()}
        found["flag"] = new(target, data=flag)
        meta = {key: getattr(self, key) for key in ("n_sigma", "n_sigma_ul", "n_sigma_sensitivity")}
        return FluxMaps(found, self.spectral_model or default_spectrum(), given.dataset.gti, meta)

    def _time_slope(self, sums: _Sums) -> np.ndarray:
        """Return the logarithmic derivative of the sensitivity by observing time."""
        significant = sums.statistic.n_sig_matching_significance(self.n_sigma_sensitivity)
        if not self.apply_threshold_sensitivity:
            return flux_time_slope(sums.statistic, significant, significant, self.n_sigma_sensitivity)
        thresholds = self.gamma_min_sensitivity, self.bkg_syst_fraction_sensitivity
        least = apply_threshold_sensitivity(sums.background, significant, *thresholds)
        return flux_time_slope(sums.statistic, significant, least, self.n_sigma_sensitivity, self.gamma_min_sensitivity)

    def _flags(self, given: MapInput, maps: dict[str, np.ndarray], slices: list[slice], seen: np.ndarray) -> np.ndarray:
        """Return why pixels have no value, shape (band, lat, lon)."""
        inside = np.stack([given.mask[band].any(axis=0) for band in slices])
        lost = ~np.isfinite(maps["norm_err"]) & np.isfinite(maps["npred_excess"])
        cases = {"masked": ~inside, "no_background": ~seen | ~np.isfinite(maps["npred_excess"]), "unexposed": lost}
        if "norm_sensitivity" in maps:
            cases["no_sensitivity"] = ~np.isfinite(maps["norm_sensitivity"])
        return first_flag(seen.shape, **cases)

    def _sums(self, given: MapInput, mask: np.ndarray, slices: list[slice], kernel: np.ndarray) -> _Sums:
        def summed(values: np.ndarray) -> np.ndarray:
            return np.stack([np.where(mask[band], values[band], 0.0).sum(axis=0) for band in slices])

        n_on = np.rint(disc_sums(summed(given.counts), kernel))
        npred = disc_sums(summed(given.npred), kernel)
        dataset = given.dataset
        if not isinstance(dataset, MapDatasetOnOff):
            return _Sums(n_on=n_on, statistic=CashCountsStatistic(n_on, npred), background=npred, extra={})
        n_off, background = summed(dataset.counts_off.data), summed(dataset.background.data)
        acceptance = summed(dataset.acceptance.data)
        given_off = summed(np.asarray(dataset.acceptance_off.data))
        with np.errstate(divide="ignore", invalid="ignore"):
            # the off acceptance that keeps the background estimate of the band
            acceptance_off = np.where(background > 0, acceptance * n_off / background, given_off)
            if self.correlate_off:
                n_off, expected = np.rint(disc_sums(n_off, kernel)), disc_sums(background, kernel)
                # without any off count, the acceptances still say what one would have meant
                plain = disc_sums(acceptance, kernel) / disc_sums(given_off, kernel)
                alpha = np.where(n_off > 0, expected / n_off, plain)
            else:
                alpha = disc_sums(acceptance, kernel) / acceptance_off
            alpha = np.where(np.isfinite(alpha), alpha, np.nan)
        extra = {"alpha": alpha, "acceptance_on": acceptance, "acceptance_off": acceptance_off}
        statistic = WStatCountsStatistic(n_on, n_off, alpha, npred)
        return _Sums(n_on=n_on, statistic=statistic, background=statistic.n_bkg, extra=extra)

    def _counts_maps(self, sums: _Sums) -> dict[str, np.ndarray]:
        chosen = selected(self.selection_optional, OPTIONAL)
        statistic = sums.statistic
        found = {"npred": sums.n_on, "npred_excess": statistic.n_sig, "counts": sums.n_on}
        found |= {"ts": statistic.ts, "sqrt_ts": statistic.sqrt_ts}
        return found | {name: values for name, values in sums.extra.items() if name in chosen}

    def _norms(
        self, given: MapInput, mask: np.ndarray, slices: list[slice], kernel: np.ndarray, sums: _Sums
    ) -> dict[str, np.ndarray]:
        chosen, statistic = selected(self.selection_optional, OPTIONAL), sums.statistic
        excess = {"norm": statistic.n_sig, "norm_err": self.n_sigma * statistic.error}
        if "errn-errp" in chosen:
            excess["norm_errn"] = statistic.compute_errn(self.n_sigma)
            excess["norm_errp"] = statistic.compute_errp(self.n_sigma)
        if "ul" in chosen:
            excess["norm_ul"] = statistic.compute_upper_limit(self.n_sigma_ul)
        if "sensitivity" in chosen:
            least = statistic.n_sig_matching_significance(self.n_sigma_sensitivity)
            if self.apply_threshold_sensitivity:
                thresholds = self.gamma_min_sensitivity, self.bkg_syst_fraction_sensitivity
                least = apply_threshold_sensitivity(sums.background, least, *thresholds)
            excess["norm_sensitivity"] = least
        if given.dataset.exposure is None:
            return excess
        counts = estimate_exposure_reco_energy(given.dataset, self.spectral_model, normalize=False).data
        exposure = np.stack([np.where(mask[band], counts[band], 0.0).sum(axis=0) for band in slices])
        pixels = np.stack([mask[band].any(axis=0) for band in slices]).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = disc_sums(exposure, kernel) / np.rint(disc_sums(pixels, kernel))
            return {name: np.where(mean > 0, values / mean, np.nan) for name, values in excess.items()}


def known_background(given: MapInput) -> np.ndarray:
    """Return the bins whose background is known: all, or those with an off acceptance."""
    if not isinstance(given.dataset, MapDatasetOnOff):
        return np.ones(given.counts.shape, dtype=bool)
    if given.dataset.counts_off is None:
        raise ValueError(f"dataset {given.dataset.name!r}: has no off counts")
    alpha = np.asarray(given.dataset.alpha.data)
    return np.isfinite(alpha) & (alpha > 0)

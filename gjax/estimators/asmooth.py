"""Adaptive smoothing: every pixel is smoothed just as much as its significance asks for."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.datasets import MapDatasetOnOff
from gjax.estimators._flags import BELOW_THRESHOLD, OUTSIDE
from gjax.estimators._inputs import band_axis, band_slices, estimate_exposure_reco_energy, map_inputs
from gjax.estimators.excess import known_background
from gjax.stats import cash_significance
from gjax.units import to_canonical

__all__ = ["ASmoothMapEstimator"]

METHODS = ("lima", "asmooth")


def gaussian(sigma: float) -> np.ndarray:
    """Return a Gaussian averaged over pixels, 1 at its peak, out to 5 sigma.

    Parameters
    ----------
    sigma
        Width [pixel].
    """
    from scipy.special import ndtr

    reach = max(int(np.ceil(5 * sigma)), 1)
    edges = (np.arange(-reach, reach + 2) - 0.5) / sigma
    profile = np.diff(ndtr(edges))
    return np.outer(profile, profile) / profile.max() ** 2


@dataclasses.dataclass(frozen=True)
class ASmoothMapEstimator:
    """Smooths counts with the narrowest of several Gaussians that makes a pixel significant.

    After Ebeling, White & Rangarajan 2006, MNRAS 368, 65 (arXiv astro-ph/0601306).

    Parameters
    ----------
    scales
        Widths of the Gaussians (angles, or numbers in deg), increasing; by default nine from 0.19 to 3 pixels, each
        larger than the last by the root of two.
    spectral_model
        Spectrum for the flux; a power law of index 2 if None.
    method
        "lima" (the statistic of counts over a known background) or "asmooth" (:math:`(n - b) / \\sqrt{n + b}`).
    threshold
        Significance that is asked for.
    energy_edges
        Edges of the bands, moved to the nearest edges of the data; None for one band of all energies.

    Raises
    ------
    ValueError
        If the method is unknown, or the scales do not increase from above zero.

    Examples
    --------
    >>> ASmoothMapEstimator(scales=[0.05, 0.1], threshold=3).method
    'lima'
    """

    scales: Any = None
    spectral_model: Any = None
    method: str = "lima"
    threshold: float = 5.0
    energy_edges: Any = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}, expected one of {', '.join(METHODS)}")
        if self.scales is not None:
            widths = np.atleast_1d(to_canonical(self.scales, "deg", "scales"))
            if not (np.all(widths > 0) and np.all(np.diff(widths) > 0)):
                raise ValueError(f"scales: expected increasing positive widths, got {widths.tolist()} deg")

    def widths(self, pixel: float) -> np.ndarray:
        """Return the widths of the Gaussians [deg] for pixels of a size [deg]."""
        if self.scales is None:
            return pixel / np.sqrt(9 * np.pi) * np.sqrt(2.0) ** np.arange(9)
        return np.atleast_1d(to_canonical(self.scales, "deg", "scales"))

    def run(self, data: Any, models: Any = None) -> dict[str, Any]:
        """Smooth a dataset.

        Parameters
        ----------
        data
            A map dataset, or a `~gjax.Likelihood` or the result of a fit of one.
        models
            Models whose counts are background here.

        Returns
        -------
        maps
            "counts", "background", "scale" [deg], "sqrt_ts" and, with exposure, "flux" [cm-2 s-1]. Pixels that no
            scale makes significant hold the mean of all such pixels, and NaN as scale and significance; pixels outside
            of the mask are NaN. The map "flag" says which, see `gjax.estimators.flag_texts`.

        Raises
        ------
        ValueError
            If there are several datasets, or a dataset has no counts or no bins.
        """
        inputs = map_inputs(data, models)
        if len(inputs) != 1:
            raise ValueError(f"expected one dataset, got {len(inputs)}: stack them first")
        given = inputs[0]
        dataset, mask = given.dataset, given.mask & known_background(given)
        background = given.npred
        if isinstance(dataset, MapDatasetOnOff):
            background = background + np.where(mask, dataset.background.data, 0.0)
        exposure = None
        if dataset.exposure is not None:
            exposure = estimate_exposure_reco_energy(dataset, self.spectral_model, normalize=False).data
        axis = band_axis(given.axis, self.energy_edges)
        pixel = float(dataset.counts.geom.pixel_scales.to_value("deg").mean())
        found = []
        for number, band in enumerate(band_slices(given.axis, axis)):
            images = {
                name: np.where(mask[band], values[band], 0.0).sum(axis=0)
                for name, values in (("counts", given.counts), ("background", background))
            }
            if exposure is not None:
                seen = np.where(mask[band], exposure[band], 0.0).sum(axis=0)
                excess = images["counts"] - images["background"]
                norm = np.where(seen > 0, excess / np.where(seen > 0, seen, 1.0), 0.0)
                images["flux"] = norm * self._flux(axis.edges[number : number + 2])
            found.append(self._smooth(images, mask[band].any(axis=0), pixel))
        geom = dataset.counts.geom.to_image().to_cube([axis])
        units = {"scale": "deg", "flux": "cm-2 s-1"}
        return {
            name: type(dataset.counts).from_geom(
                geom, data=np.stack([one[name] for one in found]), unit=units.get(name, "")
            )
            for name in found[0]
        }

    def _flux(self, edges: Any) -> float:
        from gjax.estimators._inputs import default_spectrum

        spectrum = self.spectral_model or default_spectrum()
        return float(spectrum.integral(edges[0], edges[1]).to_value("cm-2 s-1"))

    def _smooth(self, images: dict[str, np.ndarray], seen: np.ndarray, pixel: float) -> dict[str, np.ndarray]:
        from scipy.signal import oaconvolve

        names = list(images)
        stack = np.stack([images[name] for name in names])
        out = {name: np.full(seen.shape, np.nan) for name in (*names, "scale", "sqrt_ts")}
        open_ = seen.copy()
        for width in self.widths(pixel):
            kernel = gaussian(width / pixel)
            smooth = dict(zip(names, oaconvolve(stack, kernel[np.newaxis], mode="same", axes=(1, 2))))
            n, b = np.maximum(smooth["counts"], 0.0), np.maximum(smooth["background"], 0.0)
            if self.method == "lima":
                significance = cash_significance(n, b)
            else:
                total = n + b
                significance = np.where(total > 0, (n - b) / np.sqrt(np.where(total > 0, total, 1.0)), 0.0)
            # what a Fourier transform leaves of empty places is no signal
            done = open_ & (significance > self.threshold) & (n > 1e-9 * n.max(initial=0.0))
            for name in names:
                out[name][done] = smooth[name][done] / kernel.sum()
            out["scale"][done], out["sqrt_ts"][done] = width, significance[done]
            open_ &= ~done
        for name in names:
            if open_.any():
                out[name][open_] = images[name][open_].mean()
        out["flag"] = np.select([~seen, open_], [OUTSIDE, BELOW_THRESHOLD], 0).astype(np.int32)
        return out

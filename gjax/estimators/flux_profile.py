"""Fluxes in regions side by side: profiles along a line or a radius."""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import Any

import equinox as eqx
import jax
import numpy as np

from gjax.datasets import FluxPoints, reference_fluxes
from gjax.estimators._bands import energy_edges_of, reasons, snap_edges
from gjax.estimators._inputs import default_spectrum, map_inputs
from gjax.estimators._lanes import estimate
from gjax.estimators._profile_points import FluxProfile
from gjax.estimators.flux_points import bands_with_data, bins_of_lanes, make_lanes
from gjax.units import attach_unit, to_canonical

__all__ = ["FluxProfile", "FluxProfileEstimator"]

log = logging.getLogger(__name__)

NORMS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul")


@dataclasses.dataclass(frozen=True)
class FluxProfileEstimator:
    """Measures the flux in every one of several regions and energy bands, all of them in one batch.

    The counts of a region are fitted with the spectrum times a norm, over its energy bins; the energy dispersion is
    that at the centre of the region, and no light is thought to leak out. What the models that are given predict counts
    as background.

    Parameters
    ----------
    regions
        At least two sky regions, such as those of `make_orthogonal_rectangle_sky_regions` and
        `make_concentric_annulus_sky_regions`.
    energy_edges
        Edges of the bands, moved to the nearest edges of the data; None for one band of all energies.
    spectral_model
        Spectrum in every region; a power law of index 2 if None.
    n_sigma, n_sigma_ul
        Significance of errors and of upper limits.

    Raises
    ------
    ValueError
        If there are less than two regions.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.estimators import make_concentric_annulus_sky_regions
    >>> rings = make_concentric_annulus_sky_regions(SkyCoord(83.63, 22.01, unit="deg"), "1 deg", nbin=5)
    >>> len(FluxProfileEstimator(rings, energy_edges=[1, 10]).regions)
    5
    """

    regions: Any
    energy_edges: Any = None
    spectral_model: Any = None
    n_sigma: float = 1.0
    n_sigma_ul: float = 2.0

    def __post_init__(self) -> None:
        if len(self.regions) < 2:
            raise ValueError(f"regions: a profile needs at least two, got {len(self.regions)}")

    def run(self, data: Any, models: Any = None) -> FluxProfile:
        """Estimate the profile.

        Parameters
        ----------
        data
            One or several map datasets with known background or off counts, or a `~gjax.Likelihood` or the result of a
            fit of them; several are fitted with one norm per region and band.
        models
            Models whose counts are background here.

        Returns
        -------
        profile
            NaN, ``success`` False and a ``reason`` where a region holds no bins of the data, or is not completely on a
            map (which is also logged).

        Raises
        ------
        ValueError
            If no region is on a map, or models are given for off counts, whose regions hold them already.
        """
        from gjax.freeze import Likelihood
        from gjax.models import SkyModel

        inputs = map_inputs(data, models)
        spectra, region_of = [], []
        off_map: dict[int, str] = {}
        for given in inputs:
            dataset = given.dataset
            if not hasattr(dataset, "counts_off"):
                dataset = dataset.copy(background=dataset.counts.copy(data=given.npred))
            elif np.any(given.npred):
                raise ValueError(f"dataset {dataset.name!r}: models cannot be background of off counts here")
            for number, region in enumerate(self.regions):
                try:
                    spectra.append(dataset.to_spectrum_dataset(region, name=f"{dataset.name}-{number}"))
                except ValueError as error:
                    log.warning(f"region {number} is left out: {error}")
                    # without the name of the dataset, and what to do about it
                    off_map[number] = re.split(r": | \(", str(error))[1]
                    continue
                region_of.append(number)
        if not spectra:
            raise ValueError("regions: none lies on a map")
        spectrum = default_spectrum() if self.spectral_model is None else self.spectral_model
        likelihood = Likelihood(spectra, SkyModel(spectrum, name="profile"))
        edges = inputs[0].axis.edges[[0, -1]] if self.energy_edges is None else self.energy_edges
        low, high = snap_edges(likelihood, np.atleast_1d(to_canonical(edges, "TeV", "energy_edges")))
        off_map = {number: text for number, text in off_map.items() if number not in region_of}
        return self._profile(likelihood, np.array(region_of), low, high, off_map)

    def _profile(
        self, likelihood: Any, region_of: np.ndarray, low: np.ndarray, high: np.ndarray, off_map: dict[int, str]
    ) -> FluxProfile:
        bands, regions = len(low), len(self.regions)
        lanes = make_lanes(likelihood, "profile", low, high)
        numbers = []
        for lane, members in zip(lanes.lane, likelihood.frozen.members):
            # bands of one region after those of another
            own, shift = np.asarray(lane), region_of[list(members)][:, np.newaxis] * bands
            numbers.append(jax.device_put(np.where(own < bands, own + shift, bands * regions).astype(np.int32)))
        lowest = jax.device_put(np.full(bands * regions, -np.inf))
        lanes = eqx.tree_at(lambda tree: (tree.lane, tree.lowest), lanes, (tuple(numbers), lowest))
        has_data = jax.device_put(bands_with_data(lanes, bands * regions))
        scan = jax.device_put(np.geomspace(0.2, 5.0, 11))
        sigmas = jax.device_put(float(self.n_sigma)), jax.device_put(float(self.n_sigma_ul))
        values = {key: np.asarray(value) for key, value in estimate(lanes, has_data, scan, *sigmas).items()}
        values |= _counts(likelihood, lanes, values["norm"])
        values["sqrt_ts"] = np.sign(values["norm"]) * np.sqrt(np.maximum(values["ts"], 0.0))
        values["norm_scan"] = np.broadcast_to(np.asarray(scan), (bands * regions, len(scan)))
        values["reason"] = self._reasons(likelihood, lanes, values, low, high, off_map)
        shaped = {key: v.reshape(regions, bands, *v.shape[1:]) for key, v in values.items()}
        e_ref = attach_unit(np.sqrt(low * high), "TeV")
        e_min, e_max = attach_unit(low, "TeV"), attach_unit(high, "TeV")
        model = likelihood.models["profile"].spectral_model
        reference = dict(zip(("dnde", "flux", "eflux"), reference_fluxes(model, e_ref, e_min, e_max)))
        meta = {"n_sigma": self.n_sigma, "n_sigma_ul": self.n_sigma_ul}
        points = tuple(
            FluxPoints(
                e_ref=e_ref,
                e_min=e_min,
                e_max=e_max,
                norms={key: shaped[key][i] for key in NORMS},
                reference=reference,
                extra={key: value[i] for key, value in shaped.items() if key not in NORMS},
                sed_type_init="likelihood",
                meta=meta,
            )
            for i in range(regions)
        )
        return FluxProfile(*_distances(self.regions), points, tuple(self.regions))

    def _reasons(
        self,
        likelihood: Any,
        lanes: Any,
        values: dict[str, Any],
        low: np.ndarray,
        high: np.ndarray,
        off: dict[int, str],
    ) -> np.ndarray:
        """Return why fluxes are missing, one region after the other."""
        size, regions = len(values["norm"]), len(self.regions)
        edges = np.concatenate(list(energy_edges_of(likelihood).values()))
        texts = reasons(
            values,
            np.tile(low, regions),
            np.tile(high, regions),
            covered=(edges.min(), edges.max()),
            n_bins=bins_of_lanes(lanes, size),
            seen=bands_with_data(lanes, size),
            counts=values["counts"],
            background=values["npred"] - values["npred_excess"],
        ).reshape(regions, -1)
        return np.stack([np.full(len(low), off[k]) if k in off else texts[k] for k in range(regions)]).ravel()


def _counts(likelihood: Any, lanes: Any, norm: np.ndarray) -> dict[str, np.ndarray]:
    """Return counts and predicted counts per lane."""
    size = len(norm)
    counts, signal, other = np.zeros(size + 1), np.zeros(size + 1), np.zeros(size + 1)
    background = likelihood.npred_background()
    for k, members in enumerate(likelihood.frozen.members):
        for row, i in enumerate(members):
            lane = np.asarray(lanes.lane[k][row])
            known = np.zeros(len(lane))
            known[: likelihood.frozen.sizes[i]] = background[likelihood.names[i]].data.ravel()
            np.add.at(counts, lane, np.asarray(likelihood.frozen.buckets[k].counts[row]))
            np.add.at(signal, lane, np.asarray(lanes.signal[k][row]))
            np.add.at(other, lane, np.asarray(lanes.rest[k][row]) + known)
    excess = norm * signal[:size]
    return {"counts": counts[:size], "npred_excess": excess, "npred": excess + other[:size]}


def _distances(regions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distances of regions and their edges [deg]."""
    if all(hasattr(region, "inner_radius") for region in regions):
        low = np.array([region.inner_radius.to_value("deg") for region in regions])
        high = np.array([region.outer_radius.to_value("deg") for region in regions])
        return 0.5 * (low + high), low, high
    first = regions[0].center
    middle = np.array([float(first.separation(region.center).deg) for region in regions])
    between = 0.5 * (middle[1:] + middle[:-1])
    edges = np.concatenate([[middle[0] - (between[0] - middle[0])], between, [2 * middle[-1] - between[-1]]])
    return middle, edges[:-1], edges[1:]

"""From an observation to a spectrum: counts, exposure, energy dispersion and background of one region."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import astropy.units as u
import numpy as np
from regions import CircleSkyRegion

from gjax.datasets import SpectrumDataset
from gjax.errors import DataFormatError
from gjax.makers.project import background_counts, exposure_values, region_positions, response
from gjax.makers.rad_max import check_rad_max_geom, counts_in_rad_max
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

__all__ = ["SpectrumDatasetMaker"]

log = logging.getLogger(__name__)

SELECTION = ("counts", "exposure", "background", "edisp")


class SpectrumDatasetMaker:
    """Reduce an observation to the spectrum of one region.

    Parameters
    ----------
    selection
        What to make: any of "counts", "exposure", "background", "edisp".
    containment_correction
        Multiply the exposure by the fraction of a point source in the centre of a circular region that the PSF leaves
        inside the circle. Not for point-like responses, which contain that.
    use_region_center
        Evaluate responses at the centre of the region; otherwise exposure and background are averages over it (the
        energy dispersion is that of the centre).

    Raises
    ------
    ValueError
        If ``selection`` holds something unknown.

    Examples
    --------
    >>> SpectrumDatasetMaker(selection=["counts", "exposure"], containment_correction=True)
    SpectrumDatasetMaker(selection=['counts', 'exposure'], containment_correction=True, use_region_center=True)
    """

    tag = "SpectrumDatasetMaker"

    def __init__(
        self,
        selection: Iterable[str] | None = ("counts", "exposure", "edisp"),
        containment_correction: bool = False,
        use_region_center: bool = True,
    ):
        chosen = SELECTION if selection is None else (selection,) if isinstance(selection, str) else tuple(selection)
        unknown = set(chosen) - set(SELECTION)
        if unknown:
            raise ValueError(f"selection: unknown {', '.join(sorted(unknown))}; known are {', '.join(SELECTION)}")
        self.selection = tuple(name for name in SELECTION if name in chosen)
        self.containment_correction = containment_correction
        self.use_region_center = use_region_center

    def __repr__(self) -> str:
        return (
            f"SpectrumDatasetMaker(selection={list(self.selection)}, "
            f"containment_correction={self.containment_correction}, use_region_center={self.use_region_center})"
        )

    def run(self, dataset: Any, observation: Any) -> SpectrumDataset:
        """Return a dataset of the same geometry and name, filled from an observation.

        Parameters
        ----------
        dataset
            Reference dataset (see `gjax.datasets.SpectrumDataset.create`); it is not changed.
        observation
            `gjax.data.Observation`.

        Raises
        ------
        ValueError
            If the responses do not cover the true energies of the dataset, or the region does not fit a point-like
            response or the containment correction.
        MissingDataError
            If the observation lacks a response that is needed.
        DataFormatError
            If a response holds values that are not numbers.
        """
        geom = dataset.counts.geom
        if geom.region is None:
            raise ValueError(f"dataset {dataset.name!r}: its geometry has no region")
        parts: dict[str, Any] = {
            "counts": RegionNDMap.from_geom(geom),
            "mask_safe": RegionNDMap.from_geom(geom, data=np.ones(geom.data_shape, dtype=bool)),
            "gti": observation.gti,
        }
        if "counts" in self.selection:
            parts["counts"] = make_counts(geom, observation)
        if "exposure" in self.selection:
            exposure = self.make_exposure(geom, _axis_true(dataset), observation)
            parts["exposure"] = exposure
            if self.containment_correction:
                contained = _containment(geom, _axis_true(dataset), observation)
                parts["edisp_exposure"] = exposure
                parts["exposure"] = exposure.copy(data=exposure.data * contained.reshape(exposure.data.shape))
        if "edisp" in self.selection:
            parts["edisp"] = make_edisp_kernel(geom, _axis_true(dataset), observation)
        if "background" in self.selection:
            parts["background"] = self.make_background(geom, observation)
        return SpectrumDataset(name=dataset.name, meta=make_meta(observation), **parts)

    def make_exposure(self, geom: RegionGeom, axis: MapAxis, observation: Any) -> RegionNDMap:
        """Exposure [m2 s] of a region on a true energy axis, without containment correction; errors as in `run`."""
        aeff, obs_id = response(observation, "aeff"), observation.obs_id
        _check_overlap(axis, aeff.axes["energy_true"], f"observation {obs_id}: effective area")
        if aeff.is_pointlike and not self.use_region_center:
            log.warning("observation %s: point-like responses hold for the centre of a region only", obs_id)
        pointing = observation.get_pointing_icrs()
        offset = pointing.separation(region_positions(geom, use_region_center=self.use_region_center))
        livetime = observation.observation_live_time_duration
        if not np.isfinite(livetime.value) or livetime.value < 0:
            raise DataFormatError(f"observation {obs_id}: the live time is {livetime}")
        values = exposure_values(aeff, livetime, axis.center, offset)
        limit = aeff.axes["offset"].edges[-1]
        if (offset > limit).all():
            log.warning(
                "observation %s: the region is %.2f deg off the pointing, the effective area reaches to %.2f deg: "
                "the exposure is zero",
                obs_id,
                offset.min().to_value("deg"),
                limit.to_value("deg"),
            )
        if not np.isfinite(values).all():
            raise DataFormatError(f"observation {obs_id}: the exposure is not a number at some energies")
        meta = {"livetime": livetime, "is_pointlike": aeff.is_pointlike}
        map_geom = geom.copy(axes=[axis])
        return RegionNDMap.from_geom(map_geom, data=values.reshape(map_geom.data_shape), unit="m2 s", meta=meta)

    def make_background(self, geom: RegionGeom, observation: Any) -> RegionNDMap:
        """Expected background counts of a region from the background response; arguments and errors as in `run`."""
        axis, bkg = geom.axes["energy"], response(observation, "bkg")
        if geom.is_all_point_sky_regions:
            raise ValueError("a point has no solid angle: no background can be taken from the background response")
        _check_overlap(axis, bkg.axes["energy"], f"observation {observation.obs_id}: background")
        positions = region_positions(geom, use_region_center=self.use_region_center)
        counts = background_counts(observation, axis, positions, geom.solid_angle())
        return RegionNDMap.from_geom(geom, data=counts.reshape(geom.data_shape))


def make_counts(geom: RegionGeom, observation: Any) -> RegionNDMap:
    """Count the events inside a region, or, for points, inside the energy-dependent cut of the observation.

    Parameters
    ----------
    geom
        Geometry with an axis "energy".
    observation
        `gjax.data.Observation`.

    Raises
    ------
    ValueError
        If the region is a point and the observation has no ``rad_max``.
    """
    if geom.is_all_point_sky_regions:
        rad_max = observation.rad_max
        if rad_max is None:
            raise ValueError(
                f"observation {observation.obs_id}: a PointSkyRegion needs a RAD_MAX_2D table or RAD_MAX keyword, "
                "and this observation has none; give a CircleSkyRegion"
            )
        check_rad_max_geom(rad_max, geom, str(observation.obs_id))
        pointing = observation.get_pointing_icrs()
        counts = counts_in_rad_max(observation.events, geom.center_skydir, rad_max, geom.axes["energy"], pointing)
        return RegionNDMap.from_geom(geom, data=counts.reshape(geom.data_shape))
    return RegionNDMap.from_geom(geom).fill_events(observation.events)


def make_edisp_kernel(geom: RegionGeom, axis: MapAxis, observation: Any) -> Any:
    """Energy dispersion at the centre of a region, from true to reconstructed energy bins.

    Parameters
    ----------
    geom
        Geometry with an axis "energy".
    axis
        True energy.
    observation
        `gjax.data.Observation`.

    Raises
    ------
    ValueError
        If the response covers none of the energies.
    DataFormatError
        If it holds values that are not numbers.
    """
    edisp = response(observation, "edisp")
    _check_overlap(axis, edisp.axes["energy_true"], f"observation {observation.obs_id}: energy dispersion")
    offset = observation.get_pointing_icrs().separation(geom.center_skydir)
    kernel = edisp.to_edisp_kernel(offset, energy_true=axis, energy=geom.axes["energy"])
    if not np.isfinite(kernel.pdf_matrix).all():
        raise DataFormatError(
            f"observation {observation.obs_id}: the energy dispersion holds values that are not numbers"
        )
    return kernel


def make_meta(observation: Any) -> dict[str, Any]:
    """Where a dataset comes from: telescope, observation number, pointing [deg] and times [s]."""
    pointing = observation.get_pointing_icrs()
    return {
        "TELESCOP": observation.aeff.meta.get("TELESCOP", "Unknown") if observation.aeff is not None else "Unknown",
        "OBS_ID": observation.obs_id,
        "RA_PNT": float(pointing.ra.deg),
        "DEC_PNT": float(pointing.dec.deg),
        "LIVETIME": float(observation.observation_live_time_duration.to_value("s")),
    }


def _axis_true(dataset: Any) -> MapAxis:
    """True energy axis of a reference dataset."""
    if dataset.exposure is not None:
        return dataset.exposure.geom.axes["energy_true"]
    if dataset.edisp is not None:
        return dataset.edisp.axes["energy_true"]
    raise ValueError(f"dataset {dataset.name!r}: no true energy axis; give energy_axis_true to SpectrumDataset.create")


def _containment(geom: RegionGeom, axis: MapAxis, observation: Any) -> np.ndarray:
    """Fraction of a point source in the centre of the region that is reconstructed inside it."""
    if observation.aeff.is_pointlike:
        raise ValueError(
            f"observation {observation.obs_id}: no containment correction for point-like responses, they include it"
        )
    if not isinstance(geom.region, CircleSkyRegion):
        raise ValueError(f"the containment correction needs a circle as region, got {type(geom.region).__name__}")
    offset = observation.get_pointing_icrs().separation(geom.center_skydir)
    containment = response(observation, "psf").containment(geom.region.radius, axis.center, offset)
    return np.ravel(u.Quantity(containment).to_value(""))


def _check_overlap(asked: MapAxis, covered: MapAxis, what: str) -> None:
    """Raise an error if two energy axes share no energy."""
    low, high = covered.bounds.to_value("TeV")
    first, last = asked.bounds.to_value("TeV")
    if first >= high or last <= low:
        raise ValueError(f"{what} covers {low:.4g} to {high:.4g} TeV, asked for {first:.4g} to {last:.4g} TeV")

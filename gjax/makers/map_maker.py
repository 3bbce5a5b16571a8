"""From one observation to counts, exposure, background and responses on a map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table

from gjax.errors import DataFormatError
from gjax.irf import PSFMap, RecoPSFMap
from gjax.irf.project import (
    make_edisp_kernel_map,
    make_edisp_map,
    make_map_exposure_true_energy,
    make_psf_map,
)
from gjax.irf.project_background import fill_gaps, make_map_background_irf
from gjax.makers.project import response
from gjax.makers.spectrum import make_meta
from gjax.maps import Map, MapAxis

__all__ = ["MapDatasetMaker"]

SELECTION = ("counts", "exposure", "background", "psf", "edisp")


class MapDatasetMaker:
    """Fill a map dataset from one observation.

    Parameters
    ----------
    selection
        Parts to make, of "counts", "exposure", "background", "psf" and "edisp"; by default all.
    background_oversampling
        Parts of each energy bin in which the background is integrated; by default one.
    background_interp_missing_data
        Whether gaps (zero or NaN) between the energies of the background response are filled by interpolation.
    background_pad_offset
        Whether a radial background response holds its outermost values up to one offset bin further out, instead of
        being extrapolated to its edge.
    fov_rotation_step
        Largest turn of a field of view aligned with the horizon between two evaluations of the background.

    Raises
    ------
    ValueError
        If a part is unknown.

    Examples
    --------
    >>> MapDatasetMaker(selection=["exposure", "counts"]).selection
    ('counts', 'exposure')
    """

    tag = "MapDatasetMaker"

    def __init__(
        self,
        selection: Iterable[str] | None = None,
        background_oversampling: int | None = None,
        background_interp_missing_data: bool = True,
        background_pad_offset: bool = True,
        fov_rotation_step: str | u.Quantity = "1 deg",
    ):
        chosen = set(SELECTION if selection is None else selection)
        unknown = chosen - set(SELECTION)
        if unknown:
            raise ValueError(f"selection: unknown {', '.join(sorted(unknown))}; known are {', '.join(SELECTION)}")
        if background_oversampling is not None and int(background_oversampling) < 1:
            raise ValueError(f"background_oversampling must be 1 or more, got {background_oversampling}")
        self.selection = tuple(name for name in SELECTION if name in chosen)
        self.background_oversampling = background_oversampling
        self.background_interp_missing_data = background_interp_missing_data
        self.background_pad_offset = background_pad_offset
        self.fov_rotation_step = u.Quantity(fov_rotation_step).to("deg")

    def __repr__(self) -> str:
        return f"MapDatasetMaker(selection={list(self.selection)})"

    def run(self, dataset: Any, observation: Any) -> Any:
        """Return a dataset of the same geometries and name, filled from an observation.

        Parameters
        ----------
        dataset
            Reference dataset (see `gjax.datasets.MapDataset.create`), or a cutout of one; it is not changed.
        observation
            `gjax.data.Observation`.

        Raises
        ------
        MissingDataError
            If the observation lacks a response that is needed.
        ValueError
            If the dataset lacks a geometry, or energies are not covered.
        DataFormatError
            If a response holds values that are not numbers.
        """
        geom = dataset.counts.geom
        parts: dict[str, Any] = {
            "gti": observation.gti,
            "mask_safe": Map.from_geom(geom, data=np.ones(geom.data_shape, dtype=bool)),
            "counts": self.make_counts(geom, observation) if "counts" in self.selection else Map.from_geom(geom),
        }
        if "background" in self.selection:
            parts["background"] = self.make_background(geom, observation)
        if "exposure" in self.selection:
            parts["exposure"] = self.make_exposure(_on_sky_of(_geom(dataset, "exposure"), geom), observation)
        if "psf" in self.selection:
            parts["psf"] = self.make_psf(_geom(dataset, "psf", "psf_map"), observation)
        if "edisp" in self.selection:
            parts["edisp"] = self.make_edisp(_geom(dataset, "edisp", "edisp_map"), observation)
        return type(dataset)(
            name=dataset.name, meta_table=make_meta_table(observation), meta=make_meta(observation), **parts
        )

    def make_counts(self, geom: Any, observation: Any) -> Any:
        """Count the events in each bin.

        Parameters
        ----------
        geom
            Geometry with an axis "energy".
        observation
            `gjax.data.Observation`.
        """
        return Map.from_geom(geom).fill_events(observation.events)

    def make_exposure(self, geom: Any, observation: Any) -> Any:
        """Exposure [m2 s] at the pixel centres; arguments as for `make_counts`, with an axis "energy_true"."""
        aeff = response(observation, "aeff")
        if isinstance(aeff, Map):
            return _from_sky(aeff, geom, observation, "m2 s")
        _check_overlap(geom.axes["energy_true"], aeff.axes["energy_true"], observation, "effective area")
        livetime = observation.observation_live_time_duration
        try:
            return make_map_exposure_true_energy(observation.get_pointing_icrs(), livetime, aeff, geom)
        except DataFormatError as error:
            raise DataFormatError(f"observation {observation.obs_id}: {error}") from error

    def make_background(self, geom: Any, observation: Any) -> Any:
        """Expected counts from the background response; arguments as for `make_counts`."""
        bkg = response(observation, "bkg")
        if isinstance(bkg, Map):
            return _background_from_sky(bkg, geom, observation)
        _check_overlap(geom.axes["energy"], bkg.axes["energy"], observation, "background")
        if self.background_interp_missing_data:
            bkg = fill_gaps(bkg)
        return make_map_background_irf(
            observation.pointing,
            observation.observation_time_duration,
            bkg,
            geom,
            time_start=observation.tstart,
            fov_rotation_step=self.fov_rotation_step,
            oversampling=self.background_oversampling,
            location=observation.observatory_earth_location,
            pad_offset=self.background_pad_offset,
        )

    def make_psf(self, geom: Any, observation: Any) -> Any:
        """Point spread function; arguments as for `make_counts`, with the axes "rad" and "energy_true"."""
        psf = response(observation, "psf")
        if isinstance(psf, PSFMap | RecoPSFMap):
            return _response_from_sky(psf, geom, "rad")
        exposure = self.make_exposure(geom.squash("rad"), observation) if "energy_true" in geom.axes.names else None
        return make_psf_map(psf, observation.get_pointing_icrs(), geom, exposure)

    def make_edisp(self, geom: Any, observation: Any) -> Any:
        """Energy dispersion; arguments as for `make_counts`, with "migra" or "energy", and "energy_true"."""
        edisp = response(observation, "edisp")
        first = geom.axes.names[0]
        if hasattr(edisp, "exposure_map"):
            return _response_from_sky(edisp, geom, first)
        _check_overlap(geom.axes["energy_true"], edisp.axes["energy_true"], observation, "energy dispersion")
        exposure = self.make_exposure(geom.squash(first), observation)
        make = make_edisp_map if first == "migra" else make_edisp_kernel_map
        return make(edisp, observation.get_pointing_icrs(), geom, exposure)

    # Names of Gammapy.
    make_edisp_kernel = make_edisp
    make_exposure_irf = make_exposure


def make_meta_table(observation: Any) -> Table:
    """Table with one row that says where the data come from.

    Parameters
    ----------
    observation
        `gjax.data.Observation`.
    """
    meta = make_meta(observation)
    row = {name: [meta[name]] for name in ("TELESCOP", "OBS_ID")}
    row.update({name: [value] for name, value in observation.pointing.to_fits_header().items()})
    table = Table(row)
    for name in ("RA_PNT", "DEC_PNT", "ALT_PNT", "AZ_PNT"):
        if name in table.colnames:
            table[name].unit = u.deg
    return table


def _geom(dataset: Any, field: str, map_name: str | None = None) -> Any:
    part = getattr(dataset, field)
    if part is None:
        raise ValueError(
            f"dataset {dataset.name!r} has no {field}, so no geometry to fill; make it with MapDataset.create, or "
            f"leave {field!r} out of the selection"
        )
    return (part if map_name is None else getattr(part, map_name)).geom


def _on_sky_of(geom: Any, reference: Any) -> Any:
    """The geometry; made from the reference where that has the same pixels, so that coordinates are found once."""
    if hasattr(reference, "is_same_sky") and reference.is_same_sky(geom):
        return reference.to_cube(list(geom.axes)) if len(reference.axes) == 0 else reference.copy(axes=geom.axes)
    return geom


def _check_overlap(asked: MapAxis, covered: MapAxis, observation: Any, what: str) -> None:
    """Raise an error if two energy axes share no energy."""
    low, high = covered.bounds.to_value("TeV")
    first, last = asked.bounds.to_value("TeV")
    if last <= low or first >= high:
        raise ValueError(
            f"observation {observation.obs_id}: {what}: it covers {low:.4g} to {high:.4g} TeV, and the dataset asks "
            f"for {first:.4g} to {last:.4g} TeV"
        )


# ---- responses that are maps of the sky already (water Cherenkov arrays) ----


def _time_factor(unit: Any, observation: Any, wanted: Any, what: str) -> float:
    """Factor from a unit, possibly per time, to one without."""
    for per_time in (u.dimensionless_unscaled, u.s):
        if (unit * per_time).is_equivalent(wanted):
            time = observation.gti.time_sum.to_value("s") if per_time == u.s else 1.0
            return float((unit * per_time).to(wanted)) * time
    raise ValueError(f"observation {observation.obs_id}: {what} is in {str(unit)!r}, expected a unit like {wanted!r}")


def _from_sky(source: Any, geom: Any, observation: Any, wanted: str) -> Any:
    factor = _time_factor(source.unit, observation, wanted, "the exposure")
    found = source.interp_to_geom(geom)
    return Map.from_geom(geom, data=np.nan_to_num(found.data) * factor, unit=wanted)


def _background_from_sky(source: Any, geom: Any, observation: Any) -> Any:
    if source.unit == u.dimensionless_unscaled:
        return source.interp_to_geom(geom, preserve_counts=True)
    factor = _time_factor(source.unit, observation, "TeV-1 sr-1", "the background")
    density = np.nan_to_num(source.interp_to_geom(geom).data)
    width = np.diff(geom.axes["energy"].edges.to_value("TeV"))[:, np.newaxis, np.newaxis]
    solid_angle = geom.to_image().solid_angle().to_value("sr")
    return Map.from_geom(geom, data=density * factor * width * solid_angle)


def _response_from_sky(source: Any, geom: Any, first: str) -> Any:
    exposure = source.exposure_map
    if exposure is not None:
        exposure = exposure.interp_to_geom(geom.squash(first))
    return type(source)(source.irf_map.interp_to_geom(geom), exposure)

"""Spectrum of a region of a map dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.datasets._map_fields import reference_map
from gjax.datasets._stacking import stack_acceptance
from gjax.datasets.spectrum import SpectrumDataset
from gjax.datasets.spectrum_on_off import SpectrumDatasetOnOff
from gjax.maps import RegionGeom, RegionNDMap

__all__ = ["map_to_spectrum"]


def map_to_spectrum(
    dataset: Any, on_region: Any, containment_correction: bool | str = False, name: str | None = None
) -> Any:
    """Sum a map dataset over the pixels whose centres lie in a region.

    Counts and background are summed, the exposure is averaged, the energy dispersion is that of the centre.

    Parameters
    ----------
    dataset
        `MapDataset` or `MapDatasetOnOff`.
    on_region
        Region on the sky, completely inside the map.
    containment_correction
        True sums the exposure of the pixels weighted with the point spread function around the centre, so that a point
        source there gives the counts of the map. "circle" multiplies the mean exposure with the containment in the
        circle, as Gammapy does: some percent off where the circle is only some pixels wide. False: no correction.
    name
        Name of the result; by default that of the dataset.

    Returns
    -------
    spectrum
        `SpectrumDataset`, or `SpectrumDatasetOnOff` of on-off data.

    Raises
    ------
    ValueError
        If the region is not completely inside the map, or the masks are not uniform in it.
    TypeError
        If a containment correction is asked for a region that is not a circle.
    """
    geom = reference_map(dataset).geom
    inside = _region_pixels(dataset.name, geom, on_region)
    region = RegionGeom.create(on_region, axes=[geom.axes["energy"]], wcs=geom.wcs)
    fields: dict[str, Any] = {
        "name": name or dataset.name,
        "gti": dataset.gti,
        "meta_table": dataset.meta_table,
        "meta": dataset.meta,
    }
    for field in ("mask_safe", "mask_fit"):
        mask = getattr(dataset, field)
        if mask is not None:
            fields[field] = RegionNDMap(region, data=_uniform(dataset.name, field, mask.data[:, inside]), dtype=bool)
    safe = fields["mask_safe"].data[:, 0, 0] if "mask_safe" in fields else np.ones(geom.axes["energy"].nbin, bool)
    on_off = "acceptance" in dataset.__dataclass_fields__
    for field in ("counts", "counts_off") if on_off else ("counts", "background"):
        value = getattr(dataset, field)
        if value is not None:
            summed = np.where(safe, np.where(safe[:, None], value.data[:, inside], 0.0).sum(axis=1), 0.0)
            fields[field] = RegionNDMap(region, data=summed)
    if on_off and dataset.acceptance is not None and dataset.acceptance_off is not None and "counts_off" in fields:
        fields.update(_acceptances(dataset, inside, safe, region))
    if dataset.exposure is not None:
        fields["exposure"] = _exposure(dataset, inside, on_region, containment_correction)
    if dataset.edisp is not None:
        fields["edisp"] = _kernel(dataset, region.center_skydir)
    return (SpectrumDatasetOnOff if on_off else SpectrumDataset)(**fields)


def _region_pixels(name: str, geom: Any, region: Any) -> np.ndarray:
    """Pixels with their centre in a region (bool image); the pixel around a region that is smaller than one."""
    padded = geom.to_image().pad(1)
    wide = np.asarray(padded.region_mask([region]).data, dtype=bool)
    n_inside = int(wide.sum())
    inside = wide[1:-1, 1:-1]
    if n_inside == 0:
        pixel = geom.to_image().coord_to_idx({"skycoord": RegionGeom.create(region).center_skydir})
        column, row = (int(np.ravel(index)[0]) for index in pixel[:2])
        inside = np.zeros(inside.shape, dtype=bool)
        if column >= 0 and row >= 0:
            inside[row, column] = True
        n_inside = 1
    if int(inside.sum()) < n_inside:
        raise ValueError(f"dataset {name!r}: the region is not completely inside the map ({region})")
    return inside


def _uniform(name: str, field: str, values: np.ndarray) -> np.ndarray:
    """One mask entry per energy; raises where a mask cuts through the region."""
    anywhere, everywhere = np.asarray(values.any(axis=1)), np.asarray(values.all(axis=1))
    if np.any(anywhere != everywhere):
        bins = np.flatnonzero(anywhere != everywhere).tolist()
        raise ValueError(
            f"dataset {name!r}: {field} holds only part of the region in energy bins {bins}: the spectrum would have "
            "no defined exposure there; choose a smaller region or change the mask in these bins"
        )
    return anywhere


def _acceptances(dataset: Any, inside: np.ndarray, safe: np.ndarray, region: Any) -> dict[str, Any]:
    maps = (dataset.acceptance, dataset.acceptance_off, dataset.counts_off)
    pixels = [value.data[:, inside].T for value in maps]
    on, off = stack_acceptance(*pixels, np.broadcast_to(safe, pixels[0].shape))  # type: ignore[call-arg]
    n_pixels = int(inside.sum())
    return {
        "acceptance": RegionNDMap(region, data=on / n_pixels),
        "acceptance_off": RegionNDMap(region, data=off / n_pixels),
    }


def _exposure(dataset: Any, inside: np.ndarray, on_region: Any, containment_correction: bool | str) -> Any:
    exposure = dataset.exposure
    values = exposure.data[:, inside].mean(axis=1)
    geom = RegionGeom.create(on_region, axes=[exposure.geom.axes["energy_true"]], wcs=exposure.geom.wcs)
    if containment_correction:
        values = _contained(dataset, values, inside, on_region, containment_correction)
    return RegionNDMap(geom, data=values, unit=exposure.unit, meta=exposure.meta)


def _contained(
    dataset: Any, values: np.ndarray, inside: np.ndarray, on_region: Any, containment_correction: bool | str
) -> np.ndarray:
    from regions import CircleSkyRegion

    axis = dataset.exposure.geom.axes["energy_true"]
    psf = dataset.psf
    if psf is None or "energy_true" not in getattr(getattr(psf, "axes", None), "names", ()):
        raise ValueError(f"dataset {dataset.name!r}: a containment correction needs a PSFMap in true energy")
    if not isinstance(on_region, CircleSkyRegion):
        raise TypeError(f"a containment correction needs a circle, got a {type(on_region).__name__}")
    center = on_region.center
    if containment_correction is True:
        return _seen(dataset, inside, center)
    if containment_correction != "circle":
        raise ValueError(f"containment_correction is {containment_correction!r}, expected True, False or 'circle'")
    fraction = psf.containment(rad=on_region.radius, energy_true=axis.center, position=center)
    return values * np.ravel(np.asarray(fraction))


def _seen(dataset: Any, inside: np.ndarray, center: Any) -> np.ndarray:
    """Exposure times the point spread function around the centre, summed over the pixels of the region."""
    exposure = dataset.exposure
    image = exposure.geom.to_image()
    rows, columns = np.nonzero(inside)
    rad, profile = dataset.psf.radial_profile(center)
    rad_deg = rad.to_value("deg")
    profile = _normalised(rad_deg, np.asarray(profile))
    oversampling = 5
    steps = (np.arange(oversampling) + 0.5) / oversampling - 0.5
    x = columns[:, None, None] + steps[None, None, :] + 0 * steps[None, :, None]
    y = rows[:, None, None] + steps[None, :, None] + 0 * steps[None, None, :]
    distance = image.wcs.pixel_to_world(x, y).separation(center).deg
    area = image.solid_angle().to_value("sr")[rows, columns]
    weights = np.array([np.interp(distance, rad_deg, row, right=0.0).mean(axis=(1, 2)) for row in profile]) * area
    return (weights * exposure.data[:, inside]).sum(axis=1)


def _normalised(rad: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Profiles whose integral over the sky is 1, when they are interpolated in radius [deg]; rows of zeros stay."""
    fine = np.linspace(0.0, rad[-1], 20 * len(rad))
    middle = 0.5 * (fine[1:] + fine[:-1])
    rings = 2 * np.pi * middle * np.diff(fine) * np.deg2rad(1.0) ** 2
    total = np.array([(np.interp(middle, rad, row) * rings).sum() for row in profile])[:, np.newaxis]
    return np.divide(profile, total, out=np.zeros_like(profile, dtype=float), where=total > 0)


def _kernel(dataset: Any, center: Any) -> Any:
    edisp = dataset.edisp
    if not hasattr(edisp, "get_edisp_kernel"):
        return edisp
    return edisp.get_edisp_kernel(energy_axis=dataset.energy_axis, position=center)

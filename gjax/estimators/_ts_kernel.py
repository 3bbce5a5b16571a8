"""The counts of a test source around its pixel."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.datasets import MapDataset
from gjax.errors import FitError
from gjax.maps import WcsGeom
from gjax.models import Models, SkyModel

__all__ = ["centred", "exposed_position", "kernel_half_width", "source_kernel"]

#: Fraction of the counts that a kernel of the default width holds.
CONTAINMENT = 0.995
WIDEST = 4.0


def exposed_position(dataset: Any) -> Any:
    """Return the centre of the map, or the nearest pixel with exposure.

    Raises
    ------
    ValueError
        If there is no exposure at all.
    """
    if dataset.exposure is None:
        raise ValueError(f"dataset {dataset.name!r}: has no exposure")
    geom = dataset.exposure.geom.to_image()
    exposed = np.asarray(dataset.exposure.data).max(axis=0) > 0
    if not exposed.any():
        raise ValueError(f"dataset {dataset.name!r}: the exposure is zero everywhere")
    separation = np.where(exposed, geom.separation(geom.center_skydir).to_value("deg"), np.inf)
    y, x = np.unravel_index(int(separation.argmin()), exposed.shape)
    middle = ((n - 1) // 2 for n in exposed.shape)
    if all(abs(i - m) <= 1 for i, m in zip((y, x), middle)):
        return geom.center_skydir
    from astropy.coordinates import SkyCoord

    lon, lat = geom.pix_to_coord((np.array(x), np.array(y)))
    return SkyCoord(lon, lat, frame=geom.frame)


def centred(model: SkyModel, position: Any) -> SkyModel:
    """Return a source at a position."""
    spatial: Any = model.spatial_model
    if spatial is None or not (hasattr(spatial, "lon_0") and hasattr(spatial, "lat_0")):
        kind = type(spatial).__name__ if spatial is not None else "none"
        raise FitError(f"kernel_model: expected a spatial model with a position, got {kind}")
    there = position.transform_to(getattr(spatial, "frame", "icrs")).spherical
    source = Models([dataclasses.replace(model, name="kernel", datasets_names=None)])
    where = {"kernel.spatial.lon_0": float(there.lon.deg), "kernel.spatial.lat_0": float(there.lat.deg)}
    return source.with_values(where).freeze("kernel.*")[0]  # type: ignore[no-any-return]


def source_kernel(dataset: Any, model: SkyModel, half: int) -> np.ndarray:
    """Return the fraction of the counts of a source at a pixel that fall into the pixels around, per energy bin.

    The responses are those at the centre of the map (or the nearest pixel with exposure). What falls outside of the
    window is missing from the sum: it is not put back.

    Parameters
    ----------
    dataset
        Map dataset.
    model
        Source; its position does not matter.
    half
        Pixels on each side of the middle.

    Returns
    -------
    kernel
        Shape (energy, 2 half + 1, 2 half + 1).

    Raises
    ------
    FitError
        If the spatial model has no position.
    """
    from gjax.estimators._inputs import estimate_exposure_reco_energy
    from gjax.freeze import Likelihood

    position = exposed_position(dataset)
    counts, exposure = dataset.counts.geom, dataset.exposure
    scales = counts.pixel_scales.to_value("deg")
    geom = WcsGeom.create(
        skydir=position, npix=2 * half + 1, binsz=tuple(float(s) for s in scales), proj="TAN", frame=counts.frame
    )
    coords = {"skycoord": position, "energy_true": exposure.geom.axes["energy_true"].center}
    values = np.ravel(exposure.get_by_coord(coords))
    flat = geom.to_cube([exposure.geom.axes["energy_true"]])
    data = np.broadcast_to(values[:, np.newaxis, np.newaxis], flat.data_shape)
    small = MapDataset(
        counts=type(dataset.counts).from_geom(geom.to_cube([counts.axes["energy"]])),
        exposure=type(exposure).from_geom(flat, data=np.array(data), unit=exposure.unit),
        psf=dataset.psf,
        edisp=dataset.edisp,
        name="kernel",
    )
    source = centred(model, position)
    npred = Likelihood(small, source).npred_signal()["kernel"].data
    total = estimate_exposure_reco_energy(small, model.spectral_model, normalize=False).data[:, half, half]
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = npred / total[:, np.newaxis, np.newaxis]
    return np.where(np.isfinite(kernel), np.maximum(kernel, 0.0), 0.0)


def kernel_half_width(dataset: Any, model: SkyModel, width: float | None) -> int:
    """Return the pixels on each side of the middle of a kernel.

    Parameters
    ----------
    dataset
        Map dataset.
    model
        Source.
    width
        Full width [deg]; None for one that holds 99.5 % of the counts of the energy bin that is spread most.
    """
    side = float(np.min(dataset.counts.geom.pixel_scales.to_value("deg")))
    if width is not None:
        return int(np.rint(width / 2 / side))
    extent = float(model.spatial_model.extent())  # type: ignore[union-attr]
    reach = extent if np.isfinite(extent) else WIDEST
    if dataset.psf is not None:
        rad, contained = dataset.psf.containment_profile(exposed_position(dataset))
        inside = np.asarray(contained) >= CONTAINMENT * np.max(contained, axis=-1, keepdims=True)
        reach += float(rad.to_value("deg")[np.minimum(inside.argmax(axis=-1), len(rad) - 1)].max())
    return max(int(np.ceil(min(reach, WIDEST) / side)), 1)

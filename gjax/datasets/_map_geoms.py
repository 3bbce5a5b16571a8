"""Geometries of the maps of a dataset."""

from __future__ import annotations

from typing import Any

import astropy.units as u

from gjax.maps import MapAxis

__all__ = ["create_map_dataset_geoms", "default_rad_axis"]

BINSZ_IRF = "0.2 deg"
RAD_MAX, RAD_BINS = 0.66, 66
MIGRA_MIN, MIGRA_MAX, MIGRA_BINS = 0.2, 5.0, 48


def default_rad_axis() -> MapAxis:
    """Axis of the point spread function: 66 bins from 0 to 0.66 deg.

    Examples
    --------
    >>> default_rad_axis().nbin, default_rad_axis().edges[-1]
    (66, <Quantity 0.66 deg>)
    """
    return MapAxis.from_bounds(0, RAD_MAX, nbin=RAD_BINS, name="rad", unit="deg")


def default_migra_axis() -> MapAxis:
    """Axis of the energy dispersion in migration: 48 bins from 0.2 to 5.

    Examples
    --------
    >>> default_migra_axis().nbin
    48
    """
    return MapAxis.from_bounds(MIGRA_MIN, MIGRA_MAX, nbin=MIGRA_BINS, name="migra")


def create_map_dataset_geoms(
    geom: Any,
    energy_axis_true: MapAxis | None = None,
    migra_axis: MapAxis | None = None,
    rad_axis: MapAxis | None = None,
    binsz_irf: Any = BINSZ_IRF,
    reco_psf: bool = False,
) -> dict[str, Any]:
    """Geometries of counts, exposure and responses of a map dataset.

    Parameters
    ----------
    geom
        Geometry of the counts, with an axis "energy".
    energy_axis_true
        Axis "energy_true"; by default the axis of the counts.
    migra_axis
        Axis "migra" of an energy dispersion map; by default the dispersion is a map of kernels.
    rad_axis
        Axis "rad" of the point spread function; 66 bins from 0 to 0.66 deg by default.
    binsz_irf
        Pixel size of the responses [deg].
    reco_psf
        Point spread function in reconstructed energy.

    Returns
    -------
    geoms
        ``geom, geom_exposure, geom_psf, geom_edisp``.

    Raises
    ------
    ValueError
        If an axis is missing or misnamed.
    """
    if "energy" not in geom.axes.names:
        raise ValueError(f"the geometry needs an axis named 'energy', got {geom.axes.names}")
    axis = geom.axes["energy"]
    true = axis.copy(name="energy_true") if energy_axis_true is None else energy_axis_true
    rad = default_rad_axis() if rad_axis is None else rad_axis
    for given, name in ((true, "energy_true"), (rad, "rad"), (migra_axis, "migra")):
        if given is not None and given.name != name:
            raise ValueError(f"expected an axis named {name!r}, got {given.name!r}")
    image = geom.to_image()
    coarse = image if getattr(geom, "is_region", False) else image.to_binsz(u.Quantity(binsz_irf, "deg"))
    return {
        "geom": geom,
        "geom_exposure": image.to_cube([true]),
        "geom_psf": coarse.to_cube([rad, axis if reco_psf else true]),
        "geom_edisp": coarse.to_cube([axis if migra_axis is None else migra_axis, true]),
    }

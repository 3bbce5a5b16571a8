"""Containment of reduced point spread functions: fractions within radii, and radii that hold fractions."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.irf.evaluation import coordinate_value
from gjax.irf.interpolation import interpolate, scaled
from gjax.irf.irf_map import map_of
from gjax.maps import MapAxis

__all__ = ["containment", "containment_radius", "rad_areas", "radius_map"]


def rad_areas(rad: MapAxis) -> np.ndarray:
    """Solid angles of rings [sr]: circumference at the centre of the bin times its width.

    Parameters
    ----------
    rad
        Radius axis.

    Examples
    --------
    >>> rad_areas(MapAxis([0, 2], name="rad", unit="rad")).round(3)
    array([12.566])
    """
    edges = rad.edges.to_value("rad")
    return 2 * np.pi * rad.center.to_value("rad") * np.diff(edges)


def _energies(axis: MapAxis, energy: Any) -> np.ndarray:
    return np.asarray(coordinate_value(axis.name, axis.center if energy is None else energy, axis.unit))


def containment(psf: Any, rad: Any, energy: Any, position: Any) -> u.Quantity:
    """Fraction of photons within a radius; see `PSFMap.containment`.

    Parameters
    ----------
    psf
        `PSFMap` or `RecoPSFMap`.
    rad, energy, position
        See `PSFMap.containment`.
    """
    edges, table = psf.containment_profile(position)
    axis = psf.axes[psf.energy_name]
    radius = np.clip(coordinate_value("rad", rad, "deg"), 0.0, edges.value[-1])
    nodes = [scaled(axis.center.value, axis.interp), edges.value]
    values = np.clip(_energies(axis, energy), axis.center.value[0], axis.center.value[-1])
    return u.Quantity(interpolate(nodes, table, [scaled(values, axis.interp), radius]))


def containment_radius(psf: Any, fraction: Any, energy: Any, position: Any) -> u.Quantity:
    """Radius that contains a fraction of the photons; see `PSFMap.containment_radius`.

    Parameters
    ----------
    psf
        `PSFMap` or `RecoPSFMap`.
    fraction, energy, position
        See `PSFMap.containment_radius`.
    """
    edges, table = psf.containment_profile(position)
    axis = psf.axes[psf.energy_name]
    wanted = np.asarray(coordinate_value("fraction", fraction, ""))
    values, wanted = np.broadcast_arrays(_energies(axis, energy), wanted)
    inside = np.clip(values, axis.center.value[0], axis.center.value[-1])
    nodes = [scaled(axis.center.value, axis.interp), np.arange(edges.size, dtype=float)]
    coords = [scaled(inside.reshape(-1, 1), axis.interp), np.arange(edges.size, dtype=float)[np.newaxis]]
    curves = interpolate(nodes, table, coords)
    result = [
        np.interp(target, curve, edges.value) if curve[-1] > 0 and curve[-1] >= target - 1e-9 else np.nan
        for target, curve in zip(wanted.ravel(), curves, strict=True)
    ]
    return u.Quantity(np.reshape(result, wanted.shape), "deg")


def radius_map(psf: Any, fraction: float, energy: Any) -> Any:
    """Map of the containment radius at every pixel centre; NaN where it is not reached.

    Parameters
    ----------
    psf
        `PSFMap` or `RecoPSFMap`.
    fraction
        Contained fraction.
    energy
        One energy.
    """
    axis, rad = psf.axes[psf.energy_name], psf.axes["rad"]
    value = np.clip(float(coordinate_value("energy", energy, axis.unit)), *axis.center.value[[0, -1]])
    data = psf.psf_map.data.reshape(axis.nbin, rad.nbin, -1)
    table = np.zeros((axis.nbin, rad.nbin + 1, data.shape[-1]))
    np.cumsum(data * (rad_areas(rad) * psf.psf_map.unit.to("sr-1"))[:, np.newaxis], axis=1, out=table[:, 1:])
    node = scaled(axis.center.value, axis.interp)
    weights = np.array([np.interp(scaled(value, axis.interp), node, row) for row in np.eye(axis.nbin)])
    curves = np.tensordot(weights, table, axes=1)
    edges = rad.edges.to_value("deg")
    radius = [np.interp(fraction, curve, edges) if curve[-1] >= fraction else np.nan for curve in curves.T]
    image = psf.geom.to_image()
    return map_of(image, np.reshape(radius, image.data_shape), "deg")

"""Responses of one observation on the pixels of a geometry: exposure, point spread function, energy dispersion."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.errors import DataFormatError
from gjax.irf.edisp_map import EDispKernelMap, EDispMap
from gjax.irf.evaluation import outside
from gjax.irf.fov import offset_on_sphere, sky_coordinates
from gjax.irf.interpolation import scaled
from gjax.irf.irf_map import map_of
from gjax.irf.psf_map import PSFMap, RecoPSFMap, rad_areas
from gjax.maps import MapAxis
from gjax.maps.coord import lonlat_deg

__all__ = [
    "interpolation_matrix",
    "make_edisp_kernel_map",
    "make_edisp_map",
    "make_map_exposure_true_energy",
    "make_psf_map",
    "pixel_offsets",
    "project_on_offsets",
]


def interpolation_matrix(axis: MapAxis, values: np.ndarray) -> np.ndarray:
    """Weights of the bin centres of an axis in linear interpolation, in its scale; extrapolates beyond the centres.

    Parameters
    ----------
    axis
        Axis of a response.
    values
        Coordinates (n) in the unit of the axis.

    Returns
    -------
    weights
        Matrix (n, axis.nbin); zero rows where a coordinate is not a number.

    Examples
    --------
    >>> interpolation_matrix(MapAxis([0.0, 1.0, 2.0], name="offset", unit="deg"), np.array([1.0, 1.5]))
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    values = np.asarray(values, dtype=float)
    weights = np.zeros((values.size, axis.nbin))
    if axis.nbin == 1:
        weights[:] = 1.0
        return weights
    nodes, coords = scaled(axis.center.value, axis.interp), scaled(values, axis.interp)
    good = np.isfinite(coords)
    coords = np.where(good, coords, nodes[0])
    low = np.clip(np.searchsorted(nodes, coords, side="right") - 1, 0, axis.nbin - 2)
    upper = (coords - nodes[low]) / (nodes[low + 1] - nodes[low])
    rows = np.arange(values.size)
    weights[rows, low], weights[rows, low + 1] = 1.0 - upper, upper
    weights[~good] = 0.0
    return weights


def pixel_offsets(geom: Any, pointing: Any) -> np.ndarray:
    """Offset of each pixel centre from the pointing position [deg], in the spatial shape of the geometry.

    Parameters
    ----------
    geom
        Geometry.
    pointing
        Pointing position (SkyCoord), or an object with ``get_icrs()``.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.maps import RegionGeom
    >>> geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.5)")
    >>> pixel_offsets(geom, SkyCoord(83.63, 22.51, unit="deg")).round(3)
    array([[0.5]])
    """
    position = pointing.get_icrs() if hasattr(pointing, "get_icrs") else pointing
    there = (float(np.squeeze(angle)) for angle in lonlat_deg(position, geom.center_skydir.frame))
    return offset_on_sphere(*sky_coordinates(geom), *there)


def project_on_offsets(irf: Any, offset: np.ndarray, **coords: np.ndarray) -> np.ndarray:
    """Values of a response for all combinations of offsets and of coordinates along its other axes.

    The same numbers as ``irf.evaluate``, for much less work: tables are interpolated axis by axis.

    Parameters
    ----------
    irf
        Response with an offset axis.
    offset
        Offsets [deg] in any shape; NaN gives zero.
    coords
        One array (n) per other axis, in the unit of that axis.

    Returns
    -------
    values
        In the unit of the response, with the other axes in the order of ``coords``, then the shape of ``offset``.
    """
    flat = np.ravel(offset)
    shape = (*(len(value) for value in coords.values()), *np.shape(offset))
    if irf.data.dtype.names:
        return _evaluate(irf, flat, coords).reshape(shape)
    irf.check_finite()
    names = [*coords, "offset"]
    unit = irf.axes["offset"].unit
    values = {**coords, "offset": (flat * u.deg).to_value(unit)}
    table = np.transpose(irf.data, [irf.axes.index(name) for name in names])
    for i, name in enumerate(names):
        weights = interpolation_matrix(irf.axes[name], values[name])
        if not np.array_equal(weights, np.eye(irf.axes[name].nbin)):
            moved = np.moveaxis(table, i, -1) if i < len(names) - 1 else table
            table = moved @ weights.T
            table = np.moveaxis(table, -1, i) if i < len(names) - 1 else table
    table = np.maximum(table, 0.0, out=None if np.shares_memory(table, irf.data) else table)
    _clear_outside(irf, table, names, values)
    return table.reshape(shape)


def _clear_outside(irf: Any, table: np.ndarray, names: list[str], values: dict[str, Any]) -> None:
    """Set to zero, in place, what the response says is zero outside its axes."""
    grids = []
    for axis in irf.axes:
        out = outside(axis, np.asarray(values[axis.name]))
        i = names.index(axis.name)
        # most coordinates are inside: one element says so for all of them
        out = out.reshape((1,) * i + (-1,) + (1,) * (len(names) - i - 1)) if out.any() else np.zeros(1, dtype=bool)
        grids.append(out)
    beyond = np.asarray(irf._beyond(grids))
    beyond = beyond.reshape((1,) * (len(names) - beyond.ndim) + beyond.shape)
    if not beyond.any():
        return
    if beyond.size == beyond.shape[-1]:
        table[..., beyond.ravel()] = 0.0
    else:
        table[np.broadcast_to(beyond, table.shape)] = 0.0


def _evaluate(irf: Any, offset: np.ndarray, coords: dict[str, np.ndarray]) -> np.ndarray:
    """As `project_on_offsets`, for responses given by parameters."""
    number = len(coords)
    given: dict[str, Any] = {
        name: u.Quantity(value.reshape((-1,) + (1,) * (number - i)), _unit_of(irf, name))
        for i, (name, value) in enumerate(coords.items())
    }
    values = irf.evaluate(**given, offset=np.where(np.isnan(offset), 0.0, offset) * u.deg).value
    return np.where(np.isnan(offset), 0.0, values)


def _unit_of(irf: Any, name: str) -> Any:
    return irf.axes[name].unit if name in irf.axes.names else u.deg


def _in_unit(irf: Any, axis: MapAxis, name: str) -> np.ndarray:
    return axis.center.to_value(_unit_of(irf, name))


def make_map_exposure_true_energy(pointing: Any, livetime: Any, aeff: Any, geom: Any) -> Any:
    """Exposure: effective area at each pixel centre and true energy times live time.

    Parameters
    ----------
    pointing
        Pointing position.
    livetime
        Live time.
    aeff
        `gjax.irf.EffectiveAreaTable2D`.
    geom
        Geometry with an axis "energy_true" (axes with one bin, such as a squashed "rad", may come before it).

    Returns
    -------
    exposure
        Map [m2 s]; its ``meta`` tells ``livetime`` and ``is_pointlike``.

    Raises
    ------
    DataFormatError
        If live time or effective area are not finite.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.irf import EffectiveAreaTable2D
    >>> from gjax.maps import RegionGeom
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
    >>> geom = RegionGeom.create("icrs;circle(0, 0, 0.5)", axes=[true])
    >>> aeff = EffectiveAreaTable2D.from_parametrization(instrument="CTAO")
    >>> make_map_exposure_true_energy(SkyCoord(0, 0.5, unit="deg"), 1 * u.h, aeff, geom).data.ravel().round(-8)
    array([1.61e+10, 1.51e+10])
    """
    livetime = u.Quantity(livetime)
    seconds = livetime.to_value("s")
    if not np.isfinite(seconds) or seconds < 0:
        raise DataFormatError(f"the live time is {livetime}, expected a positive time")
    true = geom.axes["energy_true"]
    offset = pixel_offsets(geom, pointing)
    area = project_on_offsets(aeff, offset, energy_true=_in_unit(aeff, true, "energy_true"))
    area *= aeff.unit.to("m2") * seconds
    return map_of(
        geom, area.reshape(geom.data_shape), "m2 s", {"livetime": livetime, "is_pointlike": aeff.is_pointlike}
    )


def make_psf_map(psf: Any, pointing: Any, geom: Any, exposure_map: Any = None) -> PSFMap | RecoPSFMap:
    """Point spread function at each pixel centre, normalised to 1 within the rad axis.

    Parameters
    ----------
    psf
        `gjax.irf.PSF3D`, `gjax.irf.EnergyDependentMultiGaussPSF` or `gjax.irf.PSFKing`.
    pointing
        Pointing position.
    geom
        Geometry with the axes "rad" and "energy_true" (or "energy"), in that order.
    exposure_map
        Exposure on the same pixels, for stacking.
    """
    name = geom.axes.names[1]
    energy = geom.axes[name].center.to_value(psf.axes["energy_true"].unit)
    rad = geom.axes["rad"]
    data = project_on_offsets(psf, pixel_offsets(geom, pointing), energy_true=energy, rad=_in_unit(psf, rad, "rad"))
    total = np.einsum("er...,r->e...", data, rad_areas(rad))[:, np.newaxis]
    data /= np.where(total > 0, total, 1.0)
    cls = RecoPSFMap if name == "energy" else PSFMap
    return cls(map_of(geom, data.reshape(geom.data_shape), "sr-1"), exposure_map)


def _migration(edisp: Any, pointing: Any, geom: Any, migra: MapAxis) -> np.ndarray:
    """Density of the migration (energy_true, migra, lat, lon), not normalised."""
    true = geom.axes["energy_true"]
    return project_on_offsets(
        edisp,
        pixel_offsets(geom, pointing),
        energy_true=_in_unit(edisp, true, "energy_true"),
        migra=_in_unit(edisp, migra, "migra"),
    )


def make_edisp_map(edisp: Any, pointing: Any, geom: Any, exposure_map: Any = None) -> EDispMap:
    """Energy dispersion at each pixel centre, normalised to 1 within the migra axis.

    Parameters
    ----------
    edisp
        `gjax.irf.EnergyDispersion2D`.
    pointing
        Pointing position.
    geom
        Geometry with the axes "migra" and "energy_true", in that order.
    exposure_map
        Exposure on the same pixels, for stacking.
    """
    migra = geom.axes["migra"]
    data = _migration(edisp, pointing, geom, migra)
    width = migra.bin_width.value.reshape((-1,) + (1,) * (data.ndim - 2))
    total = (data * width).sum(axis=1, keepdims=True)
    data = np.divide(data, total, out=np.zeros_like(data), where=total > 0)
    return EDispMap(map_of(geom, data.reshape(geom.data_shape)), exposure_map)


def make_edisp_kernel_map(
    edisp: Any, pointing: Any, geom: Any, exposure_map: Any = None, threshold: float = 1e-8
) -> EDispKernelMap:
    """Probability of each reconstructed energy bin at each pixel centre.

    As `gjax.irf.energy_dispersion.migration_to_kernel`, for many offsets at once.

    Parameters
    ----------
    edisp
        `gjax.irf.EnergyDispersion2D`.
    pointing
        Pointing position.
    geom
        Geometry with the axes "energy" and "energy_true", in that order.
    exposure_map
        Exposure on the same pixels, for stacking.
    threshold
        Smaller probabilities are set to zero.
    """
    migra, true = edisp.axes["migra"], geom.axes["energy_true"]
    offset = pixel_offsets(geom, pointing).ravel()
    edges = geom.axes["energy"].edges.to_value(true.unit)
    nodes = edisp.axes["offset"].center.to_value("deg")

    def cumulated(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Integral below each reconstructed edge (edges, energy_true, offset), and in total (energy_true, offset)."""
        density = project_on_offsets(
            edisp, at, energy_true=_in_unit(edisp, true, "energy_true"), migra=_in_unit(edisp, migra, "migra")
        )
        table = np.zeros((true.nbin, migra.nbin + 1, at.size))
        np.cumsum(density * migra.bin_width.value[:, np.newaxis], axis=1, out=table[:, 1:])
        below = np.empty((len(edges), true.nbin, at.size))
        for i, energy in enumerate(true.center.value):
            position = np.clip(edges / energy, migra.edges.value[0], migra.edges.value[-1])
            low = np.clip(np.searchsorted(migra.edges.value, position, side="right") - 1, 0, migra.nbin - 1)
            scale = scaled(migra.edges.value, migra.interp)
            weight = ((scaled(position, migra.interp) - scale[low]) / (scale[low + 1] - scale[low]))[:, np.newaxis]
            below[:, i] = (1 - weight) * table[i, low] + weight * table[i, low + 1]
        return below, table[:, -1]

    # Densities are linear in the offset between the nodes, and so are their integrals. Beyond the outermost nodes
    # densities are extrapolated and clipped, bin by bin.
    between = (offset >= nodes[0]) & (offset <= nodes[-1])
    below = np.zeros((len(edges), true.nbin, offset.size))
    total = np.zeros((true.nbin, offset.size))
    weights = interpolation_matrix(edisp.axes["offset"], (offset[between] * u.deg).to_value(edisp.axes["offset"].unit))
    at_nodes, total_nodes = cumulated(nodes)
    below[..., between], total[:, between] = at_nodes @ weights.T, total_nodes @ weights.T
    beyond = np.nonzero(~between & np.isfinite(offset))[0]
    beyond = beyond[~outside(edisp.axes["offset"], (offset[beyond] * u.deg).to_value(edisp.axes["offset"].unit))]
    if beyond.size:
        below[..., beyond], total[:, beyond] = cumulated(offset[beyond])
    matrix = np.diff(below, axis=0)
    matrix = np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)
    matrix[matrix < threshold] = 0.0
    data = np.ascontiguousarray(np.moveaxis(matrix, 0, 1)).reshape(geom.data_shape)
    return EDispKernelMap(map_of(geom, data), exposure_map)

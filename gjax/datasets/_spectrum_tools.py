"""What spectra on one region share: masks, energy ranges and checks, as functions of arrays, axes and maps."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.errors import UnitError
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

__all__ = [
    "as_mask",
    "as_values",
    "check_axes",
    "check_values",
    "combine_masks",
    "energy_mask",
    "energy_range",
    "on_geom",
    "same_edges",
    "spectrum",
]


def spectrum(region_map: RegionNDMap | None) -> np.ndarray | None:
    """Values of a map as an array over energy, or None."""
    return None if region_map is None else region_map.data[:, 0, 0]


def on_geom(geom: RegionGeom, values: Any, unit: str = "") -> RegionNDMap:
    """Map of an array over energy (or of a number)."""
    return RegionNDMap(geom, data=np.array(np.broadcast_to(values, geom.data_shape[0])), unit=unit)


def as_values(values: Any, geom: RegionGeom) -> RegionNDMap:
    """Map of a number, an array over energy, or a map."""
    return values if isinstance(values, RegionNDMap) else on_geom(geom, np.asarray(values, dtype=float).ravel())


def as_mask(mask: Any, geom: RegionGeom | None, field: str, name: str | None) -> RegionNDMap | None:
    """Bool map of a mask given as map or array over energy."""
    if mask is None:
        return None
    values = np.asarray(getattr(mask, "data", mask))
    if geom is None:
        raise ValueError(f"dataset {name!r}: {field} needs counts, which give the energy axis")
    if values.size != geom.data_shape[0]:
        raise ValueError(f"dataset {name!r}: {field} has {values.size} entries, expected {geom.data_shape[0]} bins")
    if isinstance(mask, RegionNDMap) and values.dtype == bool:
        return mask
    if not np.all((values == 0) | (values == 1)):
        raise ValueError(f"dataset {name!r}: {field} has values other than True and False")
    return RegionNDMap(geom, data=values.astype(bool).reshape(geom.data_shape), dtype=bool)


def combine_masks(*masks: RegionNDMap | None) -> RegionNDMap | None:
    """Logical and of the masks that are not None; None if there is none."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    return RegionNDMap(given[0].geom, data=np.logical_and.reduce([mask.data for mask in given]), dtype=bool)


def energy_mask(axis: MapAxis, energy_min: Any = None, energy_max: Any = None) -> np.ndarray:
    """Bins that lie completely between two energies.

    Parameters
    ----------
    axis
        Energy axis.
    energy_min, energy_max
        Limits (Quantity or string), None for no limit. An edge counts as inside up to a relative 1e-9.

    Raises
    ------
    UnitError
        If a limit is not an energy.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4)
    >>> energy_mask(axis, "2 TeV", "40 TeV").tolist()
    [False, True, True, False]
    """
    edges = axis.edges.value
    mask = np.ones(axis.nbin, dtype=bool)
    try:
        if energy_min is not None:
            mask &= edges[:-1] >= u.Quantity(energy_min).to_value(axis.unit) * (1 - 1e-9)
        if energy_max is not None:
            mask &= edges[1:] <= u.Quantity(energy_max).to_value(axis.unit) * (1 + 1e-9)
    except u.UnitConversionError as error:
        raise UnitError(
            f"energy limits {energy_min!r} to {energy_max!r}: expected an energy such as '1 TeV'"
        ) from error
    return mask


def energy_range(axis: MapAxis, mask: Any) -> tuple[u.Quantity, u.Quantity]:
    """Lower edge of the first and upper edge of the last bin in a mask, over all pixels (NaN if it is empty)."""
    inside = np.ones(axis.nbin, dtype=bool) if mask is None else mask.data.reshape(axis.nbin, -1).any(axis=1)
    if not inside.any():
        return u.Quantity(np.nan, axis.unit), u.Quantity(np.nan, axis.unit)
    index = np.flatnonzero(inside)
    return axis.edges[index[0]], axis.edges[index[-1] + 1]


def same_edges(first: MapAxis, second: MapAxis, rtol: float = 1e-4) -> bool:
    """Whether two energy axes have the same edges, whatever their units (files hold them in single precision)."""
    if first is second:
        return True
    return first.nbin == second.nbin and bool(
        np.allclose(first.edges.value, second.edges.to_value(first.unit), rtol=rtol, atol=0)
    )


def check_axes(name: str | None, first: MapAxis, second: MapAxis, what: str) -> None:
    """Raise ValueError if two energy axes differ."""
    if not same_edges(first, second):
        raise ValueError(f"dataset {name!r}: the {first.name} axes of {what} differ: {first!r} and {second!r}")


def check_values(name: str | None, field: str, values: np.ndarray, mask: np.ndarray | None = None) -> None:
    """Raise ValueError if values are negative or not finite in the mask."""
    bad = ~np.isfinite(values) | (values < 0)
    if mask is not None:
        bad &= mask
    if bad.any():
        rows = np.unique(np.nonzero(bad)[0])[:5].tolist()
        raise ValueError(f"dataset {name!r}: {field} is negative or not finite in bins {rows}")

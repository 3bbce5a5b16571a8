"""Evaluation of tables on axes with units: coordinates in, interpolated values out, zero outside the axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np

from gjax.errors import UnitError
from gjax.irf.interpolation import interpolate, scaled
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis

__all__ = ["axis_coordinates", "coordinate_value", "interpolate_table", "outside"]


def coordinate_value(name: str, coord: Any, unit: Any) -> np.ndarray:
    """Numbers of a coordinate (Quantity, string or, without unit, numbers) in a unit.

    Raises
    ------
    UnitError
        If the unit cannot be converted, or is missing where one is needed.

    Examples
    --------
    >>> coordinate_value("offset", "30 arcmin", "deg")
    array(0.5)
    """
    try:
        return np.asarray(u.Quantity(coord).to_value(unit), dtype=float)
    except (u.UnitConversionError, TypeError) as error:
        given = getattr(coord, "unit", None)
        text = f"in {str(given)!r}" if given is not None else repr(coord)
        raise UnitError(f"coordinate {name!r}: got {text}, expected a unit like {str(unit)!r}") from error


def axis_coordinates(axes: MapAxes, coords: Mapping[str, Any]) -> list[np.ndarray]:
    """Coordinates in the units of the axes; axes that are not named give their bin centres.

    Raises
    ------
    ValueError
        If a name is not that of an axis.
    UnitError
        If a unit cannot be converted.
    """
    unknown = set(coords) - set(axes.names)
    if unknown:
        raise ValueError(f"no axis {', '.join(sorted(unknown))}; the coordinates are: {', '.join(axes.names)}")
    values = []
    for i, axis in enumerate(axes):
        coord = coords.get(axis.name)
        if coord is None:
            values.append(axis.center.value.reshape((1,) * i + (-1,) + (1,) * (len(axes) - i - 1)))
        else:
            values.append(coordinate_value(axis.name, coord, axis.unit))
    return values


def outside(axis: MapAxis, values: np.ndarray) -> np.ndarray:
    """Whether coordinates lie outside the edges of an axis (closed below, open above; NaN is outside).

    An axis with one value for both edges says nothing about a range, and nothing is outside of it.
    """
    if axis.nbin == 1 and axis.node_type == "center":
        return np.isnan(values)
    edges = axis.edges.value
    return ~((values >= edges[0]) & (values < edges[-1]))


def interpolate_table(
    axes: MapAxes, table: np.ndarray, values: list[np.ndarray], *, method: str = "linear", log_values: bool = False
) -> np.ndarray:
    """Interpolate between bin centres in the scale of each axis; extrapolate outside and clip at zero."""
    nodes = [scaled(axis.center.value, axis.interp) for axis in axes]
    coords = [scaled(value, axis.interp) for axis, value in zip(axes, values, strict=True)]
    return np.maximum(interpolate(nodes, table, coords, method=method, log_values=log_values), 0.0)

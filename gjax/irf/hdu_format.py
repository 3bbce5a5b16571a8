"""GADF DL3 response tables: axes and data from columns, and strictly formatted HDUs out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError, UnitError
from gjax.irf.columns import Columns, unit_matches
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.axis_tables import DL3_AXES

__all__ = ["checked_data", "read_axes", "read_data", "to_hdu"]

AXIS_PREFIXES = {"energy": "ENERG", **{name: key for key, (name, _, _) in DL3_AXES.items() if key != "ETRUE"}}


def read_axes(columns: Columns, required: tuple[str, ...]) -> tuple[MapAxes, list[str]]:
    """Return the required axes, and the names of all axes in the order of their columns.

    Raises
    ------
    DataFormatError
        If an axis is missing, has lower and upper edges of different number, or does not increase.
    """
    found: dict[str, MapAxis] = {}
    reco = "energy" in required
    for column in columns.values:
        prefix = column.removesuffix("_LO")
        if prefix == column or prefix not in DL3_AXES:
            continue
        name, interp, unit = DL3_AXES[prefix]
        name = "energy" if reco and name == "energy_true" else name
        low, low_unit = columns.get(f"{prefix}_LO", unit)
        high, high_unit = columns.get(f"{prefix}_HI", unit)
        low, high = np.ravel(low), np.ravel(high) * high_unit.to(low_unit)
        if low.shape != high.shape:
            raise DataFormatError(
                f"{columns.source}: columns {prefix}_LO and {prefix}_HI have {low.size} and {high.size} values"
            )
        centers = np.allclose(low, high, atol=0)
        try:
            found[name] = MapAxis(
                high if centers else np.append(low, high[-1]),
                interp=interp,  # type: ignore[arg-type]
                node_type="center" if centers else "edges",
                name=name,
                unit=low_unit,
            )
        except ValueError as error:
            raise DataFormatError(f"{columns.source}: columns {prefix}_LO, {prefix}_HI: {error}") from error
    for name in required:
        if name not in found:
            column = f"{AXIS_PREFIXES[name]}_LO"
            raise DataFormatError(f"{columns.source}: no column {column!r}; it has: {', '.join(columns.values)}")
    return MapAxes([found[name] for name in required]), list(found)


def read_data(columns: Columns, name: str, unit: str, axes: MapAxes, order: list[str]) -> tuple[np.ndarray, u.UnitBase]:
    """Return the data column in the order of the axes.

    By the standard the first axis runs fastest in the file. Backgrounds of H.E.S.S. and CTA 1DC hold an array
    (energy, fov_lon, fov_lat) in C order instead; for H.E.S.S. DL3 DR1 the half million events of its 74 files with
    a background prefer this reading to one with longitude and latitude swapped, by 4238 in the log-likelihood.
    Flat columns without TDIM are accepted.

    Raises
    ------
    DataFormatError
        If the column is missing or its shape is not that of the axes.
    UnitError
        If its unit cannot be converted to ``unit``.
    """
    values, parsed = columns.get(name, unit)
    shape = axes.shape
    if values.ndim == 1 and values.size == np.prod(shape):
        in_file = tuple(axes[axis].nbin for axis in order if axis in axes.names)
        values = values.reshape(in_file[::-1]).T
        values = values.transpose([[axis for axis in order if axis in axes.names].index(axis) for axis in axes.names])
    else:
        values = values.T
    if values.shape != shape and values.shape == shape[::-1]:
        values = values.T
    if values.shape != shape:
        raise DataFormatError(
            f"{columns.source}: column {name!r} has the shape {values.shape}, "
            f"expected {shape} for the axes {', '.join(axes.names)}"
        )
    return np.ascontiguousarray(values), parsed


def checked_data(
    columns: Mapping[str, tuple[str, str]], data: Any, unit: Any, axes: MapAxes, owner: str
) -> tuple[np.ndarray, Any]:
    """Return read-only float64 data in the shape of the axes, and units.

    Parameters
    ----------
    columns
        Parameter to (column, expected unit); the only table of a response has the key "".
    data, unit
        Table (or Quantity, or number) and unit, or mappings of them with several parameters.
    axes
        Axes.
    owner
        For error messages.

    Raises
    ------
    ValueError
        If a shape is not that of the axes, or a parameter is missing.
    UnitError
        If a unit cannot be converted.
    """
    tables, units = {}, {}
    for field, (column, expected) in columns.items():
        try:
            values = data[field] if field else data
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"{owner}: no parameter {field!r}; expected {', '.join(columns)}") from error
        given = (unit or {}).get(field, expected.split("|")[0]) if field else unit
        if isinstance(values, u.Quantity):
            values, given = values.value, values.unit
        parsed = u.Unit(given)
        if not unit_matches(parsed, expected):
            raise UnitError(f"{owner}: {column} is in {str(parsed)!r}, expected a unit like {expected!r}")
        array = np.asarray(values, dtype=float)
        if array.ndim and array.shape != axes.shape:
            raise ValueError(
                f"{owner}: {column} has the shape {array.shape}, expected {axes.shape} for {', '.join(axes.names)}"
            )
        tables[field], units[field] = np.broadcast_to(array, axes.shape), parsed
    if "" in tables:
        result, result_unit = np.array(tables[""]), units[""]
    else:
        result, result_unit = np.empty(axes.shape, dtype=[(name, float) for name in tables]), units
        for name, table in tables.items():
            result[name] = table
    result.setflags(write=False)
    return result, result_unit


def to_hdu(
    name: str, header: Mapping[str, Any], axes: MapAxes, data: Mapping[str, tuple[Any, Any]]
) -> fits.BinTableHDU:
    """Make a response table HDU.

    Parameters
    ----------
    name
        EXTNAME.
    header
        Keywords to write.
    axes
        Axes, in the order of the standard.
    data
        Column name to (array in the shape of the axes, unit). Numbers that fit into 32 bits without loss are
        written so.
    """
    columns = []
    for axis in axes:
        edges = axis.edges.value if axis.node_type == "edges" else np.append(axis.center.value, np.nan)
        low, high = (edges[:-1], edges[1:]) if axis.node_type == "edges" else (edges[:-1], edges[:-1])
        prefix = AXIS_PREFIXES[axis.name]
        columns += [_column(f"{prefix}_LO", low, axis.unit), _column(f"{prefix}_HI", high, axis.unit)]
    columns += [_column(column, values, unit) for column, (values, unit) in data.items()]
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    for key, value in header.items():
        if isinstance(value, str | bool | int | float | np.number | np.bool_):
            hdu.header[key.upper() if len(key) <= 8 else f"HIERARCH {key}"] = value
    return hdu


def _column(name: str, values: np.ndarray, unit: Any) -> fits.Column:
    values = np.asarray(values, dtype=float)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    letter, stored = ("E", short) if np.array_equal(short, values, equal_nan=True) else ("D", values)
    dim = str(values.shape).replace(" ", "") if values.ndim > 1 else None
    text = u.Unit(unit).to_string("fits") if str(unit) else None
    return fits.Column(name, f"{values.size}{letter}", unit=text, dim=dim, array=stored.T[np.newaxis])

"""GADF DL3 response tables: one row with array columns, read leniently and written strictly."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from gjax.errors import DataFormatError, UnitError
from gjax.fits import native
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.axis_tables import DL3_AXES

__all__ = ["Columns", "columns_from_hdu", "columns_from_table", "read_axes", "read_data", "to_hdu", "unit_matches"]

log = logging.getLogger(__name__)

AXIS_PREFIXES = {"energy": "ENERG", **{name: key for key, (name, _, _) in DL3_AXES.items() if key != "ETRUE"}}
STRUCTURAL = ("TTYPE", "TFORM", "TUNIT", "TDIM", "TNULL", "TSCAL", "TZERO", "TDISP", "NAXIS")
DROPPED = {"XTENSION", "SIMPLE", "BITPIX", "PCOUNT", "GCOUNT", "TFIELDS", "THEAP", "EXTEND", "END", "", "COMMENT"}
DROPPED |= {"HISTORY", "CHECKSUM", "DATASUM", "EXTNAME"}


@dataclass(frozen=True)
class Columns:
    """The first row of a response table, its header, and where it came from.

    Parameters
    ----------
    values
        Column name to array, in FITS order reversed (the last index runs fastest), native byte order.
    units
        Column name to unit text; None where the file gives none.
    header
        Header keywords without those that describe the layout of the table.
    source
        "file: HDU 'name'", for error messages.
    """

    values: Mapping[str, np.ndarray]
    units: Mapping[str, str | None]
    header: Mapping[str, Any]
    source: str = ""

    def get(self, name: str, unit: str) -> tuple[np.ndarray, u.UnitBase]:
        """Return a column as float64 and its unit, which must be convertible to ``unit`` (taken where there is none).

        Raises
        ------
        DataFormatError
            If the column is missing.
        UnitError
            If its unit cannot be converted.
        """
        if name not in self.values:
            raise DataFormatError(f"{self.source}: no column {name!r}; it has: {', '.join(self.values)}")
        values = np.asarray(native(self.values[name]), dtype=float)
        text = self.units.get(name)
        if not text and not unit_matches(u.dimensionless_unscaled, unit):
            log.warning("%s: column %r has no unit; taken as %s", self.source, name, unit)
            text = unit
        parsed = parse_unit(text or "")
        if not unit_matches(parsed, unit):
            raise UnitError(f"{self.source}: column {name!r} is in {text or ''!r}, expected a unit like {unit!r}")
        return values, parsed


@lru_cache(maxsize=256)
def parse_unit(text: str) -> u.UnitBase:
    """Parse a unit as files spell it, several divisions included; unknown ones give an unrecognised unit.

    Examples
    --------
    >>> parse_unit("1/s/MeV/sr") == u.Unit("s-1 MeV-1 sr-1")
    True
    """
    first, *rest = text.split("/")
    if len(rest) > 1:
        text = f"{first.strip() or '1'} / ({' '.join(rest)})"
    return u.Unit(text, parse_strict="silent")


def unit_matches(unit: u.UnitBase, expected: str) -> bool:
    """Whether a unit can be converted to the one expected, or to one of several separated by "|".

    Examples
    --------
    >>> unit_matches(u.Unit("arcmin"), "deg"), unit_matches(u.Unit("TeV"), "|sr-1")
    (True, False)
    """
    return any(unit.is_equivalent(choice) for choice in expected.split("|"))


def columns_from_hdu(hdu: Any, path: str = "") -> Columns:
    """Read the first row of a table HDU.

    Raises
    ------
    DataFormatError
        If the HDU is not a table, is empty or its data are truncated.
    """
    source = f"{path}: HDU {hdu.name!r}" if path else f"HDU {hdu.name!r}"
    if not isinstance(hdu, fits.BinTableHDU):
        raise DataFormatError(f"{source}: expected a binary table with a response, got {type(hdu).__name__}")
    try:
        row = hdu.data
        if len(row) != 1:
            raise DataFormatError(f"{source}: a response table has one row, this one has {len(row)}")
        values = {column.name: native(np.array(row[column.name][0])) for column in hdu.columns}
    except DataFormatError:
        raise
    except (OSError, EOFError, TypeError, ValueError, IndexError, KeyError) as error:
        raise DataFormatError(f"{source}: cannot read the table; is the file truncated? ({error})") from error
    units = {column.name: column.unit for column in hdu.columns}
    return Columns(values, units, clean_header(hdu.header), source)


def columns_from_table(table: Table, source: str = "table") -> Columns:
    """Take the first row of an astropy table (the header is ``table.meta``)."""
    if len(table) != 1:
        raise DataFormatError(f"{source}: a response table has one row, this one has {len(table)}")
    values, units = {}, {}
    for name in table.colnames:
        column = table[name]
        data = column.value if isinstance(column, u.Quantity) else np.ma.getdata(column.data)
        values[name] = native(np.array(data[0]))
        units[name] = None if column.unit is None else str(column.unit)
    return Columns(values, units, clean_header(table.meta), source)


def clean_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """Header keywords that say something about the response and not about the layout of the table."""
    return {
        key: header[key]
        for key in header
        if key.upper() not in DROPPED
        and not (key.upper().startswith(STRUCTURAL) and key[-1].isdigit())
        and key.upper() != "NAXIS"
    }


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

    The first axis runs fastest in the file, so the transposed array has the axes in the order of the standard.
    Background files of H.E.S.S. and CTA 1DC have (lon, lat, energy) instead; their transpose is read as
    (energy, fov_lon, fov_lat), as the reference package does. Flat columns without TDIM are accepted.

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

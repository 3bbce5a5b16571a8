"""The columns of a response table HDU, read leniently: byte order, missing and oddly spelled units."""

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
from gjax.fits import native, table_columns

__all__ = ["Columns", "columns_from_hdu", "columns_from_table", "parse_unit", "unit_matches"]

log = logging.getLogger(__name__)

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
            if not name.endswith("_HI"):
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
    return any(unit.is_equivalent(parse_unit(choice)) for choice in expected.split("|"))


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
        if hdu.header["NAXIS2"] != 1:
            number = hdu.header["NAXIS2"]
            raise DataFormatError(f"{source}: a response table has one row, this one has {number}")
        columns = table_columns(hdu)
        values = {name: native(np.array(rows[0])) for name, (rows, _) in columns.items()}
    except DataFormatError:
        raise
    except (OSError, EOFError, TypeError, ValueError, IndexError, KeyError) as error:
        raise DataFormatError(f"{source}: cannot read the table; is the file truncated? ({error})") from error
    units = {name: unit for name, (_, unit) in columns.items()}
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

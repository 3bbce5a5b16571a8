"""FITS files in and out: lenient reading, strict and atomic writing, errors that name file, HDU and column."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Column, Table
from astropy.utils.exceptions import AstropyUserWarning

from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.paths import expand_path, write_atomic

__all__ = [
    "expand_path",
    "get_column",
    "get_hdu",
    "header_to_meta",
    "load_fits",
    "native",
    "open_fits",
    "parse_unit",
    "read_table",
    "table_columns",
    "write_atomic",
    "write_fits",
]

STRUCTURE = frozenset(
    ["XTENSION", "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "THEAP", "", "END"]
)
#: TFORM of columns of numbers, and their types.
NUMBERS = re.compile(r"(\d*)([BIJKED])")
NUMBER_TYPES = {"B": ">u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
COLUMN_KEYS = ("TTYPE", "TFORM", "TUNIT", "TDIM", "TNULL", "TSCAL", "TZERO", "TDISP")


def native(array: Any) -> np.ndarray:
    """Return the array in the byte order of this machine (FITS is big-endian, JAX refuses that).

    Examples
    --------
    >>> native(np.array([1.0], dtype=">f8")).dtype.isnative
    True
    """
    array = np.asarray(array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


@contextlib.contextmanager
def open_fits(path: str | os.PathLike[str]) -> Iterator[fits.HDUList]:
    """Open a FITS file (plain or gzip) and turn low-level failures into errors that name the file.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    DataFormatError
        If it is not FITS, or is truncated; also when that shows only while data are read inside the block.
    """
    hdus = load_fits(path)
    try:
        yield hdus
    except (DataFormatError, MissingDataError, UnitError):
        raise
    except (OSError, EOFError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, OSError | EOFError) or "buffer" in str(error) or "truncated" in str(error):
            raise DataFormatError(f"{expand_path(path)}: not a complete FITS file ({error})") from error
        raise
    finally:
        hdus.close()


def load_fits(path: str | os.PathLike[str]) -> fits.HDUList:
    """Read a FITS file (plain or gzip) into memory once and check that it is complete.

    Reading gzip files through their handle decompresses them again for every jump backwards; from memory, a file with
    events, GTI and responses opens in a third of the time.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    DataFormatError
        If it is not FITS, or is truncated.
    """
    path = expand_path(path)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        with warnings.catch_warnings():
            # Harmless deviations from the standard are common; what matters is checked below.
            warnings.simplefilter("ignore", AstropyUserWarning)
            hdus = fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=False)
    except (OSError, EOFError, zlib.error, TypeError, ValueError, IndexError, KeyError) as error:
        raise DataFormatError(f"{path}: not a complete FITS file ({error})") from error
    # The others were found behind each other: only the last one can be cut off.
    last = hdus[-1]
    start = last.fileinfo()["datLoc"]
    end = start + last.size
    if end > len(content):
        name = last.name or len(hdus) - 1
        raise DataFormatError(
            f"{path}: truncated in HDU {name!r}: {len(content) - start} of {last.size} bytes are there"
        )
    if b"XTENSION" in content[end : end + 5760]:
        raise DataFormatError(f"{path}: truncated in the header of HDU {len(hdus)}")
    return hdus


def get_hdu(hdus: fits.HDUList, name: str | int, path: str | os.PathLike[str]) -> Any:
    """Return the HDU with that name or number.

    Raises
    ------
    MissingDataError
        If it is not there; the message lists the HDUs that are.
    """
    try:
        return hdus[name]
    except (KeyError, IndexError) as error:
        present = ", ".join(hdu.name or str(i) for i, hdu in enumerate(hdus))
        raise MissingDataError(f"{path}: no HDU {name!r}; the file has: {present}") from error


def read_table(hdu: Any, path: str | os.PathLike[str]) -> Table:
    """Read a binary table HDU as an astropy table with columns in native byte order.

    Raises
    ------
    DataFormatError
        If the HDU is not a table or its data are truncated.
    """
    if not isinstance(hdu, fits.BinTableHDU):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: expected a binary table, got {type(hdu).__name__}")
    try:
        columns = {name: (native(values), unit) for name, (values, unit) in table_columns(hdu).items()}
    except (OSError, EOFError, TypeError, ValueError, IndexError, KeyError) as error:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: cannot read the table ({error})") from error
    # Table.read goes through masked columns and costs three times as much (measured on event lists).
    table = Table()
    for name, (values, unit) in columns.items():
        values = np.char.rstrip(np.asarray(values)) if values.dtype.kind in "SU" else values
        table.add_column(Column(values, name=name, unit=parse_unit(unit), copy=False), copy=False)
    table.meta.update(header_to_meta(hdu.header))
    return table


def table_columns(hdu: Any) -> dict[str, tuple[np.ndarray, str | None]]:
    """Values (rows first) and units of the columns of a binary table.

    Parameters
    ----------
    hdu
        Binary table HDU.

    Examples
    --------
    >>> table_columns(fits.BinTableHDU.from_columns([fits.Column("E", "D", unit="TeV", array=[1.0, 2.0])]))
    {'E': (array([1., 2.]), 'TeV')}
    """
    # What somebody has looked at may have been changed.
    info = None if {"data", "columns"} & set(hdu.__dict__) else hdu.fileinfo()
    found = None if info is None else _columns_of_numbers(hdu.header)
    if info is None or found is None:
        data = hdu.data
        return {column.name: (data[column.name], column.unit) for column in hdu.columns}
    dtype, units = found
    info["file"].seek(info["datLoc"])
    number = hdu.header["NAXIS2"]
    rows = np.frombuffer(info["file"].read(number * dtype.itemsize), dtype, number).copy()
    return {name: (rows[name], unit) for name, unit in units.items()}


def _columns_of_numbers(header: fits.Header) -> tuple[np.dtype, dict[str, str | None]] | None:
    """Type of a row and units by name; None if there are columns of anything but plain numbers.

    For plain numbers, making the columns of astropy takes ten times as long as reading.
    """
    if any(key.startswith(("TSCAL", "TZERO", "TNULL")) for key in header):
        return None
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    units: dict[str, str | None] = {}
    for i in range(1, header["TFIELDS"] + 1):
        name, form = header.get(f"TTYPE{i}"), NUMBERS.fullmatch(str(header[f"TFORM{i}"]).strip())
        if form is None or not name or name in units:
            return None
        repeat = int(form[1] or 1)
        shape = tuple(int(n) for n in re.findall(r"\d+", str(header.get(f"TDIM{i}", ""))))[::-1]
        shape = shape or ((repeat,) if repeat != 1 else ())
        if np.prod(shape, dtype=int) != repeat:
            return None
        fields.append((name, NUMBER_TYPES[form[2]], shape))
        units[name] = header.get(f"TUNIT{i}")
    dtype = np.dtype(fields)
    return (dtype, units) if dtype.itemsize == header["NAXIS1"] else None


def parse_unit(unit: str | None) -> u.UnitBase | None:
    """Parse a unit as files write it; what is not understood becomes an unrecognised unit, without a warning.

    Examples
    --------
    >>> parse_unit("TeV"), parse_unit("")
    (Unit("TeV"), None)
    >>> parse_unit("1/s/MeV/sr")
    Unit("1 / (MeV s sr)")
    """
    if not unit or not unit.strip():
        return None
    parsed = u.Unit(unit, parse_strict="silent")
    if isinstance(parsed, u.UnrecognizedUnit) and unit.count("/") > 1:
        # "1/s/MeV/sr", as CTA 1DC has it, is no unit for astropy.
        first, *rest = unit.split("/")
        parsed = u.Unit(f"{first}/({' '.join(rest)})", parse_strict="silent")
        return parsed if not isinstance(parsed, u.UnrecognizedUnit) else u.Unit(unit, parse_strict="silent")
    return parsed


def header_to_meta(header: fits.Header) -> dict[str, Any]:
    """Keywords of a table header without those that describe its layout; COMMENT and HISTORY become lists.

    Examples
    --------
    >>> header_to_meta(fits.Header([("NAXIS", 2), ("OBS_ID", 5)]))
    {'OBS_ID': 5}
    """
    meta: dict[str, Any] = {}
    for key, value in header.items():
        if key in STRUCTURE or key.startswith(COLUMN_KEYS):
            continue
        if key in ("COMMENT", "HISTORY"):
            meta.setdefault(key, []).append(value)
        elif not isinstance(value, fits.card.Undefined):
            meta[key] = value
    return meta


def get_column(
    table: Table,
    name: str,
    unit: str | u.UnitBase | None,
    path: str | os.PathLike[str],
    hdu: str = "",
    default_unit: str | None = None,
) -> Any:
    """Return a table column as a Quantity convertible to ``unit`` (plain array if ``unit`` is None).

    Parameters
    ----------
    table, name
        Where to look.
    unit
        Unit that the column is converted to.
    path, hdu
        For the error message.
    default_unit
        Unit assumed where the file gives none.

    Raises
    ------
    DataFormatError
        If the column is missing.
    UnitError
        If its unit cannot be converted.
    """
    if name not in table.colnames:
        raise DataFormatError(f"{path}: HDU {hdu!r}: no column {name!r}; it has: {', '.join(table.colnames)}")
    column = table[name]
    values = native(np.ma.getdata(column.data if hasattr(column, "data") else column))
    if isinstance(column, u.Quantity):
        values = native(column.value)
    if unit is None:
        return values
    given = column.unit if column.unit is not None else u.Unit(default_unit if default_unit is not None else "")
    try:
        return u.Quantity(values, given, dtype=float).to(unit)
    except (u.UnitConversionError, TypeError) as error:
        message = f"column {name!r} is in {str(given)!r}, expected a unit like {str(unit)!r}"
        raise UnitError(f"{path}: HDU {hdu!r}: {message}") from error


def write_fits(
    hdus: fits.HDUList | fits.PrimaryHDU | fits.BinTableHDU, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write HDUs to a file under a temporary name and rename it; compressed if the name ends with ".gz".

    Sky maps are noise to a compressor: level 4 makes files as small as level 9, which takes up to fifty times as long.

    Parameters
    ----------
    hdus
        What to write.
    path
        File; missing folders are made.
    overwrite
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """

    def write(part: Path) -> None:
        if part.suffix != ".gz":
            hdus.writeto(part)
            return
        buffer = io.BytesIO()
        hdus.writeto(buffer)
        part.write_bytes(gzip.compress(buffer.getbuffer(), 4, mtime=0))

    return write_atomic(path, write, overwrite=overwrite)

"""FITS files in and out: lenient reading, strict and atomic writing, errors that name file, HDU and column."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from gjax.errors import DataFormatError, MissingDataError, UnitError

__all__ = ["expand_path", "get_column", "get_hdu", "native", "open_fits", "read_table", "write_atomic"]


def expand_path(path: str | os.PathLike[str]) -> Path:
    """Expand ``$GAMMAPY_DATA`` (and any other variable) and ``~`` in a path.

    Parameters
    ----------
    path
        A path that may hold environment variables.

    Raises
    ------
    MissingDataError
        If a variable in the path is not set.

    Examples
    --------
    >>> import os
    >>> os.environ["MY_DATA"] = "/data"
    >>> expand_path("$MY_DATA/events.fits").as_posix()
    '/data/events.fits'
    """
    expanded = os.path.expanduser(os.path.expandvars(os.fspath(path)))
    if "$" in expanded:
        name = expanded[expanded.index("$") + 1 :].split("/")[0].strip("{}")
        raise MissingDataError(f"path {os.fspath(path)!r}: the environment variable {name} is not set")
    return Path(expanded)


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
    path = expand_path(path)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    try:
        with fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
            yield hdus
    except (DataFormatError, MissingDataError, UnitError):
        raise
    except (OSError, EOFError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, OSError | EOFError) or "buffer" in str(error) or "truncated" in str(error):
            raise DataFormatError(f"{path}: not a complete FITS file ({error})") from error
        raise


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
        table = Table.read(hdu)
    except (OSError, EOFError, TypeError, ValueError, IndexError) as error:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: cannot read the table ({error})") from error
    for name in table.colnames:
        if table[name].dtype.kind in "fiu" and not table[name].dtype.isnative:
            table[name] = table[name].astype(table[name].dtype.newbyteorder("="))
    return table


def get_column(
    table: Table, name: str, unit: str | u.UnitBase | None, path: str | os.PathLike[str], hdu: str = "", default_unit: str | None = None
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
        raise UnitError(f"{path}: HDU {hdu!r}: column {name!r} is in {str(given)!r}, expected a unit like {str(unit)!r}") from error


def write_atomic(path: str | os.PathLike[str], write: Callable[[Path], None], *, overwrite: bool = False) -> Path:
    """Write a file under a temporary name and rename it, so that a crash never leaves half a file.

    Parameters
    ----------
    path
        Final path; missing folders are made.
    write
        Called with the temporary path (same suffixes).
    overwrite
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    path = expand_path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=suffix)
    os.close(handle)
    os.unlink(name)
    try:
        write(Path(name))
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path

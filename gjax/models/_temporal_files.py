"""FITS files of light curves: tables of points, and maps over time and energy."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np

from gjax.errors import DataFormatError, MissingDataError
from gjax.paths import expand_path, write_atomic

__all__ = [
    "read_light_curve_map",
    "read_light_curve_table",
    "read_phase_curve",
    "read_table_file",
    "write_light_curve",
    "write_phase_curve",
]

_BROKEN = (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zlib.error)


def _path(filename: str | os.PathLike[str]) -> Any:
    path = expand_path(filename)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    return path


def read_table_file(filename: str | os.PathLike[str]) -> Any:
    """Read the first table of a FITS file as an astropy table, with its header.

    Raises
    ------
    MissingDataError, DataFormatError
        If the file does not exist, or has no table.
    """
    from astropy.io import fits
    from astropy.table import Table

    path = _path(filename)
    try:
        with fits.open(path, memmap=False) as hdus:
            found = next(hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU))
            table = Table({c.name: np.asarray(found.data[c.name], float) for c in found.columns})
            for column in found.columns:
                table[column.name].unit = column.unit or None
            table.meta.update({key: value for key, value in found.header.items() if key not in ("HISTORY", "COMMENT")})
    except StopIteration:
        raise DataFormatError(f"{path}: no table") from None
    except _BROKEN as error:
        raise DataFormatError(f"{path}: not a FITS table ({error})") from error
    return table


def _reference(meta: Any, where: str) -> float:
    """Return the reference time of a header as a modified Julian date in UTC."""
    from astropy.time import Time

    names = {str(key).upper(): value for key, value in meta.items()}
    try:
        if "MJDREFI" in names:
            whole, fraction = float(names["MJDREFI"]), float(names.get("MJDREFF", 0.0))
        else:
            whole, fraction = float(names["MJDREF"]), 0.0
        scale = str(names.get("TIMESYS", "tt")).strip().lower()
        return float(Time(whole, fraction, format="mjd", scale=scale).utc.mjd)
    except (KeyError, TypeError, ValueError) as error:
        message = "MJDREFI and MJDREFF, or MJDREF, and a TIMESYS that is known"
        raise DataFormatError(f"{where}: expected the keywords {message} ({error})") from error


def _days(values: Any, unit: Any, where: str) -> np.ndarray:
    import astropy.units as u

    try:
        return np.asarray(u.Quantity(np.asarray(values, float), u.Unit(str(unit).strip())).to_value("d"))
    except (TypeError, ValueError) as error:
        raise DataFormatError(f"{where}: column TIME: {unit!r} is not a unit of time") from error


def read_light_curve_table(table: Any, where: str) -> dict[str, Any]:
    """Return times, norms and the reference time of a table with columns TIME and NORM.

    Parameters
    ----------
    table
        astropy table with the header of its file in ``meta``.
    where
        File, for messages.

    Raises
    ------
    DataFormatError
        If something is missing.
    """
    names = {name.upper(): name for name in table.colnames}
    for name in ("TIME", "NORM"):
        if name not in names:
            raise DataFormatError(f"{where}: no column {name!r}; the table has: {', '.join(table.colnames)}")
    column = table[names["TIME"]]
    unit = column.unit or table.meta.get("TIMEUNIT")
    if not unit:
        raise DataFormatError(f"{where}: column TIME has no unit, and the header no TIMEUNIT")
    time = _days(getattr(column, "value", column), unit, where)
    norm = np.asarray(getattr(table[names["NORM"]], "value", table[names["NORM"]]), float)
    return {"time": time, "norm": norm, "t_ref": _reference(table.meta, where)}


def read_light_curve_map(filename: str | os.PathLike[str]) -> dict[str, Any]:
    """Return times, energies, norms and the reference time of a map of a region over time and energy; NaN is 0.

    Raises
    ------
    MissingDataError, DataFormatError
        If the file does not exist, or is no such map.
    """
    import astropy.units as u
    from astropy.io import fits

    path = _path(filename)
    try:
        with fits.open(path, memmap=False) as hdus:
            bands, data = hdus["SKYMAP_BANDS"], hdus["SKYMAP"]
            header = dict(bands.header)
            columns = {c.name.upper(): (np.asarray(bands.data[c.name], float), c.unit) for c in bands.columns}
            values = np.empty(len(bands.data))
            values[np.asarray(data.data["CHANNEL"], int)] = np.asarray(data.data["DATA"], float)
    except _BROKEN as error:
        tables = "SKYMAP (CHANNEL, DATA) and SKYMAP_BANDS"
        raise DataFormatError(f"{path}: expected the tables {tables} ({error})") from error
    if "TIME" not in columns:
        raise DataFormatError(f"{path}: SKYMAP_BANDS: no column 'TIME'; there are: {', '.join(columns)}")
    out: dict[str, Any] = {"t_ref": _reference(header, str(path))}
    time, rows = np.unique(columns["TIME"][0], return_inverse=True)
    out["time"] = _days(time, columns["TIME"][1] or header.get("TIMEUNIT"), str(path))
    out["interp"] = next(
        (
            header.get(f"INTERP{key[6:]}", "lin")
            for key, value in header.items()
            if key.startswith("AXCOLS") and "TIME" in str(value).upper()
        ),
        "lin",
    )
    if "ENERGY" not in columns:
        out["norm"] = values[np.argsort(rows)]
        return out | {"interp": "lin"}
    energy, places = np.unique(columns["ENERGY"][0], return_inverse=True)
    norm = np.zeros((len(energy), len(time)))
    norm[places, rows] = np.nan_to_num(values)
    if len(np.unique(places * len(time) + rows)) != norm.size:
        raise DataFormatError(f"{path}: SKYMAP_BANDS: expected one row for every time and energy")
    return out | {"norm": norm, "energy": u.Quantity(energy, columns["ENERGY"][1] or "TeV")}


def _keywords(model: Any) -> dict[str, Any]:
    value = float(model.t_ref.value)
    whole = np.floor(value)
    return {
        "MJDREFI": int(whole),
        "MJDREFF": value - whole,
        "TIMEUNIT": "d",
        "TIMESYS": model.scale.upper(),
        "TIMEREF": "LOCAL",
    }


def _edges(centres: np.ndarray) -> np.ndarray:
    half = np.diff(centres) / 2
    return np.concatenate([[centres[0] - half[0]], centres[:-1] + half, [centres[-1] + half[-1]]])


def write_light_curve(model: Any, filename: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write the points of a light curve to a FITS file."""
    from astropy.io import fits

    time, norm = model.points
    if model.log_energy is None:
        columns = [
            fits.Column("TIME", "D", unit="d", array=time),
            fits.Column("NORM", "D", array=norm),
        ]
        table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
        table.header.update(_keywords(model))
        hdus = fits.HDUList([fits.PrimaryHDU(), table])
    else:
        energy = np.exp(model.log_energy)
        number = len(energy) * len(time)
        rows, places = (a.ravel() for a in np.meshgrid(np.arange(len(time)), np.arange(len(energy)), indexing="ij"))
        edges = {"TIME": _edges(time), "E": _log_edges(energy)}
        if model.interp == "log":
            edges["TIME"] = _log_edges(time)
        columns = [fits.Column("CHANNEL", "K", array=np.arange(number))]
        columns += [fits.Column("ENERGY", "D", unit="TeV", array=energy[places])]
        columns += [
            fits.Column(f"E_{end}", "D", unit="TeV", array=edges["E"][places + k])
            for k, end in enumerate(("MIN", "MAX"))
        ]
        columns += [fits.Column("TIME", "D", unit="d", array=time[rows])]
        columns += [
            fits.Column(f"TIME_{end}", "D", unit="d", array=edges["TIME"][rows + k])
            for k, end in enumerate(("MIN", "MAX"))
        ]
        axes = {"AXCOLS1": "ENERGY", "INTERP1": "log", "AXCOLS2": "TIME", "INTERP2": model.interp}
        bands = fits.BinTableHDU.from_columns(columns, name="SKYMAP_BANDS")
        bands.header.update(axes | _keywords(model))
        columns = [fits.Column("CHANNEL", "K", array=np.arange(number)), fits.Column("DATA", "D", array=norm.T.ravel())]
        data = fits.BinTableHDU.from_columns(columns, name="SKYMAP")
        data.header.update(axes)
        hdus = fits.HDUList([fits.PrimaryHDU(), data, bands])
    write_atomic(expand_path(filename), lambda path: hdus.writeto(path, overwrite=True), overwrite=overwrite)


def _log_edges(centres: np.ndarray) -> np.ndarray:
    return np.exp(_edges(np.log(centres))) if len(centres) > 1 else centres[0] * np.array([0.5, 2.0])


def read_phase_curve(filename: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return phases and norms of a FITS table with the columns PHASE and NORM.

    Raises
    ------
    MissingDataError, DataFormatError
        If the file does not exist, or a column is missing.
    """
    table = read_table_file(filename)
    for name in ("PHASE", "NORM"):
        if name not in table.colnames:
            raise DataFormatError(f"{filename}: no column {name!r}; the table has: {', '.join(table.colnames)}")
    return np.asarray(table["PHASE"], float), np.asarray(table["NORM"], float)


def write_phase_curve(
    phase: np.ndarray, norm: np.ndarray, filename: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write phases and norms to a FITS table."""
    from astropy.io import fits

    columns = [fits.Column("PHASE", "D", array=phase), fits.Column("NORM", "D", array=norm)]
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="PHASECURVE")])
    write_atomic(expand_path(filename), lambda path: hdus.writeto(path, overwrite=True), overwrite=overwrite)

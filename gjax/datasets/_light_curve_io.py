"""Tables and files of light curves: the formats "lightcurve" and "binned-time-series"."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Column, QTable, Table
from astropy.time import Time, TimeDelta

from gjax.data.times import time_unit, warn_once
from gjax.datasets._flux_points_io import PER_DATASET, _values, points_from_table, points_to_table, read_points_table
from gjax.errors import DataFormatError
from gjax.fits import write_atomic, write_fits
from gjax.units import to_canonical

if TYPE_CHECKING:
    from gjax.datasets.light_curve import LightCurve

__all__ = ["light_curve_fields", "light_curve_table", "read_light_curve_table", "write_light_curve_table"]

FORMATS = ("lightcurve", "binned-time-series")
TIMES = ("time_min", "time_max", "time_bin_start", "time_bin_size", "time_bin_end")
TIME_KEYS = ("MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT", "TIMEREF", "SED_TYPE")
SCALES = ("tt", "utc", "tai", "tdb", "tcb", "tcg", "ut1")


def _times_of(values: np.ndarray, unit: u.UnitBase, meta: dict[str, Any]) -> Time:
    """Times from numbers: days of the calendar, or seconds elapsed since the reference."""
    scale = str(meta.get("TIMESYS", "")).strip().lower()
    if scale not in SCALES:
        warn_once(__name__, f"light curve: TIMESYS is {meta.get('TIMESYS')!r}, taken as 'UTC'")
        scale = "utc"
    try:
        whole, fraction = float(meta.get("MJDREFI", 0)), float(meta.get("MJDREFF", 0))
    except (TypeError, ValueError) as error:
        raise DataFormatError(f"light curve: MJDREFI, MJDREFF: expected numbers ({error})") from error
    if not np.all(np.isfinite(values)):
        raise DataFormatError("light curve: a start or end time is not finite")
    if unit == u.d:
        return Time(whole + values, fraction, format="mjd", scale=scale)
    return Time(whole, fraction, format="mjd", scale=scale) + u.Quantity(values, unit)


def _times(table: Table) -> tuple[Time, Time]:
    """Start and end of the intervals."""
    # days by default, whatever the seconds of other tables
    default = time_unit({"TIMEUNIT": "d", **table.meta}, "light curve")

    def times(name: str) -> Time:
        column = table[name]
        if isinstance(column, Time):
            return column
        if column.dtype.kind not in "fiu":
            return Time(list(column))
        return _times_of(_values(table, name).astype(float), getattr(column, "unit", None) or default, table.meta)

    if {"time_min", "time_max"} <= set(table.colnames):
        return times("time_min"), times("time_max")
    if {"time_bin_start", "time_bin_size"} <= set(table.colnames):
        start, size = times("time_bin_start"), table["time_bin_size"]
        if not isinstance(size, TimeDelta):
            size = u.Quantity(_values(table, "time_bin_size"), size.unit or "s")
        return start, start + size
    raise DataFormatError(
        "light curve: no columns 'time_min' and 'time_max', nor 'time_bin_start' and 'time_bin_size'; the table has: "
        + ", ".join(table.colnames)
    )


def _flat(table: Table, bands: int) -> Table:
    """Return the table with one row per interval and band."""
    rows, out = len(table), Table(meta=dict(table.meta))
    for name in table.colnames:
        if name in TIMES:
            continue
        column = table[name]
        if column.dtype.kind in "US":
            data = np.asarray(np.ma.filled(np.ma.asarray(column), "")).astype(str)
        else:
            data = _values(table, name)
        data = data.reshape(rows, 1) if data.ndim == 1 else data
        if data.shape[1] != bands:
            if data.ndim > 2 or data.shape[1] % bands:
                found = data.shape[1]
                raise DataFormatError(f"light curve: column {name!r} has {found} values a row, expected {bands}")
            # files lose axes of length 1
            data = data.reshape(rows, bands, -1)
        out[name] = Column(data.reshape(rows * bands, *data.shape[2:]), unit=getattr(column, "unit", None))
    return out


def _with_energies(table: Table, energy_edges: Any) -> tuple[Table, int]:
    known = [name for name in ("e_ref", "e_min", "e_max") if name in table.colnames]
    if not known and energy_edges is None:
        raise DataFormatError("light curve: the table has no energies ('e_ref', 'e_min', 'e_max'); give energy_edges")
    if known:
        return table, 1 if table[known[0]].ndim == 1 else table[known[0]].shape[1]
    edges = np.atleast_1d(to_canonical(energy_edges, "TeV", "energy_edges"))
    if len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"energy_edges: expected at least two increasing energies, got {edges.tolist()} TeV")
    table, rows = table.copy(), len(table)
    for name, values in (("e_ref", np.sqrt(edges[1:] * edges[:-1])), ("e_min", edges[:-1]), ("e_max", edges[1:])):
        table[name] = np.tile(values, (rows, 1)) * u.TeV
    return table, len(edges) - 1


def light_curve_fields(
    table: Table, sed_type: str | None, reference_model: Any, energy_edges: Any = None
) -> dict[str, Any]:
    """Fields of `~gjax.datasets.LightCurve` from a table; see `LightCurve.from_table`."""
    if len(table) == 0:
        raise DataFormatError("light curve: the table has no rows")
    start, stop = _times(table)
    table, bands = _with_energies(table, energy_edges)
    flat, shape = _flat(table, bands), (len(table), bands)
    fields = points_from_table(flat, sed_type, reference_model)
    energies: dict[str, Any] = {}
    for name in ("e_ref", "e_min", "e_max"):
        values = fields[name]
        energies[name] = None if values is None else values.reshape(shape)[0]
        if values is not None and not np.allclose(values.reshape(shape).value, energies[name].value, rtol=1e-6):
            raise DataFormatError(f"light curve: column {name!r} differs between rows")
    extra = dict(fields["extra"])
    used = (*energies, "is_ul", *extra, *(f"{kind}_ref" for kind in ("dnde", "flux", "eflux")))
    prefixes = ("norm", "dnde", "e2dnde", "flux", "eflux", "ref_", "loglike", "dloglike")
    for name in flat.colnames:
        # whatever else is known of a point, such as its spectral index
        if name not in used and not name.startswith(prefixes):
            extra[name] = np.asarray(flat[name])
    for name in PER_DATASET:
        if name in extra and extra[name].ndim == 2:
            values = extra[name].astype(float)
            extra[name] = np.where(np.isnan(values).all(axis=1), np.nan, np.nansum(values, axis=1))
    if extra.pop("is_ul", None) is not None and "norm_ul" not in fields["norms"]:
        extra["is_ul"] = np.asarray(flat["is_ul"], dtype=bool)
    groups = {"norms": fields["norms"], "reference": fields["reference"], "extra": extra}
    shaped = {
        name: {key: np.reshape(v, (*shape, *np.shape(v)[1:])) for key, v in group.items()}
        for name, group in groups.items()
    }
    meta = {key: value for key, value in fields["meta"].items() if key not in TIME_KEYS}
    _check_times(start, stop)
    return {
        "time_min": start,
        "time_max": stop,
        **energies,
        **shaped,
        "sed_type_init": fields["sed_type_init"],
        "meta": meta,
    }


def _check_times(time_min: Time, time_max: Time) -> None:
    if not np.all((time_max - time_min).to_value("s") > 0):
        raise DataFormatError("light curve: an interval ends before it starts")
    if np.any((time_min[1:] - time_max[:-1]).to_value("s") < -1e-3):
        raise DataFormatError("light curve: intervals must be in increasing order without overlap")


def _time_keywords(scale: str) -> dict[str, Any]:
    """Header of times in days since MJD 0; Gammapy asks for small letters here."""
    return {"MJDREFI": 0, "MJDREFF": 0.0, "TIMESYS": scale, "TIMEUNIT": "d"}


def _without_leaps(times: Time) -> Time:
    """Times in TT if they are in UTC: readers count seconds since MJD 0, and would miss the leap seconds."""
    return times.tt if times.scale == "utc" else times


def light_curve_table(lightcurve: LightCurve, sed_type: str, form: str) -> QTable:
    """Table of a light curve in one convention; see `LightCurve.to_table`."""
    if form not in FORMATS:
        raise ValueError(f"unknown format {form!r}, expected one of {', '.join(FORMATS)}")
    shape = lightcurve.shape
    flat = points_to_table(lightcurve.points, sed_type)
    if "reason" in flat.colnames and not np.any(flat["reason"] != ""):
        flat.remove_column("reason")
    table = QTable(meta=dict(flat.meta))
    if form == "binned-time-series":
        if shape[1] != 1:
            raise ValueError(f"the format 'binned-time-series' holds one energy band, there are {shape[1]}")
        table["time_bin_start"], table["time_bin_size"] = lightcurve.time_min, lightcurve.time_delta
        for name in flat.colnames:
            table[name] = flat[name][:, 0] if name in PER_DATASET else flat[name]
        return table
    start, stop = (_without_leaps(times) for times in (lightcurve.time_min, lightcurve.time_max))
    table["time_min"], table["time_max"] = start.mjd, stop.mjd
    for name in flat.colnames:
        table[name] = flat[name].reshape(*shape, *flat[name].shape[1:])
    table.meta.update(_time_keywords(start.scale))
    return table


def read_light_curve_table(path: str | PathLike[str]) -> tuple[Table, Any]:
    """Table of a light curve and good time intervals (or None) of a FITS or text file."""
    return read_points_table(path)


def write_light_curve_table(
    table: QTable, path: str | PathLike[str], *, gti: Any = None, overwrite: bool = False
) -> Path:
    """Write a table of a light curve to FITS or, with any other suffix, to ECSV."""
    if ".fits" not in Path(path).suffixes:
        return write_atomic(path, lambda part: table.write(part, format="ascii.ecsv"), overwrite=overwrite)
    start = table["time_bin_start"] if "time_bin_start" in table.colnames else None
    if isinstance(start, Time):
        table, start = table.copy(), _without_leaps(start)
        table.replace_column("time_bin_start", start.mjd * u.d)
        table.meta.update(_time_keywords(start.scale))
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU(Table(table), name="FLUXPOINTS")]
    if gti is not None:
        hdus.append(gti.to_table_hdu())
    return write_fits(fits.HDUList(hdus), path, overwrite=overwrite)

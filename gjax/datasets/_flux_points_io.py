"""Tables and files of flux points (gamma-astro-data-formats "SED" convention)."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import QTable, Table

from gjax.datasets._flux_reference import DNDE, FLUX, SED_UNITS, reference_fluxes, without_photons
from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.fits import expand_path, native, open_fits, read_table, write_atomic, write_fits

if TYPE_CHECKING:
    from gjax.datasets.flux_points import FluxPoints

__all__ = ["points_from_table", "points_to_table", "read_points_table", "write_points_table"]

REQUIRED = {
    "dnde": ("e_ref", "dnde"),
    "e2dnde": ("e_ref", "e2dnde"),
    "flux": ("e_min", "e_max", "flux"),
    "eflux": ("e_min", "e_max", "eflux"),
    "likelihood": ("e_min", "e_max", "e_ref", "ref_dnde", "ref_flux", "ref_eflux", "norm"),
}
SUFFIXES = ("", "_err", "_errn", "_errp", "_ul", "_sensitivity")
EXTRA = (
    *("ts", "sqrt_ts", "npred", "npred_excess", "stat", "stat_null", "stat_scan", "norm_scan", "niter", "is_ul"),
    *("counts", "success", "n_dof", "reason", "norm_ll"),
)
PER_DATASET = ("npred", "npred_excess", "counts")
# log-likelihood columns of old files, which hold half of the statistic used here
LOG_LIKELIHOOD = {"loglike": "stat", "loglike_null": "stat_null", "dloglike_scan": "stat_scan"}


def _values(table: Table, name: str) -> np.ndarray:
    """Column as a plain array; masked entries of float columns become NaN."""
    data = table[name]
    data = data.value if isinstance(data, u.Quantity) else data
    mask = np.ma.getmaskarray(data) if np.ma.isMaskedArray(data) else getattr(data, "mask", None)
    values = native(np.ma.getdata(getattr(data, "unmasked", data)))
    if mask is not None and np.any(mask) and values.dtype.kind in "SU":
        values = np.where(mask, "", values.astype(str))
    elif mask is not None and np.any(mask):
        values = np.where(mask, np.nan, values.astype(float)) if values.dtype.kind != "b" else values & ~mask
    return np.asarray(values)


def _quantity(table: Table, name: str, unit: u.UnitBase) -> u.Quantity:
    given = table[name].unit
    if given is None:
        raise UnitError(f"flux points: column {name!r} has no unit, expected a unit like {str(unit)!r}")
    given = without_photons(given)
    try:
        return u.Quantity(_values(table, name).astype(float), given).to(unit)
    except u.UnitConversionError as error:
        raise UnitError(
            f"flux points: column {name!r} is in {str(given)!r}, expected a unit like {str(unit)!r}"
        ) from error


def _guess_sed_type(table: Table) -> str:
    given = table.meta.get("SED_TYPE")
    if given:
        return str(given).strip()
    for sed_type, columns in REQUIRED.items():
        if set(columns) <= set(table.colnames):
            return sed_type
    raise DataFormatError(
        f"flux points: the columns {', '.join(table.colnames)} fit none of the SED types "
        + "; ".join(f"{name} ({', '.join(columns)})" for name, columns in REQUIRED.items())
    )


def _energies(table: Table) -> tuple[u.Quantity, u.Quantity | None, u.Quantity | None]:
    found = {}
    for name in ("e_ref", "e_min", "e_max"):
        if name in table.colnames:
            unit = table[name].unit
            found[name] = _quantity(table, name, unit if unit is not None and unit.is_equivalent("TeV") else u.TeV)
    e_min, e_max = found.get("e_min"), found.get("e_max")
    if e_min is None or e_max is None:
        e_min = e_max = None
        if "e_ref" not in found:
            raise DataFormatError("flux points: no column 'e_ref', nor 'e_min' and 'e_max'")
    elif np.any(e_max <= e_min):
        raise DataFormatError("flux points: column 'e_max' has to be above 'e_min' in every row")
    e_ref = found.get("e_ref")
    if e_ref is None:
        e_ref = np.sqrt(e_min * e_max).to(e_min.unit)  # type: ignore[operator,union-attr]
    for name, values in (("e_ref", e_ref), ("e_min", e_min), ("e_max", e_max)):
        if values is not None and not np.all(np.isfinite(values) & (values > 0)):
            raise DataFormatError(f"flux points: column {name!r} has energies that are not positive and finite")
    return e_ref, e_min, e_max


def points_from_table(table: Table, sed_type: str | None, reference_model: Any) -> dict[str, Any]:
    """Fields of `~gjax.datasets.FluxPoints` from a table; see `FluxPoints.from_table`."""
    sed_type = sed_type or _guess_sed_type(table)
    if sed_type not in REQUIRED:
        raise DataFormatError(f"flux points: unknown SED type {sed_type!r}, expected one of {', '.join(REQUIRED)}")
    # Bin edges can stand for the reference energy, and the reverse is not asked for.
    has_edges = {"e_min", "e_max"} <= set(table.colnames)
    missing = [
        name for name in REQUIRED[sed_type] if name not in table.colnames and not (name == "e_ref" and has_edges)
    ]
    if missing:
        raise DataFormatError(
            f"flux points: SED type {sed_type!r} needs the columns {', '.join(REQUIRED[sed_type])}; missing: "
            f"{', '.join(missing)}"
        )
    if len(table) == 0:
        raise DataFormatError("flux points: the table has no rows")
    e_ref, e_min, e_max = _energies(table)
    if sed_type == "likelihood":
        reference = {
            "dnde": _quantity(table, "ref_dnde", DNDE).value,
            "flux": _quantity(table, "ref_flux", FLUX).value,
            "eflux": _quantity(table, "ref_eflux", u.Unit("TeV cm-2 s-1")).value,
        }
        prefix, scale = "norm", np.ones(len(e_ref))
    else:
        nan = np.full(len(e_ref), np.nan) * u.TeV
        edges = (nan, nan) if e_min is None else (e_min, e_max)
        fluxes = reference_fluxes(2.0 if reference_model is None else reference_model, e_ref, *edges)
        reference = dict(zip(("dnde", "flux", "eflux"), fluxes))
        prefix = sed_type
        scale = {"e2dnde": fluxes[0] * e_ref.to_value("TeV") ** 2 * u.TeV.to("erg"), "dnde": fluxes[0]}.get(
            sed_type, fluxes[1] if sed_type == "flux" else fluxes[2] * u.TeV.to("erg")
        )
    norms = {}
    for suffix in SUFFIXES:
        name = prefix + suffix
        if name in table.colnames:
            if sed_type == "likelihood":
                norms["norm" + suffix] = _values(table, name).astype(float)
            else:
                with np.errstate(divide="ignore", invalid="ignore"):
                    norms["norm" + suffix] = _quantity(table, name, SED_UNITS[sed_type]).value / scale
    extra = {name: _values(table, name) for name in EXTRA if name in table.colnames}
    if "reason" in extra:
        extra["reason"] = extra["reason"].astype(str)
    covariance = _read_covariance(table, prefix, scale)
    for old, new in LOG_LIKELIHOOD.items():
        if old in table.colnames and new not in extra:
            extra[new] = 2.0 * _values(table, old)
    meta = {key: value for key, value in table.meta.items() if key not in ("SED_TYPE", "UL_CONF", "N_SIGMA", "EXTNAME")}
    if table.meta.get("N_SIGMA"):
        meta["n_sigma"] = float(table.meta["N_SIGMA"])
    if table.meta.get("UL_CONF") and "n_sigma_ul" not in meta:
        meta["n_sigma_ul"] = round(NormalDist().inv_cdf(0.5 * (1 + float(table.meta["UL_CONF"]))), 3)
    fields = {"e_ref": e_ref, "e_min": e_min, "e_max": e_max, "norms": norms, "reference": reference}
    fields |= {"covariance": covariance}
    return {**fields, "extra": extra, "sed_type_init": sed_type, "meta": meta}


def _read_covariance(table: Table, prefix: str, scale: np.ndarray) -> np.ndarray | None:
    """Covariance of the norms from a column with one row of the matrix per point, or None."""
    name = f"{prefix}_covariance"
    if name not in table.colnames:
        return None
    size = len(table)
    shape = table[name].shape
    if shape != (size, size):
        raise DataFormatError(f"flux points: column {name!r} has shape {shape}, expected {(size, size)}")
    if prefix == "norm":
        return _values(table, name).astype(float)
    covariance: np.ndarray = _quantity(table, name, SED_UNITS[prefix] ** 2).value / (scale[:, np.newaxis] * scale)
    return covariance


def points_to_table(points: FluxPoints, sed_type: str) -> QTable:
    """Table of flux points in one convention; see `FluxPoints.to_table`."""
    if sed_type not in REQUIRED:
        raise ValueError(f"unknown SED type {sed_type!r}, expected one of {', '.join(REQUIRED)}")
    table = QTable({"e_ref": points.e_ref})
    if points.e_min is not None:
        table["e_min"], table["e_max"] = points.e_min, points.e_max
    if sed_type == "likelihood":
        for name in ("dnde", "flux", "eflux"):
            table[f"ref_{name}"] = points.reference_flux(name).to(SED_UNITS[name])
    for suffix in SUFFIXES:
        if "norm" + suffix not in points.norms:
            continue
        name = ("norm" if sed_type == "likelihood" else sed_type) + suffix
        table[name] = points.norms["norm" + suffix] if sed_type == "likelihood" else points.quantity(sed_type, suffix)
    if points.covariance is not None:
        covariance = points.covariance if sed_type == "likelihood" else points.covariance_of(sed_type)
        table["norm_covariance" if sed_type == "likelihood" else f"{sed_type}_covariance"] = covariance
    for name, values in points.extra.items():
        values = np.asarray(values)
        table[name] = values[:, np.newaxis] if name in PER_DATASET and values.ndim == 1 else values
    if "norm_ul" in points.norms:
        table["is_ul"] = points.is_ul
    table.meta["SED_TYPE"] = sed_type
    if points.meta.get("n_sigma"):
        table.meta["N_SIGMA"] = float(points.meta["n_sigma"])
    if points.meta.get("n_sigma_ul"):
        table.meta["UL_CONF"] = round(math.erf(points.meta["n_sigma_ul"] / math.sqrt(2)), 7)
    return table


def read_points_table(path: str | PathLike[str]) -> tuple[Table, Any]:
    """Table of flux points and good time intervals (or None) of a FITS or text file."""
    path = expand_path(path)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    if any(suffix in path.suffixes for suffix in (".fits", ".fit")):
        with open_fits(path) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and hdu.name != "GTI"]
            named = [hdu for hdu in tables if hdu.name == "FLUXPOINTS"] or tables
            if not named:
                raise MissingDataError(f"{path}: no HDU 'FLUXPOINTS' nor any other table")
            table, gti = read_table(named[0], path), None
            if "GTI" in hdus:
                from gjax.data import GTI

                gti = GTI.from_table_hdu(hdus["GTI"], path)
            return table, gti
    try:
        return Table.read(path, format="ascii.ecsv"), None
    except (ValueError, UnicodeDecodeError, TypeError) as error:
        raise DataFormatError(f"{path}: not an ECSV table ({str(error).splitlines()[0]})") from error


def write_points_table(
    table: QTable, path: str | PathLike[str], *, gti: Any = None, overwrite: bool = False, name: str = "FLUXPOINTS"
) -> Path:
    """Write a table of flux points to FITS or, with any other suffix, to ECSV."""
    if ".fits" not in Path(path).suffixes:
        return write_atomic(path, lambda part: table.write(part, format="ascii.ecsv"), overwrite=overwrite)
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU(Table(table), name=name)]
    if gti is not None:
        hdus.append(gti.to_table_hdu())
    return write_fits(fits.HDUList(hdus), path, overwrite=overwrite)

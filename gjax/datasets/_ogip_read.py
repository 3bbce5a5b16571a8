"""OGIP spectra (PHA, BKG) and effective areas (ARF) as plain arrays, checked column by column.

OGIP memos: 92-007 (PHA, https://heasarc.gsfc.nasa.gov/docs/heasarc/ofwg/docs/spectra/ogip_92_007/ogip_92_007.html) and
CAL/GEN/92-002 (ARF, RMF). Columns without unit are in keV and cm2, as these memos say.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.fits import get_hdu, native, open_fits, parse_unit
from gjax.maps import MapAxis, RegionGeom
from gjax.maps.region_io import geom_from_region_hdu

__all__ = ["EffectiveArea", "Spectrum", "energy_axis", "read_arf", "read_spectrum", "sibling"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spectrum:
    """One PHA or BKG file: counts, quality and scalings per channel, and the header of the SPECTRUM extension."""

    counts: np.ndarray
    good: np.ndarray
    acceptance: np.ndarray
    exposure: float
    axis: MapAxis | None
    header: dict[str, Any]
    geom: RegionGeom
    gti_hdu: Any


@dataclass(frozen=True)
class EffectiveArea:
    """One ARF file: effective area in the unit of the file, on its true-energy axis."""

    axis: MapAxis
    area: np.ndarray
    unit: u.UnitBase


def column(
    hdu: Any,
    name: str,
    path: Path,
    unit: str | None = None,
    default_unit: str = "",
    good: np.ndarray | None = None,
) -> tuple[np.ndarray, u.UnitBase]:
    """Values (float, native byte order) and unit of a table column; 0 where they are not finite and not ``good``.

    Raises
    ------
    DataFormatError
        If the column is missing, or not finite.
    UnitError
        If its unit cannot be converted to ``unit``.
    """
    where = f"{path}: HDU {hdu.name!r}"
    if not isinstance(hdu, fits.BinTableHDU):
        raise DataFormatError(f"{where}: expected a binary table, got {type(hdu).__name__}")
    if name not in hdu.columns.names:
        raise DataFormatError(f"{where}: no column {name!r}; it has: {', '.join(hdu.columns.names)}")
    values = native(hdu.data[name]).astype(float)
    text = hdu.columns[name].unit or default_unit
    given = parse_unit(text) or u.dimensionless_unscaled
    if unit is not None and not given.is_equivalent(unit):
        raise UnitError(f"{where}: column {name!r} is in {text!r}, expected a unit like {unit!r}")
    bad = ~np.isfinite(values)
    if good is not None:
        values, bad = np.where(bad & ~good, 0.0, values), bad & good
    if bad.any():
        raise DataFormatError(f"{where}: column {name!r} is not finite in rows {np.flatnonzero(bad)[:5].tolist()}")
    return values, given


def energy_axis(hdu: Any, low: str, high: str, name: str, path: Path) -> MapAxis:
    """Energy axis from two columns of bin edges, which have to be contiguous.

    Raises
    ------
    DataFormatError
        If columns are missing, empty, not increasing, or leave gaps.
    """
    where = f"{path}: HDU {hdu.name!r}"
    e_min, unit = column(hdu, low, path, "keV", "keV")
    e_max, unit_max = column(hdu, high, path, "keV", "keV")
    e_max = e_max * unit_max.to(unit)
    if len(e_min) == 0:
        raise DataFormatError(f"{where}: no rows")
    if e_min[0] == 0:
        e_min = np.concatenate([e_max[:1] * 1e-6, e_min[1:]])
        log.warning("%s: the first bin starts at energy 0; a millionth of its upper edge is taken", where)
    edges = np.append(e_min, e_max[-1])
    if np.any(np.diff(edges) <= 0) or not np.allclose(e_min[1:], e_max[:-1], rtol=1e-5):
        raise DataFormatError(f"{where}: columns {low!r}, {high!r} are not contiguous increasing energy bins")
    return MapAxis(edges, unit=unit, name=name, interp="log")


def _scaling(hdu: Any, name: str, default: float, path: Path, good: np.ndarray | None = None) -> np.ndarray:
    """A scaling that OGIP lets be a column or a keyword."""
    n_channels = len(hdu.data)
    if name in hdu.columns.names:
        values, _ = column(hdu, name, path, good=good)
    else:
        value = hdu.header.get(name, default)
        try:
            values = np.full(n_channels, float(value))
        except (TypeError, ValueError) as error:
            raise DataFormatError(
                f"{path}: HDU {hdu.name!r}: keyword {name} is {value!r}, expected a number"
            ) from error
    if np.any(values < 0) or not np.all(np.isfinite(values)):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: {name} has values below 0 or not finite")
    return values


def read_spectrum(path: str | PathLike[str]) -> Spectrum:
    """Read a PHA or BKG file.

    ``QUALITY`` (column or keyword, 0 is good) becomes ``good``; ``BACKSCAL * AREASCAL`` (columns or keywords) becomes
    ``acceptance``; the axis is that of the EBOUNDS extension, None if the file has none (then the RMF has it).

    Raises
    ------
    MissingDataError
        If the file or its SPECTRUM extension is missing.
    DataFormatError
        If columns or keywords are missing, or counts are negative or not finite.
    """
    path = Path(path)
    with open_fits(path) as hdus:
        hdu = get_hdu(hdus, "SPECTRUM", path)
        if not isinstance(hdu, fits.BinTableHDU) or len(hdu.data) == 0:
            raise DataFormatError(f"{path}: HDU 'SPECTRUM': expected a binary table with rows")
        good = _scaling(hdu, "QUALITY", 0, path) == 0
        counts, _ = column(hdu, "COUNTS", path, good=good)
        if np.any(counts < 0):
            raise DataFormatError(f"{path}: HDU 'SPECTRUM': column 'COUNTS' has negative values")
        header = dict(hdu.header)
        try:
            exposure = float(header["EXPOSURE"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataFormatError(f"{path}: HDU 'SPECTRUM': keyword EXPOSURE is missing or not a number") from error
        areascal = _scaling(hdu, "AREASCAL", 1.0, path, good)
        if np.any(areascal != 1):
            log.warning("%s: AREASCAL is not 1: it scales the acceptance, the effective area is taken as it is", path)
        axis = None
        if "EBOUNDS" in hdus:
            axis = energy_axis(hdus["EBOUNDS"], "E_MIN", "E_MAX", "energy", path)
            if axis.nbin != len(counts):
                raise DataFormatError(f"{path}: {len(counts)} rows in HDU 'SPECTRUM' but {axis.nbin} in HDU 'EBOUNDS'")
        return Spectrum(
            counts=counts,
            good=good,
            acceptance=_scaling(hdu, "BACKSCAL", 1.0, path, good) * areascal,
            exposure=exposure,
            axis=axis,
            header=header,
            geom=_read_geom(hdus, path),
            gti_hdu=hdus["GTI"].copy() if "GTI" in hdus else None,
        )


def _read_geom(hdus: fits.HDUList, path: Path) -> RegionGeom:
    """Geometry of the optional REGION extension; without region if there is none or it is not understood."""
    try:
        return geom_from_region_hdu(hdus, "REGION", path)
    except DataFormatError as error:
        log.warning("%s; the region is left out", error)
        return RegionGeom(None)


def read_arf(path: str | PathLike[str]) -> EffectiveArea:
    """Read the effective area from an ARF file.

    Raises
    ------
    MissingDataError
        If the file or its SPECRESP extension is missing.
    DataFormatError
        If columns are missing, or areas are negative or not finite.
    UnitError
        If energies or areas have other units.
    """
    path = Path(path)
    with open_fits(path) as hdus:
        hdu = get_hdu(hdus, "SPECRESP", path)
        axis = energy_axis(hdu, "ENERG_LO", "ENERG_HI", "energy_true", path)
        area, unit = column(hdu, "SPECRESP", path, "cm2", "cm2")
    if np.any(area < 0):
        raise DataFormatError(f"{path}: HDU 'SPECRESP': column 'SPECRESP' has negative values")
    return EffectiveArea(axis=axis, area=area, unit=unit)


def sibling(spectrum: Spectrum, keyword: str, path: Path) -> Path | None:
    """Path of the file that a keyword of the PHA header names, or None if it names none.

    Raises
    ------
    MissingDataError
        If the named file does not exist.
    """
    name = str(spectrum.header.get(keyword, "")).strip()
    if name.lower() in ("", "none"):
        return None
    for candidate in (path.parent / name, Path(name)):
        if candidate.is_file():
            return candidate
    raise MissingDataError(f"{path}: HDU 'SPECTRUM': keyword {keyword} names {name!r}, which is not in {path.parent}")

"""HDUs of OGIP files from the maps of a spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.maps import MapAxis
from gjax.maps.region_io import region_hdu

__all__ = ["arf_hdus", "check_format", "counts_hdus", "file_names"]

SUFFIX = {"ANCRFILE": "_arf", "RESPFILE": "_rmf", "BACKFILE": "_bkg"}


def check_format(format: str) -> None:
    """Raise ValueError if the format is unknown."""
    if format not in ("ogip", "ogip-sherpa"):
        raise ValueError(f"format is {format!r}, expected 'ogip' or 'ogip-sherpa'")


def file_names(path: Path) -> dict[str, str]:
    """Names of the files that go with a PHA file, by the keyword that names them.

    Examples
    --------
    >>> file_names(Path("pha_obs1.fits.gz"))["ANCRFILE"]
    'pha_obs1_arf.fits.gz'
    """
    suffix = "".join(s for s in path.suffixes[-2:] if s in (".fits", ".fit", ".gz"))
    stem = path.name[: len(path.name) - len(suffix)]
    return {key: f"{stem}{tail}{suffix}" for key, tail in SUFFIX.items()}


def _unit(axis: MapAxis, format: str) -> MapAxis:
    return axis.to_unit("keV") if format == "ogip-sherpa" else axis


def _edge_columns(axis: MapAxis, low: str, high: str) -> list[fits.Column]:
    edges, unit = axis.edges.value, axis.unit.to_string("fits")
    return [fits.Column(low, "D", unit=unit, array=edges[:-1]), fits.Column(high, "D", unit=unit, array=edges[1:])]


def _channels(axis: MapAxis) -> fits.Column:
    return fits.Column("CHANNEL", "I" if axis.nbin < 2**15 else "J", array=np.arange(axis.nbin))


def counts_hdus(dataset: Any, names: dict[str, str], format: str, is_off: bool = False) -> fits.HDUList:
    """HDUs of a PHA file (or, ``is_off``, of a BKG file): SPECTRUM, EBOUNDS, and REGION and GTI where known."""
    region_map = dataset.counts_off if is_off else dataset.counts
    acceptance = dataset.acceptance_off if is_off else dataset.acceptance
    axis = dataset.counts.geom.axes["energy"]
    good = np.ones(axis.nbin, dtype=bool) if dataset.mask_safe is None else dataset.mask_safe.data[:, 0, 0]
    # What a masked bin holds has no meaning; files should hold numbers.
    counts = np.nan_to_num(region_map.data[:, 0, 0].astype(float))
    backscal = np.nan_to_num(acceptance.data[:, 0, 0].astype(float), posinf=0.0)
    whole = bool(np.all(counts == np.round(counts)) and np.all(counts < 2**31))
    columns = [
        _channels(axis),
        fits.Column("COUNTS", "J" if whole else "D", array=counts),
        fits.Column("QUALITY", "I", array=np.where(good, 0, 5)),
        fits.Column("BACKSCAL", "D", array=backscal),
    ]
    spectrum = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    spectrum.header.update(
        {
            "TELESCOP": "unknown",
            "INSTRUME": "unknown",
            "FILTER": "none",
            "EXPOSURE": dataset.livetime.to_value("s"),
            "AREASCAL": 1.0,
            "CORRFILE": "none",
            "CORRSCAL": 0.0,
            "ANCRFILE": "none" if dataset.exposure is None else names["ANCRFILE"],
            "HDUCLASS": "OGIP",
            "HDUCLAS1": "SPECTRUM",
            "HDUCLAS2": "BKG" if is_off else "TOTAL",
            "HDUCLAS3": "COUNT",
            "HDUCLAS4": "TYPE:I",
            "HDUVERS": "1.2.1",
            "POISSERR": True,
            "CHANTYPE": "PHA",
            "DETCHANS": axis.nbin,
            "TLMIN1": 0,
            "TLMAX1": axis.nbin - 1,
            "GROUPING": 0,
            "OBS_ID": dataset.name,
            "CREATOR": "gjax",
        }
    )
    if dataset.edisp is not None:
        spectrum.header["RESPFILE"] = names["RESPFILE"]
    if dataset.counts_off is not None:
        spectrum.header["BACKFILE"] = "none" if is_off else names["BACKFILE"]
    hdus = [fits.PrimaryHDU(), spectrum, _ebounds(_unit(axis, format))]
    region = region_hdu(region_map.geom)
    if region is not None:
        hdus.append(region)
    if dataset.gti is not None and not is_off:
        hdus.append(dataset.gti.to_table_hdu())
    return fits.HDUList(hdus)


def _ebounds(axis: MapAxis) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU.from_columns([_channels(axis), *_edge_columns(axis, "E_MIN", "E_MAX")], name="EBOUNDS")
    hdu.header.update(
        {
            "TELESCOP": "unknown",
            "INSTRUME": "unknown",
            "FILTER": "none",
            "CHANTYPE": "PHA",
            "DETCHANS": axis.nbin,
            "HDUCLASS": "OGIP",
            "HDUCLAS1": "RESPONSE",
            "HDUCLAS2": "EBOUNDS",
            "HDUVERS": "1.2.0",
        }
    )
    return hdu


def arf_hdus(dataset: Any, format: str) -> fits.HDUList:
    """HDUs of an ARF file: the effective area is exposure over live time."""
    exposure = dataset.exposure
    seconds = dataset.livetime.to_value("s")
    area_unit = "cm2" if format == "ogip-sherpa" or u.cm in exposure.unit.bases else "m2"
    area = (
        exposure.quantity[:, 0, 0].to_value(f"{area_unit} s") / seconds if seconds > 0 else 0 * exposure.data[:, 0, 0]
    )
    axis = _unit(exposure.geom.axes["energy_true"], format)
    columns = [*_edge_columns(axis, "ENERG_LO", "ENERG_HI"), fits.Column("SPECRESP", "D", unit=area_unit, array=area)]
    hdu = fits.BinTableHDU.from_columns(columns, name="SPECRESP")
    hdu.header.update(
        {
            "TELESCOP": "unknown",
            "INSTRUME": "unknown",
            "FILTER": "none",
            "HDUCLASS": "OGIP",
            "HDUCLAS1": "RESPONSE",
            "HDUCLAS2": "SPECRESP",
            "HDUVERS": "1.1.0",
            "CREATOR": "gjax",
        }
    )
    return fits.HDUList([fits.PrimaryHDU(), hdu])

"""HEALPix maps in FITS files: GADF, the Fermi tools, galprop and healpy."""

from __future__ import annotations

from typing import Any, NamedTuple

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError
from gjax.fits import get_hdu, native
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.hpx_geom import HpxGeom
from gjax.maps.hpx_map import HpxNDMap
from gjax.maps.wcs_io import bands_axes, bands_hdu, header_unit, meta_from_header, meta_to_header, plain_unit

__all__ = ["CONVENTIONS", "hpx_map_from_hdus", "hpx_map_to_hdus", "identify"]


class Convention(NamedTuple):
    """How a format names its columns (followed by a number) and its table of bands, and how bands are read."""

    column: str
    bands: str
    axes: str = "gadf"
    first: int = 1


CONVENTIONS = {
    "gadf": Convention("CHANNEL", "BANDS"),
    "fgst-ccube": Convention("CHANNEL", "EBOUNDS", "fgst-ccube"),
    "fgst-ltcube": Convention("COSBINS", "CTHETABOUNDS", "ctheta"),
    "fgst-bexpcube": Convention("ENERGY", "ENERGIES", "fgst-template"),
    "fgst-srcmap": Convention("CHANNEL", "EBOUNDS", "fgst-ccube", 0),
    "fgst-srcmap-sparse": Convention("VALUE", "EBOUNDS", "fgst-ccube"),
    "fgst-template": Convention("ENERGY", "ENERGIES", "fgst-template"),
    "galprop": Convention("Bin", "ENERGIES", "fgst-template", 0),
    "galprop2": Convention("Bin", "ENERGIES", "fgst-template", 0),
    "healpy": Convention("", ""),
}
FRAMES = {"G": "galactic", "GAL": "galactic", "C": "icrs", "E": "icrs", "CEL": "icrs", "EQU": "icrs"}


def identify(header: Any) -> str:
    """Format of a HEALPix table.

    Parameters
    ----------
    header
        FITS header.

    Examples
    --------
    >>> identify({"EXTNAME": "HPXEXPOSURES", "TTYPE1": "ENERGY1"})
    'fgst-bexpcube'
    """
    named = str(header.get("HPX_CONV", "")).strip().lower()
    if named in CONVENTIONS:
        return named
    name = str(header.get("EXTNAME", ""))
    if name == "HPXEXPOSURES":
        return "fgst-bexpcube"
    if name == "SKYMAP2":
        return "galprop" if "COORDTYPE" in header else "galprop2"
    columns = [str(header.get(f"TTYPE{i}", "")).strip() for i in (1, 2)]
    first = columns[1] if columns[0] == "PIX" else columns[0]
    if first in ("KEY", "VALUE"):
        return "fgst-srcmap-sparse" if first == "KEY" else "gadf"
    if first == "ENERGY1":
        return "fgst-template"
    if first.startswith("COSBINS"):
        return "fgst-ltcube"
    if first == "Bin0":
        return "galprop"
    if first in ("CHANNEL0", "CHANNEL1"):
        return "fgst-ccube" if name == "SKYMAP" and first == "CHANNEL1" else "fgst-srcmap"
    return "healpy"


def hpx_map_from_hdus(
    hdus: fits.HDUList,
    hdu: Any,
    path: Any,
    format: str | None = None,
    hdu_bands: str | int | None = None,
    colname: str | None = None,
) -> HpxNDMap:
    """Read a HEALPix map.

    Parameters
    ----------
    hdus
        HDUs of the file.
    hdu
        Table HDU with the values.
    path
        File, for messages.
    format
        One of `CONVENTIONS`; None to tell by the header.
    hdu_bands
        HDU of the axes; None to look for it.
    colname
        Column with the values, for "healpy" and tables with several maps.

    Raises
    ------
    DataFormatError
        If header, columns and bands do not fit each other.
    """
    if not isinstance(hdu, fits.BinTableHDU):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: a HEALPix map is a table, this is none")
    header = hdu.header
    format = identify(header) if format is None else format
    if format not in CONVENTIONS:
        raise ValueError(f"unknown format {format!r} of a HEALPix map: expected one of {', '.join(CONVENTIONS)}")
    convention = CONVENTIONS[format]
    names = hdu.columns.names
    single = colname is not None or format == "healpy"
    axes = MapAxes() if single else _axes(hdus, hdu, convention, hdu_bands, path)
    ordering = str(header.get("ORDERING", "RING")).strip().upper()
    if ordering not in ("RING", "NESTED", "NEST"):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: ORDERING is {ordering!r}, expected RING or NESTED")
    sparse = str(header.get("INDXSCHM", "")).strip() == "SPARSE" or format == "fgst-srcmap-sparse"
    pixel_column = next((name for name in ("PIX", "PIXEL") if name in names), None)
    if colname is not None and colname not in names:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: no column {colname!r}; it has: {', '.join(names)}")
    if sparse:
        return _sparse(hdu, header, axes, ordering != "RING", path)
    columns = [colname] if colname else [n for n in names if n.startswith(convention.column) and n != pixel_column]
    columns = columns[:1] if format == "healpy" else columns
    if not columns:
        raise DataFormatError(
            f"{path}: HDU {hdu.name!r}: no columns {convention.column}...; it has: {', '.join(names)}"
        )
    if len(columns) != int(np.prod(axes.shape)):
        raise DataFormatError(
            f"{path}: HDU {hdu.name!r}: {len(columns)} columns of values, the axes {axes.names} have {axes.shape} bins"
        )
    data = np.stack([native(hdu.data[name]).astype(float).ravel() for name in columns])
    region: Any = str(header.get("HPX_REG", header.get("HPXREGION", ""))).strip() or None
    if pixel_column is not None:
        region = native(hdu.data[pixel_column]).astype(int)
    geom = HpxGeom(
        _nside(header, data.shape[1], region is None, hdu, path), ordering != "RING", _frame(header), region, axes
    )
    if pixel_column is not None:
        # Pixels are kept sorted.
        data = data[:, np.argsort(region)]
    if data.size != int(np.prod(geom.data_shape)):
        raise DataFormatError(
            f"{path}: HDU {hdu.name!r}: {data.shape[1]} pixels, nside {geom.nside} and region ask for {geom.npix}"
        )
    unit = header_unit(header) if "BUNIT" in header else plain_unit(hdu.columns[columns[0]].unit or "")
    if format == "fgst-bexpcube" and str(unit) == "":
        # The Fermi tools give no unit.
        unit = u.Unit("cm2 s")
    result = HpxNDMap(geom, data=data.reshape(geom.data_shape), unit=unit, meta=meta_from_header(header))
    is_mask = header.get("MAPDTYPE") == "bool" or "mask" in hdu.name.lower()
    return result.copy(data=np.nan_to_num(result.data).astype(bool)) if is_mask else result


def _axes(hdus: fits.HDUList, hdu: Any, convention: Convention, hdu_bands: Any, path: Any) -> MapAxes:
    if hdu_bands is None:
        candidates = [hdu.header.get("BANDSHDU"), convention.bands, f"{hdu.name}_BANDS"]
        hdu_bands = next((name for name in candidates if name and name in hdus), None)
        if hdu.header.get("BANDSHDU") and hdu_bands != hdu.header["BANDSHDU"]:
            get_hdu(hdus, hdu.header["BANDSHDU"], path)
    if hdu_bands is None:
        return MapAxes()
    bands = get_hdu(hdus, hdu_bands, path)
    if convention.axes == "ctheta":
        low, high = (native(bands.data[name]).astype(float) for name in ("CTHETA_MIN", "CTHETA_MAX"))
        return MapAxes([MapAxis(np.unique(np.concatenate([low, high])), name="ctheta")])
    if "NSIDE" in bands.columns.names:
        raise DataFormatError(f"{path}: HDU {bands.name!r}: an nside that differs between bands is not supported")
    return bands_axes(bands, convention.axes, path)


def _nside(header: Any, npix: int, whole: bool, hdu: Any, path: Any) -> int:
    if "NSIDE" in header:
        return int(header["NSIDE"])
    if "ORDER" in header:
        return 2 ** int(header["ORDER"])
    nside = round(float(np.sqrt(npix / 12)))
    if whole and 12 * nside**2 == npix:
        return nside
    raise DataFormatError(f"{path}: HDU {hdu.name!r}: neither NSIDE nor ORDER in the header")


def _frame(header: Any) -> str:
    given = str(header.get("COORDSYS", header.get("COORDTYPE", ""))).strip()
    return FRAMES.get(given.upper(), given.lower() if given.lower() in ("icrs", "galactic", "fk5") else "icrs")


def _sparse(hdu: Any, header: Any, axes: MapAxes, nest: bool, path: Any) -> HpxNDMap:
    names = hdu.columns.names
    region = str(header.get("HPX_REG", header.get("HPXREGION", ""))).strip() or None
    geom = HpxGeom(_nside(header, 0, False, hdu, path), nest, _frame(header), region, axes)
    data = np.zeros((int(np.prod(axes.shape)), geom.npix))
    values = native(hdu.data["VALUE"]).astype(float)
    if "KEY" in names:
        channel, pixels = np.divmod(native(hdu.data["KEY"]).astype(int), geom.npix_max)
    elif "PIX" in names:
        pixels = native(hdu.data["PIX"]).astype(int)
        channel = native(hdu.data["CHANNEL"]).astype(int) if "CHANNEL" in names else np.zeros(pixels.shape, dtype=int)
    else:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: a sparse map needs the column PIX or KEY; it has: {names}")
    local = geom.global_to_local(pixels)
    if np.any(local < 0) or np.any(channel >= len(data)):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: pixels or channels outside of the shape {geom.data_shape}")
    data[channel, local] = values
    return HpxNDMap(geom, data=data.reshape(geom.data_shape), unit=header_unit(header), meta=meta_from_header(header))


def hpx_map_to_hdus(hpx_map: HpxNDMap, hdu: str = "SKYMAP", format: str = "gadf", sparse: bool = False) -> list[Any]:
    """Table HDU of a HEALPix map and, if there are axes, that of the bands.

    Parameters
    ----------
    hpx_map
        Map.
    hdu
        Name of the first HDU.
    format
        "gadf", "fgst-ccube" or "fgst-template".
    sparse
        Write only the pixels that are not zero.

    Examples
    --------
    >>> [hdu.name for hdu in hpx_map_to_hdus(HpxNDMap.create(nside=2))]
    ['SKYMAP']
    """
    if format not in ("gadf", "fgst-ccube", "fgst-template"):
        raise ValueError(f"unknown format {format!r}: expected 'gadf', 'fgst-ccube' or 'fgst-template'")
    geom, convention = hpx_map.geom, CONVENTIONS[format]
    data = hpx_map.data.astype(np.int16) if hpx_map.is_bool else hpx_map.data.astype(float)
    data = data.reshape(-1, geom.npix)
    code = "I" if hpx_map.is_bool else "D"
    pixel_column = fits.Column("PIX", "J", array=geom.ipix)
    if sparse:
        channel, local = np.nonzero(data)
        columns = [
            fits.Column("PIX", "J", array=geom.ipix[local]),
            fits.Column("CHANNEL", "J", array=channel),
            fits.Column("VALUE", "D", array=data[channel, local]),
        ]
        if not len(geom.axes):
            del columns[1]
    else:
        names = [f"{convention.column}{i + convention.first}" for i in range(len(data))]
        columns = [fits.Column(name, code, array=values) for name, values in zip(names, data)]
        if geom.region is not None:
            columns.insert(0, pixel_column)
    header = fits.Header()
    header["PIXTYPE"], header["ORDERING"] = "HEALPIX", geom.ordering
    header["INDXSCHM"] = "SPARSE" if sparse else "IMPLICIT" if geom.region is None else "EXPLICIT"
    header["ORDER"], header["NSIDE"] = geom.order, geom.nside
    header["FIRSTPIX"], header["LASTPIX"] = 0, geom.npix_max - 1
    header["COORDSYS"] = "GAL" if geom.frame == "galactic" else "CEL"
    header["HPX_CONV"] = format.upper()
    if isinstance(geom.region, str):
        header["HPX_REG"] = geom.region
    header["META"] = meta_to_header(hpx_map.meta)
    header["BUNIT"] = hpx_map.unit.to_string("fits")
    if hpx_map.is_bool:
        header["MAPDTYPE"] = "bool"
    bands = [bands_hdu(geom.axes, f"{hdu}_BANDS", format)] if len(geom.axes) else []
    if bands:
        header["BANDSHDU"] = bands[0].name
    return [fits.BinTableHDU.from_columns(columns, header=header, name=hdu), *bands]

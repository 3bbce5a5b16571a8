"""Images and cubes in FITS files: image HDUs (or sparse tables) with a table of their bands."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError
from gjax.fits import native, parse_unit, read_table
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.axis_tables import axes_to_table
from gjax.maps.wcs_geom import WcsGeom
from gjax.maps.wcs_map import WcsNDMap
from gjax.maps.wcs_tools import wcs_from_header

__all__ = [
    "bands_axes",
    "bands_hdu",
    "geom_from_header",
    "geom_to_header",
    "header_unit",
    "meta_from_header",
    "meta_to_header",
    "wcs_map_from_hdu",
    "wcs_map_to_hdus",
]

log = logging.getLogger(__name__)

# Name of the table of bands in each format, and the format that such a table implies.
BANDS_NAMES = {"fgst-ccube": "EBOUNDS", "fgst-template": "ENERGIES"}
BANDS_FORMATS = {"EBOUNDS": "fgst-ccube", "ENERGIES": "fgst-template"}


def header_unit(header: Any, key: str = "BUNIT") -> u.UnitBase:
    """Unit of an image, without "ph" and "ct"; what is not a unit becomes dimensionless, with a log message.

    Parameters
    ----------
    header
        FITS header.
    key
        Keyword.

    Examples
    --------
    >>> header_unit({"BUNIT": "ph cm-2 s-1"})
    Unit("1 / (s cm2)")
    """
    return plain_unit(str(header.get(key) or ""))


def plain_unit(text: str) -> u.UnitBase:
    """Parse a unit and drop photons and counts.

    Parameters
    ----------
    text
        Unit as files have it.

    Examples
    --------
    >>> plain_unit("Count"), plain_unit("photon/cm2/s/MeV/sr")
    (Unit(dimensionless), Unit("1 / (MeV s sr cm2)"))
    """
    unit = parse_unit(text) or u.dimensionless_unscaled
    if isinstance(unit, u.UnrecognizedUnit):
        unit = parse_unit(text.lower()) or u.dimensionless_unscaled
    if isinstance(unit, u.UnrecognizedUnit):
        log.warning("unit %r is not understood and taken as dimensionless", text)
        return u.dimensionless_unscaled
    powers = zip(unit.bases, unit.powers)
    kept = [(base, power) for base, power in powers if base not in (u.ph, u.ct)]
    if len(kept) == len(unit.bases):
        return unit
    return u.CompositeUnit(unit.scale, [base for base, _ in kept], [power for _, power in kept])


def meta_to_header(meta: dict[str, Any]) -> str:
    """Text (JSON) of the meta data; quantities and what JSON does not know become strings.

    Parameters
    ----------
    meta
        Meta data.

    Examples
    --------
    >>> meta_to_header({"livetime": 1.5 * u.h})
    '{"livetime": "1.5 h"}'
    """
    return json.dumps(meta, default=str)


def meta_from_header(header: Any) -> dict[str, Any]:
    """Meta data of a header; strings such as "1.5 h" become quantities.

    Parameters
    ----------
    header
        FITS header with META.

    Examples
    --------
    >>> meta_from_header({"META": '{"livetime": "1.5 h", "name": "x"}'})
    {'livetime': <Quantity 1.5 h>, 'name': 'x'}
    """
    try:
        meta = json.loads(header.get("META") or "{}")
    except (ValueError, TypeError):
        log.warning("the keyword META is not JSON and was ignored")
        return {}
    if not isinstance(meta, dict):
        return {"META": meta}
    for key, value in meta.items():
        if isinstance(value, str) and value[:1] in tuple("0123456789.-+") and " " in value:
            try:
                meta[key] = u.Quantity(value)
            except (TypeError, ValueError):
                continue
    return meta


def bands_axes(hdu: Any, format: str | None, path: Any) -> MapAxes:
    """Axes of a table of bands.

    Parameters
    ----------
    hdu
        Table HDU, or None for no axes.
    format
        "gadf", "fgst-ccube" (EBOUNDS), "fgst-template" or "fgst-bexpcube" (ENERGIES); None to tell by name.
    path
        File, for messages.

    Raises
    ------
    DataFormatError
        If columns or keywords are missing.
    """
    if hdu is None:
        return MapAxes()
    format = format or BANDS_FORMATS.get(hdu.name.upper(), "gadf")
    table = read_table(hdu, path)
    try:
        if format in ("fgst-template", "fgst-bexpcube"):
            names = [name for name in table.colnames if name.lower() == "energy"]
            if not names:
                raise DataFormatError(f"no column 'Energy'; the table has: {', '.join(table.colnames)}")
            nodes = np.asarray(table[names[0]], dtype=float)
            return MapAxes([MapAxis.from_nodes(nodes, unit="MeV", name="energy_true", interp="log")])
        if format in ("fgst-ccube", "ogip"):
            return MapAxes([MapAxis.from_table(table, format="ogip")])
        if "NPIX" in table.colnames:
            raise DataFormatError("pixels that differ between bands (column NPIX) are not supported")
        return MapAxes.from_table(table, format="gadf")
    except (DataFormatError, ValueError, KeyError) as error:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: {error}") from error


def bands_hdu(axes: MapAxes, name: str, format: str = "gadf") -> fits.BinTableHDU:
    """Table HDU of the axes.

    Parameters
    ----------
    axes
        The axes.
    name
        Name of the HDU in the "gadf" format; the "fgst" formats have their own.
    format
        "gadf", "fgst-ccube" or "fgst-template".

    Examples
    --------
    >>> bands_hdu(MapAxes([MapAxis([1, 2], name="rad", unit="deg")]), "X_BANDS").columns.names
    ['CHANNEL', 'RAD', 'RAD_MIN', 'RAD_MAX']
    """
    if format != "gadf" and (len(axes) != 1 or not axes[0].is_energy_axis):
        raise ValueError(f"format {format!r} holds one energy axis, the map has the axes {axes.names}")
    if format == "fgst-template":
        from astropy.table import Table

        return fits.BinTableHDU(Table({"Energy": axes[0].center.to("MeV")}), name="ENERGIES")
    if format == "fgst-ccube":
        table = axes[0].to_unit("keV").to_table("ogip")
        table["CHANNEL"] = table["CHANNEL"] + 1
        return fits.BinTableHDU(table, name="EBOUNDS")
    table = axes_to_table(axes, "gadf")
    return fits.BinTableHDU(table, name=name)


def geom_to_header(geom: WcsGeom) -> fits.Header:
    """FITS header of a geometry: projection, WCSSHAPE and the keywords of the axes.

    Parameters
    ----------
    geom
        Geometry.

    Examples
    --------
    >>> geom_to_header(WcsGeom.create(npix=(4, 3), proj="TAN"))["WCSSHAPE"]
    '(4,3)'
    """
    header = geom.wcs.to_header()
    for i, axis in enumerate(geom.axes, start=1):
        for key, value in axis_keywords(axis, i).items():
            header[key] = value
    header["WCSSHAPE"] = "(" + ",".join(str(n) for n in (*geom.npix, *geom.axes.shape)) + ")"
    return header


def axis_keywords(axis: Any, number: int) -> dict[str, str]:
    """Keywords AXCOLSn and INTERPn of an axis in the "gadf" format.

    Parameters
    ----------
    axis
        Axis.
    number
        Its number, from 1.

    Examples
    --------
    >>> axis_keywords(MapAxis([1, 2], name="energy", unit="TeV"), 1)
    {'AXCOLS1': 'E_MIN,E_MAX', 'INTERP1': 'lin'}
    """
    name = axis.name.upper()
    columns = "E_MIN,E_MAX" if name == "ENERGY" else f"{name}_MIN,{name}_MAX"
    only_name = axis.node_type in ("center", "label")
    keywords = {f"AXCOLS{number}": name if only_name else columns}
    return keywords if axis.node_type == "label" else {**keywords, f"INTERP{number}": axis.interp}


def geom_from_header(header: Any, axes: Sequence[MapAxis] | None = None) -> WcsGeom:
    """Geometry of an image header, or of that of a sparse table with WCSSHAPE.

    Parameters
    ----------
    header
        FITS header.
    axes
        Axes besides the sky.

    Raises
    ------
    ValueError
        If it has no celestial projection, or no shape.

    Examples
    --------
    >>> geom = WcsGeom.create(npix=(4, 3), proj="TAN", skydir=(83.6, 22.0))
    >>> geom_from_header(geom.to_header()) == geom
    True
    """
    wcs = wcs_from_header(header)
    if int(header.get("NAXIS", 0)) >= 2 and str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE":
        npix = (int(header["NAXIS1"]), int(header["NAXIS2"]))
    else:
        numbers = str(header.get("WCSSHAPE", "")).strip("() ").split(",")
        try:
            npix = (int(float(numbers[0])), int(float(numbers[1])))
        except (ValueError, IndexError) as error:
            raise ValueError(f"no shape of the image: WCSSHAPE is {header.get('WCSSHAPE')!r}") from error
    wcs.array_shape = (npix[1], npix[0])
    return WcsGeom(wcs, npix, MapAxes(axes or ()))


def wcs_map_from_hdu(hdu: Any, bands: Any, format: str | None, path: Any) -> WcsNDMap:
    """Map of an image HDU, or of a sparse table (PIX, CHANNEL, VALUE).

    Parameters
    ----------
    hdu
        HDU with the values.
    bands
        Table HDU of the axes, or None.
    format
        Format, or None to tell by the table of bands.
    path
        File, for messages.

    Raises
    ------
    DataFormatError
        If header, bands and values do not fit each other.
    """
    axes = bands_axes(bands, format, path)
    try:
        geom = geom_from_header(hdu.header, axes)
    except ValueError as error:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: {error}") from error
    if isinstance(hdu, fits.BinTableHDU):
        data = _sparse_values(hdu, geom, path)
    else:
        data = native(hdu.data)
        if data.size != int(np.prod(geom.data_shape)):
            raise DataFormatError(
                f"{path}: HDU {hdu.name!r}: the image has the shape {data.shape}, "
                f"its axes {axes.names or '(none found)'} ask for {geom.data_shape}"
            )
        data = data.reshape(geom.data_shape)
    is_mask = hdu.header.get("MAPDTYPE") == "bool" or any(
        word in hdu.name.lower() for word in ("mask", "is_ul", "success")
    )
    unit = header_unit(hdu.header)
    if is_mask:
        data = np.nan_to_num(data).astype(bool)
    return WcsNDMap(geom, data=data if is_mask else data.astype(float), unit=unit, meta=meta_from_header(hdu.header))


def _sparse_values(hdu: fits.BinTableHDU, geom: WcsGeom, path: Any) -> np.ndarray:
    table = read_table(hdu, path)
    missing = [name for name in ("PIX", "VALUE") if name not in table.colnames]
    if missing:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: no column {missing[0]!r}; it has: {table.colnames}")
    planes = int(np.prod(geom.axes.shape))
    data = np.zeros((planes, geom.npix[0] * geom.npix[1]))
    channel = np.asarray(table["CHANNEL"]) if "CHANNEL" in table.colnames else 0
    pix = np.asarray(table["PIX"])
    if pix.size and (pix.max() >= data.shape[1] or np.max(channel) >= planes):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: pixels outside of the shape {geom.data_shape}")
    data[channel, pix] = np.asarray(table["VALUE"])
    return data.reshape(geom.data_shape)


def wcs_map_to_hdus(wcs_map: WcsNDMap, hdu: str = "PRIMARY", format: str = "gadf", sparse: bool = False) -> list[Any]:
    """HDU of the values and, if there are axes, that of the bands.

    Parameters
    ----------
    wcs_map
        Map.
    hdu
        Name of the first HDU; "PRIMARY" makes it a primary HDU.
    format
        "gadf", "fgst-ccube" or "fgst-template".
    sparse
        Write a table of the pixels that are not zero instead of the image.

    Examples
    --------
    >>> [hdu.name for hdu in wcs_map_to_hdus(WcsNDMap.create(npix=3, axes=[MapAxis([1, 2], name="energy")]), "COUNTS")]
    ['COUNTS', 'COUNTS_BANDS']
    """
    hdu = hdu.upper()
    header = geom_to_header(wcs_map.geom)
    header["META"] = meta_to_header(wcs_map.meta)
    header["BUNIT"] = wcs_map.unit.to_string("fits")
    result: list[Any] = []
    if len(wcs_map.geom.axes):
        bands = bands_hdu(wcs_map.geom.axes, f"{hdu}_BANDS", format)
        if format == "gadf":
            header["BANDSHDU"] = bands.name
        result.append(bands)
    elif format != "gadf":
        raise ValueError(f"format {format!r} holds one energy axis, the map has none")
    data = wcs_map.data
    if wcs_map.is_bool:
        header["MAPDTYPE"] = "bool"
        data = data.astype(np.uint8)
    if sparse:
        if hdu == "PRIMARY":
            raise ValueError("a sparse map is a table and cannot be the primary HDU: give it another name")
        flat = data.reshape(-1, data.shape[-1] * data.shape[-2])
        channel, pix = np.nonzero(flat)
        columns = [
            fits.Column("PIX", "J", array=pix),
            fits.Column("CHANNEL", "J", array=channel),
            fits.Column("VALUE", "D", array=flat[channel, pix].astype(float)),
        ]
        header["INDXSCHM"] = "SPARSE"
        if not len(wcs_map.geom.axes):
            del columns[1]
        return [fits.BinTableHDU.from_columns(columns, header=header, name=hdu), *result]
    first = fits.PrimaryHDU(data, header=header) if hdu == "PRIMARY" else fits.ImageHDU(data, header=header, name=hdu)
    return [first, *result]

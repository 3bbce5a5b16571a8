"""Region maps in FITS files: the values, the bands of the axes and the region, three tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError
from gjax.fits import get_hdu, native, read_table
from gjax.maps.axes import MapAxes
from gjax.maps.region_geom import RegionGeom
from gjax.maps.region_map import RegionNDMap
from gjax.maps.region_tools import regions_from_table, regions_to_table

__all__ = ["geom_from_region_hdu", "map_from_hdus", "map_to_hdus", "region_hdu"]


def region_hdu(geom: RegionGeom, name: str = "REGION") -> fits.BinTableHDU | None:
    """FITS region table of a geometry, with the projection in its header; None without region.

    Parameters
    ----------
    geom
        The geometry.
    name
        Name of the HDU.

    Examples
    --------
    >>> region_hdu(RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)")).data["SHAPE"][0]
    'circle'
    """
    if geom.region is None or geom.wcs is None:
        return None
    return fits.BinTableHDU(regions_to_table(geom.region, geom.wcs), name=name)


def geom_from_region_hdu(hdus: fits.HDUList, name: str, path: Any, axes: Any = None) -> RegionGeom:
    """Geometry from a FITS region table; a geometry without region where the file has no such HDU.

    Parameters
    ----------
    hdus
        HDUs of the file.
    name
        Name of the region HDU.
    path
        File, for messages.
    axes
        Axes of the geometry.

    Raises
    ------
    DataFormatError
        If the table is there but does not describe regions.

    Examples
    --------
    >>> hdus = fits.HDUList([fits.PrimaryHDU(), region_hdu(RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)"))])
    >>> type(geom_from_region_hdu(hdus, "REGION", "file.fits").region).__name__
    'CircleSkyRegion'
    """
    if name not in hdus:
        return RegionGeom(None, axes=axes)
    table = read_table(hdus[name], path)
    try:
        region, wcs = regions_from_table(table)
    except Exception as error:  # the parser of regions raises many kinds
        raise DataFormatError(f"{path}: HDU {name!r}: not a FITS region table ({error})") from error
    return RegionGeom(region, axes=axes, wcs=wcs)


def map_to_hdus(region_map: RegionNDMap, hdu: str = "SKYMAP", format: str = "gadf") -> fits.HDUList:
    """HDUs of a region map: ``hdu`` (CHANNEL, DATA), ``hdu``_BANDS and ``hdu``_REGION.

    Masks are stored as 8-bit integers, as FITS images of masks are.

    Parameters
    ----------
    region_map
        The map.
    hdu
        Name of the first HDU.
    format
        "gadf".

    Examples
    --------
    >>> from gjax.maps import MapAxis
    >>> axis = MapAxis([1, 2, 3], name="energy", unit="TeV", interp="log")
    >>> [hdu.name for hdu in map_to_hdus(RegionNDMap.create(None, axes=[axis]))]
    ['PRIMARY', 'SKYMAP', 'SKYMAP_BANDS']
    """
    _check_format(format)
    bands = region_map.geom.axes.to_table("gadf")
    data = region_map.data.astype(np.int8 if region_map.is_bool else region_map.data.dtype)
    channel = np.arange(len(data), dtype=np.int16)
    columns = [
        fits.Column("CHANNEL", "I", array=channel),
        fits.Column("DATA", _tform(data), unit=region_map.unit.to_string("fits"), array=data, dim=_tdim(data)),
    ]
    table_hdu = fits.BinTableHDU.from_columns(columns, name=hdu)
    table_hdu.header.update({key: value for key, value in bands.meta.items() if key.startswith(("AXCOLS", "INTERP"))})
    result = fits.HDUList([fits.PrimaryHDU(), table_hdu, fits.BinTableHDU(bands, name=f"{hdu}_BANDS")])
    region = region_hdu(region_map.geom, f"{hdu}_REGION")
    if region is not None:
        result.append(region)
    return result


def map_from_hdus(hdus: fits.HDUList, hdu: str, path: Any, format: str = "gadf") -> RegionNDMap:
    """Read a region map written by `map_to_hdus`.

    Parameters
    ----------
    hdus
        HDUs of the file.
    hdu
        Name of the first HDU.
    path
        File, for messages.
    format
        "gadf".

    Raises
    ------
    MissingDataError
        If an HDU is missing.
    DataFormatError
        If a column is missing or the number of values does not fit the axes.

    Examples
    --------
    >>> from gjax.maps import MapAxis
    >>> axis = MapAxis([1, 2, 3], name="energy", unit="TeV", interp="log")
    >>> hdus = map_to_hdus(RegionNDMap.create(None, axes=[axis], data=[1.0, 2.0]))
    >>> map_from_hdus(hdus, "SKYMAP", "file.fits").data.ravel()
    array([1., 2.])
    """
    _check_format(format)
    table = read_table(get_hdu(hdus, hdu, path), path)
    bands = read_table(get_hdu(hdus, f"{hdu}_BANDS", path), path)
    geom = geom_from_region_hdu(hdus, f"{hdu}_REGION", path, axes=MapAxes.from_table(bands, "gadf"))
    if "DATA" not in table.colnames:
        raise DataFormatError(f"{path}: HDU {hdu!r}: no column 'DATA'; it has: {', '.join(table.colnames)}")
    data = native(np.ma.getdata(table["DATA"].data))
    if data.size != int(np.prod(geom.data_shape)):
        raise DataFormatError(f"{path}: HDU {hdu!r}: {data.size} values, the axes ask for {geom.data_shape}")
    return RegionNDMap(geom, data=data.reshape(geom.data_shape), unit=table["DATA"].unit or "")


def _tform(data: np.ndarray) -> str:
    return f"{int(np.prod(data.shape[1:]))}{fits.column.NUMPY2FITS[data.dtype.str[1:].replace('i1', 'i2')]}"


def _tdim(data: np.ndarray) -> str:
    return "(" + ",".join(str(n) for n in data.shape[:0:-1]) + ")"


def _check_format(format: str) -> None:
    if format != "gadf":
        raise ValueError(f"unknown map format {format!r}: expected 'gadf' (OGIP spectra are written by datasets)")

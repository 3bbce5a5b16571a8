"""Maps in FITS files: what kind a map is, and where its parts are."""

from __future__ import annotations

from typing import Any

from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.fits import get_hdu, open_fits, write_fits

__all__ = ["map_from_hdulist", "map_to_hdulist", "read_map", "write_map"]


def read_map(
    path: Any,
    hdu: str | int | None = None,
    format: str | None = None,
    *,
    hdu_bands: str | int | None = None,
    map_type: str = "auto",
    colname: str | None = None,
) -> Any:
    """Read a map of any kind.

    Images and cubes: GADF sky maps, counts cubes ("fgst-ccube"), exposure cubes and templates ("fgst-template") of
    the Fermi tools, plain images. Tables: region maps in the GADF format; HEALPix maps ("gadf", "fgst-ccube",
    "fgst-ltcube", "fgst-bexpcube", "fgst-srcmap", "fgst-template", "galprop", "galprop2", "healpy").

    Parameters
    ----------
    path
        FITS file.
    hdu
        Name or number of the HDU with the values; by default the first one with data.
    format
        Format; None to tell by the file.
    hdu_bands
        HDU of the axes; None to look for it.
    map_type
        "auto", "wcs", "hpx" or "region".
    colname
        Column of a HEALPix table.

    Raises
    ------
    MissingDataError
        If file or HDU does not exist.
    DataFormatError
        If the file does not hold a map.
    """
    with open_fits(path) as hdus:
        return map_from_hdulist(hdus, hdu, path, format=format, hdu_bands=hdu_bands, map_type=map_type, colname=colname)


def map_from_hdulist(
    hdus: fits.HDUList,
    hdu: str | int | None = None,
    path: Any = "HDU list",
    *,
    format: str | None = None,
    hdu_bands: str | int | None = None,
    map_type: str = "auto",
    colname: str | None = None,
) -> Any:
    """Map from HDUs; see `read_map`.

    Parameters
    ----------
    hdus
        HDUs of the file.
    hdu
        Name or number of the HDU with the values; by default the first one with data.
    path
        File, for messages.
    format, hdu_bands, map_type, colname
        See `read_map`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> map_from_hdulist(map_to_hdulist(Map.create(npix=3, unit="s"), "IMAGE"), "image").unit
    Unit("s")
    """
    if map_type not in ("auto", "wcs", "hpx", "region"):
        raise ValueError(f"map_type is {map_type!r}, expected 'auto', 'wcs', 'hpx' or 'region'")
    found = get_hdu(hdus, hdu, path) if hdu is not None else _first_with_data(hdus, path)
    kind = map_type if map_type != "auto" else _kind(found, hdus, format, path)
    if kind == "region":
        from gjax.maps.region_io import map_from_hdus

        return map_from_hdus(hdus, found.name or hdus.index(found), path, format or "gadf")
    if kind == "hpx":
        from gjax.maps.hpx_io import hpx_map_from_hdus

        return hpx_map_from_hdus(hdus, found, path, format=format, hdu_bands=hdu_bands, colname=colname)
    from gjax.maps.wcs_io import wcs_map_from_hdu

    bands = get_hdu(hdus, hdu_bands, path) if hdu_bands is not None else _bands_of(found, hdus, path)
    result = wcs_map_from_hdu(found, bands, format, path)
    is_template = format == "fgst-template" or (format is None and bands is not None and bands.name == "ENERGIES")
    if is_template and str(result.unit) == "":
        # The Fermi tools give no unit; exposure cubes come with the GTI they were made for.
        return result.copy(data=result.data, unit="cm2 s" if "GTI" in hdus else "cm-2 s-1 MeV-1 sr-1")
    return result


def _first_with_data(hdus: fits.HDUList, path: Any) -> Any:
    for hdu in hdus:
        if hdu.header.get("NAXIS", 0) > 0 and hdu.data is not None:
            return hdu
    raise MissingDataError(f"{path}: no HDU with data")


def _kind(hdu: Any, hdus: fits.HDUList, format: str | None, path: Any) -> str:
    header = hdu.header
    if header.get("PIXTYPE") == "HEALPIX" or (format or "").startswith(("healpy", "galprop")):
        return "hpx"
    if "CTYPE1" in header:
        return "wcs"
    if isinstance(hdu, fits.BinTableHDU) and {"DATA", "CHANNEL"} <= set(hdu.columns.names):
        return "region"
    if isinstance(hdu, fits.BinTableHDU) and (format or "").startswith("ogip"):
        return "region"
    if isinstance(hdu, fits.BinTableHDU):
        raise DataFormatError(
            f"{path}: HDU {hdu.name!r} is no map: expected HEALPix columns (PIXTYPE), a sparse image (CTYPE1) or the "
            f"columns CHANNEL and DATA, found {', '.join(hdu.columns.names)}"
        )
    raise DataFormatError(f"{path}: HDU {hdu.name!r} has no celestial projection (no keyword CTYPE1)")


def _bands_of(hdu: Any, hdus: fits.HDUList, path: Any) -> Any:
    if "BANDSHDU" in hdu.header:
        return get_hdu(hdus, hdu.header["BANDSHDU"], path)
    is_table = isinstance(hdu, fits.BinTableHDU)
    if (is_table and "CHANNEL" in hdu.columns.names) or (not is_table and hdu.header.get("NAXIS", 0) == 3):
        for name in ("EBOUNDS", "ENERGIES"):
            if name in hdus:
                return hdus[name]
    return None


def map_to_hdulist(map_: Any, hdu: str | None = None, format: str = "gadf", sparse: bool = False) -> fits.HDUList:
    """HDUs of a map; the first one is the primary HDU, empty unless ``hdu`` is "PRIMARY".

    Parameters
    ----------
    map_
        Map of any kind.
    hdu
        Name of the HDU with the values; by default "PRIMARY" for images and cubes, "SKYMAP" for tables.
    format
        "gadf"; for images also "fgst-ccube" and "fgst-template", for HEALPix maps see `read_map`.
    sparse
        Write only the pixels that are not zero (images, cubes and HEALPix maps).

    Examples
    --------
    >>> from gjax.maps import Map, MapAxis
    >>> cube = Map.create(npix=3, axes=[MapAxis([1, 2], name="rad", unit="deg")])
    >>> [hdu.name for hdu in map_to_hdulist(cube)]
    ['PRIMARY', 'PRIMARY_BANDS']
    """
    if map_.geom.is_region:
        from gjax.maps.region_io import map_to_hdus

        return map_to_hdus(map_, (hdu or "SKYMAP").upper(), format)
    if map_.geom.is_hpx:
        from gjax.maps.hpx_io import hpx_map_to_hdus

        return fits.HDUList([fits.PrimaryHDU(), *hpx_map_to_hdus(map_, (hdu or "SKYMAP").upper(), format, sparse)])
    if format not in ("gadf", "fgst-ccube", "fgst-template"):
        raise ValueError(f"unknown map format {format!r}: expected 'gadf', 'fgst-ccube' or 'fgst-template'")
    from gjax.maps.wcs_io import wcs_map_to_hdus

    name = (hdu or ("SKYMAP" if sparse else "PRIMARY")).upper()
    hdus = wcs_map_to_hdus(map_, name, format, sparse)
    return fits.HDUList(hdus if name == "PRIMARY" else [fits.PrimaryHDU(), *hdus])


def write_map(
    map_: Any,
    path: Any,
    *,
    hdu: str | None = None,
    format: str = "gadf",
    sparse: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a map to a FITS file.

    Parameters
    ----------
    map_
        Map.
    path
        FITS file; compressed if it ends with ".gz".
    hdu, format, sparse
        See `map_to_hdulist`.
    overwrite
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    hdus = map_to_hdulist(map_, hdu, format, sparse)
    write_fits(hdus, path, overwrite=overwrite)

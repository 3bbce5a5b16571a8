"""Small functions on sky regions: parsing, splitting unions, centres, tables in pixel coordinates."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.table import Table

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS
    from regions import SkyRegion

__all__ = ["make_region", "make_tan_wcs", "region_center", "region_parts", "region_radius"]


def make_region(region: Any) -> SkyRegion | None:
    """Turn whatever describes a region into one sky region.

    Parameters
    ----------
    region
        A SkyRegion, a SkyCoord (point), a DS9 string, a list of those (their union), or None.

    Raises
    ------
    ValueError
        If a string is not a region, or a pixel region is given.

    Examples
    --------
    >>> type(make_region("icrs;circle(83.6, 22.0, 0.1)")).__name__
    'CircleSkyRegion'
    """
    from astropy.coordinates import SkyCoord
    from regions import PointSkyRegion, Regions, SkyRegion

    if region is None or isinstance(region, SkyRegion):
        return region
    if isinstance(region, SkyCoord):
        return PointSkyRegion(region)
    if isinstance(region, str):
        try:
            region = Regions.parse(region, format="ds9")
        except Exception as error:  # the parser raises many kinds
            raise ValueError(f"not a region in DS9 format: {region!r}") from error
        if len(region) == 0 or not all(isinstance(part, SkyRegion) for part in region):
            raise ValueError(
                "expected regions in sky coordinates in DS9 format, such as 'icrs;circle(83.6, 22.0, 0.1)'"
            )
    if isinstance(region, Sequence | Regions):
        parts = [make_region(part) for part in region]
        union = parts[0] if parts else None
        for part in parts[1:]:
            union = union | part  # type: ignore[operator]
        return union
    raise ValueError(f"expected a sky region, a SkyCoord, a DS9 string or a list of them, got {type(region).__name__}")


def region_parts(region: SkyRegion) -> list[SkyRegion]:
    """Split a union into its parts; anything else is returned as the only part.

    Parameters
    ----------
    region
        Sky region.

    Examples
    --------
    >>> len(region_parts(make_region(["icrs;circle(1, 2, 0.1)", "icrs;circle(3, 4, 0.1)"])))
    2
    """
    from regions import CompoundSkyRegion

    if isinstance(region, CompoundSkyRegion) and region.operator is operator.or_:
        return region_parts(region.region1) + region_parts(region.region2)
    return [region]


def region_center(region: SkyRegion) -> SkyCoord:
    """Centre of a region; for compounds and polygons the mean direction of the parts or vertices.

    Parameters
    ----------
    region
        Sky region.

    Examples
    --------
    >>> bool(abs(region_center(make_region("icrs;circle(83.6, 22.0, 0.1)")).ra.deg - 83.6) < 1e-9)
    True
    """
    from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
    from regions import CompoundSkyRegion

    if isinstance(region, CompoundSkyRegion):
        centers = [region_center(region.region1), region_center(region.region2)]
        if region.operator is operator.or_:
            centers = [region_center(part) for part in region_parts(region)]
        points = SkyCoord([center.transform_to(centers[0].frame) for center in centers])
    elif hasattr(region, "center"):
        return region.center
    else:
        points = region.vertices
    mean = points.cartesian.mean().represent_as(UnitSphericalRepresentation)
    return SkyCoord(mean.lon, mean.lat, frame=points.frame.replicate_without_data())


def region_radius(region: SkyRegion) -> float:
    """Radius of a circle around `region_center` that holds the region [deg] (0 for points).

    Parameters
    ----------
    region
        Sky region.

    Examples
    --------
    >>> region_radius(make_region("icrs;circle(83.6, 22.0, 0.1)"))
    0.1
    """
    from regions import CompoundSkyRegion

    if isinstance(region, CompoundSkyRegion):
        center = region_center(region)
        parts = region_parts(region) if region.operator is operator.or_ else [region.region1, region.region2]
        return max(float(center.separation(region_center(part)).deg) + region_radius(part) for part in parts)
    for name in ("outer_radius", "radius"):
        if hasattr(region, name):
            return float(getattr(region, name).to_value("deg"))
    if hasattr(region, "width"):
        width = getattr(region, "outer_width", region.width).to_value("deg")
        height = getattr(region, "outer_height", region.height).to_value("deg")
        return float(np.hypot(width, height)) / 2
    if hasattr(region, "vertices"):
        return float(region_center(region).separation(region.vertices).deg.max())
    return 0.0


def make_tan_wcs(center: SkyCoord, binsz: Any, width: float) -> WCS:
    """Tangential projection around a position, on a square grid of at least ``width`` [deg].

    Parameters
    ----------
    center
        Position of the tangent point; its frame (icrs, galactic, fk5) becomes that of the projection,
        icrs in place of any other.
    binsz
        Pixel size, Quantity, string or number in deg.
    width
        Width that the grid spans [deg].

    Examples
    --------
    >>> make_tan_wcs(region_center(make_region("icrs;circle(83.6, 22.0, 0.1)")), "0.01 deg", 0.2).array_shape
    (20, 20)
    """
    from astropy.wcs import WCS

    size = u.Quantity(binsz, "deg").value if not isinstance(binsz, str) else u.Quantity(binsz).to_value("deg")
    if not size > 0:
        raise ValueError(f"the pixel size must be positive, got {binsz}")
    if center.frame.name not in ("icrs", "fk5", "galactic"):
        center = center.icrs
    frame = center.frame.name
    npix = max(int(np.ceil(width / size)), 1)
    wcs = WCS(naxis=2)
    names = ("GLON", "GLAT") if frame == "galactic" else ("RA--", "DEC-")
    wcs.wcs.ctype = [f"{name}-TAN" for name in names]
    wcs.wcs.crval = [center.spherical.lon.wrap_at("360d").deg, center.spherical.lat.deg]
    wcs.wcs.cdelt = [-size, size]
    wcs.wcs.crpix = [(npix + 1) / 2, (npix + 1) / 2]
    wcs.wcs.cunit = ["deg", "deg"]
    if frame in ("icrs", "fk5"):
        wcs.wcs.radesys = frame.upper()
    wcs.wcs.set()
    wcs.array_shape = (npix, npix)
    return wcs


def regions_to_table(region: SkyRegion, wcs: WCS) -> Table:
    """FITS region table (pixel coordinates, the WCS in ``meta``) of a region or union.

    Parameters
    ----------
    region
        Region or union.
    wcs
        Projection that gives pixel coordinates.

    Examples
    --------
    >>> region = make_region("icrs;circle(83.6, 22.0, 0.1)")
    >>> wcs = make_tan_wcs(region_center(region), "0.01 deg", 0.2)
    >>> regions_to_table(region, wcs)["SHAPE"].tolist()
    ['circle']
    """
    from regions import Regions

    table = Regions([part.to_pixel(wcs) for part in region_parts(region)]).serialize(format="fits")
    table.meta.update(wcs.to_header())
    if wcs.array_shape is not None:
        table.meta["WCSSHAPE"] = f"({wcs.array_shape[1]},{wcs.array_shape[0]})"
    return table


def regions_from_table(table: Table) -> tuple[SkyRegion | None, WCS]:
    """Read a FITS region table that has a WCS in ``meta``; the inverse of `regions_to_table`.

    Parameters
    ----------
    table
        FITS region table.

    Examples
    --------
    >>> region = make_region("icrs;circle(83.6, 22.0, 0.1)")
    >>> wcs = make_tan_wcs(region_center(region), "0.01 deg", 0.2)
    >>> type(regions_from_table(regions_to_table(region, wcs))[0]).__name__
    'CircleSkyRegion'
    """
    from astropy.io import fits
    from astropy.wcs import WCS
    from regions import Regions

    header = fits.Header()
    for key, value in table.meta.items():
        if isinstance(value, str | int | float) and len(key) <= 8:
            header[key] = value
    wcs = WCS(header, naxis=2)
    shape = str(table.meta.get("WCSSHAPE", "")).strip("()").split(",")
    if len(shape) == 2:
        wcs.array_shape = (int(float(shape[1])), int(float(shape[0])))
    table = table.copy()
    table.meta = {}
    return make_region([part.to_sky(wcs) for part in Regions.parse(table, format="fits")]), wcs

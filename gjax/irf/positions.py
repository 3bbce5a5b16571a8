"""Pixels of images: those two of them share, those around a position, those in a region."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.irf.fov import sky_coordinates
from gjax.maps import RegionGeom

__all__ = ["aligned_slices", "position_weights", "region_pixels"]


def _pixel_geometry(wcs: Any) -> tuple[Any, ...]:
    inner = wcs.wcs
    return tuple(inner.ctype), tuple(np.round(inner.crval, 9)), tuple(np.round(inner.cdelt, 12))


def aligned_slices(parent: Any, cutout: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Indices of the pixels that two images on the same grid have in common.

    Parameters
    ----------
    parent, cutout
        Geometries on one pixel grid, such as a geometry and a cutout of it; or equal regions.

    Returns
    -------
    parent_index, cutout_index
        Index of the common pixels in arrays on each geometry.

    Raises
    ------
    ValueError
        If the geometries do not lie on one pixel grid, or have no pixel in common.

    Examples
    --------
    >>> geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.5)")
    >>> aligned_slices(geom, geom)
    ((Ellipsis,), (Ellipsis,))
    """
    same = parent.data_shape[-2:] == cutout.data_shape[-2:]
    if parent is cutout or not hasattr(parent, "wcs") or isinstance(parent, RegionGeom):
        if not same:
            raise ValueError(f"shapes {parent.data_shape[-2:]} and {cutout.data_shape[-2:]} do not fit together")
        return (Ellipsis,), (Ellipsis,)
    if _pixel_geometry(parent.wcs) != _pixel_geometry(cutout.wcs):
        raise ValueError("the geometries do not lie on one pixel grid (projection, reference position or pixel size)")
    shift = parent.wcs.wcs.crpix - cutout.wcs.wcs.crpix
    x0, y0 = np.rint(shift).astype(int)
    if not np.allclose(shift, (x0, y0), atol=1e-4):
        raise ValueError(f"the pixel grids are shifted by {shift} pixels against each other")
    ours: list[Any] = [Ellipsis]
    theirs: list[Any] = [Ellipsis]
    for start, size, other in zip((y0, x0), parent.data_shape[-2:], cutout.data_shape[-2:], strict=True):
        low, high = max(start, 0), min(start + other, size)
        if low >= high:
            raise ValueError("the geometries have no pixel in common")
        ours.append(slice(low, high))
        theirs.append(slice(low - start, high - start))
    return tuple(ours), tuple(theirs)


def position_weights(geom: Any, position: Any, method: str = "linear") -> list[tuple[int, int, float]]:
    """Pixels (y, x) around a position and their weights, which add up to 1.

    Parameters
    ----------
    geom
        WCS or region geometry.
    position
        One position; outside of the image its nearest edge is taken.
    method
        "linear" (bilinear between pixel centres) or "nearest".

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> position_weights(RegionGeom.create("icrs;circle(1, 2, 3)"), SkyCoord(1, 2, unit="deg"))
    [(0, 0, 1.0)]
    """
    ny, nx = geom.data_shape[-2:]
    if isinstance(geom, RegionGeom) or ny * nx == 1:
        return [(0, 0, 1.0)]
    there = position.transform_to(geom.frame).spherical
    x, y = geom.wcs.wcs_world2pix(float(there.lon.deg), float(there.lat.deg), 0)
    turn = 360.0 / abs(geom.wcs.wcs.cdelt[0])
    if "CAR" in geom.wcs.wcs.ctype[0] and not -0.5 <= x < nx - 0.5:
        x = min((x - turn, x, x + turn), key=lambda value: abs(value - 0.5 * (nx - 1)))
    if not (np.isfinite(x) and np.isfinite(y)):
        raise ValueError(f"position {position.to_string()} is not in the projection of the map")
    x, y = float(np.clip(x, 0, nx - 1)), float(np.clip(y, 0, ny - 1))
    if method == "nearest":
        # half-way between two pixels the lower one, whatever the rounding of coordinates
        return [(int(np.ceil(y - 0.5 - 1e-6)), int(np.ceil(x - 0.5 - 1e-6)), 1.0)]
    if method != "linear":
        raise ValueError(f"unknown method {method!r}: expected linear or nearest")
    x0, y0 = min(int(x), max(nx - 2, 0)), min(int(y), max(ny - 2, 0))
    wx, wy = x - x0, y - y0
    corners = [(y0, x0, (1 - wy) * (1 - wx)), (y0, x0 + 1, (1 - wy) * wx), (y0 + 1, x0, wy * (1 - wx))]
    corners.append((y0 + 1, x0 + 1, wy * wx))
    return [corner for corner in corners if corner[2] > 0]


def region_pixels(geom: Any, region: Any) -> np.ndarray:
    """Pixels whose centre lies in a region; the one nearest to its centre if there are none.

    Parameters
    ----------
    geom
        WCS geometry.
    region
        Sky region.
    """
    from astropy.coordinates import SkyCoord

    lon, lat = sky_coordinates(geom)
    flat = RegionGeom.create(region)
    inside = flat.contains(SkyCoord(np.nan_to_num(lon), np.nan_to_num(lat), unit="deg", frame=geom.frame))
    inside = np.asarray(inside) & np.isfinite(lon)
    if not inside.any():
        inside[position_weights(geom, flat.center_skydir, "nearest")[0][:2]] = True
    return inside

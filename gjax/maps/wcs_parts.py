"""Parts of images: which pixels a cutout takes, how wide a margin is, where two images overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from gjax.maps.wcs_tools import deg_pair, overlap

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gjax.maps.wcs_geom import WcsGeom

__all__ = ["cutout_box", "margin", "overlap_slices", "whole_factor"]

MODES = ("trim", "partial", "strict")


def cutout_box(
    geom: WcsGeom, position: SkyCoord, width: Any, mode: str, odd_npix: bool, min_npix: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """First pixel and number of pixels (x, y) of a cutout; see `WcsGeom.cutout`.

    Parameters
    ----------
    geom, position, width, mode, odd_npix, min_npix
        See `WcsGeom.cutout`.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> geom = WcsGeom.create(npix=10, binsz=0.1)
    >>> cutout_box(geom, geom.center_skydir, 0.4, "trim", False, 1)
    ((3, 3), (4, 4))
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, expected 'trim', 'partial' or 'strict'")
    sizes = np.maximum(np.array(deg_pair(width, "width")) / geom.pixel_scales.value, min_npix)
    if odd_npix:
        sizes = np.ceil(np.round(sizes, 6)) // 2 * 2 + 1
    npix = np.maximum(np.round(sizes).astype(int), 1)
    pix = np.array([float(np.squeeze(p)) for p in geom.to_image().coord_to_pix(position)])
    where = f"a cutout of {npix[0]} x {npix[1]} pixels at {position.to_string('hmsdms')}"
    if not np.all(np.isfinite(pix)):
        raise ValueError(f"{where} lies outside the projection")
    start = np.ceil(pix - npix / 2.0).astype(int)
    stop = start + npix
    if np.any(stop <= 0) or np.any(start >= geom.npix):
        raise ValueError(f"{where} does not overlap with the map around {geom.center_skydir.to_string('hmsdms')}")
    if mode == "strict" and (np.any(start < 0) or np.any(stop > geom.npix)):
        raise ValueError(f"{where} sticks out of the map")
    if mode == "trim":
        start, stop = np.maximum(start, 0), np.minimum(stop, geom.npix)
    size = stop - start
    return (int(start[0]), int(start[1])), (int(size[0]), int(size[1]))


def margin(geom: WcsGeom, width: Any) -> tuple[int, int]:
    """Whole pixels (x, y) of a margin.

    Parameters
    ----------
    geom
        Geometry that gives the pixel size.
    width
        Pixels, or an angle, or (lon, lat).

    Raises
    ------
    ValueError
        If it is negative.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> margin(WcsGeom.create(npix=10, binsz=0.1), "0.2 deg")
    (2, 2)
    """
    width = u.Quantity(width) if isinstance(width, str) else width
    if isinstance(width, u.Quantity) and width.unit.is_equivalent("deg"):
        width = np.broadcast_to(width.to_value("deg"), 2) / geom.pixel_scales.value
    pair = np.rint(np.broadcast_to(np.asarray(width, dtype=float), 2)).astype(int)
    if np.any(pair < 0):
        raise ValueError(f"a margin cannot be negative, got {width}")
    return int(pair[0]), int(pair[1])


def overlap_slices(geom: WcsGeom, other: WcsGeom) -> tuple[Any, Any]:
    """Slices (lat, lon) of two images where they overlap; see `WcsGeom.overlap_slices`.

    Parameters
    ----------
    geom, other
        Images on the same pixels.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> geom = WcsGeom.create(npix=10, binsz=0.1)
    >>> overlap_slices(geom, geom.crop(2))[0]
    (slice(2, 8, None), slice(2, 8, None))
    """
    if not geom.is_same_projection(other):
        raise ValueError(f"the pixels of {other!r} do not coincide with those of {geom!r}")
    start = np.rint(geom.wcs.wcs.crpix - other.wcs.wcs.crpix).astype(int)
    return overlap(geom.npix[::-1], other.npix[::-1], (int(start[1]), int(start[0])))


def whole_factor(factor: Any) -> int:
    """Factor as a whole number.

    Raises
    ------
    ValueError
        If it is not one of 1, 2, 3 ...

    Examples
    --------
    >>> whole_factor(2.0)
    2
    """
    if int(factor) != factor or factor < 1:
        raise ValueError(f"expected a whole factor of at least 1, got {factor}")
    return int(factor)

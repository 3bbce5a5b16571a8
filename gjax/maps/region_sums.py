"""Spectra of regions from images and cubes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.coordinates import SkyCoord

from gjax.maps.nd_map import Map
from gjax.maps.region_geom import RegionGeom
from gjax.maps.region_map import RegionNDMap

if TYPE_CHECKING:
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["cutout_and_mask_region", "mask_contains_region", "to_region_nd_map"]


def cutout_and_mask_region(wcs_map: WcsNDMap, region: Any = None) -> tuple[WcsNDMap, WcsNDMap]:
    """Part of a map around a region, and the mask of the region on it; see `WcsNDMap.cutout_and_mask_region`.

    Parameters
    ----------
    wcs_map, region
        See `WcsNDMap.cutout_and_mask_region`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> part, mask = cutout_and_mask_region(Map.create(npix=9, binsz=1), "icrs;circle(0, 0, 1.2)")
    >>> part.data.shape, int(mask.data.sum())
    ((3, 3), 5)
    """
    from gjax.maps.wcs_map import WcsNDMap
    from gjax.maps.wcs_masks import region_image

    geom = wcs_map.geom.to_image()
    image = np.ones(geom.data_shape, dtype=bool) if region is None else region_image(geom, region)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    if rows.size == 0:
        # Nothing inside: one pixel that is not selected.
        rows = columns = np.array([0])
    start = (int(columns[0]), int(rows[0]))
    npix = (int(columns[-1]) - start[0] + 1, int(rows[-1]) - start[1] + 1)
    part = geom._part(start, npix)
    here = (slice(start[1], start[1] + npix[1]), slice(start[0], start[0] + npix[0]))
    cutout = wcs_map.copy(geom=part.to_cube(wcs_map.geom.axes), data=wcs_map.data[(..., *here)].copy())
    return cutout, WcsNDMap(part, image[here].copy())


def to_region_nd_map(
    wcs_map: WcsNDMap,
    region: Any = None,
    func: Callable[..., Any] = np.nansum,
    weights: Any = None,
    method: str = "nearest",
) -> RegionNDMap:
    """One value per bin of the axes from the pixels in a region; see `WcsNDMap.to_region_nd_map`.

    Parameters
    ----------
    wcs_map, region, func, weights, method
        See `WcsNDMap.to_region_nd_map`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> to_region_nd_map(Map.create(npix=9, binsz=1) + 2, "icrs;circle(0, 0, 1.2)").data.ravel()
    array([10.])
    """
    geom = wcs_map.geom
    if region is None:
        region = geom.footprint_rectangle_sky_region
        cutout, mask = cutout_and_mask_region(wcs_map)
    region_geom = RegionGeom.create(region, axes=geom.axes, wcs=geom.wcs)
    if weights is not None and isinstance(weights, Map) and not geom.is_same_sky(weights.geom):
        raise ValueError(f"the weights lie on other pixels than the map: {weights.geom!r} and {geom!r}")
    if region_geom.is_all_point_sky_regions:
        return _at_point(wcs_map, region_geom, weights, method)
    if weights is not None:
        # Values without weight do not enter, be they NaN.
        factor = np.broadcast_to(np.asarray(weights.data if isinstance(weights, Map) else weights), geom.data_shape)
        selected = factor if factor.dtype == bool else None
        weighted = wcs_map if selected is not None else wcs_map.copy(data=wcs_map.data * factor)
    else:
        selected, weighted = None, wcs_map
    cutout, mask = cutout_and_mask_region(weighted, None if region_geom.region is None else region_geom.region)
    parent, _ = geom.overlap_slices(cutout.geom)
    inside = mask.data
    shape = cutout.data.shape[:-2]
    data = np.empty(shape, dtype=bool if wcs_map.is_bool else float)
    chosen = None if selected is None else selected[(..., *parent)]
    for index in np.ndindex(shape):
        pixels = inside if chosen is None else inside & chosen[index]
        data[index] = func(cutout.data[index][pixels]) if pixels.any() else _empty(func, wcs_map.is_bool)
    return RegionNDMap(region_geom, data[..., np.newaxis, np.newaxis], unit=wcs_map.unit, meta=wcs_map.meta)


def _empty(func: Callable[..., Any], is_bool: bool) -> Any:
    # Sums of nothing are zero, means of nothing are not a number (without the warnings of numpy).
    if is_bool:
        return False
    return 0.0 if func in (np.sum, np.nansum) else np.nan


def _at_point(wcs_map: WcsNDMap, geom: RegionGeom, weights: Any, method: str) -> RegionNDMap:
    coords: dict[str, Any] = {**geom.get_coord()}
    position = geom.center_skydir
    coords["skycoord"] = SkyCoord(position.spherical.lon, position.spherical.lat, frame=position.frame.name).reshape(
        (1,) * (len(geom.axes) + 2)
    )
    data = wcs_map.interp_by_coord(coords, method=method)
    if weights is not None:
        data = data * Map.from_geom(wcs_map.geom, data=np.asarray(weights.data)).interp_by_coord(coords, method=method)
    data = np.broadcast_to(data, geom.data_shape)
    return RegionNDMap(geom, data.astype(wcs_map.data.dtype), unit=wcs_map.unit, meta=wcs_map.meta)


def mask_contains_region(mask: WcsNDMap, region: Any) -> bool:
    """Whether a pixel of a mask lies in a region; see `WcsNDMap.mask_contains_region`.

    Parameters
    ----------
    mask, region
        See `WcsNDMap.mask_contains_region`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> mask = Map.create(npix=9, binsz=1).geom.region_mask("icrs;circle(0, 0, 1.2)")
    >>> mask_contains_region(mask, "icrs;circle(3, 3, 1.2)"), mask_contains_region(mask, "icrs;circle(2, 0, 1.2)")
    (False, True)
    """
    from regions import PixelRegion, PointPixelRegion, PointSkyRegion

    from gjax.maps.wcs_masks import region_image

    if not mask.is_bool or not mask.geom.is_image:
        raise ValueError("a mask (a map of bool) without axes is expected")
    if isinstance(region, SkyCoord):
        region = PointSkyRegion(region)
    if isinstance(region, PointSkyRegion):
        region = region.to_pixel(mask.geom.wcs)
    if isinstance(region, PixelRegion) and isinstance(region, PointPixelRegion):
        return bool(np.any(mask.get_by_pix((np.atleast_1d(region.center.x), np.atleast_1d(region.center.y)))))
    return bool(np.any(mask.data & region_image(mask.geom, region)))

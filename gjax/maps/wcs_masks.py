"""Masks on images: regions, energies, boundaries, erosion and dilation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from gjax.maps.axis_tools import energy_selection
from gjax.maps.region_tools import region_parts
from gjax.maps.wcs_parts import margin

if TYPE_CHECKING:
    from gjax.maps.wcs_geom import WcsGeom
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["binary_structure", "boundary_mask", "energy_mask", "morphology", "region_image", "region_mask"]


def region_image(geom: WcsGeom, regions: Any) -> np.ndarray:
    """Bool image of the pixels whose centre lies in regions; a point takes the (up to four) pixels around it.

    Parameters
    ----------
    geom
        Geometry of the image.
    regions
        Sky or pixel region, SkyCoord, DS9 string, or list of them.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> int(region_image(WcsGeom.create(npix=21, binsz=0.1), "icrs;circle(0, 0, 0.25)").sum())
    21
    """
    from regions import PixelRegion, PointPixelRegion

    from gjax.maps.region_tools import make_region

    items = regions if isinstance(regions, list | tuple) or type(regions).__name__ == "Regions" else [regions]
    image = np.zeros((geom.npix[1], geom.npix[0]), dtype=bool)
    for item in items:
        if isinstance(item, PixelRegion):
            pixel_regions = [item]
        else:
            region = make_region(item)
            pixel_regions = [] if region is None else [part.to_pixel(geom.wcs) for part in region_parts(region)]
        for region in pixel_regions:
            if isinstance(region, PointPixelRegion):
                _mark_point(image, region.center.x, region.center.y)
            else:
                _mark_region(image, region)
    return image


def _mark_point(image: np.ndarray, x: float, y: float) -> None:
    ny, nx = image.shape
    for i in {int(np.floor(x)), int(np.ceil(x))}:
        for j in {int(np.floor(y)), int(np.ceil(y))}:
            if 0 <= i < nx and 0 <= j < ny:
                image[j, i] = True


def _mark_region(image: np.ndarray, region: Any) -> None:
    from regions import PixCoord

    ny, nx = image.shape
    try:
        box = region.bounding_box
        x0, x1, y0, y1 = max(box.ixmin, 0), min(box.ixmax, nx), max(box.iymin, 0), min(box.iymax, ny)
    except (NotImplementedError, AttributeError, ValueError):
        # A compound region may have no box: look at all pixels.
        x0, x1, y0, y1 = 0, nx, 0, ny
    if getattr(region, "operator", None) is not None:
        x0, x1, y0, y1 = 0, nx, 0, ny
    if x1 > x0 and y1 > y0:
        x, y = np.meshgrid(np.arange(x0, x1, dtype=float), np.arange(y0, y1, dtype=float))
        image[y0:y1, x0:x1] |= np.asarray(region.contains(PixCoord(x, y)), dtype=bool)


def region_mask(geom: WcsGeom, regions: Any, inside: bool = True) -> WcsNDMap:
    """Mask of regions; see `WcsGeom.region_mask`.

    Parameters
    ----------
    geom, regions, inside
        See `WcsGeom.region_mask`.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> int(region_mask(WcsGeom.create(npix=21, binsz=0.1), "icrs;circle(0, 0, 0.25)", inside=False).data.sum())
    420
    """
    from gjax.maps.wcs_map import WcsNDMap

    image = region_image(geom, regions)
    return WcsNDMap(geom, np.broadcast_to(image if inside else ~image, geom.data_shape).copy())


def energy_mask(geom: WcsGeom, energy_min: Any = None, energy_max: Any = None, round_to_edge: bool = False) -> WcsNDMap:
    """Mask of energies; see `WcsGeom.energy_mask`.

    Parameters
    ----------
    geom, energy_min, energy_max, round_to_edge
        See `WcsGeom.energy_mask`.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2)
    >>> energy_mask(WcsGeom.create(npix=1, axes=[axis]), energy_min="5 TeV").data.ravel()
    array([False,  True])
    """
    from gjax.maps.wcs_map import WcsNDMap

    index, selected = energy_selection(geom.axes, energy_min, energy_max, round_to_edge)
    return WcsNDMap(geom, np.broadcast_to(selected.reshape((-1,) + (1,) * (index + 2)), geom.data_shape).copy())


def boundary_mask(geom: WcsGeom, width: Any) -> WcsNDMap:
    """Mask that leaves out the edges of the image; see `WcsGeom.boundary_mask`.

    Parameters
    ----------
    geom, width
        See `WcsGeom.boundary_mask`.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> int(boundary_mask(WcsGeom.create(npix=10), 2).data.sum())
    36
    """
    from gjax.maps.wcs_map import WcsNDMap

    x, y = margin(geom, width)
    data = np.zeros(geom.data_shape, dtype=bool)
    data[..., y : geom.npix[1] - y, x : geom.npix[0] - x] = True
    return WcsNDMap(geom, data)


def binary_structure(geom: WcsGeom, width: Any, kernel: str = "disk") -> np.ndarray:
    """Bool image of a disk (of that radius) or box (of that side length).

    Parameters
    ----------
    geom
        Geometry that gives the pixel size.
    width
        Pixels, or an angle; rounded up to an odd number.
    kernel
        "disk" or "box".

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> binary_structure(WcsGeom.create(npix=10), 1).astype(int)
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]])
    """
    width = u.Quantity(width)
    values = width.to_value("deg") / geom.pixel_scales.value if width.unit.is_equivalent("deg") else width.value
    pair = (np.ceil(np.round(np.broadcast_to(values, 2), 6)) // 2 * 2 + 1).astype(int)
    if kernel == "box":
        return np.ones((pair[1], pair[0]), dtype=bool)
    if kernel == "disk":
        radius = pair[0]
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        return x**2 + y**2 <= radius**2
    raise ValueError(f"kernel is {kernel!r}, expected 'disk' or 'box'")


def morphology(mask: WcsNDMap, width: Any, kernel: str, erode: bool) -> WcsNDMap:
    """Erosion or dilation of every image of a mask; what lies outside the map counts as False.

    Parameters
    ----------
    mask
        Mask.
    width, kernel
        See `binary_structure`.
    erode
        True for erosion, False for dilation.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> mask = Map.create(npix=5, binsz=1).geom.region_mask("icrs;circle(0, 0, 0.5)")
    >>> int(morphology(mask, 1, "disk", erode=False).data.sum())
    5
    """
    from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

    if not mask.is_bool:
        raise ValueError("erosion and dilation need a mask (a map of bool)")
    structure = binary_structure(mask.geom, width, kernel)
    data = np.empty_like(mask.data)
    radius = structure.shape[0] // 2
    for index in np.ndindex(mask.data.shape[:-2]):
        image = mask.data[index]
        if kernel == "box":
            function = minimum_filter if erode else maximum_filter
            data[index] = function(image, size=structure.shape, mode="constant", cval=0)
        elif erode:
            # Distances cost the same for every radius, unlike a structure that is moved over the image.
            data[index] = distance_transform_edt(np.pad(image, 1))[1:-1, 1:-1] > radius
        else:
            data[index] = distance_transform_edt(~image) <= radius if image.any() else False
    return mask.copy(data=data)

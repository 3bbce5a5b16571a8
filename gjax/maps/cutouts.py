"""Cutouts of several maps at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gjax.maps.wcs_map import WcsNDMap

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gjax.maps.wcs_geom import WcsGeom

__all__ = ["cutouts"]


def cutouts(maps: Iterable[Any], position: SkyCoord, width: Any, mode: str = "trim") -> list[Any]:
    """Return the parts of maps around a position; the image is cut once for all maps that lie on it.

    Parameters
    ----------
    maps
        Maps.
    position, width, mode
        See `gjax.maps.WcsNDMap.cutout`.

    Examples
    --------
    >>> from gjax.maps import MapAxis
    >>> image = WcsNDMap.create(npix=10, binsz=0.1)
    >>> cube = WcsNDMap(image.geom.to_cube([MapAxis([0, 1, 2], name="energy")]))
    >>> [part.data.shape for part in cutouts([image, cube], image.geom.center_skydir, 0.4)]
    [(4, 4), (2, 4, 4)]
    """
    images: dict[Any, WcsGeom] = {}
    parts = []
    for one in list(maps):  # which keeps them, so that no two have one id
        if not isinstance(one, WcsNDMap):
            parts.append(one.cutout(position=position, width=width, mode=mode))
            continue
        key = id(one.geom.wcs), one.geom.npix
        if key not in images:
            images[key] = one.geom.to_image().cutout(position, width, mode)
        parts.append(one.part_on(images[key]))
    return parts

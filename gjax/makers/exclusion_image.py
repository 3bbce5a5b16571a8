"""Exclusion of sky on the pixels of a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from gjax.irf.fov import sky_coordinates
from gjax.irf.positions import aligned_slices
from gjax.makers.exclusion import ExclusionMask, read_exclusion
from gjax.maps import Map

__all__ = ["kept_pixels", "settle_exclusion"]


def settle_exclusion(exclusion: Any) -> Any:
    """Turn whatever a user gives for an exclusion mask into a map, or an object with ``contains(SkyCoord)``.

    Parameters
    ----------
    exclusion
        A bool map that is False where data are excluded; or anything that `gjax.makers.exclusion.read_exclusion`
        takes: regions, a DS9 string, a file.

    Raises
    ------
    ValueError
        If a map holds anything but 0 and 1.
    """
    if not isinstance(exclusion, Map):
        return read_exclusion(exclusion)
    if exclusion.data.dtype != bool and not np.isin(exclusion.data, (0, 1)).all():
        raise ValueError("exclusion_mask: a mask holds only 0 (excluded) and 1, got other values")
    return exclusion


def kept_pixels(exclusion: Any, geom: Any) -> np.ndarray:
    """Pixels of a geometry that are not excluded, as a bool array that broadcasts to its shape.

    Pixels of a mask on the same grid are taken as they are; otherwise the centre of each pixel decides. Sky outside of
    a mask is not excluded.

    Parameters
    ----------
    exclusion
        What `settle_exclusion` returned.
    geom
        Geometry of the counts.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> geom = WcsGeom.create(skydir=(83.63, 22.01), binsz=0.5, npix=(3, 3), proj="TAN")
    >>> kept_pixels(settle_exclusion("icrs;circle(83.63, 22.01, 0.3)"), geom).astype(int)
    array([[1, 1, 1],
           [1, 0, 1],
           [1, 1, 1]])
    """
    shape = geom.data_shape[-2:]
    if exclusion is None:
        return np.ones(shape, dtype=bool)
    if isinstance(exclusion, Map):
        mask = np.asarray(exclusion.data, dtype=bool)
        mask = mask.reshape(-1, *mask.shape[-2:])
        if mask.shape[0] not in (1, geom.data_shape[0]) or (mask.shape[0] > 1 and len(geom.axes) == 0):
            raise ValueError(
                f"exclusion_mask has {mask.shape[0]} energy bins, expected 1 or those of the dataset: {geom.data_shape}"
            )
        mask = mask[0] if mask.shape[0] == 1 else mask
        keep = np.ones((*mask.shape[:-2], *shape), dtype=bool)
        try:
            ours, theirs = aligned_slices(geom, exclusion.geom)
        except ValueError:
            if mask.ndim > 2:
                raise ValueError("an exclusion mask with energies must be on the pixels of the dataset") from None
            exclusion = ExclusionMask(mask, exclusion.geom.wcs)
        else:
            keep[ours] = mask[theirs]
            return keep
    lon, lat = sky_coordinates(geom)
    good = np.isfinite(lon)
    position = SkyCoord(np.where(good, lon, 0.0), np.where(good, lat, 0.0), unit="deg", frame=geom.frame)
    return ~np.asarray(exclusion.contains(position)) & good

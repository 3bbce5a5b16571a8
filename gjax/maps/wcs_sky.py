"""Coordinates and areas of the pixels of an image in a WCS projection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame

from gjax.maps.wcs_tools import pixel_solid_angles, unit_vectors

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["WcsSky"]


class WcsSky:
    """Coordinates and areas of pixels (read-only), found when asked for; geometries with other axes share them.

    A part of an image takes them from the whole if that has them, or if the part is most of it: runs on one target are
    parts of one image, whose coordinates are found once.

    Parameters
    ----------
    wcs, npix
        Projection and number of pixels (x, y).
    whole, start
        Image of which this is a part, and its pixel (x, y) that is the first one here.

    Examples
    --------
    >>> from gjax.maps.wcs_tools import make_wcs
    >>> sky = WcsSky(make_wcs((4, 3), (0.1, 0.1), "TAN", "icrs", (0.0, 0.0)), (4, 3))
    >>> sky.lonlat[1][:, 0].round(6)
    array([-0.1,  0. ,  0.1])
    """

    def __init__(
        self, wcs: WCS, npix: tuple[int, int], whole: WcsSky | None = None, start: tuple[int, int] = (0, 0)
    ) -> None:
        self.wcs, self.npix, self.whole = wcs, npix, whole
        self.here = slice(start[1], start[1] + npix[1]), slice(start[0], start[0] + npix[0])

    def __reduce__(self) -> Any:
        return WcsSky, (self.wcs, self.npix)

    def part(self, wcs: WCS, start: tuple[int, int], npix: tuple[int, int]) -> WcsSky:
        """Pixels of a part of the image, or of a larger one."""
        is_inside = min(start) >= 0 and all(s + n <= total for s, n, total in zip(start, npix, self.npix))
        sky = WcsSky(wcs, npix, self, start) if is_inside else WcsSky(wcs, npix)
        if "frame" in self.__dict__:
            sky.__dict__["frame"] = self.frame
        return sky

    def _of_whole(self, name: str) -> Any:
        """What the whole image has under a name, or None if it is less work to find it here."""
        whole = self.whole
        if whole is None or (name not in whole.__dict__ and 2 * np.prod(self.npix) < np.prod(whole.npix)):
            return None
        return getattr(whole, name)

    @cached_property
    def frame(self) -> Any:
        """Frame of the coordinates."""
        return wcs_to_celestial_frame(self.wcs)

    @cached_property
    def center(self) -> SkyCoord:
        """Position of the centre."""
        lon, lat = self.wcs.wcs_pix2world(*((np.array(self.npix) - 1.0) / 2), 0)
        return SkyCoord(float(lon), float(lat), unit="deg", frame=self.frame)

    def world(self, edges: tuple[bool, bool]) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of the centres, or along x and y of the edges, of all pixels [deg]."""
        x, y = np.meshgrid(*(np.arange(n + e) - 0.5 * e for n, e in zip(self.npix, edges)))
        lon, lat = (values.reshape(x.shape) for values in self.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0))
        lon.setflags(write=False)
        lat.setflags(write=False)
        return lon, lat

    @cached_property
    def lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of the centres [deg]."""
        found = self._of_whole("lonlat")
        return self.world((False, False)) if found is None else (found[0][self.here], found[1][self.here])

    @cached_property
    def edges_lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of the corners [deg]."""
        return self.world((True, True))

    @cached_property
    def directions(self) -> np.ndarray:
        """Unit vectors towards the centres (3, lat, lon)."""
        found = self._of_whole("directions")
        if found is not None:
            return found[(slice(None), *self.here)]
        vectors = unit_vectors(*self.lonlat)
        vectors.setflags(write=False)
        return vectors

    @cached_property
    def solid_angle(self) -> u.Quantity:
        """Solid angles; see `pixel_solid_angles`."""
        found = self._of_whole("solid_angle")
        if found is not None:
            return found[self.here]
        values = pixel_solid_angles(*self.edges_lonlat)
        values.setflags(write=False)
        return u.Quantity(values, "sr", copy=False)

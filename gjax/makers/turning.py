"""A region in a tangent plane that turns around the pointing position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy.coordinates import Angle, SkyCoord
from astropy.wcs import WCS
from regions import CirclePixelRegion, CircleSkyRegion, PixCoord, PixelRegion, PointPixelRegion, SkyRegion

__all__ = ["TurningRegion", "rotate", "to_pixel"]


def rotate(x: Any, y: Any, angle: Any) -> tuple[Any, Any]:
    """Turn counter-clockwise around the origin by an angle [rad].

    Examples
    --------
    >>> x, y = rotate(1.0, 0.0, np.pi / 2)
    >>> f"{x:.1f} {y:.1f}"
    '0.0 1.0'
    """
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


@dataclass(frozen=True, eq=False)
class TurningRegion:
    """A region on a grid of pixels, with the pointing position as pivot.

    Positions are in pixels, relative to the pivot.

    Parameters
    ----------
    region
        The region in pixel coordinates.
    wcs
        Tangential projection around the pivot.
    frame
        Coordinate frame of the projection.
    """

    region: PixelRegion
    wcs: WCS
    frame: str

    @cached_property
    def pivot(self) -> PixCoord:
        """Pixel position of the pointing."""
        return PixCoord(*(self.wcs.wcs.crpix - 1))

    @property
    def is_point(self) -> bool:
        """Whether the region is a point."""
        return isinstance(self.region, PointPixelRegion)

    @cached_property
    def center(self) -> tuple[float, float]:
        """Centre of the region, or of its bounding box where it has none."""
        if hasattr(self.region, "center"):
            x, y = self.region.center.x, self.region.center.y
        else:
            y, x = self.region.bounding_box.center
        return float(x - self.pivot.x), float(y - self.pivot.y)

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Limits on the distance from the pivot of anything inside the region."""
        distance = float(np.hypot(*self.center))
        if self.is_point:
            return max(0.0, distance - 1), distance + 1
        if isinstance(self.region, CirclePixelRegion):
            return max(0.0, distance - self.region.radius), distance + self.region.radius
        box = self.region.bounding_box
        left, right = box.ixmin - 1 - self.pivot.x, box.ixmax + 1 - self.pivot.x
        bottom, top = box.iymin - 1 - self.pivot.y, box.iymax + 1 - self.pivot.y
        near = np.hypot(max(left, -right, 0.0), max(bottom, -top, 0.0))
        return float(near), float(np.hypot(max(-left, right), max(-bottom, top)))

    def contains_pivot(self) -> bool:
        """Whether the pointing position lies inside the region."""
        return bool(self.region.contains(self.pivot))

    def contains(self, x: np.ndarray, y: np.ndarray, angle: float) -> np.ndarray:
        """Whether positions lie in the region turned by an angle [rad], or, for a point, less than a pixel from it."""
        if not x.size:
            return np.zeros(0, dtype=bool)
        if isinstance(self.region, CirclePixelRegion) or self.is_point:
            dx, dy = rotate(*self.center, angle)
            return np.hypot(x - dx, y - dy) < (1 if self.is_point else self.region.radius)
        back_x, back_y = rotate(x, y, -angle)
        return np.asarray(self.region.contains(PixCoord(back_x + self.pivot.x, back_y + self.pivot.y)))

    def positions(self, coords: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
        """Positions of coordinates in the plane; NaN on the other half of the sky."""
        coords = (coords if coords.frame.name == self.frame else coords.transform_to(self.frame)).spherical
        x, y = self.wcs.wcs_world2pix(coords.lon.deg, coords.lat.deg, 0)
        return x - self.pivot.x, y - self.pivot.y

    def coordinates(self, x: np.ndarray, y: np.ndarray) -> SkyCoord:
        """Coordinates of positions in the plane."""
        lon, lat = self.wcs.wcs_pix2world(x + self.pivot.x, y + self.pivot.y, 0)
        return SkyCoord(lon, lat, unit="deg", frame=self.frame)

    def centers(self, angles: np.ndarray) -> SkyCoord:
        """Coordinates of the centre turned by angles [rad]."""
        return self.coordinates(*rotate(*self.center, angles))

    def to_sky(self, angles: np.ndarray) -> list[SkyRegion]:
        """The region turned by angles [rad], on the sky."""
        if isinstance(self.region, CirclePixelRegion):
            centers = self.centers(angles)
            radii = Angle(self.region.radius * _north_scale(centers, self.wcs), "deg")
            return [CircleSkyRegion(center, radius) for center, radius in zip(centers, radii, strict=True)]
        return [self.region.rotate(self.pivot, Angle(a, "rad")).to_sky(self.wcs) for a in angles]


def to_pixel(region: SkyRegion, wcs: WCS, frame: str) -> PixelRegion:
    """Region in the pixel coordinates of a projection.

    The radius of a circle is measured to the north of its centre, whatever the installed version of regions does: in
    a tangential projection that choice changes the radius by parts in 10 000, and now and then a count.

    Parameters
    ----------
    region
        Sky region.
    wcs, frame
        Projection and its coordinate frame.
    """
    if not isinstance(region, CircleSkyRegion):
        return region.to_pixel(wcs)
    center = region.center.transform_to(frame)
    position = wcs.wcs_world2pix(center.spherical.lon.deg, center.spherical.lat.deg, 0)
    radius = region.radius.to_value("deg") / float(_north_scale(center, wcs))
    return CirclePixelRegion(PixCoord(*(float(c) for c in position)), radius)


def _north_scale(coords: SkyCoord, wcs: WCS) -> np.ndarray:
    """Size of a pixel [deg] along the meridian through each coordinate, over a distance of one arcsec."""
    lon, lat, step = coords.spherical.lon.deg, coords.spherical.lat.deg, 1 / 3600
    here = np.stack(wcs.wcs_world2pix(lon, lat, 0))
    there = np.stack(wcs.wcs_world2pix(lon, lat + step, 0))
    return step / np.hypot(*(there - here))

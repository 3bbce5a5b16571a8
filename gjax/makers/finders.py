"""Placing OFF regions: copies of the ON region turned around the pointing position.

The search happens on a pixel grid in the tangent plane of the pointing position, as in the reference analysis
(Berge et al. 2007, A&A 466, 1219, section 4.3), so that a region counts as excluded when the centre of an excluded
pixel lies inside it. Pixels are turned instead of regions, and only those that the region can reach are looked at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, SkyCoord
from astropy.wcs import WCS
from regions import CirclePixelRegion, CircleSkyRegion, PixCoord, PixelRegion, PointSkyRegion, SkyRegion

from gjax.makers.exclusion import read_exclusion
from gjax.maps.region_tools import make_tan_wcs, region_center

__all__ = ["OffRegions", "ReflectedRegionsFinder", "WobbleRegionsFinder"]

log = logging.getLogger(__name__)

FULL_CIRCLE = 2 * np.pi


@dataclass(frozen=True, eq=False)
class OffRegions:
    """The ON region turned by several angles around the pointing position.

    Parameters
    ----------
    region_pix
        The ON region in pixel coordinates.
    wcs
        Tangential projection at the pointing position.
    frame
        Coordinate frame of the projection.
    angles
        Rotation angles, counter-clockwise on the grid [rad], in the order found.
    reason
        Why there are no regions; empty otherwise.
    """

    region_pix: PixelRegion
    wcs: WCS
    frame: str
    angles: np.ndarray
    reason: str = ""

    def __len__(self) -> int:
        return len(self.angles)

    def none(self, reason: str) -> OffRegions:
        """Return the same without any region, for a reason."""
        return OffRegions(self.region_pix, self.wcs, self.frame, np.empty(0), reason)

    @property
    def pivot(self) -> PixCoord:
        """Pixel position of the pointing."""
        return PixCoord(*(self.wcs.wcs.crpix - 1))

    @cached_property
    def centers(self) -> SkyCoord:
        """Centres of the turned regions."""
        center = PixCoord(*_center_pix(self.region_pix))
        x, y = _rotate(center.x - self.pivot.x, center.y - self.pivot.y, self.angles)
        lon, lat = self.wcs.wcs_pix2world(x + self.pivot.x, y + self.pivot.y, 0)
        return SkyCoord(lon, lat, unit="deg", frame=self.frame)

    @cached_property
    def regions(self) -> list[SkyRegion]:
        """The turned regions on the sky."""
        if isinstance(self.region_pix, CirclePixelRegion):
            centers = self.centers
            radii = Angle(self.region_pix.radius * _north_scale(centers, self.wcs), "deg")
            return [CircleSkyRegion(center, radius) for center, radius in zip(centers, radii, strict=True)]
        return [self.region_pix.rotate(self.pivot, Angle(a, "rad")).to_sky(self.wcs) for a in self.angles]

    def contains(self, coords: SkyCoord) -> np.ndarray:
        """Return True where a coordinate lies in any of the turned regions.

        Parameters
        ----------
        coords
            One-dimensional coordinates.
        """
        inside = np.zeros(coords.shape, dtype=bool)
        if not len(self):
            return inside
        coords = coords if coords.frame.name == self.frame else coords.transform_to(self.frame)
        x, y = self.wcs.wcs_world2pix(coords.data.lon.deg, coords.data.lat.deg, 0)
        x, y = x - self.pivot.x, y - self.pivot.y
        low, high = _radial_range(self.region_pix, self.pivot)
        with np.errstate(invalid="ignore"):
            near = np.nonzero((np.hypot(x, y) <= high) & (np.hypot(x, y) >= low))[0]
        x, y = x[near], y[near]
        for angle in self.angles:
            inside[near] |= _turned_contains(self.region_pix, self.pivot, angle, x, y)
        return inside


class ReflectedRegionsFinder:
    """Place as many OFF regions as fit on the circle around the pointing position.

    Parameters
    ----------
    angle_increment
        Step by which a region is turned on after meeting excluded sky.
    min_distance
        Smallest angle, seen from the pointing position, between two regions.
    min_distance_input
        Smallest angle between the ON region and its neighbours.
    max_region_number
        Largest number of regions.
    binsz
        Size of the pixels on which excluded sky and the size of the region are judged.

    Raises
    ------
    ValueError
        If ``angle_increment`` or ``binsz`` is not positive or a distance negative.

    Examples
    --------
    >>> finder = ReflectedRegionsFinder(max_region_number=5)
    >>> on = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), 0.11 * u.deg)
    >>> regions, wcs = finder.run(region=on, center=SkyCoord(83.63, 22.51, unit="deg"))
    >>> len(regions), f"{regions[0].center.ra.deg:.3f}"
    (5, '83.355')
    """

    tag = "ReflectedRegionsFinder"

    def __init__(
        self,
        angle_increment: str | u.Quantity = "0.1 rad",
        min_distance: str | u.Quantity = "0 rad",
        min_distance_input: str | u.Quantity = "0.1 rad",
        max_region_number: int = 10000,
        binsz: str | u.Quantity = "0.01 deg",
    ):
        self.angle_increment = Angle(angle_increment)
        self.min_distance = Angle(min_distance)
        self.min_distance_input = Angle(min_distance_input)
        self.max_region_number = max_region_number
        self.binsz = Angle(binsz)
        for name in ("angle_increment", "binsz"):
            if not getattr(self, name).rad > 0:
                raise ValueError(f"{name}: expected a positive angle, got {getattr(self, name)}")
        for name in ("min_distance", "min_distance_input"):
            if not getattr(self, name).rad >= 0:
                raise ValueError(f"{name}: expected an angle of zero or more, got {getattr(self, name)}")

    def __repr__(self) -> str:
        names = ("angle_increment", "min_distance", "min_distance_input", "max_region_number", "binsz")
        return f"{type(self).__name__}({', '.join(f'{n}={str(getattr(self, n))!r}' for n in names)})"

    def find(self, region: SkyRegion, center: SkyCoord, exclusion_mask: Any = None) -> OffRegions:
        """Find the OFF regions, without building sky regions.

        Parameters
        ----------
        region
            ON region: circle, ellipse, rectangle, annulus, polygon or a union of such.
        center
            Pointing position.
        exclusion_mask
            Sky not to use; see `gjax.makers.ReflectedRegionsBackgroundMaker`.

        Raises
        ------
        TypeError
            If the region is a point.
        ValueError
            If the region holds no pixel of the grid.
        """
        if isinstance(region, PointSkyRegion):
            raise TypeError("ReflectedRegionsFinder: a PointSkyRegion has no size; use WobbleRegionsFinder instead")
        plane = _Plane.create(region, center, self.binsz.deg)
        size = plane.angular_size()
        step = size + self.min_distance.rad
        if step <= 0:
            raise ValueError(f"the ON region spans one pixel only: choose a binsz smaller than {self.binsz}")
        angle, last = step + self.min_distance_input.rad, FULL_CIRCLE - step - self.min_distance_input.rad
        if plane.region_pix.contains(plane.pivot):
            return plane.off_regions([], "the pointing position lies inside the ON region")
        if angle >= last:
            return plane.off_regions([], f"the ON region spans {np.degrees(size):.0f} deg as seen from the pointing")
        x, y = plane.excluded(exclusion_mask)
        angles: list[float] = []
        while angle < last and len(angles) < self.max_region_number:
            if _turned_contains(plane.region_pix, plane.pivot, angle, x, y).any():
                angle += self.angle_increment.rad
            else:
                angles.append(angle)
                angle += step
        return plane.off_regions(angles, "" if angles else "every position around the pointing is excluded")

    def run(self, region: SkyRegion, center: SkyCoord, exclusion_mask: Any = None) -> tuple[list[SkyRegion], WCS]:
        """Find the OFF regions; arguments as for `find`. Returns sky regions and the projection used."""
        off = self.find(region, center, exclusion_mask)
        return off.regions, off.wcs


class WobbleRegionsFinder:
    """Place a fixed number of OFF regions at equal angles around the pointing position.

    Regions on excluded sky are dropped. If regions (the ON region among them) overlap, none is returned.

    Parameters
    ----------
    n_off_regions
        Number of regions.
    binsz
        Size of the pixels on which excluded sky and overlaps are judged.

    Raises
    ------
    ValueError
        If ``n_off_regions`` is less than one.

    Examples
    --------
    >>> on = PointSkyRegion(SkyCoord(83.63, 22.01, unit="deg"))
    >>> regions, wcs = WobbleRegionsFinder(n_off_regions=3).run(on, SkyCoord(83.63, 22.41, unit="deg"))
    >>> [f"{region.center.dec.deg:.2f}" for region in regions]
    ['22.41', '22.81', '22.41']
    """

    tag = "WobbleRegionsFinder"

    def __init__(self, n_off_regions: int, binsz: str | u.Quantity = "0.01 deg"):
        if n_off_regions < 1:
            raise ValueError(f"n_off_regions: expected 1 or more, got {n_off_regions}")
        self.n_off_regions = n_off_regions
        self.binsz = Angle(binsz)

    def __repr__(self) -> str:
        return f"WobbleRegionsFinder(n_off_regions={self.n_off_regions}, binsz={str(self.binsz)!r})"

    def find(self, region: SkyRegion, center: SkyCoord, exclusion_mask: Any = None) -> OffRegions:
        """Find the OFF regions, without building sky regions.

        Parameters
        ----------
        region
            ON region; a `regions.PointSkyRegion` for responses with their own radii.
        center
            Pointing position.
        exclusion_mask
            Sky not to use; see `gjax.makers.ReflectedRegionsBackgroundMaker`.
        """
        plane = _Plane.create(region, center, self.binsz.deg)
        x, y = plane.excluded(exclusion_mask)
        increment = FULL_CIRCLE / (self.n_off_regions + 1)
        point = isinstance(region, PointSkyRegion)
        angles = []
        for angle in increment * np.arange(1, self.n_off_regions + 1):
            if point:
                off = _rotate(
                    plane.region_pix.center.x - plane.pivot.x, plane.region_pix.center.y - plane.pivot.y, angle
                )
                excluded = (np.hypot(x - off[0], y - off[1]) < 1).any()
            else:
                excluded = _turned_contains(plane.region_pix, plane.pivot, angle, x, y).any()
            if not excluded:
                angles.append(angle)
        if not angles:
            return plane.off_regions([], "all positions are excluded")
        if not point and plane.overlap([0.0, *angles]):
            return plane.off_regions([], f"{self.n_off_regions} regions of this size overlap; ask for fewer")
        return plane.off_regions(angles)

    def run(self, region: SkyRegion, center: SkyCoord, exclusion_mask: Any = None) -> tuple[list[SkyRegion], WCS]:
        """Find the OFF regions; arguments as for `find`. Returns sky regions and the projection used."""
        off = self.find(region, center, exclusion_mask)
        return off.regions, off.wcs


@dataclass(frozen=True, eq=False)
class _Plane:
    """The pixel grid around one pointing position, with the ON region on it."""

    region_pix: PixelRegion
    wcs: WCS
    frame: str
    npix: int

    @classmethod
    def create(cls, region: SkyRegion, center: SkyCoord, binsz: float) -> _Plane:
        """Grid of four times the distance of the region, plus 0.3 deg, in the frame of the region."""
        middle = region_center(region)
        width = 4 * middle.separation(center).deg + 0.3
        if not hasattr(region, "center"):
            width *= 1.5
        npix = int(np.rint(width / binsz))
        frame = middle.frame.name
        wcs = make_tan_wcs(center.transform_to(frame), binsz, (npix - 0.5) * binsz)
        return cls(_to_pixel(region, wcs, frame), wcs, frame, npix)

    @property
    def pivot(self) -> PixCoord:
        return PixCoord(*(self.wcs.wcs.crpix - 1))

    def off_regions(self, angles: list[float], reason: str = "") -> OffRegions:
        return OffRegions(self.region_pix, self.wcs, self.frame, np.array(angles, dtype=float), reason)

    def region_pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels, relative to the pivot, whose centre is inside the ON region."""
        box = self.region_pix.bounding_box
        columns = np.arange(max(box.ixmin, 0), min(box.ixmax, self.npix), dtype=float)
        rows = np.arange(max(box.iymin, 0), min(box.iymax, self.npix), dtype=float)
        x, y = np.meshgrid(columns, rows)
        inside = self.region_pix.contains(PixCoord(x, y)) if x.size else np.zeros(x.shape, dtype=bool)
        if not inside.any():
            binsz = abs(self.wcs.wcs.cdelt[0])
            raise ValueError(
                f"the ON region holds no pixel of the search grid: choose a binsz smaller than {binsz} deg"
            )
        return x[inside] - self.pivot.x, y[inside] - self.pivot.y

    def angular_size(self) -> float:
        """Angle that the ON region spans as seen from the pointing [rad]."""
        x, y = self.region_pixels()
        angles = np.arctan2(-x, -y)
        size = np.ptp(angles)
        return float(size if size <= np.pi else np.ptp(np.where(angles >= 0, angles - FULL_CIRCLE, angles)))

    def ring(self) -> tuple[np.ndarray, np.ndarray]:
        """All pixels, relative to the pivot, that the ON region can reach when turned."""
        low, high = _radial_range(self.region_pix, self.pivot)
        x = np.arange(self.npix) - self.pivot.x
        y = np.arange(self.npix) - self.pivot.y
        squared = x**2 + y[:, None] ** 2
        rows, columns = np.nonzero((squared >= (low - 1) * abs(low - 1)) & (squared <= (high + 1) ** 2))
        return x[columns], y[rows]

    def excluded(self, exclusion_mask: Any) -> tuple[np.ndarray, np.ndarray]:
        """Excluded pixels, relative to the pivot, that the ON region can reach when turned."""
        exclusion = read_exclusion(exclusion_mask)
        if exclusion is None:
            return np.empty(0), np.empty(0)
        x, y = self.ring()
        lon, lat = self.wcs.wcs_pix2world(x + self.pivot.x, y + self.pivot.y, 0)
        hit = exclusion.contains(SkyCoord(lon, lat, unit="deg", frame=self.frame))
        return x[hit], y[hit]

    def overlap(self, angles: list[float]) -> bool:
        """Whether any pixel is inside two of the turned regions."""
        x, y = self.ring()
        depth = sum(_turned_contains(self.region_pix, self.pivot, a, x, y).astype(int) for a in angles)
        return bool(np.max(depth, initial=0) > 1)


def _to_pixel(region: SkyRegion, wcs: WCS, frame: str) -> PixelRegion:
    """Region on the grid; the radius of a circle is measured to the north, whatever the version of regions does."""
    if not isinstance(region, CircleSkyRegion):
        return region.to_pixel(wcs)
    center = region.center.transform_to(frame)
    position = wcs.wcs_world2pix(center.data.lon.deg, center.data.lat.deg, 0)
    radius = region.radius.to_value("deg") / float(_north_scale(center, wcs))
    return CirclePixelRegion(PixCoord(*(float(c) for c in position)), radius)


def _north_scale(coords: SkyCoord, wcs: WCS) -> np.ndarray:
    """Size of a pixel [deg] along the meridian through each coordinate, over a distance of one arcsec."""
    lon, lat, step = coords.data.lon.deg, coords.data.lat.deg, 1 / 3600
    here = np.stack(wcs.wcs_world2pix(lon, lat, 0))
    there = np.stack(wcs.wcs_world2pix(lon, lat + step, 0))
    return step / np.hypot(*(there - here))


def _rotate(x: Any, y: Any, angle: Any) -> tuple[Any, Any]:
    """Turn counter-clockwise around the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def _turned_contains(region: PixelRegion, pivot: PixCoord, angle: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Test positions relative to the pivot against a region turned by an angle (the positions are turned back)."""
    if not x.size:
        return np.zeros(0, dtype=bool)
    if isinstance(region, CirclePixelRegion):
        dx, dy = _rotate(region.center.x - pivot.x, region.center.y - pivot.y, angle)
        return np.hypot(x - dx, y - dy) < region.radius
    back = _rotate(x, y, -angle)
    return np.asarray(region.contains(PixCoord(back[0] + pivot.x, back[1] + pivot.y)))


def _center_pix(region: PixelRegion) -> tuple[float, float]:
    """Centre of a region, or of its bounding box where it has none."""
    if hasattr(region, "center"):
        return float(region.center.x), float(region.center.y)
    y, x = region.bounding_box.center
    return float(x), float(y)


def _radial_range(region: PixelRegion, pivot: PixCoord) -> tuple[float, float]:
    """Smallest and largest distance from the pivot that a region can have [pixel]."""
    if hasattr(region, "center") and hasattr(region, "radius"):
        distance = float(np.hypot(region.center.x - pivot.x, region.center.y - pivot.y))
        return max(0.0, distance - region.radius), distance + region.radius
    if not hasattr(region, "bounding_box"):
        distance = float(np.hypot(region.center.x - pivot.x, region.center.y - pivot.y))
        return max(0.0, distance - 1), distance + 1
    box = region.bounding_box
    left, right = box.ixmin - 1 - pivot.x, box.ixmax + 1 - pivot.x
    bottom, top = box.iymin - 1 - pivot.y, box.iymax + 1 - pivot.y
    near = np.hypot(max(left, -right, 0.0), max(bottom, -top, 0.0))
    return float(near), float(np.hypot(max(-left, right), max(-bottom, top)))

"""Placing OFF regions: copies of the ON region turned around the pointing position.

The search happens on a pixel grid in the tangent plane of the pointing position, as in the reference analysis
(Berge et al. 2007, A&A 466, 1219, section 4.3), so that a region counts as excluded when the centre of an excluded
pixel lies inside it. Pixels are turned instead of regions, and only those that the region can reach are looked at.
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, SkyCoord
from astropy.wcs import WCS
from regions import PointSkyRegion, SkyRegion

from gjax.makers.off_regions import FULL_CIRCLE, OffRegions, SearchPlane

__all__ = ["ReflectedRegionsFinder", "WobbleRegionsFinder"]


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
    >>> from regions import CircleSkyRegion
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
        plane = SearchPlane.create(region, center, self.binsz.deg)
        size = plane.angular_size()
        step = size + self.min_distance.rad
        if step <= 0:
            raise ValueError(f"the ON region spans one pixel only: choose a binsz smaller than {self.binsz}")
        angle, last = step + self.min_distance_input.rad, FULL_CIRCLE - step - self.min_distance_input.rad
        if plane.on.contains_pivot():
            return OffRegions(plane.on, np.empty(0), "the pointing position lies inside the ON region")
        if angle >= last:
            reason = f"the ON region spans {np.degrees(size):.0f} deg as seen from the pointing"
            return OffRegions(plane.on, np.empty(0), reason)
        x, y = plane.excluded(exclusion_mask)
        angles: list[float] = []
        while angle < last and len(angles) < self.max_region_number:
            if plane.on.contains(x, y, angle).any():
                angle += self.angle_increment.rad
            else:
                angles.append(angle)
                angle += step
        return OffRegions(plane.on, np.array(angles), "" if angles else "every position is on excluded sky")

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
        plane = SearchPlane.create(region, center, self.binsz.deg)
        x, y = plane.excluded(exclusion_mask)
        increment = FULL_CIRCLE / (self.n_off_regions + 1)
        positions = increment * np.arange(1, self.n_off_regions + 1)
        angles = [angle for angle in positions if not plane.on.contains(x, y, angle).any()]
        if not angles:
            return OffRegions(plane.on, np.empty(0), "every position is on excluded sky")
        if not plane.on.is_point and plane.overlap([0.0, *angles]):
            reason = f"{self.n_off_regions} regions of this size overlap; ask for fewer"
            return OffRegions(plane.on, np.empty(0), reason)
        return OffRegions(plane.on, np.array(angles))

    def run(self, region: SkyRegion, center: SkyCoord, exclusion_mask: Any = None) -> tuple[list[SkyRegion], WCS]:
        """Find the OFF regions; arguments as for `find`. Returns sky regions and the projection used."""
        off = self.find(region, center, exclusion_mask)
        return off.regions, off.wcs

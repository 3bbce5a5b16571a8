"""The pixel grid on which OFF regions are placed, and the regions found on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from regions import SkyRegion

from gjax.makers.exclusion import read_exclusion
from gjax.makers.turning import TurningRegion, to_pixel
from gjax.maps.region_tools import make_tan_wcs, region_center

__all__ = ["OffRegions", "SearchPlane"]

FULL_CIRCLE = 2 * np.pi


@dataclass(frozen=True, eq=False, repr=False)
class OffRegions:
    """The ON region turned by several angles around the pointing position.

    Parameters
    ----------
    on
        The ON region in the tangent plane.
    angles
        Rotation angles, counter-clockwise on the grid [rad], in the order found.
    reason
        Why there are no regions; empty otherwise.
    """

    on: TurningRegion
    angles: np.ndarray
    reason: str = ""

    def __len__(self) -> int:
        return len(self.angles)

    def __repr__(self) -> str:
        return f"OffRegions({len(self)} regions{', ' + self.reason if self.reason else ''})"

    @property
    def wcs(self) -> WCS:
        """Tangential projection at the pointing position."""
        return self.on.wcs

    @cached_property
    def centers(self) -> SkyCoord:
        """Centres of the regions."""
        return self.on.centers(self.angles)

    @cached_property
    def regions(self) -> list[SkyRegion]:
        """The regions on the sky."""
        return self.on.to_sky(self.angles)

    def contains(self, coords: SkyCoord) -> np.ndarray:
        """Return True where a coordinate lies in any of the regions.

        Parameters
        ----------
        coords
            One-dimensional coordinates.
        """
        inside = np.zeros(coords.shape, dtype=bool)
        x, y = self.on.positions(coords)
        low, high = self.on.reach
        with np.errstate(invalid="ignore"):
            distance = np.hypot(x, y)
            near = np.nonzero((distance <= high) & (distance >= low))[0]
        x, y = x[near], y[near]
        for angle in self.angles:
            inside[near] |= self.on.contains(x, y, angle)
        return inside


@dataclass(frozen=True, eq=False)
class SearchPlane:
    """The square grid of pixels around one pointing position, with the ON region on it.

    Parameters
    ----------
    on
        The ON region in the tangent plane.
    npix
        Number of pixels per side.
    """

    on: TurningRegion
    npix: int

    @classmethod
    def create(cls, region: SkyRegion, center: SkyCoord, binsz: float) -> SearchPlane:
        """Grid that holds the turned regions, in the frame of the region.

        It is four times the distance of the region wide, plus 0.3 deg, and half as much more for unions and polygons.

        Parameters
        ----------
        region
            ON region.
        center
            Pointing position.
        binsz
            Size of a pixel [deg].
        """
        middle = region_center(region)
        width = 4 * middle.separation(center).deg + 0.3
        if not hasattr(region, "center"):
            width *= 1.5
        npix = int(np.rint(width / binsz))
        frame = middle.frame.name
        wcs = make_tan_wcs(center.transform_to(frame), binsz, (npix - 0.5) * binsz)
        return cls(TurningRegion(to_pixel(region, wcs, frame), wcs, frame), npix)

    def angular_size(self) -> float:
        """Angle that the pixels inside the ON region span as seen from the pointing [rad].

        Raises
        ------
        ValueError
            If there is no such pixel.
        """
        box, pivot = self.on.region.bounding_box, self.on.pivot
        columns = np.arange(max(box.ixmin, 0), min(box.ixmax, self.npix), dtype=float)
        rows = np.arange(max(box.iymin, 0), min(box.iymax, self.npix), dtype=float)
        x, y = (grid.ravel() for grid in np.meshgrid(columns - pivot.x, rows - pivot.y))
        inside = self.on.contains(x, y, 0.0)
        if not inside.any():
            binsz = abs(self.on.wcs.wcs.cdelt[0])
            raise ValueError(f"the ON region holds no pixel of the search grid; choose a binsz below {binsz:g} deg")
        angles = np.arctan2(-x[inside], -y[inside])
        size = np.ptp(angles)
        return float(size if size <= np.pi else np.ptp(np.where(angles >= 0, angles - FULL_CIRCLE, angles)))

    def ring(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels that the turning ON region can reach, relative to the pivot."""
        low, high = self.on.reach
        x = np.arange(self.npix) - self.on.pivot.x
        y = np.arange(self.npix) - self.on.pivot.y
        squared = x**2 + y[:, np.newaxis] ** 2
        rows, columns = np.nonzero((squared >= max(low - 1, 0) ** 2) & (squared <= (high + 1) ** 2))
        return x[columns], y[rows]

    def excluded(self, exclusion_mask: Any) -> tuple[np.ndarray, np.ndarray]:
        """Excluded ones among the pixels of `ring`; see `gjax.makers.ReflectedRegionsBackgroundMaker`."""
        exclusion = read_exclusion(exclusion_mask)
        if exclusion is None:
            return np.empty(0), np.empty(0)
        x, y = self.ring()
        hit = exclusion.contains(self.on.coordinates(x, y))
        return x[hit], y[hit]

    def overlap(self, angles: list[float]) -> bool:
        """Whether any pixel lies in two of the turned regions."""
        x, y = self.ring()
        depth = np.zeros(x.shape, dtype=int)
        for angle in angles:
            depth += self.on.contains(x, y, angle)
        return bool(depth.max(initial=0) > 1)

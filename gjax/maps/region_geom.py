"""A map geometry that is one region of the sky, with any number of other axes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.maps.axes import MapAxes, MapAxis
from gjax.maps.geom import AbstractGeom, axis_coords
from gjax.maps.region_tools import make_region, make_tan_wcs, region_center, region_parts, region_radius

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from regions import SkyRegion

__all__ = ["RegionGeom"]


class RegionGeom(AbstractGeom):
    """One region on the sky, seen in a tangent plane, with non-spatial axes.

    Parameters
    ----------
    region
        Sky region, or None for data that have no place on the sky.
    axes
        Non-spatial axes; arrays on the geometry have them in reversed order in front of (1, 1).
    wcs
        Projection in which the region is defined; by default tangential around the centre of the region.
    binsz_wcs
        Pixel size of the default projection.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[axis])
    >>> geom.data_shape, round(float(geom.solid_angle().to_value("deg2")), 5)
    ((3, 1, 1), 0.03801)
    >>> geom.contains(SkyCoord([83.65, 84], [22.05, 22.05], unit="deg")).tolist()
    [True, False]
    """

    is_region = True

    def __init__(
        self,
        region: SkyRegion | None,
        axes: Sequence[MapAxis] | None = None,
        wcs: WCS | None = None,
        binsz_wcs: Any = "0.01 deg",
    ) -> None:
        self._region = region
        self._axes = axes if isinstance(axes, MapAxes) else MapAxes(axes or ())
        self._binsz_wcs = binsz_wcs
        self._given_wcs = wcs

    @classmethod
    def create(
        cls,
        region: Any,
        axes: Sequence[MapAxis] | None = None,
        frame: str | None = None,
        binsz_wcs: Any = "0.01 deg",
        wcs: WCS | None = None,
    ) -> RegionGeom:
        """Make a geometry from anything that describes a region.

        Parameters
        ----------
        region
            A sky region, a SkyCoord (a point), a DS9 string, a list of those (their union), or None.
        axes
            Non-spatial axes.
        frame
            Frame of the default projection ("icrs" or "galactic"); by default that of the region.
        binsz_wcs
            Pixel size of the default projection.
        wcs
            Projection to use instead of the default.

        Raises
        ------
        ValueError
            If ``region`` is not a sky region.
        """
        region = make_region(region)
        if wcs is None and frame is not None and region is not None:
            center = region_center(region).transform_to(frame)
            wcs = make_tan_wcs(center, binsz_wcs, 2 * region_radius(region))
        return cls(region, axes=axes, wcs=wcs, binsz_wcs=binsz_wcs)

    # ---- what it is made of ----

    @property
    def region(self) -> SkyRegion | None:
        """The region."""
        return self._region

    @property
    def axes(self) -> MapAxes:
        """The non-spatial axes."""
        return self._axes

    @cached_property
    def wcs(self) -> WCS | None:
        """The projection (None without a region)."""
        if self._given_wcs is not None or self._region is None:
            return self._given_wcs
        return make_tan_wcs(self.center_skydir, self._binsz_wcs, 2 * region_radius(self._region))

    @property
    def frame(self) -> str:
        """Frame of the projection: "icrs", "galactic", "fk5"."""
        return self._frame_object.name

    @cached_property
    def _frame_object(self) -> Any:
        from astropy.coordinates import ICRS
        from astropy.wcs.utils import wcs_to_celestial_frame

        return ICRS() if self.wcs is None else wcs_to_celestial_frame(self.wcs)

    @cached_property
    def center_skydir(self) -> SkyCoord:
        """Centre of the region (NaN without a region)."""
        if self._region is None:
            return SkyCoord(np.nan, np.nan, unit="deg")
        return region_center(self._region)

    @cached_property
    def is_all_point_sky_regions(self) -> bool:
        """Whether the region is a point, or a union of points."""
        from regions import PointSkyRegion

        return self._region is not None and all(isinstance(p, PointSkyRegion) for p in region_parts(self._region))

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of arrays on this geometry: axes reversed, then (1, 1)."""
        return (*self._axes.shape[::-1], 1, 1)

    @property
    def ndim(self) -> int:
        """Number of array dimensions."""
        return len(self._axes) + 2

    @property
    def width(self) -> u.Quantity:
        """Width and height of a square that holds the region (2) [deg]."""
        region = self._required_region()
        return u.Quantity([2 * region_radius(region)] * 2, "deg")

    def _required_region(self) -> SkyRegion:
        if self._region is None:
            raise ValueError("this geometry has no region")
        return self._region

    # ---- containment and area ----

    @cached_property
    def _pixel_region(self) -> Any:
        return self._required_region().to_pixel(self.wcs)

    def to_pixel_coord(self, position: SkyCoord) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates (from 0) of sky positions in `wcs`; NaN on the other half of the sky."""
        self._required_region()
        position = getattr(position, "skycoord", position)
        if position.frame.name != self._frame_object.name or not position.is_equivalent_frame(self._frame_object):
            position = position.transform_to(self._frame_object)
        data = position.spherical if position.data.name == "cartesian" else position.data
        lon, lat = data.lon.to_value("deg"), data.lat.to_value("deg")
        x, y = self.wcs.wcs_world2pix(np.ravel(lon), np.ravel(lat), 0)  # type: ignore[union-attr]
        return x.reshape(lon.shape), y.reshape(lon.shape)

    def contains(self, coords: SkyCoord) -> np.ndarray:
        """Whether positions lie in the region, decided in the pixel plane of `wcs`.

        Parameters
        ----------
        coords
            Positions in any frame.

        Returns
        -------
        mask
            Bool array in the shape of ``coords``; always True where the region is a point.

        Raises
        ------
        ValueError
            If there is no region.
        """
        self._required_region()
        if self.is_all_point_sky_regions:
            return np.ones(np.shape(getattr(coords, "skycoord", coords)), dtype=bool)
        return self.contains_wcs_pix(self.to_pixel_coord(coords))

    def contains_wcs_pix(self, pix: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Whether pixel coordinates (x, y from 0, in `wcs`) lie in the region; always True for points."""
        from regions import PixCoord

        x, y = np.asarray(pix[0], dtype=float), np.asarray(pix[1], dtype=float)
        if self.is_all_point_sky_regions:
            return np.ones(np.broadcast(x, y).shape, dtype=bool)
        inside = self._pixel_region.contains(PixCoord(np.nan_to_num(x, nan=np.inf), np.nan_to_num(y, nan=np.inf)))
        return np.asarray(inside, dtype=bool) & np.isfinite(x)

    def separation(self, position: SkyCoord) -> u.Quantity:
        """Angular distance of positions from the centre."""
        return self.center_skydir.separation(position)

    @cached_property
    def _solid_angle(self) -> u.Quantity:
        from astropy.wcs.utils import proj_plane_pixel_area
        from regions import CircleSkyRegion, CompoundSkyRegion

        parts = region_parts(self._required_region())
        pixel = proj_plane_pixel_area(self.wcs) * u.deg**2
        if not any(isinstance(part, CompoundSkyRegion) for part in parts):
            areas = sum(part.to_pixel(self.wcs).area for part in parts)
            circles = all(isinstance(part, CircleSkyRegion) for part in parts)
            if len(parts) == 1 or (circles and _circles_are_disjoint(parts)):
                return (areas * pixel).to("sr")
        x0, y0 = self.to_pixel_coord(self.center_skydir)
        half = region_radius(self._required_region()) / np.sqrt(pixel.value) * 1.01
        grid = np.linspace(-half, half, 1001)
        grid = 0.5 * (grid[1:] + grid[:-1])
        x, y = np.meshgrid(x0 + grid, y0 + grid)
        return (np.count_nonzero(self.contains_wcs_pix((x, y))) * (grid[1] - grid[0]) ** 2 * pixel).to("sr")

    def solid_angle(self) -> u.Quantity:
        """Area of the region in the tangent plane [sr]; overlapping unions are counted on a grid of 1000 x 1000."""
        return self._solid_angle

    def bin_volume(self) -> u.Quantity:
        """Solid angle times the widths of the bins, in the shape of the data."""
        volume = np.transpose(self._axes.bin_volume())
        return (volume * self.solid_angle())[..., np.newaxis, np.newaxis]

    # ---- derived geometries ----

    def copy(self, **changes: Any) -> RegionGeom:
        """Return the geometry with ``region``, ``axes``, ``wcs`` or ``binsz_wcs`` changed."""
        kept = {"region": self._region, "axes": self._axes, "wcs": self.wcs, "binsz_wcs": self._binsz_wcs}
        if "region" in changes and "wcs" not in changes:
            kept["wcs"] = self._given_wcs
        geom = RegionGeom(**{**kept, **changes})
        if not {"region", "wcs", "binsz_wcs"} & set(changes):
            # Nothing on the sky changed: hand on what was derived from it.
            for name in ("_frame_object", "center_skydir", "_pixel_region", "is_all_point_sky_regions", "_solid_angle"):
                if name in self.__dict__:
                    geom.__dict__[name] = self.__dict__[name]
        return geom

    def union(self, other: RegionGeom) -> RegionGeom:
        """Return the geometry of the union of the two regions, in the projection of the first."""
        if not self.axes.is_allclose(other.axes):
            raise ValueError("the axes of the two geometries differ")
        if other.region is None:
            return self
        if self.region is None:
            return other
        return RegionGeom(self.region | other.region, axes=self._axes, wcs=self.wcs)

    def get_coord(self, mode: str = "center", axis_name: str | None = None) -> dict[str, Any]:
        """Coordinates that broadcast to `data_shape`: one Quantity per axis, and "skycoord".

        Parameters
        ----------
        mode, axis_name
            With "edges" the named axis gives its edges instead of its centres.
        """
        coords = axis_coords(self._axes, [axis_name] if mode == "edges" and axis_name else [], behind=2)
        return {**coords, "skycoord": self.center_skydir.reshape((1,) * self.ndim)}

    def plot_region(self, ax: Any = None, **options: Any) -> Any:
        """Outline the region; see `gjax.plot.plot_region_outline`.

        Parameters
        ----------
        ax
            Axes with a celestial projection; a new one around the region if None.
        **options
            ``color, label, linestyle, linewidth``.
        """
        from gjax.plot.map_objects import plot_region_outline

        return plot_region_outline(self, ax=ax, **options)

    # ---- comparison and display ----

    def is_allclose(self, other: RegionGeom, **kwargs: Any) -> bool:
        """Whether axes agree (see `MapAxis.is_allclose`) and both have, or have not, the same kind of region."""
        if not isinstance(other, RegionGeom):
            raise TypeError(f"cannot compare a RegionGeom with a {type(other).__name__}")
        return self._axes.is_allclose(other.axes, **kwargs) and type(self.region) is type(other.region)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, RegionGeom) and self._axes == other._axes and _same_region(self.region, other.region)

    def __hash__(self) -> int:
        return hash((self._axes, type(self._region)))

    def __repr__(self) -> str:
        kind = "no region" if self._region is None else type(self._region).__name__
        place = ""
        if self._region is not None:
            center = self.center_skydir
            place = f" at {center.spherical.lon.deg:.4f}, {center.spherical.lat.deg:.4f} deg ({center.frame.name})"
        return f"RegionGeom({kind}{place}; axes {self._axes_text})"


def _circles_are_disjoint(circles: list[Any]) -> bool:
    for i, first in enumerate(circles):
        for second in circles[i + 1 :]:
            if first.center.separation(second.center) < first.radius + second.radius:
                return False
    return True


def _same_region(first: Any, second: Any) -> bool:
    if first is second:
        return True
    if first is None or second is None:
        return False
    parts, others = region_parts(first), region_parts(second)
    if len(parts) != len(others):
        return False
    for part, other in zip(parts, others):
        if type(part) is not type(other) or abs(region_radius(part) - region_radius(other)) > 1e-6:
            return False
        if region_center(part).separation(region_center(other)).deg > 1e-6:
            return False
    return True

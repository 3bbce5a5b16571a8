"""A map geometry that is an image in a WCS projection, with any number of other axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales, wcs_to_celestial_frame

from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.coord import MapCoord, lonlat_deg
from gjax.maps.wcs_tools import (
    deg_pair,
    make_wcs,
    moved_wcs,
    overlap,
    pix_to_idx,
    pixel_solid_angles,
    resampled_wcs,
)

if TYPE_CHECKING:
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["WcsGeom"]


@dataclass(frozen=True, eq=False, repr=False)
class WcsGeom:
    """Pixels on the sky in a WCS projection, times non-spatial axes.

    Arrays on the geometry have the axes in reversed order in front of (lat, lon).

    Parameters
    ----------
    wcs
        Celestial projection with two axes; it is not changed, and must not be changed later.
    npix
        Number of pixels (lon, lat); by default the shape known to ``wcs``.
    axes
        Non-spatial axes.

    Raises
    ------
    ValueError
        If the number of pixels is not positive.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> geom = WcsGeom.create(skydir=(83.63, 22.01), width=(5, 4), binsz=0.02, proj="TAN", axes=[axis])
    >>> geom.npix, geom.data_shape, geom.frame, geom.projection
    ((250, 200), (3, 200, 250), 'icrs', 'TAN')
    """

    wcs: WCS
    npix: tuple[int, int] = (0, 0)
    axes: MapAxes = MapAxes()  # noqa: RUF009 (immutable)

    is_region = False
    is_hpx = False

    def __post_init__(self) -> None:
        npix: tuple[int, ...] = tuple(self.npix)
        if npix == (0, 0) and self.wcs.array_shape is not None:
            npix = self.wcs.array_shape[::-1]
        npix = tuple(int(np.max(n)) for n in npix)
        if len(npix) != 2 or min(npix) < 1:
            raise ValueError(f"an image needs at least one pixel along each side, got npix={npix}")
        object.__setattr__(self, "npix", npix)
        if not isinstance(self.axes, MapAxes):
            object.__setattr__(self, "axes", MapAxes(self.axes or ()))

    @classmethod
    def create(
        cls,
        npix: Any = None,
        binsz: Any = 0.5,
        proj: str = "CAR",
        frame: str = "icrs",
        refpix: tuple[float, float] | None = None,
        axes: Sequence[MapAxis] | None = None,
        skydir: Any = None,
        width: Any = None,
    ) -> WcsGeom:
        """Geometry from its size and the size of its pixels; the whole sky if neither npix nor width is given.

        Parameters
        ----------
        npix
            Number of pixels, or (lon, lat); wins over ``width``.
        binsz
            Size of a pixel [deg, Quantity or string], or (lon, lat).
        proj
            Projection, such as "CAR", "TAN", "AIT", "SFL".
        frame
            "icrs", "galactic" or "fk5".
        refpix
            Reference pixel (counted from 1); the middle by default.
        axes
            Non-spatial axes.
        skydir
            Reference position: SkyCoord, or (lon, lat) in ``frame`` [deg].
        width
            Width [deg, Quantity or string], or (lon, lat); rounded to whole pixels.

        Raises
        ------
        ValueError
            If sizes are not positive, or projection or frame is unknown.
        """
        size = deg_pair(binsz, "binsz")
        if npix is not None:
            numbers = npix if isinstance(npix, tuple | list | np.ndarray) else (npix, npix)
            number = (int(np.max(numbers[0])), int(np.max(numbers[-1])))
        else:
            wide = deg_pair(width, "width") if width is not None else (360.0, 180.0)
            number = (int(np.rint(wide[0] / size[0])), int(np.rint(wide[1] / size[1])))
        if min(number) < 1:
            raise ValueError(f"an image needs at least one pixel along each side, got npix={number}")
        if skydir is None:
            crval = (0.0, 0.0)
        elif isinstance(skydir, SkyCoord):
            lon, lat = lonlat_deg(skydir, SkyCoord(0, 0, unit="deg", frame=frame).frame)
            crval = (float(np.squeeze(lon)), float(np.squeeze(lat)))
        else:
            crval = tuple(float(u.Quantity(item, "deg").value) for item in skydir)  # type: ignore[assignment]
        if not np.all(np.isfinite(crval)):
            raise ValueError(f"the position of the map is not finite: {skydir}")
        return cls(make_wcs(number, size, proj, frame, crval, refpix), number, MapAxes(axes or ()))

    @classmethod
    def from_aligned(cls, geom: WcsGeom, skydir: Any, width: Any) -> WcsGeom:
        """Geometry around a position whose pixels coincide with those of another (and may lie outside it).

        Parameters
        ----------
        geom
            Geometry that gives the pixels and axes.
        skydir, width
            Centre and width of the new one.
        """
        position = skydir if isinstance(skydir, SkyCoord) else SkyCoord(*skydir, unit="deg", frame=geom.frame)
        scales = geom.pixel_scales.value
        npix = tuple(int(np.round(w / s)) for w, s in zip(deg_pair(width, "width"), scales))
        pix = geom.to_image().coord_to_pix(position)
        start = tuple(-int(np.floor(-float(p[0]) + n / 2.0)) for p, n in zip(pix, npix))
        return cls(moved_wcs(geom.wcs, start, npix), npix, geom.axes)  # type: ignore[arg-type]

    @classmethod
    def from_header(cls, header: Any, axes: Sequence[MapAxis] | None = None) -> WcsGeom:
        """Geometry of a FITS image header; see `gjax.maps.wcs_io.geom_from_header`.

        Parameters
        ----------
        header
            FITS header.
        axes
            Non-spatial axes.
        """
        from gjax.maps.wcs_io import geom_from_header

        return geom_from_header(header, axes)

    def to_header(self) -> Any:
        """FITS header of the projection and shape."""
        from gjax.maps.wcs_io import geom_to_header

        return geom_to_header(self)

    def copy(self, **changes: Any) -> WcsGeom:
        """Return the geometry with ``wcs``, ``npix`` or ``axes`` changed."""
        geom = WcsGeom(**{"wcs": self.wcs, "npix": self.npix, "axes": self.axes, **changes})
        if not {"wcs", "npix"} & set(changes):
            # Nothing on the sky changed: hand on what was derived from it.
            for name in ("_lonlat", "_edges_lonlat", "_solid_angle", "_celestial_frame", "center_skydir"):
                if name in self.__dict__:
                    geom.__dict__[name] = self.__dict__[name]
        return geom

    # ---- what it is made of ----

    @cached_property
    def _celestial_frame(self) -> Any:
        return wcs_to_celestial_frame(self.wcs)

    @property
    def frame(self) -> str:
        """Name of the frame: "icrs", "galactic", "fk5"."""
        return self._celestial_frame.name

    @property
    def projection(self) -> str:
        """Code of the projection, such as "TAN"."""
        return str(self.wcs.wcs.ctype[0])[5:]

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of arrays on the geometry: axes reversed, then (lat, lon)."""
        return (*self.axes.shape[::-1], self.npix[1], self.npix[0])

    @property
    def data_shape_axes(self) -> tuple[int, ...]:
        """Shape of the axes, with one pixel on the sky."""
        return (*self.axes.shape[::-1], 1, 1)

    @property
    def data_shape_image(self) -> tuple[int, ...]:
        """Shape of the image, with one bin per axis."""
        return (*(1,) * len(self.axes), self.npix[1], self.npix[0])

    @property
    def axes_names(self) -> list[str]:
        """Names of all axes, those of the sky first."""
        return ["lon", "lat", *self.axes.names]

    @property
    def ndim(self) -> int:
        """Number of array dimensions."""
        return len(self.axes) + 2

    @property
    def is_image(self) -> bool:
        """Whether there are no axes besides the sky."""
        return len(self.axes) == 0

    @property
    def is_flat(self) -> bool:
        """Whether every axis besides the sky has one bin."""
        return all(axis.nbin == 1 for axis in self.axes)

    @property
    def is_allsky(self) -> bool:
        """Whether the image spans 360 by 180 deg."""
        return bool(np.allclose(self.width[:, 0].value, (360, 180)))

    @property
    def _cdelt(self) -> np.ndarray:
        return np.abs(self.wcs.wcs.get_cdelt()) if not self.wcs.wcs.has_cd() else self.pixel_scales.value

    @property
    def width(self) -> u.Quantity:
        """Width of the image in longitude and latitude (2, 1): pixel size at the reference times number."""
        return u.Quantity((self._cdelt * np.asarray(self.npix)).reshape(2, 1), "deg")

    @property
    def pixel_scales(self) -> u.Quantity:
        """Pixel size at the reference, in longitude and latitude (2) [deg]."""
        return u.Quantity(proj_plane_pixel_scales(self.wcs), "deg")

    @property
    def pixel_area(self) -> u.Quantity:
        """Area of a pixel at the reference [deg2]."""
        return u.Quantity(float(np.prod(self._cdelt)), "deg2")

    @property
    def center_pix(self) -> tuple[float, ...]:
        """Pixel coordinates of the centre, those of the sky first."""
        return tuple((np.array(self.data_shape[::-1]) - 1.0) / 2)

    @property
    def center_coord(self) -> tuple[u.Quantity, ...]:
        """Coordinates of the centre, those of the sky first."""
        return self.pix_to_coord(self.center_pix)

    @cached_property
    def center_skydir(self) -> SkyCoord:
        """Position of the centre."""
        lon, lat = self.wcs.wcs_pix2world(*self.center_pix[:2], 0)
        return SkyCoord(float(lon), float(lat), unit="deg", frame=self._celestial_frame)

    @property
    def footprint(self) -> SkyCoord:
        """Positions of the four corner pixels."""
        nx, ny = self.npix
        lon, lat = self.wcs.wcs_pix2world([0, 0, nx - 1, nx - 1], [0, ny - 1, ny - 1, 0], 0)
        return SkyCoord(lon, lat, unit="deg", frame=self._celestial_frame)

    @property
    def footprint_rectangle_sky_region(self) -> Any:
        """Rectangle around the centre with the width of the image."""
        from regions import RectangleSkyRegion

        return RectangleSkyRegion(self.center_skydir, width=self.width[0, 0], height=self.width[1, 0])

    # ---- coordinates ----

    def _pixel_grid(self, edges: tuple[bool, bool] = (False, False)) -> list[np.ndarray]:
        steps = [np.arange(n + e) - 0.5 * e for n, e in zip(self.npix, edges)]
        return list(np.meshgrid(*steps))

    @cached_property
    def _lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        return self._world(*self._pixel_grid())

    @cached_property
    def _edges_lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        return self._world(*self._pixel_grid((True, True)))

    def _world(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = self.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
        lon, lat = lon.reshape(x.shape), lat.reshape(x.shape)
        lon.setflags(write=False)
        lat.setflags(write=False)
        return lon, lat

    def get_coord(
        self,
        idx: tuple[int, ...] | None = None,
        mode: str = "center",
        frame: str | None = None,
        sparse: bool = False,
        axis_name: str | Sequence[str] | None = None,
    ) -> MapCoord:
        """Coordinates of all pixels, in the shape of the data.

        Parameters
        ----------
        idx
            Bin of each axis: coordinates of that image only.
        mode
            "center", or "edges" for those of ``axis_name``.
        frame
            Frame of the positions; by default that of the geometry.
        sparse
            Return arrays that broadcast to the shape instead of (read-only views of) full ones.
        axis_name
            Axis, or axes, whose edges are given with ``mode="edges"``: "lon" and "lat" by default.
        """
        if mode not in ("center", "edges"):
            raise ValueError(f"mode is {mode!r}, expected 'center' or 'edges'")
        names = ("lon", "lat") if axis_name is None else (axis_name,) if isinstance(axis_name, str) else axis_name
        of_edges = [mode == "edges" and name in names for name in self.axes_names]
        if of_edges[0] and of_edges[1]:
            lon, lat = self._edges_lonlat
        elif of_edges[0] or of_edges[1]:
            lon, lat = self._world(*self._pixel_grid((of_edges[0], of_edges[1])))
        else:
            lon, lat = self._lonlat
        number = len(self.axes)
        data: dict[str, Any] = {"lon": lon, "lat": lat}
        for i, axis in enumerate(self.axes):
            values = axis.edges if of_edges[i + 2] else axis.center
            if idx is not None:
                data[axis.name] = values[[idx[i]]].reshape(1, 1)
            else:
                data[axis.name] = values.reshape((1,) * (number - 1 - i) + (-1,) + (1,) * (i + 2))
        lead = (1,) * (number if idx is None else 0)
        data["lon"], data["lat"] = lon.reshape(lead + lon.shape), lat.reshape(lead + lat.shape)
        coords = MapCoord(data, frame=self.frame)
        if frame is not None and frame != self.frame:
            coords = coords.to_frame(frame)
        return coords if sparse else coords.broadcasted

    def get_idx(self) -> tuple[np.ndarray, ...]:
        """Pixel numbers of all pixels, those of the sky first, in the shape of the data."""
        return tuple(np.indices(self.data_shape)[::-1])

    def _as_coord(self, coords: Any) -> MapCoord:
        coords = MapCoord.create(coords, axis_names=self.axes.names)
        missing = [name for name in self.axes.names if name not in coords]
        if missing:
            raise ValueError(f"coordinates for the axes {missing} are missing; given: {list(coords)}")
        return coords

    def coord_to_pix(self, coords: Any) -> tuple[np.ndarray, ...]:
        """Continuous pixel coordinates (x, y, axes ...); pixel centres are the integers, from 0.

        Parameters
        ----------
        coords
            Mapping with "skycoord" (or "lon" and "lat" in the frame of the geometry [deg]) and one entry per axis,
            `MapCoord`, SkyCoord or tuple.
        """
        if isinstance(coords, SkyCoord):
            coords = {"skycoord": coords}
        if isinstance(coords, dict) and coords.get("skycoord") is not None:
            # Positions go to the frame of the geometry at once.
            lon, lat = lonlat_deg(coords["skycoord"], self._celestial_frame)
            coords = {**{k: v for k, v in coords.items() if k != "skycoord"}, "lon": lon, "lat": lat}
        coords = self._as_coord(coords)
        if coords.frame not in (None, self.frame):
            lon, lat = lonlat_deg(coords.skycoord, self._celestial_frame)
        else:
            lon, lat = coords.lon.value, coords.lat.value
        if lon.shape != lat.shape:
            lon, lat = np.broadcast_arrays(lon, lat)
        x, y = self.wcs.wcs_world2pix(lon.ravel(), lat.ravel(), 0) if lon.size else (np.zeros(0), np.zeros(0))
        axes = [axis.coord_to_pix(coords[axis.name]) for axis in self.axes]
        return (x.reshape(lon.shape), y.reshape(lon.shape), *axes)

    def pix_to_coord(self, pix: Sequence[Any]) -> tuple[u.Quantity, ...]:
        """Coordinates (lon, lat, axes ...) of continuous pixel coordinates, the inverse of `coord_to_pix`."""
        x, y = np.broadcast_arrays(np.asarray(pix[0], dtype=float), np.asarray(pix[1], dtype=float))
        lon, lat = self.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
        sky = tuple(u.Quantity(value.reshape(x.shape), "deg", copy=False) for value in (lon, lat))
        return sky + tuple(axis.pix_to_coord(p) for axis, p in zip(self.axes, pix[2:], strict=True))

    def pix_to_idx(self, pix: Sequence[Any], clip: bool = False) -> tuple[np.ndarray, ...]:
        """Pixel numbers of continuous pixel coordinates, -1 outside.

        Parameters
        ----------
        pix
            Pixel coordinates (x, y, axes ...).
        clip
            Take the nearest pixel instead of -1.
        """
        numbers = (*self.npix, *self.axes.shape)
        if clip:
            pix = [np.clip(p, 0, n - 1) for p, n in zip(pix, numbers)]
        return tuple(pix_to_idx(p, n) for p, n in zip(pix, numbers))

    def coord_to_idx(self, coords: Any, clip: bool = False) -> tuple[np.ndarray, ...]:
        """Pixel numbers (x, y, axes ...) of coordinates, -1 outside.

        Parameters
        ----------
        coords
            See `coord_to_pix`.
        clip
            Take the nearest pixel instead of -1.
        """
        return self.pix_to_idx(self.coord_to_pix(coords), clip=clip)

    def contains(self, coords: Any) -> np.ndarray:
        """Whether coordinates lie within the image and all axes."""
        index = self.coord_to_idx(coords)
        inside = index[0] >= 0
        for numbers in index[1:]:
            inside = inside & (numbers >= 0)
        return inside

    def contains_pix(self, pix: Sequence[Any]) -> np.ndarray:
        """Whether continuous pixel coordinates lie within the image and all axes."""
        return np.all(np.broadcast_arrays(*[i >= 0 for i in self.pix_to_idx(pix)]), axis=0)

    def separation(self, center: SkyCoord) -> u.Quantity:
        """Angular distance of all pixels from a position (lat, lon)."""
        from astropy.coordinates import angular_separation

        lon0, lat0 = lonlat_deg(center, self._celestial_frame)
        lon, lat = self._lonlat
        radian = np.pi / 180
        separation = angular_separation(
            lon * radian, lat * radian, np.squeeze(lon0) * radian, np.squeeze(lat0) * radian
        )
        return u.Quantity(separation / radian, "deg", copy=False)

    # ---- areas and masks ----

    @cached_property
    def _solid_angle(self) -> u.Quantity:
        values = pixel_solid_angles(*self._edges_lonlat)
        values.setflags(write=False)
        return u.Quantity(values, "sr", copy=False)

    def solid_angle(self) -> u.Quantity:
        """Solid angle of the pixels (lat, lon) [sr]; see `pixel_solid_angles`."""
        return self._solid_angle

    def bin_volume(self) -> u.Quantity:
        """Solid angle times the widths of the bins, in the shape of the data."""
        if self.is_image:
            return self.solid_angle()
        volume = np.transpose(self.axes.bin_volume())[..., np.newaxis, np.newaxis]
        return volume * self.solid_angle()

    def region_mask(self, regions: Any, inside: bool = True) -> WcsNDMap:
        """Mask of the pixels whose centre lies in regions.

        Parameters
        ----------
        regions
            Sky region (pixel regions as well), DS9 string, or list of them.
        inside
            False to make pixels in the regions False and all others True.
        """
        from gjax.maps.wcs_masks import region_mask

        return region_mask(self, regions, inside=inside)

    def region_weights(self, regions: Any, oversampling_factor: int = 10) -> WcsNDMap:
        """Part of each pixel that lies in regions, from a mask on finer pixels.

        Parameters
        ----------
        regions
            See `region_mask`.
        oversampling_factor
            Finer pixels along one side of a pixel.
        """
        mask = self.upsample(oversampling_factor).region_mask(regions)
        return mask.copy(data=mask.data.astype(float)).downsample(oversampling_factor, preserve_counts=False)

    def energy_mask(self, energy_min: Any = None, energy_max: Any = None, round_to_edge: bool = False) -> WcsNDMap:
        """Mask of the bins whose energies lie wholly between two energies.

        Parameters
        ----------
        energy_min, energy_max
            Quantity or string; None for no limit.
        round_to_edge
            Move the energies to the nearest edges first.
        """
        from gjax.maps.wcs_masks import energy_mask

        return energy_mask(self, energy_min, energy_max, round_to_edge)

    def boundary_mask(self, width: Any) -> WcsNDMap:
        """Mask that is False within a margin along the edges of the image.

        Parameters
        ----------
        width
            Margin [pixels, or an angle], or (lon, lat).
        """
        from gjax.maps.wcs_masks import boundary_mask

        return boundary_mask(self, width)

    # ---- derived geometries ----

    def to_image(self) -> WcsGeom:
        """Return the image without other axes."""
        return self if self.is_image else self.copy(axes=MapAxes())

    def to_cube(self, axes: Sequence[MapAxis]) -> WcsGeom:
        """Return the geometry with axes appended."""
        return self.copy(axes=self.axes + axes)

    def drop(self, axis_name: str) -> WcsGeom:
        """Return the geometry without one axis."""
        return self.copy(axes=self.axes.drop(axis_name))

    def squash(self, axis_name: str) -> WcsGeom:
        """Return the geometry with one axis reduced to a single bin."""
        return self.copy(axes=self.axes.squash(axis_name))

    def replace_axis(self, axis: MapAxis) -> WcsGeom:
        """Return the geometry with the axis of the same name replaced."""
        return self.copy(axes=self.axes.replace(axis))

    def resample_axis(self, axis: MapAxis) -> WcsGeom:
        """Return the geometry with bins merged to those of a coarser axis of the same name."""
        from gjax.maps.axis_tools import merged_axis

        return self.replace_axis(merged_axis(self.axes[axis.name], axis)[0])

    def slice_by_idx(self, slices: dict[str, slice]) -> WcsGeom:
        """Return the geometry with axes sliced by name."""
        return self.copy(axes=self.axes.slice_by_idx(slices))

    def rename_axes(self, names: Sequence[str], new_names: Sequence[str]) -> WcsGeom:
        """Return the geometry with axes renamed.

        Parameters
        ----------
        names, new_names
            Old and new names, of the same number.
        """
        return self.copy(axes=self.axes.rename_axes(names, new_names))

    def _part(self, start: tuple[int, int], npix: tuple[int, int]) -> WcsGeom:
        geom = WcsGeom(moved_wcs(self.wcs, start, npix), npix, self.axes)
        if min(start) >= 0 and all(s + n <= total for s, n, total in zip(start, npix, self.npix)):
            here = (slice(start[1], start[1] + npix[1]), slice(start[0], start[0] + npix[0]))
            if "_lonlat" in self.__dict__:
                geom.__dict__["_lonlat"] = tuple(values[here] for values in self._lonlat)
            if "_solid_angle" in self.__dict__:
                geom.__dict__["_solid_angle"] = self._solid_angle[here]
        if "_celestial_frame" in self.__dict__:
            geom.__dict__["_celestial_frame"] = self._celestial_frame
        return geom

    def cutout(
        self, position: SkyCoord, width: Any, mode: str = "trim", odd_npix: bool = False, min_npix: int = 1
    ) -> WcsGeom:
        """Return the pixels around a position.

        Parameters
        ----------
        position
            Centre.
        width
            Width [deg, Quantity or string], or (lon, lat); rounded to whole pixels.
        mode
            What to do where the cutout sticks out: "trim" it, keep it ("partial"), or refuse ("strict").
        odd_npix
            Round up to odd numbers of pixels.
        min_npix
            Least number of pixels along each side.

        Raises
        ------
        ValueError
            If nothing overlaps, or the cutout sticks out with "strict".
        """
        if mode not in ("trim", "partial", "strict"):
            raise ValueError(f"mode is {mode!r}, expected 'trim', 'partial' or 'strict'")
        sizes = np.maximum(np.array(deg_pair(width, "width")) / self.pixel_scales.value, min_npix)
        if odd_npix:
            sizes = np.ceil(np.round(sizes, 6)) // 2 * 2 + 1
        npix = np.maximum(np.round(sizes).astype(int), 1)
        pix = np.array([float(np.squeeze(p)) for p in self.to_image().coord_to_pix(position)])
        where = f"a cutout of {npix[0]} x {npix[1]} pixels at {position.to_string('hmsdms')}"
        if not np.all(np.isfinite(pix)):
            raise ValueError(f"{where} lies outside the projection")
        start = np.ceil(pix - npix / 2.0).astype(int)
        stop = start + npix
        if np.any(stop <= 0) or np.any(start >= self.npix):
            raise ValueError(f"{where} does not overlap with the map around {self.center_skydir.to_string('hmsdms')}")
        if mode == "strict" and (np.any(start < 0) or np.any(stop > self.npix)):
            raise ValueError(f"{where} sticks out of the map")
        if mode == "trim":
            start, stop = np.maximum(start, 0), np.minimum(stop, self.npix)
        return self._part((int(start[0]), int(start[1])), (int(stop[0] - start[0]), int(stop[1] - start[1])))

    def overlap_slices(self, other: WcsGeom) -> tuple[Any, Any]:
        """Slices (lat, lon) of this image and of another on the same pixels, where they overlap.

        Parameters
        ----------
        other
            Image with the same pixels, such as a cutout.

        Raises
        ------
        ValueError
            If pixels do not coincide, or nothing overlaps.
        """
        if not self.is_same_projection(other):
            raise ValueError(f"the pixels of {other!r} do not coincide with those of {self!r}")
        shift = self.wcs.wcs.crpix - other.wcs.wcs.crpix
        start = np.rint(shift).astype(int)
        return overlap(self.npix[::-1], other.npix[::-1], (int(start[1]), int(start[0])))

    def cutout_slices(self, geom: WcsGeom) -> dict[str, Any]:
        """Slices of a parent geometry and of this cutout of it: "parent-slices" and "cutout-slices"."""
        parent, cutout = geom.overlap_slices(self)
        return {"parent-slices": parent, "cutout-slices": cutout}

    def pad(self, pad_width: Any) -> WcsGeom:
        """Return a larger image.

        Parameters
        ----------
        pad_width
            Pixels (or an angle) to add on each side, or (lon, lat).
        """
        x, y = self._margin(pad_width)
        return self._part((-x, -y), (self.npix[0] + 2 * x, self.npix[1] + 2 * y))

    def crop(self, crop_width: Any) -> WcsGeom:
        """Return a smaller image.

        Parameters
        ----------
        crop_width
            Pixels (or an angle) to remove on each side, or (lon, lat).
        """
        x, y = self._margin(crop_width)
        return self._part((x, y), (self.npix[0] - 2 * x, self.npix[1] - 2 * y))

    def _margin(self, width: Any) -> tuple[int, int]:
        width = u.Quantity(width) if isinstance(width, str) else width
        if isinstance(width, u.Quantity) and width.unit.is_equivalent("deg"):
            width = np.broadcast_to(width.to_value("deg"), 2) / self.pixel_scales.value
        pair = np.rint(np.broadcast_to(np.asarray(width, dtype=float), 2)).astype(int)
        if np.any(pair < 0):
            raise ValueError(f"a margin cannot be negative, got {width}")
        return int(pair[0]), int(pair[1])

    def upsample(self, factor: int, axis_name: str | None = None) -> WcsGeom:
        """Return the geometry with every pixel (or every bin of an axis) split.

        Parameters
        ----------
        factor
            Parts along one side.
        axis_name
            Axis to split; the sky by default.
        """
        factor = _whole(factor)
        if axis_name is not None:
            return self.copy(axes=self.axes.upsample(factor, axis_name))
        npix = (self.npix[0] * factor, self.npix[1] * factor)
        return self.copy(wcs=resampled_wcs(self.wcs, 1.0 / factor, npix), npix=npix)

    def downsample(self, factor: int, axis_name: str | None = None) -> WcsGeom:
        """Return the geometry with pixels (or bins of an axis) merged.

        Parameters
        ----------
        factor
            Pixels to merge along one side.
        axis_name
            Axis to merge; the sky by default.

        Raises
        ------
        ValueError
            If the number of pixels is not a multiple of ``factor``.
        """
        factor = _whole(factor)
        if axis_name is not None:
            return self.copy(axes=self.axes.downsample(factor, axis_name))
        if self.npix[0] % factor or self.npix[1] % factor:
            raise ValueError(f"{self.npix[0]} x {self.npix[1]} pixels cannot be grouped by {factor}: pad or crop first")
        npix = (self.npix[0] // factor, self.npix[1] // factor)
        return self.copy(wcs=resampled_wcs(self.wcs, factor, npix), npix=npix)

    def to_binsz(self, binsz: Any) -> WcsGeom:
        """Return a geometry of the same centre and width with another pixel size.

        Parameters
        ----------
        binsz
            New pixel size [deg, Quantity or string], or (lon, lat).
        """
        return WcsGeom.create(
            binsz=binsz,
            proj=self.projection,
            frame=self.frame,
            axes=self.axes,
            skydir=self.center_skydir,
            width=tuple(self.width[:, 0].value),
        )

    def to_odd_npix(self, max_radius: Any = None) -> WcsGeom:
        """Return a square geometry around the centre with an odd number of pixels.

        Parameters
        ----------
        max_radius
            Half its width (Quantity or string); by default the width of the image.
        """
        return self._square(max_radius, odd=True)

    def to_even_npix(self) -> WcsGeom:
        """Return a square geometry around the centre with an even number of pixels."""
        return self._square(None, odd=False)

    def _square(self, max_radius: Any, odd: bool) -> WcsGeom:
        width = self.width.max() if max_radius is None else 2 * u.Quantity(max_radius)
        binsz = float(self.pixel_scales.max().value)
        number = int(np.ceil(np.round(width.to_value("deg") / binsz, 6)))
        number = number // 2 * 2 + 1 if odd else (number + 1) // 2 * 2
        return WcsGeom.create(
            npix=number,
            binsz=binsz,
            proj=self.projection,
            frame=self.frame,
            axes=self.axes,
            skydir=self.center_skydir,
        )

    # ---- comparison and display ----

    def is_same_projection(self, other: WcsGeom, tolerance: float = 1e-6) -> bool:
        """Whether the pixels of both coincide, whatever part of the sky they cover.

        Parameters
        ----------
        other
            Other geometry.
        tolerance
            Relative tolerance; reference pixels may differ by whole numbers.
        """
        if self.wcs is other.wcs:
            return True
        shift = self.wcs.wcs.crpix - other.wcs.wcs.crpix
        if np.any(np.abs(shift - np.rint(shift)) > 1e-3):
            return False
        return self._same_wcs(other, tolerance)

    def _same_wcs(self, other: WcsGeom, tolerance: float) -> bool:
        # 5: neither dates and the like nor the reference pixel
        return self.frame == other.frame and bool(self.wcs.wcs.compare(other.wcs.wcs, cmp=5, tolerance=tolerance))

    def is_aligned(self, other: WcsGeom, tolerance: float = 1e-6) -> bool:
        """Whether pixels and axes of both coincide, whatever part of the sky they cover.

        Parameters
        ----------
        other
            Other geometry.
        tolerance
            Relative tolerance of the projection.
        """
        return (
            len(self.axes) == len(other.axes) and self.axes == other.axes and self.is_same_projection(other, tolerance)
        )

    def is_same_sky(self, other: WcsGeom, tolerance: float = 1e-6) -> bool:
        """Whether both are the same image, whatever their axes.

        Parameters
        ----------
        other
            Other geometry.
        tolerance
            Relative tolerance of the projection.
        """
        if self.npix != other.npix:
            return False
        if self.wcs is other.wcs:
            return True
        near = np.allclose(self.wcs.wcs.crpix, other.wcs.wcs.crpix, rtol=0, atol=1e-3)
        return bool(near) and self._same_wcs(other, tolerance)

    def is_allclose(self, other: WcsGeom, rtol: float = 1e-6, atol: float = 1e-6, rtol_wcs: float = 1e-6) -> bool:
        """Whether image and axes agree within tolerances.

        Parameters
        ----------
        other
            Other geometry.
        rtol, atol
            Tolerances of the axes (see `MapAxis.is_allclose`).
        rtol_wcs
            Relative tolerance of the projection.
        """
        if not isinstance(other, WcsGeom):
            raise TypeError(f"cannot compare a WcsGeom with a {type(other).__name__}")
        if self.data_shape != other.data_shape or not self.axes.is_allclose(other.axes, rtol=rtol, atol=atol):
            return False
        return self.is_same_sky(other, rtol_wcs)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, WcsGeom) and self.axes == other.axes and self.is_same_sky(other)

    def __hash__(self) -> int:
        return hash((self.npix, self.axes, str(self.wcs.wcs.ctype[0])))

    def __repr__(self) -> str:
        lon, lat = lonlat_deg(self.center_skydir, self._celestial_frame)
        width = self.width[:, 0].value
        axes = ", ".join(f"{axis.name}: {axis.nbin}" for axis in self.axes) or "none"
        return (
            f"WcsGeom({self.npix[0]} x {self.npix[1]} pixels, {width[0]:.4g} x {width[1]:.4g} deg {self.projection} at "
            f"{float(lon):.4f}, {float(lat):.4f} deg ({self.frame}); axes {axes})"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def _whole(factor: Any) -> int:
    if int(factor) != factor or factor < 1:
        raise ValueError(f"expected a whole factor of at least 1, got {factor}")
    return int(factor)

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
from astropy.wcs.utils import proj_plane_pixel_scales

from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.coord import MapCoord, lonlat_deg
from gjax.maps.geom import AbstractGeom, axis_coords, given_coords
from gjax.maps.wcs_create import aligned_image, new_image, same_sky_options, square_options
from gjax.maps.wcs_parts import cutout_box, margin, overlap_slices, whole_factor
from gjax.maps.wcs_sky import WcsSky
from gjax.maps.wcs_tools import moved_wcs, pix_to_idx, resampled_wcs, unit_vectors

if TYPE_CHECKING:
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["WcsGeom"]


@dataclass(frozen=True, eq=False, repr=False)
class WcsGeom(AbstractGeom):
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
        return cls(*new_image(npix, binsz, proj, frame, refpix, skydir, width), MapAxes(axes or ()))

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
        return cls(*aligned_image(geom, skydir, width), geom.axes)

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
            geom.__dict__["_sky"] = self._sky
        return geom

    # ---- what it is made of ----

    @cached_property
    def _sky(self) -> WcsSky:
        return WcsSky(self.wcs, self.npix)

    @property
    def _celestial_frame(self) -> Any:
        return self._sky.frame

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

    @property
    def center_skydir(self) -> SkyCoord:
        """Position of the centre."""
        return self._sky.center

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

    @property
    def _edges_lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        return self._sky.edges_lonlat

    def directions(self) -> np.ndarray:
        """Unit vectors towards the pixel centres, in the frame of the geometry (3, lat, lon)."""
        return self._sky.directions

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
        edges = mode == "edges" and "lon" in names, mode == "edges" and "lat" in names
        if edges[0] != edges[1]:
            lon, lat = self._sky.world(edges)
        else:
            lon, lat = self._sky.edges_lonlat if edges[0] else self._sky.lonlat
        others = axis_coords(self.axes, names if mode == "edges" else (), behind=2)
        lead = (1,) * len(self.axes)
        if idx is not None:
            others = {name: values.ravel()[[i]].reshape(1, 1) for (name, values), i in zip(others.items(), idx)}
            lead = ()
        sky = {"lon": lon.reshape(lead + lon.shape), "lat": lat.reshape(lead + lat.shape)}
        coords = MapCoord({**sky, **others}, frame=self.frame)
        if frame is not None and frame != self.frame:
            coords = coords.to_frame(frame)
        return coords if sparse else coords.broadcasted

    def get_idx(self) -> tuple[np.ndarray, ...]:
        """Pixel numbers of all pixels, those of the sky first, in the shape of the data."""
        return tuple(np.indices(self.data_shape)[::-1])

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
        coords = given_coords(coords, self.axes)
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
        x, y, z = self._sky.directions
        x_0, y_0, z_0 = unit_vectors(*(np.squeeze(angle) for angle in lonlat_deg(center, self._celestial_frame)))
        across = np.sqrt((y * z_0 - z * y_0) ** 2 + (z * x_0 - x * z_0) ** 2 + (x * y_0 - y * x_0) ** 2)
        return u.Quantity(np.degrees(np.arctan2(across, x * x_0 + y * y_0 + z * z_0)), "deg", copy=False)

    # ---- areas and masks ----

    def solid_angle(self) -> u.Quantity:
        """Solid angle of the pixels (lat, lon) [sr]; see `pixel_solid_angles`."""
        return self._sky.solid_angle

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

    def _part(self, start: tuple[int, int], npix: tuple[int, int]) -> WcsGeom:
        wcs = moved_wcs(self.wcs, start, npix)
        geom = WcsGeom(wcs, npix, self.axes)
        geom.__dict__["_sky"] = self._sky.part(wcs, start, npix)
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
        return self._part(*cutout_box(self, position, width, mode, odd_npix, min_npix))

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
        return overlap_slices(self, other)

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
        x, y = margin(self, pad_width)
        return self._part((-x, -y), (self.npix[0] + 2 * x, self.npix[1] + 2 * y))

    def crop(self, crop_width: Any) -> WcsGeom:
        """Return a smaller image.

        Parameters
        ----------
        crop_width
            Pixels (or an angle) to remove on each side, or (lon, lat).
        """
        x, y = margin(self, crop_width)
        return self._part((x, y), (self.npix[0] - 2 * x, self.npix[1] - 2 * y))

    def upsample(self, factor: int, axis_name: str | None = None) -> WcsGeom:
        """Return the geometry with every pixel (or every bin of an axis) split.

        Parameters
        ----------
        factor
            Parts along one side.
        axis_name
            Axis to split; the sky by default.
        """
        factor = whole_factor(factor)
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
        factor = whole_factor(factor)
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
        return WcsGeom.create(binsz=binsz, width=tuple(self.width[:, 0].value), **same_sky_options(self))

    def to_odd_npix(self, max_radius: Any = None) -> WcsGeom:
        """Return a square geometry around the centre with an odd number of pixels.

        Parameters
        ----------
        max_radius
            Half its width (Quantity or string); by default the width of the image.
        """
        return WcsGeom.create(**square_options(self, max_radius, odd=True))

    def to_even_npix(self) -> WcsGeom:
        """Return a square geometry around the centre with an even number of pixels."""
        return WcsGeom.create(**square_options(self, None, odd=False))

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
        return (
            f"WcsGeom({self.npix[0]} x {self.npix[1]} pixels, {width[0]:.4g} x {width[1]:.4g} deg {self.projection} at "
            f"{float(lon):.4f}, {float(lat):.4f} deg ({self.frame}); axes {self._axes_text})"
        )

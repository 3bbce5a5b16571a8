"""A map geometry of HEALPix pixels on the whole sky or a part of it, with any number of other axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord, frame_transform_graph

from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.coord import MapCoord, lonlat_deg
from gjax.maps.geom import AbstractGeom, axis_coords, given_coords
from gjax.maps.wcs_create import position_deg
from gjax.maps.wcs_tools import deg_pair, pix_to_idx

if TYPE_CHECKING:
    from gjax.maps.hpx_map import HpxNDMap
    from gjax.maps.wcs_geom import WcsGeom

__all__ = ["HpxGeom"]


@dataclass(frozen=True, eq=False, repr=False)
class HpxGeom(AbstractGeom):
    """HEALPix pixels (Gorski et al. 2005, ApJ 622, 759), times non-spatial axes.

    Arrays on the geometry have the axes in reversed order in front of the pixels.

    Parameters
    ----------
    nside
        Resolution: the sky has ``12 nside**2`` pixels. A power of two if ``nest``.
    nest
        Numbering of the pixels: nested, or along rings.
    frame
        "icrs" or "galactic".
    region
        Part of the sky: None (all of it), "DISK(lon,lat,radius)" in deg (pixels whose centre lies inside),
        "DISK_INC(lon,lat,radius)" (those that it touches), "HPX_PIXEL(NESTED,nside,i)" (those inside a larger pixel),
        or an array of pixel numbers.
    axes
        Non-spatial axes.

    Raises
    ------
    ValueError
        If ``nside`` or ``region`` is impossible.

    Examples
    --------
    >>> geom = HpxGeom.create(nside=8, frame="galactic")
    >>> geom.data_shape, round(float(geom.solid_angle().to_value("deg2")), 2)
    ((768,), 53.71)
    """

    nside: int
    nest: bool = True
    frame: str = "icrs"
    region: Any = None
    axes: MapAxes = MapAxes()  # noqa: RUF009 (immutable)

    is_hpx = True

    def __post_init__(self) -> None:
        if np.size(self.nside) != 1:
            raise ValueError(f"one nside for all bands is expected, got {self.nside}")
        nside = int(np.squeeze(self.nside))
        if nside < 1 or (self.nest and nside & (nside - 1)):
            raise ValueError(f"nside must be positive, and a power of two for nested pixels; got {nside}")
        object.__setattr__(self, "nside", nside)
        if frame_transform_graph.lookup_name(self.frame) is None:
            raise ValueError(f"unknown frame {self.frame!r}: expected 'icrs' or 'galactic'")
        if not isinstance(self.axes, MapAxes):
            object.__setattr__(self, "axes", MapAxes(self.axes or ()))

    @classmethod
    def create(
        cls,
        nside: int | None = None,
        binsz: Any = None,
        nest: bool = True,
        frame: str = "icrs",
        region: Any = None,
        axes: Sequence[MapAxis] | None = None,
        skydir: Any = None,
        width: Any = None,
    ) -> HpxGeom:
        """Geometry from its resolution and the part of the sky.

        Parameters
        ----------
        nside
            Resolution.
        binsz
            Instead: largest size of a pixel [deg, Quantity or string].
        nest, frame, region, axes
            See the class.
        skydir, width
            Centre (SkyCoord or (lon, lat) [deg]) and diameter of a disk, instead of ``region``.
        """
        if nside is None:
            if binsz is None:
                raise ValueError("give nside or binsz")
            size = deg_pair(binsz, "binsz")[0]
            nside = nside_from_binsz(size)
        if width is not None and region is None:
            diameter = deg_pair(width, "width")[0]
            lon, lat = position_deg(skydir, frame)
            region = f"DISK({lon},{lat},{diameter / 2})"
        return cls(nside, nest, frame, region, MapAxes(axes or ()))

    def copy(self, **changes: Any) -> HpxGeom:
        """Return the geometry with ``nside``, ``nest``, ``frame``, ``region`` or ``axes`` changed."""
        kept = {"nside": self.nside, "nest": self.nest, "frame": self.frame, "region": self.region, "axes": self.axes}
        geom = HpxGeom(**{**kept, **changes})
        if set(changes) <= {"axes"}:
            for name in ("_healpix", "ipix", "_lonlat"):
                if name in self.__dict__:
                    geom.__dict__[name] = self.__dict__[name]
        return geom

    # ---- what it is made of ----

    @cached_property
    def _healpix(self) -> Any:
        from astropy_healpix import HEALPix

        frame = frame_transform_graph.lookup_name(self.frame)()
        return HEALPix(nside=self.nside, order="nested" if self.nest else "ring", frame=frame)

    @property
    def _frame_object(self) -> Any:
        return self._healpix.frame

    @cached_property
    def ipix(self) -> np.ndarray:
        """Numbers of the pixels, sorted."""
        if self.region is None:
            return np.arange(self.npix_max)
        from gjax.maps.hpx_tools import region_pixels

        pixels = region_pixels(self.region, self._healpix, self.nest)
        if pixels.size == 0:
            raise ValueError(f"the region {self.region!r} holds no pixel of nside {self.nside}")
        pixels.setflags(write=False)
        return pixels

    @property
    def npix_max(self) -> int:
        """Number of pixels of the whole sky."""
        return 12 * self.nside**2

    @property
    def npix(self) -> int:
        """Number of pixels."""
        return self.npix_max if self.region is None else len(self.ipix)

    @property
    def order(self) -> int:
        """Logarithm of nside to base two (-1 if it is no power of two)."""
        return self.nside.bit_length() - 1 if self.nside & (self.nside - 1) == 0 else -1

    @property
    def ordering(self) -> str:
        """ "NESTED" or "RING"."""
        return "NESTED" if self.nest else "RING"

    @property
    def projection(self) -> str:
        """ "HPX"."""
        return "HPX"

    @property
    def is_allsky(self) -> bool:
        """Whether it holds the whole sky."""
        return self.region is None or self.npix == self.npix_max

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of arrays on the geometry: axes reversed, then pixels."""
        return (*self.axes.shape[::-1], self.npix)

    @property
    def axes_names(self) -> list[str]:
        """Names of all axes, "skycoord" first."""
        return ["skycoord", *self.axes.names]

    @property
    def ndim(self) -> int:
        """Number of array dimensions."""
        return len(self.axes) + 1

    @property
    def pixel_scales(self) -> u.Quantity:
        """Size of a pixel (square root of its area), twice."""
        size = float(np.sqrt(self.solid_angle().to_value("deg2")))
        return u.Quantity([size, size], "deg")

    @property
    def width(self) -> u.Quantity:
        """Diameter of a disk that holds the pixels [deg]."""
        if self.is_allsky:
            return u.Quantity(180.0, "deg")
        return 2 * (self.separation(self.center_skydir).max() + self.pixel_scales[0] / 2)

    @cached_property
    def center_skydir(self) -> SkyCoord:
        """Mean direction of the pixels; (0, 0) for the whole sky."""
        if self.is_allsky:
            return SkyCoord(0.0, 0.0, unit="deg", frame=self.frame)
        lon, lat = np.radians(self._lonlat[0]), np.radians(self._lonlat[1])
        x, y, z = (np.cos(lat) * np.cos(lon)).mean(), (np.cos(lat) * np.sin(lon)).mean(), np.sin(lat).mean()
        return SkyCoord(np.arctan2(y, x), np.arctan2(z, np.hypot(x, y)), unit="rad", frame=self.frame)

    # ---- coordinates ----

    @cached_property
    def _lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = self._healpix.healpix_to_lonlat(self.ipix)
        lon, lat = lon.to_value("deg"), lat.to_value("deg")
        lon.setflags(write=False)
        lat.setflags(write=False)
        return lon, lat

    def get_coord(self, mode: str = "center", sparse: bool = False, axis_name: str | None = None) -> MapCoord:
        """Coordinates of all pixels, in the shape of the data.

        Parameters
        ----------
        mode, axis_name
            With "edges" the named axis gives its edges instead of its centres.
        sparse
            Return arrays that broadcast to the shape instead of (read-only views of) full ones.
        """
        lead = (1,) * len(self.axes)
        lon, lat = (values.reshape((*lead, -1)) for values in self._lonlat)
        others = axis_coords(self.axes, [axis_name] if mode == "edges" and axis_name else [], behind=1)
        coords = MapCoord({"lon": lon, "lat": lat, **others}, frame=self.frame)
        return coords if sparse else coords.broadcasted

    def _places(self, coords: Any) -> tuple[u.Quantity, u.Quantity, MapCoord]:
        coords = given_coords(coords, self.axes)
        if coords.frame not in (None, self.frame):
            lon, lat = lonlat_deg(coords.skycoord, self._frame_object)
            return u.Quantity(lon, "deg"), u.Quantity(lat, "deg"), coords
        lon, lat = np.broadcast_arrays(coords.lon, coords.lat, subok=True)
        return lon, lat, coords

    def global_to_local(self, pixels: np.ndarray) -> np.ndarray:
        """Position of pixel numbers among those of the geometry, -1 for others."""
        pixels = np.asarray(pixels)
        if self.region is None:
            return np.where((pixels >= 0) & (pixels < self.npix_max), pixels, -1)
        index = np.clip(np.searchsorted(self.ipix, pixels), 0, len(self.ipix) - 1)
        return np.where(self.ipix[index] == pixels, index, -1)

    def coord_to_pix(self, coords: Any) -> tuple[np.ndarray, ...]:
        """Position of the pixel (-1 outside) and continuous bin coordinates (pixel, axes ...) of coordinates.

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        """
        lon, lat, given = self._places(coords)
        good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat.value) <= 90)
        pixels = np.full(lon.shape, -1)
        if good.any():
            pixels[good] = self._healpix.lonlat_to_healpix(lon[good], lat[good])
        axes = [axis.coord_to_pix(given[axis.name]) for axis in self.axes]
        return (self.global_to_local(pixels), *axes)

    def pix_to_coord(self, pix: Sequence[Any]) -> tuple[u.Quantity, ...]:
        """Coordinates (lon, lat, axes ...) of pixel positions, the inverse of `coord_to_pix`."""
        index = np.asarray(pix[0]).astype(int)
        lon, lat = self._lonlat
        sky = tuple(u.Quantity(values[index], "deg") for values in (lon, lat))
        return sky + tuple(axis.pix_to_coord(p) for axis, p in zip(self.axes, pix[1:], strict=True))

    def coord_to_idx(self, coords: Any, clip: bool = False) -> tuple[np.ndarray, ...]:
        """Numbers (pixel position, axes ...) of coordinates, -1 outside.

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        clip
            Put coordinates outside of axes into the first or last bin.
        """
        pixel, *axes = self.coord_to_pix(coords)
        if clip:
            axes = [np.clip(p, 0, n - 1) for p, n in zip(axes, self.axes.shape)]
        return (pixel, *(pix_to_idx(p, n) for p, n in zip(axes, self.axes.shape)))

    def contains(self, coords: Any) -> np.ndarray:
        """Whether coordinates lie within the pixels and all axes."""
        index = self.coord_to_idx(coords)
        inside = index[0] >= 0
        for numbers in index[1:]:
            inside = inside & (numbers >= 0)
        return inside

    def interp_weights(self, coords: Any) -> tuple[np.ndarray, np.ndarray]:
        """Positions (-1 outside) and weights of the four pixels around places (4, ...).

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        """
        lon, lat, _ = self._places({**MapCoord.create(coords, axis_names=self.axes.names), **self._dummy_axes(coords)})
        pixels, weights = self._healpix.bilinear_interpolation_weights(lon.ravel(), lat.ravel())
        shape = (4, *lon.shape)
        return self.global_to_local(pixels).reshape(shape), weights.reshape(shape)

    def _dummy_axes(self, coords: Any) -> dict[str, Any]:
        given = MapCoord.create(coords, axis_names=self.axes.names)
        return {axis.name: axis.center[:1] for axis in self.axes if axis.name not in given}

    def separation(self, center: SkyCoord) -> u.Quantity:
        """Angular distance of all pixels from a position."""
        from astropy.coordinates import angular_separation

        lon0, lat0 = (np.radians(np.squeeze(x)) for x in lonlat_deg(center, self._frame_object))
        lon, lat = self._lonlat
        return u.Quantity(np.degrees(angular_separation(np.radians(lon), np.radians(lat), lon0, lat0)), "deg")

    def solid_angle(self) -> u.Quantity:
        """Solid angle of a pixel (all have the same) [sr]."""
        return u.Quantity(4 * np.pi / self.npix_max, "sr")

    def bin_volume(self) -> u.Quantity:
        """Solid angle times the widths of the bins, in a shape that broadcasts to the data."""
        volume = np.transpose(self.axes.bin_volume())[..., np.newaxis]
        return volume * self.solid_angle() if len(self.axes) else self.solid_angle()

    def region_mask(self, regions: Any, inside: bool = True) -> HpxNDMap:
        """Mask of the pixels whose centre lies in sky regions.

        Parameters
        ----------
        regions
            Sky region, DS9 string, or list of them.
        inside
            False to make pixels in the regions False and all others True.
        """
        from gjax.maps.hpx_map import HpxNDMap
        from gjax.maps.region_geom import RegionGeom
        from gjax.maps.region_tools import make_region, region_parts

        places = SkyCoord(*self._lonlat, unit="deg", frame=self.frame)
        mask = np.zeros(self.npix, dtype=bool)
        for part in region_parts(make_region(regions)):  # type: ignore[arg-type]
            mask |= RegionGeom(part).contains(places)
        return HpxNDMap(self, np.broadcast_to(mask if inside else ~mask, self.data_shape).copy())

    def energy_mask(self, energy_min: Any = None, energy_max: Any = None, round_to_edge: bool = False) -> HpxNDMap:
        """Mask of the bins whose energies lie wholly between two energies.

        Parameters
        ----------
        energy_min, energy_max, round_to_edge
            See `WcsGeom.energy_mask`.
        """
        from gjax.maps.axis_tools import energy_selection
        from gjax.maps.hpx_map import HpxNDMap

        index, selected = energy_selection(self.axes, energy_min, energy_max, round_to_edge)
        return HpxNDMap(self, np.broadcast_to(selected.reshape((-1,) + (1,) * (index + 1)), self.data_shape).copy())

    # ---- derived geometries ----

    def cutout(self, position: SkyCoord, width: Any, **_: Any) -> HpxGeom:
        """Return the pixels whose centre lies in a disk.

        Parameters
        ----------
        position
            Centre.
        width
            Diameter [deg, Quantity or string].
        """
        diameter = u.Quantity(width) if isinstance(width, str) else u.Quantity(width, "deg")
        inside = self.separation(position) <= np.max(diameter).to("deg") / 2
        if not inside.any():
            raise ValueError(f"no pixel lies within {np.max(diameter) / 2} of {position.to_string('hmsdms')}")
        return self.copy(region=self.ipix[inside])

    def overlap_slices(self, other: HpxGeom) -> tuple[Any, Any]:
        """Indices of the pixels of this geometry and of another that numbers the sky alike, where they overlap.

        Parameters
        ----------
        other
            Geometry such as a cutout.

        Raises
        ------
        ValueError
            If the numbering differs, or nothing overlaps.
        """
        if not self.is_same_projection(other):
            raise ValueError(f"cannot stack pixels of {other!r} on those of {self!r}: they do not coincide")
        place = self.global_to_local(other.ipix)
        inside = np.flatnonzero(place >= 0)
        if not inside.size:
            raise ValueError("the two maps do not overlap")
        return (place[inside],), (inside,)

    def to_nside(self, nside: int) -> HpxGeom:
        """Return the geometry at another resolution (of a partial sky: the pixels inside, or those that hold them)."""
        if self.region is None or isinstance(self.region, str):
            return self.copy(nside=nside)
        from gjax.maps.hpx_tools import change_nside

        return self.copy(nside=nside, region=change_nside(self.ipix, self.nside, int(nside), self.nest))

    def upsample(self, factor: int, axis_name: str | None = None) -> HpxGeom:
        """Return the geometry with pixels (or bins of an axis) split.

        Parameters
        ----------
        factor
            Parts along one side; a power of two for pixels.
        axis_name
            Axis to split; the sky by default.
        """
        if axis_name is not None:
            return self.copy(axes=self.axes.upsample(factor, axis_name))
        return self._explicit().to_nside(self.nside * int(factor))

    def downsample(self, factor: int, axis_name: str | None = None) -> HpxGeom:
        """Return the geometry with pixels (or bins of an axis) merged.

        Parameters
        ----------
        factor
            Pixels to merge along one side.
        axis_name
            Axis to merge; the sky by default.
        """
        if axis_name is not None:
            return self.copy(axes=self.axes.downsample(factor, axis_name))
        if self.nside % int(factor):
            raise ValueError(f"nside {self.nside} is not a multiple of {factor}")
        return self._explicit().to_nside(self.nside // int(factor))

    def _explicit(self) -> HpxGeom:
        return self if self.region is None else self.copy(region=self.ipix)

    def to_swapped(self) -> HpxGeom:
        """Return the geometry with the other numbering of the pixels."""
        from gjax.maps.hpx_tools import swap_order

        region = self.region
        if region is not None and not isinstance(region, str):
            region = np.sort(swap_order(self.ipix, self.nside, self.nest))
        return self.copy(nest=not self.nest, region=region)

    def to_wcs_geom(self, proj: str = "AIT", oversample: float = 2, width_pix: int | None = None) -> WcsGeom:
        """Return an image geometry that covers the pixels.

        Parameters
        ----------
        proj
            Projection: "AIT" suits the whole sky, "TAN" a part.
        oversample
            Image pixels along the side of a HEALPix pixel.
        width_pix
            Instead: number of pixels along one side.
        """
        from gjax.maps.wcs_geom import WcsGeom

        size = float(self.pixel_scales[0].value) / oversample
        width = (360.0, 180.0) if self.is_allsky else (float(self.width.to_value("deg")),) * 2
        # Whole pixels from end to end.
        number = width_pix if width_pix is not None else int(np.ceil(width[0] / size / 2)) * 2
        binsz = width[0] / number
        return WcsGeom.create(
            width=width, binsz=binsz, proj=proj, frame=self.frame, axes=self.axes, skydir=self.center_skydir
        )

    # ---- comparison and display ----

    def is_same_sky(self, other: HpxGeom, tolerance: float = 0.0) -> bool:
        """Whether both have the same pixels, whatever their axes.

        Parameters
        ----------
        other
            Other geometry.
        tolerance
            Ignored; pixel numbers are exact.
        """
        if not self.is_same_projection(other):
            return False
        return (self.region is None and other.region is None) or np.array_equal(self.ipix, other.ipix)

    def is_same_projection(self, other: HpxGeom) -> bool:
        """Whether both number the sky in the same way."""
        return (self.nside, self.nest, self.frame) == (other.nside, other.nest, other.frame)

    def is_aligned(self, other: HpxGeom) -> bool:
        """Whether both have the same axes and number the sky in the same way."""
        return self.axes == other.axes and self.is_same_projection(other)

    def is_allclose(self, other: HpxGeom, rtol: float = 1e-6, atol: float = 1e-6) -> bool:
        """Whether pixels are the same and axes agree within tolerances.

        Parameters
        ----------
        other
            Other geometry.
        rtol, atol
            Tolerances of the axes (see `MapAxis.is_allclose`).
        """
        if not isinstance(other, HpxGeom):
            raise TypeError(f"cannot compare a HpxGeom with a {type(other).__name__}")
        return self.axes.is_allclose(other.axes, rtol=rtol, atol=atol) and self.is_same_sky(other)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, HpxGeom) and self.axes == other.axes and self.is_same_sky(other)

    def __hash__(self) -> int:
        return hash((self.nside, self.nest, self.frame, self.axes))

    def __repr__(self) -> str:
        part = "all sky" if self.region is None else f"{self.npix} pixels"
        return f"HpxGeom(nside {self.nside}, {self.ordering.lower()}, {part} ({self.frame}); axes {self._axes_text})"


def nside_from_binsz(binsz: float) -> int:
    """Smallest power of two whose pixels are no larger than a size [deg] (square root of the area).

    Parameters
    ----------
    binsz
        Size of a pixel [deg].

    Examples
    --------
    >>> nside_from_binsz(1.0)
    64
    """
    if not binsz > 0:
        raise ValueError(f"the pixel size must be positive, got {binsz}")
    exact = np.degrees(np.sqrt(np.pi / 3)) / binsz
    return int(2 ** max(0, np.ceil(np.log2(exact) - 1e-9)))

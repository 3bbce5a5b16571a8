"""Values on HEALPix pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from gjax.maps.arithmetic import to_value
from gjax.maps.axis import MapAxis
from gjax.maps.coord import MapCoord
from gjax.maps.hpx_geom import HpxGeom
from gjax.maps.nd_map import Map
from gjax.maps.pixel_map import AbstractPixelMap
from gjax.maps.scales import SCALES

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gjax.maps.region_map import RegionNDMap
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["HpxNDMap"]


class HpxNDMap(AbstractPixelMap):
    """Values with a unit on HEALPix pixels, times other axes; see `Map` for the arguments.

    Examples
    --------
    >>> counts = HpxNDMap.create(nside=4).fill_by_coord({"lon": [10.0, 10.0], "lat": [20.0, -20.0]})
    >>> counts.data.sum(), counts.data.shape
    (np.float64(2.0), (192,))
    """

    _geom: HpxGeom

    @staticmethod
    def create(
        nside: int | None = None,
        binsz: Any = None,
        nest: bool = True,
        frame: str = "icrs",
        region: Any = None,
        axes: Sequence[MapAxis] | None = None,
        skydir: Any = None,
        width: Any = None,
        dtype: Any = "float64",
        meta: dict[str, Any] | None = None,
        unit: Any = "",
        data: Any = None,
    ) -> HpxNDMap:
        """Map on a new geometry.

        Parameters
        ----------
        nside, binsz, nest, frame, region, axes, skydir, width
            See `HpxGeom.create`.
        dtype, meta, unit, data
            See `Map`.
        """
        geom = HpxGeom.create(nside, binsz, nest, frame, region, axes, skydir, width)
        return HpxNDMap(geom, data=data, unit=unit, meta=meta, dtype=dtype)

    @property
    def geom(self) -> HpxGeom:
        """Geometry."""
        return self._geom

    # ---- filling and reading ----

    def fill_by_coord(self, coords: Any, weights: Any = None) -> HpxNDMap:
        """Return a map in which every coordinate inside adds one (or its weight) to its pixel.

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        weights
            Array in the shape of the coordinates; a Quantity is converted to the unit of the map.
        """
        if self.is_bool:
            raise TypeError("a mask cannot be filled")
        index = np.broadcast_arrays(*self._geom.coord_to_idx(coords))
        inside = np.all([i >= 0 for i in index], axis=0)
        data = self._data.astype(np.result_type(self._data, float)) if weights is not None else self._data.copy()
        given: Any = 1
        if weights is not None:
            weights = to_value(weights, self._unit, "weights") if isinstance(weights, u.Quantity) else weights
            given = np.broadcast_to(weights, inside.shape)[inside]
        np.add.at(data, tuple(i[inside] for i in index[::-1]), given)
        return self.copy(data=data)

    def get_by_coord(self, coords: Any, fill_value: Any = np.nan) -> np.ndarray:
        """Values of the pixels that hold coordinates.

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        fill_value
            Value outside (False for masks).
        """
        index = np.broadcast_arrays(*self._geom.coord_to_idx(coords))
        inside = np.all([i >= 0 for i in index], axis=0)
        values = self._data[tuple(np.where(inside, i, 0) for i in index[::-1])]
        return values & inside if self.is_bool else np.where(inside, values, fill_value)

    def interp_by_coord(
        self, coords: Any, method: str = "linear", fill_value: float | None = None, values_scale: str = "lin"
    ) -> np.ndarray:
        """Interpolate between the four pixels around a place, along axes in the scale of the axis.

        At the boundary of a part of the sky the pixels that are missing are left out.

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        method
            "linear" or "nearest".
        fill_value
            Value outside; None gives NaN outside of the pixels and continues axes linearly.
        values_scale
            Scale in which values are interpolated: "lin", "log" or "sqrt".
        """
        from gjax.maps.interpolation import interpolate_pixels

        if method not in ("linear", "nearest"):
            raise ValueError(f"method is {method!r}, expected 'linear' or 'nearest'")
        if method == "nearest":
            return self.get_by_coord(coords, np.nan if fill_value is None else fill_value)
        given = MapCoord.create(coords, axis_names=self._geom.axes.names)
        pixels, weights = self._geom.interp_weights(given)
        scale, inverse = SCALES[values_scale]
        axes = [axis.coord_to_pix(given[axis.name]) for axis in self._geom.axes]
        total: Any = 0.0
        norm: Any = 0.0
        for number, weight in zip(pixels, weights):
            inside = number >= 0
            position = [*axes[::-1], np.where(inside, number, 0)]
            values = interpolate_pixels(scale(self._data.astype(float)), position)
            total = total + np.where(inside, weight, 0.0) * values
            norm = norm + np.where(inside, weight, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            result = inverse(np.where(norm > 0, total / norm, np.nan))
        if fill_value is None:
            return result
        outside = ~self._geom.contains(given)
        return np.where(outside | ~np.isfinite(result), fill_value, result)

    def interp_to_geom(
        self, geom: Any, preserve_counts: bool = False, fill_value: float | None = 0.0, method: str = "linear"
    ) -> Any:
        """Return the map interpolated at the pixel centres of another geometry.

        Parameters
        ----------
        geom
            Geometry with the same axes (their bins may differ).
        preserve_counts
            Interpolate counts per solid angle.
        fill_value
            Value outside (None: NaN).
        method
            "linear" or "nearest".
        """
        coords = geom.get_coord() if geom.is_region else geom.get_coord(sparse=True)
        if self.is_bool:
            data = self.get_by_coord(coords)
        else:
            places = _finite_places(coords)
            data = self.interp_by_coord(places, method, fill_value)
            data = np.where(np.isfinite(coords["lon"].value) if "lon" in coords else True, data, np.nan)
            if preserve_counts:
                ratio = geom.solid_angle().to_value("sr") / self._geom.solid_angle().value
                data = data * ratio
        return Map.from_geom(geom, data=np.broadcast_to(data, geom.data_shape).copy(), unit=self._unit, meta=self.meta)

    # ---- parts, sums, other pixels ----

    def cutout(self, position: SkyCoord, width: Any, **_: Any) -> HpxNDMap:
        """Return the pixels whose centre lies in a disk.

        Parameters
        ----------
        position, width
            See `HpxGeom.cutout`.
        """
        geom = self._geom.cutout(position, width)
        return self.copy(geom=geom, data=self._data[..., self._geom.global_to_local(geom.ipix)])

    def upsample(self, factor: int, preserve_counts: bool = True) -> HpxNDMap:
        """Return the map with every pixel split.

        Parameters
        ----------
        factor
            Parts along one side; a power of two.
        preserve_counts
            Share the value among the parts; otherwise every part has it.
        """
        geom = self._geom.upsample(factor)
        source = _parents(geom, self._geom)
        data = self._data[..., source]
        return self.copy(geom=geom, data=data / factor**2 if preserve_counts and not self.is_bool else data)

    def downsample(self, factor: int, preserve_counts: bool = True) -> HpxNDMap:
        """Return the map with pixels merged.

        Parameters
        ----------
        factor
            Pixels to merge along one side; a power of two.
        preserve_counts
            Sum values; otherwise average them.
        """
        geom = self._geom.downsample(factor)
        target = _parents(self._geom, geom)
        values = np.nan_to_num(self._data.astype(float))
        data = np.zeros(geom.data_shape)
        for index in np.ndindex(data.shape[:-1]):
            data[index] = np.bincount(target, weights=values[index], minlength=geom.npix)
        number = np.bincount(target, minlength=geom.npix)
        if self.is_bool:
            return self.copy(geom=geom, data=data > 0)
        return self.copy(geom=geom, data=data if preserve_counts else data / number)

    def to_nside(self, nside: int, preserve_counts: bool = True) -> HpxNDMap:
        """Return the map at another resolution.

        Parameters
        ----------
        nside
            Resolution; a power of two.
        preserve_counts
            Conserve sums; otherwise averages.
        """
        if nside == self._geom.nside:
            return self
        if nside > self._geom.nside:
            return self.upsample(nside // self._geom.nside, preserve_counts)
        return self.downsample(self._geom.nside // nside, preserve_counts)

    def to_swapped(self) -> HpxNDMap:
        """Return the map with the other numbering of the pixels."""
        from gjax.maps.hpx_tools import swap_order

        geom = self._geom.to_swapped()
        source = self._geom.global_to_local(swap_order(geom.ipix, geom.nside, geom.nest))
        return self.copy(geom=geom, data=self._data[..., source])

    def to_wcs(
        self,
        proj: str = "AIT",
        oversample: float = 2,
        width_pix: int | None = None,
        normalize: bool = True,
        sum_bands: bool = False,
    ) -> WcsNDMap:
        """Return an image (cube) of the map: each image pixel has the value of the HEALPix pixel at its centre.

        Parameters
        ----------
        proj, oversample, width_pix
            See `HpxGeom.to_wcs_geom`.
        normalize
            Scale values with the ratio of the solid angles (for counts).
        sum_bands
            Sum over all axes first.
        """
        if sum_bands:
            return self.sum_over_axes(keepdims=False).to_wcs(proj, oversample, width_pix, normalize)
        geom = self._geom.to_wcs_geom(proj, oversample, width_pix)
        data = self.get_by_coord(geom.get_coord(sparse=True))
        if normalize and not self.is_bool:
            data = data * (geom.solid_angle().value / self._geom.solid_angle().value)
        return Map.from_geom(geom, data=data, unit=self._unit, meta=self.meta)

    def reproject_to_geom(self, geom: Any, preserve_counts: bool = False) -> Any:
        """Return the map on another geometry, interpolated; an image keeps the axes of this map.

        Parameters
        ----------
        geom
            Other geometry.
        preserve_counts
            Scale values with the ratio of the solid angles.
        """
        return self.interp_to_geom(geom.to_cube(self._geom.axes) if len(geom.axes) == 0 else geom, preserve_counts)

    def to_region_nd_map(
        self, region: Any = None, func: Callable[..., Any] = np.nansum, weights: Any = None, method: str = "nearest"
    ) -> RegionNDMap:
        """Return one value per bin of the axes from the pixels whose centre lies in a region.

        Parameters
        ----------
        region
            Sky region, or position; all pixels by default.
        func
            Function of the values in the region.
        weights
            Map multiplied with the data first; a mask selects pixels.
        method
            How the map is read at a position: "nearest" or "linear".
        """
        from gjax.maps.region_geom import RegionGeom
        from gjax.maps.region_map import RegionNDMap

        geom = RegionGeom.create(region, axes=self._geom.axes)
        if geom.region is not None and geom.is_all_point_sky_regions:
            data = self.interp_by_coord(geom.get_coord(), method=method)
            return RegionNDMap(geom, np.broadcast_to(data, geom.data_shape), unit=self._unit, meta=self.meta)
        inside = np.ones(self._geom.npix, dtype=bool)
        if geom.region is not None:
            inside = self._geom.to_image().region_mask(region).data
        chosen = np.ones(self._data.shape, dtype=bool)
        values = self._data
        if weights is not None:
            factor = np.broadcast_to(np.asarray(weights.data if isinstance(weights, Map) else weights), values.shape)
            chosen, values = (factor, values) if factor.dtype == bool else (chosen, values * factor)
        data = np.zeros(self._data.shape[:-1])
        for index in np.ndindex(data.shape):
            data[index] = func(values[index][inside & chosen[index]])
        return RegionNDMap(geom, data[..., np.newaxis, np.newaxis], unit=self._unit, meta=self.meta)

    def sample_coord(self, n_events: int, rng: Any = 0) -> MapCoord:
        """Draw coordinates with probabilities in proportion to the values; places are pixel centres.

        Parameters
        ----------
        n_events
            Number of coordinates.
        rng
            `numpy.random.Generator`, or a seed.
        """
        from gjax.maps.sampling import sample_pixels

        generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
        *axes, pixel = sample_pixels(self._data, n_events, generator)
        values = self._geom.pix_to_coord((np.rint(pixel), *axes[::-1]))
        return MapCoord(dict(zip(["lon", "lat", *self._geom.axes.names], values)), frame=self._geom.frame)

    # ---- pictures ----

    def plot(self, ax: Any = None, *, regions: Any = None, **options: Any) -> Any:
        """Draw the map, which must be one image; see `gjax.plot.plot_hpx_map`.

        Parameters
        ----------
        ax
            Axes with a celestial projection; a new one if None.
        regions
            Sky region, or list of them, to outline.
        **options
            ``label, title, scale, cmap, norm, vmin, vmax, colorbar``.
        """
        from gjax.plot.map_objects import plot_hpx_map

        return plot_hpx_map(self, ax=ax, regions=regions, **options)


def _finite_places(coords: Any) -> Any:
    if "lon" not in coords:
        return coords
    lon, lat = coords["lon"], coords["lat"]
    finite = np.isfinite(lon) & np.isfinite(lat)
    if finite.all():
        return coords
    data = {name: coords[name] for name in coords}
    data["lon"], data["lat"] = np.where(finite, lon, 0 * u.deg), np.where(finite, lat, 0 * u.deg)
    return MapCoord(data, frame=coords.frame)


def _parents(fine: HpxGeom, coarse: HpxGeom) -> np.ndarray:
    from gjax.maps.hpx_tools import swap_order

    number = (fine.nside // coarse.nside) ** 2
    nested = fine.ipix if fine.nest else swap_order(fine.ipix, fine.nside, nest=False)
    parent = nested // number
    return coarse.global_to_local(parent if coarse.nest else swap_order(parent, coarse.nside, nest=True))

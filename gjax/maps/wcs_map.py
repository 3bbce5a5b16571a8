"""Images and cubes: values on the pixels of a WCS projection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from gjax.maps.arithmetic import to_value
from gjax.maps.axis import MapAxis
from gjax.maps.coord import MapCoord
from gjax.maps.nd_map import Map
from gjax.maps.pixel_map import AbstractPixelMap
from gjax.maps.wcs_geom import WcsGeom
from gjax.maps.wcs_parts import margin

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gjax.maps.region_map import RegionNDMap

__all__ = ["WcsNDMap"]


class WcsNDMap(AbstractPixelMap):
    """Values with a unit on the pixels of a WCS projection, times other axes; see `Map` for the arguments.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> counts = WcsNDMap.create(npix=5, binsz=0.1, proj="TAN", axes=[axis])
    >>> counts = counts.fill_by_coord({"lon": [0.0, 0.1], "lat": [0.0, 0.0], "energy": [2, 5] * u.TeV})
    >>> counts.data.sum(axis=(1, 2))
    array([1., 1.])
    """

    _geom: WcsGeom

    @staticmethod
    def create(
        npix: Any = None,
        binsz: Any = 0.1,
        width: Any = None,
        proj: str = "CAR",
        frame: str = "icrs",
        refpix: tuple[float, float] | None = None,
        axes: Sequence[MapAxis] | None = None,
        skydir: Any = None,
        dtype: Any = "float64",
        meta: dict[str, Any] | None = None,
        unit: Any = "",
        data: Any = None,
    ) -> WcsNDMap:
        """Map on a new geometry.

        Parameters
        ----------
        npix, binsz, width, proj, frame, refpix, axes, skydir
            See `WcsGeom.create`.
        dtype, meta, unit, data
            See the class.
        """
        geom = WcsGeom.create(npix, binsz, proj, frame, refpix, axes, skydir, width)
        return WcsNDMap(geom, data=data, unit=unit, meta=meta, dtype=dtype)

    @property
    def geom(self) -> WcsGeom:
        """Geometry."""
        return self._geom

    # ---- filling and reading ----

    def _flat_index(self, coords: Any) -> tuple[np.ndarray, np.ndarray]:
        index = self._geom.coord_to_idx(coords)
        shape = np.broadcast_shapes(*(i.shape for i in index))
        inside = np.ones(shape, dtype=bool)
        flat = np.zeros(shape, dtype=np.intp)
        for numbers, size in zip(index[::-1], self._geom.data_shape):
            inside &= numbers >= 0
            flat = flat * size + numbers
        return flat, inside

    def fill_by_coord(self, coords: Any, weights: Any = None) -> WcsNDMap:
        """Return a map in which every coordinate inside adds one (or its weight) to its pixel.

        Parameters
        ----------
        coords
            Mapping with "skycoord" and one entry per axis, `MapCoord` or tuple (see `WcsGeom.coord_to_pix`).
        weights
            Array in the shape of the coordinates; a Quantity is converted to the unit of the map.
        """
        if self.is_bool:
            raise TypeError("a mask cannot be filled")
        flat, inside = self._flat_index(coords)
        given: Any = 1
        data = self._copied_data()
        if weights is not None:
            data = data.astype(np.result_type(data, float), copy=False)
            weights = to_value(weights, self._unit, "weights") if isinstance(weights, u.Quantity) else weights
            given = np.broadcast_to(weights, inside.shape)[inside]
        # Events are few compared to pixels: this is several times faster than a histogram of all pixels.
        np.add.at(data.reshape(-1), flat[inside], given)
        return self.copy(data=data)

    def get_by_idx(self, idx: Sequence[Any]) -> np.ndarray:
        """Values of pixels by number (x, y, axes ...)."""
        return self._data[tuple(np.asarray(i) for i in idx)[::-1]]

    def get_by_pix(self, pix: Sequence[Any], fill_value: Any = np.nan) -> np.ndarray:
        """Values of the pixels that hold continuous pixel coordinates (x, y, axes ...).

        Parameters
        ----------
        pix
            Pixel coordinates.
        fill_value
            Value outside (False for masks).
        """
        index = np.broadcast_arrays(*self._geom.pix_to_idx(pix))
        inside = np.all([i >= 0 for i in index], axis=0)
        values = self._data[tuple(np.where(inside, i, 0) for i in index[::-1])]
        return values & inside if self.is_bool else np.where(inside, values, fill_value)

    def get_by_coord(self, coords: Any, fill_value: Any = np.nan) -> np.ndarray:
        """Values of the pixels that hold coordinates.

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        fill_value
            Value outside (False for masks).
        """
        return self.get_by_pix(self._geom.coord_to_pix(coords), fill_value)

    def interp_by_pix(
        self, pix: Sequence[Any], method: str = "linear", fill_value: float | None = None, values_scale: str = "lin"
    ) -> np.ndarray:
        """Interpolate at continuous pixel coordinates (x, y, axes ...); see `interp_by_coord`.

        Parameters
        ----------
        pix
            Pixel coordinates.
        method, fill_value, values_scale
            See `interp_by_coord`.
        """
        from gjax.maps.interpolation import interpolate_pixels

        arrays = [np.asarray(p, dtype=float) for p in pix]
        values = interpolate_pixels(self._data, arrays[::-1], method, values_scale)
        if fill_value is None:
            return values
        inside = np.ones(values.shape, dtype=bool)
        for position, number in zip(arrays, self._data.shape[::-1]):
            inside &= (position >= -0.5) & (position < number - 0.5)
        return np.where(inside & np.isfinite(values), values, fill_value)

    def interp_by_coord(
        self, coords: Any, method: str = "linear", fill_value: float | None = None, values_scale: str = "lin"
    ) -> np.ndarray:
        """Interpolate between pixel centres, along axes in the scale of the axis.

        Values that are not finite count as zero (unless all of them are not).

        Parameters
        ----------
        coords
            See `WcsGeom.coord_to_pix`.
        method
            "linear" or "nearest".
        fill_value
            Value outside the map; None continues the outermost pixels linearly.
        values_scale
            Scale in which values are interpolated: "lin", "log" or "sqrt".

        Examples
        --------
        >>> image = WcsNDMap.create(npix=3, binsz=1, data=[[0, 1, 2]] * 3)
        >>> image.interp_by_coord({"lon": [0.25], "lat": [0.0]})
        array([0.75])
        """
        return self.interp_by_pix(self._geom.coord_to_pix(coords), method, fill_value, values_scale)

    def interp_to_geom(
        self,
        geom: Any,
        preserve_counts: bool = False,
        fill_value: float | None = 0.0,
        method: str = "linear",
        values_scale: str = "lin",
    ) -> Any:
        """Return the map interpolated at the pixel centres of another geometry.

        Parameters
        ----------
        geom
            Geometry with the same axes (their bins may differ).
        preserve_counts
            Interpolate counts per solid angle.
        fill_value
            Value outside (None extrapolates).
        method, values_scale
            See `interp_by_coord`.
        """
        coords = geom.get_coord() if geom.is_region else geom.get_coord(sparse=True)
        if self.is_bool:
            data = self.get_by_coord(coords)
        else:
            source = self
            if preserve_counts:
                source = self.copy(data=self._data / self._geom.solid_angle().value)
            data = source.interp_by_coord(coords, method, fill_value, values_scale)
            if preserve_counts:
                data = data * geom.solid_angle().to_value("sr")
        data = np.broadcast_to(data, geom.data_shape).copy()
        return Map.from_geom(geom, data=data, unit=self._unit, meta=self.meta)

    # ---- parts and sums ----

    def cutout(
        self, position: SkyCoord, width: Any, mode: str = "trim", odd_npix: bool = False, min_npix: int = 1
    ) -> WcsNDMap:
        """Return the part of the map around a position; pixels outside the map are zero (False).

        Parameters
        ----------
        position, width, mode, odd_npix, min_npix
            See `WcsGeom.cutout`.
        """
        return self._part(self._geom.cutout(position, width, mode, odd_npix, min_npix))

    def part_on(self, image: WcsGeom) -> WcsNDMap:
        """Return the part of the map on an image with the same pixels, such as a cutout of its geometry.

        Parameters
        ----------
        image
            Image, without other axes.
        """
        return self._part(image.to_cube(list(self._geom.axes)))

    def _part(self, geom: WcsGeom) -> WcsNDMap:
        if self.is_blank:
            return WcsNDMap(geom, unit=self._unit, meta=self.meta, dtype=self._dtype)
        parent, here = self._geom.overlap_slices(geom)
        data = np.zeros(geom.data_shape, dtype=self._data.dtype)
        data[(..., *here)] = self._data[(..., *parent)]
        return self.copy(geom=geom, data=data)

    def pad(self, pad_width: Any, mode: str = "constant", cval: Any = 0) -> WcsNDMap:
        """Return a larger map.

        Parameters
        ----------
        pad_width
            Pixels (or an angle) to add on each side, or (lon, lat).
        mode
            "constant", or another mode of `numpy.pad` such as "edge" and "reflect".
        cval
            Value of new pixels for "constant".
        """
        x, y = margin(self._geom, pad_width)
        width = [(0, 0)] * len(self._geom.axes) + [(y, y), (x, x)]
        options: dict[str, Any] = {"constant_values": cval} if mode == "constant" else {}
        data = np.pad(self._data, width, mode=mode, **options)  # type: ignore[call-overload]
        return self.copy(geom=self._geom.pad((x, y)), data=data)

    def crop(self, crop_width: Any) -> WcsNDMap:
        """Return a smaller map.

        Parameters
        ----------
        crop_width
            Pixels (or an angle) to remove on each side, or (lon, lat).
        """
        return self._part(self._geom.crop(crop_width))

    def downsample(
        self, factor: int, preserve_counts: bool = True, axis_name: str | None = None, weights: Any = None
    ) -> WcsNDMap:
        """Return the map with pixels (or bins of an axis) merged; NaN count as zero, masks are True if any pixel is.

        Parameters
        ----------
        factor
            Pixels to merge along one side.
        preserve_counts
            Sum values; otherwise average them.
        axis_name
            Axis to merge; the sky by default.
        weights
            Map or array multiplied with the data, and weighting the average.
        """
        from gjax.maps.resampling import downsample

        return downsample(self, factor, preserve_counts, axis_name, weights)

    def upsample(
        self, factor: int, order: int = 0, preserve_counts: bool = True, axis_name: str | None = None
    ) -> WcsNDMap:
        """Return the map with every pixel (or bin of an axis) split.

        Parameters
        ----------
        factor
            Parts along one side.
        order
            Order of the spline between pixels: 0 repeats values.
        preserve_counts
            Share the value among the parts, in proportion to their volume; otherwise every part has it.
        axis_name
            Axis to split; the sky by default.
        """
        from gjax.maps.resampling import upsample

        return upsample(self, factor, order, preserve_counts, axis_name)

    def resample(self, geom: WcsGeom, weights: Any = None, preserve_counts: bool = True) -> WcsNDMap:
        """Return the pixels of this map put, by their centres, into the pixels of another geometry.

        Parameters
        ----------
        geom
            Other geometry.
        weights
            Map or array multiplied with the data first.
        preserve_counts
            Sum the values that fall into a pixel; otherwise average them.
        """
        from gjax.maps.resampling import resample

        return resample(self, geom, weights, preserve_counts)

    def reproject_to_geom(self, geom: Any, preserve_counts: bool = False, precision_factor: int = 10) -> Any:
        """Return the map on another geometry, averaged (or summed) over the area of its pixels.

        Parameters
        ----------
        geom
            Other geometry; an image keeps the axes of this map.
        preserve_counts
            Conserve the sum of counts; otherwise values are averaged over area.
        precision_factor
            Sample points along one side of an old pixel, by which overlaps are measured.
        """
        from gjax.maps.resampling import reproject

        return reproject(self, geom, preserve_counts, precision_factor)

    # ---- smoothing ----

    def smooth(self, width: Any, kernel: str = "gauss", **kwargs: Any) -> WcsNDMap:
        """Return the map with every image smoothed.

        Parameters
        ----------
        width
            Sigma of the Gaussian, radius of the disk or side of the box [pixels, or an angle].
        kernel
            "gauss", "disk" or "box".
        **kwargs
            Options of the functions of scipy.ndimage, such as ``mode``.
        """
        from gjax.maps.smoothing import smooth

        return smooth(self, width, kernel, **kwargs)

    def convolve(self, kernel: Any, method: str = "fft", mode: str = "same") -> WcsNDMap:
        """Return the map convolved with a kernel.

        Parameters
        ----------
        kernel
            Array (an image for all, or one per image), map, or `~gjax.irf.PSFKernel`; an image convolved with a
            kernel with axes becomes a cube.
        method
            "fft" or "direct".
        mode
            "same" or "full".
        """
        from gjax.maps.smoothing import convolve

        return convolve(self, kernel, method, mode)

    def binary_erode(self, width: Any, kernel: str = "disk") -> WcsNDMap:
        """Return a mask without a margin along its boundaries; outside the map counts as False.

        Parameters
        ----------
        width
            Radius of a disk or side of a box [pixels, or an angle], rounded up to an odd number.
        kernel
            "disk" or "box".
        """
        from gjax.maps.wcs_masks import morphology

        return morphology(self, width, kernel, erode=True)

    def binary_dilate(self, width: Any, kernel: str = "disk") -> WcsNDMap:
        """Return a mask with a margin added along its boundaries.

        Parameters
        ----------
        width
            Radius of a disk or side of a box [pixels, or an angle], rounded up to an odd number.
        kernel
            "disk" or "box".
        """
        from gjax.maps.wcs_masks import morphology

        return morphology(self, width, kernel, erode=False)

    # ---- regions ----

    def mask_contains_region(self, region: Any) -> bool:
        """Whether any pixel of a mask (an image) lies in a region.

        Parameters
        ----------
        region
            Sky or pixel region, SkyCoord or DS9 string.
        """
        from gjax.maps.region_sums import mask_contains_region

        return mask_contains_region(self, region)

    def cutout_and_mask_region(self, region: Any = None) -> tuple[WcsNDMap, WcsNDMap]:
        """Return the part of the map around a region, and the mask image of the region on it.

        Parameters
        ----------
        region
            Sky region; the whole map by default.
        """
        from gjax.maps.region_sums import cutout_and_mask_region

        return cutout_and_mask_region(self, region)

    def to_region_nd_map(
        self, region: Any = None, func: Callable[..., Any] = np.nansum, weights: Any = None, method: str = "nearest"
    ) -> RegionNDMap:
        """Return one value per bin of the axes from the pixels in a region.

        Parameters
        ----------
        region
            Sky region, or position; the whole map by default.
        func
            Function of the values in the region, such as ``np.nansum``, ``np.nanmean``, ``np.any``.
        weights
            Map multiplied with the data first; a mask selects pixels.
        method
            How the map is read at a position: "nearest" or "linear".
        """
        from gjax.maps.region_sums import to_region_nd_map

        return to_region_nd_map(self, region, func, weights, method)

    # ---- random numbers ----

    def sample_coord(self, n_events: int, rng: Any = 0) -> MapCoord:
        """Draw coordinates with probabilities in proportion to the values, uniform within pixels.

        Parameters
        ----------
        n_events
            Number of coordinates.
        rng
            `numpy.random.Generator`, or a seed.

        Raises
        ------
        ValueError
            If a value is negative or not finite, or all are zero.
        """
        from gjax.maps.sampling import sample_coord

        return sample_coord(self, n_events, rng)

    # ---- pictures ----

    def plot(self, ax: Any = None, *, regions: Any = None, **options: Any) -> Any:
        """Draw the map, which must be one image; see `gjax.plot.plot_wcs_map`.

        Parameters
        ----------
        ax
            Axes with the projection of the map; a new one if None.
        regions
            Sky region, or list of them, to outline.
        **options
            ``label, title, scale, cmap, norm, vmin, vmax, colorbar``.
        """
        from gjax.plot.map_objects import plot_map_mask, plot_wcs_map

        if self.is_bool and not options and regions is None and ax is None:
            return plot_map_mask(self)
        return plot_wcs_map(self, ax=ax, regions=regions, **options)

    def plot_mask(self, ax: Any = None, **options: Any) -> Any:
        """Shade an image where this mask is False; see `gjax.plot.plot_map_mask`.

        Parameters
        ----------
        ax
            Axes of an image with the same pixels; a new one if None.
        **options
            ``color, alpha, edge``.
        """
        from gjax.plot.map_objects import plot_map_mask

        return plot_map_mask(self, ax=ax, **options)

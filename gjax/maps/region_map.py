"""Arrays on a region geometry: spectra of counts, exposure, background, masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u  # noqa: F401 (examples)
import numpy as np

from gjax.maps.axes import MapAxis
from gjax.maps.nd_map import Map
from gjax.maps.region_geom import RegionGeom
from gjax.maps.scales import interpolate_grid

__all__ = ["RegionNDMap"]


class RegionNDMap(Map):
    """Values with a unit on a region geometry; see `Map` for the arguments.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> counts = RegionNDMap.create("icrs;circle(83.63, 22.01, 0.11)", axes=[axis])
    >>> (counts + 2).sum_over_axes().data.ravel()
    array([6.])
    """

    _geom: RegionGeom

    # ---- constructors ----

    @classmethod
    def create(  # type: ignore[override]
        cls, region: Any, axes: Sequence[MapAxis] | None = None, **kwargs: Any
    ) -> RegionNDMap:
        """Map on a new geometry.

        Parameters
        ----------
        region, axes
            See `RegionGeom.create`, which also takes ``frame``, ``wcs``, ``binsz_wcs``.
        **kwargs
            ``data, unit, meta, dtype`` of the map, or arguments of the geometry.
        """
        own = {name: kwargs.pop(name) for name in ("data", "unit", "meta", "dtype") if name in kwargs}
        return cls(RegionGeom.create(region, axes=axes, **kwargs), **own)

    @property
    def geom(self) -> RegionGeom:
        """Geometry."""
        return self._geom

    # ---- coordinates ----

    def _bins(self, coords: dict[str, Any]) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        axes = self._geom.axes
        missing = [name for name in axes.names if name not in coords]
        if missing:
            raise ValueError(f"coordinates for the axes {missing} are missing; given: {list(coords)}")
        index = [axis.coord_to_idx(coords[axis.name]) for axis in axes]
        inside = np.ones(1, dtype=bool)
        for bins in index:
            inside = inside & (bins >= 0)
        if self._geom.region is not None and coords.get("skycoord") is not None:
            inside = inside & self._geom.contains(coords["skycoord"])
        shape = np.broadcast_shapes(inside.shape, *(bins.shape for bins in index))
        inside = np.broadcast_to(inside, shape)
        return tuple(np.broadcast_to(bins, shape) for bins in index[::-1]), inside

    def fill_by_coord(self, coords: dict[str, Any], weights: Any = None) -> RegionNDMap:
        """Return a map in which every coordinate inside adds one (or its weight) to its bin.

        Parameters
        ----------
        coords
            One array or Quantity per axis, and optionally "skycoord": those outside the region are not counted.
        weights
            Array in the shape of the coordinates.
        """
        bins, inside = self._bins(coords)
        data = self._data.astype(np.result_type(self._data, float)) if weights is not None else self._data.copy()
        if data.dtype == bool:
            raise TypeError("a mask cannot be filled")
        shape = data.shape[:-2]
        if shape:
            flat = np.ravel_multi_index(tuple(b[inside] for b in bins), shape)
        else:
            flat = np.zeros(np.count_nonzero(inside), dtype=int)
        given = None if weights is None else np.broadcast_to(weights, inside.shape)[inside]
        counts = np.bincount(flat, weights=given, minlength=int(np.prod(shape)))
        return self.copy(data=data + counts.reshape(data.shape))

    def get_by_coord(self, coords: dict[str, Any]) -> np.ndarray:
        """Values of the bins that hold the coordinates (NaN outside; False for masks)."""
        bins, inside = self._bins(coords)
        outside: Any = False if self.is_bool else np.nan
        values = np.full(inside.shape, outside, dtype=bool if self.is_bool else float)
        values[inside] = self._data[..., 0, 0][tuple(b[inside] for b in bins)] if bins else self._data[0, 0]
        return values

    def interp_by_coord(
        self, coords: dict[str, Any], method: str = "linear", fill_value: float | None = None
    ) -> np.ndarray:
        """Interpolate between bin centres, linear in the scale of each axis.

        Parameters
        ----------
        coords
            One array or Quantity per axis; they are broadcast against each other. Places on the sky are ignored.
        method
            "linear" or "nearest".
        fill_value
            Value outside the outermost centres; None extrapolates.

        Examples
        --------
        >>> axis = MapAxis([0, 1, 2, 3], name="energy", unit="TeV")
        >>> RegionNDMap.create(None, axes=[axis], data=[1.0, 2.0, 3.0]).interp_by_coord({"energy": [1, 2.0] * u.TeV})
        array([1.5, 2.5])
        """
        if method not in ("linear", "nearest"):
            raise ValueError(f"method is {method!r}, expected 'linear' or 'nearest'")
        axes = self._geom.axes
        pix = np.broadcast_arrays(*[axes[name].coord_to_pix(coords[name]) for name in axes.names[::-1]])
        values = self._data[..., 0, 0].astype(float)
        result = interpolate_grid(values, pix, nearest=method == "nearest")
        outside = np.any([(p < 0) | (p > number - 1) for number, p in zip(values.shape, pix)], axis=0)
        return result if fill_value is None else np.where(outside, fill_value, result)

    # ---- files and display ----

    @classmethod
    def read(  # type: ignore[override]
        cls, path: Any, format: str = "gadf", hdu: str = "SKYMAP"
    ) -> RegionNDMap:
        """Read a map from a FITS file in the "gadf" format; see `gjax.maps.region_io.map_from_hdus`.

        Parameters
        ----------
        path
            FITS file.
        format
            "gadf".
        hdu
            Name of the HDU with the values.
        """
        from gjax.fits import open_fits
        from gjax.maps.region_io import map_from_hdus

        with open_fits(path) as hdus:
            return map_from_hdus(hdus, hdu, path, format)

    def write(  # type: ignore[override]
        self, path: Any, format: str = "gadf", hdu: str = "SKYMAP", *, overwrite: bool = False
    ) -> None:
        """Write the map, its axes and region to a FITS file.

        Parameters
        ----------
        path
            FITS file to write.
        format
            "gadf".
        hdu
            Name of the HDU with the values.
        overwrite
            Replace an existing file.
        """
        from gjax.fits import write_fits
        from gjax.maps.region_io import map_to_hdus

        hdus = map_to_hdus(self, hdu, format)
        write_fits(hdus, path, overwrite=overwrite)

    def plot(self, ax: Any = None, *, axis_name: str | None = None, **options: Any) -> Any:
        """Draw the values along one axis; see `gjax.plot.plot_region_map`.

        Parameters
        ----------
        ax
            Axes; a new one if None.
        axis_name
            Axis to draw along; the first by default.
        **options
            Given to ``ax.stairs``.
        """
        from gjax.plot.map_objects import plot_region_map

        return plot_region_map(self, axis_name=axis_name, ax=ax, **options)

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

        return plot_region_outline(self._geom, ax=ax, **options)

"""Arrays on a region geometry: spectra of counts, exposure, background, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np

from gjax.errors import UnitError
from gjax.maps.axes import MapAxis
from gjax.maps.region_geom import RegionGeom
from gjax.maps.scales import interpolate_grid

__all__ = ["RegionNDMap"]


class RegionNDMap:
    """Values with a unit on a region geometry.

    Parameters
    ----------
    geom
        Geometry.
    data
        Array that broadcasts to ``geom.data_shape``, a Quantity, or a number; zeros by default.
    unit
        Unit of ``data`` (a Quantity is converted to it).
    meta
        Anything worth keeping; copied.
    dtype
        Type of the array made when ``data`` is None.

    Raises
    ------
    ValueError
        If the shape does not fit the geometry.
    UnitError
        If a Quantity cannot be converted to ``unit``.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> counts = RegionNDMap.create("icrs;circle(83.63, 22.01, 0.11)", axes=[axis])
    >>> (counts + 2).sum_over_axes().data.ravel()
    array([6.])
    """

    def __init__(
        self,
        geom: RegionGeom,
        data: Any = None,
        unit: Any = "",
        meta: dict[str, Any] | None = None,
        dtype: Any = "float64",
    ) -> None:
        self._geom = geom
        self._unit = u.Unit(unit)
        self.meta: dict[str, Any] = dict(meta or {})
        shape = geom.data_shape
        if data is None:
            self._data = np.zeros(shape, dtype=dtype)
            return
        if isinstance(data, u.Quantity):
            data = _to_value(data, self._unit, "map") if unit not in ("", None) else data
            if isinstance(data, u.Quantity):
                self._unit, data = data.unit, data.value
        data = np.asarray(data)
        if data.shape != shape:
            if data.ndim == 1 and data.size == int(np.prod(shape)):
                data = data.reshape(shape)
            else:
                try:
                    data = np.broadcast_to(data, shape).copy()
                except ValueError as error:
                    raise ValueError(
                        f"data of shape {data.shape} do not fit the geometry, which has {shape}"
                    ) from error
        self._data = data

    # ---- constructors ----

    @classmethod
    def create(cls, region: Any, axes: Sequence[MapAxis] | None = None, **kwargs: Any) -> RegionNDMap:
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

    @classmethod
    def from_geom(
        cls,
        geom: RegionGeom,
        data: Any = None,
        unit: Any = "",
        meta: dict[str, Any] | None = None,
        dtype: Any = "float64",
    ) -> RegionNDMap:
        """Map on an existing geometry.

        Parameters
        ----------
        geom, data, unit, meta, dtype
            See the class.
        """
        return cls(geom, data=data, unit=unit, meta=meta, dtype=dtype)

    # ---- what it holds ----

    @property
    def geom(self) -> RegionGeom:
        """Geometry."""
        return self._geom

    @property
    def data(self) -> np.ndarray:
        """Values, in the shape of the geometry."""
        return self._data

    @property
    def unit(self) -> u.UnitBase:
        """Unit of the values."""
        return self._unit

    @cached_property
    def quantity(self) -> u.Quantity:
        """Values with their unit."""
        return u.Quantity(self._data, self._unit, copy=False)

    @property
    def is_bool(self) -> bool:
        """Whether the map is a mask."""
        return self._data.dtype == bool

    def copy(self, **changes: Any) -> RegionNDMap:
        """Return the map with ``geom``, ``data``, ``unit`` or ``meta`` changed (data are copied otherwise)."""
        kept = {"geom": self._geom, "unit": self._unit, "meta": self.meta}
        if "data" not in changes:
            kept["data"] = self._data.copy()
        return RegionNDMap(**{**kept, **changes})

    def to_unit(self, unit: Any) -> RegionNDMap:
        """Return the map in another unit."""
        return self.copy(data=_to_value(self.quantity, u.Unit(unit), "map"), unit=unit)

    # ---- arithmetic ----

    def _operand(self, other: Any) -> Any:
        if isinstance(other, RegionNDMap):
            if other.geom.data_shape != self._geom.data_shape and 1 not in other.geom.axes.shape:
                raise ValueError(f"maps of shape {self._data.shape} and {other.data.shape} do not combine")
            return other.quantity
        return other if isinstance(other, u.Quantity) else np.asarray(other)

    def _same_unit(self, other: Any) -> np.ndarray:
        operand = self._operand(other)
        if not isinstance(operand, u.Quantity):
            # A bare number means "in the unit of this map".
            return operand
        return _to_value(operand, self._unit, "operand")

    def _product(self, other: Any, function: Callable[[Any, Any], Any], *, reverse: bool = False) -> RegionNDMap:
        operand = self._operand(other)
        unit = operand.unit if isinstance(operand, u.Quantity) else u.dimensionless_unscaled
        value = operand.value if isinstance(operand, u.Quantity) else operand
        pair, units = (self._data, value), (self._unit, unit)
        if reverse:
            pair, units = pair[::-1], units[::-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.copy(data=function(*pair), unit=function(*units))

    def __add__(self, other: Any) -> RegionNDMap:
        return self.copy(data=self._data + self._same_unit(other))

    def __sub__(self, other: Any) -> RegionNDMap:
        return self.copy(data=self._data - self._same_unit(other))

    def __rsub__(self, other: Any) -> RegionNDMap:
        return self.copy(data=self._same_unit(other) - self._data)

    def __mul__(self, other: Any) -> RegionNDMap:
        return self._product(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> RegionNDMap:
        return self._product(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> RegionNDMap:
        return self._product(other, lambda a, b: a / b, reverse=True)

    __radd__ = __add__
    __rmul__ = __mul__

    def _compare(self, other: Any, function: Callable[[Any, Any], Any]) -> RegionNDMap:
        return self.copy(data=function(self._data, self._same_unit(other)), unit="")

    def __gt__(self, other: Any) -> RegionNDMap:
        return self._compare(other, np.greater)

    def __ge__(self, other: Any) -> RegionNDMap:
        return self._compare(other, np.greater_equal)

    def __lt__(self, other: Any) -> RegionNDMap:
        return self._compare(other, np.less)

    def __le__(self, other: Any) -> RegionNDMap:
        return self._compare(other, np.less_equal)

    def __eq__(self, other: object) -> RegionNDMap:  # type: ignore[override]
        return self._compare(other, np.equal)

    def __ne__(self, other: object) -> RegionNDMap:  # type: ignore[override]
        return self._compare(other, np.not_equal)

    __hash__ = None  # type: ignore[assignment]

    @staticmethod
    def _bare(other: Any) -> np.ndarray:
        return other.data if isinstance(other, RegionNDMap) else np.asarray(other)

    def __and__(self, other: Any) -> RegionNDMap:
        return self.copy(data=np.logical_and(self._data, self._bare(other)), unit="")

    def __or__(self, other: Any) -> RegionNDMap:
        return self.copy(data=np.logical_or(self._data, self._bare(other)), unit="")

    def __xor__(self, other: Any) -> RegionNDMap:
        return self.copy(data=np.logical_xor(self._data, self._bare(other)), unit="")

    def __invert__(self) -> RegionNDMap:
        return self.copy(data=np.logical_not(self._data), unit="")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._data, dtype=dtype, copy=copy)

    def is_allclose(self, other: RegionNDMap, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
        """Whether geometry and (converted) values agree.

        Parameters
        ----------
        other
            Other map.
        rtol, atol
            Tolerances of the values, ``atol`` in the unit of this map.
        """
        if not self._geom.is_allclose(other.geom) or not self._unit.is_equivalent(other.unit):
            return False
        return bool(np.allclose(self._data, self._same_unit(other), rtol=rtol, atol=atol, equal_nan=True))

    # ---- axes ----

    def _dimension(self, axis_name: str) -> int:
        return len(self._geom.axes) - 1 - self._geom.axes.index(axis_name)

    def reduce_over_axes(
        self, func: Any = np.add, axes_names: Sequence[str] | None = None, keepdims: bool = True
    ) -> RegionNDMap:
        """Reduce over axes with a numpy ufunc (``np.add``, ``np.logical_or``, ``np.maximum`` ...).

        Parameters
        ----------
        func
            The ufunc.
        axes_names
            Axes to reduce; all by default.
        keepdims
            Keep the reduced axes with one bin instead of dropping them.
        """
        names = list(self._geom.axes.names if axes_names is None else axes_names)
        geom, data = self._geom, self._data
        data = func.reduce(data, axis=tuple(self._dimension(name) for name in names), keepdims=True)
        for name in names:
            geom = geom.squash(name) if keepdims else geom.drop(name)
        return self.copy(geom=geom, data=data.reshape(geom.data_shape))

    def sum_over_axes(self, axes_names: Sequence[str] | None = None, keepdims: bool = True) -> RegionNDMap:
        """Sum over axes (all by default); see `reduce_over_axes`.

        Parameters
        ----------
        axes_names
            Axes to sum over; all by default.
        keepdims
            Keep the axes with one bin instead of dropping them.
        """
        return self.reduce_over_axes(np.add, axes_names, keepdims)

    def slice_by_idx(self, slices: dict[str, slice | int]) -> RegionNDMap:
        """Return the bins selected by slices per axis; a number selects one bin and keeps the axis.

        Examples
        --------
        >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
        >>> m = RegionNDMap.create(None, axes=[axis], data=[1.0, 2.0, 3.0])
        >>> m.slice_by_idx({"energy": slice(1, 3)}).data.ravel()
        array([2., 3.])
        """
        index: list[Any] = [slice(None)] * self._data.ndim
        ranges: dict[str, slice] = {}
        for name, item in slices.items():
            nbin = self._geom.axes[name].nbin
            if not isinstance(item, slice):
                if not -nbin <= item < nbin:
                    raise IndexError(f"axis {name!r} has {nbin} bins, bin {item} was asked for")
                item = slice(item % nbin, item % nbin + 1)
            ranges[name] = item
            index[self._dimension(name)] = item
        return self.copy(geom=self._geom.slice_by_idx(ranges), data=self._data[tuple(index)].copy())

    def resample_axis(self, axis: MapAxis, weights: Any = None, ufunc: Any = np.add) -> RegionNDMap:
        """Merge bins along the axis of the same name into coarser bins; bins outside the new axis are dropped.

        Parameters
        ----------
        axis
            New axis; its edges are rounded to the nearest old edges.
        weights
            Map or array multiplied with the data first, such as a mask.
        ufunc
            How bins are merged: ``np.add``, ``np.logical_or`` ...
        """
        old = self._geom.axes[axis.name]
        groups = old.group_table(axis.edges)
        groups = groups[groups["bin_type"] == "normal"]
        starts = np.asarray(groups["idx_min"])
        stop = int(groups["idx_max"][-1]) + 1
        cuts = np.append(starts, stop)
        new_axis = MapAxis(old.edges[cuts], interp=axis.interp, name=axis.name)  # type: ignore[arg-type]
        data = self._data
        if weights is not None:
            data = data * np.asarray(weights.data if isinstance(weights, RegionNDMap) else weights)
        dimension = self._dimension(axis.name)
        data = np.take(data, np.arange(stop), axis=dimension)
        return self.copy(geom=self._geom.replace_axis(new_axis), data=ufunc.reduceat(data, starts, axis=dimension))

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

    def fill_events(self, events: Any, weights: Any = None) -> RegionNDMap:
        """Return a map to which the events inside the region are added.

        Parameters
        ----------
        events
            An `~gjax.data.EventList` (anything with ``map_coord(geom)``).
        weights
            One number per event.
        """
        return self.fill_by_coord(events.map_coord(self._geom), weights=weights)

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
    def read(cls, path: Any, format: str = "gadf", hdu: str = "SKYMAP") -> RegionNDMap:
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

    def write(self, path: Any, format: str = "gadf", hdu: str = "SKYMAP", *, overwrite: bool = False) -> None:
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
        from gjax.fits import write_atomic
        from gjax.maps.region_io import map_to_hdus

        hdus = map_to_hdus(self, hdu, format)
        write_atomic(path, lambda temporary: hdus.writeto(temporary), overwrite=overwrite)

    def __repr__(self) -> str:
        unit = f" {self._unit}" if str(self._unit) else ""
        return f"RegionNDMap({self._data.dtype}{unit}, shape {self._data.shape}, {self._geom!r})"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def _to_value(quantity: u.Quantity, unit: u.UnitBase, what: str) -> np.ndarray:
    try:
        return quantity.to_value(unit)
    except u.UnitConversionError as error:
        raise UnitError(f"{what} in {str(quantity.unit)!r}, expected a unit like {str(unit)!r}") from error

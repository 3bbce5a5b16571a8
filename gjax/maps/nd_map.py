"""What maps on all geometries share: values with a unit, arithmetic, operations along axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self

import astropy.units as u
import numpy as np

from gjax.maps.arithmetic import check_place, join_maps, product, same_unit, to_value
from gjax.maps.axis import MapAxis

__all__ = ["Map"]


class Map:
    """Values with a unit on a geometry; `Map.create`, `Map.from_geom` and `Map.read` choose the class.

    The classes are `WcsNDMap` (images and cubes), `RegionNDMap` (one region) and `HpxNDMap` (HEALPix).
    No method changes a map: what differs is returned as a new one.

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
    >>> image = Map.create(npix=(4, 3), binsz=0.5, unit="cm-2")
    >>> type(image).__name__, image.data.shape, image.unit
    ('WcsNDMap', (3, 4), Unit("1 / cm2"))
    """

    def __init__(
        self,
        geom: Any,
        data: Any = None,
        unit: Any = "",
        meta: dict[str, Any] | None = None,
        dtype: Any = "float64",
    ) -> None:
        if type(self) is Map:
            raise TypeError("Map has no maps of its own: use Map.from_geom(geom) or Map.create(...)")
        self._geom = geom
        self._unit = u.Unit(unit if unit is not None else "")
        self.meta: dict[str, Any] = dict(meta or {})
        shape = geom.data_shape
        if data is None:
            self._dtype = np.dtype(dtype)
            return
        if isinstance(data, u.Quantity):
            data = to_value(data, self._unit, "map") if unit not in ("", None) else data
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

    @staticmethod
    def create(*args: Any, **kwargs: Any) -> Any:
        """Map on a new geometry: ``map_type`` "wcs" (default), "hpx" or "region".

        Parameters
        ----------
        *args, **kwargs
            Arguments of ``WcsNDMap.create``, ``HpxNDMap.create`` or ``RegionNDMap.create``; without ``map_type`` an
            argument ``nside`` makes a HEALPix map and ``region`` without ``npix`` and ``binsz`` a region map.
        """
        from gjax.maps.factory import create_map

        return create_map(*args, **kwargs)

    @staticmethod
    def from_geom(
        geom: Any, data: Any = None, unit: Any = "", meta: dict[str, Any] | None = None, dtype: Any = "float64"
    ) -> Any:
        """Map on an existing geometry, of the class that belongs to it.

        Parameters
        ----------
        geom, data, unit, meta, dtype
            See the class.
        """
        from gjax.maps.factory import map_class

        return map_class(geom)(geom, data=data, unit=unit, meta=meta, dtype=dtype)

    @staticmethod
    def read(path: Any, hdu: str | int | None = None, format: str | None = None, **kwargs: Any) -> Any:
        """Read a map from a FITS file; see `gjax.maps.map_io.read_map`.

        Parameters
        ----------
        path
            FITS file.
        hdu
            Name or number of the HDU with the values; by default the first one with data.
        format
            Format; by default it is recognised from the file.
        **kwargs
            See `read_map`.
        """
        from gjax.maps.map_io import read_map

        return read_map(path, hdu=hdu, format=format, **kwargs)

    def write(
        self,
        path: Any,
        *,
        hdu: str | None = None,
        format: str = "gadf",
        sparse: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Write the map to a FITS file; see `gjax.maps.map_io.write_map`.

        Parameters
        ----------
        path
            FITS file to write.
        hdu
            Name of the HDU with the values; by default "PRIMARY" for images and cubes, "SKYMAP" for tables.
        format
            Format: "gadf", for images also "fgst-ccube" and "fgst-template".
        sparse
            Write a table of the pixels that are not zero.
        overwrite
            Replace an existing file.
        """
        from gjax.maps.map_io import write_map

        write_map(self, path, hdu=hdu, format=format, sparse=sparse, overwrite=overwrite)

    # ---- what it holds ----

    @property
    def geom(self) -> Any:
        """Geometry."""
        return self._geom

    @cached_property
    def _data(self) -> np.ndarray:
        # Zeros are made when they are asked for: empty datasets serve as templates that are cut out and filled.
        return np.zeros(self._geom.data_shape, dtype=self._dtype)

    @property
    def is_blank(self) -> bool:
        """Whether the map was made without data, and nobody asked for them: all values are zero."""
        return "_data" not in self.__dict__

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
        dtype = self._dtype if self.is_blank else self._data.dtype
        return bool(dtype.kind == "b")

    @property
    def is_mask(self) -> bool:
        """Whether the map is a mask."""
        return self.is_bool

    def copy(self, **changes: Any) -> Self:
        """Return the map with ``geom``, ``data``, ``unit`` or ``meta`` changed (data are copied otherwise)."""
        kept = {"geom": self._geom, "unit": self._unit, "meta": self.meta}
        if self.is_blank and not {"data", "geom"} & set(changes):
            kept["dtype"] = self._dtype
        elif "data" not in changes:
            kept["data"] = self._data.copy()
        return type(self)(**{**kept, **changes})

    def _copied_data(self) -> np.ndarray:
        """Array of the values that may be changed."""
        return np.zeros(self._geom.data_shape, dtype=self._dtype) if self.is_blank else self._data.copy()

    def to_unit(self, unit: Any) -> Self:
        """Return the map in another unit."""
        return self.copy(data=to_value(self.quantity, u.Unit(unit), "map"), unit=unit)

    # ---- filling ----

    def fill_by_coord(self, coords: Any, weights: Any = None) -> Self:
        """Return a map in which every coordinate inside adds one (or its weight) to its bin.

        Parameters
        ----------
        coords
            Mapping with "skycoord" and one entry per axis.
        weights
            Array in the shape of the coordinates.
        """
        raise NotImplementedError

    def fill_events(self, events: Any, weights: Any = None) -> Self:
        """Return a map to which the events inside are added.

        Parameters
        ----------
        events
            An `~gjax.data.EventList` (anything with ``map_coord(geom)``).
        weights
            One number per event.
        """
        return self.fill_by_coord(events.map_coord(self._geom), weights=weights)

    # ---- arithmetic ----

    def __add__(self, other: Any) -> Self:
        return self.copy(data=self._data + same_unit(self, other))

    def __sub__(self, other: Any) -> Self:
        return self.copy(data=self._data - same_unit(self, other))

    def __rsub__(self, other: Any) -> Self:
        return self.copy(data=same_unit(self, other) - self._data)

    def __mul__(self, other: Any) -> Self:
        return product(self, other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Self:
        return product(self, other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Self:
        return product(self, other, lambda a, b: a / b, reverse=True)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self.copy(data=-self._data)

    def _compare(self, other: Any, function: Callable[[Any, Any], Any]) -> Self:
        return self.copy(data=function(self._data, same_unit(self, other)), unit="")

    def __gt__(self, other: Any) -> Self:
        return self._compare(other, np.greater)

    def __ge__(self, other: Any) -> Self:
        return self._compare(other, np.greater_equal)

    def __lt__(self, other: Any) -> Self:
        return self._compare(other, np.less)

    def __le__(self, other: Any) -> Self:
        return self._compare(other, np.less_equal)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._compare(other, np.equal)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._compare(other, np.not_equal)

    __hash__ = None  # type: ignore[assignment]

    def _bare(self, other: Any) -> np.ndarray:
        if isinstance(other, Map):
            check_place(self, other)
            return other.data
        return np.asarray(other)

    def __and__(self, other: Any) -> Self:
        return self.copy(data=np.logical_and(self._data, self._bare(other)), unit="")

    def __or__(self, other: Any) -> Self:
        return self.copy(data=np.logical_or(self._data, self._bare(other)), unit="")

    def __xor__(self, other: Any) -> Self:
        return self.copy(data=np.logical_xor(self._data, self._bare(other)), unit="")

    def __invert__(self) -> Self:
        return self.copy(data=np.logical_not(self._data), unit="")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._data, dtype=dtype, copy=copy)

    def is_allclose(self, other: Map, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
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
        return bool(np.allclose(self._data, same_unit(self, other), rtol=rtol, atol=atol, equal_nan=True))

    # ---- axes ----

    def _dimension(self, axis_name: str) -> int:
        return len(self._geom.axes) - 1 - self._geom.axes.index(axis_name)

    def _weighted(self, weights: Any) -> np.ndarray:
        if weights is None:
            return self._data
        return self._data * np.asarray(weights.data if isinstance(weights, Map) else weights)

    def reduce_over_axes(
        self, func: Any = np.add, axes_names: Sequence[str] | None = None, keepdims: bool = True, weights: Any = None
    ) -> Self:
        """Reduce over axes with a numpy ufunc (``np.add``, ``np.logical_or``, ``np.maximum`` ...).

        Parameters
        ----------
        func
            The ufunc.
        axes_names
            Axes to reduce; all by default.
        keepdims
            Keep the reduced axes with one bin instead of dropping them.
        weights
            Map or array multiplied with the data first, such as a mask.
        """
        names = list(self._geom.axes.names if axes_names is None else axes_names)
        geom, data = self._geom, self._weighted(weights)
        if names:
            data = func.reduce(data, axis=tuple(self._dimension(name) for name in names), keepdims=True)
        for name in names:
            geom = geom.squash(name) if keepdims else geom.drop(name)
        return self.copy(geom=geom, data=data.reshape(geom.data_shape))

    def sum_over_axes(
        self, axes_names: Sequence[str] | None = None, keepdims: bool = True, weights: Any = None
    ) -> Self:
        """Sum over axes (all by default); see `reduce_over_axes`.

        Parameters
        ----------
        axes_names
            Axes to sum over; all by default.
        keepdims
            Keep the axes with one bin instead of dropping them.
        weights
            Map or array multiplied with the data first.
        """
        return self.reduce_over_axes(np.add, axes_names, keepdims, weights)

    def reduce(self, axis_name: str, func: Any = np.add, keepdims: bool = False, weights: Any = None) -> Self:
        """Reduce over one axis; see `reduce_over_axes`.

        Parameters
        ----------
        axis_name, func, keepdims, weights
            See `reduce_over_axes`.
        """
        return self.reduce_over_axes(func, [axis_name], keepdims, weights)

    def slice_by_idx(self, slices: dict[str, slice | int]) -> Self:
        """Return the bins selected by slices per axis; a number selects one bin and keeps the axis.

        Examples
        --------
        >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
        >>> m = Map.create(region=None, axes=[axis], data=[1.0, 2.0, 3.0])
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

    def resample_axis(self, axis: MapAxis, weights: Any = None, ufunc: Any = np.add) -> Self:
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
        from gjax.maps.axis_tools import merged_axis

        new_axis, starts, stop = merged_axis(self._geom.axes[axis.name], axis)
        dimension = self._dimension(axis.name)
        data = np.take(self._weighted(weights), np.arange(stop), axis=dimension)
        return self.copy(geom=self._geom.replace_axis(new_axis), data=ufunc.reduceat(data, starts, axis=dimension))

    def cumsum(self, axis_name: str) -> Self:
        """Return the integral along an axis up to each of its edges, which become the centres of the axis.

        Values are multiplied with the width of the bins, on an axis "rad" with the area of the rings.
        """
        from gjax.maps.integrals import cumulative

        return cumulative(self, axis_name)

    def integral(self, axis_name: str, coords: Any, **kwargs: Any) -> u.Quantity:
        """Integral along an axis from its first edge to coordinates.

        Parameters
        ----------
        axis_name
            Name of the axis.
        coords
            Mapping with the upper limit as coordinate of the axis, and the coordinates of all others.
        **kwargs
            See ``interp_by_coord``.
        """
        from gjax.maps.integrals import integral

        return integral(self, axis_name, coords, **kwargs)

    def normalize(self, axis_name: str) -> Self:
        """Return the map divided by its integral along an axis; where that is zero the values become zero."""
        from gjax.maps.integrals import normalize

        return normalize(self, axis_name)

    def rename_axes(self, names: Sequence[str], new_names: Sequence[str]) -> Self:
        """Return the map with axes renamed.

        Parameters
        ----------
        names, new_names
            Old and new names, of the same number.
        """
        return self.copy(geom=self._geom.copy(axes=self._geom.axes.rename_axes(names, new_names)))

    def reorder_axes(self, axes_names: Sequence[str]) -> Self:
        """Return the map with its axes in another order.

        Parameters
        ----------
        axes_names
            All names, in the new order.
        """
        axes = self._geom.axes
        if sorted(axes_names) != sorted(axes.names):
            raise ValueError(f"expected the axes {axes.names} in some order, got {list(axes_names)}")
        order = [self._dimension(name) for name in axes_names][::-1]
        rest = range(len(axes), self._data.ndim)
        geom = self._geom.copy(axes=[axes[name] for name in axes_names])
        return self.copy(geom=geom, data=np.transpose(self._data, (*order, *rest)))

    def to_cube(self, axes: Sequence[MapAxis]) -> Self:
        """Return the map with axes of one bin each appended."""
        if any(axis.nbin > 1 for axis in axes):
            raise ValueError("axes of a single bin are expected")
        geom = self._geom.to_cube(axes)
        return self.copy(geom=geom, data=self._data.reshape(geom.data_shape))

    def split_by_axis(self, axis_name: str) -> list[Self]:
        """Return one map per bin of an axis (which is dropped)."""
        dimension, geom = self._dimension(axis_name), self._geom.drop(axis_name)
        nbin = self._geom.axes[axis_name].nbin
        return [self.copy(geom=geom, data=np.take(self._data, i, axis=dimension)) for i in range(nbin)]

    def iter_by_axis(self, axis_name: str, keepdims: bool = False) -> Iterator[Self]:
        """Go through the bins of an axis.

        Parameters
        ----------
        axis_name
            Name of the axis.
        keepdims
            Keep the axis with one bin instead of dropping it.
        """
        for i, part in enumerate(self.split_by_axis(axis_name)):
            yield self.slice_by_idx({axis_name: i}) if keepdims else part

    def iter_by_image(self) -> Iterator[Self]:
        """Go through all images, the first axis fastest."""
        geom = self._geom.to_image()
        for index in np.ndindex(self._geom.axes.shape[::-1]):
            yield self.copy(geom=geom, data=self._data[index])

    @classmethod
    def from_stack(cls, maps: Sequence[Any], axis: MapAxis | None = None, axis_name: str | None = None) -> Any:
        """Join maps along an axis.

        Parameters
        ----------
        maps
            Maps on one place of the sky.
        axis
            New axis, one bin per map.
        axis_name
            Instead: axis that the maps have, whose bins follow each other.
        """
        return join_maps(maps, axis, axis_name)

    def __repr__(self) -> str:
        unit = f" {self._unit}" if str(self._unit) else ""
        return f"{type(self).__name__}({self._data.dtype}{unit}, shape {self._data.shape}, {self._geom!r})"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

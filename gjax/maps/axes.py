"""The non-spatial axes of a map, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import astropy.units as u
import numpy as np
from astropy.table import Table

from gjax.maps.axis import MapAxis
from gjax.maps.label_axis import LabelMapAxis
from gjax.maps.time_axis import TimeMapAxis

__all__ = ["MapAxes", "MapAxis"]


class MapAxes(Sequence[MapAxis]):
    """An immutable sequence of axes with unique names; index it by number or by name.

    Parameters
    ----------
    axes
        The axes (`MapAxis`, `TimeMapAxis`, `LabelMapAxis`), in the order of the leading array dimensions of a response
        or of ``geom.axes``.

    Raises
    ------
    ValueError
        If two axes have the same name.

    Examples
    --------
    >>> axes = MapAxes([MapAxis([1, 2, 3], name="energy", unit="TeV"), MapAxis([0, 1], name="offset", unit="deg")])
    >>> axes.names, axes.shape, axes["offset"].nbin
    (['energy', 'offset'], (2, 1), 1)
    """

    def __init__(self, axes: Sequence[MapAxis] = ()) -> None:
        self._axes = tuple(axes)
        for axis in self._axes:
            if not isinstance(axis, MapAxis | TimeMapAxis | LabelMapAxis):
                raise TypeError(f"expected MapAxis objects, got {type(axis).__name__}")
        if len(set(self.names)) < len(self._axes):
            raise ValueError(f"axis names must be unique, got {self.names}")

    @classmethod
    def from_table(cls, table: Table, format: str = "gadf") -> MapAxes:
        """Axes from a table; formats "gadf", "gadf-dl3", "ogip", "ogip-arf" (see `axes_from_table`).

        Parameters
        ----------
        table
            Table with the header in ``meta``.
        format
            "gadf", "gadf-dl3", "ogip" or "ogip-arf".
        """
        from gjax.maps.axis_tables import axes_from_table

        return cls(axes_from_table(table, format))

    def to_table(self, format: str = "gadf") -> Table:
        """Table of the axes; formats "gadf", "gadf-dl3", "ogip", "ogip-arf" (see `axes_to_table`)."""
        from gjax.maps.axis_tables import axes_to_table

        return axes_to_table(self, format)

    @property
    def names(self) -> list[str]:
        """Names of the axes."""
        return [axis.name for axis in self._axes]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins of each axis."""
        return tuple(axis.nbin for axis in self._axes)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Position of the axis with that name.

        Parameters
        ----------
        value
            Name, or axis with that name.
        start, stop
            Ignored; the arguments of a sequence.
        """
        name = value.name if isinstance(value, MapAxis) else value
        try:
            return self.names.index(name)
        except ValueError as error:
            raise KeyError(f"no axis named {name!r}; there are: {', '.join(self.names) or 'none'}") from error

    @overload
    def __getitem__(self, index: int | str) -> MapAxis: ...
    @overload
    def __getitem__(self, index: slice) -> MapAxes: ...
    def __getitem__(self, index: int | str | slice) -> MapAxis | MapAxes:
        if isinstance(index, str):
            return self._axes[self.index(index)]
        if isinstance(index, slice):
            return MapAxes(self._axes[index])
        return self._axes[index]

    def __len__(self) -> int:
        return len(self._axes)

    def __iter__(self) -> Iterator[MapAxis]:
        return iter(self._axes)

    def __contains__(self, value: object) -> bool:
        return value in self.names if isinstance(value, str) else value in self._axes

    def __add__(self, other: Sequence[MapAxis]) -> MapAxes:
        return MapAxes([*self._axes, *other])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MapAxes) and self._axes == other._axes

    def __hash__(self) -> int:
        return hash(self._axes)

    def is_allclose(self, other: MapAxes, **kwargs: Any) -> bool:
        """Whether the other axes are the same within tolerances (see `MapAxis.is_allclose`)."""
        return len(self) == len(other) and all(a.is_allclose(b, **kwargs) for a, b in zip(self, other))

    def replace(self, axis: MapAxis) -> MapAxes:
        """Return axes in which the one of the same name is replaced."""
        index = self.index(axis.name)
        return MapAxes([axis if i == index else old for i, old in enumerate(self._axes)])

    def drop(self, axis_name: str) -> MapAxes:
        """Return axes without the named one."""
        index = self.index(axis_name)
        return MapAxes([axis for i, axis in enumerate(self._axes) if i != index])

    def squash(self, axis_name: str) -> MapAxes:
        """Return axes in which the named one has a single bin."""
        return self.replace(self[axis_name].squash())

    def upsample(self, factor: int, axis_name: str) -> MapAxes:
        """Return axes in which the named one is upsampled.

        Parameters
        ----------
        factor
            Parts per bin.
        axis_name
            Name of the axis.
        """
        return self.replace(self[axis_name].upsample(factor))

    def downsample(self, factor: int, axis_name: str) -> MapAxes:
        """Return axes in which the named one is downsampled.

        Parameters
        ----------
        factor
            Bins to merge into one.
        axis_name
            Name of the axis.
        """
        return self.replace(self[axis_name].downsample(factor))

    def rename_axes(self, names: Sequence[str], new_names: Sequence[str]) -> MapAxes:
        """Return axes with some names replaced.

        Parameters
        ----------
        names, new_names
            Old and new names, of the same number.
        """
        new = dict(zip(names, new_names, strict=True))
        for name in names:
            self.index(name)
        return MapAxes([axis.rename(new[axis.name]) if axis.name in new else axis for axis in self])

    def assert_names(self, required_names: Sequence[str], allow_extra: bool = False) -> None:
        """Raise a ValueError unless the axes have these names in this order.

        Parameters
        ----------
        required_names
            Names, in order.
        allow_extra
            Allow more axes after them.
        """
        names = self.names[: len(required_names)] if allow_extra else self.names
        if names != list(required_names):
            raise ValueError(f"expected the axes {list(required_names)}, got {self.names}")

    def slice_by_idx(self, slices: dict[str, slice]) -> MapAxes:
        """Return axes with slices applied by name."""
        for name in slices:
            self.index(name)
        return MapAxes([axis.slice(slices[axis.name]) if axis.name in slices else axis for axis in self])

    def get_coord(self, mode: str = "center", axis_name: str | None = None) -> dict[str, u.Quantity]:
        """Centres of all axes, shaped to broadcast against each other.

        Parameters
        ----------
        mode, axis_name
            With "edges" the named axis gives its edges instead.

        Examples
        --------
        >>> axes = MapAxes([MapAxis([1, 2, 3], name="energy"), MapAxis([0, 1], name="offset")])
        >>> axes.get_coord()["energy"].shape
        (2, 1)
        """
        coords = {}
        for i, axis in enumerate(self._axes):
            values = axis.edges if mode == "edges" and axis.name == axis_name else axis.center
            coords[axis.name] = values.reshape((1,) * i + (-1,) + (1,) * (len(self) - i - 1))
        return coords

    def bin_volume(self) -> u.Quantity:
        """Product of the bin widths, in the shape of the axes."""
        volume = u.Quantity(np.ones((1,) * len(self)))
        for i, axis in enumerate(self._axes):
            volume = volume * axis.bin_width.reshape((1,) * i + (-1,) + (1,) * (len(self) - i - 1))
        return volume

    def __repr__(self) -> str:
        lines = "\n".join(f"  {axis!r}" for axis in self._axes)
        return f"MapAxes\n{lines}" if lines else "MapAxes()"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"

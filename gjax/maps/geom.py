"""What all geometries share: the axes besides the sky."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis
from gjax.maps.coord import MapCoord

__all__ = ["AbstractGeom", "axis_coords", "given_coords"]


class AbstractGeom:
    """Pixels or a region on the sky, times other axes; `WcsGeom`, `HpxGeom` and `RegionGeom` say which."""

    is_region: ClassVar[bool] = False
    is_hpx: ClassVar[bool] = False

    axes: Any

    def copy(self, **changes: Any) -> Self:
        """Return the geometry with some of its fields changed."""
        raise NotImplementedError

    @property
    def is_image(self) -> bool:
        """Whether there are no axes besides the sky."""
        return len(self.axes) == 0

    @property
    def is_flat(self) -> bool:
        """Whether every axis besides the sky has one bin."""
        return all(axis.nbin == 1 for axis in self.axes)

    def to_image(self) -> Self:
        """Return the geometry without other axes."""
        return self if self.is_image else self.copy(axes=MapAxes())

    def to_cube(self, axes: Sequence[MapAxis]) -> Self:
        """Return the geometry with axes appended."""
        return self.copy(axes=self.axes + axes)

    def drop(self, axis_name: str) -> Self:
        """Return the geometry without one axis."""
        return self.copy(axes=self.axes.drop(axis_name))

    def squash(self, axis_name: str) -> Self:
        """Return the geometry with one axis reduced to a single bin."""
        return self.copy(axes=self.axes.squash(axis_name))

    def replace_axis(self, axis: MapAxis) -> Self:
        """Return the geometry with the axis of the same name replaced."""
        return self.copy(axes=self.axes.replace(axis))

    def resample_axis(self, axis: MapAxis) -> Self:
        """Return the geometry with bins merged to those of a coarser axis of the same name."""
        from gjax.maps.axis_tools import merged_axis

        return self.replace_axis(merged_axis(self.axes[axis.name], axis)[0])

    def slice_by_idx(self, slices: dict[str, slice]) -> Self:
        """Return the geometry with axes sliced by name."""
        return self.copy(axes=self.axes.slice_by_idx(slices))

    def rename_axes(self, names: Sequence[str], new_names: Sequence[str]) -> Self:
        """Return the geometry with axes renamed.

        Parameters
        ----------
        names, new_names
            Old and new names, of the same number.
        """
        return self.copy(axes=self.axes.rename_axes(names, new_names))

    @property
    def _axes_text(self) -> str:
        return ", ".join(f"{axis.name}: {axis.nbin}" for axis in self.axes) or "none"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def axis_coords(axes: Any, edges_of: Sequence[str], behind: int) -> dict[str, Any]:
    """Centres (or edges) of the bins of axes by name, in shapes that broadcast to arrays on a geometry.

    Parameters
    ----------
    axes
        The axes.
    edges_of
        Names of those that give their edges.
    behind
        Number of dimensions of the sky, which follow those of the axes.

    Examples
    --------
    >>> axes = MapAxes([MapAxis([0, 1, 2], name="x"), MapAxis([0, 1], name="y")])
    >>> {name: values.shape for name, values in axis_coords(axes, ["y"], behind=2).items()}
    {'x': (1, 2, 1, 1), 'y': (2, 1, 1, 1)}
    """
    number = len(axes)
    return {
        axis.name: (axis.edges if axis.name in edges_of else axis.center).reshape(
            (1,) * (number - 1 - i) + (-1,) + (1,) * (i + behind)
        )
        for i, axis in enumerate(axes)
    }


def given_coords(coords: Any, axes: Any) -> MapCoord:
    """Coordinates as `MapCoord`, with one entry per axis.

    Parameters
    ----------
    coords
        Mapping, tuple or `MapCoord`.
    axes
        The axes.

    Raises
    ------
    ValueError
        If an axis has no coordinates.

    Examples
    --------
    >>> given_coords({"lon": [1.0], "lat": [2.0]}, MapAxes([MapAxis([0, 1], name="x")]))
    Traceback (most recent call last):
        ...
    ValueError: coordinates for the axes ['x'] are missing; given: ['lon', 'lat']
    """
    coords = MapCoord.create(coords, axis_names=axes.names)
    missing = [name for name in axes.names if name not in coords]
    if missing:
        raise ValueError(f"coordinates for the axes {missing} are missing; given: {list(coords)}")
    return coords

"""Merging, joining and masking along axes, shared by all maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np

from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis

__all__ = ["energy_selection", "joined_axis", "merged_axis"]


def merged_axis(old: MapAxis, axis: MapAxis) -> tuple[MapAxis, np.ndarray, int]:
    """Coarser bins of an axis: the new axis, the first old bin of each, and the end of the last.

    Parameters
    ----------
    old
        Axis made of edges.
    axis
        Coarser axis; its edges are rounded to the nearest edges of ``old``.

    Examples
    --------
    >>> new, starts, stop = merged_axis(MapAxis([0, 1, 2, 3, 4]), MapAxis([0, 2, 3]))
    >>> new.nbin, starts, stop
    (2, array([0, 2]), 3)
    """
    groups = old.group_table(axis.edges)
    groups = groups[groups["bin_type"] == "normal"]
    starts = np.asarray(groups["idx_min"])
    stop = int(groups["idx_max"][-1]) + 1
    interp: Any = axis.interp
    return MapAxis(old.edges[np.append(starts, stop)], interp=interp, name=axis.name), starts, stop


def joined_axis(axes: Sequence[MapAxis]) -> MapAxis:
    """One axis from axes that follow each other.

    Parameters
    ----------
    axes
        Axes of one name, kind and scale, in order.

    Raises
    ------
    ValueError
        If they are of different kinds, or edges leave gaps.

    Examples
    --------
    >>> joined_axis([MapAxis([0, 1, 2]), MapAxis([2, 3])]).edges
    <Quantity [0., 1., 2., 3.]>
    """
    first = axes[0]
    nodes = [first.edges.value if first.node_type == "edges" else first.center.value]
    for axis in axes[1:]:
        if (axis.name, axis.node_type, axis.interp) != (first.name, first.node_type, first.interp):
            raise ValueError(f"axes {first!r} and {axis!r} cannot be joined")
        values = axis.edges.to_value(first.unit) if axis.node_type == "edges" else axis.center.to_value(first.unit)
        if first.node_type == "edges":
            if not np.isclose(values[0], nodes[-1][-1], rtol=1e-6):
                raise ValueError(f"axis {first.name!r}: the parts leave a gap between {nodes[-1][-1]} and {values[0]}")
            values = values[1:]
        nodes.append(values)
    return first.copy(nodes=np.concatenate(nodes))


def energy_selection(
    axes: MapAxes, energy_min: Any = None, energy_max: Any = None, round_to_edge: bool = False
) -> tuple[int, np.ndarray]:
    """Which bins of the energy axis lie wholly between two energies.

    Parameters
    ----------
    axes
        Axes with one named "energy" (or, failing that, "energy_true").
    energy_min, energy_max
        Energies: Quantity or string; None for no limit.
    round_to_edge
        Move the energies to the nearest edges first.

    Returns
    -------
    index, selected
        Position of the axis, and one bool per bin.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2)
    >>> energy_selection(MapAxes([axis]), energy_min="5 TeV")[1]
    array([False,  True])
    """
    names = [name for name in ("energy", "energy_true") if name in axes.names]
    if not names:
        raise ValueError(f"an energy mask needs an axis 'energy' or 'energy_true', the axes are {axes.names}")
    axis = axes[names[0]]
    edges = axis.edges.value
    selected = np.ones(axis.nbin, dtype=bool)
    for limit, lower in ((energy_min, True), (energy_max, False)):
        if limit is None:
            continue
        value = u.Quantity(limit).to_value(axis.unit)
        if round_to_edge:
            value = edges[int(np.clip(np.rint(axis.coord_to_pix(value * axis.unit)[0] + 0.5), 0, axis.nbin))]
        # Edges written in another unit differ by rounding.
        close = 1e-10 * abs(value)
        selected &= (edges[:-1] >= value - close) if lower else (edges[1:] <= value + close)
    return axes.index(names[0]), selected

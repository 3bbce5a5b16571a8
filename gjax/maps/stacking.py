"""Adding maps on the same pixels to an array, in place."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.maps.arithmetic import to_value
from gjax.maps.nd_map import Map

__all__ = ["add_to_array"]


def add_to_array(
    data: np.ndarray, geom: Any, unit: Any, other: Map, weights: Any = None, nan_to_num: bool = True
) -> None:
    """Add a map to an array on a geometry, where they overlap; the array is changed.

    Parameters
    ----------
    data
        Array in the shape of ``geom``; masks are joined by "or".
    geom
        Its geometry.
    unit
        Its unit.
    other
        Map with the same axes whose pixels coincide with those of ``geom``, such as a cutout.
    weights
        Map or array (broadcast to that of ``other``) multiplied with it first.
    nan_to_num
        Count values that are not finite as zero.

    Raises
    ------
    ValueError
        If axes or pixels differ.
    UnitError
        If the unit cannot be converted.

    Examples
    --------
    >>> from gjax.maps import WcsNDMap
    >>> large = WcsNDMap.create(npix=6, binsz=1)
    >>> data = large.data.copy()
    >>> add_to_array(data, large.geom, "", large.cutout(large.geom.center_skydir, 2) + 1)
    >>> int(data.sum())
    4
    """
    axes = (geom.axes, other.geom.axes)
    if len(axes[0]) != len(axes[1]) or axes[0] != axes[1]:
        raise ValueError(f"cannot stack maps with different axes: {axes[0]!r} and {axes[1]!r}")
    if type(geom) is not type(other.geom):
        raise ValueError(f"cannot stack a map on {other.geom!r} on one on {geom!r}")
    parent: tuple[Any, ...] = (...,)
    here: tuple[Any, ...] = (...,)
    if not geom.is_region:
        first, second = geom.overlap_slices(other.geom)
        parent, here = (..., *first), (..., *second)
    values = other.data[here]
    if other.unit != unit and not other.is_bool:
        values = to_value(other.quantity[here], u.Unit(unit), "map")
    if weights is not None:
        factor = np.asarray(weights.data if isinstance(weights, Map) else weights)
        if isinstance(weights, Map) and not geom.is_region and not weights.geom.is_same_sky(other.geom):
            raise ValueError("the weights do not lie on the pixels of the map that is stacked")
        factor = np.broadcast_to(factor, other.data.shape)[here]
        # A weight of zero takes out what is not finite as well.
        values = np.where(factor != 0, values, 0) * factor if values.dtype.kind == "f" else values * factor
    if data.dtype == bool:
        data[parent] |= values.astype(bool)
        return
    if nan_to_num and values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        values = np.where(np.isfinite(values), values, 0.0)
    data[parent] += values

"""Integrals of maps along an axis."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.maps.axis import MapAxis

__all__ = ["cumulative", "integral", "normalize"]


def cumulative(map_: Any, axis_name: str) -> Any:
    """Integral of a map along an axis up to each edge; see `Map.cumsum`.

    Parameters
    ----------
    map_, axis_name
        See `Map.cumsum`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> axis = MapAxis([0, 1, 3], name="migra")
    >>> cumulative(Map.create(region=None, axes=[axis], data=[1.0, 2.0]), "migra").data.ravel()
    array([0., 1., 5.])
    """
    axis = map_.geom.axes[axis_name]
    dimension = map_._dimension(axis_name)
    shape = [1] * map_.data.ndim
    shape[dimension] = -1
    width, unit = axis.bin_width.value, map_.unit * axis.unit
    if axis_name == "rad":
        width, unit = 2 * np.pi * axis.center.value * width, unit * axis.unit
    values = np.cumsum(map_.data * width.reshape(shape), axis=dimension)
    nodes = MapAxis(axis.edges, name=axis.name, interp=axis.interp, node_type="center")
    geom = map_.geom.copy(axes=map_.geom.axes.replace(nodes))
    return map_.copy(geom=geom, data=np.insert(values, 0, 0, axis=dimension), unit=unit)


def integral(map_: Any, axis_name: str, coords: Any, **kwargs: Any) -> u.Quantity:
    """Integral of a map along an axis up to coordinates; see `Map.integral`.

    Parameters
    ----------
    map_, axis_name, coords, **kwargs
        See `Map.integral`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> axis = MapAxis([0, 1, 3], name="migra")
    >>> integral(Map.create(region=None, axes=[axis], data=[1.0, 2.0]), "migra", {"migra": [0.5, 2, 9]})
    <Quantity [0.5, 3. , 5. ]>
    """
    edges = map_.geom.axes[axis_name].edges
    sums = cumulative(map_, axis_name)
    inside = u.Quantity(coords[axis_name], edges.unit if not hasattr(coords[axis_name], "unit") else None)
    limited = np.clip(inside.to(edges.unit), edges[0], edges[-1])
    values = sums.interp_by_coord({**dict(coords), axis_name: limited}, **kwargs)
    return u.Quantity(values, sums.unit, copy=False)


def normalize(map_: Any, axis_name: str) -> Any:
    """Map divided by its integral along an axis; see `Map.normalize`.

    Parameters
    ----------
    map_, axis_name
        See `Map.normalize`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> axis = MapAxis([0, 1, 3], name="migra")
    >>> normalize(Map.create(region=None, axes=[axis], data=[1.0, 2.0]), "migra").data.ravel()
    array([0.2, 0.4])
    """
    sums = cumulative(map_, axis_name)
    total = np.take(sums.data, [-1], axis=map_._dimension(axis_name))
    data = np.divide(map_.data, total, out=np.zeros(map_.data.shape), where=(total != 0) & np.isfinite(total))
    return map_.copy(data=np.nan_to_num(data), unit=map_.unit / sums.unit)

"""Maps on other pixels: merging, splitting, resampling and reprojecting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.maps.nd_map import Map

if TYPE_CHECKING:
    from gjax.maps.wcs_geom import WcsGeom
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["downsample", "reproject", "resample", "upsample"]


def downsample(
    wcs_map: WcsNDMap,
    factor: int,
    preserve_counts: bool = True,
    axis_name: str | None = None,
    weights: Any = None,
) -> WcsNDMap:
    """Merge pixels or bins; see `WcsNDMap.downsample`.

    Parameters
    ----------
    wcs_map, factor, preserve_counts, axis_name, weights
        See `WcsNDMap.downsample`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> downsample(Map.create(npix=4, binsz=1) + 1, 2).data
    array([[4., 4.],
           [4., 4.]])
    """
    geom = wcs_map.geom.downsample(factor, axis_name)
    data = wcs_map.data
    factors = [1] * data.ndim
    if axis_name is None:
        factors[-2:] = [factor, factor]
    else:
        factors[wcs_map._dimension(axis_name)] = factor
    split = [n for size, f in zip(data.shape, factors) for n in (size // f, f)]
    parts = tuple(range(1, 2 * data.ndim, 2))
    if weights is not None:
        weights = np.broadcast_to(np.asarray(weights.data if isinstance(weights, Map) else weights), data.shape)
    if wcs_map.is_bool and preserve_counts:
        chosen = data if weights is None else data & (weights != 0)
        return wcs_map.copy(geom=geom, data=chosen.reshape(split).any(axis=parts))
    values = data.astype(float) if weights is None else data * weights
    total = np.nansum(values.reshape(split), axis=parts)
    if not preserve_counts:
        size = np.ones(data.shape) if weights is None else weights.astype(float)
        norm = np.nansum(size.reshape(split), axis=parts)
        total = np.divide(total, norm, out=np.zeros_like(total), where=norm != 0)
    return wcs_map.copy(geom=geom, data=total.astype(bool) if wcs_map.is_bool else total)


def upsample(
    wcs_map: WcsNDMap, factor: int, order: int = 0, preserve_counts: bool = True, axis_name: str | None = None
) -> WcsNDMap:
    """Split pixels or bins; see `WcsNDMap.upsample`.

    Parameters
    ----------
    wcs_map, factor, order, preserve_counts, axis_name
        See `WcsNDMap.upsample`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> bool(abs(upsample(Map.create(npix=2, binsz=1) + 4, 2).data.sum() - 16) < 1e-12)
    True
    """
    geom = wcs_map.geom.upsample(factor, axis_name)
    data = wcs_map.data
    if preserve_counts and not wcs_map.is_bool:
        data = data / _volume(wcs_map.geom, axis_name)
    dimensions = (data.ndim - 2, data.ndim - 1) if axis_name is None else (wcs_map._dimension(axis_name),)
    if order == 0:
        for dimension in dimensions:
            data = np.repeat(data, factor, axis=dimension)
    else:
        data = _spline(data.astype(float), dimensions, factor, order)
    if preserve_counts and not wcs_map.is_bool:
        data = data * _volume(geom, axis_name)
        if order == 0:
            # The parts of a pixel are as large together as the pixel, up to the curvature of the sky.
            data = _restore_sums(data, wcs_map.data, dimensions, factor)
    return wcs_map.copy(geom=geom, data=data > 0.5 if wcs_map.is_bool and order else data)


def _volume(geom: WcsGeom, axis_name: str | None) -> np.ndarray:
    if axis_name is None:
        return geom.solid_angle().value
    index = geom.axes.index(axis_name)
    return geom.axes[axis_name].bin_width.value.reshape((-1,) + (1,) * (index + 2))


def _restore_sums(data: np.ndarray, sums: np.ndarray, dimensions: tuple[int, ...], factor: int) -> np.ndarray:
    split, parts = [], []
    for dimension, size in enumerate(sums.shape):
        split.append(size)
        if dimension in dimensions:
            parts.append(len(split))
            split.append(factor)
    blocks = data.reshape(split)
    total = blocks.sum(axis=tuple(parts), keepdims=True)
    wanted = np.expand_dims(sums, tuple(parts))
    scale = np.divide(wanted, total, out=np.ones_like(total), where=(total != 0) & np.isfinite(total))
    return (blocks * scale).reshape(data.shape)


def _spline(data: np.ndarray, dimensions: tuple[int, ...], factor: int, order: int) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    for dimension in dimensions:
        moved = np.moveaxis(data, dimension, -1)
        flat = moved.reshape(-1, moved.shape[-1])
        steps = (np.arange(moved.shape[-1] * factor) - 0.5 * (factor - 1)) / factor
        lines = [map_coordinates(line, [steps], order=order, mode="nearest") for line in flat]
        data = np.moveaxis(np.array(lines).reshape(*moved.shape[:-1], len(steps)), -1, dimension)
    return data


def resample(wcs_map: WcsNDMap, geom: WcsGeom, weights: Any = None, preserve_counts: bool = True) -> WcsNDMap:
    """Put pixels, by their centres, into those of another geometry; see `WcsNDMap.resample`.

    Parameters
    ----------
    wcs_map, geom, weights, preserve_counts
        See `WcsNDMap.resample`.

    Examples
    --------
    >>> from gjax.maps import Map, WcsGeom
    >>> resample(Map.create(npix=4, binsz=1) + 1, WcsGeom.create(npix=2, binsz=2)).data
    array([[4., 4.],
           [4., 4.]])
    """
    from gjax.maps.wcs_map import WcsNDMap

    target = WcsNDMap(geom, unit=wcs_map.unit)
    coords = wcs_map.geom.get_coord(sparse=True)
    flat, inside = target._flat_index(coords)
    flat, inside = np.broadcast_to(flat, wcs_map.data.shape), np.broadcast_to(inside, wcs_map.data.shape)
    values = wcs_map._weighted(weights)
    inside = inside & np.isfinite(values)
    size = int(np.prod(geom.data_shape))
    total = np.bincount(flat[inside], weights=values[inside].astype(float), minlength=size)
    if not preserve_counts:
        number = np.bincount(flat[inside], minlength=size)
        total = np.divide(total, number, out=np.zeros_like(total), where=number != 0)
    data = total.reshape(geom.data_shape)
    return target.copy(data=data > 0 if wcs_map.is_bool else data, meta=wcs_map.meta)


def reproject(wcs_map: WcsNDMap, geom: Any, preserve_counts: bool = False, precision_factor: int = 10) -> Any:
    """Average (or sum) a map over the pixels of another geometry.

    Values per area are interpolated at sample points inside the new pixels, as many as it takes to see every old one.
    With ``preserve_counts`` the old pixels are split instead and their parts put where they belong, so that nothing
    within the new map is lost.

    Parameters
    ----------
    wcs_map, geom, preserve_counts, precision_factor
        See `WcsNDMap.reproject_to_geom`.

    Examples
    --------
    >>> from gjax.maps import Map, WcsGeom
    >>> image = Map.create(npix=8, binsz=1, proj="TAN") + 1
    >>> new = reproject(image, WcsGeom.create(npix=20, binsz=1, proj="TAN", skydir=(0.3, 0.2)), preserve_counts=True)
    >>> round(float(new.data.sum()), 9)
    64.0
    """
    source_axes = wcs_map.geom.axes
    target = geom.to_cube(source_axes) if len(geom.axes) == 0 else geom
    if target.axes.names != source_axes.names:
        raise ValueError(f"the map has the axes {source_axes.names}, the new geometry {target.axes.names}")
    if preserve_counts and target.axes != source_axes:
        raise ValueError("counts are not shared between energy bins: use the axes of the map, then resample_axis")
    if target.is_region:
        return wcs_map.to_region_nd_map(target.region, func=np.nansum if preserve_counts else np.nanmean)
    if target.is_hpx:
        return wcs_map.interp_to_geom(target, preserve_counts=preserve_counts)
    ratio = float(np.min(target.pixel_scales.value) / np.max(wcs_map.geom.pixel_scales.value))
    if wcs_map.is_bool:
        return wcs_map.interp_to_geom(target)
    if preserve_counts:
        factor = max(1, int(np.ceil(precision_factor / ratio)))
        return resample(_split_counts(wcs_map, factor), target)
    factor = int(min(max(np.ceil(ratio), 1) if ratio <= 1 else np.ceil(2 * ratio), precision_factor))
    if factor <= 1:
        return wcs_map.interp_to_geom(target, fill_value=0.0)
    fine = wcs_map.interp_to_geom(target.upsample(factor), fill_value=0.0)
    return downsample(fine, factor, preserve_counts=False)


def _split_counts(wcs_map: WcsNDMap, factor: int) -> WcsNDMap:
    # Equal shares: the parts of a pixel differ in area by less than its curvature.
    data = np.repeat(np.repeat(wcs_map.data / factor**2, factor, axis=-1), factor, axis=-2)
    return wcs_map.copy(geom=wcs_map.geom.upsample(factor), data=data)

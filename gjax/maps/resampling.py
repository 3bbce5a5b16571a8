"""Maps on other pixels: merging, splitting, resampling and reprojecting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.maps.nd_map import Map

if TYPE_CHECKING:
    from gjax.maps.wcs_geom import WcsGeom
    from gjax.maps.wcs_map import WcsNDMap

__all__ = ["downsample", "overlap_matrix", "reproject", "resample", "upsample"]


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
    """Average (or share out) a map over the pixels of another geometry.

    Where new pixels are no larger than the old ones, values per area are interpolated. Otherwise, and for counts, the
    overlap of every new pixel with every old one is measured on sample points (`overlap_matrix`).

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
    if target.is_hpx or wcs_map.is_bool:
        return wcs_map.interp_to_geom(target, preserve_counts=preserve_counts and not wcs_map.is_bool)
    ratio = float(np.min(target.pixel_scales.value) / np.max(wcs_map.geom.pixel_scales.value))
    if not preserve_counts and (ratio <= 1 or target.axes != source_axes):
        return wcs_map.interp_to_geom(target)
    matrix = overlap_matrix(wcs_map.geom.to_image(), target.to_image(), precision_factor)
    values = np.nan_to_num(wcs_map.data, nan=0.0, posinf=0.0, neginf=0.0).reshape(-1, matrix.shape[1]).T
    if preserve_counts:
        result = matrix @ (values / wcs_map.geom.solid_angle().value.reshape(-1, 1))
    else:
        area = np.asarray(matrix.sum(axis=1)).reshape(-1, 1)
        result = np.divide(matrix @ values, area, out=np.zeros((matrix.shape[0], values.shape[1])), where=area > 0)
    return Map.from_geom(target, data=result.T.reshape(target.data_shape), unit=wcs_map.unit, meta=wcs_map.meta)


def overlap_matrix(source: WcsGeom, target: WcsGeom, samples: int = 10) -> Any:
    """Solid angle [sr] that each pixel of an image (rows) shares with each one of another (columns), sparse.

    Every target pixel is covered with sample points, ``samples`` along the side of a source pixel. What they find of
    a source pixel that lies wholly within the target is scaled to its solid angle, so that counts are conserved.

    Parameters
    ----------
    source, target
        Geometries of the images.
    samples
        Sample points along one side of the smaller of the two pixels.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> matrix = overlap_matrix(WcsGeom.create(npix=4, binsz=1), WcsGeom.create(npix=2, binsz=2))
    >>> matrix.shape, matrix.nnz
    ((4, 16), 16)
    """
    from scipy.sparse import coo_array, csr_array

    ratio = float(np.max(target.pixel_scales.value) / np.min(source.pixel_scales.value))
    factor = max(int(np.ceil(samples * ratio)), 4)
    nx, ny = target.npix
    area = (target.solid_angle().value / factor**2).ravel()
    shape = (nx * ny, source.npix[0] * source.npix[1])
    matrix = csr_array(shape)
    offsets = (np.arange(factor) + 0.5) / factor - 0.5
    rows_at_once = max(1, 1_000_000 // (nx * factor**2))
    x = (np.arange(nx)[:, np.newaxis] + offsets).ravel()
    for first in range(0, ny, rows_at_once):
        lines = np.arange(first, min(first + rows_at_once, ny))
        y = (lines[:, np.newaxis] + offsets).ravel()
        grid_x, grid_y = np.meshgrid(x, y)
        lon, lat = target.wcs.wcs_pix2world(grid_x.ravel(), grid_y.ravel(), 0)
        i, j = source.coord_to_idx(_positions(lon, lat, source, target))
        pixel = (np.rint(grid_y).astype(np.intp) * nx + np.rint(grid_x).astype(np.intp)).ravel()
        inside = (i >= 0) & (j >= 0)
        pixel, found = pixel[inside], (j * source.npix[0] + i)[inside]
        matrix = matrix + coo_array((area[pixel], (pixel, found)), shape=shape).tocsr()
    return _exact_inside(matrix, source, target)


def _positions(lon: np.ndarray, lat: np.ndarray, source: WcsGeom, target: WcsGeom) -> Any:
    if source.frame == target.frame:
        return {"lon": lon, "lat": lat}
    from astropy.coordinates import SkyCoord

    finite = np.isfinite(lon)
    position = SkyCoord(np.where(finite, lon, 0.0), np.where(finite, lat, 0.0), unit="deg", frame=target.frame)
    position = position.transform_to(source._celestial_frame)
    return {
        "lon": np.where(finite, position.spherical.lon.deg, np.nan),
        "lat": np.where(finite, position.spherical.lat.deg, np.nan),
    }


def _exact_inside(matrix: Any, source: WcsGeom, target: WcsGeom) -> Any:
    from scipy.sparse import diags_array

    lon, lat = source._edges_lonlat
    finite = np.isfinite(lon)
    corner = np.zeros(lon.shape, dtype=bool)
    i, j = target.coord_to_idx(_positions(lon[finite], lat[finite], target, source))
    corner[finite] = (i >= 0) & (j >= 0)
    inside = (corner[1:, 1:] & corner[1:, :-1] & corner[:-1, 1:] & corner[:-1, :-1]).ravel()
    found = np.asarray(matrix.sum(axis=0)).ravel()
    wanted = source.solid_angle().value.ravel()
    scale = np.ones(found.shape)
    adjust = (found > 0) & (inside | (found > wanted))
    scale[adjust] = wanted[adjust] / found[adjust]
    return (matrix @ diags_array(scale)).tocsr()

"""Safe masks on the coarser pixels of responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.datasets._map_fields import same_sky

__all__ = ["mask_at_centres", "pixel_sums", "safe_fractions"]


def _to_other_pixels(geom: Any, other: Any) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the pixels of an image in pixel coordinates (x, y) of another, each (lat, lon)."""
    if geom.wcs.wcs.ctype[0] == other.wcs.wcs.ctype[0] and np.allclose(geom.wcs.wcs.crval, other.wcs.wcs.crval):
        # One projection: the pixel coordinates are linear in each other.
        matrix = np.linalg.solve(other.wcs.pixel_scale_matrix, geom.wcs.pixel_scale_matrix)
        n_y, n_x = geom.data_shape[-2:]
        x = np.arange(1, n_x + 1) - geom.wcs.wcs.crpix[0]
        y = (np.arange(1, n_y + 1) - geom.wcs.wcs.crpix[1])[:, np.newaxis]
        shift = np.asarray(other.wcs.wcs.crpix) - 1
        return matrix[0, 0] * x + matrix[0, 1] * y + shift[0], matrix[1, 0] * x + matrix[1, 1] * y + shift[1]
    pixels = other.to_image().coord_to_pix(geom.to_image().get_coord())
    x, y = (np.asarray(p, dtype=float) for p in pixels[:2])
    return np.broadcast_arrays(x, y)  # type: ignore[return-value]


def pixel_sums(values: np.ndarray, geom: Any, coarse: Any) -> np.ndarray:
    """Sum of values over the pixels whose centres lie in each coarser pixel.

    Parameters
    ----------
    values
        Array (energy, lat, lon) on ``geom``.
    geom, coarse
        Geometries of the values and of the result.
    """
    x, y = _to_other_pixels(geom, coarse)
    n_y, n_x = coarse.data_shape[-2:]
    with np.errstate(invalid="ignore"):
        column, row = np.floor(x + 0.5), np.floor(y + 0.5)
        inside = (column >= 0) & (column < n_x) & (row >= 0) & (row < n_y)
    flat = np.where(inside, row * n_x + column, n_x * n_y).astype(int).ravel()
    planes = values.reshape(-1, flat.size)
    sums: list[np.ndarray] = []
    for i, plane in enumerate(planes):
        # Masks are mostly the same at neighbouring energies.
        is_known = i > 0 and np.array_equal(plane, planes[i - 1])
        sums.append(sums[-1] if is_known else np.bincount(flat, weights=plane, minlength=n_x * n_y + 1)[:-1])
    return np.array(sums).reshape(*values.shape[:-2], n_y, n_x)


def mask_at_centres(mask: np.ndarray, geom: Any, coarse: Any) -> np.ndarray:
    """Whether any of the four pixels around the centre of a coarser pixel is in a mask; outside, the nearest ones.

    Parameters
    ----------
    mask
        Bool array (energy, lat, lon) on ``geom``.
    geom, coarse
        Geometries of the mask and of the result.
    """
    x, y = _to_other_pixels(coarse, geom)
    n_y, n_x = mask.shape[-2:]
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(finite, x, 0.0), np.where(finite, y, 0.0)
    result = np.zeros((*mask.shape[:-2], *x.shape), dtype=bool)
    # Where the centres of two grids coincide (up to round-off), neighbours at distance 1 do not count.
    for dy in (np.floor(y + 1e-6), np.ceil(y - 1e-6)):
        for dx in (np.floor(x + 1e-6), np.ceil(x - 1e-6)):
            row, column = np.clip(dy, 0, n_y - 1).astype(int), np.clip(dx, 0, n_x - 1).astype(int)
            result |= mask[..., row, column] & finite
    return result


def safe_fractions(mask: np.ndarray, geom: Any, coarse: Any, n_pixels: np.ndarray) -> np.ndarray:
    """Safe part of each coarser pixel.

    Parameters
    ----------
    mask
        Bool array (energy, lat, lon) on ``geom``.
    geom, coarse
        Geometries of the mask and of the result.
    n_pixels
        Number of pixels that make up each coarser pixel (lat, lon); where it is 0, as outside of the map, the mask of
        the nearest pixels is taken.

    Returns
    -------
    fractions
        Array (energy, lat, lon), and its image for pixels that are safe at any energy is the fraction of these.
    """
    if getattr(geom, "is_region", False) or same_sky(geom, coarse):
        return mask.astype(float)
    if mask.all():
        sums = np.broadcast_to(pixel_sums(mask[:1], geom, coarse), (len(mask), *n_pixels.shape))
    else:
        sums = pixel_sums(mask, geom, coarse)
    outside = n_pixels == 0
    fractions = sums / np.where(outside, 1, n_pixels)
    if outside.any():
        fractions = np.where(outside, mask_at_centres(mask, geom, coarse), fractions)
    return fractions

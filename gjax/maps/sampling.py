"""Random coordinates drawn from the values of a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.maps.coord import MapCoord

__all__ = ["sample_coord", "sample_pixels"]


def sample_pixels(values: np.ndarray, number: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw pixel coordinates with probabilities in proportion to an array, uniform within pixels.

    Parameters
    ----------
    values
        Array that is finite and not negative anywhere, and positive somewhere.
    number
        How many to draw.
    rng
        Random numbers.

    Returns
    -------
    pix
        One array of continuous pixel coordinates per dimension.

    Examples
    --------
    >>> sample_pixels(np.array([0.0, 1.0, 0.0]), 3, np.random.default_rng(0))[0].round().tolist()
    [1.0, 1.0, 1.0]
    """
    flat = np.asarray(values, dtype=float).ravel()
    if not np.all(np.isfinite(flat)) or np.any(flat < 0):
        raise ValueError("coordinates can be drawn only from values that are finite and not negative")
    cumulative = np.cumsum(flat)
    if not cumulative[-1] > 0:
        raise ValueError("coordinates cannot be drawn from values that are all zero")
    index = np.searchsorted(cumulative, rng.uniform(0, cumulative[-1], int(number)), side="right")
    index = np.minimum(index, np.flatnonzero(flat)[-1])
    pixels = np.unravel_index(index, values.shape)
    return tuple(p + rng.uniform(-0.5, 0.5, int(number)) for p in pixels)


def sample_coord(map_: Any, n_events: int, rng: Any = 0) -> MapCoord:
    """Draw coordinates from an image or cube; see `WcsNDMap.sample_coord`.

    Parameters
    ----------
    map_, n_events, rng
        See `WcsNDMap.sample_coord`.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> coords = sample_coord(Map.create(npix=3, binsz=1) + 1, 100)
    >>> coords.shape, bool(abs(coords.lat.value).max() <= 1.5)
    ((100,), True)
    """
    generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
    pix = sample_pixels(map_.data, n_events, generator)
    geom = map_.geom
    values = geom.pix_to_coord(pix[::-1])
    return MapCoord(dict(zip(geom.axes_names, values)), frame=geom.frame)

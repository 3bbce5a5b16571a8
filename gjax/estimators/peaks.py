"""Local maxima of images."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

__all__ = ["find_peaks", "find_peaks_in_flux_map"]


def _image(given: Any) -> np.ndarray:
    data = np.asarray(given.data, dtype=float)
    if getattr(given.geom, "is_region", False) or getattr(given.geom, "is_hpx", False):
        raise TypeError("find_peaks needs an image with pixels of a projection")
    if data.size != data.shape[-2] * data.shape[-1]:
        raise ValueError(f"find_peaks needs an image, got a map of shape {data.shape}: select one energy")
    return data.reshape(data.shape[-2:])


def find_peaks(image: Any, threshold: Any, min_distance: Any = 1) -> QTable:
    """Find local maxima above a threshold.

    A pixel is a peak if none within the distance (a square around it) is higher; of equal neighbours the first counts.

    Parameters
    ----------
    image
        Map with one image; pixels that are not finite are no peaks.
    threshold
        Value that peaks exceed: a number, or an array or map with one per pixel.
    min_distance
        Distance between peaks: pixels, or an angle.

    Returns
    -------
    table
        ``value``, pixel ``x`` and ``y``, ``ra`` and ``dec``, and ``group``: peaks on one island above the threshold
        share a number. The highest peak is first, and groups are numbered in the order of their highest peaks.

    Raises
    ------
    TypeError
        If the map has no pixels of a projection.
    ValueError
        If it has several images.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> image = Map.create(npix=7, binsz=1)
    >>> data = image.data.copy()
    >>> data[1, 1], data[1, 2], data[5, 5] = 4.0, 3.0, 9.0
    >>> table = find_peaks(image.copy(data=data), threshold=2)
    >>> table["value"].tolist(), table["x"].tolist(), table["group"].tolist()
    ([9.0, 4.0], [5, 1], [0, 1])
    """
    from scipy.ndimage import label, maximum_filter

    data = _image(image)
    if isinstance(min_distance, str | u.Quantity):
        scale = image.geom.pixel_scales.to_value("deg").mean()
        min_distance = int(np.round(u.Quantity(min_distance).to_value("deg") / scale))
    size = 2 * int(min_distance) + 1
    limit = np.broadcast_to(np.squeeze(np.asarray(getattr(threshold, "data", threshold), dtype=float)), data.shape)
    filled = np.where(np.isfinite(data), data, -np.inf)
    above = filled > limit
    tops = (filled == maximum_filter(filled, size=size, mode="constant", cval=-np.inf)) & above
    eight = np.ones((3, 3))
    # a plateau has one peak, and a flat image has none
    plateaus, number = label(tops, structure=eight)
    _, first = np.unique(plateaus.ravel(), return_index=True)
    places = first[len(first) - number :]
    places = places[np.argsort(-filled.ravel()[places], kind="stable")]
    if np.all(data == data.flat[0]):
        places = places[:0]
    y, x = np.unravel_index(places, data.shape)
    islands = label(above, structure=eight)[0][y, x]
    _, order, group = np.unique(islands, return_index=True, return_inverse=True)
    lon, lat = image.geom.to_image().pix_to_coord((x.astype(float), y.astype(float)))
    sky = _icrs(lon, lat, image.geom.frame)
    columns = {
        "value": data[y, x] * image.unit if str(image.unit) else data[y, x],
        "x": x,
        "y": y,
        "ra": sky.ra.to(u.deg),
        "dec": sky.dec.to(u.deg),
        "group": np.argsort(np.argsort(order))[group] if len(places) else np.zeros(0, dtype=int),
    }
    return QTable(columns)


def _icrs(lon: Any, lat: Any, frame: str) -> Any:
    from astropy.coordinates import SkyCoord

    return SkyCoord(lon, lat, frame=frame).icrs


def find_peaks_in_flux_map(maps: Any, threshold: Any, min_distance: Any = 1) -> QTable:
    """Find local maxima of the significance and give every quantity of the maps there.

    Parameters
    ----------
    maps
        `FluxMaps` with one energy band.
    threshold
        Significance (``sqrt_ts``) that peaks exceed.
    min_distance
        See `find_peaks`.

    Returns
    -------
    table
        Position and group of `find_peaks`, and one column per map, also flux and its error.

    Raises
    ------
    ValueError
        If there are several bands.
    """
    table = find_peaks(maps["sqrt_ts"], threshold, min_distance)
    table.rename_column("value", "sqrt_ts")
    x, y = np.asarray(table["x"]), np.asarray(table["y"])
    names = [name for name in maps.available_quantities if maps[name].data.ndim == 3 and name != "sqrt_ts"]
    for name in [*names, "flux", *(["flux_err"] if "norm_err" in names else [])]:
        values = maps[name].data[0, y, x]
        table[name] = values * maps[name].unit if str(maps[name].unit) else values
    return table

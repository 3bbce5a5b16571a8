"""Interpolation of arrays at continuous pixel coordinates, for coordinates that broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gjax.maps.scales import SCALES

__all__ = ["interpolate_pixels"]


def interpolate_pixels(
    values: np.ndarray, pix: Sequence[np.ndarray], method: str = "linear", values_scale: str = "lin"
) -> np.ndarray:
    """Multilinear interpolation between pixel centres, continued linearly outside.

    Coordinates may have any shapes that broadcast, so that a cube needs no full array of energies.

    Parameters
    ----------
    values
        Array; values that are not finite count as zero, unless all are not finite.
    pix
        One array of pixel coordinates per dimension.
    method
        "linear" or "nearest".
    values_scale
        Scale in which values are interpolated: "lin", "log" or "sqrt".

    Examples
    --------
    >>> interpolate_pixels(np.array([[0.0, 1.0], [2.0, 3.0]]), [np.array([0.5]), np.array([[0.0], [2.0]])])
    array([[1.],
           [3.]])
    """
    if method not in ("linear", "nearest"):
        raise ValueError(f"method is {method!r}, expected 'linear' or 'nearest'")
    if values_scale not in SCALES:
        raise ValueError(f"values_scale is {values_scale!r}, expected one of {', '.join(SCALES)}")
    scale, inverse = SCALES[values_scale]
    values = np.asarray(values, dtype=float)
    finite = np.isfinite(values)
    if not finite.all() and finite.any():
        values = np.where(finite, values, 0.0)
    # Per dimension: the choices of (index, weight), one where the weight of the second neighbour is zero everywhere.
    choices: list[list[tuple[np.ndarray, np.ndarray | None]]] = []
    lost = np.zeros((), dtype=bool)
    for number, position in zip(values.shape, pix):
        position = np.asarray(position, dtype=float)
        bad = ~np.isfinite(position)
        if bad.any():
            lost = lost | bad
            position = np.where(bad, 0.0, position)
        if method == "nearest":
            choices.append([(np.clip(np.rint(position), 0, number - 1).astype(np.intp), None)])
            continue
        if number == 1:
            choices.append([(np.zeros(position.shape, dtype=np.intp), None)])
            continue
        start = np.clip(np.floor(position), 0, number - 2).astype(np.intp)
        fraction = position - start
        # Pixel centres met up to rounding are exact, which spares half of the work.
        fraction = np.where(np.abs(fraction - np.rint(fraction)) < 1e-9, np.rint(fraction), fraction)
        if np.all(fraction == 0):
            choices.append([(start, None)])
        elif np.all((fraction == 0) | (fraction == 1)):
            choices.append([(start + fraction.astype(np.intp), None)])
        else:
            choices.append([(start, 1 - fraction), (start + 1, fraction)])
    result = _sum_corners(scale(values), choices, 0, [])
    result = inverse(result)
    return np.where(lost, np.nan, result) if lost.any() else result


def _sum_corners(values: np.ndarray, choices: list, dimension: int, index: list) -> np.ndarray:
    if dimension == len(choices):
        return values[tuple(index)]
    parts = []
    for numbers, weight in choices[dimension]:
        part = _sum_corners(values, choices, dimension + 1, [*index, numbers])
        parts.append(part if weight is None else part * weight)
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]

"""Wider bins: edges for points that are combined, and for spectra that are to hold enough in every bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np

from gjax.datasets import FluxPoints, LightCurve

__all__ = ["get_rebinned_axis", "resample_energy_edges"]

CONDITIONS = ("counts_min", "background_min", "excess_min", "sqrt_ts_min")


def get_rebinned_axis(
    points: FluxPoints | LightCurve,
    axis_name: str = "energy",
    method: str = "fixed-bins",
    *,
    group_size: int | None = None,
    ts_threshold: float | None = None,
) -> Any:
    """Return edges of wider bins for ``points.resample_axis``.

    Parameters
    ----------
    points
        Flux points, or a light curve of one band or one interval.
    axis_name
        "energy" or "time".
    method
        "fixed-bins": so many neighbours together; "min-ts": until the sum of their TS reaches a threshold. What is left
        at the end is a bin of its own.
    group_size
        Number of neighbours.
    ts_threshold
        Least sum of TS.

    Returns
    -------
    axis
        Edges of energy (Quantity), or pairs of start and stop (`~astropy.time.Time`).

    Raises
    ------
    ValueError
        If axis or method is unknown, its number is missing, or the other axis has more than one bin.

    Examples
    --------
    >>> points = FluxPoints.from_arrays(
    ...     "flux", e_min=[1, 2, 4] * u.TeV, e_max=[2, 4, 8] * u.TeV, flux=[4, 2, 1] * u.Unit("cm-2 s-1")
    ... )
    >>> get_rebinned_axis(points, group_size=2)
    <Quantity [1., 4., 8.] TeV>
    """
    curve = points if isinstance(points, LightCurve) else None
    if axis_name not in (("energy",) if curve is None else ("energy", "time")):
        raise ValueError(f"axis_name: got {axis_name!r}, which these points do not have")
    if curve is not None and curve.shape[1 if axis_name == "time" else 0] != 1:
        raise ValueError("several bands or intervals: take one with slice_by_idx or get_flux_points first")
    size = len(points.e_ref) if axis_name == "energy" else len(points)
    if method == "fixed-bins":
        if not isinstance(group_size, int | np.integer) or group_size < 1:
            raise ValueError(f"group_size: expected a positive whole number, got {group_size!r}")
        first = np.arange(0, size, group_size)
    elif method == "min-ts":
        if ts_threshold is None:
            raise ValueError("ts_threshold: expected a number")
        first = _enough(np.nan_to_num(np.ravel(points.extra["ts"])), ts_threshold)
    else:
        raise ValueError(f"method: expected 'fixed-bins' or 'min-ts', got {method!r}")
    last = np.append(first[1:], size) - 1
    if curve is not None and axis_name == "time":
        return [(curve.time_min[i], curve.time_max[j]) for i, j in zip(first, last)]
    if points.e_min is None or points.e_max is None:
        raise ValueError("these points have no e_min and e_max")
    return u.Quantity([*points.e_min[first], points.e_max[last[-1]]])


def _enough(values: np.ndarray, least: float) -> np.ndarray:
    """Return the first of neighbours whose sum reaches a threshold."""
    first, total = [0], 0.0
    for i, value in enumerate(values[:-1]):
        total += value
        if total >= least:
            first.append(i + 1)
            total = 0.0
    return np.array(first)


def resample_energy_edges(dataset: Any, conditions: Mapping[str, float]) -> u.Quantity:
    """Return energy edges so that every bin of a spectrum holds enough, made from the highest energy downwards.

    Parameters
    ----------
    dataset
        Spectrum with known or measured background.
    conditions
        What every bin holds at least: "counts_min", "background_min", "excess_min", "sqrt_ts_min". What is left at low
        energies joins the last bin.

    Raises
    ------
    ValueError
        If a condition is unknown, or not even all bins together fulfil them.
    """
    for name in conditions:
        if name not in CONDITIONS:
            raise ValueError(f"conditions: {name!r} is unknown, expected some of {', '.join(CONDITIONS)}")
    mask = np.ones(dataset.counts.data.shape, bool) if dataset.mask is None else np.asarray(dataset.mask.data, bool)
    used = np.flatnonzero(mask.ravel())
    if not used.size:
        raise ValueError("conditions: the mask of the dataset removes every bin")
    edges = dataset.counts.geom.axes["energy"].edges
    bottom, found = int(used[0]), [int(used[-1]) + 1]
    while found[-1] > bottom:
        for start in range(found[-1] - 1, bottom - 1, -1):
            info = dataset.slice_by_idx({"energy": slice(start, found[-1])}).info_dict()
            if all(info[name.removesuffix("_min")] >= least for name, least in conditions.items()):
                found.append(start)
                break
        else:
            if len(found) == 1:
                raise ValueError(f"conditions: all bins together do not reach {dict(conditions)}")
            found[-1] = bottom
    return edges[found[::-1]]

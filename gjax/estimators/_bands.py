"""Bands of reconstructed energy over datasets with bins of their own, and why a band has no value."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gjax.errors import FitError
from gjax.freeze import Likelihood

__all__ = ["band_of_bins", "cut_bins", "energy_edges_of", "lane_of_bins", "reasons", "snap_edges"]

SLACK = 1e-6


def energy_edges_of(likelihood: Likelihood) -> dict[int, np.ndarray]:
    """Return the edges of reconstructed energy [TeV] of every dataset with counts, by position.

    Raises
    ------
    FitError
        If there is none.
    """
    found = {}
    for i, dataset in enumerate(likelihood.datasets):
        counts = getattr(dataset, "counts", None)
        if counts is not None:
            found[i] = counts.geom.axes["energy"].edges.to_value("TeV")
    if not found:
        raise FitError("flux points need datasets with counts")
    return found


def snap_edges(likelihood: Likelihood, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends of the bands, moved to the nearest edges of the data.

    The first dataset that covers an energy says where the edges are; beyond all data they are those of the whole. Bands
    completely outside of the data are kept as they are, narrower ones than a bin vanish.

    Raises
    ------
    ValueError
        If no band is left inside the data.
    """
    axes = list(energy_edges_of(likelihood).values())
    low, high = min(axis[0] for axis in axes), max(axis[-1] for axis in axes)

    def nearest(energy: float) -> float:
        inside = min(max(energy, low), high)
        axis = next(a for a in axes if a[0] * (1 - SLACK) <= inside <= a[-1] * (1 + SLACK))
        return float(axis[np.abs(np.log(inside / axis)).argmin()])

    bands = []
    for bottom, top in itertools.pairwise(edges):
        is_outside = top <= low * (1 + SLACK) or bottom >= high * (1 - SLACK)
        band = (float(bottom), float(top)) if is_outside else (nearest(bottom), nearest(top))
        if band[1] > band[0]:
            bands.append((is_outside, *band))
    if all(is_outside for is_outside, *_ in bands):
        given = f"{edges[0]:g} to {edges[-1]:g} TeV"
        raise ValueError(f"energy_edges: {given} leave no band; the data cover {low:g} to {high:g} TeV")
    ends = np.array([band for _, *band in bands])
    return ends[:, 0], ends[:, 1]


def band_of_bins(edges: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the band that holds each energy bin, or the number of bands."""
    bottom, top = edges[:-1], edges[1:]
    band = np.searchsorted(high, bottom * (1 + SLACK), side="right")
    safe = np.minimum(band, len(low) - 1)
    inside = (band < len(low)) & (bottom >= low[safe] * (1 - SLACK)) & (top <= high[safe] * (1 + SLACK))
    return np.where(inside, safe, len(low)).astype(np.int32)


def lane_of_bins(
    edges: np.ndarray, low: np.ndarray, high: np.ndarray, interval: int = 0, intervals: int = 1
) -> np.ndarray:
    """Return the lane of each energy bin of a dataset: bands of one interval of time after those of another.

    The number of lanes stands for none.
    """
    band, n = band_of_bins(edges, low, high), len(low)
    inside = (band < n) & (interval >= 0)
    return np.where(inside, interval * n + band, n * intervals).astype(np.int32)


def cut_bins(likelihood: Likelihood, low: np.ndarray, high: np.ndarray) -> dict[str, int]:
    """Return how many bins of each dataset lie across an end of a band, and so in none."""
    found = {}
    for i, edges in energy_edges_of(likelihood).items():
        bottom, top = edges[:-1], edges[1:]
        ends = np.unique(np.append(low, high))
        crossed = np.any((ends > bottom[:, np.newaxis] * (1 + SLACK)) & (ends < top[:, np.newaxis] * (1 - SLACK)), 1)
        if crossed.any():
            found[likelihood.names[i]] = int(crossed.sum())
    return found


def reasons(
    values: dict[str, Any],
    low: np.ndarray,
    high: np.ndarray,
    *,
    covered: tuple[float, float],
    n_bins: np.ndarray,
    seen: np.ndarray,
    counts: np.ndarray,
    background: np.ndarray,
) -> np.ndarray:
    """Return why bands have no value, or no error; empty where nothing is missing.

    Parameters
    ----------
    values
        Norms, errors and ``success``; perhaps "no_limit", why there are no limits.
    low, high
        Ends of the bands [TeV].
    covered
        Lowest and highest energy of the data [TeV].
    n_bins
        Bins of the data in every band.
    seen
        Whether the source is seen in any of them.
    counts, background
        Counts in the band, and expected ones (or off counts) of the background.
    """
    outside = (high <= covered[0] * (1 + SLACK)) | (low >= covered[1] * (1 - SLACK))
    empty = (counts == 0) & ~(background > 0)
    no_error = ~np.isfinite(values["norm_err"])
    no_limit = ~np.isfinite(values["norm_ul"])
    no_sensitivity = ~np.isfinite(values.get("norm_sensitivity", values["norm_ul"]))
    cases = {
        "outside of the energies of the data": outside,
        "no bin inside of the masks": n_bins == 0,
        "no exposure": ~seen,
        "no counts and no background": empty & (no_error | ~values["success"]),
        "the fit did not converge": ~values["success"],
        "no counts: no symmetric error": no_error & (counts == 0),
        "the statistic has a corner at the best norm: no symmetric error": no_error,
        values.get("no_limit", "the statistic does not rise to the upper limit"): no_limit,
        "a prediction would be negative first: no downward error": ~np.isfinite(values["norm_errn"]),
        "no background: no sensitivity": no_sensitivity,
    }
    return np.select(list(cases.values()), list(cases), "")

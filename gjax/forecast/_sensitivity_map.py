"""Fluxes of point sources that would just be seen, at every position of a map."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from gjax.errors import FitError
from gjax.forecast._equivalent import discovery_reach, upper_limit
from gjax.forecast._matrices import profiled_information, profiled_step
from gjax.forecast._plan import bins_of
from gjax.forecast._sensitivity import check_levels
from gjax.freeze import point_source_counts
from gjax.likelihood import LEAST_COUNTS, lattice

if TYPE_CHECKING:
    from gjax.forecast._forecast import Forecast

__all__ = ["sensitivity_map"]

log = logging.getLogger(__name__)

#: Positions that are folded together.
CHUNK = 32


class _Sky:
    """What the bins of all cubes expect without the source, and what the other parameters do to them.

    Parameters
    ----------
    forecast
        Of cubes.
    """

    def __init__(self, forecast: Forecast) -> None:
        cubes = forecast.likelihood.frozen.cubes
        self.mean: dict[int, np.ndarray] = {}
        self.slopes: dict[int, np.ndarray] = {}
        for bucket, members in zip(bins_of(forecast), forecast.likelihood.frozen.members):
            for row, i in enumerate(members):
                if i not in cubes:
                    continue
                n, bins = len(cubes[i].occupied), bucket.bins
                mean = (bins.signal + bins.other + bins.noise)[0, row, :n]
                slopes = (bins.signal_slopes + bins.other_slopes)[0, row, :, :n]
                self.mean[i] = np.zeros(cubes[i].counts.size)
                self.slopes[i] = np.zeros((len(slopes), cubes[i].counts.size))
                self.mean[i][cubes[i].occupied] = mean
                self.slopes[i][:, cubes[i].occupied] = slopes
        self.used = {i: cubes[i].mask.ravel() for i in self.mean}
        self.information = forecast.x_information

    def levels(
        self, signals: dict[int, tuple[np.ndarray, np.ndarray]], z: float, n_sigma: float
    ) -> tuple[float, float]:
        """Return discovery and limit of the norm of a source, from the bins it reaches and its counts there."""
        parts = [(self.mean[i][at], self.slopes[i][:, at], s) for i, (at, s) in signals.items() if len(at)]
        if not parts:
            return np.nan, np.nan
        mean = np.maximum(np.concatenate([part[0] for part in parts]), LEAST_COUNTS)
        slopes = np.concatenate([part[1] for part in parts], axis=1)
        signal = np.concatenate([part[2] for part in parts])
        k = len(slopes)

        def at(theta: float) -> tuple[np.ndarray, np.ndarray, float]:
            counts = mean + theta * signal
            matrix = np.empty((k + 1, k + 1))
            # what the source makes less certain elsewhere is the difference to no source
            matrix[:k, :k] = self.information + (slopes * (1 / counts - 1 / mean)) @ slopes.T
            matrix[:k, k] = matrix[k, :k] = slopes @ (signal / counts)
            matrix[k, k] = (signal / counts) @ signal
            part = profiled_information(matrix, np.array([k]))[0, 0]
            if not part > 0:
                raise FitError("no information")
            return counts, matrix, float(1 / part)

        def variance(theta: float) -> float:
            return at(theta)[2]

        def spread(theta: float) -> tuple[float, float]:
            counts, matrix, here = at(theta)
            weights = (profiled_step(matrix, k, k + 1)[:k] @ slopes + signal) / counts
            return here, float(lattice([counts], [weights], 1 / here, np))

        try:
            before = variance(0.0)
            return discovery_reach(variance, before, n_sigma), upper_limit(spread, before, z)
        except FitError:
            return np.nan, np.nan


def sensitivity_map(
    forecast: Forecast,
    geom: Any,
    spectral_model: Any = None,
    *,
    n_sigma: float = 5.0,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Return the fluxes of a point source that would be discovered, or excluded, at every position of an image.

    The source is added to the models of the forecast, whose free parameters (norms of backgrounds, fluxes of other
    sources) are profiled out. Limits and discoveries are those of `Forecast`.

    Parameters
    ----------
    forecast
        Of cubes, at the values of background and sources that are expected.
    geom
        Image (`gjax.maps.WcsGeom` without axes) of the positions, as coarse as one likes.
    spectral_model
        Shape of the spectrum; a power law of index 2 if None.
    n_sigma
        Significance of a discovery.
    confidence
        Confidence level of limits, one-sided.

    Returns
    -------
    maps
        ``discovery`` and ``upper_limit``: factors on the spectral model (for the default, on
        1e-12 cm-2 s-1 TeV-1 at 1 TeV); NaN where no cube sees a source, and where Ctrl-C came first, which is logged.

    Raises
    ------
    ValueError
        If the levels are none, there are no cubes, or the geometry is no image.
    """
    from gjax.maps import WcsNDMap
    from gjax.models import PowerLawSpectralModel

    z = check_levels(n_sigma, confidence)
    if not forecast.likelihood.frozen.cubes:
        raise ValueError("a map of sensitivities needs map datasets")
    if not getattr(geom, "is_image", False):
        raise ValueError("geom: expected an image without energies")
    spectrum = PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1")
    spectrum = spectrum if spectral_model is None else spectral_model
    sky = _Sky(forecast)
    positions = geom.get_coord().skycoord.icrs.reshape(-1)
    inside = np.flatnonzero(np.isfinite(positions.ra.deg))
    found = np.full((2, len(positions)), np.nan)
    first = 0
    try:
        for first in tqdm(range(0, len(inside), CHUNK), desc="sensitivity", disable=None):
            chosen = inside[first : first + CHUNK]
            # always as many positions: one compiled program
            rows = chosen[np.minimum(np.arange(CHUNK), len(chosen) - 1)]
            drawn = point_source_counts(forecast.likelihood, positions[rows], spectrum)
            for place, signals in zip(chosen, drawn):
                kept = {i: (at[sky.used[i][at]], s[sky.used[i][at]]) for i, (at, s) in signals.items()}
                found[:, place] = sky.levels(kept, z, n_sigma)
    except KeyboardInterrupt:
        if first == 0:
            raise
        log.warning(f"interrupted: {first} of {len(inside)} positions are done, the others are NaN")
    shape = geom.data_shape
    return {
        name: WcsNDMap.from_geom(geom, data=values.reshape(shape))
        for name, values in zip(("discovery", "upper_limit"), found)
    }

"""Flux points: the norm of a source in bands of energy."""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import Any

import jax
import numpy as np

from gjax.datasets import FluxPoints
from gjax.errors import FitError
from gjax.estimators._bands import band_of_bins, cut_bins, energy_edges_of, lane_of_bins, reasons, snap_edges
from gjax.estimators._lanes import Lanes, estimate
from gjax.estimators._point_sensitivity import CubeBins, cube_bins, sensitivity_norms
from gjax.estimators._reoptimise import estimate_reoptimised
from gjax.estimators._unified import require_spectra, unified_intervals
from gjax.freeze import (
    FitResult,
    Likelihood,
    compiled_prediction,
    compiled_source_prediction,
    compiled_spectrum,
)
from gjax.likelihood import AbstractCubes, AbstractFluxPointSets, OnOffCubes
from gjax.units import attach_unit, to_canonical

__all__ = ["FluxPointsEstimator"]

log = logging.getLogger(__name__)

UL_METHODS = ("profile", "feldman-cousins")
NORMS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "norm_sensitivity")


@dataclasses.dataclass(frozen=True)
class FluxPointsEstimator:
    """Measures the flux of a source in bands of reconstructed energy, all bands in one batch.

    In every band the spectral shape is kept and its norm is fitted to the bins inside, over all datasets together.

    Parameters
    ----------
    energy_edges
        Edges of the bands (Quantity, or numbers in TeV); they are moved to the nearest edges of the data.
    source
        Name of the source; not needed if there is only one.
    n_sigma
        Significance of the errors.
    n_sigma_ul
        Significance of the upper limits: the statistic rises by ``n_sigma_ul**2`` above its minimum.
    reoptimize
        Also re-optimise all free parameters that do not belong to the source (nuisances, other sources).
    norm_scan
        Norms at which the likelihood is scanned; the default is 11 values from 0.2 to 5.
    ul_method
        "profile": upper limits where the statistic has risen; "feldman-cousins": unified intervals of the same
        confidence from toys (spectra only, other parameters held), with their lower ends in ``norm_ll``.
    key
        Random key of the toys.
    n_toys
        Number of toys per band and norm.
    n_sigma_sensitivity
        Significance of the sensitivity: the norm at which average data are that significant, other parameters held.

    Raises
    ------
    ValueError
        If the edges do not increase, the method is unknown, or it lacks the key.

    Examples
    --------
    >>> estimator = FluxPointsEstimator(energy_edges=[1, 3, 10], source="crab")
    >>> estimator.n_sigma_ul
    2.0
    """

    energy_edges: Any
    source: str | None = None
    n_sigma: float = 1.0
    n_sigma_ul: float = 2.0
    reoptimize: bool = False
    norm_scan: Any = None
    ul_method: str = "profile"
    key: Any = None
    n_toys: int = 2000
    n_sigma_sensitivity: float = 5.0

    def __post_init__(self) -> None:
        edges = np.atleast_1d(to_canonical(self.energy_edges, "TeV", "energy_edges"))
        if len(edges) < 2 or not np.all(np.diff(edges) > 0) or edges[0] <= 0:
            raise ValueError(f"energy_edges: expected at least two increasing energies, got {edges.tolist()} TeV")
        if self.ul_method not in UL_METHODS:
            raise ValueError(f"ul_method: expected one of {', '.join(UL_METHODS)}, got {self.ul_method!r}")
        if self.ul_method != "profile" and self.key is None:
            raise ValueError("key: Feldman-Cousins limits are from toys, which need a random key")
        if self.ul_method != "profile" and self.reoptimize:
            raise ValueError("reoptimize: Feldman-Cousins limits hold the other parameters")

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bands [TeV]."""
        return np.atleast_1d(to_canonical(self.energy_edges, "TeV", "energy_edges"))

    def source_of(self, likelihood: Likelihood) -> str:
        """Return the name of the source: the one given, or the only one.

        Raises
        ------
        FitError
            If none is given and there are several.
        """
        names = [model.name for model in likelihood.models.sources]
        if self.source is None and len(names) != 1:
            raise FitError(f"source: say which one, there are {', '.join(names)}")
        return names[0] if self.source is None else self.source

    @property
    def scan(self) -> np.ndarray:
        """Norms of the likelihood scan."""
        return np.geomspace(0.2, 5.0, 11) if self.norm_scan is None else np.asarray(self.norm_scan, dtype=float)

    def run(self, likelihood: Likelihood | FitResult) -> FluxPoints:
        """Estimate the flux points.

        Parameters
        ----------
        likelihood
            A likelihood at the spectrum to use as reference, or the result of a fit.

        Returns
        -------
        points
            Norms on the source's spectrum with symmetric and asymmetric errors, upper limits, sensitivity, TS, scans,
            counts and predicted counts per dataset, ``success``, and the ``reason`` why a band has no value or error.

        Raises
        ------
        FitError
            If the source does not exist or no dataset has counts.
        """
        if isinstance(likelihood, FitResult):
            likelihood = likelihood.likelihood
        likelihood = likelihood.by_energy()
        source = self.source_of(likelihood)
        if self.ul_method != "profile":
            require_spectra(likelihood.problem.buckets)
        low, high = snap_edges(likelihood, self.edges)
        for name, number in cut_bins(likelihood, low, high).items():
            log.warning(f"dataset {name!r}: {number} bins lie across edges of the bands and are left out")
        cubes = cube_bins(likelihood, source)
        lanes = make_lanes(likelihood, source, low, high, cubes=cubes)
        has_data = bands_with_data(lanes, len(low))
        bands, scan = jax.device_put(has_data), jax.device_put(self.scan)
        sigmas = jax.device_put(float(self.n_sigma)), jax.device_put(float(self.n_sigma_ul))
        if self.reoptimize:
            values = estimate_reoptimised(likelihood, source, lanes, bands, scan, *sigmas)
        else:
            values = estimate(lanes, bands, scan, *sigmas)
        found: dict[str, Any] = {key: np.asarray(v) for key, v in values.items()}
        if self.ul_method != "profile":
            found |= self._unified(lanes, found)
        reach = sensitivity_norms(
            likelihood, lanes, cubes, found["norm"], bands_of_datasets(likelihood, low, high), self.n_sigma_sensitivity
        )
        found["norm_sensitivity"] = np.where(has_data, reach, np.nan)
        return to_flux_points(likelihood, self, lanes, low, high, found)

    def _unified(self, lanes: Lanes, values: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return unified intervals in place of the profile limits."""
        limit, good = np.nan_to_num(values["norm_ul"]), values["success"]
        error = np.nan_to_num((values["norm_ul"] - values["norm"]) / self.n_sigma_ul)
        start = np.where(error > 0, error, 1.0)
        top = np.maximum(1.5 * limit, 5 * start)
        level = math.erf(self.n_sigma_ul / math.sqrt(2))
        try:
            low, high = unified_intervals(self.key, lanes, top, start, level, self.n_toys)
        except KeyboardInterrupt:
            log.warning("interrupted: the points have no limits")
            nothing = np.full(len(top), np.nan)
            return {"norm_ul": nothing, "norm_ll": nothing, "no_limit": "not computed: interrupted"}
        return {"norm_ul": np.where(good, high, np.nan), "norm_ll": np.where(good, low, np.nan)}


def bands_of_datasets(
    likelihood: Likelihood, low: np.ndarray, high: np.ndarray, interval: np.ndarray | None = None, intervals: int = 1
) -> dict[int, np.ndarray]:
    """Return the band of every energy bin of the datasets, by position; see `make_lanes`."""
    where = np.zeros(len(likelihood.datasets), int) if interval is None else interval
    axes = energy_edges_of(likelihood)
    return {i: lane_of_bins(edges, low, high, where[i], intervals) for i, edges in axes.items()}


def make_lanes(
    likelihood: Likelihood,
    source: str,
    low: np.ndarray,
    high: np.ndarray,
    interval: np.ndarray | None = None,
    intervals: int = 1,
    *,
    cubes: dict[int, CubeBins] | None = None,
) -> Lanes:
    """Assign every bin that lies inside a band to it, and predict the source and the rest.

    Parameters
    ----------
    likelihood, source
        The likelihood, and the source whose norms are asked for.
    low, high
        Ends of the bands [TeV].
    interval
        Number of the interval of time of every dataset, -1 for none; all belong to one if not given.
    intervals
        How many intervals there are.
    cubes
        Predictions of the cubes, if they are known already.
    """
    total = len(low) * intervals
    group, position = likelihood.locate(source)
    problem = likelihood.problem
    x = likelihood.start
    totals = compiled_prediction(problem, x)
    own = compiled_source_prediction(problem, x)[group]
    of_bins = bands_of_datasets(likelihood, low, high, interval, intervals)
    signal: list[np.ndarray] = []
    rest: list[np.ndarray] = []
    lanes: list[np.ndarray] = []
    for k, bucket in enumerate(problem.buckets):
        signal.append(np.asarray(own[k][position]))
        rest.append(np.asarray(totals[k]) - signal[-1])
        lane = np.full(bucket.mask.shape, total, dtype=np.int32)
        if not isinstance(bucket, AbstractFluxPointSets):
            for row, i in enumerate(likelihood.frozen.members[k]):
                bands = of_bins[i]
                if isinstance(bucket, AbstractCubes):
                    bands = np.concatenate([bands[np.asarray(bucket.energy_bin[row])], bands])
                lane[row, : len(bands)] = bands
        lanes.append(np.where(np.asarray(bucket.mask), lane, total))
    on_device = [tuple(jax.device_put(array) for array in arrays) for arrays in (signal, rest, lanes)]
    known = cube_bins(likelihood, source) if cubes is None else cubes
    lowest = jax.device_put(_lowest_norms(likelihood, known, of_bins, total))
    return Lanes(problem.buckets, on_device[0], on_device[1], on_device[2], lowest)


def _lowest_norms(
    likelihood: Likelihood, cubes: dict[int, CubeBins], of_bins: dict[int, np.ndarray], lanes: int
) -> np.ndarray:
    """Return per lane the norm at which the statistic of a cube ceases to hold in the first bin.

    That is where a bin would be predicted negative, or an empty on-off bin so far below 0 that the off counts had to
    follow.
    """
    lowest = np.full(lanes, -np.inf)
    for i, bins in cubes.items():
        cube = likelihood.frozen.cubes[i]
        seen = cube.mask & (bins.signal > 0)
        rest = bins.rest + bins.background
        if cube.alpha is not None and cube.counts_off is not None:
            rest = rest + cube.counts_off * cube.alpha / (1 + cube.alpha)
            seen = seen & ~(cube.counts > 0)
        ratio = np.where(seen, -rest / np.where(seen, bins.signal, 1.0), -np.inf).max(axis=1)
        for lane, value in zip(of_bins[i], ratio):
            if lane < lanes:
                lowest[lane] = max(lowest[lane], value)
    return lowest


def _sum_bands(values: np.ndarray, lane: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros((len(lane), n + 1))
    for row, (v, index) in enumerate(zip(values, lane)):
        np.add.at(out[row], index, v)
    return out[:, :n]


def bins_of_lanes(lanes: Lanes, n: int) -> np.ndarray:
    """Return the number of bins in every band."""
    return np.sum([np.bincount(np.asarray(lane).ravel(), minlength=n + 1)[:n] for lane in lanes.lane], axis=0)


def bands_with_data(lanes: Lanes, n: int) -> np.ndarray:
    """Return which bands hold bins where the source is seen."""
    seen = [
        _sum_bands(np.asarray(s > 0, float), np.asarray(lane), n).sum(axis=0)
        for s, lane in zip(lanes.signal, lanes.lane)
    ]
    return np.sum(seen, axis=0) > 0


def reference_of(likelihood: Likelihood, source: str, low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    """Return the fluxes of a source in bands: differential at the mean energy, integral, and of energy."""
    skeletons, table = likelihood.models.freeze_tree()
    skeleton = skeletons[likelihood.models.names.index(source)].spectral_model
    energies = jax.device_put((np.sqrt(low * high), low, high))
    fluxes = compiled_spectrum(skeleton, jax.device_put(table.values), *energies)
    return dict(zip(("dnde", "flux", "eflux"), (np.asarray(flux) for flux in fluxes)))


def to_flux_points(
    likelihood: Likelihood,
    estimator: FluxPointsEstimator,
    lanes: Lanes,
    low: np.ndarray,
    high: np.ndarray,
    values: dict[str, Any],
) -> FluxPoints:
    """Put energies, reference fluxes and units on the norms."""
    n = len(low)
    source = estimator.source_of(likelihood)
    e_ref = np.sqrt(low * high)
    reference = reference_of(likelihood, source, low, high)
    counts = np.full((n, len(likelihood.datasets)), np.nan)
    excess, npred = counts.copy(), counts.copy()
    norm = np.append(np.nan_to_num(values["norm"]), 0.0)
    background, axes = likelihood.npred_background(), energy_edges_of(likelihood)
    for bucket, signal, rest, lane, members in zip(
        lanes.buckets, lanes.signal, lanes.rest, lanes.lane, likelihood.frozen.members
    ):
        if isinstance(bucket, AbstractFluxPointSets):
            continue
        index = np.asarray(lane)
        scaled = norm[index] * np.asarray(signal)
        for row, i in enumerate(members):
            here = index[row : row + 1]
            known = background[likelihood.names[i]].data
            excess[:, i] = _sum_bands(scaled[row : row + 1], here, n)[0]
            npred[:, i] = excess[:, i] + _sum_bands(np.asarray(rest)[row : row + 1], here, n)[0]
            if isinstance(bucket, AbstractCubes):
                cube = likelihood.frozen.cubes[i]
                bands = band_of_bins(axes[i], low, high)[np.newaxis]
                counts[:, i] = _sum_bands(np.where(cube.mask, cube.counts, 0.0).sum(axis=1)[np.newaxis], bands, n)[0]
                if isinstance(bucket, OnOffCubes):  # with a known background the rest holds it
                    measured = np.where(cube.mask, known.reshape(cube.mask.shape), 0.0).sum(axis=1)
                    npred[:, i] += _sum_bands(measured[np.newaxis], bands, n)[0]
                continue
            size = likelihood.frozen.sizes[i]
            counts[:, i] = _sum_bands(np.asarray(bucket.counts)[row : row + 1], here, n)[0]  # type: ignore[attr-defined]
            npred[:, i] += _sum_bands(known.reshape(1, -1), here[:, :size], n)[0]
    good = values["success"]
    covered = [edges[[0, -1]] for edges in axes.values()]
    extra = {key: values[key] for key in ("ts", "stat", "stat_null", "stat_scan", "success")}
    extra["sqrt_ts"] = np.sign(values["norm"]) * np.sqrt(np.maximum(values["ts"], 0.0))
    extra["reason"] = reasons(
        values,
        low,
        high,
        covered=(min(a[0] for a in covered), max(a[1] for a in covered)),
        n_bins=bins_of_lanes(lanes, n),
        seen=bands_with_data(lanes, n),
        counts=np.nansum(counts, axis=1),
        background=np.nansum(npred - excess, axis=1),
    )
    if "norm_ll" in values:
        extra["norm_ll"] = values["norm_ll"]
    extra["norm_scan"] = np.broadcast_to(estimator.scan, (n, len(estimator.scan))).copy()
    extra["counts"] = counts
    extra["npred"] = np.where(good[:, None], npred, np.nan)
    extra["npred_excess"] = np.where(good[:, None], excess, np.nan)
    return FluxPoints(
        e_ref=attach_unit(e_ref, "TeV"),
        e_min=attach_unit(low, "TeV"),
        e_max=attach_unit(high, "TeV"),
        norms={key: values[key] for key in NORMS},
        reference=reference,
        extra=extra,
        sed_type_init="likelihood",
        meta={
            **{name: getattr(estimator, name) for name in ("n_sigma", "n_sigma_ul", "n_sigma_sensitivity")},
            "source": source,
        },
    )

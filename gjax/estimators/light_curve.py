"""Light curves: the norm of a source in intervals of time and bands of energy."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import astropy.units as u
import jax
import numpy as np

from gjax.datasets import LightCurve
from gjax.errors import FitError
from gjax.estimators._bands import cut_bins, energy_edges_of, lane_of_bins, reasons, snap_edges
from gjax.estimators._lanes import Lanes, estimate
from gjax.estimators._light_curve_fits import Question, check_free, fit_lanes
from gjax.estimators._point_sensitivity import cube_bins, sensitivity_norms
from gjax.estimators._time_intervals import TimeIntervals, place_datasets
from gjax.estimators.flux_points import (
    FluxPointsEstimator,
    bands_of_datasets,
    bands_with_data,
    bins_of_lanes,
    make_lanes,
    reference_of,
)
from gjax.freeze import FitResult, Likelihood
from gjax.freeze._datasets import ladder
from gjax.likelihood import AbstractCubes, OnOffCubes
from gjax.units import attach_unit

__all__ = ["LightCurveEstimator"]

log = logging.getLogger(__name__)

NORMS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "norm_sensitivity")


@dataclasses.dataclass(frozen=True)
class LightCurveEstimator:
    """Measures the flux of a source in intervals of time and bands of reconstructed energy, all in one batch.

    In every interval and band the spectral shape is kept and its norm is fitted to the bins inside, over all datasets
    whose good time lies in the interval. For intervals shorter than a run, select the observations first
    (`gjax.data.Observations.select_time`) and reduce the parts.

    Parameters
    ----------
    time_intervals
        Pairs of start and stop (`astropy.time.Time`), or `~gjax.data.GTI`; by default those of the datasets.
    energy_edges
        Edges of the bands (Quantity, or numbers in TeV), moved to the nearest edges of the data; None for one band of
        all energies.
    source
        Name of the source; not needed if there is only one.
    atol
        How far the good time of a dataset may reach out of an interval.
    n_sigma
        Significance of the errors.
    n_sigma_ul
        Significance of the upper limits: the statistic rises by ``n_sigma_ul**2`` above its minimum.
    reoptimize
        Also re-optimise, in every interval and band, all free parameters that do not belong to the source.
    free
        Parameters of the spectrum that are fitted in every interval and band beside the norm, such as ``["index"]``.
        The norm is then that of the integral flux in the band, and so are its errors and limits; the values are in the
        columns ``index`` and ``index_err``.
    norm_scan
        Norms at which the likelihood is scanned; the default is 11 values from 0.2 to 5.
    n_sigma_sensitivity
        Significance of the sensitivity: the norm at which average data are that significant, other parameters held.

    Raises
    ------
    ValueError
        If edges do not increase.

    Examples
    --------
    >>> estimator = LightCurveEstimator(energy_edges=[0.7, 1, 20], source="pks2155")
    >>> estimator.atol, estimator.n_sigma_ul
    ('1e-6 s', 2.0)
    """

    time_intervals: Any = None
    energy_edges: Any = None
    source: str | None = None
    atol: Any = "1e-6 s"
    n_sigma: float = 1.0
    n_sigma_ul: float = 2.0
    reoptimize: bool = False
    free: tuple[str, ...] | list[str] = ()
    norm_scan: Any = None
    n_sigma_sensitivity: float = 5.0

    def __post_init__(self) -> None:
        if self.energy_edges is not None:
            self._points(self.energy_edges)
        if isinstance(self.free, str):
            object.__setattr__(self, "free", (self.free,))

    def _points(self, edges: Any) -> FluxPointsEstimator:
        return FluxPointsEstimator(edges, self.source, norm_scan=self.norm_scan)

    def run(self, likelihood: Likelihood | FitResult) -> LightCurve:
        """Estimate the light curve.

        Parameters
        ----------
        likelihood
            A likelihood at the spectrum to use as reference, or the result of a fit.

        Returns
        -------
        lightcurve
            Norms on the source's spectrum with symmetric and asymmetric errors, upper limits, TS, likelihood scans,
            counts and predicted counts. A point without data, or without a minimum, holds NaN and False in ``success``;
            ``reason`` says why, also where only an error or a limit is missing.

        Raises
        ------
        FitError
            If the source does not exist or no dataset has counts.
        ValueError
            If intervals or datasets overlap in time, a dataset has no good time, no dataset lies in an interval, or a
            parameter in ``free`` is none of the spectrum.
        """
        if isinstance(likelihood, FitResult):
            likelihood = likelihood.likelihood
        counted = [dataset for dataset in likelihood.datasets if getattr(dataset, "counts", None) is not None]
        if not counted:
            raise FitError("a light curve needs datasets with counts")
        if len(counted) < len(likelihood.datasets):  # flux points have no part in any interval
            likelihood = Likelihood(counted, likelihood.models)
        likelihood = likelihood.by_energy()
        edges = self.energy_edges
        if edges is None:
            axes = energy_edges_of(likelihood).values()
            edges = [min(axis[0] for axis in axes), max(axis[-1] for axis in axes)]
        points = self._points(edges)
        source = points.source_of(likelihood)
        check_free(likelihood.models[source], self.free)  # type: ignore[arg-type]
        intervals = place_datasets(counted, self.time_intervals, u.Quantity(self.atol).to_value("s"))
        if not np.any(intervals.of_dataset >= 0):
            raise ValueError("time_intervals: no dataset lies in any of them")
        low, high = snap_edges(likelihood, points.edges)
        for name, number in cut_bins(likelihood, low, high).items():
            log.warning(f"dataset {name!r}: {number} bins lie across edges of the bands and are left out")
        # light curves of about one length share their programs
        room = ladder(len(intervals))
        cubes = cube_bins(likelihood, source)
        lanes = make_lanes(likelihood, source, low, high, intervals.of_dataset, room, cubes=cubes)
        has_data = bands_with_data(lanes, len(low) * room)
        reference = reference_of(likelihood, source, low, high)
        sigmas = float(self.n_sigma), float(self.n_sigma_ul)
        shape = len(intervals), len(low)
        missing = np.zeros(len(intervals), bool)
        if self.free or (self.reoptimize and _has_others(likelihood, source)):
            question = Question(
                source, tuple(self.free), self.reoptimize, low, high, reference["flux"], points.scan, *sigmas
            )
            values = fit_lanes(likelihood, lanes, intervals, question)
            missing = values.pop("is_missing", missing)
            known = values["success"] & has_data.reshape(-1, len(low))[: len(intervals)]
            hidden = {key: v for key, v in values.items() if key != "success" and not key.startswith("ref_")}
            values |= {
                key: np.where(known.reshape(shape + (1,) * (v.ndim - 2)), v, np.nan) for key, v in hidden.items()
            }
            values["success"] = known
        else:
            found = estimate(lanes, *jax.device_put((has_data, points.scan, *sigmas)))
            values = {key: np.asarray(v).reshape(room, len(low), *v.shape[1:]) for key, v in found.items()}
            values = {key: v[: len(intervals)] for key, v in values.items()}
        norm = np.full((room, len(low)), np.nan)
        norm[: len(intervals)] = values["norm"]
        bands = bands_of_datasets(likelihood, low, high, intervals.of_dataset, room)
        reach = sensitivity_norms(likelihood, lanes, cubes, norm.ravel(), bands, self.n_sigma_sensitivity)
        values["norm_sensitivity"] = reach.reshape(norm.shape)[: len(intervals)]
        given = {key: values.pop(f"ref_{key}", np.nan) for key in reference}
        reference = {key: np.where(np.isnan(given[key]), flux, given[key]) for key, flux in reference.items()}
        reference = {key: np.broadcast_to(flux, shape).copy() for key, flux in reference.items()}
        values |= _counts(likelihood, lanes, intervals, low, high, values["norm"])
        values["sqrt_ts"] = np.sign(values["norm"]) * np.sqrt(np.maximum(values["ts"], 0.0))
        values["norm_scan"] = np.broadcast_to(points.scan, (*shape, len(points.scan))).copy()
        reasons_of_points = _reasons(likelihood, lanes, intervals, low, high, values)
        values["reason"] = np.where(missing[:, np.newaxis], "interrupted before this interval", reasons_of_points)
        del values["npred_background"]
        return LightCurve(
            time_min=intervals.start,
            time_max=intervals.stop,
            e_ref=attach_unit(np.sqrt(low * high), "TeV"),
            e_min=attach_unit(low, "TeV"),
            e_max=attach_unit(high, "TeV"),
            norms={key: values.pop(key) for key in NORMS},
            reference=reference,
            extra=values,
            sed_type_init="likelihood",
            meta={
                **{name: getattr(self, name) for name in ("n_sigma", "n_sigma_ul", "n_sigma_sensitivity")},
                "source": source,
            },
        )


def _has_others(likelihood: Likelihood, source: str) -> bool:
    return any(not name.startswith(f"{source}.") for name in likelihood.free_names)


def _counts(
    likelihood: Likelihood, lanes: Lanes, intervals: TimeIntervals, low: np.ndarray, high: np.ndarray, norm: np.ndarray
) -> dict[str, np.ndarray]:
    """Return counts, predicted counts and excess per interval and band."""
    size, total = norm.size, len(lanes.lowest)
    sums = np.zeros((3, total + 1))
    background = likelihood.npred_background()

    def add(row: int, values: np.ndarray, lane: np.ndarray) -> None:
        sums[row] += np.bincount(lane, weights=np.asarray(values, dtype=float), minlength=total + 1)

    for bucket, signal, rest, lane, members in zip(
        lanes.buckets, lanes.signal, lanes.rest, lanes.lane, likelihood.frozen.members
    ):
        of_bins, signals, others = np.asarray(lane), np.asarray(signal), np.asarray(rest)
        for row, i in enumerate(members):
            here = of_bins[row]
            add(1, signals[row], here)
            add(2, others[row], here)
            known = background[likelihood.names[i]].data
            if not isinstance(bucket, AbstractCubes):
                add(0, np.asarray(bucket.counts[row]), here)  # type: ignore[attr-defined]
                add(2, known.ravel(), here[: likelihood.frozen.sizes[i]])
                continue
            cube = likelihood.frozen.cubes[i]
            edges = likelihood.datasets[i].counts.geom.axes["energy"].edges.to_value("TeV")
            bands = lane_of_bins(edges, low, high, int(intervals.of_dataset[i]), total // len(low))
            add(0, np.where(cube.mask, cube.counts, 0.0).sum(axis=1), bands)
            if isinstance(bucket, OnOffCubes):  # with a known background the rest holds it
                add(2, np.where(cube.mask, known.reshape(cube.mask.shape), 0.0).sum(axis=1), bands)
    counts, unit, other = (part[:size].reshape(norm.shape) for part in sums)
    excess = norm * unit
    return {"counts": counts, "npred_excess": excess, "npred": excess + other, "npred_background": other}


def _reasons(
    likelihood: Likelihood,
    lanes: Lanes,
    intervals: TimeIntervals,
    low: np.ndarray,
    high: np.ndarray,
    values: dict[str, np.ndarray],
) -> np.ndarray:
    """Return why points, errors or limits are missing."""
    size, total = values["norm"].size, len(lanes.lowest)
    edges = list(energy_edges_of(likelihood).values())
    texts = reasons(
        {key: values[key].ravel() for key in (*NORMS, "success")},
        np.tile(low, len(intervals)),
        np.tile(high, len(intervals)),
        covered=(min(axis[0] for axis in edges), max(axis[-1] for axis in edges)),
        n_bins=bins_of_lanes(lanes, total)[:size],
        seen=bands_with_data(lanes, total)[:size],
        counts=values["counts"].ravel(),
        background=np.nan_to_num(values["npred_background"].ravel()),
    ).reshape(values["norm"].shape)
    empty = np.array([not intervals.members(number) for number in range(len(intervals))])
    return np.where(empty[:, np.newaxis], "no dataset in the interval", texts)

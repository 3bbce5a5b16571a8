"""Light curves: the norm of a source in intervals of time and bands of energy."""

from __future__ import annotations

import dataclasses
from typing import Any

import astropy.units as u
import jax
import numpy as np

from gjax.datasets import LightCurve
from gjax.errors import FitError
from gjax.estimators._lanes import Lanes, estimate
from gjax.estimators._light_curve_fits import Question, check_free, fit_lanes
from gjax.estimators._time_intervals import TimeIntervals, place_datasets
from gjax.estimators.flux_points import FluxPointsEstimator, bands_with_data, lane_of_bins, make_lanes, snap_edges
from gjax.freeze import FitResult, Likelihood, compiled_spectrum
from gjax.likelihood import AbstractCubes, OnOffCubes
from gjax.units import attach_unit

__all__ = ["LightCurveEstimator"]

NORMS = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul")


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
        edges = counted[0].counts.geom.axes["energy"].edges[[0, -1]] if self.energy_edges is None else self.energy_edges
        points = self._points(edges)
        source = points.source_of(likelihood)
        check_free(likelihood.models[source], self.free)  # type: ignore[arg-type]
        intervals = place_datasets(counted, self.time_intervals, u.Quantity(self.atol).to_value("s"))
        if not np.any(intervals.of_dataset >= 0):
            raise ValueError("time_intervals: no dataset lies in any of them")
        low, high = snap_edges(likelihood, points.edges)
        lanes = make_lanes(likelihood, source, low, high, intervals.of_dataset, len(intervals))
        has_data = bands_with_data(lanes, len(low) * len(intervals))
        reference = _reference(likelihood, source, low, high)
        sigmas = float(self.n_sigma), float(self.n_sigma_ul)
        shape = len(intervals), len(low)
        if self.free or (self.reoptimize and _has_others(likelihood, source)):
            question = Question(
                source, tuple(self.free), self.reoptimize, low, high, reference["flux"], points.scan, *sigmas
            )
            values = fit_lanes(likelihood, lanes, intervals, question)
            known = values["success"] & has_data.reshape(shape)
            hidden = {key: v for key, v in values.items() if key != "success" and not key.startswith("ref_")}
            values |= {
                key: np.where(known.reshape(shape + (1,) * (v.ndim - 2)), v, np.nan) for key, v in hidden.items()
            }
            values["success"] = known
        else:
            found = estimate(lanes, *jax.device_put((has_data, points.scan, *sigmas)))
            values = {key: np.asarray(v).reshape(*shape, *v.shape[1:]) for key, v in found.items()}
        given = {key: values.pop(f"ref_{key}", np.nan) for key in reference}
        reference = {key: np.where(np.isnan(given[key]), flux, given[key]) for key, flux in reference.items()}
        reference = {key: np.broadcast_to(flux, shape).copy() for key, flux in reference.items()}
        values |= _counts(likelihood, lanes, intervals, low, high, values["norm"])
        values["sqrt_ts"] = np.sign(values["norm"]) * np.sqrt(np.maximum(values["ts"], 0.0))
        values["norm_scan"] = np.broadcast_to(points.scan, (*shape, len(points.scan))).copy()
        values["reason"] = _reasons(values, intervals, has_data.reshape(shape))
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
            meta={"n_sigma": self.n_sigma, "n_sigma_ul": self.n_sigma_ul, "source": source},
        )


def _has_others(likelihood: Likelihood, source: str) -> bool:
    return any(not name.startswith(f"{source}.") for name in likelihood.free_names)


def _reference(likelihood: Likelihood, source: str, low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    """Return differential, integral and energy flux of the source in the bands."""
    skeletons, table = likelihood.models.freeze_tree()
    skeleton = skeletons[likelihood.models.names.index(source)].spectral_model
    fluxes = compiled_spectrum(skeleton, *jax.device_put((table.values, np.sqrt(low * high), low, high)))
    return {name: np.asarray(flux) for name, flux in zip(("dnde", "flux", "eflux"), fluxes)}


def _counts(
    likelihood: Likelihood, lanes: Lanes, intervals: TimeIntervals, low: np.ndarray, high: np.ndarray, norm: np.ndarray
) -> dict[str, np.ndarray]:
    """Return counts, predicted counts and excess per interval and band."""
    total = norm.size
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
            bands = lane_of_bins(edges, low, high, int(intervals.of_dataset[i]), len(intervals))
            add(0, np.where(cube.mask, cube.counts, 0.0).sum(axis=1), bands)
            if isinstance(bucket, OnOffCubes):  # with a known background the rest holds it
                add(2, np.where(cube.mask, known.reshape(cube.mask.shape), 0.0).sum(axis=1), bands)
    counts, unit, other = (part[:total].reshape(norm.shape) for part in sums)
    excess = norm * unit
    return {"counts": counts, "npred_excess": excess, "npred": excess + other}


def _reasons(values: dict[str, np.ndarray], intervals: TimeIntervals, has_data: np.ndarray) -> np.ndarray:
    """Return why points, errors or limits are missing."""
    empty = np.array([not intervals.members(number) for number in range(len(intervals))])
    missing = {key: ~np.isfinite(values[f"norm_{key}"]) for key in ("err", "errn", "errp", "ul")}
    texts = np.array(
        [
            ["; ".join(f"no norm_{key}" for key in missing if missing[key][i, j]) for j in range(has_data.shape[1])]
            for i in range(len(empty))
        ],
        dtype=object,
    )
    corner = missing["err"] & ~missing["errp"]
    texts = np.where(corner & values["success"], texts + ": a corner of the likelihood", texts)
    texts = np.where(values["success"], texts, "no minimum was found")
    texts = np.where(has_data, texts, "no bin with exposure inside of the masks")
    return np.where(empty[:, np.newaxis], "no dataset in the interval", texts).astype(str)

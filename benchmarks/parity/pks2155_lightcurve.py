"""The flares of PKS 2155-304 as seen by H.E.S.S.: light curves by run and in ten minutes, beside Gammapy 2.1."""

from __future__ import annotations

import itertools
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time
from regions import CircleSkyRegion

import gjax
from benchmarks.parity.inputs import Inputs, models_of, polished
from benchmarks.parity.report import Report
from benchmarks.parity.spectra import compare_reduced, compare_start
from gjax.data import DataStore, Observations
from gjax.datasets import Datasets, LightCurve, SpectrumDataset, SpectrumDatasetOnOff
from gjax.estimators import LightCurveEstimator
from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom

EDGES = [0.7, 1, 20] * u.TeV
FLUX = "cm-2 s-1"


def observations(inputs: Inputs, obs_ids: list[int]) -> Observations:
    """Return the runs."""
    return DataStore.from_dir(inputs.file("hess-dl3-dr1")).get_observations(obs_ids)


def reduce(given: Any, target: list[float]) -> Datasets:
    """Return the spectra of runs or parts of runs, reduced as the reference did."""
    region = CircleSkyRegion(SkyCoord(*target, unit="deg", frame="icrs"), 0.11 * u.deg)
    energy = MapAxis.from_energy_bounds("0.4 TeV", "20 TeV", nbin=10)
    energy_true = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20, name="energy_true")
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true)
    makers = [
        SpectrumDatasetMaker(containment_correction=True),
        ReflectedRegionsBackgroundMaker(),
        SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
    ]
    return DatasetsMaker(makers, stack_datasets=False).run(empty, given)


def ten_minutes() -> list[Time]:
    """Return the intervals of the reference, ten minutes each from half past eight."""
    edges = Time("2006-07-29T20:30", scale="utc") + 10 * u.min * np.arange(35)
    return [Time([low, high]) for low, high in itertools.pairwise(edges)]


def compare_runs(report: Report, datasets: Datasets, reference: dict[str, Any]) -> None:
    """Compare the reduced runs."""
    rows = reference["per_run"]
    for key in ("counts", "counts_off"):
        ours = [dataset.info_dict()[key] for dataset in datasets]
        report.exact(f"runs: {key}", ours, [row[key] for row in rows])
    for key, allowed in (("excess", 1e-6), ("sqrt_ts", 1e-4)):
        ours = [float(dataset.info_dict()[key]) for dataset in datasets]
        report.relative(f"runs: {key}", ours, [row[key] for row in rows], allowed)
    livetime = [dataset.info_dict()["livetime"].to_value("s") for dataset in datasets]
    report.relative("runs: live time", livetime, [row["livetime_s"] for row in rows], 1e-6)
    compare_reduced(report, datasets[0], reference["dataset0"])


def compare_light_curve(report: Report, name: str, lightcurve: LightCurve, reference: dict[str, Any]) -> None:
    """Compare points: TS to 1 %, fluxes to 0.03 of their errors, errors and limits to 2 %."""
    theirs = {key: np.array(reference[key], dtype=float) for key in ("flux", "flux_err", "sqrt_ts")}
    report.exact(f"{name}: intervals", len(lightcurve), reference["n_bins_time"])
    report.absolute(f"{name}: starts [d]", lightcurve.time_min.mjd, reference["time_min"], 1e-4)
    measured = np.isfinite(theirs["flux"])
    report.exact(f"{name}: points with a flux", lightcurve.success, measured)
    report.truth(f"{name}: a reason for every point without", bool(np.all(lightcurve.reason[~measured] != "")))
    flux = lightcurve.flux.to_value(FLUX)
    report.sigmas(f"{name}: flux", flux[measured], theirs["flux"][measured], theirs["flux_err"][measured], 0.03)
    # without an on count the statistic has a kink at zero flux and no second derivative
    curved = measured & (lightcurve.extra["counts"] > 0)
    error = lightcurve.flux_err.to_value(FLUX)
    report.relative(f"{name}: flux_err", error[curved], theirs["flux_err"][curved], 0.02)
    if "flux_ul" in reference:
        limit, other = lightcurve.flux_ul.to_value(FLUX), np.array(reference["flux_ul"], dtype=float)
        report.relative(f"{name}: flux_ul", limit[measured], other[measured], 0.02)
    ts, other = lightcurve.extra["ts"][measured], theirs["sqrt_ts"][measured] ** 2
    scale = np.maximum(other, 1.0)
    report.absolute(f"{name}: ts", ts / scale, other / scale, 0.01, "divided by the value where that is above 1")


def compare_fit(report: Report, name: str, datasets: Any, fit: dict[str, Any]) -> Any:
    """Compare a joint fit of a power law; return the result."""
    likelihood = gjax.Likelihood(datasets, models_of(fit["start_models"]))
    compare_start(report, name, likelihood, fit["stat_start"])
    result, (best, note) = likelihood.fit(), polished(fit)
    report.absolute(f"{name}: statistic", result.total_stat, fit["stat_opt"], 0.01, note)
    report.fit(name, result, best, source=f"{fit['start_models'][0]['name']}.spectral.", note=note)
    return result


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` leaves out the intervals of ten minutes."""
    reference = inputs.json("pks2155_lightcurve.json")
    target = reference["inputs"]["target_icrs"]
    runs = observations(inputs, reference["obs_ids"])
    datasets = reduce(runs, target)
    compare_runs(report, datasets, reference)
    result = compare_fit(report, "joint power law", datasets, reference["fit_joint_pl"])
    estimator = LightCurveEstimator(energy_edges=EDGES)
    compare_light_curve(report, "by run", estimator.run(result), reference["lc_per_run_selection_ul_errn"])
    steady = SpectrumDatasetOnOff.read(inputs.file("PKS2155-steady/pks2155-304_steady.fits.gz"), name="steady")
    compare_fit(report, "steady state", steady, reference["steady"]["fit_pl"])
    if quick:
        return
    intervals = ten_minutes()
    short = runs.select_time(intervals)
    report.exact("ten minutes: parts of runs", len(short), reference["n_short_obs"])
    parts = reduce(short, target)
    result = compare_fit(report, "ten minutes, power law", parts, reference["fit_short_joint_pl"])
    estimator = LightCurveEstimator(time_intervals=intervals, energy_edges=EDGES)
    compare_light_curve(report, "ten minutes", estimator.run(result), reference["lc_10min_selection_none"])

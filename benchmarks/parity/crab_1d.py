"""Four H.E.S.S. runs on the Crab nebula from DL3 files to flux points, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

import gjax
from benchmarks.parity.inputs import Inputs, models_of, polished
from benchmarks.parity.quadrature import with_reference_rule
from benchmarks.parity.report import Report
from benchmarks.parity.spectra import compare_flux_points, compare_npred, compare_reduced, compare_start, flat
from gjax.data import DataStore
from gjax.datasets import Datasets, SpectrumDataset, SpectrumDatasetOnOff
from gjax.estimators import FluxPointsEstimator
from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom

OBS_IDS = (23523, 23526, 23559, 23592)


def reduce(inputs: Inputs) -> Datasets:
    """Return the spectra of the four runs, reduced as the reference did."""
    observations = DataStore.from_dir(inputs.file("hess-dl3-dr1")).get_observations(OBS_IDS)
    region = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg", frame="icrs"), 0.11 * u.deg)
    exclusion = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5 * u.deg)
    energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True)
    energy_true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=20, per_decade=True, name="energy_true")
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true)
    makers = [
        SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=True),
        ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion),
        SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
    ]
    return DatasetsMaker(makers, stack_datasets=False).run(empty, observations)


def stack(datasets: Datasets) -> SpectrumDatasetOnOff:
    """Return the runs stacked as the reference does: dispersion averaged with the exposure *before* containment."""
    return datasets.stack_reduce(name="stacked", edisp_weights="edisp_exposure")


def compare_stack_rule(report: Report, datasets: Datasets, fit: dict[str, Any]) -> None:
    """Check that the default of gjax keeps the sum rule that the weights of the reference break."""
    models = models_of(fit["start_models"])
    per_run = gjax.Likelihood(datasets, models).npred_signal()
    runs = sum(flat(per_run[d.name]) * flat(d.mask) for d in datasets)

    def of_stack(stacked: SpectrumDatasetOnOff) -> np.ndarray:
        return flat(gjax.Likelihood(stacked, models).npred_signal()["stacked"])

    ours, theirs = of_stack(datasets.stack_reduce(name="stacked")), of_stack(stack(datasets))
    worst = float(np.max(np.abs(theirs / np.where(runs > 0, runs, np.nan) - 1)[runs > 0]))
    note = f"weights of the reference miss it by up to {worst:.1%} of a bin"
    report.relative("default stack: npred is the sum of the runs", ours[runs > 0], runs[runs > 0], 1e-6, note)


def compare_reduction(report: Report, datasets: Datasets, reference: dict[str, Any]) -> None:
    """Compare the reduced runs and their stack."""
    for dataset, theirs in zip(datasets, reference["runs"], strict=True):
        compare_reduced(report, dataset, theirs)
        livetime = float(str(theirs["livetime"]).removesuffix(" s"))
        report.relative(f"{dataset.name}: live time", dataset.livetime.to_value("s"), livetime, 1e-6)
        report.absolute(f"{dataset.name}: good time", dataset.gti.time_sum.to_value("s"), theirs["gti_s"], 1e-3)
    stacked = stack(datasets)
    compare_reduced(report, stacked, reference["stacked"], single=True)
    info, theirs = stacked.info_dict(), reference["stacked"]["info"]
    for key in ("counts", "counts_off", "excess", "sqrt_ts"):
        report.relative(f"stacked: {key}", float(info[key]), theirs[key], 1e-3)


def compare_fit(report: Report, key: str, datasets: Any, fit: dict[str, Any]) -> Any:
    """Compare prediction and statistic at the start values, and the fit; return the result."""
    likelihood = gjax.Likelihood(datasets, models_of(fit["start_models"]))
    compare_npred(report, key, likelihood, fit["start_npred_signal"])
    same_rule = likelihood.with_models(with_reference_rule(likelihood.models, datasets))
    for name, statistic in same_rule.stat_per_dataset().items():
        report.absolute(f"{key} {name}: statistic at the start", statistic, fit["start_per_dataset_stat"][name], 0.01)
    compare_start(report, key, likelihood, fit["stat_start"])
    result, (best, note) = likelihood.fit(), polished(fit)
    report.absolute(f"{key}: statistic", result.total_stat, fit["polished"]["stat_opt"], 0.01, note)
    report.fit(key, result, best, source="crab.spectral.", note=note)
    return result


def compare_questions(report: Report, result: Any, reference: dict[str, Any]) -> None:
    """Compare asymmetric errors and a profile of the stacked log parabola."""
    errn, errp = result.confidence("alpha")["crab.spectral.alpha"]
    minos = reference["minos_alpha_stacked_lp"]
    report.relative("MINOS of alpha: positive", errp, minos["errp"], 0.02)
    report.relative("MINOS of alpha: negative", errn, abs(minos["errn"]), 0.02)
    profile = reference["stat_profile_amplitude_stacked_lp"]
    ours = result.profile("amplitude", profile["values"] * u.Unit("cm-2 s-1 TeV-1"))
    report.truth("profile of amplitude: converged", bool(ours.success.all()))
    report.absolute("profile of amplitude: statistic", ours.statistic, profile["stat"], 0.01)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` fits and measures flux points with the stacked log parabola only."""
    reference = inputs.json("crab_1d.json")
    datasets = reduce(inputs)
    compare_reduction(report, datasets, reference)
    groups = {"joint": datasets, "stacked": Datasets([stack(datasets)])}
    compare_stack_rule(report, datasets, reference["fits"]["joint_pl"])
    results = {}
    for name, fit in reference["fits"].items():
        if quick and name != "stacked_lp":
            continue
        results[name] = compare_fit(report, name, groups[name.split("_")[0]], fit)
    compare_questions(report, results["stacked_lp"], reference)
    edges = reference["axes"]["energy"]["edges"] * u.TeV
    for name in ("stacked_lp",) if quick else ("stacked_lp", "joint_ecpl"):
        estimator = FluxPointsEstimator(energy_edges=edges, source="crab")
        points = estimator.run(results[name].likelihood)
        compare_flux_points(report, f"flux points {name}", points, reference[f"flux_points_{name}_all"]["table"])

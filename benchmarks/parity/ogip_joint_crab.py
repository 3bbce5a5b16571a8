"""Ten public OGIP spectra of the Crab nebula: published fits, one with energy scales, and Gammapy on the same files.

The published numbers are of Nigro et al. 2019, A&A 625, A10 (arXiv 1903.06621). Its curvature multiplies the decimal
logarithm. Both comparisons use the reconstructed-energy bins that lie inside the ranges and have QUALITY = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import gjax
from benchmarks.parity.inputs import Inputs, models_of, polished
from benchmarks.parity.report import Report
from benchmarks.parity.spectra import compare_start, flat
from gjax.datasets import SpectrumDatasetOnOff
from gjax.models import InstrumentModel, LogParabolaSpectralModel, Models, SkyModel
from gjax.parameters import GaussianPrior, Parameter

RANGES = {"fermi": (0.03, 2), "magic": (0.08, 30), "veritas": (0.15, 30), "fact": (0.40, 30), "hess": (0.66, 30)}
# total statistic at the published best fits, all runs of an instrument together
PUBLISHED_STAT = {
    "fermi": 33.6746,
    "magic": 89.171,
    "veritas": 93.464,
    "fact": 70.979,
    "hess": 143.222,
    "joint": 460.295,
}
ENERGY_SCALE_WIDTH = {"fermi": 0.05, "magic": 0.15, "veritas": 0.15, "fact": 0.15, "hess": 0.15}
LN10 = math.log(10.0)
#: Square root of the rise of the statistic on contours that hold 68.3 % jointly, those published.
JOINT_68 = math.sqrt(-2 * math.log(1 - 0.6827))
Spectra = dict[str, list[Any]]


def read(inputs: Inputs) -> Spectra:
    """Return the spectra of every instrument, without a fit range."""
    out: Spectra = {}
    for instrument in RANGES:
        for path in sorted(inputs.file(f"joint-crab/spectra/{instrument}").glob("pha_*.fits")):
            name = f"{instrument}-{path.stem.removeprefix('pha_')}"
            out.setdefault(instrument, []).append(SpectrumDatasetOnOff.read(path, name=name))
    return out


def in_range(spectra: Spectra, ranges: dict[str, Any]) -> Spectra:
    """Return the spectra with a fit range: bins that lie inside as a whole."""

    def masked(dataset: Any, low: float, high: float) -> Any:
        edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
        tiny = 1e-6
        return dataset.copy(mask_fit=(edges[:-1] >= low * (1 - tiny)) & (edges[1:] <= high * (1 + tiny)))

    return {name: [masked(dataset, *ranges[name]) for dataset in found] for name, found in spectra.items()}


def together(spectra: Spectra, names: Any) -> list[Any]:
    """Return the spectra of several instruments in one list."""
    return [dataset for name in names for dataset in spectra[name]]


def published(inputs: Inputs, name: str) -> list[tuple[str, float, float]]:
    """Return name, value and error of a published fit, with the curvature for the natural logarithm."""
    rows = inputs.yaml(f"joint-crab-2019/fit_{name}.yaml")["parameters"]
    unit = {"beta": LN10}
    return [(r["name"], r["value"] / unit.get(r["name"], 1.0), r["error"] / unit.get(r["name"], 1.0)) for r in rows]


def crab(rows: list[tuple[str, float, float]]) -> SkyModel:
    """Return the source with the values of a published fit."""
    values = {name: value for name, value, _ in rows if name in ("amplitude", "alpha", "beta")}
    return SkyModel(LogParabolaSpectralModel(reference="1 TeV", **values), name="crab")


def compare_published(inputs: Inputs, report: Report, spectra: Spectra, names: Sequence[str]) -> None:
    """Compare with the published fits of instruments, or of all together ("joint")."""
    for name in names:
        rows = [row for row in published(inputs, name) if row[0] != "reference"]
        likelihood = gjax.Likelihood(together(spectra, RANGES if name == "joint" else [name]), crab(rows))
        report.absolute(f"published {name}: wstat", likelihood.stat_sum(), PUBLISHED_STAT[name], 0.01)
        result = likelihood.fit()
        report.fit(f"published {name}", result, rows, source="crab.spectral.")
        compare_contours(inputs, report, result, name)


def distance_to(curve: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the distances of points, shape (n, 2), from a closed line through the points of a curve."""
    start, along = curve, np.roll(curve, -1, axis=0) - curve
    from_start = points[:, np.newaxis] - start
    t = np.clip(np.sum(from_start * along, axis=-1) / np.sum(along**2, axis=-1), 0, 1)
    return np.linalg.norm(from_start - t[..., np.newaxis] * along, axis=-1).min(axis=1)


def compare_contours(inputs: Inputs, report: Report, result: Any, name: str) -> None:
    """Compare with the published contours of a fit: how far they are off, in parts of their extents."""
    units = {"beta": LN10}
    for pair, columns in inputs.yaml(f"joint-crab-2019/contours_{name}.yaml").items():
        x, y = pair.removeprefix("contour_").split("_")
        points = np.column_stack([np.array(columns[key]) / units.get(key, 1.0) for key in (x, y)])
        contour = result.contour(f"crab.spectral.{x}", f"crab.spectral.{y}", n_sigma=JOINT_68, n_points=128)
        report.truth(f"contour {name} {x} {y}: converged", contour.success, "")
        curve = np.column_stack([contour.x, contour.y])
        extent = np.ptp(points, axis=0)
        far = distance_to(curve / extent, points / extent)
        report.at_most(f"contour {name} {x} {y}: farthest point, in extents", float(far.max()), 0.02)
        report.relative(f"contour {name} {x} {y}: extents", np.ptp(curve, axis=0), extent, 0.02)


def compare_energy_scales(inputs: Inputs, report: Report, spectra: Spectra) -> None:
    """Compare with the published joint fit in which every instrument has an energy scale of its own."""
    rows = {name: (value, error) for name, value, error in published(inputs, "joint_systematics")}
    source = SkyModel(LogParabolaSpectralModel(amplitude=3e-11, reference="1 TeV", alpha=2.4, beta=0.1), name="crab")
    instruments = [
        InstrumentModel(name, (f"{name}-*",), energy_scale=Parameter(0.0, prior=GaussianPrior(0.0, width), scale=0.1))
        for name, width in ENERGY_SCALE_WIDTH.items()
    ]
    result = gjax.Likelihood(together(spectra, RANGES), Models([source, *instruments])).fit()
    report.truth("energy scales: converged", result.success, result.message)
    names = {name: f"crab.spectral.{name}" for name in ("amplitude", "alpha", "beta")}
    names |= {f"z_{name}": f"{name}.energy_scale" for name in ENERGY_SCALE_WIDTH}
    for name, full in names.items():
        value, error = rows[name]
        ours, our_error = result[full]
        report.sigmas(f"energy scales: {name}", ours, value, error, 0.1)
        report.relative(f"energy scales: error of {name}", our_error, error, 0.02)
    compare_contours(inputs, report, result, "joint_systematics")


def compare_gammapy(inputs: Inputs, report: Report, spectra: Spectra) -> None:
    """Compare with Gammapy on the same files."""
    reference = inputs.json("ogip_joint_crab.json")
    spectra = in_range(spectra, reference["inputs"]["ranges_TeV"])
    for name, datasets in spectra.items():
        fit = reference["fits"][name]
        likelihood = gjax.Likelihood(datasets, models_of(fit["start_models"]))
        npred, statistics = likelihood.npred_signal(), likelihood.stat_per_dataset()
        for dataset, theirs in zip(datasets, reference["datasets"][name]):
            key = f"gammapy {dataset.name}"
            report.exact(
                f"{key}: bins in the fit", np.flatnonzero(flat(dataset.mask)), theirs["mask_fit_and_safe_bins"]
            )
            report.exact(f"{key}: counts", flat(dataset.counts), theirs["counts_per_ebin"])
            report.exact(f"{key}: off counts", flat(dataset.counts_off), theirs["counts_off_per_ebin"])
            report.relative(f"{key}: alpha", flat(dataset.alpha), theirs["alpha"], 1e-6)
            exposure = flat(dataset.exposure.quantity.to_value("cm2 s"))
            report.relative(f"{key}: total exposure", exposure.sum(), theirs["exposure_sum"], 1e-6)
            stride = theirs.get("exposure_stride", 1)
            report.relative(f"{key}: exposure", exposure[::stride], theirs["exposure"], 1e-6)
            inside = theirs["mask_fit_and_safe_bins"]
            start = np.asarray(theirs["start_npred_signal"], dtype=float)
            report.relative(f"{key}: npred", flat(npred[dataset.name])[inside], start[inside], 1e-4)
            report.absolute(f"{key}: wstat", statistics[dataset.name], theirs["start_stat_sum"], 0.01)
    groups = {name: [name] for name in RANGES}
    groups["iact_joint(magic,veritas,fact,hess)"] = ["magic", "veritas", "fact", "hess"]
    groups["all_joint"] = list(RANGES)
    for name, members in groups.items():
        fit = reference["fits"][name]
        likelihood = gjax.Likelihood(together(spectra, members), models_of(fit["start_models"]))
        key = f"gammapy fit {name.split('(')[0]}"
        compare_start(report, key, likelihood, fit["stat_start"])
        result, (best, note) = likelihood.fit(), polished(fit)
        report.absolute(f"{key}: wstat", result.total_stat, fit["polished"]["stat_opt"], 0.01, note)
        report.fit(key, result, best, source="crab.spectral.", note=note)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` compares the published joint fits only."""
    spectra = read(inputs)
    in_published_range = in_range(spectra, RANGES)
    compare_published(inputs, report, in_published_range, ["joint"] if quick else [*RANGES, "joint"])
    compare_energy_scales(inputs, report, in_published_range)
    if not quick:
        compare_gammapy(inputs, report, spectra)

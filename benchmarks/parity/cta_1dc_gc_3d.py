"""Three runs of the CTA data challenge on the Galactic centre, from DL3 files to cubes and fits, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.crab_3d_more import compare_at_best, images_of
from benchmarks.parity.cube_inputs import fitted, read_runs, reduce_runs, stack
from benchmarks.parity.cubes import compare_cube, compare_cube_fit, compare_start, cube_models, likelihood_statistic
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.reference_recipe import ReferenceRecipe
from benchmarks.parity.report import Report
from benchmarks.speed.cube_cases import RECIPES
from gjax.datasets import MapDataset

RECIPE = RECIPES["cta_1dc_gc_3d"]
CENTRE = SkyCoord(0.0, 0.0, unit="deg", frame="galactic")


def reduce(inputs: Inputs, names: list[str]) -> tuple[list[MapDataset], MapDataset]:
    """Return the runs, called as in the reference, and their stack."""
    inputs.file(RECIPE["store"])
    runs, _ = reduce_runs(RECIPE, read_runs(RECIPE, inputs.data), names)
    return runs, stack(RECIPE, runs)


def compare_start_of_runs(report: Report, runs: list[MapDataset], fit: dict[str, Any]) -> None:
    """Compare the statistic of every run at the start of the joint fit: to 0.15, as the position is free."""
    models = cube_models(fit["start_models"])
    recipe = ReferenceRecipe(runs, models).statistic()
    exact = likelihood_statistic(gjax.Likelihood(runs, models))
    for name, statistic in fit["start_stat"].items():
        note = f"exact integrals give {exact[name]:.3f}"
        report.absolute(f"joint: recipe: statistic of {name} at the start", recipe[name], statistic, 0.15, note)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` reduces the data and compares predictions at the start."""
    reference = inputs.json("cta_1dc_gc_3d.json")
    runs, stacked = reduce(inputs, [entry["name"] for entry in reference["per_run"]])
    for dataset, theirs in zip(runs, reference["per_run"], strict=True):
        compare_cube(report, dataset, theirs, CENTRE)
    compare_cube(report, stacked, reference["stacked"], CENTRE)
    cut = fitted(RECIPE, stacked)
    fits: dict[str, Any] = reference["fits"]
    for key, fit in fits.items():
        datasets: Any = runs if key.startswith("joint") else cut
        if "at_start" in fit:
            likelihood = gjax.Likelihood(datasets, cube_models(fit["start_models"]))
            compare_start(report, f"{key} start", likelihood, fit["at_start"], cut)
        if quick:
            continue
        if "at_best" in fit:
            compare_at_best(report, f"{key} best", cut, fit, fit["at_best"])
        if "start_stat" in fit:
            compare_start_of_runs(report, runs, fit)
        compare_cube_fit(report, key, datasets, fit)
    if not quick:
        theirs = reference["excess_map_bkg_only_norm1.3"]
        images = images_of(stacked, 1.3, (slice(0, 5), slice(5, None)), 0.1)
        report.relative("significance: largest of a band", [np.nanmax(image) for image in images], theirs["max"], 1e-3)
        at_centre = [image[200, 250] for image in images]
        report.relative("significance: at the Galactic centre", at_centre, theirs["at_gc"], 1e-3)

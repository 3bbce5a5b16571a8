"""Three runs of the CTA data challenge on the Galactic centre, from DL3 files to cubes and fits, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.cube_inputs import fitted, read_runs, reduce_runs, stack
from benchmarks.parity.cubes import compare_cube, compare_cube_fit, compare_start, cube_models
from benchmarks.parity.inputs import Inputs
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
        if not quick:
            compare_cube_fit(report, key, datasets, fit)

"""Joint fits of 1 to 8 simulated cubes, one source and a norm (and tilt) of the background each, beside Gammapy 2.1.

Gammapy took too long for more; a fit of 16 cubes is compared with the source that was simulated.
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

import gjax
from benchmarks.parity.cube_inputs import cube_models, mask_of, read_runs, reduce_runs, simulated
from benchmarks.parity.cubes import compare_cube_fit, per_bin
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.report import Report
from benchmarks.speed.cube_cases import RECIPES, simulated_models


def compare_many(report: Report, cubes: list[Any], saved: Any, numbers: tuple[int, ...]) -> None:
    """Fit more cubes than the reference did in time, beside the source that was simulated."""
    for number in numbers:
        datasets = [simulated(cubes, saved, i) for i in range(number)]
        models = cube_models(simulated_models([str(d.name) for d in datasets]))
        truth = cube_models(simulated_models([], is_truth=True)).parameter_table
        result, key = gjax.Likelihood(datasets, models).fit(), f"{number} cubes, norms"
        report.truth(f"{key}: converged", result.success, result.message)
        for name, value in zip(truth.names, truth.values):
            if name in result.free_names:
                mine, error = result[name]
                pull = abs(mine - value) / error
                report.at_most(
                    f"{key}: {name}: distance from the truth in errors", pull, 4.0, f"{mine:.5g} ± {error:.2g}"
                )
        norms = [(result[name][0] - 1) / result[name][1] for name in result.free_names if name.endswith(".norm")]
        spread = float(np.sqrt(np.mean(np.square(norms))))
        note = "rms distance of the norms from 1 in errors; 1 is expected"
        report.at_most(f"{key}: distance of norms from the truth", abs(spread - 1), 4 / np.sqrt(2 * number), note)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` fits one and two cubes with norms only."""
    reference = inputs.json("joint_scaling.json")
    with np.load(inputs.reference / "joint_scaling_counts.npz") as file:
        saved = {key: file[key] for key in file.files}
    recipe = {**RECIPES["joint_scaling"], "obs_ids": [int(i) for i in saved["template_obs_id"]]}
    inputs.file(recipe["store"])
    names = [f"t{number}" for number in recipe["obs_ids"]]
    cubes, _ = reduce_runs(recipe, read_runs(recipe, inputs.data), names)
    for cube, theirs in zip(cubes, reference["templates_info"], strict=True):
        report.exact(f"{cube.name}: safe pixels", per_bin(mask_of(cube)), theirs["mask_per_ebin"])
        inside = np.where(mask_of(cube), cube.background.data, 0.0).sum()
        report.relative(f"{cube.name}: background in the mask", inside, theirs["background_masked"], 1e-3)
        exposure = cube.exposure.quantity.to_value(u.Unit("m2 s")).sum()
        report.relative(f"{cube.name}: total exposure", exposure, theirs["exposure_sum"], 1e-3)
    compare_many(report, cubes, saved, () if quick else (16,))
    for row in reference["scaling"]:
        if "counts_total" not in row or (quick and row["N"] > 2):
            continue
        datasets = [simulated(cubes, saved, i) for i in range(row["N"])]
        counts = [float(d.counts.data[mask_of(d)].sum()) for d in datasets]
        report.exact(f"{row['N']} cubes: counts", counts, row["counts_per_dataset_masked"])
        for variant in ("A",) if quick else ("A", "B"):
            fit = row[variant]
            if "skipped" in fit:
                continue
            models = simulated_models([str(d.name) for d in datasets], tilt=variant == "B")
            best = fit["best_source_[name,value,err,unit]"]
            key = f"{row['N']} cubes, norms" + (" and tilts" if variant == "B" else "")
            compare_cube_fit(report, key, datasets, {**fit, "start_models": models, "best": best, "sources_only": True})

"""Simulates cubes for the case joint_scaling: four observed templates as files, and counts of many cubes."""

from __future__ import annotations

import sys
from pathlib import Path

import gjax_cubes
import numpy as np
from cube_cases import RECIPES, SIMULATED, simulated_models

import gjax
from benchmarks.parity.cube_inputs import cube_models, mask_of, read_runs, reduce_runs


def prepare(folder: Path, number: int) -> None:
    """Write templates and the counts of ``number`` cubes, each drawn with a seed of its own."""
    recipe, saved = RECIPES["joint_scaling"], {}
    names = [f"t{obs_id}" for obs_id in recipe["obs_ids"]]
    cubes, _ = reduce_runs(recipe, read_runs(recipe, gjax_cubes.data()), names)
    npred = []
    for i, cube in enumerate(cubes):
        truth = cube_models(simulated_models([str(cube.name)], is_truth=True))
        npred.append(np.where(mask_of(cube), gjax.Likelihood(cube, truth).npred()[cube.name].data, 0.0))
        cube.write(folder / f"template-{i}.fits", overwrite=True)
    for i in range(number):
        counts = np.random.default_rng([2026, i]).poisson(npred[i % len(npred)]).ravel()
        saved[f"bin_{i}"] = np.flatnonzero(counts)
        saved[f"counts_{i}"] = counts[saved[f"bin_{i}"]]
    np.savez_compressed(folder / "counts.npz", **saved)


if __name__ == "__main__":
    gjax.enable_x64()
    prepare(Path(sys.argv[1]), max(SIMULATED["quick" if "--quick" in sys.argv else "gjax"]))

"""What gjax does in the cases with cubes; `gammapy_cubes` has functions of the same names."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np

import gjax
from benchmarks.parity import cube_inputs
from gjax.datasets import Datasets, MapDataset
from gjax.freeze._compiled import compiled_covariance, compiled_minimise
from gjax.likelihood import statistic as statistic_of_problem
from gjax.models import Models, PointSpatialModel, PowerLawSpectralModel, SkyModel

__all__ = [
    "NAME",
    "covariance",
    "excess_map",
    "fit",
    "fitted",
    "flux_points",
    "freeze",
    "read",
    "read_files",
    "read_runs",
    "read_simulated",
    "reduce_runs",
    "set_up",
    "stack",
    "stat_start",
    "statistic",
    "summary",
    "table_of_points",
    "to_fit_jointly",
    "ts_map",
    "value_and_gradient",
    "versions",
    "without_background",
    "write",
]

NAME = "gjax"
fitted = cube_inputs.fitted


def data() -> Path:
    """Return the folder of the data."""
    return Path(os.environ["GAMMAPY_DATA"])


def set_up(arguments: Namespace) -> None:
    """Choose precision and compilation cache."""
    gjax.enable_x64()
    if arguments.cache:
        gjax.enable_compilation_cache(arguments.cache)


# ---- from files to datasets ----


def read_runs(recipe: dict[str, Any]) -> Any:
    """Open the data store; files of events and responses are read when they are needed."""
    return cube_inputs.read_runs(recipe, data())


def reduce_runs(recipe: dict[str, Any], observations: Any) -> tuple[list[MapDataset], list[MapDataset]]:
    """Return runs before and after their background was scaled."""
    return cube_inputs.reduce_runs(recipe, observations)


def stack(recipe: dict[str, Any], runs: tuple[list[MapDataset], list[MapDataset]]) -> MapDataset:
    """Return the stack of the scaled runs."""
    return cube_inputs.stack(recipe, runs[1])


def to_fit_jointly(runs: tuple[list[MapDataset], list[MapDataset]]) -> list[MapDataset]:
    """Return the runs before scaling: a joint fit has norms of its own."""
    return runs[0]


# ---- maps ----


def excess_map(cube: MapDataset) -> Any:
    """Return excess and significance in discs of 0.1 deg and two bands."""
    from gjax.estimators import ExcessMapEstimator

    return ExcessMapEstimator("0.1 deg", energy_edges=[0.5, 2, 50] * u.TeV).run(cube)


def ts_map(cube: MapDataset) -> Any:
    """Return the TS map of a point source with a power law, in one band of all energy bins."""
    from gjax.estimators import TSMapEstimator

    spectrum = PowerLawSpectralModel(index=2.6, amplitude="3e-11 cm-2 s-1 TeV-1")
    model = SkyModel(spectrum, PointSpatialModel(), name="k")
    return TSMapEstimator(model, kernel_width="0.6 deg", energy_edges=[0.5, 50] * u.TeV).run(cube)


def write(dataset: MapDataset, path: str) -> None:
    """Write a cube."""
    dataset.write(path, overwrite=True)


def read(path: str, name: str) -> MapDataset:
    """Read a cube."""
    return MapDataset.read(path, name=name)


def read_files(name: str) -> list[Any]:
    """Read the cubes of a file, or of a list of files."""
    path = data() / name
    return list(Datasets.read(path)) if path.suffix == ".yaml" else [MapDataset.read(path, name="fermi")]


def read_simulated(folder: str) -> list[MapDataset]:
    """Read templates and counts; return the simulated cubes."""
    cubes = [MapDataset.read(path) for path in sorted(Path(folder).glob("template-*.fits"))]
    with np.load(Path(folder) / "counts.npz") as file:
        saved = {key: file[key] for key in file.files}
    return [cube_inputs.simulated(cubes, saved, i) for i in range(len(saved) // 2)]


# ---- likelihood ----


def without_background(cube: MapDataset) -> MapDataset:
    """Return a cube that sky models alone describe."""
    return cube.copy(name=cube.name, background=None)


def freeze(datasets: Sequence[Any], models: Any) -> gjax.Likelihood:
    """Build the likelihood, with models as they are written in `cube_cases`, or of a file."""
    return gjax.Likelihood(
        list(datasets), Models.read(models) if isinstance(models, str) else cube_inputs.cube_models(models)
    )


def stat_start(problem: gjax.Likelihood) -> float:
    """Return the statistic at the start, without the terms of the counts alone that Gammapy leaves out."""
    return sum(cube_inputs.likelihood_statistic(problem).values())


def fit(problem: gjax.Likelihood) -> Any:
    """Fit from the start."""
    return problem.fit()


def summary(problem: gjax.Likelihood, result: Any) -> dict[str, Any]:
    """Return statistic, best fit and errors, by short names."""
    names = {name: name.replace(".spectral.", ".").replace(".spatial.", ".") for name in result.free_names}
    return {
        "stat": stat_start(result.likelihood),
        "values": {short: result[name][0] for name, short in names.items()},
        "errors": {short: result[name][1] for name, short in names.items()},
        "success": bool(result.success),
    }


def statistic(problem: gjax.Likelihood, source: str, name: str) -> Callable[[], Any]:
    """Return a function that evaluates the statistic with another value of a parameter of a source each time."""
    path = f"{source}.{cube_inputs.part_of(name)}.{name}"
    x = np.asarray(problem.x0)
    step = np.where(np.arange(len(x)) == problem.free_names.index(path), 1e-7, 0.0) * x
    count = iter(range(10**9))
    return lambda: problem.statistic(x + step * next(count)).block_until_ready()


def _at_best(function: Any, result: Any) -> Callable[[], Any]:
    compiled, likelihood = jax.jit(function), result.likelihood
    return lambda: jax.block_until_ready(compiled(likelihood.problem, likelihood.start))


def value_and_gradient(problem: gjax.Likelihood, result: Any) -> Callable[[], Any]:
    """Return a function that evaluates the statistic and all its derivatives."""
    return _at_best(lambda p, x: jax.value_and_grad(lambda x: statistic_of_problem(p, x, 1))(x), result)


def covariance(problem: gjax.Likelihood, result: Any) -> Callable[[], Any]:
    """Return a function that evaluates the covariance from the exact Hessian."""
    likelihood = result.likelihood
    nothing = jnp.zeros(likelihood.start.shape, bool)
    minimum = compiled_minimise(likelihood.problem, likelihood.start, nothing)
    return lambda: jax.block_until_ready(compiled_covariance(likelihood.problem, minimum.x, minimum.fisher))


def flux_points(problem: gjax.Likelihood, result: Any, edges: Sequence[float]) -> Callable[[], Any]:
    """Return a function that estimates flux points at the best fit, with everything that is optional elsewhere."""
    from gjax.estimators import FluxPointsEstimator

    estimator = FluxPointsEstimator(energy_edges=edges * u.TeV, source=problem.models.sources[0].name)
    return lambda: estimator.run(result)


def table_of_points(points: Any) -> dict[str, list[float]]:
    """Return fluxes, errors, limits and sensitivities [TeV-1 s-1 cm-2] by name."""
    suffixes = ("", "_errn", "_errp", "_ul", "_sensitivity")
    return {f"dnde{suffix}": points.quantity("dnde", suffix).value.tolist() for suffix in suffixes}


def versions() -> dict[str, str]:
    """Return versions and device."""
    return {"gjax": gjax.__version__, "jax": jax.__version__, "device": str(jax.devices()[0])}

"""What Gammapy does in the cases with cubes; `gjax_cubes` has functions of the same names."""

from __future__ import annotations

import dataclasses
import logging
import os
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import gammapy
import iminuit
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import Datasets, MapDataset
from gammapy.estimators import ExcessMapEstimator, FluxPointsEstimator, TSMapEstimator
from gammapy.makers import FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker
from gammapy.maps import MapAxis, WcsGeom
from gammapy.modeling import Fit
from gammapy.modeling import models as library

NAME = "gammapy"


def set_up(arguments: Namespace) -> None:
    """Print nothing but the result."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def data() -> Path:
    """Return the folder of the data."""
    return Path(os.environ["GAMMAPY_DATA"])


# ---- from files to datasets ----


def read_runs(recipe: dict[str, Any]) -> Any:
    """Open the data store; files of events and responses are read when they are needed."""
    return DataStore.from_dir(data() / recipe["store"]).get_observations(recipe["obs_ids"])


def empty_cube(recipe: dict[str, Any]) -> MapDataset:
    """Return the cube of a recipe, without counts."""
    low, high, nbin = recipe["energy"]
    energy = MapAxis.from_energy_bounds(low, high, nbin=nbin, unit="TeV")
    low, high, nbin = recipe["energy_true"]
    energy_true = MapAxis.from_energy_bounds(low, high, nbin=nbin, unit="TeV", name="energy_true")
    geom = WcsGeom.create(
        skydir=SkyCoord(*recipe["centre"], unit="deg", frame=recipe["frame"]),
        width=recipe["width"],
        binsz=recipe["binsz"],
        proj=recipe["projection"],
        frame=recipe["frame"],
        axes=[energy],
    )
    return MapDataset.create(geom, energy_axis_true=energy_true, name="stacked")


def reduce_runs(recipe: dict[str, Any], observations: Any) -> list[MapDataset]:
    """Return the runs, their background scaled if the recipe says where there is background only."""
    empty = empty_cube(recipe)
    makers: list[Any] = [MapDatasetMaker(), SafeMaskMaker(**recipe["safe"])]
    if recipe["exclusion"] is not None:
        from regions import CircleSkyRegion

        centre = SkyCoord(*recipe["centre"], unit="deg", frame=recipe["frame"])
        region = CircleSkyRegion(centre, recipe["exclusion"] * u.deg)
        mask = ~empty.counts.geom.to_image().region_mask([region])
        makers.append(FoVBackgroundMaker(method="fit", exclusion_mask=mask))
    runs = []
    for observation in observations:
        pointing = observation.get_pointing_icrs(observation.tmid)
        cube = empty.cutout(pointing, width=recipe["cutout"] * u.deg, name=f"obs-{observation.obs_id}")
        for maker in makers:
            cube = maker.run(cube, observation)
        runs.append(cube)
    return runs


def stack(recipe: dict[str, Any], runs: Sequence[MapDataset]) -> MapDataset:
    """Return the stack of runs with their backgrounds as scaled."""
    stacked = empty_cube(recipe)
    for cube in runs:
        stacked.stack(cube)
    return stacked


def fitted(recipe: dict[str, Any], cube: MapDataset) -> MapDataset:
    """Return a cube with the energies that a recipe fits."""
    if recipe["energy_min"] is not None:
        cube.mask_fit = cube.counts.geom.energy_mask(energy_min=recipe["energy_min"] * u.TeV)
    return cube


def to_fit_jointly(runs: list[MapDataset]) -> list[MapDataset]:
    """Return the runs: a scaled background is a model here, and others take its place."""
    return runs


# ---- maps ----


def excess_map(cube: MapDataset) -> Any:
    """Return excess and significance in discs of 0.1 deg and two bands."""
    return ExcessMapEstimator("0.1 deg", energy_edges=[0.5, 2, 50] * u.TeV).run(cube)


def ts_map(cube: MapDataset) -> Any:
    """Return the TS map of a point source with a power law, in one band of all energy bins."""
    spectrum = library.PowerLawSpectralModel(index=2.6, amplitude="3e-11 cm-2 s-1 TeV-1")
    model = library.SkyModel(spectral_model=spectrum, spatial_model=library.PointSpatialModel(), name="k")
    options = {"kernel_width": "0.6 deg", "energy_edges": [0.5, 50] * u.TeV, "sum_over_energy_groups": False}
    return TSMapEstimator(model, **options).run(cube)


def write(dataset: MapDataset, path: str) -> None:
    """Write a cube."""
    dataset.write(path, overwrite=True)


def read(path: str, name: str) -> MapDataset:
    """Read a cube."""
    return MapDataset.read(path, name=name)


def read_files(name: str) -> list[MapDataset]:
    """Read the cubes of a file, or of a list of files."""
    path = data() / name
    return list(Datasets.read(path)) if path.suffix == ".yaml" else [MapDataset.read(path, name="fermi")]


def read_simulated(folder: str) -> list[MapDataset]:
    """Read templates and counts; return the simulated cubes, which share the responses of their template."""
    cubes = [MapDataset.read(path) for path in sorted(Path(folder).glob("template-*.fits"))]
    with np.load(Path(folder) / "counts.npz") as file:
        saved = {key: file[key] for key in file.files}
    out = []
    for i in range(len(saved) // 2):
        cube = cubes[i % len(cubes)]
        counts = np.zeros(cube.counts.data.size)
        counts[saved[f"bin_{i}"]] = saved[f"counts_{i}"]
        parts = {name: getattr(cube, name) for name in ("exposure", "background", "psf", "edisp", "mask_safe", "gti")}
        filled = cube.counts.copy(data=counts.reshape(cube.counts.data.shape))
        out.append(MapDataset(counts=filled, name=f"d{i}", **parts))
    return out


# ---- likelihood ----


@dataclasses.dataclass(frozen=True)
class Problem:
    """Datasets, and their models as they are at the start of a fit."""

    datasets: Datasets
    models: Any

    def reset(self, *, own_steps: bool = True) -> Datasets:
        """Attach new models: those of a fit keep scales; ``own_steps`` False leaves first steps to MINUIT."""
        is_file = isinstance(self.models, str)
        self.datasets.models = (
            library.Models.read(self.models)
            if is_file
            else [new_model(entry, own_steps=own_steps) for entry in self.models]
        )
        return self.datasets

    def place(self, fit: dict[str, Any]) -> None:
        """Put every free parameter where a fit found it."""
        free = self.datasets.models.parameters.free_parameters
        for parameter, value, error in zip(free, fit["values"].values(), fit["errors"].values(), strict=True):
            parameter.value, parameter.error = value, error


def new_model(entry: dict[str, Any], *, own_steps: bool = True) -> Any:
    """Return a model at its start, with first steps as errors: datasets keep those that models come with."""
    spatial = getattr(library, entry["spatial_model"])(frame=entry["frame"]) if "spatial_model" in entry else None
    spectral = getattr(library, entry.get("spectral_model", "PowerLawNormSpectralModel"))()
    for name, value, unit, step, frozen in entry["parameters"]:
        parts = [part for part in (spectral, spatial) if part is not None and name in part.parameters.names]
        parameter = parts[0].parameters[name]
        parameter.quantity, parameter.frozen = value * u.Unit(unit), frozen
        parameter.error = step if own_steps else 0.0
    if spatial is not None:
        return library.SkyModel(spectral_model=spectral, spatial_model=spatial, name=entry["name"])
    name = entry["datasets_names"][0]
    return library.FoVBackgroundModel(spectral_model=spectral, dataset_name=name, name=entry["name"])


def without_background(cube: MapDataset) -> MapDataset:
    """Return a cube that sky models alone describe."""
    parts = {name: getattr(cube, name) for name in ("counts", "exposure", "psf", "edisp", "mask_safe", "gti")}
    return MapDataset(name=cube.name, **parts)


def freeze(datasets: Sequence[MapDataset], models: Any) -> Problem:
    """Attach models and evaluate the statistic once, which looks up the responses."""
    problem = Problem(Datasets(list(datasets)), models)
    problem.reset().stat_sum()
    return problem


def stat_start(problem: Problem) -> float:
    """Return the statistic at the start."""
    return float(problem.reset().stat_sum())


def fit(problem: Problem, *, own_steps: bool = True, **options: Any) -> dict[str, Any]:
    """Fit from the start with MINUIT, with sensible first steps for positions and sizes, or with its own."""
    result = Fit(**options).run(problem.reset(own_steps=own_steps))
    return {
        "stat": float(result.total_stat),
        "values": _by_name(problem, lambda p: p.value),
        "errors": errors(problem),
        "nfev": int(result.optimize_result.nfev),
        "success": bool(result.success),
    }


def _by_name(problem: Problem, value: Callable[[Any], float]) -> dict[str, float]:
    return {
        f"{model.name}.{p.name}": float(value(p))
        for model in problem.datasets.models
        for p in model.parameters.free_parameters
    }


def errors(problem: Problem) -> dict[str, float]:
    """Return the errors that the models hold."""
    return _by_name(problem, lambda p: p.error)


def summary(problem: Problem, result: dict[str, Any]) -> dict[str, Any]:
    """Return what a fit found."""
    return result


def accurate(problem: Problem) -> dict[str, Any]:
    """Return the best fit at a tight tolerance, with errors of HESSE; not timed."""
    return fit(problem, optimize_opts={"tol": 1e-3, "strategy": 2})


def statistic(problem: Problem, source: str, name: str) -> Callable[[], float]:
    """Return a function that evaluates the statistic with another value of a parameter of a source each time."""
    parameter = problem.datasets.models[source].parameters[name]

    def call() -> float:
        parameter.value *= 1 + 1e-7
        return problem.datasets.stat_sum()

    return call


def covariance(problem: Problem, result: dict[str, Any]) -> Callable[[], Any]:
    """Return a function that evaluates the covariance with HESSE at the best fit."""
    problem.place(result)
    return lambda: Fit().covariance(problem.datasets)


def flux_points(problem: Problem, result: dict[str, Any], edges: Sequence[float]) -> Callable[[], Any]:
    """Return a function that estimates flux points at the best fit, with all options."""
    problem.place(result)
    source = problem.datasets.models[0].name
    estimator = FluxPointsEstimator(energy_edges=edges * u.TeV, source=source, selection_optional="all")
    return lambda: estimator.run(problem.datasets)


def table_of_points(points: Any) -> dict[str, list[float]]:
    """Return fluxes, errors, limits and sensitivities [TeV-1 s-1 cm-2] by name."""
    table = points.to_table(sed_type="dnde")
    names = ("dnde", "dnde_errn", "dnde_errp", "dnde_ul", "dnde_sensitivity")
    return {name: np.ravel(table[name].quantity.to_value("cm-2 s-1 TeV-1")).tolist() for name in names}


def versions() -> dict[str, str]:
    """Return versions."""
    return {"gammapy": gammapy.__version__, "numpy": np.__version__, "iminuit": iminuit.__version__}

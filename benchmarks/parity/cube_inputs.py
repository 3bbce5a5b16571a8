"""Cubes and their models for comparisons and for timing: runs reduced by a recipe, files, simulated counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.data import DataStore, Observations
from gjax.datasets import MapDataset
from gjax.datasets.map_stacking import stack_map_datasets
from gjax.makers import FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker
from gjax.maps import MapAxis, WcsGeom
from gjax.models import (
    FoVBackgroundModel,
    Models,
    PowerLawNormSpectralModel,
    SkyModel,
    spatial_model_class,
    spectral_model_class,
)
from gjax.parameters import Parameter

__all__ = [
    "cube_models",
    "empty_cube",
    "exclusion_mask",
    "fitted",
    "likelihood_statistic",
    "mask_of",
    "part_of",
    "read_runs",
    "reduce_runs",
    "simulated",
    "stack",
]

#: Parameters of shapes on the sky.
SPATIAL = ("lon_0", "lat_0", "sigma", "e", "phi", "r_0", "eta", "radius", "width")


# ---- runs ----


def read_runs(recipe: dict[str, Any], data: Path) -> Observations:
    """Return the runs of a recipe; their files are read when they are needed."""
    return DataStore.from_dir(data / recipe["store"]).get_observations(recipe["obs_ids"])


def empty_cube(recipe: dict[str, Any], name: str = "stacked") -> MapDataset:
    """Return the cube of a recipe, without counts."""
    low, high, nbin = recipe["energy"]
    energy = MapAxis.from_energy_bounds(low * u.TeV, high * u.TeV, nbin=nbin)
    low, high, nbin = recipe["energy_true"]
    energy_true = MapAxis.from_energy_bounds(low * u.TeV, high * u.TeV, nbin=nbin, name="energy_true")
    centre = SkyCoord(*recipe["centre"], unit="deg", frame=recipe["frame"])
    geom = WcsGeom.create(
        skydir=centre,
        width=recipe["width"],
        binsz=recipe["binsz"],
        proj=recipe["projection"],
        frame=recipe["frame"],
        axes=[energy],
    )
    return MapDataset.create(geom, energy_axis_true=energy_true, name=name)


def exclusion_mask(recipe: dict[str, Any], cube: MapDataset) -> Any:
    """Return the mask of the pixels that hold background only, or None."""
    if recipe["exclusion"] is None:
        return None
    from regions import CircleSkyRegion

    centre = SkyCoord(*recipe["centre"], unit="deg", frame=recipe["frame"])
    image = cube.counts.geom.to_image()
    return image.region_mask([CircleSkyRegion(centre, recipe["exclusion"] * u.deg)], inside=False)


def reduce_runs(
    recipe: dict[str, Any], observations: Any, names: Sequence[str] | None = None
) -> tuple[list[MapDataset], list[MapDataset]]:
    """Return the runs, and the runs with their background scaled if the recipe says where there is background only."""
    empty = empty_cube(recipe)
    exclusion = exclusion_mask(recipe, empty)
    maker, safe = MapDatasetMaker(), SafeMaskMaker(**recipe["safe"])
    scale = FoVBackgroundMaker(method="fit", exclusion_mask=exclusion)
    raw, scaled = [], []
    for number, observation in enumerate(observations):
        name = f"obs-{observation.obs_id}" if names is None else names[number]
        cube = empty.copy(name=name)
        if recipe["cutout"]:
            cube = empty.cutout(observation.get_pointing_icrs(), width=recipe["cutout"] * u.deg, name=name)
        raw.append(safe.run(maker.run(cube, observation), observation))
        scaled.append(raw[-1] if exclusion is None else scale.run(raw[-1], observation))
    return raw, scaled


def stack(recipe: dict[str, Any], runs: Sequence[MapDataset]) -> MapDataset:
    """Return the stack of runs."""
    return stack_map_datasets(empty_cube(recipe), runs)


def fitted(recipe: dict[str, Any], cube: MapDataset) -> MapDataset:
    """Return a cube with the energies that a recipe fits."""
    if recipe["energy_min"] is None:
        return cube
    return cube.copy(name=cube.name, mask_fit=cube.energy_mask(energy_min=recipe["energy_min"] * u.TeV))


def simulated(cubes: Sequence[MapDataset], saved: Any, number: int) -> MapDataset:
    """Return a simulated cube: counts of a file, with one bin and its counts per entry, on their template."""
    cube = cubes[number % len(cubes)]
    counts = np.zeros(cube.counts.data.size)
    counts[saved[f"bin_{number}"]] = saved[f"counts_{number}"]
    filled = cube.counts.copy(data=counts.reshape(cube.counts.data.shape))
    return cube.copy(name=f"d{number}", counts=filled)


# ---- models ----


def part_of(name: str) -> str:
    """Return the part of a model to which a parameter belongs."""
    return "spatial" if name in SPATIAL else "spectral"


def in_tev(value: float, unit: str) -> tuple[float, str]:
    """Return a number in the unit that gjax has for it: energies are in TeV."""
    for known in ("TeV-1 s-1 cm-2", "TeV", "TeV-1"):
        if u.Unit(unit).is_equivalent(u.Unit(known)):
            return float(value * u.Unit(unit).to(u.Unit(known))), known
    return value, unit


def cube_models(start_models: Sequence[dict[str, Any]], **values: float) -> Models:
    """Return gjax models of a reference fit; ``values`` replace some by name."""
    out: list[Any] = []
    for entry in start_models:
        fields = {
            name: Parameter(*in_tev(values.get(name, value), unit), frozen=bool(frozen))
            for name, value, unit, _, frozen, *_ in entry["parameters"]
        }
        if entry["class"] == "FoVBackgroundModel":
            names = entry["datasets_names"]
            out.append(FoVBackgroundModel(names, PowerLawNormSpectralModel(**fields), name=entry["name"]))
            continue
        spectral = {name: p for name, p in fields.items() if part_of(name) == "spectral"}
        spatial = {name: p for name, p in fields.items() if part_of(name) == "spatial"}
        shape = spatial_model_class(entry["spatial_model"])(**spatial, frame=entry["frame"])
        out.append(SkyModel(spectral_model_class(entry["spectral_model"])(**spectral), shape, name=entry["name"]))
    return Models(out)


# ---- statistic ----


def mask_of(dataset: Any) -> np.ndarray:
    """Return the bins that count."""
    if dataset.mask is None:
        return np.ones(dataset.counts.data.shape, bool)
    return np.asarray(getattr(dataset.mask, "data", dataset.mask), bool)


def likelihood_statistic(likelihood: Any, models: Any = None) -> dict[str, float]:
    """Return the statistic of every cube, without the terms of the counts alone that gjax adds."""
    out = {}
    for dataset, deviance in zip(likelihood.datasets, likelihood.stat_per_dataset(models).values()):
        n = np.asarray(dataset.counts.data, dtype=float)[mask_of(dataset)]
        n = n[n > 0]
        out[dataset.name] = deviance - 2 * float(np.sum(n * np.log(n) - n))
    return out

"""Three runs of the CTA data challenge on the Galactic centre, from DL3 files to cubes and fits, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import astropy.units as u
from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.cubes import compare_cube, compare_cube_fit, compare_start, cube_models
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.report import Report
from gjax.data import DataStore
from gjax.datasets import MapDataset
from gjax.datasets.map_stacking import stack_map_datasets
from gjax.makers import MapDatasetMaker, SafeMaskMaker
from gjax.maps import MapAxis, WcsGeom

OBS_IDS = (110380, 111140, 111159)
CENTRE = SkyCoord(0.0, 0.0, unit="deg", frame="galactic")


def reduce(inputs: Inputs, names: list[str]) -> tuple[list[MapDataset], MapDataset]:
    """Return the runs, called as in the reference, and their stack."""
    observations = DataStore.from_dir(inputs.file("cta-1dc/index/gps")).get_observations(OBS_IDS)
    energy = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=10)
    energy_true = MapAxis.from_energy_bounds("0.08 TeV", "12 TeV", nbin=14, name="energy_true")
    geom = WcsGeom.create(skydir=CENTRE, width=(10, 8), binsz=0.02, proj="CAR", frame="galactic", axes=[energy])
    empty = MapDataset.create(geom, energy_axis_true=energy_true, name="stacked")
    maker, safe = MapDatasetMaker(), SafeMaskMaker(methods=["aeff-default", "offset-max"], offset_max="3 deg")
    runs = []
    for name, observation in zip(names, observations, strict=True):
        cut = empty.cutout(observation.get_pointing_icrs(), width="7 deg", name=name)
        runs.append(safe.run(maker.run(cut, observation), observation))
    return runs, stack_map_datasets(empty, runs)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` reduces the data and compares predictions at the start."""
    reference = inputs.json("cta_1dc_gc_3d.json")
    runs, stacked = reduce(inputs, [entry["name"] for entry in reference["per_run"]])
    for dataset, theirs in zip(runs, reference["per_run"], strict=True):
        compare_cube(report, dataset, theirs, CENTRE)
    compare_cube(report, stacked, reference["stacked"], CENTRE)
    mask = stacked.energy_mask(energy_min=0.3 * u.TeV)
    fitted = stacked.copy(name="stacked", mask_fit=mask)
    fits: dict[str, Any] = reference["fits"]
    for key, fit in fits.items():
        datasets: Any = runs if key.startswith("joint") else fitted
        if "at_start" in fit:
            likelihood = gjax.Likelihood(datasets, cube_models(fit["start_models"]))
            compare_start(report, f"{key} start", likelihood, fit["at_start"], fitted)
        if not quick:
            compare_cube_fit(report, key, datasets, fit)

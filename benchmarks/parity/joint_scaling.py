"""Joint fits of 1 to 8 simulated cubes, one source and a norm (and tilt) of the background each, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from benchmarks.parity.cubes import compare_cube_fit, per_bin
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.reference_recipe import mask_of
from benchmarks.parity.report import Report
from gjax.data import DataStore
from gjax.datasets import MapDataset
from gjax.makers import MapDatasetMaker, SafeMaskMaker
from gjax.maps import MapAxis, WcsGeom

CRAB = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")


def templates(inputs: Inputs, obs_ids: list[int]) -> list[MapDataset]:
    """Return the four observed cubes whose responses and backgrounds the simulations use."""
    energy = MapAxis.from_energy_bounds("0.7 TeV", "30 TeV", nbin=12)
    energy_true = MapAxis.from_energy_bounds("0.4 TeV", "60 TeV", nbin=20, name="energy_true")
    geom = WcsGeom.create(skydir=CRAB, width=2.5, binsz=0.02, proj="TAN", frame="icrs", axes=[energy])
    maker, safe = MapDatasetMaker(), SafeMaskMaker(methods=["offset-max", "aeff-default"], offset_max="2.5 deg")
    out = []
    for observation in DataStore.from_dir(inputs.file("hess-dl3-dr1")).get_observations(obs_ids):
        empty = MapDataset.create(geom, energy_axis_true=energy_true, name=f"t{observation.obs_id}")
        out.append(safe.run(maker.run(empty, observation), observation))
    return out


def simulated(cubes: list[MapDataset], saved: Any, number: int) -> MapDataset:
    """Return a simulated cube: counts of the file on its template."""
    cube = cubes[number % len(cubes)]
    counts = np.zeros(cube.counts.data.size)
    counts[saved[f"bin_{number}"]] = saved[f"counts_{number}"]
    filled = cube.counts.copy(data=counts.reshape(cube.counts.data.shape))
    return cube.copy(name=f"d{number}", counts=filled)


def start_models(names: list[str], *, tilt: bool) -> list[dict[str, Any]]:
    """Return source and backgrounds at the start, as the reference writes them."""
    rows: list[list[Any]] = [
        ["index", 2.3, "", 0.0, False],
        ["amplitude", 3e-11, "TeV-1 s-1 cm-2", 0.0, False],
        ["reference", 1.0, "TeV", 0.0, True],
        ["lon_0", 83.64, "deg", 0.0, False],
        ["lat_0", 22.0, "deg", 0.0, False],
        ["sigma", 0.06, "deg", 0.0, False],
    ]
    shape = {"spectral_model": "PowerLawSpectralModel", "spatial_model": "GaussianSpatialModel", "frame": "icrs"}
    norm = [["norm", 1.0, "", 0.0, False], ["tilt", 0.0, "", 0.0, not tilt], ["reference", 1.0, "TeV", 0.0, True]]
    out: list[dict[str, Any]] = [{"name": "source", "class": "SkyModel", "parameters": rows, **shape}]
    for name in names:
        entry = {"name": f"{name}-bkg", "class": "FoVBackgroundModel", "parameters": norm, "datasets_names": [name]}
        out.append(entry)
    return out


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` fits one and two cubes with norms only."""
    reference = inputs.json("joint_scaling.json")
    with np.load(inputs.reference / "joint_scaling_counts.npz") as file:
        saved = {key: file[key] for key in file.files}
    cubes = templates(inputs, [int(i) for i in saved["template_obs_id"]])
    for cube, theirs in zip(cubes, reference["templates_info"], strict=True):
        report.exact(f"{cube.name}: safe pixels", per_bin(mask_of(cube)), theirs["mask_per_ebin"])
        inside = np.where(mask_of(cube), cube.background.data, 0.0).sum()
        report.relative(f"{cube.name}: background in the mask", inside, theirs["background_masked"], 1e-3)
        exposure = cube.exposure.quantity.to_value(u.Unit("m2 s")).sum()
        report.relative(f"{cube.name}: total exposure", exposure, theirs["exposure_sum"], 1e-3)
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
            models = start_models([str(d.name) for d in datasets], tilt=variant == "B")
            best = fit["best_source_[name,value,err,unit]"]
            key = f"{row['N']} cubes, norms" + (" and tilts" if variant == "B" else "")
            compare_cube_fit(report, key, datasets, {**fit, "start_models": models, "best": best, "sources_only": True})

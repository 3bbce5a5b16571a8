"""A stacked cube and its models written by one package and read by the other, both ways, with Gammapy 2.1 at work.

Gammapy runs in an environment of its own: the interpreter that the variable GAMMAPY_PYTHON names, or one that is made
once. The case also compares the spectrum of a region of the cube with the cube itself.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

import gjax
from benchmarks.parity.cube_inputs import likelihood_statistic, mask_of, read_runs, reduce_runs, stack
from benchmarks.parity.inputs import InputError, Inputs
from benchmarks.parity.report import Report
from benchmarks.speed.cube_cases import RECIPES
from benchmarks.speed.environment import gammapy_python
from gjax.datasets import Datasets, MapDataset
from gjax.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    Models,
    PointSpatialModel,
    SkyModel,
)

CRAB = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")


def source() -> SkyModel:
    """Return the Crab nebula, wider than it is, so that the kernels of both packages resolve it."""
    spectrum = LogParabolaSpectralModel(amplitude="4.4e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.35, beta=0.2)
    return SkyModel(spectrum, GaussianSpatialModel.from_position(CRAB, sigma="0.05 deg"), name="crab")


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` leaves the fit out."""
    try:
        python = gammapy_python()
    except RuntimeError as error:
        raise InputError(str(error)) from error
    recipe = RECIPES["crab_3d"]
    runs = reduce_runs(recipe, read_runs(recipe, inputs.data))[0]
    cube = stack(recipe, runs)
    models = Models([source(), FoVBackgroundModel("stacked")])
    if not quick:
        models = gjax.Likelihood(cube, models).fit().models
    with tempfile.TemporaryDirectory() as name:
        there_and_back(report, Path(name), cube, models, python)
    region_of_a_cube(report, cube)


def there_and_back(report: Report, folder: Path, cube: MapDataset, models: Models, python: str) -> None:
    """Write with gjax, read and write with Gammapy, read with gjax."""
    cube.write(folder / "gjax-cube.fits")
    models.write(folder / "gjax-models.yaml")
    Datasets([cube]).write(folder / "gjax")
    done = subprocess.run(
        [python, str(Path(__file__).with_name("gammapy_round_trip.py")), str(folder)], capture_output=True, text=True
    )
    report.truth("Gammapy reads the files of gjax", done.returncode == 0, done.stderr[-300:] if done.returncode else "")
    if done.returncode:
        return
    theirs: dict[str, Any] = json.loads((folder / "gammapy.json").read_text())
    likelihood = gjax.Likelihood(cube, models)
    ours = likelihood_statistic(likelihood)["stacked"]
    report.relative("statistic of gjax, and of Gammapy from its files", ours, theirs["statistic"], 1e-4)
    report.relative("the same from a list of datasets", ours, theirs["statistic_of_list"], 1e-4)
    report.exact("counts", cube.counts.data.sum(), theirs["counts"])
    background = likelihood.npred_background()["stacked"].data.sum()
    report.relative("background with its norm", background, theirs["background"], 1e-5)
    report.relative("signal", likelihood.npred_signal()["stacked"].data.sum(), theirs["signal"], 1e-3)
    table = models.parameter_table
    for name in ("alpha", "beta"):
        place = table.names.index(f"crab.spectral.{name}")
        report.relative(f"{name} in the file", table.values[place], theirs["values"][name], 1e-12)
        if np.isfinite(table.errors[place]):
            report.relative(f"error of {name} in the file", table.errors[place], theirs["errors"][name], 1e-9)
    again = MapDataset.read(folder / "gammapy-cube.fits", name="stacked")
    known = Models.read(folder / "gammapy-models.yaml")
    back = likelihood_statistic(gjax.Likelihood(again, known))["stacked"]
    report.relative("statistic of gjax from the files of Gammapy", back, theirs["statistic"], 1e-4)
    report.relative("the same, there and back", back, ours, 1e-6)
    listed = Datasets.read(folder / "gammapy-datasets.yaml")
    report.relative(
        "the same from a list of datasets of Gammapy",
        likelihood_statistic(gjax.Likelihood(list(listed), known))["stacked"],
        ours,
        1e-6,
    )


def region_of_a_cube(report: Report, cube: MapDataset) -> None:
    """Compare a spectrum taken from a cube with the cube itself, inside the same circle."""
    on_region = CircleSkyRegion(CRAB, 0.4 * u.deg)
    inside = cube.counts.geom.to_image().region_mask([on_region]).data
    spectrum = cube.to_spectrum_dataset(on_region, containment_correction=True, name="spectrum")
    flat = SkyModel(source().spectral_model, name="crab")
    # the containment correction is that of a point
    model = SkyModel(flat.spectral_model, PointSpatialModel.from_position(CRAB), name="crab")
    region = gjax.Likelihood(spectrum, flat).npred_signal()["spectrum"].data.ravel()
    full = gjax.Likelihood(cube, model).npred_signal()["stacked"].data
    used = np.asarray(mask_of(spectrum)).ravel() & mask_of(cube).any(axis=(1, 2))
    counts = np.where(mask_of(cube), cube.counts.data, 0.0)[:, inside].sum(axis=1)
    report.exact("counts in the circle", np.asarray(spectrum.counts.data).ravel(), counts)
    report.relative("predicted counts in the circle", region[used], full[:, inside].sum(axis=1)[used], 1e-3)

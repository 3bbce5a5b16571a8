"""Every spectral, spatial and temporal model beside Gammapy 2.1, at random parameters, over eight decades of energy.

Values, integrals and energy fluxes over half decades. Gammapy integrates most models as chains of power laws with 100
points per decade: that is compared within 1e-3, and what decides is an integral of Gammapy's own values that has
converged. Gammapy runs in an environment of its own: the interpreter that GAMMAPY_PYTHON names, or one made once.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from tqdm import tqdm

from benchmarks.parity.inputs import InputError, Inputs
from benchmarks.parity.model_derivatives import compare_derivatives
from benchmarks.parity.model_draws import SPATIAL, SpectralCase, spectral_cases
from benchmarks.parity.model_files import compare_files
from benchmarks.parity.report import Report
from benchmarks.parity.temporal_models import compare_temporal
from benchmarks.speed.environment import gammapy_python
from gjax.models import spatial_model_class
from gjax.parameters import freeze_tree, replace_parameters

ENERGY = np.geomspace(1e-5, 1e3, 65) * 1.0001  # eight decades, beside the nodes of tables
EDGES = np.geomspace(1e-5, 1e3, 17)
#: Fluxes so much smaller than the largest do not count: exponentials of hundreds; and how far absorption is compared.
NOTHING, OPAQUE = 1e-100, 1e-5

#: Titles of the rows of a spectral model.
ROWS = ("value", "integral, converged", "energy flux, converged", "integral", "energy flux")
#: Where Gammapy's integrals are coarse, and by how much.
_STEEP = {
    "ExpCutoff": 0.05,
    "SuperExpCutoff": 0.05,
    "EBLAbsorption": 0.3,
    "DarkMatter": 1.0,
    "PrimaryFlux": math.inf,
    "PiecewiseNorm": 0.01,
    "Crab": 0.01,
}

#: What differs by intention, or is wrong in Gammapy 2.1: model, quantity, reason, and how large it is.
RULE = (
    "Gammapy's chain of power laws is off where a spectrum falls steeply or has a kink; the converged integral decides"
)
TAIL = "Gammapy's difference of error functions loses its digits in narrow bins and far from the line"
CUBIC = (
    "between the redshifts of the table gjax goes along cubics, Gammapy along straight lines; both meet at the nodes"
)
CHORD = "shapes are functions of the chord, so that their norm is exact on the sphere, which Gammapy's are not"
EDGE = "the norm of a disk counts its soft edge, and the disk is one on the sphere"
DEVIATIONS: list[tuple[str, str, str, float]] = [
    *((start, rule, RULE, limit) for start, limit in _STEEP.items() for rule in ("integral", "energy flux")),
    ("GaussianSpectralModel", "integral", TAIL, math.inf),
    ("GaussianSpectralModel", "energy flux", TAIL, math.inf),
    *(
        (f"EBLAbsorptionNormSpectralModel {name}, between", title, CUBIC, 0.5)
        for name in ("dominguez", "finke")
        for title in ROWS
    ),
    *((name, "value", CHORD, 1e-3) for name in SPATIAL if name != "DiskSpatialModel"),
    ("DiskSpatialModel", "value", EDGE, 0.1),
]


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` draws 10 instead of 200 sets of parameters."""
    try:
        python = gammapy_python()
    except RuntimeError as error:
        raise InputError(str(error)) from error
    rng, number = np.random.default_rng(20), 10 if quick else 200
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = spectral_cases(folder)
        drawn = {key: draw(case, rng, number) for key, case in cases.items()}
        shapes = {key: draw_shape(key, ranges, rng, number) for key, ranges in SPATIAL.items()}
        task = {
            "energy": ENERGY.tolist(),
            "edges": EDGES.tolist(),
            "spectral": {key: for_gammapy(cases[key], models) for key, models in drawn.items()},
            "spatial": shapes,
        }
        (folder / "draws.json").write_text(json.dumps(task))
        script = str(Path(__file__).with_name("gammapy_models.py"))
        done = subprocess.run([python, script, str(folder)])  # says on the error stream how far it is
        report.truth("Gammapy evaluates all models", done.returncode == 0, f"exit code {done.returncode}")
        if done.returncode:
            return
        with np.load(folder / "answers.npz") as found:
            answers = {key: found[key] for key in found.files}
        compare_temporal(report, python, folder, rng, number)
        compare_files(report, python, inputs.data, folder, rng)
    for key, models in tqdm(drawn.items(), desc="gjax", disable=None):
        compare(report, key, models, answers)
        if not quick:  # every model is compiled twice
            compare_derivatives(report, key, models)
    for key, task_of_shape in shapes.items():
        compare_shape(report, key, task_of_shape, answers[f"{key}/value"])


def draw(case: SpectralCase, rng: np.random.Generator, number: int) -> list[Any]:
    """Return models with random parameters."""
    _, table = freeze_tree(case.model)
    models = []
    for _ in range(number if case.ranges else 1):
        theta = table.values.copy()
        for name, (low, high, how) in case.ranges.items():
            value = rng.uniform(low, high) if how != "log" else np.exp(rng.uniform(np.log(low), np.log(high)))
            if how == "node":  # of the table of redshifts
                value = case.model.param[np.argmin(np.abs(case.model.param - value))]
            theta[table.names.index(name)] = value
        models.append(replace_parameters(case.model, table.with_values(theta)))
    return models


def for_gammapy(case: SpectralCase, models: list[Any]) -> dict[str, Any]:
    """Return what the other side needs: positions and values of the parameters of every draw."""
    rows, kinks = [], []
    for model in models:
        leaves = leaves_of(model, case.kind)
        rows.append([[k, value] for k, value in enumerate(np.ravel([value for value, _ in leaves]).tolist())])
        cuts = np.asarray(model.filled().kinks(), float)
        if case.kind == "GaussianSpectralModel":  # a line that is narrower than the panels of the other side
            cuts = model.mean.value + model.sigma.value * np.linspace(-30, 30, 241)
        kinks.append(cuts[cuts > 0].tolist())
    units = [unit for _, unit in leaves_of(models[0], case.kind)]
    return {"kind": case.kind, "options": case.options, "draws": rows, "units": units, "kinks": kinks}


def leaves_of(model: Any, kind: str) -> list[tuple[float, str]]:
    """Return value and unit of every parameter in Gammapy's order."""
    if kind == "scale":
        return [(model.norm.value, "")]
    if kind.startswith("DarkMatter"):
        return [(model.scale.value, "")]
    _, table = freeze_tree(model)
    return list(zip(table.values.tolist(), table.units))


def compare(report: Report, name: str, models: list[Any], answers: dict[str, np.ndarray]) -> None:
    """Add the rows of a spectral model."""
    low, high = EDGES[:-1], EDGES[1:]
    ours = {
        "value": np.array([model(ENERGY).value for model in models]),
        "integral": np.array([model.integral(low, high).value for model in models]),
        "energy_flux": np.array([model.energy_flux(low, high).value for model in models]),
    }
    theirs = ("value", "converged", "converged_energy", "integral", "energy_flux")
    mine = ("value", "integral", "energy_flux", "integral", "energy_flux")
    for title, our, their, allowed in zip(ROWS, mine, theirs, (1e-6, 1e-6, 1e-6, 1e-3, 1e-3)):
        a, b = ours[our], answers[f"{name}/{their}"]
        known = np.isfinite(b)
        if not known.any():
            report.truth(f"{name}: {title}", np.isfinite(a).all(), "Gammapy cannot integrate it")
        else:
            size = np.nanmax(np.abs(b), axis=-1, keepdims=True)
            counts = known & (np.abs(b) > (OPAQUE if "between" in name else NOTHING) * size)
            a, b = a[counts], b[counts]
            report.relative(f"{name}: {title}", a, b, allowed)
        explain(report, name, title)


def explain(report: Report, name: str, title: str) -> None:
    """Say that the last row may deviate, if that is known."""
    for start, quantity, reason, limit in DEVIATIONS:
        if name.startswith(start) and quantity == title:
            report.explain(reason, limit)


def draw_shape(name: str, ranges: dict[str, Any], rng: np.random.Generator, number: int) -> dict[str, Any]:
    """Return random shapes, and positions around each."""
    rows, lon, lat = [], [], []
    for _ in range(number):
        row = {
            key: float(rng.uniform(low, high) if how == "lin" else np.exp(rng.uniform(np.log(low), np.log(high))))
            for key, (low, high, how) in ranges.items()
        }
        size = max([row[key] for key in ("sigma", "r_0", "radius") if key in row], default=1.0)
        if name != "ConstantSpatialModel":
            row |= {"lon_0": float(rng.uniform(0, 360)), "lat_0": float(rng.uniform(-75, 75))}
        centre = SkyCoord(row.get("lon_0", 10.0), row.get("lat_0", 20.0), unit="deg")
        sky = centre.directional_offset_by(rng.uniform(0, 360, 40) * _deg(), rng.uniform(0, 2, 40) * size * _deg())
        rows.append(row)
        lon.append(sky.ra.deg.tolist())
        lat.append(sky.dec.deg.tolist())
    return {"draws": rows, "lon": lon, "lat": lat}


def _deg() -> Any:
    import astropy.units as u

    return u.deg


def compare_shape(report: Report, name: str, task: dict[str, Any], theirs: np.ndarray) -> None:
    """Add the row of a spatial model: values relative to the largest."""
    cls = spatial_model_class(name)
    extra = {} if name == "ConstantSpatialModel" else {"frame": "icrs"}
    ours = np.array(
        [
            cls(**row, **extra)(lon, lat).value
            for row, lon, lat in zip(task["draws"], map(np.array, task["lon"]), map(np.array, task["lat"]))
        ]
    )
    size = theirs.max(axis=1, keepdims=True)
    report.absolute(f"{name}: value, of the largest", ours / size, theirs / size, 1e-6)
    explain(report, name, "value")

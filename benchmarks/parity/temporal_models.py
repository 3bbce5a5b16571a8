"""The part of the comparison of models that is about time: factors, their means, and model files with them.

Gammapy integrates some models by coarse sums and one with a wrong antiderivative; what decides is an integral of its
own values that has converged.
"""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parity.report import Report
from gjax.models import (
    LightCurveTemplateTemporalModel,
    Models,
    PowerLawSpectralModel,
    SkyModel,
    TemplatePhaseCurveTemporalModel,
    temporal_model_class,
)

__all__ = ["compare_temporal"]

#: Whole days around which times are drawn: no second leaps there.
DAY = 59000.0
#: Ranges of parameters by name: lowest, highest, and how they are drawn.
DATE = (DAY - 1.0, DAY + 1.0, "lin")
BEFORE = (DAY - 60.0, DAY - 50.0, "lin")
TEMPORAL: dict[str, dict[str, tuple[float, float, str]]] = {
    "ConstantTemporalModel": {},
    "LinearTemporalModel": {"alpha": (0.5, 2.0, "lin"), "beta": (-0.01, 0.01, "lin"), "t_ref": DATE},
    "ExpDecayTemporalModel": {"t0": (2.0, 100.0, "log"), "t_ref": DATE},
    "GaussianTemporalModel": {"t_ref": DATE, "sigma": (2.0, 50.0, "log")},
    "GeneralizedGaussianTemporalModel": {
        "t_ref": DATE,
        "t_rise": (2.0, 50.0, "log"),
        "t_decay": (2.0, 50.0, "log"),
        "eta": (0.1, 1.5, "lin"),
    },
    "PowerLawTemporalModel": {"alpha": (-3.0, 3.0, "lin"), "t_ref": BEFORE, "t0": (0.5, 5.0, "log")},
    "SineTemporalModel": {"amp": (0.05, 0.9, "lin"), "omega": (0.05, 5.0, "log"), "t_ref": DATE},
    "LightCurveTemplateTemporalModel": {},
    "TemplatePhaseCurveTemporalModel": {
        "t_ref": DATE,
        "phi_ref": (0.0, 0.99, "lin"),
        "f0": (1e-5, 1e-4, "log"),
        "f1": (-1e-17, 1e-17, "lin"),
        "f2": (-1e-24, 1e-24, "lin"),
    },
}
SINE = "Gammapy's antiderivative of the sine is a sine"
SUM = "Gammapy adds up a hundred values that include both ends"
CLOCK = "Gammapy takes the frequency at the beginning of an interval for all of it"
#: Where Gammapy's own integral is off, why, and by how much.
DEVIATIONS = {
    "SineTemporalModel": (SINE, math.inf),
    "GeneralizedGaussianTemporalModel": (SUM, 0.5),
    "LightCurveTemplateTemporalModel": (SUM, 0.05),
    "TemplatePhaseCurveTemporalModel": (CLOCK, 1e-3),
}
LIGHT_CURVE = "$GAMMAPY_DATA/tests/models/light_curve/lightcrv_PKSB1222+216.fits"
PHASE_CURVE = "$GAMMAPY_DATA/tests/phasecurve_LSI_DC.fits"
MERGER = "$GAMMAPY_DATA/gravitational_waves/GW_example_DC_map_file.fits.gz"
#: Models that are tables of files, and which.
FILES = {"LightCurveTemplateTemporalModel": LIGHT_CURVE, "TemplatePhaseCurveTemporalModel": PHASE_CURVE}
#: Factors so small are not compared.
NOTHING = 1e-9
ENERGY = np.geomspace(2e-3, 8.0, 7)


def compare_temporal(report: Report, python: str, folder: Path, rng: np.random.Generator, number: int) -> None:
    """Add the rows of all temporal models.

    Parameters
    ----------
    report
        Where rows go.
    python
        Interpreter of Gammapy.
    folder
        For files between both sides.
    rng
        Random number generator.
    number
        Number of draws of parameters.
    """
    task: dict[str, Any] = {"models": {}, "files": FILES, "day": DAY, "merger": MERGER, "energy": ENERGY.tolist()}
    made: dict[str, list[Any]] = {}
    for name, ranges in TEMPORAL.items():
        draws = [_draw(ranges, rng) for _ in range(number)]
        # within the table of light curves
        middle = DAY + (42.0 if name == "LightCurveTemplateTemporalModel" else 0.0)
        times = middle + rng.uniform(-40, 40, (number, 20))
        start = middle + np.sort(rng.uniform(-40, 40, (number, 4)))
        width = np.exp(rng.uniform(np.log(0.01), np.log(5.0), (number, 4)))
        made[name] = [make(name, row) for row in draws]
        kinks = [[row["t_ref"]] if "t_ref" in row else [] for row in draws]
        task["models"][name] = {
            "draws": draws,
            "times": times.tolist(),
            "start": start.tolist(),
            "stop": (start + width).tolist(),
            "kinks": kinks,
        }
    Models([_source(name, models[0]) for name, models in made.items()]).write(folder / "temporal.yaml")
    task["since"] = np.geomspace(2.0, 6e5, 40).tolist()
    (folder / "temporal.json").write_text(json.dumps(task))
    script = str(Path(__file__).with_name("gammapy_temporal.py"))
    done = subprocess.run([python, script, str(folder)], capture_output=True, text=True)
    report.truth("Gammapy evaluates all temporal models", done.returncode == 0, done.stderr[-500:])
    if done.returncode:
        return
    with np.load(folder / "temporal.npz") as found:
        answers = {key: found[key] for key in found.files}
    for name, models in made.items():
        _compare(report, name, models, task["models"][name], answers)
    _files(report, folder, task, answers)


def _draw(ranges: dict[str, tuple[float, float, str]], rng: np.random.Generator) -> dict[str, float]:
    found = {}
    for name, (low, high, how) in ranges.items():
        found[name] = float(rng.uniform(low, high) if how == "lin" else np.exp(rng.uniform(np.log(low), np.log(high))))
    return found


def make(name: str, row: dict[str, float]) -> Any:
    """Return a model with the parameters of a draw."""
    cls = temporal_model_class(name)
    if name == "LightCurveTemplateTemporalModel":
        return LightCurveTemplateTemporalModel.read(FILES[name])
    if name == "TemplatePhaseCurveTemporalModel":
        return TemplatePhaseCurveTemporalModel.read(FILES[name], **row)
    return cls(**row)


def _source(name: str, model: Any) -> SkyModel:
    return SkyModel(PowerLawSpectralModel(), name=name, temporal_model=model)


def _compare(
    report: Report, name: str, models: list[Any], task: dict[str, Any], answers: dict[str, np.ndarray]
) -> None:
    times, start, stop = (np.array(task[key]) for key in ("times", "start", "stop"))
    value = np.array([model(row).value for model, row in zip(models, times)])
    integral = np.array([model.integral(a, b).value for model, a, b in zip(models, start, stop)])
    for title, ours, key in (
        ("value", value, "value"),
        ("integral, converged", integral, "converged"),
        ("integral", integral, "integral"),
    ):
        theirs = answers[f"{name}/{key}"]
        # tails where nothing is left; there Gammapy's differences of error functions have no digits
        counts = theirs > NOTHING
        report.relative(f"{name}: {title}", ours[counts], theirs[counts], 1e-6)
    if name in DEVIATIONS:
        report.explain(*DEVIATIONS[name])


def _files(report: Report, folder: Path, task: dict[str, Any], answers: dict[str, np.ndarray]) -> None:
    """Compare model files there and back, and a light curve that depends on energy."""
    ours, back = Models.read(folder / "temporal.yaml"), Models.read(folder / "temporal-gammapy.yaml")
    names = [*TEMPORAL]
    times = {name: np.array(task["models"][name]["times"][0]) for name in names}
    theirs = np.array([answers[f"file/{name}"] for name in names])
    for title, models in (("model file of gjax, read by Gammapy", ours), ("model file of Gammapy, read by gjax", back)):
        values = np.array([models[name].temporal_model(times[name]).value for name in names])
        report.relative(title, values, theirs, 1e-6)
    again = folder / "again.yaml"
    back.write(again)
    rows = [
        [p.value for p in m[n].temporal_model.parameters.values()] for m in (back, Models.read(again)) for n in names
    ]
    report.truth("parameters there and back", rows[: len(names)] == rows[len(names) :])
    model = LightCurveTemplateTemporalModel.read(MERGER, format="map")
    since = model.t_ref.value + np.array(task["since"])[:, None] / 86400.0
    # where the file has NaN, and next to zeros, whose logarithms are conventions
    known = np.isfinite(answers["merger"]) & (answers["merger"] > 1e-30 * np.nanmax(answers["merger"]))
    theirs = answers["merger"][known]
    title = "light curve that depends on energy"
    report.relative(f"{title}: value", model(since, ENERGY[None, :]).value[known], theirs, 1e-5)
    model.write(folder / "merger.fits")
    written = LightCurveTemplateTemporalModel.read(folder / "merger.fits", format="map")
    report.relative(f"{title}: written and read", written(since, ENERGY[None, :]).value[known], theirs, 1e-5)

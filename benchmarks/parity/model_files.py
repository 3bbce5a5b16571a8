"""Every model file of the public data in both packages: opened, evaluated, and written by one for the other."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from benchmarks.parity.report import Report
from gjax.models import Models

ENERGY = np.geomspace(2e-3, 80.0, 21)
#: What differs, and in how many parameters at most.
OLD = "Gammapy passes over bounds of background models in the layout of older files; gjax reads them"


def compare_files(report: Report, python: str, data: Path, folder: Path, rng: np.random.Generator) -> None:
    """Add the rows of all model files.

    Parameters
    ----------
    report
        Where rows go.
    python
        Interpreter of Gammapy.
    data
        Folder of the public data.
    folder
        For files between both sides.
    rng
        Random number generator.
    """
    found = sorted(p for p in data.rglob("*.y*ml") if "components:" in p.read_text(errors="replace"))
    report.truth("model files are found", bool(found), f"{len(found)} files")
    files: dict[str, dict[str, str]] = {}
    known: dict[str, Models] = {}
    sky: dict[str, Any] = {}
    for path in found:
        name = str(path.relative_to(data))
        models = known[name] = Models.read(path)
        again = folder / f"{name.replace('/', '_')}_gjax.yaml"
        models.write(again)
        files[name] = {"original": str(path), "written by gjax": str(again)}
        for model in models.sources:
            sky[f"{name}/{model.name}"] = _around(model.spatial_model, rng)
    (folder / "files.json").write_text(json.dumps({"files": files, "sky": sky, "energy": ENERGY.tolist()}))
    script = str(Path(__file__).with_name("gammapy_model_files.py"))
    done = subprocess.run([python, script, str(folder)], capture_output=True, text=True)
    report.truth("Gammapy opens them, and what gjax wrote", done.returncode == 0, done.stderr[-500:])
    if done.returncode:
        return
    answers = json.loads((folder / "files_answers.json").read_text())
    for name, models in known.items():
        back = Models.read(folder / f"{name.replace('/', '_')}_gammapy.yaml")
        for kind, mine in (("original", models), ("written by gjax", models), ("written by Gammapy", back)):
            theirs = answers[name]["original" if kind == "written by Gammapy" else kind]
            _compare(report, f"{name}, {kind}", name, mine, theirs, sky)
        first, second = (answers[name][f"{kind} parameters"] for kind in ("original", "written by gjax"))
        report.exact(f"{name}: parameters that another reads differently", _different(first, second), 0)
        report.explain(OLD, 2)
        report.exact(f"{name}: parameters that differ after a round trip", _changed(models, back), 0)
        report.explain(OLD, 2)


def _around(shape: Any, rng: np.random.Generator) -> list[list[float]] | None:
    """Return positions over a shape; None where there is nothing to compare."""
    if shape is None or not hasattr(shape, "position") or shape.extent() == 0:
        return None
    reach = min(float(shape.extent()), 5.0)
    angle, radius = rng.uniform(0, 360, 20) * u.deg, reach * np.sqrt(rng.uniform(0, 0.25, 20)) * u.deg
    sky = shape.position.icrs.directional_offset_by(angle, radius)
    return [sky.ra.deg.tolist(), sky.dec.deg.tolist()]


def _compare(
    report: Report, title: str, name: str, models: Models, theirs: dict[str, Any], sky: dict[str, Any]
) -> None:
    report.truth(f"{title}: names", set(theirs) == set(models.names), ", ".join(theirs))
    for model in models.sources:
        other = theirs[model.name]
        ours = u.Quantity(model.spectral_model(ENERGY)).to_value(other["unit"])
        report.relative(f"{title}: {model.name}: spectrum", ours, other["spectrum"], 1e-6)
        if "shape" in other and (at := sky[f"{name}/{model.name}"]):
            shape: Any = model.spatial_model
            frame = SkyCoord(*at, unit="deg").transform_to(shape.frame)
            more = (ENERGY[10],) if getattr(shape, "is_energy_dependent", False) else ()
            drawn = u.Quantity(shape(frame.spherical.lon.deg, frame.spherical.lat.deg, *more))
            values, largest = drawn.to_value(other["shape_unit"]), np.max(other["shape"])
            report.absolute(
                f"{title}: {model.name}: shape, of the largest",
                values / largest,
                np.array(other["shape"]) / largest,
                1e-6,
            )


def _different(first: list[Any], second: list[Any]) -> int:
    """Count rows of parameters that do not agree; units may have other names."""
    if len(first) != len(second):
        return max(len(first), len(second))
    count = 0
    for a, b in zip(first, second):
        factor = u.Unit(b[2]).to(u.Unit(a[2]))
        numbers = [(a[i], b[i] * factor) for i in (1, 4, 5, 6)]
        agrees = np.allclose(*zip(*numbers), rtol=1e-12, atol=0, equal_nan=True)
        count += (a[0], a[3]) != (b[0], b[3]) or not agrees
    return count


def _changed(first: Models, second: Models) -> int:
    """Count parameters of which value, unit, bounds or freedom are others."""
    one, two = first.parameter_table, second.parameter_table
    if one.names != two.names or one.units != two.units:
        return max(one.size, two.size)
    columns = zip((one.values, one.free, *one.bounds), (two.values, two.free, *two.bounds))
    return int(np.any([a != b for a, b in columns], axis=0).sum())

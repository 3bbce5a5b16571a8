"""Gammapy's half of the comparison of model files: opens them, and what gjax made of them, and evaluates every part.

Usage: ``python gammapy_model_files.py FOLDER``. Reads ``files.json``, writes ``files_answers.json``.
"""

import json
import sys
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.modeling.models import Models

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
task = json.loads((folder / "files.json").read_text())
energy = np.array(task["energy"]) * u.TeV


def evaluated(model, sky):
    found = {"spectrum": model.spectral_model(energy).value.tolist()}
    found["unit"] = str(model.spectral_model(energy).unit)
    spatial = getattr(model, "spatial_model", None)
    if spatial is not None and "point" not in spatial.tag and sky:
        at = SkyCoord(*sky, unit="deg").transform_to(spatial.frame)
        lon, lat = at.data.lon, at.data.lat
        values = spatial(lon, lat, energy[10]) if spatial.is_energy_dependent else spatial(lon, lat)
        found["shape"] = (values * np.ones(len(lon))).to_value(values.unit).tolist()
        found["shape_unit"] = str(values.unit)
    return found


answers = {}
for name, paths in task["files"].items():
    answers[name] = {}
    for kind, path in paths.items():
        models = Models.read(path)
        answers[name][kind] = {
            model.name: evaluated(model, task["sky"].get(f"{name}/{model.name}")) for model in models
        }
        answers[name][f"{kind} parameters"] = [
            [p.name, p.value, str(p.unit), bool(p.frozen), p.min, p.max, p.error] for p in models.parameters
        ]
    Models.read(paths["original"]).write(folder / f"{name.replace('/', '_')}_gammapy.yaml", overwrite=True)
(folder / "files_answers.json").write_text(json.dumps(answers))

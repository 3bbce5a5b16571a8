"""Gammapy's half of the comparison of temporal models.

Usage: ``python gammapy_temporal.py FOLDER``. Reads ``temporal.json`` and ``temporal.yaml``, writes ``temporal.npz`` and
``temporal-gammapy.yaml``.
"""

import json
import sys
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.time import Time
from gammapy.modeling import models as library

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
task = json.loads((folder / "temporal.json").read_text())
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def make(name, row):
    """Return the model of a draw."""
    cls = getattr(library, name)
    model = cls.read(task["files"][name]) if name in task["files"] else cls()
    for key, value in row.items():
        model.parameters[key].value = value
    return model


def at(model, mjd):
    """Return the factor at modified Julian dates."""
    shape = np.shape(mjd)
    value = u.Quantity(model(Time(np.ravel(mjd), format="mjd", scale="utc"))).to_value("")
    return np.reshape(np.broadcast_to(value, np.size(mjd)), shape)


def nodes_of(model, kinks, low, high):
    """Return times between which the model is smooth."""
    cuts = [*kinks, *np.linspace(low, high, 9)]
    if hasattr(model, "map"):
        cuts += [*(model.t_ref.value + model.map.geom.axes["time"].center.to_value("d"))]
    if hasattr(model, "table"):
        f0, f1 = model.f0.value * 86400, model.f1.value * 86400**2
        since = np.array([low, high]) - model.t_ref.value
        first, last = np.sort(model.phi_ref.value + since * (f0 + since * f1 / 2))
        phases = np.concatenate([[0.0], np.asarray(model.table["PHASE"], float)])
        turns = (np.arange(np.floor(first), np.ceil(last) + 1)[:, None] + phases).ravel()
        turns = turns[(turns > first) & (turns < last)] - model.phi_ref.value
        days = turns / f0
        for _ in range(50):
            days = turns / (f0 + days * (f1 / 2 + days * model.f2.value * 86400**3 / 6))
        cuts += [*(model.t_ref.value + days)]
    cuts = np.unique(np.array(cuts))
    return np.unique(np.concatenate([[low], cuts[(cuts > low) & (cuts < high)], [high]]))


def converged(model, kinks, start, stop):
    """Integrate the values of the model: all intervals of a draw, divided by their time."""
    found = []
    for low, high in zip(start, stop):
        edges = nodes_of(model, kinks, low, high)
        # towards a peak powers are not smooth: parts that shrink by a factor of three
        peak = [k for k in kinks if low < k < high]
        for k in peak:
            for side in (low, high):
                edges = np.append(edges, k + (side - k) * 3.0 ** -np.arange(1, 14))
        edges = np.unique(edges)
        half = np.diff(edges)[:, None] / 2
        times = (edges[1:] + edges[:-1])[:, None] / 2 + half * NODES
        found.append(np.sum(at(model, times) * half * WEIGHTS))
    return np.array(found) / np.sum(np.subtract(stop, start))


answers = {}
for name, case in task["models"].items():
    rows = {"value": [], "integral": [], "converged": []}
    for row, times, start, stop, kinks in zip(*(case[key] for key in ("draws", "times", "start", "stop", "kinks"))):
        model = make(name, row)
        rows["value"].append(at(model, np.array(times)))
        ends = [Time(np.array(t), format="mjd", scale="utc") for t in (start, stop)]
        # one by one: phase curves take no more
        width = np.subtract(stop, start)
        found = [np.ravel(u.Quantity(model.integral(a, b)).to_value("")).item() for a, b in zip(*ends)]
        rows["integral"].append(np.array(found) * width / width.sum())
        rows["converged"].append(converged(model, kinks, start, stop))
    answers.update({f"{name}/{key}": np.array(value) for key, value in rows.items()})

models = library.Models.read(folder / "temporal.yaml")
for name, case in task["models"].items():
    answers[f"file/{name}"] = at(models[name].temporal_model, np.array(case["times"][0]))
models.write(folder / "temporal-gammapy.yaml")

merger = library.LightCurveTemplateTemporalModel.read(task["merger"], format="map")
times = merger.reference_time + np.array(task["since"]) * u.s
answers["merger"] = np.array(
    [np.ravel(merger.evaluate(times, energy=np.atleast_1d(e * u.TeV)).to_value("")) for e in task["energy"]]
).T
np.savez(folder / "temporal.npz", **answers)

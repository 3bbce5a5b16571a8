"""Gammapy's half of the comparison of models: values, integrals, and integrals that have converged.

Usage: ``python gammapy_models.py FOLDER``. Reads ``draws.json``, writes ``answers.npz``.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.astro.darkmatter import (
    DarkMatterAnnihilationSpectralModel,
    DarkMatterDecaySpectralModel,
    PrimaryFlux,
)
from gammapy.maps import RegionNDMap
from gammapy.modeling import models as library
from gammapy.utils.scripts import make_path

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
task = json.loads((folder / "draws.json").read_text())
energy = np.array(task["energy"]) * u.TeV
edges = np.array(task["edges"]) * u.TeV
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def unit_of(power, model):
    base = u.Unit("") if model(1 * u.TeV).unit.is_equivalent("") else u.Unit("cm-2 s-1 TeV-1")
    base = u.Unit("TeV-1") if model(1 * u.TeV).unit.is_equivalent("TeV-1") else base
    return base * u.TeV**power


def make(kind, options):
    """Return the model of a case."""
    if kind == "compound":
        return library.PowerLawSpectralModel() * library.LogParabolaNormSpectralModel()
    if kind == "scale":
        return library.ScaleSpectralModel(library.PowerLawSpectralModel(index=2.3))
    if kind == "TemplateSpectralModel":
        values = np.array(options["values"]) * u.Unit("cm-2 s-1 TeV-1")
        return library.TemplateSpectralModel(np.array(options["energy"]) * u.TeV, values)
    if kind == "PiecewiseNormSpectralModel":
        return library.PiecewiseNormSpectralModel(np.array(options["energy"]) * u.TeV, interp=options["interp"])
    if kind == "TemplateNDSpectralModel":
        return library.TemplateNDSpectralModel(RegionNDMap.read(folder / options["filename"]))
    if kind == "EBLAbsorptionNormSpectralModel":
        read = library.EBLAbsorptionNormSpectralModel.read_builtin(options["reference"])
        # in double precision: Gammapy takes roots and logarithms of the numbers in the file in single precision, which
        # far above the energies of the table amounts to half a percent
        bins = Table.read(make_path(library.EBL_DATA_BUILTIN[options["reference"]]), hdu="ENERGIES")
        nodes = np.sqrt(np.asarray(bins["ENERG_LO"], float) * np.asarray(bins["ENERG_HI"], float)) * u.keV
        table = np.maximum(read.data.value.astype(float), float(np.finfo(np.float32).tiny))
        return library.EBLAbsorptionNormSpectralModel(nodes, np.asarray(read.param, float), table, 0.1, 1)
    if kind == "PrimaryFlux":
        return PrimaryFlux(options["mass"], options["channel"])
    if kind == "DarkMatterAnnihilationSpectralModel":
        return DarkMatterAnnihilationSpectralModel(
            u.Quantity(options["mass"]), options["channel"], jfactor=u.Quantity(options["jfactor"])
        )
    if kind == "DarkMatterDecaySpectralModel":
        return DarkMatterDecaySpectralModel(
            u.Quantity(options["mass"]), options["channel"], jfactor=u.Quantity(options["jfactor"])
        )
    if kind == "crab":
        return library.create_crab_spectral_model(options["reference"])
    if kind == "cosmic-rays":
        return library.create_cosmic_ray_spectral_model(options["particle"])
    return getattr(library, kind)()


def converged(model, kinks):
    """Return integrals over the bins, of the flux and of energy times the flux, from one evaluation of the model.

    Panels of a fortieth of a decade, cut at the kinks, with 24 Gauss points in each.
    """
    low, high = edges.value[0], edges.value[-1]
    grids = [
        np.geomspace(a, b, max(2, int(np.ceil(40 * np.log10(b / a)))) + 1) for a, b in zip(edges.value, edges.value[1:])
    ]
    panel = np.unique(np.concatenate([*grids, edges.value, [k for k in kinks if low < k < high]]))
    # edges that differ in their last digit are one: panels between them hold nothing
    of_bin = np.searchsorted(edges.value, np.sqrt(panel[1:] * panel[:-1])) - 1
    panel = np.log(panel)
    half, middle = np.diff(panel) / 2, (panel[1:] + panel[:-1]) / 2
    at = np.exp(middle[:, None] + half[:, None] * NODES)
    value = model(at.ravel() * u.TeV).to_value(unit_of(0, model)) * np.ones(at.size)
    parts = value.reshape(at.shape) * at * half[:, None] * WEIGHTS
    return [
        np.bincount(of_bin, (parts * at**power).sum(axis=1), minlength=len(edges) - 1)[: len(edges) - 1]
        for power in (0, 1)
    ]


answers = {}
for name, case in task["spectral"].items():
    started = time.perf_counter()
    model = make(case["kind"], case["options"])
    rows = {key: [] for key in ("value", "integral", "energy_flux", "converged", "converged_energy")}
    parameters = list(model.parameters)
    for row in case["draws"]:
        for k, value in row:
            parameters[k].value = u.Quantity(value, case["units"][k]).to_value(parameters[k].unit)
        answer = model(energy)
        rows["value"].append((answer * np.ones(energy.shape)).to_value(unit_of(0, model)))
        for key, method, power in (("integral", "integral", 1), ("energy_flux", "energy_flux", 2)):
            try:
                found = getattr(model, method)(edges[:-1], edges[1:])
                rows[key].append(np.atleast_1d(found.to_value(unit_of(power, model))))
            except Exception:  # some models cannot
                rows[key].append(np.full(len(edges) - 1, np.nan))
        kinks = case["kinks"][len(rows["value"]) - 1]
        for key, found in zip(("converged", "converged_energy"), converged(model, kinks)):
            rows[key].append(found)
    answers.update({f"{name}/{key}": np.array(value) for key, value in rows.items()})
    print(f"{name}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)

for name, case in task["spatial"].items():
    model = getattr(library, name)(frame="icrs") if name != "ConstantSpatialModel" else library.ConstantSpatialModel()
    names = {parameter.name: parameter for parameter in model.parameters}
    values = []
    for row, lon, lat in zip(case["draws"], case["lon"], case["lat"]):
        for key, value in row.items():
            names[key].value = value
        sky = SkyCoord(lon, lat, unit="deg", frame="icrs")
        found = model(sky.ra, sky.dec)
        values.append((found * np.ones(len(lon))).to_value("sr-1"))
    answers[f"{name}/value"] = np.array(values)
np.savez(folder / "answers.npz", **answers)

"""Gammapy's half of the comparison of models: values, integrals, and integrals that have converged.

Usage: ``python gammapy_models.py FOLDER``. Reads ``draws.json``, writes ``answers.npz``.
"""

import json
import sys
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


def converged(model, kinks, power):
    """Return integrals over the bins: panels of a fortieth of a decade, cut at the kinks, 24 Gauss points in each."""
    out = []
    for low, high in zip(edges.value[:-1], edges.value[1:]):
        number = max(2, int(np.ceil(40 * np.log10(high / low)))) + 1
        inner = [k for k in kinks if low < k < high]
        panel = np.log(np.sort(np.concatenate([np.geomspace(low, high, number), inner])))
        half, middle = np.diff(panel) / 2, (panel[1:] + panel[:-1]) / 2
        at = np.exp(middle[:, None] + half[:, None] * NODES)
        value = model(at.ravel() * u.TeV).to_value(unit_of(0, model)).reshape(at.shape)
        out.append(np.sum(value * at ** (power + 1) * half[:, None] * WEIGHTS))
    return out


answers = {}
for name, case in task["spectral"].items():
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
        rows["converged"].append(converged(model, kinks, 0))
        rows["converged_energy"].append(converged(model, kinks, 1))
    answers.update({f"{name}/{key}": np.array(value) for key, value in rows.items()})

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

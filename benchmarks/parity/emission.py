"""Emission models of particles beside naima 0.10, at random parameters, over all photon energies.

The interpreter with naima is named by the environment variable NAIMA_PYTHON. naima sums over coarse grids, and has not
converged at some energies: near the highest electrons, or at thresholds of narrow photon fields, where it is wrong by
up to a factor of two. Values are compared with naima on grids REFINE times finer where a factor of two in their size
matters less than a part in 300 and a factor of four less than a part in 100, and with naima's own grids where these
agree with the finest to a part in 300.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gjax.emission
from benchmarks.parity.inputs import InputError, Inputs
from benchmarks.parity.report import Report
from gjax.models import AbstractSpectralModel
from gjax.parameters import fill, freeze_tree

SCRIPT = Path(__file__).with_name("emission_naima.py")
PARTICLES = tuple(gjax.emission.__dict__[name] for name in sorted(vars(gjax.emission)) if name.endswith("Particles"))
#: Photon energies [TeV] of each model, from where naima's formulas hold to above the highest particles.
RANGES = {
    "SynchrotronSpectralModel": (1e-19, 1e-2),
    "InverseComptonSpectralModel": (1e-9, 1e3),
    "SynchrotronSelfComptonSpectralModel": (1e-17, 1e3),
    "BremsstrahlungSpectralModel": (1e-8, 1e3),
    "PionDecaySpectralModel": (1e-6, 1e4),
}
FLOOR = 1e-8
#: How much finer the grids of the last comparison are.
REFINE = {
    "SynchrotronSpectralModel": 4,
    "InverseComptonSpectralModel": 8,
    "SynchrotronSelfComptonSpectralModel": 4,
    "BremsstrahlungSpectralModel": 8,
    "PionDecaySpectralModel": 4,
}


def draw_particles(rng: np.random.Generator, name: str, *, protons: bool) -> dict[str, float]:
    """Return parameters of a particle spectrum."""
    out = {"amplitude": 10 ** rng.uniform(34, 38), "e_0": 10 ** rng.uniform(-1, 1)}
    if "Broken" in name:
        first = rng.uniform(1.2, 2.5)
        out |= {"e_break": 10 ** rng.uniform(-2, 1), "alpha_1": first, "alpha_2": first + rng.uniform(0.2, 1.5)}
    else:
        out["alpha"] = rng.uniform(1.5, 3.2)
    if "Cutoff" in name:
        out |= {"e_cutoff": 10 ** rng.uniform(0, 3), "beta": rng.uniform(0.5, 2.0)}
    if name.startswith("LogParabola"):
        out["beta"] = rng.uniform(0.02, 0.4)
    return out


def draw_fields(rng: np.random.Generator) -> list[list[Any]]:
    """Return one to three black bodies, a line or a table."""
    kind = rng.choice(["blackbody", "blackbody", "line", "table"])
    if kind == "line":
        return [["line", "line", 10 ** rng.uniform(-3, 1), 10 ** rng.uniform(-1, 1)]]
    if kind == "table":
        energy = np.logspace(-4, 1, 120)
        peak = 10 ** rng.uniform(-3, 0)
        return [["table", "table", energy.tolist(), (energy**-0.5 * np.exp(-energy / peak) + 1e-12).tolist()]]
    return [
        [f"bb-{k}", "blackbody", 10 ** rng.uniform(0.43, 4), 10 ** rng.uniform(-1, 2)]
        for k in range(rng.integers(1, 4))
    ]


def draw(rng: np.random.Generator, model: str, particles: str, points: int) -> dict[str, Any]:
    """Return one case: everything that both sides need."""
    case: dict[str, Any] = {
        "model": model,
        "particles": [particles, draw_particles(rng, particles, protons=model.startswith("Pion"))],
        "distance": 10 ** rng.uniform(-1, 1),
        "energy": np.geomspace(*RANGES[model], points).tolist(),
    }
    if "Synchrotron" in model:
        case["B"] = 10 ** rng.uniform(0, 3)
    if "Compton" in model:
        case["photon_fields"] = draw_fields(rng)
    if "Self" in model:
        case["radius"] = 10 ** rng.uniform(-1, 1)
        case["photon_fields"] = [["CMB", "blackbody", 2.72548, 0.26055]]
    if model.startswith("Brems"):
        case["n0"] = 10 ** rng.uniform(-1, 2)
    if model.startswith("Pion"):
        case["n_h"] = 10 ** rng.uniform(-1, 2)
        case["high_energy_model"] = str(rng.choice(["Pythia8", "Pythia8", "Geant4", "SIBYLL", "QGSJET"]))
        case["nuclear_enhancement"] = bool(rng.random() < 0.8)
    return case


def model_of(case: dict[str, Any]) -> AbstractSpectralModel:
    """Return the gjax model of a case."""
    name, numbers = case["particles"]
    kinds = {
        "blackbody": gjax.emission.BlackBodyPhotonField,
        "line": gjax.emission.LinePhotonField,
        "table": gjax.emission.TablePhotonField,
    }
    options = {
        key: case[key]
        for key in ("B", "radius", "n0", "n_h", "distance", "high_energy_model", "nuclear_enhancement", "energy_min")
        if key in case
    }
    if "photon_fields" in case:
        options["photon_fields"] = [kinds[kind](*rest, name=label) for label, kind, *rest in case["photon_fields"]]
    return getattr(gjax.emission, case["model"])(getattr(gjax.emission, name)(**numbers), **options)


def naima_values(cases: list[dict[str, Any]], refine: int) -> list[np.ndarray]:
    """Return naima's fluxes of cases.

    Raises
    ------
    InputError
        If there is no interpreter with naima.
    """
    python = os.environ.get("NAIMA_PYTHON")
    if not python:
        raise InputError("the environment variable NAIMA_PYTHON is not set; it must name a Python that has naima 0.10")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    text = json.dumps({"cases": cases, "refine": refine})
    done = subprocess.run([python, str(SCRIPT)], input=text, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise InputError(f"{python} {SCRIPT.name} ended with code {done.returncode}: {done.stderr[-500:]}")
    return [np.array(values, dtype=float) for values in json.loads(done.stdout)["values"]]


def gjax_values(cases: list[dict[str, Any]]) -> list[np.ndarray]:
    """Return our fluxes of cases; those of one structure share a compiled function."""
    out = []
    compiled = jax.jit(lambda skeleton, theta, energy: fill(skeleton, theta).evaluate(energy))
    for case in cases:
        skeleton, table = freeze_tree(model_of(case))
        out.append(np.asarray(compiled(skeleton, jnp.asarray(table.values), jnp.asarray(case["energy"]))))
    return out


def bright(case: dict[str, Any], value: np.ndarray) -> np.ndarray:
    """Tell at which energies E2 dN/dE is above 1e-8 of its largest value."""
    sed = value * np.array(case["energy"]) ** 2
    return sed > FLOOR * np.nanmax(sed)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Compare all models with all particle spectra."""
    rng = np.random.default_rng(20140)
    per_kind, points = (1, 40) if quick else (5, 60)
    for model in RANGES:
        kind, at = (min(per_kind, 4), min(points, 30)) if "Self" in model else (per_kind, points)  # slow in naima
        cases = [draw(rng, model, cls.__name__, at) for cls in PARTICLES for _ in range(kind)]
        refine = 2 if quick else REFINE[model]
        ours = gjax_values(cases)
        steps = sorted({1, max(1, refine // 4), refine // 2, refine})
        naima = {factor: naima_values(cases, factor) for factor in steps}
        default, quarter, half, fine = (naima[k] for k in (1, max(1, refine // 4), refine // 2, refine))
        masks = [bright(case, value) for case, value in zip(cases, fine)]
        converged = [near(a, b) & near(a, c, 1 / 100) & mask for a, b, c, mask in zip(fine, half, quarter, masks)]
        settled = [near(a, b) & mask for a, b, mask in zip(default, fine, masks)]
        total = sum(mask.sum() for mask in masks)
        print(f"{model}: {len(cases)} draws done", file=sys.stderr, flush=True)
        for title, theirs, use in (("finer grids", fine, converged), ("its own grids", default, settled)):
            mine, other = (np.concatenate([v[m] for v, m in zip(side, use)]) for side in (ours, theirs))
            share = f"{len(cases)} draws, naima has converged at {mine.size / total:.1%} of the energies"
            report.relative(f"{model}: naima on {title}", mine, other, 0.01, share)
            report.info[f"{model}: {title}: median"] = float(np.median(np.abs(mine / other - 1)))


def near(first: np.ndarray, second: np.ndarray, tolerance: float = 1 / 300) -> np.ndarray:
    """Tell where two results of naima agree."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(first / second - 1) < tolerance

"""Fits of spectral models to published flux points, beside Gammapy 2.1.

Points of catalogs (gamma-cat, 3FGL, 3FHL) are taken as the reference read them from the catalogs; points that have a
file of their own are also read from that file and compared with what the reference read.
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

import gjax
from benchmarks.parity.inputs import Inputs, models_of, polished
from benchmarks.parity.report import Report, as_array
from gjax.datasets import FluxPoints, FluxPointsDataset

FILES = {
    "diff_flux_points": "tests/spectrum/flux_points/diff_flux_points.fits",
    "hawc19_crab": "hawc/crab_flux/HAWC19_flux_points.fits",
}
# alpha and beta are correlated by 0.998 here, and the reference's three errors of alpha (MIGRAD, HESSE, HESSE after a
# restart) are 0.175, 0.014 and 0.130
INCONSISTENT = ("diff_flux_points", "lp")
CASES = ("tutorial_j1507", "diff_flux_points", "hawc19_crab", "gammacat_crab")


def stored_points(table: dict[str, Any]) -> FluxPoints:
    """Return flux points from the columns of the reference."""
    columns: dict[str, Any] = {}
    for key, unit in table["units"].items():
        values = as_array(table[key])
        columns[key] = values.astype(bool) if key == "is_ul" else values * u.Unit(unit)
    return FluxPoints.from_arrays("dnde", **columns)


def compare_points(report: Report, name: str, points: FluxPoints, table: dict[str, Any]) -> None:
    """Compare points read from a file with what the reference read."""
    for key, unit in table["units"].items():
        if key == "is_ul":
            report.exact(f"{name}: upper limits", points.is_ul, as_array(table[key]))
            continue
        stem, _, suffix = key.partition("_") if key.startswith("dnde") else (key, "", "")
        ours: Any = points.quantity("dnde", f"_{suffix}" if suffix else "") if stem == "dnde" else getattr(points, key)
        report.relative(f"{name}: {key}", ours.to_value(unit), as_array(table[key]), 1e-6)


def closed_form_errors(table: dict[str, Any], best: list[float]) -> np.ndarray:
    """Return the errors of amplitude, alpha, beta of a log parabola (reference 1 TeV) in extended precision.

    From the second derivatives of chi2, written out by hand for ``ln mu = ln A - (alpha + beta x) x``.
    """
    columns = {key: as_array(table[key]) for key in ("e_ref", "dnde", "dnde_err", "is_ul")}
    used = (columns["is_ul"] == 0) & np.isfinite(columns["dnde"]) & (columns["dnde_err"] > 0)
    unit = u.Unit(table["units"]["e_ref"]).to("TeV")
    energy, flux, error = (columns[key][used].astype(np.longdouble) for key in ("e_ref", "dnde", "dnde_err"))
    x = np.log(energy * unit)
    mu = best[0] * np.exp(-(best[1] + best[2] * x) * x)
    slopes = np.stack([np.ones_like(x), -x, -x * x])
    weight = (2 * mu * mu - flux * mu) / error**2
    information = (slopes * weight) @ slopes.T
    errors = np.sqrt(np.diag(np.linalg.inv(information.astype(float))))
    return errors * np.array([best[0], 1.0, 1.0])


def _contradiction(fit: dict[str, Any]) -> str:
    three = [fit["best"][1][2], fit["hesse_errors"][1], fit["polished"]["best"][1][2]]
    return "the reference has errors of alpha " + ", ".join(f"{error:.3f}" for error in three)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` fits one model to one set of points."""
    reference = inputs.json("flux_points_fit.json")
    for case in CASES[1:2] if quick else CASES:
        theirs = reference[case]
        datasets = []
        for (name, table), stat_type in zip(theirs["points"].items(), theirs["stat_type"] * len(theirs["points"])):
            points = FluxPoints.read(inputs.file(FILES[name])) if name in FILES else stored_points(table)
            if name in FILES:
                compare_points(report, name, points, table)
            dataset = FluxPointsDataset(points, stat_type=stat_type, name=name)
            report.exact(f"{case} {name}: points in the fit", np.sum(dataset.mask), theirs["n_masked_in_fit"][name])
            datasets.append(dataset)
        for model, fit in theirs["fits"].items():
            if quick and model != "lp":
                continue
            key = f"{case} {model}"
            likelihood = gjax.Likelihood(datasets, models_of(fit["start_models"]))
            start = likelihood.stat_sum()
            allowed = max(0.01, 1e-7 * fit["stat_start"])
            report.absolute(f"{key}: statistic at the start", start, fit["stat_start"], allowed, _rounding(fit))
            result, (best, note) = likelihood.fit(), polished(fit)
            if (case, model) == INCONSISTENT:
                errors = closed_form_errors(theirs["points"][case], [value for _, value, *_ in best])
                note = f"reference: closed form; {_contradiction(fit)}"
                best = [[name, value, error] for (name, value, *_), error in zip(best, errors)]
            report.absolute(f"{key}: statistic", result.total_stat, fit["polished"]["stat_opt"], 0.01, note)
            report.fit(key, result, best, source="m.spectral.", note=note)


def _rounding(fit: dict[str, Any]) -> str:
    return "" if fit["stat_start"] < 1e5 else "the reference holds nine digits"

"""More of the H.E.S.S. Crab cubes beside Gammapy 2.1: responses, a mask, significance, scans and flux points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np

import gjax
from benchmarks.parity.cube_inputs import cube_models, mask_of, read_runs, reduce_runs, stack
from benchmarks.parity.cubes import REASON, compare_cube_fit, compare_start, free_rows, per_bin
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.reference_recipe import ReferenceRecipe
from benchmarks.parity.report import Report
from gjax.datasets import MapDataset
from gjax.estimators import FluxPointsEstimator
from gjax.stats import correlated_significance

__all__ = [
    "compare_at_best",
    "compare_cube_flux_points",
    "compare_held_position",
    "compare_mask_variant",
    "compare_responses_of_run",
    "compare_scan",
    "compare_significance",
    "images_of",
]

NEGATIVE = (
    "the reference lets a flux become so negative that counts are predicted below zero, and cuts them at zero; gjax "
    "stops where the first prediction is zero. Such a band has no symmetric error"
)


def compare_responses_of_run(report: Report, inputs: Inputs, recipe: dict[str, Any], reference: dict[str, Any]) -> None:
    """Compare responses of the first run as they are read: area and background at points, radii of the PSF."""
    run = read_runs(recipe, inputs.data)[0]
    energy = np.array(reference["energy_TeV"])[:, np.newaxis] * u.TeV
    offset = np.array(reference["offset_deg"]) * u.deg
    area = run.aeff.evaluate(energy_true=energy, offset=offset).to_value("m2")
    report.relative("responses: effective area", area, reference["aeff_m2[energy][offset]"], 1e-6)
    rate = run.bkg.evaluate(energy=energy, fov_lon=offset, fov_lat=0 * u.deg).to_value("MeV-1 s-1 sr-1")
    report.relative("responses: background", rate, reference["bkg_value_fov_lon_lat=(offset,0)"], 1e-6)
    radius = run.psf.containment_radius(0.68, energy_true=energy, offset=offset).to_value("deg")
    theirs = reference["psf_r68_deg[energy][offset]"]
    report.absolute("responses: r68 of the PSF", radius, theirs, 1e-4, "the reference interpolates a table of radii")
    edges = run.aeff.axes["energy_true"].edges
    report.exact("responses: energies of the area", len(edges) - 1, reference["aeff_axes"]["energy_true"][0])


def compare_mask_variant(report: Report, inputs: Inputs, recipe: dict[str, Any], reference: dict[str, Any]) -> None:
    """Compare a reduction that is safe where the area is a tenth of its largest value."""
    safe = {"methods": ["offset-max", "aeff-max"], "aeff_percent": 10, "offset_max": "2.5 deg"}
    other = {**recipe, "safe": safe}
    _, scaled = reduce_runs(other, read_runs(other, inputs.data))
    cube = stack(other, scaled)
    report.exact("aeff-max: safe pixels", per_bin(mask_of(cube)), reference["mask_safe_per_ebin"])
    report.exact("aeff-max: counts", per_bin(cube.counts, mask_of(cube)).sum(), reference["counts_masked"])
    norms = [run.meta["bkg_norm"] for run in scaled]
    report.relative("aeff-max: norms of the background", norms, reference["fov_norms"], 1e-4)


def compare_at_best(report: Report, key: str, cube: MapDataset, fit: dict[str, Any], at: dict[str, Any]) -> None:
    """Compare the prediction at the reference's best fit."""
    values = {name: value for name, (value, _) in free_rows(fit).items()}
    likelihood = gjax.Likelihood(cube, cube_models(fit["start_models"]).with_values(values))
    compare_start(report, key, likelihood, at, cube)


def compare_held_position(report: Report, cube: MapDataset, fit: dict[str, Any], steps: dict[str, Any]) -> None:
    """Compare a fit whose position is held."""
    models = [
        {**entry, "parameters": [[*row[:4], row[4] or row[0] in ("lon_0", "lat_0"), *row[5:]] for row in entry_rows]}
        for entry in fit["start_models"]
        for entry_rows in [entry["parameters"]]
    ]
    held = {**steps["variants"]["point, position frozen"], "start_models": models, "stat_start": fit["stat_start"]}
    compare_cube_fit(report, "stacked norm, position held", cube, held)


def compare_scan(report: Report, cube: MapDataset, fit: dict[str, Any], reference: dict[str, Any], every: int) -> None:
    """Compare the statistic along the longitude, and that it is smooth and depends on the parameters alone."""
    best = {name: value for name, (value, _) in free_rows(fit).items()}
    models, name = cube_models(fit["start_models"]).with_values(best), "crab.spatial.lon_0"
    likelihood, recipe = gjax.Likelihood(cube, models), ReferenceRecipe(cube, models)
    place = likelihood.free_names.index(name)

    def at(longitude: float) -> float:
        return float(likelihood.statistic(likelihood.x0.at[place].set(longitude / likelihood.scale[place])))

    longitude, theirs = (np.array(reference["point_lon_scan"][key]) for key in ("lon", "stat"))
    ours = np.array([at(value) for value in longitude])
    middle, some = len(longitude) // 2, slice(None, None, every)
    followed = np.array([sum(recipe.statistic({**best, name: value}).values()) for value in longitude[some]])
    centre = sum(recipe.statistic(best).values())
    change = (theirs - theirs[middle])[some]
    scatter = f"scatter of the reference {reference['point_lon_scan']['rms_residual_to_quartic']:.3f} rms"
    report.absolute("scan of longitude: recipe: change of the statistic", followed - centre, change, 0.15, scatter)
    mine = (ours - ours[middle])[some]
    report.absolute("scan of longitude: change of the statistic", mine, change, 0.15, scatter)
    report.explain(REASON, 0.15 + float(np.max(np.abs(mine - followed + centre))))
    x = np.linspace(-1, 1, len(longitude))
    rough = float(np.sqrt(np.mean((ours - np.polyval(np.polyfit(x, ours, 4), x)) ** 2)))
    limit = reference["point_lon_scan"]["rms_residual_to_quartic"]
    report.at_most("scan of longitude: rms distance from a quartic", rough, limit, "the limit is the reference's")
    start = at(best[name])
    again = [abs(at(value) - start) for value in (best[name] + 0.05, best[name] + 1.5, best[name])][-1]
    note = f"the reference differs by up to {reference['point_spread']:.3f}, as it depends on where the source was"
    report.exact("same parameters after moving away and back: change of the statistic", again, 0.0, note)


def images_of(cube: MapDataset, norm: float, bands: Sequence[slice], width: float) -> list[np.ndarray]:
    """Return images of the significance in discs of a radius [deg], one per band of energy bins."""
    mask, out = mask_of(cube), []
    radius = width / float(u.Quantity(cube.counts.geom.pixel_scales).to_value("deg").max())
    for band in bands:
        counts, background = (
            np.where(mask, values, 0.0)[band].sum(axis=0)
            for values in (cube.counts.data, norm * np.asarray(cube.background.data))
        )
        out.append(correlated_significance(counts, background, radius, mask.any(axis=0)))
    return out


def compare_significance(
    report: Report, cube: MapDataset, norm: float, reference: dict[str, Any], position: tuple[int, int] = (125, 125)
) -> None:
    """Compare counts, background and significance in discs of 0.1 deg around every pixel, in two bands."""
    images = images_of(cube, norm, (slice(0, 5), slice(5, None)), 0.1)
    peak, there, first = [np.nanmax(image) for image in images], [image[position] for image in images], images[0]
    note = "background with the norm of the reference's fit"
    report.relative("significance: largest of a band", peak, reference["sqrt_ts_max_per_bin"], 1e-3, note)
    report.relative("significance: at the centre", there, reference["sqrt_ts_at_center_per_bin"], 1e-3, note)
    theirs = reference["sqrt_ts_bin0_stats"]
    report.exact("significance: place of the largest", np.unravel_index(np.nanargmax(first), first.shape), position)
    report.exact("significance: pixels", np.isfinite(first).sum(), theirs["n_finite"])
    ticks = cube.counts.geom.to_image().get_coord().skycoord.separation(cube.counts.geom.center_skydir).deg
    off = first[(ticks < 1.5) & (ticks > 0.4) & np.isfinite(first)]
    report.relative("significance: pixels off the source", off.size, theirs["n_off"], 1e-3)
    report.absolute("significance: mean off the source", off.mean(), theirs["off_mean(r<1.5,>0.4deg)"], 5e-3)
    report.absolute("significance: spread off the source", off.std(), theirs["off_std"], 5e-3)


def compare_cube_flux_points(report: Report, cube: MapDataset, fit: dict[str, Any], reference: dict[str, Any]) -> None:
    """Compare flux points of the cube at the reference's best fit, other parameters held as the reference does."""
    best = {name: value for name, (value, _) in free_rows(fit).items()}
    models, table = cube_models(fit["start_models"]).with_values(best), reference["table"]
    likelihood = gjax.Likelihood(cube, models)
    points = FluxPointsEstimator(np.array(reference["edges_TeV"]) * u.TeV).run(likelihood).to_table(sed_type="dnde")
    theirs = {key: np.asarray(table[key], dtype=float) for key in table if key not in ("npred", "counts", "success")}
    ours = {
        key: np.asarray(points[key].to_value("cm-2 s-1 TeV-1") if key.startswith("dnde") else points[key], dtype=float)
        for key in theirs
        if key in points.colnames and not key.startswith("e_")
    }
    report.exact("flux points: counts", np.ravel(points["counts"]), np.ravel(table["counts"]))
    report.relative("flux points: e_ref", points["e_ref"].to_value("TeV"), theirs["e_ref"], 1e-6)
    # a flux below zero may stop at a prediction of zero, and its scan with it
    inside = theirs["dnde"] > 0
    followed = _recipe_points(cube, models, points)
    for key, unit, allowed in (("dnde", theirs["dnde_err"], 0.05), ("ts", np.maximum(theirs["ts"], 1.0), 3e-3)):
        measured = {"sigma": unit[inside], "allowed": allowed}
        report.sigmas(f"flux points: recipe: {key}", followed[key][inside], theirs[key][inside], **measured)
        report.sigmas(f"flux points: {key}", ours[key][inside], theirs[key][inside], **measured)
        report.explain(REASON, allowed + float(np.max((np.abs(ours[key] - followed[key]) / unit)[inside])))
    for key in ("dnde_err", "dnde_errp", "dnde_errn", "dnde_ul"):
        report.relative(f"flux points: {key}", ours[key][inside], theirs[key][inside], 0.02)
    if not np.all(inside):
        report.sigmas(
            "flux points: dnde of bands below zero",
            ours["dnde"][~inside],
            theirs["dnde"][~inside],
            theirs["dnde_err"][~inside],
            0.05,
        )
        at_bound = bool(np.all(ours["dnde"][~inside] > theirs["dnde"][~inside]))
        report.explain(NEGATIVE, 2.0 if at_bound else 0.0)


def _recipe_points(cube: MapDataset, models: Any, points: Any) -> dict[str, np.ndarray]:
    """Return fluxes and TS of bands with the recipe's image of the source."""
    recipe, mask = ReferenceRecipe(cube, models), mask_of(cube)
    signal, background = recipe.signal()[cube.name], recipe.background()[cube.name]
    centre = cube.counts.geom.axes["energy"].center.to_value("TeV")
    out: dict[str, list[float]] = {"dnde": [], "ts": []}
    for row in points:
        band = (centre > row["e_min"].to_value("TeV")) & (centre < row["e_max"].to_value("TeV"))
        used = mask & band[:, np.newaxis, np.newaxis] & (signal > 0)
        s, b, n = signal[used], background[used], np.asarray(cube.counts.data, dtype=float)[used]
        norm = 1.0
        for _ in range(50):
            mu = norm * s + b
            norm = max(norm - np.sum(s * (1 - n / mu)) / np.sum(n * s**2 / mu**2), 0.0)
        mu = norm * s + b
        out["ts"].append(float(2 * np.sum(b - mu + n * np.log(mu / b))))
        out["dnde"].append(norm * float(models[0].spectral_model(row["e_ref"]).to_value("cm-2 s-1 TeV-1")))
    return {key: np.array(values) for key, values in out.items()}

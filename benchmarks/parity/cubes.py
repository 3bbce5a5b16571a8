"""Comparisons that the cases with cubes share: reduced datasets, predictions, and fits beside the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np

import gjax
from benchmarks.parity.cube_inputs import cube_models, likelihood_statistic, mask_of, part_of
from benchmarks.parity.reference_recipe import ReferenceRecipe, cash
from benchmarks.parity.report import Report

__all__ = [
    "compare_cube",
    "compare_cube_fit",
    "compare_fineness",
    "compare_start",
    "cube_models",
    "free_rows",
    "likelihood_statistic",
    "per_bin",
]

REASON = (
    "the reference samples the PSF at 1 to 4 points per pixel side, cuts it to a square, and puts a point on 4 pixels; "
    "gjax integrates it over pixels around the exact position. Where a file has the PSF at fewer energies than the "
    "exposure, the reference leaves the highest ones empty. The rows 'recipe' follow the reference and must agree"
)
CURVATURE = (
    "the reference's error is not the curvature of its own statistic: central differences of the recipe, which has "
    "that statistic, give the error of gjax to 2 %"
)
LEAK = (
    "the reference stacks the dispersion of a reconstructed energy that is safe nowhere: it interpolates the mask, "
    "and rounding lets a neighbour in. gjax predicts nothing there. No such bin enters a statistic"
)


# ---- models as the reference writes them ----


def free_rows(fit: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return value and error of the free parameters of a reference fit, by their names in gjax and in its units."""
    names = [
        (f"{entry['name']}.{part_of(row[0])}.{row[0]}", row[0])
        for entry in fit["start_models"]
        for row in entry["parameters"]
        if not row[4]
    ]
    errors = fit.get("hesse_errors") or [row[2] for row in fit["best"]]
    table = cube_models(fit["start_models"]).parameter_table
    units = dict(zip(table.names, table.units))
    out = {}
    names = names[: len(fit["best"])] if fit.get("sources_only") else names
    for (path, name), (short, value, _, unit), error in zip(names, fit["best"], errors, strict=True):
        if short != name:
            raise ValueError(f"the reference lists {short!r} where {name!r} is expected")
        factor = u.Unit(unit).to(u.Unit(units[path]))
        out[path] = value * factor, error * factor
    return out


def named_rows(fit: dict[str, Any], likelihood: Any) -> dict[str, tuple[float, float]]:
    """Return the same for models that the reference does not list in full: its free parameters in their order."""
    units = dict(zip(likelihood.table.names, likelihood.table.units))
    errors = fit.get("hesse_errors") or [row[2] for row in fit["best"]]
    out = {}
    for path, (short, value, _, unit), error in zip(likelihood.free_names, fit["best"], errors, strict=True):
        if not path.endswith(f".{short}"):
            raise ValueError(f"the reference lists {short!r} where {path!r} is expected")
        factor = u.Unit(unit).to(u.Unit(units[path]))
        out[path] = value * factor, error * factor
    return out


# ---- reduced datasets ----


def per_bin(values: Any, mask: Any = None) -> np.ndarray:
    """Return the sums over the sky in each energy bin."""
    data = np.asarray(getattr(values, "data", values), dtype=float)
    return np.sum(data if mask is None else np.where(mask, data, 0.0), axis=(-2, -1))


def compare_cube(
    report: Report, dataset: Any, reference: dict[str, Any], position: Any, *, allowed: float = 1e-3
) -> None:
    """Compare a reduced cube: counts and masks exactly, responses to ``allowed``."""
    name, mask = dataset.name, mask_of(dataset)
    report.exact(f"{name}: counts", per_bin(dataset.counts), reference["counts_per_ebin"])
    report.exact(f"{name}: counts in the mask", per_bin(dataset.counts, mask), reference["counts_per_ebin_masked"])
    if dataset.mask_safe is not None:
        report.exact(f"{name}: safe pixels", per_bin(dataset.mask_safe), reference["mask_safe_per_ebin"])
    theirs = np.asarray(reference["background_per_ebin"], dtype=float)
    floor = 1e-9 * np.abs(theirs).max()
    background = per_bin(dataset.background)
    report.relative(f"{name}: background", background[theirs > floor], theirs[theirs > floor], allowed)
    report.absolute(f"{name}: bins without background", background[theirs <= floor].sum(), 0.0, floor)
    exposure = dataset.exposure.quantity.to_value(reference["exposure_unit"])
    report.relative(f"{name}: total exposure", exposure.sum(), reference["exposure_sum"], allowed)
    for key, (y, x) in reference["probe_pixels_yx"].items():
        for what, cube in (("exposure", exposure), ("background", np.asarray(dataset.background.data))):
            probe = np.asarray(reference.get(f"{what}_at_{key}", ()), dtype=float)
            used = probe > 1e-9 * probe.max() if probe.size else probe
            if probe.size:
                report.relative(f"{name}: {what} at {key}", cube[:, y, x][used], probe[used], allowed)
    if "edisp_row_mid" in reference:
        compare_responses(report, dataset, reference, position, allowed)


def live_bins(dataset: Any) -> np.ndarray:
    """Return which energy bins are safe anywhere."""
    return np.ones(mask_of(dataset).shape[0], bool) if dataset.mask_safe is None else per_bin(dataset.mask_safe) > 0


def compare_responses(report: Report, dataset: Any, reference: dict[str, Any], position: Any, allowed: float) -> None:
    """Compare dispersion and radii of the PSF at a position."""
    name, edisp = dataset.name, dataset.edisp
    if not hasattr(edisp, "pdf_matrix"):
        edisp = edisp.get_edisp_kernel(energy_axis=dataset.counts.geom.axes["energy"], position=position)
    matrix = np.asarray(edisp.pdf_matrix)
    row = matrix[reference["edisp_row_mid_index"]]
    report.absolute(f"{name}: dispersion of one energy", row, reference["edisp_row_mid"], allowed)
    over_true = np.asarray(reference["edisp_sum_over_true"], dtype=float)
    live = live_bins(dataset) | (matrix.sum(0) > 0)
    leak = float(over_true[~live].sum())
    report.absolute(f"{name}: dispersion summed over reco", matrix.sum(1), reference["edisp_sum_over_reco"], allowed)
    if leak:
        report.explain(LEAK, allowed + leak)
        missing = np.sum(reference["edisp_sum_over_reco"]) - matrix.sum()
        report.absolute(f"{name}: dispersion missing is that of bins nowhere safe", missing, leak, 1e-3)
    scale = np.maximum(over_true, 1.0)[live]
    report.absolute(
        f"{name}: dispersion summed over true", matrix.sum(0)[live] / scale, over_true[live] / scale, allowed
    )
    # the reference rounds radii to a twentieth of the bins of its radius axis
    step = float(np.diff(dataset.psf.axes["rad"].edges.to_value("deg")).max()) / 20
    for key in ("r50", "r68", "r95"):
        entry = reference[f"psf_{key}_deg_at_pos"]
        used = has_statistics(dataset, np.asarray(entry["energy_TeV"]))
        energy = {dataset.psf.energy_name: np.asarray(entry["energy_TeV"])[used] * u.TeV}
        ours = dataset.psf.containment_radius(int(key[1:]) / 100, position=position, **energy).to_value("deg")
        theirs = np.asarray(entry["radius"], dtype=float)[used]
        note = f"the reference knows radii to {step:.2g} deg"
        report.absolute(f"{name}: {key} of the PSF", ours, theirs, float(allowed * theirs.max() + step), note)


def has_statistics(dataset: Any, energy: np.ndarray) -> np.ndarray:
    """Return at which energies [TeV] a PSF is known: those of reconstructed energy are empty where nothing is safe."""
    if dataset.psf.energy_name == "energy_true":
        edges = dataset.psf.axes["energy_true"].edges.to_value("TeV")
        return (energy > edges[0]) & (energy < edges[-1])
    live, centre = live_bins(dataset), dataset.psf.axes["energy"].center.to_value("TeV")
    above = np.clip(np.searchsorted(centre, energy), 1, len(centre) - 1)
    return live[above] & live[above - 1]


# ---- predictions ----


def reference_of(dataset: Any, npred: Any) -> float:
    """Return the statistic as the reference sums it."""
    return cash(
        np.asarray(dataset.counts.data, dtype=float), np.asarray(getattr(npred, "data", npred)), mask_of(dataset)
    )


def _same_statistic(likelihood: Any, statistic: float) -> float:
    """Return how well the recipe must meet a statistic, not a difference of two: the reference has single precision.

    It scatters by up to 0.15 where a shape is evaluated on moving cutouts. Where the PSF has energies of its own the
    recipe interpolates images of it instead of the PSF: the difference is in the tails, under all bins of a template.
    """
    is_point = all(getattr(model.spatial_model, "tag", "") == "point" for model in likelihood.models.sources)
    own = any(
        d.psf.energy_name == "energy_true" and d.psf.axes["energy_true"].nbin != d.exposure.data.shape[0]
        for d in likelihood.datasets
    )
    is_everywhere = any(not np.isfinite(model.spatial_model.extent()) for model in likelihood.models.sources)
    tails = 3.0 if is_everywhere else 0.3
    return max(0.03, 2e-7 * statistic, 0.0 if is_point else 0.15, tails if own else 0.0)


def compare_start(report: Report, key: str, likelihood: Any, reference: dict[str, Any], dataset: Any) -> None:
    """Compare predicted counts at the start with the reference: exact integrals and recipe to 1e-3."""
    recipe = ReferenceRecipe(likelihood.datasets, likelihood.models)
    live = live_bins(dataset)
    theirs = np.asarray(reference["npred_signal_per_ebin"], dtype=float)[live]
    followed = recipe.signal()[dataset.name]
    signal = likelihood.npred_signal()[dataset.name].data
    report.relative(f"{key}: recipe: signal", per_bin(followed)[live], theirs, 1e-3)
    report.relative(f"{key}: recipe: total signal", followed[live].sum(), theirs.sum(), 1e-3)
    report.relative(f"{key}: signal", per_bin(signal)[live], theirs, 1e-3)
    seen = theirs > 0
    report.explain(REASON, 1e-3 + np.max(np.abs((per_bin(signal) - per_bin(followed))[live][seen]) / theirs[seen]))
    report.relative(f"{key}: total signal", signal[live].sum(), theirs.sum(), 1e-3)
    npred = likelihood.npred()[dataset.name].data
    theirs_all = np.asarray(reference["npred_per_ebin"], dtype=float)[live]
    report.relative(f"{key}: npred", per_bin(npred)[live], theirs_all, 1e-3)
    report.explain(REASON, 1e-3 + np.max(np.abs(per_bin(signal) - per_bin(followed))[live] / theirs_all))
    report.relative(f"{key}: npred in the mask", npred[mask_of(dataset)].sum(), reference["npred_sum_masked"], 1e-3)
    limit = _same_statistic(likelihood, reference["stat_sum"])
    report.absolute(f"{key}: recipe: statistic", recipe.statistic()[dataset.name], reference["stat_sum"], limit)
    dense, sparse = reference_of(dataset, npred), likelihood_statistic(likelihood)[dataset.name]
    report.absolute(f"{key}: statistic of bins with counts and sums is that of all bins", sparse, dense, 1e-5)


def compare_fineness(
    report: Report, key: str, likelihood: Any, dataset: Any, *, parts: Sequence[int] = (1, 3, 9), allowed: float = 0.05
) -> None:
    """Show that the recipe of the reference becomes the prediction of gjax where its pixels are divided."""
    exact = likelihood.npred_signal()[dataset.name].data
    background = likelihood.npred_background()[dataset.name].data
    statistic = reference_of(dataset, exact + background)
    last = 1.0
    for fineness in parts:
        signal = ReferenceRecipe(dataset, likelihood.models, fineness).signal()[dataset.name]
        distance = abs(reference_of(dataset, signal + background) - statistic)
        worst = float(np.abs(signal - exact).max() / exact.max())
        text = f"{fineness}x{fineness} parts per pixel: statistic differs by {distance:.3f}"
        report.at_most(f"{key}: recipe in {fineness} parts, largest difference of a pixel over peak", worst, last, text)
        last = worst
    report.at_most(f"{key}: recipe in {parts[-1]} parts, difference of the statistic", distance, allowed)


# ---- fits ----


def compare_cube_fit(
    report: Report,
    key: str,
    datasets: Any,
    fit: dict[str, Any],
    *,
    models: Any = None,
    mixed: bool = True,
    errors: float = 0.02,
) -> Any:
    """Compare a fit: differences of the statistic, values and errors, exact and by the recipe of the reference.

    The models are those of the reference unless others are given, with the same free parameters in the same order.
    """
    likelihood = gjax.Likelihood(datasets, cube_models(fit["start_models"]) if models is None else models)
    best = free_rows(fit) if models is None else named_rows(fit, likelihood)
    values, sigma = {name: v for name, (v, _) in best.items()}, {name: e for name, (_, e) in best.items()}
    is_moving = any(".spatial." in name for name in best)
    change = fit["stat_start"] - fit["stat_opt"]
    allowed = max(0.15, 0.003 * change) if is_moving else max(0.03, 0.001 * change)
    recipe, result = ReferenceRecipe(likelihood.datasets, likelihood.models), likelihood.fit()
    report.truth(f"{key}: converged", result.success, result.message if not result.success else "")
    found = {name: result[name] for name in result.free_names}
    rough = {name: sigma.get(name, error) for name, (_, error) in found.items()}
    followed = recipe.fit({name: values.get(name, v) for name, (v, _) in found.items()}, rough, mixed=mixed)
    is_complete = len(best) == len(found)
    # where the file lists sources only, every side is taken at its own best fit
    start, exact_start = sum(recipe.statistic().values()), sum(likelihood_statistic(likelihood).values())
    if is_complete:
        optimum = sum(recipe.statistic(values).values())
        exact_optimum = sum(likelihood_statistic(likelihood.with_values(values)).values())
    else:
        optimum, exact_optimum = followed.statistic, sum(likelihood_statistic(result.likelihood).values())
    theirs, ours = start - optimum, exact_start - exact_optimum
    limit = _same_statistic(likelihood, fit["stat_start"])
    report.absolute(f"{key}: recipe: statistic at the start", start, fit["stat_start"], limit)
    report.absolute(f"{key}: recipe: statistic, start - best fit", theirs, change, allowed)
    report.absolute(f"{key}: statistic, start - best fit", ours, change, allowed)
    report.explain(REASON, allowed + abs(ours - theirs))
    source = "errors of HESSE" if "hesse_errors" in fit else "errors of MIGRAD"
    for name, (value, error) in best.items():
        mine, my_error = found[name]
        report.sigmas(f"{key}: recipe: {name}", followed.values[name], value, error, 0.05)
        shift = abs(followed.values[name] - mine) / error
        error_shift = abs(followed.errors[name] - my_error) / error
        report.sigmas(f"{key}: {name}", mine, value, error, 0.05)
        report.explain(REASON, 0.05 + shift)
        report.relative(f"{key}: error of {name}", my_error, error, errors, source)
        report.explain(REASON, errors + error_shift)
        if not report.rows[-1].ok:
            apart = abs(followed.errors[name] / my_error - 1)
            report.explain(CURVATURE, abs(followed.errors[name] / error - 1) + 0.02 if apart < 0.02 else 0.0)
    return result

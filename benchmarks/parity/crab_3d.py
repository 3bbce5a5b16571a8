"""Four H.E.S.S. runs on the Crab nebula from DL3 files to cubes, their stacked and joint fits, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.crab_3d_more import (
    compare_at_best,
    compare_cube_flux_points,
    compare_held_position,
    compare_mask_variant,
    compare_responses_of_run,
    compare_scan,
    compare_significance,
)
from benchmarks.parity.cube_inputs import empty_cube, exclusion_mask, read_runs, reduce_runs, stack
from benchmarks.parity.cubes import (
    compare_cube,
    compare_cube_fit,
    compare_fineness,
    compare_start,
    cube_models,
    free_rows,
    likelihood_statistic,
    per_bin,
)
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.reference_recipe import ReferenceRecipe
from benchmarks.parity.report import Report
from benchmarks.speed.cube_cases import RECIPES
from gjax.datasets import MapDataset

RECIPE = RECIPES["crab_3d"]
CRAB = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")


def reduce(inputs: Inputs) -> tuple[list[MapDataset], list[MapDataset], MapDataset, Any]:
    """Return the runs before and after their background is scaled, the stack of these, and the exclusion mask."""
    inputs.file(RECIPE["store"])
    raw, scaled = reduce_runs(RECIPE, read_runs(RECIPE, inputs.data))
    return raw, scaled, stack(RECIPE, scaled), exclusion_mask(RECIPE, empty_cube(RECIPE))


def compare_run(report: Report, raw: MapDataset, scaled: MapDataset, reference: dict[str, Any]) -> None:
    """Compare one run before and after the fit of its background."""
    name = raw.name
    ny, nx = raw.counts.data.shape[-2:]
    report.exact(f"{name}: pixels", [nx, ny], reference["cutout_npix_xy"])
    report.exact(f"{name}: counts", per_bin(raw.counts), reference["counts_per_ebin"])
    report.exact(
        f"{name}: counts in the mask", raw.counts.data[raw.mask_safe.data].sum(), reference["counts_masked_sum"]
    )
    report.exact(f"{name}: safe pixels", per_bin(raw.mask_safe), reference["mask_safe_per_ebin"])
    report.relative(f"{name}: background", per_bin(raw.background), reference["background_per_ebin"], 1e-3)
    total = reference["background_sum_before_fov"]
    report.relative(f"{name}: background before scaling", raw.background.data.sum(), total, 1e-3)
    crab = raw.exposure.get_by_coord({"skycoord": CRAB, "energy_true": raw.exposure.geom.axes["energy_true"].center})
    report.relative(f"{name}: exposure at the Crab nebula", np.ravel(crab), reference["exposure_at_crab"], 1e-3)
    report.relative(f"{name}: background scaled", scaled.background.data.sum(), reference["npred_background_sum"], 1e-3)
    norm, error = scaled.meta["bkg_norm"], scaled.meta["bkg_norm_err"]
    report.sigmas(f"{name}: norm of the background", norm, reference["fov_norm"], reference["fov_norm_err"], 0.05)
    report.relative(f"{name}: error of the norm", error, reference["fov_norm_err"], 0.02)
    livetime: Any = raw.livetime
    report.relative(f"{name}: live time", livetime.to_value("s"), reference["livetime_s"], 1e-6)
    exposure = raw.exposure.quantity.to_value(reference["exposure_unit"])
    report.relative(f"{name}: total exposure", exposure.sum(), reference["exposure_sum_m2s"], 1e-3)


def compare_reduction(report: Report, reduced: Any, reference: dict[str, Any]) -> None:
    """Compare runs and stack."""
    raw, scaled, stacked, exclusion = reduced
    excluded = np.sum(~np.asarray(exclusion.data, bool))
    report.exact("pixels excluded", excluded, reference["exclusion_mask_excluded_pixels"])
    for before, after, theirs in zip(raw, scaled, reference["per_run"], strict=True):
        compare_run(report, before, after, theirs)
    compare_cube(report, stacked, reference["stacked"], CRAB)
    report.absolute("stacked: good time", stacked.gti.time_sum.to_value("s"), reference["stacked"]["gti_s"], 1e-3)


def compare_joint(report: Report, runs: list[MapDataset], inputs: Inputs, reference: dict[str, Any]) -> None:
    """Compare the joint fit of the runs with a norm and a tilt each; errors are of HESSE."""
    fit = inputs.json("crab_3d_joint_hesse.json")["fit_lonlat_error_0.01"]
    models = cube_models(fit["start_models"])
    likelihood, recipe = gjax.Likelihood(runs, models), ReferenceRecipe(runs, models).statistic()
    exact = likelihood_statistic(likelihood)
    for name, statistic in reference["joint_stat_start_per_run"].items():
        note = f"exact integrals give {exact[name]:.3f}"
        report.absolute(f"joint: recipe: statistic of {name} at the start", recipe[name], statistic, 0.03, note)
    compare_cube_fit(report, "joint norm tilt", runs, fit)
    compare_cube_fit(report, "joint norm", runs, reference["fit_joint4_norm"])


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` reduces the data and fits the stacked cube with a point source only."""
    reference = inputs.json("crab_3d.json")
    reduced = reduce(inputs)
    compare_reduction(report, reduced, reference)
    raw, _, stacked, _ = reduced
    likelihood = gjax.Likelihood(stacked, cube_models(reference["fit_stacked_norm"]["start_models"]))
    compare_start(report, "stacked start", likelihood, reference["stacked_at_start"], stacked)
    parts, allowed = ((1, 3), 0.3) if quick else ((1, 3, 9), 0.05)
    compare_fineness(report, "stacked start", likelihood, stacked, parts=parts, allowed=allowed)
    fit = reference["fit_stacked_norm"]
    compare_cube_fit(report, "stacked norm", stacked, fit, mixed=not quick)
    compare_responses_of_run(report, inputs, RECIPE, reference["irf_raw_obs23523"])
    norm = free_rows(fit)["stacked-bkg.spectral.norm"][0]
    compare_significance(report, stacked, norm, reference["excess_map"])
    if quick:
        return
    compare_at_best(report, "stacked best", stacked, fit, fit["at_optimum"])
    compare_mask_variant(report, inputs, RECIPE, reference["variant_aeff_max10"])
    compare_held_position(report, stacked, fit, inputs.json("crab_3d_steps.json"))
    compare_scan(report, stacked, fit, inputs.json("crab_3d_path.json"), 8)
    compare_cube_flux_points(report, stacked, fit, reference["flux_points_stacked"])
    compare_cube_fit(report, "stacked norm tilt", stacked, reference["fit_stacked_norm_tilt"])
    compare_cube_fit(report, "stacked gauss", stacked, reference["fit_stacked_gauss_norm"])
    compare_joint(report, raw, inputs, reference)

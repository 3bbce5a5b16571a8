"""Comparisons that several cases share: reduced spectra, predictions, statistics and flux points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.parity.quadrature import with_reference_rule
from benchmarks.parity.report import Report

__all__ = ["compare_flux_points", "compare_npred", "compare_reduced", "compare_start", "flat"]


def flat(values: Any) -> np.ndarray:
    """Return the numbers of a map or an array along the energy axis."""
    return np.asarray(getattr(values, "data", values), dtype=float).ravel()


def compare_reduced(
    report: Report, dataset: Any, reference: dict[str, Any], *, allowed: float = 1e-3, single: bool = False
) -> None:
    """Compare a reduced on-off spectrum with the reference: counts and thresholds exactly, responses to ``allowed``.

    ``single`` says that the reference summed acceptances in single precision.
    """
    name = dataset.name
    report.exact(f"{name}: counts", flat(dataset.counts), reference["counts_per_ebin"])
    report.exact(f"{name}: off counts", flat(dataset.counts_off), reference["counts_off_per_ebin"])
    if dataset.mask_safe is not None:
        report.exact(f"{name}: safe bins", flat(dataset.mask_safe), reference["mask_safe_per_ebin"])
    for key in ("acceptance", "acceptance_off"):
        label, ours = f"{name}: {key.replace('_', ' ')}", flat(getattr(dataset, key))
        if single:
            report.relative(label, ours, reference[key], 1e-6, "the reference sums in single precision")
        else:
            report.exact(label, ours, reference[key])
    exposure = flat(dataset.exposure.quantity.to_value(reference["exposure_unit"]))
    stride = reference.get("exposure_stride", 1)
    report.relative(
        f"{name}: exposure", exposure[::stride][: len(reference["exposure"])], reference["exposure"], allowed
    )
    report.relative(f"{name}: total exposure", exposure.sum(), reference["exposure_sum"], allowed)
    matrix = np.asarray(dataset.edisp.pdf_matrix)
    row = matrix[reference["edisp_row_mid_index"]]
    # a probability of a bin is compared with the whole: 1e-3 of a bin that holds 1e-6 means nothing
    report.absolute(f"{name}: dispersion of one energy", row, reference["edisp_row_mid"], allowed)
    report.absolute(f"{name}: dispersion summed over reco", matrix.sum(1), reference["edisp_sum_over_reco"], allowed)
    over_true = np.asarray(reference["edisp_sum_over_true"], dtype=float)
    scale = np.maximum(over_true, 1.0)
    report.absolute(f"{name}: dispersion summed over true", matrix.sum(0) / scale, over_true / scale, allowed)


def compare_npred(report: Report, key: str, likelihood: Any, reference: dict[str, Any]) -> None:
    """Compare the predicted signal in the bins of the fit, with the integrals that the reference takes."""
    exact = likelihood.npred_signal()
    same_rule = likelihood.with_models(with_reference_rule(likelihood.models, likelihood.datasets)).npred_signal()
    for dataset in likelihood.datasets:
        inside = flat(dataset.mask).astype(bool)
        ours, theirs = flat(same_rule[dataset.name])[inside], np.asarray(reference[dataset.name], dtype=float)[inside]
        worst = np.max(np.abs(flat(exact[dataset.name])[inside] / theirs - 1))
        note = "" if worst < 1e-4 else f"integrated as in the reference; exact integrals differ by up to {worst:.1e}"
        report.relative(f"{key} {dataset.name}: npred", ours, theirs, 1e-4, note)
        report.relative(f"{key} {dataset.name}: total npred", ours.sum(), theirs.sum(), 1e-4)


def compare_start(report: Report, name: str, likelihood: Any, reference: float) -> None:
    """Compare the statistic at the start values, with the integrals that the reference takes there."""
    models = with_reference_rule(likelihood.models, likelihood.datasets)
    exact, same_rule = likelihood.stat_sum(), likelihood.with_models(models).stat_sum()
    note = "" if exact == same_rule else f"integrated as in the reference; with exact integrals {exact:.4f}"
    report.absolute(f"{name}: statistic at the start", same_rule, reference, 0.01, note)


def compare_flux_points(
    report: Report, name: str, points: Any, table: dict[str, Any], columns: Sequence[str] = ()
) -> None:
    """Compare flux points with a table of the reference: TS to 1 %, fluxes to 0.03 of their error, errors to 2 %."""
    ours = points.to_table(sed_type="dnde")
    success = np.asarray(table["success"], dtype=bool)
    report.exact(f"{name}: bins with a flux", np.isfinite(np.asarray(ours["dnde"], dtype=float)), success)
    error, counts = np.asarray(table["dnde_err"], dtype=float), np.sum(np.asarray(table["counts"], dtype=float), axis=1)
    # without an on count the statistic has a kink at zero flux and no second derivative
    curved = success & (counts > 0)
    for key in columns or ("dnde", "dnde_err", "dnde_errp", "dnde_errn", "dnde_ul", "ts", "sqrt_ts"):
        used = curved if key == "dnde_err" else success
        values = ours[key]
        values = values.to_value("cm-2 s-1 TeV-1") if getattr(values, "unit", None) else values
        mine, theirs = np.asarray(values, dtype=float)[used], np.asarray(table[key], dtype=float)[used]
        label = f"{name}: {key}"
        if key == "dnde":
            sigma = np.where(curved, error, np.asarray(table["dnde_errp"], dtype=float))[used]
            report.sigmas(label, mine, theirs, sigma, 0.03)
        elif key in ("ts", "sqrt_ts"):
            scale = np.maximum(np.abs(theirs), 1.0)
            report.absolute(label, mine / scale, theirs / scale, 0.01, "divided by the value where that is above 1")
        else:
            left_out = "bins without an on count have no second derivative" if np.any(used != success) else ""
            report.relative(label, mine, theirs, 0.02, left_out)

"""Five cubes of HAWC around the Crab nebula, one per bin of event size: reading and joint fits, beside Gammapy 2.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.cubes import compare_cube, compare_cube_fit, compare_fineness, compare_start, cube_models
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.report import Report
from gjax.datasets import Datasets

CRAB = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")


def compare_good_time(report: Report, dataset: Any, reference: dict[str, Any]) -> None:
    """Compare good time in days: the files hold overlapping intervals."""
    report.relative(f"{dataset.name}: good time", dataset.gti.time_sum.to_value("s"), reference["gti_s"], 1e-3)


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` compares the datasets and the statistic at the start."""
    reference = inputs.json("hawc.json")
    datasets = Datasets.read(inputs.file("hawc/DL4/HAWC_pass4_public_Crab.yaml"))
    for dataset, theirs in zip(datasets, reference["datasets"], strict=True):
        compare_cube(report, dataset, theirs, CRAB)
        compare_good_time(report, dataset, theirs)
    fits = reference["fits"]
    likelihood = gjax.Likelihood(datasets, cube_models(fits["point_lp_no_bkg_free"]["start_models"]))
    for dataset, theirs in zip(datasets, reference["datasets"], strict=True):
        compare_start(report, f"{dataset.name} start", likelihood, theirs, dataset)
    total = float(np.sum([theirs["stat_sum"] for theirs in reference["datasets"]]))
    report.absolute("reference: statistics add up", total, fits["point_lp_no_bkg_free"]["stat_start"], 1e-2)
    compare_fineness(report, "nHit-5 start", likelihood, datasets[0], parts=(1, 3), allowed=0.1)
    if quick:
        return
    for key in ("point_lp_no_bkg_free", "point_lp_norms"):
        compare_cube_fit(report, key, datasets, fits[key])

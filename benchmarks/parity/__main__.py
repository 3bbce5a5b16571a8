"""Command line: ``python -m benchmarks.parity CASE [--reference FOLDER] [--json OUT]``.

Exit codes: 0 all within tolerance, 1 something is out, 2 usage, missing data or missing reference.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

CASES = {
    "ogip_joint_crab": "ten public OGIP spectra of five instruments, Nigro et al. 2019 (arXiv 1903.06621)",
    "crab_1d": "four H.E.S.S. Crab runs from DL3 to flux points, beside Gammapy 2.1",
    "crab_1d_nuts": "posterior of the log parabola on crab_1d, beside profile likelihoods and other samplers",
    "magic_rad_max": "two MAGIC runs with energy-dependent on regions, beside Gammapy 2.1",
    "flux_points_fit": "fits to published flux points, beside Gammapy 2.1",
    "crab_3d": "four H.E.S.S. Crab runs as cubes, from DL3 to stacked and joint fits, beside Gammapy 2.1",
    "cta_1dc_gc_3d": "three CTA runs on the Galactic centre, from DL3 to stacked and joint fits, beside Gammapy 2.1",
    "fermi_gc_3d": "Fermi-LAT at the Galactic centre above 10 GeV, beside Gammapy 2.1",
    "joint_scaling": "joint fits of 1 to 8 simulated cubes with a norm each, beside Gammapy 2.1",
    "round_trip": "a stacked cube and its models between gjax and Gammapy 2.1, both ways",
    "maps": "excess and TS maps, profiles and smoothing of the Crab cube, pixel by pixel, with Gammapy 2.1 at work",
    "simulate_cta": "sensitivity of CTA from its responses, beside Gammapy 2.1",
    "hawc": "five cubes of HAWC around the Crab nebula and their joint fit, beside Gammapy 2.1",
    "pks2155_lightcurve": "light curves of the H.E.S.S. flares of PKS 2155-304, beside Gammapy 2.1",
    "emission": "models of particles at random parameters, beside naima 0.10",
    "models": "every spectral, spatial and temporal model at random parameters, beside Gammapy 2.1",
}
REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference"


def parser() -> argparse.ArgumentParser:
    """Return the command line parser."""
    out = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__.splitlines()[0])
    out.add_argument("case", metavar="CASE", choices=[*CASES, "all", "list"], help=", ".join([*CASES, "all", "list"]))
    out.add_argument("--reference", default=str(REFERENCE), help="folder of reference results (default: %(default)s)")
    out.add_argument("--json", metavar="OUT", help="also write the rows to this file")
    out.add_argument("--only-bad", action="store_true", help="print only rows that are out")
    out.add_argument("--quick", action="store_true", help="run a part of each case, in seconds")
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cases and return the exit code."""
    options = parser().parse_args(arguments)
    if options.case == "list":
        for name, text in CASES.items():
            print(f"{name:<18} {text}")
        return 0

    import gjax
    from benchmarks.parity.inputs import InputError, Inputs
    from benchmarks.parity.report import Report

    gjax.enable_x64()
    try:
        inputs = Inputs.find(options.reference)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    reports, missing = [], False
    for case in CASES if options.case == "all" else [options.case]:
        report, start = Report(case), time.perf_counter()
        try:
            importlib.import_module(f"benchmarks.parity.{case}").run(inputs, report, quick=options.quick)
        except InputError as error:
            print(f"error: {case}: {error}", file=sys.stderr)
            missing = True
        except Exception as error:
            traceback.print_exc()
            report.truth("case ran to its end", False, f"{type(error).__name__}: {error}")
        report.info["wall_s"] = round(time.perf_counter() - start, 2)
        reports.append(report)
        print(report.format(only_bad=options.only_bad), flush=True)
    if options.json:
        data = {
            "gjax": gjax.__version__,
            "quick": options.quick,
            "loadavg": os.getloadavg(),
            "cases": [report.to_dict() for report in reports],
        }
        Path(options.json).write_text(json.dumps(data, indent=1, allow_nan=False))
    if missing:
        return 2
    return 0 if all(report.ok for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())

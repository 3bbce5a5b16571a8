"""Command line: ``python -m benchmarks.speed CASE [--gammapy-python PYTHON] [--quick] [--json OUT]``.

Times every phase in fresh processes (cold) and by repeated calls (warm), gjax beside Gammapy 2.1 in an environment of
its own, and prints both with their ratio and with the agreement reached. Run it on a machine that does nothing else.
Exit codes: 0 done, 1 a script failed, 2 usage, missing data or no environment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.cube_cases import CUBES
from benchmarks.speed.environment import gammapy_python, machine
from benchmarks.speed.measure import ScriptError, cold, import_time, prepare, warm
from benchmarks.speed.table import agreement, format_table, memory, phases

CASES = {
    "crab_1d": "four H.E.S.S. runs from DL3 files to fits, flux points and a posterior",
    "ogip_joint_crab": "joint fit of ten OGIP spectra of five instruments",
    "crab_3d": "four H.E.S.S. runs from DL3 files to cubes, files of cubes, stacked and joint fits",
    "cta_1dc_gc_3d": "three CTA runs on the Galactic centre from DL3 files to cubes and fits",
    "fermi_gc_3d": "a cube of Fermi-LAT at the Galactic centre, read and fitted",
    "hawc": "five cubes of HAWC around the Crab nebula, read and fitted",
    "models": "value and gradient of every spectral model on 100 energies, beside Gammapy's value",
    "joint_scaling": "joint fits of 1 to 16 simulated cubes with a norm each",
    "pks2155_lightcurve": "21 H.E.S.S. runs on flares of PKS 2155-304 from DL3 files to light curves",
}

#: Cases that are timed in one process, beside another program than Gammapy.
OTHERS = {
    "emission": "models of particles: value and derivatives on 100 energies, beside naima",
    "inference": "posteriors by NUTS of crab_1d and crab_3d, ten thousand toys, profiles of cta_1dc_gc_3d",
}


def parser() -> argparse.ArgumentParser:
    """Return the command line parser."""
    out = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    out.add_argument(
        "case", metavar="CASE", choices=[*CASES, *OTHERS, "list"], help=", ".join([*CASES, *OTHERS, "list"])
    )
    out.add_argument(
        "--gammapy-python", help="interpreter with Gammapy 2.1 (default: GAMMAPY_PYTHON, or one made once)"
    )
    out.add_argument("--no-gammapy", action="store_true", help="time gjax only")
    out.add_argument(
        "--quick",
        action="store_true",
        help="fewer repeats; Gammapy's flux points in three bands only, scaled to all; of cubes only the first fit",
    )
    out.add_argument("--repeats", type=int, help="repeated calls of the slow phases (default 5, quick 2)")
    out.add_argument("--cold-runs", type=int, help="processes of each kind (default 3, quick 1 with cubes)")
    out.add_argument("--json", metavar="OUT", help="write everything to this file")
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Time a case and return the exit code."""
    options = parser().parse_args(arguments)
    if options.case == "list":
        for name, text in (CASES | OTHERS).items():
            print(f"{name:<18} {text}")
        return 0
    if options.case == "emission":
        return _emission(options)
    if options.case == "inference":
        return _inference(options)
    if not os.path.isdir(os.environ.get("GAMMAPY_DATA", "")):
        print("error: GAMMAPY_DATA must name the folder of the data", file=sys.stderr)
        return 2
    try:
        other = None if options.no_gammapy else gammapy_python(options.gammapy_python)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    cold_runs = options.cold_runs or (1 if options.quick and options.case in CUBES else 3)
    repeats = options.repeats or (2 if options.quick else 5)
    out = {"case": options.case, "quick": options.quick, "machine": machine()}
    try:
        out["import_gjax_s"] = import_time("gjax", sys.executable, 5)
        if other:
            out["import_gammapy_s"] = import_time("gammapy", other, 3)
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as inputs:
            more = prepare(options.case, sys.executable, inputs, options.quick)
            kinds = {"gjax": ("gjax", sys.executable, ""), "gjax, compilation cache": ("gjax", sys.executable, folder)}
            if other:
                kinds["gammapy"] = ("gammapy", other, "")
            out["cold"] = cold(options.case, kinds, cold_runs, more)
            out["warm"] = {"gjax": warm("gjax", options.case, sys.executable, repeats, options.quick, more)}
            if other:
                out["warm"]["gammapy"] = warm("gammapy", options.case, other, repeats, options.quick, more)
    except ScriptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    out["phases"] = phases(out)
    out["memory"] = memory(out)
    out["agreement"] = agreement(out)
    out["machine"]["loadavg_end"] = os.getloadavg()
    print(format_table(out))
    if options.json:
        Path(options.json).write_text(json.dumps(out, indent=1))
    return 0


def _emission(options: argparse.Namespace) -> int:
    """Time the models of particles beside naima, which need neither data nor Gammapy."""
    from benchmarks.speed.emission import run

    try:
        out = run(quick=options.quick) | {"machine": machine()}
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        Path(options.json).write_text(json.dumps(out, indent=1))
    return 0


def _inference(options: argparse.Namespace) -> int:
    """Time posteriors, toys and profiles; what they are compared with is stored with the reference results."""
    from benchmarks.parity.inputs import InputError
    from benchmarks.speed.inference import run

    try:
        out = run(quick=options.quick) | {"machine": machine()}
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        Path(options.json).write_text(json.dumps(out, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

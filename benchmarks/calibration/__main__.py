"""Command line: ``python -m benchmarks.calibration CASE [--part PART] [--json OUT] [--quick]``.

Exit codes: 0 all inside of their bands, 1 something is out, 2 usage or missing data.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CASES = {
    "flux_points": "coverage of errors and limits of flux points, their covariance, and TS maps of empty fields",
    "forecast": "expected errors against toys, derivatives by the design, limits against Monte Carlo",
    "joint_priors": "NUTS with populations, processes and blocks as priors, beside closed forms",
    "morphology": "tests of shapes that change with energy",
    "robustness": "fits from far starts on crab_1d, crab_3d and cta_1dc_gc_3d",
    "sbc": "simulation-based calibration of NUTS: spectra, a cube, nuisances",
    "toys": "10 000 toys of on-off spectra, 1000 of a cube: pulls, coverage, limits, test statistics",
}


def parser() -> argparse.ArgumentParser:
    """Return the command line parser."""
    out = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__.splitlines()[0])
    out.add_argument("case", metavar="CASE", choices=[*CASES, "all", "list"], help=", ".join([*CASES, "all", "list"]))
    out.add_argument("--json", metavar="OUT", help="also write the rows to this file")
    out.add_argument("--part", metavar="PART", help="run one part of a case: a word of its rows, see its file")
    out.add_argument("--quick", action="store_true", help="a tenth of the toys")
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run cases and return the exit code."""
    options = parser().parse_args(arguments)
    if options.case == "list":
        for name, text in CASES.items():
            print(f"{name:<18} {text}")
        return 0

    import gjax
    from benchmarks.calibration.table import Table
    from gjax.errors import MissingDataError

    gjax.enable_x64()
    tables = []
    for case in CASES if options.case == "all" else [options.case]:
        table, start = Table(case), time.perf_counter()
        try:
            module = importlib.import_module(f"benchmarks.calibration.{case}")
            parts = getattr(module, "PARTS", ())
            if options.part is not None and options.part not in parts:
                print(f"error: {case}: --part: expected one of {', '.join(parts) or 'none'}", file=sys.stderr)
                return 2
            given = {} if options.part is None else {"parts": (options.part,)}
            module.run(table, quick=options.quick, **given)
        except MissingDataError as error:
            print(f"error: {case}: {error}", file=sys.stderr)
            return 2
        table.info["wall_s"] = round(time.perf_counter() - start, 2)
        tables.append(table)
        print(table.format(), flush=True)
    if options.json:
        data = {"gjax": gjax.__version__, "quick": options.quick, "cases": [table.to_dict() for table in tables]}
        Path(options.json).write_text(json.dumps(data, indent=1, allow_nan=False))
    return 0 if all(table.ok for table in tables) else 1


if __name__ == "__main__":
    sys.exit(main())

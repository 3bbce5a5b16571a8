"""Runs the timing scripts in processes of their own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.script_tools import MARK

__all__ = ["ScriptError", "cold", "import_time", "warm"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class ScriptError(RuntimeError):
    """A timing script failed."""


def environment(side: str) -> dict[str, str]:
    """Return the environment of a script; only gjax scripts see this repository."""
    out = dict(os.environ)
    # a compilation cache that the user keeps would make cold processes warm
    for name in ("PYTHONPATH", "GJAX_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR"):
        out.pop(name, None)
    if side == "gjax":
        out["PYTHONPATH"] = str(ROOT)
    return out


def run_script(side: str, case: str, python: str, *options: str) -> dict[str, Any]:
    """Run a script and return what it measured.

    Raises
    ------
    ScriptError
        If it fails or prints no result; the message holds the end of its output.
    """
    script = str(HERE / f"{side}_{case}.py")
    command = [python, script, "--started", repr(time.time()), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(side))
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise ScriptError(f"{script} ended with code {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")
    return json.loads(lines[-1].removeprefix(MARK))


def cold(side: str, case: str, python: str, runs: int, *, cache: str = "") -> dict[str, Any]:
    """Return medians over fresh processes; with a cache, after one process that filled it."""
    options = ["--mode", "cold", *(["--cache", cache] if cache else [])]
    # the first process finds files that are not in memory yet, or fills the cache: it does not count
    run_script(side, case, python, *options)
    found = [run_script(side, case, python, *options) for _ in range(runs)]
    first = {name: statistics.median(run["first"][name] for run in found) for name in found[0]["first"]}
    return {"first": first, "loadavg": found[-1]["loadavg"], "runs": [run["first"] for run in found]}


def warm(side: str, case: str, python: str, repeats: int, quick: bool) -> dict[str, Any]:
    """Return everything that one long process measured."""
    options = ["--mode", "warm", "--repeats", str(repeats), *(["--quick"] if quick else [])]
    return run_script(side, case, python, *options)


def import_time(module: str, python: str, runs: int) -> float:
    """Return the median time of an import in a fresh process, without the start of the interpreter."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    times = []
    for _ in range(runs):
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, env=environment("gjax" if module == "gjax" else "")
        )
        if done.returncode:
            raise ScriptError(f"cannot import {module}: {done.stderr[-500:]}")
        times.append(float(done.stdout.split()[-1]))
    return statistics.median(times)

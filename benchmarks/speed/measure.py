"""Runs the timing scripts in processes of their own."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.cube_cases import CUBES
from benchmarks.speed.script_tools import MARK

__all__ = ["ScriptError", "cold", "import_time", "prepare", "script_of", "warm"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class ScriptError(RuntimeError):
    """A timing script failed."""


def environment(side: str) -> dict[str, str]:
    """Return the environment of a script; only gjax scripts see this repository."""
    out = dict(os.environ)
    # a compilation cache that the user keeps would make cold processes warm; the byte code of modules is kept by the
    # first process, as an installation does it
    for name in ("PYTHONPATH", "GJAX_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "PYTHONDONTWRITEBYTECODE"):
        out.pop(name, None)
    if side == "gjax":
        out["PYTHONPATH"] = str(ROOT)
    return out


def script_of(side: str, case: str) -> Path:
    """Return the script of a case: its own, or the one of all cases with cubes."""
    own = HERE / f"{side}_{case}.py"
    return own if case not in CUBES or own.is_file() else HERE / f"{side}_cube_case.py"


def prepare(case: str, python: str, folder: str, quick: bool) -> list[str]:
    """Make what both sides of a case need in a folder, if it needs anything; return options for its scripts."""
    script = HERE / f"prepare_{case}.py"
    if not script.is_file():
        return []
    command = [python, str(script), folder, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment("gjax"))
    if done.returncode:
        raise ScriptError(f"{script} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    return ["--inputs", folder]


def run_script(side: str, case: str, python: str, *options: str) -> dict[str, Any]:
    """Run a script and return what it measured.

    Raises
    ------
    ScriptError
        If it fails or prints no result; the message holds the end of its output.
    """
    script = str(script_of(side, case))
    command = [python, script, "--started", repr(time.time()), "--case", case, *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(side))
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise ScriptError(f"{script} ended with code {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")
    return json.loads(lines[-1].removeprefix(MARK))


def cold(
    case: str, kinds: dict[str, tuple[str, str, str]], runs: int, more: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return medians over fresh processes, which take turns so that a busy moment hits all kinds alike.

    Parameters
    ----------
    case
        Name of the case.
    kinds
        Name of a kind to side, interpreter, and folder of a compilation cache or "".
    runs
        Number of processes of each kind; one more goes before, which fills file system and compilation caches.
    more
        More options of the scripts.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in kinds}
    for number in range(runs + 1):
        for name, (side, python, cache) in kinds.items():
            run = run_script(side, case, python, "--mode", "cold", *(["--cache", cache] if cache else []), *more)
            if number:
                found[name].append(run)
    out = {}
    for name, done in found.items():
        first, least = (
            {phase: pick(run["first"][phase] for run in done) for phase in done[0]["first"]}
            for pick in (statistics.median, min)
        )
        peak = statistics.median(run.get("peak_memory_mib", math.nan) for run in done)
        out[name] = {"first": first, "least": least, "peak_memory_mib": peak, "runs": done}
    return out


def warm(side: str, case: str, python: str, repeats: int, quick: bool, more: Sequence[str] = ()) -> dict[str, Any]:
    """Return everything that one long process measured."""
    options = ["--mode", "warm", "--repeats", str(repeats), *(["--quick"] if quick else [])]
    return run_script(side, case, python, *options, *more)


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

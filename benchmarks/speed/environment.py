"""An interpreter with the reference package, made once and kept in a cache folder; and a description of the machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["gammapy_python", "machine"]

PACKAGES = ("gammapy==2.1", "regions<0.12", "iminuit")


def cache_folder() -> Path:
    """Return the folder in which the benchmarks keep things between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "gjax-benchmarks"


def has_gammapy(python: str | os.PathLike[str]) -> bool:
    """Tell whether an interpreter can find Gammapy and iminuit."""
    test = "import importlib.util as i, sys; sys.exit(not (i.find_spec('gammapy') and i.find_spec('iminuit')))"
    try:
        return subprocess.run([os.fspath(python), "-c", test], capture_output=True).returncode == 0
    except OSError:
        return False


def gammapy_python(given: str | None = None) -> str:
    """Return an interpreter that has Gammapy 2.1: the one given or named by GAMMAPY_PYTHON, or one made for it.

    Raises
    ------
    RuntimeError
        If the interpreter given has no Gammapy, or the environment cannot be made.
    """
    given = given or os.environ.get("GAMMAPY_PYTHON")
    if given:
        if not has_gammapy(given):
            raise RuntimeError(
                f"{given} has no gammapy and iminuit; leave --gammapy-python and GAMMAPY_PYTHON out to make one"
            )
        return given
    folder = cache_folder() / "gammapy-2.1"
    python = folder / "bin" / "python"
    if has_gammapy(python):
        return str(python)
    print(f"making an environment with {', '.join(PACKAGES)} in {folder} (once)", file=sys.stderr, flush=True)
    part = folder.with_name(folder.name + f".part-{os.getpid()}")
    try:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        ):
            subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        # keep nothing half made, but keep it out of the way first: removal may be slow
        if folder.exists():
            folder.rename(part)
            shutil.rmtree(part, ignore_errors=True)
        raise RuntimeError(f"cannot make an environment with Gammapy: {error}") from error
    return str(python)


def machine() -> dict[str, Any]:
    """Describe the machine and how busy it is."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": model,
        "cores": cores,
        "system": platform.platform(),
        "python": platform.python_version(),
        "loadavg": os.getloadavg(),
    }

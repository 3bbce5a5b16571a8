"""Clock and output of the timing scripts; plain Python, because both interpreters use it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["MARK", "Clock", "options", "peak_memory"]

MARK = "TIMING-RESULT "


def options() -> argparse.Namespace:
    """Return the options that the driver passes to a script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["cold", "warm"], required=True)
    parser.add_argument("--started", type=float, default=time.time())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cache", default="")
    parser.add_argument("--case", default="", help="name of a case with cubes; others have scripts of their own")
    parser.add_argument("--inputs", default="", help="folder of what was prepared for a case")
    return parser.parse_args()


def peak_memory() -> float:
    """Return the most memory that this process held so far [MiB]; NaN where the system does not tell."""
    try:
        import resource
    except ImportError:
        return float("nan")
    # kibibytes, but bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


class Clock:
    """Collects times of named phases: the first call, and repeated calls; and the peak memory after each.

    Parameters
    ----------
    started
        When the process was started [s since the epoch], as the driver saw it.
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self.first: dict[str, float] = {}
        self.warm: dict[str, list[float]] = {}
        self.data: dict[str, Any] = {}
        self.fits: dict[str, Any] = {}
        self.peak_after: dict[str, float] = {}

    def _note(self, name: str, seconds: float) -> None:
        self.first[name] = seconds
        self.peak_after[name] = peak_memory()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a block that runs once."""
        start = time.perf_counter()
        yield
        self._note(name, time.perf_counter() - start)

    def call(self, name: str, function: Callable[[], Any], repeats: int) -> Any:
        """Time a first call and ``repeats`` further ones; return what the first returned."""
        start = time.perf_counter()
        result = function()
        self._note(name, time.perf_counter() - start)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        if times:
            self.warm[name] = times
        return result

    def since_start(self, name: str) -> None:
        """Note the time since the process was started."""
        self.first[name] = time.time() - self.started
        # independent of what else the machine does: processor time of all threads until here
        self.data[f"{name}: processor time"] = time.process_time()

    def emit(self, **more: Any) -> None:
        """Print everything as one marked line of JSON."""
        memory = {"peak_memory_mib": peak_memory(), "peak_memory_after_mib": self.peak_after}
        times = {"first": self.first, "warm": self.warm, "loadavg": os.getloadavg()}
        data = {**times, "fits": self.fits, **memory, **self.data, **more}
        print(MARK + json.dumps(data), flush=True)

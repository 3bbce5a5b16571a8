"""naima: time of the flux of radiative models and of its derivatives by finite differences; reads and writes JSON.

Runs in an interpreter that has naima, without gjax: ``{"cases": ..., "repeats": ...}`` on standard input.
"""

import copy
import json
import statistics
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "parity"))

from emission_naima import model_of


def places(case):
    """Return where the parameters of a case are: mapping or list, and key."""
    particles = case["particles"][1]
    found = [(particles, key) for key in particles if key != "e_0"]
    found += [(case, key) for key in ("B", "n0", "n_h", "radius") if key in case]
    return found + [(row, k) for row in case.get("photon_fields", []) for k in (2, 3)]


def derivatives(case):
    """Return how often naima was called for the flux and its derivatives by forward differences."""
    model_of(case)(case["energy"])
    count = len(places(case))
    for number in range(count):
        changed = copy.deepcopy(case)
        holder, key = places(changed)[number]
        holder[key] *= 1 + 1e-4
        model_of(changed)(changed["energy"])
    return 1 + count


def timed(function, repeats):
    """Return the median time of calls, after a first one."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main():
    """Time the cases."""
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    rows = []
    for case in asked["cases"]:
        value = timed(lambda case=case: model_of(case)(case["energy"]), asked["repeats"])
        gradient = timed(lambda case=case: derivatives(case), max(1, asked["repeats"] // 3))
        rows.append({"value_s": value, "gradient_s": gradient, "calls": 1 + len(places(case))})
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()

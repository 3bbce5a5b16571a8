"""Emission models beside naima 0.10: the flux at 100 energies, and with its derivatives by all parameters.

naima has no derivatives: finite differences call it once more per parameter. gjax is timed three ways: the flux, a sum
over the flux with its gradient (what a sampler needs), and the flux with the derivatives at every energy (what a fit
needs). The interpreter with naima is named by the environment variable NAIMA_PYTHON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["CASES", "run"]

_PARTICLES = [
    "ExpCutoffPowerLawParticles",
    {"amplitude": 1e36, "e_0": 1.0, "alpha": 2.5, "e_cutoff": 50.0, "beta": 1.0},
]
_CMB = ["CMB", "blackbody", 2.72548, 0.26055]
#: Model, what it needs, and the range of photon energies [TeV].
CASES: list[dict[str, Any]] = [
    {"model": "SynchrotronSpectralModel", "B": 100.0, "range": (1e-15, 1e-7)},
    {
        "model": "InverseComptonSpectralModel",
        "photon_fields": [_CMB, ["FIR", "blackbody", 30.0, 0.5], ["NIR", "blackbody", 3000.0, 1.0]],
        "range": (1e-9, 100),
    },
    {
        "model": "SynchrotronSelfComptonSpectralModel",
        "B": 100.0,
        "radius": 1.0,
        "photon_fields": [_CMB],
        "range": (1e-15, 100),
    },
    {"model": "BremsstrahlungSpectralModel", "n0": 1.0, "range": (1e-5, 100)},
    {"model": "PionDecaySpectralModel", "n_h": 1.0, "use_table": True, "range": (1e-4, 1e3)},
]


def _cases() -> list[dict[str, Any]]:
    import numpy as np

    out = []
    for row in CASES:
        case = {key: value for key, value in row.items() if key != "range"}
        energy = np.geomspace(*row["range"], 100).tolist()
        out.append(case | {"particles": _PARTICLES, "distance": 1.0, "energy": energy})
    return out


def _median(function: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Return the time of the first call and the median of others."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times[0], statistics.median(times[1:])


def _ours(case: dict[str, Any], repeats: int) -> dict[str, float]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    from benchmarks.parity.emission import model_of
    from gjax.parameters import fill, freeze_tree

    skeleton, table = freeze_tree(model_of(case))
    data = jax.device_put((np.asarray(table.values), np.array(case["energy"]), skeleton))

    def flux(theta: Any, energy: Any, skeleton: Any) -> Any:
        return fill(skeleton, theta).evaluate(energy)

    def total(theta: Any, energy: Any, skeleton: Any) -> Any:
        return jnp.sum(energy**2 * flux(theta, energy, skeleton))

    def with_jacobian(theta: Any, energy: Any, skeleton: Any) -> Any:
        return flux(theta, energy, skeleton), jax.jacfwd(flux)(theta, energy, skeleton)

    out = {}
    for name, function in (("value", flux), ("gradient", jax.value_and_grad(total)), ("jacobian", with_jacobian)):
        compiled = jax.jit(function)
        first, again = _median(lambda compiled=compiled: jax.block_until_ready(compiled(*data)), repeats)
        out |= {f"{name}_s": again, f"{name}_compile_s": first - again}
    return out


def _theirs(cases: list[dict[str, Any]], repeats: int) -> list[dict[str, float]]:
    python = os.environ.get("NAIMA_PYTHON")
    if not python:
        raise RuntimeError("the environment variable NAIMA_PYTHON must name a Python that has naima 0.10")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    script = Path(__file__).with_name("emission_naima.py")
    text = json.dumps({"cases": cases, "repeats": repeats})
    done = subprocess.run([python, str(script)], input=text, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{python} {script.name} ended with code {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def run(*, quick: bool = False) -> dict[str, Any]:
    """Time all models and print a table.

    Raises
    ------
    RuntimeError
        If there is no interpreter with naima.
    """
    import gjax

    gjax.enable_x64()
    cases = _cases()
    theirs = _theirs(cases, 3 if quick else 9)
    rows = []
    head = f"{'model, 100 energies [ms]':<38}{'value':>8}{'gradient':>10}{'jacobian':>10}{'naima':>9}{'naima FD':>10}"
    print(head + f"{'ratio':>9}{'ratio FD':>10}   first calls")
    for case, other in zip(cases, theirs):
        ours = _ours(case, 30 if quick else 200)
        slow = max(ours["gradient_s"], ours["jacobian_s"])
        ratios = other["value_s"] / slow, other["gradient_s"] / slow
        rows.append({"model": case["model"], **ours, **{f"naima_{k}": v for k, v in other.items()}})
        times = "".join(
            f"{1e3 * x:>{width}.3g}"
            for x, width in zip(
                (*(ours[f"{n}_s"] for n in ("value", "gradient", "jacobian")), other["value_s"], other["gradient_s"]),
                (8, 10, 10, 9, 10),
            )
        )
        compile_s = ", ".join(f"{ours[f'{n}_compile_s']:.2g}" for n in ("value", "gradient", "jacobian"))
        print(f"{case['model']:<38}{times}{ratios[0]:>9.3g}{ratios[1]:>10.3g}   {compile_s} s", flush=True)
    print("ratios: naima's value, and value with finite differences, to the slower of gradient and jacobian")
    return {"case": "emission", "loadavg": os.getloadavg(), "python": sys.version.split()[0], "rows": rows}

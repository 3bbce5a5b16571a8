"""How far fits are from what the machine can do: ``python -m benchmarks.roofline [CASE ...]``.

For every case the operations and bytes of one step of a fit (statistic, gradient, Fisher matrix) and of the Hessian
are counted in the compiled program; what one core can do is measured by multiplying matrices and by adding vectors.
There are two floors, each the larger of operations over rate and bytes over bandwidth. That of the program counts the
bytes that every fused kernel reads and writes, as if nothing stayed in a cache; that of the data counts every array of
the likelihood once, which is the least that an evaluation needs. Times are those of an evaluation among many in one
program, as in a fit; what a call from Python takes, which hands over a hundred arrays, is told apart. Observed cases
need ``GAMMAPY_DATA``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gjax
from benchmarks.parity.cube_inputs import cube_models, fitted, read_runs, reduce_runs, stack
from benchmarks.scaling import cube, likelihood_of
from benchmarks.speed.cube_cases import FILES, RECIPES, fits_of
from benchmarks.speed.environment import machine as describe
from benchmarks.speed.gjax_cubes import data, read_files
from gjax.likelihood import hessian, scoring_terms

CASES = {
    "small": ("one cube of 75 x 75 pixels, 1 000 photons", lambda: likelihood_of([cube("run", 1000, 1.5)])),
    "photons": ("one cube of 150 x 150 pixels, 30 000 photons", lambda: likelihood_of([cube("run", 30_000, 3.0)])),
    "joint": (
        "eight cubes of 100 x 100 pixels, 1 000 photons each",
        lambda: likelihood_of([cube(f"run-{i}", 1000, 2.0, seed=i) for i in range(8)]),
    ),
}


def observed(case: str, key: str) -> gjax.Likelihood:
    """Return the likelihood of a fit of `benchmarks.speed`."""
    fit = next(fit for fit in fits_of(case) if fit["key"] == key)
    if case in FILES:
        datasets = read_files(FILES[case])
    else:
        recipe = RECIPES[case]
        runs, scaled = reduce_runs(recipe, read_runs(recipe, data()))
        datasets = [fitted(recipe, stack(recipe, scaled))] if fit["group"] == "stacked" else runs
    return gjax.Likelihood(datasets, cube_models(fit["models"]))


OBSERVED = {
    "crab": ("four H.E.S.S. runs stacked, a Gaussian", lambda: observed("crab_3d", "stacked gauss")),
    "crab-joint": ("four H.E.S.S. runs, a point, norms and tilts", lambda: observed("crab_3d", "joint point")),
    "cta": ("three CTA runs stacked, two points", lambda: observed("cta_1dc_gc_3d", "stacked two points")),
    "hawc": ("five HAWC maps, a point and norms", lambda: observed("hawc", "point norms")),
    "fermi": ("a Fermi-LAT cube, a point", lambda: observed("fermi_gc_3d", "point")),
}
ALL = CASES | OBSERVED


def seconds(function: Callable[..., Any], *arguments: Any, repeats: int = 15) -> float:
    """Return the best time of a compiled function: what the machine can do, not what it did on average."""
    jax.block_until_ready(function(*arguments))
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - begin)
    return min(found)


#: How many evaluations a program makes one after the other.
_TURNS = 20


def repeated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that evaluates another many times, each where the one before was, but for rounding.

    Parameters
    ----------
    function
        Of a problem and a free vector.
    """

    def many(problem: Any, x: jax.Array) -> Any:
        def turn(_: Any, state: Any) -> Any:
            x, found = state
            # all that was found has a part in where the next is
            some = sum((leaf.ravel()[0] for leaf in jax.tree_util.tree_leaves(found)), start=jnp.zeros(()))
            return x * (1 + 1e-300 * jnp.tanh(some)), function(problem, x)

        return jax.lax.fori_loop(1, _TURNS, turn, (x, function(problem, x)))

    return many


def machine() -> tuple[float, float]:
    """Return operations per second and bytes per second that compiled programs reach here."""
    size = 1024
    matrix = jax.device_put(np.random.default_rng(0).normal(size=(size, size)))
    rate = 2 * size**3 / seconds(jax.jit(lambda a: a @ a), matrix)
    vector = jax.device_put(np.ones(20_000_000))
    return rate, 3 * vector.nbytes / seconds(jax.jit(jnp.add), vector, vector)


def rows(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was counted and measured for every case and program."""
    rate, bandwidth = machine()
    out = []
    for name in names:
        likelihood = ALL[name][1]()
        needed = sum(leaf.nbytes for leaf in jax.tree_util.tree_leaves(likelihood.problem))
        arguments = likelihood.problem, likelihood.start
        for what, function in (("step", scoring_terms), ("Hessian", hessian)):
            program = jax.jit(function).lower(*arguments).compile()
            cost = program.cost_analysis()
            operations, moved = cost["flops"], cost["bytes accessed"]
            special = cost.get("transcendentals", 0.0)
            floor, least = (max(operations / rate, size / bandwidth) for size in (moved, needed))
            taken = seconds(jax.jit(repeated(function)), *arguments) / _TURNS
            called = seconds(program, *arguments)
            out.append(
                {
                    "case": name,
                    "program": what,
                    "operations": operations,
                    "transcendentals": special,
                    "bytes": moved,
                    "bytes_of_data": needed,
                    "floor_ms": 1e3 * floor,
                    "floor_of_data_ms": 1e3 * least,
                    "ms": 1e3 * taken,
                    "ms_called": 1e3 * called,
                    "ratio": taken / floor,
                    "ratio_to_data": taken / least,
                }
            )
    return [{"rate": rate, "bandwidth": bandwidth, "cores": os.cpu_count()}, *out]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofline", description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(ALL))
    parser.add_argument("--json", metavar="OUT", help="also write the rows to this file")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.cases if name not in ALL]
    if unknown:
        parser.error(f"unknown case {unknown[0]!r}; there are: {', '.join(ALL)}")
    gjax.enable_x64()
    top, *found = rows(options.cases or list(ALL if "GAMMAPY_DATA" in os.environ else CASES))
    print(f"{top['rate'] / 1e9:.1f} Gflop/s, {top['bandwidth'] / 1e9:.1f} GB/s on {top['cores']} cores")
    print(
        f"{'case':<12}{'program':<9}{'Mflop':>9}{'MB':>9}{'data MB':>9}"
        f"{'ms':>9}{'called':>9}{'floor ms':>10}{'ratio':>7}{'of data':>10}{'ratio':>7}"
    )
    for row in found:
        print(
            f"{row['case']:<12}{row['program']:<9}{row['operations'] / 1e6:9.2f}{row['bytes'] / 1e6:9.2f}"
            f"{row['bytes_of_data'] / 1e6:9.2f}{row['ms']:9.2f}{row['ms_called']:9.2f}{row['floor_ms']:10.2f}"
            f"{row['ratio']:7.1f}{row['floor_of_data_ms']:10.2f}{row['ratio_to_data']:7.1f}"
        )
    if options.json:
        Path(options.json).write_text(json.dumps({"machine": describe(), "top": top, "rows": found}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

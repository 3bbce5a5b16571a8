"""Posteriors, toys and profiles in one process, beside what emcee and UltraNest reach on Gammapy's likelihood.

The rates of these are stored with the reference results: effective samples per second of the same posterior.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import jax

import gjax
from benchmarks.parity import crab_1d
from benchmarks.parity.crab_1d_nuts import PRIORS
from benchmarks.parity.cube_inputs import cube_models, fitted, read_runs, reduce_runs, stack
from benchmarks.parity.inputs import Inputs, models_of
from benchmarks.speed.cube_cases import RECIPES, fits_of
from gjax.parameters import GaussianPrior, LogUniformPrior, UniformPrior

__all__ = ["run"]

#: Priors of the source of crab_3d; positions [deg] are far inside of theirs.
CUBE_PRIORS = {
    "index": UniformPrior(1, 5),
    "amplitude": LogUniformPrior(1e-12, 1e-9),
    "lon_0": GaussianPrior(83.63, 0.1),
    "lat_0": GaussianPrior(22.01, 0.1),
    "sigma": UniformPrior(0, 0.3),
    "norm": UniformPrior(0.2, 5),
}


def _time(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a function returns, its seconds, and the processor time of all threads."""
    begin, used = time.perf_counter(), time.process_time()
    out = function()
    return out, time.perf_counter() - begin, time.process_time() - used


def _sampled(label: str, likelihood: Any, others: dict[str, float], **options: Any) -> dict[str, Any]:
    """Time a posterior, compiled before, from the best fit to the last draw."""
    result = likelihood.fit()

    def sample(seed: int) -> Any:
        return likelihood.sample(jax.random.key(seed), result=result, progress=False, **options)

    _, first, _ = _time(lambda: sample(0))
    posterior, seconds, cpu = _time(lambda: sample(1))
    size = min(min(row["ess_bulk"], row["ess_tail"]) for row in posterior.summary())
    row = {"what": label, "first_s": first, "s": seconds, "cpu_s": cpu, "smallest_ess": float(size)}
    row |= {"ess_per_s": size / seconds, "ess_per_cpu_s": size / cpu, "message": posterior.message}
    return row | {f"times_{name}": size / seconds / rate for name, rate in others.items()}


def _cube(case: str, key: str, inputs: Inputs) -> Any:
    recipe = RECIPES[case]
    cube = fitted(recipe, stack(recipe, reduce_runs(recipe, read_runs(recipe, inputs.data))[1]))
    models = next(fit["models"] for fit in fits_of(case) if fit["key"] == key)
    return gjax.Likelihood(cube, cube_models(models))


def spectrum(inputs: Inputs, quick: bool) -> list[dict[str, Any]]:
    """NUTS and ten thousand toys of the stacked spectrum of the Crab nebula."""
    reference = inputs.json("mcmc.json")
    stacked = crab_1d.stack(crab_1d.reduce(inputs))
    plain = gjax.Likelihood(stacked, models_of(reference["fit"]["start_models"]))
    others = {
        "emcee": reference["emcee_1d_stacked_lp"]["ess_min_per_s"],
        "ultranest": reference["ultranest_1d_stacked_lp"]["ess_per_s"],
    }
    options = {"n_chains": 16, "n_warmup": 200, "n_samples": 1000 if quick else 4000}
    rows = [_sampled("NUTS, stacked log parabola of crab_1d", plain.with_priors(PRIORS), others, **options)]
    best = plain.fit().likelihood
    number = 1000 if quick else 10_000
    fits, first, _ = _time(lambda: best.toys(jax.random.key(0), number).fit())
    fits, seconds, cpu = _time(lambda: best.toys(jax.random.key(1), number).fit())
    good = f"{int(fits.success.sum())} of {number} converge"
    rows.append({"what": f"{number} toys of it, fitted", "first_s": first, "s": seconds, "cpu_s": cpu, "message": good})
    return rows


def extended(inputs: Inputs, quick: bool) -> list[dict[str, Any]]:
    """NUTS of a Gaussian source in a cube: position, size, spectrum and background are free."""
    likelihood = _cube("crab_3d", "stacked gauss", inputs).with_priors(CUBE_PRIORS)
    rate = {"emcee_of_cta_1dc_gc_3d": inputs.json("mcmc_3d.json")["emcee_3d"]["ess_min_per_s"]}
    options = {"n_chains": 2 if quick else 4, "n_warmup": 100 if quick else 300, "n_samples": 100 if quick else 1000}
    return [_sampled("NUTS, Gaussian source of crab_3d", likelihood, rate, **options)]


def profiles(inputs: Inputs, quick: bool) -> list[dict[str, Any]]:
    """Profiles of every parameter of cta_1dc_gc_3d, eleven points each."""
    result = _cube("cta_1dc_gc_3d", "stacked point", inputs).fit()

    def every() -> list[Any]:
        return [result.profile(name) for name in result.free_names]

    _, first, _ = _time(every)
    found, seconds, cpu = _time(every)
    good = all(profile.success.all() for profile in found)
    message = f"{len(found)} parameters, {'all' if good else 'not all'} points converge"
    return [{"what": "profiles of cta_1dc_gc_3d", "first_s": first, "s": seconds, "cpu_s": cpu, "message": message}]


PARTS = {"spectrum": spectrum, "extended": extended, "profiles": profiles}


def run(*, quick: bool = False, parts: tuple[str, ...] = tuple(PARTS)) -> dict[str, Any]:
    """Time everything and print a table."""
    from benchmarks.parity.__main__ import REFERENCE

    gjax.enable_x64()
    inputs = Inputs.find(str(REFERENCE))
    rows = []
    print(f"{'what':<42}{'first [s]':>10}{'again [s]':>10}{'cpu [s]':>9}  notes")
    for name in parts:
        for row in PARTS[name](inputs, quick):
            rows.append(row)
            notes = [f"{k} {v:.4g}" for k, v in row.items() if k not in ("what", "first_s", "s", "cpu_s", "message")]
            text = "; ".join([*notes, row["message"]])
            print(f"{row['what']:<42}{row['first_s']:>10.2f}{row['s']:>10.3f}{row['cpu_s']:>9.3f}  {text}", flush=True)
    return {"case": "inference", "loadavg": os.getloadavg(), "python": sys.version.split()[0], "rows": rows}

"""The phases of a case with cubes, the same for both packages: from runs or files to fits; plain Python.

``package`` is `gjax_cubes` or `gammapy_cubes`: two modules whose functions have the same names.
"""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from typing import Any

from cube_cases import FILES, RECIPES, fits_of
from script_tools import Clock

__all__ = ["END", "run_case"]

END = "start to fitted result"


def repeats_of(arguments: Namespace) -> int:
    """Return how often warm phases are repeated: never in a cold process."""
    return 0 if arguments.mode == "cold" else arguments.repeats


def reduced(clock: Clock, arguments: Namespace, package: Any, recipe: dict[str, Any]) -> dict[str, list[Any]]:
    """Time the way from runs to cubes, and through files; return the groups of datasets that are fitted."""
    repeats = repeats_of(arguments)
    observations = clock.call("open data store", lambda: package.read_runs(recipe), repeats)
    runs = clock.call("reduce runs, files included", lambda: package.reduce_runs(recipe, observations), 0)
    stacked = clock.call("stack", lambda: package.stack(recipe, runs), repeats)
    if arguments.mode == "warm":
        slow = min(repeats, 2)
        clock.call("open and reduce", lambda: package.reduce_runs(recipe, package.read_runs(recipe)), slow)
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("fits", "fits.gz"):
                path = os.path.join(folder, f"cube.{ending}")
                clock.call(f"write cube ({ending})", lambda p=path: package.write(stacked, p), slow)
                clock.call(f"read cube ({ending})", lambda p=path: package.read(p, "stacked"), slow)
        if recipe.get("maps"):
            clock.call("excess map", lambda: package.excess_map(stacked), repeats)
            # the reference takes minutes
            clock.call("TS map", lambda: package.ts_map(stacked), 0 if package.NAME == "gammapy" else repeats)
    return {"stacked": [package.fitted(recipe, stacked)], "joint": package.to_fit_jointly(runs)}


def prepared(clock: Clock, arguments: Namespace, package: Any) -> dict[str, list[Any]]:
    """Read simulated cubes; return them in groups of several sizes."""
    cubes = clock.call("read", lambda: package.read_simulated(arguments.inputs), repeats_of(arguments))
    return {f"{number} cubes": cubes[:number] for number in range(1, len(cubes) + 1)}


def measure_fit(
    clock: Clock, arguments: Namespace, package: Any, fit: dict[str, Any], datasets: list[Any]
) -> tuple[Any, Any]:
    """Time freezing and fitting; in a warm process the statistic, its derivatives and the covariance as well.

    Returns
    -------
    problem, result
        The likelihood of the package, and its fit.
    """
    repeats, key, models = repeats_of(arguments), fit["key"], fit["models"]
    if isinstance(models, str):
        models = os.path.join(arguments.inputs, models)
    problem = clock.call(f"freeze {key}", lambda: package.freeze(datasets, models), min(repeats, 2))
    slow = package.NAME == "gammapy"
    result = clock.call(f"fit {key}", lambda: package.fit(problem), min(repeats, 1 if arguments.quick else 3))
    if END not in clock.first:
        clock.since_start(END)
    # not what a fit needs: gjax compiles a program for it
    start = package.stat_start(problem)
    clock.fits[key] = {"stat_start": start, **package.summary(problem, result)}
    if arguments.mode == "cold":
        return problem, result
    target = None if isinstance(models, str) else models[0]
    for name in ("index", "alpha", "lon_0") if target else ():
        if any(row[0] == name and not row[4] for row in target["parameters"]):
            moved = package.statistic(problem, target["name"], name)
            kind = "position" if name == "lon_0" else "spectrum"
            clock.call(f"statistic, {kind} moved: {key}", moved, 4 * repeats if slow else 10 * repeats)
    covariance = package.covariance(problem, result)
    clock.call(f"covariance: {key}", covariance, 0 if slow else repeats)
    if slow:
        clock.fits[key] = {**clock.fits[key], "errors": package.errors(problem)}
        if not arguments.quick:
            clock.call(f"fit {key}, first steps of MINUIT", lambda: package.fit(problem, own_steps=False), 0)
            clock.fits[key]["accurate"] = {"stat_start": start, **package.accurate(problem)}
    else:
        slopes = package.value_and_gradient(problem, result)
        clock.call(f"value and gradient: {key}", slopes, 10 * repeats)
    return problem, result


def measure_points(clock: Clock, repeats: int, package: Any, key: str, fitted: tuple[Any, Any], edges: Any) -> None:
    """Time flux points of a fit, in all bands with all options."""
    name = f"{key}, {len(edges) - 1} bands, all options"
    # the reference takes most of a minute
    call = package.flux_points(*fitted, edges)
    points = clock.call(f"flux points {name}", call, 0 if package.NAME == "gammapy" else repeats)
    clock.data[f"points {name}"] = {**package.table_of_points(points), "scaled": False}


def run_case(clock: Clock, arguments: Namespace, package: Any) -> None:
    """Run the case of the arguments, to its first fit in a cold process; print what was measured."""
    case = arguments.case
    if case in FILES:
        read = clock.call("read", lambda: package.read_files(FILES[case]), repeats_of(arguments))
        groups = {"files": read, "sky only": [package.without_background(cube) for cube in read]}
    elif arguments.inputs:
        groups = prepared(clock, arguments, package)
    else:
        groups = reduced(clock, arguments, package, RECIPES[case])
    fits = fits_of(case, quick=arguments.quick, side=package.NAME)
    for fit in fits[:1] if arguments.mode == "cold" else fits:
        fitted = measure_fit(clock, arguments, package, fit, groups[fit["group"]])
        if arguments.mode == "warm" and fit["key"] == "stacked point" and RECIPES.get(case, {}).get("points"):
            measure_points(clock, arguments.repeats, package, fit["key"], fitted, RECIPES[case]["points"])
    clock.emit(versions=package.versions())

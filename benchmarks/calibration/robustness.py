"""Fits from far starts: 20 times in amplitude, 1 in index, one width of the PSF in position, on real data.

Of all fits 99 % must end at the best minimum that is known, or say that they did not converge. They run as a batch;
starts that end elsewhere are fitted one by one, as users do: a fit tries a larger size as well, and says if that is
better. The Gaussian source of cta_1dc_gc_3d has a compact minimum, and a far lower one where it takes the emission of
its surroundings. What is known is the best of a search over sizes, with cutouts of their own.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import gjax
from benchmarks.calibration.table import Row, Table
from benchmarks.parity import crab_1d
from benchmarks.parity.cube_inputs import cube_models, fitted, read_runs, reduce_runs, stack
from benchmarks.parity.inputs import Inputs
from benchmarks.speed.cube_cases import RECIPES, fits_of
from gjax.errors import MissingDataError
from gjax.models import (
    ExpCutoffPowerLawSpectralModel,
    LogParabolaSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)

#: Ends that are this close in the statistic are the same.
SAME = 0.01
#: Radius [deg] that holds 68 % of the PSF, about.
PSF = {"crab_3d": 0.1, "cta_1dc_gc_3d": 0.06}
#: Sizes that are searched [deg].
SIZES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
#: Number of starts.
STARTS = {"crab_1d": 200, "crab_3d": 200, "cta_1dc_gc_3d": 200}
QUICK = {"crab_1d": 200, "crab_3d": 12}


def inputs() -> Inputs:
    """Return where the data are."""
    value = os.environ.get("GAMMAPY_DATA")
    if not value or not Path(value).is_dir():
        raise MissingDataError("the environment variable GAMMAPY_DATA must name the folder of the data")
    return Inputs(Path(value), Path(value))


def far_starts(rng: np.random.Generator, likelihood: Any, number: int, width: float) -> np.ndarray:
    """Return starts far from the values of a likelihood, shape (starts, parameters).

    Parameters
    ----------
    rng
        Random numbers.
    likelihood
        At the values to be far from.
    number
        Number of starts.
    width
        Width of the PSF [deg].
    """
    values = likelihood.table.values[likelihood.table.free]
    out = np.tile(values, (number, 1))
    for i, name in enumerate(likelihood.free_names):
        last = name.split(".")[-1]
        if last == "amplitude":
            out[:, i] *= 20.0 ** rng.uniform(-1, 1, number)
        elif last in ("index", "alpha", "beta"):
            out[:, i] += rng.uniform(-1, 1, number)
        elif last == "lambda_":
            out[:, i] *= 3.0 ** rng.uniform(-1, 1, number)
        elif last == "norm":
            out[:, i] *= 2.0 ** rng.uniform(-1, 1, number)
        elif last == "sigma":
            out[:, i] *= 4.0 ** rng.uniform(-1, 1, number)
    for i, name in enumerate(likelihood.free_names):
        if name.endswith("lon_0"):
            angle, radius = rng.uniform(0, 2 * np.pi, number), width * np.sqrt(rng.uniform(0, 1, number))
            latitude = likelihood.free_names.index(name.replace("lon_0", "lat_0"))
            out[:, i] += radius * np.sin(angle) / np.cos(np.radians(values[latitude]))
            out[:, latitude] += radius * np.cos(angle)
    return out


def compare(table: Table, label: str, likelihood: Any, number: int, width: float, *, seed: int) -> Any:
    """Fit from far starts and add the rows; return the fits."""
    best = likelihood.fit()
    # far from where the values of the models lead, which for a size need not be the best minimum
    near = likelihood.fit_many([{}]).values[0]
    from_here = likelihood.with_values(dict(zip(likelihood.free_names, near)))
    starts = far_starts(np.random.default_rng(seed), from_here, number, width)
    begin = time.perf_counter()
    fits = likelihood.fit_many(starts)
    seconds = time.perf_counter() - begin
    note = f"{fits.message}; {seconds:.1f} s"
    if fits.best.total_stat < best.total_stat - 0.01:
        note += f"; the fit from near ends {best.total_stat - fits.best.total_stat:.2f} higher"
    known = min(best.total_stat, fits.best.total_stat, *(fit.total_stat for fit in searched(likelihood)))
    elsewhere = np.flatnonzero(fits.converged & (fits.statistic > known + SAME))
    note += f"; {len(elsewhere)} starts of the batch end elsewhere"
    says = ~fits.converged
    for i in tqdm(elsewhere, desc=label, disable=None):
        alone = from_here.with_values(dict(zip(likelihood.free_names, starts[i]))).fit()
        says[i] = "there is another minimum" in alone.message or not alone.success
    # where all starts lie at a compact minimum, most should find that
    lowest = fits.statistic[fits.converged].min()
    table.at_least(f"{label}: at the best minimum around", int((fits.statistic <= lowest + SAME).sum()), number, 0.95)
    agree = fits.statistic <= known + SAME
    table.at_least(f"{label}: at the best minimum known, or say not", int((agree | says).sum()), number, 0.99, note)
    # those that are at the best must not say that there is a better one
    content = float("another minimum" not in fits.best.message)
    table.rows.append(Row(f"{label}: the best says that it is", content, 1.0, 1.0, 1.0))
    table.rows.append(
        Row(f"{label}: best of the batch, above the best known", fits.best.total_stat - known, 0.0, -np.inf, SAME)
    )
    return fits


def searched(likelihood: Any) -> list[Any]:
    """Return fits from many sizes, each with cutouts of its own; one fit where there is no size."""
    sizes = [name for name in likelihood.free_names if name.endswith("sigma")]
    if not sizes:
        return [likelihood.fit()]
    starts = [likelihood.models.with_values(dict.fromkeys(sizes, size)) for size in SIZES]
    return [gjax.Likelihood(likelihood.datasets, models).fit() for models in starts]


def spectra() -> dict[str, Any]:
    """Return spectral models of the Crab nebula."""
    flux = {"amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}
    return {
        "power law": PowerLawSpectralModel(index=2.6, **flux),
        "log parabola": LogParabolaSpectralModel(alpha=2.4, beta=0.2, **flux),
        "cut-off": ExpCutoffPowerLawSpectralModel(index=2.2, lambda_="0.1 TeV-1", **flux),
    }


def cube_fits(case: str, data: Path) -> list[tuple[str, Any, Any]]:
    """Return name, models and cube of the stacked fits of a case."""
    recipe = RECIPES[case]
    runs = reduce_runs(recipe, read_runs(recipe, data))[1]
    cube = fitted(recipe, stack(recipe, runs))
    return [(fit["key"], fit["models"], cube) for fit in fits_of(case) if fit["group"] == "stacked"]


def with_bounds(models: Any) -> Any:
    """Return models with the bounds that their classes give by themselves."""
    return (
        models.with_bounds({"*.sigma": (0.0, None)})
        if any("sigma" in n for n in models.parameter_table.names)
        else models
    )


def run(table: Table, *, quick: bool = False) -> None:
    """Run the case; ``quick`` takes few starts for one cube."""
    where = inputs()
    datasets = crab_1d.reduce(where)
    for seed, (name, model) in enumerate(spectra().items()):
        likelihood = gjax.Likelihood(datasets, SkyModel(model, name="crab"))
        compare(table, f"crab_1d {name}", likelihood, STARTS["crab_1d"], 0.0, seed=seed)
    for case in QUICK if quick else STARTS:
        if case == "crab_1d":
            continue
        number = (QUICK if quick else STARTS)[case]
        for key, models, cube in cube_fits(case, where.data):
            likelihood = gjax.Likelihood(cube, with_bounds(cube_models(models)))
            compare(table, f"{case} {key}", likelihood, number, PSF[case], seed=11)
            if quick:
                break

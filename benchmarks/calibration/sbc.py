"""Simulation-based calibration of NUTS (arXiv 1804.06788): the truth, drawn from the priors, ranks evenly among draws.

All posteriors of a model are sampled by one program. The largest distance between the distribution of the ranks and an
even one must be as of even ranks.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpyro.infer.hmc import hmc
from tqdm import tqdm

import gjax
from benchmarks.calibration.morphology import empty_cube
from benchmarks.calibration.spectra_1d import with_background
from benchmarks.calibration.table import ALPHA, Row, Table
from gjax.freeze._toy_fits import draw_at, fit_toys
from gjax.inference import invert_information, potential, to_x, whiten
from gjax.likelihood import AbstractCubes, Problem, scoring_terms, with_data
from gjax.models import (
    FoVBackgroundModel,
    InstrumentModel,
    Models,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
)
from gjax.parameters import GaussianPrior, Parameter, UniformPrior, prior_transform

#: Draws kept per posterior, and transitions between them.
DRAWS, THIN, WARMUP = 63, 3, 150


@jax.jit
def _ranks(problem: Problem, drawn: Any, best: Array, truth: Array, keys: Array) -> tuple[Array, Array]:
    """Return the ranks of the truth among the draws of every posterior, and the number of divergences."""
    init, kernel = hmc(potential_fn_gen=potential, algo="NUTS")

    def one(data: Any, best: Array, truth: Array, key: Array) -> tuple[Array, Array]:
        here = with_data(problem, data)
        _, _, fisher = scoring_terms(here, best)
        # any coordinates do: those of exact second derivatives take minutes to compile for cubes
        whitening = whiten(here, best, invert_information(fisher, here)[0])
        place, chain = jax.random.split(key)
        state = init(
            0.5 * jax.random.normal(place, best.shape),
            WARMUP,
            step_size=0.5,
            target_accept_prob=0.9,
            max_tree_depth=4,
            dense_mass=False,
            model_args=(here, whitening),
            rng_key=chain,
        )

        def step(state: Any, _: None) -> tuple[Any, tuple[Array, Array]]:
            state = kernel(state, (here, whitening))
            return state, (to_x(here, whitening, state.z)[0], state.diverging)

        _, (x, diverging) = jax.lax.scan(step, state, None, length=WARMUP + THIN * DRAWS)
        kept = x[WARMUP + THIN - 1 :: THIN]
        return jnp.sum(kept < truth, axis=0), jnp.sum(diverging[WARMUP:])

    posteriors = drawn, best, truth, keys
    if any(isinstance(bucket, AbstractCubes) for bucket in problem.buckets):
        # side by side every chain would wait for the longest trajectory
        return jax.lax.map(lambda posterior: one(*posterior), posteriors)
    return jax.vmap(one)(*posteriors)


def cases() -> dict[str, Any]:
    """Return likelihoods with proper priors: without and with nuisances of the instrument."""

    def source(width: float) -> SkyModel:
        spectrum = PowerLawSpectralModel(
            index=Parameter(2.3, prior=GaussianPrior(2.3, width)),
            amplitude=Parameter(2e-11, "cm-2 s-1 TeV-1", prior=UniformPrior(2e-12, 4e-11), scale=1e-11),
        )
        return SkyModel(spectrum, name="crab")

    nuisances = InstrumentModel(
        "array",
        energy_scale=Parameter(0.0, prior=GaussianPrior(0.0, 0.1), scale=0.1),
        exposure_norm=Parameter(1.0, prior=GaussianPrior(1.0, 0.1), scale=0.1),
    )
    index, amplitude = UniformPrior(1.6, 2.8), UniformPrior(3e-9, 1.2e-8)
    at = {"lon_0": 83.63, "lat_0": 22.01}
    point = SkyModel(
        PowerLawSpectralModel(
            index=Parameter(2.2, prior=index), amplitude=Parameter(6e-9, "cm-2 s-1 TeV-1", prior=amplitude)
        ),
        PointSpatialModel(**{k: Parameter(v, "deg", prior=GaussianPrior(v, 0.02), scale=0.01) for k, v in at.items()}),
        name="source",
    )
    behind = PowerLawNormSpectralModel(norm=Parameter(1.0, prior=GaussianPrior(1.0, 0.1), scale=0.1))
    return {
        "spectrum": gjax.Likelihood(with_background(20.0), Models(source(0.4))),
        "nuisances": gjax.Likelihood(with_background(20.0), Models([source(0.2), nuisances])),
        "cube": gjax.Likelihood(empty_cube(), Models([point, FoVBackgroundModel("cube", behind)])),
    }


def distance(ranks: np.ndarray) -> np.ndarray:
    """Return the largest distance between the distribution of ranks and an even one, along the first axis."""
    edges = np.arange(DRAWS + 1)
    below = np.stack([(ranks <= edge).mean(axis=0) for edge in edges])
    even = (edges + 1) / (DRAWS + 1)
    return np.abs(below - even.reshape(-1, *[1] * (ranks.ndim - 1))).max(axis=0)


def calibrate(table: Table, label: str, likelihood: Any, number: int, seed: int) -> None:
    """Draw truths from the priors and data from the truths, sample, and add the rows."""
    rng, key = np.random.default_rng(seed), jax.random.key(seed)
    parameters, free = likelihood.table, likelihood.table.free
    lower, upper = (bound[free] for bound in parameters.bounds)
    priors = [prior for prior, is_free in zip(parameters.priors, free) if is_free]
    theta = prior_transform(priors, lower, upper)(rng.uniform(size=(number, len(priors))))
    truth = np.zeros((number, likelihood.problem.index.shape[0]))
    truth[:, : len(priors)] = theta / likelihood.scale
    likelihood = likelihood.every_bin()
    problem, (first, second) = likelihood.problem, jax.random.split(key)
    drawn = draw_at(problem, truth, jax.random.split(first, number))
    best = fit_toys(problem, drawn, truth, np.zeros(truth.shape[1], bool))[0]
    found, diverging = jax.device_get(_ranks(problem, drawn, best, truth, jax.random.split(second, number)))
    even = distance(rng.integers(0, DRAWS + 1, size=(number, 4000)))
    high = float(np.quantile(even, 1 - 5 * ALPHA))
    for name, ranks in zip(likelihood.free_names, found.T):
        far = float(distance(ranks))
        note = f"mean rank {ranks.mean() / DRAWS:.3f}"
        table.rows.append(Row(f"{label}: ranks of {name}", far, float(np.median(even)), 0.0, high, note))
    table.at_least(f"{label}: posteriors without divergence", int(np.sum(diverging == 0)), number, 0.98)


PARTS = ("spectrum", "nuisances", "cube")


def run(table: Table, *, quick: bool = False, parts: tuple[str, ...] = PARTS) -> None:
    """Run the case; ``quick`` with 100 posteriors instead of 500."""
    found = cases()
    for label in tqdm(parts, desc="models", disable=None):
        calibrate(table, label, found[label], 100 if quick else 500, PARTS.index(label))

"""NUTS with priors on several parameters together, beside closed forms: normal data make normal posteriors.

Every source is seen by one measured flux. With a block or a process as prior the posterior is normal; that of a
population is normal given its mean and width, whose own posterior is summed over a grid.
"""

from __future__ import annotations

from typing import Any

import astropy.units as u
import jax
import numpy as np
from astropy.table import QTable
from scipy.stats import norm
from tqdm import tqdm

import gjax
from benchmarks.calibration.table import Table
from gjax.datasets import FluxPoints, FluxPointsDataset
from gjax.models import Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import (
    GaussianBlockPrior,
    GaussianPrior,
    GaussianProcessPrior,
    Parameter,
    PopulationPrior,
    UniformPrior,
)

FLUX = 1e-12
#: Measured fluxes and errors, in units of ``FLUX``.
VALUES = np.array([9.0, 12.5, 10.2, 14.0, 7.5, 11.0])
ERRORS = np.array([1.0, 2.0, 1.5, 1.2, 2.5, 1.0])


def _sources() -> tuple[list[Any], list[SkyModel], list[Parameter]]:
    datasets, sources, amplitudes = [], [], []
    for k, (value, error) in enumerate(zip(VALUES, ERRORS)):
        unit = u.Unit("cm-2 s-1 TeV-1") * FLUX
        table = QTable({"e_ref": [1.0] * u.TeV, "dnde": [value] * unit, "dnde_err": [error] * unit})
        datasets.append(FluxPointsDataset(FluxPoints.from_table(table, sed_type="dnde"), name=f"point-{k}"))
        amplitudes.append(Parameter(value * FLUX, "cm-2 s-1 TeV-1", scale=FLUX))
        spectrum = PowerLawSpectralModel(index=Parameter(2.0, frozen=True), amplitude=amplitudes[-1])
        sources.append(SkyModel(spectrum, name=f"source-{k}", datasets_names=[f"point-{k}"]))
    return datasets, sources, amplitudes


def _normal(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the fluxes, given those of the prior."""
    precision = np.linalg.inv(covariance)
    posterior = np.linalg.inv(np.diag(ERRORS**-2.0) + precision)
    return posterior @ (VALUES / ERRORS**2 + precision @ mean), posterior


def _population(prior_mean: tuple[float, float], sigma: tuple[float, float]) -> dict[str, np.ndarray]:
    """Return means and widths of the fluxes, the mean of the population and its width, by sums over a grid."""
    mu, width = np.meshgrid(np.linspace(0, 22, 701), np.linspace(*sigma, 601), indexing="ij")
    variance = ERRORS**2 + width[..., np.newaxis] ** 2
    log_p = norm.logpdf(mu, *prior_mean)
    log_p = log_p + norm.logpdf(VALUES, mu[..., np.newaxis], np.sqrt(variance)).sum(axis=-1)
    weight = np.exp(log_p - log_p.max())
    # half a step of the width at both ends
    weight[:, [0, -1]] *= 0.5
    weight /= weight.sum()
    part = width[..., np.newaxis] ** 2 / variance
    means = mu[..., np.newaxis] + part * (VALUES - mu[..., np.newaxis])
    both = [*np.moveaxis(means, -1, 0), mu, width]
    noise = [*np.moveaxis(part * ERRORS**2, -1, 0), 0.0, 0.0]
    mean = np.array([np.sum(weight * one) for one in both])
    square = np.array([np.sum(weight * (one**2 + extra)) for one, extra in zip(both, noise)])
    return {"mean": mean, "std": np.sqrt(square - mean**2)}


def _cases() -> dict[str, tuple[Any, np.ndarray, np.ndarray]]:
    datasets, sources, amplitudes = _sources()
    size = len(VALUES)
    mean = np.full(size, 10.0)
    block = 4.0 * (0.7 + 0.3 * np.eye(size))
    nodes = np.arange(size, dtype=float)
    distance = np.sqrt(3) * np.abs(nodes[:, None] - nodes) / 2.0
    process = 9.0 * ((1 + distance) * np.exp(-distance) + 1e-6 * np.eye(size))
    low, high = 0.5, 8.0
    hyper = {
        "mean": Parameter(10 * FLUX, "cm-2 s-1 TeV-1", prior=GaussianPrior(10 * FLUX, 4 * FLUX), scale=FLUX),
        "sigma": Parameter(
            2 * FLUX,
            "cm-2 s-1 TeV-1",
            min=low * FLUX,
            max=high * FLUX,
            prior=UniformPrior(low * FLUX, high * FLUX),
            scale=FLUX,
        ),
    }
    priors = {
        "block": GaussianBlockPrior(amplitudes, mean * FLUX, block * FLUX**2),
        "process": GaussianProcessPrior(amplitudes, nodes, 2.0, amplitude=3 * FLUX, mean=10 * FLUX),
        "population": PopulationPrior(amplitudes, **hyper),
    }
    expected = {}
    for name, covariance in (("block", block), ("process", process)):
        centre, posterior = _normal(mean, covariance)
        expected[name] = centre, np.sqrt(np.diag(posterior))
    found = _population((10.0, 4.0), (low, high))
    expected["population"] = found["mean"], found["std"]
    return {
        name: (gjax.Likelihood(datasets, Models(sources, priors=[prior])), *expected[name])
        for name, prior in priors.items()
    }


def run(table: Table, *, quick: bool = False) -> None:
    """Run the case."""
    for label, (likelihood, mean, std) in tqdm(_cases().items(), desc="priors", disable=None):
        options = {"n_samples": 1000 if quick else 10_000, "n_warmup": 500, "n_chains": 4, "target_accept": 0.95}
        posterior = likelihood.sample(jax.random.key(2), progress=False, **options)
        table.at_least(f"{label}: chains agree", int(posterior.converged), 1, 1.0, posterior.message)
        rows = {row["name"]: row for row in posterior.summary()}
        for name, centre, width in zip(likelihood.free_names, mean, std):
            draws, size = posterior.flat(name) / FLUX, float(rows[name]["ess_bulk"])
            table.value(f"{label}: mean of {name}", draws.mean(), centre, width / np.sqrt(size))
            # the fourth moment tells how sure a width is
            spread = np.sqrt((np.mean((draws - draws.mean()) ** 4) / draws.std() ** 4 - 1) / 4)
            table.value(f"{label}: width of {name}", draws.std() / width, 1.0, spread / np.sqrt(0.5 * size))

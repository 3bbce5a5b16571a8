"""The Gaussian at the best fit as a preview of the posterior, and as an estimate of the evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.freeze._posterior import named_samples
from gjax.freeze._sampling import whitening_of
from gjax.freeze._weighted import WeightedPosterior
from gjax.inference import laplace_draws, log_volume
from gjax.parameters import prior_log_norm
from gjax.stats import pareto_smooth

if TYPE_CHECKING:
    from gjax.freeze._result import FitResult

__all__ = ["laplace", "laplace_evidence", "log_of_units", "weighted"]


def log_of_units(likelihood: Any) -> float:
    """Return what turns an integral over the free vector into an evidence: scales, and the constants of the priors.

    Parameters
    ----------
    likelihood
        With a proper prior on every free parameter; else the result is NaN.
    """
    table = likelihood.table
    lower, upper = table.bounds
    free = np.flatnonzero(table.free)
    if not table.has_proper_prior[free].all() or not all(term.skeleton.is_normalised for term in table.joint):
        return math.nan
    norms = [prior_log_norm(table.priors[i], lower[i], upper[i]) for i in free if table.priors[i] is not None]
    norms += [term.skeleton.log_norm(term.number) for term in table.joint]
    return float(np.sum(np.log(likelihood.scale)) - np.sum(norms))


def weighted(
    likelihood: Any, result: Any, x: Any, log_weights: Any, volume: Any, *, method: str, note: str = ""
) -> WeightedPosterior:
    """Return draws with importance weights as a posterior.

    Parameters
    ----------
    likelihood
        What is sampled.
    result
        The fit that the draws began from.
    x
        Free vectors, shape (n, k).
    log_weights
        Logarithm of posterior over the density of the draws.
    volume
        Logarithm of the volume element of the coordinates.
    method, note
        What drew them, and what else to know.
    """
    raw = np.asarray(log_weights, dtype=float)
    weights, k_hat = pareto_smooth(raw)
    samples, units = named_samples(likelihood, np.asarray(x))
    finite = np.where(np.isfinite(raw), raw, -np.inf)
    top = finite.max()
    ratio = np.exp(finite - top)
    evidence = float(np.log(ratio.mean()) + top + volume) + log_of_units(likelihood)
    error = float(ratio.std() / ratio.mean() / math.sqrt(len(ratio)))
    return WeightedPosterior(samples, units, weights, method, result, k_hat, evidence, error, note)


def laplace(result: FitResult, key: Any, n: int = 4000) -> WeightedPosterior:
    """Draw from the Gaussian at a fit and weigh the draws by the posterior; see `FitResult.laplace`."""
    if n < 100:
        raise ValueError(f"n: expected at least 100 draws, got {n}")
    likelihood = result.likelihood
    whitening = whitening_of(likelihood, result)
    x, log_weights = laplace_draws(likelihood.problem, whitening, key, n)
    bare = [
        name
        for name, free, is_proper in zip(result.table.names, result.table.free, likelihood.table.has_proper_prior)
        if free and not is_proper
    ]
    note = f"no proper prior on {', '.join(bare)}: taken as flat, where the posterior may have no norm" if bare else ""
    volume = log_volume(likelihood.problem, whitening)
    return weighted(likelihood, result, x, log_weights, volume, method="Laplace draws", note=note)


def laplace_evidence(result: FitResult) -> float:
    """Return the logarithm of the evidence in Laplace's approximation; see `FitResult.log_evidence`."""
    n = result.n_free
    sign, log_det = np.linalg.slogdet(result.x_covariance[:n, :n])
    units = log_of_units(result.likelihood)
    if not sign > 0:
        return math.nan
    return float(-0.5 * result.total_stat + 0.5 * n * math.log(2 * math.pi) + 0.5 * log_det + units)

"""A Gaussian fitted to the posterior, for likelihoods too large to sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze._laplace import weighted
from gjax.freeze._sampling import require_proper, whitening_of
from gjax.freeze._weighted import WeightedPosterior
from gjax.inference import log_volume, make_guide

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["approximate_posterior"]


def approximate_posterior(
    likelihood: Likelihood,
    key: Any,
    *,
    rank: int | None = None,
    n_steps: int = 2000,
    n_particles: int = 4,
    rate: float = 0.02,
    n: int = 4000,
    result: FitResult | None = None,
) -> WeightedPosterior:
    """Fit a Gaussian to the posterior by variational inference; see `Likelihood.approximate`."""
    require_proper(likelihood)
    if rank is not None and rank < 1:
        raise ValueError(f"rank: expected at least 1, got {rank}")
    if min(n_steps, n_particles) < 1 or n < 100:
        raise ValueError("n_steps and n_particles must be at least 1, and n at least 100")
    result = likelihood.fit() if result is None else result
    problem, whitening = likelihood.problem, whitening_of(likelihood, result)
    run, draw = make_guide(rank, problem.index.shape[0], n_steps, n_particles, rate)
    first, second = jax.random.split(key)
    params, losses = run(first, problem, whitening)
    loss = np.asarray(losses)
    if not np.isfinite(loss[-1]):
        raise FitError("variational inference: the bound on the evidence is not finite; lower the rate, or sample")
    x, log_weights = draw(second, params, problem, whitening, n)
    tail = loss[-max(n_steps // 4, 2) :]
    halves = np.array_split(tail, 2)
    drop = halves[0].mean() - halves[1].mean()
    noise = tail.std() / np.sqrt(len(tail) / 2)
    note = f"the bound still rose by {drop:.2g} at the end: give more steps" if drop > max(5 * noise, 0.1) else ""
    return weighted(
        likelihood, result, x, log_weights, log_volume(problem, whitening), method="variational inference", note=note
    )

"""Nested sampling by dynesty: the evidence, and posteriors with several maxima."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from tqdm import tqdm

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.freeze._posterior import named_samples
from gjax.freeze._sampling import require_proper
from gjax.freeze._weighted import WeightedPosterior
from gjax.parameters import prior_transform

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood

__all__ = ["nested_sampling"]


def nested_sampling(
    likelihood: Likelihood,
    key: Any,
    *,
    n_live: int = 400,
    dlogz: float = 0.1,
    max_calls: int = 1_000_000,
    progress: bool = True,
) -> WeightedPosterior:
    """Sample by shrinking the prior; see `Likelihood.nested`."""
    require_proper(likelihood)
    if likelihood.table.joint:
        raise FitError("nested sampling draws parameters one by one: it knows no priors on several together")
    try:
        import dynesty
    except ImportError as error:
        raise ImportError("nested sampling needs dynesty: pip install 'gjax[nested]'") from error
    table, names = likelihood.table, likelihood.free_names
    if n_live < 10 * len(names):
        raise ValueError(f"n_live: expected at least ten per parameter ({10 * len(names)}), got {n_live}")
    free = np.flatnonzero(table.free)
    lower, upper = (bound[free] for bound in table.bounds)
    transform = prior_transform([table.priors[i] for i in free], lower, upper)  # type: ignore[arg-type]
    problem, scale, origin = likelihood.problem, likelihood.scale, table.origins[free]
    x = np.zeros(problem.index.shape[0])

    def log_likelihood(theta: np.ndarray) -> float:
        x[: len(free)] = (theta - origin) / scale
        value = float(compiled.compiled_data_statistic(problem, x))
        return -0.5 * value if math.isfinite(value) else -1e300

    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))).tolist())
    sampler = dynesty.NestedSampler(log_likelihood, transform, len(free), nlive=n_live, rstate=rng)
    complete = True
    with tqdm(desc="nested sampling", unit="call", disable=None if progress else True) as bar:
        try:
            for state in sampler.sample(dlogz=dlogz, maxcall=max_calls):
                bar.update(int(state.nc))
        except KeyboardInterrupt:
            complete = False
        for _ in sampler.add_live_points():
            pass
    found = sampler.results
    if not np.all(np.isfinite(found.logz[-1:])):
        raise FitError("nested sampling: the likelihood is zero everywhere in the priors")
    weights = np.exp(found.logwt - found.logwt.max())
    samples, units = named_samples(likelihood, (found.samples - origin) / scale)
    capped = complete and int(np.sum(found.ncall)) >= max_calls
    note = "" if complete else "sampling was interrupted"
    note = f"the largest number of calls ({max_calls}) was reached" if capped else note
    fit = likelihood.fit()
    return WeightedPosterior(
        samples,
        units,
        weights / weights.sum(),
        "nested sampling",
        fit,
        None,
        float(found.logz[-1]),
        float(found.logzerr[-1]),
        note,
    )

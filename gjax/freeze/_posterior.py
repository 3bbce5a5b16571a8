"""Posterior samples with names, units and a verdict on convergence."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from gjax.errors import FitError
from gjax.inference import make_sampler, whiten

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["Posterior", "sample_posterior"]

#: Draws per compiled call: one program for any number of samples, progress and interruption in between.
BLOCK = 100


@dataclasses.dataclass(frozen=True, repr=False)
class Posterior:
    """Samples of a posterior.

    Parameters
    ----------
    samples
        Parameter name to values of shape (chains, draws), in the parameter's unit.
    units
        Parameter name to unit.
    divergences
        Number of divergent transitions after the warm-up.
    n_steps
        Leapfrog steps in total.
    result
        The fit that the chains started from.
    complete
        False if sampling was interrupted; the draws made until then are kept.
    """

    samples: dict[str, np.ndarray]
    units: dict[str, str]
    divergences: int
    n_steps: int
    result: FitResult
    complete: bool = True

    def flat(self, name: str) -> np.ndarray:
        """Return the draws of a parameter from all chains."""
        return self.samples[self.result.table.names[self.result.one(name)]].ravel()

    def summary(self) -> Any:
        """Return an astropy table: mean, std, quantiles, bulk and tail effective sample size, R-hat."""
        from astropy.table import Table

        rows = []
        for name, draws in self.samples.items():
            q16, q50, q84 = np.quantile(draws, [0.16, 0.5, 0.84])
            rows.append((name, self.units[name], draws.mean(), draws.std(ddof=1), q16, q50, q84, *_diagnose(draws)))
        names = ["name", "unit", "mean", "std", "q16", "median", "q84", "ess_bulk", "ess_tail", "r_hat"]
        return Table(rows=rows, names=names)

    @property
    def problems(self) -> list[str]:
        """What speaks against trusting the samples; empty if nothing does."""
        found = [] if self.complete else ["sampling was interrupted"]
        if self.divergences:
            found.append(f"{self.divergences} divergent transitions")
        for row in self.summary():
            if not row["r_hat"] <= 1.01:
                found.append(f"{row['name']}: R-hat is {row['r_hat']:.3f}, expected at most 1.01")
            size = min(row["ess_bulk"], row["ess_tail"])
            if not size >= 400:
                found.append(f"{row['name']}: effective sample size is {size:.0f}, expected at least 400")
        return found

    @property
    def converged(self) -> bool:
        """True if R-hat is at most 1.01, all effective sample sizes are at least 400, and nothing diverged."""
        return not self.problems

    @property
    def message(self) -> str:
        """The verdict in words."""
        return "; ".join(self.problems) or "the chains agree"

    def __repr__(self) -> str:
        head = f"Posterior {'converged' if self.converged else 'NOT converged'}: {self.message}"
        return "\n".join([head, *self.summary().pformat(max_lines=-1, max_width=-1)])

    def plot_corner(self, **options: Any) -> Any:
        """Draw a corner plot and return the matplotlib figure."""
        from gjax.plot import plot_corner

        flat = {name: draws.ravel() for name, draws in self.samples.items()}
        return plot_corner(flat, units=self.units, **options)

    def to_arviz(self) -> Any:
        """Return the samples as an ArviZ data set (needs the extra ``gjax[bayes]``).

        Raises
        ------
        ImportError
            If ArviZ is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError("to_arviz needs ArviZ: pip install 'gjax[bayes]'") from error
        try:
            return arviz.from_dict({"posterior": self.samples})
        except (TypeError, ValueError, AttributeError):
            return arviz.from_dict(posterior=self.samples)


def _rank_normalise(draws: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(draws, method="average").reshape(draws.shape)
    return ndtri((ranks - 0.375) / (draws.size + 0.25))


def _diagnose(draws: np.ndarray) -> tuple[float, float, float]:
    """Return bulk and tail effective sample size, and rank-normalised split R-hat (arXiv 1903.08008)."""
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    if draws.shape[1] < 4 or np.ptp(draws) == 0:
        return 0.0, 0.0, float("nan")
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    normal = _rank_normalise(split)
    folded = _rank_normalise(np.abs(split - np.median(split)))
    bulk = float(effective_sample_size(normal))
    low, high = np.quantile(split, [0.05, 0.95])
    tail = min(float(effective_sample_size((split <= q).astype(float))) for q in (low, high))
    r_hat = max(float(split_gelman_rubin(normal)), float(split_gelman_rubin(folded)))
    return bulk, tail, r_hat


def sample_posterior(
    likelihood: Likelihood,
    key: Any,
    *,
    n_samples: int = 1000,
    n_warmup: int = 300,
    n_chains: int = 4,
    target_accept: float = 0.8,
    result: FitResult | None = None,
    progress: bool = True,
) -> Posterior:
    """Sample the posterior of a likelihood; see `Likelihood.sample`."""
    improper = [
        n
        for n, free, prior in zip(likelihood.table.names, likelihood.table.free, likelihood.table.priors)
        if free and prior is None
    ]
    if improper:
        raise FitError(f"sampling needs a proper prior on every free parameter; without one are: {', '.join(improper)}")
    if min(n_samples, n_warmup, n_chains) < 1:
        raise ValueError("n_samples, n_warmup and n_chains must be at least 1")
    n_warmup = BLOCK * -(-n_warmup // BLOCK)
    result = likelihood.fit() if result is None else result
    if result.free_names != likelihood.free_names:
        raise ValueError(f"the fit given has other free parameters: {', '.join(result.free_names)}")
    # the fit says where to start; priors, bounds and frozen values are those of the likelihood
    problem = likelihood.problem
    ratio = np.ones(len(result.x))
    ratio[: result.n_free] = result.likelihood.scale / likelihood.scale
    covariance = result.x_covariance * np.outer(ratio, ratio)
    whitening = whiten(problem, jax.device_put(result.x * ratio), jax.device_put(covariance))
    if not bool(jnp.all(jnp.isfinite(whitening.root))):
        raise FitError(f"the fit gave no covariance to sample from: {result.message}")
    start, draw = make_sampler(n_warmup, target_accept, 10)
    parts, complete = [], True
    with tqdm(total=n_warmup + n_samples, desc="NUTS", unit="draw", disable=None if progress else True) as bar:
        try:
            states = start(jax.random.split(key, n_chains), problem, whitening)
            for done in range(0, n_warmup + n_samples, BLOCK):
                states, drawn = draw(states, problem, whitening, BLOCK)
                if done >= n_warmup:
                    parts.append(jax.device_get(drawn[:3]))
                bar.update(min(BLOCK, n_warmup + n_samples - done))
        except KeyboardInterrupt:
            complete = False
    if not parts:
        raise KeyboardInterrupt("sampling was interrupted before the first draw after the warm-up")
    x, diverging, steps = (np.concatenate([part[i] for part in parts], axis=1)[:, :n_samples] for i in range(3))
    names = likelihood.free_names
    units = dict(zip(likelihood.table.names, likelihood.table.units))
    origins = likelihood.table.origins[likelihood.table.free]
    samples = {name: x[:, :, i] * likelihood.scale[i] + origins[i] for i, name in enumerate(names)}
    return Posterior(
        samples, {name: units[name] for name in names}, int(diverging.sum()), int(steps.sum()), result, complete
    )

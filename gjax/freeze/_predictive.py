"""Posterior predictive checks: would data drawn from the posterior look like those measured?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.likelihood import AbstractFluxPointSets, Problem, draw_data, full_theta, predict, with_data

if TYPE_CHECKING:
    from gjax.freeze._draws import AbstractDraws

__all__ = ["PredictiveCheck", "posterior_predictive"]

#: Replications per compiled call.
BLOCK = 64


@dataclasses.dataclass(frozen=True, repr=False)
class PredictiveCheck:
    """Counts drawn from a posterior beside those measured.

    Parameters
    ----------
    counts
        Name of the dataset to its counts in the bins that were fitted.
    replicated
        The same for data drawn from the posterior, shape (replications, bins).
    p_counts
        Fraction of the replications with at least as many counts as were measured (half of the ties), per dataset.
    p_deviance
        Fraction of the replications whose deviance from the prediction of their draw is at least that of the data
        (Gelman, Meng & Stern 1996), per dataset.
    """

    counts: dict[str, np.ndarray]
    replicated: dict[str, np.ndarray]
    p_counts: dict[str, float]
    p_deviance: dict[str, float]

    @property
    def problems(self) -> list[str]:
        """Datasets that the model does not describe: a p-value below 0.01, or above 0.99 in counts."""
        found = []
        for name in self.counts:
            if not 0.01 <= self.p_counts[name] <= 0.99:
                found.append(f"{name}: the sum of the counts is unlike the model's (p = {self.p_counts[name]:.3f})")
            if not self.p_deviance[name] >= 0.01:
                found.append(f"{name}: bins scatter more than the model says (p = {self.p_deviance[name]:.3f})")
        return found

    @property
    def message(self) -> str:
        """The verdict in words."""
        return "; ".join(self.problems) or "the data look like those that the posterior predicts"

    def to_table(self) -> Any:
        """Return an astropy table: counts, replicated mean and standard deviation, and p-values per dataset."""
        from astropy.table import Table

        rows = []
        for name, counts in self.counts.items():
            sums = self.replicated[name].sum(axis=1)
            rows.append((name, counts.sum(), sums.mean(), sums.std(), self.p_counts[name], self.p_deviance[name]))
        return Table(rows=rows, names=["name", "counts", "mean", "std", "p_counts", "p_deviance"])

    def __repr__(self) -> str:
        table = self.to_table().pformat(max_lines=-1, max_width=-1)
        return "\n".join([f"Posterior predictive check: {self.message}", *table])

    def plot(self, name: str, ax: Any = None) -> Any:
        """Plot counts over the bands of the replications, on a matplotlib axis, and return it.

        Parameters
        ----------
        name
            Name of the dataset.
        ax
            Axes; a new one if None.
        """
        from gjax.plot import plot_predictive

        if name not in self.counts:
            raise KeyError(f"there is no dataset {name!r} in the check; there are: {', '.join(self.counts)}")
        return plot_predictive(
            self.counts[name], self.replicated[name], name=name, p_value=self.p_deviance[name], ax=ax
        )


@jax.jit
def _replicate(problem: Problem, x: Array, keys: Array) -> Any:
    """Return per bucket the counts of replicated data, and the deviance of every dataset for them and for the data."""

    def deviance(of: Problem, mu: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(jnp.sum(bucket.statistic(m), axis=-1) for bucket, m in zip(of.buckets, mu))

    def one(pair: tuple[Array, Array]) -> Any:
        here, key = pair
        mu = predict(problem, full_theta(problem, here), 0)
        drawn = draw_data(problem, here, key)
        return tuple(on for on, _ in drawn), deviance(with_data(problem, drawn), mu), deviance(problem, mu)

    return jax.lax.map(one, (x, keys), batch_size=BLOCK)


def _chosen(posterior: AbstractDraws, n: int, key: Any) -> np.ndarray:
    """Return the free vectors of n draws, at random with their weights."""
    x = posterior.free_vectors()
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))).tolist())
    return x[rng.choice(len(x), size=n, replace=n > len(x) or posterior.weights is not None, p=posterior.weights)]


def posterior_predictive(posterior: AbstractDraws, key: Any, n: int = 500) -> PredictiveCheck:
    """Draw data from a posterior; see `AbstractDraws.predictive`."""
    if n < 20:
        raise ValueError(f"n: expected at least 20 replications, got {n}")
    likelihood = posterior.likelihood()
    for bucket, members in zip(likelihood.problem.buckets, likelihood.frozen.members):
        if isinstance(bucket, AbstractFluxPointSets):
            name = likelihood.names[members[0]]
            raise ValueError(f"dataset {name!r}: predictive checks are of counts, not of flux points")
    first, second = jax.random.split(key)
    x = jax.device_put(_chosen(posterior, n, first))
    likelihood = likelihood.every_bin()
    drawn = jax.device_get(_replicate(likelihood.problem, x, jax.random.split(second, n)))
    found: list[dict[str, Any]] = [{}, {}, {}, {}]
    counts, replicated, p_counts, p_deviance = found
    for bucket, members, on, made, measured in zip(likelihood.problem.buckets, likelihood.frozen.members, *drawn):
        for row, i in enumerate(members):
            name, mask = likelihood.names[i], np.asarray(bucket.mask[row])
            counts[name] = np.asarray(bucket.counts[row])[mask]
            replicated[name] = on[:, row][:, mask]
            sums, total = replicated[name].sum(axis=1), counts[name].sum()
            p_counts[name] = float(np.mean(sums > total) + 0.5 * np.mean(sums == total))
            p_deviance[name] = float(np.mean(made[:, row] >= measured[:, row]))
    order = likelihood.names
    return PredictiveCheck(*({name: d[name] for name in order} for d in found))

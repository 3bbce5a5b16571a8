"""Many simulated data of one likelihood at once, as arrays: for fits in one batch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.inference import CONVERGED, lanes_at_once, minimise_many, nothing_own
from gjax.likelihood import CashCubes, CashSpectra, OnOffCubes, OnOffSpectra, Problem, draw_data, with_data

if TYPE_CHECKING:
    from gjax.freeze import Likelihood

__all__ = ["ToyFits", "Toys", "draw_toys"]

#: Largest number of toys per compiled call.
BLOCK = 1024


_draw = jax.jit(jax.vmap(draw_data, in_axes=(None, None, 0)))


@jax.jit
def _fit(problem: Problem, x0: Array, drawn: Any) -> tuple[Array, Array, Array]:
    size = len(jax.tree_util.tree_leaves(drawn)[0])
    starts = jnp.broadcast_to(x0, (size, *x0.shape))
    own = with_data(nothing_own(problem), drawn)
    end = minimise_many(problem, own, starts, jnp.zeros(starts.shape, bool), width=lanes_at_once(problem))
    return end.x, end.statistic, end.status == CONVERGED


class ToyFits(NamedTuple):
    """Fits of toys.

    Parameters
    ----------
    values
        Free parameters in their units, shape (toys, parameters), in the order of ``likelihood.free_names``.
    statistic
        Fit statistic of every toy, shape (toys,).
    success
        Which fits converged.
    """

    values: np.ndarray
    statistic: np.ndarray
    success: np.ndarray


@dataclasses.dataclass(frozen=True)
class Toys:
    """Simulated counts of one likelihood.

    Parameters
    ----------
    likelihood
        Where they are from, with every bin of cubes; it holds the truth.
    drawn
        Per bucket on counts and off counts (or None), shape (toys, datasets, bins).
    """

    likelihood: Likelihood
    drawn: tuple[tuple[Array, Array | None], ...]

    def __len__(self) -> int:
        return int(self.drawn[0][0].shape[0])

    def problem(self, number: int) -> Problem:
        """Return the frozen likelihood of one toy."""
        return with_data(self.likelihood.problem, jax.tree_util.tree_map(lambda values: values[number], self.drawn))

    def fit(self) -> ToyFits:
        """Fit all toys from the truth, in batches of one compiled program."""
        start, likelihood, total = self.likelihood.start, self.likelihood, len(self)
        # few programs for any number of toys
        block = min(BLOCK, 1 << (total - 1).bit_length())
        parts = []
        for first in range(0, total, block):
            rows = np.minimum(np.arange(first, first + block), total - 1)
            parts.append(_fit(likelihood.problem, start, jax.tree_util.tree_map(lambda v, r=rows: v[r], self.drawn)))
        x, statistic, success = (np.concatenate([np.asarray(part[i]) for part in parts])[:total] for i in range(3))
        steps = (x - np.asarray(start))[:, : len(likelihood.free_names)] * likelihood.scale
        return ToyFits(likelihood.table.values[likelihood.table.free] + steps, statistic, success)


def draw_toys(likelihood: Likelihood, key: Any, n: int) -> Toys:
    """Draw on and off counts around what a likelihood expects at the values of its models.

    Parameters
    ----------
    likelihood
        Of spectra and cubes.
    key
        Random key, e.g. ``jax.random.key(0)``.
    n
        Number of toys.

    Raises
    ------
    ValueError
        If ``n`` is less than 1, or the likelihood has flux points.
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1, got {n}")
    likelihood = likelihood.every_bin()
    for bucket, members in zip(likelihood.problem.buckets, likelihood.frozen.members):
        if not isinstance(bucket, CashCubes | CashSpectra | OnOffCubes | OnOffSpectra):
            name = likelihood.names[members[0]]
            raise ValueError(f"dataset {name!r}: toys are drawn of counts; use simulate() for flux points")
    return Toys(likelihood, _draw(likelihood.problem, likelihood.start, jax.random.split(key, n)))

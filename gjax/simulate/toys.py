"""Many simulated data of one likelihood at once, as arrays: for fits in one batch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.inference import CONVERGED, lanes_at_once, minimise_many, nothing_own
from gjax.likelihood import CashCubes, CashSpectra, OnOffCubes, OnOffSpectra, Problem, expected_counts, expected_off

if TYPE_CHECKING:
    from gjax.freeze import Likelihood

__all__ = ["ToyFits", "Toys", "draw_toys"]

#: Largest number of toys per compiled call.
BLOCK = 1024


def _drawn(problem: Problem, x: Array, key: Array) -> tuple[Any, ...]:
    """Return arrays of data in place of those of every bucket: counts, and off counts (None for others)."""
    off = expected_off(problem, x)
    means, structure = jax.tree_util.tree_flatten(tuple(zip(expected_counts(problem, x, off), off)))
    # one call for all bins: every call compiles 1.5 s
    flat = jax.random.poisson(key, jnp.concatenate([mean.ravel() for mean in means])).astype(x.dtype)
    ends = np.cumsum([mean.size for mean in means])[:-1]
    parts = [part.reshape(mean.shape) for part, mean in zip(jnp.split(flat, ends), means)]
    return tuple(jax.tree_util.tree_unflatten(structure, parts))


_draw = jax.jit(jax.vmap(_drawn, in_axes=(None, None, 0)))


def _with_data(problem: Problem, drawn: Any) -> Problem:
    """Return a problem (or one of leaves that are None) with other data."""
    pairs = [
        (number, name, values)
        for number, both in enumerate(drawn)
        for name, values in zip(("counts", "counts_off"), both)
        if values is not None
    ]

    def leaves(p: Problem) -> list[Any]:
        return [getattr(p.buckets[number], name) for number, name, _ in pairs]

    made: Problem = eqx.tree_at(leaves, problem, [values for _, _, values in pairs], is_leaf=lambda leaf: leaf is None)
    return made


@jax.jit
def _fit(problem: Problem, x0: Array, drawn: Any) -> tuple[Array, Array, Array]:
    size = len(jax.tree_util.tree_leaves(drawn)[0])
    starts = jnp.broadcast_to(x0, (size, *x0.shape))
    own = _with_data(nothing_own(problem), drawn)
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
        return _with_data(self.likelihood.problem, jax.tree_util.tree_map(lambda values: values[number], self.drawn))

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

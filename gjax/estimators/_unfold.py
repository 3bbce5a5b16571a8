"""All flux points at once: one norm per band of true energy, with an optional penalty on what is not smooth.

With a penalty the parameters are value and slope of the norms at one band and the second differences of all; these are
independent, so that a normal prior on each is the penalty. Whichever band a limit is asked for is that one.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.inference import CONVERGED, STALLED, covariance_at, find_crossing, minimise, profile_points
from gjax.likelihood import Problem, diagonal_of, hessian
from gjax.models import AbstractSpectralModel

__all__ = ["BandNorms", "norms_of", "null_statistics", "pivot_matrices", "unfold"]


class BandNorms(AbstractSpectralModel):
    """A spectrum times a norm per band of true energy; the outermost bands reach on for ever.

    Parameters
    ----------
    model
        The spectrum.
    parts
        Parameters, one after the other; the norms are ``matrix`` times these, or its exponential.
    edges
        Edges between the bands [TeV], one less than there are bands.
    matrix
        Shape (bands, bands).
    is_log
        1 where parameters are of logarithms of norms, else 0.
    """

    tag: ClassVar[str] = ""
    model: AbstractSpectralModel
    parts: Any
    edges: Any
    matrix: Any
    is_log: Any

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Unit of `evaluate`."""
        return self.model.unit

    def norms(self) -> Array:
        """Return the norms, shape (bands,)."""
        return norms_of(jnp.asarray(self.matrix) @ jnp.concatenate(self.parts), jnp.asarray(self.is_log))

    def evaluate(self, energy: Array) -> Array:
        return self.norms()[jnp.searchsorted(jnp.asarray(self.edges), energy, side="right")] * self.model.evaluate(
            energy
        )

    def _sum(self, method: Any, low: Array, high: Array, nodes: int) -> Array:
        edges = jnp.asarray(self.edges)
        floor, top = jnp.append(0.0, edges), jnp.append(edges, jnp.inf)

        def part(norm: Array, floor: Array, top: Array) -> Array:
            # of a bin that an edge cuts, each band has its part
            return norm * method(jnp.clip(low, floor, top), jnp.clip(high, floor, top), nodes)

        return jnp.sum(jax.vmap(part)(self.norms(), floor, top), axis=0)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._sum(self.model.integrate, energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._sum(self.model.integrate_energy, energy_min, energy_max, nodes)


def pivot_matrices(energy: np.ndarray) -> np.ndarray:
    """Return per band the matrix from norms to value and slope there and all second differences.

    Differences are those of the slopes in the logarithm of energy, in units of the mean step.

    Parameters
    ----------
    energy
        Centres of the bands [TeV].

    Returns
    -------
    matrices
        Shape (bands, bands, bands); the last rows are the same in all.
    """
    size = len(energy)
    step = np.diff(np.log(energy))
    slopes = np.diff(np.eye(size), axis=0) * (step.mean() / step)[:, np.newaxis]
    bends = np.diff(slopes, axis=0)
    return np.stack([np.vstack([np.eye(size)[k], slopes[min(k, size - 2)], bends]) for k in range(size)])


def norms_of(values: Array, is_log: Array) -> Array:
    """Return norms from what is linear in the parameters."""
    is_log = is_log > 0
    return jnp.where(is_log, jnp.exp(jnp.where(is_log, values, 0.0)), values)


@functools.partial(jax.jit, static_argnums=1)
def unfold(
    problem: Problem, group: int, x0: Array, where: Array, to_pivot: Array, place: Array, is_log: Array, reach: Array
) -> dict[str, Any]:
    """Fit all norms and everything else that is free, and walk every norm down and up.

    Parameters
    ----------
    problem
        The likelihood, with the source a `BandNorms`.
    group
        Which sources it belongs to.
    x0
        Start.
    where
        Positions of the parameters of the norms in the free vector.
    to_pivot
        From norms to parameters for every band, shape (bands, bands, bands).
    place
        Which of the parameters is the norm of the band, shape (bands,).
    is_log
        See `BandNorms`.
    reach
        Rises of the statistic to walk to, as signed square roots.
    """
    from_pivot = jnp.linalg.inv(to_pivot)

    def turned(matrix: Array) -> Problem:
        return eqx.tree_at(lambda p: p.groups[group].skeleton.matrix, problem, matrix[jnp.newaxis])

    first = turned(from_pivot[0])
    best = minimise(first, x0, jnp.zeros(x0.shape, bool))
    covariance, is_exact = covariance_at(hessian(first, best.x), best.fisher, first)
    eye = jnp.eye(x0.shape[0], dtype=x0.dtype)

    def walk(matrix: Array, back: Array, place: Array) -> tuple[Array, Array, Array]:
        here = turned(back)
        turn = eye.at[where[:, jnp.newaxis], where[jnp.newaxis]].set(matrix @ from_pivot[0])
        x, at = turn @ best.x, where[place]
        spread = turn @ covariance @ turn.T
        width = jnp.sqrt(spread[at, at])
        held = jnp.arange(x.shape[0]) == at

        def cross(n: Array) -> Array:
            ray = jnp.sign(n) * spread[:, at] / width
            return jnp.sign(n) * find_crossing(here, x, best.statistic, ray, held, n**2).distance * width

        return x[at], width, jax.vmap(cross)(reach)

    value, width, moved = jax.vmap(walk)(to_pivot, from_pivot, place)
    linear = from_pivot[0] @ covariance[where[:, jnp.newaxis], where[jnp.newaxis]] @ from_pivot[0].T
    norm = norms_of(value, is_log)
    slope = jnp.where(is_log > 0, norm, 1.0)
    return {
        "x": best.x,
        "norm": norm,
        "covariance": linear * slope[:, jnp.newaxis] * slope,
        "width": width * slope,
        "ends": norms_of(value[:, jnp.newaxis] + moved, is_log) - norm[:, jnp.newaxis],
        "stat": best.statistic,
        "information": diagonal_of(first.columns, best.fisher)[where],
        "is_exact": is_exact,
        "success": (best.status == CONVERGED) | (best.status == STALLED),
    }


@jax.jit
def null_statistics(problem: Problem, x0: Array, where: Array) -> tuple[Array, Array]:
    """Return the statistic with every norm held at 0 in turn, and that of the best fit; parameters are the norms.

    Parameters
    ----------
    problem
        The likelihood without a penalty.
    x0
        Start.
    where
        Positions of the norms in the free vector.
    """
    held = jnp.arange(x0.shape[0]) == jnp.append(where, -1)[:, jnp.newaxis]
    ends = profile_points(problem, jnp.where(held, 0.0, x0), held)
    good = (ends.status == CONVERGED) | (ends.status == STALLED)
    statistic = jnp.where(good, ends.statistic, jnp.nan)
    return statistic[:-1], statistic[-1]

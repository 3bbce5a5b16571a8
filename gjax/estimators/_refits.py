"""Many small fits of a norm and other parameters, each to bins of its own, with errors, limits and scans.

Two compiled programs do everything, one that fits and one that walks until the statistic has risen: the fits of a scan
are those of the best norm with the norm held, and second derivatives are differences of gradients, for which the first
program takes no step. One program for all of it takes two and a half times as long to compile.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax import Array

from gjax.inference import (
    CONVERGED,
    STALLED,
    Minimum,
    RayEnd,
    Rays,
    find_crossings,
    lanes_at_once,
    minimise_many,
)
from gjax.likelihood import Problem, diagonal_of

__all__ = ["own_leaves", "refit"]


def own_leaves(problem: Problem, where: Any, leaves: list[Any]) -> Problem:
    """Return a problem of nothing but the leaves in which fits differ, with a leading axis of fits.

    Parameters
    ----------
    problem
        The likelihood.
    where
        Function of a problem that returns the parts that differ, as a list.
    leaves
        These parts for every fit.
    """
    is_own = jax.tree_util.tree_map(lambda _: False, problem)
    is_own = eqx.tree_at(where, is_own, replace_fn=lambda part: jax.tree_util.tree_map(lambda _: True, part))
    own: Problem = eqx.filter(eqx.tree_at(where, problem, leaves), is_own)
    return own


@jax.jit
def _minima(problem: Problem, own: Any, starts: Array, held: Array) -> Minimum:
    return minimise_many(problem, own, starts, held, width=lanes_at_once(problem))


@jax.jit
def _crossings(problem: Problem, own: Any, rays: Rays) -> RayEnd:
    return find_crossings(problem, own, rays)


@jax.jit
def _diagonals(problem: Problem, fisher: Any) -> Array:
    return jax.vmap(lambda matrix: diagonal_of(problem.columns, matrix))(fisher)


def _hessians(problem: Problem, own: Any, x: np.ndarray, diagonal: np.ndarray, size: int) -> np.ndarray:
    """Return second derivatives by the first parameters, from differences of exact gradients."""
    # the rounding of a gradient and the third derivative are about equal here
    step = np.finfo(x.dtype).eps ** 0.25 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    held = np.ones(x.shape, bool)
    out = np.zeros((len(x), size, size))
    for j in range(size):
        ends = []
        for sign in (-1.0, 1.0):
            moved = x.copy()
            moved[:, j] += sign * step[:, j]
            there = _minima(problem, own, *jax.device_put((moved, held)))
            # a bound may have kept it from going there
            ends.append((np.asarray(there.x)[:, j], np.asarray(there.gradient)[:, :size]))
        (low, below), (high, above) = ends
        out[:, j] = (above - below) / (high - low)[:, np.newaxis]
    return 0.5 * (out + out.transpose(0, 2, 1))


def _covariances(hessians: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Return covariances, NaN where the second derivatives are not positive, or a parameter has no influence."""
    size = hessians.shape[-1]
    finite = np.nan_to_num(hessians)
    used = np.any(finite != 0, axis=-1) & (diagonal[:, :size] > 0)
    both = used[:, :, np.newaxis] & used[:, np.newaxis]
    curvature = np.diagonal(finite, axis1=1, axis2=2)
    width = np.sqrt(np.where(used & (curvature > 0), curvature, 1.0))
    scales = width[:, :, np.newaxis] * width[:, np.newaxis]
    whitened = np.where(both, finite / scales, np.eye(size))
    is_positive = np.linalg.eigvalsh(whitened)[:, 0] > 100 * np.finfo(hessians.dtype).eps
    inverse = np.linalg.inv(np.where(is_positive[:, np.newaxis, np.newaxis], whitened, np.eye(size)))
    covariance = np.where(both, 2 * inverse / scales, 0.0)
    unknown = ~used | ~is_positive[:, np.newaxis]
    return np.where(np.eye(size, dtype=bool) & unknown[:, np.newaxis], np.nan, covariance)


def refit(
    problem: Problem,
    own: Any,
    x0: Any,
    position: int,
    n_free: int,
    scan: Any,
    n_sigma: float,
    n_sigma_ul: float,
) -> dict[str, np.ndarray]:
    """Fit many times, and ask for errors, limit and scan of one parameter, all others re-optimised.

    Parameters
    ----------
    problem
        The likelihood.
    own
        In what the fits differ; see `own_leaves`.
    x0
        Start, in units of the scales.
    position
        Place of the parameter in the free vector; it is the norm, with scale 1.
    n_free
        Number of free parameters; the other places of the free vector are spare.
    scan
        Norms of the likelihood scan.
    n_sigma, n_sigma_ul
        Significance of errors and of the upper limit.

    Returns
    -------
    values
        As flux points have them, with a leading axis of fits, and the free vectors "x" with their errors "x_err", in
        units of the scales.
    """
    size = jax.tree_util.tree_leaves(own)[0].shape[0]
    starts = np.tile(np.asarray(x0), (size, 1))
    best = _minima(problem, own, *jax.device_put((starts, np.zeros(starts.shape, bool))))
    x, statistic, status = (np.asarray(part) for part in (best.x, best.statistic, best.status))
    is_norm = np.broadcast_to(np.arange(x.shape[1]) == position, x.shape)
    diagonal = np.asarray(_diagonals(problem, best.fisher))
    covariance = _covariances(_hessians(problem, own, x, diagonal, n_free), diagonal)
    errors = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    # where the second derivatives say nothing, as at a corner, the information is a first guess of the way
    guess = np.sqrt(2 / np.where(diagonal[:, position] > 0, diagonal[:, position], 2.0))
    width = np.where(np.isfinite(errors[:, position]), errors[:, position], guess)
    ray = np.zeros(x.shape)
    ray[:, :n_free] = np.nan_to_num(covariance[:, :, position]) / width[:, np.newaxis]
    ray[:, position] = width
    distances = []
    for n in (-n_sigma, n_sigma, n_sigma_ul):
        level = np.full(size, float(n) ** 2)
        rays = Rays(*jax.device_put((x, statistic, np.sign(n) * ray, is_norm, level)))
        distances.append(np.asarray(_crossings(problem, own, rays).distance) * width)
    profile = []
    for norm in (0.0, *np.asarray(scan)):
        at = np.where(is_norm, norm, x)
        profile.append(np.asarray(_minima(problem, own, *jax.device_put((at, is_norm))).statistic))
    converged = status == CONVERGED
    x_err = np.full(x.shape, np.nan)
    x_err[:, :n_free] = np.where(converged[:, np.newaxis], n_sigma * errors, np.nan)
    return {
        "norm": x[:, position],
        "norm_err": x_err[:, position],
        "norm_errn": distances[0],
        "norm_errp": distances[1],
        "norm_ul": x[:, position] + distances[2],
        "ts": profile[0] - statistic,
        "stat": statistic,
        "stat_null": profile[0],
        "stat_scan": np.stack(profile[1:], axis=1),
        # without counts the minimum is a corner of the statistic, where no step goes further down
        "success": converged | (status == STALLED),
        "x": x,
        "x_err": x_err,
    }

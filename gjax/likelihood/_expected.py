"""Expected, not observed: backgrounds and information that data would have on average, bin by bin.

The bins of cubes must be there one by one (see `Likelihood.every_bin`): the information of a sum of bins is not the
sum of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gjax.likelihood._arrow import Arrow, Matrix, assemble
from gjax.likelihood._buckets import AbstractBucket, CashCubes, CashSpectra, OnOffCubes, OnOffSpectra
from gjax.likelihood._derivatives import blocks, linearised, products, project
from gjax.likelihood._lattice import lattice
from gjax.likelihood._on_off import background_profile
from gjax.likelihood._problem import (
    Parts,
    Problem,
    full_theta,
    has_priors,
    predict,
    predict_parts,
    prior_of_theta,
    sum_parts,
)

__all__ = [
    "LEAST_COUNTS",
    "ExpectedBins",
    "dense_matrix",
    "expected_bins",
    "expected_counts",
    "expected_information",
    "expected_off",
    "information_along",
    "information_weight",
    "lattice_along",
    "prior_information",
    "score_products",
]

#: No bin is taken to expect fewer counts than this: without any, a single one would tell everything.
LEAST_COUNTS = 1e-9


class ExpectedBins(NamedTuple):
    """What every bin of a bucket tells about the parameters.

    Parameters
    ----------
    signal
        Expected counts of sources, which scale with the exposure, shape (datasets, bins).
    signal_slopes
        Their derivatives by the free vector, shape (datasets, k, bins).
    other
        Expected counts of known backgrounds and templates, shape (datasets, bins).
    other_slopes
        Their derivatives.
    noise
        What adds to the variance of the counts beyond those expected: the expected counts of measured backgrounds and
        the variance of their estimates; for flux points the variance of the flux.
    mask
        Which bins count.
    """

    signal: Array
    signal_slopes: Array
    other: Array
    other_slopes: Array
    noise: Array
    mask: Array


def _is_on_off(bucket: AbstractBucket) -> bool:
    return isinstance(bucket, OnOffSpectra | OnOffCubes)


def _is_poisson(bucket: AbstractBucket) -> bool:
    return isinstance(bucket, OnOffSpectra | OnOffCubes | CashSpectra | CashCubes)


def expected_off(problem: Problem, x: Array) -> tuple[Array | None, ...]:
    """Return the expected off counts per bucket, shape (datasets, bins); None where nothing is measured beside.

    They are what fits best to on and off counts at the signal of ``x``. Datasets without any on counts have no data
    yet: their off counts are taken as they are.

    Parameters
    ----------
    problem
        The likelihood, with every bin.
    x
        The free vector, in units of the scales.
    """
    out: list[Array | None] = []
    for bucket, mu in zip(problem.buckets, predict(problem, full_theta(problem, x), 0)):
        if not isinstance(bucket, OnOffSpectra | OnOffCubes):
            out.append(None)
            continue
        is_used = bucket.mask & (bucket.alpha > 0)
        alpha = jnp.where(is_used, bucket.alpha, 1.0)
        signal, on, beside = (jnp.where(is_used, value, 1.0) for value in (mu, bucket.counts, bucket.counts_off))
        best = jnp.maximum(background_profile(signal, on, beside, alpha), 0.0)
        has_data = jnp.any(bucket.mask & (bucket.counts > 0), axis=1, keepdims=True)
        out.append(jnp.where(is_used, jnp.where(has_data, best, bucket.counts_off), 0.0))
    return tuple(out)


def _noise(bucket: AbstractBucket, mu: Array, off: Array | None) -> Array:
    """Return what adds to the variance; see `ExpectedBins`."""
    if off is not None:
        alpha = bucket.alpha  # type: ignore[attr-defined]
        return jnp.where(bucket.mask, alpha * (1 + alpha) * off, 0.0)
    if isinstance(bucket, CashSpectra):
        return jnp.where(bucket.mask, bucket.background, 0.0)
    if _is_poisson(bucket):
        return jnp.zeros_like(mu)
    weight = bucket.weight(mu)
    return jnp.where(weight > 0, 1 / jnp.where(weight > 0, weight, 1.0), 0.0)


def information_weight(bucket: AbstractBucket, mu: Array, off: Array | None) -> Array:
    """Return the expected information of the prediction per bin, 0 outside the mask.

    It is 1/μ for counts with mean μ, and 1/(μ + α(1+α) b) where the mean b of off counts is profiled out.

    Parameters
    ----------
    bucket
        The data; counts play no part.
    mu
        Prediction, shape (datasets, bins).
    off
        Expected off counts, or None; see `expected_off`.
    """
    variance = _noise(bucket, mu, off) + (mu if _is_poisson(bucket) else 0.0)
    floor = LEAST_COUNTS if _is_poisson(bucket) else 0.0
    safe = jnp.where(bucket.mask & (variance > floor), variance, LEAST_COUNTS if floor else 1.0)
    return jnp.where(bucket.mask & ((variance > 0) | _is_poisson(bucket)), 1 / safe, 0.0)


def expected_counts(problem: Problem, x: Array, off: tuple[Array | None, ...]) -> tuple[Array, ...]:
    """Return the expected on counts per bucket, backgrounds included (fluxes for flux points), shape (datasets, bins).

    Parameters
    ----------
    problem, x, off
        As in `expected_information`.
    """
    out = []
    for bucket, mu, b in zip(problem.buckets, predict(problem, full_theta(problem, x), 0), off):
        if b is not None:
            mu = mu + bucket.alpha * b  # type: ignore[attr-defined]
        elif isinstance(bucket, CashSpectra):
            mu = mu + bucket.background
        out.append(jnp.where(bucket.mask, jnp.maximum(mu, 0.0) if _is_poisson(bucket) else mu, 0.0))
    return tuple(out)


def expected_information(problem: Problem, x: Array, off: tuple[Array | None, ...]) -> Array:
    r"""Return the expected Fisher matrix :math:`\sum J^T \mathrm{diag}(1/\mu) J` over all bins, without priors.

    Parameters
    ----------
    problem
        The likelihood, with every bin.
    x
        The free vector, in units of the scales.
    off
        Expected off counts per bucket, from `expected_off`.
    """
    mu, columns = linearised(problem, x)
    weights = [information_weight(bucket, m, b) for bucket, m, b in zip(problem.buckets, mu, off)]
    return _summed(problem, columns, [jnp.zeros_like(m) for m in mu], weights)


def _summed(problem: Problem, columns: Parts, slopes: Sequence[Array], weights: Sequence[Array]) -> Array:
    """Return the sum of weight times derivative times derivative as a dense matrix."""
    return dense_matrix(problem, assemble(problem.columns, *products(problem, columns, slopes, weights))[1])


def dense_matrix(problem: Problem, matrix: Matrix) -> Array:
    """Return a matrix over the free vector with the zeros between datasets.

    Parameters
    ----------
    problem
        The likelihood.
    matrix
        Dense, or without the zeros.
    """
    if not isinstance(matrix, Arrow):
        return matrix
    columns = problem.columns
    assert columns.shared is not None
    assert columns.local is not None
    k = columns.directions.shape[1]
    shared = columns.shared
    out = jnp.zeros((k, k), matrix.shared.dtype).at[shared[:, None], shared].add(matrix.shared, mode="drop")
    for at, cross, local in zip(columns.local, matrix.cross, matrix.local):
        out = out.at[at[:, :, None], shared].add(cross, mode="drop")
        out = out.at[shared[:, None], at[:, None, :]].add(jnp.swapaxes(cross, 1, 2), mode="drop")
        out = out.at[at[:, :, None], at[:, None, :]].add(local, mode="drop")
    return out


def _all_slopes(problem: Problem, columns: Parts, number: int) -> Array:
    """Return the derivatives of a bucket by the whole free vector, shape (datasets, k, bins)."""
    found = project(*blocks(problem, columns, number))
    shared, local = problem.columns.shared, problem.columns.local
    if shared is None or local is None:
        return found
    g, at = len(shared), local[number]
    out = jnp.zeros((len(found), problem.columns.directions.shape[1], found.shape[2]), found.dtype)
    out = out.at[:, shared].add(found[:, :g], mode="drop")
    return out.at[jnp.arange(len(found))[:, None], at].add(found[:, g:], mode="drop")


def score_products(problem: Problem, x: Array) -> Array:
    r"""Return the sum of score times score over all bins, :math:`\sum_b g_b g_b^T`, without priors.

    The score of a bin is the derivative of half its statistic; with counts n and mean μ, :math:`(1 - n/\mu)\,\mu'`.

    Parameters
    ----------
    problem
        The likelihood, with every bin.
    x
        The free vector, in units of the scales.
    """
    mu, columns = linearised(problem, x)
    slopes = [jax.grad(lambda m, b=bucket: jnp.sum(b.statistic(m)))(m) for bucket, m in zip(problem.buckets, mu)]
    weights = [0.25 * slope**2 for slope in slopes]
    return _summed(problem, columns, slopes, weights)


def prior_information(problem: Problem, x: Array) -> Array:
    """Return half the second derivatives of all priors, shape (k, k)."""
    if not has_priors(problem):
        return jnp.zeros((len(x), len(x)), x.dtype)
    curvature: Array = jax.hessian(lambda x: prior_of_theta(problem, full_theta(problem, x)))(x)
    return 0.5 * curvature


def information_along(problem: Problem, x: Array, off: tuple[Array | None, ...], direction: Array) -> tuple[Array, ...]:
    """Return what every bin tells about a step along a direction, per bucket; the sum is ``direction F direction``.

    Parameters
    ----------
    problem, x, off
        As in `expected_information`.
    direction
        Step of the free vector.
    """
    mu, slope = jax.jvp(lambda x: predict(problem, full_theta(problem, x), 1), (x,), (direction,))
    return tuple(information_weight(bucket, m, b) * s**2 for bucket, m, b, s in zip(problem.buckets, mu, off, slope))


def lattice_along(
    problem: Problem, x: Array, off: tuple[Array | None, ...], direction: Array, information: Array
) -> Array:
    """Return how far the score along a direction is a multiple of one number; see `lattice`.

    Parameters
    ----------
    problem, x, off
        As in `expected_information`.
    direction
        Step of the free vector.
    information
        Variance of the score, priors included.
    """
    mu, slope = jax.jvp(lambda x: predict(problem, full_theta(problem, x), 1), (x,), (direction,))
    counts, weights = [], []
    for bucket, m, b, s in zip(problem.buckets, mu, off, slope):
        if _is_poisson(bucket):
            weight = information_weight(bucket, m, b)
            counts.append(jnp.where(weight > 0, 1 / jnp.where(weight > 0, weight, 1.0), 0.0))
            weights.append(weight * s)
    return lattice(counts, weights, information) if counts else jnp.zeros_like(information)


def _only(parts: Parts, *, sources: bool) -> Parts:
    """Return parts with those of sources, or all others, set to zero."""

    def zeros(tree: object) -> object:
        return jax.tree_util.tree_map(jnp.zeros_like, tree)

    if sources:
        return Parts(parts.sources, zeros(parts.backgrounds), zeros(parts.templates))  # type: ignore[arg-type]
    return Parts(zeros(parts.sources), parts.backgrounds, parts.templates)  # type: ignore[arg-type]


def expected_bins(problem: Problem, x: Array, off: tuple[Array | None, ...]) -> tuple[ExpectedBins, ...]:
    """Return expectation and derivatives of every bin, per bucket: what designs of observations are weighed with.

    Parameters
    ----------
    problem, x, off
        As in `expected_information`.
    """
    parts = predict_parts(problem, full_theta(problem, x), 1)
    signal, other = (sum_parts(problem, _only(parts, sources=which)) for which in (True, False))
    _, columns = linearised(problem, x)

    def slopes(which: bool, number: int) -> Array:
        return _all_slopes(problem, _only(columns, sources=which), number)

    return tuple(
        ExpectedBins(
            signal[number],
            slopes(True, number),
            other[number],
            slopes(False, number),
            _noise(bucket, signal[number] + other[number], off[number]),
            bucket.mask,
        )
        for number, bucket in enumerate(problem.buckets)
    )

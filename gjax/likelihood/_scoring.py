"""First and second derivatives of the statistic, part by part of the prediction; see `Columns`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding import CubeFold
from gjax.likelihood._arrow import Matrix, add_diagonal, assemble
from gjax.likelihood._problem import (
    Parts,
    Problem,
    full_theta,
    has_priors,
    predict_parts,
    prior_of_theta,
    statistic,
    sum_parts,
)
from gjax.parameters import joint_weight, prior_weight

__all__ = ["hessian", "scoring_terms"]


class _Block(NamedTuple):
    """Derivatives of one bucket: columns (datasets, columns, bins), and which parameter each is of."""

    columns: Array
    places: Array


def _blocks(problem: Problem, columns: Parts, number: int) -> tuple[_Block, list[tuple[Array, Array, Array]]]:
    """Return the derivatives of sources and background side by side, and those of templates with their datasets.

    Parameters
    ----------
    problem
        The likelihood.
    columns
        The parts of the prediction along every colour, which is the leading axis.
    number
        Position of the bucket.
    """
    found, places = [], []
    for group, per_bucket, sources_of in zip(columns.sources, problem.columns.sources, problem.groups):
        if sources_of.is_known and problem.instruments is None:
            continue
        values, where = group[number], per_bucket[number]
        colours, sources, datasets, bins = values.shape
        found.append(jnp.moveaxis(values, 2, 0).reshape(datasets, colours * sources, bins))
        places.append(where.transpose(1, 2, 0, 3).reshape(datasets, colours * sources, -1))
    background, acts = columns.backgrounds[number], problem.columns.backgrounds[number]
    if background is not None and acts is not None:
        found.append(jnp.swapaxes(background, 0, 1))
        places.append(acts)
    datasets, bins = problem.buckets[number].mask.shape
    found.append(jnp.zeros((datasets, 0, bins)))
    places.append(jnp.zeros((datasets, 0, _width(problem, number))))
    block = _Block(jnp.concatenate(found, axis=1), jnp.concatenate(places, axis=1))
    extra = [
        (jnp.swapaxes(values, 0, 1), where, group.dataset)
        for values, where, group in zip(
            columns.templates[number], problem.columns.templates[number], problem.templates[number]
        )
    ]
    return block, extra


def _width(problem: Problem, number: int) -> int:
    """Return how many parameters a dataset of a bucket can tell apart: its own and the shared ones, or all."""
    columns = problem.columns
    if columns.local is None or columns.shared is None:
        return columns.directions.shape[1]
    return len(columns.shared) + columns.local[number].shape[1]


def _project(block: _Block, extra: Sequence[tuple[Array, Array, Array]]) -> Array:
    """Return the derivatives by the parameters of each dataset, shape (datasets, q, bins)."""
    full = jnp.einsum("dmk,dmb->dkb", block.places, block.columns, precision="highest")
    for columns, places, dataset in extra:
        full = full.at[dataset].add(jnp.einsum("pck,pcb->pkb", places, columns, precision="highest"))
    return full


def _products(
    problem: Problem, columns: Parts, slopes: Sequence[Array], weights: Sequence[Array]
) -> tuple[Array, Matrix]:
    """Return the sums of slope times derivative, and of weight times derivative times derivative."""
    # dense matrices are summed over datasets on the way
    d = "" if problem.columns.local is None else "d"
    vectors, matrices = [], []
    for number, (slope, weight) in enumerate(zip(slopes, weights)):
        block, extra = _blocks(problem, columns, number)
        m, q = block.columns.shape[1], _width(problem, number)
        if extra or q * (m + q) <= m * m:
            full = _project(block, extra)
            vectors.append(jnp.einsum(f"dkb,db->{d}k", full, slope, precision="highest"))
            matrices.append(jnp.einsum(f"dkb,dlb->{d}kl", full * weight[:, None], full, precision="highest"))
            continue
        along = jnp.einsum("dmb,db->dm", block.columns, slope, precision="highest")
        vectors.append(jnp.einsum(f"dm,dmk->{d}k", along, block.places, precision="highest"))
        local = jnp.einsum("dmb,dnb->dmn", block.columns * weight[:, None], block.columns, precision="highest")
        matrices.append(jnp.einsum(f"dmk,dmn,dnl->{d}kl", block.places, local, block.places, precision="highest"))
    return assemble(problem.columns, vectors, matrices)


def _is_large(problem: Problem) -> bool:
    """Tell whether the pixels of all colours at once take more memory than 200 MB; then it is one after the other."""
    folds = [fold for group in problem.groups for fold in group.folds if isinstance(fold, CubeFold)]
    return len(problem.columns.directions) * sum(fold.weights.size + fold.photons.size for fold in folds) > 25_000_000


def _along(problem: Problem, x: Array, order: int) -> Callable[[Array], Parts]:
    """Return the prediction part by part as a function of steps along the colours."""
    directions = problem.columns.directions
    return lambda step: predict_parts(problem, full_theta(problem, x + step @ directions), order)


def _linearised(problem: Problem, x: Array, order: int = 1) -> tuple[tuple[Array, ...], Parts]:
    """Return the prediction per bucket, and the parts of its derivatives along every colour."""
    size = len(problem.columns.directions)
    parts, push = jax.linearize(_along(problem, x, order), jnp.zeros(size, x.dtype))
    each = jax.lax.map if _is_large(problem) else lambda f, v: jax.vmap(f)(v)
    return sum_parts(problem, parts), each(push, jnp.eye(size, dtype=x.dtype))


def scoring_terms(problem: Problem, x: Array) -> tuple[Array, Array, Matrix]:
    """Return statistic, its gradient, and twice the Fisher matrix at ``x``: all that scoring needs, in one pass."""
    mu, columns = _linearised(problem, x)
    value, slopes, weights = jnp.zeros((), x.dtype), [], []
    for bucket, m in zip(problem.buckets, mu):
        per_bucket, slope = jax.value_and_grad(lambda m, b=bucket: jnp.sum(b.statistic(m)))(m)
        value += per_bucket
        slopes.append(slope)
        weights.append(bucket.weight(m))
    gradient, fisher = _products(problem, columns, slopes, weights)
    kind, rows, joint = problem.table.prior_kind, problem.table.prior_rows, problem.table.joint
    if not has_priors(problem):
        return value, gradient, _twice(fisher)
    theta = full_theta(problem, x)
    prior, prior_slope = jax.value_and_grad(lambda x: prior_of_theta(problem, full_theta(problem, x)))(x)
    scale = problem.table.scale.at[problem.index].get(mode="fill", fill_value=1.0)
    if joint is not None:
        # matrices are dense where priors tie parameters together
        fisher = jnp.asarray(fisher) + joint_weight(joint, theta, problem.index, scale)
    if kind is None or rows is None:
        return value + prior, gradient + prior_slope, _twice(fisher)
    curvature = prior_weight(theta, kind, rows)
    curvature = curvature.at[problem.index].get(mode="fill", fill_value=0.0) * scale**2
    return value + prior, gradient + prior_slope, _twice(add_diagonal(problem.columns, fisher, curvature))


def _twice(matrix: Matrix) -> Matrix:
    return jax.tree_util.tree_map(lambda block: 2 * block, matrix)


def _in_reverse(problem: Problem, x: Array) -> Array:
    gradient = jax.grad(lambda x: statistic(problem, x, 2))
    # one direction after the other: all at once hold every predicted bin as often as there are parameters. What all
    # of them share leaves the loop when it is compiled; to write it apart takes a quarter longer to compile
    return jax.lax.map(lambda v: jax.jvp(gradient, (x,), (v,))[1], jnp.eye(x.shape[0], dtype=x.dtype))


def hessian(problem: Problem, x: Array) -> Matrix:
    """Return the second derivatives of the fit statistic.

    With the prediction μ, :math:`H = J^T W'' J + \\sum W' \\mu''`; both terms are taken part by part, along pairs of
    colours. Where there are more of these than parameters, reverse differentiation is cheaper.
    """
    colours, k = problem.columns.directions.shape
    if colours**2 > 2 * k and problem.columns.local is None:
        return _in_reverse(problem, x)
    mu, columns = _linearised(problem, x, 2)
    slopes, curvatures = [], []
    for bucket, m in zip(problem.buckets, mu):
        slope, curvature = jax.jvp(jax.grad(lambda m, b=bucket: jnp.sum(b.statistic(m))), (m,), (jnp.ones_like(m),))
        slopes.append(slope)
        curvatures.append(curvature)
    _, matrix = _products(problem, columns, slopes, curvatures)
    along = _along(problem, x, 2)

    def weighed(step: Array) -> Parts:
        parts = along(step)
        return Parts(
            tuple(tuple(jnp.sum(v * s, axis=-1) for v, s in zip(group, slopes)) for group in parts.sources),
            tuple(None if v is None else jnp.sum(v * s, axis=-1) for v, s in zip(parts.backgrounds, slopes)),
            tuple(
                tuple(jnp.sum(v * s[group.dataset], axis=-1) for v, group in zip(found, problem.templates[number]))
                for number, (found, s) in enumerate(zip(parts.templates, slopes))
            ),
        )

    start = jnp.zeros(colours, x.dtype)
    # one direction after the other: all at once hold every predicted bin as often as there are pairs of colours
    eye = jnp.eye(colours, dtype=x.dtype)

    def slopes_of(step: Array) -> Parts:
        if not _is_large(problem):
            return jax.jacfwd(weighed)(step)
        first = jax.lax.map(lambda v: jax.jvp(weighed, (step,), (v,))[1], eye)
        return jax.tree_util.tree_map(lambda leaf: jnp.moveaxis(leaf, 0, -1), first)

    # linear in what follows: the sources are drawn once, not once per direction
    _, bend = jax.linearize(slopes_of, start)
    second = jax.lax.map(bend, eye)
    bent = _bent(problem, second)
    if problem.columns.local is None:
        bent = [jnp.sum(block, axis=0) for block in bent]
    zeros = [jnp.zeros(block.shape[:-1], x.dtype) for block in bent]
    matrix = jax.tree_util.tree_map(jnp.add, matrix, assemble(problem.columns, zeros, bent)[1])
    if not has_priors(problem):
        return matrix
    prior = jax.grad(lambda x: prior_of_theta(problem, full_theta(problem, x)))
    if problem.columns.local is None:
        return matrix + jax.jacfwd(prior)(x)
    # of one parameter each
    return add_diagonal(problem.columns, matrix, jax.jvp(prior, (x,), (jnp.ones_like(x),))[1])


def _bent(problem: Problem, second: Parts) -> list[Array]:
    """Return second derivatives along pairs of colours as matrices of each dataset's parameters.

    Parameters
    ----------
    problem
        The likelihood.
    second
        Per part the weighed second derivatives: (colours, ..., colours), where ``...`` is the axes of `Columns`.
    """
    where = problem.columns
    out = []
    for number, bucket in enumerate(problem.buckets):
        q = _width(problem, number)
        matrix = jnp.zeros((len(bucket.mask), q, q), problem.table.value.dtype)
        for group, places in zip(second.sources, where.sources):
            at = places[number]
            matrix += jnp.einsum("isdj,sdik,sdjl->dkl", group[number], at, at, precision="highest")
        values, acts = second.backgrounds[number], where.backgrounds[number]
        if values is not None and acts is not None:
            matrix += jnp.einsum("idj,dik,djl->dkl", values, acts, acts, precision="highest")
        for bend, at, template in zip(second.templates[number], where.templates[number], problem.templates[number]):
            pair = jnp.einsum("ipj,pik,pjl->pkl", bend, at, at, precision="highest")
            matrix = matrix.at[template.dataset].add(pair)
        out.append(matrix)
    return out

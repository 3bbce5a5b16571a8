"""First and second derivatives of the statistic; see `Columns`."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import Array

from gjax.likelihood._arrow import Arrow, Matrix, add_diagonal, assemble, directions_of
from gjax.likelihood._derivatives import along, is_large, linearised, products, width
from gjax.likelihood._pieces import of_bucket, over_pieces
from gjax.likelihood._problem import (
    Parts,
    Problem,
    full_theta,
    has_priors,
    predict,
    prior_of_theta,
    statistic_of_prediction,
)
from gjax.parameters import joint_weight, prior_weight

__all__ = ["hessian", "scoring_terms"]


def _in_order(problem: Problem, vector: Array, matrix: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return what is a sum over datasets, and what each has: with zeros between them, vectors and matrices are sums."""
    return ((), (vector, matrix)) if problem.columns.local is not None else ((vector, matrix), ())


def _scoring_piece(x: Array, problem: Problem) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return statistic, gradient and Fisher matrix of a problem of one bucket, without priors."""
    mu, columns = linearised(problem, x)
    bucket = problem.buckets[0]
    value, slope = jax.value_and_grad(lambda m: jnp.sum(bucket.statistic(m)))(mu[0])
    vectors, matrices = products(problem, columns, [slope], [bucket.weight(mu[0])])
    sums, each = _in_order(problem, vectors[0], matrices[0])
    return (value, *sums), each


def scoring_terms(problem: Problem, x: Array) -> tuple[Array, Array, Matrix]:
    """Return statistic, its gradient, and twice the Fisher matrix at ``x``: all that scoring needs, in one pass."""
    numbers = range(len(problem.buckets))
    found = [over_pieces(of_bucket(problem, n), functools.partial(_scoring_piece, x)) for n in numbers]
    value = jnp.sum(jnp.stack([sums[0] for sums, _ in found]))
    vectors, matrices = zip(*((*sums[1:], *each) for sums, each in found))
    gradient, fisher = assemble(problem.columns, vectors, matrices)
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


def _reverse_piece(x: Array, directions: Array, problem: Problem) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return the blocks of second derivatives of a problem of one bucket, without priors."""
    gradient = jax.grad(lambda x: statistic_of_prediction(problem, predict(problem, full_theta(problem, x), 2)))
    # one direction after the other: all at once hold every predicted bin as often as there are parameters. What all
    # of them share leaves the loop when it is compiled; to write it apart takes a quarter longer to compile
    rows = jax.lax.map(lambda v: jax.jvp(gradient, (x,), (v,))[1], directions)
    if problem.columns.local is None or problem.columns.shared is None:
        return (rows,), ()
    shared, at = problem.columns.shared, problem.columns.local[0]
    g, own_size = len(shared), at.shape[1]

    def column(where: Array) -> Array:
        return rows.at[:, where].get(mode="fill", fill_value=0.0)

    own = jnp.moveaxis(column(at), 0, -1)
    return (column(shared)[:g],), (own[..., :g], own[..., g : g + own_size])


def _in_reverse(problem: Problem, x: Array, directions: Array) -> Matrix:
    numbers = range(len(problem.buckets))
    found = [over_pieces(of_bucket(problem, n), functools.partial(_reverse_piece, x, directions)) for n in numbers]
    total: Array = sum(sums[0] for sums, _ in found)  # type: ignore[assignment]
    if problem.columns.local is None:
        return total
    return Arrow(total, tuple(each[0] for _, each in found), tuple(each[1] for _, each in found))


def _pairs_piece(x: Array, problem: Problem) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return the second derivatives of a problem of one bucket, without priors, from those along pairs of colours."""
    colours = len(problem.columns.directions)
    mu, columns = linearised(problem, x, 2)
    bucket, m = problem.buckets[0], mu[0]
    slope, curvature = jax.jvp(jax.grad(lambda m: jnp.sum(bucket.statistic(m))), (m,), (jnp.ones_like(m),))
    _, matrices = products(problem, columns, [slope], [curvature])
    moved = along(problem, x, 2)

    def weighed(step: Array) -> Parts:
        parts = moved(step)
        return Parts(
            tuple((jnp.sum(group[0] * slope, axis=-1),) for group in parts.sources),
            tuple(None if v is None else jnp.sum(v * slope, axis=-1) for v in parts.backgrounds),
            (
                tuple(
                    jnp.sum(v * slope[group.dataset], axis=-1)
                    for v, group in zip(parts.templates[0], problem.templates[0])
                ),
            ),
        )

    start = jnp.zeros(colours, x.dtype)
    # one direction after the other: all at once hold every predicted bin as often as there are pairs of colours
    eye = jnp.eye(colours, dtype=x.dtype)

    def slopes_of(step: Array) -> Parts:
        if not is_large(problem):
            return jax.jacfwd(weighed)(step)
        first = jax.lax.map(lambda v: jax.jvp(weighed, (step,), (v,))[1], eye)
        return jax.tree_util.tree_map(lambda leaf: jnp.moveaxis(leaf, 0, -1), first)

    # linear in what follows: the sources are drawn once, not once per direction
    _, bend = jax.linearize(slopes_of, start)
    bent = _bent(problem, jax.lax.map(bend, eye))
    if problem.columns.local is None:
        return (matrices[0] + jnp.sum(bent, axis=0),), ()
    return (), (matrices[0] + bent,)


def _in_pairs(problem: Problem, x: Array) -> Matrix:
    numbers = range(len(problem.buckets))
    found = [over_pieces(of_bucket(problem, n), functools.partial(_pairs_piece, x)) for n in numbers]
    blocks = [(*sums, *each)[0] for sums, each in found]
    return assemble(problem.columns, [jnp.zeros(block.shape[:-1], x.dtype) for block in blocks], blocks)[1]


def hessian(problem: Problem, x: Array) -> Matrix:
    """Return the second derivatives of the fit statistic.

    With the prediction μ, :math:`H = J^T W'' J + \\sum W' \\mu''`; both terms are taken part by part, along pairs of
    colours. Where there are more of these than twice the directions that tell all (as many as parameters; where most
    act on one dataset each, as many as one dataset has), differentiating the gradient along these is cheaper.
    """
    directions = directions_of(problem.columns)
    is_reverse = len(problem.columns.directions) ** 2 > 2 * len(directions)
    matrix = _in_reverse(problem, x, directions) if is_reverse else _in_pairs(problem, x)
    if not has_priors(problem):
        return matrix
    prior = jax.grad(lambda x: prior_of_theta(problem, full_theta(problem, x)))
    if problem.columns.local is None:
        return matrix + jax.jacfwd(prior)(x)
    # of one parameter each
    return add_diagonal(problem.columns, matrix, jax.jvp(prior, (x,), (jnp.ones_like(x),))[1])


def _bent(problem: Problem, second: Parts) -> Array:
    """Return second derivatives along pairs of colours as matrices of each dataset's parameters, (datasets, q, q).

    Parameters
    ----------
    problem
        The likelihood of one bucket.
    second
        Per part the weighed second derivatives: (colours, ..., colours), where ``...`` is the axes of `Columns`.
    """
    where, q = problem.columns, width(problem, 0)
    matrix = jnp.zeros((len(problem.buckets[0].mask), q, q), problem.table.value.dtype)
    for (group,), (at,) in zip(second.sources, where.sources):
        matrix += jnp.einsum("isdj,sdik,sdjl->dkl", group, at, at, precision="highest")
    (values,), (acts,) = second.backgrounds, where.backgrounds
    if values is not None and acts is not None:
        few = acts.shape[1]
        matrix += jnp.einsum("idj,dik,djl->dkl", values[:few, :, :few], acts, acts, precision="highest")
    for bend, at, template in zip(second.templates[0], where.templates[0], problem.templates[0]):
        bend = bend[: at.shape[1], :, : at.shape[1]]
        pair = jnp.einsum("ipj,pik,pjl->pkl", bend, at, at, precision="highest")
        matrix = matrix.at[template.dataset].add(pair)
    return matrix

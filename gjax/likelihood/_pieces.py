"""Problems of a few datasets of one kind: what is summed over datasets is taken piece by piece.

A program for many cubes at once would hold all their pixels for every derivative, and XLA would compile loops around
every operation. A loop around the whole, over pieces of a few cubes, takes as much memory and as long to compile as
those few.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding import numbers_of, own_leaves
from gjax.likelihood._problem import Problem

__all__ = ["dataset_axes", "of_bucket", "over_pieces"]

#: How many numbers the pixels and photons of the datasets of a piece may take.
_AT_ONCE = 1_500_000


def _everywhere(tree: Any, axis: int) -> Any:
    return jax.tree_util.tree_map(lambda _: axis, tree)


def _temporal_axes(temporal: Sequence[tuple[Any, Any]] | None) -> Any:
    if temporal is None:
        return None
    return tuple(
        (_everywhere(skeleton, 1 if skeleton.is_by_dataset else -1), _everywhere(times, 1))
        for skeleton, times in temporal
    )


def dataset_axes(problem: Problem) -> Problem:
    """Return the problem with the number of the dataset axis in place of every array, -1 where there is none."""
    axes: Any = _everywhere(problem, -1)

    def fold(tree: Any) -> Any:
        # a leading axis of sources, then that of datasets
        return jax.tree_util.tree_map(lambda own: 1 if own else -1, own_leaves(tree))

    groups = tuple(
        eqx.tree_at(
            lambda g: (g.applies, g.folds, g.temporal),
            at,
            (
                tuple(1 for _ in group.applies),
                tuple(None if f is None else fold(f) for f in group.folds),
                _temporal_axes(group.temporal),
            ),
            is_leaf=lambda node: node is None,
        )
        for at, group in zip(axes.groups, problem.groups)
    )
    columns = eqx.tree_at(
        lambda c: (c.sources, c.backgrounds, c.local),
        axes.columns,
        tuple(
            _everywhere(part, i)
            for part, i in zip((problem.columns.sources, problem.columns.backgrounds, problem.columns.local), (1, 0, 0))
        ),
        is_leaf=lambda node: node is None,
    )
    return eqx.tree_at(
        lambda p: (p.groups, p.buckets, p.instruments, p.backgrounds, p.columns),
        axes,
        (
            groups,
            _everywhere(problem.buckets, 0),
            _everywhere(problem.instruments, 0),
            _everywhere(problem.backgrounds, 0),
            columns,
        ),
        is_leaf=lambda node: node is None,
    )


def of_bucket(problem: Problem, number: int) -> Problem:
    """Return the problem of one bucket alone.

    Parameters
    ----------
    problem
        The likelihood.
    number
        Position of the bucket.
    """

    def only(per_bucket: Any) -> Any:
        return None if per_bucket is None else (per_bucket[number],)

    groups = tuple(
        dataclasses.replace(g, applies=only(g.applies), folds=only(g.folds), temporal=only(g.temporal))
        for g in problem.groups
    )
    where = problem.columns
    columns = dataclasses.replace(
        where,
        sources=tuple(only(group) for group in where.sources),
        backgrounds=only(where.backgrounds),
        templates=only(where.templates),
        local=only(where.local),
    )
    return Problem(
        problem.table,
        problem.index,
        groups,
        only(problem.buckets),
        only(problem.instruments),
        only(problem.backgrounds),
        only(problem.templates),
        columns,
        problem.n_devices,
    )


def _piece_size(problem: Problem) -> int:
    """Return how many datasets of a problem of one bucket make a piece: a divisor of their number, for all devices."""
    size = len(problem.buckets[0].mask)
    folds = [group.folds[0] for group in problem.groups]
    each = sum(len(fold.bins) * numbers_of(fold) for fold in folds if fold is not None)
    if not each or problem.templates[0]:
        return size
    devices = problem.n_devices
    most = devices * max(1, _AT_ONCE // each)
    return next(n for n in range(min(size, most), 0, -1) if size % n == 0 and n % devices == 0)


def over_pieces(
    problem: Problem, function: Callable[[Problem], tuple[tuple[Array, ...], tuple[Array, ...]]]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Evaluate a function on pieces of a problem of one bucket, one after the other.

    Parameters
    ----------
    problem
        The likelihood of one bucket, see `of_bucket`.
    function
        Returns sums over datasets, and arrays with a leading axis of datasets.

    Returns
    -------
    sums, each
        The same for all datasets.
    """
    size, step = len(problem.buckets[0].mask), _piece_size(problem)
    if step == size:
        return function(problem)
    number, axes = size // step, dataset_axes(problem)

    def piece(i: Array) -> Any:
        def part(leaf: Any, axis: int) -> Any:
            if axis < 0:
                return leaf
            # every device has datasets of every piece
            apart = leaf.reshape(*leaf.shape[:axis], step, number, *leaf.shape[axis + 1 :])
            return jax.lax.dynamic_index_in_dim(apart, i, axis + 1, keepdims=False)

        return function(jax.tree_util.tree_map(part, problem, axes))

    sums, each = jax.lax.map(piece, jnp.arange(number))
    return (
        tuple(jnp.sum(values, axis=0) for values in sums),
        tuple(jnp.swapaxes(values, 0, 1).reshape(size, *values.shape[2:]) for values in each),
    )

"""The datasets of a problem spread over devices."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from gjax.folding import PointShape, RadialShape, fold_axes
from gjax.freeze._temporal import temporal_axes
from gjax.likelihood import AbstractCubes, Problem

__all__ = ["replicated", "spread_problem"]


def _everywhere(tree: Any, axis: int | None) -> Any:
    return jax.tree_util.tree_map(lambda _: -1 if axis is None else axis, tree)


def _dataset_axes(problem: Problem) -> Problem:
    """Return the problem with the number of the dataset axis in place of every array, -1 where there is none."""
    axes: Any = _everywhere(problem, None)

    def fold(tree: Any) -> Any:
        # a leading axis of sources, then that of datasets; None marks what all datasets share
        own = fold_axes(tree)
        return jax.tree_util.tree_map(lambda a: -1 if a is None else 1, own, is_leaf=lambda a: a is None)

    groups = tuple(
        eqx.tree_at(
            lambda g: (g.applies, g.folds, g.temporal),
            at,
            (
                tuple(1 for _ in group.applies),
                tuple(None if f is None else fold(f) for f in group.folds),
                temporal_axes(group.temporal),
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


def _grown(problem: Problem, number: int) -> Problem:
    """Return a problem on the host whose numbers of datasets are multiples of ``number``; what is added counts nothing.

    Parameters
    ----------
    problem
        The likelihood.
    number
        Number of devices.
    """

    def grown(leaf: Any, axis: int) -> Any:
        array = np.asarray(leaf)
        room = -array.shape[axis] % number if axis >= 0 else 0
        return np.concatenate([array, np.repeat(array.take([0], axis), room, axis)], axis) if room else array

    larger = jax.tree_util.tree_map(grown, problem, _dataset_axes(problem))

    def silent(leaf: Any, real: Any, axis: int) -> Any:
        counts = (np.arange(leaf.shape[axis]) < real.shape[axis]).reshape([-1] + [1] * (leaf.ndim - 1 - axis))
        return np.where(counts, leaf, np.zeros_like(leaf))

    def switches(p: Problem) -> list[Any]:
        found = [bucket.mask for bucket in p.buckets]
        found += [bucket.constant for bucket in p.buckets if isinstance(bucket, AbstractCubes)]
        return found + [leaf for leaf in p.columns.backgrounds if leaf is not None]

    def shares(p: Problem) -> list[Any]:
        return [leaf for group in p.groups for leaf in group.applies] + jax.tree_util.tree_leaves(p.columns.sources)

    for where, axis in ((switches, 0), (shares, 1)):
        new = [silent(leaf, real, axis) for leaf, real in zip(where(larger), where(problem))]
        larger = eqx.tree_at(where, larger, new)
    if problem.columns.local is not None:
        k, real = problem.columns.directions.shape[1], problem.columns.local
        nobody = [
            np.concatenate([at, np.full((len(new) - len(at), at.shape[1]), k, at.dtype)])
            for at, new in zip(map(np.asarray, real), larger.columns.local)
        ]
        larger = eqx.tree_at(lambda p: p.columns.local, larger, tuple(nobody))
    return larger


def replicated(devices: Sequence[Any]) -> Any:
    """Return the sharding of an array that every device holds."""
    return jax.sharding.NamedSharding(jax.sharding.Mesh(np.array(devices), ("datasets",)), jax.sharding.PartitionSpec())


def spread_problem(problem: Problem, devices: Sequence[Any]) -> Problem:
    """Return a problem whose datasets lie on several devices; everything else lies on all of them.

    The same programs act on it: XLA splits what is mapped over datasets and adds what is summed over them.

    Parameters
    ----------
    problem
        The likelihood.
    devices
        JAX devices, of this process or of several.
    """
    mesh = jax.sharding.Mesh(np.array(devices), ("datasets",))

    def sharding(axis: int) -> Any:
        spec = [None] * axis + ["datasets"] if axis >= 0 else []
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec))

    def spread(node: Any) -> Any:
        return dataclasses.replace(node, is_spread=True) if isinstance(node, RadialShape | PointShape) else node

    larger = _grown(problem, len(devices))
    larger = jax.tree_util.tree_map(spread, larger, is_leaf=lambda node: isinstance(node, RadialShape | PointShape))
    return jax.tree_util.tree_map(
        lambda leaf, axis: jax.device_put(leaf, sharding(axis)), larger, _dataset_axes(larger)
    )

"""The datasets of a problem spread over devices."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from gjax.folding import PointShape, RadialShape
from gjax.likelihood import AbstractCubes, Problem, dataset_axes

__all__ = ["replicated", "spread_problem"]


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

    larger = jax.tree_util.tree_map(grown, problem, dataset_axes(problem))

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

    larger = dataclasses.replace(_grown(problem, len(devices)), n_devices=len(devices))
    larger = jax.tree_util.tree_map(spread, larger, is_leaf=lambda node: isinstance(node, RadialShape | PointShape))
    return jax.tree_util.tree_map(lambda leaf, axis: jax.device_put(leaf, sharding(axis)), larger, dataset_axes(larger))

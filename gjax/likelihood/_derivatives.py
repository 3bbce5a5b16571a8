"""Derivatives of the prediction, part by part, and their sums over bins; see `Columns`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding import CubeFold
from gjax.likelihood._problem import (
    Parts,
    Problem,
    full_theta,
    predict_behind,
    predict_parts,
    predict_sources,
    sum_parts,
)

__all__ = ["along", "blocks", "is_large", "linearised", "products", "project", "width"]


class _Block(NamedTuple):
    """Derivatives of one bucket: columns (datasets, columns, bins), and which parameter each is of."""

    columns: Array
    places: Array


def blocks(problem: Problem, columns: Parts, number: int) -> tuple[_Block, list[tuple[Array, Array, Array]]]:
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
        found.append(jnp.swapaxes(background[: acts.shape[1]], 0, 1))
        places.append(acts)
    datasets, bins = problem.buckets[number].mask.shape
    found.append(jnp.zeros((datasets, 0, bins)))
    places.append(jnp.zeros((datasets, 0, width(problem, number))))
    block = _Block(jnp.concatenate(found, axis=1), jnp.concatenate(places, axis=1))
    extra = [
        (jnp.swapaxes(values[: where.shape[1]], 0, 1), where, group.dataset)
        for values, where, group in zip(
            columns.templates[number], problem.columns.templates[number], problem.templates[number]
        )
    ]
    return block, extra


def width(problem: Problem, number: int) -> int:
    """Return how many parameters a dataset of a bucket can tell apart: its own and the shared ones, or all."""
    columns = problem.columns
    if columns.local is None or columns.shared is None:
        return columns.directions.shape[1]
    return len(columns.shared) + columns.local[number].shape[1]


def project(block: _Block, extra: Sequence[tuple[Array, Array, Array]]) -> Array:
    """Return the derivatives by the parameters of each dataset, shape (datasets, q, bins)."""
    full = jnp.einsum("dmk,dmb->dkb", block.places, block.columns, precision="highest")
    for columns, places, dataset in extra:
        full = full.at[dataset].add(jnp.einsum("pck,pcb->pkb", places, columns, precision="highest"))
    return full


def products(
    problem: Problem, columns: Parts, slopes: Sequence[Array], weights: Sequence[Array]
) -> tuple[list[Array], list[Array]]:
    """Return the sums of slope times derivative, and of weight times derivative times derivative, as `assemble` asks.

    Parameters
    ----------
    problem
        The likelihood.
    columns
        The parts of the prediction along every colour.
    slopes, weights
        Per bucket, shape (datasets, bins).
    """
    # dense matrices are summed over datasets on the way
    d = "" if problem.columns.local is None else "d"
    vectors, matrices = [], []
    for number, (slope, weight) in enumerate(zip(slopes, weights)):
        block, extra = blocks(problem, columns, number)
        m, q = block.columns.shape[1], width(problem, number)
        if extra or q * (m + q) <= m * m:
            full = project(block, extra)
            vectors.append(jnp.einsum(f"dkb,db->{d}k", full, slope, precision="highest"))
            matrices.append(jnp.einsum(f"dkb,dlb->{d}kl", full * weight[:, None], full, precision="highest"))
            continue
        total = jnp.einsum("dmb,db->dm", block.columns, slope, precision="highest")
        vectors.append(jnp.einsum(f"dm,dmk->{d}k", total, block.places, precision="highest"))
        local = jnp.einsum("dmb,dnb->dmn", block.columns * weight[:, None], block.columns, precision="highest")
        matrices.append(jnp.einsum(f"dmk,dmn,dnl->{d}kl", block.places, local, block.places, precision="highest"))
    return vectors, matrices


def is_large(problem: Problem) -> bool:
    """Tell whether the pixels of all colours at once take more memory than 200 MB; then it is one after the other."""
    folds = [fold for group in problem.groups for fold in group.folds if isinstance(fold, CubeFold)]
    return len(problem.columns.directions) * sum(fold.weights.size + fold.photons.size for fold in folds) > 25_000_000


def _theta_along(problem: Problem, x: Array) -> Callable[[Array], Array]:
    """Return the values of all parameters as a function of steps along the colours."""
    return lambda step: full_theta(problem, x + step @ problem.columns.directions)


def along(problem: Problem, x: Array, order: int) -> Callable[[Array], Parts]:
    """Return the prediction part by part as a function of steps along the colours."""
    theta = _theta_along(problem, x)
    return lambda step: predict_parts(problem, theta(step), order)


def linearised(problem: Problem, x: Array, order: int = 1) -> tuple[tuple[Array, ...], Parts]:
    """Return the prediction per bucket, and the parts of its derivatives along every colour that they may have."""
    size = len(problem.columns.directions)
    each = jax.lax.map if is_large(problem) else lambda f, v: jax.vmap(f)(v)
    theta, moved = jax.linearize(_theta_along(problem, x), jnp.zeros(size, x.dtype))
    tangents = jax.vmap(moved)(jnp.eye(size, dtype=x.dtype))
    sources, push = jax.linearize(lambda theta: predict_sources(problem, theta, order), theta)
    behind, push_behind = jax.linearize(lambda theta: predict_behind(problem, theta), theta)
    found = each(push_behind, tangents[: _low_colours(problem)])
    return sum_parts(problem, Parts(sources, *behind)), Parts(each(push, tangents), *found)


def _low_colours(problem: Problem) -> int:
    """Return how many colours the parameters of backgrounds and templates have."""
    few = jax.tree_util.tree_leaves((problem.columns.backgrounds, problem.columns.templates))
    return max((leaf.shape[-2] for leaf in few), default=0)

"""The joint likelihood as one pytree of arrays, and its pure functions.

Everything that can change between two fits (data, values, the free set, bounds, priors, links) is an array
leaf of `Problem`, so one compiled program serves them all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding import FixedFold, RadialFold, cube_bins, fixed_bins, fold_cube, fold_spectrum, scaled_edges
from gjax.likelihood._backgrounds import BackgroundGroup, TemplateGroup, cube_background, template_npred
from gjax.likelihood._buckets import AbstractBucket, AbstractCubes, CashCubes, FluxPointSets
from gjax.likelihood._columns import Columns
from gjax.parameters import FrozenTable, fill, prior_statistic

__all__ = [
    "Parts",
    "Problem",
    "SourceGroup",
    "cube_npred",
    "full_theta",
    "predict",
    "predict_parts",
    "predict_sources",
    "statistic",
    "statistic_of_prediction",
    "sum_parts",
]


class SourceGroup(eqx.Module):
    """Sources of one kind of model, stacked.

    Parameters
    ----------
    skeleton
        The spectral model with index slots; every leaf has a leading source axis.
    spatial
        The same for the spatial model; None for sources without one.
    applies
        One array per bucket, shape (sources, datasets): 1 where the source shines on the dataset.
    folds
        Per bucket of cubes what the source needs of each dataset, leaves of shape (sources, datasets, ...); else None.
    """

    skeleton: Any
    spatial: Any
    applies: tuple[Array, ...]
    folds: tuple[RadialFold | FixedFold | None, ...]


class Problem(eqx.Module):
    """A joint likelihood.

    Parameters
    ----------
    table
        Values, bounds, scales and priors of all n parameters.
    index
        Entries of the free vector in the table, shape (k,); n marks an unused place.
    groups
        The sources.
    buckets
        The data.
    energy_scale, exposure_norm
        Per bucket, for every dataset the entry of the table that holds the nuisance; n is 0, n + 1 is 1. None where
        no instrument has nuisances: differentiating by bin edges doubles the time to compile.
    backgrounds
        Per bucket of cubes the models of the background, or None.
    templates
        Per bucket the templates of counts.
    columns
        Which free parameters act on what.
    """

    table: FrozenTable
    index: Array
    groups: tuple[SourceGroup, ...]
    buckets: tuple[AbstractBucket, ...]
    energy_scale: tuple[Array, ...] | None
    exposure_norm: tuple[Array, ...] | None
    backgrounds: tuple[BackgroundGroup | None, ...]
    templates: tuple[tuple[TemplateGroup, ...], ...]
    columns: Columns


def full_theta(problem: Problem, x: Array) -> Array:
    """Return all parameters, given the free ones in units of their scales."""
    scale = problem.table.scale.at[problem.index].get(mode="fill", fill_value=1.0)
    return problem.table.value.at[problem.index].set(x * scale, mode="drop")


def _nuisances(problem: Problem, number: int, theta: Array) -> tuple[Array, Array]:
    """Return energy scale and exposure norm of every dataset of a bucket."""
    assert problem.energy_scale is not None
    assert problem.exposure_norm is not None
    extended = jnp.concatenate([theta, jnp.array([0.0, 1.0], theta.dtype)])
    return extended[problem.energy_scale[number]], extended[problem.exposure_norm[number]]


def _signal(group: SourceGroup, number: int, problem: Problem, theta: Array) -> Array:
    """Return the prediction of every source of a group for one bucket, shape (sources, datasets, bins)."""
    bucket: Any = problem.buckets[number]
    has_nuisances = problem.energy_scale is not None
    z, norm = _nuisances(problem, number, theta) if has_nuisances else (None, None)

    def fold(model: Any) -> Array:
        if isinstance(bucket, FluxPointSets):
            if z is None:
                return model.evaluate(bucket.energy)
            # a stretched energy axis: dN/dE(E / (1 + z)) / (1 + z)
            return model.evaluate(bucket.energy / (1 + z)[:, None]) / (1 + z)[:, None]
        edges = bucket.edges if z is None else scaled_edges(bucket.edges, z)
        return fold_spectrum(model.integrate(edges[:, :-1], edges[:, 1:]), bucket.exposure, bucket.edisp)

    def one(skeleton: Any, spatial: Any, applies: Array, folds: Any) -> Array:
        factor = applies if norm is None else norm * applies
        model = fill(skeleton, theta)
        if not isinstance(bucket, AbstractCubes):
            return fold(model) * factor[:, None]
        edges = bucket.edges if z is None else scaled_edges(bucket.edges, z)
        flux = model.integrate(edges[:, :-1], edges[:, 1:]) * factor[:, None]
        return jax.vmap(cube_signal, in_axes=(0, 0, None))(flux, folds, fill(spatial, theta))

    folds = group.folds[number]
    if isinstance(bucket, AbstractCubes) and folds is None:
        return jnp.zeros((group.applies[number].shape[0], *bucket.mask.shape), theta.dtype)
    return jax.vmap(one)(group.skeleton, group.spatial, group.applies[number], folds)


def cube_npred(group: SourceGroup, number: int, problem: Problem, theta: Array) -> Array | None:
    """Return the counts of a group of sources on their cutouts, shape (sources, datasets, pixels, energy).

    For sources folded once it is their flux in true energy, shape (sources, datasets, energy_true); None for buckets
    that hold no cubes.

    Parameters
    ----------
    group
        The sources.
    number
        Number of the bucket.
    problem
        The likelihood.
    theta
        All parameters.
    """
    bucket: Any = problem.buckets[number]
    folds = group.folds[number]
    if folds is None:
        return None

    def one(skeleton: Any, spatial: Any, applies: Array, folds: Any) -> Array:
        edges, factor = bucket.edges, applies
        if problem.energy_scale is not None:
            z, norm = _nuisances(problem, number, theta)
            edges, factor = scaled_edges(edges, z), norm * applies
        flux = fill(skeleton, theta).integrate(edges[:, :-1], edges[:, 1:]) * factor[:, None]
        if isinstance(folds, FixedFold):
            return flux
        return jax.vmap(fold_cube, in_axes=(0, 0, None))(flux, folds, fill(spatial, theta))

    return jax.vmap(one)(group.skeleton, group.spatial, group.applies[number], folds)


def cube_signal(flux: Array, fold: Any, spatial: Any) -> Array:
    """Return the prediction of a source in the bins with counts, and in the others summed per energy."""
    if isinstance(fold, FixedFold):
        return fixed_bins(flux, fold)
    return cube_bins(fold_cube(flux, fold, spatial), fold)


def predict_sources(problem: Problem, theta: Array) -> tuple[tuple[Array, ...], ...]:
    """Return the prediction of every source, as groups of buckets of shape (sources, datasets, bins)."""
    return tuple(
        tuple(_signal(group, number, problem, theta) for number in range(len(problem.buckets)))
        for group in problem.groups
    )


class Parts(NamedTuple):
    """The prediction part by part.

    Parameters
    ----------
    sources
        Per group and bucket, shape (sources, datasets, bins).
    backgrounds
        Per bucket of cubes with a known background, shape (datasets, bins + energy); else None.
    templates
        Per bucket and group of templates, shape (pairs, bins + energy).
    """

    sources: tuple[tuple[Array, ...], ...]
    backgrounds: tuple[Array | None, ...]
    templates: tuple[tuple[Array, ...], ...]


def predict_parts(problem: Problem, theta: Array) -> Parts:
    """Return the prediction of every source, background and template."""
    return Parts(
        predict_sources(problem, theta),
        tuple(
            cube_background(group, bucket, theta) if isinstance(bucket, CashCubes) else None
            for group, bucket in zip(problem.backgrounds, problem.buckets)
        ),
        tuple(
            tuple(template_npred(group, bucket, theta) for group in found)
            for found, bucket in zip(problem.templates, problem.buckets)
        ),
    )


def sum_parts(problem: Problem, parts: Parts) -> tuple[Array, ...]:
    """Return the whole prediction, one array (datasets, bins) per bucket."""
    total = []
    for number, bucket in enumerate(problem.buckets):
        start: Any = parts.backgrounds[number]
        mu = jnp.zeros(bucket.mask.shape, problem.table.value.dtype) if start is None else start
        for group, values in zip(problem.templates[number], parts.templates[number]):
            mu = mu.at[group.dataset].add(values)
        total.append(sum((jnp.sum(group[number], axis=0) for group in parts.sources), start=mu))
    return tuple(total)


def predict(problem: Problem, theta: Array) -> tuple[Array, ...]:
    """Return the summed prediction of all sources and templates, one array (datasets, bins) per bucket.

    That of cubes with a known background holds it.
    """
    return sum_parts(problem, predict_parts(problem, theta))


def statistic_of_prediction(problem: Problem, mu: tuple[Array, ...]) -> Array:
    """Return the statistic of the data, without priors."""
    return jnp.sum(jnp.stack([jnp.sum(bucket.statistic(m)) for bucket, m in zip(problem.buckets, mu)]))


def prior_of_theta(problem: Problem, theta: Array) -> Array:
    """Return ``-2 ln p`` of all priors on free parameters; a linked parameter counts once."""
    if problem.table.prior_kind is None or problem.table.prior_rows is None:
        return jnp.zeros((), theta.dtype)
    n = problem.table.value.shape[0]
    is_free = jnp.zeros(n, bool).at[problem.index].set(True, mode="drop")
    # out-of-support values of frozen parameters must not reach the sum, nor its gradient
    return jnp.sum(jnp.where(is_free, prior_statistic(theta, problem.table.prior_kind, problem.table.prior_rows), 0.0))


def statistic(problem: Problem, x: Array) -> Array:
    """Return the fit statistic (deviance plus priors) at the free vector ``x``."""
    theta = full_theta(problem, x)
    return statistic_of_prediction(problem, predict(problem, theta)) + prior_of_theta(problem, theta)

"""The joint likelihood as one pytree of arrays, and its pure functions.

Everything that can change between two fits (data, values, the free set, bounds, priors, links) is an array
leaf of `Problem`, so one compiled program serves them all.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding import (
    CubeFold,
    FixedFold,
    GridShape,
    cube_bins,
    fixed_bins,
    fold_axes,
    fold_spectrum,
    mapped,
    of_width,
    over_datasets,
    source_image,
)
from gjax.likelihood._backgrounds import BackgroundGroup, TemplateGroup, cube_background, template_npred
from gjax.likelihood._buckets import AbstractBucket, AbstractCubes, AbstractFluxPointSets, CashCubes
from gjax.likelihood._columns import Columns
from gjax.likelihood._instruments import Instruments, exposure_factor, moved_edges, psf_widths
from gjax.parameters import (
    FrozenTable,
    changing,
    fill,
    joint_statistic,
    prior_statistic,
)

__all__ = [
    "Parts",
    "Problem",
    "SourceGroup",
    "cube_images",
    "full_theta",
    "has_priors",
    "predict",
    "predict_behind",
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
    temporal
        Per bucket the temporal model with index slots, and the times of the datasets, leaves of shape (sources,
        datasets, ...); None for sources that are constant.
    is_known
        True if nothing of the sources is free, so that their counts per unit exposure are the same all along a fit.
    """

    skeleton: Any
    spatial: Any
    applies: tuple[Array, ...]
    folds: tuple[CubeFold | FixedFold | None, ...]
    temporal: tuple[tuple[Any, Any], ...] | None = None
    is_known: bool = eqx.field(static=True, default=False)


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
    instruments
        Per bucket the nuisances of its instruments; None where there are none.
    backgrounds
        Per bucket of cubes the models of the background, or None.
    templates
        Per bucket the templates of counts.
    columns
        Which free parameters act on what.
    n_devices
        Over how many devices datasets are spread.
    """

    table: FrozenTable
    index: Array
    groups: tuple[SourceGroup, ...]
    buckets: tuple[AbstractBucket, ...]
    instruments: tuple[Instruments, ...] | None
    backgrounds: tuple[BackgroundGroup | None, ...]
    templates: tuple[tuple[TemplateGroup, ...], ...]
    columns: Columns
    n_devices: int = eqx.field(static=True, default=1)


def full_theta(problem: Problem, x: Array) -> Array:
    """Return all parameters, given the free ones in units of their scales."""
    scale = problem.table.scale.at[problem.index].get(mode="fill", fill_value=1.0)
    return problem.table.value.at[problem.index].set(x * scale, mode="drop")


def _in_time(flux: Array, temporal: Any, energy: Array, theta: Array) -> Array:
    """Return the flux, shape (datasets, energies), times the mean of a temporal model in the times of each dataset.

    Parameters
    ----------
    flux
        Of a constant source.
    temporal
        The temporal model with index slots, and the times; None for a constant source.
    energy
        Energies [TeV] of the flux, or the edges of its bins, in whose logarithmic middles the model is evaluated.
    theta
        All parameters.
    """
    if temporal is None:
        return flux
    model, times = fill(temporal[0], theta), temporal[1]
    if not model.is_energy_dependent:
        return flux * model.average(times)[:, None]
    is_binned = energy.shape[1] > flux.shape[1]
    return flux * model.average(times, jnp.sqrt(energy[:, :-1] * energy[:, 1:]) if is_binned else energy)


def _signal(group: SourceGroup, number: int, problem: Problem, theta: Array, order: int | None) -> Array:
    """Return the prediction of every source of a group for one bucket, shape (sources, datasets, bins)."""
    bucket: Any = problem.buckets[number]
    instruments = None if problem.instruments is None else problem.instruments[number]
    factor, widths = exposure_factor(instruments, theta), psf_widths(instruments, theta)
    # what does not depend on the free vector leaves the loop of a fit, and has no derivatives
    own = problem.table.value if group.is_known else theta

    def seen(flux: Array) -> Array:
        return flux if factor is None else flux * factor

    def fold(model: Any, temporal: Any) -> Array:
        if isinstance(bucket, AbstractFluxPointSets):
            energy = moved_edges(instruments, bucket.energy, theta)
            # a stretched energy axis: dN/dE(E / (1 + z)) / (1 + z)
            flux = (
                model.evaluate(energy) if energy is bucket.energy else model.evaluate(energy) * energy / bucket.energy
            )
            return bucket.fold(seen(_in_time(flux, temporal, energy, own)))
        flux = _in_time(model.integrate(edges[:, :-1], edges[:, 1:]), temporal, edges, own)
        return fold_spectrum(seen(flux), bucket.exposure, bucket.edisp)

    def one(skeleton: Any, spatial: Any, temporal: Any, applies: Array, folds: Any) -> Array:
        model = fill(skeleton, own)
        if not isinstance(bucket, AbstractCubes):
            return fold(model, temporal) * applies[:, None]
        flux = seen(model.integrate(edges[:, :-1], edges[:, 1:]) * applies[:, None])
        flux = _in_time(flux, temporal, edges, own)
        if isinstance(folds, FixedFold):
            return over_datasets(fixed_bins, folds, flux, bucket.sums)
        model = {"spatial": fill(spatial, own), "changes": _changes(spatial, folds)}
        others = (flux, bucket.sums) if widths is None else (flux, bucket.sums, widths)
        return over_datasets(functools.partial(cube_bins, order=order, **model), folds, *others)

    is_flux = isinstance(bucket, AbstractFluxPointSets)
    edges: Any = None if is_flux else moved_edges(instruments, bucket.edges, theta)
    folds = group.folds[number]
    if isinstance(bucket, AbstractCubes) and folds is None:
        return jnp.zeros((group.applies[number].shape[0], *bucket.mask.shape), theta.dtype)
    axes = None if folds is None else fold_axes(folds)
    temporal = None if group.temporal is None else group.temporal[number]
    parts = group.skeleton, group.spatial, temporal, group.applies[number], folds
    return mapped(one, in_axes=(0, 0, 0, 0, axes))(*parts)


def cube_images(group: SourceGroup, number: int, problem: Problem, theta: Array) -> tuple[Array, Array | None] | None:
    """Return what images of a group of sources are made of, for a bucket of cubes; None for other buckets.

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

    Returns
    -------
    flux
        Photon flux of every source in true energy, shape (sources, datasets, energy_true).
    image
        The sources drawn on their cutouts, shape (sources, datasets, pixels, energies of the PSF); None for sources
        that are folded once.
    """
    bucket: Any = problem.buckets[number]
    folds = group.folds[number]
    if folds is None:
        return None
    axes = fold_axes(folds)
    instruments = None if problem.instruments is None else problem.instruments[number]
    factor, widths = exposure_factor(instruments, theta), psf_widths(instruments, theta)

    def one(skeleton: Any, spatial: Any, temporal: Any, applies: Array, folds: Any) -> tuple[Array, Array | None]:
        edges = moved_edges(instruments, bucket.edges, theta)
        flux = fill(skeleton, theta).integrate(edges[:, :-1], edges[:, 1:]) * applies[:, None]
        flux = flux if factor is None else flux * factor
        flux = _in_time(flux, temporal, edges, theta)
        if isinstance(folds, FixedFold):
            return flux, None
        model = fill(spatial, theta)
        if widths is None:
            image = jax.vmap(lambda shape: source_image(shape, model), in_axes=(axes.shape,))(folds.shape)
        else:
            drawn = jax.vmap(lambda shape, by: source_image(of_width(shape, by), model), in_axes=(axes.shape, 0))
            image = drawn(folds.shape, widths)
        return flux, image if folds.psf_is_reco else image[..., : flux.shape[-1]]

    temporal = None if group.temporal is None else group.temporal[number]
    parts = group.skeleton, group.spatial, temporal, group.applies[number], folds
    return jax.vmap(one, in_axes=(0, 0, 0, 0, axes))(*parts)


def _changes(spatial: Any, folds: CubeFold) -> Any:
    """Return True at the leaves of a spatial model that a fit may change; but for the position of a symmetric one."""
    changes = changing(spatial)
    if isinstance(folds.shape, GridShape):
        return changes
    # neither position nor ellipticity has a part in the profile of a symmetric model
    apart = [name for name in ("lon_0", "lat_0", "e", "phi") if hasattr(spatial, name)]
    return eqx.tree_at(lambda tree: [getattr(tree, name) for name in apart], changes, [False] * len(apart))


def predict_sources(problem: Problem, theta: Array, order: int | None = None) -> tuple[tuple[Array, ...], ...]:
    """Return the prediction of every source, as groups of buckets of shape (sources, datasets, bins).

    Parameters
    ----------
    problem
        The likelihood.
    theta
        All parameters.
    order
        How many derivatives will be taken: 0, 1 or 2, which is cheaper than not knowing (None).
    """
    return tuple(
        tuple(_signal(group, number, problem, theta, order) for number in range(len(problem.buckets)))
        for group in problem.groups
    )


class Parts(NamedTuple):
    """The prediction part by part.

    Parameters
    ----------
    sources
        Per group and bucket, shape (sources, datasets, bins).
    backgrounds
        Per bucket of cubes with a known background, shape (datasets, bins + sums); else None.
    templates
        Per bucket and group of templates, shape (pairs, bins + sums).
    """

    sources: tuple[tuple[Array, ...], ...]
    backgrounds: tuple[Array | None, ...]
    templates: tuple[tuple[Array, ...], ...]


def predict_parts(problem: Problem, theta: Array, order: int | None = None) -> Parts:
    """Return the prediction of every source, background and template; see `predict_sources`."""
    return Parts(predict_sources(problem, theta, order), *predict_behind(problem, theta))


def predict_behind(problem: Problem, theta: Array) -> tuple[tuple[Array | None, ...], tuple[tuple[Array, ...], ...]]:
    """Return the prediction of every background and template, as in `Parts`."""
    return (
        tuple(
            cube_background(group, bucket, theta) if isinstance(bucket, CashCubes) else None
            for group, bucket in zip(problem.backgrounds, problem.buckets)
        ),
        tuple(
            tuple(template_npred(group, bucket, theta) for group in found)
            for found, bucket in zip(problem.templates, problem.buckets)
        ),
    )


def _sum_of(sources: Array) -> Array:
    """Return the sum over the leading axis, as a product: some compilers take ten times as long for a sum."""
    if len(sources) == 1:
        return sources[0]
    ones = jnp.ones((1, len(sources)), sources.dtype)
    flat = jnp.matmul(ones, sources.reshape(len(sources), -1), precision="highest")
    return flat.reshape(sources.shape[1:])


def sum_parts(problem: Problem, parts: Parts) -> tuple[Array, ...]:
    """Return the whole prediction, one array (datasets, bins) per bucket."""
    total = []
    for number, bucket in enumerate(problem.buckets):
        start: Any = parts.backgrounds[number]
        mu = jnp.zeros(bucket.mask.shape, problem.table.value.dtype) if start is None else start
        for group, values in zip(problem.templates[number], parts.templates[number]):
            mu = mu.at[group.dataset].add(values)
        total.append(sum((_sum_of(group[number]) for group in parts.sources), start=mu))
    return tuple(total)


def predict(problem: Problem, theta: Array, order: int | None = None) -> tuple[Array, ...]:
    """Return the summed prediction of all sources and templates, one array (datasets, bins) per bucket.

    That of cubes with a known background holds it.

    Parameters
    ----------
    problem
        The likelihood.
    theta
        All parameters.
    order
        How many derivatives will be taken: 0, 1 or 2, which is cheaper than not knowing (None).
    """
    return sum_parts(problem, predict_parts(problem, theta, order))


def statistic_of_prediction(problem: Problem, mu: tuple[Array, ...]) -> Array:
    """Return the statistic of the data, without priors."""
    return jnp.sum(jnp.stack([jnp.sum(bucket.statistic(m)) for bucket, m in zip(problem.buckets, mu)]))


def has_priors(problem: Problem) -> bool:
    """Tell whether any parameter has a prior."""
    return problem.table.prior_kind is not None or problem.table.joint is not None


def prior_of_theta(problem: Problem, theta: Array) -> Array:
    """Return ``-2 ln p`` of all priors on free parameters; a linked parameter counts once."""
    if not has_priors(problem):
        return jnp.zeros((), theta.dtype)
    n = problem.table.value.shape[0]
    is_free = jnp.zeros(n, bool).at[problem.index].set(True, mode="drop")
    total = jnp.zeros((), theta.dtype)
    if problem.table.joint is not None:
        total = joint_statistic(problem.table.joint, theta, is_free)
    if problem.table.prior_kind is None or problem.table.prior_rows is None:
        return total
    # out-of-support values of frozen parameters must not reach the sum, nor its gradient
    each = prior_statistic(theta, problem.table.prior_kind, problem.table.prior_rows)
    return jnp.sum(jnp.where(is_free, each, 0.0)) + total


def statistic(problem: Problem, x: Array, order: int | None = None) -> Array:
    """Return the fit statistic: deviance plus priors.

    Parameters
    ----------
    problem
        The likelihood.
    x
        The free vector, in units of the scales.
    order
        How many derivatives will be taken: 0, 1 or 2, which is cheaper than not knowing (None).
    """
    theta = full_theta(problem, x)
    return statistic_of_prediction(problem, predict(problem, theta, order)) + prior_of_theta(problem, theta)

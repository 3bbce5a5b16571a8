"""What is predicted for cubes besides sources: backgrounds with their factors, and templates of counts."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.folding import mapped
from gjax.parameters import fill

__all__ = [
    "BackgroundGroup",
    "BackgroundShape",
    "TemplateGroup",
    "background_factors",
    "background_norms",
    "cube_background",
    "template_factors",
    "template_npred",
]


class BackgroundShape(eqx.Module):
    """How the backgrounds of one bucket of cubes vary over the field of view.

    Parameters
    ----------
    gradients
        Slots of the gradients in longitude and latitude [deg-1], leading dataset axis.
    spatial
        Another factor on the sky with index slots, leading dataset axis; or None.
    x, y
        Offsets of the pixels from the centre of the geometry [deg], shape (datasets, pixels).
    lon, lat
        The pixels in the frame of ``spatial`` [deg], same shape.
    rest
        Background of the bins without counts, shape (datasets, energy, pixels).
    pixel
        Pixel of each bin with counts, shape (datasets, bins).
    """

    gradients: tuple[Any, Any]
    spatial: Any
    x: Array
    y: Array
    lon: Array
    lat: Array
    rest: Array
    pixel: Array


class BackgroundGroup(eqx.Module):
    """The factors on the backgrounds of one bucket of cubes.

    Parameters
    ----------
    skeleton
        A dimensionless spectral model with index slots; every leaf has a leading dataset axis.
    has_model
        Which datasets have one; the background of the others stays as it is.
    shape
        Factors over the field of view; None where no model has one.
    """

    skeleton: Any
    has_model: Array
    shape: BackgroundShape | None = None


class TemplateGroup(eqx.Module):
    """Templates of counts with factors of one kind, for one bucket of cubes: pairs of a template and a dataset.

    Parameters
    ----------
    skeleton
        A dimensionless spectral model with index slots; every leaf has a leading axis over pairs.
    occupied
        The template in the bins with counts, shape (pairs, bins).
    rest
        The template summed over the other bins of each energy, shape (pairs, energy).
    dataset
        Row of the bucket that it is added to, shape (pairs,).
    """

    skeleton: Any
    occupied: Array
    rest: Array
    dataset: Array


def background_norms(group: BackgroundGroup | None, bucket: Any, theta: Array) -> Array:
    """Return the factor on the background that depends on energy, shape (datasets, energy).

    Parameters
    ----------
    group
        The models; None for ones.
    bucket
        The cubes.
    theta
        Values of all parameters.
    """
    if group is None:
        return jnp.ones_like(bucket.energy)
    norms = mapped(lambda skeleton, energy: fill(skeleton, theta).evaluate(energy))(group.skeleton, bucket.energy)
    return jnp.where(group.has_model[:, None], norms, 1.0)


def background_factors(group: BackgroundGroup | None, theta: Array) -> Array | None:
    """Return the factor on the background that depends on the pixel, shape (datasets, pixels); None without one.

    Parameters
    ----------
    group
        The models.
    theta
        Values of all parameters.
    """
    if group is None or group.shape is None:
        return None

    def one(shape: BackgroundShape) -> Array:
        lon, lat = fill(shape.gradients, theta)
        factor = jnp.exp(lon * shape.x + lat * shape.y)
        return factor if shape.spatial is None else factor * fill(shape.spatial, theta).evaluate(shape.lon, shape.lat)

    return jnp.where(group.has_model[:, None], mapped(one)(group.shape), 1.0)


def cube_background(group: BackgroundGroup | None, bucket: Any, theta: Array) -> Array:
    """Return the background of a bucket of cubes, shape (datasets, bins + sums).

    Parameters
    ----------
    group
        The models that act on it.
    bucket
        Cubes with a known background.
    theta
        Values of all parameters.
    """
    norms = background_norms(group, bucket, theta)
    factors = background_factors(group, theta)
    occupied = bucket.background * jnp.take_along_axis(norms, bucket.energy_bin, axis=1)
    rest = bucket.background_rest
    if group is not None and group.shape is not None and factors is not None:
        occupied = occupied * jnp.take_along_axis(factors, group.shape.pixel, axis=1)
        rest = jnp.einsum("dep,dp->de", group.shape.rest, factors, precision="highest")
    return jnp.concatenate([occupied, _summed(rest * norms, bucket.sums)], axis=1)


def _summed(values: Array, sums: Array) -> Array:
    return jnp.einsum("de,des->ds", values, sums, precision="highest")


def template_factors(group: TemplateGroup, bucket: Any, theta: Array) -> Array:
    """Return the factors on the templates of a group, shape (pairs, energy)."""
    energy = bucket.energy[group.dataset]
    return mapped(lambda skeleton, energy: fill(skeleton, theta).evaluate(energy))(group.skeleton, energy)


def template_npred(group: TemplateGroup, bucket: Any, theta: Array) -> Array:
    """Return the counts of the templates of a group, shape (pairs, bins + sums).

    Parameters
    ----------
    group
        The templates.
    bucket
        The cubes.
    theta
        Values of all parameters.
    """
    factors = template_factors(group, bucket, theta)
    occupied = group.occupied * jnp.take_along_axis(factors, bucket.energy_bin[group.dataset], axis=1)
    return jnp.concatenate([occupied, _summed(group.rest * factors, bucket.sums[group.dataset])], axis=1)

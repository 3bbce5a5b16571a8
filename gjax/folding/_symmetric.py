"""Symmetric sources on the pixels of a cutout: at the photons, and in sums over pixels; with their derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.folding._corners import Corners, fourfold_jets, with_factor
from gjax.folding._jets import Jets, jets_of, kept
from gjax.folding._radial import (
    chord_jets,
    chords,
    profile_coefficients,
    spline_jets,
    spline_profile,
    spline_sums,
    splines_at,
)

__all__ = [
    "Drawn",
    "PointShape",
    "Profiles",
    "RadialShape",
    "product",
    "profiles_of",
    "symmetric_draw",
    "symmetric_image",
    "symmetric_jets",
    "tangent_axes",
]

#: Coefficients of a profile and of its corners, shape (radii, energies).
Profiles = tuple[Array, Array | None]
#: What they make at the photons, (photons, energies), and in weighted sums over pixels, (maps, energies).
Drawn = tuple[Array, Array]


class RadialShape(eqx.Module):
    """What one symmetric source needs to be drawn on the pixels of a cutout.

    Parameters
    ----------
    vectors
        ICRS unit vectors of the pixels around the source, shape (pixels, 3).
    psf
        Hankel transform of PSF and pixel, shape (energies, modes).
    wavenumber, basis, step
        Modes [1/deg], their spline coefficients (radii, modes), and the distance of the chords [deg]; shared by all
        sources and datasets.
    corners, corner_basis
        What the corners of pixels add near the source, and spline coefficients of its modes, shape (radii, modes),
        which are shared as well; None where that is nothing.
    nodes
        Number of nodes for shapes that are sums over radii; see `AbstractShapeModel.radial_transform`.
    is_spread
        True where datasets lie on several devices.
    """

    vectors: Array
    psf: Array
    wavenumber: Array
    basis: Array
    step: Array
    corners: Corners | None = None
    corner_basis: Array | None = None
    nodes: int = eqx.field(static=True, default=64)
    is_spread: bool = eqx.field(static=True, default=False)


class PointShape(eqx.Module):
    """What one point source needs to be drawn on the pixels of a cutout: nothing of its profile changes.

    Parameters
    ----------
    vectors
        ICRS unit vectors of the pixels around the source, shape (pixels, 3).
    psf
        Spline coefficients of PSF and pixel, shape (radii, energies) [deg-2].
    step
        Distance of the chords [deg], shared by all sources and datasets.
    corners
        What the corners of pixels add near the source; None where that is nothing.
    is_spread
        True where datasets lie on several devices.
    """

    vectors: Array
    psf: Array
    step: Array
    corners: Corners | None = None
    is_spread: bool = eqx.field(static=True, default=False)


def product(*operands: Any) -> Array:
    """Return an `einsum` in full precision."""
    return jnp.einsum(*operands, precision="highest")


def tangent_axes(centre: Array) -> Array:
    """Return two axes of the tangent plane and the unit vector itself, shape (3, 3) (Duff et al. 2017, JCGT 6, 1)."""
    x, y, z = centre
    sign = jnp.where(z < 0, -1.0, 1.0).astype(centre.dtype)
    a = -1 / (sign + z)
    b = x * y * a
    return jnp.stack([1 + sign * x * x * a, sign * b, -sign * x, b, sign + y * y * a, -y, x, y, z]).reshape(3, 3)


def profiles_of(shape: RadialShape | PointShape, spatial: Any) -> Profiles:
    """Return spline coefficients of a source behind PSF and pixel, and of its corners, shape (radii, energies)."""
    corners = shape.corners
    if isinstance(shape, PointShape):
        return shape.psf, None if corners is None else corners.psf
    transform = spatial.radial_transform(shape.wavenumber, shape.nodes)
    main = profile_coefficients(shape.psf, transform, shape.basis)
    if corners is None or shape.corner_basis is None:
        return main, None
    return main, profile_coefficients(corners.psf, transform, shape.corner_basis)


def _add_first(values: Array, more: Array) -> Array:
    """Add an array to the first rows, shape (..., rows, energies)."""
    n = more.shape[-2]
    return jnp.concatenate([values[..., :n, :] + more, values[..., n:, :]], axis=-2)


def symmetric_image(shape: RadialShape | PointShape, spatial: Any) -> Array:
    """Return the density of a symmetric source on the pixels of its cutout [deg-2], shape (pixels, energies).

    Parameters
    ----------
    shape
        Pixels and PSF.
    spatial
        Spatial model with arrays in place of parameters.
    """
    main, corner = profiles_of(shape, spatial)
    centre = spatial.unit_vector("icrs")
    cell, four = splines_at(chords(shape.vectors, centre), shape.step, len(main))
    image = spline_profile(main, cell, four)
    if corner is None or shape.corners is None:
        return image
    near = shape.corners.pixels
    factor = fourfold_jets(shape.vectors[:near], tangent_axes(centre), shape.corners.axes, 0)[0]
    return _add_first(image, spline_profile(corner, cell[:near], four[:near] * factor[:, None]))


def _drawing(
    fold: Any, shape: RadialShape | PointShape, radius: Jets, tangent: Array, rows: int
) -> Callable[[Profiles, int], Drawn]:
    """Return a function that draws profiles, with the first so many of the derivatives by place.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    shape
        Its pixels and the PSF.
    radius
        Chords of the pixels.
    tangent
        Axes of the plane at the source, and its unit vector.
    rows
        Number of radii.
    """
    corners = shape.corners
    sums_of = functools.partial(spline_sums, rows=rows, is_spread=shape.is_spread)
    # pixels are summed before they meet the profile: one pass for all of its energies
    cell, four = spline_jets(radius, shape.step, rows)
    sums = sums_of(cell, four, fold.weights)
    here = jax.tree_util.tree_map(lambda leaf: leaf[..., fold.pixel], radius)
    there, seen_four = spline_jets(here, shape.step, rows)
    if corners is not None:
        near, first = corners.pixels, fold.pixel[: corners.photons]
        factor = fourfold_jets(shape.vectors[:near], tangent, corners.axes, len(radius.slope) + len(radius.bend))
        near_sums = sums_of(cell[:near], with_factor(four[:, :near], factor), fold.weights[:near])
        # among the first photons may be some of pixels further out
        factor = jnp.where(first < near, factor[:, jnp.minimum(first, near - 1)], 0.0)
        near_there = there[: corners.photons]
        near_four = with_factor(seen_four[:, : corners.photons], factor)

    def draw(profiles: Profiles, number: int) -> Drawn:
        main, corner = profiles
        seen = spline_profile(main, there, seen_four[:number])
        total = product("vrj,rk->vjk", sums[:number], main)
        if corner is None or corners is None:
            return seen, total
        seen = _add_first(seen, spline_profile(corner, near_there, near_four[:number]))
        return seen, total + product("vrj,rk->vjk", near_sums[:number], corner)

    return draw


def symmetric_draw(fold: Any, shape: RadialShape | PointShape, spatial: Any) -> Drawn:
    """Return a source at the photons, and in weighted sums over the pixels.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    shape
        Its pixels and the PSF.
    spatial
        Spatial model with arrays in place of parameters.
    """
    (main, corner), corners = profiles_of(shape, spatial), shape.corners
    sums_of = functools.partial(spline_sums, rows=len(main), is_spread=shape.is_spread)
    centre = spatial.unit_vector("icrs")
    cell, four = splines_at(chords(shape.vectors, centre), shape.step, len(main))
    seen = spline_profile(main, cell[fold.pixel], four[fold.pixel])
    total = product("rj,rk->jk", sums_of(cell, four, fold.weights), main)
    if corner is None or corners is None:
        return seen, total
    near, first = corners.pixels, fold.pixel[: corners.photons]
    four = four[:near] * fourfold_jets(shape.vectors[:near], tangent_axes(centre), corners.axes, 0)[0, :, None]
    four_seen = jnp.where((first < near)[:, None], four[jnp.minimum(first, near - 1)], 0.0)
    total = total + product("rj,rk->jk", sums_of(cell[:near], four, fold.weights[:near]), corner)
    return _add_first(seen, spline_profile(corner, cell[first], four_seen)), total


def symmetric_jets(
    fold: Any,
    shape: RadialShape | PointShape,
    axes: Array,
    profile: Callable[[Array], Profiles],
    form: Array,
    order: int,
) -> Jets:
    """Return a symmetric source with its derivatives by place and form.

    It is a product of splines, which depend on the place, and their coefficients, which depend on the form.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    shape
        Its pixels and the PSF.
    axes
        The tangent plane.
    profile
        Coefficients as a function of the form, shape (radii, energies), of the profile and of its corners.
    form
        Size of the source, width of the PSF; may be empty.
    order
        How many derivatives: 0, 1 or 2.
    """
    value, slope, bend = jets_of(profile, form, order)
    draw = _drawing(fold, shape, chord_jets(shape.vectors, axes, order), axes, len(value[0]))

    def meet(profiles: Any, number: int) -> Drawn:
        return kept(draw(profiles, number))

    def each(profiles: Any, k: int) -> Any:
        return jax.tree_util.tree_map(lambda leaf: leaf[k], profiles)

    def part(drawn: Drawn, first: int, last: int) -> Drawn:
        return drawn[0][first:last], drawn[1][first:last]

    alone = meet(value, (1, 3, 6)[order])
    found = alone[0][0], alone[1][0]
    if order == 0:
        return Jets(found)
    forms = range(len(form) if slope else 0)
    by_form = [meet(each(slope[0], m), 3 if order == 2 else 1) for m in forms]
    slopes = part(alone, 1, 3), *(part(drawn, 0, 1) for drawn in by_form)
    if order == 1:
        return Jets(found, slopes)
    bends = [part(alone, 3, 6)]
    for m, drawn in enumerate(by_form):
        # in the order of `pairs`: a form with the place, then with the forms before it and itself
        bends += [part(drawn, 1, 3)]
        bends += [meet(each(bend[0], m * (m + 1) // 2 + n), 1) for n in range(m + 1)]
    return Jets(found, slopes, tuple(bends))

"""Symmetric sources on the pixels of a cutout: at the photons, and in sums over pixels."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.folding._corners import Corners, fourfold_jets
from gjax.folding._radial import (
    cells,
    chords,
    profile_coefficients,
    spline_profile,
    spline_sums,
    splines_at,
)
from gjax.folding._splines import cubics, spline_rows

__all__ = [
    "PointShape",
    "Profiles",
    "RadialShape",
    "Rows",
    "Seen",
    "add_first",
    "near_photons",
    "product",
    "profiles_of",
    "seen_at",
    "symmetric_draw",
    "symmetric_image",
    "tangent_axes",
]

#: Coefficients of a profile and of its corners, shape (radii, energies).
Profiles = tuple[Array, Array | None]
#: A source at the photons per unit flux, its corners at the first of them, and the factors on these; see `seen_at`.
Seen = tuple[Array, Array | None, Array | None]
#: A profile at photons and its derivatives by the place in a cell.
Rows = tuple[Array, ...]


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


def add_first(values: Array, more: Array) -> Array:
    """Add an array to the first entries of another."""
    n = len(more)
    return jnp.concatenate([values[:n] + more, values[n:]])


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
    return add_first(image, spline_profile(corner, cell[:near], four[:near] * factor[:, None]))


def seen_at(
    fold: Any, is_spread: bool, at: tuple[Array, Array], table: Array, orders: tuple[int, ...]
) -> tuple[Array, ...]:
    """Return what a profile gives per unit flux to the first photons, with derivatives by the place in a cell.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    is_spread
        Whether datasets lie on several devices.
    at
        First spline and place in the cell, shape (first photons,).
    table
        Coefficients of the profile, shape (radii, energies).
    orders
        Which derivatives: 0 for the value.

    Returns
    -------
    seen
        Of shape (first photons, energy_true) each: times exposure and energy dispersion. Where the PSF belongs to
        reconstructed energies the density alone, of shape (first photons,).
    """
    cell, t = at
    if not fold.psf_is_reco:
        return spline_rows(cell, t, table, fold.photons[: len(cell)], orders, is_spread=is_spread)
    # the column of each photon's energy, as rows of one below the other
    rows, here = len(table), fold.energy[: len(cell)]
    column, one = table.T.reshape(-1, 1), jnp.ones((len(cell), 1), table.dtype)
    found = spline_rows(cell + rows * here, t, column, one, orders, is_spread=is_spread)
    return tuple(part[:, 0] for part in found)


def near_photons(fold: Any, corners: Corners, factor: Array) -> Array:
    """Return a factor on pixels near the source at the first photons, among which may be some further out.

    Parameters
    ----------
    fold
        The dataset around the source, a `CubeFold`.
    corners
        Tells how many pixels and photons are near.
    factor
        Shape (..., near pixels).
    """
    first = fold.pixel[: corners.photons]
    return jnp.where(first < corners.pixels, factor[..., jnp.minimum(first, corners.pixels - 1)], 0.0)


def symmetric_draw(fold: Any, shape: RadialShape | PointShape, spatial: Any) -> tuple[Seen, Array]:
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
    rows, is_spread = len(main), shape.is_spread
    centre = spatial.unit_vector("icrs")
    cell, t, _ = cells(chords(shape.vectors, centre), shape.step, rows)
    four = cubics(t)
    here = cell[fold.pixel], t[fold.pixel]
    seen = seen_at(fold, is_spread, here, main, (0,))[0]
    total = product("rj,rk->jk", spline_sums(cell, four, fold.weights, rows, is_spread=is_spread), main)
    if corner is None or corners is None:
        return (seen, None, None), total
    near = corners.pixels
    factor = fourfold_jets(shape.vectors[:near], tangent_axes(centre), corners.axes, 0)[0]
    four = four[:near] * factor[:, None]
    sums = spline_sums(cell[:near], four, fold.weights[:near], rows, is_spread=is_spread)
    first = here[0][: corners.photons], here[1][: corners.photons]
    extra = seen_at(fold, is_spread, first, corner, (0,))[0]
    return (seen, extra, near_photons(fold, corners, factor)), total + product("rj,rk->jk", sums, corner)

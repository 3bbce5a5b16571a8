"""Folding of radially symmetric sources: one small matrix product per true energy, then a smooth interpolation.

A source and a PSF that are both symmetric are convolved by multiplying their Hankel transforms. On a disc of
radius R the transform is a Fourier-Bessel series,

    g(r) = sum_n  f(q_n) J0(q_n r) / (pi R^2 J1(z_n)^2),     q_n = z_n / R,

with the zeros z_n of J0 and the product f of the transforms of PSF, source shape and pixel. A shape of zero
width has the transform 1: a point source is no special case, and everything is smooth in the size.
The flat sky is exact to (r / 1 rad)^2 / 6, which is 5e-5 at one degree.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from gjax.folding._jets import Jets, pairs
from gjax.folding._rows import add_outer, scatter_outer
from gjax.folding._splines import cubics

__all__ = [
    "cells",
    "chord_jets",
    "chords",
    "profile_coefficients",
    "spline_jets",
    "spline_profile",
    "spline_sums",
    "splines_at",
]


def _square(vectors: Array, position: Array) -> Array:
    """Return the squared chords [rad2] between unit vectors (n, 3) and one, by which they are differentiable twice."""
    difference = vectors - position
    x, y, z = difference[:, 0], difference[:, 1], difference[:, 2]
    # 1e-14 rad^2 keeps the root differentiable twice where they coincide. Written out, because some compilers take
    # longer for a sum over three than for all the rest
    return x * x + y * y + z * z + 1e-14


def chords(vectors: Array, position: Array) -> Array:
    """Return the chords [deg] from a unit vector (3,) to unit vectors (n, 3): those of 1 rad are 57.3.

    Profiles are tabulated by chords: they are as smooth in them as in separations, which need an arcsine for each.
    """
    return jnp.rad2deg(jnp.sqrt(_square(vectors, position)))


def chord_jets(vectors: Array, axes: Array, order: int) -> Jets:
    """Return chords [deg] from a position, and their derivatives by its place in the plane that touches there.

    The square u of a chord to a place p on the sphere is to third order its value at p = 0, less twice the projection
    on p, plus (1 - u/2) times p squared.

    Parameters
    ----------
    vectors
        Unit vectors, shape (n, 3).
    axes
        Two axes of the plane and the position, shape (3, 3).
    order
        How many derivatives: 0, 1 or 2.
    """
    u = _square(vectors, axes[2])
    value = jnp.rad2deg(jnp.sqrt(u))
    if order == 0:
        return Jets(value)
    slope = 0.5 * value / u
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    a, b = (-2 * (axis[0] * x + axis[1] * y + axis[2] * z) for axis in (axes[0], axes[1]))
    slopes = jnp.stack([slope * a, slope * b])
    if order == 1:
        return Jets(value, (slopes,))
    bend, round_ = -0.5 * slope / u, slope * (2 - u)
    return Jets(value, (slopes,), (jnp.stack([bend * a * a + round_, bend * a * b, bend * b * b + round_]),))


def profile_coefficients(psf: Array, shape: Array, basis: Array) -> Array:
    """Return spline coefficients of the convolved profile, shape (radii, energy_true) [deg-2].

    Parameters
    ----------
    psf
        Hankel transform of PSF and pixel, shape (energy_true, modes).
    shape
        Hankel transform of the source, shape (modes,).
    basis
        Coefficients of each mode, shape (radii, modes).
    """
    return (basis * shape) @ psf.T


def cells(radius: Array, step: Array, rows: int) -> tuple[Array, Array, Array]:
    """Return for each point the first of four splines, its place in the cell, and whether that is on the grid.

    Parameters
    ----------
    radius, step, rows
        As for `splines_at`.
    """
    x = radius / step
    # clipped indices keep the gather in range; the last coefficients do not change beyond the grid
    cell = jnp.clip(jnp.floor(x), 0, rows - 4)
    return cell.astype(jnp.int32), jnp.minimum(x - cell, 1.0), x - cell < 1


def splines_at(radius: Array, step: Array, rows: int) -> tuple[Array, Array]:
    """Return cubic B-splines on a uniform grid: for each point the first of four that are not zero, and their values.

    Parameters
    ----------
    radius
        Where to evaluate, shape (points,) [deg].
    step
        Distance of the chords [deg]; the first spline belongs to ``-step``.
    rows
        Number of radii.

    Returns
    -------
    cell
        Shape (points,).
    four
        Shape (points, 4).
    """
    cell, t, _ = cells(radius, step, rows)
    return cell, cubics(t)


def spline_jets(radius: Jets, step: Array, rows: int) -> tuple[Array, Array]:
    """Return splines, and behind their values the derivatives by what the radii depend on.

    Parameters
    ----------
    radius
        Radii, shape (points,) [deg], with derivatives.
    step, rows
        As for `splines_at`.

    Returns
    -------
    cell
        Shape (points,).
    four
        Shape (1, 3 or 6, points, 4): the values, by each variable, by each of the `pairs`.
    """
    cell, t, is_inside = cells(radius.value, step, rows)
    four = [cubics(t)[None]]
    rate = jnp.where(is_inside, 1 / step, 0.0)
    for slopes in radius.slope:
        slope, first = (slopes * rate)[..., None], cubics(t, 1)
        four += [first * slope]
        for bends in radius.bend:
            i, j = pairs(len(slopes))
            four += [cubics(t, 2) * slope[i] * slope[j] + first * (bends * rate)[..., None]]
    return cell, jnp.concatenate(four)


def spline_profile(coefficients: Array, cell: Array, four: Array) -> Array:
    """Return what splines add up to, shape (..., points, energies): 0 beyond the grid.

    Parameters
    ----------
    coefficients
        Shape (radii, energies).
    cell, four
        First spline, shape (points,), and the values of four or their derivatives, shape (..., points, 4).
    """
    return sum(four[..., k, None] * coefficients[cell + k] for k in range(4))  # type: ignore[return-value]


def spline_sums(cell: Array, four: Array, weights: Array, rows: int, *, is_spread: bool = False) -> Array:
    """Return the weighted sum of every spline over points, shape (..., radii, maps).

    ``spline_sums(...).T @ coefficients`` is ``weights.T @ spline_profile(coefficients, ...)``.

    Parameters
    ----------
    cell, four
        As for `spline_profile`.
    weights
        Shape (points, maps).
    rows
        Number of radii.
    is_spread
        Whether datasets, which this is mapped over, lie on several devices.
    """
    factors = four.reshape(-1, *four.shape[-2:])
    sums = (scatter_outer if is_spread else add_outer)(cell, weights, factors, rows)
    return jnp.moveaxis(sums, 1, 0).reshape(*four.shape[:-2], rows, weights.shape[1])

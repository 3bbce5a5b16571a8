"""What the corners of square pixels add to the profile of a symmetric source: a part with four waves a turn.

A profile behind PSF and pixel depends on the radius alone if the pixel is averaged over directions. The transform of a
square has parts with 0, 4, 8, ... waves a turn; that with four makes the sum of a point source over all pixels one, to
1e-5, where a pixel is as wide as the PSF. It is a function of the radius times ``x^4 - 6 x^2 y^2 + y^4``, with x and y
along the sides of the pixels, and only matters within a few pixels of the source.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jax import Array

__all__ = ["Corners", "fourfold_jets", "with_factor"]


class Corners(eqx.Module):
    """The part of a profile with four waves a turn, near a source.

    Parameters
    ----------
    axes
        Unit vectors along the sides of the pixels, over the unit of length [rad], shape (2, 3).
    psf
        As that of the shape it belongs to: the transform of PSF and pixel, or spline coefficients.
    pixels, photons
        How many of the first pixels and photons are near.
    """

    axes: Array
    psf: Array
    pixels: int = eqx.field(static=True)
    photons: int = eqx.field(static=True)


def fourfold_jets(vectors: Array, tangent: Array, sides: Array, order: int) -> Array:
    """Return ``x^4 - 6 x^2 y^2 + y^4``, the real part of ``(x + i y)^4``, and its derivatives by a position.

    Parameters
    ----------
    vectors
        Unit vectors, shape (n, 3).
    tangent
        Two axes of the plane that touches at the position, and the position, shape (3, 3).
    sides
        Axes of x and y, shape (2, 3).
    order
        How many derivatives: 0, 1 or 2.

    Returns
    -------
    jets
        Shape (1, 3 or 6, n): the value, by each axis of the plane, by each of the `pairs`.
    """
    difference = vectors - tangent[2]
    x, y = (difference[:, 0] * axis[0] + difference[:, 1] * axis[1] + difference[:, 2] * axis[2] for axis in sides)
    square = x * x - y * y, 2 * x * y
    cube = square[0] * x - square[1] * y, square[0] * y + square[1] * x
    rows = [square[0] * square[0] - square[1] * square[1]]
    if order > 0:
        # what x + i y changes by along each axis, and by the second order along both
        steps = [(-jnp.sum(axis * sides[0]), -jnp.sum(axis * sides[1])) for axis in (tangent[0], tangent[1])]
        rows += [4 * (cube[0] * a - cube[1] * b) for a, b in steps]
    if order > 1:
        a, b = jnp.sum(tangent[2] * sides[0]), jnp.sum(tangent[2] * sides[1])
        sink = 4 * (cube[0] * a - cube[1] * b)
        for i, j in ((0, 0), (1, 0), (1, 1)):
            (a, b), (c, d) = steps[i], steps[j]
            bend = 12 * (square[0] * (a * c - b * d) - square[1] * (a * d + b * c))
            rows.append(bend + sink if i == j else bend)
    return jnp.stack(rows)


def with_factor(four: Array, factor: Array) -> Array:
    """Return splines times a factor, with the derivatives of both.

    Parameters
    ----------
    four
        Splines and derivatives, shape (1, 3 or 6, n, 4), as from `spline_jets`.
    factor
        Factor and derivatives, shape (1, 3 or 6, n).
    """
    f, p = four, factor[..., None]
    rows = [f[0] * p[0]]
    if len(four) > 1:
        rows += [f[k] * p[0] + f[0] * p[k] for k in (1, 2)]
    if len(four) > 3:
        for k, (i, j) in enumerate(((1, 1), (2, 1), (2, 2)), start=3):
            rows.append(f[k] * p[0] + f[i] * p[j] + f[j] * p[i] + f[0] * p[k])
    return jnp.stack(rows)

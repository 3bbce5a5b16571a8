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

from gjax.folding._add_rows import add_outer, scatter_outer

__all__ = ["bessel_j0", "profile_coefficients", "separation", "spline_profile", "spline_sums"]


def separation(vectors: Array, position: Array) -> Array:
    """Return angular separations [deg] of unit vectors (n, 3) from a unit vector (3,), from chords."""
    difference = vectors - position
    x, y, z = difference[:, 0], difference[:, 1], difference[:, 2]
    # 1e-14 rad^2 keeps the root differentiable twice where they coincide. Written out, because some compilers take
    # longer for a sum over three than for all the rest
    chord = jnp.sqrt(x * x + y * y + z * z + 1e-14)
    # the antipode, where the slope of arcsin is infinite, is moved by a tenth of a degree
    return jnp.rad2deg(2 * jnp.arcsin(jnp.minimum(0.5 * chord, 0.999999)))


def bessel_j0(x: Array) -> Array:
    """Return the Bessel function J0 for x >= 0, good to 1e-7 (Abramowitz & Stegun 9.4.1 and 9.4.3).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> [round(v, 6) for v in bessel_j0(jnp.array([0.0, 1.0, 10.0])).tolist()]
    [1.0, 0.765198, -0.245936]
    """
    is_small = x < 3
    t = jnp.where(is_small, x / 3, 0.0) ** 2
    small = jnp.polyval(
        jnp.array([0.00021, -0.0039444, 0.0444479, -0.3163866, 1.2656208, -2.2499997, 1.0], dtype=x.dtype), t
    )
    large = jnp.where(is_small, 3.0, x)
    u = 3 / large
    amplitude = jnp.polyval(
        jnp.array([0.00014476, -0.00072805, 0.00137237, -0.00009512, -0.0055274, -0.00000077, 0.79788456], x.dtype), u
    )
    phase = jnp.polyval(
        jnp.array([0.00013558, -0.00029333, -0.00054125, 0.00262573, -0.00003954, -0.04166397, -0.78539816], x.dtype), u
    )
    return jnp.where(is_small, small, amplitude / jnp.sqrt(large) * jnp.cos(large + phase))


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


def _spline_basis(radius: Array, step: Array, rows: int) -> tuple[Array, Array]:
    """Return the first of the four splines that are not zero at each radius, shape (points,), and the four values."""
    x = radius / step
    # clipped indices keep the gather in range; the last coefficients are zero
    cell = jnp.clip(jnp.floor(x), 0, rows - 4)
    t = jnp.minimum(x - cell, 1.0)
    four = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return cell.astype(jnp.int32), jnp.stack(four, axis=-1) / 6


def spline_profile(coefficients: Array, radius: Array, step: Array) -> Array:
    """Evaluate cubic B-splines on a uniform grid, shape (points, energies).

    Parameters
    ----------
    coefficients
        Shape (radii, energies); the first one belongs to radius ``-step``.
    radius
        Where to evaluate, shape (points,) [deg]; 0 beyond the grid.
    step
        Distance of the radii [deg].
    """
    cell, four = _spline_basis(radius, step, len(coefficients))
    return sum(four[:, k, None] * coefficients[cell + k] for k in range(4))  # type: ignore[return-value]


def spline_sums(radius: Array, step: Array, weights: Array, rows: int, *, is_spread: bool = False) -> Array:
    """Return the weighted sum of every spline over points, shape (radii, maps).

    ``spline_sums(...).T @ coefficients`` is ``weights.T @ spline_profile(coefficients, ...)``.

    Parameters
    ----------
    radius, step
        As for `spline_profile`.
    weights
        Shape (points, maps).
    rows
        Number of radii.
    is_spread
        Whether datasets, which this is mapped over, lie on several devices.
    """
    cell, four = _spline_basis(radius, step, rows)
    return (scatter_outer if is_spread else add_outer)(cell, weights, four, rows)

"""Hankel transforms of round shapes: what folding multiplies with those of PSF and pixel."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

__all__ = ["bessel_j0", "disk_transform", "sphere_transform"]


def _polynomial(coefficients: list[float], x: Array) -> Array:
    return jnp.polyval(jnp.array(coefficients[::-1], dtype=x.dtype), x)


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
    small = _polynomial([1.0, -2.2499997, 1.2656208, -0.3163866, 0.0444479, -0.0039444, 0.00021], t)
    large = jnp.where(is_small, 3.0, x)
    u = 3 / large
    amplitude = _polynomial([0.79788456, -0.00000077, -0.0055274, -0.00009512, 0.00137237, -0.00072805, 0.00014476], u)
    phase = _polynomial([-0.78539816, -0.04166397, -0.00003954, 0.00262573, -0.00054125, -0.00029333, 0.00013558], u)
    return jnp.where(is_small, small, amplitude / jnp.sqrt(large) * jnp.cos(large + phase))


def disk_transform(x: Array) -> Array:
    """Return 2 J1(x) / x, the transform of a disk of radius r at x = q r, good to 3e-8 (A & S 9.4.4 and 9.4.6).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> [round(v, 6) for v in disk_transform(jnp.array([0.0, 1.0, 10.0])).tolist()]
    [1.0, 0.880101, 0.008695]
    """
    is_small = x < 3
    t = jnp.where(is_small, x / 3, 0.0) ** 2
    small = 2 * _polynomial([0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109], t)
    large = jnp.where(is_small, 3.0, x)
    u = 3 / large
    amplitude = _polynomial([0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033], u)
    phase = _polynomial([-2.35619449, 0.12499612, 0.0000565, -0.00637879, 0.00074348, 0.00079824, -0.00029166], u)
    return jnp.where(is_small, small, 2 * amplitude / (large * jnp.sqrt(large)) * jnp.cos(large + phase))


def sphere_transform(x: Array) -> Array:
    """Return sin(x) / x, the transform of a thin hollow sphere of radius r, seen in projection, at x = q r.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> sphere_transform(jnp.array([0.0, 1.0])).round(6).tolist()
    [1.0, 0.841471]
    """
    return jnp.sinc(x / jnp.pi)

"""Integrals over energy bins that stay smooth at every special point."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["expm1_ratio", "gauss_legendre", "power_law_integral"]


def expm1_ratio(x: Array) -> Array:
    """Return ``(exp(x) - 1) / x``, smooth to second order through ``x = 0``.

    The series reaches to 0.1: nearer to zero the second derivative of the quotient loses its digits in single
    precision (6 % at 0.01).
    """
    is_small = jnp.abs(x) < 0.1
    safe = jnp.where(is_small, 1.0, x)
    near = jnp.where(is_small, x, 0.0)
    series = 1.0 + near / 11
    for k in range(10, 1, -1):
        series = 1.0 + near / k * series
    return jnp.where(is_small, series, jnp.expm1(safe) / safe)


def power_law_integral(slope: Array, log_min: Array, log_max: Array) -> Array:
    """Return the integral of ``exp(slope * t)`` from ``log_min`` to ``log_max``.

    With ``t = ln(E / E0)`` and ``slope = 1 - index`` this is the integral of a power law divided by E0.
    """
    width = log_max - log_min
    return jnp.exp(slope * log_min) * width * expm1_ratio(slope * width)


def gauss_legendre(function: Callable[[Array], Array], energy_min: Array, energy_max: Array, nodes: int) -> Array:
    """Integrate ``function`` over energy with Gauss-Legendre nodes in the logarithm of energy.

    With 8 nodes the error of a power law of index 6 over one e-folding is 1e-11.
    """
    x, weight = np.polynomial.legendre.leggauss(nodes)
    dtype = jnp.result_type(energy_min)
    log_min, log_max = jnp.log(energy_min)[..., None], jnp.log(energy_max)[..., None]
    half = 0.5 * (log_max - log_min)
    energy = jnp.exp(0.5 * (log_max + log_min) + half * x.astype(dtype))
    return jnp.sum(function(energy) * energy * half * weight.astype(dtype), axis=-1)

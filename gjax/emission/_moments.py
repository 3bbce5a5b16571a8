"""The two functions of a photon field that inverse Compton scattering needs, on a grid of energies."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.emission._constants import THOMSON_RATE

__all__ = ["MomentTable", "kernels", "tabulate_moments"]


def kernels(log_q: Any) -> tuple[Any, Any]:
    """Return 2 q ln q + (1 + 2q)(1 - q) and 1 - q, without loss of digits at q = 1."""
    xp: Any = np if isinstance(log_q, np.ndarray) else jnp
    q, k2 = xp.exp(log_q), -xp.expm1(log_q)
    # near q = 1 the terms of first order cancel down to 1 - q: add what ln q has beyond them
    return 2 * q * (log_q + k2) + k2, k2


class MomentTable(eqx.Module):
    """ln M1 and ln M2 on a grid in ln ε_t, see `gjax.emission._photon_fields`.

    Parameters
    ----------
    log_start, step
        First point and distance of the grid.
    log_moments
        ln of both moments, shape (2, n).
    """

    log_start: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    log_moments: Any

    @property
    def log_end(self) -> float:
        """Last point of the grid."""
        return self.log_start + self.step * (self.log_moments.shape[-1] - 1)

    def rates(self, log_threshold: Array) -> tuple[Array, Array, Array]:
        """Return ln s, 1, m2 with 3/4 σ_T c M1 = s and 3/4 σ_T c M2 = s m2, by cubic Hermite interpolation."""
        size = self.log_moments.shape[-1]
        position = (log_threshold - self.log_start) / self.step
        # below the grid the moments go on as power laws
        cell = jax.lax.stop_gradient(jnp.clip(jnp.floor(position), 0, size - 2)).astype(jnp.int32)
        t = jnp.clip(position - cell, -jnp.inf, 1.0)
        inside = jnp.maximum(t, 0.0)
        padded = _with_ends(jnp.asarray(self.log_moments, position.dtype))
        p0, p1, p2, p3 = (jnp.take(padded, cell + k, axis=-1) for k in range(4))
        s1, s2 = 0.5 * (p2 - p0), 0.5 * (p3 - p1)
        rest = p2 - p1
        cubic = p1 + inside * (s1 + inside * (3 * rest - 2 * s1 - s2 + inside * (s1 + s2 - 2 * rest)))
        log_m1, log_m2 = cubic + s1 * jnp.minimum(t, 0.0)
        return math.log(THOMSON_RATE) + log_m1, jnp.ones_like(log_m1), jnp.exp(log_m2 - log_m1)


def _with_ends(values: Array) -> Array:
    first, last = 2 * values[:, :1] - values[:, 1:2], 2 * values[:, -1:] - values[:, -2:-1]
    return jnp.concatenate([first, values, last], axis=-1)


def tabulate_moments(log_start: float, step: float, log_density: Any, first: int = 0) -> MomentTable:
    """Return the moments of a photon density on a grid, by the trapezoidal rule with its first correction.

    Parameters
    ----------
    log_start, step
        First point and distance of the grid in ln ε.
    log_density
        ln of the density per volume and energy [cm-3] at the points.
    first
        First point with photons; there are none below, and the density is very low there.
    """
    size = log_density.shape[-1]
    log_energy = step * np.arange(size)
    # both kernels begin as v = ln(ε / ε_t): the end correction is step^2 / 12 times that slope
    k1, k2 = kernels(-log_energy)
    matrix = np.zeros((2, size, size))
    for row, kernel in zip(matrix, (k1, k2)):
        # densities are weighted with ε^2 to keep them within the range of single precision
        weight = step * kernel * np.exp(-2 * log_energy)
        weight[0] = step**2 / 12
        for i in range(size):
            row[i, i:] = weight[: size - i]
    matrix[:, :, -1] /= 2
    matrix[:, :first, first] /= 2
    if isinstance(log_density, np.ndarray):
        weighted = log_density + 2 * log_energy
        fixed = np.maximum(matrix @ np.exp(weighted - weighted.max()), np.finfo(float).tiny)
        return MomentTable(log_start, step, np.log(fixed) + weighted.max() - 2 * log_energy)
    level = log_density + 2 * log_energy.astype(log_density.dtype)
    peak = jax.lax.stop_gradient(jnp.max(level))
    sums = jnp.matmul(matrix.astype(level.dtype), jnp.exp(level - peak), precision="highest")
    # of smaller numbers the second derivative of the logarithm has no value
    is_small = sums < float(np.sqrt(np.finfo(level.dtype).tiny))
    logs = jnp.where(is_small, -1e3, jnp.log(jnp.where(is_small, 1.0, sums)))
    logs = logs + peak - 2 * log_energy.astype(level.dtype)
    return MomentTable(log_start, step, logs)

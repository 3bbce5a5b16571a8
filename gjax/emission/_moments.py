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
        cell = jax.lax.stop_gradient(jnp.clip(jnp.floor(position), 0, size - 2)).astype(jnp.int32)
        t = jnp.minimum(position - cell, 1.0)
        inside = jnp.maximum(t, 0.0)
        # one row of numbers per cell: a single look-up, which derivatives repeat
        rows = jnp.take(_cubics(jnp.asarray(self.log_moments, position.dtype)), cell, axis=0)
        (c0, c1, c2, c3), (d0, d1, d2, d3) = (
            tuple(rows[..., k] for k in numbers) for numbers in (range(4), range(4, 8))
        )
        # below the grid the moments go on as power laws, no steeper than those of synchrotron radiation there
        outside = jnp.minimum(t, 0.0)
        log_m1 = c0 + inside * (c1 + inside * (c2 + inside * c3)) + jnp.maximum(c1, -2 / 3 * self.step) * outside
        log_ratio = d0 + inside * (d1 + inside * (d2 + inside * d3))
        return math.log(THOMSON_RATE) + log_m1, jnp.ones_like(log_m1), jnp.exp(log_ratio)


def _cubics(log_moments: Array) -> Array:
    """Return the polynomials of every cell, of ln M1 and of ln (M2 / M1), shape (n - 1, 8)."""
    values = jnp.stack([log_moments[0], log_moments[1] - log_moments[0]])
    first, last = 2 * values[:, :1] - values[:, 1:2], 2 * values[:, -1:] - values[:, -2:-1]
    padded = jnp.concatenate([first, values, last], axis=-1)
    slope = 0.5 * (padded[:, 2:] - padded[:, :-2])
    rise, left, right = values[:, 1:] - values[:, :-1], slope[:, :-1], slope[:, 1:]
    parts = [values[:, :-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise]
    return jnp.stack(parts, axis=-1).transpose(1, 0, 2).reshape(-1, 8)


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
    least = float(np.sqrt(np.finfo(level.dtype).tiny))
    is_small = sums < least
    # no jump there either, next to which the interpolation would overshoot
    logs = jnp.where(is_small, math.log(least), jnp.log(jnp.where(is_small, 1.0, sums)))
    logs = logs + peak - 2 * log_energy.astype(level.dtype)
    return MomentTable(log_start, step, logs)

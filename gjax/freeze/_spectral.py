"""Functions of a spectral model whose errors people ask for, as JAX sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import FitError
from gjax.models import panel_edges
from gjax.units import to_canonical

__all__ = ["integrated", "peak_of"]


def integrated(model: Any, energy_min: Any, energy_max: Any, method: str) -> Callable[[Any], Array]:
    """Return the function that integrates a spectral model between energies.

    Parameters
    ----------
    model
        The source: its spectral model tells where the integrand has kinks.
    energy_min, energy_max
        The ends (Quantity).
    method
        "integrate" or "integrate_energy".
    """
    low, high = (to_canonical(e, "TeV", "energy") for e in (energy_min, energy_max))
    edges = jax.device_put(panel_edges(low, high, model.spectral_model.filled().kinks()))
    return lambda m: getattr(m, method)(edges[..., :-1], edges[..., 1:]).sum(-1)


def peak_of(energy_min: Any, energy_max: Any) -> Callable[[Any], Array]:
    """Return the function that finds the energy [TeV] where E² dN/dE of a spectral model is largest.

    It is looked for on a grid, and then with Newton steps in ln E; NaN if it is at an end.

    Parameters
    ----------
    energy_min, energy_max
        Where to look (Quantity).

    Raises
    ------
    FitError
        If the energies are not in order.
    """
    low, high = (float(to_canonical(e, "TeV", "energy")) for e in (energy_min, energy_max))
    if not 0 < low < high:
        raise FitError(f"peak energy: expected energies in order, got {low:g} TeV and {high:g} TeV")
    grid = jax.device_put(np.linspace(np.log(low), np.log(high), 301))

    def peak(model: Any) -> Array:
        def height(t: Array) -> Array:
            return jnp.log(model.evaluate(jnp.exp(t))) + 2 * t

        values = jax.vmap(height)(grid)
        values = jnp.where(jnp.isnan(values), -jnp.inf, values)
        i = jnp.argmax(values)
        inside = (i > 0) & (i < 300)
        first, second = jax.grad(height), jax.grad(jax.grad(height))
        t, step = grid[i], grid[1] - grid[0]
        for _ in range(4):
            slope, bend = first(t), second(t)
            newton = -slope / jnp.where(bend < 0, bend, -1.0)
            t = jnp.where(bend < 0, t + jnp.clip(newton, -step, step), t)
        return jnp.where(inside, jnp.exp(t), jnp.nan)

    return peak

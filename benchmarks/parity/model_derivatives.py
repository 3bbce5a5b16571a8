"""Derivatives of every spectral model at random parameters: finite in single and double precision."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.parity.report import Report
from gjax.parameters import fill, freeze_tree

#: Energies [TeV] of values, and of bins.
ENERGY = np.geomspace(1e-2, 50.0, 9)


def compare_derivatives(report: Report, name: str, models: list[Any]) -> None:
    """Add rows: at how many draws a first or second derivative is not finite, in both precisions.

    Parameters
    ----------
    report
        Where rows go.
    name
        Name of the model.
    models
        The model at random parameters.
    """
    found = {}
    for is_double in (True, False):
        with jax.enable_x64(is_double):
            skeleton, _ = freeze_tree(models[0])
            thetas = jnp.asarray(np.stack([freeze_tree(model)[1].counted for model in models]))
            parts = jax.jit(lambda thetas, skeleton: jax.lax.map(lambda t: _all(skeleton, t), thetas))
            found[is_double] = [np.asarray(part, float) for part in parts(thetas, skeleton)]
        broken = ~np.all([np.isfinite(part).all(axis=(1, 2)) for part in found[is_double][1:]], axis=0)
        title = "double" if is_double else "single"
        report.exact(f"{name}: draws without a second derivative in {title} precision", int(broken.sum()), 0)


def _all(skeleton: Any, theta: Any) -> tuple[Any, Any, Any]:
    """Return fluxes divided by themselves, and both derivatives of these by the parameters in their own units."""
    scale = jnp.where(theta == 0, 1.0, jnp.abs(theta))
    model = fill(skeleton, theta)
    energy = jnp.asarray(ENERGY, theta.dtype)
    size = jnp.concatenate([model.evaluate(energy), model.integrate(energy[:-1], energy[1:])])
    size = jnp.where(size == 0, 1.0, jnp.abs(size))

    def fluxes(x: Any) -> Any:
        model = fill(skeleton, x * scale)
        return jnp.concatenate([model.evaluate(energy), model.integrate(energy[:-1], energy[1:])]) / size

    x = theta / scale
    second = jax.jacfwd(jax.jacfwd(fluxes))(x)
    return fluxes(x)[:, None], jax.jacfwd(fluxes)(x), second.reshape(len(size), -1)

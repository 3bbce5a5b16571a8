"""Functions of few variables as polynomials, so that derivatives cost as much as there are variables.

What a source gives to thousands of bins depends on its place and shape through a handful of numbers, and on its flux
linearly. Forward differentiation along every parameter of a fit would draw the source once per parameter. Here its
derivatives by the few numbers are taken once; the polynomial that they make has the same value and derivatives, and
costs little to differentiate along any number of directions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["expanded"]


def _with_slopes(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of two vectors that returns the derivatives by both, on a new leading axis, and the value."""

    def both(place: Array, shape: Array) -> Any:
        def twice(place: Array, shape: Array) -> Any:
            out = draw(place, shape)
            return out, out

        # apart from each other: a change of place needs no new profile, a change of shape no new distances
        found = [jax.jacfwd(twice, argnums=i, has_aux=True)(place, shape) for i in (0, 1) if (place, shape)[i].size]
        leading = [jax.tree_util.tree_map(lambda leaf: jnp.moveaxis(leaf, -1, 0), part) for part, _ in found]
        return jax.tree_util.tree_map(lambda *leaves: jnp.concatenate(leaves), *leading), found[0][1]

    return both


def _kept(drawn: Any) -> Any:
    """Have arrays made once: fused into what uses them, they would be made again for every use."""
    return jax.lax.optimization_barrier(drawn)


def expanded(
    draw: Callable[[Array, Array], Any],
    use: Callable[[Any, Array], Array],
    place: Array,
    shape: Array,
    flux: Array,
    order: int | None,
) -> Array:
    """Return ``use(draw(place, shape), flux)``, in a form that is cheap to differentiate.

    Parameters
    ----------
    draw
        The source for unit flux, a function of two short vectors.
    use
        What a flux makes of it; linear in both.
    place, shape, flux
        Where to evaluate.
    order
        How many derivatives of the result are right: 0, 1 or 2. None for all, by differentiation of ``draw`` itself.
    """
    if order is None:
        return use(draw(place, shape), flux)
    here = jax.lax.stop_gradient((place, shape))
    constant = jax.lax.stop_gradient(flux)
    if order == 0 or not place.size + shape.size:
        return use(_kept(draw(*here)), flux)
    mapped = jax.vmap(use, in_axes=(0, None))
    step = jnp.concatenate([place, shape]) - jnp.concatenate(here)
    if order == 1:
        slope, value = _kept(_with_slopes(draw)(*here))
        return use(value, flux) + jnp.tensordot(step, mapped(slope, constant), axes=1)
    (bend, _), (slope, value) = _kept(_with_slopes(_with_slopes(draw))(*here))
    twice = jax.vmap(mapped, in_axes=(0, None))(bend, constant)
    linear = use(value, flux) + jnp.tensordot(step, mapped(slope, flux), axes=1)
    return linear + 0.5 * jnp.tensordot(step, jnp.tensordot(step, twice, axes=1), axes=1)

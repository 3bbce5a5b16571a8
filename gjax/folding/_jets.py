"""Functions of few variables as polynomials, so that derivatives cost as much as there are variables.

What a source gives to thousands of bins depends on its place and shape through a handful of numbers, and on its flux
linearly. Forward differentiation along every parameter of a fit would draw the source once per parameter. Here its
derivatives by the few numbers are taken once; the polynomial that they make has the same value and derivatives, and
costs little to differentiate along any number of directions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["Jets", "expanded", "jets_of", "kept", "pairs"]


class Jets(NamedTuple):
    """A function of few variables and its derivatives.

    Parameters
    ----------
    value
        One array, or several.
    slope
        The first derivatives, on a new leading axis, in one part or several; none where they were not asked for.
    bend
        The second derivatives by the `pairs` of variables, likewise.
    """

    value: Any
    slope: tuple[Any, ...] = ()
    bend: tuple[Any, ...] = ()


def pairs(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of variables that second derivatives are by: each once, and more variables come behind.

    Examples
    --------
    >>> [list(map(int, each)) for each in pairs(2)]
    [[0, 1, 1], [0, 0, 1]]
    """
    return np.tril_indices(size)


def _with_slopes(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """Return a function of a vector that returns the derivatives by it, on a new leading axis, and the value."""

    def both(at: Array) -> Any:
        def twice(at: Array) -> Any:
            out = function(at)
            return out, out

        slope, value = jax.jacfwd(twice, has_aux=True)(at)
        return jax.tree_util.tree_map(lambda leaf: jnp.moveaxis(leaf, -1, 0), slope), value

    return both


def jets_of(function: Callable[[Array], Any], at: Array, order: int) -> Jets:
    """Return a function of a short vector with its derivatives.

    Parameters
    ----------
    function
        Returns an array, or several.
    at
        Where; it has no derivatives itself.
    order
        How many derivatives: 0, 1 or 2.
    """
    at = jax.lax.stop_gradient(at)
    if order == 0 or not at.size:
        return Jets(function(at))
    if order == 1:
        slope, value = _with_slopes(function)(at)
        return Jets(value, (slope,))
    (bend, _), (slope, value) = _with_slopes(_with_slopes(function))(at)
    first, second = pairs(at.size)
    return Jets(value, (slope,), (jax.tree_util.tree_map(lambda leaf: leaf[first, second], bend),))


def kept(drawn: Any) -> Any:
    """Have arrays made once: fused into what uses them, they would be made again for every use."""
    return jax.lax.optimization_barrier(drawn)


def expanded(jets: Jets, use: Callable[[Any, Array], Array], variables: Array, flux: Array) -> Array:
    """Return ``use(drawn, flux)`` of a drawn source, in a form that is cheap to differentiate.

    Parameters
    ----------
    jets
        The source for unit flux, with its derivatives by few variables.
    use
        What a flux makes of it; linear in both.
    variables
        The variables, at the values that the derivatives were taken at.
    flux
        The flux.
    """
    value, slopes, bends = jets
    if not slopes:
        return use(value, flux)
    mapped = jax.vmap(use, in_axes=(0, None))
    step = variables - jax.lax.stop_gradient(variables)
    constant = jax.lax.stop_gradient(flux)
    slope = jnp.concatenate([mapped(part, flux if bends else constant) for part in slopes])
    out = use(value, flux) + jnp.tensordot(step, slope, axes=1)
    if not bends:
        return out
    first, second = pairs(step.size)
    square = step[first] * step[second] * np.where(first == second, 0.5, 1.0).astype(step.dtype)
    return out + jnp.tensordot(square, jnp.concatenate([mapped(part, constant) for part in bends]), axes=1)

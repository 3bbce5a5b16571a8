"""Sums of rows into a table, and the transpose: rows of a table for many points. Both at the speed of memory.

XLA adds scattered rows one number after the other on a CPU, which took most of the time of a fit. A loop over the rows
adds each with vector instructions: six times faster (12 288 rows, value and two derivatives: 25 to 4 ms). Mapped over
tangents the loop adds wider rows, and mapped over datasets it runs over the rows of all of them. So these are
primitives of their own, with rules for mapping and differentiating.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gjax.folding._loops import below, can_loop, entry, in_one_program, leading, repeated, turns

__all__ = ["add_outer", "pick_rows", "scatter_outer"]


def _loop(cell: Array, weights: Array, factors: Array, *, rows: int) -> Array:
    many, points, taps = factors.shape
    maps = weights.shape[1]
    none = jnp.zeros((), jnp.int32)
    # an innermost loop of length one, but where numbers would be left over behind the vectors
    inner = (1,) if maps % 4 == 0 else ()

    def body(i: Array, out: Array) -> Array:
        factor = jax.lax.dynamic_slice(factors, (none, i, none), (many, 1, taps)).reshape(many, taps).T
        weight = jax.lax.dynamic_slice(weights, (i, none), (1, maps)).reshape(1, 1, maps)
        block = (jax.lax.broadcast_in_dim(factor, (taps, many, maps), (0, 1)) * weight).reshape(
            taps, many, maps, *inner
        )
        at = (entry(cell, i), *(none for _ in block.shape[1:]))
        return jax.lax.dynamic_update_slice(out, jax.lax.dynamic_slice(out, at, block.shape) + block, at)

    return turns(points, body, jnp.zeros((rows, many, maps, *inner), factors.dtype)).reshape(rows, many, maps)


_together = in_one_program(_loop)


def _on_cpu(cell: Array, weights: Array, factors: Array, *, rows: int) -> Any:
    is_used = can_loop(len(cell), rows, factors.shape[2])
    return (_together if is_used else _scattered)(cell, weights, factors, rows=rows)


def _scattered(cell: Array, weights: Array, factors: Array, *, rows: int) -> Array:
    many, _, taps = factors.shape
    blocks = jnp.moveaxis(factors, 0, -1)[..., jnp.newaxis] * weights[:, jnp.newaxis, jnp.newaxis]
    out = jnp.zeros((rows, many, weights.shape[1]), factors.dtype)
    return out.at[cell[:, jnp.newaxis] + jnp.arange(taps)].add(blocks)


#: Sum of ``factors (many, points, taps)`` times ``weights (points, maps)`` into rows from ``cell`` on, shape (rows,
#: many, maps).
_add = Primitive("add_rows")
_add.def_impl(jax.jit(functools.partial(_add.bind), static_argnames="rows"))


@_add.def_abstract_eval
def _shape(cell: Any, weights: Any, factors: Any, *, rows: int) -> Any:
    return factors.update(shape=(rows, factors.shape[0], weights.shape[1]))


mlir.register_lowering(_add, mlir.lower_fun(_scattered, multiple_results=False))
mlir.register_lowering(_add, mlir.lower_fun(_on_cpu, multiple_results=False), platform="cpu")


def _mapped(values: Sequence[Any], axes: Sequence[Any], *, rows: int) -> tuple[Array, int]:
    size, (cell, weights, factors) = leading(values, axes)
    if axes[0] is None and axes[1] is None:
        # tangents: more columns
        wide = factors.reshape(-1, *factors.shape[2:])
        out = _add.bind(cell, weights, wide, rows=rows)
        return jnp.moveaxis(out.reshape(rows, size, factors.shape[1], -1), 1, 0), 0
    cell, weights, factors = repeated((cell, weights, factors), axes, size)
    wide = jnp.moveaxis(factors, 1, 0).reshape(factors.shape[1], -1, factors.shape[3])
    out = _add.bind(below(cell, rows), weights.reshape(-1, weights.shape[2]), wide, rows=rows * size)
    return out.reshape(size, rows, *out.shape[1:]), 0


batching.primitive_batchers[_add] = _mapped


def _picked(table: Array, cell: Array, weights: Array, *, taps: int) -> Array:
    near = table[cell[:, jnp.newaxis] + jnp.arange(taps)]
    return jnp.einsum("pkmj,pj->mpk", near, weights, precision="highest")


def _pick_loop(table: Array, cell: Array, weights: Array, *, taps: int) -> Array:
    (_, many, maps), points = table.shape, len(cell)
    none = jnp.zeros((), jnp.int32)

    def body(i: Array, out: Array) -> Array:
        near = jax.lax.dynamic_slice(table, (entry(cell, i), none, none), (taps, many, maps))
        weight = jax.lax.dynamic_slice(weights, (i, none), (1, maps)).reshape(1, 1, maps)
        # term by term: compilers may hand a sum to a library, which they cannot call in a loop
        terms = (jax.lax.slice_in_dim(near * weight, j, j + 1, axis=2) for j in range(maps))
        found = functools.reduce(operator.add, terms).reshape(taps, many).T
        return jax.lax.dynamic_update_slice(out, found[:, jnp.newaxis], (none, i, none))

    return turns(points, body, jnp.zeros((many, points, taps), table.dtype))


_pick_together = in_one_program(_pick_loop)


def _pick_on_cpu(table: Array, cell: Array, weights: Array, *, taps: int) -> Any:
    # sums are written out: longer ones would take long to compile
    is_short = can_loop(len(cell), len(table), taps) and weights.shape[1] <= 32
    return (_pick_together if is_short else _picked)(table, cell, weights, taps=taps)


#: The transpose of the sum: of ``table (rows, many, maps)`` the rows from ``cell`` on, summed over maps with ``weights
#: (points, maps)``, shape (many, points, taps).
_pick = Primitive("pick_rows")
_pick.def_impl(jax.jit(functools.partial(_pick.bind), static_argnames="taps"))


@_pick.def_abstract_eval
def _pick_shape(table: Any, cell: Any, weights: Any, *, taps: int) -> Any:
    return table.update(shape=(table.shape[1], weights.shape[0], taps))


mlir.register_lowering(_pick, mlir.lower_fun(_picked, multiple_results=False))
mlir.register_lowering(_pick, mlir.lower_fun(_pick_on_cpu, multiple_results=False), platform="cpu")


def _pick_mapped(values: Sequence[Any], axes: Sequence[Any], *, taps: int) -> tuple[Array, int]:
    size, (table, cell, weights) = leading(values, axes)
    if axes[1] is None and axes[2] is None:
        # tangents: more columns
        _, rows, many, maps = table.shape
        out = _pick.bind(jnp.moveaxis(table, 0, 1).reshape(rows, size * many, maps), cell, weights, taps=taps)
        return out.reshape(size, many, *out.shape[1:]), 0
    table, cell, weights = repeated((table, cell, weights), axes, size)
    flat = table.reshape(-1, *table.shape[2:]), below(cell, table.shape[1]), weights.reshape(-1, weights.shape[2])
    out = _pick.bind(*flat, taps=taps)
    return jnp.moveaxis(out.reshape(out.shape[0], size, -1, taps), 1, 0), 0


batching.primitive_batchers[_pick] = _pick_mapped


def _back_to_weights(table: Array, cell: Array, factors: Array) -> Array:
    """Return what comes back to the weights of either, shape (points, maps)."""
    near = table[cell[:, jnp.newaxis] + jnp.arange(factors.shape[2])]
    return jnp.einsum("pkmj,mpk->pj", near, factors, precision="highest")


def _pick_transposed(out: Any, table: Any, cell: Any, weights: Any, *, taps: int) -> tuple[Any, None, Any]:
    by_weights = ad.is_undefined_primal(weights)
    if type(out) is ad.Zero:
        back: Any = ad.Zero((weights if by_weights else table).aval)
    elif by_weights:
        back = _back_to_weights(table, cell, out)
    else:
        back = _add.bind(cell, weights, out, rows=table.aval.shape[0])
    return (None, None, back) if by_weights else (back, None, None)


ad.defjvp(
    _pick,
    lambda tangent, table, cell, weights, taps: _pick.bind(tangent, cell, weights, taps=taps),
    None,
    lambda tangent, table, cell, weights, taps: _pick.bind(table, cell, tangent, taps=taps),
)
ad.primitive_transposes[_pick] = _pick_transposed


def _transposed(table: Any, cell: Any, weights: Any, factors: Any, *, rows: int) -> tuple[None, Any, Any]:
    by_weights = ad.is_undefined_primal(weights)
    if type(table) is ad.Zero:
        back: Any = ad.Zero((weights if by_weights else factors).aval)
    elif by_weights:
        back = _back_to_weights(table, cell, factors)
    else:
        back = _pick.bind(table, cell, weights, taps=factors.aval.shape[2])
    return (None, back, None) if by_weights else (None, None, back)


def _along_weights(tangent: Any, cell: Any, weights: Any, factors: Any, *, rows: int) -> Array:
    return _add.bind(cell, tangent, factors, rows=rows)


def _along_factors(tangent: Any, cell: Any, weights: Any, factors: Any, *, rows: int) -> Array:
    return _add.bind(cell, weights, tangent, rows=rows)


ad.defjvp(_add, None, _along_weights, _along_factors)
ad.primitive_transposes[_add] = _transposed


def add_outer(cell: Array, weights: Array, factors: Array, rows: int) -> Array:
    """Add the outer products of factors and weights of many points into the rows of a table, shape (rows, many, maps).

    Parameters
    ----------
    cell
        First row of each point, shape (points,).
    weights
        Shape (points, maps).
    factors
        Factors on a point's weights for its first row and those that follow, shape (many, points, taps).
    rows
        Number of rows.
    """
    return _add.bind(cell, weights, factors, rows=rows)


def pick_rows(table: Array, cell: Array, weights: Array, taps: int, *, is_spread: bool = False) -> Array:
    """Return rows of a table for many points, summed over maps with weights: the transpose of `add_outer`.

    Parameters
    ----------
    table
        Shape (rows, many, maps).
    cell
        First row of each point, shape (points,).
    weights
        Shape (points, maps).
    taps
        How many rows.
    is_spread
        Whether datasets, which this is mapped over, lie on several devices: then in operations that XLA shares out.

    Returns
    -------
    picked
        Shape (many, points, taps).
    """
    if is_spread:
        return _picked(table, cell, weights, taps=taps)
    return _pick.bind(table, cell, weights, taps=taps)


def scatter_outer(cell: Array, weights: Array, factors: Array, rows: int) -> Array:
    """Do the same as `add_outer` in operations that XLA shares out among devices when they are mapped over datasets.

    Parameters
    ----------
    cell, weights, factors, rows
        As for `add_outer`.
    """
    return _scattered(cell, weights, factors, rows=rows)

"""Matrices of joint fits in which most parameters act on one dataset each.

In the matrix of second derivatives such a parameter meets those of its own dataset, and the few that all datasets
share; never one of another dataset. So the matrix is kept as a block of the shared parameters, one small block per
dataset, and what lies between: the memory and the time of a thousand datasets are a thousand times those of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.likelihood._columns import Columns

__all__ = [
    "Arrow",
    "Matrix",
    "add_diagonal",
    "assemble",
    "diagonal_of",
    "directions_of",
    "has_influence",
    "no_matrix",
    "spread",
]


class Arrow(eqx.Module):
    """A symmetric matrix over the free vector; which entry is where is told by `Columns`.

    Parameters
    ----------
    shared
        Block of the shared parameters, shape (g, g).
    cross
        Per bucket the blocks between a dataset's own parameters and the shared ones, shape (datasets, l, g).
    local
        Per bucket the blocks of the datasets' own parameters, shape (datasets, l, l).
    """

    shared: Array
    cross: tuple[Array, ...]
    local: tuple[Array, ...]


#: A matrix over the free vector: dense, or without the zeros between datasets.
Matrix: TypeAlias = Array | Arrow


def no_matrix(columns: Columns) -> Matrix:
    """Return the matrix of zeros, in the form that suits the problem."""
    k = columns.directions.shape[1]
    if columns.local is None or columns.shared is None:
        return jnp.zeros((k, k))
    g = len(columns.shared)
    return Arrow(
        jnp.zeros((g, g)),
        tuple(jnp.zeros((*at.shape, g)) for at in columns.local),
        tuple(jnp.zeros((*at.shape, at.shape[1])) for at in columns.local),
    )


def directions_of(columns: Columns) -> Array:
    """Return directions of the free vector, shape (n, k), along which second derivatives are all of a matrix.

    Those of its own parameters are the same for all datasets, because they meet no others.

    Parameters
    ----------
    columns
        Which parameters are whose.
    """
    k = columns.directions.shape[1]
    if columns.local is None or columns.shared is None:
        return jnp.eye(k, dtype=columns.directions.dtype)
    g, most = len(columns.shared), max(at.shape[1] for at in columns.local)
    out = jnp.zeros((g + most, k), columns.directions.dtype)
    out = out.at[jnp.arange(g), columns.shared].set(1.0, mode="drop")
    for at in columns.local:
        out = out.at[g + jnp.arange(at.shape[1]), at].set(1.0, mode="drop")
    return out


def spread(columns: Columns, shared: Array, local: Sequence[Array]) -> Array:
    """Return the free vector of the values of shared and of own parameters.

    Parameters
    ----------
    columns
        Which parameters are whose.
    shared
        Values of the shared parameters, shape (g,).
    local
        Per bucket those of the datasets' own, shape (datasets, l).
    """
    assert columns.local is not None
    out = jnp.zeros(columns.directions.shape[1], shared.dtype).at[columns.shared].add(shared, mode="drop")
    for at, values in zip(columns.local, local):
        out = out.at[at].add(values, mode="drop")
    return out


def assemble(columns: Columns, vectors: Sequence[Array], matrices: Sequence[Array]) -> tuple[Array, Matrix]:
    """Add up what the datasets give.

    Parameters
    ----------
    columns
        Which parameters are whose.
    vectors, matrices
        Per bucket, shape (datasets, q) and (datasets, q, q); for dense matrices already summed, (k,) and (k, k).
    """
    if columns.local is None or columns.shared is None:
        return sum(vectors), sum(matrices)  # type: ignore[return-value]
    g = len(columns.shared)
    shared = sum(jnp.sum(v[:, :g], axis=0) for v in vectors)
    arrow = Arrow(
        sum(jnp.sum(m[:, :g, :g], axis=0) for m in matrices),  # type: ignore[arg-type]
        tuple(m[:, g:, :g] for m in matrices),
        tuple(m[:, g:, g:] for m in matrices),
    )
    return spread(columns, shared, [v[:, g:] for v in vectors]), arrow  # type: ignore[arg-type]


def add_diagonal(columns: Columns, matrix: Matrix, values: Array) -> Matrix:
    """Return the matrix with values of shape (k,) added to its diagonal."""
    if not isinstance(matrix, Arrow):
        return matrix + jnp.diag(values)
    assert columns.shared is not None
    assert columns.local is not None

    def there(at: Array) -> Array:
        found = values.at[at].get(mode="fill", fill_value=0.0)
        return found[..., jnp.newaxis] * jnp.eye(at.shape[-1], dtype=values.dtype)

    local = tuple(block + there(at) for block, at in zip(matrix.local, columns.local))
    return Arrow(matrix.shared + there(columns.shared), matrix.cross, local)


def diagonal_of(columns: Columns, matrix: Matrix) -> Array:
    """Return the diagonal, shape (k,)."""
    if not isinstance(matrix, Arrow):
        return jnp.diagonal(matrix)
    return spread(
        columns, jnp.diagonal(matrix.shared), [jnp.diagonal(block, axis1=1, axis2=2) for block in matrix.local]
    )


def has_influence(columns: Columns, matrix: Matrix) -> Array:
    """Return which rows are not zero, shape (k,)."""
    if not isinstance(matrix, Arrow):
        return jnp.any(matrix != 0, axis=1)

    def some(blocks: Array, axis: Any) -> Array:
        return jnp.any(blocks != 0, axis=axis).astype(matrix.shared.dtype)  # type: ignore[union-attr]

    shared = some(matrix.shared, 1) + sum(some(block, (0, 1)) for block in matrix.cross)
    local = [some(own, 2) + some(block, 2) for own, block in zip(matrix.local, matrix.cross)]
    return spread(columns, shared, local) > 0

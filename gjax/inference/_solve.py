"""Linear algebra of the fit: steps and covariances from matrices whitened with their diagonal.

Parameters of one dataset alone are eliminated: with the blocks A of the shared parameters, L_d of the datasets' own
and C_d between them, the shared ones are solved for with :math:`A - \\sum_d C_d^T L_d^{-1} C_d` (Schur's complement),
and then each dataset's own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gjax.likelihood import Arrow, Columns, Matrix, diagonal_of, has_influence, spread

__all__ = ["inverse", "newton_steps"]


def _gather(vector: Array, at: Array, default: float = 0.0) -> Array:
    return vector.at[at].get(mode="fill", fill_value=default)


def _whitened(columns: Columns, matrix: Matrix, width: Array, live: Array) -> Matrix:
    """Divide rows and columns by ``width``; where not ``live`` put rows of the identity."""
    if not isinstance(matrix, Arrow):
        both = live[:, None] & live[None, :]
        return jnp.where(both, matrix / (width[:, None] * width[None, :]), jnp.diag(jnp.where(live, 0.0, 1.0)))
    assert columns.shared is not None
    assert columns.local is not None
    by = jnp.where(live, 1.0 / width, 0.0)
    shared, dead = _gather(by, columns.shared), _gather(1.0 * ~live, columns.shared, 1.0)
    local = [(_gather(by, at), _gather(1.0 * ~live, at, 1.0)) for at in columns.local]
    return Arrow(
        matrix.shared * shared[:, None] * shared + jnp.diag(dead),
        tuple(block * own[..., None] * shared for block, (own, _) in zip(matrix.cross, local)),
        tuple(
            block * own[..., None] * own[:, None] + none[..., None] * jnp.eye(none.shape[1], dtype=block.dtype)
            for block, (own, none) in zip(matrix.local, local)
        ),
    )


class _Factors(NamedTuple):
    """Eigenvalues and vectors of the datasets' own blocks."""

    values: tuple[Array, ...]
    vectors: tuple[Array, ...]


def _factors(arrow: Arrow) -> _Factors:
    found = [jnp.linalg.eigh(block, symmetrize_input=False) for block in arrow.local]
    return _Factors(tuple(pair[0] for pair in found), tuple(pair[1] for pair in found))


def _inverse_local(factors: _Factors, damping: Array | float) -> list[Array]:
    tiny = 10 * jnp.finfo(factors.values[0].dtype).eps
    return [
        (vectors / (jnp.maximum(values, tiny) + damping)[:, None, :]) @ jnp.swapaxes(vectors, 1, 2)
        for values, vectors in zip(factors.values, factors.vectors)
    ]


def _complement(arrow: Arrow, inverse: list[Array]) -> tuple[Array, list[Array]]:
    """Return Schur's complement, and per bucket the products of inverse and cross block."""
    half = [own @ block for own, block in zip(inverse, arrow.cross)]
    out = arrow.shared - sum(jnp.einsum("dlg,dlh->gh", c, h, precision="highest") for c, h in zip(arrow.cross, half))
    return out, half


def _solve(matrix: Array, target: Array, damping: Array | float) -> Array:
    values, vectors = jnp.linalg.eigh(matrix, symmetrize_input=False)
    values = jnp.maximum(values, 10 * jnp.finfo(matrix.dtype).eps)
    return vectors @ ((vectors.T @ target) / (values + damping))


def newton_steps(
    columns: Columns, fisher: Matrix, gradient: Array, damping: Array, moves: Array
) -> tuple[Array, Array]:
    """Return the Newton step and the damped step.

    Parameters
    ----------
    columns
        Which parameters are whose.
    fisher, gradient
        Matrix and slope of the statistic.
    damping
        Added to the diagonal of the whitened matrix for the second step.
    moves
        Which parameters may move.
    """
    diagonal = diagonal_of(columns, fisher)
    live = moves & (diagonal > 0)
    # a parameter without influence has an empty row: the identity keeps it where it is
    width = jnp.sqrt(jnp.where(live, diagonal, 1.0))
    matrix = _whitened(columns, fisher, width, live)
    slope = jnp.where(live, gradient, 0.0) / width
    if not isinstance(matrix, Arrow):
        values, vectors = jnp.linalg.eigh(matrix, symmetrize_input=False)
        values = jnp.maximum(values, 10 * jnp.finfo(matrix.dtype).eps)
        target = vectors.T @ slope
        newton, damped = vectors @ (target / values), vectors @ (target / (values + damping))
    else:
        factors = _factors(matrix)
        newton, damped = (_arrow_solution(columns, matrix, factors, slope, d) for d in (0.0, damping))
    return jnp.where(live, -newton / width, 0.0), jnp.where(live, -damped / width, 0.0)


def _arrow_solution(columns: Columns, arrow: Arrow, factors: _Factors, slope: Array, damping: Array | float) -> Array:
    assert columns.shared is not None
    assert columns.local is not None
    inverse = _inverse_local(factors, damping)
    complement, half = _complement(arrow, inverse)
    own = [_gather(slope, at) for at in columns.local]
    rest = sum(jnp.einsum("dlg,dl->g", h, v, precision="highest") for h, v in zip(half, own))
    shared = _solve(complement, _gather(slope, columns.shared) - rest, damping)
    local = [jnp.einsum("dlm,dm->dl", i, v, precision="highest") - h @ shared for i, h, v in zip(inverse, half, own)]
    return spread(columns, shared, local)


def inverse(columns: Columns, matrix: Matrix, spare: Array) -> tuple[Array, Array]:
    """Return the inverse of a symmetric matrix as a dense one, and whether it is positive definite.

    Parameters
    ----------
    columns
        Which parameters are whose.
    matrix
        The matrix.
    spare
        Which places of the free vector are unused; their rows are zero in the result.

    Returns
    -------
    inverse
        NaN where the matrix is not positive, and on the diagonal of a parameter without influence (its row is zero),
        which does not spoil those of the others.
    is_positive
        True if it is positive definite on the parameters in use that have influence.
    """
    has_row = has_influence(columns, matrix)
    used = ~spare & has_row
    diagonal = diagonal_of(columns, matrix)
    width = jnp.sqrt(jnp.where(used & (diagonal > 0), diagonal, 1.0))
    whitened = _whitened(columns, matrix, width, used)
    tiny = 100 * jnp.finfo(diagonal.dtype).eps
    if not isinstance(whitened, Arrow):
        values, vectors = jnp.linalg.eigh(0.5 * (whitened + whitened.T))
        is_positive = jnp.all(jnp.isfinite(values)) & (values[0] > tiny)
        out = (vectors / jnp.where(is_positive, values, jnp.nan)) @ vectors.T
    else:
        out, is_positive = _arrow_inverse(columns, whitened, tiny)
    out = jnp.where(used[:, None] & used[None, :], out / (width[:, None] * width[None, :]), 0.0)
    return out + jnp.diag(jnp.where(~spare & ~has_row, jnp.nan, 0.0)), is_positive


def _arrow_inverse(columns: Columns, arrow: Arrow, tiny: Any) -> tuple[Array, Array]:
    assert columns.shared is not None
    assert columns.local is not None
    factors = _factors(arrow)
    positive = [jnp.all(jnp.isfinite(values)) & (jnp.min(values) > tiny) for values in factors.values]
    local = _inverse_local(factors, 0.0)
    complement, half = _complement(arrow, local)
    values, vectors = jnp.linalg.eigh(0.5 * (complement + complement.T))
    positive.append(jnp.all(jnp.isfinite(values)) & (values[0] > tiny))
    is_positive = jnp.all(jnp.stack(positive))
    k, g = columns.directions.shape[1], len(columns.shared)
    # what all parameters do when the shared ones move
    follow = jnp.zeros((k, g), vectors.dtype).at[columns.shared].add(jnp.eye(g), mode="drop")
    for at, block in zip(columns.local, half):
        follow = follow.at[at].add(-block, mode="drop")
    root = follow @ (vectors / jnp.sqrt(jnp.where(is_positive, values, jnp.nan)))
    out = root @ root.T
    for at, block in zip(columns.local, local):
        out = out.at[at[:, :, None], at[:, None, :]].add(block, mode="drop")
    return out, is_positive

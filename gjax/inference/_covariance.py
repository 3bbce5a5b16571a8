"""Covariance from the exact Hessian."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._minimise import unused
from gjax.inference._solve import inverse
from gjax.likelihood import Matrix, Problem

__all__ = ["covariance_at", "invert_information"]


def invert_information(matrix: Matrix, problem: Problem) -> tuple[Array, Array]:
    """Invert half a Hessian (or a Fisher matrix) after whitening it with its diagonal.

    Parameters
    ----------
    matrix
        Second derivatives of the statistic, i.e. twice the information.
    problem
        Tells which places of the free vector are unused; their rows are zero in the result.

    Returns
    -------
    covariance
        In units of the scales; NaN where the matrix is not positive, and in the variance of a parameter without
        influence (its row is zero), which does not spoil those of the others.
    is_positive
        True if it is positive definite on the parameters in use that have influence.
    """
    half, is_positive = inverse(problem.columns, matrix, unused(problem))
    return 2 * half, is_positive


def covariance_at(exact: Matrix, fisher: Matrix, problem: Problem) -> tuple[Array, Array]:
    """Return the covariance from the Hessian, or from the Fisher matrix where the Hessian cannot give one.

    Parameters
    ----------
    exact, fisher
        Second derivatives of the statistic, and twice the Fisher matrix.
    problem
        Tells which places of the free vector are unused.

    Returns
    -------
    covariance
        In units of the scales.
    is_exact
        True if it is from the Hessian: positive, and not flat in a parameter that has Fisher information (as the
        statistic is beside the corner that bins without any counts make).
    """
    both = (jnp.stack(pair) for pair in zip(*map(jax.tree_util.tree_leaves, (exact, fisher))))
    matrices = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(exact), both)
    # side by side: half as much to compile
    (observed, expected), (is_positive, _) = jax.vmap(lambda matrix: invert_information(matrix, problem))(matrices)
    is_flat = jnp.isnan(jnp.diagonal(observed)) & ~jnp.isnan(jnp.diagonal(expected))
    is_exact = is_positive & ~jnp.any(is_flat)
    return jnp.where(is_exact, observed, expected), is_exact

"""Covariance from the exact Hessian."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from gjax.inference._minimise import unused
from gjax.likelihood import Problem

__all__ = ["covariance_at", "invert_information"]


def invert_information(matrix: Array, problem: Problem) -> tuple[Array, Array]:
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
    spare = unused(problem)
    has_influence = jnp.any(matrix != 0, axis=1)
    used = ~spare & has_influence
    diagonal = jnp.diagonal(matrix)
    width = jnp.sqrt(jnp.where(used & (diagonal > 0), diagonal, 1.0))
    both = used[:, None] & used[None, :]
    whitened = jnp.where(both, matrix / (width[:, None] * width[None, :]), jnp.eye(len(width), dtype=matrix.dtype))
    eigenvalues, vectors = jnp.linalg.eigh(0.5 * (whitened + whitened.T))
    is_positive = jnp.all(jnp.isfinite(eigenvalues)) & (eigenvalues[0] > 100 * jnp.finfo(matrix.dtype).eps)
    inverse = (vectors / jnp.where(is_positive, eigenvalues, jnp.nan)) @ vectors.T
    covariance = 2 * inverse / (width[:, None] * width[None, :])
    unknown = jnp.diag(jnp.where(~spare & ~has_influence, jnp.nan, 0.0))
    return jnp.where(both, covariance, 0.0) + unknown, is_positive


def covariance_at(exact: Array, fisher: Array, problem: Problem) -> tuple[Array, Array]:
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
    observed, is_positive = invert_information(exact, problem)
    expected, _ = invert_information(fisher, problem)
    is_flat = jnp.isnan(jnp.diagonal(observed)) & ~jnp.isnan(jnp.diagonal(expected))
    is_exact = is_positive & ~jnp.any(is_flat)
    return jnp.where(is_exact, observed, expected), is_exact

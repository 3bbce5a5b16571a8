"""Joint priors inside of compiled functions: their statistic, and the curvature that Fisher scoring needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.parameters._joint_priors import AbstractJointPrior, solve
from gjax.parameters._table import ExpressionSlot, Slot, fill

__all__ = ["JointTerm", "joint_statistic", "joint_terms", "joint_weight"]


class JointTerm(eqx.Module):
    """A joint prior as arrays.

    Parameters
    ----------
    skeleton
        The prior with index slots.
    entries
        Entries of the table that it depends on, shape (m,).
    hyper
        Those of its own parameters, shape (h,).
    """

    skeleton: Any
    entries: Any
    hyper: Any

    @property
    def number(self) -> int:
        """Number of values that have the prior."""
        return len(self.entries) - len(self.hyper)


def _entries(tree: Any) -> np.ndarray:
    slots = [
        leaf
        for leaf in jax.tree_util.tree_leaves(tree, is_leaf=lambda node: isinstance(node, Slot | ExpressionSlot))
        if isinstance(leaf, Slot)
    ]
    found = [np.asarray(slot.index).ravel() for slot in slots]
    return np.unique(np.concatenate(found)).astype(np.int32) if found else np.empty(0, np.int32)


def joint_terms(skeletons: Sequence[AbstractJointPrior]) -> tuple[JointTerm, ...]:
    """Return the terms of priors with index slots (host)."""
    return tuple(
        JointTerm(skeleton, _entries(skeleton), _entries([getattr(skeleton, key) for key in skeleton.hyper]))
        for skeleton in skeletons
    )


def joint_statistic(terms: Sequence[JointTerm], theta: Array, is_free: Array) -> Array:
    """Return ``-2 ln p`` of all joint priors that hold a free parameter.

    Parameters
    ----------
    terms
        The priors.
    theta
        All parameters.
    is_free
        Which of them are free.
    """
    total = jnp.zeros((), theta.dtype)
    for term in terms:
        total = total + jnp.where(jnp.any(is_free[term.entries]), fill(term.skeleton, theta).statistic(), 0.0)
    return total


def joint_weight(terms: Sequence[JointTerm], theta: Array, index: Array, scale: Array) -> Array:
    r"""Return half the expected second derivatives by the free vector, a positive matrix.

    With the whitened deviations r, :math:`\frac{1}{2} E[H] = J^T J + \frac{1}{4} \mathrm{tr}(A_i A_j)`, where J holds
    the derivatives of r at fixed widths, and A those of the covariance in units of itself.

    Parameters
    ----------
    terms
        The priors.
    theta
        All parameters.
    index
        Entries of the free vector in the table; n marks an unused place.
    scale
        Scales of the free vector.
    """
    k, n = index.shape[0], theta.shape[0]
    place = jnp.full(n, k).at[index].set(jnp.arange(k), mode="drop")
    size = jnp.ones(n, theta.dtype).at[index].set(scale, mode="drop")
    matrix = jnp.zeros((k, k), theta.dtype)

    def add(matrix: Array, entries: Array, columns: Array) -> Array:
        columns = columns * size[entries]
        at = place[entries]
        local = jnp.matmul(columns.T, columns, precision="highest")
        return matrix.at[at[:, None], at].add(local, mode="drop")

    for term in terms:

        def part(v: Array, entries: Array, what: str, term: JointTerm = term) -> Array:
            found: Array = getattr(fill(term.skeleton, theta.at[entries].set(v)), what)()
            return found

        factor = fill(term.skeleton, theta).factor()
        slopes = jax.jacfwd(part)(theta[term.entries], term.entries, "deviations")
        matrix = add(matrix, term.entries, solve(factor, slopes))
        if term.hyper.shape[0]:
            change = jax.jacfwd(part)(theta[term.hyper], term.hyper, "factor")
            if factor.ndim == 1:
                columns = 2 * change / factor[:, None]
            else:
                whitened = jax.vmap(lambda d, f=factor: solve(f, d), in_axes=2, out_axes=2)(change)
                columns = (whitened + jnp.swapaxes(whitened, 0, 1)).reshape(-1, change.shape[2])
            matrix = add(matrix, term.hyper, columns / jnp.sqrt(2.0).astype(theta.dtype))
    return matrix

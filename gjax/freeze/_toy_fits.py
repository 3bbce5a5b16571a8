"""Fits of many toys with other likelihoods than those that they were drawn from."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import Array

from gjax.inference import CONVERGED, lanes_at_once, minimise_many, nothing_own
from gjax.likelihood import Problem, draw_data, with_data

__all__ = ["draw_at", "fit_toys"]

#: Toys per compiled call.
BLOCK = 512


@jax.jit
def _fit(problem: Problem, starts: Array, held: Array, drawn: Any) -> tuple[Array, Array, Array]:
    own = with_data(nothing_own(problem), drawn)
    end = minimise_many(problem, own, starts, held, width=lanes_at_once(problem))
    return end.x, end.statistic, end.status == CONVERGED


#: Data drawn at many points, one set each.
draw_at = jax.jit(jax.vmap(draw_data, in_axes=(None, 0, 0)))


def fit_toys(problem: Problem, drawn: Any, starts: np.ndarray, held: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit toys in batches of one compiled program.

    Parameters
    ----------
    problem
        The likelihood, with every bin of cubes.
    drawn
        Per bucket on and off counts (or None), with a leading axis of toys.
    starts
        Free vectors, shape (toys, k) or (k,).
    held
        Entries that keep their start value, shape (k,).

    Returns
    -------
    x, statistic, success
        Leading axis of toys.
    """
    total = jax.tree_util.tree_leaves(drawn)[0].shape[0]
    starts = np.broadcast_to(starts, (total, problem.index.shape[0]))
    held = np.broadcast_to(held, starts.shape)
    size = min(BLOCK, -(-total // 64) * 64)
    parts = []
    for first in range(0, total, size):
        rows = np.minimum(np.arange(first, first + size), total - 1)
        here = jax.tree_util.tree_map(lambda values, r=rows: values[r], drawn)
        parts.append(jax.device_get(_fit(problem, jax.device_put(starts[rows]), jax.device_put(held[rows]), here)))
    x, statistic, success = (np.concatenate([part[i] for part in parts])[:total] for i in range(3))
    return x, statistic, success

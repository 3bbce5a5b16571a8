"""Many iterations side by side, where those that have ended make room for the next.

A mapped ``while_loop`` runs every lane until the slowest has ended. Here a few lanes work through a list of tasks:
when one ends, its result is written down and the lane takes the next task, within one compiled loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["run_lanes"]


def run_lanes(
    tasks: Any,
    *,
    start: Callable[[Any], Any],
    advance: Callable[[Any, Any], Any],
    is_done: Callable[[Any], Array],
    width: int,
) -> Any:
    """Bring every task to its end and return the last states, leaves of shape (tasks, ...).

    Parameters
    ----------
    tasks
        Arrays with a leading axis of tasks.
    start
        Makes the first state of a task.
    advance
        Makes the next state from task and state.
    is_done
        Tells whether a state is the last.
    width
        Number of lanes.
    """
    size = jax.tree_util.tree_leaves(tasks)[0].shape[0]
    width = min(width, size)

    def take(tree: Any, at: Array) -> Any:
        return jax.tree_util.tree_map(lambda leaf: leaf[jnp.minimum(at, size - 1)], tree)

    def body(state: tuple[Array, Array, Any, Any]) -> tuple[Array, Array, Any, Any]:
        task, following, here, out = state
        mine = take(tasks, task)
        here = jax.vmap(advance)(mine, here)
        done = jax.vmap(is_done)(here) & (task < size)
        written = jnp.where(done, task, size)
        out = jax.tree_util.tree_map(lambda all_, one: all_.at[written].set(one, mode="drop"), out, here)
        # lanes that are free take the next tasks in turn; those that find none rest at the end
        turn = jnp.cumsum(done) - 1
        task = jnp.where(done, jnp.minimum(following + turn, size), task)

        def renewed(here: Any) -> Any:
            fresh = jax.vmap(start)(take(tasks, task))
            return jax.tree_util.tree_map(
                lambda new, old: jnp.where(done.reshape(-1, *[1] * (old.ndim - 1)), new, old), fresh, here
            )

        return task, following + jnp.sum(done), renewed(here), out

    first = jnp.arange(width)
    here = jax.vmap(start)(take(tasks, first))
    out = jax.tree_util.tree_map(lambda leaf: jnp.zeros((size, *leaf.shape[1:]), leaf.dtype), here)
    state = (first, jnp.asarray(width), here, out)
    return jax.lax.while_loop(lambda s: jnp.any(s[0] < size), body, state)[3]

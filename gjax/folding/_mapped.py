"""Mapping over axes that often have one entry: one source, one dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

__all__ = ["mapped"]


def mapped(function: Callable[..., Any], in_axes: Any = 0) -> Callable[..., Any]:
    """Return `jax.vmap` of a function, or where there is one entry the function itself.

    Mapping operations over one entry is a third of the time to trace, and the programs take longer to compile.

    Parameters
    ----------
    function
        What to map.
    in_axes
        As for `jax.vmap`, of zeros and None.
    """

    def over(*arguments: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)

        def choose(axis: int | None, part: Any) -> list[Any]:
            return [] if axis is None else jax.tree_util.tree_leaves(part)

        found = jax.tree_util.tree_map(choose, axes, arguments, is_leaf=lambda axis: axis is None)
        if any(len(leaf) != 1 for leaf in jax.tree_util.tree_leaves(found)):
            return jax.vmap(function, in_axes=axes)(*arguments)

        def first(axis: int | None, part: Any) -> Any:
            return part if axis is None else jax.tree_util.tree_map(lambda leaf: leaf[0], part)

        out = function(*jax.tree_util.tree_map(first, axes, arguments, is_leaf=lambda axis: axis is None))
        return jax.tree_util.tree_map(lambda leaf: leaf[None], out)

    return over

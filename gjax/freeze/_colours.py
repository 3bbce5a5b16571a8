"""Colours of the free parameters: see `gjax.likelihood.Columns`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from gjax.freeze._datasets import ladder
from gjax.likelihood import BackgroundGroup, Columns, SourceGroup, TemplateGroup
from gjax.parameters import Slot

__all__ = ["colour_columns"]


def _entries(tree: Any, rows: int, place: np.ndarray) -> list[frozenset[int]]:
    """Return per row of a stacked skeleton the entries of the free vector that it depends on."""
    slots = [
        leaf
        for leaf in jax.tree_util.tree_leaves(tree, is_leaf=lambda n: isinstance(n, Slot))
        if isinstance(leaf, Slot)
    ]
    found = [place[np.asarray(slot.index).reshape(rows, -1)] for slot in slots if not slot.constant]
    if not found:
        return [frozenset()] * rows
    return [frozenset(row[row >= 0].tolist()) for row in np.concatenate(found, axis=1)]


def _nuisances(entries: Sequence[tuple[Any, ...] | None], number: int, size: int, place: np.ndarray) -> list[set[int]]:
    """Return per dataset of a bucket the entries of the free vector that its instrument has."""
    out: list[set[int]] = [set() for _ in range(size)]
    for per_bucket in entries:
        if per_bucket is None:
            continue
        for d, entry in enumerate(np.asarray(per_bucket[number])):
            # the two places behind the table stand for no nuisance
            if entry < len(place) and place[entry] >= 0:
                out[d].add(int(place[entry]))
    return out


def _colours(parts: Iterable[frozenset[int]], size: int) -> np.ndarray:
    """Give entries that share a part different colours, greedily."""
    neighbours: list[set[int]] = [set() for _ in range(size)]
    for part in set(parts):
        for entry in part:
            neighbours[entry] |= part
    colour = np.full(size, -1)
    for entry in range(size):
        taken = {colour[other] for other in neighbours[entry]}
        colour[entry] = next(c for c in range(size + 1) if c not in taken) if neighbours[entry] else 0
    return colour


def colour_columns(
    groups: Sequence[SourceGroup],
    backgrounds: Sequence[BackgroundGroup | None],
    templates: Sequence[Sequence[TemplateGroup]],
    nuisances: Sequence[tuple[Any, ...] | None],
    sizes: Sequence[int],
    index: np.ndarray,
    n: int,
) -> Columns:
    """Colour the free parameters.

    Parameters
    ----------
    groups, backgrounds, templates
        The parts of the prediction, still on the host.
    nuisances
        Energy scales and exposure norms, per bucket and dataset the entry of the table.
    sizes
        Number of datasets of every bucket.
    index
        Entries of the free vector in the table; n marks an unused place.
    n
        Size of the table.
    """
    k = len(index)
    place = np.full(n, -1)
    used = index < n
    place[index[used]] = np.flatnonzero(used)
    shared = [_nuisances(nuisances, number, size, place) for number, size in enumerate(sizes)]
    sources = []
    for group in groups:
        rows = len(np.asarray(group.applies[0]))
        own = _entries((group.skeleton, group.spatial), rows, place)
        sources.append([[[one | extra for extra in shared[b]] for one in own] for b in range(len(sizes))])
    behind = [
        None
        if group is None
        else _entries((group.skeleton, group.shape and (group.shape.gradients, group.shape.spatial)), size, place)
        for group, size in zip(backgrounds, sizes)
    ]
    above = [[_entries(group.skeleton, len(group.dataset), place) for group in found] for found in templates]
    parts = [part for group in sources for bucket in group for row in bucket for part in row]
    parts += [part for rows in behind if rows is not None for part in rows]
    parts += [part for found in above for rows in found for part in rows]
    colour = _colours(parts, k)
    number = min(ladder(max((len(part) for part in parts), default=1)), k)
    number = max(number, int(colour.max()) + 1)

    def places(rows: Any, shape: tuple[int, ...]) -> Any:
        out = np.zeros((*shape, number, k))
        for where in np.ndindex(*shape):
            part = rows
            for i in where:
                part = part[i]
            for entry in part:
                out[(*where, colour[entry], entry)] = 1.0
        return out

    directions: Any = (colour == np.arange(number)[:, np.newaxis]).astype(float)
    return Columns(
        directions,
        tuple(tuple(places(rows, (len(rows), size)) for rows, size in zip(group, sizes)) for group in sources),
        tuple(None if rows is None else places(rows, (len(rows),)) for rows in behind),
        tuple(tuple(places(rows, (len(rows),)) for rows in found) for found in above),
    )

"""Colours of the free parameters: see `gjax.likelihood.Columns`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from gjax.freeze._datasets import ladder
from gjax.freeze._temporal import temporal_entries
from gjax.likelihood import BackgroundGroup, Columns, Instruments, SourceGroup, TemplateGroup
from gjax.parameters import Slot

__all__ = ["colour_columns"]

_NONE: frozenset[int] = frozenset()


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


def _nuisances(instruments: Instruments | None, size: int, place: np.ndarray) -> list[frozenset[int]]:
    """Return per dataset of a bucket the entries of the free vector that its instrument has."""
    out: list[set[int]] = [set() for _ in range(size)]
    leaves = jax.tree_util.tree_leaves(instruments, is_leaf=lambda n: isinstance(n, Slot))
    for slot in (leaf for leaf in leaves if isinstance(leaf, Slot)):
        # a factor of zero stands for no parameter
        rows = np.where(np.asarray(slot.factor) != 0, place[np.asarray(slot.index)], -1).reshape(size, -1)
        for own, row in zip(out, rows):
            own.update(row[row >= 0].tolist())
    return [frozenset(own) for own in out]


def _colours(parts: Iterable[frozenset[int]], first: Iterable[int], size: int) -> np.ndarray:
    """Give entries that share a part different colours, greedily: the lowest to those that come first."""
    neighbours: list[set[int]] = [set() for _ in range(size)]
    for part in set(parts):
        for entry in part:
            neighbours[entry] |= part
    colour = np.full(size, -1)
    for entry in dict.fromkeys([*first, *range(size)]):
        taken = {colour[other] for other in neighbours[entry]}
        colour[entry] = next(c for c in range(size + 1) if c not in taken) if neighbours[entry] else 0
    return colour


def _datasets_of(sources: Any, behind: Any, above: Any, templates: Any, k: int) -> list[set[tuple[int, int]]]:
    """Return for every entry of the free vector the (bucket, dataset) that it acts on."""
    out: list[set[tuple[int, int]]] = [set() for _ in range(k)]

    def note(part: frozenset[int], bucket: int, dataset: int) -> None:
        for entry in part:
            out[entry].add((bucket, dataset))

    for group in sources:
        for b, rows in enumerate(group):
            for row in rows:
                for d, part in enumerate(row):
                    note(part, b, d)
    for b, rows in enumerate(behind):
        for d, part in enumerate(rows or []):
            note(part, b, d)
    for b, found in enumerate(above):
        for rows, group in zip(found, templates[b]):
            for part, d in zip(rows, np.asarray(group.dataset)):
                note(part, b, int(d))
    return out


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where the parameters of a dataset are in its matrices; see `Columns`."""

    widths: list[int]
    shared: Any = None
    local: Any = None
    index: Any = None

    def column(self, entry: int, bucket: int, dataset: int) -> int:
        """Return the place of an entry of the free vector among those of a dataset."""
        return entry if self.index is None else self.index[bucket][dataset][entry]


#: From how many free parameters on matrices are kept without the zeros between datasets.
_MANY = 32


def _layout(acts_on: Sequence[set[tuple[int, int]]], sizes: Sequence[int], k: int) -> _Layout:
    own: list[list[list[int]]] = [[[] for _ in range(size)] for size in sizes]
    shared = []
    for entry, where in enumerate(acts_on):
        if len(where) == 1:
            bucket, dataset = next(iter(where))
            own[bucket][dataset].append(entry)
        elif where:
            shared.append(entry)
    # places that act on nothing stand nowhere: their rows are zero
    if k < _MANY or 2 * len(shared) > k:
        return _Layout([k] * len(sizes))
    g = ladder(len(shared))
    first = {entry: column for column, entry in enumerate(shared)}
    most = [max([1, *(len(entries) for entries in rows)]) for rows in own]
    index = [[first | {entry: g + column for column, entry in enumerate(entries)} for entries in rows] for rows in own]
    local = tuple(
        np.array([entries + [k] * (size - len(entries)) for entries in rows], dtype=np.int32).reshape(-1, size)
        for rows, size in zip(own, most)
    )
    padded = np.array(shared + [k] * (g - len(shared)), dtype=np.int32)
    return _Layout([g + size for size in most], padded, local, index)


class _Parts(NamedTuple):
    """The entries of the free vector that each part of the prediction depends on.

    Parameters
    ----------
    sources
        Per group, bucket, source and dataset.
    backgrounds
        Per bucket and dataset; None without a background.
    templates
        Per bucket, group and pair.
    """

    sources: list[list[list[list[frozenset[int]]]]]
    backgrounds: list[list[frozenset[int]] | None]
    templates: list[list[list[frozenset[int]]]]

    def low(self) -> list[frozenset[int]]:
        """Return what backgrounds and templates depend on."""
        found = [part for rows in self.backgrounds if rows is not None for part in rows]
        return found + [part for groups in self.templates for rows in groups for part in rows]

    def all(self) -> list[frozenset[int]]:
        """Return what all parts depend on."""
        return [part for group in self.sources for bucket in group for row in bucket for part in row] + self.low()


def _parts(
    groups: Sequence[SourceGroup],
    backgrounds: Sequence[BackgroundGroup | None],
    templates: Sequence[Sequence[TemplateGroup]],
    instruments: Sequence[Instruments] | None,
    sizes: Sequence[int],
    place: np.ndarray,
) -> _Parts:
    """Return what the parts of the prediction depend on; ``place`` has the entry of each parameter, or -1."""
    shared = [_nuisances(instruments[b] if instruments else None, size, place) for b, size in enumerate(sizes)]
    sources = []
    for group in groups:
        rows = len(np.asarray(group.applies[0]))
        own = _entries((group.skeleton, group.spatial), rows, place)
        by_time = temporal_entries(group.temporal, rows, sizes, lambda tree, n: _entries(tree, n, place))
        sources.append(
            [
                [
                    [one | extra | more if on else _NONE for on, extra, more in zip(acts, shared[b], row)]
                    for one, acts, row in zip(own, applies, by_time[b])
                ]
                for b, applies in enumerate(np.asarray(applies) > 0 for applies in group.applies)
            ]
        )
    behind = [
        None
        if group is None
        else _entries((group.skeleton, group.shape and (group.shape.gradients, group.shape.spatial)), size, place)
        for group, size in zip(backgrounds, sizes)
    ]
    above = [[_entries(group.skeleton, len(group.dataset), place) for group in found] for found in templates]
    return _Parts(sources, behind, above)


def colour_columns(
    groups: Sequence[SourceGroup],
    backgrounds: Sequence[BackgroundGroup | None],
    templates: Sequence[Sequence[TemplateGroup]],
    instruments: Sequence[Instruments] | None,
    sizes: Sequence[int],
    index: np.ndarray,
    n: int,
    *,
    is_dense: bool = False,
) -> Columns:
    """Colour the free parameters.

    Parameters
    ----------
    groups, backgrounds, templates
        The parts of the prediction, still on the host.
    instruments
        Per bucket the nuisances of its instruments.
    sizes
        Number of datasets of every bucket.
    index
        Entries of the free vector in the table; n marks an unused place.
    n
        Size of the table.
    is_dense
        Whether priors tie parameters together, so that matrices have no zeros between datasets.
    """
    k = len(index)
    place = np.full(n, -1)
    used = index < n
    place[index[used]] = np.flatnonzero(used)
    parts = groups, backgrounds, templates, instruments, sizes
    free, every = _parts(*parts, place), _parts(*parts, np.arange(n))
    colour = _colours(free.all(), sorted(set().union(*free.low())), k)

    def enough(free: Sequence[frozenset[int]], every: Sequence[frozenset[int]], most: int) -> int:
        # as many as there are parameters, free or not, so that to free one is no other program
        highest = max((int(colour[entry]) + 1 for part in free for entry in part), default=0)
        return max(min(max(map(len, every), default=0), most), highest)

    most = max((len(part) for part in free.all()), default=1)
    number = max(enough(free.all(), every.all(), min(ladder(most), k)), 1)
    layout = _Layout([k] * len(sizes))
    if not is_dense:
        layout = _layout(_datasets_of(*free, templates, k), sizes, k)

    def places(
        rows: Any, shape: tuple[int, ...], number: int, bucket: int, dataset: Callable[[tuple[int, ...]], int]
    ) -> Any:
        out = np.zeros((*shape, number, layout.widths[bucket]))
        for position in np.ndindex(*shape):
            part = rows
            for i in position:
                part = part[i]
            for entry in part:
                out[(*position, colour[entry], layout.column(entry, bucket, dataset(position)))] = 1.0
        return out

    def of_background(bucket: int, rows: Any, every: Any) -> Any:
        return (
            None if rows is None else places(rows, (len(rows),), enough(rows, every, number), bucket, lambda at: at[0])
        )

    def of_templates(bucket: int, rows: Any, every: Any, group: TemplateGroup) -> Any:
        datasets = np.asarray(group.dataset)
        return places(rows, (len(rows),), enough(rows, every, number), bucket, lambda at: int(datasets[at[0]]))

    directions: Any = (colour == np.arange(number)[:, np.newaxis]).astype(float)
    return Columns(
        directions,
        tuple(
            tuple(places(rows, (len(rows), sizes[b]), number, b, lambda at: at[1]) for b, rows in enumerate(group))
            for group in free.sources
        ),
        tuple(map(of_background, range(len(sizes)), free.backgrounds, every.backgrounds)),
        tuple(
            tuple(of_templates(b, *each) for each in zip(free.templates[b], every.templates[b], templates[b]))
            for b in range(len(sizes))
        ),
        layout.shared,
        layout.local,
    )

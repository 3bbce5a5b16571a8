"""How sources vary with time: the models, and the good time intervals of the datasets as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze._backgrounds import stack_trees
from gjax.freeze._datasets import FrozenDatasets, ladder
from gjax.models import applies_to

__all__ = ["temporal_entries", "temporal_factors"]


def temporal_factors(
    found: Sequence[tuple[Any, Any]], datasets: Sequence[Any], frozen: FrozenDatasets
) -> tuple[tuple[Any, Any], ...] | None:
    """Return per bucket the temporal models of a group of sources with index slots, and the times of the datasets.

    Parameters
    ----------
    found
        Sources of one kind and their skeletons.
    datasets
        All datasets.
    frozen
        Where each dataset went.

    Returns
    -------
    factors
        Leaves of shape (sources, datasets, ...); None if the sources are constant.

    Raises
    ------
    FitError
        If a dataset that sees one of the sources has no good time intervals.
    """
    if found[0][0].temporal_model is None:
        return None
    out = []
    for members in frozen.members:
        names = [str(datasets[i].name) for i in members]
        gtis = [getattr(datasets[i], "gti", None) for i in members]
        number = max((len(gti) for gti in gtis if gti is not None), default=1)
        size = number if number == 1 else ladder(number)
        skeletons, times = [], []
        for model, skeleton in found:
            temporal = model.temporal_model
            # datasets that do not see the source have times like those of another
            seen = [g for name, g in zip(names, gtis) if applies_to(model, name)]
            stand_in = next((g for g in [*seen, *gtis] if g is not None), None)
            used = [g if applies_to(model, name) else g or stand_in for name, g in zip(names, gtis)]
            try:
                times.append(temporal.frozen_times(names, used, size))
            except ValueError as error:
                raise FitError(f"source {model.name!r}: {error}") from error
            skeletons.append(temporal.at_datasets(names, skeleton.temporal_model))
        out.append((stack_trees(skeletons), stack_trees(times)))
    return tuple(out)


def temporal_entries(
    temporal: Sequence[tuple[Any, Any]] | None,
    rows: int,
    sizes: Sequence[int],
    entries: Callable[[Any, int], list[frozenset[int]]],
) -> list[list[list[frozenset[int]]]]:
    """Return per bucket, source and dataset the entries of the free vector that a temporal factor depends on.

    Parameters
    ----------
    temporal
        As `temporal_factors` returns them.
    rows
        Number of sources.
    sizes
        Number of datasets per bucket.
    entries
        Returns the entries per row of a skeleton with a number of rows.
    """
    if temporal is None:
        return [[[frozenset[int]()] * size for _ in range(rows)] for size in sizes]
    out = []
    for (skeleton, _), size in zip(temporal, sizes):
        if skeleton.is_by_dataset:
            flat = [np.reshape(leaf, (rows * size, -1)) for leaf in jax.tree_util.tree_leaves(skeleton)]
            found = entries(jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(skeleton), flat), rows * size)
            out.append([found[k * size : (k + 1) * size] for k in range(rows)])
        else:
            out.append([[one] * size for one in entries(skeleton, rows)])
    return out

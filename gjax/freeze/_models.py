"""Models and frozen datasets to one problem: sources stacked by kind, nuisances as table entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gjax.errors import FitError
from gjax.freeze._datasets import FrozenDatasets, ladder
from gjax.likelihood import Problem, SourceGroup
from gjax.models import InstrumentModel, Models, SkyModel, applies_to
from gjax.parameters import ParameterTable

__all__ = ["build_problem", "free_index"]


def free_index(free: np.ndarray) -> np.ndarray:
    """Return the entries of the free parameters, padded with n to a size of the ladder."""
    n = len(free)
    found = np.flatnonzero(free)
    return np.concatenate([found, np.full(ladder(max(len(found), 1)) - len(found), n)]).astype(np.int32)


def _groups(
    sources: list[tuple[SkyModel, Any]], names: Sequence[str], frozen: FrozenDatasets
) -> tuple[SourceGroup, ...]:
    kinds: dict[Any, list[tuple[SkyModel, list[Any]]]] = {}
    for model, skeleton in sources:
        leaves, structure = jax.tree_util.tree_flatten(skeleton.spectral_model)
        key = (structure, tuple(np.shape(leaf) for leaf in leaves))
        kinds.setdefault(key, []).append((model, leaves))
    groups = []
    for (structure, _), found in kinds.items():
        stacked = [jnp.asarray(np.stack(column)) for column in zip(*(leaves for _, leaves in found))]
        applies = tuple(
            jnp.asarray([[float(applies_to(model, names[i])) for i in members] for model, _ in found])
            for members in frozen.members
        )
        skeleton = jax.tree_util.tree_unflatten(structure, stacked)
        groups.append(SourceGroup(skeleton, None, applies, tuple(None for _ in frozen.members)))
    return tuple(groups)


def _nuisance(
    field: str,
    instruments: list[tuple[InstrumentModel, Any]],
    names: Sequence[str],
    frozen: FrozenDatasets,
    default: int,
) -> tuple[Any, ...]:
    found: list[int | None] = [None] * len(names)
    for model, skeleton in instruments:
        slot = getattr(skeleton, field)
        for i, name in enumerate(names):
            if not applies_to(model, name):
                continue
            if found[i] is not None:
                raise FitError(f"dataset {name!r}: more than one instrument model acts on it")
            index = getattr(slot, "index", None)
            if index is None or np.shape(index) or slot.factor != 1 or slot.offset != 0:
                raise FitError(f"instrument {model.name!r}: {field} must be a plain scalar parameter")
            found[i] = int(index)
    entries = [default if entry is None else entry for entry in found]
    return tuple(jnp.asarray([entries[i] for i in members], dtype=jnp.int32) for members in frozen.members)


def build_problem(models: Models, names: Sequence[str], frozen: FrozenDatasets) -> tuple[Problem, ParameterTable]:
    """Return the problem of models on frozen datasets, and its parameter table.

    Raises
    ------
    FitError
        If there is no source, or two instrument models act on one dataset.
    """
    if not models.sources:
        raise FitError("there is no source to fit: give at least one SkyModel")
    skeletons, table = models.freeze_tree()
    pairs = list(zip(models, skeletons))
    sources = [(model, skeleton) for model, skeleton in pairs if isinstance(model, SkyModel)]
    instruments = [(model, skeleton) for model, skeleton in pairs if isinstance(model, InstrumentModel)]
    problem = Problem(
        table=table.freeze(),
        index=jnp.asarray(free_index(table.free)),
        groups=_groups(sources, names, frozen),
        buckets=frozen.buckets,
        energy_scale=_nuisance("energy_scale", instruments, names, frozen, table.size) if instruments else None,
        exposure_norm=_nuisance("exposure_norm", instruments, names, frozen, table.size + 1) if instruments else None,
        backgrounds=tuple(None for _ in frozen.members),
    )
    return problem, table

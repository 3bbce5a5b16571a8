"""Models and frozen datasets to one problem: sources stacked by kind, nuisances as table entries."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze._backgrounds import background_groups, keeps_all_bins, stack_trees, template_groups
from gjax.freeze._colours import colour_columns
from gjax.freeze._cubes import CubeBins, cube_bins
from gjax.freeze._datasets import FrozenDatasets, cube_bucket, ladder
from gjax.freeze._folds import GroupFolds, fold_method, is_known, is_near, make_folds, place_folds
from gjax.freeze._instruments import instrument_groups, instruments_of, is_stretched
from gjax.freeze._temporal import temporal_factors
from gjax.likelihood import AbstractBucket, AbstractCubes, Problem, SourceGroup
from gjax.models import Models, SkyModel, TemplateNPredModel, applies_to

__all__ = ["Built", "build_problem", "free_index", "source_kinds"]


@dataclasses.dataclass(frozen=True)
class Built:
    """A problem, and what of it serves other values of the same models.

    Parameters
    ----------
    problem
        The problem.
    folds
        Per group of sources its folds; None for sources that act on no cube.
    frozen
        The datasets that all was made of.
    reached
        Pixels of every cube that sources may reach, by position; None where every bin is kept.
    bins
        The bins of every cube by position.
    buckets
        The data, with these bins.
    placed
        Per group of sources its folds for these bins.
    """

    problem: Problem
    folds: tuple[GroupFolds | None, ...]
    frozen: FrozenDatasets
    reached: Mapping[int, np.ndarray | None]
    bins: Mapping[int, CubeBins]
    buckets: tuple[AbstractBucket, ...]
    placed: tuple[Any, ...]


def free_index(free: np.ndarray) -> np.ndarray:
    """Return the entries of the free parameters, padded with n to a size of the ladder."""
    n = len(free)
    found = np.flatnonzero(free)
    return np.concatenate([found, np.full(ladder(max(len(found), 1)) - len(found), n)]).astype(np.int32)


def source_kinds(
    models: Models, skeletons: Sequence[Any], folding: Mapping[str, str]
) -> list[list[tuple[SkyModel, Any]]]:
    """Sort the sources of a model list by kind: those of one kind are stacked and evaluated together.

    Parameters
    ----------
    models
        The models.
    skeletons
        The same with index slots.
    folding
        How sources are to be folded into cubes, by name, where it is not to be chosen.
    """
    kinds: dict[Any, list[tuple[SkyModel, Any]]] = {}
    stretched = is_stretched(models)
    for model, skeleton in zip(models, skeletons):
        if isinstance(model, SkyModel):
            leaves, structure = jax.tree_util.tree_flatten(
                (skeleton.spectral_model, skeleton.spatial_model, skeleton.temporal_model)
            )
            method = fold_method(model, folding, stretched=stretched)
            known = is_known(model, method)
            key = (structure, tuple(np.shape(leaf) for leaf in leaves), method, model.apply_irf, known)
            kinds.setdefault(key, []).append((model, skeleton))
    return list(kinds.values())


def _group(
    found: list[tuple[SkyModel, Any]], datasets: Sequence[Any], frozen: FrozenDatasets, folds: Any, placed: Any
) -> SourceGroup:
    names = [str(dataset.name) for dataset in datasets]
    sees = folds.sees if folds else [1.0 for _ in frozen.members]
    applies = tuple(
        np.array([[float(applies_to(model, names[i])) for i in members] for model, _ in found]) * seen
        for members, seen in zip(frozen.members, sees)
    )
    spectral = stack_trees([skeleton.spectral_model for _, skeleton in found])
    spatial = stack_trees([skeleton.spatial_model for _, skeleton in found]) if folds else None
    known = folds is not None and is_known(found[0][0], folds.method)
    return SourceGroup(spectral, spatial, applies, placed, temporal_factors(found, datasets, frozen), known)


def _reached(
    models: Models, names: Sequence[str], frozen: FrozenDatasets, folds: Sequence[GroupFolds | None]
) -> dict[int, np.ndarray | None]:
    """Return the pixels of every cube that sources may reach; None where every bin is kept."""
    out: dict[int, np.ndarray | None] = {}
    for number, members in enumerate(frozen.members):
        every = keeps_all_bins(list(models), members, names)
        for d, i in enumerate(members):
            if i not in frozen.cubes:
                continue
            reached = np.zeros(frozen.cubes[i].counts.shape[1], bool)
            for made in folds:
                cuts = None if made is None else made.pixels[number]
                for s, row in enumerate(cuts or []):
                    if made is not None and applies_to(made.models[s], names[i]):
                        reached[row[d].pixels[row[d].pixels >= 0]] = True
            out[i] = None if every else reached
    return out


def _serves(known: Mapping[int, np.ndarray | None], reached: Mapping[int, np.ndarray | None]) -> bool:
    """Tell whether sources reach the same pixels of all cubes."""
    return all(_is_equal(known.get(i), pixels) for i, pixels in reached.items())


def _is_equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _buckets(frozen: FrozenDatasets, bins: Mapping[int, CubeBins]) -> tuple[AbstractBucket, ...]:
    return tuple(
        cube_bucket(kind, [bins[i] for i in members], by_energy=frozen.by_energy) if bucket is None else bucket
        for kind, bucket, members in zip(frozen.kinds, frozen.buckets, frozen.members)
    )


def build_problem(models: Models, datasets: Sequence[Any], frozen: FrozenDatasets, known: Built | None = None) -> Built:
    """Return the problem of models on frozen datasets.

    Parameters
    ----------
    models, datasets, frozen
        What to join.
    known
        What was built before: folds are used again where the sources are the same and still near, the data where
        sources reach the same pixels.

    Raises
    ------
    FitError
        If there is no source, two instrument models act on one dataset, or a model cannot be fitted yet.
    """
    if not any(isinstance(model, SkyModel | TemplateNPredModel) for model in models):
        raise FitError("there is no source to fit: give at least one SkyModel")
    names = [str(dataset.name) for dataset in datasets]
    skeletons, table = models.freeze_tree()
    pairs = list(zip(models, skeletons))
    found_instruments = instruments_of(pairs, names)
    kinds, folds = source_kinds(models, skeletons, frozen.folding), []
    stretched = is_stretched(models)
    for found in kinds:
        made, members = None, [model for model, _ in found]
        if any(applies_to(model, names[i]) for model in members for i in frozen.cubes):
            near = functools.partial(is_near, models=members, wanted=frozen.folding, stretched=stretched)
            old = [fold for fold in (known.folds if known else ()) if fold is not None and near(fold)]
            made = old[0] if old else make_folds(members, list(datasets), frozen, stretched=stretched)
        folds.append(made)
    reached = _reached(models, names, frozen, folds)
    same = known if known and known.frozen is frozen and _serves(known.reached, reached) else None
    bins = same.bins if same else {i: cube_bins(frozen.cubes[i], pixels) for i, pixels in reached.items()}
    buckets = same.buckets if same else jax.device_put(_buckets(frozen, bins))
    widths = [bucket.energy_bin.shape[1] if isinstance(bucket, AbstractCubes) else 0 for bucket in buckets]
    none = tuple(None for _ in frozen.members)
    kept = {id(made): at for made, at in zip(same.folds, same.placed)} if same else {}
    placed = [
        kept[id(made)] if id(made) in kept else none if made is None else place_folds(made, bins, widths, frozen)
        for made in folds
    ]
    groups = [_group(found, datasets, frozen, made, at) for found, made, at in zip(kinds, folds, placed)]
    index: Any = free_index(table.free)
    instruments = instrument_groups(found_instruments, frozen, buckets)
    backgrounds = background_groups(pairs, datasets, frozen, bins, widths)
    templates = template_groups(pairs, datasets, frozen, bins, widths)
    sizes = [len(members) for members in frozen.members]
    host = Problem(
        table=table.freeze(),
        index=index,
        groups=tuple(groups),
        buckets=buckets,
        instruments=instruments,
        backgrounds=backgrounds,
        templates=templates,
        columns=colour_columns(
            groups, backgrounds, templates, instruments, sizes, index, table.size, is_dense=bool(table.joint)
        ),
    )
    # one transfer of everything: converting array by array compiles a program for each shape
    problem: Problem = jax.device_put(host)
    return Built(problem, tuple(folds), frozen, reached, bins, buckets, tuple(placed))

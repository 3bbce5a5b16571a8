"""Models of backgrounds and templates of counts to arrays, for the buckets of cubes they act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze._cubes import CubeBins, padded
from gjax.freeze._datasets import FrozenDatasets
from gjax.irf.fov import fov_coordinates
from gjax.likelihood import BackgroundGroup, BackgroundShape, TemplateGroup
from gjax.models import FoVBackgroundModel, TemplateNPredModel, applies_to
from gjax.models._background import dataset_skeleton
from gjax.models._sphere import rotation_matrix
from gjax.parameters import fill

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood

__all__ = ["background_groups", "cube_templates", "keeps_all_bins", "stack_trees", "template_groups"]


def stack_trees(trees: Sequence[Any]) -> Any:
    """Stack the leaves of trees of one structure along a new first axis."""
    return jax.tree_util.tree_map(lambda *leaves: np.stack(leaves), *trees)


def _kind(tree: Any) -> Any:
    leaves, structure = jax.tree_util.tree_flatten(tree)
    return structure, tuple(np.shape(leaf) for leaf in leaves)


def _acts_on(model: Any, names: Sequence[str], cubes: Sequence[int], what: str) -> list[int]:
    """Return the cubes that a model acts on; refuse one that acts on other datasets only."""
    found = [i for i in cubes if applies_to(model, names[i])]
    if not found and any(applies_to(model, name) for name in names):
        raise FitError(f"model {model.name!r}: none of its datasets is {what}")
    return found


# ---- factors on known backgrounds ----


def keeps_all_bins(models: Sequence[Any], members: Sequence[int], names: Sequence[str]) -> bool:
    """Tell whether the background of a bucket of cubes changes by more than a factor per energy.

    Parameters
    ----------
    models
        All models.
    members
        Positions of the datasets of the bucket.
    names
        Names of all datasets.
    """
    return any(
        (isinstance(model, TemplateNPredModel) or (isinstance(model, FoVBackgroundModel) and model.has_gradient))
        and any(applies_to(model, names[i]) for i in members)
        for model in models
    )


def background_groups(
    pairs: Sequence[tuple[Any, Any]],
    datasets: Sequence[Any],
    frozen: FrozenDatasets,
    bins: Mapping[int, CubeBins],
    sizes: Sequence[int],
) -> tuple[BackgroundGroup | None, ...]:
    """Return the models of the background per bucket.

    Parameters
    ----------
    pairs
        Models, and the same with index slots.
    datasets, frozen
        The data.
    bins
        The bins of every cube by position.
    sizes
        Per bucket the number of bins after padding.

    Raises
    ------
    FitError
        If two models act on one dataset, models of one bucket are of different kinds, or a model acts on datasets
        without a known background only.
    """
    names = [str(dataset.name) for dataset in datasets]
    known = [i for i, cube in frozen.cubes.items() if cube.alpha is None]
    found: dict[int, tuple[Any, Any]] = {}
    for model, skeleton in pairs:
        if not isinstance(model, FoVBackgroundModel):
            continue
        for i in _acts_on(model, names, known, "a map with a known background"):
            if i in found:
                raise FitError(f"dataset {names[i]!r}: more than one background model acts on it")
            found[i] = model, dataset_skeleton(model, skeleton, names[i])
    return tuple(
        _background_group(found, members, datasets, bins, size) for members, size in zip(frozen.members, sizes)
    )


def _background_group(
    found: dict[int, tuple[Any, Any]],
    members: Sequence[int],
    datasets: Sequence[Any],
    bins: Mapping[int, CubeBins],
    size: int,
) -> BackgroundGroup | None:
    here = [found[i] for i in members if i in found]
    if not here:
        return None
    # a dataset without a model borrows one, which has_model switches off
    models, skeletons = zip(*(found.get(i, here[0]) for i in members))
    parts = [(s.spectral_model, (s.gradient_lon, s.gradient_lat), s.spatial_model) for s in skeletons]
    if len({_kind(part) for part in parts}) > 1:
        raise FitError("background models of one kind of dataset must be of one kind")
    spectral, gradients, spatial = stack_trees(parts)
    has_model: Any = np.array([i in found for i in members])
    if not any(model.has_gradient for model in models):
        return BackgroundGroup(spectral, has_model)
    fields = [_shape_fields(bins[i], datasets[i].counts.geom, model, size) for i, model in zip(members, models)]
    return BackgroundGroup(spectral, has_model, BackgroundShape(gradients, spatial, **stack_trees(fields)))


def _shape_fields(bins: CubeBins, geom: Any, model: Any, size: int) -> dict[str, np.ndarray]:
    cube = bins.cube
    image = geom.to_image()
    sky, centre = image.get_coord().skycoord, image.center_skydir
    lon, lat = (np.asarray(angle.rad).reshape(-1) for angle in (sky.spherical.lon, sky.spherical.lat))
    x, y = fov_coordinates(lon, lat, centre.spherical.lon.rad, centre.spherical.lat.rad)
    frame = "icrs" if model.spatial_model is None else model.spatial_model.frame
    here = cube.vectors @ rotation_matrix("icrs", frame).T
    east, north = np.arctan2(here[:, 1], here[:, 0]), np.arcsin(np.clip(here[:, 2], -1, 1))
    fields = {"x": x, "y": y, "lon": np.degrees(east) % 360, "lat": np.degrees(north)}
    # pixels off the projection hold nothing, but must not spoil the sum
    return {key: np.where(np.isfinite(value), value, 0.0) for key, value in fields.items()} | {
        "rest": bins.remainder(cube.background),
        "pixel": padded(bins.occupied % cube.counts.shape[1], size).astype(np.int32),
    }


# ---- templates of counts ----


def _placed(model: TemplateNPredModel, dataset: Any) -> np.ndarray:
    """Return the counts of a template on the pixels of a dataset, shape (energy, pixels).

    Raises
    ------
    FitError
        If the map of the template has other energies, or does not overlap in whole pixels.
    """
    geom, other = dataset.counts.geom, model.geom
    message = f"model {model.name!r}: its map has other energies or pixels than dataset {dataset.name!r}"
    if type(geom) is not type(other) or geom.axes != other.axes:
        raise FitError(f"{message}: {other!r} and {geom!r}")
    try:
        inside, cut = geom.overlap_slices(other)
    except ValueError as error:
        raise FitError(f"{message}: {error}") from error
    counts = np.zeros(geom.data_shape)
    counts[(..., *inside)] = model.counts[(..., *cut)]
    return counts.reshape(counts.shape[0], -1)


def template_groups(
    pairs: Sequence[tuple[Any, Any]],
    datasets: Sequence[Any],
    frozen: FrozenDatasets,
    bins: Mapping[int, CubeBins],
    sizes: Sequence[int],
) -> tuple[tuple[TemplateGroup, ...], ...]:
    """Return the templates of counts per bucket.

    Parameters
    ----------
    pairs
        Models, and the same with index slots.
    datasets, frozen
        The data.
    bins, sizes
        As in `background_groups`.

    Raises
    ------
    FitError
        If a template does not fit to a dataset, or acts on datasets without maps only.
    """
    names = [str(dataset.name) for dataset in datasets]
    found: list[tuple[int, Any, Any]] = []
    for model, skeleton in pairs:
        if isinstance(model, TemplateNPredModel):
            for i in _acts_on(model, names, list(frozen.cubes), "a map"):
                found.append((i, model, dataset_skeleton(model, skeleton, names[i]).spectral_model))
    out = []
    for members, size in zip(frozen.members, sizes):
        kinds: dict[Any, list[tuple[int, Any, Any]]] = {}
        for i, model, spectral in found:
            if i in members:
                kinds.setdefault(_kind(spectral), []).append((i, model, spectral))
        groups = []
        for same in kinds.values():
            pieces = [bins[i].collapsed(_placed(m, datasets[i]), size) for i, m, _ in same]
            occupied, rest = (np.stack(parts) for parts in zip(*pieces))
            rows = np.array([members.index(i) for i, _, _ in same], dtype=np.int32)
            fields: dict[str, Any] = {"occupied": occupied, "rest": rest, "dataset": rows}
            skeleton = stack_trees([spectral for _, _, spectral in same])
            groups.append(TemplateGroup(skeleton, **fields))
        out.append(tuple(groups))
    return tuple(out)


def cube_templates(likelihood: Likelihood, source: str | None) -> dict[int, np.ndarray]:
    """Return the counts of templates for every map dataset that has one, shape (energy, pixels), by position.

    Parameters
    ----------
    likelihood
        At the values wanted.
    source
        One template; None for the sum of all.
    """
    skeletons, table = likelihood.models.freeze_tree()
    theta = jax.device_put(table.counted)
    out: dict[int, np.ndarray] = {}
    for model, skeleton in zip(likelihood.models, skeletons):
        if not isinstance(model, TemplateNPredModel) or source not in (None, model.name):
            continue
        for i, cube in likelihood.frozen.cubes.items():
            if not applies_to(model, cube.name):
                continue
            spectral = fill(dataset_skeleton(model, skeleton, cube.name).spectral_model, theta)
            factor = np.asarray(spectral.evaluate(jax.device_put(cube.energy)))
            out[i] = out.get(i, 0.0) + factor[:, np.newaxis] * _placed(model, likelihood.datasets[i])
    return out

"""What every source needs of every cube, made when a likelihood is built and kept while the sources stay near."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze._cubes import (
    MARGIN,
    CubeArrays,
    edisp_at,
    fixed_fold,
    grid_for,
    pixels_around,
    psf_at,
    radial_fold,
    radial_reach,
)
from gjax.freeze._datasets import FrozenDatasets, ladder
from gjax.models import SkyModel
from gjax.models._pixels import PixelNodes
from gjax.parameters import parameter_paths

__all__ = ["GroupFolds", "is_near", "make_folds"]


@dataclasses.dataclass(frozen=True)
class GroupFolds:
    """The folds of one group of sources.

    Parameters
    ----------
    names, positions, extents
        The sources, and where and how large they were when the folds were made.
    folds
        Per bucket, stacked over sources and datasets; None where the bucket holds no cubes.
    sees
        Per bucket, whether a source reaches a dataset, shape (sources, datasets).
    pixels
        Per bucket, source and dataset the pixels of the cutout; for sources folded once their counts per flux,
        shape (energy_true, pixels), and the energy dispersion.
    """

    names: tuple[str, ...]
    positions: np.ndarray
    extents: np.ndarray
    folds: tuple[Any, ...]
    sees: tuple[np.ndarray, ...]
    pixels: tuple[Any, ...]


def is_symmetric(model: SkyModel) -> bool:
    """Tell whether a source is folded as a symmetric shape that may move and grow."""
    spatial: Any = model.spatial_model
    return bool(getattr(spatial, "is_radial", False)) and hasattr(spatial, "radial_nodes")


def _place(model: SkyModel) -> tuple[np.ndarray, float]:
    spatial: Any = model.spatial_model
    if not is_symmetric(model):
        return np.zeros(3), 0.0
    return np.asarray(spatial.filled().unit_vector("icrs")), float(spatial.extent())


def is_near(folds: GroupFolds, models: list[SkyModel]) -> bool:
    """Tell whether folds still serve: the same sources, none moved out of its cutout or outgrew it."""
    if folds.names != tuple(model.name for model in models):
        return False
    for model, position, extent in zip(models, folds.positions, folds.extents):
        if model.spatial_model is None or not is_symmetric(model):
            continue
        here, size = _place(model)
        moved = 2 * np.arcsin(min(1.0, float(np.linalg.norm(here - position)) / 2))
        if np.rad2deg(moved) > MARGIN or size > reach_of(extent):
            return False
    return True


def reach_of(extent: float) -> float:
    """Return how far a source of that extent may grow in a fit [deg]; a point stays a point."""
    return max(2 * extent, extent + 0.2) if extent > 0 else 0.0


def make_folds(models: list[SkyModel], datasets: list[Any], frozen: FrozenDatasets) -> GroupFolds:
    """Fold a group of sources of one kind into all cubes.

    Raises
    ------
    FitError
        If a source has no spatial model, or a shape that cannot be folded has free parameters.
    """
    for model in models:
        if model.spatial_model is None:
            raise FitError(f"source {model.name!r}: has no spatial model, which cubes need")
    places = [_place(model) for model in models]
    folds: list[Any] = []
    sees: list[np.ndarray] = []
    pixels: list[Any] = []
    for members, bucket in zip(frozen.members, frozen.buckets):
        cubes = [frozen.cubes.get(i) for i in members]
        if cubes[0] is None:
            folds.append(None)
            sees.append(np.ones((len(models), len(members))))
            pixels.append(None)
            continue
        n_bins = bucket.background.shape[1]  # type: ignore[attr-defined]
        here = [datasets[i] for i in members]
        make = _radial if is_symmetric(models[0]) else _fixed
        stacked, seen, cut = make(models, places, here, [cube for cube in cubes if cube is not None], n_bins)
        folds.append(stacked)
        sees.append(seen)
        pixels.append(cut)
    names = tuple(model.name for model in models)
    positions, extents = np.array([p for p, _ in places]), np.array([e for _, e in places])
    return GroupFolds(names, positions, extents, tuple(folds), tuple(sees), tuple(pixels))


def _stack(rows: list[list[Any]]) -> Any:
    flat = [fold for row in rows for fold in row]
    shape = len(rows), len(rows[0])
    stacked = jax.tree_util.tree_map(lambda *leaves: np.stack(leaves).reshape(*shape, *np.shape(leaves[0])), *flat)
    return jax.device_put(stacked)


def _radial(
    models: list[SkyModel], places: list[Any], datasets: list[Any], cubes: list[CubeArrays], n_bins: int
) -> tuple[Any, np.ndarray, Any]:
    responses = []
    for model in models:
        spatial: Any = model.spatial_model
        sky = spatial.position
        responses.append([(psf_at(dataset, sky), edisp_at(dataset, sky)) for dataset in datasets])
    extent = max(reach_of(extent) for _, extent in places)
    sides = [float(np.sqrt(np.median(cube.solid_angle[cube.solid_angle > 0]))) for cube in cubes]
    rads = [psf[0] for row in responses for psf, _ in row]
    grid = grid_for(rads, sides, extent)
    reach = max(radial_reach(rad, max(sides), extent) for rad in rads)
    cut = [[pixels_around(cube, position, reach) for cube in cubes] for position, _ in places]
    size = ladder(max(max(len(p) for p in row) for row in cut) or 1), n_bins
    rows = []
    for (position, _), row, pixels in zip(places, responses, cut):
        made = []
        for cube, ((rad, psf, is_reco), edisp), inside in zip(cubes, row, pixels):
            made.append(radial_fold(cube, position, grid, (rad, psf), edisp, inside, size, is_reco))
        rows.append(made)
    return _stack(rows), np.array([[float(len(p) > 0) for p in row] for row in cut]), cut


def pixel_nodes(geom: Any) -> PixelNodes:
    """Return the pixels of a geometry as quadrature nodes."""
    ny, nx = geom.to_image().data_shape
    x, y = np.meshgrid(np.arange(nx + 1) - 0.5, np.arange(ny + 1) - 0.5)
    sky = geom.wcs.pixel_to_world(x, y).icrs
    return PixelNodes.from_corners(sky.ra.deg, sky.dec.deg, "icrs")


def _fixed(
    models: list[SkyModel], places: list[Any], datasets: list[Any], cubes: list[CubeArrays], n_bins: int
) -> tuple[Any, np.ndarray, Any]:
    from scipy.signal import fftconvolve

    rows, dense = [], []
    for model in models:
        spatial: Any = model.spatial_model
        free = [name for name, p in parameter_paths(spatial) if not getattr(p, "frozen", False)]
        if free:
            names = ", ".join(free)
            raise FitError(f"source {model.name!r}: {type(spatial).__name__} cannot be fitted yet; freeze {names}")
        made, counts = [], []
        for dataset, cube in zip(datasets, cubes):
            geom = dataset.counts.geom
            fraction = np.asarray(spatial.filled().integrate_pixels(pixel_nodes(geom)))
            centre = geom.center_skydir
            rates = np.broadcast_to(fraction, (len(cube.edges) - 1, *cube.shape))
            applies = dict(model.apply_irf)
            if dataset.psf is not None and applies.get("psf", True):
                true = dataset.exposure.geom.axes["energy_true"]
                kernel = dataset.psf.get_psf_kernel(geom.to_image().to_cube([true]), position=centre)
                rates = fftconvolve(rates, np.asarray(kernel.data, dtype=float), mode="same", axes=(1, 2))
            edisp = edisp_at(dataset, centre)
            counts.append((np.maximum(rates, 0.0).reshape(rates.shape[0], -1) * cube.exposure, edisp))
            made.append(fixed_fold(cube, *counts[-1], n_bins))
        rows.append(made)
        dense.append(counts)
    return _stack(rows), np.ones((len(models), len(datasets))), dense

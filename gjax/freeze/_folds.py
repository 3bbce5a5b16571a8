"""What every source needs of every cube, made when a likelihood is built and kept while the sources stay near."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from gjax.errors import FitError
from gjax.folding import PSF_WIDTHS, CubeFold, source_image
from gjax.freeze._cubes import CubeArrays, CubeBins
from gjax.freeze._cutouts import (
    MARGIN,
    CornerTable,
    box_of,
    corners_for,
    grid_for,
    grid_shape,
    number_near,
    pixels_around,
    point_of,
    radial_reach,
    radial_shape,
    shape_nodes,
    sharpness,
    transforms_of,
)
from gjax.freeze._datasets import FrozenDatasets, ladder
from gjax.freeze._events import event_edisp
from gjax.freeze._photons import Cutout, fold_places, stack_fixed, stack_folds
from gjax.freeze._responses import edisp_at, psf_at
from gjax.models import PointSpatialModel, SkyModel, applies_to
from gjax.parameters import Affine, Expression, Parameter, parameter_paths

__all__ = [
    "GroupFolds",
    "draw_sources",
    "drawn_shapes",
    "fold_method",
    "image_of",
    "is_known",
    "is_near",
    "make_folds",
    "off_the_map",
    "place_folds",
]


@dataclasses.dataclass(frozen=True)
class GroupFolds:
    """The folds of one group of sources.

    Parameters
    ----------
    models
        The sources as they were when the folds were made.
    method
        How they are folded, see `fold_method`.
    folds
        Per bucket, stacked over sources and datasets, with nothing for ``bins``; None where the bucket holds no cubes.
    reached
        Per bucket, source and dataset the flat positions of the bins with counts that a source reaches.
    sees
        Per bucket, whether a source reaches a dataset, shape (sources, datasets).
    pixels
        Per bucket, source and dataset the pixels around the source.
    stretched
        Whether the PSF is there for several widths.
    """

    models: tuple[SkyModel, ...]
    method: str
    folds: tuple[Any, ...]
    reached: tuple[Any, ...]
    sees: tuple[np.ndarray, ...]
    pixels: tuple[list[list[Cutout]] | None, ...]
    stretched: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources."""
        return tuple(model.name for model in self.models)


def _is_free(leaf: Parameter | Affine | Expression) -> bool:
    if isinstance(leaf, Affine):
        return not leaf.source.frozen
    if isinstance(leaf, Expression):
        return any(not source.frozen for source in leaf.sources)
    return not leaf.frozen


def _is_symmetric(spatial: Any) -> bool:
    return bool(getattr(spatial, "is_radial", False)) and hasattr(spatial, "radial_transform")


def fold_method(model: SkyModel, wanted: Mapping[str, str], *, stretched: bool = False) -> str:
    """Return how a source is folded into cubes.

    ``fixed``: nothing of its shape is free, so it is folded once. ``point``: a point that may move. ``radial``: any
    other symmetric shape. ``grid``: any other shape. ``none``: it has no spatial model.

    Parameters
    ----------
    model
        The source.
    wanted
        Method by name of the source, where it is not to be chosen.
    stretched
        Whether the width of the PSF may change, so that nothing is folded once.

    Raises
    ------
    FitError
        If a method is wanted that cannot fold the source.
    """
    spatial: Any = model.spatial_model
    if spatial is None:
        return "none"
    is_free = stretched or any(_is_free(leaf) for _, leaf in parameter_paths(spatial))
    able = ["grid"] if is_free else ["fixed", "grid"]
    if _is_symmetric(spatial):
        own = "point" if isinstance(spatial, PointSpatialModel) else "radial"
        able.insert(len(able) - 1, own)
    method = wanted.get(model.name, able[0])
    if method not in able:
        raise FitError(f"source {model.name!r}: cannot be folded as {method!r}, only as {' or '.join(able)}")
    return method


def is_known(model: SkyModel, method: str) -> bool:
    """Tell whether nothing of a source is free, so that its counts are summed up once.

    Only of sources that are folded once: to free the spectrum of another compiles nothing.

    Parameters
    ----------
    model
        The source.
    method
        How it is folded, see `fold_method`.
    """
    parts = (model.spectral_model, model.temporal_model)
    return method == "fixed" and not any(_is_free(leaf) for part in parts for _, leaf in parameter_paths(part))


def _vector(spatial: Any) -> np.ndarray:
    """Return the ICRS unit vector of a spatial model; zeros for models without a centre."""
    if not hasattr(spatial, "position"):
        return np.zeros(3)
    return np.asarray(spatial.position.icrs.cartesian.xyz.value, dtype=float)


def _is_same(new: Any, old: Any) -> bool:
    """Tell whether two spatial models have the same values."""

    def leaves(tree: Any) -> list[Any]:
        return jax.tree_util.tree_leaves(tree, is_leaf=lambda x: isinstance(x, Parameter | Affine | Expression))

    pairs = list(zip(leaves(new), leaves(old)))
    if any(isinstance(leaf, Affine | Expression) for pair in pairs for leaf in pair):
        return bool(eqx.tree_equal(new.filled(), old.filled()))
    values = ((a.value, b.value) if isinstance(a, Parameter) else (a, b) for a, b in pairs)
    return len(leaves(new)) == len(leaves(old)) and all(a is b or np.array_equal(a, b) for a, b in values)


def is_near(folds: GroupFolds, models: list[SkyModel], wanted: Mapping[str, str], *, stretched: bool = False) -> bool:
    """Tell whether folds still serve: the same sources, none moved out of its cutout or outgrew it.

    Parameters
    ----------
    folds
        Folds made before.
    models
        The sources.
    wanted, stretched
        As in `fold_method`.
    """
    if folds.stretched != stretched or folds.names != tuple(model.name for model in models):
        return False
    if fold_method(models[0], wanted, stretched=stretched) != folds.method:
        return False
    for model, old in zip(models, folds.models):
        here: Any = model.spatial_model
        there: Any = old.spatial_model
        if type(here) is not type(there) or model.apply_irf != old.apply_irf:
            return False
        if folds.method == "fixed":
            if not _is_same(here, there):
                return False
            continue
        moved = 2 * np.arcsin(min(1.0, float(np.linalg.norm(_vector(here) - _vector(there))) / 2))
        if np.rad2deg(moved) > MARGIN or here.extent() > reach_of(there.extent()):
            return False
    return True


def reach_of(extent: float) -> float:
    """Return how far a source of that extent may grow in a fit [deg]; a point stays a point."""
    return max(1.5 * extent, extent + 0.1) if extent > 0 else 0.0


def make_folds(
    models: list[SkyModel], datasets: list[Any], frozen: FrozenDatasets, *, stretched: bool = False
) -> GroupFolds:
    """Fold a group of sources of one kind into all cubes, on request for PSFs of any width.

    Raises
    ------
    FitError
        If a source has no spatial model, or one that is no distribution of flux.
    """
    for model in models:
        if model.spatial_model is None:
            raise FitError(f"source {model.name!r}: has no spatial model, which cubes need")
        if not getattr(model.spatial_model, "unit", "sr-1"):
            name = type(model.spatial_model).__name__
            raise FitError(f"source {model.name!r}: {name} is a factor, not a distribution of flux")
    folds: list[Any] = []
    reached: list[Any] = []
    sees: list[np.ndarray] = []
    pixels: list[Any] = []
    method = fold_method(models[0], frozen.folding, stretched=stretched)
    widths = PSF_WIDTHS if stretched else None
    for members in frozen.members:
        cubes = [frozen.cubes.get(i) for i in members]
        if cubes[0] is None:
            folds.append(None)
            reached.append(None)
            sees.append(np.ones((len(models), len(members))))
            pixels.append(None)
            continue
        here = [datasets[i] for i in members]
        shapes, cuts = drawn_shapes(models, method, here, [cube for cube in cubes if cube is not None], widths=widths)
        if method == "fixed":
            cuts = _drawn(models, shapes, cuts)
            stacked, positions = stack_fixed(cuts, ladder)
        else:
            shared = {"point": ("step",), "radial": ("wavenumber", "basis", "corner_basis", "step")}.get(method, ())
            stacked, positions = stack_folds(shapes, cuts, ladder, shared)
        folds.append(jax.device_put(stacked))
        reached.append(positions)
        sees.append(np.array([[float((cut.pixels >= 0).any()) for cut in row] for row in cuts]))
        pixels.append(cuts)
    return GroupFolds(tuple(models), method, tuple(folds), tuple(reached), tuple(sees), tuple(pixels), stretched)


def drawn_shapes(
    models: list[SkyModel],
    method: str,
    datasets: list[Any],
    cubes: list[CubeArrays],
    refine: int = 1,
    *,
    widths: np.ndarray | None = None,
) -> tuple[list[list[Any]], list[list[Cutout]]]:
    """Return shapes and cutouts of sources of one kind, per source and dataset.

    Parameters
    ----------
    models
        The sources.
    method
        How they are folded, see `fold_method`.
    datasets, cubes
        The datasets, and their arrays.
    refine
        How much finer than usual they are drawn.
    widths
        Factors on the width of the PSF that it is transformed for; None for the PSF as it is.
    """
    is_radial = method in ("point", "radial") or (method == "fixed" and _is_symmetric(models[0].spatial_model))
    if not is_radial:
        return _grid(models, datasets, cubes, refine, widths)
    shapes, cuts = _radial(models, datasets, cubes, refine, widths)
    return ([[point_of(shape) for shape in row] for row in shapes] if method == "point" else shapes), cuts


def draw_sources(models: list[SkyModel], datasets: list[Any], cubes: list[CubeArrays]) -> list[list[Cutout]]:
    """Draw sources of one kind as they are on cubes: what `make_folds` makes of those that do not change.

    Parameters
    ----------
    models
        The sources.
    datasets, cubes
        Map datasets, and their arrays.

    Returns
    -------
    cutouts
        Pixels and image of every source on every dataset; ``cutout.npred`` gives its counts.
    """
    return _drawn(models, *drawn_shapes(models, "fixed", datasets, cubes))


def place_folds(folds: GroupFolds, bins: Mapping[int, CubeBins], sizes: Sequence[int], frozen: FrozenDatasets) -> Any:
    """Return the folds of a group for given bins.

    Parameters
    ----------
    folds
        The folds of a group of sources.
    bins
        The bins of every cube by position.
    sizes
        Per bucket the number of bins after padding.
    frozen
        All datasets.
    """
    out: list[Any] = []
    for fold, reached, members, n_bins in zip(folds.folds, folds.reached, frozen.members, sizes):
        if fold is None:
            out.append(None)
            continue
        none = (fold.pixel if isinstance(fold, CubeFold) else fold.occupied).shape[2]
        places = [[fold_places(r, bins[i], none, n_bins) for r, i in zip(row, members)] for row in reached]
        out.append(eqx.tree_at(lambda f: f.bins, fold, np.array(places)))
    return tuple(out)


def off_the_map(folds: GroupFolds, names: list[str], frozen: FrozenDatasets) -> list[str]:
    """Return a message for every source that no cube sees, of those that it acts on.

    Parameters
    ----------
    folds
        The folds of a group of sources.
    names
        Names of all datasets.
    frozen
        All datasets.
    """
    found = []
    for s, model in enumerate(folds.models):
        seen = [
            bool(sees[s, d])
            for members, sees in zip(frozen.members, folds.sees)
            for d, i in enumerate(members)
            if i in frozen.cubes and applies_to(model, names[i])
        ]
        if seen and not any(seen):
            found.append(f"source {model.name!r} lies off the map of every cube that it acts on")
    return found


def _applies(model: SkyModel, response: str) -> bool:
    return bool(dict(model.apply_irf).get(response, True))


def _position(model: SkyModel, dataset: Any) -> Any:
    spatial: Any = model.spatial_model
    return spatial.position if hasattr(spatial, "position") else dataset.counts.geom.center_skydir


def _responses(model: SkyModel, dataset: Any) -> tuple[Any, np.ndarray]:
    """Return PSF (or None) and energy dispersion for a source: those at its centre, or at that of the map."""
    sky = _position(model, dataset)
    psf = psf_at(dataset, sky) if _applies(model, "psf") else None
    return psf, edisp_at(dataset, sky, applies=_applies(model, "edisp"))


def _side(cube: CubeArrays) -> float:
    return float(np.sqrt(np.median(cube.solid_angle[cube.solid_angle > 0])))


def _radial(
    models: list[SkyModel], datasets: list[Any], cubes: list[CubeArrays], refine: int, widths: np.ndarray | None
) -> tuple[list[list[Any]], list[list[Cutout]]]:
    sides = [_side(cube) for cube in cubes]
    # no PSF: all within a hundredth of a pixel
    narrow = [(np.array([0.005 * side]), np.ones((len(cube.exposure), 1)), False) for side, cube in zip(sides, cubes)]
    responses = [[_responses(model, dataset) for dataset in datasets] for model in models]
    psfs = [[narrow[d] if psf is None else psf for d, (psf, _) in enumerate(row)] for row in responses]
    places = [_vector(model.spatial_model) for model in models]
    extent = max(reach_of(model.spatial_model.extent()) for model in models)  # type: ignore[union-attr]
    rads = [psf[0] if widths is None else np.append(psf[0], psf[0][-1] * widths.max()) for row in psfs for psf in row]
    reach = max(radial_reach(rad, max(sides), extent) for rad in rads)
    grid = grid_for([psf for row in psfs for psf in row], sides, extent, reach, refine)
    sharpest = sharpness([psf for row in psfs for psf in row], sides) * (1.0 if widths is None else widths.min())
    nodes = shape_nodes(extent / sharpest) * refine
    pixels = [[pixels_around(cube, position, reach) for cube in cubes] for position in places]
    size = ladder(max(max(len(p) for p in row) for row in pixels) or 1)
    cuts: list[list[Cutout]] = []
    for model, near, row, psf_row in zip(models, pixels, responses, psfs):
        here = [np.concatenate([p, np.full(size - len(p), -1)]) for p in near]
        cuts.append(
            [
                _cutout(model, dataset, cube, p, edisp, psf[2], is_density=True)
                for dataset, cube, p, (_, edisp), psf in zip(datasets, cubes, here, row, psf_row)
            ]
        )
    events = [[_event_vectors(cut) for cut in row] for row in cuts]
    most = max(len(one) for row in events for one in row)
    room = ladder(most) if most else 0
    shapes = []
    transforms = transforms_of([psf for row in psfs for psf in row], grid.wavenumber, widths)
    corners = _near(corners_for(grid, transforms, sides), cuts, places, size)
    each = iter(transforms)
    for place, cut_row, at in zip(places, cuts, events):
        # padding lies where the source is not
        filled = [np.concatenate([one, np.tile(-place, (room - len(one), 1))]) for one in at]
        shapes.append(
            [
                radial_shape(cut.cube, place, grid, next(each), cut.pixels, v, nodes, corners)
                for cut, v in zip(cut_row, filled)
            ]
        )
    return shapes, cuts


def _near(
    table: CornerTable | None, cuts: list[list[Cutout]], places: list[np.ndarray], size: int
) -> tuple[CornerTable, int, int] | None:
    """Return a table for the corners of pixels, and how many of the first pixels and photons they may matter to."""
    if table is None:
        return None
    near, photons = 1, 1
    for place, row in zip(places, cuts):
        for cut in row:
            inside = number_near(cut.cube, cut.pixels, place, table.reach)
            near = max(near, inside)
            # events are where they are, not anywhere in a pixel
            if cut.cube.events is None:
                photons = max(photons, int(np.sum(cut.photons()[1] < inside)))
    return table, min(ladder(near), size), ladder(photons)


def _event_vectors(cut: Cutout) -> np.ndarray:
    """Return the unit vectors of the events that a source reaches; none for binned data."""
    return np.zeros((0, 3)) if cut.cube.events is None else cut.cube.events.vectors[cut.photons()[0]]


def _cutout(
    model: SkyModel,
    dataset: Any,
    cube: CubeArrays,
    pixels: np.ndarray,
    edisp: np.ndarray,
    is_reco: bool,
    **options: Any,
) -> Cutout:
    """Return the pixels around a source, with the energy dispersion at events where there are any."""
    options["exposed"] = _applies(model, "exposure")
    if cube.events is not None:
        if is_reco:
            raise FitError(f"dataset {cube.name!r}: its PSF is in reconstructed energy; events need one in true energy")
        position = _position(model, dataset)
        energy_bin = cube.events.bins // cube.counts.shape[1]
        options["event_edisp"] = event_edisp(
            dataset, cube.events, position, edisp, energy_bin, applies=_applies(model, "edisp")
        )
    return Cutout(cube, pixels, edisp, is_reco, **options)


def _box_shape(models: list[SkyModel], cubes: list[CubeArrays], psfs: list[Any], widest: float) -> tuple[int, int]:
    """Return the pixels along latitude and longitude of boxes that hold all sources with their PSFs."""
    from scipy.fft import next_fast_len

    reach = widest * max((psf[0][-1] for psf in psfs if psf is not None), default=0.0) + MARGIN
    extent = max(reach_of(model.spatial_model.extent()) for model in models)  # type: ignore[union-attr]
    least = min(_side(cube) for cube in cubes)
    near = 2 * np.ceil((extent + reach) / least) + 2 if np.isfinite(extent) else np.inf

    def size(axis: int) -> int:
        # beyond the map there is only what PSFs bring in
        whole = max(cube.shape[axis] for cube in cubes) + 2 * np.ceil(reach / least)
        return 2 * int(next_fast_len(int(np.ceil(min(whole, near) / 2)), real=True))

    return size(0), size(1)


def _boxes(models: list[SkyModel], datasets: list[Any], refine: int, cubes: list[CubeArrays], widest: float) -> Any:
    """Return responses and boxes (source, dataset): around sources with an end, else around the map."""
    responses = [[_responses(model, dataset) for dataset in datasets] for model in models]
    shape = _box_shape(models, cubes, [psf for row in responses for psf, _ in row], widest)
    boxes = []
    for model in models:
        spatial: Any = model.spatial_model
        is_small = np.isfinite(spatial.extent()) and min(shape) < max(max(cube.shape) for cube in cubes)
        boxes.append(
            [
                box_of(d.counts.geom, spatial.position if is_small else d.counts.geom.center_skydir, shape, refine)
                for d in datasets
            ]
        )
    return responses, boxes


def _grid(
    models: list[SkyModel], datasets: list[Any], cubes: list[CubeArrays], refine: int, widths: np.ndarray | None
) -> tuple[list[list[Any]], list[list[Cutout]]]:
    responses, boxes = _boxes(models, datasets, refine, cubes, 1.0 if widths is None else widths.max())
    shapes: list[list[Any]] = []
    cuts: list[list[Cutout]] = []
    for model, row, boxes_of in zip(models, responses, boxes):
        spatial: Any = model.spatial_model
        drawn, cut = [], []
        for dataset, cube, (psf, edisp), (pixels, nodes) in zip(datasets, cubes, row, boxes_of):
            is_reco = psf is not None and psf[2]
            if is_reco and getattr(spatial, "is_energy_dependent", False):
                name = type(spatial).__name__
                raise FitError(f"source {model.name!r}: {name} depends on true energy, the PSF on reconstructed energy")
            reach = reach_of(spatial.extent()) + (0.0 if psf is None else psf[0][-1])
            is_seen = not np.isfinite(reach) or len(pixels_around(cube, _vector(spatial), reach))
            here = pixels if is_seen else np.full_like(pixels, -1)
            drawn.append(grid_shape(cube, nodes, psf, widths))
            cut.append(_cutout(model, dataset, cube, here, edisp, is_reco, is_density=False))
        shapes.append(drawn)
        cuts.append(cut)
    return shapes, cuts


image_of = jax.jit(source_image)


def _drawn(models: list[SkyModel], shapes: list[list[Any]], cuts: list[list[Cutout]]) -> list[list[Cutout]]:
    """Draw sources that do not change, on the pixels of the map alone."""
    out = []
    for model, shape_row, row in zip(models, shapes, cuts):
        filled, done = model.spatial_model.filled(), []  # type: ignore[union-attr]
        for shape, cut in zip(shape_row, row):
            inside = cut.pixels >= 0
            image = np.asarray(image_of(jax.device_put(shape), filled), dtype=float)
            reached, pixel, _ = cut.photons()
            # symmetric sources are drawn at events, which follow the pixels; others in the pixels of events
            at_events = len(inside) + np.arange(len(reached)) if cut.is_density else pixel
            seen = None if cut.cube.events is None else image[at_events]
            inner = image[: len(inside)][inside]
            done.append(dataclasses.replace(cut, pixels=cut.pixels[inside], image=inner, event_image=seen))
        out.append(done)
    return out

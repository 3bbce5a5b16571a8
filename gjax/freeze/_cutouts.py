"""Where one source is drawn on one cube: its pixels, and the PSF in the form that its folding takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gjax.folding import Corners, GridShape, PointShape, RadialShape, wave_numbers
from gjax.freeze._cubes import CubeArrays
from gjax.freeze._radial_tables import RadialGrid, corner_basis, pixel_transform, psf_transforms, radial_grid
from gjax.models._pixels import PixelNodes

__all__ = [
    "MARGIN",
    "CornerTable",
    "box_of",
    "corners_for",
    "grid_for",
    "grid_shape",
    "number_near",
    "pixels_around",
    "point_of",
    "radial_reach",
    "radial_shape",
    "shape_nodes",
    "sharpness",
    "transforms_of",
]

#: How far the pixels of a cutout reach beyond PSF and source [deg]: room for the source to move.
MARGIN = 0.1

#: Part of a peak that corners of pixels may add where they are left out, and beyond the radii that they are given.
_NO_CORNERS, _CORNERS_END = 5e-4, 1e-5

#: Part of the power of PSF and pixel that wave numbers which are left out may have.
_LEFT_OUT = 1e-4


def radial_reach(rad: np.ndarray, side: float, extent: float) -> float:
    """Return the radius of the disc that holds PSF, pixel and a source of that extent [deg]."""
    step = rad[-1] - rad[-2] if len(rad) > 1 else rad[0]
    return float(rad[-1] + step + 0.75 * side + 1.1 * extent)


def pixels_around(cube: CubeArrays, position: np.ndarray, reach: float) -> np.ndarray:
    """Return the pixels within ``reach`` + margin of a unit vector, the nearest first."""
    square = ((cube.vectors - position) ** 2).sum(axis=1)
    inside = np.flatnonzero(square < _square_of(reach))
    return inside[np.argsort(square[inside], kind="stable")]


def number_near(cube: CubeArrays, pixels: np.ndarray, position: np.ndarray, reach: float) -> int:
    """Return how many of the first of `pixels_around` are within a smaller reach + margin; -1 are none."""
    vectors = cube.vectors[pixels[pixels >= 0]]
    return int(np.sum(((vectors - position) ** 2).sum(axis=1) < _square_of(reach)))


def _square_of(reach: float) -> float:
    """Return the square of the chord of a reach [deg] + margin."""
    return float(2 * np.sin(np.deg2rad(min(reach + MARGIN, 180.0)) / 2)) ** 2


@dataclasses.dataclass(frozen=True)
class CornerTable:
    """What serves the corners of pixels for several datasets; see `Corners`.

    Parameters
    ----------
    basis
        Spline coefficients of the modes, shape (radii, modes).
    unit
        Unit of length in it [deg].
    reach
        Radius of the last [deg].
    """

    basis: np.ndarray
    unit: float
    reach: float


def corners_for(grid: RadialGrid, transforms: Sequence[np.ndarray], sides: Sequence[float]) -> CornerTable | None:
    """Return the table for the corners of pixels; None where PSFs are so wide that they do not matter.

    Parameters
    ----------
    grid
        Modes and splines.
    transforms
        Those of the PSFs, in the order of the datasets once per source, see `transforms_of`.
    sides
        Sides of the pixels of the datasets [deg].
    """
    unit = max(sides)
    cells = min(int(np.ceil(8 * unit / grid.step)), len(grid.basis) - 4)
    basis = corner_basis(grid, cells, unit)

    def values(coefficients: np.ndarray) -> np.ndarray:
        return (coefficients[:-2] + 4 * coefficients[1:-1] + coefficients[2:]) / 6

    modes, centre = values(basis)[: cells + 1], values(grid.basis[:3])[0]
    share = np.zeros(cells + 1)
    for number, transform in enumerate(transforms):
        side, rows = sides[number % len(sides)], transform.reshape(-1, len(grid.wavenumber))
        peak = (rows * pixel_transform(side, grid.wavenumber)) @ centre
        four = modes @ (rows * pixel_transform(side, grid.wavenumber, 4)).T
        share = np.maximum(share, np.max(np.abs(four) / np.where(peak > 0, peak, np.inf), axis=1, initial=0.0))
    share *= (np.arange(cells + 1) * grid.step / unit) ** 4
    if share.max() < _NO_CORNERS:
        return None
    # in steps of a pixel, so that sources of one kind are one program
    pixel = unit / grid.step
    last = int(np.ceil((np.flatnonzero(share > _CORNERS_END).max() + 1) / pixel))
    cells = min(int(np.ceil(last * pixel)), cells)
    return CornerTable(corner_basis(grid, cells, unit), unit, cells * grid.step)


def _sides_of(cube: CubeArrays, position: np.ndarray) -> np.ndarray:
    """Return unit vectors along the sides of the pixel next to a position, shape (2, 3)."""
    width = cube.shape[1]
    y, x = divmod(int(np.argmax(np.nan_to_num(cube.vectors @ position, nan=-2.0))), width)
    across = cube.vectors[y * width + min(x + 1, width - 1)] - cube.vectors[y * width + max(x - 1, 0)]
    along = np.cross(position, across)
    rows = np.stack([across - position * (position @ across), along])
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(np.isfinite(length) & (length > 0), rows / np.where(length > 0, length, 1.0), 0.0)


def radial_shape(
    cube: CubeArrays,
    position: np.ndarray,
    grid: RadialGrid,
    transform: np.ndarray,
    pixels: np.ndarray,
    events: np.ndarray,
    nodes: int,
    corners: tuple[CornerTable, int, int] | None,
) -> RadialShape:
    """Return what one symmetric source needs to be drawn on one dataset.

    Parameters
    ----------
    cube
        The dataset.
    position
        ICRS unit vector of the source.
    grid
        Modes and splines.
    transform
        That of the PSF at the source, from `transforms_of`.
    pixels
        Pixels of the cutout, -1 in padding.
    events
        Unit vectors of events, which follow the pixels, shape (events, 3).
    nodes
        Number of nodes for shapes that are sums over radii.
    corners
        Table for the corners of pixels, and how many of the first pixels and photons are near; None for none.
    """
    inside = pixels >= 0
    side = float(np.sqrt(cube.solid_angle[pixels[0]])) if inside.any() else 0.0
    fields: dict[str, Any] = {
        "vectors": np.concatenate([np.where(inside[:, np.newaxis], cube.vectors[pixels], -position), events]),
        "psf": transform * pixel_transform(side, grid.wavenumber),
        "wavenumber": grid.wavenumber,
        "basis": grid.basis,
        "step": np.asarray(grid.step),
        "nodes": nodes,
    }
    if corners is not None:
        table, near, photons = corners
        axes: Any = _sides_of(cube, position) / np.deg2rad(table.unit)
        four: Any = transform * pixel_transform(side, grid.wavenumber, 4)
        fields |= {"corners": Corners(axes, four, near, photons), "corner_basis": table.basis}
    return RadialShape(**fields)


def point_of(shape: RadialShape) -> PointShape:
    """Return the shape of a point: the profile, which is that of PSF and pixel, is worked out once."""
    psf: Any = np.swapaxes(shape.psf @ shape.basis.T, -1, -2)
    corners = shape.corners
    if corners is not None and shape.corner_basis is not None:
        four: Any = np.swapaxes(corners.psf @ shape.corner_basis.T, -1, -2)
        corners = dataclasses.replace(corners, psf=four)
    return PointShape(vectors=shape.vectors, psf=psf, step=shape.step, corners=corners)


def transforms_of(
    psfs: Sequence[tuple[np.ndarray, np.ndarray, bool]], wavenumber: np.ndarray, widths: np.ndarray | None
) -> list[Any]:
    """Return the transforms of PSFs, of several widths on a leading axis where these are given: stretched, it shrinks.

    Parameters
    ----------
    psfs
        Radii [deg], PSF (energies, radii), and whether the energies are reconstructed ones.
    wavenumber
        Shape (modes,) [1/deg].
    widths
        Factors on the width of the PSF; None for the PSF as it is.
    """
    plain = [psf[:2] for psf in psfs]
    if widths is None:
        return psf_transforms(plain, wavenumber)
    return [np.stack(rows) for rows in zip(*(psf_transforms(plain, wavenumber * width) for width in widths))]


def box_of(geom: Any, position: Any, shape: tuple[int, int], refine: int = 1) -> tuple[np.ndarray, PixelNodes]:
    """Return a box of pixels around a position: the pixel of the map at every place (or -1), and its sub-pixels.

    Parameters
    ----------
    geom
        Geometry of the map.
    position
        Centre, a SkyCoord.
    shape
        Pixels along latitude and longitude; the box may reach beyond the map.
    refine
        How much finer than usual the sub-pixels are.
    """
    ny, nx = geom.to_image().data_shape
    x, y = (float(value) for value in geom.wcs.world_to_pixel(position))
    # a centre that the projection does not show: a box off the map
    left, low = (round(c) - n // 2 if np.isfinite(c) else -2 * n for c, n in ((x, shape[1]), (y, shape[0])))
    columns, rows = left + np.arange(shape[1]), low + np.arange(shape[0])
    pixels = rows[:, np.newaxis] * nx + columns
    inside = ((rows >= 0) & (rows < ny))[:, np.newaxis] & (columns >= 0) & (columns < nx)
    corners = np.meshgrid(left + np.arange(shape[1] + 1) - 0.5, low + np.arange(shape[0] + 1) - 0.5)
    sky = geom.wcs.pixel_to_world(*corners).icrs
    fine = refine * (4 if shape[0] * shape[1] < 200_000 else 2)
    return np.where(inside, pixels, -1).ravel(), PixelNodes.from_corners(sky.ra.deg, sky.dec.deg, "icrs", fine)


def _pixel_sides(nodes: PixelNodes) -> tuple[float, float]:
    """Return the sides of the middle pixel along latitude and longitude [deg]."""
    fine = int(np.sqrt(len(nodes.solid_angle)))
    y, x = (n // 2 for n in nodes.shape)
    vectors = nodes.vectors[:, :, y, x].reshape(3, fine, fine)
    steps = (vectors[:, 1, 0] - vectors[:, 0, 0], vectors[:, 0, 1] - vectors[:, 0, 0])
    return tuple(float(np.rad2deg(fine * np.linalg.norm(step))) for step in steps)  # type: ignore[return-value]


def _kernel(psf: tuple[np.ndarray, np.ndarray, bool], nodes: PixelNodes, widths: np.ndarray | None) -> np.ndarray:
    """Return the transform of PSF and pixel, with as many wave numbers as are needed."""
    fine = int(np.sqrt(len(nodes.solid_angle)))
    sides = _pixel_sides(nodes)
    largest = np.pi * fine * np.hypot(1 / sides[0], 1 / sides[1])
    nodes_1d = np.linspace(0.0, largest, 8192)
    # the last is the narrowest, which needs the most wave numbers
    profiles = transforms_of([psf], nodes_1d, np.ones(1) if widths is None else widths)[0]
    power = nodes_1d * (profiles[-1] * pixel_transform(max(sides), nodes_1d)) ** 2
    for times in (1, 2, 4):
        qy, qx = wave_numbers(nodes.shape, times)  # type: ignore[arg-type]
        beyond = nodes_1d >= np.pi * times / max(sides)
        if times >= fine or (power[:, beyond].sum(axis=1) <= _LEFT_OUT * power.sum(axis=1)).all():
            break
    radius = np.hypot(qy[:, np.newaxis] / sides[0], qx / sides[1])
    square = np.sinc(qy / (2 * np.pi))[:, np.newaxis] * np.sinc(qx / (2 * np.pi))
    kernel = np.stack([[np.interp(radius, nodes_1d, row) for row in profile] for profile in profiles]) * square
    # the shift by half a sub-pixel is not defined at the largest wave number
    kernel[..., len(qy) // 2, :] = 0.0
    kernel[..., -1] = 0.0
    return kernel[0] if widths is None else kernel  # type: ignore[no-any-return]


def grid_shape(
    cube: CubeArrays,
    nodes: PixelNodes,
    psf: tuple[np.ndarray, np.ndarray, bool] | None,
    widths: np.ndarray | None = None,
) -> GridShape:
    """Return what one source of any shape needs to be drawn on one dataset.

    Parameters
    ----------
    cube
        The dataset.
    nodes
        Sub-pixels, from `box_of`.
    psf, widths
        As in `transforms_of`; no PSF if None.
    """
    kernel: Any = None if psf is None else _kernel(psf, nodes, widths)
    energy: Any = np.sqrt(cube.edges[:-1] * cube.edges[1:])
    return GridShape(nodes, kernel, energy)


def _core(psf: tuple[np.ndarray, np.ndarray, bool]) -> float:
    """Return the radius at which the narrowest PSF of all energies has fallen to half of its peak [deg]."""
    rad, values, _ = psf
    below = np.concatenate([values < 0.5 * values[:, :1], np.ones((len(values), 1), bool)], axis=1)
    return float(np.append(rad, rad[-1])[below.argmax(axis=1)].min())


def sharpness(psfs: list[Any], sides: list[float]) -> float:
    """Return the width of the sharpest structure behind PSF and pixel [deg]; see `grid_for`."""
    return min(float(np.hypot(_core(psf), side)) for psf, side in zip(psfs, sides * (len(psfs) // len(sides))))


def shape_nodes(size: float) -> int:
    """Return how many nodes resolve a shape of that extent in units of the sharpest structure, a power of two.

    Nodes that are further apart than PSF and pixel are wide are seen as rings.

    Examples
    --------
    >>> shape_nodes(1.0), shape_nodes(50.0)
    (64, 256)
    """
    return 1 << max(int(np.ceil(np.log2(64 * max(size, 1.0) / 16))), 6)


def grid_for(psfs: list[Any], sides: list[float], extent: float, reach: float, refine: int = 1) -> RadialGrid:
    """Return modes and splines that serve several datasets.

    Parameters
    ----------
    psfs
        Radii [deg] and PSF of the datasets, as in `transforms_of`.
    sides
        Sides of the pixels of the datasets [deg].
    extent
        Largest extent of a source [deg].
    reach
        Radius of the disc [deg].
    refine
        How much finer than usual the radii are.
    """
    # what is much finer than a pixel is lost in it: some files have radii with steps of 1e-4 deg in the middle
    finest = min(sides) / 4
    steps = [max(float(np.diff(rad).min()), finest) if len(rad) > 1 else rad[0] for rad, _, _ in psfs]
    resolution = min(*steps, *(side / 2 for side in sides))
    if extent == 0:
        # a point is as sharp as PSF and pixel: the Crab nebula's statistic was 0.014 off, and is 0.0003
        resolution = min(resolution, sharpness(psfs, sides) / 18)
    return radial_grid(reach, resolution / refine)

"""What one source needs of one cube: its pixels, their exposure, and the PSF in the form that its folding takes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.folding import FixedFold, GridFold, RadialFold, wave_numbers
from gjax.freeze._cubes import CubeArrays
from gjax.freeze._radial_tables import RadialGrid, pixel_transform, psf_transform, radial_grid
from gjax.models._pixels import PixelNodes

__all__ = [
    "MARGIN",
    "FixedCutout",
    "box_of",
    "fixed_fold",
    "grid_fold",
    "grid_for",
    "pixels_around",
    "radial_fold",
    "radial_reach",
    "stack_fixed",
]

#: How far the pixels of a cutout reach beyond PSF and source [deg]: room for the source to move.
MARGIN = 0.1

#: Part of the power of PSF and pixel that wave numbers which are left out may have.
_LEFT_OUT = 1e-4


def radial_reach(rad: np.ndarray, side: float, extent: float) -> float:
    """Return the radius of the disc that holds PSF, pixel and source, with room for the source to grow [deg]."""
    step = rad[-1] - rad[-2] if len(rad) > 1 else rad[0]
    return float(rad[-1] + step + 0.75 * side + 1.5 * extent)


def pixels_around(cube: CubeArrays, position: np.ndarray, reach: float) -> np.ndarray:
    """Return the pixels within ``reach`` + margin of a unit vector."""
    chord = 2 * np.sin(np.deg2rad(min(reach + MARGIN, 180.0)) / 2)
    return np.flatnonzero(((cube.vectors - position) ** 2).sum(axis=1) < chord**2)


def _cutout(cube: CubeArrays, pixels: np.ndarray, n_bins: int, exposed: bool) -> dict[str, np.ndarray]:
    """Return exposure, mask and bins with counts of a cutout, given the pixel of the map at every place, or -1."""
    inside = pixels >= 0
    n_energy, n_map = cube.counts.shape
    outside = len(pixels) * n_energy
    where = np.full(n_map, -1)
    where[pixels[inside]] = np.flatnonzero(inside)
    energy_bin, pixel = np.divmod(cube.occupied, n_map)
    local = where[pixel]
    bins = np.full(n_bins, outside, dtype=np.int32)
    bins[: len(local)] = np.where(local >= 0, local * n_energy + energy_bin, outside)
    exposure = cube.exposure[:, pixels] if exposed else np.ones((len(cube.exposure), len(pixels)))
    return {
        "exposure": np.where(inside, exposure, 0.0).T,
        "mask": (inside & cube.mask[:, pixels]).T,
        "bins": bins,
    }


def radial_fold(
    cube: CubeArrays,
    position: np.ndarray,
    grid: RadialGrid,
    psf: tuple[np.ndarray, np.ndarray, bool],
    edisp: np.ndarray,
    pixels: np.ndarray,
    n_bins: int,
    exposed: bool = True,
) -> RadialFold:
    """Return what one symmetric source needs of one dataset.

    Parameters
    ----------
    cube
        The dataset.
    position
        ICRS unit vector of the source.
    grid
        Modes and splines.
    psf
        Radii [deg], PSF (energies, radii) at the source, and whether the energies are reconstructed ones.
    edisp
        Energy dispersion (energy_true, energy) at the source.
    pixels
        Pixels of the cutout, -1 in padding.
    n_bins
        Number of bins with counts after padding.
    exposed
        Whether the exposure acts on the source.
    """
    inside = pixels >= 0
    solid_angle = np.where(inside, cube.solid_angle[pixels], 0.0)
    side = float(np.sqrt(solid_angle[0])) if inside.any() else 0.0
    transform = psf_transform(*psf[:2], grid.wavenumber) * pixel_transform(side, grid.wavenumber)
    fields: dict[str, Any] = {
        "vectors": np.where(inside[:, np.newaxis], cube.vectors[pixels], -position),
        "solid_angle": solid_angle,
        "edisp": edisp,
        "psf": transform,
        "wavenumber": grid.wavenumber,
        "basis": grid.basis,
        "step": np.asarray(grid.step),
    }
    return RadialFold(**fields, **_cutout(cube, pixels, n_bins, exposed), psf_is_reco=psf[2])  # type: ignore[arg-type]


def box_of(geom: Any, position: Any, shape: tuple[int, int]) -> tuple[np.ndarray, PixelNodes]:
    """Return a box of pixels around a position: the pixel of the map at every place (or -1), and its sub-pixels.

    Parameters
    ----------
    geom
        Geometry of the map.
    position
        Centre, a SkyCoord.
    shape
        Pixels along latitude and longitude; the box may reach beyond the map.
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
    fine = 4 if shape[0] * shape[1] < 200_000 else 2
    return np.where(inside, pixels, -1).ravel(), PixelNodes.from_corners(sky.ra.deg, sky.dec.deg, "icrs", fine)


def _pixel_sides(nodes: PixelNodes) -> tuple[float, float]:
    """Return the sides of the middle pixel along latitude and longitude [deg]."""
    fine = int(np.sqrt(len(nodes.solid_angle)))
    y, x = (n // 2 for n in nodes.shape)
    vectors = nodes.vectors[:, :, y, x].reshape(3, fine, fine)
    steps = (vectors[:, 1, 0] - vectors[:, 0, 0], vectors[:, 0, 1] - vectors[:, 0, 0])
    return tuple(float(np.rad2deg(fine * np.linalg.norm(step))) for step in steps)  # type: ignore[return-value]


def _kernel(psf: tuple[np.ndarray, np.ndarray, bool], nodes: PixelNodes) -> np.ndarray:
    """Return the transform of PSF and pixel, with as many wave numbers as are needed."""
    fine = int(np.sqrt(len(nodes.solid_angle)))
    sides = _pixel_sides(nodes)
    largest = np.pi * fine * np.hypot(1 / sides[0], 1 / sides[1])
    nodes_1d = np.linspace(0.0, largest, 8192)
    profile = psf_transform(*psf[:2], nodes_1d)
    power = nodes_1d * (profile * pixel_transform(max(sides), nodes_1d)) ** 2
    for times in (1, 2, 4):
        qy, qx = wave_numbers(nodes.shape, times)  # type: ignore[arg-type]
        beyond = nodes_1d >= np.pi * times / max(sides)
        if times >= fine or (power[:, beyond].sum(axis=1) <= _LEFT_OUT * power.sum(axis=1)).all():
            break
    radius = np.hypot(qy[:, np.newaxis] / sides[0], qx / sides[1])
    square = np.sinc(qy / (2 * np.pi))[:, np.newaxis] * np.sinc(qx / (2 * np.pi))
    kernel = np.stack([np.interp(radius, nodes_1d, row) for row in profile]) * square
    # the shift by half a sub-pixel is not defined at the largest wave number
    kernel[:, len(qy) // 2] = 0.0
    kernel[:, :, -1] = 0.0
    return kernel


def grid_fold(
    cube: CubeArrays,
    box: tuple[np.ndarray, PixelNodes],
    psf: tuple[np.ndarray, np.ndarray, bool] | None,
    edisp: np.ndarray,
    n_bins: int,
    exposed: bool = True,
) -> GridFold:
    """Return what one source of any shape needs of one dataset.

    Parameters
    ----------
    cube
        The dataset.
    box
        Pixels and sub-pixels, from `box_of`.
    psf, edisp, n_bins, exposed
        As in `radial_fold`; None without PSF.
    """
    pixels, nodes = box
    fields: dict[str, Any] = {
        "nodes": nodes,
        "kernel": None if psf is None else _kernel(psf, nodes),
        "energy": np.sqrt(cube.edges[:-1] * cube.edges[1:]),
        "edisp": edisp,
    }
    is_reco = psf is not None and psf[2]
    return GridFold(**fields, **_cutout(cube, pixels, n_bins, exposed), psf_is_reco=is_reco)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class FixedCutout:
    """A source whose shape does not change: what its image needs, on the pixels that it reaches.

    Parameters
    ----------
    pixels
        Pixels of the map, shape (pixels,).
    fractions
        Fraction of the photons per pixel and energy of the PSF, shape (pixels, energies).
    exposure
        Shape (pixels, energy_true) [cm2 s].
    edisp
        Shape (energy_true, energy).
    psf_is_reco
        True where the fractions belong to reconstructed energies.
    """

    pixels: np.ndarray
    fractions: np.ndarray
    exposure: np.ndarray
    edisp: np.ndarray
    psf_is_reco: bool

    def npred(self, flux: np.ndarray) -> np.ndarray:
        """Return the predicted counts, shape (pixels, energy), of a flux per true-energy bin [s-1 cm-2]."""
        if self.psf_is_reco:
            return self.fractions * ((self.exposure * flux) @ self.edisp)
        return (self.fractions * self.exposure * flux) @ self.edisp


def fixed_fold(cube: CubeArrays, cut: FixedCutout, n_bins: int) -> tuple[dict[str, np.ndarray], int]:
    """Fold a source of fixed shape once: the fields of a `FixedFold`, and how many bins with counts it reaches."""
    n_map = cube.counts.shape[1]
    where = np.full(n_map, -1)
    where[cut.pixels] = np.arange(len(cut.pixels))
    energy_bin, pixel = np.divmod(cube.occupied, n_map)
    local = where[pixel]
    reached = np.flatnonzero(local >= 0)
    energy, place = energy_bin[reached], local[reached]
    if cut.psf_is_reco:
        occupied = cut.fractions[place, energy][:, np.newaxis] * cut.exposure[place] * cut.edisp[:, energy].T
        total = (cut.fractions.T * cube.mask[:, cut.pixels]) @ cut.exposure * cut.edisp.T
    else:
        per_flux = cut.fractions * cut.exposure
        occupied = per_flux[place] * cut.edisp[:, energy].T
        total = (cube.mask[:, cut.pixels].astype(float) @ per_flux) * cut.edisp.T
    np.subtract.at(total, energy, occupied)
    bins = np.full(n_bins, -1, dtype=np.int32)
    bins[reached] = np.arange(len(reached))
    return {"occupied": occupied, "rest": total, "bins": bins}, len(reached)


def stack_fixed(rows: list[list[dict[str, np.ndarray]]], size: int) -> FixedFold:
    """Stack the folds of sources and datasets, padded to ``size`` bins that are reached."""

    def padded(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        occupied = fields["occupied"]
        room = np.zeros((size - len(occupied), occupied.shape[1]))
        bins = np.where(fields["bins"] < 0, size, fields["bins"]).astype(np.int32)
        return {"occupied": np.concatenate([occupied, room]), "rest": fields["rest"], "bins": bins}

    done: list[list[Any]] = [[padded(fields) for fields in row] for row in rows]
    arrays: dict[str, Any] = {
        key: np.stack([np.stack([one[key] for one in row]) for row in done]) for key in done[0][0]
    }
    return FixedFold(**arrays)


def grid_for(rads: list[np.ndarray], sides: list[float], extent: float) -> RadialGrid:
    """Return modes and splines that serve several datasets."""
    reach = max(radial_reach(rad, max(sides), extent) for rad in rads)
    # what is much finer than a pixel is lost in it: some files have radii with steps of 1e-4 deg in the middle
    finest = min(sides) / 4
    steps = [max(float(np.diff(rad).min()), finest) if len(rad) > 1 else rad[0] for rad in rads]
    return radial_grid(reach, min(*steps, *(side / 2 for side in sides)))

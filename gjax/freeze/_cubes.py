"""Cubes to buckets: the bins with counts, the sum of all others, and what every source needs of every dataset."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.errors import FitError
from gjax.folding import FixedFold, RadialFold
from gjax.freeze._radial_tables import RadialGrid, pixel_transform, psf_transform, radial_grid
from gjax.irf import EDispKernel

__all__ = ["CubeArrays", "cube_arrays", "cube_fields", "fixed_fold", "radial_fold", "radial_reach"]

#: How far the pixels of a cutout reach beyond PSF and source [deg]: room for the source to move.
MARGIN = 0.1


@dataclasses.dataclass(frozen=True)
class CubeArrays:
    """A map dataset as plain arrays; pixels are flattened.

    Parameters
    ----------
    name
        Name of the dataset.
    counts, background
        Shape (energy, pixels).
    mask
        Bins that count, shape (energy, pixels).
    exposure
        Shape (energy_true, pixels) [cm2 s].
    energy
        Centres of the energy bins [TeV].
    edges
        Edges of the true energies [TeV].
    vectors
        ICRS unit vectors of the pixels, shape (pixels, 3).
    solid_angle
        Shape (pixels,) [deg2].
    shape
        Pixels in latitude and longitude.
    """

    name: str
    counts: np.ndarray
    background: np.ndarray
    mask: np.ndarray
    exposure: np.ndarray
    energy: np.ndarray
    edges: np.ndarray
    vectors: np.ndarray
    solid_angle: np.ndarray
    shape: tuple[int, int]

    @property
    def occupied(self) -> np.ndarray:
        """Flat positions (energy, pixel) of the bins with counts inside the mask."""
        return np.flatnonzero((self.mask & (self.counts > 0)).ravel())


def _check(name: str, what: str, values: np.ndarray, mask: np.ndarray | None = None) -> None:
    bad = ~np.isfinite(values) if mask is None else mask & ~np.isfinite(values)
    if bad.any():
        raise FitError(f"dataset {name!r}: {what} is not finite in {int(bad.sum())} bins")


def cube_arrays(dataset: Any) -> CubeArrays:
    """Take the arrays out of a map dataset.

    Raises
    ------
    FitError
        If counts or exposure are missing, something is not finite inside the masks, or there are counts where
        neither background nor exposure is.
    """
    name = str(dataset.name)
    for field in ("counts", "exposure"):
        if getattr(dataset, field) is None:
            raise FitError(f"dataset {name!r}: has no {field}")
    geom = dataset.counts.geom
    counts = np.asarray(dataset.counts.data, dtype=float).reshape(dataset.counts.data.shape[0], -1)
    mask = np.ones(counts.shape, bool)
    if dataset.mask is not None:
        mask = np.asarray(getattr(dataset.mask, "data", dataset.mask), bool).reshape(counts.shape)
    image = geom.to_image()
    sky = image.get_coord().skycoord.icrs
    vectors = np.moveaxis(np.asarray(sky.cartesian.xyz.value), 0, -1).reshape(-1, 3)
    exposure = dataset.exposure
    if exposure.data.shape[1:] != dataset.counts.data.shape[1:]:
        raise FitError(f"dataset {name!r}: exposure and counts have different pixels")
    values = np.asarray(exposure.quantity.to_value("cm2 s"), dtype=float).reshape(exposure.data.shape[0], -1)
    background = np.zeros_like(counts)
    if dataset.background is not None:
        background = np.asarray(dataset.background.data, dtype=float).reshape(counts.shape)
    _check(name, "counts", counts, mask)
    _check(name, "background", background, mask)
    _check(name, "exposure", values)
    axis, true = geom.axes["energy"], exposure.geom.axes["energy_true"]
    return CubeArrays(
        name=name,
        counts=counts,
        background=background,
        mask=mask,
        exposure=values,
        energy=axis.center.to_value("TeV"),
        edges=true.edges.to_value("TeV"),
        vectors=vectors,
        solid_angle=np.asarray(image.solid_angle().to_value("deg2")).reshape(-1),
        shape=tuple(dataset.counts.data.shape[-2:]),  # type: ignore[arg-type]
    )


def cube_fields(cube: CubeArrays, size: int) -> dict[str, np.ndarray]:
    """Return the fields of a bucket for one dataset, padded to ``size`` bins with counts."""
    occupied = cube.occupied
    n, pixels = len(occupied), cube.counts.shape[1]
    rest = np.where(cube.mask, cube.background, 0.0)
    rest.ravel()[occupied] = 0.0

    n_energy = len(cube.energy)

    def pad(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros(size - n, values.dtype)])

    return {
        "counts": np.concatenate([pad(cube.counts.ravel()[occupied]), np.zeros(n_energy)]),
        "mask": np.concatenate([pad(np.ones(n, bool)), cube.mask.any(axis=1)]),
        "background": pad(cube.background.ravel()[occupied]),
        "background_rest": rest.sum(axis=1),
        "energy_bin": pad(occupied // pixels).astype(np.int32),
        "energy": cube.energy,
        "edges": cube.edges,
    }


def radial_reach(rad: np.ndarray, side: float, extent: float) -> float:
    """Return the radius of the disc that holds PSF, pixel and source, with room for the source to grow [deg]."""
    step = rad[-1] - rad[-2] if len(rad) > 1 else rad[0]
    return float(rad[-1] + step + 0.75 * side + 1.5 * extent)


def pixels_around(cube: CubeArrays, position: np.ndarray, reach: float) -> np.ndarray:
    """Return the pixels within ``reach`` + margin of a unit vector."""
    chord = 2 * np.sin(np.deg2rad(min(reach + MARGIN, 180.0)) / 2)
    return np.flatnonzero(((cube.vectors - position) ** 2).sum(axis=1) < chord**2)


def radial_fold(
    cube: CubeArrays,
    position: np.ndarray,
    grid: RadialGrid,
    psf: tuple[np.ndarray, np.ndarray],
    edisp: np.ndarray,
    pixels: np.ndarray,
    size: tuple[int, int],
    psf_is_reco: bool = False,
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
        Radii [deg] and PSF (energy_true, radii) at the source.
    edisp
        Energy dispersion (energy_true, energy) at the source.
    pixels
        Pixels of the cutout.
    size
        Numbers of pixels and of bins with counts after padding.
    psf_is_reco
        True where the PSF is given per reconstructed energy.
    """
    n_pixels, n_bins = size
    n, n_energy = len(pixels), cube.counts.shape[0]
    vectors = np.tile(-position, (n_pixels, 1))
    vectors[:n] = cube.vectors[pixels]
    solid_angle, exposure = np.zeros(n_pixels), np.zeros((n_pixels, cube.exposure.shape[0]))
    solid_angle[:n] = cube.solid_angle[pixels]
    exposure[:n] = cube.exposure[:, pixels].T
    mask = np.zeros((n_pixels, n_energy), bool)
    mask[:n] = cube.mask[:, pixels].T
    # place of every bin with counts in the flattened cutout
    outside = n_pixels * n_energy
    where = np.full(cube.counts.shape[1], -1)
    where[pixels] = np.arange(n)
    energy_bin, pixel = np.divmod(cube.occupied, cube.counts.shape[1])
    local = where[pixel]
    bins = np.full(n_bins, outside, dtype=np.int32)
    bins[: len(local)] = np.where(local >= 0, local * n_energy + energy_bin, outside)
    side = float(np.sqrt(solid_angle[0])) if n else 0.0
    transform = psf_transform(*psf, grid.wavenumber) * pixel_transform(side, grid.wavenumber)
    fields: dict[str, Any] = {
        "vectors": vectors,
        "solid_angle": solid_angle,
        "exposure": exposure,
        "edisp": edisp,
        "psf": transform,
        "wavenumber": grid.wavenumber,
        "basis": grid.basis,
        "step": np.asarray(grid.step),
        "mask": mask,
        "bins": bins,
    }
    return RadialFold(**fields, psf_is_reco=psf_is_reco)


def fixed_fold(cube: CubeArrays, counts_per_flux: np.ndarray, edisp: np.ndarray, n_bins: int) -> FixedFold:
    """Fold a source of fixed shape once.

    Parameters
    ----------
    cube
        The dataset.
    counts_per_flux
        Fraction of the photons per pixel after the PSF, times exposure, shape (energy_true, pixels).
    edisp
        Energy dispersion (energy_true, energy).
    n_bins
        Number of bins with counts after padding.
    """
    energy_bin, pixel = np.divmod(cube.occupied, cube.counts.shape[1])
    occupied = np.zeros((n_bins, len(counts_per_flux)))
    occupied[: len(pixel)] = counts_per_flux[:, pixel].T * edisp[:, energy_bin].T
    rest = (cube.mask.astype(float) @ counts_per_flux.T) * edisp.T
    np.subtract.at(rest, energy_bin, occupied[: len(pixel)])
    return FixedFold(occupied, rest)  # type: ignore[arg-type]


def psf_at(dataset: Any, position: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return radii [deg], PSF (energies, radii), and whether the energies are reconstructed ones."""
    if dataset.psf is None:
        # no PSF: all within a hundredth of a pixel
        side = float(np.sqrt(dataset.counts.geom.to_image().solid_angle().to_value("deg2").mean()))
        n = dataset.exposure.data.shape[0]
        return np.array([0.005 * side]), np.ones((n, 1)), False
    rad, values = dataset.psf.radial_profile(position)
    is_reco = dataset.psf.energy_name == "energy"
    wanted = dataset.counts.geom.axes["energy"] if is_reco else dataset.exposure.geom.axes["energy_true"]
    given = dataset.psf.axes[dataset.psf.energy_name]
    return rad.to_value("deg"), _at_energies(np.asarray(values, dtype=float), given, wanted), is_reco


def _at_energies(values: np.ndarray, given: Any, wanted: Any) -> np.ndarray:
    """Return an array (energy, ...) at the energies of another axis: linear in log energy, the last values outside."""
    there, here = np.log(given.center.to_value("TeV")), np.log(wanted.center.to_value("TeV"))
    if there.shape == here.shape and np.allclose(there, here, rtol=0, atol=1e-4):
        return values
    place = np.clip(np.interp(here, there, np.arange(len(there))), 0, len(there) - 1)
    low = np.minimum(place.astype(int), max(len(there) - 2, 0))
    t = (place - low)[:, np.newaxis]
    return (1 - t) * values[low] + t * values[np.minimum(low + 1, len(there) - 1)]


def edisp_at(dataset: Any, position: Any) -> np.ndarray:
    """Return the energy dispersion (energy_true, energy) at a position."""
    axis = dataset.counts.geom.axes["energy"]
    if dataset.edisp is None:
        return EDispKernel.from_diagonal_response(dataset.exposure.geom.axes["energy_true"], axis).pdf_matrix
    if hasattr(dataset.edisp, "pdf_matrix"):
        return np.asarray(dataset.edisp.pdf_matrix, dtype=float)
    return np.asarray(dataset.edisp.get_edisp_kernel(energy_axis=axis, position=position).pdf_matrix, dtype=float)


def grid_for(rads: list[np.ndarray], sides: list[float], extent: float) -> RadialGrid:
    """Return modes and splines that serve several datasets."""
    reach = max(radial_reach(rad, max(sides), extent) for rad in rads)
    # what is much finer than a pixel is lost in it: some files have radii with steps of 1e-4 deg in the middle
    finest = min(sides) / 4
    steps = [max(float(np.diff(rad).min()), finest) if len(rad) > 1 else rad[0] for rad in rads]
    return radial_grid(reach, min(*steps, *(side / 2 for side in sides)))

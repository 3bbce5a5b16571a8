"""Tables for the folding of symmetric sources, made once on the host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["RadialGrid", "corner_basis", "pixel_transform", "psf_transforms", "radial_grid"]


@dataclasses.dataclass(frozen=True)
class RadialGrid:
    """Modes of a disc and their cubic spline coefficients on a grid of radii, uniform in their chords.

    Parameters
    ----------
    wavenumber
        Wave numbers of the modes [1/deg], shape (modes,).
    basis
        Spline coefficients of ``J0(q r) / (pi R^2 J1^2)``, shape (radii + 3, modes); the first row belongs to
        radius ``-step``, the last ones lie beyond the disc.
    step
        Distance of the chords [deg].
    """

    wavenumber: np.ndarray
    basis: np.ndarray
    step: float


def radial_grid(radius: float, resolution: float) -> RadialGrid:
    """Return modes and splines for a disc.

    Parameters
    ----------
    radius
        Radius of the disc [deg]; PSF and source together must fit inside.
    resolution
        Smallest structure to resolve [deg].
    """
    from scipy.special import j0, j1, jn_zeros

    modes = _shared(int(np.ceil(radius / resolution)))
    zeros = jn_zeros(0, modes)
    wavenumber = zeros / radius
    cells = 2 * modes
    # uniform in chords, by which profiles are looked up
    step = np.rad2deg(2 * np.sin(np.deg2rad(min(radius, 180.0)) / 2)) / cells
    values = j0(np.outer(_radii(step, cells), wavenumber)) / (np.pi * radius**2 * j1(zeros) ** 2)
    return RadialGrid(wavenumber, _coefficients(values), step)


def _coefficients(values: np.ndarray) -> np.ndarray:
    """Return cubic B-spline coefficients of even functions, shape (radii + 3, functions): clamped to 0 at the rim."""
    from scipy.linalg import solve_banded

    # (c[i-1] + 4 c[i] + c[i+1]) / 6 = values
    n, size = values.shape
    band = np.zeros((3, n))
    band[1] = 4 / 6
    band[0, 1:] = 1 / 6
    band[2, :-1] = 1 / 6
    band[0, 1] = 2 / 6
    inner = solve_banded((1, 1), band, values)
    return np.concatenate([inner[1:2], inner, np.zeros((2, size))])


def _radii(step: float, cells: int) -> np.ndarray:
    """Return separations of uniform chords [deg]."""
    return np.rad2deg(2 * np.arcsin(np.minimum(np.deg2rad(np.arange(cells + 1) * step) / 2, 1.0)))


def corner_basis(grid: RadialGrid, cells: int, unit: float) -> np.ndarray:
    """Return spline coefficients of the parts of modes with four waves a turn, over the fourth power of the radius.

    Parameters
    ----------
    grid
        Modes and splines.
    cells
        Number of radii beyond which there is nothing.
    unit
        Unit of the radius in its fourth power [deg].

    Returns
    -------
    basis
        As that of the grid [deg-2].
    """
    from scipy.special import j1, jn_zeros

    zeros = jn_zeros(0, len(grid.wavenumber))
    disc = np.pi * (zeros[0] / grid.wavenumber[0]) ** 2 * j1(zeros) ** 2
    ratio = _bessel_ratio(np.outer(_radii(grid.step, cells), grid.wavenumber))
    basis = np.zeros_like(grid.basis)
    basis[: cells + 4] = _coefficients(ratio * (grid.wavenumber * unit) ** 4 / disc)
    return basis


def _bessel_ratio(x: np.ndarray) -> np.ndarray:
    """Return ``J4(x) / x^4``: by recurrence, and by its series near 0."""
    from scipy.special import j0, j1

    far = np.maximum(x, 1.0)
    first, second = j0(far), j1(far)
    for order in (1, 2, 3):
        first, second = second, 2 * order / far * second - first
    square, term, series = -(np.minimum(x, 1.0) ** 2) / 4, np.full_like(x, 1 / 384), np.zeros_like(x)
    for k in range(1, 8):
        series = series + term
        term = term * square / (k * (k + 4))
    return np.where(x > 1, second / far**4, series)


def _shared(modes: int) -> int:
    """Return the next number of four binary digits: sources of about one size are one program, wherever fits start."""
    step = 1 << max(modes.bit_length() - 4, 0)
    return -(-modes // step) * step


def psf_transforms(psfs: Sequence[tuple[np.ndarray, np.ndarray]], wavenumber: np.ndarray) -> list[np.ndarray]:
    """Return the Hankel transforms of PSFs, normalised to 1 at wave number 0.

    Parameters
    ----------
    psfs
        Centres of the radial bins, shape (rad,) [deg], and any multiple of the PSF per solid angle, shape (energy_true,
        rad); linear in between. Those that share radii are transformed together: Bessel functions take the time.
    wavenumber
        Shape (modes,) [1/deg].

    Returns
    -------
    transforms
        One per PSF, shape (energy_true, modes); 0 where the PSF is empty.
    """
    from scipy.special import j0

    same: dict[bytes, list[int]] = {}
    for number, (rad, _) in enumerate(psfs):
        same.setdefault(rad.tobytes(), []).append(number)
    out: list[Any] = [None] * len(psfs)
    for members in same.values():
        rad = psfs[members[0]][0]
        gap = np.diff(rad) if len(rad) > 1 else 2 * rad
        edges = np.concatenate([[0.0], 0.5 * (rad[1:] + rad[:-1]), [rad[-1] + 0.5 * gap[-1]]])
        part = (np.arange(16) + 0.5) / 16
        width = np.diff(edges)
        fine = (edges[:-1, np.newaxis] + width[:, np.newaxis] * part).ravel()
        index = np.clip(np.searchsorted(rad, fine) - 1, 0, max(len(rad) - 2, 0))
        t = (fine - rad[index]) / gap[index] if len(rad) > 1 else np.zeros_like(fine)
        bessel = j0(np.outer(fine, wavenumber))
        for number in members:
            psf = psfs[number][1]
            values = np.maximum(psf[:, index] * (1 - t) + psf[:, np.minimum(index + 1, len(rad) - 1)] * t, 0.0)
            ring = values * fine * np.repeat(width, 16)
            total = ring.sum(axis=1, keepdims=True)
            transform = ring @ bessel
            out[number] = np.divide(transform, total, out=np.zeros_like(transform), where=total > 0)
    return out


def pixel_transform(size: float, wavenumber: np.ndarray, waves: int = 0) -> np.ndarray:
    """Return the Hankel transform of a square pixel, averaged over directions, or its part with four waves a turn.

    What both leave out is of eighth order in pixel over PSF.

    Parameters
    ----------
    size
        Side of the pixel [deg].
    wavenumber
        Shape (modes,) [1/deg].
    waves
        0 or 4, along the sides.
    """
    angle = (np.arange(32) + 0.5) * np.pi / 128
    x = np.outer(wavenumber, np.cos(angle)) * size / (2 * np.pi)
    y = np.outer(wavenumber, np.sin(angle)) * size / (2 * np.pi)
    return np.mean(np.sinc(x) * np.sinc(y) * np.cos(waves * angle), axis=1) * (2 if waves else 1)

"""Folding of any shape: its image on a grid of sub-pixels, times the transform of PSF and pixel.

The image is sampled finer than the pixels, so that its sum is the flux. Its discrete transform is multiplied with
the Hankel transform of the PSF and with that of a pixel, which is exact: no kernel is sampled. Wave numbers that PSF
and pixel suppress are left out, usually all beyond those of the pixels themselves.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["GridShape", "grid_shape", "wave_numbers"]


class GridShape(eqx.Module):
    """What one source of any shape needs to be drawn on a box of pixels.

    Parameters
    ----------
    nodes
        Sub-pixels of the box (`gjax.models._pixels.PixelNodes`), also beyond the edge of the map.
    kernel
        Transform of PSF and pixel at the wave numbers of `wave_numbers`, shape (energies of the PSF, c lat,
        c lon // 2 + 1) with c the number of times that the pixels' own wave numbers are covered; None without PSF.
    energy
        Centres of the true energies [TeV].
    """

    nodes: Any
    kernel: Array | None
    energy: Array


def wave_numbers(shape: tuple[int, int], times: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the wave numbers [rad per pixel] of a box of pixels along latitude and longitude.

    Parameters
    ----------
    shape
        Pixels along latitude and longitude, both even.
    times
        How many times the pixels' own wave numbers are covered.

    Examples
    --------
    >>> [part.shape for part in wave_numbers((8, 6), 2)]
    [(16,), (7,)]
    """
    rows, columns = shape[0] * times, shape[1] * times
    return 2 * np.pi * times * np.fft.fftfreq(rows), 2 * np.pi * times * np.fft.rfftfreq(columns)


def _blurred(image: Array, kernel: Array) -> Array:
    """Return what a PSF makes of an image of sub-pixels: (node, lat, lon) and (energy, ...) to (energy, lat, lon)."""
    nodes, ny, nx = image.shape
    fine = int(np.sqrt(nodes))
    times = kernel.shape[1] // ny
    rows = ny * times
    flat = image.reshape(fine, fine, ny, nx).transpose(2, 0, 3, 1).reshape(ny * fine, nx * fine)
    spectrum = jnp.fft.rfft2(flat)[:, : nx * times // 2 + 1]
    spectrum = jnp.concatenate([spectrum[: rows // 2], spectrum[-(rows // 2) :]])
    # the first sub-pixel does not lie where the first pixel does
    shift = 0.5 / fine - 0.5
    along = [np.exp(-1j * shift * q) for q in wave_numbers((ny, nx), times)]
    phase = jnp.asarray(along[0][:, None] * along[1], spectrum.dtype)
    blurred = jnp.fft.irfft2(spectrum * phase * kernel, s=(rows, nx * times)) * times**2
    return blurred[:, ::times, ::times]


def grid_shape(shape: GridShape, spatial: Any) -> Array:
    """Return the fraction of a source's photons per pixel and energy of the PSF, shape (pixels, energies).

    Parameters
    ----------
    shape
        Pixels and PSF.
    spatial
        Spatial model with arrays in place of parameters.
    """
    nodes, kernel = shape.nodes, shape.kernel
    if getattr(spatial, "is_energy_dependent", False):

        def plane(at: Any) -> Array:
            energy, one = at
            image = spatial.node_fluxes(nodes, energy[None])[0]
            return image.sum(axis=0) if one is None else _blurred(image, one[None])[0]

        planes = jax.lax.map(plane, (shape.energy, kernel))
    else:
        image = spatial.node_fluxes(nodes)
        planes = image.sum(axis=0)[None] if kernel is None else _blurred(image, kernel)
        # without a PSF there is one image for all energies
        planes = jnp.broadcast_to(planes, (len(shape.energy), *planes.shape[1:])) if kernel is None else planes
    return planes.reshape(planes.shape[0], -1).T

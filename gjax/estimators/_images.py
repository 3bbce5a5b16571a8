"""Sums over windows around every pixel."""

from __future__ import annotations

import numpy as np

__all__ = ["box_sums", "disc_sums"]


def disc_sums(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the sums of images (..., lat, lon) over a symmetric window around every pixel, 0 where only zeros are.

    Parameters
    ----------
    images
        Values that are not negative.
    kernel
        Window with an odd number of pixels along each side.
    """
    from scipy.signal import oaconvolve

    kernel = kernel.reshape((1,) * (images.ndim - 2) + kernel.shape)
    full = oaconvolve(images, kernel, mode="full", axes=(-2, -1))
    y, x = kernel.shape[-2] // 2, kernel.shape[-1] // 2
    sums = full[..., y : y + images.shape[-2], x : x + images.shape[-1]]
    # what a Fourier transform leaves where the sum is zero
    noise = 1e-13 * kernel.sum() * np.max(np.abs(images), initial=0.0)
    return np.where(sums > noise, sums, 0.0)


def box_sums(images: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    """Return the sums of images (..., lat, lon) over boxes around every pixel.

    Parameters
    ----------
    images
        Values.
    half
        Pixels on each side of the middle, in latitude and longitude.
    """
    out = images
    for axis, reach in ((-2, half[0]), (-1, half[1])):
        n = out.shape[axis]
        width = [(0, 0)] * out.ndim
        width[axis] = (1, 0)
        total = np.pad(np.cumsum(out, axis=axis), width)
        high, low = np.minimum(np.arange(n) + reach + 1, n), np.maximum(np.arange(n) - reach, 0)
        out = np.take(total, high, axis=axis) - np.take(total, low, axis=axis)
    return out

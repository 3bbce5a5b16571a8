"""The norm of a test source that would just be significant, at every position."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.estimators._ts_cells import FLOOR
from gjax.estimators._ts_inputs import BandInput

__all__ = ["sensitivity_norms"]


@jax.jit
def _expected_ts(norm: Array, background: Array, exposure: Array, kernel: Array) -> tuple[Array, Array]:
    """Return the TS that a source would have on average data, and its derivative by the norm, shape (lat, lon).

    Parameters
    ----------
    norm
        Shape (lat, lon).
    background, exposure, kernel
        See `BandInput`; maps with a margin of the reach of the kernel.
    """
    planes, _, size, _ = kernel.shape

    def add(number: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        plane, place = number // size**2, number % size**2
        corner = place // size, place % size
        weights = kernel[plane, :, corner[0], corner[1]]
        part = jax.lax.dynamic_slice(exposure[plane], (0, *corner), (exposure.shape[1], *norm.shape))
        signal = jnp.tensordot(weights, part, axes=1)
        b = jnp.maximum(jax.lax.dynamic_slice(background[plane], corner, norm.shape), FLOOR)
        log = jnp.log1p(norm * signal / b)
        total, slope = sums
        return total + 2 * ((b + norm * signal) * log - norm * signal), slope + 2 * signal * log

    return jax.lax.fori_loop(0, planes * size**2, add, (0 * norm, 0 * norm))


def sensitivity_norms(
    bands: list[BandInput], total: np.ndarray, wanted: np.ndarray, n_sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the norms at which the average data have a TS of ``n_sigma**2``, and their slope in time, (lat, lon).

    All bins inside the kernel count, :math:`TS = 2 \sum (b + x s) \log(1 + x s / b) - x s`; Newton steps on its root.
    The TS of a norm is proportional to the observing time, so that :math:`d \ln x / d \ln t = - TS / (x\,TS')`.

    Parameters
    ----------
    bands
        All datasets of the band.
    total
        Total of the source at norm 1.
    wanted
        Positions that are asked for.
    n_sigma
        Significance.
    """
    margins = []
    for band in bands:
        width = ((0, 0), (band.half, band.half), (band.half, band.half))
        arrays = np.pad(band.background, width), np.pad(band.exposure, ((0, 0), *width)), band.kernel
        margins.append(jax.device_put(arrays))
    # at first a source whose counts are as many as its significance asks for without background
    norm = n_sigma**2 / np.where(wanted, 2 * total, 1.0)
    for _ in range(40):
        parts = [_expected_ts(jax.device_put(norm), *arrays) for arrays in margins]
        ts, slope = (np.sum([np.asarray(part[i]) for part in parts], axis=0) for i in (0, 1))
        root = np.sqrt(np.where(wanted, ts, 1.0))
        step = np.where(wanted, (n_sigma - root) * 2 * root / np.where(slope > 0, slope, 1.0), 0.0)
        norm = np.maximum(norm + step, norm / 4)
        if np.all(np.abs(step) <= 1e-5 * norm):
            break
    with np.errstate(divide="ignore", invalid="ignore"):
        return norm, np.where(wanted, -ts / (norm * slope), np.nan)

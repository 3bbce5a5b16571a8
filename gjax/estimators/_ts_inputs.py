"""The arrays of a TS map: occupied bins, totals of the source, and how negative a norm may be."""

from __future__ import annotations

import dataclasses

import numpy as np

from gjax.estimators._images import box_sums
from gjax.estimators._ts_cells import FLOOR, OccupiedBins

__all__ = ["BandInput", "lowest_norms", "occupied_bins", "source_totals", "window_sums"]


@dataclasses.dataclass(frozen=True)
class BandInput:
    """One dataset in one band.

    Parameters
    ----------
    counts, background
        Shape (planes, lat, lon), 0 outside of the mask: one plane per energy bin, or one of all.
    exposure
        Counts of the source at norm 1 without spread, shape (planes, energies of a plane, lat, lon), 0 outside of the
        mask.
    kernel
        Fractions of the counts around the source, shape (planes, energies of a plane, size, size).
    """

    counts: np.ndarray
    background: np.ndarray
    exposure: np.ndarray
    kernel: np.ndarray

    @property
    def half(self) -> int:
        """Reach of the kernel in pixels."""
        return self.kernel.shape[-1] // 2

    def part(self, rows: slice) -> BandInput:
        """Return some rows of the map."""
        counts, background, exposure = (array[..., rows, :] for array in (self.counts, self.background, self.exposure))
        return BandInput(counts, background, exposure, self.kernel)


def occupied_bins(band: BandInput) -> OccupiedBins:
    """Return the bins with counts, sorted by pixel.

    Bins without exposure are left out: no source reaches them.
    """
    reached = band.exposure.sum(axis=1) > 0
    y, x, plane = np.nonzero(((band.counts > 0) & reached).transpose(1, 2, 0))
    background = np.maximum(band.background[plane, y, x], FLOOR)
    exposure = band.exposure[plane, :, y, x]
    half = band.half
    if band.exposure.shape[1] == 1:
        ratio = background / exposure[:, 0]
        with np.errstate(divide="ignore"):
            inverse = 1.0 / band.kernel[:, 0]

        def single(part: slice, dy: int) -> np.ndarray:
            return ratio[part] * inverse[:, half + dy].T.take(plane[part], axis=1)

        return OccupiedBins(y, x, band.counts[plane, y, x], single, half)

    def summed(part: slice, dy: int) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return background[part] / (exposure[part] @ band.kernel[0, :, half + dy]).T

    return OccupiedBins(y, x, band.counts[plane, y, x], summed, half)


def source_totals(band: BandInput) -> np.ndarray:
    """Return the counts of a source at norm 1 at every position inside of the mask, shape (lat, lon)."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    ny, nx = band.counts.shape[-2:]
    shape = tuple(next_fast_len(n + 2 * band.half, real=True) for n in (ny, nx))
    total = np.zeros((shape[0], shape[1] // 2 + 1), dtype=complex)
    for exposure, kernel in zip(band.exposure.reshape(-1, ny, nx), band.kernel.reshape(-1, *band.kernel.shape[-2:])):
        # the bins are at positive offsets from the source: a correlation
        total += rfft2(exposure, shape) * rfft2(kernel[::-1, ::-1], shape)
    sums = irfft2(total, shape)[band.half : band.half + ny, band.half : band.half + nx]
    noise = 1e-13 * float(np.max(band.exposure, initial=0.0))
    return np.where(sums > noise, sums, 0.0)


def window_sums(band: BandInput) -> tuple[np.ndarray, np.ndarray]:
    """Return background and Cash statistic without a source in the box around every position, shape (lat, lon)."""
    background = band.background.sum(axis=0)
    log = np.log(np.maximum(band.background, FLOOR))
    logs = np.where(band.counts > 0, band.counts * log, 0.0).sum(axis=0)
    sums = box_sums(np.stack([background, logs]), (band.half, band.half))
    return sums[0], 2 * (sums[0] - sums[1])


def lowest_norms(bands: list[BandInput], norms: np.ndarray, rows: slice) -> np.ndarray:
    """Return the norms below which the first bin inside the kernel would be predicted negative, shape (lat, lon).

    Exact where it is above ``norms``; elsewhere the search stops as soon as it is known to be below.

    Parameters
    ----------
    bands
        All datasets of the band.
    norms
        Norms that fit best; -inf where only the bound matters, inf where it does not.
    rows
        Rows of the map that the norms belong to.
    """
    half = max(band.half for band in bands)
    # with the rows that the kernels reach
    first, last = max(0, rows.start - half), rows.stop + half
    inner = slice(rows.start - first, rows.stop - first)
    bands = [band.part(slice(first, last)) for band in bands]
    wide = np.full(bands[0].counts.shape[-2:], np.inf)
    wide[inner] = norms
    return _lowest(bands, wide)[inner]


def _lowest(bands: list[BandInput], norms: np.ndarray) -> np.ndarray:
    from scipy.ndimage import minimum_filter

    # smallest ratio of background to source so far
    found = np.full(norms.shape, np.inf)
    for band in bands:
        order = np.argsort(-band.kernel.max(axis=(0, 1)).ravel(), kind="stable")
        size, half = band.kernel.shape[-1], band.half
        for plane in range(len(band.counts)):
            exposure, kernel = band.exposure[plane], band.kernel[plane]
            total = exposure.sum(axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(total > 0, band.background[plane] / total, np.inf)
            least = minimum_filter(ratio, size=size, mode="constant", cval=np.inf)
            for place in order:
                dy, dx = place // size - half, place % size - half
                weights = kernel[:, half + dy, half + dx]
                # no bin of this plane at this or a later offset can matter where the bound is above both
                largest = float(kernel.max(axis=0).ravel()[place])
                if largest <= 0 or np.all(least >= largest * np.minimum(found, -norms)):
                    break
                if len(exposure) == 1:
                    here = ratio / weights[0] if weights[0] > 0 else np.full_like(ratio, np.inf)
                else:
                    source = np.tensordot(weights, exposure, axes=1)
                    with np.errstate(divide="ignore", invalid="ignore"):
                        here = np.where(source > 0, band.background[plane] / source, np.inf)
                _take_minimum(found, here, dy, dx)
    return -found


def _take_minimum(found: np.ndarray, values: np.ndarray, dy: int, dx: int) -> None:
    """Lower ``found`` to the values at an offset, in place."""
    ny, nx = found.shape
    y, x = slice(max(0, -dy), ny - max(0, dy)), slice(max(0, -dx), nx - max(0, dx))
    there = values[max(0, dy) : ny - max(0, -dy), max(0, dx) : nx - max(0, -dx)]
    np.minimum(found[y, x], there, out=found[y, x])

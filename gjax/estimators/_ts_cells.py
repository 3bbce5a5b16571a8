"""Which occupied bins a test source at every position reaches, as rows of cells of one length.

At a position the statistic of a source with norm x is, up to a constant,

    2 [x K - sum_i n_i log(1 + x / r_i)],   r_i = b_i / s_i,

where K is the total of the source inside the mask and i runs over the occupied bins inside the kernel: n counts, b
expected background, s counts of the source at norm 1. So a bin is one number r and its counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from gjax.estimators._options import free_memory

__all__ = ["CELLS", "Cells", "OccupiedBins", "cell_batches", "default_batch"]

#: Cells per row.
CELLS = 64
#: Background below which a bin counts as empty of it, so that the statistic stays finite.
FLOOR = 1e-25


def default_batch() -> int:
    """Return how many pairs of position and bin fit into a quarter of the memory that is free, at least 2**18.

    Cells are held some four times on their way: as complex numbers, as pairs, on the device and turned.
    """
    return int(min(max(free_memory() // 4 // 32, 2**18), 2**23))


@dataclasses.dataclass(frozen=True)
class OccupiedBins:
    """The bins with counts of one dataset and band, sorted by pixel.

    Parameters
    ----------
    y, x
        Pixels.
    counts
        Counts.
    ratio
        Function of a slice of the bins and of a number of pixels in latitude from the source to the bins that returns r
        for every number of pixels in longitude, shape (2 half + 1, bins).
    half
        Reach of the kernel in pixels.
    """

    y: np.ndarray
    x: np.ndarray
    counts: np.ndarray
    ratio: Callable[[slice, int], np.ndarray]
    half: int


@dataclasses.dataclass(frozen=True)
class Cells:
    """The cells of a batch of positions.

    Parameters
    ----------
    rows
        Rows of the map in this batch.
    cells
        Ratio and counts, shape (rows of cells, CELLS, 2), in single precision: half the time, and a TS is still good to
        1e-4. Unused cells have an infinite ratio and no counts.
    position
        Position in the batch that a row of cells belongs to, sorted; `size` for unused rows.
    size
        Number of positions, from a short ladder: the last ones may be none.
    """

    rows: slice
    cells: np.ndarray
    position: np.ndarray
    size: int


def _occupancy(bins: OccupiedBins, shape: tuple[int, int]) -> np.ndarray:
    from gjax.estimators._images import box_sums

    number = np.zeros(shape, dtype=np.int64)
    np.add.at(number, (bins.y, bins.x), 1)
    return box_sums(number, (bins.half, bins.half))


def cell_batches(datasets: list[OccupiedBins], wanted: np.ndarray, max_rows: int) -> Iterator[Cells]:
    """Yield the cells of all wanted positions, batch after batch of whole rows of the map.

    Parameters
    ----------
    datasets
        Occupied bins of every dataset.
    wanted
        Positions that are asked for, shape (lat, lon).
    max_rows
        Rows of cells in a batch, more only where one row of the map needs them.
    """
    ny, nx = wanted.shape
    number = np.sum([_occupancy(bins, (ny, nx)) for bins in datasets], axis=0)
    rows_of = np.where(wanted, -(-number // CELLS), 0)
    per_line = rows_of.sum(axis=1)
    first = 0
    while first < ny:
        stop, total = first, 0
        while stop < ny and (stop == first or total + per_line[stop] <= max_rows):
            total += int(per_line[stop])
            stop += 1
        if wanted[first:stop].any():
            size = _ladder(total, max_rows)
            yield _fill(datasets, slice(first, stop), rows_of[first:stop], size)
        first = stop


def _ladder(number: int, most: int) -> int:
    """Return a size from a short ladder, so that few shapes are compiled."""
    size = 1024
    while size < number:
        size *= 4
    return max(min(size, most), number)


def _fill(datasets: list[OccupiedBins], lines: slice, rows_of: np.ndarray, size: int) -> Cells:
    nl, nx = rows_of.shape
    half = max(bins.half for bins in datasets)
    spare = size * CELLS
    # the next free cell of every position; positions off the map, or not wanted, have the spare one behind all
    free = np.full((nl, nx + 2 * half), spare, dtype=np.intp)
    first = (np.cumsum(rows_of) - rows_of.ravel()).reshape(nl, nx) * CELLS
    free[:, half : half + nx] = np.where(rows_of > 0, first, spare)
    # ratio and counts go to random places together, as the parts of one number
    cells = np.full(spare + 1, complex(np.inf, 0.0), dtype=np.complex64)
    for bins in datasets:
        _add(bins, lines, half, free, cells)
    positions = _ladder(nl * nx, 4 * nl * nx)
    position = np.full(size, positions, dtype=np.int32)
    used = np.repeat(np.arange(nl * nx, dtype=np.int32), rows_of.ravel())
    position[: len(used)] = used
    parts = cells[:spare].view(np.float32).reshape(size, CELLS, 2)
    return Cells(lines, parts, position, positions)


def _ranks(bins: OccupiedBins) -> np.ndarray:
    """Return the number of each bin among those of its pixel."""
    pixel = bins.y.astype(np.int64) * (int(bins.x.max(initial=0)) + 1) + bins.x
    start = np.flatnonzero(np.r_[True, np.diff(pixel) != 0]) if len(pixel) else np.zeros(0, dtype=int)
    return np.arange(len(pixel)) - np.repeat(start, np.diff(np.r_[start, len(pixel)]))


def _add(bins: OccupiedBins, lines: slice, half: int, free: np.ndarray, cells: np.ndarray) -> None:
    """Put the bins of a dataset into the cells, one offset of the source from the bin after the other, in place."""
    nl, width = free.shape
    reach, spare = bins.half, len(cells) - 1
    low, high = np.searchsorted(bins.y, [lines.start - reach, lines.stop + reach])
    near = slice(int(low), int(high))
    y, x, n, rank = bins.y[near], bins.x[near], bins.counts[near], _ranks(bins)[near]
    number = np.zeros((nl + 2 * reach, width), dtype=free.dtype)
    np.add.at(number, (y - lines.start + reach, x + half), 1)
    following = free.ravel()
    for dy in range(-reach, reach + 1):
        # the source is at (y - dy, x - dx)
        start, stop = np.searchsorted(y, [lines.start + dy, lines.stop + dy])
        part = slice(int(start), int(stop))
        place = (y[part] - dy - lines.start) * width + half + x[part]
        values = np.empty((2 * reach + 1, len(place)), dtype=np.complex64)
        values.real = bins.ratio(slice(int(low + start), int(low + stop)), dy)
        values.imag = n[part]
        here, order = number[reach + dy : reach + dy + nl], rank[part]
        for dx in range(-reach, reach + 1):
            index = following.take(place - dx)
            index += order
            cells[np.minimum(index, spare)] = values[dx + reach]
            # every position has as many more as bins lie at this offset
            x0, x1 = max(0, -dx), width - max(0, dx)
            free[:, x0:x1] += here[:, x0 + dx : x1 + dx]

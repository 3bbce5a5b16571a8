"""The counts of a test source at a position, with PSF, energy dispersion and exposure of that very position."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gjax.estimators._inputs import MapInput
from gjax.estimators._ts_cells import CELLS, FLOOR, Cells
from gjax.estimators._ts_kernel import centred
from gjax.freeze import cube_arrays, draw_sources
from gjax.models import SkyModel

__all__ = ["ExactSources", "exact_cells", "exact_sources"]


@dataclasses.dataclass(frozen=True)
class ExactSources:
    """Test sources at several positions in one band, each with all of its bins.

    Parameters
    ----------
    total
        Counts at norm 1 inside of the mask, shape (positions,).
    lowest
        Norms below which a bin would be predicted negative, shape (positions,).
    ratios, counts
        Per position, ratio of background to source and counts of the bins with counts.
    """

    total: np.ndarray
    lowest: np.ndarray
    ratios: list[np.ndarray]
    counts: list[np.ndarray]


def exact_sources(
    model: SkyModel,
    inputs: Sequence[MapInput],
    slices: Sequence[Sequence[slice]],
    sky: Any,
    *,
    is_summed: bool,
) -> list[ExactSources]:
    """Return test sources at positions, one entry per band.

    Parameters
    ----------
    model
        The source; its position does not matter.
    inputs
        The datasets.
    slices
        Per dataset the energy bins of every band.
    sky
        Positions, a SkyCoord of shape (positions,).
    is_summed
        Whether the energy bins of a band are added up.
    """
    models = [dataclasses.replace(centred(model, place), name=f"source-{k}") for k, place in enumerate(sky)]
    arrays = [cube_arrays(given.dataset) for given in inputs]
    cuts = draw_sources(models, [given.dataset for given in inputs], arrays)
    fluxes = [
        np.asarray(model.spectral_model.integral(cube.edges[:-1], cube.edges[1:]).to_value("cm-2 s-1"))
        for cube in arrays
    ]
    return [
        _band(cuts, fluxes, inputs, [part[number] for part in slices], is_summed=is_summed)
        for number in range(len(slices[0]))
    ]


def _band(
    cuts: list[list[Any]],
    fluxes: list[np.ndarray],
    inputs: Sequence[MapInput],
    parts: Sequence[slice],
    *,
    is_summed: bool,
) -> ExactSources:
    total, lowest = np.zeros(len(cuts)), np.full(len(cuts), -np.inf)
    ratios: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    for k, row in enumerate(cuts):
        here: list[tuple[np.ndarray, np.ndarray]] = []
        for cut, flux, given, part in zip(row, fluxes, inputs, parts):
            planes = [
                np.asarray(a[part]).reshape(a[part].shape[0], -1) for a in (given.counts, given.npred, given.mask)
            ]
            n, b, mask = (plane[:, cut.pixels] for plane in planes)
            signal = np.where(mask, np.maximum(cut.npred(flux, cut.image).T[part], 0.0), 0.0)
            if is_summed:
                n, b, signal = (values.sum(axis=0, keepdims=True) for values in (n, b, signal))
            total[k] += signal.sum()
            seen = signal > 0
            if seen.any():
                lowest[k] = max(lowest[k], -float((b[seen] / signal[seen]).min()))
            used = seen & (n > 0)
            here.append((np.maximum(b[used], FLOOR) / signal[used], n[used]))
        ratios.append(np.concatenate([ratio for ratio, _ in here]))
        counts.append(np.concatenate([n for _, n in here]))
    return ExactSources(total, lowest, ratios, counts)


def exact_cells(sources: ExactSources, rows: slice, size: int) -> Cells:
    """Return the bins with counts as cells.

    Parameters
    ----------
    sources
        The sources.
    rows
        Rows of the map, as `Cells` has it.
    size
        Number of positions to fill up to.
    """
    lengths = [-(-len(ratio) // CELLS) for ratio in sources.ratios]
    number = 64
    while number < sum(lengths):
        number *= 4
    cells = np.empty((number * CELLS, 2), dtype=np.float32)
    cells[:, 0], cells[:, 1] = np.inf, 0.0
    position = np.full(number, size, dtype=np.int32)
    first = 0
    for k, (ratio, n, rows_of) in enumerate(zip(sources.ratios, sources.counts, lengths)):
        cells[first * CELLS : first * CELLS + len(ratio)] = np.column_stack([ratio, n])
        position[first : first + rows_of] = k
        first += rows_of
    return Cells(rows, cells.reshape(number, CELLS, 2), position, size)

"""Background from another part of the phase of a pulsar or binary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gjax.datasets import SpectrumDataset
from gjax.makers.spectrum import make_counts
from gjax.maps import Map, RegionGeom

__all__ = ["PhaseBackgroundMaker", "phase_intervals"]


def phase_intervals(intervals: Any, what: str = "phase") -> list[tuple[float, float]]:
    """Intervals within 0 and 1, in order; those that cross a whole number are split.

    Parameters
    ----------
    intervals
        Pair (from, to), or a list of pairs.
    what
        Name for messages.

    Raises
    ------
    ValueError
        If an interval is empty or longer than 1, or if two of them overlap.

    Examples
    --------
    >>> phase_intervals([(0.9, 1.25), (0.4, 0.5)])
    [(0.0, 0.25), (0.4, 0.5), (0.9, 1.0)]
    """
    pairs = [intervals] if np.ndim(intervals) == 1 else list(intervals)
    parts: list[tuple[float, float]] = []
    for pair in pairs:
        low, high = (float(value) for value in pair)
        high += 1.0 if high < low else 0.0  # (0.9, 0.1) goes over the whole number
        if not (np.isfinite(low) and 0 < high - low <= 1 + 1e-12):
            raise ValueError(f"{what}: the interval {tuple(pair)} is empty or longer than 1")
        shift = math.floor(low)
        low, high = low - shift, high - shift
        if high > 1 + 1e-12:
            parts += [(low, 1.0), (0.0, high - 1.0)]
        else:
            parts.append((low, min(high, 1.0)))
    parts = sorted((round(low, 12), round(high, 12)) for low, high in parts)
    for first, second in pairwise(parts):
        if second[0] < first[1]:
            raise ValueError(f"{what}: the intervals {first} and {second} overlap")
    return parts


class PhaseBackgroundMaker:
    """Count events in an on and an off part of the phase.

    Acceptances are the lengths of the parts. Works on spectra and on maps.

    Parameters
    ----------
    on_phase, off_phase
        Interval (from, to), or a list of intervals; the first value belongs to the interval, the last does not.
    phase_column_name
        Column of the events with the phase; whole turns are taken off.

    Raises
    ------
    ValueError
        If an interval is empty, or if intervals overlap.

    Examples
    --------
    >>> maker = PhaseBackgroundMaker(on_phase=(0.9, 1.1), off_phase=[(0.3, 0.7)])
    >>> maker.on_phase
    [(0.0, 0.1), (0.9, 1.0)]
    """

    tag = "PhaseBackgroundMaker"

    def __init__(
        self,
        on_phase: Sequence[float] | Sequence[Sequence[float]],
        off_phase: Sequence[float] | Sequence[Sequence[float]],
        phase_column_name: str = "PHASE",
    ):
        self.on_phase = phase_intervals(on_phase, "on_phase")
        self.off_phase = phase_intervals(off_phase, "off_phase")
        phase_intervals([*self.on_phase, *self.off_phase], "on_phase and off_phase")
        self.phase_column_name = phase_column_name

    def __repr__(self) -> str:
        return f"PhaseBackgroundMaker(on_phase={self.on_phase}, off_phase={self.off_phase})"

    def _counts(self, geom: Any, observation: Any, intervals: list[tuple[float, float]]) -> Any:
        events = observation.events
        name = self.phase_column_name
        if name not in events.table.colnames:
            raise ValueError(
                f"observation {observation.obs_id}: the events have no column {name!r}; they have: "
                f"{', '.join(events.table.colnames)}"
            )
        phase = np.asarray(events.table[name], dtype=float) % 1.0
        chosen = np.zeros(len(phase), dtype=bool)
        for low, high in intervals:
            chosen |= (phase >= low) & (phase < high)
        selected = events.select_mask(chosen)
        if isinstance(geom, RegionGeom):
            return make_counts(geom, observation.copy(events=selected))
        return Map.from_geom(geom).fill_events(selected)

    def run(self, dataset: Any, observation: Any) -> Any:
        """Return a dataset with on and off counts.

        Parameters
        ----------
        dataset
            `gjax.datasets.SpectrumDataset` or `gjax.datasets.MapDataset`.
        observation
            `gjax.data.Observation` with phases in its events.

        Raises
        ------
        ValueError
            If the events have no phase.
        """
        from gjax.datasets import MapDatasetOnOff, SpectrumDatasetOnOff

        geom = dataset.counts.geom
        counts = self._counts(geom, observation, self.on_phase)
        counts_off = self._counts(geom, observation, self.off_phase)
        on, off = (sum(high - low for low, high in part) for part in (self.on_phase, self.off_phase))
        given = dataset.copy(name=dataset.name, counts=counts)
        if isinstance(dataset, SpectrumDataset):
            return SpectrumDatasetOnOff.from_spectrum_dataset(given, on, off, counts_off)
        return MapDatasetOnOff.from_map_dataset(given, on, off, counts_off)

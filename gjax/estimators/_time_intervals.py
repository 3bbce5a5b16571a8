"""Which dataset belongs to which interval of a light curve."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.time import Time, TimeDelta

from gjax.data import GTI
from gjax.data.times import seconds_since

__all__ = ["TimeIntervals", "bounds_of_datasets", "place_datasets"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TimeIntervals:
    """Intervals and their datasets.

    Parameters
    ----------
    start, stop
        Ends of the intervals, in increasing order.
    of_dataset
        Number of the interval of every dataset, -1 for none.
    """

    start: Time
    stop: Time
    of_dataset: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def members(self, number: int) -> list[int]:
        """Return the datasets of an interval, as numbers."""
        return np.flatnonzero(self.of_dataset == number).tolist()


def bounds_of_datasets(datasets: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, Time]:
    """Return first start and last end of the good time of every dataset [s] since a time, and that time.

    Raises
    ------
    ValueError
        If a dataset has no good time; the message names it.
    """
    reference: Any = None
    shifts: dict[tuple[float, float, str], float] = {}
    start, stop = np.zeros(len(datasets)), np.zeros(len(datasets))
    for i, dataset in enumerate(datasets):
        gti = getattr(dataset, "gti", None)
        if gti is None or len(gti) == 0:
            raise ValueError(f"dataset {dataset.name!r}: no good time intervals, so it has no place in a light curve")
        zero = gti.time_ref
        reference = zero if reference is None else reference
        key = float(zero.jd1), float(zero.jd2), zero.scale
        if key not in shifts:
            shifts[key] = float(seconds_since(zero, reference))
        start[i] = gti.met_start.value.min() + shifts[key]
        stop[i] = gti.met_stop.value.max() + shifts[key]
    return start, stop, reference


def _own_intervals(start: np.ndarray, stop: np.ndarray, atol: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the intervals of the datasets themselves; datasets taken at the same time share one."""
    order = np.lexsort((stop, start))
    low, high = start[order], stop[order]
    is_new = np.concatenate([[True], (np.diff(low) > atol) | (np.abs(np.diff(high)) > atol)])
    return low[is_new], high[is_new]


def place_datasets(datasets: Sequence[Any], time_intervals: Any, atol: float) -> TimeIntervals:
    """Return the intervals in order of time, and where datasets belong.

    A dataset belongs to the interval in which all of its good time lies. One that belongs to none is left out, which is
    logged.

    Parameters
    ----------
    datasets
        Datasets with good time intervals.
    time_intervals
        Pairs of Time, or `~gjax.data.GTI`; None for the intervals of the datasets.
    atol
        How far good time may reach out of an interval [s].

    Raises
    ------
    ValueError
        If intervals overlap or end before they start, or a dataset has no good time.
    """
    low, high, reference = bounds_of_datasets(datasets)
    if time_intervals is None:
        start, stop = _own_intervals(low, high, atol)
    else:
        given = time_intervals if isinstance(time_intervals, GTI) else _to_gti(time_intervals)
        shift = float(seconds_since(given.time_ref, reference))
        start, stop = given.met_start.value + shift, given.met_stop.value + shift
        order = np.argsort(start, kind="stable")
        start, stop = start[order], stop[order]
    if np.any(stop <= start):
        raise ValueError(f"time_intervals: interval {int(np.argmax(stop <= start))} ends before it starts")
    overlap = start[1:] < stop[:-1] - atol
    if overlap.any():
        first = int(np.argmax(overlap))
        text = f"interval {first} ends {stop[first] - start[first + 1]:.6g} s after the next one starts"
        hint = "; datasets overlap in time: give time_intervals" if time_intervals is None else ""
        raise ValueError(f"time_intervals: intervals overlap, {text}{hint}")
    # an end within atol of a start belongs to the interval after it
    number = np.searchsorted(start, low + atol, side="right") - 1
    safe = np.maximum(number, 0)
    inside = (number >= 0) & (low >= start[safe] - atol) & (high <= stop[safe] + atol)
    lost = [dataset.name for dataset, here in zip(datasets, inside) if not here]
    if lost:
        names = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        log.warning(f"light curve: {len(lost)} datasets lie in none of the intervals and are left out: {names}")
    first, last = (reference + TimeDelta(seconds, format="sec") for seconds in (start, stop))
    return TimeIntervals(first, last, np.where(inside, number, -1))


def _to_gti(time_intervals: Any) -> GTI:
    pairs = list(time_intervals)
    if not pairs:
        raise ValueError("time_intervals: expected at least one pair of Time")
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(time, Time) for time in pair):
            raise ValueError(f"time_intervals: expected pairs of Time, got {pair!r}")
    low, high = Time([pair[0] for pair in pairs]), Time([pair[1] for pair in pairs])
    if np.any(high <= low):
        first = int(np.argmax(high <= low))
        raise ValueError(f"time_intervals: interval {first} ends before it starts")
    return GTI.create(low, high, low[0])

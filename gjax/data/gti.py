"""Good time intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time, TimeDelta

from gjax.data.times import (
    TIME_REF_DEFAULT,
    seconds_since,
    time_ref_from_meta,
    time_ref_to_meta,
    time_unit,
    warn_once,
)
from gjax.errors import DataFormatError
from gjax.fits import get_column, get_hdu, open_fits, read_table, write_fits

__all__ = ["GTI"]


class GTI:
    """A list of time intervals in which data were taken; immutable, every method returns a new list.

    Parameters
    ----------
    table
        Table with columns START and STOP: Time, or seconds relative to ``reference_time``.
    reference_time
        Zero point of the times; by default that of the header in ``table.meta``.

    Raises
    ------
    DataFormatError
        If a column is missing.
    ValueError
        If a time is not finite or an interval ends before it starts.

    Examples
    --------
    >>> gti = GTI.create([0, 50] * u.s, [100, 200] * u.s)
    >>> gti.time_sum, gti.union().time_sum
    (<Quantity 250. s>, <Quantity 200. s>)
    """

    def __init__(self, table: Table, reference_time: Any = None) -> None:
        for name in ("START", "STOP"):
            if name not in table.colnames:
                raise DataFormatError(f"GTI: no column {name!r}; the table has: {', '.join(table.colnames)}")
        reference = time_ref_from_meta(table.meta, "GTI") if reference_time is None else Time(reference_time)
        start, stop = (_column_seconds(table, name, reference) for name in ("START", "STOP"))
        self._set(start, stop, reference)

    def _set(self, start: np.ndarray, stop: np.ndarray, reference: Time) -> None:
        start, stop = np.array(start, dtype=float, ndmin=1), np.array(stop, dtype=float, ndmin=1)
        if start.shape != stop.shape or start.ndim != 1:
            raise ValueError(f"GTI: {start.shape} start times and {stop.shape} stop times do not make intervals")
        if not (np.all(np.isfinite(start)) and np.all(np.isfinite(stop))):
            raise ValueError("GTI: start and stop times must be finite")
        if np.any(stop < start):
            first = int(np.argmax(stop < start))
            raise ValueError(f"GTI: interval {first} stops {start[first] - stop[first]:.6g} s before it starts")
        start.setflags(write=False)
        stop.setflags(write=False)
        self._start, self._stop, self._reference = start, stop, reference

    @classmethod
    def _from_seconds(cls, start: Any, stop: Any, reference: Time) -> GTI:
        gti = cls.__new__(cls)
        gti._set(start, stop, reference)
        return gti

    # ---- constructors and files ----

    @classmethod
    def create(cls, start: Any, stop: Any, reference_time: Any = None) -> GTI:
        """Intervals from start and stop times.

        Parameters
        ----------
        start, stop
            Time, or Quantity relative to ``reference_time``; scalars or arrays.
        reference_time
            Zero point of the times; 2000-01-01 TT by default.
        """
        reference = TIME_REF_DEFAULT if reference_time is None else Time(reference_time)
        start, stop = (u.Quantity(t) if isinstance(t, str) else t for t in (start, stop))
        return cls._from_seconds(seconds_since(start, reference), seconds_since(stop, reference), reference)

    @classmethod
    def from_time_intervals(cls, time_intervals: Sequence[Any], reference_time: Any = None) -> GTI:
        """Intervals from pairs of Time.

        Parameters
        ----------
        time_intervals
            Pairs of start and stop Time.
        reference_time
            Zero point of the times; 2000-01-01 TT by default.
        """
        start, stop = (Time([pair[i] for pair in time_intervals]) for i in (0, 1))
        return cls.create(start, stop, reference_time)

    @classmethod
    def from_stack(cls, gtis: Sequence[GTI]) -> GTI:
        """All intervals of several lists, in order; see `union` to merge them."""
        if not gtis:
            raise ValueError("GTI: nothing to stack")
        first = gtis[0]
        for other in gtis[1:]:
            first = first.stack(other)
        return first

    @classmethod
    def read(cls, path: Any, hdu: str | int = "GTI") -> GTI:
        """Read a GTI extension; see `from_table_hdu`.

        Parameters
        ----------
        path, hdu
            File, and name or number of the extension.
        """
        with open_fits(path) as hdus:
            return cls.from_table_hdu(get_hdu(hdus, hdu, path), path)

    @classmethod
    def from_table_hdu(cls, hdu: Any, path: Any = "") -> GTI:
        """Intervals of a GTI table.

        Lenient: intervals that are not finite or end before they start are dropped, overlapping ones are merged, both
        with a warning, so that no second is counted twice.

        Parameters
        ----------
        hdu
            Table HDU with columns START and STOP.
        path
            File, for messages.

        Raises
        ------
        DataFormatError
            If the HDU is no table, or a column is missing.
        UnitError
            If a column is not a time.
        """
        table, where = read_table(hdu, path), f"{path}: HDU {hdu.name!r}"
        unit = str(time_unit(table.meta, where))
        start, stop = (get_column(table, n, "s", path, hdu.name, default_unit=unit).value for n in ("START", "STOP"))
        good = np.isfinite(start) & np.isfinite(stop) & (stop >= start)
        if not np.all(good):
            number = np.count_nonzero(~good)
            warn_once(__name__, f"{where}: {number} intervals are not finite or end before they start, dropped")
        gti = cls._from_seconds(start[good], stop[good], time_ref_from_meta(table.meta, where))
        if gti.is_overlapping:
            warn_once(__name__, f"{where}: intervals overlap, merged")
            gti = gti.union(merge_equal=False)
        return gti

    def to_table_hdu(self) -> fits.BinTableHDU:
        """GTI table as GADF 0.3 asks for it.

        Raises
        ------
        ValueError
            If intervals overlap (use `union` first).
        """
        if self.is_overlapping:
            raise ValueError("GTI: intervals overlap and cannot be written; merge them with .union()")
        hdu = fits.BinTableHDU(self.table, name="GTI")
        hdu.header["HDUCLASS"] = "GADF"
        hdu.header["HDUDOC"] = "https://gamma-astro-data-formats.readthedocs.io"
        hdu.header["HDUVERS"] = "0.3"
        hdu.header["HDUCLAS1"] = "GTI"
        return hdu

    def write(self, path: Any, *, overwrite: bool = False) -> None:
        """Write the intervals to a FITS file with one GTI extension.

        Parameters
        ----------
        path
            FITS file to write.
        overwrite
            Replace an existing file.
        """
        hdus = fits.HDUList([fits.PrimaryHDU(), self.to_table_hdu()])
        write_fits(hdus, path, overwrite=overwrite)

    # ---- what it holds ----

    @property
    def table(self) -> Table:
        """Table with START and STOP [s] relative to `time_ref`, which is in ``meta``."""
        columns = {"START": u.Quantity(self._start, "s"), "STOP": u.Quantity(self._stop, "s")}
        return Table(columns, meta=time_ref_to_meta(self._reference))

    @property
    def time_ref(self) -> Time:
        """Zero point of the times."""
        return self._reference

    @property
    def met_start(self) -> u.Quantity:
        """Start times relative to `time_ref` [s]."""
        return u.Quantity(self._start, "s")

    @property
    def met_stop(self) -> u.Quantity:
        """Stop times relative to `time_ref` [s]."""
        return u.Quantity(self._stop, "s")

    @property
    def time_start(self) -> Time:
        """Start times."""
        return self._reference + TimeDelta(self._start, format="sec")

    @property
    def time_stop(self) -> Time:
        """Stop times."""
        return self._reference + TimeDelta(self._stop, format="sec")

    @property
    def time_delta(self) -> u.Quantity:
        """Durations [s]."""
        return u.Quantity(self._stop - self._start, "s")

    @property
    def time_sum(self) -> u.Quantity:
        """Sum of the durations [s] (overlaps count twice, see `union`)."""
        return u.Quantity(float(np.sum(self._stop - self._start)), "s")

    @property
    def time_intervals(self) -> list[tuple[Time, Time]]:
        """Pairs of start and stop times."""
        return list(zip(self.time_start, self.time_stop))

    @property
    def is_overlapping(self) -> bool:
        """Whether intervals overlap (touching is not overlapping)."""
        order = np.argsort(self._start, kind="stable")
        stop = np.maximum.accumulate(self._stop[order])
        return bool(np.any(self._start[order][1:] < stop[:-1]))

    def contains(self, times: Any) -> np.ndarray:
        """Whether times (Time, or Quantity relative to `time_ref`) lie in an interval, ends included."""
        seconds = seconds_since(times, self._reference)
        merged = self.union()
        if len(merged) == 0:
            return np.zeros(seconds.shape, dtype=bool)
        index = np.searchsorted(merged._start, seconds, side="right") - 1
        return (index >= 0) & (seconds <= merged._stop[np.maximum(index, 0)])

    # ---- new lists ----

    def copy(self) -> GTI:
        """Return an equal list."""
        return GTI._from_seconds(self._start, self._stop, self._reference)

    def _interval_seconds(self, time_interval: Any) -> tuple[float, float]:
        if len(time_interval) != 2:
            raise ValueError(f"expected a start and a stop time, got {len(time_interval)} values")
        low, high = (float(seconds_since(time, self._reference)) for time in time_interval)
        if not low <= high:
            raise ValueError(f"expected a start before the stop, got {time_interval[0]} and {time_interval[1]}")
        return low, high

    def select_time(self, time_interval: Any, inverted: bool = False) -> GTI:
        """Return what lies inside an interval (outside, if inverted); intervals are cut at its ends.

        Parameters
        ----------
        time_interval
            Start and stop: Time, or Quantity relative to `time_ref`.
        inverted
            Keep what lies outside.

        Examples
        --------
        >>> GTI.create([0] * u.s, [100] * u.s).select_time([20, 50] * u.s).time_sum
        <Quantity 30. s>
        """
        if inverted:
            return self.delete_interval(time_interval)
        low, high = self._interval_seconds(time_interval)
        start, stop = np.maximum(self._start, low), np.minimum(self._stop, high)
        keep = start < stop
        return GTI._from_seconds(start[keep], stop[keep], self._reference)

    def delete_interval(self, time_interval: Any) -> GTI:
        """Return the list without an interval; an interval around it is split in two.

        Examples
        --------
        >>> GTI.create([0] * u.s, [100] * u.s).delete_interval([20, 50] * u.s).time_delta
        <Quantity [20., 50.] s>
        """
        low, high = self._interval_seconds(time_interval)
        start = np.concatenate([self._start, np.maximum(self._start, high)])
        stop = np.concatenate([np.minimum(self._stop, low), self._stop])
        untouched = (self._stop <= low) | (self._start >= high)
        keep = np.concatenate([untouched | (self._start < low), ~untouched & (self._stop > high)])
        stop[: len(self)] = np.where(untouched, self._stop, stop[: len(self)])
        start, stop = start[keep], stop[keep]
        order = np.argsort(start, kind="stable")
        return GTI._from_seconds(start[order], stop[order], self._reference)

    def stack(self, other: GTI) -> GTI:
        """Return the intervals of both lists, relative to this one's `time_ref`; nothing is merged."""
        shift = 0.0 if other.time_ref is self._reference else float(seconds_since(other.time_ref, self._reference))
        start = np.concatenate([self._start, other._start + shift])
        return GTI._from_seconds(start, np.concatenate([self._stop, other._stop + shift]), self._reference)

    def union(self, overlap_ok: bool = True, merge_equal: bool = True) -> GTI:
        """Return sorted intervals in which overlapping ones are merged.

        Parameters
        ----------
        overlap_ok
            Raise if False and intervals overlap.
        merge_equal
            Merge intervals that touch.

        Raises
        ------
        ValueError
            If intervals overlap and ``overlap_ok`` is False.
        """
        if len(self) == 0:
            return self.copy()
        if not overlap_ok and self.is_overlapping:
            raise ValueError("GTI: intervals overlap")
        order = np.argsort(self._start, kind="stable")
        start, stop = self._start[order], np.maximum.accumulate(self._stop[order])
        gap = start[1:] > stop[:-1] if merge_equal else start[1:] >= stop[:-1]
        first = np.concatenate([[True], gap])
        last = np.concatenate([gap, [True]])
        return GTI._from_seconds(start[first], stop[last], self._reference)

    def intersection(self, other: GTI) -> GTI:
        """Return the times that are in both lists.

        Examples
        --------
        >>> GTI.create([0] * u.s, [100] * u.s).intersection(GTI.create([50] * u.s, [150] * u.s)).time_sum
        <Quantity 50. s>
        """
        shift = float(seconds_since(other.time_ref, self._reference))
        mine, theirs = self.union(), other.union()
        start, stop = theirs._start + shift, theirs._stop + shift
        # For each of my intervals, the range of theirs that can overlap it.
        first = np.searchsorted(stop, mine._start, side="right")
        last = np.searchsorted(start, mine._stop, side="left")
        number = np.maximum(last - first, 0)
        index = np.repeat(np.arange(len(mine)), number)
        pick = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + np.repeat(first, number)
        low, high = np.maximum(mine._start[index], start[pick]), np.minimum(mine._stop[index], stop[pick])
        return GTI._from_seconds(low[low < high], high[low < high], self._reference)

    def is_allclose(self, other: GTI, atol: float = 1e-6) -> bool:
        """Whether both hold the same intervals within ``atol`` [s], in the same order.

        Parameters
        ----------
        other
            Other list, with any reference time.
        atol
            Tolerance [s].
        """
        if len(self) != len(other):
            return False
        shift = float(seconds_since(other.time_ref, self._reference))
        pairs = ((self._start, other._start), (self._stop, other._stop))
        return all(np.allclose(mine, theirs + shift, rtol=0, atol=atol) for mine, theirs in pairs)

    def __len__(self) -> int:
        return len(self._start)

    def __repr__(self) -> str:
        if len(self) == 0:
            return "GTI(no intervals)"
        first, last = int(np.argmin(self._start)), int(np.argmax(self._stop))
        span = f"{self.time_start[first].iso} to {self.time_stop[last].iso} {self._reference.scale.upper()}"
        return f"GTI({len(self)} intervals, {self.time_sum.value:.6g} s, {span})"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def _column_seconds(table: Table, name: str, reference: Time) -> np.ndarray:
    column = table[name]
    if isinstance(column, Time):
        return seconds_since(column, reference)
    return get_column(table, name, "s", "GTI table", default_unit=str(time_unit(table.meta, "GTI"))).value

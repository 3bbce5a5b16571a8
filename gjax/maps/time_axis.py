"""An axis of time intervals, which may leave gaps."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.time import Time

from gjax.errors import DataFormatError

__all__ = ["TimeMapAxis"]


class TimeMapAxis:
    """An immutable axis of time intervals in increasing order, without overlap.

    Parameters
    ----------
    edges_min, edges_max
        Start and end of the intervals relative to the reference time (Quantity, or list of strings).
    reference_time
        Zero point (`astropy.time.Time`).
    name
        Name of the axis.
    interp
        "lin".

    Raises
    ------
    ValueError
        If an interval ends before it begins, or intervals overlap.

    Examples
    --------
    >>> axis = TimeMapAxis([0, 20] * u.h, [10, 30] * u.h, Time("2020-03-19", scale="utc"))
    >>> axis.nbin, axis.is_contiguous
    (2, False)
    >>> axis.coord_to_idx(Time(["2020-03-19T05:00", "2020-03-19T15:00", "2020-03-20"]))
    array([ 0, -1,  1])
    """

    node_type = "intervals"

    def __init__(
        self, edges_min: Any, edges_max: Any, reference_time: Time, name: str = "time", interp: str = "lin"
    ) -> None:
        low, high = u.Quantity(edges_min, ndmin=1), u.Quantity(edges_max, ndmin=1)
        if not low.unit.is_equivalent("s") or not high.unit.is_equivalent("s"):
            raise ValueError(f"axis {name!r}: edges are times since the reference, got {low.unit} and {high.unit}")
        high = high.to(low.unit)
        if interp != "lin":
            raise ValueError(f"axis {name!r}: interp is {interp!r}, expected 'lin'")
        if not isinstance(reference_time, Time) or not reference_time.isscalar:
            raise ValueError(f"axis {name!r}: the reference is one Time, got {reference_time!r}")
        if low.ndim != 1 or low.shape != high.shape or low.size == 0:
            raise ValueError(f"axis {name!r}: as many starts as ends are expected, got {low.shape} and {high.shape}")
        if not np.all(np.isfinite(low)) or not np.all(np.isfinite(high)) or np.any(high <= low):
            raise ValueError(f"axis {name!r}: every interval must end after it begins")
        # Adjacent bins that differ by rounding do not overlap.
        if np.any(low[1:] < high[:-1] - 1e-6 * u.s):
            raise ValueError(f"axis {name!r}: intervals must be in increasing order without overlap")
        self._min, self._max = low.astype(float), high.astype(float)
        self._reference, self._name = reference_time, str(name)

    @classmethod
    def from_time_edges(cls, time_min: Time, time_max: Time, unit: Any = "d", name: str = "time") -> TimeMapAxis:
        """Axis from start and end times; the first start is the reference.

        Parameters
        ----------
        time_min, time_max
            Start and end of the intervals.
        unit
            Unit of the edges.
        name
            Name of the axis.
        """
        time_min, time_max = (Time(t).reshape(-1) if Time(t).isscalar else Time(t) for t in (time_min, time_max))
        reference = Time(time_min[0])
        return cls((time_min - reference).to(unit), (time_max - reference).to(unit), reference, name)

    @classmethod
    def from_time_bounds(
        cls, time_min: Time, time_max: Time, nbin: int, unit: Any = "d", name: str = "time"
    ) -> TimeMapAxis:
        """Axis of equal intervals between two times.

        Parameters
        ----------
        time_min, time_max
            First start and last end.
        nbin
            Number of intervals.
        unit
            Unit of the edges.
        name
            Name of the axis.
        """
        edges = np.linspace(0, (time_max - time_min).to_value(unit), int(nbin) + 1)
        return cls(u.Quantity(edges[:-1], unit), u.Quantity(edges[1:], unit), Time(time_min), name)

    @classmethod
    def from_gti(cls, gti: Any, name: str = "time") -> TimeMapAxis:
        """Axis of the intervals of a `~gjax.data.GTI`.

        Parameters
        ----------
        gti
            Good time intervals.
        name
            Name of the axis.
        """
        start, stop = (gti.time_start - gti.time_ref).to("s"), (gti.time_stop - gti.time_ref).to("s")
        return cls(start, stop, gti.time_ref, name)

    @classmethod
    def from_table(cls, table: Table, idx: int = 0) -> TimeMapAxis:
        """Axis from a table of bands in the "gadf" format.

        Parameters
        ----------
        table
            Table with the header in ``meta`` (AXCOLSn, MJDREFI, MJDREFF, TIMESYS).
        idx
            Number of the axis, from 0.
        """
        columns = str(table.meta.get(f"AXCOLS{idx + 1}", "")).split(",")
        if len(columns) != 2 or "MJDREFI" not in table.meta:
            raise DataFormatError(f"axis {idx + 1}: a time axis needs AXCOLS{idx + 1} with two columns, and MJDREFI")
        scale = str(table.meta.get("TIMESYS", "tt")).lower()
        reference = Time(float(table.meta["MJDREFI"]), float(table.meta.get("MJDREFF", 0)), format="mjd", scale=scale)
        unit = table[columns[0]].unit or "s"
        low, high = (np.unique(np.asarray(table[column], dtype=float)) for column in columns)
        return cls(u.Quantity(low, unit), u.Quantity(high, unit), reference, columns[0].replace("_MIN", "").lower())

    # ---- what it holds ----

    @property
    def name(self) -> str:
        """Name of the axis."""
        return self._name

    @property
    def interp(self) -> str:
        """ "lin"."""
        return "lin"

    @property
    def unit(self) -> u.UnitBase:
        """Unit of the edges."""
        return self._min.unit

    @property
    def nbin(self) -> int:
        """Number of intervals."""
        return len(self._min)

    @property
    def reference_time(self) -> Time:
        """Zero point of the edges."""
        return self._reference

    @property
    def edges_min(self) -> u.Quantity:
        """Starts relative to the reference."""
        return self._min

    @property
    def edges_max(self) -> u.Quantity:
        """Ends relative to the reference."""
        return self._max

    @property
    def edges(self) -> u.Quantity:
        """Edges relative to the reference (of contiguous intervals only)."""
        if not self.is_contiguous:
            raise ValueError(f"axis {self._name!r}: intervals with gaps have no common edges")
        return u.Quantity([*self._min.value, self._max.value[-1]], self.unit)

    @property
    def bounds(self) -> u.Quantity:
        """First start and last end (2)."""
        return u.Quantity([self._min[0], self._max[-1]])

    @property
    def bin_width(self) -> u.Quantity:
        """Lengths of the intervals."""
        return self._max - self._min

    @property
    def time_min(self) -> Time:
        """Start times."""
        return self._reference + self._min

    @property
    def time_max(self) -> Time:
        """End times."""
        return self._reference + self._max

    @cached_property
    def time_mid(self) -> Time:
        """Times in the middle of the intervals."""
        return self._reference + 0.5 * (self._min + self._max)

    @property
    def time_delta(self) -> Any:
        """Lengths of the intervals, as TimeDelta."""
        return self.time_max - self.time_min

    @property
    def center(self) -> Time:
        """Times in the middle of the intervals."""
        return self.time_mid

    @property
    def time_bounds(self) -> Time:
        """First start and last end time (2)."""
        return self._reference + self.bounds

    @property
    def is_contiguous(self) -> bool:
        """Whether every interval begins where the one before ends."""
        return bool(np.all(np.abs((self._min[1:] - self._max[:-1]).to_value("s")) < 1e-6))

    @property
    def is_energy_axis(self) -> bool:
        """False."""
        return False

    # ---- coordinates ----

    def _values(self, coord: Any) -> np.ndarray:
        if isinstance(coord, Time):
            return np.atleast_1d((coord - self._reference).to_value(self.unit))
        return np.atleast_1d(u.Quantity(coord, self.unit).value)

    def coord_to_idx(self, coord: Any, clip: bool = False) -> np.ndarray:
        """Number of the interval that holds each time, -1 outside.

        Parameters
        ----------
        coord
            Times, or Quantity relative to the reference.
        clip
            Put times before the first or after the last interval into it.
        """
        values = self._values(coord)
        if clip:
            values = np.clip(values, self._min.value[0], np.nextafter(self._max.value[-1], -np.inf))
        idx = np.searchsorted(self._min.value, values, side="right") - 1
        inside = (idx >= 0) & (values < self._max.value[np.maximum(idx, 0)])
        return np.where(inside, idx, -1)

    def coord_to_pix(self, coord: Any) -> np.ndarray:
        """Continuous bin coordinate of times: the middle of interval i is i; NaN outside.

        Parameters
        ----------
        coord
            Times, or Quantity relative to the reference.
        """
        values, idx = self._values(coord), self.coord_to_idx(coord)
        here = np.maximum(idx, 0)
        fraction = (values - self._min.value[here]) / self.bin_width.value[here]
        return np.where(idx >= 0, idx + fraction - 0.5, np.nan)

    def pix_to_coord(self, pix: Any) -> Time:
        """Times of continuous bin coordinates, the inverse of `coord_to_pix`.

        Parameters
        ----------
        pix
            Bin coordinates, from -0.5 to nbin - 0.5.
        """
        pix = np.asarray(pix, dtype=float)
        idx = np.clip(np.floor(pix + 0.5), 0, self.nbin - 1).astype(int)
        return self._reference + self._min[idx] + (pix + 0.5 - idx) * self.bin_width[idx]

    # ---- derived axes ----

    def copy(self, **changes: Any) -> TimeMapAxis:
        """Return the axis with ``edges_min``, ``edges_max``, ``reference_time`` or ``name`` changed."""
        kept = {"edges_min": self._min, "edges_max": self._max, "reference_time": self._reference, "name": self._name}
        return TimeMapAxis(**{**kept, **changes})

    def rename(self, new_name: str) -> TimeMapAxis:
        """Return the axis under another name."""
        return self.copy(name=new_name)

    def slice(self, idx: slice) -> TimeMapAxis:
        """Return the intervals selected by a slice."""
        return self.copy(edges_min=self._min[idx], edges_max=self._max[idx])

    def squash(self) -> TimeMapAxis:
        """Return one interval from the first start to the last end."""
        return self.copy(edges_min=self._min[:1], edges_max=self._max[-1:])

    def upsample(self, factor: int) -> TimeMapAxis:
        """Not possible."""
        raise ValueError("intervals of time cannot be split")

    def downsample(self, factor: int) -> TimeMapAxis:
        """Not possible."""
        raise ValueError("intervals of time cannot be merged by number")

    def is_allclose(self, other: Any, rtol: float = 1e-5, atol: float = 1e-6) -> bool:
        """Whether the other axis has the same name and intervals.

        Parameters
        ----------
        other
            Other axis.
        rtol
            Ignored: times are compared absolutely.
        atol
            Tolerance [s].
        """
        if not isinstance(other, TimeMapAxis):
            return False
        if (self._name, self.nbin) != (other.name, other.nbin):
            return False
        pairs = ((self.time_min, other.time_min), (self.time_max, other.time_max))
        return all(bool(np.all(np.abs((a - b).to_value("s")) <= max(atol, 1e-6))) for a, b in pairs)

    def __eq__(self, other: object) -> bool:
        return self is other or self.is_allclose(other)

    def __hash__(self) -> int:
        return hash((self._name, self.nbin))

    def __repr__(self) -> str:
        first, last = self.time_bounds
        return f"TimeMapAxis(name={self._name!r}, nbin={self.nbin}, {first.iso} to {last.iso} {first.scale})"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def time_keywords(axis: TimeMapAxis) -> dict[str, Any]:
    """FITS keywords of the reference time.

    Parameters
    ----------
    axis
        Axis.

    Examples
    --------
    >>> axis = TimeMapAxis([0] * u.s, [1] * u.s, Time(55555.5, format="mjd", scale="tt"))
    >>> time_keywords(axis)["MJDREFI"], time_keywords(axis)["MJDREFF"]
    (55555, 0.5)
    """
    mjd = axis.reference_time.mjd
    whole = int(np.floor(mjd))
    start = Time(whole, format="mjd", scale=axis.reference_time.scale)
    fraction = float((axis.reference_time - start).to_value("d"))
    return {
        "MJDREFI": whole,
        "MJDREFF": fraction,
        "TIMESYS": axis.reference_time.scale.upper(),
        "TIMEUNIT": axis.unit.to_string("fits"),
    }

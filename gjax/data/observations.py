"""Several observations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import astropy.units as u
import numpy as np
from astropy.table import QTable

from gjax.data.observation import Observation

__all__ = ["Observations"]


class Observations(Sequence[Observation]):
    """An immutable list of observations, indexed by position, or by number given as text.

    Parameters
    ----------
    observations
        The observations; parts of one observation, as `select_time` makes them, may share its number.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> many = Observations([Observation.create(crab, livetime="1 h", obs_id=i) for i in (5, 7)])
    >>> many["7"].obs_id, many.ids
    (7, ['5', '7'])
    """

    def __init__(self, observations: Sequence[Observation] = ()) -> None:
        self._observations = tuple(observations)
        for item in self._observations:
            if not isinstance(item, Observation):
                raise TypeError(f"expected Observation objects, got {type(item).__name__}")

    @property
    def ids(self) -> list[str]:
        """Numbers of the observations, as text."""
        return [str(observation.obs_id) for observation in self._observations]

    @overload
    def __getitem__(self, index: int | str) -> Observation: ...
    @overload
    def __getitem__(self, index: slice | list[Any]) -> Observations: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            if index not in self.ids:
                raise KeyError(f"no observation {index!r}; there are: {', '.join(self.ids)}")
            return self._observations[self.ids.index(index)]
        if isinstance(index, slice):
            return Observations(self._observations[index])
        if isinstance(index, list | np.ndarray):
            picked = np.asarray(index)
            picked = np.flatnonzero(picked) if picked.dtype == bool else picked
            return Observations([self[i if isinstance(i, str) else int(i)] for i in picked.tolist()])
        return self._observations[index]

    def __len__(self) -> int:
        return len(self._observations)

    def __iter__(self) -> Iterator[Observation]:
        return iter(self._observations)

    def __contains__(self, value: object) -> bool:
        return value in self.ids if isinstance(value, str) else value in self._observations

    def __add__(self, other: Sequence[Observation]) -> Observations:
        return Observations([*self._observations, *other])

    @classmethod
    def from_stack(cls, lists: Sequence[Observations]) -> Observations:
        """All observations of several lists."""
        return cls([observation for item in lists for observation in item])

    def select_time(self, time_intervals: Any) -> Observations:
        """Return the parts inside one time interval or several (pairs of Time); empty parts are left out."""
        is_one = getattr(time_intervals[0], "isscalar", False)
        intervals = [time_intervals] if is_one else list(time_intervals)
        selected = []
        for interval in intervals:
            for observation in self:
                if len(observation.gti.select_time(interval)):
                    selected.append(observation.select_time(interval))
        return Observations(selected)

    def info_table(self) -> QTable:
        """Table with number, telescope, start, times and pointing; reads headers and good time intervals."""
        rows = list(self)
        pointing = [observation.get_pointing_icrs() for observation in rows]
        table = QTable()
        table["OBS_ID"] = [observation.obs_id for observation in rows]
        table["TELESCOP"] = [str(observation.meta.get("TELESCOP", "")) for observation in rows]
        table["START"] = [observation.tstart.iso for observation in rows]
        table["ONTIME"] = u.Quantity([observation.observation_time_duration for observation in rows], "s")
        table["LIVETIME"] = u.Quantity([observation.observation_live_time_duration for observation in rows], "s")
        table["RA_PNT"] = u.Quantity([position.ra.deg for position in pointing], "deg")
        table["DEC_PNT"] = u.Quantity([position.dec.deg for position in pointing], "deg")
        return table

    def __repr__(self) -> str:
        shown = self.ids if len(self) <= 12 else [*self.ids[:10], "...", self.ids[-1]]
        return f"Observations({len(self)}: {', '.join(shown)})"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"

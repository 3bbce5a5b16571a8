"""Coordinates on a map: places on the sky and one array per axis, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord, frame_transform_graph

__all__ = ["MapCoord", "lonlat_deg"]


def lonlat_deg(position: SkyCoord, frame: Any) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of positions in a frame [deg].

    Parameters
    ----------
    position
        Positions in any frame.
    frame
        Frame object; no transformation is done where it is the frame of the positions.

    Examples
    --------
    >>> from astropy.coordinates import ICRS
    >>> lonlat_deg(SkyCoord([10.0, 20.0], [1.0, 2.0], unit="deg"), ICRS())[0]
    array([10., 20.])
    """
    if position.frame.name != frame.name or not position.is_equivalent_frame(frame):
        position = position.transform_to(frame)
    data = position.data if hasattr(position.data, "lon") else position.spherical
    return data.lon.to_value("deg"), data.lat.to_value("deg")


class MapCoord(Mapping[str, Any]):
    """Coordinates by name: "lon" and "lat" in a frame, and one array or Quantity per axis.

    The arrays broadcast against each other. "skycoord" is understood as well and gives the places as SkyCoord.

    Parameters
    ----------
    data
        Mapping with "lon" and "lat" [deg or Quantity] and the coordinates of the axes.
    frame
        Name of the frame of "lon" and "lat"; None means that of the geometry they are used with.

    Raises
    ------
    ValueError
        If "lon" or "lat" is missing.

    Examples
    --------
    >>> coords = MapCoord.create({"skycoord": SkyCoord([83.6], [22.0], unit="deg"), "energy": [1.0] * u.TeV})
    >>> coords.lon, coords["energy"], coords.shape
    (<Quantity [83.6] deg>, <Quantity [1.] TeV>, (1,))
    """

    def __init__(self, data: Mapping[str, Any], frame: str | None = None) -> None:
        if "lon" not in data or "lat" not in data:
            raise ValueError(f"coordinates need 'lon' and 'lat', or 'skycoord'; given: {list(data)}")
        self._data = {name: _array(value, "deg" if name in ("lon", "lat") else None) for name, value in data.items()}
        self._frame = frame

    @classmethod
    def create(cls, data: Any, frame: str | None = None, axis_names: Sequence[str] | None = None) -> MapCoord:
        """Coordinates from whatever describes them.

        Parameters
        ----------
        data
            MapCoord, mapping with "skycoord" (or "lon" and "lat"), SkyCoord, or tuple ``(lon, lat, axis 0, ...)`` or
            ``(skycoord, axis 0, ...)``.
        frame
            Frame wanted: positions given with a frame are transformed to it; plain lon and lat are taken to be in it.
        axis_names
            Names of the axes of a tuple.

        Raises
        ------
        TypeError
            If ``data`` is none of these.
        """
        if isinstance(data, MapCoord):
            return data if frame is None or data.frame in (None, frame) else data.to_frame(frame)
        if isinstance(data, SkyCoord):
            data = (data,)
        if isinstance(data, tuple | list):
            first = 1 if len(data) and isinstance(data[0], SkyCoord) else 2
            names = list(axis_names or [f"axis{i}" for i in range(len(data) - first)])
            if len(names) < len(data) - first:
                raise ValueError(f"{len(data) - first} coordinates for the axes {names}")
            head = {"skycoord": data[0]} if first == 1 else dict(zip(("lon", "lat"), data))
            data = {**head, **dict(zip(names, data[first:]))}
        if not isinstance(data, Mapping):
            raise TypeError(f"expected coordinates as mapping, tuple, SkyCoord or MapCoord, got {type(data).__name__}")
        data = dict(data)
        if data.get("skycoord") is not None:
            position = data.pop("skycoord")
            frame = frame or position.frame.name
            lon, lat = lonlat_deg(position, _frame_object(frame))
            data = {"lon": lon, "lat": lat, **{k: v for k, v in data.items() if k not in ("lon", "lat")}}
        return cls(data, frame=frame)

    @property
    def frame(self) -> str | None:
        """Name of the frame of the places."""
        return self._frame

    @property
    def lon(self) -> u.Quantity:
        """Longitude."""
        return self._data["lon"]

    @property
    def lat(self) -> u.Quantity:
        """Latitude."""
        return self._data["lat"]

    @cached_property
    def skycoord(self) -> SkyCoord:
        """Places on the sky."""
        return SkyCoord(self.lon, self.lat, frame=self._frame or "icrs", copy=False)

    @property
    def axis_names(self) -> list[str]:
        """Names of the coordinates."""
        return list(self._data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape that the arrays broadcast to."""
        return np.broadcast_shapes(*(value.shape for value in self._data.values()))

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return int(np.prod(self.shape))

    @property
    def ndim(self) -> int:
        """Number of coordinates per point."""
        return len(self._data)

    @property
    def broadcasted(self) -> MapCoord:
        """The coordinates with all arrays in the common shape (read-only views)."""
        shape = self.shape
        return MapCoord({k: np.broadcast_to(v, shape, subok=True) for k, v in self._data.items()}, self._frame)

    @property
    def flat(self) -> MapCoord:
        """One-dimensional arrays of the points whose place is finite."""
        full = self.broadcasted
        return full.apply_mask(np.isfinite(full.lon))

    def apply_mask(self, mask: np.ndarray) -> MapCoord:
        """Return the points selected by a mask or an index.

        Parameters
        ----------
        mask
            Bool array in the common shape, or any index of it.
        """
        return MapCoord({k: v[mask] for k, v in self.broadcasted.items()}, self._frame)

    def to_frame(self, frame: str) -> MapCoord:
        """Return the coordinates in another frame ("icrs", "galactic", "fk5")."""
        if frame == self._frame:
            return self
        lon, lat = lonlat_deg(self.skycoord, _frame_object(frame))
        return MapCoord({**self._data, "lon": lon, "lat": lat}, frame)

    def __getitem__(self, name: str) -> Any:
        if name == "skycoord":
            return self.skycoord
        try:
            return self._data[name]
        except KeyError:
            raise KeyError(f"no coordinate {name!r}; there are: {', '.join(self._data)}") from None

    def __contains__(self, name: object) -> bool:
        return name == "skycoord" or name in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"MapCoord({', '.join(self._data)}; shape {self.shape}, frame {self._frame})"


def _array(value: Any, unit: str | None) -> Any:
    if isinstance(value, str):
        value = u.Quantity(value)
    if not isinstance(value, u.Quantity) and unit is not None:
        value = u.Quantity(np.asarray(value, dtype=float), unit, copy=False)
    elif unit is not None and value.unit != unit:
        value = value.to(unit)
    if isinstance(value, u.Quantity) or not hasattr(value, "shape"):
        return np.atleast_1d(value)
    # Times stay what they are.
    return np.atleast_1d(value) if isinstance(value, np.ndarray) else value


def _frame_object(name: str) -> Any:
    frame = frame_transform_graph.lookup_name(name)
    if frame is None:
        raise ValueError(f"unknown frame {name!r}: expected 'icrs', 'galactic' or 'fk5'")
    return frame()

"""Lists of detected events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Column, Table
from astropy.time import Time, TimeDelta

from gjax.data.pointing import FixedPointingInfo, location_from_meta
from gjax.data.times import seconds_since, time_ref_from_meta, time_ref_to_meta, time_unit
from gjax.errors import DataFormatError, UnitError
from gjax.fits import get_column, get_hdu, open_fits, read_table, write_fits

__all__ = ["EventList"]

# Column: unit it must convert to, and the unit assumed where the file gives none.
REQUIRED = {"TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV"}


class EventList:
    """Events with time, direction and energy; immutable, every selection returns a new list.

    Parameters
    ----------
    table
        Table with the columns TIME, RA, DEC, ENERGY and any others; the header in ``table.meta``.
    source
        File and HDU that the table came from, for messages.

    Raises
    ------
    DataFormatError
        If a required column is missing.
    UnitError
        If its unit is of the wrong kind.

    Examples
    --------
    >>> columns = {"TIME": [1.0, 2.0] * u.s, "RA": [83.6, 84.0] * u.deg, "DEC": [22.0, 22.1] * u.deg}
    >>> meta = {"MJDREFI": 51910, "MJDREFF": 0.0, "TIMESYS": "TT", "RA_PNT": 83.6, "DEC_PNT": 22.0}
    >>> events = EventList(Table({**columns, "ENERGY": [1.0, 5.0] * u.TeV}, meta=meta))
    >>> len(events.select_energy(["2 TeV", "10 TeV"])), len(events.select_offset(["0 deg", "0.1 deg"]))
    (1, 1)
    """

    def __init__(self, table: Table, source: str = "") -> None:
        self._source = source
        for name, unit in REQUIRED.items():
            if name not in table.colnames:
                has = ", ".join(table.colnames) or "none"
                raise DataFormatError(f"{source or 'events'}: no column {name!r}; there are: {has}")
            given = table[name].unit
            if given is not None and not u.Unit(given).is_equivalent(unit):
                message = f"column {name!r} is in {str(given)!r}, expected a unit like {unit!r}"
                raise UnitError(f"{source or 'events'}: {message}")
        self._table = table

    # ---- files ----

    @classmethod
    def read(cls, path: Any, hdu: str | int = "EVENTS") -> EventList:
        """Read an event list (GADF, or OGIP as Fermi-LAT writes it) from a FITS file, plain or gzipped.

        Parameters
        ----------
        path, hdu
            File, and name or number of the extension.

        Raises
        ------
        MissingDataError
            If file or HDU do not exist.
        DataFormatError, UnitError
            If the file is damaged, a column is missing, or a unit is of the wrong kind.
        """
        with open_fits(path) as hdus:
            return cls.from_table_hdu(get_hdu(hdus, hdu, path), path)

    @classmethod
    def from_table_hdu(cls, hdu: Any, path: Any = "") -> EventList:
        """Event list of a table HDU; ``path`` is for messages.

        Parameters
        ----------
        hdu
            Table HDU.
        path
            File, for messages.
        """
        return cls(read_table(hdu, path), f"{path}: HDU {hdu.name!r}")

    def to_table_hdu(self) -> fits.BinTableHDU:
        """FITS table with the header that is in ``table.meta``."""
        table = self._table.copy(copy_data=False)
        for name, unit in REQUIRED.items():
            table[name].unit = table[name].unit or unit
        return fits.BinTableHDU(table, name="EVENTS")

    def write(self, path: Any, gti: Any = None, *, overwrite: bool = False) -> None:
        """Write the events, and their good time intervals if given, to a FITS file.

        Parameters
        ----------
        path
            FITS file to write.
        gti
            Good time intervals (`GTI`) for a second extension.
        overwrite
            Replace an existing file.
        """
        hdus = fits.HDUList([fits.PrimaryHDU(), self.to_table_hdu()])
        if gti is not None:
            hdus.append(gti.to_table_hdu())
        write_fits(hdus, path, overwrite=overwrite)

    # ---- what it holds ----

    @property
    def table(self) -> Table:
        """The table; change a copy, not this one."""
        return self._table

    @property
    def meta(self) -> dict[str, Any]:
        """Header keywords."""
        return self._table.meta

    def column(self, name: str, unit: Any = None, default_unit: str | None = None) -> Any:
        """Values of a column, as a Quantity if ``unit`` is given.

        Parameters
        ----------
        name
            Name of the column.
        unit
            Unit to convert to; None gives the plain array.
        default_unit
            Unit assumed where the column has none.

        Raises
        ------
        DataFormatError, UnitError
            If it is missing, or cannot be converted.
        """
        file, _, hdu = self._source.partition(": HDU ")
        return get_column(self._table, name, unit, file or "events", hdu.strip("'"), default_unit)

    @cached_property
    def energy(self) -> u.Quantity:
        """Reconstructed energies, in the unit of the file."""
        unit = self._table["ENERGY"].unit or self.meta.get("EUNIT") or "TeV"
        return self.column("ENERGY", unit, default_unit=str(unit))

    @cached_property
    def radec(self) -> SkyCoord:
        """Directions in ICRS (FK5 J2000 in a header is taken as ICRS: they differ by milliarcseconds)."""
        ra, dec = (self.column(name, "deg", default_unit="deg") for name in ("RA", "DEC"))
        return SkyCoord(ra, dec, frame="icrs")

    @property
    def galactic(self) -> SkyCoord:
        """Directions in galactic coordinates."""
        return self.radec.galactic

    @cached_property
    def time_ref(self) -> Time:
        """Zero point of the times."""
        return time_ref_from_meta(self.meta, self._source or "events")

    @cached_property
    def met(self) -> u.Quantity:
        """Times relative to `time_ref` [s]."""
        return self.column("TIME", "s", default_unit=str(time_unit(self.meta, self._source)))

    @cached_property
    def time(self) -> Time:
        """Times."""
        return self.time_ref + TimeDelta(self.met.value, format="sec")

    @cached_property
    def pointing_radec(self) -> SkyCoord:
        """Direction in which the telescopes pointed (one per event for drift observations)."""
        pointing = FixedPointingInfo.from_fits_header(self.meta, self._source)
        if pointing.fixed_icrs is not None:
            return pointing.fixed_icrs
        return pointing.get_icrs(self.time, location_from_meta(self.meta))

    @cached_property
    def offset(self) -> u.Quantity:
        """Angular distance from the pointing direction [deg]."""
        return u.Quantity(self.radec.separation(self.pointing_radec).deg, "deg")

    @property
    def observation_time_duration(self) -> u.Quantity:
        """Time between first and last event, or ONTIME if the header has it [s]."""
        if "ONTIME" in self.meta:
            return u.Quantity(float(self.meta["ONTIME"]), "s")
        return np.ptp(self.met) if len(self) else u.Quantity(0.0, "s")

    def map_coord(self, geom: Any) -> dict[str, Any]:
        """Coordinates of the events on a map geometry.

        Parameters
        ----------
        geom
            Anything with ``axes``. The axis "energy" takes ENERGY, "offset" the offset, one of times the times of the
            events, any other the column of that name (upper case).

        Returns
        -------
        coords
            "skycoord" and one array or Quantity per axis.
        """
        coords: dict[str, Any] = {"skycoord": self.radec}
        for axis in geom.axes:
            if axis.name in ("energy", "offset"):
                coords[axis.name] = getattr(self, axis.name)
                continue
            if getattr(axis, "reference_time", None) is not None:
                coords[axis.name] = self.time
                continue
            name = axis.name if axis.name in self._table.colnames else axis.name.upper()
            name = "MC_ENERGY" if name == "ENERGY_TRUE" and name not in self._table.colnames else name
            coords[axis.name] = self.column(name, axis.unit, default_unit=str(axis.unit))
        return coords

    def with_defaults(self, meta: Mapping[str, Any]) -> EventList:
        """Return the list with keywords added that its header lacks.

        Parameters
        ----------
        meta
            Keywords, such as those of an index table.
        """
        missing = {key: value for key, value in meta.items() if key not in self.meta}
        if not missing:
            return self
        table = self._table.copy(copy_data=False)
        table.meta.update(missing)
        return EventList(table, self._source)

    # ---- selections ----

    def select_mask(self, mask: Any) -> EventList:
        """Return the events where a bool array is True."""
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (len(self),):
            raise ValueError(f"expected {len(self)} booleans, got {mask.dtype} of shape {mask.shape}")
        return EventList(self._table[mask], self._source)

    def select_row_subset(self, rows: Any) -> EventList:
        """Return rows by a slice, indices or a mask."""
        return EventList(self._table[rows], self._source)

    def select_energy(self, energy_range: Any) -> EventList:
        """Return events with energies in [min, max).

        Parameters
        ----------
        energy_range
            Two energies, Quantity or strings.
        """
        low, high = _pair(energy_range, self.energy.unit, "energy range")
        return self.select_mask((self.energy.value >= low) & (self.energy.value < high))

    def select_time(self, time_interval: Any) -> EventList:
        """Return events with times in [start, stop).

        Parameters
        ----------
        time_interval
            Two times, Time or Quantity relative to `time_ref`.
        """
        if len(time_interval) != 2:
            raise ValueError(f"expected a start and a stop time, got {len(time_interval)} values")
        low, high = (float(seconds_since(time, self.time_ref)) for time in time_interval)
        return self.select_mask((self.met.value >= low) & (self.met.value < high))

    def select_gti(self, gti: Any) -> EventList:
        """Return events inside good time intervals."""
        return self.select_mask(gti.contains(self.time))

    def select_region(self, region: Any, wcs: Any = None) -> EventList:
        """Return events inside a region (anything that `~gjax.maps.RegionGeom.create` understands, or a geometry).

        Parameters
        ----------
        region
            Sky region, DS9 string, list of them, or geometry.
        wcs
            Projection in which the region is defined; by default tangential around its centre.
        """
        from gjax.maps import RegionGeom

        geom = region if isinstance(region, RegionGeom) else RegionGeom.create(region, wcs=wcs)
        return self.select_mask(geom.contains(self.radec))

    def select_offset(self, offset_band: Any) -> EventList:
        """Return events with offsets from the pointing in [min, max), Quantity or strings."""
        low, high = _pair(offset_band, u.deg, "offset band")
        return self.select_mask((self.offset.value >= low) & (self.offset.value < high))

    def select_rad_max(self, rad_max: Any, position: SkyCoord | None = None) -> EventList:
        """Return events nearer to a position than a radius that depends on energy and offset.

        Parameters
        ----------
        rad_max
            A `~gjax.irf.RadMax2D`, evaluated at the offset of the position and the energy of each event.
        position
            The position; by default the pointing.
        """
        position = self.pointing_radec if position is None else position
        offset = position.separation(self.pointing_radec)
        radius = rad_max.evaluate(energy=self.energy, offset=u.Quantity(offset.deg, "deg"), method="nearest")
        return self.select_mask(self.radec.separation(position).deg <= u.Quantity(radius).to_value("deg"))

    def select_parameter(self, parameter: str, values: Any, is_range: bool = True) -> EventList:
        """Return events by a column.

        Parameters
        ----------
        parameter
            Name of the column.
        values
            Two limits [min, max), or with ``is_range=False`` the allowed values.
        is_range
            What ``values`` are.
        """
        unit = self._table[parameter].unit if parameter in self._table.colnames else None
        column = np.asarray(u.Quantity(self.column(parameter, unit)).value if unit else self.column(parameter))
        if not is_range:
            wanted = values.to_value(unit) if isinstance(values, u.Quantity) else values
            return self.select_mask(np.isin(column, np.asarray(wanted)))
        low, high = _pair(values, unit or u.dimensionless_unscaled, f"range of {parameter!r}")
        return self.select_mask((column >= low) & (column < high))

    # ---- several lists ----

    @classmethod
    def from_stack(cls, event_lists: Sequence[EventList]) -> EventList:
        """All events of several lists; columns that some of them lack are dropped, the first header is kept.

        Times are converted to the reference of the first list.
        """
        if not event_lists:
            raise ValueError("no event lists to stack")
        first = event_lists[0]
        names = [name for name in first.table.colnames if all(name in e.table.colnames for e in event_lists)]
        table = Table(meta={**first.meta, **time_ref_to_meta(first.time_ref)})
        for name in names:
            if name == "TIME":
                parts = [e.met.value + float(seconds_since(e.time_ref, first.time_ref)) for e in event_lists]
                table[name] = Column(np.concatenate(parts), unit="s")
                continue
            unit = first.table[name].unit
            values = [
                np.asarray(e.column(name, unit, str(unit)).value if unit else e.column(name)) for e in event_lists
            ]
            table[name] = Column(np.concatenate(values), unit=unit)
        table.meta.pop("TIMEZERO", None)
        return cls(table, first._source)

    def stack(self, other: EventList) -> EventList:
        """Return the events of both lists; see `from_stack`."""
        return EventList.from_stack([self, other])

    def copy(self) -> EventList:
        """Return an equal list with its own table."""
        return EventList(self._table.copy(), self._source)

    def peek(self, figure: Any = None) -> Any:
        """Plot energies, times, offsets and directions in one figure (a new one if None) and return it."""
        from gjax.plot import peek_events

        return peek_events(self, figure=figure)

    def plot_image(self, ax: Any = None, **options: Any) -> Any:
        """Plot the events on the sky, options as for `gjax.plot.plot_counts_map`; return the axes."""
        from gjax.plot import plot_events_map

        return plot_events_map(self, ax=ax, **options)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        obs = f", obs_id {self.meta['OBS_ID']}" if "OBS_ID" in self.meta else ""
        if len(self) == 0:
            return f"EventList(no events{obs})"
        finite = self.energy.value[np.isfinite(self.energy.value)]
        limits = f"{finite.min():.4g} to {finite.max():.4g} {self.energy.unit}" if len(finite) else "no finite energy"
        return f"EventList({len(self)} events, {limits}{obs})"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def _pair(values: Any, unit: Any, what: str) -> tuple[float, float]:
    """Two limits as numbers in ``unit``."""
    if len(values) != 2:
        raise ValueError(f"{what}: expected two limits, got {len(values)}")
    try:
        low, high = (float(u.Quantity(value).to_value(unit)) for value in values)
    except (u.UnitConversionError, TypeError) as error:
        raise UnitError(f"{what}: got {values!r}, expected limits in a unit like {str(unit)!r}") from error
    if not low <= high:
        raise ValueError(f"{what}: the lower limit {low:g} is above the upper limit {high:g}")
    return low, high

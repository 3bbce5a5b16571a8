"""One observation: events, good time intervals, responses and pointing, read when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

from gjax.data.event_list import EventList
from gjax.data.files import IRF_TYPES, FitsFile, HDULocation, find_locations
from gjax.data.gti import GTI
from gjax.data.pointing import FixedPointingInfo, PointingMode, location_from_meta, location_to_meta
from gjax.data.times import TIME_REF_DEFAULT, seconds_since, time_ref_to_meta, warn_once
from gjax.errors import MissingDataError

__all__ = ["Observation"]

PARTS = ("events", "gti", *IRF_TYPES)


class Observation:
    """Events, good time intervals, responses and pointing of one observation.

    Immutable; what is given as an `HDULocation` is read at the first access.

    Parameters
    ----------
    obs_id
        Number of the observation.
    events, gti, aeff, edisp, psf, bkg, rad_max
        The parts, or their locations; None where there is none.
    pointing
        Pointing; by default that of the header.
    meta
        Header keywords (RA_PNT, DEADC, TELESCOP ...); by default those of the events.
    defaults
        Keywords to use where the header of the events has none, such as those of the index table.

    Examples
    --------
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> obs = Observation.create(crab, livetime="1 h", deadtime_fraction=0.1, obs_id=7)
    >>> obs.observation_time_duration, obs.observation_live_time_duration
    (<Quantity 3600. s>, <Quantity 3240. s>)
    """

    def __init__(
        self,
        obs_id: int | None = None,
        events: Any = None,
        gti: Any = None,
        aeff: Any = None,
        edisp: Any = None,
        psf: Any = None,
        bkg: Any = None,
        rad_max: Any = None,
        pointing: FixedPointingInfo | None = None,
        meta: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        parts = (events, gti, aeff, edisp, psf, bkg, rad_max)
        self._parts: dict[str, Any] = dict(zip(PARTS, parts))
        self._obs_id, self._pointing, self._meta = obs_id, pointing, meta
        self._defaults = dict(defaults or {})
        self._loaded: dict[str, Any] = {}

    # ---- constructors ----

    @classmethod
    def create(
        cls,
        pointing: Any,
        livetime: Any = None,
        tstart: Any = None,
        tstop: Any = None,
        irfs: Mapping[str, Any] | None = None,
        deadtime_fraction: float = 0.0,
        reference_time: Any = None,
        location: EarthLocation | None = None,
        obs_id: int = 0,
        events: EventList | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Observation:
        """Observation without a file, for simulations.

        Parameters
        ----------
        pointing
            `FixedPointingInfo`, or the pointing position.
        livetime
            Duration from ``tstart`` if ``tstop`` is not given (before the dead time is taken off).
        tstart, tstop
            Time, or Quantity relative to ``reference_time``; ``tstart`` is the reference time by default.
        irfs
            Responses by type: "aeff", "edisp", "psf", "bkg", "rad_max".
        deadtime_fraction
            Part of the time in which no event could be recorded, in [0, 1].
        reference_time
            Zero point of the times, 2000-01-01 TT by default.
        location
            Place of the observatory.
        obs_id
            Number of the observation.
        events
            Event list.
        meta
            More header keywords.

        Raises
        ------
        ValueError
            If neither ``livetime`` nor ``tstop`` is given, or a number is out of range.
        """
        if not 0 <= deadtime_fraction <= 1:
            raise ValueError(f"deadtime_fraction is {deadtime_fraction}, expected a number from 0 to 1")
        if unknown := set(irfs or {}) - set(IRF_TYPES):
            raise ValueError(f"unknown responses {sorted(unknown)}; expected some of {', '.join(IRF_TYPES)}")
        pointing = pointing if isinstance(pointing, FixedPointingInfo) else FixedPointingInfo(fixed_icrs=pointing)
        reference = TIME_REF_DEFAULT if reference_time is None else Time(reference_time)
        start = 0.0 if tstart is None else float(seconds_since(tstart, reference))
        if tstop is None and livetime is None:
            raise ValueError("give livetime or tstop")
        duration = 0.0 if livetime is None else u.Quantity(livetime).to_value("s")
        stop = start + duration if tstop is None else float(seconds_since(tstop, reference))
        gti = GTI.create(start * u.s, stop * u.s, reference)
        header = {"OBS_ID": int(obs_id), **pointing.to_fits_header(), **time_ref_to_meta(reference)}
        header |= _exposure_keywords(gti, 1 - deadtime_fraction)
        header |= location_to_meta(location) if location is not None else {}
        return cls(int(obs_id), events, gti, **(irfs or {}), pointing=pointing, meta={**header, **(meta or {})})

    @classmethod
    def read(cls, event_file: Any, irf_file: Any = None) -> Observation:
        """Observation from a file with events, and optionally another with responses.

        Parameters
        ----------
        event_file
            FITS file with events, good time intervals, and the responses if ``irf_file`` is not given.
        irf_file
            FITS file with responses.

        Raises
        ------
        MissingDataError, DataFormatError
            If a file is missing, damaged, or holds no events.
        """
        irfs = None if irf_file is None else FitsFile(irf_file)
        locations: dict[str, Any] = dict(find_locations(FitsFile(event_file), irfs))
        return cls(locations["events"].obs_id, **locations)

    # ---- parts ----

    def _part(self, name: str) -> Any:
        if name not in self._loaded:
            part = self._parts[name]
            loaded = part.load() if isinstance(part, HDULocation) else part
            if name == "events" and isinstance(part, HDULocation):
                loaded = loaded.with_defaults(self._defaults)
            self._loaded[name] = loaded
        return self._loaded[name]

    def _required(self, name: str) -> Any:
        part = self._part(name)
        if part is None:
            has = ", ".join(self.available_hdus) or "nothing"
            raise MissingDataError(f"observation {self.obs_id}: no {name}; it has: {has}")
        return part

    @cached_property
    def meta(self) -> dict[str, Any]:
        """Header keywords of the events, completed from the index table."""
        if self._meta is not None:
            meta: Mapping[str, Any] = self._meta
        else:
            events = self._parts["events"]
            meta = events.header() if isinstance(events, HDULocation) else getattr(events, "meta", {})
        return {**self._defaults, **meta}

    @property
    def obs_id(self) -> int:
        """Number of the observation."""
        return int(self.meta.get("OBS_ID", 0)) if self._obs_id is None else self._obs_id

    @property
    def events(self) -> EventList:
        """Event list."""
        return self._required("events")

    @cached_property
    def gti(self) -> GTI:
        """Good time intervals; from TSTART to TSTOP (with a warning) if there are none."""
        gti = self._part("gti")
        if gti is None and {"TSTART", "TSTOP"} <= set(self.meta):
            warn_once(__name__, f"observation {self.obs_id}: no GTI, the time from TSTART to TSTOP is taken")
            start, stop = float(self.meta["TSTART"]), float(self.meta["TSTOP"])
            return GTI.create(start * u.s, stop * u.s, self.events.time_ref)
        return self._required("gti")

    @property
    def aeff(self) -> Any:
        """Effective area, or None."""
        return self._part("aeff")

    @property
    def edisp(self) -> Any:
        """Energy dispersion, or None."""
        return self._part("edisp")

    @property
    def psf(self) -> Any:
        """Point spread function, or None."""
        return self._part("psf")

    @cached_property
    def bkg(self) -> Any:
        """Background rate, or None."""
        bkg = self._part("bkg")
        # The first public H.E.S.S. files hold the field of view mirrored, and do not say so.
        old = self.meta.get("CREATOR") == "SASH FITS::EventListWriter" and str(self.meta.get("HDUVERS")) == "0.2"
        if old and bkg is not None and not bkg.has_offset_axis and bkg.fov_alignment == "RADEC":
            return bkg.copy(fov_alignment="REVERSE_LON_RADEC")
        return bkg

    @cached_property
    def rad_max(self) -> Any:
        """Directional cut; from the RAD_MAX keyword of a point-like effective area if there is no table; or None."""
        rad_max, aeff = self._part("rad_max"), self._parts["aeff"]
        if rad_max is None and aeff is not None and self.aeff.is_pointlike and "RAD_MAX" in self.aeff.meta:
            from gjax.irf import RadMax2D

            return RadMax2D.from_irf(self.aeff)
        return rad_max

    @property
    def available_hdus(self) -> list[str]:
        """Types of the parts that are there."""
        return [name for name in PARTS if self._parts[name] is not None]

    @property
    def available_irfs(self) -> list[str]:
        """Types of the responses that are there."""
        return [name for name in IRF_TYPES if self._parts[name] is not None]

    @property
    def locations(self) -> dict[str, HDULocation]:
        """Where the parts that come from files lie."""
        return {name: part for name, part in self._parts.items() if isinstance(part, HDULocation)}

    # ---- time ----

    @property
    def _good_time(self) -> GTI:
        if len(self.gti) == 0:
            raise ValueError(f"observation {self.obs_id}: no good time interval, so it has neither start nor end")
        return self.gti

    @property
    def tstart(self) -> Time:
        """Start of the first good time interval."""
        return self._good_time.time_start[int(np.argmin(self.gti.met_start))]

    @property
    def tstop(self) -> Time:
        """End of the last good time interval."""
        return self._good_time.time_stop[int(np.argmax(self.gti.met_stop))]

    @property
    def tmid(self) -> Time:
        """Half-way between start and end."""
        return self.tstart + 0.5 * (self.tstop - self.tstart)

    @property
    def observation_time_duration(self) -> u.Quantity:
        """Sum of the good time intervals [s]."""
        return self.gti.time_sum

    @cached_property
    def observation_dead_time_fraction(self) -> float:
        """Part of the time in which no event could be recorded: 1 - DEADC, or 1 - LIVETIME / ONTIME, or 0."""
        return 1.0 - _live_fraction(self.meta, f"observation {self.obs_id}")

    @property
    def observation_live_time_duration(self) -> u.Quantity:
        """Good time less dead time [s]."""
        return self.observation_time_duration * (1.0 - self.observation_dead_time_fraction)

    # ---- place ----

    @cached_property
    def pointing(self) -> FixedPointingInfo:
        """Pointing, fixed on the sky or above the ground."""
        if self._pointing is not None:
            return self._pointing
        return FixedPointingInfo.from_fits_header(self.meta, f"observation {self.obs_id}, header of the events")

    def get_pointing_icrs(self, time: Time | None = None) -> SkyCoord:
        """Pointing position in ICRS; for drift observations at ``time``, by default the middle of the observation."""
        if self.pointing.mode is PointingMode.DRIFT and time is None:
            time = self.tmid
        return self.pointing.get_icrs(time, self.observatory_earth_location)

    def get_pointing_altaz(self, time: Time | None = None) -> SkyCoord:
        """Pointing in altitude and azimuth at a time, by default the middle of the observation."""
        return self.pointing.get_altaz(self.tmid if time is None else time, self.observatory_earth_location)

    @cached_property
    def observatory_earth_location(self) -> EarthLocation | None:
        """Place of the observatory from the header, or None."""
        return location_from_meta(self.meta)

    @property
    def target_radec(self) -> SkyCoord | None:
        """Position of the target (RA_OBJ, DEC_OBJ), or None."""
        try:
            return SkyCoord(float(self.meta["RA_OBJ"]), float(self.meta["DEC_OBJ"]), unit="deg")
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def muoneff(self) -> float:
        """Muon efficiency (MUONEFF), 1 if the header has none."""
        return float(self.meta.get("MUONEFF", 1.0))

    # ---- new observations ----

    def copy(self, **changes: Any) -> Observation:
        """Return the observation with some parts, ``obs_id``, ``pointing`` or ``meta`` replaced."""
        kept = {**self._parts, **self._loaded, "obs_id": self._obs_id, "pointing": self._pointing, "meta": self._meta}
        return Observation(**{**kept, "defaults": self._defaults, **changes})

    def select_time(self, time_interval: Any) -> Observation:
        """Return the part inside a time interval (two Time): its events and good time.

        Examples
        --------
        >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h")
        >>> obs.select_time([obs.tstart, obs.tmid]).observation_time_duration
        <Quantity 1800. s>
        """
        gti = self.gti.select_time(time_interval)
        meta = {**self.meta, **_exposure_keywords(gti, 1 - self.observation_dead_time_fraction)}
        changes: dict[str, Any] = {"gti": gti, "meta": meta}
        if self._parts["events"] is not None:
            changes["events"] = self.events.select_time(time_interval)
        return self.copy(**changes)

    def unloaded(self) -> Observation:
        """Return the observation as it was before anything was read, to free memory in long loops over many."""
        files: dict[int, FitsFile] = {}
        parts = dict(self._parts)
        for name, place in self.locations.items():
            file = files.setdefault(id(place.file), FitsFile(place.file.path))
            parts[name] = HDULocation(place.obs_id, place.hdu_type, place.hdu_class, file, place.hdu_name)
        return Observation(self._obs_id, **parts, pointing=self._pointing, meta=self._meta, defaults=self._defaults)

    def write(self, path: Any, include_irfs: bool = True, *, overwrite: bool = False) -> None:
        """Write events, good time intervals and responses to one FITS file (GADF 0.3); see `gjax.data.write`.

        Parameters
        ----------
        path
            FITS file to write, compressed if it ends with ``.gz``.
        include_irfs
            Whether to write the responses.
        overwrite
            Replace an existing file.
        """
        from gjax.data.write import write_observation

        write_observation(self, path, include_irfs=include_irfs, overwrite=overwrite)

    def __repr__(self) -> str:
        return f"Observation(obs_id={self.obs_id}, has: {', '.join(self.available_hdus) or 'nothing'})"

    def info(self) -> str:
        """Text with times, pointing and target; reads the header and good time intervals."""
        target = self.target_radec
        lines = [
            repr(self),
            f"  telescope  {self.meta.get('TELESCOP', 'unknown')}",
            f"  start      {self.tstart.iso} {self.tstart.scale.upper()}",
            f"  duration   {self.observation_time_duration:.1f}, live {self.observation_live_time_duration:.1f}",
            f"  pointing   {self.pointing!r}",
        ]
        if target is not None:
            name = self.meta.get("OBJECT", "unknown")
            lines.append(f"  target     {name}, {target.ra.deg:.4f}, {target.dec.deg:.4f} deg")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def _exposure_keywords(gti: GTI, live_fraction: float) -> dict[str, float]:
    """TSTART, TSTOP, ONTIME, LIVETIME [s] and DEADC."""
    ontime = float(gti.time_sum.value)
    start, stop = (float(gti.met_start.value.min()), float(gti.met_stop.value.max())) if len(gti) else (0.0, 0.0)
    exposure = {"ONTIME": ontime, "LIVETIME": ontime * live_fraction, "DEADC": float(live_fraction)}
    return {"TSTART": start, "TSTOP": stop, **exposure}


def _live_fraction(meta: Mapping[str, Any], where: str) -> float:
    """DEADC of a header, LIVETIME / ONTIME where it is missing or out of range, else 1."""
    try:
        fraction = float(meta["DEADC"])
    except (KeyError, TypeError, ValueError):
        fraction = np.nan
    if 0 <= fraction <= 1:
        return fraction
    try:
        ratio = float(meta["LIVETIME"]) / float(meta["ONTIME"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        ratio = np.nan
    found = f"DEADC is {meta['DEADC']}" if "DEADC" in meta else "no DEADC"
    if 0 <= ratio <= 1:
        warn_once(__name__, f"{where}: {found}, LIVETIME / ONTIME = {ratio:.4g} is taken")
        return ratio
    warn_once(__name__, f"{where}: {found} and no LIVETIME / ONTIME, no dead time is assumed")
    return 1.0

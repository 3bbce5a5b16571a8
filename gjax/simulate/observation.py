"""Whole observations: events of sources and background, with times, written into a header as telescopes do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.table import Table
from astropy.time import Time

from gjax.data import EventList, Observation
from gjax.simulate.events import PointSource, sample_background, sample_source

__all__ = ["simulate_observation", "wobble_pointings"]


def wobble_pointings(position: SkyCoord, offset: Any = "0.5 deg", number: int = 4) -> list[SkyCoord]:
    """Return pointings around a position, as in wobble mode: north, south, east, west for four.

    Parameters
    ----------
    position
        Position of the target.
    offset
        Distance of the pointings from it.
    number
        How many; evenly spread, opposite ones after each other.

    Examples
    --------
    >>> [round(float(p.dec.deg), 2) for p in wobble_pointings(SkyCoord(83.63, 22.01, unit="deg"))]
    [22.51, 21.51, 22.01, 22.01]
    """
    angles = np.arange(number) * 2 * np.pi / number
    half = (number + 1) // 2
    order = [i for pair in zip(range(half), range(half, number)) for i in pair] + ([half - 1] if number % 2 else [])
    distance = u.Quantity(offset)
    return [position.icrs.directional_offset_by(angles[i] * u.rad, distance) for i in order]


def simulate_observation(
    rng: np.random.Generator,
    sources: PointSource | Sequence[PointSource],
    pointing: SkyCoord,
    irfs: Mapping[str, Any],
    *,
    duration: Any = "28 min",
    deadtime_fraction: float = 0.0,
    tstart: Time | None = None,
    obs_id: int = 0,
    location: EarthLocation | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Observation:
    """Simulate an observation.

    Events of sources are drawn from their spectra, the effective area, energy dispersion and PSF at the position of
    the source; background events from the background response, where there is one. Times are uniform.

    Parameters
    ----------
    rng
        Random number generator; the same state gives the same events.
    sources
        What to simulate; an empty list for background only.
    pointing
        Direction of the array, fixed in ICRS.
    irfs
        Responses: ``aeff`` (needed for sources), ``edisp``, ``psf``, ``bkg``.
    duration
        Observation time, dead time included.
    deadtime_fraction
        Part of it in which no event can be recorded.
    tstart
        Start; 2025-01-01 TT if None.
    obs_id
        Number of the observation.
    location
        Place of the observatory, for the header.
    meta
        More header keywords.

    Returns
    -------
    observation
        `gjax.data.Observation` with events sorted in time. The column MC_ID is 0 for background and i + 1 for the
        source with index i; MC_ENERGY is the true energy, NaN for background.

    Raises
    ------
    ValueError
        If the duration is not positive, or the effective area is missing.

    Examples
    --------
    >>> from gjax.simulate import demo_array
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> observation = simulate_observation(np.random.default_rng(0), [], crab, demo_array(), duration="60 s", obs_id=1)
    >>> 300 < len(observation.events) < 600
    True
    """
    seconds = u.Quantity(duration).to_value("s")
    if not seconds > 0:
        raise ValueError(f"duration: got {duration}, expected more than 0 s")
    if not 0 <= deadtime_fraction < 1:
        raise ValueError(f"deadtime_fraction: got {deadtime_fraction}, expected at least 0 and less than 1")
    listed = [sources] if isinstance(sources, PointSource) else list(sources)
    livetime = seconds * (1 - deadtime_fraction)
    lists = [sample_source(rng, source, pointing, livetime, dict(irfs)) for source in listed]
    identities = list(range(1, len(listed) + 1))
    if irfs.get("bkg") is not None:
        # Background rates are per observation time, as the reduction takes them.
        lists.append(sample_background(rng, pointing, seconds, irfs["bkg"]))
        identities.append(0)
    observation = Observation.create(
        pointing,
        livetime=seconds * u.s,
        tstart=Time("2025-01-01T00:00:00", scale="tt") if tstart is None else tstart,
        irfs={name: irf for name, irf in irfs.items() if irf is not None},
        deadtime_fraction=deadtime_fraction,
        location=location,
        obs_id=obs_id,
        meta=meta,
    )
    table = _event_table(rng, lists, identities, seconds, observation.gti.met_start[0].to_value("s"))
    table.meta.update(observation.meta)
    return observation.copy(events=EventList(table))


def _event_table(
    rng: np.random.Generator, lists: list[dict[str, np.ndarray]], identities: list[int], seconds: float, start: float
) -> Table:
    def joined(name: str, default: float = np.nan) -> np.ndarray:
        parts = [events.get(name, np.full(len(events["energy"]), default)) for events in lists]
        return np.concatenate(parts) if parts else np.empty(0)

    energy = joined("energy")
    identity = (
        np.concatenate([np.full(len(e["energy"]), i) for e, i in zip(lists, identities)]) if lists else np.empty(0)
    )
    time = rng.random(len(energy)) * seconds
    order = np.argsort(time)
    return Table(
        {
            "EVENT_ID": np.arange(1, len(energy) + 1, dtype=np.int64),
            "TIME": (start + time[order]) * u.s,
            "RA": joined("ra")[order] * u.deg,
            "DEC": joined("dec")[order] * u.deg,
            "ENERGY": energy[order] * u.TeV,
            "MC_ID": identity[order].astype(np.int64),
            "MC_ENERGY": joined("energy_true")[order] * u.TeV,
        }
    )

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
from gjax.irf.fov import horizon_rotation
from gjax.models import FoVBackgroundModel
from gjax.simulate.events import PointSource, sample_background, sample_source

__all__ = ["simulate_events", "simulate_observation", "wobble_pointings"]


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
    sources: Any,
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
    """Simulate an observation; see `simulate_events`.

    Parameters
    ----------
    rng
        Random number generator; the same state gives the same events.
    sources
        What to simulate: `PointSource`, sky models, or lists of them; an empty list for background only.
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
        `gjax.data.Observation` with events sorted in time.

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
    return simulate_events(rng, sources, observation)


def simulate_events(rng: np.random.Generator, models: Any, observation: Observation) -> Observation:
    """Return an observation with simulated events in place of its own.

    Events of sources are drawn from their spectra, shapes on the sky and temporal models, with effective area, energy
    dispersion and point spread function at their offsets; those of background from the background response, where
    there is one, times the factor of a background model. Times lie within the good time intervals.

    Parameters
    ----------
    rng
        Random number generator; the same state gives the same events.
    models
        Sky models, `PointSource` and at most one `FoVBackgroundModel`, alone or in lists; an empty list for background
        only.
    observation
        With pointing, good time intervals and responses, from a data store or `Observation.create`.

    Returns
    -------
    observation
        With events sorted in time. The column MC_ID is 0 for background and i + 1 for the source with index i;
        MC_ENERGY is the true energy, NaN for background.

    Raises
    ------
    ValueError
        If the effective area is missing, there are several background models or one with gradients, or the background
        is aligned with the horizon and the place of the observatory is not known.
    TypeError
        If a model is none that makes events.

    Examples
    --------
    >>> from gjax.data import Observation
    >>> from gjax.models import DiskSpatialModel, PowerLawSpectralModel, SkyModel
    >>> from gjax.simulate import demo_array
    >>> disk = DiskSpatialModel("83.63 deg", "22.01 deg", r_0="0.3 deg")
    >>> model = SkyModel(PowerLawSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1"), disk)
    >>> planned = Observation.create(SkyCoord(83.63, 21.51, unit="deg"), livetime="60 s", irfs=demo_array())
    >>> observation = simulate_events(np.random.default_rng(0), model, planned)
    >>> sorted(set(observation.events.table["MC_ID"].tolist()))
    [0, 1]
    """
    listed = list(models) if isinstance(models, Sequence) else [models]
    backgrounds = [model for model in listed if isinstance(model, FoVBackgroundModel)]
    sources = [model for model in listed if not isinstance(model, FoVBackgroundModel)]
    lists = [_source_events(rng, source, observation) for source in sources]
    identities = list(range(1, len(sources) + 1))
    if "bkg" in observation.available_irfs:
        lists.append(_background_events(rng, backgrounds, observation))
        identities.append(0)
    table = _event_table(lists, identities)
    table.meta.update(observation.meta)
    return observation.copy(events=EventList(table))


def _source_events(rng: np.random.Generator, source: Any, observation: Observation) -> dict[str, np.ndarray]:
    from gjax.models import SkyModel
    from gjax.simulate.sky_events import met_of, sample_model

    if isinstance(source, SkyModel):
        return sample_model(rng, source, observation)
    if not isinstance(source, PointSource):
        raise TypeError(f"expected a sky model, a point source or a background model, got {type(source).__name__}")
    irfs = {name: getattr(observation, name) for name in observation.available_irfs}
    livetime = observation.observation_live_time_duration.to_value("s")
    events = sample_source(rng, source, observation.get_pointing_icrs(), livetime, irfs)
    return events | {"met": met_of(observation, rng.random(len(events["energy"])))}


def _background_events(
    rng: np.random.Generator, models: Sequence[Any], observation: Observation
) -> dict[str, np.ndarray]:
    from gjax.simulate.sky_events import met_of

    if len(models) > 1:
        raise ValueError("more than one background model acts on the observation")
    factor = None
    if models:
        if models[0].has_gradient:
            raise ValueError(f"background model {models[0].name!r}: gradients are not simulated")
        spectrum = models[0].spectral_model
        factor = lambda energy: np.asarray(u.Quantity(spectrum(energy * u.TeV)).to_value(""))  # noqa: E731
    # Background rates are per observation time, as the reduction takes them.
    seconds = observation.observation_time_duration.to_value("s")
    bkg, zenith = observation.bkg, None
    if bkg.fov_alignment == "ALTAZ" and "offset" not in bkg.axes.names:
        location = observation.observatory_earth_location
        if location is None:
            raise ValueError(
                f"observation {observation.obs_id}: a background aligned with the horizon needs the place of the "
                "observatory"
            )
        met = met_of(observation, np.linspace(0, 1, 101))
        times = observation.gti.time_ref + met * u.s
        zenith = horizon_rotation(observation.get_pointing_icrs(), times, location)
    events = sample_background(rng, observation.get_pointing_icrs(), seconds, bkg, factor=factor, zenith=zenith)
    return events | {"met": met_of(observation, events["phase"])}


def _event_table(lists: list[dict[str, np.ndarray]], identities: list[int]) -> Table:
    def joined(name: str) -> np.ndarray:
        parts = [events.get(name, np.full(len(events["energy"]), np.nan)) for events in lists]
        return np.concatenate([np.empty(0), *parts])

    met = joined("met")
    order = np.argsort(met)
    identity = np.concatenate([np.empty(0), *(np.full(len(e["energy"]), i) for e, i in zip(lists, identities))])
    return Table(
        {
            "EVENT_ID": np.arange(1, len(met) + 1, dtype=np.int64),
            "TIME": met[order] * u.s,
            "RA": joined("ra")[order] * u.deg,
            "DEC": joined("dec")[order] * u.deg,
            "ENERGY": joined("energy")[order] * u.TeV,
            "MC_ID": identity[order].astype(np.int64),
            "MC_ENERGY": joined("energy_true")[order] * u.TeV,
        }
    )

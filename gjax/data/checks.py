"""Health check of a data store: one record per thing that is wrong or odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from gjax.data.data_store import DataStore
from gjax.data.event_list import EventList
from gjax.data.files import IRF_TYPES
from gjax.data.gti import GTI
from gjax.data.observation import Observation
from gjax.errors import DataFormatError, MissingDataError, UnitError

__all__ = ["check_data_store", "check_observation"]

Record = dict[str, Any]
TIME_TOLERANCE = 1.0  # s; rounding of start and stop times to full seconds is common
RELATIVE_TOLERANCE = 1e-3


def _record(level: str, obs_id: int | None, hdu: str, msg: str) -> Record:
    return {"level": level, "obs_id": obs_id, "hdu": hdu, "msg": msg}


def check_data_store(store: DataStore, obs_id: Any = None) -> list[Record]:
    """Check indices and observations of a store.

    Parameters
    ----------
    store
        The store.
    obs_id
        Numbers of the observations to check; all by default.

    Returns
    -------
    records
        Dicts with ``level`` ("error": cannot be used, "warning": look at it, "info"), ``obs_id`` (None for the index),
        ``hdu`` and ``msg``. Checked are: numbers that occur twice or in one index only; files and HDUs that the index
        names and that are not there or cannot be read; empty event lists; events that are not finite, that occur twice
        or lie outside the good time; overlapping or empty good time; observation and live time that disagree; missing
        responses; responses that are NaN or zero everywhere.

    Examples
    --------
    >>> import tempfile
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.data.write import write_datastore
    >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", obs_id=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = check_data_store(write_datastore([obs], folder))
    >>> [record["msg"] for record in records if record["level"] == "error"]
    ['no events']
    """
    records = list(_check_indices(store))
    wanted = store.obs_ids if obs_id is None else [int(value) for value in np.atleast_1d(obs_id)]
    for number in tqdm(wanted, desc="Checking", unit="observation", disable=None):
        try:
            observation = store.obs(number, required_irf="all-optional", require_events=False)
        except MissingDataError as error:
            records.append(_record("error", number, "", str(error)))
            continue
        records.extend(check_observation(observation))
        records.extend(_check_against_index(store, observation))
    return records


def _check_indices(store: DataStore) -> Iterator[Record]:
    try:
        in_obs = [int(value) for value in np.asarray(store.obs_table["OBS_ID"]).tolist()]
    except ValueError as error:
        yield _record("error", None, "obs-index", f"OBS_ID is not a number ({error})")
        in_obs = []
    for number, times in Counter(in_obs).items():
        if times > 1:
            yield _record("error", number, "obs-index", f"the number occurs {times} times in the observation index")
    table = store.hdu_table
    rows = zip(np.asarray(table["OBS_ID"]).tolist(), (str(t).strip().lower() for t in table["HDU_TYPE"]))
    for (number, hdu_type), times in Counter(rows).items():
        if times > 1:
            yield _record("error", int(number), hdu_type, f"{times} rows of this type in the HDU index")
    for number in sorted(set(in_obs) - set(store.obs_ids)):
        yield _record("error", number, "hdu-index", "in the observation index, not in the HDU index")
    for number in sorted(set(store.obs_ids) - set(in_obs)):
        yield _record("error", number, "obs-index", "in the HDU index, not in the observation index")


def check_observation(observation: Observation) -> list[Record]:
    """Check one observation; see `check_data_store`.

    Parameters
    ----------
    observation
        The observation; everything in it is read.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", obs_id=7)
    >>> [record["hdu"] for record in check_observation(obs)]
    ['events', 'aeff', 'edisp', 'psf', 'bkg']
    """
    number = observation.obs_id
    parts: dict[str, Any] = {}
    missing, records = [], []
    for name in ("events", "gti", *IRF_TYPES):
        if name not in observation.available_hdus:
            missing.append(name)
            continue
        try:
            parts[name] = getattr(observation, name)
        except (MissingDataError, DataFormatError, UnitError, ValueError) as error:
            records.append(_record("error", number, name, str(error)))
    point_like = "aeff" in parts and parts["aeff"].is_pointlike
    for name in missing:
        if name == "rad_max" or (point_like and name in ("psf", "bkg")):
            continue  # not needed
        level = "error" if name in ("events", "gti") else "warning"
        records.append(_record(level, number, name, "missing in the HDU index"))
    if "gti" in parts:
        records.extend(_check_gti(number, parts["gti"]))
    if "events" in parts:
        records.extend(_check_events(number, parts["events"], parts.get("gti")))
    if "events" in parts and "gti" in parts:
        records.extend(_check_times(observation))
        try:
            observation.pointing  # noqa: B018
        except (DataFormatError, ValueError) as error:
            records.append(_record("error", number, "events", str(error)))
    for name in IRF_TYPES:
        if name in parts:
            records.extend(_check_irf(number, name, parts[name]))
    return records


def _check_gti(number: int, gti: GTI) -> Iterator[Record]:
    if len(gti) == 0 or gti.time_sum.value <= 0:
        yield _record("error", number, "gti", "no good time")
    if gti.is_overlapping:
        yield _record("error", number, "gti", "intervals overlap")


def _check_events(number: int, events: EventList, gti: GTI | None) -> Iterator[Record]:
    if len(events) == 0:
        yield _record("error", number, "events", "no events")
        return
    for name in ("TIME", "RA", "DEC", "ENERGY"):
        bad = int(np.count_nonzero(~np.isfinite(np.asarray(events.table[name], dtype=float))))
        if bad:
            yield _record("error", number, "events", f"{bad} of {len(events)} values of {name} are not finite")
    bad = int(np.count_nonzero(events.energy.value <= 0))
    if bad:
        yield _record("error", number, "events", f"{bad} of {len(events)} energies are not positive")
    if "EVENT_ID" in events.table.colnames:
        repeated = len(events) - len(np.unique(np.asarray(events.table["EVENT_ID"])))
        if repeated:
            yield _record(
                "warning", number, "events", f"{repeated} of {len(events)} events have a number that is taken"
            )
    if gti is not None and len(gti):
        outside = int(np.count_nonzero(~gti.contains(events.time)))
        if outside:
            yield _record("warning", number, "events", f"{outside} of {len(events)} events outside the good time")


def _check_times(observation: Observation) -> Iterator[Record]:
    number, meta = observation.obs_id, observation.meta
    for key in ("ONTIME", "LIVETIME", "DEADC", "TSTART", "TSTOP"):
        if key not in meta:
            yield _record("warning", number, "events", f"no keyword {key} in the header")
    good = float(observation.gti.time_sum.value)
    ontime, live, deadc = (_float(meta.get(key)) for key in ("ONTIME", "LIVETIME", "DEADC"))
    if abs(ontime - good) > max(TIME_TOLERANCE, RELATIVE_TOLERANCE * good):
        yield _record("warning", number, "gti", f"ONTIME is {ontime:.6g} s, the good time {good:.6g} s")
    if live > ontime * (1 + RELATIVE_TOLERANCE):
        yield _record("error", number, "events", f"LIVETIME {live:.6g} s is longer than ONTIME {ontime:.6g} s")
    if abs(live - deadc * ontime) > max(TIME_TOLERANCE, RELATIVE_TOLERANCE * ontime):
        yield _record("warning", number, "events", f"LIVETIME is {live:.6g} s, DEADC x ONTIME {deadc * ontime:.6g} s")
    if not (np.isnan(deadc) or 0 < deadc <= 1):
        yield _record("error", number, "events", f"DEADC is {deadc:g}, expected a number from 0 to 1")


def _check_irf(number: int, name: str, irf: Any) -> Iterator[Record]:
    data = irf.data
    fields = {name: data} if data.dtype.names is None else {field: data[field] for field in data.dtype.names}
    for field, values in fields.items():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        label = "" if field == name else f" of {field}"
        if bad:
            yield _record("warning", number, name, f"{bad} of {values.size} values{label} are not finite")
    if all(not np.any(np.nan_to_num(values)) for values in fields.values()):
        yield _record("error", number, name, "all values are zero")


def _check_against_index(store: DataStore, observation: Observation) -> Iterator[Record]:
    number, table = observation.obs_id, store.obs_table
    rows = np.flatnonzero(np.asarray(table["OBS_ID"]) == number)
    if "events" not in observation.available_hdus or not len(rows):
        return
    try:
        count, meta = len(observation.events), observation.events.meta
    except (MissingDataError, DataFormatError, UnitError):
        return  # reported already
    if "EVENT_COUNT" in table.colnames and int(table["EVENT_COUNT"][rows[0]]) != count:
        listed = int(table["EVENT_COUNT"][rows[0]])
        yield _record("warning", number, "obs-index", f"EVENT_COUNT is {listed}, the file has {count} events")
    for key in ("RA_PNT", "DEC_PNT"):
        if key in table.colnames and key in meta:
            index, header = _float(table[key][rows[0]]), _float(meta[key])
            if abs(index - header) > 1e-3:
                yield _record("warning", number, "obs-index", f"{key} is {index:.5f} deg, in the file {header:.5f} deg")
    header_id = str(meta.get("OBS_ID", number)).strip()
    if header_id != str(number):
        yield _record("warning", number, "events", f"OBS_ID in the header is {header_id!r}")


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")

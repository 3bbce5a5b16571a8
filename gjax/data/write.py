"""Observations to FITS files as the format GADF 0.3 asks for them, and folders with index files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Column, Table
from tqdm import tqdm

from gjax.data.data_store import DataStore
from gjax.data.files import FitsFile, HDULocation
from gjax.data.gti import GTI
from gjax.data.make_index import GADF, hdu_index_table, obs_index_table
from gjax.data.observation import Observation
from gjax.data.pointing import location_to_meta
from gjax.data.times import seconds_since, time_ref_to_meta
from gjax.fits import expand_path, write_fits

__all__ = ["observation_to_hdus", "write_datastore", "write_observation"]

COLUMNS: dict[str, tuple[Any, str | None]] = {
    "EVENT_ID": (np.int64, None),
    "TIME": (np.float64, "s"),
    "RA": (None, "deg"),
    "DEC": (None, "deg"),
    "ENERGY": (None, "TeV"),
}


def write_observation(
    observation: Observation, path: Any, *, include_irfs: bool = True, overwrite: bool = False
) -> None:
    """Write events, good time intervals and responses to one file.

    Parameters
    ----------
    observation
        What to write; without events an empty list is written, which carries the pointing.
    path
        FITS file, compressed if it ends with ``.gz``.
    include_irfs
        Whether to write the responses.
    overwrite
        Replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    ValueError
        If good time intervals overlap.

    Examples
    --------
    >>> import tempfile
    >>> from astropy.coordinates import SkyCoord
    >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", obs_id=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_observation(obs, f"{folder}/run.fits.gz")
    ...     Observation.read(f"{folder}/run.fits.gz").obs_id
    7
    """
    hdus = observation_to_hdus(observation, include_irfs=include_irfs)
    write_fits(hdus, path, overwrite=overwrite)


def observation_to_hdus(observation: Observation, *, include_irfs: bool = True) -> fits.HDUList:
    """HDUs EVENTS, GTI and one per response, with every mandatory keyword and column.

    Parameters
    ----------
    observation
        What to write.
    include_irfs
        Whether to include the responses.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", obs_id=7)
    >>> [hdu.name for hdu in observation_to_hdus(obs)]
    ['PRIMARY', 'EVENTS', 'GTI']
    """
    hdus = fits.HDUList([fits.PrimaryHDU(), _events_hdu(observation), observation.gti.to_table_hdu()])
    if include_irfs:
        for name in observation.available_irfs:
            hdus.append(getattr(observation, name).to_hdu())
    return hdus


def _events_hdu(observation: Observation) -> fits.BinTableHDU:
    gti = observation.gti
    has_events = "events" in observation.available_hdus
    source = observation.events.table if has_events else Table()
    table = Table()
    for name, (dtype, unit) in COLUMNS.items():
        values = _standard_column(observation, name, unit, gti) if has_events else np.zeros(0)
        kind: Any = dtype or (values.dtype if values.dtype.kind == "f" else np.float32)
        table[name] = Column(np.asarray(values, dtype=kind), unit=unit)
    for name in source.colnames:
        if name not in COLUMNS:
            table[name] = source[name]
    hdu = fits.BinTableHDU(table, name="EVENTS")
    for key, value in events_keywords(observation).items():
        hdu.header[key] = value
    return hdu


def _standard_column(observation: Observation, name: str, unit: str | None, gti: GTI) -> np.ndarray:
    events = observation.events
    if name == "EVENT_ID":
        return np.asarray(events.table[name]) if name in events.table.colnames else np.arange(len(events))
    if name == "TIME":
        return events.met.value + float(seconds_since(events.time_ref, gti.time_ref))
    column = events.table[name]
    given = column.unit or (events.energy.unit if name == "ENERGY" else unit)
    values = np.asarray(column.value if isinstance(column, u.Quantity) else column)
    if u.Unit(given) != u.Unit(unit):
        values = (values.astype(float) * u.Unit(given).to(unit)).astype(values.dtype)
    return np.mod(values, values.dtype.type(360)) if name == "RA" else values


def events_keywords(observation: Observation) -> dict[str, Any]:
    """Header of an event list: what the observation has, completed to what GADF 0.3 makes mandatory.

    Parameters
    ----------
    observation
        The observation.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", deadtime_fraction=0.1)
    >>> events_keywords(obs)["LIVETIME"]
    3240.0
    """
    gti, meta = observation.gti, observation.meta
    ontime, live = float(gti.time_sum.value), float(observation.observation_live_time_duration.value)
    keywords = {key: value for key, value in meta.items() if _is_card(key, value)}
    for key in ("TIMEZERO", "DATE-OBS", "TIME-OBS", "DATE-END", "TIME-END", "TELAPSE"):
        keywords.pop(key, None)
    for key, default in (("ORIGIN", "UNKNOWN"), ("TELESCOP", "UNKNOWN"), ("INSTRUME", "UNKNOWN"), ("CREATOR", "gjax")):
        keywords.setdefault(key, default)
    keywords |= {**GADF, "HDUCLAS1": "EVENTS", "OBS_ID": int(observation.obs_id)}
    keywords |= observation.pointing.to_fits_header()
    keywords |= {"EQUINOX": 2000.0, "RADECSYS": "ICRS"}
    if len(gti):
        keywords |= {"TSTART": float(gti.met_start.value.min()), "TSTOP": float(gti.met_stop.value.max())}
        keywords |= {"DATE-OBS": observation.tstart.utc.isot, "DATE-END": observation.tstop.utc.isot}
    else:
        keywords |= {"TSTART": 0.0, "TSTOP": 0.0}
    keywords |= {"ONTIME": ontime, "LIVETIME": live, "DEADC": 1.0 - observation.observation_dead_time_fraction}
    keywords |= {**time_ref_to_meta(gti.time_ref), "TIMEREF": str(meta.get("TIMEREF", "LOCAL")).upper()}
    if observation.observatory_earth_location is not None:
        keywords |= location_to_meta(observation.observatory_earth_location)
    return keywords


def _is_card(key: str, value: Any) -> bool:
    """Whether a header entry can be written as one FITS card."""
    if len(key) > 8 or not key.replace("-", "").replace("_", "").isalnum() or key in ("COMMENT", "HISTORY", "EXTNAME"):
        return False
    if key in ("CHECKSUM", "DATASUM") or not isinstance(value, str | int | float | bool | np.generic):
        return False
    return not (isinstance(value, float | np.floating) and not np.isfinite(value))


def write_datastore(
    observations: Iterable[Observation], folder: Any, *, overwrite: bool = False, include_irfs: bool = True
) -> DataStore:
    """Write observations to a folder, one file each, with ``hdu-index.fits.gz`` and ``obs-index.fits.gz``.

    The index files are written last, so that a folder with an index is complete.

    Parameters
    ----------
    observations
        What to write; their numbers must differ.
    folder
        Folder to make or to fill; the files go to ``data`` in it.
    overwrite
        Replace existing files.
    include_irfs
        Whether to write the responses.

    Returns
    -------
    store
        The new store.

    Raises
    ------
    FileExistsError
        If a file exists and ``overwrite`` is False.
    ValueError
        If there is nothing to write, or two observations have the same number.

    Examples
    --------
    >>> import tempfile
    >>> from astropy.coordinates import SkyCoord
    >>> obs = Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", obs_id=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_datastore([obs], folder).obs_ids
    [7]
    """
    folder = expand_path(folder)
    todo = list(observations)
    ids = [observation.obs_id for observation in todo]
    if not todo or len(set(ids)) < len(ids):
        raise ValueError(f"expected observations with different numbers, got {ids}")
    index_paths = [folder / DataStore.DEFAULT_HDU_TABLE, folder / DataStore.DEFAULT_OBS_TABLE]
    if not overwrite and (existing := [path for path in index_paths if path.exists()]):
        raise FileExistsError(f"{existing[0]} exists; pass overwrite=True to replace it")
    locations: list[HDULocation] = []
    headers: list[Mapping[str, Any]] = []
    for observation in tqdm(todo, desc="Writing", unit="observation", disable=None):
        path = Path("data") / f"obs_{observation.obs_id:06d}.fits.gz"
        write_observation(observation, folder / path, include_irfs=include_irfs, overwrite=overwrite)
        places = {"events": ("events", "EVENTS"), "gti": ("gti", "GTI")}
        if include_irfs:
            for name in observation.available_irfs:
                irf = getattr(observation, name)
                places[name] = (irf.tag, irf.to_hdu().name)
        for name, (hdu_class, hdu_name) in places.items():
            file = FitsFile(folder / path)
            locations.append(HDULocation(observation.obs_id, name, hdu_class, file, hdu_name))
        count = len(observation.events) if "events" in observation.available_hdus else 0
        headers.append({**events_keywords(observation), "EVENT_COUNT": count})
    hdu_index_table(locations, folder).write_fits(index_paths[0], overwrite=overwrite)
    obs_index_table(headers).write_fits(index_paths[1], overwrite=overwrite)
    return DataStore.from_dir(folder)

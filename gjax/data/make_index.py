"""Index tables made from the headers of event files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gjax.data.files import FitsFile, HDULocation, find_locations
from gjax.data.index_tables import HDUIndexTable, ObservationTable
from gjax.data.times import seconds_since, time_ref_from_meta, time_ref_to_meta
from gjax.errors import DataFormatError
from gjax.fits import expand_path

__all__ = ["GADF", "hdu_index_table", "index_from_events_files", "obs_index_table"]

GADF = {"HDUCLASS": "GADF", "HDUDOC": "https://gamma-astro-data-formats.readthedocs.io", "HDUVERS": "0.3"}
# Column of the observation index: unit, or None for text; numbers that a header lacks become NaN.
OBS_COLUMNS: dict[str, str | None] = {
    "OBS_MODE": None,
    "RA_PNT": "deg",
    "DEC_PNT": "deg",
    "ALT_PNT": "deg",
    "AZ_PNT": "deg",
    "TSTART": "s",
    "TSTOP": "s",
    "ONTIME": "s",
    "LIVETIME": "s",
    "DEADC": "",
    "OBJECT": None,
    "RA_OBJ": "deg",
    "DEC_OBJ": "deg",
    "TELESCOP": None,
    "INSTRUME": None,
    "N_TELS": "",
    "MUONEFF": "",
}


def index_from_events_files(events_paths: Any, irfs_paths: Any = None) -> tuple[HDUIndexTable, ObservationTable]:
    """Make both index tables; see `gjax.data.DataStore.from_events_files`.

    Parameters
    ----------
    events_paths
        Files with events.
    irfs_paths
        One file with responses for all of them, one per event file, or None.

    Examples
    --------
    >>> import tempfile
    >>> from gjax.data import Observation
    >>> from astropy.coordinates import SkyCoord
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h", obs_id=7).write(f"{folder}/run.fits")
    ...     hdu_table, obs_table = index_from_events_files([f"{folder}/run.fits"])
    >>> obs_table["OBS_ID"].tolist(), hdu_table["HDU_TYPE"].tolist()
    ([7], ['events', 'gti'])
    """
    if isinstance(events_paths, str | os.PathLike):
        raise TypeError("events_paths: expected a list of paths, got a single one")
    events = [FitsFile(expand_path(path).absolute()) for path in events_paths]
    if not events:
        raise ValueError("events_paths: the list is empty")
    files: dict[Path, FitsFile] = {}

    def shared(path: Any) -> FitsFile:
        absolute = expand_path(path).absolute()
        return files.setdefault(absolute, FitsFile(absolute))

    irfs: list[FitsFile | None]
    if irfs_paths is None or isinstance(irfs_paths, str | os.PathLike):
        irfs = [None if irfs_paths is None else shared(irfs_paths)] * len(events)
    else:
        irfs = [shared(path) for path in irfs_paths]
        if len(irfs) != len(events):
            raise ValueError(f"irfs_paths: {len(irfs)} paths for {len(events)} event files")
    locations, headers = [], []
    for event_file, irf_file in tqdm(list(zip(events, irfs)), desc="Reading headers", unit="file", disable=None):
        found = find_locations(event_file, irf_file)
        header = found["events"].header()
        if irf_file is None and not set(found) - {"events", "gti"}:
            path = _caldb_path(header)
            if path is not None:
                found = find_locations(event_file, shared(path))
        rows = len(event_file.hdus[found["events"].hdu_name].data)
        headers.append({**header, "OBS_ID": found["events"].obs_id, "EVENT_COUNT": rows})
        # The table keeps paths only: do not hold the contents of all files.
        locations.append(list(found.values()))
        event_file.__dict__.pop("hdus", None)
    ids = [header["OBS_ID"] for header in headers]
    if len(set(ids)) < len(ids):
        repeated = sorted({value for value in ids if ids.count(value) > 1})
        raise DataFormatError(
            f"events_paths: the files do not have different observation numbers, repeated: {repeated}"
        )
    return hdu_index_table([place for part in locations for place in part]), obs_index_table(headers)


def _caldb_path(header: Mapping[str, Any]) -> Path | None:
    """Response file that CALDB and IRF of a header point to, if the variable CALDB is set and the file exists."""
    if not {"TELESCOP", "CALDB", "IRF"} <= set(header) or "CALDB" not in os.environ:
        return None
    folder = (
        Path(os.environ["CALDB"]) / "data" / str(header["TELESCOP"]).lower() / header["CALDB"] / "bcf" / header["IRF"]
    )
    candidates = sorted(folder.glob("*.fits*")) if folder.is_dir() else []
    return candidates[0] if candidates else None


def hdu_index_table(locations: Iterable[HDULocation], base_dir: Path | None = None) -> HDUIndexTable:
    """HDU index of parts of observations; paths relative to ``base_dir``, or absolute.

    Parameters
    ----------
    locations
        Parts of observations.
    base_dir
        Folder that paths are made relative to; None keeps them.

    Examples
    --------
    >>> place = HDULocation(5, "gti", "gti", FitsFile("data/run.fits"), "GTI")
    >>> hdu_index_table([place])["FILE_DIR"][0]
    np.str_('data')
    """
    rows = []
    for place in locations:
        path = place.path if base_dir is None else place.path.relative_to(base_dir)
        name = str(place.hdu_name)
        rows.append((place.obs_id, place.hdu_type, place.hdu_class, path.parent.as_posix(), path.name, name))
    names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME")
    table = HDUIndexTable(rows=rows, names=names)
    table.meta.update({**GADF, "HDUCLAS1": "INDEX", "HDUCLAS2": "HDU"})
    if base_dir is not None:
        table.meta["BASE_DIR"] = str(base_dir)
    return table


def obs_index_table(headers: Sequence[Mapping[str, Any]]) -> ObservationTable:
    """Observation index from event headers; times are converted to the reference of the first.

    Parameters
    ----------
    headers
        Header keywords of the events of each observation, with OBS_ID and the time reference.

    Examples
    --------
    >>> header = {"OBS_ID": 5, "MJDREFI": 51910, "MJDREFF": 0.0, "TIMESYS": "TT", "TSTART": 10.0, "TSTOP": 20.0}
    >>> obs_index_table([header])["TSTOP"].tolist()
    [20.0]
    """
    table = ObservationTable()
    table["OBS_ID"] = np.array([int(header["OBS_ID"]) for header in headers], dtype=np.int64)
    reference = time_ref_from_meta(dict(headers[0]), "events header")
    shifts = []
    for header in headers:
        shifts.append(float(seconds_since(time_ref_from_meta(dict(header), "events header"), reference)))
    for name, unit in OBS_COLUMNS.items():
        if unit is None:
            default = "POINTING" if name == "OBS_MODE" else "UNKNOWN"
            table[name] = [str(header.get(name, default)) for header in headers]
            continue
        values = np.array([_number(header.get(name)) for header in headers])
        table[name] = values + np.array(shifts) if name in ("TSTART", "TSTOP") else values
        table[name].unit = unit or None
    if all("EVENT_COUNT" in header for header in headers):
        table["EVENT_COUNT"] = np.array([header["EVENT_COUNT"] for header in headers], dtype=np.int64)
    table.meta.update({**GADF, "HDUCLAS1": "INDEX", "HDUCLAS2": "OBS", **time_ref_to_meta(reference)})
    for name in ("GEOLON", "GEOLAT", "ALTITUDE"):
        places = {header.get(name) for header in headers}
        if len(places) == 1 and None not in places:
            table.meta[name] = _number(places.pop())
    return table


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")

"""A folder of observations with index tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gjax.data.files import IRF_TYPES, FitsFile
from gjax.data.index_tables import HDUIndexTable, ObservationTable
from gjax.data.observation import Observation
from gjax.data.observations import Observations
from gjax.errors import MissingDataError
from gjax.fits import expand_path

__all__ = ["DataStore"]

log = logging.getLogger(__name__)

REQUIRED_IRFS = {
    "full-enclosure": ("aeff", "edisp", "psf", "bkg"),
    "point-like": ("aeff", "edisp"),
    "all-optional": (),
}
# Keywords that the index may lend to an event list whose header lacks them. Times are not among them: the index may
# count them from another zero point.
FROM_INDEX = (
    *("OBS_MODE", "RA_PNT", "DEC_PNT", "ALT_PNT", "AZ_PNT", "DEADC", "ONTIME", "LIVETIME"),
    *("OBJECT", "RA_OBJ", "DEC_OBJ", "MUONEFF", "TELESCOP", "INSTRUME", "N_TELS"),
)
FROM_INDEX_META = ("GEOLON", "GEOLAT", "ALTITUDE")


class DataStore:
    """Observations in files, found through an HDU index and an observation index (GADF 0.2 and 0.3).

    Parameters
    ----------
    hdu_table
        HDU index.
    obs_table
        Observation index; without it the observations of the HDU index are taken.

    Examples
    --------
    >>> table = HDUIndexTable({"OBS_ID": [3, 3], "HDU_TYPE": ["events", "gti"], "HDU_CLASS": ["events", "gti"],
    ...     "FILE_DIR": [".", "."], "FILE_NAME": ["a.fits", "a.fits"], "HDU_NAME": ["EVENTS", "GTI"]})
    >>> DataStore(table).obs_ids
    [3]
    """

    DEFAULT_HDU_TABLE = "hdu-index.fits.gz"
    DEFAULT_OBS_TABLE = "obs-index.fits.gz"

    def __init__(self, hdu_table: HDUIndexTable, obs_table: ObservationTable | None = None) -> None:
        self.hdu_table = hdu_table
        if obs_table is None:
            obs_table = ObservationTable({"OBS_ID": hdu_table.obs_id_unique})
        self.obs_table = obs_table

    # ---- constructors ----

    @classmethod
    def from_dir(cls, base_dir: Any, hdu_table_filename: Any = None, obs_table_filename: Any = None) -> DataStore:
        """Open a folder with index files.

        Parameters
        ----------
        base_dir
            Folder; may hold variables such as ``$GAMMAPY_DATA``.
        hdu_table_filename, obs_table_filename
            Index files, relative to the folder; by default ``hdu-index.fits.gz`` and ``obs-index.fits.gz`` (or without
            ``.gz``).

        Raises
        ------
        MissingDataError
            If the folder or the HDU index does not exist. Without an observation index, a warning is logged.
        DataFormatError
            If an index is damaged or lacks a column.
        """
        folder = expand_path(base_dir)
        if not folder.is_dir():
            raise MissingDataError(f"{folder}: no such folder")
        hdu_path = _index_path(folder, hdu_table_filename, cls.DEFAULT_HDU_TABLE)
        obs_path = _index_path(folder, obs_table_filename, cls.DEFAULT_OBS_TABLE)
        hdu_table = HDUIndexTable.read(hdu_path)
        hdu_table.meta["BASE_DIR"] = str(folder)
        if obs_table_filename is None and not obs_path.is_file():
            log.warning("%s: no observation index %s, observations are taken from the HDU index", folder, obs_path.name)
            return cls(hdu_table)
        return cls(hdu_table, ObservationTable.read(obs_path))

    @classmethod
    def from_file(cls, path: Any, hdu_hdu: Any = "HDU_INDEX", hdu_obs: Any = "OBS_INDEX") -> DataStore:
        """Open a file that holds both indices, relative to its folder.

        Parameters
        ----------
        path
            FITS file.
        hdu_hdu, hdu_obs
            Names or numbers of the two index HDUs.
        """
        return cls(HDUIndexTable.read(path, hdu_hdu), ObservationTable.read(path, hdu_obs))

    @classmethod
    def from_events_files(cls, events_paths: Sequence[Any], irfs_paths: Any = None) -> DataStore:
        """Make the indices from the headers of event files.

        Parameters
        ----------
        events_paths
            Files with events and good time intervals.
        irfs_paths
            Files with responses: one for all, or one per event file. By default responses are looked for in the event
            file, and then in ``$CALDB`` as the header names them (CALDB, IRF).

        Raises
        ------
        MissingDataError, DataFormatError
            If a file is missing, damaged, or holds no events.
        """
        from gjax.data.make_index import index_from_events_files

        return cls(*index_from_events_files(events_paths, irfs_paths))

    # ---- observations ----

    @property
    def base_dir(self) -> Path:
        """Folder of the store."""
        return self.hdu_table.base_dir

    @property
    def obs_ids(self) -> list[int]:
        """Numbers of the observations in the HDU index, sorted."""
        return self.hdu_table.obs_id_unique

    def obs(self, obs_id: int, required_irf: Any = "full-enclosure", require_events: bool = True) -> Observation:
        """Return one observation; nothing is read yet.

        Parameters
        ----------
        obs_id
            Its number.
        required_irf
            "full-enclosure" (aeff, edisp, psf, bkg), "point-like" (aeff, edisp), "all-optional" (none), or a list.
        require_events
            Whether events and good time intervals are needed.

        Raises
        ------
        MissingDataError
            If it is not in the HDU index, or a required part or its file is missing.
        ValueError
            If ``required_irf`` is unknown.
        """
        return self._observation(obs_id, _required(required_irf, require_events), {})

    def get_observations(
        self,
        obs_id: Any = None,
        skip_missing: bool = False,
        required_irf: Any = "full-enclosure",
        require_events: bool = True,
    ) -> Observations:
        """Return several observations; nothing is read yet, files shared between them will be read once.

        Parameters
        ----------
        obs_id
            Their numbers; by default all in the HDU index.
        skip_missing
            Leave out (with a warning) observations that are not there or lack a required part, instead of raising.
        required_irf, require_events
            See `obs`.

        Raises
        ------
        MissingDataError
            As in `obs`, unless ``skip_missing``.
        """
        required = _required(required_irf, require_events)
        files: dict[Path, FitsFile] = {}
        observations = []
        for number in self.obs_ids if obs_id is None else np.atleast_1d(obs_id):
            try:
                observations.append(self._observation(int(number), required, files))
            except MissingDataError as error:
                if not skip_missing:
                    raise MissingDataError(f"{error} (skip_missing=True leaves such observations out)") from error
                log.warning("left out: %s", error)
        return Observations(observations)

    def _observation(self, obs_id: int, required: Sequence[str], files: dict[Path, FitsFile]) -> Observation:
        locations = self.hdu_table.locations(obs_id, files)
        missing = [name for name in required if name not in locations]
        if missing:
            has = ", ".join(locations)
            raise MissingDataError(f"observation {obs_id}: no {', '.join(missing)} in the HDU index; it has: {has}")
        for name in required:
            if not locations[name].file.exists():
                raise MissingDataError(f"observation {obs_id}, {name}: {locations[name].path}: no such file")
        parts: dict[str, Any] = {
            name: place for name, place in locations.items() if name in ("events", "gti", *IRF_TYPES)
        }
        return Observation(obs_id, **parts, defaults=self._index_keywords(obs_id))

    def _index_keywords(self, obs_id: int) -> dict[str, Any]:
        table = self.obs_table
        keywords = {key: table.meta[key] for key in FROM_INDEX_META if key in table.meta}
        rows = np.flatnonzero(np.asarray(table["OBS_ID"]) == obs_id)
        if len(rows):
            names = [name for name in FROM_INDEX if name in table.colnames]
            keywords |= {name: _python(table[name][rows[0]]) for name in names}
        return keywords

    # ---- looking at it ----

    def check(self, obs_id: Any = None) -> list[dict[str, Any]]:
        """Health check of indices, files, events, times and responses; see `gjax.data.checks.check_data_store`."""
        from gjax.data.checks import check_data_store

        return check_data_store(self, obs_id)

    def info(self) -> str:
        """Text with the number of observations and parts."""
        types, counts = np.unique(np.asarray(self.hdu_table["HDU_TYPE"]), return_counts=True)
        parts = ", ".join(f"{name}: {count}" for name, count in zip(types, counts))
        return f"DataStore {self.base_dir}\n  {len(self.obs_ids)} observations\n  HDUs: {parts}"

    def __repr__(self) -> str:
        return f"DataStore({str(self.base_dir)!r}, {len(self.obs_ids)} observations)"

    def _repr_html_(self) -> str:
        return f"<pre>{self.info()}</pre>"


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _index_path(folder: Path, name: Any, default: str) -> Path:
    if name is not None:
        return folder / expand_path(name)
    plain = folder / default.removesuffix(".gz")
    return plain if plain.is_file() and not (folder / default).is_file() else folder / default


def _required(required_irf: Any, require_events: bool) -> tuple[str, ...]:
    if isinstance(required_irf, str):
        if required_irf not in REQUIRED_IRFS:
            raise ValueError(
                f"required_irf is {required_irf!r}, expected {', '.join(REQUIRED_IRFS)} or a list of types"
            )
        names = REQUIRED_IRFS[required_irf]
    else:
        names = tuple(required_irf)
        if unknown := set(names) - {*IRF_TYPES, "events", "gti"}:
            raise ValueError(f"required_irf holds {sorted(unknown)}, expected some of {', '.join(IRF_TYPES)}")
    return ("events", "gti", *names) if require_events else names

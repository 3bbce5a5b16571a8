"""Index tables of a data store: which observations there are, and where their parts lie."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time, TimeDelta

from gjax.data.files import FitsFile, HDULocation
from gjax.data.times import seconds_since, time_ref_from_meta, time_unit, warn_once
from gjax.errors import DataFormatError, MissingDataError
from gjax.fits import expand_path, get_column, get_hdu, open_fits, read_table, write_fits

__all__ = ["HDUIndexTable", "ObservationTable"]

log = logging.getLogger(__name__)


def _read(path: Any, hdu: str | int | None, required: Sequence[str]) -> Table:
    path = expand_path(path)
    with open_fits(path) as hdus:
        if hdu is None and len(hdus) < 2:
            raise MissingDataError(f"{path}: no index table; the file has no extension")
        if hdu is None and len(hdus) > 2:
            warn_once(__name__, f"{path}: {len(hdus) - 1} tables, the first is read; choose another with hdu=...")
        table = read_table(get_hdu(hdus, 1 if hdu is None else hdu, path), path)
    for name in required:
        if name not in table.colnames:
            raise DataFormatError(f"{path}: index table without column {name!r}; it has: {', '.join(table.colnames)}")
    if table["OBS_ID"].dtype.kind in "SU":
        try:
            table["OBS_ID"] = np.asarray(table["OBS_ID"]).astype(np.int64)
        except ValueError:
            warn_once(__name__, f"{path}: OBS_ID holds text that is no number, such as {table['OBS_ID'][0]!r}")
    table.meta["SOURCE"] = str(path)
    return table


def _numbers(table: Table, where: str) -> list[int]:
    try:
        return [int(value) for value in np.asarray(table["OBS_ID"]).tolist()]
    except ValueError as error:
        raise DataFormatError(f"{where}: OBS_ID is not a number ({error})") from error


class ObservationTable(Table):
    """Table with one row per observation (GADF ``obs-index``); selections return new tables.

    Examples
    --------
    >>> table = ObservationTable({"OBS_ID": [1, 2], "RA_PNT": [83.6, 40.0] * u.deg, "DEC_PNT": [22.0, 0.0] * u.deg})
    >>> table.select_sky_circle(SkyCoord(83.6, 22, unit="deg"), "2 deg")["OBS_ID"].tolist()
    [1]
    """

    @classmethod
    def read(cls, path: Any, hdu: str | int | None = None) -> ObservationTable:  # type: ignore[override]
        """Read an observation index; ``hdu`` is the first table by default.

        Parameters
        ----------
        path
            FITS file.
        hdu
            Name or number of the table; the first by default.

        Raises
        ------
        MissingDataError
            If file or HDU do not exist.
        DataFormatError
            If there is no column OBS_ID, or the file is damaged.
        """
        return cls(_read(path, hdu, ["OBS_ID"]), copy=False)

    def write_fits(self, path: Any, *, overwrite: bool = False) -> None:
        """Write the index to a FITS file.

        Parameters
        ----------
        path
            FITS file to write.
        overwrite
            Replace an existing file.
        """
        _write(self, "OBS_INDEX", path, overwrite)

    def _where(self) -> str:
        return str(self.meta.get("SOURCE", "observation table"))

    def _values(self, name: str, unit: str) -> np.ndarray:
        return get_column(self, name, unit, self._where(), "index", default_unit=unit).value

    @property
    def pointing_radec(self) -> SkyCoord:
        """Pointing positions in ICRS."""
        return SkyCoord(self._values("RA_PNT", "deg"), self._values("DEC_PNT", "deg"), unit="deg")

    @property
    def time_ref(self) -> Time:
        """Zero point of TSTART and TSTOP."""
        return time_ref_from_meta(self.meta, self._where())

    def _time(self, name: str) -> Time:
        unit = str(time_unit(self.meta, self._where()))
        seconds = get_column(self, name, "s", self._where(), "index", default_unit=unit).value
        return self.time_ref + TimeDelta(seconds, format="sec")

    @property
    def time_start(self) -> Time:
        """Start of each observation."""
        return self._time("TSTART")

    @property
    def time_stop(self) -> Time:
        """End of each observation."""
        return self._time("TSTOP")

    def select_obs_id(self, obs_id: Any) -> ObservationTable:
        """Return the rows of some observations, in the order asked for.

        Raises
        ------
        MissingDataError
            If an observation is not in the table.
        """
        known = {value: row for row, value in reversed(list(enumerate(_numbers(self, self._where()))))}
        wanted = [int(value) for value in np.atleast_1d(obs_id)]
        missing = [value for value in wanted if value not in known]
        if missing:
            raise MissingDataError(f"{self._where()}: no observations {missing}; the table has {len(self)} others")
        return self[[known[value] for value in wanted]]

    def select_range(self, selection_variable: str, value_range: Any, inverted: bool = False) -> ObservationTable:
        """Return rows with a column in [min, max); ``value_range`` in the unit of the column, or Quantity.

        Parameters
        ----------
        selection_variable
            Name of the column.
        value_range
            Lower and upper limit, numbers in the unit of the column, or Quantity.
        inverted
            Return the other rows.
        """
        unit = self[selection_variable].unit if selection_variable in self.colnames else None
        values = get_column(self, selection_variable, unit, self._where(), "index")
        values = values.value if isinstance(values, u.Quantity) else values
        if len(value_range) != 2:
            raise ValueError(f"expected two limits, got {len(value_range)}")
        low, high = (v.to_value(unit or "") if isinstance(v, u.Quantity) else v for v in value_range)
        mask = (values >= low) & (values < high)
        return self[~mask if inverted else mask]

    def select_sky_circle(self, center: SkyCoord, radius: Any, inverted: bool = False) -> ObservationTable:
        """Return observations that pointed within ``radius`` (Quantity or string) of a position.

        Parameters
        ----------
        center
            Position.
        radius
            Largest distance, Quantity or string [deg].
        inverted
            Return the other rows.
        """
        mask = self.pointing_radec.separation(center).deg < u.Quantity(radius).to_value("deg")
        return self[~mask if inverted else mask]

    def select_time_range(
        self, time_range: Any, partial_overlap: bool = False, inverted: bool = False
    ) -> ObservationTable:
        """Return observations inside a time range (two Time), or overlapping with it.

        Parameters
        ----------
        time_range
            Start and stop Time.
        partial_overlap
            Whether an overlap is enough.
        inverted
            Return the other rows.
        """
        reference = self.time_ref
        low, high = (float(seconds_since(time, reference)) for time in time_range)
        start, stop = (seconds_since(self._time(name), reference) for name in ("TSTART", "TSTOP"))
        mask = (stop > low) & (start < high) if partial_overlap else (start >= low) & (stop <= high)
        return self[~mask if inverted else mask]

    def select_observations(self, selections: Any = None) -> ObservationTable:
        """Return observations that fulfil all criteria.

        Parameters
        ----------
        selections
            A dict or list of dicts with ``type`` and options: ``sky_circle`` (``frame, lon, lat, radius``, optionally
            ``border``), ``time_box`` (``time_range``), ``par_box`` (``variable, value_range``); each may have
            ``inverted``.

        Raises
        ------
        ValueError
            If a type is unknown.
        """
        table = self
        for selection in [selections] if isinstance(selections, dict) else (selections or []):
            inverted = bool(selection.get("inverted", False))
            if selection.get("type") == "sky_circle":
                center = SkyCoord(u.Quantity(selection["lon"]), u.Quantity(selection["lat"]), frame=selection["frame"])
                radius = u.Quantity(selection["radius"]) + u.Quantity(selection.get("border", "0 deg"))
                table = table.select_sky_circle(center, radius, inverted)
            elif selection.get("type") == "time_box":
                table = table.select_time_range(
                    selection["time_range"], bool(selection.get("partial_overlap", False)), inverted
                )
            elif selection.get("type") == "par_box":
                table = table.select_range(selection["variable"], selection["value_range"], inverted)
            else:
                raise ValueError(f"selection {selection!r}: expected type sky_circle, time_box or par_box")
        return table


class HDUIndexTable(Table):
    """Table with one row per part of an observation (GADF ``hdu-index``).

    Examples
    --------
    >>> rows = [(3, "events", "events", "data", "a.fits", "EVENTS"), (3, "gti", "gti", "data", "a.fits", "GTI")]
    >>> names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME")
    >>> HDUIndexTable(rows=rows, names=names).hdu_location(3, "gti").path.as_posix()
    'data/a.fits'
    """

    @classmethod
    def read(cls, path: Any, hdu: str | int | None = None) -> HDUIndexTable:  # type: ignore[override]
        """Read an HDU index; paths in it are relative to its folder. ``hdu`` is the first table by default.

        Parameters
        ----------
        path
            FITS file.
        hdu
            Name or number of the table; the first by default.

        Raises
        ------
        MissingDataError
            If file or HDU do not exist.
        DataFormatError
            If a column is missing, or the file is damaged.
        """
        required = ["OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"]
        table = cls(_read(path, hdu, required), copy=False)
        table.meta["BASE_DIR"] = str(expand_path(path).parent)
        return table

    def write_fits(self, path: Any, *, overwrite: bool = False) -> None:
        """Write the index to a FITS file.

        Parameters
        ----------
        path
            FITS file to write.
        overwrite
            Replace an existing file.
        """
        _write(self, "HDU_INDEX", path, overwrite)

    @property
    def base_dir(self) -> Path:
        """Folder that FILE_DIR is relative to."""
        return Path(self.meta.get("BASE_DIR", "."))

    def file_path(self, row: int) -> Path:
        """Path of the file of one row."""
        folder = str(self["FILE_DIR"][row]).strip()
        return self.base_dir / folder / str(self["FILE_NAME"][row]).strip()

    def locations(self, obs_id: int, files: dict[Path, FitsFile] | None = None) -> dict[str, HDULocation]:
        """Where the parts of an observation lie, by HDU type.

        Parameters
        ----------
        obs_id
            Number of the observation.
        files
            Files that were opened already, shared and added to.

        Raises
        ------
        MissingDataError
            If the observation is not in the table.
        """
        files = {} if files is None else files
        found: dict[str, HDULocation] = {}
        for row in np.flatnonzero(np.asarray(self["OBS_ID"]) == obs_id).tolist():
            hdu_type, hdu_class = (str(self[name][row]).strip().lower() for name in ("HDU_TYPE", "HDU_CLASS"))
            if hdu_type in found:
                log.warning(
                    "observation %s: several rows of type %r in the HDU index, the first is taken", obs_id, hdu_type
                )
                continue
            path = self.file_path(row)
            file = files.setdefault(path, FitsFile(path))
            found[hdu_type] = HDULocation(int(obs_id), hdu_type, hdu_class, file, str(self["HDU_NAME"][row]).strip())
        if not found:
            raise MissingDataError(f"{self.meta.get('SOURCE', 'HDU index')}: no observation {obs_id}")
        return found

    def hdu_location(self, obs_id: int, hdu_type: str) -> HDULocation | None:
        """Where one part of an observation lies, or None.

        Parameters
        ----------
        obs_id
            Number of the observation.
        hdu_type
            "events", "gti", "aeff", "edisp", "psf", "bkg" or "rad_max".
        """
        return self.locations(obs_id).get(hdu_type)

    @property
    def obs_id_unique(self) -> list[int]:
        """Numbers of the observations, sorted."""
        return sorted(set(_numbers(self, str(self.meta.get("SOURCE", "HDU index")))))


def _write(table: Table, name: str, path: Any, overwrite: bool) -> None:
    from astropy.io import fits

    plain = Table(table, copy=False)
    plain.meta = {key: value for key, value in table.meta.items() if key not in ("SOURCE", "BASE_DIR")}
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(plain, name=name)])
    write_fits(hdus, path, overwrite=overwrite)

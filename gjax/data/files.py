"""Where a part of an observation lies in a file, and reading it from there when it is asked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from astropy.io import fits

from gjax.data.event_list import EventList
from gjax.data.gti import GTI
from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.fits import expand_path, get_hdu, header_to_meta, load_fits

__all__ = ["IRF_TYPES", "FitsFile", "HDULocation", "find_locations"]

IRF_TYPES = ("aeff", "edisp", "psf", "bkg", "rad_max")


class FitsFile:
    """A FITS file that is read when something in it is asked for, and then kept in memory.

    Observations that share a file (such as responses) share this object, so that it is read and decompressed once.
    Sent to another process it carries its path only.

    Parameters
    ----------
    path
        File, plain or gzipped.

    Examples
    --------
    >>> FitsFile("run.fits.gz").exists()
    False
    """

    def __init__(self, path: Any) -> None:
        self.path = Path(path)
        self.lock = threading.RLock()

    @cached_property
    def hdus(self) -> fits.HDUList:
        """All HDUs."""
        with self.lock:
            return load_fits(self.path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return expand_path(self.path).is_file()

    def __reduce__(self) -> Any:
        return FitsFile, (self.path,)

    def __repr__(self) -> str:
        return f"FitsFile({str(self.path)!r})"


@dataclass(frozen=True)
class HDULocation:
    """One part of an observation in a file.

    Parameters
    ----------
    obs_id
        Number of the observation.
    hdu_type
        "events", "gti", "aeff", "edisp", "psf", "bkg" or "rad_max".
    hdu_class
        GADF class, such as "aeff_2d"; empty to find out from the header.
    file
        The file.
    hdu_name
        Name or number of the HDU.

    Examples
    --------
    >>> HDULocation(5, "aeff", "aeff_2d", FitsFile("run.fits.gz"), "AEFF").path.name
    'run.fits.gz'
    """

    obs_id: int
    hdu_type: str
    hdu_class: str
    file: FitsFile = field(repr=False)
    hdu_name: str | int

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.file.path

    def header(self) -> dict[str, Any]:
        """Header keywords of the HDU.

        Raises
        ------
        MissingDataError, DataFormatError
            As in `load`.
        """
        return self._guarded(lambda: header_to_meta(get_hdu(self.file.hdus, self.hdu_name, self.path).header))

    def load(self) -> Any:
        """Read the part.

        Raises
        ------
        MissingDataError
            If the file or the HDU does not exist.
        DataFormatError, UnitError
            If it does not hold what it should; the message names observation, file, HDU and column.
        """
        return self._guarded(self._load)

    def _load(self) -> Any:
        if self.hdu_type == "events":
            return EventList.from_table_hdu(get_hdu(self.file.hdus, self.hdu_name, self.path), self.path)
        if self.hdu_type == "gti":
            return GTI.from_table_hdu(get_hdu(self.file.hdus, self.hdu_name, self.path), self.path)
        from gjax.irf import load_irf_hdu

        return load_irf_hdu(self.file.hdus, self.hdu_name, self.hdu_class or None, self.path)

    def _guarded(self, read: Any) -> Any:
        try:
            with self.file.lock:
                return read()
        except (MissingDataError, DataFormatError, UnitError) as error:
            raise type(error)(f"observation {self.obs_id}, {self.hdu_type}: {error}") from error


def find_locations(events: FitsFile, irfs: FitsFile | None = None) -> dict[str, HDULocation]:
    """Find the parts of an observation in the file of its events, and in that of its responses.

    Parameters
    ----------
    events
        File with an event list, normally also good time intervals.
    irfs
        File with responses; by default the same.

    Returns
    -------
    locations
        By HDU type; of several responses of one type the first is taken.

    Raises
    ------
    MissingDataError
        If there is no event list.

    Examples
    --------
    >>> import tempfile
    >>> from gjax.data import Observation
    >>> from astropy.coordinates import SkyCoord
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Observation.create(SkyCoord(83.63, 22.01, unit="deg"), livetime="1 h").write(f"{folder}/run.fits")
    ...     sorted(find_locations(FitsFile(f"{folder}/run.fits")))
    ['events', 'gti']
    """
    from gjax.irf.load import get_hdu_class

    found: dict[str, tuple[str, FitsFile, str | int]] = {}
    for number, hdu in enumerate(events.hdus):
        kind = str(hdu.header.get("HDUCLAS1", "")).strip().upper()
        for hdu_type in ("events", "gti"):
            if hdu.name.upper() == hdu_type.upper() or (kind == hdu_type.upper() and hdu_type not in found):
                found[hdu_type] = (hdu_type, events, hdu.name or number)
    if "events" not in found:
        present = ", ".join(hdu.name or str(i) for i, hdu in enumerate(events.hdus))
        raise MissingDataError(f"{events.path}: no HDU with events; the file has: {present}")
    header = events.hdus[found["events"][2]].header
    irfs = irfs or events
    for number, hdu in enumerate(irfs.hdus):
        try:
            hdu_class = get_hdu_class(hdu, irfs.path)
        except DataFormatError:  # a response of a kind that is not known here
            continue
        if hdu_class is not None and hdu_class.rpartition("_")[0] not in found:
            found[hdu_class.rpartition("_")[0]] = (hdu_class, irfs, hdu.name or number)
    obs_id = parse_obs_id(header.get("OBS_ID"))
    return {kind: HDULocation(obs_id, kind, *place) for kind, place in found.items()}


def parse_obs_id(value: Any) -> int:
    """Number of an observation; text that is no number (as HAWC writes it) gives 0.

    Parameters
    ----------
    value
        Value of the keyword OBS_ID.

    Examples
    --------
    >>> parse_obs_id(" 23523 "), parse_obs_id("chunks 103 - 133")
    (23523, 0)
    """
    try:
        return int(str(value).strip())
    except ValueError:
        return 0

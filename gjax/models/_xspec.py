"""Table models of XSPEC: spectra on a grid of one parameter."""

from __future__ import annotations

import dataclasses
import os
import zlib

import numpy as np

from gjax.errors import DataFormatError, MissingDataError
from gjax.paths import expand_path

__all__ = ["XspecTable", "read_xspec_table"]


@dataclasses.dataclass(frozen=True)
class XspecTable:
    """The contents of a table model.

    Parameters
    ----------
    values
        Values of the parameter, increasing.
    energy
        Centres of the bins in ln E [TeV].
    spectra
        Spectra, one row per value.
    """

    values: np.ndarray
    energy: np.ndarray
    spectra: np.ndarray


def read_xspec_table(filename: str | os.PathLike[str]) -> XspecTable:
    """Read a FITS file with the tables PARAMETERS, ENERGIES (in keV) and SPECTRA.

    Parameters
    ----------
    filename
        Name of the file, plain or gzip; variables are expanded.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    DataFormatError
        If it is no such file; the message names table and column.
    """
    from astropy.io import fits

    path = expand_path(filename)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    try:
        with fits.open(path, memmap=False) as hdus:
            energy = np.sqrt(
                np.prod([np.asarray(hdus["ENERGIES"].data[c], float) for c in ("ENERG_LO", "ENERG_HI")], 0)
            )
            # a value may be listed twice
            values, rows = np.unique(np.asarray(hdus["PARAMETERS"].data["VALUE"][0], float), return_index=True)
            spectra = np.asarray(hdus["SPECTRA"].data["INTPSPEC"], np.float32)
    except (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zlib.error) as error:
        tables = "PARAMETERS (VALUE), ENERGIES (ENERG_LO, ENERG_HI) and SPECTRA (INTPSPEC)"
        raise DataFormatError(f"{path}: expected the tables {tables} ({error})") from error
    if spectra.ndim != 2 or spectra.shape[1] != energy.size or rows.max() >= len(spectra) or values.size < 2:
        raise DataFormatError(
            f"{path}: SPECTRA: expected a row for each of {values.size} values and {energy.size} energies, "
            f"got shape {spectra.shape}"
        )
    if not (np.diff(energy) > 0).all() or energy[0] <= 0:
        raise DataFormatError(f"{path}: ENERGIES: expected increasing positive energies")
    return XspecTable(values, energy * 1e-9, spectra[rows])

"""OGIP redistribution matrix files (CAL/GEN/92-002): the HDUs MATRIX and EBOUNDS of an energy dispersion kernel."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.fits import get_hdu, native
from gjax.irf.columns import parse_unit
from gjax.irf.edisp_kernel import EDispKernel
from gjax.maps.axis import MapAxis

__all__ = ["kernel_from_hdulist", "kernel_to_hdulist"]

MATRIX_NAMES = ("MATRIX", "SPECRESP MATRIX")


def kernel_from_hdulist(
    hdulist: Any, hdu1: str | None = None, hdu2: str = "EBOUNDS", path: str | os.PathLike[str] = ""
) -> EDispKernel:
    """Read a kernel; energies keep the unit of the file (keV where none is given).

    The number of the first channel is TLMIN of the column F_CHAN, or without it the first CHANNEL of EBOUNDS.

    Parameters
    ----------
    hdulist
        List of HDUs.
    hdu1
        Name of the matrix HDU; by default MATRIX or SPECRESP MATRIX.
    hdu2
        Name of the HDU with the reconstructed energies.
    path
        For error messages.

    Raises
    ------
    MissingDataError
        If an HDU does not exist.
    DataFormatError
        If a column is missing or channels lie outside the matrix.
    """
    if hdu1 is None:
        hdu1 = next((name for name in MATRIX_NAMES if name in hdulist), None)
        if hdu1 is None:
            present = ", ".join(hdu.name or str(i) for i, hdu in enumerate(hdulist))
            raise MissingDataError(f"{path}: no HDU {' or '.join(MATRIX_NAMES)}; the file has: {present}")
    matrix, ebounds = get_hdu(hdulist, hdu1, path), get_hdu(hdulist, hdu2, path)
    energy_axis = _energy_axis(ebounds, "E_MIN", "E_MAX", "energy", path)
    true_axis = _energy_axis(matrix, "ENERG_LO", "ENERG_HI", "energy_true", path)
    names = matrix.columns.names
    key = f"TLMIN{names.index('F_CHAN') + 1}" if "F_CHAN" in names else ""
    first = matrix.header.get(key)
    if first is None:
        first = int(_column(ebounds, "CHANNEL", path)[0]) if "CHANNEL" in ebounds.columns.names else 1
    groups, starts, lengths, rows = (_column(matrix, name, path) for name in ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX"))
    pdf = np.zeros((true_axis.nbin, energy_axis.nbin))
    for i in range(true_axis.nbin):
        row, position = np.atleast_1d(rows[i]), 0
        count = int(groups[i])
        for start, length in zip(np.atleast_1d(starts[i])[:count], np.atleast_1d(lengths[i])[:count], strict=True):
            if length <= 0:
                continue
            low, high = int(start) - int(first), int(start) - int(first) + int(length)
            if low < 0 or high > energy_axis.nbin or position + length > row.size:
                raise DataFormatError(
                    f"{path}: HDU {matrix.name!r}: row {i + 1}: channels {start} to {start + length - 1} "
                    f"with {row.size} values do not fit {energy_axis.nbin} channels from {first} (TLMIN of F_CHAN)"
                )
            pdf[i, low:high] += row[position : position + length]
            position += int(length)
    if not np.all(np.isfinite(pdf)):
        raise DataFormatError(f"{path}: HDU {matrix.name!r}: column 'MATRIX' has NaN or infinite values")
    return EDispKernel([true_axis, energy_axis], pdf, source=f"{path}: HDU {matrix.name!r}")


def _column(hdu: Any, name: str, path: Any) -> Any:
    if not isinstance(hdu, fits.BinTableHDU):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: expected a binary table, got {type(hdu).__name__}")
    if name not in hdu.columns.names:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: no column {name!r}; it has: {', '.join(hdu.columns.names)}")
    try:
        return hdu.data[name]
    except (OSError, EOFError, TypeError, ValueError, IndexError) as error:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: cannot read the table; is the file truncated?") from error


def _energy_axis(hdu: Any, low: str, high: str, name: str, path: Any) -> MapAxis:
    first = native(np.asarray(_column(hdu, low, path))).astype(float)
    last = native(np.asarray(_column(hdu, high, path))).astype(float)
    unit = parse_unit(hdu.columns[low].unit or "keV")
    if not unit.is_equivalent("keV"):
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: column {low!r} is in {str(unit)!r}, expected an energy")
    if first.size and first[0] == 0:
        first[0] = last[0] * 1e-6  # some files start at zero, where a logarithmic axis cannot
    try:
        return MapAxis(np.append(first, last[-1:]), interp="log", name=name, unit=unit)
    except ValueError as error:
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: columns {low}, {high}: {error}") from error


def kernel_to_hdulist(kernel: EDispKernel, format: str = "ogip") -> fits.HDUList:
    """Make the HDUs PRIMARY, MATRIX and EBOUNDS.

    Parameters
    ----------
    kernel
        Energy dispersion kernel.
    format
        "ogip" keeps the energy units, "ogip-sherpa" writes keV.

    Raises
    ------
    ValueError
        If the format is unknown.
    """
    if format not in ("ogip", "ogip-sherpa"):
        raise ValueError(f"unknown RMF format {format!r}: expected ogip or ogip-sherpa")
    true, reco = kernel.axes
    if format == "ogip-sherpa":
        true, reco = true.to_unit("keV"), reco.to_unit("keV")
    starts, lengths, rows = [], [], []
    for row in kernel.data:
        change = np.diff(np.concatenate([[0], (row != 0).astype(int), [0]]))
        start, stop = np.nonzero(change == 1)[0], np.nonzero(change == -1)[0]
        starts.append(start if start.size else np.zeros(1, dtype=int))
        lengths.append(stop - start if start.size else np.zeros(1, dtype=int))
        rows.append(row[row != 0])
    letter = "I" if reco.nbin < 2**15 else "J"
    edges, unit = true.edges.value, true.unit.to_string("fits")
    columns = [
        fits.Column("ENERG_LO", "D", unit=unit, array=edges[:-1]),
        fits.Column("ENERG_HI", "D", unit=unit, array=edges[1:]),
        fits.Column("N_GRP", "I", array=np.array([start.size for start in starts])),
        fits.Column("F_CHAN", f"P{letter}()", array=_ragged(starts)),
        fits.Column("N_CHAN", f"P{letter}()", array=_ragged(lengths)),
        fits.Column("MATRIX", "PD()", array=_ragged(rows)),
    ]
    matrix = fits.BinTableHDU.from_columns(columns, name="MATRIX")
    matrix.header.update(
        {
            **_header("RSP_MATRIX"),
            "DETCHANS": reco.nbin,
            "NUMGRP": int(sum(start.size for start in starts)),
            "NUMELT": int(sum(row.size for row in rows)),
            "TLMIN4": 0,
            "TLMAX4": reco.nbin - 1,
        }
    )
    edges, unit = reco.edges.value, reco.unit.to_string("fits")
    channel = fits.Column("CHANNEL", letter, array=np.arange(reco.nbin))
    bounds = [
        fits.Column(name, "D", unit=unit, array=part) for name, part in (("E_MIN", edges[:-1]), ("E_MAX", edges[1:]))
    ]
    ebounds = fits.BinTableHDU.from_columns([channel, *bounds], name="EBOUNDS")
    ebounds.header.update({**_header("EBOUNDS"), "DETCHANS": reco.nbin, "TLMIN1": 0, "TLMAX1": reco.nbin - 1})
    return fits.HDUList([fits.PrimaryHDU(), matrix, ebounds])


def _header(hduclas2: str) -> dict[str, Any]:
    return {
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": hduclas2,
        "HDUVERS": "1.3.0" if hduclas2 == "RSP_MATRIX" else "1.2.0",
        "CHANTYPE": "PHA",
        "TELESCOP": "unknown",
        "INSTRUME": "unknown",
        "FILTER": "none",
    }


def _ragged(arrays: list[np.ndarray]) -> np.ndarray:
    ragged = np.empty(len(arrays), dtype=object)
    for i, array in enumerate(arrays):
        ragged[i] = array
    return ragged

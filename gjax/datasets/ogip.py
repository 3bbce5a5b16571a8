"""On-off spectra in OGIP files: PHA (on), BKG (off), ARF (effective area) and RMF (energy dispersion).

Energies keep the unit of the files (keV for most), areas too; every axis converts with ``axis.to_unit("TeV")``, and the
frozen likelihood works in TeV and cm whatever the files say.
"""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets._ogip_read import Spectrum, read_arf, read_spectrum, sibling
from gjax.datasets._ogip_write import arf_hdus, check_format, counts_hdus, file_names
from gjax.datasets.spectrum_on_off import SpectrumDatasetOnOff
from gjax.errors import DataFormatError
from gjax.fits import expand_path, write_atomic
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

__all__ = ["read_ogip", "write_ogip"]

log = logging.getLogger(__name__)


def read_ogip(path: str | PathLike[str], name: str | None = None) -> SpectrumDatasetOnOff:
    """Read a PHA file and the files that its keywords BACKFILE, ANCRFILE and RESPFILE name.

    A keyword that is missing or "NONE" leaves that part out: without BACKFILE there are no off counts (said in a
    warning), without ANCRFILE no exposure, without RESPFILE no energy dispersion. A named file that is not there is an
    error. QUALITY 0 gives ``mask_safe``; BACKSCAL times AREASCAL gives the acceptances, that of the off spectrum scaled
    with the ratio of the exposure times.

    Parameters
    ----------
    path
        PHA file.
    name
        Name of the dataset; by default OBS_ID, or the name of the file.

    Raises
    ------
    MissingDataError
        If a file or HDU is missing.
    DataFormatError, UnitError
        If the files are inconsistent; the message names file, HDU and column.
    """
    path = expand_path(path)
    on = read_spectrum(path)
    files = {key: sibling(on, key, path) for key in ("ANCRFILE", "RESPFILE", "BACKFILE")}
    livetime = u.Quantity(on.exposure, "s")
    fields: dict[str, Any] = {"name": name or str(on.header.get("OBS_ID", path.name.split(".")[0]))}
    kernel = None if files["RESPFILE"] is None else EDispKernel.read(files["RESPFILE"])
    axis = on.axis if on.axis is not None else None if kernel is None else kernel.axes["energy"]
    if axis is None or axis.nbin != len(on.counts):
        raise DataFormatError(f"{path}: no HDU 'EBOUNDS' with {len(on.counts)} rows, neither here nor in the RMF")
    geom = _with_axis(on.geom, axis)
    fields["counts"] = RegionNDMap(geom, data=_column(on.counts))
    fields["acceptance"] = RegionNDMap(geom, data=_column(on.acceptance))
    fields["mask_safe"] = RegionNDMap(geom, data=_column(on.good), dtype=bool)
    true_axis = None
    if files["ANCRFILE"] is not None:
        arf = read_arf(files["ANCRFILE"])
        true_axis = arf.axis
        fields["exposure"] = RegionNDMap(
            geom.to_image().to_cube([arf.axis]),
            data=_column(arf.area * on.exposure),
            unit=arf.unit * u.s,
            meta={"livetime": livetime},
        )
    else:
        log.warning("%s: no ANCRFILE, so the dataset has no exposure", path)
    if kernel is not None:
        fields["edisp"] = _aligned(kernel, true_axis, axis, path, files)
    if files["BACKFILE"] is not None:
        fields.update(_off(read_spectrum(files["BACKFILE"]), on, axis, files["BACKFILE"]))
    else:
        log.warning("%s: no BACKFILE, so the dataset has no off counts and no background estimate", path)
    if on.gti_hdu is not None:
        from gjax.data import GTI

        fields["gti"] = GTI.from_table_hdu(on.gti_hdu, path)
    return SpectrumDatasetOnOff(**fields, meta={"livetime": livetime})


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values).reshape(-1, 1, 1)


def _with_axis(geom: RegionGeom, axis: MapAxis) -> RegionGeom:
    return geom.to_image().to_cube([axis])


def _off(off: Spectrum, on: Spectrum, axis: MapAxis, path: Path) -> dict[str, Any]:
    """Off counts and acceptance of a BKG file."""
    if len(off.counts) != axis.nbin or (off.axis is not None and not tools.same_edges(axis, off.axis)):
        raise DataFormatError(f"{path}: HDU 'EBOUNDS': energies differ from those of the PHA file")
    geom = _with_axis(off.geom, axis)
    ratio = off.exposure / on.exposure if on.exposure > 0 and off.exposure > 0 else 1.0
    return {
        "counts_off": RegionNDMap(geom, data=_column(off.counts)),
        "acceptance_off": RegionNDMap(geom, data=_column(off.acceptance * ratio)),
    }


def _aligned(kernel: EDispKernel, true_axis: MapAxis | None, axis: MapAxis, path: Path, files: Any) -> EDispKernel:
    """The kernel on the axes of ARF and PHA, which often have more digits than those of the RMF."""
    if not tools.same_edges(axis, kernel.axes["energy"]):
        raise DataFormatError(f"{files['RESPFILE']}: HDU 'EBOUNDS': energies differ from those of {path}")
    if true_axis is None:
        return kernel.copy(axes=[kernel.axes["energy_true"], axis])
    if not tools.same_edges(true_axis, kernel.axes["energy_true"]):
        raise DataFormatError(
            f"{files['RESPFILE']}: HDU 'MATRIX': true energies differ from those of {files['ANCRFILE']}"
        )
    return kernel.copy(axes=[true_axis, axis])


def write_ogip(
    dataset: SpectrumDatasetOnOff, path: str | PathLike[str], *, format: str = "ogip", overwrite: bool = False
) -> Path:
    """Write PHA, BKG, ARF and RMF files of a dataset.

    Parameters
    ----------
    dataset
        Dataset with counts, acceptance and live time.
    path
        PHA file, such as ``pha_obs23523.fits``; the others are ``pha_obs23523_bkg.fits``, ``_arf``, ``_rmf``.
    format
        "ogip" keeps units, "ogip-sherpa" writes keV and cm2.
    overwrite
        Replace existing files.

    Returns
    -------
    path
        The PHA file.

    Raises
    ------
    ValueError
        If counts, acceptance or live time are missing, or the format is unknown.
    FileExistsError
        If one of the files exists and ``overwrite`` is False; then nothing is written.
    """
    check_format(format)
    path = expand_path(path)
    if dataset.livetime is None:
        raise ValueError(f"dataset {dataset.name!r}: OGIP files need a live time (exposure.meta['livetime'])")
    if dataset.counts is None or dataset.acceptance is None:
        raise ValueError(f"dataset {dataset.name!r}: OGIP files need counts and acceptance")
    names = file_names(path)
    hdus: dict[Path, fits.HDUList] = {}
    if dataset.counts_off is not None:
        hdus[path.parent / names["BACKFILE"]] = counts_hdus(dataset, names, format, is_off=True)
    if dataset.exposure is not None:
        hdus[path.parent / names["ANCRFILE"]] = arf_hdus(dataset, format)
    if dataset.edisp is not None:
        hdus[path.parent / names["RESPFILE"]] = dataset.edisp.to_hdulist(format)
    # The PHA file comes last: where it is, the others are.
    hdus[path] = counts_hdus(dataset, names, format)
    if not overwrite:
        for target in hdus:
            if target.exists():
                raise FileExistsError(f"{target} exists; pass overwrite=True to replace it")
    for target, content in hdus.items():
        write_atomic(target, content.writeto, overwrite=overwrite)
    return path

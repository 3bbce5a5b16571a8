"""Responses from files: find the class of an HDU, and read all responses of a file."""

from __future__ import annotations

import logging
import os
from typing import Any

from gjax.errors import DataFormatError
from gjax.fits import get_hdu, open_fits
from gjax.irf.background import Background2D, Background3D
from gjax.irf.effective_area import EffectiveAreaTable2D
from gjax.irf.energy_dispersion import EnergyDispersion2D
from gjax.irf.psf_parametric import EnergyDependentMultiGaussPSF, PSFKing
from gjax.irf.psf_table import PSF3D
from gjax.irf.rad_max import RadMax2D
from gjax.irf.response import AbstractResponse

__all__ = ["IRF_CLASSES", "get_hdu_class", "load_irf_dict_from_file", "load_irf_hdu"]

log = logging.getLogger(__name__)

# GADF HDU_CLASS: class. The part before the underscore is the HDU_TYPE.
IRF_CLASSES: dict[str, type[AbstractResponse]] = {
    cls.tag: cls
    for cls in (
        EffectiveAreaTable2D,
        EnergyDispersion2D,
        PSF3D,
        EnergyDependentMultiGaussPSF,
        PSFKing,
        Background2D,
        Background3D,
        RadMax2D,
    )
}
#: Responses as maps of the sky, which water Cherenkov arrays have instead of ones in the field of view.
SKY_CLASSES = ("map", "psf_map", "psf_map_reco", "edisp_map", "edisp_kernel_map")
HDU_TYPES = {"eff_area": "aeff", "rpsf": "psf", "psf": "psf", "edisp": "edisp", "bkg": "bkg", "rad_max": "rad_max"}


def get_hdu_class(hdu: Any, path: str | os.PathLike[str] = "") -> str | None:
    """Return the GADF class ("aeff_2d", ...) of a response HDU, or None if it is no response.

    Read from HDUCLAS4; CTA 1DC leaves the type out ("2D", "3GAUSS"). Without HDUCLAS4 the columns decide.

    Raises
    ------
    DataFormatError
        If HDUCLAS4 names an unknown class.
    """
    kind = str(hdu.header.get("HDUCLAS4", "")).strip().lower()
    if kind and str(hdu.header.get("HDUCLAS1", "")).strip().upper() == "RESPONSE":
        clas2 = str(hdu.header.get("HDUCLAS2", "")).strip().lower()
        for name in (kind, f"{HDU_TYPES.get(clas2, clas2)}_{kind}"):
            if name in IRF_CLASSES:
                return name
        raise DataFormatError(
            f"{path}: HDU {hdu.name!r}: unknown response HDUCLAS2={clas2.upper()!r}, HDUCLAS4={kind.upper()!r}; "
            f"known are {', '.join(name.upper() for name in IRF_CLASSES)}"
        )
    columns = set(getattr(getattr(hdu, "columns", None), "names", None) or ())
    if columns & {"BKG", "BGD"}:
        return "bkg_3d" if "DETX_LO" in columns else "bkg_2d"
    for name, cls in IRF_CLASSES.items():
        if {column for column, _ in cls.columns.values()} <= columns and (name != "edisp_2d" or "MIGRA_LO" in columns):
            return name
    return None


def load_irf_hdu(hdus: Any, name: str | int, hdu_class: str | None = None, path: str | os.PathLike[str] = "") -> Any:
    """Read one response from a list of HDUs.

    Parameters
    ----------
    hdus
        List of HDUs.
    name
        Name or number of the HDU.
    hdu_class
        GADF class as in the HDU index table ("aeff_2d", "edisp_2d", "psf_table", ...), or a map of the sky ("map",
        "psf_map", "psf_map_reco", "edisp_map", "edisp_kernel_map"); by default from the header.
    path
        For error messages.

    Raises
    ------
    MissingDataError
        If the HDU does not exist.
    DataFormatError
        If the class is unknown or the HDU does not hold such a response.
    """
    hdu = get_hdu(hdus, name, path)
    key = get_hdu_class(hdu, path) if not hdu_class else str(hdu_class).strip().lower()
    if key in SKY_CLASSES:
        return _sky_map(key, hdus, hdu.name, path)
    if key not in IRF_CLASSES:
        known = ", ".join((*IRF_CLASSES, *SKY_CLASSES))
        raise DataFormatError(f"{path}: HDU {hdu.name!r}: unknown response class {hdu_class!r}; known are {known}")
    return IRF_CLASSES[key].from_hdu(hdu, path)


def _sky_map(key: str, hdus: Any, name: str, path: str | os.PathLike[str]) -> Any:
    from gjax.irf.edisp_map import EDispKernelMap, EDispMap
    from gjax.irf.irf_map_io import read_response
    from gjax.irf.psf_map import PSFMap, RecoPSFMap
    from gjax.maps.map_io import map_from_hdulist

    if key == "map":
        return map_from_hdulist(hdus, hdu=name, path=path)
    classes = {"psf_map": PSFMap, "psf_map_reco": RecoPSFMap, "edisp_map": EDispMap, "edisp_kernel_map": EDispKernelMap}
    response = read_response(classes[key], hdus, hdu=name, path=path)
    if not isinstance(response, classes[key]):
        raise DataFormatError(f"{path}: HDU {name!r}: expected a {key}, got a {type(response).__name__}")
    return response


def load_irf_dict_from_file(filename: str | os.PathLike[str]) -> dict[str, Any]:
    """Read all responses of a file.

    Parameters
    ----------
    filename
        FITS file; HDUs that are no responses are left out, of several responses of one type the first is taken, and
        those of an unknown class are left out with a warning in the log.

    Returns
    -------
    irfs
        The responses by type: "aeff", "edisp", "psf", "bkg", "rad_max" (from the RAD_MAX keyword of a point-like
        effective area where the table is missing).

    Raises
    ------
    MissingDataError
        If the file does not exist.
    DataFormatError
        If a response in it is broken.
    """
    irfs: dict[str, Any] = {}
    with open_fits(filename) as hdus:
        for hdu in hdus:
            try:
                key = get_hdu_class(hdu, filename)
            except DataFormatError as error:
                log.warning("left out: %s", error)
                continue
            if key is None:
                continue
            kind = key.rpartition("_")[0]
            if kind in irfs:
                log.warning("%s: HDU %r left out: there is another response of type %s", filename, hdu.name, kind)
                continue
            irfs[kind] = IRF_CLASSES[key].from_hdu(hdu, filename)
    aeff = irfs.get("aeff")
    if "rad_max" not in irfs and aeff is not None and aeff.is_pointlike and "RAD_MAX" in aeff.meta:
        irfs["rad_max"] = RadMax2D.from_irf(aeff)
    return irfs

"""FITS files of reduced responses: GADF sky maps, and the formats gtpsf and gtdrm of the Fermi tools."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.irf.edisp_kernel import EDispKernel
from gjax.irf.irf_map import map_of
from gjax.maps import MapAxis, RegionGeom

__all__ = ["read_gtdrm", "read_gtpsf", "read_response", "response_hdus"]


def read_response(cls: Any, hdulist: Any, hdu: str | None = None, format: str = "gadf", path: Any = "") -> Any:
    """Read a reduced response from HDUs.

    Point spread functions with an axis "energy" come back as `RecoPSFMap`, energy dispersions with one as
    `EDispKernelMap`, whatever class was asked.

    Parameters
    ----------
    cls
        Class to read.
    hdulist
        HDUs.
    hdu
        Name of the HDU of the map; "psf" or "edisp" by default.
    format
        "gadf", "gtpsf" or "gtdrm".
    path
        File, for messages.

    Raises
    ------
    MissingDataError
        If there is no such HDU.
    DataFormatError
        If the map has other axes.
    ValueError
        If the format is unknown.
    """
    if format == "gtpsf":
        return read_gtpsf(cls, hdulist, path)
    if format == "gtdrm":
        return read_gtdrm(cls, hdulist, path)
    if format != "gadf":
        raise ValueError(f"unknown format {format!r} of a response, known are gadf, gtpsf and gtdrm")
    from gjax.maps.map_io import map_from_hdulist

    name = hdu or cls.hdu
    names = [one.name.upper() for one in hdulist]
    if name.upper() not in names:
        raise MissingDataError(f"{path}: no HDU {name.upper()!r}; the file has: {', '.join(names)}")
    irf_map = map_from_hdulist(hdulist, hdu=name, path=path)
    exposure_name = f"{name}_exposure"
    exposure = None
    if exposure_name.upper() in names:
        exposure = map_from_hdulist(hdulist, hdu=exposure_name, path=path)
    found = irf_map.geom.axes.names
    for candidate in (cls, *_siblings(cls)):
        if tuple(found[:2]) == candidate.required_axes:
            return candidate(irf_map, exposure)
    raise DataFormatError(f"{path}: HDU {name.upper()!r} has the axes {found}, expected {list(cls.required_axes)}")


def _siblings(cls: Any) -> tuple[Any, ...]:
    from gjax.irf.edisp_map import EDispKernelMap, EDispMap
    from gjax.irf.psf_map import PSFMap, RecoPSFMap

    return (PSFMap, RecoPSFMap) if cls.hdu == "psf" else (EDispMap, EDispKernelMap)


def response_hdus(response: Any, hdu: str | None = None, format: str = "gadf") -> fits.HDUList:
    """Make the HDUs of a reduced response, with an empty primary HDU.

    Parameters
    ----------
    response
        `PSFMap`, `RecoPSFMap`, `EDispMap` or `EDispKernelMap`.
    hdu
        Name of the HDU of the map; "psf" or "edisp" by default.
    format
        "gadf"; "gtpsf" for a `PSFMap` on one region.
    """
    if format == "gtpsf":
        return _gtpsf_hdus(response)
    if format != "gadf":
        raise ValueError(f"unknown format {format!r} to write a response, known are gadf and gtpsf")
    from gjax.maps.map_io import map_to_hdulist

    name = hdu or response.hdu
    result = fits.HDUList([fits.PrimaryHDU()])
    for one, extension in ((response.irf_map, name), (response.exposure_map, f"{name}_exposure")):
        if one is not None:
            result.extend(part for part in map_to_hdulist(one, hdu=extension) if part.name != "PRIMARY")
    return result


# ---- Fermi tools ----


def _table(hdulist: Any, name: str, columns: tuple[str, ...], path: Any) -> Any:
    names = [one.name.upper() for one in hdulist]
    if name not in names:
        raise MissingDataError(f"{path}: no HDU {name!r}; the file has: {', '.join(names)}")
    hdu = hdulist[names.index(name)]
    missing = [column for column in columns if column.upper() not in {c.upper() for c in hdu.columns.names}]
    if missing:
        raise DataFormatError(f"{path}: HDU {name!r} has no column {', '.join(missing)}")
    return hdu.data


def read_gtpsf(cls: Any, hdulist: Any, path: Any = "") -> Any:
    """Read a point spread function of ``gtpsf``: HDUs PSF (Energy [MeV], Exposure [cm2 s], Psf [1/sr]) and THETA [deg].

    Parameters
    ----------
    cls
        `PSFMap`.
    hdulist
        HDUs.
    path
        File, for messages.
    """
    psf = _table(hdulist, "PSF", ("Energy", "Exposure", "Psf"), path)
    theta = np.asarray(_table(hdulist, "THETA", ("Theta",), path)["Theta"], dtype=float)
    energy = np.asarray(psf["Energy"], dtype=float)
    rad_axis = MapAxis.from_nodes(theta, unit="deg", name="rad")
    energy_axis = MapAxis.from_nodes(energy, unit="MeV", name="energy_true", interp="log")
    geom = RegionGeom.create(None, axes=[rad_axis, energy_axis])
    exposure = np.asarray(psf["Exposure"], dtype=float).reshape(geom.squash("rad").data_shape)
    return cls(
        map_of(geom, np.asarray(psf["Psf"], dtype=float).reshape(geom.data_shape), "sr-1"),
        map_of(geom.squash("rad"), exposure, "cm2 s"),
    )


def _gtpsf_hdus(response: Any) -> fits.HDUList:
    if response.required_axes != ("rad", "energy_true") or not response.has_single_spatial_bin:
        raise ValueError("the format gtpsf holds a PSFMap at one position; see PSFMap.to_region_nd_map")
    if response.exposure_map is None:
        raise ValueError("the format gtpsf needs an exposure_map")
    rad, energy = response.axes["rad"], response.axes["energy_true"]
    theta = fits.BinTableHDU.from_columns([fits.Column("Theta", "D", "deg", array=rad.center.to_value("deg"))])
    theta.name = "THETA"
    psf = fits.BinTableHDU.from_columns(
        [
            fits.Column("Energy", "D", "MeV", array=energy.center.to_value("MeV")),
            fits.Column("Exposure", "D", "cm2 s", array=_single(response.exposure_map, "cm2 s")[:, 0]),
            fits.Column("Psf", f"{rad.nbin}D", "sr-1", array=_single(response.psf_map, "sr-1")),
        ]
    )
    psf.name = "PSF"
    return fits.HDUList([fits.PrimaryHDU(), psf, theta])


def _single(one: Any, unit: str) -> np.ndarray:
    return np.asarray(u.Quantity(one.data[..., 0, 0], one.unit).to_value(unit))


def read_gtdrm(cls: Any, hdulist: Any, path: Any = "") -> Any:
    """Read an energy dispersion of ``gtdrm``: the HDU DRM (ENERG_LO, ENERG_HI [MeV], MATRIX).

    The reconstructed energies are the true ones without as many on either side as the matrix has fewer columns.

    Parameters
    ----------
    cls
        `EDispKernelMap`.
    hdulist
        HDUs.
    path
        File, for messages.
    """
    drm = _table(hdulist, "DRM", ("ENERG_LO", "ENERG_HI", "MATRIX"), path)
    edges = np.append(drm["ENERG_LO"], drm["ENERG_HI"][-1]).astype(float)
    true = MapAxis.from_energy_edges(edges, unit="MeV", name="energy_true")
    matrix = np.array([np.asarray(row, dtype=float) for row in drm["MATRIX"]])
    margin, rest = divmod(true.nbin - matrix.shape[1], 2)
    if rest or margin < 0:
        raise DataFormatError(
            f"{path}: HDU 'DRM': {true.nbin} true and {matrix.shape[1]} reconstructed energies; expected as many, or "
            "the same number of additional true energies on both sides"
        )
    reco = true.slice(slice(margin, true.nbin - margin)).copy(name="energy")
    return cls.from_edisp_kernel(EDispKernel([true, reco], matrix, source=str(path)))

"""FITS files of map datasets: one HDU per map, as Gammapy has them."""

from __future__ import annotations

import datetime
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.fits import expand_path, header_to_meta, open_fits, read_table, write_fits

__all__ = ["read_map_dataset", "write_map_dataset"]

#: Fields that are written as maps, in the order of the HDUs.
MAPS = ("counts", "exposure", "background")
MASKS = ("mask_safe", "mask_fit")
ON_OFF = ("counts_off", "acceptance", "acceptance_off")
RESPONSES = ("edisp", "psf")
# What is kept of the free entries of a dataset.
SIMPLE = str | int | float | bool
NOT_META = ("NAME", "CREATOR", "CREATED", "ORIGIN", "EXTNAME", "CHECKSUM", "DATASUM", "EXTEND")


def read_map_dataset(cls: Any, path: str | PathLike[str], *, name: str | None = None, format: str = "gadf") -> Any:
    """Read a map dataset; see `gjax.datasets.MapDataset.read`.

    Parameters
    ----------
    cls
        `MapDataset` or `MapDatasetOnOff`.
    path
        FITS file.
    name
        Name of the dataset; by default the one in the file, otherwise that of the file.
    format
        "gadf".
    """
    if format != "gadf":
        raise ValueError(f"format is {format!r}, expected 'gadf'")
    from gjax.maps.wcs_io import meta_from_header

    path = expand_path(path)
    with open_fits(path) as hdus:
        names = {hdu.name for hdu in hdus}
        if not names & {field.upper() for field in (*MAPS, *ON_OFF)}:
            present = ", ".join(hdu.name or str(i) for i, hdu in enumerate(hdus))
            raise MissingDataError(
                f"{path}: no map dataset: no HDU COUNTS, EXPOSURE or BACKGROUND; the file has: {present}"
            )
        header = hdus[0].header
        fields: dict[str, Any] = {"name": name or header.get("NAME") or path.name.split(".")[0]}
        on_off = "acceptance" in cls.__dataclass_fields__
        for field in (*MAPS, *MASKS, *ON_OFF):
            if field.upper() in names and field in cls.__dataclass_fields__:
                fields[field] = _read_map(hdus, field, path)
        if not on_off and names & {field.upper() for field in ON_OFF}:
            raise DataFormatError(f"{path}: this is on-off data (HDU COUNTS_OFF): read it with MapDatasetOnOff")
        for field in RESPONSES:
            if field.upper() in names and field in cls.__dataclass_fields__:
                fields[field] = _read_response(hdus, field, path)
        if "psf" not in cls.__dataclass_fields__:
            _as_spectrum(fields, path)
        if "GTI" in names:
            from gjax.data import GTI

            fields["gti"] = GTI.from_table_hdu(hdus["GTI"], path)
        if "META_TABLE" in names:
            fields["meta_table"] = read_table(hdus["META_TABLE"], path)
        plain = {key: value for key, value in header_to_meta(header).items() if key not in (*NOT_META, "META")}
        fields["meta"] = {**plain, **meta_from_header(header)}
        try:
            return cls(**fields)
        except (UnitError, DataFormatError) as error:
            raise type(error)(f"{path}: {error}") from error
        except ValueError as error:
            raise DataFormatError(f"{path}: {error}") from error


def _read_map(hdus: Any, field: str, path: Path) -> Any:
    from gjax.maps.map_io import map_from_hdulist
    from gjax.maps.wcs_io import meta_from_header

    if field in MASKS and isinstance(hdus[field.upper()], fits.ImageHDU):
        values = hdus[field.upper()].data
        if not np.all((values == 0) | (values == 1)):
            raise DataFormatError(
                f"{path}: HDU {field.upper()!r} has values other than 0 and 1: weights are not supported"
            )
    found = map_from_hdulist(hdus, hdu=field.upper(), path=path)
    if field in MASKS:
        return found.copy(data=found.data.astype(bool), unit="")
    if field == "exposure":
        if "energy" in found.geom.axes.names:
            found = found.rename_axes(["energy"], ["energy_true"])
        meta = found.meta or meta_from_header(hdus["EXPOSURE"].header)
        if "livetime" in meta:
            meta = {**meta, "livetime": u.Quantity(meta["livetime"])}
        found = found.copy(data=found.data, meta=meta)
    return found if found.data.dtype == np.float64 else found.copy(data=found.data.astype(float))


def _as_spectrum(fields: dict[str, Any], path: Path) -> None:
    """Check that the maps are spectra of one region, and take the energy dispersion out of its map."""
    for field in (*MAPS, *MASKS):
        if field in fields and not getattr(fields[field].geom, "is_region", False):
            raise DataFormatError(f"{path}: HDU {field.upper()!r} holds images, no spectrum: read it with MapDataset")
    if "edisp" in fields:
        axis = next(fields[field].geom.axes["energy"] for field in (*MAPS[::2], *MASKS) if field in fields)
        fields["edisp"] = fields["edisp"].get_edisp_kernel(energy_axis=axis)


def _read_response(hdus: Any, field: str, path: Path) -> Any:
    from gjax.irf import EDispMap, PSFMap
    from gjax.irf.irf_map_io import read_response

    response = read_response({"edisp": EDispMap, "psf": PSFMap}[field], hdus, hdu=field, path=path)
    for one in (response.irf_map, response.exposure_map):
        if one is not None and one.data.size and not np.isfinite(one.data).any():
            raise DataFormatError(f"{path}: HDU {field.upper()!r} (or its exposure) has no finite value")
    return response


def write_map_dataset(dataset: Any, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a map dataset; see `gjax.datasets.MapDataset.write`."""
    return write_fits(dataset_to_hdulist(dataset), path, overwrite=overwrite)


def dataset_to_hdulist(dataset: Any) -> fits.HDUList:
    """HDUs of a map dataset: NAME in the primary header, then one image per map, GTI and META_TABLE."""
    from gjax.maps.map_io import map_to_hdulist
    from gjax.maps.wcs_io import meta_to_header

    primary = fits.PrimaryHDU()
    primary.header["NAME"] = dataset.name
    plain = _plain(dataset.meta)
    primary.header.update(plain)
    rest = {
        key: value
        for key, value in dataset.meta.items()
        if key not in (*plain, *NOT_META) and isinstance(value, SIMPLE)
    }
    if rest:
        primary.header["META"] = meta_to_header(rest)
    hdus = fits.HDUList([primary])

    def add(given: Any, name: str) -> None:
        parts = [hdu for hdu in map_to_hdulist(given, hdu=name) if hdu.name != "PRIMARY"]
        if given.meta and "META" not in parts[0].header:
            parts[0].header["META"] = meta_to_header(given.meta)
        hdus.extend(parts)

    for field in MAPS:
        value = getattr(dataset, field) if field in dataset.__dataclass_fields__ else None
        if value is not None:
            add(value, field.upper())
    for field in RESPONSES:
        value = getattr(dataset, field) if field in dataset.__dataclass_fields__ else None
        if value is None:
            continue
        if field == "edisp" and hasattr(value, "pdf_matrix"):
            value = _kernel_map(value, dataset)
        if not hasattr(value, "to_hdulist") or not hasattr(value, "irf_map"):
            raise TypeError(
                f"dataset {dataset.name!r}: a {type(value).__name__} as {field} cannot be written, only maps of it"
            )
        hdus.extend(hdu for hdu in value.to_hdulist() if hdu.name != "PRIMARY")
    for field in (*MASKS, *ON_OFF):
        value = getattr(dataset, field, None) if field in dataset.__dataclass_fields__ else None
        if value is not None:
            add(value, field.upper())
    if dataset.gti is not None:
        hdus.append(dataset.gti.to_table_hdu())
    if dataset.meta_table is not None:
        hdus.append(fits.BinTableHDU(Table(dataset.meta_table), name="META_TABLE"))
    _sign(hdus)
    return hdus


def _kernel_map(kernel: Any, dataset: Any) -> Any:
    from gjax.irf import EDispKernelMap

    response = EDispKernelMap.from_edisp_kernel(kernel, dataset.counts.geom.to_image())
    if dataset.exposure is None or not getattr(dataset.counts.geom, "is_region", False):
        return response
    on_axes = response.exposure_map
    exposure = on_axes.copy(data=dataset.exposure.data.reshape(on_axes.data.shape), unit=dataset.exposure.unit)
    return EDispKernelMap(response.edisp_map, exposure)


def _plain(meta: Any) -> dict[str, Any]:
    """Entries that fit into a FITS header."""
    return {
        key: value
        for key, value in meta.items()
        if len(key) <= 8 and key.upper() == key and isinstance(value, SIMPLE) and key not in NOT_META
    }


def _sign(hdus: fits.HDUList) -> None:
    from gjax import __version__

    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    for hdu in hdus:
        hdu.header["CREATOR"], hdu.header["CREATED"] = f"gjax {__version__}", now

"""FITS files of flux maps, as Gammapy has them: one image HDU per quantity, the reference model in a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from gjax.data import GTI
from gjax.errors import DataFormatError, MissingDataError
from gjax.estimators.flux_maps import SED_TYPES, SUFFIXES, UNITS, FluxMaps
from gjax.fits import expand_path, open_fits, write_fits
from gjax.maps.map_io import map_from_hdulist, map_to_hdulist
from gjax.models import Models, SkyModel

__all__ = ["read_flux_maps", "write_flux_maps"]

BOOLS = ("success", "is_ul")


def write_flux_maps(flux_maps: FluxMaps, path: Any, sed_type: str, *, overwrite: bool = False) -> Path:
    """Write flux maps and their reference model; see `FluxMaps.write`."""
    path = expand_path(path)
    maps = flux_maps.to_maps(sed_type)
    model_path = path.with_name(path.name.split(".fits")[0] + "_model.yaml")
    if not overwrite:
        for file in (path, model_path):
            if file.exists():
                raise FileExistsError(f"{file} exists; use overwrite=True")
    primary = fits.PrimaryHDU()
    primary.header["SED_TYPE"] = sed_type
    primary.header["MODEL"] = model_path.as_posix()
    for key in ("n_sigma", "n_sigma_ul"):
        if key in flux_maps.meta:
            primary.header[key.upper() if len(key) <= 8 else f"HIERARCH {key.upper()}"] = flux_maps.meta[key]
    hdus = fits.HDUList([primary])
    for name, one in maps.items():
        hdus.extend(map_to_hdulist(one, name)[1:])
    if flux_maps.gti is not None:
        hdus.append(flux_maps.gti.to_table_hdu())
    model = flux_maps.reference_model
    model = model if isinstance(model, SkyModel) else SkyModel(model, name="reference")
    model_path.parent.mkdir(parents=True, exist_ok=True)
    Models([model]).write(model_path, overwrite=overwrite)
    return write_fits(hdus, path, overwrite=overwrite)


def read_flux_maps(path: Any, reference_model: Any = None) -> FluxMaps:
    """Read flux maps and their reference model; see `FluxMaps.read`."""
    path = expand_path(path)
    with open_fits(path) as hdus:
        header = hdus[0].header
        names = [hdu.name for hdu in hdus if getattr(hdu, "is_image", False) and hdu.data is not None and hdu.name]
        maps = {name.lower(): map_from_hdulist(hdus, name, path) for name in names}
        sed_type = header.get("SED_TYPE") or next(
            (s for s in SED_TYPES if ("norm" if s == "likelihood" else s) in maps), None
        )
        meta = {key: header[key.upper()] for key in ("n_sigma", "n_sigma_ul") if key.upper() in header}
        gti = GTI.from_table_hdu(hdus["GTI"], path) if "GTI" in hdus else None
        file = header.get("MODEL")
    prefix = "norm" if sed_type == "likelihood" else sed_type
    if prefix not in maps:
        raise DataFormatError(f"{path}: no flux maps: expected an HDU {str(prefix).upper()!r}, there are: {names}")
    if reference_model is None and file:
        reference_model = _read_model(file, path)
    for name in BOOLS:
        if name in maps:
            maps[name] = maps[name].copy(data=np.nan_to_num(maps[name].data) > 0.5)
    if sed_type == "likelihood":
        return FluxMaps(maps, reference_model, gti, meta)
    if sed_type not in UNITS:
        raise DataFormatError(f"{path}: SED_TYPE is {sed_type!r}, expected one of {', '.join(SED_TYPES)}")
    like = FluxMaps({"norm": maps[sed_type]}, reference_model)
    factor = like.reference_flux(sed_type)[:, np.newaxis, np.newaxis]
    norms = {}
    for name, one in maps.items():
        suffix = name.removeprefix(sed_type)
        if name.startswith(sed_type) and suffix in SUFFIXES:
            values = one.quantity.to_value(UNITS[sed_type])
            norms[f"norm{suffix}"] = one.copy(data=values / factor, unit="")
        else:
            norms[name] = one
    return FluxMaps(norms, like.reference_model, gti, meta)


def _read_model(file: str, path: Path) -> Any:
    """Return the first model of a file, looked for where it is said to be and beside the maps."""
    for place in (Path(file), path.parent / file, path.parent / Path(file).name):
        if place.is_file():
            return Models.read(place)[0]
    raise MissingDataError(f"{path}: the reference model {file!r} is neither there nor beside it; give reference_model")

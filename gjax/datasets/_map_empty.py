"""Map datasets without contents, and within their safe mask."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.datasets._map_fields import RECO_FIELDS, reference_map

__all__ = ["empty_fields", "geoms", "to_masked"]


def _empty_map(geom: Any, **kwargs: Any) -> Any:
    from gjax.maps import Map

    return Map.from_geom(geom, **kwargs)


def empty_fields(geom: Any, geom_exposure: Any, geom_psf: Any, geom_edisp: Any, reference_time: Any) -> dict[str, Any]:
    """Fields of a dataset of zeros on given geometries; see `gjax.datasets.MapDataset.from_geoms`."""
    from gjax.data import GTI
    from gjax.irf import EDispKernelMap, EDispMap, PSFMap, RecoPSFMap

    fields: dict[str, Any] = {
        "counts": _empty_map(geom),
        "background": _empty_map(geom),
        "mask_safe": _empty_map(geom, dtype=bool),
        "gti": GTI.create([] * u.s, [] * u.s, reference_time=reference_time),
    }
    if geom_exposure is not None:
        fields["exposure"] = _empty_map(geom_exposure, unit="m2 s")
    if geom_edisp is not None:
        kind = EDispKernelMap if "energy" in geom_edisp.axes.names else EDispMap
        fields["edisp"] = kind.from_geom(geom_edisp)
    if geom_psf is not None:
        fields["psf"] = (PSFMap if "energy_true" in geom_psf.axes.names else RecoPSFMap).from_geom(geom_psf)
    return fields


def geoms(dataset: Any) -> dict[str, Any]:
    """Geometries of the parts that a dataset has."""
    found = {"geom": reference_map(dataset).geom}
    if dataset.exposure is not None:
        found["geom_exposure"] = dataset.exposure.geom
    for field in ("psf", "edisp"):
        response = getattr(getattr(dataset, field), f"{field}_map", None)
        if response is not None:
            found[f"geom_{field}"] = response.geom
    return found


def _zeros(given: Any) -> Any:
    return given.copy(data=np.zeros_like(given.data), meta={})


def to_masked(dataset: Any, name: str | None = None) -> Any:
    """Dataset with everything outside the safe mask set to zero; responses are masked as stacking does it."""
    from gjax.datasets.map_stacking import stack_map_datasets

    if dataset.mask_safe is None:
        return dataset.copy(name=name)
    changes: dict[str, Any] = {"meta_table": None, "gti": None}
    for field in (*RECO_FIELDS, "exposure"):
        value = getattr(dataset, field) if field in dataset.__dataclass_fields__ else None
        if value is not None:
            changes[field] = _zeros(value)
    changes["mask_fit"] = None
    for field in ("psf", "edisp"):
        value = getattr(dataset, field)
        # Responses are stacked if they carry their exposure; others (of one position, or none) are kept.
        weighted = (
            getattr(value, "exposure_map", None) is not None and "energy_true" in value.exposure_map.geom.axes.names
        )
        maps = (getattr(value, f"{field}_map"), value.exposure_map) if weighted else ()
        changes[field] = type(value)(*(_zeros(one) for one in maps)) if maps else None
    stacked = stack_map_datasets(dataset.copy(**changes), [dataset], name=name)
    kept = {field: getattr(dataset, field) for field in ("psf", "edisp") if changes[field] is None}
    return stacked.copy(name=name, **kept) if kept else stacked

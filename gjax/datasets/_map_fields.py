"""What map datasets share: their fields, checks of geometries and values, masks; functions of maps and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets._names import make_name
from gjax.errors import UnitError

__all__ = [
    "RECO_FIELDS",
    "any_energy",
    "as_map",
    "as_map_mask",
    "check_map",
    "reference_map",
    "same_sky",
    "settle_maps",
]

#: Fields that are maps on the axis "energy".
RECO_FIELDS = ("counts", "background", "counts_off", "acceptance", "acceptance_off", "mask_safe", "mask_fit")

# A negative background this much below the largest value is round-off of an interpolation, not an error.
ROUND_OFF = 1e-6


def reference_map(dataset: Any) -> Any:
    """The first map on the axis "energy"."""
    for field in ("counts", "counts_off", "acceptance", "background", "mask_safe", "mask_fit"):
        found = getattr(dataset, field, None) if field in dataset.__dataclass_fields__ else None
        if found is not None:
            return found
    raise ValueError(f"dataset {dataset.name!r} has no counts, so no geometry")


def same_sky(first: Any, second: Any, *, shift: bool = False) -> bool:
    """Whether two geometries have the same pixels on the sky.

    Parameters
    ----------
    first, second
        Geometries with any other axes.
    shift
        Allow that one covers another part of the same grid (as a cutout does).
    """
    if first is second:
        return True
    if getattr(first, "is_region", False) or getattr(second, "is_region", False):
        # Regions are compared by kind only: a file may hold the same circle as a polygon in another frame.
        return getattr(first, "is_region", False) == getattr(second, "is_region", False)
    if not hasattr(first, "wcs") or not hasattr(second, "wcs"):
        return type(first) is type(second) and first.data_shape[-1] == second.data_shape[-1]
    if not shift and first.data_shape[-2:] != second.data_shape[-2:]:
        return False
    if first.wcs is second.wcs:
        return True
    one, two = first.wcs.wcs, second.wcs.wcs
    if list(one.ctype) != list(two.ctype) or not np.all(np.abs(one.crval - two.crval) <= 1e-6):
        return False
    offset = one.crpix - two.crpix
    if not np.all(np.abs(offset - np.round(offset) if shift else offset) <= 1e-3):
        return False
    scales, other = first.wcs.pixel_scale_matrix, second.wcs.pixel_scale_matrix
    return bool(np.all(np.abs(scales - other) <= 1e-12 + 1e-6 * np.abs(other)))


def any_energy(mask: Any) -> np.ndarray:
    """Pixels that are in the mask at any energy, as a bool array (lat, lon)."""
    data = np.asarray(mask.data, dtype=bool)
    return np.asarray(data.reshape(-1, *data.shape[-2:]).any(axis=0))


def as_map(values: Any, like: Any) -> Any:
    """Map of a number, an array over energy, an array, or a map."""
    if hasattr(values, "geom"):
        return values
    values = np.asarray(values, dtype=float)
    if values.ndim == 1:
        values = values[:, np.newaxis, np.newaxis]
    return like.copy(data=np.array(np.broadcast_to(values, like.geom.data_shape)), unit="", meta={})


def as_map_mask(mask: Any, like: Any, field: str, name: str | None) -> Any:
    """Bool map of a mask given as a map or an array; raises where it holds anything but 0 and 1."""
    if mask is None:
        return None
    if hasattr(mask, "geom") and mask.is_bool:
        return mask
    values = np.asarray(getattr(mask, "data", mask))
    if values.dtype != bool and not np.all((values == 0) | (values == 1)):
        raise ValueError(f"dataset {name!r}: {field} has values other than True and False")
    if hasattr(mask, "geom"):
        return mask.copy(data=values.astype(bool), unit="")
    if like is None:
        raise ValueError(f"dataset {name!r}: {field} as an array needs counts, which give the geometry")
    try:
        data = np.broadcast_to(values.astype(bool), like.geom.data_shape).copy()
    except ValueError as error:
        shapes = f"{values.shape}, expected {like.geom.data_shape}"
        raise ValueError(f"dataset {name!r}: {field} has the shape {shapes}") from error
    return like.copy(data=data, unit="", meta={})


def check_map(name: str | None, field: str, values: np.ndarray, mask: np.ndarray | None = None) -> None:
    """Raise ValueError if values are negative or not finite in the mask; round-off below zero is let pass."""
    if values.size == 0 or values.dtype == bool:
        return
    low, high = values.min(), values.max()
    # A NaN makes both comparisons false.
    if low >= -ROUND_OFF * max(high, 0.0) and high < np.inf:
        return
    bad = ~np.isfinite(values)
    scale = np.abs(values[~bad]).max() if not bad.all() else 0.0
    bad |= values < -ROUND_OFF * scale
    if mask is not None:
        bad &= mask
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"dataset {name!r}: {field} is negative or not finite in {int(bad.sum())} bins of mask_safe, the first is "
            f"{first}: {values[first]}"
        )


def settle_maps(dataset: Any, source: Any = None) -> None:
    """Complete and check the fields of a map dataset; called once by the constructors.

    Parameters
    ----------
    dataset
        Dataset.
    source
        Dataset of which it is a copy with changes: values of maps that are the same are not checked again.
    """
    name = make_name(dataset.name)
    object.__setattr__(dataset, "name", name)
    like = next((m for m in (dataset.counts, getattr(dataset, "counts_off", None)) if m is not None), None)
    if like is None and "background" in dataset.__dataclass_fields__:
        like = dataset.background
    for field in ("mask_safe", "mask_fit"):
        object.__setattr__(dataset, field, as_map_mask(getattr(dataset, field), like, field, name))
    present = [field for field in RECO_FIELDS if dataset.__dict__.get(field) is not None]
    if present:
        first = reference_map(dataset)
        for field in present:
            _check_geom(name, first.geom, getattr(dataset, field).geom, field)
    if dataset.exposure is not None:
        _check_exposure(dataset, like)
    _check_responses(dataset, like)
    _check_values(dataset, present, None if source is None or _is_grown(dataset, source) else source)


def _is_grown(dataset: Any, source: Any) -> bool:
    """Whether bins are safe that were not."""
    new, old = dataset.mask_safe, source.mask_safe
    if old is None or new is old:
        return False
    return new is None or new.data.shape != old.data.shape or bool(np.any(new.data > old.data))


def _check_values(dataset: Any, present: list[str], source: Any) -> None:
    """Check the values of maps that are not those of the source."""
    inside = None if dataset.mask_safe is None else dataset.mask_safe.data
    for field in (*present, "exposure"):
        given = getattr(dataset, field)
        if given is None or given.is_blank or given.is_bool or given is getattr(source, field, None):
            continue
        mask = inside if field != "exposure" or inside is None else any_energy(dataset.mask_safe)
        check_map(dataset.name, field, given.data, mask)


def _check_geom(name: str | None, geom: Any, other: Any, field: str) -> None:
    if "energy" not in other.axes.names:
        raise ValueError(f"dataset {name!r}: {field} needs an axis named 'energy', got {other.axes.names}")
    if other is geom:
        return
    tools.check_axes(name, geom.axes["energy"], other.axes["energy"], f"the first map and {field}")
    if not same_sky(geom, other) or geom.data_shape != other.data_shape:
        raise ValueError(f"dataset {name!r}: {field} has another geometry than the counts: {other} and {geom}")


def _check_exposure(dataset: Any, like: Any) -> None:
    exposure = dataset.exposure
    if "energy_true" not in exposure.geom.axes.names:
        raise ValueError(f"dataset {dataset.name!r}: exposure needs an axis named 'energy_true'")
    if not exposure.unit.is_equivalent("m2 s"):
        raise UnitError(f"dataset {dataset.name!r}: exposure is in {str(exposure.unit)!r}, expected a unit like 'm2 s'")
    if like is not None and not same_sky(like.geom, exposure.geom):
        raise ValueError(f"dataset {dataset.name!r}: exposure has other pixels than the counts")


def _check_responses(dataset: Any, like: Any) -> None:
    """Energy axes of the dispersion and of the point spread function against those of counts and exposure."""
    pairs = [("edisp", getattr(dataset.edisp, "edisp_map", dataset.edisp))]
    pairs.append(("psf", getattr(dataset.psf, "psf_map", dataset.psf)))
    for field, response in pairs:
        axes = getattr(getattr(response, "geom", response), "axes", None)
        if axes is None:
            continue
        if like is not None and "energy" in axes.names:
            tools.check_axes(dataset.name, like.geom.axes["energy"], axes["energy"], f"counts and {field}")
        # The point spread function may have an energy axis of its own.
        if field == "edisp" and dataset.exposure is not None and "energy_true" in axes.names:
            axis = dataset.exposure.geom.axes["energy_true"]
            tools.check_axes(dataset.name, axis, axes["energy_true"], f"exposure and {field}")

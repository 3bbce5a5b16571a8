"""Parts and coarser versions of spectra in reconstructed energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np

from gjax.datasets._stacking import stack_acceptance
from gjax.maps import MapAxis, RegionNDMap

__all__ = ["energy_slice", "resample_energy_axis", "slice_by_energy", "slice_by_idx"]

RECO_FIELDS = ("counts", "background", "counts_off", "acceptance", "acceptance_off", "mask_safe", "mask_fit")


def _reco_maps(dataset: Any) -> dict[str, RegionNDMap]:
    """Maps on the axis "energy" that are fields of a dataset."""
    names = [name for name in RECO_FIELDS if name in dataset.__dataclass_fields__]
    return {name: getattr(dataset, name) for name in names if getattr(dataset, name) is not None}


def slice_by_idx(dataset: Any, slices: Mapping[str, slice], name: str | None = None) -> Any:
    """Return the bins of reconstructed energy that a slice selects; true energy is left whole."""
    unknown = [axis for axis in slices if axis != "energy"]
    if unknown:
        raise ValueError(f"dataset {dataset.name!r} is sliced along 'energy' only, got {unknown}")
    chosen: dict[str, Any] = {"energy": slices["energy"]}
    changes: dict[str, Any] = {key: value.slice_by_idx(chosen) for key, value in _reco_maps(dataset).items()}
    if dataset.edisp is not None:
        changes["edisp"] = dataset.edisp.slice_by_idx(chosen)
    return dataset.copy(name=name, **changes)


def slice_by_energy(dataset: Any, energy_min: Any = None, energy_max: Any = None, name: str | None = None) -> Any:
    """Return the bins between two energies, rounded to the nearest edges.

    Raises
    ------
    ValueError
        If no bin is left.
    """
    return slice_by_idx(dataset, {"energy": energy_slice(dataset.energy_axis, energy_min, energy_max)}, name)


def energy_slice(axis: MapAxis, energy_min: Any = None, energy_max: Any = None) -> slice:
    """Bins between two energies, rounded to the nearest edges.

    Raises
    ------
    ValueError
        If no bin is left.

    Examples
    --------
    >>> energy_slice(MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4), "3 TeV", None)
    slice(1, 4, None)
    """
    low = axis.edges[0] if energy_min is None else u.Quantity(energy_min)
    high = axis.edges[-1] if energy_max is None else u.Quantity(energy_max)
    groups = axis.group_table(u.Quantity([low.to(axis.unit), high.to(axis.unit)]))
    group = groups[groups["bin_type"] == "normal"][0]
    return slice(int(group["idx_min"]), int(group["idx_max"]) + 1)


def resample_energy_axis(dataset: Any, energy_axis: MapAxis, name: str | None = None) -> Any:
    """Return a dataset in coarser bins: safe bins are summed, acceptances keep the background estimate.

    A new bin is safe (to be fitted) if any of its old bins is. The acceptances follow the rule of stacking, with the
    old bins in place of datasets.
    """
    maps = _reco_maps(dataset)
    old = dataset.energy_axis
    groups = old.group_table(energy_axis.edges)
    groups = groups[groups["bin_type"] == "normal"]
    changes: dict[str, Any] = {}
    for field in ("mask_safe", "mask_fit"):
        if field in maps:
            changes[field] = maps[field].resample_axis(energy_axis, ufunc=np.logical_or)
    weights = maps.get("mask_safe")
    for field in ("counts", "background", "counts_off"):
        if field in maps:
            changes[field] = maps[field].resample_axis(energy_axis, weights=weights)
    on_off = ("acceptance", "acceptance_off", "counts_off")
    if all(field in maps for field in on_off):
        safe = np.ones(old.nbin, dtype=bool) if weights is None else weights.data[:, 0, 0]
        values = [maps[field].data[:, 0, 0] for field in on_off]
        on, off = [], []
        for row in groups:
            part = slice(int(row["idx_min"]), int(row["idx_max"]) + 1)
            pair = stack_acceptance(*(v[part, np.newaxis] for v in values), safe[part, np.newaxis])  # type: ignore[call-arg]
            on.append(pair[0][0])
            off.append(pair[1][0])
        template = changes["counts_off"]
        changes["acceptance"] = template.copy(data=np.array(on))
        changes["acceptance_off"] = template.copy(data=np.array(off))
    elif "acceptance" in maps:
        changes["acceptance"] = maps["acceptance"].resample_axis(energy_axis, weights=weights)
        if "acceptance_off" in maps:
            changes["acceptance_off"] = maps["acceptance_off"].resample_axis(energy_axis, weights=weights)
    if dataset.edisp is not None:
        axis = next(iter(changes.values())).geom.axes["energy"]
        factors = None if weights is None else weights.data.ravel()
        kernel_axis = axis.to_unit(dataset.edisp.axes["energy"].unit)
        changes["edisp"] = dataset.edisp.resample_energy_axis(kernel_axis, weights=factors)
    return dataset.copy(name=name, **changes)

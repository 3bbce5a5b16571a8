"""Parts and coarser versions of map datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np

from gjax.datasets._map_fields import RECO_FIELDS, any_energy, as_map_mask, reference_map, same_sky
from gjax.datasets._map_weights import pixel_sums
from gjax.datasets._stacking import stack_acceptance
from gjax.maps import MapAxis
from gjax.maps.cutouts import cutouts

__all__ = ["cutout", "downsample", "pad", "resample_energy_axis", "slice_by_idx"]

ON_OFF = ("acceptance", "acceptance_off", "counts_off")


def _reco_maps(dataset: Any) -> dict[str, Any]:
    """Maps on the axis "energy" that are fields of a dataset."""
    names = [name for name in RECO_FIELDS if name in dataset.__dataclass_fields__]
    return {name: getattr(dataset, name) for name in names if getattr(dataset, name) is not None}


def cutout(dataset: Any, position: Any, width: Any, mode: str = "trim", name: str | None = None) -> Any:
    """Return the part around a position; see `gjax.datasets.MapDataset.cutout`."""
    width = u.Quantity(width, "deg") if not isinstance(width, str) else u.Quantity(width)
    maps = _reco_maps(dataset) | ({} if dataset.exposure is None else {"exposure": dataset.exposure})
    changes: dict[str, Any] = dict(zip(maps, cutouts(maps.values(), position, width, mode)))
    if mode == "partial" and "mask_safe" not in changes:
        # Pixels outside of the map hold no data.
        mask = as_map_mask(np.ones(dataset.data_shape, bool), reference_map(dataset), "mask_safe", dataset.name)
        changes["mask_safe"] = mask.cutout(position=position, width=width, mode=mode)
    for field in ("psf", "edisp"):
        response = getattr(dataset, field)
        if hasattr(response, "cutout"):
            # Responses are coarser: what lies around the cutout is kept as far as it is there.
            changes[field] = response.cutout(position, width, "trim")
    return dataset.copy(name=name, **changes)


def pad(dataset: Any, pad_width: Any, name: str | None = None) -> Any:
    """Return the dataset with pixels added at all sides; see `gjax.datasets.MapDataset.pad`."""
    maps = _reco_maps(dataset)
    if "mask_safe" not in maps:
        like = reference_map(dataset)
        maps["mask_safe"] = as_map_mask(np.ones(dataset.data_shape, bool), like, "mask_safe", dataset.name)
    changes = {field: value.pad(pad_width=pad_width, mode="constant") for field, value in maps.items()}
    if dataset.exposure is not None:
        changes["exposure"] = dataset.exposure.pad(pad_width=pad_width, mode="edge")
    return dataset.copy(name=name, **changes)


def slice_by_idx(dataset: Any, slices: Mapping[str, slice], name: str | None = None) -> Any:
    """Return the bins of reconstructed energy that a slice selects; true energy is left whole."""
    if list(slices) != ["energy"] or not isinstance(slices["energy"], slice):
        raise ValueError(f"dataset {dataset.name!r} is sliced along 'energy' only, by a slice; got {dict(slices)}")
    chosen: dict[str, Any] = {"energy": slices["energy"]}
    changes: dict[str, Any] = {field: value.slice_by_idx(chosen) for field, value in _reco_maps(dataset).items()}
    for field in ("psf", "edisp"):
        response = getattr(dataset, field)
        if response is not None and "energy" in response.axes.names:
            changes[field] = response.slice_by_idx(chosen)
    return dataset.copy(name=name, **changes)


def _safe(dataset: Any) -> np.ndarray:
    if dataset.mask_safe is None:
        return np.ones(dataset.data_shape, dtype=bool)
    return dataset.mask_safe.data


def resample_energy_axis(dataset: Any, energy_axis: MapAxis, name: str | None = None) -> Any:
    """Return a dataset in coarser energy bins: safe bins are summed, acceptances keep the background estimate.

    A new bin is safe (to be fitted) if any of its old bins is.
    """
    maps, safe = _reco_maps(dataset), _safe(dataset)
    groups = dataset.energy_axis.group_table(energy_axis.edges)
    groups = groups[groups["bin_type"] == "normal"]
    parts = [slice(int(row["idx_min"]), int(row["idx_max"]) + 1) for row in groups]
    changes: dict[str, Any] = {}
    for field in maps:
        if field.startswith("mask"):
            changes[field] = maps[field].resample_axis(energy_axis, ufunc=np.logical_or)
        elif field not in ON_OFF or field == "counts_off":
            changes[field] = _zero_unsafe(maps[field], safe).resample_axis(energy_axis)
    if all(field in maps for field in ON_OFF):
        template = changes["counts_off"]
        groups_of = [[maps[field].data[part] for field in ON_OFF] + [safe[part]] for part in parts]
        changes.update(_acceptances(template, groups_of, axis=0))
    if hasattr(dataset.edisp, "resample_energy_axis"):
        changes["edisp"] = dataset.edisp.resample_energy_axis(energy_axis, weights=_edisp_weights(dataset))
    if dataset.psf is not None and "energy" in dataset.psf.axes.names:
        changes["psf"] = _merge_reco_psf(dataset, parts, next(iter(changes.values())).geom.axes["energy"])
    return dataset.copy(name=name, **changes)


def _merge_reco_psf(dataset: Any, parts: list[slice], axis: MapAxis) -> Any:
    """Point spread function in coarser energy bins: the mean for the counts of a power law with index 2.

    What a source with another spectrum would need differs where the bins are wide.
    """
    weights = np.ones(dataset.energy_axis.nbin)
    if dataset.exposure is not None and dataset.edisp is not None:
        true = dataset.exposure.geom.axes["energy_true"]
        edges = true.edges.to_value("TeV")
        exposure = dataset.exposure.data.mean(axis=(-2, -1))
        kernel = dataset.edisp
        if hasattr(kernel, "get_edisp_kernel"):
            kernel = kernel.get_edisp_kernel(energy_axis=dataset.energy_axis)
        weights = (exposure * (1 / edges[:-1] - 1 / edges[1:])) @ kernel.pdf_matrix
    psf_map = dataset.psf.psf_map
    planes = []
    for part in parts:
        share = weights[part] if weights[part].sum() > 0 else np.ones(part.stop - part.start)
        planes.append(np.tensordot(share / share.sum(), np.nan_to_num(psf_map.data[part]), axes=1))
    rad = psf_map.geom.axes["rad"]
    geom = psf_map.geom.to_image().to_cube([rad, axis])
    # Without exposure: a weight in true energy does not go with bins of reconstructed energy.
    return type(dataset.psf)(psf_map.copy(geom=geom, data=np.array(planes)), None)


def _edisp_weights(dataset: Any) -> Any:
    """Part of every pixel of the energy dispersion that is safe at an energy, among what is safe at any energy."""
    if dataset.mask_safe is None or dataset.mask_safe.data.all():
        return None
    edisp_map, mask = dataset.edisp.edisp_map, dataset.mask_safe
    safe = np.asarray(mask.data, dtype=float)
    if not getattr(edisp_map.geom, "is_region", False) and not same_sky(mask.geom, edisp_map.geom):
        both = np.concatenate([safe, any_energy(mask)[np.newaxis]])
        sums = pixel_sums(both, mask.geom, edisp_map.geom)
        # Where nothing is safe, nothing is counted either.
        safe = np.divide(sums[:-1], sums[-1], out=np.ones_like(sums[:-1]), where=sums[-1] > 0)
    return edisp_map.copy(data=np.broadcast_to(safe, edisp_map.data.shape).copy(), unit="", meta={})


def _zero_unsafe(given: Any, safe: np.ndarray) -> Any:
    return given if safe.all() else given.copy(data=np.where(safe, given.data, 0.0))


def _acceptances(template: Any, groups: list[Any], axis: int) -> dict[str, Any]:
    """Acceptances of merged bins: per group the rule of stacking, with the old bins in place of datasets."""
    pairs = [stack_acceptance(*group) for group in groups]
    on, off = (np.stack([pair[i] for pair in pairs], axis=axis) for i in (0, 1))
    return {"acceptance": template.copy(data=on), "acceptance_off": template.copy(data=off)}


def downsample(dataset: Any, factor: int, axis_name: str | None = None, name: str | None = None) -> Any:
    """Return the dataset in larger pixels (or energy bins): safe bins are summed, the exposure is averaged.

    A new pixel is safe (to be fitted) if any of its old pixels is. Responses are not changed.

    Raises
    ------
    ValueError
        If the factor does not divide the number of pixels.
    """
    if axis_name is not None:
        if axis_name != "energy":
            raise ValueError(f"dataset {dataset.name!r}: axis_name is {axis_name!r}, expected None or 'energy'")
        return resample_energy_axis(dataset, dataset.energy_axis.downsample(factor), name)
    if factor == 1:
        return dataset.copy(name=name)
    maps, safe = _reco_maps(dataset), _safe(dataset)
    geom = reference_map(dataset).geom.downsample(factor)
    blocks = _blocks(safe, factor)
    changes: dict[str, Any] = {}
    for field, value in maps.items():
        if field.startswith("mask"):
            data = _blocks(value.data, factor).any(axis=0)
        elif field in ("acceptance", "acceptance_off"):
            continue
        else:
            data = np.sum(_blocks(value.data, factor), axis=0, where=blocks)
        changes[field] = value.copy(geom=geom, data=data)
    if all(field in maps for field in ON_OFF):
        group = [_blocks(maps[field].data, factor) for field in ON_OFF] + [blocks]
        on, off = stack_acceptance(*group)  # type: ignore[call-arg]
        changes["acceptance"] = changes["counts_off"].copy(data=on)
        changes["acceptance_off"] = changes["counts_off"].copy(data=off)
    if dataset.exposure is not None:
        exposure = dataset.exposure
        changes["exposure"] = exposure.copy(
            geom=exposure.geom.downsample(factor), data=_blocks(exposure.data, factor).mean(axis=0)
        )
    return dataset.copy(name=name, **changes)


def _blocks(data: np.ndarray, factor: int) -> np.ndarray:
    """Old pixels of every new pixel, as first axis."""
    *leading, n_y, n_x = data.shape
    if n_y % factor or n_x % factor:
        raise ValueError(f"an image of {n_x} x {n_y} pixels cannot be downsampled by {factor}")
    split = data.reshape(*leading, n_y // factor, factor, n_x // factor, factor)
    n = len(leading)
    moved = np.moveaxis(split, (n + 1, n + 3), (0, 1))
    return moved.reshape(factor * factor, *moved.shape[2:])

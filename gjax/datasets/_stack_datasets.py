"""Stacking of datasets: collects the arrays of many spectra and builds one spectrum from their sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets import _stacking
from gjax.datasets._names import make_name
from gjax.maps import RegionNDMap

__all__ = ["stack_datasets"]


def stack_datasets(datasets: Sequence[Any], *, name: str | None = None, edisp_weights: str = "exposure") -> Any:
    """Sum spectra of one kind into one spectrum, or map datasets into one (see `stack_map_datasets`).

    Counts and backgrounds are summed inside each safe mask, exposures over datasets with any safe bin, the energy
    dispersion is averaged (see `gjax.datasets._stacking`), safe masks and fit masks are combined with "or", good time
    intervals are united. The result has the region of the first dataset. Datasets without a safe bin add nothing.

    Parameters
    ----------
    datasets
        `SpectrumDataset` or `SpectrumDatasetOnOff`, all of one type and with the same energy axes; or map datasets on
        the geometry of the first or on cutouts of it.
    name
        Name of the result.
    edisp_weights
        What the energy dispersion is averaged with. "exposure": the stacked prediction is the sum of the predictions.
        "edisp_exposure": the exposure before containment correction, as Gammapy does, which shifts predictions by
        some percent where the containment differs between runs; needs datasets with ``edisp_exposure``. Map datasets
        have no containment correction: both are the same for them.

    Raises
    ------
    ValueError
        If the datasets differ in type or axes, if some but not all of them have a part (such as off counts), or if
        safe bins have no off acceptance.
    """
    datasets = list(datasets)
    if not datasets:
        raise ValueError("there is no dataset to stack")
    if edisp_weights not in ("exposure", "edisp_exposure"):
        raise ValueError(f"edisp_weights is {edisp_weights!r}, expected 'exposure' or 'edisp_exposure'")
    first = datasets[0]
    if hasattr(first, "psf"):
        return _stack_maps(datasets, name)
    for other in datasets[1:]:
        if type(other) is not type(first):
            raise ValueError(
                f"cannot stack {type(first).__name__} {first.name!r} and {type(other).__name__} {other.name!r}"
            )
        tools.check_axes(other.name, first.energy_axis, other.energy_axis, f"it and dataset {first.name!r}")
        if first.exposure is not None and other.exposure is not None:
            axis, other_axis = (dataset.exposure.geom.axes["energy_true"] for dataset in (first, other))
            tools.check_axes(other.name, axis, other_axis, f"it and dataset {first.name!r}")
    n_bins = first.energy_axis.nbin
    masks = np.array(
        [np.ones(n_bins, bool) if d.mask_safe is None else d.mask_safe.data[:, 0, 0] for d in datasets], dtype=bool
    )
    used = np.any(masks, axis=1).tolist()
    # Empty datasets only lend their axes; if all are empty, the first stands for them.
    chosen = [d for d, safe in zip(datasets, used) if safe] or [first]
    masks = masks[used] if any(used) else masks[:1]
    geom = first.counts.geom if first.counts is not None else chosen[0].energy_axis

    def rows(field: str, unit: Any = None) -> np.ndarray | None:
        maps = _all_or_none(chosen, field)
        if maps is None:
            return None
        return np.array([(m if unit is None or m.unit == unit else m.to_unit(unit)).data[:, 0, 0] for m in maps])

    fields: dict[str, Any] = {"name": name}
    counts = rows("counts")
    if counts is not None:
        fields["counts"] = tools.on_geom(geom, _stacking.stack_counts(counts, masks))
    fields.update(_responses(chosen, masks, rows, edisp_weights))
    fields.update(
        _on_off(chosen, masks, rows, geom) if hasattr(first, "acceptance_off") else _background(masks, rows, geom)
    )
    if any(d.mask_safe is not None for d in datasets):
        fields["mask_safe"] = masks.any(axis=0)
    fit_masks = [d.mask_fit.data[:, 0, 0] for d in chosen if d.mask_fit is not None]
    if fit_masks:
        fields["mask_fit"] = np.logical_or.reduce(fit_masks)
    fields["gti"] = _gti([d.gti for d in chosen if d.gti is not None])
    tables = [d.meta_table for d in chosen if d.meta_table is not None]
    if tables:
        from astropy.table import vstack

        fields["meta_table"] = vstack(tables, metadata_conflicts="silent")
    fields["meta"] = _meta(chosen)
    return type(first)(**fields)


def _stack_maps(datasets: list[Any], name: str | None) -> Any:
    from gjax.datasets.map_stacking import stack_map_datasets

    wrong = [d for d in datasets if type(d) is not type(datasets[0])]
    if wrong:
        first, other = datasets[0], wrong[0]
        raise ValueError(
            f"cannot stack {type(first).__name__} {first.name!r} and {type(other).__name__} {other.name!r}"
        )
    return stack_map_datasets(datasets[0].to_masked(), datasets[1:], name=name or make_name())


def _meta(datasets: list[Any]) -> dict[str, Any]:
    """Entries of all datasets: one value where they agree, else the list of values; live times are summed."""
    meta: dict[str, Any] = {}
    for key in dict.fromkeys(key for dataset in datasets for key in dataset.meta):
        values = [dataset.meta[key] for dataset in datasets if key in dataset.meta]
        same = all(value is values[0] or repr(value) == repr(values[0]) for value in values)
        meta[key] = values[0] if same else values
    times = [dataset.livetime for dataset in datasets]
    meta.pop("livetime", None)
    if all(time is not None for time in times):
        meta["livetime"] = sum(times[1:], times[0])
    return meta


def _all_or_none(datasets: list[Any], field: str) -> list[Any] | None:
    """The field of every dataset; None if none has it."""
    values = [getattr(dataset, field) for dataset in datasets]
    lacking = [dataset.name for dataset, value in zip(datasets, values) if value is None]
    if not lacking:
        return values
    if len(lacking) == len(values):
        return None
    raise ValueError(f"cannot stack: datasets {', '.join(lacking[:5])} have no {field}, the others have")


def _responses(datasets: list[Any], masks: np.ndarray, rows: Any, edisp_weights: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    exposure_maps = _all_or_none(datasets, "exposure")
    if exposure_maps is None:
        return fields
    reference = exposure_maps[0]
    times = [dataset.livetime for dataset in datasets]
    known = masks.any() and all(time is not None for time in times)
    meta = {**reference.meta, "livetime": sum(times[1:], times[0])} if known else {}
    exposures = rows("exposure", reference.unit)
    total = _stacking.stack_exposure(exposures, masks)
    fields["exposure"] = RegionNDMap(
        reference.geom, data=total.reshape(reference.data.shape), unit=reference.unit, meta=meta
    )
    if all(dataset.edisp_exposure is not None for dataset in datasets):
        raw = rows("edisp_exposure", reference.unit)
        summed = _stacking.stack_exposure(raw, masks).reshape(reference.data.shape)
        fields["edisp_exposure"] = RegionNDMap(reference.geom, data=summed, unit=reference.unit)
    elif edisp_weights == "edisp_exposure":
        raise ValueError("edisp_weights='edisp_exposure' needs datasets with edisp_exposure")
    kernels = _all_or_none(datasets, "edisp")
    if kernels is not None:
        weights = raw if edisp_weights == "edisp_exposure" else exposures
        matrices = np.array([kernel.pdf_matrix for kernel in kernels])
        fields["edisp"] = kernels[0].copy(data=_stacking.stack_response(matrices, weights, masks))
    return fields


def _background(masks: np.ndarray, rows: Any, geom: Any) -> dict[str, Any]:
    background = rows("background")
    if background is None:
        return {}
    return {"background": tools.on_geom(geom, _stacking.stack_counts(background, masks))}


def _on_off(datasets: list[Any], masks: np.ndarray, rows: Any, geom: Any) -> dict[str, Any]:
    parts = {field: rows(field) for field in ("acceptance", "acceptance_off", "counts_off")}
    if any(values is None for values in parts.values()):
        if masks.any():
            lacking = ", ".join(field for field, values in parts.items() if values is None)
            raise ValueError(f"cannot stack: datasets {datasets[0].name!r} and so on have safe bins but no {lacking}")
        return {}
    undefined = masks & (parts["acceptance"] > 0) & ~(parts["acceptance_off"] > 0)
    if undefined.any():
        names = [dataset.name for dataset, row in zip(datasets, undefined) if row.any()]
        raise ValueError(
            f"cannot stack: in datasets {', '.join(names[:5])} safe bins have acceptance_off 0, that is no off region "
            "and no background estimate; take them out of mask_safe or leave the datasets out"
        )
    on, off = _stacking.stack_acceptance(parts["acceptance"], parts["acceptance_off"], parts["counts_off"], masks)
    return {
        "counts_off": tools.on_geom(geom, _stacking.stack_counts(parts["counts_off"], masks)),
        "acceptance": tools.on_geom(geom, on),
        "acceptance_off": tools.on_geom(geom, off),
    }


def _gti(intervals: list[Any]) -> Any:
    if not intervals:
        return None
    return type(intervals[0]).from_stack(intervals).union()

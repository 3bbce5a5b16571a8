"""Running sums of map datasets: one copy of every array of the target, to which datasets are added in place."""

from __future__ import annotations

import logging
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table, vstack

from gjax.datasets._map_fields import reference_map, same_sky
from gjax.datasets._map_weights import mask_at_centres, pixel_sums, safe_fractions
from gjax.datasets.map_stacking import overlap

__all__ = ["ResponseSum", "Stack", "join_tables"]

log = logging.getLogger(__name__)


class ResponseSum:
    """Sum of responses weighted by exposure.

    Parameters
    ----------
    response
        `PSFMap`, `EDispMap` or `EDispKernelMap` with an exposure map; its values are the first term.
    field
        "psf" or "edisp".
    name
        Name of the dataset, for messages.
    geom
        Geometry of its counts.
    weights
        "fraction" or "centre", see `gjax.datasets.stack_map_datasets`.
    """

    def __init__(self, response: Any, field: str, name: str, geom: Any, weights: str) -> None:
        self.response, self.field, self.weights = response, field, weights
        irf, exposure = self.parts(response, name)
        self.exposure = _sum_of(exposure)
        self.weighted = _sum_of(irf) if irf.is_blank else np.nan_to_num(irf.data) * self.exposure
        self.n_pixels: np.ndarray | None = None
        if weights == "fraction" and not getattr(geom, "is_region", False) and not same_sky(geom, irf.geom):
            self.n_pixels = pixel_sums(np.ones((1, *geom.data_shape[-2:])), geom, irf.geom)[0]

    def parts(self, response: Any, name: str) -> tuple[Any, Any]:
        """Response and exposure maps; ValueError where they cannot be stacked."""
        if type(response) is not type(self.response):
            raise ValueError(
                f"cannot stack dataset {name!r}: its {self.field} is a {type(response).__name__}, expected a "
                f"{type(self.response).__name__}"
            )
        irf = getattr(response, f"{self.field}_map", None)
        exposure = getattr(response, "exposure_map", None)
        if irf is None or exposure is None or "energy_true" not in irf.geom.axes.names:
            raise ValueError(
                f"cannot stack dataset {name!r}: its {self.field} ({type(response).__name__}) has no exposure map in "
                "true energy to weight it with"
            )
        return irf, exposure

    def add(self, response: Any, mask: Any, name: str) -> None:
        """Add the response of a dataset with its safe mask (None for all)."""
        irf, exposure = self.parts(response, name)
        own = getattr(self.response, f"{self.field}_map")
        if irf.data.shape[:-2] != own.data.shape[:-2]:
            raise ValueError(
                f"cannot stack dataset {name!r}: its {self.field} has the axes {irf.geom.axes.shape}, expected "
                f"{own.geom.axes.shape} ({', '.join(own.geom.axes.names)})"
            )
        common = overlap(own.geom, irf.geom)
        if common is None:
            return
        inner, outer = (Ellipsis, *common[0]), (Ellipsis, *common[1])
        weights = np.nan_to_num(exposure.data[outer]) * exposure.unit.to(self.response.exposure_map.unit)
        image = per_bin = np.ones(1)
        if mask is not None:
            per_bin, image = self._safe_parts(mask, irf.geom, inner, outer)
        # Array order (energy_true, energy or migra or rad, lat, lon).
        factor = weights * (per_bin if "energy" in irf.geom.axes.names else image) * irf.unit.to(own.unit)
        factor = np.broadcast_to(factor, (len(weights), *factor.shape[1:]))
        # One energy at a time, so that products stay in the processor's cache.
        for total, values, one in zip(self.weighted[inner], irf.data[outer], factor):
            total += (values if np.isfinite(values).all() else np.nan_to_num(values)) * one
        self.exposure[inner] += weights * image

    def _safe_parts(self, mask: Any, coarse: Any, inner: Any, outer: Any) -> tuple[np.ndarray, np.ndarray]:
        """Safe part of the pixels of the response: per energy, and at any energy."""
        data = np.asarray(mask.data, dtype=bool)
        both = np.concatenate([data, data.any(axis=0, keepdims=True)])
        if getattr(coarse, "is_region", False) or same_sky(mask.geom, coarse):
            parts = both.astype(float)
        elif self.n_pixels is None:
            parts = mask_at_centres(both, mask.geom, coarse).astype(float)
        else:
            n_pixels = np.zeros(coarse.data_shape[-2:])
            n_pixels[outer[1:]] = self.n_pixels[inner[1:]]
            parts = safe_fractions(both, mask.geom, coarse, n_pixels)
        parts = parts[outer]
        image = parts[-1]
        if self.n_pixels is None:
            image = parts[:-1].any(axis=0).astype(float)
        return parts[:-1], image

    def result(self) -> Any:
        """The averaged response, 0 where there is no exposure; it takes the place of the sum."""
        irf, exposure = self.parts(self.response, "")
        positive = np.broadcast_to(self.exposure > 0, self.weighted.shape)
        data = np.divide(self.weighted, self.exposure, out=self.weighted, where=positive)
        data[~positive] = 0.0
        return type(self.response)(irf.copy(data=data), exposure.copy(data=self.exposure))


class Stack:
    """Sum of a target dataset and others; see `gjax.datasets.stack_map_datasets`."""

    def __init__(self, target: Any, response_weights: str = "fraction") -> None:
        self.target, self.geom = target, reference_map(target).geom
        self.on_off = "acceptance" in target.__dataclass_fields__
        self.sums: dict[str, np.ndarray] = {}
        fields = ("counts", "exposure") if self.on_off else ("counts", "background", "exposure")
        for field in fields:
            if getattr(target, field) is not None:
                self.sums[field] = _sum_of(getattr(target, field))
        self.masks = {
            field: np.array(getattr(target, field).data)
            for field in ("mask_safe", "mask_fit")
            if getattr(target, field) is not None
        }
        self.responses = {
            field: ResponseSum(getattr(target, field), field, target.name, self.geom, response_weights)
            for field in ("psf", "edisp")
            if getattr(target, field) is not None
        }
        if self.on_off:
            self._start_on_off()
        # Only what is small is kept of each dataset, so that their arrays can go.
        self.times: list[Any] = []
        self.intervals: list[Any] = []
        self.tables: list[Any] = []
        self._note(target, used="mask_safe" not in self.masks or bool(self.masks["mask_safe"].any()))

    def _note(self, dataset: Any, *, used: bool) -> None:
        """Keep times and table of a dataset."""
        if used:
            self.times.append(dataset.livetime)
        if dataset.gti is not None:
            self.intervals.append(dataset.gti)
        if dataset.meta_table is not None:
            self.tables.append(dataset.meta_table)

    def _start_on_off(self) -> None:
        zeros = np.zeros(self.geom.data_shape)
        target = self.target
        for field in ("counts_off", "acceptance", "acceptance_off"):
            given = getattr(target, field)
            self.sums[field] = zeros.copy() if given is None else np.array(given.data, dtype=float)
        background = None if target.counts_off is None else target.background
        self.sums["on_off_background"] = zeros if background is None else np.nan_to_num(background.data)

    def add(self, dataset: Any) -> None:
        """Add a dataset within its safe mask."""
        geom = reference_map(dataset).geom
        common = overlap(self.geom, geom)
        if common is None:
            return
        inner, outer = (Ellipsis, *common[0]), (Ellipsis, *common[1])
        safe = np.ones(geom.data_shape, dtype=bool) if dataset.mask_safe is None else dataset.mask_safe.data
        safe = self._defined(dataset, safe)
        self._report_lost(dataset, safe, outer)
        part = safe[outer]
        values = {field: getattr(dataset, field) for field in self.sums if field in FIELDS}
        if self.on_off:
            values["on_off_background"] = dataset.background
        for field, value in values.items():
            if value is not None:
                total = self.sums[field][inner]
                np.add(total, value.data[outer], out=total, where=part)
        self._add_exposure(dataset, safe)
        self._add_masks(dataset, part, inner, outer)
        self._note(dataset, used=bool(safe.any()))

    def _defined(self, dataset: Any, safe: np.ndarray) -> np.ndarray:
        """The safe bins without those of on-off data that have no background estimate."""
        if "acceptance" not in dataset.__dataclass_fields__:
            return safe
        missing = [f for f in ("counts_off", "acceptance", "acceptance_off") if getattr(dataset, f) is None]
        if missing:
            if safe.any():
                raise ValueError(f"cannot stack dataset {dataset.name!r}: it has safe bins but no {', '.join(missing)}")
            return safe
        undefined = safe & (dataset.acceptance.data > 0) & ~(dataset.acceptance_off.data > 0)
        if not undefined.any():
            return safe
        counts = 0.0 if dataset.counts is None else float(dataset.counts.data[undefined].sum())
        log.warning(
            "dataset %r: %d safe bins with %g counts have acceptance_off 0, so no background estimate; they are left "
            "out of the stack",
            *(dataset.name, int(undefined.sum()), counts),
        )
        return safe & ~undefined

    def _report_lost(self, dataset: Any, safe: np.ndarray, outer: Any) -> None:
        if dataset.counts is None or safe[outer].size == safe.size:
            return
        everything = float(np.sum(dataset.counts.data, where=safe))
        lost = everything - float(np.sum(dataset.counts.data[outer], where=safe[outer]))
        if lost > 0:
            log.warning("dataset %r: %g of %g counts lie outside of the stack", dataset.name, lost, everything)

    def _add_exposure(self, dataset: Any, safe: np.ndarray) -> None:
        mask = None if dataset.mask_safe is None else dataset.mask_safe.copy(data=safe)
        if "exposure" in self.sums and dataset.exposure is not None:
            common = overlap(self.target.exposure.geom, dataset.exposure.geom)
            if common is not None:
                total = self.sums["exposure"][(Ellipsis, *common[0])]
                factor = dataset.exposure.unit.to(self.target.exposure.unit)
                values = dataset.exposure.data[(Ellipsis, *common[1])]
                image = np.any(safe[(Ellipsis, *common[1])], axis=0)
                np.add(total, values if factor == 1 else values * factor, out=total, where=image)
        elif "exposure" in self.sums and safe.any():
            raise ValueError(f"cannot stack dataset {dataset.name!r}: it has no exposure")
        for field, response in self.responses.items():
            given = getattr(dataset, field)
            if given is None and safe.any():
                raise ValueError(f"cannot stack dataset {dataset.name!r}: it has no {field}")
            if given is not None:
                response.add(given, mask, dataset.name)

    def _add_masks(self, dataset: Any, safe: np.ndarray, inner: Any, outer: Any) -> None:
        if "mask_safe" in self.masks:
            self.masks["mask_safe"][inner] |= safe
        if dataset.mask_fit is not None:
            total = self.masks.setdefault("mask_fit", np.zeros(self.geom.data_shape, dtype=bool))
            total[inner] |= dataset.mask_fit.data[outer]

    def fields(self) -> dict[str, Any]:
        """Fields of the stacked dataset."""
        like, sums = reference_map(self.target), self.sums
        fields: dict[str, Any] = {
            field: like.copy(data=values, unit="", meta={}) for field, values in sums.items() if field in FIELDS
        }
        for field in ("counts", "background"):
            if field in fields and getattr(self.target, field) is not None:
                fields[field] = getattr(self.target, field).copy(data=sums[field])
        for field, mask in self.masks.items():
            fields[field] = like.copy(data=mask, unit="", meta={})
        if "exposure" in sums:
            meta = {key: value for key, value in self.target.exposure.meta.items() if key != "livetime"}
            if self.times and all(time is not None for time in self.times):
                meta["livetime"] = u.Quantity([time.to_value("s") for time in self.times], "s").sum()
            fields["exposure"] = self.target.exposure.copy(data=sums["exposure"], meta=meta)
        fields.update({field: response.result() for field, response in self.responses.items()})
        if self.on_off:
            fields["acceptance_off"] = like.copy(data=self._acceptance_off(), unit="", meta={})
        fields["gti"] = type(self.intervals[0]).from_stack(self.intervals).union() if self.intervals else None
        fields["meta_table"] = join_tables(self.tables)
        return fields

    def _acceptance_off(self) -> np.ndarray:
        """Off acceptance that keeps the background estimate; the mean ratio where there are no off counts."""
        on, off, background = (self.sums[key] for key in ("acceptance", "counts_off", "on_off_background"))
        total_off, total_background = off.sum(), background.sum()
        if total_off > 0 and total_background > 0:
            fallback = on * (total_off / total_background)
        else:
            fallback = self.sums["acceptance_off"]
        return np.divide(on * off, background, out=fallback.copy(), where=(off > 0) & (background > 0))


def _sum_of(given: Any) -> np.ndarray:
    """Start of a running sum: the values of a map."""
    return np.zeros(given.geom.data_shape) if given.is_blank else np.array(given.data, dtype=float)


FIELDS = ("counts", "background", "counts_off", "acceptance", "acceptance_off")


def join_tables(tables: list[Any]) -> Any:
    """Tables of observations below each other; tables whose one row holds arrays are unrolled. None if there is none.

    Examples
    --------
    >>> join_tables([Table({"OBS_ID": [[1, 2]]}), Table({"OBS_ID": [3]})])["OBS_ID"].tolist()
    [1, 2, 3]
    """
    if not tables:
        return None
    unrolled = [_unroll(table) for table in tables]
    if len(unrolled) == 1:
        return unrolled[0]
    try:
        return vstack(unrolled, metadata_conflicts="silent")
    except Exception as error:  # columns that do not fit together, as different programs write them
        log.warning("the tables of observations cannot be joined (%s): the stack has none", error)
        return None


def _unroll(table: Any) -> Table:
    if len(table) != 1 or not all(np.ndim(table[name]) == 2 for name in table.colnames):
        return Table(table)
    columns = {name: table[name][0] for name in table.colnames}
    if len({len(values) for values in columns.values()}) != 1:
        return Table(table)
    return Table(columns, meta=table.meta)

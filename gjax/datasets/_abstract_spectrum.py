"""What spectra with known background and with off counts have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import astropy.units as u
import numpy as np

from gjax.datasets import _spectrum_tools as tools
from gjax.maps import MapAxis, RegionNDMap

__all__ = ["AbstractSpectrumDataset", "reference_map"]


class AbstractSpectrumDataset:
    """Counts and exposure of one region; the classes are `SpectrumDataset` and `SpectrumDatasetOnOff`."""

    counts: RegionNDMap | None
    exposure: RegionNDMap | None
    background: Any
    edisp: Any
    mask_safe: RegionNDMap | None
    mask_fit: RegionNDMap | None
    gti: Any
    name: str | None
    meta_table: Any
    meta: Mapping[str, Any]
    edisp_exposure: RegionNDMap | None

    tag: ClassVar[str]
    stat_type: ClassVar[str]

    # ---- what is derived from the fields ----

    @property
    def energy_axis(self) -> MapAxis:
        """Axis of reconstructed energy."""
        return reference_map(self).geom.axes["energy"]

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of the counts."""
        return reference_map(self).geom.data_shape

    @property
    def mask(self) -> RegionNDMap | None:
        """Bins that are safe and to be fitted; None for all."""
        return tools.combine_masks(self.mask_safe, self.mask_fit)

    @property
    def livetime(self) -> u.Quantity | None:
        """Live time, from the entry "livetime" of the exposure or of ``meta``; None where it is not known."""
        return livetime(self)

    @property
    def energy_range(self) -> tuple[u.Quantity, u.Quantity]:
        """Lowest and highest energy of the bins in `mask`."""
        return tools.energy_range(self.energy_axis, self.mask)

    @property
    def energy_range_safe(self) -> tuple[u.Quantity, u.Quantity]:
        """Lowest and highest energy of the safe bins."""
        return tools.energy_range(self.energy_axis, self.mask_safe)

    def energy_mask(self, energy_min: Any = None, energy_max: Any = None) -> RegionNDMap:
        """Mask of the bins that lie completely between two energies, to be used as ``mask_fit``."""
        mask = tools.energy_mask(self.energy_axis, energy_min, energy_max)
        geom = reference_map(self).geom
        return RegionNDMap(geom, data=mask.reshape(geom.data_shape), dtype=bool)

    # ---- new datasets from this one ----

    def copy(self, name: str | None = None, **changes: Any) -> Self:
        """Return the dataset with some fields changed; the name is kept unless given."""
        return dataclasses.replace(self, name=name or self.name, **changes)  # type: ignore[type-var]

    def stack(self, other: Self, *, name: str | None = None, edisp_weights: str = "exposure") -> Self:
        """Return the sum of two datasets, each within its safe mask; see `gjax.datasets.stack_datasets`."""
        from gjax.datasets._stack_datasets import stack_datasets

        return stack_datasets([self, other], name=name or self.name, edisp_weights=edisp_weights)

    def to_masked(self, name: str | None = None) -> Self:
        """Return the dataset with everything outside the safe mask set to zero."""
        from gjax.datasets._stack_datasets import stack_datasets

        return stack_datasets([self], name=name or self.name)

    def slice_by_idx(self, slices: Mapping[str, slice], name: str | None = None) -> Self:
        """Return the bins of reconstructed energy selected by ``{"energy": slice}``."""
        from gjax.datasets._slicing import slice_by_idx

        return slice_by_idx(self, slices, name)

    def slice_by_energy(self, energy_min: Any = None, energy_max: Any = None, name: str | None = None) -> Self:
        """Return the bins between two energies, which are rounded to the nearest bin edges."""
        from gjax.datasets._slicing import slice_by_energy

        return slice_by_energy(self, energy_min, energy_max, name)

    def resample_energy_axis(self, energy_axis: MapAxis, name: str | None = None) -> Self:
        """Return the dataset in coarser bins, whose edges are rounded to the nearest old edges."""
        from gjax.datasets._slicing import resample_energy_axis

        return resample_energy_axis(self, energy_axis, name)

    def to_image(self, name: str | None = None) -> Self:
        """Return the dataset in a single energy bin."""
        return self.resample_energy_axis(self.energy_axis.squash(), name)

    # ---- summary ----

    def info_dict(self, in_safe_data_range: bool = True) -> dict[str, Any]:
        """Summary of the dataset summed over energy; see `gjax.datasets.Datasets.info_table`."""
        from gjax.datasets._info import info_dict

        return info_dict(self, in_safe_data_range)

    def plot_counts(self, ax: Any = None) -> Any:
        """Plot counts and background; return the axes (new ones if None)."""
        from gjax.plot import plot_dataset_counts

        return plot_dataset_counts(self, ax=ax)

    def plot_excess(self, ax: Any = None, *, npred: Any = None) -> Any:
        """Plot the excess, and predicted excess counts ``npred`` if given; return the axes (new ones if None)."""
        from gjax.plot import plot_dataset_excess

        return plot_dataset_excess(self, npred=npred, ax=ax)

    def peek(self, figure: Any = None) -> Any:
        """Plot counts, exposure and energy dispersion in one figure (a new one if None) and return it."""
        from gjax.plot import peek_dataset

        return peek_dataset(self, figure=figure)

    def __repr__(self) -> str:
        return summary(self)

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def reference_map(dataset: Any) -> RegionNDMap:
    """The first map on the axis "energy"."""
    for field_name in ("counts", "background", "counts_off", "acceptance", "mask_safe", "mask_fit"):
        found = getattr(dataset, field_name, None)
        if found is not None:
            return found
    raise ValueError(f"dataset {dataset.name!r} has no counts, so no energy axis")


def livetime(dataset: Any) -> u.Quantity | None:
    """Live time of a dataset or None."""
    value = None if dataset.exposure is None else dataset.exposure.meta.get("livetime")
    value = dataset.meta.get("livetime") if value is None else value
    return None if value is None else u.Quantity(value).to("s")


def summary(dataset: Any) -> str:
    """One line that says what a dataset holds."""
    parts = []
    if dataset.counts is not None:
        info = dataset.info_dict()
        parts.append(f"{dataset.energy_axis.nbin} bins, {info['n_fit_bins']} in the fit")
        parts.append(f"counts {info['counts']:g}")
        if np.isfinite(info["background"]):
            parts.append(f"background {info['background']:.4g}, {info['sqrt_ts']:.1f} sigma")
    if dataset.livetime is not None:
        parts.append(f"live time {dataset.livetime.to_value('h'):.3g} h")
    if dataset.edisp is None:
        parts.append("no edisp")
    return f"{type(dataset).__name__}({dataset.name!r}: {', '.join(parts)})"

"""Counts spectrum of one region with its response and, optionally, a known background."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets._names import make_name
from gjax.errors import UnitError
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

__all__ = ["SpectrumDataset"]


def settle(dataset: Any) -> None:
    """Complete and check the fields that every spectrum has; called once by the constructors."""
    name = make_name(dataset.name)
    object.__setattr__(dataset, "name", name)
    geom = None if dataset.counts is None else dataset.counts.geom
    for mask_name in ("mask_safe", "mask_fit"):
        mask = getattr(dataset, mask_name)
        object.__setattr__(dataset, mask_name, tools.as_mask(mask, geom, mask_name, name))
    inside = None if dataset.mask_safe is None else dataset.mask_safe.data[:, 0, 0]
    if dataset.counts is not None:
        if "energy" not in dataset.counts.geom.axes.names:
            raise ValueError(f"dataset {name!r}: counts need an axis named 'energy', got {dataset.counts.geom}")
        tools.check_values(name, "counts", dataset.counts.data[:, 0, 0], inside)
    if dataset.exposure is not None:
        if "energy_true" not in dataset.exposure.geom.axes.names:
            raise ValueError(f"dataset {name!r}: exposure needs an axis named 'energy_true'")
        if not dataset.exposure.unit.is_equivalent("m2 s"):
            raise UnitError(
                f"dataset {name!r}: exposure is in {str(dataset.exposure.unit)!r}, expected a unit like 'm2 s'"
            )
        tools.check_values(name, "exposure", dataset.exposure.data[:, 0, 0])
    if dataset.edisp is not None:
        axes = dataset.edisp.axes
        tools.check_values(name, "edisp", np.asarray(dataset.edisp.pdf_matrix))
        if geom is not None:
            tools.check_axes(name, geom.axes["energy"], axes["energy"], "counts and edisp")
        if dataset.exposure is not None:
            exposure_axis = dataset.exposure.geom.axes["energy_true"]
            tools.check_axes(name, exposure_axis, axes["energy_true"], "exposure and edisp")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SpectrumDataset:
    """Counts of one region in bins of energy, fitted with the Cash statistic.

    Parameters
    ----------
    counts
        Counts on the axis "energy".
    exposure
        Effective area times live time on the axis "energy_true" [m2 s]; ``exposure.meta["livetime"]`` is the live time.
    background
        Expected background counts on the axis "energy".
    edisp
        Energy dispersion (`~gjax.irf.EDispKernel`); None for a perfect energy reconstruction.
    mask_safe, mask_fit
        Bins that can be trusted, and bins to fit (bool maps, or arrays over energy); None for all.
    gti
        Good time intervals.
    name
        Name; made up if None.
    meta_table, meta
        Table with one row per observation, and free entries.
    edisp_exposure
        Exposure before the containment correction. Not needed; see ``edisp_weights`` of `stack`.

    Raises
    ------
    ValueError
        If axes do not fit together, or counts (in the safe bins) or responses are negative or not finite.
    UnitError
        If the exposure has another unit.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> dataset = SpectrumDataset.create(RegionGeom.create(None, axes=[axis]), name="empty")
    >>> dataset.counts.data.shape, dataset.exposure.unit
    ((3, 1, 1), Unit("m2 s"))
    """

    counts: RegionNDMap | None = None
    exposure: RegionNDMap | None = None
    background: RegionNDMap | None = None
    edisp: Any = None
    mask_safe: RegionNDMap | None = None
    mask_fit: RegionNDMap | None = None
    gti: Any = None
    name: str | None = None
    meta_table: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    edisp_exposure: RegionNDMap | None = None

    tag = "SpectrumDataset"
    stat_type = "cash"

    def __post_init__(self) -> None:
        settle(self)
        if self.background is not None:
            if self.counts is not None:
                axis, other = self.energy_axis, self.background.geom.axes["energy"]
                tools.check_axes(self.name, axis, other, "counts and background")
            inside = None if self.mask_safe is None else self.mask_safe.data[:, 0, 0]
            tools.check_values(self.name, "background", self.background.data[:, 0, 0], inside)

    @classmethod
    def create(
        cls, geom: RegionGeom, energy_axis_true: MapAxis | None = None, name: str | None = None, meta_table: Any = None
    ) -> SpectrumDataset:
        """Empty dataset: zero maps and no safe bin, to be filled by makers or stacked upon.

        Parameters
        ----------
        geom
            Region with an axis "energy".
        energy_axis_true
            Axis "energy_true" of the exposure; by default the axis of the counts.
        name, meta_table
            See the class.
        """
        if not getattr(geom, "is_region", False):
            raise TypeError(f"a spectrum needs a RegionGeom, got a {type(geom).__name__}")
        true = energy_axis_true if energy_axis_true is not None else geom.axes["energy"].copy(name="energy_true")
        return cls(
            counts=RegionNDMap(geom),
            exposure=RegionNDMap(geom.to_image().to_cube([true]), unit="m2 s"),
            background=RegionNDMap(geom),
            mask_safe=RegionNDMap(geom, dtype=bool),
            name=name,
            meta_table=meta_table,
        )

    # ---- files ----

    @classmethod
    def read(cls, path: str | PathLike[str], name: str | None = None, format: str = "gadf") -> SpectrumDataset:
        """Read a FITS file that `write` or Gammapy wrote; see `gjax.datasets.MapDataset.read`.

        Parameters
        ----------
        path
            File.
        name
            Name of the dataset; by default the one in the file.
        format
            "gadf".
        """
        from gjax.datasets.map_dataset_io import read_map_dataset

        return read_map_dataset(cls, path, name=name, format=format)

    def write(self, path: str | PathLike[str], overwrite: bool = False) -> Path:
        """Write the maps, the energy dispersion and the time intervals to a FITS file; Gammapy reads it.

        Parameters
        ----------
        path
            File.
        overwrite
            Replace an existing file.
        """
        from gjax.datasets.map_dataset_io import write_map_dataset

        return write_map_dataset(self, path, overwrite=overwrite)

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
    def excess(self) -> RegionNDMap:
        """Counts minus background."""
        if self.counts is None or self.background is None:
            raise ValueError(f"dataset {self.name!r}: excess needs counts and background")
        return self.counts.copy(data=self.counts.data - self.background.data)

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

    def copy(self, name: str | None = None, **changes: Any) -> SpectrumDataset:
        """Return the dataset with some fields changed; the name is kept unless given."""
        return dataclasses.replace(self, name=name or self.name, **changes)

    def stack(
        self, other: SpectrumDataset, *, name: str | None = None, edisp_weights: str = "exposure"
    ) -> SpectrumDataset:
        """Return the sum of two datasets, each within its safe mask; see `gjax.datasets.stack_datasets`."""
        from gjax.datasets._stack_datasets import stack_datasets

        return stack_datasets([self, other], name=name or self.name, edisp_weights=edisp_weights)

    def to_masked(self, name: str | None = None) -> SpectrumDataset:
        """Return the dataset with everything outside the safe mask set to zero."""
        from gjax.datasets._stack_datasets import stack_datasets

        return stack_datasets([self], name=name or self.name)

    def slice_by_idx(self, slices: Mapping[str, slice], name: str | None = None) -> SpectrumDataset:
        """Return the bins of reconstructed energy selected by ``{"energy": slice}``."""
        from gjax.datasets._slicing import slice_by_idx

        return slice_by_idx(self, slices, name)

    def slice_by_energy(
        self, energy_min: Any = None, energy_max: Any = None, name: str | None = None
    ) -> SpectrumDataset:
        """Return the bins between two energies, which are rounded to the nearest bin edges."""
        from gjax.datasets._slicing import slice_by_energy

        return slice_by_energy(self, energy_min, energy_max, name)

    def resample_energy_axis(self, energy_axis: MapAxis, name: str | None = None) -> SpectrumDataset:
        """Return the dataset in coarser bins, whose edges are rounded to the nearest old edges."""
        from gjax.datasets._slicing import resample_energy_axis

        return resample_energy_axis(self, energy_axis, name)

    def to_image(self, name: str | None = None) -> SpectrumDataset:
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

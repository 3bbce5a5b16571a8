"""Counts spectrum of an on region together with the counts of off regions that measure its background."""

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
from gjax.datasets.spectrum import SpectrumDataset, livetime, reference_map, settle, summary
from gjax.maps import MapAxis, RegionNDMap

__all__ = ["SpectrumDatasetOnOff"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SpectrumDatasetOnOff:
    """Counts of an on region and of off regions in bins of energy, fitted with the WStat statistic.

    Parameters
    ----------
    counts, counts_off
        Counts in the on and off regions on the axis "energy"; without ``counts_off`` there is no background estimate.
    acceptance, acceptance_off
        Relative background efficiency of the on and off regions: maps, arrays over energy or numbers. Bins where
        ``acceptance_off`` is 0 and ``acceptance`` is not have no background estimate: `alpha` is NaN there.
    exposure, edisp, mask_safe, mask_fit, gti, name, meta_table, meta, edisp_exposure
        See `SpectrumDataset`.

    Raises
    ------
    ValueError
        If axes do not fit together, or counts or acceptances (in the safe bins) or responses are negative or not
        finite.
    UnitError
        If the exposure has another unit.

    Examples
    --------
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> counts = RegionNDMap.create(None, axes=[axis], data=[5, 1])
    >>> dataset = SpectrumDatasetOnOff(counts=counts, counts_off=counts * 2, acceptance=1, acceptance_off=4, name="d")
    >>> dataset.alpha.data.ravel(), dataset.excess.data.ravel()
    (array([0.25, 0.25]), array([2.5, 0.5]))
    """

    counts: RegionNDMap | None = None
    counts_off: RegionNDMap | None = None
    acceptance: RegionNDMap | None = None
    acceptance_off: RegionNDMap | None = None
    exposure: RegionNDMap | None = None
    edisp: Any = None
    mask_safe: RegionNDMap | None = None
    mask_fit: RegionNDMap | None = None
    gti: Any = None
    name: str | None = None
    meta_table: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    edisp_exposure: RegionNDMap | None = None

    tag = "SpectrumDatasetOnOff"
    stat_type = "wstat"

    def __post_init__(self) -> None:
        settle(self)
        inside = None if self.mask_safe is None else self.mask_safe.data[:, 0, 0]
        for name in ("acceptance", "acceptance_off", "counts_off"):
            values = getattr(self, name)
            if values is None:
                continue
            if not isinstance(values, RegionNDMap):
                if self.counts is None:
                    raise ValueError(f"dataset {self.name!r}: {name} given as numbers needs counts")
                values = tools.as_values(values, self.counts.geom)
                object.__setattr__(self, name, values)
            if self.counts is not None:
                axis = self.counts.geom.axes["energy"]
                tools.check_axes(self.name, axis, values.geom.axes["energy"], f"counts and {name}")
            tools.check_values(self.name, name, values.data[:, 0, 0], inside)

    @classmethod
    def from_spectrum_dataset(
        cls,
        dataset: SpectrumDataset,
        acceptance: Any,
        acceptance_off: Any,
        counts_off: RegionNDMap | None = None,
        name: str | None = None,
    ) -> SpectrumDatasetOnOff:
        """Add off counts and acceptances to a spectrum.

        Parameters
        ----------
        dataset
            Spectrum; its name is kept unless ``name`` is given. Its background is dropped.
        acceptance, acceptance_off
            Maps, arrays over energy or numbers.
        counts_off
            Off counts; by default the background of the dataset divided by alpha.
        """
        if counts_off is None and dataset.background is not None:
            background = dataset.background
            on, off = (tools.as_values(value, background.geom).data for value in (acceptance, acceptance_off))
            with np.errstate(divide="ignore", invalid="ignore"):
                counts_off = background.copy(data=background.data * off / on)
        kept = {f.name: getattr(dataset, f.name) for f in dataclasses.fields(dataset) if f.name != "background"}
        kept["name"] = name or dataset.name
        return cls(**kept, acceptance=acceptance, acceptance_off=acceptance_off, counts_off=counts_off)

    def to_spectrum_dataset(self, name: str | None = None) -> SpectrumDataset:
        """Return a spectrum whose known background is the estimate ``alpha * counts_off``."""
        dropped = ("counts_off", "acceptance", "acceptance_off")
        kept = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in dropped}
        return SpectrumDataset(**{**kept, "name": name or self.name, "background": self.background})

    # ---- files ----

    @classmethod
    def read(cls, path: str | PathLike[str], format: str = "ogip", name: str | None = None) -> SpectrumDatasetOnOff:
        """Read an OGIP PHA file and the BKG, ARF and RMF files that its header names.

        Parameters
        ----------
        path
            PHA file; the other files lie beside it.
        format
            "ogip".
        name
            Name of the dataset; by default the keyword OBS_ID.

        Raises
        ------
        MissingDataError
            If a file or HDU is missing.
        DataFormatError
            If the contents are not as the format says; the message names file, HDU and column.
        """
        from gjax.datasets.ogip import read_ogip

        if format not in ("ogip", "ogip-sherpa"):
            raise ValueError(f"format is {format!r}, expected 'ogip'")
        return read_ogip(path, name=name)

    def write(self, path: str | PathLike[str], format: str = "ogip", overwrite: bool = False) -> Path:
        """Write OGIP files: ``path`` and, with _bkg, _arf and _rmf before the suffix, those beside it.

        Parameters
        ----------
        path
            PHA file.
        format
            "ogip" keeps units, "ogip-sherpa" writes keV and cm2.
        overwrite
            Replace existing files.

        Raises
        ------
        ValueError
            If the live time is not known or the format is unknown.
        FileExistsError
            If a file exists and ``overwrite`` is False.
        """
        from gjax.datasets.ogip import write_ogip

        return write_ogip(self, path, format=format, overwrite=overwrite)

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
    def alpha(self) -> RegionNDMap:
        """On acceptance over off acceptance; 0 where both are 0, NaN where only the off acceptance is."""
        if self.acceptance is None or self.acceptance_off is None:
            raise ValueError(f"dataset {self.name!r}: alpha needs acceptance and acceptance_off")
        on, off = self.acceptance.data.astype(float), self.acceptance_off.data.astype(float)
        alpha = np.divide(on, off, out=np.full(on.shape, np.nan), where=off > 0)
        return RegionNDMap(reference_map(self).geom, data=np.where(on == 0, 0.0, alpha))

    @property
    def background(self) -> RegionNDMap | None:
        """Estimated background in the on region, ``alpha * counts_off``; None without off counts."""
        if self.counts_off is None:
            return None
        alpha = self.alpha
        return alpha.copy(data=alpha.data * self.counts_off.data)

    @property
    def excess(self) -> RegionNDMap:
        """Counts minus estimated background."""
        background = self.background
        if self.counts is None or background is None:
            raise ValueError(f"dataset {self.name!r}: excess needs counts and counts_off")
        return self.counts.copy(data=self.counts.data - background.data)

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

    def copy(self, name: str | None = None, **changes: Any) -> SpectrumDatasetOnOff:
        """Return the dataset with some fields changed; the name is kept unless given."""
        return dataclasses.replace(self, name=name or self.name, **changes)

    def stack(
        self, other: SpectrumDatasetOnOff, *, name: str | None = None, edisp_weights: str = "exposure"
    ) -> SpectrumDatasetOnOff:
        """Return the sum of two datasets, each within its safe mask; see `gjax.datasets.stack_datasets`."""
        from gjax.datasets._stack_datasets import stack_datasets

        return stack_datasets([self, other], name=name or self.name, edisp_weights=edisp_weights)

    def to_masked(self, name: str | None = None) -> SpectrumDatasetOnOff:
        """Return the dataset with everything outside the safe mask set to zero."""
        from gjax.datasets._stack_datasets import stack_datasets

        return stack_datasets([self], name=name or self.name)

    def slice_by_idx(self, slices: Mapping[str, slice], name: str | None = None) -> SpectrumDatasetOnOff:
        """Return the bins of reconstructed energy selected by ``{"energy": slice}``."""
        from gjax.datasets._slicing import slice_by_idx

        return slice_by_idx(self, slices, name)

    def slice_by_energy(
        self, energy_min: Any = None, energy_max: Any = None, name: str | None = None
    ) -> SpectrumDatasetOnOff:
        """Return the bins between two energies, which are rounded to the nearest bin edges."""
        from gjax.datasets._slicing import slice_by_energy

        return slice_by_energy(self, energy_min, energy_max, name)

    def resample_energy_axis(self, energy_axis: MapAxis, name: str | None = None) -> SpectrumDatasetOnOff:
        """Return the dataset in coarser bins, whose edges are rounded to the nearest old edges."""
        from gjax.datasets._slicing import resample_energy_axis

        return resample_energy_axis(self, energy_axis, name)

    def to_image(self, name: str | None = None) -> SpectrumDatasetOnOff:
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

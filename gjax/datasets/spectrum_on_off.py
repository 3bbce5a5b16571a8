"""Counts spectrum of an on region together with the counts of off regions that measure its background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets._abstract_spectrum import AbstractSpectrumDataset, reference_map
from gjax.datasets._off_counts import (
    OFF_FIELDS,
    alpha_values,
    estimated_background,
    fields_without,
    off_from_background,
)
from gjax.datasets.spectrum import SpectrumDataset, settle
from gjax.maps import RegionNDMap

__all__ = ["SpectrumDatasetOnOff"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SpectrumDatasetOnOff(AbstractSpectrumDataset):
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
    >>> from gjax.maps import MapAxis
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
        if counts_off is None:
            counts_off = off_from_background(
                dataset.background, acceptance, acceptance_off, lambda value, like: tools.as_values(value, like.geom)
            )
        kept = {**fields_without(dataset, "background"), "name": name or dataset.name}
        return cls(**kept, acceptance=acceptance, acceptance_off=acceptance_off, counts_off=counts_off)

    def to_spectrum_dataset(self, name: str | None = None) -> SpectrumDataset:
        """Return a spectrum whose known background is the estimate ``alpha * counts_off``."""
        return SpectrumDataset(
            **{**fields_without(self, *OFF_FIELDS), "name": name or self.name, "background": self.background}
        )

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
    def alpha(self) -> RegionNDMap:
        """On acceptance over off acceptance; 0 where both are 0, NaN where only the off acceptance is."""
        values = alpha_values(self)
        return RegionNDMap(reference_map(self).geom, data=values)

    @property
    def background(self) -> RegionNDMap | None:
        """Estimated background in the on region, ``alpha * counts_off``; None without off counts."""
        return estimated_background(self)

    @property
    def excess(self) -> RegionNDMap:
        """Counts minus estimated background."""
        background = self.background
        if self.counts is None or background is None:
            raise ValueError(f"dataset {self.name!r}: excess needs counts and counts_off")
        return self.counts.copy(data=self.counts.data - background.data)

"""Counts spectrum of one region with its response and, optionally, a known background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets._abstract_spectrum import AbstractSpectrumDataset
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
class SpectrumDataset(AbstractSpectrumDataset):
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
    def excess(self) -> RegionNDMap:
        """Counts minus background."""
        if self.counts is None or self.background is None:
            raise ValueError(f"dataset {self.name!r}: excess needs counts and background")
        return self.counts.copy(data=self.counts.data - self.background.data)

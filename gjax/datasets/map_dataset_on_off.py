"""Counts on a map together with off counts that measure their background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from gjax.datasets import _map_fields as fields_of
from gjax.datasets._abstract_map import AbstractMapDataset
from gjax.datasets._off_counts import (
    OFF_FIELDS,
    alpha_values,
    estimated_background,
    fields_without,
    off_from_background,
)
from gjax.datasets.map_dataset import MapDataset

__all__ = ["MapDatasetOnOff"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MapDatasetOnOff(AbstractMapDataset):
    """On and off counts on the sky and in energy, fitted with the WStat statistic.

    Parameters
    ----------
    counts, counts_off
        Counts in every bin and in its off region (such as a ring around it), on one geometry.
    acceptance, acceptance_off
        Relative background efficiency of on and off: maps, arrays over energy or numbers. Where ``acceptance_off`` is
        0 and ``acceptance`` is not there is no background estimate: `alpha` is NaN.
    exposure, psf, edisp, mask_safe, mask_fit, gti, name, meta_table, meta
        See `MapDataset`.

    Raises
    ------
    ValueError
        If geometries do not fit together, or counts or acceptances are negative or not finite in safe bins.
    UnitError
        If the exposure has another unit.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsGeom, WcsNDMap
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    >>> counts = WcsNDMap(WcsGeom.create(npix=(2, 1), binsz=1, axes=[axis]), data=[[[5.0, 1.0]]])
    >>> dataset = MapDatasetOnOff(counts=counts, counts_off=counts * 2, acceptance=1, acceptance_off=4, name="d")
    >>> dataset.alpha.data.ravel(), dataset.excess.data.ravel()
    (array([0.25, 0.25]), array([2.5, 0.5]))
    """

    counts: Any = None
    counts_off: Any = None
    acceptance: Any = None
    acceptance_off: Any = None
    exposure: Any = None
    psf: Any = None
    edisp: Any = None
    mask_safe: Any = None
    mask_fit: Any = None
    gti: Any = None
    name: str | None = None
    meta_table: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    tag: ClassVar[str] = "MapDatasetOnOff"
    stat_type: ClassVar[str] = "wstat"

    def __post_init__(self) -> None:
        self._settle()

    def _settle(self, source: Any = None) -> None:
        like = self.counts if self.counts is not None else self.counts_off
        for name in ("acceptance", "acceptance_off"):
            given = getattr(self, name)
            if given is not None and like is not None:
                object.__setattr__(self, name, fields_of.as_map(given, like))
        fields_of.settle_maps(self, source)

    # ---- constructors ----

    @classmethod
    def from_geoms(cls, geom: Any, *args: Any, **kwargs: Any) -> MapDatasetOnOff:
        """Empty dataset on given geometries; see `MapDataset.from_geoms`."""
        dataset = MapDataset.from_geoms(geom, *args, **kwargs)
        return cls.from_map_dataset(dataset, acceptance=0.0, acceptance_off=0.0, counts_off=dataset.counts)

    @classmethod
    def create(cls, geom: Any, *args: Any, **kwargs: Any) -> MapDatasetOnOff:
        """Empty dataset, to be filled by makers or stacked upon; see `MapDataset.create`."""
        dataset = MapDataset.create(geom, *args, **kwargs)
        return cls.from_map_dataset(dataset, acceptance=0.0, acceptance_off=0.0, counts_off=dataset.counts)

    @classmethod
    def from_map_dataset(
        cls,
        dataset: MapDataset,
        acceptance: Any,
        acceptance_off: Any,
        counts_off: Any = None,
        name: str | None = None,
    ) -> MapDatasetOnOff:
        """Add off counts and acceptances to a map dataset.

        Parameters
        ----------
        dataset
            Map dataset; its name is kept unless ``name`` is given. Its background is dropped.
        acceptance, acceptance_off
            Maps, arrays over energy or numbers.
        counts_off
            Off counts; by default the background of the dataset divided by alpha.
        """
        if counts_off is None:
            counts_off = off_from_background(dataset.background, acceptance, acceptance_off, fields_of.as_map)
        kept = {**fields_without(dataset, "background"), "name": name or dataset.name}
        return cls(**kept, acceptance=acceptance, acceptance_off=acceptance_off, counts_off=counts_off)

    def to_map_dataset(self, name: str | None = None) -> MapDataset:
        """Return a map dataset whose known background is the estimate ``alpha * counts_off``.

        Bins without a background estimate are taken out of the safe mask.
        """
        kept = fields_without(self, *OFF_FIELDS)
        kept["background"] = background = self.background
        if background is not None and not np.isfinite(background.data).all():
            known = np.isfinite(background.data)
            safe = known if self.mask_safe is None else known & self.mask_safe.data
            kept["background"] = background.copy(data=np.where(known, background.data, 0.0))
            kept["mask_safe"] = fields_of.as_map_mask(safe, self.counts, "mask_safe", self.name)
        return MapDataset(**{**kept, "name": name or self.name})

    # ---- what the off counts say ----

    @property
    def alpha(self) -> Any:
        """On acceptance over off acceptance; 0 where both are 0, NaN where only the off acceptance is."""
        values = alpha_values(self)
        return self.acceptance.copy(data=values, unit="", meta={})

    @property
    def background(self) -> Any:  # type: ignore[override]
        """Estimated background counts, ``alpha * counts_off``; None without off counts."""
        return estimated_background(self)

"""Counts, exposure, background and responses on a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gjax.datasets import _map_fields as fields_of
from gjax.datasets._abstract_map import AbstractMapDataset
from gjax.datasets._map_geoms import BINSZ_IRF, create_map_dataset_geoms
from gjax.maps import MapAxis

__all__ = ["MapDataset"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MapDataset(AbstractMapDataset):
    """Counts on the sky and in energy, fitted with the Cash statistic.

    Parameters
    ----------
    counts
        Counts on the axis "energy".
    exposure
        Effective area times live time on the axis "energy_true" and the pixels of the counts [m2 s];
        ``exposure.meta["livetime"]`` is the live time.
    background
        Expected background counts on the geometry of the counts.
    psf
        Point spread function (`~gjax.irf.PSFMap`, `~gjax.irf.RecoPSFMap`); None for a perfect one.
    edisp
        Energy dispersion (`~gjax.irf.EDispKernelMap`, `~gjax.irf.EDispMap`); None for a perfect one.
    mask_safe, mask_fit
        Bins that can be trusted, and bins to fit (bool maps or arrays); None for all.
    gti
        Good time intervals.
    name
        Name; made up if None.
    meta_table, meta
        Table with one row per observation, and free entries.

    Raises
    ------
    ValueError
        If geometries do not fit together, or counts, background or exposure are negative or not finite in safe bins.
    UnitError
        If the exposure has another unit.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> geom = WcsGeom.create(skydir=(83.63, 22.01), binsz=0.1, width=2, axes=[axis])
    >>> dataset = MapDataset.create(geom, name="empty")
    >>> dataset.counts.data.shape, dataset.exposure.unit
    ((3, 20, 20), Unit("m2 s"))
    """

    counts: Any = None
    exposure: Any = None
    background: Any = None
    psf: Any = None
    edisp: Any = None
    mask_safe: Any = None
    mask_fit: Any = None
    gti: Any = None
    name: str | None = None
    meta_table: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    tag: ClassVar[str] = "MapDataset"
    stat_type: ClassVar[str] = "cash"

    def __post_init__(self) -> None:
        self._settle()

    def _settle(self, source: Any = None) -> None:
        fields_of.settle_maps(self, source)

    # ---- constructors ----

    @classmethod
    def create(
        cls,
        geom: Any,
        energy_axis_true: MapAxis | None = None,
        migra_axis: MapAxis | None = None,
        rad_axis: MapAxis | None = None,
        binsz_irf: Any = BINSZ_IRF,
        reference_time: Any = "2000-01-01",
        name: str | None = None,
        meta_table: Any = None,
        reco_psf: bool = False,
    ) -> MapDataset:
        """Empty dataset: zero maps and no safe bin, to be filled by makers or stacked upon.

        Parameters
        ----------
        geom
            Geometry with an axis "energy".
        energy_axis_true, migra_axis, rad_axis, binsz_irf, reco_psf
            See `create_map_dataset_geoms`.
        reference_time
            Zero point of the good time intervals.
        name, meta_table
            See the class.
        """
        geoms = create_map_dataset_geoms(geom, energy_axis_true, migra_axis, rad_axis, binsz_irf, reco_psf)
        return cls.from_geoms(**geoms, reference_time=reference_time, name=name, meta_table=meta_table)

    @classmethod
    def from_geoms(
        cls,
        geom: Any,
        geom_exposure: Any = None,
        geom_psf: Any = None,
        geom_edisp: Any = None,
        reference_time: Any = "2000-01-01",
        name: str | None = None,
        **kwargs: Any,
    ) -> MapDataset:
        """Empty dataset on given geometries.

        Parameters
        ----------
        geom, geom_exposure, geom_psf, geom_edisp
            Geometries; a part without geometry is left out.
        reference_time
            Zero point of the good time intervals.
        name
            Name.
        **kwargs
            More fields.
        """
        from gjax.datasets._map_empty import empty_fields

        made = empty_fields(geom, geom_exposure, geom_psf, geom_edisp, reference_time)
        return cls(**{**made, "name": name, **kwargs})

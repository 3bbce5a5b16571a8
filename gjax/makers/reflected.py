"""Background of a spectrum from regions turned around the pointing position."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from gjax.datasets import SpectrumDatasetOnOff
from gjax.makers.exclusion import read_exclusion
from gjax.makers.finders import ReflectedRegionsFinder, WobbleRegionsFinder
from gjax.makers.off_regions import OffRegions
from gjax.makers.rad_max import check_rad_max_geom, counts_in_rad_max, rad_max_overlap
from gjax.maps import RegionGeom, RegionNDMap

__all__ = ["ReflectedRegionsBackgroundMaker"]

log = logging.getLogger(__name__)


class ReflectedRegionsBackgroundMaker:
    """Count OFF events in regions at the distance of the ON region from the pointing position.

    The acceptance of the ON region is 1, that of the OFF counts the number of OFF regions (Berge et al. 2007,
    A&A 466, 1219). If there is no place for any, a warning names the observation and the reason, and the dataset
    comes back with acceptance_off 0 and nothing inside ``mask_safe``.

    Parameters
    ----------
    region_finder
        `ReflectedRegionsFinder` (default) or `WobbleRegionsFinder`.
    exclusion_mask
        Sky that OFF regions must not touch: a sky region, a list of them, a DS9 string, the path of a DS9 file or of
        a FITS image (0 where excluded), an `ExclusionMask`, or any object with ``contains(SkyCoord)``.
    **kwargs
        Arguments of `ReflectedRegionsFinder`, where no finder is given.

    Raises
    ------
    ValueError
        If both a finder and its arguments are given.
    MissingDataError, DataFormatError
        If the exclusion mask cannot be read.

    Examples
    --------
    >>> maker = ReflectedRegionsBackgroundMaker(exclusion_mask="icrs;circle(84.5, 21.2, 0.3)", min_distance="0.2 rad")
    >>> print(maker.region_finder.min_distance)
    0.2 rad
    """

    tag = "ReflectedRegionsBackgroundMaker"

    def __init__(
        self,
        region_finder: ReflectedRegionsFinder | WobbleRegionsFinder | None = None,
        exclusion_mask: Any = None,
        **kwargs: Any,
    ):
        if region_finder is not None and kwargs:
            raise ValueError(f"a region_finder was given: {', '.join(kwargs)} must be arguments of that finder")
        self.region_finder = region_finder if region_finder is not None else ReflectedRegionsFinder(**kwargs)
        self.exclusion_mask = read_exclusion(exclusion_mask)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(region_finder={self.region_finder!r}, exclusion_mask={self.exclusion_mask!r})"

    def find(self, dataset: Any, observation: Any) -> OffRegions:
        """Place the OFF regions for one observation; arguments as for `run`."""
        geom = dataset.counts.geom
        pointing = observation.get_pointing_icrs()
        off = self.region_finder.find(geom.region, pointing, self.exclusion_mask)
        if geom.is_all_point_sky_regions and len(off):
            centers = off.centers.icrs
            everything = SkyCoord(
                np.append(centers.ra.deg, geom.center_skydir.icrs.ra.deg),
                np.append(centers.dec.deg, geom.center_skydir.icrs.dec.deg),
                unit="deg",
            )
            offset = geom.center_skydir.separation(pointing)
            if rad_max_overlap(everything, observation.rad_max, offset, geom.axes["energy"]):
                return OffRegions(off.on, np.empty(0), "regions of the largest RAD_MAX overlap; ask for fewer")
        return off

    def run(self, dataset: Any, observation: Any) -> SpectrumDatasetOnOff:
        """Return the dataset with OFF counts and acceptances.

        Parameters
        ----------
        dataset
            `gjax.datasets.SpectrumDataset` with counts.
        observation
            The `gjax.data.Observation` that it was made from.

        Raises
        ------
        ValueError
            If the ON region does not fit a point-like response.
        """
        geom, name = dataset.counts.geom, dataset.name
        axis = geom.axes["energy"]
        rad_max = observation.rad_max
        if rad_max is not None:
            check_rad_max_geom(rad_max, geom, name)
        elif geom.is_all_point_sky_regions:
            raise ValueError(
                f"dataset {name!r}: a point as ON region needs a RAD_MAX_2D table; this observation has none"
            )
        off = self.find(dataset, observation)
        if len(off) == 0:
            log.warning(
                "observation %s, dataset %r: no OFF region (%s); the dataset has no background and is masked out",
                observation.obs_id,
                name,
                off.reason,
            )
            geom_off, counts = geom, np.zeros(axis.nbin)
        else:
            geom_off = RegionGeom.create(off.regions, axes=[axis], wcs=off.wcs)
            counts = self._count(observation, off, geom)
        mask_safe = dataset.mask_safe
        if len(off) == 0:
            mask_safe = RegionNDMap.from_geom(geom, data=np.zeros(geom.data_shape, dtype=bool))
        return SpectrumDatasetOnOff.from_spectrum_dataset(
            dataset.copy(name=name, mask_safe=mask_safe),
            acceptance=RegionNDMap.from_geom(geom, data=np.ones(geom.data_shape)),
            acceptance_off=RegionNDMap.from_geom(geom_off, data=np.full(geom.data_shape, float(len(off)))),
            counts_off=RegionNDMap.from_geom(geom_off, data=counts.reshape(geom.data_shape)),
        )

    @staticmethod
    def _count(observation: Any, off: OffRegions, geom: RegionGeom) -> np.ndarray:
        axis, events = geom.axes["energy"], observation.events
        if geom.is_all_point_sky_regions:
            return counts_in_rad_max(events, off.centers, observation.rad_max, axis, observation.get_pointing_icrs())
        bins = axis.coord_to_idx(events.energy)
        return np.bincount(bins[off.contains(events.radec) & (bins >= 0)], minlength=axis.nbin).astype(float)

"""Energies and offsets at which the responses of an observation can be trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, SkyCoord

from gjax.irf.positions import position_weights
from gjax.makers.project import response
from gjax.maps import Map, RegionGeom

__all__ = ["SafeMaskMaker"]

log = logging.getLogger(__name__)

METHODS = ("aeff-default", "aeff-max", "edisp-bias", "offset-max", "bkg-peak")


class SafeMaskMaker:
    """Restrict ``mask_safe`` to the safe range; all methods must agree, and what was masked stays masked.

    Only energy bins that lie inside the range as a whole are kept. Thresholds are found in true energy and applied to
    reconstructed energy. Where a dataset has a background, bins in which that is not a number (or, without OFF counts,
    not positive) are masked.

    Parameters
    ----------
    methods
        Any of

        - "aeff-default": LO_THRES and HI_THRES [TeV] in the header of the effective area
        - "aeff-max": from the energy where the effective area first exceeds ``aeff_percent`` of its maximum
        - "edisp-bias": from the energy where the bias of the energy dispersion has fallen to ``bias_percent``
        - "offset-max": pixels, or region centres, closer to the pointing than ``offset_max``
        - "bkg-peak": from the energy bin with the most background
    aeff_percent, bias_percent
        Thresholds in percent.
    position, fixed_offset
        Where to evaluate the responses for "aeff-max" and "edisp-bias", instead of the dataset's own
        (a position on the sky, or an offset from the pointing); for maps by default their centre.
    offset_max
        Largest offset.
    irfs
        "DL4": responses on the axes of the dataset decide; "DL3": those of the observation, on their own axes and at
        ``position`` or ``fixed_offset`` (on axis by default).

    Raises
    ------
    ValueError
        If a method or ``irfs`` is unknown, or both position and offset are given.

    Examples
    --------
    >>> SafeMaskMaker(methods=["aeff-max", "offset-max"], offset_max="2.5 deg").methods
    ('aeff-max', 'offset-max')
    """

    tag = "SafeMaskMaker"

    def __init__(
        self,
        methods: Iterable[str] = ("aeff-default",),
        aeff_percent: float = 10,
        bias_percent: float = 10,
        position: SkyCoord | None = None,
        fixed_offset: str | u.Quantity | None = None,
        offset_max: str | u.Quantity = "3 deg",
        irfs: str = "DL4",
    ):
        self.methods = (methods,) if isinstance(methods, str) else tuple(methods)
        unknown = set(self.methods) - set(METHODS)
        if unknown:
            raise ValueError(f"methods: unknown {', '.join(sorted(unknown))}; known are {', '.join(METHODS)}")
        if position is not None and fixed_offset is not None:
            raise ValueError("give either position or fixed_offset, not both")
        if irfs not in ("DL3", "DL4"):
            raise ValueError(f"irfs is {irfs!r}, expected 'DL3' or 'DL4'")
        self.irfs = irfs
        self.aeff_percent = aeff_percent
        self.bias_percent = bias_percent
        self.position = position
        self.fixed_offset = None if fixed_offset is None else Angle(fixed_offset)
        self.offset_max = Angle(offset_max)

    def __repr__(self) -> str:
        return f"SafeMaskMaker(methods={list(self.methods)})"

    def run(self, dataset: Any, observation: Any = None) -> Any:
        """Return the dataset with its ``mask_safe`` restricted.

        Parameters
        ----------
        dataset
            Dataset of a spectrum or map, with or without OFF counts.
        observation
            The observation it was made from; only "edisp-bias", "bkg-peak" and "aeff-max" do without, at the
            position of the dataset.

        Raises
        ------
        ValueError
            If the observation or a part of the dataset that a method needs is missing.
        """
        needed = {"aeff-default", "offset-max"} & set(self.methods)
        if self.position is not None or self.fixed_offset is not None:
            needed |= {"aeff-max", "edisp-bias"} & set(self.methods)
        if self.irfs == "DL3":
            needed |= set(self.methods)
        if needed and observation is None:
            raise ValueError(f"SafeMaskMaker: {', '.join(sorted(needed))} need an observation")
        geom = dataset.counts.geom
        mask = np.ones(geom.data_shape, dtype=bool)
        if dataset.mask_safe is not None:
            mask &= dataset.mask_safe.data
        mask &= _valid_background(dataset)
        low, high = u.Quantity(0, "TeV"), u.Quantity(np.inf, "TeV")
        if "offset-max" in self.methods:
            separation = geom.separation(observation.get_pointing_icrs()).to_value("deg")
            mask &= np.asarray(separation < self.offset_max.to_value("deg"))
        if "aeff-default" in self.methods:
            low, high = _default_range(observation)
        if "aeff-max" in self.methods:
            low = np.maximum(low, self._aeff_threshold(dataset, observation))
        if "edisp-bias" in self.methods:
            low = np.maximum(low, self._bias_threshold(dataset, observation))
        if "bkg-peak" in self.methods:
            low = np.maximum(low, _rate_peak(observation) if self.irfs == "DL3" else _background_peak(dataset))
        edges = geom.axes["energy"].edges
        inside = (edges[:-1] >= low) & (edges[1:] <= high)
        mask &= inside[:, np.newaxis, np.newaxis]
        return dataset.copy(name=dataset.name, mask_safe=Map.from_geom(geom, data=mask))

    def _position(self, dataset: Any, observation: Any) -> SkyCoord:
        """Position at which to look up the responses of a map."""
        if self.position is not None:
            return self.position
        if self.fixed_offset is not None:
            return observation.get_pointing_icrs().directional_offset_by(0 * u.deg, self.fixed_offset)
        return dataset.counts.geom.center_skydir

    def _offset(self, observation: Any) -> u.Quantity | None:
        """Offset at which to evaluate responses; None for that of the dataset."""
        if self.position is not None:
            return observation.get_pointing_icrs().separation(self.position)
        return self.fixed_offset

    def _aeff_threshold(self, dataset: Any, observation: Any) -> u.Quantity:
        if self.irfs == "DL3":
            aeff, offset = response(observation, "aeff"), self._offset(observation)
            edges = aeff.axes["energy_true"].edges
            values = aeff.evaluate(energy_true=edges, offset=0 * u.deg if offset is None else offset).value
            above = values > self.aeff_percent / 100 * values.max()
            return edges[int(np.argmax(above))] if above.any() else np.inf * edges.unit
        if dataset.exposure is None:
            raise ValueError(f"dataset {dataset.name!r}: aeff-max needs an exposure")
        exposure = dataset.exposure
        energy = exposure.geom.axes["energy_true"].center
        offset = self._offset(observation)
        if not isinstance(exposure.geom, RegionGeom):
            y, x, _ = position_weights(exposure.geom, self._position(dataset, observation), "nearest")[0]
            values = exposure.data[:, y, x]
        elif offset is None:
            values = np.ravel(exposure.data)
        else:
            values = np.ravel(response(observation, "aeff").evaluate(energy_true=energy, offset=offset).value)
        threshold = rising_threshold(energy.value, values, self.aeff_percent / 100)
        if np.isinf(threshold):
            log.warning(
                "dataset %r: the effective area is zero at all energies; the dataset is masked out", dataset.name
            )
        return threshold * energy.unit

    def _bias_threshold(self, dataset: Any, observation: Any) -> u.Quantity:
        offset = self._offset(observation)
        if self.irfs == "DL3":
            own = response(observation, "edisp").to_edisp_kernel(0 * u.deg if offset is None else offset)
            return u.Quantity(own.get_bias_energy(self.bias_percent / 100)).ravel()[0]
        kernel = dataset.edisp
        if kernel is None:
            raise ValueError(f"dataset {dataset.name!r}: edisp-bias needs an energy dispersion")
        if hasattr(kernel, "get_edisp_kernel"):
            position = self._position(dataset, observation)
            kernel = kernel.get_edisp_kernel(position=position, energy_axis=dataset.counts.geom.axes["energy"])
        elif offset is not None:
            axes = kernel.axes
            kernel = response(observation, "edisp").to_edisp_kernel(
                offset, energy_true=axes["energy_true"], energy=axes["energy"]
            )
        return u.Quantity(kernel.get_bias_energy(self.bias_percent / 100)).ravel()[0]


def rising_threshold(energy: np.ndarray, values: np.ndarray, fraction: float) -> float:
    """Energy at which values first rise above a fraction of their maximum, interpolated log-log.

    Parameters
    ----------
    energy
        Increasing energies (n) [any unit].
    values
        Values (n), zero or more.
    fraction
        Fraction of the maximum.

    Returns
    -------
    threshold
        In the unit of ``energy``; the first energy with a positive value where that is above already; infinite where
        all values are zero.

    Examples
    --------
    >>> f"{rising_threshold(np.array([1.0, 10.0, 100.0]), np.array([0.01, 1.0, 1.0]), 0.1):.3f}"
    '3.162'
    """
    positive = np.nonzero(values > 0)[0]
    if not len(positive):
        return np.inf
    level, first = fraction * values.max(), positive[0]
    if values[first] >= level:
        return float(energy[first])
    above = first + int(np.argmax(values[first:] >= level))
    x, y = np.log(energy[above - 1 : above + 1]), np.log(np.maximum(values[above - 1 : above + 1], 1e-300))
    return float(np.exp(x[0] + (np.log(level) - y[0]) * (x[1] - x[0]) / (y[1] - y[0])))


def _default_range(observation: Any) -> tuple[u.Quantity, u.Quantity]:
    """Energy range given in the header of the effective area."""
    limits = {"LO_THRES": 0.0, "HI_THRES": np.inf}
    for key in limits:
        value = response(observation, "aeff").meta.get(key)
        if value:
            limits[key] = float(value)
        else:
            side = "lower" if key == "LO_THRES" else "upper"
            log.warning("observation %s: no default %s safe energy (%s) is given", observation.obs_id, side, key)
    return u.Quantity(limits["LO_THRES"], "TeV"), u.Quantity(limits["HI_THRES"], "TeV")


def _valid_background(dataset: Any) -> np.ndarray:
    """Bins in which the background is defined."""
    background = dataset.background
    if background is None:
        return np.ones(dataset.counts.geom.data_shape, dtype=bool)
    if getattr(dataset, "counts_off", None) is not None:
        return np.isfinite(background.data)
    return (background.data > 0) & (background.data < np.inf)


def _background_peak(dataset: Any) -> u.Quantity:
    """Lower edge of the energy bin with the most background."""
    if dataset.background is None:
        raise ValueError(f"dataset {dataset.name!r}: bkg-peak needs a background")
    spectrum = np.nan_to_num(dataset.background.data).sum(axis=(-2, -1))
    peak = int(np.argmax(spectrum))
    return dataset.counts.geom.axes["energy"].edges[peak]


def _rate_peak(observation: Any) -> u.Quantity:
    """Lower edge of the energy bin with the highest background rate in the field of view."""
    bkg = response(observation, "bkg")
    if bkg.has_offset_axis:
        offset = bkg.axes["offset"]
        spectrum = np.nan_to_num(bkg.data) @ (offset.center.value * offset.bin_width.value)
    else:
        area = np.outer(bkg.axes["fov_lon"].bin_width.value, bkg.axes["fov_lat"].bin_width.value)
        spectrum = (np.nan_to_num(bkg.data) * area).sum(axis=(1, 2))
    return bkg.axes["energy"].edges[int(np.argmax(spectrum))]

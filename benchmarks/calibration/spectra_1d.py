"""Invented spectra for calibration: eight bins, a power law, a background that is measured or known."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from gjax.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionNDMap

__all__ = ["ALPHA", "on_off", "with_background"]

#: Ratio of on to off acceptance.
ALPHA = 0.2


def _fields(exposure: float) -> tuple[MapAxis, dict[str, Any]]:
    energy = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=8)
    true = MapAxis.from_energy_bounds("0.3 TeV", "80 TeV", nbin=12, name="energy_true")
    edges, edges_true = energy.edges.to_value("TeV"), true.edges.to_value("TeV")
    centre = np.sqrt(edges_true[1:] * edges_true[:-1])
    kernel = np.diff(ndtr(np.log(edges[None, :] / centre[:, None]) / 0.15), axis=1)
    area = exposure * (1 - np.exp(-(centre**1.5)))
    response = {
        "exposure": RegionNDMap.create(None, axes=[true], data=area / 1e4, unit="m2 s"),
        "edisp": EDispKernel([true, energy], kernel),
        "counts": RegionNDMap.create(None, axes=[energy], data=np.zeros(8)),
    }
    return energy, response


def _background(energy: MapAxis, first: float, slope: float) -> np.ndarray:
    edges = energy.edges.to_value("TeV")
    return first * (edges[:-1] / edges[0]) ** slope


def on_off(off: float, *, exposure: float = 1.5e13, slope: float = -1.5, name: str = "run") -> SpectrumDatasetOnOff:
    """Return a spectrum without on counts.

    Parameters
    ----------
    off
        Expected off counts in the first bin.
    exposure
        Of the last bins [cm2 s].
    slope
        Of the off counts in energy.
    name
        Name of the dataset.
    """
    energy, response = _fields(exposure)
    counts_off = RegionNDMap.create(None, axes=[energy], data=_background(energy, off, slope))
    return SpectrumDatasetOnOff(**response, counts_off=counts_off, acceptance=1.0, acceptance_off=1 / ALPHA, name=name)


def with_background(background: float, *, exposure: float = 1.5e13, name: str = "run") -> SpectrumDataset:
    """Return a spectrum without counts, over a known background with so many counts in the first bin."""
    energy, response = _fields(exposure)
    data = RegionNDMap.create(None, axes=[energy], data=_background(energy, background, -1.5))
    return SpectrumDataset(**response, background=data, name=name)

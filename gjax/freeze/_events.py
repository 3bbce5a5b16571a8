"""Events one by one, in place of the bins that hold them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from gjax.irf import EDispMap
from gjax.maps import MapAxis

__all__ = ["SHARE", "EventArrays", "event_arrays", "event_edisp"]

#: Part of a bin that its events stand for together. Below 1, so that what is left of the total is never negative.
SHARE = 0.5

#: Parts of an energy bin in which the energy dispersion is taken to be flat.
_FINE = 16


@dataclasses.dataclass(frozen=True)
class EventArrays:
    """The events of a dataset inside its mask, sorted by bin.

    Parameters
    ----------
    bins
        Flat position (energy, pixel) of the bin that holds each event, shape (events,).
    vectors
        ICRS unit vectors, shape (events, 3).
    exposure
        Exposure at the events, shape (events, energy_true) [cm2 s].
    log_energy
        Natural logarithm of the energy [TeV].
    share
        Part of its bin that each event stands for: `SHARE` over the number of events there.
    """

    bins: np.ndarray
    vectors: np.ndarray
    exposure: np.ndarray
    log_energy: np.ndarray
    share: np.ndarray

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return what the events stand for of values (energy, pixels) that are flat in every bin."""
        return values.ravel()[self.bins] * self.share

    def subtract(self, values: np.ndarray) -> np.ndarray:
        """Return values (energy, pixels) without what the events stand for."""
        out = values.copy()
        np.subtract.at(out.reshape(-1), self.bins, self.spread(values))
        return out


def event_arrays(dataset: Any, mask: np.ndarray) -> EventArrays:
    """Take the events out of an `UnbinnedDataset`.

    Parameters
    ----------
    dataset
        The dataset.
    mask
        Bins that count, shape (energy, pixels).
    """
    found = dataset.coordinates
    inside = mask.ravel()[found["bin"]]
    sky, bins = found["skycoord"][inside], found["bin"][inside]
    axis = dataset.exposure.geom.axes["energy_true"]
    coords = {"skycoord": sky.reshape(1, -1), "energy_true": axis.center.reshape(-1, 1)}
    exposure = dataset.exposure.interp_by_coord(coords) * dataset.exposure.unit.to("cm2 s")
    _, which, number = np.unique(bins, return_inverse=True, return_counts=True)
    return EventArrays(
        bins,
        np.asarray(sky.icrs.cartesian.xyz.value).T.reshape(-1, 3),
        np.asarray(exposure, dtype=float).T.reshape(len(bins), axis.nbin),
        np.log(found["energy"][inside].to_value("TeV")),
        SHARE / number[which.reshape(-1)],
    )


def event_edisp(
    dataset: Any, events: EventArrays, position: Any, coarse: np.ndarray, energy_bin: np.ndarray, *, applies: bool
) -> np.ndarray:
    """Return the energy dispersion at the energies of events, times the width of their bins.

    Parameters
    ----------
    dataset
        The dataset.
    events
        Its events.
    position
        Where to take the response, a SkyCoord.
    coarse
        Energy dispersion in the bins of the dataset, shape (energy_true, energy).
    energy_bin
        Energy bin of each event.
    applies
        Whether energy dispersion acts on the source.

    Returns
    -------
    edisp
        Shape (energy_true, events). Flat in every bin if the response is known in these bins only.
    """
    if not applies or not isinstance(dataset.edisp, EDispMap):
        return coarse[:, energy_bin]
    edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    log = np.log(edges)
    fine = np.exp(np.append((log[:-1, None] + np.diff(log)[:, None] * np.arange(_FINE) / _FINE).ravel(), log[-1]))
    axis = MapAxis.from_edges(fine, unit="TeV", name="energy", interp="log")
    matrix = np.asarray(dataset.edisp.get_edisp_kernel(energy_axis=axis, position=position).pdf_matrix, dtype=float)
    place = np.clip(np.searchsorted(np.log(fine), events.log_energy, side="right") - 1, 0, len(fine) - 2)
    return matrix[:, place] * _FINE

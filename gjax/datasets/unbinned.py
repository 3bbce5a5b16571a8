"""Events one by one, on the responses of a map dataset."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from gjax.data import EventList
from gjax.datasets.map_dataset import MapDataset

__all__ = ["UnbinnedDataset"]


@dataclasses.dataclass(frozen=True, eq=False)
class UnbinnedDataset:
    r"""A map dataset whose counts are fitted event by event.

    Every event has its own energy and place; the total is that of the map dataset. With the predicted density
    :math:`\mu(E, x)` of events, the statistic is

    .. math:: 2 \left[\int \mu - N - \sum_i \ln \frac{\mu(E_i, x_i)\,v_i}{n_i}\right]

    with the bin volume :math:`v_i` and the counts :math:`n_i` of the bin that holds the event: constants, chosen such
    that it is the Cash statistic of the map dataset where bins are small (Cash 1979, doi:10.1086/156922).

    What is constant in a bin of the map dataset stays so: true energies are those of its exposure, the background and
    templates of counts are flat in every bin, and the image of a source is smeared with a pixel. So choose small
    pixels; the time of a fit follows the events.

    Parameters
    ----------
    dataset
        Exposure, responses, background and masks; its counts are not used.
    events
        The events; those outside of map and masks are left out.
    name
        Name; that of ``dataset`` by default.

    Raises
    ------
    TypeError
        If ``dataset`` is not a `MapDataset`, or ``events`` no `~gjax.data.EventList`.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.table import Table
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> geom = WcsGeom.create(skydir=(83.63, 22.01), binsz=0.1, width=2, axes=[axis])
    >>> table = Table({"RA": [83.6, 10.0] * u.deg, "DEC": [22.0, 0.0] * u.deg, "ENERGY": [2.0, 2.0] * u.TeV})
    >>> table["TIME"] = [0.0, 1.0] * u.s
    >>> dataset = UnbinnedDataset(MapDataset.create(geom, name="run"), EventList(table))
    >>> dataset.name, float(dataset.counts.data.sum())
    ('run', 1.0)
    """

    dataset: MapDataset
    events: EventList
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.dataset, MapDataset):
            kind = type(self.dataset).__name__
            raise TypeError(f"UnbinnedDataset.dataset: expected a MapDataset (with known background), got {kind}")
        if not isinstance(self.events, EventList):
            raise TypeError(f"UnbinnedDataset.events: expected an EventList, got {type(self.events).__name__}")
        if self.name is None:
            object.__setattr__(self, "name", self.dataset.name)

    def __repr__(self) -> str:
        return f"UnbinnedDataset({self.name!r}: {int(self.counts.data.sum())} of {len(self.events)} events on the map)"

    @functools.cached_property
    def coordinates(self) -> dict[str, Any]:
        """Place and energy of the events on the map, sorted by the bin that holds them ("bin", a flat number)."""
        geom = self.dataset.counts.geom
        found = self.events.map_coord(geom)
        index = np.stack([np.asarray(i, dtype=float) for i in geom.coord_to_idx(found)])
        shape = tuple(geom.data_shape[::-1])
        inside = np.all([np.isfinite(i) & (i >= 0) & (i < n) for i, n in zip(index, shape)], axis=0)
        flat = np.ravel_multi_index(tuple(index[:, inside].astype(int)[::-1]), geom.data_shape)
        order = np.argsort(flat, kind="stable")
        return {
            "skycoord": found["skycoord"][inside][order],
            "energy": found["energy"][inside][order],
            "bin": flat[order],
        }

    @functools.cached_property
    def counts(self) -> Any:
        """Events per bin."""
        counts = self.dataset.counts
        flat = np.bincount(self.coordinates["bin"], minlength=counts.data.size)
        return counts.copy(data=flat.reshape(counts.data.shape).astype(float))

    @property
    def exposure(self) -> Any:
        """Exposure of the map dataset."""
        return self.dataset.exposure

    @property
    def background(self) -> Any:
        """Background of the map dataset."""
        return self.dataset.background

    @property
    def psf(self) -> Any:
        """Point spread function of the map dataset."""
        return self.dataset.psf

    @property
    def edisp(self) -> Any:
        """Energy dispersion of the map dataset."""
        return self.dataset.edisp

    @property
    def mask(self) -> Any:
        """Bins that are safe and to be fitted."""
        return self.dataset.mask

    @property
    def gti(self) -> Any:
        """Good time intervals of the map dataset."""
        return self.dataset.gti

"""Bayesian blocks: the steps in which a flux or a rate of events changes."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable
from astropy.time import TimeDelta

from gjax.data import GTI, EventList
from gjax.data.times import seconds_since
from gjax.datasets import LightCurve

__all__ = ["bayesian_blocks"]


def bayesian_blocks(data: Any, *, p0: float = 0.05, gti: GTI | None = None, flux_quantity: str = "flux", band: int = 0):  # type: ignore[no-untyped-def]
    """Divide a light curve, or events, into blocks of constant flux (Scargle et al. 2013, ApJ 764, 167).

    Parameters
    ----------
    data
        `~gjax.datasets.LightCurve` with symmetric errors: points are taken as measurements with normal errors. Or
        `~gjax.data.EventList`: times are taken one by one.
    p0
        Probability of a change where there is none.
    gti
        Good time of the events (required for these): time outside of it does not count.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux" of a light curve.
    band
        Number of the energy band of a light curve.

    Returns
    -------
    table
        One row per block, with ``time_min`` and ``time_max``. Of a light curve ``number`` (of points), weighted mean
        and error of the flux, in columns named like the quantity. Of events ``counts``, ``livetime`` (good time), rate
        ``rate`` and ``rate_err`` = sqrt(counts) / livetime.

    Raises
    ------
    TypeError
        If the data are something else.
    ValueError
        If there are less than two points or events, no errors, or no good time.

    Examples
    --------
    >>> from astropy.time import Time
    >>> start = Time("2020-01-01", scale="tt") + np.arange(8) * u.d
    >>> flux = np.array([1, 1.1, 0.9, 1, 5, 5.2, 5.1, 4.9])[:, np.newaxis] * 1e-11 * u.Unit("cm-2 s-1")
    >>> lightcurve = LightCurve.from_arrays("flux", time_min=start, time_max=start + 1 * u.d,
    ...     e_min=[1] * u.TeV, e_max=[10] * u.TeV, flux=flux, flux_err=0 * flux + 2e-12 * flux.unit)
    >>> bayesian_blocks(lightcurve)["number"].tolist()
    [4, 4]
    """
    if not 0 < p0 < 1:
        raise ValueError(f"p0: expected a probability between 0 and 1, got {p0}")
    if isinstance(data, LightCurve):
        return _of_light_curve(data, p0, flux_quantity, band)
    if isinstance(data, EventList):
        return _of_events(data, p0, gti)
    raise TypeError(f"expected a LightCurve or an EventList, got {type(data).__name__}")


def _of_light_curve(lightcurve: LightCurve, p0: float, quantity: str, band: int) -> QTable:
    from astropy.stats import bayesian_blocks as blocks

    flux, error = lightcurve.quantity(quantity), lightcurve.quantity(quantity, "_err")
    if flux is None or error is None:
        raise ValueError("the light curve has no symmetric errors")
    value, sigma = flux.value[:, band], error.value[:, band]
    good = lightcurve.success[:, band] & np.isfinite(value) & np.isfinite(sigma) & (sigma > 0)
    if good.sum() < 2:
        raise ValueError(f"{int(good.sum())} points with a flux and an error, expected at least 2")
    rows = np.flatnonzero(good)
    days = (lightcurve.time_mid - lightcurve.time_min[0]).to_value("d")[rows]
    unit = float(np.median(sigma[rows]))
    edges = blocks(days, value[rows] / unit, sigma[rows] / unit, fitness="measures", p0=p0)
    block = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
    weight = 1 / sigma[rows] ** 2
    total = np.bincount(block, weight)
    used = np.flatnonzero(total > 0)
    first = [rows[block == number][0] for number in used]
    last = [rows[block == number][-1] for number in used]
    columns = {
        "time_min": lightcurve.time_min[first],
        "time_max": lightcurve.time_max[last],
        "number": np.bincount(block)[used],
        quantity: np.bincount(block, weight * value[rows])[used] / total[used] * flux.unit,
        f"{quantity}_err": 1 / np.sqrt(total[used]) * flux.unit,
    }
    return QTable(columns, meta={"p0": p0, "band": band})


def _of_events(events: EventList, p0: float, gti: GTI | None) -> QTable:
    from astropy.stats import bayesian_blocks as blocks

    if gti is None or len(gti) == 0:
        raise ValueError("gti: the good time of the events is needed")
    good = gti.union()
    start, stop = good.met_start.value, good.met_stop.value
    seconds = np.sort(seconds_since(events.time, good.time_ref))
    place = np.searchsorted(start, seconds, side="right") - 1
    inside = (place >= 0) & (seconds <= stop[np.maximum(place, 0)])
    if inside.sum() < 2:
        raise ValueError(f"{int(inside.sum())} events in the good time, expected at least 2")
    seconds, place = seconds[inside], place[inside]
    # good time only: gaps are cut out, so that a pause is no drop of the rate
    before = np.concatenate([[0.0], np.cumsum(stop - start)])
    live = np.unique(before[place] + seconds - start[place])
    edges = blocks(live, fitness="events", p0=p0)
    edges[0], edges[-1] = 0.0, before[-1]
    counts = np.histogram(before[place] + seconds - start[place], edges)[0]

    def at(values: np.ndarray, side: Any) -> Any:
        where = np.clip(np.searchsorted(before, values, side=side) - 1, 0, len(start) - 1)
        return good.time_ref + TimeDelta(start[where] + values - before[where], format="sec")

    lasts = np.diff(edges)
    columns = {
        "time_min": at(edges[:-1], "right"),
        "time_max": at(edges[1:], "left"),
        "counts": counts,
        "livetime": lasts * u.s,
        "rate": counts / lasts / u.s,
        "rate_err": np.sqrt(counts) / lasts / u.s,
    }
    return QTable(columns, meta={"p0": p0})

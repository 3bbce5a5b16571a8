"""Times on the host, and integrals over them inside of compiled functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.units import to_canonical

__all__ = [
    "SCALES",
    "as_time",
    "check_intervals",
    "compiled_integrals",
    "compiled_values",
    "days_since",
    "energy_argument",
    "padded_intervals",
    "panels",
    "sample_times",
]

#: Time scales that a model may have.
SCALES = ("utc", "tt", "tai", "tdb", "tcb", "tcg", "ut1")

_ZERO = 2400000.5


def as_time(mjd: Any, scale: str) -> Any:
    """Return modified Julian dates as an astropy Time."""
    from astropy.time import Time

    whole = np.floor(mjd)
    return Time(whole, np.asarray(mjd) - whole, format="mjd", scale=scale)


def days_since(time: Any, scale: str, epoch: float) -> np.ndarray:
    """Return days since a modified Julian date, to a nanosecond where the time is an astropy Time.

    Parameters
    ----------
    time
        astropy Time, or modified Julian dates (a Quantity or numbers) in ``scale``.
    scale
        Time scale of the result.
    epoch
        Modified Julian date.
    """
    if hasattr(time, "jd1"):
        time = getattr(time, scale)
        return np.asarray((time.jd1 - _ZERO - epoch) + time.jd2, dtype=float)
    return np.asarray(to_canonical(time, "d", "time"), dtype=float) - epoch


def check_intervals(start: np.ndarray, stop: np.ndarray) -> None:
    """Raise `ValueError` unless intervals end after they start."""
    if np.any(stop < start):
        raise ValueError("t_min, t_max: an interval ends before it starts")
    if not np.sum(stop - start) > 0:
        raise ValueError("t_min, t_max: the intervals have no length")


def energy_argument(model: Any, energy: Any) -> dict[str, Any]:
    """Return the argument of a model that depends on energy; nothing for others."""
    if not model.is_energy_dependent:
        return {}
    if energy is None:
        raise ValueError(f"{type(model).__name__}: depends on energy; give one")
    return {"energy": jnp.asarray(to_canonical(energy, "TeV", "energy"))}


@jax.jit
def compiled_values(model: Any, time: Any, more: dict[str, Array]) -> Array:
    """Evaluate a model: one program, not one per operation."""
    return model.evaluate(time, **more)


@jax.jit
def compiled_integrals(model: Any, start: Any, width: Any, more: dict[str, Array]) -> Array:
    """Integrate a model: one program, not one per operation."""
    return model.integrate(start, width, **more)


def padded_intervals(
    names: Sequence[str], gtis: Sequence[Any], scale: str, epoch: float, size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return beginning [d since an epoch] and length [d] of good time intervals, shape (datasets, intervals).

    Parameters
    ----------
    names
        Names of the datasets, for messages.
    gtis
        `gjax.data.GTI` of each.
    scale, epoch
        As for `days_since`.
    size
        Number of intervals to fill up to with some that have no length.

    Raises
    ------
    ValueError
        If a dataset has no good time interval.
    """
    from astropy.time import Time

    for name, gti in zip(names, gtis):
        if gti is None or not np.sum(gti.met_stop - gti.met_start) > 0:
            raise ValueError(f"dataset {name!r}: a source that varies with time needs good time intervals")
    number = [len(gti) for gti in gtis]
    # one conversion of all times: it costs as much as that of one
    ends = [np.concatenate([getattr(g, key).to_value("s") for g in gtis]) for key in ("met_start", "met_stop")]
    zero = [gti.time_ref.tt for gti in gtis]
    jd1, jd2 = (np.repeat([getattr(t, key) for t in zero], number) for key in ("jd1", "jd2"))
    days = days_since(Time(jd1, jd2 + ends[0] / 86400.0, format="jd", scale="tt"), scale, epoch)
    row = np.repeat(np.arange(len(gtis)), number)
    column = np.concatenate([np.arange(n) for n in number])
    shape = (len(gtis), max(max(number), size or 0))
    # what is filled up with begins where the last interval does, so that it is as well defined
    start, width = np.repeat(days[np.cumsum(number) - 1], shape[1]).reshape(shape), np.zeros(shape)
    start[row, column], width[row, column] = days, (ends[1] - ends[0]) / 86400.0
    return start, width


def panels(function: Callable[[Array], Array], start: Array, width: Array, kinks: Any, nodes: int = 48) -> Array:
    """Integrate a function over intervals by Gauss-Legendre nodes, in parts where kinks are inside.

    Parameters
    ----------
    function
        Takes times, returns values of the same shape.
    start, width
        Beginning and length of the intervals.
    kinks
        Times where the function is not smooth; every one cuts all intervals that it is in.
    nodes
        Number of nodes per part.
    """
    x, weight = (a.astype(jnp.result_type(start)) for a in np.polynomial.legendre.leggauss(nodes))
    inside: Any = jnp.sort(jnp.atleast_1d(kinks)) if np.size(kinks) else []
    cuts = [jnp.clip(cut - start, 0.0, width) for cut in inside]
    total: Any = 0.0
    for low, high in zip([jnp.zeros_like(width), *cuts], [*cuts, width]):
        half = 0.5 * (high - low)[..., None]
        total = total + jnp.sum(function((start + low)[..., None] + half * (1 + x)) * weight * half, axis=-1)
    return total


def sample_times(
    model: Any, number: int, t_min: Any, t_max: Any, t_delta: Any, rng: np.random.Generator, energy: Any = None
) -> Any:
    """Draw times of events; see `AbstractTemporalModel.sample_time`."""
    low, high = (float(days_since(t, model.scale, model.epoch)) for t in (t_min, t_max))
    if not high > low:
        raise ValueError("t_min, t_max: expected a range of times")
    steps = model.steps_to_sample(low, high) if hasattr(model, "steps_to_sample") else 2000
    steps = max(int(np.ceil((high - low) / to_canonical(t_delta, "d", "t_delta"))), steps)
    edges = np.linspace(low, high, steps + 1)
    ends = model.coordinates(edges[:-1], np.diff(edges))
    more = energy_argument(model, energy)
    weights = np.asarray(compiled_integrals(model.filled(), *ends, more), float)
    if (weights < -1e-12 * np.abs(weights).max()).any() or not weights.sum() > 0:
        raise ValueError(f"{type(model).__name__}: the factor is negative or zero between the times; none can be drawn")
    cumulative = np.concatenate([[0.0], np.cumsum(np.maximum(weights, 0.0))])
    days = np.interp(rng.random(number) * cumulative[-1], cumulative, edges)
    from astropy.time import Time

    return Time(model.epoch, days, format="mjd", scale=model.scale)

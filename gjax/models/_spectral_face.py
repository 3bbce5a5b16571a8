"""What people ask a spectrum for, with numbers on the host: integrals to full precision, and energies of a flux."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.units import DNDE, to_canonical

__all__ = ["by_blocks", "integrals", "panel_edges", "roots", "times_energy"]

#: Panels per decade in a first try, and how often their number is doubled at most.
_PER_DECADE, _DOUBLINGS = 10, 7


def times_energy(unit: str, power: int) -> str:
    """Return the unit of a model times a power of TeV.

    Examples
    --------
    >>> times_energy("TeV-1 s-1 cm-2", 1), times_energy("", 2)
    ('s-1 cm-2', 'TeV2')
    """
    if unit == DNDE:
        return {1: "s-1 cm-2", 2: "TeV s-1 cm-2"}[power]
    import astropy.units as u

    return (u.Unit(unit) * u.TeV**power).to_string()


def panel_edges(low: Any, high: Any, kinks: Any, per_decade: int = _PER_DECADE) -> np.ndarray:
    """Return edges of panels inside bins, so that a smooth spectrum is a low polynomial in each: (..., panels + 1).

    Parameters
    ----------
    low, high
        Edges of the bins [TeV].
    kinks
        Energies [TeV] that must be edges as well.
    per_decade
        Number of panels per decade.
    """
    low, high = np.broadcast_arrays(np.asarray(low, float), np.asarray(high, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.abs(np.log10(high / low))
    decades = decades[np.isfinite(decades)]
    number = max(4, int(np.ceil(per_decade * decades.max()))) if decades.size else 4
    number = 1 << (number - 1).bit_length()  # a power of two: few shapes, few compiled programs
    fraction = np.linspace(0.0, 1.0, number + 1)
    edges = low[..., None] * (high / low)[..., None] ** fraction
    edges[..., 0], edges[..., -1] = low, high
    kinks = np.asarray(kinks, float)
    kinks = kinks[(kinks > low.min()) & (kinks < high.max())] if low.size else kinks[:0]
    if kinks.size:
        inside = np.clip(kinks, low[..., None], high[..., None])
        edges = np.sort(np.concatenate([edges, inside], axis=-1), axis=-1)
    return edges


@functools.partial(jax.jit, static_argnames="name")
def _call(model: Any, name: str, *arguments: Array) -> Array:
    return getattr(model, name)(*arguments)


def by_blocks(model: Any, name: str, *arguments: Any) -> np.ndarray:
    """Call a method of a model on arrays of one shape, in blocks of one length: one program for all shapes.

    Parameters
    ----------
    model
        Spectral model whose parameter fields hold arrays.
    name
        Method: "evaluate", "integrate" or "integrate_energy".
    arguments
        Its arguments; they broadcast.
    """
    arrays = np.broadcast_arrays(*(np.asarray(argument, float) for argument in arguments))
    shape, size = arrays[0].shape, arrays[0].size
    if size == 0:
        return np.zeros(shape)
    length = 32 if size <= 32 else 1024
    number = -(-size // length)
    # filled up with the last energy
    rows = [np.pad(a.ravel(), (0, number * length - size), mode="edge").reshape(number, length) for a in arrays]
    found = [np.asarray(_call(model, name, *(jax.device_put(row[k]) for row in rows))) for k in range(number)]
    return np.concatenate(found)[:size].reshape(shape)


def integrals(model: Any, energy_min: Any, energy_max: Any, power: int) -> np.ndarray:
    """Return the integral of E**power times a spectrum: panels are halved until nothing changes by more than 1e-9.

    Parameters
    ----------
    model
        Spectral model with its parameters.
    energy_min, energy_max
        Edges of the bins (Quantity, or numbers in TeV).
    power
        0 for the photon flux, 1 for the energy flux.
    """
    low, high = (np.asarray(to_canonical(e, "TeV", "energy"), float) for e in (energy_min, energy_max))
    filled, name = model.filled(), "integrate_energy" if power else "integrate"
    kinks = np.asarray(filled.kinks())
    accuracy = max(1e-9, 8 * float(jnp.finfo(jnp.result_type(float)).eps))
    last = None
    for doubling in range(_DOUBLINGS):
        edges = panel_edges(low, high, kinks, _PER_DECADE << doubling)
        result = by_blocks(filled, name, edges[..., :-1], edges[..., 1:]).sum(axis=-1)
        if last is not None and np.all(np.abs(result - last) <= accuracy * np.abs(result)):
            break
        last = result
    return result


def roots(model: Any, value: Any, energy_min: Any, energy_max: Any) -> np.ndarray:
    """Return the energies [TeV] between two energies where a spectrum has a value, by bisection between 500 points.

    Parameters
    ----------
    model
        Spectral model with its parameters.
    value
        Value (Quantity, or number in the unit of the model).
    energy_min, energy_max
        Range (Quantity, or numbers in TeV).
    """
    goal = to_canonical(value, model.unit, "value")
    low, high = (float(to_canonical(e, "TeV", "energy")) for e in (energy_min, energy_max))
    filled = model.filled()
    grid = np.linspace(np.log(low), np.log(high), 500)

    def above(log_energy: np.ndarray) -> np.ndarray:
        return by_blocks(filled, "evaluate", np.exp(log_energy)) >= goal

    side = above(grid)
    start = np.flatnonzero(side[1:] != side[:-1])
    left, right, is_above = grid[start], grid[start + 1], side[start]
    for _ in range(55 if len(start) else 0):
        middle = (left + right) / 2
        same = above(middle) == is_above
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return np.exp((left + right) / 2) if len(start) else np.array([np.nan])

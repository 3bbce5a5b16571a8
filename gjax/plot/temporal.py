"""Curves of temporal models."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.plot.style import new_axes

__all__ = ["plot_phasogram", "plot_temporal_model"]


def plot_temporal_model(
    model: Any, time_range: Any, *, ax: Any = None, n_points: int = 100, energy: Any = None, **options: Any
) -> Any:
    """Plot a temporal model between two times, against modified Julian dates.

    Parameters
    ----------
    model
        Temporal model (`gjax.models.AbstractTemporalModel`).
    time_range
        First and last time: astropy Time, or modified Julian dates.
    ax
        Axes; a new one if None.
    n_points
        Number of points.
    energy
        Energies of the curves, for models that depend on energy; the default is those of their table.
    **options
        Given to `matplotlib.axes.Axes.plot`.

    Returns
    -------
    ax
        The axes.
    """
    import astropy.units as u

    first, last = (_mjd(t, model.scale) for t in (time_range[0], time_range[1]))
    mjd = first + np.linspace(0.0, last - first, n_points)
    ax = new_axes() if ax is None else ax
    if not model.is_energy_dependent:
        ax.plot(mjd, np.asarray(model(mjd)), **options)
    else:
        known = np.exp(model.log_energy) * u.TeV if energy is None else np.atleast_1d(u.Quantity(energy))
        for one in known:
            ax.plot(mjd, np.asarray(model(mjd, one)), **({"label": f"{one:.3g}"} | options))
        ax.legend()
    ax.set_xlabel(f"Time [MJD, {model.scale.upper()}]")
    ax.set_ylabel("Norm")
    return ax


def _mjd(time: Any, scale: str) -> float:
    return float(getattr(time, scale).mjd if hasattr(time, "jd1") else time)


def plot_phasogram(phase: Any, norm: Any, *, ax: Any = None, n_points: int = 200, **options: Any) -> Any:
    """Plot a phase curve over one turn.

    Parameters
    ----------
    phase, norm
        Points of the curve.
    ax
        Axes; a new one if None.
    n_points
        Number of points.
    **options
        Given to `matplotlib.axes.Axes.plot`.

    Returns
    -------
    ax
        The axes.
    """
    ax = new_axes() if ax is None else ax
    x = np.linspace(0.0, 1.0, n_points)
    ax.plot(x, np.interp(x, phase, norm), **options)
    ax.set_xlabel("Phase")
    ax.set_ylabel("Norm")
    return ax

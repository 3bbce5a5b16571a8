"""Likelihood profiles and contours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.style import COLORS, axes_for, scaled_label, style

__all__ = ["plot_contour", "plot_profile"]


def _smooth(values: np.ndarray, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill in between the points of a profile: its signed root is nearly a straight line."""
    if len(values) < 3 or not np.all(np.isfinite(delta)) or np.any(np.diff(values) <= 0):
        return values, delta
    lowest = int(np.argmin(delta))
    sign = np.sign(np.arange(len(values)) - lowest)
    root = sign * np.sqrt(np.maximum(delta, 0.0))
    if np.any(np.diff(root) <= 0):
        return values, delta
    fine = np.union1d(np.linspace(values[0], values[-1], 200), values)
    return fine, np.interp(fine, values, root) ** 2


def plot_profile(
    values: ArrayLike,
    stat: ArrayLike,
    *,
    best: float | None = None,
    name: str = "",
    unit: str = "",
    sigmas: tuple[float, ...] = (1.0, 2.0),
    color: str | None = None,
    ax: Any = None,
) -> Any:
    """Plot the statistic above its minimum against one parameter.

    Parameters
    ----------
    values
        Values of the parameter.
    stat
        Fit statistic, other parameters re-optimised.
    best
        Best value, marked with a line.
    name, unit
        The parameter.
    sigmas
        Levels to mark.
    color
        Colour of the curve.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_profile([1, 2, 3], [4, 0, 4], best=2, name="index", ax=new_figure().add_subplot())
    >>> ax.get_xlabel()
    'index'
    """
    values, stat = np.asarray(values, dtype=float), np.asarray(stat, dtype=float)
    if values.shape != stat.shape:
        raise ValueError(f"profile: got {len(values)} values and {len(stat)} statistics")
    with style():
        ax = axes_for(ax)
        delta = stat - np.nanmin(stat)
        factor, label = scaled_label(name, unit, values)
        values = values * factor
        ax.plot(*_smooth(values, delta), color=color or COLORS["model"])
        for sigma in sigmas:
            ax.axhline(sigma**2, color=COLORS["background"], lw=1, ls="--")
            ax.annotate(
                f"{sigma:g}$\\sigma$",
                (1.0, sigma**2),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=9,
                color="#555555",
            )
        if best is not None:
            ax.axvline(best * factor, color=COLORS["alternative"], lw=1.3, ls="--")
        ax.set_xlim(values.min(), values.max())
        ax.set_ylim(0, max(1.15 * np.nanmax(delta), 1.2 * max(sigmas) ** 2) if len(delta) else None)
        ax.set_xlabel(label)
        ax.set_ylabel(r"Statistic above minimum ($\Delta TS$)")
    return ax


def plot_contour(
    x: ArrayLike,
    y: ArrayLike,
    *,
    best: tuple[float, float] | None = None,
    names: tuple[str, str] = ("", ""),
    units: tuple[str, str] = ("", ""),
    label: str = "",
    color: str | None = None,
    fill: bool = True,
    ax: Any = None,
) -> Any:
    """Plot a closed contour of two parameters.

    Parameters
    ----------
    x, y
        Points along the contour.
    best
        Best values, marked with a cross.
    names, units
        The parameters.
    label
        Text of the legend.
    color, fill
        Look.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_contour([0, 1, 0, -1], [1, 0, -1, 0], best=(0, 0), ax=new_figure().add_subplot())
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    color = color or COLORS["model"]
    with style():
        ax = axes_for(ax, 5.6, 4.8)
        (factor_x, xlabel), (factor_y, ylabel) = (scaled_label(n, t, v) for n, t, v in zip(names, units, (x, y)))
        x, y = x * factor_x, y * factor_y
        ax.plot(np.append(x, x[0]), np.append(y, y[0]), color=color, label=label or None)
        if fill:
            ax.fill(x, y, color=color, alpha=0.15, lw=0)
        if best is not None:
            ax.plot(best[0] * factor_x, best[1] * factor_y, "+", ms=10, mew=1.8, color=COLORS["on"])
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        if label:
            ax.legend()
    return ax

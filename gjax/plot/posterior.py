"""Corner plot of a posterior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from gjax.plot.style import COLORS, axes_for, scaled_label, style

__all__ = ["plot_corner", "plot_trace"]

# Fraction of a two-dimensional Gaussian inside 1 and 2 sigma: 1 - exp(-n²/2).
LEVELS = 1.0 - np.exp(-0.5 * np.array([2.0, 1.0]) ** 2)


def _scaled(name: str, values: np.ndarray, unit: str) -> tuple[np.ndarray, float, str]:
    factor, label = scaled_label(name, unit, values)
    return values * factor, factor, label.replace(" [", "\n[")


def _short_names(names: list[str]) -> list[str]:
    """Last parts of the names where they are unique."""
    last = [name.rsplit(".", 1)[-1] for name in names]
    return last if len(set(last)) == len(last) else names


def _density_levels(density: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    ordered = np.sort(density.ravel())[::-1]
    cumulative = np.cumsum(ordered) / ordered.sum()
    levels = np.array([ordered[np.searchsorted(cumulative, f)] for f in fractions])
    # Contours need strictly increasing levels, also where few samples give equal densities.
    return np.maximum.accumulate(levels + np.arange(len(levels)) * 1e-12 * ordered[0])


def _format(median: float, low: float, high: float) -> str:
    digits = int(np.clip(1 - np.floor(np.log10(max(min(high, low), 1e-12))), 0, 5))
    return f"${median:.{digits}f}_{{-{low:.{digits}f}}}^{{+{high:.{digits}f}}}$"


def plot_corner(
    samples: Mapping[str, ArrayLike],
    *,
    units: Mapping[str, str] | None = None,
    best: Mapping[str, float] | None = None,
    truths: Mapping[str, float] | None = None,
    bins: int = 36,
    figure: Any = None,
) -> Any:
    """Plot all one- and two-dimensional marginal distributions of a posterior.

    Contours hold 39 % and 86 % of the samples (1 and 2 sigma of a two-dimensional Gaussian);
    titles give median and 68 % interval.

    Parameters
    ----------
    samples
        Name of each parameter and its samples, all of one length.
    units
        Unit of each parameter, for the labels.
    best
        Values to mark with dashed lines (best fit).
    truths
        Values to mark with solid lines (simulated truth).
    bins
        Bins per axis.
    figure
        Figure to draw in; a new one if None.

    Returns
    -------
    figure
        The figure.

    Raises
    ------
    ValueError
        If there are no samples, or their numbers differ.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.plot import new_figure
    >>> x = np.random.default_rng(0).normal(size=(2, 500))
    >>> figure = plot_corner({"a": x[0], "b": x[1]}, figure=new_figure())
    >>> len(figure.axes)
    3
    """
    names = list(samples)
    if not names:
        raise ValueError("no samples to plot")
    raw = [np.asarray(samples[name], dtype=float).reshape(-1) for name in names]
    if len({len(r) for r in raw}) != 1 or len(raw[0]) < 2:
        raise ValueError(
            "samples: expected the same number, at least 2, for every parameter; got "
            + ", ".join(f"{n}: {len(r)}" for n, r in zip(names, raw))
        )
    scaled = [_scaled(s, r, (units or {}).get(n, "")) for n, s, r in zip(names, _short_names(names), raw)]
    count = len(names)
    with style():
        if figure is None:
            import matplotlib.pyplot as plt

            size = 1.9 * count + 1.4
            figure = plt.figure(figsize=(size, size), layout="constrained")
        axes = figure.subplots(count, count, squeeze=False)
        limits = [_limits(values) for values, _, _ in scaled]
        for row in range(count):
            for column in range(count):
                ax = axes[row, column]
                if column > row:
                    ax.remove()
                    continue
                x, scale_x, label_x = scaled[column]
                if row == column:
                    _diagonal(ax, x, bins, limits[row])
                else:
                    _joint(ax, x, scaled[row][0], bins, limits[column], limits[row])
                    ax.set_ylim(*limits[row])
                ax.set_xlim(*limits[column])
                for marks, color, line in ((best, COLORS["alternative"], "--"), (truths, COLORS["truth"], "-")):
                    if marks and names[column] in marks:
                        ax.axvline(marks[names[column]] * scale_x, color=color, ls=line, lw=1.3, zorder=4)
                    if marks and row != column and names[row] in marks:
                        ax.axhline(marks[names[row]] * scaled[row][1], color=color, ls=line, lw=1.3, zorder=4)
                _decorate(ax, row, column, count, label_x, scaled[row][2])
        _legend(figure, count, best, truths)
    return figure


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.002, 0.998])
    pad = 0.08 * (high - low) or 0.5 * abs(low) or 1.0
    return float(low - pad), float(high + pad)


def _diagonal(ax: Any, values: np.ndarray, bins: int, limits: tuple[float, float]) -> None:
    ax.hist(values, bins=bins, range=limits, histtype="stepfilled", color=COLORS["band"], alpha=0.35, lw=0)
    ax.hist(values, bins=bins, range=limits, histtype="step", color=COLORS["model"], lw=1.5)
    low, median, high = np.quantile(values, [0.1587, 0.5, 0.8413])
    ax.axvspan(low, high, color=COLORS["model"], alpha=0.09, lw=0)
    ax.set_title(_format(median, median - low, high - median), fontsize=10.5)
    ax.set_ylim(0, None)


def _joint(
    ax: Any, x: np.ndarray, y: np.ndarray, bins: int, limits_x: tuple[float, float], limits_y: tuple[float, float]
) -> None:
    from scipy.ndimage import gaussian_filter

    counts, edges_x, edges_y = np.histogram2d(x, y, bins=bins, range=[limits_x, limits_y])
    density = gaussian_filter(counts.T, 1.4)
    center_x, center_y = 0.5 * (edges_x[:-1] + edges_x[1:]), 0.5 * (edges_y[:-1] + edges_y[1:])
    step = max(1, len(x) // 4000)
    ax.plot(x[::step], y[::step], ".", ms=1.2, color=COLORS["background"], alpha=0.35, zorder=1, rasterized=True)
    levels = _density_levels(density, LEVELS)
    if levels[1] > levels[0] > 0 and density.max() > levels[1]:
        ax.contourf(
            center_x,
            center_y,
            density,
            levels=[*levels, density.max() * 1.001],
            colors=[COLORS["band"], COLORS["model"]],
            alpha=0.45,
            zorder=2,
        )
        ax.contour(center_x, center_y, density, levels=levels, colors=COLORS["model"], linewidths=1.2, zorder=3)


def _decorate(ax: Any, row: int, column: int, count: int, label_x: str, label_y: str) -> None:
    ax.grid(False)
    ax.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
    ax.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
    if row == column:
        ax.yaxis.set_major_locator(MaxNLocator(1))
        ax.set_yticks([])
    if row == count - 1:
        ax.set_xlabel(label_x)
        ax.tick_params(axis="x", labelrotation=30)
    else:
        ax.tick_params(labelbottom=False)
    if column == 0 and row > 0:
        ax.set_ylabel(label_y)
    elif column > 0:
        ax.tick_params(labelleft=False)


def _legend(figure: Any, count: int, best: Any, truths: Any) -> None:
    from matplotlib.lines import Line2D

    handles = []
    if best:
        handles.append(Line2D([], [], color=COLORS["alternative"], ls="--", label="best fit"))
    if truths:
        handles.append(Line2D([], [], color=COLORS["truth"], label="true value"))
    if handles and count > 1:
        figure.legend(handles=handles, loc="upper right", fontsize=11, bbox_to_anchor=(0.98, 0.97))


def plot_trace(samples: ArrayLike, *, label: str = "", ax: Any = None) -> Any:
    """Plot the samples of one parameter in the order they were drawn, one line per chain.

    Parameters
    ----------
    samples
        Shape (chains, draws), or (draws,).
    label
        Name of the parameter.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> plot_trace([[1, 2, 1], [2, 2, 1]], label="index", ax=new_figure().add_subplot()).get_ylabel()
    'index'
    """
    with style():
        ax = axes_for(ax, height=2.4)
        for chain in np.atleast_2d(np.asarray(samples, dtype=float)):
            ax.plot(chain, lw=0.6, alpha=0.75)
        ax.set_xlabel("Draw")
        ax.set_ylabel(label)
    return ax

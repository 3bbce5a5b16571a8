"""Counts per energy bin: on and off, excess, fit and residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.style import COLORS, axes_for, energy_ticks, style

__all__ = ["plot_counts", "plot_excess", "plot_residuals", "plot_spectrum_fit", "shade_unsafe"]


def _edges(edges: Any) -> np.ndarray:
    values = np.asarray(edges.to_value("TeV") if hasattr(edges, "to_value") else edges, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"energy edges: got shape {values.shape}, expected one axis of at least 2 edges")
    return values


def _values(values: ArrayLike, edges: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float).reshape(-1)
    if len(array) != len(edges) - 1:
        raise ValueError(f"{name}: got {len(array)} values for {len(edges) - 1} energy bins")
    return array


def shade_unsafe(ax: Any, edges: ArrayLike, mask: ArrayLike) -> None:
    """Shade the bins that are not used in the fit.

    Parameters
    ----------
    ax
        Axes.
    edges
        Energy edges [TeV].
    mask
        True where a bin is used.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> shade_unsafe(new_figure().add_subplot(), [1, 2, 3], [True, False])
    """
    edges = _edges(edges)
    used = np.asarray(mask, dtype=bool).reshape(-1)
    start = 0
    for stop in range(1, len(used) + 1):
        if stop == len(used) or used[stop] != used[start]:
            if not used[start]:
                ax.axvspan(edges[start], edges[stop], color="#000000", alpha=0.055, lw=0, zorder=0)
            start = stop


def draw_points(
    ax: Any, x: np.ndarray, y: np.ndarray, error: np.ndarray, shown: np.ndarray, mask: Any, label: str
) -> None:
    """Draw points with errors; those that are not used in the fit are paler."""
    used = np.ones(len(x), dtype=bool) if mask is None else np.asarray(mask, dtype=bool).reshape(-1)
    options = {"fmt": "o", "ms": 4.2, "lw": 1.2, "zorder": 3}
    for chosen, color, text in ((shown & used, COLORS["data"], label), (shown & ~used, "#b5b5b5", "")):
        if chosen.any():
            ax.errorbar(x[chosen], y[chosen], yerr=error[chosen], color=color, label=text or None, **options)


def _finish(ax: Any, edges: np.ndarray, mask: Any, label: str) -> None:
    """Shade what is not used, and label the axes."""
    if mask is not None:
        shade_unsafe(ax, edges, mask)
    energy_ticks(ax, limits=(edges[0], edges[-1]))
    ax.set_xlabel("Reconstructed energy [TeV]")
    ax.set_ylabel(label)


def plot_counts(
    edges: Any,
    counts: ArrayLike,
    background: ArrayLike | None = None,
    *,
    npred: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    ax: Any = None,
) -> Any:
    """Plot counts per energy bin, with the expected background and the prediction.

    Parameters
    ----------
    edges
        Energy edges [TeV, or a Quantity].
    counts
        Counts in the on region, per bin.
    background
        Expected background counts (off counts scaled to the on region).
    npred
        Predicted counts, background included.
    mask
        True where a bin is used in the fit; the others are shaded.
    ax
        Axes; a new one if None.

    Returns
    -------
    ax
        The axes.

    Raises
    ------
    ValueError
        If an array does not have one value per bin.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_counts([1, 2, 4], [10, 3], [2, 1], ax=new_figure().add_subplot())
    >>> ax.get_ylabel()
    'Counts'
    """
    edges = _edges(edges)
    counts = _values(counts, edges, "counts")
    centers = np.sqrt(edges[:-1] * edges[1:])
    with style():
        ax = axes_for(ax)
        draw_points(ax, centers, counts, np.sqrt(counts), counts > 0, mask, "on region")
        if background is not None:
            values = _values(background, edges, "background")
            ax.stairs(
                values,
                edges,
                fill=True,
                color=COLORS["background"],
                alpha=0.35,
                lw=0,
                label="background (off, scaled)",
                baseline=1e-9,
            )
        if npred is not None:
            ax.stairs(
                _values(npred, edges, "npred"), edges, color=COLORS["model"], lw=1.6, label="predicted", baseline=None
            )
        ax.set_yscale("log")
        ax.set_ylim(0.2, 2.5 * max(1.0, counts.max(initial=1.0)))
        _finish(ax, edges, mask, "Counts")
        ax.legend(loc="upper right")
    return ax


def plot_excess(
    edges: Any,
    excess: ArrayLike,
    errors: ArrayLike,
    *,
    npred: ArrayLike | None = None,
    npred_error: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    ax: Any = None,
) -> Any:
    """Plot the excess per energy bin with the prediction of the model.

    Parameters
    ----------
    edges
        Energy edges [TeV, or a Quantity].
    excess, errors
        Counts minus expected background and its error, per bin.
    npred, npred_error
        Predicted excess and its error.
    mask
        True where a bin is used in the fit; the others are shaded.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If an array does not have one value per bin.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_excess([1, 2, 4], [8, 2], [3, 2], npred=[7, 3], ax=new_figure().add_subplot())
    >>> ax.get_ylabel()
    'Excess counts'
    """
    edges = _edges(edges)
    excess, errors = _values(excess, edges, "excess"), _values(errors, edges, "errors")
    centers = np.sqrt(edges[:-1] * edges[1:])
    with style():
        ax = axes_for(ax)
        draw_points(ax, centers, excess, errors, (errors > 0) & np.isfinite(excess), mask, "excess")
        if npred is not None:
            values = _values(npred, edges, "npred")
            ax.stairs(values, edges, color=COLORS["model"], lw=1.8, label="model", baseline=None)
            if npred_error is not None:
                width = _values(npred_error, edges, "npred_error")
                ax.stairs(
                    values + width, edges, baseline=values - width, fill=True, color=COLORS["band"], alpha=0.4, lw=0
                )
        ax.axhline(0, color="#444444", lw=0.8)
        tops = np.append(excess + errors, [] if npred is None else np.asarray(npred, dtype=float).reshape(-1))
        high, low = np.nanmax(tops, initial=1.0), np.nanmin(excess - errors, initial=0.0)
        ax.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
        _finish(ax, edges, mask, "Excess counts")
        ax.legend(loc="upper right")
    return ax


def plot_residuals(
    edges: Any,
    residuals: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    label: str = "Residuals [$\\sigma$]",
    ax: Any = None,
) -> Any:
    """Plot residuals in units of their errors, with the 1 and 2 sigma bands.

    Parameters
    ----------
    edges
        Energy edges [TeV, or a Quantity].
    residuals
        Difference of data and model over the error, per bin; NaN bins are left out.
    mask
        True where a bin is used in the fit; the others are shaded, and left out.
    label
        Label of the vertical axis.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If there is not one value per bin.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> plot_residuals([1, 2, 4], [0.3, -1.0], ax=new_figure().add_subplot()).get_xscale()
    'log'
    """
    edges = _edges(edges)
    residuals = _values(residuals, edges, "residuals")
    centers = np.sqrt(edges[:-1] * edges[1:])
    with style():
        ax = axes_for(ax, height=2.4)
        ax.axhspan(-2, 2, color=COLORS["band"], alpha=0.13, lw=0)
        ax.axhspan(-1, 1, color=COLORS["band"], alpha=0.22, lw=0)
        ax.axhline(0, color=COLORS["model"], lw=1.4)
        shown = np.isfinite(residuals)
        if mask is not None:
            shown &= np.asarray(mask, dtype=bool).reshape(-1)
        draw_points(ax, centers, residuals, np.ones_like(residuals), shown, None, "")
        reach = max(3.4, 1.25 * np.max(np.abs(residuals[shown]), initial=0.0) + 0.6)
        ax.set_ylim(-reach, reach)
        _finish(ax, edges, mask, label)
    return ax


def plot_spectrum_fit(
    edges: Any,
    excess: ArrayLike,
    errors: ArrayLike,
    npred: ArrayLike,
    residuals: ArrayLike,
    *,
    npred_error: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    title: str = "",
    figure: Any = None,
) -> tuple[Any, Any]:
    """Plot excess with model above, residuals below.

    Parameters
    ----------
    edges, excess, errors, npred, npred_error, mask
        As for `plot_excess`.
    residuals
        As for `plot_residuals`.
    title
        Title.
    figure
        Figure to draw in; a new one if None.

    Returns
    -------
    axes
        The two axes.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> upper, lower = plot_spectrum_fit([1, 2, 4], [8, 2], [3, 2], [7, 3], [0.3, -0.5], figure=new_figure())
    >>> upper.get_xlabel(), lower.get_xlabel()
    ('', 'Reconstructed energy [TeV]')
    """
    with style():
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(7, 5.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
        plot_excess(edges, excess, errors, npred=npred, npred_error=npred_error, mask=mask, ax=upper)
        plot_residuals(edges, residuals, mask=mask, ax=lower)
        upper.set_xlabel("")
        upper.tick_params(labelbottom=False)
        if title:
            upper.set_title(title)
    return upper, lower

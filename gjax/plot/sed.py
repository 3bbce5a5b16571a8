"""Spectral energy distributions: model with error band, flux points, upper limits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.style import COLORS, axes_for, energy_ticks, style

__all__ = ["SED_LABEL", "plot_correlation", "plot_flux_points", "plot_sed", "plot_stat_scan"]

SED_LABEL = r"$E^2\,dN/dE$ [$TeV\,cm^{-2}\,s^{-1}$]"


def plot_sed(
    energy: ArrayLike,
    values: ArrayLike,
    errors: ArrayLike | None = None,
    *,
    errors_negative: ArrayLike | None = None,
    label: str = "best fit",
    color: str | None = None,
    linestyle: str = "-",
    ylabel: str = SED_LABEL,
    ax: Any = None,
) -> Any:
    """Plot a spectrum with its error band.

    Parameters
    ----------
    energy
        Energies [TeV].
    values
        Spectrum at these energies, usually E² dN/dE [TeV cm-2 s-1].
    errors
        Upward 1 sigma error; where ``errors_negative`` is not given the band is symmetric in log, so that it stays
        positive.
    errors_negative
        Downward error.
    label
        Text for the legend, empty for none.
    color, linestyle
        Look of the line.
    ylabel
        Label of the vertical axis.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_sed([1, 3, 10], [1e-11, 7e-12, 2e-12], [1e-12, 1e-12, 5e-13], ax=new_figure().add_subplot())
    >>> ax.get_yscale()
    'log'
    """
    energy, values = np.asarray(energy, dtype=float), np.asarray(values, dtype=float)
    color = color or COLORS["model"]
    with style():
        ax = axes_for(ax)
        ax.plot(energy, values, color=color, ls=linestyle, label=label or None, zorder=2.5)
        if errors is not None:
            errors = np.asarray(errors, dtype=float)
            with np.errstate(divide="ignore", invalid="ignore"):
                upper = values * np.exp(errors / values) if errors_negative is None else values + errors
                lower = (
                    values * np.exp(-errors / values)
                    if errors_negative is None
                    else values - np.asarray(errors_negative)
                )
            ax.fill_between(energy, lower, upper, color=color, alpha=0.22, lw=0, zorder=2)
        positive = values[values > 0]
        if len(ax.lines) == 1 and positive.size and positive.max() < 1.01 * positive.min():
            ax.set_ylim(positive.min() / 3, positive.max() * 3)  # a flat line has no limits of its own
        if ax.get_yscale() != "log":
            ax.set_yscale("log")
        energy_ticks(ax)
        ax.set_xlabel("Energy [TeV]")
        ax.set_ylabel(ylabel)
    return ax


def plot_flux_points(
    e_ref: ArrayLike,
    e_min: ArrayLike,
    e_max: ArrayLike,
    values: ArrayLike,
    errors: ArrayLike,
    *,
    errors_negative: ArrayLike | None = None,
    upper_limits: ArrayLike | None = None,
    is_ul: ArrayLike | None = None,
    label: str = "flux points",
    color: str | None = None,
    ylabel: str = SED_LABEL,
    ax: Any = None,
) -> Any:
    """Plot flux points; upper limits as arrows.

    Parameters
    ----------
    e_ref, e_min, e_max
        Energy of the points and their bins [TeV].
    values, errors
        Flux and its upward error, usually E² dN/dE [TeV cm-2 s-1].
    errors_negative
        Downward error; ``errors`` if None.
    upper_limits
        Upper limits, drawn where ``is_ul`` is True.
    is_ul
        True where only a limit is known.
    label, color, ylabel
        Legend, look, axis label.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If ``is_ul`` asks for limits that are not given.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_flux_points([1, 3], [0.5, 2], [2, 5], [1e-11, 2e-12], [1e-12, 1e-12],
    ...     upper_limits=[2e-11, 4e-12], is_ul=[False, True], ax=new_figure().add_subplot())
    >>> ax.get_xlabel()
    'Energy [TeV]'
    """
    arrays = [np.asarray(a, dtype=float) for a in (e_ref, e_min, e_max, values, errors)]
    e_ref, e_min, e_max, values, errors = arrays
    down = errors if errors_negative is None else np.asarray(errors_negative, dtype=float)
    limit = np.zeros(len(e_ref), dtype=bool) if is_ul is None else np.asarray(is_ul, dtype=bool)
    if limit.any() and upper_limits is None:
        raise ValueError("is_ul is given without upper_limits")
    color = color or COLORS["data"]
    x_error = np.stack([e_ref - e_min, e_max - e_ref])
    with style():
        ax = axes_for(ax)
        point = ~limit & np.isfinite(values) & (values > 0)
        # A downward error larger than the value ends at the axis, not at an undefined logarithm.
        y_error = np.stack([np.minimum(down, values * (1 - 1e-6)), errors])
        if point.any():
            ax.errorbar(
                e_ref[point],
                values[point],
                xerr=x_error[:, point],
                yerr=np.nan_to_num(y_error[:, point]),
                fmt="o",
                ms=4.6,
                lw=1.3,
                color=color,
                label=label or None,
                zorder=3,
            )
        if limit.any():
            limits = np.asarray(upper_limits, dtype=float)[limit]
            ax.errorbar(
                e_ref[limit],
                limits,
                xerr=x_error[:, limit],
                yerr=0.42 * limits,
                uplims=True,
                fmt="none",
                lw=1.3,
                capsize=2.6,
                color=color,
                zorder=3,
            )
        if ax.get_yscale() != "log":
            ax.set_yscale("log")
        energy_ticks(ax)
        ax.set_xlabel("Energy [TeV]")
        ax.set_ylabel(ylabel)
    return ax


def plot_stat_scan(
    e_edges: ArrayLike,
    norms: ArrayLike,
    delta_stat: ArrayLike,
    reference: ArrayLike,
    *,
    ax: Any = None,
    maximum: float = 10.0,
) -> Any:
    """Plot the likelihood of every flux point as colour against energy and flux.

    Parameters
    ----------
    e_edges
        Edges [TeV] of the energy bins.
    norms
        Scanned norms, shape (bins, values).
    delta_stat
        Statistic above its minimum, same shape.
    reference
        Flux (E² dN/dE) per bin for norm one.
    ax
        Axes; a new one if None.
    maximum
        Largest difference shown.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_stat_scan([1, 2], [[0.5, 1, 2]], [[4, 0, 9]], [1e-11], ax=new_figure().add_subplot())
    """
    edges, norms = np.asarray(e_edges, dtype=float), np.asarray(norms, dtype=float)
    delta, reference = np.asarray(delta_stat, dtype=float), np.asarray(reference, dtype=float)
    with style():
        ax = axes_for(ax)
        flux = norms * reference[:, None]
        grid = np.geomspace(np.nanmin(np.where(flux > 0, flux, np.nan)), np.nanmax(flux), 240)
        image = np.stack([np.interp(grid, f, d, left=np.nan, right=np.nan) for f, d in zip(flux, delta)], axis=1)
        shown = np.ma.masked_greater(np.ma.masked_invalid(image), maximum)
        rows = np.append(grid, grid[-1] ** 2 / grid[-2])
        mesh = ax.pcolormesh(edges, rows, shown, cmap="Blues_r", vmin=0, vmax=maximum)
        ax.figure.colorbar(mesh, ax=ax, label="Statistic above its minimum", pad=0.01)
        ax.set_yscale("log")
        inside = flux[np.isfinite(delta) & (delta < maximum) & (flux > 0)]
        if inside.size:
            ax.set_ylim(inside.min() / 1.5, inside.max() * 1.5)
        ax.grid(False)
        energy_ticks(ax, limits=(edges[0], edges[-1]))
        ax.set_xlabel("Energy [TeV]")
        ax.set_ylabel(SED_LABEL)
    return ax


def plot_correlation(correlation: ArrayLike, labels: list[str], *, label: str = "Energy [TeV]", ax: Any = None) -> Any:
    """Plot a correlation matrix, of flux points or parameters, as an image with its numbers.

    Parameters
    ----------
    correlation
        Square matrix.
    labels
        Energies of the points [TeV], as text, or names of parameters.
    label
        What they are.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_correlation([[1, -0.3], [-0.3, 1]], ["1", "3"], ax=new_figure().add_subplot())
    >>> ax.get_xlabel()
    'Energy [TeV]'
    """
    matrix = np.asarray(correlation, dtype=float)
    size = len(matrix)
    with style():
        ax = axes_for(ax)
        image = ax.imshow(np.ma.masked_invalid(matrix), cmap="RdBu_r", vmin=-1, vmax=1, origin="lower")
        ax.figure.colorbar(image, ax=ax, label="Correlation", pad=0.02)
        if size <= 12:
            for i, j in np.argwhere(np.isfinite(matrix)):
                dark = abs(matrix[i, j]) > 0.6
                # without the sign of a small negative number
                text = f"{round(matrix[i, j], 2) + 0.0:.2f}"
                ax.text(j, i, text, ha="center", va="center", size=7, color="w" if dark else "k")
        ax.set_xticks(range(size), labels, rotation=90)
        ax.set_yticks(range(size), labels)
        ax.grid(False)
        ax.set_xlabel(label)
        ax.set_ylabel(label)
    return ax

"""Instrument responses, drawn from plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from numpy.typing import ArrayLike

from gjax.plot.style import COLORS, IMAGE, MATRIX, axes_for, energy_ticks, style

__all__ = [
    "plot_background_image",
    "plot_background_spectrum",
    "plot_curves",
    "plot_edisp_bias",
    "plot_edisp_matrix",
    "plot_energy_offset",
    "plot_migration",
]


def _limits(edges: Any) -> tuple[float, float]:
    values = np.asarray(edges, dtype=float)
    return float(values.min()), float(values.max())


def _energy_limits(energy: np.ndarray) -> tuple[float, float]:
    low, high = float(energy[0]), float(energy[-1])
    return (low, high) if high > low else (low / 2, high * 2)


def plot_curves(
    energy: ArrayLike,
    values: ArrayLike,
    labels: list[str],
    *,
    ylabel: str,
    xlabel: str = "True energy [TeV]",
    log: bool = True,
    ax: Any = None,
) -> Any:
    """Plot curves against energy, from dark to light in the order given (effective area, containment radius).

    Parameters
    ----------
    energy
        Energies [TeV].
    values
        Shape (curves, energies); zeros are left out of a logarithmic plot.
    labels
        Text of the legend, one per curve.
    ylabel, xlabel
        Axis labels.
    log
        Logarithmic vertical axis.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_curves([1, 10], [[1e5, 2e5]], ["0 deg"], ylabel="Effective area [m²]", ax=new_figure().add_subplot())
    """
    import matplotlib as mpl

    energy, values = np.asarray(energy, dtype=float), np.atleast_2d(np.asarray(values, dtype=float))
    with style():
        ax = axes_for(ax)
        colors = mpl.colormaps[MATRIX](np.linspace(0.0, 0.82, max(2, len(values))))
        for curve, label, color in zip(values, labels, colors):
            shown = np.where(curve > 0, curve, np.nan) if log else curve
            ax.plot(energy, shown, color=color, label=label, marker="o" if len(energy) == 1 else None)
        if log:
            positive = values[values > 0]
            ax.set_yscale("log")
            if positive.size:
                ax.set_ylim(max(positive.min(), positive.max() * 1e-5) / 1.5, positive.max() * 2)
        energy_ticks(ax, limits=_energy_limits(energy))
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.legend(fontsize=9)
    return ax


def plot_energy_offset(
    energy_edges: ArrayLike, offset_edges: ArrayLike, values: ArrayLike, *, label: str, ax: Any = None
) -> Any:
    """Plot a quantity as colour against true energy and offset.

    Parameters
    ----------
    energy_edges, offset_edges
        Edges [TeV], [deg].
    values
        Shape (energies, offsets).
    label
        Text of the colour bar.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_energy_offset([1, 10], [0, 1, 2], [[1e5, 9e4]], label="m²", ax=new_figure().add_subplot())
    """
    with style():
        ax = axes_for(ax)
        mesh = ax.pcolormesh(np.asarray(energy_edges), np.asarray(offset_edges), np.asarray(values).T, cmap=MATRIX)
        ax.figure.colorbar(mesh, ax=ax, label=label, pad=0.02)
        ax.grid(False)
        energy_ticks(ax, limits=_limits(energy_edges))
        ax.set_xlabel("True energy [TeV]")
        ax.set_ylabel("Offset [deg]")
    return ax


def plot_edisp_matrix(
    energy_true_edges: ArrayLike, energy_edges: ArrayLike, matrix: ArrayLike, *, ax: Any = None
) -> Any:
    """Plot an energy dispersion matrix.

    Parameters
    ----------
    energy_true_edges, energy_edges
        Edges [TeV].
    matrix
        Probability, shape (true energies, reconstructed energies).
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.plot import new_figure
    >>> ax = plot_edisp_matrix([1, 2, 4], [1, 2, 4], np.eye(2), ax=new_figure().add_subplot())
    """
    with style():
        ax = axes_for(ax, 5.8, 4.8)
        values = np.asarray(matrix, dtype=float)
        vmax = max(values.max(initial=0.0), 1e-12)
        mesh = ax.pcolormesh(
            np.asarray(energy_true_edges),
            np.asarray(energy_edges),
            np.ma.masked_less(values.T, 1e-3 * vmax),
            cmap=MATRIX,
            norm=LogNorm(1e-3 * vmax, vmax),
        )
        ax.figure.colorbar(mesh, ax=ax, label="Probability per bin", pad=0.02)
        true, reco = _limits(energy_true_edges), _limits(energy_edges)
        low, high = max(true[0], reco[0]), min(true[1], reco[1])
        ax.plot([low, high], [low, high], color="#888888", lw=1, ls="--")
        energy_ticks(ax, "x", true)
        energy_ticks(ax, "y", reco)
        ax.set_xlabel("True energy [TeV]")
        ax.set_ylabel("Reconstructed energy [TeV]")
    return ax


def plot_migration(migra: ArrayLike, density: ArrayLike, labels: list[str], *, ax: Any = None) -> Any:
    """Plot the probability density of reconstructed over true energy.

    Parameters
    ----------
    migra
        Ratio of reconstructed and true energy.
    density
        Shape (curves, ratios).
    labels
        Text of the legend, one per curve.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_migration([0.5, 1, 1.5], [[0, 2, 0]], ["1 TeV"], ax=new_figure().add_subplot())
    """
    import matplotlib as mpl

    with style():
        ax = axes_for(ax)
        curves = np.atleast_2d(np.asarray(density, dtype=float))
        colors = mpl.colormaps[MATRIX](np.linspace(0.0, 0.82, max(2, len(curves))))
        for curve, label, color in zip(curves, labels, colors):
            ax.plot(migra, curve, color=color, label=label)
        ax.axvline(1, color="#888888", lw=1, ls="--")
        ax.set_ylim(0, None)
        ax.set_xlabel(r"$E_{reco}\,/\,E_{true}$")
        ax.set_ylabel("Probability density")
        ax.legend(fontsize=9)
    return ax


def plot_edisp_bias(
    energy_true: ArrayLike, bias: ArrayLike, resolution: ArrayLike | None = None, *, ax: Any = None
) -> Any:
    """Plot energy bias, and resolution as a band around it.

    Parameters
    ----------
    energy_true
        Energies [TeV].
    bias, resolution
        Relative bias and resolution.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_edisp_bias([1, 10], [0.1, 0.0], [0.2, 0.15], ax=new_figure().add_subplot())
    """
    energy, bias = np.asarray(energy_true, dtype=float), np.asarray(bias, dtype=float)
    with style():
        ax = axes_for(ax)
        ax.axhline(0, color="#888888", lw=1, ls="--")
        if resolution is not None:
            width = np.asarray(resolution, dtype=float)
            ax.fill_between(
                energy, bias - width, bias + width, color=COLORS["band"], alpha=0.3, lw=0, label="resolution"
            )
        ax.plot(energy, bias, color=COLORS["model"], label="bias")
        finite = bias[np.isfinite(bias)]
        reach = float(np.clip(1.3 * np.quantile(np.abs(finite), 0.95), 0.4, 1.5)) if finite.size else 1.0
        ax.set_ylim(-reach, reach)
        energy_ticks(ax, limits=_energy_limits(energy))
        ax.set_xlabel("True energy [TeV]")
        ax.set_ylabel(r"$(E_{reco} - E_{true})\,/\,E_{true}$")
        ax.legend()
    return ax


def plot_background_spectrum(energy: ArrayLike, rates: ArrayLike, labels: list[str], *, ax: Any = None) -> Any:
    """Plot background rates against reconstructed energy.

    Parameters
    ----------
    energy
        Energies [TeV].
    rates
        Shape (curves, energies) [s-1 TeV-1 sr-1].
    labels
        Text of the legend, one per curve.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_background_spectrum([1, 10], [[10, 0.1]], ["0 deg"], ax=new_figure().add_subplot())
    """
    label = r"Background rate [$s^{-1}\,TeV^{-1}\,sr^{-1}$]"
    return plot_curves(energy, rates, labels, ylabel=label, xlabel="Reconstructed energy [TeV]", ax=ax)


def plot_background_image(
    lon_edges: ArrayLike, lat_edges: ArrayLike, rate: ArrayLike, *, title: str = "", ax: Any = None
) -> Any:
    """Plot the background rate over the field of view.

    Parameters
    ----------
    lon_edges, lat_edges
        Edges [deg] in the field of view.
    rate
        Shape (lon, lat).
    title
        Title.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_background_image([-1, 0, 1], [-1, 0, 1], [[1, 2], [2, 1]], ax=new_figure().add_subplot())
    """
    with style():
        ax = axes_for(ax, 5.4, 4.6)
        mesh = ax.pcolormesh(np.asarray(lon_edges), np.asarray(lat_edges), np.asarray(rate, dtype=float).T, cmap=IMAGE)
        ax.figure.colorbar(mesh, ax=ax, label=r"Background rate [$s^{-1}\,TeV^{-1}\,sr^{-1}$]", pad=0.02)
        ax.set_aspect("equal")
        ax.grid(False)
        ax.set_xlabel("Field of view longitude [deg]")
        ax.set_ylabel("Field of view latitude [deg]")
        if title:
            ax.set_title(title)
    return ax

"""Chains of a sampler: traces, ranks, and bands of what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.posterior import _scaled, _short_names
from gjax.plot.style import COLORS, axes_for, energy_ticks, style

__all__ = ["plot_chains", "plot_posterior_band", "plot_predictive", "plot_ranks"]


def _figure(figure: Any, rows: int, width: float, height: float) -> Any:
    if figure is not None:
        return figure
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, 0.6 + height * rows), layout="constrained")


def _checked(samples: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    arrays = {name: np.atleast_2d(np.asarray(values, dtype=float)) for name, values in samples.items()}
    if not arrays or any(values.shape[1] < 2 for values in arrays.values()):
        raise ValueError("no samples to plot: expected at least 2 draws of at least 1 parameter")
    return arrays


def plot_chains(samples: Mapping[str, ArrayLike], *, units: Mapping[str, str] | None = None, figure: Any = None) -> Any:
    """Plot the draws of every parameter in their order, and beside them their distribution, one colour per chain.

    Parameters
    ----------
    samples
        Name of each parameter and its draws, shape (chains, draws).
    units
        Unit of each parameter.
    figure
        Figure to draw in; a new one if None.

    Raises
    ------
    ValueError
        If there are no samples.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.plot import new_figure
    >>> figure = plot_chains({"a": np.random.default_rng(0).normal(size=(2, 50))}, figure=new_figure())
    >>> len(figure.axes)
    2
    """
    arrays = _checked(samples)
    with style():
        figure = _figure(figure, len(arrays), 9.0, 1.6)
        axes = figure.subplots(len(arrays), 2, squeeze=False, width_ratios=[3, 1])
        for (left, right), (name, draws), short in zip(axes, arrays.items(), _short_names(list(arrays))):
            values, _, label = _scaled(short, draws, (units or {}).get(name, ""))
            edges = np.linspace(values.min(), values.max(), 31) if np.ptp(values) > 0 else 3
            for chain in values:
                (line,) = left.plot(chain, lw=0.5, alpha=0.7)
                right.hist(chain, bins=edges, histtype="step", orientation="horizontal", color=line.get_color())
            left.set_ylabel(label)
            left.margins(x=0)
            right.set_ylim(left.get_ylim())
            right.tick_params(labelleft=False, labelbottom=False)
            left.tick_params(labelbottom=left is axes[-1, 0])
        axes[-1, 0].set_xlabel("Draw")
    return figure


def plot_ranks(samples: Mapping[str, ArrayLike], *, bins: int = 20, figure: Any = None) -> Any:
    """Plot how the draws of every chain rank among those of all: flat if the chains agree (arXiv 1903.08008).

    The grey band holds 95 % of the bars of independent draws.

    Parameters
    ----------
    samples
        Name of each parameter and its draws, shape (chains, draws).
    bins
        Number of bars per chain.
    figure
        Figure to draw in; a new one if None.

    Raises
    ------
    ValueError
        If there are no samples.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.plot import new_figure
    >>> figure = plot_ranks({"a": np.random.default_rng(0).normal(size=(3, 50))}, figure=new_figure())
    >>> len(figure.axes)
    1
    """
    from scipy.stats import binom, rankdata

    arrays = _checked(samples)
    with style():
        figure = _figure(figure, len(arrays), 7.0, 1.7)
        axes = figure.subplots(len(arrays), 1, squeeze=False)[:, 0]
        for ax, draws, short in zip(axes, arrays.values(), _short_names(list(arrays))):
            chains, n = draws.shape
            ranks = rankdata(draws, method="average").reshape(draws.shape) / draws.size
            low, high = binom.ppf([0.025, 0.975], n, 1 / bins)
            for number, chain in enumerate(ranks):
                counts, edges = np.histogram(chain, bins=bins, range=(0, 1))
                base = 2.2 * n / bins * number
                ax.fill_between([0, 1], base + low, base + high, color=COLORS["grid"], lw=0)
                ax.stairs(base + counts, edges, baseline=base, fill=True, alpha=0.6)
            ax.set_yticks([2.2 * n / bins * number for number in range(chains)], [f"{i + 1}" for i in range(chains)])
            ax.set_ylabel(short)
            ax.set_xlim(0, 1)
            ax.grid(False)
            ax.tick_params(labelbottom=ax is axes[-1])
        axes[-1].set_xlabel("Rank among the draws of all chains")
    return figure


def plot_posterior_band(
    posterior: Any, source: str, energy_bounds: Any, *, n_points: int = 80, ax: Any = None, color: str | None = None
) -> Any:
    """Plot E² dN/dE of a source: the median, and the bands that hold 68.3 % and 95.4 % of the draws.

    Parameters
    ----------
    posterior
        Draws.
    source
        Name of the source.
    energy_bounds
        Lowest and highest energy (Quantity, or strings).
    n_points
        Number of energies.
    ax
        Axes; a new one if None.
    color
        Colour.
    """
    low, high = (u.Quantity(bound).to_value("TeV") for bound in energy_bounds)
    energy = np.geomspace(low, high, n_points)
    dnde = posterior.dnde(source, energy * u.TeV, quantiles=[0.02275, 0.158655, 0.5, 0.841345, 0.97725])
    sed = (dnde * (energy * u.TeV) ** 2).to_value("erg cm-2 s-1")
    color = color or COLORS["model"]
    with style():
        ax = axes_for(ax)
        ax.fill_between(energy, sed[0], sed[4], color=color, alpha=0.15, lw=0, label="95.4 %")
        ax.fill_between(energy, sed[1], sed[3], color=color, alpha=0.3, lw=0, label="68.3 %")
        ax.plot(energy, sed[2], color=color, label=f"{source} (median)")
        ax.set_yscale("log")
        energy_ticks(ax, limits=(low, high))
        ax.set_xlabel("Energy [TeV]")
        ax.set_ylabel(r"$E^2\,dN/dE$ [erg cm$^{-2}$ s$^{-1}$]")
        ax.legend()
    return ax


def plot_predictive(
    counts: ArrayLike, replicated: ArrayLike, *, name: str = "", p_value: float | None = None, ax: Any = None
) -> Any:
    """Plot the counts of a dataset over the bands that hold 68.3 % and 95.4 % of replicated ones.

    Parameters
    ----------
    counts
        Counts per bin.
    replicated
        Shape (replications, bins).
    name
        Name of the dataset.
    p_value
        Of the check, for the title.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If the numbers of bins differ.

    Examples
    --------
    >>> import numpy as np
    >>> from gjax.plot import new_axes
    >>> drawn = np.random.default_rng(0).poisson(5, size=(100, 3))
    >>> plot_predictive([5, 4, 6], drawn, name="run", ax=new_axes()).get_ylabel()
    'Counts'
    """
    counts, replicated = np.asarray(counts, dtype=float), np.asarray(replicated, dtype=float)
    if replicated.ndim != 2 or replicated.shape[1:] != counts.shape:
        raise ValueError(f"predictive check: got counts of shape {counts.shape} and replicated {replicated.shape}")
    edges = np.arange(len(counts) + 1) - 0.5
    q = np.quantile(replicated, [0.02275, 0.158655, 0.841345, 0.97725], axis=0)
    with style():
        ax = axes_for(ax)
        ax.stairs(q[3], edges, baseline=q[0], fill=True, color=COLORS["band"], alpha=0.3, label="95.4 %")
        ax.stairs(q[2], edges, baseline=q[1], fill=True, color=COLORS["model"], alpha=0.35, label="68.3 %")
        ax.plot(np.arange(len(counts)), counts, "o", color=COLORS["data"], ms=4, label="measured")
        ax.set_xlabel("Bin")
        ax.set_ylabel("Counts")
        text = f"{name}: p = {p_value:.3f}" if p_value is not None else name
        ax.set_title(text)
        ax.legend()
    return ax

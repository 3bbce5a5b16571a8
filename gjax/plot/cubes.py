"""What is left of cubes when pixels are summed or counted: spectra with parts, distributions of significances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.spectrum import draw_points
from gjax.plot.style import COLORS, CYCLE, axes_for, energy_ticks, new_figure, scaled_label, style

__all__ = ["peek_map_dataset", "plot_cube_spectrum", "plot_distribution"]


def plot_distribution(
    values: ArrayLike,
    *,
    others: Mapping[str, ArrayLike] | None = None,
    label: str = "pixels",
    xlabel: str = "Significance",
    reach: float = 6.0,
    ax: Any = None,
) -> Any:
    r"""Draw the distribution of significances with its Gaussian fit, and the unit Gaussian that is expected.

    The fit has the maximum likelihood: mean and standard deviation of the values within ``reach``.

    Parameters
    ----------
    values
        Significances; NaN is left out.
    others
        Further values to outline, by name.
    label
        What the values are.
    xlabel
        Text below.
    reach
        Values beyond (in absolute terms) are counted in the outermost bins and left out of the fit.
    ax
        Axes; a new one if None.

    Returns
    -------
    ax
        The axes.

    Raises
    ------
    ValueError
        If fewer than two values are finite.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> values = np.random.default_rng(0).normal(size=2000)
    >>> ax = plot_distribution(values, ax=new_figure().add_subplot())
    >>> ax.get_legend_handles_labels()[1][-1]
    'Gaussian fit: mean -0.03, width 1.00'
    """
    array = np.asarray(values, dtype=float).ravel()
    array = array[np.isfinite(array)]
    inside = array[np.abs(array) <= reach]
    if inside.size < 2:
        raise ValueError(f"a distribution needs at least two finite values, got {inside.size}")
    mean, width = float(inside.mean()), float(inside.std())
    edges = np.linspace(-reach, reach, 61)
    x = np.linspace(-reach, reach, 401)
    per_bin = inside.size * (edges[1] - edges[0]) / np.sqrt(2 * np.pi)
    with style():
        ax = axes_for(ax)
        counts, _ = np.histogram(np.clip(array, -reach, reach), edges)
        ax.stairs(counts, edges, fill=True, color=COLORS["background"], alpha=0.45, lw=0, label=label)
        for i, (name, more) in enumerate((others or {}).items()):
            extra = np.asarray(more, dtype=float).ravel()
            found, _ = np.histogram(np.clip(extra[np.isfinite(extra)], -reach, reach), edges)
            ax.stairs(found, edges, color=(COLORS["on"], COLORS["off"], COLORS["truth"])[i % 3], lw=1.4, label=name)
        ax.plot(x, per_bin * np.exp(-0.5 * x**2), color=COLORS["data"], lw=1.3, ls="--", label="unit Gaussian")
        if width > 0:
            fitted = per_bin / width * np.exp(-0.5 * ((x - mean) / width) ** 2)
            text = f"Gaussian fit: mean {mean:.2f}, width {width:.2f}"
            ax.plot(x, fitted, color=COLORS["model"], label=text)
        top = 30.0 * max(1.0, float(counts.max()))
        ax.set_yscale("log")
        ax.set_ylim(0.5, top)
        ax.set_xlim(-reach, reach)
        ax.set_xlabel(xlabel)
        ax.set_ylabel("Number")
        ax.legend(loc="upper left", fontsize=8.5)
    return ax


def plot_cube_spectrum(
    edges: ArrayLike,
    counts: ArrayLike,
    components: Mapping[str, ArrayLike],
    *,
    title: str = "",
    figure: Any = None,
) -> Any:
    """Draw counts per energy, summed over pixels, with the predicted parts, their sum, and residuals.

    Parameters
    ----------
    edges
        Energy edges [TeV].
    counts
        Counts per bin.
    components
        Name to predicted counts per bin.
    title
        Text above.
    figure
        Figure to draw on; a new one if None.

    Returns
    -------
    figure
        The figure.

    Examples
    --------
    >>> figure = plot_cube_spectrum([1, 2, 4], [10, 3], {"background": [8, 2], "crab": [2, 1.5]})
    >>> figure.axes[0].get_ylabel()
    'Counts'
    """
    edges, counts = np.asarray(edges, dtype=float), np.asarray(counts, dtype=float)
    total = np.sum([np.asarray(c, dtype=float) for c in components.values()], axis=0)
    centers = np.sqrt(edges[1:] * edges[:-1])
    figure = new_figure(7.0, 5.4) if figure is None else figure
    with style():
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        used = counts > 0
        draw_points(top, centers, counts, np.sqrt(counts), used, None, "counts")
        top.stairs(total, edges, color=COLORS["model"], lw=1.8, baseline=None, label="predicted")
        looks = [COLORS["background"], *CYCLE[1:]]
        for i, (name, values) in enumerate(components.items()):
            top.stairs(
                np.asarray(values),
                edges,
                color=looks[i % len(looks)],
                lw=1.3,
                ls="--" if i else "-",
                baseline=None,
                label=name,
            )
        high = max(float(counts.max(initial=1.0)), float(np.max(total, initial=1.0)))
        top.set_yscale("log")
        top.set_ylim(0.2, 3.0 * high)
        top.set_ylabel("Counts")
        top.legend(loc="upper right")
        if title:
            top.set_title(title)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(total > 0, (counts - total) / np.sqrt(total), np.nan)
        bottom.axhline(0.0, color=COLORS["model"], lw=1.2)
        draw_points(bottom, centers, ratio, np.ones_like(ratio), np.isfinite(ratio), None, "")
        reach = max(3.5, 1.1 * float(np.nanmax(np.abs(ratio), initial=0.0)) + 1.0)
        bottom.set_ylim(-reach, reach)
        bottom.set_ylabel("(counts − predicted)\n/ √predicted", fontsize=9)
        bottom.set_xlabel("Reconstructed energy [TeV]")
        energy_ticks(bottom, limits=(edges[0], edges[-1]))
    return figure


def peek_map_dataset(dataset: Any, *, figure: Any = None) -> Any:
    """Draw what is in a map dataset: counts, excess, exposure in the middle of its energies, spectrum, responses.

    Counts and excess are summed over energy within the safe mask. Containment radii and energy dispersion are those in
    the middle of the map.

    Parameters
    ----------
    dataset
        `gjax.datasets.MapDataset` or `gjax.datasets.MapDatasetOnOff` with counts.
    figure
        Figure to draw on; a new one if None.

    Returns
    -------
    figure
        The figure.

    Examples
    --------
    >>> from gjax.datasets import MapDataset
    >>> from gjax.maps import MapAxis, WcsGeom
    >>> energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=3, name="energy_true")
    >>> geom = WcsGeom.create(npix=(4, 4), binsz=0.5, proj="TAN", skydir=(83.6, 22.0), axes=[energy])
    >>> figure = peek_map_dataset(MapDataset.create(geom, energy_axis_true=true))
    >>> [ax.get_title() for ax in figure.axes if ax.get_title()]
    ['Counts', 'Excess', 'Exposure at 3.16 TeV']
    """
    from gjax.plot.maps import plot_image
    from gjax.plot.spectrum import plot_counts

    safe = np.ones(dataset.counts.data.shape, bool) if dataset.mask_safe is None else dataset.mask_safe.data
    seen, wcs = safe.any(axis=0), dataset.counts.geom.wcs
    counts = np.where(safe, dataset.counts.data, 0.0)
    panels: list[tuple[Any, dict[str, Any]]] = [
        (np.where(seen, counts.sum(axis=0), np.nan), {"title": "Counts", "label": "Counts", "scale": "sqrt"})
    ]
    background = None
    if dataset.background is not None:
        background = np.where(safe, np.nan_to_num(dataset.background.data), 0.0)
        excess = np.where(seen, (counts - background).sum(axis=0), np.nan)
        panels.append((excess, {"title": "Excess", "label": "Counts − background", "scale": "excess"}))
    if dataset.exposure is not None:
        middle = dataset.exposure.data.shape[0] // 2
        energy = dataset.exposure.geom.axes["energy_true"].center[middle].to_value("TeV")
        values = dataset.exposure.quantity[middle].to_value("m2 s")
        factor, label = scaled_label("Exposure", "m2 s", values[values > 0])
        panels.append((factor * values, {"title": f"Exposure at {energy:.3g} TeV", "label": label}))
    responses = [draw for draw in (_psf_panel, _edisp_panel) if draw(dataset, None)]
    columns = 3 if len(panels) + 1 + len(responses) > 4 else 2
    figure = new_figure(4.8 * columns, 7.6) if figure is None else figure
    for i, (values, options) in enumerate(panels):
        with style():
            plot_image(values, wcs, ax=figure.add_subplot(2, columns, i + 1, projection=wcs), **options)
    with style():
        ax = figure.add_subplot(2, columns, len(panels) + 1)
    edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    sums = None if background is None else background.sum(axis=(1, 2))
    plot_counts(edges, counts.sum(axis=(1, 2)), sums, mask=safe.any(axis=(1, 2)), ax=ax)
    for text, name in zip(ax.get_legend().get_texts(), ("background", "counts") if sums is not None else ("counts",)):
        text.set_text(name)
    for i, draw in enumerate(responses):
        with style():
            draw(dataset, figure.add_subplot(2, columns, len(panels) + 2 + i))
    return figure


def _psf_panel(dataset: Any, ax: Any) -> bool:
    """Draw containment radii in the middle of the map; return whether there is something to draw."""
    from gjax.plot.reduced_objects import plot_psf_containment

    psf = dataset.psf
    if psf is None or not np.any(psf.psf_map.data > 0):
        return False
    if ax is not None:
        plot_psf_containment(psf, ax=ax)
    return True


def _edisp_panel(dataset: Any, ax: Any) -> bool:
    """Draw the energy dispersion in the middle of the map; return whether there is something to draw."""
    from gjax.plot.irf_objects import plot_kernel

    edisp = dataset.edisp
    if edisp is None or not np.any(edisp.irf_map.data > 0):
        return False
    if ax is not None:
        axis = dataset.counts.geom.axes["energy"]
        plot_kernel(edisp.get_edisp_kernel(energy_axis=axis), ax=ax)
    return True

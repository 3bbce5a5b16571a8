"""The plots of an analysis, from its objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "StackedCounts",
    "corner_figure",
    "counts_map_figure",
    "excess_figure",
    "sed_figure",
    "stack_counts",
    "wstat_deviance",
]


@dataclass(frozen=True)
class StackedCounts:
    """Counts of several on-off spectra with the same axis, added up bin by bin where they are used in the fit.

    Parameters
    ----------
    edges
        Energy edges [TeV].
    on, off, background
        Counts in the on and off regions, and off counts scaled to the on region.
    variance
        Variance of the excess.
    mask
        True where any spectrum is used in the fit; what is not used anywhere is added up as it is.
    """

    edges: np.ndarray
    on: np.ndarray
    off: np.ndarray
    background: np.ndarray
    variance: np.ndarray
    mask: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        """Counts minus scaled off counts."""
        return self.on - self.background


def _values(region_map: Any, size: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(region_map.data, dtype=float).reshape(-1), (size,))


def stack_counts(datasets: Any) -> StackedCounts:
    """Add up the counts of on-off spectra for a plot."""
    edges = datasets[0].counts.geom.axes["energy"].edges.to_value("TeV")
    size = len(edges) - 1
    masks = [
        np.ones(size, dtype=bool) if d.mask is None else np.asarray(d.mask.data, dtype=bool).reshape(-1)
        for d in datasets
    ]
    any_used = np.any(masks, axis=0)
    sums = np.zeros((4, size))
    for dataset, mask in zip(datasets, masks):
        weight = np.where(any_used, mask, True)
        on, off = _values(dataset.counts, size), _values(dataset.counts_off, size)
        alpha = np.nan_to_num(_values(dataset.alpha, size))
        sums += weight * np.stack([on, off, alpha * off, on + alpha**2 * off])
    return StackedCounts(edges, sums[0], sums[1], sums[2], sums[3], any_used)


def sum_prediction(datasets: Any, npred: Any) -> np.ndarray:
    """Add up predicted excess counts in the same bins as `stack_counts` does."""
    total: Any = 0.0
    any_used = stack_counts(datasets).mask
    for dataset in datasets:
        values = np.asarray(npred[dataset.name], dtype=float).reshape(-1)
        mask = np.ones(len(values), dtype=bool) if dataset.mask is None else np.asarray(dataset.mask.data).reshape(-1)
        total = total + np.where(np.where(any_used, mask, True), values, 0.0)
    return total


def wstat_deviance(on: np.ndarray, off: np.ndarray, alpha: np.ndarray, signal: np.ndarray) -> np.ndarray:
    r"""On-off deviance of a predicted signal, the background profiled out; zero where the prediction is perfect.

    .. math::
        W = 2\\left[s + (1 + 1/\\alpha) b - n - m - n \\ln\\frac{s + b}{n} - m \\ln\\frac{b}{\\alpha m}\\right]

    with on counts n, off counts m, signal s and the best background b in the on region (Arnaud, Smith,
    Siemiginowska 2011, Handbook of X-ray Astronomy, appendix).

    Parameters
    ----------
    on, off
        Counts.
    alpha
        Acceptance ratio on / off.
    signal
        Predicted excess counts.

    Examples
    --------
    >>> wstat_deviance(np.array([10.0]), np.array([20.0]), np.array([0.1]), np.array([8.0])).round(6)
    array([0.])
    """
    on, off, alpha, signal = (np.asarray(a, dtype=float) for a in (on, off, alpha, signal))
    c = alpha * (on + off) - (1 + alpha) * signal
    b = (c + np.sqrt(c**2 + 4 * (alpha + 1) * alpha * off * signal)) / (2 * (alpha + 1))
    b = np.where(off == 0, np.maximum(alpha * on / (1 + alpha) - signal, 0.0), b)

    def xlog(n: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        return np.where(n > 0, n * np.log(np.where(n > 0, ratio, 1.0)), 0.0)

    with np.errstate(divide="ignore", invalid="ignore"):
        value = signal + (1 + 1 / alpha) * b - on - off - xlog(on, (signal + b) / on) - xlog(off, b / (alpha * off))
    return np.where(alpha > 0, np.maximum(2 * value, 0.0), np.nan)


def residual_sigmas(stacked: StackedCounts, signal: np.ndarray) -> np.ndarray:
    """Signed square root of the deviance per bin; NaN where there are no counts to compare."""
    alpha = np.where(stacked.off > 0, stacked.background / np.where(stacked.off > 0, stacked.off, 1.0), np.nan)
    fallback = np.nanmedian(alpha) if np.any(np.isfinite(alpha)) else 0.1
    alpha = np.where(np.isfinite(alpha), alpha, fallback)
    deviance = wstat_deviance(stacked.on, stacked.off, alpha, signal)
    sigma = np.sign(stacked.excess - signal) * np.sqrt(deviance)
    return np.where((stacked.on + stacked.off > 0) | (signal > 0.1), sigma, np.nan)


def counts_map_figure(path: Path, observations: Any, datasets: Any, config: Any) -> Path:
    """Draw all events on the sky with on, off and excluded regions."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    from gjax.plot import new_axes, plot_counts_map, save
    from gjax.plot.sky import image_wcs

    center = config.on_region.center
    radec = [observation.events.radec for observation in observations]
    events = SkyCoord(np.concatenate([r.ra.deg for r in radec]), np.concatenate([r.dec.deg for r in radec]), unit="deg")
    points = SkyCoord([observation.get_pointing_icrs().icrs for observation in observations])
    reach = float(np.max(points.separation(center).deg))
    width = float(np.clip(4.0 * reach + 1.0, 2.0, 6.0)) * u.deg
    binsz = width / 130
    wcs, _ = image_wcs(center, width, binsz)
    ax = plot_counts_map(
        events,
        center,
        width=width,
        binsz=binsz,
        on_region=config.on_region.region,
        off_regions=[_off_region(dataset) for dataset in datasets],
        exclusion_regions=[circle.region for circle in config.background.exclusion_regions],
        pointings=points,
        ax=new_axes(6.8, 5.6, projection=wcs),
    )
    return save(ax.figure, path)


def _off_region(dataset: Any) -> Any:
    off = getattr(dataset, "counts_off", None)
    region = None if off is None else off.geom.region
    return None if off is None or region is dataset.counts.geom.region else region


def excess_figure(
    path: Path, stacked: StackedCounts, signal: np.ndarray, signal_error: np.ndarray | None, title: str
) -> Path:
    """Draw the excess with the fit and residuals."""
    from gjax.plot import new_figure, plot_spectrum_fit, save

    figure = new_figure(7.0, 5.6)
    plot_spectrum_fit(
        stacked.edges,
        stacked.excess,
        np.sqrt(stacked.variance),
        signal,
        residual_sigmas(stacked, signal),
        npred_error=signal_error,
        mask=stacked.mask,
        title=title,
        figure=figure,
    )
    return save(figure, path)


def counts_figure(path: Path, stacked: StackedCounts, signal: np.ndarray) -> Path:
    """Draw on counts, scaled off counts and the total prediction."""
    from gjax.plot import new_axes, plot_counts, save

    ax = plot_counts(
        stacked.edges,
        stacked.on,
        stacked.background,
        npred=signal + stacked.background,
        mask=stacked.mask,
        ax=new_axes(),
    )
    return save(ax.figure, path)


def sed_figure(
    path: Path,
    energy: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray | None,
    points: Any = None,
    truth: np.ndarray | None = None,
    label: str = "best fit",
) -> Path:
    """Draw the spectral energy distribution with band, flux points and, where known, the truth.

    Parameters
    ----------
    path
        PNG to write.
    energy
        Energies [TeV].
    values, errors, truth
        E² dN/dE [TeV cm-2 s-1].
    points
        `gjax.datasets.FluxPoints`.
    label
        Legend of the fit.
    """
    from gjax.plot import COLORS, new_axes, plot_points, plot_sed, save, style

    ax = new_axes()
    if truth is not None:
        plot_sed(energy, truth, label="true spectrum", color=COLORS["truth"], linestyle="--", ax=ax)
    plot_sed(energy, values, errors, label=label, ax=ax)
    if points is not None:
        plot_points(points, ax=ax)
    with style():
        low = np.nanmin(values)
        ax.set_ylim(max(ax.get_ylim()[0], low / 20), None)
        ax.legend(loc="lower left")
    return save(ax.figure, path)


def corner_figure(path: Path, samples: Any, units: Any, best: Any, truths: Any) -> Path:
    """Draw the posterior."""
    from gjax.plot import new_figure, plot_corner, save

    size = float(np.clip(1.9 * len(samples) + 1.3, 4.0, 16.0))
    return save(plot_corner(samples, units=units, best=best, truths=truths, figure=new_figure(size, size)).figure, path)

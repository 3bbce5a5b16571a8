"""Light curves: flux against time, and the likelihood of every interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.style import CYCLE, axes_for, style, unit_label

__all__ = ["plot_light_curve", "plot_light_curve_points", "plot_light_curve_profiles", "plot_time_scan"]

#: Labels of the conventions, and units to plot them in.
LABELS = {
    "dnde": ("dN/dE", "TeV-1 cm-2 s-1"),
    "e2dnde": (r"$E^2\,dN/dE$", "TeV cm-2 s-1"),
    "flux": ("Flux", "cm-2 s-1"),
    "eflux": ("Energy flux", "TeV cm-2 s-1"),
}


def time_axis(ax: Any, label: str) -> None:
    """Put dates below a horizontal axis of days since 1970-01-01, as few as can be read."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlabel(label)


def plot_light_curve(
    time_min: ArrayLike,
    time_max: ArrayLike,
    values: ArrayLike,
    errors: ArrayLike,
    *,
    errors_negative: ArrayLike | None = None,
    upper_limits: ArrayLike | None = None,
    is_ul: ArrayLike | None = None,
    label: str = "",
    color: str | None = None,
    xlabel: str = "Time",
    ylabel: str = "Flux",
    ax: Any = None,
) -> Any:
    """Plot fluxes against time; upper limits as arrows.

    Parameters
    ----------
    time_min, time_max
        Start and end of the intervals [days since 1970-01-01].
    values, errors
        Flux and its upward error.
    errors_negative
        Downward error; ``errors`` if None.
    upper_limits
        Upper limits, drawn where ``is_ul`` is True.
    is_ul
        True where only a limit is known.
    label, color, xlabel, ylabel
        Legend, look, axis labels.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If ``is_ul`` asks for limits that are not given.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_light_curve([18000, 18001], [18001, 18002], [2e-11, 1e-11], [2e-12, 4e-12],
    ...     upper_limits=[3e-11, 2e-11], is_ul=[False, True], ax=new_figure().add_subplot())
    >>> ax.get_ylabel()
    'Flux'
    """
    low, high, values, errors = (np.asarray(a, dtype=float) for a in (time_min, time_max, values, errors))
    down = errors if errors_negative is None else np.asarray(errors_negative, dtype=float)
    limit = np.zeros(len(low), dtype=bool) if is_ul is None else np.asarray(is_ul, dtype=bool)
    if limit.any() and upper_limits is None:
        raise ValueError("is_ul is given without upper_limits")
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    with style():
        ax = axes_for(ax)
        if color is None:
            color = CYCLE[len(ax.containers) % len(CYCLE)]
        point = ~limit & np.isfinite(values)
        look: dict[str, Any] = {"lw": 1.3, "color": color, "zorder": 3}
        if point.any():
            y_error = np.nan_to_num(np.stack([down, errors])[:, point])
            ax.errorbar(
                middle[point], values[point], xerr=half[point], yerr=y_error, fmt="o", ms=4, label=label or None, **look
            )
        limit &= np.isfinite(np.asarray(upper_limits, dtype=float)) if upper_limits is not None else limit
        if limit.any():
            limits = np.asarray(upper_limits, dtype=float)[limit]
            span = np.nanmax(np.append(values[point], limits))
            ax.errorbar(
                middle[limit],
                limits,
                xerr=half[limit],
                yerr=0.07 * span,
                uplims=True,
                fmt="none",
                capsize=2.6,
                label=None if point.any() else label or None,
                **look,
            )
        time_axis(ax, xlabel)
        ax.set_ylabel(ylabel)
    return ax


def _parabola(grid: np.ndarray, flux: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Interpolate a likelihood: its root, with a sign that changes at the minimum, is nearly straight."""
    good = np.isfinite(flux) & np.isfinite(delta)
    order = np.argsort(flux[good], kind="stable")
    at, root = flux[good][order], np.sqrt(np.maximum(delta[good][order], 0.0))
    if not at.size:
        return np.full(len(grid), np.nan)
    root[: int(np.argmin(root))] *= -1
    return np.asarray(np.interp(grid, at, root, left=np.nan, right=np.nan) ** 2)


def plot_time_scan(
    time_min: ArrayLike,
    time_max: ArrayLike,
    flux: ArrayLike,
    delta_stat: ArrayLike,
    *,
    xlabel: str = "Time",
    ylabel: str = "Flux",
    maximum: float = 10.0,
    ax: Any = None,
) -> Any:
    """Plot the likelihood of every interval as colour against time and flux.

    Parameters
    ----------
    time_min, time_max
        Start and end of the intervals [days since 1970-01-01].
    flux
        Scanned fluxes, shape (intervals, values).
    delta_stat
        Statistic above its minimum, same shape.
    xlabel, ylabel
        Labels of the axes.
    maximum
        Largest difference shown.
    ax
        Axes; a new one if None.

    Raises
    ------
    ValueError
        If no flux has a statistic near the minimum.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_time_scan([18000], [18001], [[1, 2, 4]], [[4, 0, 9]], ax=new_figure().add_subplot())
    """
    low, high, flux, delta = (np.asarray(a, dtype=float) for a in (time_min, time_max, flux, delta_stat))
    with style():
        ax = axes_for(ax)
        inside = flux[np.isfinite(delta) & (delta < 3 * maximum) & (flux > 0)]
        if not inside.size:
            raise ValueError("no scanned flux is positive and near a minimum")
        grid = np.geomspace(inside.min() / 1.3, inside.max() * 1.3, 240)
        rows = [_parabola(grid, f, d) for f, d in zip(flux, delta)]
        shown = np.ma.masked_greater(np.ma.masked_invalid(np.stack(rows)), maximum)
        edges = np.append(grid, grid[-1] ** 2 / grid[-2])
        mesh = None
        for left, right, row in zip(low, high, shown):
            mesh = ax.pcolormesh([left, right], edges, row[:, np.newaxis], cmap="Blues_r", vmin=0, vmax=maximum)
        ax.figure.colorbar(mesh, ax=ax, label="Statistic above its minimum", pad=0.01)
        ax.set_yscale("log")
        ax.set_ylim(grid[0], grid[-1])
        ax.set_xlim(low.min(), high.max())
        ax.grid(False)
        time_axis(ax, xlabel)
        ax.set_ylabel(ylabel)
    return ax


def _days(times: Any) -> np.ndarray:
    """Days since 1970-01-01 in the scale of the times."""
    return (times.jd1 - 2440587.5) + times.jd2


def sed_label(sed_type: str) -> tuple[str, str]:
    """Return the label of a flux axis and its unit."""
    if sed_type not in LABELS:
        raise ValueError(f"unknown SED type {sed_type!r}, expected one of {', '.join(LABELS)}")
    text, unit = LABELS[sed_type]
    return unit_label(text, unit), unit


def plot_light_curve_points(
    lightcurve: Any, *, sed_type: str = "flux", ax: Any = None, labels: Any = None, **options: Any
) -> Any:
    """Plot a `gjax.datasets.LightCurve`, one colour per energy band.

    Parameters
    ----------
    lightcurve
        Light curve.
    sed_type
        "dnde", "e2dnde", "flux" or "eflux".
    ax
        Axes; a new one if None.
    labels
        Texts of the legend, one per band; the energies by default.
    options
        Given to `plot_light_curve`.

    Raises
    ------
    ValueError
        If the convention is unknown.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.time import Time
    >>> from gjax.datasets import LightCurve
    >>> from gjax.plot import new_axes
    >>> start = Time("2020-01-01", scale="utc") + [0, 1] * u.d
    >>> flux = [[2e-11], [1e-11]] * u.Unit("cm-2 s-1")
    >>> lightcurve = LightCurve.from_arrays("flux", time_min=start, time_max=start + 1 * u.d,
    ...     e_min=[1] * u.TeV, e_max=[10] * u.TeV, flux=flux, flux_err=0.1 * flux)
    >>> plot_light_curve_points(lightcurve, ax=new_axes()).get_xlabel()
    'Time (UTC)'
    """
    ylabel, unit = sed_label(sed_type)

    def values(suffix: str) -> Any:
        quantity = lightcurve.quantity(sed_type, suffix)
        return None if quantity is None else quantity.to_value(unit)

    flux, symmetric, up, down, limits = (values(suffix) for suffix in ("", "_err", "_errp", "_errn", "_ul"))
    upper = symmetric if up is None else up if symmetric is None else np.where(np.isfinite(up), up, symmetric)
    lower = symmetric if down is None else down if symmetric is None else np.where(np.isfinite(down), down, symmetric)
    is_ul = lightcurve.is_ul
    low, high = _days(lightcurve.time_min), _days(lightcurve.time_max)
    for band in range(flux.shape[1]):
        if labels is not None:
            text = str(labels[band])
        elif flux.shape[1] == 1 or lightcurve.e_min is None:
            text = "" if flux.shape[1] == 1 else f"{lightcurve.e_ref[band].to_value('TeV'):.3g} TeV"
        else:
            edges = (lightcurve.e_min[band].to_value("TeV"), lightcurve.e_max[band].to_value("TeV"))
            text = f"{edges[0]:.3g} to {edges[1]:.3g} TeV"
        ax = plot_light_curve(
            low,
            high,
            flux[:, band],
            np.zeros(len(flux)) if upper is None else upper[:, band],
            errors_negative=None if lower is None else lower[:, band],
            upper_limits=None if limits is None else limits[:, band],
            is_ul=is_ul[:, band] if limits is not None else None,
            ax=ax,
            **{
                "label": text,
                "color": CYCLE[band % len(CYCLE)],
                "xlabel": f"Time ({lightcurve.time_min.scale.upper()})",
                "ylabel": ylabel,
                **options,
            },
        )
    if any(text for text in ax.get_legend_handles_labels()[1]):
        with style():
            ax.legend()
    return ax


def plot_light_curve_profiles(
    lightcurve: Any, *, sed_type: str = "flux", band: int = 0, ax: Any = None, **options: Any
) -> Any:
    """Plot the likelihood scans of a `gjax.datasets.LightCurve` against time and flux, for one energy band.

    Parameters
    ----------
    lightcurve
        Light curve with "stat_scan", "norm_scan" and "stat".
    sed_type
        "dnde", "e2dnde", "flux" or "eflux".
    band
        Number of the band.
    ax
        Axes; a new one if None.
    options
        Given to `plot_time_scan`.

    Raises
    ------
    ValueError
        If there are no scans.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.time import Time
    >>> from gjax.datasets import LightCurve
    >>> from gjax.plot import new_axes
    >>> start = Time("2020-01-01", scale="utc") + [0, 1] * u.d
    >>> lightcurve = LightCurve.from_arrays("flux", time_min=start, time_max=start + 1 * u.d,
    ...     e_min=[1] * u.TeV, e_max=[10] * u.TeV, flux=[[2e-11], [1e-11]] * u.Unit("cm-2 s-1"),
    ...     stat=[[0.0], [0.0]], stat_scan=[[[4.0, 0, 9]]] * 2, norm_scan=[[[5.0, 10, 20]]] * 2)
    >>> ax = plot_light_curve_profiles(lightcurve, ax=new_axes())
    """
    missing = [name for name in ("stat", "stat_scan", "norm_scan") if name not in lightcurve.extra]
    if missing:
        raise ValueError(f"light curve: no likelihood scans, {', '.join(missing)} missing")
    ylabel, unit = sed_label(sed_type)
    reference = lightcurve.points.reference_flux(sed_type).to_value(unit).reshape(lightcurve.shape)
    stat = lightcurve.extra["stat"][:, band]
    norms = [lightcurve.extra["norm_scan"][:, band], lightcurve.norms["norm"][:, [band]]]
    rises = [lightcurve.extra["stat_scan"][:, band] - stat[:, np.newaxis], np.zeros((len(stat), 1))]
    # whatever else is known of the likelihood: errors, limit and the absence of the source
    best, width = norms[1], float(lightcurve.meta.get("n_sigma", 1.0))
    for name, sign, rise in (
        ("_errn", -1, width**2),
        ("_errp", 1, width**2),
        ("_ul", 0, float(lightcurve.meta.get("n_sigma_ul", 2.0)) ** 2),
    ):
        if f"norm{name}" in lightcurve.norms:
            values = lightcurve.norms[f"norm{name}"][:, [band]]
            norms.append(values if sign == 0 else best + sign * values)
            rises.append(np.full((len(stat), 1), rise))
    if "ts" in lightcurve.extra:
        norms.append(np.where(best > 0, 0.0, np.nan))
        rises.append(lightcurve.extra["ts"][:, [band]])
    return plot_time_scan(
        _days(lightcurve.time_min),
        _days(lightcurve.time_max),
        np.concatenate(norms, axis=1) * reference[:, band, np.newaxis],
        np.concatenate(rises, axis=1),
        ax=ax,
        **{"xlabel": f"Time ({lightcurve.time_min.scale.upper()})", "ylabel": ylabel, **options},
    )

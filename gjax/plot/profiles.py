"""Profiles: values against a distance or a coordinate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.light_curves import sed_label
from gjax.plot.style import CYCLE, axes_for, style

__all__ = ["plot_flux_profile", "plot_space_profile"]


def plot_space_profile(
    x_min: ArrayLike,
    x_max: ArrayLike,
    values: ArrayLike,
    errors: Any = None,
    *,
    upper_limits: ArrayLike | None = None,
    is_ul: ArrayLike | None = None,
    label: str = "",
    color: str | None = None,
    xlabel: str = "Distance [deg]",
    ylabel: str = "Profile",
    ax: Any = None,
) -> Any:
    """Plot values in bins of a distance, or of a coordinate.

    Parameters
    ----------
    x_min, x_max
        Edges of the bins [deg].
    values
        One per bin.
    errors
        Symmetric, or downward and upward ones as an array of shape (2, n); None for none.
    upper_limits
        Upper limits, drawn where ``is_ul`` is True.
    is_ul
        True where only a limit is known.
    label, color, xlabel, ylabel
        Legend, look, axis labels.
    ax
        Axes; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_space_profile([0, 1], [1, 2], [3.0, 2.0], [1.0, 0.5], ax=new_figure().add_subplot())
    >>> ax.get_xlabel()
    'Distance [deg]'
    """
    low, high, values = (np.asarray(a, dtype=float) for a in (x_min, x_max, values))
    limit = np.zeros(len(low), dtype=bool) if is_ul is None else np.asarray(is_ul, dtype=bool)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    point = ~limit & np.isfinite(values)
    with style():
        ax = axes_for(ax)
        color = CYCLE[len(ax.containers) % len(CYCLE)] if color is None else color
        look: dict[str, Any] = {"lw": 1.3, "color": color, "zorder": 3}
        y_error = None if errors is None else np.nan_to_num(np.asarray(errors, dtype=float)[..., point])
        ax.errorbar(
            middle[point], values[point], xerr=half[point], yerr=y_error, fmt="o", ms=4, label=label or None, **look
        )
        if upper_limits is not None:
            limits = np.asarray(upper_limits, dtype=float)
            shown = limit & np.isfinite(limits)
            if shown.any():
                span = 0.07 * float(np.nanmax(np.append(values[point], limits[shown])))
                ax.errorbar(
                    middle[shown],
                    limits[shown],
                    xerr=half[shown],
                    yerr=span,
                    uplims=True,
                    fmt="none",
                    capsize=2.6,
                    **look,
                )
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        if label:
            ax.legend()
    return ax


def plot_flux_profile(profile: Any, *, sed_type: str = "flux", ax: Any = None, **options: Any) -> Any:
    """Plot a `gjax.estimators.FluxProfile`, one colour per energy band.

    Parameters
    ----------
    profile
        Fluxes by region.
    sed_type
        "dnde", "e2dnde", "flux" or "eflux".
    ax
        Axes; a new one if None.
    options
        Given to `plot_space_profile`.

    Raises
    ------
    ValueError
        If the convention is unknown.
    """
    ylabel, unit = sed_label(sed_type)

    def values(suffix: str) -> Any:
        quantity = profile.quantity(sed_type, suffix)
        return None if quantity is None else quantity.to_value(unit)

    flux, error, down, up, limits = (values(suffix) for suffix in ("", "_err", "_errn", "_errp", "_ul"))
    is_ul = np.array([points.is_ul for points in profile.points])
    first = profile.points[0]
    for band in range(flux.shape[1]):
        text = ""
        if flux.shape[1] > 1 and first.has_edges:
            text = f"{first.e_min[band].to_value('TeV'):.3g} to {first.e_max[band].to_value('TeV'):.3g} TeV"
        sizes = None if error is None else error[:, band]
        if down is not None and up is not None:
            both = np.stack([down[:, band], up[:, band]])
            sizes = both if sizes is None else np.where(np.isfinite(both), both, sizes)
        given = {"label": text, "ylabel": ylabel, "ax": ax, **options}
        ax = plot_space_profile(
            profile.distance_min,
            profile.distance_max,
            flux[:, band],
            sizes,
            upper_limits=None if limits is None else limits[:, band],
            is_ul=is_ul[:, band],
            **given,
        )
    return ax

"""The way of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gjax.plot.chains import _figure
from gjax.plot.posterior import _scaled, _short_names
from gjax.plot.style import COLORS, style

__all__ = ["plot_fit_trace"]


def plot_fit_trace(
    statistic: ArrayLike, values: Mapping[str, ArrayLike], *, units: Sequence[str] = (), figure: Any = None
) -> Any:
    """Plot the statistic above its lowest value and the parameters of a fit, step by step.

    Parameters
    ----------
    statistic
        Fit statistic at every point, NaN where a step was refused.
    values
        Name of each parameter and its values.
    units
        Unit of each parameter.
    figure
        Figure to draw in; a new one if None.

    Raises
    ------
    ValueError
        If there is no point.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> len(plot_fit_trace([5.0, 1.0, 0.5], {"index": [3.0, 2.2, 2.1]}, figure=new_figure()).axes)
    2
    """
    stat = np.asarray(statistic, dtype=float)
    if not np.isfinite(stat).any():
        raise ValueError("no step to plot: the statistic is nowhere finite")
    units = list(units) or [""] * len(values)
    with style():
        figure = _figure(figure, len(values) + 1, 7.0, 1.5)
        axes = figure.subplots(len(values) + 1, 1, squeeze=False, sharex=True)[:, 0]
        good = np.isfinite(stat)
        steps = np.arange(len(stat))
        above = stat[good] - np.nanmin(stat)
        axes[0].plot(steps[good], np.maximum(above, 1e-9), ".-", color=COLORS["model"])
        axes[0].set_yscale("log")
        axes[0].set_ylabel("Statistic\nabove its minimum")
        for ax, short, (_, values_), unit in zip(axes[1:], _short_names(list(values)), values.items(), units):
            scaled, _, label = _scaled(short, np.asarray(values_, dtype=float), unit)
            ax.plot(steps, scaled, color=COLORS["background"], lw=0.8)
            ax.plot(steps[good], scaled[good], ".", color=COLORS["model"])
            ax.set_ylabel(label)
        axes[-1].set_xlabel("Step")
    return figure

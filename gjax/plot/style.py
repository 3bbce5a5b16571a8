"""One look for all plots: colours that colour-blind people tell apart, readable sizes, sane logarithmic ticks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

__all__ = [
    "COLORS",
    "axes_for",
    "energy_ticks",
    "new_axes",
    "new_figure",
    "save",
    "scaled_label",
    "style",
    "unit_label",
    "unit_text",
]

# Okabe & Ito (2008), https://jfly.uni-koeln.de/color/, slightly darkened where lines are thin.
COLORS = {
    "data": "#222222",
    "model": "#0072B2",
    "band": "#56B4E9",
    "on": "#D55E00",
    "off": "#009E73",
    "background": "#8a8a8a",
    "truth": "#CC79A7",
    "alternative": "#E69F00",
    "grid": "#d9d9d9",
}
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a8a8a"]
IMAGE = "magma"
MATRIX = "viridis"

_PARAMETERS: Any = {
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.labelcolor": "#222222",
    "axes.labelsize": 11,
    "axes.linewidth": 0.9,
    "axes.titlesize": 11.5,
    "errorbar.capsize": 0,
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 10.5,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "image.cmap": MATRIX,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "mathtext.default": "regular",
    "savefig.dpi": 150,
    "xtick.color": "#444444",
    "xtick.labelcolor": "#222222",
    "xtick.direction": "in",
    "xtick.top": True,
    "ytick.color": "#444444",
    "ytick.labelcolor": "#222222",
    "ytick.direction": "in",
    "ytick.right": True,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Use the look of gjax inside a ``with`` block; nothing global is changed.

    Examples
    --------
    >>> with style():
    ...     figure = new_figure(4, 3)
    """
    with mpl.rc_context(_PARAMETERS):
        yield


def new_figure(width: float = 7.0, height: float = 4.6, **kwargs: Any) -> Figure:
    """Make a figure that no window or global list holds.

    Parameters
    ----------
    width, height
        Size [inch].
    kwargs
        Given to ``matplotlib.figure.Figure``.

    Examples
    --------
    >>> new_figure(4, 3).axes
    []
    """
    kwargs.setdefault("layout", "constrained")
    with style():
        return Figure(figsize=(width, height), **kwargs)


def new_axes(width: float = 7.0, height: float = 4.6, **kwargs: Any) -> Any:
    """Make an axes in a figure of its own (``ax.figure``) that no window or global list holds.

    Parameters
    ----------
    width, height
        Size [inch].
    kwargs
        Given to ``add_subplot`` (``projection``).

    Examples
    --------
    >>> new_axes(4, 3).get_xscale()
    'linear'
    """
    with style():
        layout = "compressed" if "projection" in kwargs else "constrained"
        return new_figure(width, height, layout=layout).add_subplot(**kwargs)


def axes_for(ax: Any = None, width: float = 7.0, height: float = 4.6, **kwargs: Any) -> Any:
    """Return ``ax``, or a new axes of the current pyplot session where it is None.

    Parameters
    ----------
    ax
        Axes or None.
    width, height
        Size [inch] of a new figure.
    kwargs
        Given to ``add_subplot`` (``projection``).

    Examples
    --------
    >>> ax = new_figure().add_subplot()
    >>> axes_for(ax) is ax
    True
    """
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    # Images keep their shape: a compressed layout leaves no gaps around them.
    layout = "compressed" if "projection" in kwargs else "constrained"
    _, ax = plt.subplots(figsize=(width, height), layout=layout, subplot_kw=kwargs or None)
    return ax


def _plain(value: float, _: Any = None) -> str:
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    exponent = round(np.log10(value)) if value > 0 else 0
    return f"$10^{{{exponent}}}$" if np.isclose(value, 10.0**exponent) else f"{value:.0e}"


def energy_ticks(ax: Any, axis: str = "x", limits: tuple[float, float] | None = None) -> None:
    """Make an axis logarithmic with labels like 0.5, 1, 2 where there is room, else 0.1, 1, 10.

    Parameters
    ----------
    ax
        Axes to change.
    axis
        ``"x"`` or ``"y"``.
    limits
        Lowest and highest value shown.

    Examples
    --------
    >>> ax = new_figure().add_subplot()
    >>> energy_ticks(ax, limits=(0.5, 20.0))
    >>> ax.get_xscale()
    'log'
    """
    if limits is not None:
        # First, so that one point alone does not have to give limits.
        getattr(ax, f"set_{axis}lim")(*limits)
    getattr(ax, f"set_{axis}scale")("log")
    low, high = getattr(ax, f"get_{axis}lim")()
    decades = np.log10(high / low) if low > 0 else 9.0
    steps = (1.0, 2.0, 5.0) if decades < 2.3 else (1.0, 3.0) if decades < 2.9 else (1.0,)
    which = getattr(ax, f"{axis}axis")
    which.set_major_locator(LogLocator(base=10, subs=steps, numticks=30))
    which.set_major_formatter(FuncFormatter(_plain))
    which.set_minor_locator(LogLocator(base=10, subs=tuple(np.arange(1.0, 10.0)), numticks=30))
    which.set_minor_formatter(NullFormatter())


def unit_label(name: str, unit: Any = "") -> str:
    """Return an axis label with its unit in brackets.

    Examples
    --------
    >>> unit_label("Energy", "TeV")
    'Energy [TeV]'
    >>> unit_label("Flux", "cm-2 s-1")
    'Flux [$cm^{-2}\\\\,s^{-1}$]'
    """
    text = str(unit)
    if not text:
        return name
    parts = []
    for part in text.replace("/", " / ").split():
        head = part.rstrip("-0123456789.")
        power = part[len(head) :]
        parts.append(f"{head}^{{{power}}}" if power and head else part)
    if len(parts) == 1 and "^" not in parts[0]:
        return f"{name} [{parts[0]}]"
    joined = "\\,".join(parts)
    return f"{name} [${joined}$]"


def unit_text(unit: Any) -> str:
    """Return a unit as text of a label.

    Parameters
    ----------
    unit
        An astropy unit.

    Examples
    --------
    >>> from astropy import units
    >>> unit_text(units.Unit("1 / sr"))
    '$sr^{-1}$'
    """
    try:
        text = unit.to_string("fits")
    except ValueError:  # the format knows powers of ten only
        text = unit.to_string()
    return unit_label("", text).strip(" []")


def scaled_label(name: str, unit: str, values: Any) -> tuple[float, str]:
    """Return a power of ten that makes values readable, and a label that says so.

    Parameters
    ----------
    name, unit
        What the axis shows.
    values
        Typical values; their median size counts.

    Returns
    -------
    factor, label
        Multiply values by the factor.

    Examples
    --------
    >>> factor, label = scaled_label("amplitude", "cm-2 s-1", [3.8e-11])
    >>> round(factor * 3.8e-11, 2), "10^{-11}" in label
    (3.8, True)
    """
    sizes = np.abs(np.asarray(values, dtype=float))
    sizes = sizes[np.isfinite(sizes)]
    typical = float(np.median(sizes)) if sizes.size else 0.0
    exponent = int(np.floor(np.log10(typical))) if typical > 0 else 0
    exponent = 0 if -3 < exponent < 4 else exponent
    text = unit_label("", unit).strip("[]$ ") if unit else ""
    inside = "\\,".join(t for t in (f"10^{{{exponent}}}" if exponent else "", text) if t)
    return 10.0**-exponent, f"{name} [${inside}$]" if inside else name


def save(figure: Figure, path: Any, *, dpi: float = 150) -> Any:
    """Write a figure as PNG under a temporary name, and rename it.

    Parameters
    ----------
    figure
        What to write.
    path
        File to write, replaced if it exists.
    dpi
        Resolution.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(new_figure(2, 2), pathlib.Path(folder) / "a.png").name
    'a.png'
    """
    from gjax.fits import write_atomic

    with style():
        return write_atomic(path, lambda p: figure.savefig(p, dpi=dpi, format="png"), overwrite=True)

"""Images of the sky on their pixels: counts, fluxes, significances, alone or in a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from matplotlib import colors
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from gjax.plot.sky import _celestial_labels, plot_regions
from gjax.plot.style import IMAGE, axes_for, new_figure, style, unit_text

__all__ = ["plot_image", "plot_image_grid", "plot_map", "plot_map_grid", "plot_sources"]

DIVERGING = "RdBu_r"
DIVERGING_SCALES = ("symmetric", "significance", "excess")
MISSING = "#d5d5d5"
SCALES = ("linear", "sqrt", "significance", "symmetric", "excess")


def image_norm(values: ArrayLike, scale: str, vmin: float | None = None, vmax: float | None = None) -> Any:
    """Return how values become colours.

    Parameters
    ----------
    values
        All values that share the scale; NaN is left out.
    scale
        "linear", "sqrt" (from 0), "symmetric" (around 0), "significance" (symmetric; linear up to 3, logarithmic
        beyond), or "excess" (the same, linear up to three times the typical size).
    vmin, vmax
        Limits; those of the values if None, at least 5 for a significance.

    Raises
    ------
    ValueError
        If the scale is unknown.

    Examples
    --------
    >>> norm = image_norm([-7.0, 2.0], "significance")
    >>> norm.vmin, norm.vmax
    (-7.0, 7.0)
    """
    if scale not in SCALES:
        raise ValueError(f"scale is {scale!r}, expected one of {', '.join(SCALES)}")
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    if scale in DIVERGING_SCALES:
        least = 5.0 if scale == "significance" else 1e-12
        reach = max(abs(low), abs(high), least) if vmax is None else float(vmax)
        if scale == "symmetric":
            return colors.Normalize(-reach, reach)
        typical = float(np.median(np.abs(array))) if array.size else 0.0
        width = 3.0 if scale == "significance" else float(np.clip(4.5 * typical, 1e-3 * reach, 0.3 * reach))
        width = width if array.size else 0.3 * reach
        return colors.AsinhNorm(linear_width=width, vmin=-reach, vmax=reach)
    low, high = (low if vmin is None else float(vmin)), (high if vmax is None else float(vmax))
    if scale == "sqrt":
        return colors.PowerNorm(0.5, vmin=max(0.0, vmin or 0.0), vmax=high if high > 0 else 1.0)
    if high <= low:
        # One value: show where it lies from zero.
        low, high = (min(low, 0.0), max(high, 0.0)) if low != 0 else (0.0, 1.0)
    return colors.Normalize(low, high)


def colour_bar(ax: Any, shown: Any, norm: Any, label: str) -> None:
    """Draw a colour bar with round numbers where the norm bends.

    Parameters
    ----------
    ax
        Axes of the image.
    shown
        The image.
    norm
        Its norm.
    label
        What the colours mean.
    """
    bar = ax.figure.colorbar(shown, ax=ax, pad=0.02, label=label, fraction=0.05)
    bar.ax.set_axes_locator(partial(_beside, ax))
    if isinstance(norm, colors.AsinhNorm):
        width, reach = float(norm.linear_width), float(norm.vmax or 1.0)
        decade = np.floor(np.log10(width))
        series = [m * 10.0 ** (decade + k) for k in range(6) for m in (1, 2, 5)]
        chosen = [t for t in series if 0.5 * width <= t <= reach * (1 + 1e-9)][-4:]
        ticks = [-t for t in chosen[::-1]] + [0] + chosen
        bar.set_ticks(ticks, labels=[f"{t:g}".replace("-", "−") for t in ticks])
        bar.minorticks_off()
    elif isinstance(norm, colors.PowerNorm):
        reach = float(norm.vmax or 1.0)
        step = 10.0 ** np.floor(np.log10(reach))
        top = max(t for t in (1, 2, 5) if t * step <= reach * (1 + 1e-9)) * step
        ticks = [0, 0.1 * top, 0.25 * top, 0.5 * top, top]
        bar.set_ticks(ticks, labels=[f"{t:.3g}" for t in ticks])
        bar.minorticks_off()
    elif hasattr(bar.formatter, "set_useMathText"):
        bar.formatter.set_useMathText(True)


def _beside(image: Any, bar: Any, renderer: Any) -> Any:
    """Place of a colour bar: as high as its image, and close to it, whatever shape the layout leaves for both."""
    place, drawn = bar.get_position(original=True), image.get_position()
    oval = type(getattr(getattr(image, "coords", None), "frame", None)).__name__ == "EllipticalFrame"
    # Ovals have labels on this side.
    left = place.x0 if oval else min(place.x0, drawn.x1 + 0.1 / bar.figure.get_figwidth())
    return Bbox.from_bounds(left, drawn.y0, place.width, drawn.height)


def plot_image(
    values: ArrayLike,
    wcs: Any,
    *,
    label: str = "",
    title: str = "",
    scale: str = "linear",
    cmap: str | None = None,
    norm: Any = None,
    vmin: float | None = None,
    vmax: float | None = None,
    colorbar: bool = True,
    ax: Any = None,
) -> Any:
    """Draw an image of the sky; what is NaN is grey.

    Parameters
    ----------
    values
        Image, shape (lat, lon).
    wcs
        Its projection, an ``astropy.wcs.WCS``.
    label
        What the colours mean.
    title
        Text above.
    scale, vmin, vmax
        See `image_norm`; ignored if ``norm`` is given.
    cmap
        Colours; by default those that fit the scale.
    norm
        A matplotlib norm, to share one between images.
    colorbar
        Whether to draw a colour bar.
    ax
        Axes with a celestial projection; a new one if None.

    Raises
    ------
    ValueError
        If the values are no image.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.plot.sky import image_wcs
    >>> wcs, npix = image_wcs(SkyCoord(83.6, 22.0, unit="deg"), 2, 0.5)
    >>> ax = plot_image(np.ones((npix, npix)), wcs, ax=new_figure().add_subplot(projection=wcs))
    >>> len(ax.images)
    1
    """
    image = np.asarray(values, dtype=float)
    if image.ndim != 2:
        raise ValueError(f"an image has two axes (lat, lon), got an array of shape {image.shape}")
    norm = image_norm(image, scale, vmin, vmax) if norm is None else norm
    diverging = isinstance(norm, colors.AsinhNorm) or scale in DIVERGING_SCALES
    with style():
        ax = axes_for(ax, 6.2, 5.2, projection=wcs)
        palette = _palette(cmap or (DIVERGING if diverging else IMAGE))
        shown = ax.imshow(np.ma.masked_invalid(image), origin="lower", cmap=palette, norm=norm, interpolation="nearest")
        if colorbar:
            colour_bar(ax, shown, norm, label)
        ax.grid(False)
        _label_sky(ax, image.shape, "#444444" if diverging else "white")
        if title:
            ax.set_title(title)
    return ax


def _palette(name: str) -> Any:
    import matplotlib as mpl

    return mpl.colormaps[name].with_extremes(bad=MISSING)


def _label_sky(ax: Any, shape: tuple[int, ...], ticks: str) -> None:
    wcs = getattr(ax, "wcs", None)
    if wcs is None or not hasattr(ax, "coords"):
        return
    galactic = str(wcs.wcs.ctype[0]).startswith("GLON")
    _celestial_labels(ax, SkyCoord(0, 0, unit="deg", frame="galactic" if galactic else "icrs"))
    width = abs(float(wcs.wcs.cdelt[0])) * shape[1]
    for coord in ax.coords:
        coord.set_major_formatter("d.dd" if width < 1.0 else "d.d")
        coord.set_ticks(color=ticks, number=4)


def plot_sources(ax: Any, positions: Mapping[str, Any], *, color: str = "#2fd6a6", legend: bool = False) -> None:
    """Mark positions on an image, with their names.

    Parameters
    ----------
    ax
        Axes of the image.
    positions
        Name to `SkyCoord`.
    color
        Colour of the marks.
    legend
        Name them in a legend instead of beside the marks.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> from gjax.plot.sky import image_wcs
    >>> crab = SkyCoord(83.6, 22.0, unit="deg")
    >>> wcs, npix = image_wcs(crab, 2, 0.5)
    >>> ax = plot_image(np.ones((npix, npix)), wcs, ax=new_figure().add_subplot(projection=wcs))
    >>> plot_sources(ax, {"crab": crab})
    >>> [text.get_text() for text in ax.texts]
    ['crab']
    """
    limits = ax.get_xlim(), ax.get_ylim()
    with style():
        for name, position in positions.items():
            x, y = (float(v) for v in ax.wcs.world_to_pixel(position))
            if not (limits[0][0] <= x <= limits[0][1] and limits[1][0] <= y <= limits[1][1]):
                continue
            ax.plot(x, y, "+", color=color, ms=9, mew=1.4, ls="none", label=name if legend else None)
            if not legend:
                ax.annotate(
                    name,
                    (x, y),
                    xytext=(7, 6),
                    textcoords="offset points",
                    color=color,
                    fontsize=9,
                    annotation_clip=True,
                )
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
        if legend and positions:
            ax.legend(loc="upper right")


def _aspect(panels: Sequence[Mapping[str, Any]]) -> float:
    """Height over width of the images."""
    shape = next(np.shape(panel["values"]) for panel in panels if panel is not None)
    return shape[0] / shape[1]


def plot_image_grid(
    panels: Sequence[Mapping[str, Any]],
    wcs: Any,
    *,
    columns: int = 3,
    sources: Mapping[str, Any] | None = None,
    regions: Any = None,
    figure: Any = None,
) -> Any:
    """Draw several images of the same pixels in a grid.

    Parameters
    ----------
    panels
        Per image the arguments of `plot_image` as a dict, with ``values``; None leaves a place empty.
    wcs
        Projection of all of them.
    columns
        Images in a row.
    sources
        Positions to mark, by name (see `plot_sources`).
    regions
        Regions to outline on every image.
    figure
        Figure to draw on; a new one if None.

    Returns
    -------
    figure
        The figure.

    Raises
    ------
    ValueError
        If there is no panel.

    Examples
    --------
    >>> from gjax.plot.sky import image_wcs
    >>> wcs, npix = image_wcs(SkyCoord(83.6, 22.0, unit="deg"), 2, 0.5)
    >>> ones = np.ones((npix, npix))
    >>> figure = plot_image_grid([{"values": ones, "title": "a"}, {"values": ones, "title": "b"}], wcs)
    >>> [ax.get_title() for ax in figure.axes if ax.get_title()]
    ['a', 'b']
    """
    if not panels:
        raise ValueError("there is no image to draw")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    height = min(6.0, 3.0 * _aspect(panels) + 0.15)
    if figure is None:
        figure = new_figure(4.1 * columns + 0.4, height * rows + 0.4, layout="compressed")
    for i, panel in enumerate(panels):
        if panel is None:
            continue
        with style():
            ax = figure.add_subplot(rows, columns, i + 1, projection=wcs)
        options = {name: value for name, value in panel.items() if name != "values"}
        plot_image(panel["values"], wcs, ax=ax, **options)
        if i % columns:
            ax.coords[1].set_axislabel(" ")
        if i + columns < len(panels):
            ax.coords[0].set_axislabel(" ")
        diverging = panel.get("scale") in DIVERGING_SCALES or isinstance(panel.get("norm"), colors.AsinhNorm)
        dark = "#111111" if diverging else "#2fd6a6"
        if regions is not None:
            plot_regions(ax, regions, color=dark if diverging else "#ffffff", linestyle=":", linewidth=1.1)
        if sources:
            plot_sources(ax, sources, color=dark)
    return figure


def plot_map(sky_map: Any, *, ax: Any = None, **options: Any) -> Any:
    """Draw a map that is one image.

    Parameters
    ----------
    sky_map
        `gjax.maps.WcsNDMap` with one bin on every other axis.
    ax
        Axes with the projection of the map; a new one if None.
    **options
        See `plot_image`.

    Raises
    ------
    ValueError
        If there are several images.

    Examples
    --------
    >>> from gjax.maps import WcsNDMap
    >>> from gjax.plot import new_figure
    >>> image = WcsNDMap.create(npix=(4, 4), binsz=0.5, proj="TAN", skydir=(83.6, 22.0))
    >>> ax = plot_map(image, ax=new_figure().add_subplot(projection=image.geom.wcs))
    """
    shape = sky_map.data.shape
    if int(np.prod(shape[:-2])) != 1:
        raise ValueError(f"the map holds {int(np.prod(shape[:-2]))} images: sum or slice it, or draw a grid of them")
    options.setdefault("label", unit_text(sky_map.unit))
    return plot_image(sky_map.data.reshape(shape[-2:]), sky_map.geom.wcs, ax=ax, **options)


def slice_titles(axis: Any) -> list[str]:
    """Return the bins of an axis as text.

    Examples
    --------
    >>> from gjax.maps import MapAxis
    >>> slice_titles(MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2))
    ['1 – 10 TeV', '10 – 100 TeV']
    """
    edges, unit = axis.edges.value, str(axis.unit)
    return [f"{a:.3g} – {b:.3g} {unit}".rstrip() for a, b in pairwise(edges)]


def plot_map_grid(sky_map: Any, *, columns: int = 3, figure: Any = None, **options: Any) -> Any:
    """Draw all images of a map with one axis besides the sky, with the bins of the axis as titles.

    Parameters
    ----------
    sky_map
        `gjax.maps.WcsNDMap`.
    columns
        Images in a row.
    figure
        Figure to draw on; a new one if None.
    **options
        See `plot_image`.

    Raises
    ------
    ValueError
        If the map has another number of axes.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsNDMap
    >>> energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> cube = WcsNDMap.create(npix=(4, 4), binsz=0.5, proj="TAN", skydir=(83.6, 22.0), axes=[energy])
    >>> len(plot_map_grid(cube).axes)
    4
    """
    if len(sky_map.geom.axes) != 1:
        raise ValueError(f"a grid needs one axis besides the sky, the map has {len(sky_map.geom.axes)}")
    options.setdefault("label", unit_text(sky_map.unit))
    if sky_map.is_mask:
        options = {"cmap": "Greys_r", "colorbar": False, "vmin": 0, "vmax": 1, **options}
    titles = slice_titles(sky_map.geom.axes[0])
    panels = [{"values": image, "title": title, **options} for image, title in zip(sky_map.data, titles)]
    return plot_image_grid(panels, sky_map.geom.wcs, columns=columns, figure=figure)

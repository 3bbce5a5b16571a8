"""Pictures of map objects: images with regions, masks, HEALPix maps, spectra of regions, and turning pages."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.plot.maps import plot_image, plot_map_grid, slice_titles
from gjax.plot.sky import plot_regions
from gjax.plot.style import COLORS, axes_for, energy_ticks, new_figure, style, unit_label, unit_text

__all__ = [
    "plot_grid",
    "plot_hpx_map",
    "plot_interactive",
    "plot_map_mask",
    "plot_region_map",
    "plot_region_outline",
    "plot_wcs_map",
    "sky_axes",
]


def sky_axes(geom: Any, ax: Any = None, figure: Any = None) -> Any:
    """Axes with the projection of a geometry; an oval frame for the whole sky.

    Parameters
    ----------
    geom
        `gjax.maps.WcsGeom`.
    ax
        Axes to use instead.
    figure
        Figure to draw on; that of the pyplot session if None.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> sky_axes(WcsGeom.create(binsz=10, proj="AIT"), figure=new_figure()).coords.frame.__class__.__name__
    'EllipticalFrame'
    """
    if ax is not None:
        return ax
    options: dict[str, Any] = {"projection": geom.wcs}
    whole = geom.is_allsky and geom.projection in ("AIT", "MOL")
    if whole:
        from astropy.visualization.wcsaxes.frame import EllipticalFrame

        options["frame_class"] = EllipticalFrame
    aspect = geom.npix[1] / geom.npix[0]
    width = 6.6 if aspect > 0.7 else 8.0
    # The colour bar and the labels take a fifth of the width.
    height = 0.78 * width * aspect + 0.75
    if figure is not None:
        with style():
            return figure.add_subplot(**options)
    return axes_for(None, width, min(max(height, 2.6), 8.0), **options)


def _one_image(sky_map: Any) -> np.ndarray:
    shape = sky_map.data.shape
    number = int(np.prod(shape[:-2]))
    if number != 1:
        raise ValueError(f"the map holds {number} images: sum or slice it, or use plot_grid or plot_interactive")
    return sky_map.data.reshape(shape[-2:])


def plot_wcs_map(sky_map: Any, *, regions: Any = None, ax: Any = None, label: str | None = None, **options: Any) -> Any:
    """Draw a map that is one image, with regions on top.

    Parameters
    ----------
    sky_map
        `gjax.maps.WcsNDMap` with one bin on every other axis.
    regions
        Sky region, or list of them.
    ax
        Axes with the projection of the map; a new one if None.
    label
        What the colours mean; the unit by default.
    **options
        See `plot_image`.

    Examples
    --------
    >>> from gjax.maps import WcsNDMap
    >>> image = WcsNDMap.create(npix=(4, 4), binsz=0.5, proj="TAN", skydir=(83.6, 22.0))
    >>> ax = plot_wcs_map(image, ax=new_figure().add_subplot(projection=image.geom.wcs))
    """
    image = _one_image(sky_map)
    ax = sky_axes(sky_map.geom, ax)
    text = unit_text(sky_map.unit) if label is None else label
    if sky_map.is_mask:
        options = {"cmap": "Greys_r", "colorbar": False, "vmin": 0, "vmax": 1, **options}
    ax = plot_image(image, sky_map.geom.wcs, ax=ax, label=text, **options)
    if sky_map.geom.is_allsky:
        _label_whole_sky(ax, sky_map.geom)
    if regions is not None:
        with style():
            plot_regions(ax, regions, color="#2fd6a6", linewidth=1.6)
    return ax


def _label_whole_sky(ax: Any, geom: Any) -> None:
    from astropy import units as u

    middle = float(geom.wcs.wcs.crval[0])
    x, y = geom.wcs.wcs_world2pix([middle + 179.999, middle - 179.999, middle, middle], [0, 0, -90, 90], 0)
    if geom.projection != "CAR" and np.all(np.isfinite([*x[:2], *y[2:]])):
        # The projection does not fill its image.
        ax.set_xlim(min(x[:2]), max(x[:2]))
        ax.set_ylim(min(y[2:]), max(y[2:]))
    oval = type(ax.coords.frame).__name__ == "EllipticalFrame"
    with style():
        for coord, spacing in zip(ax.coords, (60, 30)):
            coord.set_ticks(spacing=spacing * u.deg)
            coord.set_major_formatter("d")
            coord.grid(color="white", alpha=0.25, linestyle="-", linewidth=0.6)
        if oval:
            from matplotlib.patheffects import withStroke

            ax.coords[0].set_ticks_visible(False)
            outlined = [withStroke(linewidth=2.0, foreground="#333333")]
            ax.coords[0].set_ticklabel(color="white", size=8, path_effects=outlined)
            ax.coords[0].set_axislabel(" ")


def plot_map_mask(mask: Any, *, ax: Any = None, color: str = "#ffffff", alpha: float = 0.55, edge: bool = True) -> Any:
    """Shade the pixels of an image where a mask is False.

    Parameters
    ----------
    mask
        `gjax.maps.WcsNDMap` of bool with one bin on every other axis.
    ax
        Axes of an image with the same pixels; a new one if None.
    color, alpha
        Look of the shade.
    edge
        Whether to draw the boundary as a line.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> geom = WcsGeom.create(npix=20, binsz=0.1, proj="TAN")
    >>> mask = geom.region_mask("icrs;circle(0, 0, 0.5)")
    >>> ax = plot_map_mask(mask, ax=new_figure().add_subplot(projection=geom.wcs))
    """
    from matplotlib.colors import to_rgba

    if not mask.is_mask:
        raise ValueError("a mask (a map of bool) is expected")
    image = _one_image(mask)
    fresh = ax is None
    ax = sky_axes(mask.geom, ax)
    with style():
        if fresh:
            return plot_image(image.astype(float), mask.geom.wcs, ax=ax, cmap="Greys_r", colorbar=False)
        limits = ax.get_xlim(), ax.get_ylim()
        shade = np.zeros((*image.shape, 4))
        shade[~image] = to_rgba(color, alpha)
        ax.imshow(shade, origin="lower", interpolation="nearest")
        if edge and image.any() and not image.all():
            ax.contour(image.astype(float), levels=[0.5], colors=[color], linewidths=1.2)
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
    return ax


def plot_hpx_map(hpx_map: Any, *, regions: Any = None, ax: Any = None, **options: Any) -> Any:
    """Draw a HEALPix map: the whole sky as an oval, a part of it in a tangent plane.

    Parameters
    ----------
    hpx_map
        `gjax.maps.HpxNDMap` with one bin on every other axis.
    regions
        Sky region, or list of them.
    ax
        Axes with the projection of ``hpx_map.geom.to_wcs_geom``; a new one if None.
    **options
        See `plot_image`.

    Examples
    --------
    >>> from gjax.maps import HpxNDMap
    >>> hpx = HpxNDMap.create(nside=4, data=1.0)
    >>> ax = plot_hpx_map(hpx, ax=sky_axes(hpx.geom.to_wcs_geom(), figure=new_figure()))
    """
    whole = hpx_map.geom.is_allsky
    width = 800 if whole else 400
    image = hpx_map.to_wcs(proj="AIT" if whole else "TAN", width_pix=width, normalize=False)
    if image.is_mask:
        image = image.copy(data=image.data.astype(float))
    return plot_wcs_map(image, regions=regions, ax=ax, **options)


def _readable(sky_map: Any) -> Any:
    """Map with its energies in the unit that gives the shortest numbers."""
    geom = sky_map.geom
    for axis in geom.axes:
        if axis.node_type in ("edges", "center") and axis.is_energy_axis:
            middle = float(np.sqrt(axis.center[0] * axis.center[-1]).to_value("TeV"))
            unit = "TeV" if middle > 0.3 else "GeV" if middle > 3e-4 else "MeV"
            if str(axis.unit) != unit and not 1e-2 < float(np.sqrt(axis.center.value[0] * axis.center.value[-1])) < 1e3:
                geom = geom.replace_axis(axis.to_unit(unit))
    return sky_map if geom is sky_map.geom else sky_map.copy(geom=geom, data=sky_map.data)


def plot_region_map(region_map: Any, *, axis_name: str | None = None, ax: Any = None, **options: Any) -> Any:
    """Draw a region map along one axis as steps; one line per bin of the other axes.

    Parameters
    ----------
    region_map
        `gjax.maps.RegionNDMap`.
    axis_name
        Axis to draw along; the first by default.
    ax
        Axes; a new one if None.
    **options
        Given to ``ax.stairs``.

    Examples
    --------
    >>> from gjax.maps import MapAxis, RegionNDMap
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> ax = plot_region_map(RegionNDMap.create(None, axes=[axis], data=[3, 2, 1]), ax=new_figure().add_subplot())
    """
    if not len(region_map.geom.axes):
        raise ValueError("a map without axes is one number and cannot be drawn")
    region_map = _readable(region_map)
    axes = region_map.geom.axes
    name = axes.names[0] if axis_name is None else axis_name
    axis = axes[name]
    values = np.moveaxis(region_map.data[..., 0, 0], region_map._dimension(name), -1)
    lines = values.reshape(-1, axis.nbin)
    others = [other for other in axes if other.name != name]
    titles = slice_titles(others[0]) if len(others) == 1 and others[0].node_type == "edges" else []
    with style():
        ax = axes_for(ax, 6.4, 4.4)
        for i, line in enumerate(lines):
            kept = {"lw": 1.6, **options}
            if titles and len(lines) <= 10:
                kept.setdefault("label", titles[i])
            _draw_steps(ax, axis, line.astype(float), kept)
        if axis.node_type == "edges" and axis.is_energy_axis:
            energy_ticks(ax, "x", (float(axis.edges.value[0]), float(axis.edges.value[-1])))
        elif axis.node_type == "edges" and axis.interp == "log":
            ax.set_xscale("log")
        positive = lines[np.isfinite(lines) & (lines > 0)]
        if positive.size and positive.max() / positive.min() > 50:
            ax.set_yscale("log")
        words = {"energy": "Energy", "energy_true": "True energy", "rad": "Radius", "migra": "Migration"}
        text = words.get(name, name.replace("_", " ").capitalize())
        ax.set_xlabel(text if axis.node_type != "edges" else unit_label(text, str(axis.unit)))
        ax.set_ylabel(unit_label("Value", region_map.unit.to_string()) if str(region_map.unit) else "Value")
        if titles and len(lines) <= 10:
            ax.legend(title=others[0].name.replace("_", " "))
    return ax


def _draw_steps(ax: Any, axis: Any, line: np.ndarray, options: dict[str, Any]) -> None:
    if axis.node_type == "center":
        ax.plot(axis.center.value, line, marker="o", ms=4, **options)
    elif axis.node_type == "intervals":
        middle, low, high = axis.time_mid, axis.time_min, axis.time_max
        half = 0.5 * (high - low).to_value("d")
        ax.errorbar(
            middle.datetime,
            line,
            xerr=[np.timedelta64(int(h * 86400e3), "ms").item() for h in half],
            fmt="o",
            **options,
        )
        ax.figure.autofmt_xdate()
    elif axis.node_type == "label":
        ax.bar(axis.center, line, color=COLORS["model"], alpha=0.8)
        ax.tick_params(axis="x", rotation=30)
    else:
        ax.stairs(line, axis.edges.value, baseline=None, **options)


def plot_region_outline(geom: Any, *, ax: Any = None, color: str = "#D55E00", **options: Any) -> Any:
    """Outline the region of a region geometry.

    Parameters
    ----------
    geom
        `gjax.maps.RegionGeom`.
    ax
        Axes with a celestial projection; a new one around the region if None.
    color
        Colour of the line.
    **options
        See `plot_regions`.

    Examples
    --------
    >>> from gjax.maps import RegionGeom
    >>> geom = RegionGeom.create("icrs;circle(83.6, 22.0, 0.2)")
    >>> ax = plot_region_outline(geom, ax=new_figure().add_subplot(projection=geom.wcs))
    """
    if geom.region is None:
        raise ValueError("this geometry has no region")
    with style():
        if ax is None:
            from gjax.maps import WcsGeom
            from gjax.plot.maps import _label_sky

            width = max(3 * float(geom.width.max().value), 0.1)
            frame = geom.frame if geom.frame in ("icrs", "galactic") else "icrs"
            image = WcsGeom.create(skydir=geom.center_skydir, width=width, binsz=width / 200, proj="TAN", frame=frame)
            ax = sky_axes(image)
            ax.set_xlim(-0.5, image.npix[0] - 0.5)
            ax.set_ylim(-0.5, image.npix[1] - 0.5)
            ax.set_aspect("equal")
            ax.grid(False)
            _label_sky(ax, (image.npix[1], image.npix[0]), "#444444")
        plot_regions(ax, geom.region, color=color, **options)
    return ax


def plot_interactive(sky_map: Any, *, regions: Any = None, figure: Any = None, **options: Any) -> Any:
    """Draw a cube one image at a time, with a slider per axis (matplotlib widgets: any interactive backend).

    Parameters
    ----------
    sky_map
        `gjax.maps.WcsNDMap` or `gjax.maps.HpxNDMap` with at least one axis.
    regions
        Regions to outline.
    figure
        Figure to draw on; one of the pyplot session if None.
    **options
        See `plot_image`; ``norm`` or ``vmin`` and ``vmax`` fix the colours, which follow each image otherwise.

    Returns
    -------
    sliders
        The sliders by name of the axis; keep them as long as the figure is used. ``sliders[name].set_val(i)`` turns
        to bin ``i``; the figure is ``sliders[name].ax.figure``.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsNDMap
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> cube = WcsNDMap.create(npix=4, binsz=0.5, proj="TAN", axes=[axis])
    >>> sliders = plot_interactive(cube, figure=new_figure(6, 5, layout=None))
    >>> sliders["energy"].set_val(2)
    """
    from matplotlib.widgets import Slider

    if not len(sky_map.geom.axes):
        raise ValueError("a map without axes is one image: use plot")
    sky_map = _readable(sky_map)
    axes = sky_map.geom.axes
    if sky_map.geom.is_hpx:
        whole = sky_map.geom.is_allsky
        sky_map = sky_map.to_wcs(proj="AIT" if whole else "TAN", width_pix=600, normalize=False)
    aspect = sky_map.geom.npix[1] / sky_map.geom.npix[0]
    with style():
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(7.2, min(0.78 * 7.2 * aspect + 1.2, 8.0) + 0.3 * len(axes)))
        bottom = (0.75 + 0.3 * len(axes)) / figure.get_figheight()
        area = figure.add_gridspec(left=0.12, right=0.86, top=0.92, bottom=bottom)[0]
        sliders = {
            axis.name: Slider(
                figure.add_axes((0.25, (0.08 + 0.3 * i) / figure.get_figheight(), 0.5, 0.15 / figure.get_figheight())),
                axis.name.replace("_", " "),
                0,
                max(axis.nbin - 1, 1e-3),
                valinit=0,
                valstep=1,
                valfmt="%d",
            )
            for i, axis in enumerate(axes)
        }

    def draw(_: Any = None) -> None:
        bins = {name: min(int(slider.val), axes[name].nbin - 1) for name, slider in sliders.items()}
        image = sky_map.slice_by_idx(bins)
        title = ", ".join(_bin_text(axes[name], i) for name, i in bins.items())
        for other in [other for other in figure.axes if other not in kept]:
            other.remove()
        # Axes with a projection do not survive being cleared.
        ax = figure.add_subplot(area, projection=sky_map.geom.wcs)
        plot_wcs_map(image, ax=ax, regions=regions, title=title, **options)
        figure.canvas.draw_idle()

    kept = [slider.ax for slider in sliders.values()]
    for slider in sliders.values():
        slider.on_changed(draw)
    draw()
    return sliders


def _bin_text(axis: Any, i: int) -> str:
    if axis.node_type == "label":
        return str(axis.center[i])
    if axis.node_type == "intervals":
        return f"{axis.time_min[i].iso} to {axis.time_max[i].iso}"
    if axis.node_type == "center":
        return f"{axis.center.value[i]:.3g} {axis.unit}".rstrip()
    return slice_titles(axis)[i]


def plot_grid(sky_map: Any, *, columns: int = 3, figure: Any = None, regions: Any = None, **options: Any) -> Any:
    """Draw all images of a map with one axis besides the sky; see `plot_map_grid`.

    Parameters
    ----------
    sky_map
        `gjax.maps.WcsNDMap` or `gjax.maps.HpxNDMap`.
    columns
        Images in a row.
    figure
        Figure to draw on; a new one if None.
    regions
        Regions to outline on every image.
    **options
        See `plot_image`.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsNDMap
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    >>> len(plot_grid(WcsNDMap.create(npix=4, binsz=0.5, axes=[axis]), figure=new_figure()).axes)
    6
    """
    if sky_map.geom.is_hpx:
        whole = sky_map.geom.is_allsky
        sky_map = sky_map.to_wcs(proj="AIT" if whole else "TAN", width_pix=400, normalize=False)
    if figure is None:
        number = sky_map.geom.axes[0].nbin if len(sky_map.geom.axes) == 1 else 1
        across = min(columns, number)
        height = 3.0 * sky_map.geom.npix[1] / sky_map.geom.npix[0] + 0.9
        figure = new_figure(4.1 * across + 0.4, -(-number // across) * height + 0.3, layout="compressed")
    figure = plot_map_grid(_readable(sky_map), columns=columns, figure=figure, **options)
    if regions is not None:
        for ax in figure.axes:
            if hasattr(ax, "wcs") and ax.images:
                plot_regions(ax, regions, color="#2fd6a6", linewidth=1.3)
    return figure

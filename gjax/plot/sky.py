"""Events on the sky, with regions."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike

from gjax.plot.style import COLORS, IMAGE, axes_for, style

__all__ = ["image_wcs", "plot_counts_map", "plot_regions"]


def image_wcs(center: SkyCoord, width: Any, binsz: Any) -> tuple[Any, int]:
    """Return a tangential projection around a position, and the number of pixels along one side.

    Parameters
    ----------
    center
        Middle of the image; its frame (icrs or galactic) is the frame of the image.
    width
        Full width [deg, or a Quantity].
    binsz
        Size of a pixel [deg, or a Quantity].

    Examples
    --------
    >>> wcs, npix = image_wcs(SkyCoord(83.6, 22.0, unit="deg"), 4, 0.02)
    >>> npix
    200
    """
    from astropy.wcs import WCS

    width, binsz = u.Quantity(width, "deg").value, u.Quantity(binsz, "deg").value
    npix = max(1, round(width / binsz))
    galactic = center.frame.name == "galactic"
    position = center if galactic else center.icrs
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"] if galactic else ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [position.spherical.lon.deg, position.spherical.lat.deg]
    wcs.wcs.crpix = [npix / 2 + 0.5] * 2
    wcs.wcs.cdelt = [-binsz, binsz]
    if not galactic:
        wcs.wcs.radesys = "ICRS"
    return wcs, npix


def plot_regions(
    ax: Any, regions: Any, *, color: str, label: str = "", linestyle: str = "-", linewidth: float = 1.6
) -> None:
    """Outline sky regions on an axes with a celestial projection.

    Parameters
    ----------
    ax
        Axes made with ``projection=wcs``.
    regions
        A sky region, position or DS9 string, or a list of them; compound regions are taken apart.
    color, label, linestyle, linewidth
        Look.

    Raises
    ------
    ValueError
        If a string is not a region.

    Examples
    --------
    >>> from regions import CircleSkyRegion
    >>> from gjax.plot import new_figure
    >>> center = SkyCoord(83.6, 22.0, unit="deg")
    >>> ax = new_figure().add_subplot(projection=image_wcs(center, 4, 0.02)[0])
    >>> plot_regions(ax, CircleSkyRegion(center, 0.1 * u.deg), color="red")
    """
    from gjax.maps.region_tools import make_region

    simple: list[Any] = []

    def collect(item: Any) -> None:
        if item is None:
            return
        if hasattr(item, "region1"):
            collect(item.region1)
            collect(item.region2)
        elif isinstance(item, list | tuple):
            for part in item:
                collect(part)
        elif isinstance(item, str | SkyCoord):
            collect(make_region(item))
        else:
            simple.append(item)

    collect(regions)
    for i, region in enumerate(simple):
        artist = region.to_pixel(ax.wcs).as_artist()
        if hasattr(artist, "set_edgecolor"):
            artist.set(edgecolor=color, facecolor="none", fill=False, linestyle=linestyle, linewidth=linewidth)
        else:
            artist.set(color=color, marker="+", markersize=9)
        if i == 0 and label:
            artist.set_label(label)
        ax.add_artist(artist)


def plot_counts_map(
    events: SkyCoord,
    center: SkyCoord,
    *,
    width: Any = "5 deg",
    binsz: Any = "0.04 deg",
    smooth: float = 1.2,
    on_region: Any = None,
    off_regions: Any = None,
    exclusion_regions: Any = None,
    pointings: SkyCoord | None = None,
    ax: Any = None,
) -> Any:
    """Plot events as an image, with the regions that were used.

    Parameters
    ----------
    events
        Positions of the events.
    center
        Middle of the image.
    width, binsz
        Width of the image and size of its pixels [deg, or a Quantity].
    smooth
        Width [pixel] of the Gaussian that smooths the image; 0 for none.
    on_region, off_regions, exclusion_regions
        Sky regions, or lists of them.
    pointings
        Directions the telescopes looked at.
    ax
        Axes with a celestial projection; a new one if None.

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> center = SkyCoord(83.6, 22.0, unit="deg")
    >>> events = SkyCoord([83.6, 83.7], [22.0, 22.1], unit="deg")
    >>> ax = new_figure().add_subplot(projection=image_wcs(center, "2 deg", "0.04 deg")[0])
    >>> ax = plot_counts_map(events, center, width="2 deg", ax=ax)
    """
    wcs, npix = image_wcs(center, u.Quantity(width), u.Quantity(binsz))
    if ax is not None and getattr(ax, "wcs", None) is not None:
        wcs = ax.wcs
    x, y = wcs.world_to_pixel(events)
    edges = np.arange(npix + 1) - 0.5
    image, _, _ = np.histogram2d(y, x, bins=[edges, edges])
    with style():
        ax = axes_for(ax, 6.6, 5.6, projection=wcs)
        if smooth:
            from scipy.ndimage import gaussian_filter

            image = gaussian_filter(image, smooth, mode="constant")
        vmax = max(float(np.max(image)), 1e-6)
        shown = ax.imshow(np.sqrt(image), origin="lower", cmap=IMAGE, vmin=0, vmax=np.sqrt(vmax))
        bar = ax.figure.colorbar(shown, ax=ax, pad=0.015, label="Counts per pixel" + (" (smoothed)" if smooth else ""))
        ticks = _square_root_ticks(vmax)
        bar.set_ticks(np.sqrt(ticks), labels=[f"{t:g}" for t in ticks])
        ax.grid(False)
        plot_regions(ax, exclusion_regions, color="#ffffff", linestyle=":", label="excluded", linewidth=1.3)
        plot_regions(ax, off_regions, color="#2fd6a6", label="off regions", linewidth=1.1)
        plot_regions(ax, on_region, color="#ffb000", label="on region", linewidth=2.0)
        if pointings is not None:
            px, py = wcs.world_to_pixel(pointings)
            ax.plot(px, py, "x", color="#ffffff", ms=6, mew=1.4, ls="none", label="pointings")
        ax.set_xlim(-0.5, npix - 0.5)
        ax.set_ylim(-0.5, npix - 0.5)
        _celestial_labels(ax, center)
        handles, _ = ax.get_legend_handles_labels()
        if handles:
            legend = ax.legend(
                loc="upper right",
                frameon=True,
                facecolor="#1c1030",
                edgecolor="none",
                framealpha=0.75,
                labelcolor="white",
            )
            for handle in legend.legend_handles:
                if hasattr(handle, "set_height"):
                    handle.set_height(0.8 * handle.get_height())
    return ax


def _square_root_ticks(vmax: float) -> np.ndarray:
    step = 10.0 ** np.floor(np.log10(vmax))
    top = max(t for t in (1, 2, 5) if t * step <= vmax) * step
    return np.array([0, 0.1, 0.25, 0.5, 1.0]) * top


def _celestial_labels(ax: Any, center: SkyCoord) -> None:
    if not hasattr(ax, "coords"):
        return
    galactic = center.frame.name == "galactic"
    for coord, name in zip(
        ax.coords, ("Galactic longitude", "Galactic latitude") if galactic else ("Right ascension", "Declination")
    ):
        coord.set_axislabel(f"{name} [deg]")
        coord.set_format_unit("deg", decimal=True)
        coord.set_major_formatter("d.d")
        coord.set_ticks(color="white", number=6)
        coord.display_minor_ticks(True)
        if "l" in ax.coords.frame.spine_names:
            # not the oval frame of a whole sky
            coord.set_ticks_position("lbrt")


def plot_field_of_view(lon: ArrayLike, lat: ArrayLike, *, ax: Any = None, reach: float = 3.0) -> Any:
    """Plot positions relative to the pointing.

    Parameters
    ----------
    lon, lat
        Coordinates in the field of view [deg].
    ax
        Axes; a new one if None.
    reach
        Largest coordinate shown [deg].

    Examples
    --------
    >>> from gjax.plot import new_figure
    >>> ax = plot_field_of_view([0.1, 0.2], [0.0, -0.1], ax=new_figure().add_subplot())
    """
    with style():
        ax = axes_for(ax, 5.2, 4.6)
        bins = np.linspace(-reach, reach, 61)
        image, _, _ = np.histogram2d(np.asarray(lat), np.asarray(lon), bins=[bins, bins])
        shown = ax.pcolormesh(bins, bins, image, cmap=IMAGE)
        ax.figure.colorbar(shown, ax=ax, label="Counts", pad=0.02)
        ax.plot([0], [0], "+", color=COLORS["band"], ms=9)
        ax.set_aspect("equal")
        ax.grid(False)
        ax.set_xlabel("Field of view longitude [deg]")
        ax.set_ylabel("Field of view latitude [deg]")
    return ax

"""Which pictures of a 3D analysis are saved, from cubes on common pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gjax.plot.cube_images import CubeImages

__all__ = ["cube_counts_figure", "save_cube_figures"]

#: Pixels this close to a source [deg] are outlined in the distribution of residuals.
NEAR = 0.3


def cube_counts_figure(
    path: Path, images: CubeImages, exclusion: list[Any], pointings: Any, sources: Mapping[str, Any]
) -> Path:
    """Draw the counts with excluded regions, pointings, and the sources of the model."""
    from gjax.plot import new_axes, plot_image, plot_regions, plot_sources, save, style
    from gjax.plot.cube_maps import SMOOTHING

    wcs = images.geom.wcs
    image = images.smoothed(images.image(images.counts), SMOOTHING)
    ax = new_axes(6.8, 5.6, projection=wcs)
    plot_image(image, wcs, label="Counts per pixel (smoothed)", scale="sqrt", ax=ax)
    limits = ax.get_xlim(), ax.get_ylim()
    with style():
        plot_regions(ax, exclusion, color="#ffffff", linestyle=":", label="excluded", linewidth=1.3)
        x, y = wcs.world_to_pixel(pointings)
        ax.plot(x, y, "x", color="#ffffff", ms=6, mew=1.4, ls="none", label="pointings")
        ax.set(xlim=limits[0], ylim=limits[1])
        plot_sources(ax, sources)
        ax.legend(loc="upper right", frameon=True, facecolor="#1c1030", edgecolor="none", labelcolor="white")
    return save(ax.figure, path)


def save_cube_figures(
    out: Path, images: CubeImages, significances: Mapping[str, np.ndarray], sources: Mapping[str, Any]
) -> dict[str, Path]:
    """Save maps, energy slices, parts of the model, residuals and spectrum; return the files by what they show.

    Parameters
    ----------
    out
        Folder.
    images
        Counts and predictions.
    significances
        What `gjax.plot.cube_maps.significance_images` gives.
    sources
        Positions to mark, by name.
    """
    from gjax.plot import cube_maps, save

    files = {"sky_maps": save(cube_maps.plot_sky_maps(images, significances, sources=sources), out / "sky_maps.png")}
    if images.counts.sum() > 0:
        files["slices"] = save(cube_maps.plot_slices(images, sources=sources), out / "slices.png")
    files["sources"] = save(cube_maps.plot_source_maps(images), out / "sources.png")
    residual = significances["residual"]
    if np.isfinite(residual).sum() > 1:
        image = images.geom.to_image()
        near = np.zeros(images.seen.shape, dtype=bool)
        for position in sources.values():
            near |= image.separation(position).to_value("deg") < NEAR
        ax = cube_maps.plot_residual_distribution(images, residual, near=near & np.isfinite(residual))
        files["residuals"] = save(ax.figure, out / "residuals.png")
    used = images.mask.any(axis=(1, 2)) if images.mask is not None else np.ones(len(images.counts), bool)
    title = f"{int(images.counts.sum())} counts in {int(images.seen.sum())} pixels and {int(used.sum())} energies"
    spectrum = cube_maps.plot_images_spectrum(images, title=title)
    files["counts_spectrum"] = save(spectrum, out / "counts_spectrum.png")
    return files

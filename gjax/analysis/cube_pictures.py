"""The pictures of a 3D analysis, from cubes on common pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gjax.analysis.cube_images import CubeImages, correlated_significance, energy_groups

__all__ = [
    "RADIUS",
    "cube_counts_figure",
    "cube_spectrum_figure",
    "residual_distribution_figure",
    "significance_images",
    "sky_maps_figure",
    "slices_figure",
    "sources_figure",
]

#: Radius of the discs in which significances are computed, and width of the smoothing of images [deg].
RADIUS = 0.1
SMOOTHING = 0.05


def cube_counts_figure(
    path: Path, images: CubeImages, exclusion: list[Any], pointings: Any, sources: Mapping[str, Any]
) -> Path:
    """Draw the counts with excluded regions, pointings, and the sources of the model."""
    from gjax.plot import new_axes, plot_image, plot_regions, plot_sources, save, style

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


def significance_images(images: CubeImages) -> dict[str, np.ndarray]:
    """Return images of significances in discs of `RADIUS`: of all counts above the background, and of residuals."""
    counts, radius = np.where(images.seen, images.counts.sum(axis=0), 0.0), RADIUS / images.pixel
    return {
        "significance": correlated_significance(counts, images.background.sum(axis=0), radius, images.seen),
        "residual": correlated_significance(counts, images.npred.sum(axis=0), radius, images.seen),
    }


def sky_maps_figure(
    path: Path, images: CubeImages, significances: Mapping[str, np.ndarray], sources: Mapping[str, Any]
) -> Path:
    """Draw counts, excess, significance above the background, prediction, residuals, and their significance."""
    from gjax.plot import plot_image_grid, save
    from gjax.plot.maps import image_norm

    def smooth(cube: np.ndarray) -> np.ndarray:
        return images.smoothed(images.image(cube), SMOOTHING)

    counts, model = smooth(images.counts), smooth(images.npred)
    shared = image_norm(np.stack([counts, model]), "sqrt")
    excess, residual = smooth(images.counts - images.background), smooth(images.counts - images.npred)
    disc = f"Significance in {RADIUS:g} deg"
    panels: list[dict[str, Any]] = [
        {"values": counts, "title": "Counts", "label": "Counts per pixel", "norm": shared},
        {"values": excess, "title": "Excess", "label": "Counts − background", "scale": "excess"},
        {
            "values": significances["significance"],
            "title": "Significance of the excess",
            "label": disc,
            "scale": "significance",
        },
        {"values": model, "title": "Model", "label": "Predicted counts per pixel", "norm": shared},
        {"values": residual, "title": "Residual", "label": "Counts − predicted", "scale": "symmetric"},
        {
            "values": significances["residual"],
            "title": "Significance of the residual",
            "label": disc,
            "scale": "significance",
        },
    ]
    return save(plot_image_grid(panels, images.geom.wcs, columns=3, sources=sources), path)


def residual_distribution_figure(path: Path, images: CubeImages, residual: np.ndarray, near: np.ndarray) -> Path:
    """Draw the distribution of residual significances with its Gaussian fit, and that of pixels near sources."""
    from gjax.plot import new_axes, plot_distribution, save

    others = {"within 0.3 deg of a source": residual[near]} if np.any(np.isfinite(residual[near])) else {}
    ax = plot_distribution(
        residual,
        others=others,
        label=f"{int(np.isfinite(residual).sum())} pixels",
        xlabel=f"Significance of residuals in discs of {RADIUS:g} deg",
        ax=new_axes(6.6, 4.6),
    )
    return save(ax.figure, path)


def sources_figure(path: Path, images: CubeImages, sources: Mapping[str, Any]) -> Path:
    """Draw the predicted counts of every source, and of the background."""
    from gjax.plot import plot_image_grid, save

    panels = [
        {
            "values": images.image(cube),
            "title": f"{name}: {np.sum(cube):.1f} counts",
            "label": "Predicted counts per pixel",
            "scale": "sqrt",
        }
        for name, cube in [*images.signals.items(), ("background", images.background)]
    ]
    return save(plot_image_grid(panels, images.geom.wcs, columns=min(3, len(panels))), path)


def slices_figure(path: Path, images: CubeImages, sources: Mapping[str, Any]) -> Path | None:
    """Draw counts, prediction and residual significance in slices of energy; None if there are no counts."""
    from gjax.plot import plot_image_grid, save
    from gjax.plot.maps import image_norm

    mask = np.ones(images.counts.shape, bool) if images.mask is None else images.mask
    groups = energy_groups(mask, images.counts)
    if not groups:
        return None
    edges = images.geom.axes["energy"].edges.to_value("TeV")
    npred, radius = images.npred, RADIUS / images.pixel
    panels: list[dict[str, Any]] = []
    for group in groups:
        seen = np.asarray(mask[group].any(axis=0))
        counts, model = (np.where(seen, cube[group].sum(axis=0), 0.0) for cube in (images.counts, npred))
        shown = [np.where(seen, images.smoothed(image, SMOOTHING), np.nan) for image in (counts, model)]
        norm = image_norm(np.stack(shown), "sqrt")
        text = f"{edges[group.start]:.3g} – {edges[group.stop]:.3g} TeV"
        sigma = correlated_significance(counts, model, radius, seen)
        panels += [
            {"values": shown[0], "title": f"Counts, {text}", "label": "Counts per pixel", "norm": norm},
            {"values": shown[1], "title": f"Model, {text}", "label": "Counts per pixel", "norm": norm},
            {
                "values": sigma,
                "title": f"Residual, {text}",
                "label": f"Significance in {RADIUS:g} deg",
                "scale": "significance",
            },
        ]
    return save(plot_image_grid(panels, images.geom.wcs, columns=3, sources=sources), path)


def cube_spectrum_figure(path: Path, images: CubeImages, title: str) -> Path:
    """Draw counts and predicted parts per energy, summed over pixels."""
    from gjax.plot import plot_cube_spectrum, save

    edges = images.geom.axes["energy"].edges.to_value("TeV")
    parts = {"background": images.background, **images.signals}
    sums = {name: cube.sum(axis=(1, 2)) for name, cube in parts.items()}
    return save(plot_cube_spectrum(edges, images.counts.sum(axis=(1, 2)), sums, title=title), path)

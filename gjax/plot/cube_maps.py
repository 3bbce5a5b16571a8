"""Pictures of cubes beside their prediction: maps, slices of energy, single sources, residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gjax.plot.cube_images import CubeImages, energy_groups
from gjax.plot.cubes import plot_cube_spectrum, plot_distribution
from gjax.plot.maps import image_norm, plot_image_grid
from gjax.plot.style import new_axes
from gjax.stats import correlated_significance

__all__ = [
    "plot_images_spectrum",
    "plot_residual_distribution",
    "plot_sky_maps",
    "plot_slices",
    "plot_source_maps",
    "significance_images",
]

#: Radius of the discs in which significances are computed, and width of the smoothing of images [deg].
RADIUS = 0.1
SMOOTHING = 0.05


def significance_images(images: CubeImages, radius: float = RADIUS) -> dict[str, np.ndarray]:
    """Return images of significances in discs: of all counts above the background, and of the residuals.

    Parameters
    ----------
    images
        Counts and predictions.
    radius
        Radius of the discs [deg].
    """
    counts, size = np.where(images.seen, images.counts.sum(axis=0), 0.0), radius / images.pixel
    return {
        "significance": correlated_significance(counts, images.background.sum(axis=0), size, images.seen),
        "residual": correlated_significance(counts, images.npred.sum(axis=0), size, images.seen),
    }


def plot_sky_maps(
    images: CubeImages,
    significances: Mapping[str, np.ndarray] | None = None,
    *,
    radius: float = RADIUS,
    smoothing: float = SMOOTHING,
    sources: Mapping[str, Any] | None = None,
    regions: Any = None,
    figure: Any = None,
) -> Any:
    """Draw counts, excess and its significance, and below, if there are sources, model, residual and significance.

    Parameters
    ----------
    images
        Counts and predictions.
    significances
        What `significance_images` gives; computed if None.
    radius, smoothing
        Radius of the discs of the significances, and width of the Gaussian for counts and excess [deg].
    sources
        Positions to mark, by name.
    regions
        Regions to outline.
    figure
        Figure to draw on; a new one if None.

    Returns
    -------
    figure
        The figure.
    """
    found = significance_images(images, radius) if significances is None else significances

    def smooth(cube: np.ndarray) -> np.ndarray:
        return images.smoothed(images.image(cube), smoothing)

    counts, model = smooth(images.counts), smooth(images.npred)
    shared = image_norm(np.stack([counts, model]), "sqrt")
    disc = f"Significance in {radius:g} deg"
    panels: list[dict[str, Any]] = [
        {"values": counts, "title": "Counts", "label": "Counts per pixel", "norm": shared},
        {
            "values": smooth(images.counts - images.background),
            "title": "Excess",
            "label": "Counts − background",
            "scale": "excess",
        },
        {
            "values": found["significance"],
            "title": "Significance of the excess",
            "label": disc,
            "scale": "significance",
        },
    ]
    if images.signals:
        panels += [
            {"values": model, "title": "Model", "label": "Predicted counts per pixel", "norm": shared},
            {
                "values": smooth(images.counts - images.npred),
                "title": "Residual",
                "label": "Counts − predicted",
                "scale": "symmetric",
            },
            {
                "values": found["residual"],
                "title": "Significance of the residual",
                "label": disc,
                "scale": "significance",
            },
        ]
    return plot_image_grid(panels, images.geom.wcs, columns=3, sources=sources, regions=regions, figure=figure)


def plot_residual_distribution(
    images: CubeImages,
    residual: np.ndarray | None = None,
    *,
    near: np.ndarray | None = None,
    radius: float = RADIUS,
    ax: Any = None,
) -> Any:
    """Draw the distribution of residual significances with its Gaussian fit, and that of some pixels.

    Parameters
    ----------
    images
        Counts and predictions.
    residual
        Image of significances; computed if None.
    near
        Pixels to outline, such as those within 0.3 deg of a source.
    radius
        Radius of the discs of the significances [deg].
    ax
        Axes; new ones if None.

    Raises
    ------
    ValueError
        If fewer than two pixels have a significance.
    """
    values = significance_images(images, radius)["residual"] if residual is None else residual
    others = {"within 0.3 deg of a source": values[near]} if near is not None and near.any() else {}
    return plot_distribution(
        values,
        others=others,
        label=f"{int(np.isfinite(values).sum())} pixels",
        xlabel=f"Significance of residuals in discs of {radius:g} deg",
        ax=new_axes(6.6, 4.6) if ax is None else ax,
    )


def plot_source_maps(images: CubeImages, *, figure: Any = None) -> Any:
    """Draw the predicted counts of every source, and of the background.

    Parameters
    ----------
    images
        Counts and predictions.
    figure
        Figure to draw on; a new one if None.
    """
    panels = [
        {
            "values": images.image(cube),
            "title": f"{name}: {np.sum(cube):.1f} counts",
            "label": "Predicted counts per pixel",
            "scale": "sqrt",
        }
        for name, cube in [*images.signals.items(), ("background", images.background)]
    ]
    return plot_image_grid(panels, images.geom.wcs, columns=min(3, len(panels)), figure=figure)


def plot_slices(
    images: CubeImages,
    *,
    number: int = 3,
    radius: float = RADIUS,
    smoothing: float = SMOOTHING,
    sources: Mapping[str, Any] | None = None,
    figure: Any = None,
) -> Any:
    """Draw counts, prediction and residual significance in slices of energy.

    Parameters
    ----------
    images
        Counts and predictions.
    number
        Number of slices at most.
    radius, smoothing, sources, figure
        See `plot_sky_maps`.

    Raises
    ------
    ValueError
        If there are no counts.
    """
    mask = np.ones(images.counts.shape, bool) if images.mask is None else images.mask
    groups = energy_groups(mask, images.counts, number)
    if not groups:
        raise ValueError("there are no counts to draw in slices of energy")
    edges = images.geom.axes["energy"].edges.to_value("TeV")
    npred, size = images.npred, radius / images.pixel
    panels: list[dict[str, Any]] = []
    for group in groups:
        seen = np.asarray(mask[group].any(axis=0))
        counts, model = (np.where(seen, cube[group].sum(axis=0), 0.0) for cube in (images.counts, npred))
        shown = [np.where(seen, images.smoothed(image, smoothing), np.nan) for image in (counts, model)]
        norm = image_norm(np.stack(shown), "sqrt")
        text = f"{edges[group.start]:.3g} – {edges[group.stop]:.3g} TeV"
        sigma = correlated_significance(counts, model, size, seen)
        panels += [
            {"values": shown[0], "title": f"Counts, {text}", "label": "Counts per pixel", "norm": norm},
            {"values": shown[1], "title": f"Model, {text}", "label": "Counts per pixel", "norm": norm},
            {
                "values": sigma,
                "title": f"Residual, {text}",
                "label": f"Significance in {radius:g} deg",
                "scale": "significance",
            },
        ]
    return plot_image_grid(panels, images.geom.wcs, columns=3, sources=sources, figure=figure)


def plot_images_spectrum(images: CubeImages, *, title: str = "", figure: Any = None) -> Any:
    """Draw counts and predicted parts per energy, summed over pixels.

    Parameters
    ----------
    images
        Counts and predictions.
    title
        Text above.
    figure
        Figure to draw on; a new one if None.
    """
    edges = images.geom.axes["energy"].edges.to_value("TeV")
    parts = {"background": images.background, **images.signals}
    sums = {name: cube.sum(axis=(1, 2)) for name, cube in parts.items()}
    return plot_cube_spectrum(edges, images.counts.sum(axis=(1, 2)), sums, title=title, figure=figure)

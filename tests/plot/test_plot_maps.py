"""Images of the sky: what is drawn, and what is refused."""

import re

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.maps import MapAxis, WcsNDMap
from gjax.plot import (
    new_axes,
    new_figure,
    plot_cube_spectrum,
    plot_distribution,
    plot_image,
    plot_image_grid,
    plot_map,
    plot_map_grid,
    plot_sources,
)
from gjax.plot.maps import MISSING, image_norm
from gjax.plot.sky import image_wcs

CRAB = SkyCoord(83.63, 22.01, unit="deg")
WCS, NPIX = image_wcs(CRAB, 2, 0.1)


def axes():
    return new_axes(projection=WCS)


@pytest.mark.parametrize(
    ("scale", "values", "limits"),
    [
        ("linear", [1.0, 3.0, np.nan], (1, 3)),
        ("linear", [2.0, 2.0], (0, 2)),
        ("linear", [-2.0], (-2, 0)),
        ("sqrt", [0.0, 0.0], (0, 1)),
        ("sqrt", [1.0, 9.0], (0, 9)),
        ("symmetric", [-4.0, 1.0], (-4, 4)),
        ("significance", [-1.0, 2.0], (-5, 5)),
        ("significance", [40.0], (-40, 40)),
        ("excess", [-1.0, 30.0], (-30, 30)),
        ("linear", [np.nan], (0, 1)),
    ],
)
def test_limits_of_scales(scale, values, limits):
    norm = image_norm(values, scale)
    assert (norm.vmin, norm.vmax) == limits
    middle = 0.5 if scale in ("symmetric", "significance", "excess") else 0.0
    assert norm(0.0 if middle else limits[0]) == pytest.approx(middle)


def test_unknown_scale_and_wrong_shapes():
    with pytest.raises(ValueError, match="scale is 'log', expected one of linear"):
        image_norm([1.0], "log")
    with pytest.raises(ValueError, match=r"got an array of shape \(2, 3, 4\)"):
        plot_image(np.zeros((2, 3, 4)), WCS)
    with pytest.raises(ValueError, match="no image"):
        plot_image_grid([], WCS)


def test_missing_pixels_are_grey():
    from matplotlib.colors import to_rgba

    image = np.ones((NPIX, NPIX))
    image[0, 0] = np.nan
    ax = plot_image(image, WCS, scale="significance", label="sigma", title="t", ax=axes())
    shown = ax.images[0]
    assert shown.get_array().mask.sum() == 1
    assert tuple(shown.cmap(np.ma.masked_invalid([np.nan]))[0]) == pytest.approx(to_rgba(MISSING))
    assert ax.get_title() == "t"
    assert shown.colorbar.ax.get_ylabel() == "sigma"


@pytest.mark.parametrize("scale", ["sqrt", "significance", "excess"])
@pytest.mark.parametrize("top", [0.003, 7.0, 4e5])
def test_colour_bars_have_ticks_inside(scale, top):
    values = np.linspace(0 if scale == "sqrt" else -0.1, 1, NPIX * NPIX).reshape(NPIX, NPIX) * top
    ax = plot_image(values, WCS, scale=scale, ax=axes())
    bar = ax.images[0].colorbar
    ticks = bar.get_ticks()
    assert len(ticks) >= 3
    assert bar.norm.vmin <= ticks[0] < ticks[-1] <= bar.norm.vmax * (1 + 1e-9)


def test_sources_outside_are_not_marked():
    ax = plot_image(np.ones((NPIX, NPIX)), WCS, ax=axes())
    limits = ax.get_xlim()
    plot_sources(ax, {"crab": CRAB, "far": SkyCoord(100, 22, unit="deg")})
    assert [text.get_text() for text in ax.texts] == ["crab"]
    assert ax.get_xlim() == limits
    x, y = ax.lines[0].get_data()
    assert (x[0], y[0]) == pytest.approx((NPIX / 2 - 0.5, NPIX / 2 - 0.5), abs=1e-6)


def test_grid_leaves_places_empty():
    panel = {"values": np.ones((NPIX, NPIX)), "title": "a"}
    figure = plot_image_grid([panel, None, panel], WCS, columns=2, sources={"crab": CRAB})
    assert [ax.get_title() for ax in figure.axes].count("a") == 2
    figure.canvas.draw()


def test_maps():
    energy = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2)
    cube = WcsNDMap.create(npix=(5, 5), binsz=0.5, proj="TAN", skydir=(0, 0), frame="galactic", axes=[energy])
    with pytest.raises(ValueError, match="the map holds 2 images"):
        plot_map(cube)
    figure = plot_map_grid(cube, columns=2, figure=new_figure())
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["1 – 10 TeV", "10 – 100 TeV"]
    image = cube.sum_over_axes(keepdims=False)
    ax = plot_map(image, ax=new_axes(projection=image.geom.wcs))
    assert ax.coords[0].get_axislabel() == "Galactic longitude [deg]"
    with pytest.raises(ValueError, match="one axis besides the sky, the map has 0"):
        plot_map_grid(image)


def test_distribution_is_fitted():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0.5, 1.5, 20000), [np.nan, 50.0]])
    ax = plot_distribution(values, others={"near": values[:50]}, ax=new_axes())
    labels = ax.get_legend_handles_labels()[1]
    found = re.fullmatch(r"Gaussian fit: mean (\S+), width (\S+)", labels[-1])
    assert [float(number) for number in found.groups()] == pytest.approx([0.5, 1.5], abs=0.03)
    assert "near" in labels
    fitted = ax.lines[-1].get_ydata()
    assert ax.lines[-1].get_xdata()[np.argmax(fitted)] == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="at least two finite values, got 1"):
        plot_distribution([1.0, np.nan])


def test_peek_of_a_dataset():
    from gjax.datasets import MapDataset
    from gjax.maps import WcsGeom

    energy = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=2)
    true = MapAxis.from_energy_bounds("0.5 TeV", "200 TeV", nbin=3, name="energy_true")
    geom = WcsGeom.create(npix=(4, 4), binsz=0.5, proj="TAN", skydir=(83.6, 22.0), axes=[energy])
    dataset = MapDataset.create(geom, energy_axis_true=true)
    mask = np.ones(geom.data_shape, dtype=bool)
    mask[:, 0, 0] = False
    dataset = dataset.copy(
        counts=dataset.counts.copy(data=np.full(geom.data_shape, 3.0)),
        background=dataset.background.copy(data=np.full(geom.data_shape, 1.0)),
        mask_safe=dataset.mask_safe.copy(data=mask),
    )
    figure = dataset.peek(figure=new_figure(9, 7))
    counts, excess = (ax.images[0].get_array() for ax in figure.axes if ax.get_title() in ("Counts", "Excess"))
    assert counts.mask.sum() == 1
    assert counts.sum() == 90
    assert excess.sum() == 60
    spectrum = next(ax for ax in figure.axes if ax.get_ylabel() == "Counts" and ax.get_xscale() == "log")
    assert [text.get_text() for text in spectrum.get_legend().get_texts()] == ["background", "counts"]
    bare = dataset.copy(background=None, exposure=None, psf=None, edisp=None).peek(figure=new_figure())
    assert [ax.get_title() for ax in bare.axes if ax.get_title()] == ["Counts"]


def test_spectrum_of_a_cube():
    parts = {"background": [90.0, 9.0], "crab": [10.0, 7.0]}
    figure = plot_cube_spectrum([1, 2, 4], [121, 0], parts, title="t")
    top, bottom = figure.axes
    assert {text.get_text() for text in top.get_legend().get_texts()} == {"counts", "predicted", "background", "crab"}
    residuals = bottom.lines[1].get_ydata()
    assert residuals == pytest.approx([2.1, -4.0])

"""Plots draw what they are given, refuse what does not fit, and leave matplotlib as it was."""

import astropy.units as u
import matplotlib as mpl
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from matplotlib import pyplot as plt
from regions import CircleSkyRegion, PointSkyRegion

from gjax import plot
from gjax.plot.sky import image_wcs
from gjax.plot.style import energy_ticks, unit_label


@pytest.fixture(autouse=True)
def _agg():
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


EDGES = np.geomspace(0.5, 20, 8)
CENTERS = np.sqrt(EDGES[1:] * EDGES[:-1])


def test_nothing_global_changes(tmp_path):
    before, figures = dict(mpl.rcParams), plt.get_fignums()
    ax = plot.plot_excess(EDGES, np.arange(7.0), np.ones(7), npred=np.arange(7.0), ax=plot.new_axes())
    plot.save(ax.figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == figures


def test_ax_none_makes_one_figure_and_ax_is_returned():
    ax = plot.plot_residuals(EDGES, np.zeros(7))
    assert plt.get_fignums() == [ax.figure.number]
    assert plot.plot_residuals(EDGES, np.zeros(7), ax=ax) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("function", [plot.plot_counts, plot.plot_residuals])
def test_wrong_lengths_are_refused(function):
    with pytest.raises(ValueError, match="got 3 values for 7 energy bins"):
        function(EDGES, np.zeros(3), ax=plot.new_axes())


def test_counts_with_zero_everywhere_can_be_saved(tmp_path):
    ax = plot.plot_counts(
        EDGES * u.TeV, np.zeros(7), np.zeros(7), npred=np.zeros(7), mask=np.zeros(7, bool), ax=plot.new_axes()
    )
    plot.save(ax.figure, tmp_path / "zero.png")


def test_mask_shades_runs_of_unused_bins():
    ax = plot.new_axes()
    plot.spectrum.shade_unsafe(ax, EDGES, [False, False, True, False, True, True, False])
    assert len(ax.patches) == 3
    assert ax.patches[0].get_x() == pytest.approx(EDGES[0])
    assert ax.patches[0].get_width() == pytest.approx(EDGES[2] - EDGES[0])


def test_energy_ticks_have_plain_labels():
    ax = plot.new_axes()
    energy_ticks(ax, limits=(0.1, 100))
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels() if label.get_text()][:4] != []
    assert ax.xaxis.get_major_formatter()(0.1) == "0.1"
    assert ax.xaxis.get_major_formatter()(10.0) == "10"
    assert "^{-4}" in ax.xaxis.get_major_formatter()(1e-4)


def test_unit_label():
    assert unit_label("Energy", "TeV") == "Energy [TeV]"
    assert unit_label("Index") == "Index"
    assert unit_label("Flux", "cm-2 s-1").count("^") == 2


def test_flux_points_limits_become_arrows(tmp_path):
    limit = np.array([False] * 5 + [True] * 2)
    values = np.full(7, 1e-12)
    values[-1] = np.nan
    ax = plot.plot_flux_points(
        CENTERS,
        EDGES[:-1],
        EDGES[1:],
        values,
        0.2 * np.ones(7) * 1e-12,
        upper_limits=2 * np.ones(7) * 1e-12,
        is_ul=limit,
        ax=plot.new_axes(),
    )
    points, arrows = ax.containers
    assert len(points.lines[0].get_xdata()) == 5
    assert arrows.lines[0] is None  # only bars and arrows, no marker at the limit
    with pytest.raises(ValueError, match="without upper_limits"):
        plot.plot_flux_points(CENTERS, EDGES[:-1], EDGES[1:], values, values, is_ul=limit, ax=plot.new_axes())
    plot.save(ax.figure, tmp_path / "points.png")


def test_sed_band_stays_positive():
    ax = plot.plot_sed([1, 10], [1e-12, 1e-12], [5e-12, 5e-12], ax=plot.new_axes())
    assert ax.collections[0].get_paths()[0].vertices[:, 1].min() > 0


def test_counts_map_counts_every_event_inside(tmp_path):
    center = SkyCoord(83.6, 22.0, unit="deg")
    rng = np.random.default_rng(1)
    events = SkyCoord(83.6 + rng.normal(0, 0.2, 500), 22 + rng.normal(0, 0.2, 500), unit="deg")
    wcs, npix = image_wcs(center, "4 deg", "0.05 deg")
    circle = CircleSkyRegion(center, 0.2 * u.deg)
    regions = {"on_region": circle, "off_regions": [circle | circle, None]}
    ax = plot.new_axes(projection=wcs)
    regions["exclusion_regions"] = [PointSkyRegion(center)]
    plot.plot_counts_map(events, center, width="4 deg", binsz="0.05 deg", smooth=0, ax=ax, **regions)
    image = np.asarray(ax.images[0].get_array()) ** 2
    assert image.shape == (npix, npix)
    assert image.sum() == pytest.approx(500)
    assert len(ax.patches) == 3
    plot.save(ax.figure, tmp_path / "map.png")


def test_corner_plot(tmp_path):
    rng = np.random.default_rng(2)
    samples = {
        "a.b.amplitude": rng.normal(4e-11, 1e-12, (2, 500)),
        "a.b.index": rng.normal(2, 0.1, 1000),
        "c": rng.normal(0, 1, 1000),
    }
    figure = plot.plot_corner(samples, units={"a.b.amplitude": "cm-2 s-1 TeV-1"}, best={"c": 0.0}, truths={"c": 0.1})
    assert len(figure.axes) == 6
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert any("10^{-11}" in label and "TeV^{-1}" in label for label in labels)
    plot.save(figure, tmp_path / "corner.png")
    with pytest.raises(ValueError, match="no samples"):
        plot.plot_corner({})
    with pytest.raises(ValueError, match="same number"):
        plot.plot_corner({"a": np.zeros(3), "b": np.zeros(4)})


def test_corner_plot_of_a_constant_and_of_few_samples(tmp_path):
    figure = plot.plot_corner({"a": np.ones(5), "b": np.arange(5.0)}, figure=plot.new_figure())
    plot.save(figure, tmp_path / "few.png")


def test_profile_and_contour():
    x = np.linspace(1, 3, 11)
    ax = plot.plot_profile(x, 5 + (x - 2) ** 2 / 0.01, best=2, name="index", ax=plot.new_axes())
    assert ax.lines[0].get_ydata().min() == 0
    with pytest.raises(ValueError, match="11 values and 2 statistics"):
        plot.plot_profile(x, [1, 2], ax=plot.new_axes())
    ax = plot.plot_contour([0, 1, 0], [0, 0, 1], label="68 %", best=(0.2, 0.2), ax=plot.new_axes())
    assert ax.lines[0].get_xdata()[0] == ax.lines[0].get_xdata()[-1]


def test_flat_spectrum_can_be_drawn():
    def flux(energy):
        return 1e-11 * u.Unit("cm-2 s-1 TeV-1") * energy.to_value("TeV") ** -2

    for power, text in ((0, "dN/dE"), (1, "E"), (2, "E^2"), (3, "E^3")):
        ax = plot.plot_spectrum(flux, ["1 TeV", "10 TeV"], energy_power=power, ax=plot.new_axes())
        assert text in ax.get_ylabel()
        ax.figure.canvas.draw()

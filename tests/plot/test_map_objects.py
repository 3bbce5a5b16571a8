"""Pictures of map objects: what they show, and what they refuse."""

import astropy.units as u
import matplotlib as mpl
import numpy as np
import pytest
from astropy.time import Time

from gjax.maps import HpxNDMap, LabelMapAxis, Map, MapAxis, RegionGeom, RegionNDMap, TimeMapAxis, WcsNDMap
from gjax.plot.map_objects import sky_axes
from gjax.plot.style import new_figure

mpl.use("Agg")
ENERGY = MapAxis.from_energy_bounds("10 GeV", "100 GeV", nbin=3).to_unit("keV")
REGION = "icrs;circle(83.63, 22.01, 0.5)"


@pytest.fixture(autouse=True)
def closed():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def cube():
    cube = WcsNDMap.create(npix=(20, 10), binsz=0.2, proj="TAN", skydir=(83.63, 22.01), axes=[ENERGY], unit="cm-2")
    return cube.copy(data=np.random.default_rng(0).uniform(size=cube.data.shape))


def draw(figure):
    figure.canvas.draw()
    return [text.get_text() for ax in figure.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label)]


class TestImages:
    def test_plot(self, cube):
        from gjax.maps.region_tools import make_region

        ax = cube.sum_over_axes().plot(regions=make_region(REGION), title="all energies")
        assert "all energies" in draw(ax.figure)
        np.testing.assert_array_equal(ax.images[0].get_array(), cube.data.sum(axis=0))
        assert len(ax.patches) == 1

    def test_many_images(self, cube):
        with pytest.raises(ValueError, match="3 images"):
            cube.plot()

    def test_whole_sky(self):
        for proj in ("AIT", "CAR"):
            ax = Map.create(binsz=10, proj=proj, frame="galactic", data=1.0).plot()
            draw(ax.figure)
            oval = type(ax.coords.frame).__name__ == "EllipticalFrame"
            assert oval == (proj == "AIT")

    def test_grid(self, cube):
        figure = cube.plot_grid()
        titles = [text for text in draw(figure) if "GeV" in text]
        assert titles == ["10 – 21.5 GeV", "21.5 – 46.4 GeV", "46.4 – 100 GeV"]

    def test_interactive(self, cube):
        sliders = cube.plot_interactive()
        figure = sliders["energy"].ax.figure
        for number in (2, 0, 1):
            sliders["energy"].set_val(number)
            draw(figure)
            shown = next(ax for ax in figure.axes if hasattr(ax, "wcs"))
            np.testing.assert_array_equal(shown.images[0].get_array(), cube.data[number])
        assert "21.5 – 46.4 GeV" in draw(figure)
        with pytest.raises(ValueError, match="without axes"):
            cube.sum_over_axes(keepdims=False).plot_interactive()

    def test_masks(self, cube):
        mask = cube.geom.to_image().region_mask(REGION)
        alone = mask.plot()
        np.testing.assert_array_equal(alone.images[0].get_array(), mask.data)
        ax = mask.plot_mask(cube.sum_over_axes().plot())
        draw(ax.figure)
        np.testing.assert_array_equal(ax.images[1].get_array()[..., 3] == 0, mask.data)
        with pytest.raises(ValueError, match="mask"):
            cube.sum_over_axes().plot_mask()


class TestHealpix:
    def test_plot(self):
        whole = HpxNDMap.create(nside=4, axes=[ENERGY], data=1.0)
        ax = whole.slice_by_idx({"energy": 0}).plot()
        draw(ax.figure)
        assert type(ax.coords.frame).__name__ == "EllipticalFrame"
        part = whole.cutout(whole.geom.center_skydir, 60)
        assert type(part.slice_by_idx({"energy": 0}).plot().coords.frame).__name__ != "EllipticalFrame"
        assert len([ax for ax in part.plot_grid().axes if hasattr(ax, "wcs")]) == 3
        part.plot_interactive(figure=new_figure(6, 6, layout=None))["energy"].set_val(1)


class TestRegions:
    def test_spectrum(self, cube):
        ax = cube.get_spectrum(REGION).plot()
        assert "Energy [GeV]" in draw(ax.figure)

    def test_other_axes(self):
        rad = MapAxis.from_bounds(0, 1, 5, name="rad", unit="deg")
        ax = RegionNDMap.create(None, axes=[rad, ENERGY], data=np.ones((3, 5, 1, 1))).plot()
        assert len(ax.patches) == 3
        assert "Radius [deg]" in draw(ax.figure)
        nodes = MapAxis.from_nodes([1, 10], name="energy_true", unit="TeV", interp="log")
        assert len(RegionNDMap.create(None, axes=[nodes], data=[1.0, 2.0]).plot().lines) == 1
        times = TimeMapAxis([0, 20] * u.h, [10, 30] * u.h, Time("2020-03-19", scale="utc"))
        draw(RegionNDMap.create(None, axes=[times], data=[1.0, 2.0]).plot().figure)
        labels = LabelMapAxis(["a", "b"], name="dataset")
        draw(RegionNDMap.create(None, axes=[labels], data=[1.0, 2.0]).plot().figure)
        with pytest.raises(ValueError, match="without axes"):
            RegionNDMap.create(None).plot()

    def test_outline(self, cube):
        geom = RegionGeom.create(REGION)
        draw(geom.plot_region().figure)
        ax = geom.plot_region(cube.sum_over_axes().plot())
        assert len(ax.patches) == 1
        RegionNDMap(geom).plot_region(ax)
        with pytest.raises(ValueError, match="no region"):
            RegionGeom.create(None).plot_region()


def test_axes_given(cube):
    ax = sky_axes(cube.geom, figure=new_figure())
    assert cube.sum_over_axes().plot(ax) is ax

"""Pictures of reduced responses and of map datasets beside their prediction: what is drawn in them."""

import astropy.units as u
import matplotlib as mpl
import numpy as np
import pytest

from gjax.datasets import MapDataset
from gjax.irf import EDispKernel, EDispKernelMap, EDispMap, PSFKernel, PSFMap, RecoPSFMap
from gjax.maps import Map, MapAxis, WcsGeom
from gjax.plot import new_axes, new_figure

mpl.use("Agg")
TRUE = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=6, name="energy_true")
ENERGY = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4)
IMAGE = WcsGeom.create(npix=(6, 5), binsz=0.5, proj="TAN", skydir=(83.6, 22.0))


@pytest.fixture(autouse=True)
def closed():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def labels(figure):
    figure.draw_without_rendering()
    return [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]


class TestPSF:
    @pytest.mark.parametrize(
        ("cls", "axis", "word"), [(PSFMap, TRUE, "True"), (RecoPSFMap, TRUE.copy(name="energy"), "Reconstructed")]
    )
    def test_peek(self, cls, axis, word):
        psf = cls.from_gauss(axis, sigma=np.linspace(0.05, 0.1, 6) * u.deg)
        figure = psf.peek(figure=new_figure(10, 4))
        assert labels(figure) == [
            (f"{word} energy [TeV]", "Containment radius [deg]"),
            ("Radius [deg]", "Density [$sr^{-1}$]"),
        ]
        small, large = figure.axes[0].lines
        assert small.get_ydata() == pytest.approx(np.linspace(0.05, 0.1, 6) * np.sqrt(-2 * np.log(0.32)), rel=0.01)
        assert large.get_ydata() == pytest.approx(np.linspace(0.05, 0.1, 6) * np.sqrt(-2 * np.log(0.05)), rel=0.01)
        rad, density = psf.radial_profile()
        curve = figure.axes[1].lines[0]
        assert curve.get_xdata() == pytest.approx(rad.value)
        assert np.nanmax(curve.get_ydata()) in density.max(axis=1)
        assert figure.axes[1].get_yscale() == "log"

    def test_on_the_sky(self):
        psf = PSFMap.from_gauss(TRUE, sigma="0.1 deg", geom=IMAGE)
        figure = psf.peek()
        figure.draw_without_rendering()
        shown = next(ax for ax in figure.axes if ax.images)
        assert np.asarray(shown.images[0].get_array()) == pytest.approx(np.full((5, 6), 0.151), rel=0.01)
        assert shown.get_title() == "at 14.7 TeV"

    def test_energies_are_chosen(self):
        ax = PSFMap.from_gauss(TRUE, sigma="0.1 deg").plot_psf_vs_rad(ax=new_axes(), energy=["2 TeV", "90 TeV"])
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["1.47 TeV", "68.1 TeV"]

    def test_what_cannot_be_drawn(self):
        psf = PSFMap.from_gauss(TRUE, sigma="0.1 deg")
        empty = psf.copy(psf_map=psf.psf_map * 0.0)
        with pytest.raises(ValueError, match="reaches none"):
            empty.plot_containment_radius(ax=new_axes())
        ax = empty.plot_psf_vs_rad(ax=new_axes())
        ax.figure.draw_without_rendering()
        assert ax.get_yscale() == "linear"

    def test_one_energy(self):
        one = TRUE.squash()
        figure = PSFMap.from_gauss(one, sigma="0.1 deg").peek(figure=new_figure(10, 4))
        assert labels(figure)[0][1] == "Containment radius [deg]"

    def test_kernel(self):
        geom = WcsGeom.create(binsz=0.05, npix=9, axes=[TRUE])
        kernel = PSFKernel.from_gauss(geom, "0.1 deg")
        figure = kernel.peek(figure=new_figure(14, 4))
        assert labels(figure)[-1][1] == "Fraction per pixel"
        drawn = [ax for ax in figure.axes if ax.images]
        assert [ax.get_title() for ax in drawn] == ["1.47 TeV", "14.7 TeV", "68.1 TeV"]
        np.testing.assert_array_equal(drawn[0].images[0].get_array(), kernel.data[0])
        half = 0.05 * kernel.data.shape[-1] / 2
        assert drawn[0].images[0].get_extent() == pytest.approx((half, -half, -half, half))
        curve = next(ax for ax in figure.axes if ax.lines).lines[0]
        assert curve.get_ydata()[-1] == pytest.approx(1.0)
        assert kernel.plot_kernel(energy="2 TeV").get_title() == "1.47 TeV"


class TestEnergyDispersion:
    def test_migration(self):
        migra = MapAxis.from_bounds(0.5, 1.5, nbin=50, name="migra")
        edisp = EDispMap.from_diagonal_response(TRUE, migra)
        figure = edisp.peek(figure=new_figure(15, 4), energy_axis=ENERGY)
        found = labels(figure)
        assert [found[i] for i in (0, 2)] == [
            (r"$E_{reco}\,/\,E_{true}$", "Probability density"),
            ("True energy [TeV]", "Reconstructed energy [TeV]"),
        ]
        curve = figure.axes[0].lines[0]
        assert abs(curve.get_xdata()[np.argmax(curve.get_ydata())] - 1.0) < 0.02
        assert figure.axes[0].get_xlim() == pytest.approx((0.98, 1.02))
        mesh = figure.axes[2].collections[0].get_array()
        assert mesh.shape == (4, 6)

    def test_matrix(self):
        edisp = EDispKernelMap.from_gauss(ENERGY, TRUE, sigma=0.2, bias=0.1)
        figure = edisp.peek(figure=new_figure(10, 4))
        figure.draw_without_rendering()
        matrix = EDispKernel.from_gauss(TRUE, ENERGY, 0.2, 0.1).pdf_matrix
        shown = figure.axes[1].collections[0].get_array()
        assert np.ma.filled(shown, 0.0) == pytest.approx(np.where(matrix < 1e-3 * matrix.max(), 0, matrix).T)


@pytest.fixture
def dataset():
    geom = WcsGeom.create(npix=(30, 20), binsz=0.1, proj="TAN", skydir=(83.6, 22.0), axes=[ENERGY])
    dataset = MapDataset.create(geom, energy_axis_true=TRUE, name="test")
    mask = np.ones(geom.data_shape, dtype=bool)
    mask[:, 0, :] = False
    background = np.full(geom.data_shape, 0.5)
    counts = np.random.default_rng(1).poisson(background).astype(float)
    counts[:, 10, 15] += 20
    return dataset.copy(
        counts=dataset.counts.copy(data=counts),
        background=dataset.background.copy(data=background),
        mask_safe=dataset.mask_safe.copy(data=mask),
    )


@pytest.fixture
def crab(dataset):
    data = np.zeros(dataset.data_shape)
    data[:, 10, 15] = 20.0
    return dataset.counts.copy(data=data)


def titles(figure):
    figure.draw_without_rendering()
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


class TestDatasets:
    def test_maps_without_prediction(self, dataset):
        figure = dataset.plot_sky_maps()
        assert titles(figure) == ["Counts", "Excess", "Significance of the excess"]
        shown = figure.axes[2].images[0].get_array() if figure.axes[2].images else figure.axes[4].images[0].get_array()
        assert shown.mask[0].all()

    def test_maps_with_prediction(self, dataset, crab):
        figure = dataset.plot_sky_maps({"crab": crab}, regions="icrs;circle(83.6, 22.0, 0.3)")
        assert titles(figure)[3:] == ["Model", "Residual", "Significance of the residual"]
        by_title = {ax.get_title(): ax for ax in figure.axes}
        excess, residual = (
            by_title[f"Significance of the {name}"].images[0].get_array() for name in ("excess", "residual")
        )
        assert excess.max() > 15
        assert abs(residual[10, 15]) < 4
        assert all(len(ax.patches) == 1 for title, ax in by_title.items() if title)

    def test_total_is_the_same_as_parts(self, dataset, crab):
        parts = dataset.plot_residual_distribution({"crab": crab}, ax=new_axes())
        total = dataset.plot_residual_distribution(dataset.background + crab, ax=new_axes())
        assert [t.get_text() for t in parts.get_legend().get_texts()] == [
            t.get_text() for t in total.get_legend().get_texts()
        ]
        assert "Gaussian fit" in parts.get_legend().get_texts()[-1].get_text()
        assert "570 pixels" in parts.get_legend().get_texts()[0].get_text()

    def test_slices_and_sources(self, dataset, crab):
        slices = titles(dataset.plot_slices({"crab": crab}, number=2))
        assert slices[:3] == [f"{name}, 1 – 10 TeV" for name in ("Counts", "Model", "Residual")]
        assert len(slices) == 6
        assert titles(dataset.plot_sources({"crab": crab})) == ["crab: 80.0 counts", "background: 1140.0 counts"]

    def test_spectrum(self, dataset, crab):
        figure = dataset.plot_spectrum({"crab": crab}, title="fit")
        assert titles(figure) == ["fit"]
        steps = {patch.get_label(): patch for patch in figure.axes[0].patches}
        assert steps["crab"].get_data().values == pytest.approx(np.full(4, 20.0))
        assert steps["predicted"].get_data().values == pytest.approx(np.full(4, 305.0))

    def test_peek_shows_the_responses(self, dataset):
        psf = PSFMap.from_gauss(TRUE, sigma="0.1 deg")
        edisp = EDispKernelMap.from_diagonal_response(ENERGY, TRUE)
        found = labels(dataset.copy(psf=psf, edisp=edisp).peek())
        assert ("True energy [TeV]", "Containment radius [deg]") in found
        assert ("True energy [TeV]", "Reconstructed energy [TeV]") in found

    def test_nothing_to_draw(self, dataset):
        zero = dataset.copy(counts=dataset.counts * 0.0, background=dataset.background * 0.0)
        assert titles(zero.plot_sky_maps())[0] == "Counts"
        with pytest.raises(ValueError, match="no counts"):
            zero.plot_slices({})
        with pytest.raises(ValueError, match="two finite values"):
            zero.plot_residual_distribution({}, ax=new_axes())
        with pytest.raises(ValueError, match="need counts and background"):
            dataset.copy(background=None).plot_sky_maps()

    def test_wrong_prediction(self, dataset):
        with pytest.raises(ValueError, match="npred: shape"):
            dataset.plot_slices(np.zeros((2, 3)))


class TestImages:
    @pytest.mark.parametrize("value", [np.nan, 0.0, 3.0, -3.0, np.inf])
    @pytest.mark.parametrize("npix", [1, 4])
    def test_one_value(self, value, npix):
        ax = Map.create(npix=npix, binsz=1, data=np.full((npix, npix), value)).plot(scale="sqrt")
        ax.figure.draw_without_rendering()
        assert ax.images[0].get_array().mask.all() == (not np.isfinite(value))
        assert ax.images[0].norm.vmax >= 1.0

    def test_colour_bar_is_as_high_as_the_image(self):
        cube = Map.create(npix=(40, 10), binsz=0.5, axes=[ENERGY], unit="m2 s")
        figure = (cube + 1e9 * u.Unit("m2 s")).plot_grid(columns=2)
        figure.draw_without_rendering()
        image = figure.axes[0]
        bar = image.images[0].colorbar
        assert bar.ax.get_position().height == pytest.approx(image.get_position().height)
        assert bar.ax.get_ylabel() == r"$m^{2}\,s$"

    def test_masks_have_no_colour_bar(self):
        mask = Map.create(npix=4, binsz=1, axes=[ENERGY]) > -1
        figure = mask.plot_grid()
        assert len(figure.axes) == 4
        assert figure.axes[0].images[0].get_cmap().name == "Greys_r"

    def test_not_a_region(self):
        with pytest.raises(ValueError, match="not a region"):
            Map.create(npix=4, binsz=1).plot(regions="nonsense(")


@pytest.mark.data
def test_real_responses(gammapy_data):
    folder = gammapy_data / "fermi-3fhl-gc"
    psf = PSFMap.read(folder / "fermi-3fhl-gc-psf-cube.fits.gz", format="gtpsf")
    figure = psf.peek(figure=new_figure(10, 4))
    assert labels(figure)[0] == ("True energy [TeV]", "Containment radius [deg]")
    small = figure.axes[0].lines[0].get_ydata()
    assert small[0] == pytest.approx(0.157, abs=0.01)
    assert figure.axes[1].get_xlim()[1] < 2.0

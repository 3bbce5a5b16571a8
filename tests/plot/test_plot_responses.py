"""Responses can be drawn whole, also where they are zero."""

import numpy as np
import pytest

from gjax import plot
from gjax.irf import PSF3D, RadMax2D, load_irf_dict_from_file
from gjax.maps import MapAxis
from gjax.simulate import demo_array


@pytest.mark.parametrize(
    ("name", "function", "panels"),
    [
        ("aeff", plot.peek_effective_area, 2),
        ("edisp", plot.peek_energy_dispersion, 3),
        ("psf", plot.peek_psf, 2),
        ("bkg", plot.peek_background, 2),
    ],
)
def test_peek_of_the_demo_array(tmp_path, name, function, panels):
    figure = function(demo_array()[name], figure=plot.new_figure(5 * panels, 4))
    titled = [ax for ax in figure.axes if ax.get_xlabel()]
    assert len(titled) == panels
    assert all(ax.get_ylabel() for ax in titled)
    plot.save(figure, tmp_path / "peek.png", dpi=50)


def test_background_in_field_of_view_coordinates(tmp_path):
    figure = plot.peek_background(demo_array()["bkg"].to_3d(), figure=plot.new_figure(10, 4))
    plot.save(figure, tmp_path / "bkg3.png", dpi=50)


def test_directional_cut():
    energy = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4, name="energy")
    offset = MapAxis.from_edges([0, 1, 2], unit="deg", name="offset")
    ax = plot.plot_rad_max(RadMax2D([energy, offset], 0.1, "deg"), ax=plot.new_axes())
    assert np.allclose(ax.lines[0].get_ydata(), 0.1)


@pytest.mark.data
def test_peek_of_real_responses(tmp_path, gammapy_data):
    irfs = load_irf_dict_from_file(gammapy_data / "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_023523.fits.gz")
    assert isinstance(irfs["psf"], PSF3D)
    for name, function in (
        ("aeff", plot.peek_effective_area),
        ("edisp", plot.peek_energy_dispersion),
        ("psf", plot.peek_psf),
    ):
        plot.save(function(irfs[name], figure=plot.new_figure(12, 4)), tmp_path / f"{name}.png", dpi=50)

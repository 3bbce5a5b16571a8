"""Errors of spectra and positions from covariances, their plots, and models told in tables."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.maps import WcsGeom
from gjax.models import (
    ConstantSpatialModel,
    ConstantTemporalModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    position_ellipse,
)
from gjax.parameters import Parameter

COVARIANCE = np.array([[0.01, 2e-14, 0.0], [2e-14, 1e-25, 0.0], [0.0, 0.0, 0.0]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def spectrum():
    return PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1")


def test_errors_of_a_power_law_are_those_of_the_formulas(spectrum):
    errors = spectrum.errors(COVARIANCE)
    energy = np.array([0.2, 1.0, 5.0])
    value, error = errors.dnde(energy)
    slope = np.array([-np.log(energy), np.full(3, 1e12)])
    expected = np.sqrt(np.einsum("ik,ij,jk->k", slope, COVARIANCE[:2, :2], slope))
    np.testing.assert_allclose(value.value, 1e-12 * energy**-2, rtol=1e-5)
    np.testing.assert_allclose(error / value, expected, rtol=1e-4)
    index, width = errors.spectral_index(energy)
    np.testing.assert_allclose(index, 2.0, rtol=1e-5)
    np.testing.assert_allclose(width, 0.1, rtol=1e-4)


def test_errors_of_fluxes_add_up_coherently(spectrum):
    only_amplitude = np.diag([0.0, 1e-26, 0.0])
    for method, unit in (("flux", "cm-2 s-1"), ("energy_flux", "TeV cm-2 s-1")):
        value, error = getattr(spectrum.errors(only_amplitude), method)("1 TeV", "10 TeV")
        assert value.unit.is_equivalent(unit)
        np.testing.assert_allclose((error / value).value, 0.1, rtol=1e-4)
    np.testing.assert_allclose(value.value, 1e-12 * np.log(10), rtol=1e-4)


def test_without_a_covariance_the_errors_of_the_parameters_count(spectrum):
    model = PowerLawSpectralModel(index=Parameter(2.0, error=0.1), amplitude="1e-12 cm-2 s-1 TeV-1")
    value, error = model.errors().dnde("10 TeV")
    np.testing.assert_allclose((error / value).value, 0.1 * np.log(10), rtol=1e-4)
    with pytest.raises(ValueError, match="no parameter has an error, of index"):
        spectrum.errors()
    with pytest.raises(ValueError, match="expected 3 by 3 numbers, of index, amplitude, reference"):
        spectrum.errors(np.eye(2))


def test_models_know_the_covariance_between_sources(spectrum):
    norm = SkyModel(spectrum * PowerLawNormSpectralModel(norm=Parameter(1.0, error=0.5)), name="far")
    models = Models([SkyModel(spectrum, name="near"), norm])
    matrix = np.zeros((models.parameter_table.size,) * 2)
    matrix[:3, :3] = COVARIANCE
    correlated = Models(models, covariance=matrix)
    # the spectrum is shared: its covariance acts on both, and errors outside of the matrix do not
    near, far = (correlated.errors(name).dnde([0.3, 3.0])[1].value for name in ("near", "far"))
    np.testing.assert_allclose(near, spectrum.errors(COVARIANCE).dnde([0.3, 3.0])[1].value, rtol=1e-5)
    np.testing.assert_allclose(far, near, rtol=1e-5)
    alone = models.errors("far").dnde(1.0)
    np.testing.assert_allclose((alone[1] / alone[0]).value, 0.5, rtol=1e-4)
    with pytest.raises(KeyError, match="near"):
        models.errors("nowhere")


@pytest.mark.parametrize("sed_type", ["e2dnde", "flux"])
def test_plots_with_bands(spectrum, sed_type):
    ax = spectrum.plot_error(["0.1 TeV", "10 TeV"], covariance=COVARIANCE, sed_type=sed_type, n_points=5)
    (band,) = ax.collections
    (line,) = ax.lines
    low, high = band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max()
    assert low < line.get_ydata().min()
    assert high > line.get_ydata().max()
    source = SkyModel(spectrum, name="source")
    ends, options = ["0.1 TeV", "10 TeV"], {"sed_type": sed_type, "n_points": 5}
    assert len(source.plot_error(ends, ax, covariance=COVARIANCE, **options).lines) == 2
    models = Models(source, covariance=COVARIANCE)
    assert models.plot_error("source", ends, ax, **options).lines[-1].get_label() == "source"


def test_the_ellipse_of_a_position():
    position = SkyCoord(10.0, 60.0, unit="deg")
    round_one = position_ellipse(position, np.diag([4e-4, 1e-4]))  # 0.02 deg of longitude are 0.01 deg on the sky
    np.testing.assert_allclose([round_one.width.value, round_one.height.value], 0.02, rtol=1e-9)
    tilted = position_ellipse(position, [[4e-4, 1e-4], [1e-4, 1e-4]], n_sigma=2)
    assert tilted.height > round_one.height
    assert 0 < tilted.angle.to_value("deg") % 180 < 90
    with pytest.raises(ValueError, match="no covariance"):
        position_ellipse(position, np.diag([np.nan, 1.0]))


def test_plots_of_shapes_and_their_positions():
    lon, lat = Parameter("83.6 deg", error=0.01), Parameter("22 deg", error=0.02)
    shape = GaussianSpatialModel(lon, lat, sigma="0.1 deg")
    geom = WcsGeom.create(skydir=(83.6, 22.0), npix=20, binsz=0.05, proj="TAN")
    ax = shape.plot(geom=geom)
    drawn = np.asarray(ax.images[0].get_array(), float)
    assert drawn.shape == (20, 20)
    assert drawn.max() == drawn[9:11, 9:11].max() > 0
    assert len(shape.plot_error(ax).collections) == 1
    assert shape.plot_error().collections
    sky = WcsGeom.create(binsz=20, proj="AIT")
    assert np.ma.getmaskarray(ConstantSpatialModel().plot(geom=sky).images[0].get_array())[0, 0]
    assert shape.position_error(n_sigma=2).height.to_value("deg") == pytest.approx(0.08)
    with pytest.raises(ValueError, match="has no position"):
        ConstantSpatialModel().plot_error()
    with pytest.raises(ValueError, match="no covariance"):
        PointSpatialModel("83.6 deg", "22 deg").plot_error()


def test_tables_tell_of_models(spectrum):
    source = SkyModel(spectrum, GaussianSpatialModel(sigma="0.1 deg"), name="s", temporal_model=ConstantTemporalModel())
    table = Models([source, FoVBackgroundModel("run")]).info()
    assert table["name"].tolist() == ["s", "run-bkg"]
    assert table["datasets"].tolist() == ["all", "run"]
    assert [table[k][0] for k in ("spectral", "spatial", "temporal")] == ["pl", "gauss", "const"]
    assert table["free"].tolist() == [int(np.sum(~np.array(source.info()["frozen"]))), 1]
    assert source.info()["name"][0] == "spectral.index"
    assert source.info().meta["type"] == "SkyModel"
    for part in (spectrum, source.spatial_model, source.temporal_model):
        assert len(part.info()) == len(part.parameters)
    assert len(Models().info()) == 0

"""Flux points as data, and a model that a user wrote, from the fit to the file."""

import astropy.units as u
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_ndtr

from gjax.datasets import FluxPoints, FluxPointsDataset
from gjax.freeze import Likelihood
from gjax.models import AbstractSpectralModel, InstrumentModel, Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter, parameter

UNIT = u.Unit("cm-2 s-1 TeV-1")


class BumpSpectralModel(AbstractSpectralModel):
    """A power law with a Gaussian bump in the logarithm of energy."""

    tag = "test-bump"
    amplitude: Parameter = parameter(1e-12, "TeV-1 s-1 cm-2")
    index: Parameter = parameter(2.0)
    height: Parameter = parameter(0.0)
    centre: Parameter = parameter("3 TeV", "TeV", frozen=True)

    def evaluate(self, energy):
        bump = 1 + self.height * jnp.exp(-0.5 * (jnp.log(energy / self.centre) / 0.3) ** 2)
        return self.amplitude * energy**-self.index * bump


def test_a_model_of_ten_lines_fits_and_is_written_and_read(simulate_on_off, tmp_path):
    dataset = simulate_on_off("asimov", asimov=True)
    models = Models(SkyModel(BumpSpectralModel(amplitude=1e-11, index=2.0, height=0.3), name="crab"))
    fit = Likelihood(dataset, models).fit()
    assert fit.success
    # integrals by quadrature, where the simulation has closed forms
    assert fit["amplitude"][0] == pytest.approx(3e-11, rel=1e-4, abs=0)
    assert fit["index"][0] == pytest.approx(2.3, abs=1e-4)
    assert fit["height"][0] == pytest.approx(0.0, abs=1e-4)
    fit.models.write(tmp_path / "bump.yaml")
    back = Models.read(tmp_path / "bump.yaml")
    assert isinstance(back["crab"].spectral_model, BumpSpectralModel)
    assert Likelihood(dataset, back).stat_sum() == pytest.approx(fit.total_stat, abs=1e-9)
    plain = PowerLawSpectralModel(index=2.3, amplitude=3e-11)
    ours = fit.models["crab"].spectral_model.integral("1 TeV", "10 TeV").value
    assert ours == pytest.approx(plain.integral("1 TeV", "10 TeV").value, rel=1e-4, abs=0)


@pytest.fixture
def points():
    return {
        "e_ref": np.array([1.0, 2.0, 4.0, 8.0]) * u.TeV,
        "dnde": np.array([2e-11, 6e-12, 1e-12, np.nan]) * UNIT,
        "dnde_err": np.array([2e-12, 5e-13, 3e-13, np.nan]) * UNIT,
        "dnde_errn": np.array([1.9e-12, 4e-13, 2e-13, np.nan]) * UNIT,
        "dnde_errp": np.array([2.1e-12, 6e-13, 4e-13, np.nan]) * UNIT,
        "dnde_ul": np.array([np.nan, np.nan, np.nan, 3e-13]) * UNIT,
    }


def likelihood_of(points, stat_type, extra=()):
    dataset = FluxPointsDataset(FluxPoints.from_arrays(**points), stat_type=stat_type, name="points")
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude=2e-11), name="crab")
    return Likelihood(dataset, [model, *extra])


def test_chi_square_of_symmetric_errors_leaves_limits_out(points):
    likelihood = likelihood_of(points, "chi2")
    assert likelihood.n_bins == 3
    flux = 2e-11 * np.array([1.0, 2.0, 4.0]) ** -2.0
    expected = (((flux - points["dnde"].value[:3]) / points["dnde_err"].value[:3]) ** 2).sum()
    assert likelihood.stat_sum() == pytest.approx(expected, rel=1e-10)
    fit = likelihood.fit()
    assert fit.success
    assert fit.total_stat < expected
    np.testing.assert_allclose(likelihood.npred()["points"][:3], flux, rtol=1e-12)


def test_asymmetric_errors_and_limits(points):
    likelihood = likelihood_of(points, "distrib")
    assert likelihood.n_bins == 4
    flux = 2e-11 * np.array([1.0, 2.0, 4.0, 8.0]) ** -2.0
    value = points["dnde"].value[:3]
    error = np.where(flux[:3] >= value, points["dnde_errp"].value[:3], points["dnde_errn"].value[:3])
    limit = 3e-13
    censored = -2 * (log_ndtr(np.sqrt(2) * (limit - flux[3]) / limit) - log_ndtr(np.sqrt(2)))
    expected = (((flux[:3] - value) / error) ** 2).sum() + censored
    assert likelihood.stat_sum() == pytest.approx(expected, rel=1e-10)
    with_limit = likelihood.fit()
    without = likelihood_of({key: values[:3] for key, values in points.items()}, "distrib").fit()
    assert with_limit.success
    assert with_limit.dnde("crab", "8 TeV")[0] < without.dnde("crab", "8 TeV")[0]


def test_the_energy_scale_stretches_flux_points(points):
    instrument = InstrumentModel("hess", energy_scale=Parameter(0.1), exposure_norm=Parameter(1.2))
    flux = likelihood_of(points, "chi2", [instrument]).npred()["points"][:3]
    energy = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(flux, 1.2 / 1.1 * 2e-11 * (energy / 1.1) ** -2.0, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_padding_of_points_changes_nothing(points, size):
    energy = np.geomspace(1, 10, size)
    many = {
        "e_ref": energy * u.TeV,
        "dnde": 2.1e-11 * energy**-2.0 * UNIT,
        "dnde_err": 2e-12 * energy**-2.0 * UNIT,
    }
    assert likelihood_of(many, "chi2").stat_sum() == pytest.approx(size * 0.25, rel=1e-9)

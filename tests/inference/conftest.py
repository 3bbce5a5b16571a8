"""Likelihoods shared by the tests of inference: one shape, so that programs are compiled once."""

import pytest

from gjax.freeze import Likelihood
from gjax.models import Models, PowerLawSpectralModel, SkyModel


@pytest.fixture(scope="session")
def crab():
    """A power law far from the truth, with the free parameters index and amplitude."""
    model = PowerLawSpectralModel(index=2.0, amplitude="1e-11 cm-2 s-1 TeV-1")
    return Models(SkyModel(model, name="crab"))


@pytest.fixture(scope="session")
def likelihood(simulate_on_off, crab):
    """Bright source: 500 counts."""
    return Likelihood(simulate_on_off("bright", seed=3), crab)


@pytest.fixture(scope="session")
def faint(simulate_on_off, crab):
    """Faint source: a dozen counts, and errors that differ up and down."""
    return Likelihood(simulate_on_off("faint", seed=5, amplitude=8e-13, background=20.0), crab)


@pytest.fixture(scope="session")
def result(likelihood):
    return likelihood.fit()


@pytest.fixture(scope="session")
def faint_result(faint):
    return faint.fit()


@pytest.fixture(scope="session")
def proper(likelihood):
    """The bright source with proper priors."""
    from gjax.parameters import GaussianPrior, UniformPrior

    return likelihood.with_priors({"index": GaussianPrior(2.2, 0.5), "amplitude": UniformPrior(0, 2e-10)})


@pytest.fixture(scope="session")
def proper_result(proper):
    return proper.fit()


@pytest.fixture(scope="session")
def linear():
    """Two amplitudes of known shapes and four flux points, with Gaussian priors: chains are cheap."""
    import astropy.units as u
    import numpy as np

    from gjax.datasets import FluxPoints, FluxPointsDataset
    from gjax.parameters import GaussianPrior, Parameter

    energy = np.array([1.0, 2.0, 4.0, 8.0])
    flux = 2e-11 * energy**-2.0 + 1e-11 * energy**-3.0
    error = 0.1 * flux
    flux = np.random.default_rng(3).normal(flux, error)
    unit = u.Unit("cm-2 s-1 TeV-1")
    points = FluxPoints.from_arrays(e_ref=energy * u.TeV, dnde=flux * unit, dnde_err=error * unit)

    def source(name, index):
        amplitude = Parameter(1.5e-11, "TeV-1 s-1 cm-2", prior=GaussianPrior(1.5e-11, 1e-11))
        return SkyModel(PowerLawSpectralModel(index=Parameter(index, frozen=True), amplitude=amplitude), name=name)

    return Likelihood(FluxPointsDataset(points, name="points"), Models([source("hard", 2.0), source("soft", 3.0)]))


@pytest.fixture(scope="session")
def linear_result(linear):
    return linear.fit()

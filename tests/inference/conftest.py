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

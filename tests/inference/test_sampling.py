"""Posteriors: exact moments of toys, bounds, priors, convergence checks, interruption."""

import astropy.units as u
import jax
import numpy as np
import pytest
from scipy import stats

from gjax.datasets import FluxPoints, FluxPointsDataset
from gjax.errors import FitError
from gjax.freeze import Likelihood, _sampling
from gjax.freeze._posterior import Posterior
from gjax.inference import make_sampler
from gjax.models import Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import (
    GaussianPrior,
    GeneralizedGaussianPrior,
    LogNormalPrior,
    LogUniformPrior,
    Parameter,
    UniformPrior,
)

UNIT = "TeV-1 s-1 cm-2"
OPTIONS = {"n_samples": 600, "n_warmup": 200, "n_chains": 4, "progress": False}


@pytest.fixture(scope="module")
def points():
    """Four flux points with Gaussian errors: linear in the amplitude of each source."""
    energy = np.array([1.0, 2.0, 4.0, 8.0])
    flux = 2e-11 * energy**-2.0 + 1e-11 * energy**-3.0
    rng = np.random.default_rng(3)
    error = 0.1 * flux
    unit = u.Unit("cm-2 s-1 TeV-1")
    flux = rng.normal(flux, error)
    return FluxPointsDataset(
        FluxPoints.from_arrays(e_ref=energy * u.TeV, dnde=flux * unit, dnde_err=error * unit), name="points"
    )


def models(first, second):
    def source(name, index, prior):
        amplitude = Parameter(1.5e-11, UNIT, prior=prior)
        return SkyModel(PowerLawSpectralModel(index=Parameter(index, frozen=True), amplitude=amplitude), name=name)

    return Models([source("hard", 2.0, first), source("soft", 3.0, second)])


def exact(points, means, sigmas):
    """Mean and covariance of the posterior of a linear model with Gaussian priors."""
    data = points.arrays()
    design = np.stack([data["e_ref"] ** -2.0, data["e_ref"] ** -3.0], axis=1) / data["dnde_err"][:, None]
    information = design.T @ design + np.diag(np.array(sigmas) ** -2.0)
    covariance = np.linalg.inv(information)
    mean = covariance @ (design.T @ (data["dnde"] / data["dnde_err"]) + np.array(means) / np.array(sigmas) ** 2)
    return mean, covariance


def test_moments_of_a_gaussian_posterior(points):
    means, sigmas = (2e-11, 1e-11), (5e-12, 5e-12)
    likelihood = Likelihood(points, models(*(GaussianPrior(m, s) for m, s in zip(means, sigmas))))
    mean, covariance = exact(points, means, sigmas)
    fit = likelihood.fit()
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-6)
    posterior = likelihood.sample(jax.random.key(1), result=fit, **OPTIONS)
    assert posterior.converged, posterior.message
    assert posterior.divergences == 0
    draws = np.stack([posterior.flat(name) for name in ("hard.spectral.amplitude", "soft.spectral.amplitude")])
    sigma = np.sqrt(np.diag(covariance))
    size = min(posterior.summary()["ess_bulk"])
    assert (np.abs(draws.mean(axis=1) - mean) < 4 * sigma / np.sqrt(size)).all()
    assert (np.abs(draws.std(axis=1) / sigma - 1) < 4 / np.sqrt(2 * size)).all()
    correlation = covariance[0, 1] / sigma.prod()
    assert np.corrcoef(draws)[0, 1] == pytest.approx(correlation, abs=4 * (1 - correlation**2) / np.sqrt(size))
    assert "Posterior converged" in repr(posterior)
    again = likelihood.sample(jax.random.key(1), result=fit, **OPTIONS)
    np.testing.assert_array_equal(again.flat("soft.spectral.amplitude"), posterior.flat("soft.spectral.amplitude"))


def conditional(points, value):
    """Mean and width of the amplitude of the soft source where the hard one is known."""
    data = points.arrays()
    shape = data["e_ref"] ** -3.0 / data["dnde_err"]
    rest = (data["dnde"] - value * data["e_ref"] ** -2.0) / data["dnde_err"]
    return shape @ rest / (shape @ shape), (shape @ shape) ** -0.5


KNOWN = GaussianPrior(2e-11, 1e-16)


def bounded(points, prior):
    mean, sigma = conditional(points, 2e-11)
    return mean, sigma, Likelihood(points, models(KNOWN, prior(mean, sigma)))


def check(posterior, density, low, high):
    grid = np.linspace(low, high, 20001)
    weight = density(grid)
    weight /= weight.sum()
    mean = (weight * grid).sum()
    std = np.sqrt((weight * (grid - mean) ** 2).sum())
    draws = posterior.flat("soft.spectral.amplitude")
    row = next(row for row in posterior.summary() if row["name"] == "soft.spectral.amplitude")
    assert draws.min() >= low
    assert draws.max() <= high
    assert abs(draws.mean() - mean) < 4.5 * std / np.sqrt(row["ess_bulk"])
    assert draws.std() == pytest.approx(std, rel=0.12, abs=0)
    median = grid[np.searchsorted(np.cumsum(weight), 0.5)]
    assert abs(np.median(draws) - median) < 6 * std / np.sqrt(row["ess_bulk"])


@pytest.mark.parametrize("cut", [-0.5, 0.0, 1.0])
def test_a_uniform_prior_cuts_the_posterior(points, cut):
    """The upper end lies below the optimum, at it, and above."""
    mean, sigma, likelihood = bounded(points, lambda m, s: UniformPrior(m - 6 * s, m + cut * s))
    posterior = likelihood.sample(jax.random.key(2), **OPTIONS)
    check(posterior, stats.norm(mean, sigma).pdf, mean - 6 * sigma, mean + cut * sigma)


@pytest.mark.parametrize(
    ("prior", "log_density"),
    [
        (lambda m, s: LogUniformPrior(m - 3 * s, m + 3 * s), lambda v, m, s: -np.log(v)),
        (lambda m, s: LogNormalPrior(np.log(m), 0.2), lambda v, m, s: -0.5 * (np.log(v / m) / 0.2) ** 2 - np.log(v)),
        (
            lambda m, s: GeneralizedGaussianPrior(m + s, s, 0.25),
            lambda v, m, s: -(((v - m - s) / (np.sqrt(2) * s)) ** 4),
        ),
    ],
    ids=["loguniform", "lognormal", "generalized"],
)
def test_other_priors(points, prior, log_density):
    mean, sigma, likelihood = bounded(points, prior)
    posterior = likelihood.sample(jax.random.key(3), **OPTIONS)
    low, high = (max(mean - 3 * sigma, 1e-15), mean + 3 * sigma)
    if (
        "LogUniform"
        not in type(likelihood.table.priors[likelihood.table.names.index("soft.spectral.amplitude")]).__name__
    ):
        low, high = max(mean - 8 * sigma, 1e-15), mean + 8 * sigma

    def density(v):
        logarithm = log_density(v, mean, sigma) - 0.5 * ((v - mean) / sigma) ** 2
        return np.exp(logarithm - logarithm.max())

    check(posterior, density, low, high)


def test_bounds_of_a_parameter_hold_in_the_posterior(points):
    mean, sigma, likelihood = bounded(points, lambda m, s: GaussianPrior(m, 100 * s))
    cut = likelihood.with_models(likelihood.models.with_bounds({"soft.spectral.amplitude": (mean, None)}))
    posterior = cut.sample(jax.random.key(4), **OPTIONS)
    check(posterior, stats.norm(mean, sigma).pdf, mean, mean + 8 * sigma)


def test_improper_priors_are_named(points):
    likelihood = Likelihood(points, models(None, GaussianPrior(1e-11, 1e-11)))
    with pytest.raises(FitError, match=r"without one are: hard.spectral.amplitude$"):
        likelihood.sample(jax.random.key(0))
    with pytest.raises(FitError, match=r"hard.spectral.amplitude, soft.spectral.amplitude$"):
        Likelihood(points, models(None, None)).sample(jax.random.key(0))


def test_priors_are_those_of_the_likelihood_not_of_the_fit_given(points):
    """A fit without priors is a good place to start, but says nothing about the posterior."""
    free = Likelihood(points, models(None, None))
    means, sigmas = (2e-11, 1e-11), (5e-13, 3e-13)
    narrow = free.with_models(models(*(GaussianPrior(m, s) for m, s in zip(means, sigmas))))
    posterior = narrow.sample(jax.random.key(5), result=free.fit(), **OPTIONS)
    mean, covariance = exact(points, means, sigmas)
    sigma = np.sqrt(np.diag(covariance))
    assert (sigma < 0.5 * np.sqrt(np.diag(free.fit().covariance))).all()
    for name, m, s in zip(("hard", "soft"), mean, sigma):
        draws = posterior.flat(f"{name}.spectral.amplitude")
        assert draws.mean() == pytest.approx(m, abs=0.2 * s)
        assert draws.std() == pytest.approx(s, rel=0.12, abs=0)
    with pytest.raises(ValueError, match="the fit given has other free parameters"):
        narrow.sample(jax.random.key(5), result=free.freeze("soft.*").fit(), **OPTIONS)


def test_the_number_of_draws_is_what_was_asked_for(points):
    likelihood = Likelihood(points, models(KNOWN, GaussianPrior(1e-11, 1e-11)))
    posterior = likelihood.sample(jax.random.key(6), n_samples=37, n_warmup=200, n_chains=4, progress=False)
    assert posterior.samples["soft.spectral.amplitude"].shape == (4, 37)
    assert not posterior.converged
    assert "effective sample size" in posterior.message
    for wrong in ({"n_samples": 0}, {"n_chains": 0}, {"n_warmup": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            likelihood.sample(jax.random.key(6), progress=False, **wrong)


@pytest.mark.parametrize(("calls", "is_kept"), [(1, False), (1000, True)])
def test_an_interrupted_run_keeps_its_draws(points, monkeypatch, calls, is_kept):
    likelihood = Likelihood(points, models(KNOWN, GaussianPrior(1e-11, 1e-11)))
    blocks = OPTIONS["n_warmup"] // _sampling.BLOCK

    def interrupted(*arguments):
        start, draw = make_sampler(*arguments)
        count = iter(range(10_000))

        def stop(*more):
            if next(count) >= (blocks + 3 if is_kept else calls):
                raise KeyboardInterrupt
            return draw(*more)

        return start, stop

    monkeypatch.setattr(_sampling, "make_sampler", interrupted)
    if not is_kept:
        with pytest.raises(KeyboardInterrupt, match="before the first draw"):
            likelihood.sample(jax.random.key(7), **OPTIONS)
        return
    posterior = likelihood.sample(jax.random.key(7), **OPTIONS)
    assert not posterior.complete
    assert posterior.samples["soft.spectral.amplitude"].shape[1] == 3 * _sampling.BLOCK
    assert "sampling was interrupted" in posterior.message
    assert not posterior.converged


# ---- diagnostics ----


def posterior_of(draws, result, divergences=0):
    return Posterior({"a": draws}, {"a": ""}, divergences, 1, result)


def test_diagnostics_of_good_and_bad_chains(result):
    rng = np.random.default_rng(0)
    good = rng.normal(size=(4, 1000))
    row = posterior_of(good, result).summary()[0]
    assert row["r_hat"] == pytest.approx(1.0, abs=0.005)
    assert row["ess_bulk"] == pytest.approx(4000, rel=0.15)
    assert posterior_of(good, result).converged
    shifted = good + np.array([0.0, 0.0, 0.0, 1.0])[:, None]
    assert posterior_of(shifted, result).summary()[0]["r_hat"] > 1.1
    assert "R-hat" in posterior_of(shifted, result).message
    wide = good * np.array([1.0, 1.0, 1.0, 3.0])[:, None]
    assert posterior_of(wide, result).summary()[0]["r_hat"] > 1.05
    trend = good + np.linspace(-1, 1, 1000)
    assert not posterior_of(trend, result).converged
    slow = np.cumsum(good, axis=1)
    assert posterior_of(slow, result).summary()[0]["ess_bulk"] < 50
    assert posterior_of(np.zeros((4, 1000)), result).problems
    assert "3 divergent transitions" in posterior_of(good, result, 3).message


def test_autocorrelated_chains_have_the_known_effective_size(result):
    """An autoregressive process of coefficient rho has n (1 - rho) / (1 + rho) independent draws."""
    rng, rho = np.random.default_rng(1), 0.7
    noise = rng.normal(size=(4, 4000))
    draws = np.empty_like(noise)
    draws[:, 0] = noise[:, 0] / np.sqrt(1 - rho**2)
    for i in range(1, draws.shape[1]):
        draws[:, i] = rho * draws[:, i - 1] + noise[:, i]
    size = posterior_of(draws, result).summary()[0]["ess_bulk"]
    assert size == pytest.approx(draws.size * (1 - rho) / (1 + rho), rel=0.15)

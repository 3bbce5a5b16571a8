"""Priors as distributions: beside SciPy, and consistent with the statistic of fits."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from gjax.parameters import (
    AbstractPrior,
    GaussianPrior,
    GeneralizedGaussianPrior,
    LogNormalPrior,
    LogUniformPrior,
    UniformPrior,
    prior_cdf,
    prior_log_norm,
    prior_quantile,
    prior_statistic,
    prior_transform,
)

CASES = [
    (UniformPrior(-1, 3), stats.uniform(-1, 4)),
    (LogUniformPrior(0.1, 20), stats.loguniform(0.1, 20)),
    (GaussianPrior(2, 0.5), stats.norm(2, 0.5)),
    (LogNormalPrior(0.3, 0.4), stats.lognorm(0.4, scale=np.exp(0.3))),
    (GeneralizedGaussianPrior(1, 2, 0.25), stats.gennorm(4, 1, 2 * np.sqrt(2))),
]
IDS = [prior.tag for prior, _ in CASES]


@pytest.mark.parametrize(("prior", "reference"), CASES, ids=IDS)
def test_distribution_functions(prior, reference):
    p = np.linspace(0.01, 0.99, 23)
    np.testing.assert_allclose(prior_quantile(prior, p), reference.ppf(p), rtol=1e-9)
    np.testing.assert_allclose(prior_cdf(prior, reference.ppf(p)), p, rtol=1e-9)
    low, high = prior.support()
    assert prior_cdf(prior, max(low, -1e6) - 1) == pytest.approx(0, abs=1e-12)
    assert prior_cdf(prior, min(high, 1e6) + 1) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("prior", "reference"), CASES, ids=IDS)
def test_the_statistic_and_its_constant_make_a_density(prior, reference):
    for lower, upper in ((-np.inf, np.inf), (float(reference.ppf(0.2)), float(reference.ppf(0.9)))):
        norm = prior_log_norm(prior, lower, upper)

        def density(v, norm=norm):
            row = np.array([prior.row()])
            return float(jnp.exp(-0.5 * prior_statistic(jnp.array([v]), np.array([prior.kind]), row)[0] - norm))

        ends = float(max(lower, reference.ppf(1e-9))), float(min(upper, reference.ppf(1 - 1e-9)))
        grid = np.linspace(*ends, 2001)
        row = np.tile(prior.row(), (grid.size, 1))
        kinds = np.full(grid.size, prior.kind)
        values = np.exp(-0.5 * np.asarray(prior_statistic(jnp.asarray(grid), kinds, row)) - norm)
        assert integrate.simpson(values, x=grid) == pytest.approx(1, abs=2e-4)
        mass = reference.cdf(upper) - reference.cdf(lower)
        v = float(reference.ppf(0.5))
        assert density(v) == pytest.approx(float(reference.pdf(v)) / mass, rel=1e-9)


def test_the_transform_draws_from_cut_priors():
    lower = [float(reference.ppf(0.3)) for _, reference in CASES]
    upper = [float(reference.ppf(0.8)) for _, reference in CASES]
    transform = prior_transform([prior for prior, _ in CASES], lower, upper)
    cube = np.random.default_rng(0).uniform(size=(4000, len(CASES)))
    draws = transform(cube)
    assert (draws >= lower).all()
    assert (draws <= upper).all()
    for column, (_, reference) in zip(draws.T, CASES):
        assert stats.kstest((reference.cdf(column) - 0.3) / 0.5, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(transform(cube[7]), draws[7])


def test_unknown_priors_are_refused():
    class Other(AbstractPrior):
        pass

    for function in (lambda p: prior_cdf(p, 0.0), lambda p: prior_quantile(p, 0.5), prior_log_norm):
        with pytest.raises(TypeError, match="Other"):
            function(Other())

"""Priors: densities against SciPy, derivatives, supports, plain data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gjax.parameters import (
    AbstractPrior,
    GaussianPrior,
    GeneralizedGaussianPrior,
    LogNormalPrior,
    LogUniformPrior,
    UniformPrior,
    prior_from_dict,
    prior_statistic,
    prior_weight,
)

PRIORS = [
    (UniformPrior(1.0, 5.0), stats.uniform(1.0, 4.0)),
    (LogUniformPrior(0.5, 50.0), stats.loguniform(0.5, 50.0)),
    (GaussianPrior(2.0, 0.7), stats.norm(2.0, 0.7)),
    (LogNormalPrior(0.3, 0.4), stats.lognorm(0.4, scale=np.exp(0.3))),
    (GeneralizedGaussianPrior(2.0, 0.7, 0.5), stats.norm(2.0, 0.7)),
    (GeneralizedGaussianPrior(2.0, 0.7, 0.8), stats.gennorm(1.25, 2.0, np.sqrt(2) * 0.7)),
    (GeneralizedGaussianPrior(2.0, 0.7, 0.2), stats.gennorm(5.0, 2.0, np.sqrt(2) * 0.7)),
]
NAMES = [str(prior) for prior, _ in PRIORS]


def one(theta, kind, row):
    return prior_statistic(theta[None], kind[None], row[None])[0]


VALUE, SLOPE, CURVATURE = (
    jax.jit(jax.vmap(f, in_axes=(0, None, None))) for f in (one, jax.grad(one), jax.grad(jax.grad(one)))
)


def evaluate(function, theta, prior):
    return np.asarray(function(jnp.asarray(theta), jnp.asarray(prior.kind), jnp.asarray(prior.row())))


@pytest.mark.parametrize(("prior", "exact"), PRIORS, ids=NAMES)
def test_density_is_that_of_scipy_up_to_a_constant(prior, exact):
    low, high = exact.ppf([0.001, 0.999])
    theta = np.linspace(low, high, 41)
    difference = evaluate(VALUE, theta, prior) + 2 * exact.logpdf(theta)
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)


@pytest.mark.parametrize(("prior", "exact"), PRIORS, ids=NAMES)
def test_slope_and_curvature_agree_with_finite_differences(prior, exact):
    theta = np.linspace(*exact.ppf([0.01, 0.99]), 40)  # an even number: not at the centre
    step = 1e-5
    up, down = (evaluate(VALUE, theta + s, prior) for s in (step, -step))
    np.testing.assert_allclose(evaluate(SLOPE, theta, prior), (up - down) / (2 * step), rtol=1e-5, atol=1e-6)
    up, down = (evaluate(SLOPE, theta + s, prior) for s in (step, -step))
    np.testing.assert_allclose(evaluate(CURVATURE, theta, prior), (up - down) / (2 * step), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("eta", [0.2, 0.5, 0.8, 1.0])
def test_a_generalised_gaussian_is_finite_and_curved_at_its_centre(eta):
    prior = GeneralizedGaussianPrior(1.5, 0.5, eta)
    assert evaluate(VALUE, [1.5], prior) == 0.0
    assert evaluate(SLOPE, [1.5], prior) == 0.0
    assert 0 < evaluate(CURVATURE, [1.5], prior)[0] < np.inf
    if eta == 0.5:
        assert evaluate(CURVATURE, [1.5], prior)[0] == pytest.approx(8.0)


@pytest.mark.parametrize("prior", [prior for prior, _ in PRIORS], ids=NAMES)
def test_outside_of_the_support_the_statistic_is_infinite_and_nothing_is_nan(prior):
    low, high = prior.support()
    outside = [x for x in (low - 1e-9, low - 10.0, high + 1e-9, high + 10.0) if np.isfinite(x)]
    inside = [x for x in (low, high) if np.isfinite(x) and x != 0]
    theta = np.array([*outside, *inside, -1.0, 0.0, 1e-300, 3.0])
    value = evaluate(VALUE, theta, prior)
    assert np.isinf(value[: len(outside)]).all()
    assert not np.isnan(value).any()
    assert not np.isnan(evaluate(SLOPE, theta, prior)).any()
    assert np.isfinite(evaluate(VALUE, inside, prior)).all()
    weight = prior_weight(jnp.asarray(theta), jnp.full(len(theta), prior.kind), jnp.asarray([prior.row()] * len(theta)))
    assert (np.asarray(weight) >= 0).all()


def test_many_priors_at_once_do_not_disturb_each_other():
    theta = jnp.asarray([2.0, 3.0, -4.0, 1.5, 0.0, 7.0])
    priors = [None, *(p for p, _ in PRIORS[:5])]
    kinds = jnp.asarray([p.kind if p else 0 for p in priors])
    rows = jnp.asarray([p.row() if p else (0.0, 1.0, 0.5) for p in priors])
    together = np.asarray(prior_statistic(theta, kinds, rows))
    alone = [0.0] + [float(evaluate(VALUE, [t], p)[0]) for t, p in zip(theta[1:], priors[1:])]
    np.testing.assert_allclose(together, alone)
    finite = jnp.asarray([2.0, 3.0, 4.0, 1.5, 0.5, 7.0])
    slope = jax.grad(lambda t: prior_statistic(t, kinds, rows).sum())(finite)
    assert np.isfinite(slope).all()
    assert slope[0] == 0.0


@pytest.mark.parametrize("prior", [prior for prior, _ in PRIORS], ids=NAMES)
def test_plain_data_round_trip(prior):
    assert prior_from_dict(prior.to_dict()) == prior
    assert isinstance(prior, AbstractPrior)


@pytest.mark.parametrize(
    "make",
    [
        lambda: UniformPrior(1.0, np.inf),
        lambda: UniformPrior(2.0, 1.0),
        lambda: UniformPrior(np.nan, 1.0),
        lambda: LogUniformPrior(0.0, 1.0),
        lambda: LogUniformPrior(1.0, np.inf),
        lambda: GaussianPrior(0.0, 0.0),
        lambda: GaussianPrior(np.nan, 1.0),
        lambda: GaussianPrior(0.0, np.inf),
        lambda: LogNormalPrior(0.0, -1.0),
        lambda: LogNormalPrior(np.inf, 1.0),
        lambda: GeneralizedGaussianPrior(0.0, 1.0, 0.0),
        lambda: GeneralizedGaussianPrior(0.0, 1.0, 1.5),
        lambda: GeneralizedGaussianPrior(np.nan, 1.0),
    ],
)
def test_improper_priors_are_refused(make):
    with pytest.raises(ValueError, match="Prior: expected"):
        make()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "flat"}, "prior type 'flat' is unknown; expected one of uniform"),
        ({}, "prior type None is unknown"),
        ({"type": "gaussian", "mu": 1.0}, "prior 'gaussian': 'sigma' is missing"),
        ({"type": "gaussian", "mu": 1.0, "sigma": 1.0, "simga": 2.0}, "unknown key 'simga'"),
    ],
)
def test_bad_plain_data_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        prior_from_dict(data)

"""Pareto smoothing of importance weights: known tails, a reference, edges."""

import numpy as np
import pytest

from gjax.stats import pareto_limit, pareto_smooth


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_the_shape_of_a_pareto_tail_is_found(shape):
    rng = np.random.default_rng(1)
    weights = rng.pareto(1 / shape, size=200_000) + 1
    _, k_hat = pareto_smooth(np.log(weights))
    assert k_hat == pytest.approx(shape, abs=0.08)


def test_as_in_arviz():
    psislw = pytest.importorskip("arviz").__dict__.get("psislw")
    if psislw is None:
        pytest.skip("this ArviZ has no function psislw")
    for size, width in ((200, 0.5), (1000, 1.0), (4000, 2.0)):
        values = np.random.default_rng(size).normal(size=size) * width
        weights, k_hat = pareto_smooth(values)
        theirs, their_k = psislw(values)
        assert k_hat == pytest.approx(float(their_k), abs=1e-9)
        theirs = np.exp(np.asarray(theirs))
        np.testing.assert_allclose(weights, theirs / theirs.sum(), rtol=1e-9)


def test_a_mean_under_a_shifted_gaussian():
    rng = np.random.default_rng(2)
    x = rng.normal(size=20_000)
    weights, k_hat = pareto_smooth(-0.5 * (x - 0.5) ** 2 + 0.5 * x**2)
    assert k_hat < 0.7
    assert np.sum(weights * x) == pytest.approx(0.5, abs=0.03)


def test_edges():
    weights, k_hat = pareto_smooth(np.zeros(100))
    np.testing.assert_allclose(weights, 0.01)
    assert k_hat == -np.inf
    weights, k_hat = pareto_smooth([0.0, -1.0])
    assert weights.sum() == pytest.approx(1)
    assert k_hat == np.inf
    for bad in (np.full(10, -np.inf), np.full(10, np.nan), [np.inf, 0.0]):
        weights, k_hat = pareto_smooth(bad)
        assert np.isnan(weights).all()
        assert k_hat == np.inf
    values = np.random.default_rng(0).normal(size=500)
    values[3] = np.nan
    assert pareto_smooth(values)[0][3] == 0
    assert pareto_limit(10**6) == 0.7
    assert pareto_limit(1) < 0.1

"""Weighted draws: Laplace, variational and nested, beside each other; predictive checks; propagation."""

import astropy.units as u
import equinox as eqx
import jax
import numpy as np
import pytest

from gjax.errors import FitError
from gjax.freeze import Likelihood, WeightedPosterior
from gjax.freeze._draws import weighted_quantile
from gjax.freeze._spectral import peak_of
from gjax.models import LogParabolaSpectralModel

KEY = jax.random.key(4)


@pytest.fixture(scope="module")
def preview(proper_result):
    return proper_result.laplace(KEY)


def grid_moments(likelihood, result):
    """Evidence, mean and width of the index, by a sum over a grid."""
    sigma = np.sqrt(np.diag(result.x_covariance))[:2]
    axes = [result.x[i] + np.linspace(-6, 6, 81) * sigma[i] for i in range(2)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    values = np.asarray(jax.jit(jax.vmap(result.likelihood.statistic))(x))
    density = np.exp(-0.5 * (values - values.min()))
    volume = np.prod([a[1] - a[0] for a in axes]) * np.prod(result.likelihood.scale)
    priors = -0.5 * np.log(2 * np.pi * 0.5**2) - np.log(2e-10)
    evidence = np.log(density.sum() * volume) - 0.5 * values.min() + priors
    index = x[:, 0] * result.likelihood.scale[0]
    mean = (density * index).sum() / density.sum()
    return evidence, mean, np.sqrt((density * (index - mean) ** 2).sum() / density.sum())


def test_laplace_draws_are_the_posterior(proper, proper_result, preview):
    evidence, mean, std = grid_moments(proper, proper_result)
    assert preview.reliable, preview.message
    assert preview.k_hat < 0.7
    assert "reliable: the weighted draws" in repr(preview)
    row = preview.summary()[0]
    assert row["mean"] == pytest.approx(mean, abs=5 * std / np.sqrt(preview.effective_size))
    assert row["std"] == pytest.approx(std, rel=0.05)
    assert preview.log_evidence == pytest.approx(evidence, abs=max(5 * preview.log_evidence_error, 2e-3))
    assert proper_result.log_evidence() == pytest.approx(evidence, abs=0.02)
    again = proper_result.laplace(KEY)
    np.testing.assert_array_equal(again.weights, preview.weights)
    with pytest.raises(ValueError, match="at least 100"):
        proper_result.laplace(KEY, 10)


def test_flat_priors_are_named(result):
    preview = result.laplace(KEY)
    assert not preview.reliable
    assert "no proper prior on crab.spectral.index, crab.spectral.amplitude" in preview.message
    assert np.isnan(preview.log_evidence)
    assert np.isnan(result.log_evidence())


def test_bad_weights_are_called_so(proper_result, preview):
    weights = np.full(1000, 1e-9)
    weights[0] = 1
    samples = {name: draws[:1000] for name, draws in preview.samples.items()}
    bad = WeightedPosterior(samples, preview.units, weights / weights.sum(), "test", proper_result, 1.2, 0.0, 0.0)
    assert not bad.reliable
    assert "very different" in bad.message
    assert "effective sample size is 1" in bad.message
    assert "NOT reliable" in repr(bad)
    assert (
        "no draw has a finite weight"
        in WeightedPosterior(samples, preview.units, weights * np.nan, "test", proper_result, np.inf, 0.0, 0.0).message
    )


def test_propagation_as_by_the_delta_method(proper_result, preview):
    for method in ("flux", "energy_flux"):
        low, median, high = getattr(preview, method)("crab", "1 TeV", "10 TeV")
        value, error = getattr(proper_result, method)("crab", "1 TeV", "10 TeV")
        assert ((high - low) / 2).to_value(error.unit) == pytest.approx(error.value, rel=0.08)
        assert median.to_value(error.unit) == pytest.approx(value.value, abs=0.2 * error.value)
    band = preview.dnde("crab", [1, 3, 10] * u.TeV)
    value, error = proper_result.dnde("crab", [1, 3, 10] * u.TeV)
    np.testing.assert_allclose((band[2] - band[0]).value / 2, error.value, rtol=0.1)
    with pytest.raises(KeyError, match="crab"):
        preview.flux("vela", "1 TeV", "10 TeV")


def test_peak_energies(preview):
    alpha = np.linspace(1.2, 2.8, 7)

    def peak(alpha):
        model = LogParabolaSpectralModel(reference="2 TeV", alpha=2, beta=0.4).filled()
        return peak_of("1 GeV", "1000 TeV")(eqx.tree_at(lambda m: m.alpha, model, alpha))

    found = jax.jit(jax.vmap(peak))(alpha)
    np.testing.assert_allclose(found, 2 * np.exp((2 - alpha) / 0.8), rtol=1e-6)
    # a power law has none
    assert np.isnan(preview.peak_energy("crab")).all()
    with pytest.raises(FitError, match="in order"):
        preview.peak_energy("crab", "10 TeV", "1 TeV")


def test_variational_inference(proper, proper_result):
    found = proper.approximate(KEY, n_steps=600, rate=0.05, result=proper_result)
    assert found.reliable, found.message
    evidence, mean, std = grid_moments(proper, proper_result)
    assert found.log_evidence == pytest.approx(evidence, abs=0.02)
    assert found.summary()[0]["mean"] == pytest.approx(mean, abs=0.15 * std)
    with pytest.raises(ValueError, match="rank"):
        proper.approximate(KEY, rank=0)
    with pytest.raises(FitError, match="proper prior"):
        proper.with_priors({"index": None}).approximate(KEY)


def test_nested_sampling(proper, proper_result):
    pytest.importorskip("dynesty")
    found = proper.nested(KEY, n_live=100, dlogz=0.5, progress=False)
    evidence, mean, std = grid_moments(proper, proper_result)
    assert abs(found.log_evidence - evidence) < 4 * found.log_evidence_error
    assert found.summary()[0]["mean"] == pytest.approx(mean, abs=0.4 * std)
    with pytest.raises(ValueError, match="n_live"):
        proper.nested(KEY, n_live=5)


def test_nested_sampling_without_dynesty(proper, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "dynesty", None)
    with pytest.raises(ImportError, match=r"gjax\[nested\]"):
        proper.nested(KEY)


def test_predictive_checks(proper, preview, simulate_on_off):
    check = preview.predictive(KEY, n=200)
    assert check.message == "the data look like those that the posterior predicts"
    assert check.replicated["bright"].shape == (200, 8)
    assert check.counts["bright"].sum() == proper.datasets[0].counts.data.sum()
    assert check.plot("bright").get_ylabel() == "Counts"
    with pytest.raises(KeyError, match="bright"):
        check.plot("none")
    with pytest.raises(ValueError, match="at least 20"):
        preview.predictive(KEY, n=3)
    # counts that no power law makes: one bin with as many as the first
    strange = simulate_on_off("strange", seed=3)
    counts = strange.counts.data.copy()
    counts[5] += 60
    strange = strange.copy(counts=strange.counts.copy(data=counts))
    likelihood = Likelihood(strange, proper.models)
    bad = likelihood.fit().laplace(KEY).predictive(KEY, n=200)
    assert bad.p_deviance["strange"] < 0.01
    assert "strange: bins scatter more" in bad.message


def test_quantiles_with_weights():
    values = np.random.default_rng(0).normal(size=(20_000, 2))
    even = weighted_quantile(values, None, [0.16, 0.5, 0.84])
    same = weighted_quantile(values, np.full(20_000, 1 / 20_000), [0.16, 0.5, 0.84])
    np.testing.assert_allclose(even, same, atol=2e-3)
    assert np.isnan(weighted_quantile(np.full((5, 1), np.nan), None, [0.5])).all()
    assert weighted_quantile(np.array([1.0, np.nan]), np.array([0.5, 0.5]), [0.5])[0] == 1.0

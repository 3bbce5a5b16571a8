"""Three covariances under their names: closed forms, scatter of data that are not Poisson, and why there is none."""

import numpy as np
import pytest

from gjax.freeze import Likelihood


@pytest.fixture(scope="module")
def wide(simulate_on_off, crab):
    """A spectrum of 64 bins with a known background."""

    def make(seed, spread=1.0):
        dataset = simulate_on_off("wide", n_bins=64, n_true=64, asimov=True, background=100.0).to_spectrum_dataset()
        mean = dataset.counts.data
        noise = np.random.default_rng(seed).standard_normal(mean.shape)
        counts = np.maximum(mean + spread * np.sqrt(mean) * noise, 0)
        return Likelihood(dataset.copy(counts=dataset.counts.copy(data=counts)), crab)

    return make


def test_hessian_is_the_default(result):
    found = result.covariance_of("hessian")
    np.testing.assert_allclose(found.matrix, result.covariance, rtol=1e-8)
    assert found.is_positive
    assert "positive" in repr(found)
    assert found.names == result.free_names
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)


def test_fisher_is_the_forecast(result):
    found = result.covariance_of("fisher")
    np.testing.assert_allclose(found.matrix, result.likelihood.forecast().covariance, rtol=1e-8)
    # the data of a bright source are near their mean
    np.testing.assert_allclose(found.errors, result.covariance_of("hessian").errors, rtol=0.1)


def test_the_sandwich_knows_the_scatter(wide):
    """Data that scatter three times more than Poisson: the sandwich follows, the others do not."""
    fits = [wide(seed, spread=3.0).fit() for seed in range(20)]
    values = np.array([[fit[name][0] for name in fit.free_names] for fit in fits])
    sandwich = np.mean([fit.covariance_of("sandwich").errors for fit in fits], axis=0)
    hessian = np.mean([fit.covariance_of("hessian").errors for fit in fits], axis=0)
    np.testing.assert_allclose(sandwich / hessian, 3.0, rtol=0.25)
    assert np.all(values.std(axis=0) > 1.5 * hessian)


def test_closed_form_of_the_sandwich(wide):
    """One free norm: the sum of squared scores over the squared information."""
    fit = wide(3, spread=2.0).freeze("*.index").fit()
    likelihood = fit.likelihood
    mean = likelihood.npred()["wide"].data
    slope = likelihood.npred_signal()["wide"].data / fit["amplitude"][0]
    n = likelihood.datasets[0].counts.data
    scores = ((1 - n / mean) * slope) ** 2
    expected = scores.sum() / ((n / mean**2 * slope**2).sum()) ** 2
    assert fit.covariance_of("sandwich").matrix[0, 0] == pytest.approx(expected, rel=1e-6)


def masked(likelihood, number):
    """The same with the first bins only: all shapes stay."""
    dataset = likelihood.datasets[0]
    mask = np.arange(dataset.counts.data.size).reshape(dataset.counts.data.shape) < number
    return Likelihood(dataset.copy(mask_fit=mask), likelihood.models)


def test_why_there_is_none(likelihood):
    """One bin does not tell index and amplitude apart."""
    fit = masked(likelihood, 1).fit()
    for kind in ("hessian", "fisher", "sandwich"):
        found = fit.covariance_of(kind)
        assert not found.is_positive
        assert "source" not in found.message
        assert "is not positive: the statistic" in found.message
        assert "index and crab.spectral.amplitude" in found.message
        assert np.isnan(found.matrix).all()
    with pytest.raises(ValueError, match="expected one of hessian, fisher, sandwich, got 'jackknife'"):
        fit.covariance_of("jackknife")


def test_too_few_bins_for_a_sandwich(likelihood):
    found = masked(likelihood, 2).fit().covariance_of("sandwich")
    assert "so few of them" in found.message


def test_plot(result):
    from gjax.plot import new_figure

    ax = result.plot_correlation("fisher", ax=new_figure().add_subplot())
    assert [text.get_text() for text in ax.get_xticklabels()] == result.free_names

"""Expected information: closed forms, additivity, cubes with their empty bins, priors, limits, bad input."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from gjax.errors import FitError
from gjax.forecast import Forecast
from gjax.freeze import Likelihood
from gjax.parameters import GaussianPrior, LogUniformPrior


@pytest.mark.parametrize(("background", "off", "variance"), [(7.0, None, 27.0), (None, 60.0, 20 + 0.2 * 1.2 * 60)])
def test_one_bin(counting, flat, background, off, variance):
    """Error of the signal: the root of the counts, and of what the off region adds."""
    forecast = Likelihood(counting(background=background, off=off), flat()).forecast()
    value, error = forecast["amplitude"]
    assert error / value == pytest.approx(np.sqrt(variance) / 20, rel=1e-10)
    assert forecast.errors["source.spectral.amplitude"].unit == "TeV-1 s-1 cm-2"
    counts = forecast.equivalent_counts("amplitude")
    # what measures the background counts as background
    np.testing.assert_allclose(counts, (20.0, variance - 20), rtol=1e-4)
    reach = forecast.discovery_reach("amplitude", n_sigma=3) / value * 20
    b = variance - 20
    assert (reach + b) * np.log1p(reach / b) - reach == pytest.approx(4.5, rel=1e-4)


@pytest.mark.parametrize(("background", "accuracy"), [(0.1, 0.04), (1.0, 0.025), (3.0, 0.02), (10.0, 0.01)])
def test_limits_of_a_counting_experiment(counting, flat, background, accuracy):
    """The mean of exact Poisson limits over data without signal."""
    from scipy.special import gammainccinv
    from scipy.stats import poisson

    forecast = Likelihood(counting(signal=1.0, background=background), flat()).forecast()
    n = np.arange(100)
    exact = (poisson.pmf(n, background) * (gammainccinv(n + 1, 0.05) - background)).sum()
    assert forecast.upper_limit("amplitude") * 1e12 == pytest.approx(exact, rel=accuracy)


@pytest.mark.parametrize(("level", "leading"), [(0.05, 1.17), (0.5, 1.08)])
def test_limits_of_a_line_over_nearly_empty_bins(counting, flat, level, leading):
    """The mean of Neyman limits by the score; equivalent counts alone are too high, as if counts came in one bin."""
    shape = np.exp(-0.5 * np.linspace(-3, 3, 30) ** 2)
    shape /= shape.sum()
    dataset = counting(signal=tuple(shape), background=(level,) * 30)
    forecast = Likelihood(dataset, flat()).forecast()
    found = forecast.upper_limit("amplitude") * 1e12
    rng = np.random.default_rng(3)
    weights = shape / (level + found * shape)
    grid = found * np.linspace(0.02, 3, 150)
    edge = [np.quantile(rng.poisson(level + s * shape, (4000, 30)) @ weights, 0.05) for s in grid]
    seen = rng.poisson(level, (20000, 30)) @ weights
    place = np.searchsorted(np.maximum.accumulate(edge), seen + 1e-12, side="right")
    mean = grid[place.clip(1, len(grid)) - 1].mean()
    assert found == pytest.approx(mean, rel=0.03)
    z = norm.ppf(0.95)
    one_bin = brentq(lambda s: s**2 * np.sum(shape**2 / (level + s * shape)) - z**2, 0.1, 100)
    assert one_bin / mean == pytest.approx(leading, abs=0.03)


def test_a_counting_experiment_of_great_background_is_gaussian(counting, flat):
    forecast = Likelihood(counting(signal=1.0, background=1e10), flat()).forecast()
    assert forecast.upper_limit("amplitude") * 1e12 == pytest.approx(norm.ppf(0.95) * 1e5, rel=1e-4)
    assert forecast.discovery_reach("amplitude") * 1e12 == pytest.approx(5e5, rel=1e-4)


def test_cubes_count_their_empty_bins(joint, forecast):
    """The information of all bins, from the predicted maps."""
    signal, background = joint.npred_signal(), joint.npred_background()
    step = joint.with_values({"source.spectral.index": 2.3 + 1e-4}).npred_signal()
    back = joint.with_values({"source.spectral.index": 2.3 - 1e-4}).npred_signal()
    expected = np.zeros((3, 3))
    for name, dataset in zip(joint.names, joint.datasets):
        mu, b = signal[name].data, background[name].data
        slopes = [(step[name].data - back[name].data) / 2e-4, mu / 2e-11, b if name == "known" else 0 * b]
        variance = mu + b if name == "known" else mu + (1 + dataset.alpha.data) * b
        used = variance > 0
        expected += np.array([[(s[used] * t[used] / variance[used]).sum() for s in slopes] for t in slopes])
    np.testing.assert_allclose(forecast.information, expected, rtol=1e-5)


def test_counts_play_no_part(joint, forecast):
    known, measured = joint.datasets
    other = known.copy(counts=known.counts.copy(data=np.roll(known.counts.data, 50, axis=2) + 1))
    np.testing.assert_allclose(
        Likelihood([other, measured], joint.models).forecast().information, forecast.information, rtol=1e-9
    )


def test_without_on_counts_off_counts_are_the_background(counting, flat):
    """A planned run: nothing was seen yet, and the off counts say what to expect."""
    planned, taken = counting(off=60.0), counting(off=60.0, counts=[32.0])
    errors = [Likelihood(d, flat()).forecast()["amplitude"][1] for d in (planned, taken)]
    np.testing.assert_allclose(errors, np.sqrt(20 + 0.24 * 60) / 20 * 1e-12, rtol=1e-9)


def test_information_of_bins(forecast):
    for name in forecast.free_names:
        maps = forecast.information_flux(name)
        assert maps["known"].data.shape == (3, 20, 20)
        total = sum(m.data.sum() for m in maps.values())
        assert total == pytest.approx(1 / forecast[name][1] ** 2, rel=1e-9)
    # the source is in the middle, what tells about the background is not
    flux = forecast.information_flux("amplitude")["known"].data.sum(axis=0)
    assert flux.argmax() in (9 * 20 + 9, 9 * 20 + 10, 10 * 20 + 9, 10 * 20 + 10)
    around = forecast.information_flux("norm")["known"].data.sum(axis=0)
    assert around[8:12, 8:12].mean() < 0.2 * around[:4].mean()


def test_profiled_information(forecast):
    pair = ["source.spectral.index", "amplitude"]
    inverse = np.linalg.inv(forecast.profiled(pair))
    np.testing.assert_allclose(inverse, forecast.covariance[:2, :2], rtol=1e-8)
    assert np.all(np.abs(forecast.correlation) <= 1 + 1e-12)


def test_priors_add_information(counting, flat):
    likelihood = Likelihood(counting(background=7.0), flat())
    free = likelihood.forecast()["amplitude"][1]
    prior = likelihood.with_priors({"source.spectral.amplitude": GaussianPrior(1e-12, 1e-13)}).forecast()
    assert prior["amplitude"][1] ** -2 == pytest.approx(free**-2 + 1e26, rel=1e-9)
    vague = likelihood.with_priors({"source.spectral.amplitude": LogUniformPrior(1e-14, 1e-9)}).forecast()
    assert vague["amplitude"][1] == pytest.approx(free, rel=1e-9)


def test_many_datasets_with_parameters_of_their_own(counting, flat):
    """Matrices without the zeros between datasets give the same."""
    names = [f"d{k}" for k in range(40)]
    datasets = [counting(name, signal=(20.0 + k, 5.0), background=3.0) for k, name in enumerate(names)]
    forecast = Likelihood(datasets, [flat(f"s-{name}", datasets_names=name) for name in names]).forecast()
    signal = 20.0 + np.arange(40)
    expected = (signal**2 / (signal + 3) + 25 / 8) * 1e24
    np.testing.assert_allclose(forecast.information, np.diag(expected), rtol=1e-9)
    plan = forecast.plan()
    np.testing.assert_allclose(plan.information(plan.design), np.diag(expected), rtol=1e-9)


def test_words(forecast):
    assert isinstance(forecast, Forecast)
    assert "source.spectral.amplitude" in repr(forecast)
    assert forecast.message == ""
    assert list(forecast.to_table()["name"]) == forecast.free_names
    blind = forecast.likelihood.with_values({"source.spectral.amplitude": 0.0}).forecast()
    assert blind.message == "source.spectral.index has no influence on the data"
    assert np.isfinite(blind["source.spectral.amplitude"][1])


def test_impossible(counting, flat, forecast):
    likelihood = Likelihood(counting(background=3.0), flat())
    with pytest.raises(FitError, match="no parameter is free"):
        likelihood.freeze("*").forecast()
    with pytest.raises(ValueError, match=r"source\.spectral\.index: expected a norm"):
        forecast.equivalent_counts("source.spectral.index")
    with pytest.raises(KeyError, match="frozen"):
        forecast["source.spectral.reference"]
    with pytest.raises(ValueError, match="confidence"):
        forecast.upper_limit("amplitude", confidence=95)
    with pytest.raises(ValueError, match="n_sigma"):
        forecast.discovery_reach("amplitude", n_sigma=0)
    with pytest.raises(ValueError, match="no equivalent counts"):
        likelihood.forecast().equivalent_counts("amplitude", 0.0)


def test_limit_and_reach_agree_with_asimov_tests(counting, flat):
    """Without nuisances the reach is where the Asimov test statistic is 25."""
    likelihood = Likelihood(counting(signal=4.0, background=6.0), flat())
    reach = likelihood.forecast().discovery_reach("amplitude")

    def excess(amplitude):
        truth = likelihood.with_values({"source.spectral.amplitude": amplitude * 1e-12})
        asimov = truth.asimov()
        return asimov.with_values({"source.spectral.amplitude": 0.0}).stat_sum() - asimov.stat_sum() - 25

    assert reach * 1e12 == pytest.approx(brentq(excess, 0.1, 50), rel=1e-4)

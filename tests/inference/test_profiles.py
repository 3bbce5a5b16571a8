"""Profiles, asymmetric errors, upper limits and contours, against brute force."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar


def profiled(likelihood, position, value, best):
    """The statistic minimised over the other parameter, with nothing but function values; both in units of x."""
    other = 1 - position

    def f(y):
        x = np.empty(2)
        x[position], x[other] = value, y
        return float(likelihood.statistic(jnp.asarray(x)))

    width = 0.5 + 0.95 * abs(best[other])
    found = minimize_scalar(
        f, bounds=(best[other] - width, best[other] + width), method="bounded", options={"xatol": 1e-9}
    )
    return found.fun


def x_best(result):
    return np.asarray(result.x[:2])


@pytest.mark.parametrize("which", ["result", "faint_result"])
@pytest.mark.parametrize("name", ["index", "amplitude"])
def test_profile_is_the_minimum_over_the_other_parameter(request, which, name):
    fit = request.getfixturevalue(which)
    profile = fit.profile(name)
    assert profile.name == f"crab.spectral.{name}"
    assert profile.success.all()
    assert profile.minimum == fit.total_stat
    middle = len(profile.values) // 2
    assert profile.statistic[middle] == pytest.approx(fit.total_stat, abs=1e-7)
    i = fit.position(name)
    for k in (0, 3, 10):
        brute = profiled(fit.likelihood, i, profile.values[k] / fit.likelihood.scale[i], x_best(fit))
        assert profile.statistic[k] == pytest.approx(brute, abs=2e-5)


def test_profile_at_given_values_in_any_unit(result):
    profile = result.profile("amplitude", "3e-15 cm-2 s-1 GeV-1")
    np.testing.assert_allclose(profile.values, [3e-12], rtol=1e-12)
    plain = result.profile("index", [2.2, 2.4])
    assert plain.statistic.shape == (2,)
    assert (plain.statistic > result.total_stat - 1e-9).all()
    assert profile.statistic[0] > plain.statistic.max()


@pytest.mark.parametrize("n_sigma", [1.0, 2.0])
def test_asymmetric_errors_are_where_the_profile_has_risen(faint_result, n_sigma):
    fit = faint_result
    errors = fit.confidence(n_sigma=n_sigma)
    best, likelihood = x_best(fit), fit.likelihood
    for i, name in enumerate(fit.free_names):
        sigma = np.sqrt(fit.x_covariance[i, i])
        for side, error in zip((-1, 1), errors[name]):
            crossing = brentq(
                lambda d, i=i, side=side: (
                    profiled(likelihood, i, best[i] + side * d, best) - fit.total_stat - n_sigma**2
                ),
                0.2 * sigma * n_sigma,
                4 * sigma * n_sigma,
                xtol=1e-6 * sigma,
            )
            assert error == pytest.approx(crossing * likelihood.scale[i], rel=2e-4, abs=0)
    errn, errp = errors["crab.spectral.amplitude"]
    assert errp > 1.05 * errn


def test_errors_of_one_parameter_are_those_of_all(faint_result):
    everything = faint_result.confidence()
    for name in ("index", "amplitude"):
        (full, one), *_ = faint_result.confidence(name).items()
        np.testing.assert_allclose(one, everything[full], rtol=1e-4)


def test_asymmetric_errors_of_a_bright_source_are_nearly_the_symmetric_ones(result):
    for name, (errn, errp) in result.confidence().items():
        assert errn == pytest.approx(result[name][1], rel=0.05, abs=0)
        assert errp == pytest.approx(result[name][1], rel=0.05, abs=0)


def test_an_error_beyond_a_bound_is_nan(likelihood, crab, result):
    value, error = result["index"]
    fit = likelihood.with_models(crab.with_bounds({"index": (value - 0.5 * error, 5.0)})).fit()
    errn, errp = fit.confidence("index")["crab.spectral.index"]
    assert np.isnan(errn)
    assert errp == pytest.approx(result.confidence("index")["crab.spectral.index"][1], rel=1e-3)


def test_upper_limit_is_the_crossing_above(faint_result):
    fit = faint_result
    limit = fit.upper_limit("amplitude", n_sigma=2.0)
    _, errp = fit.confidence("amplitude", n_sigma=2.0)["crab.spectral.amplitude"]
    assert limit == pytest.approx(fit["amplitude"][0] + errp, rel=1e-6, abs=0)
    i = fit.position("amplitude")
    rise = profiled(fit.likelihood, i, limit / fit.likelihood.scale[i], x_best(fit)) - fit.total_stat
    assert rise == pytest.approx(4.0, abs=1e-3)


@pytest.mark.parametrize("which", ["result", "faint_result"])
def test_every_point_of_a_contour_has_the_level(request, which):
    fit = request.getfixturevalue(which)
    contour = fit.contour("index", "amplitude", n_sigma=1.0)
    assert contour.success
    assert contour.names == ("crab.spectral.index", "crab.spectral.amplitude")
    points = np.column_stack([contour.x, contour.y]) / fit.likelihood.scale
    rise = [float(fit.likelihood.statistic(jnp.asarray(p))) - fit.total_stat for p in points]
    np.testing.assert_allclose(rise, 1.0, atol=1e-3)
    # its projections are the intervals of one parameter
    errors = fit.confidence()
    for values, name in ((contour.x, "crab.spectral.index"), (contour.y, "crab.spectral.amplitude")):
        errn, errp = errors[name]
        assert values.max() - fit[name][0] == pytest.approx(errp, rel=0.02, abs=0)
        assert fit[name][0] - values.min() == pytest.approx(errn, rel=0.02, abs=0)


def test_a_contour_that_meets_a_bound_says_so(likelihood, crab, result):
    value, error = result["index"]
    fit = likelihood.with_models(crab.with_bounds({"index": (value - 0.5 * error, 5.0)})).fit()
    contour = fit.contour("index", "amplitude")
    assert not contour.success
    assert np.isnan(contour.x).any()
    assert np.isfinite(contour.x).any()

"""Fits: convergence from far away, covariance, bounds, and what a fit says when something is wrong."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from gjax.errors import FitError
from gjax.freeze import Likelihood
from gjax.inference import CONVERGED, STALLED, covariance_at, minimise
from gjax.likelihood import hessian
from gjax.models import Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import GaussianPrior, Parameter


def in_numpy(likelihood):
    """The statistic as a function of the free parameters in their units."""
    return lambda values: float(likelihood.statistic(jnp.asarray(values) / likelihood.scale))


def values_of(result):
    return result.table.values[result.table.free]


@jax.jit
def batch(problem, starts):
    return jax.vmap(lambda x: minimise(problem, x, jnp.zeros(x.shape, bool)))(starts)


def many(problem, starts):
    """Minimise from up to 100 starts."""
    filled = jnp.concatenate([starts, jnp.tile(starts[-1:], (100 - len(starts), 1))])
    return jax.tree_util.tree_map(lambda leaf: np.asarray(leaf)[: len(starts)], batch(problem, filled))


def test_the_optimum_is_that_of_another_minimiser(likelihood, result):
    other = minimize(
        lambda x: float(likelihood.statistic(jnp.asarray(x))),
        likelihood.x0,
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-9},
    )
    assert result.success
    assert result.message == "the gradient vanishes"
    assert result.total_stat == pytest.approx(other.fun, abs=1e-6)
    np.testing.assert_allclose(values_of(result), other.x * likelihood.scale, rtol=1e-4)
    assert result.n_steps < 15
    assert result.edm < 1e-8


def test_truth_is_recovered(result):
    for name, truth in (("index", 2.3), ("amplitude", 3e-11)):
        value, error = result[name]
        assert abs(value - truth) < 3 * error


def test_covariance_is_that_of_the_numerical_hessian(likelihood, result):
    f, best = in_numpy(likelihood), values_of(result)
    step = 0.05 * np.sqrt(np.diag(result.covariance))
    hessian = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            hessian[i, j] = sum(
                a * b * f(best + a * step * (np.arange(2) == i) + b * step * (np.arange(2) == j))
                for a in (-1, 1)
                for b in (-1, 1)
            ) / (4 * step[i] * step[j])
    np.testing.assert_allclose(result.covariance, 2 * np.linalg.inv(hessian), rtol=2e-3)
    errors = [result[name][1] for name in result.free_names]
    np.testing.assert_allclose(errors, np.sqrt(np.diag(result.covariance)), rtol=1e-10)
    assert result.correlation[0, 1] == pytest.approx(result.covariance[0, 1] / errors[0] / errors[1])


def test_a_fit_changes_nothing_and_returns_new_models(likelihood, crab, result):
    assert crab["crab"].spectral_model.index.value == 2.0
    assert likelihood.models is crab
    assert result.models["crab"].spectral_model.index.value == pytest.approx(result["index"][0])
    assert result.models["crab"].spectral_model.index.error == pytest.approx(result["index"][1])
    assert likelihood.stat_sum(result.models) == pytest.approx(result.total_stat, rel=1e-12)
    assert likelihood.fit().total_stat == result.total_stat
    table = result.to_table()
    assert list(table["name"]) == likelihood.table.names
    assert "Fit converged" in repr(result)


@pytest.mark.parametrize("which", ["bright", "faint"])
def test_random_starts_reach_the_optimum_or_say_that_they_did_not(likelihood, faint, which):
    """100 starts, 20 times off in amplitude and 1 in index."""
    one = likelihood if which == "bright" else faint
    best = one.fit()
    rng = np.random.default_rng(7)
    starts = np.tile(np.asarray(one.padded(one.x0)), (100, 1))
    starts[:, 0] = best["index"][0] + rng.uniform(-1, 1, 100)
    starts[:, 1] = best["amplitude"][0] / one.scale[1] * 20.0 ** rng.uniform(-1, 1, 100)
    ends = many(one.problem, starts)
    rise = np.asarray(ends.statistic) - best.total_stat
    converged = np.asarray(ends.status) == CONVERGED
    assert (np.abs(rise) < 1e-4).mean() >= 0.99
    assert (np.abs(rise[converged]) < 1e-4).all()
    assert np.median(ends.steps) <= 12


def test_starts_at_zero_below_it_and_very_far(likelihood, result):
    factors = jnp.asarray([0.0, -0.1, -3.0, 1e-9, 1e-3, 1e5])
    starts = jnp.tile(likelihood.padded(likelihood.x0), (len(factors), 1)).at[:, 1].set(3.0 * factors)
    ends = many(likelihood.problem, starts)
    assert (ends.status == CONVERGED).all()
    np.testing.assert_allclose(ends.statistic, result.total_stat, atol=1e-5)


def test_an_amplitude_that_starts_at_zero_has_no_scale_yet(simulate_on_off, result):
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude=0.0), name="crab")
    fit = Likelihood(simulate_on_off("bright", seed=3), model).fit()
    assert fit.success
    assert fit.total_stat == pytest.approx(result.total_stat, abs=1e-6)
    np.testing.assert_allclose(fit.covariance, result.covariance, rtol=1e-3)


# ---- bounds ----


@pytest.mark.parametrize("low", [2.6, 2.7, 2.9, 3.3])
def test_a_parameter_at_its_bound_is_reported(likelihood, crab, low):
    fit = likelihood.with_models(crab.with_bounds({"index": (low, 5.0)})).fit()
    assert f"crab.spectral.index is at its bound {low}" in fit.message
    assert fit["index"][0] == pytest.approx(low, rel=1e-14)
    held = likelihood.with_models(crab.with_values({"index": low}).freeze("index")).fit()
    assert fit.total_stat == pytest.approx(held.total_stat, abs=1e-6)
    assert fit["amplitude"][0] == pytest.approx(held["amplitude"][0], rel=1e-4, abs=0)


@pytest.mark.parametrize("high", [7e-12, 1.1e-11, 1.3e-11, 2.3e-11])
def test_bounds_of_parameters_with_odd_scales(likelihood, crab, high):
    fit = likelihood.with_models(crab.with_bounds({"amplitude": (0, high)})).fit()
    assert "crab.spectral.amplitude is at its bound" in fit.message


def test_bounds_away_from_the_optimum_change_nothing(likelihood, crab, result):
    fit = likelihood.with_models(crab.with_bounds({"index": (1.0, 4.0), "amplitude": (0.0, 1e-9)})).fit()
    assert fit.message == result.message
    assert fit.total_stat == pytest.approx(result.total_stat, abs=1e-8)
    np.testing.assert_allclose(fit.covariance, result.covariance, rtol=1e-5)


def test_a_start_outside_of_the_bounds_is_moved_inside(likelihood, crab, result):
    fit = likelihood.with_models(crab.with_values({"index": 4.0}).with_bounds({"index": (1.0, 3.0)})).fit()
    assert fit.total_stat == pytest.approx(result.total_stat, abs=1e-7)


# ---- priors ----


def test_a_gaussian_prior_adds_its_information(likelihood, crab, result):
    value, error = result["index"]
    fit = likelihood.with_models(crab.with_priors({"index": GaussianPrior(value, error)})).fit()
    assert fit["index"][0] == pytest.approx(value, abs=1e-6)
    assert fit["index"][1] == pytest.approx(error / np.sqrt(2), rel=1e-6)
    assert fit.total_stat == pytest.approx(result.total_stat, abs=1e-8)
    tight = likelihood.with_models(crab.with_priors({"index": GaussianPrior(3.0, 1e-4)})).fit()
    assert tight["index"][0] == pytest.approx(3.0, abs=1e-4)
    assert tight.success


def test_the_prior_of_a_linked_parameter_counts_once(simulate_on_off):
    index = Parameter(2.4, prior=GaussianPrior(2.0, 0.1))
    pair = [SkyModel(PowerLawSpectralModel(index=index, amplitude=1e-11), name=name) for name in "ab"]
    dataset = simulate_on_off("bright", seed=3)
    with_prior = Likelihood(dataset, pair)
    without = Likelihood(dataset, Models(pair).with_priors({"a.spectral.index": None}))
    assert with_prior.stat_sum() - without.stat_sum() == pytest.approx(16.0)
    frozen = Likelihood(dataset, Models(pair).freeze("a.spectral.index"))
    assert frozen.stat_sum() == pytest.approx(without.stat_sum(), abs=1e-9)


# ---- what can go wrong ----


def test_no_free_parameter(likelihood):
    with pytest.raises(FitError, match=r"no parameter is free; parameters are: crab.spectral.index"):
        likelihood.freeze().fit()
    with pytest.raises(FitError, match="no parameter is free"):
        likelihood.freeze().sample(jax.random.key(0))


@pytest.mark.parametrize("changes", [{"index": 1e6}, {"index": -1e6}, {"reference": -1.0}])
def test_a_start_without_a_finite_statistic_names_the_values(likelihood, crab, changes):
    with pytest.raises(FitError, match=r"not finite at the start, at crab.spectral.index = "):
        likelihood.with_models(crab.with_values(changes)).fit()


def test_parameters_without_influence_are_reported_and_leave_the_others_alone(likelihood, crab, result):
    ghost = SkyModel(PowerLawSpectralModel(), name="ghost", datasets_names="nothing")
    fit = likelihood.with_models([*crab, ghost]).fit()
    assert not fit.success
    assert "ghost.spectral.index has no influence on the data" in fit.message
    assert "ghost.spectral.amplitude has no influence on the data" in fit.message
    np.testing.assert_allclose(fit.covariance[:2, :2], result.covariance, rtol=1e-6)
    assert np.isnan(fit["ghost.spectral.index"][1])
    ours, theirs = (f.flux("crab", "1 TeV", "10 TeV")[1].value for f in (fit, result))
    assert ours == pytest.approx(theirs, rel=1e-6, abs=0)
    assert np.isnan(fit.flux("ghost", "1 TeV", "10 TeV")[1].value)


def test_twins_are_not_called_a_success(likelihood, crab):
    """Two sources of one shape: only the sum of their amplitudes is measured."""
    twin = SkyModel(PowerLawSpectralModel(index=2.3, amplitude=1e-12), name="twin")
    models = Models([*crab, twin]).with_values({"index": 2.3}).freeze("index")
    fit = likelihood.with_models(models).fit()
    assert not fit.success
    assert "the Hessian is not positive" in fit.message


def test_a_corner_of_the_statistic_is_reached_and_reported(simulate_on_off):
    """Bins without any counts have a corner at zero signal; the best amplitude of an empty sky sits there."""
    dataset = simulate_on_off("empty", seed=0, amplitude=0.0, background=0.2)
    model = SkyModel(
        PowerLawSpectralModel(index=Parameter(2.3, frozen=True), amplitude="1e-12 cm-2 s-1 TeV-1"), name="s"
    )
    likelihood = Likelihood(dataset, model)
    fit = likelihood.fit()
    scan = jax.vmap(likelihood.statistic)(jnp.linspace(-2, 2, 401)[:, None])
    assert fit.total_stat <= float(scan.min()) + 1e-6
    assert abs(fit["amplitude"][0]) < 1e-17
    assert not fit.success
    assert "no step lowered the statistic any further" in fit.message
    slope = float(likelihood.statistic(jnp.array([1.0])) - likelihood.statistic(jnp.array([0.0])))
    assert fit.upper_limit("amplitude") == pytest.approx(4 / slope * 1e-12, rel=1e-4, abs=0)


def test_names_of_results(result):
    with pytest.raises(KeyError, match="no parameter is called 'idnex'"):
        result["idnex"]
    with pytest.raises(KeyError, match=r"'crab.spectral.\*' matches several parameters"):
        result["crab.spectral.*"]
    with pytest.raises(KeyError, match=r"is frozen; free parameters are: crab.spectral.index"):
        result.profile("reference")
    with pytest.raises(KeyError, match="no model is called 'vela'"):
        result.dnde("vela", "1 TeV")


# ---- error propagation ----


def test_errors_of_fluxes_are_those_of_numerical_derivatives(result):
    best, covariance = values_of(result), result.covariance

    def numerical(face):
        def f(values):
            return face(PowerLawSpectralModel(index=values[0], amplitude=values[1])).value

        step = 1e-4 * np.sqrt(np.diag(covariance))
        slope = np.array([(f(best + s) - f(best - s)) / (2 * s.sum()) for s in np.diag(step)])
        return f(best), np.sqrt(slope @ covariance @ slope)

    for ours, face in (
        (result.dnde("crab", "3 TeV"), lambda m: m("3 TeV")),
        (result.flux("crab", "1 TeV", "10 TeV"), lambda m: m.integral("1 TeV", "10 TeV")),
        (result.energy_flux("crab", "1 TeV", "10 TeV"), lambda m: m.energy_flux("1 TeV", "10 TeV")),
    ):
        value, error = numerical(face)
        assert ours[0].value == pytest.approx(value, rel=1e-10, abs=0)
        assert ours[1].value == pytest.approx(error, rel=1e-5, abs=0)


def test_error_at_the_pivot_energy_is_smallest(result):
    energy = np.geomspace(0.5, 20, 60)
    import astropy.units as u

    value, error = result.dnde("crab", energy * u.TeV)
    relative = (error / value).value
    assert 0 < np.argmin(relative) < 59
    assert relative.min() < relative[0]
    assert relative.min() < relative[-1]


# ---- many fits at once ----


def test_pulls_of_toys_have_mean_zero_and_width_one(likelihood, crab, simulate_on_off):
    truth = likelihood.with_models(crab.with_values({"index": 2.3, "amplitude": 3e-11}))
    asimov = simulate_on_off("bright", asimov=True)
    on, off = asimov.counts.data.ravel(), asimov.counts_off.data.ravel()
    rng = np.random.default_rng(11)
    n = 500
    toys_on, toys_off = (jnp.asarray(rng.poisson(mean, (n, 1, len(mean))).astype(float)) for mean in (on, off))

    def one(counts, counts_off):
        problem = eqx.tree_at(
            lambda p: (p.buckets[0].counts, p.buckets[0].counts_off), truth.problem, (counts, counts_off)
        )
        minimum = minimise(problem, start, jnp.zeros(start.shape, bool))
        covariance, is_positive = covariance_at(hessian(problem, minimum.x), minimum.fisher, problem)
        return minimum.x[:2], jnp.sqrt(jnp.diag(covariance)[:2]), minimum.status, is_positive

    start = truth.padded(truth.x0)
    x, error, status, is_positive = jax.jit(jax.vmap(one))(toys_on, toys_off)
    good = (np.asarray(status) == CONVERGED) & np.asarray(is_positive)
    assert good.mean() > 0.99
    pull = ((np.asarray(x) - np.asarray(start)[:2]) / np.asarray(error))[good]
    # the amplitude of a Poisson fit is skewed by a tenth of a sigma; the standard error of the mean is 0.045
    assert (np.abs(pull.mean(axis=0)) < 0.2).all()
    assert (np.abs(pull.std(axis=0) - 1) < 0.1).all()


def test_asimov_data_return_the_truth(simulate_on_off):
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude=1e-11), name="crab")
    fit = Likelihood(simulate_on_off("asimov", asimov=True), model).fit()
    # the simulation integrates the flux as the likelihood does
    assert fit["index"][0] == pytest.approx(2.3, abs=1e-5)
    assert fit["amplitude"][0] == pytest.approx(3e-11, rel=1e-5, abs=0)
    assert fit.total_stat == pytest.approx(0.0, abs=1e-8)


def test_single_precision_fits_to_a_hundredth_of_sigma(simulate_on_off, result):
    with jax.enable_x64(False):
        model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="1e-11 cm-2 s-1 TeV-1"), name="crab")
        fit = Likelihood(simulate_on_off("bright", seed=3), model).fit()
        assert fit.x.dtype == np.float32
    assert fit.success
    for name in ("index", "amplitude"):
        value, error = result[name]
        assert abs(fit[name][0] - value) < 0.02 * error
        assert fit[name][1] == pytest.approx(error, rel=0.02, abs=0)


def test_statuses_are_different_numbers():
    assert CONVERGED != STALLED


def test_a_result_may_be_asked_first_inside_a_trace(likelihood):
    result = likelihood.fit()
    points = jnp.stack([result.likelihood.x0, likelihood.x0])
    fresh = likelihood.fit().likelihood
    values = jax.lax.map(fresh.statistic, points)
    assert float(values[0]) == pytest.approx(result.total_stat, rel=1e-12)
    assert float(jax.jit(fresh.statistic)(points[0])) == pytest.approx(result.total_stat, rel=1e-12)
    assert fresh.stat_sum() == pytest.approx(result.total_stat, rel=1e-12)

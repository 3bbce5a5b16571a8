"""Cash, WStat and chi-square: closed forms, edges, derivatives and digits."""

import decimal
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from gjax.likelihood import background_profile, cash, cash_weight, chi2, chi2_asymmetric, wstat, wstat_weight
from gjax.likelihood._poisson import FLOOR, log_ratio

D = decimal.Decimal
decimal.getcontext().prec = 60


def exact_cash(mu, n):
    mu, n = D(mu), D(n)
    return 2 * (mu - n + (n * (n / mu).ln() if n > 0 else 0))


def exact_wstat(mu, n_on, n_off, alpha):
    """The on-off deviance with 60 digits, from the quadratic of the XSPEC manual."""
    mu, n_on, n_off, alpha = D(mu), D(n_on), D(n_off), D(alpha)
    centre = alpha * (n_on + n_off) - (1 + alpha) * mu
    b = (centre + (centre**2 + 4 * alpha * (1 + alpha) * n_off * mu).sqrt()) / (2 * alpha * (1 + alpha))
    if n_off == 0 and mu > alpha * n_on / (1 + alpha):
        b = D(0)
    rate = mu + alpha * b
    on = rate - n_on + (n_on * (n_on / rate).ln() if n_on > 0 else 0)
    off = b - n_off + (n_off * (n_off / b).ln() if n_off > 0 else 0)
    return 2 * (on + off)


def deviance(rate, n):
    """Poisson deviance, infinite for impossible rates."""
    if rate < 0 or (rate == 0 and n > 0):
        return math.inf
    return 2 * (rate - n + (n * math.log(n / rate) if n > 0 else 0.0))


def profiled(mu, n_on, n_off, alpha):
    """The on-off deviance by brute force: minimised over the background numerically."""
    low = max(0.0, -mu / alpha)
    scan = low + np.concatenate([[0.0], np.geomspace(1e-9, 100 + 10 * (n_on + n_off) / min(alpha, 1), 4000)])
    values = np.array([deviance(mu + alpha * b, n_on) + deviance(b, n_off) for b in scan])
    best = int(np.argmin(values))
    bounds = scan[max(best - 1, 0)], scan[min(best + 1, len(scan) - 1)]
    found = minimize_scalar(
        lambda b: deviance(mu + alpha * b, n_on) + deviance(b, n_off),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-12},
    )
    return min(found.fun, values[best])


def derivatives(function, order):
    """The function and its derivatives by the first argument, over arrays, compiled."""
    for _ in range(order):
        function = jax.grad(function)
    return jax.jit(jax.vmap(function))


CASH = [derivatives(cash, order) for order in range(3)]
WSTAT = [derivatives(wstat, order) for order in range(3)]
ON_OFF = [(0, 0), (0, 1), (0, 40), (1, 0), (30, 0), (1, 1), (5, 80), (80, 5), (1000, 3), (3, 1000)]
SHAPE = 512


def evaluate(functions, *columns):
    """Evaluate on arrays padded to one length, so that each function is compiled once."""
    arrays = np.broadcast_arrays(*(np.asarray(c, dtype=float) for c in columns))
    size = arrays[0].size
    padded = [np.concatenate([a.ravel(), np.ones(SHAPE - size)]) for a in arrays]
    return [np.asarray(f(*padded))[:size].reshape(arrays[0].shape) for f in functions]


def test_cash_agrees_with_sixty_digits():
    factor = np.array([1e-6, 0.1, 0.49, 0.51, 0.999999, 1.0, 1.000001, 1.49, 1.51, 30.0])
    for n in (0, 1, 3, 1000, 7_000_000):
        mu = factor * max(n, 1)
        exact = np.array([float(exact_cash(m, n)) for m in mu])
        # the rounding of mu itself moves the last term by eps * n * |factor - 1|
        slack = 1e-15 * n * np.abs(factor - 1) + 1e-300
        (ours,) = evaluate(CASH[:1], mu, n)
        assert (np.abs(ours - exact) <= 1e-12 * np.abs(exact) + slack).all(), n


def test_cash_and_its_derivatives_are_finite_at_and_below_zero():
    mu, n = np.meshgrid([-3.0, -1e-9, 0.0, 1e-13, 1e-9], [0.0, 1.0, 5.0])
    value, slope, curvature = evaluate(CASH, mu, n)
    assert np.isfinite([value, slope, curvature]).all()
    assert (slope[n > 0] < 0).all()
    assert (curvature[n > 0] > 0).all()


def test_cash_of_an_empty_bin_pushes_back_below_zero_and_has_the_physical_slope_at_zero():
    value, slope, _ = evaluate(CASH, [-2.0, 0.0, 2.0], 0.0)
    np.testing.assert_array_equal(value, [4.0, 0.0, 4.0])
    np.testing.assert_array_equal(slope, [-2.0, 2.0, 2.0])


def test_log_ratio_is_a_logarithm_with_two_smooth_derivatives_through_the_floor():
    ratio = np.array([1e-11, 1e-3, 0.49, 0.5, 0.51, 1.0, 1.5, 1e4])
    functions = [derivatives(log_ratio, order) for order in range(3)]
    np.testing.assert_allclose(evaluate(functions[:1], ratio * 7.0, 7.0)[0], np.log(ratio), rtol=1e-13, atol=1e-15)
    below, above = (evaluate(functions, [FLOOR * 7.0 * (1 + side)], 7.0) for side in (-1e-6, 1e-6))
    np.testing.assert_allclose(below, above, rtol=1e-4)
    low, no_counts = evaluate(functions[:1], [-3.0, 3.0], [7.0, 0.0])[0]
    assert low < math.log(FLOOR)
    assert no_counts == 0.0


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 3.0])
def test_wstat_is_the_minimum_over_the_background(alpha):
    mu = np.array([0.0, 1e-6, 0.3, 2.0, 25.0, 300.0])
    for n_on, n_off in ON_OFF:
        (ours,) = evaluate(WSTAT[:1], mu, n_on, n_off, alpha)
        brute = [profiled(m, n_on, n_off, alpha) for m in mu]
        np.testing.assert_allclose(ours, brute, rtol=1e-7, atol=1e-7, err_msg=f"{n_on} {n_off}")
        exact = [float(exact_wstat(m, n_on, n_off, alpha)) for m in mu[1:]]
        np.testing.assert_allclose(ours[1:], exact, rtol=1e-11, atol=1e-12, err_msg=f"{n_on} {n_off}")


def test_wstat_at_negative_signal_is_the_minimum_over_the_background():
    mu = [-0.01, -0.5, -3.0]
    for n_on, n_off in ((1, 1), (5, 80), (80, 5), (0, 40), (30, 0), (0, 0)):
        (ours,) = evaluate(WSTAT[:1], mu, n_on, n_off, 0.2)
        np.testing.assert_allclose(ours, [profiled(m, n_on, n_off, 0.2) for m in mu], rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.01, 1.0])
def test_wstat_value_gradient_and_hessian_are_finite_everywhere(alpha):
    for n_on, n_off in ON_OFF:
        kink = alpha * n_on / (1 + alpha)
        mu = np.array([-10.0, -1e-3, -1e-13, 0.0, 1e-13, 1e-9, kink, kink * (1 + 1e-12), 1.0, 1e5])
        assert np.isfinite(evaluate(WSTAT, mu, n_on, n_off, alpha)).all(), (n_on, n_off)
        weight = wstat_weight(mu, *(np.full(mu.shape, float(a)) for a in (n_on, n_off, alpha)))
        assert np.isfinite(weight).all()
        assert (weight > 0).all()


@pytest.mark.parametrize("alpha", [0.0, 0.05, 1.0])
def test_wstat_slope_at_zero_signal_is_that_of_the_physical_side(alpha):
    for n_on, n_off in ON_OFF:
        at_zero, above = evaluate(WSTAT[1:2], [0.0, 1e-9], n_on, n_off, alpha)[0]
        if alpha == 0 and n_on > 0:
            assert at_zero < -1e6
        else:
            assert at_zero == pytest.approx(above, rel=1e-5, abs=1e-5), (n_on, n_off)


def test_wstat_without_background_acceptance_is_the_deviance_of_the_on_counts():
    mu = np.array([0.5, 3.0, 100.0])
    for n_on, n_off in ON_OFF:
        (ours,) = evaluate(WSTAT[:1], mu, n_on, n_off, 0.0)
        np.testing.assert_allclose(ours, [deviance(m, n_on) for m in mu], rtol=1e-12, atol=1e-12)


def test_wstat_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(1)
    n_on, n_off = rng.poisson(5, 200).astype(float), rng.poisson(3, 200).astype(float)
    alpha, mu = rng.uniform(0.05, 2, 200), rng.gamma(2.0, 3.0, 200)
    (slope,) = evaluate(WSTAT[1:2], mu, n_on, n_off, alpha)
    step = 1e-5
    up, down = (evaluate(WSTAT[:1], mu + s, n_on, n_off, alpha)[0] for s in (step, -step))
    numerical = (up - down) / (2 * step)
    np.testing.assert_allclose(slope, numerical, rtol=1e-5, atol=1e-6)


def test_background_profile_keeps_its_digits_for_a_strong_source():
    mu, n_on, n_off, alpha = 1e7, 1e7, 3.0, 0.1
    centre = D(alpha) * (D(n_on) + D(n_off)) - (1 + D(alpha)) * D(mu)
    root = (centre**2 + 4 * D(alpha) * (1 + D(alpha)) * D(n_off) * D(mu)).sqrt()
    exact = (centre + root) / (2 * D(alpha) * (1 + D(alpha)))
    ours = background_profile(*(jnp.asarray(v) for v in (mu, n_on, n_off, alpha)))
    assert float(ours) == pytest.approx(float(exact), rel=1e-13)


def test_weights_are_the_fisher_information_at_the_expectation():
    """The weight is half the second derivative where the data equal their expectation."""
    mu, b, alpha = 12.0, 30.0, 0.25
    n_on, n_off = mu + alpha * b, b
    (curvature,) = evaluate(WSTAT[2:], [mu], n_on, n_off, alpha)
    assert float(wstat_weight(mu, n_on, n_off, alpha)) == pytest.approx(curvature[0] / 2, rel=1e-10)
    (curvature,) = evaluate(CASH[2:], [mu], mu)
    assert float(cash_weight(mu, mu)) == pytest.approx(curvature[0] / 2, rel=1e-10)


@pytest.mark.parametrize("n", [3.0, 1e3, 1e5, 7e6])
def test_single_precision_keeps_differences_of_the_statistic(n):
    """Differences over a few standard deviations; the raw form is off by 6.4 at 7e6 counts."""
    mu = np.float32(n) + np.sqrt(n, dtype=np.float32) * np.linspace(-1.5, 3, 31, dtype=np.float32)
    off = np.float32(2 * n)
    with jax.enable_x64(False):
        ours = np.asarray(cash(jnp.asarray(mu), jnp.float32(n)), dtype=float)
        on_off = np.asarray(wstat(jnp.asarray(mu), *(jnp.float32(v) for v in (1.5 * n, off, 0.25))), dtype=float)
    exact = np.array([float(exact_cash(float(m), float(np.float32(n)))) for m in mu])
    np.testing.assert_allclose(ours, exact, atol=2e-3, rtol=1e-4)
    args = float(np.float32(1.5 * n)), float(off), 0.25
    exact = np.array([float(exact_wstat(float(m), *args)) for m in mu])
    np.testing.assert_allclose(on_off, exact, atol=2e-3, rtol=3e-4)


def test_single_precision_is_finite_at_the_edges():
    mu, n_on, n_off, alpha = (
        np.asarray(column, np.float32)
        for column in zip(
            *(
                (m, *case, a)
                for m in (-10.0, -1e-6, 0.0, 1e-30, 1e-6, 1.0, 1e6)
                for case in ON_OFF
                for a in (0.0, 0.01, 1.0)
            )
        )
    )
    with jax.enable_x64(False):
        for order in range(3):
            values = derivatives(wstat, order)(mu, n_on, n_off, alpha)
            assert values.dtype == jnp.float32
            assert np.isfinite(values).all(), order


def test_chi2_closed_form():
    assert chi2(jnp.asarray(3.0), jnp.asarray(1.0), jnp.asarray(4.0)) == 0.25
    args = [jnp.asarray(v) for v in (2.0, 0.5, 0.25, jnp.nan, False)]
    assert float(chi2_asymmetric(jnp.asarray(3.0), *args)) == pytest.approx(16.0)
    assert float(chi2_asymmetric(jnp.asarray(1.0), *args)) == pytest.approx(4.0)
    assert float(chi2_asymmetric(jnp.asarray(2.0), *args)) == 0.0


def test_chi2_slope_is_continuous_at_the_measured_value():
    args = [jnp.asarray(v) for v in (2.0, 0.5, 0.25, jnp.nan, False)]
    slope = jax.grad(lambda f: chi2_asymmetric(f, *args))
    assert abs(float(slope(2.0 - 1e-9))) < 1e-7
    assert abs(float(slope(2.0))) < 1e-7


def test_upper_limit_is_censored_data():
    limit = 3.0
    args = [jnp.asarray(v) for v in (jnp.nan, jnp.nan, jnp.nan, limit, True)]
    f = lambda flux: chi2_asymmetric(flux, *args)  # noqa: E731
    assert float(f(0.0)) == pytest.approx(0.0, abs=1e-12)
    for flux in (1.0, 3.0, 30.0, 1e4):
        expected = -2 * (log_ndtr(math.sqrt(2) * (limit - flux) / limit) - log_ndtr(math.sqrt(2)))
        assert float(f(flux)) == pytest.approx(expected, rel=1e-10)
    for flux in (-5.0, 0.0, 3.0, 300.0):
        assert np.isfinite([float(jax.grad(f)(flux)), float(jax.grad(jax.grad(f))(flux))]).all()
    assert (np.diff([float(f(x)) for x in np.linspace(0, 20, 30)]) > 0).all()

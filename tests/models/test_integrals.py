"""Integrals over energy bins at ordinary and special points."""

import decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from gjax.models import BrokenPowerLawSpectralModel, PowerLaw2SpectralModel, PowerLawSpectralModel
from gjax.models._integrate import expm1_ratio, gauss_legendre, power_law_integral
from gjax.parameters import fill, freeze_tree

RATIO = [jax.jit(jax.vmap(f)) for f in (expm1_ratio, jax.grad(expm1_ratio), jax.grad(jax.grad(expm1_ratio)))]


def exact_ratio(x, order):
    """Derivatives of (exp(x) - 1) / x from the series with 60 digits."""
    decimal.getcontext().prec = 60
    x, total, factorial = decimal.Decimal(float(x)), decimal.Decimal(0), decimal.Decimal(1)
    for k in range(200):
        factorial *= k + 1
        coefficient = decimal.Decimal(int(np.prod(np.arange(k, k - order, -1), dtype=object)) if order else 1)
        if k >= order:
            total += coefficient * (x ** (k - order) if k > order else 1) / factorial
    return float(total)


@pytest.mark.parametrize(("order", "rtol", "rtol_single"), [(0, 1e-15, 2e-7), (1, 1e-13, 2e-5), (2, 1e-11, 5e-4)])
def test_expm1_ratio_and_its_derivatives(order, rtol, rtol_single):
    x = np.array(
        [-20.0, -1.0, -0.11, -0.1, -0.0999, -0.01, -1e-3, -1e-8, 0.0, 1e-16, 1e-4, 0.0099, 0.0101, 0.0999, 0.1001, 3.0]
    )
    exact = [exact_ratio(v, order) for v in x]
    np.testing.assert_allclose(RATIO[order](x), exact, rtol=rtol)
    with jax.enable_x64(False):
        single = np.asarray(RATIO[order](jnp.asarray(x, jnp.float32)))
    np.testing.assert_allclose(single, [exact_ratio(np.float32(v), order) for v in x], rtol=rtol_single)


def in_index(index, low, high):
    return power_law_integral(1 - index, low, high)


IN_INDEX = [jax.jit(f) for f in (in_index, jax.grad(in_index), jax.grad(jax.grad(in_index)))]


@pytest.mark.parametrize("index", [1.0, 1.0 + 1e-9, 1.0 - 1e-12, 1.003])
def test_power_law_integral_at_index_one(index):
    """Value, gradient and second derivative are the moments of the logarithm."""
    low, high = np.log(0.5), np.log(7.0)

    moments = [quad(lambda t, k=k: (-t) ** k * np.exp((1 - index) * t), low, high)[0] for k in range(3)]
    for order, (moment, rtol) in enumerate(zip(moments, (1e-13, 1e-12, 1e-10))):
        assert float(IN_INDEX[order](index, low, high)) == pytest.approx(moment, rel=rtol, abs=0)


def test_gauss_legendre_error_of_a_steep_power_law():
    energy = jnp.asarray([1.0, np.e])
    ours = gauss_legendre(lambda e: e**-6.0, energy[:1], energy[1:], 8)
    assert float(ours[0]) == pytest.approx((1 - np.exp(-5)) / 5, rel=1e-11)


def test_gauss_legendre_of_a_bin_without_width_is_zero():
    assert float(gauss_legendre(lambda e: e**-2.0, jnp.asarray(3.0), jnp.asarray(3.0), 8)) == 0.0


@pytest.fixture(scope="module")
def broken():
    skeleton, table = freeze_tree(BrokenPowerLawSpectralModel(index1=1.0, index2=2.7, amplitude=1.0))
    low, high = jnp.asarray([0.3, 1.0, 2.0]), jnp.asarray([1.0, 2.0, 9.0])

    def f(theta):
        return fill(skeleton, theta).integrate(low, high)

    return jax.jit(lambda theta: (f(theta), jax.jacfwd(f)(theta))), table


@pytest.mark.parametrize("ebreak", [0.1, 0.3, 1.0, 1.0 + 1e-9, 1.4, 2.0, 9.0, 20.0])
def test_broken_power_law_is_exact_wherever_the_break_is(broken, ebreak):
    f, table = broken
    theta = table.values.copy()
    theta[table.names.index("ebreak")] = ebreak
    value, jacobian = f(theta)

    def exact(low, high, eb, i1=1.0):
        flux = lambda e: (e / eb) ** -(i1 if e < eb else 2.7)  # noqa: E731
        points = [eb] if low < eb < high else None
        return quad(flux, low, high, points=points, epsabs=0, epsrel=1e-12)[0]

    edges = [(0.3, 1.0), (1.0, 2.0), (2.0, 9.0)]
    np.testing.assert_allclose(value, [exact(*pair, ebreak) for pair in edges], rtol=1e-10)
    step = 1e-6
    for name, number in (
        ("ebreak", [(exact(*p, ebreak + step) - exact(*p, ebreak - step)) / (2 * step) for p in edges]),
        ("index1", [(exact(*p, ebreak, 1 + step) - exact(*p, ebreak, 1 - step)) / (2 * step) for p in edges]),
    ):
        np.testing.assert_allclose(jacobian[:, table.names.index(name)], number, rtol=2e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("index", [1.0, 2.0, 2.6])
def test_power_law_2_is_a_power_law_with_another_amplitude(index):
    integral = PowerLaw2SpectralModel(amplitude=3e-12, index=index, emin=0.5, emax=20.0)
    amplitude = integral("1 TeV")
    plain = PowerLawSpectralModel(index=index, amplitude=amplitude)
    assert integral.integral("0.5 TeV", "20 TeV").to_value("cm-2 s-1") == pytest.approx(3e-12, rel=1e-13, abs=0)
    for method in ("integral", "energy_flux"):
        ours, other = (getattr(m, method)("2 TeV", "3 TeV").value for m in (integral, plain))
        assert ours == pytest.approx(other, rel=1e-12, abs=0)

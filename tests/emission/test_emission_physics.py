"""Limits that textbooks know, and integrals done by other means."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from gjax.emission import (
    BlackBodyPhotonField,
    ExpCutoffPowerLawParticles,
    InverseComptonSpectralModel,
    LinePhotonField,
    PowerLawParticles,
    SynchrotronSelfComptonSpectralModel,
    SynchrotronSpectralModel,
    TablePhotonField,
)
from gjax.emission._moments import kernels
from gjax.emission._proton_proton import _pion_end, threshold
from gjax.emission._quadrature import log_integral, solve_product

MASS = 510998.95  # eV
THOMSON = 6.6524587e-25  # cm2
LIGHT = 29979245800.0  # cm s-1
ERG = 1.602176634e-12  # erg per eV
KPC = 3.0856775814913674e21


def narrow(energy):
    """Electrons within 2 % of an energy [TeV], and their number."""
    particles = PowerLawParticles(amplitude=1e36, e_0=energy, alpha=0.0)
    return particles, {"energy_min": 0.99 * energy, "energy_max": 1.01 * energy}, 1e36 * 0.02 * energy * 1e12


def power(model, low, high):
    """Energy per time [eV s-1] of all photons between two energies [TeV]."""
    grid = np.geomspace(low, high, 4000)
    flux = np.asarray(jax.jit(lambda model: model.evaluate(grid))(model.filled()))
    return np.trapezoid(flux * grid**2, np.log(grid)) * 1e12 * 4 * np.pi * KPC**2


def test_power_of_synchrotron_radiation():
    """4/3 σ_T c U_B γ² per electron (Rybicki & Lightman 1979, equation 6.7b), from the approximation to 0.2 %."""
    particles, limits, number = narrow(1.0)
    field = 100e-6
    gamma = 1e12 / MASS
    expected = number * 4 / 3 * THOMSON * LIGHT * (field**2 / (8 * np.pi) / ERG) * gamma**2
    found = power(SynchrotronSpectralModel(particles, B="100 uG", **limits), 1e-21, 1e-9)
    # (0.99, 1.01) of an energy: the mean of its square is 1 + 1e-4 / 3
    assert found == pytest.approx(expected, rel=4e-3)


@pytest.mark.parametrize(
    "field",
    [BlackBodyPhotonField(2.72548, 0.26055), LinePhotonField(6e-4, 0.26055)],
    ids=["blackbody", "line"],
)
def test_power_of_scattering_at_low_energies(field):
    """4/3 σ_T c U γ² per electron (equation 7.16a) while γ ε << m c²; the first correction is known."""
    particles, limits, number = narrow(0.01)
    gamma = 1e10 / MASS
    expected = number * 4 / 3 * THOMSON * LIGHT * 0.26055 * gamma**2
    found = power(InverseComptonSpectralModel(particles, [field], **limits), 1e-15, 0.011)
    assert found == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("energy", [1e-3, 1.0, 40.0])
def test_scattering_on_a_line_is_the_integral_of_jones(energy):
    """Deep in the regime of Klein and Nishina, where the kernel is narrow: 50 TeV electrons, photons of 2 eV."""
    particles = ExpCutoffPowerLawParticles(amplitude=1e36, alpha=2.0, e_cutoff=50.0)
    line, density = 2.0 / MASS, 1.0 / 2.0
    epsilon = energy * 1e12 / MASS

    def integrand(log_y):
        y = np.exp(log_y)
        gamma = epsilon * (1 + y)
        z = 1 / (1 + y)
        q = z / (4 * line * gamma * (1 - z))
        if q > 1:
            return 0.0
        kernel = 2 * q * np.log(q) + (1 + 2 * q) * (1 - q) + 0.5 * z**2 / (1 - z) * (1 - q)
        electron = gamma * MASS / 1e12
        number = 1e36 * electron**-2.0 * np.exp(-electron / 50.0)
        return number * 0.75 * THOMSON * LIGHT / gamma**2 * density / line * kernel * epsilon * y

    start = float(solve_product(-np.log(4 * epsilon * line)))
    start = max(start, np.log(max(1e9 / MASS / epsilon - 1, 1e-300)))
    ends = np.linspace(start, np.log(1e9 / epsilon - 1), 30)
    expected = sum(quad(integrand, a, b, epsrel=1e-9)[0] for a, b in itertools.pairwise(ends))
    expected *= 1e12 / (4 * np.pi * KPC**2)
    model = InverseComptonSpectralModel(particles, [LinePhotonField("2 eV", "1 eV cm-3")])
    assert model([energy]).value[0] == pytest.approx(expected, rel=3e-4)


def test_a_table_of_a_planck_spectrum_is_a_black_body():
    temperature, energy = 3000.0, np.geomspace(0.005, 6.0, 200)
    x = energy / (8.617333262e-5 * temperature)
    shape = energy**2 / np.expm1(x)
    density = shape / np.trapezoid(shape * energy**2, np.log(energy))  # 1 eV cm-3
    electrons = PowerLawParticles(alpha=2.5)
    at = np.array([1e-4, 1e-2, 1.0, 30.0])
    table = InverseComptonSpectralModel(electrons, [TablePhotonField(energy, density)])(at).value
    body = InverseComptonSpectralModel(electrons, [BlackBodyPhotonField(temperature, 1.0)])(at).value
    np.testing.assert_allclose(table, body, rtol=0.015)


def test_own_photons_are_those_of_a_sphere():
    """Scattering of a table of 9/4 L / (4 π R² c) is what the self-Compton model does."""
    electrons = ExpCutoffPowerLawParticles(amplitude=3e36, alpha=2.5, e_cutoff=100.0)
    photons = np.geomspace(1e-7, 1e7, 400)
    value = jax.jit(lambda model, energy: model.evaluate(energy))
    flux = np.asarray(value(SynchrotronSpectralModel(electrons, B=100.0).filled(), photons * 1e-12))
    radius = 2.0 * KPC / 1e3
    density = 9 / 4 * flux * 1e-12 * KPC**2 / (radius**2 * LIGHT)
    keep = density > 1e-60
    table = TablePhotonField(photons[keep], density[keep])
    at = np.array([1e-3, 0.1, 10.0])
    both = SynchrotronSelfComptonSpectralModel(electrons, B=100.0, radius=2.0, photon_fields=["CMB"])
    parts = jax.jit(lambda model, energy: model.components(energy))(both.filled(), at)
    assert set(parts) == {"synchrotron", "SSC", "CMB"}
    expected = value(InverseComptonSpectralModel(electrons, [table]).filled(), at)
    np.testing.assert_allclose(parts["SSC"], expected, rtol=2e-3)
    np.testing.assert_allclose(sum(parts.values()), value(both.filled(), at), rtol=1e-12)


def test_energy_content():
    """Of a power law of index 2: A E0² ln(E2 / E1)."""
    found = PowerLawParticles(amplitude=1e36, alpha=2.0).energy_content("1 GeV", "100 TeV").value
    assert found == pytest.approx(1e36 * 1e12 * 1.602176634 * np.log(1e5), rel=1e-10)


def test_kernels_near_one():
    """2 q ln q + (1 + 2q)(1 - q) keeps its digits where it goes to zero."""
    for log_q in (-1e-9, -1e-5, -0.1, -5.0, -30.0):
        d = -np.expm1(log_q)
        near_one = d * (1 - d) + d**3 / 3  # third order of the kernel in 1 - q
        q = np.exp(log_q)
        exact = 2 * q * log_q + (1 + 2 * q) * (1 - q) if log_q < -1e-3 else near_one
        k1, k2 = kernels(jnp.asarray(log_q))
        assert float(k1) == pytest.approx(exact, rel=1e-9)
        assert float(k2) == pytest.approx(d, rel=1e-14)


def test_threshold_inverts_the_largest_energy_of_a_pion():
    kinetic = np.geomspace(0.28, 1e7, 40)
    np.testing.assert_allclose(threshold(_pion_end(jnp.asarray(kinetic))), kinetic, rtol=1e-6)


def test_an_empty_interval_gives_nothing():
    found = log_integral(lambda t: -t, jnp.array([0.0, 2.0]), jnp.array([0.0, 1.0]), nodes=8)
    assert (np.exp(found) == 0).all()


def test_pieces_without_width_do_not_count():
    """Even if the integrand is huge there."""
    value = log_integral(lambda t: jnp.where(t >= 1.0, 900.0, 0.0), jnp.array(0.0), jnp.array(0.5), 8, ends=(1.0,) * 0)
    assert float(jnp.exp(value)) == pytest.approx(0.5)
    value = log_integral(
        lambda t: jnp.where(jnp.arange(16) < 8, 0.0, 900.0), jnp.array(0.0), jnp.array(0.5), (8, 8), ends=(1.0,)
    )
    assert float(jnp.exp(value)) == pytest.approx(0.5)

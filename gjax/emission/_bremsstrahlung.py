"""Bremsstrahlung of relativistic electrons in an ionised gas."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.emission._base import AbstractEmissionModel, particle_limits
from gjax.emission._constants import ALPHA, ELECTRON_MASS, LIGHT_SPEED, LOG_ELECTRON_MASS, RADIUS_SQUARED
from gjax.emission._particles import AbstractParticleModel
from gjax.emission._quadrature import log_integral, solve_product
from gjax.parameters import ParameterField, parameter

__all__ = ["BremsstrahlungSpectralModel"]

_NODES = 32
#: Helium per hydrogen in the interstellar medium, as ions: sums of Z X and Z^2 X over the ions.
_HELIUM = 9.59e-2
_WEIGHT_EE = (1 + 2 * _HELIUM) / (1 + _HELIUM)
_WEIGHT_EP = (1 + 4 * _HELIUM) / (1 + _HELIUM)


def _series(terms: int) -> list[float]:
    """Return the coefficients c_k of the part of equation A3 that has no ln γ, as a series in ε.

    -1/ε² + 3/ε - 4 - 4ε - 8ε² - 2 (1 - 2ε) ln(1 - 2ε) (1/(4ε³) - 1/(2ε²) + 3/ε - 2 + 4ε): the poles cancel.
    """
    # (1 - 2ε) ln(1 - 2ε) = -2ε + sum over k >= 2 of (2ε)^k / (k (k - 1))
    log_part = {1: Fraction(-2)} | {k: Fraction(2**k, k * (k - 1)) for k in range(2, terms + 4)}
    factors = {-3: Fraction(1, 4), -2: Fraction(-1, 2), -1: Fraction(3), 0: Fraction(-2), 1: Fraction(4)}
    total = {-2: Fraction(-1), -1: Fraction(3), 0: Fraction(-4), 1: Fraction(-4), 2: Fraction(-8)}
    for k, a in log_part.items():
        for j, b in factors.items():
            total[k + j] = total.get(k + j, Fraction(0)) - 2 * a * b
    assert total[-2] == total[-1] == 0
    return [float(total.get(k, Fraction(0))) for k in range(terms)]


_SERIES = _series(24)


def _soft(epsilon: Array) -> Array:
    """Return the part of equation A3 without ln γ, for ε below 1/2 (0 elsewhere)."""
    is_small, is_soft = epsilon < 0.1, epsilon < 0.5
    near = jnp.where(is_small, epsilon, 0.0)
    series = jnp.zeros_like(epsilon)
    for coefficient in reversed(_SERIES):
        series = series * near + coefficient
    e = jnp.where(is_soft & ~is_small, epsilon, 0.25)
    poles = 1 / (4 * e**3) - 1 / (2 * e**2) + 3 / e - 2 + 4 * e
    closed = -1 / e**2 + 3 / e - 4 - 4 * e - 8 * e**2 - 2 * (1 - 2 * e) * jnp.log1p(-2 * e) * poles
    return jnp.where(is_small, series, jnp.where(is_soft, closed, 0.0))


class BremsstrahlungSpectralModel(AbstractEmissionModel):
    r"""Bremsstrahlung of electrons above 2 MeV on the ions and electrons of a gas.

    .. math:: \phi(E) = \frac{c}{4\pi d^2} \sum_s n_s \int N(E_e) \, \frac{d\sigma_s}{dE}(E_e, E) \, dE_e

    Cross sections of Baring et al. (1999, ApJ 513, 311, arXiv astro-ph/9810158): equation A1 with A2 to A4 on
    electrons, A2 on ions. As there, energies of photons are meant to be above 10 MeV.

    Parameters
    ----------
    particles
        Spectrum of the electrons.
    n0
        Density of ions [cm-3].
    distance
        Distance [kpc].
    energy_min, energy_max
        Between which energies there are electrons [TeV]; at least 2 MeV.
    weight_ee
        Electrons per ion, the sum of Z X over the ions; the default is an ionised interstellar medium.
    weight_ep
        Mean square of the charge of the ions, the sum of Z² X.

    Raises
    ------
    TypeError
        If ``particles`` is no particle spectrum.

    Examples
    --------
    >>> from gjax.emission import PowerLawParticles
    >>> model = BremsstrahlungSpectralModel(PowerLawParticles(alpha=2.2), n0="10 cm-3")
    >>> model("1 GeV").unit
    Unit("1 / (TeV s cm2)")
    """

    tag: ClassVar[str] = "bremsstrahlung"
    particles: AbstractParticleModel
    n0: ParameterField = parameter(1.0, "cm-3")
    distance: ParameterField = parameter(1.0, "kpc", frozen=True, min=1e-9)
    energy_min: ParameterField = parameter(1e-4, "TeV", constant=True, min=2e-6)
    energy_max: ParameterField = parameter(ELECTRON_MASS * 1e-3, "TeV", constant=True, min=2e-6)
    weight_ee: ParameterField = parameter(_WEIGHT_EE, frozen=True)
    weight_ep: ParameterField = parameter(_WEIGHT_EP, frozen=True)

    def components(self, energy: Array) -> dict[str, Array]:
        log_energy = jnp.log(energy)
        on_electrons, on_ions = (
            self._flux(self._log_rate(log_energy, electrons=electrons)) for electrons in (True, False)
        )
        return {
            "electron-electron": self.n0 * self.weight_ee * on_electrons,
            "electron-ion": self.n0 * self.weight_ep * on_ions,
        }

    def _log_rate(self, log_energy: Array, *, electrons: bool) -> Array:
        """Return ln of the photons per energy and time [eV-1 s-1] per unit amplitude, density and weight."""
        log_epsilon = log_energy - LOG_ELECTRON_MASS
        epsilon = jnp.exp(log_epsilon)
        low, high = particle_limits(self.particles, self.energy_min, self.energy_max)
        low = jnp.maximum(low, math.log(2e-6))

        def log_y(log_electron: Array) -> Array:
            excess = log_electron - log_energy
            above = excess > 1e-12
            return jnp.where(above, excess + jnp.log(-jnp.expm1(-jnp.where(above, excess, 1.0))), -60.0)

        # equation A2 is positive where 2 γ (γ - ε) / ε = 2 ε y (1 + y) is above e^(1/2)
        start = solve_product(0.5 - math.log(2) - log_epsilon)
        breaks = [log_y(at) for at in self.particles.log_breaks()]
        soft = _soft(epsilon)[..., None]
        log_epsilon, epsilon = log_epsilon[..., None], epsilon[..., None]
        is_soft = epsilon <= 0.5
        hard = jnp.where(is_soft, 1.0, epsilon)
        low_energy = jnp.where(is_soft, epsilon, 0.0)

        def log_function(u: Array) -> Array:
            log_more = jnp.log1p(jnp.exp(u))
            log_gamma = log_epsilon + log_more
            z = jnp.exp(-log_more)
            gamma = jnp.exp(log_gamma)
            # equation A2 without 4 r0^2 α / ε
            sigma = (1 + (1 / 3 - z) * (1 - z)) * jnp.maximum(math.log(2) + log_epsilon + u + log_more - 0.5, 1e-30)
            if electrons:
                below = 16 * (1 - low_energy + low_energy**2) * log_more + soft
                log_double = math.log(2) + log_gamma
                above = (4 - 1 / hard + 1 / (4 * hard**2)) * log_double - 2 + 2 / hard - 5 / (8 * hard**2)
                sigma_2 = jnp.where(is_soft, below, 2 / hard * above) / 12
                correction = 1 - 8 / 3 * jnp.exp(0.2 * jnp.log(gamma - 1)) / (gamma + 1) * jnp.exp(-log_more / 3)
                sigma = (sigma + sigma_2) * correction
            return self.particles.log_shape(log_gamma + LOG_ELECTRON_MASS) + u + jnp.log(sigma)

        log_sum = log_integral(log_function, jnp.maximum(log_y(low), start), log_y(high), _NODES, breaks)
        # dγ = ε dy, and the cross section has 1 / ε
        return log_sum + math.log(4 * RADIUS_SQUARED * ALPHA * LIGHT_SPEED)

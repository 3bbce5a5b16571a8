"""Synchrotron radiation."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from gjax.emission._base import AbstractEmissionModel, particle_limits
from gjax.emission._constants import ELECTRON_MASS, EV_PER_TEV, LOG_ELECTRON_MASS
from gjax.emission._particles import AbstractParticleModel
from gjax.emission._quadrature import DEPTH, log_integral, safe_log, softplus
from gjax.parameters import ParameterField, parameter

__all__ = ["SynchrotronSpectralModel", "log_synchrotron_rate"]

#: 3/2 e hbar / (m c) [eV per microgauss]: critical energy of an electron of Lorentz factor 1.
_CRITICAL = 1.5 * 1.1576763806e-8 * 1e-6
#: sqrt(3) e^3 / (2 pi hbar m c^2) [s-1 per microgauss].
_POWER = math.sqrt(3) * 4.803204712570263e-10**3 / (2 * math.pi * 1.0545718176461565e-27 * 8.187105776823886e-7) * 1e-6
_NODES = 32


def log_synchrotron_rate(
    particles: AbstractParticleModel, B: Any, limits: tuple[Array, Array], log_energy: Array
) -> Array:
    """Return ln of the photons per energy and time [eV-1 s-1] per unit amplitude, at ln of the energy [TeV].

    In a random field: equations D6 and D7 of Aharonian, Kelner & Prosekin (2010, Phys. Rev. D 82, 043002).
    """
    log_critical = safe_log(B) + math.log(_CRITICAL / EV_PER_TEV) - 2 * LOG_ELECTRON_MASS
    low, high = limits
    # x = E / E_c falls with the square of the particle's energy, and exp(-x) with it
    log_x_least = log_energy - log_critical - 2 * high
    low = jnp.maximum(low, high - 0.5 * softplus(math.log(DEPTH) - log_x_least))
    # the ends are constants, or nothing is left there: the nodes need no derivative
    low, high = jax.lax.stop_gradient((low, high))

    def log_function(t: Array) -> Array:
        root = jnp.exp((log_energy[..., None] - log_critical - 2 * t) / 3)
        square = root * root
        g = 1.808 * root * (1 + 2.210 * square + 0.347 * square**2)
        g = g / (jnp.sqrt(1 + 3.4 * square) * (1 + 1.353 * square + 0.217 * square**2))
        return particles.log_shape(t) + t - square * root + jnp.log(g)

    # dN/dE is the power over energy; particles per eV, integrated over dE = E dt
    log_sum = log_integral(log_function, low, high, _NODES, particles.log_breaks())
    return log_sum + math.log(_POWER) + safe_log(B) - log_energy


class SynchrotronSpectralModel(AbstractEmissionModel):
    r"""Synchrotron radiation of electrons in a random magnetic field.

    The emissivity is the approximation of Aharonian, Kelner & Prosekin (2010, Phys. Rev. D 82, 043002, arXiv
    1006.1045), equation D7:
    :math:`\tilde G(x) = \frac{1.808\,x^{1/3}}{\sqrt{1+3.4\,x^{2/3}}}
    \frac{1+2.21\,x^{2/3}+0.347\,x^{4/3}}{1+1.353\,x^{2/3}+0.217\,x^{4/3}} e^{-x}`
    with :math:`x = E/E_c` and :math:`E_c = \frac{3 e \hbar B}{2 m_e c}\gamma^2`, better than 0.2 %.

    Parameters
    ----------
    particles
        Spectrum of the electrons.
    B
        Magnetic field [uG].
    distance
        Distance [kpc].
    energy_min, energy_max
        Between which energies there are electrons [TeV].

    Raises
    ------
    TypeError
        If ``particles`` is no particle spectrum.

    Examples
    --------
    >>> from gjax.emission import ExpCutoffPowerLawParticles
    >>> electrons = ExpCutoffPowerLawParticles(amplitude="1e36 eV-1", alpha=2.5, e_cutoff="50 TeV")
    >>> model = SynchrotronSpectralModel(electrons, B="100 uG", distance="1 kpc")
    >>> model("1 keV").unit
    Unit("1 / (TeV s cm2)")
    """

    tag: ClassVar[str] = "synchrotron"
    particles: AbstractParticleModel
    B: ParameterField = parameter(3.24, "uG", min=1e-6)
    distance: ParameterField = parameter(1.0, "kpc", frozen=True, min=1e-9)
    energy_min: ParameterField = parameter(1e-3, "TeV", constant=True, min=1e-6)
    energy_max: ParameterField = parameter(ELECTRON_MASS * 1e-3, "TeV", constant=True, min=1e-6)

    def components(self, energy: Array) -> dict[str, Array]:
        limits = particle_limits(self.particles, self.energy_min, self.energy_max)
        return {"synchrotron": self._flux(log_synchrotron_rate(self.particles, self.B, limits, jnp.log(energy)))}

"""Photons of neutral pions that protons make in a gas."""

from __future__ import annotations

import math
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.emission._base import AbstractEmissionModel, particle_limits
from gjax.emission._constants import LIGHT_SPEED, PROTON_MASS
from gjax.emission._particles import AbstractParticleModel
from gjax.emission._proton_proton import MODELS, PION, PION_THRESHOLD, Ranges, log_cross_section, threshold
from gjax.emission._quadrature import log_integral
from gjax.parameters import ParameterField, parameter

__all__ = ["PionDecaySpectralModel"]

_LOG_GEV = math.log(1e-3)


class PionDecaySpectralModel(AbstractEmissionModel):
    r"""Photons of the decay of neutral pions, from protons that hit a gas.

    .. math:: \phi(E) = \frac{n_H c}{4\pi d^2} \int N(T_p) \, \frac{d\sigma}{dE}(T_p, E) \, dT_p

    Parametrisation of Kafexhiu, Aharonian, Taylor & Vila (2014, Phys. Rev. D 90, 123014, arXiv 1406.7369), equations 1
    to 15, with the nuclei of the interstellar medium (equations 20 to 24).

    Parameters
    ----------
    particles
        Spectrum of the protons, as a function of their total energy.
    n_h
        Density of the protons of the gas [cm-3].
    distance
        Distance [kpc].
    energy_min, energy_max
        Between which total energies there are protons [TeV].
    high_energy_model
        Simulation that the cross section is taken from above 50 or 100 GeV: "Pythia8", "Geant4", "SIBYLL" or "QGSJET".
    nuclear_enhancement
        False for a gas and cosmic rays of protons alone.

    Raises
    ------
    TypeError
        If ``particles`` is no particle spectrum.
    ValueError
        If the model for high energies is unknown.

    Examples
    --------
    >>> from gjax.emission import ExpCutoffPowerLawParticles
    >>> protons = ExpCutoffPowerLawParticles(amplitude="1e37 eV-1", alpha=2.1, e_cutoff="80 TeV")
    >>> model = PionDecaySpectralModel(protons, n_h="10 cm-3", distance="1 kpc")
    >>> model("1 TeV").unit
    Unit("1 / (TeV s cm2)")
    """

    tag: ClassVar[str] = "pion-decay"
    particles: AbstractParticleModel
    n_h: ParameterField = parameter(1.0, "cm-3")
    distance: ParameterField = parameter(1.0, "kpc", frozen=True, min=1e-9)
    energy_min: ParameterField = parameter(1e-3 * (PROTON_MASS + PION_THRESHOLD + 1e-4), "TeV", constant=True, min=1e-3)
    energy_max: ParameterField = parameter(1e4, "TeV", constant=True, min=1e-3)
    high_energy_model: str = eqx.field(static=True, default="Pythia8")
    nuclear_enhancement: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        if self.high_energy_model not in MODELS:
            raise ValueError(
                f"PionDecaySpectralModel.high_energy_model: expected one of {', '.join(MODELS)}, "
                f"got {self.high_energy_model!r}"
            )

    def components(self, energy: Array) -> dict[str, Array]:
        # a millibarn is 1e-27 cm2; a cross section per GeV times an interval in GeV has no unit of energy left
        log_rate = self._log_sum(1e3 * energy) + math.log(1e-27 * LIGHT_SPEED)
        return {"pion decay": self.n_h * self._flux(log_rate)}

    def _log_sum(self, energy: Array) -> Array:
        """Return ln of the sum over protons of dσ/dE [mb GeV-1] times their number [eV-1] per unit amplitude."""
        low, high = (_log_kinetic(at) for at in particle_limits(self.particles, self.energy_min, self.energy_max))
        # photons of an energy need a pion of at least E + m^2 / (4 E)
        least = jnp.maximum(threshold(energy + PION**2 / (4 * energy)), PION_THRESHOLD + 1e-6)
        low = jnp.maximum(low, jnp.log(least))
        breaks = [_log_kinetic(at) for at in self.particles.log_breaks()]
        ranges = Ranges(self.high_energy_model, 1 + len(breaks))

        def log_function(t: Array) -> Array:
            kinetic = jnp.exp(t)
            log_proton = jnp.log(kinetic + PROTON_MASS) + _LOG_GEV
            log_sigma = log_cross_section(kinetic, energy[..., None], ranges, nuclei=self.nuclear_enhancement)
            return self.particles.log_shape(log_proton) + log_sigma + t

        return log_integral(log_function, low, high, ranges.nodes, breaks, np.log(ranges.ends).tolist())


def _log_kinetic(log_energy: Array) -> Array:
    """Return ln of the kinetic energy [GeV] from ln of the total one [TeV]; very low where there is none."""
    kinetic = jnp.exp(log_energy - _LOG_GEV) - PROTON_MASS
    return jnp.log(jnp.maximum(kinetic, 1e-12))

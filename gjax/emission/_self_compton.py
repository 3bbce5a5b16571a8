"""Synchrotron radiation, and the same photons scattered by the electrons that made them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.emission._base import AbstractEmissionModel, particle_limits
from gjax.emission._constants import AMPLITUDE_SCALE, ELECTRON_MASS, EV_PER_TEV, KPC, LIGHT_SPEED
from gjax.emission._inverse_compton import as_photon_fields, log_scattered_rate, log_scattered_rates
from gjax.emission._moments import MomentTable, tabulate_moments
from gjax.emission._particles import AbstractParticleModel
from gjax.emission._quadrature import safe_log
from gjax.emission._synchrotron import log_synchrotron_rate
from gjax.parameters import ParameterField, parameter

__all__ = ["SynchrotronSelfComptonSpectralModel"]

#: Synchrotron photons that are scattered: 1e-10 eV to 1e8 eV, 20 points per decade.
_FIRST, _LAST, _POINTS = 1e-10, 1e8, 361


class _SynchrotronPhotons(eqx.Module):
    """Photon field of the source's own synchrotron radiation."""

    nodes: ClassVar[tuple[int, int]] = (36, 24)
    width: ClassVar[float] = 4.0
    table: MomentTable

    def log_threshold_end(self, log_threshold: Array) -> Array:
        return jnp.full(jnp.shape(log_threshold), self.table.log_end)

    def rates(self, log_threshold: Array) -> tuple[Array, Array, Array]:
        return self.table.rates(log_threshold)


class SynchrotronSelfComptonSpectralModel(AbstractEmissionModel):
    r"""Synchrotron radiation and inverse Compton scattering of one population of electrons, with its own photons.

    The source is a homogeneous sphere of radius R: the mean density of its own photons is
    :math:`\frac{9}{4} \frac{L(\epsilon)}{4\pi R^2 c}`, with the luminosity L in photons per energy and time (see
    Atoyan & Aharonian 1996, MNRAS 278, 525, section 4.1). Other photons may be there as well.

    Parameters
    ----------
    particles
        Spectrum of the electrons.
    B
        Magnetic field [uG].
    radius
        Radius R of the sphere [pc].
    photon_fields
        Other photons, as in `InverseComptonSpectralModel`.
    distance
        Distance [kpc].
    energy_min, energy_max
        Between which energies there are electrons [TeV].

    Raises
    ------
    TypeError
        If ``particles`` is no particle spectrum or a photon field none.
    ValueError
        If a name of a field is unknown or given twice.

    References
    ----------
    Atoyan and Aharonian 1996, MNRAS 278, 525.

    Examples
    --------
    >>> import jax
    >>> from gjax.emission import ExpCutoffPowerLawParticles
    >>> electrons = ExpCutoffPowerLawParticles(amplitude="3e36 eV-1", alpha=3, e_cutoff="1000 TeV")
    >>> model = SynchrotronSelfComptonSpectralModel(electrons, B="125 uG", radius="2.1 pc", distance="2 kpc")
    >>> sorted(jax.jit(lambda model: model.components(1.0))(model.filled()))
    ['CMB', 'SSC', 'synchrotron']
    """

    tag: ClassVar[str] = "ssc"
    particles: AbstractParticleModel
    B: ParameterField = parameter(100.0, "uG", min=1e-6)
    radius: ParameterField = parameter(1.0, "pc", frozen=True, min=1e-12)
    photon_fields: Any = eqx.field(default=("CMB",), converter=as_photon_fields)
    distance: ParameterField = parameter(1.0, "kpc", frozen=True, min=1e-9)
    energy_min: ParameterField = parameter(1e-3, "TeV", constant=True, min=1e-6)
    energy_max: ParameterField = parameter(ELECTRON_MASS * 1e-3, "TeV", constant=True, min=1e-6)

    def _own_photons(self, log_rate: Array) -> _SynchrotronPhotons:
        """Return the photons of the source per AMPLITUDE_SCALE of amplitude, from ln of their rate on the grid."""
        log_size = 2 * (safe_log(self.radius) + math.log(KPC / 1e3)) + math.log(16 * math.pi * LIGHT_SPEED / 9)
        log_density = log_rate + math.log(AMPLITUDE_SCALE * ELECTRON_MASS) - log_size
        start = math.log(_FIRST / ELECTRON_MASS)
        return _SynchrotronPhotons(tabulate_moments(start, math.log(_LAST / _FIRST) / (_POINTS - 1), log_density))

    def components(self, energy: Array) -> dict[str, Array]:
        limits = particle_limits(self.particles, self.energy_min, self.energy_max)
        log_energy = jnp.log(energy)
        grid = np.linspace(math.log(_FIRST / EV_PER_TEV), math.log(_LAST / EV_PER_TEV), _POINTS)
        both = jnp.concatenate([jnp.asarray(grid, log_energy.dtype), log_energy.ravel()])
        log_rate = log_synchrotron_rate(self.particles, self.B, limits, both)
        photons = self._own_photons(log_rate[:_POINTS])
        scattered = log_scattered_rate(self.particles, photons, limits, log_energy)
        rates = log_scattered_rates(self.particles, self.photon_fields, limits, log_energy)
        return {
            "synchrotron": self._flux(log_rate[_POINTS:].reshape(log_energy.shape)),
            # one amplitude for the electrons, one for the photons, of which the scale is in the density already
            "SSC": self._flux(scattered) * (self.particles.amplitude / AMPLITUDE_SCALE),
            **{name: self._flux(rate) for name, rate in rates.items()},
        }

"""What all emission models share: particles in a source at a distance."""

from __future__ import annotations

import abc
import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from gjax.emission._constants import AMPLITUDE_SCALE, EV_PER_TEV, KPC
from gjax.emission._particles import AbstractParticleModel
from gjax.emission._quadrature import safe_log
from gjax.models import AbstractSpectralModel, declared_parameters

__all__ = ["AbstractEmissionModel", "particle_limits"]


class AbstractEmissionModel(AbstractSpectralModel):
    """Photons that particles make: luminosity per unit amplitude, scaled to a flux at Earth."""

    is_costly: ClassVar[bool] = True

    if TYPE_CHECKING:
        particles: AbstractParticleModel
        distance: Any

    def __check_init__(self) -> None:
        if not isinstance(self.particles, AbstractParticleModel):
            raise TypeError(
                f"{type(self).__name__}.particles: expected a particle spectrum of gjax.emission, "
                f"got {type(self.particles).__name__}"
            )

    def file_fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.file_keys()}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return tuple(f.name for f in dataclasses.fields(cls) if f.name not in declared_parameters(cls))

    @abc.abstractmethod
    def components(self, energy: Array) -> dict[str, Array]:
        """Return the parts of `evaluate` by name; the parameter fields hold arrays here."""

    def evaluate(self, energy: Array) -> Array:
        parts = list(self.components(energy).values())
        return sum(parts[1:], parts[0])

    # these spectra are smooth and not cheap: with 3 nodes a power law of index 3 is good to 3e-5 over one e-folding,
    # and to 5e-9 over a tenth of a decade
    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 3) -> Array:
        return super().integrate(energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 3) -> Array:
        return super().integrate_energy(energy_min, energy_max, nodes)

    def _flux(self, log_rate: Array) -> Array:
        """Return the flux [TeV-1 s-1 cm-2] from ln of the rate [eV-1 s-1] per unit amplitude."""
        log_area = math.log(4 * math.pi * KPC**2) + 2 * safe_log(self.distance)
        log_flux = log_rate + math.log(EV_PER_TEV) + math.log(AMPLITUDE_SCALE) - log_area
        return self.particles.amplitude / AMPLITUDE_SCALE * jnp.exp(log_flux)


def particle_limits(particles: AbstractParticleModel, energy_min: Any, energy_max: Any) -> tuple[Array, Array]:
    """Return ln of the energies [TeV] between which there are particles; constants for derivatives."""
    limits = safe_log(energy_min), jnp.minimum(safe_log(energy_max), particles.log_end())
    return jax.lax.stop_gradient(limits)

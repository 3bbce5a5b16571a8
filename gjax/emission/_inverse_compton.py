"""Inverse Compton scattering on isotropic photons, at all energies (Klein and Nishina)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.emission._base import AbstractEmissionModel, particle_limits
from gjax.emission._constants import ELECTRON_MASS, LOG_ELECTRON_MASS
from gjax.emission._particles import AbstractParticleModel
from gjax.emission._photon_fields import BlackBodyPhotonField, photon_field
from gjax.emission._quadrature import log_integral, solve_product
from gjax.parameters import ParameterField, parameter

__all__ = ["InverseComptonSpectralModel", "as_photon_fields", "log_scattered_rate", "log_scattered_rates"]


def log_scattered_rate(
    particles: AbstractParticleModel, field: Any, limits: tuple[Array, Array], log_energy: Array
) -> Array:
    """Return ln of the photons per energy and time [eV-1 s-1] per unit amplitude, at ln of the energy [TeV].

    The variable is y = γ/ε - 1 = (1 - z)/z: both the limit of Thomson and that of Klein and Nishina, where the
    kernel is narrow in γ, are smooth functions of ln y. The variable of integration is the inverse hyperbolic sine of
    (ln y - middle) / width: nodes are dense around the electrons that matter, one e-folding above the threshold or at
    y = 1, and further and further apart where electrons add little.

    Parameters
    ----------
    particles
        Electrons.
    field
        Photon field with ``log_threshold_end``, ``rates``, ``nodes`` and ``width``.
    limits
        ln of the energies [TeV] between which there are electrons.
    log_energy
        ln of the energies of the photons [TeV].
    """
    log_epsilon = log_energy - LOG_ELECTRON_MASS

    def log_y(log_electron: Array) -> Array:
        # ln(E_e / E - 1); far below zero where the electron has less energy than the photon
        excess = log_electron - log_energy
        above = excess > 1e-12
        return jnp.where(above, excess + jnp.log(-jnp.expm1(-jnp.where(above, excess, 1.0))), -60.0)

    def log_threshold(u: Array, log_epsilon: Array) -> Array:
        return -math.log(4) - log_epsilon - u - jnp.log1p(jnp.exp(u))

    low, high = log_y(limits[0]), log_y(limits[1])
    end = field.log_threshold_end(log_threshold(high, log_epsilon))
    low = jnp.maximum(low, solve_product(-math.log(4) - log_epsilon - end))
    low = jnp.where(high < -50.0, 0.0, low)  # no electron has the energy of the photon

    # a constant: where the nodes are does not change the integral
    middle = jax.lax.stop_gradient(jnp.maximum(low + 1.0, 0.0))

    def log_function(s: Array) -> Array:
        up = jnp.exp(s)
        down = 1 / up
        u = middle[..., None] + 0.5 * field.width * (up - down)
        y = jnp.exp(u)
        log_more = jnp.log1p(y)
        log_gamma = log_epsilon[..., None] + log_more
        log_scale, m1, m2 = field.rates(-math.log(4) - log_epsilon[..., None] - u - log_more)
        rate = (m1 + 0.5 * m2 / (y * (1 + y))) * (up + down)
        log_rate = log_scale + jnp.log(rate) - 2 * log_gamma
        return particles.log_shape(log_gamma + LOG_ELECTRON_MASS) + log_epsilon[..., None] + u + log_rate

    def place(u: Array) -> Array:
        return jnp.arcsinh((u - middle) / field.width)

    breaks = [place(log_y(at)) for at in particles.log_breaks()]
    whole, piece = field.nodes
    integral = log_integral(log_function, place(low), place(high), piece if breaks else whole, breaks)
    return integral + math.log(0.5 * field.width)


def log_scattered_rates(
    particles: AbstractParticleModel, fields: Any, limits: tuple[Array, Array], log_energy: Array
) -> dict[str, Array]:
    """Return `log_scattered_rate` of every field by its name; black bodies are computed together."""
    out = {
        field.name: log_scattered_rate(particles, field, limits, log_energy)
        for field in fields
        if type(field) is not BlackBodyPhotonField
    }
    bodies: list[Any] = [field for field in fields if type(field) is BlackBodyPhotonField]
    if bodies:
        structure = jax.tree_util.tree_structure(bodies[0])
        leaves = [jnp.stack(leaf) for leaf in zip(*map(jax.tree_util.tree_leaves, bodies))]

        def rate(leaves: list[Array]) -> Array:
            return log_scattered_rate(particles, jax.tree_util.tree_unflatten(structure, leaves), limits, log_energy)

        out |= {field.name: row for field, row in zip(bodies, jax.vmap(rate)(leaves))}
    return {field.name: out[field.name] for field in fields}


def as_photon_fields(fields: Any) -> tuple[Any, ...]:
    """Return a tuple of photon fields from what `InverseComptonSpectralModel` accepts."""
    if isinstance(fields, str):
        fields = fields.split("-")
    if not isinstance(fields, Iterable):
        raise TypeError(f"photon_fields: expected a list of photon fields, got {type(fields).__name__}")
    out: tuple[Any, ...] = tuple(photon_field(field) for field in fields)
    names = [field.name for field in out]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"photon_fields: two fields are called {name!r}: names must be unique")
    return out


class InverseComptonSpectralModel(AbstractEmissionModel):
    r"""Photons scattered up by electrons.

    .. math:: \phi(E) = \frac{c}{4\pi d^2} \iint N(E_e) \, n(\epsilon) \, \frac{d\sigma}{dE}(E_e, \epsilon, E)
        \, d\epsilon \, dE_e

    Full cross section of Klein and Nishina for isotropic photons. On black bodies it is the approximation of
    Khangulyan, Aharonian & Kelner (2014, ApJ 783, 100, arXiv 1310.7971), equation 14; on lines and tables equation 22
    of Aharonian & Atoyan (1981, Ap&SS 79, 321), that is Jones (1968, Phys. Rev. 167, 1159) for relativistic electrons.

    Parameters
    ----------
    particles
        Spectrum of the electrons.
    photon_fields
        Photons, a list: names ("CMB", "FIR", "NIR"), pairs of temperature and energy density of a black body, or
        photon fields. Temperatures and energy densities are frozen at first.
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

    Examples
    --------
    >>> from gjax.emission import BlackBodyPhotonField, ExpCutoffPowerLawParticles
    >>> electrons = ExpCutoffPowerLawParticles(amplitude="1e36 eV-1", alpha=2.5, e_cutoff="50 TeV")
    >>> dust = BlackBodyPhotonField("70 K", "0.5 eV cm-3", name="dust")
    >>> model = InverseComptonSpectralModel(electrons, ["CMB", dust], distance="2 kpc")
    >>> list(model.parameters)[-5:]
    ['photon_fields.1.temperature', 'photon_fields.1.energy_density', 'distance', 'energy_min', 'energy_max']
    """

    tag: ClassVar[str] = "inverse-compton"
    particles: AbstractParticleModel
    photon_fields: Any = eqx.field(default=("CMB",), converter=as_photon_fields)
    distance: ParameterField = parameter(1.0, "kpc", frozen=True, min=1e-9)
    energy_min: ParameterField = parameter(1e-3, "TeV", constant=True, min=1e-6)
    energy_max: ParameterField = parameter(ELECTRON_MASS * 1e-3, "TeV", constant=True, min=1e-6)

    def components(self, energy: Array) -> dict[str, Array]:
        limits = particle_limits(self.particles, self.energy_min, self.energy_max)
        rates = log_scattered_rates(self.particles, self.photon_fields, limits, jnp.log(energy))
        return {name: self._flux(rate) for name, rate in rates.items()}

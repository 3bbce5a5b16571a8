"""Bumps: a Gaussian in energy, and one in the logarithm of energy."""

from __future__ import annotations

import math
from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erf, erfc

from gjax.models._integrate import gauss_legendre
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter

__all__ = ["GaussianSpectralModel", "LogGaussianSpectralModel"]


def _erf_difference(low: Array, high: Array) -> Array:
    """Return erf(high) - erf(low) without cancellation in the tails."""
    # both ends on the right: mirror, so that small numbers are subtracted from each other
    is_left = low + high < 0
    low, high = jnp.where(is_left, -high, low), jnp.where(is_left, -low, high)
    is_tail = low > 0.5
    return jnp.where(is_tail, erfc(low) - erfc(high), erf(high) - erf(low))


class GaussianSpectralModel(AbstractSpectralModel):
    r"""Gaussian line :math:`\frac{N}{\sqrt{2\pi}\sigma} \exp\left(-\frac{(E-\bar E)^2}{2\sigma^2}\right)`.

    Integrals over bins have a closed form; narrow bins are integrated numerically, where the closed form loses its
    digits.

    Parameters
    ----------
    amplitude
        Photon flux N [s-1 cm-2] of the whole line, were it to go on below energy zero.
    mean, sigma
        Centre and width [TeV].

    References
    ----------
    Bringmann and Weniger 2012, Phys. Dark Universe 1, 194 (arXiv 1208.5481).

    Examples
    --------
    >>> model = GaussianSpectralModel(amplitude="1e-12 cm-2 s-1", mean="5 TeV", sigma="0.1 TeV")
    >>> print(model.integral("1 TeV", "10 TeV").round(16))
    1e-12 1 / (s cm2)
    """

    tag: ClassVar[str] = "gauss"
    amplitude: ParameterField = parameter(1e-12, "s-1 cm-2")
    mean: ParameterField = parameter(1.0, "TeV")
    sigma: ParameterField = parameter(2.0, "TeV")

    def evaluate(self, energy: Array) -> Array:
        u = (energy - self.mean) / self.sigma
        return self.amplitude / (self.sigma * math.sqrt(2 * math.pi)) * jnp.exp(-0.5 * u**2)

    def _moment(self, power: int, energy_min: Array, energy_max: Array, nodes: int) -> Array:
        low, high = ((energy - self.mean) / (math.sqrt(2) * self.sigma) for energy in (energy_min, energy_max))
        # the closed form of a narrow bin is a difference of nearly equal numbers; so is that of a wide one by Gauss
        is_narrow = jnp.abs(high - low) < 1.0
        wide_low, wide_high = jnp.where(is_narrow, 0.0, low), jnp.where(is_narrow, 1.0, high)
        closed = self.amplitude / 2 * _erf_difference(wide_low, wide_high)
        if power:
            # exp(-low^2) - exp(-high^2)
            steps = jnp.exp(-(wide_low**2)) - jnp.exp(-(wide_high**2))
            closed = self.mean * closed + self.amplitude * self.sigma / math.sqrt(2 * math.pi) * steps
        safe_max = jnp.where(is_narrow, energy_max, energy_min)
        narrow = gauss_legendre(lambda e: self.evaluate(e) * e**power, energy_min, safe_max, max(nodes, 16))
        return jnp.where(is_narrow, narrow, closed)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(0, energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(1, energy_min, energy_max, nodes)


class LogGaussianSpectralModel(AbstractSpectralModel):
    r"""Bump in the logarithm of energy, :math:`\frac{L}{\sqrt{2\pi} w E} \exp\left(-\frac{\ln^2(E/E_p)}{2w^2}\right)`.

    Parameters
    ----------
    L
        Photon flux of the bump [s-1 cm-2].
    Ep
        Energy Ep [TeV] of the largest E dN/dE.
    w
        Width in ln E.

    References
    ----------
    Bernlöhr et al. 2013, Astroparticle Physics 43, 171 (arXiv 1210.3503), table 3.

    Examples
    --------
    >>> print(LogGaussianSpectralModel().integral("1 MeV", "1 PeV").round(16))
    1e-12 1 / (s cm2)
    """

    tag: ClassVar[str] = "log-gauss"
    L: ParameterField = parameter(1e-12, "s-1 cm-2")
    Ep: ParameterField = parameter(0.107, "TeV")
    w: ParameterField = parameter(0.776)

    def evaluate(self, energy: Array) -> Array:
        u = jnp.log(energy / self.Ep) / self.w
        return self.L / (energy * self.w * math.sqrt(2 * math.pi)) * jnp.exp(-0.5 * u**2)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        low, high = (jnp.log(energy / self.Ep) / (math.sqrt(2) * self.w) for energy in (energy_min, energy_max))
        is_narrow = jnp.abs(high - low) < 1.0
        wide = self.L / 2 * _erf_difference(jnp.where(is_narrow, 0.0, low), jnp.where(is_narrow, 1.0, high))
        safe_max = jnp.where(is_narrow, energy_max, energy_min)
        return jnp.where(is_narrow, gauss_legendre(self.evaluate, energy_min, safe_max, nodes), wide)

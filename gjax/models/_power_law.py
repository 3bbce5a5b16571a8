"""Power laws and broken power laws."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from gjax.models._integrate import power_law_integral
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE

__all__ = [
    "BrokenPowerLawSpectralModel",
    "PowerLaw2SpectralModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "SmoothBrokenPowerLawSpectralModel",
]


class PowerLawSpectralModel(AbstractSpectralModel):
    r"""Power law :math:`\phi(E) = \phi_0 (E/E_0)^{-\Gamma}`.

    Parameters
    ----------
    index
        Spectral index Γ.
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].

    Raises
    ------
    UnitError
        If a unit cannot be converted.

    References
    ----------
    Fermi 1949, Phys. Rev. 75, 1169.

    Examples
    --------
    >>> model = PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1", reference="1 TeV")
    >>> print(model.integral("1 TeV", "10 TeV").round(15))
    9e-13 1 / (s cm2)
    """

    tag: ClassVar[str] = "pl"
    index: ParameterField = parameter(2.0)
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)

    def evaluate(self, energy: Array) -> Array:
        return self.amplitude * jnp.exp(-self.index * jnp.log(energy / self.reference))

    def _moment(self, power: int, energy_min: Array, energy_max: Array) -> Array:
        log_min, log_max = jnp.log(energy_min / self.reference), jnp.log(energy_max / self.reference)
        return self.amplitude * self.reference**power * power_law_integral(power - self.index, log_min, log_max)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(1, energy_min, energy_max)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(2, energy_min, energy_max)


class PowerLawNormSpectralModel(AbstractSpectralModel):
    r"""Dimensionless power law :math:`n (E/E_0)^{-t}`, to multiply another model with.

    Parameters
    ----------
    tilt
        Exponent t.
    norm
        Factor n at the reference energy.
    reference
        Reference energy E0 [TeV].

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> model = PowerLawSpectralModel() * PowerLawNormSpectralModel(norm=2, tilt=0.1)
    >>> print(model("1 TeV").round(15))
    2e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "pl-norm"
    unit: ClassVar[str] = ""
    tilt: ParameterField = parameter(0.0, frozen=True)
    norm: ParameterField = parameter(1.0)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)

    def evaluate(self, energy: Array) -> Array:
        return self.norm * jnp.exp(-self.tilt * jnp.log(energy / self.reference))

    def _moment(self, power: int, energy_min: Array, energy_max: Array) -> Array:
        log_min, log_max = jnp.log(energy_min / self.reference), jnp.log(energy_max / self.reference)
        return self.norm * self.reference**power * power_law_integral(power - self.tilt, log_min, log_max)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(1, energy_min, energy_max)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(2, energy_min, energy_max)


class PowerLaw2SpectralModel(AbstractSpectralModel):
    r"""Power law with the photon flux F between two energies as amplitude.

    .. math:: \phi(E) = F \frac{1-\Gamma}{E_2^{1-\Gamma} - E_1^{1-\Gamma}} E^{-\Gamma}

    Parameters
    ----------
    amplitude
        Photon flux F between ``emin`` and ``emax`` [s-1 cm-2].
    index
        Spectral index Γ; 1 is no special case.
    emin, emax
        The two energies [TeV].

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

    Examples
    --------
    >>> model = PowerLaw2SpectralModel(amplitude="2e-12 cm-2 s-1", index=1.0, emin="1 TeV", emax="10 TeV")
    >>> print(model.integral("1 TeV", "10 TeV").round(15))
    2e-12 1 / (s cm2)
    """

    tag: ClassVar[str] = "pl-2"
    amplitude: ParameterField = parameter(1e-12, "s-1 cm-2")
    index: ParameterField = parameter(2.0)
    emin: ParameterField = parameter(0.1, "TeV", constant=True)
    emax: ParameterField = parameter(100.0, "TeV", constant=True)

    def _norm(self) -> Array:
        return self.amplitude / (
            self.emin * power_law_integral(1 - self.index, 0.0 * self.index, jnp.log(self.emax / self.emin))
        )

    def evaluate(self, energy: Array) -> Array:
        return self._norm() * jnp.exp(-self.index * jnp.log(energy / self.emin))

    def _moment(self, power: int, energy_min: Array, energy_max: Array) -> Array:
        log_min, log_max = jnp.log(energy_min / self.emin), jnp.log(energy_max / self.emin)
        return self._norm() * self.emin**power * power_law_integral(power - self.index, log_min, log_max)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(1, energy_min, energy_max)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(2, energy_min, energy_max)


class BrokenPowerLawSpectralModel(AbstractSpectralModel):
    r"""Two power laws that meet at the break energy, with the flux φ0 there.

    .. math:: \phi(E) = \phi_0 \left(\frac{E}{E_b}\right)^{-\Gamma_1} \ (E < E_b), \quad \phi_0
        \left(\frac{E}{E_b}\right)^{-\Gamma_2} \ (E \geq E_b)

    Parameters
    ----------
    index1, index2
        Spectral indices below and above the break.
    amplitude
        Flux at the break [TeV-1 s-1 cm-2].
    ebreak
        Break energy [TeV].

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

    Examples
    --------
    >>> model = BrokenPowerLawSpectralModel(index1=1.5, index2=2.5, ebreak="1 TeV")
    >>> print(model("1 TeV").round(15))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "bpl"
    index1: ParameterField = parameter(2.0)
    index2: ParameterField = parameter(2.0)
    amplitude: ParameterField = parameter(1e-12, DNDE)
    ebreak: ParameterField = parameter(1.0, "TeV")

    def evaluate(self, energy: Array) -> Array:
        log_energy = jnp.log(energy / self.ebreak)
        return self.amplitude * jnp.exp(-jnp.where(log_energy < 0, self.index1, self.index2) * log_energy)

    def kinks(self) -> Array:
        return jnp.atleast_1d(self.ebreak)

    def _moment(self, power: int, energy_min: Array, energy_max: Array) -> Array:
        log_min, log_max = jnp.log(energy_min / self.ebreak), jnp.log(energy_max / self.ebreak)
        below = power_law_integral(power - self.index1, jnp.minimum(log_min, 0.0), jnp.minimum(log_max, 0.0))
        above = power_law_integral(power - self.index2, jnp.maximum(log_min, 0.0), jnp.maximum(log_max, 0.0))
        return self.amplitude * self.ebreak**power * (below + above)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(1, energy_min, energy_max)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self._moment(2, energy_min, energy_max)


class SmoothBrokenPowerLawSpectralModel(AbstractSpectralModel):
    r"""Two power laws with a smooth transition.

    .. math:: \phi(E) = \phi_0 (E/E_0)^{-\Gamma_1}
        \left[1 + (E/E_b)^{(\Gamma_2-\Gamma_1)/\beta'}\right]^{-\beta'},\quad
        \beta' = \beta\,\mathrm{sign}(\Gamma_2-\Gamma_1)

    The formula jumps by a factor :math:`2^{2\beta}` in normalisation where the indices cross; equal indices
    are taken as the limit from :math:`\Gamma_2 > \Gamma_1`, so that value and gradient stay finite.

    Parameters
    ----------
    index1, index2
        Spectral indices below and above the break.
    amplitude
        Flux scale φ0 [TeV-1 s-1 cm-2].
    ebreak, reference
        Break and reference energy [TeV].
    beta
        Smoothness of the break.

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

    Examples
    --------
    >>> model = SmoothBrokenPowerLawSpectralModel(index1=1.5, index2=2.5)
    >>> print(model("1 TeV").round(15))
    5e-13 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "sbpl"
    index1: ParameterField = parameter(2.0)
    index2: ParameterField = parameter(2.0)
    amplitude: ParameterField = parameter(1e-12, DNDE)
    ebreak: ParameterField = parameter(1.0, "TeV")
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    beta: ParameterField = parameter(1.0, frozen=True)

    def evaluate(self, energy: Array) -> Array:
        change = self.index2 - self.index1
        sign = jnp.where(change < 0, -1.0, 1.0)
        bend = sign * self.beta * jax.nn.softplus(sign * change / self.beta * jnp.log(energy / self.ebreak))
        return self.amplitude * jnp.exp(-self.index1 * jnp.log(energy / self.reference) - bend)

"""The super-exponential cutoffs of the catalogs of the Fermi-LAT."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.models._integrate import bounded_exp, expm1_ratio, expm1_ratio2
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE, attach_unit

__all__ = [
    "SuperExpCutoffPowerLaw3FGLSpectralModel",
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    "SuperExpCutoffPowerLaw4FGLSpectralModel",
]


def _power_difference(log_scale: Array, slope: Array, x: Array) -> Array:
    """Return exp(s) (exp(b x) - 1), smooth where b or x are zero, and large but finite where it would overflow."""
    limit = 0.6 * float(jnp.finfo(jnp.result_type(x, float)).maxexp)
    log_scale = jnp.clip(log_scale, -limit, limit)
    growth = slope * x
    return jnp.exp(log_scale) * growth * expm1_ratio(jnp.minimum(growth, limit - log_scale))


class SuperExpCutoffPowerLaw3FGLSpectralModel(AbstractSpectralModel):
    r"""Super-exponential cutoff as in the 3FGL.

    .. math:: \phi_0 (E/E_0)^{-\Gamma_1} \exp\left((E_0/E_c)^{\Gamma_2} - (E/E_c)^{\Gamma_2}\right)

    Parameters
    ----------
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    ecut
        Cutoff energy Ec [TeV].
    index_1, index_2
        Spectral index Γ1 far below the cutoff, and its sharpness Γ2.

    References
    ----------
    Acero et al. 2015, ApJS 218, 23 (arXiv 1501.02003).

    Examples
    --------
    >>> print(SuperExpCutoffPowerLaw3FGLSpectralModel()("1 TeV").round(14))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "secpl-3fgl"
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    ecut: ParameterField = parameter(10.0, "TeV")
    index_1: ParameterField = parameter(1.5)
    index_2: ParameterField = parameter(2.0)

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log(energy / self.reference)
        log_scale = self.index_2 * (jnp.log(self.reference) - jnp.log(self.ecut))
        depth = _power_difference(log_scale, self.index_2, x)
        return self.amplitude * bounded_exp(-self.index_1 * x - depth)


class SuperExpCutoffPowerLaw4FGLSpectralModel(AbstractSpectralModel):
    r"""Super-exponential cutoff as in the 4FGL and 4FGL-DR2.

    .. math:: \phi_0 (E/E_0)^{-\Gamma_1} \exp\left(a (E_0^{\Gamma_2} - E^{\Gamma_2})\right)

    with the energies of the cutoff in MeV.

    Parameters
    ----------
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    expfactor
        Factor a, for energies in MeV.
    index_1, index_2
        Spectral index Γ1 far below the cutoff, and its sharpness Γ2.

    References
    ----------
    Abdollahi et al. 2020, ApJS 247, 33 (arXiv 1902.10045), equation 4.

    Examples
    --------
    >>> print(SuperExpCutoffPowerLaw4FGLSpectralModel()("1 TeV").round(14))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "secpl-4fgl"
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    expfactor: ParameterField = parameter(1e-14)
    index_1: ParameterField = parameter(1.5)
    index_2: ParameterField = parameter(2.0)

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log(energy / self.reference)
        log_scale = self.index_2 * (jnp.log(self.reference) + math.log(1e6))
        depth = self.expfactor * _power_difference(log_scale, self.index_2, x)
        return self.amplitude * bounded_exp(-self.index_1 * x - depth)


class SuperExpCutoffPowerLaw4FGLDR3SpectralModel(AbstractSpectralModel):
    r"""Super-exponential cutoff as in the 4FGL-DR3.

    .. math:: \phi_0 x^{-\Gamma_1 + d/b} \exp\left(\frac{d}{b^2} (1 - x^b)\right),\quad x = E/E_0

    The local index at the reference energy is Γ1, and the curvature there d/2; b = 0 is a log parabola.

    Parameters
    ----------
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    expfactor
        Curvature d.
    index_1, index_2
        Local index Γ1, and sharpness b of the cutoff.

    References
    ----------
    Abdollahi et al. 2022, ApJS 260, 53 (arXiv 2201.11184), equations 2 and 3.

    Examples
    --------
    >>> print(SuperExpCutoffPowerLaw4FGLDR3SpectralModel(index_1=1.5, index_2=0.0)("1 TeV").round(14))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "secpl-4fgl-dr3"
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    expfactor: ParameterField = parameter(1e-2)
    index_1: ParameterField = parameter(1.5)
    index_2: ParameterField = parameter(2.0)

    @property
    def e_peak(self) -> Any:
        """Energy of the largest E² dN/dE (Quantity): E0 (1 + b (2 - Γ1) / d)^(1/b); NaN if there is none."""
        d, b, slope = self.expfactor.value, self.index_2.value, 2 - self.index_1.value
        argument = b * slope / d if d > 0 else -1.0
        if argument <= -1:
            return attach_unit(math.nan, "TeV")
        power = slope / d if abs(b) < 1e-12 else math.log1p(argument) / b
        return attach_unit(self.reference.value * math.exp(power), "TeV")

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log(energy / self.reference)
        growth = jnp.minimum(self.index_2 * x, 0.6 * float(jnp.finfo(jnp.result_type(x, float)).maxexp))
        depth = self.expfactor * x**2 * expm1_ratio2(growth)
        return self.amplitude * bounded_exp(-self.index_1 * x - depth)

"""Log parabola and exponential cutoff."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE

__all__ = ["ExpCutoffPowerLawSpectralModel", "LogParabolaSpectralModel"]


class LogParabolaSpectralModel(AbstractSpectralModel):
    r"""Log parabola :math:`\phi(E) = \phi_0 (E/E_0)^{-\alpha-\beta\ln(E/E_0)}` (natural logarithm).

    Parameters
    ----------
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    alpha
        Local index at the reference energy.
    beta
        Curvature, with the *natural* logarithm; see `from_log10`.

    Examples
    --------
    >>> model = LogParabolaSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.2)
    >>> print(model("1 TeV").round(13))
    4e-11 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "lp"
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(10.0, "TeV", constant=True)
    alpha: ParameterField = parameter(2.0)
    beta: ParameterField = parameter(1.0)

    @classmethod
    def from_log10(cls, amplitude: Any, reference: Any, alpha: Any, beta: float) -> LogParabolaSpectralModel:
        """Build the model from a curvature that multiplies the decimal logarithm."""
        return cls(amplitude, reference, alpha, beta / jnp.log(10.0).item())

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log(energy / self.reference)
        return self.amplitude * jnp.exp(-(self.alpha + self.beta * x) * x)


class ExpCutoffPowerLawSpectralModel(AbstractSpectralModel):
    r"""Power law with exponential cutoff :math:`\phi_0 (E/E_0)^{-\Gamma} \exp(-(\lambda E)^\alpha)`.

    Parameters
    ----------
    index
        Spectral index Γ.
    amplitude
        Flux scale φ0 [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    lambda_
        Inverse cutoff energy λ [TeV-1]; 0 is no cutoff, and below 0 the exponent changes sign.
    alpha
        Sharpness of the cutoff.

    Examples
    --------
    >>> model = ExpCutoffPowerLawSpectralModel(index=2.0, lambda_="0 TeV-1")
    >>> print(model("1 TeV").round(15))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "ecpl"
    index: ParameterField = parameter(1.5)
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    lambda_: ParameterField = parameter(0.1, "TeV-1")
    alpha: ParameterField = parameter(1.0, frozen=True)

    def evaluate(self, energy: Array) -> Array:
        # (lambda E)^alpha as lambda E |lambda E|^(alpha - 1): finite derivatives in lambda and alpha at lambda = 0
        depth = self.lambda_ * energy
        size = jnp.where(depth == 0, 1.0, jnp.abs(depth))
        cutoff = depth * jnp.exp((self.alpha - 1) * jnp.log(size))
        return self.amplitude * jnp.exp(-self.index * jnp.log(energy / self.reference) - cutoff)

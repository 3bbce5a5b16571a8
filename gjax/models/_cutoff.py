"""Power laws that end in an exponential."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.models._integrate import bounded_exp
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE, attach_unit

__all__ = [
    "ExpCutoffPowerLaw3FGLSpectralModel",
    "ExpCutoffPowerLawNormSpectralModel",
    "ExpCutoffPowerLawSpectralModel",
]


def _depth(energy: Array, inverse: Array, alpha: Array) -> Array:
    """Return (λE)^α as λE |λE|^(α-1): finite derivatives in λ and α at λ = 0."""
    depth = inverse * energy
    size = jnp.where(depth == 0, 1.0, jnp.abs(depth))
    return depth * bounded_exp((alpha - 1) * jnp.log(size))


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

    References
    ----------
    Aharonian et al. 2006, A&A 457, 899 (arXiv astro-ph/0607333).

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

    @property
    def e_peak(self) -> Any:
        """Energy of the largest E² dN/dE (Quantity): ((2 - Γ) / α)^(1/α) / λ; NaN if there is none."""
        index, inverse, alpha = self.index.value, self.lambda_.value, self.alpha.value
        if not (inverse > 0 and alpha > 0 and index < 2):
            return attach_unit(math.nan, "TeV")
        return attach_unit(((2 - index) / alpha) ** (1 / alpha) / inverse, "TeV")

    def evaluate(self, energy: Array) -> Array:
        depth = _depth(energy, self.lambda_, self.alpha)
        return self.amplitude * bounded_exp(-self.index * jnp.log(energy / self.reference) - depth)


class ExpCutoffPowerLawNormSpectralModel(AbstractSpectralModel):
    r"""Dimensionless :math:`n (E/E_0)^{-\Gamma} \exp(-(\lambda E)^\alpha)`, to multiply another model with.

    Parameters
    ----------
    index
        Exponent Γ.
    norm
        Factor n.
    reference
        Reference energy E0 [TeV].
    lambda_
        Inverse cutoff energy λ [TeV-1].
    alpha
        Sharpness of the cutoff.

    References
    ----------
    Aharonian et al. 2006, A&A 457, 899 (arXiv astro-ph/0607333).

    Examples
    --------
    >>> print(ExpCutoffPowerLawNormSpectralModel(norm=2, lambda_="0 TeV-1")("1 TeV").round(12))
    2.0
    """

    tag: ClassVar[str] = "ecpl-norm"
    unit: ClassVar[str] = ""
    index: ParameterField = parameter(0.0)
    norm: ParameterField = parameter(1.0)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    lambda_: ParameterField = parameter(0.1, "TeV-1")
    alpha: ParameterField = parameter(1.0, frozen=True)

    def evaluate(self, energy: Array) -> Array:
        depth = _depth(energy, self.lambda_, self.alpha)
        return self.norm * bounded_exp(-self.index * jnp.log(energy / self.reference) - depth)


class ExpCutoffPowerLaw3FGLSpectralModel(AbstractSpectralModel):
    r"""Power law with exponential cutoff as in the 3FGL: :math:`\phi_0 (E/E_0)^{-\Gamma} \exp((E_0 - E)/E_c)`.

    Parameters
    ----------
    index
        Spectral index Γ.
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    ecut
        Cutoff energy Ec [TeV].

    References
    ----------
    Acero et al. 2015, ApJS 218, 23 (arXiv 1501.02003).

    Examples
    --------
    >>> print(ExpCutoffPowerLaw3FGLSpectralModel()("1 TeV").round(14))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "ecpl-3fgl"
    index: ParameterField = parameter(1.5)
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)
    ecut: ParameterField = parameter(10.0, "TeV")

    def evaluate(self, energy: Array) -> Array:
        exponent = -self.index * jnp.log(energy / self.reference) + (self.reference - energy) / self.ecut
        return self.amplitude * bounded_exp(exponent)

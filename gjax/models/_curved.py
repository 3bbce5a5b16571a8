"""Log parabolas."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.models._integrate import bounded_exp
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE, attach_unit

__all__ = ["LogParabola2SpectralModel", "LogParabolaNormSpectralModel", "LogParabolaSpectralModel"]


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

    References
    ----------
    Massaro et al. 2004, A&A 413, 489 (arXiv astro-ph/0312260).

    Examples
    --------
    >>> model = LogParabolaSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.2)
    >>> print(model("1 TeV").round(13), model.e_peak.round(3))
    4e-11 1 / (TeV s cm2) 0.472 TeV
    """

    tag: ClassVar[str] = "lp"
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(10.0, "TeV", constant=True)
    alpha: ParameterField = parameter(2.0)
    beta: ParameterField = parameter(1.0)

    @classmethod
    def from_log10(cls, amplitude: Any, reference: Any, alpha: Any, beta: float) -> LogParabolaSpectralModel:
        """Build the model from a curvature that multiplies the decimal logarithm."""
        return cls(amplitude, reference, alpha, beta / math.log(10.0))

    @property
    def e_peak(self) -> Any:
        """Energy of the largest E² dN/dE (Quantity); NaN if the curvature is not positive."""
        alpha, beta = self.alpha.value, self.beta.value
        shift = (2 - alpha) / (2 * beta) if beta > 0 else math.nan
        return attach_unit(self.reference.value * math.exp(shift), "TeV")

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log(energy / self.reference)
        return self.amplitude * bounded_exp(-(self.alpha + self.beta * x) * x)


class LogParabola2SpectralModel(AbstractSpectralModel):
    r"""Log parabola :math:`\phi_0 (E/E_0)^{-\alpha-\beta\ln(E/E_s)}`, whose curvature counts from an energy of its own.

    Parameters
    ----------
    amplitude
        Flux φ0 at the reference energy [TeV-1 s-1 cm-2].
    reference
        Reference energy E0 [TeV].
    alpha, beta
        Index and curvature (natural logarithm).
    escale
        Energy Es [TeV].

    References
    ----------
    Massaro et al. 2004, A&A 413, 489 (arXiv astro-ph/0312260).

    Examples
    --------
    >>> model = LogParabola2SpectralModel(reference="1 TeV", alpha=2.3, beta=0.2, escale="2 TeV")
    >>> print(model("1 TeV").round(14))
    1e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "lp2"
    amplitude: ParameterField = parameter(1e-12, DNDE)
    reference: ParameterField = parameter(10.0, "TeV", constant=True)
    alpha: ParameterField = parameter(2.0)
    beta: ParameterField = parameter(1.0)
    escale: ParameterField = parameter(1.0, "TeV", constant=True)

    @classmethod
    def from_log10(
        cls, amplitude: Any, reference: Any, alpha: Any, beta: float, escale: Any
    ) -> LogParabola2SpectralModel:
        """Build the model from a curvature that multiplies the decimal logarithm."""
        return cls(amplitude, reference, alpha, beta / math.log(10.0), escale)

    @property
    def e_peak(self) -> Any:
        """Energy of the largest E² dN/dE (Quantity); NaN if the curvature is not positive."""
        alpha, beta = self.alpha.value, self.beta.value
        if beta <= 0:
            return attach_unit(math.nan, "TeV")
        centre = math.sqrt(self.reference.value * self.escale.value)
        return attach_unit(centre * math.exp((2 - alpha) / (2 * beta)), "TeV")

    def evaluate(self, energy: Array) -> Array:
        index = self.alpha + self.beta * jnp.log(energy / self.escale)
        return self.amplitude * bounded_exp(-index * jnp.log(energy / self.reference))


class LogParabolaNormSpectralModel(AbstractSpectralModel):
    r"""Dimensionless log parabola :math:`n (E/E_0)^{-\alpha-\beta\ln(E/E_0)}`, to multiply another model with.

    Parameters
    ----------
    norm
        Factor n at the reference energy.
    reference
        Reference energy E0 [TeV].
    alpha, beta
        Index and curvature (natural logarithm).

    References
    ----------
    Massaro et al. 2004, A&A 413, 489 (arXiv astro-ph/0312260).

    Examples
    --------
    >>> print(LogParabolaNormSpectralModel(norm=2)("3 TeV").round(12))
    2.0
    """

    tag: ClassVar[str] = "lp-norm"
    unit: ClassVar[str] = ""
    norm: ParameterField = parameter(1.0)
    reference: ParameterField = parameter(10.0, "TeV", constant=True)
    alpha: ParameterField = parameter(0.0)
    beta: ParameterField = parameter(0.0)

    @classmethod
    def from_log10(cls, norm: Any, reference: Any, alpha: Any, beta: float) -> LogParabolaNormSpectralModel:
        """Build the model from a curvature that multiplies the decimal logarithm."""
        return cls(norm, reference, alpha, beta / math.log(10.0))

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log(energy / self.reference)
        return self.norm * bounded_exp(-(self.alpha + self.beta * x) * x)

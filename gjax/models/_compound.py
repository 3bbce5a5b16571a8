"""Models made of models, and the constant."""

from __future__ import annotations

import operator as python_operator
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.models._integrate import gauss_legendre
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE

__all__ = ["CompoundSpectralModel", "ConstantSpectralModel", "ScaleSpectralModel"]

_OPERATORS = ("add", "sub", "mul")


class ConstantSpectralModel(AbstractSpectralModel):
    """The same flux at every energy.

    Parameters
    ----------
    const
        Flux [TeV-1 s-1 cm-2].

    Examples
    --------
    >>> print(ConstantSpectralModel("2e-12 TeV-1 s-1 cm-2")("5 TeV"))
    2e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "const"
    const: ParameterField = parameter(1e-12, DNDE)

    def evaluate(self, energy: Array) -> Array:
        return self.const * jnp.ones_like(energy)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self.const * (energy_max - energy_min)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self.const * (energy_max**2 - energy_min**2) / 2


class CompoundSpectralModel(AbstractSpectralModel):
    """Sum, difference or product of two models (written with ``+ - *``).

    Parameters
    ----------
    model1, model2
        The two models. A sum needs two of the same unit; in a product one of the two must be dimensionless.
    operator
        "add", "sub" or "mul".

    Raises
    ------
    ValueError
        If the operator is none of these, or the units do not go together.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> both = PowerLawSpectralModel(index=2) + PowerLawSpectralModel(index=3)
    >>> print(both("1 TeV"))
    2e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "compound"
    model1: AbstractSpectralModel
    model2: AbstractSpectralModel
    operator: str = eqx.field(static=True, default="add")

    def __check_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise ValueError(f"operator: expected one of {', '.join(_OPERATORS)}, got {self.operator!r}")
        units = self.model1.unit, self.model2.unit
        if self.operator == "mul" and "" not in units:
            raise ValueError(
                "a product needs a dimensionless model (such as PowerLawNormSpectralModel): both are fluxes"
            )
        if self.operator != "mul" and units[0] != units[1]:
            raise ValueError("a sum needs two models of the same unit: one is a flux, the other dimensionless")

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Unit of `evaluate`."""
        return self.model1.unit or self.model2.unit

    def evaluate(self, energy: Array) -> Array:
        return getattr(python_operator, self.operator)(self.model1.evaluate(energy), self.model2.evaluate(energy))

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        if self.operator in ("add", "sub"):
            parts = (model.integrate(energy_min, energy_max, nodes) for model in (self.model1, self.model2))
            return getattr(python_operator, self.operator)(*parts)
        return gauss_legendre(self.evaluate, energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        if self.operator in ("add", "sub"):
            parts = (model.integrate_energy(energy_min, energy_max, nodes) for model in (self.model1, self.model2))
            return getattr(python_operator, self.operator)(*parts)
        return gauss_legendre(lambda energy: energy * self.evaluate(energy), energy_min, energy_max, nodes)


class ScaleSpectralModel(AbstractSpectralModel):
    """A model times a number.

    Parameters
    ----------
    model
        Any spectral model.
    norm
        The factor.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> print(ScaleSpectralModel(PowerLawSpectralModel(), norm=3)("1 TeV"))
    3e-12 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "scale"
    model: AbstractSpectralModel
    norm: ParameterField = parameter(1.0)

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Unit of `evaluate`."""
        return self.model.unit

    def evaluate(self, energy: Array) -> Array:
        return self.norm * self.model.evaluate(energy)

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self.norm * self.model.integrate(energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        return self.norm * self.model.integrate_energy(energy_min, energy_max, nodes)

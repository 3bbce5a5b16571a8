"""Models made of models, and the constant."""

from __future__ import annotations

import operator as python_operator
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.models._power_law import PowerLawNormSpectralModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import Parameter, ParameterField, parameter
from gjax.units import DNDE, to_canonical

__all__ = ["CompoundSpectralModel", "ConstantSpectralModel", "ScaleSpectralModel", "combine"]

_OPERATORS = ("add", "sub", "mul", "truediv")


class ConstantSpectralModel(AbstractSpectralModel):
    r"""The same flux at every energy.

    .. math:: \phi(E) = k

    Parameters
    ----------
    const
        Flux [TeV-1 s-1 cm-2].

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

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
    r"""Sum, difference, product or ratio of two models (written with ``+ - * /``).

    .. math:: \phi(E) = \phi_1(E) \circ \phi_2(E), \quad \circ \in \{+, -, \times, /\}

    Parameters
    ----------
    model1, model2
        The two models. A sum needs two of the same unit; in a product one of the two must be dimensionless; what
        divides must be dimensionless, or of the unit of the other.
    operator
        "add", "sub", "mul" or "truediv".

    Raises
    ------
    ValueError
        If the operator is none of these, or the units do not go together.

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

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
        if self.operator == "truediv" and units[1] not in ("", units[0]):
            raise ValueError("a ratio needs a dimensionless divisor, or two models of the same unit")
        if self.operator in ("add", "sub") and units[0] != units[1]:
            raise ValueError("a sum needs two models of the same unit: one is a flux, the other dimensionless")

    @property
    def unit(self) -> str:  # type: ignore[override]
        """Unit of `evaluate`."""
        if self.operator == "truediv" and self.model2.unit:
            return ""
        return self.model1.unit or self.model2.unit

    def evaluate(self, energy: Array) -> Array:
        return getattr(python_operator, self.operator)(self.model1.evaluate(energy), self.model2.evaluate(energy))

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        if self.operator in ("add", "sub"):
            parts = (model.integrate(energy_min, energy_max, nodes) for model in (self.model1, self.model2))
            return getattr(python_operator, self.operator)(*parts)
        return self._quadrature(self.evaluate, energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        if self.operator in ("add", "sub"):
            parts = (model.integrate_energy(energy_min, energy_max, nodes) for model in (self.model1, self.model2))
            return getattr(python_operator, self.operator)(*parts)
        return self._quadrature(lambda energy: energy * self.evaluate(energy), energy_min, energy_max, nodes)

    def file_fields(self) -> dict[str, Any]:
        return {"model1": self.model1, "model2": self.model2, "operator": self.operator}


class ScaleSpectralModel(AbstractSpectralModel):
    r"""A model times a number.

    .. math:: n \, \phi(E)

    Parameters
    ----------
    model
        Any spectral model.
    norm
        The factor.

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

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


def combine(model: AbstractSpectralModel, other: Any, operator: str, is_swapped: bool) -> AbstractSpectralModel:
    """Return what ``model operator other`` makes, or ``other operator model`` if they are swapped.

    Numbers become frozen parameters: a product with one is a `ScaleSpectralModel`, a sum of a factor and a number has
    a `PowerLawNormSpectralModel`, and a sum of a flux and a Quantity a `ConstantSpectralModel`.

    Raises
    ------
    TypeError
        If the other is neither a model nor a number.
    ValueError
        If the units do not go together.
    """
    made: AbstractSpectralModel
    if isinstance(other, AbstractSpectralModel):
        made = other
    elif hasattr(other, "to_value") or (isinstance(other, int | float) and (model.unit == "" or operator == "mul")):
        number = float(to_canonical(other, "" if operator in ("mul", "truediv") else model.unit, "a spectral model"))
        if operator == "mul":
            return ScaleSpectralModel(model, Parameter(number, frozen=True))
        made = _constant(number, "" if operator == "truediv" else model.unit)
    elif isinstance(other, int | float) and operator == "truediv" and not is_swapped:
        return ScaleSpectralModel(model, Parameter(1 / other, frozen=True))
    else:
        raise TypeError(f"a spectral model cannot be combined by {operator!r} with {type(other).__name__}")
    return CompoundSpectralModel(made, model, operator) if is_swapped else CompoundSpectralModel(model, made, operator)


def _constant(number: float, unit: str) -> AbstractSpectralModel:
    if unit == "":
        return PowerLawNormSpectralModel(norm=Parameter(number, frozen=True))
    return ConstantSpectralModel(Parameter(number, unit, frozen=True))

"""What every spectral model has: evaluation, integrals, a tag, and the physical face with units."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.models._integrate import gauss_legendre
from gjax.models._registry import classes_by_tag, find_class, register
from gjax.parameters import Parameter, fill, freeze_tree, name_parameter_fields, parameter_paths
from gjax.units import DNDE, attach_unit, to_canonical

__all__ = ["AbstractSpectralModel", "spectral_model_class", "spectral_models"]

_REGISTRY: dict[str, type[AbstractSpectralModel]] = {}


class AbstractSpectralModel(eqx.Module):
    """A differential photon flux dN/dE as a function of energy.

    To add a model, declare its parameters and write `evaluate`; integrals, gradients, units, plots and
    model files follow.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from gjax.models import AbstractSpectralModel
    >>> from gjax.parameters import Parameter, parameter
    >>> class Curved(AbstractSpectralModel):
    ...     tag = "curved-example"
    ...     amplitude: Parameter = parameter("1e-12 TeV-1 s-1 cm-2", "TeV-1 s-1 cm-2")
    ...     curvature: Parameter = parameter(0.3)
    ...
    ...     def evaluate(self, energy):
    ...         return self.amplitude * energy**-2 * jnp.exp(-self.curvature * jnp.log(energy) ** 2)
    >>> Curved(curvature=0.1)("1 TeV").unit
    Unit("1 / (TeV s cm2)")
    """

    tag: ClassVar[str] = ""
    #: Unit of `evaluate`: a differential flux, or "" for models that multiply others.
    unit: ClassVar[str] = DNDE

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        name_parameter_fields(cls)
        register(_REGISTRY, cls)

    @abc.abstractmethod
    def evaluate(self, energy: Array) -> Array:
        """Return dN/dE [TeV-1 s-1 cm-2] at ``energy`` [TeV]; the parameter fields hold arrays here."""

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        """Return the photon flux [s-1 cm-2] in energy bins [TeV]; the parameter fields hold arrays here."""
        return gauss_legendre(self.evaluate, energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        """Return the energy flux [TeV s-1 cm-2] in energy bins [TeV]; the parameter fields hold arrays here."""
        return gauss_legendre(lambda energy: energy * self.evaluate(energy), energy_min, energy_max, nodes)

    def filled(self) -> AbstractSpectralModel:
        """Return the model with its parameter values as arrays, ready for `evaluate`."""
        skeleton, table = freeze_tree(self)
        return fill(skeleton, jnp.asarray(table.values))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(parameter_paths(self))

    def __call__(self, energy: Any) -> Any:
        """Return dN/dE as a Quantity.

        Parameters
        ----------
        energy
            Quantity, string, or number in TeV.
        """
        return attach_unit(self.filled().evaluate(jnp.asarray(to_canonical(energy, "TeV", "energy"))), self.unit)

    def integral(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the photon flux between two energies as a Quantity [s-1 cm-2]."""
        low, high = (jnp.asarray(to_canonical(e, "TeV", "energy")) for e in (energy_min, energy_max))
        return attach_unit(self.filled().integrate(low, high, nodes=64), "s-1 cm-2" if self.unit else "TeV")

    def energy_flux(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the energy flux between two energies as a Quantity [TeV s-1 cm-2]."""
        low, high = (jnp.asarray(to_canonical(e, "TeV", "energy")) for e in (energy_min, energy_max))
        return attach_unit(self.filled().integrate_energy(low, high, nodes=64), "TeV s-1 cm-2" if self.unit else "TeV2")

    def plot(self, energy_bounds: Any, ax: Any = None, **options: Any) -> Any:
        """Plot the spectral energy distribution between two energies on a matplotlib axis and return the axis."""
        from gjax.plot import plot_spectrum

        return plot_spectrum(self, energy_bounds, ax=ax, **options)

    def __add__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "add")

    def __sub__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "sub")

    def __mul__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "mul")

    def __rmul__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "mul")


def _combine(first: AbstractSpectralModel, second: Any, operator: str) -> AbstractSpectralModel:
    from gjax.models._compound import CompoundSpectralModel, ScaleSpectralModel

    if isinstance(second, AbstractSpectralModel):
        return CompoundSpectralModel(first, second, operator)
    if operator == "mul" and isinstance(second, int | float):
        return ScaleSpectralModel(first, Parameter(float(second), frozen=True))
    raise TypeError(f"a spectral model cannot be combined by {operator!r} with {type(second).__name__}")


def spectral_model_class(tag: str) -> type[AbstractSpectralModel]:
    """Return the class of a tag or class name.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.
    """
    return find_class(_REGISTRY, "spectral model", tag)


def spectral_models() -> dict[str, type[AbstractSpectralModel]]:
    """Return all spectral models by tag, the user's own included.

    Examples
    --------
    >>> "pl" in spectral_models()
    True
    """
    return classes_by_tag(_REGISTRY)

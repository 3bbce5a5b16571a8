"""What every spectral model has: evaluation, integrals, a tag, and the physical face with units."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models import _spectral_face as face
from gjax.models._info import model_info
from gjax.models._integrate import gauss_legendre, local_index, split_at
from gjax.models._registry import classes_by_tag, find_class, load_emission_models, register
from gjax.models._spectral_face import times_energy
from gjax.parameters import fill, freeze_tree, name_parameter_fields, parameter_paths
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
    #: Whether a value is itself an integral: samplers then let chains go one after the other.
    is_costly: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        name_parameter_fields(cls)
        register(_REGISTRY, cls)

    @abc.abstractmethod
    def evaluate(self, energy: Array) -> Array:
        """Return dN/dE [TeV-1 s-1 cm-2] at ``energy`` [TeV]; the parameter fields hold arrays here."""

    def integrate(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        """Return the photon flux [s-1 cm-2] in energy bins [TeV]; the parameter fields hold arrays here."""
        return self._quadrature(self.evaluate, energy_min, energy_max, nodes)

    def integrate_energy(self, energy_min: Array, energy_max: Array, nodes: int = 8) -> Array:
        """Return the energy flux [TeV s-1 cm-2] in energy bins [TeV]; the parameter fields hold arrays here."""
        return self._quadrature(lambda energy: energy * self.evaluate(energy), energy_min, energy_max, nodes)

    def _quadrature(self, function: Any, energy_min: Array, energy_max: Array, nodes: int) -> Array:
        def integral(low: Array, high: Array) -> Array:
            return gauss_legendre(function, low, high, nodes)

        return split_at(integral, energy_min, energy_max, self.kinks())

    def local_index(self, energy: Array) -> Array:
        """Return -d ln(dN/dE) / d ln E at ``energy`` [TeV]; the parameter fields hold arrays here."""
        return local_index(self.evaluate, energy)

    def kinks(self) -> np.ndarray | Array:
        """Return the energies [TeV] where the spectrum is not smooth, such as a break or the nodes of a table."""
        found = [part.kinks() for part in vars(self).values() if isinstance(part, AbstractSpectralModel)]
        return jnp.concatenate([jnp.atleast_1d(energies) for energies in found]) if found else np.empty(0)

    def filled(self) -> AbstractSpectralModel:
        """Return the model with its parameter values as arrays, ready for `evaluate`."""
        skeleton, table = freeze_tree(self)
        return fill(skeleton, jnp.asarray(table.counted))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(parameter_paths(self))

    @property
    def is_norm_spectral_model(self) -> bool:
        """Whether the model has no unit and multiplies others."""
        return self.unit == ""

    # ---- the physical face: quantities in, quantities out ----

    def __call__(self, energy: Any) -> Any:
        """Return dN/dE as a Quantity.

        Parameters
        ----------
        energy
            Quantity, string, or number in TeV.
        """
        return attach_unit(face.by_blocks(self.filled(), "evaluate", to_canonical(energy, "TeV", "energy")), self.unit)

    def integral(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the photon flux between two energies as a Quantity [s-1 cm-2]."""
        return attach_unit(face.integrals(self, energy_min, energy_max, 0), times_energy(self.unit, 1))

    def energy_flux(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the energy flux between two energies as a Quantity [TeV s-1 cm-2]."""
        return attach_unit(face.integrals(self, energy_min, energy_max, 1), times_energy(self.unit, 2))

    def spectral_index(self, energy: Any) -> Any:
        """Return the local index -d ln(dN/dE) / d ln E, an exact derivative, at energies (Quantity, or TeV)."""
        return face.by_blocks(self.filled(), "local_index", to_canonical(energy, "TeV", "energy"))

    def inverse(self, value: Any, energy_min: Any = 0.1, energy_max: Any = 100.0) -> Any:
        """Return all energies in a range where the spectrum has a value; one NaN if there is none.

        Parameters
        ----------
        value
            Quantity, or number in the unit of the model.
        energy_min, energy_max
            Range [TeV]; the default is 0.1 to 100 TeV.
        """
        return attach_unit(face.roots(self, value, energy_min, energy_max), "TeV")

    def inverse_all(self, values: Any, energy_min: Any = 0.1, energy_max: Any = 100.0) -> list[Any]:
        """Return the energies of `inverse` for every one of several values."""
        many = np.atleast_1d(to_canonical(values, self.unit, "values"))
        return [self.inverse(value, energy_min, energy_max) for value in many]

    def reference_fluxes(self, energy_axis: Any) -> dict[str, Any]:
        """Return energies and fluxes in the bins of an axis (`gjax.maps.MapAxis`), as flux points need them."""
        centre, low, high = energy_axis.center, energy_axis.edges[:-1], energy_axis.edges[1:]
        dnde = self(centre)
        return {
            "e_ref": centre,
            "e_min": low,
            "e_max": high,
            "ref_dnde": dnde,
            "ref_flux": self.integral(low, high),
            "ref_eflux": self.energy_flux(low, high),
            "ref_e2dnde": (dnde * centre**2).to(times_energy(self.unit, 2)),
        }

    def plot(self, energy_bounds: Any, ax: Any = None, **options: Any) -> Any:
        """Plot the spectral energy distribution between two energies on a matplotlib axis and return the axis.

        Parameters
        ----------
        energy_bounds
            Lowest and highest energy.
        ax
            Axes; a new one if None.
        options
            Given to `gjax.plot.plot_spectrum`, for instance ``sed_type``: "dnde", "e2dnde", "flux" or "eflux".
        """
        from gjax.plot import plot_spectrum

        return plot_spectrum(self, energy_bounds, ax=ax, **options)

    def errors(self, covariance: Any = None) -> Any:
        """Return the spectrum with errors: ``dnde``, ``flux``, ``energy_flux``, ``spectral_index`` of the result.

        Parameters
        ----------
        covariance
            Of all parameters in their order, in their units; None for their errors, as if they were independent
            (`Models.errors` knows the covariance of a fit).

        Raises
        ------
        ValueError
            If the shape is another, or no parameter has an error either.

        Examples
        --------
        >>> from gjax.models import PowerLawSpectralModel
        >>> model = PowerLawSpectralModel(index=2, amplitude="1e-12 cm-2 s-1 TeV-1")
        >>> value, error = model.errors([[0.01, 0, 0], [0, 1e-26, 0], [0, 0, 0]]).dnde("1 TeV")
        >>> print(error)
        1e-13 1 / (TeV s cm2)
        """
        from gjax.models._errors import spectrum_errors

        return spectrum_errors(self, covariance)

    def plot_error(self, energy_bounds: Any, ax: Any = None, *, covariance: Any = None, **options: Any) -> Any:
        """Plot the spectrum with its error band on a matplotlib axis and return the axis.

        Parameters
        ----------
        energy_bounds
            Lowest and highest energy.
        ax
            Axes; a new one if None.
        covariance
            As in `errors`.
        options
            Given to `gjax.plot.plot_spectrum_band`, for instance ``sed_type``: "dnde", "e2dnde", "flux" or "eflux".
        """
        from gjax.plot import plot_spectrum_band

        return plot_spectrum_band(self.errors(covariance), energy_bounds, ax=ax, **options)

    def info(self) -> Any:
        """Return the parameters as an astropy table: name, value, unit, error, min, max, frozen, prior."""
        return model_info(self)

    # ---- model files ----

    def file_parameters(self) -> dict[str, Any]:
        """Return the parameters of a model file: those of the model's own fields."""
        return {name: getattr(self, name) for name in declared_parameters(type(self))}

    def file_fields(self) -> dict[str, Any]:
        """Return what a model file says beside the type and the parameters, as plain data and models."""
        return {name: part for name, part in vars(self).items() if isinstance(part, AbstractSpectralModel)}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that `from_file` knows."""
        names = (field.name for field in dataclasses.fields(cls))
        return tuple(name for name in names if name not in declared_parameters(cls) and name != "unit")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> AbstractSpectralModel:
        """Build the model from a model file.

        Parameters
        ----------
        fields
            Contents of the `file_keys` that are there; models and quantities are made already.
        rows
            The rows of parameters: ``rows.names``, and ``rows.read(declared)``, which makes parameters of names with
            a unit and the defaults of `Parameter`.
        """
        return cls(**fields, **rows.read(declared_parameters(cls)))

    # ---- arithmetic ----

    def __add__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "add")

    def __sub__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "sub")

    def __mul__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "mul")

    def __truediv__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "truediv")

    def __radd__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "add")

    def __rsub__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "sub", is_swapped=True)

    def __rmul__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "mul")

    def __rtruediv__(self, other: Any) -> AbstractSpectralModel:
        return _combine(self, other, "truediv", is_swapped=True)

    #: A Quantity on the left leaves the operation to the model.
    __array_ufunc__ = None


def _combine(
    model: AbstractSpectralModel, other: Any, operator: str, is_swapped: bool = False
) -> AbstractSpectralModel:
    from gjax.models._compound import combine

    return combine(model, other, operator, is_swapped)


def declared_parameters(cls: type) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the parameter fields of a class: name to unit and defaults."""
    found = {name: field.metadata.get("converter") for name, field in getattr(cls, "__dataclass_fields__", {}).items()}
    return {name: (made.unit, made.options) for name, made in found.items() if hasattr(made, "unit")}


def spectral_model_class(tag: str) -> type[AbstractSpectralModel]:
    """Return the class of a tag or class name.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.
    """
    if tag not in _REGISTRY:
        load_emission_models()
    return find_class(_REGISTRY, "spectral model", tag)


def spectral_models() -> dict[str, type[AbstractSpectralModel]]:
    """Return all spectral models by tag, the user's own included.

    Examples
    --------
    >>> "pl" in spectral_models()
    True
    """
    load_emission_models()
    return classes_by_tag(_REGISTRY)

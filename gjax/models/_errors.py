"""Errors of spectra from the covariance of their parameters, to first order and by exact derivatives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax import Array

from gjax.models._spectral_face import panel_edges, times_energy
from gjax.parameters import ParameterTable, fill, freeze_tree
from gjax.units import attach_unit, to_canonical

__all__ = ["SpectrumErrors", "full_covariance", "spectrum_errors"]


def full_covariance(table: ParameterTable, covariance: Any = None) -> np.ndarray:
    """Return the covariance of all parameters of a table; without one, that of independent errors.

    Parameters
    ----------
    table
        The parameters.
    covariance
        Of all parameters in the order of the table, in their units; None for the errors of the parameters.

    Raises
    ------
    ValueError
        If the shape is another, or no parameter has an error either.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> from gjax.parameters import Parameter, freeze_tree
    >>> model = PowerLawSpectralModel(index=Parameter(2.0, error=0.1))
    >>> full_covariance(freeze_tree(model)[1]).diagonal().round(3).tolist()
    [0.01, 0.0, 0.0]
    """
    if covariance is None:
        errors = np.nan_to_num(table.errors)
        if not errors.any():
            raise ValueError(f"no parameter has an error, of {', '.join(table.names)}: fit, or give a covariance")
        return np.diag(errors**2)
    matrix = np.asarray(covariance, dtype=float)
    if matrix.shape != (table.size, table.size):
        names = ", ".join(table.names)
        raise ValueError(
            f"covariance: expected {table.size} by {table.size} numbers, of {names}; got shape {matrix.shape}"
        )
    return matrix


@dataclasses.dataclass(frozen=True)
class SpectrumErrors:
    """A spectrum whose values come with errors.

    Parameters
    ----------
    model
        The spectral model.
    skeleton
        The same with slots in place of parameters.
    table
        The parameters of the slots.
    covariance
        Of all of these, see `full_covariance`.
    """

    model: Any
    skeleton: Any
    table: ParameterTable
    covariance: np.ndarray

    def propagate(self, function: Callable[..., Array], *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return value and standard deviation of a function of the spectral model, by the delta method.

        Parameters
        ----------
        function
            Takes the model with arrays in place of parameters, and the arguments; written with ``jax.numpy``.
        arguments
            Arrays.
        """
        theta = jax.device_put(self.table.counted)
        value, derivatives = _with_jacobian(function, theta, self.skeleton, *jax.device_put(arguments))
        matters = np.diag(self.covariance) > 0
        jacobian, covariance = np.asarray(derivatives)[..., matters], self.covariance[np.ix_(matters, matters)]
        variance = np.einsum("...i,ij,...j->...", jacobian, covariance, jacobian)
        return np.asarray(value), np.sqrt(np.maximum(variance, 0.0))

    def dnde(self, energy: Any) -> tuple[Any, Any]:
        """Return dN/dE and its error at energies, as Quantities."""
        value, error = self.propagate(_evaluate, np.asarray(to_canonical(energy, "TeV", "energy"), float))
        return attach_unit(value, self.model.unit), attach_unit(error, self.model.unit)

    def flux(self, energy_min: Any, energy_max: Any) -> tuple[Any, Any]:
        """Return the photon flux between two energies and its error, as Quantities."""
        return self._integral(_integrate, times_energy(self.model.unit, 1), energy_min, energy_max)

    def energy_flux(self, energy_min: Any, energy_max: Any) -> tuple[Any, Any]:
        """Return the energy flux between two energies and its error, as Quantities."""
        return self._integral(_integrate_energy, times_energy(self.model.unit, 2), energy_min, energy_max)

    def spectral_index(self, energy: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the local index -d ln(dN/dE) / d ln E and its error at energies."""
        return self.propagate(_local_index, np.asarray(to_canonical(energy, "TeV", "energy"), float))

    def _integral(self, function: Any, unit: str, energy_min: Any, energy_max: Any) -> tuple[Any, Any]:
        low, high = (to_canonical(e, "TeV", "energy") for e in (energy_min, energy_max))
        edges = panel_edges(low, high, self.model.filled().kinks())
        value, error = self.propagate(function, edges[..., :-1], edges[..., 1:])
        return attach_unit(value, unit), attach_unit(error, unit)


def spectrum_errors(model: Any, covariance: Any = None) -> SpectrumErrors:
    """Return the spectrum of a spectral model or of a source with errors, see `full_covariance`.

    Parameters
    ----------
    model
        Spectral model or source.
    covariance
        Of all its parameters; None for the errors of the parameters as if they were independent.
    """
    skeleton, table = freeze_tree(model)
    spectrum = getattr(model, "spectral_model", model)
    slots = getattr(skeleton, "spectral_model", skeleton)
    return SpectrumErrors(spectrum, slots, table, full_covariance(table, covariance))


def _evaluate(model: Any, energy: Array) -> Array:
    return model.evaluate(energy)


def _integrate(model: Any, low: Array, high: Array) -> Array:
    return model.integrate(low, high).sum(-1)


def _integrate_energy(model: Any, low: Array, high: Array) -> Array:
    return model.integrate_energy(low, high).sum(-1)


def _local_index(model: Any, energy: Array) -> Array:
    return model.local_index(energy)


@eqx.filter_jit
def _with_jacobian(function: Any, theta: Array, skeleton: Any, *arguments: Array) -> tuple[Array, Array]:
    def of_theta(theta: Array) -> Array:
        return function(fill(skeleton, theta), *arguments)

    return of_theta(theta), jax.jacfwd(of_theta)(theta)

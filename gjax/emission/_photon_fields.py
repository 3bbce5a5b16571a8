"""Photons that electrons scatter: black bodies, lines and tables.

Inverse Compton scattering of isotropic photons of density n(ε) needs them only through two functions of
ε_t = z / (4 γ (1 - z)), the smallest energy from which an electron of Lorentz factor γ makes a photon of energy zγ
(equation 22 of Aharonian & Atoyan 1981, Ap&SS 79, 321; the same as Jones 1968, Phys. Rev. 167, 1159):

    M1(ε_t) = ∫ dε n(ε)/ε [2 q ln q + (1 + 2q)(1 - q)],   M2(ε_t) = ∫ dε n(ε)/ε (1 - q),   q = ε_t / ε <= 1

and the rate is 3/4 σ_T c / γ² (M1 + z² / (2 (1 - z)) M2). All energies here are in rest energies of the electron.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.emission._constants import ELECTRON_MASS, LOG_TEMPERATURE, PLANCK_RATE, RADIATION_CONSTANT, THOMSON_RATE
from gjax.emission._moments import MomentTable, kernels, tabulate_moments
from gjax.emission._quadrature import DEPTH, safe_log, softplus
from gjax.models import AbstractModelPart
from gjax.parameters import ParameterField, parameter
from gjax.units import to_canonical

__all__ = [
    "AbstractPhotonField",
    "BlackBodyPhotonField",
    "LinePhotonField",
    "TablePhotonField",
    "photon_field",
]


class AbstractPhotonField(AbstractModelPart):
    """Isotropic photons around the electrons."""

    #: Nodes of an integral over electrons, and of each of two pieces where their spectrum has a break.
    nodes: ClassVar[tuple[int, int]] = (24, 20)
    #: Width in ln(E_e / E - 1) of the electrons that matter: there the nodes are dense.
    width: ClassVar[float] = 2.0

    @abc.abstractmethod
    def log_threshold_end(self, log_threshold: Array) -> Array:
        """Return up to which ln ε_t there is something to integrate, where ``log_threshold`` is the lowest one."""

    @abc.abstractmethod
    def rates(self, log_threshold: Array) -> tuple[Array, Array, Array]:
        """Return ln s, m1, m2 of 3/4 σ_T c M1 = s m1 and 3/4 σ_T c M2 = s m2 [s-1] at ln ε_t."""


class BlackBodyPhotonField(AbstractPhotonField):
    r"""Black body, or grey body: a Planck spectrum diluted to an energy density.

    Uses the approximation of Khangulyan, Aharonian & Kelner (2014, ApJ 783, 100), equations 14 and 24 to 27, better
    than 1 %.

    Parameters
    ----------
    temperature
        Temperature [K].
    energy_density
        Energy density [eV cm-3]; `blackbody_density` gives that of a black body.
    name
        Name of the field, used for the component's name.

    Examples
    --------
    >>> dust = BlackBodyPhotonField("70 K", "0.5 eV cm-3", name="FIR")
    >>> round(BlackBodyPhotonField.blackbody_density(2.72548), 4)
    0.2606
    """

    tag: ClassVar[str] = "blackbody"
    temperature: ParameterField = parameter(2.72548, "K", frozen=True, min=1e-3)
    energy_density: ParameterField = parameter(0.26055, "eV cm-3", frozen=True)
    name: str = eqx.field(static=True, default="blackbody")

    @staticmethod
    def blackbody_density(temperature: float) -> float:
        """Return the energy density [eV cm-3] of a black body of a temperature [K]."""
        return RADIATION_CONSTANT * temperature**4

    def log_threshold_end(self, log_threshold: Array) -> Array:
        log_temperature = safe_log(self.temperature) + LOG_TEMPERATURE
        log_depth = log_temperature + math.log(DEPTH)
        end = log_depth + softplus(log_threshold - log_depth)
        return jax.lax.stop_gradient(end)  # there is nothing left: the nodes need no derivative

    def rates(self, log_threshold: Array) -> tuple[Array, Array, Array]:
        log_kelvin = safe_log(self.temperature)
        log_temperature = log_kelvin + LOG_TEMPERATURE
        log_x = log_threshold - log_temperature
        x = jnp.exp(log_x)
        # the dilution u / (a T^4) times T^2
        log_scale = math.log(PLANCK_RATE / RADIATION_CONSTANT) + 2 * LOG_TEMPERATURE - 2 * log_kelvin - x
        m1 = self.energy_density * _planck(x, log_x, 0.461, 0.726, 1.457, 0.382, 6.620)
        m2 = self.energy_density * _planck(x, log_x, 0.606, 0.443, 1.481, 0.540, 0.319)
        return log_scale, m1, m2


def _planck(x: Array, log_x: Array, alpha: float, a: float, beta: float, b: float, c: float) -> Array:
    """Equations 20, 24 and 25 of Khangulyan et al. (2014) without exp(-x)."""
    sixth = math.pi**2 / 6
    g = 1 / (1 + a * jnp.exp(alpha * log_x) / (1 + b * jnp.exp(beta * log_x)))
    return sixth * (1 + c * x) / (1 + sixth * c * x) * g


class LinePhotonField(AbstractPhotonField):
    """Photons of one energy.

    Parameters
    ----------
    energy
        Energy of the photons [eV].
    energy_density
        Energy density [eV cm-3].
    name
        Name of the field.

    Examples
    --------
    >>> line = LinePhotonField("2 eV", "1 eV cm-3")
    """

    tag: ClassVar[str] = "line-photons"
    energy: ParameterField = parameter(1.0, "eV", frozen=True, min=1e-12)
    energy_density: ParameterField = parameter(1.0, "eV cm-3", frozen=True)
    name: str = eqx.field(static=True, default="line")

    def _log_energy(self) -> Array:
        return safe_log(self.energy) - math.log(ELECTRON_MASS)

    def log_threshold_end(self, log_threshold: Array) -> Array:
        return jnp.broadcast_to(self._log_energy(), jnp.shape(log_threshold))

    def rates(self, log_threshold: Array) -> tuple[Array, Array, Array]:
        log_q = jnp.minimum(log_threshold - self._log_energy(), 0.0)
        k1, k2 = kernels(log_q)
        log_scale = math.log(THOMSON_RATE / ELECTRON_MASS) - 2 * self._log_energy()
        return jnp.broadcast_to(log_scale, log_q.shape), self.energy_density * k1, self.energy_density * k2


def _numbers(unit: str, what: str) -> Any:
    return lambda values: tuple(
        np.asarray(to_canonical(values, unit, f"TablePhotonField.{what}"), float).ravel().tolist()
    )


class TablePhotonField(AbstractPhotonField):
    """A table of photon densities, interpolated as power laws; nothing beyond its ends.

    Parameters
    ----------
    energy
        Energies [eV], increasing; at least two.
    density
        Number of photons per volume and energy there [eV-1 cm-3], positive.
    norm
        Factor on the densities.
    name
        Name of the field.

    Raises
    ------
    ValueError
        If the shapes differ, energies do not increase, or numbers are not positive.

    Examples
    --------
    >>> stars = TablePhotonField(energy=[0.5, 1, 2, 4], density=[0.1, 0.3, 0.2, 0.01], name="stars")
    """

    tag: ClassVar[str] = "table-photons"
    nodes: ClassVar[tuple[int, int]] = (48, 32)  # the moments of a table have kinks
    width: ClassVar[float] = 4.0
    energy: Any = eqx.field(static=True, converter=_numbers("eV", "energy"), metadata={"unit": "eV"})
    density: Any = eqx.field(static=True, converter=_numbers("eV-1 cm-3", "density"), metadata={"unit": "eV-1 cm-3"})
    norm: ParameterField = parameter(1.0, frozen=True)
    name: str = eqx.field(static=True, default="table")

    def __check_init__(self) -> None:
        energy, density = np.array(self.energy), np.array(self.density)
        if len(energy) < 2 or energy.shape != density.shape:
            raise ValueError(
                "TablePhotonField: expected at least two energies and as many densities, "
                f"got {energy.size} and {density.size}"
            )
        if not (np.diff(energy) > 0).all() or energy[0] <= 0:
            raise ValueError("TablePhotonField.energy: expected increasing positive energies")
        if not (density > 0).all() or not np.isfinite(density).all():
            raise ValueError("TablePhotonField.density: expected positive numbers")

    def _moments(self) -> MomentTable:
        log_energy = np.log(self.energy) - math.log(ELECTRON_MASS)
        log_density = np.log(self.density) + math.log(ELECTRON_MASS)
        size = max(64, math.ceil((log_energy[-1] - log_energy[0]) / 0.05) + 1)
        grid, step = np.linspace(log_energy[0], log_energy[-1], size, retstep=True)
        # thresholds below all photons, down to where the moments no longer change
        below = math.ceil(14 / step)
        filled = np.concatenate([np.full(below, -1e3), np.interp(grid, log_energy, log_density)])
        return tabulate_moments(float(grid[0] - below * step), float(step), filled, first=below)

    def log_threshold_end(self, log_threshold: Array) -> Array:
        return jnp.full(jnp.shape(log_threshold), math.log(self.energy[-1] / ELECTRON_MASS))

    def rates(self, log_threshold: Array) -> tuple[Array, Array, Array]:
        log_scale, m1, m2 = self._moments().rates(log_threshold)
        return log_scale, self.norm * m1, self.norm * m2


_SHORT = {
    "CMB": (2.72548, RADIATION_CONSTANT * 2.72548**4),
    "FIR": (30.0, 0.5),
    "NIR": (3000.0, 1.0),
}


def photon_field(field: Any) -> AbstractPhotonField:
    """Return a photon field from itself, or from the name of a usual one.

    Parameters
    ----------
    field
        A photon field; "CMB" (2.72548 K), "FIR" (30 K, 0.5 eV cm-3) or "NIR" (3000 K, 1 eV cm-3), the densities of
        GALPROP at 6.5 kpc from the Galactic centre; or the arguments of `BlackBodyPhotonField` as a sequence:
        temperature and energy density.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> photon_field("FIR").temperature.value
    30.0
    """
    if isinstance(field, AbstractPhotonField):
        return field
    if isinstance(field, str):
        if field not in _SHORT:
            raise ValueError(f"photon field {field!r} is unknown; expected one of {', '.join(_SHORT)}")
        return BlackBodyPhotonField(*_SHORT[field], name=field)
    if isinstance(field, Sequence) and len(field) in (2, 3):
        return BlackBodyPhotonField(*field)
    raise TypeError(f"expected a photon field, its name, or temperature and energy density; got {field!r}")

"""Spectra of accelerated particles: their number per energy in the source."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.emission._quadrature import DEPTH, log_integral, safe_log
from gjax.models import AbstractModelPart
from gjax.parameters import ParameterField, parameter
from gjax.units import attach_unit, to_canonical

__all__ = [
    "AbstractParticleModel",
    "BrokenPowerLawParticles",
    "ExpCutoffBrokenPowerLawParticles",
    "ExpCutoffPowerLawParticles",
    "LogParabolaParticles",
    "PowerLawParticles",
]


class AbstractParticleModel(AbstractModelPart):
    """Number of particles per energy: an amplitude [eV-1] times a shape.

    To add a spectrum, declare its parameters, `amplitude` among them, and write `log_shape`.
    """

    if TYPE_CHECKING:
        amplitude: Any

    @abc.abstractmethod
    def log_shape(self, log_energy: Array) -> Array:
        """Return ln of the spectrum over its amplitude, from ln of the particle energy [TeV]."""

    def log_end(self) -> Any:
        """Return ln of an energy [TeV] above which nothing is left: e-60 of the exponential cutoff."""
        return np.inf

    def log_breaks(self) -> tuple[Any, ...]:
        """Return ln of the energies [TeV] where the spectrum has a kink."""
        return ()

    def __call__(self, energy: Any) -> Any:
        """Return the number of particles per energy as a Quantity [eV-1].

        Parameters
        ----------
        energy
            Particle energies: Quantity, string, or numbers in TeV.
        """
        filled, energy = self.filled(), jnp.asarray(to_canonical(energy, "TeV", "energy"))
        return attach_unit(filled.amplitude * jnp.exp(filled.log_shape(jnp.log(energy))), "eV-1")

    def energy_content(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the energy of all particles between two energies as a Quantity [erg]."""
        low, high = (jnp.log(to_canonical(e, "TeV", "energy")) for e in (energy_min, energy_max))
        filled = self.filled()
        high = jnp.minimum(high, filled.log_end())
        # eV-1 TeV2 is 1e12 TeV, and 1 TeV is 1.602176634 erg
        log_sum = log_integral(lambda t: filled.log_shape(t) + 2 * t, low, high, 128, filled.log_breaks())
        return attach_unit(1.602176634e12 * filled.amplitude * jnp.exp(log_sum), "erg")


def _log_cutoff(log_energy: Array, e_cutoff: Array, beta: Array) -> Array:
    # no flux is left at e**80, and single precision would overflow
    return -jnp.exp(jnp.minimum(beta * (log_energy - safe_log(e_cutoff)), 80.0))


def _log_end(e_cutoff: Array, beta: Array) -> Array:
    return safe_log(e_cutoff) + np.log(DEPTH) / jnp.maximum(beta, 0.1)


def _log_broken(log_energy: Array, e_0: Array, e_break: Array, alpha_1: Array, alpha_2: Array) -> Array:
    x, x_break = log_energy - safe_log(e_0), safe_log(e_break) - safe_log(e_0)
    return jnp.where(x < x_break, -alpha_1 * x, -alpha_2 * x + (alpha_2 - alpha_1) * x_break)


class PowerLawParticles(AbstractParticleModel):
    r"""Power law :math:`N(E) = A\,(E/E_0)^{-\alpha}`.

    Parameters
    ----------
    amplitude
        Number A per energy at the reference energy [eV-1].
    e_0
        Reference energy [TeV].
    alpha
        Index.

    Examples
    --------
    >>> print(f"{PowerLawParticles(amplitude='2e36 eV-1', alpha=2)('10 TeV'):.3g}")
    2e+34 1 / eV
    """

    tag: ClassVar[str] = "pl-particles"
    amplitude: ParameterField = parameter(1e36, "eV-1")
    e_0: ParameterField = parameter(1.0, "TeV", constant=True)
    alpha: ParameterField = parameter(2.0)

    def log_shape(self, log_energy: Array) -> Array:
        return -self.alpha * (log_energy - safe_log(self.e_0))


class ExpCutoffPowerLawParticles(AbstractParticleModel):
    r"""Power law with cutoff :math:`N(E) = A\,(E/E_0)^{-\alpha} \exp(-(E/E_c)^\beta)`.

    Parameters
    ----------
    amplitude
        Number A per energy at the reference energy, without the cutoff [eV-1].
    e_0
        Reference energy [TeV].
    alpha
        Index.
    e_cutoff
        Cutoff energy E_c [TeV].
    beta
        Sharpness of the cutoff.

    Examples
    --------
    >>> electrons = ExpCutoffPowerLawParticles(alpha=2.5, e_cutoff="50 TeV")
    >>> electrons.energy_content("1 GeV", "500 TeV").unit
    Unit("erg")
    """

    tag: ClassVar[str] = "ecpl-particles"
    amplitude: ParameterField = parameter(1e36, "eV-1")
    e_0: ParameterField = parameter(1.0, "TeV", constant=True)
    alpha: ParameterField = parameter(2.0)
    e_cutoff: ParameterField = parameter(10.0, "TeV", min=1e-6)
    beta: ParameterField = parameter(1.0, frozen=True, min=0.05)

    def log_shape(self, log_energy: Array) -> Array:
        cutoff = _log_cutoff(log_energy, self.e_cutoff, self.beta)
        return -self.alpha * (log_energy - safe_log(self.e_0)) + cutoff

    def log_end(self) -> Array:
        return _log_end(self.e_cutoff, self.beta)


class BrokenPowerLawParticles(AbstractParticleModel):
    r"""Power law with a break: index :math:`\alpha_1` below :math:`E_b` and :math:`\alpha_2` above.

    :math:`N(E) = A\,(E/E_0)^{-\alpha_1}` below the break and
    :math:`A\,(E_b/E_0)^{\alpha_2-\alpha_1} (E/E_0)^{-\alpha_2}` above.

    Parameters
    ----------
    amplitude
        Number A per energy at the reference energy, of the lower power law [eV-1].
    e_0
        Reference energy [TeV].
    e_break
        Break energy E_b [TeV].
    alpha_1, alpha_2
        Indices below and above the break.

    Examples
    --------
    >>> print(f"{BrokenPowerLawParticles(e_break='0.1 TeV', alpha_1=1, alpha_2=3)('0.1 TeV'):.3g}")
    1e+37 1 / eV
    """

    tag: ClassVar[str] = "bpl-particles"
    amplitude: ParameterField = parameter(1e36, "eV-1")
    e_0: ParameterField = parameter(1.0, "TeV", constant=True)
    e_break: ParameterField = parameter(1.0, "TeV", min=1e-6)
    alpha_1: ParameterField = parameter(2.0)
    alpha_2: ParameterField = parameter(3.0)

    def log_shape(self, log_energy: Array) -> Array:
        return _log_broken(log_energy, self.e_0, self.e_break, self.alpha_1, self.alpha_2)

    def log_breaks(self) -> tuple[Array, ...]:
        return (safe_log(self.e_break),)


class ExpCutoffBrokenPowerLawParticles(AbstractParticleModel):
    r"""Broken power law times :math:`\exp(-(E/E_c)^\beta)`.

    Parameters
    ----------
    amplitude
        Number A per energy at the reference energy, of the lower power law without the cutoff [eV-1].
    e_0
        Reference energy [TeV].
    e_break
        Break energy E_b [TeV].
    alpha_1, alpha_2
        Indices below and above the break.
    e_cutoff
        Cutoff energy E_c [TeV].
    beta
        Sharpness of the cutoff.

    Examples
    --------
    >>> electrons = ExpCutoffBrokenPowerLawParticles(
    ...     amplitude="3.7e36 eV-1", e_break="0.265 TeV", alpha_1=1.5, alpha_2=3.233, e_cutoff="1863 TeV", beta=2
    ... )
    """

    tag: ClassVar[str] = "ecbpl-particles"
    amplitude: ParameterField = parameter(1e36, "eV-1")
    e_0: ParameterField = parameter(1.0, "TeV", constant=True)
    e_break: ParameterField = parameter(1.0, "TeV", min=1e-6)
    alpha_1: ParameterField = parameter(2.0)
    alpha_2: ParameterField = parameter(3.0)
    e_cutoff: ParameterField = parameter(10.0, "TeV", min=1e-6)
    beta: ParameterField = parameter(1.0, frozen=True, min=0.05)

    def log_shape(self, log_energy: Array) -> Array:
        broken = _log_broken(log_energy, self.e_0, self.e_break, self.alpha_1, self.alpha_2)
        return broken + _log_cutoff(log_energy, self.e_cutoff, self.beta)

    def log_end(self) -> Array:
        return _log_end(self.e_cutoff, self.beta)

    def log_breaks(self) -> tuple[Array, ...]:
        return (safe_log(self.e_break),)


class LogParabolaParticles(AbstractParticleModel):
    r"""Log parabola :math:`N(E) = A\,(E/E_0)^{-\alpha-\beta\ln(E/E_0)}` (natural logarithm).

    Parameters
    ----------
    amplitude
        Number A per energy at the reference energy [eV-1].
    e_0
        Reference energy [TeV].
    alpha
        Local index at the reference energy.
    beta
        Curvature, with the *natural* logarithm.

    Examples
    --------
    >>> print(f"{LogParabolaParticles(alpha=2.0, beta=0.0)('10 TeV'):.3g}")
    1e+34 1 / eV
    """

    tag: ClassVar[str] = "lp-particles"
    amplitude: ParameterField = parameter(1e36, "eV-1")
    e_0: ParameterField = parameter(1.0, "TeV", constant=True)
    alpha: ParameterField = parameter(2.0)
    beta: ParameterField = parameter(0.1)

    def log_shape(self, log_energy: Array) -> Array:
        x = log_energy - safe_log(self.e_0)
        return -(self.alpha + self.beta * x) * x

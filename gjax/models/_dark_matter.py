"""Gamma rays from dark matter: spectra of one annihilation, and fluxes from annihilation and decay."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import DataFormatError, MissingDataError
from gjax.models._spectral import AbstractSpectralModel, declared_parameters
from gjax.models._tables import multilinear
from gjax.parameters import Affine, Expression, Parameter, ParameterField, parameter
from gjax.paths import expand_path
from gjax.units import to_canonical

__all__ = ["DarkMatterAnnihilationSpectralModel", "DarkMatterDecaySpectralModel", "PrimaryFlux"]

_PPPC4 = "$GAMMAPY_DATA/dark_matter_spectra/PPPC4DMID/AtProduction_gammas.dat"
#: Channels, and the names of their columns where these differ.
_CHANNELS = {
    **{
        name: name for name in ("eL", "eR", "e", "q", "c", "b", "t", "WL", "WT", "W", "ZL", "ZT", "Z", "g", "h", "V->e")
    },
    **{f"mu{side}": rf"\[Mu]{side}" for side in ("L", "R", "")},
    **{f"tau{side}": rf"\[Tau]{side}" for side in ("L", "R", "")},
    "gamma": r"\[Gamma]",
    "nu_e": r"\[Nu]e",
    "nu_mu": r"\[Nu]\[Mu]",
    "nu_tau": r"\[Nu]\[Tau]",
    "V->mu": r"V->\[Mu]",
    "V->tau": r"V->\[Tau]",
}
#: Velocity-averaged cross section of a thermal relic [cm3 s-1], and the age of the universe [s].
_CROSS_SECTION, _LIFETIME = 3e-26, 4.3e17


def _read_channel(channel: str, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ln(mass / TeV), log10(E / mass), and dN/dlog10(x) on that grid."""
    if source != "pppc4":
        raise ValueError(f"source: expected 'pppc4', got {source!r}")
    if channel not in _CHANNELS:
        raise ValueError(f"channel: expected one of {', '.join(_CHANNELS)}, got {channel!r}")
    path = expand_path(_PPPC4)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file; it belongs to the public data of Gammapy (dark_matter_spectra)")
    try:
        with path.open() as file:
            names = file.readline().split()
            columns = [names.index(name) for name in ("mDM", "Log[10,x]", _CHANNELS[channel])]
            mass, x, values = np.loadtxt(file, usecols=columns, unpack=True)
    except (ValueError, IndexError) as error:
        raise DataFormatError(f"{path}: expected columns mDM, Log[10,x] and {_CHANNELS[channel]} ({error})") from error
    masses, grid = np.unique(mass), np.unique(x)
    if values.size != masses.size * grid.size:
        raise DataFormatError(f"{path}: expected {masses.size} masses times {grid.size} energies, got {values.size}")
    return np.log(masses / 1e3), grid, values.reshape(masses.size, grid.size)


class _Spectrum(eqx.Module):
    """The spectrum per annihilation of one channel, as a function of mass and energy."""

    log_mass: Any
    log_x: Any
    table: Any

    @classmethod
    def read(cls, channel: str, source: str) -> _Spectrum:
        return cls(*_read_channel(channel, source))

    def check(self, mass: Any, owner: str, factor: float = 1.0) -> Any:
        """Return the mass as a parameter within the table; ``factor`` times it is where the table is read."""
        low, high = (float(math.exp(end)) / factor for end in (self.log_mass[0], self.log_mass[-1]))
        given = mass
        if not isinstance(mass, Parameter | Affine | Expression):
            given = Parameter(mass, "TeV", min=low, max=high, frozen=True, name=f"{owner}.mass")
        if not low * (1 - 1e-9) <= given.value <= high * (1 + 1e-9):
            raise ValueError(f"{owner}.mass: {given.value:g} TeV is outside of the table, {low:g} to {high:g} TeV")
        return given

    def evaluate(self, energy: Array, mass: Array) -> Array:
        """Return dN/dE [TeV-1] at energies [TeV]."""
        log_x = jnp.log10(energy / mass)
        inside = (log_x >= self.log_x[0]) & (log_x <= self.log_x[-1])
        safe = jnp.where(inside, log_x, self.log_x[0])
        return jnp.where(inside, multilinear(self.table, (self.log_mass, self.log_x), (jnp.log(mass), safe)), 0.0) / (
            energy * math.log(10)
        )


class PrimaryFlux(AbstractSpectralModel):
    r"""Gamma rays per annihilation of dark matter, dN/dE [TeV-1], from the tables of PPPC 4 DM ID.

    .. math:: \frac{dN}{dE}(E, m) = \frac{1}{E \ln 10} \, \frac{dN}{d\log_{10} x}, \quad x = E/m

    Parameters
    ----------
    mDM
        Mass of the particle [TeV]; a parameter called ``mass``, frozen.
    channel
        Annihilation channel, such as "b", "tau", "W", "mu" or "gamma".
    source
        "pppc4".

    Raises
    ------
    ValueError
        If there is no such channel, or the mass is outside of the table.
    MissingDataError
        If the table is not in ``$GAMMAPY_DATA/dark_matter_spectra``.

    References
    ----------
    Cirelli et al. 2011, JCAP 03, 051 (arXiv 1012.4515).
    """

    tag: ClassVar[str] = "dm-pf"
    unit: ClassVar[str] = "TeV-1"
    mass: ParameterField = parameter(1.0, "TeV", frozen=True)
    spectrum: Any = None
    channel: str = eqx.field(static=True, default="b")
    source: str = eqx.field(static=True, default="pppc4")

    def __init__(self, mDM: Any, channel: str, source: str = "pppc4") -> None:
        self.channel, self.source = str(channel), str(source).lower()
        self.spectrum = _Spectrum.read(self.channel, self.source)
        self.mass = self.spectrum.check(mDM, "PrimaryFlux")

    @property
    def allowed_channels(self) -> list[str]:
        """The channels that the table has."""
        return list(_CHANNELS)

    def kinks(self) -> np.ndarray | Array:
        return self.mass * 10.0**self.spectrum.log_x

    def evaluate(self, energy: Array) -> Array:
        return self.spectrum.evaluate(energy, self.mass)

    def file_fields(self) -> dict[str, Any]:
        return {"channel": self.channel, "source": self.source}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("channel", "source")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> PrimaryFlux:
        mass = rows.read(declared_parameters(cls)).get("mass", 1.0)
        return cls(mass, fields.get("channel", "b"), fields.get("source", "pppc4"))


class DarkMatterAnnihilationSpectralModel(AbstractSpectralModel):
    r"""Flux from annihilating dark matter.

    .. math:: \frac{s\,\langle\sigma v\rangle}{4\pi k\,m^2}\,J\,\frac{dN}{dE}\left(E (1+z)\right)

    Parameters
    ----------
    mass
        Mass m of the particle [TeV]: frozen, but a parameter that can be fitted, within the table.
    channel
        Annihilation channel, such as "b", "tau", "W", "mu" or "gamma".
    scale
        Factor s on the cross section of a thermal relic, 3e-26 cm3 s-1.
    jfactor
        Squared density along the line of sight and over the region, J [TeV2 cm-5].
    z
        Redshift.
    k
        2 if the particle is its own antiparticle (Majorana), 4 if not (Dirac).
    source
        "pppc4".

    Raises
    ------
    ValueError
        If there is no such channel, or the mass is outside of the table.
    MissingDataError
        If the table is not in ``$GAMMAPY_DATA/dark_matter_spectra``.

    References
    ----------
    Cirelli et al. 2011, JCAP 03, 051 (arXiv 1012.4515).
    """

    tag: ClassVar[str] = "dm-annihilation"
    scale: ParameterField = parameter(1.0)
    mass: ParameterField = parameter(1.0, "TeV", frozen=True)
    jfactor: Any = None
    z: Any = 0.0
    k: Any = 2.0
    spectrum: Any = None
    channel: str = eqx.field(static=True, default="b")
    source: str = eqx.field(static=True, default="pppc4")

    def __init__(
        self,
        mass: Any,
        channel: str,
        scale: ParameterField = 1.0,
        jfactor: Any = 1.0,
        z: float = 0.0,
        k: float = 2,
        source: str = "pppc4",
    ) -> None:
        self.channel, self.source = str(channel), str(source).lower()
        self.spectrum = _Spectrum.read(self.channel, self.source)
        self.mass = self.spectrum.check(mass, "DarkMatterAnnihilationSpectralModel")
        self.scale = scale
        self.jfactor = float(to_canonical(jfactor, "TeV2 cm-5", "DarkMatterAnnihilationSpectralModel.jfactor"))
        self.z, self.k = float(z), float(k)

    def kinks(self) -> np.ndarray | Array:
        return self.mass * 10.0**self.spectrum.log_x / (1 + self.z)

    def evaluate(self, energy: Array) -> Array:
        per_annihilation = self.spectrum.evaluate(energy * (1 + self.z), self.mass)
        # an order that stays within single precision
        rate = self.scale * (_CROSS_SECTION * self.jfactor) / (4 * math.pi * self.k)
        return rate / self.mass**2 * per_annihilation

    def file_fields(self) -> dict[str, Any]:
        return _settings(self, "TeV2 / cm5") | {"k": int(self.k) if self.k == int(self.k) else self.k}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("mass", "channel", "jfactor", "z", "k", "source")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> DarkMatterAnnihilationSpectralModel:
        return cls(**(fields | rows.read(declared_parameters(cls))))


class DarkMatterDecaySpectralModel(AbstractSpectralModel):
    r"""Flux from decaying dark matter.

    .. math:: \frac{s}{4\pi\,\tau\,m}\,D\,\frac{dN}{dE}\left(E (1+z)\right)

    with the spectrum of a pair whose particles have half of the mass.

    Parameters
    ----------
    mass
        Mass m of the particle [TeV]: frozen, but a parameter that can be fitted, within the table.
    channel
        Decay channel, such as "b", "tau", "W", "mu" or "gamma".
    scale
        Factor s on the inverse of the lifetime τ, the age of the universe of 4.3e17 s.
    jfactor
        Density along the line of sight and over the region, D [TeV cm-2].
    z
        Redshift.
    source
        "pppc4".

    Raises
    ------
    ValueError
        If there is no such channel, or the mass is outside of the table.
    MissingDataError
        If the table is not in ``$GAMMAPY_DATA/dark_matter_spectra``.

    References
    ----------
    Cirelli et al. 2011, JCAP 03, 051 (arXiv 1012.4515).
    """

    tag: ClassVar[str] = "dm-decay"
    scale: ParameterField = parameter(1.0)
    mass: ParameterField = parameter(1.0, "TeV", frozen=True)
    jfactor: Any = None
    z: Any = 0.0
    spectrum: Any = None
    channel: str = eqx.field(static=True, default="b")
    source: str = eqx.field(static=True, default="pppc4")

    def __init__(
        self,
        mass: Any,
        channel: str,
        scale: ParameterField = 1.0,
        jfactor: Any = 1.0,
        z: float = 0.0,
        source: str = "pppc4",
    ) -> None:
        self.channel, self.source = str(channel), str(source).lower()
        self.spectrum = _Spectrum.read(self.channel, self.source)
        self.mass = self.spectrum.check(mass, "DarkMatterDecaySpectralModel", 0.5)
        self.scale = scale
        self.jfactor = float(to_canonical(jfactor, "TeV cm-2", "DarkMatterDecaySpectralModel.jfactor"))
        self.z = float(z)

    def kinks(self) -> np.ndarray | Array:
        return self.mass / 2 * 10.0**self.spectrum.log_x / (1 + self.z)

    def evaluate(self, energy: Array) -> Array:
        per_decay = self.spectrum.evaluate(energy * (1 + self.z), self.mass / 2)
        return self.scale * (self.jfactor / _LIFETIME) / (4 * math.pi) / self.mass * per_decay

    def file_fields(self) -> dict[str, Any]:
        return _settings(self, "TeV / cm2")

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("mass", "channel", "jfactor", "z", "source")

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> DarkMatterDecaySpectralModel:
        return cls(**(fields | rows.read(declared_parameters(cls))))


def _settings(model: Any, unit: str) -> dict[str, Any]:
    return {
        "channel": model.channel,
        "mass": f"{model.mass.value!r} TeV",
        "jfactor": f"{model.jfactor!r} {unit}",
        "z": model.z,
        "source": model.source,
    }

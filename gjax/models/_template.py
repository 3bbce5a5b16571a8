"""Spectra from tables, and the isotropic background of Fermi."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import DataFormatError, MissingDataError
from gjax.models._power_law import PowerLawNormSpectralModel
from gjax.models._sky import SkyModel
from gjax.models._spatial_constant import ConstantSpatialModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField
from gjax.paths import expand_path
from gjax.units import DNDE, to_canonical

__all__ = ["TemplateSpectralModel", "create_fermi_isotropic_diffuse_model"]

_TINY = float(np.finfo(np.float64).tiny)


def _energies(value: Any) -> np.ndarray:
    return np.asarray(to_canonical(value, "TeV", "TemplateSpectralModel.energy"), float)


class TemplateSpectralModel(AbstractSpectralModel):
    """A table of fluxes, interpolated in the logarithm of both; it goes on as a power law beyond its ends.

    It has no parameters: multiply it with `PowerLawNormSpectralModel` to fit its norm.

    Parameters
    ----------
    energy
        Energies [TeV], increasing; at least two.
    values
        Fluxes there [TeV-1 s-1 cm-2], or numbers without unit for a factor on another model.

    Raises
    ------
    ValueError
        If the shapes differ, energies do not increase, or values are negative.
    UnitError
        If a unit cannot be converted.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = TemplateSpectralModel([1, 100] * u.TeV, [1e-12, 1e-16] * u.Unit("TeV-1 s-1 cm-2"))
    >>> print(model("10 TeV").round(20))
    1e-14 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "template"
    energy: Any = eqx.field(converter=_energies)
    values: Any
    unit: str = eqx.field(static=True, default="")  # type: ignore[misc]

    def __init__(self, energy: Any, values: Any) -> None:
        self.energy = _energies(energy)
        is_flux = str(getattr(values, "unit", "")) != ""
        self.unit = DNDE if is_flux else ""
        self.values = np.asarray(to_canonical(values, self.unit, "TemplateSpectralModel.values"), float)
        if self.energy.ndim != 1 or len(self.energy) < 2 or self.values.shape != self.energy.shape:
            raise ValueError(
                "TemplateSpectralModel: expected at least two energies and as many values, got shapes "
                f"{self.energy.shape} and {self.values.shape}"
            )
        if not (np.diff(self.energy) > 0).all() or self.energy[0] <= 0:
            raise ValueError("TemplateSpectralModel.energy: expected increasing positive energies")
        if (self.values < 0).any():
            raise ValueError("TemplateSpectralModel.values: expected no negative values")

    def evaluate(self, energy: Array) -> Array:
        nodes, logs = jnp.log(self.energy), jnp.log(jnp.maximum(self.values, _TINY))
        log_energy = jnp.log(energy)
        i = jnp.clip(jnp.searchsorted(nodes, log_energy, side="right") - 1, 0, nodes.shape[-1] - 2)
        slope = (logs[i + 1] - logs[i]) / (nodes[i + 1] - nodes[i])
        # a float32 exponential of 300 overflows; no flux is that large
        return jnp.exp(jnp.minimum(logs[i] + slope * (log_energy - nodes[i]), 80.0))


def create_fermi_isotropic_diffuse_model(
    filename: str | os.PathLike[str], datasets_names: Any = None, norm: ParameterField = 1.0
) -> SkyModel:
    """Read the isotropic background of the Fermi-LAT: a text file with energy [MeV] and flux [MeV-1 s-1 cm-2 sr-1].

    Parameters
    ----------
    filename
        File as distributed with the LAT software, e.g. ``iso_P8R2_SOURCE_V6_v06.txt``.
    datasets_names
        Datasets that see it; None for all.
    norm
        Factor on the flux, free in fits.

    Returns
    -------
    model
        Constant on the sky, without PSF and energy dispersion, which were in the data it was made from.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    DataFormatError
        If it is no such table.
    """
    import astropy.units as u

    path = expand_path(filename)
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    try:
        table = np.loadtxt(path, ndmin=2)
        energy, flux = table[:, 0] * u.MeV, table[:, 1] * u.Unit("MeV-1 s-1 cm-2")
        spectrum = TemplateSpectralModel(energy, flux)
    except (ValueError, IndexError) as error:
        raise DataFormatError(f"{path}: expected columns of energy [MeV] and flux ({error})") from error
    names = (datasets_names,) if isinstance(datasets_names, str) else datasets_names
    name = f"isotropic_{names[0]}" if names is not None and len(names) == 1 else "fermi-diffuse-iso"
    return SkyModel(
        spectrum * PowerLawNormSpectralModel(norm=norm),
        ConstantSpatialModel(),
        name=name,
        datasets_names=names,
        apply_irf={"psf": False, "edisp": False},
    )

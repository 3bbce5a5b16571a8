"""Spectra from tables, and the isotropic background of Fermi."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.errors import DataFormatError, MissingDataError
from gjax.models._integrate import bounded_exp
from gjax.models._power_law import PowerLawNormSpectralModel
from gjax.models._sky import SkyModel
from gjax.models._spatial_constant import ConstantSpatialModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.models._tables import multilinear, safe_log
from gjax.models._xspec import read_xspec_table
from gjax.parameters import ParameterField
from gjax.paths import expand_path
from gjax.units import DNDE, to_canonical

__all__ = ["TemplateSpectralModel", "create_fermi_isotropic_diffuse_model"]


class TemplateSpectralModel(AbstractSpectralModel):
    r"""A table of fluxes, interpolated in the logarithm of both; it goes on as a power law beyond its ends.

    .. math:: \ln\phi(E) = \ln\phi_i + \ln\frac{\phi_{i+1}}{\phi_i} \, \frac{\ln(E/E_i)}{\ln(E_{i+1}/E_i)}

    It has no parameters: multiply it with `PowerLawNormSpectralModel` to fit its norm.

    Parameters
    ----------
    energy
        Energies [TeV], increasing; at least two.
    values
        Fluxes there [TeV-1 s-1 cm-2], or numbers without unit for a factor on another model.
    interp
        "log" (the default) or "lin": whether lines are straight in the logarithm of the values, or in the values,
        against ln E.

    Raises
    ------
    ValueError
        If the shapes differ, energies do not increase, or values are negative or not finite.
    UnitError
        If a unit cannot be converted.

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

    Examples
    --------
    >>> import astropy.units as u
    >>> model = TemplateSpectralModel([1, 100] * u.TeV, [1e-12, 1e-16] * u.Unit("TeV-1 s-1 cm-2"))
    >>> print(model("10 TeV").round(20))
    1e-14 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "template"
    energy: Any
    values: Any
    log_values: Any
    unit: str = eqx.field(static=True, default="")  # type: ignore[misc]
    interp: str = eqx.field(static=True, default="log")

    def __init__(self, energy: Any, values: Any, interp: str = "log") -> None:
        self.energy = np.asarray(to_canonical(energy, "TeV", "TemplateSpectralModel.energy"), float)
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
        if (self.values < 0).any() or not np.isfinite(self.values).all():
            raise ValueError("TemplateSpectralModel.values: expected no negative values, and none that is infinite")
        if interp not in ("log", "lin"):
            raise ValueError(f"TemplateSpectralModel.interp: expected 'log' or 'lin', got {interp!r}")
        self.interp = interp
        self.log_values = safe_log(self.values)

    @classmethod
    def read_xspec_model(cls, filename: str | os.PathLike[str], param: float) -> TemplateSpectralModel:
        """Read one spectrum of an XSPEC table model: the one whose parameter value is nearest.

        Parameters
        ----------
        filename
            FITS file with the tables PARAMETERS, ENERGIES and SPECTRA.
        param
            Value of the parameter, such as a redshift.

        Raises
        ------
        ValueError
            If the value is outside of the table.
        MissingDataError, DataFormatError
            If the file does not exist or is no such table.
        """
        table = read_xspec_table(filename)
        low, high = table.values.min(), table.values.max()
        if not low <= param <= high:
            raise ValueError(f"{filename}: param {param} is out of range, expected {low} to {high}")
        return cls(table.energy, table.spectra[int(np.argmin(np.abs(table.values - param)))], interp="lin")

    @classmethod
    def from_region_map(cls, map: Any) -> TemplateSpectralModel:
        """Build the model from a map of a region (`gjax.maps.RegionNDMap`) with an energy axis."""
        (axis,) = map.geom.axes
        return cls(axis.center, map.quantity.reshape(-1))

    def kinks(self) -> np.ndarray | Array:
        return self.energy

    def evaluate(self, energy: Array) -> Array:
        table = self.log_values if self.interp == "log" else self.values
        value = multilinear(table, [jnp.log(jnp.asarray(self.energy, jnp.result_type(energy)))], [jnp.log(energy)])
        # a float32 exponential of 300 overflows; no flux is that large
        return bounded_exp(value) if self.interp == "log" else jnp.maximum(value, 0.0)

    def file_fields(self) -> dict[str, Any]:
        units = {"energy": "TeV", "values": self.unit}
        data = {key: {"data": getattr(self, key).tolist(), "unit": unit} for key, unit in units.items()}
        return data if self.interp == "log" else data | {"interp": self.interp}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ("energy", "values", "interp")


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

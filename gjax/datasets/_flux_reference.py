"""Fluxes of a reference spectrum in energy bins: what converts one kind of flux point into another."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.errors import UnitError

__all__ = ["DNDE", "FLUX", "LOG_STEPS", "SED_UNITS", "power_law_fluxes", "reference_fluxes", "without_photons"]

DNDE = u.Unit("cm-2 s-1 TeV-1")
FLUX = u.Unit("cm-2 s-1")
EFLUX = u.Unit("TeV cm-2 s-1")
SED_UNITS = {"dnde": DNDE, "e2dnde": u.Unit("erg cm-2 s-1"), "flux": FLUX, "eflux": u.Unit("erg cm-2 s-1")}
LOG_STEPS = 100


def without_photons(unit: u.UnitBase) -> u.UnitBase:
    """Drop photons and counts, which some files write as units.

    Examples
    --------
    >>> without_photons(u.Unit("ph cm-2 s-1")) == u.Unit("cm-2 s-1")
    True
    """
    unit = u.Unit(unit)
    for base, power in zip(unit.bases, unit.powers):
        if base in (u.ph, u.ct, u.count):
            unit = unit / base**power
    return unit


def power_law_fluxes(
    e_ref: np.ndarray, e_min: np.ndarray, e_max: np.ndarray, index: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Differential, integral and energy flux of :math:`10^{-12} E^{-\Gamma}` per cm2 s TeV, energies in TeV.

    The integrals are smooth through index 1 and 2: :math:`\int E^{-\Gamma} dE = E_1^{1-\Gamma} L\,
    \mathrm{expm1}(x) / x` with :math:`L = \log(E_2 / E_1)` and :math:`x = (1 - \Gamma) L`.

    Parameters
    ----------
    e_ref, e_min, e_max
        Energies in TeV; NaN edges give NaN integrals.
    index
        Spectral index.

    Examples
    --------
    >>> dnde, flux, eflux = power_law_fluxes(np.array([2.0]), np.array([1.0]), np.array([10.0]), 2.0)
    >>> print(dnde * 1e12, flux * 1e12, (eflux * 1e12).round(4))
    [0.25] [0.9] [2.3026]
    """
    length = np.log(e_max / e_min)

    def integral(power: float) -> np.ndarray:
        x = power * length
        small = np.abs(x) < 1e-8
        ratio = np.where(small, 1.0 + 0.5 * x, np.expm1(x) / np.where(small, 1.0, x))
        return 1e-12 * e_min**power * length * ratio

    return 1e-12 * e_ref**-index, integral(1.0 - index), integral(2.0 - index)


def reference_fluxes(
    model: Any, e_ref: u.Quantity, e_min: u.Quantity, e_max: u.Quantity
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differential, integral and energy flux of a spectrum.

    Parameters
    ----------
    model
        Spectral index of a power law, or a callable that takes a Quantity of energies and returns one of differential
        fluxes. Its methods ``integral(energy_min, energy_max)`` and ``energy_flux(energy_min, energy_max)`` are used if
        it has them, otherwise 100 power-law trapezoids per bin.
    e_ref, e_min, e_max
        Energies; NaN edges give NaN integrals.

    Returns
    -------
    dnde, flux, eflux
        In cm-2 s-1 TeV-1, cm-2 s-1 and TeV cm-2 s-1.

    Raises
    ------
    UnitError
        If the model gives something that is not a differential flux.
    """
    ref, low, high = (np.asarray(u.Quantity(e).to_value("TeV"), dtype=float) for e in (e_ref, e_min, e_max))
    model = getattr(model, "spectral_model", model)
    if not callable(model):
        return power_law_fluxes(ref, low, high, float(model))

    def dnde(energy: np.ndarray) -> np.ndarray:
        value = model(u.Quantity(energy, "TeV"))
        try:
            return np.asarray(u.Quantity(value).to_value(DNDE), dtype=float)
        except u.UnitConversionError as error:
            raise UnitError(f"the reference model gives {u.Quantity(value).unit}, expected {DNDE}") from error

    flux, eflux = np.full(low.shape, np.nan), np.full(low.shape, np.nan)
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        bounds = u.Quantity(low[known], "TeV"), u.Quantity(high[known], "TeV")
        if hasattr(model, "integral") and hasattr(model, "energy_flux"):
            flux[known] = u.Quantity(model.integral(*bounds)).to_value(FLUX)
            eflux[known] = u.Quantity(model.energy_flux(*bounds)).to_value(EFLUX)
        else:
            grid = np.geomspace(low[known], high[known], LOG_STEPS + 1)
            values = dnde(grid.ravel()).reshape(grid.shape)
            flux[known] = _log_trapezoid(grid, values)
            eflux[known] = _log_trapezoid(grid, values * grid)
    return dnde(ref), flux, eflux


def _log_trapezoid(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Integral over the first axis, each segment a power law."""
    length = np.diff(np.log(x), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.diff(np.log(y), axis=0) + length
        exact = (y[1:] * x[1:] - y[:-1] * x[:-1]) * length / slope
    linear = 0.5 * (y[1:] * x[1:] + y[:-1] * x[:-1]) * length
    good = np.isfinite(exact) & (np.abs(slope) > 1e-6)
    return np.where(good, exact, linear).sum(axis=0)

"""Variability of light curves, band by band: tables of the measures in `gjax.stats`."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from gjax.datasets import LightCurve
from gjax.stats import (
    compute_chisq,
    compute_flux_doubling,
    compute_fpp,
    compute_fvar,
    discrete_correlation,
    structure_function,
)

__all__ = [
    "compute_lightcurve_chisq",
    "compute_lightcurve_discrete_correlation",
    "compute_lightcurve_doublingtime",
    "compute_lightcurve_fpp",
    "compute_lightcurve_fvar",
    "compute_lightcurve_structure_function",
]


def _fluxes(lightcurve: LightCurve, quantity: str) -> tuple[u.Quantity, u.Quantity]:
    """Return fluxes and symmetric errors, without points that were not measured.

    Raises
    ------
    ValueError
        If there are no errors.
    """
    flux, error = lightcurve.quantity(quantity), lightcurve.quantity(quantity, "_err")
    if flux is None or error is None:
        raise ValueError("the light curve has no symmetric errors, which measures of variability need")
    return u.Quantity(np.where(lightcurve.success, flux.value, np.nan), flux.unit), error


def _bands(lightcurve: LightCurve) -> dict[str, Any]:
    low = lightcurve.e_ref if lightcurve.e_min is None else lightcurve.e_min
    high = lightcurve.e_ref if lightcurve.e_max is None else lightcurve.e_max
    return {"min_energy": low, "max_energy": high}


def _days(lightcurve: LightCurve) -> u.Quantity:
    return (lightcurve.time_mid - lightcurve.time_min[0]).to("d")


def compute_lightcurve_fvar(lightcurve: LightCurve, flux_quantity: str = "flux") -> QTable:
    """Fractional excess variance of a light curve; see `gjax.stats.compute_fvar`.

    Parameters
    ----------
    lightcurve
        Light curve with symmetric errors.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux".

    Returns
    -------
    table
        ``min_energy, max_energy, fvar, fvar_err, significance``, one row per band.
    """
    value, error = compute_fvar(*_fluxes(lightcurve, flux_quantity))
    columns = {"fvar": value, "fvar_err": error, "significance": value / error}
    return QTable({**_bands(lightcurve), **columns}, meta={"quantity": flux_quantity})


def compute_lightcurve_fpp(lightcurve: LightCurve, flux_quantity: str = "flux") -> QTable:
    """Point-to-point excess variance of a light curve; see `gjax.stats.compute_fpp`.

    Parameters
    ----------
    lightcurve
        Light curve with symmetric errors.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux".

    Returns
    -------
    table
        ``min_energy, max_energy, fpp, fpp_err, significance``, one row per band.
    """
    value, error = compute_fpp(*_fluxes(lightcurve, flux_quantity))
    columns = {"fpp": value, "fpp_err": error, "significance": value / error}
    return QTable({**_bands(lightcurve), **columns}, meta={"quantity": flux_quantity})


def compute_lightcurve_chisq(lightcurve: LightCurve, flux_quantity: str = "flux") -> QTable:
    """Fit of a constant to a light curve; see `gjax.stats.compute_chisq`.

    Parameters
    ----------
    lightcurve
        Light curve with symmetric errors.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux".

    Returns
    -------
    table
        ``min_energy, max_energy, mean, mean_err, chi2, ndf, p_value``, one row per band.
    """
    found = compute_chisq(*_fluxes(lightcurve, flux_quantity))
    return QTable({**_bands(lightcurve), **found}, meta={"quantity": flux_quantity})


def compute_lightcurve_doublingtime(lightcurve: LightCurve, flux_quantity: str = "flux") -> QTable:
    """Shortest times in which the flux of a light curve doubles and halves; see `gjax.stats.compute_flux_doubling`.

    Parameters
    ----------
    lightcurve
        Light curve with symmetric errors.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux".

    Returns
    -------
    table
        ``min_energy, max_energy, doublingtime, doubling_err, doubling_coord, halvingtime, halving_err, halving_coord``,
        one row per band; the coordinates are times.
    """
    found = compute_flux_doubling(*_fluxes(lightcurve, flux_quantity), _days(lightcurve))
    columns = {}
    for name in ("doubling", "halving"):
        columns[f"{name}time"], columns[f"{name}_err"] = found[name], found[f"{name}_err"]
        columns[f"{name}_coord"] = lightcurve.time_min[0] + found[f"{name}_coord"]
    return QTable({**_bands(lightcurve), **columns}, meta={"quantity": flux_quantity})


def compute_lightcurve_structure_function(
    lightcurve: LightCurve, flux_quantity: str = "flux", tdelta_precision: int = 5
) -> QTable:
    """Structure function of a light curve; see `gjax.stats.structure_function`.

    Parameters
    ----------
    lightcurve
        Light curve with symmetric errors.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux".
    tdelta_precision
        Decimal places to which distances in time are rounded, in days.

    Returns
    -------
    table
        ``distance`` and ``structure_function`` of shape (distances, energy).
    """
    found, distance = structure_function(*_fluxes(lightcurve, flux_quantity), _days(lightcurve), tdelta_precision)
    return QTable({"distance": distance, "structure_function": found}, meta={"quantity": flux_quantity})


def compute_lightcurve_discrete_correlation(
    lightcurve1: LightCurve,
    lightcurve2: LightCurve | None = None,
    flux_quantity: str = "flux",
    tau: u.Quantity | None = None,
) -> dict[str, Any]:
    """Discrete correlation function of two light curves; see `gjax.stats.discrete_correlation`.

    Parameters
    ----------
    lightcurve1
        Light curve with symmetric errors.
    lightcurve2
        Another one with as many bands; the first one again by default.
    flux_quantity
        "dnde", "e2dnde", "flux" or "eflux".
    tau
        Width of the bins of the lag; by default twice the mean distance of the points of the first.

    Returns
    -------
    result
        "bins" (centres of the lags ``time1 - time2``), "discrete_correlation" and "discrete_correlation_err" of shape
        (lags, energy).
    """
    other = lightcurve1 if lightcurve2 is None else lightcurve2
    zero = lightcurve1.time_min[0]
    time1, time2 = (u.Quantity((lc.time_mid - zero).to("d")) for lc in (lightcurve1, other))
    width = 2 * (time1[-1] - time1[0]) / len(time1) if tau is None else u.Quantity(tau)
    if not width > 0 * u.s:
        raise ValueError(f"tau: expected a positive time, got {width}")
    bins, value, error = discrete_correlation(
        *_fluxes(lightcurve1, flux_quantity), *_fluxes(other, flux_quantity), time1, time2, width
    )
    return {"bins": bins, "discrete_correlation": value, "discrete_correlation_err": error}

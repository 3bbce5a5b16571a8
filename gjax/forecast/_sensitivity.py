"""Fluxes that would just be seen, per energy band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.forecast._equivalent import discovery_reach, equivalent_counts, upper_limit
from gjax.forecast._matrices import profiled_information, profiled_step
from gjax.forecast._plan import bins_of
from gjax.likelihood import LEAST_COUNTS, lattice

if TYPE_CHECKING:
    from gjax.forecast._forecast import Forecast

__all__ = ["check_levels", "sensitivity_curve"]


def check_levels(n_sigma: float, confidence: float) -> float:
    """Return the normal quantile of a one-sided confidence level; refuse levels that are none."""
    from scipy.special import ndtri

    if not n_sigma > 0:
        raise ValueError(f"n_sigma: got {n_sigma}, expected more than 0")
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence: got {confidence}, expected between 0.5 and 1")
    return float(ndtri(confidence))


def _bands(forecast: Forecast, energy_edges: Any) -> np.ndarray:
    """Return the edges of the bands [TeV]: those given, or the energy bins of the first dataset with counts."""
    from gjax.units import to_canonical

    if energy_edges is None:
        counts = [getattr(dataset, "counts", None) for dataset in forecast.likelihood.datasets]
        found = [c for c in counts if c is not None]
        if not found:
            raise ValueError("there is no dataset with counts: a sensitivity needs one")
        return np.asarray(found[0].geom.axes["energy"].edges.to_value("TeV"))
    edges = np.asarray(to_canonical(energy_edges, "TeV", "energy_edges"), dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"energy_edges: expected at least two increasing energies, got {energy_edges}")
    return edges


def _flat(forecast: Forecast) -> dict[str, np.ndarray]:
    """Return all bins with counts of all datasets in a row: mean, slopes (k, bins), and their energies."""
    found = []
    for bucket in jax.device_get(bins_of(forecast)):
        if not bucket.is_counts:
            continue
        bins, k = bucket.bins, bucket.bins.signal_slopes.shape[2]
        mean = (bins.signal + bins.other + bins.noise)[0]
        slopes = np.moveaxis((bins.signal_slopes + bins.other_slopes)[0], 1, 0)
        low, high = (np.take_along_axis(e, bucket.energy_bin, axis=1) for e in (bucket.log_low, bucket.log_high))
        used = bins.mask[0]
        found.append((mean[used], slopes[:, used].reshape(k, -1), low[used], high[used]))
    if not found:
        raise ValueError("there is no dataset with counts: a sensitivity needs one")
    return {
        "mean": np.concatenate([part[0] for part in found]),
        "slopes": np.concatenate([part[1] for part in found], axis=1),
        "log_low": np.concatenate([part[2] for part in found]),
        "log_high": np.concatenate([part[3] for part in found]),
    }


def sensitivity_curve(
    forecast: Forecast, name: str, energy_edges: Any = None, *, n_sigma: float = 5.0, confidence: float = 0.95
) -> Any:
    """Return the fluxes that are expected to be discovered, or excluded if there is no signal, per energy band.

    In every band the norm of the source is the parameter of interest, and all other free parameters are profiled out
    with the counts of that band; limits and discoveries are those of `Forecast`. The spectrum has the shape of the
    model, inside and across bands.

    Parameters
    ----------
    forecast
        At the values of background and other sources that are expected.
    name
        The norm of the source, a free parameter.
    energy_edges
        Edges of the bands (Quantity, or TeV); bins belong to the band that holds their centre. By default the energy
        bins of the first dataset.
    n_sigma
        Significance of a discovery.
    confidence
        Confidence level of limits, one-sided.

    Returns
    -------
    table
        ``e_ref, e_min, e_max``; ``e2dnde`` and ``e2dnde_ul`` [erg cm-2 s-1]: discovery and upper limit at ``e_ref``;
        ``excess`` and ``background``: equivalent counts at the discovery. NaN where a band tells nothing.

    Raises
    ------
    ValueError
        If the levels or energies are none, the parameter is no norm, or there are no counts.
    """
    import astropy.units as u
    from astropy.table import QTable

    z = check_levels(n_sigma, confidence)
    edges = _bands(forecast, energy_edges)
    i = forecast.norm_position(name)
    full = forecast.free_names[i]
    likelihood = forecast.likelihood
    source = next((model for model in likelihood.models.sources if full.startswith(f"{model.name}.")), None)
    if source is None:
        raise ValueError(f"{full}: expected the norm of a source")
    value = float(np.asarray(likelihood.start)[i])
    if value == 0:
        raise ValueError(f"{full}: a norm of 0 has no spectrum; give the source a flux")
    bins = _flat(forecast)
    middle = 0.5 * (bins["log_low"] + bins["log_high"])
    e_ref = np.sqrt(edges[1:] * edges[:-1])
    dnde = source.spectral_model(e_ref * u.TeV)
    rows = []
    for low, high in zip(np.log(edges[:-1]), np.log(edges[1:])):
        chosen = (middle >= low) & (middle < high)
        mean, slopes = bins["mean"][chosen], bins["slopes"][:, chosen]
        rows.append(_levels(mean - value * slopes[i], slopes, forecast.x_prior, i, z, n_sigma))
    reach, limit, signal, background = np.array(rows).T
    unit = "erg cm-2 s-1"
    return QTable(
        {
            "e_ref": e_ref * u.TeV,
            "e_min": edges[:-1] * u.TeV,
            "e_max": edges[1:] * u.TeV,
            "e2dnde": (reach / value * dnde * (e_ref * u.TeV) ** 2).to(unit),
            "e2dnde_ul": (limit / value * dnde * (e_ref * u.TeV) ** 2).to(unit),
            "excess": signal * u.one,
            "background": background * u.one,
        },
        meta={"n_sigma": n_sigma, "confidence": confidence},
    )


def _levels(
    mean: np.ndarray, slopes: np.ndarray, prior: np.ndarray, i: int, z: float, n_sigma: float
) -> tuple[float, float, float, float]:
    """Return discovery, limit, and equivalent counts at the discovery, of a norm without which bins expect ``mean``."""

    def at(theta: float) -> tuple[np.ndarray, np.ndarray, float]:
        counts = np.maximum(mean + theta * slopes[i], LEAST_COUNTS)
        information = prior + (slopes / counts) @ slopes.T
        part = profiled_information(information, np.array([i]))[0, 0]
        if not part > 0:
            raise FitError("no information")
        return counts, information, float(1 / part)

    def variance(theta: float) -> float:
        return at(theta)[2]

    def spread(theta: float) -> tuple[float, float]:
        counts, information, here = at(theta)
        weights = profiled_step(information, i, len(slopes)) @ slopes / counts
        return here, float(lattice([counts], [weights], 1 / here, np))

    try:
        before = variance(0.0)
        reach = discovery_reach(variance, before, n_sigma)
        signal, background = equivalent_counts(reach, variance(reach), before)
        return reach, upper_limit(spread, before, z), signal, background
    except FitError:
        return (np.nan,) * 4

"""Flux points of wider bands, and light curves of longer intervals: the likelihoods of several points add up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.time import Time

from gjax.datasets._point_profiles import Profile, crossing, number_at, point_profile, total_of

if TYPE_CHECKING:
    from gjax.datasets.flux_points import FluxPoints
    from gjax.datasets.light_curve import LightCurve

__all__ = ["resample_bands", "resample_energies", "resample_times"]

#: Columns that are added up.
SUMS = ("counts", "npred", "npred_excess", "n_dof")


def _combined(points: FluxPoints, members: np.ndarray) -> dict[str, Any]:
    """Return what several points with one norm tell: the sum of their likelihoods.

    Parameters
    ----------
    points
        Flux points with likelihood scans.
    members
        Numbers of the points.

    Returns
    -------
    values
        "norm" with errors and limit, "ts", "stat" and so on; NaN and a "reason" where no point has a value.
    """
    scan = np.asarray(points.extra["norm_scan"][members[0]], dtype=float)
    found = {k: point_profile(points, k) for k in members}
    used = [k for k, profile in found.items() if profile is not None]
    profiles = [profile for profile in found.values() if profile is not None]
    names = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "sqrt_ts", "stat", "stat_null")
    out: dict[str, Any] = dict.fromkeys(names, np.nan)
    out |= {"stat_scan": np.full(len(scan), np.nan), "norm_scan": scan, "success": bool(used), "reason": ""}
    for name in SUMS:
        if name in points.extra:
            out[name] = np.nansum(np.asarray(points.extra[name], dtype=float)[list(members)], axis=0)
    if not used:
        texts = points.extra.get("reason")
        out["reason"] = "no likelihood scan" if texts is None or not texts[members[0]] else str(texts[members[0]])
        return out
    best, lowest = _minimum(profiles)
    n_sigma, n_sigma_ul = (float(points.meta.get(key, value)) for key, value in (("n_sigma", 1), ("n_sigma_ul", 2)))
    width = max(float(np.ptp(profile.norm)) for profile in profiles)
    down, up, limit = (
        crossing(profiles, best, lowest, n**2, sign * width)
        for n, sign in ((n_sigma, -1), (n_sigma, 1), (n_sigma_ul, 1))
    )
    null = float(total_of(profiles, 0.0)) - lowest
    stat = lowest + sum(_base(points, k) for k in used)
    out |= {"norm": best, "norm_err": 0.5 * (down + up), "norm_errn": down, "norm_errp": up, "norm_ul": best + limit}
    out |= {"ts": null, "sqrt_ts": np.sign(best) * np.sqrt(max(null, 0.0)), "stat": stat, "stat_null": stat + null}
    return out | {"stat_scan": stat - lowest + total_of(profiles, scan)}


def _base(points: FluxPoints, k: int) -> float:
    """Return the statistic at the minimum of a point."""
    known = number_at(points.extra.get("stat"), k)
    return known if np.isfinite(known) else float(np.nanmin(points.extra["stat_scan"][k]))


def _minimum(profiles: Sequence[Profile]) -> tuple[float, float]:
    """Return the norm at the minimum of a sum of likelihoods, and the sum there."""
    from scipy.optimize import minimize_scalar

    best = [float(np.interp(0.0, profile.root, profile.norm)) for profile in profiles]
    low, high = min(best), max(best)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        return low, float(total_of(profiles, low))
    # between the minima of convex functions there is one of their sum
    grid = np.linspace(low, high, 201)
    first = int(np.argmin(total_of(profiles, grid)))
    ends = grid[max(first - 1, 0)], grid[min(first + 1, 200)]
    done = minimize_scalar(
        lambda x: float(total_of(profiles, x)), bounds=ends, method="bounded", options={"xatol": 1e-10}
    )
    return float(done.x), float(done.fun)


def _joined(points: FluxPoints, groups: Sequence[np.ndarray]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return norms and other columns of groups of points, each with the sum of the likelihoods of its points.

    Parameters
    ----------
    points
        Flux points with likelihood scans.
    groups
        Numbers of the points of every group.

    Raises
    ------
    ValueError
        If the points have no scans.
    """
    if "stat_scan" not in points.extra or "norm_scan" not in points.extra:
        raise ValueError("these flux points have no likelihood scans (stat_scan, norm_scan): they cannot be combined")
    rows = [_combined(points, members) for members in groups]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    norms = {name: values for name, values in columns.items() if name.startswith("norm") and name != "norm_scan"}
    return norms, {name: values for name, values in columns.items() if name not in norms}


#: How far bins may reach out of wider ones: a part of an energy, and seconds.
SLACK, SLACK_S = 1e-6, 1e-3


def _bands(points: Any, energy_edges: Any) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Return the bands inside of each wider one, and the ends [TeV] of all of them."""
    if points.e_min is None:
        raise ValueError("these points have no e_min and e_max: they cannot be combined")
    edges = np.atleast_1d(u.Quantity(energy_edges).to_value("TeV"))
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError(f"energy_edges: expected at least two increasing energies, got {energy_edges}")
    low, high = points.e_min.to_value("TeV"), points.e_max.to_value("TeV")
    groups = []
    for bottom, top in itertools.pairwise(edges):
        inside = np.flatnonzero((low >= bottom * (1 - SLACK)) & (high <= top * (1 + SLACK)))
        if not inside.size:
            raise ValueError(f"energy_edges: no point lies between {bottom:g} and {top:g} TeV")
        groups.append(inside)
    return groups, {"e_min": low, "e_max": high}


def _references(reference: Any, e_ref: np.ndarray, groups: list[np.ndarray], ends: Any) -> dict[str, np.ndarray]:
    """Return the fluxes of the reference spectrum in wider bands, from those in the bands inside."""
    out = {name: np.array([np.sum(reference[name][k]) for k in groups]) for name in ("flux", "eflux")}
    middle = np.array([np.sqrt(ends["e_min"][k[0]] * ends["e_max"][k[-1]]) for k in groups])
    return out | {"dnde": np.exp(_interpolated(np.log(middle), np.log(e_ref), np.log(reference["dnde"])))}


def _interpolated(x: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate along straight lines, which go on beyond the last points."""
    from scipy.interpolate import make_interp_spline

    if len(known) == 1:
        return np.full(len(x), values[0])
    return np.asarray(make_interp_spline(known, values, k=1)(x))


def resample_energies(points: FluxPoints, energy_edges: Any) -> FluxPoints:
    """Return points of wider bands; see `FluxPoints.resample_axis`."""
    groups, ends = _bands(points, energy_edges)
    norms, extra = _joined(points, groups)
    extra.setdefault("n_dof", np.array([len(k) for k in groups]))
    low, high = (np.array([ends[name][k[i]] for k in groups]) for name, i in (("e_min", 0), ("e_max", -1)))
    reference = _references(points.reference, points.e_ref.to_value("TeV"), groups, ends)
    energies = {"e_ref": np.sqrt(low * high) * u.TeV, "e_min": low * u.TeV, "e_max": high * u.TeV}
    return points.copy(**energies, norms=norms, extra=extra, reference=reference, covariance=None)


def resample_bands(lightcurve: LightCurve, energy_edges: Any) -> LightCurve:
    """Return a light curve of wider bands; see `LightCurve.resample_axis`."""
    groups, ends = _bands(lightcurve, energy_edges)
    times, bands = lightcurve.shape
    norms, extra = _joined(lightcurve.points, [t * bands + k for t in range(times) for k in groups])
    extra.setdefault("n_dof", np.tile([len(k) for k in groups], times))
    low, high = (np.array([ends[name][k[i]] for k in groups]) for name, i in (("e_min", 0), ("e_max", -1)))
    e_ref = lightcurve.e_ref.to_value("TeV")
    rows = [
        _references({name: values[t] for name, values in lightcurve.reference.items()}, e_ref, groups, ends)
        for t in range(times)
    ]
    return lightcurve.copy(
        e_ref=np.sqrt(low * high) * u.TeV,
        e_min=low * u.TeV,
        e_max=high * u.TeV,
        norms=_shaped(norms, (times, len(groups))),
        extra=_shaped(extra, (times, len(groups))),
        reference={name: np.array([row[name] for row in rows]) for name in lightcurve.reference},
    )


def _shaped(columns: dict[str, np.ndarray], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    return {name: values.reshape(*shape, *values.shape[1:]) for name, values in columns.items()}


def resample_times(lightcurve: LightCurve, axis: Any) -> LightCurve:
    """Return a light curve of longer intervals; see `LightCurve.resample_axis`."""
    if isinstance(axis, Time) and axis.ndim == 1:
        pairs = list(itertools.pairwise(axis))
    else:
        pairs = [(pair[0], pair[1]) for pair in axis]
    groups = []
    for start, stop in pairs:
        after = (lightcurve.time_min - start).to_value("s") >= -SLACK_S
        inside = np.flatnonzero(after & ((lightcurve.time_max - stop).to_value("s") <= SLACK_S))
        if not inside.size:
            raise ValueError(f"no interval of the light curve lies between {start.isot} and {stop.isot}")
        groups.append(inside)
    bands = lightcurve.shape[1]
    norms, extra = _joined(lightcurve.points, [k * bands + band for k in groups for band in range(bands)])
    extra.setdefault("n_dof", np.repeat([len(k) for k in groups], bands))
    first, last = [k[0] for k in groups], [k[-1] for k in groups]
    return lightcurve.copy(
        time_min=lightcurve.time_min[first],
        time_max=lightcurve.time_max[last],
        norms=_shaped(norms, (len(groups), bands)),
        extra=_shaped(extra, (len(groups), bands)),
        reference={name: values[first] for name, values in lightcurve.reference.items()},
    )

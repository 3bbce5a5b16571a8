"""Likelihoods of flux points as functions of the norm: new limits, and points that several others make together."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.time import Time

if TYPE_CHECKING:
    from gjax.datasets.flux_points import FluxPoints
    from gjax.datasets.light_curve import LightCurve

__all__ = ["Profile", "point_profile", "resample_bands", "resample_energies", "resample_times", "with_limits"]

SUMS = ("counts", "npred", "npred_excess", "n_dof")


@dataclasses.dataclass(frozen=True)
class Profile:
    """Rise of a statistic above its minimum by the norm, through known places.

    The root of the rise, with a sign that changes at the minimum, is nearly a straight line, which makes it easy to
    interpolate, and to extend beyond the places that are known.

    Parameters
    ----------
    norm
        Norms, increasing.
    root
        Roots of the rise there, with a sign, not decreasing.
    curve
        What interpolates them.
    """

    norm: np.ndarray
    root: np.ndarray
    curve: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def through(cls, norm: np.ndarray, root: np.ndarray) -> Profile:
        """Return the smoothest curve that rises everywhere."""
        from scipy.interpolate import CubicSpline, PchipInterpolator

        curve = CubicSpline(norm, root)
        between = np.linspace(norm[:-1], norm[1:], 8)
        return cls(norm, root, curve if np.all(curve(between, 1) > 0) else PchipInterpolator(norm, root))

    def norms_at(self, roots: np.ndarray) -> np.ndarray:
        """Return the norms at which the root of the rise is a number, with a sign; the ends of what is known beyond."""
        return np.asarray(np.interp(roots, self.root, self.norm))

    def __call__(self, norm: Any) -> np.ndarray:
        """Return the rise at norms."""
        x, y = np.asarray(norm, dtype=float), self.root
        inside = self.curve(np.clip(x, self.norm[0], self.norm[-1]))
        slopes = np.diff(y) / np.diff(self.norm)
        beyond = np.where(x < self.norm[0], (x - self.norm[0]) * slopes[0], 0.0)
        beyond = np.where(x > self.norm[-1], (x - self.norm[-1]) * slopes[-1], beyond)
        return np.asarray((inside + beyond) ** 2)


def point_profile(points: FluxPoints, k: int) -> Profile | None:
    """Return the likelihood of a point through its scan, its best norm, its errors, its limit and its TS.

    None where the point has no scan, or no value.

    Parameters
    ----------
    points
        Flux points.
    k
        Number of the point.
    """
    if "stat_scan" not in points.extra or "norm_scan" not in points.extra:
        return None
    best = float(points.norms["norm"][k])
    scan = np.asarray(points.extra["norm_scan"][k], dtype=float)
    stat = np.asarray(points.extra["stat_scan"][k], dtype=float)
    lowest = _number(points.extra.get("stat"), k)
    if not np.isfinite(lowest):  # files without it: the scan ends close to the minimum
        lowest = float(np.nanmin(stat, initial=np.inf))
    if not (np.isfinite(best) and np.isfinite(lowest)):
        return None
    places = list(zip(scan, stat - lowest))
    places.append((0.0, _number(points.extra.get("ts"), k)))
    # files of others do not say what errors stand for
    if "n_sigma" in points.meta:
        rise = float(points.meta["n_sigma"]) ** 2
        places.append((best - _number(points.norms.get("norm_errn"), k), rise))
        places.append((best + _number(points.norms.get("norm_errp"), k), rise))
    if "n_sigma_ul" in points.meta and "norm_ll" not in points.extra:  # else limits are not those of the profile
        places.append((_number(points.norms.get("norm_ul"), k), float(points.meta["n_sigma_ul"]) ** 2))
    known = [(best, 0.0)]
    # what says most comes first; others at about the same norm would make a step of the digits of a file
    for x, rise in reversed(places):
        if np.isfinite(x + rise) and min(abs(x - other) for other, _ in known) > 0.01 * abs(x - best):
            known.append((float(x), float(np.sign(x - best) * np.sqrt(max(rise, 0.0)))))
    norm, root = np.array(sorted(known)).T
    rises = np.append(True, np.diff(np.maximum.accumulate(root)) > 0)
    norm, root = norm[rises], root[rises]
    return Profile.through(norm, root) if len(norm) > 2 else None


def _number(values: Any, k: int) -> float:
    return np.nan if values is None else float(np.ravel(values[k])[0])


def _crossing(profiles: Sequence[Profile], best: float, lowest: float, level: float, step: float) -> float:
    """Return how far along a step the sum has risen by a level; NaN where it does not."""
    from scipy.optimize import brentq

    def rise(distance: float) -> float:
        return _total(profiles, best + np.sign(step) * distance) - lowest - level

    far = abs(step)
    for _ in range(60):
        if rise(far) > 0:
            return float(brentq(rise, 0.0, far, xtol=1e-12 * far, rtol=1e-10))
        far *= 2
    return np.nan


def _total(profiles: Sequence[Profile], norm: Any) -> Any:
    return sum(profile(norm) for profile in profiles)


def with_limits(points: FluxPoints, n_sigma_ul: float) -> FluxPoints:
    """Return the points with upper limits of another significance, from their likelihoods."""
    if not n_sigma_ul > 0:
        raise ValueError(f"n_sigma_ul: expected a positive number, got {n_sigma_ul}")
    if "stat_scan" not in points.extra or "norm_scan" not in points.extra:
        raise ValueError("these flux points have no likelihood scans (stat_scan, norm_scan): no limits can be made")
    limits = np.full(len(points), np.nan)
    for k in range(len(points)):
        profile = point_profile(points, k)
        if profile is not None:
            best = float(points.norms["norm"][k])
            limits[k] = best + _crossing([profile], best, 0.0, n_sigma_ul**2, float(np.ptp(profile.norm)))
    extra = {key: value for key, value in points.extra.items() if key not in ("is_ul", "norm_ll")}
    norms = {**points.norms, "norm_ul": limits}
    return points.copy(norms=norms, extra=extra, meta={**points.meta, "n_sigma_ul": n_sigma_ul})


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
        _crossing(profiles, best, lowest, n**2, sign * width)
        for n, sign in ((n_sigma, -1), (n_sigma, 1), (n_sigma_ul, 1))
    )
    null = float(_total(profiles, 0.0)) - lowest
    stat = lowest + sum(_base(points, k) for k in used)
    out |= {"norm": best, "norm_err": 0.5 * (down + up), "norm_errn": down, "norm_errp": up, "norm_ul": best + limit}
    out |= {"ts": null, "sqrt_ts": np.sign(best) * np.sqrt(max(null, 0.0)), "stat": stat, "stat_null": stat + null}
    return out | {"stat_scan": stat - lowest + _total(profiles, scan)}


def _base(points: FluxPoints, k: int) -> float:
    """Return the statistic at the minimum of a point."""
    known = _number(points.extra.get("stat"), k)
    return known if np.isfinite(known) else float(np.nanmin(points.extra["stat_scan"][k]))


def _minimum(profiles: Sequence[Profile]) -> tuple[float, float]:
    """Return the norm at the minimum of a sum of likelihoods, and the sum there."""
    from scipy.optimize import minimize_scalar

    best = [float(np.interp(0.0, profile.root, profile.norm)) for profile in profiles]
    low, high = min(best), max(best)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        return low, float(_total(profiles, low))
    # between the minima of convex functions there is one of their sum
    grid = np.linspace(low, high, 201)
    first = int(np.argmin(_total(profiles, grid)))
    ends = grid[max(first - 1, 0)], grid[min(first + 1, 200)]
    done = minimize_scalar(
        lambda x: float(_total(profiles, x)), bounds=ends, method="bounded", options={"xatol": 1e-10}
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
    if len(known) == 1:
        return np.full(len(x), values[0])
    k = np.clip(np.searchsorted(known, x) - 1, 0, len(known) - 2)
    slope = (values[k + 1] - values[k]) / (known[k + 1] - known[k])
    return np.asarray(values[k] + slope * (x - known[k]))


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

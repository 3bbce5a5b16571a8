"""Likelihoods of flux points as functions of the norm, and limits from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gjax.datasets.flux_points import FluxPoints

__all__ = ["Profile", "crossing", "number_at", "point_profile", "total_of", "with_limits"]


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
    lowest = number_at(points.extra.get("stat"), k)
    if not np.isfinite(lowest):  # files without it: the scan ends close to the minimum
        lowest = float(np.nanmin(stat, initial=np.inf))
    if not (np.isfinite(best) and np.isfinite(lowest)):
        return None
    places = list(zip(scan, stat - lowest))
    places.append((0.0, number_at(points.extra.get("ts"), k)))
    # files of others do not say what errors stand for
    if "n_sigma" in points.meta:
        rise = float(points.meta["n_sigma"]) ** 2
        places.append((best - number_at(points.norms.get("norm_errn"), k), rise))
        places.append((best + number_at(points.norms.get("norm_errp"), k), rise))
    if "n_sigma_ul" in points.meta and "norm_ll" not in points.extra:  # else limits are not those of the profile
        places.append((number_at(points.norms.get("norm_ul"), k), float(points.meta["n_sigma_ul"]) ** 2))
    known = [(best, 0.0)]
    # what says most comes first; others at about the same norm would make a step of the digits of a file
    for x, rise in reversed(places):
        if np.isfinite(x + rise) and min(abs(x - other) for other, _ in known) > 0.01 * abs(x - best):
            known.append((float(x), float(np.sign(x - best) * np.sqrt(max(rise, 0.0)))))
    norm, root = np.array(sorted(known)).T
    rises = np.append(True, np.diff(np.maximum.accumulate(root)) > 0)
    norm, root = norm[rises], root[rises]
    return Profile.through(norm, root) if len(norm) > 2 else None


def number_at(values: Any, k: int) -> float:
    """Return the first number of a row of a column; NaN without the column.

    Parameters
    ----------
    values
        Column, or None.
    k
        Number of the row.
    """
    return np.nan if values is None else float(np.ravel(values[k])[0])


def crossing(profiles: Sequence[Profile], best: float, lowest: float, level: float, step: float) -> float:
    """Return how far along a step the sum has risen by a level; NaN where it does not.

    Parameters
    ----------
    profiles
        Likelihoods that are added up.
    best, lowest
        Norm at the minimum of their sum, and the sum there.
    level
        Rise above it.
    step
        First step of the norm, upwards or downwards.
    """
    from scipy.optimize import brentq

    def rise(distance: float) -> float:
        return total_of(profiles, best + np.sign(step) * distance) - lowest - level

    far = abs(step)
    for _ in range(60):
        if rise(far) > 0:
            return float(brentq(rise, 0.0, far, xtol=1e-12 * far, rtol=1e-10))
        far *= 2
    return np.nan


def total_of(profiles: Sequence[Profile], norm: Any) -> Any:
    """Return the sum of likelihoods at norms."""
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
            limits[k] = best + crossing([profile], best, 0.0, n_sigma_ul**2, float(np.ptp(profile.norm)))
    extra = {key: value for key, value in points.extra.items() if key not in ("is_ul", "norm_ll")}
    norms = {**points.norms, "norm_ul": limits}
    return points.copy(norms=norms, extra=extra, meta={**points.meta, "n_sigma_ul": n_sigma_ul})

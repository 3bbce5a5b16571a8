"""Intervals by the unified approach of Feldman & Cousins, with toys at every value that is tested.

A value is inside if the likelihood ratio to the best value (bounds kept) is no larger than in most toys drawn at that
value (PRD 57, 3873, arXiv physics/9711021), the other parameters at their best there (the profile construction).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.freeze._toy_fits import draw_at, fit_toys

if TYPE_CHECKING:
    from gjax.freeze._result import FitResult

__all__ = ["UnifiedInterval", "unified_interval"]

#: Ratios closer than this are the same: counts are whole numbers, so that many toys are just like the data.
SAME = 2e-3


@dataclasses.dataclass(frozen=True)
class UnifiedInterval:
    """An interval of one parameter by the unified approach.

    Parameters
    ----------
    name, unit
        The parameter.
    confidence
        Confidence level.
    lower, upper
        Ends of the interval; the lower one is the bound of the parameter where that is inside.
    values
        Values that were tested.
    ratio
        Rise of the statistic of the data there.
    critical
        Rise that toys exceed with the probability that is left.
    """

    name: str
    unit: str
    confidence: float
    lower: float
    upper: float
    values: np.ndarray
    ratio: np.ndarray
    critical: np.ndarray


def _end(values: np.ndarray, excess: np.ndarray, *, upwards: bool) -> float:
    """Return where the excess of the ratio over its critical value crosses zero, the outermost from the best value."""
    order = np.argsort(values) if upwards else np.argsort(-values)
    v, e = values[order], excess[order]
    inside = np.flatnonzero(e <= 0)
    if not inside.size:
        return float(v[0])
    last = int(inside[-1])
    if last == len(v) - 1:
        return float("nan") if upwards or e[last] > 0 else float(v[last])
    # the root of the ratio is nearly straight
    return float(np.interp(0.0, [e[last], e[last + 1]], [v[last], v[last + 1]]))


def unified_interval(
    result: FitResult, name: str, key: Any, *, confidence: float = 0.95, n_toys: int = 1000, n_values: int = 12
) -> UnifiedInterval:
    """Return the unified interval of a parameter; see `FitResult.unified_interval`."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    if n_toys < 100 or n_values < 4:
        raise ValueError("expected at least 100 toys and 4 values")
    from scipy.stats import chi2

    i = result.position(name)
    likelihood = result.likelihood.every_bin()
    problem, scale, origin = likelihood.problem, likelihood.scale[i], result._origin(i)
    level = float(chi2.ppf(confidence, 1))
    bounds = [(b[likelihood.table.free][i] - origin) / scale for b in likelihood.table.bounds]
    reach = result._crossings(*_rays(result, i), level * 1.7)
    distance = np.asarray(reach.distance) * np.sqrt(result.x_covariance[i, i])
    low, high = result.x[i] - distance[0], result.x[i] + distance[1]
    if not np.isfinite(high):
        raise FitError(
            f"{name}: the statistic does not rise by {1.7 * level:.1f} above the best fit, so there is no limit"
        )
    low = max(low, bounds[0]) if np.isfinite(low) else bounds[0]
    if not np.isfinite(low):
        raise FitError(f"{name}: the statistic does not rise by {1.7 * level:.1f} below the best fit; give a bound")
    below = np.linspace(low, result.x[i], max(2, n_values // 3), endpoint=False) if low < result.x[i] else np.array([])
    tested = np.concatenate([below, np.linspace(result.x[i], high, n_values - len(below))])
    held = np.arange(len(result.x)) == i
    starts = np.tile(result.x, (len(tested), 1)) + np.outer(
        tested - result.x[i], result.x_covariance[:, i] / result.x_covariance[i, i]
    )
    order = np.append(np.arange(len(tested)), np.zeros(-len(tested) % 12, dtype=int))
    there = compiled.compiled_profile(
        result.likelihood.problem, jax.device_put(starts[order]), jax.device_put(np.tile(held, (len(order), 1)))
    )
    x, ratio = np.asarray(there.x)[: len(tested)], np.asarray(there.statistic)[: len(tested)] - result.total_stat
    points = np.repeat(x, n_toys, axis=0)
    drawn = draw_at(problem, jax.device_put(points), jax.random.split(key, len(points)))
    _, fixed, _ = fit_toys(problem, drawn, points, held)
    _, free, _ = fit_toys(problem, drawn, points, np.zeros_like(held))
    rises = np.maximum(fixed - free, 0.0).reshape(len(tested), n_toys)
    critical = np.quantile(rises, confidence, axis=1, method="higher")
    excess = np.sqrt(np.maximum(ratio, 0.0)) - np.sqrt(critical + SAME)
    values = tested * scale + origin
    upper = _end(tested[len(below) :], excess[len(below) :], upwards=True)
    lower = _end(tested[: len(below) + 1], excess[: len(below) + 1], upwards=False)
    unit = result.table.units[result.one(name)]
    ends = lower * scale + origin, upper * scale + origin
    return UnifiedInterval(result.free_names[i], unit, confidence, *ends, values, ratio, critical)


def _rays(result: FitResult, i: int) -> tuple[np.ndarray, np.ndarray]:
    column = result.x_covariance[:, i] / np.sqrt(result.x_covariance[i, i])
    return np.array([-column, column]), np.array([np.arange(len(result.x)) == i] * 2)

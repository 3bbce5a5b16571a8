"""Importance weights made reliable: Pareto smoothing, and the shape that says how far to trust them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["pareto_limit", "pareto_smooth"]


def _fit_tail(x: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of a generalised Pareto distribution (Zhang & Stephens 2009, doi:10.1198/tech.2009.08017).

    The shape is drawn towards 1/2 with the weight of ten values.
    """
    n = len(x)
    m = 30 + int(np.sqrt(n))
    quarter = x[int(n / 4 + 0.5) - 1]
    b = (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * quarter) + 1 / x[-1]
    shape = np.mean(np.log1p(-b[:, None] * x), axis=1)
    length = n * (np.log(-b / shape) - shape - 1)
    weight = np.exp(length - length.max())
    centre = np.sum(b * weight) / np.sum(weight)
    k = float(np.mean(np.log1p(-centre * x)))
    return (k * n + 5.0) / (n + 10.0), -k / float(centre)


def pareto_smooth(log_weights: Any) -> tuple[np.ndarray, float]:
    """Return normalised importance weights with a smoothed tail, and the shape k of the tail.

    The largest weights are replaced by the quantiles of the generalised Pareto distribution that fits them best
    (Vehtari et al., arXiv 1507.02646). Estimates are reliable for k below `pareto_limit`.

    Parameters
    ----------
    log_weights
        Logarithms of the weights, up to a constant, shape (draws,); minus infinity for a weight of zero.

    Returns
    -------
    weights
        They sum to 1; NaN where no weight is finite.
    k_hat
        Infinite if there are too few weights to tell; minus infinity if all are the same.

    Examples
    --------
    >>> import numpy as np
    >>> weights, k_hat = pareto_smooth(np.random.default_rng(0).normal(size=2000))
    >>> bool(k_hat < 0.5), float(weights.sum().round(12))
    (True, 1.0)
    """
    values = np.asarray(log_weights, dtype=float)
    values = np.where(np.isnan(values), -np.inf, values)
    if not np.isfinite(values).any() or values.max() == np.inf:
        return np.full(values.shape, np.nan), np.inf
    weights = np.exp(values - values.max())
    size = len(values)
    n_tail = int(min(np.ceil(0.2 * size), np.ceil(3 * np.sqrt(size))))
    order = np.argsort(values, kind="stable")
    tail, cut = order[size - n_tail :], weights[order[size - n_tail - 1]] if size > n_tail else 0.0
    excess = weights[tail] - cut
    k_hat = np.inf
    if np.ptp(weights) < 1e-12:
        k_hat = -np.inf
    elif n_tail >= 5 and excess[0] > 0:
        k_hat, sigma = _fit_tail(excess)
        p = np.log1p(-(np.arange(n_tail) + 0.5) / n_tail)
        quantile = -sigma * p if abs(k_hat) < 1e-12 else sigma * np.expm1(-k_hat * p) / k_hat
        weights[tail] = np.minimum(quantile + cut, 1.0)
    return weights / weights.sum(), float(k_hat)


def pareto_limit(n: int) -> float:
    """Return the largest shape k at which estimates from ``n`` weighted draws are reliable: 0.7, less for few draws.

    Parameters
    ----------
    n
        Number of draws.

    Examples
    --------
    >>> round(pareto_limit(100), 6), pareto_limit(10_000)
    (0.5, 0.7)
    """
    return min(1 - 1 / float(np.log10(max(n, 11))), 0.7)

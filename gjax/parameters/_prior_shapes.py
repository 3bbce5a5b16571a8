"""Priors as distributions: their constants, and the transform of uniform numbers. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gjax.parameters._priors import (
    AbstractPrior,
    GaussianPrior,
    GeneralizedGaussianPrior,
    LogNormalPrior,
    LogUniformPrior,
    UniformPrior,
)

__all__ = ["prior_cdf", "prior_log_norm", "prior_quantile", "prior_transform"]


def prior_cdf(prior: AbstractPrior, value: Any) -> Any:
    """Return the probability of a value below ``value``.

    Parameters
    ----------
    prior
        The prior.
    value
        Any shape.

    Examples
    --------
    >>> float(prior_cdf(UniformPrior(0, 4), 1.0))
    0.25
    """
    from scipy.special import gammainc, ndtr

    value = np.asarray(value, dtype=float)
    if isinstance(prior, UniformPrior):
        return np.clip((value - prior.min) / (prior.max - prior.min), 0.0, 1.0)
    if isinstance(prior, LogUniformPrior):
        inside = np.clip(value, prior.min, prior.max)
        return np.log(inside / prior.min) / math.log(prior.max / prior.min)
    if isinstance(prior, GaussianPrior):
        return ndtr((value - prior.mu) / prior.sigma)
    if isinstance(prior, LogNormalPrior):
        positive = value > 0
        return np.where(positive, ndtr((np.log(np.where(positive, value, 1.0)) - prior.mu) / prior.sigma), 0.0)
    if isinstance(prior, GeneralizedGaussianPrior):
        delta = (value - prior.mu) / (math.sqrt(2) * prior.sigma)
        return 0.5 * (1 + np.sign(delta) * gammainc(prior.eta, np.abs(delta) ** (1 / prior.eta)))
    raise TypeError(f"{type(prior).__name__}: its distribution function is not known")


def prior_quantile(prior: AbstractPrior, probability: Any) -> Any:
    """Return the value below which lies a probability: the inverse of `prior_cdf`.

    Parameters
    ----------
    prior
        The prior.
    probability
        Any shape, 0 to 1.

    Examples
    --------
    >>> round(float(prior_quantile(LogUniformPrior(1, 100), 0.5)), 9)
    10.0
    """
    from scipy.special import gammaincinv, ndtri

    p = np.asarray(probability, dtype=float)
    if isinstance(prior, UniformPrior):
        return prior.min + p * (prior.max - prior.min)
    if isinstance(prior, LogUniformPrior):
        return np.exp(math.log(prior.min) + p * math.log(prior.max / prior.min))
    if isinstance(prior, GaussianPrior):
        return prior.mu + prior.sigma * ndtri(p)
    if isinstance(prior, LogNormalPrior):
        return np.exp(prior.mu + prior.sigma * ndtri(p))
    if isinstance(prior, GeneralizedGaussianPrior):
        side = np.sign(p - 0.5)
        return prior.mu + math.sqrt(2) * prior.sigma * side * gammaincinv(prior.eta, np.abs(2 * p - 1)) ** prior.eta
    raise TypeError(f"{type(prior).__name__}: its distribution function is not known")


def prior_log_norm(prior: AbstractPrior, lower: float = -math.inf, upper: float = math.inf) -> float:
    r"""Return what to subtract from half of `prior_statistic` with a minus: :math:`\ln p = -S/2 - \text{this}`.

    Parameters
    ----------
    prior
        The prior.
    lower, upper
        Bounds of the parameter, between which the density is one.

    Examples
    --------
    >>> prior_log_norm(UniformPrior(0, 1)), round(prior_log_norm(GaussianPrior(0, 1), lower=0), 4)
    (0.0, 0.2258)
    """
    if isinstance(prior, UniformPrior):
        out = math.log(prior.max - prior.min)
    elif isinstance(prior, LogUniformPrior):
        out = 0.5 * math.log(prior.min * prior.max) + math.log(math.log(prior.max / prior.min))
    elif isinstance(prior, GaussianPrior | LogNormalPrior):
        out = math.log(prior.sigma) + 0.5 * math.log(2 * math.pi)
    elif isinstance(prior, GeneralizedGaussianPrior):
        out = math.log(2 * math.sqrt(2) * prior.sigma) + math.lgamma(1 + prior.eta)
    else:
        raise TypeError(f"{type(prior).__name__}: its constant is not known")
    return out + math.log(float(prior_cdf(prior, upper) - prior_cdf(prior, lower)))


def prior_transform(
    priors: Sequence[AbstractPrior], lower: Sequence[float], upper: Sequence[float]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from the unit cube to parameters: uniform numbers become draws from the priors.

    Parameters
    ----------
    priors
        One per parameter.
    lower, upper
        Bounds of the parameters, to which the priors are cut.

    Examples
    --------
    >>> prior_transform([UniformPrior(1, 3), GaussianPrior(0, 1)], [2, 0], [3, float("inf")])(np.array([0.5, 0.0]))
    array([2.5, 0. ])
    """
    ends = [(float(prior_cdf(p, a)), float(prior_cdf(p, b))) for p, a, b in zip(priors, lower, upper)]

    def transform(cube: np.ndarray) -> np.ndarray:
        parts = [
            np.clip(prior_quantile(prior, a + (b - a) * cube[..., i]), low, high)
            for i, (prior, (a, b), low, high) in enumerate(zip(priors, ends, lower, upper))
        ]
        return np.stack(parts, axis=-1)

    return transform

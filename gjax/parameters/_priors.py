"""Priors: small immutable objects for people, rows of numbers for JAX.

The frozen table keeps every prior as ``(kind, a, b, c)``, so that changing a prior is changing data.
All functions work in ``-2 ln p`` (the scale of the fit statistic) and leave out constants.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

__all__ = [
    "AbstractPrior",
    "GaussianPrior",
    "GeneralizedGaussianPrior",
    "LogNormalPrior",
    "LogUniformPrior",
    "UniformPrior",
    "prior_from_dict",
    "prior_statistic",
    "prior_weight",
]

NONE, UNIFORM, LOG_UNIFORM, GAUSSIAN, LOG_NORMAL, GENERALIZED = range(6)


class AbstractPrior:
    """A proper probability density of one parameter, in the parameter's canonical unit."""

    tag: ClassVar[str]
    kind: ClassVar[int]

    def row(self) -> tuple[float, float, float]:
        """Return the three numbers that the frozen table keeps."""
        raise NotImplementedError

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which the density is zero."""
        return -math.inf, math.inf

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain data for YAML."""
        return {"type": self.tag, **dataclasses.asdict(self)}  # type: ignore[call-overload]


@dataclasses.dataclass(frozen=True)
class UniformPrior(AbstractPrior):
    """Flat between ``min`` and ``max``.

    Raises
    ------
    ValueError
        Unless both are finite and ``min < max``: a flat prior without ends is not a probability.

    Examples
    --------
    >>> UniformPrior(1, 5).support()
    (1, 5)
    """

    min: float
    max: float
    tag: ClassVar[str] = "uniform"
    kind: ClassVar[int] = UNIFORM

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min) and math.isfinite(self.max) and self.min < self.max):
            raise ValueError(f"UniformPrior: expected finite min < max, got min={self.min}, max={self.max}")

    def row(self) -> tuple[float, float, float]:
        return self.min, self.max, 0.0

    def support(self) -> tuple[float, float]:
        return self.min, self.max


@dataclasses.dataclass(frozen=True)
class LogUniformPrior(AbstractPrior):
    """Flat in the logarithm between ``min`` and ``max``: p(v) proportional to 1/v.

    Raises
    ------
    ValueError
        Unless ``0 < min < max`` and both are finite.
    """

    min: float
    max: float
    tag: ClassVar[str] = "loguniform"
    kind: ClassVar[int] = LOG_UNIFORM

    def __post_init__(self) -> None:
        if not (0 < self.min < self.max < math.inf):
            raise ValueError(f"LogUniformPrior: expected 0 < min < max, got min={self.min}, max={self.max}")

    def row(self) -> tuple[float, float, float]:
        return self.min, self.max, 0.0

    def support(self) -> tuple[float, float]:
        return self.min, self.max


@dataclasses.dataclass(frozen=True)
class GaussianPrior(AbstractPrior):
    """Normal distribution with mean ``mu`` and width ``sigma``.

    Examples
    --------
    >>> GaussianPrior(0.0, 0.15).to_dict()
    {'type': 'gaussian', 'mu': 0.0, 'sigma': 0.15}
    """

    mu: float
    sigma: float
    tag: ClassVar[str] = "gaussian"
    kind: ClassVar[int] = GAUSSIAN

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and math.isfinite(self.sigma) and math.isfinite(self.mu)):
            raise ValueError(f"GaussianPrior: expected finite mu and sigma > 0, got {self}")

    def row(self) -> tuple[float, float, float]:
        return self.mu, self.sigma, 0.0


@dataclasses.dataclass(frozen=True)
class LogNormalPrior(AbstractPrior):
    """The natural logarithm of the parameter is normal with mean ``mu`` and width ``sigma``."""

    mu: float
    sigma: float
    tag: ClassVar[str] = "lognormal"
    kind: ClassVar[int] = LOG_NORMAL

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and math.isfinite(self.sigma) and math.isfinite(self.mu)):
            raise ValueError(f"LogNormalPrior: expected finite mu and sigma > 0, got {self}")

    def row(self) -> tuple[float, float, float]:
        return self.mu, self.sigma, 0.0

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf


@dataclasses.dataclass(frozen=True)
class GeneralizedGaussianPrior(AbstractPrior):
    """Density proportional to ``exp(-(|v - mu| / (sqrt(2) sigma))**(1/eta))``; ``eta = 0.5`` is Gaussian."""

    mu: float
    sigma: float
    eta: float = 0.5
    tag: ClassVar[str] = "generalized-gaussian"
    kind: ClassVar[int] = GENERALIZED

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and math.isfinite(self.sigma) and math.isfinite(self.mu) and 0 < self.eta <= 1):
            raise ValueError(f"GeneralizedGaussianPrior: expected finite mu, sigma > 0 and 0 < eta <= 1, got {self}")

    def row(self) -> tuple[float, float, float]:
        return self.mu, self.sigma, self.eta


PRIORS: dict[str, type[AbstractPrior]] = {
    cls.tag: cls for cls in (UniformPrior, LogUniformPrior, GaussianPrior, LogNormalPrior, GeneralizedGaussianPrior)
}


def prior_from_dict(data: dict[str, Any]) -> AbstractPrior:
    """Build a prior from ``{"type": ..., ...}``.

    Raises
    ------
    ValueError
        If the type is unknown or its numbers are missing or misspelled.

    Examples
    --------
    >>> prior_from_dict({"type": "uniform", "min": 0, "max": 1})
    UniformPrior(min=0.0, max=1.0)
    """
    data = dict(data)
    tag = data.pop("type", None)
    if tag not in PRIORS:
        raise ValueError(f"prior type {tag!r} is unknown; expected one of {', '.join(PRIORS)}")
    names = [field.name for field in dataclasses.fields(PRIORS[tag])]  # type: ignore[arg-type]
    missing = [n for n in names if n not in data and not (tag == GeneralizedGaussianPrior.tag and n == "eta")]
    if missing:
        raise ValueError(f"prior {tag!r}: {missing[0]!r} is missing; expected {', '.join(names)}")
    unknown = set(data) - set(names)
    if unknown:
        raise ValueError(f"prior {tag!r}: unknown key {sorted(unknown)[0]!r}; expected {', '.join(names)}")
    try:
        return PRIORS[tag](**{key: float(value) for key, value in data.items()})
    except TypeError as error:
        raise ValueError(f"prior {tag!r}: {error}") from error


def prior_statistic(theta: Array, kind: Array, rows: Array) -> Array:
    """Return ``-2 ln p`` of every parameter, without constants; zero where there is no prior.

    Parameters
    ----------
    theta
        Parameter values, shape (n,).
    kind
        Integer code of each prior, shape (n,).
    rows
        The numbers of each prior, shape (n, 3).
    """
    a, b, c = rows[:, 0], rows[:, 1], rows[:, 2]
    is_log = (kind == LOG_UNIFORM) | (kind == LOG_NORMAL)
    positive = jnp.where(is_log & (theta > 0), theta, 1.0)
    log_theta = jnp.log(positive)
    has_width = kind >= GAUSSIAN
    sigma = jnp.where(has_width, b, 1.0)
    delta = theta - a
    gaussian = (delta / sigma) ** 2
    log_delta = jnp.where(kind == LOG_NORMAL, log_theta - a, 0.0)
    log_normal = (log_delta / sigma) ** 2 + 2 * log_theta
    middle = jnp.where(
        kind == LOG_UNIFORM,
        0.5 * (jnp.log(jnp.where(kind == LOG_UNIFORM, a, 1.0)) + jnp.log(jnp.where(kind == LOG_UNIFORM, b, 1.0))),
        0.0,
    )
    log_uniform = 2 * (log_theta - middle)
    is_generalized = kind == GENERALIZED
    square = jnp.where(is_generalized, 0.5 * (delta / sigma) ** 2, 1.0)
    # at the centre the curvature is 0 or infinite unless eta is 1/2: that of a Gaussian keeps fits going
    off_centre = square > 1e-30
    power = 0.5 / jnp.where(is_generalized, c, 0.5)
    generalized = 2 * jnp.where(off_centre, jnp.where(off_centre, square, 1.0) ** power, square)
    value = jnp.where(kind == GAUSSIAN, gaussian, 0.0)
    value = jnp.where(kind == LOG_NORMAL, log_normal, value)
    value = jnp.where(kind == LOG_UNIFORM, log_uniform, value)
    value = jnp.where(is_generalized, generalized, value)
    # fits walk in scaled parameters: a parameter at the end of its support may be off by a rounding error
    slack = 4 * jnp.finfo(theta.dtype).eps * jnp.maximum(jnp.abs(a), jnp.abs(b))
    is_flat = (kind == UNIFORM) | (kind == LOG_UNIFORM)
    outside = (is_log & (theta <= 0)) | (is_flat & ((theta < a - slack) | (theta > b + slack)))
    return jnp.where(outside, jnp.inf, value)


def prior_weight(theta: Array, kind: Array, rows: Array) -> Array:
    """Return the positive curvature that Fisher scoring adds: half the (expected) second derivative.

    Parameters
    ----------
    theta, kind, rows
        As in `prior_statistic`.
    """
    sigma = jnp.where(kind >= GAUSSIAN, rows[:, 1], 1.0)
    value = jnp.where(kind >= GAUSSIAN, sigma**-2.0, 0.0)
    safe = jnp.where(theta > 0, theta, 1.0)
    return jnp.where(kind == LOG_NORMAL, value / safe**2, value)

"""The compiled entry points. Each takes a `Problem`, so that new data or values of one shape compile nothing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference import Minimum, find_crossing, hessian, invert_information, minimise, profile_points
from gjax.likelihood import (
    FluxPointSets,
    OnOffSpectra,
    Problem,
    background_profile,
    full_theta,
    predict,
    predict_sources,
    statistic,
)
from gjax.parameters import fill

__all__ = [
    "compiled_background",
    "compiled_crossings",
    "compiled_fit",
    "compiled_hessian",
    "compiled_prediction",
    "compiled_profile",
    "compiled_source_prediction",
    "compiled_spectrum",
    "compiled_statistic",
    "compiled_statistics",
]

compiled_statistic = jax.jit(statistic)
compiled_hessian = jax.jit(hessian)


@jax.jit
def compiled_fit(problem: Problem, x0: Array) -> tuple[Minimum, Array, Array, Array]:
    """Fit and take the covariance: from the exact Hessian, or from the Fisher matrix where that is not positive."""
    minimum = minimise(problem, x0, jnp.zeros(x0.shape, bool))
    exact = hessian(problem, minimum.x)
    observed, is_positive = invert_information(exact, problem)
    expected, _ = invert_information(minimum.fisher, problem)
    return minimum, jnp.where(is_positive, observed, expected), is_positive, exact


compiled_profile = jax.jit(profile_points)


@jax.jit
def compiled_crossings(problem: Problem, best: Array, value: Array, directions: Array, held: Array, level: Array):  # type: ignore[no-untyped-def]
    """Find the crossings of many rays at once; directions and held entries have shape (rays, k)."""
    return jax.vmap(find_crossing, in_axes=(None, None, None, 0, 0, None))(
        problem, best, value, directions, held, level
    )


@jax.jit
def compiled_prediction(problem: Problem, x: Array) -> tuple[Array, ...]:
    """Predict the signal of all sources together."""
    return predict(problem, full_theta(problem, x))


@jax.jit
def compiled_source_prediction(problem: Problem, x: Array) -> tuple[tuple[Array, ...], ...]:
    """Predict the signal of every source."""
    return predict_sources(problem, full_theta(problem, x))


@jax.jit
def compiled_background(problem: Problem, x: Array) -> tuple[Array, ...]:
    """Return the background per bucket: as given, or profiled from on and off counts; 0 for flux points."""
    parts = []
    for bucket, mu in zip(problem.buckets, predict(problem, full_theta(problem, x))):
        if isinstance(bucket, OnOffSpectra):
            has_background = bucket.alpha > 0
            b = background_profile(mu, bucket.counts, bucket.counts_off, jnp.where(has_background, bucket.alpha, 1.0))
            parts.append(jnp.where(has_background, bucket.alpha * b, 0.0))
        else:
            parts.append(jnp.zeros_like(mu) if isinstance(bucket, FluxPointSets) else bucket.background)  # type: ignore[attr-defined]
    return tuple(parts)


@jax.jit
def compiled_statistics(problem: Problem, x: Array) -> tuple[Array, ...]:
    """Return the statistic of every dataset per bucket, without priors."""
    mu = predict(problem, full_theta(problem, x))
    return tuple(jnp.sum(bucket.statistic(m), axis=-1) for bucket, m in zip(problem.buckets, mu))


@jax.jit
def compiled_spectrum(
    skeleton: Any, theta: Array, energy: Array, low: Array, high: Array
) -> tuple[Array, Array, Array]:
    """Return differential, integral and energy flux of a spectral model in bins.

    Parameters
    ----------
    skeleton
        Spectral model with index slots.
    theta
        Values of all parameters.
    energy, low, high
        Reference energies and edges of the bins [TeV].
    """
    model = fill(skeleton, theta)
    return model.evaluate(energy), model.integrate(low, high, nodes=32), model.integrate_energy(low, high, nodes=32)

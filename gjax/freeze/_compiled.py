"""The compiled entry points. Each takes a `Problem`, so that new data or values of one shape compile nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference import Minimum, find_crossing, hessian, invert_information, minimise, profile_points
from gjax.likelihood import Problem, full_theta, predict, predict_sources, statistic

__all__ = [
    "compiled_crossings",
    "compiled_fit",
    "compiled_hessian",
    "compiled_prediction",
    "compiled_profile",
    "compiled_source_prediction",
    "compiled_statistic",
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

"""Profile likelihoods: values along a parameter, and the points where the statistic has risen by a given amount."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._minimise import Minimum, bounds_of, minimise
from gjax.likelihood import Problem

__all__ = ["RayEnd", "find_crossing", "profile_points"]


def profile_points(problem: Problem, starts: Array, held: Array) -> Minimum:
    """Minimise from many starts at once, each with some entries held.

    Parameters
    ----------
    problem
        The likelihood.
    starts
        Shape (points, k); held entries keep these values.
    held
        Shape (points, k).
    """
    return jax.vmap(minimise, in_axes=(None, 0, 0))(problem, starts, held)


class RayEnd(eqx.Module):
    """Where a profile along a ray crosses a level.

    Parameters
    ----------
    distance
        Multiple of the direction; NaN if the level is not reached.
    x
        The free vector there.
    rise
        Rise of the statistic there.
    reached
        True if the level was found.
    """

    distance: Array
    x: Array
    rise: Array
    reached: Array


def find_crossing(
    problem: Problem, best: Array, best_statistic: Array, direction: Array, held: Array, level: Array
) -> RayEnd:
    """Walk from the best fit along a direction until the profiled statistic has risen by ``level``.

    The held entries lie on the ray; all others are minimised at every point. The square root of the rise is
    nearly linear, and by the envelope theorem its slope follows from the gradient, so that Newton steps
    converge in a few points; they are kept inside a bracket.

    Parameters
    ----------
    problem
        The likelihood.
    best, best_statistic
        The best fit.
    direction
        Where to walk, such that the parabola reaches a rise of 1 at distance 1.
    held
        Entries that stay on the ray.
    level
        Rise to reach: 1 for 68.3 % of one parameter.
    """
    lower, upper = bounds_of(problem)
    moving = held & (direction != 0)
    room = jnp.where(direction > 0, upper - best, lower - best)
    farthest = jnp.min(jnp.where(moving, room / jnp.where(moving, direction, 1.0), jnp.inf))
    farthest = jnp.minimum(farthest, 1e6)
    target = jnp.sqrt(level)

    def rise_at(distance: Array) -> tuple[Array, Array, Array]:
        minimum = minimise(problem, best + distance * direction, held)
        slope = jnp.sum(jnp.where(held, minimum.gradient * direction, 0.0))
        return minimum.statistic - best_statistic, slope, minimum.x

    def body(state: tuple) -> tuple:
        distance, low, high, _, _, steps, _ = state
        rise, slope, x = rise_at(distance)
        root = jnp.sqrt(jnp.maximum(rise, 1e-12))
        low = jnp.where(root < target, distance, low)
        high = jnp.where(root >= target, distance, high)
        done = (jnp.abs(root - target) < 1e-5) | ((distance >= farthest) & (root < target))
        newton = distance + (target - root) * 2 * root / jnp.where(slope > 0, slope, jnp.nan)
        fallback = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 2 * distance)
        inside = (newton > low) & (newton < high) & (newton < 10 * distance)
        following = jnp.minimum(jnp.where(inside, newton, fallback), farthest)
        return jnp.where(done, distance, following), low, high, x, rise, steps + 1, done

    first = jnp.minimum(target, farthest)
    infinity = jnp.asarray(jnp.inf, best.dtype)
    zero = jnp.asarray(0.0, best.dtype)
    state = (first, zero, infinity, best, zero, jnp.asarray(0), jnp.asarray(False))
    distance, _, _, x, rise, _, _ = jax.lax.while_loop(lambda s: ~s[-1] & (s[-2] < 40), body, state)
    reached = jnp.abs(jnp.sqrt(jnp.maximum(rise, 0.0)) - target) < 1e-3
    return RayEnd(jnp.where(reached, distance, jnp.nan), x, rise, reached)

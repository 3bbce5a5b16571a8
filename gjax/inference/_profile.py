"""Profile likelihoods: values along a parameter, and the points where the statistic has risen by a given amount."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._lanes import run_lanes
from gjax.inference._minimise import Minimum, State, advance, bounds_of, first_state, is_done, minimise_many
from gjax.likelihood import AbstractCubes, Problem

__all__ = ["RayEnd", "Rays", "find_crossing", "find_crossings", "lanes_at_once", "nothing_own", "profile_points"]


def lanes_at_once(problem: Problem) -> int:
    """Return how many fits to evaluate together: a cube keeps all cores busy, spectra do in dozens."""
    return 4 if any(isinstance(bucket, AbstractCubes) for bucket in problem.buckets) else 64


def nothing_own(problem: Problem) -> Any:
    """Return the problem with None in place of all leaves: many fits that differ in nothing but start and free set."""
    return jax.tree_util.tree_map(lambda _: None, problem)


def profile_points(problem: Problem, starts: Array, held: Array) -> Minimum:
    """Minimise from many starts, each with some entries held.

    Parameters
    ----------
    problem
        The likelihood.
    starts
        Shape (points, k); held entries keep these values.
    held
        Shape (points, k).
    """
    return minimise_many(problem, nothing_own(problem), starts, held, width=lanes_at_once(problem))


class Rays(NamedTuple):
    """Ways from best fits, leaves with a leading axis of rays.

    Parameters
    ----------
    best, statistic
        The best fit, shape (rays, k), and its statistic.
    direction
        Where to walk, such that the parabola reaches a rise of 1 at distance 1.
    held
        Entries that stay on the ray; all others are minimised.
    level
        Rise of the statistic to reach: 1 for 68.3 % of one parameter.
    """

    best: Array
    statistic: Array
    direction: Array
    held: Array
    level: Array


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


class _Walk(eqx.Module):
    """A search along a ray: the bracket, and the minimisation at the present distance."""

    distance: Array
    low: Array
    high: Array
    rise: Array
    points: Array
    is_done: Array
    inner: State


def find_crossings(problem: Problem, own: Any, rays: Rays) -> RayEnd:
    """Walk from best fits along rays until the profiled statistic has risen by a level.

    The square root of the rise is nearly linear, and by the envelope theorem its slope follows from the gradient, so
    that Newton steps converge in a few points; they are kept inside a bracket.

    Parameters
    ----------
    problem
        The likelihood.
    own
        The leaves of ``problem`` that differ, with a leading axis of rays; None in place of all others.
    rays
        Where from, where to, how far.
    """

    def farthest(ray: Rays, lower: Array, upper: Array) -> Array:
        moving = ray.held & (ray.direction != 0)
        room = jnp.where(ray.direction > 0, upper - ray.best, lower - ray.best)
        return jnp.minimum(jnp.min(jnp.where(moving, room / jnp.where(moving, ray.direction, 1.0), jnp.inf)), 1e6)

    def start(task: tuple[Any, Rays]) -> _Walk:
        here, ray = eqx.combine(task[0], problem), task[1]
        first = jnp.minimum(jnp.sqrt(ray.level), farthest(ray, *bounds_of(here)))
        zero, no = jnp.zeros_like(first), jnp.asarray(False)
        inner = first_state(here, ray.best + first * ray.direction)
        return _Walk(first, zero, zero + jnp.inf, zero, jnp.asarray(0), no, inner)

    def next_point(here: Problem, ray: Rays, walk: _Walk) -> _Walk:
        distance, end, target = walk.distance, farthest(ray, *bounds_of(here)), jnp.sqrt(ray.level)
        rise = walk.inner.value - ray.statistic
        slope = jnp.sum(jnp.where(ray.held, walk.inner.gradient * ray.direction, 0.0))
        root = jnp.sqrt(jnp.maximum(rise, 1e-12))
        low = jnp.where(root < target, distance, walk.low)
        high = jnp.where(root >= target, distance, walk.high)
        newton = distance + (target - root) * 2 * root / jnp.where(slope > 0, slope, jnp.nan)
        fallback = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 2 * distance)
        inside = (newton > low) & (newton < high) & (newton < 10 * distance)
        done = (jnp.abs(root - target) < 1e-5) | ((distance >= end) & (root < target)) | (walk.points >= 39)
        following = jnp.where(done, distance, jnp.minimum(jnp.where(inside, newton, fallback), end))
        # the held entries are on the ray, free of rounding; all others go on from where they are
        moved = walk.inner.x + (following - distance) * ray.direction
        inner = first_state(here, jnp.where(ray.held, ray.best + following * ray.direction, moved))
        inner = jax.tree_util.tree_map(lambda new, old: jnp.where(done, old, new), inner, walk.inner)
        return _Walk(following, low, high, rise, walk.points + 1, done, inner)

    def step(task: tuple[Any, Rays], walk: _Walk) -> _Walk:
        here, ray = eqx.combine(task[0], problem), task[1]
        walk = eqx.tree_at(lambda w: w.inner, walk, advance(here, ray.held, walk.inner))
        arrived = is_done(walk.inner)
        there = next_point(here, ray, walk)
        return jax.tree_util.tree_map(lambda new, old: jnp.where(arrived, new, old), there, walk)

    end = run_lanes(
        (own, rays), start=start, advance=step, is_done=lambda walk: walk.is_done, width=lanes_at_once(problem)
    )
    reached = jnp.abs(jnp.sqrt(jnp.maximum(end.rise, 0.0)) - jnp.sqrt(rays.level)) < 1e-3
    return RayEnd(jnp.where(reached, end.distance, jnp.nan), end.inner.x, end.rise, reached)


def find_crossing(
    problem: Problem, best: Array, best_statistic: Array, direction: Array, held: Array, level: Array
) -> RayEnd:
    """Walk from the best fit along one ray; see `find_crossings`.

    Parameters
    ----------
    problem
        The likelihood.
    best, best_statistic, direction, held, level
        The fields of `Rays`, for one ray.
    """
    ray = Rays(best, best_statistic, direction, held, level)
    rays = jax.tree_util.tree_map(lambda leaf: jnp.asarray(leaf)[jnp.newaxis], ray)
    end = find_crossings(problem, nothing_own(problem), rays)
    return jax.tree_util.tree_map(lambda leaf: leaf[0], end)

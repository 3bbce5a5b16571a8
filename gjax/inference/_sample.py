"""NUTS in whitened, unconstrained coordinates.

Bounded parameters are sampled through a bijection onto their interval; the coordinates are then shifted to the
best fit and whitened with its covariance, so that the sampler starts where it should end and adapts only a step size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._minimise import bounds_of, unused
from gjax.likelihood import AbstractCubes, Problem, statistic

__all__ = ["Whitening", "make_sampler", "potential", "to_x", "whiten"]


class Whitening(eqx.Module):
    """The map from sampler coordinates to the free vector: ``x = bijection(centre + root @ z)``."""

    centre: Array
    root: Array


def _forward(v: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Map unconstrained coordinates into the box; also return ``log |dx/dv|``."""
    has_lower, has_upper = jnp.isfinite(lower), jnp.isfinite(upper)
    both, low, high = has_lower & has_upper, has_lower & ~has_upper, ~has_lower & has_upper
    a, b = jnp.where(has_lower, lower, 0.0), jnp.where(has_upper, upper, 0.0)
    one_sided = jnp.where(low | high, v, 0.0)
    width = jnp.where(both, b - a, 1.0)
    x = jnp.where(both, a + width * jax.nn.sigmoid(v), v)
    x = jnp.where(low, a + jnp.exp(one_sided), x)
    x = jnp.where(high, b - jnp.exp(one_sided), x)
    log_slope = jnp.where(both, jnp.log(width) + jax.nn.log_sigmoid(v) + jax.nn.log_sigmoid(-v), 0.0)
    return x, jnp.where(low | high, one_sided, log_slope)


def _backward(x: Array, lower: Array, upper: Array) -> Array:
    has_lower, has_upper = jnp.isfinite(lower), jnp.isfinite(upper)
    both, low, high = has_lower & has_upper, has_lower & ~has_upper, ~has_lower & has_upper
    a, b = jnp.where(has_lower, lower, 0.0), jnp.where(has_upper, upper, 0.0)
    fraction = jnp.where(both, (x - a) / jnp.where(both, b - a, 1.0), 0.5)
    inside = jnp.clip(fraction, 1e-4, 1 - 1e-4)
    v = jnp.where(both, jnp.log(inside) - jnp.log1p(-inside), x)
    v = jnp.where(low, jnp.log(jnp.maximum(jnp.where(low, x - a, 1.0), 1e-8)), v)
    return jnp.where(high, jnp.log(jnp.maximum(jnp.where(high, b - x, 1.0), 1e-8)), v)


@jax.jit
def whiten(problem: Problem, best: Array, covariance: Array) -> Whitening:
    """Return the whitening at the best fit.

    Parameters
    ----------
    problem
        The likelihood.
    best
        The free vector of the best fit, in units of the scales.
    covariance
        Its covariance.
    """
    lower, upper = bounds_of(problem)
    centre = _backward(best, lower, upper)
    slope = jnp.exp(_forward(centre, lower, upper)[1])
    spare = unused(problem)
    # where the best fit presses against a bound its covariance says little: no coordinate wider than 1 there
    scaled = covariance / (slope[:, None] * slope[None, :])
    width = jnp.sqrt(jnp.maximum(jnp.diagonal(scaled), 1e-30))
    shrink = jnp.where(jnp.isfinite(lower) | jnp.isfinite(upper), jnp.minimum(1.0, 1.0 / width), 1.0)
    scaled = scaled * shrink[:, None] * shrink[None, :] + jnp.diag(jnp.where(spare, 1.0, 0.0))
    eigenvalues, vectors = jnp.linalg.eigh(scaled)
    return Whitening(jnp.where(spare, 0.0, centre), vectors * jnp.sqrt(jnp.maximum(eigenvalues, 1e-30)))


def to_x(problem: Problem, whitening: Whitening, z: Array) -> tuple[Array, Array]:
    """Return the free vector of sampler coordinates, and the logarithm of the Jacobian (up to a constant).

    Parameters
    ----------
    problem
        The likelihood.
    whitening
        The map.
    z
        Sampler coordinates.
    """
    x, log_slope = _forward(whitening.centre + whitening.root @ z, *bounds_of(problem))
    spare = unused(problem)
    return jnp.where(spare, 0.0, x), jnp.sum(jnp.where(spare, 0.0, log_slope))


def potential(problem: Problem, whitening: Whitening) -> Callable[[Array], Array]:
    """Return minus the logarithm of the posterior density as a function of sampler coordinates, up to a constant.

    Parameters
    ----------
    problem
        The likelihood, with its priors.
    whitening
        The map from sampler coordinates.
    """

    def energy(z: Array) -> Array:
        x, log_jacobian = to_x(problem, whitening, z)
        # places without a parameter get a standard normal, so that the sampler sees a proper density
        spare = jnp.sum(jnp.where(unused(problem), (whitening.root @ z) ** 2, 0.0))
        # NUTS asks for first derivatives
        return 0.5 * (statistic(problem, x, 1) + spare) - log_jacobian

    return energy


@functools.lru_cache(maxsize=8)
def make_sampler(warmup: int, target_accept: float, max_depth: int) -> tuple[Any, Any]:
    """Return compiled functions ``start(keys, problem, whitening)`` and ``draw(states, problem, whitening, n)``.

    Both work on all chains; data are arguments, so a second posterior of the same shape compiles nothing. Chains of
    spectra go side by side. Those of cubes, and of spectra that are integrals over particles, go one after the other:
    these keep the machine busy by themselves, and side by side every chain waits for the longest trajectory.

    Parameters
    ----------
    warmup
        Steps of the warm-up.
    target_accept
        Mean acceptance that the step size is adapted to.
    max_depth
        Largest depth of the trajectory tree.
    """
    from numpyro.infer.hmc import hmc

    init_kernel, sample_kernel = hmc(potential_fn_gen=potential, algo="NUTS")

    def start_one(key: Array, problem: Problem, whitening: Whitening) -> Any:
        place, chain = jax.random.split(key)
        z = 0.5 * jax.random.normal(place, problem.index.shape, whitening.centre.dtype)
        return init_kernel(
            z,
            warmup,
            step_size=0.5,
            target_accept_prob=target_accept,
            max_tree_depth=max_depth,
            dense_mass=False,
            model_args=(problem, whitening),
            rng_key=chain,
        )

    def draw_one(state: Any, problem: Problem, whitening: Whitening, n: int) -> tuple[Any, Any]:
        def step(state: Any, _: None) -> tuple[Any, Any]:
            state = sample_kernel(state, (problem, whitening))
            x = to_x(problem, whitening, state.z)[0]
            return state, (x, state.diverging, state.num_steps, state.accept_prob, state.potential_energy)

        return jax.lax.scan(step, state, None, length=n)

    def every(function: Callable[[Any], Any], chains: Any, problem: Problem) -> Any:
        is_busy = any(isinstance(bucket, AbstractCubes) for bucket in problem.buckets) or _has_costly(problem)
        return jax.lax.map(function, chains) if is_busy else jax.vmap(function)(chains)

    def start(keys: Array, problem: Problem, whitening: Whitening) -> Any:
        return every(lambda key: start_one(key, problem, whitening), keys, problem)

    def draw(states: Any, problem: Problem, whitening: Whitening, n: int) -> tuple[Any, Any]:
        return every(lambda state: draw_one(state, problem, whitening, n), states, problem)

    return jax.jit(start), jax.jit(draw, static_argnums=3)


def _has_costly(problem: Problem) -> bool:
    """Tell whether a spectrum is itself an integral."""
    parts = jax.tree.leaves(problem, is_leaf=lambda part: getattr(part, "is_costly", False))
    return any(getattr(part, "is_costly", False) for part in parts)

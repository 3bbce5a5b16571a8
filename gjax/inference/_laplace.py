"""Draws from the Gaussian at the best fit, with the weights that make them draws from the posterior."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._minimise import unused
from gjax.inference._profile import lanes_at_once
from gjax.inference._sample import Whitening, potential, to_x
from gjax.likelihood import Problem

__all__ = ["laplace_draws", "log_volume", "weigh"]


@functools.partial(jax.jit, static_argnums=3)
def laplace_draws(problem: Problem, whitening: Whitening, key: Array, n: int) -> tuple[Array, Array]:
    """Draw from the Gaussian of a whitening, in unconstrained coordinates.

    Parameters
    ----------
    problem
        The likelihood, with its priors.
    whitening
        Best fit and covariance.
    key
        Random key.
    n
        Number of draws.

    Returns
    -------
    x
        Free vectors, shape (n, k).
    log_weights
        Logarithm of posterior over Gaussian density; the mean weight times the volume of the whitening is the evidence.
    """
    z = jax.random.normal(key, (n, whitening.centre.shape[0]), whitening.centre.dtype)
    return weigh(problem, whitening, z, jnp.sum(jax.scipy.stats.norm.logpdf(z), axis=1))


def weigh(problem: Problem, whitening: Whitening, z: Array, log_density: Array) -> tuple[Array, Array]:
    """Return free vectors and logarithms of the importance weights of sampler coordinates.

    Parameters
    ----------
    problem
        The likelihood, with its priors.
    whitening
        The map from sampler coordinates.
    z
        Shape (n, k).
    log_density
        Logarithm of the density that they were drawn from, shape (n,).
    """
    energy = potential(problem, whitening)

    def one(z: Array) -> tuple[Array, Array]:
        return to_x(problem, whitening, z)[0], -energy(z)

    x, log_posterior = jax.lax.map(one, z, batch_size=lanes_at_once(problem))
    return x, log_posterior - log_density


def log_volume(problem: Problem, whitening: Whitening) -> Any:
    """Return the logarithm of the volume element of a whitening.

    Parameters
    ----------
    problem
        Tells which places of the free vector are spare: the sampler gives them a Gaussian, whose integral is left out.
    whitening
        The map from sampler coordinates.
    """
    n_spare = jnp.sum(unused(problem))
    return jnp.linalg.slogdet(whitening.root)[1] - 0.5 * n_spare * jnp.log(2 * jnp.pi)

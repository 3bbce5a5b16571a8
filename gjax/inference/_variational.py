"""Variational inference: the Gaussian nearest to a posterior, in the sampler's coordinates."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._laplace import weigh
from gjax.inference._sample import Whitening, potential
from gjax.likelihood import Problem

__all__ = ["make_guide"]


@functools.lru_cache(maxsize=8)
def make_guide(rank: int | None, size: int, n_steps: int, n_particles: int, rate: float) -> tuple[Any, Any]:
    """Return compiled functions ``run(key, problem, whitening)`` and ``draw(key, params, problem, whitening, n)``.

    Parameters
    ----------
    rank
        Rank of the covariance beyond its diagonal; None for a full one.
    size
        Length of the free vector.
    n_steps
        Steps of the optimiser (Adam).
    n_particles
        Draws per step.
    rate
        Learning rate at the start; it falls to a hundredth.
    """
    import numpyro
    import optax
    from numpyro.distributions import ImproperUniform, constraints
    from numpyro.infer import SVI, Trace_ELBO
    from numpyro.infer.autoguide import AutoLowRankMultivariateNormal, AutoMultivariateNormal
    from numpyro.infer.initialization import init_to_value

    def model(problem: Problem, whitening: Whitening) -> None:
        z = numpyro.sample("z", ImproperUniform(constraints.real_vector, (), (size,)))
        numpyro.factor("log_density", -potential(problem, whitening)(z))

    at_the_fit: dict[str, Any] = {"init_loc_fn": init_to_value(values={"z": jnp.zeros(size)}), "init_scale": 0.7}
    guide = (
        AutoMultivariateNormal(model, **at_the_fit)
        if rank is None
        else AutoLowRankMultivariateNormal(model, rank=rank, **at_the_fit)
    )
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, n_steps, alpha=0.01))
    svi = SVI(model, guide, optimiser, Trace_ELBO(num_particles=n_particles))

    @jax.jit
    def run(key: Array, problem: Problem, whitening: Whitening) -> tuple[Any, Array]:
        def step(state: Any, _: None) -> tuple[Any, Array]:
            return svi.update(state, problem, whitening)

        state, losses = jax.lax.scan(step, svi.init(key, problem, whitening), None, length=n_steps)
        return svi.get_params(state), losses

    @functools.partial(jax.jit, static_argnums=4)
    def draw(key: Array, params: Any, problem: Problem, whitening: Whitening, n: int) -> tuple[Array, Array]:
        nearest = guide.get_posterior(params)
        z = nearest.sample(key, (n,))
        return weigh(problem, whitening, z, nearest.log_prob(z))

    return run, draw

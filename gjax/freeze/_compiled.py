"""The compiled entry points. Each takes a `Problem`, so that new data or values of one shape compile nothing."""

from __future__ import annotations

import collections
import functools
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.freeze._garbage import nothing_collected
from gjax.inference import (
    Minimum,
    RayEnd,
    Rays,
    Whitening,
    covariance_at,
    find_crossings,
    lanes_at_once,
    minimise,
    nothing_own,
    profile_points,
    to_x,
)
from gjax.likelihood import (
    AbstractCubes,
    AbstractFluxPointSets,
    CashCubes,
    Matrix,
    OnOffSpectra,
    Problem,
    background_factors,
    background_norms,
    background_profile,
    cube_images,
    full_theta,
    hessian,
    no_matrix,
    predict,
    predict_sources,
    statistic,
    statistic_of_prediction,
)
from gjax.parameters import fill

__all__ = [
    "compiled_background",
    "compiled_centre",
    "compiled_covariance",
    "compiled_crossings",
    "compiled_cubes",
    "compiled_data_statistic",
    "compiled_hessian",
    "compiled_minimise",
    "compiled_norms",
    "compiled_prediction",
    "compiled_profile",
    "compiled_source_prediction",
    "compiled_spectrum",
    "compiled_statistic",
    "compiled_statistic_at",
    "compiled_statistics",
    "first_covariance",
    "fit_and_covariance",
    "measured_background",
]

# Compilers before JAX 0.11 have two ways to write loops for a CPU. The older one takes 40 % less time and a third of
# the memory to compile (a fit of a cube: 4.0 to 2.2 s of processor time), and the programs are as fast.
# Only for programs that take long to compile: those with options cannot be part of another.
_OPTIONS: Any = {"xla_cpu_use_fusion_emitters": False} if jax.__version_info__ < (0, 11) else None
_jit = functools.partial(jax.jit, compiler_options=_OPTIONS)

compiled_statistic = jax.jit(statistic)
compiled_hessian = _jit(hessian)


@_jit
def compiled_minimise(problem: Problem, x0: Array, held: Array) -> Minimum:
    """Minimise from a start, some entries of which may keep their value."""
    return minimise(problem, x0, held)


def _covariance(problem: Problem, x: Array, fisher: Matrix) -> tuple[Array, Array]:
    """Return the covariance from the exact Hessian (the Fisher matrix where that is not positive), and which it is."""
    return covariance_at(hessian(problem, x), fisher, problem)


compiled_covariance = _jit(_covariance)
#: Compiled in a third of the time, and some five times as slow.
first_covariance = jax.jit(_covariance, compiler_options={**(_OPTIONS or {}), "xla_backend_optimization_level": 0})


@jax.jit
def compiled_data_statistic(problem: Problem, x: Array) -> Array:
    """Return the statistic of the data, without priors."""
    return statistic_of_prediction(problem, predict(problem, full_theta(problem, x), 0))


@_jit
def compiled_statistic_at(problem: Problem, x: Array) -> Array:
    """Return the statistic at many free vectors, shape (points, k)."""
    return jax.lax.map(lambda x: statistic(problem, x, 0), x, batch_size=lanes_at_once(problem))


#: How many fits of a kind, and of how many numbers, take the program that is quick to compile: what it runs longer in
#: all of them is less than what it is compiled faster.
_FIRST_FITS, _SMALL = 16, 500_000

#: Fits so far of problems of one kind and shape.
_FITS: collections.Counter[Any] = collections.Counter()


def fit_and_covariance(problem: Problem, x0: Array) -> tuple[Minimum, Array, Array]:
    """Fit, and take the covariance.

    The first time for a kind of problem the two programs are compiled side by side: compiling is most of a first
    fit, and leaves the interpreter free.

    Parameters
    ----------
    problem
        The likelihood.
    x0
        Start, in units of the scales.
    """
    nothing = jax.device_put(np.zeros(x0.shape, bool))
    if len(x0.devices()) > 1:
        # several processes have to sum over datasets in one order: programs run one after the other
        minimum = compiled_minimise(problem, x0, nothing)
        return minimum, *compiled_covariance(problem, minimum.x, minimum.fisher)
    leaves, structure = jax.tree_util.tree_flatten(problem)
    kind = structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves), x0.shape
    _FITS[kind] += 1
    is_small = sum(leaf.size for leaf in leaves) < _SMALL
    covariance = first_covariance if is_small and _FITS[kind] <= _FIRST_FITS else compiled_covariance
    if _FITS[kind] == 1:
        shape = jax.eval_shape(no_matrix, problem.columns)
        zeros = jax.device_put(jax.tree_util.tree_map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shape))
        with nothing_collected():
            # traced one after the other, because the interpreter does one at a time, and the first compiles meanwhile
            covariance.lower(problem, x0, zeros)
            beside = threading.Thread(target=covariance, args=(problem, x0, zeros), daemon=True)
            beside.start()
            minimum = compiled_minimise(problem, x0, nothing)
            beside.join()
    else:
        minimum = compiled_minimise(problem, x0, nothing)
    return minimum, *covariance(problem, minimum.x, minimum.fisher)


compiled_profile = _jit(profile_points)


@_jit
def compiled_centre(problem: Problem, whitening: Whitening) -> Array:
    """Return the statistic at the centre of a whitening."""
    return statistic(problem, to_x(problem, whitening, jnp.zeros_like(whitening.centre))[0])


@_jit
def compiled_crossings(problem: Problem, rays: Rays) -> RayEnd:
    """Find the crossings of many rays of one likelihood."""
    return find_crossings(problem, nothing_own(problem), rays)


@jax.jit
def compiled_prediction(problem: Problem, x: Array) -> tuple[Array, ...]:
    """Predict the signal of all sources together."""
    return predict(problem, full_theta(problem, x))


@jax.jit
def compiled_source_prediction(problem: Problem, x: Array) -> tuple[tuple[Array, ...], ...]:
    """Predict the signal of every source."""
    return predict_sources(problem, full_theta(problem, x))


@jax.jit
def compiled_cubes(problem: Problem, x: Array) -> tuple[tuple[Any, ...], ...]:
    """Return what the images of every source are made of, as groups of buckets; see `cube_images`."""
    theta = full_theta(problem, x)
    return tuple(
        tuple(cube_images(group, number, problem, theta) for number in range(len(problem.buckets)))
        for group in problem.groups
    )


@jax.jit
def compiled_norms(problem: Problem, x: Array) -> tuple[tuple[Array, Array | None] | None, ...]:
    """Return the factors on the known backgrounds of cubes per bucket: (datasets, energy) and (datasets, pixels)."""
    theta = full_theta(problem, x)
    return tuple(
        (background_norms(group, bucket, theta), background_factors(group, theta))
        if isinstance(bucket, CashCubes)
        else None
        for bucket, group in zip(problem.buckets, problem.backgrounds)
    )


@jax.jit
def measured_background(mu: Array, counts: Array, counts_off: Array, alpha: Array) -> Array:
    """Return the background in the on region that fits best to on and off counts; 0 where alpha is 0."""
    has_background = alpha > 0
    b = background_profile(mu, counts, counts_off, jnp.where(has_background, alpha, 1.0))
    return jnp.where(has_background, alpha * b, 0.0)


@jax.jit
def compiled_background(problem: Problem, x: Array) -> tuple[Array, ...]:
    """Return the background per bucket: as given, or profiled from on and off counts; 0 for flux points and cubes."""
    parts = []
    for bucket, mu in zip(problem.buckets, predict(problem, full_theta(problem, x))):
        if isinstance(bucket, OnOffSpectra):
            parts.append(measured_background(mu, bucket.counts, bucket.counts_off, bucket.alpha))
        else:
            has_none = isinstance(bucket, AbstractFluxPointSets | AbstractCubes)
            parts.append(jnp.zeros_like(mu) if has_none else bucket.background)  # type: ignore[attr-defined]
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

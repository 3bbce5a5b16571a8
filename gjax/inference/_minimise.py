"""Damped Fisher scoring with box constraints: the fit.

One step solves ``(F + lambda diag F) s = -g`` in coordinates whitened with the Fisher diagonal, on the parameters
that are not held at a value or pressed against a bound. The loop evaluates the likelihood at one place in the
program, which halves the time to compile.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.likelihood import Problem, scoring_terms

__all__ = ["CONVERGED", "NOT_FINITE", "STALLED", "STEPS", "Minimum", "bounds_of", "minimise", "tolerance"]

CONVERGED, STEPS, STALLED, NOT_FINITE = range(4)


class Minimum(eqx.Module):
    """Where a minimisation ended.

    Parameters
    ----------
    x
        The free vector, in units of the parameter scales.
    statistic
        Fit statistic there.
    gradient, fisher
        Gradient, and twice the Fisher matrix.
    edm
        Expected distance to the minimum, in units of the statistic.
    steps
        Number of likelihood evaluations.
    status
        0 converged, 1 too many steps, 2 no further progress, 3 the statistic is not finite.
    """

    x: Array
    statistic: Array
    gradient: Array
    fisher: Array
    edm: Array
    steps: Array
    status: Array


class _State(eqx.Module):
    trial: Array
    x: Array
    value: Array
    gradient: Array
    fisher: Array
    damping: Array
    promise: Array
    edm: Array
    steps: Array
    status: Array


def tolerance() -> float:
    """Return the EDM at which a fit stops: 1e-8, or 1e-4 in single precision."""
    return 1e-8 if jax.config.read("jax_enable_x64") else 1e-4


def bounds_of(problem: Problem) -> tuple[Array, Array]:
    """Return the box of the free vector, in units of the scales."""
    table = problem.table
    scale = table.scale.at[problem.index].get(mode="fill", fill_value=1.0)
    lower = table.lower.at[problem.index].get(mode="fill", fill_value=-jnp.inf)
    upper = table.upper.at[problem.index].get(mode="fill", fill_value=jnp.inf)
    return lower / scale, upper / scale


def unused(problem: Problem) -> Array:
    """Return which places of the free vector stand for no parameter."""
    return problem.index >= problem.table.value.shape[0]


def _steps(fisher: Array, gradient: Array, damping: Array, moves: Array) -> tuple[Array, Array]:
    """Return the Newton step and the damped step from one eigendecomposition of the whitened matrix."""
    diagonal = jnp.diagonal(fisher)
    live = moves & (diagonal > 0)
    width = jnp.sqrt(jnp.where(live, diagonal, 1.0))
    # a parameter without influence has an empty row: the identity keeps it where it is
    whitened = jnp.where(live[:, None] & live[None, :], fisher / (width[:, None] * width[None, :]), 0.0)
    eigenvalues, vectors = jnp.linalg.eigh(whitened + jnp.diag(jnp.where(live, 0.0, 1.0)), symmetrize_input=False)
    eigenvalues = jnp.maximum(eigenvalues, 10 * jnp.finfo(fisher.dtype).eps)
    target = vectors.T @ (jnp.where(live, gradient, 0.0) / width)
    newton = -(vectors @ (target / eigenvalues)) / width
    damped = -(vectors @ (target / (eigenvalues + damping))) / width
    return jnp.where(live, newton, 0.0), jnp.where(live, damped, 0.0)


def minimise(problem: Problem, x0: Array, held: Array, *, max_steps: int = 200) -> Minimum:
    """Minimise the fit statistic.

    Parameters
    ----------
    problem
        The likelihood.
    x0
        Start, in units of the scales; it is moved into the box.
    held
        Entries that keep their start value.
    max_steps
        Largest number of likelihood evaluations.
    """
    lower, upper = bounds_of(problem)
    held = held | unused(problem)
    stop = tolerance()
    epsilon = jnp.finfo(x0.dtype).eps

    def body(state: _State) -> _State:
        value, gradient, fisher = scoring_terms(problem, state.trial)
        is_first = state.steps == 0
        is_finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient)) & jnp.all(jnp.isfinite(fisher))
        slack = 4 * epsilon * (1 + jnp.abs(state.value))
        accept = is_finite & (is_first | (value <= state.value + jnp.where(is_first, 0.0, slack)))
        x, old_value = jnp.where(accept, state.trial, state.x), state.value
        value = jnp.where(accept, value, state.value)
        gradient = jnp.where(accept, gradient, state.gradient)
        fisher = jnp.where(accept, fisher, state.fisher)
        # a step counts as a success if it gains a tenth of what its slope promised: at a corner, which bins
        # without any counts make at zero signal, steps would go to and fro for ever
        is_success = is_finite & (old_value - value > 0.1 * state.promise)
        damping = jnp.where(is_success, state.damping / 10, jnp.maximum(state.damping, 1e-4) * 5)
        damping = jnp.where(is_first, state.damping, damping)
        pressed = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
        moves = ~(held | pressed)
        newton, step = _steps(fisher, gradient, damping, moves)
        edm = jnp.where(jnp.all(jnp.isfinite(newton)), -0.5 * jnp.sum(gradient * newton), jnp.inf)
        trial = jnp.clip(x + step, lower, upper)
        # damped until the gain that the slope promises is far below the tolerance: there is nothing left to gain
        promise = -0.5 * jnp.sum(gradient * step)
        is_stuck = (damping > 1e12) | ((damping > 1) & (jnp.abs(promise) < stop))
        status = jnp.where(edm < stop, CONVERGED, jnp.where(is_stuck, STALLED, -1))
        status = jnp.where(is_first & ~is_finite, NOT_FINITE, status)
        return _State(trial, x, value, gradient, fisher, damping, promise, edm, state.steps + 1, status)

    zero = jnp.zeros_like(x0)
    start = jnp.where(unused(problem), 0.0, jnp.clip(x0, lower, upper))
    state = _State(
        trial=start,
        x=start,
        value=jnp.asarray(jnp.inf, x0.dtype),
        gradient=zero,
        fisher=jnp.zeros((len(x0), len(x0)), x0.dtype),
        damping=jnp.asarray(1e-3, x0.dtype),
        promise=jnp.asarray(0.0, x0.dtype),
        edm=jnp.asarray(jnp.inf, x0.dtype),
        steps=jnp.asarray(0),
        status=jnp.asarray(-1),
    )
    end = jax.lax.while_loop(lambda s: (s.status < 0) & (s.steps < max_steps), body, state)
    status = jnp.where(end.status < 0, STEPS, end.status)
    return Minimum(end.x, end.value, end.gradient, end.fisher, end.edm, end.steps, status)

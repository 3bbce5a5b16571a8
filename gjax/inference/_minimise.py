"""Damped Fisher scoring with box constraints: the fit.

One step solves ``(F + lambda diag F) s = -g`` in coordinates whitened with the Fisher diagonal, on the parameters
that are not held at a value or pressed against a bound. The loop evaluates the likelihood at one place in the
program, which halves the time to compile.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._lanes import run_lanes
from gjax.inference._solve import newton_steps
from gjax.likelihood import Matrix, Problem, no_matrix, scoring_terms

__all__ = [
    "CONVERGED",
    "NOT_FINITE",
    "STALLED",
    "STEPS",
    "Minimum",
    "Path",
    "State",
    "advance",
    "bounds_of",
    "ended",
    "first_state",
    "is_done",
    "minimise",
    "minimise_many",
    "scoring_path",
    "tolerance",
    "unused",
]

CONVERGED, STEPS, STALLED, NOT_FINITE = range(4)

#: Largest number of evaluations of the likelihood in a fit.
MAX_STEPS = 200


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
    fisher: Matrix
    edm: Array
    steps: Array
    status: Array


class Path(NamedTuple):
    """The way of a fit.

    Parameters
    ----------
    x
        Free vectors, shape (steps, k).
    statistic
        Shape (steps,); NaN where a step was refused, and after the last.
    """

    x: Array
    statistic: Array


class State(eqx.Module):
    """Where a minimisation is: the best point so far, the next one to try, and how far to trust the steps."""

    trial: Array
    x: Array
    value: Array
    gradient: Array
    fisher: Matrix
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


def first_state(problem: Problem, x0: Array) -> State:
    """Return the state of a minimisation before its first step.

    Parameters
    ----------
    problem
        The likelihood.
    x0
        Start, in units of the scales; it is moved into the box.
    """
    start = jnp.where(unused(problem), 0.0, jnp.clip(x0, *bounds_of(problem)))
    return State(
        trial=start,
        x=start,
        value=jnp.asarray(jnp.inf, x0.dtype),
        gradient=jnp.zeros_like(x0),
        fisher=no_matrix(problem.columns),
        damping=jnp.asarray(1e-3, x0.dtype),
        promise=jnp.asarray(0.0, x0.dtype),
        edm=jnp.asarray(jnp.inf, x0.dtype),
        steps=jnp.asarray(0),
        status=jnp.asarray(-1),
    )


def advance(problem: Problem, held: Array, state: State) -> State:
    """Evaluate the likelihood at the trial point of a state, and return the next state.

    Parameters
    ----------
    problem
        The likelihood.
    held
        Entries that keep their value.
    state
        Where the minimisation is.
    """
    lower, upper = bounds_of(problem)
    stop = tolerance()
    epsilon = jnp.finfo(state.x.dtype).eps
    value, gradient, fisher = scoring_terms(problem, state.trial)
    is_first = state.steps == 0
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in (value, gradient, *jax.tree_util.tree_leaves(fisher))]
    is_finite = jnp.all(jnp.stack(finite))
    slack = 4 * epsilon * (1 + jnp.abs(state.value))
    accept = is_finite & (is_first | (value <= state.value + jnp.where(is_first, 0.0, slack)))
    x, old_value = jnp.where(accept, state.trial, state.x), state.value
    value = jnp.where(accept, value, state.value)
    gradient = jnp.where(accept, gradient, state.gradient)
    fisher = jax.tree_util.tree_map(lambda new, old: jnp.where(accept, new, old), fisher, state.fisher)
    # a step counts as a success if it gains a tenth of what its slope promised: at a corner, which bins
    # without any counts make at zero signal, steps would go to and fro for ever
    is_success = is_finite & (old_value - value > 0.1 * state.promise)
    damping = jnp.where(is_success, state.damping / 10, jnp.maximum(state.damping, 1e-4) * 5)
    damping = jnp.where(is_first, state.damping, damping)
    pressed = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
    moves = ~(held | unused(problem) | pressed)
    newton, step = newton_steps(problem.columns, fisher, gradient, damping, moves)
    edm = jnp.where(jnp.all(jnp.isfinite(newton)), -0.5 * jnp.sum(gradient * newton), jnp.inf)
    trial = jnp.clip(x + step, lower, upper)
    # damped until the gain that the slope promises is far below the tolerance: there is nothing left to gain
    promise = -0.5 * jnp.sum(gradient * step)
    is_stuck = (damping > 1e12) | ((damping > 1) & (jnp.abs(promise) < stop))
    steps = state.steps + 1
    status = jnp.where(edm < stop, CONVERGED, jnp.where(is_stuck, STALLED, jnp.where(steps < MAX_STEPS, -1, STEPS)))
    status = jnp.where(is_first & ~is_finite, NOT_FINITE, status)
    return State(trial, x, value, gradient, fisher, damping, promise, edm, steps, status)


def is_done(state: State) -> Array:
    """Tell whether a minimisation has ended."""
    return state.status >= 0


def ended(state: State) -> Minimum:
    """Return where a minimisation has ended."""
    return Minimum(state.x, state.value, state.gradient, state.fisher, state.edm, state.steps, state.status)


def minimise(problem: Problem, x0: Array, held: Array) -> Minimum:
    """Minimise the fit statistic.

    Parameters
    ----------
    problem
        The likelihood.
    x0
        Start, in units of the scales; it is moved into the box.
    held
        Entries that keep their start value.
    """
    start = first_state(problem, x0)
    return ended(jax.lax.while_loop(lambda s: ~is_done(s), lambda s: advance(problem, held, s), start))


def scoring_path(problem: Problem, x0: Array) -> tuple[Minimum, Path]:
    """Minimise with nothing held, and return every point that was tried, with its statistic.

    Parameters
    ----------
    problem
        The likelihood.
    x0
        Start, in units of the scales; it is moved into the box.
    """
    held = jnp.zeros(x0.shape, bool)

    def step(carry: tuple[State, Array, Array]) -> tuple[State, Array, Array]:
        state, x, values = carry
        after = advance(problem, held, state)
        # a step that was refused leaves no value behind
        moved = jnp.any(after.x != state.x) | (state.steps == 0)
        value = jnp.where(moved, after.value, jnp.nan)
        return after, x.at[state.steps].set(state.trial), values.at[state.steps].set(value)

    room = jnp.zeros((MAX_STEPS, *x0.shape), x0.dtype), jnp.full(MAX_STEPS, jnp.nan, x0.dtype)
    end, x, values = jax.lax.while_loop(lambda c: ~is_done(c[0]), step, (first_state(problem, x0), *room))
    return ended(end), Path(x, values)


def minimise_many(problem: Problem, own: Any, starts: Array, held: Array, *, width: int) -> Minimum:
    """Minimise many times: other data, other starts, other held entries. What has ended costs nothing.

    Parameters
    ----------
    problem
        The likelihood.
    own
        The leaves of ``problem`` that differ, with a leading axis of fits; None in place of all others.
    starts
        Shape (fits, k).
    held
        Entries that keep their start value, shape (fits, k).
    width
        Number of fits that are evaluated together.
    """

    def of(lane: tuple[Any, Array, Array]) -> Problem:
        return eqx.combine(lane[0], problem)

    end = run_lanes(
        (own, starts, held),
        start=lambda lane: first_state(of(lane), lane[1]),
        advance=lambda lane, state: advance(of(lane), lane[2], state),
        is_done=is_done,
        width=width,
    )
    return ended(end)

"""Minimisers that use gradients only, for thousands of parameters: L-BFGS and Adam, from optax.

They walk in unconstrained coordinates (see `gjax.inference._sample`), whitened with the diagonal of the Fisher matrix
at the start.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gjax.inference._minimise import (
    CONVERGED,
    NOT_FINITE,
    STALLED,
    STEPS,
    Minimum,
    Path,
    bounds_of,
    tolerance,
    unused,
)
from gjax.inference._sample import _backward, _forward
from gjax.inference._solve import newton_steps
from gjax.likelihood import Problem, diagonal_of, scoring_terms, statistic

__all__ = ["FIRST_ORDER", "judge", "walk"]

FIRST_ORDER = ("lbfgs", "adam")

#: Gain in the statistic that fits of first order may leave: that of Minuit.
LEFT = 1e-4


def judge(problem: Problem, x: Array, steps: Array, *, capped: Array | bool = False) -> Minimum:
    """Return a point as the end of a fit, with its expected distance to the minimum.

    A parameter that a step would press against a bound is put there, if that changes next to nothing.

    Parameters
    ----------
    problem
        The likelihood.
    x
        Free vector.
    steps
        Evaluations so far.
    capped
        True if they were as many as were allowed.
    """
    lower, upper = bounds_of(problem)
    x = jnp.where(unused(problem), 0.0, jnp.clip(x, lower, upper))
    _, gradient, fisher = scoring_terms(problem, x)
    bend = diagonal_of(problem.columns, fisher)
    target = x - gradient / jnp.where(bend > 0, bend, jnp.inf)
    x = jnp.where((target <= lower) & (gradient * (x - lower) < LEFT) & (gradient > 0), lower, x)
    x = jnp.where((target >= upper) & (gradient * (x - upper) < LEFT) & (gradient < 0), upper, x)
    value, gradient, fisher = scoring_terms(problem, x)
    pressed = ((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0))
    newton, _ = newton_steps(problem.columns, fisher, gradient, jnp.zeros_like(value), ~(unused(problem) | pressed))
    edm = jnp.where(jnp.all(jnp.isfinite(newton)), -0.5 * jnp.sum(gradient * newton), jnp.inf)
    status = jnp.where(edm < max(LEFT, tolerance()), CONVERGED, jnp.where(capped, STEPS, STALLED))
    status = jnp.where(jnp.isfinite(value), status, NOT_FINITE)
    return Minimum(x, value, gradient, fisher, edm, steps, status)


def walk(problem: Problem, x0: Array, method: str, n_steps: int, rate: float) -> tuple[Minimum, Path]:
    """Minimise by L-BFGS or Adam.

    Parameters
    ----------
    problem
        The likelihood.
    x0
        Start, in units of the scales.
    method
        "lbfgs" or "adam".
    n_steps
        Largest number of steps.
    rate
        Learning rate of Adam at the start, in standard deviations; it falls to a thousandth.
    """
    import optax

    lower, upper = bounds_of(problem)
    spare = unused(problem)
    # a start at a bound lies at infinity: it is moved in
    room = jnp.where(jnp.isfinite(upper - lower), 1e-3 * (upper - lower), 1e-3)
    inside = jnp.where(spare, 0.0, jnp.clip(x0, lower + room, upper - room))
    origin = _backward(inside, lower, upper)
    slope = jnp.exp(_forward(origin, lower, upper)[1])
    bend = diagonal_of(problem.columns, scoring_terms(problem, inside)[2]) * slope**2
    width = jnp.where(bend > 0, 1 / jnp.sqrt(jnp.where(bend > 0, bend, 1.0)), 1.0)

    def to_free(s: Array) -> Array:
        return jnp.where(spare, 0.0, _forward(origin + width * s, lower, upper)[0])

    def height(s: Array) -> Array:
        return statistic(problem, to_free(s), 1)

    is_lbfgs = method == "lbfgs"
    schedule = optax.cosine_decay_schedule(rate, n_steps, alpha=1e-3)
    optimiser: Any = optax.lbfgs(memory_size=20) if is_lbfgs else optax.adam(schedule)
    value_and_grad = optax.value_and_grad_from_state(height) if is_lbfgs else jax.value_and_grad(height)

    def step(carry: Any) -> Any:
        s, state, best, count, quiet, path = carry
        value, slope = value_and_grad(s, state=state) if is_lbfgs else value_and_grad(s)
        better = value < best[1]
        # the gain that matters is of the order of the tolerance, many times over
        quiet = jnp.where(best[1] - value > 1e-3 * tolerance(), 0, quiet + 1)
        best = jnp.where(better, s, best[0]), jnp.where(better, value, best[1]), jnp.where(better, slope, best[2])
        more = {"value": value, "grad": slope, "value_fn": height} if is_lbfgs else {}
        update, state = optimiser.update(slope, state, s, **more)
        path = Path(path.x.at[count].set(to_free(s)), path.statistic.at[count].set(value))
        return s + update, state, best, count + 1, quiet, path

    def goes_on(carry: Any) -> Array:
        _, _, best, count, quiet, _ = carry
        patience = 5 if is_lbfgs else 200
        flat = (0.5 * jnp.sum(best[2] ** 2) < 1e-2 * tolerance()) | (quiet >= patience)
        return (count < n_steps) & ~((count > 0) & flat) & jnp.all(jnp.isfinite(best[0]))

    zero = jnp.zeros_like(x0)
    path = Path(jnp.zeros((n_steps, *x0.shape), x0.dtype), jnp.full(n_steps, jnp.nan, x0.dtype))
    start = (
        zero,
        optimiser.init(zero),
        (zero, jnp.asarray(jnp.inf, x0.dtype), zero),
        jnp.asarray(0),
        jnp.asarray(0),
        path,
    )
    _, _, best, count, _, path = jax.lax.while_loop(goes_on, step, start)
    return judge(problem, to_free(best[0]), count, capped=count >= n_steps), path

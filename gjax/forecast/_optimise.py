"""Where and how long to point: the design with the smallest error or limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gjax.forecast._plan import compiled_error, compiled_limit

if TYPE_CHECKING:
    from gjax.forecast._plan import Design, Plan

__all__ = ["OptimalDesign", "optimise"]

VARY = ("livetime", "offset", "threshold")


@dataclasses.dataclass(frozen=True)
class OptimalDesign:
    """The best design found.

    Parameters
    ----------
    design
        How to observe.
    value, start_value
        Expected error (or limit) with it, and with the design that the search began at.
    success
        True if the search converged.
    message
        Why it ended.
    steps
        Number of steps.
    """

    design: Design
    value: float
    start_value: float
    success: bool
    message: str
    steps: int


@jax.jit
def _log_error(plan: Plan, i: Any, design: Design, n_sigma: Any) -> Any:
    return jax.value_and_grad(lambda d: jnp.log(compiled_error(plan, i, d)))(design)


@jax.jit
def _log_limit(plan: Plan, i: Any, design: Design, n_sigma: Any) -> Any:
    return jax.value_and_grad(lambda d: jnp.log(compiled_limit(plan, i, d, n_sigma)))(design)


def _energies(plan: Plan) -> tuple[float, float]:
    """Return the ends of all energy bins in log energy; bins in padding lie far above."""
    lows = [np.asarray(b.log_low) for b in plan.buckets if b.is_counts]
    highs = [np.asarray(b.log_high) for b in plan.buckets if b.is_counts]
    if not lows:
        return 0.0, 1.0
    return min(low.min() for low in lows), max(high[high < 30].max() for high in highs)


def optimise(
    plan: Plan,
    name: str,
    *,
    vary: Sequence[str] = ("livetime",),
    objective: str = "error",
    confidence: float = 0.95,
    start: Design | None = None,
) -> OptimalDesign:
    """Return the design with the smallest expected error of a parameter, or the deepest expected limit.

    Observing times are shared among the datasets under a fixed sum, that of the start; offsets stay between the known
    ones. What may not vary stays as it is at the start. The search is sequential quadratic programming (SciPy) with
    exact gradients. In the times alone the error has one minimum only.

    Parameters
    ----------
    plan
        What the data would tell.
    name
        The parameter.
    vary
        Some of "livetime", "offset" and "threshold".
    objective
        "error", or "limit" for the upper limit without signal.
    confidence
        Confidence level of the limit, one-sided.
    start
        Where to begin; the plan's own design by default.

    Raises
    ------
    ValueError
        If an option is unknown, offsets shall vary but only one is known, or the error is not finite at the start.
    KeyError
        If the parameter is not free.
    """
    from scipy.optimize import minimize
    from scipy.special import ndtri

    if set(vary) - set(VARY) or not vary:
        raise ValueError(f"vary: expected some of {', '.join(VARY)}, got {sorted(vary)}")
    if objective not in ("error", "limit"):
        raise ValueError(f"objective: expected 'error' or 'limit', got {objective!r}")
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence: got {confidence}, expected between 0.5 and 1")
    if "offset" in vary and len(plan.offsets) < 2:
        raise ValueError("vary: only one offset is known; make the plan with plan_offsets")
    i, n_sigma = plan.position(name), float(ndtri(confidence))
    begin = plan.design if start is None else start
    both = _log_limit if objective == "limit" else _log_error
    # in units of size one: shares of the time, degrees, logarithms of energies
    total = float(np.sum(np.asarray(begin.livetime) * np.asarray(plan.times)))
    unit = total / np.asarray(plan.times)
    low, high = _energies(plan)
    ends = {
        "livetime": (0.0, 1.0),
        "offset": (float(plan.offsets[0]), float(plan.offsets[-1])),
        "threshold": (low, high),
    }
    names = [field for field in VARY if field in vary]
    size = len(unit)

    def design_of(z: np.ndarray) -> Design:
        values = dict(zip(names, np.split(z, len(names))))
        fields = {field: np.exp(v) if field == "threshold" else v for field, v in values.items()}
        if "livetime" in fields:
            fields["livetime"] = fields["livetime"] * unit
        made: Design = eqx.tree_at(
            lambda d: [getattr(d, field) for field in fields], begin, [jax.device_put(v) for v in fields.values()]
        )
        return made

    def value_and_slope(z: np.ndarray) -> tuple[float, np.ndarray]:
        design = design_of(z)
        value, slope = jax.device_get(both(plan, i, design, n_sigma))
        chain = {"livetime": unit, "offset": 1.0, "threshold": np.asarray(design.threshold)}
        return float(value), np.concatenate([getattr(slope, field) * chain[field] for field in names])

    first = {"livetime": np.asarray(begin.livetime) / unit, "offset": np.asarray(begin.offset)}
    first["threshold"] = np.log(np.asarray(begin.threshold))
    z0 = np.concatenate([np.clip(first[field], *ends[field]) for field in names])
    before = value_and_slope(z0)[0]
    if not np.isfinite(before):
        raise ValueError(f"the expected {objective} of {name} is not finite at the start: the data tell nothing of it")
    constraints = []
    if "livetime" in names:
        is_time = np.repeat([field == "livetime" for field in names], size).astype(float)
        constraints = [{"type": "eq", "fun": lambda z: z @ is_time - 1.0, "jac": lambda z: is_time}]
    bounds = [ends[field] for field in names for _ in range(size)]
    options = {"maxiter": 300, "ftol": 1e-12}
    end: Any = minimize(
        value_and_slope, z0, jac=True, method="SLSQP", bounds=bounds, constraints=constraints, options=options
    )
    z = np.clip(end.x, *np.transpose(bounds))
    design = design_of(z)
    return OptimalDesign(
        design, float(np.exp(end.fun)), float(np.exp(before)), bool(end.success), str(end.message), int(end.nit)
    )

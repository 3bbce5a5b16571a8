"""Ways to fit: scoring with its trace, L-BFGS, Adam, and Minuit as a cross-check."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import Array

from gjax.inference import FIRST_ORDER, Minimum, Path, bounds_of, judge, scoring_path, walk
from gjax.likelihood import Problem, statistic

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood

__all__ = ["METHODS", "FitTrace", "minimum_by"]

METHODS = ("scoring", *FIRST_ORDER, "iminuit")


@dataclasses.dataclass(frozen=True, repr=False)
class FitTrace:
    """The way of a fit, step by step.

    Parameters
    ----------
    names, units
        Free parameters.
    statistic
        Fit statistic at every point that was tried, shape (steps,).
    values
        Parameters there in their units, shape (steps, parameters).
    """

    names: list[str]
    units: list[str]
    statistic: np.ndarray
    values: np.ndarray

    def to_table(self) -> Any:
        """Return an astropy table with a row per step."""
        from astropy.table import QTable

        columns = {"step": np.arange(len(self.statistic)), "statistic": self.statistic}
        table = QTable(columns | dict(zip(self.names, self.values.T)))
        for name, unit in zip(self.names, self.units):
            table[name].unit = unit or None
        return table

    def __repr__(self) -> str:
        lines = self.to_table().pformat(max_lines=24, max_width=-1)
        return "\n".join([f"Trace of a fit, {len(self.statistic)} points", *lines])

    def plot(self, figure: Any = None) -> Any:
        """Plot the statistic above its lowest value, and the way of every parameter; return the figure.

        Parameters
        ----------
        figure
            Figure to draw in; a new one if None.
        """
        from gjax.plot import plot_fit_trace

        return plot_fit_trace(self.statistic, dict(zip(self.names, self.values.T)), units=self.units, figure=figure)


_walk = jax.jit(walk, static_argnums=(2, 3, 4))
_path = jax.jit(scoring_path)
_judge = jax.jit(judge)


@jax.jit
def _slope(problem: Problem, x: Array) -> tuple[Array, Array]:
    return jax.value_and_grad(lambda x: statistic(problem, x, 1))(x)


def _by_minuit(likelihood: Likelihood, n_steps: int) -> tuple[Minimum, Path]:
    try:
        from iminuit import Minuit
    except ImportError as error:
        raise ImportError("method='iminuit' needs iminuit: pip install iminuit") from error
    problem, n, start = likelihood.problem, len(likelihood.free_names), np.asarray(likelihood.start)
    points: list[np.ndarray] = []
    values: list[float] = []
    last: dict[bytes, Any] = {}

    def both(x: np.ndarray) -> Any:
        key = np.asarray(x, dtype=start.dtype).tobytes()
        if key not in last:
            last.clear()
            full = start.copy()
            full[:n] = x
            last[key] = jax.device_get(_slope(problem, full))
            points.append(full)
            values.append(float(last[key][0]))
        return last[key]

    minuit = Minuit(lambda x: float(both(x)[0]), start[:n], grad=lambda x: np.asarray(both(x)[1])[:n])
    minuit.errordef = Minuit.LEAST_SQUARES
    lower, upper = (np.asarray(bound)[:n] for bound in bounds_of(problem))
    minuit.limits = list(zip(lower, upper))
    if np.isfinite(both(start[:n])[0]):
        minuit.migrad(ncall=n_steps, use_simplex=False)
    full = start.copy()
    full[:n] = np.asarray(minuit.values)
    end = _judge(problem, jax.device_put(full), len(points))
    return end, Path(np.array(points), np.array(values))  # type: ignore[arg-type]


def minimum_by(
    likelihood: Likelihood, method: str, *, n_steps: int | None = None, rate: float = 0.1
) -> tuple[Minimum, FitTrace]:
    """Minimise by a method of choice.

    Parameters
    ----------
    likelihood
        What to fit.
    method
        One of `METHODS`.
    n_steps
        Largest number of steps: 1000 for L-BFGS, 5000 for Adam and Minuit; scoring has its own.
    rate
        Learning rate of Adam at the start, in standard deviations.

    Raises
    ------
    ValueError
        If the method is unknown or a number makes no sense.
    ImportError
        If iminuit is asked for and not installed.
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if n_steps is not None and (method == "scoring" or n_steps < 1):
        raise ValueError(f"n_steps: expected at least 1, and a method other than scoring, got {n_steps}")
    if not rate > 0:
        raise ValueError(f"rate: expected a positive number, got {rate}")
    problem, x0 = likelihood.problem, likelihood.start
    path: Any
    if method == "scoring":
        minimum, path = _path(problem, x0)
    elif method == "iminuit":
        minimum, path = _by_minuit(likelihood, n_steps or 5000)
    else:
        minimum, path = _walk(problem, x0, method, n_steps or (1000 if method == "lbfgs" else 5000), rate)
    n = int(minimum.steps)
    table, free = likelihood.table, likelihood.table.free
    x = np.asarray(path.x)[:n, : len(likelihood.free_names)]
    units = [unit for unit, is_free in zip(table.units, free) if is_free]
    values = x * likelihood.scale + table.origins[free]
    return minimum, FitTrace(likelihood.free_names, units, np.asarray(path.statistic)[:n], values)

"""Fits from many starts, in one batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.freeze._sizes import SAME, larger_sizes
from gjax.inference import CONVERGED, NOT_FINITE
from gjax.likelihood import diagonal_of

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["MultiStart", "fit_many"]


@dataclasses.dataclass(frozen=True, repr=False)
class MultiStart:
    """Fits from many starts.

    Parameters
    ----------
    best
        The fit that ended lowest, fitted once more from there, and from a larger size where that is better.
    starts, values
        Where the fits started and ended, in the parameters' units, shape (starts, parameters).
    statistic
        Where they ended, shape (starts,).
    converged
        Which fits say that they converged; those do not that ended where a parameter has no influence, or where a
        source has left its cutout.
    """

    best: FitResult
    starts: np.ndarray
    values: np.ndarray
    statistic: np.ndarray
    converged: np.ndarray

    @property
    def agree(self) -> np.ndarray:
        """Which fits ended at the best minimum: their statistic is no more than 0.01 above."""
        return self.statistic <= self.best.total_stat + SAME

    @property
    def misled(self) -> np.ndarray:
        """Which fits say that they converged, but at another minimum."""
        return self.converged & ~self.agree

    @property
    def message(self) -> str:
        """The verdict in words."""
        n = len(self.statistic)
        text = f"{int(self.agree.sum())} of {n} starts end at the best minimum"
        others = int((~self.agree & ~self.converged).sum())
        text += f", {int(self.misled.sum())} at other minima" if self.misled.any() else ""
        return text + (f", {others} did not converge" if others else "")

    def to_table(self) -> Any:
        """Return an astropy table of all ends, the lowest first."""
        from astropy.table import QTable

        order = np.argsort(np.where(np.isfinite(self.statistic), self.statistic, np.inf), kind="stable")
        table = self.best.table
        columns: dict[str, Any] = {}
        columns["start"], columns["statistic"] = order, self.statistic[order]
        columns["above"] = self.statistic[order] - self.best.total_stat
        columns["converged"], columns["agree"] = self.converged[order], self.agree[order]
        out = QTable(columns | dict(zip(self.best.free_names, self.values[order].T)))
        for name in self.best.free_names:
            out[name].unit = table.units[table.names.index(name)] or None
        return out

    def __repr__(self) -> str:
        return "\n".join([f"Fits from many starts: {self.message}", repr(self.best)])


def _as_array(likelihood: Likelihood, starts: Any) -> np.ndarray:
    """Return starts in the parameters' units, shape (starts, parameters)."""
    names = likelihood.free_names
    if isinstance(starts, np.ndarray) or not all(isinstance(start, Mapping) for start in starts):
        array = np.asarray(starts, dtype=float)
        if array.ndim != 2 or array.shape[1] != len(names) or not len(array):
            raise ValueError(f"starts: expected shape (starts, {len(names)}) for {names}, got {array.shape}")
    else:
        if not len(starts):
            raise ValueError("starts: expected at least one")
        free = likelihood.table.free
        array = np.stack([likelihood.models.with_values(s).parameter_table.values[free] for s in starts])
    if not np.all(np.isfinite(array)):
        raise ValueError("starts: expected finite numbers")
    return array


def fit_many(likelihood: Likelihood, starts: Any) -> MultiStart:
    """Fit from many starts; see `Likelihood.fit_many`."""
    array = _as_array(likelihood, starts)
    origins = likelihood.table.origins[likelihood.table.free]
    size = len(array)
    x = np.zeros((size, likelihood.problem.index.shape[0]))
    x[:, : array.shape[1]] = (array - origins) / likelihood.scale
    # filled up to a multiple of 12, as profiles are: one program for both
    order = np.append(np.arange(size), np.zeros(-size % 12, dtype=int))
    held = np.zeros((len(order), x.shape[1]), bool)
    end = compiled.compiled_profile(likelihood.problem, jax.device_put(x[order]), jax.device_put(held))
    status, statistic = np.asarray(end.status)[:size], np.asarray(end.statistic)[:size]
    statistic = np.where(status == NOT_FINITE, np.nan, statistic)
    if not np.isfinite(statistic).any():
        raise FitError("the statistic is not finite at any of the starts")
    values = np.asarray(end.x)[:size, : array.shape[1]] * likelihood.scale + origins
    best = _larger(_at(likelihood, values[int(np.nanargmin(statistic))]).fit())
    diagonal = jax.vmap(diagonal_of, in_axes=(None, 0))(likelihood.problem.columns, end.fisher)
    converged = (status == CONVERGED) & (np.asarray(diagonal)[:size, : array.shape[1]] > 0).all(axis=1)
    for i in np.flatnonzero(converged & (statistic > best.total_stat + SAME)) if likelihood.frozen.cubes else ():
        there = _at(likelihood, values[i])
        converged[i] = all(new is old for new, old in zip(there.folds, likelihood.folds))
    return MultiStart(best, array, values, statistic, converged)


def _larger(best: FitResult) -> FitResult:
    """Return a fit, or that with larger sources where it is better."""
    others = larger_sizes(best) if best.success else []
    if not others:
        return best
    sizes = {other.name: other.value for other in others}
    found = best.likelihood.with_values(sizes).fit()
    return found if found.success and found.total_stat < best.total_stat else best


def _at(likelihood: Likelihood, values: np.ndarray) -> Likelihood:
    """Return the likelihood at other values of the free parameters."""
    theta = likelihood.table.values.copy()
    theta[likelihood.table.free] = values
    return likelihood.with_models(likelihood.models.replace_parameters(likelihood.table.with_values(theta)))

"""How far a fit may be taken as a parabola: the statistic at one standard deviation, beside the one expected."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.errors import FitError
from gjax.freeze import _compiled as compiled

if TYPE_CHECKING:
    from gjax.freeze._result import FitResult

__all__ = ["QuadraticCheck", "quadratic_check"]


@dataclasses.dataclass(frozen=True, repr=False)
class QuadraticCheck:
    """Rises of the statistic at one standard deviation from a fit; all are 1 for a parabola.

    Parameters
    ----------
    names
        Free parameters.
    parameters
        Rise where one parameter is an error below and above its best value, the others where the parabola has its
        lowest point, shape (parameters, 2); NaN where a bound comes first.
    directions
        The same along the eigenvectors of the correlation matrix.
    vectors
        Those eigenvectors as columns.
    """

    names: list[str]
    parameters: np.ndarray
    directions: np.ndarray
    vectors: np.ndarray

    @property
    def error_ratio(self) -> np.ndarray:
        """Distance at which the statistic rises by 1, over the error, shape (parameters, 2): 1 for a parabola."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.parameters > 0, 1 / np.sqrt(self.parameters), np.nan)

    @property
    def asymmetry(self) -> np.ndarray:
        """Upper over lower error, less 1, as far as the rises tell; NaN beside a bound."""
        ratio = self.error_ratio
        return ratio[:, 1] / ratio[:, 0] - 1

    @property
    def worst(self) -> float:
        """Largest deviation from 1 of all rises."""
        both = np.concatenate([self.parameters, self.directions])
        return float(np.nanmax(np.abs(both - 1))) if np.isfinite(both).any() else np.inf

    @property
    def message(self) -> str:
        """The verdict in words."""
        bounded = [n for n, row in zip(self.names, self.parameters) if np.isnan(row).any()]
        if self.worst <= 0.1:
            text = "the statistic is a parabola within one standard deviation: errors are good to 5 %"
        elif self.worst <= 0.5:
            text = "the statistic is roughly a parabola: use confidence() where errors matter"
        else:
            text = "the statistic is no parabola: use profiles or the posterior instead of errors"
        both = np.concatenate([self.parameters, self.directions])
        if self.worst > 0.1 and np.isfinite(both).any():
            i, side = divmod(int(np.nanargmax(np.abs(both - 1))), 2)
            n = len(self.names)
            name = self.names[i] if i < n else self._direction(i - n)
            where = "above" if side else "below"
            text += f"; it deviates most {where} the best fit in {name} (rise {both[i, side]:.2f})"
        return text + (f"; a bound is within one error of {', '.join(bounded)}" if bounded else "")

    def _direction(self, i: int) -> str:
        size = np.abs(self.vectors[:, i])
        return "the direction of " + " and ".join(self.names[j] for j in np.argsort(-size)[:2])

    def to_table(self) -> Any:
        """Return an astropy table with a row per parameter."""
        from astropy.table import Table

        ratio = self.error_ratio
        columns = [self.names, *self.parameters.T, *ratio.T, self.asymmetry]
        return Table(columns, names=["name", "rise_below", "rise_above", "errn_ratio", "errp_ratio", "asymmetry"])

    def __repr__(self) -> str:
        return "\n".join([self.message, *self.to_table().pformat(max_lines=-1, max_width=-1)])


def quadratic_check(result: FitResult) -> QuadraticCheck:
    """Evaluate the statistic at one standard deviation from a fit, in one batch; see `FitResult.quadratic_check`."""
    n, likelihood, table = result.n_free, result.likelihood, result.table
    covariance = result.x_covariance[:n, :n]
    width = np.sqrt(np.diag(covariance))
    if not np.all(width > 0):
        raise FitError(f"the fit has no covariance to compare with: {result.message}")
    values, vectors = np.linalg.eigh(covariance / np.outer(width, width))
    steps = np.concatenate([(covariance / width).T, (vectors * np.sqrt(np.maximum(values, 0.0)) * width[:, None]).T])
    both = np.zeros((len(steps), 2, len(result.x)))
    both[:] = result.x
    both[:, 0, :n] -= steps
    both[:, 1, :n] += steps
    points = both.reshape(-1, len(result.x))
    lower, upper = ((bound - table.origins)[table.free] / likelihood.scale for bound in table.bounds)
    inside = np.all((points[:, :n] >= lower) & (points[:, :n] <= upper), axis=1)
    order = np.append(np.arange(len(points)), np.zeros(-len(points) % 8, dtype=int))
    safe = np.where(inside[:, None], points, result.x)[order]
    found = np.asarray(compiled.compiled_statistic_at(likelihood.problem, jax.device_put(safe)))[: len(points)]
    rise = np.where(inside, found - result.total_stat, np.nan).reshape(-1, 2)
    return QuadraticCheck(result.free_names, rise[:n], rise[n:], vectors)

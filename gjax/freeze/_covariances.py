"""Three covariances of a fit, each under its own name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gjax.freeze import _compiled as compiled
from gjax.likelihood import (
    Problem,
    dense_matrix,
    expected_information,
    expected_off,
    prior_information,
    score_products,
)

if TYPE_CHECKING:
    from gjax.freeze._result import FitResult

__all__ = ["KINDS", "FitCovariance", "fit_covariance"]

KINDS = ("hessian", "fisher", "sandwich")


@jax.jit
def _expected(problem: Problem, x: Any) -> Any:
    return expected_information(problem, x, expected_off(problem, x)), prior_information(problem, x)


_scores = jax.jit(score_products)
_dense = jax.jit(dense_matrix)


@dataclasses.dataclass(frozen=True)
class FitCovariance:
    """A covariance of the free parameters of a fit.

    Parameters
    ----------
    kind
        "hessian", "fisher" or "sandwich".
    names
        The free parameters.
    matrix
        Covariance in the units of the parameters; NaN where there is none.
    message
        Why there is none; empty if it is positive.
    """

    kind: str
    names: list[str]
    matrix: np.ndarray
    message: str = ""

    @property
    def is_positive(self) -> bool:
        """True if it is a positive matrix."""
        return not self.message

    @property
    def errors(self) -> np.ndarray:
        """Standard deviations of the parameters."""
        return np.sqrt(np.diag(self.matrix))

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of the parameters."""
        return self.matrix / np.outer(self.errors, self.errors)

    def __repr__(self) -> str:
        head = f"Covariance ({self.kind}): {self.message or 'positive'}"
        rows = [f"  {name:<34} ± {error:.3g}" for name, error in zip(self.names, self.errors)]
        return "\n".join([head, *rows])


def _inverse(information: np.ndarray, names: list[str], what: str) -> tuple[np.ndarray, str]:
    """Return the inverse of a symmetric matrix, or NaN and why there is none."""
    diagonal = np.diag(information)
    nothing = np.full_like(information, np.nan)
    if not np.all(np.isfinite(information)):
        return nothing, f"{what} is not finite"
    flat = [name for name, value in zip(names, diagonal) if value == 0]
    if flat:
        return nothing, f"{what} has no curvature along {', '.join(flat)}: the data do not depend on it"
    width = np.sqrt(np.abs(diagonal))
    values, vectors = np.linalg.eigh(information / np.outer(width, width))
    if not values[0] > 100 * np.finfo(information.dtype).eps:
        along = [name for name, part in zip(names, vectors[:, 0]) if abs(part) > 0.2]
        reason = "falls" if values[0] < -1e-8 else "is flat"
        return nothing, f"{what} is not positive: the statistic {reason} along {' and '.join(along)}"
    return (vectors / values) @ vectors.T / np.outer(width, width), ""


def fit_covariance(result: FitResult, kind: str) -> FitCovariance:
    r"""Return a covariance of a fit; see `FitResult.covariance_of`.

    Parameters
    ----------
    result
        The fit.
    kind
        "hessian", "fisher" or "sandwich".

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    names, n = result.free_names, result.n_free
    x = jax.device_put(result.x)
    scale = np.outer(result.likelihood.scale, result.likelihood.scale)
    every = result.likelihood if kind == "hessian" else result.likelihood.every_bin()
    if kind == "fisher":
        data, prior = (np.asarray(part)[:n, :n] for part in _expected(every.problem, x))
        matrix, message = _inverse(data + prior, names, "the expected information")
        return FitCovariance(kind, names, matrix * scale, message)
    problem = result.likelihood.problem
    half = 0.5 * np.asarray(_dense(problem, compiled.compiled_hessian(problem, x)))[:n, :n]
    matrix, message = _inverse(half, names, "the Hessian")
    if kind == "sandwich" and not message:
        scores = np.asarray(_scores(every.problem, x))[:n, :n]
        matrix = matrix @ scores @ matrix
        if every.n_bins <= n:
            matrix, message = np.full_like(matrix, np.nan), "the scatter of the bins is not known from so few of them"
    return FitCovariance(kind, names, matrix * scale, message)

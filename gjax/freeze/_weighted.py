"""Draws with importance weights: previews and approximations of a posterior, and nested sampling."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.freeze._draws import AbstractDraws, weighted_quantile
from gjax.stats import pareto_limit

if TYPE_CHECKING:
    from gjax.freeze._result import FitResult

__all__ = ["WeightedPosterior"]


@dataclasses.dataclass(frozen=True, repr=False)
class WeightedPosterior(AbstractDraws):
    """Draws of a posterior with weights.

    Parameters
    ----------
    samples
        Parameter name to values of shape (draws,), in the parameter's unit.
    units
        Parameter name to unit.
    weights
        Shape (draws,); they sum to 1.
    method
        What drew them.
    result
        The fit that they belong to.
    k_hat
        Shape of the tail of the weights (arXiv 1507.02646): how far the draws are from the posterior. None where
        the weights are no importance weights (nested sampling).
    log_evidence, log_evidence_error
        Logarithm of the integral of likelihood times priors, with the likelihood of a model that meets every count as
        the unit; NaN if a prior is improper.
    note
        What else to know.
    """

    samples: dict[str, np.ndarray]
    units: dict[str, str]
    weights: np.ndarray
    method: str
    result: FitResult
    k_hat: float | None
    log_evidence: float
    log_evidence_error: float
    note: str = ""

    @property
    def effective_size(self) -> float:
        """Number of independent draws that tell as much: 1 / sum of squared weights."""
        return float(1 / np.sum(self.weights**2))

    @property
    def problems(self) -> list[str]:
        """What speaks against trusting the draws; empty if nothing does."""
        found = [self.note] if self.note else []
        if not np.all(np.isfinite(self.weights)):
            return [*found, "no draw has a finite weight"]
        limit = pareto_limit(len(self.weights))
        if self.k_hat is not None and not self.k_hat <= limit:
            how = "somewhat" if self.k_hat <= 1 else "very"
            text = f"k-hat is {self.k_hat:.2f}, expected at most {limit:.2f}"
            found.append(f"the posterior is {how} different from what was drawn from ({text}): sample it")
        if not self.effective_size >= 100:
            found.append(f"effective sample size is {self.effective_size:.0f}, expected at least 100")
        return found

    @property
    def reliable(self) -> bool:
        """True if the weights are good enough for means and quantiles."""
        return not self.problems

    @property
    def message(self) -> str:
        """The verdict in words."""
        return "; ".join(self.problems) or "the weighted draws stand for the posterior"

    def summary(self) -> Any:
        """Return an astropy table: weighted mean, standard deviation and quantiles."""
        from astropy.table import Table

        rows = []
        for name, draws in self.samples.items():
            mean = float(np.sum(self.weights * draws))
            std = float(np.sqrt(np.sum(self.weights * (draws - mean) ** 2)))
            rows.append((name, self.units[name], mean, std, *weighted_quantile(draws, self.weights, [0.16, 0.5, 0.84])))
        return Table(rows=rows, names=["name", "unit", "mean", "std", "q16", "median", "q84"])

    def __repr__(self) -> str:
        verdict = "reliable" if self.reliable else "NOT reliable"
        size = f"{len(self.weights)} draws, effective size {self.effective_size:.0f}"
        head = f"Posterior by {self.method}, {verdict}: {self.message} ({size})"
        return "\n".join([head, *self.summary().pformat(max_lines=-1, max_width=-1)])

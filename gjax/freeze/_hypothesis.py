"""Tests of hypotheses: nested models, a source, and the goodness of a fit."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.errors import FitError
from gjax.freeze._toy_fits import fit_toys
from gjax.models import Models
from gjax.stats import p_value_to_sigma, ts_p_value

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["GoodnessOfFit", "HypothesisTest", "compare", "goodness_of_fit", "source_test"]

#: Parameters that are zero where there is nothing.
NORMS = ("amplitude", "norm", "lambda_", "sigma")
#: By how much the statistic of the wider model may be above that of the narrower one, by rounding.
SLACK = 1e-3
#: Difference of two statistics, relative to them, that is rounding.
ROUNDING = 1e-13


@dataclasses.dataclass(frozen=True, repr=False)
class HypothesisTest:
    """A likelihood ratio test of a model against a wider one.

    Parameters
    ----------
    ts
        Test statistic: by how much the wider model lowers the fit statistic.
    dof
        Number of parameters that it has more.
    n_boundary
        How many of these are at a bound where the narrower model is true.
    p_value
        Probability of a larger test statistic where the narrower model is true.
    null, alternative
        The two fits.
    notes
        Why the p-value may be off.
    toys
        Test statistics of data drawn from the narrower model; None if none were.
    """

    ts: float
    dof: int
    n_boundary: int
    p_value: float
    null: FitResult
    alternative: FitResult
    notes: tuple[str, ...] = ()
    toys: np.ndarray | None = None

    @property
    def significance(self) -> float:
        """Standard deviations that stand for the p-value (one-sided)."""
        return float(p_value_to_sigma(self.p_value))

    @property
    def distribution(self) -> str:
        """Distribution of the test statistic where the narrower model is true, in words."""
        if self.toys is not None:
            return f"{len(self.toys)} toys"
        if not self.n_boundary:
            return f"chi-square of {self.dof} degrees of freedom"
        if self.dof == 1:
            return "half a chi-square of 1 degree of freedom"
        return f"mixture of chi-squares of {self.dof - self.n_boundary} to {self.dof} degrees of freedom"

    @property
    def message(self) -> str:
        """The test in words."""
        head = f"TS {self.ts:.2f}, p-value {self.p_value:.3g} by {self.distribution}"
        return "; ".join([f"{head}: {self.significance:.2f} sigma", *self.notes])

    def __repr__(self) -> str:
        return f"Likelihood ratio test: {self.message}"


def _is_same(one: Likelihood, other: Likelihood) -> bool:
    """Tell whether two likelihoods have the same data."""
    if one.frozen is other.frozen:
        return True
    if one.names != other.names or one.n_bins != other.n_bins:
        return False

    def arrays(dataset: Any) -> list[np.ndarray]:
        if not hasattr(dataset, "counts"):
            return [np.asarray(values) for values in dataset.arrays().values()]
        parts = (getattr(dataset, name, None) for name in ("counts", "counts_off", "mask"))
        return [np.asarray(getattr(part, "data", part)) for part in parts if part is not None]

    def equal(a: Any, b: Any) -> bool:
        return a is b or all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b), strict=True))

    return all(equal(a, b) for a, b in zip(one.datasets, other.datasets))


def _at_bounds(null: FitResult, alternative: FitResult, extra: list[str]) -> int:
    """Count the parameters that are at a bound where the narrower model is true."""
    lower, upper = alternative.table.bounds
    number = 0
    for name in extra:
        i = alternative.table.names.index(name)
        if name in null.table.names:
            value = null.table.values[null.table.names.index(name)]
        elif name.split(".")[-1] in NORMS:
            value = 0.0
        else:
            continue
        number += bool(value in (lower[i], upper[i]))
    return number


def _toys(null: FitResult, alternative: FitResult, key: Any, n: int) -> np.ndarray:
    """Return test statistics of data drawn from a fit."""
    drawn = null.likelihood.toys(key, n).drawn
    statistics = []
    for result in (null, alternative):
        likelihood = result.likelihood.every_bin()
        nothing = np.zeros(likelihood.problem.index.shape[0], bool)
        statistics.append(fit_toys(likelihood.problem, drawn, np.asarray(likelihood.start), nothing)[1])
    return np.maximum(statistics[0] - statistics[1], 0.0)


def compare(
    null: FitResult,
    alternative: FitResult,
    *,
    dof: int | None = None,
    n_boundary: int | None = None,
    key: Any = None,
    n_toys: int = 1000,
    notes: tuple[str, ...] = (),
) -> HypothesisTest:
    """Test a model against a wider one; see `FitResult.compare`."""
    if not _is_same(null.likelihood, alternative.likelihood):
        raise FitError("the two fits are of different data: a likelihood ratio says nothing")
    missing = [name for name in null.free_names if name not in alternative.free_names]
    if dof is None and missing:
        raise FitError(
            f"the models are not nested by name: {', '.join(missing)} is free in the narrower one only; "
            "if one is a special case of the other all the same, give dof"
        )
    extra = [name for name in alternative.free_names if name not in null.free_names]
    dof = len(extra) if dof is None else dof
    if dof < 1:
        raise FitError("the wider model has no free parameter more than the narrower one")
    ts = null.total_stat - alternative.total_stat
    if ts < -SLACK:
        raise FitError(f"the wider model fits worse by {-ts:.3f}: its fit has not converged to the best minimum")
    # no excess is a test statistic of zero, not of the rounding of two sums: its p-value is 1 at a boundary, not a half
    rounding = ROUNDING * max(abs(null.total_stat), abs(alternative.total_stat), 1.0)
    ts = ts if ts > rounding else 0.0
    bad = [f"the fit of the {n} model is not good: {r.message}" for n, r in _both(null, alternative) if not r.success]
    at_bounds = _at_bounds(null, alternative, extra) if n_boundary is None else n_boundary
    if key is None:
        p_value, toys = float(ts_p_value(ts, dof, at_bounds)), None
    else:
        toys = _toys(null, alternative, key, n_toys)
        p_value = (1 + int(np.sum(toys >= ts - SLACK))) / (n_toys + 1)
    return HypothesisTest(ts, dof, at_bounds, p_value, null, alternative, (*bad, *notes), toys)


def _both(null: FitResult, alternative: FitResult) -> tuple[tuple[str, FitResult], ...]:
    return ("narrower", null), ("wider", alternative)


def source_test(result: FitResult, source: str, *, key: Any = None, n_toys: int = 1000) -> HypothesisTest:
    """Test whether a source is there; see `FitResult.test_source`."""
    likelihood, table = result.likelihood, result.table
    gone = likelihood.models[source]
    rest = Models([model for model in likelihood.models if model is not gone])
    kept = {id(p) for p in rest.parameter_table.parameters}
    parts = [(path, p) for path, p in zip(table.paths, table.parameters) if id(p) not in kept and not p.frozen]
    own = [path + suffix for path, p in parts for suffix in p.entries()]
    norms = [name for name in own if name.split(".")[-1] in ("amplitude", "norm")]
    if not norms:
        raise FitError(f"{source!r} has no free amplitude or norm: there is nothing to test")
    shapes = [name for name in own if name not in norms]
    note = f"without the source {', '.join(shapes)} mean nothing: the distribution is not known; give a key for toys"
    notes = (note,) if shapes and key is None else ()
    null = _held(likelihood.with_values(dict.fromkeys(norms, 0.0)).freeze(*own))
    return compare(null, result, key=key, n_toys=n_toys, notes=notes)


def _held(likelihood: Likelihood) -> FitResult:
    """Return the fit of a likelihood, also where no parameter is left to fit."""
    if likelihood.free_names:
        return likelihood.fit()
    from gjax.freeze._result import FitResult

    x = np.asarray(likelihood.start)
    covariance = np.zeros((len(x), len(x)))
    return FitResult(likelihood, likelihood.stat_sum(), x, covariance, True, "no parameter is free", 1, 0.0)


@dataclasses.dataclass(frozen=True, repr=False)
class GoodnessOfFit:
    """The deviance of a fit beside those of data drawn from it.

    Parameters
    ----------
    statistic
        Of the fit.
    toys
        Of fits to data drawn from it.
    p_value
        Probability of a larger one where the model is true.
    dof
        Number of bins less that of free parameters; what a chi-square would have with many counts in every bin.
    """

    statistic: float
    toys: np.ndarray
    p_value: float
    dof: int

    @property
    def message(self) -> str:
        """The verdict in words."""
        text = f"statistic {self.statistic:.1f}, expected {self.toys.mean():.1f} ± {self.toys.std():.1f} of toys"
        verdict = "the model does not describe the data" if self.p_value < 0.01 else "the model describes the data"
        return f"{verdict}: {text}, p-value {self.p_value:.3g}"

    def __repr__(self) -> str:
        return f"Goodness of fit: {self.message}"


def goodness_of_fit(result: FitResult, key: Any, n: int = 1000) -> GoodnessOfFit:
    """Compare the statistic of a fit with those of toys; see `FitResult.goodness_of_fit`."""
    if n < 20:
        raise ValueError(f"n: expected at least 20 toys, got {n}")
    toys = result.likelihood.toys(key, n)
    start = np.asarray(toys.likelihood.start)
    statistic = fit_toys(toys.likelihood.problem, toys.drawn, start, np.zeros(len(start), bool))[1]
    p_value = (1 + int(np.sum(statistic >= result.total_stat))) / (n + 1)
    return GoodnessOfFit(result.total_stat, statistic, p_value, result.likelihood.n_bins - result.n_free)

"""What an analysis returns: for people as text, for programs as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["AnalysisResult", "comparison_table", "plain"]


def plain(value: Any) -> Any:
    """Turn numpy values into plain ones; what is not finite becomes None, so that JSON can hold it.

    Examples
    --------
    >>> plain({"a": np.float64("nan"), "b": [np.int64(1)]})
    {'a': None, 'b': [1]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def rounded(value: float, error: float) -> str:
    """Write a number with the digits that its error leaves, at least four.

    Examples
    --------
    >>> rounded(83.62043, 0.0021), rounded(2.35712, 0.051), rounded(3.694e-11, 1.5e-12), rounded(1.0, float("nan"))
    ('83.6204', '2.357', '3.694e-11', '1')
    """
    value, error = float(value), float(error)
    digits = 4
    if math.isfinite(value) and math.isfinite(error) and error > 0 and value != 0:
        digits = min(12, max(4, math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 2))
    return f"{value:.{digits}g}"


def comparison_table(fit: Any, posterior: Any = None, truth: Any = None) -> Any:
    """Return free parameters side by side: fit, posterior and, where it is known, truth with pulls.

    Parameters
    ----------
    fit
        `FitResult`.
    posterior
        `Posterior` or None.
    truth
        Name of a parameter to its true value, or None.

    Returns
    -------
    table
        Astropy table with ``name, value, error, unit`` and ``posterior_mean, posterior_std``, ``true, pull``;
        the pull is (value - true) / error.
    """
    from astropy.table import Table

    names = list(fit.free_names)
    values, errors = (np.array([fit[name][i] for name in names]) for i in (0, 1))
    units = [fit.table.units[fit.one(name)] for name in names]
    columns: dict[str, Any] = {"name": names, "value": values, "error": errors, "unit": units}
    if posterior is not None:
        draws = [np.asarray(posterior.samples[name]) for name in names]
        columns["posterior_mean"] = np.array([d.mean() for d in draws])
        columns["posterior_std"] = np.array([d.std(ddof=1) for d in draws])
    if truth is not None:
        true = np.array([truth.get(name, np.nan) for name in names], dtype=float)
        columns["true"] = true
        columns["pull"] = (values - true) / errors
    return Table(columns)


@dataclass
class AnalysisResult:
    """Everything that an analysis found.

    Parameters
    ----------
    config
        `AnalysisConfig`.
    out
        Folder of the results.
    files
        Kind of result to path.
    datasets, likelihood, fit, flux_points, posterior
        Results of the steps, None where a step was left out.
    runs, images
        Table of observations, and `gjax.plot.cube_images.CubeImages`, of a 3D analysis.
    statements
        Whether each step can be trusted, and why.
    truth
        True parameter values of a simulation.
    timings
        Seconds per step.

    Examples
    --------
    >>> result = AnalysisResult(config=None, out=Path("results"), statements=[(True, "the fit converged")])
    >>> result.trustworthy
    True
    """

    config: Any
    out: Path
    files: dict[str, Path] = field(default_factory=dict)
    observations: Any = None
    datasets: Any = None
    likelihood: Any = None
    fit: Any = None
    flux_points: Any = None
    posterior: Any = None
    runs: Any = None
    images: Any = None
    statements: list[tuple[bool, str]] = field(default_factory=list)
    truth: dict[str, float] | None = None
    truth_models: Any = None
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def trustworthy(self) -> bool:
        """True if every step says that it can be trusted."""
        return all(good for good, _ in self.statements)

    def comparison(self) -> Any:
        """Return the table of `comparison_table`."""
        return comparison_table(self.fit, self.posterior, self.truth)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data."""
        content: dict[str, Any] = {"trustworthy": self.trustworthy, "title": self.config.general.title}
        content["statements"] = [{"good": good, "text": text} for good, text in self.statements]
        if self.fit is not None:
            table = self.comparison()
            content["parameters"] = [dict(zip(table.colnames, row)) for row in table.iterrows()]
            content["statistic"] = self.fit.total_stat
            content["n_bins"] = self.likelihood.n_bins
            content["covariance"] = {"names": list(self.fit.free_names), "matrix": np.asarray(self.fit.covariance)}
        if self.flux_points is not None:
            points = self.flux_points.to_table("e2dnde")
            content["flux_points"] = {
                name: {"unit": str(getattr(points[name], "unit", "") or ""), "values": np.asarray(points[name])}
                for name in points.colnames
                if points[name].ndim == 1
            }
        if self.posterior is not None:
            summary = self.posterior.summary()
            content["posterior"] = [dict(zip(summary.colnames, row)) for row in summary.iterrows()]
        content["seconds"] = self.timings
        content["files"] = self.files
        return plain(content)

    def text(self) -> str:
        """Return what the command line prints."""
        lines = [f"{'✓' if good else '✗'} {text}" for good, text in self.statements]
        if self.fit is not None:
            lines += ["", *format_comparison(self.comparison())]
        if "report" in self.files:
            lines += ["", f"report: {self.files['report']}"]
        return "\n".join(lines)


def format_comparison(table: Any) -> list[str]:
    """Lines of a table of `comparison_table` for a terminal."""
    heads = ["parameter", "fit"]
    rows = [
        [name, f"{rounded(value, error)} ± {error:.2g}"]
        for name, value, error in table["name", "value", "error"].iterrows()
    ]
    if "posterior_mean" in table.colnames:
        heads.append("posterior")
        for row, mean, std in zip(rows, table["posterior_mean"], table["posterior_std"]):
            row.append(f"{rounded(mean, std)} ± {std:.2g}")
    if "true" in table.colnames:
        heads += ["true", "pull"]
        for row, true, error, pull in zip(rows, table["true"], table["error"], table["pull"]):
            row += ["–", "–"] if math.isnan(true) else [rounded(true, error), f"{pull:+.2f}"]
    heads.append("unit")
    for row, unit in zip(rows, table["unit"]):
        row.append(str(unit))
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    rule = ["─" * width for width in widths]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in [heads, rule, *rows]]

"""Posterior samples with names, units and a verdict on convergence."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.freeze._chains import Chains, read_arrays, write_arrays
from gjax.freeze._draws import AbstractDraws

if TYPE_CHECKING:
    from gjax.freeze._likelihood import Likelihood
    from gjax.freeze._result import FitResult

__all__ = ["Posterior", "named_samples"]

_WHAT = "posterior samples of gjax"


@dataclasses.dataclass(frozen=True, repr=False)
class Posterior(AbstractDraws):
    """Samples of a posterior.

    Parameters
    ----------
    samples
        Parameter name to values of shape (chains, draws), in the parameter's unit.
    units
        Parameter name to unit.
    divergences
        Number of divergent transitions after the warm-up.
    n_steps
        Leapfrog steps in total.
    result
        The fit that the chains started from; None if they were read without their likelihood.
    complete
        False if sampling was interrupted; the draws made until then are kept.
    chains
        What sampling goes on from.
    sampled
        The likelihood that was sampled; that of the fit if None.
    """

    samples: dict[str, np.ndarray]
    units: dict[str, str]
    divergences: int
    n_steps: int
    result: FitResult | None
    complete: bool = True
    chains: Chains | None = None
    sampled: Likelihood | None = None

    weights = None

    def likelihood(self) -> Any:
        return super().likelihood() if self.sampled is None else self.sampled

    def summary(self) -> Any:
        """Return an astropy table: mean, std, quantiles, bulk and tail effective sample size, R-hat."""
        from astropy.table import Table

        rows = []
        for name, draws in self.samples.items():
            q16, q50, q84 = np.quantile(draws, [0.16, 0.5, 0.84])
            rows.append((name, self.units[name], draws.mean(), draws.std(ddof=1), q16, q50, q84, *_diagnose(draws)))
        names = ["name", "unit", "mean", "std", "q16", "median", "q84", "ess_bulk", "ess_tail", "r_hat"]
        return Table(rows=rows, names=names)

    @property
    def problems(self) -> list[str]:
        """What speaks against trusting the samples; empty if nothing does."""
        found = [] if self.complete else ["sampling was interrupted"]
        if self.divergences:
            found.append(f"{self.divergences} divergent transitions")
        for row in self.summary():
            if not row["r_hat"] <= 1.01:
                found.append(f"{row['name']}: R-hat is {row['r_hat']:.3f}, expected at most 1.01")
            size = min(row["ess_bulk"], row["ess_tail"])
            if not size >= 400:
                found.append(f"{row['name']}: effective sample size is {size:.0f}, expected at least 400")
        return found

    @property
    def converged(self) -> bool:
        """True if R-hat is at most 1.01, all effective sample sizes are at least 400, and nothing diverged."""
        return not self.problems

    @property
    def message(self) -> str:
        """The verdict in words."""
        return "; ".join(self.problems) or "the chains agree"

    def __repr__(self) -> str:
        head = f"Posterior {'converged' if self.converged else 'NOT converged'}: {self.message}"
        return "\n".join([head, *self.summary().pformat(max_lines=-1, max_width=-1)])

    @property
    def sample_stats(self) -> dict[str, np.ndarray]:
        """Of every draw: diverging, n_steps, acceptance_rate and lp (logarithm of the density), (chains, draws)."""
        if self.chains is None:
            return {}
        n = next(iter(self.samples.values())).shape[1]
        c = self.chains
        stats = {"diverging": c.diverging, "n_steps": c.n_steps, "acceptance_rate": c.accept, "lp": -c.potential}
        return {name: values[:, :n] for name, values in stats.items()}

    def save(self, path: Any) -> None:
        """Write the samples to an npz file, with all that sampling needs to go on; see `Likelihood.sample`.

        Parameters
        ----------
        path
            The file; one that exists is replaced when the new one is whole.

        Raises
        ------
        ValueError
            If the samples come without their chains.
        """
        if self.chains is None or self.result is None:
            raise ValueError("save: these samples come without their chains or their fit")
        result, chains = self.result, self.chains
        header = {
            "what": _WHAT,
            "names": list(self.samples),
            "units": [self.units[name] for name in self.samples],
            "n_samples": next(iter(self.samples.values())).shape[1],
            "complete": self.complete,
            "fit": {name: getattr(result, name) for name in ("total_stat", "success", "message", "n_steps", "edm")},
            **{name: getattr(chains, name) for name in ("n_warmup", "target_accept", "done", "statistic")},
        }
        arrays = {name: getattr(chains, name) for name in _ARRAYS}
        arrays |= {f"state {name}": values for name, values in chains.state.items()}
        arrays |= {"theta": result.table.values, "free": result.table.free, "covariance": result.full_covariance}
        arrays |= {"samples": np.stack(list(self.samples.values())) if self.samples else np.zeros((0, 0, 0))}
        write_arrays(path, header, arrays)

    @classmethod
    def read(cls, path: Any, likelihood: Likelihood | None = None) -> Posterior:
        """Read samples that were saved.

        Parameters
        ----------
        path
            The file.
        likelihood
            The likelihood they are of; without it they can be summarised and plotted, but not propagated.

        Raises
        ------
        FitError
            If the file is broken or none of samples, or the likelihood has other free parameters.
        """
        from gjax.freeze._sampling import restored_fit

        header, arrays = read_arrays(path, _WHAT)
        state = {name[6:]: values for name, values in arrays.items() if name.startswith("state ")}
        run: dict[str, Any] = {name: header[name] for name in ("n_warmup", "target_accept", "done", "statistic")}
        run |= {name: arrays[name] for name in _ARRAYS}
        chains = Chains(**run, state=state)
        n, names = header["n_samples"], header["names"]
        result = None if likelihood is None else restored_fit(likelihood, path, header, arrays)
        return cls(
            dict(zip(names, arrays["samples"])),
            dict(zip(names, header["units"])),
            int(chains.diverging[:, :n].sum()),
            int(chains.n_steps[:, :n].sum()),
            result,
            header["complete"],
            chains,
            likelihood,
        )

    def plot_trace(self, names: Any = None, **options: Any) -> Any:
        """Plot the draws of every parameter in their order, and their distribution per chain; return the figure.

        Parameters
        ----------
        names
            Parameters; all by default.
        options
            Given to `gjax.plot.plot_chains`.
        """
        from gjax.plot import plot_chains

        return plot_chains(self._chosen(names), units=self.units, **options)

    def plot_ranks(self, names: Any = None, **options: Any) -> Any:
        """Plot histograms of the ranks of every chain's draws among all (arXiv 1903.08008); return the figure.

        Parameters
        ----------
        names
            Parameters; all by default.
        options
            Given to `gjax.plot.plot_ranks`.
        """
        from gjax.plot import plot_ranks

        return plot_ranks(self._chosen(names), **options)

    def _chosen(self, names: Any) -> dict[str, np.ndarray]:
        if names is None:
            return self.samples
        shape = next(iter(self.samples.values())).shape
        return {name: self.flat(name).reshape(shape) for name in ([names] if isinstance(names, str) else names)}

    def to_arviz(self) -> Any:
        """Return samples and their statistics as an ArviZ data set (needs the extra ``gjax[bayes]``).

        Raises
        ------
        ImportError
            If ArviZ is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError("to_arviz needs ArviZ: pip install 'gjax[bayes]'") from error
        groups: dict[str, Any] = {"posterior": self.samples} | (
            {"sample_stats": stats} if (stats := self.sample_stats) else {}
        )
        # before 1.0 groups were keywords
        return arviz.from_dict(**groups) if arviz.__version__.startswith("0.") else arviz.from_dict(groups)


_ARRAYS = ("x", "diverging", "n_steps", "accept", "potential", "centre", "root")


def named_samples(likelihood: Likelihood, x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return draws by name in the parameters' units, and the units.

    Parameters
    ----------
    likelihood
        Whose free vectors they are.
    x
        Shape (..., k), in units of the scales.
    """
    names, table = likelihood.free_names, likelihood.table
    units, origins = dict(zip(table.names, table.units)), table.origins[table.free]
    samples = {name: x[..., i] * likelihood.scale[i] + origins[i] for i, name in enumerate(names)}
    return samples, {name: units[name] for name in names}


def _rank_normalise(draws: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(draws, method="average").reshape(draws.shape)
    return ndtri((ranks - 0.375) / (draws.size + 0.25))


def _diagnose(draws: np.ndarray) -> tuple[float, float, float]:
    """Return bulk and tail effective sample size, and rank-normalised split R-hat (arXiv 1903.08008)."""
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    if draws.shape[1] < 4 or np.ptp(draws) == 0:
        return 0.0, 0.0, float("nan")
    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, -half:]])
    normal = _rank_normalise(split)
    folded = _rank_normalise(np.abs(split - np.median(split)))
    bulk = float(effective_sample_size(normal))
    low, high = np.quantile(split, [0.05, 0.95])
    tail = min(float(effective_sample_size((split <= q).astype(float))) for q in (low, high))
    r_hat = max(float(split_gelman_rubin(normal)), float(split_gelman_rubin(folded)))
    return bulk, tail, r_hat

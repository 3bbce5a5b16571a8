"""Ten thousand toys of on-off spectra, a thousand of a cube: pulls, coverage of errors and limits, test statistics.

Where counts are few, coverage is not nominal whoever computes it. There the rows compare with a scan of other toys by
brute force, and unified intervals must cover.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
from jax import Array
from scipy.special import xlogy
from scipy.stats import chi2
from tqdm import tqdm

import gjax
from benchmarks.calibration import spectra_1d
from benchmarks.calibration.forecast import cube
from benchmarks.calibration.spectra_1d import on_off
from benchmarks.calibration.table import Table
from gjax.freeze._toy_fits import draw_at, fit_toys
from gjax.inference import invert_information
from gjax.likelihood import Problem, hessian, with_data
from gjax.models import Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter

TRUTH = 3e-11
#: What a limit of 95 % is: the statistic rises by this above its minimum (one-sided).
LIMIT = float(chi2.ppf(0.9, 1))


@jax.jit
def _variances(problem: Problem, drawn: Any, x: Array) -> Array:
    """Return the diagonals of the covariances of toys, from the exact Hessian."""

    def one(lane: tuple[Any, Array]) -> Array:
        here = with_data(problem, lane[0])
        return jax.numpy.diagonal(invert_information(hessian(here, lane[1]), here)[0])

    return jax.lax.map(one, (drawn, x), batch_size=64)


def models(amplitude: float, *, free_index: bool = True, low: float = -np.inf) -> Models:
    """Return a power law with an amplitude."""
    spectrum = PowerLawSpectralModel(
        index=Parameter(2.3, frozen=not free_index),
        amplitude=Parameter(amplitude, "cm-2 s-1 TeV-1", min=low, scale=1e-12),
    )
    return Models(SkyModel(spectrum, name="crab"))


class Fits:
    """Toys of a likelihood and their fits.

    Parameters
    ----------
    likelihood
        At the truth.
    number
        How many toys.
    seed
        Of the random key.
    """

    def __init__(self, likelihood: Any, number: int, seed: int) -> None:
        toys = likelihood.toys(jax.random.key(seed), number)
        self.likelihood, self.drawn, self.problem = toys.likelihood, toys.drawn, toys.likelihood.problem
        self.truth = np.asarray(toys.likelihood.start)
        nothing = np.zeros(len(self.truth), bool)
        self.x, self.statistic, self.good = fit_toys(self.problem, self.drawn, self.truth, nothing)

    @property
    def names(self) -> list[str]:
        """Free parameters."""
        return [name.split(".")[-1] for name in self.likelihood.free_names]

    def sigmas(self) -> np.ndarray:
        """Errors from the Hessian, shape (toys, k)."""
        parts = []
        for first in range(0, len(self.x), 500):
            rows = slice(first, first + 500)
            drawn = jax.tree_util.tree_map(lambda v, rows=rows: v[rows], self.drawn)
            parts.append(np.asarray(_variances(self.problem, drawn, self.x[rows])))
        return np.sqrt(np.concatenate(parts))

    def rise(self, i: int, value: float | None = None) -> np.ndarray:
        """Rise of the profiled statistic from the best fit to the truth, or to another value in units of the scale."""
        start = self.truth.copy()
        start[i] = self.truth[i] if value is None else value
        held = np.arange(len(start)) == i
        return np.maximum(fit_toys(self.problem, self.drawn, start, held)[1] - self.statistic, 0.0)

    def below_limit(self, i: int) -> np.ndarray:
        """Which toys have the truth below their 95 % limit: the profile rises by less, or the best fit is above."""
        return (self.x[:, i] >= self.truth[i]) | (self.rise(i) <= LIMIT)


def asymptotic(table: Table, label: str, likelihood: Any, number: int, seed: int) -> None:
    """Pulls and coverage of every parameter with many counts, where all should be exact."""
    fits = Fits(likelihood, number, seed)
    table.at_least(f"{label}: fits converge", int(fits.good.sum()), number, 0.9999)
    every = fits.sigmas()
    for i, name in enumerate(fits.names):
        sigma, rise = every[:, i], fits.rise(i)
        pull = (fits.x[:, i] - fits.truth[i]) / sigma
        table.value(f"{label}: mean pull of {name}", pull.mean(), 0.0, 1 / np.sqrt(number))
        table.value(f"{label}: width of the pull of {name}", pull.std(), 1.0, 1 / np.sqrt(2 * number))
        for level in (0.6827, 0.95):
            what = f"{label}: {name} in its {100 * level:.0f} %"
            reach = chi2.ppf(level, 1)
            table.fraction(f"{what} interval by the Hessian", int(np.sum(pull**2 <= reach)), number, level)
            table.fraction(f"{what} interval by the profile", int(np.sum(rise <= reach)), number, level)
    amplitude = fits.names.index("amplitude")
    covered = int(fits.below_limit(amplitude).sum())
    table.fraction(f"{label}: amplitude below its 95 % limit", covered, number, 0.95)


def strong(table: Table, number: int) -> None:
    """A bright source over 4000 counts of background."""
    asymptotic(table, "strong", gjax.Likelihood(on_off(600.0, exposure=2.4e14), models(TRUTH)), number, 1)


def in_cube(table: Table, number: int) -> None:
    """A point source in a cube: position, spectrum and the norm of the background are free."""
    asymptotic(table, "cube", cube(), number, 7)


@dataclasses.dataclass(frozen=True)
class Scan:
    """Rises of the on-off statistic of toys by brute force: apart from everything in gjax but the expected counts.

    Parameters
    ----------
    rise
        From the least value to the truth.
    best
        Where the least value is.
    sigma
        Errors by the curvature there.
    """

    rise: np.ndarray
    best: np.ndarray
    sigma: np.ndarray


def scan(likelihood: Any, low: float, number: int, seed: int) -> Scan:
    """Draw toys of a spectrum of which the amplitude is free, and scan it.

    The background of every bin is the larger root of its quadratic equation. There an off region without counts says
    that there is no background, so that errors are not those of many counts.
    """
    rng, (dataset,) = np.random.default_rng(seed), likelihood.datasets
    off, alpha = dataset.counts_off.data.ravel(), spectra_1d.ALPHA
    unit = likelihood.with_values({"amplitude": 1e-12}).npred_signal()[dataset.name].data.ravel()
    truth = float(np.asarray(likelihood.start)[0])
    width = np.sqrt(1 / np.sum(unit**2 / (truth * unit + alpha * (1 + alpha) * off)))
    grid = np.unique(np.concatenate([truth + width * np.linspace(-6, 8, 561), [0.0]]))
    grid = grid[grid >= low]

    def statistic(a: Any) -> np.ndarray:
        mu = np.reshape(a, (-1, 1)) * unit
        centre = alpha * (on + beside) - (1 + alpha) * mu
        root = np.sqrt(np.maximum(centre**2 + 4 * alpha * (1 + alpha) * beside * mu, 0.0))
        b = np.maximum(centre + root, 0.0) / (2 * alpha * (1 + alpha))
        rate = np.maximum(mu + alpha * b, 0.0)
        each = rate - xlogy(on, np.maximum(rate, 1e-300)) + b - xlogy(beside, np.maximum(b, 1e-300))
        return 2 * each.sum(axis=1)

    on = rng.poisson(truth * unit + alpha * off, (number, len(off)))
    beside = rng.poisson(off, (number, len(off)))
    least, best = np.full(number, np.inf), np.zeros(number)
    for a in grid:
        here = statistic(a)
        best, least = np.where(here < least, a, best), np.minimum(here, least)
    step = 0.05 * width
    bend = (statistic(best + step) - 2 * least + statistic(best - step)) / step**2
    return Scan(statistic(truth) - least, best, np.sqrt(2 / np.maximum(bend, 1e-9)))


def against_scan(table: Table, label: str, found: np.ndarray, scanned: np.ndarray, nominal: float) -> None:
    """Compare how often something happens with a scan of other toys by brute force, and show what is nominal."""
    n, m = len(found), len(scanned)
    p = float(scanned.mean())
    table.value(label, found.mean(), p, np.sqrt(p * (1 - p) * (1 / n + 1 / m) + 0.25 / m**2), f"nominal {nominal:g}")


def few_counts(table: Table, number: int) -> None:
    """Errors and limits with few counts: what the method gives there, which a scan by brute force tells."""
    cases = {
        "weak": (on_off(60.0), 2e-12, -np.inf),
        "zero flux": (on_off(60.0), 0.0, -np.inf),
        "n_off of 0 to 3": (on_off(3.0, slope=-0.5), 4e-12, 0.0),
        "n_off of 0 to 3, zero flux": (on_off(3.0, slope=-0.5), 0.0, 0.0),
    }
    for seed, (label, (dataset, amplitude, low)) in enumerate(cases.items(), 2):
        likelihood = gjax.Likelihood(dataset, models(amplitude, free_index=False, low=low))
        fits, other = Fits(likelihood, number, seed), scan(likelihood, low, 4 * number, seed)
        # a fit may end at a corner: zero flux, where bins without off counts have their statistic bend
        ended = fits.good | (np.abs(fits.x[:, 0]) < 0.01)
        table.at_least(f"{label}: fits converge, or end at the corner at zero", int(ended.sum()), number, 0.999)
        rise, truth, ours = fits.rise(0), fits.truth[0], (fits.x[:, 0], fits.sigmas()[:, 0])
        for level in (0.6827, 0.95) if amplitude else ():
            reach = chi2.ppf(level, 1)
            what = f"{label}: amplitude in its {100 * level:.0f} % interval by the profile"
            against_scan(table, what, rise <= reach, other.rise <= reach, level)
            if np.isinf(low):
                what = what.replace("profile", "Hessian")
                inside = [np.abs(x - truth) <= np.sqrt(reach) * sigma for x, sigma in (ours, (other.best, other.sigma))]
                against_scan(table, what, *inside, level)
        covered = (other.best >= truth) | (other.rise <= LIMIT)
        limits = fits.below_limit(0)
        against_scan(table, f"{label}: amplitude below its 95 % limit", limits, covered, 0.95)
        table.at_least(f"{label}: amplitude below its 95 % limit, at least", int(limits.sum()), number, 0.93)
        if not amplitude:
            for value in (1e-3, 1.0, 2.706, 5.412):
                half, what = float(chi2.sf(value, 1) / 2), f"{label}: excess with TS above {value:g}"
                above = [(x > 1e-3) & (r > value) for x, r in ((fits.x[:, 0], rise), (other.best, other.rise))]
                against_scan(table, what, above[0], above[1], half)


def test_statistic(table: Table, number: int) -> None:
    """Test statistic of toys without a source, whose norm cannot be negative: half a chi-square."""
    likelihood = gjax.Likelihood(on_off(8000.0, slope=-0.5), models(0.0, free_index=False, low=0.0))
    ts = Fits(likelihood, number, 9).rise(0)
    table.fraction("TS of zero flux: none", int(np.sum(ts < 1e-6)), number, 0.5)
    for value in (1.0, 2.706, 5.412, 9.0):
        expected = float(chi2.sf(value, 1) / 2)
        table.fraction(f"TS of zero flux: above {value:g}", int(np.sum(ts > value)), number, expected)


def unified(table: Table, number: int) -> None:
    """Unified intervals with few counts: the rise at the truth against that of toys drawn there, as they are made."""
    likelihood = gjax.Likelihood(on_off(3.0, slope=-0.5), models(4e-12, free_index=False, low=0.0))
    fits, toys, inside = Fits(likelihood, number, 12), 200, 0
    rises, nothing = fits.rise(0), np.zeros(len(fits.truth), bool)
    points = np.tile(fits.truth, (toys, 1))
    for i in range(number):
        here = with_data(fits.problem, jax.tree_util.tree_map(lambda v, i=i: v[i], fits.drawn))
        drawn = draw_at(here, points, jax.random.split(jax.random.key(i), toys))
        held, free = (fit_toys(here, drawn, points, nothing | fixed)[1] for fixed in (True, False))
        inside += bool(rises[i] <= np.quantile(held - free, 0.95, method="higher") + 1e-6)
    table.at_least("n_off of 0 to 3: amplitude in its 95 % unified interval", inside, number, 0.95)


def methods(table: Table) -> None:
    """The methods that people call agree with the rises that are counted above."""
    truth, same, number = 2e-12, 0, 12
    likelihood = gjax.Likelihood(on_off(60.0), models(truth, free_index=False))
    for seed in range(number):
        here = likelihood.simulate(jax.random.key(100 + seed))
        result = here.fit()
        rise = here.with_values({"amplitude": truth}).stat_sum() - result.total_stat
        by_rise = result["amplitude"][0] >= truth or rise <= LIMIT
        same += by_rise == (result.upper_limit("amplitude", n_sigma=np.sqrt(LIMIT)) >= truth)
    table.fraction("limits as by upper_limit()", same, number, 1.0)


PARTS = ("strong", "cube", "few_counts", "test_statistic", "unified", "methods")


def run(table: Table, *, quick: bool = False, parts: tuple[str, ...] = PARTS) -> None:
    """Run the case; ``quick`` with a tenth of the toys."""
    number = 1000 if quick else 10_000
    todo = {
        "strong": lambda: strong(table, number),
        "cube": lambda: in_cube(table, number // 10 if not quick else 200),
        "few_counts": lambda: few_counts(table, number),
        "test_statistic": lambda: test_statistic(table, number),
        "unified": lambda: unified(table, 60 if quick else 400),
        "methods": lambda: methods(table),
    }
    for part in tqdm(parts, desc="toys", disable=None):
        todo[part]()

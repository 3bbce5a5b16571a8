"""Forecasts: errors against the scatter of toys, derivatives against differences, limits against Monte Carlo."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainccinv
from scipy.stats import norm, poisson

import gjax
from benchmarks.calibration.morphology import empty_cube
from benchmarks.calibration.table import Row, Table
from gjax.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gjax.forecast import Design
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionNDMap
from gjax.models import FoVBackgroundModel, Models, PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter

CONFIDENCE = 0.95


def spectrum(signal: np.ndarray, background: np.ndarray) -> SpectrumDataset:
    """Return a spectrum in which a constant flux of 1e-12 cm-2 s-1 TeV-1 gives ``signal``."""
    axes = [MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=len(signal), name=n) for n in ("energy", "energy_true")]
    exposure = signal / (1e-12 * np.diff(axes[1].edges.to_value("TeV")))
    return SpectrumDataset(
        counts=RegionNDMap.create(None, axes=axes[:1], data=np.zeros(len(signal))),
        background=RegionNDMap.create(None, axes=axes[:1], data=background),
        exposure=RegionNDMap.create(None, axes=axes[1:], data=exposure, unit="cm2 s"),
        edisp=EDispKernel(axes[::-1], np.eye(len(signal))),
        name="spectrum",
    )


def flat() -> SkyModel:
    """Return a source of constant flux, of which the amplitude is free."""
    flux = PowerLawSpectralModel(index=Parameter(0.0, frozen=True), amplitude="1e-12 cm-2 s-1 TeV-1")
    return SkyModel(flux, name="source")


def scatter(table: Table, what: str, likelihood: gjax.Likelihood, number: int) -> None:
    """Compare the expected errors of all parameters with the scatter of toys, within 3 %."""
    forecast = likelihood.forecast()
    fits = likelihood.toys(jax.random.key(4), number).fit()
    good = fits.values[fits.success]
    errors = np.sqrt(np.diag(forecast.covariance))
    # chance in the scatter itself, at 3.7 sigma
    slack = 0.03 + 3.7 / np.sqrt(2 * number) * (number < 5000)
    for name, spread, error in zip(forecast.free_names, good.std(axis=0), errors):
        table.rows.append(Row(f"{what}: {name}", error / spread, 1.0, 1 - slack, 1 + slack))
    table.at_least(f"{what}: fits that converge", int(fits.success.sum()), number, 0.999)


def spectral() -> gjax.Likelihood:
    """Return a bright source with a measured background: some 4000 counts."""
    centre = np.geomspace(1.12, 8.9, 10)
    given = spectrum(np.full(10, 900.0) * centre, 100.0 * centre**-2)
    background = given.background.data
    dataset = SpectrumDatasetOnOff.from_spectrum_dataset(given, acceptance=1.0, acceptance_off=5.0)
    model = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="1e-12 cm-2 s-1 TeV-1"), name="source")
    assert np.allclose(dataset.background.data, background)
    return gjax.Likelihood(dataset, model)


def cube() -> gjax.Likelihood:
    """Return a cube with a point source that may move, and a background with a free norm."""
    flux = PowerLawSpectralModel(index=2.2, amplitude="6e-9 cm-2 s-1 TeV-1")
    source = SkyModel(flux, PointSpatialModel("83.64 deg", "22.02 deg"), name="source")
    return gjax.Likelihood(empty_cube(), [source, FoVBackgroundModel.for_datasets(["cube"])])


def derivatives(table: Table, likelihood: gjax.Likelihood, name: str) -> None:
    """Compare the derivatives of errors and limits by the design with central differences."""
    plan = likelihood.forecast().plan()
    size = len(plan.design.livetime)
    ones = np.ones(size)
    design: Design = jax.device_put(
        eqx.tree_at(lambda d: (d.livetime, d.area, d.threshold), plan.design, (1.3 * ones, 0.9 * ones, 1.7 * ones))
    )
    for what in ("error", "limit"):
        function = jax.jit(lambda d, what=what: getattr(plan, what)(name, d))
        slope = jax.grad(function)(design)
        worst = 0.0
        for field in ("livetime", "area", "threshold"):
            here = np.asarray(getattr(design, field))
            for i in range(size):
                step = 1e-4 * here[i] * (np.arange(size) == i)
                ends = [
                    float(
                        function(eqx.tree_at(lambda d, f=field: getattr(d, f), design, jax.device_put(here + s * step)))
                    )
                    for s in (1, -1)
                ]
                difference = (ends[0] - ends[1]) / (2e-4 * here[i])
                worst = max(worst, abs(float(getattr(slope, field)[i]) / difference - 1))
        table.rows.append(Row(f"derivatives of the {what} by the design, largest difference", worst, 0.0, 0.0, 1e-4))


def limits(table: Table, number: int) -> None:
    """Compare limits and discoveries of counting experiments with the mean over toys."""
    rng = np.random.default_rng(8)
    for b in (0.5, 1.0, 2.0, 5.0, 20.0, 100.0):
        forecast = gjax.Likelihood(spectrum(np.array([1.0]), np.array([b])), flat()).forecast()
        n = rng.poisson(b, 100 * number)
        mean = float(np.mean(gammainccinv(n + 1, 1 - CONFIDENCE) - b))
        found = forecast.upper_limit("amplitude", confidence=CONFIDENCE) * 1e12
        table.rows.append(Row(f"upper limit at {b:g} counts of background", found / mean, 1.0, 0.95, 1.05))
        uniform = rng.random(number)

        def excess(s: float, b: float = b, uniform: np.ndarray = uniform) -> float:
            n = poisson.ppf(uniform, s + b)
            tail = poisson.sf(n, b) + 0.5 * poisson.pmf(n, b)
            return float(np.mean(norm.isf(np.clip(tail, 1e-300, 1 - 1e-16)))) - 5

        mean = brentq(excess, 0.5, 30 * np.sqrt(b + 1), xtol=1e-3)
        found = forecast.discovery_reach("amplitude") * 1e12
        table.rows.append(Row(f"discovery at {b:g} counts of background", found / mean, 1.0, 0.95, 1.05))


def line(table: Table, number: int) -> None:
    """Compare limits on a line over thirty bins with Neyman limits from toys, by the score as test statistic.

    The forecast is the mean of these limits; the profile likelihood of the expected counts has their median.
    """
    rng = np.random.default_rng(9)
    shape = np.exp(-0.5 * np.linspace(-3, 3, 30) ** 2)
    shape /= shape.sum()
    for level in (0.05, 0.5, 5.0):
        background = np.full(30, level)
        dataset = spectrum(shape, background)
        forecast = gjax.Likelihood(dataset, flat()).forecast()
        found = forecast.upper_limit("amplitude", confidence=CONFIDENCE) * 1e12
        weights = shape / (background + found * shape)
        grid = found * np.linspace(0.01, 3, 150)
        edge = [np.quantile(rng.poisson(background + s * shape, (number, 30)) @ weights, 0.05) for s in grid]
        seen = rng.poisson(background, (number, 30)) @ weights
        # the largest signal that is not yet excluded
        limits = grid[np.searchsorted(np.maximum.accumulate(edge), seen + 1e-12, side="right").clip(1, len(grid)) - 1]
        counts = forecast.equivalent_counts("amplitude", found * 1e-12).background
        what = f"line at {counts:.1f} equivalent counts of background: "
        table.rows.append(Row(f"{what}equivalent counts", found / limits.mean(), 1.0, 0.95, 1.05))
        empty = Models([flat()]).with_values({"source.spectral.amplitude": 0.0})
        fit = gjax.Likelihood(dataset, empty).asimov().fit()
        profile = fit.upper_limit("amplitude", n_sigma=float(norm.ppf(CONFIDENCE)))
        table.rows.append(Row(f"{what}expected likelihood", profile * 1e12 / np.median(limits), 1.0, 0.95, 1.05))


def run(table: Table, *, quick: bool = False) -> None:
    """Run the case."""
    few = 10 if quick else 1
    likelihood = spectral()
    scatter(table, "spectrum", likelihood, 20_000 // few)
    scatter(table, "cube", cube(), 5_000 // few)
    derivatives(table, likelihood.freeze("*.index"), "amplitude")
    limits(table, 20_000)
    line(table, 50_000 // few)

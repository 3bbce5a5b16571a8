"""The flare of PKS 2155-304 on 29 July 2006, seen by H.E.S.S.: light curve in ten minutes, spectrum, variability.

Needs the public data: set GAMMAPY_DATA to their folder. Run with:  python examples/pks2155_flare.py [FOLDER FOR PLOTS]
"""

import sys
from pathlib import Path

import astropy.units as u
import jax
import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time
from regions import CircleSkyRegion

import gjax
from gjax.data import DataStore
from gjax.datasets import SpectrumDataset
from gjax.estimators import (
    FluxPointsEstimator,
    LightCurveEstimator,
    bayesian_blocks,
    compute_lightcurve_chisq,
    compute_lightcurve_doublingtime,
    compute_lightcurve_fpp,
    compute_lightcurve_fvar,
    compute_lightcurve_structure_function,
)
from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom
from gjax.models import LogParabolaSpectralModel, SkyModel
from gjax.parameters import UniformPrior

gjax.enable_x64()
folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# Runs of the night within 2 deg, cut at ten minutes: each interval holds parts of one or two runs.
target = SkyCoord(329.716938, -30.225589, unit="deg")
store = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1")
runs = store.get_observations(range(33787, 33802))
start = Time("2006-07-29T20:30", scale="utc") + 10 * u.min * np.arange(34)
intervals = [Time([low, low + 10 * u.min]) for low in start]
parts = runs.select_time(intervals)

# Reduce: counts in a circle on the source, background from regions around the pointing.
energy = MapAxis.from_energy_bounds("0.4 TeV", "20 TeV", nbin=20)
energy_true = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=40, name="energy_true")
geom = RegionGeom.create(CircleSkyRegion(target, 0.11 * u.deg), axes=[energy])
empty = SpectrumDataset.create(geom, energy_axis_true=energy_true, name="empty")
makers = [
    SpectrumDatasetMaker(containment_correction=True),
    ReflectedRegionsBackgroundMaker(),
    SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
]
datasets = DatasetsMaker(makers).run(empty, parts)
night = datasets.stack_reduce(name="night")
info = night.info_dict()
print(f"{len(runs)} runs, {len(datasets)} parts, {info['sqrt_ts']:.0f} sigma in {info['ontime'].to('h'):.2f}")

# Spectrum of the night: a log parabola, flux points, and a posterior.
spectrum = LogParabolaSpectralModel(amplitude="1e-10 cm-2 s-1 TeV-1", reference="1 TeV", alpha=3.2, beta=0.1)
result = gjax.Likelihood(night, SkyModel(spectrum, name="pks2155")).fit()
print(result)
points = FluxPointsEstimator(np.geomspace(0.4, 20, 11) * u.TeV).run(result)
priors = {"amplitude": UniformPrior(0, 1e-9), "alpha": UniformPrior(1, 6), "beta": UniformPrior(-2, 3)}
posterior = gjax.Likelihood(night, result.models.with_priors(priors)).sample(
    jax.random.key(0), result=result, n_chains=2, n_samples=500
)
print(posterior)

# Light curve: all intervals and bands in one batch, with the spectrum of the night.
likelihood = gjax.Likelihood(datasets, result.models)
lightcurve = LightCurveEstimator(intervals, energy_edges=[0.7, 1.3, 20] * u.TeV).run(likelihood)
lightcurve.write(folder / "pks2155_lightcurve.fits", overwrite=True)
print(lightcurve)

# How variable is it?
fvar, fpp = compute_lightcurve_fvar(lightcurve), compute_lightcurve_fpp(lightcurve)
print(f"F_var {fvar['fvar'].round(3)} +- {fvar['fvar_err'].round(3)}, from point to point {fpp['fpp'].round(3)}")
print("constant flux:", compute_lightcurve_chisq(lightcurve)["chi2", "ndf", "p_value"])
times = compute_lightcurve_doublingtime(lightcurve)
print(times["doublingtime", "doubling_err", "halvingtime", "halving_err"])
structure = compute_lightcurve_structure_function(lightcurve)
blocks = bayesian_blocks(lightcurve)
print(blocks["time_min", "time_max", "flux", "flux_err"])

# Plots.
fig, axes = plt.subplots(2, 2, figsize=(13, 9), layout="constrained")
lightcurve.plot(ax=axes[0, 0])
days = [blocks[name].datetime64 for name in ("time_min", "time_max")]
axes[0, 0].hlines(blocks["flux"].value, *days, color="C7", lw=2, zorder=2, label="Bayesian blocks")
axes[0, 0].legend(frameon=False)
lightcurve.plot_ts_profiles(ax=axes[0, 1])
axes[1, 0].loglog(structure["distance"].to("min"), structure["structure_function"], "o")
axes[1, 0].set(xlabel="Distance in time [min]", ylabel="Structure function [cm⁻⁴ s⁻²]")
axes[1, 0].legend([f"{low:.2f} to {high:.3g}" for low, high in zip(lightcurve.e_min, lightcurve.e_max)], frameon=False)
result.plot_error("pks2155", [0.4, 20] * u.TeV, ax=axes[1, 1])
points.plot(ax=axes[1, 1])
fig.savefig(folder / "pks2155_flare.png", dpi=110)
posterior.plot_corner().savefig(folder / "pks2155_corner.png", dpi=90)

"""Spectrum of the Crab Nebula from four H.E.S.S. runs: from events to a posterior.

Needs the public data: set GAMMAPY_DATA to their folder. Run with:  python examples/crab_spectrum.py
"""

import astropy.units as u
import jax
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

import gjax
from gjax.data import DataStore
from gjax.datasets import SpectrumDataset
from gjax.estimators import FluxPointsEstimator
from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom
from gjax.models import LogParabolaSpectralModel, Models, SkyModel
from gjax.parameters import UniformPrior

gjax.enable_x64()

# Reduce: counts in a circle on the source, background from regions around the pointing.
observations = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations([23523, 23526, 23559, 23592])
energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True)
energy_true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=20, per_decade=True, name="energy_true")
region = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), 0.11 * u.deg)
empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true, name="empty")
makers = [
    SpectrumDatasetMaker(containment_correction=True),
    ReflectedRegionsBackgroundMaker(exclusion_mask="galactic;circle(183.604, -8.708, 0.5)"),
    SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
]
datasets = DatasetsMaker(makers).run(empty, observations)
print(datasets.info_table()["name", "counts", "counts_off", "excess", "sqrt_ts"])

# Fit: errors are from the exact Hessian, asymmetric ones from the profile likelihood.
spectrum = LogParabolaSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.2)
likelihood = gjax.Likelihood(datasets, Models([SkyModel(spectrum, name="crab")]))
result = likelihood.fit()
print(result)
print("asymmetric errors:", result.confidence())

# Flux points, all energy bins in one batch.
points = FluxPointsEstimator([0.7368, 1.43, 2.79, 5.43, 10.56, 20.56] * u.TeV, source="crab").run(result.likelihood)
print(points.to_table("e2dnde")["e_ref", "e2dnde", "e2dnde_err", "is_ul"])

# Posterior: priors must be proper, so they are given here. It starts from the fit above.
priors = {"amplitude": UniformPrior(0, 2e-10), "alpha": UniformPrior(0, 5), "beta": UniformPrior(-1, 2)}
posterior = likelihood.with_models(result.models.with_priors(priors)).sample(jax.random.key(0), result=result)
print(posterior)

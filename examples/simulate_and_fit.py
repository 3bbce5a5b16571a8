"""Simulate a pulsar-wind nebula with a cutoff, and fit two models to it. Needs no data.

Run with:  python examples/simulate_and_fit.py
"""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

import gjax
from gjax.datasets import SpectrumDataset
from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom
from gjax.models import ExpCutoffPowerLawSpectralModel, PowerLawSpectralModel, SkyModel
from gjax.simulate import PointSource, demo_array, simulate_observation, wobble_pointings

gjax.enable_x64()

position = SkyCoord(128.83, -45.18, unit="deg")
truth = ExpCutoffPowerLawSpectralModel(index=1.6, amplitude="1.2e-11 cm-2 s-1 TeV-1", lambda_="0.12 TeV-1")

# Eight wobble runs of half an hour, with the responses of an invented array of four telescopes.
rng = np.random.default_rng(2025)
source, responses = PointSource(truth, position, name="vela-like"), demo_array()
observations = [
    simulate_observation(rng, source, pointing, responses, duration="30 min", obs_id=i + 1)
    for i, pointing in enumerate(wobble_pointings(position) * 2)
]

energy = MapAxis.from_energy_bounds("0.3 TeV", "60 TeV", nbin=24)
energy_true = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=60, name="energy_true")
geom = RegionGeom.create(CircleSkyRegion(position, 0.11 * u.deg), axes=[energy])
makers = [
    SpectrumDatasetMaker(containment_correction=True),
    ReflectedRegionsBackgroundMaker(),
    SafeMaskMaker(["aeff-max"]),
]
datasets = DatasetsMaker(makers).run(SpectrumDataset.create(geom, energy_axis_true=energy_true), observations)

curved = gjax.Likelihood(datasets, SkyModel(ExpCutoffPowerLawSpectralModel(), name="source")).fit()
straight = gjax.Likelihood(datasets, SkyModel(PowerLawSpectralModel(), name="source")).fit()
print(curved)
print(f"the cutoff improves the statistic by {straight.total_stat - curved.total_stat:.1f}")

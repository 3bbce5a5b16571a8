"""The Crab Nebula in three dimensions: four H.E.S.S. runs to one cube, position and spectrum from its fit.

Needs the public data: set GAMMAPY_DATA to their folder. Run with:  python examples/crab_cube.py
"""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

import gjax
from gjax.data import DataStore
from gjax.datasets import MapDataset
from gjax.makers import DatasetsMaker, FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker
from gjax.maps import MapAxis, WcsGeom
from gjax.models import FoVBackgroundModel, PointSpatialModel, PowerLawSpectralModel, SkyModel

gjax.enable_x64()

# Reduce: each run becomes a cube around its pointing, its background is scaled outside of the source, all are added.
crab = SkyCoord(83.63, 22.01, unit="deg")
energy = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=16)
energy_true = MapAxis.from_energy_bounds("0.3 TeV", "100 TeV", nbin=31, name="energy_true")
geom = WcsGeom.create(skydir=crab, width="4 deg", binsz=0.02, proj="TAN", axes=[energy])
empty = MapDataset.create(geom, energy_axis_true=energy_true, name="stacked")
makers = [
    MapDatasetMaker(),
    SafeMaskMaker(methods=["offset-max", "aeff-default"], offset_max="2 deg"),
    FoVBackgroundMaker(exclusion_mask=CircleSkyRegion(crab, 0.3 * u.deg)),
]
observations = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations([23523, 23526, 23559, 23592])
dataset = DatasetsMaker(makers, stack_datasets=True).run(empty, observations)[0]
print(dataset)

# Fit: spectrum and position of a point source, and the norm of the background.
source = SkyModel(
    PowerLawSpectralModel(index=2.6, amplitude="3e-11 cm-2 s-1 TeV-1"),
    PointSpatialModel("83.63 deg", "22.01 deg"),
    name="crab",
)
likelihood = gjax.Likelihood(dataset, [source, FoVBackgroundModel("stacked")])
result = likelihood.fit()
print(result)

# Residuals per energy, summed over the safe pixels.
mask = dataset.mask.data
npred = likelihood.npred(result.models)["stacked"]
counts, predicted = (np.where(mask, cube.data, 0.0).sum(axis=(1, 2)) for cube in (dataset.counts, npred))
print("counts   ", counts.astype(int))
print("predicted", predicted.round(1))

"""Tests of shapes that change with energy: chi-square where they do not, and large where they do."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2
from tqdm import tqdm

import gjax
from benchmarks.calibration.table import Table
from gjax.datasets import MapDataset
from gjax.estimators import EnergyDependentMorphologyEstimator
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom
from gjax.models import FoVBackgroundModel, GaussianSpatialModel, Models, PowerLawSpectralModel, SkyModel

EDGES = [1.0, 2.2, 10.0]


def empty_cube() -> MapDataset:
    """Return a cube of 1 deg with known background."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=5, name="energy_true")
    geom = WcsGeom.create(skydir=(83.63, 22.01), binsz=0.05, width=1, proj="TAN", axes=[energy])
    cube = MapDataset.create(geom, energy_axis_true=true, name="cube")
    image = cube.psf.psf_map.geom.to_image()
    return cube.copy(
        exposure=cube.exposure + 3e7,
        background=cube.counts + np.array([0.5, 0.15, 0.06]).reshape(3, 1, 1),
        psf=PSFMap.from_gauss(true, sigma="0.06 deg", geom=image),
        edisp=EDispKernelMap.from_gauss(energy, true, sigma=0.1, bias=0.0, geom=image),
        mask_safe=np.ones(cube.data_shape, dtype=bool),
    )


def source(sigma: float) -> SkyModel:
    """Return a Gaussian source."""
    spectrum = PowerLawSpectralModel(index=2.2, amplitude="3e-9 cm-2 s-1 TeV-1")
    return SkyModel(spectrum, GaussianSpatialModel("83.63 deg", "22.01 deg", sigma=f"{sigma} deg"), name="crab")


def run(table: Table, *, quick: bool = False) -> None:
    """Run the case."""
    cube, rng = empty_cube(), np.random.default_rng(5)
    wide, narrow = (gjax.Likelihood(cube, source(sigma)).npred_signal()["cube"].data for sigma in (0.14, 0.06))
    estimator = EnergyDependentMorphologyEstimator(EDGES)

    def test(signal: np.ndarray, sigma: float) -> tuple[float, float, float]:
        counts = rng.poisson(signal + cube.background.data).astype(float)
        models = Models([source(sigma), FoVBackgroundModel("cube")]).freeze("*.lon_0", "*.lat_0")
        found = estimator.run(gjax.Likelihood(cube.copy(counts=cube.counts.copy(data=counts)), models))
        return found.delta_ts, found.chi2("sigma")[0], float(found.table["sigma"].value[1])

    number = 6 if quick else 60
    same = np.array([test(wide, 0.1) for _ in tqdm(range(number), desc="toys", disable=None)])
    for level in (0.455, 2.706):
        expected = float(chi2.sf(level, 1))
        table.fraction(f"one shape: delta TS above {level}", int(np.sum(same[:, 0] > level)), number, expected)
    table.value("one shape: mean delta TS", same[:, 0].mean(), 1.0, (2 / number) ** 0.5)
    change = test(np.concatenate([wide[:1], narrow[1:]]), 0.1)
    table.value("a shape that changes: chi-square of sizes over delta TS", change[1] / change[0], 1.0, 0.1)
    table.value("a shape that changes: size of the second band", change[2], 0.06, 0.006)
    table.at_least("a shape that changes is found", int(change[0] > 25), 1, 1.0)

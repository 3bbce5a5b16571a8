"""Small map datasets with known contents."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.data import GTI
from gjax.datasets import MapDataset, MapDatasetOnOff
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom, WcsNDMap

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
RAD = MapAxis.from_bounds(0, 0.66, nbin=33, name="rad", unit="deg")
CENTER = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture(scope="session")
def center():
    return CENTER


@pytest.fixture(scope="session")
def map_geom():
    """20 x 16 pixels of 0.1 deg, three energies."""
    return WcsGeom.create(skydir=CENTER, binsz=0.1, width=(2, 1.6), proj="TAN", axes=[ENERGY])


@pytest.fixture(scope="session")
def make_map(map_geom):
    """A function that makes a map dataset with random contents."""

    def make(name="run", *, seed=0, geom=map_geom, binsz_irf=0.4, sigma=0.1, resolution=0.2, livetime=100.0, **changes):
        rng = np.random.default_rng(seed)
        empty = MapDataset.create(geom, energy_axis_true=TRUE, rad_axis=RAD, binsz_irf=binsz_irf)
        image = empty.psf.psf_map.geom.to_image()
        psf = PSFMap.from_gauss(TRUE, RAD, sigma=f"{sigma} deg", geom=image)
        edisp = EDispKernelMap.from_gauss(ENERGY, TRUE, sigma=resolution, bias=0.0, geom=image)
        exposure = rng.uniform(1, 2, empty.exposure.data.shape) * 1e9
        on_image = rng.uniform(1, 2, psf.exposure_map.data.shape) * 1e9
        fields = {
            "counts": empty.counts.copy(data=rng.poisson(3.0, empty.data_shape).astype(float)),
            "background": empty.counts.copy(data=rng.uniform(1, 3, empty.data_shape)),
            "exposure": empty.exposure.copy(data=exposure, meta={"livetime": livetime * u.s}),
            "psf": PSFMap(psf.psf_map, psf.exposure_map.copy(data=on_image, unit="m2 s")),
            "edisp": EDispKernelMap(
                edisp.edisp_map,
                edisp.exposure_map.copy(data=on_image.reshape(edisp.exposure_map.data.shape), unit="m2 s"),
            ),
            "mask_safe": np.ones(empty.data_shape, dtype=bool),
            "gti": GTI.create(seed * 1000 * u.s, (seed * 1000 + 110) * u.s, reference_time="2010-01-01"),
            "name": name,
        }
        return MapDataset(**(fields | changes))

    return make


@pytest.fixture(scope="session")
def make_on_off(make_map):
    """A function that makes an on-off map dataset with random contents."""

    def make(name="run", *, seed=0, acceptance=1.0, acceptance_off=4.0, **changes):
        dataset = make_map(name, seed=seed, **changes)
        off = np.random.default_rng(seed + 100).poisson(8.0, dataset.data_shape).astype(float)
        counts_off = WcsNDMap(dataset.counts.geom, data=off)
        return MapDatasetOnOff.from_map_dataset(dataset, acceptance, acceptance_off, counts_off)

    return make

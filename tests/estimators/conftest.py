"""A small cube with a source in the middle."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.data import GTI
from gjax.datasets import MapDataset
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=5, name="energy_true")
RAD = MapAxis.from_bounds(0, 0.5, nbin=100, name="rad", unit="deg")
CENTER = SkyCoord(83.63, 22.01, unit="deg")
#: Counts of the source at norm 1 are some fifty.
AMPLITUDE = "3e-11 cm-2 s-1 TeV-1"


@pytest.fixture(scope="package")
def make_cube():
    """A function that makes a cube of 21 x 19 pixels of 0.05 deg: Poisson background and a point source."""

    def make(name="cube", *, seed=0, background=0.15, source=40, exposure=3e7, **changes):
        rng = np.random.default_rng(seed)
        geom = WcsGeom.create(skydir=CENTER, binsz=0.05, npix=(21, 19), proj="TAN", axes=[ENERGY])
        empty = MapDataset.create(geom, energy_axis_true=TRUE, rad_axis=RAD, binsz_irf=0.5)
        image = empty.psf.psf_map.geom.to_image()
        ny, nx = empty.data_shape[1:]
        x = np.arange(nx)
        slope = 1 + 0.02 * (x - nx // 2)
        level = np.ones((ny, 1)) * background * slope * np.array([3.0, 1.0, 0.4])[:, np.newaxis, np.newaxis]
        counts = rng.poisson(level).astype(float)
        for plane, number in enumerate((source, source // 2, source // 4)):
            dy, dx = np.rint(rng.normal(0, 1.2, (2, number))).astype(int)
            np.add.at(counts[plane], (ny // 2 + dy, nx // 2 + dx), 1)
        fields = {
            "counts": empty.counts.copy(data=counts),
            "background": empty.counts.copy(data=level),
            "exposure": empty.exposure.copy(data=np.full(empty.exposure.data.shape, exposure) * slope),
            "psf": PSFMap.from_gauss(TRUE, RAD, sigma="0.06 deg", geom=image),
            "edisp": EDispKernelMap.from_gauss(ENERGY, TRUE, sigma=0.1, bias=0.0, geom=image),
            "mask_safe": np.ones(empty.data_shape, dtype=bool),
            "gti": GTI.create("0 s", "1 h"),
            "name": name,
        }
        return MapDataset(**(fields | changes))

    return make


@pytest.fixture(scope="package")
def cube(make_cube):
    return make_cube()

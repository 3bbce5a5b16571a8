"""Small cubes with a source in the middle, drawn with a fixed seed."""

import numpy as np
from astropy.coordinates import SkyCoord

from gjax.datasets import MapDataset, MapDatasetOnOff
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter

LON, LAT = 83.637, 22.014


def cube(name="cube", seed=1, frame="icrs", width=1.5, source_counts=400):
    """Map dataset of 20 x 20 pixels and 3 energies: background 0.2 to 0.05 per bin, and photons of a point source."""
    centre = SkyCoord(LON, LAT, unit="deg")
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=6, name="energy_true")
    geom = WcsGeom.create(skydir=centre, width=width, binsz=0.075, proj="TAN", frame=frame, axes=[energy])
    geom_true = geom.to_image().to_cube([true])
    rng = np.random.default_rng(seed)
    background = np.full(geom.data_shape, 0.2) * np.array([1.0, 0.5, 0.25])[:, None, None]
    counts = rng.poisson(background).astype(float)
    pixel = np.rint(rng.normal(geom.data_shape[-1] / 2 - 0.5, 1.2, (source_counts, 2))).astype(int)
    np.add.at(counts, (rng.choice(3, source_counts, p=[0.7, 0.2, 0.1]), pixel[:, 0], pixel[:, 1]), 1.0)
    return MapDataset(
        counts=WcsNDMap.from_geom(geom, data=counts),
        exposure=WcsNDMap.from_geom(geom_true, data=np.full(geom_true.data_shape, 3e9), unit="m2 s"),
        background=WcsNDMap.from_geom(geom, data=background),
        psf=PSFMap.from_gauss(true, sigma="0.09 deg"),
        edisp=EDispKernelMap.from_gauss(energy, true, sigma=0.1, bias=0.0),
        name=name,
    )


def on_off(name="on-off", seed=2, off=20.0, **changes):
    """The same with off counts; their mean is ``off`` per bin of background 1, and alpha varies over the map."""
    dataset = cube(name, seed)
    rng = np.random.default_rng(seed + 100)
    scale = off * np.linspace(0.5, 1.5, dataset.data_shape[-1])
    counts_off = rng.poisson(dataset.background.data * scale).astype(float)
    fields = {"acceptance": 1.0, "acceptance_off": like(dataset, scale + 0 * counts_off)}
    made = MapDatasetOnOff.from_map_dataset(dataset, **fields, counts_off=like(dataset, counts_off))
    return made.copy(**({"name": name} | changes))


def like(dataset, values):
    """Map of values on the geometry of the counts."""
    return WcsNDMap.from_geom(dataset.counts.geom, data=np.broadcast_to(values, dataset.data_shape).astype(float))


def source(name="source", spatial=True, **changes):
    """Power law at the centre; the position is frozen."""
    shape = (
        PointSpatialModel(*(Parameter(value, "deg", frozen=True) for value in (LON, LAT)))
        if spatial is True
        else spatial
    )
    options = {"index": 2.3, "amplitude": "2e-11 cm-2 s-1 TeV-1"} | changes
    return SkyModel(PowerLawSpectralModel(**options), shape, name=name)

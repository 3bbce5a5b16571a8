"""Events one by one: the statistic of bins where events cannot be told from bins, and the limit of small bins."""

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from small_cubes import LAT, LON, cube, on_off, source

import gjax
from gjax.data import EventList
from gjax.datasets import MapDataset, UnbinnedDataset
from gjax.errors import FitError
from gjax.irf import EDispMap, PSFMap, RecoPSFMap
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import FoVBackgroundModel, GaussianSpatialModel, Models, PointSpatialModel


def event_list(lon, lat, energy):
    time = np.zeros(len(lon)) * u.s
    return EventList(Table({"RA": lon * u.deg, "DEC": lat * u.deg, "ENERGY": energy * u.TeV, "TIME": time}))


def events_at_centres(dataset):
    """As many events in the centre of every bin as it has counts."""
    coords = dataset.counts.geom.get_coord()
    number = dataset.counts.data.astype(int).ravel()
    sky = coords.skycoord.icrs
    values = (np.broadcast_to(v, dataset.data_shape).ravel() for v in (sky.ra.deg, sky.dec.deg, coords["energy"].value))
    return event_list(*(np.repeat(v, number) for v in values))


SHAPES = {
    "radial": (GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg"), ()),
    "fixed": (GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg"), ("*.spatial.*",)),
    "grid": (GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg", e=0.5, phi="30 deg"), ()),
    "ellipse, fixed": (GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg", e=0.5), ("*.spatial.*",)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_events_in_the_middle_of_bins_are_bins(name):
    binned = cube()
    unbinned = UnbinnedDataset(binned, events_at_centres(binned))
    shape, frozen = SHAPES[name]
    models = Models([source(spatial=shape), FoVBackgroundModel("cube", gradient_lon=0.1)]).freeze("*.lon_0", *frozen)
    there = models.with_values({"source.spectral.index": 2.6, "cube-bkg.spectral.norm": 1.2})
    ours, theirs = gjax.Likelihood(unbinned, models), gjax.Likelihood(binned, models)
    assert ours.folds[0].method == theirs.folds[0].method == name.split()[-1]
    for values in (models, there):
        assert ours.stat_sum(values) == pytest.approx(theirs.stat_sum(values), abs=1e-7)
    assert ours.n_bins == theirs.n_bins


def log_normal_migration(true, width=0.12):
    migra = MapAxis.from_bounds(0.3, 2.0, nbin=340, name="migra")
    diagonal = EDispMap.from_diagonal_response(true, migra)
    x = migra.center.value
    density = np.exp(-0.5 * (np.log(x) / width) ** 2) / x
    data = np.broadcast_to(density[:, None, None], diagonal.edisp_map.data.shape).copy()
    return diagonal.copy(edisp_map=diagonal.edisp_map.copy(data=data)).normalize()


@pytest.fixture(scope="module")
def field():
    """A bright source on background: a cube with fine bins, one with coarse energies, and the events of both."""
    rng = np.random.default_rng(11)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=40, name="energy_true")

    def dataset(n_energy):
        axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=n_energy)
        geom = WcsGeom.create(skydir=(LON, LAT), width=1.2, binsz=0.03, proj="TAN", axes=[axis])
        geom_true = geom.to_image().to_cube([true])
        share = -np.diff(axis.edges.value**-1.7) / (1 - 10**-1.7)
        level = 300 * share[:, None, None] / geom.data_shape[1] ** 2
        return MapDataset(
            counts=WcsNDMap.from_geom(geom),
            exposure=WcsNDMap.from_geom(geom_true, data=np.full(geom_true.data_shape, 3e9), unit="m2 s"),
            background=WcsNDMap.from_geom(geom, data=np.broadcast_to(level, geom.data_shape).copy()),
            psf=PSFMap.from_gauss(true, sigma="0.09 deg"),
            edisp=log_normal_migration(true),
            name="run",
        )

    n, m = 600, 300
    lon = np.append(rng.normal(LON, 0.09 / np.cos(np.radians(LAT)), n), LON + rng.uniform(-0.6, 0.6, m))
    lat = np.append(rng.normal(LAT, 0.09, n), LAT + rng.uniform(-0.6, 0.6, m))

    def power_law(slope, low, high, size):
        return (low**-slope + rng.uniform(size=size) * (high**-slope - low**-slope)) ** (-1 / slope)

    energy = np.append(power_law(1.3, 0.7, 20, n) * np.exp(0.12 * rng.standard_normal(n)), power_law(1.7, 1, 10, m))
    return dataset, event_list(lon, lat, energy)


def test_the_limit_of_small_bins(field):
    dataset, events = field
    models = Models([source(spatial=PointSpatialModel(f"{LON} deg", f"{LAT} deg")), FoVBackgroundModel("run")])
    shifts = [
        {"source.spectral.index": 2.5},
        {"source.spectral.amplitude": 1.8e-11},
        {"source.spatial.lon_0": LON + 0.012},
        {"run-bkg.spectral.norm": 1.2},
    ]
    rises = {}
    for n_energy in (5, 40):
        coarse = UnbinnedDataset(dataset(n_energy), events)
        for key, data in (("bins", coarse.dataset.copy(name="run", counts=coarse.counts)), ("events", coarse)):
            likelihood = gjax.Likelihood(data, models)
            start = likelihood.stat_sum()
            rises[key, n_energy] = [likelihood.stat_sum(models.with_values(shift)) - start for shift in shifts]
    np.testing.assert_allclose(rises["events", 40], rises["bins", 40], atol=0.3)
    apart = [np.abs(np.subtract(rises["events", n], rises["bins", n])).max() for n in (5, 40)]
    assert apart[1] < 0.3 * apart[0]


def test_what_it_cannot_do():
    events = event_list(np.array([LON]), np.array([LAT]), np.array([2.0]))
    with pytest.raises(TypeError, match="expected a MapDataset"):
        UnbinnedDataset(on_off(), events)
    with pytest.raises(TypeError, match="expected an EventList"):
        UnbinnedDataset(cube(), events.table)
    binned = cube()
    reco = RecoPSFMap.from_gauss(binned.counts.geom.axes["energy"], sigma="0.1 deg")
    with pytest.raises(FitError, match="'cube': its PSF is in reconstructed energy"):
        gjax.Likelihood(UnbinnedDataset(binned.copy(name="cube", psf=reco), events), source())


def test_no_events():
    """Nothing was seen: the statistic is the total, and fluxes are pushed to zero."""
    empty = UnbinnedDataset(cube(), event_list(np.zeros(1), np.zeros(1), np.ones(1)))
    assert empty.counts.data.sum() == 0
    likelihood = gjax.Likelihood(empty, source())
    total = likelihood.npred()["cube"].data.sum()
    assert likelihood.stat_sum() == pytest.approx(2 * total, rel=1e-9)

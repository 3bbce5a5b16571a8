"""Cost by photons: exposure as maps, sums over bins, derivatives by place and shape, against the dense cube."""

import jax
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from small_cubes import cube, source

import gjax
from gjax.datasets import MapDataset
from gjax.freeze import compiled_source_prediction
from gjax.freeze._photons import exposure_maps
from gjax.irf import EDispKernelMap, PSFMap, RecoPSFMap
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import (
    DiskSpatialModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    GeneralizedGaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    ShellSpatialModel,
    SkyModel,
)

CENTRE = SkyCoord(83.637, 22.014, unit="deg")
ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
TRUE = MapAxis.from_energy_bounds("0.8 TeV", "15 TeV", nbin=4, name="energy_true")

SHAPES = {
    "point": PointSpatialModel("83.637 deg", "22.014 deg"),
    "gauss": GaussianSpatialModel("83.637 deg", "22.014 deg", sigma="0.1 deg"),
    "general": GeneralizedGaussianSpatialModel("83.637 deg", "22.014 deg", r_0="0.1 deg", eta=0.6),
    "disk": DiskSpatialModel("83.637 deg", "22.014 deg", r_0="0.15 deg"),
    "shell": ShellSpatialModel("83.637 deg", "22.014 deg", radius="0.1 deg", width="0.05 deg"),
}


def wide_cube(reco_psf=False):
    """A map much wider than a source, with an exposure that depends on the offset, and a mask that cuts into it."""
    geom = WcsGeom.create(skydir=CENTRE, width=4.0, binsz=0.08, proj="TAN", frame="icrs", axes=[ENERGY])
    sky = geom.to_image().get_coord().skycoord
    offset = sky.separation(CENTRE).deg
    true = geom.to_image().to_cube([TRUE])
    steep = np.arange(1, 1 + true.data_shape[0])[:, np.newaxis, np.newaxis]
    exposure = 3e9 * steep**0.5 * np.exp(-(offset**2) * steep / 4)
    background = 0.05 * np.exp(-(offset**2) / 8) * np.ones(geom.data_shape)
    background[1] *= 0.3
    mask = np.ones(geom.data_shape, bool)
    mask[0] = offset < 1.2
    mask[1, :, :22] = False
    psf = RecoPSFMap.from_gauss(ENERGY, sigma="0.08 deg") if reco_psf else PSFMap.from_gauss(TRUE, sigma="0.08 deg")
    return MapDataset(
        counts=WcsNDMap.from_geom(geom, data=np.random.default_rng(7).poisson(3 * background).astype(float)),
        exposure=WcsNDMap.from_geom(true, data=exposure, unit="m2 s"),
        background=WcsNDMap.from_geom(geom, data=background),
        psf=psf,
        edisp=EDispKernelMap.from_gauss(ENERGY, TRUE, sigma=0.1, bias=0.0),
        mask_safe=WcsNDMap.from_geom(geom, data=mask),
        name="cube",
    )


def models_of(shape):
    spectral = PowerLawSpectralModel(index=2.3, amplitude="2e-11 cm-2 s-1 TeV-1")
    background = FoVBackgroundModel.for_datasets(["cube"])
    return Models([SkyModel(spectral, SHAPES[shape], name="source"), background]).unfreeze("background.spectral.tilt")


def test_an_exposure_is_a_few_maps_times_spectra():
    rng = np.random.default_rng(0)
    offset = rng.uniform(0, 1, 400)
    exposure = np.stack([np.interp(offset, [0, 0.5, 1], rng.uniform(1, 2, 3)) * 10.0**k for k in range(12)], axis=1)
    mask = rng.random((400, 5)) < 0.7
    mask[:, 1] = mask[:, 0]
    mask[:, 4] = False
    maps, spectra = exposure_maps(exposure, mask)
    assert maps.shape[1] <= 9
    dense = np.einsum("pj,jte->pte", maps, spectra)
    inside = np.where(mask[:, np.newaxis], exposure[:, :, np.newaxis], 0.0)
    np.testing.assert_allclose(
        dense / 10.0 ** np.arange(12)[:, np.newaxis], inside / 10.0 ** np.arange(12)[:, np.newaxis], atol=2e-6
    )


def test_a_mask_without_bins_has_no_maps():
    maps, spectra = exposure_maps(np.ones((7, 3)), np.zeros((7, 2), bool))
    assert not (maps @ spectra.reshape(len(spectra), 6)).any()


@pytest.mark.parametrize(("shape", "reco_psf"), [*((shape, False) for shape in sorted(SHAPES)), ("gauss", True)])
def test_the_sum_rule(shape, reco_psf):
    """What is predicted for photons and for all other bins is the dense prediction inside the mask."""
    dataset = wide_cube(reco_psf)
    likelihood = gjax.Likelihood(dataset, models_of(shape))
    dense = likelihood.npred_signal()["cube"].data[dataset.mask.data].sum()
    parts = compiled_source_prediction(likelihood.problem, likelihood.start)
    assert float(parts[0][0].sum()) == pytest.approx(dense, rel=1e-6)
    assert dense > 50


def dense_deviance(dataset, npred):
    n = dataset.counts.data
    terms = npred - n + np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / npred), 0.0)
    return 2 * terms[dataset.mask.data].sum()


@pytest.mark.parametrize("values", [{}, {"norm": 1.4, "tilt": 0.3, "amplitude": 4e-11}])
def test_bins_out_of_reach_count_with_their_background(values):
    """They are one bin per energy and a constant; the statistic is that of the dense cube for any norm and tilt."""
    dataset = wide_cube()
    likelihood = gjax.Likelihood(dataset, models_of("point").with_values(values))
    bins = likelihood.problem.buckets[0]
    alone = int(np.asarray(bins.mask).sum())
    assert alone < 0.6 * ((dataset.counts.data > 0) & dataset.mask.data).sum()
    total = likelihood.npred()["cube"].data
    assert likelihood.stat_sum() == pytest.approx(dense_deviance(dataset, total), rel=1e-9)
    assert likelihood.by_energy().stat_sum() == pytest.approx(likelihood.stat_sum(), rel=1e-12)


def test_single_precision_fits_a_cube_to_a_fiftieth_of_an_error():
    dataset, source_model = cube(), source(spatial=PointSpatialModel("83.65 deg", "22.0 deg"))
    double = gjax.Likelihood(dataset, source_model).fit()
    with jax.enable_x64(False):
        single = gjax.Likelihood(dataset, source_model).fit()
        assert single.x.dtype == np.float32
    assert single.success
    assert single.free_names == double.free_names
    for name in double.free_names:
        value, error = double[name]
        assert single[name][0] == pytest.approx(value, abs=0.02 * error)
        assert single[name][1] == pytest.approx(error, rel=0.01)
    assert single.total_stat == pytest.approx(double.total_stat, abs=0.01)

"""Cubes: the statistic in the bins with counts against the dense one, the sum rule, smoothness, limits."""

import astropy.units as u
import jax
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import gjax
from gjax.datasets import MapDataset
from gjax.errors import FitError
from gjax.estimators import FluxPointsEstimator
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)

LON, LAT = 83.637, 22.014


def empty_cube(name="cube", seed=1, binsz=0.05):
    centre = SkyCoord(LON, LAT, unit="deg")
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=8, name="energy_true")
    geom = WcsGeom.create(skydir=centre, width=3, binsz=binsz, proj="TAN", frame="icrs", axes=[energy])
    geom_true = geom.to_image().to_cube([true])
    exposure = np.full(geom_true.data_shape, 3e9) * (1 + 0.1 * np.arange(8))[:, None, None]
    rng = np.random.default_rng(seed)
    background = np.full(geom.data_shape, 0.02) * np.array([4.0, 2.0, 1.0, 0.5])[:, None, None]
    return MapDataset(
        counts=WcsNDMap.from_geom(geom, data=rng.poisson(background).astype(float)),
        exposure=WcsNDMap.from_geom(geom_true, data=exposure, unit="m2 s"),
        background=WcsNDMap.from_geom(geom, data=background),
        psf=PSFMap.from_gauss(true, sigma="0.09 deg"),
        edisp=EDispKernelMap.from_gauss(energy, true, sigma=0.1, bias=0.0),
        mask_safe=geom.to_image().to_cube([energy]).energy_mask("1.5 TeV", None),
        name=name,
    )


def source(spatial, name="source", **spectral):
    options = {"index": 2.3, "amplitude": "2e-11 cm-2 s-1 TeV-1"} | spectral
    return SkyModel(PowerLawSpectralModel(**options), spatial, name=name)


@pytest.fixture(scope="module")
def simulated():
    dataset = empty_cube()
    models = [source(PointSpatialModel(f"{LON} deg", f"{LAT} deg"))]
    npred = gjax.Likelihood(dataset, models).npred()["cube"].data
    counts = np.random.default_rng(5).poisson(npred).astype(float)
    return dataset.copy(name="cube", counts=WcsNDMap.from_geom(dataset.counts.geom, data=counts))


def dense_deviance(dataset, npred):
    n, mu = dataset.counts.data, npred
    safe = np.where(n > 0, n, 1.0)
    per_bin = 2 * (mu - n + np.where(n > 0, n * np.log(safe / np.where(n > 0, mu, 1.0)), 0.0))
    return per_bin[np.asarray(dataset.mask_safe.data, bool)].sum()


@pytest.mark.parametrize(
    "spatial",
    [
        PointSpatialModel(f"{LON} deg", f"{LAT} deg"),
        GaussianSpatialModel(f"{LON + 0.02} deg", f"{LAT} deg", sigma="0.15 deg"),
    ],
)
def test_statistic_in_occupied_bins_is_the_dense_one(simulated, spatial):
    likelihood = gjax.Likelihood(simulated, [source(spatial), FoVBackgroundModel("cube")])
    npred = likelihood.npred()["cube"].data
    assert likelihood.stat_sum() == pytest.approx(dense_deviance(simulated, npred), rel=1e-10)


def test_counts_of_a_source_are_those_of_flux_and_exposure(simulated):
    # far from the rim of the map and of the disc nothing is lost: the sum over pixels is the integral
    for sigma in ("0.001 deg", "0.02 deg", "0.2 deg"):
        spatial = GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma=sigma)
        likelihood = gjax.Likelihood(simulated, [source(spatial)])
        total = likelihood.npred_signal()["cube"].data.sum()
        true = simulated.exposure.geom.axes["energy_true"].edges.to_value("TeV")
        flux = source(spatial).spectral_model.integral(true[:-1], true[1:]).value
        exposure = simulated.exposure.quantity.to_value("cm2 s")[:, 0, 0]
        edisp = simulated.edisp.get_edisp_kernel(simulated.counts.geom.axes["energy"]).pdf_matrix
        assert total == pytest.approx((flux * exposure) @ edisp.sum(axis=1), rel=2e-4)


def test_a_gaussian_of_zero_width_is_a_point(simulated):
    point = source(PointSpatialModel(f"{LON} deg", f"{LAT} deg"))
    narrow = source(GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0 deg"))
    stats = [gjax.Likelihood(simulated, [model]).stat_sum() for model in (point, narrow)]
    assert stats[0] == pytest.approx(stats[1], abs=1e-3)


def test_gradient_and_hessian_are_finite_and_right(simulated):
    likelihood = gjax.Likelihood(simulated, [source(GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg"))])
    x = np.asarray(likelihood.x0)
    gradient = np.asarray(jax.grad(likelihood.statistic)(x))
    hessian = np.asarray(jax.hessian(likelihood.statistic)(x))
    for i in range(len(x)):
        step = np.zeros(len(x))
        step[i] = 1e-5
        numeric = (likelihood.statistic(x + step) - likelihood.statistic(x - step)) / 2e-5
        assert gradient[i] == pytest.approx(float(numeric), rel=1e-4, abs=1e-3)
    assert np.all(np.isfinite(hessian))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-6, atol=1e-3 * np.abs(hessian).max())


def test_fit_recovers_a_point_source_and_one_that_walked_away(simulated):
    near = [source(PointSpatialModel(f"{LON + 0.05} deg", f"{LAT - 0.04} deg"), amplitude="5e-12 cm-2 s-1 TeV-1")]
    far = [source(PointSpatialModel(f"{LON + 0.2} deg", f"{LAT - 0.15} deg"), amplitude="5e-12 cm-2 s-1 TeV-1")]
    results = [gjax.Likelihood(simulated, [*models, FoVBackgroundModel("cube")]).fit() for models in (near, far)]
    for result in results:
        assert result.success
        for name, true in (("index", 2.3), ("amplitude", 2e-11), ("lon_0", LON), ("lat_0", LAT), ("norm", 1.0)):
            value, error = result[name]
            assert abs(value - true) < 4 * error
    # the second one was folded again where it went
    assert results[1]["lon_0"][0] == pytest.approx(results[0]["lon_0"][0], abs=0.1 * results[0]["lon_0"][1])
    assert results[1].total_stat == pytest.approx(results[0].total_stat, abs=0.05)


def test_two_datasets_with_one_background_model_each(simulated):
    other = empty_cube("other", seed=3)
    models = [
        source(PointSpatialModel(f"{LON} deg", f"{LAT} deg")),
        FoVBackgroundModel.for_datasets(["cube", "other"]),
    ]
    joint = gjax.Likelihood([simulated, other], models)
    assert [name for name in joint.free_names if "norm" in name] == [
        "background.spectral.norm[dataset-cube]",
        "background.spectral.norm[dataset-other]",
    ]
    single = [gjax.Likelihood(dataset, [models[0], FoVBackgroundModel(dataset.name)]) for dataset in (simulated, other)]
    assert joint.stat_sum() == pytest.approx(sum(likelihood.stat_sum() for likelihood in single), rel=1e-12)


def test_flux_points_of_a_cube(simulated):
    models = [source(PointSpatialModel(f"{LON} deg", f"{LAT} deg"))]
    points = FluxPointsEstimator([1.5, 3.2, 10.1] * u.TeV).run(gjax.Likelihood(simulated, models))
    norm, error = points.norm(), points.norm("_err")
    assert np.all(np.abs(norm - 1) < 4 * error)
    assert np.all(points.norm("_ul") > norm + 1.5 * error)


def test_what_cannot_be_folded_is_refused(simulated):
    with pytest.raises(FitError, match="has no spatial model"):
        gjax.Likelihood(simulated, [source(None)])
    broken = simulated.exposure.data.copy()
    broken[0, 0, 0] = np.nan
    exposure = WcsNDMap.from_geom(simulated.exposure.geom, data=broken, unit="m2 s")
    with pytest.raises((FitError, ValueError), match="exposure"):
        gjax.Likelihood(simulated.copy(name="cube", exposure=exposure), [source(PointSpatialModel())])

"""Comparisons of cubes with the reference: the recipe on closed forms, what may deviate, a quick case on real data."""

import importlib

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import benchmarks.parity.__main__ as program
import gjax
from benchmarks.parity.cubes import REASON, cube_models, free_rows, likelihood_statistic
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.reference_recipe import ReferenceRecipe, cash
from benchmarks.parity.report import Report
from gjax.datasets import MapDataset
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom

has_reference = pytest.mark.skipif(
    not program.REFERENCE.is_dir(), reason=f"no reference results in {program.REFERENCE}: parity cases are skipped"
)

START = [
    {
        "name": "source",
        "class": "SkyModel",
        "parameters": [
            ["index", 2.0, "", 0.0, False, None, None],
            ["amplitude", 1e-11, "1 / (TeV s cm2)", 0.0, False, None, None],
            ["reference", 1.0, "TeV", 0.0, True, None, None],
            ["lon_0", 10.013, "deg", 0.0, False, None, None],
            ["lat_0", 20.002, "deg", 0.0, False, -90.0, 90.0],
        ],
        "spectral_model": "PowerLawSpectralModel",
        "spatial_model": "PointSpatialModel",
        "frame": "icrs",
    },
    {
        "name": "toy-bkg",
        "class": "FoVBackgroundModel",
        "parameters": [
            ["tilt", 0.0, "", 0.0, True, None, None],
            ["norm", 1.5, "", 0.0, False, None, None],
            ["reference", 1.0, "TeV", 0.0, True, None, None],
        ],
        "datasets_names": ["toy"],
        "spectral_model": "PowerLawNormSpectralModel",
    },
]


@pytest.fixture(scope="module")
def toy():
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
    geom = WcsGeom.create(skydir=SkyCoord(10, 20, unit="deg"), width=1.6, binsz=0.04, proj="TAN", axes=[energy])
    dataset = MapDataset.create(geom, energy_axis_true=true, name="toy")
    exposure = dataset.exposure.copy(data=np.full(dataset.exposure.data.shape, 1e9), unit="m2 s")
    counts = np.random.default_rng(5).poisson(0.4, dataset.counts.data.shape).astype(float)
    return dataset.copy(
        name="toy",
        counts=dataset.counts.copy(data=counts),
        background=dataset.background.copy(data=np.full(counts.shape, 0.2)),
        exposure=exposure,
        psf=PSFMap.from_gauss(true, sigma="0.1 deg"),
        edisp=EDispKernelMap.from_diagonal_response(energy, true),
        mask_safe=dataset.mask_safe.copy(data=np.ones(counts.shape, bool)),
    )


class TestDeviation:
    def test_only_explained_differences_pass(self):
        report = Report("case")
        for limit in (0.4, 0.6):
            report.absolute("statistic", 1.5, 1.0, 0.1)
            report.explain("the reason", limit)
        assert [row.ok for row in report.rows] == [False, True]
        assert [row.deviates for row in report.rows] == [False, True]
        text = report.format()
        assert "deviation: the reason" in text
        assert "1 out, 1 deviate as intended" in text

    def test_nothing_explains_a_missing_value(self):
        report = Report("case")
        report.absolute("statistic", np.nan, 1.0, 0.1)
        report.explain("the reason", 10.0)
        assert not report.ok


class TestModels:
    def test_models_of_the_reference(self):
        models = cube_models(START)
        table = models.parameter_table
        free = {name for name, is_free in zip(table.names, table.free) if is_free}
        assert free == {
            "source.spectral.index",
            "source.spectral.amplitude",
            "source.spatial.lon_0",
            "source.spatial.lat_0",
            "toy-bkg.spectral.norm",
        }

    def test_best_fit_by_name(self):
        best = [["index", 2.1, 0.1, ""], ["amplitude", 2e-12, 1e-12, "1 / (TeV s cm2)"]]
        best += [["lon_0", 10.0, 0.2, "deg"], ["lat_0", 20.0, 0.3, "deg"], ["norm", 1.1, 0.4, ""]]
        rows = free_rows({"start_models": START, "best": best})
        assert rows["toy-bkg.spectral.norm"] == (1.1, 0.4)
        assert rows["source.spatial.lon_0"] == (10.0, 0.2)
        with pytest.raises(ValueError, match="where 'index' is expected"):
            free_rows({"start_models": START, "best": best[::-1]})


class TestRecipe:
    def test_photons_are_kept_and_centred(self, toy):
        signal = ReferenceRecipe(toy, cube_models(START)).signal()["toy"]
        flux = cube_models(START)["source"].spectral_model.integral("1 TeV", "10 TeV").to_value("m-2 s-1")
        assert signal.sum() == pytest.approx(flux * 1e9, rel=1e-6)
        x, y = toy.counts.geom.to_image().wcs.world_to_pixel(SkyCoord(10.013, 20.002, unit="deg"))
        image = signal.sum(axis=0)
        assert np.sum(image * np.arange(40)) / image.sum() == pytest.approx(float(x), abs=1e-3)
        assert np.sum(image * np.arange(40)[:, None]) / image.sum() == pytest.approx(float(y), abs=1e-3)

    def test_finer_pixels_lead_to_the_integral(self, toy):
        models = cube_models(START)
        exact = gjax.Likelihood(toy, models).npred_signal()["toy"].data
        distance = [
            np.abs(ReferenceRecipe(toy, models, f).signal()["toy"] - exact).max() / exact.max() for f in (1, 3, 9)
        ]
        assert distance[0] > 0.01
        assert distance[2] < 2e-3
        assert distance[2] < distance[1] < distance[0]

    def test_statistic_is_that_of_the_likelihood(self, toy):
        likelihood = gjax.Likelihood(toy, cube_models(START))
        dense = cash(toy.counts.data, likelihood.npred()["toy"].data, toy.mask_safe.data)
        assert likelihood_statistic(likelihood)["toy"] == pytest.approx(dense, abs=1e-6)

    def test_fit(self, toy):
        models = cube_models(START).freeze("source.spatial.*", "source.spectral.index")
        recipe = ReferenceRecipe(toy, models)
        fit = recipe.fit({"toy-bkg.spectral.norm": 1.8}, {"toy-bkg.spectral.norm": 0.05}, steps=8)
        statistic = fit.statistic
        for shift in (-0.5, 0.5):
            moved = {
                "toy-bkg.spectral.norm": fit.values["toy-bkg.spectral.norm"]
                + shift * fit.errors["toy-bkg.spectral.norm"]
            }
            assert sum(recipe.statistic(moved).values()) - statistic == pytest.approx(0.25, abs=0.02)


@pytest.mark.data
@has_reference
def test_quick_case(gammapy_data):
    report = Report("crab_3d")
    module = importlib.import_module("benchmarks.parity.crab_3d")
    module.run(Inputs(gammapy_data, program.REFERENCE), report, quick=True)
    assert report.ok, report.format(only_bad=True)
    # what deviates does so for the stated reasons, and the recipe of the reference never does
    deviating = [row for row in report.rows if row.deviates]
    assert {row.quantity for row in deviating if row.deviation == REASON} >= {"stacked norm: crab.spatial.lon_0"}
    assert not [row.quantity for row in deviating if "recipe" in row.quantity]

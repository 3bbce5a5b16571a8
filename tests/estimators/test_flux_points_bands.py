"""Bands of flux points: reasons, bins of several datasets, and Feldman-Cousins limits."""

import logging

import jax
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import gjax
from gjax.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gjax.errors import FitError
from gjax.estimators import FluxPointsEstimator
from gjax.maps import MapAxis, RegionNDMap
from gjax.models import PowerLawSpectralModel, SkyModel
from gjax.stats import asimov_significance, feldman_cousins, get_wstat_mu_bkg, wstat

EDGES = np.array([1.0, 2, 4, 8, 16, 32, 64, 128])
#: In turn: nothing at all, counts alone, masked, not exposed, counts alone, both, background alone.
COUNTS, BACKGROUND = np.array([0.0, 4, 5, 3, 3, 5, 0]), np.array([0.0, 0, 1, 1, 0, 1, 3])
EXPOSURE = np.array([1, 1, 1, 0, 1, 1, 1]) * 1e12


def spectrum(name, edges, counts, background, exposure, **changes):
    """A spectrum without energy dispersion."""
    energy = MapAxis.from_energy_edges(edges, unit="TeV")
    true = MapAxis.from_energy_edges(edges, unit="TeV", name="energy_true")
    fields = {
        "counts": RegionNDMap.create(None, axes=[energy], data=counts),
        "background": RegionNDMap.create(None, axes=[energy], data=background),
        "exposure": RegionNDMap.create(None, axes=[true], data=exposure / 1e4, unit="m2 s"),
        "name": name,
    }
    return SpectrumDataset(**(fields | changes))


@pytest.fixture(scope="module")
def model():
    return SkyModel(PowerLawSpectralModel(), name="source")


@pytest.fixture(scope="module")
def odd(model):
    energy = MapAxis.from_energy_edges(EDGES, unit="TeV")
    mask = RegionNDMap.create(None, axes=[energy], data=np.arange(7) != 2)
    return gjax.Likelihood(spectrum("odd", EDGES, COUNTS, BACKGROUND, EXPOSURE, mask_safe=mask), model)


@pytest.fixture(scope="module")
def marked(odd):
    estimator = FluxPointsEstimator(
        [0.1, 0.2, *EDGES, 200, 300],
        ul_method="feldman-cousins",
        key=jax.random.key(0),
        n_sigma_ul=1.6448536,
        n_toys=4000,
    )
    return estimator.run(odd)


def test_every_band_without_a_value_says_why(marked, tmp_path):
    expected = {
        0.1: "outside of the energies of the data",
        0.2: "outside of the energies of the data",
        1.0: "no counts and no background",
        2.0: "no background: no sensitivity",
        4.0: "no bin inside of the masks",
        8.0: "no exposure",
        16.0: "no background: no sensitivity",
        32.0: "",
        64.0: "no counts: no symmetric error",
        128.0: "outside of the energies of the data",
        200.0: "outside of the energies of the data",
    }
    assert dict(zip(marked.e_min.to_value("TeV").tolist(), marked.extra["reason"].tolist())) == expected
    has_all = np.all([np.isfinite(values) for values in marked.norms.values()], axis=0)
    np.testing.assert_array_equal(has_all, marked.extra["reason"] == "")
    assert np.isfinite(marked.norms["norm_ul"][marked.extra["success"]]).all()
    marked.write(tmp_path / "points.fits")
    again = type(marked).read(tmp_path / "points.fits")
    assert again.extra["reason"].tolist() == list(expected.values())


def test_sensitivities_are_those_of_average_counts(marked):
    """At the sensitivity, the counts expected of source and background have a median significance of 5."""
    signal = (marked.norms["norm_sensitivity"] * marked.reference_flux("flux").value)[2:-2] * EXPOSURE
    seen = np.isfinite(signal)
    np.testing.assert_array_equal(seen, (BACKGROUND > 0) & (EXPOSURE > 0) & (np.arange(7) != 2))
    np.testing.assert_allclose(asimov_significance(signal[seen], BACKGROUND[seen]), 5, rtol=1e-6)


def test_feldman_cousins_limits_are_those_of_counts(marked):
    good = np.flatnonzero(marked.extra["success"])
    bins = good - 2
    low, high = feldman_cousins(COUNTS[bins], BACKGROUND[bins], 0.9)
    flux = marked.reference_flux("flux").value[good] * EXPOSURE[bins]
    np.testing.assert_allclose(marked.norms["norm_ul"][good] * flux, high, rtol=0.04)
    np.testing.assert_allclose(marked.extra["norm_ll"][good] * flux, low, atol=0.15)


def test_points_survive_an_interruption_of_their_limits(odd, marked, monkeypatch, caplog):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("gjax.estimators._unified.higher_ranks", interrupted)
    options = {"ul_method": "feldman-cousins", "key": jax.random.key(0), "n_sigma_ul": 1.6448536}
    points = FluxPointsEstimator([0.1, 0.2, *EDGES, 200, 300], **options).run(odd)
    assert "no limits" in caplog.text
    np.testing.assert_array_equal(points.norms["norm"], marked.norms["norm"])
    assert np.isnan(points.norms["norm_ul"]).all()
    assert points.extra["reason"][7] == "not computed: interrupted"


def test_off_counts_widen_the_limits(model):
    """An on-off band with many off counts has the limits of a known background; with few they are wider."""
    energy = MapAxis.from_energy_edges(EDGES[:3], unit="TeV")
    fields = {"counts": RegionNDMap.create(None, axes=[energy], data=[6.0, 6.0]), "acceptance": 1.0}
    base = spectrum("run", EDGES[:3], [0, 0], [0, 0], np.array([1e12, 1e12]))
    limits = {}
    for off in (2.0, 400.0):
        counts_off = RegionNDMap.create(None, axes=[energy], data=[3 * off, 3 * off])
        run = SpectrumDatasetOnOff(
            exposure=base.exposure, counts_off=counts_off, acceptance_off=off, name="run", **fields
        )
        estimator = FluxPointsEstimator(
            EDGES[:3], ul_method="feldman-cousins", key=jax.random.key(1), n_sigma_ul=1.6448536
        )
        found = estimator.run(gjax.Likelihood(run, model))
        unit = found.reference_flux("flux").value * 1e12
        best, reach = (found.norms[name] * unit for name in ("norm", "norm_sensitivity"))
        background = get_wstat_mu_bkg(6.0, 3 * off, 1 / off, best) / off
        np.testing.assert_allclose(asimov_significance(reach, background, 1 / off), 5, rtol=1e-6)
        limits[off] = (found.norms["norm_ul"] * found.reference_flux("flux").value * 1e12)[0]
    expected = feldman_cousins(6.0, 3.0, 0.9)[1]
    # off counts that differ from toy to toy break the ties of whole numbers, which only widen limits
    assert 0.93 * expected < limits[400.0] < expected
    assert limits[2.0] > 1.02 * limits[400.0]


def test_datasets_with_other_energies(simulate_on_off, model, caplog):
    """Every band takes the bins of all datasets that lie in it completely; others are named."""
    runs = [simulate_on_off("fine", n_bins=16, seed=1), simulate_on_off("coarse", n_bins=6, seed=2)]
    likelihood = gjax.Likelihood(runs, model)
    with caplog.at_level(logging.WARNING):
        points = FluxPointsEstimator([0.5, 5.0, 50.0]).run(likelihood)
    assert "left out" not in caplog.text
    signal = likelihood.npred_signal()

    def band(norm, low, high):
        total = 0.0
        for run in runs:
            edges = run.counts.geom.axes["energy"].edges.to_value("TeV")
            inside = (edges[:-1] > 0.99 * low) & (edges[1:] < 1.01 * high)
            data = (np.ravel(m.data)[inside] for m in (run.counts, run.counts_off, run.alpha))
            total += wstat(*data, norm * np.ravel(signal[run.name].data)[inside]).sum()
        return total

    for k, (low, high) in enumerate([(0.5, 5.0), (5.0, 50.0)]):
        best = minimize_scalar(band, bracket=(10, 30), args=(low, high), tol=1e-10)
        assert points.norms["norm"][k] == pytest.approx(best.x, rel=1e-5)
        assert points.extra["ts"][k] == pytest.approx(band(0.0, low, high) - best.fun, rel=1e-6)
        limit = points.norms["norm_ul"][k]
        assert band(limit, low, high) - best.fun == pytest.approx(4.0, rel=1e-4)
    # an edge of the first dataset that cuts a bin of the second
    with caplog.at_level(logging.WARNING):
        other = FluxPointsEstimator([0.5, 3.75, 50.0]).run(likelihood)
    assert "'coarse': 1 bins lie across edges" in caplog.text
    assert other.e_min.to_value("TeV")[1] == pytest.approx(3.7495, rel=1e-3)


def test_bad_options(odd, cube):
    with pytest.raises(ValueError, match="ul_method"):
        FluxPointsEstimator(EDGES, ul_method="bayes")
    with pytest.raises(ValueError, match="random key"):
        FluxPointsEstimator(EDGES, ul_method="feldman-cousins")
    with pytest.raises(ValueError, match="hold the other parameters"):
        FluxPointsEstimator(EDGES, ul_method="feldman-cousins", key=jax.random.key(0), reoptimize=True)
    with pytest.raises(ValueError, match="leave no band"):
        FluxPointsEstimator([200, 300]).run(odd)
    from gjax.models import PointSpatialModel

    source = SkyModel(PowerLawSpectralModel(), PointSpatialModel("83.63 deg", "22.01 deg"), name="source")
    estimator = FluxPointsEstimator([1, 10], ul_method="feldman-cousins", key=jax.random.key(0))
    with pytest.raises(FitError, match="need spectra"):
        estimator.run(gjax.Likelihood(cube, source))

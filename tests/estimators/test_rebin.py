"""Points of wider bins from the likelihoods of others, limits of other significance, and edges that hold enough."""

from itertools import pairwise

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

import gjax
from gjax.datasets import FluxPoints, LightCurve
from gjax.estimators import FluxPointsEstimator, get_rebinned_axis, resample_energy_edges
from gjax.models import PowerLawSpectralModel, SkyModel
from gjax.plot import new_axes

EDGES = np.geomspace(0.5, 50, 17)[::4]


@pytest.fixture(scope="module")
def run(simulate_on_off):
    return simulate_on_off("fine", n_bins=16, seed=1)


@pytest.fixture(scope="module")
def points(run):
    """Four bands, and two of the same data."""
    likelihood = gjax.Likelihood(run, SkyModel(PowerLawSpectralModel(), name="source"))
    many = FluxPointsEstimator(EDGES, norm_scan=np.geomspace(1, 60, 15)).run(likelihood)
    return many, FluxPointsEstimator(EDGES[::2], n_sigma_ul=3.0).run(likelihood)


def test_the_sum_of_likelihoods_is_that_of_the_wider_band(points, tmp_path):
    many, few = points
    wide = many.recompute_ul(3.0).resample_axis(EDGES[::2] * u.TeV)
    np.testing.assert_allclose(wide.norms["norm"], few.norms["norm"], rtol=2e-3)
    for name in ("norm_errn", "norm_errp"):
        np.testing.assert_allclose(wide.norms[name], few.norms[name], rtol=0.01)
    np.testing.assert_allclose(wide.norms["norm_ul"], few.norms["norm_ul"], rtol=3e-3)
    for name in ("ts", "stat", "stat_null"):
        np.testing.assert_allclose(wide.extra[name], few.extra[name], rtol=1e-3, atol=0.02)
    np.testing.assert_allclose(wide.flux.value, few.flux.value, rtol=2e-3)
    np.testing.assert_allclose(wide.dnde.value, few.dnde.value, rtol=2e-3)
    np.testing.assert_array_equal(wide.extra["counts"], few.extra["counts"])
    np.testing.assert_array_equal(wide.extra["n_dof"], [2, 2])
    # a file holds all that is needed
    many.write(tmp_path / "points.fits")
    again = FluxPoints.read(tmp_path / "points.fits").resample_axis(EDGES[::2] * u.TeV)
    np.testing.assert_allclose(again.flux.value, wide.flux.value, rtol=1e-4)
    assert many.plot_ts_profiles(ax=new_axes()).get_xlabel() == "Energy [TeV]"


def test_limits_of_another_significance(points):
    many, _ = points
    again = many.recompute_ul(2.0)
    np.testing.assert_allclose(again.norms["norm_ul"], many.norms["norm_ul"], rtol=1e-9)
    higher = many.recompute_ul(3.0)
    assert np.all(higher.norms["norm_ul"] > many.norms["norm_ul"])
    assert higher.meta["n_sigma_ul"] == 3.0
    # errors of which nobody says what they stand for are not taken for likelihoods
    norms = {**many.norms, "norm_errp": 2 * many.norms["norm_errp"], "norm_errn": 2 * many.norms["norm_errn"]}
    silent = many.copy(norms=norms, meta={"n_sigma_ul": 2.0}).recompute_ul(3.0)
    np.testing.assert_allclose(silent.norms["norm_ul"], higher.norms["norm_ul"], rtol=3e-3)
    with pytest.raises(ValueError, match="positive"):
        many.recompute_ul(0.0)
    bare = FluxPoints.from_arrays(e_ref=[1, 2] * u.TeV, dnde=[4, 1] * u.Unit("cm-2 s-1 TeV-1"))
    with pytest.raises(ValueError, match="scans"):
        bare.recompute_ul(2.0)
    with pytest.raises(ValueError, match="no e_min"):
        bare.resample_axis([1, 4] * u.TeV)


def test_points_without_a_value(points):
    many, _ = points
    gone = np.array([True, True, False, True])
    norms = {name: np.where(gone, np.nan, values) for name, values in many.norms.items()}
    reason = np.where(gone, "no exposure", "")
    part = many.copy(norms=norms, extra={**many.extra, "reason": reason, "success": ~gone})
    wide = part.resample_axis(EDGES[::2] * u.TeV)
    assert wide.extra["reason"].tolist() == ["no exposure", ""]
    assert wide.extra["success"].tolist() == [False, True]
    assert np.isnan(wide.norms["norm"]).tolist() == [True, False]
    np.testing.assert_allclose(wide.norms["norm"][1], many.norms["norm"][2], rtol=1e-6)
    with pytest.raises(ValueError, match="no point lies"):
        many.resample_axis([0.1, 0.2] * u.TeV)


def test_light_curves(points):
    many, few = points
    start = Time("2020-01-01", scale="tt") + np.arange(4) * u.d
    # one band of energy as four intervals of time
    shaped = {
        part: {name: np.asarray(values)[:, np.newaxis] for name, values in getattr(many, part).items()}
        for part in ("norms", "reference", "extra")
    }
    bands = {"e_ref": [5] * u.TeV, "e_min": [0.5] * u.TeV, "e_max": [50] * u.TeV}
    curve = LightCurve(start, start + 1 * u.h, **bands, **shaped, meta=many.meta)
    axis = get_rebinned_axis(curve, "time", group_size=3)
    assert [(stop - start).to_value("h") for start, stop in axis] == pytest.approx([49, 1])
    long = curve.resample_axis(axis)
    assert long.shape == (2, 1)
    np.testing.assert_allclose(long.norms["norm"][1], curve.norms["norm"][3], rtol=1e-6)
    pairs = curve.resample_axis([(start[0], start[1] + 1 * u.h), (start[2], start[3] + 1 * u.h)])
    np.testing.assert_allclose(pairs.norms["norm"][:, 0], few.norms["norm"], rtol=2e-3)
    np.testing.assert_allclose(curve.recompute_ul(2.0).norms["norm_ul"], curve.norms["norm_ul"], rtol=1e-9)
    with pytest.raises(ValueError, match="no interval"):
        curve.resample_axis(start[:1] + [-2, -1] * u.d)
    # as one interval of four bands
    wide = {part: {name: values[np.newaxis] for name, values in getattr(many, part).items()} for part in shaped}
    edges = {"e_ref": many.e_ref, "e_min": many.e_min, "e_max": many.e_max}
    other = LightCurve(start[:1], start[:1] + 1 * u.h, **edges, **wide, meta=many.meta).resample_axis(
        EDGES[::2] * u.TeV
    )
    np.testing.assert_allclose(other.flux.value[0], few.flux.value, rtol=2e-3)


def test_edges(points, run):
    many, _ = points
    np.testing.assert_allclose(get_rebinned_axis(many, group_size=2).value, EDGES[::2], rtol=1e-6)
    enough = get_rebinned_axis(many, method="min-ts", ts_threshold=1e9)
    np.testing.assert_allclose(enough.value, EDGES[[0, -1]], rtol=1e-6)
    for options, words in (
        ({"axis_name": "time"}, "axis_name"),
        ({"method": "best"}, "method"),
        ({"group_size": 1.5}, "group_size"),
        ({"method": "min-ts"}, "ts_threshold"),
    ):
        with pytest.raises(ValueError, match=words):
            get_rebinned_axis(many, **options)
    edges = resample_energy_edges(run, {"counts_min": 10, "excess_min": 1})
    counts = np.ravel(run.counts.data)
    known = run.counts.geom.axes["energy"].edges
    used = np.ones(len(counts), bool) if run.mask is None else np.ravel(run.mask.data)
    for low, high in pairwise(edges):
        inside = used & (known[:-1] > low * 0.999) & (known[1:] < high * 1.001)
        assert counts[inside].sum() >= 10
    with pytest.raises(ValueError, match="unknown"):
        resample_energy_edges(run, {"gammas": 1})
    with pytest.raises(ValueError, match="all bins together"):
        resample_energy_edges(run, {"counts_min": 1e9})

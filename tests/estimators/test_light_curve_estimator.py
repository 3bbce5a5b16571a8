"""Light curves of spectra and cubes: against flux points of single intervals, and where something is missing."""

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

import gjax
from gjax.data import GTI
from gjax.datasets import FluxPoints, FluxPointsDataset
from gjax.errors import FitError
from gjax.estimators import FluxPointsEstimator, LightCurveEstimator, _light_curve_fits
from gjax.estimators._time_intervals import place_datasets
from gjax.models import InstrumentModel, PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter

ZERO = Time("2020-01-01", scale="tt")
EDGES = [0.5, 2, 50] * u.TeV
#: Runs of an hour: start [h], amplitude. Runs 1 and 2 are one night, run 3 is a flare, run 4 is without source.
RUNS = [(0, 3e-11), (24, 3e-11), (26, 3e-11), (48, 9e-11), (72, 0.0)]
NIGHTS = [Time([ZERO + a * u.h, ZERO + (a + 12) * u.h]) for a in (0, 24, 48, 72, 96)]


def good_time(start, hours=1.0):
    return GTI.create(ZERO + start * u.h, ZERO + (start + hours) * u.h, ZERO)


@pytest.fixture(scope="module")
def source():
    return SkyModel(PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1"), name="s")


@pytest.fixture(scope="module")
def runs(simulate_on_off):
    return [
        simulate_on_off(f"run{i}", seed=i, amplitude=amplitude, gti=good_time(start))
        for i, (start, amplitude) in enumerate(RUNS)
    ]


@pytest.fixture(scope="module")
def likelihood(runs, source):
    return gjax.Likelihood(runs, source)


@pytest.fixture(scope="module")
def nightly(likelihood):
    return LightCurveEstimator(NIGHTS, EDGES).run(likelihood)


class TestSpectra:
    def test_intervals_add_up_to_flux_points_of_all_runs(self, nightly, likelihood):
        points = FluxPointsEstimator(EDGES).run(likelihood)
        for name in ("stat_null", "stat_scan"):
            np.testing.assert_allclose(nightly.extra[name][:4].sum(axis=0), points.extra[name], rtol=1e-9)
        np.testing.assert_array_equal(nightly.extra["norm_scan"][0], points.extra["norm_scan"])
        np.testing.assert_array_equal(nightly.extra["counts"].sum(axis=0), points.extra["counts"].sum(axis=1))
        unit = np.nansum(points.extra["npred_excess"], axis=1) / points.norms["norm"]
        np.testing.assert_allclose((nightly.extra["npred_excess"] / nightly.norms["norm"])[:4].sum(axis=0), unit)
        background = np.nansum(points.extra["npred"] - points.extra["npred_excess"], axis=1)
        parts = (nightly.extra["npred"] - nightly.extra["npred_excess"])[:4]
        np.testing.assert_allclose(parts.sum(axis=0), background)
        for name, values in points.reference.items():
            np.testing.assert_allclose(nightly.reference[name], np.tile(values, (5, 1)))

    def test_errors_are_where_the_statistic_has_risen(self, nightly):
        # around its minimum the scan is a parabola in the root of the norm's distance: no need of a second program
        norm, scan = nightly.norms["norm"][:3], nightly.extra["norm_scan"][:3]
        rise = nightly.extra["stat_scan"][:3] - nightly.extra["stat"][:3, :, np.newaxis]
        assert np.all(rise >= -1e-9)
        root = np.sign(scan - norm[..., np.newaxis]) * np.sqrt(np.maximum(rise, 0))
        for name, target, sign in (("norm_errn", -1, -1), ("norm_errp", 1, 1), ("norm_ul", 2, 0)):
            found = np.array([[np.interp(target, r, x) for r, x in zip(*rows)] for rows in zip(root, scan)])
            known = nightly.norms[name][:3] if sign == 0 else norm + sign * nightly.norms[name][:3]
            np.testing.assert_allclose(found, known, rtol=0.02)
        mean = 0.5 * (nightly.norms["norm_errn"] + nightly.norms["norm_errp"])[:3]
        np.testing.assert_allclose(nightly.norms["norm_err"][:3], mean, rtol=0.02)
        np.testing.assert_allclose(nightly.extra["ts"], nightly.extra["stat_null"] - nightly.extra["stat"])

    def test_joint_runs_are_their_sum(self, nightly, likelihood):
        single = LightCurveEstimator(energy_edges=EDGES).run(likelihood)
        assert len(single) == 5
        np.testing.assert_allclose(nightly.extra["counts"][1], single.extra["counts"][1:3].sum(axis=0))
        np.testing.assert_allclose(nightly.extra["stat_scan"][1], single.extra["stat_scan"][1:3].sum(axis=0), rtol=1e-9)

    def test_source_is_found_as_it_was(self, nightly):
        norm, error = nightly.norms["norm"], nightly.norms["norm_err"]
        assert np.all(np.abs(norm[:4] - [[1], [1], [3], [0]]) < 4 * error[:4])
        assert np.all(nightly.norms["norm_ul"][3] > 0)

    def test_interval_without_data_says_so(self, nightly):
        assert nightly.shape == (5, 2)
        assert np.isnan(nightly.norms["norm"][4]).all()
        assert not nightly.success[4].any()
        assert nightly.reason[4].tolist() == ["no dataset in the interval"] * 2
        assert nightly.extra["counts"][4].tolist() == [0, 0]
        assert nightly.success[:4].all()
        assert not np.any(nightly.reason[:4] != "")

    def test_exposures_of_runs_act_in_their_intervals(self, runs, source, nightly):
        names = [run.name for run in runs]
        norm = Parameter([1.0, 1.1, 1.1, 0.8, 1.0], axes={"dataset": names}, frozen=True)
        wrong = gjax.Likelihood(runs, [source, InstrumentModel("array", exposure_norm=norm)])
        found = LightCurveEstimator(NIGHTS, EDGES).run(wrong)
        factors = np.array([1.0, 1.1, 0.8])[:, np.newaxis]
        shape = nightly.norms["norm"][:3].reshape(3, -1)
        np.testing.assert_allclose(found.norms["norm"][:3].reshape(3, -1), shape / factors, rtol=1e-5)

    def test_order_of_intervals_and_runs_does_not_matter(self, runs, source, nightly):
        mixed = LightCurveEstimator(NIGHTS[::-1], EDGES).run(gjax.Likelihood(runs[::-1], source))
        np.testing.assert_allclose(mixed.norms["norm"], nightly.norms["norm"], rtol=1e-8)
        assert np.all(np.diff(mixed.time_min.mjd) > 0)

    def test_good_time_as_intervals(self, likelihood, nightly):
        start = ZERO + [0, 24, 48, 72, 96] * u.h
        gti = GTI.create(start, start + 12 * u.h)
        again = LightCurveEstimator(gti, EDGES).run(likelihood)
        np.testing.assert_allclose(again.flux.value, nightly.flux.value, rtol=1e-8)

    def test_runs_outside_of_all_intervals_are_named(self, likelihood, caplog):
        later = [Time([ZERO + a * u.d, ZERO + (a + 1) * u.d]) for a in (10, 11, 12)]
        lightcurve = LightCurveEstimator([*NIGHTS[:2], *later], EDGES).run(likelihood)
        assert lightcurve.success[:, 0].tolist() == [True, True, False, False, False]
        assert "2 datasets lie in none of the intervals and are left out: run3, run4" in caplog.text

    def test_tolerance(self, likelihood):
        short = [Time([ZERO, ZERO + 3599 * u.s]), *NIGHTS[1:]]
        assert not LightCurveEstimator(short, EDGES).run(likelihood).success[0].any()
        assert LightCurveEstimator(short, EDGES, atol="2 s").run(likelihood).success[0].all()

    def test_files(self, nightly, tmp_path):
        from gjax.datasets import LightCurve

        back = LightCurve.read(nightly.write(tmp_path / "lc.fits"))
        np.testing.assert_allclose(back.eflux_ul, nightly.eflux_ul)
        assert back.reason[4, 0] == "no dataset in the interval"
        assert back.meta["n_sigma_ul"] == 2

    def test_flux_points_have_no_part(self, runs, source, nightly):
        flux = [1e-11, 1e-12] * u.Unit("cm-2 s-1 TeV-1")
        points = FluxPoints.from_arrays(e_ref=[1, 3] * u.TeV, dnde=flux, dnde_err=0.1 * flux)
        likelihood = gjax.Likelihood([*runs, FluxPointsDataset(points, name="points")], source)
        np.testing.assert_allclose(LightCurveEstimator(NIGHTS, EDGES).run(likelihood).flux, nightly.flux, rtol=1e-8)


class TestMissing:
    def test_bins_without_counts_and_background(self, runs, source):
        empty = runs[0].counts.copy(data=0 * runs[0].counts.data)
        bare = runs[0].copy(counts=empty, counts_off=empty, name="run0")
        lightcurve = LightCurveEstimator(NIGHTS, EDGES).run(gjax.Likelihood([bare, *runs[1:]], source))
        assert lightcurve.success[0].all()
        np.testing.assert_allclose(lightcurve.norms["norm"][0], 0, atol=1e-6)
        # the statistic is 2 mu: it rises by 4 where two counts of signal are expected
        signal = lightcurve.extra["npred_excess"][1] / lightcurve.norms["norm"][1] / 2
        np.testing.assert_allclose(lightcurve.norms["norm_ul"][0], 2 / signal, rtol=1e-4)
        assert np.isnan(lightcurve.norms["norm_err"][0]).all()
        assert lightcurve.reason[0].tolist() == ["no counts and no background"] * 2

    def test_masks_that_remove_everything(self, runs, source):
        none = runs[0].copy(mask_safe=np.zeros(8, bool), name="run0")
        low = runs[1].copy(mask_safe=np.arange(8) > 4, name="run1")
        lightcurve = LightCurveEstimator(None, EDGES).run(gjax.Likelihood([none, low, *runs[2:]], source))
        text = "no bin inside of the masks"
        assert lightcurve.reason[:2].tolist() == [[text, text], [text, ""]]
        assert lightcurve.success[:2].tolist() == [[False, False], [False, True]]
        assert np.isnan(lightcurve.flux.value[0]).all()

    def test_no_exposure(self, runs, source):
        dark = runs[0].copy(exposure=runs[0].exposure.copy(data=0 * runs[0].exposure.data), name="run0")
        lightcurve = LightCurveEstimator(None, EDGES).run(gjax.Likelihood([dark, *runs[1:]], source))
        assert lightcurve.reason[0].tolist() == ["no exposure"] * 2


class TestErrors:
    @pytest.mark.parametrize(
        ("intervals", "message"),
        [
            ([NIGHTS[0], Time([ZERO + 6 * u.h, ZERO + 30 * u.h])], "intervals overlap, interval 0 ends 21600 s after"),
            ([Time([ZERO + 1 * u.h, ZERO])], "interval 0 ends before it starts"),
            ([], "at least one pair"),
            ([(0, 1)], "expected pairs of Time"),
            ([Time([ZERO, ZERO + 1 * u.h, ZERO + 2 * u.h])], "expected pairs of Time"),
            (NIGHTS[4:], "no dataset lies in any of them"),
        ],
    )
    def test_intervals(self, likelihood, intervals, message):
        with pytest.raises(ValueError, match=message):
            LightCurveEstimator(intervals, EDGES).run(likelihood)

    def test_energies(self, likelihood):
        with pytest.raises(ValueError, match="two increasing energies"):
            LightCurveEstimator(NIGHTS, [2, 1] * u.TeV)
        with pytest.raises(ValueError, match="leave no band; the data cover"):
            LightCurveEstimator(NIGHTS, [60, 70] * u.TeV).run(likelihood)

    def test_datasets(self, runs, source):
        with pytest.raises(ValueError, match="dataset 'bare': no good time intervals"):
            LightCurveEstimator().run(gjax.Likelihood(runs[0].copy(gti=None, name="bare"), source))
        late = runs[1].copy(gti=good_time(0.5), name="run1")
        with pytest.raises(ValueError, match="datasets overlap in time: give time_intervals"):
            LightCurveEstimator().run(gjax.Likelihood([runs[0], late], source))
        flux = [1e-11] * u.Unit("cm-2 s-1 TeV-1")
        points = FluxPoints.from_arrays(e_ref=[1] * u.TeV, dnde=flux, dnde_err=0.1 * flux)
        with pytest.raises(FitError, match="needs datasets with counts"):
            LightCurveEstimator().run(gjax.Likelihood(FluxPointsDataset(points, name="points"), source))

    def test_sources_and_parameters(self, likelihood):
        with pytest.raises(KeyError, match="other"):
            LightCurveEstimator(NIGHTS, EDGES, source="other").run(likelihood)
        with pytest.raises(ValueError, match="'amplitude' is a norm itself; expected some of index"):
            LightCurveEstimator(NIGHTS, EDGES, free=["amplitude"]).run(likelihood)
        with pytest.raises(ValueError, match="'beta' is no parameter of PowerLawSpectralModel"):
            LightCurveEstimator(NIGHTS, EDGES, free="beta").run(likelihood)


def test_runs_taken_at_the_same_time_share_an_interval(runs):
    later = runs[1].copy(gti=good_time(24.0).stack(good_time(25.5)), name="two parts")
    intervals = place_datasets([runs[3], runs[0], later, runs[0].copy(name="twin")], None, 1e-6)
    assert len(intervals) == 3
    assert intervals.of_dataset.tolist() == [2, 0, 1, 0]
    assert intervals.members(0) == [1, 3]
    np.testing.assert_allclose((intervals.stop - intervals.start).to_value("h"), [1, 2.5, 1])


@pytest.fixture(scope="module")
def free(likelihood):
    return LightCurveEstimator(NIGHTS, [0.5, 50] * u.TeV, free=["index"]).run(likelihood)


class TestFreeIndex:
    def test_is_a_fit_of_the_interval(self, runs, source, free):
        # the norm is that of the integral flux, so its error is that of the flux, not of the amplitude
        fit = gjax.Likelihood(runs[3], source).fit()
        index, error = fit["index"]
        np.testing.assert_allclose(free.extra["index"][2], index, atol=1e-3 * error)
        np.testing.assert_allclose(free.extra["index_err"][2], error, rtol=1e-3)
        flux, flux_error = fit.flux("s", 0.5 * u.TeV, 50 * u.TeV)
        np.testing.assert_allclose(free.flux[2].value, flux.value, rtol=1e-4)
        np.testing.assert_allclose(free.flux_err[2].value, flux_error.value, rtol=1e-3)
        np.testing.assert_allclose(free.flux_errn[2].value, flux_error.value, rtol=0.1)
        shape = fit.models["s"].spectral_model
        np.testing.assert_allclose(free.dnde[2].value, shape(free.e_ref).value, rtol=1e-3)
        np.testing.assert_allclose(free.eflux[2], shape.energy_flux(0.5 * u.TeV, 50 * u.TeV), rtol=1e-3)
        np.testing.assert_allclose(free.extra["stat"][2], fit.total_stat, rtol=1e-8)

    def test_limits_and_scans(self, free):
        good = free.norms["norm"][:3]
        assert np.all(free.norms["norm_ul"][:3] > good + 1.5 * free.norms["norm_errp"][:3])
        assert np.all(free.extra["stat_scan"][:4] >= free.extra["stat"][:4, :, np.newaxis] - 1e-6)
        assert np.all(free.extra["ts"][:3] > 25)
        assert free.success[:4].all()
        assert free.reason[4, 0] == "no dataset in the interval"
        assert np.isnan(free.extra["index"][4, 0])

    def test_ctrl_c_keeps_the_intervals_that_are_done(self, likelihood, free, monkeypatch, caplog):
        asked = _light_curve_fits.Question.ask

        def interrupted(question, *arguments):
            monkeypatch.setattr(_light_curve_fits.Question, "ask", stop)
            return asked(question, *arguments)

        def stop(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(_light_curve_fits, "_is_one_batch", lambda *_: False)
        monkeypatch.setattr(_light_curve_fits.Question, "ask", interrupted)
        estimator = LightCurveEstimator(NIGHTS, [0.5, 50] * u.TeV, free=["index"])
        partly = estimator.run(likelihood)
        assert "1 of 4 intervals are done" in caplog.text
        np.testing.assert_allclose(partly.norms["norm"][0], free.norms["norm"][0], rtol=1e-3)
        assert np.isnan(partly.norms["norm"][1:]).all()
        assert partly.reason[:, 0].tolist()[1:] == [*["interrupted before this interval"] * 3, free.reason[4, 0]]
        with pytest.raises(KeyboardInterrupt):
            estimator.run(likelihood)


class TestCubes:
    def test_intervals_are_flux_points_of_their_cubes(self, make_cube):
        source = SkyModel(
            PowerLawSpectralModel(index=2.0, amplitude="3e-10 cm-2 s-1 TeV-1"),
            PointSpatialModel("83.63 deg", "22.01 deg"),
            name="s",
        )
        cubes = [make_cube(f"cube{i}", seed=i, source=n, gti=good_time(24 * i)) for i, n in enumerate((40, 80))]
        lightcurve = LightCurveEstimator(energy_edges=[1, 3, 10] * u.TeV).run(gjax.Likelihood(cubes, source))
        assert lightcurve.success.all()
        assert np.all(lightcurve.norms["norm"][1] > lightcurve.norms["norm"][0])
        # both cubes with one norm: what is summed over the intervals
        points = FluxPointsEstimator([1, 3, 10] * u.TeV).run(gjax.Likelihood(cubes, source))
        for name in ("stat_null", "stat_scan"):
            np.testing.assert_allclose(lightcurve.extra[name].sum(axis=0), points.extra[name], rtol=1e-9)
        np.testing.assert_array_equal(lightcurve.extra["counts"], points.extra["counts"].T)
        background = points.extra["npred"] - points.extra["npred_excess"]
        np.testing.assert_allclose((lightcurve.extra["npred"] - lightcurve.extra["npred_excess"]).T, background)
        unit = points.extra["npred_excess"] / points.norms["norm"][:, np.newaxis]
        np.testing.assert_allclose((lightcurve.extra["npred_excess"] / lightcurve.norms["norm"]).T, unit)

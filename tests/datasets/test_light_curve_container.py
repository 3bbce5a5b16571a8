"""The container of light curves: conversions, slices, files and plots."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.time import Time
from astropy.timeseries import BinnedTimeSeries
from matplotlib import pyplot as plt

from gjax.data import GTI
from gjax.datasets import LightCurve
from gjax.errors import DataFormatError, MissingDataError, UnitError

FLUX = u.Unit("cm-2 s-1")
START = Time("2006-07-29T20:30", scale="tt") + [0, 10, 30] * u.min
STOP = START + 10 * u.min


def make(**changes):
    flux = np.array([[5.0, 2], [6, 1], [np.nan, np.nan]]) * 1e-11 * FLUX
    columns = {
        "time_min": START,
        "time_max": STOP,
        "e_min": [1, 4] * u.TeV,
        "e_max": [4, 16] * u.TeV,
        "flux": flux,
        "flux_err": 0.1 * flux,
        "flux_errn": 0.09 * flux,
        "flux_errp": 0.11 * flux,
        "flux_ul": 1.2 * flux,
        "ts": [[100.0, 9], [144, 1], [np.nan, np.nan]],
        "counts": [[50.0, 20], [60, 10], [0, 0]],
        "stat": np.zeros((3, 2)),
        "norm_scan": np.broadcast_to([5e1, 6e1, 7e1], (3, 2, 3)),
        "stat_scan": np.broadcast_to([4.0, 1, 4], (3, 2, 3)),
        "success": [[True, True], [True, True], [False, False]],
        "reason": [["", ""], ["", ""], ["no dataset in the interval"] * 2],
        "index": [[2.0, 3], [2.5, 3.5], [np.nan, np.nan]],
    }
    return LightCurve.from_arrays("flux", **(columns | changes))


@pytest.fixture(scope="module")
def lightcurve():
    return make()


class TestValues:
    def test_conversions(self, lightcurve):
        # E^-2 with edges a factor 4 apart: dnde(e_ref) = flux / (e_max - e_min)
        np.testing.assert_allclose(lightcurve.dnde.value[0], [5e-11 / 3, 2e-11 / 12])
        np.testing.assert_allclose(lightcurve.e2dnde.to_value("TeV cm-2 s-1")[0], [5e-11 * 4 / 3, 2e-11 * 64 / 12])
        np.testing.assert_allclose(lightcurve.eflux.to_value("TeV cm-2 s-1")[1, 0], 6e-11 * np.log(4) * 4 / 3)
        for suffix, factor in (("_err", 0.1), ("_errn", 0.09), ("_errp", 0.11), ("_ul", 1.2)):
            ratio = getattr(lightcurve, f"eflux{suffix}") / lightcurve.eflux
            np.testing.assert_allclose(ratio.value[:2], factor)
        np.testing.assert_allclose(lightcurve.sqrt_ts[:2], [[10, 3], [12, 1]])
        np.testing.assert_array_equal(lightcurve.is_ul[:2], [[False, False], [False, True]])
        assert lightcurve.shape == (3, 2)
        assert len(lightcurve) == 3

    def test_times(self, lightcurve):
        np.testing.assert_allclose(lightcurve.time_delta.to_value("min"), 10)
        np.testing.assert_allclose((lightcurve.time_mid - START).to_value("min"), 5)

    def test_what_failed_says_why(self, lightcurve):
        assert lightcurve.reason[2, 0] == "no dataset in the interval"
        np.testing.assert_array_equal(lightcurve.success[:, 1], [True, True, False])
        assert "2 points not measured" in repr(lightcurve)
        band = {"e_min": [1] * u.TeV, "e_max": [4] * u.TeV}
        bare = LightCurve.from_arrays("flux", time_min=START, time_max=STOP, **band, flux=[[1], [np.nan], [2]] * FLUX)
        np.testing.assert_array_equal(bare.success[:, 0], [True, False, True])
        assert not np.any(bare.reason != "")
        assert bare.flux_err is None
        assert bare.sqrt_ts is None

    def test_slices(self, lightcurve):
        late = lightcurve.slice_by_time(START[1])
        assert late.shape == (2, 2)
        assert lightcurve.slice_by_time(time_max=STOP[1]).shape == (2, 2)
        high = lightcurve.slice_by_energy("4 TeV")
        np.testing.assert_allclose(high.flux, lightcurve.flux[:, 1:])
        assert high.extra["stat_scan"].shape == (3, 1, 3)
        picked = lightcurve.slice_by_idx(time=[0, 2], energy=[False, True])
        np.testing.assert_array_equal(picked.reason[:, 0], ["", "no dataset in the interval"])
        points = lightcurve.get_flux_points(1)
        np.testing.assert_allclose(points.flux, lightcurve.flux[1])
        assert points.extra["counts"].tolist() == [60, 10]
        with pytest.raises(ValueError, match="no interval or no band"):
            lightcurve.slice_by_energy("20 TeV")
        with pytest.raises(ValueError, match="no interval or no band"):
            lightcurve.slice_by_time(STOP[2])

    def test_copy(self, lightcurve):
        assert lightcurve.copy(meta={"a": 1}).meta == {"a": 1}
        assert "table" in lightcurve._repr_html_()


class TestFiles:
    @pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
    @pytest.mark.parametrize("sed_type", ["dnde", "e2dnde", "flux", "eflux", "likelihood"])
    def test_every_convention(self, tmp_path, lightcurve, sed_type, suffix):
        back = LightCurve.read(lightcurve.write(tmp_path / f"lc{suffix}", sed_type))
        assert back.sed_type_init == sed_type
        for name in ("dnde", "flux", "eflux_err", "e2dnde_ul", "flux_errn"):
            np.testing.assert_allclose(getattr(back, name), getattr(lightcurve, name), rtol=1e-12)
        for name in ("counts", "ts", "stat_scan", "norm_scan", "index"):
            np.testing.assert_array_equal(back.extra[name], lightcurve.extra[name])
        np.testing.assert_array_equal(back.reason, lightcurve.reason)
        np.testing.assert_array_equal(back.success, lightcurve.success)
        assert np.all(np.abs((back.time_min - START).to_value("s")) < 1e-5)
        assert back.time_min.scale == "tt"

    @pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
    def test_binned_time_series(self, tmp_path, lightcurve, suffix):
        one = lightcurve.slice_by_idx(energy=[1])
        path = one.write(tmp_path / f"lc{suffix}", "flux", "binned-time-series")
        back = LightCurve.read(path)
        np.testing.assert_allclose(back.flux, one.flux)
        assert np.all(np.abs((back.time_max - STOP).to_value("s")) < 1e-5)
        options = {"hdu": 1, "time_format": "mjd", "time_scale": "tt"} if suffix == ".fits" else {}
        series = BinnedTimeSeries.read(
            path, time_bin_start_column="time_bin_start", time_bin_size_column="time_bin_size", **options
        )
        assert len(series) == 3
        with pytest.raises(ValueError, match="one energy band, there are 2"):
            lightcurve.to_table(format="binned-time-series")
        with pytest.raises(ValueError, match="unknown format 'gadf'"):
            lightcurve.to_table(format="gadf")

    def test_series_without_energies(self, lightcurve):
        table = lightcurve.slice_by_idx(energy=[0]).to_table("flux", "binned-time-series")
        table.remove_columns(["e_ref", "e_min", "e_max"])
        with pytest.raises(DataFormatError, match="give energy_edges"):
            LightCurve.from_table(table)
        back = LightCurve.from_table(table, energy_edges=[1, 4] * u.TeV)
        np.testing.assert_allclose(back.dnde, lightcurve.dnde[:, :1])
        with pytest.raises(ValueError, match="two increasing energies"):
            LightCurve.from_table(table, energy_edges=[4, 1] * u.TeV)

    def test_good_time_is_kept(self, tmp_path, lightcurve):
        gti = GTI.create(START, STOP)
        path = lightcurve.copy(gti=gti).write(tmp_path / "lc.fits")
        assert LightCurve.read(path).gti.time_sum.to_value("min") == pytest.approx(30)
        with pytest.raises(FileExistsError):
            lightcurve.write(path)
        lightcurve.write(path, overwrite=True)

    def test_times_in_other_units(self, lightcurve):
        table = lightcurve.to_table()
        table.meta.update(MJDREFI=53945, MJDREFF=0.5, TIMEUNIT="s", TIMESYS="UTC")
        for name in ("time_min", "time_max"):
            table[name] = (table[name] - 53945.5) * 86400
        back = LightCurve.from_table(table)
        np.testing.assert_allclose(back.time_min.mjd, START.mjd, atol=1e-9)
        assert back.time_min.scale == "utc"

    def test_leap_seconds(self):
        utc = make(time_min=START.utc, time_max=STOP.utc)
        table = utc.to_table()
        assert table.meta["TIMESYS"] == "tt"
        assert np.all(np.abs((LightCurve.from_table(table).time_min - START).to_value("s")) < 1e-5)

    def test_no_time_system(self, lightcurve, caplog):
        table = lightcurve.to_table()
        del table.meta["TIMESYS"]
        LightCurve.from_table(table)
        assert "taken as 'UTC'" in caplog.text


class TestErrors:
    def test_files(self, tmp_path, lightcurve):
        with pytest.raises(MissingDataError, match=r"none\.fits"):
            LightCurve.read(tmp_path / "none.fits")
        bad = tmp_path / "bad.ecsv"
        bad.write_text("1 2 3\n")
        with pytest.raises(DataFormatError, match=r"bad\.ecsv: not an ECSV table"):
            LightCurve.read(bad)
        fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
        with pytest.raises(MissingDataError, match="FLUXPOINTS"):
            LightCurve.read(tmp_path / "empty.fits")
        cut = lightcurve.write(tmp_path / "cut.fits")
        cut.write_bytes(cut.read_bytes()[:-2880])
        with pytest.raises(DataFormatError, match="truncated"):
            LightCurve.read(cut)

    def test_columns(self, lightcurve):
        with pytest.raises(DataFormatError, match="no columns 'time_min' and 'time_max'"):
            LightCurve.from_table(Table({"flux": [1.0]}))
        with pytest.raises(DataFormatError, match="no rows"):
            LightCurve.from_table(lightcurve.to_table()[:0])
        table = lightcurve.to_table()
        table["ts"] = np.ones((3, 5))
        with pytest.raises(DataFormatError, match="'ts' has 5 values a row, expected 2"):
            LightCurve.from_table(table)
        table = lightcurve.to_table()
        table["e_min"][1] *= 1.1
        with pytest.raises(DataFormatError, match="'e_min' differs between rows"):
            LightCurve.from_table(table)
        table = QTable(lightcurve.to_table())
        table["flux"] = table["flux"].value * u.s
        with pytest.raises(UnitError, match="'flux' is in 's'"):
            LightCurve.from_table(table)

    @pytest.mark.parametrize(
        ("start", "stop", "message"),
        [
            ([0, 5, 30], [10, 15, 40], "increasing order without overlap"),
            ([10, 0, 30], [20, 10, 40], "increasing order without overlap"),
            ([0, 10, 30], [10, 9, 40], "ends before it starts"),
        ],
    )
    def test_times(self, start, stop, message):
        with pytest.raises(DataFormatError, match=message):
            make(time_min=START[0] + start * u.min, time_max=START[0] + stop * u.min)

    def test_times_that_are_not_finite(self, lightcurve):
        table = lightcurve.to_table()
        table["time_min"][1] = np.nan
        with pytest.raises(DataFormatError, match="time"):
            LightCurve.from_table(table)

    def test_shapes(self, lightcurve):
        with pytest.raises(ValueError, match=r"'ts' has shape \(2, 2\), expected \(3, 2\)"):
            lightcurve.copy(extra={"ts": np.ones((2, 2))})
        with pytest.raises(ValueError, match="as many starts as ends"):
            lightcurve.copy(time_max=STOP[:2])
        with pytest.raises(ValueError, match="interval 1 ends before"):
            lightcurve.copy(time_max=Time([STOP[0], START[1], STOP[2]]))
        with pytest.raises(ValueError, match="without overlap"):
            lightcurve.copy(time_max=STOP + 11 * u.min)


class TestPlots:
    @pytest.fixture(autouse=True)
    def _close(self):
        plt.switch_backend("agg")
        yield
        plt.close("all")

    def test_points_and_limits(self, lightcurve):
        ax = lightcurve.plot()
        assert ax.get_xlabel() == "Time (TT)"
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["1 to 4 TeV", "4 to 16 TeV"]
        # two points of the first band; one point and one limit of the second
        assert len(ax.containers) == 3
        ax.figure.canvas.draw()
        assert lightcurve.plot(sed_type="eflux").get_ylabel().startswith("Energy flux")
        with pytest.raises(ValueError, match="unknown SED type 'sed'"):
            lightcurve.plot(sed_type="sed")

    def test_profiles(self, lightcurve):
        ax = lightcurve.plot_ts_profiles(band=1)
        ax.figure.canvas.draw()
        low, high = ax.get_ylim()
        assert low < 1e-11 < 2e-11 < high
        with pytest.raises(ValueError, match="no likelihood scans, stat, stat_scan, norm_scan missing"):
            lightcurve.copy(extra={}).plot_ts_profiles()

    def test_limits_are_needed(self):
        from gjax.plot import plot_light_curve, plot_time_scan

        with pytest.raises(ValueError, match="without upper_limits"):
            plot_light_curve([0], [1], [1], [1], is_ul=[True])
        with pytest.raises(ValueError, match="no scanned flux"):
            plot_time_scan([0], [1], [[1, 2]], [[np.nan, np.nan]])


# Values: Gammapy 2.1.
@pytest.mark.data
class TestRealFiles:
    def test_one_band(self, gammapy_data):
        lightcurve = LightCurve.read(gammapy_data / "estimators/pks2155_hess_lc/pks2155_hess_lc.fits")
        assert lightcurve.shape == (34, 1)
        assert lightcurve.time_min[0].scale == "tt"
        assert lightcurve.extra["counts"].sum() == 3901
        assert lightcurve.extra["stat_scan"].shape == (34, 1, 11)
        np.testing.assert_allclose(lightcurve.flux.value[:2, 0], [1.30548198e-10, 1.51952898e-10], rtol=1e-8)
        assert len(lightcurve.gti) == 44

    def test_three_bands(self, gammapy_data):
        lightcurve = LightCurve.read(gammapy_data / "estimators/pks2155_hess_lc/pks2155_hess_lc_3bins.fits")
        assert lightcurve.shape == (34, 3)
        assert lightcurve.is_ul.sum() == 17
        assert lightcurve.extra["counts"][0].tolist() == [29, 24, 3]
        expected = [1.13441901e-10, 1.74190874e-11, 9.38932666e-13]
        np.testing.assert_allclose(lightcurve.flux.value[0], expected, rtol=1e-8)

    def test_another_kind_of_table(self, gammapy_data):
        with pytest.raises(DataFormatError, match="time_min"):
            LightCurve.read(gammapy_data / "tests/models/light_curve/lightcrv_PKSB1222+216.fits")

"""Good time intervals: set operations against brute force, edge cases, files."""

import logging

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time

from gjax.data import GTI
from gjax.errors import DataFormatError, MissingDataError, UnitError

REFERENCE = Time(51910, 0.000742870370370241, format="mjd", scale="tt")


def gti(*pairs, reference=REFERENCE):
    start, stop = np.array(pairs, dtype=float).reshape(-1, 2).T
    return GTI.create(start * u.s, stop * u.s, reference)


def pairs(intervals):
    return [(float(a), float(b)) for a, b in zip(intervals.met_start.value, intervals.met_stop.value)]


def test_durations_and_times():
    intervals = gti((0, 10), (20, 50))
    assert intervals.time_sum == 40 * u.s
    assert intervals.time_delta.value.tolist() == [10, 30]
    assert intervals.time_start[1].isclose(REFERENCE + 20 * u.s)
    assert intervals.time_stop.scale == "tt"


def test_create_from_times_and_strings():
    start = Time("2010-01-01T00:00:00", scale="utc")
    from_times = GTI.create(start, start + 1 * u.h)
    assert from_times.time_sum.to_value("s") == pytest.approx(3600, abs=1e-6)
    assert GTI.create("1 min", "2 min").time_sum == 60 * u.s
    assert GTI.from_time_intervals([(start, start + 10 * u.s)]).time_sum.value == pytest.approx(10, abs=1e-6)
    assert GTI(from_times.table).is_allclose(from_times)
    table = Table({"START": Time([start]), "STOP": Time([start + 1 * u.h])})
    assert GTI(table, reference_time=start).is_allclose(from_times)


def test_union_merges_overlapping_and_touching():
    intervals = gti((50, 60), (0, 10), (5, 20), (20, 30))
    assert intervals.is_overlapping
    assert pairs(intervals.union()) == [(0, 30), (50, 60)]
    assert pairs(intervals.union(merge_equal=False)) == [(0, 20), (20, 30), (50, 60)]
    assert pairs(gti((0, 100), (10, 20)).union()) == [(0, 100)]
    with pytest.raises(ValueError, match="overlap"):
        intervals.union(overlap_ok=False)
    assert pairs(gti((0, 1), (1, 2)).union(overlap_ok=False)) == [(0, 2)]
    assert pairs(intervals) == [(50, 60), (0, 10), (5, 20), (20, 30)]


def test_select_and_delete():
    intervals = gti((0, 100), (200, 300))
    assert pairs(intervals.select_time([50, 250] * u.s)) == [(50, 100), (200, 250)]
    assert pairs(intervals.select_time(REFERENCE + [50, 60] * u.s)) == [
        (pytest.approx(50, abs=1e-5), pytest.approx(60, abs=1e-5))
    ]
    assert len(intervals.select_time([110, 190] * u.s)) == 0
    assert pairs(intervals.delete_interval([50, 250] * u.s)) == [(0, 50), (250, 300)]
    assert pairs(intervals.delete_interval([20, 30] * u.s)) == [(0, 20), (30, 100), (200, 300)]
    assert pairs(intervals.delete_interval([-5, 500] * u.s)) == []
    assert pairs(intervals.select_time([20, 30] * u.s, inverted=True)) == [(0, 20), (30, 100), (200, 300)]
    with pytest.raises(ValueError, match="start before the stop"):
        intervals.select_time([30, 20] * u.s)
    with pytest.raises(UnitError):
        intervals.select_time([1, 2] * u.m)


def test_set_operations_against_brute_force():
    rng = np.random.default_rng(1)
    grid = np.arange(0, 200) + 0.5

    def mask(intervals):
        inside = [(grid > a) & (grid < b) for a, b in pairs(intervals)]
        return np.any(inside, axis=0) if inside else np.zeros(200, bool)

    for _ in range(60):
        first, second = (
            gti(*[(s, s + w) for s, w in zip(rng.integers(0, 190, n), rng.integers(1, 40, n))])
            for n in rng.integers(0, 9, 2)
        )
        low, high = sorted(rng.integers(0, 200, 2))
        window = (grid > low) & (grid < high)
        np.testing.assert_array_equal(mask(first.union()), mask(first))
        assert not first.union().is_overlapping
        # the last bit of an interval may stick out of the grid
        assert first.select_time([0, 200] * u.s).union().time_sum.value == mask(first).sum()
        np.testing.assert_array_equal(mask(first.intersection(second)), mask(first) & mask(second))
        np.testing.assert_array_equal(mask(first.stack(second)), mask(first) | mask(second))
        np.testing.assert_array_equal(mask(first.select_time([low, high] * u.s)), mask(first) & window)
        np.testing.assert_array_equal(mask(first.delete_interval([low, high] * u.s)), mask(first) & ~window)
        np.testing.assert_array_equal(first.contains(grid * u.s), mask(first))


def test_different_references_are_converted():
    other = GTI.create([5] * u.s, [15] * u.s, REFERENCE + 100 * u.s)
    assert pairs(gti((100, 110)).intersection(other)) == [(pytest.approx(105, abs=1e-5), pytest.approx(110))]
    assert gti((0, 10)).stack(other).met_start.value[1] == pytest.approx(105, abs=1e-5)
    utc = GTI.create([0] * u.s, [10] * u.s, REFERENCE.utc)
    assert utc.is_allclose(gti((0, 10)))


def test_empty_list():
    empty = gti()
    assert len(empty) == 0
    assert empty.time_sum == 0 * u.s
    assert len(empty.union()) == len(empty.intersection(gti((0, 1)))) == len(empty.select_time([0, 1] * u.s)) == 0
    assert not empty.contains([1.0] * u.s).any()
    assert "no intervals" in repr(empty)
    assert pairs(empty.stack(gti((0, 1)))) == [(0, 1)]


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        ([np.nan], [1], "finite"),
        ([0], [np.inf], "finite"),
        ([5], [1], "stops 4 s before"),
        ([0, 1], [2], "do not make"),
    ],
)
def test_bad_intervals(start, stop, message):
    with pytest.raises(ValueError, match=message):
        GTI.create(start * u.s, stop * u.s)


def test_results_are_read_only_and_inputs_untouched():
    start = np.array([0.0])
    intervals = GTI.create(start * u.s, [10.0] * u.s)
    with pytest.raises(ValueError, match="read-only"):
        intervals._start[0] = 5


def test_file_round_trip(tmp_path):
    intervals = gti((0, 10.25), (20, 50))
    intervals.write(tmp_path / "gti.fits.gz")
    back = GTI.read(tmp_path / "gti.fits.gz")
    assert back.is_allclose(intervals, atol=0)
    assert (back.time_ref - REFERENCE).to_value("ns") == 0
    assert back.time_ref.scale == "tt"
    with pytest.raises(ValueError, match="overlap"):
        gti((0, 10), (5, 20)).write(tmp_path / "bad.fits")
    assert not (tmp_path / "bad.fits").exists()


@pytest.mark.parametrize("scale", ["TT", "utc", "TAI", "TDB"])
def test_time_systems(make, tmp_path, scale):
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu(TIMESYS=scale))
    intervals = GTI.read(path)
    assert intervals.time_ref.scale == scale.lower()
    assert intervals.time_sum.value == 1000
    expected = Time(51910, 0.000742870370370241, format="mjd", scale=scale.lower()) + 5000 * u.s
    assert abs((intervals.time_start[0] - expected).to_value("s")) < 1e-9


def test_time_units_and_zero(make, tmp_path):
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu([1.0], [2.0], unit=None, TIMEUNIT="d", TIMEZERO=1.0))
    intervals = GTI.read(path)
    assert intervals.time_sum.value == 86400
    assert intervals.time_start[0].mjd == pytest.approx(51912.000742870370)


def test_missing_keywords_are_read_with_one_warning(make, tmp_path, caplog):
    none = dict.fromkeys(("MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT", "TIMEREF"))
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu(unit=None, **none))
    with caplog.at_level(logging.WARNING):
        intervals = GTI.read(path)
        GTI.read(path)
    assert intervals.time_sum.value == 1000
    assert intervals.time_ref.isot == "2000-01-01T00:00:00.000"
    assert len([r for r in caplog.records if "MJDREFI" in r.message]) == 1
    assert len([r for r in caplog.records if "TIMESYS" in r.message]) == 1


def test_overlapping_and_broken_rows_in_a_file(make, tmp_path, caplog):
    start, stop = [50, 0, 5, np.nan, 90], [60, 10, 20, 80, 80]
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu(start, stop))
    with caplog.at_level(logging.WARNING):
        intervals = GTI.read(path)
    assert pairs(intervals) == [(0, 20), (50, 60)]
    assert "intervals overlap, merged" in caplog.text
    assert "2 intervals are not finite" in caplog.text


def test_broken_files(make, tmp_path):
    with pytest.raises(MissingDataError, match="no such file"):
        GTI.read(tmp_path / "none.fits")
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu(unit="m"))
    with pytest.raises(UnitError, match=r"gti.fits: HDU 'GTI': column 'START' is in 'm', expected a unit like 's'"):
        GTI.read(path)
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu(TIMEUNIT="TeV"))
    with pytest.raises(UnitError, match="TIMEUNIT is 'TeV'"):
        GTI.read(path)
    path = make.fits(tmp_path / "gti.fits", make.gti_hdu(MJDREFI="x"))
    with pytest.raises(DataFormatError, match="MJDREFI"):
        GTI.read(path)
    path = make.fits(tmp_path / "gti.fits", make.table_hdu("GTI", [("START", "D", "s", [1.0])], {}))
    with pytest.raises(DataFormatError, match="no column 'STOP'; it has: START"):
        GTI.read(path)
    with pytest.raises(MissingDataError, match="no HDU 'EVENTS'"):
        GTI.read(path, hdu="EVENTS")

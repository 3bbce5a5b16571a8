"""Axes of times and labels: in maps and in files."""

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

from gjax.data import GTI, EventList
from gjax.errors import DataFormatError
from gjax.maps import LabelMapAxis, Map, MapAxes, MapAxis, TimeMapAxis

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
START = Time("2020-03-19", scale="utc")


@pytest.fixture
def times():
    return TimeMapAxis([0, 20] * u.h, [10, 30] * u.h, START)


class TestTimes:
    def test_values(self, times):
        assert times.nbin == 2
        assert not times.is_contiguous
        assert times.bin_width.to_value("h").tolist() == [10, 10]
        assert times.time_bounds[1].iso == "2020-03-20 06:00:00.000"
        with pytest.raises(ValueError, match="gaps"):
            _ = times.edges
        assert times.squash().nbin == 1
        assert times.slice(slice(1, 2)).edges_min[0] == 20 * u.h
        assert "TimeMapAxis" in repr(times)

    def test_coordinates(self, times):
        when = START + [-1, 0, 5, 10, 15, 25, 30] * u.h
        assert times.coord_to_idx(when).tolist() == [-1, 0, 0, -1, -1, 1, -1]
        assert times.coord_to_idx(when, clip=True).tolist() == [0, 0, 0, -1, -1, 1, 1]
        pix = times.coord_to_pix(when)
        np.testing.assert_allclose(pix, [np.nan, -0.5, 0, np.nan, np.nan, 1, np.nan], atol=1e-9)
        back = times.pix_to_coord([-0.5, 0, 1, 1.4])
        np.testing.assert_allclose((back - START).to_value("h"), [0, 5, 25, 29])
        assert times.coord_to_idx(25 * u.h).tolist() == [1]

    def test_constructors(self):
        bounds = TimeMapAxis.from_time_bounds(START, START + 1 * u.d, nbin=4)
        assert bounds.is_contiguous
        assert bounds.edges.value == pytest.approx([0, 0.25, 0.5, 0.75, 1])
        edges = TimeMapAxis.from_time_edges(bounds.time_min, bounds.time_max, unit="h")
        assert edges == bounds
        gti = GTI.create([0, 100] * u.s, [50, 200] * u.s, reference_time=START)
        axis = TimeMapAxis.from_gti(gti)
        assert axis.bin_width.to_value("s") == pytest.approx([50, 100])

    @pytest.mark.parametrize(
        ("low", "high", "reference", "message"),
        [
            ([0, 5] * u.h, [10, 20] * u.h, START, "overlap"),
            ([0, 5] * u.h, [0, 20] * u.h, START, "end after"),
            ([0] * u.h, [1, 2] * u.h, START, "as many"),
            ([0] * u.m, [1] * u.m, START, "times since"),
            ([np.nan] * u.h, [1] * u.h, START, "end after"),
            ([] * u.h, [] * u.h, START, "as many"),
            ([0] * u.h, [1] * u.h, "2020-01-01", "one Time"),
        ],
    )
    def test_bad_values(self, low, high, reference, message):
        with pytest.raises(ValueError, match=message):
            TimeMapAxis(low, high, reference)

    def test_comparison(self, times):
        shifted = TimeMapAxis([-5, 15] * u.h, [5, 25] * u.h, START + 5 * u.h)
        assert shifted == times
        assert times.copy(reference_time=START + 1 * u.s) != times
        assert times != ENERGY
        assert MapAxes([ENERGY, times]) == MapAxes([ENERGY, shifted])

    def test_not_possible(self, times):
        for name in ("upsample", "downsample"):
            with pytest.raises(ValueError, match="cannot"):
                getattr(times, name)(2)

    def test_no_reference_in_file(self):
        from astropy.table import Table

        with pytest.raises(DataFormatError, match="MJDREFI"):
            TimeMapAxis.from_table(Table({"TIME_MIN": [0], "TIME_MAX": [1]}, meta={"AXCOLS1": "TIME_MIN,TIME_MAX"}))


class TestLabels:
    def test_values(self):
        axis = LabelMapAxis(["b", "a"], name="dataset")
        assert axis.coord_to_idx(["a", "b", "c"]).tolist() == [1, 0, -1]
        assert axis.pix_to_coord([1, 0]).tolist() == ["a", "b"]
        assert np.isnan(axis.coord_to_pix("c")[0])
        assert axis.concatenate(LabelMapAxis(["c"], "dataset")).nbin == 3
        assert axis.squash().center.tolist() == ["b...a"]
        assert axis != LabelMapAxis(["a", "b"], name="dataset")
        with pytest.raises(ValueError, match="unique"):
            LabelMapAxis(["a", "a"])
        with pytest.raises(ValueError, match="unique"):
            LabelMapAxis([])
        with pytest.raises(ValueError, match="outside"):
            axis.pix_to_coord(2)
        with pytest.raises(ValueError, match="one name"):
            axis.concatenate(LabelMapAxis(["c"], "other"))
        with pytest.raises(ValueError, match="cannot"):
            axis.upsample(2)


@pytest.mark.parametrize("kind", ["image", "region", "healpix"])
def test_files(tmp_path, times, kind):
    labels = LabelMapAxis(["run-2", "run-1"], name="dataset")
    arguments = {"image": {"npix": 3}, "region": {"region": "icrs;circle(0, 0, 1)"}, "healpix": {"nside": 2}}[kind]
    for axes in ([ENERGY, times], [labels], [times, labels]):
        original = Map.create(axes=axes, **arguments)
        original = original.copy(data=np.random.default_rng(0).uniform(size=original.data.shape))
        original.write(tmp_path / "x.fits", overwrite=True)
        back = Map.read(tmp_path / "x.fits")
        assert back.geom.axes == original.geom.axes
        np.testing.assert_array_equal(back.data, original.data)


def test_maps_in_time(times):
    cube = Map.create(npix=3, binsz=1, axes=[ENERGY, times])
    coords = {"lon": [0] * 3, "lat": [0] * 3, "energy": [2] * 3 * u.TeV, "time": START + [5, 15, 25] * u.h}
    filled = cube.fill_by_coord(coords)
    assert filled.data.sum(axis=(1, 2, 3)).tolist() == [1, 1]
    assert filled.get_by_coord(coords).tolist()[::2] == [1, 1]
    assert cube.geom.get_coord()["time"].shape == cube.data.shape
    assert cube.geom.bin_volume().unit.is_equivalent("TeV h sr")
    assert filled.slice_by_idx({"time": 1}).data.sum() == 1


def test_events_in_time():
    from astropy.table import Table

    table = Table({"RA": [0.0, 0.0], "DEC": [0.0, 0.0], "ENERGY": [2.0, 2.0], "TIME": [10.0, 50.0]})
    for name, unit in (("RA", "deg"), ("DEC", "deg"), ("ENERGY", "TeV"), ("TIME", "s")):
        table[name].unit = unit
    table.meta.update({"MJDREFI": 58000, "MJDREFF": 0.0, "TIMESYS": "TT"})
    axis = TimeMapAxis([0, 40] * u.s, [20, 60] * u.s, Time(58000, format="mjd", scale="tt"))
    counts = Map.create(npix=3, binsz=1, axes=[ENERGY, axis]).fill_events(EventList(table))
    assert counts.data.sum(axis=(1, 2, 3)).tolist() == [1, 1]

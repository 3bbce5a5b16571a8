"""Event lists: decoding, selections, stacking, files."""

import logging

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time

from gjax.data import GTI, EventList
from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.maps import MapAxis, RegionGeom


@pytest.fixture
def events(make, tmp_path):
    return EventList.read(make.fits(tmp_path / "events.fits.gz", make.event_hdu(number=200)))


def test_decoding(events):
    assert len(events) == 200
    assert events.energy.unit == u.TeV
    assert events.energy.dtype == np.float64
    assert all(events.table[name].dtype.isnative for name in events.table.colnames)
    assert events.radec.frame.name == "icrs"
    assert events.time.scale == "tt"
    assert events.time_ref.mjd == pytest.approx(51910.000742870370241)
    np.testing.assert_allclose((events.time - events.time_ref).to_value("s"), events.met.value, atol=1e-6)
    assert events.pointing_radec.dec.deg == 22.5
    np.testing.assert_allclose(events.offset.value, events.radec.separation(events.pointing_radec).deg)
    assert events.meta["TELESCOP"] == "TEST"
    assert "NAXIS1" not in events.meta
    assert events.energy is events.energy
    assert "200 events" in repr(events)


def test_right_ascension_outside_the_circle_is_wrapped(make, tmp_path):
    path = make.fits(tmp_path / "e.fits", make.event_hdu(number=2, RA=("E", "deg", [443.5, -276.5])))
    np.testing.assert_allclose(EventList.read(path).radec.ra.deg, [83.5, 83.5])


def test_select_energy(events):
    selected = events.select_energy(["1 TeV", "3 TeV"])
    mask = (events.energy >= 1 * u.TeV) & (events.energy < 3 * u.TeV)
    assert 0 < len(selected) == mask.sum() < len(events)
    assert len(events.select_energy([1000, 3000] * u.GeV)) == len(selected)
    with pytest.raises(UnitError, match="energy range"):
        events.select_energy([1, 3] * u.deg)
    with pytest.raises(ValueError, match="above the upper"):
        events.select_energy([3, 1] * u.TeV)
    with pytest.raises(ValueError, match="two limits"):
        events.select_energy([3] * u.TeV)


def test_select_time_and_gti(events):
    reference = events.time_ref
    interval = Time([reference + 5200 * u.s, reference + 5400 * u.s])
    selected = events.select_time(interval)
    assert 0 < len(selected) < len(events)
    assert selected.met.value.min() >= 5200 - 1e-5
    assert selected.met.value.max() < 5400 + 1e-5
    assert len(events.select_time([5200, 5400] * u.s)) == len(selected)
    gti = GTI.create([5200] * u.s, [5400] * u.s, reference)
    assert len(events.select_gti(gti)) == len(selected)


def test_select_region_and_offset(events):
    region = "icrs;circle(83.63, 22.01, 0.3)"
    selected = events.select_region(region)
    distance = events.radec.separation(SkyCoord(83.63, 22.01, unit="deg")).deg
    assert 0 < len(selected) == (distance < 0.3).sum()
    assert len(events.select_region(RegionGeom.create(region))) == len(selected)
    band = events.select_offset(["0.2 deg", "0.5 deg"])
    assert len(band) == ((events.offset.value >= 0.2) & (events.offset.value < 0.5)).sum() > 0


def test_select_parameter_mask_and_rows(events):
    assert len(events.select_parameter("EVENT_ID", [10, 20])) == 10
    assert len(events.select_parameter("EVENT_ID", [10, 20], is_range=False)) == 2
    assert len(events.select_parameter("ENERGY", [1, 2] * u.TeV)) == len(events.select_energy([1, 2] * u.TeV))
    assert len(events.select_mask(np.arange(200) < 7)) == 7
    assert len(events.select_row_subset(slice(0, 200, 2))) == 100
    with pytest.raises(ValueError, match="expected 200 booleans"):
        events.select_mask(np.ones(3, dtype=bool))
    with pytest.raises(DataFormatError, match="no column 'GAMMANESS'"):
        events.select_parameter("GAMMANESS", [0, 1])


def test_selecting_changes_nothing(events):
    before = events.table.copy()
    events.select_energy(["1 TeV", "3 TeV"]).select_offset(["0 deg", "1 deg"])
    assert all(np.array_equal(events.table[name], before[name]) for name in before.colnames)


def test_map_coord(events):
    axes = [MapAxis([0, 1, 2], name="offset", unit="deg"), MapAxis.from_energy_bounds("1 TeV", "9 TeV", 2)]
    coords = events.map_coord(RegionGeom.create(None, axes=axes))
    assert coords["energy"] is events.energy
    assert coords["offset"] is events.offset
    other = RegionGeom.create(None, axes=[MapAxis([0, 1], name="phase")])
    with pytest.raises(DataFormatError, match="no column 'PHASE'"):
        events.map_coord(other)


def test_stack_converts_times_and_units(events):
    table = events.table.copy()
    table["ENERGY"] = table["ENERGY"] * 1000
    table["ENERGY"].unit = "GeV"
    table["TIME"] = table["TIME"] - 86400
    table.meta["MJDREFI"] += 1
    table.remove_column("EVENT_ID")
    both = events.stack(EventList(table))
    assert len(both) == 400
    assert "EVENT_ID" not in both.table.colnames
    np.testing.assert_allclose(both.energy[200:], events.energy, rtol=1e-6)
    np.testing.assert_allclose(both.met[200:].value, events.met.value, atol=1e-5)
    assert both.time_ref.isclose(events.time_ref)
    with pytest.raises(ValueError, match="no event lists"):
        EventList.from_stack([])


def test_write_and_read_again(events, tmp_path):
    gti = GTI.create([5000] * u.s, [6000] * u.s, events.time_ref)
    events.write(tmp_path / "copy.fits", gti=gti)
    back = EventList.read(tmp_path / "copy.fits")
    assert back.table.colnames == events.table.colnames
    np.testing.assert_array_equal(back.energy, events.energy)
    assert back.meta["RA_PNT"] == 83.6
    assert GTI.read(tmp_path / "copy.fits").is_allclose(gti)


def test_empty_list(make, tmp_path):
    path = make.fits(tmp_path / "empty.fits", make.event_hdu(number=0))
    empty = EventList.read(path)
    assert len(empty) == 0
    assert empty.energy.shape == empty.radec.shape == empty.offset.shape == empty.time.shape == (0,)
    assert len(empty.select_energy(["1 TeV", "2 TeV"]).select_region("icrs;circle(83, 22, 1)")) == 0
    assert "no events" in repr(empty)


def test_missing_units_take_the_standard_ones(make, tmp_path):
    columns = {"ENERGY": ("E", None, [1.0]), "TIME": ("D", None, [5000.0]), "RA": ("E", None, [83.0])}
    path = make.fits(tmp_path / "e.fits", make.event_hdu(number=1, DEC=("E", None, [22.0]), **columns))
    events = EventList.read(path)
    assert events.energy[0] == 1 * u.TeV
    assert events.radec[0].dec.deg == 22
    assert events.met[0] == 5000 * u.s
    path = make.fits(tmp_path / "g.fits", make.event_hdu(number=1, EUNIT="GeV", DEC=("E", None, [22.0]), **columns))
    assert EventList.read(path).energy[0] == 1 * u.GeV


@pytest.mark.parametrize("name", ["TIME", "RA", "DEC", "ENERGY"])
def test_missing_columns(make, tmp_path, name):
    path = make.fits(tmp_path / "e.fits", make.event_hdu(**{name: None}))
    with pytest.raises(DataFormatError, match=rf"e.fits: HDU 'EVENTS': no column '{name}'; there are: EVENT_ID"):
        EventList.read(path)


@pytest.mark.parametrize(("name", "unit"), [("TIME", "m"), ("RA", "TeV"), ("DEC", "s"), ("ENERGY", "furlong")])
def test_wrong_units(make, tmp_path, name, unit):
    path = make.fits(tmp_path / "e.fits", make.event_hdu(number=1, **{name: ("D", unit, [1.0])}))
    with pytest.raises(UnitError, match=rf"e.fits: HDU 'EVENTS': column '{name}' is in '{unit}', expected a unit"):
        EventList.read(path)


def test_missing_pointing(make, tmp_path):
    path = make.fits(tmp_path / "e.fits", make.event_hdu(RA_PNT=None))
    with pytest.raises(DataFormatError, match=r"e.fits: HDU 'EVENTS': the keywords RA_PNT and DEC_PNT"):
        EventList.read(path).offset


def test_nan_energies_are_in_no_range(make, tmp_path):
    path = make.fits(tmp_path / "e.fits", make.event_hdu(number=2, ENERGY=("E", "TeV", [np.nan, 1.0])))
    events = EventList.read(path)
    assert len(events.select_energy([0, 1e9] * u.TeV)) == 1
    assert "1 to 1 TeV" in repr(events)
    assert "no finite energy" in repr(events.select_row_subset(slice(0, 1)))


def test_no_table(make, tmp_path):
    path = make.fits(tmp_path / "e.fits", make.event_hdu())
    with pytest.raises(DataFormatError, match="expected a binary table"):
        EventList.read(path, hdu=0)
    with pytest.raises(MissingDataError, match=r"no HDU 'PHOTONS'; the file has: PRIMARY, EVENTS"):
        EventList.read(path, hdu="PHOTONS")


def test_missing_time_system_is_tt(make, tmp_path, caplog):
    path = make.fits(tmp_path / "no_timesys.fits", make.event_hdu(TIMESYS=None))
    with caplog.at_level(logging.WARNING):
        assert EventList.read(path).time.scale == "tt"
    assert "TIMESYS is None, taken as 'TT'" in caplog.text


def test_table_needs_the_columns():
    with pytest.raises(DataFormatError, match="no column 'TIME'; there are: ENERGY"):
        EventList(Table({"ENERGY": [1.0] * u.TeV}))


@pytest.mark.data
def test_fermi_events(gammapy_data):
    path = gammapy_data / "fermi-3fhl-gc/fermi-3fhl-gc-events.fits.gz"
    events, gti = EventList.read(path), GTI.read(path)
    assert len(events) == 32843
    assert events.energy.unit == u.MeV
    assert events.energy[0].value == pytest.approx(12186.642, rel=1e-6)
    assert events.time[0].tt.mjd == pytest.approx(54682.82946153, abs=1e-7)
    assert len(gti) == 39042
    assert gti.time_sum.value == pytest.approx(183139597.9032163, abs=1e-3)
    assert gti.contains(events.time).all()
    assert events.select_row_subset(slice(0, 10)).table["EVENT_CLASS"].shape == (10, 32)

"""One observation: live time, pointing, laziness, selection; lists of observations."""

import logging
import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.data import GTI, EventList, Observation, Observations
from gjax.errors import DataFormatError, MissingDataError
from gjax.irf import EffectiveAreaTable2D

CRAB = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture
def observation(make, tmp_path):
    return Observation.read(make.run(tmp_path / "run.fits.gz", obs_id=7))


def test_read(observation):
    assert observation.obs_id == 7
    assert observation.available_hdus == ["events", "gti", "aeff"]
    assert observation.available_irfs == ["aeff"]
    assert isinstance(observation.events, EventList)
    assert isinstance(observation.aeff, EffectiveAreaTable2D)
    assert observation.psf is None
    assert observation.rad_max is None
    assert observation.events is observation.events
    assert observation.target_radec.ra.deg == 83.63
    assert observation.muoneff == 1
    assert observation.observatory_earth_location.lat.deg == pytest.approx(-23.3)
    assert "Crab" in observation.info()


def test_times(observation):
    assert observation.observation_time_duration == 1000 * u.s
    assert observation.observation_live_time_duration.value == pytest.approx(900)
    assert observation.observation_dead_time_fraction == pytest.approx(0.1)
    assert (observation.tmid - observation.tstart).to_value("s") == pytest.approx(500)


def test_nothing_is_read_before_it_is_asked_for(make, tmp_path):
    path = make.run(tmp_path / "run.fits")
    observation = Observation.read(path).unloaded()
    path.unlink()
    assert observation.available_irfs == ["aeff"]
    with pytest.raises(MissingDataError, match=r"observation 1, events: .*run.fits: no such file"):
        observation.events


def test_a_file_is_read_once(make, tmp_path):
    path = make.run(tmp_path / "run.fits")
    observation = Observation.read(path)
    path.unlink()
    assert len(observation.events) == 100
    assert observation.aeff.data.shape == (12, 3)
    assert len(observation.gti) == 1


def test_pickle_carries_paths_only(make, tmp_path):
    path = make.run(tmp_path / "run.fits", number=20000)
    observation = Observation.read(path)
    text = pickle.dumps(observation)
    assert len(text) < 5000
    assert len(pickle.loads(text).events) == 20000


def test_responses_from_another_file(make, tmp_path):
    events = make.fits(tmp_path / "events.fits", make.event_hdu(), make.gti_hdu())
    irfs = make.fits(tmp_path / "irfs.fits", make.aeff_hdu())
    observation = Observation.read(events, irfs)
    assert observation.available_irfs == ["aeff"]
    assert Observation.read(events).available_irfs == []
    with pytest.raises(MissingDataError, match="no HDU with events; the file has: PRIMARY, AEFF"):
        Observation.read(irfs)


def test_missing_parts_are_named(make, tmp_path):
    path = make.fits(tmp_path / "gti.fits", make.event_hdu())
    observation = Observation.read(path)
    simulated = Observation.create(CRAB, livetime="1 h", obs_id=3)
    with pytest.raises(MissingDataError, match="observation 3: no events; it has: gti"):
        simulated.events
    # without GTI, the time of the header
    assert observation.gti.time_sum == 1000 * u.s


def test_live_time_without_deadc(make, tmp_path, caplog):
    path = make.fits(tmp_path / "a.fits", make.event_hdu(obs_id=91, DEADC=None, LIVETIME=800.0), make.gti_hdu())
    with caplog.at_level(logging.WARNING):
        assert Observation.read(path).observation_live_time_duration.value == pytest.approx(800)
    assert "observation 91: no DEADC, LIVETIME / ONTIME = 0.8 is taken" in caplog.text
    path = make.fits(tmp_path / "b.fits", make.event_hdu(obs_id=92, DEADC=93.0, LIVETIME=None), make.gti_hdu())
    with caplog.at_level(logging.WARNING):
        assert Observation.read(path).observation_live_time_duration.value == 1000
    assert "observation 92: DEADC is 93.0 and no LIVETIME / ONTIME" in caplog.text


def test_empty_good_time(make, tmp_path):
    path = make.fits(tmp_path / "a.fits", make.event_hdu(), make.gti_hdu([], []))
    observation = Observation.read(path)
    assert observation.observation_live_time_duration == 0 * u.s
    with pytest.raises(ValueError, match="no good time interval"):
        observation.tstart


def test_drift_pointing(make, tmp_path):
    path = make.fits(tmp_path / "a.fits", make.event_hdu(OBS_MODE="DRIFT", ALT_PNT=70.0, AZ_PNT=180.0), make.gti_hdu())
    observation = Observation.read(path)
    middle = observation.get_pointing_icrs()
    start = observation.get_pointing_icrs(observation.tstart)
    assert middle.separation(start).deg == pytest.approx(500 / 3600 * 15.04 * np.cos(middle.dec.rad), rel=1e-2)
    assert observation.events.offset.shape == (100,)
    assert observation.events.pointing_radec.shape == (100,)
    assert observation.get_pointing_altaz().alt.deg == pytest.approx(70)


def test_create():
    observation = Observation.create(
        CRAB, tstart=10 * u.s, tstop="1 h", deadtime_fraction=0.25, obs_id=3, reference_time="2020-01-01"
    )
    assert observation.observation_time_duration == 3590 * u.s
    assert observation.observation_live_time_duration == 3590 * 0.75 * u.s
    assert observation.get_pointing_icrs().separation(CRAB).deg < 1e-9
    assert observation.tstart.isot.startswith("2020-01-01T00:00:10")
    with pytest.raises(ValueError, match="give livetime or tstop"):
        Observation.create(CRAB)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Observation.create(CRAB, livetime="1 h", deadtime_fraction=1.5)
    with pytest.raises(ValueError, match=r"unknown responses \['area'\]"):
        Observation.create(CRAB, livetime="1 h", irfs={"area": None})


def test_select_time(observation):
    interval = observation.tstart + [100, 400] * u.s
    part = observation.select_time(interval)
    assert part.observation_time_duration.value == pytest.approx(300)
    assert part.observation_live_time_duration.value == pytest.approx(270)
    assert 0 < len(part.events) < len(observation.events)
    assert part.gti.contains(part.events.time).all()
    assert part.meta["ONTIME"] == pytest.approx(300)
    assert observation.observation_time_duration == 1000 * u.s


def test_copy_replaces_parts(observation):
    gti, events = GTI.create([0] * u.s, [10] * u.s), observation.events
    changed = observation.copy(gti=gti, obs_id=8)
    assert (changed.obs_id, observation.obs_id) == (8, 7)
    assert changed.observation_time_duration == 10 * u.s
    assert changed.events is events


def test_wrong_pointing_names_the_observation(make, tmp_path):
    path = make.fits(tmp_path / "a.fits", make.event_hdu(obs_id=5, RA_PNT=None), make.gti_hdu())
    with pytest.raises(DataFormatError, match="observation 5, header of the events: the keywords RA_PNT and DEC_PNT"):
        Observation.read(path).get_pointing_icrs()


def test_observations(observation):
    other = Observation.create(CRAB, livetime="1 h", obs_id=3)
    both = Observations([observation, other])
    assert both.ids == ["7", "3"]
    assert both["3"] is both[1] is other
    assert both[[1]].ids == ["3"]
    assert both[np.array([True, False])].ids == ["7"]
    assert (both + Observations([observation])).ids == ["7", "3", "7"]
    assert both[:1].ids == ["7"]
    assert "3" in both
    with pytest.raises(KeyError, match="no observation '9'; there are: 7, 3"):
        both["9"]
    with pytest.raises(TypeError, match="expected Observation objects"):
        Observations([1])
    table = both.info_table()
    assert table["LIVETIME"].to_value("s").tolist() == pytest.approx([900, 3600])


def test_select_time_of_many(observation):
    times = observation.tstart + [[0, 500], [500, 1500]] * u.s
    parts = Observations([observation]).select_time(times)
    assert [part.observation_time_duration.value for part in parts] == pytest.approx([500, 500])
    assert len(parts[0].events) + len(parts[1].events) == 100
    assert len(Observations([observation]).select_time(times[0])) == 1
    assert len(Observations([observation]).select_time(times[0] + 1 * u.d)) == 0

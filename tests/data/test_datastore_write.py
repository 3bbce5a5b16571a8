"""Writing: strict files that read back the same."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.io import fits

from gjax.data import GTI, DataStore, FixedPointingInfo, Observation, write_datastore

CRAB = SkyCoord(83.63, 22.01, unit="deg")
# GADF 0.3, mandatory header keywords of an event list
MANDATORY = (
    "HDUCLASS HDUDOC HDUVERS HDUCLAS1 OBS_ID TSTART TSTOP ONTIME LIVETIME DEADC OBS_MODE RA_PNT DEC_PNT EQUINOX "
    "RADECSYS ORIGIN TELESCOP INSTRUME CREATOR MJDREFI MJDREFF TIMEUNIT TIMESYS TIMEREF GEOLON GEOLAT ALTITUDE"
)


@pytest.fixture
def observation(make, tmp_path):
    return Observation.read(make.run(tmp_path / "in.fits.gz", obs_id=7))


def test_observation_round_trip(observation, tmp_path):
    observation.write(tmp_path / "out.fits.gz")
    back = Observation.read(tmp_path / "out.fits.gz")
    for name in ("TIME", "RA", "DEC", "ENERGY", "EVENT_ID"):
        np.testing.assert_array_equal(back.events.table[name], observation.events.table[name])
    assert back.gti.is_allclose(observation.gti, atol=0)
    assert back.observation_live_time_duration == observation.observation_live_time_duration
    assert back.get_pointing_icrs().separation(observation.get_pointing_icrs()).deg == 0
    np.testing.assert_array_equal(back.aeff.data, observation.aeff.data)
    assert back.meta["OBJECT"] == "Crab"
    with pytest.raises(FileExistsError, match="overwrite=True"):
        observation.write(tmp_path / "out.fits.gz")
    observation.write(tmp_path / "out.fits.gz", include_irfs=False, overwrite=True)
    assert Observation.read(tmp_path / "out.fits.gz").available_irfs == []


def test_headers_are_complete(observation, tmp_path):
    observation.write(tmp_path / "out.fits")
    with fits.open(tmp_path / "out.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "EVENTS", "GTI", "EFFECTIVE AREA"]
        header = hdus["EVENTS"].header
        assert [key for key in MANDATORY.split() if key not in header] == []
        assert (header["HDUVERS"], header["HDUCLAS1"]) == ("0.3", "EVENTS")
        columns = {c.name: (c.format, c.unit) for c in hdus["EVENTS"].columns}
        assert columns["EVENT_ID"] == ("K", None)
        assert columns["TIME"] == ("D", "s")
        assert columns["ENERGY"] == ("E", "TeV")
        assert {"MJDREFI", "MJDREFF", "TIMESYS", "HDUCLAS1"} <= set(hdus["GTI"].header)
        hdus.verify("exception")


def test_lenient_input_becomes_strict_output(make, tmp_path):
    """Energies in GeV, angles beyond 360 deg, times in another reference and no event numbers."""
    columns = {"ENERGY": ("E", "GeV", [1500.0]), "RA": ("D", None, [443.6]), "DEC": ("D", None, [22.0])}
    columns |= {"TIME": ("D", "s", [5500.0 - 86400]), "EVENT_ID": None}
    keywords = {"MJDREFI": 51911, "TELESCOP": None, "TIMEZERO": 0.0, "OBS_MODE": "WOBBLE"}
    path = make.fits(tmp_path / "a.fits", make.event_hdu(number=1, **columns, **keywords), make.gti_hdu())
    observation = Observation.read(path)
    observation.write(tmp_path / "b.fits")
    with fits.open(tmp_path / "b.fits") as hdus:
        row, header = hdus["EVENTS"].data[0], hdus["EVENTS"].header
        assert row["ENERGY"] == np.float32(1.5)
        assert row["RA"] == pytest.approx(83.6)
        assert row["TIME"] == pytest.approx(5500, abs=1e-5)
        assert row["EVENT_ID"] == 0
        assert (header["MJDREFI"], header["TELESCOP"], header["OBS_MODE"]) == (51910, "UNKNOWN", "POINTING")
    assert Observation.read(tmp_path / "b.fits").events.time[0].isclose(observation.events.time[0], 1e-4 * u.s)


def test_simulated_and_drift_observations(tmp_path):
    site = EarthLocation.from_geodetic(16.5 * u.deg, -23.3 * u.deg, 1800 * u.m)
    drift = FixedPointingInfo(fixed_altaz=SkyCoord(alt=70, az=180, unit="deg", frame="altaz"))
    observation = Observation.create(drift, livetime="1 h", obs_id=3, location=site, reference_time="2015-01-01")
    observation.write(tmp_path / "out.fits")
    back = Observation.read(tmp_path / "out.fits")
    assert len(back.events) == 0
    assert back.pointing.mode.name == "DRIFT"
    assert back.get_pointing_icrs().separation(observation.get_pointing_icrs()).deg < 1e-5
    assert back.observation_time_duration == 3600 * u.s


def test_overlapping_good_time_is_not_written(observation, tmp_path):
    gti = GTI.create([0, 50] * u.s, [100, 200] * u.s)
    with pytest.raises(ValueError, match="overlap"):
        observation.copy(gti=gti).write(tmp_path / "out.fits")
    assert not (tmp_path / "out.fits").exists()


def test_store_round_trip(store_folder, tmp_path):
    observations = DataStore.from_dir(store_folder).get_observations(required_irf=["aeff"])
    store = write_datastore(observations, tmp_path / "new")
    assert store.obs_ids == [1, 2]
    assert store.obs_table["EVENT_COUNT"].tolist() == [100, 100]
    assert store.obs_table["TSTART"].tolist() == [5000, 5000]
    for old, new in zip(observations, store.get_observations(required_irf=["aeff"])):
        np.testing.assert_array_equal(old.events.energy, new.events.energy)
        np.testing.assert_array_equal(old.aeff.data, new.aeff.data)
    assert [r for r in store.check() if "missing in" not in r["msg"]] == []
    with fits.open(tmp_path / "new" / "obs-index.fits.gz") as hdus:
        assert hdus[1].header["HDUCLAS2"] == "OBS"
        assert hdus[1].header["HDUVERS"] == "0.3"
        assert {"OBS_ID", "OBS_MODE", "RA_PNT", "DEC_PNT", "ALT_PNT", "AZ_PNT", "TSTART", "TSTOP"} <= set(
            hdus[1].columns.names
        )
        assert "SOURCE" not in hdus[1].header
    # the folder can move
    (tmp_path / "new").rename(tmp_path / "moved")
    assert len(DataStore.from_dir(tmp_path / "moved").obs(1, required_irf=["aeff"]).events) == 100


def test_store_is_not_overwritten_by_accident(store_folder, tmp_path):
    observations = DataStore.from_dir(store_folder).get_observations(required_irf=["aeff"])
    write_datastore(observations, tmp_path / "new")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_datastore(observations, tmp_path / "new")
    assert len(write_datastore(observations[:1], tmp_path / "new", overwrite=True).obs_ids) == 1
    with pytest.raises(ValueError, match="different numbers"):
        write_datastore([observations[0], observations[0]], tmp_path / "other")
    with pytest.raises(ValueError, match="different numbers"):
        write_datastore([], tmp_path / "other")


@pytest.mark.data
@pytest.mark.parametrize("name", ["hess-dl3-dr1", "magic/rad_max/data"])
def test_real_runs(gammapy_data, tmp_path, name):
    store = DataStore.from_dir(gammapy_data / name)
    required = ["aeff", "edisp"]
    originals = store.get_observations(store.obs_ids[:1], required_irf=required)
    (written,) = write_datastore(originals, tmp_path).get_observations(required_irf=required)
    original = originals[0]
    np.testing.assert_array_equal(written.events.energy, original.events.energy)
    np.testing.assert_allclose(written.events.met.value, original.events.met.value, atol=0)
    assert written.available_irfs == original.available_irfs
    for irf in written.available_irfs:
        np.testing.assert_array_equal(getattr(written, irf).data, getattr(original, irf).data)
    assert written.observation_live_time_duration.value == pytest.approx(original.observation_live_time_duration.value)
    assert written.tstart.isclose(original.tstart, 1e-6 * u.s)

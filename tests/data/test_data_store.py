"""Data stores: indices, selections, and the real data of four instruments."""

import logging

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.data import DataStore, HDUIndexTable, Observation, ObservationTable
from gjax.data.times import warn_once
from gjax.errors import DataFormatError, MissingDataError


def test_store(store_folder):
    store = DataStore.from_dir(store_folder)
    assert store.obs_ids == [1, 2]
    assert "events: 2" in store.info()
    observations = store.get_observations(required_irf=["aeff"])
    assert observations.ids == ["1", "2"]
    assert len(observations["2"].events) == 100
    assert observations["2"].meta["RA_PNT"] == 83.6
    assert store.obs(1, required_irf="all-optional").obs_id == 1


def test_variables_in_the_path(store_folder, monkeypatch):
    monkeypatch.setenv("MY_STORE", str(store_folder))
    assert len(DataStore.from_dir("$MY_STORE").obs_table) == 2
    with pytest.raises(MissingDataError, match="NOT_THERE is not set"):
        DataStore.from_dir("$NOT_THERE/store")


def test_missing_folder_and_index(tmp_path, make, caplog):
    with pytest.raises(MissingDataError, match="nowhere: no such folder"):
        DataStore.from_dir(tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match=r"hdu-index.fits.gz: no such file"):
        DataStore.from_dir(tmp_path)
    folder = make.store(tmp_path / "store")
    (folder / "obs-index.fits.gz").unlink()
    with caplog.at_level(logging.WARNING):
        store = DataStore.from_dir(folder)
    assert "no observation index" in caplog.text
    assert store.obs_table["OBS_ID"].tolist() == [1, 2]


def test_required_parts(store_folder):
    store = DataStore.from_dir(store_folder)
    with pytest.raises(
        MissingDataError, match=r"observation 1: no edisp, psf, bkg in the HDU index; it has: events, gti"
    ):
        store.obs(1)
    with pytest.raises(MissingDataError, match="no edisp"):
        store.get_observations(required_irf="point-like")
    assert len(store.get_observations(skip_missing=True)) == 0
    with pytest.raises(MissingDataError, match=r"no observation 9.*skip_missing=True"):
        store.get_observations([1, 9], required_irf="all-optional")
    assert store.get_observations([1, 9], skip_missing=True, required_irf=[]).ids == ["1"]
    with pytest.raises(ValueError, match="required_irf is 'full'"):
        store.obs(1, required_irf="full")
    with pytest.raises(ValueError, match="area"):
        store.obs(1, required_irf=["area"])


def test_index_columns(store_folder, make):
    make.fits(store_folder / "hdu-index.fits.gz", make.table_hdu("HDU_INDEX", [("OBS_ID", "K", None, [1])], {}))
    with pytest.raises(
        DataFormatError, match=r"hdu-index.fits.gz: index table without column 'HDU_TYPE'; it has: OBS_ID"
    ):
        DataStore.from_dir(store_folder)
    make.fits(store_folder / "obs-index.fits.gz", make.table_hdu("OBS_INDEX", [("A", "K", None, [1])], {}))
    with pytest.raises(DataFormatError, match="without column 'OBS_ID'"):
        ObservationTable.read(store_folder / "obs-index.fits.gz")


def test_keywords_come_from_the_index_where_the_header_has_none(make, tmp_path):
    folder = tmp_path / "store"
    (folder / "data").mkdir(parents=True)
    make.run(folder / "data" / "run_1.fits.gz", 1, RA_PNT=None, DEC_PNT=None, DEADC=None)
    make.store(folder, ids=(1,), columns=[("DEADC", "D", None, [0.8])])
    observation = DataStore.from_dir(folder).obs(1, required_irf=[])
    assert observation.get_pointing_icrs().dec.deg == 22.5
    assert observation.observation_live_time_duration.value == pytest.approx(800)
    assert observation.events.pointing_radec.dec.deg == 22.5
    assert observation.events.meta["LIVETIME"] == 900


def test_selections(store_folder):
    table = DataStore.from_dir(store_folder).obs_table
    near = SkyCoord(83.6, 22.0, unit="deg")
    assert len(table.select_sky_circle(near, "1 deg")) == 2
    assert len(table.select_sky_circle(near, 0.4 * u.deg)) == 0
    assert len(table.select_sky_circle(near, 0.4 * u.deg, inverted=True)) == 2
    assert isinstance(table.select_sky_circle(near, "1 deg"), ObservationTable)
    start = table.time_ref
    assert table.select_time_range([start, start + 6500 * u.s])["OBS_ID"].tolist() == [1]
    overlap = table.select_time_range([start + 5500 * u.s, start + 7500 * u.s], partial_overlap=True)
    assert overlap["OBS_ID"].tolist() == [1, 2]
    assert table.select_obs_id([2, 1])["OBS_ID"].tolist() == [2, 1]
    assert table.select_range("OBS_ID", [2, 5])["OBS_ID"].tolist() == [2]
    assert table.select_range("TSTART", [1.5, 2] * u.h)["OBS_ID"].tolist() == [2]
    with pytest.raises(MissingDataError, match=r"no observations \[7\]"):
        table.select_obs_id(7)
    circle = {"type": "sky_circle", "frame": "icrs", "lon": "83.6 deg", "lat": "22 deg", "radius": "1 deg"}
    box = {"type": "par_box", "variable": "OBS_ID", "value_range": [0, 2], "inverted": True}
    assert table.select_observations([circle, box])["OBS_ID"].tolist() == [2]
    with pytest.raises(ValueError, match="expected type sky_circle, time_box or par_box"):
        table.select_observations({"type": "cone"})


def test_from_events_files(make, tmp_path, monkeypatch):
    paths = [make.run(tmp_path / f"run_{i}.fits.gz", i) for i in (4, 5)]
    store = DataStore.from_events_files(paths)
    assert store.obs_ids == [4, 5]
    assert store.obs(5, required_irf=["aeff"]).aeff.data.max() == 1e5
    assert store.obs_table["EVENT_COUNT"].tolist() == [100, 100]
    assert store.obs_table.select_time_range([store.obs_table.time_ref, store.obs_table.time_ref + 1 * u.d])["OBS_ID"].tolist() == [4, 5]  # fmt: skip  # noqa: E501
    # responses from $CALDB, as CTA 1DC names them
    bare = make.fits(
        tmp_path / "bare.fits", make.event_hdu(6, CALDB="1dc", IRF="South", TELESCOP="CTA"), make.gti_hdu()
    )
    folder = tmp_path / "caldb/data/cta/1dc/bcf/South"
    folder.mkdir(parents=True)
    make.fits(folder / "irf.fits", make.aeff_hdu())
    assert "aeff" not in DataStore.from_events_files([bare]).obs(6, required_irf=[]).available_irfs
    monkeypatch.setenv("CALDB", str(tmp_path / "caldb"))
    assert DataStore.from_events_files([bare]).obs(6, required_irf=["aeff"]).aeff.data.max() == 1e5
    given = DataStore.from_events_files([bare], irfs_paths=paths[0])
    assert given.hdu_table["FILE_NAME"].tolist() == ["bare.fits", "bare.fits", "run_4.fits.gz"]


def test_from_events_files_refuses(make, tmp_path):
    path = make.run(tmp_path / "run.fits", 4)
    with pytest.raises(TypeError, match="list of paths"):
        DataStore.from_events_files(path)
    with pytest.raises(ValueError, match="empty"):
        DataStore.from_events_files([])
    with pytest.raises(ValueError, match="2 paths for 1 event files"):
        DataStore.from_events_files([path], [path, path])
    with pytest.raises(DataFormatError, match=r"different observation numbers, repeated: \[4\]"):
        DataStore.from_events_files([path, path])
    with pytest.raises(MissingDataError, match=r"none.fits: no such file"):
        DataStore.from_events_files([tmp_path / "none.fits"])


def test_observations_share_files(make, tmp_path):
    folder = tmp_path / "store"
    (folder / "data").mkdir(parents=True)
    rows = []
    make.fits(folder / "data" / "irf.fits", make.aeff_hdu())
    for i in (1, 2):
        make.fits(folder / "data" / f"e{i}.fits", make.event_hdu(i), make.gti_hdu())
        for kind in ("EVENTS", "GTI"):
            rows.append((i, kind.lower(), kind.lower(), "data", f"e{i}.fits", kind))
        rows.append((i, "aeff", "aeff_2d", "data", "irf.fits", "AEFF"))
    make.store(folder, rows=rows)
    first, second = DataStore.from_dir(folder).get_observations(required_irf=["aeff"])
    assert first.locations["aeff"].file is second.locations["aeff"].file
    assert first.locations["events"].file is first.locations["gti"].file


# ---- real data ----


@pytest.mark.data
def test_hess(gammapy_data):
    store = DataStore.from_dir(gammapy_data / "hess-dl3-dr1")
    assert len(store.obs_table) == len(store.obs_ids) == 74
    crab = SkyCoord(83.63, 22.01, unit="deg")
    assert store.obs_table.select_sky_circle(crab, "2 deg")["OBS_ID"].tolist() == [23523, 23526, 23559, 23592]
    observations = store.get_observations([23523, 23526, 23559, 23592])
    assert [len(obs.events) for obs in observations] == [7613, 7581, 7601, 7334]
    assert [obs.observation_time_duration.value for obs in observations] == pytest.approx([1687, 1683, 1686, 1686])
    live = [obs.observation_live_time_duration.value for obs in observations]
    assert live == pytest.approx([1581.73681640625, 1572.68664550781, 1578.1, 1581.3], rel=1e-4)
    assert observations[0].get_pointing_icrs().dec.deg == pytest.approx(21.514444444444)
    assert observations[0].tstart.isot == "2004-12-04T22:08:10.184"
    assert observations[0].observatory_earth_location.lon.deg == pytest.approx(16.5002222222)
    assert observations[0].muoneff == pytest.approx(0.907074809074402)
    assert observations[0].available_irfs == ["aeff", "edisp", "psf", "bkg"]
    assert observations[0].bkg.data.shape == (20, 50, 50)


@pytest.mark.data
def test_minimal_store(gammapy_data):
    store = DataStore.from_dir(gammapy_data / "tests/minimal_datastore")
    assert [obs.observation_time_duration.value for obs in store.get_observations()] == pytest.approx([1687, 1683])


@pytest.mark.data
def test_cta_1dc(gammapy_data):
    store = DataStore.from_dir(gammapy_data / "cta-1dc/index/gps")
    observations = store.get_observations()
    assert observations.ids == ["110380", "111140", "111159", "111630"]
    first = observations[0]
    assert len(first.events) == 106217
    assert first.observation_time_duration.value == pytest.approx(1800)
    assert first.observation_live_time_duration.value == pytest.approx(1764, rel=1e-6)
    assert first.get_pointing_icrs().ra.deg == pytest.approx(267.68121338)
    # right ascension in the file is negative; MC_ID is kept
    assert first.events.radec.ra.deg.min() >= 0
    assert first.events.offset.max().value < 5.1
    assert "MC_ID" in first.events.table.colnames
    assert first.tstart.isot == "2021-01-21T12:00:00.000"
    assert first.locations["psf"].file is observations[1].locations["psf"].file


@pytest.mark.data
def test_magic(gammapy_data):
    store = DataStore.from_dir(gammapy_data / "magic/rad_max/data")
    observations = store.get_observations(required_irf=["aeff", "edisp", "rad_max"])
    assert [len(obs.events) for obs in observations] == [11189, 11701]
    assert observations[0].observation_live_time_duration.value == pytest.approx(1178.06621791733, rel=1e-6)
    assert observations[0].tstart.scale == "utc"
    assert observations[0].tstart.isot == "2013-10-04T04:20:49.435"
    assert observations[0].rad_max.data.shape == (20, 1)
    inside = observations[0].events.select_rad_max(observations[0].rad_max, SkyCoord(83.63, 22.01, unit="deg"))
    assert 700 < len(inside) < 1200


@pytest.mark.data
def test_magic_joint_crab(gammapy_data):
    """The index names two runs, one file is there; TIMESYS is lower case; the cut is a header keyword."""
    store = DataStore.from_dir(gammapy_data / "joint-crab/dl3/magic")
    with pytest.raises(MissingDataError, match=r"run_05029747_DL3.fits: no such file"):
        store.get_observations(required_irf="point-like")
    (observation,) = store.get_observations(required_irf="point-like", skip_missing=True)
    assert observation.obs_id == 5029748
    assert len(observation.events) == 5799
    assert observation.observation_time_duration.value == pytest.approx(1184)
    assert observation.events.time.scale == "utc"
    assert observation.rad_max is not None


@pytest.mark.data
@pytest.mark.parametrize(("kind", "count"), [("NN", 3886), ("GP", 3687)])
def test_hawc(gammapy_data, kind, count, caplog):
    """One index HDU per bin of event size; the number in the header is text; drift scan; times in TAI."""
    warn_once.cache_clear()
    folder = gammapy_data / "hawc/crab_events_pass4"
    obs_table = ObservationTable.read(folder / f"obs-index-table-{kind}-Crab.fits.gz")
    hdu_table = HDUIndexTable.read(folder / f"hdu-index-table-{kind}-Crab.fits.gz", hdu=6)
    with caplog.at_level(logging.WARNING):
        (observation,) = DataStore(hdu_table, obs_table).get_observations()
        gti = observation.gti
    assert observation.obs_id == 103000133
    assert len(observation.events) == count
    assert observation.events.time.scale == "tai"
    assert observation.pointing.mode.name == "DRIFT"
    assert gti.time_sum.value == pytest.approx(4884384.670456409, rel=1e-6)
    assert not gti.is_overlapping
    assert "intervals overlap, merged" in caplog.text
    np.testing.assert_array_less(observation.events.radec.separation(SkyCoord(83.63, 22.01, unit="deg")).deg, 8)


@pytest.mark.data
def test_hawc_index_of_responses(gammapy_data, caplog):
    """Numbers written as text, or no numbers at all; several tables in one file."""
    folder = gammapy_data / "hawc/crab_events_pass4"
    names = [f"{kind}-index-table-GP-no-events.fits.gz" for kind in ("hdu", "obs")]
    with caplog.at_level(logging.WARNING):
        store = DataStore.from_dir(folder, *names)
    assert store.obs_ids == [1, 2, 3]
    assert "OBS_ID holds text that is no number" in caplog.text
    observations = store.get_observations(required_irf=["aeff"], require_events=False, skip_missing=True)
    assert all(obs.available_irfs == ["aeff", "edisp", "psf", "bkg"] for obs in observations)
    assert any(r["obs_id"] is None and "OBS_ID is not a number" in r["msg"] for r in store.check([]))
    with pytest.raises(DataFormatError, match="OBS_ID is not a number"):
        store.obs_table.select_obs_id(1)
    with caplog.at_level(logging.WARNING):
        HDUIndexTable.read(folder / "hdu-index-table-GP-Crab.fits.gz")
    assert "9 tables, the first is read" in caplog.text


@pytest.mark.data
def test_one_file_without_index(gammapy_data):
    observation = Observation.read(gammapy_data / "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_023523.fits.gz")
    assert observation.available_irfs == ["aeff", "edisp", "psf", "bkg"]
    assert observation.psf.data.shape == (32, 6, 144)

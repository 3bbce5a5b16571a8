"""Damaged files: every error names the observation, the file and what is wrong."""

import numpy as np
import pytest
from astropy.io import fits

from gjax.data import DataStore, EventList, Observation
from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.fits import load_fits, open_fits, read_table, table_columns


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("keep", [0.02, 0.3, 0.6, 0.9, 0.95])
def test_truncated_content(make, tmp_path, suffix, keep):
    path = make.fits(tmp_path / f"run{suffix}", make.gti_hdu(), make.event_hdu(number=1000))
    make.truncate(path, keep)
    with pytest.raises(DataFormatError, match=rf"run{suffix}: (truncated in|not a complete FITS file)"):
        load_fits(path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_gzip_stream(make, tmp_path, keep):
    path = make.truncate(make.run(tmp_path / "run.fits.gz"), keep, compressed=True)
    with pytest.raises(DataFormatError, match=r"run.fits.gz: not a complete FITS file"):
        EventList.read(path)


@pytest.mark.parametrize("content", [b"", b"not FITS at all", b"\x1f\x8bnonsense", b"SIMPLE  =                    T"])
def test_no_fits(tmp_path, content):
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=r"x.fits: not a complete FITS file"):
        EventList.read(path)


def test_truncation_names_the_hdu(make, tmp_path):
    path = make.fits(tmp_path / "run.fits", make.event_hdu(number=2000))
    make.truncate(path, 0.7)
    with pytest.raises(DataFormatError, match=r"truncated in HDU 'EVENTS': \d+ of 56000 bytes are there"):
        EventList.read(path)


def test_padding_may_be_missing(make, tmp_path):
    path = make.fits(tmp_path / "run.fits", make.event_hdu(number=100))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 2880 * 1 + (100 * 28) % 2880])
    assert len(EventList.read(path)) == 100


def test_index_rows_pointing_nowhere(make, tmp_path):
    rows = [(1, kind, kind, "data", "gone.fits", kind.upper()) for kind in ("events", "gti")]
    folder = make.store(tmp_path / "store", ids=(1,), rows=rows)
    store = DataStore.from_dir(folder)
    with pytest.raises(MissingDataError, match=r"observation 1, events: .*gone.fits: no such file"):
        store.obs(1, required_irf=[])
    observation = store.obs(1, required_irf=[], require_events=False)
    with pytest.raises(MissingDataError, match=r"observation 1, events: .*gone.fits: no such file"):
        observation.events


def test_missing_hdus(make, tmp_path):
    folder = tmp_path / "store"
    (folder / "data").mkdir(parents=True)
    make.fits(folder / "data/run_1.fits.gz", make.event_hdu(), make.aeff_hdu())
    store = DataStore.from_dir(make.store(folder, ids=(1,)))
    observation = store.obs(1, required_irf=["aeff"])
    assert len(observation.events) == 100
    with pytest.raises(
        MissingDataError, match=r"observation 1, gti: .*no HDU 'GTI'; the file has: PRIMARY, EVENTS, AEFF"
    ):
        observation.gti


def test_wrong_kind_of_hdu(make, tmp_path):
    rows = [(1, "events", "events", "data", "run_1.fits", "GTI"), (1, "gti", "gti", "data", "run_1.fits", "AEFF")]
    rows += [
        (1, "aeff", "aeff_2d", "data", "run_1.fits", "EVENTS"),
        (1, "psf", "psf_new", "data", "run_1.fits", "AEFF"),
    ]
    folder = tmp_path / "store"
    (folder / "data").mkdir(parents=True)
    make.run(folder / "data/run_1.fits")
    observation = DataStore.from_dir(make.store(folder, ids=(1,), rows=rows)).obs(1, required_irf=[])
    with pytest.raises(DataFormatError, match=r"observation 1, events: .*HDU 'GTI': no column 'TIME'"):
        observation.events
    with pytest.raises(DataFormatError, match=r"observation 1, gti: .*HDU 'AEFF': no column 'START'"):
        observation.gti
    with pytest.raises(DataFormatError, match=r"observation 1, aeff: .*HDU 'EVENTS'"):
        observation.aeff
    with pytest.raises(DataFormatError, match=r"observation 1, psf: .*unknown response class 'psf_new'"):
        observation.psf


def test_wrong_units_in_a_store(make, tmp_path):
    folder = tmp_path / "store"
    (folder / "data").mkdir(parents=True)
    make.run(folder / "data/run_1.fits.gz", number=1, ENERGY=("E", "m", [1.0]))
    observation = DataStore.from_dir(make.store(folder, ids=(1,))).obs(1, required_irf=[])
    message = (
        r"observation 1, events: .*run_1.fits.gz: HDU 'EVENTS': column 'ENERGY' is in 'm', expected a unit like 'TeV'"
    )
    with pytest.raises(UnitError, match=message):
        observation.events


def test_damaged_index(store_folder, make):
    make.truncate(store_folder / "hdu-index.fits.gz", 0.7)
    with pytest.raises(DataFormatError, match=r"hdu-index.fits.gz: truncated in"):
        DataStore.from_dir(store_folder)
    make.fits(store_folder / "hdu-index.fits.gz")
    with pytest.raises(MissingDataError, match="no index table"):
        DataStore.from_dir(store_folder)


def test_several_rows_of_one_type(make, tmp_path, caplog):
    folder = make.store(tmp_path / "store", ids=(1,))
    rows = [(1, kind, kind, "data", "run_1.fits.gz", kind.upper()) for kind in ("events", "gti", "events")]
    store = DataStore.from_dir(make.store(folder, ids=(1,), rows=rows))
    assert len(store.obs(1, required_irf=[]).events) == 100
    assert "several rows of type 'events'" in caplog.text


def test_tables_read_as_they_are(make, tmp_path):
    columns = [
        ("TEXT", "8A", None, ["a", "bb  "]),
        ("FLAG", "L", None, [True, False]),
        ("UNIT", "E", "1/s/MeV/sr", [1, 2]),
        ("ODD", "D", "no such unit", [1, 2]),
    ]
    path = make.fits(tmp_path / "t.fits", make.table_hdu("T", columns, {"COMMENT": "hello", "OBS_ID": 5}))
    with open_fits(path) as hdus:
        table = read_table(hdus["T"], path)
    assert table["TEXT"].tolist() == ["a", "bb"]
    assert table["FLAG"].tolist() == [True, False]
    assert table["UNIT"].unit.is_equivalent("s-1 TeV-1 sr-1")
    assert str(table["ODD"].unit) == "no such unit"
    assert table.meta["OBS_ID"] == 5
    assert table.meta["COMMENT"] == ["hello"]
    assert not table.masked


def test_observation_read_of_a_missing_file(tmp_path):
    with pytest.raises(MissingDataError, match=r"none.fits: no such file"):
        Observation.read(tmp_path / "none.fits")


NUMBERS = [
    fits.Column("A", "K", array=np.arange(3)),
    fits.Column("B", "B", array=np.arange(3, dtype="u1")),
    fits.Column("C", "6E", unit="TeV", dim="(3,2)", array=np.arange(18.0).reshape(3, 2, 3)),
    fits.Column("D", "4D", array=np.ones((3, 4))),
]
OTHERS = {
    "text": fits.Column("T", "5A", array=["a", "b", "c"]),
    "bool": fits.Column("T", "L", array=[True, False, True]),
    "unsigned": fits.Column("T", "I", bzero=32768, array=np.arange(3, dtype="u2")),
    "null": fits.Column("T", "J", null=-1, array=[1, -1, 2]),
}


@pytest.mark.parametrize("other", ["", *OTHERS])
@pytest.mark.parametrize("rows", [3, 0])
def test_columns_are_those_of_astropy(tmp_path, other, rows):
    columns = [*NUMBERS, OTHERS[other]] if other else NUMBERS
    table = fits.BinTableHDU.from_columns(columns)
    table.data = table.data[:rows]
    table.writeto(tmp_path / "t.fits")
    with open_fits(tmp_path / "t.fits") as hdus:
        found = table_columns(hdus[1])
        data = hdus[1].data
        assert list(found) == data.names
        for name, (values, unit) in found.items():
            assert values.dtype == data[name].dtype
            np.testing.assert_array_equal(values, data[name])
            assert unit == hdus[1].columns[name].unit


def test_columns_that_were_changed_in_memory(tmp_path):
    fits.BinTableHDU.from_columns(NUMBERS).writeto(tmp_path / "t.fits")
    with open_fits(tmp_path / "t.fits") as hdus:
        hdus[1].data["A"] += 1
        np.testing.assert_array_equal(table_columns(hdus[1])["A"][0], [1, 2, 3])

"""Health check of a data store."""

import numpy as np
import pytest

from gjax.data import DataStore


def check(make, folder, hdus=None, ids=(1,), **kwargs):
    """Records of a store of one run made of the given HDUs, as (level, hdu, message)."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if hdus is not None:
        make.fits(folder / "data" / "run_1.fits.gz", *hdus)
    store = DataStore.from_dir(make.store(folder, ids=ids, **kwargs))
    records = store.check()
    assert all(set(record) == {"level", "obs_id", "hdu", "msg"} for record in records)
    return [(r["level"], r["hdu"], r["msg"]) for r in records if "missing in the HDU index" not in r["msg"]]


def test_a_healthy_store(make, tmp_path):
    assert check(make, tmp_path) == []


def test_missing_responses_are_warnings(make, store_folder):
    records = DataStore.from_dir(store_folder).check(obs_id=1)
    assert [(r["level"], r["obs_id"], r["hdu"]) for r in records] == [
        ("warning", 1, h) for h in ("edisp", "psf", "bkg")
    ]


@pytest.mark.parametrize(
    ("events", "gti", "expected"),
    [
        ({"number": 0}, {}, ("error", "events", "no events")),
        ({"number": 100, "ENERGY": ("E", "TeV", np.full(100, np.nan))}, {}, ("error", "events", "100 of 100 values")),
        ({"number": 100, "ENERGY": ("E", "TeV", np.zeros(100))}, {}, ("error", "events", "energies are not positive")),
        ({"number": 100, "EVENT_ID": ("K", None, np.arange(100) // 2)}, {}, ("warning", "events", "50 of 100")),
        ({}, {"start": [5000], "stop": [5500]}, ("warning", "events", "events outside the good time")),
        ({}, {"start": [5000], "stop": [5500]}, ("warning", "gti", "ONTIME is 1000 s, the good time 500 s")),
        ({}, {"start": [], "stop": []}, ("error", "gti", "no good time")),
        ({"LIVETIME": 500.0}, {}, ("warning", "events", "LIVETIME is 500 s, DEADC x ONTIME 900 s")),
        ({"LIVETIME": 1500.0}, {}, ("error", "events", "is longer than ONTIME")),
        ({"DEADC": 90.0}, {}, ("error", "events", "DEADC is 90, expected")),
        ({"LIVETIME": None}, {}, ("warning", "events", "no keyword LIVETIME")),
        ({"RA_PNT": 84.0}, {}, ("warning", "obs-index", "RA_PNT is 83.60000 deg, in the file 84.00000 deg")),
        ({"OBS_ID": 5}, {}, ("warning", "events", "OBS_ID in the header is '5'")),
        ({"number": 90}, {}, ("warning", "obs-index", "EVENT_COUNT is 100, the file has 90")),
        ({"ENERGY": None}, {}, ("error", "events", "no column 'ENERGY'")),
    ],
)  # fmt: skip
def test_faults_are_found(make, tmp_path, events, gti, expected):
    records = check(make, tmp_path, [make.event_hdu(**events), make.gti_hdu(**gti), make.aeff_hdu()])
    level, hdu, message = expected
    assert any(r[:2] == (level, hdu) and message in r[2] for r in records), records


def test_missing_file_hdu_and_truncation(make, tmp_path):
    rows = [(1, "events", "events", "data", "gone.fits", "EVENTS")]
    records = check(make, tmp_path / "a", rows=rows)
    assert any(r[:2] == ("error", "events") and "gone.fits: no such file" in r[2] for r in records)
    records = check(make, tmp_path / "b", [make.event_hdu(), make.gti_hdu()])
    assert any(r[:2] == ("error", "aeff") and "no HDU 'AEFF'" in r[2] for r in records)
    folder = make.store(tmp_path / "c", ids=(1,))
    make.truncate(folder / "data" / "run_1.fits.gz", 0.5, compressed=True)
    records = check(make, folder)
    assert {r[1] for r in records if "not a complete FITS file" in r[2]} == {"events", "gti", "aeff"}


def test_odd_responses(make, tmp_path):
    values = np.full((1, 3, 12), 1e5)
    values[0, 0, 0] = np.nan
    records = check(make, tmp_path / "a", [make.event_hdu(), make.gti_hdu(), make.aeff_hdu(values=values)])
    assert records == [("warning", "aeff", "1 of 36 values are not finite")]
    records = check(make, tmp_path / "b", [make.event_hdu(), make.gti_hdu(), make.aeff_hdu(values=values * 0)])
    assert ("error", "aeff", "all values are zero") in records


def test_numbers_in_the_indices(make, tmp_path):
    folder = make.store(tmp_path / "a", ids=(1, 2))
    rows = [(1, kind, kind, "data", "run_1.fits.gz", kind.upper()) for kind in ("events", "gti", "events")]
    records = check(make, folder, ids=(1, 1, 2), rows=rows)
    assert ("error", "obs-index", "the number occurs 2 times in the observation index") in records
    assert ("error", "events", "2 rows of this type in the HDU index") in records
    assert ("error", "hdu-index", "in the observation index, not in the HDU index") in records


@pytest.mark.data
def test_real_stores(gammapy_data):
    assert DataStore.from_dir(gammapy_data / "cta-1dc/index/gps").check(110380) == []
    records = DataStore.from_dir(gammapy_data / "hess-dl3-dr1").check([23523, 23526])
    assert [r["msg"] for r in records] == [
        f"{n} of {m} events outside the good time" for n, m in ((1, 7613), (3, 7581))
    ]
    records = DataStore.from_dir(gammapy_data / "joint-crab/dl3/magic").check()
    assert {r["obs_id"] for r in records if r["level"] == "error"} == {5029747}

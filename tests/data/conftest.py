"""Small stores of observations, written by hand and not with the package, so that reading is tested on its own."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

TIME = {"MJDREFI": 51910, "MJDREFF": 0.000742870370370241, "TIMEUNIT": "s", "TIMESYS": "TT", "TIMEREF": "LOCAL"}
GADF = {"HDUCLASS": "GADF", "HDUVERS": "0.2"}


def table_hdu(name, columns, header):
    """Table HDU from (name, format, unit, values) and header keywords."""
    made = [fits.Column(n, f, unit=unit, array=np.asarray(values)) for n, f, unit, values in columns]
    hdu = fits.BinTableHDU.from_columns(made, name=name)
    for key, value in header.items():
        hdu.header[key] = value
    return hdu


def event_hdu(obs_id=1, number=100, **changes):
    """EVENTS of a run of 1000 s; keywords and columns can be replaced, or dropped with None."""
    rng = np.random.default_rng(obs_id)
    header = {
        **GADF, **TIME, "HDUCLAS1": "EVENTS", "OBS_ID": obs_id, "TELESCOP": "TEST", "TSTART": 5000.0, "TSTOP": 6000.0,
        "ONTIME": 1000.0, "LIVETIME": 900.0, "DEADC": 0.9, "RA_PNT": 83.6, "DEC_PNT": 22.5, "RA_OBJ": 83.63,
        "DEC_OBJ": 22.01, "OBJECT": "Crab", "GEOLON": 16.5, "GEOLAT": -23.3, "ALTITUDE": 1835.0, "OBS_MODE": "POINTING",
    }  # fmt: skip
    columns = {
        "EVENT_ID": ("K", None, np.arange(number)),
        "TIME": ("D", "s", np.sort(rng.uniform(5000, 6000, number))),
        "RA": ("E", "deg", rng.normal(83.63, 0.5, number)),
        "DEC": ("E", "deg", rng.normal(22.01, 0.5, number)),
        "ENERGY": ("E", "TeV", rng.pareto(1.7, number) + 0.5),
    }
    for key, value in changes.items():
        if key in columns or isinstance(value, tuple):
            columns[key] = value
        else:
            header[key.replace("__", "-")] = value
    header = {key: value for key, value in header.items() if value is not None}
    return table_hdu("EVENTS", [(n, *c) for n, c in columns.items() if c is not None], header)


def gti_hdu(start=(5000.0,), stop=(6000.0,), unit="s", **changes):
    """GTI."""
    header = {k: v for k, v in {**GADF, **TIME, "HDUCLAS1": "GTI", **changes}.items() if v is not None}
    return table_hdu("GTI", [("START", "D", unit, start), ("STOP", "D", unit, stop)], header)


def aeff_hdu(**changes):
    """A flat effective area."""
    energy, offset = np.geomspace(0.1, 100, 13), np.linspace(0, 3, 4)
    columns = {
        "ENERG_LO": ("12E", "TeV", energy[None, :-1]),
        "ENERG_HI": ("12E", "TeV", energy[None, 1:]),
        "THETA_LO": ("3E", "deg", offset[None, :-1]),
        "THETA_HI": ("3E", "deg", offset[None, 1:]),
    }
    values = changes.pop("values", np.full((1, 3, 12), 1e5))
    made = [fits.Column(n, f, unit=unit, array=v) for n, (f, unit, v) in columns.items()]
    made.append(fits.Column("EFFAREA", "36E", unit="m2", array=values, dim="(12,3)"))
    hdu = fits.BinTableHDU.from_columns(made, name="AEFF")
    header = {
        **GADF,
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "EFF_AREA",
        "HDUCLAS3": "FULL-ENCLOSURE",
        "HDUCLAS4": "AEFF_2D",
    }
    for key, value in {**header, **changes}.items():
        hdu.header[key] = value
    return hdu


def write_fits(path, *hdus):
    """Write HDUs."""
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return Path(path)


def write_run(path, obs_id=1, **changes):
    """A whole run in one file."""
    return write_fits(path, event_hdu(obs_id, **changes), gti_hdu(), aeff_hdu())


def write_store(folder, ids=(1, 2), rows=None, columns=None):
    """A folder with runs and index files; ``rows`` replaces the rows of the HDU index."""
    folder = Path(folder)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if rows is None:
        rows = []
        for obs_id in ids:
            name = f"run_{obs_id}.fits.gz"
            if not (folder / "data" / name).exists():
                write_run(folder / "data" / name, obs_id)
            for kind, hdu_class in (("events", "events"), ("gti", "gti"), ("aeff", "aeff_2d")):
                rows.append((obs_id, kind, hdu_class, "data", name, kind.upper()))
    names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME")
    formats = ("K", "10A", "20A", "20A", "60A", "30A")
    index = [(n, f, None, [row[i] for row in rows]) for i, (n, f) in enumerate(zip(names, formats))]
    header = {**GADF, "HDUCLAS1": "INDEX", "HDUCLAS2": "HDU"}
    write_fits(folder / "hdu-index.fits.gz", table_hdu("HDU_INDEX", index, header))
    number = len(ids)
    observed = [
        ("OBS_ID", "K", None, list(ids)),
        ("RA_PNT", "D", "deg", [83.6] * number),
        ("DEC_PNT", "D", "deg", [22.5] * number),
        ("TSTART", "D", "s", [5000.0 + 2000 * i for i in range(number)]),
        ("TSTOP", "D", "s", [6000.0 + 2000 * i for i in range(number)]),
        ("EVENT_COUNT", "K", None, [100] * number),
        *(columns or []),
    ]
    header = {**GADF, **TIME, "HDUCLAS1": "INDEX", "HDUCLAS2": "OBS"}
    write_fits(folder / "obs-index.fits.gz", table_hdu("OBS_INDEX", observed, header))
    return folder


class Make:
    """The functions above, for tests."""

    table_hdu = staticmethod(table_hdu)
    event_hdu = staticmethod(event_hdu)
    gti_hdu = staticmethod(gti_hdu)
    aeff_hdu = staticmethod(aeff_hdu)
    fits = staticmethod(write_fits)
    run = staticmethod(write_run)
    store = staticmethod(write_store)

    @staticmethod
    def truncate(path, keep, compressed=False):
        """Cut a file to a fraction of its length: inside the gzip stream, or the FITS content in it."""
        content = Path(path).read_bytes()
        if compressed or content[:2] != b"\x1f\x8b":
            Path(path).write_bytes(content[: int(len(content) * keep)])
        else:
            plain = gzip.decompress(content)
            Path(path).write_bytes(gzip.compress(plain[: int(len(plain) * keep)]))
        return path


@pytest.fixture
def make():
    """Functions that write small FITS files."""
    return Make


@pytest.fixture
def store_folder(tmp_path):
    """A store of two runs."""
    return write_store(tmp_path / "store")

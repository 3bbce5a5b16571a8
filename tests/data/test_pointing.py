"""Pointing: tracked and drift observations, GADF keywords."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

from gjax.data import FixedPointingInfo, PointingMode
from gjax.errors import DataFormatError

SITE = EarthLocation.from_geodetic(16.5 * u.deg, -23.27 * u.deg, 1800 * u.m)
NIGHT = Time("2010-01-01T20:00:00", scale="utc")


def test_tracking():
    pointing = FixedPointingInfo.from_fits_header({"OBS_MODE": "WOBBLE", "RA_PNT": "83.6", "DEC_PNT": 22})
    assert pointing.mode is PointingMode.POINTING
    assert pointing.get_icrs().ra.deg == 83.6
    assert pointing.fixed_altaz is None
    assert pointing.to_fits_header() == {"OBS_MODE": "POINTING", "RA_PNT": 83.6, "DEC_PNT": 22.0}
    altaz = pointing.get_altaz(NIGHT, SITE)
    assert altaz.icrs.separation(pointing.fixed_icrs).deg < 1e-6


def test_drift():
    header = {"OBS_MODE": "DRIFT", "ALT_PNT": 70.0, "AZ_PNT": 180.0, "RA_PNT": 1.0, "DEC_PNT": 2.0}
    pointing = FixedPointingInfo.from_fits_header(header)
    assert pointing.mode is PointingMode.DRIFT
    assert pointing.to_fits_header() == {"OBS_MODE": "DRIFT", "ALT_PNT": 70.0, "AZ_PNT": 180.0}
    positions = pointing.get_icrs(NIGHT + [0, 1] * u.h, SITE)
    # the sky turns by 15.04 deg in an hour; the declination of a fixed direction stays
    assert np.diff(positions.ra.deg)[0] == pytest.approx(15.04, abs=0.02)
    assert np.diff(positions.dec.deg)[0] == pytest.approx(0, abs=0.05)
    assert positions.dec.deg[0] == pytest.approx(-23.27 - 20, abs=0.3)
    with pytest.raises(ValueError, match="DRIFT: the time and the location"):
        pointing.get_icrs()


def test_galactic_positions_are_converted():
    position = SkyCoord(184.5, -5.8, unit="deg", frame="galactic")
    assert FixedPointingInfo(fixed_icrs=position).get_icrs().separation(position).deg < 1e-9


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ({"RA_PNT": 83.6}, "RA_PNT and DEC_PNT"),
        ({"RA_PNT": 83.6, "DEC_PNT": "x"}, "RA_PNT and DEC_PNT"),
        ({"RA_PNT": 83.6, "DEC_PNT": float("nan")}, "RA_PNT and DEC_PNT"),
        ({"OBS_MODE": "DRIFT", "RA_PNT": 83.6, "DEC_PNT": 22.0}, "ALT_PNT and AZ_PNT"),
    ],
)
def test_incomplete_headers(header, names):
    with pytest.raises(DataFormatError, match=rf"run 5: the keywords {names} \[deg\] are needed"):
        FixedPointingInfo.from_fits_header(header, "run 5")


def test_one_position_and_a_finite_one():
    with pytest.raises(ValueError, match="give either"):
        FixedPointingInfo()
    with pytest.raises(ValueError, match="not finite"):
        FixedPointingInfo(fixed_icrs=SkyCoord(np.nan, 0, unit="deg"))


def test_read(make, tmp_path):
    path = make.fits(tmp_path / "e.fits", make.event_hdu())
    assert FixedPointingInfo.read(path).get_icrs().dec.deg == 22.5

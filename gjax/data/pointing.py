"""Where the telescopes pointed: a fixed position on the sky, or above the ground."""

from __future__ import annotations

from enum import Enum
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from gjax.errors import DataFormatError
from gjax.fits import get_hdu, header_to_meta, open_fits

__all__ = ["FixedPointingInfo", "PointingMode", "location_from_meta", "location_to_meta"]


class PointingMode(Enum):
    """How an observation was made: tracking a point of the sky, or standing still while the sky drifts by.

    Examples
    --------
    >>> PointingMode.DRIFT.value
    'DRIFT'
    """

    POINTING = "POINTING"
    DRIFT = "DRIFT"

    @classmethod
    def from_gadf_string(cls, value: str) -> PointingMode:
        """Mode of an ``OBS_MODE`` keyword; whatever is not DRIFT (such as WOBBLE) was pointed.

        Examples
        --------
        >>> PointingMode.from_gadf_string("WOBBLE").name
        'POINTING'
        """
        return cls.DRIFT if str(value).strip().upper() == "DRIFT" else cls.POINTING


class FixedPointingInfo:
    """Pointing that is fixed in ICRS (mode POINTING) or in altitude and azimuth (mode DRIFT).

    Parameters
    ----------
    fixed_icrs
        Position in ICRS.
    fixed_altaz
        Position in altitude and azimuth; give one of the two.

    Raises
    ------
    ValueError
        If not exactly one position is given, or it is not finite.

    Examples
    --------
    >>> pointing = FixedPointingInfo(fixed_icrs=SkyCoord(83.6, 22.0, unit="deg"))
    >>> pointing.mode.name, pointing.get_icrs().ra.deg
    ('POINTING', np.float64(83.6))
    """

    def __init__(self, fixed_icrs: SkyCoord | None = None, fixed_altaz: Any = None) -> None:
        if (fixed_icrs is None) == (fixed_altaz is None):
            raise ValueError("give either fixed_icrs or fixed_altaz")
        if fixed_icrs is not None:
            position = fixed_icrs.icrs
            values = position.ra.deg, position.dec.deg
            self._icrs: SkyCoord | None = SkyCoord(*values, unit="deg")
            self._altaz: Any = None
        else:
            values = fixed_altaz.alt.deg, fixed_altaz.az.deg
            self._icrs = None
            self._altaz = SkyCoord(alt=values[0], az=values[1], unit="deg", frame="altaz")
        if not np.all(np.isfinite(values)):
            raise ValueError("the pointing position is not finite")

    @classmethod
    def from_fits_header(cls, header: Any, where: str = "") -> FixedPointingInfo:
        """Pointing of an event list: RA_PNT and DEC_PNT, or ALT_PNT and AZ_PNT if OBS_MODE is DRIFT.

        Parameters
        ----------
        header
            Header, or a dict with its keywords.
        where
            File and HDU, for messages.

        Raises
        ------
        DataFormatError
            If a keyword is missing or not a number.
        """
        mode = PointingMode.from_gadf_string(header.get("OBS_MODE", "POINTING"))
        names = ("RA_PNT", "DEC_PNT") if mode is PointingMode.POINTING else ("ALT_PNT", "AZ_PNT")
        try:
            first, second = (float(header[name]) for name in names)
            if not np.isfinite(first + second):
                raise ValueError("not finite")
        except (KeyError, TypeError, ValueError) as error:
            message = f"the keywords {names[0]} and {names[1]} [deg] are needed in mode {mode.name}"
            raise DataFormatError(f"{where or 'header'}: {message} ({error})") from error
        if mode is PointingMode.POINTING:
            return cls(fixed_icrs=SkyCoord(first, second, unit="deg"))
        return cls(fixed_altaz=SkyCoord(alt=first, az=second, unit="deg", frame="altaz"))

    @classmethod
    def read(cls, path: Any, hdu: str = "EVENTS") -> FixedPointingInfo:
        """Read the pointing from the header of an event list.

        Parameters
        ----------
        path, hdu
            File, and name of the extension with the events.
        """
        with open_fits(path) as hdus:
            header = get_hdu(hdus, hdu, path).header
            return cls.from_fits_header(header_to_meta(header), f"{path}: HDU {hdu!r}")

    def to_fits_header(self) -> dict[str, Any]:
        """Keywords OBS_MODE and RA_PNT, DEC_PNT or ALT_PNT, AZ_PNT [deg]."""
        if self._icrs is not None:
            return {"OBS_MODE": "POINTING", "RA_PNT": float(self._icrs.ra.deg), "DEC_PNT": float(self._icrs.dec.deg)}
        return {"OBS_MODE": "DRIFT", "ALT_PNT": float(self._altaz.alt.deg), "AZ_PNT": float(self._altaz.az.deg)}

    @property
    def mode(self) -> PointingMode:
        """Mode of the observation."""
        return PointingMode.POINTING if self._icrs is not None else PointingMode.DRIFT

    @property
    def fixed_icrs(self) -> SkyCoord | None:
        """Position in ICRS (None in mode DRIFT)."""
        return self._icrs

    @property
    def fixed_altaz(self) -> SkyCoord | None:
        """Position in altitude and azimuth (None in mode POINTING)."""
        return self._altaz

    def get_icrs(self, obstime: Time | None = None, location: EarthLocation | None = None) -> SkyCoord:
        """Position in ICRS.

        Parameters
        ----------
        obstime, location
            When and where; needed in mode DRIFT, ignored otherwise.

        Raises
        ------
        ValueError
            If they are missing in mode DRIFT.
        """
        if self._icrs is not None:
            return self._icrs
        return self.get_altaz(obstime, location).icrs

    def get_altaz(self, obstime: Time | None = None, location: EarthLocation | None = None) -> SkyCoord:
        """Altitude and azimuth at a time and place.

        Parameters
        ----------
        obstime
            When; scalar or array.
        location
            Place of the observatory.

        Raises
        ------
        ValueError
            If time or place is missing.
        """
        if obstime is None or location is None:
            raise ValueError(f"mode {self.mode.name}: the time and the location of the observatory are needed")
        frame = AltAz(obstime=obstime, location=location)
        if self._icrs is not None:
            return self._icrs.transform_to(frame)
        alt, az = (np.broadcast_to(angle.deg, obstime.shape) for angle in (self._altaz.alt, self._altaz.az))
        return SkyCoord(alt=alt, az=az, unit="deg", frame=frame)

    def __repr__(self) -> str:
        if self._icrs is not None:
            return f"FixedPointingInfo(POINTING, ra={self._icrs.ra.deg:.5f} deg, dec={self._icrs.dec.deg:.5f} deg)"
        return f"FixedPointingInfo(DRIFT, alt={self._altaz.alt.deg:.3f} deg, az={self._altaz.az.deg:.3f} deg)"

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def location_from_meta(meta: dict[str, Any]) -> EarthLocation | None:
    """Place of the observatory from GEOLON, GEOLAT [deg] and ALTITUDE [m]; None if they are missing.

    Parameters
    ----------
    meta
        Header keywords; numbers may be text.

    Examples
    --------
    >>> location_from_meta({"GEOLON": "16.5", "GEOLAT": "-23.3", "ALTITUDE": "1835."}).shape
    ()
    """
    try:
        lon, lat, height = (float(meta[name]) for name in ("GEOLON", "GEOLAT", "ALTITUDE"))
    except (KeyError, TypeError, ValueError):
        return None
    return EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m)


def location_to_meta(location: EarthLocation) -> dict[str, float]:
    """Keywords GEOLON, GEOLAT [deg] and ALTITUDE [m].

    Parameters
    ----------
    location
        Place of the observatory.

    Examples
    --------
    >>> place = EarthLocation.from_geodetic(16.5 * u.deg, -23.3 * u.deg, 1835 * u.m)
    >>> round(location_to_meta(place)["ALTITUDE"])
    1835
    """
    geodetic = location.geodetic
    values = geodetic.lon.deg, geodetic.lat.deg, geodetic.height.to_value("m")
    return dict(zip(("GEOLON", "GEOLAT", "ALTITUDE"), map(float, values)))

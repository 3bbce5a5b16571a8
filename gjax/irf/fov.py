"""Coordinates in the field of view of a telescope: offsets, longitude and latitude, rotation against the horizon."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np

from gjax.maps.wcs_tools import unit_vectors

__all__ = [
    "equatorial_fov",
    "fov_coordinates",
    "horizon_rotation",
    "offset_on_sphere",
    "rotate_fov",
    "rotation_times",
    "sky_coordinates",
    "sky_directions",
]

# Turns of the sky per day, and the shortest time over which responses are taken as constant.
EARTH_ROTATION_DEG_PER_S = 360.0 / 86400.0
MINIMUM_STEP_S = 1.0


def sky_coordinates(geom: Any) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of the pixel centres of a geometry, in its own frame [deg]; NaN off the projection.

    Parameters
    ----------
    geom
        Geometry; WCS images give arrays of shape (lat, lon), regions their centre in the shape (1, 1).

    Examples
    --------
    >>> from gjax.maps import RegionGeom
    >>> lon, lat = sky_coordinates(RegionGeom.create("icrs;circle(83.63, 22.01, 0.5)"))
    >>> lon.shape, round(float(lat[0, 0]), 2)
    ((1, 1), 22.01)
    """
    if getattr(geom, "is_region", False):
        center = geom.center_skydir.spherical
        return np.full((1, 1), center.lon.deg), np.full((1, 1), center.lat.deg)
    coords = geom.get_coord(sparse=True)  # the geometry keeps them
    lon, lat = np.asarray(coords.lon.value), np.asarray(coords.lat.value)
    return lon.reshape(lon.shape[-2:]), lat.reshape(lat.shape[-2:])


def sky_directions(geom: Any) -> np.ndarray:
    """Unit vectors towards the pixel centres of a geometry, in its own frame (3, lat, lon); NaN off the projection.

    Parameters
    ----------
    geom
        Geometry as for `sky_coordinates`.

    Examples
    --------
    >>> from gjax.maps import RegionGeom
    >>> sky_directions(RegionGeom.create("icrs;circle(90, 0, 0.5)"))[:, 0, 0].round(6)
    array([0., 1., 0.])
    """
    if hasattr(geom, "directions"):
        return geom.directions()  # the geometry keeps them
    return unit_vectors(*sky_coordinates(geom))


def offset_on_sphere(lon: np.ndarray, lat: np.ndarray, lon_0: float, lat_0: float) -> np.ndarray:
    """Separation from one position [deg] (Vincenty's formula, exact at every distance).

    Parameters
    ----------
    lon, lat
        Positions [deg].
    lon_0, lat_0
        Position in the same frame [deg].

    Examples
    --------
    >>> float(offset_on_sphere(np.array(10.0), np.array(90.0), 0.0, 30.0).round(9))
    60.0
    """
    delta, lat, lat_0 = np.radians(lon - lon_0), np.radians(lat), np.radians(lat_0)
    sin, cos, sin_0, cos_0 = np.sin(lat), np.cos(lat), np.sin(lat_0), np.cos(lat_0)
    cos_delta = np.cos(delta)
    across = np.hypot(cos * np.sin(delta), cos_0 * sin - sin_0 * cos * cos_delta)
    return np.degrees(np.arctan2(across, sin_0 * sin + cos_0 * cos * cos_delta))


def fov_coordinates(
    lon: np.ndarray, lat: np.ndarray, pointing_lon: Any, pointing_lat: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude in the field of view, on a sphere whose equator runs through the pointing position.

    Parameters
    ----------
    lon, lat
        Positions [rad]: right ascension and declination, or azimuth and altitude.
    pointing_lon, pointing_lat
        Pointing position in the same frame [rad].

    Returns
    -------
    fov_lon, fov_lat
        Field-of-view coordinates [deg]; ``fov_lon`` grows with ``lon``.

    Examples
    --------
    >>> lon, lat = fov_coordinates(np.radians(84.0), np.radians(1.0), np.radians(83.0), np.radians(0.0))
    >>> f"{lon:.3f} {lat:.3f}"
    '1.000 1.000'
    """
    delta = lon - pointing_lon
    x = np.cos(lat) * np.cos(delta)
    y = np.cos(lat) * np.sin(delta)
    z = np.sin(lat)
    forward = x * np.cos(pointing_lat) + z * np.sin(pointing_lat)
    up = z * np.cos(pointing_lat) - x * np.sin(pointing_lat)
    return np.degrees(np.arctan2(y, forward)), np.degrees(np.arcsin(np.clip(up, -1, 1)))


def equatorial_fov(geom: Any, pointing: Any) -> tuple[np.ndarray, np.ndarray]:
    """Field-of-view coordinates along right ascension and declination of the pixels of a geometry [deg].

    Parameters
    ----------
    geom
        Geometry in any frame that is a rotation of ICRS.
    pointing
        Pointing position (SkyCoord).

    Returns
    -------
    fov_lon, fov_lat
        Flat arrays; ``fov_lon`` grows with right ascension; NaN off the projection.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from gjax.maps import RegionGeom
    >>> geom = RegionGeom.create("galactic;circle(184.55746, -5.78436, 0.5)")
    >>> lon, lat = equatorial_fov(geom, SkyCoord(83.63308, 21.51450, unit="deg"))
    >>> f"{abs(lon[0]):.3f} {lat[0]:.3f}"
    '0.000 0.500'
    """
    from astropy.coordinates import SkyCoord

    icrs = pointing.icrs
    sin, cos = (f(np.array([icrs.ra.rad, icrs.dec.rad])) for f in (np.sin, np.cos))
    forward = np.array([cos[1] * cos[0], cos[1] * sin[0], sin[1]])
    left = np.array([-sin[0], cos[0], 0.0])
    axes = np.stack([forward, left, np.cross(forward, left)])
    if geom.frame != "icrs":
        # the axes of the geometry's frame, in ICRS
        basis = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg", frame=geom.frame).icrs.cartesian
        axes = axes @ basis.xyz.value
    x, y, z = (values.ravel() for values in sky_directions(geom))
    ahead, aside, up = (row[0] * x + row[1] * y + row[2] * z for row in axes)
    return np.degrees(np.arctan2(aside, ahead)), np.degrees(np.arcsin(np.clip(up, -1, 1)))


def rotate_fov(lon: np.ndarray, lat: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Field-of-view coordinates [deg] after a turn about the pointing position.

    Parameters
    ----------
    lon, lat
        Field-of-view coordinates [deg], ``lon`` growing to the left of ``lat``.
    angle
        Position angle of the new latitude axis in the old coordinates, counted from ``lat`` towards ``lon`` [rad].

    Examples
    --------
    >>> lon, lat = rotate_fov(np.array(1.0), np.array(0.0), np.pi / 2)
    >>> f"{abs(lon):.3f} {lat:.3f}"
    '0.000 1.000'
    """
    lon, lat = np.radians(lon), np.radians(lat)
    x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    left, up = y * np.cos(angle) - z * np.sin(angle), y * np.sin(angle) + z * np.cos(angle)
    return np.degrees(np.arctan2(left, x)), np.degrees(np.arcsin(np.clip(up, -1, 1)))


def rotation_times(pointing: Any, start: Any, duration: Any, step: Any, location: Any) -> Any:
    """Times between which the field of view turns by at most a given angle.

    The rate of the turn is that of the sky over the horizon, ``15 deg/h cos(latitude) cos(azimuth) / cos(altitude)``,
    at the beginning of each step.

    Parameters
    ----------
    pointing
        `gjax.data.FixedPointingInfo`.
    start, duration
        Start of the observation (Time) and its length.
    step
        Angle.
    location
        Place of the observatory.

    Returns
    -------
    times
        Time array from start to end.
    """
    turn, length = u.Quantity(step).to_value("deg"), u.Quantity(duration).to_value("s")
    if not turn > 0:
        raise ValueError(f"fov_rotation_step must be positive, got {step}")
    seconds = [0.0]
    while seconds[-1] < length:
        altaz = pointing.get_altaz(start + seconds[-1] * u.s, location)
        rate = EARTH_ROTATION_DEG_PER_S * np.cos(location.lat.rad) * np.abs(np.cos(altaz.az.rad))
        wait = turn * np.cos(altaz.alt.rad) / max(rate, 1e-12)
        seconds.append(min(seconds[-1] + max(float(wait), MINIMUM_STEP_S), length))
    return start + np.array(seconds) * u.s


def horizon_rotation(pointing: Any, times: Any, location: Any) -> np.ndarray:
    """Angle between the direction to the zenith and that to the celestial north pole, at the pointing [rad].

    Counted from north through east. In a field of view of some degrees, horizontal coordinates differ from
    equatorial ones by this turn alone, to an arcsecond (differential aberration).

    Parameters
    ----------
    pointing
        Pointing position in ICRS, one for all times.
    times
        Time array.
    location
        Place of the observatory.
    """
    from astropy.coordinates import AltAz, SkyCoord

    step = 0.01
    icrs = pointing.icrs
    sign = -1.0 if icrs.dec.deg > 89.9 else 1.0
    pair = SkyCoord([icrs.ra.deg] * 2, [icrs.dec.deg, icrs.dec.deg + sign * step], unit="deg")
    altaz = pair[:, np.newaxis].transform_to(AltAz(obstime=times, location=location))
    az, alt = altaz.az.rad, altaz.alt.rad
    right, up = fov_coordinates(az[1], alt[1], az[0], alt[0])  # azimuth grows to the right of altitude
    return np.arctan2(sign * right, sign * up)

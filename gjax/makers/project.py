"""Responses at a region on the sky: exposure, background counts, containment, energy dispersion."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.errors import MissingDataError
from gjax.irf.background import integrate_log_log
from gjax.irf.fov import fov_coordinates
from gjax.irf.project_background import fill_gaps
from gjax.maps import MapAxis, RegionGeom

__all__ = ["background_counts", "exposure_values", "region_positions", "response"]

# Positions per side of the grid on which responses are averaged over a region.
N_GRID = 25


def response(observation: Any, name: str) -> Any:
    """Return a response of an observation.

    Raises
    ------
    MissingDataError
        If the observation has none of that type.
    """
    found = getattr(observation, name)
    if found is None:
        has = ", ".join(getattr(observation, "available_irfs", ())) or "none"
        raise MissingDataError(f"observation {observation.obs_id}: no response of type {name!r}; it has: {has}")
    return found


def region_positions(geom: RegionGeom, *, use_region_center: bool = True) -> SkyCoord:
    """Positions at which responses are evaluated: the centre, or an even grid inside the region (n).

    Parameters
    ----------
    geom
        Geometry with the region.
    use_region_center
        Whether the centre is enough.

    Examples
    --------
    >>> geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.5)")
    >>> positions = region_positions(geom, use_region_center=False)
    >>> bool(geom.contains(positions).all())
    True
    """
    center = geom.center_skydir
    if use_region_center or geom.is_all_point_sky_regions:
        return center.reshape((1,))
    half = geom.width.to_value("deg").max() / 2 / abs(geom.wcs.wcs.cdelt[0]) * 1.001  # type: ignore[union-attr]
    x0, y0 = geom.to_pixel_coord(center)
    number = N_GRID
    while number < 1000:
        steps = (np.arange(number) + 0.5) / number * 2 * half - half
        x, y = (grid.ravel() for grid in np.meshgrid(x0 + steps, y0 + steps))
        inside = geom.contains_wcs_pix((x, y))
        if inside.sum() >= N_GRID**2 / 4:
            break
        number *= 2
    lon, lat = geom.wcs.wcs_pix2world(x[inside], y[inside], 0)  # type: ignore[union-attr]
    return SkyCoord(lon, lat, unit="deg", frame=geom.frame)


def exposure_values(aeff: Any, livetime: u.Quantity, energy: u.Quantity, offset: u.Quantity) -> np.ndarray:
    """Effective area times live time, averaged over offsets.

    Parameters
    ----------
    aeff
        `gjax.irf.EffectiveAreaTable2D`.
    livetime
        Live time.
    energy
        True energies (n).
    offset
        Offsets from the pointing (m).

    Returns
    -------
    exposure
        Exposure (n) [m2 s].

    Examples
    --------
    >>> from gjax.irf import EffectiveAreaTable2D
    >>> aeff = EffectiveAreaTable2D.from_parametrization(instrument="CTAO")
    >>> exposure_values(aeff, 1 * u.h, [1, 10] * u.TeV, [0.5] * u.deg).round(-8)
    array([1.63e+10, 1.45e+10])
    """
    values = aeff.evaluate(energy_true=energy[:, np.newaxis], offset=offset[np.newaxis]).to_value("m2")
    return values.mean(axis=1) * livetime.to_value("s")


def background_counts(observation: Any, axis: MapAxis, positions: SkyCoord, solid_angle: u.Quantity) -> np.ndarray:
    """Counts expected from the background response in a region.

    The rate is integrated over energy as a power law between bin edges, averaged over the positions, and multiplied
    by solid angle and observation time (dead time is in the rate). Gaps (zero or NaN) between energies are filled by
    interpolation; offsets below the first or above the last bin centre take the value there.

    Parameters
    ----------
    observation
        Observation with ``bkg``.
    axis
        Reconstructed energy.
    positions
        Positions in the region (n).
    solid_angle
        Solid angle of the region.

    Returns
    -------
    counts
        Expected counts (axis.nbin).
    """
    bkg = fill_gaps(response(observation, "bkg"))
    edges = axis.edges
    if bkg.has_offset_axis:
        offset = observation.get_pointing_icrs().separation(positions)
        rate = _rate_at_offset(bkg, edges, offset)
    elif bkg.fov_alignment == "ALTAZ":
        rate = _rate_altaz(bkg, edges, positions, observation)
    else:
        icrs, pointing = positions.icrs, observation.get_pointing_icrs().icrs
        lon, lat = fov_coordinates(icrs.ra.rad, icrs.dec.rad, pointing.ra.rad, pointing.dec.rad)
        sign = 1.0 if bkg.fov_alignment == "REVERSE_LON_RADEC" else -1.0
        rate = _rate_in_fov(bkg, edges, sign * lon, lat)
    mean = integrate_log_log(rate.mean(axis=-1) if rate.ndim > 1 else rate, edges)
    return (mean * solid_angle * observation.observation_time_duration).to_value("")


def _rate_at_offset(bkg: Any, edges: u.Quantity, offset: u.Quantity) -> u.Quantity:
    centers, limit = bkg.axes["offset"].center, bkg.axes["offset"].edges[-1]
    rate = bkg.evaluate(energy=edges[:, np.newaxis], offset=np.clip(offset, centers[0], centers[-1])[np.newaxis])
    return np.where(offset <= limit, rate.value, 0.0) * rate.unit


def _rate_in_fov(bkg: Any, edges: u.Quantity, lon: np.ndarray, lat: np.ndarray) -> u.Quantity:
    return bkg.evaluate(energy=edges[:, np.newaxis], fov_lon=lon[np.newaxis] * u.deg, fov_lat=lat[np.newaxis] * u.deg)


def _rate_altaz(bkg: Any, edges: u.Quantity, positions: SkyCoord, observation: Any) -> u.Quantity:
    """Rate averaged over the observation while the sky turns in a field of view fixed to the horizon."""
    from astropy.coordinates import AltAz

    duration = observation.observation_time_duration
    # A minute is a turn of less than half a degree anywhere but next to the zenith.
    number = max(2, int(np.ceil(duration.to_value("min"))) + 1)
    rates = []
    for time in observation.tstart + np.linspace(0, 1, number) * duration:
        frame = AltAz(obstime=time, location=observation.observatory_earth_location)
        here, pointing = positions.transform_to(frame), observation.get_pointing_icrs(time).transform_to(frame)
        lon, lat = fov_coordinates(here.az.rad, here.alt.rad, pointing.az.rad, pointing.alt.rad)
        rates.append(_rate_in_fov(bkg, edges, -lon, lat))
    unit = rates[0].unit
    return np.trapezoid([rate.to_value(unit) for rate in rates], axis=0) / (number - 1) * unit

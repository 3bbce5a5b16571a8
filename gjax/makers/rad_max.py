"""Counts inside cuts that depend on energy (point-like responses with RAD_MAX tables)."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gjax.maps import MapAxis, RegionGeom

__all__ = ["check_rad_max_geom", "counts_in_rad_max", "rad_max_overlap"]


def check_rad_max_geom(rad_max: Any, geom: RegionGeom, name: str, *, rtol: float = 1e-3) -> None:
    """Make sure that a region has the size that a point-like response was made for.

    Parameters
    ----------
    rad_max
        `gjax.irf.RadMax2D`.
    geom
        Geometry of the ON region: points, or a circle where rad_max is the same at all energies.
    name
        Name of the dataset, for the message.
    rtol
        Tolerance on the radius of a circle.

    Raises
    ------
    ValueError
        If the region does not fit.

    Examples
    --------
    >>> from gjax.irf import RadMax2D
    >>> axes = [MapAxis([0.1, 10], name="energy", unit="TeV"), MapAxis([0, 3], name="offset", unit="deg")]
    >>> check_rad_max_geom(RadMax2D(axes, 0.1, "deg"), RegionGeom.create("icrs;circle(83.63, 22.01, 0.2)"), "crab")
    Traceback (most recent call last):
    ValueError: dataset 'crab': the response is for a circle of radius 0.1 deg (RAD_MAX), the ON region has 0.2 deg
    """
    if geom.is_all_point_sky_regions:
        return
    if isinstance(geom.region, CircleSkyRegion) and rad_max.is_fixed_rad_max:
        expected, given = np.ravel(rad_max.quantity.to_value("deg"))[0], geom.region.radius.to_value("deg")
        if not np.isclose(given, expected, rtol=rtol, atol=0):
            raise ValueError(
                f"dataset {name!r}: the response is for a circle of radius {expected:.4g} deg (RAD_MAX), "
                f"the ON region has {given:.4g} deg"
            )
        return
    raise ValueError(
        f"dataset {name!r}: the response was made with cuts that depend on energy (RAD_MAX_2D): "
        f"expected a PointSkyRegion as ON region, got {type(geom.region).__name__}"
    )


def counts_in_rad_max(events: Any, centers: SkyCoord, rad_max: Any, axis: MapAxis, pointing: SkyCoord) -> np.ndarray:
    """Count events closer to a position than rad_max at their energy.

    Parameters
    ----------
    events
        `gjax.data.EventList`.
    centers
        Positions (n); an event near several of them counts for each.
    rad_max
        `gjax.irf.RadMax2D`, evaluated at the energy of the event and the offset of the position.
    axis
        Reconstructed energy.
    pointing
        Pointing position.

    Returns
    -------
    counts
        Summed over positions (axis.nbin).
    """
    counts = np.zeros(axis.nbin)
    radec, energy = events.radec, events.energy
    if len(energy) == 0:
        return counts
    offsets = centers.separation(pointing)
    bins = axis.coord_to_idx(energy)
    for i in range(centers.size):
        center, offset = (centers[i], offsets[i]) if centers.shape else (centers, offsets)
        distance = center.separation(radec).deg
        cut = rad_max.evaluate(energy=energy, offset=offset).to_value("deg")
        selected = bins[(distance <= cut.reshape(distance.shape)) & (bins >= 0)]
        counts += np.bincount(selected, minlength=axis.nbin)
    return counts


def rad_max_overlap(centers: SkyCoord, rad_max: Any, offset: Any, axis: MapAxis) -> bool:
    """Whether any two positions are closer than twice the largest rad_max inside the range of an energy axis.

    Parameters
    ----------
    centers
        Positions (n).
    rad_max
        `gjax.irf.RadMax2D`.
    offset
        Offset of the positions from the pointing.
    axis
        Reconstructed energy.

    Examples
    --------
    >>> from gjax.irf import RadMax2D
    >>> axis = MapAxis([0.1, 10], name="energy", unit="TeV")
    >>> rad_max = RadMax2D([axis, MapAxis([0, 3], name="offset", unit="deg")], 0.1, "deg")
    >>> rad_max_overlap(SkyCoord([0, 0.15, 5], [0, 0, 0], unit="deg"), rad_max, "0.5 deg", axis)
    True
    """
    energies = rad_max.axes["energy"]
    low, high = axis.bounds
    inside = (energies.edges_max >= low) & (energies.edges_min <= high)
    if not inside.any():
        return False
    largest = rad_max.evaluate(energy=energies.center[inside], offset=offset).to_value("deg").max()
    first, second = np.triu_indices(centers.size, k=1)
    return bool((centers[first].separation(centers[second]).deg < 2 * largest).any())

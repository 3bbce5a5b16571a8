"""Regions side by side, for profiles."""

from __future__ import annotations

import itertools
from typing import Any

import astropy.units as u
import numpy as np

__all__ = ["make_concentric_annulus_sky_regions", "make_orthogonal_rectangle_sky_regions"]


def make_orthogonal_rectangle_sky_regions(start_pos: Any, end_pos: Any, height: Any, nbin: int = 1) -> list[Any]:
    """Rectangles along a great circle between two positions, all of one width and turned with the line.

    Parameters
    ----------
    start_pos, end_pos
        Ends of the line (SkyCoord).
    height
        Extent across the line.
    nbin
        Number of rectangles.

    Raises
    ------
    ValueError
        If there is no rectangle, or both positions are the same.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> ends = SkyCoord([0, 2], [0, 0], unit="deg")
    >>> regions = make_orthogonal_rectangle_sky_regions(ends[0], ends[1], "1 deg", nbin=4)
    >>> [round(float(region.center.ra.deg), 3) for region in regions]
    [0.25, 0.75, 1.25, 1.75]
    """
    from regions import RectangleSkyRegion

    length = start_pos.separation(end_pos).to(u.deg)
    if nbin < 1 or not length > 0:
        raise ValueError(f"expected at least one rectangle between two positions, got nbin={nbin} over {length}")
    angle = start_pos.position_angle(end_pos)
    found = []
    for middle in (np.arange(nbin) + 0.5) / nbin * length:
        centre = start_pos.directional_offset_by(angle, middle)
        # regions count their angle from the direction of the longitude
        turned = centre.position_angle(end_pos) + 90 * u.deg
        found.append(RectangleSkyRegion(centre, width=length / nbin, height=u.Quantity(height), angle=turned))
    return found


def make_concentric_annulus_sky_regions(
    center: Any, radius_max: Any, radius_min: Any = 0.0, nbin: int = 11
) -> list[Any]:
    """Rings of one width around a position.

    Parameters
    ----------
    center
        Position (SkyCoord).
    radius_max, radius_min
        Radii of the outermost and the innermost edge (angles; 0 is made a ten-thousandth of a degree).
    nbin
        Number of rings.

    Raises
    ------
    ValueError
        If the radii do not increase.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> rings = make_concentric_annulus_sky_regions(SkyCoord(0, 0, unit="deg"), "1 deg", "0.2 deg", nbin=4)
    >>> [round(float(ring.outer_radius.value), 2) for ring in rings]
    [0.4, 0.6, 0.8, 1.0]
    """
    from regions import CircleAnnulusSkyRegion

    low = u.Quantity(radius_min if radius_min else "1e-4 deg").to_value("deg")
    high = u.Quantity(radius_max).to_value("deg")
    if nbin < 1 or not 0 < low < high:
        raise ValueError(f"expected increasing radii, got {low} to {high} deg in {nbin} rings")
    edges = np.linspace(low, high, nbin + 1)
    return [CircleAnnulusSkyRegion(center, a * u.deg, b * u.deg) for a, b in itertools.pairwise(edges)]

"""Functions on HEALPix pixel numbers: regions, resolutions, numberings."""

from __future__ import annotations

import re
from typing import Any

import astropy.units as u
import numpy as np

__all__ = ["change_nside", "region_pixels", "swap_order"]

DISK = re.compile(r"^\s*(DISK|DISK_INC)\s*\(([^)]*)\)\s*$")
PIXEL = re.compile(r"^\s*HPX_PIXEL\s*\(\s*(RING|NESTED)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)\s*$")


def region_pixels(region: Any, healpix: Any, nest: bool) -> np.ndarray:
    """Numbers of the pixels of a region, sorted; see `HpxGeom` for what a region may be.

    Parameters
    ----------
    region
        Text or array of numbers.
    healpix
        `astropy_healpix.HEALPix` of the pixels.
    nest
        Whether their numbering is nested.

    Raises
    ------
    ValueError
        If the text is not understood, or a number is none of a pixel.

    Examples
    --------
    >>> from gjax.maps.hpx_geom import HpxGeom
    >>> region_pixels("DISK(0, 90, 9)", HpxGeom(8, nest=False)._healpix, nest=False)
    array([0, 1, 2, 3])
    """
    if not isinstance(region, str):
        pixels = np.unique(np.asarray(region).astype(int))
        if pixels.size and (pixels[0] < 0 or pixels[-1] >= healpix.npix):
            raise ValueError(
                f"pixel numbers from 0 to {healpix.npix - 1} are expected, got {pixels[0]} to {pixels[-1]}"
            )
        return pixels
    match = DISK.match(region)
    if match:
        try:
            lon, lat, radius, *rest = (float(value) for value in match.group(2).split(","))
        except ValueError as error:
            raise ValueError(f"not a disk: {region!r}") from error
        if match.group(1) == "DISK_INC":
            # As HEALPix itself tests overlap: on finer pixels, each with its largest radius.
            factor = int(rest[0]) if rest else 4
            fine = healpix.nside * factor
            inside = _disk(fine, nest, lon, lat, radius + _largest_radius(fine))
            return change_nside(inside, fine, healpix.nside, nest)
        return _disk(healpix.nside, nest, lon, lat, radius)
    match = PIXEL.match(region)
    if match:
        ordering, nside, number = match.group(1), int(match.group(2)), int(match.group(3))
        pixels = np.array([number])
        if (ordering == "NESTED") != nest:
            pixels = swap_order(pixels, nside, ordering == "NESTED")
        return np.sort(change_nside(pixels, nside, healpix.nside, nest))
    raise ValueError(f"not a region of HEALPix pixels: {region!r}; expected DISK, DISK_INC or HPX_PIXEL")


def _disk(nside: int, nest: bool, lon: float, lat: float, radius: float) -> np.ndarray:
    from astropy.coordinates import angular_separation
    from astropy_healpix import HEALPix

    healpix = HEALPix(nside, order="nested" if nest else "ring")
    # The search knows pixels that a disk may touch; a margin makes it complete.
    reach = min(radius + 1.5 * float(healpix.pixel_resolution.to_value("deg")), 180.0)
    found = np.sort(healpix.cone_search_lonlat(lon * u.deg, lat * u.deg, radius=reach * u.deg))
    there = [value.to_value("rad") for value in healpix.healpix_to_lonlat(found)]
    return found[np.degrees(angular_separation(*there, np.radians(lon), np.radians(lat))) <= radius]


def _largest_radius(nside: int) -> float:
    # Distance from the centre of the equatorial pixel at z = 2/3 to its corner [deg].
    angle = np.pi / (4 * nside)
    center = np.array([np.sqrt(5) / 3 * np.cos(angle), np.sqrt(5) / 3 * np.sin(angle), 2 / 3])
    z = 1 - (1 - 1 / nside) ** 2 / 3
    corner = np.array([np.sqrt(1 - z**2), 0, z])
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(center, corner)), center @ corner)))


def swap_order(pixels: np.ndarray, nside: int, nest: bool) -> np.ndarray:
    """Numbers of the same pixels in the other numbering.

    Parameters
    ----------
    pixels
        Pixel numbers.
    nside
        Resolution.
    nest
        Whether they are nested now.

    Examples
    --------
    >>> swap_order(np.array([0, 1]), 2, nest=True)
    array([13,  5])
    """
    from astropy_healpix.core import nested_to_ring, ring_to_nested

    return (nested_to_ring if nest else ring_to_nested)(np.asarray(pixels), nside)


def change_nside(pixels: np.ndarray, nside: int, new: int, nest: bool) -> np.ndarray:
    """Pixels of another resolution inside the given ones, or those that hold them.

    Parameters
    ----------
    pixels
        Pixel numbers.
    nside, new
        Resolutions; powers of two.
    nest
        Whether numbers are nested.

    Examples
    --------
    >>> change_nside(np.array([3]), 1, 2, nest=True)
    array([12, 13, 14, 15])
    """
    for value in (nside, new):
        if value < 1 or value & (value - 1):
            raise ValueError(f"a resolution is changed between powers of two, got nside {value}")
    nested = np.asarray(pixels) if nest else swap_order(pixels, nside, nest=False)
    if new >= nside:
        number = (new // nside) ** 2
        nested = (nested[:, np.newaxis] * number + np.arange(number)).ravel()
    else:
        nested = np.unique(nested // (nside // new) ** 2)
    return np.sort(nested if nest else swap_order(nested, new, nest=True))

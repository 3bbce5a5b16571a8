"""Choosing the pixels of an image: from its size, aligned with another, or square around a centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gjax.maps.coord import lonlat_deg
from gjax.maps.wcs_tools import deg_pair, make_wcs, moved_wcs

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from gjax.maps.wcs_geom import WcsGeom

__all__ = ["aligned_image", "new_image", "position_deg", "same_sky_options", "square_options"]


def position_deg(position: Any, frame: str) -> tuple[float, float]:
    """Longitude and latitude [deg] of a position in a frame.

    Parameters
    ----------
    position
        SkyCoord, (lon, lat) in the frame [deg, Quantity or string], or None for (0, 0).
    frame
        "icrs", "galactic" or "fk5".

    Raises
    ------
    ValueError
        If the position is not finite.

    Examples
    --------
    >>> position_deg(("1 rad", 2.0), "icrs")
    (57.29577951308232, 2.0)
    """
    if position is None:
        return 0.0, 0.0
    if isinstance(position, SkyCoord):
        pair = lonlat_deg(position, SkyCoord(0, 0, unit="deg", frame=frame).frame)
    else:
        pair = tuple(u.Quantity(item, "deg").value for item in position)
    lon, lat = (float(np.squeeze(value)) for value in pair)
    if not np.isfinite(lon + lat):
        raise ValueError(f"the position of the map is not finite: {position}")
    return lon, lat


def new_image(
    npix: Any, binsz: Any, proj: str, frame: str, refpix: tuple[float, float] | None, skydir: Any, width: Any
) -> tuple[WCS, tuple[int, int]]:
    """Projection and number of pixels of a new image; see `WcsGeom.create`.

    Parameters
    ----------
    npix, binsz, proj, frame, refpix, skydir, width
        See `WcsGeom.create`.

    Examples
    --------
    >>> new_image(None, 0.02, "TAN", "icrs", None, None, (5, 4))[1]
    (250, 200)
    """
    size = deg_pair(binsz, "binsz")
    if npix is not None:
        numbers = npix if isinstance(npix, tuple | list | np.ndarray) else (npix, npix)
        number = (int(np.max(numbers[0])), int(np.max(numbers[-1])))
    else:
        wide = deg_pair(width, "width") if width is not None else (360.0, 180.0)
        number = (int(np.rint(wide[0] / size[0])), int(np.rint(wide[1] / size[1])))
    if min(number) < 1:
        raise ValueError(f"an image needs at least one pixel along each side, got npix={number}")
    return make_wcs(number, size, proj, frame, position_deg(skydir, frame), refpix), number


def aligned_image(geom: WcsGeom, skydir: Any, width: Any) -> tuple[WCS, tuple[int, int]]:
    """Projection and number of pixels of an image that shares the pixels of another; see `WcsGeom.from_aligned`.

    Parameters
    ----------
    geom, skydir, width
        See `WcsGeom.from_aligned`.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> aligned_image(WcsGeom.create(npix=10, binsz=0.1), (0.0, 0.0), 0.4)[1]
    (4, 4)
    """
    position = skydir if isinstance(skydir, SkyCoord) else SkyCoord(*skydir, unit="deg", frame=geom.frame)
    npix = np.round(np.array(deg_pair(width, "width")) / geom.pixel_scales.value).astype(int)
    x, y = (
        -int(np.floor(-float(np.squeeze(p)) + n / 2.0)) for p, n in zip(geom.to_image().coord_to_pix(position), npix)
    )
    number = (int(npix[0]), int(npix[1]))
    return moved_wcs(geom.wcs, (x, y), number), number


def square_options(geom: WcsGeom, max_radius: Any, odd: bool) -> dict[str, Any]:
    """Arguments of `WcsGeom.create` for a square around the centre; see `WcsGeom.to_odd_npix`.

    Parameters
    ----------
    geom, max_radius
        See `WcsGeom.to_odd_npix`.
    odd
        Whether the number of pixels is odd, or even.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> square_options(WcsGeom.create(npix=10, binsz=0.1), None, odd=True)["npix"]
    11
    """
    width = geom.width.max() if max_radius is None else 2 * u.Quantity(max_radius)
    binsz = float(geom.pixel_scales.max().value)
    number = int(np.ceil(np.round(width.to_value("deg") / binsz, 6)))
    number = number // 2 * 2 + 1 if odd else (number + 1) // 2 * 2
    return {"npix": number, "binsz": binsz, **same_sky_options(geom)}


def same_sky_options(geom: WcsGeom) -> dict[str, Any]:
    """Arguments of `WcsGeom.create` for other pixels around the same centre.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> sorted(same_sky_options(WcsGeom.create(npix=10)))
    ['axes', 'frame', 'proj', 'skydir']
    """
    return {"proj": geom.projection, "frame": geom.frame, "axes": geom.axes, "skydir": geom.center_skydir}

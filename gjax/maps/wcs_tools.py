"""Functions on WCS projections: making, shifting and resampling them, and areas of pixels."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

__all__ = [
    "deg_pair",
    "make_wcs",
    "moved_wcs",
    "overlap",
    "pix_to_idx",
    "pixel_solid_angles",
    "resampled_wcs",
    "unit_vectors",
    "wcs_from_header",
]


def unit_vectors(lon: Any, lat: Any) -> np.ndarray:
    """Unit vectors towards directions, shape (3, ...).

    Parameters
    ----------
    lon, lat
        Longitude and latitude [deg], of one shape.

    Examples
    --------
    >>> unit_vectors(90.0, 0.0).round(6)
    array([0., 1., 0.])
    """
    lon, lat = np.radians(lon), np.radians(lat)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)])


def deg_pair(value: Any, what: str) -> tuple[float, float]:
    """Two angles [deg], for longitude and latitude, from one or two numbers, strings or quantities.

    Parameters
    ----------
    value
        Number [deg], Quantity, string, or a pair of those.
    what
        Word for messages.

    Raises
    ------
    ValueError
        If they are not positive, or not one or two.

    Examples
    --------
    >>> deg_pair("6 arcmin", "width"), deg_pair((2, 1 * u.deg), "width")
    ((0.1, 0.1), (2.0, 1.0))
    """

    def one(item: Any) -> float:
        quantity = u.Quantity(item)
        return float(quantity.to_value("deg")) if quantity.unit != u.dimensionless_unscaled else float(quantity.value)

    if isinstance(value, u.Quantity):
        value = value.to_value("deg").ravel() if value.unit != u.dimensionless_unscaled else value.value.ravel()
    items = list(value) if isinstance(value, tuple | list | np.ndarray) else [value]
    numbers = [one(np.squeeze(item) if isinstance(item, np.ndarray) else item) for item in items]
    if len(numbers) not in (1, 2) or not all(np.isfinite(n) and n > 0 for n in numbers):
        raise ValueError(f"{what}: expected one or two positive angles, got {value!r}")
    return numbers[0], numbers[-1]


def make_wcs(
    npix: tuple[int, int],
    binsz: tuple[float, float],
    proj: str,
    frame: str,
    crval: tuple[float, float],
    refpix: tuple[float, float] | None = None,
) -> WCS:
    """Projection with its reference at a position.

    Parameters
    ----------
    npix, binsz
        Number of pixels and their size [deg], each for longitude and latitude.
    proj
        Code of the projection, such as "TAN" or "CAR".
    frame
        "icrs", "galactic" or "fk5".
    crval
        Reference position in the frame [deg].
    refpix
        Its pixel, counted from 1; the middle of the image by default.

    Examples
    --------
    >>> make_wcs((10, 5), (0.1, 0.1), "TAN", "galactic", (0.0, 0.0)).array_shape
    (5, 10)
    """
    from astropy.wcs.utils import celestial_frame_to_wcs

    try:
        wcs = celestial_frame_to_wcs(SkyCoord(0, 0, unit="deg", frame=frame).frame, projection=proj)
    except ValueError as error:
        raise ValueError(f"cannot make a projection {proj!r} in the frame {frame!r}") from error
    wcs.wcs.crpix = refpix if refpix is not None else ((npix[0] + 1) / 2.0, (npix[1] + 1) / 2.0)
    wcs.wcs.crval = crval
    wcs.wcs.cdelt = (-binsz[0], binsz[1])
    try:
        wcs.wcs.set()
    except Exception as error:  # wcslib has its own errors
        raise ValueError(f"cannot make a projection {proj!r} in the frame {frame!r}: {error}") from error
    wcs.array_shape = (npix[1], npix[0])
    return wcs


def wcs_from_header(header: Any) -> WCS:
    """Celestial projection of an image header; harmless repairs are made silently.

    Parameters
    ----------
    header
        FITS header.

    Raises
    ------
    ValueError
        If the header describes no celestial projection.

    Examples
    --------
    >>> wcs_from_header(make_wcs((10, 5), (0.1, 0.1), "TAN", "icrs", (0.0, 0.0)).to_header()).wcs.ctype[0]
    'RA---TAN'
    """
    import warnings

    from astropy.io.fits.verify import VerifyWarning
    from astropy.wcs import FITSFixedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        warnings.simplefilter("ignore", VerifyWarning)
        wcs = WCS(header, naxis=2)
    if not wcs.has_celestial:
        raise ValueError(f"no celestial projection (CTYPE1, CTYPE2 are {list(wcs.wcs.ctype)})")
    return wcs


def moved_wcs(wcs: WCS, start: tuple[int, int], npix: tuple[int, int]) -> WCS:
    """Projection of a part of the image (or of a larger one).

    Parameters
    ----------
    wcs
        Projection.
    start
        Pixel (x, y, from 0) that becomes the first one; negative for a larger image.
    npix
        New number of pixels (x, y).

    Examples
    --------
    >>> wcs = make_wcs((10, 5), (0.1, 0.1), "TAN", "icrs", (0.0, 0.0))
    >>> moved_wcs(wcs, (2, 1), (3, 3)).wcs.crpix
    array([3.5, 2. ])
    """
    moved = wcs.deepcopy()
    moved.wcs.crpix = wcs.wcs.crpix - np.asarray(start, dtype=float)
    moved.array_shape = (npix[1], npix[0])
    moved.wcs.set()
    return moved


def resampled_wcs(wcs: WCS, factor: float, npix: tuple[int, int]) -> WCS:
    """Projection of the same image with pixels larger by a factor.

    Parameters
    ----------
    wcs
        Projection.
    factor
        New size of a pixel in old ones.
    npix
        New number of pixels (x, y).

    Examples
    --------
    >>> wcs = make_wcs((10, 6), (0.1, 0.1), "TAN", "icrs", (0.0, 0.0))
    >>> resampled_wcs(wcs, 2, (5, 3)).wcs.crpix
    array([3., 2.])
    """
    new = wcs.deepcopy()
    if new.wcs.has_cd():
        new.wcs.cd = wcs.wcs.cd * factor
    else:
        new.wcs.cdelt = wcs.wcs.cdelt * factor
    new.wcs.crpix = (wcs.wcs.crpix - 0.5) / factor + 0.5
    new.array_shape = (npix[1], npix[0])
    new.wcs.set()
    return new


def pix_to_idx(pix: Any, number: int) -> np.ndarray:
    """Number of the pixel that holds a continuous pixel coordinate, -1 outside and for NaN.

    Parameters
    ----------
    pix
        Pixel coordinates; pixel i reaches from i - 0.5 to i + 0.5.
    number
        Number of pixels.

    Examples
    --------
    >>> pix_to_idx([-0.6, -0.4, 2.4, 2.6, float("nan")], 3)
    array([-1,  0,  2, -1, -1])
    """
    pix = np.asarray(pix, dtype=float)
    with np.errstate(invalid="ignore"):
        inside = (pix >= -0.5) & (pix < number - 0.5)
    return np.where(inside, np.floor(np.where(inside, pix, 0.0) + 0.5), -1).astype(int)


def overlap(large: tuple[int, int], small: tuple[int, int], start: tuple[int, int]) -> tuple[Any, Any]:
    """Slices (y, x) of a large array and of a small one at an offset, where they overlap.

    Parameters
    ----------
    large, small
        Shapes (y, x).
    start
        Index (y, x) in the large array of the first element of the small one.

    Raises
    ------
    ValueError
        If they do not overlap.

    Examples
    --------
    >>> overlap((10, 10), (4, 4), (-1, 8))
    ((slice(0, 3, None), slice(8, 10, None)), (slice(1, 4, None), slice(0, 2, None)))
    """
    parent, cutout = [], []
    for n_large, n_small, first in zip(large, small, start):
        low, high = max(first, 0), min(first + n_small, n_large)
        if high <= low:
            raise ValueError("the two images do not overlap")
        parent.append(slice(low, high))
        cutout.append(slice(low - first, high - first))
    return tuple(parent), tuple(cutout)


def pixel_solid_angles(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Solid angles of quadrilaterals between great circles through a grid of corners [sr].

    Each is split into two spherical triangles; the excess E of one with corners a, b, c is
    tan(E / 2) = a . (b x c) / (1 + a . b + b . c + c . a) (Van Oosterom & Strackee 1983, IEEE Trans. Biomed. Eng. 30,
    125), so that the pixels of a whole sky add up to 4 pi.

    Parameters
    ----------
    lon, lat
        Corners (ny + 1, nx + 1) [deg].

    Examples
    --------
    >>> lon, lat = np.meshgrid(np.linspace(0, 360, 73), np.linspace(-90, 90, 37))
    >>> bool(abs(pixel_solid_angles(lon, lat).sum() / (4 * np.pi) - 1) < 1e-12)
    True
    """
    points = unit_vectors(lon, lat)
    low_left, low_right = points[:, :-1, :-1], points[:, :-1, 1:]
    up_left, up_right = points[:, 1:, :-1], points[:, 1:, 1:]
    return _triangle(low_right, up_right, low_left) + _triangle(up_left, low_left, up_right)


def _triangle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    # Differences keep the volume accurate for tiny triangles.
    to_b, to_c = b - a, c - a
    volume = (
        a[0] * (to_b[1] * to_c[2] - to_b[2] * to_c[1])
        + a[1] * (to_b[2] * to_c[0] - to_b[0] * to_c[2])
        + a[2] * (to_b[0] * to_c[1] - to_b[1] * to_c[0])
    )
    dots = 1.0 + (a * b).sum(axis=0) + (b * c).sum(axis=0) + (c * a).sum(axis=0)
    return np.abs(2 * np.arctan2(volume, dots))

"""Sky that must not be used to estimate background: regions or a FITS mask image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from regions import CircleAnnulusSkyRegion, CircleSkyRegion, PixCoord, PointSkyRegion, Regions, SkyRegion

from gjax.errors import DataFormatError, MissingDataError
from gjax.fits import expand_path, get_hdu, native, open_fits
from gjax.maps.region_tools import make_tan_wcs, region_center

__all__ = ["ExclusionMask", "ExclusionRegions", "read_exclusion"]

# A tangent plane is no picture of the sky much further out than this.
TANGENT_LIMIT_DEG = 60.0


@dataclass(frozen=True, eq=False, repr=False)
class ExclusionMask:
    """An image of the sky that is zero (False) where data are excluded.

    Sky outside of the image is not excluded.

    Parameters
    ----------
    keep
        Boolean image "lat lon": True where data may be used.
    wcs
        Celestial coordinates of the image.

    Examples
    --------
    >>> from regions import CircleSkyRegion
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> mask = ExclusionMask.from_regions(CircleSkyRegion(crab, 0.3 * u.deg), center=crab, width="2 deg")
    >>> mask.contains(SkyCoord([83.63, 85.0, 120.0], [22.01, 22.0, 22.0], unit="deg"))
    array([ True, False, False])
    """

    keep: np.ndarray
    wcs: WCS

    def __post_init__(self) -> None:
        if self.keep.ndim != 2 or self.keep.dtype != bool:
            raise ValueError(
                f"keep: expected a boolean image (2 axes), got {self.keep.dtype} of shape {self.keep.shape}"
            )

    def __repr__(self) -> str:
        shape, excluded = self.keep.shape, 1 - self.keep.mean()
        return f"ExclusionMask({shape[1]} x {shape[0]} pixels, {self.frame}, {excluded:.2%} excluded)"

    @property
    def frame(self) -> str:
        """Name of the coordinate frame of the image, such as "icrs" or "galactic"."""
        return wcs_to_celestial_frame(self.wcs).name

    @classmethod
    def read(cls, path: str | os.PathLike[str], hdu: str | int | None = None) -> ExclusionMask:
        """Read a FITS image (plain or gzip) that is 0 where data are excluded and 1 elsewhere.

        Parameters
        ----------
        path
            The file; may hold environment variables.
        hdu
            Name or number of the HDU; the first one that holds an image where None.

        Raises
        ------
        MissingDataError
            If there is no such file or HDU.
        DataFormatError
            If the image is not flat on the sky, or holds other values than 0 and 1.
        """
        path = expand_path(path)
        with open_fits(path) as hdus:
            candidates = list(hdus) if hdu is None else [get_hdu(hdus, hdu, path)]
            images = [one for one in candidates if one.is_image and one.header.get("NAXIS", 0) >= 2]
            if not images:
                raise MissingDataError(f"{path}: no image HDU to read an exclusion mask from")
            image, where = images[0], f"{path}: HDU {images[0].name!r}"
            data, wcs = native(image.data), WCS(image.header).celestial
        data = data.reshape(data.shape[-2:]) if data.size == np.prod(data.shape[-2:]) else data
        if data.ndim != 2:
            raise DataFormatError(f"{where}: an exclusion mask is a flat image, got shape {data.shape}")
        if not wcs.has_celestial:
            raise DataFormatError(f"{where}: the header gives no celestial coordinates")
        if not np.isin(data, (0, 1)).all():
            raise DataFormatError(f"{where}: an exclusion mask holds only 0 (excluded) and 1, got other values")
        return cls(data.astype(bool), wcs)

    @classmethod
    def from_regions(
        cls,
        regions: Any,
        *,
        center: SkyCoord,
        width: str | u.Quantity = "5 deg",
        binsz: str | u.Quantity = "0.02 deg",
        frame: str | None = None,
    ) -> ExclusionMask:
        """Draw regions into an image (a pixel is excluded where its centre is inside).

        Parameters
        ----------
        regions
            A sky region, a list of them, a DS9 string or the path of a DS9 file.
        center
            Centre of the image.
        width, binsz
            Full width of the square image and size of its pixels.
        frame
            "icrs" or "galactic"; that of ``center`` by default.
        """
        name = frame or center.frame.name
        center = center.transform_to(name)
        step = u.Quantity(binsz).to_value("deg")
        npix = round(u.Quantity(width).to_value("deg") / step)
        wcs = make_tan_wcs(center, step, (npix - 0.5) * step)
        y, x = np.indices((npix, npix), dtype=float)
        inside = np.zeros((npix, npix), dtype=bool)
        for region in parse_regions(regions):
            inside |= np.asarray(region.to_pixel(wcs).contains(PixCoord(x, y)))
        return cls(~inside, wcs)

    def contains(self, coords: SkyCoord) -> np.ndarray:
        """Return True where a coordinate lies in an excluded pixel."""
        coords = coords.transform_to(self.frame).spherical
        x, y = self.wcs.wcs_world2pix(coords.lon.deg, coords.lat.deg, 0)
        with np.errstate(invalid="ignore"):
            column, row = np.floor(x + 0.5), np.floor(y + 0.5)
            inside = (column >= 0) & (row >= 0) & (column < self.keep.shape[1]) & (row < self.keep.shape[0])
        excluded = np.zeros(np.shape(x), dtype=bool)
        excluded[inside] = ~self.keep[row[inside].astype(int), column[inside].astype(int)]
        return excluded


@dataclass(frozen=True, eq=False, repr=False)
class ExclusionRegions:
    """Excluded sky given as regions, with sharp edges.

    Circles and circular annuli are tested by distance on the sphere, other shapes in the tangent plane at their own
    centre; coordinates further than 60 deg from the centre of those are outside.

    Parameters
    ----------
    regions
        Sky regions; their union is excluded.

    Raises
    ------
    ValueError
        If a region that is no circle spans more than 120 deg.

    Examples
    --------
    >>> from regions import CircleSkyRegion
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> excluded = ExclusionRegions((CircleSkyRegion(crab, 0.3 * u.deg),))
    >>> excluded.contains(SkyCoord([83.63, 85.0], [22.01, 22.0], unit="deg"))
    array([ True, False])
    """

    regions: tuple[SkyRegion, ...]

    def __post_init__(self) -> None:
        for region in self.regions:
            for name in ("width", "height", "outer_width", "outer_height"):
                size = getattr(region, name, None)
                if size is not None and size.to_value("deg") > 2 * TANGENT_LIMIT_DEG:
                    raise ValueError(
                        f"exclusion region {type(region).__name__} with {name} {size}: more than "
                        f"{2 * TANGENT_LIMIT_DEG:g} deg cannot be drawn in a tangent plane; give a mask image instead"
                    )

    def __repr__(self) -> str:
        return f"ExclusionRegions({len(self.regions)} regions)"

    def contains(self, coords: SkyCoord) -> np.ndarray:
        """Return True where a coordinate lies in one of the regions."""
        inside = np.zeros(coords.shape, dtype=bool)
        for region in self.regions:
            inside |= _contains(region, coords)
        return inside


def _contains(region: SkyRegion, coords: SkyCoord) -> np.ndarray:
    """Test one region against coordinates."""
    if isinstance(region, PointSkyRegion):
        return np.zeros(coords.shape, dtype=bool)
    center = region_center(region)
    distance = center.separation(coords).deg
    if isinstance(region, CircleSkyRegion):
        return distance < region.radius.to_value("deg")
    if isinstance(region, CircleAnnulusSkyRegion):
        return (distance >= region.inner_radius.to_value("deg")) & (distance < region.outer_radius.to_value("deg"))
    inside = distance < TANGENT_LIMIT_DEG
    if inside.any():
        near = coords[inside].transform_to(center.frame.name).spherical
        wcs = make_tan_wcs(center, 0.01, 0.01)
        pixels = PixCoord(*wcs.wcs_world2pix(near.lon.deg, near.lat.deg, 0))
        inside[inside] = region.to_pixel(wcs).contains(pixels)
    return inside


def parse_regions(regions: Any) -> tuple[SkyRegion, ...]:
    """Return sky regions from a region, a list, a DS9 string or the path of a DS9 region file.

    Raises
    ------
    MissingDataError
        If the file does not exist.
    DataFormatError
        If the text is no list of regions on the sky.
    TypeError
        For anything else.

    Examples
    --------
    >>> parse_regions("icrs;circle(83.63, 22.01, 0.5)")[0].radius
    <Quantity 0.5 deg>
    """
    if isinstance(regions, SkyRegion):
        return (regions,)
    if isinstance(regions, str | os.PathLike):
        text, source = os.fspath(regions), "DS9 string"
        if "(" not in text:
            path = expand_path(text)
            if not path.is_file():
                raise MissingDataError(f"{path}: no such region file")
            text, source = path.read_text(), str(path)
        try:
            found: Sequence[Any] = list(Regions.parse(text, format="ds9"))
        except Exception as error:
            raise DataFormatError(f"{source}: not a list of DS9 regions ({error})") from error
        if not found:
            raise DataFormatError(f"{source}: no region found")
    elif isinstance(regions, Sequence):
        found, source = list(regions), "exclusion regions"
    else:
        raise TypeError(f"expected sky regions, a list of them, a DS9 string or a path, got {type(regions).__name__}")
    for region in found:
        if not isinstance(region, SkyRegion):
            raise DataFormatError(f"{source}: expected regions on the sky, got {type(region).__name__}")
    # A region that DS9 marks as "excluded" is excluded here as well, not its complement.
    return tuple(one if one.meta.get("include", True) else one.copy(meta=None) for one in found)


def read_exclusion(exclusion: Any) -> ExclusionMask | ExclusionRegions | None:
    """Turn whatever a user gives into an object with ``contains(SkyCoord)``.

    Parameters
    ----------
    exclusion
        None, an object with a method ``contains``, a sky region, a list of regions, a DS9 string, the path of a DS9
        file, or the path of a FITS mask image.

    Examples
    --------
    >>> type(read_exclusion("galactic;circle(183.604, -8.708, 0.5)")).__name__
    'ExclusionRegions'
    """
    if exclusion is None or isinstance(exclusion, ExclusionMask | ExclusionRegions):
        return exclusion
    if isinstance(exclusion, str | os.PathLike) and ".fit" in Path(os.fspath(exclusion)).name:
        return ExclusionMask.read(exclusion)
    if not isinstance(exclusion, SkyRegion) and callable(getattr(exclusion, "contains", None)):
        return exclusion
    regions = parse_regions(exclusion)
    return ExclusionRegions(regions) if regions else None

"""What reduced responses share: a map with two leading axes, an exposure, positions, stacking, slices."""

from __future__ import annotations

import html
import logging
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from gjax.irf.fov import offset_on_sphere, sky_coordinates
from gjax.irf.positions import aligned_slices, position_weights, region_pixels
from gjax.maps import Map, RegionGeom, RegionNDMap
from gjax.maps.cutouts import cutouts

__all__ = ["AbstractReducedResponse", "image_geom", "map_of", "stack_weighted"]

log = logging.getLogger(__name__)


def map_of(geom: Any, data: Any = None, unit: Any = "", meta: Any = None) -> Any:
    """Make the map that belongs to a geometry.

    Parameters
    ----------
    geom
        `gjax.maps.RegionGeom`, `gjax.maps.WcsGeom` or `gjax.maps.HpxGeom`.
    data
        Array in the shape of the geometry; zeros if None.
    unit, meta
        Unit and keywords of the map.

    Examples
    --------
    >>> map_of(RegionGeom.create(None), 1.0, "m2 s").unit
    Unit("m2 s")
    """
    return Map.from_geom(geom, data=data, unit=unit, meta=meta)


def image_geom(geom: Any = None) -> Any:
    """Image of a geometry, or one bin for all the sky.

    Parameters
    ----------
    geom
        Geometry or None.

    Examples
    --------
    >>> image_geom().data_shape
    (1, 1)
    """
    return RegionGeom.create(None) if geom is None else geom.to_image()


def stack_weighted(
    first: np.ndarray,
    first_exposure: np.ndarray,
    second: np.ndarray,
    second_exposure: np.ndarray,
    weights: np.ndarray | float = 1.0,
    exposure_weights: np.ndarray | float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of two responses weighted with their exposures; zero where there is no exposure.

    Parameters
    ----------
    first, second
        Responses on the same pixels.
    first_exposure, second_exposure
        Exposures, of the same shape or broadcast against the responses.
    weights, exposure_weights
        Weights (such as a mask) of the second response and of its exposure.

    Examples
    --------
    >>> stack_weighted(np.array([1.0, 1.0]), np.array([1.0, 0.0]), np.array([3.0, 3.0]), np.array([3.0, 0.0]))
    (array([2.5, 0. ]), array([4., 0.]))
    """
    added = np.nan_to_num(second_exposure)
    exposure = first_exposure + added * exposure_weights
    total = first * first_exposure + np.nan_to_num(second) * added * weights
    positive = np.broadcast_to(exposure > 0, total.shape)
    return np.divide(total, exposure, out=np.zeros_like(total), where=positive), exposure


class AbstractReducedResponse:
    """A response on pixels of the sky, with the exposure by which it is weighted in stacking.

    Subclasses are frozen dataclasses with two fields: the map, whose first axes are ``required_axes``, and
    ``exposure_map``.
    """

    required_axes: ClassVar[tuple[str, ...]]
    map_name: ClassVar[str]
    hdu: ClassVar[str]
    exposure_map: Any

    def __post_init__(self) -> None:
        names = self.axes.names
        if tuple(names[: len(self.required_axes)]) != self.required_axes:
            raise ValueError(f"{type(self).__name__} needs the axes {list(self.required_axes)}, got {names}")
        if self.exposure_map is not None:
            shape, wanted = self.exposure_map.geom.data_shape[-2:], self.geom.data_shape[-2:]
            if shape != wanted:
                raise ValueError(f"{type(self).__name__}: the exposure has {shape} pixels, the response {wanted}")

    @property
    def irf_map(self) -> Any:
        """The map of the response."""
        return getattr(self, self.map_name)

    @property
    def geom(self) -> Any:
        """Geometry of the response."""
        return self.irf_map.geom

    @property
    def axes(self) -> Any:
        """Axes of the response."""
        return self.irf_map.geom.axes

    @property
    def has_single_spatial_bin(self) -> bool:
        """Whether the response is the same everywhere."""
        return int(np.prod(self.geom.data_shape[-2:])) == 1

    @property
    def mask_safe_image(self) -> Any:
        """Image of the pixels in which the response is not zero everywhere."""
        data = self.irf_map.data
        return map_of(self.geom.to_image(), (data > 0).any(axis=tuple(range(data.ndim - 2))))

    def copy(self, **changes: Any) -> Self:
        """Return the response with its map or exposure changed."""
        return replace(self, **changes)  # type: ignore[type-var]

    def _with(self, irf_map: Any, exposure_map: Any) -> Self:
        return self.copy(**{self.map_name: irf_map, "exposure_map": exposure_map})

    def _exposure_on(self, geom: Any) -> Any:
        """The exposure, where the first axis is that of another geometry on the same pixels."""
        exposure = self.exposure_map
        if exposure is None:
            return None
        return map_of(geom.squash(geom.axes.names[0]), exposure.data, exposure.unit, exposure.meta)

    # ---- at a position ----

    def nearest_valid_position(self, position: Any) -> Any:
        """Return the position, or the centre of the nearest pixel in which the response is defined."""
        valid = self.mask_safe_image.data
        y, x, _ = position_weights(self.geom, position, "nearest")[0]
        if valid[y, x] or not valid.any():
            return position
        lon, lat = sky_coordinates(self.geom)
        there = position.transform_to(self.geom.frame).spherical
        distance = np.where(valid, offset_on_sphere(lon, lat, there.lon.deg, there.lat.deg), np.inf)
        best = np.unravel_index(np.argmin(distance), distance.shape)
        log.warning(
            "%s: nothing is known at %s; the nearest pixel, %.2f deg away, is taken",
            type(self).__name__,
            position.to_string(),
            distance[best],
        )
        from astropy.coordinates import SkyCoord

        return SkyCoord(lon[best], lat[best], unit="deg", frame=self.geom.frame)

    def at_position(self, position: Any = None, method: str = "linear") -> np.ndarray:
        """Values at a position, in the shape of the axes; by default at the centre of the map.

        Interpolation is between the pixels in which the response is defined; where there are none around, the
        nearest one is taken (with a warning).

        Parameters
        ----------
        position
            Position on the sky.
        method
            "linear" or "nearest".
        """
        data = self.irf_map.data
        if self.has_single_spatial_bin:
            return data[..., 0, 0].copy()
        position = self.nearest_valid_position(self.geom.center_skydir if position is None else position)
        corners = position_weights(self.geom, position, method)
        # bins along the first axis (rad, migra, energy) without any value: not measured there
        values = np.stack([data[..., y, x] for y, x, _ in corners])
        first = data.ndim - 2 - 1
        weights = np.reshape([weight for *_, weight in corners], (-1,) + (1,) * first + (1,))
        weights = weights * (values > 0).any(axis=-1, keepdims=True)
        total = weights.sum(axis=0)
        return np.divide((values * weights).sum(axis=0), total, out=np.zeros_like(values[0]), where=total > 0)

    def to_region_nd_map(self, region: Any = None) -> Self:
        """Return the response at a position, or its mean over a region (exposure: likewise), on a region geometry.

        Parameters
        ----------
        region
            Position or sky region; by default the centre of the map.
        """
        from astropy.coordinates import SkyCoord

        if isinstance(self.geom, RegionGeom):
            return self
        if region is None or isinstance(region, SkyCoord):
            from regions import PointSkyRegion

            position = self.geom.center_skydir if region is None else region
            inside = np.zeros(self.geom.data_shape[-2:], dtype=bool)
            inside[position_weights(self.geom, self.nearest_valid_position(position), "nearest")[0][:2]] = True
            region = PointSkyRegion(position)
        else:
            inside = region_pixels(self.geom, region)
        maps: list[Any] = []
        for one in (self.irf_map, self.exposure_map):
            if one is None:
                maps.append(None)
                continue
            geom = RegionGeom.create(region, axes=one.geom.axes, wcs=one.geom.wcs)
            data = np.nan_to_num(one.data[..., inside]).mean(axis=-1)
            maps.append(RegionNDMap(geom, data=data.reshape(geom.data_shape), unit=one.unit, meta=one.meta))
        return self._with(*maps)

    def sample_first_axis(
        self, position: Any, energy: Any, key: np.random.Generator, weights: np.ndarray
    ) -> np.ndarray:
        """Draw bin numbers (with fractions) along the first axis, for events at positions and energies.

        Each event takes the values of the nearest pixel and of its bin of the second axis. Uniform within a bin.

        Parameters
        ----------
        position
            Positions (n).
        energy
            Coordinates along the second axis (n).
        key
            Random generator.
        weights
            Width or area of the bins of the first axis.

        Returns
        -------
        pix
            Position in bins, from 0 at the lower edge of the first; NaN where the response is zero.
        """
        second = self.axes[1]
        row = second.coord_to_idx(energy, clip=True)
        y, x = self._nearest_pixels(position)
        draw, within = key.random(len(row)), key.random(len(row))
        result = np.empty(len(row))
        for start in range(0, len(row), 10000):
            part = slice(start, start + 10000)
            table = np.cumsum(np.maximum(self.irf_map.data[row[part], :, y[part], x[part]], 0.0) * weights, axis=1)
            total = table[:, -1]
            number = (table <= (draw[part] * total)[:, np.newaxis]).sum(axis=1)
            result[part] = np.where(total > 0, number + within[part], np.nan)
        return result

    def _nearest_pixels(self, position: Any) -> tuple[np.ndarray, np.ndarray]:
        ny, nx = self.geom.data_shape[-2:]
        if self.has_single_spatial_bin:
            return np.zeros(position.size, dtype=int), np.zeros(position.size, dtype=int)
        there = position.transform_to(self.geom.frame).spherical
        x, y = self.geom.wcs.wcs_world2pix(np.ravel(there.lon.deg), np.ravel(there.lat.deg), 0)
        clipped = (np.clip(np.rint(value), 0, size - 1).astype(int) for value, size in ((y, ny), (x, nx)))
        return tuple(clipped)  # type: ignore[return-value]

    # ---- stacking ----

    def stack(self, other: Any, weights: Any = None, nan_to_num: bool = True) -> Self:
        """Return the mean of this response and another, weighted with their exposures.

        Where neither has exposure the result is zero; pixels that the other does not have stay as they are.

        Parameters
        ----------
        other
            Response on the same pixels, or on a cutout of them.
        weights
            Map on the spatial pixels of ``other`` that multiplies its exposure, such as a safe mask.
        nan_to_num
            Values that are not numbers count as zero (always).

        Raises
        ------
        ValueError
            If an exposure is missing, or the geometries do not fit.
        """
        if self.exposure_map is None or other.exposure_map is None:
            raise ValueError(f"{type(self).__name__}.stack: both responses need an exposure_map to be weighted with")
        if [axis.nbin for axis in self.axes] != [axis.nbin for axis in other.axes]:
            raise ValueError(f"{type(self).__name__}.stack: axes {self.axes} and {other.axes} are not the same")
        ours, theirs = aligned_slices(self.geom, other.geom)
        factor: Any = 1.0
        exposure_factor: Any = 1.0
        if weights is not None:
            if weights.data.shape[-2:] != other.geom.data_shape[-2:]:
                raise ValueError(f"weights have {weights.data.shape[-2:]} pixels, the response {other.geom.data_shape}")
            factor = exposure_factor = weights.data[theirs].astype(float)
            if "energy" in weights.geom.axes.names and "energy" in self.required_axes:
                dimension = len(weights.geom.axes) - 1 - weights.geom.axes.index("energy")
                exposure_factor = (factor > 0).any(axis=dimension, keepdims=True).astype(float)
        unit = other.irf_map.unit.to(self.irf_map.unit)
        exposure_unit = other.exposure_map.unit.to(self.exposure_map.unit)
        data, exposure = self.irf_map.data.astype(float), self.exposure_map.data.astype(float)
        data[ours], exposure[ours] = stack_weighted(
            data[ours],
            exposure[ours],
            other.irf_map.data[theirs] * unit,
            other.exposure_map.data[theirs] * exposure_unit,
            factor,
            exposure_factor,
        )
        return self._with(self.irf_map.copy(data=data), self.exposure_map.copy(data=exposure))

    # ---- parts ----

    def cutout(self, position: Any, width: Any, mode: str = "trim", min_npix: int = 3) -> Self:
        """Return the pixels around a position.

        Parameters
        ----------
        position, width, mode
            As for `gjax.maps.WcsNDMap.cutout`.
        min_npix
            Least number of pixels per side, so that interpolation has neighbours.
        """
        if isinstance(self.geom, RegionGeom):
            return self
        import astropy.units as u

        scales = u.Quantity(self.geom.pixel_scales).to_value("deg")
        widths = np.broadcast_to(u.Quantity(width).to_value("deg"), (2,))
        wide = np.maximum(widths, min_npix * scales) * u.deg
        maps = [self.irf_map] if self.exposure_map is None else [self.irf_map, self.exposure_map]
        irf, *exposure = cutouts(maps, position, wide, mode)
        return self._with(irf, exposure[0] if exposure else None)

    def slice_by_idx(self, slices: dict[str, Any]) -> Self:
        """Return the bins selected by slices, by axis name; axes that the response does not have are ignored."""
        mine = {name: item for name, item in slices.items() if name in self.axes.names}
        exposure = self.exposure_map
        if exposure is not None:
            theirs = {
                name: item
                for name, item in mine.items()
                if name in exposure.geom.axes.names and exposure.geom.axes[name].nbin == self.axes[name].nbin
            }
            exposure = exposure.slice_by_idx(theirs) if theirs else exposure
        return self._with(self.irf_map.slice_by_idx(mine) if mine else self.irf_map, exposure)

    def slice_by_energy(self, energy_min: Any, energy_max: Any) -> Self:
        """Return the bins between two energies, along the reconstructed axis if there is one (rounded to edges)."""
        import astropy.units as u

        name = "energy" if "energy" in self.required_axes else "energy_true"
        edges = self.axes[name].edges
        low, high = (
            int(np.abs(np.log(edges / u.Quantity(one)).to_value("")).argmin()) for one in (energy_min, energy_max)
        )
        if low >= high:
            raise ValueError(f"no bin of {name} between {energy_min} and {energy_max}")
        return self.slice_by_idx({name: slice(low, high)})

    # ---- files ----

    @classmethod
    def from_hdulist(cls, hdulist: Any, hdu: str | None = None, format: str = "gadf", path: Any = "") -> Any:
        """Read from HDUs (see `gjax.irf.irf_map_io.read_response`)."""
        from gjax.irf.irf_map_io import read_response

        return read_response(cls, hdulist, hdu, format, path)

    @classmethod
    def read(cls, filename: Any, format: str = "gadf", hdu: str | None = None) -> Any:
        """Read from a FITS file.

        Parameters
        ----------
        filename, hdu
            File and name of the HDU; by default that of the class.
        format
            "gadf", or "gtpsf" (`PSFMap`), "gtdrm" (`EDispKernelMap`).
        """
        from gjax.fits import open_fits

        with open_fits(filename) as hdulist:
            return cls.from_hdulist(hdulist, hdu=hdu, format=format, path=filename)

    def to_hdulist(self, hdu: str | None = None, format: str = "gadf") -> Any:
        """Make a list of HDUs: the map and, if there is one, the exposure."""
        from gjax.irf.irf_map_io import response_hdus

        return response_hdus(self, hdu, format)

    def write(self, filename: Any, format: str = "gadf", overwrite: bool = False) -> None:
        """Write to a FITS file, under a temporary name first."""
        from gjax.fits import write_fits

        write_fits(self.to_hdulist(format=format), filename, overwrite=overwrite)

    def __repr__(self) -> str:
        shape = ", ".join(f"{axis.name}: {axis.nbin}" for axis in self.axes)
        ny, nx = self.geom.data_shape[-2:]
        exposure = "with exposure" if self.exposure_map is not None else "without exposure"
        return f"{type(self).__name__} ({shape}, {nx} x {ny} pixels), {exposure}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

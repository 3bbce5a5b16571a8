"""Pixel grids of sky maps: from unit vectors to pixel coordinates, for the common projections of FITS."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._sphere import RAD

__all__ = ["SkyGrid"]

_ZENITHAL = ("TAN", "SIN", "STG", "ZEA", "ARC")
_OTHERS = ("CAR", "SFL", "GLS", "CEA", "MER", "AIT")


def _project(name: str, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
    """Return intermediate world coordinates [deg] of native unit vectors (Calabretta & Greisen 2002)."""
    if name in _ZENITHAL:
        if name == "TAN":
            stretch = 1.0 / jnp.where(z > 1e-6, z, 1e-6)
        elif name == "SIN":
            stretch = jnp.where(z > 0.0, 1.0, 1e6)
        elif name == "STG":
            stretch = 2.0 / jnp.maximum(1.0 + z, 1e-6)
        elif name == "ZEA":
            stretch = jnp.sqrt(2.0 / jnp.maximum(1.0 + z, 1e-6))
        else:
            radius2 = x**2 + y**2
            is_near = radius2 < 1e-8
            radius = jnp.sqrt(jnp.where(is_near, 1.0, radius2))
            stretch = jnp.where(is_near & (z > 0), 1.0 + radius2 / 6.0, jnp.arctan2(radius, z) / radius)
        return y * stretch / RAD, -x * stretch / RAD
    is_pole = x**2 + y**2 < 1e-24
    phi = jnp.arctan2(jnp.where(is_pole, 0.0, y), jnp.where(is_pole, 1.0, x))
    cos = jnp.sqrt(jnp.where(is_pole, 1e-24, x**2 + y**2))
    theta = jnp.arctan2(z, cos)
    if name == "CAR":
        return phi / RAD, theta / RAD
    if name in ("SFL", "GLS"):
        return phi * cos / RAD, theta / RAD
    if name == "CEA":
        return phi / RAD, z / RAD
    if name == "MER":
        return phi / RAD, jnp.arctanh(jnp.clip(z, -1 + 1e-12, 1 - 1e-12)) / RAD
    gamma = jnp.sqrt(2.0 / jnp.maximum(1.0 + cos * jnp.cos(0.5 * phi), 1e-12))
    return 2.0 * gamma * cos * jnp.sin(0.5 * phi) / RAD, gamma * z / RAD


class SkyGrid(eqx.Module):
    """The pixel grid of an image on the sky.

    Parameters
    ----------
    rotation
        Matrix from unit vectors of the frame to native ones.
    scale
        Matrix from intermediate world coordinates [deg] to pixels.
    reference
        Pixel coordinates of the reference point, counted from 0.
    projection
        Three letters, such as "TAN".
    shape
        Number of pixels (lat, lon).
    wraps
        Whether the first and last column are neighbours.
    """

    rotation: Any
    scale: Any
    reference: Any
    projection: str = eqx.field(static=True)
    shape: tuple[int, int] = eqx.field(static=True)
    wraps: bool = eqx.field(static=True, default=False)

    @classmethod
    def from_wcs(cls, wcs: Any, shape: tuple[int, int]) -> SkyGrid:
        """Take the grid from an astropy WCS (host).

        Raises
        ------
        ValueError
            If the projection is not supported.
        """
        wcs = wcs.celestial
        name = wcs.wcs.ctype[0][5:8]
        if name not in _ZENITHAL + _OTHERS or (name == "CEA" and len(wcs.wcs.get_pv())):
            raise ValueError(
                f"projection {name!r}: templates may have {', '.join(_ZENITHAL + _OTHERS)}; reproject the map"
            )
        scale = np.linalg.inv(wcs.pixel_scale_matrix)
        reference = np.asarray(wcs.wcs.crpix, float) - 1.0
        points = reference + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]) * min(1.0, *shape)
        found = wcs.wcs.p2s(points, 0)
        sky, native = (
            _vectors(*angles)
            for angles in (np.radians(found["world"]).T, np.radians(np.stack([found["phi"], found["theta"]])))
        )
        u, _, vh = np.linalg.svd(native @ sky.T)
        rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vh)]) @ vh
        width = abs(wcs.pixel_scale_matrix[0, 0]) * shape[1]
        wraps = bool(name in ("CAR", "CEA", "MER") and wcs.pixel_scale_matrix[0, 1] == 0 and width > 359.99)
        grid = cls(rotation, scale, reference, name, (int(shape[0]), int(shape[1])), wraps)
        grid._check(wcs)
        return grid

    def _check(self, wcs: Any) -> None:
        ny, nx = self.shape
        x, y = np.meshgrid(np.linspace(0.3, nx - 1.3, 5), np.linspace(0.3, ny - 1.3, 5))
        lon, lat = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
        good = np.isfinite(lon) & np.isfinite(lat)
        found = self.pixel(jnp.asarray(_vectors(np.radians(lon[good]), np.radians(lat[good]))))
        for mine, theirs in zip(found, (x.ravel()[good], y.ravel()[good])):
            difference = np.abs(np.asarray(mine) - theirs)
            if self.wraps:
                difference = np.minimum(difference, np.abs(difference - nx))
            if difference.size and difference.max() > 1e-2:
                raise ValueError(f"the {self.projection} projection of this map is not supported; reproject the map")

    def pixel(self, vectors: Array) -> tuple[Array, Array]:
        """Return pixel coordinates (x, y) of unit vectors (component first) in the frame of the map."""
        native = jnp.tensordot(jnp.asarray(self.rotation, vectors.dtype), vectors, axes=1)
        a, b = _project(self.projection, *native)
        x = self.scale[0, 0] * a + self.scale[0, 1] * b + self.reference[0]
        y = self.scale[1, 0] * a + self.scale[1, 1] * b + self.reference[1]
        return (jnp.mod(x + 0.5, self.shape[1]) - 0.5, y) if self.wraps else (x, y)

    def interpolate(self, image: Array, x: Array, y: Array) -> Array:
        """Interpolate an image linearly at pixel coordinates; the outer half pixels are extrapolated."""
        (i, s), (j, t) = (_cell(c, n, w) for c, n, w in ((x, self.shape[1], self.wraps), (y, self.shape[0], False)))
        i1 = jnp.mod(i + 1, self.shape[1]) if self.wraps else jnp.minimum(i + 1, self.shape[1] - 1)
        j1 = jnp.minimum(j + 1, self.shape[0] - 1)
        i = jnp.mod(i, self.shape[1])
        low = image[j, i] * (1.0 - s) + image[j, i1] * s
        high = image[j1, i] * (1.0 - s) + image[j1, i1] * s
        return low * (1.0 - t) + high * t

    def contains(self, x: Array, y: Array) -> Array:
        """Tell which pixel coordinates lie on a pixel."""
        return (x >= -0.5) & (x <= self.shape[1] - 0.5) & (y >= -0.5) & (y <= self.shape[0] - 0.5)


def _cell(coordinate: Array, number: int, wraps: bool) -> tuple[Array, Array]:
    first, last = (-1, number - 1) if wraps else (0, max(number - 2, 0))
    cell = jnp.clip(jnp.floor(coordinate), first, last)
    return cell.astype(jnp.int32), jnp.clip(coordinate, -0.5, number - 0.5) - cell


def _vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])

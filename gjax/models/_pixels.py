"""Pixels of an image as quadrature nodes on the sphere."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from gjax.models._sphere import FRAMES

__all__ = ["PixelNodes"]


class PixelNodes(eqx.Module):
    r"""Sub-pixel nodes of an image with their solid angles, and the blur that makes sums over them exact.

    Sums over a lattice of spacing h are exact for functions without structure below h: a Gaussian of width 0.75 h
    summed over the nodes is its integral to 6e-5, wherever it is centred. So a shape is widened to no less than
    ``blur`` = 0.75 h before it is sampled; shapes wider than three times that are left as they are.
    Pixels are bilinear patches between their corners: neighbours share corners, so the patches tile the sky.

    Parameters
    ----------
    vectors
        Unit vectors of the nodes (component, node, lat, lon).
    solid_angle
        Solid angles of the nodes [sr] (node, lat, lon); zero where a projection is undefined.
    blur
        0.75 times the spacing of the nodes [rad].
    frame
        Frame of the vectors, "icrs" or "galactic".

    Examples
    --------
    >>> lon, lat = np.meshgrid(np.linspace(1, 0, 11), np.linspace(-0.5, 0.5, 11))
    >>> pixels = PixelNodes.from_corners(lon, lat, oversampling=2)
    >>> pixels.solid_angle.shape
    (4, 10, 10)
    """

    vectors: Any
    solid_angle: Any
    blur: Any
    frame: str = eqx.field(static=True, default="icrs")

    @classmethod
    def from_corners(cls, lon: Any, lat: Any, frame: str = "icrs", oversampling: int = 4) -> PixelNodes:
        """Make nodes of the corners of pixels.

        Parameters
        ----------
        lon, lat
            Corners [deg] (lat + 1, lon + 1) of an image; NaN where the projection is undefined.
        frame
            "icrs" or "galactic".
        oversampling
            Nodes along each side of a pixel. With 4, shapes are widened to no less than 0.19 pixels.

        Raises
        ------
        ValueError
            If the corners are no two images of one shape, no pixel is defined, or the frame is unknown.
        """
        lon, lat = np.asarray(lon, float), np.asarray(lat, float)
        if lon.ndim != 2 or lon.shape != lat.shape or min(lon.shape) < 2:
            raise ValueError(f"corners: expected two images of one shape, got {lon.shape} and {lat.shape}")
        if frame not in FRAMES:
            raise ValueError(f"frame: expected one of {', '.join(FRAMES)}, got {frame!r}")
        if int(oversampling) != oversampling or oversampling < 1:
            raise ValueError(f"oversampling: expected a positive whole number, got {oversampling!r}")
        lon, lat = np.radians(lon), np.radians(lat)
        corners = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        fractions = (np.arange(oversampling) + 0.5) / oversampling
        v, u = (part.reshape(-1, 1, 1) for part in np.meshgrid(fractions, fractions, indexing="ij"))
        low_left, low_right = corners[:, None, :-1, :-1], corners[:, None, :-1, 1:]
        up_left, up_right = corners[:, None, 1:, :-1], corners[:, None, 1:, 1:]
        along_u = (1 - v) * (low_right - low_left) + v * (up_right - up_left)
        along_v = (1 - u) * (up_left - low_left) + u * (up_right - low_right)
        point = (1 - v) * ((1 - u) * low_left + u * low_right) + v * ((1 - u) * up_left + u * up_right)
        length = np.linalg.norm(point, axis=0)
        triple = np.abs(np.sum(point * np.cross(along_u, along_v, axis=0), axis=0))
        with np.errstate(divide="ignore", invalid="ignore"):
            solid_angle = triple / length**3 / oversampling**2
            vectors = point / length
        good = np.isfinite(solid_angle) & np.isfinite(vectors).all(axis=0)
        if not good.any():
            raise ValueError("corners: no pixel is defined")
        sides = np.sqrt(np.maximum((along_u**2).sum(axis=0), (along_v**2).sum(axis=0)))
        blur = 0.75 / oversampling * float(sides[good].max())
        pole = np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
        return cls(np.where(good, vectors, pole), np.where(good, solid_angle, 0.0), np.asarray(blur), frame)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return tuple(np.shape(self.solid_angle)[1:])

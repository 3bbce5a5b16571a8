"""The point and the Gaussian."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._spatial import AbstractShapeModel, widened
from gjax.models._sphere import RAD, chord2_of_separation
from gjax.parameters import ParameterField, parameter

__all__ = ["GaussianSpatialModel", "PointSpatialModel"]

#: Variance of the cell around a node, 1/12 of its squared side, in units of the squared blur (3/4 of that side):
#: with it a Gaussian sampled at nodes is its mean over the cells to fourth order.
CELL = 4.0 / 27.0


class PointSpatialModel(AbstractShapeModel):
    r"""A point source.

    .. math:: \phi(\ell, b) = \delta(\ell - \ell_0) \, \delta(\sin b - \sin b_0)

    Parameters
    ----------
    lon_0, lat_0
        Position [deg].
    frame
        "icrs" or "galactic".

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> PointSpatialModel("83.63 deg", "22.01 deg").position.ra.deg
    np.float64(83.63)
    """

    tag: ClassVar[str] = "point"
    lon_0: ParameterField = parameter(0.0, "deg", scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, scale=0.1)

    def density(self, along2: Array, across2: Array, blur2: Array) -> Array:
        return jnp.exp(-0.5 * (along2 + across2) / blur2) / (2.0 * jnp.pi * blur2)

    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        return jnp.ones_like(wavenumber)

    def extent(self) -> float:
        """Zero."""
        return 0.0


class GaussianSpatialModel(AbstractShapeModel):
    r"""Gaussian on the sphere, round or elliptical.

    .. math:: \frac{1}{4\pi a (1 - e^{-1/a})} \exp\left(-\frac{1 - \cos s}{2 a}\right), \quad a = 1 - \cos\sigma

    An ellipse has this profile along both axes, with :math:`\sigma\sqrt{1-e^2}` across, and is a Gaussian in the
    equal-area plane, so that it is normalised on the sphere as well.

    Parameters
    ----------
    lon_0, lat_0
        Centre [deg].
    sigma
        Width along the major axis [deg].
    e
        Eccentricity of the ellipse, from 0 to 1; the default is 0, frozen.
    phi
        Angle of the major axis from north to east [deg]; the default is 0, frozen.
    frame
        "icrs" or "galactic".

    References
    ----------
    Lande et al. 2012, ApJ 756, 5 (arXiv 1207.0027).

    Examples
    --------
    >>> model = GaussianSpatialModel("83.63 deg", "22.01 deg", sigma="0.2 deg")
    >>> print(model("83.63 deg", "22.01 deg").round(1))
    13061.9 1 / sr
    """

    tag: ClassVar[str] = "gauss"
    lon_0: ParameterField = parameter(0.0, "deg", scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, scale=0.1)
    sigma: ParameterField = parameter(1.0, "deg", min=0.0, scale=0.1)
    e: ParameterField = parameter(0.0, min=0.0, max=1.0, frozen=True, scale=0.1)
    phi: ParameterField = parameter(0.0, "deg", min=-180.0, max=180.0, frozen=True, scale=10.0)

    def density(self, along2: Array, across2: Array, blur2: Array) -> Array:
        major2 = widened(chord2_of_separation(self.sigma**2), blur2, CELL)
        minor2 = widened(chord2_of_separation(self.sigma**2 * (1.0 - self.e**2)), blur2, CELL)
        angle = (np.arange(16) * np.pi / 16).astype(jnp.result_type(major2))
        along = jnp.cos(angle) ** 2
        beyond = jnp.mean(jnp.exp(-2.0 / (major2 * along + minor2 * (1.0 - along))))
        norm = 2.0 * jnp.pi * jnp.sqrt(major2) * jnp.sqrt(minor2) * (1.0 - beyond)
        return jnp.exp(-0.5 * (along2 / major2 + across2 / minor2)) / norm

    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        # in chords the Gaussian of the sphere is one of the plane
        width = 2.0 / RAD * jnp.sin(0.5 * RAD * self.sigma)
        return jnp.exp(-0.5 * jnp.square(wavenumber * width))

    def extent(self) -> float:
        """Five standard deviations."""
        return 5.0 * float(self.sigma.value)

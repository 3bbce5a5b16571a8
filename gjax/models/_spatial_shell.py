"""Shells: the projection of a hollow sphere."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._hankel import sphere_transform
from gjax.models._spatial import NARROWEST, AbstractShapeModel
from gjax.models._sphere import RAD
from gjax.parameters import ParameterField, parameter

__all__ = ["Shell2SpatialModel", "ShellSpatialModel"]


def _chord(angle: Array) -> Array:
    return 2.0 * jnp.sin(0.5 * RAD * angle)


def _ramp(x: Array, soft: Array) -> tuple[Array, Array]:
    """Return a smooth maximum of x and 0, and its slope."""
    t = jnp.maximum(x / soft, -60.0)
    return soft * jax.nn.softplus(t), jax.nn.sigmoid(t)


def _shell_density(outer: Array, inner: Array, squared: Array, blur2: Any) -> Array:
    """Return the density [sr-1] of a shell between two chords [rad] at squared chords from the centre.

    The projection of a sphere, sqrt(R² - c²), is taken as two thirds of the derivative of a smooth (R² - c²)^(3/2),
    whose integral is known: so the norm is exact whatever the softening.
    """
    soft = jnp.sqrt(2.5 * blur2 * outer**2 + 30.0 * blur2**2)
    difference = (outer - inner) * (outer + inner)
    difference = difference + 0.2 * soft * jnp.exp(-2.5 * difference / soft)

    def sphere(x: Array) -> Array:
        ramp, slope = _ramp(x, soft)
        return jnp.sqrt(ramp) * slope

    def volume(x: Array) -> Array:
        ramp, _ = _ramp(x, soft)
        return ramp * jnp.sqrt(ramp)

    total = 2.0 * jnp.pi / 3.0 * (volume(outer**2) - volume(outer**2 - difference))
    return (sphere(outer**2 - squared) - sphere(outer**2 - difference - squared)) / total


def _shell_transform(wavenumber: Array, outer: Array, ratio: Array, nodes: int) -> Array:
    """Return the transform of a sharp shell, given its outer chord [rad] and the ratio of the radii.

    The shell is a sum of thin ones of radius x with the weight x².
    """
    y, v = (part.astype(jnp.result_type(outer)) for part in np.polynomial.legendre.leggauss(max(nodes // 4, 4)))
    x = 0.5 * (1.0 + ratio) + 0.5 * (1.0 - ratio) * y
    weights = v * x**2
    return sphere_transform(wavenumber[:, None] * (outer / RAD * x)) @ (weights / jnp.sum(weights))


class ShellSpatialModel(AbstractShapeModel):
    r"""Projection of a hollow sphere that shines evenly between two radii.

    .. math:: \frac{3}{2\pi(R_o^3-R_i^3)}\left[\sqrt{R_o^2-s^2} - \sqrt{R_i^2-s^2}\right]

    where a root of a negative number is 0. Lengths are chords, so that the norm is exact on the sphere. In pixels
    structure below 0.2 pixels is washed out.

    Parameters
    ----------
    lon_0, lat_0
        Centre [deg].
    radius
        Inner radius [deg].
    width
        Difference of the radii [deg].
    frame
        "icrs" or "galactic".

    References
    ----------
    Aharonian et al. 2006, A&A 449, 223 (arXiv astro-ph/0511678).

    Examples
    --------
    >>> print(ShellSpatialModel(radius="1 deg", width="0.2 deg")("0 deg", "0 deg").round(1))
    430.6 1 / sr
    """

    tag: ClassVar[str] = "shell"
    lon_0: ParameterField = parameter(0.0, "deg", scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, scale=0.1)
    radius: ParameterField = parameter(1.0, "deg", min=0.0, scale=0.1)
    width: ParameterField = parameter(0.2, "deg", min=0.0, scale=0.1)

    def density(self, along2: Array, across2: Array, blur2: Any) -> Array:
        return _shell_density(_chord(self.radius + self.width), _chord(self.radius), along2 + across2, blur2)

    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        outer = _chord(self.radius + self.width)
        ratio = (_chord(self.radius) + NARROWEST) / (outer + NARROWEST)
        return _shell_transform(wavenumber, outer, ratio, nodes)

    def extent(self) -> float:
        """The outer radius."""
        return float(self.radius.value + self.width.value)


class Shell2SpatialModel(AbstractShapeModel):
    r"""Projection of a hollow sphere, given by its outer radius and relative width.

    As `ShellSpatialModel` with :math:`R_o = r_0` and :math:`R_i = (1-\eta) r_0`.

    Parameters
    ----------
    lon_0, lat_0
        Centre [deg].
    r_0
        Outer radius [deg].
    eta
        Width relative to the outer radius, from 0.02 to 1.
    frame
        "icrs" or "galactic".

    References
    ----------
    H.E.S.S. Collaboration 2018, A&A 612, A8 (arXiv 1801.06322).

    Examples
    --------
    >>> print(Shell2SpatialModel(r_0="1.2 deg", eta=1 / 6)("0 deg", "0 deg").round(1))
    430.6 1 / sr
    """

    tag: ClassVar[str] = "shell2"
    lon_0: ParameterField = parameter(0.0, "deg", scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, scale=0.1)
    r_0: ParameterField = parameter(1.0, "deg", min=0.0, scale=0.1)
    eta: ParameterField = parameter(0.2, min=0.02, max=1.0, scale=0.1)

    def density(self, along2: Array, across2: Array, blur2: Any) -> Array:
        return _shell_density(_chord(self.r_0), _chord((1.0 - self.eta) * self.r_0), along2 + across2, blur2)

    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        part, half = 1.0 - self.eta, 0.5 / 180.0 * self.r_0  # a ratio of sines that has no 0 / 0 at size zero
        ratio = part * jnp.sinc(part * half) / jnp.sinc(half)
        return _shell_transform(wavenumber, _chord(self.r_0), ratio, nodes)

    def extent(self) -> float:
        """The outer radius."""
        return float(self.r_0.value)

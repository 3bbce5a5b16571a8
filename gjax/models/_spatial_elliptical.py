"""Disk and generalised Gaussian, round or elliptical."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._hankel import bessel_j0, disk_transform
from gjax.models._spatial import AbstractShapeModel, widened
from gjax.models._sphere import RAD, chord2_of_separation
from gjax.parameters import ParameterField, parameter

__all__ = ["DiskSpatialModel", "GeneralizedGaussianSpatialModel"]

#: Where the smooth edge of a disk has fallen to 5e-4 of its height: sqrt(2) erfcinv(1e-3) as in Gammapy.
_EDGE = 2.326174307353347

#: Relative squared softening that keeps roots differentiable where it matters to nobody.
_SOFT2 = 1e-8


class _Profile(NamedTuple):
    """A shape in units of its axes: a function of the squared elliptical radius, and a quadrature of that radius."""

    shape: Callable[[Array], Array]
    nodes: Array
    weights: Array

    def density(self, along2: Array, across2: Array, axes: tuple[Array, Array]) -> Array:
        major2, minor2 = axes
        total = jnp.sum(self.weights * self.nodes * self.shape(jnp.square(self.nodes)))
        norm = 2.0 * jnp.pi * jnp.sqrt(major2) * jnp.sqrt(minor2) * total
        return self.shape(along2 / major2 + across2 / minor2) / norm

    def fractions(self) -> Array:
        weights = self.weights * self.nodes * self.shape(jnp.square(self.nodes))
        return weights / jnp.sum(weights)


def _axes(size: Array, e: Array, floor: Any) -> tuple[Array, Array]:
    """Return the squared semi-axes [rad2] as chords, no smaller than the floor [rad2]."""
    return (
        widened(chord2_of_separation(size**2), floor),
        widened(chord2_of_separation(size**2 * (1.0 - e**2)), floor),
    )


def _pieces(number: int, inner: Array, outer: Array, dtype: Any) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes of [0, inner] (a third of them) and [inner, outer]."""
    few = max(number // 3, 4)
    x, w = (part.astype(dtype) for part in np.polynomial.legendre.leggauss(few))
    y, v = (part.astype(dtype) for part in np.polynomial.legendre.leggauss(max(number - few, 4)))
    half = 0.5 * (outer - inner)
    nodes = jnp.concatenate([0.5 * inner * (1.0 + x), inner + half * (1.0 + y)])
    return nodes, jnp.concatenate([0.5 * inner * w, half * v])


class DiskSpatialModel(AbstractShapeModel):
    r"""Disk of constant brightness with a smooth edge, round or elliptical.

    .. math:: \frac{N}{2}\,\mathrm{erfc}\left(2.326\,\frac{z - 1}{w}\right),\quad
        z^2 = \frac{x^2}{r_0^2} + \frac{y^2}{r_0^2(1-e^2)}

    N is such that the integral over the sphere is one, the edge included. In pixels the edge is widened by 0.2
    pixels, and the disk to no less than a third of a pixel.

    Parameters
    ----------
    lon_0, lat_0
        Centre [deg].
    r_0
        Semi-major axis [deg].
    e
        Eccentricity of the ellipse, from 0 to 1; the default is 0, frozen.
    phi
        Angle of the major axis from north to east [deg]; the default is 0, frozen.
    edge_width
        Width w of the edge relative to the axes; the default is 0.01, frozen.
    frame
        "icrs" or "galactic".

    References
    ----------
    Lande et al. 2012, ApJ 756, 5 (arXiv 1207.0027).

    Examples
    --------
    >>> print(DiskSpatialModel(r_0="1 deg")("0 deg", "0.2 deg").round(1))
    1045.0 1 / sr
    """

    tag: ClassVar[str] = "disk"
    lon_0: ParameterField = parameter(0.0, "deg", scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, scale=0.1)
    r_0: ParameterField = parameter(1.0, "deg", min=0.0, scale=0.1)
    e: ParameterField = parameter(0.0, min=0.0, max=1.0, frozen=True, scale=0.1)
    phi: ParameterField = parameter(0.0, "deg", min=-180.0, max=180.0, frozen=True, scale=10.0)
    edge_width: ParameterField = parameter(0.01, min=0.0, max=1.0, frozen=True, scale=0.01)

    def _profile(self, soft2: Any, number: int) -> _Profile:
        edge = jnp.sqrt(self.edge_width**2 + 2.0 * _EDGE**2 * soft2) / _EDGE
        rim = jnp.sqrt(1.0 + soft2)

        def shape(z2: Array) -> Array:
            return 0.5 * jax.scipy.special.erfc((jnp.sqrt(z2 + soft2) - rim) / edge)

        nodes = _pieces(number, 1.0 / (1.0 + 4.0 * edge), 1.0 + 4.0 * edge, jnp.result_type(edge))
        return _Profile(shape, *nodes)

    def density(self, along2: Array, across2: Array, blur2: Any) -> Array:
        axes = _axes(self.r_0, self.e, 2.25 * blur2)
        return self._profile(blur2 / axes[1] + _SOFT2, 48).density(along2, across2, axes)

    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        # a sum of sharp disks whose radii are spread as the edge is
        edge, rim = jnp.sqrt(self.edge_width**2 + 2.0 * _EDGE**2 * _SOFT2) / _EDGE, np.sqrt(1.0 + _SOFT2)
        x, weight = (part.astype(jnp.result_type(edge)) for part in np.polynomial.legendre.leggauss(nodes // 2))
        low, high = jnp.maximum(-4.0, -rim / edge), 4.0
        t = 0.5 * (high + low) + 0.5 * (high - low) * x
        radii = rim + edge * t
        weights = weight * jnp.exp(-jnp.square(t)) * jnp.square(radii)
        chord = 2.0 / RAD * jnp.sin(0.5 * RAD * self.r_0)
        return disk_transform(wavenumber[:, None] * (chord * radii)) @ (weights / jnp.sum(weights))

    def extent(self) -> float:
        """The semi-major axis and the edge."""
        return float(self.r_0.value * (1.0 + 1.5 * self.edge_width.value))


class GeneralizedGaussianSpatialModel(AbstractShapeModel):
    r"""Generalised Gaussian, round or elliptical: from a disk (η near 0) by the Gaussian (1/2) to the cusp (1).

    .. math:: N \exp\left(-z^{1/\eta}\right),\quad z^2 = \frac{x^2}{r_0^2} + \frac{y^2}{r_0^2(1-e^2)}

    x and y are coordinates in the equal-area plane, so that N is the same on the sphere and in the plane. In pixels
    structure below 0.2 pixels is washed out, and the size is no less than half a pixel.

    Parameters
    ----------
    lon_0, lat_0
        Centre [deg].
    r_0
        Semi-major axis [deg].
    eta
        Shape η, from 0.01 to 1.
    e
        Eccentricity of the ellipse, from 0 to 1; the default is 0, frozen.
    phi
        Angle of the major axis from north to east [deg]; the default is 0, frozen.
    frame
        "icrs" or "galactic".

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> print(GeneralizedGaussianSpatialModel(r_0="0.1 deg")("0 deg", "0 deg").round(-2))
    104500.0 1 / sr
    """

    tag: ClassVar[str] = "gauss-general"
    lon_0: ParameterField = parameter(0.0, "deg", scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, scale=0.1)
    r_0: ParameterField = parameter(1.0, "deg", min=0.0, scale=0.1)
    eta: ParameterField = parameter(0.5, min=0.01, max=1.0, scale=0.1)
    e: ParameterField = parameter(0.0, min=0.0, max=1.0, frozen=True, scale=0.1)
    phi: ParameterField = parameter(0.0, "deg", min=-180.0, max=180.0, frozen=True, scale=10.0)

    def _profile(self, soft2: Any, number: int) -> _Profile:
        eta = jnp.sqrt(self.eta**2 + 0.8 * soft2)

        def exponent(z2: Array) -> Array:
            # cut at 80, where the exponential is 1e-35 and its argument would overflow for small eta
            return jnp.exp(jnp.minimum(0.5 / eta * jnp.log(z2 + soft2), np.log(80.0)))

        def shape(z2: Array) -> Array:
            return jnp.exp(exponent(jnp.zeros_like(eta)) - exponent(z2))

        few = max(number // 4, 4)
        dtype = jnp.result_type(eta)
        x, w = (part.astype(dtype) for part in np.polynomial.legendre.leggauss(few))
        y, v = (part.astype(dtype) for part in np.polynomial.legendre.leggauss(number - few))
        low, high = np.log(0.02), np.log(20.0)
        inner = 0.5 * jnp.exp(eta * low)
        outer = jnp.exp(eta * (0.5 * (high + low) + 0.5 * (high - low) * y))
        nodes = jnp.concatenate([inner * (1.0 + x), outer])
        weights = jnp.concatenate([inner * w, eta * outer * 0.5 * (high - low) * v])
        return _Profile(shape, nodes, weights)

    def density(self, along2: Array, across2: Array, blur2: Any) -> Array:
        axes = _axes(self.r_0, self.e, 9.0 * blur2)
        return self._profile(blur2 / axes[1] + _SOFT2, 48).density(along2, across2, axes)

    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        # a sum of rings
        profile = self._profile(_SOFT2, nodes)
        chord = 2.0 / RAD * jnp.sin(0.5 * RAD * self.r_0)
        return bessel_j0(wavenumber[:, None] * (chord * profile.nodes)) @ profile.fractions()

    def extent(self) -> float:
        """Radius that holds all but 1e-4 of the flux."""
        return float(self.r_0.value * 14.0**self.eta.value)

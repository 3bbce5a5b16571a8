"""Constants over the sky."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.models._pixels import PixelNodes
from gjax.models._spatial import AbstractSpatialModel
from gjax.parameters import ParameterField, parameter

__all__ = ["ConstantFluxSpatialModel", "ConstantSpatialModel"]


class ConstantSpatialModel(AbstractSpatialModel):
    r"""The same brightness everywhere.

    .. math:: \phi(\ell, b) = k

    Parameters
    ----------
    value
        Brightness [sr-1]; the default is 1, frozen.

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

    Examples
    --------
    >>> print(ConstantSpatialModel()("10 deg", "20 deg"))
    1.0 1 / sr
    """

    tag: ClassVar[str] = "const"
    value: ParameterField = parameter(1.0, "sr-1", frozen=True)

    def evaluate(self, lon: Array, lat: Array) -> Array:
        return self.value * jnp.ones(jnp.broadcast_shapes(jnp.shape(lon), jnp.shape(lat)))


class ConstantFluxSpatialModel(AbstractSpatialModel):
    r"""The whole flux in every pixel, whatever its size: for data without sky coordinates.

    .. math:: \int_\mathrm{pixel} \phi \, d\Omega = 1

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> print(ConstantFluxSpatialModel()("10 deg", "20 deg"))
    1.0 1 / sr
    """

    tag: ClassVar[str] = "const-flux"

    def evaluate(self, lon: Array, lat: Array) -> Array:
        return jnp.ones(jnp.broadcast_shapes(jnp.shape(lon), jnp.shape(lat)))

    def node_fluxes(self, pixels: PixelNodes) -> Array:
        """Return an equal part of one in every node of a pixel."""
        number = pixels.solid_angle.shape[0]
        return jnp.full((number, *pixels.shape), 1.0 / number)

"""Sky maps as spatial models."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._pixels import PixelNodes
from gjax.models._sky_grid import SkyGrid
from gjax.models._spatial import AbstractSpatialModel, in_frame
from gjax.models._sphere import tangent_basis, unit_vectors
from gjax.parameters import ParameterField, parameter
from gjax.units import DNDE, to_canonical

__all__ = ["TemplateSpatialModel"]

#: What a logarithm takes for zero, as Gammapy does: between it and a positive value the interpolant is nearly zero.
_TINY = float(np.finfo(np.float64).tiny)


class TemplateSpatialModel(AbstractSpatialModel):
    r"""A sky map, in two dimensions or with an axis of true energy.

    .. math:: \ln\phi(\ell, b) = \sum_c w_c(\ell, b) \, \ln\phi_c

    Values are interpolated linearly in pixel coordinates in the logarithm, and are 0 outside of the map. The map can
    be moved: the shift is a rotation of the sphere that brings its centre to (lon_0, lat_0).

    Parameters
    ----------
    map
        Sky map (`gjax.maps.WcsNDMap`); its unit is taken to be sr-1 if it has none. NaN counts as 0.
    normalize
        Divide every energy plane by its sum, so that the model integrates to one; the default.
    filename
        File that model files refer to.
    lon_0, lat_0
        Where the centre of the map goes [deg]; the default is where it is, frozen.

    Raises
    ------
    TypeError
        If ``map`` is no WCS map.
    ValueError
        If the projection is not supported, the map holds negative values or nothing but zeros, or has another axis
        than "energy_true".
    UnitError
        If the unit of a map that is not normalised is neither that of a brightness [sr-1] nor that of a differential
        flux per solid angle [TeV-1 s-1 cm-2 sr-1]. With the latter, the spectral model is a dimensionless factor.

    References
    ----------
    Models of the Fermi tools, https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html

    Examples
    --------
    >>> from gjax.maps import WcsNDMap
    >>> image = WcsNDMap.create(npix=10, binsz=0.1, frame="galactic", unit="sr-1").copy(data=np.ones((10, 10)))
    >>> print(TemplateSpatialModel(image)("0 deg", "0 deg").round())
    3283.0 1 / sr
    """

    tag: ClassVar[str] = "template"
    lon_0: ParameterField = parameter(0.0, "deg", frozen=True, scale=0.1)
    lat_0: ParameterField = parameter(0.0, "deg", min=-90.0, max=90.0, frozen=True, scale=0.1)
    log_values: Any = None
    log_energy: Any = None
    centre: Any = None
    grid: Any = None
    filename: str | None = eqx.field(static=True, default=None)
    normalize: bool = eqx.field(static=True, default=True)
    #: Unit of `evaluate`: "sr-1", or that of a differential flux per solid angle.
    unit: str = eqx.field(static=True, default="sr-1")

    def __init__(
        self, map: Any, *, normalize: bool = True, filename: Any = None, lon_0: Any = None, lat_0: Any = None
    ) -> None:
        geom: Any = getattr(map, "geom", None)
        if not hasattr(geom, "wcs") or getattr(geom, "is_region", False):
            raise TypeError(f"TemplateSpatialModel.map: expected a WCS map, got {type(map).__name__}")
        where = f"template {os.fspath(filename)}" if filename is not None else "template"
        self.frame = "galactic" if geom.frame == "galactic" else "icrs"
        self.filename = None if filename is None else os.fspath(filename)
        self.normalize = bool(normalize)
        self.grid = SkyGrid.from_wcs(geom.wcs, tuple(map.data.shape[-2:]))
        self.log_energy = _log_energy(geom, where)
        density, self.unit = _density(map, self.normalize, where)
        self.log_values = np.log(np.maximum(density, _TINY))
        sky = geom.center_skydir.transform_to(self.frame).spherical
        self.centre = np.array([sky.lon.wrap_at("360d").deg, sky.lat.deg])
        self.lon_0 = float(self.centre[0]) if lon_0 is None else lon_0
        self.lat_0 = float(self.centre[1]) if lat_0 is None else lat_0

    @classmethod
    def read(cls, filename: Any, *, normalize: bool = True, **options: Any) -> TemplateSpatialModel:
        """Read a FITS map.

        Parameters
        ----------
        filename
            FITS file.
        normalize
            As for the class.
        **options
            ``lon_0``, ``lat_0``.

        Raises
        ------
        MissingDataError, DataFormatError
            If the file does not exist or is no map.
        """
        from gjax.maps import Map

        return cls(Map.read(filename), normalize=normalize, filename=filename, **options)

    @property
    def is_energy_dependent(self) -> bool:
        """Whether the template has an energy axis."""
        return self.log_energy is not None

    def evaluate(self, lon: Array, lat: Array, energy: Array | None = None) -> Array:
        """Return the density [sr-1] at positions [deg], for a template with an energy axis at one energy [TeV]."""
        lon, lat = jnp.broadcast_arrays(jnp.asarray(lon, float), jnp.asarray(lat, float))
        return self._at(unit_vectors(lon, lat), self._planes(energy))

    def integrate_pixels(self, pixels: PixelNodes, energy: Array | None = None) -> Array:
        """Return the integral over every pixel: (lat, lon), or (energy, lat, lon) for a template with an energy axis.

        Parameters
        ----------
        pixels
            The pixels.
        energy
            Energies [TeV] (energy,): needed where the template has an energy axis.
        """
        if self.log_energy is None or energy is None:
            return self.node_fluxes(pixels, energy).sum(axis=0)
        return jax.lax.map(lambda one: self.node_fluxes(pixels, one[None])[0].sum(axis=0), jnp.asarray(energy))

    def node_fluxes(self, pixels: PixelNodes, energy: Array | None = None) -> Array:
        """Return the integral over the surroundings of every node: (node, lat, lon), or with energies first.

        Parameters
        ----------
        pixels
            The pixels.
        energy
            Energies [TeV] (energy,): needed where the template has an energy axis.
        """
        vectors = in_frame(pixels, self.frame)
        planes = self._planes(energy)
        if planes.ndim == 2:
            return self._at(vectors, planes) * pixels.solid_angle
        return jax.lax.map(lambda plane: self._at(vectors, plane) * pixels.solid_angle, planes)

    def _planes(self, energy: Array | None) -> Array:
        """Return the logarithm of the template at energies: interpolation in energy and position commute."""
        values = jnp.asarray(self.log_values)
        if self.log_energy is None:
            return values
        if energy is None:
            raise ValueError("the template depends on energy: give energies")
        nodes = jnp.asarray(self.log_energy)
        if len(nodes) == 1:
            return jnp.broadcast_to(values[0], (*jnp.shape(energy), *values.shape[1:]))
        log_energy = jnp.log(jnp.asarray(energy))
        i = jnp.clip(jnp.searchsorted(nodes, log_energy, side="right") - 1, 0, len(nodes) - 2)
        t = (log_energy - nodes[i]) / (nodes[i + 1] - nodes[i])
        inside = ((t >= -0.5) & (t <= 1.5))[..., None, None]
        t = t[..., None, None]
        return jnp.where(inside, values[i] * (1.0 - t) + values[i + 1] * t, np.log(_TINY))

    def _at(self, vectors: Array, plane: Array) -> Array:
        centre = jnp.asarray(self.centre, vectors.dtype)
        turn = jnp.stack(tangent_basis(centre[0], centre[1])).T @ jnp.stack(tangent_basis(self.lon_0, self.lat_0))
        x, y = self.grid.pixel(jnp.tensordot(turn, vectors, axes=1))
        log_value = self.grid.interpolate(plane, x, y)
        is_bright = self.grid.contains(x, y) & (log_value > np.log(_TINY) + 0.7)
        return jnp.where(is_bright, jnp.exp(jnp.where(is_bright, log_value, 0.0)), 0.0)

    @property
    def position(self) -> Any:
        """The centre as an astropy SkyCoord (host)."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(self.lon_0.value, self.lat_0.value, unit="deg", frame=self.frame)


def _log_energy(geom: Any, where: str) -> np.ndarray | None:
    names = [axis.name for axis in geom.axes]
    if names not in ([], ["energy_true"]):
        raise ValueError(f"{where}: expected an image or a cube with the axis 'energy_true', got {', '.join(names)}")
    return np.log(geom.axes[0].center.to_value("TeV")) if names else None


def _density(map: Any, normalize: bool, where: str) -> tuple[np.ndarray, str]:
    data = np.nan_to_num(np.asarray(map.data, float), nan=0.0, posinf=0.0, neginf=0.0)
    if (data < 0).any():
        raise ValueError(f"{where}: holds {int((data < 0).sum())} negative values")
    if not data.any():
        raise ValueError(f"{where}: all values are zero")
    if normalize:
        total = data.sum(axis=(-2, -1), keepdims=True)
        solid_angle = np.asarray(map.geom.to_image().solid_angle().to_value("sr"))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.nan_to_num(data / total / solid_angle, nan=0.0, posinf=0.0), "sr-1"
    if not str(map.unit):
        return data, "sr-1"
    unit = f"{DNDE} sr-1" if map.unit.is_equivalent(f"{DNDE} sr-1") else "sr-1"
    return data * to_canonical(1.0 * map.unit, unit, where), unit

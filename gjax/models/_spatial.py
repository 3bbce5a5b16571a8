"""What every spatial model has: evaluation, flux in pixels, a tag, a frame, and the physical face with units."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._info import model_info
from gjax.models._pixels import PixelNodes
from gjax.models._registry import classes_by_tag, find_class, register
from gjax.models._sphere import (
    FRAMES,
    RAD,
    chord2_of_separation,
    equal_area_plane,
    equal_area_plane_of_vectors,
    position_in_frame,
    rotation_matrix,
    unit_vectors,
)
from gjax.parameters import Parameter, fill, freeze_tree, name_parameter_fields, parameter_paths
from gjax.units import attach_unit, to_canonical

__all__ = ["AbstractShapeModel", "AbstractSpatialModel", "in_frame", "spatial_model_class", "spatial_models", "widened"]

_REGISTRY: dict[str, type[AbstractSpatialModel]] = {}

#: Shapes are never narrower than this [rad] (0.006 arcsec), so that a density is finite at zero width.
NARROWEST = 3e-8


def _frame(value: Any) -> str:
    name = str(getattr(value, "name", value))
    if name not in FRAMES:
        raise ValueError(f"frame: expected one of {', '.join(FRAMES)}, got {name!r}")
    return name


def frame_field() -> Any:
    """Declare the frame of a spatial model, given by keyword."""
    return eqx.field(static=True, default="icrs", kw_only=True, converter=_frame)


class AbstractSpatialModel(eqx.Module):
    """A distribution of flux over the sky.

    To add a model, declare its parameters and write `evaluate`; the rest follows.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from gjax.models import AbstractSpatialModel
    >>> from gjax.parameters import Parameter, parameter
    >>> class Band(AbstractSpatialModel):
    ...     tag = "band-example"
    ...     width: Parameter = parameter("1 deg", "deg")
    ...
    ...     def evaluate(self, lon, lat):
    ...         return jnp.exp(-0.5 * (lat / self.width) ** 2) + 0 * lon
    >>> Band(frame="galactic")("10 deg", "0 deg").unit
    Unit("1 / sr")
    """

    tag: ClassVar[str] = ""
    frame: str = frame_field()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        name_parameter_fields(cls)
        register(_REGISTRY, cls)

    @abc.abstractmethod
    def evaluate(self, lon: Array, lat: Array) -> Array:
        """Return the density [sr-1] at positions [deg] in the model's frame; parameter fields hold arrays here."""

    @property
    def is_radial(self) -> bool:
        """Whether the model is symmetric about its position, now and in every fit (host)."""
        return False

    def extent(self) -> float:
        """Radius [deg] beyond which there is no flux to speak of: infinite for models without a centre (host)."""
        return float("inf")

    def node_fluxes(self, pixels: PixelNodes) -> Array:
        """Return the integral over the surroundings of every node (node, lat, lon); parameter fields hold arrays."""
        x, y, z = in_frame(pixels, self.frame)
        lon, lat = jnp.arctan2(y, x) / RAD, jnp.arcsin(jnp.clip(z, -1.0, 1.0)) / RAD
        return self.evaluate(jnp.mod(lon, 360.0), lat) * pixels.solid_angle

    def integrate_pixels(self, pixels: PixelNodes) -> Array:
        """Return the integral over every pixel (lat, lon); parameter fields hold arrays here.

        The sum over a grid that holds the whole of a shape is one to 1e-4 at every size, and smooth in all parameters.
        """
        return self.node_fluxes(pixels).sum(axis=0)

    def filled(self) -> Any:
        """Return the model with its parameter values as arrays, ready for `evaluate`."""
        skeleton, table = freeze_tree(self)
        return fill(skeleton, jnp.asarray(table.counted))

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(parameter_paths(self))

    def __call__(self, lon: Any, lat: Any, energy: Any = None) -> Any:
        """Return the density as a Quantity at positions in the model's frame.

        Parameters
        ----------
        lon, lat
            Quantity, string, or degrees.
        energy
            Quantity, string, or TeV: for models that depend on energy.
        """
        angles = [jnp.asarray(to_canonical(a, "deg", n)) for a, n in ((lon, "lon"), (lat, "lat"))]
        more = {} if energy is None else {"energy": jnp.asarray(to_canonical(energy, "TeV", "energy"))}
        return attach_unit(self.filled().evaluate(*angles, **more), getattr(self, "unit", "sr-1"))

    def plot(self, ax: Any = None, geom: Any = None, **options: Any) -> Any:
        """Plot the surface brightness as an image on a matplotlib axis and return the axis.

        Parameters
        ----------
        ax
            Axes with a projection; new ones if None.
        geom
            `gjax.maps.WcsGeom` of the image; one around the whole shape if None.
        options
            Given to `gjax.plot.plot_spatial_model`.
        """
        from gjax.plot import plot_spatial_model

        return plot_spatial_model(self, ax=ax, geom=geom, **options)

    def position_error(self, covariance: Any = None, n_sigma: float = 1.0) -> Any:
        """Return the error ellipse of the position as a sky region.

        Parameters
        ----------
        covariance
            Of ``lon_0`` and ``lat_0`` [deg2]; None for their errors, as if they were independent.
        n_sigma
            Size along every direction; 1.52 holds 68 %.

        Raises
        ------
        ValueError
            If the model has no position, or it has no error.
        """
        from gjax.models._outlines import position_ellipse

        if not (hasattr(self, "lon_0") and hasattr(self, "position")):
            raise ValueError(f"{type(self).__name__} has no position")
        errors = [float(getattr(self, name).error) for name in ("lon_0", "lat_0")]
        return position_ellipse(self.position, np.diag(errors) ** 2 if covariance is None else covariance, n_sigma)

    def plot_error(
        self, ax: Any = None, *, covariance: Any = None, n_sigma: float = 1.0, geom: Any = None, **options: Any
    ) -> Any:
        """Plot the position with its error ellipse on a matplotlib axis and return the axis.

        Parameters
        ----------
        ax
            Axes with a projection, such as those of `plot`; new ones if None.
        covariance, n_sigma
            As in `position_error`.
        geom
            `gjax.maps.WcsGeom` whose projection new axes have; one around the ellipse if None.
        options
            Given to `gjax.plot.plot_position_error`.
        """
        from gjax.plot import plot_position_error

        return plot_position_error(self, self.position_error(covariance, n_sigma), ax=ax, geom=geom, **options)

    def info(self) -> Any:
        """Return the parameters as an astropy table: name, value, unit, error, min, max, frozen, prior."""
        return model_info(self)


def in_frame(pixels: PixelNodes, frame: str) -> Array:
    """Return the unit vectors of pixel nodes in a frame."""
    if pixels.frame == frame:
        return jnp.asarray(pixels.vectors)
    matrix = jnp.asarray(rotation_matrix(pixels.frame, frame), jnp.result_type(pixels.vectors))
    return jnp.tensordot(matrix, pixels.vectors, axes=1)


def widened(size2: Array, blur2: Any, always: float = 0.0) -> Array:
    """Return a squared size that is at least ``blur2``, smooth, and nearly ``size2`` where that is ten times larger.

    The curve t + a + (1 - a) exp(-t / (2 - 2a)) rises from 1 with the slope 1/2, so that a size of zero keeps its
    second derivative.

    Parameters
    ----------
    size2, blur2
        Squared size and squared blur.
    always
        Part a of ``blur2`` that is added at every size.
    """
    rest = 1.0 - always
    return size2 + always * blur2 + rest * blur2 * jnp.exp(-size2 / (2.0 * rest * blur2))


class AbstractShapeModel(AbstractSpatialModel):
    """A shape with a centre and two axes of symmetry, normalised to one on the sphere.

    Subclasses have the parameters ``lon_0``, ``lat_0`` and write `density` and `radial_transform`; elliptical ones have
    ``e`` and ``phi``.
    """

    lon_0: eqx.AbstractVar[Any]  # type: ignore[misc]
    lat_0: eqx.AbstractVar[Any]  # type: ignore[misc]

    @abc.abstractmethod
    def density(self, along2: Array, across2: Array, blur2: Any) -> Array:
        """Return the density [sr-1] in the equal-area plane.

        Parameters
        ----------
        along2, across2
            Squared coordinates [rad2] along and across the major axis.
        blur2
            Squared width [rad2] of the finest structure that may be left.
        """

    @abc.abstractmethod
    def radial_transform(self, wavenumber: Array, nodes: int) -> Array:
        """Return the Hankel transform of the shape, 1 at wave number 0.

        It is smooth in the parameters down to size zero, where it is 1 everywhere: a point. Where ``is_radial`` is
        false the ellipse is taken as the circle with its major axis. The sky is flat.

        Parameters
        ----------
        wavenumber
            Shape (modes,) [1/deg].
        nodes
            Number of nodes for shapes that have no closed form.
        """

    @property
    def is_radial(self) -> bool:
        """Whether the model is symmetric about its position, now and in every fit (host)."""
        e = getattr(self, "e", None)
        return e is None or (isinstance(e, Parameter) and e.frozen and not np.any(e.value))

    def direction(self, frame: str | None = None) -> tuple[Array, Array]:
        """Return longitude and latitude [deg] of the centre in a frame."""
        return position_in_frame(self.lon_0, self.lat_0, self.frame, frame or self.frame)

    def unit_vector(self, frame: str | None = None) -> Array:
        """Return the unit vector of the centre in a frame: smooth at the poles too."""
        vector = unit_vectors(self.lon_0, self.lat_0)
        if frame in (None, self.frame):
            return vector
        return jnp.asarray(rotation_matrix(self.frame, frame), vector.dtype) @ vector

    def evaluate(self, lon: Array, lat: Array) -> Array:
        return self._in_plane(*equal_area_plane(lon, lat, self.lon_0, self.lat_0), NARROWEST**2)

    def profile(self, separation: Array) -> Array:
        """Return the density [sr-1] at separations [deg] from the centre (along the major axis of an ellipse)."""
        squared = chord2_of_separation(jnp.square(separation))
        return self.density(squared, jnp.zeros_like(squared), NARROWEST**2)

    def node_fluxes(self, pixels: PixelNodes) -> Array:
        plane = equal_area_plane_of_vectors(in_frame(pixels, self.frame), self.lon_0, self.lat_0)
        return self._in_plane(*plane, jnp.square(pixels.blur)) * pixels.solid_angle

    def _in_plane(self, east: Array, north: Array, blur2: Any) -> Array:
        phi = getattr(self, "phi", None)
        if phi is None:
            return self.density(jnp.square(north), jnp.square(east), blur2)
        cos, sin = jnp.cos(RAD * phi), jnp.sin(RAD * phi)
        return self.density(jnp.square(north * cos + east * sin), jnp.square(east * cos - north * sin), blur2)

    @property
    def position(self) -> Any:
        """The centre as an astropy SkyCoord (host)."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(self.lon_0.value, self.lat_0.value, unit="deg", frame=self.frame)

    @classmethod
    def from_position(cls, position: Any, **parameters: Any) -> Any:
        """Return a model at a SkyCoord (host), in its frame if that is galactic, else in the ICRS.

        Parameters
        ----------
        position
            The centre.
        **parameters
            The other parameters.
        """
        frame = "galactic" if position.frame.name == "galactic" else "icrs"
        sky = position.transform_to(frame).spherical
        return cls(lon_0=sky.lon.wrap_at("360d"), lat_0=sky.lat, frame=frame, **parameters)

    def to_region(self, size_factor: float = 1.0) -> Any:
        """Return the outline as a sky region (host): a point, an ellipse of its semi-axes, or a ring.

        Parameters
        ----------
        size_factor
            Factor on the sizes, e.g. the number of standard deviations of a Gaussian.
        """
        from gjax.models._outlines import outline

        return outline(self, size_factor)


def spatial_model_class(tag: str) -> type[AbstractSpatialModel]:
    """Return the class of a tag or class name.

    Raises
    ------
    KeyError
        If there is none; the message lists the tags.
    """
    return find_class(_REGISTRY, "spatial model", tag)


def spatial_models() -> dict[str, type[AbstractSpatialModel]]:
    """Return all spatial models by tag, the user's own included.

    Examples
    --------
    >>> "gauss" in spatial_models()
    True
    """
    return classes_by_tag(_REGISTRY)

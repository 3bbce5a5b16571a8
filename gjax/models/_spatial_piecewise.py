"""A factor over the sky, free at nodes."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._spatial import AbstractSpatialModel
from gjax.models._sphere import equal_area_plane
from gjax.parameters import Affine, Expression, Parameter, ParameterField, parameter
from gjax.units import to_canonical

__all__ = ["PiecewiseNormSpatialModel"]


class PiecewiseNormSpatialModel(AbstractSpatialModel):
    r"""A dimensionless factor that is free at nodes on the sky and interpolated smoothly between them.

    The interpolant is the cubic radial one, :math:`\sum_k w_k |x - x_k|^3` plus a plane, in the equal-area plane
    around the nodes: linear in the norms, exact for a gradient, and defined everywhere. (Gammapy takes a
    Clough-Tocher interpolant, which ends at the hull of the nodes.)

    Parameters
    ----------
    lon, lat
        Positions of the nodes [deg]: at least four that do not lie on a line.
    norms
        Values at the nodes: one number for all, a number each, or an array parameter over the axis "node". The
        default is 1, free.
    frame
        "icrs" or "galactic".

    Raises
    ------
    ValueError
        If there are fewer than four nodes, they lie on a line or on each other, or the shapes differ.

    References
    ----------
    Donath et al. 2023, A&A 678, A157 (arXiv 2308.13584).

    Examples
    --------
    >>> model = PiecewiseNormSpatialModel([0, 1, 0, 1], [0, 0, 1, 1], norms=[1, 2, 1, 2])
    >>> round(float(model("0.5 deg", "0.5 deg").value), 3)
    1.5
    """

    tag: ClassVar[str] = "piecewise-norm"
    #: Unit of `evaluate`: none.
    unit: ClassVar[str] = ""
    norms: ParameterField = parameter(1.0)
    lon: Any = None
    lat: Any = None
    solve: Any = None

    def __init__(self, lon: Any, lat: Any, norms: Any = 1.0, *, frame: Any = "icrs") -> None:
        self.frame = frame
        self.lon = np.asarray(to_canonical(lon, "deg", "PiecewiseNormSpatialModel.lon"), float)
        self.lat = np.asarray(to_canonical(lat, "deg", "PiecewiseNormSpatialModel.lat"), float)
        number = self.lon.size
        if self.lon.ndim != 1 or self.lat.shape != self.lon.shape or number < 4:
            raise ValueError(
                f"PiecewiseNormSpatialModel: expected at least four nodes, got {self.lon.shape} and {self.lat.shape}"
            )
        if not isinstance(norms, Parameter | Affine | Expression):
            norms = Parameter(norms, "", axes={"node": [str(k) for k in range(number)]}, name="norms")
        if np.shape(norms.value) != (number,):
            raise ValueError(f"PiecewiseNormSpatialModel.norms: expected {number} values over the axis 'node'")
        self.norms = norms
        matrix = np.zeros((number + 3, number + 3))
        rows = np.asarray(self._rows(jnp.asarray(self.lon), jnp.asarray(self.lat)), float)
        matrix[:number] = rows
        matrix[number:, :number] = rows[:, number:].T
        if np.linalg.cond(matrix) > 1e10:
            raise ValueError("PiecewiseNormSpatialModel: nodes lie on a line or on each other")
        self.solve = np.linalg.inv(matrix)[:, :number]

    def _rows(self, lon: Array, lat: Array) -> Array:
        dtype = jnp.result_type(lon)
        lon_nodes, lat_nodes = jnp.asarray(self.lon, dtype), jnp.asarray(self.lat, dtype)
        centre = lon_nodes[0], jnp.clip(jnp.mean(lat_nodes), -90, 90)
        x, y = equal_area_plane(lon, lat, *centre)
        x_nodes, y_nodes = equal_area_plane(lon_nodes, lat_nodes, *centre)
        size = jnp.sqrt(jnp.max(x_nodes**2 + y_nodes**2)) + 1e-12
        x, y, x_nodes, y_nodes = (part / size for part in (x, y, x_nodes, y_nodes))
        squared = (x[..., None] - x_nodes) ** 2 + (y[..., None] - y_nodes) ** 2
        return jnp.concatenate([(squared + 1e-12) ** 1.5, jnp.stack([jnp.ones_like(x), x, y], axis=-1)], axis=-1)

    def evaluate(self, lon: Array, lat: Array) -> Array:
        lon, lat = jnp.broadcast_arrays(jnp.asarray(lon, float), jnp.asarray(lat, float))
        return self._rows(lon, lat) @ (jnp.asarray(self.solve, lon.dtype) @ self.norms)

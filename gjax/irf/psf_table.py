"""Radial point spread function as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from gjax.irf.evaluation import axis_coordinates, coordinate_value, interpolate_table, outside
from gjax.irf.psf_base import AbstractPSF
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis

__all__ = ["PSF3D"]


class PSF3D(AbstractPSF):
    """Point spread function on the axes ``energy_true, offset, rad`` (GADF PSF_TABLE).

    See `AbstractResponse` for arguments.

    Examples
    --------
    >>> true = MapAxis([0.1, 1, 10], interp="log", name="energy_true", unit="TeV")
    >>> offset = MapAxis([0, 1, 2], name="offset", unit="deg")
    >>> rad = MapAxis.from_bounds(0, 0.5, 50, unit="deg", name="rad")
    >>> density = np.exp(-0.5 * (rad.center.value / 0.1) ** 2) * np.ones((2, 2, 50))
    >>> psf = PSF3D([true, offset, rad], density, "sr-1").normalize()
    >>> psf.containment("0.1 deg", "1 TeV", "0.5 deg").round(3)
    <Quantity 0.394>
    >>> psf.containment_radius(0.68, "1 TeV", "0.5 deg").round(3)
    <Quantity 0.151 deg>
    """

    tag: ClassVar[str] = "psf_table"
    required_axes: ClassVar[tuple[str, ...]] = ("energy_true", "offset", "rad")
    extname: ClassVar[str] = "PSF_2D_TABLE"
    hduclas2: ClassVar[str] = "RPSF"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("RPSF", "sr-1")}

    def _cumulative(self) -> tuple[MapAxes, np.ndarray]:
        """Containment at the edges of the rad bins: each bin has its density at the centre times its (flat) area."""
        self.check_finite()
        rad = self.axes["rad"]
        edges = rad.edges.to_value("rad")
        area = 2 * np.pi * rad.center.to_value("rad") * np.diff(edges)
        shape = self.data.shape
        table = np.zeros((*shape[:-1], shape[-1] + 1))
        np.cumsum(self.data * (area * self.unit.to("sr-1")), axis=-1, out=table[..., 1:])
        nodes = MapAxis.from_nodes(rad.edges, name="rad")
        return MapAxes([self.axes["energy_true"], self.axes["offset"], nodes]), table

    def containment(self, rad: Any, energy_true: Any = None, offset: Any = None) -> u.Quantity:
        """Fraction of photons within a radius.

        The density is summed over rad bins up to the bin edges, and interpolated linearly in energy (logarithm),
        offset and radius. Zero where energy or offset are outside the axes; beyond the last radius it stays at its
        value there.

        Parameters
        ----------
        rad
            Radius.
        energy_true, offset
            True energy and offset, broadcast with the radius; by default the bin centres.

        Raises
        ------
        DataFormatError
            If the response holds NaN or infinite values.
        UnitError
            If a coordinate has a wrong unit.
        """
        axes, table = self._cumulative()
        values = axis_coordinates(axes, {"rad": rad, "energy_true": energy_true, "offset": offset})
        edges = axes["rad"].center.value
        values[2] = np.clip(values[2], edges[0], edges[-1])
        result = interpolate_table(axes, table, values)
        beyond = outside(axes[0], values[0]) | outside(axes[1], values[1])
        return u.Quantity(np.where(beyond, 0.0, result))

    def containment_radius(self, fraction: Any, energy_true: Any = None, offset: Any = None) -> u.Quantity:
        """Radius that contains a fraction of the photons, the inverse of `containment`.

        Parameters
        ----------
        fraction
            Fraction between 0 and 1.
        energy_true, offset
            True energy and offset, broadcast with the fraction; by default the bin centres.

        Returns
        -------
        radius
            NaN where the fraction is not reached within the rad axis.
        """
        axes, _ = self._cumulative()
        coords = {"energy_true": energy_true, "offset": offset}
        first, second = axis_coordinates(MapAxes(list(axes)[:2]), coords)
        wanted = np.asarray(coordinate_value("fraction", fraction, ""))
        shape = np.broadcast_shapes(first.shape, second.shape, wanted.shape)
        radius = axes["rad"].center
        curves = self.containment(
            radius,
            u.Quantity(np.broadcast_to(first, shape)[..., np.newaxis], axes[0].unit),
            u.Quantity(np.broadcast_to(second, shape)[..., np.newaxis], axes[1].unit),
        ).value.reshape(-1, radius.size)
        result = [
            np.interp(target, curve, radius.value, right=np.nan) if curve[-1] >= target and curve[-1] > 0 else np.nan
            for target, curve in zip(np.broadcast_to(wanted, shape).ravel(), curves)
        ]
        return u.Quantity(np.reshape(result, shape), radius.unit)

    def normalize(self) -> PSF3D:
        """Return the function with the containment at the last radius set to 1 (where it is not zero)."""
        total = self._cumulative()[1][..., -1:]
        return self.copy(data=np.divide(self.data, total, out=np.zeros_like(self.data), where=total > 0))

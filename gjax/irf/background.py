"""Rate of the residual background per energy and solid angle, radial or in field-of-view coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from gjax.irf.response import AbstractResponse
from gjax.maps.axis import MapAxis

__all__ = ["Background2D", "Background3D", "integrate_log_log"]

RATE = "s-1 MeV-1 sr-1"


def integrate_log_log(values: Any, x: Any, axis: int = -1) -> Any:
    r"""Integrate between neighbouring nodes, taking a power law between them.

    .. math:: \\int_a^b f \\, dx = \\frac{f_b b - f_a a}{s + 1}, \\quad s = \\ln(f_b / f_a) / \\ln(b / a)

    and :math:`f_a a \\ln(b / a)` where :math:`s = -1`; zero where a node is zero.

    Parameters
    ----------
    values
        Function values (Quantity or array) at the nodes.
    x
        Positive increasing nodes (Quantity or array), broadcast against the values.
    axis
        Axis of the nodes; the result is shorter by one there.

    Examples
    --------
    >>> integrate_log_log(np.array([1.0, 0.25]), np.array([1.0, 2.0]))
    array([0.5])
    """
    unit = getattr(values, "unit", u.dimensionless_unscaled) * getattr(x, "unit", u.dimensionless_unscaled)
    x, y = np.broadcast_arrays(getattr(x, "value", x), getattr(values, "value", values))
    x, y = np.moveaxis(x, axis, -1).astype(float), np.moveaxis(y, axis, -1).astype(float)
    a, b, first, second = x[..., :-1], x[..., 1:], y[..., :-1], y[..., 1:]
    positive = (first > 0) & (second > 0)
    width = np.log(b / a)
    growth = np.log(np.where(positive, second, 1.0) * b / (np.where(positive, first, 1.0) * a))  # (s + 1) ln(b / a)
    ratio = np.where(np.abs(growth) < 1e-8, 1.0, np.expm1(growth) / np.where(growth == 0, 1.0, growth))
    result = np.moveaxis(np.where(positive, first * a * width * ratio, 0.0), -1, axis)
    return u.Quantity(result, unit, copy=False) if unit != u.dimensionless_unscaled else result


class Background2D(AbstractResponse):
    """Background rate on the axes ``energy, offset`` (GADF BKG_2D). See `AbstractResponse` for arguments.

    Values are interpolated in their logarithm.

    Examples
    --------
    >>> energy = MapAxis([0.1, 1, 10], interp="log", name="energy", unit="TeV")
    >>> offset = MapAxis([0, 1, 2], name="offset", unit="deg")
    >>> bkg = Background2D([energy, offset], [[1e-4, 1e-6], [1e-6, 1e-8]], "s-1 MeV-1 sr-1")
    >>> bkg.evaluate(energy="1 TeV", offset="1 deg")
    <Quantity 1.e-06 1 / (MeV s sr)>
    """

    tag: ClassVar[str] = "bkg_2d"
    required_axes: ClassVar[tuple[str, ...]] = ("energy", "offset")
    extname: ClassVar[str] = "BACKGROUND"
    hduclas2: ClassVar[str] = "BKG"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("BKG", RATE)}
    log_values: ClassVar[bool] = True

    def integrate_log_log(self, axis_name: str = "energy", **coords: Any) -> u.Quantity:
        """Rate integrated between given coordinates along one axis (see the function of the same name).

        Parameters
        ----------
        axis_name
            Axis to integrate over.
        coords
            Coordinates of all axes, broadcast; those of ``axis_name`` are edges along the dimension of that axis.
        """
        axis = self.axes.index(axis_name)
        return integrate_log_log(self.evaluate(**coords), u.Quantity(coords[axis_name]), axis=axis)

    def to_3d(self) -> Background3D:
        """Rate in field-of-view coordinates, on bins as wide as those of the offset."""
        edges = self.axes["offset"].edges
        both = np.concatenate([-edges.value[::-1], edges.value[edges.value > 0]])
        lon = MapAxis.from_edges(np.unique(both), unit=edges.unit, name="fov_lon")
        center = lon.center
        offset = np.sqrt(center[:, np.newaxis] ** 2 + center**2)
        energy = self.axes["energy"]
        values = self.evaluate(energy=energy.center[:, np.newaxis, np.newaxis], offset=offset)
        axes = [energy, lon, lon.copy(name="fov_lat")]
        return Background3D(axes, values, meta=self.meta, is_pointlike=self.is_pointlike, source=self.source)

    def peek(self, figure: Any = None) -> Any:
        """Plot the rate against energy, and over the field of view, in one figure (a new one if None) and return it."""
        from gjax.plot import peek_background

        return peek_background(self, figure=figure)


class Background3D(AbstractResponse):
    """Background rate on the axes ``energy, fov_lon, fov_lat`` (GADF BKG_3D). See `AbstractResponse` for arguments.

    Values are interpolated in their logarithm. ``fov_alignment`` says how the field-of-view axes lie on the sky.

    Examples
    --------
    >>> energy = MapAxis([0.1, 1, 10], interp="log", name="energy", unit="TeV")
    >>> lon = MapAxis([-2, 0, 2], name="fov_lon", unit="deg")
    >>> bkg = Background3D([energy, lon, lon.copy(name="fov_lat")], 1e-6, "s-1 MeV-1 sr-1")
    >>> bkg.evaluate(energy="1 TeV", fov_lon="1 deg", fov_lat="-1 deg")
    <Quantity 1.e-06 1 / (MeV s sr)>
    """

    tag: ClassVar[str] = "bkg_3d"
    required_axes: ClassVar[tuple[str, ...]] = ("energy", "fov_lon", "fov_lat")
    extname: ClassVar[str] = "BACKGROUND"
    hduclas2: ClassVar[str] = "BKG"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("BKG", RATE)}
    log_values: ClassVar[bool] = True

    def integrate_log_log(self, axis_name: str = "energy", **coords: Any) -> u.Quantity:
        """Rate integrated between given coordinates along one axis (see `Background2D.integrate_log_log`)."""
        axis = self.axes.index(axis_name)
        return integrate_log_log(self.evaluate(**coords), u.Quantity(coords[axis_name]), axis=axis)

    def to_2d(self) -> Background2D:
        """Rate along the positive ``fov_lon`` axis, at ``fov_lat`` = 0, as a function of offset."""
        lon, energy = self.axes["fov_lon"], self.axes["energy"]
        edges = np.append(0.0, lon.edges.value[lon.edges.value > 0])
        offset = MapAxis.from_edges(edges, unit=lon.unit, name="offset")
        values = self.evaluate(
            energy=energy.center[:, np.newaxis], fov_lon=offset.center, fov_lat=u.Quantity(0, self.axes["fov_lat"].unit)
        )
        return Background2D(
            [energy, offset], values, meta=self.meta, is_pointlike=self.is_pointlike, source=self.source
        )

    def peek(self, figure: Any = None) -> Any:
        """Plot the rate against energy, and over the field of view, in one figure (a new one if None) and return it."""
        from gjax.plot import peek_background

        return peek_background(self, figure=figure)

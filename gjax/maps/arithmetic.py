"""Which values a map may be combined with, and in which unit; joining maps along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from gjax.errors import UnitError

if TYPE_CHECKING:
    from gjax.maps.axis import MapAxis

__all__ = ["check_place", "join_maps", "product", "same_unit", "to_value"]


def to_value(quantity: u.Quantity, unit: u.UnitBase, what: str) -> np.ndarray:
    """Value of a quantity in a unit, with an error that says what was expected.

    Parameters
    ----------
    quantity, unit
        What to convert, and to which unit.
    what
        Word for the message.

    Examples
    --------
    >>> to_value([2.0] * u.m, u.Unit("cm"), "length")
    array([200.])
    """
    try:
        return quantity.to_value(unit)
    except u.UnitConversionError as error:
        raise UnitError(f"{what} in {str(quantity.unit)!r}, expected a unit like {str(unit)!r}") from error


def check_place(sky_map: Any, other: Any) -> None:
    """Refuse to combine maps whose shapes or places on the sky differ.

    Parameters
    ----------
    sky_map, other
        Maps.

    Raises
    ------
    ValueError
        If they do not fit.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> check_place(Map.create(npix=3), Map.create(npix=4))
    Traceback (most recent call last):
        ...
    ValueError: maps of shape (3, 3) and (4, 4) do not combine
    """
    geom, shape = sky_map.geom, sky_map.data.shape
    if other.geom is geom:
        return
    try:
        fits = np.broadcast_shapes(shape, other.data.shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"maps of shape {shape} and {other.data.shape} do not combine")
    if geom.is_region and other.geom.is_region:
        return
    if type(geom) is not type(other.geom) or not geom.is_same_sky(other.geom):
        raise ValueError(f"maps on different places of the sky do not combine: {geom} and {other.geom}")


def _operand(sky_map: Any, other: Any) -> Any:
    if hasattr(other, "geom"):
        check_place(sky_map, other)
        return other.quantity
    return other if isinstance(other, u.Quantity) else np.asarray(other)


def same_unit(sky_map: Any, other: Any) -> np.ndarray:
    """Values of an operand in the unit of a map, which a bare number has already.

    Parameters
    ----------
    sky_map
        Map.
    other
        Map, Quantity, array or number.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> float(same_unit(Map.create(npix=3, unit="cm"), 2 * u.m))
    200.0
    """
    operand = _operand(sky_map, other)
    return to_value(operand, sky_map.unit, "operand") if isinstance(operand, u.Quantity) else operand


def product(sky_map: Any, other: Any, function: Callable[[Any, Any], Any], *, reverse: bool = False) -> Any:
    """Map multiplied with or divided by an operand, units as well; 1 / 0 is infinite, 0 / 0 is NaN.

    Parameters
    ----------
    sky_map
        Map.
    other
        Map, Quantity, array or number.
    function
        Product of the two, or their ratio.
    reverse
        Take the operand first.

    Examples
    --------
    >>> from gjax.maps import Map
    >>> product(Map.create(npix=3, unit="cm"), 2 * u.s, lambda a, b: a / b, reverse=True).unit
    Unit("s / cm")
    """
    operand = _operand(sky_map, other)
    has_unit = isinstance(operand, u.Quantity)
    units = sky_map.unit, operand.unit if has_unit else u.dimensionless_unscaled
    pair = sky_map.data, operand.value if has_unit else operand
    if reverse:
        pair, units = pair[::-1], units[::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return sky_map.copy(data=function(*pair), unit=function(*units))


def join_maps(maps: Sequence[Any], axis: MapAxis | None = None, axis_name: str | None = None) -> Any:
    """Join maps along an axis; see `Map.from_stack`.

    Parameters
    ----------
    maps, axis, axis_name
        See `Map.from_stack`.

    Examples
    --------
    >>> from gjax.maps import Map, MapAxis
    >>> axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> join_maps([Map.create(npix=3), Map.create(npix=3)], axis).data.shape
    (2, 3, 3)
    """
    from gjax.maps.axis_tools import joined_axis

    first = maps[0]
    data = [to_value(m.quantity, first.unit, "map") if not m.is_bool else m.data for m in maps]
    for other in maps[1:]:
        if not first.geom.is_region and not first.geom.is_same_sky(other.geom):
            raise ValueError("maps on different places of the sky cannot be joined")
    if axis is not None:
        if axis.nbin != len(maps):
            raise ValueError(f"{len(maps)} maps for an axis of {axis.nbin} bins")
        return first.copy(geom=first.geom.to_cube([axis]), data=np.stack(data))
    if axis_name is None:
        raise ValueError("give the new axis, or the name of the axis to join")
    joined = joined_axis([m.geom.axes[axis_name] for m in maps])
    dimension = len(first.geom.axes) - 1 - first.geom.axes.index(axis_name)
    return first.copy(geom=first.geom.replace_axis(joined), data=np.concatenate(data, axis=dimension))

"""Canonical units of the frozen world, and conversion by duck typing.

Inside gjax's JAX code every number is in TeV, cm, s, deg and sr. This module converts what users give
(numbers, strings, ``Quantity``) to those units; astropy is loaded only when a conversion needs it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gjax.errors import UnitError

__all__ = ["DNDE", "attach_unit", "equal_units", "same_unit", "split_quantity", "to_canonical"]

#: Unit of a differential photon flux.
DNDE = "TeV-1 s-1 cm-2"


def _tokens(unit: str) -> tuple[str, ...]:
    return tuple(sorted(unit.replace("**", "").replace("*", " ").split()))


def same_unit(first: str, second: str) -> bool:
    """Tell whether two unit strings are spelled alike up to order (no astropy needed).

    Examples
    --------
    >>> same_unit("cm-2 s-1 TeV-1", "TeV-1 s-1 cm-2")
    True
    """
    return _tokens(first) == _tokens(second)


def equal_units(first: str, second: str) -> bool:
    """Tell whether two unit strings mean the same unit, however they are written.

    Examples
    --------
    >>> equal_units("1 / (TeV s cm2)", "cm-2 s-1 TeV-1"), equal_units("GeV", "TeV")
    (True, False)
    """
    if same_unit(first, second):
        return True
    import astropy.units as u

    try:
        return bool(u.Unit(first) == u.Unit(second))
    except (TypeError, ValueError):
        return False


def split_quantity(text: str) -> tuple[float, str]:
    """Split ``"4e-11 cm-2 s-1"`` into number and unit string.

    Raises
    ------
    ValueError
        If the text does not begin with a number.

    Examples
    --------
    >>> split_quantity("4e-11 cm-2 s-1")
    (4e-11, 'cm-2 s-1')
    """
    number, _, unit = text.strip().partition(" ")
    return float(number), unit.strip()


def to_canonical(value: Any, unit: str, name: str) -> Any:
    """Convert a number, array, string or Quantity to a plain float (array) in ``unit``.

    Parameters
    ----------
    value
        A bare number is taken to be in ``unit`` already; anything with ``to_value`` is a Quantity.
    unit
        Canonical unit; "" for dimensionless.
    name
        What is being converted, for the error message.

    Raises
    ------
    UnitError
        If the unit given cannot be converted.
    ValueError
        If the value is no number, is NaN, or is a string that does not begin with a number.

    Examples
    --------
    >>> to_canonical("1 TeV", "TeV", "reference")
    1.0
    >>> to_canonical("100 GeV", "TeV", "reference")
    0.1
    """
    if isinstance(value, str):
        try:
            number, given = split_quantity(value)
        except ValueError as error:
            raise ValueError(f"{name}: expected a number with a unit like {unit!r}, got {value!r}") from error
        if same_unit(given, unit):
            value = number
        else:
            import astropy.units as u

            try:
                value = u.Quantity(number, given)
            except (TypeError, ValueError) as error:
                raise UnitError(f"{name}: {given!r} is not a unit; expected one like {unit!r}") from error
    if hasattr(value, "to_value"):
        try:
            value = value.to_value(unit)
        except Exception as error:
            raise UnitError(f"{name}: given in {str(value.unit)!r}, expected a unit like {unit!r}") from error
    if isinstance(value, int | float | np.number):
        value = float(value)
        if math.isnan(value):
            raise ValueError(f"{name}: is NaN")
        return value
    try:
        array = np.asarray([] if value is None else value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected a number or an array of numbers, got {value!r}") from error
    if value is None or array.size == 0:
        raise ValueError(f"{name}: expected a number, got {value!r}")
    if np.isnan(array).any():
        raise ValueError(f"{name}: holds NaN")
    return float(array) if array.ndim == 0 else array


def attach_unit(value: Any, unit: str) -> Any:
    """Return ``value`` (an array of any kind) as an astropy Quantity in ``unit``."""
    import astropy.units as u

    return u.Quantity(np.asarray(value), unit, copy=False)

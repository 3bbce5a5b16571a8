"""Numbers, strings and quantities given to an axis."""

from __future__ import annotations

from typing import Any

import astropy.units as u

from gjax.errors import UnitError

__all__ = ["as_quantity", "check_energy", "energy_name"]


def as_quantity(value: Any, unit: Any, name: str) -> u.Quantity:
    """Quantity in ``unit`` (in its own unit if ``unit`` is empty); plain numbers are taken to be in ``unit``.

    Parameters
    ----------
    value
        Number, array, string, list of strings, or Quantity.
    unit
        Unit to convert to, empty to keep the one given.
    name
        Name of the axis, for messages.

    Examples
    --------
    >>> as_quantity(["100 GeV", "1 TeV"], "TeV", "energy")
    <Quantity [0.1, 1. ] TeV>
    """
    try:
        quantity = value if isinstance(value, u.Quantity) else u.Quantity(value, dtype=float)
    except (TypeError, ValueError):
        quantity = u.Quantity([u.Quantity(item) for item in value])
    unit = u.Unit(unit)
    if quantity.unit == u.dimensionless_unscaled and unit != u.dimensionless_unscaled:
        if isinstance(value, u.Quantity | str):
            raise UnitError(f"axis {name!r}: got {value!r} without unit, expected a unit like {str(unit)!r}")
        return u.Quantity(quantity.value, unit, dtype=float)
    if unit == u.dimensionless_unscaled:
        return quantity
    try:
        return quantity.to(unit)
    except u.UnitConversionError as error:
        raise UnitError(f"axis {name!r}: got {str(quantity.unit)!r}, expected a unit like {str(unit)!r}") from error


def energy_name(name: str | None) -> str:
    """Name of an energy axis, "energy" by default.

    Parameters
    ----------
    name
        Name, or None.

    Examples
    --------
    >>> energy_name(None)
    'energy'
    """
    name = name or "energy"
    if name not in ("energy", "energy_true"):
        raise ValueError(f"an energy axis is named 'energy' or 'energy_true', got {name!r}")
    return name


def check_energy(unit: Any, name: str) -> None:
    """Raise a UnitError unless the unit is one of energy.

    Parameters
    ----------
    unit
        Unit to check.
    name
        Name of the axis, for messages.

    Examples
    --------
    >>> check_energy("GeV", "energy")
    """
    if not u.Unit(unit).is_equivalent(u.TeV):
        raise UnitError(f"axis {name!r}: got the unit {str(unit)!r}, expected an energy such as 'TeV'")

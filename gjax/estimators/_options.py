"""Options that estimators share."""

from __future__ import annotations

from typing import Any

from gjax.units import to_canonical

__all__ = ["angle", "selected"]


def angle(value: Any, name: str) -> float:
    """Return an angle [deg]: a Quantity, a string, or a number in deg."""
    return float(to_canonical(value, "deg", name))


def selected(given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the selected optional quantities: None for none, "all", one or several names.

    Raises
    ------
    ValueError
        If one is unknown.
    """
    if given is None:
        return ()
    names = (given,) if isinstance(given, str) else tuple(given)
    if "all" in names:
        return known
    for name in names:
        if name not in known:
            raise ValueError(f"selection_optional: {name!r} is unknown, expected some of {', '.join(known)} or 'all'")
    return names

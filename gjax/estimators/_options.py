"""Options that estimators share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gjax.units import to_canonical

__all__ = ["angle", "free_memory", "selected"]


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


def free_memory() -> int:
    """Return the memory that is free on this machine or left to this container [bytes]; 4 GB where nothing says so."""
    free = 4 * 2**30
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return free
    try:
        folder = Path("/sys/fs/cgroup")
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return min(free, max(int(limit) - int(used), 0)) if limit != "max" else free
    except (OSError, ValueError):
        return free

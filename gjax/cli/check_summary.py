"""The problems of a data store in a few lines: the same problem in many observations is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["problem_lines"]

LEVELS = ("critical", "error", "warning", "info")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def problem_lines(records: Iterable[Mapping[str, Any]], most: int = 5) -> list[str]:
    """Return one line per problem, the worst first, with the observations that have it.

    Messages that differ in numbers only, such as those of observations and files, are the same problem; the first is
    shown.

    Parameters
    ----------
    records
        Dicts with ``level``, ``obs_id``, ``hdu`` and ``msg`` (see `gjax.data.DataStore.check`).
    most
        Number of observations to name.

    Examples
    --------
    >>> late = [{"level": "warning", "obs_id": i, "hdu": "events", "msg": f"{i} events too late"} for i in (1, 2, 3)]
    >>> problem_lines([*late, {"level": "error", "obs_id": 2, "hdu": "gti", "msg": "no good time"}], most=2)
    ['ERROR   gti: no good time [2]', 'WARNING events: 1 events too late [1, and alike in 2 more: 2 ...]']
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        level, hdu = str(record.get("level", "error")).lower(), str(record.get("hdu") or "")
        groups.setdefault((level, hdu, NUMBER.sub("#", str(record.get("msg", "")))), []).append(record)

    def order(key: tuple[str, str, str]) -> tuple[int, int]:
        return LEVELS.index(key[0]) if key[0] in LEVELS else 0, -len(groups[key])

    return [_line(level, hdu, groups[level, hdu, kind], most) for level, hdu, kind in sorted(groups, key=order)]


def _line(level: str, hdu: str, records: list[Mapping[str, Any]], most: int) -> str:
    names = list(dict.fromkeys(str(record["obs_id"]) for record in records if record.get("obs_id") not in (None, "")))
    message = str(records[0].get("msg", ""))
    if names:
        # The brackets behind the message say which observation it is.
        message = message.removeprefix(f"observation {names[0]}, {hdu}: ")
    where = f" [{names[0]}]" if names else ""
    if len(names) > 1:
        shown = ", ".join(names[1:most])
        dots = " ..." if len(names) > most else ""
        where = f" [{names[0]}, and alike in {len(names) - 1} more: {shown}{dots}]"
    return f"{level.upper():<8}{hdu + ': ' if hdu else ''}{message}{where}"

"""Names of datasets."""

from __future__ import annotations

from uuid import uuid4

__all__ = ["make_name"]


def make_name(name: str | None = None) -> str:
    """Return the name, or a random one of eight characters.

    Examples
    --------
    >>> make_name("crab"), len(make_name())
    ('crab', 8)
    """
    return str(name) if name is not None else uuid4().hex[:8]

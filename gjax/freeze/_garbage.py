"""Pauses of the search for garbage, where it costs much and finds nothing."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["nothing_collected"]


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """Pause the search for cycles of garbage.

    Tracing and first imports make many objects, and each search walks over all modules, 0.1 s at a time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

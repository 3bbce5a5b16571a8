"""What off counts say about the background, of spectra and of maps alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["OFF_FIELDS", "alpha_values", "estimated_background", "fields_without", "off_from_background"]

OFF_FIELDS = ("counts_off", "acceptance", "acceptance_off")


def alpha_values(dataset: Any) -> np.ndarray:
    """On acceptance over off acceptance; 0 where both are 0, NaN where only the off acceptance is."""
    if dataset.acceptance is None or dataset.acceptance_off is None:
        raise ValueError(f"dataset {dataset.name!r}: alpha needs acceptance and acceptance_off")
    on, off = dataset.acceptance.data.astype(float), dataset.acceptance_off.data.astype(float)
    alpha = np.divide(on, off, out=np.full(on.shape, np.nan), where=off > 0)
    return np.where(on == 0, 0.0, alpha)


def estimated_background(dataset: Any) -> Any:
    """Estimated background counts, ``alpha * counts_off``; None without off counts."""
    if dataset.counts_off is None:
        return None
    alpha = dataset.alpha
    return alpha.copy(data=alpha.data * dataset.counts_off.data)


def off_from_background(background: Any, acceptance: Any, acceptance_off: Any, settle: Callable[..., Any]) -> Any:
    """Off counts that give a background; None without one.

    Parameters
    ----------
    background
        Background counts (map) or None.
    acceptance, acceptance_off
        Maps, arrays over energy or numbers.
    settle
        Function of an acceptance and the background that makes it a map.
    """
    if background is None:
        return None
    on, off = (settle(value, background).data for value in (acceptance, acceptance_off))
    ratio = np.divide(off, on, out=np.zeros(background.data.shape), where=on > 0)
    return background.copy(data=background.data * ratio)


def fields_without(dataset: Any, *names: str) -> dict[str, Any]:
    """Fields of a dataset except some."""
    return {f.name: getattr(dataset, f.name) for f in dataclasses.fields(dataset) if f.name not in names}

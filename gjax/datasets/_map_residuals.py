"""Counts against predicted counts on maps."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["map_residuals"]

METHODS = ("diff", "diff/model", "diff/sqrt(model)")


def map_residuals(counts: Any, npred: Any, method: str = "diff", *, mask: Any = None, **smoothing: Any) -> Any:
    """Residual map.

    Parameters
    ----------
    counts
        Counts map.
    npred
        Predicted counts, a map or an array of the same shape.
    method
        "diff" (counts - npred), "diff/model" or "diff/sqrt(model)".
    mask
        Bool map of the bins to use; the others are NaN.
    **smoothing
        ``width`` (default "0.1 deg") and ``kernel`` ("gauss", "disk" or "box"): smooth counts, prediction and mask
        before they are compared.

    Returns
    -------
    residuals
        Map on the geometry of the counts.

    Raises
    ------
    ValueError
        If the method is unknown or the shapes differ.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    model = np.asarray(getattr(npred, "data", npred), dtype=float)
    if model.shape != counts.data.shape:
        raise ValueError(f"npred has the shape {model.shape}, the counts have {counts.data.shape}")
    inside = np.ones(model.shape, dtype=bool) if mask is None else np.asarray(mask.data, dtype=bool)
    data = np.where(inside, counts.data, 0.0).astype(float)
    model = np.where(inside, model, 0.0)
    if smoothing:
        smoothing = {"width": "0.1 deg", "kernel": "gauss", **smoothing}
        weights = counts.copy(data=inside.astype(float)).smooth(**smoothing).data
        with np.errstate(divide="ignore", invalid="ignore"):
            data, model = (counts.copy(data=values).smooth(**smoothing).data / weights for values in (data, model))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = data - model
        if method == "diff/model":
            values = values / model
        elif method == "diff/sqrt(model)":
            values = values / np.sqrt(model)
    return counts.copy(data=np.where(inside, values, np.nan), unit="", meta={})

"""Outlines of shapes as regions (host)."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["outline"]


def outline(model: Any, size_factor: float) -> Any:
    """Return the region of a shape: a point, an ellipse of its semi-axes, or the ring of a shell."""
    import astropy.units as u
    from regions import CircleAnnulusSkyRegion, EllipseSkyRegion, PointSkyRegion

    size = getattr(model, "sigma", getattr(model, "r_0", None))
    if hasattr(model, "radius"):
        inner, outer = model.radius.value, model.radius.value + model.width.value
    elif model.tag == "shell2":
        inner, outer = model.r_0.value * (1 - model.eta.value), model.r_0.value
    elif size is None:
        return PointSkyRegion(model.position)
    else:
        major = 2 * size_factor * size.value
        minor = major * np.sqrt(1 - model.e.value**2)
        return EllipseSkyRegion(model.position, minor * u.deg, major * u.deg, model.phi.value * u.deg)
    return CircleAnnulusSkyRegion(model.position, size_factor * inner * u.deg, size_factor * outer * u.deg)

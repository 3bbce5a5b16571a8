"""Outlines of shapes as regions (host)."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["outline", "position_ellipse"]


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


def position_ellipse(position: Any, covariance: Any, n_sigma: float = 1.0) -> Any:
    """Return the region of a position with Gaussian errors, at ``n_sigma`` standard deviations along every direction.

    Parameters
    ----------
    position
        SkyCoord.
    covariance
        Of longitude and latitude [deg2].
    n_sigma
        Size; 1 holds 39 % of the probability, 1.52 holds 68 %.

    Raises
    ------
    ValueError
        If the covariance is not positive.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> position_ellipse(SkyCoord(10, 60, unit="deg"), [[4e-4, 0], [0, 1e-4]]).height.round(6)
    <Quantity 0.02 deg>
    """
    import astropy.units as u
    from regions import EllipseSkyRegion

    shrink = np.array([np.cos(position.spherical.lat.rad), 1.0])
    matrix = np.asarray(covariance, float) * np.outer(shrink, shrink)
    if not np.all(np.isfinite(matrix)) or np.linalg.eigvalsh(matrix)[0] <= 0:
        raise ValueError("the position has no covariance")
    values, vectors = np.linalg.eigh(matrix)
    # height along the longer axis, which the angle turns from north to east
    major = vectors[:, 1]
    angle = np.degrees(np.arctan2(major[0], major[1])) * u.deg
    width, height = (2 * n_sigma * np.sqrt(value) * u.deg for value in values)
    return EllipseSkyRegion(position, width=width, height=height, angle=angle)

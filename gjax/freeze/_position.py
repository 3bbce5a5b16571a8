"""Where a source is: confidence regions on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gjax.errors import FitError
from gjax.models import position_ellipse

if TYPE_CHECKING:
    from gjax.freeze._result import FitResult

__all__ = ["position_region"]


def position_region(result: FitResult, source: str, n_sigma: float, method: str, n_points: int) -> Any:
    """Return the confidence region of a position; see `FitResult.position_region`."""
    from astropy.coordinates import SkyCoord
    from regions import PolygonSkyRegion

    if method not in ("ellipse", "contour"):
        raise ValueError(f"method: expected 'ellipse' or 'contour', got {method!r}")
    if not n_sigma > 0:
        raise ValueError(f"n_sigma: expected a positive number, got {n_sigma}")
    model = result.models[source].spatial_model
    names = [f"{source}.spatial.{part}" for part in ("lon_0", "lat_0")]
    if model is None or any(name not in result.free_names for name in names):
        raise FitError(f"{source!r}: expected a position that is free; free are {', '.join(result.free_names)}")
    if method == "contour":
        line = result.contour(*names, n_sigma=n_sigma, n_points=n_points)
        if not line.success:
            raise FitError(f"{source!r}: the statistic does not rise by {n_sigma**2:g} everywhere around the position")
        return PolygonSkyRegion(SkyCoord(line.x, line.y, unit="deg", frame=model.frame))
    i, j = (result.position(name) for name in names)
    (lon, _), (lat, _) = (result[name] for name in names)
    covariance = result.covariance[np.ix_([i, j], [i, j])]
    try:
        return position_ellipse(SkyCoord(lon, lat, unit="deg", frame=model.frame), covariance, n_sigma)
    except ValueError as error:
        raise FitError(f"{source!r}: {error}: {result.message}") from error

"""Confidence regions of positions on the sky."""

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import EllipseSkyRegion, PolygonSkyRegion

from gjax.errors import FitError
from gjax.freeze._position import position_region


@dataclasses.dataclass
class Line:
    x: np.ndarray
    y: np.ndarray
    success: bool = True


class Model:
    def __init__(self, spatial_model):
        self.spatial_model = spatial_model


class Spatial:
    frame = "icrs"


class Result:
    """A fit of a position, as far as regions ask for it: errors in degrees on the sky, and their correlation."""

    message = "a message"

    def __init__(self, east, north, correlation, lat=60.0, free=True):
        shrink = np.cos(np.radians(lat))
        width = np.array([east / shrink, north])
        self.covariance = np.outer(width, width) * np.array([[1, correlation], [correlation, 1]])
        self.lat = lat
        self.free_names = [f"star.spatial.{name}" for name in ("lon_0", "lat_0")] if free else []
        self.models = {"star": Model(Spatial()), "flat": Model(None)}
        self.success = True

    def position(self, name):
        return self.free_names.index(name)

    def __getitem__(self, name):
        return (80.0, 0.0) if name.endswith("lon_0") else (self.lat, 0.0)

    def contour(self, x, y, *, n_sigma, n_points):
        angle = np.linspace(0, 2 * np.pi, n_points, endpoint=False)
        return Line(80 + n_sigma * 0.1 * np.cos(angle), self.lat + n_sigma * 0.1 * np.sin(angle), self.success)


def region(*arguments, source="star", n_sigma=1.0, method="ellipse", **more):
    return position_region(Result(*arguments, **more), source, n_sigma, method, 16)


def test_axes_and_angle():
    found = region(0.02, 0.05, 0.0)
    assert isinstance(found, EllipseSkyRegion)
    assert found.width.to_value("deg") == pytest.approx(0.04)
    assert found.height.to_value("deg") == pytest.approx(0.10)
    assert found.angle.to_value("deg") % 180 == pytest.approx(0, abs=1e-6)
    wide = region(0.05, 0.02, 0.0, n_sigma=2.0)
    assert wide.height.to_value("deg") == pytest.approx(0.20)
    assert wide.angle.to_value("deg") % 180 == pytest.approx(90, abs=1e-6)
    # east and north grow together: the long axis points north-east
    assert 0 < region(0.05, 0.05, 0.8).angle.to_value("deg") % 180 < 90


def test_the_region_holds_what_the_covariance_says():
    """Draws of positions, in a projection where regions are compared with pixels."""
    from astropy.wcs import WCS

    east, north, correlation = 0.03, 0.05, 0.6
    found = region(east, north, correlation, n_sigma=1.515)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [80.0, 60.0]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-0.001, 0.001], [500, 500]
    covariance = np.outer([east, north], [east, north]) * np.array([[1, correlation], [correlation, 1]])
    steps = np.random.default_rng(0).multivariate_normal([0, 0], covariance, size=20_000)
    centre = SkyCoord(80, 60, unit="deg")
    points = centre.spherical_offsets_by(steps[:, 0] * u.deg, steps[:, 1] * u.deg)
    inside = found.contains(points, wcs)
    assert inside.mean() == pytest.approx(0.683, abs=0.015)


def test_contours_are_polygons():
    found = region(0.02, 0.05, 0.0, method="contour", n_sigma=2.0)
    assert isinstance(found, PolygonSkyRegion)
    assert len(found.vertices) == 16
    assert found.vertices.dec.max().deg == pytest.approx(60.2)


def test_what_cannot_be():
    with pytest.raises(FitError, match="position that is free"):
        region(0.02, 0.05, 0.0, free=False)
    with pytest.raises(FitError, match="position that is free"):
        region(0.02, 0.05, 0.0, source="flat")
    with pytest.raises(FitError, match="no covariance"):
        region(np.nan, 0.05, 0.0)
    with pytest.raises(ValueError, match="method"):
        region(0.02, 0.05, 0.0, method="circle")
    with pytest.raises(ValueError, match="n_sigma"):
        region(0.02, 0.05, 0.0, n_sigma=0)
    result = Result(0.02, 0.05, 0.0)
    result.success = False
    with pytest.raises(FitError, match="does not rise"):
        position_region(result, "star", 1.0, "contour", 16)

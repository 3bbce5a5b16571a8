"""Shapes on the sky, with the errors of where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from gjax.plot.map_objects import plot_wcs_map
from gjax.plot.sky import plot_regions
from gjax.plot.style import style

__all__ = ["plot_position_error", "plot_spatial_model"]

#: Pixels along each side, and the size [deg] of an image of what has no size of its own.
_PIXELS, _WIDTH = 200, 4.0


def plot_spatial_model(model: Any, *, geom: Any = None, energy: Any = None, ax: Any = None, **options: Any) -> Any:
    """Plot the surface brightness of a shape as an image; a point as a cross.

    Parameters
    ----------
    model
        `gjax.models.AbstractSpatialModel`.
    geom
        `gjax.maps.WcsGeom` of the image; one around the whole shape if None.
    energy
        Energy, for models that depend on it; 1 TeV if None.
    ax
        Axes with the projection of the image; a new one if None.
    options
        Given to `gjax.plot.plot_image`.

    Examples
    --------
    >>> from gjax.models import DiskSpatialModel
    >>> from gjax.plot import new_figure
    >>> from gjax.maps import WcsGeom
    >>> geom = WcsGeom.create(skydir=(83.6, 22.0), npix=20, binsz=0.1, proj="TAN")
    >>> axes = new_figure().add_subplot(projection=geom.wcs)
    >>> ax = plot_spatial_model(DiskSpatialModel("83.6 deg", "22 deg", r_0="0.5 deg"), geom=geom, ax=axes)
    """
    import astropy.units as u

    from gjax.maps import Map

    geom = _geom_of(model) if geom is None else geom.to_image()
    extent = float(model.extent())
    if extent == 0:
        density = np.zeros(geom.data_shape) * u.Unit("sr-1")
    else:
        sky = geom.get_coord().skycoord.transform_to(model.frame)
        more = {}
        if getattr(model, "is_energy_dependent", False):
            more["energy"] = "1 TeV" if energy is None else energy
        lon, lat = sky.spherical.lon.deg, sky.spherical.lat.deg
        inside = np.isfinite(lon)  # a map of the whole sky has corners without sky
        found = u.Quantity(model(np.where(inside, lon, 0.0), np.where(inside, lat, 0.0), **more))
        density = np.where(inside, np.broadcast_to(found.value, geom.data_shape), np.nan) * found.unit
    ax = plot_wcs_map(Map.from_geom(geom, data=density.value, unit=density.unit), ax=ax, **options)
    if extent == 0:
        with style():
            ax.scatter(*_degrees(model.position), marker="+", s=90, color="#2fd6a6", transform=ax.get_transform("icrs"))
    return ax


def plot_position_error(
    model: Any, region: Any, *, geom: Any = None, ax: Any = None, color: str = "#2fd6a6", **options: Any
) -> Any:
    """Plot the position of a shape with its error ellipse.

    Parameters
    ----------
    model
        `gjax.models.AbstractSpatialModel`.
    region
        The ellipse, a sky region.
    geom
        `gjax.maps.WcsGeom` whose projection new axes have; one around the ellipse if None.
    ax
        Axes with a projection; new ones if None.
    color
        Colour of both.
    options
        Given to `gjax.plot.plot_regions`.
    """
    from gjax.maps import WcsGeom
    from gjax.plot.map_objects import sky_axes

    if ax is None:
        if geom is None:
            size = 3 * max(region.width, region.height).to_value("deg")
            geom = WcsGeom.create(skydir=region.center.icrs, npix=_PIXELS, binsz=size / _PIXELS, proj="TAN")
        ax = sky_axes(geom.to_image())
        ax.set_xlim(-0.5, geom.npix[0] - 0.5)
        ax.set_ylim(-0.5, geom.npix[1] - 0.5)
    with style():
        plot_regions(ax, region, color=color, **{"linewidth": 1.6, **options})
        ax.scatter(*_degrees(model.position), marker="+", s=90, color=color, transform=ax.get_transform("icrs"))
    return ax


def _degrees(position: SkyCoord) -> tuple[float, float]:
    return position.icrs.ra.deg, position.icrs.dec.deg


def _geom_of(model: Any) -> Any:
    """Return an image that holds a shape; of shapes without end its middle, or the whole sky."""
    from gjax.maps import WcsGeom

    extent = float(model.extent())
    if not hasattr(model, "position"):
        return WcsGeom.create(binsz=1, proj="AIT", frame=model.frame)
    width = _WIDTH if not np.isfinite(extent) or extent == 0 else 2.4 * extent
    centre = model.position
    return WcsGeom.create(skydir=centre, npix=_PIXELS, binsz=width / _PIXELS, proj="TAN", frame=model.frame)

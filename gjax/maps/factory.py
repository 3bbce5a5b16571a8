"""Choice of the map class that belongs to a geometry or to arguments."""

from __future__ import annotations

from typing import Any

__all__ = ["create_map", "map_class"]


def map_class(geom: Any) -> Any:
    """Class of the maps on a geometry.

    Parameters
    ----------
    geom
        Geometry.

    Raises
    ------
    TypeError
        If it is none.

    Examples
    --------
    >>> from gjax.maps import WcsGeom
    >>> map_class(WcsGeom.create(npix=3)).__name__
    'WcsNDMap'
    """
    from gjax.maps.region_geom import RegionGeom
    from gjax.maps.region_map import RegionNDMap
    from gjax.maps.wcs_geom import WcsGeom
    from gjax.maps.wcs_map import WcsNDMap

    if isinstance(geom, WcsGeom):
        return WcsNDMap
    if isinstance(geom, RegionGeom):
        return RegionNDMap
    if getattr(geom, "is_hpx", False):
        from gjax.maps.hpx_map import HpxNDMap

        return HpxNDMap
    raise TypeError(f"expected a geometry, got {type(geom).__name__}")


def create_map(*args: Any, map_type: str | None = None, **kwargs: Any) -> Any:
    """Map on a new geometry; see `Map.create`.

    Parameters
    ----------
    map_type
        "wcs", "hpx" or "region"; by default "hpx" with an argument ``nside``, "region" with one named ``region``,
        "wcs" otherwise.
    *args, **kwargs
        Arguments of the class.

    Examples
    --------
    >>> create_map(npix=3).data.shape, create_map(region=None, axes=[]).data.shape
    ((3, 3), (1, 1))
    """
    from gjax.maps.region_map import RegionNDMap
    from gjax.maps.wcs_map import WcsNDMap

    if map_type is None:
        sizes = {"npix", "binsz", "width"} & set(kwargs)
        map_type = "hpx" if "nside" in kwargs else "region" if "region" in kwargs and not sizes else "wcs"
    if map_type == "wcs":
        return WcsNDMap.create(*args, **kwargs)
    if map_type == "region":
        return RegionNDMap.create(*args, **kwargs)
    if map_type == "hpx":
        from gjax.maps.hpx_map import HpxNDMap

        return HpxNDMap.create(*args, **kwargs)
    raise ValueError(f"map_type is {map_type!r}, expected 'wcs', 'hpx' or 'region'")

"""Axes, region geometries and maps on them."""

from gjax.maps.axes import MapAxes as MapAxes
from gjax.maps.axis import MapAxis as MapAxis
from gjax.maps.region_geom import RegionGeom as RegionGeom
from gjax.maps.region_map import RegionNDMap as RegionNDMap

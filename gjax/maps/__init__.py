"""Axes, geometries and maps on them."""

from gjax.maps.axes import MapAxes as MapAxes
from gjax.maps.axis import MapAxis as MapAxis
from gjax.maps.coord import MapCoord as MapCoord
from gjax.maps.hpx_geom import HpxGeom as HpxGeom
from gjax.maps.hpx_map import HpxNDMap as HpxNDMap
from gjax.maps.label_axis import LabelMapAxis as LabelMapAxis
from gjax.maps.nd_map import Map as Map
from gjax.maps.region_geom import RegionGeom as RegionGeom
from gjax.maps.region_map import RegionNDMap as RegionNDMap
from gjax.maps.time_axis import TimeMapAxis as TimeMapAxis
from gjax.maps.wcs_geom import WcsGeom as WcsGeom
from gjax.maps.wcs_map import WcsNDMap as WcsNDMap

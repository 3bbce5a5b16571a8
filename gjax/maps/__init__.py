"""Axes, region geometries and maps on them."""

from gjax.maps.axes import MapAxes as MapAxes
from gjax.maps.axis import MapAxis as MapAxis

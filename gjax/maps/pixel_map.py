"""What maps on pixels of the sky share, whatever their pixels: stacking, spectra, pages of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gjax.maps.nd_map import Map

if TYPE_CHECKING:
    from gjax.maps.region_map import RegionNDMap

__all__ = ["AbstractPixelMap"]


class AbstractPixelMap(Map):
    """Values on pixels of the sky; the classes are `WcsNDMap` and `HpxNDMap`."""

    def stack(self, other: Any, weights: Any = None, nan_to_num: bool = True) -> Self:
        """Return the map with another, on some of its pixels, added in its place.

        Parameters
        ----------
        other
            Map with the same axes whose pixels coincide, such as a cutout.
        weights
            Map on the pixels of ``other`` (or mask) multiplied with it first.
        nan_to_num
            Count values that are not finite as zero.

        Raises
        ------
        ValueError
            If the pixels or axes differ.
        """
        from gjax.maps.stacking import add_to_array

        data = self._data.copy()
        add_to_array(data, self._geom, self._unit, other, weights=weights, nan_to_num=nan_to_num)
        return self.copy(data=data)

    def to_region_nd_map(
        self, region: Any = None, func: Callable[..., Any] = np.nansum, weights: Any = None, method: str = "nearest"
    ) -> RegionNDMap:
        """Return one value per bin of the axes from the pixels in a region.

        Parameters
        ----------
        region
            Sky region, or position; the whole map by default.
        func
            Function of the values in the region, such as ``np.nansum``, ``np.nanmean``, ``np.any``.
        weights
            Map multiplied with the data first; a mask selects pixels.
        method
            How the map is read at a position: "nearest" or "linear".
        """
        raise NotImplementedError

    def get_spectrum(
        self, region: Any = None, func: Callable[..., Any] = np.nansum, weights: Any = None
    ) -> RegionNDMap:
        """Return the spectrum in a region; see `to_region_nd_map`.

        Parameters
        ----------
        region, func, weights
            See `to_region_nd_map`.
        """
        return self.to_region_nd_map(region, func, weights)

    # ---- pictures ----

    def plot_grid(self, *, columns: int = 3, figure: Any = None, regions: Any = None, **options: Any) -> Any:
        """Draw all images of a map with one axis besides the sky; see `gjax.plot.map_objects.plot_grid`.

        Parameters
        ----------
        columns
            Images in a row.
        figure
            Figure to draw on; a new one if None.
        regions, **options
            See ``plot``.
        """
        from gjax.plot.map_objects import plot_grid

        return plot_grid(self, columns=columns, figure=figure, regions=regions, **options)

    def plot_interactive(self, *, figure: Any = None, regions: Any = None, **options: Any) -> Any:
        """Draw the map one image at a time with sliders; see `gjax.plot.plot_interactive`.

        Parameters
        ----------
        figure
            Figure to draw on; one of the pyplot session if None.
        regions, **options
            See ``plot``.
        """
        from gjax.plot.map_objects import plot_interactive

        return plot_interactive(self, figure=figure, regions=regions, **options)

"""Directional cut that was applied to the events, as a function of reconstructed energy and offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import astropy.units as u

from gjax.errors import DataFormatError
from gjax.irf.response import AbstractResponse

__all__ = ["RadMax2D"]


class RadMax2D(AbstractResponse):
    """Directional cut on the axes ``energy, offset`` (GADF RAD_MAX_2D). See `AbstractResponse` for arguments.

    Evaluation takes the nearest bin. A table with a single bin is a fixed cut, valid everywhere; otherwise the cut is
    zero (no event passes) outside the axes.

    Examples
    --------
    >>> from gjax.maps import MapAxis
    >>> energy = MapAxis([0.1, 1, 10], interp="log", name="energy", unit="TeV")
    >>> offset = MapAxis([0, 2], name="offset", unit="deg")
    >>> RadMax2D([energy, offset], [[0.2], [0.1]], "deg").evaluate(energy="3 TeV", offset="0.5 deg")
    <Quantity 0.1 deg>
    """

    tag: ClassVar[str] = "rad_max_2d"
    required_axes: ClassVar[tuple[str, ...]] = ("energy", "offset")
    extname: ClassVar[str] = "RAD_MAX"
    hduclas2: ClassVar[str] = "RAD_MAX"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("RAD_MAX", "deg")}
    default_method: ClassVar[str] = "nearest"

    @property
    def is_fixed_rad_max(self) -> bool:
        """Whether the cut is one number."""
        return self.axes.shape == (1, 1)

    def _beyond(self, out: list[Any]) -> Any:
        return (out[0] | out[1]) & (not self.is_fixed_rad_max)

    @classmethod
    def from_irf(cls, irf: AbstractResponse) -> RadMax2D:
        """Fixed cut from the RAD_MAX keyword [deg] of a point-like response.

        Parameters
        ----------
        irf
            Point-like effective area or energy dispersion; its axes give the range of the single bin.

        Raises
        ------
        DataFormatError
            If the response is not point-like, or has no usable RAD_MAX keyword.
        """
        owner = irf.source or type(irf).__name__
        if not irf.is_pointlike:
            raise DataFormatError(f"{owner}: a fixed RAD_MAX needs a point-like response (HDUCLAS3 = POINT-LIKE)")
        value = irf.meta.get("RAD_MAX")
        try:
            radius = float(value)
        except (TypeError, ValueError) as error:
            raise DataFormatError(f"{owner}: the header keyword RAD_MAX is {value!r}, expected degrees") from error
        energy = irf.axes["energy_true"].squash().copy(name="energy")
        return cls([energy, irf.axes["offset"].squash()], radius, u.deg, is_pointlike=True, source=irf.source)

    def plot(self, ax: Any = None) -> Any:
        """Plot the cut against energy; return the axes (new ones if None)."""
        from gjax.plot import plot_rad_max

        return plot_rad_max(self, ax=ax)

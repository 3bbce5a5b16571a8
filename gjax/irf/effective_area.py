"""Effective area as a function of true energy and offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gjax.irf.response import AbstractResponse
from gjax.maps.axis import MapAxis

__all__ = ["EffectiveAreaTable2D"]

# g1 [cm2], g2, g3 [MeV] of Abramowski et al. (2010), appendix B.
PARAMETRIZATIONS = {"HESS": (6.85e9, 0.0891, 5e5), "HESS2": (2.05e9, 0.0891, 1e5), "CTAO": (1.71e11, 0.0891, 1e5)}


class EffectiveAreaTable2D(AbstractResponse):
    """Effective area on the axes ``energy_true, offset`` (GADF AEFF_2D). See `AbstractResponse` for arguments.

    Examples
    --------
    >>> aeff = EffectiveAreaTable2D.from_parametrization()
    >>> aeff.evaluate(energy_true="1 TeV", offset="0.5 deg").to("m2")
    <Quantity 121256.6... m2>
    """

    tag: ClassVar[str] = "aeff_2d"
    required_axes: ClassVar[tuple[str, ...]] = ("energy_true", "offset")
    extname: ClassVar[str] = "EFFECTIVE AREA"
    hduclas2: ClassVar[str] = "EFF_AREA"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("EFFAREA", "m2")}

    @classmethod
    def from_parametrization(
        cls, energy_axis_true: MapAxis | None = None, instrument: str = "HESS"
    ) -> EffectiveAreaTable2D:
        r"""Analytic effective area, the same at all offsets below 5 deg.

        .. math:: A(E) = g_1 \\, (E / \\mathrm{MeV})^{-g_2} \\, \\exp(-g_3 / E)

        from appendix B of Abramowski et al. (2010), MNRAS 402, 1342, https://doi.org/10.1111/j.1365-2966.2009.16014.x

        Parameters
        ----------
        energy_axis_true
            True energies; the formula is evaluated at the centres. By default 2 GeV to 200 TeV, 20 bins per decade.
        instrument
            "HESS", "HESS2" or "CTAO".

        Raises
        ------
        ValueError
            If the instrument is unknown.
        """
        if instrument not in PARAMETRIZATIONS:
            raise ValueError(f"unknown instrument {instrument!r}: expected one of {', '.join(PARAMETRIZATIONS)}")
        if energy_axis_true is None:
            energy_axis_true = MapAxis.from_energy_bounds("2 GeV", "200 TeV", 20, per_decade=True, name="energy_true")
        g1, g2, g3 = PARAMETRIZATIONS[instrument]
        energy = energy_axis_true.center.to_value("MeV")
        area = g1 * energy**-g2 * np.exp(-g3 / energy)
        offset_axis = MapAxis.from_edges([0.0, 5.0], unit="deg", name="offset")
        meta: dict[str, Any] = {"TELESCOP": instrument}
        return cls([energy_axis_true, offset_axis], area[:, np.newaxis], "cm2", meta=meta)

    def plot(self, ax: Any = None, *, offset: Any = None) -> Any:
        """Plot the area against true energy at some offsets; return the axes (new ones if None)."""
        from gjax.plot import plot_effective_area

        return plot_effective_area(self, offset=offset, ax=ax)

    def peek(self, figure: Any = None) -> Any:
        """Plot the area against energy and offset in one figure (a new one if None) and return it."""
        from gjax.plot import peek_effective_area

        return peek_effective_area(self, figure=figure)

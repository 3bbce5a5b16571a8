"""Lines of the likelihood: profiles of one parameter, contours of two."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

__all__ = ["Contour", "Profile"]


@dataclasses.dataclass(frozen=True)
class Profile:
    """Profile likelihood of one parameter.

    Parameters
    ----------
    name, unit
        The parameter.
    values
        Where it was held.
    statistic
        Fit statistic with all other parameters re-optimised.
    success
        Which points converged.
    minimum
        Statistic of the best fit.
    """

    name: str
    unit: str
    values: np.ndarray
    statistic: np.ndarray
    success: np.ndarray
    minimum: float

    def plot(self, ax: Any = None) -> Any:
        """Plot the rise of the statistic on a matplotlib axis and return it."""
        from gjax.plot import plot_profile

        return plot_profile(self.values, self.statistic - self.minimum, name=self.name, unit=self.unit, ax=ax)


@dataclasses.dataclass(frozen=True)
class Contour:
    """A closed line of equal profile likelihood in the plane of two parameters."""

    names: tuple[str, str]
    units: tuple[str, str]
    x: np.ndarray
    y: np.ndarray
    level: float
    success: bool

    def plot(self, ax: Any = None) -> Any:
        """Plot the contour on a matplotlib axis and return it."""
        from gjax.plot import plot_contour

        return plot_contour(self.x, self.y, names=self.names, units=self.units, ax=ax)

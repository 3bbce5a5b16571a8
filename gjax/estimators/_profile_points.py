"""Fluxes by region and energy band, and their files: the format "profile"."""

from __future__ import annotations

import dataclasses
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from gjax.datasets import FluxPoints
from gjax.errors import DataFormatError

__all__ = ["FluxProfile"]

#: One row per region; arrays of one value per band.
DISTANCES = ("x_ref", "x_min", "x_max")
#: Columns that other readers expect with an axis of datasets.
PER_DATASET = ("npred", "npred_excess", "counts")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FluxProfile:
    """Fluxes by region and energy band.

    Parameters
    ----------
    distance, distance_min, distance_max
        Distances of the regions from the first one, or mean radii of rings, with edges [deg].
    points
        Flux points of every region.
    regions
        The regions; none if they were read from a file.
    """

    distance: np.ndarray
    distance_min: np.ndarray
    distance_max: np.ndarray
    points: tuple[FluxPoints, ...]
    regions: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> FluxPoints:
        return self.points[index]

    def quantity(self, sed_type: str, suffix: str = "") -> u.Quantity | None:
        """Flux, error or limit in one convention, shape (region, energy); see `FluxPoints.quantity`."""
        values = [points.quantity(sed_type, suffix) for points in self.points]
        return None if values[0] is None else u.Quantity(values)

    def to_table(self, sed_type: str = "flux") -> QTable:
        """Return a table with one row per region: ``x_ref, x_min, x_max``, energies, fluxes, counts and significances.

        This is Gammapy's format "profile".

        Parameters
        ----------
        sed_type
            "dnde", "e2dnde", "flux", "eflux" or "likelihood".
        """
        tables = [points.to_table(sed_type) for points in self.points]
        ends = self.distance, self.distance_min, self.distance_max
        columns: dict[str, Any] = {name: values * u.deg for name, values in zip(DISTANCES, ends)}
        for name in tables[0].colnames:
            values = [table[name] for table in tables]
            if name == "reason":
                columns[name] = np.array([np.asarray(value, dtype=str) for value in values])
            else:
                columns[name] = u.Quantity(values) if isinstance(values[0], u.Quantity) else np.stack(values)
        return QTable(columns, meta=dict(tables[0].meta))

    def write(self, path: str | PathLike[str], sed_type: str = "flux", *, overwrite: bool = False) -> Path:
        """Write the table of `to_table` to FITS (suffix .fits, .fits.gz) or ECSV (any other suffix)."""
        from gjax.datasets._flux_points_io import write_points_table

        return write_points_table(self.to_table(sed_type), path, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | PathLike[str], sed_type: str | None = None, reference_model: Any = None) -> FluxProfile:
        """Read a profile from FITS or from a text table (ECSV).

        Parameters
        ----------
        path
            File; ``$GAMMAPY_DATA`` and the like are expanded.
        sed_type, reference_model
            See `FluxPoints.from_table`.

        Raises
        ------
        MissingDataError
            If the file does not exist.
        DataFormatError
            If it is not a table of fluxes by region.
        """
        from gjax.datasets._flux_points_io import read_points_table

        return cls.from_table(read_points_table(path)[0], sed_type, reference_model)

    @classmethod
    def from_table(cls, table: Table, sed_type: str | None = None, reference_model: Any = None) -> FluxProfile:
        """Return the profile of a table with one row per region.

        Parameters
        ----------
        table
            Table with ``x_min, x_max`` and the columns of flux points, one value per band in every row.
        sed_type, reference_model
            See `FluxPoints.from_table`.

        Raises
        ------
        DataFormatError
            If columns are missing or have no rows.
        """
        missing = [name for name in ("x_min", "x_max") if name not in table.colnames]
        if missing or len(table) == 0:
            what = f"no column {missing[0]!r}" if missing else "no rows"
            raise DataFormatError(f"flux profile: the table has {what}; it has {', '.join(table.colnames)}")
        low, high = (u.Quantity(table[name]) for name in ("x_min", "x_max"))
        middle = u.Quantity(table["x_ref"]) if "x_ref" in table.colnames else 0.5 * (low + high)
        try:
            distances = [values.to_value("deg") for values in (middle, low, high)]
        except u.UnitConversionError as error:
            raise DataFormatError(f"flux profile: 'x_min' is in {str(low.unit)!r}, expected an angle") from error
        points = []
        for number in range(len(table)):
            row = Table(meta=dict(table.meta))
            for name in (name for name in table.colnames if name not in DISTANCES):
                column = table[name]
                value = np.asarray(getattr(column, "value", column)[number])
                # files lose axes of length 1
                row[name] = u.Quantity(np.atleast_1d(value), column.unit) if column.unit else np.atleast_1d(value)
            points.append(FluxPoints.from_table(row, sed_type, reference_model))
        return cls(distances[0], distances[1], distances[2], tuple(_flat_counts(one) for one in points))

    def plot(self, ax: Any = None, sed_type: str = "flux", **options: Any) -> Any:
        """Plot fluxes against distance, one colour per band, upper limits as arrows; return the axes.

        Parameters
        ----------
        ax
            Axes; a new one if None.
        sed_type
            "dnde", "e2dnde", "flux" or "eflux".
        options
            Given to `gjax.plot.plot_flux_profile`.
        """
        from gjax.plot import plot_flux_profile

        return plot_flux_profile(self, ax=ax, sed_type=sed_type, **options)

    def __repr__(self) -> str:
        low, high = float(self.distance_min.min()), float(self.distance_max.max())
        return f"FluxProfile({len(self)} regions, {low:.3g} to {high:.3g} deg, {len(self.points[0])} energy bands)"


def _flat_counts(points: FluxPoints) -> FluxPoints:
    """Return points with counts summed over datasets, as they are estimated."""
    extra = dict(points.extra)
    for name in PER_DATASET:
        if name in extra and extra[name].ndim > 1:
            extra[name] = np.sum(extra[name], axis=1)
    return points.copy(extra=extra)

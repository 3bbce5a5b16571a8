"""What all tabulated instrument responses share: axes, a table, evaluation with units, FITS."""

from __future__ import annotations

import dataclasses
import html
import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.fits import get_hdu, open_fits, write_fits
from gjax.irf.columns import Columns, columns_from_hdu, columns_from_table
from gjax.irf.evaluation import axis_coordinates, interpolate_table, outside
from gjax.irf.hdu_format import checked_data, read_axes, read_data, to_hdu
from gjax.maps.axes import MapAxes

__all__ = ["FOV_ALIGNMENTS", "AbstractResponse"]

FOV_ALIGNMENTS = ("RADEC", "ALTAZ", "REVERSE_LON_RADEC")
STANDARD = {
    "HDUCLASS": "GADF",
    "HDUDOC": "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats",
    "HDUVERS": "0.3",
    "HDUCLAS1": "RESPONSE",
}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AbstractResponse:
    """A response tabulated on axes. Immutable: methods return new objects.

    Parameters
    ----------
    axes
        Axes in the order named by ``required_axes`` of the class.
    data
        Table in the shape of the axes (a number fills it); with a Quantity, ``unit`` is ignored. Parametric
        responses take a mapping or structured array with one table per parameter.
    unit
        Unit of the data; for parametric responses a mapping of units.
    meta
        Header keywords.
    is_pointlike
        Whether the response includes a directional cut (HDUCLAS3 = POINT-LIKE).
    fov_alignment
        Orientation of the field of view: "RADEC", "ALTAZ" or "REVERSE_LON_RADEC".
    source
        Where it was read from, for error messages.

    Raises
    ------
    ValueError
        If axes or shape are not those of the class.
    UnitError
        If the unit cannot be converted to that of the class.
    """

    axes: Any
    data: Any = 0.0
    unit: Any = ""
    meta: Any = None
    is_pointlike: bool = False
    fov_alignment: str = "RADEC"
    source: str = ""

    tag: ClassVar[str]
    required_axes: ClassVar[tuple[str, ...]]
    extname: ClassVar[str]
    hduclas2: ClassVar[str]
    columns: ClassVar[Mapping[str, tuple[str, str]]]  # parameter: column, unit; "" for the only table
    log_values: ClassVar[bool] = False
    default_method: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        axes = MapAxes(list(self.axes))
        if tuple(axes.names) != self.required_axes:
            raise ValueError(f"{type(self).__name__} needs the axes {list(self.required_axes)}, got {axes.names}")
        alignment = str(self.fov_alignment).strip().upper()
        if alignment not in FOV_ALIGNMENTS:
            raise ValueError(
                f"{self.source or type(self).__name__}: FOVALIGN is {self.fov_alignment!r}, "
                f"expected one of {', '.join(FOV_ALIGNMENTS)}"
            )
        owner = self.source or type(self).__name__
        data, unit = checked_data(self.columns, self.data, self.unit, axes, owner)
        for name, value in {
            "axes": axes,
            "data": data,
            "unit": unit,
            "meta": dict(self.meta or {}),
            "fov_alignment": alignment,
        }.items():
            object.__setattr__(self, name, value)

    # ---- properties ----

    @property
    def quantity(self) -> Any:
        """The data with their unit (a mapping for parametric responses)."""
        if self.data.dtype.names:
            return {name: u.Quantity(self.data[name], self.unit[name]) for name in self.data.dtype.names}
        return u.Quantity(self.data, self.unit, copy=False)

    @property
    def has_offset_axis(self) -> bool:
        """Whether the response depends on the offset only, and not on the direction in the field of view."""
        return "offset" in self.required_axes

    def nan_fraction(self) -> float:
        """Fraction of the data that is not a finite number."""
        names = self.data.dtype.names
        tables = [self.data[name] for name in names] if names else [self.data]
        return float(np.mean([1.0 - np.isfinite(table).mean() for table in tables]))

    def check_finite(self) -> Self:
        """Return the response unchanged if all its data are finite; every evaluation asks this.

        Raises
        ------
        DataFormatError
            If not; the message names file, HDU, column and the fraction.
        """
        for field, (column, _) in self.columns.items():
            table = self.data[field] if field else self.data
            bad = table.size - np.count_nonzero(np.isfinite(table))
            if bad:
                raise DataFormatError(
                    f"{self.source or type(self).__name__}: column {column!r}: {bad} of {table.size} values "
                    f"({bad / table.size:.1%}) are NaN or infinite; replace them (see replace_nan) before use"
                )
        return self

    def replace_nan(self, value: float = 0.0) -> Self:
        """Return the response with NaN and infinite values replaced."""
        data = self.data.copy()
        for table in [data[name] for name in data.dtype.names] if data.dtype.names else [data]:
            table[~np.isfinite(table)] = value
        return self.copy(data=data)

    def copy(self, **changes: Any) -> Self:
        """Return the response with some of its fields changed."""
        return dataclasses.replace(self, **changes)

    def slice_by_idx(self, slices: Mapping[str, slice]) -> Self:
        """Return the bins selected by slices, by axis name."""
        index = tuple(slices.get(axis.name, slice(None)) for axis in self.axes)
        return self.copy(axes=self.axes.slice_by_idx(dict(slices)), data=self.data[index].copy())

    def is_allclose(self, other: Any, rtol: float = 1e-5, atol: float = 0.0) -> bool:
        """Whether the other response has the same class, axes and data within tolerances."""
        if not isinstance(other, type(self)) or not self.axes.is_allclose(other.axes, rtol=max(rtol, 1e-6)):
            return False
        pairs = []
        for field in self.columns:
            mine = u.Quantity(self.data[field], self.unit[field]) if field else self.quantity
            theirs = other.quantity[field] if field else other.quantity
            if not mine.unit.is_equivalent(theirs.unit):
                return False
            pairs.append((mine.value, theirs.to_value(mine.unit)))
        return all(np.allclose(b, a, rtol=rtol, atol=atol, equal_nan=True) for a, b in pairs)

    # ---- evaluation ----

    def evaluate(self, method: str | None = None, **coords: Any) -> u.Quantity:
        """Interpolate the response.

        Between bin centres, linearly in the logarithm of energies and in all other coordinates; extrapolated from
        the outermost centres to the edges, clipped at zero, and zero outside the edges.

        Parameters
        ----------
        method
            "linear" or "nearest".
        coords
            Coordinates by axis name (Quantity or string), broadcast against each other. Axes that are not named
            give their bin centres.

        Raises
        ------
        DataFormatError
            If the response holds NaN or infinite values.
        UnitError
            If a coordinate has a wrong unit.
        ValueError
            If a coordinate is not an axis of the response.
        """
        self.check_finite()
        values = axis_coordinates(self.axes, coords)
        method = method or self.default_method
        result = interpolate_table(self.axes, self.data, values, method=method, log_values=self.log_values)
        out = [outside(axis, value) for axis, value in zip(self.axes, values)]
        return u.Quantity(np.where(self._beyond(out) | ~np.isfinite(result), 0.0, result), self.unit, copy=False)

    def _beyond(self, out: list[np.ndarray]) -> np.ndarray:
        """Where the response is zero, given where each coordinate is outside its axis."""
        beyond = out[0]
        for other in out[1:]:
            beyond = beyond | other
        return beyond

    # ---- FITS ----

    @classmethod
    def from_hdu(cls, hdu: Any, path: str | os.PathLike[str] = "") -> Self:
        """Read from a table HDU; ``path`` is for error messages.

        Reading accepts NaN (evaluation does not), missing units, byte order of FITS and transposed backgrounds.

        Raises
        ------
        DataFormatError
            If a column is missing, the shape is wrong, or the table is truncated.
        UnitError
            If a unit is wrong.
        """
        return cls._from_columns(columns_from_hdu(hdu, os.fspath(path)))

    @classmethod
    def from_table(cls, table: Table, source: str = "table") -> Self:
        """Read from a table with one row."""
        return cls._from_columns(columns_from_table(table, source))

    @classmethod
    def from_hdulist(cls, hdulist: Any, hdu: str | int | None = None, path: str | os.PathLike[str] = "") -> Self:
        """Read from a list of HDUs; by default the one with the class's columns."""
        if hdu is not None:
            return cls.from_hdu(get_hdu(hdulist, hdu, path), path)
        wanted = {column for column, _ in cls.columns.values()}
        for candidate in hdulist:
            names = set(getattr(getattr(candidate, "columns", None), "names", ()))
            if wanted <= (names | {"BKG"} if "BGD" in names else names):
                return cls.from_hdu(candidate, path)
        present = ", ".join(h.name or str(i) for i, h in enumerate(hdulist))
        raise MissingDataError(f"{path}: no HDU with the columns of {cls.tag}; the file has: {present}")

    @classmethod
    def read(cls, filename: str | os.PathLike[str], hdu: str | int | None = None) -> Self:
        """Read from a FITS file (plain or gzip).

        Raises
        ------
        MissingDataError
            If file or HDU do not exist.
        DataFormatError
            If the file does not hold such a response.
        """
        with open_fits(filename) as hdulist:
            return cls.from_hdulist(hdulist, hdu, filename)

    @classmethod
    def _from_columns(cls, columns: Columns) -> Self:
        axes, order = read_axes(columns, cls.required_axes)
        tables, units = {}, {}
        for field, (column, unit) in cls.columns.items():
            name = "BGD" if column == "BKG" and column not in columns.values else column
            name = name if name in columns.values else column
            tables[field], units[field] = read_data(columns, name, unit, axes, order)
        alignment = columns.header.get("FOVALIGN", "RADEC")
        try:
            return cls(
                axes,
                tables.get("", tables),
                units.get("", units),
                meta=columns.header,
                is_pointlike=str(columns.header.get("HDUCLAS3", "")).strip().upper() == "POINT-LIKE",
                fov_alignment=alignment,
                source=columns.source,
            )
        except UnitError:
            raise
        except ValueError as error:
            raise DataFormatError(str(error)) from error

    def to_hdu(self, name: str | None = None) -> fits.BinTableHDU:
        """Make a GADF table HDU with all mandatory keywords."""
        header = {**self.meta, **STANDARD, "HDUCLAS2": self.hduclas2}
        header["HDUCLAS3"] = "POINT-LIKE" if self.is_pointlike else "FULL-ENCLOSURE"
        header["HDUCLAS4"] = self.tag.upper()
        if "fov_lon" in self.required_axes or "FOVALIGN" in self.meta:
            header["FOVALIGN"] = self.fov_alignment
        data = {
            column: (self.data[field], self.unit[field]) if field else (self.data, self.unit)
            for field, (column, _) in self.columns.items()
        }
        return to_hdu(name or self.extname, header, self.axes, data)

    def to_table(self) -> Table:
        """Return a table with one row and the header in ``meta``."""
        hdu = self.to_hdu()
        table = Table(hdu.data, names=hdu.columns.names)
        for column in hdu.columns:
            table[column.name].unit = column.unit
        table.meta.update({key: hdu.header[key] for key in hdu.header if not key.startswith("T") and key})
        return table

    def to_hdulist(self) -> fits.HDUList:
        """Make a list of HDUs with an empty primary HDU."""
        return fits.HDUList([fits.PrimaryHDU(), self.to_hdu()])

    def write(self, filename: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write to a FITS file, under a temporary name first.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        """
        write_fits(self.to_hdulist(), filename, overwrite=overwrite)

    def __repr__(self) -> str:
        shape = ", ".join(f"{axis.name}: {axis.nbin}" for axis in self.axes)
        unit = self.unit if self.data.dtype.names else str(self.unit)
        kind = "point-like" if self.is_pointlike else "full-enclosure"
        bounds = "".join(f"\n  {axis.name}: {axis.edges[0]:.4g} to {axis.edges[-1]:.4g}" for axis in self.axes)
        units = {name: str(value) for name, value in unit.items()} if isinstance(unit, dict) else repr(unit)
        return f"{type(self).__name__} ({shape}), unit {units}, {kind}{bounds}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

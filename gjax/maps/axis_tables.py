"""Axes in FITS tables: OGIP energy bounds, GADF DL3 responses, GADF maps and spectral points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table

from gjax.errors import DataFormatError
from gjax.fits import native
from gjax.maps.axis import MapAxis

__all__ = ["DL3_AXES", "axes_from_table", "axes_to_table", "axis_from_table", "axis_to_table", "group_table"]

# Column prefix of a DL3 response: name of the axis, its scale, and the unit assumed where the file gives none.
DL3_AXES = {
    "THETA": ("offset", "lin", "deg"),
    "ENERG": ("energy_true", "log", "TeV"),
    "ETRUE": ("energy_true", "log", "TeV"),
    "RAD": ("rad", "lin", "deg"),
    "DETX": ("fov_lon", "lin", "deg"),
    "DETY": ("fov_lat", "lin", "deg"),
    "MIGRA": ("migra", "lin", ""),
}


def _column(table: Table, name: str, default_unit: str = "") -> tuple[np.ndarray, u.UnitBase]:
    if name not in table.colnames:
        raise DataFormatError(f"no column {name!r}; the table has: {', '.join(table.colnames)}")
    column = table[name]
    unit = column.unit if column.unit is not None else u.Unit(default_unit)
    values = column.value if isinstance(column, u.Quantity) else np.ma.getdata(column.data)
    return native(values).astype(float), unit


def _low_high(table: Table, low: str, high: str, default_unit: str = "") -> tuple[np.ndarray, np.ndarray, u.UnitBase]:
    first, unit = _column(table, low, default_unit)
    second, second_unit = _column(table, high, default_unit)
    if second_unit != unit:
        second = second * second_unit.to(unit)
    return first, second, unit


def axis_from_table(table: Table, format: str = "ogip", idx: int = 0, column_prefix: str = "") -> MapAxis:
    """Build an axis from a table.

    Parameters
    ----------
    table
        The table, with the header in ``table.meta``.
    format
        "ogip" (EBOUNDS: E_MIN, E_MAX), "ogip-arf" (ENERG_LO, ENERG_HI), "gadf-dl3" (one row with arrays
        ``column_prefix``_LO and _HI), "gadf" (columns named by AXCOLS{idx + 1}), "gadf-sed-energy" (e_min and e_max,
        or e_ref).
    idx
        Number of the axis in the "gadf" format, from 0.
    column_prefix
        Prefix of the columns in the "gadf-dl3" format, such as "ENERG" or "THETA".

    Raises
    ------
    DataFormatError
        If a column or header keyword is missing.
    ValueError
        If the format is unknown.

    Examples
    --------
    >>> axis_from_table(Table({"E_MIN": [1.0, 2.0], "E_MAX": [2.0, 4.0]})).edges
    <Quantity [1., 2., 4.] keV>
    """
    if format in ("ogip", "ogip-arf"):
        columns = ("E_MIN", "E_MAX") if format == "ogip" else ("ENERG_LO", "ENERG_HI")
        low, high, unit = _low_high(table, *columns, default_unit="keV")
        name = "energy" if format == "ogip" else "energy_true"
        return MapAxis(np.append(low, high[-1]), unit=unit, name=name, interp="log")
    if format == "gadf-dl3":
        return _dl3_axis(table, column_prefix)
    if format == "gadf":
        return _gadf_axis(table, idx)
    if format == "gadf-sed-energy":
        if "e_min" in table.colnames and "e_max" in table.colnames:
            low, high, unit = _low_high(table, "e_min", "e_max", "TeV")
            return MapAxis(np.append(np.unique(low), high.max()), unit=unit, name="energy", interp="log")
        center, unit = _column(table, "e_ref", "TeV")
        return MapAxis(np.unique(center), unit=unit, name="energy", interp="log", node_type="center")
    raise ValueError(f"unknown axis format {format!r}: expected ogip, ogip-arf, gadf, gadf-dl3 or gadf-sed-energy")


def _dl3_axis(table: Table, prefix: str) -> MapAxis:
    interp: Any
    name, interp, default_unit = DL3_AXES[prefix]
    if prefix == "ENERG" and table.meta.get("HDUCLAS2") in ("BKG", "RAD_MAX"):
        name = "energy"
    low, high, unit = _low_high(table, f"{prefix}_LO", f"{prefix}_HI", default_unit)
    low, high = np.ravel(low[0]), np.ravel(high[0])
    if np.allclose(low, high, atol=0):
        return MapAxis(high, unit=unit, name=name, interp=interp, node_type="center")
    return MapAxis(np.append(low, high[-1]), unit=unit, name=name, interp=interp)


def _gadf_axis(table: Table, idx: int) -> MapAxis:
    key = f"AXCOLS{idx + 1}"
    if key not in table.meta:
        raise DataFormatError(f"no keyword {key!r} in the header of the bands table")
    columns = table.meta[key].split(",")
    name = "energy" if columns[0] == "E_MIN" else columns[0].replace("_MIN", "").lower()
    name = "rad" if name == "theta" else name
    interp: Any = table.meta.get(f"INTERP{idx + 1}", "lin")
    values, unit = _column(table, columns[0])
    if len(columns) == 1:
        return MapAxis(np.unique(values), unit=unit, name=name, interp=interp, node_type="center")
    high, _ = _column(table, columns[1])
    return MapAxis(np.append(np.unique(values), high.max()), unit=unit, name=name, interp=interp)


def _any_gadf_axis(table: Table, idx: int) -> Any:
    columns = table.meta[f"AXCOLS{idx + 1}"].split(",")
    if len(columns) == 1 and columns[0] in table.colnames and table[columns[0]].dtype.kind in "SU":
        from gjax.maps.label_axis import LabelMapAxis

        values = [value.decode() if isinstance(value, bytes) else str(value) for value in table[columns[0]]]
        # In the order in which they appear.
        return LabelMapAxis(list(dict.fromkeys(values)), name=columns[0].lower())
    if columns[0].startswith("TIME") and len(columns) == 2 and "MJDREFI" in table.meta:
        from gjax.maps.time_axis import TimeMapAxis

        return TimeMapAxis.from_table(table, idx)
    return axis_from_table(table, "gadf", idx)


def axis_to_table(axis: MapAxis, format: str = "ogip") -> Table:
    """Table of one axis.

    Parameters
    ----------
    axis
        The axis.
    format
        "ogip" (CHANNEL, E_MIN, E_MAX), "ogip-arf" (ENERG_LO, ENERG_HI), each with "-sherpa" for keV;
        "gadf-dl3"; "gadf-sed".

    Examples
    --------
    >>> axis_to_table(MapAxis([1, 2, 3], name="energy", unit="TeV")).colnames
    ['CHANNEL', 'E_MIN', 'E_MAX']
    """
    edges = axis.edges.to("keV") if format.endswith("-sherpa") else axis.edges
    base = format.removesuffix("-sherpa")
    if base == "ogip":
        return Table({"CHANNEL": np.arange(axis.nbin, dtype=np.int16), "E_MIN": edges[:-1], "E_MAX": edges[1:]})
    if base == "ogip-arf":
        return Table({"ENERG_LO": edges[:-1], "ENERG_HI": edges[1:]})
    if base == "gadf-sed":
        return Table({"e_ref": axis.center, "e_min": axis.edges_min, "e_max": axis.edges_max})
    if base == "gadf-dl3":
        names = {"energy": "ENERG", **{name: prefix for prefix, (name, _, _) in DL3_AXES.items() if prefix != "ETRUE"}}
        prefix = names[axis.name]
        low, high = (edges[:-1], edges[1:]) if axis.node_type == "edges" else (axis.center, axis.center)
        return Table({f"{prefix}_LO": low[np.newaxis], f"{prefix}_HI": high[np.newaxis]})
    raise ValueError(f"unknown axis format {format!r}: expected ogip, ogip-arf (or with -sherpa), gadf-dl3 or gadf-sed")


def axes_from_table(table: Table, format: str = "gadf") -> list[MapAxis]:
    """All axes of a table in one of the formats "gadf", "gadf-dl3", "ogip", "ogip-arf".

    Parameters
    ----------
    table
        Table with the header in ``meta``.
    format
        Its format.

    Examples
    --------
    >>> axes_from_table(Table({"E_MIN": [1.0, 2.0], "E_MAX": [2.0, 4.0]}), "ogip")[0].name
    'energy'
    """
    if format == "gadf":
        return [_any_gadf_axis(table, idx) for idx in range(9) if f"AXCOLS{idx + 1}" in table.meta]
    if format == "gadf-dl3":
        return [axis_from_table(table, format, column_prefix=p) for p in DL3_AXES if f"{p}_LO" in table.colnames]
    return [axis_from_table(table, format)]


def axes_to_table(axes: Sequence[MapAxis], format: str = "gadf") -> Table:
    """Table of several axes; in the "gadf" format one row per bin of the (C-ordered) array of bins.

    Parameters
    ----------
    axes
        The axes, the outermost first.
    format
        "gadf", "gadf-dl3", "ogip" or "ogip-arf".

    Examples
    --------
    >>> table = axes_to_table([MapAxis([1, 2, 3], name="energy", unit="TeV")])
    >>> table.colnames, table.meta["AXCOLS1"]
    (['CHANNEL', 'ENERGY', 'E_MIN', 'E_MAX'], 'E_MIN,E_MAX')
    """
    if format == "gadf-dl3":
        merged = Table()
        for axis in axes:
            for name, column in axis_to_table(axis, format).items():
                merged[name] = column
        return merged
    if format != "gadf":
        return axis_to_table(axes[0], format)
    # One grid for all columns; the first axis is the outermost array dimension.
    index = np.meshgrid(*[np.arange(axis.nbin) for axis in axes], indexing="ij")
    table = Table({"CHANNEL": np.arange(int(np.prod([axis.nbin for axis in axes])))})
    for i, axis in enumerate(axes):
        name = axis.name.upper()
        low, high = ("E_MIN", "E_MAX") if name == "ENERGY" else (f"{name}_MIN", f"{name}_MAX")
        bins = index[i].ravel()
        if axis.node_type == "label":
            table[name] = axis.center[bins]
            table.meta[f"AXCOLS{i + 1}"] = name
            continue
        center: Any = axis.center
        if axis.node_type == "intervals":
            from gjax.maps.time_axis import time_keywords

            center = 0.5 * (axis.edges_min + axis.edges_max)
            table.meta.update(time_keywords(axis))  # type: ignore[arg-type]
        table[name], table[low], table[high] = center[bins], axis.edges_min[bins], axis.edges_max[bins]
        table.meta[f"AXCOLS{i + 1}"] = name if axis.node_type == "center" else f"{low},{high}"
        table.meta[f"INTERP{i + 1}"] = axis.interp
    return table


def group_table(axis: MapAxis, edges: Any) -> Table:
    """Assign bins to coarser bins; see `MapAxis.group_table`.

    Parameters
    ----------
    axis
        Axis made of edges.
    edges
        Edges of the coarser bins.

    Examples
    --------
    >>> group_table(MapAxis([1, 2, 3], name="energy", unit="TeV"), [1, 3] * u.TeV)["idx_max"].tolist()
    [1]
    """
    if axis.node_type != "edges":
        raise ValueError(f"axis {axis.name!r}: only axes made of edges can be grouped")
    pix = np.clip(axis.coord_to_pix(edges) + 0.5, 0, axis.nbin)
    cuts = np.unique(np.round(pix).astype(int))
    if len(cuts) < 2:
        raise ValueError(f"axis {axis.name!r}: no overlap with the edges {edges}")
    limits, types = list(cuts), ["normal"] * (len(cuts) - 1)
    if cuts[0] > 0:
        limits, types = [0, *limits], ["underflow", *types]
    if cuts[-1] < axis.nbin:
        limits, types = [*limits, axis.nbin], [*types, "overflow"]
    index = np.array(limits)
    table = Table()
    table["group_idx"] = np.arange(len(types))
    table[f"{axis.name}_min"] = axis.edges[index[:-1]]
    table[f"{axis.name}_max"] = axis.edges[index[1:]]
    table["idx_min"], table["idx_max"] = index[:-1], index[1:] - 1
    table["bin_type"] = types
    return table

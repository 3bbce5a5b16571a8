"""One axis of a map: bins with edges, centres, an interpolation scale, a name and a unit."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import astropy.units as u
import numpy as np
from astropy.table import Table

from gjax.errors import UnitError
from gjax.maps.axis_units import as_quantity, check_energy, energy_name
from gjax.maps.scales import SCALES, interpolate

__all__ = ["MapAxis"]


class MapAxis:
    """An immutable axis of contiguous bins.

    Parameters
    ----------
    nodes
        Strictly increasing array, Quantity or list of strings ("1 TeV"): bin edges, or bin centres.
    interp
        Scale in which bins are equidistant or interpolated: "lin", "log" or "sqrt".
    node_type
        "edges" (nbin + 1 nodes) or "center" (nbin nodes; edges lie half-way in the scale ``interp``).
    name
        Name of the axis, such as "energy", "energy_true", "offset".
    unit
        Unit of the nodes; a Quantity is converted to it.

    Raises
    ------
    ValueError
        If nodes are not one-dimensional, finite and strictly increasing, or not positive on a log axis.
    UnitError
        If a Quantity cannot be converted to ``unit``.

    Examples
    --------
    >>> axis = MapAxis([1, 10, 100], interp="log", name="energy", unit="TeV")
    >>> axis.nbin, axis.center
    (2, <Quantity [ 3.16227766, 31.6227766 ] TeV>)
    """

    def __init__(
        self,
        nodes: Any,
        *,
        interp: Literal["lin", "log", "sqrt"] = "lin",
        node_type: Literal["edges", "center"] = "edges",
        name: str = "",
        unit: str | u.UnitBase = "",
    ) -> None:
        if interp not in SCALES:
            raise ValueError(f"axis {name!r}: interp is {interp!r}, expected one of {', '.join(SCALES)}")
        if node_type not in ("edges", "center"):
            raise ValueError(f"axis {name!r}: node_type is {node_type!r}, expected 'edges' or 'center'")
        quantity = as_quantity(nodes, unit, name)
        values = np.array(quantity.value, dtype=float, ndmin=1)
        if values.ndim != 1 or len(values) < (2 if node_type == "edges" else 1):
            raise ValueError(f"axis {name!r}: expected one-dimensional nodes, at least two edges or one centre")
        if not np.all(np.isfinite(values)) or np.any(np.diff(values) <= 0):
            raise ValueError(f"axis {name!r}: nodes must be finite and strictly increasing, got {values}")
        if interp == "log" and values[0] <= 0:
            raise ValueError(f"axis {name!r}: a log axis needs positive nodes, got {values[0]}")
        self._name, self._unit, self._interp, self._node_type = str(name), quantity.unit, interp, node_type
        self._nodes = values
        self._nbin = len(values) - (node_type == "edges")
        scale, inverse = SCALES[interp]
        scaled = scale(values)
        if node_type == "edges":
            self._edges, self._center = values, inverse(0.5 * (scaled[1:] + scaled[:-1]))
        else:
            if self._nbin == 1:
                outer = scaled[0] + np.array([-0.5, 0.5])
            else:
                outer = interpolate(np.arange(self._nbin + 1) - 0.5, np.arange(self._nbin, dtype=float), scaled)
            self._edges, self._center = inverse(outer), values
        self._edges.setflags(write=False)
        self._center.setflags(write=False)

    @property
    def name(self) -> str:
        """Name of the axis."""
        return self._name

    @property
    def unit(self) -> u.UnitBase:
        """Unit of edges and centres."""
        return self._unit

    @property
    def interp(self) -> str:
        """Interpolation scale: "lin", "log" or "sqrt"."""
        return self._interp

    @property
    def node_type(self) -> str:
        """What the axis was built from: "edges" or "center"."""
        return self._node_type

    @property
    def nbin(self) -> int:
        """Number of bins."""
        return self._nbin

    @cached_property
    def edges(self) -> u.Quantity:
        """Bin edges (nbin + 1)."""
        return u.Quantity(self._edges, self._unit, copy=False)

    @cached_property
    def center(self) -> u.Quantity:
        """Bin centres (nbin); the geometric mean of the edges on a log axis."""
        return u.Quantity(self._center, self._unit, copy=False)

    @property
    def edges_min(self) -> u.Quantity:
        """Lower edges (nbin)."""
        return self.edges[:-1]

    @property
    def edges_max(self) -> u.Quantity:
        """Upper edges (nbin)."""
        return self.edges[1:]

    @property
    def bin_width(self) -> u.Quantity:
        """Upper minus lower edges (nbin)."""
        return self.edges[1:] - self.edges[:-1]

    @property
    def bounds(self) -> u.Quantity:
        """First and last edge (2)."""
        return self.edges[[0, -1]]

    @property
    def is_energy_axis(self) -> bool:
        """Whether the axis is named "energy" or "energy_true"."""
        return self._name in ("energy", "energy_true")

    @property
    def nbin_per_decade(self) -> float:
        """Bins per factor of ten (log axes only)."""
        if self._interp != "log":
            raise ValueError(f"axis {self._name!r}: bins per decade exist on log axes only, this one is {self._interp}")
        return float(self._nbin / np.log10(self._nodes[-1] / self._nodes[0]))

    # ---- constructors ----

    @classmethod
    def from_edges(cls, edges: Any, unit: Any = "", name: str = "", interp: Any = "lin") -> MapAxis:
        """Axis from bin edges.

        Parameters
        ----------
        edges
            Bin edges, strictly increasing.
        unit, name, interp
            See the class.

        Examples
        --------
        >>> MapAxis.from_edges([0, 1, 3], unit="deg", name="offset").bin_width
        <Quantity [1., 2.] deg>
        """
        return cls(edges, unit=unit, name=name, interp=interp)

    @classmethod
    def from_nodes(cls, nodes: Any, unit: Any = "", name: str = "", interp: Any = "lin") -> MapAxis:
        """Axis from bin centres.

        Parameters
        ----------
        nodes
            Bin centres, strictly increasing.
        unit, name, interp
            See the class.

        Examples
        --------
        >>> MapAxis.from_nodes([0, 1, 2], name="offset", unit="deg").edges
        <Quantity [-0.5,  0.5,  1.5,  2.5] deg>
        """
        return cls(nodes, unit=unit, name=name, interp=interp, node_type="center")

    @classmethod
    def from_energy_edges(
        cls, energy_edges: Any, unit: Any = None, name: str | None = None, interp: Any = "log"
    ) -> MapAxis:
        """Energy axis from bin edges (Quantity, or list of strings); log scale by default.

        Parameters
        ----------
        energy_edges
            Bin edges: Quantity, list of strings, or numbers together with ``unit``.
        unit
            Unit of the axis; by default that of the edges.
        name
            "energy" (default) or "energy_true".
        interp
            Scale.

        Examples
        --------
        >>> MapAxis.from_energy_edges([1, 10] * u.TeV).center
        <Quantity [3.16227766] TeV>
        """
        name = energy_name(name)
        edges = as_quantity(energy_edges, unit or "", name)
        check_energy(edges.unit, name)
        return cls(edges, name=name, interp=interp)

    @classmethod
    def from_energy_bounds(
        cls,
        energy_min: Any,
        energy_max: Any,
        nbin: int,
        unit: Any = None,
        per_decade: bool = False,
        name: str | None = None,
        node_type: Any = "edges",
    ) -> MapAxis:
        """Logarithmic energy axis between two energies.

        Parameters
        ----------
        energy_min, energy_max
            First and last node: Quantity, string such as "0.1 TeV", or number together with ``unit``.
        nbin
            Number of bins, or of bins per decade.
        unit
            Unit of the axis; by default that of ``energy_max``.
        per_decade
            Take ``nbin`` per decade, rounded up so that the axis ends at ``energy_max``.
        name
            "energy" (default) or "energy_true".
        node_type
            Whether the bounds are edges or centres.

        Examples
        --------
        >>> MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True).nbin
        27
        """
        name = energy_name(name)
        low, high = as_quantity(energy_min, unit or "", name), as_quantity(energy_max, unit or "", name)
        check_energy(low.unit, name)
        check_energy(high.unit, name)
        low = low.to(high.unit)
        if per_decade:
            nbin = int(np.ceil(np.log10(high.value / low.value) * nbin - 1e-9))
        return cls.from_bounds(low.value, high.value, nbin, "log", high.unit, name, node_type=node_type)

    @classmethod
    def from_bounds(
        cls,
        lo_bnd: Any,
        hi_bnd: Any,
        nbin: int,
        interp: Any = "lin",
        unit: Any = "",
        name: str = "",
        *,
        node_type: Any = "edges",
    ) -> MapAxis:
        """Axis of ``nbin`` equal bins (in the scale ``interp``) between two bounds.

        Parameters
        ----------
        lo_bnd, hi_bnd
            First and last node.
        nbin
            Number of bins.
        interp, unit, name
            See the class.
        node_type
            Whether the bounds are edges or centres.

        Examples
        --------
        >>> MapAxis.from_bounds(0, 2, 4, unit="deg", name="offset").edges
        <Quantity [0. , 0.5, 1. , 1.5, 2. ] deg>
        """
        if interp not in SCALES:
            raise ValueError(f"axis {name!r}: interp is {interp!r}, expected one of {', '.join(SCALES)}")
        if int(nbin) < 1:
            raise ValueError(f"axis {name!r}: needs at least one bin, got nbin={nbin}")
        low, high = as_quantity(lo_bnd, unit, name), as_quantity(hi_bnd, unit, name)
        low = low.to(high.unit)
        number = int(nbin) + (node_type == "edges")
        if interp == "log":
            if low.value <= 0 or high.value <= 0:
                raise ValueError(f"axis {name!r}: a log axis needs positive bounds, got {low} and {high}")
            nodes = np.geomspace(low.value, high.value, number)
        else:
            scale, inverse = SCALES[interp]
            nodes = inverse(np.linspace(scale(low.value), scale(high.value), number))
        return cls(nodes, interp=interp, node_type=node_type, name=name, unit=high.unit)

    @classmethod
    def from_table(cls, table: Table, format: str = "ogip", idx: int = 0, column_prefix: str = "") -> MapAxis:
        """Axis from a table in one of the formats of `axis_from_table`.

        Parameters
        ----------
        table
            Table with the header in ``meta``.
        format
            "ogip", "ogip-arf", "gadf", "gadf-dl3" or "gadf-sed-energy".
        idx
            Number of the axis in the "gadf" format, from 0.
        column_prefix
            Prefix of the columns in the "gadf-dl3" format.
        """
        from gjax.maps.axis_tables import axis_from_table

        return axis_from_table(table, format, idx, column_prefix)

    def to_table(self, format: str = "ogip") -> Table:
        """Table of the axis in one of the formats of `axis_to_table`."""
        from gjax.maps.axis_tables import axis_to_table

        return axis_to_table(self, format)

    # ---- coordinates ----

    def _values(self, coord: Any) -> np.ndarray:
        if isinstance(coord, u.Quantity):
            try:
                return np.asarray(coord.to_value(self._unit), dtype=float)
            except u.UnitConversionError as error:
                raise UnitError(
                    f"axis {self._name!r} is in {str(self._unit)!r}, got coordinates in {str(coord.unit)!r}"
                ) from error
        return np.asarray(coord, dtype=float)

    def coord_to_idx(self, coord: Any, clip: bool = False) -> np.ndarray:
        """Bin number of each coordinate: bins are closed below and open above.

        Parameters
        ----------
        coord
            Array or Quantity; plain numbers are in the unit of the axis.
        clip
            Put coordinates outside into the first or last bin instead of giving -1 (NaN stays -1).

        Examples
        --------
        >>> MapAxis([0, 1, 2]).coord_to_idx([-1, 0.5, 1, 2, float("nan")])
        array([-1,  0,  1, -1, -1])
        """
        values = np.atleast_1d(self._values(coord))
        idx = np.searchsorted(self._edges, values, side="right") - 1
        idx = np.clip(idx, 0, self._nbin - 1) if clip else np.where(idx >= self._nbin, -1, idx)
        idx[np.isnan(values)] = -1
        return idx

    def coord_to_pix(self, coord: Any) -> np.ndarray:
        """Continuous bin coordinate: bin centres are the integers, edges lie at i - 0.5; extrapolates."""
        scale = SCALES[self._interp][0]
        values = scale(np.atleast_1d(self._values(coord)))
        nodes = scale(self._edges)
        return interpolate(values, nodes, np.arange(self._nbin + 1) - 0.5)

    def pix_to_coord(self, pix: Any) -> u.Quantity:
        """Coordinate of a continuous bin coordinate, the inverse of `coord_to_pix`."""
        scale, inverse = SCALES[self._interp]
        pix = np.asarray(pix, dtype=float)
        values = inverse(interpolate(pix, np.arange(self._nbin + 1) - 0.5, scale(self._edges)))
        return u.Quantity(np.asarray(values), self._unit, copy=False)

    # ---- derived axes ----

    def copy(self, **changes: Any) -> MapAxis:
        """Return the axis with some of ``nodes, interp, node_type, name, unit`` changed."""
        arguments: dict[str, Any] = {"nodes": self._nodes, "interp": self._interp, "node_type": self._node_type}
        return MapAxis(**{**arguments, "name": self._name, "unit": self._unit, **changes})

    def rename(self, new_name: str) -> MapAxis:
        """Return the axis under another name."""
        return self.copy(name=new_name)

    def to_unit(self, unit: Any) -> MapAxis:
        """Return the axis in another unit."""
        return self.copy(nodes=u.Quantity(self._nodes, self._unit), unit=unit)

    def upsample(self, factor: int) -> MapAxis:
        """Split every bin (every interval between centres) into ``factor`` parts.

        Examples
        --------
        >>> MapAxis([0, 2, 4]).upsample(2).edges
        <Quantity [0., 1., 2., 3., 4.]>
        """
        scale, inverse = SCALES[self._interp]
        old = np.arange(len(self._nodes), dtype=float)
        nodes = inverse(np.interp(np.arange((len(old) - 1) * int(factor) + 1) / int(factor), old, scale(self._nodes)))
        nodes[:: int(factor)] = self._nodes
        return self.copy(nodes=nodes)

    def downsample(self, factor: int, strict: bool = True) -> MapAxis:
        """Merge groups of ``factor`` bins.

        Parameters
        ----------
        factor
            Number of bins to merge.
        strict
            Refuse a number of bins that is not a multiple.

        Raises
        ------
        ValueError
            If the number of bins is not a multiple of ``factor``; with ``strict=False`` the last bin takes the rest.
        """
        nodes = self._nodes[:: int(factor)]
        if nodes[-1] != self._nodes[-1]:
            if strict:
                raise ValueError(f"axis {self._name!r}: {self._nbin} bins cannot be grouped by {factor}")
            nodes = np.append(nodes, self._nodes[-1])
        return self.copy(nodes=nodes)

    def slice(self, idx: slice) -> MapAxis:
        """Return the contiguous bins selected by a slice.

        Examples
        --------
        >>> MapAxis([0, 1, 2, 3]).slice(slice(1, 3)).edges
        <Quantity [1., 2., 3.]>
        """
        start, stop, step = idx.indices(self._nbin)
        if step != 1 or stop <= start:
            raise ValueError(
                f"axis {self._name!r}: the slice {idx} does not select contiguous bins out of {self._nbin}"
            )
        return self.copy(nodes=self._nodes[start : stop + (self._node_type == "edges")])

    def squash(self) -> MapAxis:
        """Return one bin from the first to the last edge."""
        return self.copy(nodes=self._edges[[0, -1]], node_type="edges")

    def group_table(self, edges: Any) -> Table:
        """Assign the bins to coarser bins, whose edges are rounded to the nearest edge of this axis.

        Parameters
        ----------
        edges
            Edges of the coarser bins.

        Returns
        -------
        table
            One row per group: ``group_idx``, ``{name}_min``, ``{name}_max``, ``idx_min``, ``idx_max`` (inclusive) and
            ``bin_type`` ("normal", or "underflow"/"overflow" for the bins outside ``edges``).

        Raises
        ------
        ValueError
            If the axis is made of centres, or nothing overlaps.

        Examples
        --------
        >>> MapAxis([0, 1, 2, 3, 4], name="x").group_table([1, 3])["bin_type"].tolist()
        ['underflow', 'normal', 'overflow']
        """
        from gjax.maps.axis_tables import group_table

        return group_table(self, edges)

    # ---- comparison and display ----

    def is_allclose(self, other: MapAxis, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
        """Whether the other axis has the same name, scale, kind of nodes and (converted) edges.

        Parameters
        ----------
        other
            Other axis, in any unit.
        rtol, atol
            Tolerances of the edges, ``atol`` in the unit of this axis.
        """
        if not isinstance(other, MapAxis):
            raise TypeError(f"cannot compare a MapAxis with a {type(other).__name__}")
        if (self._name, self._interp, self._node_type, self._nbin) != (
            other.name,
            other.interp,
            other.node_type,
            other.nbin,
        ):
            return False
        if self._unit == other.unit:
            edges = other._edges
        elif self._unit.is_equivalent(other.unit):
            edges = other.edges.to_value(self._unit)
        else:
            return False
        return bool(np.allclose(self._edges, edges, rtol=rtol, atol=atol))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, MapAxis) and self.is_allclose(
            other, rtol=1e-6, atol=float(1e-6 * np.abs(self._edges).min())
        )

    def __hash__(self) -> int:
        return hash((self._name, self._interp, self._node_type, self._nbin))

    def __repr__(self) -> str:
        low, high = self._edges[0], self._edges[-1]
        return (
            f"MapAxis(name={self._name!r}, nbin={self._nbin}, edges={low:.4g} to {high:.4g} {self._unit}, "
            f"interp={self._interp!r}, node_type={self._node_type!r})"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"

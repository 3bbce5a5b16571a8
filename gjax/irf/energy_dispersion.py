"""Energy dispersion: probability density of the migration, reconstructed over true energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gjax.irf.edisp_kernel import EDispKernel
from gjax.irf.evaluation import coordinate_value
from gjax.irf.interpolation import scaled
from gjax.irf.response import AbstractResponse
from gjax.maps.axis import MapAxis

__all__ = ["EnergyDispersion2D", "migration_to_kernel"]


def migration_to_kernel(
    density: np.ndarray,
    migra_edges: np.ndarray,
    energy_true: np.ndarray,
    energy_edges: np.ndarray,
    *,
    interp: str = "lin",
    threshold: float = 1e-8,
) -> np.ndarray:
    """Probability of each reconstructed energy bin from the density of the migration.

    The density is normalised and cumulated over migra; the cumulative is interpolated at (reconstructed edge / true
    energy) and differenced. What lies outside the reconstructed edges is missing, and not renormalised. Rows without
    any density stay zero.

    Parameters
    ----------
    density
        Density of the migration, shape (true energies, migra bins).
    migra_edges
        Edges of the migra bins.
    energy_true
        True energies, in the unit of ``energy_edges``.
    energy_edges
        Edges of the reconstructed energy bins.
    interp
        Scale of the migra axis.
    threshold
        Smaller probabilities are set to zero.

    Examples
    --------
    >>> migration_to_kernel(np.array([[1.0, 1.0]]), np.array([0.5, 1, 1.5]), np.array([1.0]), np.array([0.5, 0.75, 2]))
    array([[0.25, 0.75]])
    """
    cumulative = np.zeros((density.shape[0], density.shape[1] + 1))
    np.cumsum(density * np.diff(migra_edges), axis=1, out=cumulative[:, 1:])
    total = cumulative.max(axis=1, keepdims=True)
    cumulative = np.divide(cumulative, total, out=np.zeros_like(cumulative), where=total > 0)
    migra = np.clip(energy_edges / energy_true[:, np.newaxis], migra_edges[0], migra_edges[-1])
    low = np.clip(np.searchsorted(migra_edges, migra, side="right") - 1, 0, len(migra_edges) - 2)
    nodes = scaled(migra_edges, interp)
    weight = (scaled(migra, interp) - nodes[low]) / (nodes[low + 1] - nodes[low])
    below, above = np.take_along_axis(cumulative, low, 1), np.take_along_axis(cumulative, low + 1, 1)
    kernel = np.maximum(np.diff(below + weight * (above - below), axis=1), 0.0)
    kernel[kernel < threshold] = 0.0
    return kernel


class EnergyDispersion2D(AbstractResponse):
    """Density of the migration on the axes ``energy_true, migra, offset`` (GADF EDISP_2D).

    See `AbstractResponse` for arguments. Zero outside the offset axis, and where both energy and migra are outside
    theirs; with only the energy outside, the table is extrapolated.

    Examples
    --------
    >>> true = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", 4, name="energy_true")
    >>> migra = MapAxis.from_bounds(0.2, 5, 480, name="migra")
    >>> offset = MapAxis([0, 2], name="offset", unit="deg")
    >>> edisp = EnergyDispersion2D.from_gauss(true, migra, offset, bias=0.0, sigma=0.1)
    >>> kernel = edisp.to_edisp_kernel("0.5 deg", energy_axis=MapAxis.from_energy_bounds("0.01 TeV", "100 TeV", 8))
    >>> kernel.pdf_matrix.sum(axis=1).round(3)
    array([1., 1., 1., 1.])
    """

    tag: ClassVar[str] = "edisp_2d"
    required_axes: ClassVar[tuple[str, ...]] = ("energy_true", "migra", "offset")
    extname: ClassVar[str] = "ENERGY DISPERSION"
    hduclas2: ClassVar[str] = "EDISP"
    columns: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("MATRIX", "")}

    def _beyond(self, out: list[Any]) -> Any:
        energy, migra, offset = out
        return (energy & migra) | offset

    @classmethod
    def from_gauss(
        cls,
        energy_axis_true: MapAxis,
        migra_axis: MapAxis,
        offset_axis: MapAxis,
        bias: Any,
        sigma: Any,
        pdf_threshold: float = 1e-6,
    ) -> EnergyDispersion2D:
        r"""Gaussian migration, the same at all offsets.

        The density in each bin is the integral of a Gaussian with mean :math:`1 + \\mathrm{bias}` and width
        :math:`\\sigma`, divided by the bin width.

        Parameters
        ----------
        energy_axis_true, migra_axis, offset_axis
            Axes.
        bias, sigma
            Numbers, or one per bin of true energy: bias and width of (reconstructed / true energy).
        pdf_threshold
            Smaller densities are set to zero.

        Raises
        ------
        ValueError
            If ``sigma`` is not positive.
        """
        from scipy.special import ndtr

        bias = np.broadcast_to(np.asarray(bias, dtype=float), (energy_axis_true.nbin,))[:, np.newaxis]
        sigma = np.broadcast_to(np.asarray(sigma, dtype=float), (energy_axis_true.nbin,))[:, np.newaxis]
        if not np.all(sigma > 0):
            raise ValueError(f"sigma must be positive, got {sigma.min()}")
        edges = migra_axis.edges.value
        density = np.diff(ndtr((edges - 1.0 - bias) / sigma), axis=1) / np.diff(edges)
        density[density < pdf_threshold] = 0.0
        data = np.repeat(density[:, :, np.newaxis], offset_axis.nbin, axis=2)
        return cls([energy_axis_true, migra_axis, offset_axis], data)

    def normalize(self) -> EnergyDispersion2D:
        """Return the dispersion with the integral over migra set to 1 (rows without any density stay zero)."""
        self.check_finite()
        width = np.diff(self.axes["migra"].edges.value)[:, np.newaxis]
        total = (self.data * width).sum(axis=1, keepdims=True)
        return self.copy(data=np.divide(self.data, total, out=np.zeros_like(self.data), where=total > 0))

    def to_edisp_kernel(
        self,
        offset: Any,
        energy_axis_true: MapAxis | None = None,
        energy_axis: MapAxis | None = None,
        threshold: float = 1e-8,
        *,
        energy_true: MapAxis | None = None,
        energy: MapAxis | None = None,
    ) -> EDispKernel:
        """Matrix from true to reconstructed energy bins at one offset (see `migration_to_kernel`).

        Parameters
        ----------
        offset
            Offset, one Quantity or string.
        energy_axis_true, energy_true
            True energies, an axis or edges; the density is taken at the centres. By default that of the response.
        energy_axis, energy
            Reconstructed energies, an axis or edges. By default the true energy axis of the response.
        threshold
            Smaller probabilities are set to zero.

        Raises
        ------
        DataFormatError
            If the response holds NaN or infinite values.
        ValueError
            If ``offset`` is not a single value.
        """
        given_true = energy_axis_true if energy_axis_true is not None else energy_true
        given_reco = energy_axis if energy_axis is not None else energy
        true = _as_axis(self.axes["energy_true"] if given_true is None else given_true, "energy_true")
        reco = _as_axis(self.axes["energy_true"] if given_reco is None else given_reco, "energy")
        angle = coordinate_value("offset", offset, self.axes["offset"].unit)
        if angle.size != 1:
            raise ValueError(f"an energy dispersion kernel needs one offset, got {angle.size}")
        migra = self.axes["migra"]
        density = self.evaluate(
            energy_true=true.center[:, np.newaxis],
            migra=migra.center,
            offset=angle.reshape(1, 1) * self.axes["offset"].unit,
        ).to_value("")
        edges = reco.edges.to_value(true.unit)
        matrix = migration_to_kernel(
            density, migra.edges.value, true.center.value, edges, interp=migra.interp, threshold=threshold
        )
        return EDispKernel([true, reco], matrix, source=self.source)

    def peek(self, figure: Any = None, *, offset: Any = None) -> Any:
        """Plot migration, bias and matrix at an offset in one figure (a new one if None) and return it."""
        from gjax.plot import peek_energy_dispersion

        return peek_energy_dispersion(self, offset=offset, figure=figure)


def _as_axis(axis: Any, name: str) -> MapAxis:
    if isinstance(axis, MapAxis):
        return axis if axis.name == name else axis.copy(name=name)
    return MapAxis.from_energy_edges(axis, name=name)

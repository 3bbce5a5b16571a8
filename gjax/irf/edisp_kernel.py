"""Matrix of probabilities from true to reconstructed energy bins."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, replace
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gjax.fits import open_fits, write_fits
from gjax.maps.axes import MapAxes
from gjax.maps.axis import MapAxis

__all__ = ["EDispKernel"]


@dataclass(frozen=True, eq=False, repr=False)
class EDispKernel:
    """Probability to reconstruct a true energy (rows) in a bin of reconstructed energy (columns).

    Parameters
    ----------
    axes
        The axes ``energy_true`` and ``energy``.
    data
        Matrix (true energy bins, reconstructed energy bins); a number fills it.
    meta
        Keywords.
    source
        Where it was read from, for error messages.

    Raises
    ------
    ValueError
        If axes or shape are wrong.

    Examples
    --------
    >>> energy = MapAxis.from_energy_edges([1, 2, 4] * u.TeV)
    >>> kernel = EDispKernel.from_diagonal_response(energy.copy(name="energy_true"), energy)
    >>> kernel.pdf_matrix
    array([[1., 0.],
           [0., 1.]])
    """

    axes: Any
    data: Any = 0.0
    meta: Any = None
    source: str = ""

    def __post_init__(self) -> None:
        axes = MapAxes(list(self.axes))
        if axes.names != ["energy_true", "energy"]:
            raise ValueError(f"EDispKernel needs the axes ['energy_true', 'energy'], got {axes.names}")
        data = self.data.to_value("") if isinstance(self.data, u.Quantity) else self.data
        matrix = np.asarray(data, dtype=float)
        if matrix.ndim and matrix.shape != axes.shape:
            raise ValueError(f"{self.source or 'EDispKernel'}: the matrix is {matrix.shape}, expected {axes.shape}")
        matrix = np.array(np.broadcast_to(matrix, axes.shape))
        matrix.setflags(write=False)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "data", matrix)
        object.__setattr__(self, "meta", dict(self.meta or {}))

    @property
    def pdf_matrix(self) -> np.ndarray:
        """The matrix (true energy bins, reconstructed energy bins)."""
        return self.data

    @property
    def unit(self) -> u.UnitBase:
        """Dimensionless."""
        return u.dimensionless_unscaled

    @property
    def quantity(self) -> u.Quantity:
        """The matrix as a Quantity."""
        return u.Quantity(self.data)

    # ---- constructors ----

    @classmethod
    def from_gauss(
        cls, energy_axis_true: MapAxis, energy_axis: MapAxis, sigma: Any, bias: Any, pdf_threshold: float = 1e-6
    ) -> EDispKernel:
        """Gaussian migration (reconstructed / true energy), sampled in 200 bins between 1/3 and 3.

        Parameters
        ----------
        energy_axis_true, energy_axis
            Axes.
        sigma, bias
            Numbers, or one per bin of true energy.
        pdf_threshold
            Smaller densities are set to zero.

        Examples
        --------
        >>> energy = MapAxis.from_energy_edges([1, 10, 100] * u.TeV)
        >>> EDispKernel.from_gauss(energy.copy(name="energy_true"), energy, sigma=0.1, bias=0).pdf_matrix.round(3)
        array([[1., 0.],
               [0., 1.]])
        """
        from gjax.irf.energy_dispersion import EnergyDispersion2D

        migra = MapAxis.from_bounds(1.0 / 3, 3, nbin=200, name="migra")
        offset = MapAxis.from_edges([0.0, 1.0], unit="deg", name="offset")
        edisp = EnergyDispersion2D.from_gauss(energy_axis_true, migra, offset, bias, sigma, pdf_threshold)
        return edisp.to_edisp_kernel(0.5 * u.deg, energy_axis_true, energy_axis)

    @classmethod
    def from_diagonal_response(cls, energy_axis_true: MapAxis, energy_axis: MapAxis | None = None) -> EDispKernel:
        """Perfect reconstruction: each true energy bin is shared by its overlap with the reconstructed bins."""
        reco = energy_axis_true.copy(name="energy") if energy_axis is None else energy_axis
        true_edges = energy_axis_true.edges.to_value(reco.unit)[:, np.newaxis]
        low, high = reco.edges.value[:-1], reco.edges.value[1:]
        overlap = np.minimum(high, true_edges[1:]) - np.maximum(low, true_edges[:-1])
        return cls([energy_axis_true, reco], np.maximum(overlap, 0.0) / np.diff(true_edges, axis=0))

    # ---- derived kernels ----

    def copy(self, **changes: Any) -> EDispKernel:
        """Return the kernel with some of ``axes, data, meta, source`` changed."""
        return replace(self, **changes)

    def slice_by_idx(self, slices: dict[str, slice]) -> EDispKernel:
        """Return the bins selected by slices, by axis name."""
        index = tuple(slices.get(axis.name, slice(None)) for axis in self.axes)
        return self.copy(axes=self.axes.slice_by_idx(slices), data=self.data[index])

    def resample_energy_axis(self, energy_axis: MapAxis, weights: Any = None) -> EDispKernel:
        """Add up the reconstructed bins that lie in each bin of a coarser axis.

        Parameters
        ----------
        energy_axis
            Coarser reconstructed energy axis; its edges must be edges of this one.
        weights
            Factor per reconstructed bin, such as a mask.

        Raises
        ------
        ValueError
            If an edge is not an edge of the present axis.
        """
        edges = self.axes["energy"].edges.to_value(energy_axis.unit)
        wanted = energy_axis.edges.value
        cuts = np.abs(edges[:, np.newaxis] - wanted).argmin(axis=0)
        if not np.allclose(edges[cuts], wanted, rtol=1e-6, atol=0) or np.any(np.diff(cuts) <= 0):
            raise ValueError(f"the edges {wanted} {energy_axis.unit} are not edges of the reconstructed energy axis")
        data = self.data if weights is None else self.data * np.ravel(weights)
        summed = np.add.reduceat(data[:, : cuts[-1]], cuts[:-1], axis=1)
        return self.copy(axes=[self.axes["energy_true"], energy_axis], data=summed)

    # ---- moments ----

    def get_mean(self, energy_true: Any) -> u.Quantity:
        """Mean reconstructed energy of the bin that holds each true energy; NaN for rows without probability."""
        rows = self._rows(energy_true)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = rows @ self.axes["energy"].center.value / rows.sum(axis=-1)
        return u.Quantity(mean, self.axes["energy"].unit)

    def get_bias(self, energy_true: Any) -> np.ndarray:
        """(mean reconstructed - true) / true energy, at the centre of the bin that holds each true energy."""
        center = self.axes["energy_true"].center[self._index(energy_true)]
        return ((self.get_mean(energy_true) - center) / center).to_value("")

    def get_resolution(self, energy_true: Any) -> np.ndarray:
        """Standard deviation of the reconstructed energy over the true energy at the bin centre."""
        rows, energy = self._rows(energy_true), self.axes["energy"].center
        mean = self.get_mean(energy_true).value
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (rows * (energy.value - mean[..., np.newaxis]) ** 2).sum(axis=-1) / rows.sum(axis=-1)
        center = self.axes["energy_true"].center[self._index(energy_true)].to_value(energy.unit)
        return np.sqrt(variance) / center

    def get_bias_energy(self, bias: float, energy_min: Any = None, energy_max: Any = None) -> u.Quantity:
        """Reconstructed energies at which the bias has a value.

        The bias is interpolated between the centres of bins with any probability, in logarithms of energy and (if
        positive) bias.

        Parameters
        ----------
        bias
            Value of the bias.
        energy_min, energy_max
            Range of true energy searched; by default from the peak of the bias to the last bin centre.

        Returns
        -------
        energy
            All solutions, from low to high; the lower end of the range if there is none.

        Raises
        ------
        ValueError
            If the matrix is empty.

        Examples
        --------
        >>> energy = MapAxis.from_energy_edges([1, 2, 4, 8] * u.TeV)
        >>> matrix = [[0.0, 1.0, 0.0], [0.0, 0.8, 0.2], [0.0, 0.0, 1.0]]
        >>> EDispKernel([energy.copy(name="energy_true"), energy], matrix).get_bias_energy(0.5)
        <Quantity [2.85925...] TeV>
        """
        center = self.axes["energy_true"].center
        values = self.get_bias(center)
        if np.all(np.isnan(values)):
            raise ValueError(f"{self.source or 'EDispKernel'}: the matrix is zero, its bias is undefined")
        unit = center.unit
        first = center[np.nanargmax(values)].value if energy_min is None else u.Quantity(energy_min).to_value(unit)
        last = center[-1].value if energy_max is None else u.Quantity(energy_max).to_value(unit)
        defined = ~np.isnan(values)
        energy, value, target = np.log(center.value[defined]), values[defined], float(bias)
        if target > 0:
            value, target = np.log(np.maximum(value, np.finfo(float).tiny)), np.log(target)
        low, high = value[:-1] - target, value[1:] - target
        crossing = (low * high <= 0) & (low != high)
        step = low[crossing] / (low - high)[crossing]
        found = np.unique(np.exp(energy[:-1][crossing] + step * np.diff(energy)[crossing]))
        found = found[(found >= first * (1 - 1e-9)) & (found <= last * (1 + 1e-9))]
        if found.size == 0:
            found = np.array([first])
        return u.Quantity(found, unit) * (1 + bias)

    def _index(self, energy_true: Any) -> np.ndarray:
        energy = u.Quantity(energy_true)
        return self.axes["energy_true"].coord_to_idx(energy).reshape(energy.shape)

    def _rows(self, energy_true: Any) -> np.ndarray:
        index = self._index(energy_true)
        if np.any(index < 0):
            edges = self.axes["energy_true"].bounds
            raise ValueError(f"energy {u.Quantity(energy_true)} outside the true energies {edges} of the kernel")
        return self.data[index]

    # ---- FITS ----

    @classmethod
    def from_hdulist(
        cls, hdulist: Any, hdu1: str | None = None, hdu2: str = "EBOUNDS", path: str | os.PathLike[str] = ""
    ) -> EDispKernel:
        """Read an OGIP response matrix from HDUs (see `gjax.irf.rmf`)."""
        from gjax.irf.rmf import kernel_from_hdulist

        return kernel_from_hdulist(hdulist, hdu1, hdu2, path)

    @classmethod
    def read(cls, filename: str | os.PathLike[str], hdu1: str | None = None, hdu2: str = "EBOUNDS") -> EDispKernel:
        """Read an OGIP RMF file.

        Raises
        ------
        MissingDataError
            If file or HDU do not exist.
        DataFormatError
            If columns or channels are inconsistent.
        """
        with open_fits(filename) as hdulist:
            return cls.from_hdulist(hdulist, hdu1, hdu2, filename)

    def to_hdulist(self, format: str = "ogip") -> fits.HDUList:
        """Make an OGIP RMF; with the format "ogip-sherpa" energies are in keV."""
        from gjax.irf.rmf import kernel_to_hdulist

        return kernel_to_hdulist(self, format)

    def write(self, filename: str | os.PathLike[str], format: str = "ogip", overwrite: bool = False) -> None:
        """Write an OGIP RMF file, under a temporary name first.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        """
        write_fits(self.to_hdulist(format), filename, overwrite=overwrite)

    def plot_matrix(self, ax: Any = None) -> Any:
        """Plot the matrix; return the axes (new ones if None)."""
        from gjax.plot import plot_kernel

        return plot_kernel(self, ax=ax)

    def plot_bias(self, ax: Any = None) -> Any:
        """Plot bias and resolution against true energy; return the axes (new ones if None)."""
        from gjax.plot import plot_kernel_bias

        return plot_kernel_bias(self, ax=ax)

    def peek(self, figure: Any = None) -> Any:
        """Plot bias and matrix in one figure (a new one if None) and return it."""
        from gjax.plot import peek_kernel

        return peek_kernel(self, figure=figure)

    def __repr__(self) -> str:
        true, reco = self.axes
        ranges = [f"{axis.name}: {axis.edges[0]:.4g} to {axis.edges[-1]:.4g}" for axis in (true, reco)]
        return f"EDispKernel ({true.nbin} x {reco.nbin})\n  " + "\n  ".join(ranges)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

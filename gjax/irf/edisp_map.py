"""Energy dispersion on pixels of the sky: density of the migration, or matrix of probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gjax.irf.edisp_kernel import EDispKernel
from gjax.irf.energy_dispersion import migration_to_kernel
from gjax.irf.irf_map import AbstractReducedResponse, image_geom, map_of
from gjax.maps import MapAxis

__all__ = ["EDispKernelMap", "EDispMap"]


@dataclass(frozen=True, eq=False, repr=False)
class EDispMap(AbstractReducedResponse):
    """Density of the migration (reconstructed / true energy) on the axes ``migra, energy_true``.

    Parameters
    ----------
    edisp_map
        Map of shape (energy_true, migra, lat, lon).
    exposure_map
        Exposure on the same pixels, with one bin of migra.

    Raises
    ------
    ValueError
        If the axes are others, or the exposure does not fit.

    Examples
    --------
    >>> true = MapAxis.from_energy_edges([1, 2, 4], unit="TeV", name="energy_true")
    >>> EDispMap.from_diagonal_response(true).get_edisp_kernel(true.copy(name="energy")).pdf_matrix
    array([[1., 0.],
           [0., 1.]])
    """

    edisp_map: Any
    exposure_map: Any = None

    required_axes: ClassVar[tuple[str, ...]] = ("migra", "energy_true")
    map_name: ClassVar[str] = "edisp_map"
    hdu: ClassVar[str] = "edisp"

    @classmethod
    def from_geom(cls, geom: Any) -> EDispMap:
        """Perfect reconstruction without exposure: all density in the one or two bins around a migration of 1."""
        migra = geom.axes["migra"]
        distance = np.abs(np.arange(migra.nbin) - float(np.ravel(migra.coord_to_pix(1.0))[0]))
        density = np.clip(1.0 - distance, 0.0, None) / migra.bin_width.value
        data = np.broadcast_to(density[:, np.newaxis, np.newaxis], geom.data_shape).copy()
        return cls(map_of(geom, data), map_of(geom.squash("migra"), unit="m2 s"))

    @classmethod
    def from_diagonal_response(
        cls, energy_axis_true: MapAxis, migra_axis: MapAxis | None = None, geom: Any = None
    ) -> EDispMap:
        """Perfect reconstruction.

        Parameters
        ----------
        energy_axis_true
            True energy.
        migra_axis
            Migration; by default three bins within 1e-5 of 1.
        geom
            Image geometry; by default one bin for all the sky.
        """
        if migra_axis is None:
            migra_axis = MapAxis.from_bounds(1 - 1e-5, 1 + 1e-5, nbin=3, name="migra")
        return cls.from_geom(image_geom(geom).to_cube([migra_axis, energy_axis_true]))

    def normalize(self) -> EDispMap:
        """Return the map with the integral over migra set to 1 (where it is not zero)."""
        data = self.edisp_map.data
        total = (data * self.axes["migra"].bin_width.value[:, np.newaxis, np.newaxis]).sum(axis=-3, keepdims=True)
        normed = np.divide(data, total, out=np.zeros_like(data, dtype=float), where=total > 0)
        return self.copy(edisp_map=self.edisp_map.copy(data=normed))

    def get_edisp_kernel(self, energy_axis: MapAxis, position: Any = None, method: str = "nearest") -> EDispKernel:
        """Matrix from true to reconstructed energy bins at a position (see `migration_to_kernel`).

        Parameters
        ----------
        energy_axis
            Reconstructed energy.
        position
            Position on the sky; by default the centre of the map.
        method
            Take the "nearest" pixel, or interpolate ("linear").
        """
        true, migra = self.axes["energy_true"], self.axes["migra"]
        matrix = migration_to_kernel(
            self.at_position(position, method),
            migra.edges.value,
            true.center.value,
            energy_axis.edges.to_value(true.unit),
            interp=migra.interp,
        )
        return EDispKernel([true, energy_axis], matrix)

    def to_edisp_kernel_map(self, energy_axis: MapAxis, threshold: float = 1e-8) -> EDispKernelMap:
        """Return the matrix at every pixel.

        Parameters
        ----------
        energy_axis
            Reconstructed energy.
        threshold
            Smaller probabilities are set to zero.
        """
        true, migra = self.axes["energy_true"], self.axes["migra"]
        geom = self.geom.to_image().to_cube([energy_axis, true])
        data = self.edisp_map.data.reshape(true.nbin, migra.nbin, -1)
        number = data.shape[-1]
        matrix = migration_to_kernel(
            np.ascontiguousarray(np.moveaxis(data, 1, 2)).reshape(-1, migra.nbin),
            migra.edges.value,
            np.repeat(true.center.value, number),
            energy_axis.edges.to_value(true.unit),
            interp=migra.interp,
            threshold=threshold,
        )
        values = np.ascontiguousarray(np.moveaxis(matrix.reshape(true.nbin, number, -1), 1, 2))
        return EDispKernelMap(map_of(geom, values.reshape(geom.data_shape)), self._exposure_on(geom))

    def plot_migration(self, ax: Any = None, *, position: Any = None) -> Any:
        """Plot the distribution of the migration at some true energies; see `gjax.plot.plot_edisp_migration`."""
        from gjax.plot import plot_edisp_migration

        return plot_edisp_migration(self, position=position, ax=ax)

    def peek(self, figure: Any = None, *, position: Any = None, energy_axis: Any = None) -> Any:
        """Plot migration, bias and matrix at a position; see `gjax.plot.peek_edisp_map`."""
        from gjax.plot import peek_edisp_map

        return peek_edisp_map(self, position=position, energy_axis=energy_axis, figure=figure)

    def sample_coord(self, map_coord: Any, key: Any) -> Any:
        """Draw reconstructed energies of events.

        Parameters
        ----------
        map_coord
            `gjax.maps.MapCoord` with positions and true energies.
        key
            `numpy.random.Generator`, or a seed.

        Returns
        -------
        map_coord
            The positions, with the axis "energy"; NaN where the dispersion is zero.
        """
        from gjax.maps.coord import MapCoord

        migra = self.axes["migra"]
        true, position = map_coord["energy_true"], map_coord.skycoord
        pix = self.sample_first_axis(position, true, np.random.default_rng(key), migra.bin_width.value)
        factor = np.interp(pix, np.arange(migra.nbin + 1), migra.edges.value)
        return MapCoord.create({"skycoord": position, "energy": true * factor})


@dataclass(frozen=True, eq=False, repr=False)
class EDispKernelMap(AbstractReducedResponse):
    """Probability of each reconstructed energy bin on the axes ``energy, energy_true``.

    Parameters
    ----------
    edisp_kernel_map
        Map of shape (energy_true, energy, lat, lon).
    exposure_map
        Exposure on the same pixels, with one bin of energy.

    Raises
    ------
    ValueError
        If the axes are others, or the exposure does not fit.

    Examples
    --------
    >>> energy = MapAxis.from_energy_edges([1, 2, 4], unit="TeV")
    >>> edisp = EDispKernelMap.from_diagonal_response(energy, energy.copy(name="energy_true"))
    >>> edisp.get_edisp_kernel().pdf_matrix
    array([[1., 0.],
           [0., 1.]])
    """

    edisp_kernel_map: Any
    exposure_map: Any = None

    required_axes: ClassVar[tuple[str, ...]] = ("energy", "energy_true")
    map_name: ClassVar[str] = "edisp_kernel_map"
    hdu: ClassVar[str] = "edisp"

    @property
    def edisp_map(self) -> Any:
        """The map of the response, under the name it has in Gammapy."""
        return self.edisp_kernel_map

    @classmethod
    def from_geom(cls, geom: Any) -> EDispKernelMap:
        """Perfect reconstruction without exposure, on a geometry with the axes of the class."""
        kernel = EDispKernel.from_diagonal_response(geom.axes["energy_true"], geom.axes["energy"])
        return cls._filled(kernel, geom, 0.0)

    @classmethod
    def _filled(cls, kernel: EDispKernel, geom: Any, exposure: float) -> EDispKernelMap:
        data = np.broadcast_to(kernel.pdf_matrix[..., np.newaxis, np.newaxis], geom.data_shape).copy()
        squashed = geom.squash("energy")
        return cls(map_of(geom, data), map_of(squashed, np.full(squashed.data_shape, exposure), "m2 s"))

    @classmethod
    def from_edisp_kernel(cls, edisp: EDispKernel, geom: Any = None) -> EDispKernelMap:
        """The same matrix everywhere.

        Parameters
        ----------
        edisp
            Matrix.
        geom
            Image geometry; by default one bin for all the sky.
        """
        return cls._filled(edisp, image_geom(geom).to_cube([edisp.axes["energy"], edisp.axes["energy_true"]]), 1.0)

    @classmethod
    def from_diagonal_response(
        cls, energy_axis: MapAxis, energy_axis_true: MapAxis, geom: Any = None
    ) -> EDispKernelMap:
        """Perfect reconstruction; ``geom`` as for `from_edisp_kernel`.

        Parameters
        ----------
        energy_axis, energy_axis_true
            Reconstructed and true energy.
        geom
            Image geometry; by default one bin for all the sky.
        """
        return cls.from_edisp_kernel(EDispKernel.from_diagonal_response(energy_axis_true, energy_axis), geom)

    @classmethod
    def from_gauss(
        cls,
        energy_axis: MapAxis,
        energy_axis_true: MapAxis,
        sigma: Any,
        bias: Any,
        pdf_threshold: float = 1e-6,
        geom: Any = None,
    ) -> EDispKernelMap:
        """Gaussian migration (see `EDispKernel.from_gauss`).

        Parameters
        ----------
        energy_axis, energy_axis_true
            Reconstructed and true energy.
        sigma, bias
            Numbers, or one per bin of true energy.
        pdf_threshold
            Smaller densities are set to zero.
        geom
            Image geometry; by default one bin for all the sky.
        """
        kernel = EDispKernel.from_gauss(energy_axis_true, energy_axis, sigma, bias, pdf_threshold)
        return cls.from_edisp_kernel(kernel, geom)

    def get_edisp_kernel(
        self, position: Any = None, energy_axis: MapAxis | None = None, method: str = "nearest"
    ) -> EDispKernel:
        """Matrix at a position.

        Parameters
        ----------
        position
            Position on the sky; by default the centre of the map.
        energy_axis
            If given, must be the reconstructed energy axis of the map.
        method
            Take the "nearest" pixel, or interpolate ("linear").

        Raises
        ------
        ValueError
            If ``energy_axis`` is another one.
        """
        if isinstance(position, MapAxis):  # the order of arguments of EDispMap
            position, energy_axis = energy_axis, position
        if energy_axis is not None and not energy_axis.is_allclose(self.axes["energy"]):
            raise ValueError(f"the energy dispersion is for {self.axes['energy']!r}, not for {energy_axis!r}")
        matrix = self.at_position(position, method)
        return EDispKernel([self.axes["energy_true"], self.axes["energy"]], matrix)

    def peek(self, figure: Any = None, *, position: Any = None) -> Any:
        """Plot bias and matrix at a position; see `gjax.plot.peek_edisp_map`."""
        from gjax.plot import peek_edisp_map

        return peek_edisp_map(self, position=position, figure=figure)

    def sample_coord(self, map_coord: Any, key: Any) -> Any:
        """Draw reconstructed energies of events, uniform in the logarithm within each bin.

        Parameters
        ----------
        map_coord
            `gjax.maps.MapCoord` with positions and true energies.
        key
            `numpy.random.Generator`, or a seed.

        Returns
        -------
        map_coord
            The positions, with the axis "energy"; NaN for events that are not reconstructed within the axis.
        """
        from gjax.maps.coord import MapCoord

        key = np.random.default_rng(key)
        axis = self.axes["energy"]
        true, position = map_coord["energy_true"], map_coord.skycoord
        pix = self.sample_first_axis(position, true, key, np.ones(axis.nbin))
        row = self.axes["energy_true"].coord_to_idx(true, clip=True)
        y, x = self._nearest_pixels(position)
        lost = key.random(len(row)) >= self.edisp_kernel_map.data[row, :, y, x].sum(axis=1)
        energy = np.exp(np.interp(pix, np.arange(axis.nbin + 1), np.log(axis.edges.value)))
        return MapCoord.create({"skycoord": position, "energy": np.where(lost, np.nan, energy) * axis.unit})

    def to_image(self, weights: Any = None) -> EDispKernelMap:
        """Return the map summed over reconstructed energy.

        Parameters
        ----------
        weights
            Map that multiplies the probabilities first, such as a mask.
        """
        data = self.edisp_kernel_map.data
        data = data if weights is None else data * weights.data
        geom = self.geom.squash("energy")
        return self.copy(edisp_kernel_map=map_of(geom, data.sum(axis=-3, keepdims=True)))

    def resample_energy_axis(self, energy_axis: MapAxis, weights: Any = None) -> EDispKernelMap:
        """Return the map with bins of reconstructed energy added up.

        Parameters
        ----------
        energy_axis
            Coarser axis whose edges are edges of the present one.
        weights
            Map that multiplies the probabilities first, such as a mask.
        """
        old = self.axes["energy"]
        wanted = energy_axis.edges.to_value(old.unit)
        cuts = np.abs(np.log(old.edges.value[:, np.newaxis] / wanted)).argmin(axis=0)
        if np.any(np.diff(cuts) <= 0):
            raise ValueError(f"the edges {wanted} {old.unit} are not edges of the reconstructed energy axis")
        data = self.edisp_kernel_map.data
        data = data if weights is None else data * weights.data
        data = np.add.reduceat(data[:, : cuts[-1]], cuts[:-1], axis=1)
        axis = MapAxis.from_energy_edges(old.edges[cuts], name="energy")
        geom = self.geom.to_image().to_cube([axis, self.axes["energy_true"]])
        return EDispKernelMap(map_of(geom, data), self._exposure_on(geom))

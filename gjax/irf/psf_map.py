"""Point spread function on pixels of the sky, radially symmetric at each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import astropy.units as u
import numpy as np

from gjax.irf.evaluation import coordinate_value
from gjax.irf.irf_map import AbstractReducedResponse, image_geom, map_of
from gjax.irf.psf_containment import containment, containment_radius, rad_areas, radius_map
from gjax.maps import MapAxis

__all__ = ["PSFMap", "RecoPSFMap", "default_rad_axis", "rad_areas"]

SQUARE_DEGREE = float(u.deg.to("rad") ** 2)


def default_rad_axis() -> MapAxis:
    """Radii of reduced point spread functions: 66 bins up to 0.66 deg.

    Examples
    --------
    >>> default_rad_axis().nbin
    66
    """
    return MapAxis.from_bounds(0, 0.66, nbin=66, unit="deg", name="rad")


class AbstractPSFMap(AbstractReducedResponse):
    """What point spread functions in true and in reconstructed energy share."""

    map_name: ClassVar[str] = "psf_map"
    hdu: ClassVar[str] = "psf"
    psf_map: Any

    @property
    def energy_name(self) -> str:
        """Name of the energy axis."""
        return self.required_axes[1]

    @classmethod
    def from_geom(cls, geom: Any) -> Self:
        """Empty function without exposure on a geometry with the axes of the class."""
        exposure = map_of(geom.squash("rad"), unit="m2 s")
        return cls(map_of(geom, unit="sr-1"), exposure)  # type: ignore[call-arg]

    @classmethod
    def _gauss(cls, energy_axis: MapAxis, rad_axis: MapAxis | None, sigma: Any, geom: Any) -> Self:
        rad = default_rad_axis() if rad_axis is None else rad_axis
        geom = image_geom(geom).to_cube([rad, energy_axis])
        width = np.ravel(coordinate_value("sigma", sigma, "deg"))
        if width.size not in (1, energy_axis.nbin):
            raise ValueError(f"sigma: expected one value or {energy_axis.nbin} (one per energy bin), got {width.size}")
        width = np.broadcast_to(width, (energy_axis.nbin,))[:, np.newaxis]
        density = np.exp(-0.5 * (rad.center.to_value("deg") / width) ** 2) / (2 * np.pi * width**2 * SQUARE_DEGREE)
        data = np.broadcast_to(density[..., np.newaxis, np.newaxis], geom.data_shape).copy()
        exposure = map_of(geom.squash("rad"), np.ones(geom.squash("rad").data_shape), unit="m2 s")
        return cls(map_of(geom, data, "sr-1"), exposure)  # type: ignore[call-arg]

    def normalize(self) -> Self:
        """Return the function with the containment at the last radius set to 1 (where it is not zero)."""
        data = self.psf_map.data
        total = (data * rad_areas(self.axes["rad"])[:, np.newaxis, np.newaxis]).sum(axis=-3, keepdims=True)
        normed = np.divide(data, total, out=np.zeros_like(data, dtype=float), where=total > 0)
        return self.copy(psf_map=map_of(self.geom, normed, "sr-1", self.psf_map.meta))

    # ---- at a position ----

    def radial_profile(self, position: Any = None) -> tuple[u.Quantity, np.ndarray]:
        """Density against radius at a position, for each bin of energy.

        Bilinear between the pixels in which the function is defined (see `at_position`).

        Parameters
        ----------
        position
            Position on the sky; by default the centre of the map.

        Returns
        -------
        rad
            Centres of the radius bins [deg].
        density
            Array (energy, rad) [1/sr], zero for energies at which nothing is known.

        Examples
        --------
        >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
        >>> rad, density = PSFMap.from_gauss(true, sigma="0.1 deg").radial_profile()
        >>> rad.shape, density.shape
        ((66,), (2, 66))
        """
        density = self.at_position(position) * self.psf_map.unit.to("sr-1")
        return self.axes["rad"].center.to(u.deg), density

    def containment_profile(self, position: Any = None) -> tuple[u.Quantity, np.ndarray]:
        """Fraction of photons inside each edge of the rad axis.

        Parameters
        ----------
        position
            Position on the sky; by default the centre of the map.

        Returns
        -------
        rad
            Edges of the radius bins [deg].
        containment
            Array (energy, rad + 1), beginning with 0.
        """
        _, density = self.radial_profile(position)
        table = np.zeros((density.shape[0], density.shape[1] + 1))
        np.cumsum(density * rad_areas(self.axes["rad"]), axis=1, out=table[:, 1:])
        return self.axes["rad"].edges.to(u.deg), table

    def get_psf_kernel(
        self,
        geom: Any,
        position: Any = None,
        max_radius: Any = None,
        containment: float = 0.999,
        precision_factor: int = 12,
    ) -> Any:
        """Images of a point source on the pixels of a geometry, one per energy, for convolution.

        See `gjax.irf.psf_kernel.kernel_from_profile` for the recipe.

        Parameters
        ----------
        geom
            Geometry whose pixel size, projection and energy axis the kernel takes over.
        position
            Position on the sky; by default the centre of the map.
        max_radius
            Largest radius of the kernel.
        containment
            Fraction that decides on the radius.
        precision_factor
            Decides on the oversampling.

        Returns
        -------
        kernel
            `PSFKernel`.
        """
        from gjax.irf.psf_kernel import kernel_from_profile

        return kernel_from_profile(self, geom, position, max_radius, containment, precision_factor)

    def to_image(self, spectral_weights: Any = None, keepdims: bool = True) -> Self:
        """Return the mean over energy, weighted with exposure and a spectrum.

        Parameters
        ----------
        spectral_weights
            One weight per energy bin; by default the integral of a power law with index 2.
        keepdims
            Keep the energy axis with one bin (always).
        """
        if self.exposure_map is None:
            raise ValueError(f"{type(self).__name__}.to_image needs an exposure_map")
        edges = self.axes[self.energy_name].edges.value
        weights = 1 / edges[:-1] - 1 / edges[1:] if spectral_weights is None else np.ravel(spectral_weights)
        weights = (weights / weights.sum()).reshape((-1, 1, 1, 1))
        exposure = self.exposure_map.data * weights
        total = exposure.sum(axis=0, keepdims=True)
        summed = (self.psf_map.data * exposure).sum(axis=0, keepdims=True)
        data = np.divide(summed, total, out=np.zeros_like(summed), where=total > 0)
        geom, exposure_geom = self.geom.squash(self.energy_name), self.exposure_map.geom.squash(self.energy_name)
        return self._with(map_of(geom, data, self.psf_map.unit), map_of(exposure_geom, total, self.exposure_map.unit))

    # ---- pictures ----

    def plot_containment_radius(self, ax: Any = None, *, fraction: Any = (0.68, 0.95), position: Any = None) -> Any:
        """Plot containment radii against energy; see `gjax.plot.plot_psf_containment`."""
        from gjax.plot import plot_psf_containment

        return plot_psf_containment(self, fraction=fraction, position=position, ax=ax)

    def plot_psf_vs_rad(self, ax: Any = None, *, energy: Any = None, position: Any = None) -> Any:
        """Plot the density against the radius at some energies; see `gjax.plot.plot_psf_profile`."""
        from gjax.plot import plot_psf_profile

        return plot_psf_profile(self, energy=energy, position=position, ax=ax)

    def peek(self, figure: Any = None, *, position: Any = None) -> Any:
        """Plot containment radii, profiles, and the radius on the sky; see `gjax.plot.peek_psf_map`."""
        from gjax.plot import peek_psf_map

        return peek_psf_map(self, position=position, figure=figure)

    # ---- random numbers ----

    def sample_coord(self, map_coord: Any, key: Any) -> Any:
        """Move events by the point spread function.

        Parameters
        ----------
        map_coord
            `gjax.maps.MapCoord` with positions and energies.
        key
            `numpy.random.Generator`, or a seed.

        Returns
        -------
        map_coord
            The moved positions, with the same energies; NaN where the function is zero.
        """
        from gjax.maps.coord import MapCoord

        key = np.random.default_rng(key)
        rad = self.axes["rad"]
        energy, position = map_coord[self.energy_name], map_coord.skycoord.icrs
        pix = self.sample_first_axis(position, energy, key, rad_areas(rad))
        # uniform in area within a ring
        inner, outer = rad.edges.to_value("deg")[:-1] ** 2, rad.edges.to_value("deg")[1:] ** 2
        number = np.nan_to_num(pix).astype(int)
        radius = np.sqrt(inner[number] + (pix - number) * (outer - inner)[number])
        angle = key.uniform(0, 360, radius.size)
        moved = position.directional_offset_by(angle * u.deg, radius * u.deg)
        return MapCoord.create({"skycoord": moved, self.energy_name: energy})


@dataclass(frozen=True, eq=False, repr=False)
class PSFMap(AbstractPSFMap):
    """Point spread function on the axes ``rad, energy_true`` and pixels of the sky.

    Parameters
    ----------
    psf_map
        Map [1/sr] of shape (energy_true, rad, lat, lon).
    exposure_map
        Exposure on the same pixels, with one bin of rad.

    Raises
    ------
    ValueError
        If the axes are others, or the exposure does not fit.

    Examples
    --------
    >>> true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
    >>> psf = PSFMap.from_gauss(true, sigma="0.1 deg")
    >>> psf.containment("0.1 deg", "2 TeV").round(3)
    <Quantity 0.394>
    >>> psf.containment_radius(0.393469, "2 TeV").round(3)
    <Quantity 0.1 deg>
    """

    psf_map: Any
    exposure_map: Any = None

    required_axes: ClassVar[tuple[str, ...]] = ("rad", "energy_true")

    @classmethod
    def from_gauss(
        cls, energy_axis_true: MapAxis, rad_axis: MapAxis | None = None, sigma: Any = "0.1 deg", geom: Any = None
    ) -> PSFMap:
        """Gaussian profile.

        Parameters
        ----------
        energy_axis_true
            True energy.
        rad_axis
            Radius; by default 66 bins up to 0.66 deg.
        sigma
            Width, or one per energy bin.
        geom
            Image geometry; by default one bin for all the sky.
        """
        return cls._gauss(energy_axis_true, rad_axis, sigma, geom)

    def containment(self, rad: Any, energy_true: Any = None, position: Any = None) -> u.Quantity:
        """Fraction of photons within a radius, interpolated linearly in radius and logarithm of energy.

        Parameters
        ----------
        rad, energy_true
            Radius and true energy, broadcast; by default the centres of the energy bins.
        position
            Position on the sky; by default the centre of the map.
        """
        return containment(self, rad, energy_true, position)

    def containment_radius(self, fraction: Any, energy_true: Any = None, position: Any = None) -> u.Quantity:
        """Radius that contains a fraction of the photons, the inverse of `containment`; NaN if not reached.

        Parameters
        ----------
        fraction, energy_true
            Fraction and true energy, broadcast; by default the centres of the energy bins.
        position
            Position on the sky; by default the centre of the map.
        """
        return containment_radius(self, fraction, energy_true, position)

    def containment_radius_map(self, energy_true: Any, fraction: float = 0.68) -> Any:
        """Map of the containment radius at one true energy."""
        return radius_map(self, fraction, energy_true)


@dataclass(frozen=True, eq=False, repr=False)
class RecoPSFMap(AbstractPSFMap):
    """Point spread function in reconstructed energy: it applies after the energy dispersion (HAWC).

    Parameters
    ----------
    psf_map
        Map [1/sr] of shape (energy, rad, lat, lon).
    exposure_map
        Exposure on the same pixels.

    Raises
    ------
    ValueError
        If the axes are others, or the exposure does not fit.

    Examples
    --------
    >>> energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> RecoPSFMap.from_gauss(energy, sigma="0.1 deg").containment_radius(0.393469, "2 TeV").round(3)
    <Quantity 0.1 deg>
    """

    psf_map: Any
    exposure_map: Any = None

    required_axes: ClassVar[tuple[str, ...]] = ("rad", "energy")

    @classmethod
    def from_gauss(
        cls, energy_axis: MapAxis, rad_axis: MapAxis | None = None, sigma: Any = "0.1 deg", geom: Any = None
    ) -> RecoPSFMap:
        """Gaussian profile; arguments as for `PSFMap.from_gauss`."""
        return cls._gauss(energy_axis, rad_axis, sigma, geom)

    def containment(self, rad: Any, energy: Any = None, position: Any = None) -> u.Quantity:
        """Fraction of photons within a radius; arguments as for `PSFMap.containment`."""
        return containment(self, rad, energy, position)

    def containment_radius(self, fraction: Any, energy: Any = None, position: Any = None) -> u.Quantity:
        """Radius that contains a fraction; arguments as for `PSFMap.containment_radius`."""
        return containment_radius(self, fraction, energy, position)

    def containment_radius_map(self, energy: Any, fraction: float = 0.68) -> Any:
        """Map of the containment radius at one reconstructed energy."""
        return radius_map(self, fraction, energy)

    def stack(self, other: Any, weights: Any = None, nan_to_num: bool = True) -> RecoPSFMap:
        """Not defined: the exposure that weighs a function of reconstructed energy depends on the spectrum.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("point spread functions in reconstructed energy cannot be stacked")

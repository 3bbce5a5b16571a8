"""Image of a point source on pixels, for convolution: Gammapy's recipe."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np

from gjax.irf.irf_map import map_of

__all__ = ["PSFKernel", "kernel_from_profile"]

# Pixels are divided into at most this many parts per side.
MAX_OVERSAMPLING = 4
# Radii are rounded to this part of a bin of the rad axis.
RADIUS_STEPS = 20


@dataclass(frozen=True, eq=False, repr=False)
class PSFKernel:
    """Image of a point source per energy bin, centred on a pixel.

    Parameters
    ----------
    psf_kernel_map
        Map with an odd number of pixels per side.
    """

    psf_kernel_map: Any

    @property
    def data(self) -> np.ndarray:
        """Values (energy, lat, lon)."""
        return self.psf_kernel_map.data

    @classmethod
    def from_gauss(cls, geom: Any, sigma: Any, max_radius: Any = None, factor: int = 4) -> PSFKernel:
        """Kernel of a Gaussian, the same at all energies.

        Parameters
        ----------
        geom
            WCS geometry whose pixel size, projection and axes the kernel takes over.
        sigma
            Width.
        max_radius
            Radius of the kernel; 5 sigma by default.
        factor
            Parts into which pixels are divided per side.

        Examples
        --------
        >>> from gjax.maps import WcsGeom
        >>> PSFKernel.from_gauss(WcsGeom.create(binsz=0.1, npix=9), "0.1 deg").data.shape
        (11, 11)
        """
        width = u.Quantity(sigma).to_value("deg")
        pixel = float(u.Quantity(geom.pixel_scales).to_value("deg").max())
        radius = 5 * width if max_radius is None else u.Quantity(max_radius).to_value("deg")
        npix = _odd(2 * radius / pixel - 1e-9)
        line = np.exp(-0.5 * (_pixel_positions(npix, factor, pixel) / width) ** 2).reshape(npix, factor).sum(axis=1)
        kernel_geom = _kernel_geom(geom, npix, list(geom.axes))
        data = np.broadcast_to(np.outer(line, line), kernel_geom.data_shape).copy()
        return cls(map_of(kernel_geom, data)).normalize()

    @classmethod
    def read(cls, filename: Any, hdu: str | None = None) -> PSFKernel:
        """Read from a FITS file with a sky map."""
        from gjax.maps import Map

        return cls(Map.read(filename, hdu=hdu))

    def write(self, filename: Any, overwrite: bool = False) -> None:
        """Write to a FITS file, as a sky map."""
        self.psf_kernel_map.write(filename, overwrite=overwrite)

    def normalize(self) -> PSFKernel:
        """Return the kernel with sum 1 at each energy (where it is not zero)."""
        data = self.data
        total = data.sum(axis=(-2, -1), keepdims=True)
        normed = np.divide(data, total, out=np.zeros_like(data), where=total > 0)
        return PSFKernel(self.psf_kernel_map.copy(data=normed))

    def slice_by_idx(self, slices: dict[str, Any]) -> PSFKernel:
        """Return the bins selected by slices, by axis name."""
        return PSFKernel(self.psf_kernel_map.slice_by_idx(slices))

    def to_image(self, spectral_weights: Any = None, exposure: Any = None) -> PSFKernel:
        """Return the mean over energy.

        Parameters
        ----------
        spectral_weights
            One weight per energy bin; by default the integral of a power law with index 2.
        exposure
            One exposure per energy bin; by default the same for all.
        """
        axis = self.psf_kernel_map.geom.axes[0]
        edges = axis.edges.value
        weights = 1 / edges[:-1] - 1 / edges[1:] if spectral_weights is None else np.ravel(spectral_weights)
        if exposure is not None:
            weights = weights * np.ravel(u.Quantity(exposure).value)
        weights = weights / weights.sum()
        data = np.tensordot(weights, self.data, axes=1)[np.newaxis]
        return PSFKernel(map_of(self.psf_kernel_map.geom.squash(axis.name), data)).normalize()

    def plot_kernel(self, ax: Any = None, *, energy: Any = None) -> Any:
        """Draw the image at one energy (the middle one if None); see `gjax.plot.plot_psf_kernel`."""
        from gjax.plot import plot_psf_kernel

        return plot_psf_kernel(self, energy=energy, ax=ax)

    def peek(self, figure: Any = None) -> Any:
        """Draw the image at some energies, and contained fractions; see `gjax.plot.peek_psf_kernel`."""
        from gjax.plot import peek_psf_kernel

        return peek_psf_kernel(self, figure=figure)

    def __repr__(self) -> str:
        return f"PSFKernel{self.data.shape}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def _rounded_radius(rad_edges: np.ndarray, containment: np.ndarray, fraction: float) -> np.ndarray:
    """Radius of containment per energy, to a 1/20 of the radius bins (0.00025 deg of the default axis).

    The curves of containment begin with the second radius: within the first bin they follow the line through the
    first two edges. Where nothing is contained the smallest radius comes out.
    """
    parts = np.arange(RADIUS_STEPS) + 0.5
    width = np.diff(rad_edges)[:, np.newaxis]
    radius = (rad_edges[:-1, np.newaxis] + width * parts / RADIUS_STEPS).ravel()
    curves = np.stack([np.interp(radius, rad_edges, row) for row in containment])
    first = radius < rad_edges[1]
    slope = (containment[:, 2] - containment[:, 1]) / (rad_edges[2] - rad_edges[1])
    line = containment[:, 1, np.newaxis] + slope[:, np.newaxis] * (radius[first] - rad_edges[1])
    curves[:, first] = np.where(radius[first] < 0.5 * rad_edges[1], 0.0, np.maximum(line, 0.0))
    return radius[np.argmin(np.abs(curves - fraction), axis=1)]


def kernel_from_profile(
    psf: Any,
    geom: Any,
    position: Any = None,
    max_radius: Any = None,
    containment: float = 0.999,
    precision_factor: int = 12,
) -> PSFKernel:
    """Sample a radial profile on pixels, and normalise.

    At each energy the square of pixels that encloses the containment radius is divided into
    ``min(ceil(precision_factor pixel / 2 r68), 4)`` parts per side; the profile, linear in radius between the bin
    centres, is evaluated at their centres and averaged.

    Parameters
    ----------
    psf
        `gjax.irf.PSFMap` or `gjax.irf.RecoPSFMap`.
    geom
        WCS geometry.
    position
        Position on the sky; by default the centre of the map.
    max_radius
        Largest radius; by default the largest containment radius.
    containment
        Fraction that decides on the radius.
    precision_factor
        Decides on the oversampling.
    """
    rad, profile = psf.radial_profile(position)
    edges, curves = psf.containment_profile(position)
    center, edge = rad.value, edges.value
    radii = _rounded_radius(edge, curves, containment)
    largest = radii.max() if max_radius is None else u.Quantity(max_radius).to_value("deg")
    radii = np.minimum(radii, largest)
    pixel = float(u.Quantity(geom.pixel_scales).to_value("deg").max())
    r68 = _rounded_radius(edge, curves, 0.68)
    factors = np.minimum(np.ceil(precision_factor * pixel / (2 * r68)), MAX_OVERSAMPLING).astype(int)
    axis = psf.axes[psf.energy_name]
    full = _odd(2 * largest / pixel)
    data = np.zeros((axis.nbin, full, full))
    for i in range(axis.nbin):
        npix, factor = _odd(2 * radii[i] / pixel), int(factors[i])
        x = _pixel_positions(npix, factor, pixel)
        separation = np.hypot(x, x[:, np.newaxis])
        values = np.maximum(_linear(separation, center, profile[i]), 0.0)
        image = values.reshape(npix, factor, npix, factor).sum(axis=(1, 3))
        margin = (full - npix) // 2
        inner = slice(margin, full - margin) if margin else slice(None)
        data[i, inner, inner] = image
    return PSFKernel(map_of(_kernel_geom(geom, full, [axis]), data)).normalize()


def _kernel_geom(geom: Any, npix: int, axes: list[Any]) -> Any:
    """Square geometry in the middle of another, with its pixels."""
    from gjax.maps import WcsGeom

    pixel = float(u.Quantity(geom.pixel_scales).to_value("deg").max())
    return WcsGeom.create(
        skydir=geom.center_skydir, binsz=pixel, npix=npix, proj=geom.projection, frame=geom.frame, axes=axes
    )


def _odd(value: float) -> int:
    """Round up to the next odd number."""
    return int(np.ceil(value) // 2 * 2 + 1)


def _pixel_positions(npix: int, factor: int, pixel: float) -> np.ndarray:
    """Centres of the parts of pixels along one side, around the middle of the kernel [deg]."""
    count = npix * factor
    return (np.arange(count) - 0.5 * (count - 1)) * (pixel / factor)


def _linear(radius: np.ndarray, center: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Profile between bin centres, continued by the outermost segments."""
    low = np.clip(np.searchsorted(center, radius, side="right") - 1, 0, len(center) - 2)
    weight = (radius - center[low]) / (center[low + 1] - center[low])
    return (1 - weight) * profile[low] + weight * profile[low + 1]

"""Folding of sources into cubes: pixels of a cutout, exposure, energy dispersion, and the bins that count."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.folding._grid import GridFold, grid_shape
from gjax.folding._radial import bessel_j0, profile_coefficients, separation, spline_profile

__all__ = ["FixedFold", "RadialFold", "cube_bins", "fixed_bins", "fold_cube", "photon_fractions", "radial_shape"]


class RadialFold(eqx.Module):
    """What one symmetric source needs of one dataset.

    Parameters
    ----------
    vectors
        ICRS unit vectors of the pixels around the source, shape (pixels, 3).
    solid_angle
        Their solid angles [deg2]; 0 in padding.
    exposure
        Shape (pixels, energy_true) [cm2 s].
    edisp
        Shape (energy_true, energy).
    psf
        Hankel transform of PSF and pixel, shape (energy_true, modes).
    wavenumber, basis, step
        Modes [1/deg], their spline coefficients (radii, modes), and the distance of the radii [deg].
    mask
        Bins that count, shape (pixels, energy).
    bins
        For every bin with counts its place in the flattened cutout, or the size of the cutout if outside.
    psf_is_reco
        True where the PSF belongs to reconstructed energies and acts after the energy dispersion.
    """

    vectors: Array
    solid_angle: Array
    exposure: Array
    edisp: Array
    psf: Array
    wavenumber: Array
    basis: Array
    step: Array
    mask: Array
    bins: Array
    psf_is_reco: bool = eqx.field(static=True, default=False)


class FixedFold(eqx.Module):
    """A source whose shape does not change, folded once: counts per unit flux in every true-energy bin.

    Parameters
    ----------
    occupied
        For the bins with counts that the source reaches, shape (reached, energy_true).
    rest
        Summed over the other bins of each energy inside the mask, shape (energy, energy_true).
    bins
        For every bin with counts its place in ``occupied``, or the number of places if it is not reached.
    """

    occupied: Array
    rest: Array
    bins: Array


def radial_shape(fold: RadialFold, spatial: Any) -> Array:
    """Return the fraction of a source's photons per pixel and energy of the PSF, shape (pixels, energies)."""
    radii, weights = spatial.radial_nodes()
    # a ring of radius rho has the transform J0(q rho): a shape is a sum of rings, and zero width is a point
    shape = bessel_j0(fold.wavenumber[:, None] * radii) @ weights
    coefficients = profile_coefficients(fold.psf, shape, fold.basis)
    radius = separation(fold.vectors, spatial.unit_vector("icrs"))
    return spline_profile(coefficients, radius, fold.step) * fold.solid_angle[:, None]


def photon_fractions(fold: RadialFold | GridFold, spatial: Any) -> Array:
    """Return the fraction of a source's photons per pixel and energy of the PSF, shape (pixels, energies)."""
    return grid_shape(fold, spatial) if isinstance(fold, GridFold) else radial_shape(fold, spatial)


def fold_cube(flux: Array, fold: RadialFold | GridFold, spatial: Any) -> Array:
    """Return the predicted counts of a source on its cutout, shape (pixels, energy).

    Parameters
    ----------
    flux
        Photon flux per true-energy bin [s-1 cm-2].
    fold
        The dataset around the source.
    spatial
        Spatial model with arrays in place of parameters.
    """
    shape = photon_fractions(fold, spatial)
    if fold.psf_is_reco:
        return shape * jnp.matmul(fold.exposure * flux, fold.edisp, precision="highest")
    return jnp.matmul(shape * fold.exposure * flux, fold.edisp, precision="highest")


def fixed_bins(flux: Array, fold: FixedFold) -> Array:
    """Return the prediction in the bins with counts, and behind them its sum over the other bins of each energy."""
    reached = jnp.matmul(fold.occupied, flux, precision="highest")
    rest = jnp.matmul(fold.rest, flux, precision="highest")
    return jnp.concatenate([reached.at[fold.bins].get(mode="fill", fill_value=0.0), rest])


def cube_bins(npred: Array, fold: RadialFold | GridFold) -> Array:
    """Return the prediction in the bins with counts, and behind them its sum over the other bins of each energy."""
    occupied = npred.ravel().at[fold.bins].get(mode="fill", fill_value=0.0)
    total = jnp.sum(jnp.where(fold.mask, npred, 0.0), axis=0)
    return jnp.concatenate([occupied, total.at[fold.bins % npred.shape[1]].add(-occupied)])

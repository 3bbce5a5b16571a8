"""Folding of spectra: flux in true energy, exposure, energy dispersion."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

__all__ = ["fold_spectrum", "scaled_edges"]


def scaled_edges(edges: Array, energy_scale: Array) -> Array:
    r"""Return the true energies that an instrument with a wrong energy scale sees as ``edges``.

    The spectrum :math:`\phi(E/(1+z))/(1+z)` integrated over a bin is :math:`\phi` integrated over the bin
    divided by :math:`1+z`, so the nuisance moves edges and the model stays as it is.

    Parameters
    ----------
    edges
        Bin edges, shape (datasets, energy_true + 1) [TeV].
    energy_scale
        Relative error z per dataset.
    """
    return edges / (1 + energy_scale[:, None])


def fold_spectrum(flux: Array, exposure: Array, edisp: Array) -> Array:
    """Return predicted counts, shape (datasets, energy).

    Parameters
    ----------
    flux
        Photon flux per true-energy bin, shape (datasets, energy_true) [s-1 cm-2].
    exposure
        Shape (datasets, energy_true) [cm2 s].
    edisp
        Probability to be reconstructed in a bin, shape (datasets, energy_true, energy).
    """
    return jnp.einsum("dt,dtr->dr", flux * exposure, edisp, precision="highest")

"""What may be wrong with the instruments of a bucket's datasets, as arrays."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from gjax.folding import scaled_edges
from gjax.parameters import fill

__all__ = ["Instruments", "exposure_factor", "moved_edges", "psf_widths"]


class Instruments(eqx.Module):
    """Nuisance parameters of the instruments of one bucket: index slots, or numbers once they are filled.

    What no dataset needs is None and costs nothing: differentiating by bin edges, for one, doubles the time to compile.

    Parameters
    ----------
    energy_scale
        Relative error of the energy scale, shape (datasets,).
    norm
        Factor on the exposure at the nodes of each dataset, shape (datasets, nodes).
    hats
        What each node gives to each true energy, shape (datasets, nodes, energies); None where a node is for all.
    tilt
        Falling slope of the factor in energy, shape (datasets,).
    log_energy
        Logarithm of the true energies over the reference, shape (datasets, energies); None without a tilt.
    psf_scale
        Factor on the width of the PSF, shape (datasets,).
    """

    energy_scale: Any
    norm: Any
    hats: Array | None
    tilt: Any
    log_energy: Array | None
    psf_scale: Any


def exposure_factor(instruments: Instruments | None, theta: Array) -> Array | None:
    """Return the factor on the exposure, shape (datasets, energies or 1); None without instruments.

    Parameters
    ----------
    instruments
        With index slots.
    theta
        All parameters.
    """
    if instruments is None or instruments.norm is None:
        return None
    norm, hats = fill(instruments.norm, theta), instruments.hats
    factor = norm if hats is None else jnp.einsum("dn,dne->de", norm, hats, precision="highest")
    if instruments.tilt is None or instruments.log_energy is None:
        return factor
    return factor * jnp.exp(-fill(instruments.tilt, theta)[:, None] * instruments.log_energy)


def moved_edges(instruments: Instruments | None, edges: Array, theta: Array) -> Array:
    """Return the true energies that the instruments see as ``edges``.

    Parameters
    ----------
    instruments
        With index slots.
    edges
        Energies or edges of bins [TeV], shape (datasets, energies).
    theta
        All parameters.
    """
    if instruments is None or instruments.energy_scale is None:
        return edges
    return scaled_edges(edges, fill(instruments.energy_scale, theta))


def psf_widths(instruments: Instruments | None, theta: Array) -> Array | None:
    """Return the factor on the width of the PSF of every dataset; None where it does not change.

    Parameters
    ----------
    instruments
        With index slots.
    theta
        All parameters.
    """
    if instruments is None or instruments.psf_scale is None:
        return None
    width: Array = fill(instruments.psf_scale, theta)
    return width

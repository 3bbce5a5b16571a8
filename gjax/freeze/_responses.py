"""The responses of a cube at one position, as plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.irf import EDispKernel

__all__ = ["edisp_at", "psf_at"]


def psf_at(dataset: Any, position: Any) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Return radii [deg], PSF (energies, radii), and whether the energies are reconstructed ones; None without PSF."""
    if dataset.psf is None:
        return None
    rad, values = dataset.psf.radial_profile(position)
    is_reco = dataset.psf.energy_name == "energy"
    wanted = dataset.counts.geom.axes["energy"] if is_reco else dataset.exposure.geom.axes["energy_true"]
    given = dataset.psf.axes[dataset.psf.energy_name]
    return rad.to_value("deg"), _at_energies(np.asarray(values, dtype=float), given, wanted), is_reco


def _at_energies(values: np.ndarray, given: Any, wanted: Any) -> np.ndarray:
    """Return an array (energy, ...) at the energies of another axis: linear in log energy, the last values outside."""
    there, here = np.log(given.center.to_value("TeV")), np.log(wanted.center.to_value("TeV"))
    if there.shape == here.shape and np.allclose(there, here, rtol=0, atol=1e-4):
        return values
    place = np.clip(np.interp(here, there, np.arange(len(there))), 0, len(there) - 1)
    low = np.minimum(place.astype(int), max(len(there) - 2, 0))
    t = (place - low)[:, np.newaxis]
    return (1 - t) * values[low] + t * values[np.minimum(low + 1, len(there) - 1)]


def edisp_at(dataset: Any, position: Any, *, applies: bool = True) -> np.ndarray:
    """Return the energy dispersion (energy_true, energy) at a position; a diagonal one where it does not apply."""
    axis = dataset.counts.geom.axes["energy"]
    if dataset.edisp is None or not applies:
        return EDispKernel.from_diagonal_response(dataset.exposure.geom.axes["energy_true"], axis).pdf_matrix
    if hasattr(dataset.edisp, "pdf_matrix"):
        return np.asarray(dataset.edisp.pdf_matrix, dtype=float)
    return np.asarray(dataset.edisp.get_edisp_kernel(energy_axis=axis, position=position).pdf_matrix, dtype=float)

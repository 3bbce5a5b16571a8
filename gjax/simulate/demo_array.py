"""Responses of an invented array of four Cherenkov telescopes, like H.E.S.S. at small zenith angles."""

from __future__ import annotations

from typing import Any

import numpy as np

from gjax.irf import Background2D, EffectiveAreaTable2D, EnergyDependentMultiGaussPSF, EnergyDispersion2D
from gjax.maps import MapAxis

__all__ = ["background_rate", "demo_array", "effective_area", "energy_resolution", "psf_parameters"]


def effective_area(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    r"""Effective area [m²]: :math:`A_\infty (1 + (E_s/E)^{1.3})^{-1} \exp(-(E_t/E)^{2.5}) \exp(-\theta^2/2w(E)^2)`.

    Parameters
    ----------
    energy
        True energies [TeV].
    offset
        Angles from the pointing [deg], broadcast with ``energy``.

    Examples
    --------
    >>> effective_area(np.array([0.3, 1.0, 10.0]), 0.5).round(-3)
    array([ 38000., 209000., 572000.])
    """
    width = np.clip(1.35 * energy**0.12, 1.1, 2.0)
    area = 6.5e5 / (1.0 + (1.6 / energy) ** 1.3) * np.exp(-((0.22 / energy) ** 2.5))
    return area * np.exp(-0.5 * (offset / width) ** 2)


def energy_resolution(energy: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and width of ln(reconstructed / true energy), which is Gaussian.

    Parameters
    ----------
    energy
        True energies [TeV].
    offset
        Angles from the pointing [deg], broadcast with ``energy``.

    Examples
    --------
    >>> mean, width = energy_resolution(np.array([0.2, 1.0]), 0.0)
    >>> width.round(3)
    array([0.173, 0.125])
    """
    mean = np.log1p(0.35 * np.exp(-energy / 0.2)) + 0.0 * offset
    width = np.sqrt(0.11**2 + 0.06**2 / energy) * (1.0 + 0.06 * offset)
    return mean, width


def psf_parameters(energy: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters of a PSF of three Gaussians: scale [sr-1], widths [deg], relative amplitudes.

    Parameters
    ----------
    energy
        True energies [TeV].
    offset
        Angles from the pointing [deg], broadcast with ``energy``.

    Examples
    --------
    >>> psf_parameters(np.array([1.0]), np.array([0.5]))["sigma_1"].round(4)
    array([0.0478])
    """
    first = np.clip(0.046 * energy**-0.14, 0.03, 0.075) * (1.0 + 0.16 * offset**2)
    sigmas = [first, 2.2 * first, 5.0 * first]
    amplitudes = [np.ones_like(first), np.full_like(first, 0.06), np.full_like(first, 0.002)]
    total = sum(a * np.radians(s) ** 2 for a, s in zip(amplitudes, sigmas))
    return {
        "scale": 1.0 / (2.0 * np.pi * total),
        "sigma_1": sigmas[0],
        "sigma_2": sigmas[1],
        "sigma_3": sigmas[2],
        "ampl_2": amplitudes[1],
        "ampl_3": amplitudes[2],
    }


def background_rate(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Rate of cosmic rays that look like gamma rays [s-1 TeV-1 sr-1].

    Parameters
    ----------
    energy
        Reconstructed energies [TeV].
    offset
        Angles from the pointing [deg], broadcast with ``energy``.

    Examples
    --------
    >>> background_rate(np.array([1.0]), np.array([0.0])).round(1)
    array([421.6])
    """
    width = np.clip(1.6 * energy**0.06, 1.4, 2.2)
    return 430.0 * energy**-2.7 * np.exp(-((0.27 / energy) ** 3)) * np.exp(-0.5 * (offset / width) ** 2)


def demo_array() -> dict[str, Any]:
    """Return effective area, energy dispersion, PSF and background of the array, as response objects.

    Returns
    -------
    irfs
        ``aeff``, ``edisp``, ``psf`` and ``bkg``.

    Examples
    --------
    >>> demo_array()["aeff"].evaluate(energy_true="1 TeV", offset="0.5 deg").round(-4)
    <Quantity 210000. m2>
    """
    from scipy.special import ndtr

    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=20, per_decade=True, name="energy_true")
    offset = MapAxis.from_edges(np.linspace(0.0, 3.0, 13), unit="deg", name="offset")
    migra = MapAxis.from_edges(np.linspace(0.2, 3.0, 141), name="migra")
    energy = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=12, per_decade=True, name="energy")
    e_true, theta = true.center.to_value("TeV")[:, None], offset.center.to_value("deg")[None, :]
    e_reco = energy.center.to_value("TeV")[:, None]

    mean, width = (a[:, None, :] for a in energy_resolution(e_true, theta))
    edges = migra.edges.value
    cumulative = ndtr((np.log(edges)[None, :, None] - mean) / width)
    density = np.diff(cumulative, axis=1) / np.diff(edges)[None, :, None]
    density /= (density * np.diff(edges)[None, :, None]).sum(axis=1, keepdims=True)

    meta = {"TELESCOP": "GJAX", "INSTRUME": "DEMO"}
    psf_units = {"scale": "sr-1", "sigma_1": "deg", "sigma_2": "deg", "sigma_3": "deg", "ampl_2": "", "ampl_3": ""}
    return {
        "aeff": EffectiveAreaTable2D([true, offset], effective_area(e_true, theta), "m2", meta=meta),
        "edisp": EnergyDispersion2D([true, migra, offset], density, "", meta=meta),
        "psf": EnergyDependentMultiGaussPSF([true, offset], psf_parameters(e_true, theta), psf_units, meta=meta),
        "bkg": Background2D([energy, offset], background_rate(e_reco, theta) * 1e-6, "s-1 MeV-1 sr-1", meta=meta),
    }

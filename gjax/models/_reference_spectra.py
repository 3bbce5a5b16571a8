"""Published spectra: the Crab nebula, and cosmic rays."""

from __future__ import annotations

import math
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from gjax.models._curved import LogParabolaSpectralModel
from gjax.models._cutoff import ExpCutoffPowerLawSpectralModel
from gjax.models._gaussian import LogGaussianSpectralModel
from gjax.models._power_law import PowerLawSpectralModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import ParameterField, parameter

__all__ = ["MeyerCrabSpectralModel", "create_cosmic_ray_spectral_model", "create_crab_spectral_model"]

#: log10 of E^2 dN/dE [erg s-1 cm-2] as a polynomial in log10(E / TeV), highest power first.
_MEYER = (-0.00449161, 0.0, 0.0473174, -0.179475, -0.53616, -10.2708)
_TEV_PER_ERG = 1 / 1.602176634

#: Flux at 1 TeV [m-2 s-1 sr-1 TeV-1] and index of cosmic rays.
_COSMIC_RAYS = {
    "proton": (0.096, 2.70),
    "N": (0.0719, 2.64),
    "Si": (0.0284, 2.66),
    "Fe": (0.0134, 2.63),
    "electron": (6.85e-5, 3.21),
}


class MeyerCrabSpectralModel(AbstractSpectralModel):
    r"""The inverse-Compton peak of the Crab nebula from 1 GeV to 100 TeV: a polynomial in log-log space.

    .. math:: \log_{10} \left(E^2 \phi\right) = \sum_k p_k \left(\log_{10} E\right)^k

    Parameters
    ----------
    norm
        Factor on the flux; the default is 1, frozen.

    References
    ----------
    Meyer, Horns, Zechlin 2010, A&A 523, A2 (arXiv 1008.4524), appendix D.

    Examples
    --------
    >>> print(MeyerCrabSpectralModel()("1 TeV").round(14))
    3.346e-11 1 / (TeV s cm2)
    """

    tag: ClassVar[str] = "meyer-crab"
    norm: ParameterField = parameter(1.0, frozen=True)

    def evaluate(self, energy: Array) -> Array:
        x = jnp.log10(energy)
        power = jnp.zeros_like(x)
        for coefficient in _MEYER:
            power = power * x + coefficient
        return self.norm * _TEV_PER_ERG * jnp.exp(math.log(10) * power) / energy**2


def create_crab_spectral_model(reference: str = "meyer") -> AbstractSpectralModel:
    """Return a published spectrum of the Crab nebula.

    Parameters
    ----------
    reference
        "meyer" (Meyer et al. 2010, arXiv 1008.4524), "hegra" (Aharonian et al. 2000, ApJ 539, 317), "hess_pl" or
        "hess_ecpl" (Aharonian et al. 2006, arXiv astro-ph/0607333), "magic_lp" or "magic_ecpl" (Aleksic et al. 2015,
        arXiv 1406.6892).

    Raises
    ------
    ValueError
        If there is no such reference.

    Examples
    --------
    >>> print(create_crab_spectral_model("hess_pl").index.value)
    2.63
    """
    made: dict[str, AbstractSpectralModel] = {
        "meyer": MeyerCrabSpectralModel(),
        "hegra": PowerLawSpectralModel(2.62, 2.83e-11, 1.0),
        "hess_pl": PowerLawSpectralModel(2.63, 3.45e-11, 1.0),
        "hess_ecpl": ExpCutoffPowerLawSpectralModel(2.39, 3.76e-11, 1.0, 1 / 14.3),
        "magic_lp": LogParabolaSpectralModel.from_log10(3.23e-11, 1.0, 2.47, 0.24),
        "magic_ecpl": ExpCutoffPowerLawSpectralModel(2.21, 3.80e-11, 1.0, 1 / 6.0),
    }
    if reference not in made:
        raise ValueError(f"reference: expected one of {', '.join(made)}, got {reference!r}")
    return made[reference]


def create_cosmic_ray_spectral_model(particle: str = "proton") -> AbstractSpectralModel:
    """Return the spectrum of cosmic rays at the Earth, from the whole sky: divide by 4π sr for an intensity.

    Parameters
    ----------
    particle
        "proton", "N", "Si", "Fe" or "electron"; electrons have a bump at 0.1 TeV besides their power law.

    Raises
    ------
    ValueError
        If there is no such particle.

    References
    ----------
    Bernlöhr et al. 2013, Astroparticle Physics 43, 171 (arXiv 1210.3503), table 3.

    Examples
    --------
    >>> print(create_cosmic_ray_spectral_model("proton")("1 TeV").round(6))
    0.000121 1 / (TeV s cm2)
    """
    if particle not in _COSMIC_RAYS:
        raise ValueError(f"particle: expected one of {', '.join(_COSMIC_RAYS)}, got {particle!r}")
    intensity, index = _COSMIC_RAYS[particle]
    all_sky = 4 * math.pi / 1e4  # 4π sr, and m-2 to cm-2
    spectrum = PowerLawSpectralModel(index, intensity * all_sky, 1.0)
    return spectrum + LogGaussianSpectralModel(3.19e-3 * all_sky) if particle == "electron" else spectrum

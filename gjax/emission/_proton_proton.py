"""Photons of collisions of protons: the parametrisation of Kafexhiu et al. (2014, Phys. Rev. D 90, 123014).

Equation numbers are those of the paper (arXiv 1406.7369). Energies are in GeV, cross sections in millibarn; T is the
kinetic energy of the proton.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.emission._constants import PROTON_MASS as M

__all__ = ["MODELS", "PION", "PION_THRESHOLD", "Ranges", "log_cross_section", "threshold"]

#: Mass of the neutral pion and threshold of its production [GeV].
PION = 0.1349766
PION_THRESHOLD = 0.27966184
#: Tables IV (a), VII (b) and V (lambda, alpha, beta, gamma), and from which T they hold.
_HIGH = {
    "Geant4": ((0.728, 0.596, 0.491, 0.2503, 0.117), (9.13, 0.35, 9.7e-3), (3.0, 0.5, 4.9, 1.0), 100.0),
    "Pythia8": ((0.652, 0.0016, 0.488, 0.1928, 0.483), (9.06, 0.3795, 0.01105), (3.5, 0.5, 4.0, 1.0), 50.0),
    "SIBYLL": ((5.436, 0.254, 0.072, 0.075, 0.166), (10.77, 0.412, 0.01264), (3.55, 0.5, 3.6, 1.0), 100.0),
    "QGSJET": ((0.908, 0.0009, 6.089, 0.176, 0.448), (13.16, 0.4419, 0.01439), (3.55, 0.5, 4.5, 1.0), 100.0),
}
MODELS = tuple(_HIGH)


#: Ranges of T below: upper end, nodes of an integral, b, (lambda, alpha, beta, gamma), factors of mu in beta and gamma.
_FIRST_B, _GEANT_A, _GEANT_B = (9.53, 0.52, 0.054), _HIGH["Geant4"][0], _HIGH["Geant4"][1]
_LOW = (
    (1.0, 12, (0.0, 0.0, 0.0), (1.0, 1.0, 0.0, 0.0), (0.0, 0.0)),
    (2.0, 8, _FIRST_B, (3.0, 1.0, 2.45, 1.45), (1.0, 1.0)),
    (4.0, 6, _FIRST_B, (3.0, 1.0, 2.45, 1.45), (1.0, 1.0)),
    (5.0, 4, _FIRST_B, (3.0, 1.0, 4.95, 1.50), (1.5, 1.0)),
    (20.0, 8, _GEANT_B, (3.0, 1.0, 4.95, 1.50), (1.5, 1.0)),
)
_LAST_NODES = 40


class Ranges:
    """The ranges of T of a model, one column of numbers per node of an integral over all of them.

    Parameters
    ----------
    model
        One of `MODELS`.
    repeats
        How often each range is cut.

    Examples
    --------
    >>> Ranges("Pythia8", 1).ends
    (1.0, 2.0, 4.0, 5.0, 20.0, 50.0)
    """

    def __init__(self, model: str, repeats: int) -> None:
        a, b, shape, start = _HIGH[model]
        rows = [
            *((*row, _GEANT_A) for row in _LOW),
            (start, 8, _GEANT_B, (3.0, 0.5, 4.2, 1.0), (0.0, 0.0), _GEANT_A),
            (math.inf, _LAST_NODES, b, shape, (0.0, 0.0), a),
        ]
        self.ends = tuple(row[0] for row in rows[:-1])
        self.nodes = tuple(row[1] for row in rows)
        counts = repeats * np.array(self.nodes)
        #: The range that each node belongs to.
        self.least = np.repeat([PION_THRESHOLD + 1e-6, *self.ends], counts)
        self.most = np.repeat([*self.ends, math.inf], counts)
        #: Where the second, third and fifth range begin, which have formulas of their own.
        self.one, self.two, self.five = (int(counts[:k].sum()) for k in (1, 2, 4))
        self.b, self.shape, self.slopes, self.a = (
            np.repeat(np.array([row[k] for row in rows]).T, counts, axis=-1) for k in (2, 3, 4, 5)
        )


def _inelastic(T: Array) -> Array:
    """Equation 1."""
    x = jnp.log(T / PION_THRESHOLD)
    return (30.7 - 0.96 * x + 0.18 * x**2) * (-jnp.expm1(-1.9 * x)) ** 3


def _pions_from_data(T: Array) -> Array:
    """Equations 2 to 5: one and two pions, below 2 GeV."""
    resonance, width = 1.1883, 0.2264
    gamma = math.sqrt(resonance**2 * (resonance**2 + width**2))
    k = math.sqrt(8) * resonance * width * gamma / (math.pi * math.sqrt(resonance**2 + gamma))
    s = 2 * M * (T + 2 * M)
    breit_wigner = M * k / (((jnp.sqrt(s) - M) ** 2 - resonance**2) ** 2 + (resonance * width) ** 2)
    momentum = (s - PION**2 - 4 * M**2) ** 2 - 16 * PION**2 * M**2
    eta = jnp.sqrt(jnp.maximum(momentum, 1e-12)) / (2 * PION * jnp.sqrt(s))
    one = 7.66e-3 * jnp.exp(1.95 * jnp.log(eta)) * (1 + eta + eta**5) * jnp.exp(1.86 * jnp.log(breit_wigner))
    two = 5.7 / (1 + jnp.exp(-9.3 * (T - 1.4)))
    return one + jnp.where(T < 0.56, 0.0, two)


def _pions(T: Array, ranges: Ranges) -> Array:
    """Return the inclusive cross section of neutral pions at the nodes of all ranges."""
    two, five = ranges.two, ranges.five
    q = (T[..., two:five] - PION_THRESHOLD) / M
    polynomial = -6e-3 + 0.237 * q - 0.023 * q**2
    a1, a2, a3, a4, a5 = ranges.a[:, five:].astype(T.dtype)
    log_xi = jnp.log((T[..., five:] - 3.0) / M)
    rise = jnp.exp(a4 * log_xi) * (1 + jnp.exp(-a2 * jnp.exp(a5 * log_xi)))
    power = a1 * rise * -jnp.expm1(-a3 * jnp.exp(0.25 * log_xi))
    multiplicity = jnp.concatenate([polynomial, power], axis=-1)
    return jnp.concatenate([_pions_from_data(T[..., :two]), _inelastic(T[..., two:]) * multiplicity], axis=-1)


def _pion_end(T: Array) -> Array:
    """Equation 10: the largest energy of a pion in the laboratory [GeV]."""
    s = 2 * M * (T + 2 * M)
    root = jnp.sqrt(s)
    energy = (s - 4 * M**2 + PION**2) / (2 * root)
    momentum = jnp.sqrt(jnp.maximum(energy**2 - PION**2, 1e-12))
    boost = (T + 2 * M) / root
    # the velocity of the centre of mass: 1 - 1 / boost^2 is T / (T + 2 M)
    return boost * (energy + momentum * jnp.sqrt(T / (T + 2 * M)))


def threshold(pion: Array) -> Array:
    """Return the smallest T at which a pion has an energy in the laboratory: equation 10 solved for T.

    From four momenta: the two protons beside the pion need a mass of 2 M.
    """
    momentum = jnp.sqrt(jnp.maximum((pion - PION) * (pion + PION), 0.0))
    a, b = 2 * (M - pion), PION**2 - 2 * M**2 - 2 * M * pion
    root = 2 * momentum * jnp.sqrt(jnp.maximum(b**2 - a**2 * M**2 + 4 * M**2 * momentum**2, 0.0))
    c = b**2 + 4 * M**2 * momentum**2
    return c / (-a * b + root) - M


def _log_nuclei(T: Array) -> Array:
    """Equation 20 to 24: what heavier nuclei of the interstellar medium add, above 1 GeV."""
    inelastic = _inelastic(T)
    growth = jnp.log(inelastic / _inelastic(jnp.asarray(1e3, T.dtype)))
    return jnp.log(1.37 + 0.39 * 10 * math.pi * (1 + jnp.maximum(growth, 0.0)) / inelastic)


def log_cross_section(T: Array, energy: Array, ranges: Ranges, *, nuclei: bool) -> Array:
    """Return ln dσ/dE [mb GeV-1] (equation 8) of photons of an energy [GeV] at the nodes of all ranges, last in T."""
    one = ranges.one
    # nodes without weight lie outside of their range, where its formulas may have no value
    T = jnp.clip(T, ranges.least.astype(T.dtype), ranges.most.astype(T.dtype))
    pion_end, log_theta = _pion_end(T), jnp.log(T / M)
    b1, b2, b3 = ranges.b[:, one:].astype(T.dtype)
    rest = log_theta[..., one:]
    # equation 12, below and above 1 GeV
    log_low = math.log(5.9) - jnp.log(pion_end[..., :one])
    log_high = jnp.log(b1 / M) - b2 * rest + b3 * rest**2
    log_nuclei = [jnp.full_like(log_low, math.log(1.9141)), _log_nuclei(T[..., one:])]
    if nuclei:
        log_low, log_high = log_low + log_nuclei[0], log_high + log_nuclei[1]
    log_peak = jnp.log(_pions(T, ranges)) + jnp.concatenate([log_low, log_high], axis=-1)
    strength, alpha, beta_0, gamma_0 = ranges.shape.astype(T.dtype)
    # equation 15 for mu, equation 14 for kappa
    q = jnp.maximum((T - 1.0) / M, 1e-12)
    mu = 1.25 * jnp.exp(1.25 * jnp.log(q) - 1.25 * q)
    kappa = 3.29 - jnp.exp(-1.5 * log_theta[..., :one]) / 5
    beta_1, gamma_1 = ranges.slopes.astype(T.dtype)
    gamma = gamma_0 + gamma_1 * mu
    beta = jnp.concatenate([kappa, (beta_0 + beta_1 * mu)[..., one:]], axis=-1)
    y = energy + PION**2 / (4 * energy)
    # the largest Y is the largest energy of a pion
    x = jnp.clip((y - PION) / (pion_end - PION), 1e-12, 1 - 1e-6)
    power = jnp.where(alpha == 1.0, x, jnp.sqrt(x))
    return log_peak + beta * jnp.log1p(-power) - gamma * jnp.log1p(x * pion_end / (strength * PION))

"""Constants of nature (CODATA, cgs) and the units of this package: logarithms of energies in TeV, lengths in cm."""

from __future__ import annotations

import math

__all__ = [
    "ALPHA",
    "AMPLITUDE_SCALE",
    "ELECTRON_MASS",
    "EV_PER_TEV",
    "KPC",
    "LIGHT_SPEED",
    "LOG_ELECTRON_MASS",
    "LOG_TEMPERATURE",
    "PLANCK_RATE",
    "PROTON_MASS",
    "RADIATION_CONSTANT",
    "RADIUS_SQUARED",
    "THOMSON_RATE",
]

LIGHT_SPEED = 29979245800.0
ALPHA = 7.2973525693e-3
#: Square of the classical radius of the electron [cm2].
RADIUS_SQUARED = 2.8179403262e-13**2
#: Rest energy of the electron [eV], and its logarithm in TeV.
ELECTRON_MASS = 510998.95
EV_PER_TEV = 1e12
LOG_ELECTRON_MASS = math.log(ELECTRON_MASS / EV_PER_TEV)
#: Rest energy of the proton [GeV].
PROTON_MASS = 0.93827208816
#: Logarithm of the thermal energy of one kelvin in rest energies of the electron.
LOG_TEMPERATURE = math.log(8.617333262e-5 / ELECTRON_MASS)
#: 2 r0^2 m^3 c^4 / (pi hbar^3) [s-1], the rate in front of equation 14 of Khangulyan et al. (2014).
PLANCK_RATE = 2.6318735743809104e16
#: 3/4 sigma_T c [cm3 s-1].
THOMSON_RATE = 0.75 * 6.6524587321e-25 * LIGHT_SPEED
#: Energy density of a black body of one kelvin [eV cm-3].
RADIATION_CONSTANT = 4.722159273657219e-3
KPC = 3.0856775814913674e21
#: Amplitudes of particles [eV-1] are divided by this number first, so that single precision can hold the rest.
AMPLITUDE_SCALE = 1e36

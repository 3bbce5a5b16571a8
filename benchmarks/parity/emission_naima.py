"""Spectra of naima for the cases on standard input; runs in an interpreter that has naima, without gjax.

Reads ``{"cases": [...], "refine": factor}`` and writes ``{"naima": version, "values": [...]}`` [TeV-1 s-1 cm-2].
``refine`` multiplies the points per decade of naima's grids of particles, and of tables of photons.
"""

import json
import sys
import warnings

import astropy.units as u
import naima
import numpy as np

PARTICLES = {
    "PowerLawParticles": "PowerLaw",
    "ExpCutoffPowerLawParticles": "ExponentialCutoffPowerLaw",
    "BrokenPowerLawParticles": "BrokenPowerLaw",
    "ExpCutoffBrokenPowerLawParticles": "ExponentialCutoffBrokenPowerLaw",
    "LogParabolaParticles": "LogParabola",
}
UNITS = {"amplitude": "eV-1", "e_0": "TeV", "e_break": "TeV", "e_cutoff": "TeV"}


def particles_of(case):
    """Return naima's particle distribution of a case."""
    name, numbers = case["particles"]
    return getattr(naima.models, PARTICLES[name])(
        **{key: value * u.Unit(UNITS[key]) if key in UNITS else value for key, value in numbers.items()}
    )


def seeds_of(case, refine):
    """Return naima's list of photon fields: black bodies, lines, tables (as power laws between their points)."""
    out = []
    for name, kind, first, second in case.get("photon_fields", []):
        if kind == "blackbody":
            out.append([name, first * u.K, second * u.Unit("eV cm-3")])
        elif kind == "line":
            out.append([name, first * u.eV, second * u.Unit("eV cm-3")])
        else:
            energy = np.geomspace(first[0], first[-1], refine * (len(first) - 1) + 1)
            energy[::refine] = first
            density = np.exp(np.interp(np.log(energy), np.log(first), np.log(second)))
            out.append([name, energy * u.eV, density * u.Unit("eV-1 cm-3")])
    return out


def self_compton(case, particles, options, energy, distance, refine):
    """Return synchrotron plus inverse Compton, as in naima's documentation (there with 2.24 in place of 9/4)."""
    synchrotron = naima.models.Synchrotron(particles, B=case["B"] * u.uG, **options)
    # naima's example begins at 1e-7 eV; gjax lets the spectrum go on below
    photons = np.logspace(-10, 9, 240 * refine) * u.eV
    rate = synchrotron.flux(photons, distance=0 * u.cm)
    radius = case["radius"] * u.pc
    density = (2.25 * rate / (4 * np.pi * radius**2 * naima.radiative.c)).to("eV-1 cm-3")
    keep = density.value > 0
    seeds = [*seeds_of(case, 1), ["SSC", photons[keep], density[keep]]]
    compton = naima.models.InverseCompton(particles, seed_photon_fields=seeds, **options)
    return synchrotron.flux(energy, distance) + in_parts(compton, energy, distance, refine)


def in_parts(model, energy, distance, refine):
    """Return the flux at a few energies after the other: naima holds an array of photons, seed photons, electrons."""
    parts = [
        model.flux(part, distance)
        for part in np.array_split(energy, min(len(energy), 1 + len(energy) * refine**2 // 50))
    ]
    return np.concatenate([part.value for part in parts]) * parts[0].unit


def model_of(case, refine=1):
    """Return a function of the photon energies [TeV] that gives naima's flux [TeV-1 s-1 cm-2]."""
    particles, kind = particles_of(case), case["model"]
    is_proton = kind == "PionDecaySpectralModel"
    points = {"PionDecaySpectralModel": 100, "BremsstrahlungSpectralModel": 300}.get(kind, 100)
    options = {"nEpd" if is_proton else "nEed": points * refine}
    for ours, theirs in (("energy_min", "E{}min"), ("energy_max", "E{}max")):
        if ours in case:
            options[theirs.format("p" if is_proton else "e")] = case[ours] * u.TeV
    distance = case["distance"] * u.kpc

    def flux(energy):
        energy = np.array(energy) * u.TeV
        if kind == "SynchrotronSelfComptonSpectralModel":
            out = self_compton(case, particles, options, energy, distance, refine)
        else:
            if kind == "SynchrotronSpectralModel":
                model = naima.models.Synchrotron(particles, B=case["B"] * u.uG, **options)
            elif kind == "InverseComptonSpectralModel":
                model = naima.models.InverseCompton(
                    particles, seed_photon_fields=seeds_of(case, min(refine, 4)), **options
                )
            elif kind == "BremsstrahlungSpectralModel":
                model = naima.models.Bremsstrahlung(particles, n0=case["n0"] / u.cm**3, **options)
            else:
                table = case.get("use_table", False)
                model = naima.models.PionDecay(
                    particles,
                    nh=case["n_h"] / u.cm**3,
                    useLUT=table,
                    hiEmodel=case.get("high_energy_model", "Pythia8"),
                    nuclear_enhancement=case.get("nuclear_enhancement", True),
                    **options,
                )
            model._memoize = False
            is_table = any(row[1] == "table" for row in case.get("photon_fields", []))
            out = in_parts(model, energy, distance, refine) if is_table else model.flux(energy, distance)
        return out.to_value("TeV-1 s-1 cm-2")

    return flux


def main():
    """Read cases, write values."""
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    values = [model_of(case, asked.get("refine", 1))(case["energy"]).tolist() for case in asked["cases"]]
    json.dump({"naima": naima.__version__, "values": values}, sys.stdout)


if __name__ == "__main__":
    main()

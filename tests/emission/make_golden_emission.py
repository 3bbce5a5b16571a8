"""Writes golden_emission.json: values of naima's radiative models at random parameters.

Run at the top of the repository: ``NAIMA_PYTHON=... python tests/emission/make_golden_emission.py``, with a Python that
has naima.
naima's grids are refined (see ``benchmarks/parity/emission.py``); points where it has not converged are left out.
"""

import json
from pathlib import Path

import numpy as np

import gjax
from benchmarks.parity.emission import REFINE, bright, draw, naima_values, near

gjax.enable_x64()

#: Particle spectra of each model; the benchmark has them all.
PARTICLES = {
    "SynchrotronSpectralModel": ("PowerLaw", "BrokenPowerLaw"),
    "InverseComptonSpectralModel": ("ExpCutoffPowerLaw", "LogParabola", "ExpCutoffPowerLaw", "PowerLaw"),
    "SynchrotronSelfComptonSpectralModel": ("ExpCutoffBrokenPowerLaw",),
    "BremsstrahlungSpectralModel": ("LogParabola", "PowerLaw"),
    "PionDecaySpectralModel": ("ExpCutoffPowerLaw", "BrokenPowerLaw"),
}


def main():
    rng = np.random.default_rng(5)
    cases = []
    for model, refine in REFINE.items():
        drawn = [draw(rng, model, f"{name}Particles", 16) for name in PARTICLES[model]]
        half, fine = naima_values(drawn, refine // 2), naima_values(drawn, refine)
        for case, first, value in zip(drawn, half, fine):
            keep = bright(case, value) & near(first, value)
            energy, flux = np.array(case.pop("energy"))[keep], value[keep]
            cases.append(case | {"energy": energy.tolist(), "value": [float(f"{v:.7g}") for v in flux]})
    file = Path(__file__).with_name("golden_emission.json")
    file.write_text(json.dumps({"naima": "0.10.0", "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()

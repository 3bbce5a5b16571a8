"""One fit with 5000 nuisances: ``python -m benchmarks.many_nuisances [--datasets N] [--nodes M]``.

Every spectrum has a norm of its exposure at several true energies, with priors. Prints times, memory and pulls.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np

import gjax
from benchmarks.calibration.spectra_1d import on_off
from gjax.models import InstrumentModel, Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import GaussianPrior, Parameter

#: Width of the priors.
WIDTH = 0.1


def spectra(number: int, nodes: int, rng: np.random.Generator) -> tuple[list, Models, np.ndarray]:
    """Return spectra whose exposures are wrong by known factors, the models, and these factors."""
    names = [f"run-{k}" for k in range(number)]
    datasets = [on_off(600.0, exposure=1.2e14, name=name) for name in names]
    energies = [f"{energy:.4g} TeV" for energy in np.geomspace(0.4, 40, nodes)]
    truth = rng.normal(1.0, WIDTH, (number, nodes))
    axes = {"dataset": names, "energy": energies}
    norm = Parameter(truth, axes=axes, prior=GaussianPrior(1.0, WIDTH), scale=WIDTH)
    source = SkyModel(PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1"), name="crab")
    return datasets, Models([source, InstrumentModel("array", exposure_norm=norm)]), truth


def main() -> None:
    """Run the fit and print what it took."""
    import jax

    options = argparse.ArgumentParser(prog="python -m benchmarks.many_nuisances", description=__doc__.splitlines()[0])
    options.add_argument("--datasets", type=int, default=500)
    options.add_argument("--nodes", type=int, default=10)
    given = options.parse_args()
    gjax.enable_x64()
    datasets, models, truth = spectra(given.datasets, given.nodes, np.random.default_rng(1))
    likelihood = gjax.Likelihood(datasets, models).simulate(jax.random.key(1))
    names = {name: 1.0 for name in likelihood.free_names if "exposure_norm" in name}
    likelihood = likelihood.with_values(names)
    found: dict[str, object] = {"parameters": len(likelihood.free_names)}
    seconds, cpu = [], []
    for _ in range(2):
        begin, used = time.perf_counter(), time.process_time()
        result = likelihood.fit()
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    found |= {"first_s": seconds[0], "again_s": seconds[1], "first_cpu_s": cpu[0], "again_cpu_s": cpu[1]}
    found |= {"peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "message": result.message}
    values, errors = (np.array([result[name][k] for name in names]).reshape(truth.shape) for k in (0, 1))
    pulls = (values - truth) / errors
    found |= {"mean_pull": pulls.mean(), "width_of_pulls": pulls.std(), "mean_error": errors.mean()}
    for name in ("index", "amplitude"):
        found[name] = result[f"crab.spectral.{name}"]
    print(json.dumps(found, indent=1, default=float))


if __name__ == "__main__":
    main()

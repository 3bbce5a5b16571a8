"""Gammapy on ten OGIP spectra of five instruments, in one process: cold (to the first fit) or warm (repeated)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gammapy"):
    import gammapy
with clock.phase("import"):
    import glob
    import logging
    import os
    import warnings

    import astropy.units as u
    import iminuit
    import numpy as np
    from gammapy.datasets import Datasets, SpectrumDatasetOnOff
    from gammapy.modeling import Fit
    from gammapy.modeling.models import LogParabolaSpectralModel, SkyModel

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

RANGES = {"fermi": (0.03, 2), "magic": (0.08, 30), "veritas": (0.15, 30), "fact": (0.40, 30), "hess": (0.66, 30)}


def read():
    datasets = Datasets()
    for instrument, (low, high) in RANGES.items():
        folder = os.path.join(os.environ["GAMMAPY_DATA"], "joint-crab", "spectra", instrument)
        for path in sorted(glob.glob(os.path.join(folder, "pha_*.fits"))):
            dataset = SpectrumDatasetOnOff.read(path, name=f"{instrument}-{os.path.basename(path)[4:-5]}")
            dataset.mask_fit = dataset.counts.geom.energy_mask(low * 0.999999 * u.TeV, high * 1.000001 * u.TeV)
            datasets.append(dataset)
    return datasets


def attach(datasets):
    amplitude = 3e-11 * u.Unit("cm-2 s-1 TeV-1")
    spectrum = LogParabolaSpectralModel(amplitude=amplitude, reference=1 * u.TeV, alpha=2.3, beta=0.1)
    datasets.models = [SkyModel(spectral_model=spectrum, name="crab")]
    return datasets


def summary(result):
    free = result.parameters.free_parameters
    return {
        "stat": float(result.total_stat),
        "values": {p.name: float(p.value) for p in free},
        "errors": {p.name: float(p.error) for p in free},
        "nfev": int(result.optimize_result.nfev),
    }


repeats = 0 if arguments.mode == "cold" else arguments.repeats
datasets = clock.call("read", read, repeats)
clock.call("freeze", lambda: attach(datasets), repeats)
result = clock.call("fit joint lp", lambda: Fit().run(attach(datasets)), repeats)
clock.since_start("start to fitted result")
fits = {"joint lp": summary(result)}
if arguments.mode == "warm":
    fits["joint lp"]["accurate"] = summary(Fit(optimize_opts={"tol": 1e-3, "strategy": 2}).run(attach(datasets)))
    clock.call("covariance", lambda: Fit().covariance(datasets), repeats)
    parameter = datasets.models.parameters["alpha"]

    def statistic():
        parameter.value *= 1 + 1e-9  # nothing is cached
        return datasets.stat_sum()

    clock.call("statistic", statistic, 20 * repeats)
versions = {"gammapy": gammapy.__version__, "numpy": np.__version__, "iminuit": iminuit.__version__}
clock.emit(fits=fits, versions=versions)

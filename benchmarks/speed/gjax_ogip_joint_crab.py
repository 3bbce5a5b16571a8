"""gjax on ten OGIP spectra of five instruments, in one process: cold (to the first fit) or warm (repeated)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gjax"):
    import gjax
with clock.phase("import"):
    import glob
    import os

    import jax

    from gjax.datasets import SpectrumDatasetOnOff
    from gjax.models import LogParabolaSpectralModel, SkyModel

gjax.enable_x64()
if arguments.cache:
    gjax.enable_compilation_cache(arguments.cache)

RANGES = {"fermi": (0.03, 2), "magic": (0.08, 30), "veritas": (0.15, 30), "fact": (0.40, 30), "hess": (0.66, 30)}


def read():
    datasets = []
    for instrument, (low, high) in RANGES.items():
        folder = os.path.join(os.environ["GAMMAPY_DATA"], "joint-crab", "spectra", instrument)
        for path in sorted(glob.glob(os.path.join(folder, "pha_*.fits"))):
            dataset = SpectrumDatasetOnOff.read(path, name=f"{instrument}-{os.path.basename(path)[4:-5]}")
            edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
            inside = (edges[:-1] >= low * 0.999999) & (edges[1:] <= high * 1.000001)
            datasets.append(dataset.copy(mask_fit=inside))
    return datasets


def source():
    spectrum = LogParabolaSpectralModel(amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.1)
    return SkyModel(spectrum, name="crab")


def summary(result):
    names = [name.rsplit(".", 1)[-1] for name in result.free_names]
    return {
        "stat": result.total_stat,
        "values": {name: result[full][0] for name, full in zip(names, result.free_names)},
        "errors": {name: result[full][1] for name, full in zip(names, result.free_names)},
    }


repeats = 0 if arguments.mode == "cold" else arguments.repeats
datasets = clock.call("read", read, repeats)
likelihood = clock.call("freeze", lambda: gjax.Likelihood(datasets, source()), repeats)
result = clock.call("fit joint lp", likelihood.fit, 10 * repeats)
clock.since_start("start to fitted result")
if arguments.mode == "warm":
    best = result.likelihood.x0
    hessian = jax.jit(jax.hessian(likelihood.statistic))
    clock.call("covariance", lambda: jax.numpy.linalg.inv(0.5 * hessian(best)).block_until_ready(), 10 * repeats)
    clock.call("statistic", lambda: likelihood.statistic(best).block_until_ready(), 50 * repeats)
versions = {"gjax": gjax.__version__, "jax": jax.__version__, "device": str(jax.devices()[0])}
clock.emit(fits={"joint lp": summary(result)}, versions=versions)

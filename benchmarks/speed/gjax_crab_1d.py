"""gjax on four H.E.S.S. Crab runs, in one process: cold (to the first fit) or warm (every phase, repeated)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gjax"):
    import gjax
with clock.phase("import"):
    import astropy.units as u
    import jax
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion

    from gjax.data import DataStore
    from gjax.datasets import Datasets, SpectrumDataset
    from gjax.estimators import FluxPointsEstimator
    from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
    from gjax.maps import MapAxis, RegionGeom
    from gjax.models import ExpCutoffPowerLawSpectralModel, LogParabolaSpectralModel, PowerLawSpectralModel, SkyModel
    from gjax.parameters import LogUniformPrior, UniformPrior

gjax.enable_x64()
if arguments.cache:
    gjax.enable_compilation_cache(arguments.cache)

OBS_IDS = [23523, 23526, 23559, 23592]
MODELS = {
    "pl": lambda: PowerLawSpectralModel(index=2.6, amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV"),
    "lp": lambda: LogParabolaSpectralModel(amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.1),
    "ecpl": lambda: ExpCutoffPowerLawSpectralModel(
        index=2.0, amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV", lambda_="0.1 TeV-1"
    ),
}


def read():
    """Open the data store; files of events and responses are read when they are needed."""
    return DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations(OBS_IDS)


def load():
    observations = read()
    for one in observations:
        _ = one.events, one.gti, one.aeff, one.edisp, one.psf
    return observations


def reduce(observations):
    region = CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg", frame="icrs"), 0.11 * u.deg)
    exclusion = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5 * u.deg)
    energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True)
    energy_true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=20, per_decade=True, name="energy_true")
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true)
    makers = [
        SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=True),
        ReflectedRegionsBackgroundMaker(exclusion_mask=exclusion),
        SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
    ]
    return DatasetsMaker(makers, stack_datasets=False).run(empty, observations)


def source(name):
    return SkyModel(MODELS[name](), name="crab")


def summary(result):
    names = [name.rsplit(".", 1)[-1] for name in result.free_names]
    return {
        "stat": result.total_stat,
        "values": {name: result[full][0] for name, full in zip(names, result.free_names)},
        "errors": {name: result[full][1] for name, full in zip(names, result.free_names)},
    }


repeats = 0 if arguments.mode == "cold" else arguments.repeats
if arguments.mode == "warm":
    clock.call("read events and responses", load, repeats)
observations = clock.call("open data store", read, repeats)
datasets = clock.call("reduce, files included", lambda: reduce(observations), 0)
if arguments.mode == "warm":
    clock.call("open and reduce", lambda: reduce(read()), repeats)
likelihood = clock.call("freeze", lambda: gjax.Likelihood(datasets, source("lp")), repeats)
result = clock.call("fit joint lp", likelihood.fit, 10 * repeats)
clock.since_start("start to fitted result")
fits = {"joint lp": summary(result)}

if arguments.mode == "warm":
    # the same data again, freshly reduced: what the whole chain costs in a running session
    clock.call("read to fitted result", lambda: gjax.Likelihood(reduce(read()), source("lp")).fit(), repeats)
    hessian = jax.jit(jax.hessian(likelihood.statistic))
    best = result.likelihood.x0
    clock.call("covariance", lambda: jax.numpy.linalg.inv(0.5 * hessian(best)).block_until_ready(), 10 * repeats)
    clock.call("statistic", lambda: likelihood.statistic(best).block_until_ready(), 50 * repeats)
    stacked = Datasets([datasets.stack_reduce(name="stacked", edisp_weights="edisp_exposure")])
    groups = {"joint": datasets, "stacked": stacked}
    for key in ("joint pl", "joint ecpl", "stacked pl", "stacked lp", "stacked ecpl"):
        group, model = key.split()
        one = gjax.Likelihood(groups[group], source(model))
        fitted = clock.call(f"fit {key}", one.fit, 10 * repeats)
        fits[key] = summary(fitted)
        if key in ("stacked lp", "joint ecpl"):
            edges = datasets[0].counts.geom.axes["energy"].edges
            estimator = FluxPointsEstimator(energy_edges=edges, source="crab")
            points = clock.call(f"flux points {key}", lambda e=estimator, f=fitted: e.run(f), 5 * repeats)
            table = points.to_table(sed_type="dnde")
            columns = ("dnde", "dnde_errp", "dnde_errn", "dnde_ul")
            clock.data[f"points {key}"] = {c: table[c].to_value("cm-2 s-1 TeV-1").tolist() for c in columns}
    priors = {
        "amplitude": LogUniformPrior(1e-12, 1e-10),
        "alpha": UniformPrior(1, 5),
        "beta": UniformPrior(-1, 1),
    }
    models = gjax.Likelihood(stacked, source("lp")).models.with_priors(priors)
    to_sample = gjax.Likelihood(stacked, models)
    posterior = clock.call(
        "sample stacked lp", lambda: to_sample.sample(jax.random.key(0), progress=False), min(repeats, 3)
    )
    size = min(min(row["ess_bulk"], row["ess_tail"]) for row in posterior.summary())
    clock.data["sample"] = {"smallest_ess": float(size), "divergences": posterior.divergences}

versions = {"gjax": gjax.__version__, "jax": jax.__version__, "device": str(jax.devices()[0])}
clock.emit(fits=fits, versions=versions)

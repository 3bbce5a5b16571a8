"""Gammapy on four H.E.S.S. Crab runs, in one process: cold (to the first fit) or warm (every phase, repeated)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gammapy"):
    import gammapy
with clock.phase("import"):
    import logging
    import time
    import warnings

    import astropy.units as u
    import iminuit
    import numpy as np
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import Datasets, SpectrumDataset
    from gammapy.estimators import FluxPointsEstimator
    from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom, WcsGeom
    from gammapy.modeling import Fit
    from gammapy.modeling.models import (
        ExpCutoffPowerLawSpectralModel,
        LogParabolaSpectralModel,
        PowerLawSpectralModel,
        SkyModel,
    )
    from regions import CircleSkyRegion

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

OBS_IDS = [23523, 23526, 23559, 23592]
UNIT = u.Unit("cm-2 s-1 TeV-1")
MODELS = {
    "pl": lambda: PowerLawSpectralModel(index=2.6, amplitude=3e-11 * UNIT, reference=1 * u.TeV),
    "lp": lambda: LogParabolaSpectralModel(amplitude=3e-11 * UNIT, reference=1 * u.TeV, alpha=2.3, beta=0.1),
    "ecpl": lambda: ExpCutoffPowerLawSpectralModel(
        index=2.0, amplitude=3e-11 * UNIT, reference=1 * u.TeV, lambda_=0.1 / u.TeV
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
    center = SkyCoord(83.63, 22.01, unit="deg", frame="icrs")
    region = CircleSkyRegion(center, 0.11 * u.deg)
    exclusion = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5 * u.deg)
    geom = WcsGeom.create(npix=(150, 150), binsz=0.05, skydir=center, proj="TAN", frame="icrs")
    energy = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
    energy_true = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    empty = SpectrumDataset.create(geom=RegionGeom.create(region=region, axes=[energy]), energy_axis_true=energy_true)
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
    background = ReflectedRegionsBackgroundMaker(exclusion_mask=~geom.region_mask([exclusion]))
    safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    datasets = Datasets()
    for observation in observations:
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        dataset = background.run(dataset, observation)
        datasets.append(safe.run(dataset, observation))
    return datasets


def attach(datasets, name):
    datasets.models = [SkyModel(spectral_model=MODELS[name](), name="crab")]
    return datasets


def fit(datasets, **options):
    return Fit(**options).run(datasets)


def summary(result):
    free = result.parameters.free_parameters
    return {
        "stat": float(result.total_stat),
        "values": {p.name: float(p.quantity.to_value(p.unit)) for p in free},
        "errors": {p.name: float(p.error) for p in free},
        "nfev": int(result.optimize_result.nfev),
    }


def accurate(datasets, model):
    """Best fit with a tight tolerance, not timed."""
    return summary(fit(attach(datasets, model), optimize_opts={"tol": 1e-3, "strategy": 2}))


repeats = 0 if arguments.mode == "cold" else arguments.repeats
if arguments.mode == "warm":
    clock.call("read events and responses", load, repeats)
observations = clock.call("open data store", read, repeats)
datasets = clock.call("reduce, files included", lambda: reduce(observations), 0)
if arguments.mode == "warm":
    clock.call("open and reduce", lambda: reduce(read()), min(repeats, 3))
clock.call("freeze", lambda: attach(datasets, "lp"), repeats)
result = clock.call("fit joint lp", lambda: fit(attach(datasets, "lp")), repeats)
clock.since_start("start to fitted result")
fits = {"joint lp": summary(result)}

if arguments.mode == "warm":
    clock.call("read to fitted result", lambda: fit(attach(reduce(read()), "lp")), min(repeats, 3))
    fits["joint lp"]["accurate"] = accurate(datasets, "lp")
    clock.call("covariance", lambda: Fit().covariance(datasets), repeats)
    parameter = datasets.models.parameters["alpha"]

    def statistic():
        parameter.value *= 1 + 1e-9  # nothing is cached
        return datasets.stat_sum()

    clock.call("statistic", statistic, 20 * repeats)
    stacked = Datasets([datasets.stack_reduce(name="stacked")])
    groups = {"joint": datasets, "stacked": stacked}
    for key in ("joint pl", "joint ecpl", "stacked pl", "stacked lp", "stacked ecpl"):
        group, model = key.split()
        chosen = groups[group]
        fitted = clock.call(f"fit {key}", lambda d=chosen, m=model: fit(attach(d, m)), repeats)
        fits[key] = summary(fitted)
        fits[key]["accurate"] = accurate(chosen, model)
        if key in ("stacked lp", "joint ecpl"):
            edges = datasets[0].counts.geom.axes["energy"].edges
            if arguments.quick:
                # three bands with data; the first eight of the 27 are below threshold
                edges = edges[10:14]
            estimator = FluxPointsEstimator(energy_edges=edges, source="crab", selection_optional="all")
            start = time.perf_counter()
            points = estimator.run(chosen)
            wall = time.perf_counter() - start
            table = points.to_table(sed_type="dnde")
            success = np.asarray(table["success"], dtype=bool).ravel()
            columns = ("dnde", "dnde_errp", "dnde_errn", "dnde_ul")
            data = {c: np.ravel(table[c].quantity.to_value(UNIT)).tolist() for c in columns}
            clock.data[f"points {key}"] = {**data, "bands": len(success), "bands_with_data": int(success.sum())}
            # 19 of the 27 bands have data; a band without costs next to nothing
            clock.data[f"points {key}"]["scaled"] = bool(arguments.quick)
            clock.first[f"flux points {key}"] = wall * (19 / int(success.sum()) if arguments.quick else 1)

versions = {"gammapy": gammapy.__version__, "numpy": np.__version__, "iminuit": iminuit.__version__}
clock.emit(fits=fits, versions=versions)

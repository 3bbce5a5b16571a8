"""Gammapy on the flares of PKS 2155-304: cold (to the first fit) or warm (every phase)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gammapy"):
    import gammapy
with clock.phase("import"):
    import logging
    import warnings

    import astropy.units as u
    import iminuit
    import numpy as np
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import Datasets, SpectrumDataset
    from gammapy.estimators import LightCurveEstimator
    from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom
    from gammapy.modeling import Fit
    from gammapy.modeling.models import PowerLawSpectralModel, SkyModel
    from regions import CircleSkyRegion

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

TARGET = SkyCoord(329.716938, -30.225589, unit="deg")
OBS_IDS = [*range(33787, 33802), 47802, 47803, 47804, 47827, 47828, 47829]


def read():
    return DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations(OBS_IDS)


def reduce(observations):
    energy = MapAxis.from_energy_bounds("0.4 TeV", "20 TeV", nbin=10)
    energy_true = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20, name="energy_true")
    geom = RegionGeom.create(CircleSkyRegion(TARGET, 0.11 * u.deg), axes=[energy])
    empty = SpectrumDataset.create(geom=geom, energy_axis_true=energy_true)
    maker = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=True)
    background, safe = ReflectedRegionsBackgroundMaker(), SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    datasets = Datasets()
    for observation in observations:
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        dataset = background.run(dataset, observation)
        datasets.append(safe.run(dataset, observation))
    return datasets


def attach(datasets):
    spectrum = PowerLawSpectralModel(index=2.0, amplitude="1e-10 cm-2 s-1 TeV-1")
    datasets.models = [SkyModel(spectral_model=spectrum, name="pks2155")]
    return datasets


def fit(**options):
    result = Fit(**options).run(attach(datasets))
    free = result.parameters.free_parameters
    return {
        "stat": float(result.total_stat),
        "values": {p.name: float(p.quantity.to_value(p.unit)) for p in free},
        "errors": {p.name: float(p.error) for p in free},
    }


repeats = 0 if arguments.mode == "cold" else arguments.repeats
datasets = clock.call("open and reduce", lambda: reduce(read()), min(repeats, 1))
clock.call("freeze", lambda: attach(datasets), repeats)
best = clock.call("fit joint pl", fit, min(repeats, 2))
clock.since_start("start to fitted result")
fits = {"joint pl": best}
if arguments.mode == "warm":
    fits["joint pl"]["accurate"] = fit(optimize_opts={"tol": 1e-3, "strategy": 2})
    estimator = LightCurveEstimator(
        energy_edges=[0.7, 1, 20] * u.TeV, source="pks2155", selection_optional="all", reoptimize=False
    )
    lightcurve = clock.call("light curve, 21 x 2, all options", lambda: estimator.run(datasets), 0)
    limits = lightcurve.flux_ul.quantity.to_value("cm-2 s-1")
    clock.data["points light curve"] = {"dnde_ul": np.ravel(limits).tolist(), "scaled": False}

versions = {"gammapy": gammapy.__version__, "numpy": np.__version__, "iminuit": iminuit.__version__}
clock.emit(fits=fits, versions=versions)

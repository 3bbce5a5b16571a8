"""gjax on the flares of PKS 2155-304: cold (to the first light curve) or warm (every phase, repeated)."""

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
    from gjax.datasets import SpectrumDataset
    from gjax.estimators import LightCurveEstimator
    from gjax.makers import DatasetsMaker, ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
    from gjax.maps import MapAxis, RegionGeom
    from gjax.models import PowerLawSpectralModel, SkyModel

gjax.enable_x64()
if arguments.cache:
    gjax.enable_compilation_cache(arguments.cache)

TARGET = SkyCoord(329.716938, -30.225589, unit="deg")
OBS_IDS = [*range(33787, 33802), 47802, 47803, 47804, 47827, 47828, 47829]


def read():
    return DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations(OBS_IDS)


def reduce(observations):
    energy = MapAxis.from_energy_bounds("0.4 TeV", "20 TeV", nbin=10)
    energy_true = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20, name="energy_true")
    geom = RegionGeom.create(CircleSkyRegion(TARGET, 0.11 * u.deg), axes=[energy])
    empty = SpectrumDataset.create(geom, energy_axis_true=energy_true)
    makers = [
        SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"], containment_correction=True),
        ReflectedRegionsBackgroundMaker(),
        SafeMaskMaker(methods=["aeff-max"], aeff_percent=10),
    ]
    return DatasetsMaker(makers, stack_datasets=False).run(empty, observations)


source = SkyModel(PowerLawSpectralModel(index=2.0, amplitude="1e-10 cm-2 s-1 TeV-1"), name="pks2155")
repeats = 0 if arguments.mode == "cold" else arguments.repeats
datasets = clock.call("open and reduce", lambda: reduce(read()), min(repeats, 3))
likelihood = clock.call("freeze", lambda: gjax.Likelihood(datasets, source), repeats)
result = clock.call("fit joint pl", likelihood.fit, 5 * repeats)
clock.since_start("start to fitted result")
fits = {
    "joint pl": {
        "stat": result.total_stat,
        "values": {name: result[name][0] for name in ("index", "amplitude")},
        "errors": {name: result[name][1] for name in ("index", "amplitude")},
    }
}
estimator = LightCurveEstimator(energy_edges=[0.7, 1, 20] * u.TeV)
lightcurve = clock.call("light curve, 21 x 2, all options", lambda: estimator.run(result), 10 * repeats)
clock.since_start("start to light curve")
clock.data["points light curve"] = {"dnde_ul": lightcurve.flux_ul.value.ravel().tolist(), "scaled": False}
if arguments.mode == "warm":
    free = LightCurveEstimator(energy_edges=[0.7, 20] * u.TeV, free=["index"])
    clock.call("light curve, 21 x 1, free index", lambda: free.run(result), repeats)

versions = {"gjax": gjax.__version__, "jax": jax.__version__, "device": str(jax.devices()[0])}
clock.emit(fits=fits, versions=versions)

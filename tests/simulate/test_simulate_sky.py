"""Events of sources of any shape: what is simulated agrees with what is predicted for the same responses."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

from gjax.data import GTI, DataStore, Observation, Observations
from gjax.data.write import write_datastore
from gjax.datasets import MapDataset
from gjax.freeze import Likelihood
from gjax.irf import Background3D, load_irf_dict_from_file
from gjax.makers import MapDatasetMaker
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import (
    ConstantSpatialModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    ShellSpatialModel,
    SkyModel,
    TemplateSpatialModel,
)
from gjax.simulate import demo_array, sample_background, sample_model, simulate_events

POINTING = SkyCoord(83.63, 22.01, unit="deg")
PROD5 = "cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"


def model(name, spatial, amplitude=1e-11, **options):
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=f"{amplitude} cm-2 s-1 TeV-1")
    return SkyModel(spectrum, spatial, name=name, **options)


def shapes():
    return [
        model("point", PointSpatialModel("83.9 deg", "22.4 deg")),
        model("ellipse", GaussianSpatialModel("83.1 deg", "21.4 deg", sigma="0.3 deg", e=0.8, phi="30 deg")),
        model("shell", ShellSpatialModel("84.4 deg", "21.6 deg", radius="0.3 deg", width="0.1 deg")),
    ]


def reduce(observation, lowest="0.2 TeV", width=3.0):
    energy = MapAxis.from_energy_bounds(lowest, "20 TeV", nbin=10)
    true = MapAxis.from_energy_bounds("0.05 TeV", "60 TeV", nbin=50, name="energy_true")
    geom = WcsGeom.create(skydir=observation.get_pointing_icrs(), width=width, binsz=0.1, proj="TAN", axes=[energy])
    rad = MapAxis.from_bounds(0, 1.0, nbin=200, unit="deg", name="rad")
    empty = MapDataset.create(geom, energy_axis_true=true, rad_axis=rad, binsz_irf=0.3, name="sim")
    return MapDatasetMaker(background_oversampling=8).run(empty, observation).copy(name="sim")


def agree(observed, expected, number=25.0):
    """Counts in groups of bins that expect so many, against their Poisson errors; chi-square within 3.7 sigma."""
    keep = expected.ravel() > 0
    order = np.argsort(-expected.ravel()[keep])
    group = np.floor(np.cumsum(expected.ravel()[keep][order]) / number).astype(int)
    n = np.bincount(group, observed.ravel()[keep][order])
    mu = np.bincount(group, expected.ravel()[keep][order])
    n, mu = n[mu > 0.5 * number], mu[mu > 0.5 * number]
    assert len(n) >= 8
    chi2 = ((n - mu) ** 2 / mu).sum()
    assert abs(chi2 - len(n)) < 3.7 * np.sqrt(2 * len(n)), (chi2, len(n))
    assert abs(n.sum() - mu.sum()) < 3.7 * np.sqrt(mu.sum()), (n.sum(), mu.sum())


def compare(observation, models, **options):
    """Reduce an observation and compare counts with the prediction, along energies and on the sky."""
    dataset = reduce(observation, **options)
    npred = Likelihood(dataset, [*models, FoVBackgroundModel(name="bkg", datasets_names="sim")]).npred()["sim"].data
    agree(dataset.counts.data, npred)
    agree(dataset.counts.data.sum(axis=0), npred.sum(axis=0))
    energies = dataset.counts.data.sum(axis=(1, 2)), npred.sum(axis=(1, 2))
    assert np.all(np.abs(energies[0] - energies[1]) < 4.5 * np.sqrt(energies[1]))


def test_shapes_with_the_demo_array(tmp_path):
    """Written to a data store and read again on the way."""
    planned = Observation.create(POINTING, livetime="3 h", irfs=demo_array(), deadtime_fraction=0.1, obs_id=7)
    observation = simulate_events(np.random.default_rng(3), shapes(), planned)
    assert set(observation.events.table["MC_ID"]) == {0, 1, 2, 3}
    write_datastore(Observations([observation]), tmp_path)
    again = DataStore.from_dir(tmp_path).obs(7)
    np.testing.assert_array_equal(again.events.table["RA"], observation.events.table["RA"])
    compare(again, shapes())


@pytest.mark.data
def test_responses_of_cta(gammapy_data):
    irfs = load_irf_dict_from_file(gammapy_data / PROD5)
    planned = Observation.create(POINTING, livetime="6 min", irfs=irfs)
    models = [model("point", PointSpatialModel("83.9 deg", "22.4 deg"), 1e-10)]
    compare(simulate_events(np.random.default_rng(0), models, planned), models, lowest="0.4 TeV")


@pytest.mark.data
def test_responses_of_hess(gammapy_data):
    """A run of the first data release, whose background runs with right ascension."""
    run = DataStore.from_dir(gammapy_data / "hess-dl3-dr1").obs(23523)
    models = [model("gauss", GaussianSpatialModel("83.0 deg", "21.5 deg", sigma="0.2 deg"), 2e-9)]
    observation = simulate_events(np.random.default_rng(1), models, run)
    assert observation.obs_id == 23523
    assert np.all(np.diff(observation.events.met) >= 0)
    compare(observation, models, lowest="0.8 TeV", width=2.4)


def test_a_template_that_depends_on_energy():
    """At low energies the source is on one side, at high energies on the other."""
    axis = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=6, name="energy_true")
    geom = WcsGeom.create(skydir=POINTING, width=2.0, binsz=0.05, proj="TAN", axes=[axis])
    lon = geom.to_image().get_coord().lon.value
    rise = np.linspace(0, 1, 6)[:, None, None]
    data = np.where(lon > POINTING.ra.deg, 1 - rise, rise) + 0 * lon
    spatial = TemplateSpatialModel(WcsNDMap.from_geom(geom, data=data, unit="sr-1"), normalize=True)
    source = model("template", spatial, 3e-11)
    planned = Observation.create(POINTING, livetime="5 h", irfs={"aeff": demo_array()["aeff"]})
    events = sample_model(np.random.default_rng(0), source, planned)
    is_east = events["ra"] > POINTING.ra.deg
    low, high = events["energy"] < 0.5, events["energy"] > 10
    assert low.sum() > 50
    assert high.sum() > 50
    assert np.mean(is_east[low]) > 0.6
    assert np.mean(is_east[high]) < 0.25


def test_a_diffuse_glow_fills_the_field_of_view():
    planned = Observation.create(POINTING, livetime="1 h", irfs={"aeff": demo_array()["aeff"]})
    glow = model("glow", ConstantSpatialModel(value="100 sr-1"))
    events = sample_model(np.random.default_rng(0), glow, planned)
    offset = SkyCoord(events["ra"], events["dec"], unit="deg").separation(POINTING).deg
    assert 2.5 < offset.max() <= 3.0
    energy = np.geomspace(0.06, 90, 400)
    angle = np.linspace(0, 3, 200)
    area = demo_array()["aeff"].evaluate(energy_true=energy[:, None] * u.TeV, offset=angle * u.deg).to_value("cm2")
    over = np.trapezoid(area * 2 * np.pi * np.sin(np.radians(angle)), np.radians(angle), axis=1)
    expected = 100 * 3600 * np.trapezoid(1e-11 * energy**-2.2 * over, energy)
    assert len(offset) == pytest.approx(expected, abs=5 * np.sqrt(expected) + 0.01 * expected)


def test_times_follow_gaps_and_temporal_models():
    from gjax.models import GaussianTemporalModel

    start = Time("2025-01-01T00:00:00", scale="tt")
    gti = GTI.create([0, 3000] * u.s, [1000, 5000] * u.s, start)
    planned = Observation.create(
        POINTING, tstart=start, livetime="5000 s", irfs=demo_array(), reference_time=start
    ).copy(gti=gti)
    flare = GaussianTemporalModel(t_ref=start.utc.mjd + 4000 / 86400, sigma=f"{300 / 86400} d")
    constant, flaring = (
        model("source", PointSpatialModel("83.63 deg", "22.31 deg"), 1e-10, temporal_model=t) for t in (None, flare)
    )
    rng = np.random.default_rng(0)
    steady, burst = (np.sort(sample_model(rng, m, planned)["met"]) for m in (constant, flaring))
    for met in (steady, burst):
        assert np.all(((met >= 0) & (met <= 1000)) | ((met >= 3000) & (met <= 5000)))
    assert np.mean(steady < 1000) == pytest.approx(1 / 3, abs=0.05)
    assert burst.mean() == pytest.approx(4000, abs=40)
    assert burst.std() == pytest.approx(300, abs=30)
    # the mean of the factor over the good time
    factor = 300 * np.sqrt(2 * np.pi) / 3000
    assert len(burst) == pytest.approx(factor * len(steady), rel=0.15)


def test_background_with_a_model():
    planned = Observation.create(POINTING, livetime="10 min", irfs=demo_array())
    norm = PowerLawNormSpectralModel(norm=2.0, tilt=0.5)
    counts = [
        len(simulate_events(np.random.default_rng(0), models, planned).events.select_energy([1, 100] * u.TeV))
        for models in ([], [FoVBackgroundModel(spectral_model=norm, name="bkg")])
    ]
    assert 1.2 < counts[1] / counts[0] < 2.0


def test_a_background_that_turns_with_the_horizon():
    """All background on the side of the zenith: it turns with the sky."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    lon = MapAxis.from_edges(np.linspace(-2, 2, 5), unit="deg", name="fov_lon")
    rate = np.zeros((2, 4, 4))
    rate[:, 1:3, 3] = 2e-6
    bkg = Background3D([energy, lon, lon.copy(name="fov_lat")], rate, "s-1 MeV-1 sr-1", fov_alignment="ALTAZ")
    south = EarthLocation(lon="16 deg", lat="-23 deg", height="1800 m")
    time = Time("2025-01-01T20:00:00", scale="tt")
    planned = Observation.create(POINTING, livetime="3 h", tstart=time, irfs={"bkg": bkg}, location=south)
    table = simulate_events(np.random.default_rng(0), [], planned).events
    altaz = table.radec.transform_to(planned.get_pointing_altaz().replicate_without_data(obstime=table.time))
    there = POINTING.transform_to(altaz.replicate_without_data())
    assert len(altaz) > 100
    np.testing.assert_allclose((altaz.alt - there.alt).deg, 1.5, atol=0.6)
    with pytest.raises(ValueError, match="needs the place of the observatory"):
        simulate_events(np.random.default_rng(0), [], Observation.create(POINTING, livetime="1 h", irfs={"bkg": bkg}))
    with pytest.raises(ValueError, match="direction of the zenith"):
        sample_background(np.random.default_rng(0), POINTING, 60.0, bkg)


def test_impossible():
    rng = np.random.default_rng(0)
    planned = Observation.create(POINTING, livetime="1 h", irfs=demo_array())
    with pytest.raises(ValueError, match="no spatial model"):
        simulate_events(rng, model("nowhere", None), planned)
    with pytest.raises(TypeError, match="got str"):
        simulate_events(rng, ["crab"], planned)
    with pytest.raises(ValueError, match="effective area"):
        sample_model(rng, shapes()[0], Observation.create(POINTING, livetime="1 h"))
    with pytest.raises(ValueError, match="negative or not finite"):
        sample_model(rng, model("hole", PointSpatialModel("83 deg", "22 deg"), -1e-11), planned)
    with pytest.raises(ValueError, match="without exposure"):
        sample_model(rng, model("x", PointSpatialModel("83 deg", "22 deg"), apply_irf={"exposure": False}), planned)
    two = [FoVBackgroundModel(name="a"), FoVBackgroundModel(name="b")]
    with pytest.raises(ValueError, match="more than one background model"):
        simulate_events(rng, two, planned)

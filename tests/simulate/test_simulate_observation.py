"""Simulated observations agree with what the reduction predicts for them."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gjax.data import DataStore, Observations
from gjax.data.write import write_datastore
from gjax.datasets import SpectrumDataset
from gjax.makers import SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom
from gjax.simulate import (
    PointSource,
    demo_array,
    sample_background,
    simulate_observation,
    wobble_pointings,
)

CRAB = SkyCoord(83.63, 22.01, unit="deg")
POINTING = SkyCoord(83.63, 21.51, unit="deg")


def flux(energy):
    return 3.8e-11 * u.Unit("cm-2 s-1 TeV-1") * energy.to_value("TeV") ** -2.4


@pytest.fixture(scope="module")
def irfs():
    return demo_array()


@pytest.fixture(scope="module")
def long(irfs):
    """A long observation, so that counting errors are small."""
    source = PointSource(flux, CRAB)
    return simulate_observation(
        np.random.default_rng(1), source, POINTING, irfs, duration="8 h", deadtime_fraction=0.1, obs_id=3
    )


@pytest.fixture(scope="module")
def reduced(long):
    energy = MapAxis.from_energy_bounds("0.2 TeV", "30 TeV", 12)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", 120, name="energy_true")
    geom = RegionGeom.create(CircleSkyRegion(CRAB, 0.11 * u.deg), axes=[energy])
    empty = SpectrumDataset.create(geom, energy_axis_true=true, name="long")
    maker = SpectrumDatasetMaker(selection=["counts", "exposure", "background", "edisp"], containment_correction=True)
    return maker.run(empty, long)


def test_counts_agree_with_the_prediction(reduced):
    axis = reduced.exposure.geom.axes["energy_true"]
    edges = axis.edges.to_value("TeV")
    per_bin = 3.8e-11 * (edges[:-1] ** -1.4 - edges[1:] ** -1.4) / 1.4
    exposure = (reduced.exposure.data[:, 0, 0] * reduced.exposure.unit).to_value("cm2 s")
    signal = (per_bin * exposure) @ reduced.edisp.pdf_matrix
    predicted = signal + reduced.background.data[:, 0, 0]
    counts = reduced.counts.data[:, 0, 0]
    chi2 = np.sum((counts - predicted) ** 2 / predicted)
    assert counts.sum() > 4000
    assert chi2 < 30.0  # 12 bins: p = 0.003
    assert counts.sum() == pytest.approx(predicted.sum(), rel=0.045)


def test_background_alone_agrees_with_its_response(irfs):
    rng = np.random.default_rng(2)
    for bkg in (irfs["bkg"], irfs["bkg"].to_3d()):
        events = sample_background(rng, POINTING, 3600.0, bkg)
        place = SkyCoord(events["ra"], events["dec"], unit="deg")
        near = (place.separation(POINTING).deg < 0.5) & (events["energy"] > 0.5)
        energy, offset = np.geomspace(0.5, 99, 200), np.linspace(0, 0.5, 40)
        if "offset" in bkg.axes.names:
            rate = bkg.evaluate(energy=energy[:, None] * u.TeV, offset=offset[None] * u.deg)
        else:
            rate = bkg.evaluate(energy=energy[:, None] * u.TeV, fov_lon=offset[None] * u.deg, fov_lat=0 * u.deg)
        over_energy = np.trapezoid(rate.to_value("s-1 TeV-1 sr-1"), energy, axis=0)
        angle = np.radians(offset)
        expected = np.trapezoid(over_energy * 2 * np.pi * np.sin(angle), angle) * 3600
        assert near.sum() == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_psf_and_energy_dispersion_are_those_of_the_responses(irfs, long):
    events = long.events
    chosen = events.table["MC_ID"] == 1
    true = np.asarray(events.table["MC_ENERGY"])[chosen]
    band = (true > 0.9) & (true < 1.1)
    distance = events.radec[chosen][band].separation(CRAB).deg
    inside = irfs["psf"].containment(0.1 * u.deg, energy_true=1 * u.TeV, offset=0.5 * u.deg).value
    assert np.mean(distance < 0.1) == pytest.approx(inside, abs=4 * np.sqrt(0.25 / band.sum()))
    ratio = np.asarray(events.table["ENERGY"])[chosen][band] / true[band]
    assert np.std(np.log(ratio)) == pytest.approx(0.129, rel=0.06)
    assert np.mean(np.log(ratio)) == pytest.approx(0.0024, abs=0.015)


def test_times_and_header(long):
    time = long.events.met.to_value("s")
    assert np.all(np.diff(time) >= 0)
    start, stop = long.gti.met_start[0].to_value("s"), long.gti.met_stop[0].to_value("s")
    assert time.min() >= start
    assert time.max() <= stop
    assert stop - start == pytest.approx(8 * 3600)
    assert long.observation_live_time_duration.to_value("h") == pytest.approx(7.2)
    assert np.mean(time - start) == pytest.approx(4 * 3600, rel=0.02)
    assert long.events.pointing_radec.separation(POINTING).deg < 1e-9


def test_same_seed_same_events(irfs):
    one, two, other = (
        simulate_observation(np.random.default_rng(seed), PointSource(flux, CRAB), POINTING, irfs, duration="5 min")
        for seed in (7, 7, 8)
    )
    assert np.array_equal(one.events.table["ENERGY"], two.events.table["ENERGY"])
    assert len(one.events) != len(other.events) or not np.array_equal(one.events.table["RA"], other.events.table["RA"])


def test_written_and_read_again(tmp_path, irfs):
    observation = simulate_observation(
        np.random.default_rng(0), PointSource(flux, CRAB), POINTING, irfs, duration="2 min", obs_id=9
    )
    write_datastore(Observations([observation]), tmp_path / "store")
    store = DataStore.from_dir(tmp_path / "store")
    assert [r for r in store.check() if str(r["level"]).lower() == "error"] == []
    again = store.obs(9)
    assert np.array_equal(again.events.table["ENERGY"], observation.events.table["ENERGY"])
    assert np.array_equal(again.events.table["MC_ID"], observation.events.table["MC_ID"])
    for name in ("aeff", "edisp", "psf", "bkg"):
        assert getattr(again, name).is_allclose(irfs[name], rtol=1e-6)


def test_bad_input(irfs):
    rng = np.random.default_rng(0)
    source = PointSource(flux, CRAB)
    with pytest.raises(ValueError, match="duration"):
        simulate_observation(rng, source, POINTING, irfs, duration="0 s")
    with pytest.raises(ValueError, match="deadtime_fraction"):
        simulate_observation(rng, source, POINTING, irfs, deadtime_fraction=1.0)
    with pytest.raises(ValueError, match="effective area"):
        simulate_observation(rng, source, POINTING, {"bkg": irfs["bkg"]})
    with pytest.raises(ValueError, match="negative or not finite"):
        simulate_observation(rng, PointSource(lambda e: -flux(e), CRAB, name="x"), POINTING, irfs)
    empty = simulate_observation(rng, [], POINTING, {"aeff": irfs["aeff"]}, duration="1 s")
    assert len(empty.events) == 0


def test_sources_without_psf_and_dispersion_are_perfect(irfs):
    perfect = {"aeff": irfs["aeff"]}
    observation = simulate_observation(
        np.random.default_rng(0), PointSource(flux, CRAB), POINTING, perfect, duration="1 h"
    )
    assert observation.events.radec.separation(CRAB).deg.max() < 1e-6
    assert np.allclose(observation.events.table["ENERGY"], observation.events.table["MC_ENERGY"])


def test_a_source_outside_the_field_of_view_gives_no_events(irfs):
    far = PointSource(flux, SkyCoord(93.63, 22.01, unit="deg"))
    observation = simulate_observation(np.random.default_rng(0), far, POINTING, {"aeff": irfs["aeff"]})
    assert len(observation.events) == 0


def test_wobble_pointings():
    for number in (2, 3, 4, 5):
        points = wobble_pointings(CRAB, "0.7 deg", number)
        assert len(points) == number
        assert np.allclose([p.separation(CRAB).deg for p in points], 0.7)
        pairs = [points[i].separation(points[j]).deg for i in range(number) for j in range(i)]
        assert min(pairs) > 0.7

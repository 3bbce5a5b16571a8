"""OFF counts and acceptances."""

import logging

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, PointSkyRegion
from synthetic_observation import (
    ENERGY,
    POINTING,
    SOURCE,
    empty_dataset,
    make_aeff,
    make_observation,
    make_rad_max,
)

from gjax.makers import (
    ReflectedRegionsBackgroundMaker,
    ReflectedRegionsFinder,
    SafeMaskMaker,
    SpectrumDatasetMaker,
    WobbleRegionsFinder,
)


def reduce(observation, maker, region=None, selection=("counts", "exposure", "edisp")):
    dataset = SpectrumDatasetMaker(selection=selection).run(empty_dataset(region), observation)
    return maker.run(dataset, observation)


def values(region_map):
    return region_map.data.ravel()


def test_off_counts_are_the_events_in_the_off_regions():
    observation = make_observation()
    dataset = reduce(observation, ReflectedRegionsBackgroundMaker())
    regions, wcs = ReflectedRegionsFinder().run(CircleSkyRegion(SOURCE, 0.11 * u.deg), POINTING)
    inside = np.any([region.contains(observation.events.radec, wcs) for region in regions], axis=0)
    energy = observation.events.energy.to_value("TeV")[inside]
    np.testing.assert_array_equal(values(dataset.counts_off), np.histogram(energy, ENERGY.edges.value)[0])
    assert values(dataset.acceptance).tolist() == [1] * 6
    assert values(dataset.acceptance_off).tolist() == [len(regions)] * 6
    assert dataset.name == "empty"
    assert dataset.mask_safe.data.all()
    assert dataset.counts_off.geom.contains(observation.events.radec).sum() == inside.sum()


def test_estimate_of_a_flat_background_is_unbiased():
    maker = ReflectedRegionsBackgroundMaker()
    on, background, off = [], [], []
    for seed in range(12):
        dataset = reduce(make_observation(n_source=0, n_background=20000, seed=seed), maker, selection=("counts",))
        on.append(values(dataset.counts).sum())
        background.append(values(dataset.background).sum())
        off.append(values(dataset.counts_off).sum())
    n_off = values(dataset.acceptance_off)[0]
    error = np.sqrt(np.sum(on) + np.sum(off) / n_off**2)
    assert abs(np.sum(on) - np.sum(background)) < 4 * error


@pytest.mark.parametrize("exclusion", ["region", "list", "ds9", "file"])
def test_excluded_sky_is_not_used(exclusion, tmp_path):
    text = "icrs;circle(83.63, 23.01, 0.2)"
    (tmp_path / "excluded.reg").write_text(text)
    circle = CircleSkyRegion(SkyCoord(83.63, 23.01, unit="deg"), 0.2 * u.deg)
    given = {"region": circle, "list": [circle], "ds9": text, "file": tmp_path / "excluded.reg"}[exclusion]
    observation = make_observation()
    free = reduce(observation, ReflectedRegionsBackgroundMaker())
    masked = reduce(observation, ReflectedRegionsBackgroundMaker(exclusion_mask=given))
    assert values(masked.acceptance_off)[0] < values(free.acceptance_off)[0]
    off = ReflectedRegionsBackgroundMaker(exclusion_mask=given).find(masked, observation)
    assert off.centers.separation(circle.center).deg.min() > 0.2 + 0.11 - 0.015


def test_no_off_region(caplog):
    observation = make_observation(obs_id=4711, pointing=SOURCE.directional_offset_by(0 * u.deg, 0.05 * u.deg))
    with caplog.at_level(logging.WARNING):
        dataset = reduce(observation, ReflectedRegionsBackgroundMaker())
    assert "observation 4711" in caplog.text
    assert "the pointing position lies inside the ON region" in caplog.text
    assert values(dataset.acceptance_off).tolist() == [0] * 6
    assert values(dataset.counts_off).sum() == 0
    assert not dataset.mask_safe.data.any()
    assert values(dataset.counts).sum() > 0
    # A safe mask afterwards does not bring it back.
    assert not SafeMaskMaker(["aeff-max"]).run(dataset, observation).mask_safe.data.any()


def test_energy_dependent_cuts():
    observation = make_observation(rad_max=make_rad_max(), aeff=make_aeff(is_pointlike=True))
    maker = ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=3))
    dataset = reduce(observation, maker, PointSkyRegion(SOURCE))
    regions, _ = WobbleRegionsFinder(n_off_regions=3).run(PointSkyRegion(SOURCE), POINTING)
    energy = observation.events.energy.to_value("TeV")
    expected = np.zeros(6)
    for region in regions:
        inside = region.center.separation(observation.events.radec).deg <= np.where(energy < 1, 0.2, 0.1)
        expected += np.histogram(energy[inside], ENERGY.edges.value)[0]
    assert expected.sum() > 20
    np.testing.assert_array_equal(values(dataset.counts_off), expected)
    assert values(dataset.acceptance_off).tolist() == [3] * 6


def test_energy_dependent_cuts_that_overlap(caplog):
    observation = make_observation(rad_max=make_rad_max((0.4, 0.1, 0.1)), aeff=make_aeff(is_pointlike=True))
    maker = ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=3))
    with caplog.at_level(logging.WARNING):
        dataset = reduce(observation, maker, PointSkyRegion(SOURCE))
    assert "RAD_MAX overlap" in caplog.text
    assert values(dataset.acceptance_off).sum() == 0


def test_regions_that_do_not_fit_the_response():
    maker = ReflectedRegionsBackgroundMaker()
    varying = make_observation(rad_max=make_rad_max(), aeff=make_aeff(is_pointlike=True))
    with pytest.raises(ValueError, match="PointSkyRegion"):
        reduce(varying, maker)
    fixed = make_observation(aeff=make_aeff(is_pointlike=True, meta={"RAD_MAX": 0.2}))
    with pytest.raises(ValueError, match=r"0\.2 deg"):
        reduce(fixed, maker)
    assert values(reduce(fixed, maker, "icrs;circle(83.63, 22.01, 0.2)").acceptance_off)[0] > 3
    with pytest.raises(ValueError, match="RAD_MAX_2D"):
        maker.run(empty_dataset(PointSkyRegion(SOURCE)), make_observation())
    with pytest.raises(TypeError, match="WobbleRegionsFinder"):
        reduce(varying, maker, PointSkyRegion(SOURCE))


def test_no_events():
    observation = make_observation(n_source=0, n_background=0)
    assert values(reduce(observation, ReflectedRegionsBackgroundMaker()).counts_off).sum() == 0


def test_arguments():
    finder = ReflectedRegionsFinder()
    assert ReflectedRegionsBackgroundMaker(region_finder=finder).region_finder is finder
    assert ReflectedRegionsBackgroundMaker(max_region_number=3).region_finder.max_region_number == 3
    with pytest.raises(ValueError, match="min_distance"):
        ReflectedRegionsBackgroundMaker(region_finder=finder, min_distance="1 deg")

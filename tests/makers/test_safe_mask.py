"""Safe energies and offsets."""

import logging

import astropy.units as u
import numpy as np
import pytest
from synthetic_observation import (
    ENERGY,
    ENERGY_TRUE,
    IRF_ENERGY,
    OFFSET,
    SOURCE,
    empty_dataset,
    make_aeff,
    make_edisp,
    make_observation,
)

from gjax.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gjax.makers.safe import rising_threshold
from gjax.maps import MapAxis

EDGES = ENERGY.edges.value


def reduce(observation, **kwargs):
    return SpectrumDatasetMaker(**kwargs).run(empty_dataset(), observation)


def safe(dataset, observation=None, **kwargs):
    return SafeMaskMaker(**kwargs).run(dataset, observation).mask_safe.data.ravel()


def test_default_range_of_the_response():
    observation = make_observation(aeff=make_aeff(meta={"LO_THRES": 0.7, "HI_THRES": 20.0}))
    mask = safe(reduce(observation), observation)
    np.testing.assert_array_equal(mask, (EDGES[:-1] >= 0.7) & (EDGES[1:] <= 20))
    assert 0 < mask.sum() < 6


def test_no_default_range(caplog):
    observation = make_observation(obs_id=12)
    with caplog.at_level(logging.WARNING):
        assert safe(reduce(observation), observation).all()
    assert "observation 12" in caplog.text
    assert "LO_THRES" in caplog.text
    assert "HI_THRES" in caplog.text


@pytest.mark.parametrize("percent", [1, 10, 30, 99])
def test_fraction_of_the_effective_area(percent):
    observation = make_observation()
    dataset = reduce(observation)
    # aeff ~ E^0.5 up to the last bin of true energy
    last = ENERGY_TRUE.center.value[-1]
    threshold = last * (percent / 100) ** 2
    np.testing.assert_array_equal(
        safe(dataset, methods=["aeff-max"], aeff_percent=percent), EDGES[:-1] >= max(threshold, EDGES[0])
    )


def test_effective_area_elsewhere():
    slope = np.where(OFFSET.center.value < 1, 0.5, 3.0)
    data = 1e5 * np.minimum(1, IRF_ENERGY.center.value[:, np.newaxis] / 5) ** slope
    observation = make_observation(aeff=make_aeff().copy(data=data))
    dataset = reduce(observation)
    here = safe(dataset, methods=["aeff-max"])
    assert here.all()
    there = safe(dataset, observation, methods=["aeff-max"], fixed_offset="1.5 deg")
    assert 0 < there.sum() < here.sum()
    position = observation.get_pointing_icrs().directional_offset_by(30 * u.deg, 1.5 * u.deg)
    np.testing.assert_array_equal(safe(dataset, observation, methods=["aeff-max"], position=position), there)


def test_effective_area_zero_everywhere(caplog):
    observation = make_observation()
    dataset = reduce(observation)
    dataset = dataset.copy(exposure=dataset.exposure.copy(data=np.zeros(dataset.exposure.data.shape)))
    with caplog.at_level(logging.WARNING):
        assert not safe(dataset, methods=["aeff-max"]).any()
    assert "zero at all energies" in caplog.text


def test_rising_threshold():
    energy, values = np.array([1.0, 2, 4, 8, 16]), np.array([0.0, 1, 100, 100, 2])
    assert rising_threshold(energy, values, 0.1) == pytest.approx(2 * np.sqrt(2))
    assert rising_threshold(energy, values, 0.01) == 2
    # Values that fall below the fraction again at high energies do not matter.
    assert rising_threshold(energy, values[::-1].copy(), 0.1) == pytest.approx(
        np.exp(np.log(10 / 2) / np.log(50) * np.log(2))
    )
    assert rising_threshold(energy, np.array([100.0, 50, 1, 1, 1]), 0.1) == 1


def test_bias_of_the_energy_dispersion():
    bias = 0.5 * (IRF_ENERGY.center.value / 0.3) ** -1.0
    observation = make_observation(edisp=make_edisp(sigma=0.1, bias=np.clip(bias, 0, 0.5)))
    axis = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", 120)
    empty = empty_dataset(energy=axis, energy_true=axis.copy(name="energy_true"))
    dataset = SpectrumDatasetMaker().run(empty, observation)
    # The bias is 10 % at 1.5 TeV and 5 % at 3 TeV; the threshold is in reconstructed energy.
    for percent, threshold in ((10, 1.5 * 1.1), (5, 3 * 1.05)):
        mask = safe(dataset, methods=["edisp-bias"], bias_percent=percent)
        assert axis.edges.value[:-1][mask].min() == pytest.approx(threshold, rel=0.12)
        assert mask[np.argmax(mask) :].all()
        there = safe(dataset, observation, methods=["edisp-bias"], bias_percent=percent, fixed_offset="0.5 deg")
        np.testing.assert_array_equal(there, mask)


def test_largest_offset():
    observation = make_observation()
    dataset = reduce(observation)
    assert safe(dataset, observation, methods="offset-max", offset_max="0.51 deg").all()
    assert not safe(dataset, observation, methods="offset-max", offset_max="0.49 deg").any()


def test_peak_of_the_background():
    observation = make_observation()
    dataset = reduce(observation, selection=None)
    counts = np.array([1.0, 3, 7, 5, 2, 1])
    dataset = dataset.copy(background=dataset.background.copy(data=counts.reshape(6, 1, 1)))
    assert safe(dataset, methods=["bkg-peak"]).tolist() == [False, False, True, True, True, True]


def test_invalid_background_is_masked():
    dataset = reduce(make_observation(), selection=None)
    counts = np.array([1.0, 0, np.nan, 5, 2, 1]).reshape(6, 1, 1)
    dataset = dataset.copy(
        background=dataset.background.copy(data=counts),
        mask_safe=np.array([True, False, False, True, True, True]),
    )
    assert safe(dataset, methods=[]).tolist() == [True, False, False, True, True, True]
    on_off = ReflectedRegionsBackgroundMaker().run(reduce(make_observation()), make_observation())
    assert safe(on_off, methods=[]).all()  # no OFF counts at high energies is fine
    assert (on_off.counts_off.data == 0).any()


def test_methods_are_combined_and_nothing_comes_back():
    observation = make_observation(aeff=make_aeff(meta={"LO_THRES": 0.7, "HI_THRES": 20.0}))
    dataset = reduce(observation)
    dataset = dataset.copy(mask_safe=np.array([True, True, True, False, True, True]))
    both = safe(dataset, observation, methods=["aeff-default", "aeff-max"], aeff_percent=20)
    one = safe(dataset, observation, methods=["aeff-default"])
    other = safe(dataset, observation, methods=["aeff-max"], aeff_percent=20)
    np.testing.assert_array_equal(both, one & other)
    assert both.sum() < one.sum()
    assert not both[3]
    assert dataset.mask_safe.data.sum() == 5


def test_bad_arguments():
    dataset = reduce(make_observation())
    with pytest.raises(ValueError, match="aeff-min"):
        SafeMaskMaker(methods=["aeff-min"])
    with pytest.raises(ValueError, match="not both"):
        SafeMaskMaker(position=SOURCE, fixed_offset="1 deg")
    for kwargs in ({}, {"methods": ["offset-max"]}, {"methods": ["aeff-max"], "fixed_offset": "1 deg"}):
        with pytest.raises(ValueError, match="need an observation"):
            safe(dataset, **kwargs)
    for method, part in (("aeff-max", "exposure"), ("edisp-bias", "energy dispersion"), ("bkg-peak", "background")):
        empty = dataset.copy(exposure=None, edisp=None, background=None)
        with pytest.raises(ValueError, match=f"needs an? {part}"):
            safe(empty, methods=[method])

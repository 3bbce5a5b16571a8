"""Backgrounds of maps: field of view, ring, adaptive ring, phase."""

import logging
from types import SimpleNamespace

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Column
from regions import CircleSkyRegion
from synthetic_observation import ENERGY, SOURCE, empty_dataset, make_observation

from gjax.data import EventList
from gjax.datasets import MapDataset, MapDatasetOnOff, SpectrumDatasetOnOff
from gjax.makers import (
    AdaptiveRingBackgroundMaker,
    FoVBackgroundMaker,
    MapDatasetMaker,
    PhaseBackgroundMaker,
    RingBackgroundMaker,
    SpectrumDatasetMaker,
)
from gjax.makers.fov_background import fit_norm_and_tilt
from gjax.makers.phase import phase_intervals
from gjax.makers.ring import disk_kernel, ring_kernel
from gjax.maps import Map, MapAxis, WcsGeom

GEOM = WcsGeom.create(skydir=SOURCE, npix=(41, 31), binsz=0.1, proj="TAN", axes=[ENERGY])
CIRCLE = CircleSkyRegion(SOURCE, 0.5 * u.deg)


def make_dataset(factor=1.0, seed=0, source=500.0):
    """Poisson counts of a background that falls with energy, times a factor per energy, and a source."""
    shape = GEOM.data_shape
    background = np.broadcast_to(20.0 * ENERGY.center.value[:, None, None] ** -1.0, shape).copy()
    expected = background * np.reshape(factor, (-1, 1, 1))
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    counts[:, 15, 20] += source
    maps = {"counts": counts, "background": background}
    safe = Map.from_geom(GEOM, data=np.ones(shape, dtype=bool))
    return MapDataset(**{k: Map.from_geom(GEOM, data=v) for k, v in maps.items()}, mask_safe=safe, name="d")


# ---- field of view ----


@pytest.mark.parametrize("method", ["scale", "fit"])
def test_norm_outside_of_the_source(method):
    dataset = make_dataset(1.3)
    mask = GEOM.to_image().region_mask([CIRCLE], inside=False)
    scaled = FoVBackgroundMaker(method=method, exclusion_mask=mask).run(dataset)
    keep = np.broadcast_to(mask.data, GEOM.data_shape)
    norm = dataset.counts.data[keep].sum() / dataset.background.data[keep].sum()
    assert scaled.meta["bkg_norm"] == pytest.approx(norm)
    assert scaled.meta["bkg_norm_err"] == pytest.approx(norm / np.sqrt(dataset.counts.data[keep].sum()))
    assert scaled.meta["bkg_norm"] == pytest.approx(1.3, abs=5 * scaled.meta["bkg_norm_err"])
    np.testing.assert_allclose(scaled.background.data, norm * dataset.background.data)
    assert FoVBackgroundMaker().run(dataset).meta["bkg_norm"] > norm + 0.02  # with the source


@pytest.mark.parametrize(
    "exclusion",
    [
        CIRCLE,
        [CIRCLE],
        "icrs;circle(83.63, 22.01, 0.5)",
        GEOM.region_mask([CIRCLE], inside=False),
        WcsGeom.create(skydir=SOURCE, npix=60, binsz=0.1, proj="TAN").region_mask([CIRCLE], inside=False),
        GEOM.to_image().cutout(SOURCE, "2 deg").region_mask([CIRCLE], inside=False),
    ],
    ids=["region", "list", "ds9", "cube", "other-pixels", "cutout"],
)
def test_kinds_of_exclusions(exclusion):
    expected = FoVBackgroundMaker(exclusion_mask=GEOM.to_image().region_mask([CIRCLE], inside=False)).run(
        make_dataset()
    )
    found = FoVBackgroundMaker(exclusion_mask=exclusion).run(make_dataset())
    assert found.meta["bkg_norm"] == pytest.approx(expected.meta["bkg_norm"], rel=2e-3)
    assert found.meta["bkg_norm"] < 1.02  # the source would add more


def test_masks_count():
    dataset = make_dataset(1.0)
    counts = dataset.counts.data.copy()
    counts[:, :, :10] *= 5
    safe = np.ones(GEOM.data_shape, dtype=bool)
    safe[:, :, :10] = False
    spoiled = dataset.copy(counts=dataset.counts.copy(data=counts), mask_safe=dataset.counts.copy(data=safe))
    norm = FoVBackgroundMaker(exclusion_mask=CIRCLE).run(spoiled).meta["bkg_norm"]
    assert norm == pytest.approx(1, abs=0.02)
    fit = dataset.copy(counts=dataset.counts.copy(data=counts), mask_fit=dataset.counts.copy(data=safe))
    assert FoVBackgroundMaker(exclusion_mask=CIRCLE).run(fit).meta["bkg_norm"] == pytest.approx(norm)


def test_tilt():
    tilt = 0.2
    dataset = make_dataset(0.9 * ENERGY.center.value**-tilt, source=0)
    model = SimpleNamespace(
        norm=SimpleNamespace(value=1.0, frozen=False),
        tilt=SimpleNamespace(value=0.0, frozen=False),
        reference=SimpleNamespace(value=1000.0, unit="GeV"),
    )
    scaled = FoVBackgroundMaker(method="fit", spectral_model=model).run(dataset)
    meta = scaled.meta
    assert meta["bkg_tilt"] == pytest.approx(tilt, abs=4 * meta["bkg_tilt_err"])
    assert meta["bkg_norm"] == pytest.approx(0.9, abs=4 * meta["bkg_norm_err"])
    factor = meta["bkg_norm"] * ENERGY.center.value ** -meta["bkg_tilt"]
    np.testing.assert_allclose(scaled.background.data, dataset.background.data * factor[:, None, None])
    fixed = FoVBackgroundMaker(method="scale", spectral_model=model).run(dataset)
    assert fixed.meta["bkg_tilt"] == 0


def test_fit_of_norm_and_tilt_is_the_maximum():
    rng = np.random.default_rng(3)
    energy = np.geomspace(0.3, 30, 8)
    background = 1e3 * energy**-1.0
    counts = rng.poisson(background * 1.2 * energy**0.1).astype(float)
    (norm, tilt), errors = fit_norm_and_tilt(counts, background, energy)

    def statistic(n, t):
        mu = background * n * energy**-t
        return 2 * (mu - counts * np.log(mu)).sum()

    best = statistic(norm, tilt)
    for dn, dt in ((errors[0], 0), (-errors[0], 0), (0, errors[1]), (0, -errors[1])):
        assert statistic(norm + 1e-3 * dn, tilt + 1e-3 * dt) > best
    # one sigma with the other parameter free
    scan = min(statistic(norm + errors[0], t) for t in np.linspace(tilt - errors[1], tilt + errors[1], 2001))
    assert scan - best == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("change", "kwargs", "text"),
    [
        ({"counts": 0.0}, {}, "0 counts"),
        ({"background": 0.0}, {}, "background outside"),
        ({}, {"min_counts": 1e9}, "counts"),
        ({}, {"min_npred_background": 1e9}, "background outside"),
    ],
)
def test_run_that_cannot_be_scaled_is_masked(change, kwargs, text, caplog):
    dataset = make_dataset()
    maps = {name: getattr(dataset, name) * value for name, value in change.items()}
    with caplog.at_level(logging.WARNING):
        failed = FoVBackgroundMaker(**kwargs).run(dataset.copy(**maps))
    assert not failed.mask_safe.data.any()
    assert text in caplog.text


def test_field_of_view_refuses_nonsense():
    with pytest.raises(ValueError, match="method is 'magic'"):
        FoVBackgroundMaker(method="magic")
    with pytest.raises(ValueError, match="known is 'pl-norm'"):
        FoVBackgroundMaker(spectral_model="pl")
    with pytest.raises(ValueError, match="no norm, tilt and reference"):
        FoVBackgroundMaker(spectral_model=3)
    with pytest.raises(ValueError, match="needs a background"):
        FoVBackgroundMaker().run(make_dataset().copy(background=None))
    with pytest.raises(ValueError, match="not a region"):
        FoVBackgroundMaker().run(empty_dataset())
    with pytest.raises(ValueError, match="only 0"):
        FoVBackgroundMaker(exclusion_mask=Map.from_geom(GEOM.to_image(), data=np.full((31, 41), 0.5)))
    other = WcsGeom.create(skydir=SOURCE, npix=9, binsz=0.3, axes=[MapAxis.from_energy_bounds("1 TeV", "2 TeV", 2)])
    with pytest.raises(ValueError, match="2 energy bins"):
        FoVBackgroundMaker(exclusion_mask=Map.from_geom(other, data=np.ones(other.data_shape, bool))).run(
            make_dataset()
        )


# ---- rings ----


def brute_force(values, kernel, y, x):
    half = kernel.shape[0] // 2
    padded = np.pad(values, half)
    return (padded[y : y + 2 * half + 1, x : x + 2 * half + 1] * kernel).sum()


def test_ring_sums():
    dataset = make_dataset()
    mask = GEOM.to_image().region_mask([CIRCLE], inside=False)
    on_off = RingBackgroundMaker(r_in="0.6 deg", width="0.35 deg", exclusion_mask=mask).run(dataset)
    assert isinstance(on_off, MapDatasetOnOff)
    kernel = ring_kernel(6, 3.5)
    for energy, y, x in ((0, 15, 20), (3, 0, 0), (5, 30, 7)):
        kept = mask.data * dataset.counts.data[energy]
        assert on_off.counts_off.data[energy, y, x] == brute_force(kept, kernel, y, x)
        background = mask.data * dataset.background.data[energy]
        assert on_off.acceptance_off.data[energy, y, x] == pytest.approx(brute_force(background, kernel, y, x))
    np.testing.assert_allclose(on_off.acceptance.data, dataset.background.data)
    # what is estimated is the background, to a part of its Poisson noise
    assert on_off.background.data[:, 15, 20].sum() == pytest.approx(dataset.background.data[:, 15, 20].sum(), rel=0.1)


def test_no_ring_no_safe_bin():
    mask = np.zeros((31, 41), dtype=bool)
    mask[:, :5] = True
    on_off = RingBackgroundMaker("0.3 deg", "0.2 deg", exclusion_mask=Map.from_geom(GEOM.to_image(), data=mask)).run(
        make_dataset()
    )
    assert not on_off.mask_safe.data[:, :, 11:].any()
    assert (on_off.acceptance_off.data[:, :, 11:] == 0).all()
    assert on_off.mask_safe.data[:, :, 3].all()


def test_kernels():
    assert ring_kernel(2.0, 1.0).sum() == (disk_kernel(3.0) - np.pad(disk_kernel(1.99), 2)).sum()
    assert disk_kernel(10.0).sum() == pytest.approx(np.pi * 100, rel=0.02)


def test_adaptive_ring_takes_the_first_that_is_large_enough():
    dataset = make_dataset()
    options = {"r_in": "0.5 deg", "width": "0.3 deg", "r_out_max": "1.5 deg", "stepsize": "0.1 deg", "theta": "0.3 deg"}
    maker = AdaptiveRingBackgroundMaker(**options, threshold_alpha=0.2, exclusion_mask=CIRCLE)
    on_off = maker.run(dataset)
    keep = GEOM.to_image().region_mask([CIRCLE], inside=False).data
    theta = disk_kernel(3.0)
    for energy, y, x in ((0, 15, 20), (2, 14, 24), (5, 16, 12)):
        wanted = brute_force(dataset.background.data[energy], theta, y, x) / 0.2
        for r_in, width in maker.rings():
            off = brute_force(dataset.background.data[energy] * keep, ring_kernel(r_in * 10, width * 10), y, x)
            if off >= wanted:
                break
        else:
            pytest.fail("no ring is large enough: the test says nothing")
        assert on_off.acceptance_off.data[energy, y, x] == pytest.approx(off)
        counts = brute_force(dataset.counts.data[energy] * keep, ring_kernel(r_in * 10, width * 10), y, x)
        assert on_off.counts_off.data[energy, y, x] == counts
    np.testing.assert_allclose(on_off.acceptance.data, dataset.background.data)
    sizes = on_off.acceptance_off.data[0] / dataset.background.data[0, 0, 0]
    assert len(np.unique(np.round(sizes))) > 3
    assert not on_off.mask_safe.data[:, 2, 3].any()  # near the corner no ring is large enough


def test_adaptive_ring_that_never_suffices():
    maker = AdaptiveRingBackgroundMaker("0.5 deg", "0.9 deg", "0.3 deg", threshold_alpha=1e-3)
    assert not maker.run(make_dataset()).mask_safe.data.any()


def test_fixed_inner_radius():
    maker = AdaptiveRingBackgroundMaker("0.5 deg", "1 deg", "0.3 deg", stepsize="0.1 deg", method="fixed_r_in")
    np.testing.assert_allclose(maker.rings(), [(0.5, 0.3), (0.5, 0.4), (0.5, 0.5)])


@pytest.mark.parametrize(
    "options",
    [{"r_out_max": "0.6 deg"}, {"method": "fixed"}, {"stepsize": "0 deg"}, {"width": "-1 deg"}],
)
def test_impossible_adaptive_rings(options):
    with pytest.raises(ValueError, match=r"ring|method|stepsize"):
        AdaptiveRingBackgroundMaker(**{"r_in": "0.5 deg", "r_out_max": "1 deg", "width": "0.3 deg", **options})


def test_impossible_rings():
    with pytest.raises(ValueError, match="positive width"):
        RingBackgroundMaker("0.5 deg", "0 deg")
    with pytest.raises(ValueError, match="needs a background"):
        RingBackgroundMaker("0.5 deg", "0.2 deg").run(make_dataset().copy(background=None))


# ---- phase ----


def with_phases(observation):
    table = observation.events.table.copy()
    table.add_column(Column(np.random.default_rng(5).uniform(0, 1, len(table)), name="PHASE"))
    return observation.copy(events=EventList(table))


def test_phases_of_maps_and_spectra():
    observation = with_phases(make_observation())
    maker = PhaseBackgroundMaker(on_phase=(0.9, 1.1), off_phase=[(0.3, 0.5), (0.6, 0.8)])
    empty = MapDataset.create(GEOM)
    dataset = MapDatasetMaker(selection=["counts"]).run(empty, observation)
    on_off = maker.run(dataset, observation)
    phase = np.asarray(observation.events.table["PHASE"])
    selected = observation.events.select_mask((phase < 0.1) | (phase >= 0.9))
    assert on_off.counts.data.sum() == Map.from_geom(GEOM).fill_events(selected).data.sum()
    np.testing.assert_allclose(on_off.alpha.data, 0.5)
    spectrum = SpectrumDatasetMaker(selection=["counts"]).run(empty_dataset(), observation)
    on_off = maker.run(spectrum, observation)
    assert isinstance(on_off, SpectrumDatasetOnOff)
    assert 0 < on_off.counts.data.sum() < spectrum.counts.data.sum()
    np.testing.assert_allclose(on_off.alpha.data, 0.5)


def test_phases_are_checked():
    assert phase_intervals((-0.1, 0.1)) == [(0.0, 0.1), (0.9, 1.0)]
    assert phase_intervals((0.0, 1.0)) == [(0.0, 1.0)]
    with pytest.raises(ValueError, match="empty"):
        phase_intervals((0.3, 0.3))
    with pytest.raises(ValueError, match="overlap"):
        PhaseBackgroundMaker(on_phase=(0.1, 0.4), off_phase=(0.3, 0.7))
    observation = make_observation()
    dataset = MapDatasetMaker(selection=["counts"]).run(MapDataset.create(GEOM), observation)
    with pytest.raises(ValueError, match="no column 'PHASE'"):
        PhaseBackgroundMaker((0, 0.1), (0.5, 0.6)).run(dataset, observation)

"""Stacking: arithmetic on arrays, datasets, and agreement with the reference package."""

import astropy.units as u
import numpy as np
import pytest

from gjax.datasets import Datasets, SpectrumDataset, SpectrumDatasetOnOff, stack_datasets
from gjax.datasets._stacking import stack_acceptance, stack_response
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
GEOM = RegionGeom.create(None, axes=[ENERGY])
GEOM_TRUE = RegionGeom.create(None, axes=[TRUE])


def make(name, *, seed=0, mask=(True, True, True), **changes):
    """An on-off spectrum with random content."""
    rng = np.random.default_rng(seed)
    fields = {
        "counts": RegionNDMap(GEOM, data=rng.poisson(20, 3).astype(float)),
        "counts_off": RegionNDMap(GEOM, data=rng.poisson(50, 3).astype(float)),
        "acceptance": 1.0,
        "acceptance_off": rng.integers(5, 20, 3).astype(float),
        "exposure": RegionNDMap(GEOM_TRUE, data=rng.uniform(1, 5, 4), unit="m2 s", meta={"livetime": (seed + 1) * u.h}),
        "edisp": EDispKernel([TRUE, ENERGY], rng.dirichlet(np.ones(3), 4)),
        "mask_safe": np.array(mask),
    }
    return SpectrumDatasetOnOff(**{**fields, **changes}, name=name)


def predicted(dataset, flux):
    return (flux * dataset.exposure.data.ravel()) @ dataset.edisp.pdf_matrix


def test_stacked_prediction_is_the_sum_of_predictions_for_any_spectrum():
    a, b = make("a", seed=1, mask=(False, True, True)), make("b", seed=2, mask=(True, True, False))
    stacked = a.stack(b, name="sum")
    for flux in (np.ones(4), np.array([8.0, 3.0, 1.0, 0.1])):
        expected = sum(predicted(d, flux) * d.mask_safe.data.ravel() for d in (a, b))
        np.testing.assert_allclose(predicted(stacked, flux), expected, rtol=1e-12)
    assert stacked.name == "sum"


def test_background_estimate_is_kept():
    a, b = make("a", seed=1, mask=(False, True, True)), make("b", seed=2)
    stacked = a.stack(b)
    expected = sum(d.background.data.ravel() * d.mask_safe.data.ravel() for d in (a, b))
    np.testing.assert_allclose(stacked.background.data.ravel(), expected, rtol=1e-12)
    np.testing.assert_array_equal(stacked.acceptance.data.ravel(), [1, 2, 2])
    np.testing.assert_array_equal(stacked.mask_safe.data.ravel(), [True, True, True])
    assert stacked.livetime == 5 * u.h
    assert stacked.name == "a"


def test_order_and_grouping_change_nothing():
    runs = [make(str(i), seed=i, mask=np.roll((False, True, True), i)) for i in range(4)]
    at_once = Datasets(runs).stack_reduce(name="s")
    backwards = Datasets(runs[::-1]).stack_reduce(name="s")
    one_by_one = runs[0].stack(runs[1]).stack(runs[2]).stack(runs[3], name="s")
    for other in (backwards, one_by_one):
        for field in ("counts", "counts_off", "acceptance", "acceptance_off", "exposure"):
            np.testing.assert_allclose(getattr(other, field).data, getattr(at_once, field).data, rtol=1e-12)
        np.testing.assert_allclose(other.edisp.pdf_matrix, at_once.edisp.pdf_matrix, rtol=1e-12, atol=1e-15)


def test_inputs_are_not_changed():
    a, b = make("a", seed=1), make("b", seed=2)
    before = [a.counts.data.copy(), a.exposure.data.copy(), a.edisp.pdf_matrix.copy(), dict(a.exposure.meta)]
    a.stack(b)
    after = [a.counts.data, a.exposure.data, a.edisp.pdf_matrix]
    for old, new in zip(before, after):
        np.testing.assert_array_equal(old, new)
    assert a.exposure.meta == before[3]


def test_bins_without_off_counts_use_the_mean_alpha():
    acceptance, off = np.ones((2, 2)), np.array([[4.0, 4.0], [8.0, 8.0]])
    n_off = np.array([[4.0, 0.0], [8.0, 0.0]])
    _, stacked_off = stack_acceptance(acceptance, off, n_off, np.ones((2, 2), bool))
    # alpha n_off = 1 + 1 of 12 counts: alpha = 1/6 for both bins
    np.testing.assert_allclose(stacked_off, [12.0, 12.0])


def test_without_any_off_count_the_off_acceptances_add_up():
    _, off = stack_acceptance(np.ones((2, 1)), np.array([[4.0], [8.0]]), np.zeros((2, 1)), np.ones((2, 1), bool))
    np.testing.assert_array_equal(off, [12.0])


def test_response_without_exposure_is_zero_and_finite():
    response = stack_response(np.ones((2, 2, 1)), np.array([[0.0, 1.0], [0.0, 3.0]]), np.ones((2, 1), bool))
    np.testing.assert_array_equal(response, [[0.0], [1.0]])


def test_masked_bins_may_hold_anything():
    nan = RegionNDMap(GEOM, data=np.array([np.nan, 3.0, 4.0]))
    a = make("a", seed=1, mask=(False, True, True), counts=nan, acceptance_off=np.array([0.0, 5.0, 5.0]))
    stacked = a.stack(make("b", seed=2, mask=(False, True, True)))
    assert np.all(np.isfinite(stacked.counts.data))
    assert np.all(np.isfinite(stacked.acceptance_off.data))
    assert stacked.alpha.data.ravel()[0] == 0


def test_datasets_without_safe_bins_add_nothing():
    empty = make("dead", seed=5, mask=(False, False, False), counts_off=None, acceptance_off=None)
    a = make("a", seed=1)
    stacked = Datasets([empty, a]).stack_reduce()
    np.testing.assert_array_equal(stacked.counts.data, a.counts.data)
    assert stacked.livetime == a.livetime


def test_stacking_on_a_created_dataset():
    geom = RegionGeom.create(None, axes=[ENERGY])
    empty = SpectrumDataset.create(geom, energy_axis_true=TRUE, name="empty")
    data = SpectrumDataset(
        counts=RegionNDMap(GEOM, data=[1.0, 2.0, 3.0]),
        background=RegionNDMap(GEOM, data=[0.5, 0.5, 0.5]),
        exposure=RegionNDMap(GEOM_TRUE, data=np.ones(4), unit="m2 s"),
        name="data",
    )
    stacked = empty.stack(data)
    assert stacked.name == "empty"
    np.testing.assert_array_equal(stacked.background.data.ravel(), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(stacked.exposure.data.ravel(), np.ones(4))
    assert stacked.mask_safe.data.all()


def test_exposures_in_other_units_are_converted():
    a, b = make("a", seed=1), make("b", seed=2)
    in_cm2 = b.copy(exposure=b.exposure.to_unit("cm2 s"))
    np.testing.assert_allclose(a.stack(in_cm2).exposure.data, a.stack(b).exposure.data, rtol=1e-12)


def test_energy_dispersion_weights_before_containment():
    raw = [RegionNDMap(GEOM_TRUE, data=np.full(4, v), unit="m2 s") for v in (1.0, 3.0)]
    a, b = (make(n, seed=i, edisp_exposure=raw[i]) for i, n in enumerate("ab"))
    stacked = stack_datasets([a, b], edisp_weights="edisp_exposure")
    np.testing.assert_allclose(stacked.edisp.pdf_matrix, (a.edisp.pdf_matrix + 3 * b.edisp.pdf_matrix) / 4)
    np.testing.assert_array_equal(stacked.edisp_exposure.data.ravel(), np.full(4, 4.0))
    with pytest.raises(ValueError, match="edisp_exposure"):
        stack_datasets([make("a"), make("b")], edisp_weights="edisp_exposure")


def test_fit_masks_are_combined():
    a = make("a", seed=1, mask_fit=[True, False, False])
    b = make("b", seed=2, mask_fit=[False, True, False])
    np.testing.assert_array_equal(a.stack(b).mask_fit.data.ravel(), [True, True, False])


def test_meta_lists_what_differs():
    a, b = make("a", meta={"obs_id": 1, "instrument": "X"}), make("b", meta={"obs_id": 2, "instrument": "X"})
    meta = a.stack(b).meta
    assert meta["obs_id"] == [1, 2]
    assert meta["instrument"] == "X"


class TestErrors:
    def test_no_off_region_names_the_dataset(self):
        bad = make("23523", acceptance_off=0.0)
        with pytest.raises(ValueError, match=r"23523.*acceptance_off 0.*no off region"):
            make("a").stack(bad)

    def test_missing_off_counts(self):
        with pytest.raises(ValueError, match="datasets b have no counts_off"):
            make("a").stack(make("b", counts_off=None))

    def test_missing_acceptance_everywhere(self):
        bare = [make(n, acceptance_off=None, counts_off=None) for n in "ab"]
        with pytest.raises(ValueError, match="acceptance_off, counts_off"):
            stack_datasets(bare)

    def test_other_energy_axis(self):
        geom = RegionGeom.create(None, axes=[MapAxis.from_energy_bounds("1 TeV", "11 TeV", nbin=3)])
        other = SpectrumDatasetOnOff(
            counts=RegionNDMap(geom), counts_off=RegionNDMap(geom), acceptance=1, acceptance_off=1, name="other"
        )
        with pytest.raises(ValueError, match="energy axes of it and dataset 'a' differ"):
            make("a").stack(other)

    def test_mixed_types(self):
        with pytest.raises(ValueError, match="cannot stack SpectrumDatasetOnOff 'a' and SpectrumDataset 'b'"):
            stack_datasets([make("a"), make("b").to_spectrum_dataset()])

    def test_nothing(self):
        with pytest.raises(ValueError, match="no dataset"):
            Datasets().stack_reduce()

    def test_unknown_weights(self):
        with pytest.raises(ValueError, match="edisp_weights"):
            stack_datasets([make("a")], edisp_weights="counts")


@pytest.mark.data
def test_stacked_joint_crab_runs_as_in_the_reference_package(gammapy_data):
    # Numbers: Gammapy 2.1, Datasets.stack_reduce on the same files (single precision there).
    stacked = Datasets.read(gammapy_data / "joint-crab/spectra/hess").stack_reduce(name="stacked")
    kernel = stacked.edisp.pdf_matrix
    assert stacked.counts.data.sum() == 459
    assert stacked.counts_off.data.sum() == 645
    assert stacked.acceptance.data.sum() == 168
    assert stacked.mask_safe.data.sum() == 43
    np.testing.assert_allclose(stacked.acceptance_off.data.sum(), 4496.5664, rtol=1e-7)
    np.testing.assert_allclose(
        stacked.acceptance_off.data.ravel()[36:41], [0, 49.13385, 48.888893, 91.54034, 106.919426], rtol=3e-7
    )
    np.testing.assert_allclose(stacked.exposure.to_unit("m2 s").data.sum(), 8.3852214e10, rtol=1e-6)
    np.testing.assert_allclose(kernel.sum(axis=1)[40:72:8], [0.8654674, 0.99719054, 0.99998564, 0.9999671], rtol=1e-6)
    np.testing.assert_allclose(kernel.sum(axis=0)[40:72:8], [1.1373484, 1.0011251, 0.98210806, 1.0021162], rtol=1e-6)
    assert stacked.livetime.to_value("s") == pytest.approx(6313.81164062)
    info = stacked.info_dict()
    assert info["sqrt_ts"] == pytest.approx(38.59475234733206, rel=1e-6)
    assert info["stat_sum"] == pytest.approx(1530.3618437919727, rel=1e-6)

"""Spectra: construction, masks, slicing, resampling, summaries."""

import astropy.units as u
import numpy as np
import pytest

from gjax.datasets import Datasets, SpectrumDataset, SpectrumDatasetOnOff
from gjax.datasets._spectrum_tools import energy_mask
from gjax.errors import UnitError
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

ENERGY = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "200 TeV", nbin=3, name="energy_true")
GEOM = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[ENERGY])
GEOM_TRUE = GEOM.to_image().to_cube([TRUE])
KERNEL = EDispKernel([TRUE, ENERGY], np.arange(12.0).reshape(3, 4) / 50)


def on_off(**changes):
    fields = {
        "counts": RegionNDMap(GEOM, data=[8.0, 6.0, 4.0, 2.0]),
        "counts_off": RegionNDMap(GEOM, data=[20.0, 10.0, 5.0, 0.0]),
        "acceptance": 1,
        "acceptance_off": [10, 10, 5, 5],
        "exposure": RegionNDMap(GEOM_TRUE, data=[1.0, 2.0, 3.0], unit="m2 s", meta={"livetime": 1 * u.h}),
        "edisp": KERNEL,
        "mask_safe": [False, True, True, True],
        "name": "run",
    }
    return SpectrumDatasetOnOff(**{**fields, **changes})


def test_derived_maps():
    dataset = on_off()
    np.testing.assert_allclose(dataset.alpha.data.ravel(), [0.1, 0.1, 0.2, 0.2])
    np.testing.assert_allclose(dataset.background.data.ravel(), [2, 1, 1, 0])
    np.testing.assert_allclose(dataset.excess.data.ravel(), [6, 5, 3, 2])
    assert dataset.livetime == 3600 * u.s
    assert dataset.data_shape == (4, 1, 1)
    assert "4 bins, 3 in the fit" in repr(dataset)
    assert dataset._repr_html_().startswith("<pre>")


def test_undefined_alpha_is_nan_and_empty_alpha_zero():
    alpha = on_off(acceptance=[1, 0, 1, 1], acceptance_off=[0, 0, 5, 5]).alpha.data.ravel()
    assert np.isnan(alpha[0])
    assert alpha[1] == 0


def test_masks_as_arrays_and_their_combination():
    dataset = on_off()
    fitted = dataset.copy(mask_fit=dataset.energy_mask("1 TeV", "35 TeV"))
    np.testing.assert_array_equal(fitted.mask_fit.data.ravel(), [True, True, True, False])
    np.testing.assert_array_equal(fitted.mask.data.ravel(), [False, True, True, False])
    low, high = fitted.energy_range
    assert low.to_value("TeV") == pytest.approx(10**0.5)
    assert high.to_value("TeV") == pytest.approx(10**1.5)
    assert fitted.energy_range_safe[1] == 100 * u.TeV
    assert on_off(mask_safe=None).mask is None
    assert dataset.mask_fit is None
    assert np.isnan(on_off(mask_safe=np.zeros(4)).energy_range[0])


def test_energy_mask_takes_whole_bins_and_forgives_rounding():
    edges = MapAxis([1e9, 1e10, 1.0000000001e11], unit="keV", name="energy", interp="log")
    np.testing.assert_array_equal(energy_mask(edges, 1 * u.TeV, 100 * u.TeV), [True, True])
    np.testing.assert_array_equal(energy_mask(edges, 1.01 * u.TeV, None), [False, True])
    with pytest.raises(UnitError, match="expected an energy"):
        energy_mask(edges, "1 m", None)


def test_slice_by_energy():
    part = on_off().slice_by_energy("3 TeV", "30 TeV", name="part")
    assert part.name == "part"
    np.testing.assert_allclose(part.energy_axis.bounds.to_value("TeV"), [10**0.5, 10**1.5])
    np.testing.assert_array_equal(part.counts.data.ravel(), [6, 4])
    np.testing.assert_array_equal(part.acceptance_off.data.ravel(), [10, 5])
    np.testing.assert_array_equal(part.edisp.pdf_matrix, KERNEL.pdf_matrix[:, 1:3])
    np.testing.assert_array_equal(part.exposure.data.ravel(), [1, 2, 3])
    with pytest.raises(ValueError, match="no overlap"):
        on_off().slice_by_energy("200 TeV", "300 TeV")
    with pytest.raises(ValueError, match="sliced along 'energy' only"):
        on_off().slice_by_idx({"energy_true": slice(0, 2)})


def test_resampling_sums_safe_bins_and_keeps_the_background():
    dataset = on_off()
    coarse = dataset.resample_energy_axis(MapAxis.from_energy_edges([1, 10, 100] * u.TeV))
    np.testing.assert_array_equal(coarse.counts.data.ravel(), [6, 6])
    np.testing.assert_array_equal(coarse.counts_off.data.ravel(), [10, 5])
    np.testing.assert_allclose(coarse.background.data.ravel(), [1, 1])
    np.testing.assert_array_equal(coarse.mask_safe.data.ravel(), [True, True])
    kernel = KERNEL.pdf_matrix
    np.testing.assert_allclose(coarse.edisp.pdf_matrix, np.stack([kernel[:, 1], kernel[:, 2] + kernel[:, 3]], axis=1))
    image = dataset.to_image()
    assert image.counts.data.ravel() == [12]
    assert image.background.data.ravel() == pytest.approx([2])


@pytest.mark.data
def test_resampling_as_in_the_reference_package(gammapy_data):
    dataset = SpectrumDatasetOnOff.read(gammapy_data / "joint-crab/spectra/hess/pha_obs23559.fits")
    coarse = dataset.resample_energy_axis(MapAxis.from_energy_edges(dataset.energy_axis.edges[::4]))
    part = slice(9, 16)
    np.testing.assert_array_equal(coarse.counts.data.ravel()[part], [44, 32, 27, 7, 3, 1, 4])
    np.testing.assert_array_equal(coarse.counts_off.data.ravel()[part], [80, 58, 30, 19, 9, 9, 5])
    np.testing.assert_array_equal(coarse.acceptance.data.ravel()[part], [3, 4, 4, 4, 4, 4, 4])
    np.testing.assert_allclose(coarse.acceptance_off.data.ravel()[part], [120, 160, 160, 160, 160, 160, 160])
    expected = [4.369333619, 4.229358735, 4.007103868, 3.980198746, 4.015286646, 3.980309452, 3.950514366]
    np.testing.assert_allclose(coarse.edisp.pdf_matrix.sum(axis=0)[part], expected, rtol=1e-8)


def test_conversion_between_the_two_kinds():
    dataset = on_off()
    spectrum = dataset.to_spectrum_dataset()
    assert isinstance(spectrum, SpectrumDataset)
    assert spectrum.name == "run"
    np.testing.assert_allclose(spectrum.background.data, dataset.background.data)
    back = SpectrumDatasetOnOff.from_spectrum_dataset(spectrum, acceptance=1, acceptance_off=[10, 10, 5, 5])
    np.testing.assert_allclose(back.counts_off.data, dataset.counts_off.data)
    assert back.exposure is dataset.exposure


def test_info_of_on_off_data():
    info = on_off(gti=None).info_dict()
    # 12 counts, 15 off counts, background 2: one significance for the sums
    assert info["counts"] == 12
    assert info["counts_off"] == 15
    assert info["background"] == pytest.approx(2)
    assert info["alpha"] == pytest.approx(2 / 15)
    assert info["acceptance"] == 3
    assert info["acceptance_off"] == pytest.approx(3 * 15 / 2)
    n, m, a = 12, 15, 2 / 15
    li_ma = np.sqrt(2 * (n * np.log((1 + a) / a * n / (n + m)) + m * np.log((1 + a) * m / (n + m))))
    assert info["sqrt_ts"] == pytest.approx(li_ma)
    assert info["excess_rate"].to_value("1 / h") == pytest.approx(10)
    assert (info["n_bins"], info["n_fit_bins"], info["stat_type"]) == (4, 3, "wstat")
    assert on_off().info_dict(in_safe_data_range=False)["counts"] == 20


def test_info_of_incomplete_data():
    info = on_off(counts_off=None, exposure=None, edisp=None).info_dict()
    assert info["counts"] == 12
    assert np.isnan(info["sqrt_ts"])
    assert np.isnan(info["livetime"].value)
    spectrum = SpectrumDataset(counts=RegionNDMap(GEOM, data=[1.0, 1, 1, 1]), name="bare")
    assert np.isnan(spectrum.info_dict()["background"])
    with pytest.raises(ValueError, match="excess needs counts and background"):
        spectrum.excess


def test_info_of_a_known_background():
    spectrum = SpectrumDataset(
        counts=RegionNDMap(GEOM, data=[10.0, 10, 0, 0]), background=RegionNDMap(GEOM, data=[4.0, 4, 1, 1]), name="s"
    )
    info = spectrum.info_dict()
    assert info["sqrt_ts"] == pytest.approx(np.sqrt(2 * (20 * np.log(2) - 10)))
    assert info["stat_sum"] == pytest.approx(2 * (10 - 20 * np.log(4)))
    assert info["stat_type"] == "cash"


def test_info_table_has_units_and_cumulates():
    datasets = Datasets([on_off(name="a"), on_off(name="b")])
    table = datasets.info_table()
    assert table["livetime"].unit == u.s
    assert table["name"].tolist() == ["a", "b"]
    cumulative = datasets.info_table(cumulative=True)
    assert cumulative["counts"].tolist() == [12, 24]
    assert cumulative["sqrt_ts"][1] == pytest.approx(np.sqrt(2) * cumulative["sqrt_ts"][0])
    with pytest.raises(ValueError, match="one type"):
        Datasets([on_off(name="a"), on_off(name="b").to_spectrum_dataset()]).info_table()


def test_empty_dataset():
    empty = SpectrumDataset.create(GEOM, energy_axis_true=TRUE)
    assert len(empty.name) == 8
    assert not empty.mask_safe.data.any()
    assert empty.exposure.geom.axes["energy_true"] is TRUE
    assert empty.exposure.geom.region is GEOM.region
    default = SpectrumDataset.create(GEOM)
    assert default.exposure.geom.axes["energy_true"].nbin == 4
    with pytest.raises(TypeError, match="RegionGeom"):
        SpectrumDataset.create("circle")


class TestErrors:
    def test_negative_or_nan_counts_in_safe_bins(self):
        bad = RegionNDMap(GEOM, data=[np.nan, 1.0, np.nan, -1.0])
        with pytest.raises(ValueError, match=r"'run': counts is negative or not finite in bins \[2, 3\]"):
            on_off(counts=bad)

    def test_nan_in_responses(self):
        bad = RegionNDMap(GEOM_TRUE, data=[1.0, np.nan, 1.0], unit="m2 s")
        with pytest.raises(ValueError, match=r"exposure is negative or not finite in bins \[1\]"):
            on_off(exposure=bad)
        with pytest.raises(ValueError, match="edisp is negative or not finite"):
            on_off(edisp=EDispKernel([TRUE, ENERGY], np.full((3, 4), np.nan)))

    def test_negative_acceptance(self):
        with pytest.raises(ValueError, match="acceptance_off is negative"):
            on_off(acceptance_off=-1)

    def test_exposure_unit(self):
        with pytest.raises(UnitError, match=r"exposure is in 'm2', expected a unit like 'm2 s'"):
            on_off(exposure=RegionNDMap(GEOM_TRUE, data=1.0, unit="m2"))

    def test_axes_that_do_not_fit(self):
        other = MapAxis.from_energy_bounds("1 TeV", "90 TeV", nbin=4)
        with pytest.raises(ValueError, match="energy axes of counts and edisp differ"):
            on_off(edisp=EDispKernel([TRUE, other], np.zeros((3, 4))))
        with pytest.raises(ValueError, match="energy axes of counts and counts_off differ"):
            on_off(counts_off=RegionNDMap.create(None, axes=[other]))
        true = TRUE.copy(nodes=TRUE.edges * 1.1)
        with pytest.raises(ValueError, match="energy_true axes of exposure and edisp differ"):
            on_off(edisp=EDispKernel([true, ENERGY], np.zeros((3, 4))))

    def test_mask_of_wrong_size_or_kind(self):
        with pytest.raises(ValueError, match="mask_safe has 3 entries, expected 4"):
            on_off(mask_safe=[True, True, False])
        with pytest.raises(ValueError, match="mask_fit has values other than"):
            on_off(mask_fit=[0.5, 1, 1, 1])

    def test_missing_axis(self):
        with pytest.raises(ValueError, match="axis named 'energy'"):
            SpectrumDataset(counts=RegionNDMap(GEOM_TRUE))
        with pytest.raises(ValueError, match="axis named 'energy_true'"):
            SpectrumDataset(exposure=RegionNDMap(GEOM, unit="m2 s"))

    def test_numbers_without_counts(self):
        with pytest.raises(ValueError, match="acceptance given as numbers needs counts"):
            SpectrumDatasetOnOff(acceptance=1)
        with pytest.raises(ValueError, match="no counts, so no energy axis"):
            SpectrumDatasetOnOff(name="x").energy_axis
        with pytest.raises(ValueError, match="alpha needs"):
            on_off(acceptance_off=None).alpha

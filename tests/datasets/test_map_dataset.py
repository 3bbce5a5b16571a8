"""Map datasets: geometries, checks of what is put in, masks, residuals, summaries."""

import dataclasses

import astropy.units as u
import numpy as np
import pytest

from gjax.datasets import Datasets, MapDataset, MapDatasetOnOff, map_residuals
from gjax.datasets._map_checks import without_background
from gjax.errors import UnitError
from gjax.irf import EDispKernelMap, EDispMap, PSFMap, RecoPSFMap
from gjax.maps import MapAxis, RegionGeom, WcsGeom, WcsNDMap


class TestCreate:
    def test_defaults(self, map_geom):
        dataset = MapDataset.create(map_geom, name="empty")
        assert dataset.name == "empty"
        assert dataset.counts.data.shape == dataset.background.data.shape == (3, 16, 20)
        assert dataset.exposure.geom.axes.names == ["energy_true"]
        assert dataset.exposure.unit == "m2 s"
        assert not dataset.mask_safe.data.any()
        assert dataset.gti.time_sum == 0 * u.s
        assert isinstance(dataset.psf, PSFMap)
        assert isinstance(dataset.edisp, EDispKernelMap)
        rad = dataset.psf.axes["rad"]
        assert (rad.nbin, rad.edges[-1].to_value("deg")) == (66, pytest.approx(0.66))
        np.testing.assert_allclose(dataset.psf.geom.pixel_scales.to_value("deg"), 0.2)
        assert not dataset.psf.exposure_map.data.any()

    def test_responses_of_other_kinds(self, map_geom):
        migra = MapAxis.from_bounds(0.2, 5, nbin=48, name="migra")
        dataset = MapDataset.create(map_geom, migra_axis=migra, reco_psf=True, binsz_irf="0.4 deg")
        assert isinstance(dataset.edisp, EDispMap)
        assert isinstance(dataset.psf, RecoPSFMap)
        assert dataset.edisp.geom.data_shape == (3, 48, 4, 5)
        assert set(dataset.geoms) == {"geom", "geom_exposure", "geom_psf", "geom_edisp"}
        again = MapDataset.from_geoms(**dataset.geoms)
        assert again.psf.geom.data_shape == dataset.psf.geom.data_shape

    def test_only_counts(self, map_geom):
        dataset = MapDataset.from_geoms(map_geom)
        assert dataset.exposure is None
        assert dataset.psf is None
        assert dataset.geoms.keys() == {"geom"}

    def test_on_a_region(self):
        axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
        geom = RegionGeom.create("icrs;circle(83.63, 22.01, 0.5)", axes=[axis])
        dataset = MapDataset.create(geom)
        assert dataset.data_shape == (2, 1, 1)

    def test_wrong_axes(self, map_geom):
        with pytest.raises(ValueError, match="needs an axis named 'energy'"):
            MapDataset.create(map_geom.to_image())
        with pytest.raises(ValueError, match="expected an axis named 'energy_true', got 'energy'"):
            MapDataset.create(map_geom, energy_axis_true=map_geom.axes["energy"])


class TestChecks:
    @pytest.mark.parametrize("field", ["counts", "background"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
    def test_bad_value_in_safe_bin(self, make_map, field, value):
        dataset = make_map("bad")
        data = getattr(dataset, field).data.copy()
        data[1, 2, 3] = value
        with pytest.raises(ValueError, match=rf"dataset 'bad': {field} is negative or not finite in 1 .*\(1, 2, 3\)"):
            dataset.copy(**{field: getattr(dataset, field).copy(data=data)})

    def test_bad_value_in_unsafe_bin(self, make_map):
        dataset = make_map()
        safe, data = np.ones(dataset.data_shape, bool), dataset.counts.data.copy()
        safe[1, 2, 3], data[1, 2, 3] = False, np.nan
        changed = dataset.copy(counts=dataset.counts.copy(data=data), mask_safe=safe)
        assert np.isfinite(changed.info_dict()["counts"])

    def test_round_off_below_zero(self, make_map):
        dataset = make_map()
        data = dataset.background.data.copy()
        data[0, 0, 0] = -1e-16
        assert dataset.copy(background=dataset.background.copy(data=data)).background.data[0, 0, 0] == -1e-16

    def test_exposure(self, make_map):
        dataset = make_map("a")
        with pytest.raises(UnitError, match="dataset 'a': exposure is in 's'"):
            dataset.copy(exposure=dataset.exposure.copy(data=dataset.exposure.data, unit="s"))
        data = dataset.exposure.data.copy()
        data[0, 1, 1] = np.nan
        with pytest.raises(ValueError, match="exposure is negative or not finite"):
            dataset.copy(exposure=dataset.exposure.copy(data=data))
        with pytest.raises(ValueError, match="needs an axis named 'energy_true'"):
            dataset.copy(exposure=dataset.counts.copy(data=dataset.counts.data, unit="m2 s"))

    def test_geometries(self, make_map, map_geom, center):
        dataset = make_map("a")
        shifted = map_geom.to_image().copy(npix=(20, 15)).to_cube(map_geom.axes)
        with pytest.raises(ValueError, match="dataset 'a': background has another geometry"):
            dataset.copy(background=WcsNDMap(shifted))
        other = WcsGeom.create(skydir=center, binsz=0.2, width=(4, 3.2), proj="TAN", axes=map_geom.axes)
        with pytest.raises(ValueError, match="dataset 'a': exposure has other pixels"):
            dataset.copy(exposure=WcsNDMap(other.to_image().to_cube(dataset.exposure.geom.axes), unit="m2 s"))
        axis = MapAxis.from_energy_bounds("1 TeV", "20 TeV", nbin=3)
        with pytest.raises(ValueError, match="the energy axes of the first map and background differ"):
            dataset.copy(background=WcsNDMap(map_geom.to_image().to_cube([axis])))
        wrong = EDispKernelMap.from_diagonal_response(axis, dataset.exposure.geom.axes["energy_true"])
        with pytest.raises(ValueError, match="the energy axes of counts and edisp differ"):
            dataset.copy(edisp=wrong)

    def test_masks(self, make_map):
        dataset = make_map("a")
        with pytest.raises(ValueError, match="mask_fit has values other than True and False"):
            dataset.copy(mask_fit=dataset.counts)
        with pytest.raises(ValueError, match=r"mask_fit has the shape \(4, 4\)"):
            dataset.copy(mask_fit=np.ones((4, 4)))
        integers = dataset.counts.copy(data=np.ones(dataset.data_shape, dtype=int))
        assert dataset.copy(mask_fit=integers).mask_fit.data.dtype == bool

    def test_frozen(self, make_map):
        with pytest.raises(dataclasses.FrozenInstanceError):
            make_map().counts = None

    def test_report(self, make_map):
        assert make_map().check() == []
        dataset = make_map("a", psf=None)
        data = dataset.background.data.copy()
        data[0, :2] = 0.0
        changed = dataset.copy(background=dataset.background.copy(data=data))
        bad = without_background(changed)
        np.testing.assert_array_equal(bad, (dataset.counts.data > 0) & (data == 0))
        records = {record["field"]: record for record in changed.check()}
        assert f"{dataset.counts.data[bad].sum():g} counts lie in {bad.sum()} bins" in records["background"]["msg"]
        assert records["background"]["dataset"] == "a"
        assert records["psf"]["level"] == "warning"
        assert f"{bad.sum()} bins with counts but no background" in repr(changed)
        # Outside of the fit it does not matter.
        mask = np.ones(dataset.data_shape, bool)
        mask[0, :2] = False
        assert not without_background(changed.copy(mask_fit=mask)).any()

    def test_empty_mask(self, make_map):
        dataset = make_map(mask_safe=np.zeros((3, 16, 20), bool))
        assert [(r["level"], r["field"]) for r in dataset.check()] == [("error", "mask_safe")]
        assert np.isnan(dataset.energy_range[0])
        fit = make_map(mask_fit=np.zeros((3, 16, 20), bool))
        assert [r["field"] for r in fit.check()] == ["mask"]
        assert "0 in the fit" in repr(fit)

    def test_no_exposure(self, make_map):
        fields = {r["field"] for r in make_map(exposure=None, counts=None, psf=None, edisp=None).check()}
        assert {"exposure", "counts"} <= fields
        empty = make_map()
        assert empty.copy(exposure=empty.exposure.copy(data=0 * empty.exposure.data)).check()[0]["field"] == "exposure"


class TestMasks:
    def test_ranges(self, make_map):
        safe = np.zeros((3, 16, 20), bool)
        safe[1:, 4:8, 4:8] = True
        dataset = make_map(mask_safe=safe)
        fit = dataset.copy(mask_fit=dataset.energy_mask("1 TeV", "5 TeV"))
        edges = dataset.energy_axis.edges
        assert fit.energy_range_safe == (edges[1], edges[3])
        assert fit.energy_range == (edges[1], edges[2])
        assert fit.mask.data.sum() == 16
        assert dataset.mask_safe_image.data.sum() == 16
        assert dataset.mask_safe_image.data.shape == (1, 16, 20)
        assert make_map(mask_safe=None).mask is None
        assert make_map(mask_safe=None).mask_safe_image is None


class TestResiduals:
    def test_formulas(self, make_map):
        dataset = make_map(mask_safe=np.arange(3)[:, None, None] > np.zeros((3, 16, 20)))
        npred = dataset.background
        n, mu = dataset.counts.data[1:], npred.data[1:]
        assert np.isnan(dataset.residuals(npred).data[0]).all()
        np.testing.assert_allclose(dataset.residuals(npred).data[1:], n - mu)
        np.testing.assert_allclose(dataset.residuals(npred.data, "diff/model").data[1:], (n - mu) / mu)
        np.testing.assert_allclose(dataset.residuals(npred, "diff/sqrt(model)").data[1:], (n - mu) / np.sqrt(mu))

    def test_smoothing_respects_the_mask(self, make_map):
        safe = np.ones((3, 16, 20), bool)
        safe[:, :, :5] = False
        dataset = make_map(mask_safe=safe)
        flat = dataset.copy(counts=dataset.counts.copy(data=np.where(safe, 2.0, 50.0)))
        residuals = flat.residuals(np.full((3, 16, 20), 1.5), width="0.2 deg")
        np.testing.assert_allclose(residuals.data[safe], 0.5, rtol=1e-6)

    def test_errors(self, make_map):
        dataset = make_map()
        with pytest.raises(ValueError, match="method is 'ratio'"):
            dataset.residuals(dataset.background, "ratio")
        with pytest.raises(ValueError, match="npred has the shape"):
            map_residuals(dataset.counts, np.ones(3))


class TestOnOff:
    def test_background(self, make_on_off):
        dataset = make_on_off(acceptance=1.0, acceptance_off=[4.0, 2.0, 0.0])
        np.testing.assert_allclose(dataset.alpha.data[:2, 0, 0], [0.25, 0.5])
        assert np.isnan(dataset.alpha.data[2]).all()
        np.testing.assert_allclose(dataset.background.data[1], 0.5 * dataset.counts_off.data[1])
        np.testing.assert_allclose(dataset.excess.data[0], (dataset.counts.data - dataset.background.data)[0])

    def test_conversion(self, make_map, make_on_off):
        dataset = make_map("a")
        on_off = MapDatasetOnOff.from_map_dataset(dataset, 1.0, 5.0)
        np.testing.assert_allclose(on_off.background.data, dataset.background.data)
        back = on_off.to_map_dataset()
        assert back.name == "a"
        np.testing.assert_allclose(back.background.data, dataset.background.data)
        assert back.psf is dataset.psf
        undefined = make_on_off(acceptance_off=[4.0, 2.0, 0.0]).to_map_dataset()
        np.testing.assert_array_equal(undefined.mask_safe.data.any(axis=(1, 2)), [True, True, False])

    def test_create(self, map_geom):
        dataset = MapDatasetOnOff.create(map_geom, name="empty")
        assert dataset.acceptance.data.shape == (3, 16, 20)
        assert dataset.name == "empty"
        assert not dataset.background.data.any()
        with pytest.raises(ValueError, match="alpha needs"):
            _ = MapDatasetOnOff(counts=dataset.counts).alpha

    def test_negative_acceptance(self, make_on_off):
        with pytest.raises(ValueError, match="acceptance_off is negative"):
            make_on_off(acceptance_off=-1.0)


class TestInfo:
    def test_numbers(self, make_map):
        safe = np.ones((3, 16, 20), bool)
        safe[0] = False
        dataset = make_map("a", mask_safe=safe)
        info = dataset.info_dict()
        assert info["counts"] == dataset.counts.data[1:].sum()
        assert info["background"] == pytest.approx(dataset.background.data[1:].sum())
        assert info["n_bins"] == 960
        assert info["n_fit_bins"] == 640
        assert info["livetime"] == 100 * u.s
        assert info["ontime"] == 110 * u.s
        n, mu = dataset.counts.data[1:], dataset.background.data[1:]
        assert info["stat_sum"] == pytest.approx(2 * (mu - n * np.log(mu)).sum())
        assert dataset.info_dict(in_safe_data_range=False)["counts"] == dataset.counts.data.sum()

    def test_table(self, make_map, make_on_off):
        datasets = Datasets([make_map("a"), make_map("b", seed=1)])
        table = datasets.info_table()
        assert list(table["name"]) == ["a", "b"]
        cumulative = datasets.info_table(cumulative=True)
        assert cumulative["counts"][1] == table["counts"].sum()
        assert cumulative["livetime"][1] == 200 * u.s
        on_off = make_on_off().info_dict()
        assert on_off["alpha"] == pytest.approx(0.25)
        assert on_off["stat_type"] == "wstat"
        assert np.isfinite(on_off["stat_sum"])

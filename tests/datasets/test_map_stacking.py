"""Stacking of map datasets: sums, weighted responses, borders, and what cannot be stacked."""

import logging
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from gjax.datasets import Datasets, MapDataset, stack_datasets, stack_map_datasets
from gjax.datasets._map_weights import mask_at_centres, pixel_sums
from gjax.datasets.map_stacking import overlap
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom

GOLDEN = Path(__file__).parent


@pytest.fixture
def empty(make_map):
    """Nothing, on the geometry of the runs."""
    run = make_map()
    return MapDataset.from_geoms(**run.geoms, name="stacked")


def some_mask(seed, threshold=0):
    mask = np.random.default_rng(seed).random((3, 16, 20)) > 0.4
    mask[:threshold] = False
    return mask


class TestSums:
    def test_maps(self, make_map, empty):
        runs = [make_map(f"r{i}", seed=i, mask_safe=some_mask(i)) for i in range(3)]
        stacked = stack_map_datasets(empty, runs)
        masks = [run.mask_safe.data for run in runs]
        for field in ("counts", "background"):
            expected = sum(np.where(m, getattr(r, field).data, 0) for m, r in zip(masks, runs))
            np.testing.assert_allclose(getattr(stacked, field).data, expected)
        expected = sum(np.where(m.any(axis=0), r.exposure.data, 0) for m, r in zip(masks, runs))
        np.testing.assert_allclose(stacked.exposure.data, expected)
        np.testing.assert_array_equal(stacked.mask_safe.data, np.logical_or.reduce(masks))
        assert stacked.livetime == 300 * u.s
        assert stacked.gti.time_sum == 330 * u.s
        assert stacked.name == "stacked"
        # one after the other is the same
        one = empty.stack(runs[0]).stack(runs[1:], name="x")
        np.testing.assert_allclose(one.psf.psf_map.data, stacked.psf.psf_map.data)
        assert one.name == "x"

    def test_inputs_stay(self, make_map, empty):
        run = make_map()
        before = {f: getattr(d, f).data.copy() for d in (empty, run) for f in ("counts", "exposure", "mask_safe")}
        stack_map_datasets(empty, [run])
        assert not empty.counts.data.any()
        assert not empty.psf.exposure_map.data.any()
        for field, values in before.items():
            np.testing.assert_array_equal(getattr(run, field).data, values)

    def test_cutouts(self, make_map, empty, center):
        whole = [make_map(f"r{i}", seed=i, mask_safe=some_mask(i)) for i in range(2)]
        positions = [center, SkyCoord(center.ra + 0.5 * u.deg, center.dec + 0.4 * u.deg)]
        parts = [run.cutout(p, width="1 deg", name=run.name) for run, p in zip(whole, positions)]
        stacked = stack_map_datasets(empty, parts)
        expected = np.zeros(empty.data_shape)
        for part in parts:
            inner, outer = overlap(empty.counts.geom, part.counts.geom)
            assert outer == (slice(0, part.data_shape[1]), slice(0, part.data_shape[2]))
            expected[(..., *inner)] += np.where(part.mask_safe.data, part.counts.data, 0)
        np.testing.assert_array_equal(stacked.counts.data, expected)
        assert stacked.counts.data.sum() == sum(p.info_dict()["counts"] for p in parts)

    def test_unsafe_values_do_not_matter(self, make_map, empty):
        mask = some_mask(0)
        run = make_map(mask_safe=mask)
        broken = run.copy(counts=run.counts.copy(data=np.where(mask, run.counts.data, np.nan)))
        np.testing.assert_array_equal(
            stack_map_datasets(empty, [broken]).counts.data, stack_map_datasets(empty, [run]).counts.data
        )

    def test_without_mask(self, make_map, empty):
        run = make_map(mask_safe=None)
        stacked = stack_map_datasets(empty, [run])
        assert stacked.mask_safe.data.all()
        np.testing.assert_array_equal(stacked.counts.data, run.counts.data)
        assert run.stack(make_map("b", seed=1)).mask_safe is None

    def test_fit_masks(self, make_map, empty):
        fit = some_mask(5)
        stacked = stack_map_datasets(empty, [make_map("a", mask_fit=fit), make_map("b", seed=1)])
        np.testing.assert_array_equal(stacked.mask_fit.data, fit)

    def test_units(self, make_map, empty):
        run = make_map()
        other = run.copy(exposure=run.exposure.to_unit("cm2 s").copy(meta=run.exposure.meta))
        np.testing.assert_allclose(stack_map_datasets(empty, [other]).exposure.data, run.exposure.data)

    def test_tables(self, make_map, empty):
        first = make_map("a", meta_table=Table({"OBS_ID": [[1, 2]], "TELESCOP": [["X", "Y"]]}))
        second = make_map("b", seed=1, meta_table=Table({"OBS_ID": [3], "TELESCOP": ["Z"]}))
        table = stack_map_datasets(empty, [first, second]).meta_table
        assert list(table["OBS_ID"]) == [1, 2, 3]

    def test_livetime_of_runs_without_safe_bins(self, make_map, empty, caplog):
        nothing = make_map("none", seed=1, mask_safe=np.zeros((3, 16, 20), bool))
        with caplog.at_level(logging.WARNING):
            stacked = stack_map_datasets(empty, [make_map("a"), nothing])
        assert stacked.livetime == 100 * u.s
        assert "'none' has no safe bin" in caplog.text

    def test_reduce(self, make_map, empty):
        runs = [make_map(f"r{i}", seed=i, mask_safe=some_mask(i)) for i in range(3)]
        expected = stack_map_datasets(empty, runs)
        stacked = Datasets(runs).stack_reduce(name="sum")
        assert stacked.name == "sum"
        np.testing.assert_allclose(stacked.counts.data, expected.counts.data)
        np.testing.assert_allclose(stacked.edisp.edisp_map.data, expected.edisp.edisp_map.data)
        assert stacked.livetime == expected.livetime
        assert stacked.gti.time_sum == expected.gti.time_sum

    def test_masked(self, make_map):
        mask = some_mask(2)
        masked = make_map("a", mask_safe=mask).to_masked()
        assert masked.name == "a"
        assert not masked.counts.data[~mask].any()
        np.testing.assert_array_equal(masked.mask_safe.data, mask)
        assert not masked.exposure.data[:, ~mask.any(axis=0)].any()
        everything = make_map(mask_safe=None)
        assert everything.to_masked().counts is everything.counts


class TestResponses:
    def test_the_prediction_is_the_sum_of_predictions(self, make_map):
        # responses on the pixels of the map, so that every pixel has its own
        runs = []
        for i in range(3):
            run = make_map(
                f"r{i}", seed=i, binsz_irf=0.1, resolution=0.1 + 0.1 * i, mask_safe=some_mask(i, threshold=i % 2)
            )
            exposure = run.exposure.data[:, np.newaxis]
            edisp = EDispKernelMap(run.edisp.edisp_map, run.edisp.exposure_map.copy(data=exposure, unit="m2 s"))
            psf = PSFMap(run.psf.psf_map, run.psf.exposure_map.copy(data=exposure, unit="m2 s"))
            runs.append(run.copy(edisp=edisp, psf=psf))
        stacked = stack_map_datasets(MapDataset.from_geoms(**runs[0].geoms), runs)
        flux = np.random.default_rng(8).random((4, 16, 20))

        def npred(dataset):
            return np.einsum("tyx,tkyx->kyx", flux * dataset.exposure.data, dataset.edisp.edisp_map.data)

        expected = sum(np.where(run.mask_safe.data, npred(run), 0.0) for run in runs)
        np.testing.assert_allclose(npred(stacked), expected, rtol=1e-12)
        seen = sum(r.exposure.data * r.mask_safe.data.any(axis=0) for r in runs)
        mean = sum((r.exposure.data * r.mask_safe.data.any(axis=0))[:, None] * r.psf.psf_map.data for r in runs)
        np.testing.assert_allclose(stacked.psf.psf_map.data * seen[:, None], mean, rtol=1e-12, atol=1e-6)
        np.testing.assert_allclose(stacked.psf.exposure_map.data[:, 0], seen)

    def test_partly_safe_pixels(self, make_map, empty):
        mask = np.ones((3, 16, 20), bool)
        mask[:, :, :6] = False  # one and a half pixels of the responses
        first, second = make_map("a", mask_safe=mask), make_map("b", seed=1)
        exact = stack_map_datasets(empty, [first, second])
        weights = first.psf.exposure_map.data * np.array([0, 0.5, 1, 1, 1]), second.psf.exposure_map.data
        np.testing.assert_allclose(exact.psf.exposure_map.data, weights[0] + weights[1])
        centre = stack_map_datasets(empty, [first, second], response_weights="centre")
        weights = first.psf.exposure_map.data * np.array([0, 1, 1, 1, 1]), second.psf.exposure_map.data
        np.testing.assert_allclose(centre.psf.exposure_map.data, weights[0] + weights[1])
        with pytest.raises(ValueError, match="response_weights is 'nearest'"):
            stack_map_datasets(empty, [first], response_weights="nearest")

    def test_pixels_of_another_projection(self, map_geom, center):
        coarse = WcsGeom.create(skydir=center, binsz=0.4, width=(2, 1.6), proj="CAR", frame="galactic")
        sums = pixel_sums(np.ones((1, 16, 20)), map_geom, coarse)
        assert sums.max() in range(14, 19)
        mask = np.ones((3, 16, 20), bool)
        assert mask_at_centres(mask, map_geom, coarse).all()
        wide = WcsGeom.create(skydir=center, binsz=0.4, width=(4, 4), proj="TAN")
        mask[:, :, :10] = False
        # beyond the border the nearest pixels count
        np.testing.assert_array_equal(mask_at_centres(mask, map_geom, wide)[0, 0], [0] * 5 + [1] * 5)

    @pytest.mark.parametrize("weights", ["fraction", "centre"])
    def test_as_the_reference_package(self, weights):
        runs = [MapDataset.read(GOLDEN / f"golden_map_{i}.fits.gz") for i in (0, 1)]
        golden = MapDataset.read(GOLDEN / "golden_map_stacked.fits.gz")
        empty = MapDataset.from_geoms(**golden.geoms)
        stacked = stack_map_datasets(empty, runs, response_weights=weights)
        for field in ("counts", "background", "exposure", "mask_safe"):
            expected = getattr(golden, field).data
            np.testing.assert_allclose(getattr(stacked, field).data, expected, rtol=1e-6, atol=1e-9)
        # Pixels on the border of a mask, decided there by round-off, are left out; so is energy bin 0 of the second
        # run, which the interpolation of a mask in energy makes safe there although it is not.
        for field, first in (("psf", 0), ("edisp", 1)):
            ours, theirs = (getattr(d, field).irf_map.data[:, first:, 1:] for d in (stacked, golden))
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
            ours, theirs = (getattr(d, field).exposure_map.data[:, :, 1:] for d in (stacked, golden))
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        assert stacked.livetime == golden.livetime
        assert abs(stacked.gti.time_sum - golden.gti.time_sum) < 1e-6 * u.s
        assert list(stacked.meta_table["OBS_ID"]) == golden.meta_table["OBS_ID"][0].tolist()


class TestOnOff:
    def test_background_is_kept(self, make_on_off):
        runs = [make_on_off(f"r{i}", seed=i, acceptance_off=4.0 + i, mask_safe=some_mask(i)) for i in range(3)]
        stacked = Datasets(runs).stack_reduce()
        expected = sum(np.where(r.mask_safe.data, r.background.data, 0) for r in runs)
        np.testing.assert_allclose(stacked.background.data, expected)
        off = sum(np.where(r.mask_safe.data, r.counts_off.data, 0) for r in runs)
        np.testing.assert_array_equal(stacked.counts_off.data, off)
        assert stacked.tag == "MapDatasetOnOff"

    def test_bins_without_off_counts(self, make_on_off):
        run = make_on_off("a")
        zero = run.copy(counts_off=run.counts_off.copy(data=np.where(np.arange(20) == 3, 0, run.counts_off.data)))
        stacked = Datasets([zero, make_on_off("b", seed=1).copy(counts_off=0 * run.counts_off)]).stack_reduce()
        np.testing.assert_allclose(stacked.alpha.data, 0.25)
        both = Datasets([d.copy(counts_off=0 * run.counts_off, name=n) for n, d in (("c", run), ("d", run))])
        np.testing.assert_allclose(both.stack_reduce().alpha.data, 0.25)

    def test_undefined_bins_are_left_out(self, make_on_off, caplog):
        run = make_on_off("ring", acceptance_off=[4.0, 4.0, 0.0])
        with caplog.at_level(logging.WARNING):
            stacked = Datasets([run, make_on_off("b", seed=1)]).stack_reduce()
        counts = run.counts.data[2].sum()
        assert f"'ring': 320 safe bins with {counts:g} counts have acceptance_off 0" in caplog.text
        np.testing.assert_allclose(stacked.alpha.data[2], 0.25)
        assert np.isfinite(stacked.background.data).all()

    def test_on_off_as_known_background(self, make_on_off, make_map, empty):
        run = make_on_off("a", mask_safe=some_mask(1))
        stacked = stack_map_datasets(empty, [run])
        np.testing.assert_allclose(stacked.background.data, np.where(run.mask_safe.data, run.background.data, 0))
        with pytest.raises(ValueError, match="cannot stack: MapDataset 'b' on MapDatasetOnOff 'a'"):
            run.stack(make_map("b"))
        incomplete = run.copy(counts_off=None)
        with pytest.raises(ValueError, match="dataset 'a': it has safe bins but no counts_off"):
            run.copy(name="x").stack(incomplete)


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"binsz": 0.2, "width": (4, 3.2)}, "cannot stack dataset 'b' on 'stacked': the geometries are not parts"),
            ({"proj": "CAR"}, "the geometries are not parts of one pixel grid"),
            ({"refpix": (10.3, 8.5)}, "the geometries are not parts of one pixel grid"),
        ],
    )
    def test_pixels(self, make_map, empty, map_geom, center, changes, message):
        options = {"skydir": center, "binsz": 0.1, "width": (2, 1.6), "proj": "TAN"}
        geom = WcsGeom.create(**{**options, **changes}, axes=map_geom.axes)
        with pytest.raises(ValueError, match=message):
            stack_map_datasets(empty, [make_map("b", geom=geom)])

    def test_no_overlap(self, make_map, empty, map_geom):
        geom = map_geom.to_image().pad(40).cutout(SkyCoord(86.5, 22.0, unit="deg"), "1 deg").to_cube(map_geom.axes)
        with pytest.raises(ValueError, match="dataset 'b': no pixel of it lies in 'stacked'"):
            stack_map_datasets(empty, [make_map("b", geom=geom)])

    def test_lost_counts_are_reported(self, make_map, empty, map_geom, caplog):
        geom = map_geom.to_image().pad(4).to_cube(map_geom.axes)
        run = make_map("wide", geom=geom, binsz_irf=0.4)
        with caplog.at_level(logging.WARNING):
            stacked = stack_map_datasets(empty.copy(psf=None, edisp=None), [run])
        lost = run.counts.data.sum() - stacked.counts.data.sum()
        assert f"'wide': {lost:g} of {run.counts.data.sum():g} counts lie outside" in caplog.text

    def test_axes(self, make_map, empty, map_geom):
        run = make_map("b")
        axis = MapAxis.from_energy_bounds("1 TeV", "20 TeV", nbin=3)
        other = MapDataset.create(map_geom.to_image().to_cube([axis]), name="b")
        with pytest.raises(ValueError, match="dataset 'b': the energy axes of it and dataset 'stacked' differ"):
            stack_map_datasets(empty, [other])
        true = MapAxis.from_energy_bounds("0.5 TeV", "30 TeV", nbin=4, name="energy_true")
        other = MapDataset.create(map_geom, energy_axis_true=true, name="b")
        with pytest.raises(ValueError, match="the energy_true axes of it and dataset 'stacked' differ"):
            stack_map_datasets(empty, [other])
        with pytest.raises(ValueError, match="its psf has the axes"):
            stack_map_datasets(MapDataset.create(run.counts.geom, run.exposure.geom.axes[0], binsz_irf=0.4), [run])

    @pytest.mark.parametrize("field", ["psf", "edisp", "exposure"])
    def test_missing_parts(self, make_map, empty, field):
        with pytest.raises(ValueError, match=f"dataset 'b': it has no {field}"):
            stack_map_datasets(empty, [make_map("b", **{field: None})])

    def test_responses_without_exposure(self, make_map, empty):
        run = make_map("b")
        with pytest.raises(ValueError, match=r"'b': its psf .PSFMap. has no exposure map"):
            stack_map_datasets(empty, [run.copy(psf=PSFMap(run.psf.psf_map))])
        reco = MapDataset.create(run.counts.geom, run.exposure.geom.axes[0], reco_psf=True, name="b")
        with pytest.raises(ValueError, match="its psf is a RecoPSFMap, expected a PSFMap"):
            stack_map_datasets(empty, [reco.copy(mask_safe=None)])

    def test_types(self, make_map, make_on_off):
        with pytest.raises(ValueError, match="cannot stack MapDataset 'a' and MapDatasetOnOff 'b'"):
            stack_datasets([make_map("a"), make_on_off("b")])

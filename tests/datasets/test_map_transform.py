"""Parts and coarser versions of map datasets, and spectra of regions."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, RectangleSkyRegion

from gjax.datasets import Datasets, MapDataset
from gjax.irf import EDispMap, RecoPSFMap
from gjax.maps import MapAxis


def some_mask(seed=0):
    return np.random.default_rng(seed).random((3, 16, 20)) > 0.3


class TestParts:
    def test_cutout(self, make_map, make_on_off, center):
        dataset = make_on_off("a", mask_fit=some_mask())
        part = dataset.cutout(center, (1.0, 0.8) * u.deg, name="part")
        assert part.name == "part"
        assert part.data_shape == (3, 8, 10)
        for field in ("counts", "counts_off", "acceptance_off", "mask_fit", "exposure"):
            whole, cut = getattr(dataset, field), getattr(part, field)
            np.testing.assert_array_equal(cut.data, whole.data[:, 4:12, 5:15])
        assert part.psf.geom.data_shape[-2:] == (3, 3)
        assert part.livetime == dataset.livetime
        # what a stack of the parts needs
        assert dataset.copy(counts=0 * dataset.counts).stack(part).counts.data.sum() == part.counts.data.sum()
        outside = make_map(mask_safe=None).cutout(SkyCoord(84.7, 22.0, unit="deg"), "1 deg", mode="partial")
        assert outside.data_shape == (3, 10, 10)
        assert not outside.mask_safe.data.all()

    def test_pad(self, make_map, make_on_off):
        dataset = make_map(mask_safe=None)
        padded = dataset.pad(2)
        assert padded.data_shape == (3, 20, 24)
        assert padded.counts.data.sum() == dataset.counts.data.sum()
        assert padded.mask_safe.data.sum() == 960
        np.testing.assert_array_equal(padded.exposure.data[:, 0, 2:-2], dataset.exposure.data[:, 0])
        assert make_on_off().pad((1, 3)).data_shape == (3, 22, 22)

    def test_slices(self, make_map):
        dataset = make_map()
        part = dataset.slice_by_energy("2 TeV", "10 TeV")
        np.testing.assert_array_equal(part.counts.data, dataset.counts.data[1:])
        np.testing.assert_array_equal(part.edisp.edisp_map.data, dataset.edisp.edisp_map.data[:, 1:])
        assert part.psf is dataset.psf
        assert part.exposure is dataset.exposure
        reco = RecoPSFMap.from_gauss(dataset.energy_axis)
        assert dataset.copy(psf=reco).slice_by_idx({"energy": slice(0, 2)}).psf.axes["energy"].nbin == 2
        assert Datasets([dataset]).slice_by_energy("20 TeV", "30 TeV").names == []
        for wrong in ({"energy_true": slice(0, 2)}, {"energy": 1}):
            with pytest.raises(ValueError, match="sliced along 'energy' only"):
                dataset.slice_by_idx(wrong)


class TestCoarser:
    def test_energy(self, make_map):
        safe = some_mask()
        dataset = make_map(mask_safe=safe, mask_fit=some_mask(1))
        edges = dataset.energy_axis.edges
        coarse = dataset.resample_energy_axis(MapAxis.from_energy_edges(edges[[0, 2, 3]]))
        expected = np.where(safe, dataset.counts.data, 0)
        np.testing.assert_array_equal(coarse.counts.data, [expected[0] + expected[1], expected[2]])
        np.testing.assert_array_equal(coarse.mask_safe.data[0], safe[0] | safe[1])
        np.testing.assert_array_equal(coarse.mask_fit.data[1], dataset.mask_fit.data[2])
        assert coarse.edisp.axes["energy"].nbin == 2
        image = dataset.to_image(name="image")
        assert image.data_shape == (1, 16, 20)
        assert image.background.data.sum() == pytest.approx(np.where(safe, dataset.background.data, 0).sum())

    def test_dispersion_of_unsafe_bins(self, make_map):
        safe = np.ones((3, 16, 20), bool)
        safe[0] = False
        dataset = make_map(mask_safe=safe)
        matrix = dataset.edisp.get_edisp_kernel().pdf_matrix
        image = dataset.to_image().edisp.get_edisp_kernel().pdf_matrix
        np.testing.assert_allclose(image[:, 0], matrix[:, 1:].sum(axis=1))

    def test_migration_maps_stay(self, make_map):
        migra = MapAxis.from_bounds(0.2, 5, nbin=48, name="migra")
        dataset = make_map()
        edisp = EDispMap.from_diagonal_response(dataset.exposure.geom.axes[0], migra)
        assert dataset.copy(edisp=edisp).to_image().edisp is edisp

    def test_reco_psf(self, make_map):
        dataset = make_map(edisp=None)
        psf = RecoPSFMap.from_gauss(dataset.energy_axis, sigma=[0.1, 0.2, 0.3] * u.deg)
        image = dataset.copy(psf=psf).to_image()
        np.testing.assert_allclose(image.psf.psf_map.data[0], psf.psf_map.data.mean(axis=0))
        weighted = make_map(psf=psf).to_image().psf.psf_map.data
        # a falling spectrum: nearer to the lowest energy
        assert abs(weighted[0] - psf.psf_map.data[0]).max() < abs(image.psf.psf_map.data[0] - psf.psf_map.data[0]).max()

    def test_pixels(self, make_map):
        safe = some_mask()
        dataset = make_map("a", mask_safe=safe)
        coarse = dataset.downsample(4)
        assert coarse.data_shape == (3, 4, 5)
        blocks = np.where(safe, dataset.counts.data, 0).reshape(3, 4, 4, 5, 4)
        np.testing.assert_array_equal(coarse.counts.data, blocks.sum(axis=(2, 4)))
        blocks = dataset.exposure.data.reshape(4, 4, 4, 5, 4)
        np.testing.assert_allclose(coarse.exposure.data, blocks.mean(axis=(2, 4)))
        assert coarse.livetime == dataset.livetime
        assert coarse.counts.geom.pixel_scales[0].to_value("deg") == pytest.approx(0.4)
        assert dataset.downsample(3, axis_name="energy").data_shape == (1, 16, 20)
        assert dataset.downsample(1).data_shape == dataset.data_shape
        with pytest.raises(ValueError, match="20 x 16 pixels cannot be"):
            dataset.downsample(3)
        with pytest.raises(ValueError, match="axis_name is 'rad'"):
            dataset.downsample(2, axis_name="rad")

    @pytest.mark.parametrize("change", ["energy", "pixels", "region"])
    def test_background_estimate_is_kept(self, make_on_off, center, change):
        rng = np.random.default_rng(3)
        safe = some_mask() if change != "region" else np.ones((3, 16, 20), bool)
        dataset = make_on_off(mask_safe=safe, acceptance_off=4.0)
        acceptance_off = dataset.acceptance_off.copy(data=rng.uniform(2, 6, dataset.data_shape))
        dataset = dataset.copy(acceptance_off=acceptance_off)
        background = np.where(safe, dataset.background.data, 0)
        if change == "energy":
            new, expected = dataset.to_image(), background.sum(axis=0, keepdims=True)
        elif change == "pixels":
            new, expected = dataset.downsample(2), background.reshape(3, 8, 2, 10, 2).sum(axis=(2, 4))
        else:
            region = RectangleSkyRegion(center, 0.6 * u.deg, 0.4 * u.deg)
            new = dataset.to_spectrum_dataset(region)
            expected = background[:, 6:10, 7:13].sum(axis=(1, 2)).reshape(3, 1, 1)
            np.testing.assert_allclose(new.acceptance.data, 1.0)
        np.testing.assert_allclose(new.background.data, expected)


class TestSpectrum:
    def test_sums(self, make_map, center):
        dataset = make_map("a")
        region = RectangleSkyRegion(center, 0.6 * u.deg, 0.4 * u.deg)
        spectrum = dataset.to_spectrum_dataset(region, name="s")
        assert spectrum.name == "s"
        here = (slice(None), slice(6, 10), slice(7, 13))
        np.testing.assert_array_equal(spectrum.counts.data.ravel(), dataset.counts.data[here].sum(axis=(1, 2)))
        np.testing.assert_allclose(spectrum.background.data.ravel(), dataset.background.data[here].sum(axis=(1, 2)))
        np.testing.assert_allclose(spectrum.exposure.data.ravel(), dataset.exposure.data[here].mean(axis=(1, 2)))
        assert spectrum.livetime == dataset.livetime
        assert spectrum.gti is dataset.gti
        kernel = dataset.edisp.get_edisp_kernel(position=center)
        np.testing.assert_array_equal(spectrum.edisp.pdf_matrix, kernel.pdf_matrix)
        assert dataset.copy(edisp=None, exposure=None).to_spectrum_dataset(region).edisp is None

    @pytest.mark.parametrize("radius", [0.11, 0.25, 0.5])
    def test_predicts_what_the_map_predicts(self, make_map, center, radius):
        dataset = make_map(sigma=0.12)
        region = CircleSkyRegion(center, radius * u.deg)
        spectrum = dataset.to_spectrum_dataset(region, containment_correction=True)
        # a point source in the centre: flux * point spread function * exposure of the pixels in the circle
        image = dataset.counts.geom.to_image()
        x, y = np.meshgrid((np.arange(200) + 0.5) / 10 - 0.5, (np.arange(160) + 0.5) / 10 - 0.5)
        distance = image.wcs.pixel_to_world(x, y).separation(center).deg
        values = np.exp(-0.5 * (distance / 0.12) ** 2).reshape(16, 10, 20, 10).sum(axis=(1, 3))
        inside = image.region_mask([region]).data
        psf = values / np.exp(-0.5 * (distance / 0.12) ** 2).sum()
        expected = (psf * dataset.exposure.data)[:, inside].sum(axis=1)
        np.testing.assert_allclose(spectrum.exposure.data.ravel(), expected, rtol=4e-3)

    def test_containment_in_the_circle(self, make_map, center):
        dataset = make_map(sigma=0.12)
        region = CircleSkyRegion(center, 0.3 * u.deg)
        plain = dataset.to_spectrum_dataset(region).exposure.data.ravel()
        corrected = dataset.to_spectrum_dataset(region, containment_correction="circle").exposure.data.ravel()
        np.testing.assert_allclose(corrected / plain, 1 - np.exp(-0.5 * (0.3 / 0.12) ** 2), rtol=5e-3)

    def test_smaller_than_a_pixel(self, make_map, center):
        dataset = make_map()
        spectrum = dataset.to_spectrum_dataset(CircleSkyRegion(center, 0.001 * u.deg))
        pixels = dataset.counts.data[:, 7:9, 9:11].reshape(3, 4)
        assert spectrum.counts.data.ravel().tolist() in pixels.T.tolist()

    def test_masks(self, make_map, center):
        safe = np.ones((3, 16, 20), bool)
        safe[0] = False
        region = CircleSkyRegion(center, 0.3 * u.deg)
        dataset = make_map("a", mask_safe=safe)
        spectrum = dataset.to_spectrum_dataset(region)
        assert spectrum.mask_safe.data.ravel().tolist() == [False, True, True]
        assert spectrum.counts.data[0] == 0
        safe[1, :, :10] = False
        with pytest.raises(ValueError, match=r"'a': mask_safe holds only part of the region in energy bins \[1\]"):
            dataset.copy(mask_safe=safe).to_spectrum_dataset(region)

    def test_errors(self, make_map, center):
        dataset = make_map("a")
        with pytest.raises(ValueError, match="'a': the region is not completely inside the map"):
            dataset.to_spectrum_dataset(CircleSkyRegion(center, 0.9 * u.deg))
        rectangle = RectangleSkyRegion(center, 0.6 * u.deg, 0.4 * u.deg)
        with pytest.raises(TypeError, match="needs a circle, got a RectangleSkyRegion"):
            dataset.to_spectrum_dataset(rectangle, containment_correction=True)
        circle = CircleSkyRegion(center, 0.3 * u.deg)
        with pytest.raises(ValueError, match="needs a PSFMap"):
            dataset.copy(psf=None).to_spectrum_dataset(circle, containment_correction=True)
        with pytest.raises(ValueError, match="containment_correction is 'maybe'"):
            dataset.to_spectrum_dataset(circle, containment_correction="maybe")


def test_parts_are_new(make_map, center):
    dataset = make_map()
    counts = dataset.counts.data.copy()
    for part in (dataset.cutout(center, "1 deg"), dataset.pad(1), dataset.downsample(2), dataset.to_image()):
        assert isinstance(part, MapDataset)
        part.counts.data[...] = -1.0
    np.testing.assert_array_equal(dataset.counts.data, counts)


class TestChecksOfCopies:
    """Values that a copy shares with its source were checked: those that changed, or are safe now, are checked."""

    def test_changed_values(self, make_map):
        dataset = make_map()
        bad = dataset.background.copy(data=-1.0 - dataset.background.data)
        with pytest.raises(ValueError, match="background is negative"):
            dataset.copy(background=bad)

    def test_bins_that_are_safe_now(self, make_map):
        safe = some_mask()
        dataset = make_map()
        data = np.where(safe, dataset.background.data, np.nan)
        dataset = dataset.copy(background=dataset.background.copy(data=data), mask_safe=safe)
        assert dataset.copy(mask_safe=safe & some_mask(1)).mask_safe.data.any()
        for mask in (None, ~safe):
            with pytest.raises(ValueError, match="background is negative or not finite"):
                dataset.copy(mask_safe=mask)

    def test_unknown_field(self, make_map):
        with pytest.raises(TypeError, match="no field colour"):
            make_map().copy(colour="red")

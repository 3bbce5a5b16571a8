"""Peaks of images, and adaptive smoothing."""

import astropy.units as u
import numpy as np
import pytest

from gjax.datasets import MapDatasetOnOff
from gjax.estimators import ASmoothMapEstimator, ExcessMapEstimator, find_peaks, find_peaks_in_flux_map
from gjax.estimators.asmooth import gaussian
from gjax.maps import Map, MapAxis, RegionGeom
from gjax.stats import cash_significance


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[:30, :40]
    data = sum(
        height * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 8) for x0, y0, height in ((8, 7, 9), (30, 20, 5), (14, 7, 6))
    )
    return Map.create(npix=(40, 30), binsz=0.1, skydir=(83, 22), unit="s").copy(data=data)


def test_peaks_with_their_places_and_groups(image):
    table = find_peaks(image, threshold=2)
    assert table["x"].tolist() == [8, 14, 30]
    assert table["y"].tolist() == [7, 7, 20]
    assert table["group"].tolist() == [0, 0, 1]
    assert table["value"].unit == u.s
    sky = image.geom.pix_to_coord((30, 20))
    assert table["ra"][2].to_value("deg") == pytest.approx(sky[0].value)
    assert table["dec"][2].to_value("deg") == pytest.approx(sky[1].value)


def test_distance_and_threshold(image):
    assert len(find_peaks(image, threshold=2, min_distance=7)) == 2
    assert len(find_peaks(image, threshold=2, min_distance="0.7 deg")) == 2
    assert len(find_peaks(image, threshold=2, min_distance=0.7 * u.deg)) == 2
    limit = np.full(image.data.shape, 2.0)
    limit[:, 25:] = 20
    assert find_peaks(image, threshold=limit)["x"].tolist() == [8, 14]
    none = find_peaks(image, threshold=100)
    assert len(none) == 0
    assert none.colnames == ["value", "x", "y", "ra", "dec", "group"]


def test_plateaus_flat_images_and_nan(image):
    data = np.zeros(image.data.shape)
    data[4:6, 4:7] = 3.0
    assert len(find_peaks(image.copy(data=data), threshold=1)) == 1
    assert len(find_peaks(image.copy(data=data * 0 + 3), threshold=1)) == 0
    data[4:6, 4:7] = np.nan
    data[20, 20] = 2.0
    assert find_peaks(image.copy(data=data), threshold=1)["x"].tolist() == [20]


def test_flux_maps_give_their_quantities(cube):
    maps = ExcessMapEstimator(0.1, selection_optional="ul").run(cube)
    table = find_peaks_in_flux_map(maps, threshold=5, min_distance=3)
    assert len(table) == 1
    assert abs(int(table["x"][0]) - 10) <= 1
    assert table["flux"].unit.is_equivalent("cm-2 s-1")
    assert table["npred_excess"][0] == maps.npred_excess.data[0, table["y"][0], table["x"][0]]


def test_impossible(image):
    cube = Map.create(npix=3, binsz=1, axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)])
    with pytest.raises(ValueError, match="select one energy"):
        find_peaks(cube, 1)
    with pytest.raises(TypeError, match="pixels of a projection"):
        find_peaks(Map.from_geom(RegionGeom.create("icrs;circle(0, 0, 1)")), 1)


class TestAdaptiveSmoothing:
    def test_every_pixel_has_the_narrowest_significant_scale(self, cube):
        estimator = ASmoothMapEstimator(scales=[0.03, 0.06, 0.12], threshold=4)
        maps = estimator.run(cube)
        counts, background = (m.data.sum(axis=0) for m in (cube.counts, cube.background))
        y, x = 9, 10
        for width in (0.03, 0.06, 0.12):
            kernel = gaussian(width / 0.05)
            half = kernel.shape[0] // 2
            padded = [
                np.pad(values, half)[y : y + 2 * half + 1, x : x + 2 * half + 1] for values in (counts, background)
            ]
            n, b = ((kernel * values).sum() for values in padded)
            if cash_significance(n, b) > 4:
                break
        assert maps["scale"].data[0, y, x] == pytest.approx(width)
        assert maps["counts"].data[0, y, x] == pytest.approx(n / kernel.sum(), rel=1e-6)
        assert maps["sqrt_ts"].data[0, y, x] == pytest.approx(float(cash_significance(n, b)), rel=1e-6)
        rest = np.isnan(maps["scale"].data[0])
        assert rest.any()
        np.testing.assert_allclose(maps["counts"].data[0][rest], counts[rest].mean())

    def test_flux_of_a_flat_excess(self, make_cube):
        cube = make_cube(source=0)
        flat = cube.copy(counts=cube.background * 4.0)
        maps = ASmoothMapEstimator(scales=[0.3], threshold=1, method="asmooth").run(flat)
        excess = ExcessMapEstimator(0.05).run(flat)
        # the disc has five pixels; a part of the Gaussian is off the map
        inner = np.s_[0, 9, 10]
        assert 0.7 < 5 * maps["flux"].data[inner] / excess.flux.data[inner] < 1.0
        assert maps["flux"].unit == u.Unit("cm-2 s-1")

    def test_off_counts_and_masks(self, cube):
        mask = np.ones((3, 19, 21), dtype=bool)
        mask[:, :, :5] = False
        off = MapDatasetOnOff.from_map_dataset(cube, 1.0, 5.0, counts_off=cube.background * 5).copy(mask_fit=mask)
        known = ASmoothMapEstimator(threshold=4).run(cube.copy(mask_fit=mask))
        measured = ASmoothMapEstimator(threshold=4).run(off)
        np.testing.assert_allclose(measured["sqrt_ts"].data, known["sqrt_ts"].data, rtol=1e-9)
        assert np.all(np.isnan(known["counts"].data[:, :, :5]))

    def test_impossible(self):
        with pytest.raises(ValueError, match="method is 'ts'"):
            ASmoothMapEstimator(method="ts")
        with pytest.raises(ValueError, match="increasing positive widths"):
            ASmoothMapEstimator(scales=[0.2, 0.1])

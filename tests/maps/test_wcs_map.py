"""Images and cubes: filling, interpolation, arithmetic, parts, sums, smoothing, sampling."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gjax.errors import UnitError
from gjax.maps import Map, MapAxis, RegionNDMap, WcsGeom, WcsNDMap

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
CENTER = SkyCoord(0, 0, unit="deg", frame="galactic")


@pytest.fixture
def cube():
    geom = WcsGeom.create(npix=(12, 10), binsz=0.1, proj="TAN", frame="galactic", axes=[ENERGY])
    return WcsNDMap(geom, data=np.random.default_rng(0).uniform(1, 2, geom.data_shape), unit="cm2")


class TestMake:
    def test_classes(self, cube):
        assert isinstance(Map.from_geom(cube.geom), WcsNDMap)
        assert isinstance(Map.create(npix=3), WcsNDMap)
        assert isinstance(Map.create(region="icrs;circle(0, 0, 1)"), RegionNDMap)
        assert isinstance(Map.create("icrs;circle(0, 0, 1)", map_type="region"), RegionNDMap)
        with pytest.raises(ValueError, match="map_type"):
            Map.create(map_type="cube")
        with pytest.raises(TypeError, match="geometry"):
            Map.from_geom("geom")
        with pytest.raises(TypeError, match="no maps of its own"):
            Map(cube.geom)

    def test_data(self, cube):
        assert Map.from_geom(cube.geom, data=3.0).data.sum() == 3 * 360
        assert Map.from_geom(cube.geom, dtype=bool).is_mask
        assert Map.from_geom(cube.geom, data=1 * u.m**2, unit="cm2").data.max() == 1e4
        with pytest.raises(ValueError, match="do not fit"):
            Map.from_geom(cube.geom, data=np.ones(5))
        with pytest.raises(UnitError, match="expected a unit"):
            Map.from_geom(cube.geom, data=1 * u.m, unit="s")


class TestFill:
    def test_counts(self, cube):
        empty = WcsNDMap(cube.geom)
        coords = {"lon": [0.05, 0.05, 50, 0.05], "lat": [0.05] * 4, "energy": [2, 2, 2, 20] * u.TeV}
        filled = empty.fill_by_coord(coords)
        assert filled.data.sum() == filled.data.max() == 2
        assert empty.data.sum() == 0
        assert filled.fill_by_coord(coords).data.sum() == 4
        assert empty.fill_by_coord(coords, weights=[1, 0.5, 7, 7]).data.sum() == 1.5

    def test_weights_with_unit(self, cube):
        coords = {"skycoord": CENTER, "energy": 2 * u.TeV}
        assert WcsNDMap(cube.geom, unit="cm2").fill_by_coord(coords, weights=1 * u.m**2).data.sum() == 1e4
        with pytest.raises(UnitError):
            WcsNDMap(cube.geom, unit="cm2").fill_by_coord(coords, weights=1 * u.s)

    def test_nothing(self, cube):
        empty = {"lon": [], "lat": [], "energy": [] * u.TeV}
        assert WcsNDMap(cube.geom).fill_by_coord(empty).data.sum() == 0

    def test_integers_stay(self, cube):
        counts = WcsNDMap(cube.geom, dtype=int).fill_by_coord({"skycoord": CENTER, "energy": 2 * u.TeV})
        assert counts.data.dtype == int

    def test_mask(self, cube):
        with pytest.raises(TypeError, match="mask"):
            (cube > 1).fill_by_coord({"skycoord": CENTER, "energy": 2 * u.TeV})

    def test_missing_axis(self, cube):
        with pytest.raises(ValueError, match="energy"):
            cube.fill_by_coord({"skycoord": CENTER})


class TestRead:
    def test_get(self, cube):
        coords = {"lon": [0.0501, 50], "lat": [0.0501, 0], "energy": [2, 2] * u.TeV}
        values = cube.get_by_coord(coords)
        x, y, e = cube.geom.coord_to_idx(coords)
        assert values[0] == cube.data[e[0], y[0], x[0]] == cube.get_by_idx((x, y, e))[0]
        assert np.isnan(values[1])
        assert cube.get_by_coord(coords, fill_value=0)[1] == 0
        assert (cube > 0 * u.cm**2).get_by_coord(coords).tolist() == [True, False]

    def test_interpolation_is_linear(self):
        geom = WcsGeom.create(npix=(12, 10), binsz=0.1, proj="CAR", axes=[ENERGY])
        coords = geom.get_coord()
        lon = coords["lon"].wrap_at("180d").value if hasattr(coords["lon"], "wrap_at") else coords["lon"].value
        lon = (lon + 180) % 360 - 180
        data = 1 + 2 * lon - 3 * coords["lat"].value + np.log(coords["energy"].value)
        plane = WcsNDMap(geom, data=data)
        found = plane.interp_by_coord({"lon": [0.123, 1.0], "lat": [-0.234, 0.1], "energy": [3, 20] * u.TeV})
        expected = 1 + 2 * np.array([0.123, 1.0]) + 3 * np.array([0.234, -0.1]) + np.log([3, 20])
        assert found == pytest.approx(expected, rel=1e-4)

    def test_options(self, cube):
        coords = {"lon": [0.01, 9], "lat": [0.02, 0], "energy": [3, 3] * u.TeV}
        assert cube.interp_by_coord(coords, fill_value=-1)[1] == -1
        nearest = cube.interp_by_coord(coords, method="nearest")[0]
        assert nearest == cube.get_by_coord(coords)[0]
        log = (cube * 0 + 10.0 * u.cm**2).interp_by_coord(coords, values_scale="log")
        np.testing.assert_allclose(log[0], 10)
        with pytest.raises(ValueError, match="method"):
            cube.interp_by_coord(coords, method="cubic")
        with pytest.raises(ValueError, match="values_scale"):
            cube.interp_by_coord(coords, values_scale="exp")

    def test_nan(self, cube):
        data = cube.data.copy()
        data[:, 5, 5] = np.nan
        broken = cube.copy(data=data)
        assert np.isfinite(broken.interp_by_coord(cube.geom.get_coord())).all()
        assert np.isnan(cube.interp_by_coord({"lon": [np.nan], "lat": [0], "energy": [2] * u.TeV})[0])
        assert cube.interp_by_coord({"lon": [np.nan], "lat": [0], "energy": [2] * u.TeV}, fill_value=0)[0] == 0

    def test_sparse_coordinates(self, cube):
        other = WcsGeom.create(npix=5, binsz=0.13, frame="galactic", axes=[ENERGY.upsample(2)])
        np.testing.assert_allclose(
            cube.interp_by_coord(other.get_coord(sparse=True)), cube.interp_by_coord(other.get_coord())
        )

    def test_one_pixel(self):
        one = WcsNDMap.create(npix=1, binsz=1, data=7.0)
        assert one.interp_by_coord({"lon": [0.3], "lat": [9.0]}) == 7


class TestArithmetic:
    def test_units(self, cube):
        assert (cube * cube).unit == u.cm**4
        assert (cube + 1 * u.m**2).data.min() > 1e4
        assert (cube / (2 * u.s)).unit == u.cm**2 / u.s
        assert (1 * u.s / cube).unit == u.s / u.cm**2
        assert (cube.to_unit("m2").data * 1e4).sum() == pytest.approx(cube.data.sum())
        with pytest.raises(UnitError):
            cube + 1 * u.s
        with pytest.raises(UnitError):
            _ = cube > 1 * u.s

    def test_inputs_stay(self, cube):
        before = cube.data.copy()
        _ = cube + cube, cube * 2, -cube, cube > 1, cube.smooth(1)
        np.testing.assert_array_equal(cube.data, before)

    def test_image_times_cube(self, cube):
        image = cube.geom.to_image().region_mask("galactic;circle(0, 0, 0.3)")
        assert (cube * image).data.shape == cube.data.shape
        with pytest.raises(ValueError, match="do not combine"):
            image * cube

    def test_masks(self, cube):
        low, high = cube < 1.3, cube > 1.6
        assert not (low & high).data.any()
        assert ((low | high) ^ (low | high)).data.sum() == 0
        np.testing.assert_array_equal((~low).data, ~low.data)

    def test_other_place(self, cube):
        other = WcsNDMap(WcsGeom.create(npix=(12, 10), binsz=0.1, proj="TAN", axes=[ENERGY]), unit="cm2")
        for operation in ("__add__", "__mul__", "__lt__", "__and__"):
            with pytest.raises(ValueError, match="different places"):
                getattr(cube, operation)(other)
        with pytest.raises(ValueError, match="do not combine"):
            cube + cube.crop(1)
        region = cube.to_region_nd_map()
        with pytest.raises(ValueError, match="different places"):
            cube + region


class TestAxes:
    def test_sums(self, cube):
        total = cube.sum_over_axes()
        assert total.data.shape == (1, 10, 12)
        np.testing.assert_allclose(cube.sum_over_axes(keepdims=False).data, cube.data.sum(axis=0))
        weighted = cube.sum_over_axes(weights=cube > 1.5)
        np.testing.assert_allclose(weighted.data[0], np.where(cube.data > 1.5, cube.data, 0).sum(axis=0))
        assert cube.reduce("energy", np.maximum).data.shape == (10, 12)

    def test_slices_and_joins(self, cube):
        parts = [cube.slice_by_idx({"energy": i}) for i in range(3)]
        assert Map.from_stack(parts, axis_name="energy").is_allclose(cube)
        images = cube.split_by_axis("energy")
        assert Map.from_stack(images, axis=ENERGY).is_allclose(cube)
        assert len(list(cube.iter_by_image())) == 3
        with pytest.raises(ValueError, match="gap"):
            Map.from_stack([parts[0], parts[2]], axis_name="energy")
        with pytest.raises(ValueError, match="bins"):
            Map.from_stack(images[:2], axis=ENERGY)
        with pytest.raises(ValueError, match="different places"):
            Map.from_stack([images[0], images[1].crop(1), images[2]], axis=ENERGY)

    def test_order_and_names(self, cube):
        rad = MapAxis.from_bounds(0, 1, 1, name="rad", unit="deg")
        four = cube.to_cube([rad])
        assert four.data.shape == (1, 3, 10, 12)
        turned = four.reorder_axes(["rad", "energy"])
        assert turned.geom.axes.names == ["rad", "energy"]
        np.testing.assert_array_equal(turned.data[:, 0], four.data[0])
        assert four.rename_axes(["rad"], ["offset"]).geom.axes.names == ["energy", "offset"]

    def test_integrals(self, cube):
        sums = cube.cumsum("energy")
        assert sums.unit == u.cm**2 * u.TeV
        expected = (cube.data * ENERGY.bin_width.value.reshape(-1, 1, 1)).sum(axis=0)
        np.testing.assert_allclose(sums.data[-1], expected)
        normed = cube.normalize("energy")
        np.testing.assert_allclose(normed.cumsum("energy").data[-1], 1)
        np.testing.assert_allclose((cube * 0).normalize("energy").data, 0)
        rad = MapAxis.from_bounds(0, 1, 100, name="rad", unit="deg")
        flat = WcsNDMap.create(npix=1, axes=[rad], data=1.0)
        assert flat.cumsum("rad").data[-1, 0, 0] == pytest.approx(np.pi)
        assert flat.integral("rad", {"rad": 0.5 * u.deg, "skycoord": flat.geom.center_skydir}).value == pytest.approx(
            [np.pi / 4]
        )


class TestParts:
    def test_cutout_and_stack(self, cube):
        part = cube.cutout(SkyCoord(0.4, 0, unit="deg", frame="galactic"), 0.5)
        stacked = WcsNDMap(cube.geom, unit="m2").stack(part)
        assert stacked.data.sum() * 1e4 == pytest.approx(part.data.sum())
        again = stacked.cutout(SkyCoord(0.4, 0, unit="deg", frame="galactic"), 0.5)
        np.testing.assert_allclose(again.to_unit("cm2").data, part.data)

    def test_partial_cutout_is_zero_outside(self, cube):
        part = cube.cutout(SkyCoord(0.6, 0, unit="deg", frame="galactic"), 0.6, mode="partial")
        assert part.data.shape == (3, 6, 6)
        assert (part.data == 0).any()
        assert WcsNDMap(cube.geom, unit="cm2").stack(part).data.sum() == pytest.approx(part.data.sum())

    def test_stack_weights_and_nan(self, cube):
        data = cube.data.copy()
        data[0, 3, 3] = np.nan
        broken = cube.copy(data=data)
        assert np.isfinite(cube.stack(broken).data).all()
        assert np.isnan(cube.stack(broken, nan_to_num=False).data).sum() == 1
        mask = cube > 1.5
        np.testing.assert_allclose(cube.stack(cube, weights=mask).data, cube.data * (1 + mask.data))
        assert np.isfinite(cube.stack(broken, weights=cube.copy(data=data == data), nan_to_num=False).data).all()

    def test_stack_masks(self, cube):
        assert ((cube > 1.5).stack(cube <= 1.5)).data.all()

    def test_stack_refuses(self, cube):
        with pytest.raises(ValueError, match="do not coincide"):
            cube.stack(WcsNDMap.create(npix=5, binsz=0.11, frame="galactic", proj="TAN", axes=[ENERGY], unit="cm2"))
        with pytest.raises(ValueError, match="different axes"):
            cube.stack(cube.sum_over_axes())
        with pytest.raises(UnitError):
            cube.stack(WcsNDMap(cube.geom, unit="s"))
        with pytest.raises(ValueError, match="weights"):
            cube.stack(cube, weights=cube.crop(1) > 0)
        with pytest.raises(ValueError, match="do not overlap"):
            cube.stack(Map.from_geom(WcsGeom.from_aligned(cube.geom, (20, 0), 1), unit="cm2"))

    def test_pad(self, cube):
        assert cube.pad(2, cval=5).data[0, 0, 0] == 5
        assert cube.pad(2, mode="edge").data[0, 0, 0] == cube.data[0, 0, 0]
        assert cube.pad((2, 0)).data.shape == (3, 10, 16)
        assert cube.pad(2).crop(2).is_allclose(cube)

    def test_downsample(self, cube):
        coarse = cube.downsample(2)
        assert coarse.data.sum() == pytest.approx(cube.data.sum())
        assert cube.downsample(2, preserve_counts=False).data.mean() == pytest.approx(cube.data.mean())
        weights = cube > 1.5
        mean = cube.downsample(2, preserve_counts=False, weights=weights).data
        block, w = cube.data[0, :2, :2], weights.data[0, :2, :2]
        assert mean[0, 0, 0] == pytest.approx(block[w].mean())
        assert (cube > 1.9).downsample(2).is_bool
        assert cube.downsample(3, axis_name="energy").data.shape == (1, 10, 12)

    def test_upsample(self, cube):
        np.testing.assert_allclose(cube.upsample(2).downsample(2).data, cube.data)
        np.testing.assert_allclose(cube.upsample(2, preserve_counts=False).data[:, ::2, ::2], cube.data)
        smooth = cube.upsample(2, order=1, preserve_counts=False)
        assert smooth.data.min() >= cube.data.min() - 1e-9
        assert cube.upsample(2, axis_name="energy").data.sum() == pytest.approx(cube.data.sum())


class TestReproject:
    def test_counts_are_conserved(self, cube):
        larger = WcsGeom.create(npix=40, binsz=0.07, proj="CAR", skydir=CENTER.icrs, frame="icrs")
        for geom in (larger, larger.to_binsz(0.3), larger.to_binsz(0.04)):
            new = cube.reproject_to_geom(geom, preserve_counts=True)
            np.testing.assert_allclose(new.data.sum(axis=(1, 2)), cube.data.sum(axis=(1, 2)), rtol=1e-9)

    def test_averages(self):
        flat = Map.create(npix=40, binsz=0.05, proj="TAN", data=3.0, unit="cm-2")
        for binsz in (0.02, 0.05, 0.31):
            new = flat.reproject_to_geom(WcsGeom.create(width=1, binsz=binsz, proj="TAN", skydir=(0.03, 0.02)))
            np.testing.assert_allclose(new.data, 3.0)
        half = flat.reproject_to_geom(WcsGeom.create(npix=3, binsz=1.5, proj="TAN"))
        np.testing.assert_allclose(half.data, 3.0)

    def test_masks_stay_masks(self, cube):
        new = (cube > 0).reproject_to_geom(WcsGeom.create(npix=5, binsz=0.1, skydir=CENTER))
        assert new.is_bool
        assert new.data.all()

    def test_refuses(self, cube):
        geom = cube.geom.to_image()
        with pytest.raises(ValueError, match="axes"):
            cube.reproject_to_geom(geom.to_cube([ENERGY.rename("energy_true")]))
        with pytest.raises(ValueError, match="energy bins"):
            cube.reproject_to_geom(geom.to_cube([ENERGY.upsample(2)]), preserve_counts=True)

    def test_resample(self, cube):
        target = cube.geom.downsample(2)
        np.testing.assert_allclose(cube.resample(target).data, cube.downsample(2).data)


class TestSmoothing:
    def test_point(self):
        data = np.zeros((31, 31))
        data[15, 15] = 1
        point = Map.create(npix=31, binsz=0.1, data=data)
        assert point.smooth("0.2 deg").data.max() == pytest.approx(1 / (2 * np.pi * 4), rel=1e-2)
        assert point.smooth(2, kernel="disk").data.max() == pytest.approx(1 / 13)
        assert point.smooth(3, kernel="box").data.max() == pytest.approx(1 / 9)
        with pytest.raises(ValueError, match="kernel"):
            point.smooth(2, kernel="ring")
        with pytest.raises(ValueError, match="width"):
            point.smooth(-1)

    @pytest.mark.parametrize("method", ["fft", "direct"])
    def test_convolve(self, cube, method):
        from scipy.signal import convolve

        kernel = np.random.default_rng(1).uniform(size=(3, 5))
        found = cube.convolve(kernel, method=method).data
        np.testing.assert_allclose(found[1], convolve(cube.data[1], kernel, mode="same"), rtol=1e-9)
        full = cube.convolve(kernel, method=method, mode="full")
        assert full.data.shape == (3, 12, 16)
        assert full.geom.cutout(CENTER, 0.5).center_skydir.separation(CENTER).deg < 0.1

    def test_kernel_wider_than_the_map(self, cube):
        wide = cube.convolve(np.ones((31, 31)))
        np.testing.assert_allclose(wide.data[0], cube.data[0].sum())
        assert wide.geom == cube.geom

    def test_kernel_with_axes(self, cube):
        kernel = WcsNDMap.create(npix=3, binsz=0.1, proj="TAN", axes=[ENERGY], data=1.0)
        image = cube.sum_over_axes(keepdims=False)
        assert image.convolve(kernel).geom.axes == cube.geom.axes
        with pytest.raises(ValueError, match="kernel"):
            image.convolve(np.ones((3, 3, 3)))
        with pytest.raises(ValueError, match="kernel"):
            cube.convolve(np.ones((2, 3, 3)))
        with pytest.raises(ValueError, match="odd"):
            cube.convolve(np.ones((2, 2)))
        with pytest.raises(ValueError, match="pixels of"):
            cube.convolve(WcsNDMap.create(npix=3, binsz=0.2, proj="TAN", data=1.0))
        with pytest.raises(ValueError, match="mode"):
            cube.convolve(np.ones((3, 3)), mode="valid")

    def test_erosion(self):
        from scipy.ndimage import binary_dilation, binary_erosion

        from gjax.maps.wcs_masks import binary_structure

        mask = Map.create(npix=31, binsz=0.1, proj="TAN").geom.region_mask("icrs;circle(0, 0.9, 0.8)")
        for kernel in ("disk", "box"):
            structure = binary_structure(mask.geom, 3, kernel)
            np.testing.assert_array_equal(mask.binary_erode(3, kernel).data, binary_erosion(mask.data, structure))
            np.testing.assert_array_equal(mask.binary_dilate(3, kernel).data, binary_dilation(mask.data, structure))
        assert not mask.copy(data=mask.data & False).binary_dilate(3).data.any()
        with pytest.raises(ValueError, match="mask"):
            (mask * 1.0).binary_erode(1)
        with pytest.raises(ValueError, match="kernel"):
            mask.binary_erode(1, kernel="star")


class TestRegions:
    def test_spectrum(self, cube):
        region = "galactic;circle(0, 0, 0.3)"
        inside = cube.geom.region_mask(region).data
        expected = np.where(inside, cube.data, 0).sum(axis=(1, 2))
        spectrum = cube.get_spectrum(region)
        np.testing.assert_allclose(spectrum.data.ravel(), expected)
        assert spectrum.unit == cube.unit
        assert spectrum.geom.axes == cube.geom.axes
        mask = cube > 1.5
        weighted = cube.to_region_nd_map(region, weights=mask)
        np.testing.assert_allclose(weighted.data.ravel(), np.where(inside & mask.data, cube.data, 0).sum(axis=(1, 2)))
        assert (cube > 1.99).to_region_nd_map(region, func=np.any).is_bool

    def test_nan_behind_a_mask(self, cube):
        data = cube.data.copy()
        data[:, 5, 6] = np.nan
        selected = cube.copy(data=data).to_region_nd_map(
            func=np.sum, weights=cube.copy(data=np.isfinite(data), unit="")
        )
        assert np.isfinite(selected.data).all()

    def test_whole_map_and_points(self, cube):
        np.testing.assert_allclose(cube.to_region_nd_map().data.ravel(), cube.data.sum(axis=(1, 2)))
        coords = {"skycoord": CENTER, "energy": ENERGY.center}
        shift = {**coords, "skycoord": SkyCoord(0.011, 0.012, unit="deg", frame="galactic")}
        at_point = cube.to_region_nd_map(shift["skycoord"].icrs)
        np.testing.assert_allclose(at_point.data.ravel(), cube.get_by_coord(shift))
        linear = cube.to_region_nd_map(shift["skycoord"], method="linear")
        np.testing.assert_allclose(linear.data.ravel(), cube.interp_by_coord(shift))

    def test_region_outside(self, cube):
        assert cube.get_spectrum("galactic;circle(20, 0, 0.3)").data.sum() == 0
        assert np.isnan(cube.get_spectrum("galactic;circle(20, 0, 0.3)", func=np.mean).data).all()

    def test_weights_elsewhere(self, cube):
        with pytest.raises(ValueError, match="other pixels"):
            cube.get_spectrum(weights=cube.crop(1) > 0)

    def test_mask_contains_region(self, cube):
        mask = cube.geom.to_image().region_mask("galactic;circle(0, 0, 0.3)")
        assert mask.mask_contains_region("galactic;circle(0.3, 0, 0.1)")
        assert not mask.mask_contains_region("galactic;circle(0.5, 0, 0.1)")
        assert mask.mask_contains_region(CENTER)
        with pytest.raises(ValueError, match="mask"):
            cube.mask_contains_region(CENTER)

    def test_cutout_and_mask(self, cube):
        part, mask = cube.cutout_and_mask_region("galactic;circle(0, 0, 0.3)")
        assert part.data.shape[-2:] == mask.data.shape
        assert cube.geom.to_image().is_same_projection(mask.geom)


class TestSample:
    def test_distribution(self, cube):
        coords = cube.sample_coord(200_000, np.random.default_rng(3))
        counts = WcsNDMap(cube.geom).fill_by_coord(coords)
        expected = cube.data / cube.data.sum() * 200_000
        assert counts.data.sum() == 200_000
        chi2 = ((counts.data - expected) ** 2 / expected).sum()
        assert abs(chi2 - 360) < 5 * np.sqrt(720)

    def test_seed_and_frame(self, cube):
        first, second = cube.sample_coord(5, 1), cube.sample_coord(5, 1)
        np.testing.assert_array_equal(first.lon, second.lon)
        assert first.frame == "galactic"
        assert cube.sample_coord(0).size == 0

    @pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
    def test_bad_values(self, cube, value):
        data = cube.data.copy()
        data[0, 0, 0] = value
        with pytest.raises(ValueError, match="finite and not negative"):
            cube.copy(data=data).sample_coord(3)

    def test_zeros(self, cube):
        with pytest.raises(ValueError, match="all zero"):
            (cube * 0).sample_coord(3)


class TestBlank:
    """Maps without data hold none until they are asked for."""

    @pytest.mark.parametrize("dtype", ["float64", "bool"])
    def test_parts_and_copies(self, cube, dtype):
        blank = WcsNDMap(cube.geom, unit="s", meta={"a": 1}, dtype=dtype)
        for one in (blank.copy(), blank.cutout(CENTER, 0.5), blank.crop(1)):
            assert one.is_blank
            assert one.meta == {"a": 1}
            assert one.unit == "s"
            assert one.data.dtype == dtype
            assert not one.data.any()
            assert not one.is_blank
        assert blank.is_blank

    def test_what_was_written_is_kept(self, cube):
        filled = WcsNDMap(cube.geom)
        filled.data[0, 5, 5] = 2.0
        assert filled.copy().data.sum() == 2
        assert filled.crop(1).data.sum() == 2

    def test_filling_leaves_it_blank(self, cube):
        blank = WcsNDMap(cube.geom)
        assert blank.fill_by_coord({"skycoord": CENTER, "energy": 2 * u.TeV}).data.sum() == 1
        assert blank.is_blank
        assert not cube.is_blank


def test_text(cube):
    assert "WcsNDMap(float64 cm2" in repr(cube)
    assert "<pre>" in cube._repr_html_()

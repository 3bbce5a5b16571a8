"""Region maps: arithmetic, reduction, filling, files."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

CRAB = SkyCoord(83.63, 22.01, unit="deg")
AXIS = MapAxis.from_energy_edges([1, 2, 4, 8, 16] * u.TeV)
CIRCLE = "icrs;circle(83.63, 22.01, 0.11)"


@pytest.fixture
def energy_map():
    return RegionNDMap.create(CIRCLE, axes=[AXIS], data=[1.0, 2.0, 3.0, 4.0], unit="m2 s", meta={"a": 1})


def test_data_are_shaped_and_checked(energy_map):
    assert energy_map.data.shape == (4, 1, 1)
    assert RegionNDMap(energy_map.geom).data.dtype == np.float64
    assert RegionNDMap(energy_map.geom, data=3).data.tolist() == [[[3]]] * 4
    assert RegionNDMap(energy_map.geom, data=[1, 2, 3, 4] * u.km**2, unit="m2").data[0, 0, 0] == 1e6
    assert RegionNDMap(energy_map.geom, data=[1, 2, 3, 4] * u.km**2).unit == u.km**2
    with pytest.raises(ValueError, match="do not fit the geometry"):
        RegionNDMap(energy_map.geom, data=[1.0, 2.0, 3.0])
    with pytest.raises(UnitError, match="expected a unit like 'TeV'"):
        RegionNDMap(energy_map.geom, data=[1, 2, 3, 4] * u.m, unit="TeV")


def test_arithmetic_returns_new_maps_with_units(energy_map):
    before = energy_map.data.copy()
    assert (energy_map + energy_map).data.ravel().tolist() == [2, 4, 6, 8]
    assert (energy_map - 1).data.ravel().tolist() == [0, 1, 2, 3]
    assert (energy_map + energy_map.to_unit("cm2 s")).is_allclose(energy_map * 2)
    rate = energy_map / (2 * u.s)
    assert rate.unit.is_equivalent("m2")
    assert rate.data.ravel().tolist() == [0.5, 1, 1.5, 2]
    assert (1 / energy_map).unit.is_equivalent("m-2 s-1")
    assert (energy_map * energy_map).unit.is_equivalent("m4 s2")
    np.testing.assert_array_equal(energy_map.data, before)
    with pytest.raises(UnitError, match="expected a unit like 'm2 s'"):
        energy_map + 1 * u.TeV


def test_comparison_and_masks(energy_map):
    mask = energy_map > 2 * u.Unit("m2 s")
    assert mask.is_bool
    assert mask.data.ravel().tolist() == [False, False, True, True]
    assert (~mask).data.ravel().tolist() == [True, True, False, False]
    assert (mask & ~mask).data.sum() == 0
    assert (mask | ~mask).data.all()
    assert (energy_map == energy_map).data.all()
    assert not (energy_map != energy_map).data.any()


def test_sum_and_reduce(energy_map):
    total = energy_map.sum_over_axes()
    assert total.data.tolist() == [[[10.0]]]
    assert total.geom.axes["energy"].nbin == 1
    assert energy_map.sum_over_axes(["energy"], keepdims=False).data.shape == (1, 1)
    assert (energy_map > 3).reduce_over_axes(np.logical_or).data.item() is True


def test_two_axes_keep_their_order():
    offset = MapAxis([0, 1, 3], name="offset", unit="deg")
    data = np.arange(8.0).reshape(2, 4, 1, 1)
    cube = RegionNDMap.create(CIRCLE, axes=[AXIS, offset], data=data)
    assert cube.sum_over_axes(["offset"], keepdims=False).data.ravel().tolist() == [4, 6, 8, 10]
    assert cube.slice_by_idx({"energy": slice(1, 3), "offset": 1}).data.ravel().tolist() == [5, 6]
    assert cube.get_by_coord({"energy": [3, 100] * u.TeV, "offset": 2.0})[0] == 5
    assert np.isnan(cube.get_by_coord({"energy": [3, 100] * u.TeV, "offset": 2.0})[1])
    with pytest.raises(IndexError, match="has 2 bins"):
        cube.slice_by_idx({"offset": 2})


def test_resample_axis_merges_bins_and_drops_the_rest(energy_map):
    axis = MapAxis.from_energy_edges([2, 8, 16] * u.TeV)
    assert energy_map.resample_axis(axis).data.ravel().tolist() == [5, 4]
    weights = energy_map > 2 * u.Unit("m2 s")
    assert energy_map.resample_axis(axis, weights=weights).data.ravel().tolist() == [3, 4]
    assert weights.resample_axis(axis, ufunc=np.logical_or).data.ravel().tolist() == [True, True]
    inner = MapAxis.from_energy_edges([2, 8] * u.TeV)
    assert energy_map.resample_axis(inner).data.ravel().tolist() == [5]


def test_fill_by_coord_counts_inside_only():
    counts = RegionNDMap.create(CIRCLE, axes=[AXIS])
    position = SkyCoord([83.63, 83.63, 84.5, 83.63, 83.63], [22.01, 22.02, 22.01, 22.01, 22.0], unit="deg")
    coords = {"skycoord": position, "energy": [1.5, 3, 3, 100, np.nan] * u.TeV}
    filled = counts.fill_by_coord(coords)
    assert filled.data.ravel().tolist() == [1, 1, 0, 0]
    assert counts.data.sum() == 0
    weighted = filled.fill_by_coord(coords, weights=[0.5, 2, 9, 9, 9])
    assert weighted.data.ravel().tolist() == [1.5, 3, 0, 0]
    image = RegionNDMap.create(CIRCLE).fill_by_coord({"skycoord": position})
    assert image.data.tolist() == [[4.0]]
    with pytest.raises(ValueError, match="coordinates for the axes"):
        counts.fill_by_coord({"skycoord": position})


def test_fill_with_no_events():
    counts = RegionNDMap.create(CIRCLE, axes=[AXIS])
    empty = {"skycoord": SkyCoord([], [], unit="deg"), "energy": [] * u.TeV}
    assert counts.fill_by_coord(empty).data.sum() == 0


def test_interpolation_follows_the_scale_of_the_axis():
    exposure = RegionNDMap.create(None, axes=[AXIS], data=np.log(AXIS.center.value))
    energy = np.geomspace(0.5, 30, 9) * u.TeV
    np.testing.assert_allclose(exposure.interp_by_coord({"energy": energy}), np.log(energy.value), atol=1e-12)
    assert exposure.interp_by_coord({"energy": [2.0, 30] * u.TeV}, fill_value=-1)[1] == -1
    nearest = exposure.interp_by_coord({"energy": [1.1, 3.9] * u.TeV}, method="nearest")
    np.testing.assert_allclose(nearest, np.log(AXIS.center.value[:2]))


@pytest.mark.parametrize("kind", ["float", "mask", "no region", "image"])
def test_file_round_trip(energy_map, kind, tmp_path):
    original = {
        "float": energy_map,
        "mask": energy_map > 2,
        "no region": RegionNDMap.create(None, axes=[AXIS], data=[1, 2, 3, 4]),
        "image": RegionNDMap.create(["icrs;circle(83.63, 22.01, 0.1)", "icrs;circle(84, 22, 0.2)"], data=5.0),
    }[kind]
    if kind == "image":
        original = original.copy(geom=original.geom.to_cube([AXIS.squash()]), data=[5.0])
    path = tmp_path / "map.fits"
    original.write(path)
    back = RegionNDMap.read(path)
    assert back.is_allclose(original)
    assert back.unit == original.unit
    assert back.geom == original.geom
    assert back.data.dtype.isnative
    with pytest.raises(FileExistsError, match="overwrite=True"):
        original.write(path)
    original.write(path, overwrite=True)


def test_broken_map_files(energy_map, tmp_path):
    path = tmp_path / "map.fits"
    energy_map.write(path)
    with pytest.raises(MissingDataError, match=r"no HDU 'COUNTS'.*SKYMAP"):
        RegionNDMap.read(path, hdu="COUNTS")
    with fits.open(path) as hdus:
        hdus["SKYMAP"].columns.change_name("DATA", "VALUES")
        hdus.writeto(tmp_path / "renamed.fits")
        hdus["SKYMAP"].columns.change_name("VALUES", "DATA")
        hdus["SKYMAP_BANDS"].data = hdus["SKYMAP_BANDS"].data[:2]
        hdus.writeto(tmp_path / "short.fits")
    with pytest.raises(DataFormatError, match="no column 'DATA'"):
        RegionNDMap.read(tmp_path / "renamed.fits")
    with pytest.raises(DataFormatError, match="4 values, the axes ask for"):
        RegionNDMap.read(tmp_path / "short.fits")


def test_geometry_is_shared_not_copied(energy_map):
    assert (energy_map * 2).geom is energy_map.geom
    assert energy_map.copy().data is not energy_map.data
    assert RegionGeom.create(CIRCLE) != energy_map.geom

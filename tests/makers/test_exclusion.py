"""Exclusion from regions, DS9 text and FITS images."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from regions import CircleAnnulusSkyRegion, CircleSkyRegion, EllipseSkyRegion, PointSkyRegion, RectangleSkyRegion

from gjax.errors import DataFormatError, MissingDataError
from gjax.makers.exclusion import ExclusionMask, ExclusionRegions, parse_regions, read_exclusion

CRAB = SkyCoord(83.63, 22.01, unit="deg")
CIRCLE = CircleSkyRegion(CRAB, 0.3 * u.deg)


def around(center, *offsets):
    return center.directional_offset_by(60 * u.deg, np.array(offsets) * u.deg)


def write_mask(path, data, mask):
    header = mask.wcs.to_header()
    fits.writeto(path, data, header)
    return path


def test_image_and_region_agree():
    mask = ExclusionMask.from_regions(CIRCLE, center=CRAB, width="2 deg", binsz="0.01 deg")
    rng = np.random.default_rng(0)
    points = SkyCoord(83.63 + rng.uniform(-1.5, 1.5, 5000), 22.01 + rng.uniform(-1.5, 1.5, 5000), unit="deg")
    from_image, from_region = mask.contains(points), ExclusionRegions((CIRCLE,)).contains(points)
    distance = CRAB.separation(points).deg
    clear = abs(distance - 0.3) > 0.01
    np.testing.assert_array_equal(from_region, distance < 0.3)
    np.testing.assert_array_equal(from_image[clear], from_region[clear])


def test_image_in_another_frame():
    mask = ExclusionMask.from_regions(CIRCLE, center=CRAB, width="2 deg", frame="galactic")
    assert mask.frame == "galactic"
    np.testing.assert_array_equal(mask.contains(around(CRAB, 0, 0.25, 0.35, 50)), [True, True, False, False])


@pytest.mark.parametrize("dtype", ["uint8", ">i8", "float32"])
def test_read_image(tmp_path, dtype):
    mask = ExclusionMask.from_regions(CIRCLE, center=CRAB, width="2 deg")
    path = write_mask(tmp_path / "mask.fits.gz", mask.keep.astype(dtype), mask)
    read = read_exclusion(str(path))
    np.testing.assert_array_equal(read.keep, mask.keep)
    np.testing.assert_array_equal(read.contains(around(CRAB, 0, 0.25, 0.35)), [True, True, False])


def test_read_image_with_a_flat_third_axis(tmp_path):
    mask = ExclusionMask.from_regions(CIRCLE, center=CRAB, width="1 deg")
    path = write_mask(tmp_path / "mask.fits", mask.keep[np.newaxis].astype(int), mask)
    np.testing.assert_array_equal(ExclusionMask.read(path).keep, mask.keep)


def test_bad_images(tmp_path):
    mask = ExclusionMask.from_regions(CIRCLE, center=CRAB, width="1 deg")
    with pytest.raises(MissingDataError, match=r"absent\.fits"):
        read_exclusion(tmp_path / "absent.fits")
    path = write_mask(tmp_path / "values.fits", mask.keep * 0.5, mask)
    with pytest.raises(DataFormatError, match="other values"):
        ExclusionMask.read(path)
    path = write_mask(tmp_path / "cube.fits", np.ones((3, 50, 50)), mask)
    with pytest.raises(DataFormatError, match="flat image"):
        ExclusionMask.read(path)
    fits.writeto(tmp_path / "plain.fits", np.ones((5, 5)))
    with pytest.raises(DataFormatError, match="celestial"):
        ExclusionMask.read(tmp_path / "plain.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(MissingDataError, match="no image"):
        ExclusionMask.read(tmp_path / "empty.fits")
    with pytest.raises(MissingDataError, match="MASK"):
        ExclusionMask.read(path, hdu="MASK")
    with pytest.raises(ValueError, match="boolean image"):
        ExclusionMask(np.ones((3, 3)), mask.wcs)


def test_shapes():
    shapes = [
        (CircleAnnulusSkyRegion(CRAB, 0.2 * u.deg, 0.4 * u.deg), [False, True, False, False]),
        (EllipseSkyRegion(CRAB, 0.6 * u.deg, 0.2 * u.deg, 150 * u.deg), [True, True, False, False]),
        (RectangleSkyRegion(CRAB.galactic, 1 * u.deg, 1 * u.deg), [True, True, True, False]),
        (PointSkyRegion(CRAB), [False] * 4),
    ]
    for region, expected in shapes:
        inside = ExclusionRegions((region,)).contains(around(CRAB, 0, 0.28, 0.45, 120))
        np.testing.assert_array_equal(inside, expected, err_msg=str(region))


def test_region_too_large_for_a_plane():
    with pytest.raises(ValueError, match="mask image"):
        ExclusionRegions((RectangleSkyRegion(CRAB.galactic, 360 * u.deg, 2 * u.deg),))
    # A circle of any size is fine.
    assert ExclusionRegions((CircleSkyRegion(CRAB, 100 * u.deg),)).contains(around(CRAB, 95, 105)).tolist() == [
        True,
        False,
    ]


def test_text_and_files(tmp_path):
    text = "icrs;circle(83.63, 22.01, 0.3)\nicrs;circle(85, 22, 0.1)"
    path = tmp_path / "excluded.reg"
    path.write_text(text)
    for source in (text, path, str(path), [CIRCLE, CircleSkyRegion(SkyCoord(85, 22, unit="deg"), 0.1 * u.deg)]):
        np.testing.assert_array_equal(
            read_exclusion(source).contains(SkyCoord([83.63, 85, 86], [22, 22, 22], unit="deg")), [True, True, False]
        )


def test_regions_that_ds9_marks_as_excluded():
    for shape in ("circle(83.63, 22.01, 0.3)", "box(83.63, 22.01, 0.6, 0.6, 0)"):
        assert read_exclusion(f"icrs;-{shape}").contains(around(CRAB, 0, 0.25, 1)).tolist() == [True, True, False]


def test_text_that_describes_masks():
    mask = ExclusionMask.from_regions(CIRCLE, center=CRAB, width="2 deg")
    assert repr(mask) == f"ExclusionMask(100 x 100 pixels, icrs, {np.mean(~mask.keep):.2%} excluded)"
    assert repr(read_exclusion([CIRCLE])) == "ExclusionRegions(1 regions)"


def test_other_objects():
    class Everything:
        def contains(self, coords):
            return np.ones(coords.shape, dtype=bool)

    everything = Everything()
    assert read_exclusion(everything) is everything
    assert read_exclusion(None) is None
    assert read_exclusion([]) is None


def test_bad_regions(tmp_path):
    with pytest.raises(MissingDataError, match=r"absent\.reg"):
        read_exclusion(tmp_path / "absent.reg")
    with pytest.raises(DataFormatError, match="DS9"):
        parse_regions("icrs;circle(nonsense)")
    with pytest.raises(DataFormatError, match="on the sky"):
        parse_regions("image;circle(10, 10, 3)")
    with pytest.raises(TypeError, match="int"):
        read_exclusion(3)


@pytest.mark.data
def test_published_masks(gammapy_data):
    folder = gammapy_data / "joint-crab/exclusion"
    mask = read_exclusion(folder / "exclusion_mask_crab.fits.gz")
    assert mask.keep.mean() == pytest.approx(0.988544)
    regions = read_exclusion(folder / "Crab_exclusion.reg")
    assert len(regions.regions) >= 1
    assert mask.contains(CRAB.reshape((1,))).tolist() == [True]

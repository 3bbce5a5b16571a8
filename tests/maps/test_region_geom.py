"""Region geometries: containment, area, projections."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import (
    CircleAnnulusSkyRegion,
    CirclePixelRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PixCoord,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

from gjax.maps import MapAxis, RegionGeom

CRAB = SkyCoord(83.63, 22.01, unit="deg")
AXIS = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)


def sky(number=4000, width=0.4):
    rng = np.random.default_rng(42)
    return CRAB.spherical_offsets_by(
        rng.uniform(-width, width, number) * u.deg, rng.uniform(-width, width, number) * u.deg
    )


REGIONS = {
    "circle": CircleSkyRegion(CRAB, 0.11 * u.deg),
    "ellipse": EllipseSkyRegion(CRAB, 0.3 * u.deg, 0.1 * u.deg, angle=20 * u.deg),
    "annulus": CircleAnnulusSkyRegion(CRAB, 0.1 * u.deg, 0.2 * u.deg),
    "rectangle": RectangleSkyRegion(CRAB, 0.3 * u.deg, 0.1 * u.deg, angle=20 * u.deg),
    "polygon": PolygonSkyRegion(SkyCoord([83.6, 83.8, 83.7], [22.0, 22.0, 22.2], unit="deg")),
    "union": CircleSkyRegion(CRAB, 0.11 * u.deg) | CircleSkyRegion(SkyCoord(83.9, 22.1, unit="deg"), 0.1 * u.deg),
}


@pytest.mark.parametrize("name", REGIONS)
def test_contains_agrees_with_the_region_itself(name):
    geom = RegionGeom.create(REGIONS[name], axes=[AXIS])
    expected = REGIONS[name].contains(sky(), geom.wcs)
    inside = geom.contains(sky())
    assert 0 < inside.sum() < len(inside)
    np.testing.assert_array_equal(inside, expected)


def test_circle_holds_what_is_nearer_than_its_radius():
    geom = RegionGeom.create(REGIONS["circle"])
    np.testing.assert_array_equal(geom.contains(sky()), CRAB.separation(sky()) < 0.11 * u.deg)


def test_contains_in_another_frame_and_shape():
    geom = RegionGeom.create(REGIONS["circle"])
    expected = geom.contains(sky())
    np.testing.assert_array_equal(geom.contains(sky().galactic), expected)
    galactic = RegionGeom.create(REGIONS["circle"], frame="galactic")
    assert galactic.frame == "galactic"
    np.testing.assert_array_equal(galactic.contains(sky()), expected)
    assert geom.contains(sky().reshape(40, 100)).shape == (40, 100)
    assert geom.contains(CRAB).shape == ()


def test_other_frames_are_projected_in_icrs():
    region = CircleSkyRegion(CRAB.transform_to("fk4"), 0.11 * u.deg)
    geom = RegionGeom.create(region)
    assert geom.frame == "icrs"
    assert geom.contains(sky()).sum() == RegionGeom.create(REGIONS["circle"]).contains(sky()).sum()


def test_pickle():
    geom = RegionGeom.create(REGIONS["union"], axes=[AXIS])
    expected = geom.contains(sky())
    back = pickle.loads(pickle.dumps(geom))
    assert back == geom
    np.testing.assert_array_equal(back.contains(sky()), expected)


def test_nothing_on_the_other_side_of_the_sky():
    geom = RegionGeom.create(REGIONS["circle"])
    far = SkyCoord([83.63 + 180, 83.63 + 180, 83.63 + 90, 0], [-22.01, -22.0, 0, -90], unit="deg")
    assert not geom.contains(far).any()


def test_empty_list_of_positions():
    assert RegionGeom.create(REGIONS["circle"]).contains(SkyCoord([], [], unit="deg")).shape == (0,)


def test_points_hold_everything():
    geom = RegionGeom.create(PointSkyRegion(CRAB), axes=[AXIS])
    assert geom.is_all_point_sky_regions
    assert geom.contains(sky()).all()
    assert geom.solid_angle().value == 0


@pytest.mark.parametrize(
    ("name", "area", "rtol"),
    [
        ("circle", np.pi * 0.11**2, 1e-6),
        ("ellipse", np.pi * 0.15 * 0.05, 1e-6),
        ("annulus", np.pi * 0.03, 1e-6),
        ("rectangle", 0.03, 1e-6),
        ("polygon", 0.5 * 0.2 * np.cos(np.radians(22)) * 0.2, 2e-3),
        ("union", np.pi * (0.11**2 + 0.1**2), 1e-4),
    ],
)
def test_solid_angle(name, area, rtol):
    solid_angle = RegionGeom.create(REGIONS[name]).solid_angle()
    assert solid_angle.unit == u.sr
    assert solid_angle.to_value("deg2") == pytest.approx(area, rel=rtol)


def test_solid_angle_counts_overlaps_once():
    near = CircleSkyRegion(CRAB.directional_offset_by(0 * u.deg, 0.1 * u.deg), 0.1 * u.deg)
    geom = RegionGeom.create([CircleSkyRegion(CRAB, 0.1 * u.deg), near])
    # two circles with the centre of each on the rim of the other
    lens = 0.1**2 * (2 * np.pi / 3 - np.sqrt(3) / 2)
    assert geom.solid_angle().to_value("deg2") == pytest.approx(2 * np.pi * 0.1**2 - lens, rel=2e-3)


def test_create_from_strings_coordinates_and_lists():
    circle = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)")
    assert circle == RegionGeom.create(REGIONS["circle"])
    assert isinstance(RegionGeom.create(CRAB).region, PointSkyRegion)
    union = RegionGeom.create([REGIONS["circle"], "icrs;circle(83.9, 22.1, 0.1)"])
    np.testing.assert_array_equal(union.contains(sky()), RegionGeom.create(REGIONS["union"]).contains(sky()))
    assert RegionGeom.create([]).region is None


@pytest.mark.parametrize("bad", ["not a region", "image;circle(1, 2, 3)", 5, CirclePixelRegion(PixCoord(1, 1), 2)])
def test_create_refuses_what_is_no_sky_region(bad):
    with pytest.raises(ValueError, match=r"region|DS9"):
        RegionGeom.create(bad)


def test_geometry_without_region():
    geom = RegionGeom.create(None, axes=[AXIS])
    assert geom.data_shape == (3, 1, 1)
    assert geom.wcs is None
    with pytest.raises(ValueError, match="no region"):
        geom.contains(CRAB)
    with pytest.raises(ValueError, match="no region"):
        geom.solid_angle()


def test_derived_geometries_share_the_projection():
    geom = RegionGeom.create(REGIONS["circle"], axes=[AXIS])
    assert geom.to_image().data_shape == (1, 1)
    assert geom.to_image().wcs is geom.wcs
    assert geom.squash("energy").data_shape == (1, 1, 1)
    offset = MapAxis([0, 1, 2], name="offset", unit="deg")
    cube = geom.to_cube([offset])
    assert cube.data_shape == (2, 3, 1, 1)
    coords = cube.get_coord()
    assert np.broadcast_shapes(*(coords[name].shape for name in ("energy", "offset", "skycoord"))) == cube.data_shape
    assert cube.bin_volume().shape == cube.data_shape
    assert cube.bin_volume().unit.is_equivalent("TeV deg sr")
    assert geom.union(RegionGeom.create("icrs;circle(83.9, 22.1, 0.1)", axes=[AXIS])).contains(sky()).sum() > (
        geom.contains(sky()).sum()
    )


def test_equality():
    geom = RegionGeom.create(REGIONS["circle"], axes=[AXIS])
    assert geom == RegionGeom.create(CircleSkyRegion(CRAB, 0.11 * u.deg), axes=[AXIS])
    assert geom != RegionGeom.create(CircleSkyRegion(CRAB, 0.12 * u.deg), axes=[AXIS])
    assert geom != geom.to_image()
    assert geom != RegionGeom.create(None, axes=[AXIS])


@pytest.mark.data
def test_counts_of_the_crab_runs(gammapy_data):
    """Counts in the on region of the four H.E.S.S. runs, as the reference package finds them."""
    from gjax.data import DataStore
    from gjax.maps import RegionNDMap

    axis = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=10, per_decade=True)
    geom = RegionGeom.create(REGIONS["circle"], axes=[axis])
    observations = DataStore.from_dir(gammapy_data / "hess-dl3-dr1").get_observations([23523])
    counts = RegionNDMap(geom).fill_events(observations[0].events)
    expected = [0, 0, 0, 0, 0, 0, 0, 15, 28, 30, 30, 13, 19, 18, 4, 9, 8, 10, 2, 4, 1, 0, 0, 1, 0, 0, 0]
    assert counts.data.ravel().tolist() == expected

"""Placing OFF regions: against the definition, against numbers of the reference analysis, and at the edges."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import (
    CircleAnnulusSkyRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

from gjax.makers.exclusion import ExclusionMask
from gjax.makers.finders import ReflectedRegionsFinder, WobbleRegionsFinder

CRAB = SkyCoord(83.63, 22.01, unit="deg")
ON = CircleSkyRegion(CRAB, 0.11 * u.deg)
EXCLUDED = CircleSkyRegion(SkyCoord(183.604, -8.708, unit="deg", frame="galactic"), 0.5 * u.deg)

# Pointing, number of OFF regions, first and last centre and their radii [deg], by Gammapy 2.1 with an exclusion image.
RUNS = [
    ((83.633333333333, 21.514444444444), 12, (83.9051527, 21.9408541), (83.2120981, 21.818308)),
    ((83.633333333333, 22.514444444444), 12, (83.352788, 22.0818946), (84.0777299, 22.2218919)),
    ((85.2533333381014, 22.014444444444), 41, (83.6740534, 22.3704853), (83.747068, 21.4599951)),
    ((82.0133333285646, 22.014444444444), 36, (83.5797885, 21.6510169), (83.5272664, 22.5473416)),
]


def image(regions=EXCLUDED, binsz="0.05 deg"):
    return ExclusionMask.from_regions(regions, center=CRAB, width="7.5 deg", binsz=binsz)


@pytest.mark.parametrize(("pointing", "number", "first", "last"), RUNS)
@pytest.mark.parametrize("exclusion", [image(), EXCLUDED], ids=["image", "region"])
def test_reflected_regions_of_the_reference(pointing, number, first, last, exclusion):
    off = ReflectedRegionsFinder().find(ON, SkyCoord(*pointing, unit="deg"), exclusion)
    assert len(off) == number
    centers = np.array([[c.ra.deg, c.dec.deg] for c in off.centers])
    np.testing.assert_allclose(centers[[0, -1]], [first, last], atol=6e-8)


# Numbers of regions for three finders, longitude of the first and latitude of the last centre [deg] for the first, by
# Gammapy 2.1 with an exclusion image.
SHAPES = [
    (EllipseSkyRegion(CRAB, 0.3 * u.deg, 0.1 * u.deg, 30 * u.deg), (22, 12, 4), 83.4424003, 22.2367442),
    (RectangleSkyRegion(CRAB, 0.3 * u.deg, 0.1 * u.deg, 70 * u.deg), (16, 9, 4), 83.3980979, 22.3649450),
    (CircleAnnulusSkyRegion(CRAB, 0.05 * u.deg, 0.15 * u.deg), (9, 6, 4), 83.2755816, 22.5904947),
    (EllipseSkyRegion(CRAB.galactic, 0.3 * u.deg, 0.1 * u.deg, 30 * u.deg), (15, 9, 4), 184.5375008, -5.4492618),
    (CircleSkyRegion(CRAB.galactic, 0.2 * u.deg), (6, 4, 4), 184.4447518, -5.2815446),
    (CircleSkyRegion(CRAB, 0.011 * u.deg), (242, 24, 4), 83.5621611, 22.0703773),
]


@pytest.mark.parametrize(("region", "numbers", "first_lon", "last_lat"), SHAPES)
def test_other_shapes_of_the_reference(region, numbers, first_lon, last_lat):
    pointing = SkyCoord(83.2, 22.5, unit="deg")
    spot = CircleSkyRegion(SkyCoord(82.9, 22.9, unit="deg"), 0.2 * u.deg)
    mask = ExclusionMask.from_regions(spot, center=pointing, width="8 deg")
    finders = (
        ReflectedRegionsFinder(),
        ReflectedRegionsFinder(min_distance="0.2 rad", angle_increment="0.03 rad"),
        WobbleRegionsFinder(n_off_regions=5),
    )
    found = [finder.find(region, pointing, mask) for finder in finders]
    assert tuple(len(off) for off in found) == numbers
    centers = found[0].centers.spherical
    assert centers.lon.deg[0] == pytest.approx(first_lon, abs=2e-7)
    assert centers.lat.deg[-1] == pytest.approx(last_lat, abs=2e-7)


def test_regions_keep_their_distance_and_size():
    pointing = SkyCoord(83.63, 22.51, unit="deg")
    regions, wcs = ReflectedRegionsFinder().run(ON, pointing)
    assert wcs.wcs.crval == pytest.approx([83.63, 22.51])
    for region in regions:
        assert region.center.separation(pointing).deg == pytest.approx(0.5, abs=1e-6)
        assert region.radius.to_value("deg") == pytest.approx(0.11, rel=1e-4)
    centers = SkyCoord([CRAB, *(region.center for region in regions)])
    separation = centers[:, np.newaxis].separation(centers).deg + np.eye(len(centers))
    assert separation.min() > 0.2


def test_frame_of_the_region_is_kept():
    on = CircleSkyRegion(CRAB.galactic, 0.11 * u.deg)
    off = ReflectedRegionsFinder().find(on, SkyCoord(83.63, 22.51, unit="deg"))
    assert off.centers.frame.name == "galactic"
    assert off.regions[0].center.frame.name == "galactic"
    assert off.contains(off.centers.icrs).all()
    assert not off.contains(CRAB.reshape((1,))).any()


def test_arguments_of_the_finder():
    pointing = SkyCoord(83.63, 22.51, unit="deg")
    number = [
        len(ReflectedRegionsFinder(**kwargs).find(ON, pointing))
        for kwargs in ({}, {"min_distance": "0.3 rad"}, {"min_distance_input": "1 rad"}, {"max_region_number": 3})
    ]
    assert number[0] > number[1] > 3
    assert number[0] > number[2] > 3
    assert number[3] == 3
    angles = ReflectedRegionsFinder(min_distance_input="1 rad").find(ON, pointing).angles
    assert angles.min() > 1
    assert angles.max() < 2 * np.pi - 1


@pytest.mark.parametrize(
    "region",
    [
        EllipseSkyRegion(CRAB, 0.3 * u.deg, 0.1 * u.deg, 30 * u.deg),
        RectangleSkyRegion(CRAB, 0.3 * u.deg, 0.1 * u.deg, 30 * u.deg),
        CircleAnnulusSkyRegion(CRAB, 0.05 * u.deg, 0.15 * u.deg),
        PolygonSkyRegion(SkyCoord([83.5, 83.7, 83.6], [21.9, 21.9, 22.1], unit="deg")),
        ON | CircleSkyRegion(SkyCoord(83.75, 22.01, unit="deg"), 0.05 * u.deg),
    ],
    ids=["ellipse", "rectangle", "annulus", "polygon", "union"],
)
def test_other_shapes_turn_as_a_whole(region):
    pointing = SkyCoord(83.6, 22.6, unit="deg")
    off = ReflectedRegionsFinder().find(region, pointing)
    assert len(off) >= 5
    # Regions do not overlap by more than the pixels on which their size is judged, are as far from the pointing as the
    # ON region, and as large.
    rng = np.random.default_rng(1)
    points = SkyCoord(83.6 + rng.uniform(-1, 1, 20000), 22.6 + rng.uniform(-0.9, 0.9, 20000), unit="deg")
    inside = np.stack([np.asarray(r.contains(points, off.wcs)) for r in [region, *off.regions]])
    assert (inside.sum(axis=0) > 1).sum() < 0.05 * inside.sum()
    np.testing.assert_array_equal(off.contains(points), inside[1:].any(axis=0))
    distance = pointing.separation(points).deg
    assert distance[inside[1:].any(axis=0)].max() < distance[inside[0]].max() + 0.05
    counts = inside.sum(axis=1)
    assert abs(counts[1:].mean() - counts[0]) < 5 * np.sqrt(counts[0])


@pytest.mark.parametrize(
    ("pointing", "reason"),
    [
        ((83.63, 22.01), "inside the ON region"),
        ((83.63, 22.08), "inside the ON region"),
        ((83.63, 22.121), "spans"),
    ],
)
def test_no_regions_near_the_pointing(pointing, reason):
    off = ReflectedRegionsFinder(min_distance_input="0.6 rad").find(ON, SkyCoord(*pointing, unit="deg"))
    assert len(off) == 0
    assert reason in off.reason
    assert off.regions == []
    assert not off.contains(SkyCoord([83.6], [22.0], unit="deg")).any()


def test_everything_excluded():
    off = ReflectedRegionsFinder().find(ON, SkyCoord(83.63, 22.51, unit="deg"), CircleSkyRegion(CRAB, 5 * u.deg))
    assert len(off) == 0
    assert "excluded" in off.reason


def test_region_smaller_than_a_pixel():
    on = CircleSkyRegion(CRAB, 0.001 * u.deg)
    pointing = SkyCoord(83.63, 22.5123, unit="deg")
    with pytest.raises(ValueError, match="binsz"):
        ReflectedRegionsFinder().find(on, pointing)
    assert len(ReflectedRegionsFinder(binsz="0.0002 deg", max_region_number=20).find(on, pointing)) == 20


def test_bad_arguments():
    with pytest.raises(ValueError, match="angle_increment"):
        ReflectedRegionsFinder(angle_increment="0 deg")
    with pytest.raises(ValueError, match="min_distance"):
        ReflectedRegionsFinder(min_distance="-1 deg")
    with pytest.raises(ValueError, match="n_off_regions"):
        WobbleRegionsFinder(n_off_regions=0)
    with pytest.raises(TypeError, match="WobbleRegionsFinder"):
        ReflectedRegionsFinder().find(PointSkyRegion(CRAB), SkyCoord(83.63, 22.51, unit="deg"))


def test_wobble_regions_are_symmetric():
    pointing = SkyCoord(83.98333, 22.24389, unit="deg")
    off = WobbleRegionsFinder(n_off_regions=3).find(PointSkyRegion(CRAB), pointing)
    np.testing.assert_allclose(off.angles, np.pi / 2 * np.array([1, 2, 3]))
    np.testing.assert_allclose(off.centers.separation(pointing).deg, 0.402287, atol=2e-6)
    assert isinstance(off.regions[0], PointSkyRegion)
    opposite = pointing.position_angle(off.centers[1]) - pointing.position_angle(CRAB)
    assert opposite.wrap_at("360d").deg == pytest.approx(180, abs=1e-4)


def test_wobble_regions_on_excluded_sky_are_dropped():
    pointing = SkyCoord(83.63, 22.51, unit="deg")
    spot = CircleSkyRegion(SkyCoord(83.63, 23.01, unit="deg"), 0.05 * u.deg)
    for region in (PointSkyRegion(CRAB), ON):
        off = WobbleRegionsFinder(n_off_regions=3).find(region, pointing, spot)
        np.testing.assert_allclose(off.angles, np.pi / 2 * np.array([1, 3]))
    everything = WobbleRegionsFinder(n_off_regions=1).find(PointSkyRegion(CRAB), pointing, spot)
    assert len(everything) == 0
    assert "excluded" in everything.reason


def test_wobble_regions_that_overlap():
    pointing = SkyCoord(83.63, 22.51, unit="deg")
    assert len(WobbleRegionsFinder(n_off_regions=11).find(ON, pointing)) == 11
    off = WobbleRegionsFinder(n_off_regions=20).find(ON, pointing)
    assert len(off) == 0
    assert "overlap" in off.reason
    # One OFF region that touches the ON region
    assert len(WobbleRegionsFinder(n_off_regions=1).find(ON, SkyCoord(83.63, 22.09, unit="deg"))) == 0

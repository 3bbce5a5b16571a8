"""Image geometries: creation, coordinates, areas, parts, masks, and what they refuse."""

import pickle

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from gjax.maps import MapAxes, MapAxis, MapCoord, RegionGeom, WcsGeom

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
CRAB = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture
def geom():
    return WcsGeom.create(skydir=CRAB, npix=(50, 40), binsz=0.1, proj="TAN", axes=[ENERGY])


class TestCreate:
    def test_sizes(self):
        assert WcsGeom.create().data_shape == (360, 720)
        assert WcsGeom.create(width=(5, 4), binsz=0.02).npix == (250, 200)
        assert WcsGeom.create(width="5 deg", binsz="0.1 deg").npix == (50, 50)
        assert WcsGeom.create(width=[1, 2] * u.deg, binsz=0.1 * u.deg).npix == (10, 20)
        assert WcsGeom.create(npix=(3, 4), width=10, binsz=(0.1, 0.2)).width[:, 0].value == pytest.approx([0.3, 0.8])

    def test_position_in_another_frame(self):
        geom = WcsGeom.create(skydir=CRAB, npix=11, frame="galactic")
        assert geom.frame == "galactic"
        assert geom.center_skydir.separation(CRAB).deg < 1e-10

    def test_reference_pixel(self):
        geom = WcsGeom.create(skydir=(10, 20), npix=11, refpix=(1, 1), proj="TAN")
        assert geom.pix_to_coord((0, 0))[0].value == pytest.approx(10)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"binsz": 0}, "binsz"),
            ({"binsz": -0.1}, "binsz"),
            ({"binsz": float("nan")}, "binsz"),
            ({"width": 0}, "width"),
            ({"width": (1, 2, 3)}, "width"),
            ({"npix": 0}, "at least one pixel"),
            ({"width": 0.1, "binsz": 1}, "at least one pixel"),
            ({"proj": "XYZ"}, "XYZ"),
            ({"frame": "nowhere"}, "nowhere"),
            ({"skydir": (float("nan"), 1)}, "not finite"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            WcsGeom.create(**arguments)

    def test_wrong_units(self):
        with pytest.raises(u.UnitConversionError):
            WcsGeom.create(binsz="1 m")

    def test_no_shape(self):
        with pytest.raises(ValueError, match="at least one pixel"):
            WcsGeom(WCS(naxis=2))

    def test_is_immutable(self, geom):
        with pytest.raises(AttributeError):
            geom.npix = (1, 1)
        with pytest.raises(ValueError, match="read-only"):
            geom.get_coord(sparse=True)["lon"][0, 0, 0] = 1 * u.deg
        with pytest.raises(ValueError, match="read-only"):
            geom.solid_angle()[0, 0] = 1 * u.sr


class TestCoordinates:
    def test_get_coord(self, geom):
        full, sparse = geom.get_coord(), geom.get_coord(sparse=True)
        assert full["lon"].shape == full["energy"].shape == geom.data_shape
        assert sparse["lon"].shape == (1, 40, 50)
        assert sparse["energy"].shape == (3, 1, 1)
        assert sparse.shape == geom.data_shape
        np.testing.assert_array_equal(full["energy"][:, 5, 5], ENERGY.center)
        assert full.skycoord.shape == geom.data_shape

    def test_edges(self, geom):
        assert geom.get_coord(mode="edges")["lon"].shape == (3, 41, 51)
        coords = geom.get_coord(mode="edges", axis_name="energy", sparse=True)
        assert (coords["energy"].shape, coords["lon"].shape) == ((4, 1, 1), (1, 40, 50))
        assert geom.get_coord(mode="edges", axis_name="lon")["lat"].shape == (3, 40, 51)
        with pytest.raises(ValueError, match="mode"):
            geom.get_coord(mode="corner")

    def test_one_image(self, geom):
        coords = geom.get_coord(idx=(1,))
        assert coords.shape == (40, 50)
        assert coords["energy"][0, 0] == ENERGY.center[1]

    def test_another_frame(self, geom):
        coords = geom.get_coord(frame="galactic", sparse=True)
        assert coords.frame == "galactic"
        assert coords.skycoord.separation(geom.get_coord(sparse=True).skycoord).deg.max() < 1e-9

    @pytest.mark.parametrize("proj", ["CAR", "TAN", "SIN", "SFL", "AIT", "ZEA", "MOL"])
    @pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
    def test_round_trip(self, proj, frame):
        geom = WcsGeom.create(skydir=(30, 40), width=8, binsz=0.5, proj=proj, frame=frame, axes=[ENERGY])
        assert (geom.projection, geom.frame) == (proj, frame)
        index = geom.coord_to_idx(geom.get_coord())
        for found, expected in zip(index, geom.get_idx()):
            np.testing.assert_array_equal(found, expected)
        pix = geom.coord_to_pix(geom.pix_to_coord((1.3, 2.2, 0.7)))
        assert [float(np.squeeze(p)) for p in pix] == pytest.approx([1.3, 2.2, 0.7])

    def test_forms_of_coordinates(self, geom):
        expected = geom.coord_to_pix({"lon": [83.7], "lat": [22.1], "energy": [2] * u.TeV})
        position = SkyCoord([83.7], [22.1], unit="deg")
        for coords in (
            {"skycoord": position.galactic, "energy": 2 * u.TeV},
            {"skycoord": position, "energy": ["2000 GeV"]},
            ([83.7], [22.1], [2]),
            (position, [2] * u.TeV),
            MapCoord.create({"skycoord": position.galactic, "energy": 2 * u.TeV}),
        ):
            if isinstance(coords, dict) and isinstance(coords["energy"], list):
                coords["energy"] = u.Quantity(coords["energy"][0])
            for found, wanted in zip(geom.coord_to_pix(coords), expected):
                np.testing.assert_allclose(found, wanted, atol=1e-9)

    def test_longitude_zero(self):
        geom = WcsGeom.create(skydir=(0, 0), npix=11, binsz=0.1, frame="galactic")
        x, _ = geom.coord_to_pix({"lon": [359.8, -0.2, 0.2], "lat": [0, 0, 0]})
        assert x == pytest.approx([7, 7, 3])

    def test_outside(self, geom):
        coords = {
            "lon": [83.63, 83.63, 263.63, float("nan"), 83.63],
            "lat": [22.01, 30, -22.01, 22, 22.01],
            "energy": [2, 2, 2, 2, 20] * u.TeV,
        }
        np.testing.assert_array_equal(geom.contains(coords), [True, False, False, False, False])
        assert geom.coord_to_idx(coords)[2].tolist() == [0, 0, 0, 0, -1]
        assert geom.coord_to_idx(coords, clip=True)[2].tolist() == [0, 0, 0, 0, 2]

    def test_missing_axis(self, geom):
        with pytest.raises(ValueError, match=r"\['energy'\] are missing"):
            geom.coord_to_pix({"skycoord": CRAB})
        with pytest.raises(ValueError, match="'lon' and 'lat'"):
            geom.coord_to_pix({"energy": 1 * u.TeV})
        with pytest.raises(TypeError, match="coordinates"):
            geom.coord_to_pix(3)

    def test_empty(self, geom):
        empty = {"lon": [], "lat": [], "energy": [] * u.TeV}
        assert geom.contains(empty).shape == (0,)


class TestAreas:
    def test_whole_sky(self):
        assert WcsGeom.create(binsz=2).solid_angle().sum().value == pytest.approx(4 * np.pi, rel=1e-12)

    def test_one_pixel(self):
        # A TAN pixel off the centre is smaller by cos^3 of the distance.
        geom = WcsGeom.create(skydir=(0, 0), npix=201, binsz=0.1, proj="TAN")
        area = geom.solid_angle().to_value("deg2")
        assert area[100, 100] == pytest.approx(0.01, rel=1e-5)
        assert area[100, 200] == pytest.approx(0.01 * np.cos(np.arctan(np.radians(10))) ** 3, rel=1e-5)

    def test_tiny_pixels_are_accurate(self):
        area = WcsGeom.create(skydir=(10, 60), npix=5, binsz=1e-5, proj="TAN").solid_angle().to_value("deg2")
        np.testing.assert_allclose(area, 1e-10, rtol=1e-6)

    def test_pole(self):
        geom = WcsGeom.create(skydir=(10, 89.5), npix=41, binsz=0.1, proj="TAN")
        np.testing.assert_allclose(geom.solid_angle().to_value("deg2"), 0.01, rtol=5e-3)

    def test_bin_volume(self, geom):
        assert geom.bin_volume().unit == u.sr * u.TeV
        expected = geom.solid_angle().value * ENERGY.bin_width.value[1]
        np.testing.assert_allclose(geom.bin_volume()[1].value, expected)

    def test_outside_of_the_projection(self):
        geom = WcsGeom.create(binsz=10, proj="AIT")
        assert np.isnan(geom.solid_angle()[0, 0])
        assert np.isnan(geom.get_coord()["lon"][0, 0])
        assert geom.is_allsky

    def test_separation(self, geom):
        found = geom.separation(CRAB.galactic)
        assert found.shape == (40, 50)
        np.testing.assert_allclose(found, geom.to_image().get_coord().skycoord.separation(CRAB), atol=1e-9)


class TestParts:
    def test_cutout_trims(self, geom):
        part = geom.cutout(SkyCoord(83.63 + 2.2, 22.01, unit="deg"), "2 deg")
        assert part.npix[0] < 20
        assert part.npix[1] == 20
        assert part.axes == geom.axes
        assert geom.cutout(SkyCoord(85.83, 22.01, unit="deg"), 2, mode="partial").npix == (20, 20)
        with pytest.raises(ValueError, match="sticks out"):
            geom.cutout(SkyCoord(85.83, 22.01, unit="deg"), 2, mode="strict")

    def test_cutout_keeps_coordinates(self, geom):
        geom.get_coord()
        part = geom.cutout(CRAB, (1, 2), odd_npix=True)
        assert part.npix == (11, 21)
        fresh = WcsGeom(part.wcs, part.npix)
        np.testing.assert_array_equal(part.get_coord(sparse=True)["lon"][0], fresh.get_coord()["lon"])
        np.testing.assert_allclose(part.solid_angle(), fresh.solid_angle(), rtol=1e-9)

    def test_no_overlap(self, geom):
        for lon in (90, 263.63):
            with pytest.raises(ValueError, match=r"overlap|outside the projection"):
                geom.cutout(SkyCoord(lon, -22, unit="deg"), 1)
        with pytest.raises(ValueError, match="mode"):
            geom.cutout(CRAB, 1, mode="some")

    def test_overlap_slices(self, geom):
        part = geom.cutout(SkyCoord(85.83, 22.01, unit="deg"), 2, mode="partial")
        parent, cutout = geom.overlap_slices(part)
        np.testing.assert_array_equal(geom.get_coord()["lon"][0][parent], part.get_coord()["lon"][0][cutout])
        other = WcsGeom.create(skydir=CRAB, npix=50, binsz=0.11, proj="TAN")
        with pytest.raises(ValueError, match="do not coincide"):
            geom.overlap_slices(other)
        shifted = WcsGeom.create(skydir=CRAB, npix=50, binsz=0.1, proj="TAN", refpix=(3.2, 4))
        with pytest.raises(ValueError, match="do not coincide"):
            geom.overlap_slices(shifted)
        away = WcsGeom.from_aligned(geom, SkyCoord(100, 22, unit="deg"), 1)
        with pytest.raises(ValueError, match="do not overlap"):
            geom.overlap_slices(away)

    def test_pad_and_crop(self, geom):
        assert geom.pad(3).crop(3) == geom
        assert geom.pad("0.3 deg").npix == (56, 46)
        assert geom.crop((2, 1)).npix == (46, 38)
        with pytest.raises(ValueError, match="at least one pixel"):
            geom.crop(20)
        with pytest.raises(ValueError, match="negative"):
            geom.pad(-1)

    def test_resampling(self, geom):
        fine = geom.upsample(3)
        assert fine.npix == (150, 120)
        assert fine.downsample(3) == geom
        assert fine.center_skydir.separation(geom.center_skydir).deg < 1e-9
        assert geom.upsample(2, axis_name="energy").axes["energy"].nbin == 6
        assert geom.downsample(3, axis_name="energy").axes["energy"].nbin == 1
        with pytest.raises(ValueError, match="pad or crop"):
            geom.downsample(3)
        for factor in (0, 1.5, -2):
            with pytest.raises(ValueError, match="whole factor"):
                geom.upsample(factor)

    def test_axes(self, geom):
        assert geom.to_image().data_shape == (40, 50)
        rad = MapAxis.from_bounds(0, 1, 5, unit="deg", name="rad")
        cube = geom.to_cube([rad])
        assert cube.data_shape == (5, 3, 40, 50)
        assert cube.drop("energy").axes.names == ["rad"]
        assert cube.squash("energy").data_shape == (5, 1, 40, 50)
        assert cube.rename_axes(["rad"], ["offset"]).axes.names == ["energy", "offset"]
        assert geom.resample_axis(MapAxis.from_energy_edges([1, 10] * u.TeV)).axes["energy"].nbin == 1

    def test_to_binsz_and_odd(self, geom):
        assert geom.to_binsz(0.2).npix == (25, 20)
        assert geom.to_odd_npix().npix == (51, 51)
        assert geom.to_odd_npix("0.5 deg").npix == (11, 11)
        assert geom.to_even_npix().npix == (50, 50)


class TestMasks:
    def test_region_mask(self, geom):
        mask = geom.region_mask("icrs;circle(83.63, 22.01, 0.5)")
        assert mask.is_bool
        assert mask.data.shape == geom.data_shape
        np.testing.assert_array_equal(mask.data[0], geom.separation(CRAB).value < 0.5)
        outside = geom.region_mask("icrs;circle(83.63, 22.01, 0.5)", inside=False)
        np.testing.assert_array_equal(outside.data, ~mask.data)

    def test_many_regions(self, geom):
        regions = ["icrs;circle(83.63, 22.01, 0.5)", "icrs;circle(84, 22.5, 0.2)"]
        both = geom.region_mask(regions)
        assert both.is_allclose(geom.region_mask(regions[0]) | geom.region_mask(regions[1]))
        assert not geom.region_mask("icrs;circle(0, 0, 1)").data.any()
        with pytest.raises(ValueError, match="DS9"):
            geom.region_mask("a circle")

    def test_compound_region(self, geom):
        from regions import CircleSkyRegion

        first, second = (CircleSkyRegion(CRAB, r * u.deg) for r in (1.0, 0.5))
        ring = geom.region_mask(first ^ second).data
        np.testing.assert_array_equal(ring, geom.region_mask(first).data & ~geom.region_mask(second).data)

    def test_energy_mask(self, geom):
        edges = ENERGY.edges
        assert geom.energy_mask(edges[1]).data[:, 0, 0].tolist() == [False, True, True]
        assert geom.energy_mask(energy_max=edges[1].to("GeV")).data[:, 0, 0].tolist() == [True, False, False]
        assert geom.energy_mask("1.1 TeV", round_to_edge=True).data.all()
        with pytest.raises(ValueError, match="'energy'"):
            geom.to_image().energy_mask("1 TeV")

    def test_boundary_mask(self, geom):
        mask = geom.boundary_mask("0.3 deg").data[0]
        assert mask.sum() == 44 * 34
        assert not mask[:3].any()
        assert mask[3, 3]
        assert not geom.boundary_mask("9 deg").data.any()


class TestComparison:
    def test_equal(self, geom):
        same = WcsGeom.create(skydir=CRAB, npix=(50, 40), binsz=0.1, proj="TAN", axes=[ENERGY])
        assert same == geom
        assert hash(same) == hash(geom)
        assert WcsGeom.create(skydir=CRAB, npix=(50, 40), binsz=0.1, proj="TAN") != geom
        assert WcsGeom.create(skydir=CRAB, npix=(50, 40), binsz=0.1, proj="TAN", frame="fk5", axes=[ENERGY]) != geom
        assert geom.upsample(2) != geom
        assert geom != "geom"
        with pytest.raises(TypeError, match="RegionGeom"):
            geom.is_allclose(RegionGeom.create(None))

    def test_aligned(self, geom):
        part = geom.cutout(CRAB, 1)
        assert part.is_aligned(geom)
        assert not part.is_allclose(geom)
        assert not part.to_image().is_aligned(geom)

    def test_header_round_trip(self, geom):
        header = geom.to_header()
        assert header["WCSSHAPE"] == "(50,40,3)"
        assert WcsGeom.from_header(header, axes=geom.axes) == geom
        with pytest.raises(ValueError, match="projection"):
            WcsGeom.from_header({"NAXIS": 2, "NAXIS1": 3, "NAXIS2": 3})

    def test_text(self, geom):
        assert "50 x 40 pixels" in repr(geom)
        assert "energy: 3" in geom._repr_html_()

    def test_axes_may_be_a_list(self, geom):
        assert isinstance(WcsGeom(geom.wcs, geom.npix, [ENERGY]).axes, MapAxes)


class TestSharing:
    """Coordinates are found once for all geometries of an image, and for most of an image with it."""

    @pytest.mark.parametrize("width", ["1 deg", "4 deg"])
    @pytest.mark.parametrize("whole_first", [True, False])
    def test_parts(self, geom, width, whole_first):
        if whole_first:
            geom.get_coord()
            geom.solid_angle()
            geom.directions()
        part = geom.cutout(CRAB, width)
        alone = WcsGeom(part.wcs.deepcopy(), part.npix, part.axes)
        np.testing.assert_allclose(part.solid_angle(), alone.solid_angle(), rtol=1e-10)
        np.testing.assert_allclose(part.directions(), alone.directions(), rtol=0, atol=1e-14)
        for name in ("lon", "lat"):
            np.testing.assert_allclose(part.get_coord()[name], alone.get_coord()[name], rtol=1e-13)
            np.testing.assert_allclose(
                part.get_coord(mode="edges")[name], alone.get_coord(mode="edges")[name], rtol=1e-13
            )

    def test_axes(self, geom):
        cube = geom.to_image().to_cube([ENERGY, MapAxis([0, 1], name="rad", unit="deg")])
        assert cube.directions() is geom.directions()
        assert cube.solid_angle() is geom.solid_angle()

    def test_copies_stand_alone(self, geom):
        part = pickle.loads(pickle.dumps(geom.cutout(CRAB, "4 deg")))
        np.testing.assert_allclose(part.directions(), geom.cutout(CRAB, "4 deg").directions(), rtol=0, atol=1e-14)


def test_separation(geom):
    separation = geom.separation(CRAB.galactic)
    np.testing.assert_allclose(separation, geom.get_coord().skycoord.separation(CRAB)[0], rtol=1e-10)

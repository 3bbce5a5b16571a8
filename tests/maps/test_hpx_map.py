"""HEALPix geometries and maps; numbers of pixels are checked against closed forms and known tables."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.maps import HpxGeom, HpxNDMap, Map, MapAxis, WcsGeom
from gjax.maps.hpx_io import identify
from gjax.maps.map_io import map_from_hdulist, map_to_hdulist, write_map

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
PLACE = SkyCoord(110, 75, unit="deg", frame="galactic")


def make(region=None, nest=True, axes=(ENERGY,)):
    geom = HpxGeom(16, nest, "galactic", region, list(axes))
    return HpxNDMap(geom, data=np.random.default_rng(0).uniform(1, 2, geom.data_shape), unit="cm2")


class TestGeom:
    def test_create(self):
        assert HpxGeom.create(nside=4).data_shape == (192,)
        assert HpxGeom.create(binsz="1 deg").nside == 64
        disk = HpxGeom.create(nside=16, skydir=PLACE.icrs, width="20 deg", frame="galactic")
        assert disk.npix == 25
        assert (disk.separation(PLACE).value <= 10).all()
        assert isinstance(Map.create(nside=4), HpxNDMap)
        assert isinstance(Map.from_geom(disk), HpxNDMap)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"nside": 0}, "nside"),
            ({"nside": 3}, "power of two"),
            ({"nside": [1, 2]}, "one nside"),
            ({}, "nside or binsz"),
            ({"binsz": -1}, "binsz"),
            ({"nside": 2, "frame": "nowhere"}, "frame"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            HpxGeom.create(**arguments)

    @pytest.mark.parametrize(
        ("region", "number"),
        [
            # from healpy.query_disc and the nested scheme
            ("DISK(110,75,10)", 25),
            ("DISK_INC(110,75,10,8)", 39),
            ("HPX_PIXEL(NESTED,4,8)", 16),
            ("HPX_PIXEL(RING,1,0)", 256),
        ],
    )
    @pytest.mark.parametrize("nest", [True, False])
    def test_regions(self, region, number, nest):
        assert HpxGeom(16, nest, "galactic", region).npix == number

    @pytest.mark.parametrize("region", ["DISK(1,2)", "BOX(1,2,3)", "DISK(a,b,c)", [5000], [-1], "DISK(0,0,0.001)"])
    def test_bad_regions(self, region):
        with pytest.raises(ValueError, match=r"disk|region|pixel"):
            _ = HpxGeom(16, region=region).npix

    def test_areas(self):
        geom = HpxGeom(8, axes=[ENERGY])
        assert geom.solid_angle().value * geom.npix == pytest.approx(4 * np.pi)
        assert geom.bin_volume().shape == (3, 1)
        assert geom.bin_volume().unit == u.TeV * u.sr

    @pytest.mark.parametrize("nest", [True, False])
    @pytest.mark.parametrize("region", [None, "DISK(110,75,10)"])
    def test_round_trip_of_coordinates(self, nest, region):
        geom = make(region, nest).geom
        coords = geom.get_coord()
        assert coords.shape == geom.data_shape
        pixel, energy = geom.coord_to_idx(coords)
        np.testing.assert_array_equal(pixel, np.broadcast_to(np.arange(geom.npix), geom.data_shape))
        np.testing.assert_array_equal(energy[:, 0], [0, 1, 2])
        assert geom.contains({"skycoord": PLACE.icrs, "energy": 2 * u.TeV}).all()
        assert not geom.contains({"skycoord": PLACE.icrs, "energy": 20 * u.TeV}).any()
        assert not geom.contains({"lon": [np.nan], "lat": [0], "energy": 2 * u.TeV}).any()
        with pytest.raises(ValueError, match="energy"):
            geom.contains({"skycoord": PLACE})

    def test_derived(self):
        geom = make().geom
        assert geom.to_swapped().to_swapped() == geom
        assert geom.upsample(2).nside == 32
        assert geom.downsample(2).nside == 8
        assert geom.squash("energy").data_shape == (1, 3072)
        assert geom.to_wcs_geom().is_allsky
        part = geom.cutout(PLACE, "20 deg")
        assert part.npix == 25
        assert part.downsample(2).upsample(2).npix >= 25
        assert part.center_skydir.separation(PLACE).deg < 2
        with pytest.raises(ValueError, match="multiple"):
            geom.downsample(3)
        with pytest.raises(ValueError, match="no pixel"):
            part.cutout(SkyCoord(0, 0, unit="deg", frame="galactic"), 1)
        with pytest.raises(TypeError, match="WcsGeom"):
            geom.is_allclose(WcsGeom.create(npix=3))
        assert "nside 16" in repr(geom)


class TestMap:
    def test_fill_and_get(self):
        empty = HpxNDMap(make("DISK(110,75,10)").geom)
        coords = {"skycoord": SkyCoord([110, 110, 0], [75, 75, 0], unit="deg", frame="galactic"), "energy": 2 * u.TeV}
        filled = empty.fill_by_coord(coords, weights=[1, 2, 5])
        assert filled.data.sum() == filled.data.max() == 3
        assert empty.data.sum() == 0
        values = filled.get_by_coord(coords)
        assert values[0] == 3
        assert np.isnan(values[2])
        with pytest.raises(TypeError, match="mask"):
            (filled > 0).fill_by_coord(coords)

    def test_interpolation(self):
        geom = HpxGeom(64, frame="galactic", axes=[ENERGY])
        coords = geom.get_coord()
        smooth = HpxNDMap(geom, data=np.cos(np.radians(coords["lat"].value)) + np.log(coords["energy"].value))
        places = {"lon": [10.0, 200.3], "lat": [20.0, -50.2], "energy": [2, 12] * u.TeV}
        expected = np.cos(np.radians(places["lat"])) + np.log([2, 12])
        np.testing.assert_allclose(smooth.interp_by_coord(places), expected, atol=1e-3)
        np.testing.assert_allclose(smooth.interp_by_coord(places, method="nearest"), smooth.get_by_coord(places))
        assert smooth.interp_by_coord(places, fill_value=0)[1] == 0
        part = smooth.cutout(PLACE, 20)
        edge = part.interp_by_coord({"lon": [110.0, 0.0], "lat": [66.0, 0.0], "energy": [2, 2] * u.TeV})
        assert abs(edge[0] - np.cos(np.radians(66)) - np.log(2)) < 0.02
        assert np.isnan(edge[1])
        with pytest.raises(ValueError, match="method"):
            smooth.interp_by_coord(places, method="cubic")

    def test_to_images(self):
        flat = HpxNDMap.create(nside=32, frame="galactic", axes=[ENERGY], data=2.0)
        tan = WcsGeom.create(npix=10, binsz=0.5, proj="TAN", skydir=PLACE.icrs)
        np.testing.assert_allclose(flat.reproject_to_geom(tan).data, 2.0)
        counts = flat.interp_to_geom(tan.to_cube([ENERGY]), preserve_counts=True)
        ratio = tan.solid_angle().value / flat.geom.solid_angle().value
        np.testing.assert_allclose(counts.data[0], 2 * ratio)
        sky = flat.to_wcs(proj="CAR", oversample=2)
        assert np.nansum(sky.data) == pytest.approx(flat.data.sum(), rel=1e-3)
        oval = flat.to_wcs()
        assert np.isnan(oval.data[0, 0, 0])
        assert np.nanmax(flat.to_wcs(normalize=False, sum_bands=True).data) == 6

    def test_images_onto_healpix(self):
        image = Map.create(npix=40, binsz=0.5, proj="TAN", skydir=(110, 75), frame="galactic", data=3.0)
        onto = image.reproject_to_geom(HpxGeom.create(nside=64, skydir=PLACE, width=8, frame="galactic"))
        np.testing.assert_allclose(onto.data, 3.0)

    @pytest.mark.parametrize("nest", [True, False])
    @pytest.mark.parametrize("region", [None, "HPX_PIXEL(NESTED,4,8)"])
    def test_resolutions(self, nest, region):
        original = make(region, nest)
        fine = original.upsample(4)
        assert fine.data.sum() == pytest.approx(original.data.sum())
        np.testing.assert_allclose(fine.downsample(4).data, original.data)
        np.testing.assert_allclose(original.to_nside(32, preserve_counts=False).to_nside(16, False).data, original.data)
        coarse = original.downsample(2)
        assert coarse.data.sum() == pytest.approx(original.data.sum())
        coords = original.geom.to_image().get_coord()
        swapped = original.to_swapped()
        at = {**coords, "energy": 2 * u.TeV}
        np.testing.assert_array_equal(swapped.get_by_coord(at), original.get_by_coord(at))

    def test_cutout_and_stack(self):
        original = make()
        part = original.cutout(PLACE, 20)
        stacked = HpxNDMap(original.geom, unit="m2").stack(part)
        assert stacked.data.sum() * 1e4 == pytest.approx(part.data.sum())
        data = part.data.copy()
        data[0, 0] = np.nan
        assert np.isfinite(stacked.stack(part.copy(data=data)).data).all()
        with pytest.raises(ValueError, match="stack"):
            original.stack(original.to_swapped())
        with pytest.raises(ValueError, match="overlap"):
            part.stack(original.cutout(SkyCoord(0, 0, unit="deg", frame="galactic"), 10))

    def test_arithmetic_and_axes(self):
        original = make()
        assert (original + original).data.max() == 2 * original.data.max()
        assert original.sum_over_axes().data.shape == (1, 3072)
        assert original.slice_by_idx({"energy": 1}).data.shape == (1, 3072)
        with pytest.raises(ValueError, match="different places"):
            original + original.to_swapped()

    def test_regions(self):
        original = make()
        region = "galactic;circle(110, 75, 9)"
        inside = original.geom.to_image().region_mask(region).data
        assert 0.8 < inside.sum() / (original.geom.separation(PLACE).value < 9).sum() < 1.2
        spectrum = original.get_spectrum(region)
        np.testing.assert_allclose(spectrum.data.ravel(), original.data[:, inside].sum(axis=1))
        np.testing.assert_array_equal(original.geom.region_mask(region, inside=False).data[0], ~inside)
        assert original.geom.energy_mask("2 TeV").data[:, 0].tolist() == [False, True, True]
        at_place = original.to_region_nd_map(PLACE.icrs)
        np.testing.assert_allclose(
            at_place.data.ravel(), original.get_by_coord({"skycoord": PLACE, "energy": ENERGY.center})
        )

    def test_sample(self):
        original = make("DISK(110,75,10)")
        coords = original.sample_coord(20_000, 1)
        counts = HpxNDMap(original.geom).fill_by_coord(coords)
        assert counts.data.sum() == 20_000
        expected = original.data / original.data.sum() * 20_000
        assert ((counts.data - expected) ** 2 / expected).sum() < 72 + 5 * 12


class TestFiles:
    @pytest.mark.parametrize("region", [None, "DISK(110,75,10)", "HPX_PIXEL(NESTED,4,8)", [3, 17, 900]])
    @pytest.mark.parametrize("nest", [True, False])
    @pytest.mark.parametrize("axes", [(), (ENERGY,), (ENERGY, MapAxis([0, 1, 2], name="phase"))])
    def test_round_trip(self, tmp_path, region, nest, axes):
        original = make(region, nest, axes)
        for sparse in (False, True):
            if sparse and isinstance(region, list):
                continue
            write_map(original, tmp_path / "map.fits", sparse=sparse, overwrite=True)
            back = Map.read(tmp_path / "map.fits")
            assert back.geom == original.geom
            np.testing.assert_array_equal(back.data, original.data)
            assert back.unit == original.unit

    def test_masks(self, tmp_path):
        mask = make() > 1.5 * u.cm**2
        mask.write(tmp_path / "x.fits")
        assert Map.read(tmp_path / "x.fits").is_bool

    @pytest.mark.parametrize("format", ["fgst-ccube", "fgst-template"])
    def test_fermi_formats(self, tmp_path, format):
        axis = ENERGY if format == "fgst-ccube" else MapAxis.from_nodes([1, 10], unit="GeV", name="energy_true")
        original = make(axes=(axis,))
        original.write(tmp_path / "x.fits", format=format)
        back = Map.read(tmp_path / "x.fits")
        np.testing.assert_array_equal(back.data, original.data)
        np.testing.assert_allclose(back.geom.axes[0].center.to_value("TeV"), axis.center.to_value("TeV"))

    def test_healpy_and_galprop(self):
        column = fits.Column("T", "4E", unit="mK", array=np.arange(12, dtype=np.float32).reshape(3, 4))
        table = fits.BinTableHDU.from_columns([column])
        table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 1, "COORDSYS": "G"})
        found = map_from_hdulist(fits.HDUList([fits.PrimaryHDU(), table]))
        assert (found.geom.frame, found.geom.nest, str(found.unit)) == ("galactic", False, "mK")
        np.testing.assert_array_equal(found.data, np.arange(12))
        columns = [fits.Column(f"Bin{i}", "E", array=np.full(12, i)) for i in range(2)]
        table = fits.BinTableHDU.from_columns(columns, name="SKYMAP2")
        table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 1, "HIERARCH COORDTYPE": "GAL"})
        bands = fits.BinTableHDU.from_columns([fits.Column("ENERGY", "D", array=[10.0, 100.0])], name="ENERGIES")
        cube = map_from_hdulist(fits.HDUList([fits.PrimaryHDU(), table, bands]))
        assert cube.geom.axes[0].unit == "MeV"
        assert cube.data[1].sum() == 12

    def test_identify(self):
        assert identify({"TTYPE1": "COSBINS"}) == "fgst-ltcube"
        assert identify({"TTYPE1": "PIX", "TTYPE2": "KEY"}) == "fgst-srcmap-sparse"
        assert identify({"TTYPE1": "CHANNEL1", "EXTNAME": "SKYMAP"}) == "fgst-ccube"
        assert identify({"TTYPE1": "CHANNEL0", "EXTNAME": "src"}) == "fgst-srcmap"
        assert identify({"HPX_CONV": "GADF"}) == "gadf"

    def test_broken(self):
        hdus = map_to_hdulist(make())
        with pytest.raises(MissingDataError, match="SKYMAP_BANDS"):
            map_from_hdulist(hdus[:2])
        hdus[1].header["ORDERING"] = "SPIRAL"
        with pytest.raises(DataFormatError, match="SPIRAL"):
            map_from_hdulist(hdus)
        hdus[1].header["ORDERING"] = "NESTED"
        with pytest.raises(DataFormatError, match="no column 'X'"):
            map_from_hdulist(hdus, colname="X")
        hdus[1].header["NSIDE"] = 8
        with pytest.raises(DataFormatError, match="3072 pixels"):
            map_from_hdulist(hdus)
        hdus[1].columns.del_col("CHANNEL2")
        with pytest.raises(DataFormatError, match="2 columns"):
            map_from_hdulist(hdus)
        with pytest.raises(ValueError, match="unknown format"):
            map_from_hdulist(hdus, format="hdf5", map_type="hpx")

    @pytest.mark.data
    def test_fermi_exposure(self, gammapy_data):
        exposure = Map.read(gammapy_data / "fermi_3fhl/fermi_3fhl_exposure_cube_hpx.fits.gz")
        assert exposure.data.shape == (18, 49152)
        assert exposure.unit == u.Unit("cm2 s")
        assert exposure.geom.axes.names == ["energy_true"]
        assert not exposure.geom.nest
        value = exposure.interp_by_coord(
            {"skycoord": SkyCoord(0, 0, unit="deg", frame="galactic"), "energy_true": 10 * u.GeV}
        )
        assert 2e11 < value[0] < 5e11

"""Maps in FITS files: round trips, files of other tools, broken files."""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.maps import Map, MapAxis, RegionNDMap, WcsGeom, WcsNDMap
from gjax.maps.map_io import map_from_hdulist, map_to_hdulist, read_map, write_map

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
AXES = {
    "image": [],
    "counts": [ENERGY],
    "psf": [MapAxis.from_bounds(0, 0.6, 5, unit="deg", name="rad"), TRUE],
    "edisp": [MapAxis.from_bounds(0.2, 5, 6, name="migra", interp="log"), TRUE],
    "kernel": [ENERGY, TRUE],
    "nodes": [MapAxis.from_nodes([1, 3, 10.0], unit="GeV", name="energy_true", interp="log")],
    "three": [ENERGY, TRUE, MapAxis.from_bounds(0, 1, 2, name="phase")],
}


def make(axes, proj="TAN", frame="icrs"):
    geom = WcsGeom.create(skydir=(83.63, 22.01), npix=(7, 5), binsz=0.1, proj=proj, frame=frame, axes=axes)
    data = np.random.default_rng(0).uniform(size=geom.data_shape)
    return WcsNDMap(geom, data=data, unit="cm2 s", meta={"name": "x", "livetime": 2 * u.h, "number": 3})


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize(("proj", "frame"), [("TAN", "icrs"), ("CAR", "galactic"), ("AIT", "fk5")])
def test_images_and_cubes(tmp_path, name, proj, frame):
    original = make(AXES[name], proj, frame)
    for file, options in {"a.fits": {}, "b.fits.gz": {"hdu": "counts"}, "c.fits": {"sparse": True}}.items():
        write_map(original, tmp_path / file, **options)
        back = Map.read(tmp_path / file, hdu=options.get("hdu"))
        assert back.geom == original.geom
        assert back.geom.axes.names == original.geom.axes.names
        np.testing.assert_array_equal(back.data, original.data)
        assert back.data.dtype == np.dtype("float64")
        assert back.unit == original.unit
        assert back.meta["livetime"] == 2 * u.h
        assert (back.meta["name"], back.meta["number"]) == ("x", 3)


@pytest.mark.parametrize("name", [name for name in AXES if name != "image"])
def test_region_maps(tmp_path, name):
    original = RegionNDMap.create("icrs;circle(83.63, 22.01, 0.2)", axes=AXES[name], unit="s")
    original = original.copy(data=np.random.default_rng(0).uniform(size=original.data.shape))
    original.write(tmp_path / "map.fits")
    for back in (Map.read(tmp_path / "map.fits"), RegionNDMap.read(tmp_path / "map.fits")):
        assert isinstance(back, RegionNDMap)
        assert back.geom.axes == original.geom.axes
        np.testing.assert_array_equal(back.data, original.data)


def test_masks_stay_masks(tmp_path):
    mask = make([ENERGY]).copy(unit="") > 0.5
    for file, hdu in (("a.fits", None), ("b.fits", "MASK_SAFE"), ("c.fits", "EXCLUDED")):
        mask.write(tmp_path / file, hdu=hdu)
        back = Map.read(tmp_path / file, hdu=hdu)
        assert back.is_bool
        np.testing.assert_array_equal(back.data, mask.data)
    hdu = fits.ImageHDU(np.array([[1.0, np.nan], [0.0, 2.0]]), header=WcsGeom.create(npix=2).to_header(), name="mask")
    plain = map_from_hdulist(fits.HDUList([fits.PrimaryHDU(), hdu]))
    assert plain.data.tolist() == [[True, False], [False, True]]


def test_several_maps_in_one_file(tmp_path):
    first, second = make([ENERGY]), make([TRUE])
    hdus = map_to_hdulist(first, "counts")
    hdus.extend(map_to_hdulist(second, "exposure")[1:])
    hdus.writeto(tmp_path / "both.fits")
    assert Map.read(tmp_path / "both.fits", hdu="EXPOSURE").geom.axes.names == ["energy_true"]
    assert Map.read(tmp_path / "both.fits").geom.axes.names == ["energy"]


class TestFermiTools:
    def test_counts_cube(self, tmp_path):
        cube = WcsNDMap.create(npix=4, binsz=0.5, frame="galactic", axes=[ENERGY], data=2.0)
        cube.write(tmp_path / "cube.fits", format="fgst-ccube")
        with fits.open(tmp_path / "cube.fits") as hdus:
            assert hdus["EBOUNDS"].columns["E_MIN"].unit == "keV"
        back = Map.read(tmp_path / "cube.fits")
        np.testing.assert_allclose(back.geom.axes["energy"].edges.to_value("TeV"), ENERGY.edges.value)

    def test_template(self, tmp_path):
        cube = WcsNDMap.create(npix=4, binsz=0.5, frame="galactic", axes=AXES["nodes"], data=2.0)
        cube.write(tmp_path / "template.fits", format="fgst-template")
        back = Map.read(tmp_path / "template.fits")
        assert back.geom.axes[0].node_type == "center"
        assert back.geom.axes[0].unit == "MeV"
        assert back.unit == u.Unit("cm-2 s-1 MeV-1 sr-1")

    def test_wrong_axes(self, tmp_path):
        for name in ("psf", "image"):
            with pytest.raises(ValueError, match="one energy axis"):
                make(AXES[name]).write(tmp_path / "x.fits", format="fgst-ccube")
        assert not list(tmp_path.iterdir())

    @pytest.mark.data
    def test_files(self, gammapy_data):
        folder = gammapy_data / "fermi-3fhl-gc"
        counts = Map.read(folder / "fermi-3fhl-gc-counts-cube.fits.gz")
        assert counts.data.shape == (11, 200, 400)
        assert counts.data.sum() == 32684
        assert counts.geom.axes["energy"].unit == "keV"
        exposure = Map.read(folder / "fermi-3fhl-gc-exposure-cube.fits.gz")
        assert exposure.geom.axes.names == ["energy_true"]
        assert exposure.unit == u.Unit("cm2 s")
        assert exposure.geom.axes[0].node_type == "center"
        diffuse = Map.read(folder / "gll_iem_v06_gc.fits.gz")
        assert diffuse.unit == u.Unit("cm-2 s-1 MeV-1 sr-1")
        assert diffuse.geom.frame == "galactic"


@pytest.mark.data
def test_files_of_others(gammapy_data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = Map.read(gammapy_data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz")
        assert mask.data.shape == (250, 250)
        template = Map.read(gammapy_data / "catalogs/fermi/Extended_archive_v18/Templates/W3.fits.gz")
        assert template.geom.is_image
        file = gammapy_data / "hawc/DL4/nHit-5.fits.gz"
        psf = Map.read(file, hdu="PSF")
        assert psf.geom.axes.names == ["rad", "energy"]
        assert psf.data.shape == (10, 200, 6, 6)
        assert Map.read(file, hdu="EXPOSURE").meta["livetime"] == 1 * u.s
        assert Map.read(file, hdu="MASK_SAFE").is_bool


class TestBroken:
    def test_no_file(self, tmp_path):
        with pytest.raises(MissingDataError, match="no such file"):
            Map.read(tmp_path / "none.fits")

    def test_no_hdu(self, tmp_path):
        make([ENERGY]).write(tmp_path / "map.fits", hdu="counts")
        with pytest.raises(MissingDataError, match="no HDU 'PSF'; the file has: PRIMARY, COUNTS, COUNTS_BANDS"):
            Map.read(tmp_path / "map.fits", hdu="PSF")

    def test_no_bands(self, tmp_path):
        map_to_hdulist(make([ENERGY]), "counts")[:2].writeto(tmp_path / "map.fits")
        with pytest.raises(MissingDataError, match="COUNTS_BANDS"):
            Map.read(tmp_path / "map.fits")
        hdus = map_to_hdulist(make([ENERGY]))[:1]
        del hdus[0].header["BANDSHDU"]
        with pytest.raises(DataFormatError, match=r"\(none found\) ask for"):
            map_from_hdulist(hdus)

    def test_wrong_bands(self):
        hdus = map_to_hdulist(make([ENERGY]))
        del hdus[1].header["AXCOLS1"]
        with pytest.raises(DataFormatError, match=r"PRIMARY.*shape"):
            map_from_hdulist(hdus)
        hdus = map_to_hdulist(make([ENERGY]))
        hdus[1].header["AXCOLS1"] = "E_LOW,E_HIGH"
        with pytest.raises(DataFormatError, match="E_LOW"):
            map_from_hdulist(hdus)

    def test_no_projection(self, tmp_path):
        fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "plain.fits")
        with pytest.raises(DataFormatError, match="no celestial projection"):
            Map.read(tmp_path / "plain.fits")
        with pytest.raises(DataFormatError, match="no celestial projection"):
            Map.read(tmp_path / "plain.fits", map_type="wcs")

    def test_no_data(self, tmp_path):
        fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
        with pytest.raises(MissingDataError, match="no HDU with data"):
            Map.read(tmp_path / "empty.fits")

    def test_other_table(self, tmp_path):
        columns = [fits.Column("TIME", "D", array=[1.0])]
        fits.BinTableHDU.from_columns(columns, name="EVENTS").writeto(tmp_path / "events.fits")
        with pytest.raises(DataFormatError, match="'EVENTS' is no map"):
            Map.read(tmp_path / "events.fits")

    def test_truncated(self, tmp_path):
        WcsNDMap.create(npix=100, axes=[ENERGY]).write(tmp_path / "map.fits")
        content = (tmp_path / "map.fits").read_bytes()
        (tmp_path / "map.fits").write_bytes(content[: len(content) // 2])
        with pytest.raises(DataFormatError, match=r"map\.fits"):
            Map.read(tmp_path / "map.fits")

    def test_sparse_out_of_range(self):
        hdus = map_to_hdulist(make([ENERGY]), sparse=True)
        hdus[1].header["WCSSHAPE"] = "(2,2,3)"
        with pytest.raises(DataFormatError, match="outside"):
            map_from_hdulist(hdus)
        hdus[1].header["WCSSHAPE"] = "big"
        with pytest.raises(DataFormatError, match="WCSSHAPE"):
            map_from_hdulist(hdus)

    def test_formats(self, tmp_path):
        with pytest.raises(ValueError, match="unknown map format"):
            make([ENERGY]).write(tmp_path / "x.fits", format="hdf5")
        with pytest.raises(ValueError, match="map_type"):
            map_from_hdulist(map_to_hdulist(make([])), map_type="cube")
        with pytest.raises(ValueError, match="primary HDU"):
            map_to_hdulist(make([]), "PRIMARY", sparse=True)

    def test_existing_file(self, tmp_path):
        make([]).write(tmp_path / "x.fits")
        with pytest.raises(FileExistsError, match="overwrite"):
            make([]).write(tmp_path / "x.fits")
        make([]).write(tmp_path / "x.fits", overwrite=True)

    def test_unit_and_meta_not_understood(self, caplog):
        hdus = map_to_hdulist(make([]))
        hdus[0].header["BUNIT"] = "furlongs"
        hdus[0].header["META"] = "not json"
        back = map_from_hdulist(hdus)
        assert back.unit == u.dimensionless_unscaled
        assert back.meta == {}
        assert "furlongs" in caplog.text

    def test_photons_are_dropped_from_units(self):
        hdus = map_to_hdulist(make([]))
        hdus[0].header["BUNIT"] = "ph cm-2 s-1"
        assert map_from_hdulist(hdus).unit == u.Unit("cm-2 s-1")


def test_read_map_is_the_function_of_map_read(tmp_path):
    make([]).write(tmp_path / "x.fits")
    assert read_map(tmp_path / "x.fits").is_allclose(Map.read(tmp_path / "x.fits"))

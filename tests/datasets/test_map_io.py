"""FITS files and index files of map datasets."""

import shutil
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from regions import CircleSkyRegion

from gjax.datasets import Datasets, MapDataset, MapDatasetOnOff, SpectrumDataset
from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.irf import EDispKernelMap, EDispMap, PSFKernel, PSFMap, RecoPSFMap
from gjax.maps import MapAxis

GOLDEN = Path(__file__).parent
FIELDS = ("counts", "exposure", "background", "mask_safe", "mask_fit", "counts_off", "acceptance", "acceptance_off")


def assert_same(first, second):
    assert type(first) is type(second)
    assert first.name == second.name
    for field in first.__dataclass_fields__:
        one, two = getattr(first, field), getattr(second, field)
        assert (one is None) == (two is None), field
        if field in FIELDS and one is not None:
            np.testing.assert_array_equal(one.data, two.data, err_msg=field)
            assert one.unit == two.unit
            assert one.geom.is_allclose(two.geom)
        if field in ("psf", "edisp") and one is not None:
            assert type(one) is type(two)
            np.testing.assert_array_equal(one.irf_map.data, two.irf_map.data)
            assert (one.exposure_map is None) == (two.exposure_map is None)
            if one.exposure_map is not None:
                np.testing.assert_array_equal(one.exposure_map.data, two.exposure_map.data)
    if first.gti is not None:
        assert first.gti.is_allclose(second.gti)
    assert first.livetime == second.livetime


def change_hdu(path, name, change):
    """Read a file, change one of its HDUs (or remove it) and write it again."""
    with fits.open(path) as hdus:
        hdus = fits.HDUList([hdu.copy() for hdu in hdus])
    if change is None:
        del hdus[name]
    else:
        change(hdus[name])
    hdus.writeto(path, overwrite=True)


class TestRoundTrip:
    def test_everything(self, make_map, tmp_path):
        mask = np.random.default_rng(0).random((3, 16, 20)) > 0.5
        table = Table({"OBS_ID": [1, 2], "TELESCOP": ["A", "BC"]})
        dataset = make_map("crab", mask_fit=mask, meta_table=table, meta={"ORIGIN": "here", "OBSERVER": "me"})
        path = dataset.write(tmp_path / "maps" / "crab.fits.gz")
        again = MapDataset.read(path)
        assert_same(dataset, again)
        assert list(again.meta_table["TELESCOP"]) == ["A", "BC"]
        assert again.meta == {"OBSERVER": "me"}
        assert again.mask_fit.data.dtype == bool
        with pytest.raises(FileExistsError, match="pass overwrite=True"):
            dataset.write(path)
        assert MapDataset.read(dataset.write(path, overwrite=True), name="x").name == "x"

    def test_on_off(self, make_on_off, tmp_path):
        dataset = make_on_off("ring")
        path = dataset.write(tmp_path / "ring.fits")
        assert_same(dataset, MapDatasetOnOff.read(path))
        with pytest.raises(DataFormatError, match=r"on-off data .HDU COUNTS_OFF.: read it with MapDatasetOnOff"):
            MapDataset.read(path)
        assert_same(dataset, Datasets.read(path)[0])

    def test_few_parts(self, make_map, tmp_path):
        dataset = make_map("a", background=None, psf=None, edisp=None, mask_safe=None, gti=None)
        assert_same(dataset, MapDataset.read(dataset.write(tmp_path / "a.fits")))

    def test_kinds_of_responses(self, make_map, tmp_path):
        dataset = make_map("a")
        migra = MapAxis.from_bounds(0.2, 5, nbin=48, name="migra")
        true = dataset.exposure.geom.axes["energy_true"]
        other = dataset.copy(
            psf=RecoPSFMap.from_gauss(dataset.energy_axis), edisp=EDispMap.from_diagonal_response(true, migra)
        )
        assert_same(other, MapDataset.read(other.write(tmp_path / "a.fits")))
        kernel = dataset.psf.get_psf_kernel(dataset.exposure.geom)
        assert isinstance(kernel, PSFKernel)
        with pytest.raises(TypeError, match="dataset 'a': a PSFKernel as psf cannot be written"):
            dataset.copy(psf=kernel).write(tmp_path / "b.fits")
        assert not (tmp_path / "b.fits").exists()

    def test_layout(self, make_map, tmp_path):
        path = make_map("crab").write(tmp_path / "crab.fits")
        with fits.open(path) as hdus:
            names = [hdu.name for hdu in hdus]
            for name in ("COUNTS", "EXPOSURE", "BACKGROUND", "EDISP", "EDISP_EXPOSURE", "PSF", "PSF_EXPOSURE"):
                assert name in names
                assert f"{name}_BANDS" in names
            assert {"MASK_SAFE", "GTI"} <= set(names)
            assert hdus[0].header["NAME"] == "crab"
            assert hdus["EXPOSURE"].header["META"] == '{"livetime": "100.0 s"}'
            assert hdus["PSF"].header["AXCOLS1"] == "RAD_MIN,RAD_MAX"

    def test_files_of_the_reference_package(self, tmp_path):
        dataset = MapDataset.read(GOLDEN / "golden_map_stacked.fits.gz")
        assert dataset.name == "stacked"
        assert dataset.livetime.to_value("s") == 300
        assert dataset.gti.time_sum.to_value("s") == pytest.approx(220)
        assert dataset.counts.data.dtype == np.float64
        assert isinstance(dataset.psf, PSFMap)
        assert isinstance(dataset.edisp, EDispKernelMap)
        assert dataset.psf.psf_map.unit == "sr-1"
        assert_same(dataset, MapDataset.read(dataset.write(tmp_path / "again.fits")))


class TestIndex:
    def test_folder(self, make_map, make_on_off, tmp_path):
        datasets = Datasets([make_map("a"), make_on_off("b", seed=1)])
        index = datasets.write(tmp_path / "out")
        entries = yaml.safe_load(index.read_text())["datasets"]
        assert entries[1] == {"name": "b", "type": "MapDatasetOnOff", "filename": "b.fits"}
        for path in (index, index.parent):
            again = Datasets.read(path)
            assert again.names == ["a", "b"]
            assert_same(again[0], datasets[0])
            assert_same(again[1], datasets[1])
        assert Datasets.read(tmp_path / "out" / "*.fits").names == ["a", "b"]

    def test_names_of_the_index_win(self, tmp_path):
        shutil.copy(GOLDEN / "golden_map_0.fits.gz", tmp_path / "x.fits.gz")
        index = tmp_path / "index.yaml"
        index.write_text("datasets:\n-   name: other\n    type: MapDataset\n    filename: x.fits.gz\nchecksum: abc\n")
        assert Datasets.read(index).names == ["other"]
        index.write_text("datasets:\n-   name: other\n    type: MapDataset\n    filename: y.fits.gz\n")
        with pytest.raises(MissingDataError, match=r"y\.fits\.gz: no such file"):
            Datasets.read(index)


class TestBrokenFiles:
    @pytest.fixture
    def path(self, make_map, tmp_path):
        return make_map("crab").write(tmp_path / "crab.fits")

    def test_no_dataset(self, tmp_path):
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((2, 2)), name="SOMETHING")]).writeto(tmp_path / "a.fits")
        with pytest.raises(MissingDataError, match=r"a\.fits: no map dataset.*the file has: .*SOMETHING"):
            MapDataset.read(tmp_path / "a.fits")
        with pytest.raises(MissingDataError, match=r"b\.fits: no such file"):
            MapDataset.read(tmp_path / "b.fits")
        with pytest.raises(ValueError, match="format is 'ogip'"):
            MapDataset.read(tmp_path / "a.fits", format="ogip")

    def test_missing_bands(self, path):
        change_hdu(path, "EXPOSURE_BANDS", None)
        with pytest.raises((MissingDataError, DataFormatError), match=r"crab\.fits.*EXPOSURE_BANDS"):
            MapDataset.read(path)

    def test_missing_map_is_reported(self, path):
        change_hdu(path, "COUNTS", None)
        dataset = MapDataset.read(path)
        assert dataset.counts is None
        assert ("error", "counts") in [(r["level"], r["field"]) for r in dataset.check()]

    def test_not_a_number(self, path):
        def change(hdu):
            hdu.data[1, 2, 3] = np.nan

        change_hdu(path, "BACKGROUND", change)
        with pytest.raises(DataFormatError, match=r"crab\.fits: dataset 'crab': background is .*\(1, 2, 3\): nan"):
            MapDataset.read(path)

    def test_empty_response(self, path):
        def change(hdu):
            hdu.data[...] = np.nan

        change_hdu(path, "PSF", change)
        with pytest.raises(DataFormatError, match=r"crab\.fits: HDU 'PSF' .*no finite value"):
            MapDataset.read(path)

    def test_mask_values(self, path):
        def change(hdu):
            hdu.data = hdu.data.astype(np.int16) * 3

        change_hdu(path, "MASK_SAFE", change)
        with pytest.raises(DataFormatError, match=r"crab\.fits: HDU 'MASK_SAFE' has values other than 0 and 1"):
            MapDataset.read(path)

    def test_unit(self, path):
        def change(hdu):
            hdu.header["BUNIT"] = "s"

        change_hdu(path, "EXPOSURE", change)
        with pytest.raises(UnitError, match=r"crab\.fits: dataset 'crab': exposure is in 's'"):
            MapDataset.read(path)

    def test_shape(self, path, make_map, tmp_path, map_geom):
        other = make_map("o", geom=map_geom.to_image().pad(2).to_cube(map_geom.axes)).write(tmp_path / "o.fits")
        with fits.open(other) as hdus:
            wrong = hdus["BACKGROUND"].copy()

        with fits.open(path) as hdus:
            hdus = fits.HDUList([hdu.copy() for hdu in hdus])
        hdus["BACKGROUND"] = wrong
        hdus.writeto(path, overwrite=True)
        with pytest.raises(DataFormatError, match=r"crab\.fits: dataset 'crab': background has another geometry"):
            MapDataset.read(path)

    def test_truncated(self, path):
        path.write_bytes(path.read_bytes()[:30000])
        with pytest.raises(DataFormatError, match=r"crab\.fits: truncated"):
            MapDataset.read(path)


@pytest.mark.data
class TestRealFiles:
    def test_hawc(self, gammapy_data):
        datasets = Datasets.read(gammapy_data / "hawc" / "DL4" / "HAWC_pass4_public_Crab.yaml")
        assert datasets.names == [f"nHit-{i}" for i in range(5, 10)]
        info = datasets.info_table()
        assert list(info["counts"]) == [7234, 1825, 668, 245, 179]
        assert list(info["n_fit_bins"]) == [57600, 57600, 57600, 43200, 57600]
        first = datasets[0]
        assert isinstance(first.psf, RecoPSFMap)
        assert isinstance(first.edisp, EDispKernelMap)
        assert first.exposure.unit == "cm2 s"
        assert all(dataset.check() == [] for dataset in datasets)
        assert first.to_image().psf.axes["energy"].nbin == 1
        with pytest.raises(ValueError, match=r"'nHit-5': its psf .RecoPSFMap. has no exposure map"):
            datasets.stack_reduce()

    def test_fermi(self, gammapy_data, tmp_path):
        dataset = MapDataset.read(gammapy_data / "fermi-3fhl-gc" / "fermi-3fhl-gc.fits.gz")
        assert dataset.name == "fermi-3fhl-gc"
        assert dataset.data_shape == (11, 200, 400)
        assert dataset.info_dict()["counts"] == 27727
        # Gammapy 2.1: values of background and exposure per pixel
        np.testing.assert_allclose(dataset.background.data[::5, 100, 200], [0.739726245, 0.061318323, 0.00930427387])
        np.testing.assert_allclose(dataset.exposure.data[0, 50, 100], 320318079000.0)
        assert dataset.exposure.geom.axes["energy_true"].node_type == "center"
        kernel = dataset.edisp.get_edisp_kernel()
        np.testing.assert_allclose(kernel.pdf_matrix.sum(axis=1)[[0, 1, -1]], [0.544338, 1, 0.455662], rtol=1e-5)
        assert_same(dataset, MapDataset.read(dataset.write(tmp_path / "fermi.fits")))


class TestSpectrum:
    def test_round_trip(self, make_map, center, tmp_path):
        region = CircleSkyRegion(center, 0.4 * u.deg)
        spectrum = make_map("a").to_spectrum_dataset(region, name="s")
        path = Datasets([spectrum]).write(tmp_path)
        for again in (Datasets.read(path)[0], Datasets.read(tmp_path / "s.fits")[0]):
            assert isinstance(again, SpectrumDataset)
            for field in ("counts", "background", "exposure", "mask_safe"):
                np.testing.assert_array_equal(getattr(again, field).data, getattr(spectrum, field).data)
            np.testing.assert_allclose(again.edisp.pdf_matrix, spectrum.edisp.pdf_matrix)
            assert again.livetime == spectrum.livetime
            assert again.counts.geom.region.radius.to_value("deg") == pytest.approx(0.4)

    def test_images_are_no_spectrum(self, make_map, tmp_path):
        path = make_map("a").write(tmp_path / "a.fits")
        with pytest.raises(DataFormatError, match=r"a\.fits: HDU 'COUNTS' holds images"):
            SpectrumDataset.read(path)

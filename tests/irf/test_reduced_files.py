"""Files of reduced responses: GADF sky maps, gtpsf and gtdrm of the Fermi tools."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.irf import EDispKernelMap, EDispMap, PSFMap, RecoPSFMap
from gjax.maps import MapAxis, WcsGeom

TRUE = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", 4, name="energy_true")
RECO = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 3)
IMAGE = WcsGeom.create(skydir=(83.6, 22.0), npix=(5, 4), binsz=0.5, proj="TAN")


@pytest.mark.parametrize(
    "response",
    [
        PSFMap.from_gauss(TRUE, sigma="0.1 deg", geom=IMAGE),
        PSFMap.from_gauss(TRUE, sigma="0.1 deg"),
        RecoPSFMap.from_gauss(RECO, sigma="0.1 deg", geom=IMAGE),
        EDispKernelMap.from_gauss(RECO, TRUE, sigma=0.1, bias=0, geom=IMAGE),
        EDispMap.from_diagonal_response(TRUE, MapAxis.from_bounds(0.2, 3, 14, name="migra"), geom=IMAGE),
    ],
    ids=["psf", "psf-region", "psf-reco", "edisp-kernel", "edisp-migra"],
)
def test_round_trip(response, tmp_path):
    path = tmp_path / "response.fits"
    response.write(path)
    # the file says which kind it is
    base = PSFMap if response.hdu == "psf" else EDispMap
    found = base.read(path)
    assert type(found) is type(response)
    assert found.irf_map.is_allclose(response.irf_map)
    assert found.exposure_map.is_allclose(response.exposure_map)
    with pytest.raises(FileExistsError):
        response.write(path)


def test_without_exposure(tmp_path):
    PSFMap.from_gauss(TRUE).copy(exposure_map=None).write(tmp_path / "psf.fits")
    assert PSFMap.read(tmp_path / "psf.fits").exposure_map is None


def test_gtpsf_round_trip(tmp_path):
    psf = PSFMap.from_gauss(TRUE, sigma="0.1 deg")
    psf.write(tmp_path / "psf.fits", format="gtpsf")
    found = PSFMap.read(tmp_path / "psf.fits", format="gtpsf")
    np.testing.assert_allclose(found.psf_map.data, psf.psf_map.data)
    np.testing.assert_allclose(found.exposure_map.quantity.to_value("m2 s"), psf.exposure_map.data)
    np.testing.assert_allclose(found.axes["energy_true"].center.to_value("TeV"), TRUE.center.value)


def test_gtpsf_is_for_one_position(tmp_path):
    with pytest.raises(ValueError, match="one position"):
        PSFMap.from_gauss(TRUE, geom=IMAGE).write(tmp_path / "psf.fits", format="gtpsf")


def write_drm(path, matrix, edges):
    columns = [
        fits.Column("ENERG_LO", "D", array=edges[:-1]),
        fits.Column("ENERG_HI", "D", array=edges[1:]),
        fits.Column("MATRIX", f"{matrix.shape[1]}D", array=matrix),
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="DRM")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def test_gtdrm(tmp_path):
    edges = np.geomspace(100, 1e5, 7)  # MeV
    matrix = np.random.default_rng(0).uniform(size=(6, 4))
    write_drm(tmp_path / "drm.fits", matrix, edges)
    kernel = EDispKernelMap.read(tmp_path / "drm.fits", format="gtdrm").get_edisp_kernel()
    np.testing.assert_allclose(kernel.pdf_matrix, matrix)
    np.testing.assert_allclose(kernel.axes["energy_true"].edges.to_value("MeV"), edges)
    np.testing.assert_allclose(kernel.axes["energy"].edges.to_value("MeV"), edges[1:-1])


def test_gtdrm_with_an_impossible_matrix(tmp_path):
    write_drm(tmp_path / "drm.fits", np.ones((6, 5)), np.geomspace(100, 1e5, 7))
    with pytest.raises(DataFormatError, match="6 true and 5 reconstructed"):
        EDispKernelMap.read(tmp_path / "drm.fits", format="gtdrm")


def test_missing_parts_are_named(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 2)), name="OTHER")]).writeto(tmp_path / "a.fits")
    for cls, format, name in ((PSFMap, "gadf", "PSF"), (PSFMap, "gtpsf", "PSF"), (EDispKernelMap, "gtdrm", "DRM")):
        with pytest.raises(MissingDataError, match=rf"a\.fits.*{name}.*OTHER"):
            cls.read(tmp_path / "a.fits", format=format)
    with pytest.raises(ValueError, match="unknown format"):
        PSFMap.read(tmp_path / "a.fits", format="ogip")


def test_wrong_axes_in_a_file(tmp_path):
    EDispKernelMap.from_gauss(RECO, TRUE, sigma=0.1, bias=0).write(tmp_path / "a.fits")
    with pytest.raises(DataFormatError, match="has the axes"):
        PSFMap.read(tmp_path / "a.fits", hdu="edisp")


def test_column_is_missing(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", array=[1.0])], name="PSF")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a.fits")
    with pytest.raises(DataFormatError, match="no column Exposure, Psf"):
        PSFMap.read(tmp_path / "a.fits", format="gtpsf")


@pytest.mark.data
def test_fermi_psf(gammapy_data):
    psf = PSFMap.read(gammapy_data / "fermi-3fhl-gc/fermi-3fhl-gc-psf-cube.fits.gz", format="gtpsf")
    # Gammapy 2.1 gives 0.117028 deg at 20 GeV, rounded to a twentieth of its radius bins
    assert psf.containment_radius(0.68, 20 * u.GeV).value == pytest.approx(0.117028, abs=2e-4)


@pytest.mark.data
def test_hawc_responses(gammapy_data):
    path = gammapy_data / "hawc/DL4/nHit-6.fits.gz"
    psf = PSFMap.read(path)
    assert isinstance(psf, RecoPSFMap)
    radius = psf.containment_radius(0.68).value
    # Gammapy 2.1, rounded to 0.00075 deg; it gives numbers for the bins without statistics as well
    np.testing.assert_allclose(radius[1:7], [0.187875, 0.188625, 0.190125, 0.225375, 0.307875, 0.488625], atol=8e-4)
    assert np.isnan(radius[7:]).all()
    assert EDispKernelMap.read(path).get_edisp_kernel().pdf_matrix.shape == (50, 10)

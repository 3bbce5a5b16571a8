"""Energy dispersion kernels: constructors, moments, regrouping, OGIP files."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError
from gjax.irf import EDispKernel
from gjax.maps import MapAxis

TRUE = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", 40, name="energy_true")
RECO = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", 20)


@pytest.fixture
def kernel():
    return EDispKernel.from_gauss(TRUE, RECO, sigma=0.1, bias=0.0)


def test_gaussian_moments():
    fine = MapAxis.from_energy_bounds("0.1 TeV", "10 TeV", 400)
    kernel = EDispKernel.from_gauss(TRUE, fine, sigma=0.1, bias=0.05)
    energy = [0.5, 1.0, 3.0] * u.TeV
    assert np.allclose(kernel.get_bias(energy), 0.05, atol=2e-3)
    assert np.allclose(kernel.get_resolution(energy), 0.1, atol=2e-3)
    assert np.isclose(
        kernel.get_mean(1 * u.TeV).value, 1.05 * TRUE.center[TRUE.coord_to_idx(1 * u.TeV)[0]].value, rtol=3e-3
    )
    with pytest.raises(ValueError, match="outside the true energies"):
        kernel.get_bias(20 * u.TeV)


def test_diagonal():
    kernel = EDispKernel.from_diagonal_response(TRUE, RECO)
    assert np.allclose(kernel.pdf_matrix.sum(axis=1), 1.0)
    assert np.count_nonzero(kernel.pdf_matrix > 1e-9) == 40
    shifted = EDispKernel.from_diagonal_response(
        MapAxis.from_energy_edges([1, 3] * u.TeV, name="energy_true"),
        MapAxis.from_energy_edges([500, 2000, 4000] * u.GeV),
    )
    assert np.allclose(shifted.pdf_matrix, [[0.5, 0.5]])


def test_bias_energy(kernel):
    edges = [0.1, 1, 10, 100, 1000] * u.TeV
    true, reco = MapAxis.from_energy_edges(edges, name="energy_true"), MapAxis.from_energy_edges(edges)
    matrix = [[0, 1, 0, 0], [0, 0.9, 0.1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    steps = EDispKernel([true, reco], matrix)
    # The bias falls from 9 to 0.9 over one decade in energy: it is 3 half-way (in logarithms, nearly).
    found = steps.get_bias_energy(3.0)
    slope = np.log(0.9 / 9.0)
    expected = true.center[0].value * 10 ** (np.log(3.0 / 9.0) / slope) * 4.0
    assert np.allclose(found.value, [expected], rtol=1e-12)
    assert np.allclose(steps.get_bias_energy(100.0).value, [true.center[0].value * 101])  # none: start of the range
    assert steps.get_bias_energy(3.0, energy_min="2 TeV").value == pytest.approx([8.0])
    with pytest.raises(ValueError, match="its bias is undefined"):
        EDispKernel([true, reco], 0.0).get_bias_energy(0.1)


def test_regrouping_keeps_probability(kernel):
    coarse = MapAxis.from_energy_edges(RECO.edges[[2, 6, 10]])
    grouped = kernel.resample_energy_axis(coarse)
    assert np.allclose(grouped.pdf_matrix[:, 0], kernel.pdf_matrix[:, 2:6].sum(axis=1))
    assert np.allclose(grouped.pdf_matrix[:, 1], kernel.pdf_matrix[:, 6:10].sum(axis=1))
    masked = kernel.resample_energy_axis(coarse, weights=np.arange(20) > 3)
    assert np.allclose(masked.pdf_matrix[:, 0], kernel.pdf_matrix[:, 4:6].sum(axis=1))
    with pytest.raises(ValueError, match="are not edges"):
        kernel.resample_energy_axis(MapAxis.from_energy_edges([0.11, 1] * u.TeV))
    part = kernel.slice_by_idx({"energy": slice(2, 6)})
    assert np.array_equal(part.pdf_matrix, kernel.pdf_matrix[:, 2:6])


def test_wrong_shape_and_axes():
    with pytest.raises(ValueError, match=r"needs the axes \['energy_true', 'energy'\]"):
        EDispKernel([RECO, TRUE])
    with pytest.raises(ValueError, match=r"\(20, 40\), expected \(40, 20\)"):
        EDispKernel([TRUE, RECO], np.ones((20, 40)))
    assert "EDispKernel (40 x 20)" in repr(EDispKernel([TRUE, RECO]))


@pytest.mark.parametrize(("format", "unit"), [("ogip", "TeV"), ("ogip-sherpa", "keV")])
def test_round_trip(tmp_path, kernel, format, unit):
    matrix = kernel.pdf_matrix.copy()
    matrix[5] = 0.0  # a row without channels
    matrix[7, ::2] = 0.0  # many groups
    path = tmp_path / "rmf.fits"
    EDispKernel(kernel.axes, matrix).write(path, format=format)
    again = EDispKernel.read(path)
    assert np.array_equal(again.pdf_matrix, matrix)
    assert again.axes["energy"].unit == unit
    assert np.allclose(again.axes["energy"].edges.to_value("TeV"), RECO.edges.value, rtol=1e-12)
    assert np.allclose(again.axes["energy_true"].edges.to_value("TeV"), TRUE.edges.value, rtol=1e-12)
    with pytest.raises(FileExistsError, match="overwrite"):
        EDispKernel(kernel.axes, matrix).write(path)
    assert [p.name for p in tmp_path.iterdir()] == ["rmf.fits"]
    with pytest.raises(ValueError, match="unknown RMF format 'gadf'"):
        kernel.to_hdulist("gadf")


def test_equal_row_lengths_are_written(tmp_path):
    kernel = EDispKernel.from_diagonal_response(RECO.copy(name="energy_true"), RECO)
    kernel.write(tmp_path / "rmf.fits")
    assert np.array_equal(EDispKernel.read(tmp_path / "rmf.fits").pdf_matrix, kernel.pdf_matrix)


@pytest.mark.parametrize("with_keyword", [True, False])
def test_channels_that_start_at_one(kernel, with_keyword):
    hdus = kernel.to_hdulist()
    for row in range(TRUE.nbin):
        hdus["MATRIX"].data["F_CHAN"][row] += 1
    hdus["EBOUNDS"].data["CHANNEL"] += 1
    del hdus["MATRIX"].header["TLMIN4"]
    if with_keyword:
        hdus["MATRIX"].header["TLMIN4"] = 1
    assert np.array_equal(EDispKernel.from_hdulist(hdus).pdf_matrix, kernel.pdf_matrix)


def test_fixed_length_columns_of_a_single_group():
    true = MapAxis.from_energy_edges([1, 2, 4] * u.TeV, name="energy_true")
    hdus = EDispKernel.from_diagonal_response(true).to_hdulist()
    columns = [
        fits.Column("ENERG_LO", "E", unit="TeV", array=[1.0, 2.0]),
        fits.Column("ENERG_HI", "E", unit="TeV", array=[2.0, 4.0]),
        fits.Column("N_GRP", "I", array=[1, 1]),
        fits.Column("F_CHAN", "I", array=[0, 0]),
        fits.Column("N_CHAN", "I", array=[2, 2]),
        fits.Column("MATRIX", "2E", array=[[0.75, 0.25], [0.0, 1.0]]),
    ]
    matrix = fits.BinTableHDU.from_columns(columns, name="SPECRESP MATRIX")
    kernel = EDispKernel.from_hdulist(fits.HDUList([hdus[0], matrix, hdus["EBOUNDS"]]))
    assert np.allclose(kernel.pdf_matrix, [[0.75, 0.25], [0.0, 1.0]])


def test_broken_files(tmp_path, kernel):
    with pytest.raises(MissingDataError, match="no such file"):
        EDispKernel.read(tmp_path / "none.fits")
    hdus = kernel.to_hdulist()
    with pytest.raises(MissingDataError, match=r"no HDU 'EBOUNDS'.*MATRIX"):
        EDispKernel.from_hdulist(fits.HDUList(hdus[:2]), path="a.fits")
    with pytest.raises(MissingDataError, match="MATRIX or SPECRESP MATRIX"):
        EDispKernel.from_hdulist(fits.HDUList([hdus[0], hdus["EBOUNDS"]]), path="a.fits")
    columns = [column for column in hdus["MATRIX"].columns if column.name != "N_CHAN"]
    part = fits.HDUList([hdus[0], fits.BinTableHDU.from_columns(columns, name="MATRIX"), hdus["EBOUNDS"]])
    with pytest.raises(DataFormatError, match=r"a.fits: HDU 'MATRIX': no column 'N_CHAN'"):
        EDispKernel.from_hdulist(part, path="a.fits")
    hdus["MATRIX"].header["TLMIN4"] = 5
    with pytest.raises(DataFormatError, match=r"row 1: channels .* do not fit 20 channels from 5"):
        EDispKernel.from_hdulist(hdus, path="a.fits")
    hdus = kernel.to_hdulist()
    hdus["EBOUNDS"].columns["E_MIN"].unit = "deg"
    with pytest.raises(DataFormatError, match="column 'E_MIN' is in 'deg', expected an energy"):
        EDispKernel.from_hdulist(hdus, path="a.fits")
    nan = EDispKernel(kernel.axes, np.full((40, 20), np.nan))
    with pytest.raises(DataFormatError, match="NaN"):
        EDispKernel.from_hdulist(nan.to_hdulist(), path="a.fits")

"""Responses in FITS files: round trips, lenient reading, clear errors for broken files."""

import gzip

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.irf import (
    IRF_CLASSES,
    PSF3D,
    Background2D,
    Background3D,
    EffectiveAreaTable2D,
    EnergyDependentMultiGaussPSF,
    EnergyDispersion2D,
    PSFKing,
    RadMax2D,
    load_irf_dict_from_file,
    load_irf_hdu,
)
from gjax.maps import MapAxis

TRUE = MapAxis([0.1, 1.0, 10.0, 100.0], interp="log", name="energy_true", unit="TeV")
RECO = MapAxis([0.1, 1.0, 10.0, 100.0], interp="log", name="energy", unit="TeV")
OFFSET = MapAxis([0.0, 1.0, 2.0], name="offset", unit="deg")
MIGRA = MapAxis.from_bounds(0.2, 5.0, 7, name="migra")
RAD = MapAxis.from_bounds(0.0, 0.5, 5, unit="deg", name="rad")
LON = MapAxis.from_bounds(-2.0, 2.0, 4, unit="deg", name="fov_lon")
LAT = MapAxis.from_bounds(-2.0, 2.0, 5, unit="deg", name="fov_lat")
RNG = np.random.default_rng(3)
GAUSS = {name: RNG.uniform(0.1, 1, (3, 2)) for name in ("scale", "sigma_1", "sigma_2", "sigma_3", "ampl_2", "ampl_3")}
RESPONSES = [
    EffectiveAreaTable2D([TRUE, OFFSET], RNG.random((3, 2)), "m2", meta={"TELESCOP": "X", "LO_THRES": 0.1}),
    EnergyDispersion2D([TRUE, MIGRA, OFFSET], RNG.random((3, 7, 2))),
    PSF3D([TRUE, OFFSET, RAD], RNG.random((3, 2, 5)), "sr-1"),
    EnergyDependentMultiGaussPSF([TRUE, OFFSET], GAUSS, {"scale": "sr-1"}),
    PSFKing([TRUE, OFFSET], {"gamma": RNG.uniform(1.1, 3, (3, 2)), "sigma": 0.1}),
    Background2D([RECO, OFFSET], RNG.random((3, 2)), "s-1 MeV-1 sr-1"),
    Background3D([RECO, LON, LAT], RNG.random((3, 4, 5)), "s-1 TeV-1 sr-1", fov_alignment="ALTAZ"),
    RadMax2D([RECO, OFFSET], RNG.random((3, 2)), "deg", is_pointlike=True),
]


def ids(response):
    return response.tag


def test_all_classes_are_covered():
    assert {response.tag for response in RESPONSES} == set(IRF_CLASSES)


@pytest.mark.parametrize("response", RESPONSES, ids=ids)
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_round_trip_is_exact(tmp_path, response, suffix):
    path = tmp_path / f"irf{suffix}"
    response.write(path)
    again = type(response).read(path)
    assert again.is_allclose(response, rtol=1e-15)
    assert again.is_pointlike == response.is_pointlike
    assert again.fov_alignment == response.fov_alignment
    assert again.source == f"{path}: HDU {response.extname!r}"
    for key, value in response.meta.items():
        assert again.meta[key] == value
    with pytest.raises(FileExistsError, match="overwrite=True"):
        response.write(path)
    response.write(path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("response", RESPONSES, ids=ids)
def test_header_and_layout_follow_the_standard(response):
    hdu = response.to_hdu()
    header = hdu.header
    assert header["HDUCLASS"] == "GADF"
    assert header["HDUCLAS1"] == "RESPONSE"
    assert header["HDUCLAS2"] == response.hduclas2
    assert header["HDUCLAS3"] == ("POINT-LIKE" if response.is_pointlike else "FULL-ENCLOSURE")
    assert header["HDUCLAS4"] == response.tag.upper()
    assert header["NAXIS2"] == 1
    column = hdu.columns[next(iter(response.columns.values()))[0]]
    assert hdu.data[column.name].shape == (1, *response.axes.shape[::-1])  # the first axis runs fastest
    hdu.verify("exception")


@pytest.mark.parametrize("response", RESPONSES, ids=ids)
def test_table_round_trip(response):
    assert type(response).from_table(response.to_table()).is_allclose(response, rtol=1e-15)


def test_numbers_that_fit_are_written_with_32_bits():
    short = EffectiveAreaTable2D([TRUE, OFFSET], np.arange(6, dtype=np.float32).reshape(3, 2), "m2")
    assert short.to_hdu().columns["EFFAREA"].format == "6E"
    assert RESPONSES[0].to_hdu().columns["EFFAREA"].format == "6D"


def test_load_all_responses_of_a_file(tmp_path, caplog):
    path = tmp_path / "all.fits"
    aeff = RESPONSES[0].copy(is_pointlike=True, meta={"RAD_MAX": 0.2})
    strange = RESPONSES[1].to_hdu("STRANGE")
    strange.header["HDUCLAS4"] = "EDISP_9D"
    hdus = [fits.PrimaryHDU(), aeff.to_hdu(), RESPONSES[2].to_hdu(), RESPONSES[4].to_hdu(), RESPONSES[6].to_hdu()]
    fits.HDUList([*hdus, strange]).writeto(path)
    irfs = load_irf_dict_from_file(path)
    assert {key: type(value) for key, value in irfs.items()} == {
        "aeff": EffectiveAreaTable2D,
        "psf": PSF3D,
        "bkg": Background3D,
        "rad_max": RadMax2D,
    }
    assert "EDISP_9D" in caplog.text
    assert "another response of type psf" in caplog.text


def test_load_one_hdu(tmp_path):
    hdus = fits.HDUList([fits.PrimaryHDU(), *(r.to_hdu(f"H{i}") for i, r in enumerate(RESPONSES))])
    for i, response in enumerate(RESPONSES):
        assert isinstance(load_irf_hdu(hdus, f"H{i}", response.tag), type(response))
        assert isinstance(load_irf_hdu(hdus, i + 1), type(response))
        del hdus[i + 1].header["HDUCLAS4"]  # old files: the columns decide
        assert isinstance(load_irf_hdu(hdus, i + 1), type(response))
    with pytest.raises(DataFormatError, match=r"run.fits: HDU 'H0': unknown response class 'aeff_3d'"):
        load_irf_hdu(hdus, "H0", "aeff_3d", "run.fits")
    with pytest.raises(MissingDataError, match=r"run.fits: no HDU 'H9'"):
        load_irf_hdu(hdus, "H9", "aeff_2d", "run.fits")
    with pytest.raises(DataFormatError, match="HDU 'PRIMARY': expected a binary table"):
        load_irf_hdu(hdus, 0, "aeff_2d", "run.fits")
    hdus[1].header["HDUCLAS4"] = "AEFF_7D"
    with pytest.raises(DataFormatError, match="HDUCLAS4='AEFF_7D'; known are AEFF_2D"):
        load_irf_hdu(hdus, "H0", None, "run.fits")


def test_names_of_cta_1dc():
    hdu = RESPONSES[5].to_hdu()
    hdu.header["HDUCLAS4"] = "2D"
    hdu.columns["BKG"].name = "BGD"
    hdu.columns["BGD"].unit = "1/s/MeV/sr"
    bkg = load_irf_hdu(fits.HDUList([fits.PrimaryHDU(), hdu]), 1)
    assert isinstance(bkg, Background2D)
    assert np.array_equal(bkg.data, RESPONSES[5].data)
    assert bkg.unit == "s-1 MeV-1 sr-1"


def test_missing_units_are_those_of_the_standard(caplog):
    hdu = RESPONSES[5].to_hdu()
    hdu.columns["ENERG_LO"].unit = hdu.columns["ENERG_HI"].unit = hdu.columns["BKG"].unit = None
    bkg = Background2D.from_hdu(hdu, "old.fits")
    assert bkg.is_allclose(RESPONSES[5])
    assert "old.fits: HDU 'BACKGROUND': column 'ENERG_LO' has no unit; taken as TeV" in caplog.text


def test_c_ordered_and_flat_data():
    bkg = RESPONSES[6]
    hdu = bkg.to_hdu()
    columns = [column for column in hdu.columns if column.name != "BKG"]
    plain = fits.Column("BKG", "60D", unit="s-1 TeV-1 sr-1", dim="(5,4,3)", array=bkg.data[np.newaxis])
    assert np.array_equal(Background3D.from_hdu(fits.BinTableHDU.from_columns([*columns, plain])).data, bkg.data)
    flat = fits.Column("BKG", "60D", unit="s-1 TeV-1 sr-1", array=bkg.data.T.reshape(1, -1))
    assert np.array_equal(Background3D.from_hdu(fits.BinTableHDU.from_columns([*columns, flat])).data, bkg.data)


def test_scaled_and_big_endian_columns_become_native():
    aeff = EffectiveAreaTable2D.from_hdu(RESPONSES[0].to_hdu())
    assert aeff.data.dtype == np.dtype("=f8")
    assert aeff.data.dtype.isnative


# ---- broken files ----


def broken(change):
    hdu = RESPONSES[0].to_hdu("AEFF")
    columns = {column.name: column for column in hdu.columns}
    change(columns)
    return fits.BinTableHDU.from_columns(list(columns.values()), header=hdu.header, name="AEFF")


def replace(name, array, unit=None, dim=None):
    def change(columns):
        if array is None:
            del columns[name]
            return
        array_ = np.asarray(array, dtype=float)[np.newaxis]
        columns[name] = fits.Column(name, f"{array_.size}D", unit=unit, dim=dim, array=array_)

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (replace("EFFAREA", None), DataFormatError, "no column 'EFFAREA'; it has: ENERG_LO"),
        (replace("THETA_LO", None), DataFormatError, "no column 'THETA_LO'"),
        (replace("THETA_HI", None), DataFormatError, "no column 'THETA_HI'"),
        (replace("ENERG_HI", [1.0, 2.0], "TeV"), DataFormatError, "ENERG_LO and ENERG_HI have 3 and 2 values"),
        (replace("ENERG_LO", [0.1, 1.0, 0.5], "TeV"), DataFormatError, "ENERG_LO, ENERG_HI: .*increasing"),
        (replace("ENERG_LO", [0.0, 1.0, 10.0], "TeV"), DataFormatError, "ENERG_LO, ENERG_HI: .*positive"),
        (replace("ENERG_LO", [np.nan, 1.0, 10.0], "TeV"), DataFormatError, "ENERG_LO, ENERG_HI: .*finite"),
        (replace("ENERG_LO", [0.1, 1.0, 10.0], "deg"), UnitError, "'ENERG_LO' is in 'deg', expected a unit like 'TeV'"),
        (replace("ENERG_LO", [0.1, 1.0, 10.0], "blob"), UnitError, "'ENERG_LO' is in 'blob'"),
        (
            replace("EFFAREA", np.ones((2, 3)), "s", "(3,2)"),
            UnitError,
            "'EFFAREA' is in 's', expected a unit like 'm2'",
        ),
        (replace("EFFAREA", np.ones((2, 4)), "m2", "(4,2)"), DataFormatError, r"shape \(4, 2\), expected \(3, 2\)"),
    ],
)
def test_broken_columns(change, error, message):
    with pytest.raises(error, match=f"run.fits: HDU 'AEFF': .*{message}|{message}") as caught:
        EffectiveAreaTable2D.from_hdu(broken(change), "run.fits")
    assert "run.fits: HDU 'AEFF'" in str(caught.value)


def test_nan_is_read_but_not_evaluated(tmp_path):
    data = RESPONSES[0].data.copy()
    data[1, 1] = np.nan
    path = tmp_path / "nan.fits"
    RESPONSES[0].copy(data=data).write(path)
    aeff = EffectiveAreaTable2D.read(path)
    with pytest.raises(DataFormatError, match=r"nan.fits: HDU 'EFFECTIVE AREA': column 'EFFAREA': 1 of 6 .*16.7%"):
        aeff.evaluate(energy_true="1 TeV", offset="1 deg")


def test_wrong_number_of_rows_and_wrong_alignment():
    hdu = fits.BinTableHDU.from_columns(RESPONSES[0].to_hdu().columns, nrows=2, name="AEFF")
    with pytest.raises(DataFormatError, match="one row, this one has 2"):
        EffectiveAreaTable2D.from_hdu(hdu, "run.fits")
    hdu = RESPONSES[6].to_hdu()
    hdu.header["FOVALIGN"] = "UPWARD"
    with pytest.raises(DataFormatError, match="FOVALIGN is 'UPWARD', expected one of RADEC, ALTAZ"):
        Background3D.from_hdu(hdu, "run.fits")


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_missing_and_truncated_files(tmp_path, suffix):
    path = tmp_path / f"psf{suffix}"
    with pytest.raises(MissingDataError, match="no such file"):
        PSF3D.read(path)
    rad = MapAxis.from_bounds(0.0, 0.5, 2000, unit="deg", name="rad")
    PSF3D([TRUE, OFFSET, rad], RNG.random((3, 2, 2000)), "sr-1").write(path)
    if suffix == ".fits":
        path.write_bytes(path.read_bytes()[:-20000])
    else:
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()))[:-5000])
    with pytest.raises(DataFormatError, match=r"psf.fits"):
        PSF3D.read(path)
    with pytest.raises(DataFormatError, match=r"psf.fits"):
        load_irf_dict_from_file(path)


def test_not_fits_and_absent_response(tmp_path):
    path = tmp_path / "text.fits"
    path.write_text("no FITS at all")
    with pytest.raises(DataFormatError, match=r"text.fits"):
        PSF3D.read(path)
    path = tmp_path / "aeff.fits"
    RESPONSES[0].write(path)
    with pytest.raises(MissingDataError, match=r"no HDU with the columns of psf_table; .*EFFECTIVE AREA"):
        PSF3D.read(path)
    with pytest.raises(MissingDataError, match="no HDU 'PSF'"):
        PSF3D.read(path, hdu="PSF")
    with pytest.raises(DataFormatError, match="no column 'RAD_LO'"):
        PSF3D.read(path, hdu="EFFECTIVE AREA")


def test_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(fits.HDUList, "writeto", fail)
    with pytest.raises(OSError, match="disk full"):
        RESPONSES[0].write(tmp_path / "aeff.fits")
    assert list(tmp_path.iterdir()) == []


def test_quantity_of_parametric_response():
    assert RESPONSES[4].quantity["sigma"].unit == u.deg

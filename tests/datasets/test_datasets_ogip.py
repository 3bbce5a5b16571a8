"""OGIP spectra: real files, round trips, and what happens with broken files."""

import logging
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from gjax.data import GTI
from gjax.datasets import Datasets, SpectrumDatasetOnOff
from gjax.errors import DataFormatError, MissingDataError, UnitError
from gjax.irf import EDispKernel
from gjax.maps import MapAxis, RegionGeom, RegionNDMap

ENERGY = MapAxis.from_energy_bounds("1 TeV", "100 TeV", nbin=4)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "200 TeV", nbin=3, name="energy_true")
GEOM = RegionGeom.create("icrs;circle(83.63, 22.01, 0.11)", axes=[ENERGY])
OFF = RegionGeom.create(["icrs;circle(84.63, 22.01, 0.11)", "icrs;circle(83.63, 23.01, 0.11)"], axes=[ENERGY])
MATRIX = np.array([[0.5, 0.0, 0.25, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.25, 0.5, 0.25]])


def make(**changes):
    fields = {
        "counts": RegionNDMap(GEOM, data=[8.0, 6.0, 4.0, 2.0]),
        "counts_off": RegionNDMap(OFF, data=[20.0, 10.0, 5.0, 0.0]),
        "acceptance": 1,
        "acceptance_off": [10, 10, 5, 5.5],
        "exposure": RegionNDMap(
            GEOM.to_image().to_cube([TRUE]), data=[1e6, 2e7, 3e8], unit="m2 s", meta={"livetime": 1800 * u.s}
        ),
        "edisp": EDispKernel([TRUE, ENERGY], MATRIX),
        "mask_safe": [False, True, True, True],
        "gti": GTI.create([0, 1000] * u.s, [900, 1900] * u.s, reference_time=Time("2020-01-01", scale="tt")),
        "name": "run1",
    }
    return SpectrumDatasetOnOff(**{**fields, **changes})


@pytest.fixture
def pha(tmp_path):
    return make().write(tmp_path / "pha_obs1.fits")


def edit(path, change, hdu="SPECTRUM"):
    """Rewrite a FITS file after changing one HDU."""
    new = path.with_name(f"new_{path.name}")
    with fits.open(path, memmap=False) as hdus:
        change(hdus[hdu] if hdu else hdus)
        hdus.writeto(new)
    new.replace(path)


def replace_column(hdu, name, values=None, new_name=None, unit=None):
    columns = [
        c
        if c.name != name
        else fits.Column(new_name or name, c.format, unit=unit or c.unit, array=c.array if values is None else values)
        for c in hdu.columns
    ]
    hdu.data = fits.BinTableHDU.from_columns(columns).data


@pytest.mark.parametrize("format", ["ogip", "ogip-sherpa"])
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_round_trip(tmp_path, format, suffix):
    dataset = make()
    path = dataset.write(tmp_path / f"pha_obs1{suffix}", format=format)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"pha_obs1{suffix}", f"pha_obs1_arf{suffix}", f"pha_obs1_bkg{suffix}", f"pha_obs1_rmf{suffix}"
    ]  # fmt: skip
    back = SpectrumDatasetOnOff.read(path)
    assert back.name == "run1"
    for field in ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe"):
        np.testing.assert_array_equal(getattr(back, field).data, getattr(dataset, field).data)
    np.testing.assert_allclose(back.exposure.to_unit("m2 s").data, dataset.exposure.data, rtol=1e-14)
    np.testing.assert_array_equal(back.edisp.pdf_matrix, MATRIX)
    np.testing.assert_allclose(back.energy_axis.edges.to_value("TeV"), ENERGY.edges.value, rtol=1e-14)
    assert back.energy_axis.unit == ("keV" if format == "ogip-sherpa" else "TeV")
    assert back.exposure.unit.is_equivalent("m2 s")
    assert back.livetime == 1800 * u.s
    assert back.gti.time_sum.to_value("s") == pytest.approx(1800)
    assert back.counts.geom.region is not None
    on, off = (m.geom.solid_angle().to_value("sr") for m in (back.counts, back.counts_off))
    assert off == pytest.approx(2 * on, rel=1e-3)


def test_sherpa_files_are_in_kev_and_cm2(tmp_path):
    make().write(tmp_path / "x.fits", format="ogip-sherpa")
    for name, hdu, column, unit in (
        ("x_arf.fits", "SPECRESP", "SPECRESP", "cm2"),
        ("x_arf.fits", "SPECRESP", "ENERG_LO", "keV"),
        ("x_rmf.fits", "EBOUNDS", "E_MIN", "keV"),
        ("x.fits", "EBOUNDS", "E_MAX", "keV"),
    ):
        with fits.open(tmp_path / name) as hdus:
            assert hdus[hdu].columns[column].unit == unit


def test_files_pass_the_fits_standard(pha):
    for path in pha.parent.iterdir():
        with fits.open(path) as hdus, warnings.catch_warnings():
            warnings.simplefilter("error")
            hdus.verify("exception")


def test_fractions_of_counts_survive(tmp_path):
    dataset = make(counts=RegionNDMap(GEOM, data=[8.5, 6.25, 0.0, 1e-3]))
    back = SpectrumDatasetOnOff.read(dataset.write(tmp_path / "asimov.fits"))
    np.testing.assert_array_equal(back.counts.data.ravel(), [8.5, 6.25, 0.0, 1e-3])


def test_parts_may_be_missing(tmp_path, caplog):
    dataset = make(
        counts_off=None, acceptance_off=None, exposure=None, edisp=None, gti=None, meta={"livetime": 5 * u.s}
    )
    path = dataset.write(tmp_path / "bare.fits")
    assert [p.name for p in tmp_path.iterdir()] == ["bare.fits"]
    with caplog.at_level(logging.WARNING):
        back = SpectrumDatasetOnOff.read(path)
    assert "no BACKFILE" in caplog.text
    assert "no ANCRFILE" in caplog.text
    assert back.counts_off is None
    assert back.background is None
    assert back.exposure is None
    assert back.livetime == 5 * u.s


def test_scalar_keywords_instead_of_columns(pha):
    def scalars(hdu):
        columns = [c for c in hdu.columns if c.name in ("CHANNEL", "COUNTS")]
        hdu.data = fits.BinTableHDU.from_columns(columns).data
        hdu.header["BACKSCAL"], hdu.header["QUALITY"] = 0.5, 0

    edit(pha, scalars)
    dataset = SpectrumDatasetOnOff.read(pha)
    np.testing.assert_array_equal(dataset.acceptance.data.ravel(), np.full(4, 0.5))
    assert dataset.mask_safe.data.all()


def test_areascal_and_exposure_enter_the_acceptance(pha, caplog):
    edit(pha, lambda hdu: hdu.header.set("AREASCAL", 0.5))
    edit(pha.with_name("pha_obs1_bkg.fits"), lambda hdu: hdu.header.set("EXPOSURE", 3600.0))
    dataset = SpectrumDatasetOnOff.read(pha)
    np.testing.assert_array_equal(dataset.acceptance.data.ravel(), np.full(4, 0.5))
    np.testing.assert_array_equal(dataset.acceptance_off.data.ravel(), [20, 20, 10, 11])
    assert "AREASCAL is not 1" in caplog.text


def test_energies_may_come_from_the_rmf(pha):
    edit(pha, lambda hdus: hdus.pop(hdus.index_of("EBOUNDS")), hdu=None)
    assert SpectrumDatasetOnOff.read(pha).energy_axis.nbin == 4


def test_energies_that_start_at_zero(pha, caplog):
    edges = ENERGY.edges.value
    for path in list(pha.parent.glob("pha*.fits")):
        if "_arf" not in path.name:
            edit(path, lambda hdu: replace_column(hdu, "E_MIN", np.append(0.0, edges[1:-1])), "EBOUNDS")
    low = SpectrumDatasetOnOff.read(pha).energy_axis.edges[0].to_value("TeV")
    assert 0 < low < 1e-3 * edges[1]
    assert "starts at energy 0" in caplog.text


def test_bad_channels_may_hold_nan(pha):
    edit(pha, lambda hdu: replace_column(hdu, "BACKSCAL", np.array([np.nan, 1, 1, 1])))
    np.testing.assert_array_equal(SpectrumDatasetOnOff.read(pha).acceptance.data.ravel(), [0, 1, 1, 1])


def test_unreadable_region_is_left_out(pha, caplog):
    edit(pha, lambda hdu: replace_column(hdu, "SHAPE", new_name="FORM"), hdu="REGION")
    assert SpectrumDatasetOnOff.read(pha).counts.geom.region is None
    assert "region is left out" in caplog.text


class TestBrokenFiles:
    def read_error(self, path, error, match):
        with pytest.raises(error, match=match):
            SpectrumDatasetOnOff.read(path)

    def test_missing_file(self, tmp_path):
        self.read_error(tmp_path / "nothing.fits", MissingDataError, "nothing.fits")

    @pytest.mark.parametrize("kind", ["BACKFILE", "ANCRFILE", "RESPFILE"])
    def test_missing_companion(self, pha, kind):
        edit(pha, lambda hdu: hdu.header.set(kind, "gone.fits"))
        self.read_error(pha, MissingDataError, rf"pha_obs1.fits: HDU 'SPECTRUM': keyword {kind} names 'gone.fits'")

    @pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
    def test_truncated(self, tmp_path, suffix):
        path = make().write(tmp_path / f"a{suffix}")
        arf = tmp_path / f"a_arf{suffix}"
        arf.write_bytes(arf.read_bytes()[: arf.stat().st_size // 2])
        self.read_error(path, DataFormatError, "a_arf")

    def test_not_fits(self, pha):
        pha.with_name("pha_obs1_rmf.fits").write_text("hello")
        self.read_error(pha, DataFormatError, "pha_obs1_rmf")

    def test_missing_hdu(self, pha):
        edit(pha.with_name("pha_obs1_arf.fits"), lambda hdus: hdus.pop(1), hdu=None)
        self.read_error(pha, MissingDataError, r"pha_obs1_arf.fits: no HDU 'SPECRESP'")

    def test_missing_column(self, pha):
        edit(pha, lambda hdu: replace_column(hdu, "COUNTS", new_name="RATE"))
        self.read_error(
            pha, DataFormatError, r"pha_obs1.fits: HDU 'SPECTRUM': no column 'COUNTS'; it has: CHANNEL, RATE"
        )

    def test_wrong_unit(self, pha):
        edit(pha.with_name("pha_obs1_arf.fits"), lambda hdu: replace_column(hdu, "SPECRESP", unit="s"), "SPECRESP")
        self.read_error(pha, UnitError, r"_arf.fits: HDU 'SPECRESP': column 'SPECRESP' is in 's', expected .*'cm2'")

    def test_nan_area(self, pha):
        edit(
            pha.with_name("pha_obs1_arf.fits"),
            lambda hdu: replace_column(hdu, "SPECRESP", np.array([1, np.nan, 1])),
            "SPECRESP",
        )
        self.read_error(pha, DataFormatError, r"column 'SPECRESP' is not finite in rows \[1\]")

    def test_negative_counts(self, pha):
        edit(pha, lambda hdu: replace_column(hdu, "COUNTS", np.array([1, -2, 3, 4])))
        self.read_error(pha, DataFormatError, "column 'COUNTS' has negative values")

    def test_nan_counts(self, pha):
        def nan(hdu):
            columns = [
                c if c.name != "COUNTS" else fits.Column("COUNTS", "D", array=[1, 2, np.nan, 3]) for c in hdu.columns
            ]
            hdu.data = fits.BinTableHDU.from_columns(columns).data

        edit(pha, nan)
        self.read_error(pha, DataFormatError, r"column 'COUNTS' is not finite in rows \[2\]")

    def test_no_exposure_keyword(self, pha):
        edit(pha, lambda hdu: hdu.header.remove("EXPOSURE"))
        self.read_error(pha, DataFormatError, "keyword EXPOSURE")

    def test_text_as_scaling(self, pha):
        edit(pha, lambda hdu: hdu.header.set("AREASCAL", "one"))
        self.read_error(pha, DataFormatError, "keyword AREASCAL is 'one'")

    def test_gap_in_energies(self, pha):
        edges = np.array([1.0, 4.0, 10.0, 30.0])
        edit(pha, lambda hdu: replace_column(hdu, "E_MIN", edges), "EBOUNDS")
        self.read_error(pha, DataFormatError, r"HDU 'EBOUNDS': columns 'E_MIN', 'E_MAX' are not contiguous")

    def test_no_rows(self, pha):
        edit(pha, lambda hdu: setattr(hdu, "data", hdu.data[:0]))
        self.read_error(pha, DataFormatError, "expected a binary table with rows")

    def test_rows_and_energies_differ_in_number(self, pha):
        edit(pha, lambda hdu: setattr(hdu, "data", hdu.data[:3]))
        self.read_error(pha, DataFormatError, "3 rows in HDU 'SPECTRUM' but 4 in HDU 'EBOUNDS'")

    def test_no_energies_at_all(self, tmp_path):
        path = make(edisp=None).write(tmp_path / "a.fits")
        edit(path, lambda hdus: hdus.pop(hdus.index_of("EBOUNDS")), hdu=None)
        self.read_error(path, DataFormatError, "no HDU 'EBOUNDS'")

    def test_off_energies_differ(self, pha):
        edges = ENERGY.edges.value * 1.01
        for name, values in (("E_MIN", edges[:-1]), ("E_MAX", edges[1:])):
            edit(pha.with_name("pha_obs1_bkg.fits"), lambda hdu, n=name, v=values: replace_column(hdu, n, v), "EBOUNDS")
        self.read_error(pha, DataFormatError, r"pha_obs1_bkg.fits: HDU 'EBOUNDS': energies differ")

    def test_true_energies_differ(self, pha):
        edges = TRUE.edges.value * 1.01
        for name, values in (("ENERG_LO", edges[:-1]), ("ENERG_HI", edges[1:])):
            edit(
                pha.with_name("pha_obs1_arf.fits"), lambda hdu, n=name, v=values: replace_column(hdu, n, v), "SPECRESP"
            )
        self.read_error(pha, DataFormatError, r"_rmf.fits: HDU 'MATRIX': true energies differ")

    def test_unknown_format(self, pha, tmp_path):
        with pytest.raises(ValueError, match="format is 'xspec'"):
            make().write(tmp_path / "b.fits", format="xspec")
        with pytest.raises(ValueError, match="format is 'gadf'"):
            SpectrumDatasetOnOff.read(pha, format="gadf")


def test_nothing_is_overwritten_by_accident(pha):
    before = {p.name: p.read_bytes() for p in pha.parent.iterdir()}
    pha.unlink()
    with pytest.raises(FileExistsError, match="pha_obs1_"):
        make(counts=RegionNDMap(GEOM, data=1.0)).write(pha)
    del before["pha_obs1.fits"]
    assert {p.name: p.read_bytes() for p in pha.parent.iterdir()} == before
    make().write(pha, overwrite=True)
    assert pha.exists()


def test_live_time_is_needed(tmp_path):
    dataset = make(exposure=None)
    with pytest.raises(ValueError, match="'run1': OGIP files need a live time"):
        dataset.write(tmp_path / "x.fits")


# file, bins, counts, safe counts, off counts, off acceptance, sum of exposure [cm2 s], live time [s]:
# Gammapy 2.1 on the same files.
JOINT_CRAB = [
    ("fermi/pha_obs0.fits", 36, 578, 578, 39, 100 / 3, 9.5512727e12, 1.0),
    ("magic/pha_obs5029747.fits", 80, 482, 429, 778, 7, 5.79328137e13, 1180.58743429184),
    ("magic/pha_obs5029748.fits", 80, 438, 355, 721, 7, 5.34483694e13, 1176.642738342285),
    ("veritas/pha_obs54809.fits", 80, 154, 150, 90, 14, 4.4264994e13, 1094.651586949825),
    ("veritas/pha_obs57993.fits", 80, 140, 139, 116, 14, 4.41101415e13, 1086.825720846653),
    ("fact/pha_stacked.fits", 80, 691, 691, 2455, 9, 8.36769553e14, 36459.69409992667),
    ("hess/pha_obs23523.fits", 80, 189, 124, 229, 12, 2.58896469e14, 1581.736758410931),
    ("hess/pha_obs23526.fits", 80, 199, 126, 217, 12, 2.43514062e14, 1572.68672400713),
    ("hess/pha_obs23559.fits", 80, 168, 119, 507, 40, 1.63347333e14, 1578.123517513275),
    ("hess/pha_obs23592.fits", 80, 142, 90, 545, 40, 1.72764305e14, 1581.264640688896),
]


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "nbin", "n_on", "n_safe", "n_off", "acceptance_off", "exposure", "livetime"), JOINT_CRAB
)
def test_joint_crab(gammapy_data, file, nbin, n_on, n_safe, n_off, acceptance_off, exposure, livetime):
    dataset = SpectrumDatasetOnOff.read(gammapy_data / "joint-crab/spectra" / file)
    assert dataset.energy_axis.nbin == dataset.exposure.geom.axes["energy_true"].nbin == nbin
    assert dataset.energy_axis.unit == "keV"
    assert dataset.counts.data.sum() == n_on
    assert dataset.info_dict()["counts"] == n_safe
    assert dataset.counts_off.data.sum() == n_off
    np.testing.assert_allclose(dataset.acceptance_off.data, acceptance_off, rtol=1e-12)
    assert dataset.exposure.unit == "cm2 s"
    assert dataset.exposure.data.sum() == pytest.approx(exposure, rel=1e-8)
    assert dataset.livetime.to_value("s") == livetime
    rows = dataset.edisp.pdf_matrix.sum(axis=1)
    assert np.all((rows >= 0) & (rows < 1 + 1e-4))


@pytest.mark.data
@pytest.mark.parametrize(
    ("instrument", "published", "low", "high", "in_range"),
    [
        ("fermi", 578, 0.03, 2, 578),
        ("magic", 784, 0.08, 30, 730),
        ("veritas", 289, 0.15, 30, 288),
        ("fact", 691, 0.45, 30, 691),
        ("hess", 459, 0.66, 30, 458),
    ],
)
def test_published_counts(gammapy_data, instrument, published, low, high, in_range):
    # Nigro et al. 2019, A&A 625, A10, table 1; in the energy range: Gammapy 2.1.
    datasets = Datasets.read(gammapy_data / "joint-crab/spectra" / instrument)
    assert datasets.info_table()["counts"].sum() == published
    total = 0
    for dataset in datasets:
        fitted = dataset.copy(mask_fit=dataset.energy_mask(low * u.TeV, high * u.TeV))
        total += dataset.counts.data[fitted.mask.data].sum()
    assert total == in_range


@pytest.mark.data
def test_stacked_spectrum_in_tev(gammapy_data):
    dataset = SpectrumDatasetOnOff.read(gammapy_data / "PKS2155-steady/pks2155-304_steady.fits.gz")
    assert dataset.name == "stacked"
    assert dataset.energy_axis.unit == "TeV"
    assert len(dataset.gti) == 6
    assert dataset.gti.time_sum.to_value("s") == pytest.approx(10128)
    assert dataset.exposure.data.sum() == pytest.approx(38224238121.7214, rel=1e-7)
    assert dataset.edisp.pdf_matrix.sum() == pytest.approx(15.649471, rel=1e-6)
    info = dataset.info_dict()
    assert (info["counts"], info["counts_off"]) == (119, 453)
    assert info["sqrt_ts"] == pytest.approx(9.899054343611413, rel=1e-7)
    assert dataset.counts.geom.center_skydir.ra.deg == pytest.approx(329.72, abs=0.01)

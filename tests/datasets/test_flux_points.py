"""Flux points: conventions, files of the reference package, catalogs, datasets to fit."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gjax.datasets import Datasets, FluxPoints, FluxPointsDataset
from gjax.datasets._flux_reference import power_law_fluxes, reference_fluxes
from gjax.errors import DataFormatError, MissingDataError, UnitError

DNDE = u.Unit("cm-2 s-1 TeV-1")
EDGES = np.array([1.0, 2.0, 10.0]) * u.TeV


class PowerLaw:
    """A spectrum as a user may write it."""

    def __init__(self, index, exact=False):
        self.index = index
        if exact:
            self.integral = lambda low, high: self._moment(low, high, 1 - index) * u.Unit("1e-12 cm-2 s-1")
            self.energy_flux = lambda low, high: self._moment(low, high, 2 - index) * u.Unit("1e-12 TeV cm-2 s-1")

    @staticmethod
    def _moment(low, high, power):
        low, high = low.to_value("TeV"), high.to_value("TeV")
        return np.log(high / low) if power == 0 else (high**power - low**power) / power

    def __call__(self, energy):
        return 1e-12 * energy.to_value("TeV") ** -self.index * DNDE


def points(**changes):
    columns = {
        "e_min": EDGES[:-1],
        "e_max": EDGES[1:],
        "flux": [5e-13, 4e-13] * u.Unit("cm-2 s-1"),
        "flux_errn": [1e-13, 2e-13] * u.Unit("cm-2 s-1"),
        "flux_errp": [2e-13, 3e-13] * u.Unit("cm-2 s-1"),
        "flux_ul": [9e-13, 9e-13] * u.Unit("cm-2 s-1"),
        "sqrt_ts": [5.0, 1.0],
    }
    return FluxPoints.from_arrays("flux", **{**columns, **changes})


class TestReference:
    @pytest.mark.parametrize("index", [0.5, 1.0, 1.0 + 1e-9, 1.9, 2.0, 2.7])
    def test_closed_form_against_numerical_integration(self, index):
        low, high = np.array([1.0, 3.0]), np.array([3.0, 30.0])
        _, flux, eflux = power_law_fluxes(low, low, high, index)
        x = np.geomspace(low, high, 200_001)
        np.testing.assert_allclose(flux, np.trapezoid(1e-12 * x**-index, x, axis=0), rtol=1e-7)
        np.testing.assert_allclose(eflux, np.trapezoid(1e-12 * x ** (1 - index), x, axis=0), rtol=1e-7)

    @pytest.mark.parametrize("exact", [False, True])
    @pytest.mark.parametrize("index", [1.0, 2.0, 2.3])
    def test_models_and_indices_agree(self, index, exact):
        energies = np.sqrt(EDGES[:-1] * EDGES[1:]), EDGES[:-1], EDGES[1:]
        for ours, theirs in zip(
            reference_fluxes(PowerLaw(index, exact), *energies), reference_fluxes(index, *energies)
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)

    def test_zero_flux_and_missing_edges(self):
        energies = np.array([1.0, 2.0]) * u.TeV
        nan = np.array([np.nan, 1.0]) * u.TeV
        dnde, flux, eflux = reference_fluxes(lambda e: 0 * e.value * DNDE, energies, nan, nan * 2)
        np.testing.assert_array_equal(dnde, 0)
        assert np.isnan(flux[0])
        assert flux[1] == eflux[1] == 0

    def test_wrong_unit(self):
        with pytest.raises(UnitError, match="reference model gives"):
            reference_fluxes(lambda e: e, EDGES, EDGES, EDGES)


class TestConversion:
    def test_flux_to_differential_flux(self):
        # E^-2: dnde(e_ref) = flux e_min e_max / ((e_max - e_min) e_ref^2) = flux / (e_max - e_min)
        converted = points()
        np.testing.assert_allclose(converted.dnde.to_value(DNDE), [5e-13 / 1, 4e-13 / 8])
        np.testing.assert_allclose(converted.dnde_errp.to_value(DNDE), [2e-13 / 1, 3e-13 / 8])
        np.testing.assert_allclose(converted.e2dnde.to_value("TeV cm-2 s-1"), [1e-12, 1e-12])
        np.testing.assert_allclose(converted.eflux.to_value("TeV cm-2 s-1"), [np.log(2) * 1e-12, np.log(5) * 1e-12])
        assert converted.dnde_err.to_value(DNDE)[0] == pytest.approx(1.5e-13)

    def test_reference_model_matters(self):
        steep = points(reference_model=3.0)
        # E^-3: dnde(e_ref) = flux 2 / (e_min^-2 - e_max^-2) / e_ref^3
        np.testing.assert_allclose(steep.dnde.to_value(DNDE)[0], 5e-13 * 2 / (1 - 1 / 4) / 2**1.5)
        np.testing.assert_allclose(points(reference_model=PowerLaw(3.0)).dnde, steep.dnde, rtol=1e-10)

    @pytest.mark.parametrize("sed_type", ["dnde", "e2dnde", "flux", "eflux", "likelihood"])
    @pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
    def test_every_convention_survives_a_file(self, tmp_path, sed_type, suffix):
        path = points().write(tmp_path / f"sed{suffix}", sed_type=sed_type)
        back = FluxPoints.read(path)
        assert back.sed_type_init == sed_type
        for name in ("dnde", "dnde_errn", "dnde_errp", "dnde_ul", "flux", "eflux"):
            np.testing.assert_allclose(getattr(back, name), getattr(points(), name), rtol=1e-12)
        np.testing.assert_array_equal(back.is_ul, [False, True])
        np.testing.assert_array_equal(back.sqrt_ts, [5, 1])

    def test_only_reference_energies(self):
        only = FluxPoints.from_arrays(e_ref=[1, 2] * u.TeV, dnde=[1, 2] * DNDE)
        assert not only.has_edges
        assert only.dnde_err is None
        assert only.to_table("e2dnde").colnames == ["e_ref", "e2dnde"]
        with pytest.raises(ValueError, match="no e_min and e_max"):
            only.flux

    def test_photons_and_mev(self):
        unit = u.Unit("ph cm-2 s-1 MeV-1")
        only = FluxPoints.from_arrays(e_ref=[1e6] * u.MeV, dnde=[1e-18] * unit)
        np.testing.assert_allclose(only.dnde.to_value(DNDE), [1e-12])
        np.testing.assert_allclose(only.e_ref.value, [1e6])

    def test_upper_limits_are_recognised(self):
        nan = np.nan
        limit = [nan, 3.0, 3.0] * DNDE
        base = {"e_ref": [1, 2, 3] * u.TeV, "dnde": [1.0, nan, 1.0] * DNDE}
        with_errors = FluxPoints.from_arrays(**base, dnde_err=[0.1, nan, 0.1] * DNDE, dnde_ul=limit)
        np.testing.assert_array_equal(with_errors.is_ul, [False, True, False])
        ts = FluxPoints.from_arrays(**base, dnde_ul=limit, ts=[9.0, 0.0, 3.9])
        np.testing.assert_array_equal(ts.is_ul, [False, True, True])
        np.testing.assert_allclose(ts.sqrt_ts, [3, 0, np.sqrt(3.9)])
        loose = ts.copy(meta={"sqrt_ts_threshold_ul": 1})
        np.testing.assert_array_equal(loose.is_ul, [False, True, False])
        np.testing.assert_array_equal(FluxPoints.from_arrays(**base).is_ul, [False, True, False])
        given = FluxPoints.from_arrays(**base, dnde_ul=limit, is_ul=[True, False, False])
        np.testing.assert_array_equal(given.is_ul, [True, False, False])

    def test_confidence_of_limits(self):
        table = points().to_table()
        assert "UL_CONF" not in table.meta
        table.meta["UL_CONF"] = 0.95
        assert FluxPoints.from_table(table).meta["n_sigma_ul"] == pytest.approx(1.96)
        assert FluxPoints.from_table(table).to_table().meta["UL_CONF"] == pytest.approx(0.95, abs=1e-4)

    def test_old_likelihood_columns(self):
        table = points().to_table("likelihood")
        table["loglike"] = [1.0, 2.0]
        table["norm_scan"], table["dloglike_scan"] = np.ones((2, 5)), np.arange(10.0).reshape(2, 5)
        back = FluxPoints.from_table(table)
        np.testing.assert_array_equal(back.extra["stat"], [2, 4])
        np.testing.assert_array_equal(back.extra["stat_scan"][1], 2 * np.arange(5, 10))
        assert "stat_scan" in back.to_table().colnames

    def test_display(self):
        assert "2 points" in repr(points())
        assert "table" in points()._repr_html_()
        assert len(points()) == 2


class TestErrors:
    def test_missing_file_and_garbage(self, tmp_path):
        with pytest.raises(MissingDataError, match=r"none\.fits"):
            FluxPoints.read(tmp_path / "none.fits")
        bad = tmp_path / "bad.ecsv"
        bad.write_text("1 2 3\n")
        with pytest.raises(DataFormatError, match=r"bad\.ecsv: not an ECSV table"):
            FluxPoints.read(bad)
        bad = tmp_path / "bad.fits"
        bad.write_text("1 2 3\n")
        with pytest.raises(DataFormatError, match=r"bad\.fits"):
            FluxPoints.read(bad)
        fits.PrimaryHDU().writeto(bad, overwrite=True)
        with pytest.raises(MissingDataError, match="no HDU 'FLUXPOINTS'"):
            FluxPoints.read(bad)

    def test_truncated_file(self, tmp_path):
        path = points().write(tmp_path / "a.fits")
        path.write_bytes(path.read_bytes()[:-2880])
        with pytest.raises(DataFormatError, match="truncated"):
            FluxPoints.read(path)

    def test_columns(self):
        with pytest.raises(DataFormatError, match="fit none of the SED types"):
            FluxPoints.from_table(Table({"e_ref": [1.0] * u.TeV}))
        with pytest.raises(DataFormatError, match="needs the columns e_min, e_max, flux; missing: e_min, e_max"):
            FluxPoints.from_arrays("flux", e_ref=[1] * u.TeV, flux=[1] * u.Unit("cm-2 s-1"))
        with pytest.raises(DataFormatError, match="unknown SED type 'sed'"):
            FluxPoints.from_arrays("sed", e_ref=[1] * u.TeV, dnde=[1] * DNDE)
        with pytest.raises(ValueError, match="unknown SED type 'sed'"):
            points().to_table("sed")

    def test_units(self):
        with pytest.raises(UnitError, match="column 'dnde' is in 's', expected"):
            FluxPoints.from_arrays(e_ref=[1] * u.TeV, dnde=[1] * u.s)
        with pytest.raises(UnitError, match="column 'dnde' has no unit"):
            FluxPoints.from_arrays(e_ref=[1] * u.TeV, dnde=[1.0])
        with pytest.raises(UnitError, match="column 'e_ref' is in 'm'"):
            FluxPoints.from_arrays(e_ref=[1] * u.m, dnde=[1] * DNDE)

    def test_energies(self):
        with pytest.raises(DataFormatError, match="'e_max' has to be above 'e_min'"):
            points(e_max=EDGES[:-1])
        with pytest.raises(DataFormatError, match="'e_ref' has energies that are not positive"):
            FluxPoints.from_arrays(e_ref=[0, 1] * u.TeV, dnde=[1, 1] * DNDE)
        with pytest.raises(DataFormatError, match="no rows"):
            FluxPoints.from_arrays(e_ref=[] * u.TeV, dnde=[] * DNDE)

    def test_overwrite(self, tmp_path):
        path = points().write(tmp_path / "a.ecsv")
        with pytest.raises(FileExistsError):
            points().write(path)
        points().write(path, overwrite=True)


class TestDataset:
    def test_arrays_in_canonical_units(self):
        dataset = FluxPointsDataset(points(), mask_fit=[True, True], name="sed")
        arrays = dataset.arrays()
        np.testing.assert_allclose(arrays["e_ref"], np.sqrt([2, 20]))
        np.testing.assert_allclose(arrays["dnde_err"], [1.5e-13, 2.5e-13 / 8])
        np.testing.assert_array_equal(arrays["mask"], [True, False])
        np.testing.assert_array_equal(arrays["is_ul"], [False, True])
        assert all(isinstance(a, np.ndarray) and a.shape == (2,) for a in arrays.values())

    def test_missing_errors_are_filled_from_each_other(self):
        base = {"e_ref": [1, 2] * u.TeV, "dnde": [1.0, 1.0] * DNDE}
        arrays = FluxPointsDataset(FluxPoints.from_arrays(**base, dnde_err=[0.1, 0.2] * DNDE)).arrays()
        np.testing.assert_allclose(arrays["dnde_errn"], [0.1, 0.2])
        assert np.isnan(arrays["dnde_ul"]).all()

    def test_points_without_error_or_success_do_not_count(self):
        base = {"e_ref": [1, 2, 3] * u.TeV, "dnde": [1.0, 1.0, 1.0] * DNDE}
        dataset = FluxPointsDataset(FluxPoints.from_arrays(**base, dnde_err=[0.1, 0.0, np.nan] * DNDE))
        np.testing.assert_array_equal(dataset.mask, [True, False, False])
        assert not FluxPointsDataset(FluxPoints.from_arrays(**base)).mask.any()
        failed = FluxPoints.from_arrays(**base, dnde_err=[1, 1, 1] * DNDE, success=[True, False, True])
        np.testing.assert_array_equal(FluxPointsDataset(failed).mask, [True, False, True])

    @pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
    def test_file_keeps_masks(self, tmp_path, suffix):
        dataset = FluxPointsDataset(points(), mask_fit=[True, False], stat_type="distrib", name="sed")
        path = dataset.write(tmp_path / f"sed{suffix}")
        back = FluxPointsDataset.read(path, stat_type="distrib")
        assert back.name == "sed"
        np.testing.assert_array_equal(back.mask_fit, [True, False])
        np.testing.assert_array_equal(back.mask, [True, False])
        assert back.info_dict() == dataset.info_dict()

    def test_errors(self):
        with pytest.raises(ValueError, match="stat_type is 'cash'"):
            FluxPointsDataset(points(), stat_type="cash")
        with pytest.raises(ValueError, match="mask_fit has 3 entries, expected 2"):
            FluxPointsDataset(points(), mask_fit=[True] * 3)

    def test_copy_and_display(self):
        dataset = FluxPointsDataset(points(), name="sed")
        assert dataset.copy(stat_type="distrib").name == "sed"
        assert dataset.copy(stat_type="distrib").mask.all()
        assert "1 in the fit" in repr(dataset)
        assert len(FluxPointsDataset(points()).name) == 8


# Values: Gammapy 2.1 (energies in the unit of the file, fluxes in cm-2 s-1 TeV-1).
@pytest.mark.data
class TestRealFiles:
    @pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
    def test_differential(self, gammapy_data, suffix):
        path = gammapy_data / f"tests/spectrum/flux_points/diff_flux_points{suffix}"
        dataset = FluxPointsDataset.read(path)
        assert len(dataset.data) == 24
        assert dataset.mask.sum() == 19
        assert dataset.copy(stat_type="distrib").mask.sum() == 24
        np.testing.assert_allclose(dataset.data.dnde.value[:2], [0.000115069456, 5.99621053e-05], rtol=1e-8)
        np.testing.assert_allclose(dataset.data.dnde_err.value[:2], [1.76967115e-06, 1.10624412e-06], rtol=1e-8)

    @pytest.mark.parametrize("suffix", [".fits", ".ecsv"])
    def test_integral(self, gammapy_data, suffix):
        sed = FluxPoints.read(gammapy_data / f"tests/spectrum/flux_points/flux_points{suffix}")
        assert sed.sed_type_init == "flux"
        assert sed.is_ul.sum() == 5
        np.testing.assert_allclose(sed.dnde.value[0], 3.84363636e-9 / 33.352143216e-6, rtol=1e-8)

    def test_published_text_file(self, gammapy_data):
        path = gammapy_data / "tests/spectrum/flux_points/flux_points_ctb_37b.txt"
        table = Table.read(path, format="ascii.csv", delimiter=" ", comment="#")
        unit = u.Unit("cm-2 s-1 TeV-1")
        sed = FluxPoints.from_arrays(
            e_ref=table["E"].data * u.TeV,
            dnde=table["Differential_Flux"].data * unit,
            dnde_errn=table["lower_error"].data * unit,
            dnde_errp=table["upper_error"].data * unit,
        )
        assert FluxPointsDataset(sed).mask.all()
        np.testing.assert_allclose(sed.dnde_err.value[0], 0.5 * (2.86219e-12 + 2.89857e-12))

    def test_hawc(self, gammapy_data):
        dataset = FluxPointsDataset.read(gammapy_data / "hawc/crab_flux/HAWC19_flux_points.fits")
        assert dataset.mask.sum() == 9
        assert dataset.data.is_ul.tolist() == [False] * 9 + [True]
        np.testing.assert_allclose(dataset.data.dnde.value[:2], [1.8237526e-11, 4.18829963e-12], rtol=1e-8)

    def test_likelihood_with_scans_and_gti(self, gammapy_data):
        sed = FluxPoints.read(gammapy_data / "estimators/crab_hess_fp/crab_hess_fp.fits")
        assert sed.extra["stat_scan"].shape == sed.extra["norm_scan"].shape == (5, 11)
        assert sed.meta["n_sigma_ul"] == pytest.approx(3, abs=1e-3)
        assert len(sed.gti) == 1
        assert FluxPointsDataset(sed).mask.tolist() == [False, True, True, True, True]

    def test_catalogs(self, gammapy_data):
        # 3FGL J1506.6-6219 and 3FHL J1507.9-6228e: integral fluxes, converted with the power law of the source.
        for file, name, edges, unit, index, expected in (
            ("gll_psc_v16.fit.gz", "3FGL J1506.6-6219", [100, 300, 1e3, 3e3, 1e4, 1e5], "MeV", "Spectral_Index",
             [0.000179842511, 2.17137311e-07, 2.52762547e-07, 2.65418431e-08, 1.2741999e-09]),
            ("gll_psch_v13.fit.gz", "3FHL J1507.9-6228e", [10, 20, 50, 150, 500, 2000], "GeV", "PowerLaw_Index",
             [9.28769996e-09, 2.77728144e-09, 2.33456288e-10, 6.41138918e-11, 9.1883819e-18]),
        ):  # fmt: skip
            rows = fits.getdata(gammapy_data / "catalogs/fermi" / file, 1)
            row = rows[[source.strip() == name for source in rows["Source_Name"]]][0]
            if "Flux_Band" in rows.names:
                flux, error = row["Flux_Band"], row["Unc_Flux_Band"]
            else:
                bands = ["100_300", "300_1000", "1000_3000", "3000_10000", "10000_100000"]
                flux = np.array([row[f"Flux{band}"] for band in bands])
                error = np.array([row[f"Unc_Flux{band}"] for band in bands])
            per_area = u.Unit("cm-2 s-1")
            is_ul = np.isnan(error[:, 0])
            sed = FluxPoints.from_arrays(
                "flux",
                e_min=edges[:-1] * u.Unit(unit),
                e_max=edges[1:] * u.Unit(unit),
                flux=flux * per_area,
                flux_errn=np.abs(error[:, 0]) * per_area,
                flux_errp=error[:, 1] * per_area,
                flux_ul=np.where(is_ul, flux + 2 * error[:, 1], np.nan) * per_area,
                is_ul=is_ul,
                reference_model=float(row[index]),
            )
            np.testing.assert_allclose(sed.dnde.value, expected, rtol=1e-6)
            assert FluxPointsDataset(sed).mask.sum() == 4


def test_collection_holds_flux_points(tmp_path):
    datasets = Datasets([FluxPointsDataset(points(), name="sed")])
    datasets.write(tmp_path)
    back = Datasets.read(tmp_path)
    assert back.names == ["sed"]
    np.testing.assert_allclose(back["sed"].data.dnde, points().dnde)
    assert back.info_table()["n_ul"].tolist() == [1]

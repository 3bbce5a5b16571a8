"""Sensitivity of spectra: significance, thresholds, conversion to fluxes, bad input."""

import numpy as np
import pytest

from gjax.estimators import SensitivityEstimator
from gjax.models import ExpCutoffPowerLawSpectralModel, PowerLawSpectralModel
from gjax.stats import li_ma_significance


def test_the_excess_is_just_significant(simulate_on_off):
    dataset = simulate_on_off(asimov=True, background=400.0)
    table = SensitivityEstimator(gamma_min=0, bkg_syst_fraction=0).run(dataset)
    off, alpha = dataset.counts_off.data.ravel(), dataset.alpha.data.ravel()
    excess = np.asarray(table["excess"], dtype=float)
    np.testing.assert_allclose(li_ma_significance(alpha * off + excess, off, alpha), 5, rtol=1e-6)
    assert set(table["criterion"]) == {"significance"}
    np.testing.assert_allclose(table["background"], alpha * off)


def test_the_flux_gives_the_excess(simulate_on_off):
    dataset = simulate_on_off(asimov=True)
    for spectrum in (PowerLawSpectralModel(index=2.0), ExpCutoffPowerLawSpectralModel(index=1.7, lambda_="0.1 TeV-1")):
        table = SensitivityEstimator(spectrum).run(dataset)
        edges = dataset.exposure.geom.axes["energy_true"].edges
        flux = spectrum.integral(edges[:-1], edges[1:]).to_value("cm-2 s-1")
        counts = (flux * dataset.exposure.data.ravel() * 1e4) @ dataset.edisp.pdf_matrix
        norm = np.asarray(table["excess"], dtype=float) / counts
        expected = (norm * spectrum(table["e_ref"]) * table["e_ref"] ** 2).to_value("erg cm-2 s-1")
        np.testing.assert_allclose(table["e2dnde"].to_value("erg cm-2 s-1"), expected, rtol=1e-10)


def test_criteria(simulate_on_off):
    dataset = simulate_on_off(asimov=True, background=1e5)
    table = SensitivityEstimator(gamma_min=300, bkg_syst_fraction=0.05).run(dataset)
    assert set(table["criterion"]) == {"bkg", "gamma", "significance"}
    excess, background = np.asarray(table["excess"], dtype=float), np.asarray(table["background"], dtype=float)
    is_bkg = table["criterion"] == "bkg"
    np.testing.assert_allclose(excess[is_bkg], 0.05 * background[is_bkg])
    np.testing.assert_array_equal(excess[table["criterion"] == "gamma"], 300)


def test_bins_without_exposure_say_so(simulate_on_off):
    dataset = simulate_on_off(asimov=True)
    blind = dataset.copy(exposure=dataset.exposure * 0.0)
    table = SensitivityEstimator().run(blind)
    assert set(table["criterion"]) == {"no exposure"}
    assert np.all(np.isnan(table["e2dnde"]))


def test_impossible(simulate_on_off, cube):
    with pytest.raises(ValueError, match="n_sigma"):
        SensitivityEstimator(n_sigma=-5)
    with pytest.raises(ValueError, match="needs off counts"):
        SensitivityEstimator().run(cube)


@pytest.mark.parametrize(
    ("background", "criteria"), [(400.0, {"significance"}), (1e5, {"bkg", "gamma", "significance"})]
)
def test_slope_in_time_is_that_of_longer_observations(simulate_on_off, background, criteria):
    estimator = SensitivityEstimator(gamma_min=300 if len(criteria) > 1 else 0)
    dataset = simulate_on_off(asimov=True, background=background)
    table = estimator.run(dataset)
    step = 1e-4
    fluxes = []
    for factor in (1 - step, 1 + step):
        longer = dataset.copy(counts_off=dataset.counts_off * factor, exposure=dataset.exposure * factor)
        found = estimator.run(longer)
        assert list(found["criterion"]) == list(table["criterion"])
        fluxes.append(np.log(found["e2dnde"].to_value("erg cm-2 s-1")))
    assert set(table["criterion"]) == criteria
    np.testing.assert_allclose(table["time_slope"].value, (fluxes[1] - fluxes[0]) / (2 * step), rtol=1e-4, atol=1e-6)


def test_slope_of_maps(cube):
    from gjax.estimators import ExcessMapEstimator, TSMapEstimator

    step = 1e-3
    longer = [
        cube.copy(background=cube.background * factor, exposure=cube.exposure * factor)
        for factor in (1 - step, 1 + step)
    ]
    for estimator in (
        ExcessMapEstimator("0.1 deg", selection_optional="sensitivity"),
        TSMapEstimator(kernel_width=0.3, selection_optional="sensitivity"),
    ):
        slope = estimator.run(cube)["sensitivity_time_slope"].data
        low, high = (np.log(estimator.run(one)["norm_sensitivity"].data) for one in longer)
        np.testing.assert_allclose(slope, (high - low) / (2 * step), rtol=2e-3)
        assert np.all((slope > -1) & (slope < -0.5))

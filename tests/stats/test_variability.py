"""Measures of variability: closed forms, gaps, and what cannot be said."""

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time

from gjax.stats import (
    compute_chisq,
    compute_flux_doubling,
    compute_fpp,
    compute_fvar,
    discrete_correlation,
    structure_function,
)

DAYS = np.arange(4.0) * u.d


class TestExcessVariance:
    def test_closed_form(self):
        # mean 2, sample variance 2/3
        fvar, error = compute_fvar([1, 2, 3, 2], [0.1, 0.1, 0.1, 0.1])
        assert fvar == pytest.approx(np.sqrt(2 / 3 - 0.01) / 2)
        expected = np.hypot(np.sqrt(2 / 4) * 0.01 / 4, np.sqrt(0.01 / 4) * 2 * fvar / 2) / (2 * fvar)
        assert error == pytest.approx(expected)
        # mean squared step 1, half of it
        assert compute_fpp([1, 2, 3, 2], [0.1] * 4)[0] == pytest.approx(np.sqrt(0.5 - 0.01) / 2)

    def test_white_noise_is_the_same_by_points_and_pairs(self):
        rng = np.random.default_rng(0)
        flux = 10 + rng.normal(0, 2, (4000, 2)) + rng.normal(0, 1, (4000, 2))
        (fvar, error), (fpp, _) = (f(flux, np.ones_like(flux)) for f in (compute_fvar, compute_fpp))
        np.testing.assert_allclose(fvar, 0.2, atol=5 * error.max())
        np.testing.assert_allclose(fpp, 0.2, atol=6 * error.max())

    def test_red_noise_is_larger_by_points(self):
        flux = 10 + np.cumsum(np.random.default_rng(1).normal(0, 0.5, 400))
        assert compute_fvar(flux, 0.1 * np.ones(400))[0] > 3 * compute_fpp(flux, 0.1 * np.ones(400))[0]

    def test_sign_tells_that_errors_are_too_large(self):
        assert compute_fvar([1, 1.01, 0.99], [0.3] * 3)[0] == pytest.approx(-np.sqrt(0.09 - 1e-4), rel=1e-6)

    def test_units_axes_and_gaps(self):
        flux = np.array([[1, 2, np.nan, 3, 2], [4, 8, 5, 12, 8]]) * u.Unit("1e-11 cm-2 s-1")
        errors = np.array([[0.1] * 5, [0.4, 0.4, np.nan, 0.4, 0.4]]) * u.Unit("1e-11 cm-2 s-1")
        fvar, error = compute_fvar(flux, errors, axis=1)
        np.testing.assert_allclose(fvar, compute_fvar([1, 2, 3, 2], [0.1] * 4)[0])
        np.testing.assert_allclose(error, compute_fvar([1, 2, 3, 2], [0.1] * 4)[1])
        # pairs across the gap are no neighbours
        fpp = compute_fpp(flux, errors, axis=1)[0]
        np.testing.assert_allclose(fpp, np.sqrt((1 + 1) / (2 * 2) - 0.01) / 2)

    def test_too_few_points(self):
        assert np.isnan(compute_fvar([1.0], [0.1])[0])
        assert np.isnan(compute_fpp([1.0, np.nan, 1.0], [0.1] * 3)[0])
        with pytest.raises(ValueError, match="errors of shape"):
            compute_fvar([1.0, 2.0], [0.1])


def test_constant_fit():
    fit = compute_chisq([1, 2, 4] * u.Unit("cm-2 s-1"), [1, 1, 2] * u.Unit("cm-2 s-1"))
    mean = (1 + 2 + 1) / 2.25
    assert fit["mean"].unit == u.Unit("cm-2 s-1")
    np.testing.assert_allclose(fit["mean"].value, mean)
    np.testing.assert_allclose(fit["mean_err"].value, 1 / 1.5)
    np.testing.assert_allclose(fit["chi2"], (1 - mean) ** 2 + (2 - mean) ** 2 + (4 - mean) ** 2 / 4)
    assert fit["ndf"] == 2
    np.testing.assert_allclose(fit["p_value"], np.exp(-fit["chi2"] / 2))
    assert np.isnan(compute_chisq([1.0, np.nan], [1.0, 1.0])["p_value"])
    assert compute_chisq([1.0, 5.0], [1.0, 0.0])["ndf"] == 0


class TestDoubling:
    def test_times_and_errors(self):
        found = compute_flux_doubling([1, 4, 2, 3], [0.1, 0.4, 0.2, 0.3], DAYS)
        assert found["doubling"].to_value("d") == pytest.approx(0.5)
        # relative errors of 10 %: dT = T sqrt(0.02) / ln 4
        assert found["doubling_err"].to_value("d") == pytest.approx(0.5 * np.sqrt(0.02) / np.log(4))
        assert found["halving"].to_value("d") == pytest.approx(1)
        assert found["halving_coord"] == 1 * u.d

    def test_no_rise_is_said(self):
        found = compute_flux_doubling([4, 2, 1, 1], [0.1] * 4, DAYS)
        assert np.isnan(found["doubling"])
        assert found["halving"] == 1 * u.d

    def test_negative_fluxes_and_bands_and_times(self):
        flux = np.array([[1, 2], [-1, 4], [1, 3], [3, 3]])
        times = Time("2020-01-01", scale="tt") + DAYS
        found = compute_flux_doubling(flux, 0.1 * np.ones((4, 2)), times)
        np.testing.assert_allclose(found["doubling"].to_value("d"), [np.log(2) / np.log(3), 1])
        np.testing.assert_allclose((found["doubling_coord"] - times[0]).to_value("d"), [2, 0])


class TestStructureFunction:
    def test_weights(self):
        sf, distances = structure_function([1, 2, 4], [0.1, 0.1, 0.1], [0, 1, 2] * u.d)
        # lag 1: differences 1 and 2 with weights 1 x 2 and 2 x 4
        np.testing.assert_allclose(sf, [(1 * 2 + 4 * 8) / 10, 9])
        np.testing.assert_allclose(distances, [1, 2] * u.d)

    def test_gaps_and_units_and_order(self):
        flux = np.array([4, np.nan, 2, 1]) * u.Unit("cm-2 s-1")
        sf, distances = structure_function(flux, 0.1 * flux, [2, 3, 1, 0] * u.d)
        assert sf.unit == u.Unit("cm-4 s-2")
        np.testing.assert_allclose(sf.value[:2], [(1 + 4) / 2, 9])
        assert np.isnan(sf[2])
        np.testing.assert_allclose(distances.value, [1, 2, 3])


class TestCorrelation:
    def test_a_delay_is_found(self):
        rng = np.random.default_rng(2)
        signal = np.convolve(rng.normal(size=300), np.ones(5), "same")
        time = np.arange(300.0) * u.h
        late = np.roll(signal, 7)
        lags, dcf, error = discrete_correlation(signal, 0 * signal, late, 0 * late, time, time, 1 * u.h)
        # far lags have few pairs
        near = np.abs(lags) < 50 * u.h
        best = np.argmax(np.where(near, dcf, -np.inf))
        assert lags[best].to_value("h") == pytest.approx(-6.5)
        assert dcf[best] == pytest.approx(1, abs=0.1)
        assert error[best] < 0.2

    def test_series_that_do_not_overlap(self):
        x, e = np.array([1.0, 2, 4]), np.full(3, 0.1)
        lags, dcf, error = discrete_correlation(x, e, x, e, [100, 101, 102] * u.d, [0, 1, 2] * u.d, 1 * u.d)
        np.testing.assert_allclose(lags.value, np.arange(98.5, 103))
        assert np.isfinite(dcf).all()
        assert np.isnan(error[0])

    def test_gaps(self):
        x = np.array([1.0, np.nan, 2, 4, 1])
        lags, dcf, _ = discrete_correlation(
            x, 0.1 * np.ones(5), x, 0.1 * np.ones(5), *[np.arange(5) * u.d] * 2, 1 * u.d
        )
        assert lags.shape == dcf.shape == (9,)
        assert dcf[4] == np.nanmax(dcf)

    def test_shapes(self):
        with pytest.raises(ValueError, match=r"axes beside time differ: \(2,\) and \(3,\)"):
            discrete_correlation(
                np.ones((4, 2)), np.ones((4, 2)), np.ones((4, 3)), np.ones((4, 3)), DAYS, DAYS, 1 * u.d
            )

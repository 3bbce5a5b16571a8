"""Significances and deviances without a model."""

import numpy as np
import pytest

from gjax.stats._significance import cash_significance, li_ma_significance, null_background, null_wstat


@pytest.mark.parametrize(
    ("n_on", "n_off", "alpha", "expected"),
    [
        # H.E.S.S. and MAGIC Crab runs, Gammapy 2.1
        (149, 117, 1 / 12, 20.4496838),
        (154, 150, 1 / 12, 19.8150539),
        (136, 327, 1 / 41, 21.7197321),
        (111, 275, 1 / 36, 18.8023023),
        (337, 139, 1 / 3, 20.9613899),
        (293, 93, 1 / 3, 20.9670114),
    ],
)
def test_li_ma_of_real_runs(n_on, n_off, alpha, expected):
    assert li_ma_significance(n_on, n_off, alpha) == pytest.approx(expected, rel=1e-8)


def test_sign_follows_the_excess():
    assert li_ma_significance(2, 100, 0.1) < 0
    assert li_ma_significance(10, 100, 0.1) == 0
    assert li_ma_significance(30, 100, 0.1) > 0


def test_no_counts_give_zero():
    np.testing.assert_array_equal(li_ma_significance([0, 0], [0, 5], [0.1, 0.1]) == 0, [True, False])
    assert null_wstat(0, 0, 0.5) == 0
    # n_on = 0: W = 2 n_off log(1 + alpha), n_off = 0: W = 2 n_on log((1 + alpha) / alpha)
    assert null_wstat(0, 5, 0.5) == pytest.approx(10 * np.log(1.5))
    assert null_wstat(5, 0, 0.5) == pytest.approx(10 * np.log(3))


def test_undefined_alpha_is_not_silently_zero():
    assert np.isnan(li_ma_significance(5, 0, 0.0))
    assert np.isnan(li_ma_significance(5, 3, np.nan))


def test_null_background_solves_the_profile():
    n_on, n_off, alpha = 7.0, 30.0, 0.2
    best = null_background(n_on, n_off, alpha)

    def deviance(b):
        return 2 * (b + b / alpha - n_on * np.log(b) - n_off * np.log(b / alpha))

    assert deviance(best) < deviance(best * 1.001)
    assert deviance(best) < deviance(best * 0.999)


def test_cash_significance():
    assert cash_significance(10, 10.0) == 0
    assert cash_significance(0, 2.0) == pytest.approx(-2.0)
    assert np.isinf(cash_significance(1, 0.0))
    # large numbers: approaches the Gaussian value
    assert cash_significance(1e6 + 3e3, 1e6) == pytest.approx(3.0, rel=1e-3)

"""Counts statistics beside Gammapy 2.1, in closed form, at their definitions and with impossible input."""

import numpy as np
import pytest
from scipy.stats import chi2, poisson

from gjax.stats import (
    CashCountsStatistic,
    WStatCountsStatistic,
    cash,
    cstat,
    feldman_cousins,
    get_wstat_mu_bkg,
    sigma_to_ts,
    ts_to_sigma,
    wstat,
)
from gjax.stats._roots import find_rise, find_root

N_ON = np.array([0, 0, 1, 4, 30, 300, 7, 20000.0])
N_OFF = np.array([0, 5, 0, 10, 40, 900, 60, 50000.0])
ALPHA = np.array([0.5, 0.3, 0.2, 1 / 3, 0.5, 0.25, 0.4, 0.39])
MU_SIG = np.array([0, 0, 0.5, 0, 3.0, 0, 1, 0])
MU_BKG = np.array([0.1, 2, 0.03, 3.2, 20, 250, 24, 19500.0])
#: Gammapy 2.1 at these counts: errors of 1 sigma below and 2 above, limits of 3, excess of 5 sigma.
CASH = {
    "sqrt_ts": [-0.447213595, -2.0, 2.25235783, 0.430288752, 2.0803621, 3.0647894, -4.09267498, 3.56543397],
    "p_value": [
        0.327360423,
        0.0227501319,
        0.0121498342,
        0.333492804,
        0.0187461662,
        0.0010891166,
        2.1321262e-05,
        0.000181627308,
    ],
    "errn": [0.0, 0.0, 0.698290437, 1.68150587, 5.14908854, 16.9887909, 2.32345718, 141.08822],
    "errp": [2.0, 2.0, 3.5052415, 5.4307067, 12.3264299, 35.9869834, 6.70081745, 284.177614],
    "ul": [4.5, 4.5, 7.48719277, 10.108406, 29.5589871, 105.003837, -5.81856323, 927.269357],
    "match": [4.33947716, 10.550546, 3.3248797, 12.5182231, 26.222883, 83.1221358, 28.3786272, 702.366354],
}
WSTAT = {
    "sqrt_ts": [0.0, -1.61976623, 0.621525833, 0.304052393, 1.1453988, 4.20913207, -3.78628216, 3.0205616],
    "p_value": [
        0.5,
        0.0526412514,
        0.267126851,
        0.380543988,
        0.126021998,
        1.28176763e-05,
        7.64590143e-05,
        0.00126153191,
    ],
    "errn": [0.25, 0.774331742, 0.698290437, 2.0680049, 6.1355197, 18.6108007, 4.03840651, 165.942482],
    "errp": [2.0, 2.18817868, 3.5052415, 5.71230038, 13.614313, 38.8480251, 8.65522618, 333.122938],
    "ul": [4.5, 3.18817868, 7.01719277, 10.3107653, 28.2693989, 134.12692, -4.36056675, 1000.31108],
    "match": [11.3779903, 13.8721934, 6.97638283, 17.6704575, 35.9314593, 90.0728454, 36.5757074, 830.597474],
}


@pytest.mark.parametrize(
    ("stat", "expected"),
    [(CashCountsStatistic(N_ON, MU_BKG), CASH), (WStatCountsStatistic(N_ON, N_OFF, ALPHA, MU_SIG), WSTAT)],
    ids=["cash", "wstat"],
)
def test_beside_the_reference(stat, expected):
    found = {
        "sqrt_ts": stat.sqrt_ts,
        "p_value": stat.p_value,
        "errn": stat.compute_errn(1.0),
        "errp": stat.compute_errp(2.0),
        "ul": stat.compute_upper_limit(3.0),
        "match": stat.n_sig_matching_significance(5.0),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-7, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("n_sigma", [0.3, 1.0, 3.0, 5.0])
def test_errors_are_where_the_statistic_has_risen(n_sigma):
    rng = np.random.default_rng(1)
    n_on, n_off = rng.poisson(rng.choice([0.5, 20, 3000], 300)) + 1.0, rng.poisson(rng.choice([0.5, 50], 300)) * 1.0
    alpha, background = rng.uniform(0.02, 2, 300), rng.uniform(0, 50, 300)
    known = CashCountsStatistic(n_on, background)
    for shift in (known.compute_errp(n_sigma), -known.compute_errn(n_sigma)):
        rise = cash(n_on, n_on + shift) - cash(n_on, n_on)
        np.testing.assert_allclose(rise, n_sigma**2, rtol=1e-6)
    measured = WStatCountsStatistic(n_on, n_off, alpha)
    for shift in (measured.compute_errp(n_sigma), -measured.compute_errn(n_sigma)):
        np.testing.assert_allclose(wstat(n_on, n_off, alpha, measured.n_sig + shift), n_sigma**2, rtol=1e-6)


def test_huge_significance_of_few_counts():
    stat = CashCountsStatistic([1.0, 5.0], [0.1, 0.1])
    errp = stat.compute_errp(60.0)
    np.testing.assert_allclose(cstat(stat.n_on, stat.n_on + errp), 3600, rtol=1e-9)
    assert np.all(stat.compute_errn(60.0) <= stat.n_on)


def test_excess_of_a_significance_has_it():
    background, alpha, n_off = np.array([1e-3, 1.0, 50.0, 1e5]), 0.2, np.array([0.0, 3.0, 100.0, 1e4])
    for n_sigma in (0.5, 5.0):
        excess = CashCountsStatistic(0 * background, background).n_sig_matching_significance(n_sigma)
        np.testing.assert_allclose(CashCountsStatistic(background + excess, background).sqrt_ts, n_sigma, rtol=1e-7)
        excess = WStatCountsStatistic(n_off, n_off, alpha).n_sig_matching_significance(n_sigma)
        found = WStatCountsStatistic(alpha * n_off + excess, n_off, alpha)
        np.testing.assert_allclose(found.sqrt_ts, n_sigma, rtol=1e-7)


def test_deficit_of_a_significance_where_there_are_enough_counts():
    excess = CashCountsStatistic(0.0, [100.0, 1.0]).n_sig_matching_significance(-3.0)
    assert CashCountsStatistic(100 + excess[0], 100.0).sqrt_ts == pytest.approx(-3, rel=1e-7)
    assert np.isnan(excess[1])  # even without any count, one expected count is not 3 sigma


def test_no_background_and_no_alpha():
    stat = CashCountsStatistic([0, 3], [0.0, 0.0])
    np.testing.assert_array_equal(stat.sqrt_ts, [0, np.inf])
    assert np.all(np.isnan(stat.n_sig_matching_significance(5)))
    undefined = WStatCountsStatistic([5, 0], [3, 0], [0.0, np.nan])
    for values in (undefined.ts, undefined.compute_errp(), undefined.compute_errn(), undefined.compute_upper_limit()):
        assert np.all(np.isnan(values))


def test_wstat_profile_is_the_lowest():
    n_on, n_off, alpha = 7.0, 12.0, 0.4
    for signal in (-2.0, 0.0, 1.0, 9.0):
        best = get_wstat_mu_bkg(n_on, n_off, alpha, signal)
        mu = np.linspace(max(0.0, -signal / alpha) + 1e-3, 60, 400_001)
        scan = cstat(n_on, signal + alpha * mu) + cstat(n_off, mu)
        assert mu[scan.argmin()] == pytest.approx(float(best), abs=1e-3)
        assert wstat(n_on, n_off, alpha, signal) == pytest.approx(scan.min(), abs=1e-6)


def test_wstat_of_many_counts_does_not_cancel():
    # at a millionth of an error from the best fit the statistic is a millionth squared
    n_on, n_off, alpha = 2e9, 1e10, 0.1
    error = np.sqrt(n_on + alpha**2 * n_off)
    assert wstat(n_on, n_off, alpha, n_on - alpha * n_off + 1e-3 * error) == pytest.approx(1e-6, rel=1e-3)


def test_sum_keeps_the_background_and_parts_are_those_of_arrays():
    stat = WStatCountsStatistic(N_ON, N_OFF, ALPHA, MU_SIG)
    assert stat.sum().n_bkg == pytest.approx(stat.n_bkg.sum())
    assert stat[4].sqrt_ts == stat.sqrt_ts[4]
    assert "counts" in repr(stat)
    assert "sigma" in repr(stat[4])
    summed = CashCountsStatistic(N_ON.reshape(2, 4), MU_BKG.reshape(2, 4)).sum(axis=0)
    np.testing.assert_array_equal(summed.n_on, N_ON.reshape(2, 4).sum(axis=0))
    assert len(summed) == 4
    assert set(stat.info_dict()) == {"n_on", "background", "excess", "significance", "p_value"}


def test_impossible_counts():
    with pytest.raises(ValueError, match="n_on holds negative"):
        CashCountsStatistic([-1], [2.0])
    with pytest.raises(ValueError, match="n_off holds negative"):
        WStatCountsStatistic([1], [-2.0], 0.1)
    with pytest.raises(ValueError, match="shapes do not fit"):
        CashCountsStatistic([1, 2], [2.0, 3, 4])


class TestFeldmanCousins:
    """The tables of Feldman & Cousins 1998 at backgrounds where they are not smoothed."""

    @pytest.mark.parametrize(
        ("n", "b", "level", "low", "high"),
        [
            (0, 0.0, 0.90, 0.00, 2.44),
            (1, 0.0, 0.90, 0.11, 4.36),
            (3, 0.0, 0.90, 1.10, 7.42),
            (5, 0.0, 0.90, 1.84, 9.99),
            (10, 0.0, 0.90, 5.50, 16.50),
            (4, 3.0, 0.90, 0.00, 5.60),
            (10, 3.0, 0.90, 2.63, 13.50),
            (1, 0.0, 0.6827, 0.37, 2.75),
            (3, 0.0, 0.95, 0.82, 8.25),
        ],
    )
    def test_published(self, n, b, level, low, high):
        found = feldman_cousins(n, b, level)
        assert found[0] == pytest.approx(low, abs=0.006)
        assert found[1] == pytest.approx(high, abs=0.006)

    def test_covers(self):
        # for any signal, the counts whose interval holds it have at least the level together
        background, level, n = 1.7, 0.9, np.arange(60)
        low, high = feldman_cousins(n, np.full(60, background), level)
        for signal in (0.0, 0.4, 1.3, 3.3, 8.0, 15.0):
            inside = (low <= signal) & (signal <= high)
            assert poisson.pmf(n[inside], signal + background).sum() >= level - 1e-9

    def test_many_at_once_are_those_of_each(self):
        n, b = np.array([[0, 3], [7, 3]]), np.array([[1.0, 0.5], [2.0, 0.5]])
        low, high = CashCountsStatistic(n, b).compute_feldman_cousins(0.68)
        assert low.shape == (2, 2)
        assert high[0, 1] == high[1, 1]
        assert high[0, 1] == pytest.approx(feldman_cousins(3, 0.5, 0.68)[1], rel=1e-12)

    def test_many_counts_are_nearly_gaussian(self):
        low, high = feldman_cousins(10_000, 2_000.0, 0.6827)
        assert low == pytest.approx(7900, abs=2)
        assert high == pytest.approx(8100, abs=2)

    def test_impossible(self):
        for arguments, message in [((1.5, 0), "whole"), ((1, -1), "negative"), ((1, 1, 1.0), "between 0 and 1")]:
            with pytest.raises(ValueError, match=message):
                feldman_cousins(*arguments)


def test_roots_of_elements_without_one_are_nan():
    def line(x, slope):
        return slope * x - 1

    found = find_root(line, 0.0, 1.0, np.array([2.0, 0.5, 1.0, np.nan]))
    np.testing.assert_allclose(found, [0.5, np.nan, 1.0, np.nan])
    assert np.isnan(find_rise(lambda x: 0 * x, 1.0, 1.0))


def test_sigma_and_ts():
    np.testing.assert_allclose(ts_to_sigma(sigma_to_ts([0.5, 3.0, 7.0], df=3), df=3), [0.5, 3, 7])
    assert chi2.sf(sigma_to_ts(2.0, df=2), 2) == pytest.approx(chi2.sf(4.0, 1))
    assert ts_to_sigma(-1.0) == 0

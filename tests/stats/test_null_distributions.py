"""Distributions of test statistics: closed forms, simulated mixtures, edges."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from gjax.stats import asimov_significance, li_ma_significance, p_value_to_sigma, ts_p_value


def test_without_bounds_a_chi_square():
    ts = np.array([0.5, 3.0, 20.0])
    for dof in (1, 2, 5):
        np.testing.assert_allclose(ts_p_value(ts, dof), chi2.sf(ts, dof))


def test_half_a_chi_square_is_one_sided():
    for sigma in (0.5, 1.0, 3.0, 5.0):
        assert ts_p_value(sigma**2, 1, 1) == pytest.approx(norm.sf(sigma), rel=1e-9)
        assert p_value_to_sigma(norm.sf(sigma)) == pytest.approx(sigma, rel=1e-9)


@pytest.mark.parametrize(("dof", "bounded"), [(1, 1), (2, 1), (3, 2), (2, 2)])
def test_mixtures_as_simulated(dof, bounded):
    x = np.random.default_rng(0).normal(size=(200_000, dof))
    x[:, :bounded] = np.maximum(x[:, :bounded], 0)
    ts = (x**2).sum(axis=1)
    for value in (0.5, 2.0, 6.0):
        p = ts_p_value(value, dof, bounded)
        assert np.mean(ts >= value) == pytest.approx(p, abs=5 * np.sqrt(p / 200_000))


def test_edges():
    assert ts_p_value(0.0) == 1
    assert ts_p_value(-1.0, 2, 1) == 1
    assert np.isnan(ts_p_value(np.nan))
    assert ts_p_value([1.0, 2.0]).shape == (2,)
    assert p_value_to_sigma(1.0) == 0
    for dof, bounded in ((0, 0), (1, 2), (1, -1)):
        with pytest.raises(ValueError, match="n_boundary"):
            ts_p_value(1.0, dof, bounded)


def test_asimov_significance():
    s, b = 12.0, 5.0
    assert asimov_significance(s, b) == pytest.approx(np.sqrt(2 * ((s + b) * np.log(1 + s / b) - s)))
    assert asimov_significance(s, b, 0.2) == pytest.approx(li_ma_significance(s + b, b / 0.2, 0.2))
    # the measured background becomes a known one, and few counts become many
    assert asimov_significance(s, b, 1e-6) == pytest.approx(asimov_significance(s, b), rel=1e-4)
    assert asimov_significance(1e3, 1e8) == pytest.approx(1e3 / 1e4, rel=1e-3)

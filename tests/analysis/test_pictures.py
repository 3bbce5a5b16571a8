"""What the plots of an analysis compute."""

import numpy as np
import pytest

from gjax.analysis.pictures import residual_sigmas, stack_counts, sum_prediction, wstat_deviance


def brute_force(on, off, alpha, signal):
    """Minimise the Poisson deviance over the background on a fine grid."""
    background = np.geomspace(1e-6, 1e3, 400_001)

    def term(n, mu):
        return 2 * (mu - n + (n * np.log(n / mu) if n > 0 else 0.0))

    return np.min(term(on, signal + background) + term(off, background / alpha))


@pytest.mark.parametrize(
    "case", [(10, 20, 0.1, 5.0), (3, 0, 0.2, 1.0), (0, 7, 0.5, 2.0), (12, 3, 1.0, 0.0), (0, 0, 0.3, 4.0)]
)
def test_deviance_is_that_of_the_best_background(case):
    on, off, alpha, signal = case
    found = wstat_deviance(*(np.array([float(v)]) for v in case))[0]
    assert found == pytest.approx(brute_force(on, off, alpha, signal), abs=1e-4)


def test_deviance_without_acceptance_is_undefined():
    assert np.isnan(wstat_deviance(np.array([1.0]), np.array([1.0]), np.array([0.0]), np.array([1.0]))[0])


def test_stacked_counts_use_the_masks(simulate_on_off):
    one = simulate_on_off("one", seed=1, mask_safe=np.arange(8) >= 2)
    two = simulate_on_off("two", seed=2, mask_safe=np.arange(8) >= 4)
    stacked = stack_counts([one, two])
    assert list(stacked.mask) == [False] * 2 + [True] * 6
    on = [np.asarray(d.counts.data).ravel() for d in (one, two)]
    assert np.allclose(stacked.on[4:], (on[0] + on[1])[4:])
    assert np.allclose(stacked.on[2:4], on[0][2:4])
    assert np.allclose(stacked.on[:2], (on[0] + on[1])[:2])
    assert np.allclose(stacked.background, 0.2 * stacked.off)
    assert np.allclose(stacked.variance, stacked.on + 0.04 * stacked.off)
    signal = sum_prediction([one, two], {"one": np.ones(8), "two": np.full(8, 10.0)})
    assert list(signal) == [11, 11, 1, 1, 11, 11, 11, 11]


def test_residuals_have_the_sign_of_the_difference(simulate_on_off):
    stacked = stack_counts([simulate_on_off(asimov=True)])
    assert np.allclose(residual_sigmas(stacked, stacked.excess), 0, atol=1e-5)
    assert np.all(residual_sigmas(stacked, stacked.excess * 2)[:4] < -1)
    assert np.all(residual_sigmas(stacked, stacked.excess * 0.5)[:4] > 1)

"""Random numbers follow the densities they are drawn from."""

import numpy as np
import pytest

from gjax.simulate.sampling import sample_power_law_segments, sample_rows, segment_integrals


def test_segment_integrals_are_exact_for_power_laws():
    x = np.array([1.0, 2.0, 10.0])
    for index in (0.0, -1.0, -2.7, 1.5):
        expected = np.diff(np.log(x)) if index == -1 else np.diff(x ** (index + 1)) / (index + 1)
        assert np.allclose(segment_integrals(x, x**index), expected, rtol=1e-9)


def test_segment_integrals_with_zeros():
    assert np.allclose(segment_integrals(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.0, 2.0, 2.0])), [0, 1, 2])


@pytest.mark.parametrize("index", [-2.5, -1.0, 0.0, 1.0])
def test_power_law_has_the_right_distribution(index):
    rng = np.random.default_rng(3)
    nodes = np.geomspace(0.1, 100, 7)
    x = sample_power_law_segments(rng, nodes, nodes**index, 40_000)
    cut = np.geomspace(0.1, 100, 31)
    if index == -1:
        expected = np.log(cut / 0.1) / np.log(1000)
    else:
        expected = (cut ** (index + 1) - 0.1 ** (index + 1)) / (100 ** (index + 1) - 0.1 ** (index + 1))
    found = np.searchsorted(np.sort(x), cut) / len(x)
    assert np.max(np.abs(found - expected)) < 1.6 / np.sqrt(len(x))  # Kolmogorov-Smirnov at 1 %


def test_segments_without_density_get_nothing():
    x = sample_power_law_segments(
        np.random.default_rng(0), np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0, 0, 1.0]), 1000
    )
    assert x.min() > 3
    # a density that rises linearly from zero: the mean of x on [3, 4] is 3 + 2/3
    assert x.mean() == pytest.approx(3 + 2 / 3, abs=0.03)


def test_bad_densities_are_refused():
    rng = np.random.default_rng(0)
    nodes = np.array([1.0, 2.0, 3.0])
    for density in ([0, 0, 0], [1, -1, 1], [1, np.nan, 1]):
        with pytest.raises(ValueError, match="must be finite, not negative"):
            sample_power_law_segments(rng, nodes, np.array(density, dtype=float), 3)
    assert len(sample_power_law_segments(rng, nodes, np.zeros(3), 0)) == 0


def test_rows_are_kept_apart():
    rng = np.random.default_rng(5)
    nodes = np.linspace(0, 1, 11)
    cumulative = np.stack([nodes**p for p in (1, 2, 5)])
    rows = np.repeat([0, 1, 2], 20_000)
    x = sample_rows(rng, nodes, cumulative, rows)
    for i in range(3):
        # within cells of the table the density is flat, so the mean is that of the piecewise linear distribution
        cells = np.diff(cumulative[i])
        assert x[rows == i].mean() == pytest.approx(np.sum(cells * 0.5 * (nodes[1:] + nodes[:-1])), abs=0.008)


def test_empty_rows_are_refused_only_if_asked_for():
    cumulative = np.array([[0.0, 0.0], [0.0, 2.0]])
    rng = np.random.default_rng(0)
    assert np.all(sample_rows(rng, np.array([0.0, 1.0]), cumulative, np.ones(5, dtype=int)) <= 1)
    with pytest.raises(ValueError, match="empty"):
        sample_rows(rng, np.array([0.0, 1.0]), cumulative, np.array([0]))
    assert len(sample_rows(rng, np.array([0.0, 1.0]), cumulative, np.empty(0, dtype=int))) == 0

"""The grid interpolator: exact for multilinear functions, extrapolation, scales, agreement with SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gjax.irf.interpolation import LOG_FLOOR, interpolate, scaled


def test_multilinear_function_is_exact_inside_and_outside():
    x, y, z = np.array([0.0, 1.0, 3.0]), np.array([-1.0, 2.0]), np.array([0.0, 0.5, 1.0, 4.0])

    def function(a, b, c):
        return 1 + 2 * a - b + 3 * c + 0.5 * a * b * c

    table = function(x[:, None, None], y[:, None], z)
    rng = np.random.default_rng(1)
    a, b, c = rng.uniform(-2, 6, (3, 50))
    # Trilinear in each cell: the function has only products of different coordinates.
    assert np.allclose(interpolate([x, y, z], table, [a, b, c]), function(a, b, c), rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["linear", "nearest"]))
def test_same_as_scipy(seed, method):
    from scipy.interpolate import RegularGridInterpolator

    rng = np.random.default_rng(seed)
    nodes = [np.sort(rng.uniform(0, 1, n)) for n in (3, 2, 5)]
    table = rng.normal(size=(3, 2, 5))
    coords = rng.uniform(-0.2, 1.2, (30, 3))
    expected = RegularGridInterpolator(nodes, table, method=method, bounds_error=False, fill_value=None)(coords)
    assert np.allclose(interpolate(nodes, table, list(coords.T), method=method), expected, rtol=1e-9, atol=1e-9)


def test_broadcasting_and_single_values_give_the_same_numbers():
    rng = np.random.default_rng(2)
    nodes = [np.arange(4.0), np.arange(3.0), np.arange(5.0)]
    table = rng.normal(size=(4, 3, 5))
    x, z = rng.uniform(0, 3, (6, 1)), rng.uniform(0, 4, (1, 7))
    grid = interpolate(nodes, table, [x, np.array(0.7), z])
    full = interpolate(nodes, table, [a.ravel() for a in np.broadcast_arrays(x, 0.7, z)])
    assert grid.shape == (6, 7)
    assert np.allclose(grid.ravel(), full, rtol=1e-13)
    scalar = interpolate(nodes, table, [x[2, 0], np.array(0.7), z[0, 3]])
    assert scalar.shape == ()
    assert np.isclose(scalar, grid[2, 3], rtol=1e-13)


def test_single_node_is_constant():
    table = np.array([[1.0, 2.0]])
    assert np.allclose(interpolate([np.array([5.0]), np.arange(2.0)], table, [np.array([-9.0, 9.0]), 0.5]), 1.5)


def test_log_values():
    nodes, table = [np.arange(3.0)], np.array([1.0, 100.0, 0.0])
    assert np.isclose(interpolate(nodes, table, [np.array(0.5)], log_values=True), 10.0)
    assert interpolate(nodes, table, [np.array([2.0, 3.0])], log_values=True).tolist() == [0.0, 0.0]
    half = interpolate(nodes, table, [np.array([1.5])], log_values=True)
    assert np.isclose(half[0], np.sqrt(100.0 * LOG_FLOOR), rtol=1e-6)


def test_scales():
    assert np.allclose(scaled(np.array([4.0, -4.0]), "sqrt"), [2.0, -2.0])
    assert np.isneginf(scaled(np.array([0.0]), "log"))[0]
    with pytest.raises(ValueError, match="unknown interpolation scale 'cubic'"):
        scaled(np.array([1.0]), "cubic")
    with pytest.raises(ValueError, match="unknown interpolation method 'cubic'"):
        interpolate([np.arange(2.0)], np.arange(2.0), [np.array(0.0)], method="cubic")

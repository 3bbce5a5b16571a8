"""Splines along rows of a table: values, derivatives of both kinds, mapped over anything, against plain gathers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

from gjax.folding._splines import cubics, spline_rows

ROWS, POINTS, COLUMNS = 20, 50, 5


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    cell = rng.integers(0, ROWS - 4, (3, POINTS)).astype(np.int32)
    t, table, scale = (rng.normal(size=(3, *shape)) for shape in ((POINTS,), (ROWS, COLUMNS), (POINTS, COLUMNS)))
    return jax.device_put((cell, t, table, scale))


def splines(orders, *, is_spread):
    def stacked(*arrays):
        return jnp.stack(spline_rows(*arrays, orders, is_spread=is_spread))

    return stacked


def of_first(change):
    return lambda f: lambda *arrays: change(f)(*(array[0] for array in arrays))


def norm(f):
    return lambda c, s: lambda t, table: jnp.sum(f(c, t, table, s) ** 3)


CASES = {
    "one": of_first(lambda f: f),
    "mapped": jax.vmap,
    "table shared": lambda f: lambda c, t, b, s: jax.vmap(f, in_axes=(0, 0, None, 0))(c, t, b[0], s),
    "points shared": lambda f: lambda c, t, b, s: jax.vmap(f, in_axes=(None, None, 0, None))(c[0], t[0], b, s[0]),
    "scale shared": lambda f: lambda c, t, b, s: jax.vmap(f, in_axes=(0, 0, 0, None))(c, t, b, s[0]),
    "forward": of_first(lambda f: jax.jacfwd(f, argnums=(1, 2))),
    "reverse": of_first(lambda f: jax.jacrev(f, argnums=(1, 2))),
    "mapped, forward": lambda f: jax.vmap(jax.jacfwd(f, argnums=(1, 2))),
    "twice": of_first(lambda f: lambda c, t, b, s: jax.hessian(norm(f)(c, s), argnums=(0, 1))(t, b)),
    "mixed": of_first(lambda f: lambda c, t, b, s: jax.jacrev(jax.jacfwd(norm(f)(c, s)), argnums=1)(t, b)),
}


@pytest.mark.parametrize("orders", [(0,), (0, 1, 2), (3, 4)])
@pytest.mark.parametrize("case", CASES)
def test_as_gathered(arrays, case, orders):
    ours, plain = (jax.jit(CASES[case](splines(orders, is_spread=spread)))(*arrays) for spread in (False, True))
    for a, b in zip(jax.tree_util.tree_leaves(ours), jax.tree_util.tree_leaves(plain)):
        np.testing.assert_allclose(a, b, atol=1e-12 * max(float(jnp.abs(b).max()), 1.0))


@pytest.mark.parametrize("order", range(4))
def test_cubic_splines(order):
    t = np.linspace(0.0, 1.0, 7)[:-1]
    expected = [BSpline.basis_element(np.arange(5.0) - 3 + k)(t, nu=order) for k in range(4)]
    np.testing.assert_allclose(cubics(jnp.asarray(t), order), np.stack(expected, axis=1), atol=1e-14)


def test_constants(arrays):
    """Arrays that are not arguments of the compiled function are taken as well."""
    cell, t, table, scale = (array[0] for array in arrays)

    def found(f):
        return jax.jit(lambda by: f(cell, t, by * table, scale))(2.0)

    ours, plain = (found(splines((0, 1), is_spread=spread)) for spread in (False, True))
    np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("points", "rows"), [(0, 9), (1, 9), (7, 4), (7, 5)])
def test_few(arrays, points, rows):
    cell, t, table, scale = (array[0] for array in arrays)
    few = cell[:points] % (rows - 3), t[:points], table[:rows], scale[:points]
    ours, plain = (jax.jit(splines((0, 1), is_spread=spread))(*few) for spread in (False, True))
    np.testing.assert_allclose(ours, plain, atol=1e-13)

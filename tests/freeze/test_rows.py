"""Sums of rows into a table: values, derivatives of both kinds, mapped over anything, against plain scatters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.folding._rows import add_outer, pick_rows, scatter_outer

ROWS, POINTS = 20, 50


@pytest.fixture(scope="module", params=[3, 4], ids=["three maps", "four maps"])
def table(request):
    rng = np.random.default_rng(0)
    cell = rng.integers(0, ROWS - 4, (2, 3, POINTS)).astype(np.int32)
    weights, factors = rng.normal(size=(2, 3, POINTS, request.param)), rng.normal(size=(2, 3, POINTS, 4))
    return jax.device_put((cell, weights, factors))


def both(function):
    return jax.jit(lambda *args: (function(add_outer)(*args), function(scatter_outer)(*args)))


def one(add):
    return lambda cell, weights, factors: add(cell, weights, factors[None], ROWS)[:, 0]


def twice_mapped(add):
    return jax.vmap(jax.vmap(one(add)))


CASES = {
    "one": lambda add: lambda c, w, f: one(add)(c[0, 0], w[0, 0], f[0, 0]),
    "mapped": twice_mapped,
    "weights shared": lambda add: lambda c, w, f: jax.vmap(lambda c, f: one(add)(c, w[0, 0], f))(c[0], f[0]),
    "factors shared": lambda add: lambda c, w, f: jax.vmap(lambda c, w: one(add)(c, w, f[0, 0]))(c[0], w[0]),
    "forward": lambda add: lambda c, w, f: jax.jacfwd(lambda f: one(add)(c[0, 0], w[0, 0], f))(f[0, 0]),
    "reverse": lambda add: lambda c, w, f: jax.jacrev(lambda f: one(add)(c[0, 0], w[0, 0], f))(f[0, 0]),
    "by weights, forward": lambda add: lambda c, w, f: jax.jacfwd(lambda w: one(add)(c[0, 0], w, f[0, 0]))(w[0, 0]),
    "by weights, reverse": lambda add: lambda c, w, f: jax.jacrev(lambda w: one(add)(c[0, 0], w, f[0, 0]))(w[0, 0]),
    "mapped, twice": lambda add: lambda c, w, f: jax.hessian(lambda f: jnp.sum(twice_mapped(add)(c, w, f) ** 3))(f),
    "mapped, mixed": lambda add: (
        lambda c, w, f: jax.jacrev(jax.jacfwd(lambda s: jnp.sum(twice_mapped(add)(c, w, f * s) ** 3)))(jnp.ones(4))
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_are_added(table, case):
    ours, plain = both(CASES[case])(*table)
    np.testing.assert_allclose(ours, plain, atol=1e-12 * float(jnp.abs(plain).max()))


def test_constants(table):
    """Arrays that are not arguments of the compiled function are taken as well."""
    cell, weights, factors = (values[0, 0] for values in table)

    def added(add):
        return jax.jit(lambda by: add(cell, weights, by * factors[None], ROWS))(2.0)

    np.testing.assert_allclose(added(add_outer), added(scatter_outer), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("points", "rows"), [(0, 9), (1, 9), (7, 4), (7, 5)])
def test_few(table, points, rows):
    """Compilers abort on loops that do not use all they are given: without points, or where all rows are one place."""
    cell, weights, factors = (values[0, 0, :points] for values in table)
    cell = cell % (rows - 3)
    ours, plain = (
        jax.jit(add, static_argnums=3)(cell, weights, factors[None], rows) for add in (add_outer, scatter_outer)
    )
    np.testing.assert_allclose(ours, plain, atol=1e-13)


def picked(is_spread):
    def pick(table, cell, weights):
        return pick_rows(table, cell, weights, 4, is_spread=is_spread)

    return pick


PICKS = {
    "one": lambda f: lambda b, c, w: f(b[0], c[0], w[0]),
    "mapped": jax.vmap,
    "tangents": lambda f: lambda b, c, w: jax.vmap(f, in_axes=(0, None, None))(b, c[0], w[0]),
    "weights mapped": lambda f: lambda b, c, w: jax.vmap(f, in_axes=(None, None, 0))(b[0], c[0], w),
    "forward": lambda f: lambda b, c, w: jax.jacfwd(f, argnums=(0, 2))(b[0], c[0], w[0]),
    "reverse": lambda f: lambda b, c, w: jax.jacrev(f, argnums=(0, 2))(b[0], c[0], w[0]),
    "twice": lambda f: (
        lambda b, c, w: jax.hessian(lambda b, w: jnp.sum(f(b, c[0], w) ** 3), argnums=(0, 1))(b[0], w[0])
    ),
}


@pytest.mark.parametrize("case", PICKS)
def test_rows_are_picked(table, case):
    cell, weights = table[0][:, 0], table[1][:, 0]
    rows = jnp.asarray(np.random.default_rng(1).normal(size=(2, ROWS, 2, weights.shape[2])))
    ours, plain = (jax.jit(PICKS[case](picked(is_spread)))(rows, cell, weights) for is_spread in (False, True))
    for a, b in zip(jax.tree_util.tree_leaves(ours), jax.tree_util.tree_leaves(plain)):
        np.testing.assert_allclose(a, b, atol=1e-12 * float(jnp.abs(b).max()))


@pytest.mark.parametrize(("points", "rows"), [(0, 9), (1, 9), (7, 4), (7, 5)])
def test_few_are_picked(table, points, rows):
    cell, weights, _ = (values[0, 0, :points] for values in table)
    array = jnp.asarray(np.random.default_rng(1).normal(size=(rows, 2, weights.shape[1])))
    ours, plain = (jax.jit(picked(is_spread))(array, cell % (rows - 3), weights) for is_spread in (False, True))
    np.testing.assert_allclose(ours, plain, atol=1e-13)

"""Sums of rows into a table: values, derivatives of both kinds, mapped over anything, against plain scatters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.folding._rows import add_outer, scatter_outer

ROWS, POINTS, MAPS = 20, 50, 3


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    cell = rng.integers(0, ROWS - 4, (2, 3, POINTS)).astype(np.int32)
    weights, factors = rng.normal(size=(2, 3, POINTS, MAPS)), rng.normal(size=(2, 3, POINTS, 4))
    return jax.device_put((cell, weights, factors))


def both(function):
    return jax.jit(lambda *args: (function(add_outer)(*args), function(scatter_outer)(*args)))


def one(add):
    return lambda cell, weights, factors: add(cell, weights, factors[..., None], ROWS)[:, 0]


def twice_mapped(add):
    return jax.vmap(jax.vmap(one(add)))


CASES = {
    "one": lambda add: lambda c, w, f: one(add)(c[0, 0], w[0, 0], f[0, 0]),
    "mapped": twice_mapped,
    "weights shared": lambda add: lambda c, w, f: jax.vmap(lambda c, f: one(add)(c, w[0, 0], f))(c[0], f[0]),
    "factors shared": lambda add: lambda c, w, f: jax.vmap(lambda c, w: one(add)(c, w, f[0, 0]))(c[0], w[0]),
    "forward": lambda add: lambda c, w, f: jax.jacfwd(lambda f: one(add)(c[0, 0], w[0, 0], f))(f[0, 0]),
    "reverse": lambda add: lambda c, w, f: jax.jacrev(lambda f: one(add)(c[0, 0], w[0, 0], f))(f[0, 0]),
    "mapped, twice": lambda add: lambda c, w, f: jax.hessian(lambda f: jnp.sum(twice_mapped(add)(c, w, f) ** 3))(f),
    "mapped, mixed": lambda add: (
        lambda c, w, f: jax.jacrev(jax.jacfwd(lambda s: jnp.sum(twice_mapped(add)(c, w, f * s) ** 3)))(jnp.ones(4))
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_are_added(table, case):
    ours, plain = both(CASES[case])(*table)
    np.testing.assert_allclose(ours, plain, atol=1e-12 * float(jnp.abs(plain).max()))


def test_weights_are_constants(table):
    cell, weights, factors = (values[0, 0] for values in table)
    slope = jax.grad(lambda w: jnp.sum(add_outer(cell, w, factors[..., None], ROWS)))(weights)
    np.testing.assert_array_equal(slope, 0.0)

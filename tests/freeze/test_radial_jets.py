"""Derivatives of symmetric sources by place and form, written out, against differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.folding._jets import Jets, expanded, jets_of, pairs
from gjax.folding._mapped import mapped
from gjax.folding._radial import chord_jets, chords, spline_jets, splines_at

STEP, ROWS = 0.05, 30


@pytest.fixture(scope="module")
def sky():
    """Return unit vectors around a position, one of them at its very place, and axes of its tangent plane."""
    rng = np.random.default_rng(3)
    centre = np.array([0.3, -0.5, 0.8])
    centre /= np.linalg.norm(centre)
    first = np.cross(centre, [0.0, 0.0, 1.0])
    first /= np.linalg.norm(first)
    axes = np.stack([first, np.cross(centre, first), centre])
    vectors = centre + 0.01 * rng.normal(size=(40, 3))
    vectors[0] = centre
    return jax.device_put((vectors / np.linalg.norm(vectors, axis=1, keepdims=True), axes))


def radius_at(vectors, axes, place):
    return chords(vectors, axes[2] * jnp.sqrt(1 - jnp.sum(place * place)) + place @ axes[:2])


def test_chords(sky):
    vectors, axes = sky
    place = jnp.zeros(2)
    jets = chord_jets(vectors, axes, 2)
    (slopes,), (bends,) = jets.slope, jets.bend
    np.testing.assert_allclose(jets.value, radius_at(vectors, axes, place), rtol=1e-14)
    plain = jax.jacfwd(lambda p: radius_at(vectors, axes, p))(place)
    np.testing.assert_allclose(slopes.T, plain, rtol=1e-9, atol=1e-9)
    second = jax.hessian(lambda p: radius_at(vectors, axes, p))(place)
    i, j = pairs(2)
    # the conical tip, where the second derivative is 1 / 1e-7 rad, is as sharp in both
    np.testing.assert_allclose(bends.T, second[:, i, j], rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_splines(sky, order):
    vectors, axes = sky
    # not at the tip, and some beyond the grid
    vectors = vectors[1:]
    step = 0.02
    cell, four = spline_jets(chord_jets(vectors, axes, order), step, ROWS)
    at = jnp.zeros(2)
    assert four.shape == ({0: 1, 1: 3, 2: 6}[order], len(vectors), 4)

    def values(place):
        return splines_at(radius_at(vectors, axes, place), step, ROWS)[1]

    assert bool((chords(vectors, axes[2]) > step * (ROWS - 3)).any())
    np.testing.assert_array_equal(cell, splines_at(chords(vectors, axes[2]), step, ROWS)[0])
    np.testing.assert_allclose(four[0], values(at), atol=1e-14)
    if order > 0:
        scale = float(jnp.abs(four[1:3]).max())
        np.testing.assert_allclose(jnp.moveaxis(four[1:3], 0, -1), jax.jacfwd(values)(at), atol=1e-9 * scale)
    if order > 1:
        i, j = pairs(2)
        plain = jax.hessian(values)(at)[..., i, j]
        np.testing.assert_allclose(jnp.moveaxis(four[3:], 0, -1), plain, atol=1e-8 * float(jnp.abs(plain).max()))


@pytest.mark.parametrize("parts", [1, 3])
def test_polynomials(parts):
    """Value, first and second derivatives of what a flux makes of a source, in one part or in several."""
    at, flux = jnp.array([0.3, -0.7, 1.1]), jnp.array([2.0, 5.0])

    def draw(v):
        return jnp.stack([jnp.sin(v[0] * v[1]) + v[2] ** 3, jnp.exp(v[1] * v[2])])

    def plain(both):
        return jnp.sum(draw(both[:3]) * both[3:])

    def ours(both):
        jets = jets_of(draw, both[:3], 2)
        if parts > 1:
            split = [tuple(leaf[k : k + 1] for k in range(len(leaf))) for leaf in (jets.slope[0], jets.bend[0])]
            jets = Jets(jets.value, *split)
        return expanded(jets, lambda drawn, flux: jnp.sum(drawn * flux, keepdims=True), both[:3], both[3:])[0]

    both = jnp.concatenate([at, flux])
    np.testing.assert_allclose(ours(both), plain(both), rtol=1e-14)
    np.testing.assert_allclose(jax.grad(ours)(both), jax.grad(plain)(both), rtol=1e-13)
    np.testing.assert_allclose(jax.hessian(ours)(both), jax.hessian(plain)(both), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("size", [1, 3])
def test_mapped(size):
    rng = np.random.default_rng(0)
    tree = {"a": jnp.asarray(rng.normal(size=(size, 2))), "b": (jnp.asarray(rng.normal(size=size)), None)}
    shared = jnp.array([1.0, 2.0])

    def function(tree, shared):
        return {"sum": tree["a"] @ shared + tree["b"][0]}

    axes = ({"a": 0, "b": (0, None)}, None)
    found = mapped(function, in_axes=axes)(tree, shared)
    np.testing.assert_array_equal(found["sum"], jax.vmap(function, in_axes=axes)(tree, shared)["sum"])


def test_one_entry_is_not_mapped():
    """A batched product of matrices would be a batched one; of one entry it is a plain one."""

    def dims(size):
        a = jnp.ones((size, 3, 3))
        jaxpr = jax.make_jaxpr(mapped(lambda a: a @ a))(a)
        (product,) = [e for e in jaxpr.jaxpr.eqns if e.primitive.name == "dot_general"]
        return product.params["dimension_numbers"][1]

    assert dims(1) == ((), ())
    assert dims(2) == ((0,), (0,))

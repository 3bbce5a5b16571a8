"""Pixels as wide as the PSF: their corners, against integrals of a Gaussian over squares."""

import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy.stats import norm

import gjax
from gjax.datasets import MapDataset
from gjax.folding._corners import fourfold_jets, with_factor
from gjax.folding._jets import Jets, pairs
from gjax.folding._radial import spline_jets, splines_at
from gjax.freeze import _cutouts as cutouts
from gjax.freeze._radial_tables import _bessel_ratio, pixel_transform
from gjax.irf import EDispKernelMap, PSFMap
from gjax.likelihood import hessian, statistic
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import GaussianSpatialModel, PointSpatialModel, PowerLawSpectralModel, SkyModel

SIDE, SIGMA = 0.05, 0.022
CENTRE = SkyCoord(83.6, 22.0, unit="deg", frame="icrs")


def cube(frame):
    """One energy, 41 x 41 pixels, flat exposure, few photons."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1, name="energy_true")
    geom = WcsGeom.create(skydir=CENTRE, npix=(41, 41), binsz=SIDE, proj="TAN", frame=frame, axes=[energy])
    geom_true = geom.to_image().to_cube([true])
    counts = np.random.default_rng(1).poisson(0.3, geom.data_shape).astype(float)
    return MapDataset(
        counts=WcsNDMap.from_geom(geom, data=counts),
        exposure=WcsNDMap.from_geom(geom_true, data=np.full(geom_true.data_shape, 1e12), unit="cm2 s"),
        background=WcsNDMap.from_geom(geom, data=np.full(geom.data_shape, 0.3)),
        psf=PSFMap.from_gauss(
            true, rad_axis=MapAxis.from_edges(np.linspace(0, 0.25, 501), name="rad", unit="deg"), sigma=SIGMA * u.deg
        ),
        edisp=EDispKernelMap.from_diagonal_response(energy, true),
        name="cube",
    )


def source(dataset, x, y, sigma=None):
    """Source at a place in pixels from the centre of the map."""
    geom = dataset.counts.geom.to_image()
    at = geom.wcs.pixel_to_world(20 + x, 20 + y).icrs
    shape = PointSpatialModel(at.ra, at.dec) if sigma is None else GaussianSpatialModel(at.ra, at.dec, sigma=sigma)
    return SkyModel(PowerLawSpectralModel(index=2.0, amplitude="1e-9 cm-2 s-1 TeV-1"), shape, name="source")


def in_pixels(x, y, sigma):
    """Fractions of a Gaussian in every pixel."""

    def along(at):
        edges = (np.arange(42) - 20.5 - at) * SIDE
        return np.diff(norm.cdf(edges / sigma))

    return np.outer(along(y), along(x))


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.3, 0.1), (0.5, 0.0), (0.45, 0.5), (1.3, -1.4)])
def test_points_in_wide_pixels(frame, place, monkeypatch):
    dataset = cube(frame)
    total = 1e12 * 1e-9 * 0.9
    expected = total * in_pixels(*place, SIGMA)
    found = gjax.Likelihood(dataset, source(dataset, *place)).npred_signal()["cube"].data[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * expected.max())
    assert found.sum() == pytest.approx(total, rel=1e-4)
    monkeypatch.setattr(cutouts, "_NO_CORNERS", np.inf)
    without = gjax.Likelihood(dataset, source(dataset, *place)).npred_signal()["cube"].data[0]
    assert np.abs(without - expected).max() > 2e-3 * expected.max()


def test_gaussians_in_wide_pixels():
    dataset = cube("icrs")
    likelihood = gjax.Likelihood(dataset, source(dataset, 0.3, -0.2, sigma=0.2 * SIDE))
    expected = 900 * in_pixels(0.3, -0.2, np.hypot(SIGMA, 0.2 * SIDE))
    found = likelihood.npred_signal()["cube"].data[0]
    # the modes of sources with a size end where those of a pixel begin
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3 * expected.max())


@pytest.mark.parametrize("sigma", [None, 0.03])
def test_bins_and_sums_agree_where_a_source_moved(sigma):
    """The statistic from photons and sums is that of every bin, at the start and elsewhere."""
    dataset = cube("galactic")
    likelihood = gjax.Likelihood(dataset, source(dataset, 0.1, 0.2, sigma))
    every = likelihood.every_bin()
    lon = likelihood.models["source"].spatial_model.lon_0.value
    for shift in (0.0, 0.03, -0.06):
        at = {"source.spatial.lon_0": lon + shift, "source.spatial.lat_0": 22.0 - shift}
        moved = likelihood.with_values(at)
        assert moved.folds[0] is likelihood.folds[0]
        assert moved.stat_sum() == pytest.approx(every.with_values(at).stat_sum(), rel=1e-11)


@pytest.mark.parametrize("sigma", [None, 0.03])
def test_derivatives(sigma):
    dataset = cube("galactic")
    likelihood = gjax.Likelihood(dataset, source(dataset, 0.1, 0.2, sigma))
    problem, x = likelihood.problem, likelihood.start
    (folds,) = likelihood.folds
    assert folds.folds[0].shape.corners is not None

    def plain(x):
        return statistic(problem, x)

    gradient, matrix = jax.jit(lambda x: (jax.grad(plain)(x), jax.hessian(plain)(x)))(x)
    written = jax.jit(jax.grad(lambda x: statistic(problem, x, 1)))(x)
    np.testing.assert_allclose(written, gradient, rtol=1e-9, atol=1e-9 * np.abs(gradient).max())
    np.testing.assert_allclose(jax.jit(hessian)(problem, x), matrix, rtol=1e-8, atol=1e-9 * np.abs(matrix).max())


@pytest.fixture(scope="module")
def sky():
    """Return unit vectors around a position, axes of its plane with it, and sides of pixels that are turned."""
    rng = np.random.default_rng(3)
    centre = np.array([0.3, -0.5, 0.8])
    centre /= np.linalg.norm(centre)
    first = np.cross(centre, [0.0, 0.0, 1.0])
    first /= np.linalg.norm(first)
    plane = np.stack([first, np.cross(centre, first), centre])
    near = centre + 0.003 * plane[0]
    near /= np.linalg.norm(near)
    sides = np.stack([plane[0] + 0.4 * plane[1], plane[1] - 0.4 * plane[0]])
    sides -= (sides @ near)[:, None] * near
    vectors = centre + 0.01 * rng.normal(size=(20, 3))
    return jax.device_put((vectors / np.linalg.norm(vectors, axis=1, keepdims=True), plane, 50 * sides))


def test_four_waves_and_their_derivatives(sky):
    vectors, plane, sides = sky

    def value(place):
        centre = plane[2] * jnp.sqrt(1 - jnp.sum(place * place)) + place @ plane[:2]
        x, y = ((vectors - centre) @ sides.T).T
        return jnp.real((x + 1j * y) ** 4)

    at = jnp.zeros(2)
    jets = fourfold_jets(vectors, plane, sides, 2)
    i, j = pairs(2)
    np.testing.assert_allclose(jets[0], value(at), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(jets[1:3].T, jax.jacfwd(value)(at), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(jets[3:].T, jax.hessian(value)(at)[:, i, j], rtol=1e-9, atol=1e-7)
    for order, rows in ((0, 1), (1, 3)):
        np.testing.assert_allclose(fourfold_jets(vectors, plane, sides, order), jets[:rows], rtol=1e-14)


def test_products_with_their_derivatives():
    rng = np.random.default_rng(5)
    radius, slopes, bends = 0.3 + 0.1 * rng.random(7), rng.normal(size=(2, 7)), rng.normal(size=(3, 7))
    factor, by, twice = rng.normal(size=7), rng.normal(size=(2, 7)), rng.normal(size=(3, 7))
    i, j = pairs(2)

    def polynomial(start, slope, bend, place):
        squares = place[i] * place[j] * np.where(i == j, 0.5, 1.0)
        return start + place @ slope + squares @ bend

    def value(place):
        four = splines_at(polynomial(radius, slopes, bends, place), 0.05, 30)[1]
        return four * polynomial(factor, by, twice, place)[:, None]

    at = jnp.zeros(2)
    _, four = spline_jets(Jets(jnp.asarray(radius), (slopes,), (bends,)), 0.05, 30)
    jets = with_factor(four, jnp.concatenate([factor[None], by, twice]))
    np.testing.assert_allclose(jets[0], value(at), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(jnp.moveaxis(jets[1:3], 0, -1), jax.jacfwd(value)(at), rtol=1e-9, atol=1e-9)
    second = jax.hessian(value)(at)[..., i, j]
    np.testing.assert_allclose(jnp.moveaxis(jets[3:], 0, -1), second, rtol=1e-9, atol=1e-6)


def test_bessel_functions_of_the_fourth_order():
    from scipy.special import jv

    x = np.array([0.0, 1e-3, 0.3, 0.99, 1.01, 4.0, 30.0, 700.0])
    expected = np.append(1 / 384, jv(4, x[1:]) / x[1:] ** 4)
    np.testing.assert_allclose(_bessel_ratio(x), expected, rtol=1e-10, atol=1e-16)


def test_transform_of_a_square():
    """Its parts are those of a Fourier series over directions."""
    q, side = np.array([3.0, 40.0, 130.0]), 0.05
    angle = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    x, y = (np.outer(q, f(angle)) * side / (2 * np.pi) for f in (np.cos, np.sin))
    square = np.sinc(x) * np.sinc(y)
    np.testing.assert_allclose(pixel_transform(side, q), square.mean(axis=1), atol=1e-4)
    np.testing.assert_allclose(pixel_transform(side, q, 4), 2 * (square * np.cos(4 * angle)).mean(axis=1), atol=1e-4)


def test_wide_psfs_have_no_corners():
    dataset = cube("icrs")
    true = dataset.exposure.geom.axes["energy_true"]
    wide = dataset.copy(psf=PSFMap.from_gauss(true, sigma="0.1 deg"), name="cube")
    (folds,) = gjax.Likelihood(wide, source(wide, 0.0, 0.0)).folds
    assert folds.folds[0].shape.corners is None

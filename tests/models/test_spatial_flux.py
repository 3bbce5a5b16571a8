"""Flux in pixels: one in total at every size, where it belongs, and smooth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pixel_grids import image_pixels, image_wcs
from scipy.special import erf

from gjax.models import (
    ConstantFluxSpatialModel,
    ConstantSpatialModel,
    DiskSpatialModel,
    GaussianSpatialModel,
    GeneralizedGaussianSpatialModel,
    PixelNodes,
    PointSpatialModel,
    Shell2SpatialModel,
    ShellSpatialModel,
)
from gjax.parameters import fill, freeze_tree

NPIX, BINSZ = 50, 0.02

#: Shapes of a size in pixels from 0 up to what fits into the image, and how far they reach in sizes.
SHAPES = {
    "gauss": (lambda s: [GaussianSpatialModel(sigma=s, e=e, phi=30.0) for e in (0.0, 0.9)], 5.0),
    "disk": (lambda s: [DiskSpatialModel(r_0=s, e=e, phi=30.0) for e in (0.0, 0.9)], 1.1),
    "gauss-general": (
        lambda s: [GeneralizedGaussianSpatialModel(r_0=s, eta=eta, e=e) for eta, e in ((0.02, 0.7), (0.5, 0), (1, 0))],
        14.0,
    ),
    "shell": (lambda s: [ShellSpatialModel(radius=f * s, width=(1 - f) * s) for f in (0.0, 0.8, 1.0)], 1.1),
    "shell2": (lambda s: [Shell2SpatialModel(r_0=s, eta=eta) for eta in (0.02, 1.0)], 1.1),
}
SIZES = (0.0, 0.01, 0.1, 0.3, 0.7, 1.0, 2.0, 5.0, 20.0)
PLACES = ((0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.125, 0.125), (0.3, 0.77))


@pytest.fixture(scope="module")
def totals_of():
    """A function that gives totals and their gradients, compiled once per kind of model."""
    compiled = {}

    def totals(model, thetas, pixels):
        skeleton, _ = freeze_tree(model)
        if type(model) not in compiled:

            def total(theta, pixels):
                return fill(skeleton, theta).integrate_pixels(pixels).sum()

            slope = jax.value_and_grad(total)
            compiled[type(model)] = jax.jit(lambda many, pixels: jax.lax.map(lambda t: slope(t, pixels), many))
        return compiled[type(model)](jnp.asarray(thetas), pixels)

    return totals


@pytest.mark.parametrize(("proj", "lat"), [("TAN", 22.0), ("CAR", 0.0), ("CAR", 70.0)])
@pytest.mark.parametrize("name", SHAPES)
def test_the_total_is_one_at_every_size(totals_of, name, proj, lat):
    make, reach = SHAPES[name]
    wcs = image_wcs(proj, 0.0, lat, npix=NPIX)
    pixels = image_pixels(wcs, npix=NPIX)
    shrink = np.cos(np.radians(lat + 0.5)) if proj == "CAR" else 1.0
    thetas = []
    for number, size in enumerate(SIZES):
        if size * reach > 0.48 * NPIX * shrink:
            continue
        for model in make(size * BINSZ):
            for x, y in PLACES[number % 2 :: 2]:
                theta = freeze_tree(model)[1].values.copy()
                theta[:2] = [float(c) for c in wcs.wcs_pix2world(24 + x, 24 + y, 0)]
                thetas.append(theta)
    assert len(thetas) >= 20
    thetas += thetas[-1:] * (48 - len(thetas))
    totals, slopes = totals_of(model, thetas, pixels)
    assert np.isfinite(slopes).all()
    worst = np.argmax(np.abs(totals - 1))
    assert abs(totals[worst] - 1) < 1e-4, dict(zip(freeze_tree(model)[1].names, thetas[worst]))


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_a_point_is_spread_around_its_place(frame):
    wcs = image_wcs("TAN", frame=frame)
    pixels = image_pixels(wcs, frame=frame)
    y, x = np.mgrid[:60, :60]
    for place in ((29.3, 30.77), (29.5, 30.5), (29.0, 31.0)):
        model = PointSpatialModel(*(float(c) for c in wcs.wcs_pix2world(*place, 0)), frame=frame).filled()
        flux = np.asarray(model.integrate_pixels(pixels))
        assert flux.sum() == pytest.approx(1, abs=1e-4)
        # a point stays within its pixel and shares its flux with the neighbours near an edge
        centroid = np.array([(x * flux).sum(), (y * flux).sum()]) / flux.sum()
        np.testing.assert_allclose(centroid, place, atol=0.3 if place[0] == 29.3 else 1e-4)
        assert (flux > 1e-6).sum() <= 9
        assert flux.max() == pytest.approx({29.3: 0.8, 29.5: 0.25, 29.0: 1.0}[place[0]], abs=0.06)


def test_other_frames_see_the_same_sky():
    wcs = image_wcs("TAN")
    pixels = image_pixels(wcs)
    model = GaussianSpatialModel(10.1, 22.2, sigma=0.1)
    in_galactic = GaussianSpatialModel(*(float(c) for c in model.filled().direction("galactic")), 0.1, frame="galactic")
    expected = model.filled().integrate_pixels(pixels)
    np.testing.assert_allclose(in_galactic.filled().integrate_pixels(pixels), expected, rtol=1e-9)
    np.testing.assert_allclose(in_galactic.filled().unit_vector("icrs"), model.filled().unit_vector(), atol=1e-14)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 3.0])
def test_a_gaussian_in_pixels_is_its_integral(sigma):
    wcs = image_wcs("TAN")
    lon, lat = (float(c) for c in wcs.wcs_pix2world(29.3, 29.6, 0))
    flux = GaussianSpatialModel(lon, lat, sigma=sigma * BINSZ).filled().integrate_pixels(image_pixels(wcs))
    edges = (np.arange(61) - 0.5)[None] - np.array([[29.3], [29.6]])
    in_x, in_y = np.diff(0.5 * erf(edges / sigma / np.sqrt(2)))
    tolerance = 3e-4 if sigma < 1 else 5e-5
    np.testing.assert_allclose(flux, np.outer(in_y, in_x), atol=tolerance * in_x.max() * in_y.max())


def test_flux_is_smooth_when_a_shape_moves_and_grows():
    """Steps of a thousandth of a pixel: the change of every pixel is that of its derivative."""
    corners = np.meshgrid(np.arange(10, 14) - 0.5, np.arange(10, 12) - 0.5)
    pixels = PixelNodes.from_corners(*image_wcs("TAN", npix=20).wcs_pix2world(*corners, 0))
    for make, _ in SHAPES.values():
        model = make(1.3 * BINSZ)[-1]
        skeleton, table = freeze_tree(model)
        theta = table.values.copy()
        theta[:2] = 10.0, 22.0

        def flux(t, skeleton=skeleton, theta=theta):
            return fill(skeleton, jnp.asarray(theta).at[0].add(t).at[2].add(t)).integrate_pixels(pixels)

        steps = jnp.linspace(-1.2 * BINSZ, 1.2 * BINSZ, 2401)
        total = np.asarray(jax.jit(lambda s, f=flux: jax.lax.map(lambda t: f(t)[0], s))(steps))
        second = np.diff(total, 2, axis=0)
        jumps = np.abs(np.diff(second, axis=0)).max()
        assert jumps < 5e-2 * np.abs(second).max() + 1e-12


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("size", [0.001, 3.0, 20.0])
def test_the_norm_is_exact_on_the_sphere(name, size):
    make, reach = SHAPES[name]
    if size * reach > 150:
        size = 6.0
    for model in make(size):
        filled = model.filled()
        if not model.is_radial or (name == "shell" and model.width.value == 0):
            continue
        s = np.linspace(0, min(size * reach * 1.4, 179.9), 400001)
        weight = 2 * np.pi * np.sin(np.radians(s)) * np.radians(s[1])
        assert (filled.profile(s) * weight).sum() == pytest.approx(1, abs=3e-4)


def test_constants():
    pixels = image_pixels(image_wcs("TAN"))
    flux = ConstantSpatialModel(value=2.0).filled().integrate_pixels(pixels)
    np.testing.assert_allclose(flux, 2.0 * np.radians(BINSZ) ** 2, rtol=1e-3)
    assert (ConstantFluxSpatialModel().filled().integrate_pixels(pixels) == 1).all()
    assert ConstantSpatialModel().extent() == np.inf
    assert not ConstantSpatialModel().is_radial


def test_pixels_tile_the_sky():
    lon, lat = np.meshgrid(np.linspace(0, 360, 73), np.linspace(-90, 90, 37))
    pixels = PixelNodes.from_corners(lon, lat, oversampling=4)
    assert pixels.solid_angle.sum() == pytest.approx(4 * np.pi, rel=1e-3)
    np.testing.assert_allclose(np.linalg.norm(pixels.vectors, axis=0), 1.0)


def test_bad_pixels_are_refused():
    lon, lat = np.meshgrid([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="expected two images of one shape"):
        PixelNodes.from_corners(lon, lat[:1])
    with pytest.raises(ValueError, match="no pixel is defined"):
        PixelNodes.from_corners(lon * np.nan, lat)
    with pytest.raises(ValueError, match="oversampling: expected a positive whole number"):
        PixelNodes.from_corners(lon, lat, oversampling=0)
    with pytest.raises(ValueError, match="got 'fk5'"):
        PixelNodes.from_corners(lon, lat, frame="fk5")
    wide = np.meshgrid([0.0, 1.0, np.nan], [0.0, 1.0])
    pixels = PixelNodes.from_corners(*wide)
    assert pixels.solid_angle[:, 0, 1].sum() == 0
    assert pixels.solid_angle[:, 0, 0].sum() > 0

"""Fixed and grid folding: ellipses, templates, sources that do not move, against symmetric ones and exact moments."""

import jax
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy.stats import norm

import gjax
from gjax.datasets import MapDataset
from gjax.errors import FitError
from gjax.freeze import _compiled as compiled
from gjax.irf import EDispKernelMap, PSFMap, RecoPSFMap
from gjax.maps import MapAxis, WcsGeom, WcsNDMap
from gjax.models import (
    ConstantSpatialModel,
    DiskSpatialModel,
    GaussianSpatialModel,
    GeneralizedGaussianSpatialModel,
    Models,
    PiecewiseNormSpatialModel,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    ShellSpatialModel,
    SkyModel,
    TemplateSpatialModel,
)
from gjax.parameters import fill, freeze_tree

LON, LAT, PSF = 83.637, 22.014, 0.07
CENTRE = SkyCoord(LON, LAT, unit="deg")
ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
TRUE = MapAxis.from_energy_bounds("0.8 TeV", "15 TeV", nbin=4, name="energy_true")


def cube(binsz=0.04, width=2.0, reco_psf=False, **options):
    geom = WcsGeom.create(skydir=CENTRE, width=width, binsz=binsz, proj="TAN", frame="icrs", axes=[ENERGY])
    geom_true = geom.to_image().to_cube([TRUE])
    exposure = np.full(geom_true.data_shape, 3e9) * (1 + 0.1 * np.arange(4))[:, None, None]
    background = np.full(geom.data_shape, 0.05)
    counts = np.random.default_rng(3).poisson(background).astype(float)
    psf = RecoPSFMap.from_gauss(ENERGY, sigma=f"{PSF} deg") if reco_psf else PSFMap.from_gauss(TRUE, sigma=f"{PSF} deg")
    fields = {
        "counts": WcsNDMap.from_geom(geom, data=counts),
        "exposure": WcsNDMap.from_geom(geom_true, data=exposure, unit="m2 s"),
        "background": WcsNDMap.from_geom(geom, data=background),
        "psf": psf,
        "edisp": EDispKernelMap.from_gauss(ENERGY, TRUE, sigma=0.1, bias=0.0),
        "name": "cube",
    }
    return MapDataset(**(fields | options))


@pytest.fixture(scope="module")
def dataset():
    return cube()


def source(spatial, spectral=None, **options):
    spectral = spectral or PowerLawSpectralModel(index=2.3, amplitude="2e-11 cm-2 s-1 TeV-1")
    return SkyModel(spectral, spatial, name="source", **options)


def frozen(model):
    skeleton, table = freeze_tree(model)
    return skeleton, jax.numpy.asarray(table.values)


def folded(dataset, models, method):
    likelihood = gjax.Likelihood(dataset, models)
    assert [folds.method for folds in likelihood.folds] == [method]
    return likelihood.npred_signal()["cube"].data, likelihood


def dense_deviance(dataset, npred):
    n = dataset.counts.data
    terms = npred - n + np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / npred), 0.0)
    return 2 * terms[np.ones(n.shape, bool) if dataset.mask is None else dataset.mask.data].sum()


@pytest.mark.parametrize("reco_psf", [False, True])
@pytest.mark.parametrize("shift", [0.0, 0.85])
def test_the_three_methods_agree_on_a_round_source(reco_psf, shift):
    """Also at the edge of the map, where a part of the source is outside."""
    dataset = cube(reco_psf=reco_psf)
    moving = Models([source(GaussianSpatialModel(f"{LON} deg", f"{LAT + shift} deg", sigma="0.12 deg"))])
    radial, likelihood = folded(dataset, moving, "radial")
    fixed, once = folded(dataset, moving.freeze("source.spatial.*"), "fixed")
    grid, general = folded(dataset, moving.unfreeze("source.spatial.e"), "grid")
    np.testing.assert_allclose(fixed, radial, rtol=1e-9, atol=1e-12)
    # the radial method averages the square pixel over directions
    np.testing.assert_allclose(grid, radial, atol=1e-3 * radial.max(), rtol=0)
    assert grid.sum() == pytest.approx(radial.sum(), rel=1e-4)
    assert once.stat_sum() == pytest.approx(likelihood.stat_sum(), abs=1e-7)
    for npred, one in ((radial, likelihood), (fixed, once), (grid, general)):
        assert one.stat_sum() == pytest.approx(dense_deviance(dataset, npred + dataset.background.data), rel=1e-10)


@pytest.mark.parametrize("binsz", [0.02, 0.05])
def test_moments_of_an_ellipse(binsz):
    """Variances of shape, PSF and pixel add; the orientation is that of the model."""
    spatial = GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.2 deg", e=0.8, phi="30 deg")
    dataset = cube(binsz=binsz, edisp=None, psf=PSFMap.from_gauss(TRUE, sigma=f"{PSF} deg"))
    npred, _ = folded(dataset, Models([source(spatial)]).unfreeze("source.spatial.phi"), "grid")
    image = npred.sum(axis=0)
    offset = dataset.counts.geom.to_image().get_coord().skycoord.transform_to(CENTRE.skyoffset_frame())
    east, north = offset.lon.wrap_at("180 deg").deg, offset.lat.deg
    image = image / image.sum()
    along, across = (
        north * np.cos(np.pi / 6) + east * np.sin(np.pi / 6),
        east * np.cos(np.pi / 6) - north * np.sin(np.pi / 6),
    )
    added = PSF**2 + binsz**2 / 12
    assert (image * along**2).sum() == pytest.approx(0.2**2 + added, rel=2e-3)
    assert (image * across**2).sum() == pytest.approx((0.2 * 0.6) ** 2 + added, rel=3e-3)
    assert (image * along * across).sum() == pytest.approx(0, abs=1e-4)


def test_gradient_of_an_ellipse(dataset):
    spatial = GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.2 deg", e=0.7, phi="20 deg")
    likelihood = gjax.Likelihood(dataset, Models([source(spatial)]).unfreeze("source.spatial.*"))
    x = likelihood.x0
    gradient = np.asarray(jax.grad(likelihood.statistic)(x))
    for k, name in enumerate(likelihood.free_names):
        step = np.zeros(len(x))
        step[k] = 1e-4
        slope = float(likelihood.statistic(x + step) - likelihood.statistic(x - step)) / 2e-4
        assert gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-4), name


def test_fit_of_an_ellipse(dataset):
    truth = source(DiskSpatialModel(f"{LON} deg", f"{LAT} deg", r_0="0.3 deg", e=0.8, phi="40 deg"))
    models = Models([truth]).unfreeze("source.spatial.e", "source.spatial.phi")
    npred = gjax.Likelihood(dataset, models).npred()["cube"]
    counts = npred.copy(data=np.random.default_rng(4).poisson(npred.data).astype(float))
    start = models.with_values({"r_0": 0.25, "e": 0.6, "phi": 20.0, "source.spatial.lon_0": LON + 0.05})
    result = gjax.Likelihood(dataset.copy(name="cube", counts=counts), start).fit()
    assert result.success, result.message
    for name, value in (("e", 0.8), ("phi", 40.0), ("r_0", 0.3), ("lon_0", LON)):
        fitted, error = result[f"source.spatial.{name}"]
        assert 0 < error < {"e": 0.1, "phi": 10, "r_0": 0.05, "lon_0": 0.05}[name]
        assert abs(fitted - value) < 3 * error, name


def test_a_source_that_does_not_move_is_folded_again_where_it_is_put(dataset):
    models = Models([source(PointSpatialModel(f"{LON} deg", f"{LAT} deg"))]).freeze("source.spatial.*")
    likelihood = gjax.Likelihood(dataset, models)
    assert likelihood.with_values({"amplitude": 1e-11}).folds[0] is likelihood.folds[0]
    moved = likelihood.with_values({"source.spatial.lat_0": LAT + 0.3})
    assert moved.folds[0] is not likelihood.folds[0]
    # the data are put into bins again only where sources reach other pixels
    assert likelihood.with_values({"amplitude": 1e-11})._built.buckets is likelihood._built.buckets
    assert moved._built.buckets is not likelihood._built.buckets
    peak = np.unravel_index(moved.npred_signal()["cube"].data[0].argmax(), dataset.counts.data.shape[1:])
    sky = dataset.counts.geom.wcs.pixel_to_world(peak[1], peak[0])
    assert abs(sky.dec.deg - LAT - 0.3) < 0.03


def template(planes=None, unit="sr-1", shift=0.0):
    geom = WcsGeom.create(skydir=CENTRE, width=3, binsz=0.02, proj="TAN", frame="icrs")
    offset = geom.get_coord().skycoord.transform_to(CENTRE.skyoffset_frame())
    image = np.exp(-0.5 * ((offset.lon.wrap_at("180 deg").deg / 0.25) ** 2 + (offset.lat.deg / 0.15) ** 2)) + 1e-12
    if planes is None:
        return WcsNDMap.from_geom(geom, data=image, unit=unit)
    return WcsNDMap.from_geom(geom.to_cube([TRUE]), data=np.multiply.outer(planes, image), unit=unit)


def test_a_template_like_an_ellipse(dataset):
    """An elongated Gaussian as a map, fixed and moving, is that of the model."""
    spatial = GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.25 deg", e=0.8, phi="90 deg")
    expected, _ = folded(dataset, Models([source(spatial)]).freeze("source.spatial.*"), "fixed")
    fixed = Models([source(TemplateSpatialModel(template()))])
    once, _ = folded(dataset, fixed, "fixed")
    moving, _ = folded(dataset, fixed.unfreeze("lon_0", "lat_0"), "grid")
    # linear interpolation of the logarithm, and pixels of another geometry
    np.testing.assert_allclose(once, expected, atol=4e-3 * expected.max())
    np.testing.assert_allclose(moving, once, atol=1e-9 * expected.max())


def test_fit_of_a_moving_template(dataset):
    models = Models([source(TemplateSpatialModel(template()))]).unfreeze("lon_0", "lat_0")
    npred = gjax.Likelihood(dataset, models.with_values({"lon_0": LON + 0.06, "lat_0": LAT - 0.04})).npred()["cube"]
    counts = npred.copy(data=np.random.default_rng(6).poisson(npred.data).astype(float))
    result = gjax.Likelihood(dataset.copy(name="cube", counts=counts), models).fit()
    assert result.success, result.message
    for name, value in (("lon_0", LON + 0.06), ("lat_0", LAT - 0.04)):
        fitted, error = result[f"source.spatial.{name}"]
        assert abs(fitted - value) < 3 * error < 0.1


def test_a_template_with_energies(dataset):
    """Planes of one shape: every energy has its own norm; each is convolved with the PSF of its energy."""
    flat, _ = folded(dataset, [source(TemplateSpatialModel(template()))], "fixed")
    same, _ = folded(dataset, [source(TemplateSpatialModel(template(np.ones(4))))], "fixed")
    np.testing.assert_allclose(same, flat, rtol=1e-9, atol=1e-12)
    factor = PowerLawNormSpectralModel()
    sky = template(1e-11 * np.array([4.0, 3.0, 2.0, 1.0]), unit="TeV-1 s-1 cm-2 sr-1")
    diffuse, likelihood = folded(dataset, [source(TemplateSpatialModel(sky, normalize=False), factor)], "fixed")
    solid_angle = sky.geom.to_image().solid_angle().to_value("sr")
    flux = (sky.data * solid_angle).sum(axis=(1, 2)) * np.diff(TRUE.edges.to_value("TeV"))
    kernel = dataset.edisp.get_edisp_kernel(energy_axis=ENERGY, position=CENTRE).pdf_matrix
    expected = (flux * dataset.exposure.data[:, 0, 0] * 1e4) @ kernel
    # between its pixels the template is interpolated in the logarithm, which is below a peak
    np.testing.assert_allclose(diffuse.sum(axis=(1, 2)), expected, rtol=3e-3)
    assert "source.spectral.norm" in likelihood.free_names


def test_responses_that_do_not_act(dataset):
    spatial = ConstantSpatialModel("2e-3 sr-1")
    sky = {"psf": False, "edisp": False}
    npred, _ = folded(dataset, Models([source(spatial, apply_irf=sky)]).freeze("*.spatial.*"), "fixed")
    solid_angle = dataset.counts.geom.to_image().solid_angle().to_value("sr")
    edges = TRUE.edges.to_value("TeV")
    flux = fill(*frozen(source(None).spectral_model)).integrate(edges[:-1], edges[1:])
    per_energy = np.asarray(flux) * dataset.exposure.data[:, 0, 0] * 1e4
    diagonal = dataset.copy(name="cube", edisp=None)
    kernel = gjax.Likelihood(diagonal, Models([source(spatial)]).freeze("*.spatial.*")).folds[0].pixels[0][0][0].edisp
    np.testing.assert_allclose(npred, np.multiply.outer(per_energy @ kernel, 2e-3 * solid_angle), rtol=1e-6)


def test_shapes_that_cannot_be_folded(dataset):
    nodes = PiecewiseNormSpatialModel([LON - 1, LON + 1, LON - 1, LON + 1], [21, 21, 23, 23])
    with pytest.raises(FitError, match="'source': PiecewiseNormSpatialModel is a factor"):
        gjax.Likelihood(dataset, source(nodes))
    with pytest.raises(FitError, match="depends on true energy"):
        gjax.Likelihood(cube(reco_psf=True), source(TemplateSpatialModel(template(np.ones(4)))))


def test_a_source_off_the_map_is_not_seen(dataset, caplog):
    far = GaussianSpatialModel("90 deg", "-60 deg", sigma="0.2 deg", e=0.5)
    for models in (Models([source(far)]), Models([source(far)]).freeze("source.spatial.*")):
        likelihood = gjax.Likelihood(dataset, models.unfreeze("amplitude"))
        assert likelihood.notes == ("source 'source' lies off the map of every cube that it acts on",)
        assert likelihood.notes[0] in caplog.text
        assert likelihood.notes[0] in likelihood.describe()
        signal = likelihood.npred_signal()["cube"].data
        assert np.isfinite(signal).all()
        assert signal.sum() == 0


def test_methods_are_told(dataset):
    spatial = GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.2 deg", e=0.5)
    text = gjax.Likelihood(dataset, source(spatial)).describe()
    assert "source (grid, good to " in text


def test_counts_without_background_are_reported(dataset, caplog):
    background = dataset.background.data.copy()
    models = Models([source(PointSpatialModel(f"{LON} deg", f"{LAT} deg"))])
    npred = gjax.Likelihood(dataset, models).npred()["cube"].data
    counts = np.random.default_rng(8).poisson(npred).astype(float)
    background[0, :3, :3] = 0.0
    counts[0, :3, :3] = [[1, 0, 0], [0, 2, 0], [0, 0, 0]]
    bare = dataset.copy(
        name="cube",
        background=dataset.background.copy(data=background),
        counts=dataset.counts.copy(data=counts),
    )
    assert gjax.Likelihood(dataset, models).notes == ()
    likelihood = gjax.Likelihood(bare, models)
    assert likelihood.notes == ("dataset 'cube': 2 bins have counts but no background; only sources can explain them",)
    result = likelihood.fit()
    assert np.isfinite(result.total_stat)
    assert result.success, result.message
    assert caplog.text.count("no background") == 1, "told once, not for every result"


def test_a_psf_wider_than_the_map():
    """The part of the photons that stays on the map is that of a Gaussian over the square."""
    rad = MapAxis.from_bounds(0, 5, nbin=200, unit="deg", name="rad")
    wide = cube(psf=PSFMap.from_gauss(TRUE, rad_axis=rad, sigma="1 deg"), edisp=None)
    moving = Models([source(GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg"))])
    radial, likelihood = folded(wide, moving, "radial")
    narrow, _ = folded(cube(edisp=None), moving, "radial")
    grid, _ = folded(wide, moving.unfreeze("source.spatial.e"), "grid")
    sigma = np.hypot(1.0, 0.1)
    inside = np.prod([2 * norm.cdf(1.0 / sigma) - 1] * 2)
    assert radial.sum() / narrow.sum() == pytest.approx(inside, rel=2e-3)
    np.testing.assert_allclose(grid, radial, rtol=2e-3)
    assert np.isfinite(likelihood.stat_sum())


@pytest.mark.parametrize(
    "spatial",
    [
        GaussianSpatialModel(LON, LAT, sigma=0.7),
        DiskSpatialModel(LON, LAT, r_0=0.8, edge_width=0.05),
        ShellSpatialModel(LON, LAT, radius=0.6, width=0.2),
        GeneralizedGaussianSpatialModel(LON, LAT, r_0=0.3, eta=0.8),
    ],
    ids=lambda spatial: spatial.tag,
)
def test_large_sources_behind_a_narrow_psf_have_no_rings(spatial):
    """Forty widths of the PSF in size: away from edges it is the model, and what PSF and pixel do to second order."""
    sharp = cube(psf=PSFMap.from_gauss(TRUE, sigma="0.02 deg"), edisp=None, binsz=0.02, width=1.6)
    radial, likelihood = folded(sharp, Models([source(spatial)]), "radial")
    found = radial[0] / radial[0].sum()
    coord = likelihood.datasets[0].counts.geom.to_image().get_coord().skycoord
    from_centre = coord.separation(CENTRE).deg.reshape(found.shape)
    r = np.linspace(0, 2, 4001)[1:]
    profile = np.asarray(spatial.filled().profile(r))
    slope = np.gradient(profile, r)
    blurred = profile + (0.02**2 + 0.02**2 / 12) / 2 * (np.gradient(slope, r) + slope / r)
    expected = np.interp(from_centre, r, blurred)
    edges = {"disk": [0.8], "shell": [0.6, 0.8]}.get(spatial.tag, [0.0] if spatial.tag == "gauss-general" else [])
    smooth = np.all([np.abs(from_centre - edge) > 0.12 for edge in edges], axis=0) & (expected > 1e-3 * expected.max())
    assert smooth.sum() > 1000
    ratio = found[smooth] / expected[smooth]
    np.testing.assert_allclose(ratio / np.median(ratio), 1.0, atol=2e-3)


def test_the_place_of_a_held_source_is_data(dataset):
    """It is folded once per likelihood: another place or size, or fewer free parameters, compile nothing."""
    names = "compiled_minimise", "compiled_covariance", "first_covariance"

    def programs():
        return {name: getattr(compiled, name)._cache_size() for name in names}

    held = gjax.Likelihood(dataset, source(GaussianSpatialModel(LON, LAT, sigma=0.1))).freeze(
        "source.spatial.lon_0", "source.spatial.lat_0", "source.spatial.sigma"
    )
    first = held.fit()
    before = programs()
    moved = held.with_values({"source.spatial.lon_0": LON + 0.05, "source.spatial.sigma": 0.12})
    assert moved.fit().total_stat != first.total_stat
    held.freeze("source.spectral.index").fit()
    assert programs() == before
    # to let it go takes the program of a source that moves, once; both are kept
    free = moved.unfreeze("source.spatial.lon_0")
    free.fit()
    both = programs()
    assert both["compiled_minimise"] == before["compiled_minimise"] + 1
    free.freeze("source.spatial.lon_0").fit()
    free.freeze("source.spectral.index").unfreeze("source.spatial.lat_0").fit()
    assert programs() == both

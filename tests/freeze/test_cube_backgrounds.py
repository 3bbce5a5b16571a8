"""Backgrounds that vary over the field of view, and templates of counts, against sums over all bins."""

import jax
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from small_cubes import LAT, LON, cube, like, on_off, source

import gjax
from gjax.errors import FitError
from gjax.maps import MapAxis, WcsNDMap
from gjax.models import (
    FoVBackgroundModel,
    PiecewiseNormSpatialModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateNPredModel,
)
from gjax.parameters import Parameter


def deviance(dataset, mu):
    """Cash over all bins inside the masks, written out."""
    n = dataset.counts.data
    filled = np.where(n > 0, n, 1.0)
    per_bin = 2 * (mu - n + np.where(n > 0, n * np.log(filled / np.where(n > 0, mu, 1.0)), 0.0))
    return per_bin[... if dataset.mask is None else dataset.mask.data].sum()


def check_slopes(likelihood):
    x = np.asarray(likelihood.x0)
    gradient = np.asarray(jax.grad(likelihood.statistic)(x))
    steps = 1e-5 * np.eye(len(x))
    numeric = [float(likelihood.statistic(x + s) - likelihood.statistic(x - s)) / 2e-5 for s in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-4)


def offsets(dataset):
    """Offsets of the pixels from the centre in the frame of the geometry, with astropy."""
    image = dataset.counts.geom.to_image()
    sky = image.get_coord().skycoord.transform_to(image.center_skydir.skyoffset_frame())
    return sky.spherical.lon.wrap_at("180 deg").deg, sky.spherical.lat.deg


# ---- factors over the field of view ----


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_a_gradient_multiplies_the_background_of_every_bin(frame):
    dataset = cube(frame=frame)
    inside = np.ones(dataset.data_shape, bool)
    inside[0, :, :6] = False
    counts, background = dataset.counts.data.copy(), dataset.background.data.copy()
    counts[~inside] = background[~inside] = np.nan
    masked = dataset.copy(
        counts=like(dataset, counts),
        background=like(dataset, background),
        mask_safe=like(dataset, inside).copy(data=inside),
    )
    norm = PowerLawNormSpectralModel(norm=1.2, tilt=0.3, reference="2 TeV")
    model = FoVBackgroundModel(
        "cube", norm, gradient_lon=Parameter(0.3, "deg-1"), gradient_lat=Parameter(-0.2, "deg-1")
    )
    likelihood = gjax.Likelihood(masked, [source(), model])
    x, y = offsets(dataset)
    energy = dataset.counts.geom.axes["energy"].center.to_value("TeV")[:, None, None]
    factor = 1.2 * (energy / 2) ** -0.3 * np.exp(0.3 * x - 0.2 * y)
    np.testing.assert_allclose(
        likelihood.npred_background()["cube"].data[inside], (factor * dataset.background.data)[inside], rtol=1e-12
    )
    assert likelihood.stat_sum() == pytest.approx(deviance(masked, likelihood.npred()["cube"].data), rel=1e-10)
    check_slopes(likelihood)


def test_a_gradient_is_found_by_a_fit():
    dataset = cube(source_counts=0)
    x, y = offsets(dataset)
    mu = 5 * dataset.background.data * 1.1 * np.exp(0.4 * x + 0.1 * y)
    counts = np.random.default_rng(3).poisson(mu)
    strong = dataset.copy(counts=like(dataset, counts), background=dataset.background * 5)
    free = {name: Parameter(0.0, "deg-1", scale=0.01) for name in ("gradient_lon", "gradient_lat")}
    faint = source(amplitude=Parameter(1e-14, "cm-2 s-1 TeV-1", frozen=True), index=Parameter(2.0, frozen=True))
    result = gjax.Likelihood(strong, [faint, FoVBackgroundModel("cube", **free)]).fit()
    assert result.success
    for name, true in (("norm", 1.1), ("gradient_lon", 0.4), ("gradient_lat", 0.1)):
        value, error = result[name]
        assert abs(value - true) < 4 * error
    # the error of a gradient: background counts times the variance of the offset
    assert result["gradient_lon"][1] == pytest.approx(
        1 / np.sqrt((mu * (x - (mu * x).sum() / mu.sum()) ** 2).sum()), rel=0.02
    )


def test_a_norm_at_nodes_multiplies_the_background():
    dataset = cube()
    lon, lat = (
        np.array([LON - 0.6, LON + 0.6, LON - 0.6, LON + 0.6]),
        np.array([LAT - 0.6, LAT - 0.6, LAT + 0.6, LAT + 0.6]),
    )
    nodes = PiecewiseNormSpatialModel(lon, lat, norms=[0.8, 1.0, 1.1, 1.4])
    likelihood = gjax.Likelihood(dataset, [source(), FoVBackgroundModel("cube", spatial_model=nodes)])
    assert "cube-bkg.spatial.norms[node-2]" in likelihood.free_names
    sky = dataset.counts.geom.to_image().get_coord().skycoord.icrs
    expected = np.asarray(nodes.filled().evaluate(sky.ra.deg, sky.dec.deg)) * dataset.background.data
    assert expected.min() > 0
    np.testing.assert_allclose(likelihood.npred_background()["cube"].data, expected, rtol=1e-10)
    assert likelihood.stat_sum() == pytest.approx(deviance(dataset, likelihood.npred()["cube"].data), rel=1e-10)
    check_slopes(likelihood)


def test_datasets_in_one_bucket_have_their_own_gradients():
    names = ["a", "b", "c"]
    datasets = [cube(name, seed, source_counts=300) for seed, name in enumerate(names, 20)]
    axes = {"dataset": ("a", "c")}
    gradient = Parameter([0.5, -0.5], "deg-1", axes=axes)
    spectrum = PowerLawNormSpectralModel(norm=Parameter([1.1, 0.9], "", axes=axes), tilt=Parameter(0.0, frozen=True))
    shared = FoVBackgroundModel(("a", "c"), spectrum, name="background", gradient_lon=gradient)
    joint = gjax.Likelihood(datasets, [source(), shared])
    assert len(joint.problem.buckets) == 1
    own = [
        FoVBackgroundModel(name, PowerLawNormSpectralModel(norm=norm), gradient_lon=g)
        for name, norm, g in (("a", 1.1, 0.5), ("c", 0.9, -0.5))
    ]
    alone = [gjax.Likelihood(d, [source(), *([m for m in own if d.name in m.datasets_names])]) for d in datasets]
    expected = {d.name: likelihood.stat_sum() for d, likelihood in zip(datasets, alone)}
    assert joint.stat_per_dataset() == pytest.approx(expected, rel=1e-12)
    background = joint.npred_background()
    np.testing.assert_array_equal(background["b"].data, datasets[1].background.data)
    np.testing.assert_allclose(background["c"].data, alone[2].npred_background()["c"].data, rtol=1e-13)
    check_slopes(joint)
    mixed = [
        own[0],
        FoVBackgroundModel("c", spatial_model=PiecewiseNormSpatialModel([83, 84, 83, 84], [21, 21, 23, 23])),
    ]
    with pytest.raises(FitError, match="must be of one kind"):
        gjax.Likelihood(datasets, [source(), *mixed])


def test_without_a_shape_there_is_nothing_to_carry():
    problem = gjax.Likelihood(cube(), [source(), FoVBackgroundModel("cube")]).problem
    assert problem.backgrounds[0].shape is None
    assert problem.templates == ((),)


# ---- templates of counts ----


def glow(dataset, name="glow", **changes):
    values = np.random.default_rng(9).uniform(0.1, 1.0, dataset.data_shape)
    return TemplateNPredModel(like(dataset, values), name=name, **changes)


def test_templates_add_their_counts():
    dataset = cube()
    tilted = PowerLawNormSpectralModel(norm=0.7, tilt=Parameter(0.4), reference="3 TeV")
    models = [glow(dataset, spectral_model=tilted), TemplateNPredModel(dataset.background, name="flat")]
    likelihood = gjax.Likelihood(dataset, [source(), FoVBackgroundModel("cube"), *models])
    without = gjax.Likelihood(dataset, [source(), FoVBackgroundModel("cube")])
    energy = dataset.counts.geom.axes["energy"].center.to_value("TeV")[:, None, None]
    counts = 0.7 * (energy / 3) ** -0.4 * models[0].counts
    np.testing.assert_allclose(likelihood.npred_signal(source="glow")["cube"].data, counts, rtol=1e-12)
    expected = without.npred_signal()["cube"].data + counts + dataset.background.data
    np.testing.assert_allclose(likelihood.npred_signal()["cube"].data, expected, rtol=1e-12)
    np.testing.assert_array_equal(likelihood.npred_background()["cube"].data, dataset.background.data)
    assert likelihood.stat_sum() == pytest.approx(deviance(dataset, expected + dataset.background.data), rel=1e-10)
    check_slopes(likelihood)


def test_cutouts_are_put_in_their_place():
    dataset = cube()
    whole = glow(dataset)
    image = like(dataset, whole.counts)
    cutout = image.cutout(dataset.counts.geom.center_skydir, "0.6 deg")
    likelihood = gjax.Likelihood(dataset, [source(), TemplateNPredModel(cutout, name="glow")])
    npred = likelihood.npred_signal(source="glow")["cube"].data
    assert npred.sum() == pytest.approx(cutout.data.sum())
    np.testing.assert_array_equal(npred[:, 6:14, 6:14], whole.counts[:, 6:14, 6:14])


def test_templates_of_several_datasets():
    known, measured = cube("known"), on_off()
    datasets = [known, measured, cube("other", seed=5)]
    every = glow(known, "every")
    joint = gjax.Likelihood(datasets, [source(), glow(known, "only", datasets_names="known"), every])
    for dataset in datasets:
        models = [source(), every] + ([glow(known, "only")] if dataset.name == "known" else [])
        alone = gjax.Likelihood(dataset, models)
        assert joint.stat_per_dataset()[dataset.name] == pytest.approx(alone.stat_sum(), rel=1e-12)
    assert joint.npred_signal(source="only")["on-off"].data.sum() == 0


def test_a_template_alone_is_fitted():
    dataset = cube(source_counts=0)
    likelihood = gjax.Likelihood(dataset.copy(background=None), [TemplateNPredModel(dataset.background, name="flat")])
    result = likelihood.fit()
    assert result.success
    # one norm on everything: counts over predicted counts
    assert result["norm"][0] == pytest.approx(dataset.counts.data.sum() / dataset.background.data.sum(), rel=1e-6)
    assert result["norm"][1] == pytest.approx(result["norm"][0] / np.sqrt(dataset.counts.data.sum()), rel=1e-4)


def test_templates_that_do_not_fit_are_refused(simulate_on_off):
    dataset = cube()
    geom = dataset.counts.geom
    shifted = WcsNDMap.create(skydir=(LON + 0.01, LAT), width=1.5, binsz=0.075, proj="TAN", axes=[geom.axes["energy"]])
    other = MapAxis.from_energy_bounds("1 TeV", "9 TeV", nbin=3)
    energies = WcsNDMap.from_geom(geom.to_image().to_cube([other]))
    far = WcsNDMap.from_geom(geom.pad(40).cutout(SkyCoord(LON, LAT + 2, unit="deg"), "0.3 deg"))
    for bad in (shifted, energies, far):
        with pytest.raises(FitError, match="'glow': its map has other energies or pixels than dataset 'cube'"):
            gjax.Likelihood(dataset, [source(), TemplateNPredModel(bad, name="glow")])
    with pytest.raises(FitError, match="'glow': none of its datasets is a map"):
        gjax.Likelihood(simulate_on_off("run"), [source(), glow(dataset)])
    broken = dataset.background.data.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        TemplateNPredModel(like(dataset, broken))


def test_a_background_model_of_spectra_is_refused(simulate_on_off):
    model = SkyModel(PowerLawSpectralModel(), name="s")
    with pytest.raises(FitError, match="'run-bkg': none of its datasets is a map with a known background"):
        gjax.Likelihood(simulate_on_off("run"), [model, FoVBackgroundModel("run")])

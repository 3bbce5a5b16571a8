"""Gradient, Fisher matrix and Hessian part by part of the prediction, against plain differentiation of the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_cubes import LAT, LON, cube, like, on_off, source

import gjax
from gjax.likelihood import (
    Arrow,
    dense_matrix,
    full_theta,
    hessian,
    no_matrix,
    predict,
    scoring_terms,
    statistic,
)
from gjax.likelihood._pieces import _piece_size, of_bucket
from gjax.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    InstrumentModel,
    Models,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    TemplateNPredModel,
)
from gjax.parameters import GaussianPrior, Parameter


def plain_scoring(problem, x):
    mu, push = jax.linearize(lambda x: predict(problem, full_theta(problem, x)), x)
    gradient, fisher = jnp.zeros(len(x)), jnp.zeros((len(x), len(x)))
    for bucket, m, jacobian in zip(problem.buckets, mu, jax.vmap(push)(jnp.eye(len(x)))):
        slope = jax.grad(lambda m, b=bucket: jnp.sum(b.statistic(m)))(m)
        flat = jacobian.reshape(len(x), -1)
        gradient += flat @ slope.ravel()
        fisher += (flat * bucket.weight(m).ravel()) @ flat.T
    return gradient, 2 * fisher


def point(name, dx, **changes):
    return source(name, spatial=PointSpatialModel(f"{LON + dx} deg", f"{LAT} deg"), **changes)


def cubes_with_everything(simulate_on_off):
    """Two sources, a norm and tilt per cube, a template, off counts, a spectrum; one link."""
    first, second = cube("first", 1), cube("second", 2)
    wide = source("wide", spatial=GaussianSpatialModel(f"{LON} deg", f"{LAT} deg", sigma="0.1 deg"))
    glow = TemplateNPredModel(like(first, 0.01), name="glow", datasets_names="second")
    backgrounds = FoVBackgroundModel.for_datasets(["first", "second"], tilt=0.01)
    models = Models([point("left", 0.1), point("right", -0.1), wide, backgrounds, glow])
    models = models.link("right.spectral.index", "left.spectral.index").unfreeze("background.spectral.tilt")
    # what does not move is quick to compile
    return [first, second, on_off("off"), simulate_on_off("spectrum")], models.freeze("*.spatial.*")


def many_cubes(simulate_on_off):
    """Six cubes with a norm and a tilt each: 16 parameters, 4 colours."""
    datasets = [cube(f"c{k}", k) for k in range(6)]
    backgrounds = FoVBackgroundModel.for_datasets([d.name for d in datasets])
    return datasets, Models([point("source", 0.02), backgrounds]).unfreeze("background.spectral.tilt")


def spectra_with_nuisances(simulate_on_off):
    """Spectra of three instruments with an energy scale and an exposure each, of two sources."""
    datasets = [simulate_on_off(f"i{k}", seed=k) for k in range(3)]
    instruments = [
        InstrumentModel(
            f"inst-{k}",
            datasets_names=f"i{k}",
            energy_scale=Parameter(0.01 * k, prior=GaussianPrior(0, 0.1), scale=0.1),
            exposure_norm=Parameter(1.0, prior=GaussianPrior(1, 0.1), scale=0.1),
        )
        for k in range(3)
    ]
    pair = [source("a", spatial=None), source("b", spatial=None, index=3.0, amplitude="1e-11 cm-2 s-1 TeV-1")]
    return datasets, Models([*pair, *instruments])


@pytest.mark.parametrize(
    ("make", "in_pieces", "many"),
    [
        (cubes_with_everything, False, 32),
        (many_cubes, True, 32),
        (many_cubes, True, 8),
        (spectra_with_nuisances, False, 32),
    ],
)
def test_derivatives_part_by_part(make, in_pieces, many, simulate_on_off, monkeypatch):
    # from that many parameters on, matrices are kept without the zeros between datasets
    monkeypatch.setattr("gjax.freeze._colours._MANY", many)
    if in_pieces:  # one colour after the other, one piece of datasets after the other
        monkeypatch.setattr("gjax.likelihood._scoring.is_large", lambda problem: True)
        monkeypatch.setattr("gjax.likelihood._derivatives.is_large", lambda problem: True)
        monkeypatch.setattr("gjax.likelihood._pieces._AT_ONCE", 10_000)
    datasets, models = make(simulate_on_off)
    likelihood = gjax.Likelihood(datasets, models)
    problem, x = likelihood.problem, likelihood.start
    assert len(problem.columns.directions) == 4 < len(x)
    assert isinstance(no_matrix(problem.columns), Arrow) == (many == 8)
    assert _piece_size(of_bucket(problem, 0)) < len(datasets) or not in_pieces
    value, gradient, fisher = jax.jit(scoring_terms)(problem, x)
    fisher = dense_matrix(problem, fisher)
    slope_of = jax.jit(jax.value_and_grad(statistic, argnums=1))
    total, prior = slope_of(problem, x)
    assert float(value) == pytest.approx(float(total), rel=1e-13)
    np.testing.assert_allclose(gradient, prior, rtol=1e-9, atol=1e-9 * np.abs(prior).max())
    plain, plain_fisher = jax.jit(plain_scoring)(problem, x)
    size = np.sqrt(np.maximum(np.diag(plain_fisher), 1e-12))
    if problem.table.prior_kind is None:
        np.testing.assert_allclose(gradient, plain, rtol=1e-10, atol=1e-9 * np.abs(plain).max())
        np.testing.assert_allclose(fisher / np.outer(size, size), plain_fisher / np.outer(size, size), atol=1e-12)
    ours = dense_matrix(problem, jax.jit(hessian)(problem, x))
    # differences of plain gradients over a ten thousandth of an error: good to the square of that, and to rounding
    steps = np.diag(1e-4 / size)
    exact = np.array([np.subtract(slope_of(problem, x + s)[1], slope_of(problem, x - s)[1]) for s in steps])
    exact /= 2 * np.diag(steps)[:, np.newaxis]
    np.testing.assert_allclose(ours / np.outer(size, size), exact / np.outer(size, size), atol=3e-6)


def test_one_more_dataset_takes_no_more_colours(simulate_on_off):
    datasets, models = many_cubes(simulate_on_off)
    few = gjax.Likelihood(datasets[:2], models).problem.columns
    assert len(few.directions) == 4
    # every free parameter has one colour, and no part of the prediction sees a colour twice
    assert (few.directions.sum(axis=0) == 1).all()
    for places in (few.sources[0][0], few.backgrounds[0]):
        assert (np.asarray(places).sum(axis=-1) <= 1).all()


def test_a_background_has_as_many_columns_as_parameters():
    """Norm and tilt, free or not, so that to free one compiles nothing."""

    def columns(*free):
        values = {name: Parameter(value, frozen=name not in free) for name, value in (("norm", 1.0), ("tilt", 0.0))}
        behind = FoVBackgroundModel("first", PowerLawNormSpectralModel(**values, reference=Parameter(1.0, "TeV")))
        return gjax.Likelihood(cube("first", 1), [point("source", 0.02), behind]).problem.columns

    found = [columns("norm"), columns("norm", "tilt")]
    assert [one.backgrounds[0].shape[1] for one in found] == [2, 2]
    assert {len(one.directions) for one in found} == {4}


@pytest.mark.parametrize("area", [False, True], ids=["", "an instrument"])
def test_sources_of_which_nothing_is_free(area):
    """They count, have no derivatives but those by nuisances, and links keep them in the fit."""
    models = Models([point("free", 0.1), point("known", -0.1)]).freeze("*.spatial.*", "known.*")
    if area:
        norm = Parameter(1.1, prior=GaussianPrior(1, 0.1), scale=0.1)
        models = Models([*models, InstrumentModel("hess", datasets_names="first", exposure_norm=norm)])
    likelihood = gjax.Likelihood(cube("first", 1), models)
    all_free = likelihood.unfreeze("known.spectral.amplitude")
    assert [group.is_known for group in likelihood.problem.groups] == [False, True]
    assert [group.is_known for group in all_free.problem.groups] == [False]
    value, gradient, fisher = jax.jit(scoring_terms)(likelihood.problem, likelihood.start)
    known, slope, full = jax.jit(scoring_terms)(all_free.problem, all_free.start)
    kept = [all_free.free_names.index(name) for name in likelihood.free_names]
    n = len(kept)
    assert float(value) == pytest.approx(float(known), rel=1e-12)
    np.testing.assert_allclose(gradient[:n], slope[np.array(kept)], rtol=1e-9)
    np.testing.assert_allclose(fisher[:n, :n], full[np.ix_(kept, kept)], rtol=1e-9)
    linked = likelihood.with_models(models.link("known.spectral.index", "free.spectral.index"))
    assert not any(group.is_known for group in linked.problem.groups)

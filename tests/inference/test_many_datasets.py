"""Fits in which most parameters act on one dataset each: the same numbers as with dense matrices, and no growth."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gjax
from gjax.freeze import _compiled as compiled
from gjax.likelihood import Arrow
from gjax.models import InstrumentModel, Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import GaussianPrior, Parameter


def models_for(n, sigma=0.1):
    def nuisance(value):
        return Parameter(value, prior=GaussianPrior(value, sigma) if sigma else None, scale=0.1)

    instruments = [
        InstrumentModel(f"inst-{k}", datasets_names=f"i{k}", energy_scale=nuisance(0.0), exposure_norm=nuisance(1.0))
        for k in range(n)
    ]
    model = PowerLawSpectralModel(amplitude="1e-11 cm-2 s-1 TeV-1")
    return Models([SkyModel(model, name="crab"), *instruments])


@pytest.fixture(scope="module")
def datasets(simulate_on_off):
    return [simulate_on_off(f"i{k}", seed=k) for k in range(60)]


@pytest.fixture(scope="module")
def result(datasets):
    found = gjax.Likelihood(datasets[:20], models_for(20)).fit()
    assert [at.shape for at in found.likelihood.problem.columns.local] == [(20, 2)]
    return found


def test_the_same_fit_as_with_dense_matrices(datasets, result, monkeypatch):
    monkeypatch.setattr("gjax.freeze._colours._MANY", 10**6)
    dense = gjax.Likelihood(datasets[:20], models_for(20))
    assert dense.problem.columns.local is None
    other = dense.fit()
    assert result.success
    assert result.total_stat == pytest.approx(other.total_stat, abs=1e-9)
    np.testing.assert_allclose(result.x, other.x, atol=1e-9)
    np.testing.assert_allclose(result.covariance, other.covariance, rtol=1e-7)


def test_errors_from_profiles(result):
    errn, errp = result.confidence("crab.spectral.index")["crab.spectral.index"]
    assert errn == pytest.approx(-result["crab.spectral.index"][1], rel=0.05) or errn == pytest.approx(errp, rel=0.1)
    assert errp == pytest.approx(result["crab.spectral.index"][1], rel=0.05)


def test_what_cannot_be_told_apart_is_said(datasets):
    # some prior and two nuisances per dataset: the program of the other fits
    free = models_for(20, sigma=None).with_priors({"index": GaussianPrior(2, 10)})
    of_one = gjax.Likelihood(datasets[:20], free).fit()
    assert not of_one.success
    assert re.search(r"cannot tell apart inst-(\d+)\.energy_scale and inst-\1\.exposure_norm: fix", of_one.message)
    of_all = gjax.Likelihood(datasets[:20], models_for(20).with_priors({"*.exposure_norm": None})).fit()
    assert not of_all.success
    assert "cannot tell apart crab.spectral.amplitude and inst-" in of_all.message
    assert "and 17 others: fix one of them" in of_all.message


def test_matrices_and_programs_do_not_grow(datasets):
    def lowered(n):
        likelihood = gjax.Likelihood(datasets[:n], models_for(n))
        problem, x = likelihood.problem, likelihood.start
        nothing = jnp.zeros(x.shape, bool)
        shape = jax.eval_shape(compiled.compiled_minimise, problem, x, nothing).fisher
        assert isinstance(shape, Arrow)
        numbers = sum(leaf.size for leaf in jax.tree_util.tree_leaves(shape))
        return compiled.compiled_minimise.lower(problem, x, nothing).as_text().count("\n"), numbers

    few, many = lowered(20), lowered(60)
    assert few[0] == many[0]
    assert many[1] < 3 * few[1]

"""What must not compile again: new data, values, free sets, bounds, priors, links, each profiled parameter."""

import jax
import numpy as np
import pytest

from gjax.freeze import Likelihood
from gjax.freeze import _compiled as compiled
from gjax.models import PowerLawSpectralModel, SkyModel
from gjax.parameters import GaussianPrior, UniformPrior


@pytest.fixture
def programs(likelihood):
    """Number of compiled programs of every entry point, after everything was used once."""
    result = likelihood.fit()
    likelihood.stat_sum()
    likelihood.npred()
    result.profile("index")
    result.confidence()
    return sizes


def sizes():
    return {
        name: getattr(compiled, name)._cache_size()
        for name in compiled.__all__
        if hasattr(getattr(compiled, name), "_cache_size")
    }


def test_one_program_serves_all(programs, likelihood, crab, simulate_on_off):
    before = programs()
    assert before["compiled_minimise"] >= 1
    variants = [
        Likelihood(simulate_on_off("other", seed=99, background=30.0), crab),
        Likelihood(simulate_on_off("coarse", seed=98, n_bins=7, n_true=11), crab),
        likelihood.with_models(crab.with_values({"index": 3.0, "amplitude": 1e-12})),
        likelihood.freeze("index"),
        likelihood.freeze("amplitude"),
        likelihood.freeze("index").unfreeze("index"),
        likelihood.with_models(crab.with_bounds({"index": (1.0, 4.0), "amplitude": (0.0, None)})),
    ]
    for variant in variants:
        use(variant)
    assert programs() == before


def use(variant):
    variant.stat_sum()
    variant.npred()
    fit = variant.fit()
    for name in fit.free_names:
        fit.profile(name)


def test_priors_are_data(programs, likelihood, crab):
    """The first prior compiles the terms of priors; which ones there are, and on what, is data."""
    use(likelihood.with_models(crab.with_priors({"index": GaussianPrior(2, 1)})))
    before = programs()
    use(likelihood.with_models(crab.with_priors({"index": UniformPrior(1, 4), "amplitude": UniformPrior(0, 1e-9)})))
    use(likelihood.with_models(crab.with_priors({"amplitude": GaussianPrior(1e-11, 1e-12)})))
    assert programs() == before


def test_links_are_data(simulate_on_off):
    """The first link shortens the vector of parameters; which ones are linked, and how, is data."""
    pair = [SkyModel(PowerLawSpectralModel(index=2.0 + k, amplitude=1e-11), name=name) for k, name in enumerate("ab")]
    apart = Likelihood(simulate_on_off("run"), pair)
    apart.with_models(apart.models.link("b.spectral.index", "a.spectral.index")).stat_sum()
    before = sizes()
    apart.with_models(apart.models.link("b.spectral.index", "a.spectral.index", offset=0.5)).stat_sum()
    apart.with_models(apart.models.link("a.spectral.amplitude", "b.spectral.amplitude", factor=0.1)).stat_sum()
    assert sizes() == before


def program(likelihood):
    return compiled.compiled_statistic.lower(likelihood.problem, likelihood.padded(likelihood.x0)).as_text()


def test_the_program_does_not_grow_with_datasets_or_sources(simulate_on_off):
    datasets = [simulate_on_off(f"run-{i}", seed=i) for i in range(40)]

    def sources(n):
        return [SkyModel(PowerLawSpectralModel(amplitude=1e-12), name=f"s{i}") for i in range(n)]

    few = program(Likelihood(datasets[:2], sources(2)))
    many = program(Likelihood(datasets, sources(7)))
    assert many.count("\n") == few.count("\n")


def test_the_data_are_not_in_the_program(likelihood):
    text = program(likelihood)
    counts = np.asarray(likelihood.problem.buckets[0].counts).ravel()
    assert f"{counts[0]:.6E}".replace("E+0", "E+") not in text
    assert max(len(line) for line in text.splitlines()) < 5000


def test_no_tracer_leaks(likelihood):
    with jax.checking_leaks():
        jax.jit(lambda problem, x: compiled.compiled_statistic(problem, x))(
            likelihood.problem, likelihood.padded(likelihood.x0)
        )

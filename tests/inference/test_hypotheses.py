"""Tests of hypotheses, goodness of fits, unified intervals."""

import dataclasses

import jax
import numpy as np
import pytest

from gjax.errors import FitError
from gjax.freeze import Likelihood
from gjax.models import Models, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter
from gjax.stats import feldman_cousins

KEY = jax.random.key(8)
UNIT = "cm-2 s-1 TeV-1"


def source(amplitude=1e-12, low=0.0, free_index=False, name="crab"):
    model = PowerLawSpectralModel(
        index=Parameter(2.3, frozen=not free_index), amplitude=Parameter(amplitude, UNIT, min=low)
    )
    return Models(SkyModel(model, name=name))


def one_bin(simulate_on_off, counts, background):
    """Counts of one bin over a background that is all but known."""
    alpha = 1e-6
    dataset = simulate_on_off("one", alpha=alpha)
    on, off = np.zeros(8), np.zeros(8)
    on[2], off[2] = counts, background / alpha
    used = np.arange(8) == 2
    shape = dataset.counts.data.shape
    fields = {"counts": on.reshape(shape), "counts_off": off.reshape(shape)}
    maps = {name: dataset.counts.copy(data=values) for name, values in fields.items()}
    return dataset.copy(**maps, mask_fit=dataset.counts.copy(data=used.reshape(shape)))


def counts_per_amplitude(likelihood):
    return likelihood.with_values({"amplitude": 1e-12}).npred_signal()["one"].data.ravel()[2] / 1e-12


# ---- tests ----


def test_a_source_at_a_boundary(simulate_on_off):
    likelihood = Likelihood(one_bin(simulate_on_off, 20, 10.0), source())
    test = likelihood.fit().test_source("crab")
    # Li & Ma, equation 17, with a background that is known
    exact = 2 * (20 * np.log(2) - 10)
    assert test.ts == pytest.approx(exact, rel=1e-3)
    assert test.significance == pytest.approx(np.sqrt(exact), rel=1e-3)
    assert test.distribution == "half a chi-square of 1 degree of freedom"
    assert test.null.total_stat == pytest.approx(test.alternative.total_stat + test.ts)
    assert "TS 7.7" in repr(test)
    free = Likelihood(one_bin(simulate_on_off, 20, 10.0), source(low=-np.inf)).fit().test_source("crab")
    assert free.n_boundary == 0
    assert free.p_value == pytest.approx(2 * test.p_value, rel=1e-3)


def test_no_excess_no_source(simulate_on_off):
    test = Likelihood(one_bin(simulate_on_off, 6, 10.0), source()).fit().test_source("crab")
    assert test.ts == 0
    assert test.p_value == 1
    assert test.significance == 0


@pytest.mark.parametrize("noise", [9e-16, -9e-16])
def test_rounding_is_no_excess(simulate_on_off, noise):
    """Sums of the same bins differ by rounding from machine to machine."""
    test = Likelihood(one_bin(simulate_on_off, 6, 10.0), source()).fit().test_source("crab")
    null = dataclasses.replace(test.null, total_stat=test.alternative.total_stat + noise)
    again = test.alternative.compare(null, n_boundary=1)
    assert (again.ts, again.p_value, again.significance) == (0, 1, 0)


def test_toys_follow_half_a_chi_square(likelihood):
    """Many counts, so that the closed form holds; most toys of a background that fluctuates down are zero."""
    null = likelihood.with_models(source(1e-12))
    test = null.fit().test_source("crab", key=KEY, n_toys=512)
    assert test.distribution == "512 toys"
    assert test.ts > 100
    assert test.p_value == pytest.approx(1 / 513)
    assert np.mean(test.toys < 1e-4) == pytest.approx(0.5, abs=0.1)
    assert np.mean(test.toys > 1.0) == pytest.approx(0.16, abs=0.06)


def test_shapes_without_a_source_are_told(likelihood, crab):
    test = likelihood.fit().test_source("crab")
    assert test.dof == 2
    assert "without the source crab.spectral.index mean nothing" in test.message
    with pytest.raises(KeyError, match="crab"):
        likelihood.fit().test_source("vela")
    with pytest.raises(FitError, match="no free amplitude"):
        likelihood.freeze("amplitude").fit().test_source("crab")


def test_nested_models(likelihood, faint, result):
    narrow = likelihood.with_values({"index": 2.3}).freeze("index").fit()
    test = result.compare(narrow)
    assert (test.dof, test.n_boundary) == (1, 0)
    value, error = result["index"]
    assert test.ts == pytest.approx(((value - 2.3) / error) ** 2, rel=0.1)
    with pytest.raises(FitError, match=r"not nested by name: crab\.spectral\.index"):
        narrow.compare(result)
    with pytest.raises(FitError, match="fits worse"):
        narrow.compare(result, dof=1)
    with pytest.raises(FitError, match="no free parameter more"):
        result.compare(result)
    with pytest.raises(FitError, match="different data"):
        result.compare(faint.freeze("index").fit())
    again = Likelihood(likelihood.datasets, likelihood.models).freeze("index").fit()
    assert result.compare(again).dof == 1


def test_a_bound_of_the_narrower_model_counts(likelihood, result):
    bounded = likelihood.with_models(likelihood.models.with_bounds({"index": (2.2, 5)}))
    narrow = bounded.with_values({"index": 2.2}).freeze("index").fit()
    test = bounded.fit().compare(narrow)
    assert test.n_boundary == 1
    assert test.distribution.startswith("half a chi-square")


def test_criteria(result):
    assert result.aic == pytest.approx(result.total_stat + 4)
    assert result.bic == pytest.approx(result.total_stat + 2 * np.log(8))


def test_asimov_significance_of_a_likelihood(simulate_on_off):
    likelihood = Likelihood(one_bin(simulate_on_off, 10, 10.0), source())
    per = counts_per_amplitude(likelihood)
    found = likelihood.with_values({"amplitude": 8 / per}).asimov_significance("crab")
    exact = np.sqrt(2 * (18 * np.log(1.8) - 8))
    assert found == pytest.approx(exact, rel=2e-3)


# ---- goodness of fit ----


def test_goodness_of_fit(likelihood, result, simulate_on_off):
    good = result.goodness_of_fit(KEY, 512)
    assert 0.01 < good.p_value <= 1
    assert good.dof == 6
    assert good.toys.mean() == pytest.approx(6, abs=1)
    assert "the model describes the data" in repr(good)
    wrong = likelihood.with_values({"index": 3.2}).freeze("index").fit().goodness_of_fit(KEY, 512)
    assert wrong.p_value == pytest.approx(1 / 513)
    assert "does not describe" in wrong.message
    with pytest.raises(ValueError, match="at least 20"):
        result.goodness_of_fit(KEY, 5)


# ---- unified intervals ----


@pytest.mark.parametrize(("counts", "background"), [(0, 3.0), (4, 3.0)])
def test_intervals_as_in_the_tables(simulate_on_off, counts, background):
    likelihood = Likelihood(one_bin(simulate_on_off, counts, background), source())
    found = likelihood.fit().unified_interval("amplitude", KEY, confidence=0.9, n_values=16, n_toys=512)
    per = counts_per_amplitude(likelihood)
    low, high = feldman_cousins(counts, background, 0.9)
    # counts are whole numbers: the tables are a staircase, of which a few values are tested
    assert found.upper * per == pytest.approx(float(high), abs=0.6)
    assert found.lower * per == pytest.approx(float(low), abs=0.6)


def test_limits_by_toys_and_by_profile(result):
    by_profile = result.upper_limit("amplitude")
    by_toys = result.upper_limit("amplitude", method="feldman-cousins", key=KEY, n_toys=512)
    _, error = result["amplitude"]
    # many counts: the same
    assert by_toys == pytest.approx(by_profile, abs=0.15 * error)
    with pytest.raises(ValueError, match="give a key"):
        result.upper_limit("amplitude", method="feldman-cousins")
    with pytest.raises(ValueError, match="expected 'profile'"):
        result.upper_limit("amplitude", method="bayes")
    with pytest.raises(ValueError, match="takes no n_toys"):
        result.upper_limit("amplitude", n_toys=10)
    for wrong in ({"confidence": 1.5}, {"n_toys": 3}, {"n_values": 2}):
        with pytest.raises(ValueError, match="expected"):
            result.unified_interval("amplitude", KEY, **wrong)


def test_no_limit_where_the_statistic_does_not_rise(likelihood):
    bounded = likelihood.with_models(likelihood.models.with_bounds({"index": (2.2, 2.3)})).fit()
    with pytest.raises(FitError, match="does not rise"):
        bounded.unified_interval("index", KEY)

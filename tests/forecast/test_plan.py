"""Designs of observations: derivatives against differences, closed forms of the best, bad input."""

import functools

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from gjax.errors import FitError
from gjax.forecast import plan_offsets
from gjax.forecast._optimise import _log_error, _log_limit
from gjax.freeze import Likelihood

FIELDS = ("livetime", "area", "threshold", "offset")


@pytest.fixture(scope="module")
def plan(forecast):
    return forecast.plan()


@pytest.fixture(scope="module")
def pointed(joint):
    """Plan of the same cubes at four offsets: the exposure falls, the background falls less."""
    offsets = np.array([0.3, 0.7, 1.2, 2.0])
    known, measured = joint.datasets

    def at(offset):
        exposed = known.copy(
            exposure=known.exposure * np.exp(-(offset**2)), background=known.background * np.exp(-0.8 * offset**2)
        )
        return Likelihood([exposed, measured.copy(exposure=measured.exposure * np.exp(-(offset**2)))], joint.models)

    return plan_offsets(offsets, [at(offset) for offset in offsets])


def changed(design, name, values):
    return eqx.tree_at(lambda d: getattr(d, name), design, jax.device_put(np.asarray(values, float)))


def moved(design, name, i, value):
    values = np.array(getattr(design, name))
    values[i] = value
    return changed(design, name, values)


def test_the_plan_is_the_forecast(forecast, plan):
    np.testing.assert_allclose(plan.information(plan.design), forecast.information, rtol=1e-9)
    assert float(plan.error("amplitude", plan.design)) == pytest.approx(forecast["amplitude"][1], rel=1e-9)


@pytest.mark.parametrize("method", ["error", "limit"])
def test_derivatives_against_differences(pointed, method):
    design = pointed.design
    design = changed(design, "livetime", [2.0, 0.7])
    design = changed(design, "area", [1.2, 0.9])
    design = changed(design, "threshold", [1.5, 3.0])
    design = changed(design, "offset", [0.5, 1.4])
    both = {"error": _log_error, "limit": _log_limit}[method]
    at = functools.partial(both, pointed, pointed.position("amplitude"), n_sigma=1.6448536269514722)
    value, slope = at(design=design)
    assert np.exp(value) == pytest.approx(float(getattr(pointed, method)("amplitude", design)), rel=1e-6)
    for name in FIELDS:
        for i in range(2):
            here = float(getattr(design, name)[i])
            ends = [float(at(design=moved(design, name, i, here * f))[0]) for f in (1.0001, 0.9999)]
            difference = (ends[0] - ends[1]) / (2e-4 * here)
            assert float(getattr(slope, name)[i]) == pytest.approx(difference, rel=1e-4), (name, i)


def test_information_adds_up(plan):
    """That of two datasets is the sum of that of each."""
    both, first, second = (
        plan.information(changed(plan.design, "livetime", t)) for t in ([1.0, 1.0], [1.0, 0.0], [0.0, 1.0])
    )
    np.testing.assert_allclose(first + second, both, rtol=1e-12)
    assert np.asarray(second)[2, 2] == 0


def test_longer_is_deeper(plan):
    twice = changed(plan.design, "livetime", [2.0, 2.0])
    ratio = plan.error("amplitude", twice) / plan.error("amplitude", plan.design)
    assert ratio == pytest.approx(np.sqrt(0.5), rel=1e-9)
    larger = changed(plan.design, "area", [2.0, 2.0])
    assert plan.error("amplitude", larger) < plan.error("amplitude", plan.design)


def test_a_threshold_takes_bins_away(plan, forecast):
    """Three bins of equal width in log energy; half a bin counts half."""
    at = [plan.information(changed(plan.design, "threshold", [e, e])) for e in 10 ** np.array([1 / 3, 0.5, 2 / 3])]
    np.testing.assert_allclose(at[1], (at[0] + at[2]) / 2, rtol=1e-9)
    everything = forecast.information_flux("norm")
    assert sum(m.data.sum() for m in everything.values()) > 0
    none = plan.information(changed(plan.design, "threshold", [11.0, 11.0]))
    np.testing.assert_allclose(none, 0.0, atol=1e-6)


def test_offsets_are_interpolated(pointed):
    """At known offsets exactly, between them to the accuracy of the spline."""
    there = pointed.error("amplitude", changed(pointed.design, "offset", [0.7, 0.7]))
    between = [pointed.error("amplitude", changed(pointed.design, "offset", [o, o])) for o in (0.5, 1.5)]
    assert between[0] < there < between[1]
    first = changed(pointed.design, "offset", [0.3, 0.3])
    assert float(pointed.error("amplitude", first)) == pytest.approx(
        float(pointed.error("amplitude", pointed.design)), rel=1e-9
    )


@pytest.fixture(scope="module")
def two_pointings(counting, flat):
    """Signal on top of a glow, which another pointing measures."""
    star, glow = (
        flat("star", "30e-12 cm-2 s-1 TeV-1", datasets_names="on"),
        flat("glow", "10e-12 cm-2 s-1 TeV-1"),
    )
    return Likelihood([counting("on", signal=1.0), counting("off", signal=1.0)], [star, glow])


def test_times_of_two_pointings(two_pointings):
    """Times as the roots of the counts; for a limit, of the counts at the limit, to leading order."""
    plan = two_pointings.forecast().plan()
    best = plan.optimise("star.spectral.amplitude")
    share = np.array([np.sqrt(40.0), np.sqrt(10.0)])
    np.testing.assert_allclose(best.design.livetime, 2 * share / share.sum(), rtol=1e-4)
    assert best.success
    assert best.value < best.start_value
    assert best.value == pytest.approx(np.sqrt(0.5) * share.sum() * 1e-12, rel=1e-7)
    deepest = plan.optimise("star.spectral.amplitude", objective="limit")
    share = np.array([np.sqrt(10 + deepest.value * 1e12), np.sqrt(10.0)])
    np.testing.assert_allclose(deepest.design.livetime, 2 * share / share.sum(), rtol=0.05)
    assert deepest.value == pytest.approx(1.6448536 * np.sqrt(0.5) * share.sum() * 1e-12, rel=0.05)

    def limit_at(time):
        return float(plan.limit("star.spectral.amplitude", changed(plan.design, "livetime", [time, 2 - time])))

    found = minimize_scalar(lambda time: limit_at(time) * 1e12, bounds=(1.01, 1.5), method="bounded")
    # flat: a hundredth in the times is a millionth of the limit
    assert deepest.value == pytest.approx(found.fun * 1e-12, rel=1e-6)
    limit = float(plan.limit("star.spectral.amplitude", plan.design))
    assert limit == pytest.approx(two_pointings.forecast().upper_limit("star.spectral.amplitude"), rel=1e-5)


def test_what_cannot_be_told_apart(two_pointings, counting):
    """Without exposure beside, star and glow are one."""
    blind = [two_pointings.datasets[0], counting("off", signal=0.0)]
    twins = Likelihood(blind, two_pointings.models).forecast()
    assert twins.message == "the data cannot tell apart star.spectral.amplitude and glow.spectral.amplitude"
    assert np.isnan(twins.covariance).all()
    with pytest.raises(FitError, match=r"tell nothing about star\.spectral\.amplitude"):
        twins.upper_limit("star.spectral.amplitude")
    with pytest.raises(ValueError, match="not finite at the start"):
        twins.plan().optimise("star.spectral.amplitude")


def test_all_time_to_where_the_source_is(two_pointings):
    """A pointing that tells nothing gets none."""
    best = two_pointings.freeze("glow.*").forecast().plan().optimise("star.spectral.amplitude")
    np.testing.assert_allclose(best.design.livetime, [2.0, 0.0], atol=1e-6)


def test_the_best_offset(pointed):
    best = pointed.optimise("amplitude", vary=("offset",), start=changed(pointed.design, "offset", [0.9, 1.1]))
    np.testing.assert_allclose(best.design.offset, 0.3, atol=1e-3)
    assert best.value == pytest.approx(float(pointed.error("amplitude", pointed.design)), rel=1e-5)


def test_impossible(plan, counting, flat):
    with pytest.raises(ValueError, match="vary"):
        plan.optimise("amplitude", vary=("weather",))
    with pytest.raises(ValueError, match="only one offset is known"):
        plan.optimise("amplitude", vary=("offset",))
    with pytest.raises(ValueError, match="objective"):
        plan.optimise("amplitude", objective="joy")
    with pytest.raises(ValueError, match="confidence"):
        plan.optimise("amplitude", objective="limit", confidence=1.5)
    with pytest.raises(KeyError, match="nothing"):
        plan.optimise("nothing")
    likelihood = Likelihood(counting(background=3.0), flat())
    with pytest.raises(ValueError, match="at least two increasing angles"):
        plan_offsets([1.0, 0.5], [likelihood, likelihood])
    with pytest.raises(ValueError, match="other datasets, bins or parameters"):
        plan_offsets([0.5, 1.0], [likelihood, Likelihood(counting("other", background=3.0), flat())])
    with pytest.raises(ValueError, match="other parameter values"):
        plan_offsets([0.5, 1.0], [likelihood, likelihood.with_values({"source.spectral.amplitude": 2e-12})])

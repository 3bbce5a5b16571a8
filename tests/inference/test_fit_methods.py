"""Other ways to fit, from other starts, with a trace; and how far the result is a parabola."""

import sys

import numpy as np
import pytest

from gjax.errors import FitError
from gjax.freeze import Likelihood


def same(one, other, sigmas=0.02):
    width = np.sqrt(np.diag(other.covariance))
    for name, sigma in zip(other.free_names, width):
        assert one[name][0] == pytest.approx(other[name][0], abs=sigmas * sigma)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-2)
    assert one.total_stat == pytest.approx(other.total_stat, abs=1e-3)


@pytest.mark.parametrize("method", ["scoring", "lbfgs", "adam"])
def test_all_ways_end_at_the_same_place(proper, proper_result, method):
    found = proper.fit(method, trace=True)
    assert found.success, found.message
    same(found, proper_result)
    trace = found.trace
    assert len(trace.statistic) == found.n_steps
    assert trace.values[0] == pytest.approx([2.0, 1e-11], rel=1e-3, abs=0)
    assert np.nanmin(trace.statistic) == pytest.approx(found.total_stat, abs=1e-3)
    assert trace.to_table()["crab.spectral.amplitude"].unit.is_equivalent("cm-2 s-1 TeV-1")
    assert "Trace of a fit" in repr(trace)


def test_the_trace_is_plotted(proper):
    from gjax.plot import new_figure

    assert len(proper.fit(trace=True).trace.plot(new_figure()).axes) == 3
    assert proper.fit().trace is None


def test_minuit(proper, proper_result):
    pytest.importorskip("iminuit")
    same(proper.fit("iminuit"), proper_result)


def test_a_bound_is_reached_from_inside(proper):
    bounded = proper.with_models(proper.models.with_bounds({"index": (2.6, 4)}))
    exact = bounded.fit()
    found = bounded.fit("lbfgs")
    assert found["index"][0] == 2.6
    assert found.message == exact.message
    assert found.total_stat == pytest.approx(exact.total_stat, abs=1e-3)


def test_too_few_steps_are_no_success(proper):
    found = proper.fit("adam", n_steps=5)
    assert not found.success
    assert "largest number of steps" in found.message


def test_what_cannot_be(proper, monkeypatch):
    with pytest.raises(ValueError, match="scoring, lbfgs, adam, iminuit"):
        proper.fit("simplex")
    with pytest.raises(ValueError, match="n_steps"):
        proper.fit("lbfgs", n_steps=0)
    with pytest.raises(ValueError, match="n_steps"):
        proper.fit(n_steps=10)
    with pytest.raises(ValueError, match="rate"):
        proper.fit("adam", rate=-1.0)
    monkeypatch.setitem(sys.modules, "iminuit", None)
    with pytest.raises(ImportError, match="pip install iminuit"):
        proper.fit("iminuit")


def test_a_start_where_nothing_is_finite(proper, likelihood):
    bad = proper.with_values({"index": 1e6})
    for fit in (bad.fit, lambda: bad.fit("lbfgs"), lambda: likelihood.fit_many([{"index": 1e6}])):
        with pytest.raises(FitError, match="not finite"):
            fit()


# ---- many starts ----


def test_many_starts_agree(likelihood, result):
    rng = np.random.default_rng(0)
    starts = np.column_stack([rng.uniform(1.3, 3.3, 20), 2.8e-11 * 20 ** rng.uniform(-1, 1, 20)])
    fits = likelihood.fit_many(starts)
    assert fits.message == "20 of 20 starts end at the best minimum"
    assert fits.best.total_stat == pytest.approx(result.total_stat, abs=1e-6)
    assert "20 of 20" in repr(fits)
    table = fits.to_table()
    assert sorted(table["start"]) == list(range(20))
    assert (np.diff(table["statistic"]) >= 0).all()
    np.testing.assert_allclose(fits.starts, starts)
    assert not fits.misled.any()


def test_starts_as_dictionaries(likelihood, result):
    fits = likelihood.fit_many([{"index": 3.0}, {"amplitude": 1e-10}])
    np.testing.assert_allclose(fits.starts, [[3.0, 1e-11], [2.0, 1e-10]])
    assert fits.best.total_stat == pytest.approx(result.total_stat, abs=1e-6)
    for bad in ([], np.zeros((3, 3)), np.zeros((0, 2)), [[np.nan, 1e-11]]):
        with pytest.raises(ValueError, match="starts: expected"):
            likelihood.fit_many(bad)
    with pytest.raises(KeyError, match="gamma"):
        likelihood.fit_many([{"gamma": 1.0}])


def test_other_minima_are_told(likelihood):
    """A point that is not where the fit ends must not count as agreement."""
    import dataclasses

    fits = likelihood.fit_many([{"index": 3.0}, {"index": 2.0}])
    bad = dataclasses.replace(fits, statistic=fits.statistic + np.array([0, 5.0]))
    assert bad.message == "1 of 2 starts end at the best minimum, 1 at other minima"
    lost = dataclasses.replace(bad, converged=np.array([True, False]))
    assert lost.message == "1 of 2 starts end at the best minimum, 1 did not converge"


# ---- the parabola ----


def test_a_parabola_is_a_parabola(linear_result):
    check = linear_result.quadratic_check()
    np.testing.assert_allclose(check.parameters, 1, rtol=1e-5)
    np.testing.assert_allclose(check.directions, 1, rtol=1e-5)
    np.testing.assert_allclose(check.asymmetry, 0, atol=1e-5)
    assert check.message.startswith("the statistic is a parabola")


def test_few_counts_are_none(faint_result):
    check = faint_result.quadratic_check()
    assert check.worst > 0.1
    assert check.message.startswith("the statistic is roughly a parabola: use confidence()")
    assert "deviates most below the best fit in crab.spectral.amplitude" in check.message
    errors = faint_result.confidence()
    for row, (name, (errn, errp)) in zip(check.error_ratio, errors.items()):
        sigma = faint_result[name][1]
        # the rise at one error tells the distance at which it is 1, nearly
        assert row == pytest.approx([errn / sigma, errp / sigma], abs=0.08)
    assert "asymmetry" in repr(check)


def test_a_bound_within_an_error_is_told(likelihood, result):
    value, error = result["index"]
    bounded = likelihood.with_models(likelihood.models.with_bounds({"index": (value - 0.3 * error, 5)})).fit()
    check = bounded.quadratic_check()
    assert np.isnan(check.parameters[0, 0])
    assert np.isfinite(check.parameters[0, 1])
    assert "a bound is within one error of crab.spectral.index" in check.message


def test_no_covariance_no_check(likelihood, result):
    import dataclasses

    bad = dataclasses.replace(result, x_covariance=result.x_covariance * np.nan)
    with pytest.raises(FitError, match="no covariance"):
        bad.quadratic_check()


# ---- bad input ----


def test_zero_counts_everywhere(simulate_on_off, crab):
    """Nothing seen: a fit at zero flux, no error to trust, but a limit."""
    empty = simulate_on_off("empty", seed=1)
    zero = {name: getattr(empty, name).copy(data=0 * getattr(empty, name).data) for name in ("counts", "counts_off")}
    models = crab.freeze("index").with_bounds({"amplitude": (0, 1e-9)})
    found = Likelihood(empty.copy(**zero), models).fit()
    assert found["amplitude"][0] == pytest.approx(0, abs=1e-15)
    assert "bound" in found.message
    limit = found.upper_limit("amplitude")
    signal = found.likelihood.with_values({"amplitude": limit}).npred_signal()["empty"].data.sum()
    assert 2 * signal == pytest.approx(4, rel=1e-3)

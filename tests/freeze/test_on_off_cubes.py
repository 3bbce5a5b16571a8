"""Cubes with off counts: the collapsed statistic against the dense one, what is left out, fits with other data."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_cubes import LAT, LON, cube, like, on_off, source

import gjax
from gjax.datasets import MapDatasetOnOff
from gjax.errors import FitError
from gjax.estimators import FluxPointsEstimator
from gjax.likelihood import OnOffCubes, wstat, wstat_observed
from gjax.makers import RingBackgroundMaker
from gjax.models import FoVBackgroundModel, PointSpatialModel


def dense_wstat(mu, n_on, n_off, alpha):
    """W as in the manual of XSPEC, appendix B; 2 (mu + n_off ln(1 + alpha)) without on counts, whatever mu is."""
    c = alpha * (n_on + n_off) - (1 + alpha) * mu
    b = (c + np.sqrt(c**2 + 4 * alpha * (1 + alpha) * n_off * mu)) / (2 * alpha * (1 + alpha))
    lone_on = np.maximum(n_on / (1 + alpha) - mu / alpha, 0.0)
    b = np.where(n_off > 0, b, lone_on)

    def log_term(n, rate):
        return np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / np.where(n > 0, rate, 1.0)), 0.0)

    empty = 2 * (mu + n_off * np.log(1 + alpha))
    general = 2 * (mu + (1 + alpha) * b - n_on - n_off + log_term(n_on, mu + alpha * b) + log_term(n_off, b))
    return np.where(n_on > 0, general, empty)


def brute_force(dataset, likelihood):
    mu = likelihood.npred_signal()[dataset.name].data
    per_bin = dense_wstat(mu, dataset.counts.data, dataset.counts_off.data, np.nan_to_num(dataset.alpha.data))
    inside = np.ones(mu.shape, bool) if dataset.mask is None else dataset.mask.data
    return per_bin[inside & np.isfinite(dataset.alpha.data)].sum()


def test_the_statistic_is_the_dense_sum_over_all_bins():
    for off in (20.0, 0.5):
        dataset = on_off(off=off)
        likelihood = gjax.Likelihood(dataset, source())
        assert isinstance(likelihood.problem.buckets[0], OnOffCubes)
        assert likelihood.stat_sum() == pytest.approx(brute_force(dataset, likelihood), rel=1e-10)
        assert likelihood.undefined == ()
        far = likelihood.with_values({"amplitude": 3e-10})
        assert far.stat_sum() == pytest.approx(brute_force(dataset, far), rel=1e-10)


def test_gradient_and_information():
    position = PointSpatialModel(f"{LON + 0.02} deg", f"{LAT - 0.01} deg")
    likelihood = gjax.Likelihood(on_off(off=3.0), source(spatial=position))
    assert likelihood.free_names[-1] == "source.spatial.lat_0"
    x = np.asarray(likelihood.x0)
    gradient = np.asarray(jax.grad(likelihood.statistic)(x))
    for i, step in enumerate(1e-5 * np.eye(len(x))):
        numeric = float(likelihood.statistic(x + step) - likelihood.statistic(x - step)) / 2e-5
        assert gradient[i] == pytest.approx(numeric, rel=1e-5, abs=1e-4)
    mu, n_on, n_off = jnp.array([0.5, 1.0, 2.0, 3.0]), jnp.array([3.0, 1.0, 0.0, 2.0]), jnp.array([4.0, 0.0, 5.0, 9.0])
    alpha = jnp.array([0.3, 0.2, 0.2, 0.0])
    slope = jax.grad(lambda m: jnp.sum(wstat(m, n_on, n_off, alpha)))
    _, curvature = jax.jvp(slope, (mu,), (jnp.ones_like(mu),))
    np.testing.assert_allclose(wstat_observed(mu, n_on, n_off, alpha), 0.5 * curvature, rtol=1e-12, atol=1e-14)


def test_masks_hide_what_they_hide():
    dataset = on_off()
    inside = np.ones(dataset.data_shape, bool)
    inside[:, :5] = False
    inside[2, :, 8:] = False
    spoiled = {}
    for field in ("counts", "counts_off", "acceptance", "acceptance_off"):
        values = getattr(dataset, field).data.astype(float).copy()
        values[~inside] = np.nan
        spoiled[field] = like(dataset, values)
    safe = like(dataset, inside).copy(data=inside)
    clean, dirty = dataset.copy(mask_safe=safe), dataset.copy(mask_safe=safe, **spoiled)
    likelihoods = [gjax.Likelihood(d, source()) for d in (clean, dirty)]
    assert likelihoods[0].stat_sum() == pytest.approx(brute_force(clean, likelihoods[0]), rel=1e-10)
    values = [jax.value_and_grad(likelihood.statistic)(likelihood.x0) for likelihood in likelihoods]
    for first, second in zip(*(jax.tree_util.tree_leaves(v) for v in values)):
        np.testing.assert_allclose(first, second, rtol=1e-13)
    fitted = dataset.copy(mask_fit=safe)
    assert gjax.Likelihood(fitted, source()).stat_sum() == pytest.approx(likelihoods[0].stat_sum(), rel=1e-13)


def test_bins_without_off_acceptance():
    dataset = on_off()
    acceptance, acceptance_off, off = (
        np.array(getattr(dataset, name).data) for name in ("acceptance", "acceptance_off", "counts_off")
    )
    acceptance_off[0, :4] = 0.0
    off[0, :4] = 0.0
    # no acceptance at all: there is no background to know
    acceptance[1, :2], acceptance_off[1, :2], off[1, :2] = 0.0, 0.0, 0.0
    arrays = {"acceptance": acceptance, "acceptance_off": acceptance_off, "counts_off": off}
    holed = dataset.copy(**{key: like(dataset, value) for key, value in arrays.items()})
    likelihood = gjax.Likelihood(holed, source())
    assert likelihood.undefined == ("dataset 'on-off': 80 of 1200 bins have no off acceptance and are left out",)
    kept = np.ones(dataset.data_shape, bool)
    kept[0, :4] = False
    masked = gjax.Likelihood(holed.copy(mask_fit=like(dataset, kept).copy(data=kept)), source())
    assert masked.undefined == ()
    assert likelihood.stat_sum() == pytest.approx(masked.stat_sum(), rel=1e-13)
    background = likelihood.npred_background()["on-off"].data
    assert (background[0, :4] == 0).all()
    assert (background[1, :2] == 0).all()
    assert (background[2] >= 0).all()
    assert background[2].sum() > 0


def test_background_is_profiled_in_every_bin():
    dataset = on_off(off=5.0)
    likelihood = gjax.Likelihood(dataset, source())
    mu, b = (npred["on-off"].data for npred in (likelihood.npred_signal(), likelihood.npred_background()))
    n_on, n_off, alpha = dataset.counts.data, dataset.counts_off.data, dataset.alpha.data
    off = b / alpha
    both = (n_on > 0) & (n_off > 0)
    slope = 1 + alpha[both] - n_on[both] * alpha[both] / (mu + b)[both] - n_off[both] / off[both]
    np.testing.assert_allclose(slope, 0, atol=1e-9)
    lone = (n_on == 0) & (mu > 0)
    np.testing.assert_allclose(off[lone], (n_off / (1 + alpha))[lone], rtol=1e-12)
    np.testing.assert_allclose(likelihood.npred()["on-off"].data, mu + b, rtol=1e-13)


def test_what_cannot_be_fitted_is_refused():
    dataset = on_off()
    with pytest.raises(FitError, match="'on-off': has no off counts"):
        gjax.Likelihood(dataset.copy(counts_off=None), source())
    with pytest.raises(FitError, match="'on-off': no bin has an off acceptance"):
        gjax.Likelihood(dataset.copy(acceptance_off=0.0), source())
    with pytest.raises(FitError, match="'on-off-bkg': none of its datasets is a map with a known background"):
        gjax.Likelihood(dataset, [source(), FoVBackgroundModel("on-off")])
    nothing = np.zeros(dataset.data_shape, bool)
    empty = dataset.copy(mask_safe=like(dataset, nothing).copy(data=nothing))
    with pytest.raises(FitError, match="the masks leave no bin"):
        gjax.Likelihood(empty, source()).fit()
    # no off counts in any bin is a measurement like others
    silent = dataset.copy(counts_off=like(dataset, 0.0))
    likelihood = gjax.Likelihood(silent, source())
    assert likelihood.stat_sum() == pytest.approx(brute_force(silent, likelihood), rel=1e-10)


def test_fits_agree_with_those_of_a_known_background():
    """With very many off counts the background is known; that of a ring is known well enough."""
    dataset = cube("known", seed=7)
    fields = {"acceptance": 1.0, "acceptance_off": 1e6, "counts_off": dataset.background * 1e6}
    many = MapDatasetOnOff.from_map_dataset(dataset, **fields, name="many")
    exclusion = "icrs;circle(83.637, 22.014, 0.35)"
    ring = RingBackgroundMaker(r_in="0.4 deg", width="0.2 deg", exclusion_mask=exclusion).run(dataset)
    results = [gjax.Likelihood(d, source()).fit() for d in (dataset, many, ring)]
    for result in results:
        assert result.success
    for name in ("index", "amplitude"):
        (value, error), (same, same_error), (near, near_error) = (result[name] for result in results)
        assert same == pytest.approx(value, abs=1e-3 * error)
        assert same_error == pytest.approx(error, rel=1e-3)
        assert near == pytest.approx(value, abs=0.5 * error)
        assert near_error == pytest.approx(error, rel=0.1)


def test_joint_fit_of_all_kinds_of_data(simulate_on_off):
    """One source in two cubes and a spectrum: statistics add up, and the spatial model is not used for the spectrum."""
    spectrum = simulate_on_off("spectrum", amplitude=2e-11, background=20.0)
    datasets = [on_off(), cube("known", seed=4), spectrum]
    model, background = source(), FoVBackgroundModel("known")
    joint = gjax.Likelihood(datasets, [model, background])
    alone = [gjax.Likelihood(datasets[0], model), gjax.Likelihood(datasets[1], [model, background])]
    alone.append(gjax.Likelihood(spectrum, source(spatial=None)))
    assert joint.stat_per_dataset() == pytest.approx(
        {d.name: likelihood.stat_sum() for d, likelihood in zip(datasets, alone)}, rel=1e-12
    )
    np.testing.assert_array_equal(joint.npred()["spectrum"].data, alone[2].npred()["spectrum"].data)
    result = joint.fit()
    assert result.success
    for name in ("amplitude", "norm"):
        assert result[name][1] < 0.2 * result[name][0]
    # a source of the spectrum alone needs no spatial model
    other = source("other", spatial=None, amplitude="1e-13 cm-2 s-1 TeV-1")
    only = dataclasses.replace(other, datasets_names=("spectrum",))
    both = gjax.Likelihood(datasets, [model, background, only])
    np.testing.assert_array_equal(both.npred_signal(source="other")["known"].data, 0.0)
    assert both.npred_signal(source="other")["spectrum"].data.sum() > 0
    np.testing.assert_allclose(both.npred_signal()["known"].data, joint.npred_signal()["known"].data)
    with pytest.raises(FitError, match="'other': has no spatial model"):
        gjax.Likelihood(datasets, [model, other])


def test_flux_points():
    dataset = on_off(off=5.0)
    result = gjax.Likelihood(dataset, source()).fit()
    points = FluxPointsEstimator([1.0, 2.2, 10.0]).run(result)
    assert points.extra["success"].all()
    norm, error = points.norm(), points.norm("_err")
    assert np.all(np.abs(norm - 1) < 3 * error)
    # brute force: scale the signal in the lower band, which is one bin of energy
    mu = result.likelihood.npred_signal()["on-off"].data[0]
    n_on, n_off, alpha = (getattr(dataset, name).data[0] for name in ("counts", "counts_off", "alpha"))
    scan = norm[0] + np.array([-1e-3, 0.0, 1e-3])
    stats = [dense_wstat(value * mu, n_on, n_off, alpha).sum() for value in scan]
    assert stats[1] <= min(stats)
    assert points.extra["stat"][0] == pytest.approx(stats[1], rel=1e-9)
    assert error[0] == pytest.approx(np.sqrt(2 / ((stats[0] + stats[2] - 2 * stats[1]) / 1e-6)), rel=1e-3)
    assert points.extra["counts"][0, 0] == n_on[n_on > 0].sum()
    background = result.likelihood.npred_background()["on-off"].data[0].sum()
    assert points.extra["npred"][0, 0] == pytest.approx(norm[0] * mu.sum() + background, rel=1e-9)

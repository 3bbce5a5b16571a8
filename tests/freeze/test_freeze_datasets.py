"""The crossing from host datasets to buckets: what is refused, what is left out, what padding must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.datasets import SpectrumDataset
from gjax.errors import FitError
from gjax.freeze import Likelihood, freeze_datasets
from gjax.freeze._datasets import ladder
from gjax.likelihood import CashSpectra, OnOffSpectra
from gjax.maps import RegionNDMap
from gjax.models import ExpCutoffPowerLawSpectralModel, InstrumentModel, PowerLawSpectralModel, SkyModel
from gjax.parameters import Affine, Expression, Parameter


def power_law(name="crab", **changes):
    return SkyModel(PowerLawSpectralModel(**{"index": 2.2, "amplitude": "2e-11 cm-2 s-1 TeV-1"} | changes), name=name)


def on_energy(dataset, values, **keywords):
    return RegionNDMap.create(None, axes=[dataset.energy_axis], data=np.asarray(values), **keywords)


def test_the_ladder_is_short_and_never_too_small():
    sizes = [ladder(n) for n in range(1, 2000)]
    assert all(size >= n for n, size in enumerate(sizes, 1))
    assert all(size <= max(4, 1.5 * n) for n, size in enumerate(sizes, 1))
    assert len(set(sizes)) == 19


# ---- what is refused ----


def test_datasets_that_cannot_be_fitted_are_refused_by_name(simulate_on_off):
    model, good = power_law(), simulate_on_off("good")
    without_exposure = good.copy(name="bad", exposure=None, edisp=None)
    cases = [
        (simulate_on_off("bad", counts_off=None), FitError, "dataset 'bad': has no off counts"),
        (simulate_on_off("bad", acceptance_off=0.0), FitError, "dataset 'bad': no bin has an off acceptance"),
        (without_exposure, FitError, "dataset 'bad': has no exposure"),
        (SpectrumDataset(name="bad"), FitError, "dataset 'bad': has no counts"),
        (simulate_on_off("good"), FitError, "two datasets are called 'good'"),
        ("bad", TypeError, "cannot fit a str; expected spectrum or flux point datasets"),
        (None, TypeError, "cannot fit a NoneType"),
    ]
    for bad, error, message in cases:
        with pytest.raises(error, match=message):
            Likelihood([good, bad], model)
    with pytest.raises(FitError, match="there is no dataset to fit"):
        Likelihood([], model)
    with pytest.raises(TypeError, match="cannot fit a str"):
        Likelihood("bad", model)


def test_models_that_cannot_be_fitted_are_refused(simulate_on_off):
    dataset = simulate_on_off("run")
    with pytest.raises(FitError, match="no source to fit"):
        Likelihood(dataset, [])
    with pytest.raises(FitError, match="no source to fit"):
        Likelihood(dataset, InstrumentModel("hess"))
    with pytest.raises(FitError, match="dataset 'run': more than one instrument model"):
        Likelihood(dataset, [power_law(), InstrumentModel("a"), InstrumentModel("b")])
    double = Expression(lambda x: 2 * x, (Parameter(0.0),))
    with pytest.raises(FitError, match="instrument 'a': energy_scale must be a parameter, or a link"):
        Likelihood(dataset, [power_law(), InstrumentModel("a", energy_scale=double)])
    other = Parameter(1.0, axes={"dataset": ["else"]})
    with pytest.raises(FitError, match="model 'a': no entry for dataset 'run'"):
        Likelihood(dataset, [power_law(), InstrumentModel("a", exposure_norm=other)])


# ---- what is left out, and said ----


def test_undefined_bins_are_left_out_and_reported(simulate_on_off, caplog):
    acceptance_off = np.array([5.0, 5, 5, 5, 5, 5, 0, 0])
    dataset = simulate_on_off("part", acceptance_off=acceptance_off)
    likelihood = Likelihood(dataset, power_law())
    assert likelihood.n_bins == 6
    assert likelihood.undefined == ("dataset 'part': 2 of 8 bins have no off acceptance and are left out",)
    assert "left out: dataset 'part': 2 of 8 bins" in likelihood.describe()
    assert "2 of 8 bins" in caplog.text
    masked = simulate_on_off("part", mask_fit=acceptance_off > 0)
    assert likelihood.stat_sum() == pytest.approx(Likelihood(masked, power_law()).stat_sum(), rel=1e-12)
    assert not Likelihood(masked, power_law()).undefined


def test_a_mask_without_bins_is_reported_and_adds_nothing(simulate_on_off):
    empty = simulate_on_off("empty", mask_safe=np.zeros(8, bool))
    both = Likelihood([simulate_on_off("full"), empty], power_law())
    assert both.undefined == ("dataset 'empty': the masks leave no bin",)
    assert both.stat_per_dataset()["empty"] == 0.0
    with pytest.raises(FitError, match="no bin to fit: dataset 'empty': the masks leave no bin"):
        Likelihood(empty, power_law()).fit()


def test_bins_without_on_acceptance_see_no_background(simulate_on_off):
    acceptance = np.array([1.0, 1, 1, 1, 1, 1, 0, 0])
    dataset = simulate_on_off("run", acceptance=acceptance)
    likelihood = Likelihood(dataset, power_law())
    assert likelihood.n_bins == 8
    background = likelihood.npred_background()["run"].data.ravel()
    assert (background[:5] > 0).all()
    np.testing.assert_array_equal(background[6:], 0.0)


# ---- masked bins are neutral whatever they hold ----


def spoiled(dataset, value):
    """Put a value into every field of the two last bins, which are masked."""
    mask = np.array([1, 1, 1, 1, 1, 1, 0, 0], bool)
    clean = dataset.copy(mask_safe=mask)
    fields = {}
    for name in ("counts", "counts_off", "acceptance", "acceptance_off"):
        data = getattr(dataset, name).data.ravel().astype(float).copy()
        data[~mask] = value
        fields[name] = on_energy(dataset, data)
    return clean, dataset.copy(mask_safe=mask, **fields)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0, 1e300])
def test_masked_bins_are_neutral_in_value_gradient_and_hessian(simulate_on_off, value):
    clean, dirty = (Likelihood(d, power_law()) for d in spoiled(simulate_on_off("run"), value))
    x = clean.x0
    assert float(clean.statistic(x)) == float(dirty.statistic(x))
    for first, second in zip(terms(clean), terms(dirty)):
        np.testing.assert_array_equal(first, second)
        assert np.isfinite(first).all()


def terms(likelihood):
    from gjax.freeze import _compiled as compiled

    x = likelihood.padded(likelihood.x0)
    return GRADIENT(likelihood.problem, x), compiled.compiled_hessian(likelihood.problem, x)


def _gradient(problem, x):
    from gjax.likelihood import statistic

    return jax.grad(statistic, argnums=1)(problem, x)


GRADIENT = jax.jit(_gradient)


def test_values_that_are_not_finite_inside_the_mask_are_refused(simulate_on_off):
    dataset = simulate_on_off("run")
    counts = dataset.counts.data.ravel().astype(float).copy()
    counts[2] = np.nan
    with pytest.raises(ValueError, match="dataset 'run': counts is negative or not finite in bins"):
        dataset.copy(counts=on_energy(dataset, counts))
    # outside of the safe mask NaN may stand, also where a bin is masked by mask_fit only
    mask = np.ones(8, bool)
    mask[2] = False
    accepted = dataset.copy(counts=on_energy(dataset, counts), mask_safe=mask)
    assert np.isfinite(Likelihood(accepted, power_law()).stat_sum())


# ---- padding, order and the choice of buckets ----


def test_padding_order_and_buckets_change_nothing(simulate_on_off):
    """Datasets of different shapes: alone, together, and in any order."""
    datasets = [
        simulate_on_off("a", seed=1),
        simulate_on_off("b", seed=2, n_bins=5, n_true=9),
        simulate_on_off("c", seed=3),
        simulate_on_off("d", seed=4, n_bins=6, n_true=12),
    ]
    model = power_law()
    together = Likelihood(datasets, model)
    assert len(together.frozen.buckets) == 2
    alone = {d.name: Likelihood(d, model).stat_sum() for d in datasets}
    assert together.stat_per_dataset() == pytest.approx(alone, rel=1e-12)
    assert together.stat_sum() == pytest.approx(sum(alone.values()), rel=1e-12)
    turned = Likelihood(datasets[::-1], model)
    assert turned.stat_sum() == pytest.approx(together.stat_sum(), rel=1e-12)
    for name, npred in together.npred().items():
        dataset = next(d for d in datasets if d.name == name)
        assert npred.data.shape == dataset.counts.data.shape
        np.testing.assert_allclose(npred.data, Likelihood(dataset, model).npred()[name].data, rtol=1e-12)


def test_padding_does_not_overflow(simulate_on_off):
    """A spectrum that rises beyond the data: padded energies stay near those of the data."""
    dataset = simulate_on_off("run", n_true=13)
    model = SkyModel(ExpCutoffPowerLawSpectralModel(lambda_="-5 TeV-1", amplitude="1e-12 cm-2 s-1 TeV-1"), name="s")
    likelihood = Likelihood(dataset, model)
    assert np.isfinite(likelihood.stat_sum())
    assert np.isfinite(jax.grad(likelihood.statistic)(likelihood.x0)).all()


def test_the_prediction_is_a_plain_sum(simulate_on_off):
    """Flux times exposure through the dispersion, with nothing but NumPy."""
    dataset = simulate_on_off("run")
    likelihood = Likelihood(dataset, power_law())
    edges = dataset.exposure.geom.axes["energy_true"].edges.to_value("TeV")
    flux = 2e-11 * np.diff(edges**-1.2) / -1.2
    exposure = dataset.exposure.quantity.to_value("cm2 s").ravel()
    expected = (flux * exposure) @ dataset.edisp.pdf_matrix
    np.testing.assert_allclose(likelihood.npred_signal()["run"].data.ravel(), expected, rtol=1e-12)
    off, alpha = dataset.counts_off.data.ravel(), dataset.alpha.data.ravel()
    background = likelihood.npred_background()["run"].data.ravel() / alpha
    on, mu = dataset.counts.data.ravel(), expected
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (
            1
            + alpha
            - np.where(on > 0, on * alpha / (mu + alpha * background), 0)
            - np.where(off > 0, off / background, 0)
        )
    at_edge = background == 0
    np.testing.assert_allclose(slope[~at_edge], 0, atol=1e-9)


def test_a_dataset_without_dispersion_is_diagonal(simulate_on_off):
    dataset = simulate_on_off("run", edisp=None)
    signal = Likelihood(dataset, power_law()).npred_signal()["run"].data.ravel()
    assert (signal > 0).any()
    assert np.isfinite(signal).all()


def test_kinds_of_data_mix(simulate_on_off):
    on_off = simulate_on_off("wstat")
    cash = on_off.to_spectrum_dataset(name="cash")
    frozen = freeze_datasets([on_off, cash])
    assert [type(b) for b in frozen.buckets] == [OnOffSpectra, CashSpectra]
    likelihood = Likelihood([on_off, cash], power_law())
    mu = likelihood.npred()["cash"].data.ravel()
    n = cash.counts.data.ravel()
    expected = 2 * np.sum(mu - n + np.where(n > 0, n * np.log(np.where(n > 0, n, 1) / mu), 0))
    assert likelihood.stat_per_dataset()["cash"] == pytest.approx(expected, rel=1e-10)


# ---- sources, links and units ----


def test_sources_are_seen_by_their_datasets_only(simulate_on_off):
    datasets = [simulate_on_off("run-1"), simulate_on_off("run-2")]
    here = SkyModel(power_law().spectral_model, name="here", datasets_names="run-1")
    everywhere = power_law("everywhere", amplitude="1e-11 cm-2 s-1 TeV-1")
    likelihood = Likelihood(datasets, [here, everywhere])
    one = likelihood.npred_signal(source="here")
    assert (one["run-1"].data > 0).all()
    np.testing.assert_array_equal(one["run-2"].data, 0.0)
    two = likelihood.npred_signal(source="everywhere")
    total = likelihood.npred_signal()
    for name in ("run-1", "run-2"):
        np.testing.assert_allclose(total[name].data, one[name].data + two[name].data, rtol=1e-12)
    with pytest.raises(KeyError, match="no model is called 'elsewhere'"):
        likelihood.npred_signal(source="elsewhere")


def test_linking_equals_substitution(simulate_on_off):
    """Two sources with a linked index are one with the summed amplitude."""
    dataset = simulate_on_off("run")
    index = Parameter(2.3)
    pair = [power_law("a", index=index, amplitude=1.5e-11), power_law("b", index=index, amplitude=0.5e-11)]
    single = Likelihood(dataset, power_law(index=2.3, amplitude=2e-11))
    linked = Likelihood(dataset, pair)
    assert linked.free_names == ["a.spectral.index", "a.spectral.amplitude", "b.spectral.amplitude"]
    assert linked.stat_sum() == pytest.approx(single.stat_sum(), rel=1e-12)
    # the slopes add up as the chain rule says
    apart = Likelihood(
        dataset, [power_law("a", index=2.3, amplitude=1.5e-11), power_law("b", index=2.3, amplitude=0.5e-11)]
    )
    parts = slopes(apart)
    first, second = parts["a.spectral.index"], parts["b.spectral.index"]
    assert slopes(linked)["a.spectral.index"] == pytest.approx(first + second, rel=1e-6)
    shifted = Likelihood(dataset, [pair[0], power_law("b", index=Affine(index, 2.0, -2.3), amplitude=0.5e-11)])
    assert shifted.stat_sum() == pytest.approx(single.stat_sum(), rel=1e-12)
    assert slopes(shifted)["a.spectral.index"] == pytest.approx(first + 2 * second, rel=1e-6)


def slopes(likelihood):
    """Numerical derivatives of the statistic by name."""
    x, step = np.asarray(likelihood.x0), 1e-5
    rise = [float(likelihood.statistic(x + s) - likelihood.statistic(x - s)) for s in step * np.eye(len(x))]
    return dict(zip(likelihood.free_names, np.array(rise) / (2 * step) / likelihood.scale))


def test_units_of_the_input_change_nothing(simulate_on_off):
    dataset = simulate_on_off("run")
    reference = Likelihood(dataset, power_law()).stat_sum()
    exposure = RegionNDMap.create(
        None,
        axes=[dataset.exposure.geom.axes["energy_true"]],
        data=dataset.exposure.data.ravel() * 1e4 / 3600,
        unit="cm2 h",
    )
    other = power_law(amplitude="2e-14 cm-2 s-1 GeV-1", reference="1000 GeV")
    assert Likelihood(dataset.copy(exposure=exposure), other).stat_sum() == pytest.approx(reference, rel=1e-12)


def test_energy_scale_and_exposure_norm_act_as_written(simulate_on_off):
    """n phi(E / (1 + z)) / (1 + z) of a power law is a power law with another amplitude."""
    dataset = simulate_on_off("run")
    instrument = InstrumentModel("hess", energy_scale=Parameter(0.1), exposure_norm=Parameter(1.2))
    likelihood = Likelihood(dataset, [power_law(index=2.3), instrument])
    amplitude = 2e-11 * 1.2 * 1.1 ** (2.3 - 1)
    assert likelihood.stat_sum() == pytest.approx(
        Likelihood(dataset, power_law(index=2.3, amplitude=amplitude)).stat_sum(), rel=1e-10
    )
    untouched = Likelihood(dataset, [power_law(index=2.3), InstrumentModel("magic", datasets_names="magic-*")])
    assert untouched.stat_sum() == pytest.approx(Likelihood(dataset, power_law(index=2.3)).stat_sum(), rel=1e-12)


def test_a_likelihood_is_a_pure_function_of_the_free_vector(simulate_on_off):
    likelihood = Likelihood(simulate_on_off("run"), power_law())
    before = likelihood.stat_sum()
    x = likelihood.x0
    values = jax.vmap(likelihood.statistic)(jnp.stack([x, x * 1.1]))
    assert float(values[0]) == pytest.approx(before, rel=1e-14)
    assert float(values[1]) != pytest.approx(before, rel=1e-6)
    assert likelihood.stat_sum() == before
    frozen = likelihood.freeze("index")
    assert likelihood.free_names == ["crab.spectral.index", "crab.spectral.amplitude"]
    assert frozen.free_names == ["crab.spectral.amplitude"]
    with pytest.raises(ValueError, match=r"x: expected shape \(2,\)"):
        likelihood.statistic(jnp.zeros(3))
    assert "OnOffSpectra" in repr(likelihood)

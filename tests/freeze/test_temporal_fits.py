"""Fits of sources that vary with time, and with priors on several parameters."""

import astropy.units as u
import jax
import numpy as np
import pytest
from astropy.time import Time

import gjax
from gjax.data import GTI
from gjax.datasets import FluxPoints, FluxPointsDataset
from gjax.errors import ConfigError, FitError
from gjax.models import (
    DatasetNormTemporalModel,
    GaussianTemporalModel,
    LightCurveTemplateTemporalModel,
    LinearTemporalModel,
    Models,
    PowerLawSpectralModel,
    SkyModel,
)
from gjax.parameters import GaussianPrior, GaussianProcessPrior, Parameter, PopulationPrior, SmoothnessPrior

FLUX = u.Unit("cm-2 s-1 TeV-1")
ENERGY = np.array([1.0, 3.0, 10.0])
DAY = 59000


def run_of(k, norm, error=0.05, noise=0.0):
    """Flux points of two short intervals every half a day."""
    start = Time(DAY, 0.5 * k, format="mjd", scale="utc")
    gti = GTI.create([0, 2000] * u.s, [1000, 3500] * u.s, reference_time=start)
    flux = norm * 1e-11 * ENERGY**-2.0 * (1 + noise)
    points = FluxPoints.from_arrays(
        e_ref=ENERGY * u.TeV, dnde=flux * FLUX, dnde_err=error * 1e-11 * ENERGY**-2.0 * FLUX
    )
    return FluxPointsDataset(FluxPoints.from_table(points.to_table("dnde"), gti=gti), name=f"run-{k}")


def means(model, number):
    out = []
    for k in range(number):
        start = Time(DAY, 0.5 * k, format="mjd", scale="utc")
        begin = start + [0, 2000] * u.s
        out.append(float(model.integral(begin, begin + [1000, 1500] * u.s).sum()))
    return np.array(out)


def source(temporal=None, name="flare", **options):
    amplitude = Parameter("1e-11 cm-2 s-1 TeV-1", frozen=True)
    spectrum = PowerLawSpectralModel(index=Parameter(2.0, frozen=True), amplitude=amplitude)
    return SkyModel(spectrum, name=name, temporal_model=temporal, **options)


TRUTH = GaussianTemporalModel(t_ref=DAY + 1.3, sigma="0.7 d")


@pytest.fixture(scope="module")
def runs():
    return [run_of(k, norm) for k, norm in enumerate(means(TRUTH, 6))]


@pytest.fixture(scope="module")
def flare(runs):
    return gjax.Likelihood(runs, source(GaussianTemporalModel(t_ref=DAY + 1.1, sigma="1 d"))).fit()


def test_a_flare_over_many_runs(runs, flare):
    assert flare.success
    assert flare["t_ref"][0] == pytest.approx(DAY + 1.3, abs=1e-7)
    assert flare["sigma"][0] == pytest.approx(0.7, abs=1e-7)
    assert flare.total_stat == pytest.approx(0.0, abs=1e-8)
    assert "59001.3" in str(Models(flare.models))
    # errors by differences of predictions
    slopes = []
    for key in ("t_ref", "sigma"):
        value = {"t_ref": DAY + 1.3, "sigma": 0.7}
        up, down = (means(GaussianTemporalModel(**(value | {key: value[key] + h})), 6) for h in (1e-4, -1e-4))
        slopes.append((up - down) / 2e-4 / 0.05)
    exact = np.linalg.inv(3 * np.array(slopes) @ np.array(slopes).T)
    np.testing.assert_allclose(flare.covariance, exact, rtol=1e-4)
    profile = flare.profile("t_ref", values=[DAY + 1.28, DAY + 1.32])
    assert profile.values.tolist() == [DAY + 1.28, DAY + 1.32]


def test_predictions_are_means_over_good_time_intervals(runs):
    predicted = gjax.Likelihood(runs, source(TRUTH)).npred_signal()
    found = [predicted[f"run-{k}"][0] / 1e-11 for k in range(6)]
    np.testing.assert_allclose(found, means(TRUTH, 6), rtol=1e-9)


def test_sources_of_one_kind_are_one_group_and_constant_ones_another(runs):
    models = [source(TRUTH), source(GaussianTemporalModel(t_ref=DAY), name="other"), source(name="steady")]
    likelihood = gjax.Likelihood(runs, models)
    assert [len(names) for names in likelihood._group_names()] == [2, 1]
    assert likelihood.problem.groups[1].temporal is None
    both = likelihood.npred_signal()["run-2"]
    parts = [likelihood.npred_signal(source=name)["run-2"] for name in ("flare", "other", "steady")]
    np.testing.assert_allclose(both, np.sum(parts, axis=0), rtol=1e-12)


def test_light_curves_that_depend_on_energy(runs):
    hardening = LightCurveTemplateTemporalModel([0, 3], [[1.0, 1.0], [1.0, 8.0]], [1, 10], t_ref=DAY)
    predicted = gjax.Likelihood(runs, source(hardening)).npred_signal()
    flat = gjax.Likelihood(runs, source()).npred_signal()
    for k in (0, 5):
        ratio = predicted[f"run-{k}"] / flat[f"run-{k}"]
        start = DAY + 0.5 * k + np.array([0, 2000]) / 86400
        exact = [
            hardening.integral(start, start + np.array([1000, 1500]) / 86400, e * u.TeV).value.sum() for e in ENERGY
        ]
        np.testing.assert_allclose(ratio, exact, rtol=1e-8)


@pytest.fixture(scope="module")
def norms(runs):
    model = DatasetNormTemporalModel([f"run-{k}" for k in range(6)])
    return model, gjax.Likelihood(runs, source(model))


def test_a_norm_per_dataset(runs, norms):
    _model, likelihood = norms
    result = likelihood.fit()
    assert result.success
    np.testing.assert_allclose(result.models["flare"].temporal_model.norms.value, means(TRUTH, 6), rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(result.covariance)), 0.05 / np.sqrt(3), rtol=1e-6)
    # one colour is enough for all of them
    assert likelihood.problem.columns.directions.any(axis=1).sum() == 1
    # datasets without a norm keep the flux
    part = gjax.Likelihood(runs, source(DatasetNormTemporalModel({"run-1": 3.0})))
    flux = [part.npred_signal()[f"run-{k}"][0] for k in range(3)]
    np.testing.assert_allclose(flux, [1e-11, 3e-11, 1e-11])


def test_times_that_are_missing(runs):
    bare = FluxPointsDataset(FluxPoints.from_table(runs[0].data.to_table("dnde")), name="bare")
    with pytest.raises(FitError, match=r"'flare'.*'bare'.*good time"):
        gjax.Likelihood([bare], source(TRUTH)).stat_sum()
    # a dataset that does not see the source needs none
    elsewhere = source(TRUTH, datasets_names=["run-*"])
    found = gjax.Likelihood([bare, runs[2]], [elsewhere, source(name="steady")]).npred_signal(source="flare")
    assert found["bare"].sum() == 0
    assert found["run-2"][0] / 1e-11 == pytest.approx(means(TRUTH, 6)[2])


# ---- priors on several parameters ----


def noisy(error):
    rng = np.random.default_rng(7)
    truth = 1 + 0.5 * np.sin(np.arange(6) / 1.5)
    return [run_of(k, norm, error, error * rng.normal(size=3) / norm) for k, norm in enumerate(truth)]


def test_a_gaussian_process_is_what_algebra_says():
    error, nodes = 0.4, 0.5 * np.arange(6.0)
    runs = noisy(error)
    model = DatasetNormTemporalModel([f"run-{k}" for k in range(6)])
    prior = GaussianProcessPrior(model.norms, nodes, length_scale=1.0, amplitude=0.5, kernel="rbf", name="gp")
    likelihood = gjax.Likelihood(runs, Models(source(model), priors=[prior]))
    result = likelihood.fit()
    assert result.success
    data = np.array([np.mean(run.data.dnde.to_value(FLUX).ravel() / 1e-11 / ENERGY**-2.0) for run in runs])
    kernel = 0.25 * (np.exp(-0.5 * (nodes[:, None] - nodes) ** 2) + 1e-6 * np.eye(6))
    noise = error**2 / 3 * np.eye(6)
    gain = kernel @ np.linalg.inv(kernel + noise)
    np.testing.assert_allclose(result.models["flare"].temporal_model.norms.value, 1 + gain @ (data - 1), rtol=1e-5)
    np.testing.assert_allclose(result.covariance, kernel - gain @ kernel, rtol=1e-4, atol=1e-7)
    # other numbers of the same prior are data of the same program
    other = Models(
        source(model),
        priors=[GaussianProcessPrior(model.norms, 2 * nodes, 0.7, amplitude=0.3, kernel="rbf", name="gp")],
    )
    again = likelihood.with_models(other)
    assert jax.tree_util.tree_structure(again.problem) == jax.tree_util.tree_structure(likelihood.problem)
    values = likelihood.models.with_values({"gp.length_scale": 2.0}).priors[0].length_scale.value
    assert values == 2.0


def test_what_models_with_priors_refuse(runs):
    model = DatasetNormTemporalModel(["run-1", "run-2"])
    prior = PopulationPrior(model.norms, 1.0, 0.5, name="flare")
    with pytest.raises(ValueError, match="a model and a prior"):
        Models(source(model), priors=[prior])
    with pytest.raises(ValueError, match="no model has"):
        Models(source(), priors=[PopulationPrior([Parameter(1.0)], 1.0, 0.5)])
    with pytest.raises(ValueError, match="joint priors"):
        Models(source(model), priors=[GaussianPrior(0, 1)])
    two = [source(LinearTemporalModel(), name=name) for name in "ab"]
    crowd = PopulationPrior([m.temporal_model.alpha for m in two], 1.0, 0.5)
    with pytest.raises(ValueError, match="count it twice"):
        Models(two, priors=[crowd]).link("a.temporal.alpha", "b.temporal.alpha")
    component = Models(two).to_dict()
    for row, match in (
        ({"type": "crowd"}, "crowd"),
        ({"type": "population", "of": ["c.alpha"]}, "c.alpha"),
        ({"type": "population", "wide": 1}, "wide"),
        ({"type": "smoothness", "of": ["a.temporal.alpha"]}, "more than 2"),
    ):
        with pytest.raises(ConfigError, match=match):
            Models.from_dict(component | {"priors": [row]})


def test_a_population(tmp_path):
    rng = np.random.default_rng(3)
    true = 1.2 + 0.3 * rng.normal(size=6)
    runs = [run_of(k, norm, 0.02) for k, norm in enumerate(true)]
    models = [
        SkyModel(
            PowerLawSpectralModel(
                index=Parameter(2.0, frozen=True), amplitude=Parameter("1e-11 cm-2 s-1 TeV-1", scale=1e-12)
            ),
            name=f"s{k}",
            datasets_names=[f"run-{k}"],
        )
        for k in range(6)
    ]
    members = [m.spectral_model.amplitude for m in models]
    sigma = Parameter("0.2e-11 cm-2 s-1 TeV-1", min=1e-14, scale=1e-12)
    prior = PopulationPrior(members, Parameter("1e-11 cm-2 s-1 TeV-1", scale=1e-12), sigma, name="crowd")
    joint = Models(models, priors=[prior])
    assert joint.parameter_table.names[-2:] == ["crowd.mean", "crowd.sigma"]
    result = gjax.Likelihood(runs, joint).fit()
    assert result.success
    # members are known to 1 %: mean and width are those of the truth
    assert result["crowd.mean"][0] == pytest.approx(1e-11 * true.mean(), rel=2e-3)
    assert result["crowd.sigma"][0] == pytest.approx(1e-11 * true.std(), rel=0.02)
    assert result["crowd.sigma"][1] == pytest.approx(1e-11 * true.std() / np.sqrt(12), rel=0.1)
    # files
    result.models.write(tmp_path / "models.yaml")
    back = Models.read(tmp_path / "models.yaml")
    assert back.to_dict()["priors"] == result.models.to_dict()["priors"]
    assert [p is m.spectral_model.amplitude for p, m in zip(back.priors[0].parameters, back)] == [True] * 6
    assert gjax.Likelihood(runs, back).stat_sum() == pytest.approx(result.total_stat, abs=1e-9)


def test_samples_need_a_norm_of_the_prior(runs, norms):
    model, likelihood = norms
    with pytest.raises(FitError, match="proper prior"):
        likelihood.sample(jax.random.key(0))
    rough = gjax.Likelihood(runs, Models(source(model), priors=[SmoothnessPrior(model.norms)]))
    with pytest.raises(FitError, match="proper prior"):
        rough.sample(jax.random.key(0))
    width = Parameter(0.5, min=0.01)
    wide = Models(source(model), priors=[PopulationPrior(model.norms, 1.0, width, name="crowd")])
    with pytest.raises(FitError, match=r"without one are: crowd.mean, crowd.sigma"):
        gjax.Likelihood(runs, wide).sample(jax.random.key(0))

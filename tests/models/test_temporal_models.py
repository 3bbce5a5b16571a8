"""What every temporal model must do: values, integrals, derivatives in both precisions, times, files, errors."""

import inspect
import itertools

import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from astropy.time import Time
from scipy.integrate import quad

import gjax.models
from gjax.errors import ConfigError, DataFormatError, MissingDataError, UnitError
from gjax.models import (
    AbstractTemporalModel,
    ConstantTemporalModel,
    DatasetNormTemporalModel,
    ExpDecayTemporalModel,
    GaussianTemporalModel,
    GeneralizedGaussianTemporalModel,
    LightCurveTemplateTemporalModel,
    LinearTemporalModel,
    Models,
    PowerLawSpectralModel,
    PowerLawTemporalModel,
    SineTemporalModel,
    SkyModel,
    TemplatePhaseCurveTemporalModel,
    temporal_models,
)
from gjax.models._temporal_face import compiled_integrals
from gjax.parameters import Affine, GaussianPrior, Parameter, fill, freeze_tree, parameter

DAY = 59000.25
POINTS = ([-3.0, -1.0, 0.5, 2.0, 6.0], [0.2, 1.0, 3.0, 0.7, 0.4])


class LorentzTemporalModel(AbstractTemporalModel):
    """A model that a user would write."""

    tag = "test-lorentz"
    t_ref: Parameter = parameter(DAY, "d")
    width: Parameter = parameter("2 d", "d")

    def evaluate(self, time):
        return 1 / (1 + ((time - self.t_ref) / self.width) ** 2)


CASES = {
    "const": ConstantTemporalModel(),
    "linear": LinearTemporalModel(alpha=1.2, beta=0.05, t_ref=DAY),
    "exp-decay": ExpDecayTemporalModel(t0="3 d", t_ref=DAY),
    "gauss": GaussianTemporalModel(t_ref=DAY, sigma="2 d"),
    "gengauss": GeneralizedGaussianTemporalModel(t_ref=DAY, t_rise="1 d", t_decay="3 d", eta=0.7),
    "powerlaw": PowerLawTemporalModel(alpha=-1.3, t_ref=DAY - 10),
    "sinus": SineTemporalModel(amp=0.4, omega="0.9 rad / d", t_ref=DAY),
    "template": LightCurveTemplateTemporalModel(*POINTS, t_ref=DAY),
    "template-phase": TemplatePhaseCurveTemporalModel(
        [0.1, 0.4, 0.6, 0.9],
        [1.0, 0.2, 2.0, 1.0],
        t_ref=DAY,
        phi_ref=0.2,
        f0="1.1e-6 s-1",
        f1="-1e-18 s-2",
        f2="1e-28 s-3",
    ),
    "test-lorentz": LorentzTemporalModel(t_ref=DAY),
}
#: Points where textbook formulas divide by zero or lose their digits.
SPECIAL = {
    "const": [],
    "linear": [{"beta": 0.0}, {"alpha": 0.0}],
    "exp-decay": [{"t0": 1e9}, {"t0": -3.0}, {"t0": 1e-3}, {"t0": 0.0}],
    "gauss": [{"sigma": 1e-3}, {"sigma": 1e6}, {"sigma": 0.0}, {"sigma": -2.0}],
    "gengauss": [{"eta": 0.5}, {"eta": 1.0}, {"eta": 0.05}, {"t_rise": 1e-3}, {"t_decay": 1e5}, {"eta": 0.0}],
    "powerlaw": [{"alpha": -1.0}, {"alpha": 0.0}, {"alpha": 1.0}, {"alpha": -1 + 1e-9}, {"alpha": -2.0}],
    "sinus": [{"omega": 0.0}, {"amp": 0.0}, {"omega": 1e-9}, {"omega": 40.0}],
    "template": [],
    "template-phase": [{"f0": 0.0}],
    "test-lorentz": [],
}
START = np.array([-8.0, -4.0, -0.5, 0.25, 1.5, 5.0, 9.0])
WIDTH = np.array([3.0, 0.02, 2.0, 0.3, 4.0, 0.7, 12.0])
NAMES = list(CASES)


ROWS = 24
COMPILED = {}


def spread_of(model):
    """The size of every parameter, in whose units derivatives are taken."""
    table = freeze_tree(model)[1]
    size = np.where(table.origins > 10_000, 0.0, np.abs(table.values))
    return np.where(size > 0, size, 0.1)


def derivatives(name, thetas, order=2):
    """Integrals and values with derivatives by all parameters, in units of their sizes, for many parameter vectors."""
    model, key = CASES[name], (name, order, jnp.result_type(float))
    ends = jax.tree_util.tree_map(jnp.asarray, model.coordinates(START + DAY - model.epoch, WIDTH))
    padded = jnp.asarray(np.concatenate([thetas, np.tile(thetas[-1:], (ROWS - len(thetas), 1))]))
    if key not in COMPILED:
        skeleton, _ = freeze_tree(model)
        scale = jnp.asarray(spread_of(model))

        def all_of(base, ends):
            def integrals(y):
                filled = fill(skeleton, base + scale * y)
                return jnp.concatenate([filled.integrate(*ends), filled.evaluate(ends[0])])

            zero = jnp.zeros_like(base)
            first = jax.jacfwd(integrals)
            return integrals(zero), first(zero), *([jax.jacfwd(first)(zero)] if order == 2 else [])

        program = jax.jit(jax.vmap(all_of, in_axes=(0, None)))
        # programs that run once are not worth the time to optimise them
        COMPILED[key] = program.lower(padded, ends).compile({"xla_backend_optimization_level": 0})
    out = COMPILED[key](padded, ends)
    return [np.asarray(array)[: len(thetas)] for array in out]


def points_of(name, number=6):
    """The ordinary point, the special ones, and random ones around."""
    table = freeze_tree(CASES[name])[1]
    rng, base = np.random.default_rng(5), table.counted
    rows = [base]
    for changes in SPECIAL[name]:
        row = base.copy()
        for key, value in changes.items():
            row[table.names.index(key)] = value - table.origins[table.names.index(key)]
        rows.append(row)
    return np.stack(rows + [base + spread_of(CASES[name]) * rng.uniform(-0.5, 0.6, len(base)) for _ in range(number)])


def test_every_model_is_covered():
    public = {
        cls.tag
        for cls in vars(gjax.models).values()
        if inspect.isclass(cls) and issubclass(cls, AbstractTemporalModel) and not inspect.isabstract(cls)
    }
    assert public == set(NAMES) - {"test-lorentz"} | {"dataset-norm"}
    assert set(temporal_models()) >= set(NAMES)
    assert "gengauss" in set(gjax.models.list("temporal")["tag"])


def integral_of(model, value_at, low, high):
    """Integrate by 60 nodes that crowd towards both ends."""
    x, weight = np.polynomial.legendre.leggauss(60)
    t = 0.25 * (2 + 3 * x - x**3)
    times = low + (high - low) * t
    values = value_at(jax.tree_util.tree_map(jnp.asarray, model.coordinates(times - model.epoch)[0]))
    return float(np.sum(values * weight * 0.75 * (1 - x**2)) * (high - low))


@pytest.mark.parametrize("name", NAMES)
def test_integrals_are_those_of_a_quadrature(name):
    model = CASES[name]
    kinks = DAY + np.array([0.0, *POINTS[0]])
    if name == "template":
        kinks = model.epoch + float(model.filled().t_ref) + model.time
    if name == "template-phase":
        # the phase has kinks at its points, every ten days; and turns
        phases = np.concatenate([model.phase, 1 + model.phase, 2 + model.phase, 3 + model.phase]) - 2
        kinks = DAY + (phases - 0.2) / (1.1e-6 * 86400)
        kinks = kinks + (kinks - DAY) ** 2 * 86400 * 1e-18 / 2 / 1.1e-6
    total, filled = np.sum(WIDTH), model.filled()
    value_at = jax.jit(lambda t: filled.evaluate(t))
    ours = np.asarray(model.integral(DAY + START, DAY + START + WIDTH)) * total
    for low, width, value in zip(DAY + START, WIDTH, ours):
        inside = kinks[(kinks > low) & (kinks < low + width)]
        edges = np.unique([low, *inside, low + width])
        exact = sum(integral_of(model, value_at, a, b) for a, b in itertools.pairwise(edges))
        # modified Julian dates in double precision have 1e-11 d
        assert value == pytest.approx(exact, rel=1e-7 if name == "template-phase" else 2e-9, abs=1e-12), (low, width)


CHANGING = [name for name in NAMES if name != "const"]


@pytest.mark.parametrize("name", CHANGING)
def test_derivatives_in_double_precision(name):
    points = points_of(name)
    values, first, second = derivatives(name, points)
    for array in (values, first, second):
        assert np.isfinite(array).all()
    base, n = points[0], len(points[0])
    step = 1e-6 * np.diag(spread_of(CASES[name]))
    value, slope, _ = derivatives(name, np.concatenate([base + step, base - step]))
    for i in range(n):
        numerical = (value[i] - value[n + i]) / 2e-6
        np.testing.assert_allclose(first[0][:, i], numerical, rtol=1e-5, atol=2e-8 * max(1, np.abs(numerical).max()))
        bend = (slope[i] - slope[n + i]) / 2e-6
        np.testing.assert_allclose(second[0][:, i], bend, rtol=1e-4, atol=1e-6 * max(1.0, np.abs(bend).max()))


@pytest.mark.parametrize("name", [n for n in CHANGING if n not in ("linear", "template", "test-lorentz")])
def test_derivatives_in_single_precision(name):
    points = points_of(name)
    double = derivatives(name, points[:1])[0]
    with jax.enable_x64(False):
        single = derivatives(name, points)
        assert single[0].dtype == np.float32
    np.testing.assert_allclose(single[0][0], double[0], rtol=2e-5, atol=1e-6)
    for array in single:
        assert np.isfinite(array).all()


def test_times_of_a_year_keep_their_digits_in_single_precision():
    """A flare of a minute, three years after an epoch that ends in a fraction, and a pulsar."""
    flare = GaussianTemporalModel(t_ref=60123.456789, sigma="1 min")
    pulsar = TemplatePhaseCurveTemporalModel([0, 0.5, 1], [0, 2, 0], t_ref=59000.123, f0="29.9 s-1", f1="-3e-10 s-2")
    start = [np.array([60123.456789 - 2 / 1440]), np.array([60123.456789])]
    width = [np.array([4 / 1440]), np.array([0.3 / 29.9 / 86400])]
    for model, a, w in zip((flare, pulsar), start, width):
        double = compiled_integrals(model.filled(), *model.coordinates(a - model.epoch, w), {})
        with jax.enable_x64(False):
            single = compiled_integrals(model.filled(), *model.coordinates(a - model.epoch, w), {})
            assert single.dtype == jnp.float32
        np.testing.assert_allclose(single, double, rtol=3e-4)


def test_known_numbers():
    # Gammapy's integral of this sine is 1.0716
    sine = SineTemporalModel(amp=0.5, omega="0.37 rad / d", t_ref=59000)
    exact = (10 + 0.5 / 0.37 * (1 - np.cos(3.7))) / 10
    assert sine.integral(59000, 59010).value == pytest.approx(exact, rel=1e-12)
    # and of this pulse 0.58907
    pulse = GeneralizedGaussianTemporalModel(t_ref=59000, t_rise="1 d", t_decay="1 d", eta=1.0)
    assert pulse.integral(59000, 59001).value == pytest.approx(2 * (1 - np.exp(-0.5)), rel=1e-12)
    assert PowerLawTemporalModel(alpha=-0.5, t_ref=59000).integral(58999, 59004).value == pytest.approx(
        4 / 5, rel=1e-12
    )
    assert np.isinf(PowerLawTemporalModel(alpha=-1.5, t_ref=59000).integral(58999, 59004).value)


def test_times_and_scales():
    model = GaussianTemporalModel(t_ref=DAY, sigma="1 d")
    time = Time(DAY + 1, format="mjd", scale="utc")
    assert model(time.tt) == model(time) == model((DAY + 1) * u.d) == model(DAY + 1)
    in_tt = GaussianTemporalModel(t_ref=Time(DAY, format="mjd", scale="utc").tt.mjd, sigma="1 d", scale="tt")
    assert in_tt(time).value == pytest.approx(model(time).value, rel=1e-9)
    assert model.reference_time.mjd == DAY
    assert model(time + [0, 1] * u.d).shape == (2,)
    start = time + [0, 1] * u.d
    assert model.integral(start, start + 1 * u.h).shape == (2,)
    assert model.integral(time, time + 1 * u.h).shape == ()
    for bad, match in (((time, time), "no length"), ((time, time - 1 * u.d), "ends before")):
        with pytest.raises(ValueError, match=match):
            model.integral(*bad)
    with pytest.raises(ValueError, match="scale"):
        GaussianTemporalModel(scale="local")
    with pytest.raises(UnitError, match="sigma"):
        GaussianTemporalModel(sigma="1 TeV")
    with pytest.raises(ValueError, match="t_ref"):
        GaussianTemporalModel(t_ref=float("nan"))


def test_dates_are_counted_from_whole_days():
    date = Parameter(59000.75, "d", min=58990, prior=GaussianPrior(59001.0, 2.0))
    later = Affine(date, 1.0, 3.5)
    assert (date.origin, later.origin, date.replace(value=59010.0).origin) == (59000.0, 59004.0, 59000.0)
    assert Parameter(3.0, "d").origin == 0 == Parameter(59000.0, "TeV").origin
    assert Parameter(29.9, "s-1", origin="own").origin == 29.9
    models = [GaussianTemporalModel(t_ref=date), GaussianTemporalModel(t_ref=later)]
    skeleton, table = freeze_tree(models)
    frozen = table.freeze()
    assert table.values[0] == 59000.75
    assert frozen.value[0] == 0.75
    assert frozen.lower[0] == -10
    assert frozen.prior_rows[0, 0] == 1.0
    filled = fill(skeleton, jnp.asarray(table.counted))
    assert [float(m.t_ref) for m in filled] == [0.75, 0.25]
    np.testing.assert_allclose([m(59004.25).value for m in models], [np.exp(-0.5 * 3.5**2), 1.0])


def test_light_curves_go_on_along_their_last_lines_and_end_at_zero():
    model = LightCurveTemplateTemporalModel([0, 1, 2], [1.0, 2.0, 1.0], t_ref=59000)
    np.testing.assert_allclose(model([58998.0, 58999.5, 59000.5, 59002.5, 59004.0]).value, [0, 0.5, 1.5, 0.5, 0])
    assert model.integral(58990, 59010).value == pytest.approx((0.5 + 3.0 + 0.5) / 20)
    log = LightCurveTemplateTemporalModel([0, 1], [1.0, np.e], t_ref=59000, values_scale="log")
    assert log(59000.5).value == pytest.approx(np.exp(0.5))
    assert log.integral(59000, 59001).value == pytest.approx(np.e - 1)
    afterglow = LightCurveTemplateTemporalModel([1, 10], [1.0, 0.1], t_ref=59000, values_scale="log", interp="log")
    assert afterglow(59004).value == pytest.approx(0.25)
    assert afterglow(58999).value == 0
    assert afterglow.integral(59002, 59004).value == pytest.approx(np.log(2) / 2, rel=1e-9)
    for options, match in (
        (([0], [1]), "two times"),
        (([0, 0], [1, 1]), "increasing"),
        (([0, 1], [1, -1]), "negative"),
        (([0, 1], [1, 1], [2, 1]), "energy"),
    ):
        with pytest.raises(ValueError, match=match):
            LightCurveTemplateTemporalModel(*options)
    with pytest.raises(ValueError, match="interp"):
        LightCurveTemplateTemporalModel([1, 2], [1, 1], interp="log")


def test_light_curves_that_depend_on_energy(tmp_path):
    values = np.array([[1.0, 2.0, 4.0], [8.0, 2.0, 1.0]])
    model = LightCurveTemplateTemporalModel([1, 2, 3], values, [1, 100] * u.TeV, t_ref=59000)
    assert model.is_energy_dependent
    assert model(59001, "10 TeV").value == pytest.approx(np.sqrt(8))
    assert model(59002.5, "0.1 TeV").value == pytest.approx(np.sqrt(8))
    exact = quad(lambda t: float(model(t, "10 TeV")), 59001.2, 59002.9, points=[59002], epsabs=1e-12)[0]
    assert model.integral(59001.2, 59002.9, "10 TeV").value * 1.7 == pytest.approx(exact, rel=1e-9)
    with pytest.raises(ValueError, match="energy"):
        model(59001)
    model.write(tmp_path / "map.fits")
    back = LightCurveTemplateTemporalModel.read(tmp_path / "map.fits", format="map")
    np.testing.assert_allclose(back(59001.5, [1, 30] * u.TeV).value, model(59001.5, [1, 30] * u.TeV).value, rtol=1e-12)
    times = model.sample_time(2000, 59001, 59003, random_state=1, energy="100 TeV")
    assert 1.3 < np.mean(times.mjd - 59000) < 1.9


def test_phase_curves():
    model = CASES["template-phase"]
    assert np.trapezoid(model.norm, model.phase) == pytest.approx(1.0)
    turn = 1 / 1.1e-6 / 86400
    assert model(DAY).value == pytest.approx(np.interp(0.2, model.phase, model.norm))
    # after a turn, slowed down by f1
    shift = -1e-18 * (turn * 86400) ** 2 / 2
    assert model(DAY + turn).value == pytest.approx(np.interp(0.2 + shift, model.phase, model.norm), rel=1e-9)
    raw = TemplatePhaseCurveTemporalModel([0, 1], [1.0, 3.0], normalize=False)
    assert raw.norm.tolist() == [1, 3]
    for options, match in ((([0, 2], [1, 1]), "phase"), (([0, 1], [0, 0]), "mean"), (([0], [1]), "two phases")):
        with pytest.raises(ValueError, match=match):
            TemplatePhaseCurveTemporalModel(*options)


def test_times_of_events_follow_the_model():
    start = Time(DAY, format="mjd", scale="tt")
    model = ExpDecayTemporalModel(t0="1 h", t_ref=start.utc.mjd)
    times = model.sample_time(20000, start, start + 10 * u.h, random_state=3)
    hours = (times - start).to_value("h")
    assert hours.min() >= 0
    assert hours.max() <= 10
    assert np.mean(hours) == pytest.approx(1.0, abs=0.03)
    again = model.sample_time(20000, start, start + 10 * u.h, random_state=3)
    np.testing.assert_array_equal(hours, (again - start).to_value("h"))
    with pytest.raises(ValueError, match="range"):
        model.sample_time(1, start, start)
    with pytest.raises(ValueError, match="negative or zero"):
        PowerLawTemporalModel(t_ref=DAY + 10).sample_time(1, start, start + 1 * u.d)


def test_model_files_keep_everything(tmp_path):
    CASES["template"].write(tmp_path / "curve.fits")
    phase = CASES["template-phase"]
    phase.write(tmp_path / "phase.fits")
    again = {name: CASES[name] for name in NAMES}
    again["template"] = LightCurveTemplateTemporalModel.read(tmp_path / "curve.fits")
    values = {name: p.value for name, p in phase.parameters.items()}
    again["template-phase"] = TemplatePhaseCurveTemporalModel.read(tmp_path / "phase.fits", **values)
    shared = Parameter(DAY, "d", min=58000, prior=GaussianPrior(DAY, 3.0), error=0.1)
    again["gauss"] = GaussianTemporalModel(t_ref=shared, scale="tt")
    again["sinus"] = SineTemporalModel(t_ref=shared)
    again["dataset-norm"] = DatasetNormTemporalModel({"run-1": 1.1, "run-2": 0.7})
    models = Models([SkyModel(PowerLawSpectralModel(), name=n, temporal_model=m) for n, m in again.items()])
    models.write(tmp_path / "models.yaml")
    back = Models.read(tmp_path / "models.yaml")
    assert yaml.safe_load((tmp_path / "models.yaml").read_text()) == back.to_dict()
    assert back.parameter_table.names == models.parameter_table.names
    np.testing.assert_array_equal(back.parameter_table.values, models.parameter_table.values)
    np.testing.assert_array_equal(back.parameter_table.free, models.parameter_table.free)
    assert back["gauss"].temporal_model.t_ref is back["sinus"].temporal_model.t_ref
    assert back["gauss"].temporal_model.scale == "tt"
    time = DAY + np.linspace(-5, 5, 7)
    for name in NAMES:
        ours, theirs = (m[name].temporal_model(time).value for m in (models, back))
        np.testing.assert_array_equal(ours, theirs)
    assert "temporal" in str(back)
    assert f"{DAY:.4f}" in str(back)


@pytest.mark.parametrize(
    ("temporal", "match"),
    [
        ({"type": "NoTemporalModel"}, "NoTemporalModel"),
        ({"type": "gauss", "parameters": [{"name": "width", "value": 1}]}, "width"),
        ({"type": "gauss", "wide": 1}, "wide"),
        ({"type": "gauss", "scale": "moon"}, "moon"),
        ({"type": "template"}, "filename"),
        ({"type": "template-phase"}, "filename"),
        ({"type": "dataset-norm"}, "norms"),
        ({"parameters": []}, "type"),
        ({"type": "gauss", "parameters": [{"name": "sigma", "value": 1, "unit": "TeV"}]}, "sigma"),
    ],
)
def test_model_files_that_are_wrong(temporal, match):
    component = {"name": "a", "type": "SkyModel", "spectral": {"type": "pl"}, "temporal": temporal}
    with pytest.raises(ConfigError, match=match):
        Models.from_dict({"components": [component]})


def test_files_of_light_curves_that_are_wrong(tmp_path):
    from astropy.io import fits
    from astropy.table import Table

    with pytest.raises(MissingDataError):
        LightCurveTemplateTemporalModel.read(tmp_path / "none.fits")
    (tmp_path / "text.fits").write_text("no FITS")
    with pytest.raises(DataFormatError):
        TemplatePhaseCurveTemporalModel.read(tmp_path / "text.fits")
    Table({"TIME": [0.0, 1.0] * u.d, "NORM": [1.0, 2.0]}).write(tmp_path / "bare.fits")
    with pytest.raises(DataFormatError, match="MJDREF"):
        LightCurveTemplateTemporalModel.read(tmp_path / "bare.fits")
    with pytest.raises(DataFormatError, match="PHASE"):
        TemplatePhaseCurveTemporalModel.read(tmp_path / "bare.fits")
    with pytest.raises(DataFormatError, match="SKYMAP"):
        LightCurveTemplateTemporalModel.read(tmp_path / "bare.fits", format="map")
    with pytest.raises(ValueError, match="format"):
        LightCurveTemplateTemporalModel.read(tmp_path / "bare.fits", format="list")
    table = fits.BinTableHDU.from_columns(
        [fits.Column("TIME", "D", array=[0.0, 1.0]), fits.Column("NORM", "D", array=[1, 1])]
    )
    table.header.update({"MJDREFI": 59000, "MJDREFF": 0.5, "TIMESYS": "TT"})
    table.writeto(tmp_path / "units.fits")
    with pytest.raises(DataFormatError, match="TIMEUNIT"):
        LightCurveTemplateTemporalModel.read(tmp_path / "units.fits")


@pytest.mark.data
def test_files_of_the_public_data(gammapy_data):
    curve = LightCurveTemplateTemporalModel.read(gammapy_data / "tests/models/light_curve/lightcrv_PKSB1222+216.fits")
    # as the documentation of Gammapy has it
    assert curve.t_ref.value == pytest.approx(59000.49919925926, abs=1e-9)
    assert curve(59001.195).value == pytest.approx(0.02288737, abs=1e-8)
    merger = LightCurveTemplateTemporalModel.read(
        gammapy_data / "gravitational_waves/GW_example_DC_map_file.fits.gz", format="map"
    )
    assert merger.is_energy_dependent
    assert merger.interp == "log"
    phase = TemplatePhaseCurveTemporalModel.read(gammapy_data / "tests/phasecurve_LSI_DC.fits", f0="4.367e-7 s-1")
    assert phase.integral(59000, 59000 + 1 / 4.367e-7 / 86400).value == pytest.approx(1.0, rel=1e-9)


def test_plots():
    ax = CASES["gauss"].plot([DAY - 3, DAY + 3], n_points=11)
    assert ax.lines[0].get_ydata().max() == pytest.approx(1.0)
    ax = CASES["template-phase"].plot_phasogram()
    assert ax.get_xlabel() == "Phase"
    model = LightCurveTemplateTemporalModel([1, 2], [[1.0, 2.0], [2.0, 1.0]], [1, 10], t_ref=59000)
    assert len(model.plot(Time([59001, 59002], format="mjd")).lines) == 2


def test_norms_of_datasets():
    model = DatasetNormTemporalModel(["a", "b"])
    assert model.names == ["a", "b"]
    assert model.norms.shape == (2,)
    for bad in (3.0, Parameter(1.0), Parameter([1.0, 2.0], axes={"obs": ["a", "b"]}), ["a", "a"]):
        with pytest.raises(ValueError, match="norms"):
            DatasetNormTemporalModel(bad)
    with pytest.raises(TypeError, match="temporal_model"):
        SkyModel(PowerLawSpectralModel(), temporal_model=3.0)

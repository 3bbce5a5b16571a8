"""What every spectral model must do: compile, batch, differentiate, single precision, units, integrals, files."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gjax.models
from gjax.errors import UnitError
from gjax.maps import MapAxis, RegionNDMap
from gjax.models import (
    AbstractSpectralModel,
    BrokenPowerLawSpectralModel,
    CompoundSpectralModel,
    ConstantSpectralModel,
    EBLAbsorptionNormSpectralModel,
    ExpCutoffPowerLaw3FGLSpectralModel,
    ExpCutoffPowerLawNormSpectralModel,
    ExpCutoffPowerLawSpectralModel,
    GaussianSpectralModel,
    LogGaussianSpectralModel,
    LogParabola2SpectralModel,
    LogParabolaNormSpectralModel,
    LogParabolaSpectralModel,
    MeyerCrabSpectralModel,
    Models,
    PiecewiseNormSpectralModel,
    PowerLaw2SpectralModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    ScaleSpectralModel,
    SkyModel,
    SmoothBrokenPowerLawSpectralModel,
    SuperExpCutoffPowerLaw3FGLSpectralModel,
    SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
    SuperExpCutoffPowerLaw4FGLSpectralModel,
    TemplateNDSpectralModel,
    spectral_models,
)
from gjax.parameters import Affine, GaussianPrior, Parameter, fill, freeze_tree, parameter, parameter_paths

FLUX = "TeV-1 s-1 cm-2"


class BandSpectralModel(AbstractSpectralModel):
    """A model that a user would write."""

    tag = "test-band"
    amplitude: Parameter = parameter(1e-12, FLUX)
    peak: Parameter = parameter("1 TeV", "TeV")
    width: Parameter = parameter(0.8, min=0.01)

    def evaluate(self, energy):
        return self.amplitude * jnp.exp(-0.5 * (jnp.log(energy / self.peak) / self.width) ** 2)


def table_of_transmissions():
    """Absorption with an optical depth that bends in energy and redshift."""
    energy, redshift = np.array([0.01, 0.3, 1.0, 3.0, 30.0]), np.array([0.05, 0.1, 0.2, 0.4])
    depth = 3 * redshift[:, None] ** 1.3 * energy**0.8
    return EBLAbsorptionNormSpectralModel(energy, redshift, np.exp(-depth), redshift=0.15)


def table_over_age():
    """A flux on a grid of energy and age."""
    energy = MapAxis.from_nodes([0.01, 0.3, 1.0, 3.0, 30.0], unit="TeV", name="energy_true", interp="log")
    age = MapAxis.from_nodes([1.0, 2.0, 4.0], unit="s", name="age", interp="log")
    values = energy.center.value ** -np.array([[2.0], [2.3], [2.9]]) * np.array([[1.0], [0.7], [0.3]])
    table = RegionNDMap.create(None, axes=[energy, age], data=values[:, :, None, None], unit=FLUX)
    return TemplateNDSpectralModel(table, age=Parameter("2.7 s", "s", min=1, max=4))


#: One ordinary point of every model, amplitudes of one so that absolute tolerances mean something.
CASES = {
    "pl": PowerLawSpectralModel(index=2.3, amplitude=1.0, reference=1.5),
    "pl-norm": PowerLawNormSpectralModel(tilt=0.3, norm=1.2, reference=1.5),
    "pl-2": PowerLaw2SpectralModel(amplitude=1.0, index=2.3),
    "bpl": BrokenPowerLawSpectralModel(index1=1.5, index2=2.7, amplitude=1.0, ebreak=1.7),
    "sbpl": SmoothBrokenPowerLawSpectralModel(index1=1.5, index2=2.7, amplitude=1.0, ebreak=1.7, beta=0.3),
    "lp": LogParabolaSpectralModel(amplitude=1.0, reference=1.5, alpha=2.3, beta=0.2),
    "ecpl": ExpCutoffPowerLawSpectralModel(index=1.8, amplitude=1.0, lambda_=0.2, alpha=1.1),
    "ecpl-norm": ExpCutoffPowerLawNormSpectralModel(index=0.3, norm=1.2, lambda_=0.2, alpha=1.1),
    "ecpl-3fgl": ExpCutoffPowerLaw3FGLSpectralModel(index=1.8, amplitude=1.0, ecut=5.0, reference=1.5),
    "secpl-3fgl": SuperExpCutoffPowerLaw3FGLSpectralModel(1.0, reference=1.5, ecut=5.0, index_1=1.4, index_2=0.7),
    "secpl-4fgl": SuperExpCutoffPowerLaw4FGLSpectralModel(1.0, 1.5, expfactor=0.05, index_1=1.4, index_2=0.2),
    "secpl-4fgl-dr3": SuperExpCutoffPowerLaw4FGLDR3SpectralModel(1.0, 1.5, expfactor=0.4, index_1=1.9, index_2=0.6),
    "lp2": LogParabola2SpectralModel(amplitude=1.0, reference=1.5, alpha=2.3, beta=0.2, escale=0.7),
    "lp-norm": LogParabolaNormSpectralModel(norm=1.2, reference=1.5, alpha=0.3, beta=0.2),
    "gauss": GaussianSpectralModel(amplitude=1.0, mean=1.2, sigma=1.5),
    "log-gauss": LogGaussianSpectralModel(L=1.0, Ep=1.2, w=0.8),
    "meyer-crab": MeyerCrabSpectralModel(norm=1e11),
    "piecewise-norm": PiecewiseNormSpectralModel([0.3, 1.0, 4.0], norms=[1.0, 0.6, 1.7]),
    "ebl-norm": table_of_transmissions(),
    "templateND": table_over_age(),
    "const": ConstantSpectralModel(1.3),
    "compound": PowerLawSpectralModel(index=2.3, amplitude=1.0) * PowerLawNormSpectralModel(tilt=0.2)
    + LogParabolaSpectralModel(amplitude=0.5, reference=1.0, beta=0.1),
    "scale": 2.5 * PowerLawSpectralModel(index=2.1, amplitude=1.0),
    "test-band": BandSpectralModel(amplitude=1.0),
}

#: Points where textbook formulas divide by zero, or where users put boundaries.
SPECIAL = {
    "pl": [{"index": 1.0}, {"index": 2.0}, {"index": 0.0}, {"amplitude": 0.0}, {"index": -2.0}],
    "pl-norm": [{"tilt": 0.0}, {"norm": 0.0}, {"tilt": 1.0}],
    "pl-2": [{"index": 1.0}, {"index": 2.0}, {"amplitude": 0.0}],
    "bpl": [{"ebreak": 1.0}, {"index2": 1.5}, {"index1": 1.0, "index2": 2.0}, {"ebreak": 0.01}, {"ebreak": 1e3}],
    "sbpl": [{"index2": 1.5}, {"index2": 1.5 - 1e-9}, {"index2": 1.0}, {"ebreak": 1.0}, {"beta": 1e-3}],
    "lp": [{"beta": 0.0}, {"beta": -0.1}, {"alpha": 1.0, "beta": 0.0}, {"amplitude": 0.0}],
    "ecpl": [{"lambda_": 0.0}, {"lambda_": -0.1}, {"lambda_": 0.0, "alpha": 1.0}, {"index": 1.0}, {"alpha": 1.0}],
    "ecpl-norm": [{"lambda_": 0.0, "alpha": 1.0}, {"lambda_": -0.1}, {"index": 0.0}, {"norm": 0.0}],
    "ecpl-3fgl": [{"ecut": 1e15}, {"ecut": -5.0}, {"index": 1.0}, {"index": 2.0}],
    "secpl-3fgl": [{"ecut": 1e15}, {"index_2": 0.0}, {"index_1": 1.0}, {"index_2": -0.5}],
    "secpl-4fgl": [{"expfactor": 0.0}, {"index_2": 0.0}, {"index_1": 2.0}, {"index_2": 0.3}],
    "secpl-4fgl-dr3": [{"index_2": 0.0}, {"index_2": 1e-9}, {"expfactor": 0.0}, {"index_2": -0.5}],
    "lp2": [{"beta": 0.0}, {"beta": -0.1}, {"alpha": 1.0, "beta": 0.0}],
    "lp-norm": [{"beta": 0.0, "alpha": 0.0}, {"norm": 0.0}],
    "gauss": [{"mean": 1.0}, {"amplitude": 0.0}, {"sigma": 0.7}],
    "log-gauss": [{"Ep": 1.0}, {"L": 0.0}],
    "meyer-crab": [{"norm": 0.0}],
    "piecewise-norm": [{"norms[node-0]": 1.0, "norms[node-1]": 1.0}],
    "ebl-norm": [{"redshift": 0.0}, {"redshift": 0.1}, {"alpha_norm": 0.0}, {"redshift": 0.6}, {"redshift": -0.01}],
    "templateND": [{"axes.age": 2.0}, {"axes.age": 1.0}],
    "const": [{"const": 0.0}, {"const": -1.0}],
    "compound": [{"model1.model2.tilt": 0.0}, {"model2.beta": 0.0}],
    "scale": [{"norm": 0.0}, {"model.index": 1.0}],
    "test-band": [{"amplitude": 0.0}, {"peak": 1.0}],
}

ENERGY = np.array([0.2, 0.8, 1.0, 1.5, 4.0, 30.0])
EDGES = np.array([0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0])
NAMES = list(CASES)
#: Models whose formula is that of another one here, or plain: the slow tests leave them out.
ALIKE = ("ecpl-norm", "lp2", "lp-norm", "ecpl-3fgl", "secpl-4fgl", "log-gauss", "meyer-crab", "templateND")
UNLIKE = [name for name in NAMES if name not in ALIKE]
#: Models that cannot be made of one parameter alone.
OF_PARTS = ("compound", "scale", "piecewise-norm", "ebl-norm", "templateND")


class Frozen:
    """A model as compiled functions of its flat vector: values, gradients, second derivatives of everything."""

    def __init__(self, model):
        skeleton, self.table = freeze_tree(model)

        def everything(theta, energy, edges):
            filled = fill(skeleton, theta)
            low, high = edges[:-1], edges[1:]
            values = jnp.concatenate(
                [filled.evaluate(energy), filled.integrate(low, high), filled.integrate_energy(low, high)]
            )
            return values, values

        def both(theta, energy, edges):
            jacobian, values = jax.jacfwd(everything, has_aux=True)(theta, energy, edges)
            return values, jacobian

        def fluxes(theta, energy, edges):
            filled = fill(skeleton, theta)
            return jnp.concatenate([filled.evaluate(energy), filled.integrate(edges[:-1], edges[1:])])

        #: values and gradients of many parameter vectors, and second derivatives of the fluxes
        self.batch = jax.jit(jax.vmap(both, in_axes=(0, None, None)))
        self.hessian = jax.jit(jax.vmap(jax.jacfwd(jax.jacfwd(fluxes)), in_axes=(0, None, None)))

    def evaluate(self, thetas, energy=ENERGY, edges=EDGES):
        """Values and gradients of up to 32 parameter vectors at up to 240 energies, in one compiled program."""
        many, energies = _padded(thetas, 32), _padded(energy, 240)
        wanted = np.r_[: len(energy), len(energies) : len(energies) + 2 * (len(edges) - 1)]
        value, jacobian = self.batch(many, energies, edges)
        return np.asarray(value)[: len(thetas), wanted], np.asarray(jacobian)[: len(thetas), wanted]

    def theta(self, **changes):
        theta = self.table.values.copy()
        for name, value in changes.items():
            theta[self.table.names.index(name)] = value
        return theta


def _padded(array, number):
    """Repeat the last row up to a number of rows."""
    return np.concatenate([array, np.repeat(array[-1:], number - len(array), axis=0)])


@pytest.fixture(scope="module")
def frozen():
    made = {}

    def get(name):
        if name not in made:
            made[name] = Frozen(CASES[name])
        return made[name]

    return get


def test_every_registered_model_is_covered():
    assert set(spectral_models()) >= set(CASES)
    public = {
        cls.tag
        for cls in vars(gjax.models).values()
        if inspect.isclass(cls) and issubclass(cls, AbstractSpectralModel) and not inspect.isabstract(cls)
    }
    elsewhere = {"template", "dm-pf", "dm-annihilation", "dm-decay"}  # tables have tests of their own
    assert public - elsewhere == set(CASES) - {"test-band"}
    assert set(SPECIAL) == set(CASES)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_what_the_single_calls_are(frozen, name):
    f = frozen(name)
    thetas = np.stack([f.theta() * (1 + 1e-3 * k) for k in range(3)])
    together, _ = f.evaluate(thetas)
    for row, theta in zip(together, thetas):
        np.testing.assert_allclose(row, f.evaluate(theta[None])[0][0], rtol=1e-13)
    assert not np.allclose(together[0], together[1], rtol=1e-6)


def rough(name, changes, label, table, theta):
    """Which of the outputs have a kink or no second derivative there, so that differences say nothing."""
    at_energies = np.zeros(len(ENERGY) + 2 * (len(EDGES) - 1), bool)
    if name == "bpl":
        at_energies[: len(ENERGY)] = theta[table.names.index("ebreak")] == ENERGY
    elif (name == "sbpl" and changes) or (
        name == "ecpl" and changes.get("lambda_") == 0 and "alpha" not in changes and label in ("lambda_", "alpha")
    ):
        at_energies[:] = True  # the formula of sbpl jumps where the indices cross; (lambda E)**1.1 at 0
    if name == "templateND" and changes:
        at_energies[:] = True  # a straight line ends at a node
    return at_energies


@pytest.mark.parametrize("name", NAMES)
def test_gradient_agrees_with_finite_differences(frozen, name):
    f = frozen(name)
    for changes in [{}, *SPECIAL[name]]:
        theta = f.theta(**changes)
        step = 1e-6 * np.diag(np.maximum(np.abs(theta), 0.1))
        values, jacobians = f.evaluate(np.concatenate([theta + step, theta - step, theta[None]]))
        jacobian, n = jacobians[-1], len(theta)
        assert np.isfinite(jacobian).all(), changes
        for i, (label, p) in enumerate(zip(f.table.names, f.table.parameters)):
            if p.constant:
                assert (jacobian[:, i] == 0).all()
                continue
            numerical = (values[i] - values[n + i]) / (2 * step[i, i])
            smooth = ~rough(name, changes, label, f.table, theta)
            np.testing.assert_allclose(
                jacobian[smooth, i],
                numerical[smooth],
                rtol=1e-5,
                atol=1e-7 * max(1.0, np.abs(numerical).max()),
                err_msg=f"{label} {changes}",
            )


@pytest.mark.parametrize("name", UNLIKE)
def test_second_derivatives(frozen, name):
    """Finite at special points and over random draws; at the ordinary point, those of the gradient."""
    f = frozen(name)
    rng = np.random.default_rng(42)
    base = f.theta()
    points = np.stack([base, *(f.theta(**c) for c in SPECIAL[name]), *(base * rng.uniform(0.5, 1.6, (10, len(base))))])
    values, jacobians = f.evaluate(points)
    hessians = np.asarray(f.hessian(points, ENERGY, EDGES))
    for array in (values, jacobians, hessians):
        assert np.isfinite(array).all(axis=tuple(range(1, array.ndim))).all()
    step = 1e-6 * np.eye(len(base))
    _, around = f.evaluate(np.concatenate([base + step, base - step]))
    for i in np.flatnonzero([not p.constant for p in f.table.parameters]):
        numerical = ((around[i] - around[len(base) + i]) / 2e-6)[: len(hessians[0])]
        np.testing.assert_allclose(hessians[0][:, i], numerical, rtol=1e-4, atol=1e-6 * np.abs(hessians[0]).max())


def nodes_of(low, high, cut):
    """Nodes and weights of a quadrature of bins, in two pieces where the cut lies inside, shape (bins, 80)."""
    x, weight = np.polynomial.legendre.leggauss(40)
    edges = np.stack([low, np.clip(cut, low, high), high], axis=-1)
    middle, half = 0.5 * (edges[:, 1:] + edges[:, :-1]), 0.5 * np.diff(edges)
    nodes, weights = middle[..., None] + half[..., None] * x, half[..., None] * weight
    return nodes.reshape(len(low), -1), weights.reshape(len(low), -1)


@pytest.mark.parametrize("name", NAMES)
def test_integrals_are_those_of_a_quadrature(frozen, name):
    f = frozen(name)
    edges = np.array([0.9, 1.1, 1.6, 2.0, 2.2, 2.4, 2.6])
    for changes in [{}, *SPECIAL[name]]:
        theta = f.theta(**changes)
        if theta[f.table.names.index("beta")] < 0.01 if name == "sbpl" else False:
            continue  # a break sharper than a bin is for the broken power law
        ebreak = theta[f.table.names.index("ebreak")] if name == "bpl" else 1.0
        nodes, weights = nodes_of(edges[:3], edges[1:4], ebreak)
        values = f.evaluate(theta[None], nodes.ravel(), edges)[0][0]
        density = values[: nodes.size].reshape(nodes.shape)
        flux, energy_flux = values[nodes.size :].reshape(2, -1)
        for found, power in ((flux, 0), (energy_flux, 1)):
            exact = (density * nodes**power * weights).sum(axis=1)
            np.testing.assert_allclose(found[:3], exact, rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize("name", UNLIKE)
def test_single_precision(frozen, name):
    f = frozen(name)
    double = f.evaluate(f.theta()[None])[0][0][len(ENERGY) :][: len(EDGES) - 1]
    with jax.enable_x64(False):
        skeleton, table = freeze_tree(CASES[name])
        theta = jnp.asarray(table.values)

        def flux(t):
            return fill(skeleton, t).integrate(jnp.asarray(EDGES[:-1]), jnp.asarray(EDGES[1:]))

        single, slope = jax.jit(lambda t: (flux(t), jax.jacfwd(flux)(t)))(theta)
        assert single.dtype == slope.dtype == jnp.float32
    np.testing.assert_allclose(single, double, rtol=3e-5)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in OF_PARTS])
def test_units_are_converted_or_refused_by_the_name_of_the_field(name):
    cls = type(CASES[name])
    for field, leaf in parameter_paths(CASES[name]):
        with pytest.raises(UnitError, match=rf"{cls.__name__}\.{field}: .*'K'"):
            cls(**{field: "3 K"})
        with pytest.raises(ValueError, match=rf"{cls.__name__}\.{field}"):
            cls(**{field: float("nan")})
        with pytest.raises(UnitError, match=rf"{cls.__name__}\.{field}"):
            cls(**{field: Parameter("3 K")})
        in_other_units = {"TeV": ("2000 GeV", 2.0), "TeV-1": ("0.002 GeV-1", 2.0), "": ("2", 2.0)}
        text, expected = in_other_units.get(
            leaf.unit, ("2e-4 m-2 s-1" + (" TeV-1" if "TeV" in leaf.unit else ""), 2e-8)
        )
        assert getattr(cls(**{field: text}), field).value == pytest.approx(expected, rel=1e-12, abs=0)
    with pytest.raises(UnitError, match="energy"):
        CASES[name]("3 s")


@pytest.mark.parametrize("name", NAMES)
def test_the_face_with_units(name):
    model = CASES[name]
    flux = model([0.5, 2] * __import__("astropy").units.TeV)
    assert flux.shape == (2,)
    is_flux = model.unit != ""
    assert flux.unit.is_equivalent("m-2 s-1 GeV-1" if is_flux else "")
    assert model.integral("1 TeV", "3 TeV").unit.is_equivalent("m-2 s-1" if is_flux else "TeV")
    assert model.energy_flux("1 TeV", "3 TeV").unit.is_equivalent("erg m-2 s-1" if is_flux else "TeV2")
    both = model.integral("1 TeV", "2 TeV") + model.integral("2 TeV", "3000 GeV")
    assert both.value == pytest.approx(model.integral("1 TeV", "3 TeV").value, rel=1e-9)


@pytest.mark.parametrize("name", [n for n in NAMES if CASES[n].unit and n != "templateND"])
def test_model_files_keep_everything(tmp_path, name):
    model = CASES[name]
    first, *_, last = parameter_paths(model) * 2
    rich = first[1].replace(
        min=-3.0, max=9.0, frozen=True, prior=GaussianPrior(0.5, 2.0), error=0.25, scale=0.1, label="shared"
    )
    linked = Affine(rich, factor=2.0, offset=-1.0)
    models = Models([SkyModel(model, name="one", datasets_names=["a", "b-*"]), SkyModel(CASES["pl"], name="two")])
    models = models.replace_parameters({id(first[1]): rich})
    if last[1].unit == rich.unit and last is not first:
        models = models.replace_parameters({id(last[1]): linked})
    path = tmp_path / "models.yaml"
    models.write(path)
    back = Models.read(path)
    assert back.names == ["one", "two"]
    assert back["one"].datasets_names == ("a", "b-*")
    ours, theirs = models.parameter_table, back.parameter_table
    assert theirs.names == ours.names
    for column in ("values", "errors", "free", "units", "priors"):
        np.testing.assert_array_equal(getattr(theirs, column), getattr(ours, column), err_msg=column)
    np.testing.assert_array_equal(theirs.bounds, ours.bounds)
    np.testing.assert_array_equal(theirs.scales, ours.scales)
    np.testing.assert_allclose(
        back["one"].spectral_model([1.0, 3.0]).value, models["one"].spectral_model([1.0, 3.0]).value, rtol=1e-15
    )
    assert back.to_dict() == models.to_dict()


# ---- compounds ----


def test_compounds_refuse_what_makes_no_flux():
    flux, norm = PowerLawSpectralModel(), PowerLawNormSpectralModel()
    with pytest.raises(ValueError, match="a product needs a dimensionless model"):
        flux * flux
    with pytest.raises(ValueError, match="a sum needs two models of the same unit"):
        flux + norm
    with pytest.raises(ValueError, match="operator: expected one of add, sub, mul, truediv, got 'div'"):
        CompoundSpectralModel(flux, flux, "div")
    with pytest.raises(TypeError, match="cannot be combined by 'add' with int"):
        flux + 3
    with pytest.raises(ValueError, match="multiply it with a flux"):
        SkyModel(norm)
    with pytest.raises(TypeError, match="expected a spectral model, got str"):
        SkyModel("pl")


def test_compounds_of_compounds():
    flux, norm = PowerLawSpectralModel(), PowerLawNormSpectralModel(norm=2.0)
    assert (norm * norm).unit == ""
    assert ((flux - 0.5 * flux) * norm)("1 TeV").value == pytest.approx(1e-12, rel=1e-12, abs=0)
    shared = (flux + flux).filled()
    assert float(shared.evaluate(jnp.asarray(1.0))) == pytest.approx(2e-12, rel=1e-12, abs=0)
    _, table = freeze_tree(flux + flux)
    assert table.names == ["model1.index", "model1.amplitude", "model1.reference"]
    assert isinstance(flux * 3, ScaleSpectralModel)


def test_log_parabola_from_a_decimal_curvature():
    model = LogParabolaSpectralModel.from_log10(1e-12, "1 TeV", 2.0, 0.5)
    assert model("10 TeV").value == pytest.approx(1e-12 * 10 ** (-2.0 - 0.5), rel=1e-12, abs=0)


# ---- the registry ----


def test_a_name_in_use_is_not_replaced():
    with pytest.raises(ValueError, match="the name 'pl' is taken by the model gjax"):
        type("Mine", (PowerLawSpectralModel.__bases__[0],), {"tag": "pl", "evaluate": lambda self, energy: energy})
    assert spectral_models()["pl"] is PowerLawSpectralModel


def test_an_unknown_model_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"spectral model 'power-law' is unknown; there are: .*pl"):
        gjax.models.spectral_model_class("power-law")

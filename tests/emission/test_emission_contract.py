"""Derivatives, precision, extremes, files and bad input of the emission models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.emission import (
    BlackBodyPhotonField,
    BremsstrahlungSpectralModel,
    BrokenPowerLawParticles,
    ExpCutoffBrokenPowerLawParticles,
    ExpCutoffPowerLawParticles,
    InverseComptonSpectralModel,
    LinePhotonField,
    LogParabolaParticles,
    PionDecaySpectralModel,
    PowerLawParticles,
    SynchrotronSelfComptonSpectralModel,
    SynchrotronSpectralModel,
    TablePhotonField,
)
from gjax.errors import ConfigError, UnitError
from gjax.models import Models, SkyModel, spectral_models
from gjax.models import list as list_models
from gjax.parameters import GaussianPrior, Parameter, fill, freeze_tree

CUTOFF = ExpCutoffPowerLawParticles(amplitude=1e36, alpha=2.4, e_cutoff="40 TeV", beta=1.3)
BROKEN = ExpCutoffBrokenPowerLawParticles(amplitude=3e36, e_break=0.5, alpha_1=1.6, alpha_2=3.1, e_cutoff=300.0)
TABLE = TablePhotonField(energy=[0.1, 0.4, 1, 3], density=[0.1, 0.4, 0.2, 0.01], name="stars")

#: One ordinary point of every model, and photon energies [TeV] over its range.
CASES = {
    "synchrotron": (SynchrotronSpectralModel(BROKEN, B=80.0, distance=2.0), [1e-17, 1e-12, 1e-9, 1e-8]),
    "inverse-compton": (
        InverseComptonSpectralModel(CUTOFF, ["CMB"]),
        [1e-7, 1e-3, 1.0, 30.0],
    ),
    "ssc": (
        SynchrotronSelfComptonSpectralModel(CUTOFF, B=120.0, radius=1.8, distance=2.0, photon_fields=[]),
        [1e-16, 1e-9, 1e-3, 0.1, 50.0],
    ),
    "bremsstrahlung": (BremsstrahlungSpectralModel(LogParabolaParticles(), n0=3.0), [1e-8, 1e-5, 1e-2, 10.0]),
    "pion-decay": (PionDecaySpectralModel(CUTOFF, n_h=3.0), [1e-5, 1e-4, 1e-2, 10.0]),
}
NAMES = list(CASES)
ALL_ENERGIES = np.geomspace(1e-19, 1e5, 25)


class Compiled:
    """The flux, its gradient, and second derivatives of a sum, as functions of the flat vector."""

    def __init__(self, model, energy):
        skeleton, self.table = freeze_tree(model)
        self.energy = np.array(energy)

        def flux(theta, energy):
            return fill(skeleton, theta).evaluate(energy)

        def with_jacobian(theta, energy, weight):
            def twice(theta):
                value = flux(theta, energy)
                return value, value

            jacobian, value = jax.jacfwd(twice, has_aux=True)(theta)
            return weight @ jacobian, (value, jacobian)

        def everything(theta, energy, weight):
            hessian, (value, jacobian) = jax.jacfwd(with_jacobian, has_aux=True)(theta, energy, weight)
            return value, jacobian, hessian

        #: value, Jacobian, and the Hessian of the weighted sum, in one program
        self.everything = jax.jit(everything)

    def __call__(self, theta, energy=None, weight=None):
        energy = self.energy if energy is None else energy
        weight = np.ones(len(energy)) if weight is None else weight
        return [np.asarray(x) for x in self.everything(np.asarray(theta), energy, weight)]


@pytest.fixture(scope="module")
def compiled():
    made = {}

    def get(name):
        if name not in made:
            made[name] = Compiled(*CASES[name])
        return made[name]

    return get


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_differences(compiled, name):
    """The derivatives are those of the integrals; differences also see the rule of the quadrature change."""
    c = compiled(name)
    theta = np.array(c.table.values)
    weight = 1 / c(theta)[0]
    value, jacobian, hessian = c(theta, weight=weight)
    assert (value > 0).all()
    for i, p in enumerate(c.table.parameters):
        if p.constant:
            assert (jacobian[:, i] == 0).all()
            continue
        unit = max(abs(theta[i]), 0.1)
        step = 1e-4 * unit
        up, down = (c(np.where(np.arange(len(theta)) == i, theta + s, theta), weight=weight) for s in (step, -step))
        slope = (up[0] - down[0]) / (2 * step)
        size = value / unit
        np.testing.assert_allclose(jacobian[:, i] / size, slope / size, rtol=1e-3, atol=1e-4, err_msg=c.table.names[i])
        curve = weight @ (up[1] - down[1]) / (2 * step) * unit * np.maximum(np.abs(theta), 0.1)
        ours = hessian[:, i] * unit * np.maximum(np.abs(theta), 0.1)
        np.testing.assert_allclose(ours, curve, rtol=1e-2, atol=1e-3 * np.abs(curve).max(), err_msg=c.table.names[i])


@pytest.mark.parametrize("name", NAMES)
def test_finite_everywhere(compiled, name):
    """From radio to 100 PeV and over random draws in and around the allowed range."""
    c = compiled(name)
    rng = np.random.default_rng(3)
    base = np.array(c.table.values)
    draws = [base * rng.uniform(0.3, 2.0, len(base)) for _ in range(4)]
    lower = c.table.bounds[0]
    draws += [np.where(np.isfinite(lower), lower, base), np.where(rng.random(len(base)) < 0.3, 0.0, base), -base]
    energies = np.resize(ALL_ENERGIES, (-(-len(ALL_ENERGIES) // len(c.energy)), len(c.energy)))
    for theta in draws:
        for energy in energies:
            for array in c(theta, energy):
                assert np.isfinite(array).all(), (theta, energy)


@pytest.mark.parametrize("name", NAMES)
def test_amplitude_zero_and_below(compiled, name):
    c = compiled(name)
    at = c.table.names.index("particles.amplitude")
    base = np.array(c.table.values)
    zero, minus = (np.where(np.arange(len(base)) == at, base * factor, base) for factor in (0.0, -1.0))
    assert (c(zero)[0] == 0).all()
    if name != "ssc":  # its own photons go with the square
        np.testing.assert_allclose(c(minus)[0], -c(base)[0], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision(compiled, name):
    c = compiled(name)
    double = c(c.table.values)[0]
    with jax.enable_x64(False):
        skeleton, table = freeze_tree(CASES[name][0])
        theta, energy = jnp.asarray(table.values), jnp.asarray(c.energy)
        single = jax.jit(lambda theta, energy: fill(skeleton, theta).evaluate(energy))(theta, energy)
        assert single.dtype == jnp.float32
    # the wide grid of its own photons costs self-Compton emission a digit
    np.testing.assert_allclose(single, double, rtol=4e-4 if name == "ssc" else 2e-4)


def test_a_break_anywhere():
    """Beyond both ends, at a node and at the reference the break power law goes over into the others."""
    energy = np.array([1e-15, 1e-10, 1e-7])
    value = jax.jit(lambda model: model.evaluate(energy))
    expected = value(SynchrotronSpectralModel(PowerLawParticles(alpha=2.2)).filled())
    for e_break, alpha_1, alpha_2 in [(1e-5, 1.0, 2.2), (1e4, 2.2, 5.0), (1.0, 2.2, 2.2), (0.03, 2.2, 2.2)]:
        particles = BrokenPowerLawParticles(e_0=1.0, e_break=e_break, alpha_1=alpha_1, alpha_2=alpha_2)
        # the amplitude is that of the lower power law
        factor = e_break ** (alpha_2 - alpha_1 if e_break < 1e-3 else 0)
        np.testing.assert_allclose(value(SynchrotronSpectralModel(particles).filled()), expected * factor, rtol=2e-5)


def test_derivatives_by_energy():
    """Of the local index, and of energy scales of instruments."""
    model = InverseComptonSpectralModel(PowerLawParticles(alpha=2.2), energy_min=0.1, energy_max=50.0).filled()

    def log_flux(log_energy):
        return jnp.log(model.evaluate(jnp.exp(log_energy)))

    # near both ends of the electrons' energies too, which do not move with the energy of the photons
    log_energy, step = np.log([1e-8, 1e-3, 45.0]), 1e-4
    log_flux = jax.jit(log_flux)
    _, slope = jax.jit(lambda x: jax.jvp(log_flux, (x,), (jnp.ones_like(x),)))(log_energy)
    expected = (log_flux(log_energy + step) - log_flux(log_energy - step)) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)


# ---- files ----


@pytest.mark.parametrize("name", NAMES)
def test_model_files_keep_everything(tmp_path, name):
    model = CASES[name][0]
    rich = Parameter("2e36 eV-1", min=0.0, prior=GaussianPrior(1e36, 1e36), error=1e35, label="shared")
    other = InverseComptonSpectralModel(CUTOFF, [TABLE, LinePhotonField(2.0, 0.7)])
    models = Models([SkyModel(model, name="one"), SkyModel(other, name="two")])
    models = models.replace_parameters({id(model.particles.amplitude): rich})
    path = tmp_path / "models.yaml"
    models.write(path)
    back = Models.read(path)
    assert back.to_dict() == models.to_dict()
    assert back.parameter_table.names == models.parameter_table.names
    assert type(back["two"].spectral_model.photon_fields[0]) is TablePhotonField
    assert back["two"].spectral_model.photon_fields[0].density == TABLE.density


def test_a_file_with_unknown_keys_is_refused():
    data = Models(SkyModel(CASES["inverse-compton"][0], name="a")).to_dict()
    spectral = data["components"][0]["spectral"]
    for where, key in (
        (spectral, "photon_feilds"),
        (spectral["particles"], "alfa"),
        (spectral["photon_fields"][0], "T"),
    ):
        where[key] = 1.0
        with pytest.raises(ConfigError, match=f"unknown key '{key}'"):
            Models.from_dict(data)
        del where[key]
    spectral["particles"]["type"] = "PowerLawPartycles"
    with pytest.raises(ConfigError, match="PowerLawPartycles"):
        Models.from_dict(data)
    spectral["particles"] = {"type": "PowerLawSpectralModel", "parameters": []}
    with pytest.raises(ConfigError, match="expected a particle spectrum"):
        Models.from_dict(data)


def test_models_are_known_by_name():
    assert {"synchrotron", "inverse-compton", "ssc", "bremsstrahlung", "pion-decay"} <= set(spectral_models())
    assert "PionDecaySpectralModel" in set(list_models("spectral")["class"])


# ---- bad input ----


def test_bad_input_is_refused_by_name():
    with pytest.raises(TypeError, match=r"SynchrotronSpectralModel\.particles: expected a particle spectrum"):
        SynchrotronSpectralModel("electrons")
    with pytest.raises(UnitError, match=r"SynchrotronSpectralModel\.B: given in 'TeV'"):
        SynchrotronSpectralModel(CUTOFF, B="3 TeV")
    with pytest.raises(UnitError, match=r"PowerLawParticles\.amplitude"):
        PowerLawParticles(amplitude="1 TeV")
    with pytest.raises(ValueError, match="photon field 'CBM' is unknown; expected one of CMB, FIR, NIR"):
        InverseComptonSpectralModel(CUTOFF, ["CBM"])
    with pytest.raises(ValueError, match="two fields are called 'CMB'"):
        InverseComptonSpectralModel(CUTOFF, "CMB-CMB")
    with pytest.raises(TypeError, match="expected a photon field"):
        InverseComptonSpectralModel(CUTOFF, [2.7])
    with pytest.raises(TypeError, match="expected a list of photon fields"):
        InverseComptonSpectralModel(CUTOFF, 2.7)
    with pytest.raises(ValueError, match="high_energy_model: expected one of Geant4, Pythia8, SIBYLL, QGSJET"):
        PionDecaySpectralModel(CUTOFF, high_energy_model="pythia")
    with pytest.raises(TypeError, match=r"PionDecaySpectralModel\.particles"):
        PionDecaySpectralModel(BlackBodyPhotonField())


@pytest.mark.parametrize(
    ("energy", "density", "match"),
    [
        ([1.0], [1.0], "at least two energies"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "as many densities"),
        ([2.0, 1.0], [1.0, 1.0], "increasing positive"),
        ([0.0, 1.0], [1.0, 1.0], "increasing positive"),
        ([1.0, 2.0], [1.0, 0.0], "positive numbers"),
        ([1.0, float("nan")], [1.0, 1.0], "energy: holds NaN"),
        ([], [], "energy: expected a number"),
    ],
)
def test_bad_tables_are_refused(energy, density, match):
    with pytest.raises(ValueError, match=match):
        TablePhotonField(energy, density)

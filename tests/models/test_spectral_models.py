"""Spectral models: special points over eight decades in both precisions, arithmetic, what people ask of a spectrum."""

import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_contract as contract
from scipy.integrate import quad

import gjax
import gjax.models
from gjax.errors import ConfigError
from gjax.maps import MapAxis
from gjax.models import (
    EBLAbsorptionNormSpectralModel,
    ExpCutoffPowerLawSpectralModel,
    GaussianSpectralModel,
    LogParabola2SpectralModel,
    LogParabolaSpectralModel,
    Models,
    PiecewiseNormSpectralModel,
    PowerLawNormSpectralModel,
    PowerLawSpectralModel,
    ScaleSpectralModel,
    SkyModel,
    SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
    TemplateSpectralModel,
    create_cosmic_ray_spectral_model,
    create_crab_spectral_model,
)
from gjax.parameters import Affine, GaussianPrior, Parameter, fill, freeze_tree

ENERGY = np.geomspace(1e-5, 1e3, 33)  # eight decades
#: Models that are made of others are as good as their parts, and some have the same formula as another.
PARTS = ("compound", "scale", "test-band", "const", "templateND", "pl-norm", "ecpl-norm", "lp-norm", "meyer-crab")
SMOOTH = [name for name in contract.NAMES if name not in PARTS]
#: Models that guard against overflow by precision; the others differ in nothing but the size of numbers.
GUARDED = ("ecpl", "secpl-3fgl", "secpl-4fgl-dr3", "ebl-norm", "gauss")


def draws(table, rng, number):
    """Random parameters in and around what is allowed: any sign where there may be one, else 4 decades."""
    theta = np.tile(table.values, (number, 1))
    for k, (name, unit, value) in enumerate(zip(table.names, table.units, table.values)):
        if unit == "TeV" or name.startswith("norms") or name == "w" or (name == "beta" and "index1" in table.names):
            theta[:, k] = value * 10 ** rng.uniform(-2, 2, number)
        elif name == "amplitude" or name == "L":
            theta[:, k] = 1e-12 * value * rng.uniform(-0.9, 2.5, number)
        elif name == "redshift":
            theta[:, k] = rng.uniform(-0.05, 0.6, number)
        else:
            theta[:, k] = value * rng.uniform(-0.9, 2.5, number)
    return theta


@pytest.mark.parametrize("name", SMOOTH)
def test_value_gradient_and_hessian_are_finite_over_eight_decades(name):
    """At special points and random ones: one program each."""
    model = contract.CASES[name]
    for is_double in (False, True) if name in GUARDED else (False,):
        with jax.enable_x64(is_double):
            skeleton, table = freeze_tree(model)
            rows = draws(table, np.random.default_rng(7), 40)
            for k, changes in enumerate(contract.SPECIAL[name]):
                for key, value in changes.items():
                    rows[k, table.names.index(key)] = value

            def value(t, theta, direction, energy, skeleton=skeleton):
                return fill(skeleton, theta + t * direction).evaluate(energy)

            def everything(*point, value=value):
                slope = jax.jacfwd(value)
                return value(0.0, *point), slope(0.0, *point), jax.jacfwd(slope)(0.0, *point)

            direction = np.random.default_rng(8).normal(size=rows.shape) * np.where(
                np.abs(rows) < 1e-9, 1e-12, np.abs(rows)
            )
            found = jax.jit(jax.vmap(everything, in_axes=(0, 0, None)))(
                jnp.asarray(rows), jnp.asarray(direction), jnp.asarray(ENERGY)
            )
            for order, part in enumerate(found):
                bad = np.argwhere(~np.isfinite(np.asarray(part)))
                assert not len(bad), (order, is_double, rows[bad[0][0]], ENERGY[bad[0][1]])


# ---- integrals ----


@pytest.mark.parametrize(
    ("model", "power"),
    [
        (LogParabolaSpectralModel(1e-12, 1.0, 2.1, 0.1), 0),
        (ExpCutoffPowerLawSpectralModel(1.2, 1e-12, 1.0, 0.5, 1.7), 1),
        (SuperExpCutoffPowerLaw4FGLDR3SpectralModel(1e-12, 1e-3, 0.5, 1.9, 0.6), 1),
        (PowerLawSpectralModel(2.2) * PiecewiseNormSpectralModel([0.01, 0.3, 20], [1, 0.3, 4]), 0),
        (
            GaussianSpectralModel(1.0, 3.0, 0.02) / GaussianSpectralModel(1.0, 3.0, 900.0) * PowerLawSpectralModel(1.7),
            1,
        ),
    ],
)
def test_integrals_over_eight_decades(model, power):
    nodes = np.log([0.01, 0.3, 20])
    panels = np.sort(np.concatenate([np.linspace(np.log(1e-5), np.log(1e3), 4001), nodes]))
    x, weight = np.polynomial.legendre.leggauss(6)
    half = np.diff(panels)[:, None] / 2
    energy = np.exp(panels[:-1, None] + half * (1 + x))
    exact = np.sum(half * weight * energy ** (power + 1) * np.asarray(model.filled().evaluate(jnp.asarray(energy))))
    method = model.energy_flux if power else model.integral
    assert method("10 MeV", "1 PeV").value == pytest.approx(exact, rel=1e-7, abs=0)


def test_a_line_far_from_its_bins():
    line = GaussianSpectralModel("1e-12 cm-2 s-1", "5 TeV", "0.1 TeV")
    exact = quad(lambda e: np.exp(-0.5 * ((e - 5) / 0.1) ** 2) / (0.1 * np.sqrt(2 * np.pi)), 6, 7, epsabs=0)[0]
    assert line.integral("6 TeV", "7 TeV").value == pytest.approx(1e-12 * exact, rel=1e-10, abs=0)
    tiny = GaussianSpectralModel(1e-12, 5.0, 0.2).integral([1.0, 1.0001], [1.0001, 1.0002])
    assert np.all(tiny.value > 0)


# ---- what people ask of a spectrum ----


def test_local_index_peak_and_inverse():
    curved = LogParabolaSpectralModel(1e-12, 1.0, 2.4, 0.15)
    np.testing.assert_allclose(curved.spectral_index([1.0, 3.0]), [2.4, 2.4 + 0.3 * np.log(3)], rtol=1e-12)
    for model in (
        curved,
        LogParabola2SpectralModel(1e-12, 2.0, 2.4, 0.15, 0.3),
        ExpCutoffPowerLawSpectralModel(1.3, 1e-12, 1.0, 0.2, 1.4),
        SuperExpCutoffPowerLaw4FGLDR3SpectralModel(1e-12, 1.0, 0.3, 1.9, 0.6),
        SuperExpCutoffPowerLaw4FGLDR3SpectralModel(1e-12, 1.0, 0.3, 1.9, 0.0),
    ):
        np.testing.assert_allclose(model.spectral_index(model.e_peak), 2.0, rtol=1e-9)
    for flat in (
        LogParabolaSpectralModel(beta=-0.1),
        LogParabola2SpectralModel(beta=0.0),
        ExpCutoffPowerLawSpectralModel(index=2.1),
        SuperExpCutoffPowerLaw4FGLDR3SpectralModel(expfactor=0.1, index_1=4.0),
    ):
        assert np.isnan(flat.e_peak.value)
    rising = LogParabolaSpectralModel(1e-12, 1.0, 0.0, 0.5)
    roots = rising.inverse(rising("2 TeV"))
    np.testing.assert_allclose(roots.to_value("TeV"), [0.5, 2.0], rtol=1e-12)
    assert np.isnan(rising.inverse("1 cm-2 s-1 TeV-1").value).all()
    assert [len(r) for r in rising.inverse_all([1e-13, 1e-11] * u.Unit("cm-2 s-1 TeV-1"))] == [2, 1]


def test_reference_fluxes_and_plots():
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    model = PowerLawSpectralModel()
    found = model.reference_fluxes(axis)
    assert found["ref_flux"].sum().value == pytest.approx(9e-13, rel=1e-12, abs=0)
    np.testing.assert_allclose(found["ref_e2dnde"].to_value("TeV cm-2 s-1"), 1e-12, rtol=1e-12)
    for sed_type, text in (("dnde", "E^2"), ("flux", "Flux"), ("eflux", "Energy"), ("e2dnde", "E^2")):
        ax = model.plot(["1 TeV", "10 TeV"], sed_type=sed_type, n_points=7)
        assert text in ax.get_ylabel()
        assert len(ax.lines[0].get_xdata()) == 7
    assert PowerLawNormSpectralModel().plot(["1 TeV", "10 TeV"]).get_ylabel() == "Factor"
    with pytest.raises(ValueError, match="sed_type: expected one of dnde"):
        model.plot(["1 TeV", "10 TeV"], sed_type="sed")


def test_errors_of_a_fit(simulate_on_off):
    data = simulate_on_off(asimov=True)
    result = gjax.Likelihood(data, SkyModel(PowerLawSpectralModel(2.2, 2.5e-11, "1 TeV"), name="s")).fit()
    (covariance, _), index = result.covariance, result["index"]
    # equation 1 of arXiv 0910.4881
    cross, variance = result.covariance[0, 1], result.covariance[0, 0]
    expected = np.exp(cross / (result["amplitude"][0] * variance))
    assert len(covariance) == 2
    assert result.pivot_energy("s").to_value("TeV") == pytest.approx(expected, rel=2e-4)
    value, error = result.spectral_index("s", [2.0])
    assert (float(value[0]), float(error[0])) == pytest.approx(index, rel=1e-9)
    flux, flux_error = result.flux("s", "10 MeV", "1 PeV")
    assert flux.value == pytest.approx(result.models["s"].spectral_model.integral("10 MeV", "1 PeV").value, rel=1e-9)
    assert flux_error > 0
    assert result.plot_error("s", ["1 TeV", "10 TeV"], sed_type="eflux").collections
    assert result.models.covariance.shape == (3, 3)


def test_arithmetic_with_numbers_and_ratios():
    flux, norm = PowerLawSpectralModel(), PowerLawNormSpectralModel(tilt=1.0)
    quantity = 3e-12 * u.Unit("cm-2 s-1 TeV-1")
    assert (flux + quantity)("1 TeV").value == pytest.approx(4e-12, rel=1e-12, abs=0)
    assert (quantity - flux)("1 TeV").value == pytest.approx(2e-12, rel=1e-12, abs=0)
    assert (1 - norm)("2 TeV").value == pytest.approx(0.5)
    assert (norm + 1)("2 TeV").value == pytest.approx(1.5)
    assert (2 / norm)("2 TeV").value == pytest.approx(4.0)
    assert isinstance(flux / 4, ScaleSpectralModel)
    assert (flux / norm)("2 TeV").value == pytest.approx(5e-13, rel=1e-12, abs=0)
    ratio = flux / flux
    assert ratio.unit == ""
    assert ratio("3 TeV").value == pytest.approx(1.0)
    with pytest.raises(ValueError, match="a ratio needs a dimensionless divisor"):
        norm / flux
    with pytest.raises(TypeError, match="cannot be combined by 'sub' with str"):
        flux - "1"


def test_published_spectra():
    assert create_crab_spectral_model()("1 TeV").to_value("cm-2 s-1 TeV-1") == pytest.approx(3.3457e-11, rel=1e-4)
    assert create_crab_spectral_model("magic_lp").beta.value == pytest.approx(0.24 / np.log(10))
    electrons = create_cosmic_ray_spectral_model("electron")("0.107 TeV").value
    power_law = 6.85e-5 * 4e-4 * np.pi * 0.107**-3.21
    bump = 3.19e-3 * 4e-4 * np.pi / (0.107 * 0.776 * np.sqrt(2 * np.pi))
    assert electrons == pytest.approx(power_law + bump, rel=1e-10)
    with pytest.raises(ValueError, match="expected one of meyer, hegra"):
        create_crab_spectral_model("veritas")
    with pytest.raises(ValueError, match="expected one of proton, N"):
        create_cosmic_ray_spectral_model("neutrino")


def test_the_list_of_models():
    table = gjax.models.list()
    assert {"spectral", "spatial"} <= set(table["kind"])
    row = table[table["class"] == "EBLAbsorptionNormSpectralModel"][0]
    assert (row["tag"], row["parameters"]) == ("ebl-norm", "redshift, alpha_norm")
    assert set(gjax.models.list("spatial")["kind"]) == {"spatial"}
    with pytest.raises(ValueError, match="kind: expected one of spectral"):
        gjax.models.list("colour")


# ---- nodes and tables ----


def test_nodes_with_settings_of_their_own_survive_files(tmp_path):
    shared = Parameter(1.5, label="shared")
    norms = [Parameter(1.0, frozen=True), Parameter(0.8, min=0.1, prior=GaussianPrior(1, 0.2), error=0.3), shared]
    norms = [*norms, Affine(shared, factor=2.0)]
    rich = PiecewiseNormSpectralModel([0.1, 1, 10, 50], norms)
    plain = PiecewiseNormSpectralModel([0.1, 1, 10], Parameter([1, 2, 3], axes={"node": "012"}, error=[0.1, 0.2, 0.3]))
    models = Models([SkyModel(PowerLawSpectralModel() * m, name=n) for m, n in ((rich, "rich"), (plain, "plain"))])
    rows = models.to_dict()["components"][1]["spectral"]["model2"]["parameters"]
    assert [(row["name"], row["value"], row["error"]) for row in rows] == [
        ("norm_0", 1.0, 0.1),
        ("norm_1", 2.0, 0.2),
        ("norm_2", 3.0, 0.3),
    ]
    path = tmp_path / "nodes.yaml"
    models.write(path)
    back = Models.read(path)
    assert back.to_dict() == models.to_dict()
    assert back.parameter_table.names == models.parameter_table.names
    assert back.with_values({"rich.spectral.model2.norms.2": 3.0})["rich"].spectral_model.model2("50 TeV") == 6.0


def test_bad_nodes_are_refused():
    with pytest.raises(ValueError, match="at least two increasing"):
        PiecewiseNormSpectralModel([1.0])
    with pytest.raises(ValueError, match="expected 2 values"):
        PiecewiseNormSpectralModel([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="interp: expected 'log' or 'lin'"):
        PiecewiseNormSpectralModel([1, 2], interp="cubic")
    row = {"name": "norm_1", "value": 1.0}
    spectral = {"type": "PiecewiseNormSpectralModel", "energy": {"data": [1, 2], "unit": "TeV"}, "parameters": [row]}
    data = {"components": [{"name": "a", "type": "SkyModel", "spectral": spectral}]}
    with pytest.raises(ConfigError, match=r"component a\.spectral: parameters: expected norm_0"):
        Models.from_dict(data)


def test_absorption_is_smooth_in_redshift():
    model = contract.table_of_transmissions()
    skeleton, _ = freeze_tree(model)

    def depth(redshift):
        return -jnp.log(fill(skeleton, jnp.stack([redshift, 1.0])).evaluate(jnp.asarray(1.0)))

    nodes = np.array([0.05, 0.1, 0.2, 0.4])
    points = jnp.asarray(np.concatenate([nodes - 1e-7, nodes + 1e-7, [0.15, 0.0]]))
    value, slope = (np.asarray(part) for part in jax.jit(jax.vmap(jax.value_and_grad(depth)))(points))
    np.testing.assert_allclose(slope[4:8], slope[:4], rtol=1e-4)
    assert (value[9], slope[9] > 1) == (0.0, True)
    # close to the formula that the table is of
    assert value[8] == pytest.approx(3 * 0.15**1.3, rel=0.01)
    assert model.__class__([0.1, 1], [0.1, 0.2], np.full((2, 2), 0.5), redshift=0.0)("1 TeV") == 1.0
    with pytest.raises(ValueError, match="need a table of that shape"):
        EBLAbsorptionNormSpectralModel([0.1, 1], [0.1, 0.2], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="reference: expected one of franceschini"):
        EBLAbsorptionNormSpectralModel.read_builtin("gilmore")


def test_a_template_with_straight_values():
    model = TemplateSpectralModel([1.0, 100.0], [1.0, 3.0], interp="lin")
    assert model("10 TeV").value == pytest.approx(2.0)
    models = Models(SkyModel(PowerLawSpectralModel() * model, name="t"))
    assert Models.from_dict(models.to_dict()).to_dict() == models.to_dict()

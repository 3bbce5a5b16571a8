"""Lists of models: new objects for every change, links, entries of arrays, and model files that are wrong."""

import copy

import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from gjax.errors import ConfigError, MissingDataError, UnitError
from gjax.models import (
    AbstractSpectralModel,
    InstrumentModel,
    LogParabolaSpectralModel,
    Models,
    PowerLawSpectralModel,
    SkyModel,
    applies_to,
)
from gjax.parameters import Affine, Expression, GaussianPrior, Parameter, UniformPrior, parameter


class ManyNormsSpectralModel(AbstractSpectralModel):
    """A model with an array parameter and no tag."""

    amplitude: Parameter = parameter(1e-12, "TeV-1 s-1 cm-2")
    norm: Parameter = parameter(1.0)

    def evaluate(self, energy):
        return self.amplitude * jnp.sum(self.norm) * energy**-2


@pytest.fixture
def models():
    return Models(
        [
            SkyModel(PowerLawSpectralModel(), name="a"),
            SkyModel(PowerLawSpectralModel(index=3.0), name="b"),
            InstrumentModel("hess", datasets_names="hess-*"),
        ]
    )


@pytest.fixture
def many():
    norms = Parameter(1.0, axes={"obs": ["x", "y", "z"]})
    return Models(SkyModel(ManyNormsSpectralModel(norm=norms), name="c"))


def values(models):
    table = models.parameter_table
    return dict(zip(table.names, table.values))


def snapshot(models):
    return [(id(p), p.value, p.min, p.max, p.frozen, p.prior) for p in models.parameter_table.parameters]


CHANGES = {
    "with_values": lambda m: m.with_values({"a.spectral.index": 2.5}),
    "freeze": lambda m: m.freeze("a.*"),
    "unfreeze": lambda m: m.unfreeze("hess.energy_scale"),
    "with_priors": lambda m: m.with_priors({"index": GaussianPrior(2.0, 0.5)}),
    "with_bounds": lambda m: m.with_bounds({"amplitude": ("1e-14 cm-2 s-1 TeV-1", "1e-5 m-2 s-1 TeV-1")}),
    "link": lambda m: m.link("a.spectral.index", "b.spectral.index"),
    "affine": lambda m: m.link("a.spectral.index", "b.spectral.index", offset=0.5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_return_new_models_and_leave_the_old_alone(models, change):
    before = snapshot(models)
    new = change(models)
    assert new is not models
    assert isinstance(new, Models)
    assert snapshot(models) == before
    assert snapshot(new) != before


def test_what_the_changes_do(models):
    table = models.with_bounds({"amplitude": ("1e-14 cm-2 s-1 TeV-1", "1e-5 m-2 s-1 TeV-1")}).parameter_table
    lower, upper = table.bounds
    assert (lower[1], upper[1]) == (pytest.approx(1e-14, abs=0), pytest.approx(1e-9, abs=0))
    assert values(models.with_values({"index": 2.7}))["b.spectral.index"] == 2.7
    frozen = models.freeze("a.*").parameter_table
    assert [n for n, free in zip(frozen.names, frozen.free) if free] == ["b.spectral.index", "b.spectral.amplitude"]
    assert not models.freeze().parameter_table.free.any()
    freed = models.freeze().unfreeze().parameter_table
    assert [n for n, free in zip(freed.names, freed.free) if not free] == [
        "a.spectral.reference",
        "b.spectral.reference",
        "hess.reference",
    ]
    with_priors = models.with_priors({"index": UniformPrior(1, 4)})
    assert sum(p is not None for p in with_priors.parameter_table.priors) == 2
    assert not any(with_priors.with_priors({"index": None}).parameter_table.priors)


def test_changes_follow_a_shared_parameter(models):
    linked = models.link("a.spectral.index", "b.spectral.index")
    assert linked["a"].spectral_model.index is linked["b"].spectral_model.index
    changed = linked.with_values({"a.spectral.index": 2.9})
    assert changed["b"].spectral_model.index.value == 2.9
    assert changed["a"].spectral_model.index is changed["b"].spectral_model.index


def test_links_of_links(models):
    first = models.link("a.spectral.index", "b.spectral.index", offset=0.5)
    assert first["a"].spectral_model.index.value == 3.5
    assert "a.spectral.index" not in first.parameter_table.names
    second = Models([*first, SkyModel(PowerLawSpectralModel(index=1.0), name="c")]).link(
        "b.spectral.index", "c.spectral.index", factor=2.0
    )
    assert (second["b"].spectral_model.index.value, second["a"].spectral_model.index.value) == (2.0, 2.5)
    moved = second.with_values({"c.spectral.index": 1.5})
    assert moved["a"].spectral_model.index.value == 3.5


@pytest.mark.parametrize(
    ("target", "source", "error", "message"),
    [
        ("a.spectral.index", "b.spectral.amplitude", UnitError, "without a factor"),
        ("a.spectral.index", "a.spectral.index", ValueError, "to itself"),
        ("index", "b.spectral.index", KeyError, "matches several parameters: a.spectral.index, b.spectral.index"),
        ("a.spectral.inxed", "b.spectral.index", KeyError, "no parameter is called 'a.spectral.inxed'"),
    ],
)
def test_impossible_links(models, target, source, error, message):
    with pytest.raises(error, match=message):
        models.link(target, source)


def test_entries_of_an_array_are_changed_by_name(many):
    changed = many.with_values({"c.spectral.norm[obs-y]": 3.0})
    np.testing.assert_array_equal(changed["c"].spectral_model.norm.value, [1.0, 3.0, 1.0])
    np.testing.assert_array_equal(many["c"].spectral_model.norm.value, 1.0)
    whole = many.with_values({"norm": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(whole["c"].spectral_model.norm.value, [1.0, 2.0, 3.0])
    assert not many.freeze("norm").parameter_table.free[1:].any()
    for refused in (many.freeze, many.unfreeze):
        with pytest.raises(ValueError, match="all entries of an array parameter only"):
            refused("norm[obs-y]")
    with pytest.raises(ValueError, match="need shape"):
        many.with_values({"norm": [1.0, 2.0]})


def test_wrong_values_are_refused_by_the_name_of_the_parameter(models):
    with pytest.raises(UnitError, match=r"a.spectral.amplitude: given in 'TeV'"):
        models.with_values({"a.spectral.amplitude": "3 TeV"})
    with pytest.raises(ValueError, match=r"a.spectral.index: is NaN"):
        models.with_values({"a.spectral.index": float("nan")})
    with pytest.raises(ValueError, match=r"a.spectral.index: expected min < max"):
        models.with_bounds({"a.spectral.index": (5, 1)})
    with pytest.raises(KeyError, match="no parameter is called"):
        models.with_priors({"nothing": None})


def test_lists_know_their_models(models):
    assert models.names == ["a", "b", "hess"]
    assert [m.name for m in models.sources] == ["a", "b"]
    assert [m.name for m in models.instruments] == ["hess"]
    assert models["b"] is models[1]
    assert (len(models), len(Models()), Models(models["a"]).names) == (3, 0, ["a"])
    assert "a.spectral.index" in repr(models)
    table = models.to_table()
    assert list(table["name"]) == models.parameter_table.names
    with pytest.raises(KeyError, match="no model is called 'c'; there are: a, b, hess"):
        models["c"]
    with pytest.raises(ValueError, match="two models are called 'a'"):
        Models([models["a"], models["a"]])
    with pytest.raises(ValueError, match=r"expected a SkyModel.*, got str"):
        Models(["a"])


def test_a_constant_cannot_be_fitted(models):
    with pytest.raises(ValueError, match="cannot be free"):
        models.unfreeze("a.spectral.reference")


def test_a_parameter_given_for_a_convention_becomes_one():
    given = Parameter(2.0, "TeV")
    reference = PowerLawSpectralModel(reference=given).reference
    assert (reference.value, reference.frozen, reference.constant) == (2.0, True, True)
    assert not given.frozen
    assert PowerLawSpectralModel(reference=reference).reference is reference


@pytest.mark.parametrize(
    ("names", "dataset", "expected"),
    [
        (None, "any", True),
        ("run-1", "run-1", True),
        ("run-1", "run-10", False),
        (["x", "run-*"], "run-10", True),
        ("obs[1]", "obs[1]", True),
        ([], "any", False),
    ],
)
def test_which_datasets_a_model_acts_on(names, dataset, expected):
    assert applies_to(SkyModel(PowerLawSpectralModel(), datasets_names=names), dataset) is expected


# ---- files ----


def round_trip(models):
    text = yaml.safe_dump(models.to_dict())
    return Models.from_dict(yaml.safe_load(text))


def same(first, second):
    for column in ("names", "values", "errors", "free", "units", "priors"):
        np.testing.assert_array_equal(
            getattr(first.parameter_table, column), getattr(second.parameter_table, column), err_msg=column
        )
    np.testing.assert_array_equal(first.parameter_table.bounds, second.parameter_table.bounds)
    np.testing.assert_array_equal(first.parameter_table.scales, second.parameter_table.scales)


def test_links_survive_whatever_the_order(models):
    forward = round_trip(models.link("a.spectral.index", "b.spectral.index", factor=2.0, offset=-1.0))
    assert isinstance(forward["a"].spectral_model.index, Affine)
    assert forward["a"].spectral_model.index.source is forward["b"].spectral_model.index
    assert forward["a"].spectral_model.index.value == 5.0
    backward = round_trip(models.link("b.spectral.index", "a.spectral.index", offset=1.0))
    assert backward["b"].spectral_model.index.value == 3.0
    shared = round_trip(models.link("b.spectral.index", "a.spectral.index"))
    assert shared["a"].spectral_model.index is shared["b"].spectral_model.index


def test_a_source_that_no_model_holds_survives():
    common = Parameter(2.0, min=1, max=3, prior=GaussianPrior(2, 0.1))
    models = Models(
        [
            SkyModel(PowerLawSpectralModel(index=Affine(common, offset=0.1)), name="a"),
            SkyModel(PowerLawSpectralModel(index=Affine(common, offset=0.2)), name="b"),
        ]
    )
    back = round_trip(models)
    same(back, models)
    assert back["a"].spectral_model.index.source is back["b"].spectral_model.index.source
    same(round_trip(back), models)


def test_different_parameters_with_one_label_stay_apart():
    first, second = Parameter(2.0, label="index"), Parameter(3.0, label="index")
    models = Models(
        [
            SkyModel(PowerLawSpectralModel(index=p), name=name)
            for p, name in ((first, "a"), (second, "b"), (first, "c"), (second, "d"))
        ]
    )
    back = round_trip(models)
    assert [m.spectral_model.index.value for m in back] == [2.0, 3.0, 2.0, 3.0]
    assert back["a"].spectral_model.index is back["c"].spectral_model.index


def test_arrays_bounds_and_defaults_survive(many):
    rich = many.with_bounds({"norm": (0.0, 5.0)}).with_values({"norm[obs-z]": 2.0})
    back = round_trip(rich)
    same(back, rich)
    assert back["c"].spectral_model.norm.axes == {"obs": ("x", "y", "z")}
    # the field's own defaults are a bound and a scale: a parameter without them stays without
    instrument = Models(InstrumentModel("hess", energy_scale=Parameter(0.0)))
    same(round_trip(instrument), instrument)


def test_an_expression_is_refused_by_name():
    index = Expression(lambda x: 2 * x, (Parameter(1.0),))
    with pytest.raises(ConfigError, match="'index': a link by a Python expression"):
        Models(SkyModel(PowerLawSpectralModel(index=index), name="a")).to_dict()


def test_files_are_whole_and_not_overwritten(models, tmp_path):
    path = tmp_path / "deep" / "models.yaml"
    models.write(path, covariance=np.eye(models.parameter_table.size))
    assert yaml.safe_load(path.read_text())["covariance"] == "models_covariance.dat"
    np.testing.assert_array_equal(Models.read(path).covariance, np.eye(models.parameter_table.size))
    same(Models.read(path), models)
    with pytest.raises(FileExistsError):
        models.write(path)
    models.freeze().write(path, overwrite=True)
    assert not Models.read(path).parameter_table.free.any()
    assert sorted(p.name for p in path.parent.iterdir()) == ["models.yaml", "models_covariance.dat"]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, MissingDataError, "no such file"),
        ("a: [1", ConfigError, "not a YAML file"),
        ("\x00\x01", ConfigError, "not a YAML file"),
        ("just text", ConfigError, "expected a mapping, got str"),
        ("compnents: []", ConfigError, "unknown key 'compnents'; did you mean 'components'"),
        ("components: {a: 1}", ConfigError, "components: expected a list, got dict"),
        ("components: [a]", ConfigError, "component 0: expected a mapping, got 'a'"),
    ],
)
def test_bad_files_are_refused_with_their_name(tmp_path, content, error, message):
    path = tmp_path / "models.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=message) as caught:
        Models.read(path)
    assert "models.yaml" in str(caught.value)


def test_an_empty_file_is_an_empty_list(tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text("")
    assert len(Models.read(path)) == 0


GOOD = {
    "components": [
        {
            "name": "crab",
            "type": "SkyModel",
            "spectral": {
                "type": "PowerLawSpectralModel",
                "parameters": [
                    {"name": "index", "value": 2.5},
                    {"name": "amplitude", "value": 1.0, "unit": "m-2 s-1 GeV-1"},
                ],
            },
        }
    ]
}


def broken(path, value, *, remove=False):
    data = copy.deepcopy(GOOD)
    node = data["components"][0]
    for key in path[:-1]:
        node = node[key]
    if remove:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return data


INDEX = ("spectral", "parameters", 0)


def test_hand_written_data():
    models = Models.from_dict(GOOD)
    assert values(models)["crab.spectral.amplitude"] == pytest.approx(0.1)
    assert values(models)["crab.spectral.index"] == 2.5
    assert Models.from_dict(broken(("spectral", "type"), "pl")).names == ["crab"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (broken(("typ",), 1), "component crab: unknown key 'typ'; did you mean 'type'"),
        (broken(("type",), "SkyModle"), "component crab: type 'SkyModle' is unknown; expected one of SkyModel"),
        (broken(("spectral",), None, remove=True), "component crab: no 'spectral' model given"),
        (broken(("spectral",), "pl"), "crab.spectral: expected a mapping with a 'type'"),
        (broken(("spectral", "type"), "power"), "crab.spectral.type: spectral model 'power' is unknown"),
        (broken(("spectral", "parametrs"), []), "unknown key 'parametrs'; did you mean 'parameters'"),
        (broken(("spectral", "parameters"), {"index": 2}), "parameters: expected a list, got dict"),
        (broken((*INDEX, "name"), "idnex"), "PowerLawSpectralModel has no parameter 'idnex'; it has: index, amplitude"),
        (broken((*INDEX, "name"), "amplitude"), "parameter 'amplitude' is given twice"),
        (broken((*INDEX, "valeu"), 1), "unknown key 'valeu'; did you mean 'value'"),
        (broken((*INDEX, "value"), None, remove=True), "index: no value given"),
        (broken((*INDEX, "value"), "two"), "index: "),
        (broken((*INDEX, "value"), float("nan")), "index: is NaN"),
        (broken((*INDEX, "unit"), "TeV"), "index: given in 'TeV'"),
        (broken((*INDEX, "unit"), "parrot"), "index: 'parrot' did not parse as unit"),
        (broken((*INDEX, "frozen"), "False"), "index: frozen must be True or False"),
        (broken((*INDEX, "prior"), {"type": "gauss"}), "index: prior type 'gauss' is unknown"),
        (broken((*INDEX, "prior"), {"type": "gaussian", "mu": 1}), "index: prior 'gaussian': 'sigma' is missing"),
        (broken((*INDEX, "link"), {"factor": 2}), "index.link: no source given"),
        (broken((*INDEX, "link"), {"source": "x"}), "index.link: no parameter is labelled 'x'"),
        (broken((*INDEX, "link"), {"source": "x", "offest": 2}), "index.link: unknown key 'offest'"),
        (broken((*INDEX, "link"), {"source": "x", "factor": "a"}), "index.link: factor and offset must be numbers"),
    ],
)
def test_bad_data_says_where(data, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Models.from_dict(data, "mine.yaml")
    assert str(caught.value).startswith("mine.yaml")


def test_a_label_shared_by_parameters_of_different_units_is_refused():
    data = broken((*INDEX, "link"), "common")
    data["components"][0]["spectral"]["parameters"][1]["link"] = "common"
    with pytest.raises(ConfigError, match=r"amplitude.link: 'common' is in ''"):
        Models.from_dict(data)


def test_two_components_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two models are called 'crab'"):
        Models.from_dict({"components": GOOD["components"] * 2})


def test_parameters_of_gammapy_files_are_understood():
    row = {
        "name": "index",
        "value": 2.5,
        "unit": "",
        "error": 0.1,
        "min": float("nan"),
        "max": float("nan"),
        "frozen": False,
        "interp": "lin",
        "scale_method": "scale10",
        "scale": 1.0,
    }
    models = Models.from_dict(broken(INDEX, row))
    index = models["crab"].spectral_model.index
    assert (index.value, index.error, index.min, index.scale) == (2.5, 0.1, -np.inf, None)


def test_log_parabola_of_a_file_is_the_one_written():
    model = LogParabolaSpectralModel(amplitude="4e-11 cm-2 s-1 TeV-1", reference="1 TeV", alpha=2.3, beta=0.2)
    back = round_trip(Models(SkyModel(model, name="crab")))
    assert back["crab"].spectral_model("3 TeV").value == pytest.approx(model("3 TeV").value, rel=1e-15, abs=0)

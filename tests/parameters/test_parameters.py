"""Parameters: values, units, identity, links, arrays, names, and the flat vector."""

import astropy.units as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gjax.errors import UnitError
from gjax.parameters import (
    Affine,
    Expression,
    GaussianPrior,
    Parameter,
    UniformPrior,
    fill,
    freeze_tree,
    parameter,
    parameter_paths,
    replace_parameters,
)

FLUX = "TeV-1 s-1 cm-2"


# ---- one parameter ----


@pytest.mark.parametrize(
    "value",
    ["4e-11 cm-2 s-1 TeV-1", "4e-14 cm-2 s-1 GeV-1", "4e-7 m-2 s-1 TeV-1", 4e-11 * u.Unit("cm-2 s-1 TeV-1"), 4e-11],
)
def test_values_come_in_any_unit_of_the_kind(value):
    assert Parameter(value, FLUX).value == pytest.approx(4e-11, rel=1e-14, abs=0)


def test_bounds_are_converted_as_the_value_is():
    p = Parameter("1 TeV", "TeV", min="100 GeV", max=10 * u.TeV)
    assert (p.min, p.max) == (pytest.approx(0.1), 10.0)
    assert p.quantity == 1 * u.TeV
    assert (Parameter(1.0, min=None, max=float("nan")).min, Parameter(1.0).max) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"value": float("nan")}, ValueError, "mine: is NaN"),
        ({"value": "nan TeV", "unit": "TeV"}, ValueError, "mine: is NaN"),
        ({"value": None}, ValueError, "mine: expected a number"),
        ({"value": "much TeV"}, ValueError, "mine: expected a number with a unit"),
        ({"value": "much TeV", "unit": "TeV"}, ValueError, "mine: expected a number with a unit like 'TeV'"),
        ({"value": {"a": 1}}, ValueError, "mine: expected a number"),
        ({"value": "1 s", "unit": "TeV"}, UnitError, "mine: given in 's', expected a unit like 'TeV'"),
        ({"value": "1 parrot", "unit": "TeV"}, UnitError, "mine: 'parrot' is not a unit"),
        ({"value": 1.0, "min": "1 s"}, UnitError, "mine.min"),
        ({"value": 1.0, "min": 2.0, "max": 2.0}, ValueError, "mine: expected min < max"),
        ({"value": 1.0, "frozen": "False"}, ValueError, "mine: frozen must be True or False"),
        ({"value": 1.0, "prior": 3}, ValueError, "mine: prior must be a prior"),
        ({"value": 1.0, "scale": 0.0}, ValueError, "mine: scale must be a positive number"),
        ({"value": 1.0, "scale": float("nan")}, ValueError, "mine: scale must be a positive number"),
        ({"value": [1.0, 2.0]}, ValueError, "mine: an array value needs named axes"),
        ({"value": [1.0, 2.0], "axes": {"obs": ["a"]}}, ValueError, r"mine: axes .* need shape \(1,\), got \(2,\)"),
        ({"value": [1.0, np.nan], "axes": {"obs": ["a", "b"]}}, ValueError, "mine: holds NaN"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    with pytest.raises(error, match=message):
        Parameter(**arguments, name="mine")


def test_a_parameter_cannot_be_changed_and_replace_makes_another():
    p = Parameter(2.0, min=1, label="shared")
    with pytest.raises(AttributeError):
        p.value = 3.0
    q = p.replace(value=3.0)
    assert (p.value, q.value, q.min, q.label) == (2.0, 3.0, 1.0, "shared")
    assert p != Parameter(2.0, min=1, label="shared")


def test_array_parameters_are_read_only_and_independent_of_their_input():
    given = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    p = Parameter(given, axes={"obs": ["a", "b"], "bin": [1, 2, 3]})
    given[:] = 0
    assert (p.shape, p.size, p.value[1, 2]) == ((2, 3), 6, 6.0)
    assert p.entries()[:4] == ["[obs-a,bin-1]", "[obs-a,bin-2]", "[obs-a,bin-3]", "[obs-b,bin-1]"]
    with pytest.raises(ValueError, match="read-only"):
        p.value[0, 0] = 7.0


# ---- fields of models ----


def test_fields_accept_parameters_of_the_same_unit_however_written():
    field = parameter(1.0, FLUX).metadata["converter"]
    p = Parameter(4e-11 * u.Unit("cm-2 s-1 TeV-1"))
    assert field(p) is p
    with pytest.raises(UnitError, match="given a parameter in 'TeV'"):
        field(Parameter("1 TeV"))
    with pytest.raises(UnitError, match="expected one in"):
        field(Parameter(1.0, "cm-2 s-1 GeV-1"))


# ---- links ----


def test_affine_links_compose():
    p = Parameter(2.0)
    first = Affine(p, 3.0, 1.0)
    second = Affine(first, 2.0, -1.0)
    assert (first.value, second.value) == (7.0, 13.0)
    assert second.source is p
    with pytest.raises(TypeError, match="expected a Parameter as source, got float"):
        Affine(2.0)
    with pytest.raises(TypeError, match="got Affine"):
        Expression(lambda a: a, (first,))


def test_replacing_a_source_moves_its_links():
    p, q = Parameter(2.0), Parameter(5.0)
    tree = {"a": p, "b": Affine(p, 2.0), "c": Expression(lambda x: x + 1, (p,))}
    new = replace_parameters(tree, {id(p): q})
    assert new["a"] is q
    assert (new["b"].value, new["c"].value) == (10.0, 6.0)
    assert tree["a"] is p
    chained = replace_parameters(tree | {"c": q}, {id(p): Affine(q, 1.0, 1.0)})
    assert (chained["a"].value, chained["b"].value, chained["b"].source) == (6.0, 12.0, q)
    with pytest.raises(TypeError, match="Expression"):
        replace_parameters(tree, {id(p): Affine(q)})


# ---- the crossing ----


def test_a_shared_object_is_one_entry_and_equal_values_are_two():
    shared = Parameter(2.0)
    _, table = freeze_tree([{"a": shared, "b": Parameter(2.0)}, {"a": shared, "b": Parameter(2.0)}], ["x", "y"])
    assert table.names == ["x.a", "x.b", "y.b"]
    assert table.size == 3


def test_fill_puts_values_links_and_arrays_back():
    p, norms = Parameter(2.0), Parameter([1.0, 3.0], axes={"obs": ["a", "b"]})
    tree = {"a": p, "b": Affine(p, 3.0, 1.0), "c": Expression(lambda x, n: x * n, (p, norms)), "n": norms, "text": "x"}
    skeleton, table = freeze_tree(tree)
    assert table.names == ["a", "n[obs-a]", "n[obs-b]"]
    numbers = {key: skeleton[key] for key in "abcn"}
    filled = jax.jit(fill)(numbers, jnp.asarray([5.0, 7.0, 9.0]))
    assert (float(filled["a"]), float(filled["b"])) == (5.0, 16.0)
    np.testing.assert_array_equal(filled["n"], [7.0, 9.0])
    np.testing.assert_array_equal(filled["c"], [35.0, 45.0])
    gradient = jax.grad(lambda t: fill(numbers, t)["b"] + fill(numbers, t)["n"][1])(jnp.asarray(table.values))
    np.testing.assert_array_equal(gradient, [3.0, 0.0, 1.0])


def test_affine_links_of_arrays_are_element_by_element():
    norms = Parameter([1.0, 3.0], axes={"obs": ["a", "b"]})
    skeleton, table = freeze_tree({"n": norms, "m": Affine(norms, 2.0, 1.0)})
    np.testing.assert_array_equal(fill(skeleton, jnp.asarray(table.values))["m"], [3.0, 7.0])


def test_sources_outside_of_the_tree_get_names_of_their_own():
    first, second = Parameter(2.0), Parameter(3.0, label="common")
    tree = {
        "a": Affine(first),
        "b": Affine(second),
        "c": Affine(first, 2.0),
        "d": Affine(Parameter(1.0, label="common")),
    }
    _, table = freeze_tree(tree)
    assert table.names == ["a.source", "common", "common2"]
    np.testing.assert_array_equal(table.values, [2.0, 3.0, 1.0])


def test_the_skeleton_holds_indices_as_arrays_so_that_links_are_data():
    separate, _ = freeze_tree({"a": Parameter(2.0), "b": Parameter(2.0)})
    shared = Parameter(2.0)
    linked, _ = freeze_tree({"a": shared, "b": shared})
    assert jax.tree_util.tree_structure(separate) == jax.tree_util.tree_structure(linked)


def test_paths_name_nested_parameters():
    assert [path for path, _ in parameter_paths({"a": {"b": Parameter(1.0)}, "c": [Parameter(1.0)]}, "top")] == [
        "top.a.b",
        "top.c.0",
    ]


# ---- the table ----


@pytest.fixture
def table():
    tree = [
        {"index": Parameter(2.0, min=0, max=5, prior=UniformPrior(1, 6)), "amplitude": Parameter(3e-11, FLUX)},
        {"index": Parameter(0.0, frozen=True), "norm": Parameter(1.0, axes={"obs": ["1", "2"]}, scale=0.1)},
    ]
    return freeze_tree(tree, ["crab", "background"])[1]


def test_columns(table):
    assert table.names == [
        "crab.amplitude",
        "crab.index",
        "background.index",
        "background.norm[obs-1]",
        "background.norm[obs-2]",
    ]
    assert table.units == [FLUX, "", "", "", ""]
    np.testing.assert_array_equal(table.free, [True, True, False, True, True])
    np.testing.assert_allclose(table.scales, [1e-11, 1.0, 1.0, 0.1, 0.1])
    lower, upper = table.bounds
    assert (lower[1], upper[1]) == (1.0, 5.0)
    assert np.isnan(table.errors).all()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("crab.index", [1]),
        ("index", [1, 2]),
        ("crab.*", [0, 1]),
        ("*", [0, 1, 2, 3, 4]),
        ("norm", [3, 4]),
        ("background.norm", [3, 4]),
        ("background.norm[obs-2]", [4]),
        ("norm[obs-1]", [3]),
        ("*norm[obs-*]", [3, 4]),
        ("*.nor?", [3, 4]),
    ],
)
def test_find(table, pattern, expected):
    assert table.find(pattern) == expected


@pytest.mark.parametrize("pattern", ["nothing", "rab.index", "norm[obs-3]", ""])
def test_find_nothing_lists_the_names(table, pattern):
    with pytest.raises(KeyError, match=r"there are: crab.amplitude, crab.index"):
        table.find(pattern)


def test_with_values_keeps_shapes_and_errors(table):
    changes = table.with_values(np.arange(5.0), 0.1 * np.arange(5.0))
    new = [changes[id(p)] for p in table.parameters]
    assert (new[1].value, new[1].error) == (1.0, pytest.approx(0.1))
    np.testing.assert_array_equal(new[3].value, [3.0, 4.0])
    np.testing.assert_allclose(new[3].error, [0.3, 0.4])
    assert new[3].axes == {"obs": ("1", "2")}
    np.testing.assert_array_equal(table.values, [3e-11, 2.0, 0.0, 1.0, 1.0])


def test_an_empty_tree_has_an_empty_table():
    _, table = freeze_tree({"a": 1.0})
    assert (table.size, table.names, table.values.shape) == (0, [], (0,))
    assert table.freeze().prior_rows is None


def test_priors_ride_along_as_rows():
    _, table = freeze_tree({"a": Parameter(0.0, prior=GaussianPrior(1.0, 0.5)), "b": Parameter(0.0)})
    frozen = table.freeze()
    np.testing.assert_array_equal(frozen.prior_kind, [3, 0])
    np.testing.assert_array_equal(frozen.prior_rows[0, :2], [1.0, 0.5])

"""Every public name has a docstring with the sections that people look for."""

import importlib
import inspect
import re

import pytest

PACKAGES = [
    *("stats", "data", "irf", "maps", "datasets", "makers"),
    *("parameters", "models", "emission", "folding", "likelihood", "inference"),
    *("freeze", "estimators", "forecast", "simulate", "plot", "analysis"),
]


def public():
    """Names of the packages that are classes or functions of gjax."""
    for package in ["gjax", *(f"gjax.{name}" for name in PACKAGES)]:
        module = importlib.import_module(package)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
        for name in names:
            thing = getattr(module, name)
            target = inspect.unwrap(thing) if callable(thing) else thing
            if (inspect.isclass(target) or inspect.isfunction(target)) and target.__module__.startswith("gjax"):
                yield f"{package}.{name}", target


PUBLIC = dict(public())


def parameters(target):
    """Names of the arguments that a caller gives."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        found = inspect.signature(target if inspect.isclass(target) else function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in found if p.name not in ("self", "cls") and not p.name.startswith("_")]


def test_names_are_found():
    assert len(PUBLIC) > 80


@pytest.mark.parametrize("name", PUBLIC)
def test_has_a_summary(name):
    text = inspect.getdoc(PUBLIC[name]) or ""
    first = text.split("\n\n")[0].strip()
    assert first, "no docstring"
    assert len(first) > 10
    assert first.endswith((".", ":", ")", "`")), first


@pytest.mark.parametrize(
    "name", [n for n, target in PUBLIC.items() if inspect.isfunction(target) and parameters(target)]
)
def test_functions_document_their_arguments(name):
    """In a section, or, where one argument is all, in the summary."""
    text, arguments = inspect.getdoc(PUBLIC[name]) or "", parameters(PUBLIC[name])
    if "Parameters\n---" in text:
        body = text.split("Parameters\n---", 1)[1]
        missing = [a for a in arguments if not re.search(rf"(^|[ ,*]){re.escape(a)}\b", body, re.MULTILINE)]
        assert missing == []
    else:
        assert len(arguments) <= 2, "several arguments and no section Parameters"


@pytest.mark.parametrize("name", PUBLIC)
def test_sections_are_those_of_numpydoc(name):
    text = inspect.getdoc(PUBLIC[name]) or ""
    titles = re.findall(r"^([A-Z]\w+(?: \w+)*)\n-{3,}$", text, re.MULTILINE)
    assert set(titles) <= {"Parameters", "Returns", "Yields", "Raises", "Examples", "Notes", "References", "Attributes"}

"""The rules of the design: who may import whom, and what importing may not do."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gjax

ROOT = Path(gjax.__file__).parent

#: What each part of gjax may import from gjax, besides itself.
BASE = {"errors", "units", "paths"}
HOST_ORDER = ["stats", "fits", "maps", "irf", "data", "datasets", "makers"]
FROZEN_ORDER = ["parameters", "models", "emission", "folding", "likelihood", "inference"]
HOST = set(HOST_ORDER) | {"catalog"}
FROZEN = set(FROZEN_ORDER)
ALLOWED = {
    "errors": set(),
    "units": {"errors"},
    "paths": {"errors"},
    **{name: BASE | set(HOST_ORDER[:i]) for i, name in enumerate(HOST_ORDER)},
    "catalog": BASE | {"stats", "fits", "maps", "irf", "data", "datasets", "models", "parameters"},
    **{name: BASE | set(FROZEN_ORDER[:i]) for i, name in enumerate(FROZEN_ORDER)},
    "freeze": BASE | HOST | FROZEN,
    "simulate": BASE | HOST | FROZEN | {"freeze"},
    "forecast": BASE | HOST | FROZEN | {"freeze"},
    "estimators": BASE | HOST | FROZEN | {"freeze"},
    "plot": BASE | HOST | FROZEN | {"freeze"},
    "analysis": BASE | HOST | FROZEN | {"freeze", "simulate", "forecast", "estimators", "plot"},
    "cli": BASE | HOST | FROZEN | {"freeze", "simulate", "forecast", "estimators", "plot", "analysis"},
    "__init__": BASE | {"freeze"},
    "__main__": {"cli"},
}
#: Methods of a likelihood that hand it to what is built on likelihoods.
ASKED_OF_A_LIKELIHOOD = {
    ("simulate", ("asimov",)),
    ("simulate", ("simulate",)),
    ("simulate", ("toys",)),
    ("forecast", ("forecast",)),
}
JAX = {"jax", "jaxlib", "equinox", "optax", "numpyro"}
ASTRO = {"astropy", "regions", "matplotlib"}


#: Attributes of operations are to be had nowhere else.
NO_PUBLIC_NAME = {"jax.experimental.xla_metadata"}


def imports_of(source):
    """Yield ``(module, names of the enclosing functions, line)`` of every import of a piece of code."""

    def walk(node, functions):
        for child in ast.iter_child_nodes(node):
            inside = functions
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inside = (*functions, getattr(child, "name", "lambda"))
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for other in child.orelse:
                    yield from walk(other, inside)
                continue
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, functions, child.lineno
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"relative import in line {child.lineno}: write the whole name"
                if child.module == "gjax":
                    for alias in child.names:
                        yield f"gjax.{alias.name}", functions, child.lineno
                else:
                    yield child.module, functions, child.lineno
            elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith(("import_module", "__import__")):
                target = child.args[0]
                if isinstance(target, ast.Constant):
                    yield target.value, functions, child.lineno
            yield from walk(child, inside)

    yield from walk(ast.parse(source), ())


def violations_of(part, source, where):
    """Return one line per forbidden import of a file that belongs to a part of gjax."""
    found = []
    for module, functions, line in imports_of(source):
        top, _, rest = module.partition(".")
        target = rest.partition(".")[0]
        plots = any(f.lstrip("_").startswith(("plot", "peek")) for f in functions)
        if top == "gjax":
            if part == "models" and target == "maps" and functions[-1:] == ("read",):
                continue  # a model of a map reads it where it is made
            if part == "models" and target == "emission" and functions[-1:] == ("load_emission_models",):
                continue  # model files name models of particles
            if part == "freeze" and (target, functions[-1:]) in ASKED_OF_A_LIKELIHOOD:
                continue  # what is built on likelihoods may be asked of one
            if target in ("", part) or (target == "plot" and plots) or target in ("enable_x64", "__version__"):
                continue
            if target not in ALLOWED[part]:
                found.append(f"{where}:{line}: {part} imports {module}")
        elif top in JAX and part in HOST:
            found.append(f"{where}:{line}: {part} is of the host world and imports {module}")
        elif top in ASTRO and part in FROZEN | BASE | {"__init__"} and not functions:
            found.append(f"{where}:{line}: {part} is of the frozen world and imports {module} at module level")
        elif module.startswith(("jax._src", "jax.core", "jax.experimental")) and module not in NO_PUBLIC_NAME:
            found.append(f"{where}:{line}: {module} is not a public module of JAX")
        elif top == "matplotlib" and part not in ("plot", "analysis", "cli") and not plots:
            found.append(f"{where}:{line}: {part} imports {module} outside of a plot method")
    return found


def files():
    return sorted(ROOT.rglob("*.py"))


def part_of(path):
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("part", sorted({part_of(path) for path in files()}))
def test_imports_go_in_the_direction_of_the_design(part):
    assert part in ALLOWED, f"gjax/{part} has no row in the table of this test"
    found = []
    for path in files():
        if part_of(path) == part:
            found += violations_of(part, path.read_text(encoding="utf-8"), path.relative_to(ROOT.parent))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("maps", "import jax"),
        ("data", "def f():\n    import jax.numpy as jnp"),
        ("irf", "from gjax.datasets import SpectrumDataset"),
        ("irf", "def f():\n    from gjax.datasets import SpectrumDataset"),
        ("irf", "from gjax import datasets"),
        ("likelihood", "from gjax.inference import minimise"),
        ("models", "import astropy.units as u"),
        ("models", "if True:\n    import astropy"),
        ("likelihood", "from jax._src import core"),
        ("inference", "from gjax.plot import plot_profile"),
        ("freeze", "class A:\n    def draw(self):\n        from gjax.plot import plot_profile"),
        ("datasets", "import matplotlib.pyplot as plt"),
        ("estimators", "import importlib\nimportlib.import_module('gjax.cli')"),
    ],
)
def test_the_walker_finds_what_is_forbidden(part, source):
    assert violations_of(part, source, "x.py")


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("units", "def f():\n    import astropy.units as u"),
        ("freeze", "class A:\n    def plot(self):\n        from gjax.plot import plot_profile"),
        ("irf", "class A:\n    def peek(self):\n        from gjax.plot import plot_profile"),
        ("models", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gjax.freeze import Likelihood"),
        ("inference", "from gjax.likelihood import Problem"),
        ("makers", "from gjax.datasets import SpectrumDataset"),
    ],
)
def test_the_walker_lets_pass_what_is_allowed(part, source):
    assert not violations_of(part, source, "x.py")


PROBE = """
import json, sys
before = set(sys.modules)
import {module}
loaded = set(sys.modules) - before
first = sorted({{name.split(".")[0] for name in loaded}})
out = {{"loaded": first, "parts": sorted(n for n in loaded if n.startswith("gjax."))}}
if "jax" in sys.modules:
    import jax
    out["arrays"] = len(jax.live_arrays())
    out["x64"] = bool(jax.config.jax_enable_x64)
    out["cache"] = jax.config.jax_compilation_cache_dir
print(json.dumps(out))
"""


def fresh(module):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT.parent), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-W", "error", "-c", PROBE.format(module=module)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_importing_gjax_is_lazy():
    out = fresh("gjax")
    assert not {"jax", "numpy", "astropy", "matplotlib"} & set(out["loaded"])
    assert out["parts"] == []


def test_importing_the_frozen_world_loads_no_astropy_and_makes_no_arrays():
    out = fresh("gjax.models, gjax.emission, gjax.likelihood, gjax.inference, gjax.folding, gjax.parameters")
    assert not {"astropy", "regions", "matplotlib", "numpyro", "optax", "scipy", "yaml"} & set(out["loaded"])
    assert not HOST & {name.split(".")[1] for name in out["parts"]}
    assert (out["arrays"], out["x64"], out["cache"]) == (0, False, None)


def test_importing_the_bridge_makes_no_arrays_and_draws_nothing():
    out = fresh("gjax.freeze")
    assert not {"matplotlib", "numpyro", "optax"} & set(out["loaded"])
    assert (out["arrays"], out["x64"], out["cache"]) == (0, False, None)


def test_importing_the_host_world_loads_no_jax():
    out = fresh("gjax.data, gjax.irf, gjax.maps, gjax.datasets")
    assert not (JAX | {"matplotlib", "regions"}) & set(out["loaded"])
    # the package regions, which the makers need at once, imports matplotlib
    assert not JAX & set(fresh("gjax.makers")["loaded"])


def test_public_names_of_the_package_exist():
    for name in gjax.__all__:
        assert getattr(gjax, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Likelyhood'"):
        gjax.Likelyhood

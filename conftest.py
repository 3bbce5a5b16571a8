"""Double precision for all tests and doctests, as every fit should have; and programs that are quick to compile.

Most of the time of the tests is compiling; see docs/decisions/0031-compiling-in-tests.md.
"""

import os
from pathlib import Path

import jax
import pytest

import gjax

gjax.enable_x64()

# scripts that make stored numbers need the reference package
collect_ignore_glob = ["tests/*/make_golden*.py", "make_golden*.py"]

# the older of two ways to write loops, as in fits; read when the first program is compiled
if jax.__version_info__ < (0, 11):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false".strip()

#: Tests of what users wait for, and of the engine: their programs are optimised.
OPTIMISED = ("analysis", "inference", "freeze/test_photon_engine.py")


@pytest.fixture(autouse=True, scope="module")
def _compiler(request):
    """Programs of the other tests are small: optimising them takes longer than running them."""
    tests = Path(__file__).parent / "tests"
    is_optimised = any(request.path.is_relative_to(tests / name) for name in OPTIMISED)
    jax.config.update("jax_disable_most_optimizations", not is_optimised)
    yield
    # three memory maps per kernel, of which Linux gives a process 65530: those of a whole run are more
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()

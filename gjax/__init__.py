"""gjax: a JAX-accelerated, differentiable likelihood toolkit for gamma-ray astronomy.

Importing this package does no JAX work and sets no global option; the public names are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Likelihood", "__version__", "enable_compilation_cache", "enable_x64"]

_LAZY = {"Likelihood": "gjax.freeze"}

if TYPE_CHECKING:
    from gjax.freeze import Likelihood as Likelihood


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gjax' has no attribute {name!r}")


def enable_x64() -> None:
    """Switch JAX to double precision for this process; call it before building a likelihood.

    Examples
    --------
    >>> import gjax
    >>> gjax.enable_x64()
    """
    import jax

    jax.config.update("jax_enable_x64", True)


def enable_compilation_cache(folder: str) -> None:
    """Keep compiled programs in a folder (yours alone), so that a second process starts faster.

    The command line does so where the environment variable ``GJAX_CACHE_DIR`` names a folder.

    Parameters
    ----------
    folder
        Where to keep them; environment variables and ``~`` are expanded, and the folder is made if it is missing.

    Raises
    ------
    MissingDataError
        If a variable in the path is not set.
    """
    import jax

    from gjax.paths import expand_path

    path = expand_path(folder)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

"""A whole analysis from one configuration: reduce, fit, sample, and report."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gjax.analysis.config import AnalysisConfig as AnalysisConfig

if TYPE_CHECKING:
    from gjax.analysis.reduction import reduce as reduce
    from gjax.analysis.result import AnalysisResult as AnalysisResult
    from gjax.analysis.runner import run as run

__all__ = ["AnalysisConfig", "AnalysisResult", "reduce", "run"]

# Loaded on first use: reading a configuration needs no plots and no JAX.
_LAZY = {"AnalysisResult": "gjax.analysis.result", "reduce": "gjax.analysis.reduction", "run": "gjax.analysis.runner"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'gjax.analysis' has no attribute {name!r}")

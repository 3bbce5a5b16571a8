"""A whole analysis from one configuration: reduce, fit, sample, and report."""

from gjax.analysis.config import AnalysisConfig as AnalysisConfig

__all__ = ["AnalysisConfig"]

"""Errors of gjax: each one names the thing that is wrong and says what was expected.

All of them derive from a built-in error, so that ``except ValueError`` keeps working.
"""

__all__ = ["ConfigError", "DataFormatError", "FitError", "MissingDataError", "UnitError"]


class DataFormatError(ValueError):
    """A file does not hold what its format promises (the message names file, HDU and column)."""


class MissingDataError(FileNotFoundError):
    """A file, HDU or observation that was asked for does not exist."""

    # FileNotFoundError with one argument prints it as it is.


class UnitError(ValueError):
    """A quantity has a unit that cannot be converted to the one expected."""


class ConfigError(ValueError):
    """A configuration or model file holds something unknown or impossible."""


class FitError(ValueError):
    """A fit or sampling run cannot start (no free parameter, improper prior, undefined data)."""

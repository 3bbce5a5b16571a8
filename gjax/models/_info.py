"""Models told in tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gjax.parameters import ParameterTable, tabulate

__all__ = ["list_info", "model_info", "parameter_qtable"]


def parameter_qtable(table: ParameterTable) -> Any:
    """Return the parameters as an astropy table."""
    from astropy.table import Table

    lower, upper = table.bounds
    return Table(
        {
            "name": table.names,
            "value": table.values,
            "unit": table.units,
            "error": table.errors,
            "min": lower,
            "max": upper,
            "frozen": ~table.free,
            "prior": [type(p).__name__.removesuffix("Prior") if p else "" for p in table.priors],
        }
    )


def model_info(model: Any) -> Any:
    """Return the parameters of one model as an astropy table; its type is in the ``meta`` of the table.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> table = PowerLawSpectralModel(index=2.4).info()
    >>> table.meta["type"], table["value"][0].item()
    ('PowerLawSpectralModel', 2.4)
    """
    table = parameter_qtable(tabulate(model))
    table.meta["type"] = type(model).__name__
    return table


def list_info(models: Iterable[Any]) -> Any:
    """Return a table with one row per model: what it is made of, where it acts, and how many parameters are free."""
    from astropy.table import Table

    rows = []
    for model in models:
        parts = [getattr(model, f"{kind}_model", None) for kind in ("spectral", "spatial", "temporal")]
        names, table = getattr(model, "datasets_names", None), tabulate(model)
        rows.append(
            (
                getattr(model, "name", ""),
                type(model).__name__,
                *("" if part is None else part.tag for part in parts),
                "all" if names is None else ", ".join(names),
                table.size,
                int(np.sum(table.free)),
            )
        )
    columns = ("name", "type", "spectral", "spatial", "temporal", "datasets", "parameters", "free")
    kinds = ("str",) * 6 + ("int", "int")
    return Table(rows=rows, names=columns, dtype=kinds) if rows else Table(names=columns, dtype=kinds)

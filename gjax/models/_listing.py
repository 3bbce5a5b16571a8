"""All models in one table."""

from __future__ import annotations

from typing import Any

from gjax.models._spatial import spatial_models
from gjax.models._spectral import declared_parameters, spectral_models
from gjax.models._temporal import temporal_models

__all__ = ["list"]


def list(kind: str | None = None) -> Any:
    """Return all models as an astropy table: kind, tag, class, parameters and a summary, the user's own included.

    Parameters
    ----------
    kind
        "spectral", "spatial" or "temporal"; None for all.

    Raises
    ------
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> import gjax.models
    >>> table = gjax.models.list("spectral")
    >>> print(table[table["tag"] == "pl"]["class"][0])
    PowerLawSpectralModel
    """
    from astropy.table import Table

    kinds: dict[str, dict[str, type[Any]]] = {
        "spectral": dict(spectral_models()),
        "spatial": dict(spatial_models()),
        "temporal": dict(temporal_models()),
    }
    if kind is not None and kind not in kinds:
        raise ValueError(f"kind: expected one of {', '.join(kinds)}, got {kind!r}")
    rows = []
    for name in kinds if kind is None else [kind]:
        for tag, cls in kinds[name].items():
            summary = (cls.__doc__ or "").strip().splitlines()[:1]
            rows.append((name, tag, cls.__name__, ", ".join(declared_parameters(cls)), "".join(summary)))
    names = ("kind", "tag", "class", "parameters", "summary")
    return Table(rows=rows, names=names)

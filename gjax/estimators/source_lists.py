"""From a table of detections to models, and from a fit to a catalog of one's own."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from astropy.table import QTable

from gjax.errors import DataFormatError
from gjax.freeze import FitResult
from gjax.models import Models, PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.parameters import Parameter
from gjax.units import attach_unit

__all__ = ["models_from_table", "source_table"]


def models_from_table(
    table: Any, spectral_model: Any = None, spatial_model: Any = None, *, prefix: str = "source-", first: int = 0
) -> Models:
    """Return one source per row of a table of positions.

    Parameters
    ----------
    table
        Table with ``ra`` and ``dec`` (ICRS, Quantity or deg), such as those of `find_peaks` and
        `find_peaks_in_flux_map`; a column ``norm`` scales the amplitude of the spectrum where it is positive, a column
        ``name`` names the sources.
    spectral_model
        Spectrum to start with; a power law of index 2 if None. Every source has parameters of its own.
    spatial_model
        Shape to start with; a point if None.
    prefix, first
        Without names, the sources are called ``prefix`` and a number from ``first`` on.

    Returns
    -------
    models
        Sources whose positions may move by as much as half a degree.

    Raises
    ------
    DataFormatError
        If there is no position, a position is not finite, or the shape has none.

    Examples
    --------
    >>> from astropy.table import Table
    >>> models = models_from_table(Table({"ra": [83.6, 83.9], "dec": [22.0, 22.3], "norm": [2.0, 0.5]}))
    >>> models.names
    ['source-0', 'source-1']
    >>> print(models["source-0"].spectral_model.amplitude.quantity)
    2e-12 1 / (TeV s cm2)
    """
    missing = [name for name in ("ra", "dec") if name not in table.colnames]
    if missing:
        given = ", ".join(table.colnames)
        raise DataFormatError(f"table of sources: no column {', '.join(missing)}; there are {given}")
    spectrum = PowerLawSpectralModel(index=2.0) if spectral_model is None else spectral_model
    shape = PointSpatialModel() if spatial_model is None else spatial_model
    if not (hasattr(shape, "lon_0") and hasattr(shape, "lat_0")):
        raise DataFormatError(f"table of sources: a {type(shape).__name__} has no position")
    from astropy.coordinates import SkyCoord

    degrees = [np.asarray(getattr(table[name], "value", table[name]), dtype=float) for name in ("ra", "dec")]
    if not np.all(np.isfinite(degrees)):
        raise DataFormatError("table of sources: positions are not finite")
    sky = SkyCoord(*degrees, unit="deg").transform_to(getattr(shape, "frame", "icrs")).spherical
    found = []
    for k, (lon, lat) in enumerate(zip(sky.lon.deg, sky.lat.deg)):
        norm = float(table["norm"][k]) if "norm" in table.colnames else 1.0
        wide = min(REACH / max(np.cos(np.deg2rad(lat)), 1e-3), 180.0)
        place = {
            "lon_0": Parameter(float(lon), "deg", min=lon - wide, max=lon + wide),
            "lat_0": Parameter(float(lat), "deg", min=max(lat - REACH, -90.0), max=min(lat + REACH, 90.0)),
        }
        name = str(table["name"][k]) if "name" in table.colnames else f"{prefix}{first + k}"
        own = _scaled(spectrum, norm if norm > 0 else 1.0)
        found.append(SkyModel(own, dataclasses.replace(_anew(shape), **place), name=name))
    return Models(found)


#: How far positions may move in a fit [deg].
REACH = 0.5
_NORMS = ("amplitude", "norm")


def _anew(model: Any) -> Any:
    """Return a model with the same parameters, but not linked to those of the first."""
    import jax

    def copied(leaf: Any) -> Any:
        return leaf.replace() if isinstance(leaf, Parameter) else leaf

    return jax.tree_util.tree_map(copied, model, is_leaf=lambda leaf: isinstance(leaf, Parameter))


def _scaled(spectrum: Any, norm: float) -> Any:
    own = _anew(spectrum)
    for name in _NORMS:
        if isinstance(getattr(own, name, None), Parameter):
            value = getattr(own, name)
            return dataclasses.replace(own, **{name: value.replace(value=value.value * norm)})
    return own


def source_table(result: FitResult, *, energy_min: Any = "1 TeV", energy_max: Any = "10 TeV") -> QTable:
    """Return a catalog: one row per fitted source with position, spectrum, flux and test statistic.

    Parameters
    ----------
    result
        A fit.
    energy_min, energy_max
        Energies that the flux is integrated between.

    Returns
    -------
    table
        ``name``, ``ra``, ``dec``, all free parameters of spectrum and shape with errors (that of ``lon_0`` along the
        circle of latitude; NaN for sources that do not have them), ``flux`` and ``flux_err``, and ``ts``: how much the
        statistic rises without the source, everything else held.

    Raises
    ------
    ValueError
        If the fit has no source with a position.
    """
    sources = [m for m in result.models.sources if hasattr(getattr(m, "spatial_model", None), "lon_0")]
    if not sources:
        raise ValueError("the fit has no source with a position")
    rows = [_row(result, model, energy_min, energy_max) for model in sources]
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns: dict[str, Any] = {}
    for name in names:
        given = [row.get(name) for row in rows]
        unit = next((value[1] for value in given if value is not None), "")
        values = [np.nan if value is None else value[0] for value in given]
        columns[name] = attach_unit(np.array(values), unit) if unit else np.array(values)
    return QTable(columns)


def _row(result: FitResult, model: SkyModel, low: Any, high: Any) -> dict[str, tuple[Any, str]]:
    sky = model.spatial_model.position.icrs  # type: ignore[union-attr]
    row: dict[str, tuple[Any, str]] = {
        "name": (model.name, ""),
        "ra": (float(sky.ra.deg), "deg"),
        "dec": (float(sky.dec.deg), "deg"),
    }
    table = result.table
    for i, (name, unit, free) in enumerate(zip(table.names, table.units, table.free)):
        if not name.startswith(f"{model.name}.") or not free:
            continue
        short = name.removeprefix(f"{model.name}.").partition(".")[2]
        is_longitude = short == "lon_0"
        factor = np.cos(np.deg2rad(float(model.spatial_model.lat_0.value))) if is_longitude else 1.0  # type: ignore[union-attr]
        row[short] = (float(table.values[i]), unit)
        row[f"{short}_err"] = (float(table.errors[i] * factor), unit)
    flux, error = result.flux(model.name, low, high)
    row |= {"flux": (float(flux.value), "cm-2 s-1"), "flux_err": (float(error.value), "cm-2 s-1")}
    own = [name for name in table.names if name.startswith(f"{model.name}.spectral")]
    norm = next((name for name in own if name.rpartition(".")[2] in _NORMS), None)
    ts = np.nan if norm is None else result.likelihood.with_values({norm: 0.0}).stat_sum() - result.total_stat
    return row | {"ts": (float(ts), "")}

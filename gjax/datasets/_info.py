"""Summary numbers of spectra and map datasets."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from gjax.datasets._map_fields import any_energy
from gjax.stats._significance import cash_significance, li_ma_significance, null_background, null_wstat

__all__ = ["info_dict", "info_table"]


def _total(given: Any, mask: np.ndarray) -> float:
    return float(np.nan) if given is None else float(np.sum(given.data, where=mask))


def info_dict(dataset: Any, in_safe_data_range: bool = True) -> dict[str, Any]:
    """Summary of a dataset, summed over energy (and pixels).

    Parameters
    ----------
    dataset
        `SpectrumDataset`, `SpectrumDatasetOnOff`, `MapDataset` or `MapDatasetOnOff`.
    in_safe_data_range
        Sum over safe bins only.

    Returns
    -------
    info
        Counts, excess, ``sqrt_ts`` (significance of the excess, for on-off data after Li & Ma), background, ``npred``
        and ``stat_sum`` of the hypothesis of no source, exposure range, times, rates, numbers of bins; for on-off data
        off counts and acceptances.
    """
    everything = np.ones(dataset.data_shape, dtype=bool)
    safe = everything if dataset.mask_safe is None else dataset.mask_safe.data
    fit = everything if dataset.mask is None else dataset.mask.data
    mask = safe if in_safe_data_range else everything
    counts = _total(dataset.counts, mask) if dataset.counts is not None else 0.0
    on_off = dataset.stat_type == "wstat"
    background_map = None
    if not on_off or (dataset.acceptance is not None and dataset.acceptance_off is not None):
        background_map = dataset.background
    background = _total(background_map, mask)
    npred, stat_sum, sqrt_ts = background, np.nan, np.nan
    extra: dict[str, Any] = {}
    if on_off:
        npred, stat_sum, sqrt_ts, extra = _on_off(dataset, mask, fit, counts, background)
    elif np.isfinite(background):
        sqrt_ts = float(cash_significance(counts, background))
        stat_sum = _cash(dataset, fit)
    livetime = u.Quantity(np.nan, "s") if dataset.livetime is None else dataset.livetime
    low, high = _exposure_range(dataset)
    return {
        "name": dataset.name,
        "counts": _number(counts),
        "excess": counts - background,
        "sqrt_ts": sqrt_ts,
        "background": background,
        "npred": npred,
        "npred_background": npred,
        "npred_signal": np.nan,
        "exposure_min": low,
        "exposure_max": high,
        "livetime": livetime,
        "ontime": u.Quantity(np.nan, "s") if dataset.gti is None else u.Quantity(dataset.gti.time_sum).to("s"),
        "counts_rate": counts / livetime,
        "background_rate": background / livetime,
        "excess_rate": (counts - background) / livetime,
        "n_bins": everything.size,
        "n_fit_bins": int(fit.sum()),
        "stat_type": dataset.stat_type,
        "stat_sum": stat_sum,
        **extra,
    }


def _number(value: float) -> Any:
    """Counts as an integer where they are."""
    return int(value) if float(value).is_integer() else float(value)


def _exposure_range(dataset: Any) -> tuple[u.Quantity, u.Quantity]:
    if dataset.exposure is None:
        return u.Quantity(np.nan, "m2 s"), u.Quantity(np.nan, "m2 s")
    data = dataset.exposure.data
    if dataset.mask_safe is not None and data.shape[-2:] != (1, 1):
        data = data[:, any_energy(dataset.mask_safe)]
    values = data[data > 0]
    values = values if values.size else np.zeros(1)
    unit = dataset.exposure.unit
    return u.Quantity(values.min(), unit).to("m2 s"), u.Quantity(values.max(), unit).to("m2 s")


def _cash(dataset: Any, fit: np.ndarray) -> float:
    total = float(np.sum(dataset.background.data, where=fit))
    seen = fit & (dataset.counts.data > 0)
    n, mu = dataset.counts.data[seen], dataset.background.data[seen]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(2 * (total - (n * np.log(mu)).sum()))


def _on_off(
    dataset: Any, mask: np.ndarray, fit: np.ndarray, counts: float, background: float
) -> tuple[float, float, float, dict[str, Any]]:
    n_off = _total(dataset.counts_off, mask) if dataset.counts_off is not None else 0.0
    acceptance = _total(dataset.acceptance, mask)
    alpha = background / n_off if n_off > 0 else np.nan
    if n_off == 0 and dataset.acceptance_off is not None:
        off = _total(dataset.acceptance_off, mask)
        alpha = acceptance / off if off > 0 else np.nan
    npred, stat_sum, sqrt_ts = np.nan, np.nan, np.nan
    if np.isfinite(background) and dataset.counts is not None:
        n_on_bin, n_off_bin, alpha_bin = (m.data for m in (dataset.counts, dataset.counts_off, dataset.alpha))
        npred = float(null_background(n_on_bin, n_off_bin, alpha_bin)[mask].sum())
        stat_sum = float(null_wstat(n_on_bin, n_off_bin, alpha_bin)[fit].sum())
        sqrt_ts = float(li_ma_significance(counts, n_off, alpha))
    extra = {
        "counts_off": _number(n_off),
        "acceptance": acceptance,
        "acceptance_off": acceptance / alpha if alpha else np.nan,
        "alpha": alpha,
    }
    return npred, stat_sum, sqrt_ts, extra


def info_table(rows: list[dict[str, Any]]) -> QTable:
    """Table of summaries, with units; missing entries are NaN or empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = QTable()
    for key in columns:
        values = [row.get(key, np.nan) for row in rows]
        quantities = [value for value in values if isinstance(value, u.Quantity)]
        if quantities:
            unit = quantities[0].unit
            values = u.Quantity([value if isinstance(value, u.Quantity) else np.nan * unit for value in values], unit)
        table[key] = values
    return table

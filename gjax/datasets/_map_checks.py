"""What may be wrong with a map dataset, and what it holds in one line."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_dataset", "summary", "without_background"]


def without_background(dataset: Any) -> np.ndarray:
    """Bins of the fit that hold counts although no background is expected in them (bool array).

    Without a source that reaches these bins, no prediction can explain the counts: the statistic is infinite. For
    on-off data these are the bins without an off region; off regions without counts are no problem.
    """
    background = dataset.background
    if dataset.counts is None or background is None:
        return np.zeros(dataset.data_shape, dtype=bool)
    known = np.isfinite(background.data) if dataset.stat_type == "wstat" else background.data > 0
    bad = (dataset.counts.data > 0) & ~known
    mask = dataset.mask
    return bad if mask is None else bad & mask.data


def check_dataset(dataset: Any) -> list[dict[str, Any]]:
    """What may be wrong with the data.

    Parameters
    ----------
    dataset
        `MapDataset` or `MapDatasetOnOff`.

    Returns
    -------
    records
        One dictionary per finding with ``level`` ("error": a fit cannot work; "warning": look at it), ``dataset``,
        ``field`` and ``msg``; empty where nothing was found.
    """
    records: list[dict[str, Any]] = []

    def report(level: str, field: str, msg: str) -> None:
        records.append({"level": level, "dataset": dataset.name, "field": field, "msg": msg})

    for field in ("counts", "exposure"):
        if getattr(dataset, field) is None:
            report("error", field, f"there is no {field}")
    mask = dataset.mask
    if mask is not None and not mask.data.any():
        empty = "mask_safe" if dataset.mask_safe is not None and not dataset.mask_safe.data.any() else "mask"
        report("error", empty, "no bin is in the mask: nothing to fit")
    elif dataset.exposure is not None:
        pixels = dataset.exposure.data > 0
        if not pixels.any():
            report("error", "exposure", "the exposure is 0 everywhere")
    bad = without_background(dataset)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        counts = float(dataset.counts.data[bad].sum())
        report(
            "warning",
            "background",
            f"{counts:g} counts lie in {int(bad.sum())} bins without background (the first is {first}): without a "
            "source there the statistic is infinite; take the bins out of the mask or add a model that covers them",
        )
    for field in ("psf", "edisp"):
        if getattr(dataset, field) is None:
            report("warning", field, f"there is no {field}: a perfect one is assumed")
    return records


def summary(dataset: Any) -> str:
    """One line that says what a dataset holds."""
    parts = [" x ".join(str(n) for n in dataset.data_shape[::-1]) + " bins (lon, lat, energy)"]
    if dataset.counts is not None:
        info = dataset.info_dict()
        parts.append(f"{info['n_fit_bins']} in the fit")
        parts.append(f"counts {info['counts']:g}")
        if np.isfinite(info["background"]):
            parts.append(f"background {info['background']:.4g}")
    if dataset.livetime is not None:
        parts.append(f"live time {dataset.livetime.to_value('h'):.3g} h")
    for field in ("psf", "edisp"):
        given = getattr(dataset, field)
        parts.append(f"no {field}" if given is None else type(given).__name__)
    n_without = int(without_background(dataset).sum())
    if n_without:
        parts.append(f"{n_without} bins with counts but no background")
    return f"{type(dataset).__name__}({dataset.name!r}: {', '.join(parts)})"

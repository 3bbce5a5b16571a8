r"""Stacking of map datasets as arithmetic on arrays.

With :math:`m_{ikp}` the safe mask of dataset *i*, energy bin *k* and pixel *p*, and :math:`M_{ip}` its image (safe at
any energy):

.. math::

    N_{kp} = \sum_i n_{ikp} m_{ikp}, \quad X_{tp} = \sum_i X_{itp} M_{ip}, \quad
    P_{tp}(r) = \frac{\sum_i X_{itp} M_{ip} P_{itp}(r)}{\sum_i X_{itp} M_{ip}}, \quad
    R_{tkp} = \frac{\sum_i X_{itp} m_{ikp} R_{itkp}}{\sum_i X_{itp} M_{ip}},

where the responses have coarser pixels, with the fractions of safe pixels in them in place of the masks. An energy
dispersion in migration has no axis of reconstructed energy and is averaged with :math:`M_{ip}`; convert it to kernels
first where runs have different energy thresholds.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from gjax.datasets import _spectrum_tools as tools
from gjax.datasets._map_fields import any_energy, reference_map, same_sky

__all__ = ["overlap", "stack_map_datasets"]

log = logging.getLogger(__name__)

Slices = tuple[slice, slice]


def overlap(geom: Any, other: Any) -> tuple[Slices, Slices] | None:
    """Common pixels of two parts of one pixel grid.

    Parameters
    ----------
    geom, other
        Geometries, such as a map and its cutout.

    Returns
    -------
    slices
        (lat, lon) slices of the arrays on ``geom`` and of those on ``other``; None if they have no pixel in common.

    Raises
    ------
    ValueError
        If the pixels are not those of one grid.
    """
    if not same_sky(geom, other, shift=True):
        raise ValueError(f"the geometries are not parts of one pixel grid: {geom} and {other}")
    if getattr(geom, "is_region", False) or not hasattr(geom, "wcs"):
        return (slice(None), slice(None)), (slice(None), slice(None))
    offset = np.round(np.asarray(geom.wcs.wcs.crpix) - np.asarray(other.wcs.wcs.crpix)).astype(int)
    inner, outer = [], []
    for shift, n, n_other in zip(offset[::-1], geom.data_shape[-2:], other.data_shape[-2:]):
        start, stop = max(int(shift), 0), min(int(shift) + n_other, n)
        if stop <= start:
            return None
        inner.append(slice(start, stop))
        outer.append(slice(start - int(shift), stop - int(shift)))
    return (inner[0], inner[1]), (outer[0], outer[1])


def stack_map_datasets(
    target: Any, datasets: Iterable[Any], *, name: str | None = None, response_weights: str = "fraction"
) -> Any:
    """Add map datasets to one that covers them, each within its safe mask.

    What the target holds is kept as it is; start from `MapDataset.create` or from `MapDataset.to_masked`. Each array
    of the target is copied once, however many datasets are added.

    Parameters
    ----------
    target
        `MapDataset` or `MapDatasetOnOff` on the geometry of the result.
    datasets
        Datasets on the same geometry or on cutouts of it; on-off data may be added to a `MapDataset` (with
        ``alpha * counts_off`` as background).
    name
        Name of the result; by default that of the target.
    response_weights
        Weight of a dataset in pixels of the responses that are partly safe: "fraction" (the safe part), or "centre"
        (1 if any of the four map pixels around the centre is safe, as Gammapy has it for the energy dispersion).

    Returns
    -------
    stacked
        New dataset of the type of the target, with the safe masks (and fit masks) combined by "or", and the good time
        intervals united.

    Raises
    ------
    ValueError
        If axes or pixel grids differ, if a part such as the exposure of a response is missing, or if nothing of a
        dataset lies in the target.
    """
    from gjax.datasets._map_accumulate import Stack

    if response_weights not in ("fraction", "centre"):
        raise ValueError(f"response_weights is {response_weights!r}, expected 'fraction' or 'centre'")
    stack = Stack(target, response_weights)
    for dataset in datasets:
        _check(target, dataset)
        stack.add(dataset)
    return dataclasses.replace(target, **stack.fields(), name=name or target.name)


def _check(target: Any, dataset: Any) -> None:
    on_off = "acceptance" in target.__dataclass_fields__
    if not hasattr(dataset, "psf") or (on_off and "acceptance" not in dataset.__dataclass_fields__):
        raise ValueError(
            f"cannot stack: {type(dataset).__name__} {dataset.name!r} on {type(target).__name__} {target.name!r}"
        )
    what = f"it and dataset {target.name!r}"
    first, second = reference_map(target).geom, reference_map(dataset).geom
    tools.check_axes(dataset.name, first.axes["energy"], second.axes["energy"], what)
    if target.exposure is not None and dataset.exposure is not None:
        true, other_true = (d.exposure.geom.axes["energy_true"] for d in (target, dataset))
        tools.check_axes(dataset.name, true, other_true, what)
    try:
        common = overlap(first, second)
    except ValueError as error:
        raise ValueError(f"cannot stack dataset {dataset.name!r} on {target.name!r}: {error}") from error
    if common is None:
        raise ValueError(f"cannot stack dataset {dataset.name!r}: no pixel of it lies in {target.name!r}")
    if dataset.mask_safe is not None and not any_energy(dataset.mask_safe).any():
        log.warning("dataset %r has no safe bin: stacking adds nothing of it", dataset.name)

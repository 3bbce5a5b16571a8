"""Host datasets to buckets: units off, bins padded to a short ladder of shapes, datasets stacked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gjax.datasets import (
    FluxPointsDataset,
    MapDataset,
    MapDatasetOnOff,
    SpectrumDataset,
    SpectrumDatasetOnOff,
    UnbinnedDataset,
)
from gjax.errors import FitError
from gjax.freeze._cubes import CubeArrays, CubeBins, cube_arrays, cube_fields
from gjax.irf import EDispKernel
from gjax.likelihood import (
    AbstractBucket,
    AbstractCubes,
    CashCubes,
    CashSpectra,
    CorrelatedFluxPointSets,
    FluxPointSets,
    OnOffCubes,
    OnOffSpectra,
)

__all__ = ["FrozenDatasets", "cube_bucket", "freeze_datasets", "ladder"]


@dataclasses.dataclass(frozen=True)
class FrozenDatasets:
    """Buckets, and where each dataset went.

    Parameters
    ----------
    kinds
        Per bucket its class.
    buckets
        The frozen data; None for cubes, which depend on where sources are (see `cube_bucket`).
    members
        Per bucket, the positions of its datasets in the list given.
    sizes
        Number of bins of every dataset before padding.
    undefined
        Messages about bins without a defined statistic, which are left out.
    cubes
        The arrays of map datasets by position in the list given: sources are folded into them.
    by_energy
        Whether the bins of cubes without counts are summed per energy, not all together.
    folding
        How sources are to be folded into cubes, by name, where it is not to be chosen.
    """

    kinds: tuple[type[AbstractBucket], ...]
    buckets: tuple[AbstractBucket | None, ...]
    members: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    undefined: tuple[str, ...]
    cubes: dict[int, CubeArrays] = dataclasses.field(default_factory=dict)
    by_energy: bool = False
    folding: Mapping[str, str] = dataclasses.field(default_factory=dict)


def ladder(size: int) -> int:
    """Return the next size of the ladder 4, 6, 8, 12, 16, 24, 32, 48, ...

    Examples
    --------
    >>> [ladder(n) for n in (1, 5, 27, 67)]
    [4, 6, 32, 96]
    """
    step = 4
    while step < size:
        if step * 3 // 2 >= size:
            return step * 3 // 2
        step *= 2
    return step


def _pad(array: np.ndarray, shape: tuple[int, ...], fill: float = 0.0) -> np.ndarray:
    out = np.full(shape, fill, dtype=array.dtype)
    out[tuple(slice(n) for n in array.shape)] = array
    return out


def _pad_edges(edges: np.ndarray, size: int) -> np.ndarray:
    # narrow bins: at energies far beyond the data a model may overflow, and infinity times no exposure is NaN
    extra = size + 1 - len(edges)
    return np.concatenate([edges, edges[-1] * (1 + 1e-3 * np.arange(1, extra + 1))])


def _flat(array: Any) -> np.ndarray:
    return np.asarray(array, dtype=float).reshape(len(array), -1)[:, 0]


def _check_finite(name: str, what: str, values: np.ndarray, mask: np.ndarray) -> None:
    bad = mask & ~np.isfinite(values)
    if bad.any():
        raise FitError(f"dataset {name!r}: {what} is not finite in {int(bad.sum())} bins that the masks let through")


def _spectrum(dataset: Any) -> tuple[type[AbstractBucket], dict[str, np.ndarray], str | None]:
    name = dataset.name
    for field in ("counts", "exposure"):
        if getattr(dataset, field) is None:
            raise FitError(f"dataset {name!r}: has no {field}")
    counts = _flat(dataset.counts.data)
    mask = (
        np.ones(len(counts), bool)
        if dataset.mask is None
        else np.asarray(getattr(dataset.mask, "data", dataset.mask)).reshape(-1)
    )
    axis = dataset.exposure.geom.axes["energy_true"]
    edisp = dataset.edisp
    if edisp is None:
        edisp = EDispKernel.from_diagonal_response(axis, dataset.counts.geom.axes["energy"])
    arrays = {
        "counts": counts,
        "edges": axis.edges.to_value("TeV"),
        "exposure": _flat(dataset.exposure.quantity.to_value("cm2 s")),
        "edisp": np.asarray(edisp.pdf_matrix, dtype=float),
    }
    every = np.ones(len(arrays["exposure"]), bool)
    _check_finite(name, "exposure", arrays["exposure"], every)
    _check_finite(name, "energy dispersion", arrays["edisp"], np.ones_like(arrays["edisp"], bool))
    _check_finite(name, "counts", counts, mask)
    if not isinstance(dataset, SpectrumDatasetOnOff):
        background = np.zeros_like(counts) if dataset.background is None else _flat(dataset.background.data)
        _check_finite(name, "background", background, mask)
        return CashSpectra, arrays | {"mask": mask, "background": background}, None
    if dataset.counts_off is None or dataset.acceptance_off is None or dataset.acceptance is None:
        raise FitError(
            f"dataset {name!r}: has no off counts, so its background is unknown; read or make an off spectrum"
        )
    off = _flat(dataset.counts_off.data)
    on_acceptance, off_acceptance = _flat(dataset.acceptance.data), _flat(dataset.acceptance_off.data)
    _check_finite(name, "off counts", off, mask)
    alpha = np.divide(on_acceptance, off_acceptance, out=np.zeros_like(off), where=mask & (off_acceptance > 0))
    _check_finite(name, "acceptance over off acceptance", alpha, mask)
    undefined = mask & ~(off_acceptance > 0)
    if undefined.any() and undefined.sum() == mask.sum():
        raise FitError(f"dataset {name!r}: no bin has an off acceptance; is there an off region?")
    message = _left_out(name, int(undefined.sum()), int(mask.sum()))
    return OnOffSpectra, arrays | {"mask": mask & ~undefined, "counts_off": off, "alpha": alpha}, message


def _left_out(name: str, undefined: int, total: int) -> str | None:
    text = f"dataset {name!r}: {undefined} of {total} bins have no off acceptance and are left out"
    return text if undefined else None


def _flux_points(dataset: FluxPointsDataset) -> tuple[type[AbstractBucket], dict[str, np.ndarray], str | None]:
    values = dataset.arrays()
    mask, is_ul = np.asarray(values["mask"], bool), np.asarray(values["is_ul"], bool)
    symmetric = dataset.stat_type == "chi2"
    if symmetric:
        mask, is_ul = mask & ~is_ul, np.zeros_like(is_ul)
    arrays = {
        "energy": values["e_ref"],
        "dnde": values["dnde"],
        "errn": values["dnde_err" if symmetric else "dnde_errn"],
        "errp": values["dnde_err" if symmetric else "dnde_errp"],
        "ul": values["dnde_ul"],
        "is_ul": is_ul,
        "mask": mask,
    }
    for key, where in (("dnde", mask & ~is_ul), ("errn", mask & ~is_ul), ("errp", mask & ~is_ul), ("ul", mask & is_ul)):
        _check_finite(dataset.name or "", key, arrays[key], where)
    covariance = dataset.data.covariance_of("dnde")
    if symmetric and covariance is not None:
        return CorrelatedFluxPointSets, _whitened(dataset.name or "", arrays, covariance.value), None
    return FluxPointSets, arrays, None


def _whitened(name: str, arrays: dict[str, np.ndarray], covariance: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of correlated points; the errors are those of the covariance."""
    mask = arrays["mask"]
    used = np.ix_(mask, mask)
    width = np.sqrt(np.where(mask, np.diag(covariance), np.nan))
    part = covariance[used] / np.outer(width[mask], width[mask])
    try:
        inverse = np.linalg.inv(np.linalg.cholesky(part))
    except np.linalg.LinAlgError:
        inverse = np.full_like(part, np.nan)
    if not np.all(np.isfinite(inverse)):
        raise FitError(f"dataset {name!r}: the covariance of the points is not positive, or not finite")
    # masked points have a prediction, too
    whiten = np.diag(np.where(mask, 0.0, 1 / np.nanmax(np.append(width, 1e-30))))
    whiten[used] = inverse / width[mask]
    value = whiten @ np.where(mask, arrays["dnde"], 0.0)
    return {"energy": arrays["energy"], "value": value, "whiten": whiten, "mask": mask}


def _shape_of(kind: type[AbstractBucket], arrays: Any) -> tuple[int, ...]:
    if issubclass(kind, AbstractCubes):
        # whatever their numbers of bins with counts: pixels around sources are what costs
        return len(arrays.energy), len(arrays.edges) - 1
    if "edisp" in arrays:
        return ladder(arrays["edisp"].shape[0]), ladder(arrays["edisp"].shape[1])
    return (ladder(len(arrays["mask"])),)


def cube_bucket(kind: Any, bins: Sequence[CubeBins], *, by_energy: bool = False) -> Any:
    """Return the bucket of several cubes.

    Parameters
    ----------
    kind
        Class of the bucket.
    bins
        The bins of every dataset.
    by_energy
        Whether bins without counts are summed per energy; otherwise all together.
    """
    size = ladder(max(one.size for one in bins))
    fields = [cube_fields(one, size, by_energy=by_energy) for one in bins]
    return kind(**{key: np.stack([one[key] for one in fields]) for key in fields[0]})


def _stack(kind: type[AbstractBucket], shape: tuple[int, ...], parts: Sequence[Any]) -> AbstractBucket | None:
    if issubclass(kind, AbstractCubes):
        return None

    def one(key: str, array: np.ndarray) -> np.ndarray:
        if key == "edges":
            return _pad_edges(array, shape[0])
        if key == "edisp":
            return _pad(array, shape)
        if key == "whiten":
            return _pad(array, (shape[-1], shape[-1]))
        if key == "exposure":
            return _pad(array, shape[:1])
        return _pad(array, shape[-1:], fill=1.0 if key == "energy" else 0.0)

    fields: dict[str, Any] = {key: np.stack([one(key, part[key]) for part in parts]) for key in parts[0]}
    return kind(**fields)


def freeze_datasets(datasets: Sequence[Any]) -> FrozenDatasets:
    """Freeze datasets into buckets.

    Raises
    ------
    FitError
        If a dataset lacks something, holds NaN inside its masks, or has no defined bin; the message names it.
    TypeError
        If an element is no dataset.
    """
    groups: dict[tuple[Any, ...], list[tuple[int, Any]]] = {}
    sizes, undefined = [], []
    cubes: dict[int, CubeArrays] = {}
    kind: type[AbstractBucket]
    for position, dataset in enumerate(datasets):
        arrays: Any
        if isinstance(dataset, MapDataset | MapDatasetOnOff | UnbinnedDataset):
            kind = OnOffCubes if isinstance(dataset, MapDatasetOnOff) else CashCubes
            arrays = cubes[position] = cube_arrays(dataset)
            mask, size = arrays.mask, arrays.mask.size
            message = _left_out(arrays.name, arrays.undefined, arrays.undefined + int(mask.sum()))
        elif isinstance(dataset, FluxPointsDataset):
            kind, arrays, message = _flux_points(dataset)
            mask, size = arrays["mask"], len(arrays["mask"])
        elif isinstance(dataset, SpectrumDataset | SpectrumDatasetOnOff):
            kind, arrays, message = _spectrum(dataset)
            mask, size = arrays["mask"], len(arrays["mask"])
        else:
            raise TypeError(f"cannot fit a {type(dataset).__name__}; expected spectrum or flux point datasets, or maps")
        if not mask.any():
            message = f"dataset {dataset.name!r}: the masks leave no bin"
        if message:
            undefined.append(message)
        sizes.append(size)
        groups.setdefault((kind, _shape_of(kind, arrays)), []).append((position, arrays))
    stacked = tuple(_stack(kind, shape, [arrays for _, arrays in found]) for (kind, shape), found in groups.items())
    buckets: tuple[AbstractBucket | None, ...] = jax.device_put(stacked)
    kinds = tuple(kind for kind, _ in groups)
    members = tuple(tuple(position for position, _ in found) for found in groups.values())
    return FrozenDatasets(kinds, buckets, members, tuple(sizes), tuple(undefined), cubes)

"""Instrument models to arrays, for the buckets of datasets they act on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import numpy as np

from gjax.errors import FitError
from gjax.freeze._datasets import FrozenDatasets
from gjax.likelihood import AbstractCubes, AbstractFluxPointSets, Instruments
from gjax.models import InstrumentModel, applies_to
from gjax.models._background import dataset_skeleton
from gjax.parameters import Affine, Parameter, Slot

__all__ = ["instrument_groups", "instruments_of", "is_stretched", "may_change"]

#: Value of what no instrument model says anything about.
DEFAULTS = {"energy_scale": 0.0, "exposure_norm": 1.0, "exposure_tilt": 0.0, "psf_scale": 1.0}


def instruments_of(pairs: Sequence[tuple[Any, Any]], names: Sequence[str]) -> list[tuple[Any, Any] | None]:
    """Return per dataset the instrument model that acts on it and its index slots there, or None.

    Parameters
    ----------
    pairs
        Models, and the same with index slots.
    names
        Names of all datasets.

    Raises
    ------
    FitError
        If two act on one dataset, or a parameter has no entry for it or is computed from others.
    """
    out: list[tuple[Any, Any] | None] = [None] * len(names)
    for model, skeleton in pairs:
        if not isinstance(model, InstrumentModel):
            continue
        for field in DEFAULTS:
            if not isinstance(getattr(model, field), Parameter | Affine):
                raise FitError(
                    f"instrument {model.name!r}: {field} must be a parameter, or a link by factor and offset"
                )
        for i, name in enumerate(names):
            if not applies_to(model, name):
                continue
            if out[i] is not None:
                raise FitError(f"dataset {name!r}: more than one instrument model acts on it")
            try:
                out[i] = model, dataset_skeleton(model, skeleton, name)
            except KeyError as error:
                raise FitError(str(error.args[0])) from error
    return out


def may_change(model: Any, field: str) -> bool:
    """Tell whether a nuisance is free, or has another value than that of a perfect instrument.

    Parameters
    ----------
    model
        The instrument model; None for a perfect instrument.
    field
        Name of the parameter.
    """
    if model is None:
        return False
    leaf = getattr(model, field)
    source = leaf.source if isinstance(leaf, Affine) else leaf
    return not source.frozen or bool(np.any(np.asarray(leaf.value) != DEFAULTS[field]))


def is_stretched(models: Iterable[Any]) -> bool:
    """Tell whether the width of the PSF may change in any of the models."""
    return any(may_change(model, "psf_scale") for model in models if isinstance(model, InstrumentModel))


def _stacked(found: Sequence[tuple[Any, Any] | None], field: str, nodes: int = 0) -> Slot:
    """Return the slots of a nuisance for many datasets, shape (datasets,) or (datasets, nodes)."""
    parts: list[list[np.ndarray]] = [[], [], []]
    for one in found:
        if one is None:
            values: tuple[Any, ...] = (0, 0.0, DEFAULTS[field])
        else:
            slot = getattr(one[1], field)
            values = slot.index, slot.factor, slot.offset
        for part, value in zip(parts, values):
            flat = np.atleast_1d(np.asarray(value))
            # what pads is no parameter: its factor is zero
            part.append(np.concatenate([flat, np.zeros(nodes - len(flat))]) if nodes else flat[0])
    index, factor, offset = (np.stack(part) for part in parts)
    return Slot(index.astype(np.int32), factor.astype(float), offset.astype(float))


def _hats(model: InstrumentModel | None, energies: np.ndarray, nodes: int) -> np.ndarray:
    """Return how much of each node an energy has, by interpolation in log energy, shape (nodes, energies)."""
    at = np.empty(0) if model is None else model.node_energies
    out = np.zeros((nodes, len(energies)))
    if not len(at):
        out[0] = 1.0
        return out
    for k, one in enumerate(np.eye(len(at))):
        out[k] = np.interp(np.log(energies), np.log(at), one)
    return out


def _group(found: Sequence[tuple[Any, Any] | None], bucket: Any) -> Instruments:
    models = [None if one is None else one[0] for one in found]

    def any_of(field: str) -> bool:
        return any(may_change(model, field) for model in models)

    if isinstance(bucket, AbstractFluxPointSets):
        energies = np.asarray(bucket.energy)
    else:
        edges = np.asarray(bucket.edges)
        energies = np.sqrt(edges[:, :-1] * edges[:, 1:])
    energies = np.where(energies > 0, energies, 1.0)
    nodes = max(1, *(0 if model is None else len(model.node_energies) for model in models))
    hats = tilt = log_energy = None
    if nodes > 1:
        hats = np.stack([_hats(model, row, nodes) for model, row in zip(models, energies)])
    if any_of("exposure_tilt"):
        tilt = _stacked(found, "exposure_tilt")
        reference = np.array([1.0 if model is None else model.reference.value for model in models])
        log_energy = np.log(energies / reference[:, np.newaxis])
    is_cubes = isinstance(bucket, AbstractCubes)
    fields: dict[str, Any] = {
        "energy_scale": _stacked(found, "energy_scale") if any_of("energy_scale") else None,
        "norm": _stacked(found, "exposure_norm", nodes),
        "hats": hats,
        "tilt": tilt,
        "log_energy": log_energy,
        "psf_scale": _stacked(found, "psf_scale") if any_of("psf_scale") and is_cubes else None,
    }
    return Instruments(**fields)


def instrument_groups(
    found: Sequence[tuple[Any, Any] | None], frozen: FrozenDatasets, buckets: Sequence[eqx.Module]
) -> tuple[Instruments, ...] | None:
    """Return the instruments of every bucket; None where there are none.

    Parameters
    ----------
    found
        From `instruments_of`.
    frozen
        The data.
    buckets
        The same as arrays on the host.
    """
    if not any(found):
        return None
    return tuple(_group([found[i] for i in members], bucket) for members, bucket in zip(frozen.members, buckets))

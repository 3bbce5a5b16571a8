"""A factor of its own for every dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._temporal import AbstractTemporalModel
from gjax.parameters import Parameter, Slot

__all__ = ["DatasetNormTemporalModel"]


class DatasetNormTemporalModel(AbstractTemporalModel):
    r"""A free factor per dataset: a light curve with a point for every run.

    .. math:: \psi = n_d \quad \textrm{in the dataset } d

    Parameters
    ----------
    norms
        An array parameter over the axis "dataset", whose labels are names of datasets; or a mapping of names to
        numbers, or a list of names, for which all norms are one. It is one, fixed, in all other datasets.

    Raises
    ------
    ValueError
        If the parameter has no axis "dataset".

    References
    ----------
    The light curve estimator of Gammapy, whose points are fits one by one.

    Examples
    --------
    >>> model = DatasetNormTemporalModel(["run-1", "run-2"])
    >>> model.norms.entries()
    ['[dataset-run-1]', '[dataset-run-2]']
    """

    tag: ClassVar[str] = "dataset-norm"
    is_by_dataset: ClassVar[bool] = True
    norms: Any
    #: Where a norm is used, and not one.
    is_used: Any = None

    def __init__(self, norms: Any, *, scale: str = "utc") -> None:
        if isinstance(norms, dict):
            norms = Parameter(list(norms.values()), "", axes={"dataset": [*norms]}, name="norms", scale=0.1)
        elif isinstance(norms, Sequence) and all(isinstance(name, str) for name in norms):
            norms = Parameter(1.0, "", axes={"dataset": [*norms]}, name="norms", scale=0.1)
        if not isinstance(norms, Parameter) or list(norms.axes or ()) != ["dataset"]:
            raise ValueError("DatasetNormTemporalModel.norms: expected an array parameter over the axis 'dataset'")
        labels = norms.axes["dataset"]  # type: ignore[index]
        if len(set(labels)) < len(labels):
            raise ValueError("DatasetNormTemporalModel.norms: a dataset is named twice")
        self.norms, self.is_used, self.scale = norms, True, scale

    @property
    def names(self) -> list[str]:
        """Names of the datasets that have a norm."""
        return list(self.norms.axes["dataset"])

    def at_datasets(self, names: Sequence[str], skeleton: Any) -> Any:
        """Return the skeleton with the norm of each of these datasets (host)."""
        place = {name: k for k, name in enumerate(self.names)}
        found = np.array([place.get(name, 0) for name in names], dtype=int)
        slot = skeleton.norms
        chosen = Slot(slot.index[found], slot.factor[found], slot.offset[found], slot.constant)
        used = np.array([name in place for name in names])
        return eqx.tree_at(lambda m: (m.norms, m.is_used), skeleton, (chosen, used), is_leaf=lambda n: n is slot)

    def frozen_times(self, names: Any, gtis: Any, size: int | None = None) -> Any:
        return ()

    def average(self, times: Any, energy: Array | None = None) -> Array:
        return jnp.where(self.is_used, self.norms, 1.0)

    def evaluate(self, time: Any) -> Array:
        raise NotImplementedError("the norms of datasets are no function of time; they are in `norms`")

    # ---- model files ----

    def file_parameters(self) -> dict[str, Any]:
        return {"norms": self.norms}

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        return ()

    @classmethod
    def from_file(cls, fields: dict[str, Any], rows: Any) -> DatasetNormTemporalModel:
        found = rows.read({"norms": ("", {})})
        if "norms" not in found:
            raise ValueError("parameters: no norms given")
        return cls(**fields, **found)

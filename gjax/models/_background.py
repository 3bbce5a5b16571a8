"""Models of the background of datasets: the field of view."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gjax.models._power_law import PowerLawNormSpectralModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import Affine, Expression, Parameter, ParameterField, name_parameter_fields, parameter

__all__ = ["FoVBackgroundModel", "as_names", "dataset_skeleton"]


def as_names(value: Any) -> tuple[str, ...] | None:
    """Return the names (or patterns) of datasets as a tuple; None stands for all."""
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


class FoVBackgroundModel(eqx.Module):
    r"""Factor on the background of datasets: norm, tilt, and a gradient over the field of view.

    .. math:: n(E)\,\exp(g_x x + g_y y)

    with x, y the offsets from the centre of the dataset's geometry. One model serves thousands of datasets when its
    parameters are arrays over the axis "dataset": see `for_datasets`.

    Parameters
    ----------
    datasets_names
        Name (or names, or patterns with ``*``) of the datasets; None for all.
    spectral_model
        Dimensionless factor n(E), taken at the centres of the energy bins; the default is
        `PowerLawNormSpectralModel` with a free norm and a frozen tilt.
    name
        Unique name; the default is that of the dataset with "-bkg".
    gradient_lon, gradient_lat
        Relative gradients towards larger longitude and latitude [deg-1]; the default is 0, frozen.

    Raises
    ------
    TypeError
        If ``spectral_model`` is not a spectral model.
    ValueError
        If it is a flux.

    Examples
    --------
    >>> FoVBackgroundModel("run-1").name
    'run-1-bkg'
    """

    datasets_names: tuple[str, ...] | None = eqx.field(static=True, default=None, converter=as_names)
    spectral_model: AbstractSpectralModel = eqx.field(default_factory=PowerLawNormSpectralModel)
    name: str = eqx.field(static=True, default="")
    gradient_lon: ParameterField = parameter(0.0, "deg-1", frozen=True, scale=0.01)
    gradient_lat: ParameterField = parameter(0.0, "deg-1", frozen=True, scale=0.01)

    def __check_init__(self) -> None:
        if not isinstance(self.spectral_model, AbstractSpectralModel):
            given = type(self.spectral_model).__name__
            raise TypeError(f"FoVBackgroundModel.spectral_model: expected a spectral model, got {given}")
        if self.spectral_model.unit != "":
            raise ValueError("FoVBackgroundModel.spectral_model: expected a dimensionless model, got a flux")
        if not self.name:
            names = self.datasets_names or ()
            object.__setattr__(self, "name", f"{names[0]}-bkg" if len(names) == 1 else "background")

    @classmethod
    def for_datasets(cls, names: Any, *, norm: Any = 1.0, tilt: Any = 0.0, name: str = "background") -> Any:
        """Return one model with a norm and a (frozen) tilt per dataset.

        Examples
        --------
        >>> from gjax.models import Models
        >>> Models([FoVBackgroundModel.for_datasets(["a", "b"])]).parameter_table.names[2:4]
        ['background.spectral.norm[dataset-a]', 'background.spectral.norm[dataset-b]']
        """
        names = as_names(names)
        axes = {"dataset": names or ()}
        spectrum = PowerLawNormSpectralModel(
            norm=Parameter(norm, "", axes=axes), tilt=Parameter(tilt, "", axes=axes, frozen=True)
        )
        return cls(names, spectrum, name=name)

    def evaluate(self, energy: Array, x: Array | float = 0.0, y: Array | float = 0.0) -> Array:
        """Return the factor at energies [TeV] and offsets [deg] from the centre (broadcast together).

        The parameter fields hold arrays here: those of one dataset, see `dataset_skeleton`.
        """
        return self.spectral_model.evaluate(energy) * jnp.exp(self.gradient_lon * x + self.gradient_lat * y)

    @property
    def has_gradient(self) -> bool:
        """Whether the factor varies over the field of view, now or in a fit (host)."""
        found = (self.gradient_lon, self.gradient_lat)
        return any(not isinstance(p, Parameter) or not p.frozen or bool(jnp.any(p.value != 0)) for p in found)


name_parameter_fields(FoVBackgroundModel)


def dataset_skeleton(model: Any, skeleton: Any, dataset_name: str) -> Any:
    """Return the index slots of one dataset: those of array parameters over the axis "dataset" become scalars.

    Skeletons of all datasets then have one structure and can be stacked for ``vmap``.

    Parameters
    ----------
    model
        The model with its parameters.
    skeleton
        The same model with index slots.
    dataset_name
        Name of the dataset.

    Raises
    ------
    KeyError
        If an array parameter has no entry for the dataset.
    """

    def pick(leaf: Any, slot: Any) -> Any:
        source = leaf.source if isinstance(leaf, Affine) else leaf
        if not isinstance(source, Parameter) or not source.axes:
            return slot
        names = list(source.axes)
        if "dataset" not in names:
            return slot
        labels = source.axes["dataset"]
        if dataset_name not in labels:
            name = getattr(model, "name", "")
            raise KeyError(f"model {name!r}: no entry for dataset {dataset_name!r}; there are: {', '.join(labels)}")
        place = (slice(None),) * names.index("dataset") + (labels.index(dataset_name),)
        return eqx.tree_at(
            lambda s: (s.index, s.factor, s.offset), slot, (slot.index[place], slot.factor[place], slot.offset[place])
        )

    return jax.tree_util.tree_map(
        pick, model, skeleton, is_leaf=lambda node: isinstance(node, Parameter | Affine | Expression)
    )

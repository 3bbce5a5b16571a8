"""Models of the background of datasets: factors on it, and templates of predicted counts."""

from __future__ import annotations

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gjax.models._power_law import PowerLawNormSpectralModel
from gjax.models._spatial import AbstractSpatialModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.parameters import (
    Affine,
    Expression,
    Parameter,
    ParameterField,
    fill,
    freeze_tree,
    name_parameter_fields,
    parameter,
)

__all__ = ["FoVBackgroundModel", "TemplateNPredModel", "as_names", "dataset_skeleton"]


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
    spatial_model
        Another factor on the sky, such as `PiecewiseNormSpatialModel`; the default is none.

    Raises
    ------
    TypeError
        If ``spectral_model`` is not a spectral model, or ``spatial_model`` no spatial one.
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
    spatial_model: AbstractSpatialModel | None = None

    def __check_init__(self) -> None:
        check_factor(self.spectral_model, "FoVBackgroundModel")
        if not isinstance(self.spatial_model, AbstractSpatialModel | None):
            given = type(self.spatial_model).__name__
            raise TypeError(f"FoVBackgroundModel.spatial_model: expected a spatial model, got {given}")
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

    def evaluate(self, energy: Array, x: Array | float = 0.0, y: Array | float = 0.0, sky: Any = None) -> Array:
        """Return the factor; all arguments broadcast together.

        The parameter fields hold arrays here: those of one dataset, see `dataset_skeleton`.

        Parameters
        ----------
        energy
            Energies [TeV].
        x, y
            Offsets [deg] from the centre of the geometry in longitude and latitude.
        sky
            Longitude and latitude [deg] in the frame of the spatial model, where there is one.
        """
        factor = self.spectral_model.evaluate(energy) * jnp.exp(self.gradient_lon * x + self.gradient_lat * y)
        if self.spatial_model is None:
            return factor
        if sky is None:
            raise ValueError("FoVBackgroundModel.evaluate: the spatial model needs positions")
        return factor * self.spatial_model.evaluate(*sky)

    @property
    def has_gradient(self) -> bool:
        """Whether the factor varies over the field of view, now or in a fit (host)."""
        if self.spatial_model is not None:
            return True
        found = (self.gradient_lon, self.gradient_lat)
        return any(not isinstance(p, Parameter) or not p.frozen or bool(np.any(p.value)) for p in found)


name_parameter_fields(FoVBackgroundModel)


class TemplateNPredModel(eqx.Module):
    """A map of predicted counts, times a factor that depends on energy.

    Parameters
    ----------
    map
        Counts per bin, on the axis "energy" with edges.
    spectral_model
        Dimensionless factor at the centres of the energy bins; the default is `PowerLawNormSpectralModel` with a
        free norm and a frozen tilt.
    name
        Unique name.
    datasets_names
        Name (or names, or patterns with ``*``) of the datasets; None for all.
    filename
        File that model files refer to.

    Raises
    ------
    TypeError
        If ``spectral_model`` is not a spectral model, or ``map`` no map.
    ValueError
        If the map has no axis "energy" with edges, holds NaN, or the spectral model is a flux.

    Examples
    --------
    >>> from gjax.maps import MapAxis, WcsNDMap
    >>> energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    >>> model = TemplateNPredModel(WcsNDMap.create(npix=3, axes=[energy]).copy(data=np.ones((2, 3, 3))), name="glow")
    >>> float(model.filled().evaluate().sum())
    18.0
    """

    spectral_model: AbstractSpectralModel
    counts: Any
    energy: Any
    geom: Any = eqx.field(static=True)
    name: str = eqx.field(static=True)
    datasets_names: tuple[str, ...] | None = eqx.field(static=True)
    filename: str | None = eqx.field(static=True)

    def __init__(
        self,
        map: Any,
        spectral_model: AbstractSpectralModel | None = None,
        *,
        name: str = "template-npred",
        datasets_names: Any = None,
        filename: Any = None,
    ) -> None:
        self.spectral_model = PowerLawNormSpectralModel() if spectral_model is None else spectral_model
        check_factor(self.spectral_model, "TemplateNPredModel")
        geom: Any = getattr(map, "geom", None)
        if geom is None:
            raise TypeError(f"TemplateNPredModel.map: expected a map, got {type(map).__name__}")
        axes = {axis.name: axis for axis in geom.axes}
        if list(axes) != ["energy"] or axes["energy"].node_type != "edges":
            raise ValueError(f"TemplateNPredModel.map: expected an axis 'energy' with edges, got {', '.join(axes)}")
        self.counts = np.asarray(map.data, float)
        if not np.isfinite(self.counts).all():
            raise ValueError("TemplateNPredModel.map: holds values that are not finite")
        self.energy = axes["energy"].center.to_value("TeV")
        self.geom = geom
        self.name = str(name)
        self.datasets_names = as_names(datasets_names)
        self.filename = None if filename is None else os.fspath(filename)

    @classmethod
    def read(cls, filename: Any, spectral_model: AbstractSpectralModel | None = None, **options: Any) -> Any:
        """Read the map from a FITS file; the other arguments are those of the class."""
        from gjax.maps import Map

        return cls(Map.read(filename), spectral_model, filename=filename, **options)

    def evaluate(self) -> Array:
        """Return the counts (energy, lat, lon); parameter fields hold arrays here."""
        factor = self.spectral_model.evaluate(jnp.asarray(self.energy))
        return jnp.asarray(self.counts) * factor.reshape(-1, *(1,) * (np.ndim(self.counts) - 1))

    def filled(self) -> Any:
        """Return the model with its parameter values as arrays, ready for `evaluate`."""
        skeleton, table = freeze_tree(self)
        return fill(skeleton, jnp.asarray(table.counted))


def check_factor(model: Any, owner: str) -> None:
    """Raise if a model is not a dimensionless spectral model."""
    if not isinstance(model, AbstractSpectralModel):
        raise TypeError(f"{owner}.spectral_model: expected a spectral model, got {type(model).__name__}")
    if model.unit != "":
        raise ValueError(f"{owner}.spectral_model: expected a dimensionless model, got a flux")


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

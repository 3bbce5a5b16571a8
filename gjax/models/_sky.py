"""Sources on the sky, instruments, and the immutable list of both."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import numpy as np

from gjax.errors import UnitError
from gjax.models._background import FoVBackgroundModel, TemplateNPredModel, as_names
from gjax.models._errors import SpectrumErrors, full_covariance, spectrum_errors
from gjax.models._info import list_info, model_info, parameter_qtable
from gjax.models._spatial import AbstractSpatialModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.models._temporal import AbstractTemporalModel
from gjax.parameters import (
    AbstractJointPrior,
    AbstractPrior,
    Affine,
    Parameter,
    ParameterField,
    ParameterTable,
    freeze_tree,
    joint_prior_names,
    joint_terms,
    name_parameter_fields,
    parameter,
    replace_parameters,
    tabulate,
)
from gjax.units import equal_units, to_canonical

__all__ = ["InstrumentModel", "Models", "SkyModel"]


def _as_pairs(value: Any) -> tuple[tuple[str, bool], ...]:
    pairs = dict(value)
    for key in pairs:
        if key not in _RESPONSES:
            raise ValueError(f"SkyModel.apply_irf: unknown response {key!r}; expected some of {', '.join(_RESPONSES)}")
    return tuple((key, bool(pairs.get(key, True))) for key in _RESPONSES)


_RESPONSES = ("exposure", "psf", "edisp")


class SkyModel(eqx.Module):
    """A source: a spectrum, a shape on the sky, how it varies with time, and a name.

    Parameters
    ----------
    spectral_model
        Its spectrum.
    spatial_model
        Its shape on the sky; None for data without sky coordinates.
    name
        Unique name; parameters are called ``name.spectral.index`` and so on.
    datasets_names
        Names (or patterns with ``*``) of the datasets that see the source; None for all.
    apply_irf
        Which responses act on the source, e.g. ``{"psf": False, "edisp": False}`` for a template that was made of
        counts; the default is all.
    temporal_model
        How the flux varies with time; None for a constant source. In a fit the spectrum is multiplied with the mean
        over the good time intervals of each dataset.

    Raises
    ------
    TypeError
        If ``spectral_model`` is not a spectral model, ``spatial_model`` no spatial or ``temporal_model`` no temporal
        one.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> SkyModel(PowerLawSpectralModel(), name="crab").name
    'crab'
    """

    spectral_model: AbstractSpectralModel
    spatial_model: AbstractSpatialModel | None = None
    name: str = eqx.field(static=True, default="source")
    datasets_names: tuple[str, ...] | None = eqx.field(static=True, default=None, converter=as_names)
    apply_irf: Any = eqx.field(static=True, default=(), converter=_as_pairs, kw_only=True)
    temporal_model: AbstractTemporalModel | None = eqx.field(default=None, kw_only=True)

    def __check_init__(self) -> None:
        if not isinstance(self.spectral_model, AbstractSpectralModel):
            raise TypeError(
                f"SkyModel.spectral_model: expected a spectral model, got {type(self.spectral_model).__name__}"
            )
        if not isinstance(self.spatial_model, AbstractSpatialModel | None):
            raise TypeError(
                f"SkyModel.spatial_model: expected a spatial model, got {type(self.spatial_model).__name__}"
            )
        if not isinstance(self.temporal_model, AbstractTemporalModel | None):
            raise TypeError(
                f"SkyModel.temporal_model: expected a temporal model, got {type(self.temporal_model).__name__}"
            )
        is_flux = "TeV" in getattr(self.spatial_model, "unit", "")
        if self.spectral_model.unit == "" and not is_flux:
            raise ValueError(
                "SkyModel.spectral_model: expected a flux, got a dimensionless model; multiply it with a flux"
            )
        if self.spectral_model.unit != "" and is_flux:
            raise ValueError("SkyModel: the template is a flux already; give a dimensionless spectral model")

    def plot_error(self, energy_bounds: Any, ax: Any = None, *, covariance: Any = None, **options: Any) -> Any:
        """Plot the spectrum with its error band on a matplotlib axis and return the axis.

        Parameters
        ----------
        energy_bounds
            Lowest and highest energy.
        ax
            Axes; a new one if None.
        covariance
            Of all parameters of the source, in the order of `info`; None for their errors, as if they were
            independent. `Models.plot_error` knows the covariance of a fit.
        options
            Given to `gjax.plot.plot_spectrum_band`.
        """
        from gjax.plot import plot_spectrum_band

        settings = {"label": self.name, **options}
        return plot_spectrum_band(spectrum_errors(self, covariance), energy_bounds, ax=ax, **settings)

    def info(self) -> Any:
        """Return the parameters as an astropy table: name, value, unit, error, min, max, frozen, prior."""
        return model_info(self)


class InstrumentModel(eqx.Module):
    r"""What may be wrong with an instrument: nuisance parameters that act on all of its datasets.

    The spectrum that the instrument sees is

    .. math:: n(E) \left(\frac{E}{E_0}\right)^{-t} \frac{1}{1+z}\, \phi\left(\frac{E}{1+z}\right)

    with the energy scale z (as in Nigro et al. 2019, arXiv 1903.06621), the exposure norm n and tilt t. Each may be an
    array over the axis "dataset": a nuisance per run or per night. The exposure norm may have the axis "energy" too,
    labelled by true energies: it is interpolated between them in log energy, and constant beyond.

    Parameters
    ----------
    name
        Unique name, e.g. "hess".
    datasets_names
        Names (or patterns with ``*``) of the instrument's datasets; None for all.
    energy_scale
        Relative error z of the energy scale; the default is 0, frozen.
    exposure_norm
        Factor on the exposure; the default is 1, frozen.
    exposure_tilt
        Index t by which the exposure falls with energy; the default is 0, frozen.
    psf_scale
        Factor on the width of the PSF in cubes; the default is 1, frozen, between 0.7 and 1.4.
    reference
        Energy E0 of the tilt [TeV].

    Raises
    ------
    ValueError
        If an array has other axes, or labels of energies that are no energies or do not rise.

    Examples
    --------
    >>> from gjax.parameters import GaussianPrior, Parameter
    >>> scale = Parameter(0.0, prior=GaussianPrior(0.0, 0.15), scale=0.1)
    >>> hess = InstrumentModel("hess", datasets_names="hess-*", energy_scale=scale)
    >>> norm = Parameter(1.0, axes={"energy": ["0.1 TeV", "1 TeV", "10 TeV"]}, prior=GaussianPrior(1.0, 0.1))
    >>> InstrumentModel("hess", exposure_norm=norm).node_energies
    array([ 0.1,  1. , 10. ])
    """

    name: str = eqx.field(static=True)
    datasets_names: tuple[str, ...] | None = eqx.field(static=True, default=None, converter=as_names)
    energy_scale: ParameterField = parameter(0.0, frozen=True, min=-0.9, scale=0.1)
    exposure_norm: ParameterField = parameter(1.0, frozen=True, scale=0.1)
    exposure_tilt: ParameterField = parameter(0.0, frozen=True, scale=0.1)
    psf_scale: ParameterField = parameter(1.0, frozen=True, min=0.7, max=1.4, scale=0.1)
    reference: ParameterField = parameter(1.0, "TeV", constant=True)

    def __check_init__(self) -> None:
        for field in ("energy_scale", "exposure_norm", "exposure_tilt", "psf_scale"):
            able = ("dataset", "energy") if field == "exposure_norm" else ("dataset",)
            other = [axis for axis in _axes(getattr(self, field)) if axis not in able]
            if other:
                raise ValueError(f"InstrumentModel.{field}: can have the axes {', '.join(able)}, not {other[0]!r}")
        if "energy" in _axes(self.exposure_norm) and not np.all(np.diff(self.node_energies) > 0):
            raise ValueError("InstrumentModel.exposure_norm: expected energies that rise")

    @property
    def node_energies(self) -> np.ndarray:
        """True energies [TeV] of the nodes of the exposure norm; none where it is the same at all energies."""
        labels = _axes(self.exposure_norm).get("energy", ())
        where = "InstrumentModel.exposure_norm: axis 'energy'"
        return np.array([to_canonical(label, "TeV", where) for label in labels], dtype=float)


def _axes(leaf: Any) -> Mapping[str, Sequence[str]]:
    source = leaf.source if isinstance(leaf, Affine) else leaf
    return getattr(source, "axes", None) or {}


name_parameter_fields(InstrumentModel)


#: Everything that `Models` may hold.
AnyModel: TypeAlias = SkyModel | InstrumentModel | FoVBackgroundModel | TemplateNPredModel


def applies_to(model: AnyModel, dataset_name: str) -> bool:
    """Tell whether a model acts on the dataset of that name."""
    patterns = model.datasets_names
    return patterns is None or any(dataset_name == p or fnmatch.fnmatchcase(dataset_name, p) for p in patterns)


class Models(Sequence):
    """An immutable list of models with unique names.

    Parameters
    ----------
    models
        Sky, instrument and background models.
    covariance
        Covariance of all parameters in the order of the table, such as a fit or a file gives; None if it is not
        known. Models that are changed do not have it any more.
    priors
        Priors on several parameters together, such as `gjax.parameters.PopulationPrior`; by default those of the
        models, if they are `Models`. Their parameters are those of the models, and follow when these change.

    Raises
    ------
    ValueError
        If two models have the same name, an element is no model, the shape of the covariance is another, or a prior
        is on a parameter that no model has.

    Examples
    --------
    >>> from gjax.models import PowerLawSpectralModel
    >>> models = Models([SkyModel(PowerLawSpectralModel(), name="crab")])
    >>> models.parameter_table.names
    ['crab.spectral.index', 'crab.spectral.amplitude', 'crab.spectral.reference']
    >>> models.with_values({"crab.spectral.index": 2.5})["crab"].spectral_model.index.value
    2.5
    """

    def __init__(self, models: Any = (), *, covariance: Any = None, priors: Any = None) -> None:
        if priors is None:
            priors = models.priors if isinstance(models, Models) else ()
        if isinstance(models, AnyModel):
            models = [models]
        self._models: tuple[AnyModel, ...] = tuple(models)
        for model in self._models:
            if not isinstance(model, AnyModel):
                raise ValueError(
                    f"expected a SkyModel, InstrumentModel or background model, got {type(model).__name__}"
                )
        names = [model.name for model in self._models]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two models are called {name!r}: names must be unique")
        self.priors: tuple[AbstractJointPrior, ...] = tuple(priors)
        if self.priors:
            _check_priors(self._models, names, self.priors)
        self.covariance: np.ndarray | None = None
        if covariance is not None:
            self.covariance = np.array(covariance, dtype=float)
            size = self.parameter_table.size
            if self.covariance.shape != (size, size):
                raise ValueError(f"covariance: expected {size} by {size} numbers, got shape {self.covariance.shape}")
            self.covariance.setflags(write=False)

    def __len__(self) -> int:
        return len(self._models)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._models)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            for model in self._models:
                if model.name == key:
                    return model
            raise KeyError(f"no model is called {key!r}; there are: {', '.join(self.names)}")
        return self._models[key]

    def __repr__(self) -> str:
        return f"Models({', '.join(self.names)})\n" + "\n".join(_row(self.parameter_table))

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return [model.name for model in self._models]

    @property
    def sources(self) -> list[SkyModel]:
        """The sky models."""
        return [model for model in self._models if isinstance(model, SkyModel)]

    @property
    def instruments(self) -> list[InstrumentModel]:
        """The instrument models."""
        return [model for model in self._models if isinstance(model, InstrumentModel)]

    @property
    def backgrounds(self) -> list[Any]:
        """The background models."""
        return [model for model in self._models if not isinstance(model, SkyModel | InstrumentModel)]

    def freeze_tree(self) -> tuple[Any, ParameterTable]:
        """Return the models with index slots, and the table of distinct parameters with the priors on several."""
        if not self.priors:
            return freeze_tree(list(self._models), self.names)
        skeletons, table = freeze_tree(self._tree, self._tree_names)
        number = len(self._models)
        settled = [prior.settled(skeleton) for prior, skeleton in zip(self.priors, skeletons[number:])]
        return skeletons[:number], dataclasses.replace(table, joint=joint_terms(settled))

    @property
    def _tree(self) -> list[Any]:
        return [*self._models, *self.priors]

    @property
    def _tree_names(self) -> list[str]:
        return [*self.names, *(prior.name for prior in self.priors)]

    @property
    def parameter_table(self) -> ParameterTable:
        """The distinct parameters in order."""
        return self.freeze_tree()[1] if self.priors else tabulate(list(self._models), self.names)

    def replace_parameters(self, changes: dict[int, Parameter]) -> Models:
        """Return new models with parameters exchanged by identity; links and priors follow."""
        return self._exchanged(changes)

    def _exchanged(self, changes: dict[int, Any]) -> Models:
        tree, number = replace_parameters(self._tree, changes), len(self._models)
        return Models(tree[:number], priors=tree[number:])

    def _change(self, patterns: Iterable[str], **fields: Any) -> Models:
        table = self.parameter_table
        changes = {}
        for pattern in patterns:
            found = set(table.find(pattern))
            for path, offset, old in zip(table.paths, table.offsets, table.parameters):
                chosen = np.array([offset + i in found for i in range(old.size)])
                if old.constant and "*" in pattern and fields.get("frozen") is False:
                    continue
                if chosen.all():
                    changes[id(old)] = old.replace(name=path, **fields)
                elif chosen.any():
                    changes[id(old)] = _change_entries(path, old, chosen, fields)
        return self.replace_parameters(changes)

    def freeze(self, *patterns: str) -> Models:
        """Return new models with the matching parameters frozen (``"crab.*"``, ``"index"``)."""
        return self._change(patterns or ("*",), frozen=True)

    def unfreeze(self, *patterns: str) -> Models:
        """Return new models with the matching parameters free."""
        return self._change(patterns or ("*",), frozen=False)

    def with_values(self, values: Mapping[str, Any]) -> Models:
        """Return new models with other parameter values (names or patterns as keys).

        Raises
        ------
        KeyError
            If a name matches nothing.
        UnitError
            If a value has another unit; a bare number is in the parameter's own.
        """
        models = self
        for pattern, value in values.items():
            models = models._change([pattern], value=value)
        return models

    def with_priors(self, priors: Mapping[str, AbstractPrior | None]) -> Models:
        """Return new models with priors on the matching parameters."""
        models = self
        for pattern, prior in priors.items():
            models = models._change([pattern], prior=prior)
        return models

    def with_bounds(self, bounds: Mapping[str, tuple[Any, Any]]) -> Models:
        """Return new models with other ``(min, max)`` bounds."""
        models = self
        for pattern, (lower, upper) in bounds.items():
            models = models._change([pattern], min=lower, max=upper)
        return models

    def link(self, target: str, source: str, factor: float = 1.0, offset: float = 0.0) -> Models:
        """Return new models in which one parameter is ``factor * source + offset`` (the same object by default).

        Raises
        ------
        KeyError
            If target or source do not name exactly one parameter.
        UnitError
            If the units differ and no factor is given.
        ValueError
            If a parameter is linked to itself, or the shapes differ.
        """
        table = self.parameter_table
        old, new = _parameter_of(table, target), _parameter_of(table, source)
        if old is new:
            raise ValueError(f"cannot link {target!r} to itself")
        if old.shape != new.shape:
            raise ValueError(f"cannot link {target!r} of shape {old.shape} to {source!r} of shape {new.shape}")
        if factor == 1.0 and not equal_units(old.unit, new.unit):
            raise UnitError(
                f"cannot link {target!r} in {old.unit!r} to {source!r} in {new.unit!r} without a factor between them"
            )
        link: Any = new if (factor, offset) == (1.0, 0.0) else Affine(new, factor, offset)
        for prior in self.priors:
            if {id(old), id(new)} <= {id(p) for p in prior.parameters}:
                raise ValueError(f"cannot link {target!r} to {source!r}: prior {prior.name!r} would count it twice")
        if isinstance(link, Affine) and any(old is p for prior in self.priors for p in prior.parameters):
            raise ValueError(f"cannot link {target!r}: the prior on it and others holds parameters, not links")
        return self._exchanged({id(old): link})

    def to_table(self) -> Any:
        """Return the parameters as an astropy table: name, value, unit, error, min, max, frozen, prior."""
        return parameter_qtable(self.parameter_table)

    def info(self) -> Any:
        """Return a table with one row per model: what it is made of, where it acts, and its number of parameters."""
        return list_info(self)

    def errors(self, source: str) -> Any:
        """Return the spectrum of a source with errors, see `AbstractSpectralModel.errors`.

        The covariance is that of the models (as of ``result.models`` and of model files); without one, the errors of
        the parameters are taken as if they were independent.

        Parameters
        ----------
        source
            Name of the source.

        Raises
        ------
        ValueError
            If there is no covariance, and no parameter has an error either.
        """
        model = self[source]
        skeletons, table = self.freeze_tree()
        slots = skeletons[self.names.index(source)].spectral_model
        return SpectrumErrors(model.spectral_model, slots, table, full_covariance(table, self.covariance))

    def plot_error(self, source: str, energy_bounds: Any, ax: Any = None, **options: Any) -> Any:
        """Plot the spectrum of a source with its error band, see `errors`, and return the matplotlib axis.

        Parameters
        ----------
        source
            Name of the source.
        energy_bounds
            Lowest and highest energy.
        ax
            Axes; a new one if None.
        options
            Given to `gjax.plot.plot_spectrum_band`, for instance ``sed_type``: "dnde", "e2dnde", "flux" or "eflux".
        """
        from gjax.plot import plot_spectrum_band

        return plot_spectrum_band(self.errors(source), energy_bounds, ax=ax, **{"label": source, **options})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of a model YAML file."""
        from gjax.models._to_dict import models_to_dict

        return models_to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str = "models") -> Models:
        """Build models from plain data; unknown keys and types are refused by name."""
        from gjax.models._from_dict import models_from_dict

        return models_from_dict(data, source)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Models:
        """Read a model file: YAML as Gammapy has it, or the XML of the Fermi tools.

        Parameters
        ----------
        path
            File to read; one that ends in ``.xml`` is taken for XML.

        Raises
        ------
        MissingDataError
            If the file, or one that it names, does not exist.
        ConfigError
            If it is not YAML or XML, or holds something unknown.
        """
        if str(path).lower().endswith(".xml"):
            from gjax.models._xml import read_xml

            return read_xml(path)
        from gjax.models._yaml import read_models

        return read_models(path)

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False, covariance: Any = None) -> None:
        """Write a model YAML file (whole or not at all), with a table of the covariance beside it if there is one.

        Parameters
        ----------
        path
            File to write.
        overwrite
            Replace existing files.
        covariance
            Matrix over all parameters in the order of the table; the default is that of the models. It goes into
            ``NAME_covariance.dat``, which the model file names.
        """
        from gjax.models._yaml import write_models

        write_models(self, path, overwrite=overwrite, covariance=covariance)


def _check_priors(models: Sequence[AnyModel], names: list[str], priors: Sequence[AbstractJointPrior]) -> None:
    for name in joint_prior_names(priors):
        if name in names:
            raise ValueError(f"a model and a prior are called {name!r}: names must be unique")
    known = {id(p) for p in tabulate(list(models), names).parameters}
    for prior in priors:
        missing = [str(k) for k, p in enumerate(prior.parameters) if id(p) not in known]
        if missing:
            raise ValueError(
                f"prior {prior.name!r}: no model has its parameters {', '.join(missing)}; give the same objects to both"
            )


def _change_entries(path: str, parameter: Parameter, chosen: np.ndarray, fields: dict[str, Any]) -> Parameter:
    if set(fields) != {"value"}:
        raise ValueError(f"{path}: {', '.join(fields)} can be changed for all entries of an array parameter only")
    value = np.array(parameter.value)
    value.reshape(-1)[chosen] = to_canonical(fields["value"], parameter.unit, path)
    return parameter.replace(value=value, name=path)


def _parameter_of(table: ParameterTable, pattern: str) -> Parameter:
    owners = [p for p in table.parameters for _ in range(p.size)]
    found = table.find(pattern)
    if len({id(owners[i]) for i in found}) > 1:
        raise KeyError(f"{pattern!r} matches several parameters: {', '.join(table.names[i] for i in found)}")
    return owners[found[0]]


def _row(table: ParameterTable) -> list[str]:
    rows = zip(table.names, table.values, table.errors, table.units, table.free)
    return [f"  {n:<32} {_text(v, e)} ± {e:.1e} {u}{'' if f else '  (frozen)'}" for n, v, e, u, f in rows]


def _text(value: float, error: float) -> str:
    """Return a value with the digits that its error leaves, such as those of a date."""
    return f"{value: .4f}" if value > 10_000 and not error > value * 1e-4 else f"{value: .4e}"

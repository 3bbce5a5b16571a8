"""Models to plain data, in the layout that Gammapy users know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from gjax.errors import ConfigError
from gjax.models._background import TemplateNPredModel
from gjax.models._compound import CompoundSpectralModel
from gjax.models._parts import AbstractModelPart
from gjax.models._sky import InstrumentModel, Models, SkyModel
from gjax.models._spatial import AbstractSpatialModel
from gjax.models._spatial_piecewise import PiecewiseNormSpatialModel
from gjax.models._spatial_template import TemplateSpatialModel
from gjax.models._spectral import AbstractSpectralModel
from gjax.models._temporal import AbstractTemporalModel
from gjax.parameters import AbstractJointPrior, Affine, Expression, Parameter, parameter_paths

__all__ = ["models_to_dict", "parameter_fields"]


def parameter_fields(cls: type) -> list[str]:
    fields = getattr(cls, "__dataclass_fields__", {})
    return [name for name, field in fields.items() if hasattr(field.metadata.get("converter"), "unit")]


def _number(value: Any) -> Any:
    return np.asarray(value).tolist()


class _Labels:
    """Names of shared parameters in a file; a source that no model holds is written where it is first used."""

    def __init__(self, models: Models) -> None:
        held: dict[int, str] = {}
        uses: dict[int, list[Parameter]] = {}
        linked: list[tuple[str, Parameter]] = []
        for model in models:
            for path, leaf in parameter_paths(model, model.name):
                if isinstance(leaf, Parameter):
                    held.setdefault(id(leaf), path)
                    uses.setdefault(id(leaf), []).append(leaf)
                elif isinstance(leaf, Affine):
                    linked.append((path, leaf.source))
        self._names: dict[int, str] = {}
        self.external: set[int] = set()
        for key, found in uses.items():
            if len(found) > 1 or any(source is found[0] for _, source in linked):
                self._give(found[0], held[key].replace(".", "@", 1))
        for path, source in linked:
            if id(source) not in self._names:
                self.external.add(id(source))
                self._give(source, f"{path}.source")

    def _give(self, parameter: Parameter, name: str) -> None:
        label = parameter.label or name
        self._names[id(parameter)] = name if label in self._names.values() else label

    def __contains__(self, parameter: Parameter) -> bool:
        return id(parameter) in self._names

    def __getitem__(self, parameter: Parameter) -> str:
        return self._names[id(parameter)]


def _parameter_to_dict(
    name: str, leaf: Any, labels: _Labels, defaults: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    if isinstance(leaf, Affine):
        link = {"source": labels[leaf.source], "factor": leaf.factor, "offset": leaf.offset}
        if id(leaf.source) in labels.external:
            labels.external.remove(id(leaf.source))
            row = _parameter_to_dict(labels[leaf.source], leaf.source, labels)
            link["parameter"] = {key: value for key, value in row.items() if key != "link"}
        return {"name": name, "link": link}
    if isinstance(leaf, Expression):
        raise ConfigError(f"parameter {name!r}: a link by a Python expression cannot be written to YAML")
    data: dict[str, Any] = {"name": name, "value": _number(leaf.value)}
    if leaf.unit:
        data["unit"] = leaf.unit
    if np.all(np.isfinite(leaf.error)):
        data["error"] = _number(leaf.error)
    for key in ("min", "max"):
        # an infinite bound is written where the model's default is a finite one
        if np.all(np.isfinite(getattr(leaf, key))) or key in defaults:
            data[key] = _number(getattr(leaf, key))
    data["frozen"] = leaf.frozen
    if leaf.prior is not None:
        data["prior"] = {k: v if isinstance(v, str) else float(v) for k, v in leaf.prior.to_dict().items()}
    if leaf.scale is not None or "scale" in defaults:
        data["scale"] = None if leaf.scale is None else float(leaf.scale)
    if leaf.axes is not None:
        data["axes"] = {axis: list(values) for axis, values in leaf.axes.items()}
    if leaf in labels:
        data["link"] = labels[leaf]
    return data


def _own_parameters(model: Any, labels: _Labels) -> list[dict[str, Any]]:
    fields = type(model).__dataclass_fields__
    found = [(name, leaf) for name, leaf in parameter_paths(model) if name in parameter_fields(type(model))]
    return [_parameter_to_dict(name, leaf, labels, fields[name].metadata["converter"].options) for name, leaf in found]


def _field_to_dict(value: Any, labels: _Labels) -> Any:
    if isinstance(value, tuple):
        return [_field_to_dict(item, labels) for item in value]
    return _spectral_to_dict(value, labels) if isinstance(value, AbstractSpectralModel | AbstractModelPart) else value


def _spectral_to_dict(model: AbstractSpectralModel | AbstractModelPart, labels: _Labels) -> dict[str, Any]:
    fields = type(model).__dataclass_fields__
    rows = []
    for name, leaf in model.file_parameters().items():
        options = getattr(fields[name].metadata.get("converter"), "options", {}) if name in fields else {}
        rows.append(_parameter_to_dict(name, leaf, labels, options))
    data: dict[str, Any] = {"type": type(model).__name__}
    for key, value in model.file_fields().items():
        data[key] = _field_to_dict(value, labels)
    return data if isinstance(model, CompoundSpectralModel) else data | {"parameters": rows}


def _spatial_to_dict(model: AbstractSpatialModel, labels: _Labels, where: str) -> dict[str, Any]:
    data: dict[str, Any] = {"type": type(model).__name__}
    if isinstance(model, TemplateSpatialModel):
        data |= {"filename": _filename(model, where), "normalize": model.normalize, "unit": model.unit}
    parameters = _own_parameters(model, labels)
    if isinstance(model, PiecewiseNormSpatialModel):
        data |= {key: {"data": _number(getattr(model, key)), "unit": "deg"} for key in ("lon", "lat")}
        parameters = _one_row_per_node(parameters)
    return data | {"frame": model.frame, "parameters": parameters}


def _one_row_per_node(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write the norms as Gammapy does, unless they have more to say than that has room for."""
    if set(rows[0]) - {"name", "value", "min", "max", "frozen", "axes"}:
        return rows
    rest = {key: value for key, value in rows[0].items() if key not in ("name", "value", "axes")}
    return [{"name": f"norm_{k}", "value": value, **rest} for k, value in enumerate(rows[0]["value"])]


def _temporal_to_dict(model: AbstractTemporalModel, labels: _Labels) -> dict[str, Any]:
    fields = type(model).__dataclass_fields__
    rows = []
    for name, leaf in model.file_parameters().items():
        options = getattr(fields[name].metadata.get("converter"), "options", {})
        rows.append(_parameter_to_dict(name, leaf, labels, options))
    return {"type": type(model).__name__, "parameters": rows, "scale": model.scale} | model.file_fields()


def _filename(model: Any, where: str) -> str:
    if model.filename is None:
        raise ConfigError(f"model {where!r}: a template without a file; write the map and give its filename")
    return str(model.filename)


def _component(model: Any, labels: _Labels) -> dict[str, Any]:
    if isinstance(model, InstrumentModel):
        return {"parameters": _own_parameters(model, labels)}
    data: dict[str, Any] = {"spectral": _spectral_to_dict(model.spectral_model, labels)}
    if getattr(model, "spatial_model", None) is not None:
        data["spatial"] = _spatial_to_dict(model.spatial_model, labels, model.name)
    if isinstance(model, SkyModel):
        if model.temporal_model is not None:
            data["temporal"] = _temporal_to_dict(model.temporal_model, labels)
        if not all(dict(model.apply_irf).values()):
            data["apply_irf"] = dict(model.apply_irf)
    elif isinstance(model, TemplateNPredModel):
        data["filename"] = _filename(model, model.name)
    else:
        own = _own_parameters(model, labels)
        if any(row.get("value") != 0.0 or not row.get("frozen") for row in own):
            data["parameters"] = own
    return data


def models_to_dict(models: Models) -> dict[str, Any]:
    """Return models as plain data; parameters used twice get a ``link`` label."""
    labels = _Labels(models)
    components = []
    for model in models:
        data = {"name": model.name, "type": type(model).__name__} | _component(model, labels)
        if model.datasets_names is not None:
            data["datasets_names"] = list(model.datasets_names)
        components.append(data)
    data = {"components": components}
    if models.priors:
        data["priors"] = [_prior_to_dict(prior, models, labels) for prior in models.priors]
    return data


def _prior_to_dict(prior: AbstractJointPrior, models: Models, labels: _Labels) -> dict[str, Any]:
    table = models.parameter_table
    path_of = {id(p): path for p, path in zip(table.parameters, table.paths)}
    rows = []
    for key in prior.hyper:
        leaf = getattr(prior, key)
        if path_of[id(leaf)] != f"{prior.name}.{key}":
            raise ConfigError(f"prior {prior.name!r}: {key} is shared with {path_of[id(leaf)]!r}: not written to YAML")
        rows.append(_parameter_to_dict(key, leaf, labels))
    names = [path_of[id(p)] for p in prior.parameters]
    data = {"type": prior.tag, "name": prior.name, "of": names} | prior.file_fields()
    return data | {"parameters": rows} if rows else data

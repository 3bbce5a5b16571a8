"""Model files: YAML in the layout that Gammapy users know, unknown keys refused by name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gjax.errors import ConfigError, MissingDataError
from gjax.models._compound import CompoundSpectralModel
from gjax.models._sky import InstrumentModel, Models, SkyModel
from gjax.models._spectral import AbstractSpectralModel, spectral_model_class
from gjax.parameters import Affine, Expression, Parameter, parameter_paths, prior_from_dict
from gjax.paths import expand_path, write_atomic

__all__ = ["models_from_dict", "models_to_dict", "read_models", "write_models"]

_PARAMETER_KEYS = (
    "name",
    "value",
    "unit",
    "error",
    "min",
    "max",
    "frozen",
    "prior",
    "link",
    "scale",
    "axes",
    "interp",
    "scale_method",
)
_COMPONENT_KEYS = {
    "SkyModel": ("name", "type", "spectral", "datasets_names"),
    "InstrumentModel": ("name", "type", "parameters", "datasets_names"),
}


def check_keys(data: Any, allowed: tuple[str, ...], where: str) -> None:
    """Raise `ConfigError` for a key that is not allowed, with the nearest one that is."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {type(data).__name__}")
    for key in data:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; expected {', '.join(allowed)}"
            raise ConfigError(f"{where}: unknown key {key!r}{hint}")


def _number(value: Any) -> Any:
    return np.asarray(value).tolist()


def _parameter_to_dict(name: str, leaf: Any, labels: dict[int, str]) -> dict[str, Any]:
    if isinstance(leaf, Affine):
        link = {"source": labels[id(leaf.source)], "factor": leaf.factor, "offset": leaf.offset}
        return {"name": name, "link": link}
    if isinstance(leaf, Expression):
        raise ConfigError(f"parameter {name!r}: a link by a Python expression cannot be written to YAML")
    data: dict[str, Any] = {"name": name, "value": _number(leaf.value)}
    if leaf.unit:
        data["unit"] = leaf.unit
    if np.all(np.isfinite(leaf.error)):
        data["error"] = _number(leaf.error)
    for key in ("min", "max"):
        if np.all(np.isfinite(getattr(leaf, key))):
            data[key] = _number(getattr(leaf, key))
    data["frozen"] = leaf.frozen
    if leaf.prior is not None:
        data["prior"] = {k: v if isinstance(v, str) else float(v) for k, v in leaf.prior.to_dict().items()}
    if leaf.scale is not None:
        data["scale"] = float(leaf.scale)
    if leaf.axes is not None:
        data["axes"] = {axis: list(values) for axis, values in leaf.axes.items()}
    if id(leaf) in labels:
        data["link"] = labels[id(leaf)]
    return data


def _own_parameters(model: Any) -> list[tuple[str, Any]]:
    return [(name, leaf) for name, leaf in parameter_paths(model) if "." not in name]


def _spectral_to_dict(model: AbstractSpectralModel, labels: dict[int, str]) -> dict[str, Any]:
    data: dict[str, Any] = {"type": type(model).__name__}
    if isinstance(model, CompoundSpectralModel):
        return data | {
            "model1": _spectral_to_dict(model.model1, labels),
            "model2": _spectral_to_dict(model.model2, labels),
            "operator": model.operator,
        }
    for name, value in vars(model).items():
        if isinstance(value, AbstractSpectralModel):
            data[name] = _spectral_to_dict(value, labels)
    return data | {"parameters": [_parameter_to_dict(name, leaf, labels) for name, leaf in _own_parameters(model)]}


def models_to_dict(models: Models) -> dict[str, Any]:
    """Return models as plain data; parameters used twice get a ``link`` label."""
    uses: dict[int, list[tuple[str, Parameter]]] = {}
    for model in models:
        for path, leaf in parameter_paths(model, model.name):
            sources = (
                [leaf] if isinstance(leaf, Parameter) else [leaf.source] if isinstance(leaf, Affine) else leaf.sources
            )
            for source in sources:
                uses.setdefault(id(source), []).append((path, source))
    labels = {
        key: found[0][1].label or found[0][0].replace(".", "@", 1) for key, found in uses.items() if len(found) > 1
    }
    components = []
    for model in models:
        data: dict[str, Any] = {"name": model.name, "type": type(model).__name__}
        if isinstance(model, SkyModel):
            data["spectral"] = _spectral_to_dict(model.spectral_model, labels)
        else:
            data["parameters"] = [_parameter_to_dict(name, leaf, labels) for name, leaf in _own_parameters(model)]
        if model.datasets_names is not None:
            data["datasets_names"] = list(model.datasets_names)
        components.append(data)
    return {"components": components}


def _parameter_fields(cls: type) -> list[str]:
    fields = getattr(cls, "__dataclass_fields__", {})
    return [name for name, field in fields.items() if hasattr(field.metadata.get("converter"), "unit")]


def _parameters_from_list(rows: Any, cls: type, where: str, links: dict[str, Parameter]) -> dict[str, Any]:
    if not isinstance(rows, list):
        raise ConfigError(f"{where}.parameters: expected a list, got {type(rows).__name__}")
    fields = getattr(cls, "__dataclass_fields__", {})
    found: dict[str, Any] = {}
    for row in rows:
        check_keys(row, _PARAMETER_KEYS, f"{where}.parameters")
        name = row.get("name")
        if name not in _parameter_fields(cls):
            raise ConfigError(
                f"{where}: {cls.__name__} has no parameter {name!r}; it has: {', '.join(_parameter_fields(cls))}"
            )
        if name in found:
            raise ConfigError(f"{where}: parameter {name!r} is given twice")
        found[name] = _one_parameter(row, fields[name].metadata["converter"], f"{where}.{name}", links)
    return found


def _one_parameter(row: Mapping[str, Any], converter: Any, where: str, links: dict[str, Parameter]) -> Any:
    link = row.get("link")
    if isinstance(link, Mapping):
        check_keys(link, ("source", "factor", "offset"), f"{where}.link")
        if link["source"] not in links:
            raise ConfigError(f"{where}.link: no parameter labelled {link['source']!r} comes before it")
        return Affine(links[link["source"]], float(link.get("factor", 1.0)), float(link.get("offset", 0.0)))
    if link is not None and link in links:
        return links[link]
    if "value" not in row:
        raise ConfigError(f"{where}: no value given")
    given = str(row.get("unit", converter.unit) or "")
    options = dict(converter.options) | ({"frozen": row["frozen"]} if "frozen" in row else {})
    try:
        import astropy.units as u

        for key in ("value", "min", "max", "error"):
            number = row.get(key)
            if number is not None and np.all(np.isfinite(np.asarray(number, dtype=float))):
                options[key] = u.Quantity(number, given) if given != converter.unit else number
        if isinstance(options.get("error"), u.Quantity):
            options["error"] = options["error"].to_value(converter.unit)
        options["value"] = options.get("value", float("nan"))
        if row.get("prior") is not None:
            options["prior"] = prior_from_dict(row["prior"])
        if row.get("axes") is not None:
            options["axes"] = row["axes"]
        if row.get("scale") is not None and "scale_method" not in row:
            options["scale"] = float(row["scale"])
        parameter = Parameter(options.pop("value"), converter.unit, label=link, name=where, **options)
    except (ValueError, TypeError) as error:
        message = str(error)
        raise ConfigError(message if message.startswith(where) else f"{where}: {message}") from error
    if link is not None:
        links[link] = parameter
    return parameter


def _spectral_from_dict(data: Any, where: str, links: dict[str, Parameter]) -> AbstractSpectralModel:
    if not isinstance(data, Mapping) or "type" not in data:
        raise ConfigError(f"{where}: expected a mapping with a 'type'")
    try:
        cls = spectral_model_class(data["type"])
    except KeyError as error:
        raise ConfigError(f"{where}.type: {error.args[0]}") from error
    fields = getattr(cls, "__dataclass_fields__", {})
    others = [name for name in fields if name not in _parameter_fields(cls)]
    allowed = ("type", *(["parameters"] if _parameter_fields(cls) else []), *others)
    check_keys(data, allowed, where)
    options: dict[str, Any] = _parameters_from_list(data.get("parameters", []), cls, where, links)
    for name in others:
        if name in data:
            value = data[name]
            options[name] = (
                _spectral_from_dict(value, f"{where}.{name}", links) if isinstance(value, Mapping) else value
            )
    try:
        return cls(**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def models_from_dict(data: Any, source: str = "models") -> Models:
    """Build models from plain data.

    Raises
    ------
    ConfigError
        For unknown keys, types or parameters, wrong units, and missing values; the message says where.
    """
    check_keys(data, ("components", "covariance", "metadata"), source)
    links: dict[str, Parameter] = {}
    models: list[Any] = []
    for number, component in enumerate(data.get("components") or []):
        kind = component.get("type", "SkyModel") if isinstance(component, Mapping) else None
        where = f"{source}: component {component.get('name', number) if isinstance(component, Mapping) else number}"
        if kind not in _COMPONENT_KEYS:
            raise ConfigError(f"{where}: type {kind!r} is unknown; expected one of {', '.join(_COMPONENT_KEYS)}")
        check_keys(component, _COMPONENT_KEYS[kind], where)
        options = {
            "name": str(component.get("name", f"source-{number}")),
            "datasets_names": component.get("datasets_names"),
        }
        if kind == "SkyModel":
            if "spectral" not in component:
                raise ConfigError(f"{where}: no 'spectral' model given")
            models.append(SkyModel(_spectral_from_dict(component["spectral"], f"{where}.spectral", links), **options))
        else:
            models.append(
                InstrumentModel(
                    **options, **_parameters_from_list(component.get("parameters", []), InstrumentModel, where, links)
                )
            )
    return Models(models)


def read_models(path: str | os.PathLike[str]) -> Models:
    """Read a model YAML file."""
    file = expand_path(path)
    if not file.is_file():
        raise MissingDataError(f"{file}: no such file")
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not a YAML file ({' '.join(str(error).split())})") from error
    return models_from_dict(data if data is not None else {}, str(file))


def write_models(
    models: Models, path: str | os.PathLike[str], *, overwrite: bool = False, covariance: Any = None
) -> None:
    """Write a model YAML file."""
    data = models_to_dict(models)
    if covariance is not None:
        data["covariance"] = {
            "names": models.parameter_table.names,
            "matrix": np.asarray(covariance, dtype=float).tolist(),
        }
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120)

    def write(file: Path) -> None:
        file.write_text(text, encoding="utf-8")

    write_atomic(path, write, overwrite=overwrite)

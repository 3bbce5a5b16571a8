"""Plain data to models; unknown keys are refused by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from gjax.errors import ConfigError
from gjax.models._background import FoVBackgroundModel, TemplateNPredModel
from gjax.models._parts import is_model_part, model_part_class
from gjax.models._power_law import PowerLawNormSpectralModel
from gjax.models._sky import InstrumentModel, Models, SkyModel
from gjax.models._spatial import AbstractSpatialModel, spatial_model_class
from gjax.models._spatial_piecewise import PiecewiseNormSpatialModel
from gjax.models._spatial_template import TemplateSpatialModel
from gjax.models._spectral import declared_parameters, spectral_model_class
from gjax.models._temporal import temporal_model_class
from gjax.parameters import Affine, Parameter, joint_prior_class, prior_from_dict
from gjax.units import equal_units

__all__ = ["models_from_dict"]

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
    "SkyModel": ("name", "type", "spectral", "spatial", "temporal", "datasets_names", "apply_irf"),
    "FoVBackgroundModel": ("name", "type", "spectral", "spatial", "parameters", "datasets_names"),
    "TemplateNPredModel": ("name", "type", "spectral", "filename", "datasets_names"),
    "InstrumentModel": ("name", "type", "parameters", "datasets_names"),
}


def _check_keys(data: Any, allowed: tuple[str, ...], where: str) -> None:
    """Raise `ConfigError` for a key that is not allowed, with the nearest one that is."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {type(data).__name__}")
    for key in data:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; expected {', '.join(allowed)}"
            raise ConfigError(f"{where}: unknown key {key!r}{hint}")


class _Links:
    """Labelled parameters found so far, and placeholders for those that come later in the file."""

    def __init__(self) -> None:
        self.found: dict[str, Parameter] = {}
        self.pending: dict[str, tuple[Parameter, str]] = {}

    def source(self, label: str, where: str) -> Parameter:
        """Return the parameter of a label, or something that stands for it until the end of the file."""
        if label in self.found:
            return self.found[label]
        return self.pending.setdefault(label, (Parameter(0.0), where))[0]

    def settle(self, models: Models) -> Models:
        """Replace the placeholders."""
        for label, (_, where) in self.pending.items():
            if label not in self.found:
                raise ConfigError(f"{where}.link: no parameter is labelled {label!r}")
        return models.replace_parameters({id(p): self.found[label] for label, (p, _) in self.pending.items()})


class _Rows:
    """The rows of parameters of one model in a file."""

    def __init__(self, rows: Any, where: str, owner: str, links: _Links) -> None:
        if not isinstance(rows, list):
            raise ConfigError(f"{where}.parameters: expected a list, got {type(rows).__name__}")
        for row in rows:
            _check_keys(row, _PARAMETER_KEYS, f"{where}.parameters")
        self._rows, self._where, self._owner, self._links = rows, where, owner, links

    @property
    def names(self) -> list[str]:
        """Names of the parameters in order."""
        return [str(row.get("name")) for row in self._rows]

    @property
    def linked(self) -> bool:
        """Whether any of them has a link."""
        return any(row.get("link") is not None for row in self._rows)

    def read(self, declared: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return the parameters by name; ``declared`` says which there may be, with unit and defaults."""
        found: dict[str, Any] = {}
        for row in self._rows:
            name = row.get("name")
            if name not in declared:
                known = ", ".join(declared) or "none"
                raise ConfigError(f"{self._where}: {self._owner} has no parameter {name!r}; it has: {known}")
            if name in found:
                raise ConfigError(f"{self._where}: parameter {name!r} is given twice")
            found[name] = _linked_parameter(row, *declared[name], f"{self._where}.{name}", self._links)
        return found


def _parameters_from_list(rows: Any, cls: type, where: str, links: _Links) -> dict[str, Any]:
    return _Rows(rows, where, cls.__name__, links).read(declared_parameters(cls))


def _linked_parameter(
    row: Mapping[str, Any], unit: str, defaults: Mapping[str, Any], where: str, links: _Links
) -> Parameter | Affine:
    link = row.get("link")
    if isinstance(link, Mapping):
        _check_keys(link, ("source", "factor", "offset", "parameter"), f"{where}.link")
        if "source" not in link:
            raise ConfigError(f"{where}.link: no source given")
        label = str(link["source"])
        if "parameter" in link:
            given = link["parameter"]
            _check_keys(given, _PARAMETER_KEYS, f"{where}.link.parameter")
            own_unit = str(given.get("unit") or "")
            links.found[label] = _one_parameter(given, own_unit, {}, f"{where}.link.parameter", label)
        try:
            factor, offset = float(link.get("factor", 1.0)), float(link.get("offset", 0.0))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{where}.link: factor and offset must be numbers") from error
        return Affine(links.source(label, where), factor, offset)
    if link is None:
        return _one_parameter(row, unit, defaults, where, None)
    if link not in links.found:
        links.found[link] = _one_parameter(row, unit, defaults, where, str(link))
    elif not equal_units(links.found[link].unit, unit):
        raise ConfigError(f"{where}.link: {link!r} is in {links.found[link].unit!r}, expected {unit!r}")
    return links.found[link]


def _one_parameter(
    row: Mapping[str, Any], unit: str, defaults: Mapping[str, Any], where: str, label: str | None
) -> Parameter:
    if "value" not in row:
        raise ConfigError(f"{where}: no value given")
    given = str(row.get("unit", unit) or "")
    options = dict(defaults) | ({"frozen": row["frozen"]} if "frozen" in row else {})
    try:
        import astropy.units as u

        for key in ("value", "min", "max", "error"):
            number = row.get(key)
            if number is not None and not np.any(np.isnan(np.asarray(number, dtype=float))):
                options[key] = u.Quantity(number, given) if given != unit else number
        if isinstance(options.get("error"), u.Quantity):
            options["error"] = options["error"].to_value(unit)
        options["value"] = options.get("value", float("nan"))
        if row.get("prior") is not None:
            options["prior"] = prior_from_dict(row["prior"])
        if row.get("axes") is not None:
            options["axes"] = row["axes"]
        if "scale" in row and "scale_method" not in row:
            options["scale"] = None if row["scale"] is None else float(row["scale"])
        return Parameter(options.pop("value"), unit, label=label, name=where, **options)
    except (ValueError, TypeError) as error:
        message = str(error)
        raise ConfigError(message if message.startswith(where) else f"{where}: {message}") from error


def _spectral_from_dict(data: Any, where: str, links: _Links, *, is_spectral: bool = True) -> Any:
    if not isinstance(data, Mapping) or "type" not in data:
        raise ConfigError(f"{where}: expected a mapping with a 'type'")
    try:
        find = spectral_model_class if is_spectral else model_part_class
        cls: Any = find(data["type"])
    except KeyError as error:
        raise ConfigError(f"{where}.type: {error.args[0]}") from error
    _check_keys(data, ("type", "parameters", *cls.file_keys()), where)
    rows = _Rows(data.get("parameters") or [], where, cls.__name__, links)
    given = {key: _field_from_dict(data[key], f"{where}.{key}", links) for key in cls.file_keys() if key in data}
    try:
        return cls.from_file(given, rows)
    except (TypeError, ValueError) as error:
        message = str(error)
        raise ConfigError(message if message.startswith(where) else f"{where}: {message}") from error


def _field_from_dict(value: Any, where: str, links: _Links) -> Any:
    if isinstance(value, list):
        return [_field_from_dict(item, f"{where}[{number}]", links) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if "data" not in value:
        is_spectral = "type" not in value or not is_model_part(value["type"])
        return _spectral_from_dict(value, where, links, is_spectral=is_spectral)
    _check_keys(value, ("data", "unit"), where)
    import astropy.units as u

    try:
        return u.Quantity(value["data"], value.get("unit") or "")
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _spatial_from_dict(data: Any, where: str, links: _Links) -> AbstractSpatialModel:
    if not isinstance(data, Mapping) or "type" not in data:
        raise ConfigError(f"{where}: expected a mapping with a 'type'")
    try:
        cls = spatial_model_class(data["type"])
    except KeyError as error:
        raise ConfigError(f"{where}.type: {error.args[0]}") from error
    is_template = issubclass(cls, TemplateSpatialModel)
    is_piecewise = issubclass(cls, PiecewiseNormSpatialModel)
    more = ("filename", "normalize", "unit") if is_template else ("lon", "lat") if is_piecewise else ()
    _check_keys(data, ("type", "frame", "parameters", *more), where)
    rows = data.get("parameters") or []
    if is_template:
        # Gammapy writes NaN for a template that stays where it is
        rows = [row for row in rows if not _is_nan(row.get("value"))]
    if is_piecewise:
        rows = _norms_of_nodes(rows, where)
    options = _parameters_from_list(rows, cls, where, links)
    options |= {
        key: _field_from_dict(data[key], f"{where}.{key}", links)
        for key in ("lon", "lat")
        if key in more and key in data
    }
    try:
        if is_template:
            if "filename" not in data:
                raise ConfigError(f"{where}: no filename given")
            return TemplateSpatialModel.read(data["filename"], normalize=bool(data.get("normalize", True)), **options)
        return cls(**options, **({"frame": data["frame"]} if "frame" in data else {}))
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, ConfigError) else ConfigError(f"{where}: {error}") from error


def _norms_of_nodes(rows: Any, where: str) -> Any:
    """Return Gammapy's norm_0, norm_1, ... as the row of one array parameter."""
    if not isinstance(rows, list) or not any(str(row.get("name", "")).startswith("norm_") for row in rows):
        return rows
    names = [row.get("name") for row in rows]
    if names != [f"norm_{k}" for k in range(len(rows))]:
        raise ConfigError(
            f"{where}.parameters: expected norm_0, norm_1, ... in order, got {', '.join(map(str, names))}"
        )
    rest = [{key: row[key] for key in ("min", "max", "frozen") if key in row} for row in rows]
    for other in rest[1:]:
        if other != rest[0] and str(other) != str(rest[0]):
            raise ConfigError(f"{where}.parameters: norms of nodes can be frozen or bounded all together only")
    axes = {"node": [str(k) for k in range(len(rows))]}
    return [{"name": "norms", "value": [row.get("value") for row in rows], "axes": axes, **rest[0]}]


def _temporal_from_dict(data: Any, where: str, links: _Links) -> Any:
    if not isinstance(data, Mapping) or "type" not in data:
        raise ConfigError(f"{where}: expected a mapping with a 'type'")
    try:
        cls = temporal_model_class(data["type"])
    except KeyError as error:
        raise ConfigError(f"{where}.type: {error.args[0]}") from error
    _check_keys(data, ("type", "parameters", "scale", *cls.file_keys()), where)
    rows = _Rows(data.get("parameters") or [], where, cls.__name__, links)
    fields = {key: data[key] for key in (*cls.file_keys(), "scale") if data.get(key) is not None}
    try:
        return cls.from_file(fields, rows)
    except (TypeError, ValueError) as error:
        message = str(error)
        raise ConfigError(message if message.startswith(where) else f"{where}: {message}") from error


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)


def _component(kind: str, component: Mapping[str, Any], where: str, name: str, links: _Links) -> Any:
    names = component.get("datasets_names")
    spectral = component.get("spectral")
    if kind == "InstrumentModel":
        found = _parameters_from_list(component.get("parameters", []), InstrumentModel, where, links)
        return InstrumentModel(name=name, datasets_names=names, **found)
    if spectral is None and kind == "SkyModel":
        raise ConfigError(f"{where}: no 'spectral' model given")
    spectrum: Any = _spectral_from_dict(spectral, f"{where}.spectral", links) if spectral is not None else None
    spatial = component.get("spatial")
    shape = None if spatial is None else _spatial_from_dict(spatial, f"{where}.spatial", links)
    if kind == "SkyModel":
        temporal = component.get("temporal")
        in_time = None if temporal is None else _temporal_from_dict(temporal, f"{where}.temporal", links)
        apply_irf = component.get("apply_irf") or {}
        return SkyModel(spectrum, shape, name, names, apply_irf=apply_irf, temporal_model=in_time)
    if kind == "TemplateNPredModel":
        if "filename" not in component:
            raise ConfigError(f"{where}: no filename given")
        return TemplateNPredModel.read(component["filename"], spectrum, name=name, datasets_names=names)
    rows = component.get("parameters", [])
    if spectrum is None and isinstance(rows, list):
        # files of old have the norm and its tilt here
        ours = declared_parameters(PowerLawNormSpectralModel)
        old = [row for row in rows if isinstance(row, Mapping) and row.get("name") in ours]
        rows = [row for row in rows if row not in old]
        if old:
            spectrum = _spectral_from_dict({"type": "PowerLawNormSpectralModel", "parameters": old}, where, links)
    found = _parameters_from_list(rows, FoVBackgroundModel, where, links)
    if spectrum is not None:
        found["spectral_model"] = spectrum
    return FoVBackgroundModel(names, name=str(component.get("name", "")), spatial_model=shape, **found)


def _prior_from_dict(data: Any, models: Models, where: str, links: _Links) -> Any:
    if not isinstance(data, Mapping) or "type" not in data:
        raise ConfigError(f"{where}: expected mappings with a 'type'")
    try:
        cls: Any = joint_prior_class(data["type"])
    except KeyError as error:
        raise ConfigError(f"{where}.type: {error.args[0]}") from error
    where = f"{where}.{data.get('name', cls.tag)}"
    own = {name for name in inspect.signature(cls).parameters if name not in ("parameters", *cls.hyper)}
    _check_keys(data, ("type", "of", "parameters", *own), where)
    table = models.parameter_table
    by_path = dict(zip(table.paths, table.parameters))
    for name in data.get("of") or [""]:
        if name not in by_path:
            raise ConfigError(f"{where}.of: no parameter is called {name!r}; there are: {', '.join(by_path)}")
    rows = _Rows(data.get("parameters") or [], where, cls.__name__, links)
    units = {str(row.get("name")): str(row.get("unit") or "") for row in data.get("parameters") or []}
    found = rows.read({key: (units.get(key, ""), {}) for key in cls.hyper})
    try:
        options = {key: data[key] for key in own if key in data}
        return cls([by_path[name] for name in data["of"]], **found, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def models_from_dict(data: Any, source: str = "models") -> Models:
    """Build models from plain data.

    Raises
    ------
    ConfigError
        For unknown keys, types or parameters, wrong units, and missing values; the message says where.
    """
    _check_keys(data, ("components", "covariance", "metadata", "priors"), source)
    links = _Links()
    models: list[Any] = []
    components = data.get("components") or []
    if not isinstance(components, list):
        raise ConfigError(f"{source}.components: expected a list, got {type(components).__name__}")
    for number, component in enumerate(components):
        if not isinstance(component, Mapping):
            raise ConfigError(f"{source}: component {number}: expected a mapping, got {component!r}")
        kind = component.get("type", "SkyModel")
        where = f"{source}: component {component.get('name', number)}"
        if kind not in _COMPONENT_KEYS:
            raise ConfigError(f"{where}: type {kind!r} is unknown; expected one of {', '.join(_COMPONENT_KEYS)}")
        _check_keys(component, _COMPONENT_KEYS[kind], where)
        name = str(component.get("name", f"source-{number}"))
        try:
            models.append(_component(kind, component, where, name, links))
        except (TypeError, ValueError) as error:
            raise error if isinstance(error, ConfigError) else ConfigError(f"{where}: {error}") from error
    try:
        plain = links.settle(Models(models))
        given = data.get("priors") or []
        return Models(plain, priors=[_prior_from_dict(row, plain, f"{source}.priors", links) for row in given])
    except ValueError as error:
        raise error if isinstance(error, ConfigError) else ConfigError(f"{source}: {error}") from error

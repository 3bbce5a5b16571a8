"""YAML in and out of the configuration, with errors that give the line and a suggestion."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from gjax.analysis import config as schema
from gjax.analysis.config import AnalysisConfig
from gjax.errors import ConfigError, MissingDataError
from gjax.fits import expand_path, write_atomic

__all__ = ["as_plain", "build", "default_text", "parse", "read", "write"]

KIND_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


class KeyedError(ConfigError):
    """A configuration error that knows the key it is about."""

    def __init__(self, key: tuple[Any, ...], message: str):
        super().__init__(message)
        self.key = key


def dotted(key: tuple[Any, ...]) -> str:
    """Join a key path for a message.

    Examples
    --------
    >>> dotted(("background", "exclusion_regions", 0, "radius"))
    'background.exclusion_regions[0].radius'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def default_text(type: str = "1d") -> str:
    """Return the commented default configuration.

    Parameters
    ----------
    type
        "1d" or "3d".

    Examples
    --------
    >>> default_text().splitlines()[0]
    '# gjax analysis configuration'
    """
    name = "default_3d.yaml" if type == "3d" else "default.yaml"
    return resources.files("gjax.analysis").joinpath(name).read_text(encoding="utf-8")


def suggestion(word: Any, allowed: list[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or nothing where no allowed word is close.

    Examples
    --------
    >>> suggestion("obsids", ["obs_ids", "datastore"])
    "; did you mean 'obs_ids'?"
    """
    close = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _convert(kind: Any, value: Any, key: tuple[Any, ...]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _convert(next(a for a in arguments if a is not type(None)), value, key)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise KeyedError(key, f"{dotted(key)}: got {value!r}, expected a list like [a, b]")
        return tuple(_convert(arguments[0], item, (*key, i)) for i, item in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, key)
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise KeyedError(key, f"{dotted(key)}: got {value!r}, expected {KIND_NAMES[kind]}")
    return kind(value)


def build(cls: type, content: Any, key: tuple[Any, ...] = ()) -> Any:
    """Build a configuration dataclass from nested dicts.

    Parameters
    ----------
    cls
        Class to build.
    content
        Dict of its fields.
    key
        Path of keys that leads here, for messages.

    Raises
    ------
    ConfigError
        On unknown and missing keys and wrong kinds of value.

    Examples
    --------
    >>> build(schema.SamplingConfig, {"chains": 2}).chains
    2
    """
    where = dotted(key) or "the configuration"
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise KeyedError(key, f"{where}: got {content!r}, expected keys with values")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    public = [name for name in fields if not (name == "name" and cls in (schema.AxisConfig, schema.CircleConfig))]
    for name in content:
        if name not in public:
            raise KeyedError(
                (*key, name), f"{where}: unknown key {name!r}{suggestion(name, public)} (allowed: {', '.join(public)})"
            )
    kinds = typing.get_type_hints(cls)
    values = {name: _convert(kinds[name], value, (*key, name)) for name, value in content.items() if value is not None}
    if "name" in fields and "name" not in public:
        values["name"] = dotted(key)
    for name in public:
        f = fields[name]
        if name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise KeyedError(key, f"{where}: the key {name!r} is missing")
    try:
        return cls(**values)
    except KeyedError:
        raise
    except ConfigError as error:
        words = str(error).split(":")[0].split(" ")[0].split(".")
        guess = tuple(words) if not key else (*key, words[-1])
        raise KeyedError(guess, str(error)) from error


class _Loader(yaml.SafeLoader):
    """YAML reader that takes ``4e-11`` for a number (YAML 1.1 wants ``4.0e-11``)."""


_Loader.yaml_implicit_resolvers = {k: list(v) for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _lines(node: Any, key: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], int]:
    """Line number of every key of a composed YAML document; a key given twice is refused."""
    lines: dict[tuple[Any, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for name, value in node.value:
            line = name.start_mark.line + 1
            if name.value in seen:
                raise ConfigError(
                    f"line {line}: the key {name.value!r} is given twice (first in line {seen[name.value]})"
                )
            seen[name.value] = line
            lines[(*key, name.value)] = line
            lines |= _lines(value, (*key, name.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[(*key, i)] = value.start_mark.line + 1
            lines |= _lines(value, (*key, i))
    return lines


def parse(text: str, name: str) -> AnalysisConfig:
    """Read a configuration from YAML text.

    Parameters
    ----------
    text
        The document.
    name
        Its name, for messages.

    Raises
    ------
    ConfigError
        With name and line.

    Examples
    --------
    >>> parse("dta: {}", "my.yaml")
    Traceback (most recent call last):
    ...
    gjax.errors.ConfigError: my.yaml, line 1: the configuration: unknown key 'dta'; did you mean 'data'? ...
    """
    try:
        content = yaml.load(text, Loader=_Loader)
        lines = _lines(yaml.compose(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{name}{where}: not valid YAML ({getattr(error, 'problem', None) or error})") from error
    except ConfigError as error:
        raise ConfigError(f"{name}, {error}") from error
    try:
        return build(AnalysisConfig, content)
    except KeyedError as error:
        key = error.key
        while key and key not in lines:
            key = key[:-1]
        where = f", line {lines[key]}" if key else ""
        raise ConfigError(f"{name}{where}: {error}") from error


def read(path: str | Path) -> AnalysisConfig:
    """Read a configuration file.

    Raises
    ------
    MissingDataError
        If there is no such file.
    ConfigError
        If the content is wrong.
    """
    path = expand_path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingDataError(f"{path}: no such file ('gjax config {path}' writes a commented default)") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from error
    return parse(text, str(path))


def as_plain(value: Any) -> Any:
    """Turn dataclasses and tuples into dicts and lists, leaving out what is None or only for messages.

    Examples
    --------
    >>> as_plain(schema.FitConfig(energy_min="1 TeV"))
    {'energy_min': '1 TeV'}
    """
    if dataclasses.is_dataclass(value):
        hidden = isinstance(value, schema.AxisConfig | schema.CircleConfig)
        pairs = (
            (f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if not (hidden and f.name == "name")
        )
        return {name: as_plain(item) for name, item in pairs if item is not None}
    if isinstance(value, dict):
        return {name: as_plain(item) for name, item in value.items()}
    return [as_plain(item) for item in value] if isinstance(value, list | tuple) else value


def write(config: AnalysisConfig, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a configuration file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    text = yaml.safe_dump(as_plain(config), sort_keys=False, default_flow_style=None, width=120)

    def save(target: Path) -> None:
        target.write_text(text, encoding="utf-8")

    return write_atomic(path, save, overwrite=overwrite)

"""Model files: YAML, and a table of the covariance beside it; whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gjax.errors import ConfigError, MissingDataError
from gjax.models._from_dict import models_from_dict
from gjax.models._sky import Models
from gjax.models._to_dict import models_to_dict
from gjax.parameters import Parameter, parameter_paths
from gjax.paths import expand_path, write_atomic

__all__ = ["read_models", "write_models"]


def read_models(path: str | os.PathLike[str]) -> Models:
    """Read a model YAML file, with its covariance if it has one."""
    file = expand_path(path)
    if not file.is_file():
        raise MissingDataError(f"{file}: no such file")
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not a YAML file ({' '.join(str(error).split())})") from error
    data = data if data is not None else {}
    models = models_from_dict(_beside(data, file.parent), str(file))
    known = data.get("covariance")
    if known is None:
        return models
    names, matrix = _inline(known, file) if isinstance(known, dict) else _read_table(file.parent, str(known), file)
    return Models(models, covariance=_ordered(names, matrix, models))


def write_models(
    models: Models, path: str | os.PathLike[str], *, overwrite: bool = False, covariance: Any = None
) -> None:
    """Write a model YAML file, and the covariance if there is one."""
    data = models_to_dict(models)
    covariance = models.covariance if covariance is None else covariance
    target = expand_path(path)
    table = target.with_name(f"{target.stem}_covariance.dat")
    if covariance is not None:
        data["covariance"] = table.name
        names, rows = _rows(models)
        matrix = np.nan_to_num(np.asarray(covariance, dtype=float))[np.ix_(rows, rows)]
        lines = _lines(names, matrix)
        if table.exists() and not overwrite:
            raise FileExistsError(f"{table} exists; give overwrite=True to replace it")
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120)

    def write(file: Path) -> None:
        file.write_text(text, encoding="utf-8")

    write_atomic(target, write, overwrite=overwrite)
    if covariance is not None:

        def write_covariance(file: Path) -> None:
            file.write_text(lines, encoding="utf-8")

        write_atomic(table, write_covariance, overwrite=overwrite)


def _beside(data: Any, folder: Path) -> Any:
    """Return the data with names of files that lie beside the model file made absolute."""
    if isinstance(data, dict):
        return {
            key: str(folder / value)
            if key == "filename" and isinstance(value, str) and "$" not in value and (folder / value).is_file()
            else _beside(value, folder)
            for key, value in data.items()
        }
    return [_beside(value, folder) for value in data] if isinstance(data, list) else data


# ---- covariance ----


def _file_name(name: str) -> str:
    """Return the name of a parameter as files have it: nodes are called norm_0 and so on."""
    return re.sub(r"norms(?:\[node-(\d+)\]|\.(\d+))$", lambda m: f"norm_{m[1] or m[2]}", name.replace(".axes.", "."))


def _rows(models: Models) -> tuple[list[str], list[int]]:
    """Return a name and the place in the table for every use of a parameter, as Gammapy counts them."""
    table = models.parameter_table
    offset = {id(p): k for p, k in zip(table.parameters, table.offsets)}
    names: list[str] = []
    places: list[int] = []
    for model in models:
        for path, leaf in parameter_paths(model, model.name):
            if isinstance(leaf, Parameter):
                names += [_file_name(path + suffix) for suffix in leaf.entries()]
                places += range(offset[id(leaf)], offset[id(leaf)] + leaf.size)
    return names, places


def _lines(names: list[str], matrix: np.ndarray) -> str:
    cells = [["Parameters", *(str(k) for k in range(len(names)))]]
    cells += [[name, *(repr(float(x)) for x in row)] for name, row in zip(names, matrix)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return "".join("| " + " | ".join(c.rjust(w) for c, w in zip(row, widths)) + " |\n" for row in cells)


def _read_table(folder: Path, name: str, file: Path) -> tuple[list[str], np.ndarray]:
    path = folder / name
    if not path.is_file():
        raise MissingDataError(f"{file}: covariance: {path}: no such file")
    rows = [
        line.strip().strip("|").split("|") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    try:
        names = [row[0].strip() for row in rows[1:]]
        matrix = np.array([[float(cell) for cell in row[1:]] for row in rows[1:]], dtype=float)
    except ValueError as error:
        raise ConfigError(f"{path}: not a table of a covariance ({error})") from error
    if matrix.shape != (len(names), len(names)):
        raise ConfigError(f"{path}: expected as many columns as rows, got shape {matrix.shape}")
    return names, matrix


def _inline(data: dict[str, Any], file: Path) -> tuple[list[str], np.ndarray]:
    try:
        names, matrix = list(data["names"]), np.array(data["matrix"], dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: covariance: expected names and a matrix ({error})") from error
    if matrix.shape != (len(names), len(names)):
        raise ConfigError(f"{file}: covariance: {len(names)} names, but a matrix of shape {matrix.shape}")
    return [_file_name(str(name)) for name in names], matrix


def _ordered(names: list[str], matrix: np.ndarray, models: Models) -> np.ndarray:
    """Return the matrix in the order of the table; parameters that it does not have get their own errors."""
    table = models.parameter_table
    # of a parameter that several models share, the first row counts
    place = {name: k for k, name in reversed(list(enumerate(names)))}
    own = [place.get(_file_name(name), -1) for name in table.names]
    known = np.array([k >= 0 for k in own])
    out = np.diag(np.nan_to_num(table.errors) ** 2)
    out[np.ix_(known, known)] = matrix[np.ix_([k for k in own if k >= 0], [k for k in own if k >= 0])]
    return out

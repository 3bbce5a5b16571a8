"""Model files: YAML, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gjax.errors import ConfigError, MissingDataError
from gjax.models._from_dict import models_from_dict
from gjax.models._sky import Models
from gjax.models._to_dict import models_to_dict
from gjax.paths import expand_path, write_atomic

__all__ = ["read_models", "write_models"]


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

"""Where a case finds its data and its reference, and models as the reference writes them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import astropy.units as u
import yaml

from gjax.models import Models, SkyModel, spectral_model_class

__all__ = ["InputError", "Inputs", "models_of", "polished"]


class InputError(RuntimeError):
    """Data or reference numbers are missing."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Folders of a comparison.

    Parameters
    ----------
    data
        Folder of the public data (``$GAMMAPY_DATA``).
    reference
        Folder of the reference results.
    """

    data: Path
    reference: Path

    @classmethod
    def find(cls, reference: str | os.PathLike[str]) -> Inputs:
        """Return the folders, or say what is missing.

        Raises
        ------
        InputError
            If the data or the reference is not there.
        """
        value = os.environ.get("GAMMAPY_DATA")
        if not value:
            raise InputError("the environment variable GAMMAPY_DATA is not set; it must name the folder of the data")
        if not Path(value).is_dir():
            raise InputError(f"GAMMAPY_DATA names {value!r}, which is not a folder")
        if not Path(reference).is_dir():
            raise InputError(f"the folder of reference results {str(reference)!r} does not exist; see --reference")
        return cls(Path(value), Path(reference))

    def file(self, name: str) -> Path:
        """Return the path of a data file or folder."""
        path = self.data / name
        if not path.exists():
            raise InputError(f"data file {path} does not exist")
        return path

    def _text(self, name: str) -> str:
        path = self.reference / name
        if not path.is_file():
            raise InputError(f"reference file {path} does not exist")
        return path.read_text()

    def json(self, name: str) -> Any:
        """Return a reference file in JSON."""
        return json.loads(self._text(name))

    def yaml(self, name: str) -> Any:
        """Return a reference file in YAML."""
        return yaml.safe_load(self._text(name))


def models_of(start_models: Sequence[dict[str, Any]], **values: float) -> Models:
    """Return gjax models with the parameters of a reference fit, its values replaced by those given by name."""
    out = []
    for entry in start_models:
        fields = {}
        for name, value, unit, _, frozen, *_ in entry["parameters"]:
            fields[name] = values.get(name, value) * u.Unit(unit), frozen
        spectral = spectral_model_class(entry["spectral_model"])(**{name: value for name, (value, _) in fields.items()})
        model = Models(SkyModel(spectral, name=entry["name"]))
        keep = [f"{entry['name']}.spectral.{name}" for name, (_, frozen) in fields.items() if frozen]
        let = [f"{entry['name']}.spectral.{name}" for name, (_, frozen) in fields.items() if not frozen]
        out += list(model.freeze(*keep).unfreeze(*let) if keep else model.unfreeze(*let))
    return Models(out)


def polished(fit: dict[str, Any]) -> tuple[list[list[Any]], str]:
    """Return best fit and errors of a reference fit at its most accurate, and a note on which they are."""
    if "polished" in fit:
        return fit["polished"]["best"], "reference: tol 1e-3, strategy 2"
    best = [list(row) for row in fit["best"]]
    if "hesse_errors" in fit:
        for row, error in zip(best, fit["hesse_errors"]):
            row[2] = error
        return best, "reference: errors of HESSE"
    return best, "reference: errors of MIGRAD"

"""Which files hold datasets: folders, patterns and index files."""

from __future__ import annotations

import glob
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from gjax.errors import ConfigError, MissingDataError
from gjax.fits import expand_path, open_fits, write_atomic

__all__ = ["INDEX", "find_datasets", "write_index"]

INDEX = "datasets.yaml"
TYPES = ("SpectrumDataset", "SpectrumDatasetOnOff", "FluxPointsDataset", "MapDataset", "MapDatasetOnOff")


def write_index(path: Path, entries: list[dict[str, Any]], *, overwrite: bool = False) -> Path:
    """Write the names, types and files of datasets to a YAML file."""
    text = yaml.safe_dump({"datasets": entries}, sort_keys=False)

    def write(part: Path) -> None:
        part.write_text(text)

    return write_atomic(path, write, overwrite=overwrite)


def find_datasets(path: str | PathLike[str]) -> list[tuple[str, str | None, Path]]:
    """Type, name and file of every dataset that a path stands for."""
    expanded = expand_path(path)
    if expanded.is_dir():
        if (expanded / INDEX).is_file():
            return _read_index(expanded / INDEX)
        return _spectra(sorted(expanded.glob("pha*.fits*")), f"{expanded}: no file pha*.fits in this folder")
    if expanded.suffix in (".yaml", ".yml"):
        return _read_index(expanded)
    if any(sign in expanded.name or sign in str(expanded.parent) for sign in "*?["):
        files = [Path(name) for name in sorted(glob.glob(str(expanded), recursive=True))]
        chosen = _without_responses(files)
        if not chosen:
            raise MissingDataError(f"{expanded}: no dataset (spectrum or maps) fits this pattern")
        return [(_kind(file), None, file) for file in chosen]
    return [(_kind(expanded), None, expanded)]


def _kind(path: Path) -> str:
    """Type of the dataset in a FITS file, from the names of its HDUs."""
    with open_fits(path) as hdus:
        names = {hdu.name for hdu in hdus}
        if "SPECTRUM" in names or not names & {"COUNTS", "COUNTS_OFF", "EXPOSURE", "BACKGROUND"}:
            return "SpectrumDatasetOnOff"
        first = next(name for name in ("COUNTS", "EXPOSURE", "BACKGROUND", "COUNTS_OFF") if name in names)
        if f"{first}_REGION" in names:
            return "SpectrumDataset"
        on_off = bool(names & {"COUNTS_OFF", "ACCEPTANCE", "ACCEPTANCE_OFF"})
    return "MapDatasetOnOff" if on_off else "MapDataset"


def _spectra(files: list[Path], message: str) -> list[tuple[str, str | None, Path]]:
    """The PHA files among files, known by their names."""
    chosen = _without_responses(files)
    if not chosen:
        raise MissingDataError(message)
    return [("SpectrumDatasetOnOff", None, file) for file in chosen]


def _without_responses(files: list[Path]) -> list[Path]:
    return [file for file in files if not file.name.split(".")[0].endswith(("_arf", "_bkg", "_rmf"))]


def _read_index(path: Path) -> list[tuple[str, str | None, Path]]:
    if not path.is_file():
        raise MissingDataError(f"{path}: no such file")
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict) or not isinstance(content.get("datasets"), list):
        raise ConfigError(f"{path}: expected a list under the key 'datasets'")
    found: list[tuple[str, str | None, Path]] = []
    for number, entry in enumerate(content["datasets"]):
        if not isinstance(entry, dict):
            raise ConfigError(f"{path}: dataset {number}: expected the keys name, type and filename, got {entry!r}")
        lacking = {"name", "type", "filename"} - set(entry)
        if lacking:
            raise ConfigError(f"{path}: dataset {number}: missing keys {', '.join(sorted(lacking))}")
        if entry["type"] not in TYPES:
            raise ConfigError(
                f"{path}: dataset {number}: unknown type {entry['type']!r}, expected one of {', '.join(TYPES)}"
            )
        found.append((entry["type"], str(entry["name"]), path.parent / entry["filename"]))
    return found

"""Writes the models of the catalogue fit of fermi_gc_3d: sources of 3FHL over templates of diffuse emission."""

from __future__ import annotations

import sys
from pathlib import Path

import gjax_cubes
from cube_cases import FILES

import gjax
from benchmarks.parity.fermi_gc_3d import catalogue, diffuse_models
from benchmarks.parity.inputs import Inputs
from gjax.models import Models

#: Sources whose amplitudes are free, as in the parity case.
FREE = ["3FHL J1800.5-2343e", "3FHL J1804.7-2144e", "3FHL J1745.6-2900"]


def prepare(folder: Path) -> None:
    """Write ``catalogue.yaml``, which both packages read."""
    inputs = Inputs(gjax_cubes.data(), folder)
    dataset = gjax_cubes.read_files(FILES["fermi_gc_3d"])[0]
    models = Models([*catalogue(inputs, dataset, free=FREE), *diffuse_models(inputs)])
    models.write(folder / "catalogue.yaml")


if __name__ == "__main__":
    gjax.enable_x64()
    prepare(Path(sys.argv[1]))

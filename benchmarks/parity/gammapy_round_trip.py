"""Gammapy's half of the round trip: read what gjax wrote, then write the same again, and say what the statistic is.

Usage: ``python gammapy_round_trip.py FOLDER``. Reads ``gjax-cube.fits``, ``gjax-models.yaml`` and
``gjax/datasets.yaml``; writes ``gammapy-cube.fits``, ``gammapy-models.yaml``, ``gammapy-datasets.yaml`` and
``gammapy.json``.
"""

import json
import sys
from pathlib import Path

from gammapy.datasets import Datasets, MapDataset
from gammapy.modeling.models import Models

folder = Path(sys.argv[1])
dataset = MapDataset.read(folder / "gjax-cube.fits", name="stacked")
dataset.models = Models.read(folder / "gjax-models.yaml")
spectrum = dataset.models[0].spectral_model
answer = {
    "statistic": float(dataset.stat_sum()),
    "counts": float(dataset.counts.data.sum()),
    "background": float(dataset.npred_background().data.sum()),
    "signal": float(dataset.npred_signal().data.sum()),
    "values": {parameter.name: float(parameter.value) for parameter in spectrum.parameters},
    "errors": {parameter.name: float(parameter.error) for parameter in spectrum.parameters},
}
listed = Datasets.read(folder / "gjax" / "datasets.yaml", folder / "gjax-models.yaml")
answer["statistic_of_list"] = float(listed.stat_sum())
dataset.write(folder / "gammapy-cube.fits", overwrite=True)
dataset.models.write(folder / "gammapy-models.yaml", overwrite=True)
Datasets([dataset]).write(folder / "gammapy-datasets.yaml", folder / "gammapy-listed-models.yaml", overwrite=True)
(folder / "gammapy.json").write_text(json.dumps(answer))

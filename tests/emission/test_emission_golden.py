"""Values of naima 0.10 on refined grids, at random parameters and over all photon energies."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import gjax.emission
from gjax.emission import BlackBodyPhotonField, LinePhotonField, TablePhotonField

GOLDEN = json.loads(Path(__file__).with_name("golden_emission.json").read_text())["cases"]
FIELDS = {"blackbody": BlackBodyPhotonField, "line": LinePhotonField, "table": TablePhotonField}


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['model']}-{case['particles'][0]}")
def test_values_are_those_of_naima(case):
    name, numbers = case["particles"]
    options = {k: v for k, v in case.items() if k not in ("model", "particles", "energy", "value", "photon_fields")}
    if "photon_fields" in case:
        options["photon_fields"] = [FIELDS[kind](*rest, name=label) for label, kind, *rest in case["photon_fields"]]
    model = getattr(gjax.emission, case["model"])(getattr(gjax.emission, name)(**numbers), **options)
    expected = np.array(case["value"])
    assert len(expected) >= 5
    found = np.asarray(jax.jit(lambda model, energy: model.evaluate(energy))(model.filled(), np.array(case["energy"])))
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    assert np.median(np.abs(found / expected - 1)) < 2e-3

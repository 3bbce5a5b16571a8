"""Values of Gammapy's spatial models. The deviations that are meant:

- shapes are functions of the chord instead of the angle, so that their norm is exact on the sphere: three parts in 1e4
  at two degrees;
- the norm of a disk counts its soft edge.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import gjax.models

GOLDEN = json.loads(Path(__file__).with_name("golden_spatial.json").read_text())["cases"]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['model']}-{case['parameters']['lat_0']:.1f}")
def test_values_are_those_of_gammapy(case):
    parameters = case["parameters"]
    model = getattr(gjax.models, case["model"])(**parameters, frame=case["frame"])
    size = max(parameters.get(name, 0.0) for name in ("sigma", "r_0", "radius"))
    expected = np.array(case["value"])
    found = model(np.array(case["lon"]), np.array(case["lat"])).value
    tolerance = 5e-5 if size < 1 else 5e-4
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * expected.max())
    assert (found > 0).sum() >= 3

"""Geometries and map operations against Gammapy (golden_geometry.json, written by make_golden_geometry.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
from cases_maps import CASES, pattern, run_operations, weigh

from gjax.maps import MapAxis, WcsGeom, WcsNDMap

GOLDEN = json.loads(Path(__file__).with_name("golden_geometry.json").read_text())
#: Gammapy convolves in float32, has flat triangles where ours are spherical, does not quite conserve counts when it
#: splits pixels, and its version of regions puts single sample points on the other side of a circle.
TOLERANCE = {
    **dict.fromkeys(("convolve", "convolve_planes", "solid_angle", "bin_volume", "interp_counts", "up_True"), 2e-6),
    "weights": 2e-4,
}


@pytest.mark.parametrize("name", CASES)
def test_same_as_gammapy(name):
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
    geom = WcsGeom.create(**CASES[name], axes=[axis])
    found = run_operations(geom, WcsNDMap(geom, data=pattern(geom.data_shape), unit="s"))
    assert set(found) == set(GOLDEN[name])
    for key, expected in GOLDEN[name].items():
        actual = weigh(np.asarray(found[key], dtype=float))
        assert actual == pytest.approx(expected, rel=TOLERANCE.get(key, 1e-8), abs=1e-12), key

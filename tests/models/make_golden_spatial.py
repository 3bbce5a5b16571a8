"""Writes golden_spatial.json: values of Gammapy's spatial models at random parameters and positions.

Run with Gammapy 2.1: ``python tests/models/make_golden_spatial.py``.
"""

import json
from pathlib import Path

import astropy.units as u
import gammapy
import numpy as np
from gammapy.modeling import models

ANGLES = ("lon_0", "lat_0", "sigma", "r_0", "phi", "radius", "width")


def case(rng, name, **shape):
    parameters = {"lon_0": rng.uniform(0, 360), "lat_0": rng.uniform(-80, 80), **shape}
    frame = str(rng.choice(["icrs", "galactic"]))
    quantities = {k: v * u.deg if k in ANGLES else v for k, v in parameters.items()}
    model = getattr(models, name)(frame=frame, **quantities)
    size = max(shape.get("sigma", 0), shape.get("r_0", 0), shape.get("radius", 0) + shape.get("width", 0))
    place = model.position.directional_offset_by(
        rng.uniform(0, 360, 12) * u.deg, rng.uniform(0, 1.6, 12) * size * u.deg
    )
    lon, lat = place.data.lon.deg, place.data.lat.deg
    value = model(lon * u.deg, lat * u.deg).to_value("sr-1")
    return {
        "model": name,
        "frame": frame,
        "parameters": parameters,
        "lon": lon.tolist(),
        "lat": lat.tolist(),
        "value": value.tolist(),
    }


def main():
    rng = np.random.default_rng(1)
    cases = []
    for size in (0.01, 0.3, 2.0):
        angle = rng.uniform(-180, 180)
        cases += [
            case(rng, "GaussianSpatialModel", sigma=size),
            case(rng, "GaussianSpatialModel", sigma=size, e=0.7, phi=angle),
            case(rng, "DiskSpatialModel", r_0=size),
            case(rng, "DiskSpatialModel", r_0=size, e=0.7, phi=angle, edge_width=0.02),
            case(rng, "GeneralizedGaussianSpatialModel", r_0=size, eta=rng.uniform(0.1, 1)),
            case(rng, "GeneralizedGaussianSpatialModel", r_0=size, eta=rng.uniform(0.1, 1), e=0.6, phi=angle),
            case(rng, "ShellSpatialModel", radius=size, width=size * rng.uniform(0.1, 1)),
            case(rng, "Shell2SpatialModel", r_0=size, eta=rng.uniform(0.1, 1)),
        ]
    file = Path(__file__).with_name("golden_spatial.json")
    file.write_text(json.dumps({"gammapy": gammapy.__version__, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()

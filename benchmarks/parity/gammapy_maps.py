"""Gammapy's half of the comparison of maps: excess, TS, profiles and adaptive smoothing of a cube that gjax wrote.

Usage: ``python gammapy_maps.py FOLDER [--quick]``. Reads ``cube.fits``, ``on-off.fits`` and ``gjax-maps.fits``; writes
one ``NAME.npz`` per result with every quantity, and ``gammapy-maps.fits``.
"""

import sys
import warnings
from itertools import pairwise
from pathlib import Path

import astropy.units as u
import numpy as np
from gammapy.datasets import MapDataset, MapDatasetOnOff
from gammapy.estimators import (
    ASmoothMapEstimator,
    ExcessMapEstimator,
    FluxMaps,
    FluxProfileEstimator,
    TSMapEstimator,
)
from gammapy.modeling.models import PointSpatialModel, PowerLawSpectralModel, SkyModel
from regions import CircleAnnulusSkyRegion

warnings.simplefilter("ignore")
folder, quick = Path(sys.argv[1]), "--quick" in sys.argv
EDGES, ALL = [0.5, 2, 50] * u.TeV, [0.5, 50] * u.TeV
cube = MapDataset.read(folder / "cube.fits", name="stacked")
cube.models = None
centre = cube.counts.geom.center_skydir
small = cube.cutout(centre, "1.4 deg")
spectrum = PowerLawSpectralModel(index=2.6, amplitude="3e-11 cm-2 s-1 TeV-1")
model = SkyModel(spectrum, PointSpatialModel(), name="k")


def save(name, maps, **more):
    np.savez(folder / f"{name}.npz", **{key: maps[key].data for key in maps.available_quantities}, **more)


options = {"energy_edges": EDGES, "selection_optional": ["errn-errp", "ul", "sensitivity"]}
save("excess", ExcessMapEstimator("0.1 deg", **options).run(cube))
on_off = MapDatasetOnOff.read(folder / "on-off.fits", name="on-off")
save("excess-on-off", ExcessMapEstimator("0.1 deg", **options).run(on_off))

given = {"kernel_width": "0.6 deg", "energy_edges": ALL, "rtol": 1e-4}
for name, dataset, more in (
    ("ts-all", small, {"selection_optional": ["errn-errp", "ul", "sensitivity"], "sum_over_energy_groups": False}),
    ("ts-summed", small, {"sum_over_energy_groups": True}),
    *([] if quick else [("ts", cube, {"sum_over_energy_groups": False})]),
):
    estimator = TSMapEstimator(model, **given, **more)
    maps = estimator.run(dataset)
    save(name, maps, kernel=estimator.estimate_kernel(dataset).data, significance=maps.sqrt_ts.data)

edges = np.linspace(0.01, 0.61, 7) * u.deg
rings = [CircleAnnulusSkyRegion(centre, low, high) for low, high in pairwise(edges)]
options = {"energy_edges": EDGES, "spectral_model": spectrum, "selection_optional": ["ul", "errn-errp"]}
profile = FluxProfileEstimator(rings, **options).run(small)
names = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "counts", "npred")
np.savez(folder / "profile.npz", **{name: np.squeeze(getattr(profile, name).data) for name in names})

scales = [0.04, 0.06, 0.1, 0.15] * u.deg
smooth = ASmoothMapEstimator(scales=scales, threshold=4, energy_edges=ALL).run(small)
np.savez(folder / "smooth.npz", **{name: value.data for name, value in smooth.items()})

maps = FluxMaps.read(folder / "gjax-maps.fits")
np.savez(folder / "read.npz", norm=maps.norm.data, flux=maps.flux.data, sqrt_ts=maps.sqrt_ts.data)
maps.write(folder / "gammapy-maps.fits", overwrite=True, sed_type="dnde")

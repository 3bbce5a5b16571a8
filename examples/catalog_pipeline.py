"""A catalog of one's own: sources of a simulated field are detected, fitted together, and listed.

A map of the test statistic shows where sources are; its peaks become models; a map with these as background shows
what is left, until nothing is. Then positions and spectra of all are fitted together with the background.

Run with:  python examples/catalog_pipeline.py [FOLDER FOR PLOTS]
"""

import sys
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

import gjax
from gjax.datasets import MapDataset
from gjax.estimators import TSMapEstimator, find_peaks_in_flux_map, models_from_table, source_table
from gjax.irf import EDispKernelMap, PSFMap
from gjax.maps import MapAxis, WcsGeom
from gjax.models import FoVBackgroundModel, Models, PointSpatialModel, PowerLawSpectralModel, SkyModel
from gjax.plot import new_figure

gjax.enable_x64()
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()

# A field of 2 degrees with four point sources, of which one is weak and close to a bright one.
energy = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4)
true = MapAxis.from_energy_bounds("0.3 TeV", "40 TeV", nbin=8, name="energy_true")
geom = WcsGeom.create(skydir=(266.4, -29.0), binsz=0.03, width=2.1, proj="TAN", axes=[energy])
empty = MapDataset.create(geom, energy_axis_true=true, name="field")
image = empty.psf.psf_map.geom.to_image()
field = empty.copy(
    exposure=empty.exposure + 4e9,
    background=empty.counts + np.array([0.3, 0.1, 0.03, 0.01]).reshape(4, 1, 1),
    psf=PSFMap.from_gauss(true, sigma="0.05 deg", geom=image),
    edisp=EDispKernelMap.from_gauss(energy, true, sigma=0.12, bias=0.0, geom=image),
    mask_safe=np.ones(empty.data_shape, dtype=bool),
)
truth = [
    (266.4, -29.0, 2.2, 1.6e-12),
    (266.75, -28.7, 2.6, 9e-13),
    (266.46, -29.2, 2.0, 5e-13),
    (265.8, -29.6, 2.4, 7e-13),
]
simulated = [
    SkyModel(
        PowerLawSpectralModel(index=index, amplitude=amplitude * u.Unit("cm-2 s-1 TeV-1")),
        PointSpatialModel(f"{lon} deg", f"{lat} deg"),
        name=f"true-{k}",
    )
    for k, (lon, lat, index, amplitude) in enumerate(truth)
]
expected = gjax.Likelihood(field, simulated).npred()["field"]
field = field.copy(counts=expected.copy(data=np.random.default_rng(11).poisson(expected.data).astype(float)))

# Detect until no peak above 5 sigma is left: what is found counts as background of the next map. Then fit all together.
spectrum = PowerLawSpectralModel(index=2.3, amplitude="1e-12 cm-2 s-1 TeV-1")
estimator = TSMapEstimator(SkyModel(spectrum, PointSpatialModel(), name="test"), kernel_width="0.4 deg")
found, first = Models([]), None
for step in range(4):
    maps = estimator.run(field, found if len(found) else None)
    first = maps if first is None else first
    peaks = find_peaks_in_flux_map(maps, threshold=5, min_distance="0.15 deg")
    if not len(peaks):
        break
    print(f"step {step}: {len(peaks)} peaks, the highest of {peaks['sqrt_ts'][0]:.1f} sigma")
    found = Models([*found, *models_from_table(peaks, spectrum, first=len(found))])
result = gjax.Likelihood(field, [*found, FoVBackgroundModel("field")]).fit()
print(result.message)
maps = estimator.run(field, result.models)

# The catalog, brightest first, and how far its sources are from the true ones.
catalog = source_table(result, energy_min="0.5 TeV", energy_max="20 TeV")
catalog.sort("ts", reverse=True)
there = SkyCoord(catalog["ra"], catalog["dec"])
true_sky = SkyCoord([one[:2] for one in truth], unit="deg")
nearest, distance, _ = there.match_to_catalog_sky(true_sky)
catalog["offset"] = distance.to("arcmin")
catalog["amplitude_true"] = np.array([truth[k][3] for k in nearest]) * u.Unit("cm-2 s-1 TeV-1")
catalog[
    "name", "ra", "dec", "index", "index_err", "amplitude", "amplitude_err", "amplitude_true", "offset", "ts"
].pprint()
catalog.write(folder / "catalog.ecsv", overwrite=True)
result.models.write(folder / "catalog.yaml", overwrite=True)

# What was there, and what is left.
figure = new_figure(width=11, height=4.6)
for number, (title, shown) in enumerate({"before": first, "after": maps}.items()):
    ax = figure.add_subplot(1, 2, number + 1, projection=geom.to_image().wcs)
    shown["sqrt_ts"].slice_by_idx({"energy": 0}).plot(ax=ax, vmin=-4, vmax=12, label="Significance")
    ax.scatter(there.ra, there.dec, transform=ax.get_transform("icrs"), marker="o", s=130, fc="none", ec="w")
    ax.scatter(true_sky.ra, true_sky.dec, transform=ax.get_transform("icrs"), marker="+", s=50, c="c")
    ax.set_title(f"{title}: circles fitted, crosses true")
figure.savefig(folder / "catalog_pipeline.png", dpi=110)

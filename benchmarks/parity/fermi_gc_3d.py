"""Fermi-LAT at the Galactic centre above 10 GeV: a cube made elsewhere, read and fitted beside Gammapy 2.1.

The reference fits the field with a point source over the background of the file, and over templates. This case has the
first of these.
"""

from __future__ import annotations

from astropy.coordinates import SkyCoord

import gjax
from benchmarks.parity.cubes import compare_cube, compare_cube_fit, compare_start, cube_models
from benchmarks.parity.inputs import Inputs
from benchmarks.parity.report import Report
from gjax.datasets import MapDataset

CENTRE = SkyCoord(0.0, 0.0, unit="deg", frame="galactic")


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; ``quick`` compares the dataset and the prediction at the start."""
    reference = inputs.json("fermi_gc_3d.json")
    dataset = MapDataset.read(inputs.file("fermi-3fhl-gc/fermi-3fhl-gc.fits.gz"), name="fermi")
    compare_cube(report, dataset, reference["dataset"], CENTRE)
    fit = reference["fits"]["A_point+FoVnorm"]
    likelihood = gjax.Likelihood(dataset, cube_models(fit["start_models"]))
    compare_start(report, "point start", likelihood, fit["at_start"], dataset)
    if not quick:
        compare_cube_fit(report, "point", dataset, fit)

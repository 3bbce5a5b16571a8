"""Sensitivity of CTA (Prod5, south, 50 hours) in on regions that hold 68 % of a point source, beside Gammapy 2.1."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from benchmarks.parity.inputs import Inputs
from benchmarks.parity.report import Report
from gjax.data import Observation
from gjax.datasets import SpectrumDataset, SpectrumDatasetOnOff
from gjax.estimators import SensitivityEstimator
from gjax.irf import load_irf_dict_from_file
from gjax.makers import SpectrumDatasetMaker
from gjax.maps import MapAxis, RegionGeom
from gjax.models import PowerLawSpectralModel

IRFS = "cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"
CONTAINMENT = 0.68


def on_off(inputs: Inputs) -> tuple[SpectrumDatasetOnOff, np.ndarray, np.ndarray, np.ndarray]:
    """Return the dataset, radii of the on regions [deg], the background of the region, and its factor to these."""
    irfs = load_irf_dict_from_file(inputs.file(IRFS))
    energy = MapAxis.from_energy_bounds("0.03 TeV", "30 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.01 TeV", "100 TeV", nbin=100, name="energy_true")
    pointing = SkyCoord(0, 0, unit="deg")
    position = pointing.directional_offset_by(0 * u.deg, 0.5 * u.deg)
    radius = 0.1 * u.deg
    geom = RegionGeom.create(CircleSkyRegion(position, radius), axes=[energy])
    observation = Observation.create(pointing=pointing, livetime="50 h", irfs=irfs)
    empty = SpectrumDataset.create(geom, energy_axis_true=true, name="cta")
    maker = SpectrumDatasetMaker(selection=["exposure", "edisp", "background"])
    dataset = maker.run(empty, observation)
    radii = irfs["psf"].containment_radius(CONTAINMENT, energy_true=energy.center, offset=0.5 * u.deg).to("deg")
    radii = np.ravel(radii)
    factor = ((1 - np.cos(radii)) / (1 - np.cos(radius))).value
    before = dataset.background.data.ravel().copy()
    shape = (-1, 1, 1)
    corrected = dataset.copy(
        background=dataset.background.copy(data=dataset.background.data * factor.reshape(shape)),
        exposure=dataset.exposure * CONTAINMENT,
    )
    made = SpectrumDatasetOnOff.from_spectrum_dataset(corrected, acceptance=1, acceptance_off=5)
    return made, radii.value, before, factor


def run(inputs: Inputs, report: Report, *, quick: bool = False) -> None:
    """Run the case; it is quick in any case."""
    reference = inputs.json("simulate_cta.json")
    dataset, radii, before, factor = on_off(inputs)
    given = reference["sens_inputs"]
    report.absolute(
        "radius of the on regions", radii, given["on_radii_deg"], 5e-4, "the reference has a table of radii"
    )
    report.relative("background of the region", before, given["background_before"], 1e-3)
    report.relative("background factor of the on regions", factor, given["factor"], 0.02)
    spectrum = PowerLawSpectralModel(index=2.0, amplitude="1 cm-2 s-1 TeV-1")
    for key, data in (("", dataset), ("their on regions: ", _with_factor(dataset, factor, given["factor"]))):
        table = SensitivityEstimator(spectrum, gamma_min=10, n_sigma=5, bkg_syst_fraction=0.05).run(data)
        theirs = reference["sensitivity"]
        allowed = 2e-3 if key else 0.02
        report.relative(f"{key}excess", table["excess"].value, theirs["excess"], allowed)
        report.relative(f"{key}background", table["background"].value, theirs["background"], allowed)
        report.relative(f"{key}e2dnde", table["e2dnde"].to_value("erg cm-2 s-1"), theirs["e2dnde"], allowed)
        same = np.array(table["criterion"]) == np.array(theirs["criterion"])
        report.truth(f"{key}criterion", bool(same.all()), ", ".join(sorted(set(table["criterion"]))))


def _with_factor(dataset: SpectrumDatasetOnOff, ours: np.ndarray, theirs: list[float]) -> SpectrumDatasetOnOff:
    """Return the dataset with the on regions of the reference."""
    scale = (np.array(theirs) / ours).reshape(-1, 1, 1)
    return dataset.copy(counts_off=dataset.counts_off.copy(data=dataset.counts_off.data * scale))
